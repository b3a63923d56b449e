"""Runs that train in turns, in threads of their own."""

import atexit
import threading
import time
import weakref
from contextvars import copy_context

from emdviz.training.at_once import Stopped, width_of

EXPECTED = (FloatingPointError, MemoryError, OSError)
"""Errors that end one run and leave the others in the race."""

_training = weakref.WeakSet()


class Race:
    """Runs that train in turns: epoch 1 of each, then epoch 2 of each, and so on.

    Small networks train at once, as many as torch has threads, with a thread each. One race
    trains at a time: to start one stops another, which can be resumed. So does a
    KeyboardInterrupt in a cell of a notebook, and the end of Python.

    Parameters
    ----------
    runs : dict of str to Run
        By the names of their losses; :func:`comparison.make_runs` makes them.
    on_change : callable, optional
        Called as ``on_change(urgent)`` whenever there is something new to show, in the thread
        that changed it; a change that every batch brings is not urgent.

    Attributes
    ----------
    runs
        As above.
    steps : dict of str to int
        Batches that each run has trained of its present epoch.
    errors : dict of str to Exception
        Why runs could not go on.
    failure : Exception or None
        The error that ended the race, if it is none of ``EXPECTED``.
    state : {"ready", "training", "stopping", "stopped", "finished"}
    """

    def __init__(self, runs, on_change=lambda urgent: None):
        self.runs, self.on_change = runs, on_change
        self.errors, self.failure = {}, None
        self.steps = dict.fromkeys(runs, 0)
        self._seconds = dict.fromkeys(runs, 0.0)
        self._lock, self._stop, self._thread = threading.RLock(), threading.Event(), None
        self._width, self._taken, self._threads = 1, set(), []
        begun = any(run.epochs for run in runs.values())
        self.state = "finished" if self._next() is None else "stopped" if begun else "ready"

    def start(self):
        """Begin, or go on after the last finished epochs; runs that failed are tried again.

        A run whose loss was no longer finite is not: it would fail at the same step.
        """
        for race in [other for other in _training if other is not self]:
            race.stop()
        if self.state == "stopping":
            self.stop()
        with self._lock:
            if self.is_alive():
                return
            kept = {k: e for k, e in self.errors.items() if isinstance(e, FloatingPointError)}
            self.errors, self.failure = kept, None
            if self._next() is None:
                return
            self._stop.clear()
            self._width = width_of(list(self.runs.values()))
            self.state = "training"
            # the thread prints into the output of the cell that started it
            run = copy_context().run
            self._thread = threading.Thread(target=run, args=(self._train,), daemon=True)
            _training.add(self)
            _watch_interrupts()
            self._thread.start()
        self.on_change(True)

    def ask_to_stop(self):
        """Let training stop after the present batch; the unfinished epoch is forgotten."""
        with self._lock:
            if self.state != "training":
                return
            self._stop.set()
            self.state = "stopping"
        self.on_change(True)

    def stop(self):
        """Stop after the present batch, and return when nothing trains any more."""
        thread = self._thread
        self.ask_to_stop()
        if thread is not None and threading.current_thread() not in (thread, *self._threads):
            thread.join()

    def wait(self, look=None):
        """Wait until nothing trains, and call ``look()`` every 0.2 s.

        Raises
        ------
        KeyboardInterrupt
            If there was one; training is stopped first.
        Exception
            The ``failure``, if there is one.
        """
        try:
            while self.is_alive():
                self._thread.join(0.2)  # a wait without end could not be interrupted
                if look is not None:
                    look()
        except KeyboardInterrupt:
            self.stop()
            raise
        if self.failure is not None:
            raise self.failure

    def is_alive(self):
        """Return whether the thread is still there."""
        return self._thread is not None and self._thread.is_alive()

    def seconds_left(self, name):
        """Return the seconds until a run ends, the turns of the others before that included.

        None if nothing was trained yet, or the run could not go on.
        """
        going = [other for other in self.runs if other not in self.errors]
        paces = {other: self._pace(other) for other in going}
        known = [pace for pace in paces.values() if pace is not None]
        if name not in going or not known:
            return None
        total = 0.0
        for i, other in enumerate(going):
            run = self.runs[other]
            epochs = run.config.epochs - (i > going.index(name))  # its last turn comes later
            steps = (epochs - len(run.epochs)) * run.steps - self.steps[other]
            pace = sum(known) / len(known) if paces[other] is None else paces[other]
            total += max(0, steps) * pace
        return total / min(self._width, len(going))

    def _pace(self, name):
        """Return the seconds that a run takes for a batch, or None."""
        run, steps = self.runs[name], self.steps[name]
        if run.epochs:
            return run.epochs[-1].seconds / (len(run.epochs) * run.steps)
        return self._seconds[name] / steps if steps else None

    def _next(self):
        """Return the name of the run whose turn it is, or None."""
        waiting = [
            (len(run.epochs), i, name)
            for i, (name, run) in enumerate(self.runs.items())
            if name not in {*self.errors, *self._taken} and len(run.epochs) < run.config.epochs
        ]
        return min(waiting)[2] if waiting else None

    def _train(self):
        self._threads = [
            threading.Thread(target=copy_context().run, args=(self._train_in_turn,), daemon=True)
            for _ in range(self._width - 1)
        ]
        for thread in self._threads:
            thread.start()
        self._train_in_turn()
        for thread in self._threads:
            thread.join()
        with self._lock:
            self.state = "finished" if self._next() is None else "stopped"
            _training.discard(self)
        self.on_change(True)

    def _train_in_turn(self):
        """Train an epoch of the run whose turn it is, and so on while there is one."""
        try:
            while (name := self._take()) is not None:
                try:
                    self._train_epoch(name, self.runs[name])
                except EXPECTED as error:
                    self.errors[name] = error
                finally:
                    self._taken.discard(name)
                self.on_change(False)
        except Stopped:
            pass
        except BaseException as error:
            self.failure = error
            self._stop.set()

    def _take(self):
        """Return the name of the run whose turn it is, and keep it from the other threads."""
        with self._lock:
            if (name := self._next()) is not None:
                self._taken.add(name)
            return name

    def _train_epoch(self, name, run):
        number, before, start = len(run.epochs) + 1, run.state(), time.perf_counter()

        def on_step():
            self.steps[name] += 1
            self._seconds[name] = time.perf_counter() - start
            self.on_change(False)
            self._raise_if_stopped()

        try:
            total = run.train(number, on_step=on_step)
            run.finish(total, time.perf_counter() - start)
        finally:
            self.steps[name] = 0
            if len(run.epochs) < number:
                run.restore(before)
        self._raise_if_stopped()

    def _raise_if_stopped(self):
        if self._stop.is_set():
            raise Stopped


def _watch_interrupts():
    """Stop training when a cell of the notebook is interrupted."""
    from IPython import get_ipython

    if (shell := get_ipython()) is not None:
        shell.events.register("post_run_cell", _after_cell)


def _after_cell(result):
    if isinstance(result.error_in_exec, KeyboardInterrupt):
        _stop_all()


@atexit.register
def _stop_all():
    # a thread inside torch crashes the process while Python ends
    for race in list(_training):
        race.stop()
