"""All figures on one page: each looks as it does alone."""

import numpy as np
import pytest

from emdviz import datasets, explorers
from emdviz.explorers.kit.bundler import bundle
from emdviz.training import TrainConfig
from tests.comparisons import made_up_epochs

pytestmark = pytest.mark.browser

BOXES = """(root) => {
  const { left, top } = root.getBoundingClientRect();
  return [root, ...root.querySelectorAll('*')].map((node) => {
    if (!node.getClientRects().length) return null; // it is not shown
    const box = node.getBoundingClientRect();
    return [box.left - left, box.top - top, box.width, box.height];
  });
}"""


@pytest.fixture(scope="module")
def figures():
    """The figures, by name, with as many parts as they have."""
    faces = datasets.load("synthetic_faces", n=60, size=32)
    losses = {"XE": 3, "REG": 3, "EMD2": 2, "EMD": 3}
    full = {
        "PredictionExplorer": {"p": [0.2, 0.3, 0.5], "q": [0.2, 0.6, 0.2], "equal_xe": True},
        "TransportExplorer": {"matrix": True},
        "ProprietyExplorer": {"t": [0.2, 0.5, 0.3], "p": [0.6, 0.3, 0.1]},
    }
    plain = explorers.WITHOUT_TORCH
    return {name: getattr(explorers, name)(**full.get(name, {})) for name in plain} | {
        "LossRace": explorers.LossRace(
            faces, list(losses), TrainConfig(epochs=3, device="cpu"), probe=[0, 1]
        ),
        "TrainingReplay": explorers.TrainingReplay(
            made_up_epochs(losses, 2, 8), faces, images=[0, 1]
        ),
    }


@pytest.fixture
def boxes(offline, tmp_path):
    """Return a function that shows figures on one page, and returns the boxes of all elements."""

    page, watch = offline("about:blank", viewport={"width": 1100, "height": 900})

    def boxes_(*shown):
        path = tmp_path / "page.html"
        parts = "".join(f"<div style='width: 1000px'>{each.fragment()}</div>" for each in shown)
        path.write_text(f"<!doctype html><body>{parts}</body>", encoding="utf-8")
        page.goto(path.as_uri())
        roots = page.locator(".emdviz-explorer")
        for i in range(len(shown)):
            roots.nth(i).locator(".emdviz-chart[viewBox]").last.wait_for(state="attached")
        page.wait_for_timeout(300)  # each is drawn when the browser has told it its size
        found = [roots.nth(i).evaluate(BOXES) for i in range(len(shown))]
        assert watch.errors == []
        return found

    return boxes_


@pytest.mark.parametrize("order", [1, -1], ids=["in order", "reversed"])
def test_every_figure_looks_as_it_does_alone(figures, boxes, order):
    names = list(figures)[::order]
    together = boxes(*(figures[name] for name in names))
    for name, found in zip(names, together, strict=True):
        (alone,) = boxes(figures[name])
        assert [box is None for box in found] == [box is None for box in alone], name
        shown = [[box for box in boxes if box] for boxes in (found, alone)]
        np.testing.assert_allclose(*shown, atol=0.05, err_msg=name)
        assert len(shown[0]) > 100


def test_joined_modules_run_as_they_would_alone(browser, tmp_path):
    modules = {
        "a": 'import { count, twice } from "./b.js";\nimport whole from "./b.js";\n'
        "const once = 1;\nexport default whole().then((late) => [late, twice(once), count()]);\n",
        "b": 'import { start } from "./c.js";\nlet once = start;\n'
        "export function count() {\n  return (once += 1);\n}\n"
        "export const twice = (x) => 2 * x;\n"
        "export async function later() {\n  return count();\n}\nexport default later;\n",
        "c": "export const start = 10;\n",
    }
    for name, text in modules.items():
        (tmp_path / f"{name}.js").write_text(text)
    page = browser.new_page()
    result = page.evaluate(
        "async (text) => (await import(URL.createObjectURL("
        "new Blob([text], { type: 'text/javascript' })))).default",
        bundle(tmp_path / "a.js"),
    )
    assert result == [11, 2, 12]
    page.close()
