"""Runs on disk: a folder each, whole or not there."""

import contextlib
import json
import os
import re
import secrets
import shutil
import warnings
from datetime import datetime
from pathlib import Path

import safetensors.torch

from emdviz.experiments.specs import identify
from emdviz.reading import read_path
from emdviz.training import kept
from emdviz.training.results import make_row, make_table
from emdviz.training.state import HISTORY, WEIGHTS
from emdviz.writing import write_whole

TRAINING = "training"
MAP = "map"
"""The folder of a store that holds the results of the map."""

_ID = re.compile(r"\w+(-\w+)+-[0-9a-f]{16}")


class Store:
    """A folder of runs.

    A run that ended has a folder named by its id: ``result.json`` (what was run, its metrics, or
    why it failed), ``history.json``, ``weights.safetensors`` of the network, and
    ``predictions.npz``. The folder is filled elsewhere and then moved to its place, so that it is
    whole or not there. ``training/`` holds a folder for each run that has not ended: its state
    after the last finished epoch, and which process works on it. There is no index: the folders
    tell everything.

    Parameters
    ----------
    path : str or Path
        Made by the first run. To be shared by several machines, it must lie on a file system
        that they share.
    """

    def __init__(self, path):
        self.path = read_path(path, "store", "a Store, or the folder of one").absolute()

    def __repr__(self):
        return f"Store({str(self.path)!r})"

    def folder(self, spec):
        """Return the folder of a run that ended, given its spec or id; it need not be there."""
        return self.path / getattr(spec, "id", spec)

    def state(self, spec):
        """Return the folder of a run that has not ended, likewise."""
        return self.path / TRAINING / getattr(spec, "id", spec)

    def row(self, spec):
        """Return the row of a finished or failed run, as in :func:`results`; None if neither."""
        return _read_row(self.folder(spec), spec.id)

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
                    row = _read_entry(entry)
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
        return kept.read_predictions(self.folder(spec))

    def weights(self, spec):
        """Return the network's tensors by name, for ``load_state_dict``; errors as above."""
        with kept.reading(kept.part(self.folder(spec), WEIGHTS)) as path:
            return safetensors.torch.load_file(path)

    def load(self, spec):
        """Return the network of a finished run, ready to predict; see :func:`load`."""
        return kept.load_run(self.folder(spec))

    def history(self, spec):
        """Return the epochs of a finished run, a list of ``training.Epoch``; errors as above."""
        return kept.read_history(self.folder(spec))[1]

    def notes(self, spec):
        """Return the order of the classes, and what the data set of a finished run notes."""
        with kept.reading(kept.part(self.folder(spec), kept.RESULT)) as path:
            return [str(note) for note in json.loads(path.read_bytes()).get("notes", [])]

    def drop_weights(self, spec):
        """Delete the weights of a finished run; return how many bytes they took, 0 if none."""
        path = self.folder(spec) / WEIGHTS
        size = path.stat().st_size if path.exists() else 0
        path.unlink(missing_ok=True)
        return size

    def unfinished(self):
        """Return the ids of all runs that a program has begun and not brought to an end."""
        return {path.name for path in (self.path / TRAINING).glob("*")}

    def clear(self, spec):
        """Remove the state of a run that has ended, under its claim."""
        shutil.rmtree(self.state(spec), ignore_errors=True)

    def begin(self, spec, *, afresh=False):
        """Remove what killed programs have left of a run, under its claim; return its folder.

        ``afresh`` removes the result of a failed run, too.
        """
        state = self.state(spec)
        if afresh or self.row(spec) is None:
            shutil.rmtree(self.folder(spec), ignore_errors=True)
        for half in state.glob("result-*"):
            shutil.rmtree(half, ignore_errors=True)
        for half in state.glob(".*"):
            half.unlink(missing_ok=True)
        return state

    def finish(self, spec, outcome, files=None):
        """Keep how a run ended, under its claim; return its row.

        ``outcome`` and ``files`` are as of :func:`training.kept.pack_run`, or an ``error``.
        """
        state = self.state(spec)
        files = dict(files or {})
        if (state / HISTORY).exists():
            files[HISTORY] = (state / HISTORY).read_bytes()
        files[kept.RESULT] = kept.pack_result(spec.id, spec.to_dict(), outcome)
        fresh = state / f"result-{secrets.token_hex(4)}"
        fresh.mkdir()
        try:
            for name, data in files.items():
                write_whole(fresh / name, data)
            _sync(fresh)
            os.replace(fresh, self.folder(spec))
        except OSError:
            if self.row(spec) is None:
                raise  # else another program has taken the run over and finished it
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
        _sync(self.path)
        self.clear(spec)
        return self.row(spec)


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


def load(store, run):
    """Return the network of a finished run, ready to predict.

    Parameters
    ----------
    store : Store, str or Path
    run : str or RunSpec
        Its id, as in the column ``id`` of :func:`results`, or its spec.

    Returns
    -------
    training.evaluation.Predictor
        On the CPU; its ``predict`` takes inputs as the run was trained on. The data set need not
        be there.

    Raises
    ------
    FileNotFoundError
        If there is no such finished run.
    ValueError
        If its files cannot be read.
    """
    return as_store(store).load(run)


def as_store(store):
    """Return ``store``, or the :class:`Store` at that path."""
    return store if isinstance(store, Store) else Store(store)


def _read_entry(entry):
    if entry.name.startswith(".") or entry.name in (TRAINING, MAP):
        return None
    if not (entry.is_dir() and _ID.fullmatch(entry.name)):
        raise ValueError(f"{entry.name} is no run of this store: move it elsewhere")
    return _read_row(Path(entry.path), entry.name)


def _read_row(folder, identity):
    with kept.reading(folder / kept.RESULT) as path:
        try:
            facts = json.loads(path.read_bytes())
        except FileNotFoundError:
            return None
        if facts["format"] != kept.FORMAT:
            raise ValueError(f"its format is {facts['format']!r}, not {kept.FORMAT!r}")
        if identify(facts["spec"]) != identity:
            raise ValueError(f"it holds the run {identify(facts['spec'])}")
        names = ("error",) if "error" in facts else ("metrics", "seconds")
        told = {key: facts[key] for key in ("finished", "host", *names)}
        datetime.fromisoformat(told["finished"])  # else no table could be made of any run
        return make_row(identity, facts["spec"], **told, origin=facts.get("origin"))


def _sync(folder):
    # Windows cannot do this for a folder
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
