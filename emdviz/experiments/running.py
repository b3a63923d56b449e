"""Run what a store lacks: here, in several processes, or on a cluster."""

import contextlib
import queue
import secrets
import threading
import traceback
import warnings
from collections import deque
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait

from tqdm.auto import tqdm

from emdviz.experiments import work
from emdviz.experiments.claims import Claim
from emdviz.experiments.cluster import local_workers
from emdviz.experiments.specs import RunSpec
from emdviz.experiments.store import Store, as_store
from emdviz.reading import check_is, read_count, shown
from emdviz.training.at_once import Stopped, fit_threads
from emdviz.training.results import make_row, make_table

POLL = 1.0
"""Seconds until a run is looked at again that another program works on."""

TRACEBACK = "traceback.txt"
"""File of the last error that was not the run's own, in the folder of a run that has not ended."""


def run(
    specs,
    store,
    workers=1,
    executor=None,
    *,
    retry_failed=False,
    on_result=None,
    progress=True,
    train=work.train,
):
    """Run what a store lacks, and return what it then holds of these specs.

    A run that was stopped goes on after its last finished epoch. Runs that another program works
    on are left to it, and waited for. Stop whenever you like; call it again to do the rest.

    Parameters
    ----------
    specs : iterable of RunSpec
        Equal ones run once.
    store : Store, str or Path
    workers : int
        Processes on this machine: 1 is this one, more are started by Dask (extra ``cluster``). A
        script must ask for them under ``if __name__ == "__main__":``, since they import it again.
        On a CPU, this process trains several runs of ``"small_cnn"`` with losses of this package
        at once, a thread each; of all others one at a time.
    executor : concurrent.futures.Executor, optional
        What runs them instead, such as ``dask.distributed.Client.get_executor()`` for a cluster.
    retry_failed : bool
        Whether to begin again what the store keeps as failed.
    on_result : callable, optional
        Called as ``on_result(spec, row)`` as soon as a run ends; ``row`` is a dict of the columns
        below. Results that the store held before do not count.
    progress : bool
        Whether to show bars; ``TQDM_DISABLE=1`` in the environment hides them all the same.
    train : callable
        What is done for a run, as :func:`work.train`; a function that workers can import.

    Returns
    -------
    pandas.DataFrame
        A row per spec in their order, with the columns of :func:`results`. A run without result
        says why in ``error``. The store keeps that only if the loss was no longer finite, since
        anything else may go well another time.

    Raises
    ------
    TypeError, ValueError
        If ``specs``, ``workers`` or ``executor`` is something else.
    ModuleNotFoundError
        If there shall be several workers, and Dask is not installed.
    RuntimeError
        If a script without ``if __name__ == "__main__":`` asks for several workers.

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
    workers = read_count(workers, "workers", 1)
    if executor is not None:
        if not hasattr(executor, "submit"):
            raise TypeError(
                f"executor must be a concurrent.futures.Executor or None, got {executor!r}; "
                "for processes on this machine give workers"
            )
        if workers > 1:
            raise ValueError(f"give workers or an executor, not both; got {workers} workers")
    if not specs:
        raise ValueError("specs must hold a RunSpec or more, got none: there is nothing to run")
    rows, todo, unfinished = {}, [], store.unfinished()
    for spec in sorted(specs, key=_data_set):  # so that a worker seldom changes its data set
        try:
            row = store.row(spec)
        except ValueError as error:
            row = _error_row(spec, error)
        again = retry_failed and row is not None and row["error"] and row["finished"]
        if row is None or again or spec.id in unfinished:  # one was killed before it cleared up
            todo.append(spec)
        else:
            rows[spec] = row
    arguments = (str(store.path), train, retry_failed)
    with (
        _choose_executor(workers, executor, progress, todo, train) as (chosen, width),
        tqdm(total=len(specs), initial=len(rows), unit="run", **_shown(progress)) as bar,
    ):
        for spec, row in _outcomes(todo, chosen, width, arguments):
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


@contextlib.contextmanager
def _choose_executor(workers, executor, progress, todo, train):
    """Yield an executor, and how many runs it is given at a time."""
    if executor is not None:
        yield executor, float("inf")
    elif workers > 1 and todo:
        with local_workers(workers) as started:
            yield started, workers  # so that the death of a worker counts against its run only
    else:
        at_once = train is work.train and len(todo) > 1 and all(map(work.is_small, todo))
        width = fit_threads(len(todo)) if at_once else 1
        with _ThisProcess(progress, width) as here:
            yield here, width


class _ThisProcess(Executor):
    """This process as an executor: it trains several small networks at once, a thread each.

    With a ``width`` of 1 a call has been done when ``submit`` returns.
    """

    def __init__(self, progress, width):
        self.progress, self._stop = progress, threading.Event()
        self._pool = ThreadPoolExecutor(width) if width > 1 else None
        self._data, self._pending = None, []

    def submit(self, function, spec, *arguments):
        """Do the call, with a bar of the run's epochs."""
        total, bars = spec.config.epochs, _shown(self.progress)
        bar = tqdm(total=total, desc=spec.id, unit="epoch", leave=False, **bars)
        hooks = {"on_epoch": lambda epoch: bar.update()}
        if self._pool is not None:
            hooks["on_step"] = self._check

        def call():
            with bar:
                return function(spec, *arguments, **hooks)

        if self._pool is None:
            future = Future()
            future.set_result(call())
            return future
        if _data_set(spec) != self._data:  # two may not fit into memory
            while wait(self._pending, timeout=0.2).not_done:
                continue
            self._data, self._pending = _data_set(spec), []
        self._pending.append(self._pool.submit(call))
        return self._pending[-1]

    def _check(self):
        if self._stop.is_set():
            raise Stopped

    def shutdown(self, wait=True, *, cancel_futures=False):
        """Stop what still trains, after its present batch; free the memory of the data set."""
        self._stop.set()
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        work.forget_data()


def _shown(progress):
    """Return options of tqdm that show a bar, unless ``TQDM_DISABLE`` forbids it."""
    return {} if progress else {"disable": True}


def _outcomes(todo, executor, width, arguments):
    """Yield (spec, row) of each run as it ends."""
    waiting, pending, elsewhere, done = deque(todo), {}, [], queue.SimpleQueue()
    spared, store = set(), Store(arguments[0])
    try:
        while waiting or pending or elsewhere:
            while waiting and len(pending) < width:
                spec = waiting.popleft()
                future = _submit(executor, attempt, spec, *arguments, secrets.token_hex(8))
                pending[future] = spec
                future.add_done_callback(done.put)
            try:
                # many are asked for less often, to spare the file system
                future = done.get(timeout=POLL + len(elsewhere) / 200)
            except queue.Empty:
                waiting += elsewhere
                elsewhere = []
                continue
            spec = pending.pop(future)
            try:
                row = future.result()
            except Exception as error:  # of the executor: what a run raises is in its row
                if _is_killed(error) and spec not in spared and not store.state(spec).exists():
                    # it was queued at workers that died with other runs, and has not begun
                    spared.add(spec)
                    waiting.append(spec)
                    continue
                row = _lost_row(spec, error)
            if row is None:
                elsewhere.append(spec)
            else:
                yield spec, row
    finally:
        for future in pending:
            future.cancel()


def _submit(executor, *call):
    """Return the future of a call, also where the executor has broken."""
    try:
        return executor.submit(*call)
    except Exception as error:
        future = Future()
        future.set_exception(error)
        return future


def attempt(spec, path, train, retry_failed, call, on_epoch=None, on_step=None):
    """Do a run and return its row; None if another process works on it.

    ``call`` is different for every call, since Dask may remember the results of equal calls.
    Others train at the same time in this process if ``on_step`` is given, as ``train`` then is.
    """
    store, hooks = Store(path), [on_epoch or (lambda epoch: None)]
    if on_step is not None:
        hooks.append(on_step)
    try:
        with work.one_at_a_time if on_step is None else contextlib.nullcontext():
            claim = Claim(store.state(spec))
            try:  # around all of it, for a cell may be interrupted at any moment
                if not claim.take():
                    return None
                return _do(spec, store, claim, train, retry_failed, hooks)
            finally:
                claim.release()
                with contextlib.suppress(OSError):
                    store.state(spec).rmdir()  # if nothing is in it
    except Exception as error:
        return _error_row(spec, error)


def _do(spec, store, claim, train, retry_failed, hooks):
    row = store.row(spec)
    if row is not None and not (retry_failed and row["error"]):
        store.clear(spec)
        return row
    folder = store.begin(spec, afresh=row is not None)
    try:
        facts, files = train(spec, folder, *hooks)
    except FloatingPointError as error:
        facts, files = {"error": str(error) or type(error).__name__}, {}
    except Exception:
        with contextlib.suppress(OSError):  # a full disk must not hide the error
            (folder / TRACEBACK).write_text(traceback.format_exc(), encoding="utf-8")
        raise
    # while this machine slept, another program may have taken the run over
    return store.finish(spec, facts, files) if claim.is_held() else None


def _is_killed(error):
    """Say whether Dask gave a run up since workers died with it."""
    return type(error).__name__ == "KilledWorker"


def _lost_row(spec, error):
    if _is_killed(error):  # Dask's message describes its own parts
        tries = error.allowed_failures + 1
        text = f"its worker died {tries} times, as it does where memory is too small; run it again"
        return make_row(spec.id, spec.to_dict(), error=text)
    row = _error_row(spec, error)
    row["error"] += " (its worker or executor broke; run it again)"
    return row


def _error_row(spec, error):
    text = str(error).partition("\n")[0]
    # without a time in `finished`: the store does not keep it, as it may go well another time
    return make_row(spec.id, spec.to_dict(), error=f"{type(error).__name__}: {text}")


def _data_set(spec):
    return spec.dataset, str(spec.dataset_options), -1 if spec.fold is None else spec.fold
