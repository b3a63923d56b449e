"""The replay on pages of its own: every epoch against Python, keys, play, every width."""

from datetime import datetime

import numpy as np
import pytest

from emdviz import datasets
from emdviz.explorers import TrainingReplay
from tests.browser.figure import Figure, wait_until
from tests.browser.states import show_states
from tests.browser.test_accessibility import violations
from tests.comparisons import made_up_epochs

pytestmark = pytest.mark.browser

LENGTHS = {"XE": 5, "REG": 5, "EMD2": 3, "EMD": 5}
LOOK = """(el) => {
  const of = (node, name) => Number(node.getAttribute(name));
  return {
    beliefs: [...el.querySelectorAll('.emdviz-beliefs svg')].map((chart) => {
      const lines = [...chart.querySelectorAll('.emdviz-grid')].map((line) => of(line, 'y1'));
      const height = Math.max(...lines) - Math.min(...lines);
      const mark = chart.querySelector('.emdviz-class-mark').getAttribute('d');
      return {
        bars: [...chart.querySelectorAll('.emdviz-bar-fill')].map(
          (bar) => of(bar, 'height') / height),
        written: [...chart.querySelectorAll('.emdviz-value')].map((text) => text.textContent),
        mark: mark && Number(mark.slice(1).split(' ')[0]),
        columns: [...chart.querySelectorAll('.emdviz-bar-fill')].map(
          (bar) => of(bar, 'x') + of(bar, 'width') / 2),
        label: chart.getAttribute('aria-label'),
      };
    }),
    metrics: [...el.querySelectorAll('.emdviz-curve-name')].map((text) => text.textContent),
    said: el.querySelector('.emdviz-explorer').getAttribute('aria-label'),
  };
}"""


@pytest.fixture(scope="module")
def faces():
    return datasets.load("synthetic_faces", n=100, size=32)


@pytest.fixture
def replay(faces):
    return TrainingReplay(made_up_epochs(LENGTHS, 8, 8), faces, epoch=2)


def check_belief(shown, belief):
    if belief is None:
        assert "ended after epoch 3" in shown["label"]
        assert not any(shown["bars"])
    elif isinstance(belief, int):
        assert shown["mark"] == pytest.approx(shown["columns"][belief])
        assert not any(shown["bars"])
    else:
        np.testing.assert_allclose(shown["bars"], belief, atol=2e-5)
        for text, p in zip(shown["written"], belief, strict=True):
            assert float(text) == pytest.approx(p, abs=0.00501)


def check_metric(text, metric, done, epoch):
    if metric not in done[0].metrics:
        return
    digits = 1 if metric == "AEM" else 3
    ended = epoch > len(done)
    assert text.split()[-1] == ("–" if ended else f"{done[epoch - 1].metrics[metric]:.{digits}f}")


def test_every_epoch_and_image_shows_pythons_numbers(browser, replay):
    page = browser.new_page(viewport={"width": 1900, "height": 900})
    states = [
        {"epoch": epoch, "image": image, "metric": metric}
        for metric in ("AEM", "QWK", "log loss")
        for epoch in range(1, 6)
        for image in range(8)
    ]
    for state, look in zip(states, show_states(page, replay, states, LOOK), strict=True):
        replay.epoch, replay.image, replay.metric = state.values()
        for shown, belief in zip(look["beliefs"], replay.beliefs.values(), strict=True):
            check_belief(shown, belief)
        for text, done in zip(look["metrics"], replay.epochs.values(), strict=True):
            check_metric(text, replay.metric, done, replay.epoch)
        assert look["said"].startswith(f"Epoch {replay.epoch} of 5, image {replay.image + 1}")
    page.close()


def test_a_saved_page_plays_and_answers_keys_without_kernel_and_network(offline_page, replay):
    page, watch = offline_page(replay, new=True)  # for its clock is changed
    root = page.locator(".emdviz-explorer")
    slider = page.get_by_role("slider", name="Epoch")

    def epoch():
        return int(slider.input_value())

    assert epoch() == 2
    slider.focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert epoch() == 3
    page.get_by_role("radio", name="Image 1,").focus()
    page.keyboard.press("ArrowRight")
    wait_until(lambda: "image 2" in root.get_attribute("aria-label"))
    page.get_by_role("combobox", name="Metric").select_option("MAE")
    assert root.locator(".emdviz-metric").text_content() == (
        "MAE (class steps): mean |predicted class − label|; lower is better"
    )
    page.clock.install(time=datetime(2026, 1, 1))
    page.clock.pause_at(datetime(2026, 1, 2))
    page.get_by_role("button", name="Play").click()
    assert epoch() == 3, "nothing moves at once"
    page.clock.run_for(5000)
    assert epoch() == 5
    page.get_by_role("button", name="Play").click()
    assert epoch() == 1, "at the end it begins anew"
    page.clock.run_for(700)
    assert epoch() == 2
    page.get_by_role("button", name="Pause").click()
    page.clock.run_for(5000)
    assert epoch() == 2
    assert page.locator("img").first.evaluate("image => image.naturalWidth") == 32
    assert (watch.errors, watch.foreign_requests) == ([], [])


@pytest.mark.parametrize("style", ["notebook", "projector"])
def test_nothing_sticks_out_at_any_width(offline_page, faces, style):
    replay = TrainingReplay(made_up_epochs(LENGTHS, 8, 8), faces, style=style, metric="QWK")
    figure = Figure(offline_page(replay)[0])
    for width in (320, 450, 700, 1100, 1920):
        figure.page.set_viewport_size({"width": width, "height": 900})
        figure.rest()
        assert figure.page.evaluate("document.documentElement.scrollWidth") <= width
        assert (width, figure.sticking_out()) == (width, [])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(offline_page, replay, scheme):
    page, _ = offline_page(replay)
    page.emulate_media(color_scheme=scheme)
    Figure(page).rest()
    assert violations(page) == []
