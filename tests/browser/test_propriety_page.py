"""The propriety explorer on pages of its own: numbers, colours and lines against Python."""

import itertools
import re

import matplotlib
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe

from devtools.lab import Watch
from emdviz.explorers import ProprietyExplorer
from emdviz.propriety import expected_loss, medians, minimiser
from tests.browser.figure import wait_until
from tests.browser.propriety_figure import LOSSES, THREE, Propriety, close
from tests.browser.states import show_states

pytestmark = pytest.mark.browser

READ = """(el) => [...el.querySelectorAll('.emdviz-outcome')].map((card) => {
  const texts = (cells) => [...card.querySelectorAll(cells)].map((cell) => cell.textContent);
  const style = getComputedStyle(card);
  const axis = 7 * parseFloat(style.fontSize) * style.getPropertyValue('--emdviz-tall');
  const tall = [...card.querySelectorAll('.emdviz-bar-fill')].map((b) => b.getAttribute('height'));
  return {
    verdict: card.querySelector('.emdviz-verdict').textContent,
    costs: texts('.emdviz-cost'),
    regrets: texts('.emdviz-regret'),
    best: tall.map((height) => height / axis),
  };
})"""


def state_of(count, rng):
    """A random state; one in three has whole twentieths, so that medians are often not unique."""
    t, p = (rng.dirichlet(np.full(count, rng.choice([0.05, 0.5, 5]))) for _ in range(2))
    if rng.random() < 1 / 3:
        t = rng.multinomial(20, np.full(count, 1 / count)) / 20
    return {"t": t.tolist(), "p": p.tolist(), "show_p": True}


def check_card(card, loss, state, positions, classes):
    t, p = np.array(state["t"]), np.array(state["p"])
    best = minimiser(loss, t, positions=positions)
    least, honest, yours = (
        float(expected_loss(loss, q, t, positions=positions)) for q in (best, t, p)
    )
    for text, value in zip(card["costs"], (least, honest, yours), strict=True):
        assert close(text, value), (loss, state, card)
    assert card["regrets"][0] == "lower is better"
    for text, value in zip(card["regrets"][1:], (honest - least, yours - least), strict=True):
        assert text == "= best" if value <= 1e-9 else close(text.removeprefix("+"), value)
    if loss == "REG":
        shown = re.search(r"mean, (−?)([\d.]+)", card["verdict"])
        assert close(shown[1].replace("−", "-") + shown[2], best)
        assert not any(card["best"])
        return
    np.testing.assert_allclose(card["best"], best, atol=1e-9)
    if loss != "EMD":
        assert card["verdict"] == "honest: reproduces t"
    elif t.max() < 1 - 1e-9:
        middle = medians(t)
        several = f"s, {classes[middle[0]]} to {classes[middle[-1]]}: any split costs the same"
        words = several if len(middle) > 1 else f", {classes[middle[0]]}"
        assert card["verdict"] == f"collapses onto the median{words}"


def test_two_hundred_random_states_show_pythons_numbers(browser):
    rng = np.random.default_rng(2007)
    page = browser.new_page()
    for count, uneven in itertools.product((2, 3, 5, 8, 20), (False, True)):
        positions = (np.cumsum(rng.uniform(0.2, 9, count)) - 20).tolist() if uneven else None
        classes = [f"class {i}" for i in range(count)]
        explorer = ProprietyExplorer(classes=classes, positions=positions)
        states = [state_of(count, rng) for _ in range(20)]
        shown = show_states(page, explorer, states, READ)
        for state, cards in zip(states, shown, strict=True):
            for loss, card in zip(LOSSES, cards, strict=True):
                check_card(card, loss, state, positions, classes)
    page.close()


COLOURS = """(el) => [...el.querySelectorAll('.emdviz-heat')].map((canvas) => {
  const { width, height } = canvas;
  const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);
  const cells = [];
  for (let row = 3; row < height; row += 9) {
    for (let column = 1; column < width; column += 7) {
      const at = 4 * (row * width + column);
      if (data[at + 3]) cells.push([(column + 0.5) / width, 1 - (row + 0.5) / height,
        data[at], data[at + 1], data[at + 2]]);
    }
  }
  return cells;
})"""

LINES = """(el) => [...el.querySelectorAll('.emdviz-simplex')].map((simplex) => [
  [...simplex.querySelectorAll('.emdviz-contour')].map((path) => path.getAttribute('d')).join(''),
  simplex.querySelector('.emdviz-hint').textContent,
])"""


def landscape_states(rng, count=12):
    return [{"t": t.tolist()} for t in rng.dirichlet([0.8] * 3, size=count)] + [
        {"t": [0.0, 1.0, 0.0]},
        {"t": [0.5, 0.5, 0.0]},
    ]


def costs_and_range(loss, points, t, positions):
    """Costs of predictions, the least, and the highest that the picture tells apart."""
    costs = expected_loss(loss, points, t, positions=positions)
    least = float(
        expected_loss(loss, minimiser(loss, t, positions=positions), t, positions=positions)
    )
    corners = expected_loss(loss, np.eye(3), t, positions=positions)
    return costs, least, least + 1.5 if loss == "XE" else corners.max()


@pytest.mark.parametrize("positions", [None, [1.0, 2.0, 7.0]])
def test_colours_of_the_landscape_are_pythons_costs(browser, positions):
    explorer = ProprietyExplorer(classes=THREE, positions=positions)
    states = landscape_states(np.random.default_rng(4))
    page = browser.new_page()
    cividis = matplotlib.colormaps["cividis"]
    for state, heats in zip(
        states,
        show_states(page, explorer, states, COLOURS),
        strict=True,
    ):
        for loss, cells in zip(LOSSES, heats, strict=True):
            cells = np.array(cells)
            middle, last = cells[:, 1], cells[:, 0] - cells[:, 1] / 2
            points = np.column_stack([1 - middle - last, middle, last])
            inside = points.min(axis=1) > 0
            assert inside.sum() > 60
            costs, least, top = costs_and_range(loss, points[inside], state["t"], positions)
            expected = 255 * cividis((costs - least) / (top - least))[:, :3]
            # the page interpolates an eighth of matplotlib's table
            assert np.abs(cells[inside, 2:] - expected).max() < 7, (loss, state)
    page.close()


def test_contour_lines_lie_where_python_says(browser):
    explorer = ProprietyExplorer(classes=THREE)
    states = landscape_states(np.random.default_rng(5))
    page = browser.new_page()
    for state, cards in zip(states, show_states(page, explorer, states, LINES), strict=True):
        for loss, (path, caption) in zip(LOSSES, cards, strict=True):
            step = float(re.search(r"every ([\d.]+)\.", caption)[1])
            places = np.array(re.findall(r"(\d+) (-?\d+)", path), float) / 10_000
            middle = -places[:, 1] / (np.sqrt(3) / 2)
            last = places[:, 0] - middle / 2
            points = np.clip(np.column_stack([1 - middle - last, middle, last]), 0, 1)
            points /= points.sum(axis=1, keepdims=True)
            costs, least, top = costs_and_range(loss, points, state["t"], None)
            assert 4 <= (top - least) / step <= 12.1
            # inside small triangles lines are straight, which is not exact where costs bend; at
            # the edges cross-entropy is infinite
            inner = points.min(axis=1) > (0.07 if loss == "XE" else -1)
            levels = (costs[inner] - least) / step
            off = np.abs(levels - np.round(levels))
            assert np.quantile(off, 0.9) < 0.15, (loss, state)
    page.close()


def test_a_saved_page_works_without_kernel_and_network(browser, tmp_path):
    explorer = ProprietyExplorer([0.2, 0.5, 0.3], classes=["low", "<i>middle", "high"])
    context = browser.new_context(offline=True)
    watch = Watch(context)
    page = context.new_page()
    page.goto(explorer.save_html(tmp_path / "page.html").as_uri())
    figure = Propriety(page)
    assert figure.agrees(explorer.expected_losses)
    assert figure.verdict("EMD") == "collapses onto the median, <i>middle"
    figure.drag("t", 2, 0.5)
    explorer.t = np.array(figure.bars("t")) / sum(figure.bars("t"))
    for loss, costs in explorer.expected_losses.items():
        assert [float(text) for text in figure.costs(loss)] == pytest.approx(
            [costs["least"], costs["honest"]], abs=2e-3
        )
    assert (watch.errors, watch.foreign_requests) == ([], [])
    context.close()


@pytest.mark.parametrize("count", [2, 3, 8, 20])
def test_nothing_sticks_out_at_any_width(offline_page, count):
    names = [f"a rather long name {i}" for i in range(count)]
    page, _ = offline_page(ProprietyExplorer(p=np.full(count, 1 / count), classes=names))
    figure = Propriety(page)
    for width in (320, 700, 1100, 1920):
        page.set_viewport_size({"width": width, "height": 900})
        figure.rest()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        sides = [figure.root.locator(f".emdviz-of-{loss}").bounding_box() for loss in LOSSES]
        columns = len({side["x"] for side in sides})
        # beside the truth stand rows, or columns where each loss has its landscape
        assert columns == (4 if count == 3 and width > 320 else 1)
        assert all(side["x"] >= 0 and side["x"] + side["width"] <= width for side in sides)
        assert (width, figure.sticking_out()) == (width, [])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_about_landscapes_and_predictions_of_ones_own(browser, tmp_path, scheme):
    explorer = ProprietyExplorer([0.2, 0.5, 0.3], [0.6, 0.3, 0.1], classes=THREE)
    page = browser.new_page(color_scheme=scheme)
    page.goto(explorer.save_html(tmp_path / "page.html").as_uri())
    Propriety(page)
    levels = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
    found = Axe().run(page, options=levels).response
    assert found["passes"], "no rule applied"
    assert [(v["id"], [n["target"] for n in v["nodes"]]) for v in found["violations"]] == []
    page.close()


def test_the_bars_of_t_begin_where_their_panel_does(offline_page):
    page, _ = offline_page(ProprietyExplorer())
    page.set_viewport_size({"width": 1920, "height": 1080})
    panel, chart = page.locator(".emdviz-t"), page.locator(".emdviz-t .emdviz-chart")
    wait_until(lambda: chart.bounding_box()["x"] < panel.bounding_box()["x"] + 2)
