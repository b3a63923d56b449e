"""The default comparison of a table of 5,000 rows, from the file to the last number."""

import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.timing import conditions, load
from emdviz import comparing

ROWS, COLUMNS = 5000, 11


def write_table(path):
    """Write a table with seven classes of unequal size that depend on several columns at once."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS, COLUMNS))
    score = x @ rng.normal(size=COLUMNS) + np.sin(3 * x[:, 0]) + rng.normal(size=ROWS)
    frame = pd.DataFrame(x, columns=[f"x{k}" for k in range(COLUMNS)])
    cuts = np.quantile(score, [0.1, 0.3, 0.5, 0.7, 0.9, 0.97])
    frame.assign(grade=np.digitize(score, cuts)).to_csv(path, index=False)


def report():
    """Measure once; return the section of docs/BENCHMARKS.md."""
    told = f"{conditions()} · load {load()} before"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "grades.csv"
        write_table(path)
        start = time.perf_counter(), time.process_time()
        plan = comparing.plan(path, label="grade", folder=Path(folder) / "runs")
        planned = plan.seconds()
        measured = time.perf_counter() - start[0]
        made = plan.carry_out(progress=False)
        taken = time.perf_counter() - start[0] - measured
        cpu = time.process_time() - start[1]
    return (
        f"## A table of 5,000 rows in one command\n\n{told}, {load()} after\n\n"
        f"`python -m emdviz compare` of a table with {COLUMNS} columns of numbers and 7 classes, "
        f"all else by default: {len(made.search)} runs of an mlp to choose the learning rates of "
        f"{len(made.losses)} losses, of which {len(made.table)} are the comparison.\n\n"
        "| | seconds |\n|---|---|\n"
        f"| reading and planning, a few steps measured | {measured:.0f} |\n"
        f"| all else, as it was planned | {planned:.0f} |\n| as it was | {taken:.0f} |\n"
        f"| of the processor, in all | {cpu:.0f} |\n\n"
        "Where other programs are busy, the seconds of the processor compare better.\n"
    )
