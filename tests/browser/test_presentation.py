"""JupyterLab's presentation mode: collapsed code leaves nothing behind."""

import pytest

pytestmark = pytest.mark.browser

HEIGHTS = """() => jupyterapp.shell.currentWidget.content.widgets.map((cell) => [
  cell.node.querySelector('.jp-InputPlaceholder')?.offsetHeight ?? null,
  cell.node.offsetHeight,
])"""


def test_collapsed_code_leaves_no_stub(open_cells):
    notebook = open_cells("from emdviz.plots import style\nstyle.use()", "x = 1", "print(x)")
    notebook.command("notebook:hide-all-cell-code")
    stubs = notebook.page.evaluate(HEIGHTS)
    assert min(stub for stub, _ in stubs) > 0, "outside of the mode they can be clicked"
    notebook.command("application:toggle-presentation-mode")
    (style, nothing, shown) = notebook.page.evaluate(HEIGHTS)
    assert style == nothing == [0, 0]
    assert shown[0] == 0
    assert shown[1] > 0
    notebook.command("application:toggle-presentation-mode")
    assert notebook.page.evaluate(HEIGHTS) == stubs
