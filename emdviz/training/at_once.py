"""Small networks that train at once on a CPU, a thread for each.

Two threads take a step of a small network to its end far less than twice as fast as one, for they
wait for each other some hundred times; two networks with a thread each lose nothing. Weights do
not depend on how many train at once.
"""

import queue
import threading
from concurrent.futures import ThreadPoolExecutor

from torch import get_num_threads

SMALL = ("small_cnn",)
"""The networks of which several train at once; of larger ones a single one may fill the memory."""


class Stopped(BaseException):
    """Training was asked to stop; no error of a run, as a KeyboardInterrupt is none."""


def can_train_at_once(model, losses, device):
    """Return whether runs of a network with these losses share no state, as a user's loss may."""
    return device.type == "cpu" and model in SMALL and all(loss.names for loss in losses)


def width_of(runs):
    """Return how many of these runs train at once: as many as torch has threads, or one."""
    if len(runs) > 1 and all(run.data.at_once and not run.is_random for run in runs):
        return fit_threads(len(runs))
    return 1


def fit_threads(count):
    """Return ``count``, or the number of torch's threads if that is smaller.

    On a crowded machine as well: such threads never wait for one another, so that none is slower
    for the others.
    """
    return min(count, get_num_threads())


def train_at_once(makes, width, on_epoch):
    """Make and train runs, ``width`` at a time; yield each and its error or None, in order.

    ``makes`` are functions that make a run, called in this thread, as is ``on_epoch(place, epoch)``
    after every epoch. An error is one of ``FloatingPointError`` and ``MemoryError``; others are
    raised.
    """
    makes, news, stop = list(makes), queue.Queue(), threading.Event()
    runs, outcomes, begun = {}, {}, 0

    def check():
        if stop.is_set():
            raise Stopped

    def train(place, run):
        try:
            for epoch in run.go(on_step=check):
                news.put((place, epoch, None))
            news.put((place, None, None))
        except BaseException as error:
            news.put((place, None, error))

    with ThreadPoolExecutor(width) as pool:
        try:
            for place in range(len(makes)):
                while place not in outcomes:
                    while begun < len(makes) and len(runs) < width:
                        runs[begun] = makes[begun]()
                        pool.submit(train, begun, runs[begun])
                        begun += 1
                    one, epoch, error = _next(news)
                    if epoch is not None:
                        on_epoch(one, epoch)
                    elif error is None or isinstance(error, FloatingPointError | MemoryError):
                        outcomes[one] = runs.pop(one), error
                    else:
                        raise error
                yield outcomes.pop(place)
        finally:
            stop.set()


def _next(news):
    """Return what comes next; a wait without end could not be interrupted everywhere."""
    while True:
        try:
            return news.get(timeout=0.2)
        except queue.Empty:
            continue
