"""The gradient explorer on pages of its own: every number against Python, every width."""

import itertools

import numpy as np
import pytest

from emdviz.explorers import GradientExplorer
from emdviz.losses.descent import descend
from emdviz.losses.loss import closed_forms
from tests.browser.figure import agrees
from tests.browser.gradient_figure import LOOK, GradientFigure, norm_agrees, number
from tests.browser.states import show_states
from tests.browser.test_accessibility import violations

COMPARED = closed_forms("gradient")

pytestmark = pytest.mark.browser

RATES = (0.01, 0.1, 0.5, 1.0, 2.0)


def names_of(count):
    return [f"class {i}" for i in range(count)]


def random_state(count, rng):
    """A random state; the flattest predictions are nearly uniform, the peaked have zeros."""
    p = rng.dirichlet(np.full(count, rng.choice([0.05, 0.5, 5]))).tolist()
    target, steps = int(rng.integers(count)), int(rng.integers(30))
    return {
        "p": p,
        "target": target,
        "emd_weight": float(rng.choice([0, 1, round(rng.uniform(0, 5), 1)])),
        "learning_rate": float(rng.choice(RATES)),
        "own_scale": bool(rng.integers(2)),
        "_walk": {"steps": steps, "p": p, "target": target} if steps else None,
    }


def digits(text):
    return len(text.partition(".")[2])


def check_row(row, walk, target):
    gradient = walk.gradients[0]
    length = np.linalg.norm(gradient)
    expected = {
        "loss": walk.losses[0],
        "now": walk.losses[-1],
        "began": walk.predictions[0, target],
        "truth": walk.predictions[-1, target],
    }
    shown = dict(row["numbers"])
    assert norm_agrees(shown.pop("norm"), length)
    assert agrees(shown, expected), (shown, expected)
    limit = number(row["limit"])
    assert limit >= abs(gradient).max() * (1 - 1e-6)
    np.testing.assert_allclose(np.array(row["pushes"]) * limit, -gradient, atol=1e-9 * limit)
    np.testing.assert_allclose(row["reached"], walk.predictions[-1], atol=1e-6)
    for text, slope in zip(row["written"], gradient, strict=True):
        assert not text or abs(number(text) + slope) <= 0.5 * 10 ** -digits(text) + 1e-9


def test_two_hundred_random_states_show_pythons_numbers(browser):
    rng = np.random.default_rng(2017)
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    for count, uneven in itertools.product((2, 3, 5, 8, 20), (False, True)):
        positions = np.cumsum(rng.uniform(0.2, 3, count)).tolist() if uneven else None
        explorer = GradientExplorer(classes=names_of(count), positions=positions)
        states = [random_state(count, rng) for _ in range(20)]
        for state, look in zip(states, show_states(page, explorer, states, LOOK), strict=True):
            steps = state["_walk"]["steps"] if state["_walk"] else 0
            assert look["taken"].split()[0] == str(steps)
            for name, row, left, truth in zip(COMPARED, look["rows"], *look["trails"], strict=True):
                walk = descend(
                    name,
                    state["p"],
                    state["target"],
                    steps=steps,
                    learning_rate=state["learning_rate"],
                    positions=positions,
                    emd_weight=state["emd_weight"],
                )
                check_row(row, walk, state["target"])
                start = walk.losses[0]
                share = walk.losses / start if start > 1e-12 else np.zeros(steps + 1)
                np.testing.assert_allclose(left, share, rtol=1e-6, atol=1e-6)
                reached = walk.predictions[:, state["target"]]
                np.testing.assert_allclose(truth, reached, atol=1e-6)
    page.close()


def test_a_saved_page_works_without_kernel_and_network(offline_page):
    explorer = GradientExplorer([0.2, 0.3, 0.5], classes=["low", "<i>middle", "high"], target=2)
    explorer.steps = 3
    page, watch = offline_page(explorer)
    figure = GradientFigure(page)
    assert figure.bars("a") == explorer.p
    assert agrees(figure.shown("loss"), explorer.losses)
    assert agrees(figure.shown("now"), {name: t[-1] for name, t in explorer.trails.items()})
    figure.drag("a", 0, 0.5)
    assert figure.bars("a")[0] == pytest.approx(0.7, abs=0.02)
    assert figure.look()["taken"] == "0 steps"
    figure.click("10 steps")
    assert figure.look()["truth"]["XE"][10] > figure.look()["truth"]["XE"][0]
    assert (
        "<i>middle" in figure.root.get_attribute("aria-label")
        or figure.root.locator("i").count() == 0
    )
    assert (watch.errors, watch.foreign_requests) == ([], [])


@pytest.mark.parametrize("style", ["notebook", "projector"])
@pytest.mark.parametrize("count", [2, 8, 20])
def test_nothing_sticks_out_at_any_width(offline_page, style, count):
    names = [f"a rather long name {i}" for i in range(count)]
    explorer = GradientExplorer(classes=names, style=style, emd_weight=2.5)
    explorer.steps = 12
    page, _ = offline_page(explorer)
    figure = GradientFigure(page)
    for width in (320, 450, 700, 1100, 1920):
        page.set_viewport_size({"width": width, "height": 900})
        figure.rest()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert (width, figure.sticking_out()) == (width, [])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_after_steps(browser, tmp_path, scheme):
    explorer = GradientExplorer(own_scale=True)
    explorer.steps = 12
    page = browser.new_page(viewport={"width": 1100, "height": 900}, color_scheme=scheme)
    page.goto(explorer.save_html(tmp_path / "page.html").as_uri())
    GradientFigure(page).rest()
    assert violations(page) == []
    page.close()
