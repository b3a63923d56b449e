"""The prediction explorer in a real JupyterLab: mouse, keys, sliders, numbers against Python."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.browser.figure import Figure, agrees, busy_kernel, wait_until

pytestmark = pytest.mark.browser

CELLS = (
    "from emdviz.explorers import PredictionExplorer\n"
    "seen = []\n"
    "explorer = PredictionExplorer(equal_xe=False)\n"
    "explorer.observe(lambda change: seen.append(change['name']))\n"
    "explorer.panel()",
    "other = PredictionExplorer([0.2, 0.3, 0.5], classes=['low', 'middle', 'high'], target=1, "
    "equal_xe=False)\n"
    "other",
    "start = explorer.trait_values()\n"
    "def reset():\n"
    "    for name in ('equal_xe', 'target', 'pinned_p', 'pinned_q', 'p', 'q'):\n"
    "        explorer.set_trait(name, start[name])",
)


@pytest.fixture(scope="module")
def notebook(open_cells):
    return open_cells(*CELLS, width=1400, height=1400)


@pytest.fixture
def figure(notebook):
    figure = Figure(notebook.page)
    # what an earlier test did must have reached the kernel, or it would arrive after the reset
    wait_until(lambda: notebook.python("explorer.p") == pytest.approx(figure.bars("A"), abs=1e-4))
    wait_until(lambda: notebook.python("explorer.q") == pytest.approx(figure.bars("B"), abs=1e-4))
    notebook.python("reset()")
    wait_until(lambda: figure.bars("A")[0] == 0.4 and figure.bars("B")[0] == 0.4)
    return figure


def slider(page, i):
    """The handle of the ipywidgets slider: 0 the true class, then A's classes, then B's."""
    return page.locator(".jp-OutputArea .noUi-handle").nth(i)


def test_an_ipywidgets_slider_moves_bars_and_numbers_to_what_python_computes(notebook, figure):
    page = notebook.page
    slider(page, 1).focus()
    page.keyboard.press("ArrowRight")
    wait_until(lambda: abs(figure.bars("A")[0] - 0.41) < 1e-9)
    wait_until(lambda: abs(notebook.python("explorer.p[0]") - 0.41) < 1e-9)
    p, losses = notebook.python("[explorer.p, explorer.losses]")
    assert figure.bars("A") == pytest.approx(p, abs=1e-4)
    assert agrees(figure.numbers("A"), losses["A"])
    assert agrees(figure.numbers("B"), losses["B"])
    readouts = page.locator(".widget-readout").all_inner_texts()
    assert [float(text) for text in readouts[1:9]] == pytest.approx(p, abs=0.0051)


def test_one_slider_key_settles_after_a_handful_of_changes(notebook, figure):
    page = notebook.page
    sent = []
    page.evaluate(
        """() => {
          window.emdvizSent = 0;
          window.emdvizMoves = 0;
          const send = WebSocket.prototype.send;
          WebSocket.prototype.send = function (...args) {
            emdvizSent += 1;
            return send.apply(this, args);
          };
          new MutationObserver((list) => { emdvizMoves += list.length; })
            .observe(document.querySelector('.jp-Notebook'),
              { attributes: true, subtree: true, attributeFilter: ['aria-valuenow'] });
        }"""
    )
    notebook.python("seen.clear()")
    page.evaluate("() => { emdvizSent = 0; emdvizMoves = 0; }")
    slider(page, 3).focus()
    page.keyboard.press("ArrowRight")
    wait_until(lambda: abs(figure.bars("A")[2] - 0.01) < 1e-9)
    page.wait_for_timeout(600)
    sent.append(page.evaluate("[emdvizSent, emdvizMoves]"))
    page.wait_for_timeout(1000)
    sent.append(page.evaluate("[emdvizSent, emdvizMoves]"))
    assert sent[0] == sent[1], "something still changes long after the key"
    assert sent[0][0] <= 40, sent
    seen = [name for name in notebook.python("seen") if not name.startswith("_")]
    assert seen.count("p") == 1
    assert len(seen) == len(set(seen)), f"a trait changed more than once: {seen}"


def test_sliders_stay_live_while_a_cell_runs(notebook, figure):
    page = notebook.page
    with busy_kernel(notebook, 2):
        slider(page, 1).focus()
        for _ in range(5):
            page.keyboard.press("ArrowRight")
        wait_until(lambda: abs(figure.bars("A")[0] - 0.45) < 1e-9)
        assert figure.numbers("A")["XE"] == f"{-np.log(0.45):.3f}"
    wait_until(lambda: abs(notebook.python("explorer.p[0]") - 0.45) < 1e-9)
    figure.rest()
    assert figure.bars("A")[0] == 0.45


def test_the_slider_of_the_true_class_moves_the_truth(notebook, figure):
    slider(notebook.page, 0).focus()
    notebook.page.keyboard.press("ArrowRight")
    wait_until(lambda: notebook.python("explorer.target") == 1)
    assert (
        figure.root.locator(".emdviz-a .emdviz-column")
        .nth(1)
        .get_attribute("class")
        .endswith("emdviz-true")
    )


def test_setting_from_python_moves_bars_and_sliders(notebook, figure):
    notebook.python("explorer.set_trait('p', [0.125] * 8)")
    wait_until(lambda: figure.bars("A") == [0.125] * 8)
    readouts = notebook.page.locator(".widget-readout").all_inner_texts()
    assert readouts[1:9] == ["0.13"] * 8


def test_a_mouse_drag_moves_the_bar_and_the_rest_makes_room(notebook, figure):
    figure.drag("A", 3, 0.5)
    bars = figure.bars("A")
    assert bars[3] == pytest.approx(0.5, abs=0.01)
    assert bars[0] == pytest.approx(0.4 * (1 - bars[3]), abs=1e-3)
    assert sum(bars) == pytest.approx(1, abs=1e-3)
    wait_until(lambda: notebook.python("explorer.p") == pytest.approx(bars, abs=1e-4))
    assert figure.bars("B")[0] == 0.4


def test_dragging_to_one_and_back_restores_the_others(figure):
    before = figure.bars("A")
    figure.press("A", 0, "End")
    assert figure.bars("A") == [1.0] + [0.0] * 7
    figure.press("A", 0, *["PageDown"] * 6)
    assert figure.bars("A") == pytest.approx(before, abs=1e-4)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("ArrowUp", 0.41),
        ("ArrowDown", 0.39),
        ("ArrowRight", 0.41),
        ("ArrowLeft", 0.39),
        ("PageUp", 0.5),
        ("PageDown", 0.3),
        ("Home", 0.0),
        ("End", 1.0),
    ],
)
def test_keys_on_a_bar(notebook, figure, key, value):
    cell = "jupyterapp.shell.currentWidget.content.activeCellIndex"
    active = notebook.page.evaluate(cell)
    figure.press("B", 0, key)
    assert figure.bars("B")[0] == pytest.approx(value)
    assert sum(figure.bars("B")) == pytest.approx(1, abs=1e-3)
    assert notebook.page.evaluate(cell) == active, "JupyterLab took the key too"


def test_no_probability_at_the_truth_shows_infinite_cross_entropy(figure):
    figure.press("A", 0, "Home")
    assert figure.numbers("A")["XE"] == "∞"


def test_bars_are_sliders_that_speak(figure):
    bar = figure.bar("A", 0)
    assert bar.get_attribute("role") == "slider"
    assert bar.get_attribute("aria-label") == "Prediction A, class 0-2"
    assert bar.get_attribute("aria-valuetext") == "0.40, true class"
    assert (bar.get_attribute("aria-valuemin"), bar.get_attribute("aria-valuemax")) == ("0", "1")
    spoken = figure.root.get_attribute("aria-label")
    assert "true class is 0-2" in spoken
    assert all(text in spoken for text in figure.numbers("A").values())
    assert "Cross-entropy is the same, squared error" in spoken
    assert "Earth Mover's Distance is lower for B" in spoken
    status = figure.root.locator(".emdviz-spoken")
    wait_until(lambda: status.inner_text() == figure.root.get_attribute("aria-label"))


def test_the_true_class_is_chosen_by_click_key_and_menu(notebook, figure):
    figure.root.locator(".emdviz-b .emdviz-class").nth(4).click()
    wait_until(lambda: notebook.python("explorer.target") == 4)
    figure.press("A", 2, "t")
    wait_until(lambda: notebook.python("explorer.target") == 2)
    figure.root.get_by_label("True class").select_option("15-20")
    wait_until(lambda: notebook.python("explorer.target") == 3)
    losses = notebook.python("explorer.losses")
    assert agrees(figure.numbers("A"), losses["A"])


def test_a_pinned_class_stays(notebook, figure):
    figure.bar("A", 7).dblclick()
    wait_until(lambda: notebook.python("explorer.pinned_p") == [7])
    kept = figure.bars("A")[7]
    assert figure.bar("A", 7).get_attribute("aria-valuetext") == "0.34, pinned"
    assert figure.bar("A", 7).locator(".emdviz-pin").is_visible()
    figure.press("A", 3, "End")
    bars = figure.bars("A")
    assert bars[7] == kept
    assert bars[3] == pytest.approx(1 - kept, abs=1e-4)
    figure.press("A", 7, "p")
    wait_until(lambda: notebook.python("explorer.pinned_p") == [])


def test_a_slider_that_meets_a_pin_is_sent_back(notebook, figure):
    figure.press("A", 0, "p")
    slider(notebook.page, 2).focus()
    notebook.page.keyboard.press("End")
    wait_until(lambda: figure.bars("A")[1] == 0.6)
    assert figure.bars("A")[0] == 0.4
    readout = notebook.page.locator(".widget-readout").nth(2)
    wait_until(lambda: readout.inner_text() == "0.60")


def test_equal_cross_entropy_ties_the_true_class(notebook, figure):
    figure.press("B", 0, "PageUp")
    figure.root.get_by_label("Equal cross-entropy").check()
    figure.rest()
    assert figure.bars("B")[0] == figure.bars("A")[0] == 0.4
    for letter, i, key in [
        ("A", 0, "PageUp"),
        ("B", 0, "ArrowDown"),
        ("B", 5, "End"),
        ("A", 2, "PageUp"),
    ]:
        figure.press(letter, i, key)
        assert figure.bars("A")[0] == figure.bars("B")[0]
        assert figure.numbers("A")["XE"] == figure.numbers("B")["XE"]
    figure.press("A", 4, "t")
    assert figure.bars("A")[4] == figure.bars("B")[4]
    assert figure.numbers("A")["XE"] == figure.numbers("B")["XE"]


def test_one_slider_carries_b_from_the_least_to_the_greatest_squared_emd(notebook, figure):
    figure.press("A", 3, "PageUp", "PageUp", "t")
    figure.root.get_by_label("Equal cross-entropy").check()
    journey = figure.root.locator(".emdviz-journey input")
    mass = 1 - figure.bars("A")[3]
    seen = []
    journey.focus()
    for key in ("Home", *["PageUp"] * 10):
        notebook.page.keyboard.press(key)
        figure.rest()
        seen.append(float(figure.numbers("B")["EMD2"]))
        assert figure.numbers("A")["XE"] == figure.numbers("B")["XE"]
    assert seen == sorted(seen)
    assert seen[0] == pytest.approx(mass**2 / 2, abs=6e-4)
    assert seen[-1] == pytest.approx(mass**2 * 4, abs=6e-4)
    wait_until(lambda: agrees(figure.numbers("B"), notebook.python("explorer.losses['B']")))


def test_presets(notebook, figure):
    figure.press("A", 5, "PageUp")
    figure.root.get_by_role("button", name="Figure 1's pair").click()
    figure.rest()
    assert figure.numbers("A")["XE"] == figure.numbers("B")["XE"]
    menu = figure.root.locator(".emdviz-a .emdviz-preset")
    for name, check in {
        "uniform": lambda p: p == [0.125] * 8,
        "confident and wrong": lambda p: p[7] == 0.94,
        "neighbours": lambda p: p == [0.4, 0.6] + [0.0] * 6,
        "bimodal": lambda p: p[0] + p[1] + p[2] + p[3] == pytest.approx(0.5, abs=1e-3),
        "Figure 1, far": lambda p: p[7] > p[6] > p[5] > 0,
    }.items():
        menu.select_option(name)
        figure.rest()
        assert check(figure.bars("A")), (name, figure.bars("A"))
        wait_until(lambda: agrees(figure.numbers("A"), notebook.python("explorer.losses['A']")))


def test_two_explorers_do_not_disturb_each_other(notebook, figure):
    second = Figure(notebook.page, 1)
    before, numbers = second.bars("A"), second.numbers("A")
    figure.press("A", 0, "PageUp")
    assert (second.bars("A"), second.numbers("A")) == (before, numbers)
    first = figure.bars("A")
    second.press("A", 0, "PageUp")
    assert second.bars("A")[0] == pytest.approx(0.3)
    assert figure.bars("A") == first
    wait_until(lambda: abs(notebook.python("other.p[0]") - 0.3) < 1e-9)
    ids = notebook.page.evaluate(
        "[...document.querySelectorAll('.emdviz-explorer [id]')].map((node) => node.id)"
    )
    assert len(ids) == len(set(ids))


def test_nothing_complained_and_nothing_left_this_machine(notebook):
    assert notebook.errors == []
    assert notebook.foreign_requests == []


def test_the_first_notebook_answers_to_its_bars(lab):
    name = "01_why_order_matters.ipynb"
    shutil.copy(Path(__file__).parents[2] / "notebooks" / name, lab.folder)
    notebook = lab.open(name, warm=True, width=1400, height=1400)
    notebook.run_all()
    figure = Figure(notebook.page)
    before = figure.bars("A")
    figure.press("A", 0, "ArrowRight")
    wait_until(lambda: figure.bars("A")[0] == pytest.approx(before[0] + 0.01, abs=1e-4))
    wait_until(lambda: notebook.python("explorer.p") == pytest.approx(figure.bars("A"), abs=1e-4))
    for letter, losses in notebook.python("explorer.losses").items():
        assert agrees(figure.numbers(letter), losses)
    assert notebook.errors == []
    assert notebook.foreign_requests == []
