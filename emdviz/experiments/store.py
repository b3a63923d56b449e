"""Runs on disk: a folder each, whole or not there."""

import contextlib
import io
import json
import os
import platform
import re
import shutil
import warnings
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import safetensors.torch

from emdviz.experiments.locks import Lock
from emdviz.experiments.specs import identify
from emdviz.training import read_history
from emdviz.training.results import make_row, make_table
from emdviz.writing import write_whole

FORMAT = "emdviz result 1"
TRACEBACK = "traceback.txt"
"""Of the last error that was not a run's own; in its folder."""

_FINISHED, _FAILED = "metrics.json", "failed.json"
_ID = re.compile(r"\w+(-\w+)+-[0-9a-f]{16}")


class Store:
    """A folder of runs.

    Each run has a folder named by its id: ``spec.json``; ``training/`` with the history and,
    until the run is finished, the state to go on from; ``weights.safetensors``, of the network;
    ``predictions.npz``; and last ``metrics.json``, which makes it a finished run. A run whose loss
    was no longer finite has ``failed.json`` instead. Every file is written beside its place and
    then moved there: whatever stops a program, the old state or the new one is left. There is no
    index: what the folders hold is the truth.

    Parameters
    ----------
    path : str or Path
        Made by the first run. To be shared by several machines, it must lie on a file system
        that they share.
    """

    def __init__(self, path):
        self.path = Path(path).expanduser().absolute()

    def __repr__(self):
        return f"Store({str(self.path)!r})"

    def folder(self, spec):
        """Return the folder of a run, given its spec or its id; it need not be there."""
        return self.path / getattr(spec, "id", spec)

    def row(self, spec):
        """Return the row of a finished or failed run, as in :func:`results`; None if neither.

        Raises
        ------
        ValueError
            If what is there cannot be read; with what to do.
        """
        return _read(str(self.folder(spec)), spec.id)

    def results(self):
        """Return a table of all finished and failed runs; see :func:`results`."""
        if not self.path.is_dir():
            raise FileNotFoundError(
                f"store must be a folder of runs, but there is none at {self.path}; "
                "experiments.run makes it"
            )
        rows, problems = [], []
        with os.scandir(self.path) as entries:
            for entry in sorted(entries, key=lambda one: one.name):
                try:
                    row = _look_at(entry)
                except ValueError as error:
                    problems.append(str(error))
                else:
                    rows += [] if row is None else [row]
        if problems:
            shown = "; ".join(problems[:5]) + ("; …" if len(problems) > 5 else "")
            warnings.warn(f"left out of {self.path}: {shown}", stacklevel=3)
        return make_table(rows)

    def predictions(self, spec):
        """Return what a finished run predicts for its "valid" and "test" splits.

        Returns
        -------
        dict of str to dict of str to array
            For each split: ``index`` (N,) of the images in the data set, ``labels`` (N,),
            ``classes`` (N,), and ``probabilities`` (N, C); for regression instead
            ``outputs`` (N,), in class steps and not rounded. Where the data set has real scores,
            these as ``scores`` (N,), and what is ``expected`` of each (N,).

        Raises
        ------
        FileNotFoundError
            If there is no such finished run.
        ValueError
            If its file cannot be read.
        """
        parts = {"valid": {}, "test": {}}
        path = self._part(spec, "predictions.npz")
        with (
            _reading(path),
            path.open("rb") as opened,  # np.load would leave a broken one open
            np.load(opened, allow_pickle=False) as file,
        ):
            for name in file.files:
                split, _, kind = name.partition(" ")
                parts[split][kind] = file[name]
        return parts

    def weights(self, spec):
        """Return the network's tensors by name, for ``load_state_dict``; errors as above."""
        path = self._part(spec, "weights.safetensors")
        with _reading(path):
            return safetensors.torch.load_file(path)

    def history(self, spec):
        """Return the epochs of a finished run, a list of ``training.Epoch``; errors as above."""
        return read_history(self._part(spec, "training/history.json"))[1]

    def lock(self, spec):
        """Return the lock of a run; its folder must be there before it can be acquired."""
        return Lock(self.folder(spec) / "lock")

    def begin(self, spec, *, afresh=False):
        """Get the folder of a run ready, under its lock; return it."""
        folder = self.folder(spec)
        if afresh:
            shutil.rmtree(folder / "training", ignore_errors=True)
            # so that a second try that is stopped goes on, too
            (folder / _FAILED).unlink(missing_ok=True)
        for litter in (*folder.glob(".*.[0-9]*"), *folder.glob("training/.*.[0-9]*")):
            litter.unlink(missing_ok=True)  # half-written by what was killed
        if not (folder / "spec.json").exists():
            write_whole(folder / "spec.json", _json(spec.to_dict()))
        return folder

    def finish(self, spec, metrics, seconds):
        """Make a run a finished one, under its lock; return its row."""
        row = self._settle(spec, _FINISHED, {"metrics": metrics, "seconds": seconds})
        for past in (_FAILED, TRACEBACK):
            (self.folder(spec) / past).unlink(missing_ok=True)
        return row

    def fail(self, spec, error):
        """Keep that a run cannot be finished, and why, under its lock; return its row."""
        return self._settle(spec, _FAILED, {"error": error})

    def _settle(self, spec, name, facts):
        folder = self.folder(spec)
        _sync(folder)  # what the run has written is safe on the disk before it counts as finished
        about = {"format": FORMAT, "id": spec.id, "spec": spec.to_dict()}
        about |= {"finished": datetime.now(UTC).isoformat(), "host": platform.node()}
        write_whole(folder / name, _json(about | facts))
        for state in folder.glob("training/*.safetensors"):
            state.unlink(missing_ok=True)
        return self.row(spec)

    def _part(self, spec, name):
        folder = self.folder(spec)
        path = folder / name
        if not (path.exists() and (folder / _FINISHED).exists()):
            raise FileNotFoundError(f"{folder} holds no {name} of a finished run; run its spec")
        return path


def results(store):
    """Return a table of all finished and failed runs of a store.

    Parameters
    ----------
    store : Store, str or Path

    Returns
    -------
    pandas.DataFrame
        A row per run, in the columns of :mod:`training.results`.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.

    Warns
    -----
    UserWarning
        If something in the store is no run, or cannot be read: what, and what to do. All other
        runs are in the table.
    """
    return as_store(store).results()


def as_store(store):
    """Return ``store``, or the :class:`Store` at that path."""
    return store if isinstance(store, Store) else Store(store)


def _look_at(entry):
    if entry.name.startswith("."):
        return None
    if not (entry.is_dir() and _ID.fullmatch(entry.name)):
        raise ValueError(f"{entry.name} is no run of this store: move it elsewhere")
    return _read(entry.path, entry.name)


def _read(folder, identity):
    for name in (_FINISHED, _FAILED):
        try:
            with open(f"{folder}/{name}", "rb", buffering=0) as file:
                text = file.read()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise _unreadable(folder, name, error) from None
        try:
            facts = json.loads(text)
            if facts["format"] != FORMAT:
                raise ValueError(f"its format is {facts['format']!r}, not {FORMAT!r}")
            if identify(facts["spec"]) != identity:
                raise ValueError(f"it holds the run {identify(facts['spec'])}")
            kept = {key: facts[key] for key in ("finished", "host")}
            datetime.fromisoformat(kept["finished"])  # else no table could be made of any run
            if name == _FAILED:
                return make_row(identity, facts["spec"], error=facts["error"], **kept)
            kept |= {"metrics": facts["metrics"], "seconds": facts["seconds"]}
            return make_row(identity, facts["spec"], **kept)
        except KeyError as error:
            raise _unreadable(folder, name, f"it lacks {error}") from None
        except (ValueError, TypeError, AttributeError) as error:
            raise _unreadable(folder, name, error) from None
    return None


@contextlib.contextmanager
def _reading(path):
    """Say of whatever goes wrong with a file that it cannot be read."""
    try:
        yield
    except Exception as error:
        raise _unreadable(path.parent, path.name, error) from None


def _unreadable(folder, name, error):
    return ValueError(
        f"{os.path.join(folder, name)} cannot be read ({error}): delete its folder and run the "
        "spec again"
    )


def _json(facts):
    return json.dumps(facts, indent=1).encode()


def _sync(folder):
    # Windows has no such thing for a folder
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def to_npz(arrays):
    """Return arrays by name as the bytes of an npz file."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()
