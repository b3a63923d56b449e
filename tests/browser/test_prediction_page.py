"""The prediction explorer on pages of its own: every number against Python, every width."""

import itertools

import numpy as np
import pytest

from devtools.lab import Watch
from emdviz.explorers import PredictionExplorer
from tests.browser.figure import LOSSES, Figure, agrees, by_python
from tests.browser.states import show_states

pytestmark = pytest.mark.browser


def state_of(count, rng):
    """A random state; the flattest predictions are nearly uniform, the peaked have zeros."""
    p, q = (rng.dirichlet(np.full(count, rng.choice([0.05, 0.5, 5]))).tolist() for _ in range(2))
    return {"p": p, "q": q, "target": int(rng.integers(count))}


def test_two_hundred_random_states_show_pythons_numbers(browser):
    rng = np.random.default_rng(2017)
    page = browser.new_page()
    for count, uneven in itertools.product((2, 3, 5, 8, 20), (False, True)):
        positions = np.cumsum(rng.uniform(0.2, 9, count)).tolist() if uneven else None
        explorer = PredictionExplorer(classes=names_of(count), positions=positions)
        states = [state_of(count, rng) for _ in range(20)]
        shown = show_states(page, explorer, states)
        for state, texts in zip(states, shown, strict=True):
            for p, numbers in ((state["p"], texts[:4]), (state["q"], texts[4:])):
                expected = by_python(np.array(p), state["target"], positions)
                assert agrees(dict(zip(LOSSES, numbers, strict=True)), expected), (state, texts)
    page.close()


def names_of(count):
    return [f"class {i}" for i in range(count)]


def test_a_saved_page_works_without_kernel_and_network(browser, tmp_path):
    explorer = PredictionExplorer([0.2, 0.3, 0.5], classes=["low", "<i>middle", "high"], target=2)
    path = explorer.save_html(tmp_path / "page.html")
    context = browser.new_context(offline=True)
    watch = Watch(context)
    page = context.new_page()
    page.goto(path.as_uri())
    figure = Figure(page)
    assert figure.bars("A") == explorer.p
    assert agrees(figure.numbers("A"), explorer.losses["A"])
    figure.drag("A", 0, 0.5)
    assert figure.bars("A")[0] == pytest.approx(0.7, abs=0.01)
    moved = by_python(np.array(figure.bars("A")), 2, None)
    assert float(figure.numbers("A")["EMD"]) == pytest.approx(moved["EMD"], abs=2e-3)
    figure.root.get_by_label("Equal cross-entropy").check()
    figure.rest()
    assert figure.numbers("A")["XE"] == figure.numbers("B")["XE"]
    assert (watch.errors, watch.foreign_requests) == ([], [])
    context.close()


@pytest.mark.parametrize("width", [320, 700, 1100, 1920])
@pytest.mark.parametrize("count", [2, 8, 20])
def test_nothing_sticks_out_at_any_width(browser, tmp_path, width, count):
    names = [f"a rather long name {i}" for i in range(count)]
    path = PredictionExplorer(classes=names).save_html(tmp_path / "page.html")
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto(path.as_uri())
    figure = Figure(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    sides = [figure.root.locator(f".emdviz-{letter}").bounding_box() for letter in "ab"]
    assert (sides[0]["y"] == sides[1]["y"]) == (width >= 700)
    assert figure.sticking_out() == []
    page.close()
