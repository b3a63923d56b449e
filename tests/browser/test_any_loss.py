"""Losses that Python computes, in the browser's figures: slow, broken, without a kernel."""

import numpy as np
import pytest

from emdviz.explorers import (
    GradientExplorer,
    PredictionExplorer,
    ProprietyExplorer,
    TransportExplorer,
)
from tests.browser.figure import Figure, busy_kernel, wait_until
from tests.browser.propriety_figure import Propriety
from tests.browser.test_accessibility import violations
from tests.test_asking import THREE, fails_for_young, off

pytestmark = pytest.mark.browser

CELLS = (
    "import time\n"
    "import torch\n"
    "from emdviz.explorers import PredictionExplorer, ProprietyExplorer\n"
    "from tests.test_asking import fails_for_young, off\n"
    "def slow(z, y):\n"
    "    time.sleep(0.3)\n"
    "    return torch.nn.functional.cross_entropy(z, y)\n"
    "explorer = PredictionExplorer([0.5, 0.3, 0.2], [0.2, 0.3, 0.5], target=1, equal_xe=False,\n"
    "    show=['XE', 'EMD2', off, slow, fails_for_young, 'CORN'])\n"
    "explorer",
    "best = ProprietyExplorer([0.2, 0.5, 0.3], classes=['young', 'middle', 'old'],\n"
    "    show=['XE', off, 'OLL', fails_for_young, 'CORN'])\n"
    "best",
    "1",
    "from emdviz.explorers import GradientExplorer\n"
    "gradient = GradientExplorer([0.5, 0.3, 0.2], target=1,\n"
    "    show=['XE', off, fails_for_young, 'CORN'])\n"
    "gradient",
)


@pytest.fixture(scope="module")
def notebook(open_cells):
    return open_cells(*CELLS, width=1400, height=2400)


def tile(figure, letter, loss):
    """Number and verdict of a tile, and whether an answer is awaited."""
    found = figure.root.locator(f".emdviz-{letter.lower()} .emdviz-tile").filter(
        has=figure.page.locator(f"[data-loss='{loss}']")
    )
    late = found.get_attribute("data-late") == "true"
    return (
        found.locator(".emdviz-number").inner_text(),
        found.locator(".emdviz-verdict").inner_text(),
        late,
    )


def test_a_loss_of_ones_own_follows_the_bars(notebook):
    figure = Figure(notebook.page)
    wait_until(lambda: tile(figure, "A", "off") == ("0.700", "= same as B", False))
    never = "takes no p: its outputs are not the logarithms of p"
    assert tile(figure, "A", "CORN")[:2] == ("–", never)
    figure.press("A", 1, "PageUp", "PageUp")
    wait_until(lambda: tile(figure, "A", "off") == ("0.500", "▼ lower than B", False))
    wait_until(lambda: notebook.python("explorer.losses['A']['off']") == pytest.approx(0.5))
    figure.press("A", 1, "PageDown", "PageDown")


def test_a_slow_loss_holds_up_none_of_the_others(notebook):
    figure = Figure(notebook.page)
    wait_until(lambda: not tile(figure, "A", "slow")[2])
    for _ in range(3):
        figure.press("A", 1, "PageUp")
        share = figure.bars("A")[1]
        assert tile(figure, "A", "XE")[0] == f"{-np.log(share):.3f}"  # in the same frame
        wait_until(lambda: not tile(figure, "A", "off")[2])
        assert tile(figure, "A", "off")[0] == f"{1 - share:.3f}"
        assert tile(figure, "A", "slow")[2], "it is awaited still"
    wait_until(lambda: tile(figure, "A", "slow")[0] == f"{-np.log(share):.3f}")
    figure.press("A", 1, *["PageDown"] * 3)


def test_a_loss_that_raises_says_so_and_the_figure_lives(notebook):
    figure = Figure(notebook.page)
    wait_until(lambda: not tile(figure, "A", "fails_for_young")[2])
    assert float(tile(figure, "A", "fails_for_young")[0]) > 0
    figure.press("A", 0, *["PageUp"] * 2)
    wait_until(
        lambda: (
            tile(figure, "A", "fails_for_young") == ("–", "failed: RuntimeError: too young", False)
        )
    )
    assert tile(figure, "A", "XE")[0] != "–"
    assert "fails_for_young failed: RuntimeError: too young" in figure.root.get_attribute(
        "aria-label"
    )
    figure.press("A", 0, *["PageDown"] * 2)
    wait_until(lambda: tile(figure, "A", "fails_for_young")[0] not in ("–", "…"))


def test_built_in_losses_do_not_wait_for_a_busy_kernel(notebook):
    figure = Figure(notebook.page)
    with busy_kernel(notebook, 2):
        figure.press("A", 1, "ArrowUp")
        assert tile(figure, "A", "XE")[0] == f"{-np.log(figure.bars('A')[1]):.3f}"
    wait_until(lambda: not tile(figure, "A", "off")[2])
    figure.press("A", 1, "ArrowDown")


def test_the_best_prediction_and_the_landscape_follow_t(notebook):
    figure = Propriety(notebook.page, 1)
    wait_until(
        lambda: (
            figure.verdict("off") == "rewards another answer than t; keeps the most probable class"
        )
    )
    assert figure.verdict("CORN").startswith("honest, as far as was searched: reproduces t")
    assert figure.costs("off") == ["0.500", "0.740"]
    assert figure.costs("CORN")[1] == "–"
    before = pixels(figure, "off")
    figure.press("t", 2, *["PageUp"] * 4)
    wait_until(lambda: figure.verdict("fails_for_young") != "Python is asked")
    wait_until(lambda: "old" in (figure.verdict("OLL")) or pixels(figure, "off") != before)
    assert figure.root.locator(".emdviz-of-CORN .emdviz-heat").is_hidden()
    assert "no landscape" in figure.root.locator(".emdviz-of-CORN .emdviz-simplex").inner_text()
    # nothing is on its way any more that would be shown instead
    wait_until(lambda: not notebook.python("any(one._running for one in best._asked.values())"))
    # as on a busy machine, where the figure is drawn before the first answer is there
    notebook.python("best._trait_values.update(_answers={}) or best.send_state('_answers')")
    wait_until(lambda: figure.verdict("off") == "Python is asked")
    notebook.python("best.set_trait('t', [0.2, 0.5, 0.3])")
    wait_until(lambda: figure.costs("off") == ["0.500", "0.740"])
    assert notebook.errors == []


def test_pushes_of_a_loss_of_ones_own_follow_the_bars(notebook):
    figure = Figure(notebook.page, 2)
    row = figure.root.locator(".emdviz-row.emdviz-of-off")
    value = row.locator("[data-number=loss]")
    wait_until(lambda: value.inner_text() == "0.700")
    figure.press("A", 1, "PageUp", "PageUp")
    wait_until(lambda: value.inner_text() == "0.500" and not row.get_attribute("data-late"))
    figure.root.get_by_role("button", name="10 steps").click()
    wait_until(lambda: notebook.python("gradient.steps") == 10)
    last = f"{notebook.python('gradient.trails')['off'][10]:.3f}"
    wait_until(lambda: row.locator("[data-number=now]").inner_text() == last)
    refused = figure.root.locator(".emdviz-row.emdviz-of-CORN .emdviz-words")
    assert refused.inner_text() == "takes no p: its outputs are not the logarithms of p"
    figure.press("A", 0, *["PageUp"] * 4)
    broken = figure.root.locator(".emdviz-row.emdviz-of-fails_for_young .emdviz-words")
    wait_until(lambda: broken.inner_text() == "failed: RuntimeError: too young")
    assert notebook.errors == []


def pixels(figure, loss):
    heat = figure.root.locator(f".emdviz-of-{loss} .emdviz-heat")
    return heat.evaluate("(canvas) => canvas.toDataURL()")


def test_a_page_without_a_kernel_knows_the_examples_and_says_what_it_lacks(offline_page):
    explorer = PredictionExplorer(
        [0.5, 0.3, 0.2], [0.2, 0.3, 0.5], target=1, show=["XE", off, "CORN"]
    )
    page, watch = offline_page(explorer)
    figure = Figure(page)
    assert tile(figure, "A", "off") == ("0.700", "= same as B", False)
    figure.root.get_by_label("Equal cross-entropy").uncheck()
    figure.press("A", 1, "PageUp")
    assert tile(figure, "A", "off") == ("–", "needs a running kernel", False)
    assert tile(figure, "A", "XE")[0] == f"{-np.log(0.4):.3f}"
    figure.root.locator(".emdviz-a .emdviz-preset").select_option("uniform")
    figure.rest()
    assert tile(figure, "A", "off")[0] == "0.667"
    figure.root.locator(".emdviz-b .emdviz-preset").select_option("neighbours")
    figure.rest()
    assert tile(figure, "B", "off")[:2] == ("0.600", "▼ lower than A")
    assert tile(figure, "B", "CORN")[1].startswith("takes no p")
    assert violations(page) == []
    assert (watch.errors, watch.foreign_requests) == ([], [])


def test_a_page_of_best_predictions_knows_the_examples(offline_page):
    explorer = ProprietyExplorer([0.2, 0.5, 0.3], classes=THREE, show=["XE", off, fails_for_young])
    page, watch = offline_page(explorer)
    figure = Propriety(page)
    assert figure.costs("off") == ["0.500", "0.740"]
    figure.press("t", 0, "ArrowUp")
    assert figure.verdict("off") == "needs a running kernel"
    assert figure.costs("off") == ["–", "–"]
    figure.root.locator(".emdviz-t .emdviz-preset").select_option("uniform")
    figure.rest()
    assert figure.costs("off") == ["0.667", "0.889"]
    assert violations(page) == []
    assert (watch.errors, watch.foreign_requests) == ([], [])


FULL = {
    "XE": "cross-entropy",
    "REG": "squared error of the expected class",
    "EMD": "Earth Mover's Distance",
    "EMD²": "squared Earth Mover's Distance",
}


@pytest.mark.parametrize(
    ("figure", "see"),
    [
        (PredictionExplorer, "Cross-entropy looks at the true class alone"),
        (ProprietyExplorer, "EMD rewards certainty of the median, REG the mean alone"),
        (GradientExplorer, "EMD² hardly pushes"),
        (TransportExplorer, "every ribbon is one slice"),
    ],
)
def test_figures_say_what_to_see_and_which_way_is_better(offline_page, figure, see):
    page, _ = offline_page(figure())
    assert see in page.locator(".emdviz-see").inner_text()
    if figure is PredictionExplorer:
        tiles = page.locator(".emdviz-a .emdviz-tile").all_inner_texts()
        for text, (name, full) in zip(tiles, FULL.items(), strict=True):
            assert " ".join(text.split()).startswith(f"{name} {full} ")
    if figure in (PredictionExplorer, TransportExplorer):
        tiles = page.locator(".emdviz-tile").all_inner_texts()
        assert all("lower is better" in text for text in tiles)
    if figure is ProprietyExplorer:
        for card, full in zip(page.locator(".emdviz-outcome").all(), FULL.values(), strict=True):
            assert full in card.inner_text()
            assert "lower is better" in card.inner_text()


def test_figures_of_other_losses_ask_instead_of_speaking_of_some_that_are_not_there(offline_page):
    page, _ = offline_page(PredictionExplorer(show=["EMD", off]))
    see = page.locator(".emdviz-see").inner_text()
    assert see == "Move probability: which losses change, and which do not?"
    page, _ = offline_page(GradientExplorer(show=["XE", off]))
    assert page.locator(".emdviz-see").inner_text().endswith("sure and wrong?")
    assert page.get_by_label("Weight of EMD²").is_hidden()


def test_b_follows_so_that_a_loss_of_ones_own_stays_equal(notebook):
    figure = Figure(notebook.page)
    figure.root.get_by_label("Equal loss").select_option("off")
    wait_until(lambda: tile(figure, "A", "off")[1:] == ("= same as B", False))
    before = figure.bars("B")
    figure.press("A", 1, "PageUp")
    wait_until(lambda: figure.bars("B") != before)
    wait_until(lambda: tile(figure, "A", "off")[1:] == ("= same as B", False))
    assert tile(figure, "A", "off")[0] != "0.700"
    figure.root.get_by_label("Equal loss").select_option("none")
    notebook.python(
        "[explorer.set_trait(*pair) for pair in (('p', [0.5, 0.3, 0.2]), ('q', [0.2, 0.3, 0.5]))]"
    )
    assert notebook.errors == []
