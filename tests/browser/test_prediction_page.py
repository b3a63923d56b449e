"""The prediction explorer on pages of its own: every number against Python, every width."""

import itertools

import numpy as np
import pytest

from devtools.lab import Watch
from emdviz.explorers import PredictionExplorer
from emdviz.explorers.kit.distribution_explorer import ADIENCE_AGE_GROUPS
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
        explorer = PredictionExplorer(classes=names_of(count), positions=positions, equal_xe=False)
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
    explorer = PredictionExplorer(
        [0.2, 0.3, 0.5], classes=["low", "<i>middle", "high"], target=2, equal_xe=False
    )
    path = explorer.save_html(tmp_path / "page.html")
    context = browser.new_context(offline=True)
    watch = Watch(context)
    page = context.new_page()
    page.goto(path.as_uri())
    figure = Figure(page)
    assert figure.bars("A") == explorer.p
    assert agrees(figure.numbers("A"), explorer.losses["A"])
    assert figure.root.get_by_label("Equal loss").is_hidden()  # which needs Python
    figure.drag("A", 0, 0.5)
    assert figure.bars("A")[0] == pytest.approx(0.7, abs=0.01)
    moved = by_python(np.array(figure.bars("A")), 2, None)
    assert float(figure.numbers("A")["EMD"]) == pytest.approx(moved["EMD"], abs=2e-3)
    figure.root.get_by_label("Equal cross-entropy").check()
    figure.rest()
    assert figure.numbers("A")["XE"] == figure.numbers("B")["XE"]
    assert (watch.errors, watch.foreign_requests) == ([], [])
    context.close()


@pytest.mark.parametrize("count", [2, 8, 20])
def test_nothing_sticks_out_at_any_width(offline_page, count):
    names = [f"a rather long name {i}" for i in range(count)]
    page, _ = offline_page(PredictionExplorer(classes=names))
    figure = Figure(page)
    for width in (320, 700, 1100, 1920):
        page.set_viewport_size({"width": width, "height": 900})
        figure.rest()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        sides = [figure.root.locator(f".emdviz-{letter}").bounding_box() for letter in "ab"]
        assert (sides[0]["y"] == sides[1]["y"]) == (width >= 700)
        assert (width, figure.sticking_out()) == (width, [])


BETWEEN = """() => [...document.querySelectorAll('.emdviz-measured')].map((tile) => {
  const [number, words] = [...tile.children].map((node) => {
    const text = document.createRange();
    text.selectNodeContents(node);
    return text.getBoundingClientRect();
  });
  return words.top >= number.bottom - 5 ? Infinity : words.left - number.right;
})"""


@pytest.mark.parametrize("height", [420, 640, 900])
@pytest.mark.parametrize("width", [320, 845, 1134])
def test_a_number_stands_apart_from_the_words_beside_it(offline_page, width, height):
    page, _ = offline_page(PredictionExplorer())
    page.set_viewport_size({"width": width, "height": height})
    figure = Figure(page)
    figure.rest()
    gaps = page.evaluate(BETWEEN)
    assert len(gaps) == 8
    assert min(gaps) >= 4
    assert figure.sticking_out() == []


@pytest.fixture(scope="module")
def pair(browser, tmp_path_factory):
    """The pair of the first notebook, of whose true class, 25-32, both are equally sure."""
    explorer = PredictionExplorer(FAR, NEAR, target=4, classes=ADIENCE_AGE_GROUPS)
    path = explorer.save_html(tmp_path_factory.mktemp("pair") / "page.html")
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    page.goto(path.as_uri())
    yield page
    page.close()


@pytest.fixture
def figure(pair):
    start = pair.url.partition("#")[0]  # the address keeps what an earlier test did
    pair.goto("about:blank")
    pair.goto(start)
    return Figure(pair)


FAR = [0.25, 0.15, 0.05, 0.05, 0.4, 0.02, 0.03, 0.05]
NEAR = [0, 0, 0.05, 0.25, 0.4, 0.25, 0.05, 0]


def note(figure):
    """What the figure says of a move, or nothing."""
    return "".join(figure.root.locator(".emdviz-note").all_inner_texts())


def test_a_drag_to_another_bar_carries_probability_between_these_two_alone(figure):
    assert figure.root.get_by_label("Equal cross-entropy").is_checked()
    before = figure.numbers("A")
    figure.carry("A", 0, 1)
    assert figure.bars("A") == [0, 0.4, *FAR[2:]]
    assert figure.bars("B") == NEAR
    changed = {name for name, text in figure.numbers("A").items() if text != before[name]}
    assert changed == {"REG", "EMD", "EMD2"}
    assert note(figure) == "0.25 of A carried from 0-2 to 4-6; all other classes keep theirs."
    figure.carry("A", 1, 7, share=0.5)
    bars = figure.bars("A")
    assert bars[1] == pytest.approx(0.2, abs=0.02)
    assert bars[7] == pytest.approx(0.45 - bars[1], abs=1e-3)
    assert bars[2:7] == FAR[2:7]


def test_a_drag_that_comes_back_to_its_bar_carries_nothing(figure):
    figure.carry("B", 3, 6, 3)
    assert figure.bars("B") == NEAR
    figure.drag("B", 3, 0.2)  # upwards, and all others but the true class give
    assert figure.bars("B")[3] > 0.4
    assert figure.bars("B")[4] == 0.4


def test_keys_carry_probability_between_two_bars_alone(figure):
    figure.press("A", 0, "c")
    assert figure.bar("A", 0).get_attribute("aria-current") == "true"
    figure.press("A", 3, "PageUp", "ArrowUp")
    assert figure.bars("A") == pytest.approx([0.14, 0.15, 0.05, 0.16, *FAR[4:]])
    assert note(figure) == "0.01 of A carried from 0-2 to 15-20; all other classes keep theirs."
    figure.press("A", 3, "End")
    assert figure.bars("A")[:4] == pytest.approx([0, 0.15, 0.05, 0.3])
    figure.press("A", 3, "Escape", "PageUp")
    assert figure.bars("A")[3] == pytest.approx(0.4)
    assert figure.bars("A")[1] < 0.15


def test_to_carry_from_the_true_class_takes_the_other_prediction_along(figure):
    figure.carry("A", 4, 5)
    assert figure.bars("A") == pytest.approx([*FAR[:4], 0, 0.42, *FAR[6:]])
    assert figure.bars("B")[4] == 0
    assert "with equal cross-entropy B follows at the true class" in note(figure)


def test_the_figure_says_what_equal_cross_entropy_limits_and_changes(figure):
    for _ in range(2):
        figure.press("A", 7, "End")
        assert figure.bars("A")[7] == 0.6
        assert note(figure) == (
            "A stops at 0.60 for 60+: with equal cross-entropy the true class keeps its 0.40."
        )
    figure.press("A", 7, "ArrowDown")
    assert note(figure) == ""
    figure.press("A", 4, "ArrowDown")
    assert "A and B change together at the true class: both give it 0.39" in note(figure)
    figure.press("A", 6, "t")
    follows = f"it gives the true class, 48-53, {figure.bars('A')[6]:.2f}, as A does."
    assert note(figure) == f"B was changed: with equal cross-entropy {follows}"
    figure.press("A", 7, "p")
    figure.root.get_by_label("Equal cross-entropy").uncheck()
    figure.press("A", 0, "End")
    assert note(figure).endswith("for 0-2: 60+ is pinned.")
    figure.press("A", 2, "t")
    assert note(figure) == ""
