"""The cost of scheduling runs: thousands of simulated runs, and a table of all of them."""

import contextlib
import os
import statistics
import tempfile
import time
from importlib import import_module
from pathlib import Path

from benchmarks.timing import conditions, table
from emdviz.experiments import RunSpec, results, run
from emdviz.metrics import METRICS
from emdviz.training import TrainConfig

RUN_SECONDS = 1e-3
WORKERS = 2


def simulate(spec, folder, on_epoch):
    """Be a run of a millisecond, with as many numbers as a real one."""
    time.sleep(RUN_SECONDS)
    values = dict.fromkeys(METRICS, spec.config.seed / 7)
    return {"metrics": {"valid": values, "test": values}, "seconds": RUN_SECONDS}, {}


@contextlib.contextmanager
def here():
    """One worker: this process."""
    yield None, 1


@contextlib.contextmanager
def dask():
    """Dask on this machine, with workers that have imported what they need."""
    from distributed import Client, LocalCluster

    options = {"n_workers": WORKERS, "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(**options) as cluster, Client(cluster) as client:
        client.run(import_module, "benchmarks.experiments")
        yield client.get_executor(), WORKERS


def measure(way, count, folder):
    """Seconds of so many runs, and how many workers did them."""
    specs = [RunSpec("digits", config=TrainConfig(seed=seed)) for seed in range(count)]
    with way() as (executor, workers):
        start = time.perf_counter()
        frame = run(specs, folder, executor=executor, progress=False, train=simulate)
        seconds = time.perf_counter() - start
    assert (frame["error"] == "").all()
    return seconds, workers


def scan(folder, *, rounds=5):
    """Median seconds of a table of all runs."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        frame = results(folder)
        times.append(time.perf_counter() - start)
    return statistics.median(times), len(frame)


def report(count=10_000):
    """Return the Markdown of this benchmark."""
    rows = []
    with tempfile.TemporaryDirectory() as root:
        for name, way in (
            ("one process", here),
            ("Dask, two workers", dask),
        ):
            folder = Path(root) / name
            seconds, workers = measure(way, count, folder)
            overhead = (seconds - count * RUN_SECONDS / workers) / count
            rows.append([name, f"{seconds:.1f} s", f"{1e3 * overhead:.2f} ms"])
        seconds, found = scan(folder)
    return (
        f"## Experiments\n\n{conditions()} · {os.cpu_count()} cores\n\n"
        f"{count:,} simulated runs of {1e3 * RUN_SECONDS:g} ms, each with its folder, its claim "
        "and its files on the disk.\n\n"
        + table(["where", "all runs", "overhead per run"], rows)
        + f"\n`results` of {found:,} finished runs: {seconds:.2f} s.\n\n"
        "What limits: the disk. A run forces three files and folders to it before it counts as "
        "finished; the\nscheduler's own part is what Dask adds to one process.\n"
    )
