"""Benchmarks that seldom run, such as that for a GPU, in a tiny form."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.gpu", *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
    )


def printed_by(code):
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, encoding="utf-8", check=True
    ).stdout


@pytest.mark.slow
def test_it_runs_in_a_tiny_form_on_a_cpu(tmp_path):
    path = tmp_path / "deep" / "page.md"
    done = run("--device", "cpu", "--tiny", "--out", path)
    assert done.returncode == 0, done.stderr
    page = path.read_text(encoding="utf-8")
    assert page.strip() == done.stdout.strip()
    for heading in ("Losses", "AEMD", "Training", "One fold of Table 1"):
        assert f"\n## {heading}\n" in page
    assert "copy of logits and gradient" in page
    assert "nan" not in page


@pytest.mark.slow
def test_without_a_gpu_it_says_so():
    done = run()
    assert done.returncode == 1
    assert "no GPU here" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("model", ["linear", "mlp"])
def test_many_heads_run_in_a_tiny_form(model):
    code = (
        "from benchmarks import heads; "
        f"print(heads.against_one_by_one(rows=80, width=3, seeds=1, epochs=1, model={model!r}))"
    )
    page = printed_by(code)
    (_, *times) = [line.split(" | ") for line in page.strip().splitlines()[2:]]
    assert [row[0].strip("| ") for row in times] == [
        *(["bare torch loop, one by one"] if model == "linear" else []),
        "training.fit, one by one",
    ]
    assert all(float(row[2]) > 0 and float(row[4].rstrip("| ")) > 0 for row in times)


@pytest.mark.slow
def test_simulated_runs_end_with_a_result(tmp_path):
    code = (
        "from benchmarks import experiments as bench; "
        f"print(*bench.measure(bench.here, 3, {str(tmp_path)!r}), bench.scan({str(tmp_path)!r}))"
    )
    found = printed_by(code).split()
    assert float(found[0]) > 3e-3
    assert found[-1] == "3)"
