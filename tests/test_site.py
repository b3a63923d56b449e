"""The site: whole, small, and built without torch from what was recorded."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import softmax
from scipy.stats import poisson

from emdviz import explorers, site
from emdviz.losses import LOSSES
from emdviz.metrics import METRICS
from emdviz.site import pages
from emdviz.site.recorded import RACE, Replay
from emdviz.site.steps import measured, steps
from emdviz.site.walks import WALKS, answers, traits

ROOT = Path(__file__).parents[1]
MOST = {"tour.html": 300_000, "index.html": 200_000}
MOST_OF_A_FIGURE = 150_000
WITHOUT_TORCH = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "torchvision", "tqdm", "jupyterlab"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
from emdviz import site
print(*site.build(sys.argv[1]), sep="\\n")
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-c", WITHOUT_TORCH, folder / "built"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert {Path(line) for line in done.stdout.split()} == set((folder / "built").iterdir())
    return folder / "built"


def test_there_is_a_page_for_every_figure():
    made = {type(page.make()).__name__ for page in site.PAGES.values()}
    assert made == {*explorers.WITHOUT_TORCH, "Replay"}


def test_a_page_of_each_figure_and_the_tour_are_written(tmp_path, monkeypatch):
    monkeypatch.setattr(pages, "_picture", lambda figure: "")  # they take seconds
    written = {path.name for path in site.build(tmp_path)}
    assert written == {"index.html", "tour.html", *(f"{name}.html" for name in site.PAGES)}
    assert written == {path.name for path in tmp_path.iterdir()}


@pytest.mark.slow
def test_all_pages_are_written(folder):
    assert {f"{name}.html" for name in site.PAGES} <= {path.name for path in folder.iterdir()}


@pytest.mark.slow
def test_pages_are_small_and_hold_all_they_need(folder):
    names = {path.name for path in folder.iterdir()}
    for path in folder.iterdir():
        page = path.read_text(encoding="utf-8")
        assert len(page.encode()) < MOST.get(path.name, MOST_OF_A_FIGURE), path
        outside = r"(?<!xmlns=\")https?:|//cdn|@import|<link|\bsrc=\"(?!data:)"
        assert not re.search(outside, page), path
        assert "default-src 'none'" in page
        assert {link.partition("#")[0] for link in re.findall(r'href="([^"#]+)', page)} <= names


def test_the_race_says_how_it_was_made_and_holds_known_losses_and_metrics():
    race = json.loads(RACE.read_text(encoding="utf-8"))
    assert race["made_by"] == "python scripts/record_race.py"
    assert set(race["epochs"]) == set(race["learning_rates"]) <= set(LOSSES)
    assert set(race["metrics"]) <= set(METRICS)
    shapes = {
        (len(e["belief"]["p"]), *{len(p) for p in e["belief"]["p"]})
        for epochs in race["epochs"].values()
        for e in epochs
        if e["belief"]["p"]
    }
    assert shapes == {(len(race["probe"]["images"]), len(race["classes"]))}
    for epochs in race["epochs"].values():
        for p in (p for e in epochs for p in e["belief"]["p"] or []):
            assert sum(p) == pytest.approx(1, abs=0.005)


def test_the_race_tells_the_browser_all_of_a_metric():
    for name, told in Replay().page_state()["_setup"]["metrics"].items():
        metric = METRICS[name]
        known = {"unit": metric.unit, "higher": metric.higher_is_better}
        assert told == known | {"definition": metric.definition}


def best_of_oll(t):
    """Least Σ_i −w_i log(1 − p_i), w_i = Σ_k t_k |i − k|: where p_i > 0, w_i / (1 − p_i) is one."""
    weights = t @ np.abs(np.subtract.outer(range(len(t)), range(len(t))))
    shares = lambda level: np.maximum(1 - weights / level, 0)  # noqa: E731
    return shares(brentq(lambda level: shares(level).sum() - 1, weights.min(), 1e3))


@pytest.mark.parametrize("name", WALKS)
def test_answers_on_a_walk_are_the_best(name):
    places = np.arange(8)
    soft = {
        "SORD": softmax(-np.abs(np.subtract.outer(places, places)), axis=1),
        "Poisson": softmax(poisson.pmf(places, places[:, None] + 1), axis=1),
    }
    best = {"CORN": lambda t: t, "OLL": best_of_oll}
    best |= {loss: lambda t, labels=labels: t @ labels for loss, labels in soft.items()}
    for loss, told in answers(name).items():
        for t, answer in zip(np.array(WALKS[name].states()), told, strict=True):
            np.testing.assert_allclose(answer["best"], best[loss](t), atol=2e-3)
            if loss in soft:
                p = t @ soft[loss]
                assert answer["least"] == pytest.approx(-p @ np.log(p), abs=2e-4)


def test_oll_gives_more_to_what_nobody_says_than_to_the_peaks():
    guesses = np.array(WALKS["far-classes"].end)
    best = np.array(answers("far-classes")["OLL"][-1]["best"])
    peaks, between = guesses == guesses.max(), np.isin(np.arange(8), [3, 4])
    assert guesses[between].tolist() == [0, 0]
    assert best[between].min() > best[peaks].max() + 0.05
    np.testing.assert_allclose(best[between], best.max(), atol=2e-3)
    (step,) = (step for step in steps(Replay()) if step.name == "far-classes")
    assert step.answers[step.right] == "More than the peaks"
    told = step.reveals.replace("\N{NO-BREAK SPACE}", " ")
    assert told.startswith(
        "More: 19 % each to 15-20 and 25-32, which nobody said, and 12 % to each"
    )


def test_a_step_begins_and_ends_on_its_walk():
    on_walk = {step.name: step for step in steps(Replay()) if step.on_walk}
    assert set(on_walk) == set(WALKS)
    for name, step in on_walk.items():
        known = [row["question"]["t"] for row in traits(name, [0.125] * 8)["_known"]]
        assert (step.asked["t"], step.shown["t"]) == (known[0], known[-1])
        figure = site.PAGES[step.figure].make()
        for t in known:  # a figure changes none of them
            figure.t = t
            assert figure.t == t


@pytest.mark.slow
def test_the_command_says_what_it_wrote(tmp_path):
    command = [sys.executable, "-m", "emdviz.site", "--help"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "Write the gallery, a page for each figure, and the tour to a folder." in said


def test_pages_count_steps():
    words = {15: "fifteen", 16: "sixteen", 17: "seventeen"}
    count = words[len(steps(Replay()))]
    for page in ("README.md", "docs/book/index.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        assert re.findall(r"(\w+) steps, each", text) == [count], page


def test_the_plans_for_teachers_name_steps_of_the_tour():
    lines = (ROOT / "docs" / "TEACHING.md").read_text(encoding="utf-8").splitlines()
    named = {
        name
        for line in lines
        if line.startswith("|")
        for part in re.findall(r"tour, ([^;|]*)", line)
        for name in re.findall(r"`([\w-]+)`", part)
    }
    assert len(named) > 5
    assert named <= {step.name for step in steps(Replay())}


def test_numbers_of_the_results_are_those_of_the_page():
    table = measured()
    assert set(table["rows"]) >= {LOSSES[name].label for name in ("XE", "EMD2", "XEMD2")}
    page = (ROOT / "docs" / "RESULTS.md").read_text(encoding="utf-8")
    for row in table["rows"].values():
        assert row["RPS"] in page
    with pytest.raises(FileNotFoundError, match="build the site in a clone of emdviz"):
        measured(ROOT / "nowhere.md")
