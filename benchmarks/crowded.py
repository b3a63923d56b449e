"""Training beside busy programs: what it takes of its share of the processor, before and after."""

import json
import os
import subprocess
import sys

from benchmarks.timing import conditions, load, table

NEIGHBOURS = (0, 4, 8)
BUSY = "while True: pass"
PATIENCE = 30
"""Seconds after which a job is given up, its start included."""

WAYS = {
    "torch's own threads, which spin": ({"OMP_WAIT_POLICY": "ACTIVE"}, "torch"),
    "torch's own threads, asleep": ({"OMP_WAIT_POLICY": "PASSIVE"}, "torch"),
    "emdviz": ({}, "emdviz"),
}
JOB = """
import json, sys, time
from emdviz import _threads
if sys.argv[1] == "torch":
    _threads.choose_threads = lambda: __import__("torch").get_num_threads()
from emdviz import datasets
from emdviz.training import Run, TrainConfig
faces = datasets.load("synthetic_faces", n=300, size=48)
run = Run("small_cnn", "EMD2", faces, TrainConfig(device="cpu", batch_size=60))
run.train(1)
wall, cpu = time.perf_counter(), time.process_time()
run.train(2)
spent = time.perf_counter() - wall, time.process_time() - cpu
print(json.dumps([*spent, run.threads]))
"""


def job(environment, threads):
    """Train an epoch in a process of its own; return wall and processor time, threads."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OMP_")}
    try:
        done = subprocess.run(
            [sys.executable, "-c", JOB, threads], env=kept | environment,
            capture_output=True, text=True, check=True, timeout=PATIENCE,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return float("nan"), float("nan"), "given up"
    return json.loads(done.stdout)


def beside(neighbours, ways):
    """Return way -> (wall, processor, threads) beside so many busy programs."""
    busy = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(neighbours)]
    try:
        return {name: job(*way) for name, way in ways.items()}
    finally:
        for one in busy:
            one.kill()
        for one in busy:
            one.wait()


def report():
    """Return the Markdown of this benchmark."""
    start, rows, cores = load(), [], os.cpu_count()
    work = None
    for neighbours in NEIGHBOURS:
        for name, (wall, cpu, threads) in beside(neighbours, WAYS).items():
            # with one thread nothing waits for another: its processor time is the work
            work = job({"OMP_NUM_THREADS": "1"}, "torch")[1] if work is None else work
            share = min(1, cores / (neighbours + 1))
            rows.append(
                [neighbours, name, threads, f"{wall:.2f} s", f"{cpu:.2f} s",
                 f"{wall / (work / share):.2f}"]
                if wall == wall
                else [neighbours, name, "", f"given up after {PATIENCE} s", "", ""]
            )  # fmt: skip
    heads = ["busy programs", "threads of", "threads", "time", "processor", "time / (work / share)"]
    return (
        f"## A crowded machine\n\n{conditions()} · {cores} cores · load {start} before, {load()} "
        "after, of which others make what the busy programs do not\n\n"
        "An epoch of small_cnn, 300 faces of 48 px, in a process of its own. Work is the "
        f"processor time of one thread, {work:.2f} s; the share is that of one program among "
        f"equals: {cores} cores for the busy programs and this one.\n\n{table(heads, rows)}"
    )
