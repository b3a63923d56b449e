"""Every notebook in JupyterLab at 1280 × 720, after Run All: its figure is on the first screen."""

import shutil

import pytest

from tests.test_notebooks import NOTEBOOKS

pytestmark = pytest.mark.browser

FIGURE = """() => {
  const panel = document.querySelector('.jp-WindowedPanel-outer');
  panel.scrollTop = 0;
  const seen = panel.getBoundingClientRect();
  const { content } = jupyterapp.shell.currentWidget;
  const output = content.widgets[2].outputArea.node.getBoundingClientRect();
  return {
    above: (output.top - seen.top) / seen.height,
    share: (Math.min(output.bottom, seen.bottom) - output.top) / output.height,
    sliders: [...content.widgets[2].node.querySelectorAll('.noUi-handle')]
      .map((handle) => handle.getBoundingClientRect().bottom <= seen.bottom),
    editors: [...content.node.querySelectorAll('.jp-CodeCell')].slice(0, 1)
      .map((cell) => cell.querySelector('.cm-editor')?.offsetHeight ?? 0),
  };
}"""
RUN_FIRST = """async () => {
  const { content } = jupyterapp.shell.currentWidget;
  content.activeCellIndex = 3;
  void jupyterapp.commands.execute('notebook:run-all-above');
}"""
DONE = """() => jupyterapp.shell.currentWidget.content.widgets.slice(1, 3)
  .every(({ model }) => model.executionCount !== null && model.executionState === 'idle')"""


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_figure_is_on_the_first_screen(lab, path):
    shutil.copy(path, lab.folder)
    data = lab.folder.parent / "data"  # "../data" of the notebook
    shutil.copytree(path.parents[1] / "data", data, dirs_exist_ok=True)
    notebook = lab.open(path.name, warm=True, width=1280, height=720)
    # what stands above the figure alone; a whole run changes nothing there, and takes minutes
    notebook.page.evaluate(RUN_FIRST)
    notebook.page.wait_for_function(DONE, timeout=120_000)
    figure = notebook.page.locator(".jp-OutputArea-output :is(svg, img, canvas, iframe)").first
    figure.wait_for(timeout=60_000)
    found = notebook.page.evaluate(FIGURE)
    assert found["above"] < 0.45
    assert found["share"] > 0.5
    assert all(found["sliders"])
    assert found["editors"] == [0], "imports are folded"
    assert notebook.errors == []
