"""The propriety explorer in a real JupyterLab: mouse, keys, presets, numbers against Python."""

import numpy as np
import pytest

from tests.browser.figure import busy_kernel, wait_until
from tests.browser.propriety_figure import LOSSES, Propriety, close

pytestmark = pytest.mark.browser

CELLS = (
    "from emdviz.explorers import ProprietyExplorer\n"
    "explorer = ProprietyExplorer([0.2, 0.5, 0.3], classes=['young', 'middle', 'old'])\n"
    "explorer.panel()",
    "other = ProprietyExplorer()\nother",
    "start = explorer.trait_values()\n"
    "def reset():\n"
    "    for name in ('pinned_t', 'pinned_p', 't', 'p', 'show_p'):\n"
    "        explorer.set_trait(name, start[name])",
)


@pytest.fixture(scope="module")
def notebook(open_cells):
    return open_cells(*CELLS, width=1400, height=1400)


@pytest.fixture
def figure(notebook):
    figure = Propriety(notebook.page)
    wait_until(lambda: notebook.python("explorer.t") == pytest.approx(figure.bars("t"), abs=1e-4))
    notebook.python("reset()")
    wait_until(lambda: figure.bars("t") == [0.2, 0.5, 0.3])
    wait_until(lambda: not figure.bar("a", 0).is_visible())
    return figure


def test_a_drag_moves_the_truth_and_every_answer(notebook, figure):
    assert figure.verdict("EMD") == "collapses onto the median, middle"
    figure.drag("t", 0, 0.5)
    bars = figure.bars("t")
    assert bars[0] == pytest.approx(0.7, abs=0.01)
    assert bars[1] / bars[2] == pytest.approx(5 / 3, abs=1e-2)
    assert figure.verdict("EMD") == "collapses onto the median, young"
    wait_until(lambda: notebook.python("explorer.t") == pytest.approx(bars, abs=1e-4))
    assert figure.agrees(notebook.python("explorer.expected_losses"))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("ArrowUp", 0.51),
        ("ArrowLeft", 0.49),
        ("PageUp", 0.6),
        ("PageDown", 0.4),
        ("Home", 0.0),
        ("End", 1.0),
    ],
)
def test_keys_on_a_bar(notebook, figure, key, value):
    figure.press("t", 1, key)
    assert figure.bars("t")[1] == pytest.approx(value)
    wait_until(lambda: notebook.python("explorer.t[1]") == pytest.approx(value))
    assert figure.agrees(notebook.python("explorer.expected_losses"))


def test_an_ipywidgets_slider_moves_the_truth(notebook, figure):
    notebook.page.locator(".jp-OutputArea .noUi-handle").nth(0).focus()
    notebook.page.keyboard.press("ArrowRight")
    wait_until(lambda: figure.bars("t")[0] == pytest.approx(0.21))
    wait_until(lambda: notebook.python("explorer.t[0]") == pytest.approx(0.21))


def test_presets(notebook, figure):
    menu = figure.root.locator(".emdviz-t .emdviz-preset")
    for name, check in {
        "uniform": lambda t: t == pytest.approx([1 / 3] * 3, abs=1e-4),
        "certain": lambda t: t == [0, 1, 0],
        "bimodal": lambda t: t[0] == t[2] > t[1],
        "skewed": lambda t: t[0] > t[1] > t[2],
        "unsure between neighbours": lambda t: t[1] > t[2] > t[0],
    }.items():
        menu.select_option(name)
        figure.rest()
        assert check(figure.bars("t")), (name, figure.bars("t"))
        wait_until(lambda: figure.agrees(notebook.python("explorer.expected_losses")))


def test_a_prediction_of_ones_own_is_compared_with_the_best(notebook, figure):
    assert len(figure.costs("EMD")) == 2
    figure.root.get_by_label("Try a prediction of your own").check()
    wait_until(lambda: notebook.python("explorer.show_p"))
    menu = figure.root.locator(".emdviz-a .emdviz-preset")
    menu.select_option("certain of the median")
    figure.rest()
    assert figure.bars("a") == [0, 1, 0]
    regrets = figure.root.locator("[data-regret=yours]")
    assert regrets.all_inner_texts() == ["+∞", "+0.010", "= best", "+0.130"]
    menu.select_option("t, the honest one")
    figure.rest()
    assert regrets.all_inner_texts() == ["= best", "= best", "+0.240", "= best"]
    figure.press("a", 0, "PageUp")
    wait_until(lambda: notebook.python("explorer.p[0]") == pytest.approx(0.3))
    assert figure.agrees(notebook.python("explorer.expected_losses"))
    assert "yours costs" in figure.root.get_attribute("aria-label")


def test_setting_from_python_shows_ones_own_prediction(notebook, figure):
    notebook.python("explorer.set_trait('p', [0.6, 0.3, 0.1])")
    wait_until(lambda: figure.bar("a", 0).is_visible())
    assert figure.bars("a") == [0.6, 0.3, 0.1]
    notebook.python("explorer.set_trait('t', [0.5, 0.0, 0.5])")
    wait_until(lambda: figure.bars("t") == [0.5, 0, 0.5])
    assert figure.verdict("EMD") == (
        "collapses onto the medians, young to old: any split costs the same"
    )


def drag_in_triangle(figure, card, start, place):
    """Drag from where a distribution lies to a place in the box around a triangle."""
    triangle = figure.root.locator(f".emdviz-of-{card} .emdviz-triangle")
    triangle.scroll_into_view_if_needed()
    box = triangle.bounding_box()
    mouse = figure.page.mouse
    at = [
        (box["x"] + right * box["width"], box["y"] + down * box["height"])
        for right, down in ((start[2] + start[1] / 2, 1 - start[1]), place)
    ]
    mouse.move(*at[0])
    mouse.down()
    mouse.move(*at[1], steps=5)
    mouse.up()
    figure.rest()


@pytest.mark.parametrize(("card", "place"), [("XE", (0.5, 0.5)), ("REG", (0.4, 0.8))])
def test_the_truth_is_dragged_in_the_triangle(notebook, figure, card, place):
    drag_in_triangle(figure, card, [0.2, 0.5, 0.3], place)
    middle = 1 - place[1]
    last = place[0] - middle / 2
    assert figure.bars("t") == pytest.approx([1 - middle - last, middle, last], abs=0.02)
    wait_until(lambda: figure.agrees(notebook.python("explorer.expected_losses")))


def test_ones_own_prediction_is_dragged_in_the_triangle(notebook, figure):
    notebook.python("explorer.set_trait('p', [0.7, 0.2, 0.1])")
    wait_until(lambda: figure.bars("a") == [0.7, 0.2, 0.1])
    drag_in_triangle(figure, "EMD2", [0.7, 0.2, 0.1], (1.2, 1.1))
    assert figure.bars("a") == [0, 0, 1]
    assert figure.bars("t") == [0.2, 0.5, 0.3]
    wait_until(lambda: figure.agrees(notebook.python("explorer.expected_losses")))


def test_it_stays_live_while_a_cell_runs(notebook, figure):
    with busy_kernel(notebook, 2):
        figure.press("t", 0, *["ArrowUp"] * 5)
        assert figure.bars("t")[0] == pytest.approx(0.25)
        t = np.array([0.25, 0.5 * 0.75 / 0.8, 0.3 * 0.75 / 0.8])
        assert close(figure.costs("XE")[0], -np.sum(t * np.log(t)))
    wait_until(lambda: notebook.python("explorer.t[0]") == pytest.approx(0.25))


def test_a_pinned_class_stays(notebook, figure):
    figure.bar("t", 2).dblclick()
    wait_until(lambda: notebook.python("explorer.pinned_t") == [2])
    figure.press("t", 0, "PageUp")
    assert figure.bars("t") == pytest.approx([0.3, 0.4, 0.3])


def test_bars_are_sliders_that_speak(figure):
    bar = figure.bar("t", 1)
    assert bar.get_attribute("role") == "slider"
    assert bar.get_attribute("aria-label") == "True labels, class middle"
    assert bar.get_attribute("aria-valuetext") == "0.50"
    spoken = figure.root.get_attribute("aria-label")
    assert "Labels are drawn from young 0.20, middle 0.50, old 0.30." in spoken
    assert "Earth Mover's Distance: collapses onto the median, middle" in spoken
    for loss in LOSSES:
        best, honest = figure.costs(loss)
        assert f"the best costs {best}, honest costs {honest}." in spoken


def test_two_explorers_do_not_disturb_each_other(notebook, figure):
    second = Propriety(notebook.page, 1)
    before = second.bars("t")
    figure.press("t", 0, "PageUp")
    assert second.bars("t") == before
    assert second.root.locator(".emdviz-simplex").count() == 0
    second.press("t", 0, "PageUp")
    assert figure.bars("t")[0] == pytest.approx(0.3)
    wait_until(lambda: notebook.python("other.t[0]") == pytest.approx(before[0] + 0.1, abs=1e-4))
    assert second.agrees(notebook.python("other.expected_losses"))


def test_nothing_complained_and_nothing_left_this_machine(notebook):
    assert notebook.errors == []
    assert notebook.foreign_requests == []
