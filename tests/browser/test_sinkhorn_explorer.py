"""The Sinkhorn explorer in a browser: numbers against Python, controls, widths, axe."""

import itertools

import numpy as np
import pytest

from emdviz.explorers import SinkhornExplorer
from emdviz.transport import rounding
from tests.browser.figure import busy_kernel, wait_until
from tests.browser.sinkhorn_figure import LOOK, SinkhornFigure, close
from tests.browser.states import show_states

pytestmark = pytest.mark.browser

NAMES = ("p", "t", "lam", "iterations", "precision", "domain")


def random_state(explorer, rng):
    """Give the explorer a random state, often a broken one; return it and Python's numbers."""
    count = len(explorer.classes)
    explorer.p, explorer.t = rng.dirichlet(np.full(count, rng.choice([0.1, 0.5, 5])), size=2)
    if rng.random() < 0.25:
        explorer.t = np.eye(count)[rng.integers(count)]
    explorer.lam = 10 ** rng.uniform(-1, 3)
    explorer.iterations = int(10 ** rng.uniform(0, 3))
    explorer.precision = str(rng.choice(rounding.PRECISIONS))
    explorer.domain = str(rng.choice(rounding.DOMAINS))
    return {name: getattr(explorer, name) for name in NAMES}, explorer.costs, explorer.scalings


def check_plan(look, found, domain):
    dead = (found.kernel == 0) & (domain == "plain")
    roomy = len(dead) < 20
    for text, mark, mass, closed in zip(
        look["cells"], look["marks"], found.plan.ravel(), dead.ravel(), strict=True
    ):
        if not np.isfinite(mass):
            assert (mark, text) == ("broken", {"nan": "NaN", "inf": "∞"}[f"{mass}"] * roomy)
        elif closed:
            assert (mark, text) == ("dead", "×")
        else:
            assert mark is None
            assert not roomy or close(text or "0.00", float(mass))


def test_two_hundred_random_states_show_pythons_numbers(browser):
    rng = np.random.default_rng(2013)
    page = browser.new_page(viewport={"width": 1900, "height": 1000})
    seen = {"NaN": 0, "0.0": 0}
    for count, uneven in itertools.product((2, 3, 8, 20), (False, True)):
        positions = np.cumsum(rng.uniform(0.2, 3, count)).tolist() if uneven else None
        explorer = SinkhornExplorer(
            classes=[f"class {i}" for i in range(count)], positions=positions
        )
        states, costs, runs = zip(*(random_state(explorer, rng) for _ in range(25)), strict=True)
        shown = show_states(page, explorer, states, LOOK)
        for state, look, cost, run in zip(states, shown, costs, runs, strict=True):
            expected = [*cost.values(), run.column_errors[-1]]
            for text, value in zip(look["numbers"], expected, strict=True):
                assert close(text, value, 1e-11), (state, look["numbers"], expected)
                if text in seen:
                    seen[text] += 1
            check_plan(look, run, state["domain"])
            zeros = f"{np.count_nonzero(run.kernel == 0)} of {count**2} entries"
            assert (zeros in look["notes"]) == (not run.kernel.all())
    assert min(seen.values()) > 3, seen
    page.close()


@pytest.fixture
def page_of(offline, tmp_path):
    """Return a function that opens a saved page of an explorer, offline."""
    opened = []

    def open_(explorer, width=1200, **options):
        path = explorer.save_html(tmp_path / f"{len(opened)}.html")
        size = {"width": width, "height": 900}
        page, watch = offline(path.as_uri(), viewport=size, **options)
        opened.append(watch)
        return SinkhornFigure(page)

    yield open_
    for watch in opened:
        assert (watch.errors, watch.foreign_requests) == ([], [])


def test_examples_say_what_happened(page_of):
    figure = page_of(SinkhornExplorer())
    figure.show_example("float32 underflow: silent zero")
    assert figure.numbers()["plan"] == "0.0"
    assert "The kernel has underflowed: 56 of 64 entries" in figure.notes()
    assert "without any complaint" in figure.notes()
    figure.show_example("NaN")
    assert figure.numbers()["plan"] == figure.numbers()["columns"] == "NaN"
    assert "÷ 0 = ∞, and ∞ × 0 = NaN" in figure.notes()
    assert "POT notices, warns, and returns the plan before it, which costs 0.0" in figure.notes()
    figure.show_example("log domain mends it")
    assert figure.numbers()["plan"] == figure.numbers()["exact"]
    assert "never makes the kernel" in figure.notes()
    figure.show_example("log domain stopped early: silent zero")
    assert figure.numbers()["plan"] == "0.0"
    assert "never underflows" in figure.notes()
    figure.show_example("one-hot target")
    assert "The first scaling finds it, for every λ" in figure.notes()
    figure.show_example("too few scalings")
    assert "Too few scalings" in figure.notes()
    figure.show_example("soft target")
    assert "blurs" in figure.notes()
    assert figure.numbers()["plan"] == figure.numbers()["converged"] != figure.numbers()["exact"]


def test_switches_and_sliders_change_the_state(page_of):
    figure = page_of(SinkhornExplorer(lam=125, iterations=100))
    figure.choose("plain")
    figure.choose("float32")
    assert figure.numbers()["plan"] == "NaN"
    figure.root.get_by_role("slider", name="Scalings").focus()
    figure.page.keyboard.press("Home")
    figure.rest()
    assert figure.numbers()["plan"] == "0.0"
    figure.choose("one-hot")
    assert sorted(figure.bars("t")) == [0] * 7 + [1]
    assert figure.numbers()["plan"] == "NaN"
    slider = figure.root.get_by_role("slider", name="λ")
    slider.focus()
    figure.page.keyboard.press("Home")
    figure.rest()
    assert slider.get_attribute("aria-valuetext") == "0.1"
    assert figure.numbers()["plan"] == figure.numbers()["exact"]
    figure.choose("soft")
    assert figure.numbers()["converged"] > figure.numbers()["exact"]
    assert figure.root.get_by_label("soft", exact=True).is_checked()


def test_a_cell_shows_its_three_factors(page_of):
    explorer = SinkhornExplorer([0.5, 0.5], [0.5, 0.5], lam=1, domain="plain", iterations=5)
    figure = page_of(explorer)
    cell = figure.root.locator(".emdviz-cell").first
    cell.focus()
    note = figure.root.locator(".emdviz-cell-note")
    assert note.inner_text().startswith("0 → 0: u × exp(−λD) × v = ")
    assert float(note.inner_text().split("=")[-1]) == pytest.approx(explorer.plan[0, 0], abs=5e-4)
    figure.page.keyboard.press("ArrowRight")
    assert note.inner_text().startswith("0 → 1: ")
    figure.choose("log")
    cell.hover()
    assert "exp(log u − λD + log v)" in note.inner_text()


def test_the_curve_stops_where_the_arithmetic_broke(page_of):
    figure = page_of(SinkhornExplorer())
    broken = figure.root.locator(".emdviz-broken").first
    assert broken.get_attribute("visibility") == "hidden"
    figure.show_example("float32 underflow: silent zero")
    assert broken.get_attribute("visibility") is None
    assert figure.root.locator(".emdviz-broken-name").first.inner_html() == "NaN"


@pytest.mark.parametrize("style", ["notebook", "projector"])
@pytest.mark.parametrize("count", [2, 8, 20])
def test_nothing_sticks_out_at_any_width(page_of, style, count):
    names = [f"a rather long name {i}" for i in range(count)]
    figure = page_of(SinkhornExplorer(classes=names, style=style))
    for width, example in itertools.product((320, 700, 1100, 1920), ("NaN", "too few scalings")):
        figure.page.set_viewport_size({"width": width, "height": 900})
        figure.show_example(example)
        assert figure.page.evaluate("document.documentElement.scrollWidth") <= width
        assert (width, figure.sticking_out()) == (width, [])
        tiles = figure.root.locator(".emdviz-tile").evaluate_all(
            "(tiles) => tiles.map((tile) => tile.scrollWidth - tile.clientWidth)"
        )
        assert (width, tiles) == (width, [0] * 4)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("example", ["NaN", "soft target"])
def test_axe_finds_nothing(page_of, scheme, example):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    figure = page_of(SinkhornExplorer(), width=1400, color_scheme=scheme)
    figure.show_example(example)
    rules = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
    found = axe.run(figure.page, options=rules).response["violations"]
    assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found] == []


@pytest.fixture(scope="module")
def notebook(open_cells):
    return open_cells(
        "from emdviz.explorers import SinkhornExplorer\n"
        "explorer = SinkhornExplorer([0.5, 0.3, 0.2], [0.1, 0.3, 0.6])\nexplorer.panel()",
        "other = SinkhornExplorer()\nother",
        "pass",
    )


def test_python_and_the_browser_follow_each_other(notebook):
    figure, second = (SinkhornFigure(notebook.page, index) for index in (0, 1))
    before = second.numbers()
    notebook.python("explorer.set_trait('lam', 1.0)")
    wait_until(lambda: figure.agrees(notebook.python("explorer.costs")))
    figure.choose("plain")
    wait_until(lambda: notebook.python("explorer.domain") == "plain")
    figure.press("p", 0, "PageUp")
    wait_until(lambda: notebook.python("explorer.p[0]") == pytest.approx(0.6))
    assert figure.agrees(notebook.python("explorer.costs"))
    assert second.numbers() == before


def test_it_stays_live_while_a_cell_runs(notebook):
    figure = SinkhornFigure(notebook.page)
    with busy_kernel(notebook, 2):
        before = figure.numbers()
        figure.press("p", 0, "PageDown", "PageDown")
        assert figure.numbers() != before
    wait_until(lambda: figure.agrees(notebook.python("explorer.costs")))


def test_nothing_complained_and_nothing_left_this_machine(notebook):
    assert notebook.errors == []
    assert notebook.foreign_requests == []
