"""The transport explorer on pages of its own: numbers, plans and slices against Python."""

import itertools
import re

import numpy as np
import pytest

from emdviz.explorers import TransportExplorer
from tests.browser.figure import agrees
from tests.browser.states import show_states
from tests.browser.test_accessibility import violations
from tests.browser.transport_figure import COSTS, TransportFigure

pytestmark = pytest.mark.browser

LOOK = """(el) => ({
  numbers: [...el.querySelectorAll('.emdviz-number')].map((node) => node.textContent),
  ways: [...el.querySelectorAll('.emdviz-ribbon:not([visibility=hidden])')]
    .map((node) => node.getAttribute('aria-label')),
})"""
EIGHT = ["0-2", "4-6", "8-13", "15-20", "25-32", "38-43", "48-53", "60+"]


def names_of(count):
    return [f"class {i}" for i in range(count)]


def random_state(explorer, rng):
    """Give the explorer a random state and return it, with what Python says of it."""
    count = len(explorer.classes)
    for name in ("p", "t"):
        setattr(explorer, name, rng.dirichlet(np.full(count, rng.choice([0.05, 0.5, 5]))))
    same = rng.random() < 0.5
    explorer.mass_p = 1.0 if same else rng.integers(10, 101) / 100
    explorer.mass_t = explorer.mass_p if same else rng.integers(10, 101) / 100
    explorer.order = int(rng.integers(1, 3))
    names = ("p", "t", "mass_p", "mass_t", "order", "_exact")
    return {name: getattr(explorer, name) for name in names}, explorer.costs, explorer.plan


def shown_plan(labels, count):
    plan = np.zeros((count, count))
    for label in labels:
        if stays := re.match(r"([\d.]+) stays at class (\d+), costs nothing", label):
            i = j = int(stays[2])
            mass = stays[1]
        else:
            mass, i, j = re.match(
                r"([\d.]+) from class (\d+) to class (\d+), costs", label
            ).groups()
        plan[int(i), int(j)] = float(mass)
    return plan


def test_two_hundred_random_states_show_pythons_numbers_and_plan(browser):
    rng = np.random.default_rng(1)
    page = browser.new_page(viewport={"width": 1000, "height": 900})
    for count, uneven in itertools.product((2, 3, 5, 8, 20), (False, True)):
        positions = np.cumsum(rng.uniform(0.2, 9, count)).tolist() if uneven else None
        explorer = TransportExplorer(classes=names_of(count), positions=positions)
        states, costs, plans = zip(*(random_state(explorer, rng) for _ in range(20)), strict=True)
        seen = show_states(page, explorer, states, LOOK)
        for state, look, expected, plan in zip(states, seen, costs, plans, strict=True):
            numbers = dict(zip(COSTS, look["numbers"], strict=True))
            if expected["closed_form"] is None:
                assert numbers.pop("closed_form") == "–"
            assert agrees(numbers, expected), (state, numbers, expected)
            assert len(look["ways"]) == np.count_nonzero(plan > 1e-12)
            np.testing.assert_allclose(shown_plan(look["ways"], count), plan, atol=0.005 + 1e-9)
    page.close()


def test_a_number_of_pots_that_belongs_to_another_state_is_not_shown(browser):
    explorer = TransportExplorer([0.5, 0.5], [0.0, 1.0])
    page = browser.new_page()
    other = {"p": [1.0, 0.0]}
    before, after = (look["numbers"][1] for look in show_states(page, explorer, [{}, other], LOOK))
    assert (before, after) == ("0.500", "…")
    page.close()


@pytest.mark.parametrize("positions", [None, [1.0, 3.0, 5.0, 8.0, 10.5, 13.0, 15.0, 18.0]])
@pytest.mark.parametrize("arguments", [{}, {"order": 2}, {"mass_t": 0.6}])
def test_a_focused_ribbon_lights_the_slice_that_it_pays_for(offline_page, positions, arguments):
    explorer = TransportExplorer(classes=EIGHT, positions=positions, **arguments)
    page, _ = offline_page(explorer, viewport={"width": 1200, "height": 900})
    figure = TransportFigure(page)
    x = np.arange(8.0) if positions is None else np.array(positions)
    paid = np.zeros((8, 8))
    figure.ribbon(0).focus()
    for n in range(figure.ribbons().count()):
        i, j, high, wide = figure.slice(x)
        assert wide == pytest.approx(abs(x[i] - x[j]), abs=1e-6)
        paid[i, j] = high * wide**explorer.order
        label = page.evaluate("document.activeElement.getAttribute('aria-label')")
        if i != j:
            cost = float(re.search(r"costs ([\d.]+)", label)[1])
            assert paid[i, j] == pytest.approx(cost, abs=0.0006)
            assert f"from {EIGHT[i]} to {EIGHT[j]}" in label
        assert label in figure.note()
        if n + 1 < figure.ribbons().count():
            page.keyboard.press("ArrowRight")
    ground = abs(x[:, None] - x) ** explorer.order
    np.testing.assert_allclose(paid, explorer.plan * ground, atol=1e-9)
    page.keyboard.press("ArrowRight")
    assert figure.slice(x)[:2] == (i, j), "the last ribbon is the last"
    page.keyboard.press("Tab")
    assert figure.slice(x) is None


def test_pointing_at_a_ribbon_or_at_its_cell_lights_both_and_the_slice(browser, tmp_path):
    page = browser.new_page(viewport={"width": 1900, "height": 1000})
    page.goto(TransportExplorer(matrix=True).save_html(tmp_path / "page.html").as_uri())
    figure = TransportFigure(page)
    boxes = [panel.bounding_box() for panel in figure.root.locator(".emdviz-panel").all()]
    assert len(boxes) == 4
    assert max(box["y"] + box["height"] for box in boxes) <= 1000
    cell = figure.root.locator(".emdviz-cell[aria-label^='0.26 from 4-6']")
    cell.hover()
    ribbon = figure.root.locator(".emdviz-ribbon[aria-label^='0.26 from 4-6']")
    assert ribbon.get_attribute("aria-selected") == "true"
    assert figure.slice(np.arange(8))[:2] == (1, 3)
    page.mouse.move(5, 5)
    assert figure.slice(np.arange(8)) is None
    box = ribbon.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert cell.get_attribute("aria-selected") == "true"
    cell.focus()
    page.keyboard.press("End")
    assert figure.slice(np.arange(8))[:2] == (7, 5)
    page.close()


def test_a_saved_page_works_without_kernel_and_network(offline_page):
    explorer = TransportExplorer([0.2, 0.3, 0.5], [0.0, 1.0, 0.0], classes=["a", "<i>b", "c"])
    page, watch = offline_page(explorer)
    figure = TransportFigure(page)
    assert figure.bars("p") == explorer.p
    assert agrees(figure.numbers(), explorer.costs)
    assert "<i>b" in figure.ribbon(0).get_attribute("aria-label")
    figure.press("p", 0, "PageUp")
    moved = TransportExplorer(figure.bars("p"), explorer.t)
    assert figure.numbers()["exact"] == "–"
    assert "runs in Python" in figure.root.inner_text()
    assert float(figure.numbers()["plan"]) == pytest.approx(moved.costs["plan"], abs=6e-4)
    figure.press("p", 0, "PageDown")
    assert (watch.errors, watch.foreign_requests) == ([], [])


@pytest.mark.parametrize("style", ["notebook", "projector"])
@pytest.mark.parametrize(("count", "matrix"), [(2, False), (8, True), (20, False)])
def test_nothing_sticks_out_at_any_width(offline_page, style, count, matrix):
    names = [f"a rather long name {i}" for i in range(count)]
    explorer = TransportExplorer(classes=names, style=style, matrix=matrix, order=2)
    page, _ = offline_page(explorer)
    figure = TransportFigure(page)
    for width in (320, 700, 1100, 1920):
        page.set_viewport_size({"width": width, "height": 900})
        figure.rest()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert (width, figure.sticking_out()) == (width, [])
        tiles = figure.root.locator(".emdviz-tile").evaluate_all(
            "(tiles) => tiles.map((tile) => tile.scrollWidth - tile.clientWidth)"
        )
        assert (width, tiles) == (width, [0, 0, 0])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_with_a_ribbon_lit(browser, tmp_path, scheme):
    page = browser.new_page(viewport={"width": 1100, "height": 900}, color_scheme=scheme)
    explorer = TransportExplorer(mass_t=0.7, matrix=True)
    page.goto(explorer.save_html(tmp_path / "page.html").as_uri())
    figure = TransportFigure(page)
    figure.ways().nth(1).focus()
    assert violations(page) == []
    page.close()
