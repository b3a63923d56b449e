"""The site: whole, small, and built without torch from what was recorded."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from emdviz import explorers, site
from emdviz.losses import LOSSES
from emdviz.metrics import METRICS
from emdviz.site.recorded import RACE, Replay
from emdviz.site.steps import measured, steps

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


def test_there_is_a_page_for_every_figure(folder):
    made = {type(page.make()).__name__ for page in site.PAGES.values()}
    figures = {name for name in explorers.__all__ if name.endswith("Explorer")}
    assert made == figures | {"Replay"}
    assert {f"{name}.html" for name in site.PAGES} <= {path.name for path in folder.iterdir()}


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


def test_the_command_says_what_it_wrote(tmp_path):
    command = [sys.executable, "-m", "emdviz.site", "--help"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "Write the gallery, a page for each figure, and the tour to a folder." in said


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
