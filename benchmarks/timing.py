"""Fair timing on busy machines: interleaved and repeated, with medians and ratios."""

import os
import platform
import statistics
import time
from datetime import date
from importlib.metadata import version

import torch


def interleaved(
    functions,
    *,
    rounds=30,
    slice_seconds=2e-3,
    warm_up=3,
    synchronize=None,
    clock=time.perf_counter,
):
    """Time several functions in turns, so that a busy moment hits all of them alike.

    Parameters
    ----------
    functions : dict of str to callable
    rounds : int
        Turns that every function gets.
    slice_seconds : float
        A turn repeats a function until about this long has passed.
    warm_up : int
        Calls before the turns, twice: to warm up, and to see how long one takes.
    synchronize : callable, optional
        Waits for the device.
    clock : callable
        ``time.process_time`` does not count what other programs take of the processor.

    Returns
    -------
    dict of str to float
        Median seconds per call.
    """
    wait = synchronize or (lambda: None)

    def turn(function, repeats):
        wait()
        start = clock()
        for _ in range(repeats):
            function()
        wait()
        return (clock() - start) / repeats

    repeats = {}
    for name, function in functions.items():
        turn(function, warm_up)
        repeats[name] = max(1, round(slice_seconds / max(turn(function, warm_up), 1e-6)))
    times = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            times[name].append(turn(function, repeats[name]))
    return {name: statistics.median(values) for name, values in times.items()}


def clock_of(device):
    """Return the clock for calls on a device: the processor's own time on a CPU."""
    return time.process_time if device == "cpu" else time.perf_counter


def processor(function):
    """Return the processor seconds of a call, with those of processes that it started and ended."""
    before = os.times()
    function()
    after = os.times()
    return sum(after[:4]) - sum(before[:4])


def microseconds(seconds):
    """Write a duration for a table."""
    return f"{seconds * 1e6:,.0f} µs" if seconds < 0.01 else f"{seconds * 1e3:,.1f} ms"


def table(heads, rows):
    """Return a Markdown table."""
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    lines += [f"| {' | '.join(map(str, row))} |" for row in rows]
    return "\n".join(lines) + "\n"


def conditions(device="cpu"):
    """Say where and when a table was made."""
    if device == "cpu":
        where = f"CPU, {torch.get_num_threads()} thread(s), {platform.machine()}"
    else:
        where = torch.cuda.get_device_name()
    packages = []
    for name in ("torch", "numpy", "POT", "scipy", "dlordinal"):
        try:
            packages.append(f"{name} {version(name)}")
        except ImportError:
            continue
    python = f"Python {platform.python_version()}"
    return f"{date.today().isoformat()} · {where} · {python} · {' · '.join(packages)}"


def load():
    """Return how many programs wanted to run in the last minute, on average, as a text."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
