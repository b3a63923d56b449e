"""The number of threads to compute with, and how they wait.

Imports nothing but the standard library, since it must run before torch is loaded.
"""

import os
import time
from contextlib import contextmanager
from pathlib import Path


def let_threads_sleep():
    """Let OpenMP's threads sleep while they wait for one another, unless the user said otherwise.

    By default they spin, which takes the processor from whatever they wait for: on a crowded
    machine a step then takes many times as long. OpenMP reads the variable when torch is loaded,
    so it has to be set before. OpenMP also gets the limit that a hub sets on the processor.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    cores = limit()
    if cores is not None and cores < (os.cpu_count() or 1):
        os.environ.setdefault("OMP_NUM_THREADS", str(cores))


def limit(path="/sys/fs/cgroup/cpu.max"):
    """Return how many cores the container of this process may use, or None without a limit.

    Examples
    --------
    >>> limit("no/such/file") is None
    True
    """
    try:
        quota, period = Path(path).read_text(encoding="ascii").split()
        return None if quota == "max" else max(1, round(int(quota) / int(period)))
    except (OSError, ValueError):
        return None


def idle_cores(path="/proc/stat"):
    """Return how many cores were idle since the last call or the import; None if unknown.

    A shorter time would count a browser that draws one figure as a program that computes.
    """
    now = _read_clocks(path)
    if now is None:
        return None
    before, idle = _seen.get(path, (now, None))
    age = now["time"] - before["time"]
    if age < SHORTEST and idle is not None:
        return idle
    if not SHORTEST <= age <= LONGEST or now["own"] < before["own"]:  # less after a fork
        time.sleep(SHORTEST)
        before, now = now, _read_clocks(path)
    spent = {name: now[name] - before[name] for name in now}
    cores = os.cpu_count() or 1
    idle = cores - min(cores, max(0, round((spent["all"] - spent["own"]) / spent["time"])))
    _seen[path] = now, idle
    return idle


SHORTEST, LONGEST = 0.2, 60.0
"""Seconds over which :func:`idle_cores` looks, at least and at most."""

_seen = {}
"""Path -> the clocks when it was last read, and the cores that were idle before that."""


def _read_clocks(path):
    """Return the seconds of the clock, those that all programs computed, and this one, or None."""
    try:
        words = Path(path).read_text(encoding="ascii").split(maxsplit=9)
        user, nice, system, _, _, irq, softirq = map(int, words[1:8])
        ticks = os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, AttributeError):  # AttributeError: Windows has no sysconf
        return None
    busy = (user + nice + system + irq + softirq) / ticks
    return {"time": time.monotonic(), "all": busy, "own": time.process_time()}


if (_clocks := _read_clocks("/proc/stat")) is not None:
    _seen["/proc/stat"] = _clocks, None


def choose_threads():
    """Return how many threads a run computes with: torch's number, or the idle cores if fewer.

    Where ``OMP_NUM_THREADS`` is set or torch has one thread, it is torch's number.
    """
    import torch

    usual = torch.get_num_threads()
    if usual == 1 or "OMP_NUM_THREADS" in os.environ:
        return usual
    idle = idle_cores()
    return usual if idle is None else max(1, min(usual, idle))


@contextmanager
def use_threads(count):
    """Let torch compute with so many threads inside the block."""
    import torch

    before = torch.get_num_threads()
    if count == before:
        yield
        return
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
