"""Labels of losses are other people's text: of any length, in any script, and never markup."""

import pytest

from emdviz import datasets
from emdviz.explorers import LossRace
from emdviz.losses import LOSSES, Loss, register
from emdviz.training import TrainConfig
from tests.browser.figure import Figure
from tests.browser.test_accessibility import violations

pytestmark = pytest.mark.browser

LABELS = {
    "LONG": "<b>Cost</b>-aware squared distance of cumulative sums, 👩‍🔬 edition",
    "RTL": "מרחק <img src=x onerror=alert(1)> בין התפלגויות מצטברות",
    "WORD": "W" * 60,
}

OUTSIDE = """(root) => {
  const whole = root.getBoundingClientRect();
  return [...root.querySelectorAll('*')].filter((node) => {
    const box = node.getBoundingClientRect();
    return box.width && (box.left < whole.left - 1 || box.right > whole.right + 1)
      && !node.closest('.emdviz-short, .emdviz-spoken, .emdviz-racer > .emdviz-loss');
  }).map((node) => `${node.tagName} ${node.getAttribute('class')} ${node.textContent}`);
}"""

ORDER = """(root) => [...root.querySelectorAll('.emdviz-curve-name')].map((text) => {
  const { x, width } = text.getBBox();
  const last = text.getNumberOfChars() - 1;
  return text.getExtentOfChar(last).x + text.getExtentOfChar(last).width - (x + width);
})"""


@pytest.fixture(scope="module")
def race():
    def make(num_classes, num_features):
        return LOSSES["XE"].make(num_classes, num_features)

    for name, label in LABELS.items():
        register(Loss(name, make, label=label))
    faces = datasets.load("synthetic_faces", n=96, size=32)
    config = TrainConfig(epochs=2, batch_size=32, device="cpu")
    trained = LossRace(faces, list(LABELS), config, probe=[0, 1])
    trained.start()
    trained.wait(text=False)
    assert trained.errors == {}
    yield trained
    for name in LABELS:
        del LOSSES[name]


@pytest.mark.parametrize("kind", ["race", "replay"])
def test_any_label_leaves_the_figure_as_it_is(offline_page, race, kind):
    page, watch = offline_page(race if kind == "race" else race.replay())
    figure = Figure(page)
    assert figure.root.locator("b, img[src=x]").count() == 0
    names = figure.root.locator(".emdviz-loss")
    for shown, label in zip(names.all_inner_texts(), LABELS.values(), strict=True):
        assert shown.strip("\u2068\u2069\n ") == label
    for width in (320, 700, 1400):
        page.set_viewport_size({"width": width, "height": 900})
        figure.rest()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert (width, figure.sticking_out()) == (width, [])
        assert (width, figure.root.evaluate(OUTSIDE)) == (width, [])
        for chart in figure.root.locator(".emdviz-frame").all():
            assert chart.bounding_box()["width"] >= 50, "no chart is squeezed by a name"
        ends = figure.root.evaluate(ORDER)
        assert len(ends) == len(LABELS)
        assert max(map(abs, ends)) < 1, "the number is at the right of its name"
    texts = figure.root.locator(".emdviz-curve-name").all_text_contents()
    assert all("…" in text for text in texts)
    assert violations(page) == []
    assert (watch.errors, watch.foreign_requests) == ([], [])
