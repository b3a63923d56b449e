"""How many threads to compute with, and what they do while they wait.

Imports nothing but the standard library, so that it can speak before torch is loaded.
"""

import os
from contextlib import contextmanager
from pathlib import Path


def let_threads_sleep():
    """Let OpenMP's threads sleep while they wait for one another, unless the user said otherwise.

    By default they spin, which takes the processor from whatever they wait for: on a crowded
    machine a step then takes many times as long. OpenMP reads the variable when torch is loaded,
    so it has to be set before. A limit on the processor, as hubs set it, is told to OpenMP as well.
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


def idle_cores(path="/proc/loadavg"):
    """Return how many cores other programs leave at this moment, or None where nothing tells."""
    try:
        running = int(Path(path).read_text(encoding="ascii").split()[3].partition("/")[0])
    except (OSError, ValueError, IndexError):
        return None
    return (os.cpu_count() or 1) - (running - 1)  # this one is running


def choose_threads():
    """Return how many threads a run computes with: torch's number, or what others leave of it.

    ``OMP_NUM_THREADS`` in the environment, or one thread in torch, settles it.
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
