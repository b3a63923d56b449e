"""The examples of README run as they stand."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)


def test_there_are_examples():
    assert len(EXAMPLES) == 3


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
