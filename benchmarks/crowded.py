"""Training beside busy programs: what it takes of its share of the processor, before and after."""

import itertools
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager

from benchmarks.timing import conditions, load, table

NEIGHBOURS = (0, 4, 8)
BUSY = "while True: pass"
PATIENCE = 40
"""Seconds after which a program is given up that trains beside others."""

START = 120
"""The same while it starts, beside none."""

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
config = TrainConfig(device="cpu", batch_size=60)
Run("small_cnn", "EMD2", faces, config).train(1)
print(flush=True)
input()
_threads.idle_cores()  # what was before the neighbours came does not count
time.sleep(1)
run = Run("small_cnn", "EMD2", faces, config)
run.train(1)
spent = []
for _ in range(3):
    wall, cpu = time.perf_counter(), time.process_time()
    run.train(2)
    spent.append((time.perf_counter() - wall, time.process_time() - cpu))
print(json.dumps([spent, run.threads]), flush=True)
"""


class Job:
    """A program that trains when it is told to; it starts before its neighbours."""

    def __init__(self, environment, threads):
        kept = {name: value for name, value in os.environ.items() if not name.startswith("OMP_")}
        self.process = subprocess.Popen(
            [sys.executable, "-c", JOB, threads], env=kept | environment,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        if not self._line(START):
            self.close()
            raise RuntimeError(f"a program did not start within {START} s")

    def train(self):
        """Return wall and processor time of an epoch, and threads; None if that takes too long."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        if not (line := self._line(PATIENCE)):
            return None
        spent, threads = json.loads(line)
        return *map(statistics.median, zip(*spent, strict=True)), threads

    def close(self):
        """End the program."""
        self.process.kill()
        self.process.communicate()

    def _line(self, seconds):
        """Return the next line that the program prints, or nothing after killing it."""
        alarm = threading.Timer(seconds, self.process.kill)
        alarm.start()
        try:
            return self.process.stdout.readline()
        finally:
            alarm.cancel()


@contextmanager
def busy_programs(count):
    """Run so many busy programs inside the block."""
    busy = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(count)]
    try:
        time.sleep(1)
        yield
    finally:
        for one in busy:
            one.kill()
        for one in busy:
            one.wait()


def beside(neighbours, way):
    """Return what :meth:`Job.train` does beside so many busy programs."""
    with closing(Job(*way)) as job, busy_programs(neighbours):
        return job.train()


def report():
    """Return the Markdown of this benchmark, which takes a few minutes."""
    start, rows, cores = load(), [], os.cpu_count()
    # with one thread nothing waits for another: its processor time is the work
    _, work, _ = beside(0, ({"OMP_NUM_THREADS": "1"}, "torch"))
    for neighbours, (name, way) in itertools.product(NEIGHBOURS, WAYS.items()):
        if (times := beside(neighbours, way)) is None:
            rows.append([neighbours, name, "", f"given up after {PATIENCE} s", "", ""])
            continue
        wall, cpu, threads = times
        share = min(1, cores / (neighbours + 1))
        ratio = f"{wall / (work / share):.2f}"
        rows.append([neighbours, name, threads, f"{wall:.2f} s", f"{cpu:.2f} s", ratio])
    heads = ["busy programs", "threads of", "threads", "time", "processor", "time / (work / share)"]
    return (
        f"## A crowded machine\n\n{conditions()} · {cores} cores · load {start} before, {load()} "
        "after, of which others make what the busy programs do not\n\n"
        "An epoch of small_cnn, 300 faces of 48 px, in a program of its own. Work is the "
        f"processor time of one thread, {work:.2f} s; the share is that of one program among "
        f"equals: {cores} cores for the busy programs and this one.\n\n{table(heads, rows)}"
    )
