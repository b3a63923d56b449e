"""The gradient explorer in a real JupyterLab: mouse, keys, presets, steps, live without kernel."""

import numpy as np
import pytest

from tests.browser.figure import agrees, busy_kernel, wait_until
from tests.browser.gradient_figure import GradientFigure, norm_agrees

pytestmark = pytest.mark.browser

CELLS = (
    "from emdviz.explorers import GradientExplorer\n"
    "explorer = GradientExplorer()\n"
    "explorer.panel()",
    "other = GradientExplorer([0.2, 0.3, 0.5], classes=['low', 'middle', 'high'], target=1)\nother",
    "start = explorer.trait_values()\n"
    "def reset():\n"
    "    for name in ('pinned_p', 'p', 'target', 'learning_rate', 'emd_weight', 'own_scale'):\n"
    "        explorer.set_trait(name, start[name])\n"
    "    explorer.steps = 0\n"
    "def judge():\n"
    "    norm = lambda g: float((g ** 2).sum() ** 0.5)\n"
    "    return {'loss': explorer.losses, 'p': explorer.p,\n"
    "            'norm': {name: norm(g) for name, g in explorer.gradients.items()},\n"
    "            'now': {name: t[-1] for name, t in explorer.trails.items()},\n"
    "            'truth': {name: r[explorer.target] for name, r in explorer.reached.items()}}",
)


@pytest.fixture(scope="module")
def notebook(open_cells):
    return open_cells(*CELLS, width=1400, height=1400)


@pytest.fixture
def figure(notebook):
    figure = GradientFigure(notebook.page)
    # what an earlier test did must have reached the kernel, or it would arrive after the reset
    wait_until(lambda: notebook.python("explorer.p") == pytest.approx(figure.bars("a"), abs=1e-4))
    wait_until(lambda: figure.look()["taken"].split()[0] == str(notebook.python("explorer.steps")))
    notebook.python("reset()")
    wait_until(lambda: figure.bars("a")[7] == 0.94 and figure.look()["taken"] == "0 steps")
    return figure


def agree(notebook, figure):
    """Whether all that is shown is what Python computes from the state that it has."""
    judge = notebook.python("judge()")
    shown = {name: row["numbers"] for name, row in figure.look()["rows"].items()}
    return (
        figure.bars("a") == pytest.approx(judge["p"], abs=1e-4)
        and all(norm_agrees(row["norm"], judge["norm"][name]) for name, row in shown.items())
        and all(
            agrees({name: row[what] for name, row in shown.items()}, judge[what])
            for what in ("loss", "now", "truth")
        )
    )


def test_an_ipywidgets_slider_moves_the_bars_and_all_numbers(notebook, figure):
    notebook.page.locator(".jp-OutputArea .noUi-handle").nth(0).focus()
    notebook.page.keyboard.press("PageUp")
    wait_until(lambda: figure.bars("a")[0] > 0.05)
    wait_until(lambda: agree(notebook, figure))


def test_a_mouse_drag_moves_the_bar_and_the_rest_makes_room(notebook, figure):
    figure.drag("a", 3, 0.5)
    bars = figure.bars("a")
    assert bars[3] == pytest.approx(0.5, abs=0.02)
    assert sum(bars) == pytest.approx(1, abs=1e-3)
    wait_until(lambda: agree(notebook, figure))


@pytest.mark.parametrize(
    ("key", "value"),
    [("ArrowUp", 0.95), ("ArrowLeft", 0.93), ("PageDown", 0.84), ("Home", 0.0), ("End", 1.0)],
)
def test_keys_on_a_bar(notebook, figure, key, value):
    figure.press("a", 7, key)
    assert figure.bars("a")[7] == pytest.approx(value)
    wait_until(lambda: agree(notebook, figure))


def test_the_true_class_is_chosen_by_click_key_and_menu(notebook, figure):
    figure.root.locator(".emdviz-class").nth(4).click()
    wait_until(lambda: notebook.python("explorer.target") == 4)
    figure.press("a", 2, "t")
    wait_until(lambda: notebook.python("explorer.target") == 2)
    figure.root.locator(".emdviz-toolbar select").select_option("15-20")
    wait_until(lambda: notebook.python("explorer.target") == 3)
    wait_until(lambda: agree(notebook, figure))


def test_presets(notebook, figure):
    menu = figure.root.locator(".emdviz-preset")
    for name, check in {
        "saturated and wrong": lambda p: p[7] > 0.999,
        "far off": lambda p: p[7] == 0.94,
        "one class off": lambda p: p[1] == 0.94,
        "nearly right": lambda p: p[0] == 0.94,
        "Figure 1, far": lambda p: p[0] == 0.4 and p[7] > p[6] > p[5],
        "Figure 1, near": lambda p: p[0] == 0.4 and p[1] > p[2] > p[3],
        "uniform": lambda p: p == [0.125] * 8,
        "bimodal": lambda p: sum(p[:4]) == pytest.approx(0.5, abs=1e-3),
    }.items():
        menu.select_option(name)
        figure.rest()
        assert check(figure.bars("a")), (name, figure.bars("a"))
        wait_until(lambda: agree(notebook, figure))


def test_the_saturated_preset_shows_how_little_squared_emd_pushes(figure):
    figure.root.locator(".emdviz-preset").select_option("saturated and wrong")
    figure.rest()
    assert {figure.shown("norm")[name] for name in ("XE", "EMD2")} == {"1.414", "0.003"}
    assert (figure.shown("loss")["XE"], figure.shown("loss")["EMD2"]) == ("10.00", "6.997")


def test_steps_leave_trails_that_python_walks_too(notebook, figure):
    figure.click("Take a step")
    wait_until(lambda: notebook.python("explorer.steps") == 1)
    wait_until(lambda: agree(notebook, figure))
    figure.click("10 steps")
    assert figure.look()["taken"] == "11 steps"
    wait_until(lambda: notebook.python("explorer.steps") == 11)
    wait_until(lambda: agree(notebook, figure))
    seen = figure.look()
    for name, trail in notebook.python("explorer.trails").items():
        np.testing.assert_allclose(seen["left"][name], np.array(trail) / trail[0], atol=1e-6)
    figure.click("Reset")
    assert figure.look()["taken"] == "0 steps"
    wait_until(lambda: notebook.python("explorer.steps") == 0)


def test_python_walks_and_the_figure_follows(notebook, figure):
    notebook.python("setattr(explorer, 'steps', 25)")
    wait_until(lambda: figure.look()["taken"] == "25 steps")
    assert agree(notebook, figure)
    notebook.python("explorer.set_trait('p', [0.125] * 8)")
    wait_until(lambda: figure.bars("a") == [0.125] * 8)
    assert figure.look()["taken"] == "0 steps"


def test_another_prediction_or_true_class_starts_anew(figure):
    for change in (("a", 3, "ArrowUp"), ("a", 3, "ArrowDown"), ("a", 2, "t")):
        figure.click("10 steps")
        assert figure.look()["taken"] == "10 steps"
        figure.press(*change)
        assert figure.look()["taken"] == "0 steps"
        assert {len(trail) for trail in figure.look()["left"].values()} == {1}


def test_rate_weight_and_scale(notebook, figure):
    figure.click("10 steps")
    figure.slide("Learning rate", "ArrowRight", "ArrowRight")
    wait_until(lambda: notebook.python("explorer.learning_rate") == 2)
    figure.slide("Weight of EMD²", "End", "ArrowLeft")
    wait_until(lambda: notebook.python("explorer.emd_weight") == 4.9)
    assert figure.look()["taken"] == "10 steps"
    assert figure.look()["rows"]["XEMD2"]["label"] == "XE + 4.9 EMD²"
    wait_until(lambda: agree(notebook, figure))
    assert len({row["limit"] for row in figure.look()["rows"].values()}) == 1
    figure.root.get_by_label("Own scale for each loss").check()
    wait_until(lambda: notebook.python("explorer.own_scale"))
    assert len({row["limit"] for row in figure.look()["rows"].values()}) > 2


def test_drags_and_steps_stay_live_while_a_cell_runs(notebook, figure):
    with busy_kernel(notebook, 2):
        figure.press("a", 0, "PageUp")
        figure.click("Take a step")
        figure.click("10 steps")
        assert figure.bars("a")[0] > 0.1
        assert figure.look()["taken"] == "11 steps"
    wait_until(lambda: notebook.python("explorer.steps") == 11)
    wait_until(lambda: agree(notebook, figure))


def test_no_more_steps_than_there_may_be(notebook, figure):
    notebook.python("setattr(explorer, 'steps', 195)")
    wait_until(lambda: figure.look()["taken"] == "195 steps")
    figure.click("10 steps")
    assert figure.look()["taken"] == "200 steps, no more"
    assert figure.root.get_by_role("button", name="Take a step").is_disabled()
    wait_until(lambda: notebook.python("explorer.steps") == 200)


def test_a_bad_value_from_python_leaves_the_figure_as_it_was(notebook, figure):
    figure.click("10 steps")
    before = figure.look(), figure.bars("a")
    for bad in ("'p', [1.2, -0.2]", "'learning_rate', -1.0", "'steps', 999"):
        with pytest.raises(RuntimeError, match="TraitError"):
            notebook.python(f"setattr(explorer, {bad})")
    figure.rest()
    assert (figure.look(), figure.bars("a")) == before


def test_two_explorers_do_not_disturb_each_other(notebook, figure):
    second = GradientFigure(notebook.page, 1)
    before = second.look(), second.bars("a")
    taken = notebook.python("other.steps")
    figure.click("10 steps")
    figure.press("a", 0, "PageUp")
    assert (second.look(), second.bars("a")) == before
    first = figure.look()
    second.click("Take a step")
    assert figure.look() == first
    wait_until(lambda: notebook.python("other.steps") == taken + 1)


def test_the_figure_speaks(figure):
    figure.click("Take a step")
    spoken = figure.root.get_attribute("aria-label")
    assert "the true class is 0-2 and has 0.01" in spoken
    assert f"XE is {figure.shown('loss')['XE']} with gradient norm" in spoken
    assert f"After 1 step at learning rate 0.5: XE {figure.shown('now')['XE']}" in spoken
    pushes = figure.root.locator(".emdviz-of-XE svg").first.get_attribute("aria-label")
    assert pushes.startswith("Pushes of XE: 0-2 +0.99, 4-6 −0.01")


def test_focus_goes_from_the_steps_to_the_prediction(figure):
    figure.root.locator(".emdviz-toolbar select").focus()
    names = []
    for _ in range(14):
        figure.page.keyboard.press("Tab")
        names.append(
            figure.page.evaluate(
                "((at) => at.ariaLabel ?? (at.labels?.[0] ?? at).innerText)(document.activeElement)"
            )
        )
    assert names[0] == "Own scale for each loss"
    steps = names.index("Take a step")
    assert names[steps : steps + 6] == [
        "Take a step",
        "10 steps",
        "Learning rate",
        "Weight of EMD²",
        "Set the prediction to an example",
        "Prediction, class 0-2",
    ]


def test_nothing_complained_and_nothing_left_this_machine(notebook):
    assert notebook.errors == []
    assert notebook.foreign_requests == []
