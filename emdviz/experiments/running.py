"""Run what a store lacks: here, in processes, or on a cluster."""

import contextlib
import functools
import queue
import secrets
import threading
import traceback
import warnings
from collections import Counter, deque
from concurrent.futures import BrokenExecutor, Executor, Future

from tqdm.auto import tqdm

from emdviz.experiments import work
from emdviz.experiments.specs import RunSpec
from emdviz.experiments.store import TRACEBACK, Store, as_store
from emdviz.experiments.workers import stop
from emdviz.reading import check_is, read_count, shown
from emdviz.training.results import make_row, make_table

POLL = 1.0
"""Seconds until a run that another program had is looked at again."""

# networks draw from the one random generator of a process
_one_at_a_time = threading.Lock()


def run(
    specs,
    store,
    executor=None,
    *,
    retries=1,
    retry_failed=False,
    on_result=None,
    progress=True,
    train=work.train,
):
    """Run what a store lacks, and return what it then holds of these specs.

    A run that was stopped goes on after its last finished epoch. Runs that another program is
    at are left to it, and waited for. Stop whenever you like; call it again to do the rest.

    Parameters
    ----------
    specs : iterable of RunSpec
        Equal ones run once.
    store : Store, str or Path
    executor : concurrent.futures.Executor or callable, optional
        What runs them: by default this process, one by one; :func:`processes`, for several on
        this machine; ``dask.distributed.Client.get_executor()``, for a cluster; or any function
        that makes an executor, which is shut down in the end, and made anew if it broke.
    retries : int
        How often a run is begun again whose worker died.
    retry_failed : bool
        Whether to begin again what the store keeps as failed.
    on_result : callable, optional
        Told ``(spec, row)`` of every run as soon as it ends; ``row`` is a dict of the columns
        below. What the store held before is not told.
    progress : bool
        Whether to show bars.
    train : callable
        What a run does, as :func:`work.train`; a function that workers can import.

    Returns
    -------
    pandas.DataFrame
        A row per spec in their order, with the columns of :func:`results`. A run without result
        says why in ``error``. The store keeps that only if the loss was no longer finite, since
        anything else may go well another time.

    Raises
    ------
    TypeError, ValueError
        If ``specs``, ``executor`` or ``retries`` is something else.

    Warns
    -----
    UserWarning
        If runs have no result.

    Examples
    --------
    >>> import tempfile
    >>> from emdviz.training import TrainConfig
    >>> config = TrainConfig(epochs=1, batch_size=16, device="cpu")
    >>> specs = [RunSpec("synthetic_faces", {"n": 64, "size": 32}, loss=loss, config=config)
    ...          for loss in ("XE", "EMD2")]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     frame = run(specs, folder, progress=False)
    >>> frame["loss"].tolist(), frame["error"].tolist()
    (['XE', 'EMD2'], ['', ''])
    """
    store, specs = as_store(store), _read_specs(specs)
    retries = read_count(retries, "retries")
    pools, rows, todo = _Pools(executor, progress), {}, []
    for spec in sorted(specs, key=_data_set):  # so that a worker seldom changes its data set
        try:
            row = store.row(spec)
        except ValueError as error:
            row = _error_row(spec, error)
        if row is None or (row["error"] and row["finished"] and retry_failed):
            todo.append(spec)
        else:
            rows[spec] = row
    arguments = (str(store.path), train, retry_failed)
    with tqdm(total=len(specs), initial=len(rows), unit="run", disable=not progress) as bar:
        for spec, row in _Sweep(todo, store, pools, arguments, retries).outcomes():
            rows[spec] = row
            bar.update()
            if on_result is not None:
                on_result(spec, row)
    lost = [rows[spec] for spec in specs if rows[spec]["error"]]
    if lost:
        first = f"{lost[0]['id']}: {lost[0]['error']}"
        warnings.warn(
            f"{len(lost)} of {len(specs)} runs have no result; column error says why: {first}",
            stacklevel=2,
        )
    return make_table([rows[spec] for spec in specs])


def _read_specs(specs):
    """Return each spec once, in their order."""
    try:
        specs = list(specs)
    except TypeError:
        raise TypeError(f"specs must be a list of RunSpec, got {shown(specs)}") from None
    for spec in specs:
        check_is(spec, "specs", RunSpec, "a list of RunSpec")
    return list(dict.fromkeys(specs))


def attempt(spec, path, train, retry_failed, call, on_epoch=None):
    """Do a run, if nobody has done it or is at it.

    Parameters
    ----------
    spec, train, retry_failed
        As for :func:`run`.
    path : str
        Of the store.
    call : str
        Another one for every call, since a cluster may remember the results of equal calls.
    on_epoch : callable, optional

    Returns
    -------
    dict or None
        The row of the run; None if another is at it.
    """
    store = Store(path)
    try:
        with _one_at_a_time:
            store.folder(spec).mkdir(parents=True, exist_ok=True)
            lock = store.lock(spec)
            try:  # around all of it, for a cell may be interrupted at any moment
                with stop.later():
                    if not lock.acquire():
                        return None
                    stop.owned.add(lock)
                return _do(spec, store, lock, train, retry_failed, on_epoch or (lambda epoch: None))
            finally:
                with stop.later():
                    stop.owned.discard(lock)
                    lock.release()
    except Exception as error:
        return _error_row(spec, error)


def _do(spec, store, lock, train, retry_failed, on_epoch):
    row = store.row(spec)
    if row is not None and not (retry_failed and row["error"]):
        return row
    folder = store.begin(spec, afresh=row is not None)
    try:
        metrics, seconds = train(spec, folder, on_epoch)
    except FloatingPointError as error:
        return store.fail(spec, str(error) or type(error).__name__)  # none would be no error
    except Exception:
        with contextlib.suppress(OSError):  # else a full disk would hide what went wrong
            (folder / TRACEBACK).write_text(traceback.format_exc(), encoding="utf-8")
        raise
    # after a long sleep of this machine another may have taken the run over
    return store.finish(spec, metrics, seconds) if lock.held() else None


def _error_row(spec, error):
    text = str(error).partition("\n")[0]
    # a kept failure has a time, which tells it from one that may go well another time
    return make_row(spec.id, spec.to_dict(), error=f"{type(error).__name__}: {text}")


def _data_set(spec):
    return spec.dataset, str(spec.dataset_options), -1 if spec.fold is None else spec.fold


class _Sweep:
    """The runs of one call of :func:`run`: waiting, under way, or left to another program."""

    def __init__(self, specs, store, pools, arguments, retries):
        self.waiting, self.flying, self.elsewhere = deque(specs), {}, []
        self.store, self.pools, self.arguments, self.retries = store, pools, arguments, retries
        self.deaths, self.breaks = Counter(), 0
        self.done = queue.SimpleQueue()

    def outcomes(self):
        """Yield (spec, row) as they come."""
        try:
            while self.waiting or self.flying or self.elsewhere:
                self._submit()
                try:
                    future = self.done.get(timeout=self._patience())
                except queue.Empty:
                    self.waiting += self.elsewhere
                    self.elsewhere = []
                    continue
                if future in self.flying:
                    yield from self._end(future)
        finally:
            for future in self.flying:
                future.cancel()
            self.pools.close(wait=not self.flying)

    def _patience(self):
        # many are asked for less often, to spare the file system
        return POLL + len(self.elsewhere) / 200 if self.elsewhere else None

    def _submit(self):
        while self.waiting and len(self.flying) < self.pools.width:
            spec = self.waiting.popleft()
            future = self.pools.submit(attempt, spec, *self.arguments, secrets.token_hex(8))
            self.flying[future] = spec
            future.add_done_callback(self.done.put)

    def _end(self, future):
        """Yield what is known for good, now that a future is done."""
        try:
            row = future.result()
        except BrokenExecutor as error:
            yield from self._mend(error)
            return
        except Exception as error:
            yield from self._try_again(self.flying.pop(future), error)
            return
        spec, self.breaks = self.flying.pop(future), 0
        if row is None:
            self.elsewhere.append(spec)
        else:
            yield spec, row

    def _try_again(self, spec, error):
        """Let a run whose worker died wait for another, unless that was its last chance."""
        self.deaths[spec] += 1
        if self.deaths[spec] <= self.retries:
            self.waiting.append(spec)
            return
        row = _error_row(spec, error)
        row["error"] = f"its worker died {self.deaths[spec]} times ({row['error']}); run it again"
        yield spec, row

    def _mend(self, error):
        """Go on after the whole pool has broken."""
        whole = {f: spec for f, spec in self.flying.items() if f.done() and not f.exception()}
        lost = [spec for future, spec in self.flying.items() if future not in whole]
        self.flying = whole
        if not self.pools.renew():
            advice = "its pool broke; run again with another, or give a function that makes one"
            for spec in (*lost, *self.waiting, *self.elsewhere):
                row = _error_row(spec, error)
                yield spec, row | {"error": f"{row['error']} ({advice})"}
            self.waiting, self.elsewhere = deque(), []
            return
        # the pool ends its other workers in order, and these let go of their runs
        guilty = [spec for spec in lost if self.store.lock(spec).reclaim()]
        self.breaks = 0 if guilty else self.breaks + 1
        if self.breaks > self.retries:  # it breaks before any run begins
            guilty = lost
        for spec in lost:
            if spec not in guilty:
                self.waiting.append(spec)
        for spec in guilty:
            yield from self._try_again(spec, error)


class _Pools:
    """The executor: this process, one that was given, or one that can be made anew."""

    def __init__(self, executor, progress):
        self.width = float("inf")
        self._pool = self._make = None
        if executor is None:
            self._make, self.width = functools.partial(_Here, progress), 1
        elif hasattr(executor, "submit"):
            self._pool = executor
        elif callable(executor):
            self._make = executor
        else:
            raise TypeError(
                "executor must be a concurrent.futures.Executor, a function that makes one, "
                f"or None, got {executor!r}"
            )

    def submit(self, *call):
        """Return the future of a call, whatever happens."""
        if self._pool is None:
            self._pool = self._make()
        try:
            return self._pool.submit(*call)
        except Exception as error:
            future = Future()
            future.set_exception(error)
            return future

    def renew(self):
        """End a broken pool, so that the next call makes another; return whether it can."""
        if self._make is not None:
            self.close(wait=True)
        return self._make is not None

    def close(self, *, wait):
        """End the pool, if it was made here."""
        if self._make is not None and self._pool is not None:
            self._pool.shutdown(wait=wait, cancel_futures=True)
            self._pool = None


class _Here(Executor):
    """This process: a call is done when it has been submitted."""

    def __init__(self, progress):
        self.progress = progress

    def submit(self, function, spec, *arguments):
        """Do the call, with a bar of the run's epochs."""
        future = Future()
        total, hidden = spec.config.epochs, not self.progress
        with tqdm(total=total, desc=spec.id, unit="epoch", leave=False, disable=hidden) as bar:
            future.set_result(function(spec, *arguments, on_epoch=lambda epoch: bar.update()))
        return future

    def shutdown(self, wait=True, *, cancel_futures=False):
        """Free the memory of the data set."""
        work.forget_data()
