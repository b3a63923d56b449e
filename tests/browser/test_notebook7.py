"""The explorers in Notebook 7, whose keyboard shortcuts come before those of a figure."""

import pytest

from tests.browser.figure import Figure, agrees, wait_until

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def notebook(open_cells):
    cells = (
        "from emdviz.explorers import PredictionExplorer\n"
        "explorer = PredictionExplorer()\n"
        "explorer.panel()"
    )
    return open_cells(cells, app="notebook", width=1400, height=1400)


def test_keys_and_mouse_move_bars_and_python_follows(notebook):
    figure = Figure(notebook.page)
    figure.press("A", 0, "ArrowUp", "PageUp")
    assert figure.bars("A")[0] == pytest.approx(0.51)
    figure.drag("A", 0, 0.2)
    assert figure.bars("A")[0] == pytest.approx(0.71, abs=0.02)
    wait_until(lambda: notebook.python("explorer.p") == pytest.approx(figure.bars("A"), abs=1e-4))
    assert agrees(figure.numbers("A"), notebook.python("explorer.losses['A']"))


def test_keys_work_in_menus(notebook):
    figure = Figure(notebook.page)
    figure.root.get_by_label("True class").focus()
    notebook.page.keyboard.press("ArrowDown")
    wait_until(lambda: notebook.python("explorer.target") == 1)


def test_an_ipywidgets_slider_moves_bars(notebook):
    # by mouse: Notebook 7 keeps the arrow keys from sliders that are not ours
    figure = Figure(notebook.page)
    before = figure.bars("A")[0]
    handle = notebook.page.locator(".jp-OutputArea .noUi-handle").nth(1)
    handle.scroll_into_view_if_needed()
    box = handle.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    notebook.page.mouse.move(x, y)
    notebook.page.mouse.down()
    notebook.page.mouse.move(x - 40, y, steps=4)
    notebook.page.mouse.up()
    wait_until(lambda: figure.bars("A")[0] < before - 0.02)


def test_nothing_complained_and_nothing_left_this_machine(notebook):
    assert (notebook.errors, notebook.foreign_requests) == ([], [])
