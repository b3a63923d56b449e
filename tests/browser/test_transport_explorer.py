"""The transport explorer in a real JupyterLab: mouse, keys, controls, numbers against Python."""

import numpy as np
import pytest

from tests.browser.figure import agrees, busy_kernel, wait_until
from tests.browser.transport_figure import TransportFigure

pytestmark = pytest.mark.browser

CELLS = (
    "from emdviz.explorers import TransportExplorer\n"
    "explorer = TransportExplorer()\n"
    "explorer.panel()",
    "other = TransportExplorer([0.2, 0.3, 0.5], [0.0, 1.0, 0.0], matrix=True)\nother",
    "start = explorer.trait_values()\n"
    "def reset():\n"
    "    for name in ('pinned_p', 'pinned_t', 'mass_p', 'mass_t', 'order', 'matrix', 'p', 't'):\n"
    "        explorer.set_trait(name, start[name])",
)


@pytest.fixture(scope="module")
def notebook(open_cells):
    return open_cells(*CELLS, width=1400, height=1600)


@pytest.fixture
def figure(notebook):
    figure = TransportFigure(notebook.page)
    # what an earlier test did must have reached the kernel, or it would arrive after the reset
    wait_until(lambda: figure.numbers()["exact"] != "…")
    notebook.python("reset()")
    expected = notebook.python("[explorer.p, explorer.t]")
    wait_until(lambda: shows(figure, "p", expected[0]) and shows(figure, "t", expected[1]))
    wait_until(
        lambda: figure.numbers() == {"plan": "1.500", "exact": "1.500", "closed_form": "1.500"}
    )
    return figure


def shows(figure, side, masses):
    return figure.bars(side) == pytest.approx(masses, abs=1e-4)


def agree_with_python(notebook, figure):
    """Wait until POT's number has come, and compare all three with Python's."""
    wait_until(lambda: figure.numbers()["exact"] != "…")
    numbers, costs = figure.numbers(), notebook.python("explorer.costs")
    if costs["closed_form"] is None:
        assert numbers.pop("closed_form") == "–"
    assert agrees(numbers, costs), (numbers, costs)
    return costs


def test_a_drag_moves_a_bar_of_p_up_and_one_of_t_down(notebook, figure):
    figure.drag("p", 3, 0.4)
    assert figure.bars("p")[3] == pytest.approx(0.41, abs=0.02)
    assert sum(figure.bars("p")) == pytest.approx(1, abs=1e-3)
    figure.drag("t", 6, -0.5)
    assert figure.bars("t")[6] == pytest.approx(0.5, abs=0.02)
    wait_until(lambda: shows(figure, "t", notebook.python("explorer.t")))
    agree_with_python(notebook, figure)


@pytest.mark.parametrize(
    ("key", "value"),
    [("ArrowUp", 0.41), ("ArrowLeft", 0.39), ("PageUp", 0.5), ("Home", 0.0), ("End", 1.0)],
)
def test_keys_on_a_bar(notebook, figure, key, value):
    figure.press("t", 4, key)
    assert figure.bars("t")[4] == pytest.approx(value)
    assert figure.bar("t", 4).get_attribute("aria-label") == "Target t, class 25-32"
    agree_with_python(notebook, figure)


def test_a_class_takes_all_of_the_target_by_click_and_by_key(notebook, figure):
    figure.root.locator("g.emdviz-t .emdviz-class").nth(2).click()
    wait_until(lambda: notebook.python("explorer.t") == [0, 0, 1, 0, 0, 0, 0, 0])
    figure.press("p", 7, "t")
    wait_until(lambda: notebook.python("explorer.t")[7] == 1)
    costs = agree_with_python(notebook, figure)
    ways = notebook.python("[(7 - i) * x for i, x in enumerate(explorer.p)]")
    assert costs["exact"] == pytest.approx(sum(ways))


def test_a_pinned_class_stays(notebook, figure):
    figure.bar("p", 6).dblclick()
    wait_until(lambda: notebook.python("explorer.pinned_p") == [6])
    kept = figure.bars("p")[6]
    figure.press("p", 0, "End")
    assert figure.bars("p")[6] == kept
    assert figure.bars("p")[0] == pytest.approx(1 - kept, abs=1e-4)


def test_with_order_two_the_numbers_part_and_it_says_why(notebook, figure):
    assert "so the numbers agree" in figure.root.inner_text()
    emd = agree_with_python(notebook, figure)["exact"]
    figure.root.get_by_label("l = 2").check()
    wait_until(lambda: notebook.python("explorer.order") == 2)
    costs = agree_with_python(notebook, figure)
    assert costs["exact"] > costs["closed_form"]
    assert costs["plan"] == pytest.approx(costs["exact"])
    said = figure.root.inner_text()
    assert "half the squared energy distance, not a transport cost" in said
    assert emd**2 / 7 <= costs["closed_form"] <= emd
    assert f"here {emd**2 / 7:.3f} and {emd:.3f}" in said


def test_unequal_masses_show_eq_1(notebook, figure):
    slider = figure.root.get_by_label("Mass of t")
    slider.focus()
    for _ in range(40):
        notebook.page.keyboard.press("ArrowLeft")
    wait_until(lambda: notebook.python("explorer.mass_t") == 0.6)
    costs = agree_with_python(notebook, figure)
    assert costs["closed_form"] is None
    assert sum(figure.bars("t")) == pytest.approx(0.6, abs=1e-3)
    assert "Eq. (1)" in figure.root.inner_text()
    assert "moves 0.60" in figure.root.inner_text()
    figure.press("t", 4, "End")
    assert figure.bars("t")[4] == pytest.approx(0.6, abs=1e-3)
    agree_with_python(notebook, figure)
    assert "the closed form is undefined" in figure.root.get_attribute("aria-label")


def test_examples(notebook, figure):
    menu = figure.root.locator(".emdviz-preset")
    for name, plan in {"equal": 0.0, "one class further": 1.0, "split both ways": 3.0}.items():
        menu.select_option(name)
        figure.rest()
        assert float(figure.numbers()["plan"]) == plan
        agree_with_python(notebook, figure)
    menu.select_option("unequal masses")
    wait_until(lambda: notebook.python("explorer.mass_t") == 0.5)
    agree_with_python(notebook, figure)


def test_the_plan_is_shown_as_a_matrix_too(notebook, figure):
    before = notebook.page.viewport_size
    notebook.page.set_viewport_size({"width": 1900, "height": 1600})  # so that cells hold numbers
    figure.ribbon(1).focus()
    label = figure.note().partition(":")[0]
    cells = figure.root.locator(".emdviz-cell:not([visibility=hidden])")
    figure.root.get_by_label("Matrix", exact=True).check()
    wait_until(lambda: notebook.python("explorer.matrix"))
    assert cells.nth(1).is_visible()
    plan = np.array(notebook.python("explorer.plan.tolist()"))
    assert cells.count() == np.count_nonzero(plan > 1e-12)
    masses = [float(text) for text in cells.locator("text").all_text_contents()]
    assert masses == pytest.approx(plan[plan > 1e-12].tolist(), abs=0.0051)
    cells.nth(1).focus()
    assert cells.nth(1).get_attribute("aria-label") == label
    assert figure.slice(np.arange(8)) is not None
    notebook.python("explorer.set_trait('matrix', False)")
    wait_until(lambda: cells.nth(1).is_hidden())
    notebook.page.set_viewport_size(before)


def test_an_ipywidgets_slider_moves_a_bar(notebook, figure):
    sliders = notebook.page.locator(".jp-OutputArea .noUi-handle")
    sliders.nth(0).focus()
    notebook.page.keyboard.press("ArrowRight")
    wait_until(lambda: notebook.python("explorer.order") == 2)
    sliders.nth(3).focus()
    for _ in range(3):
        notebook.page.keyboard.press("ArrowRight")
    wait_until(lambda: abs(figure.bars("p")[0] - 0.06) < 1e-9)
    agree_with_python(notebook, figure)


def test_it_is_live_while_a_cell_runs(notebook, figure):
    with busy_kernel(notebook, 2):
        figure.press("t", 4, *["ArrowUp"] * 5)
        assert figure.bars("t")[4] == pytest.approx(0.45)
        numbers = figure.numbers()
        # some kernels answer even now, on a thread of their own
        assert numbers["exact"] in ("…", numbers["plan"])
        assert numbers["plan"] == numbers["closed_form"] != "1.500"
        figure.ribbon(0).focus()
        assert figure.slice(np.arange(8)) is not None
    wait_until(lambda: notebook.python("explorer.t[4]") == pytest.approx(0.45))
    agree_with_python(notebook, figure)
    assert figure.numbers()["exact"] == numbers["plan"]


def test_setting_from_python_moves_everything(notebook, figure):
    notebook.python("explorer.set_trait('p', [0.125] * 8)")
    notebook.python("explorer.set_trait('mass_p', 0.5)")
    wait_until(lambda: figure.bars("p") == [0.0625] * 8)
    agree_with_python(notebook, figure)


def test_two_explorers_do_not_disturb_each_other(notebook, figure):
    second = TransportFigure(notebook.page, 1)
    before = second.numbers()
    figure.press("p", 0, "PageUp")
    second.ways().nth(0).focus()
    assert figure.slice(np.arange(8)) is None
    assert second.slice(np.arange(3)) is not None
    assert second.numbers() == before
    ids = notebook.page.evaluate(
        "[...document.querySelectorAll('.emdviz-explorer [id]')].map((node) => node.id)"
    )
    assert len(ids) == len(set(ids))


def test_it_says_in_words_what_it_shows(notebook, figure):
    wait_until(lambda: "exact cost is 1.500" in figure.root.get_attribute("aria-label"))
    spoken = figure.root.get_attribute("aria-label")
    assert "Transport of 1.00 from prediction p to target t over 8 ordered classes" in spoken
    assert "the closed form is 1.500" in spoken
    assert "The costliest way: 0.26 from 4-6 to 15-20, costs 0.518 class steps" in spoken


def test_nothing_complained_and_nothing_left_this_machine(notebook):
    assert notebook.errors == []
    assert notebook.foreign_requests == []
