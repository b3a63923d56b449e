"""What readers find who come back: a live figure, or a word on what to do, never neither."""

import nbformat
import pytest
from nbclient import NotebookClient
from nbconvert import HTMLExporter

from devtools.lab import Watch
from tests.browser.figure import Figure, wait_until
from tests.browser.test_race import SETUP

pytestmark = pytest.mark.browser

CELLS = (
    "from emdviz.explorers import PredictionExplorer\nexplorer = PredictionExplorer()\nexplorer",
    "PredictionExplorer().panel()",
)

IN_OUTPUTS = (
    "from ipywidgets import Output\n"
    "one, other = Output(), Output()\n"
    "one.append_display_data(PredictionExplorer())\n"
    "with other:\n"
    "    display(PredictionExplorer())\n"
    "display(one, other)"
)


def test_a_figure_says_that_its_kernel_was_restarted(open_cells):
    notebook = open_cells(*CELLS, width=1400, height=1600)
    figure = Figure(notebook.page)
    notices = notebook.page.get_by_role("alert").filter(has_text="run the cell again")
    assert notices.count() == 0
    notebook.page.evaluate("void jupyterapp.commands.execute('notebook:restart-kernel')")
    notebook.page.locator(".jp-Dialog button.jp-mod-accept").click()
    wait_until(lambda: notices.count() == 2)
    figure.press("A", 0, "ArrowUp")
    assert figure.bars("A")[0] == pytest.approx(0.41)
    notebook.wait_until_ready()
    notebook.run_all()
    wait_until(lambda: notices.count() == 0)
    notebook.command("notebook:shutdown-kernel")
    wait_until(lambda: notices.count() == 2)
    assert notebook.errors == []


def test_a_reopened_notebook_says_what_to_do(lab, open_cells):
    notebook = open_cells(*CELLS, IN_OUTPUTS)
    Figure(notebook.page, 3)
    assert notebook.page.locator(".widget-output .emdviz-explorer").count() == 2
    assert hints(notebook.page).count() == 0
    notebook.command("docmanager:save")
    path = max(lab.folder.glob("made-*.ipynb"), key=lambda file: file.stat().st_mtime)
    mine = lab.open(path.name)
    wait_until(lambda: hints(mine.page).count() == 3)

    saved = nbformat.read(path, as_version=4)
    for cell in saved.cells:
        cell.outputs[0].data["text/plain"] += " "  # as if another program had written it
    nbformat.write(saved, path)
    not_mine = lab.open(path.name, warm=True)
    wait_until(lambda: hints(not_mine.page).count() == 3)
    not_mine.run_all()
    Figure(not_mine.page, 3)
    wait_until(lambda: hints(not_mine.page).count() == 0)


SHOWN = (
    *CELLS,
    "from emdviz.explorers import flip_book\nfrom matplotlib.figure import Figure\n"
    "flip_book([Figure(), Figure()], ['the first', 'the second'])",
)


@pytest.fixture(scope="module")
def run_cells():
    """A notebook that was run, with the state of its widgets."""
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in SHOWN])
    return NotebookClient(made, kernel_name="python3", timeout=120).execute()


@pytest.mark.parametrize("state", [True, False], ids=["with state", "without state"])
def test_an_exported_page_is_live_without_kernel_and_network(browser, tmp_path, run_cells, state):
    made = nbformat.from_dict(run_cells)
    assert made.metadata.widgets
    if not state:
        made.metadata = {k: v for k, v in made.metadata.items() if k != "widgets"}
    path = tmp_path / "page.html"
    path.write_text(HTMLExporter().from_notebook_node(made)[0], encoding="utf-8")
    context = browser.new_context(offline=True, viewport={"width": 1400, "height": 1600})
    watch, page = Watch(context), context.new_page()
    page.goto(path.as_uri(), wait_until="domcontentloaded")
    for index in (0, 1):
        figure = Figure(page, index)
        figure.press("A", 0, "ArrowUp")
        assert figure.bars("A")[0] == pytest.approx(0.41)
    slider = page.get_by_role("slider", name="epoch")
    page.get_by_role("img", name="the first").wait_for()
    slider.press("ArrowRight")
    page.get_by_role("img", name="the second").wait_for()
    page.wait_for_timeout(3500)  # what is said of a figure that is not there comes after three
    assert page.locator(".emdviz-explorer").count() == 3
    assert hints(page).count() == 0
    assert page.locator(".jp-OutputArea pre").count() == 0, "no figure is shown as its text"
    assert [error for error in watch.errors if "net::ERR" not in error] == []
    context.close()


def test_training_goes_on_while_its_tab_is_closed(lab, open_cells):
    notebook = open_cells(SETUP, "race")
    notebook.page.locator(".emdviz-explorer").get_by_role("button", name="Start").click()
    wait_until(lambda: notebook.python("len(race.epochs['EMD2'])") >= 1, seconds=60)
    notebook.command("docmanager:save")
    path = max(lab.folder.glob("made-*.ipynb"), key=lambda file: file.stat().st_mtime)
    done = notebook.python("len(race.epochs['EMD2'])")
    back = lab.open(path.name, again=True)
    root = back.page.locator(".emdviz-explorer")
    root.wait_for()
    assert back.python("race.state") == "training"
    wait_until(lambda: back.python("len(race.epochs['EMD2'])") > done, seconds=60)
    left = root.locator(".emdviz-of-EMD2 .emdviz-range")
    shown = left.inner_text()
    assert "left" in shown
    wait_until(lambda: left.inner_text() != shown)
    root.get_by_role("button", name="Stop").click()
    root.get_by_role("button", name="Resume").wait_for()
    assert back.python("race.state") == "stopped"
    assert (back.errors, back.foreign_requests) == ([], [])


def hints(page):
    return page.get_by_text("To see this figure again, run the cell again").locator("visible=true")
