"""The one form of all tables of results: a row per run.

The columns, in this order: ``id``; ``dataset``, its options as ``"dataset size"``, and which files
it was as ``"dataset edition"``, a name or a digest, see ``experiments.RunSpec``; ``fold``;
``network``; ``weights``; ``loss``, and its options as ``"loss lam"``; the fields of
:class:`TrainConfig` but its device, among them ``learning_rate`` and ``seed``; ``error``, empty for
a finished run; ``seconds`` of training; when it was ``finished`` and on which ``host``; digests of
the ``data``, the ``splits`` and the ``first weights``, ``versions``, ``device`` and ``threads``, as
:func:`provenance.describe_origin` tells them; then each metric of ``metrics.METRICS`` as
``"valid AEM"`` and as ``"test AEM"``.
"""

import dataclasses
import os
import warnings
from numbers import Integral, Real

from emdviz.metrics import METRICS
from emdviz.reading import check_is, is_torch, read_choice, read_names, to_numpy
from emdviz.training.config import TrainConfig

SPLITS = ("valid", "test")
"""The splits whose metrics a table holds."""

ORIGIN = ("data", "splits", "first weights", "versions", "device", "threads")
"""The columns that tell what a run rests on."""

EDITION = "dataset edition"
"""The column that tells which files the data set was."""

OUTCOME = ("error", "seconds", "finished", "host", *ORIGIN)
"""The columns that are neither part of what was run nor a metric."""

REPEATS = ("fold", "seed", "dataset seed")
"""The columns in which runs differ that repeat one another."""

_CONFIG = {field.name: field.default for field in dataclasses.fields(TrainConfig)}
del _CONFIG["device"]
_ORDER = ("id", "dataset", "fold", "network", "weights", "loss", *_CONFIG, *OUTCOME)


def make_row(
    identity, facts, *, metrics=None, error="", seconds=None, finished=None, host=None, origin=None
):
    """Return the row of a run, as a dict; ``facts`` are as ``experiments.RunSpec.to_dict``."""
    row = {"id": identity, "dataset": facts["dataset"], **_options("dataset", facts)}
    row[EDITION] = facts.get("edition")
    row |= {name: facts[name] for name in ("fold", "network", "weights", "loss")}
    row |= _options("loss", facts)
    # a run that is older than an option of the configuration had the default
    row |= _CONFIG | facts["config"]
    row |= {"error": error, "seconds": seconds, "finished": finished, "host": host}
    row |= dict.fromkeys(ORIGIN) | (origin or {})
    for split, values in (metrics or {}).items():
        row |= {f"{split} {name}": value for name, value in values.items()}
    return row


def make_table(rows):
    """Return rows as a DataFrame whose columns have their order and types."""
    import pandas as pd

    table = pd.DataFrame(rows)
    order = {name: float(i) for i, name in enumerate(_ORDER)}

    def place(column):
        group, _, rest = str(column).partition(" ")
        if rest and group in order:  # an option comes after what it is an option of
            return order[group] + 0.5
        return order.get(column, len(order) + (group == "test"))

    named = [*table.columns, *(name for name in order if name not in table.columns)]
    table = table.reindex(columns=sorted(named, key=place))
    table = table.astype({"fold": "Int64", "seconds": float, "error": object})
    return table.assign(finished=pd.to_datetime(table["finished"], utc=True, format="ISO8601"))


def finished(table):
    """Return the rows of finished runs, also of a table that was read back from CSV."""
    return table[table["error"].isna() | (table["error"] == "")]


def check_origin(table):
    """Raise a MixedDataError for a table of different data; warn if versions are mixed.

    Runs of one data set must be of one edition of its files. Those with equal options, in the same
    fold, rest on the same data unless the files have changed under the name of an edition.
    """
    done = finished(table)
    if EDITION in done and "dataset" in done:
        for name, rows in done.groupby("dataset", sort=False):
            _check_one(name, rows, EDITION)
    if "data" in done and "dataset" in done:
        chosen = [name for name in done if name == "fold" or str(name).startswith("dataset")]
        for _, rows in done.groupby(chosen, dropna=False, sort=False):
            _check_one(rows["dataset"].iloc[0], rows, "data")
    if "versions" in done and done["versions"].nunique() > 1:
        counts = done["versions"].value_counts()
        told = "; ".join(f"{count} with {name}" for name, count in counts.items())
        warnings.warn(f"the runs were trained by different versions: {told}", stacklevel=3)


def without_copies(table):
    """Return the rows that differ in what was trained; the first of those that do not.

    Data with a split of their own do not use the seed that would draw one: runs that differ in
    that seed alone are the same run, and their spread would mean nothing.
    """
    if "splits" not in table or "dataset seed" not in table:
        return table
    named = [name for name in table if name not in ("id", "dataset seed", *OUTCOME)]
    same = [name for name in named if not str(name).startswith(("valid ", "test "))]
    copies = table.duplicated([*same, "data", "splits", "first weights"])
    return table[~copies | table["splits"].isna()]


def _check_one(dataset, rows, column):
    counts = rows[column].value_counts(sort=False)
    if len(counts) > 1:
        raise MixedDataError(dataset, counts.to_dict(), column)


class MixedDataError(ValueError):
    """Runs of one data set that rest on different data.

    Attributes
    ----------
    counts : dict of str to int
        Edition or digest -> number of runs.
    column : str
        Where these stand in the table.
    """

    def __init__(self, dataset, counts, column):
        self.counts, self.column = counts, column
        told = ", ".join(
            f"{digest} ({count} {'run' if count == 1 else 'runs'})"
            for digest, count in counts.items()
        )
        words = "editions" if column == EDITION else "digests"
        super().__init__(
            f"these runs of {dataset} are of different data: their {words} are {told}; a mean over "
            f"them says nothing. Choose: table[table[{column!r}] == {next(iter(counts))!r}]"
        )


def plain(name, value):
    """Return a value in JSON's types that cannot change: arrays and lists become tuples.

    Examples
    --------
    >>> plain("positions", [0, 1.5])
    (0, 1.5)
    """
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real) and value - value == 0:
        return float(value)
    if is_torch(value) or hasattr(value, "__array__"):
        value = to_numpy(value, name).tolist()
        return plain(name, value)
    if isinstance(value, list | tuple):
        return tuple(plain(name, part) for part in value)
    raise ValueError(
        f"{name} must be a text, a path, a finite number, an array of these, True, False, None, "
        f"or a list of these, got {value!r}"
    )


def read_runs(table, metrics, split):
    """Return the finished runs of a table, each with its metrics of one split by their own names.

    A column ``repeat`` is the same for those runs of different losses that are to be compared.
    """
    import pandas as pd

    check_is(table, "table", pd.DataFrame, "a table of results, as compare_losses returns it")
    if missing := sorted({"loss", "seed", "error"} - set(table.columns)):
        raise ValueError(
            f"table must be a table of results, as compare_losses returns it, but lacks {missing}"
        )
    split, metrics = read_choice(split, "split", SPLITS), read_names(metrics, "metrics")
    columns = {f"{split} {name}": name for name in METRICS if f"{split} {name}" in table}
    if unknown := [name for name in metrics if name not in columns.values()]:
        raise ValueError(f"metrics must be among {list(columns.values())}, got {unknown}")
    check_origin(table)
    done = without_copies(finished(table))
    repeats = [name for name in REPEATS if name in done and done[name].notna().any()]
    for name in repeats:
        if done[name].isna().any():  # runs of one seed would count as different repeats
            raise ValueError(
                f"table must tell {name!r} of every run or of none, got {done[name].notna().sum()} "
                f"of {len(done)} runs with it, as where tables of several studies were joined; "
                f"choose one: table[table[{name!r}].isna()], or table[table[{name!r}].notna()]"
            )
    chosen = done[["loss", *columns]].rename(columns=columns)
    chosen["repeat"] = list(map(str, done[repeats].itertuples(index=False, name=None)))
    for (loss, _), rows in chosen.groupby(["loss", "repeat"], sort=False):
        if len(rows) > 1:  # they would count as so many repeats
            one = done.loc[rows.index[:1], repeats].iloc[0]
            raise ValueError(
                f"table must have one run for each loss and {', '.join(repeats)}, got {len(rows)} "
                f"of {loss} with {', '.join(f'{name} {one[name]}' for name in repeats)}; choose "
                "among them first, as experiments.select does, or by hand"
            )
    return chosen


def _options(group, facts):
    options = facts[f"{group}_options"]
    return {f"{group} {key}": plain(key, value) for key, value in options.items()}
