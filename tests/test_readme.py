"""The examples of README run as they stand."""

import math
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)


def test_there_are_examples():
    assert len(EXAMPLES) == 3


def test_times_of_figures_are_those_that_were_measured():
    page = (ROOT / "docs" / "BENCHMARKS.md").read_text("utf-8")
    measured = {
        name: (float(drawn), float(painted))
        for name, drawn, painted in re.findall(
            r"\| (\w+)Explorer \| [\d.]+, ([\d.]+) \| [\d.]+, ([\d.]+) \|", page
        )
    }
    assert list(measured) == ["Prediction", "Transport", "Propriety", "Gradient", "Sinkhorn"]
    text = (ROOT / "README.md").read_text("utf-8")
    told = re.search(r"redrawn within (\d+) ms of a key and on the screen within (\d+) ms", text)
    from_python = re.findall(r"three losses from Python \| ([\d.]+),", page)
    (after,) = re.findall(r"computes about (\d+) ms after a key", " ".join(text.split()))
    assert {round(float(time)) for time in from_python} == {int(after)}
    slowest = [max(times) for times in zip(*measured.values(), strict=True)]
    assert [int(number) for number in told.groups()] == [math.ceil(time) for time in slowest]


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=["explorer", "loss", "comparison"])
def test_runs(example, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    exec(compile(example, "README.md", "exec"), {"__name__": "__main__"})
    if "conclude" in example:
        told = capsys.readouterr().out
        assert "RPS (lower is better): " in told
        for loss in ("EMD²", "CORN", "my_loss"):
            assert re.search(rf"{loss}\b[^.;]* (than|from) XE", told, re.DOTALL), told
