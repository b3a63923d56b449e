"""The race in a notebook, whose kernel and figures go on answering, and on a page of its own."""

import re

import numpy as np
import pytest

from emdviz import datasets
from emdviz.explorers import LossRace
from emdviz.training import TrainConfig
from tests.browser.figure import Figure, busy_kernel, wait_until
from tests.browser.states import show_states
from tests.browser.test_accessibility import violations

pytestmark = pytest.mark.browser

SETUP = """
import torch
torch.set_num_threads(1)
from emdviz import datasets
from emdviz.explorers import LossRace, PredictionExplorer
from emdviz.training import TrainConfig
faces = datasets.load("synthetic_faces", n=200, size=32)
config = TrainConfig(epochs=1000, batch_size=16, device="cpu")
race = LossRace(faces, ["XE", "REG", "EMD2"], config, learning_rates={"REG": 1e9})
"""
LOOK = """(el) => ({
  said: el.querySelector('.emdviz-explorer').getAttribute('aria-label'),
  ends: [...el.querySelectorAll('.emdviz-curve-name')].map((text) => text.textContent),
  done: [...el.querySelectorAll('[role=progressbar]')].map((bar) => bar.ariaValueNow),
  left: [...el.querySelectorAll('.emdviz-racer .emdviz-range')].map((note) => note.textContent),
  charts: [...el.querySelectorAll('.emdviz-card')].map((card) =>
    [...card.querySelectorAll('svg')].map((chart) =>
      [...chart.querySelectorAll('.emdviz-bar-fill')].map((bar) =>
        Number(bar.getAttribute('height'))))),
})"""


@pytest.fixture(scope="module")
def trained():
    """A race of two epochs in which REG has failed."""
    faces = datasets.load("synthetic_faces", n=96, size=32)
    config = TrainConfig(epochs=2, batch_size=16, seed=1, device="cpu")
    race = LossRace(faces, ["XE", "REG", "EMD2"], config, learning_rates={"REG": 1e9})
    race.start()
    race.wait(text=False)
    return race


def test_a_notebook_answers_while_losses_train(open_cells):
    notebook = open_cells(SETUP, "PredictionExplorer([0.5, 0.5])", "race", "", width=1400)
    page = notebook.page
    figure, root = Figure(page), page.locator(".emdviz-explorer").nth(1)

    def epochs():
        return notebook.python("len(race.epochs['EMD2'])")

    root.get_by_role("button", name="Start").click()
    button = root.get_by_role("button", name="Stop")
    button.wait_for()
    wait_until(lambda: epochs() >= 1, seconds=60)
    assert notebook.python("(1 + 1, race.state)") == [2, "training"]
    figure.press("A", 0, "PageUp")
    assert figure.bars("A")[0] == pytest.approx(0.6)
    alert = root.get_by_role("alert").filter(has_text="REG stopped: the REG loss is")
    alert.wait_for()
    left = root.locator(".emdviz-of-EMD2 .emdviz-range")
    wait_until(lambda: "left" in left.inner_text())
    wait_until(lambda: root.locator(".emdviz-of-XE .emdviz-curve-end").first.is_visible())
    with busy_kernel(notebook, 3):
        shown = left.inner_text()
        wait_until(lambda: left.inner_text() != shown)
        button.click()
        # the kernel hears of it when the cell ends, which on a slow machine is at once
        root.get_by_role("button", name=re.compile("Stopping…|Resume")).wait_for()
        said = root.locator(".emdviz-controls .emdviz-range").inner_text()
        assert re.search("interrupt it to stop now|stops after|stopped", said), said
    wait_until(lambda: notebook.python("race.state") == "stopped")
    done = epochs()
    root.get_by_role("button", name="Resume").click()
    wait_until(lambda: epochs() > done, seconds=60)
    root.get_by_role("button", name="Stop").click()
    root.get_by_role("button", name="Resume").wait_for()
    last = notebook.python("race.epochs['XE'][-1].metrics['AEM']")
    assert root.locator(".emdviz-of-XE .emdviz-curve-name").text_content() == f"XE {last:.1f}"
    run_without_waiting(page, 3, "race.start()\nrace.wait()")
    wait_until(lambda: "left" in left.inner_text())
    notebook.command("notebook:interrupt-kernel")
    root.get_by_role("button", name="Resume").wait_for()
    page.locator(".jp-OutputArea-output", has_text="KeyboardInterrupt").first.wait_for()
    assert (notebook.errors, notebook.foreign_requests) == ([], [])


def run_without_waiting(page, cell, source):
    page.evaluate(
        """([cell, source]) => {
          const { content } = jupyterapp.shell.currentWidget;
          content.widgets[cell].model.sharedModel.setSource(source);
          content.activeCellIndex = cell;
          void jupyterapp.commands.execute('notebook:run-cell');
        }""",
        [cell, source],
    )
    page.wait_for_function(
        f"jupyterapp.shell.currentWidget.content.widgets[{cell}].model.executionState === 'running'"
    )


def test_a_single_number_gets_a_readable_axis(browser, trained):
    page = browser.new_page()
    read = (
        "(el) => [...el.querySelectorAll('.emdviz-track .emdviz-tick')].map((t) => t.textContent)"
    )
    for value in (15.0, 0.0, -0.2, 1e-4):
        one = [[{"metrics": {"AEM": value}}], [], []]
        (ticks,) = show_states(page, trained, [{"_epochs": one}], read)
        numbers = [float(text) for text in ticks]
        assert numbers[0] <= value <= numbers[-1]
        assert len(set(ticks)) == len(ticks) <= 7
        assert max(map(len, ticks)) <= 8
    page.close()


def test_progress_and_predictions_are_pythons(browser, trained):
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    facts = {"epoch": 1, "step": 3, "left": 61.2, "error": None}
    going = {"state": "training", "failure": None, "runs": [facts] * 3}
    metrics = [{"metric": name} for name in ("AEM", "RPS", "log loss")]
    looks = show_states(page, trained, [*metrics, {"_now": going}], LOOK)
    for look, metric in zip(looks, metrics, strict=False):
        digits = 1 if metric["metric"] == "AEM" else 3
        values = {
            loss: done[-1].metrics[metric["metric"]]
            for loss, done in trained.epochs.items()
            if done
        }
        assert [text.split()[-1] for text in look["ends"] if text] == [
            f"{value:.{digits}f}" for value in values.values()
        ]
        assert look["done"] == ["100", "0", "100"]
        for i, card in enumerate(look["charts"]):
            for bars, done in zip(card, trained.epochs.values(), strict=True):
                if not done:
                    assert not any(bars)
                    continue
                p = done[-1].probe.distribution[i].numpy()
                np.testing.assert_allclose(np.array(bars) / sum(bars), p, atol=1e-4)
        assert "stopped: the REG loss is" in look["said"]
    steps = trained._setup["steps"]
    assert looks[-1]["done"] == [str(int(100 * (1 + 3 / steps) / 2))] * 3
    assert looks[-1]["left"] == ["epoch 1 of 2, 62 s left"] * 3
    assert errors == []
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_saved_page_shows_what_was_reached(offline_page, trained, scheme):
    page, watch = offline_page(trained)
    page.emulate_media(color_scheme=scheme)
    figure = Figure(page)
    assert page.get_by_role("button", name="Start").count() == 0, (
        "nothing trains on a page without Python"
    )
    assert "finished" in figure.root.inner_text()
    for width in (320, 700, 1100, 1920):
        page.set_viewport_size({"width": width, "height": 900})
        figure.rest()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert (width, figure.sticking_out()) == (width, [])
    assert violations(page) == []
    assert (watch.errors, watch.foreign_requests) == ([], [])
