"""The processes of a pool: how they begin, and how they end."""

import contextlib
import functools
import multiprocessing
import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor

import torch

from emdviz.reading import read_count


def processes(count, *, threads=1):
    """Return a function that makes a pool of processes, to be the executor of :func:`run`.

    The processes are started afresh (not forked, which CUDA forbids), so a script that uses them
    must do so under ``if __name__ == "__main__":``. They end with the program that made them.

    Parameters
    ----------
    count : int
        How many runs at a time.
    threads : int
        Of torch in each; with more threads than cores all get slower.

    Returns
    -------
    callable

    Raises
    ------
    ValueError, TypeError
        If ``count`` or ``threads`` is no number from 1 on.

    Examples
    --------
    >>> make = processes(2)
    """
    count, threads = read_count(count, "count", 1), read_count(threads, "threads", 1)
    return functools.partial(
        ProcessPoolExecutor,
        count,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=prepare_process,
        initargs=(threads,),
    )


def prepare_process(threads=1):
    """Get a process of a pool ready: it ends with its parent, and lets go of its run when told."""
    torch.set_num_threads(threads)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop.told)


class Stop:
    """What a process of a pool does when it is told to end: let go of its runs."""

    def __init__(self):
        self.owned = set()
        self._number, self._later = None, False

    def told(self, number, frame):
        """Handle a signal."""
        self._number = number
        if not self._later:
            self._end()

    @contextlib.contextmanager
    def later(self):
        """Let signals wait: a lock that is half taken or half let go of can only wait for ever."""
        self._later = True
        try:
            yield
        finally:
            self._later = False
            if self._number is not None:
                self._end()

    def _end(self):
        self._later = True  # a second signal need not disturb the first
        try:
            for lock in self.owned:
                lock.release()
        finally:  # whatever happens to the file of a lock
            os._exit(128 + self._number)


stop = Stop()


def _end_with_parent():
    multiprocessing.parent_process().join()
    os._exit(1)
