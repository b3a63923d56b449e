"""What is typed on the command line: options of several commands, and how they are read."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer

ME = "python -m emdviz"
TABLES = {"table1": 1, "table2": 2, "table3": 3}

MAP = "map"
"""When does EMD² win: the regimes of ``experiments.regimes``, in place of a table."""

_OPTIONS = {"dataset": "--dataset", "network": "--networks", "loss": "--losses"}
"""The option for an argument of a function."""

_OWN_OPTIONS = ("classes", "bins", "labels", "pattern")
"""Arguments of data sets that have an option of their own."""

TableName = Annotated[str, typer.Argument(metavar="table1|table2|table3|map")]
TableOption = Annotated[str | None, typer.Option(metavar="table1|table2|table3|map")]
StoreFolder = Annotated[Path, typer.Option(help="The folder of the runs.")]
DataSet = Annotated[
    str | None, typer.Option(help="Another data set than the paper's, by its name.")
]
Classes = Annotated[
    list[str],
    typer.Option(
        help="The classes from low to high, such as low,middle,high; repeat the option for "
        "names with commas."
    ),
]
Bins = Annotated[
    str | None,
    typer.Option(help="Make classes of numbers: how many, or where to cut, such as 18,40."),
]
Device = Annotated[
    str | None, typer.Option(help="Such as cpu or cuda:1; the fastest there is by default.")
]
Only = Annotated[list[str], typer.Option(metavar="NAME=VALUE", help="Only runs with this value.")]


def read_number_of_table(table):
    """Return 1, 2 or 3."""
    if table not in TABLES:
        raise ValueError(f"type {', '.join(TABLES)} or {MAP} as the table, got {table!r}")
    return TABLES[table]


def given_only(**options):
    """Return the options that were typed, without those that are None."""
    return {name: value for name, value in options.items() if value is not None}


def read_list(text, kind=str, option=""):
    """Return the parts of an option with commas, or None if it was not given."""
    if text is None:
        return None
    try:
        return [kind(part.strip()) for part in text.split(",")]
    except ValueError:
        raise ValueError(f"type {option} as numbers between commas, got {text!r}") from None


def read_names(option):
    """Return the names of an option: between commas, or, where it was repeated, as they are."""
    return read_list(option[0]) if len(option) == 1 else list(option) or None


def read_bins(option):
    """Return how many bins, or where to cut; None if it was not given."""
    cuts = read_list(option, float, "--bins")
    if cuts is None or len(cuts) > 1 or cuts[0] % 1:
        return cuts
    return int(cuts[0])


def read_weights(pairs):
    """Return network -> file; None for first weights that are drawn at random."""
    chosen = {}
    for pair in pairs:
        network, equals, file = pair.partition("=")
        if not (network and equals and file):
            raise ValueError(f"type --weights NETWORK=FILE, such as RES_F=res.pth, got {pair!r}")
        path = os.path.expanduser(file)
        there = os.path.abspath(path) if os.path.exists(path) else file
        chosen[network] = None if file == "none" else there
    return chosen


def read_dataset_options(classes, bins, labels, pattern, option):
    """Return arguments of the data set as they were typed."""
    given = {}
    for pair in option:
        name, equals, value = pair.partition("=")
        if not (name and equals):
            raise ValueError(f"type --option NAME=VALUE, such as policy=majority, got {pair!r}")
        try:
            given[name] = json.loads(value)
        except ValueError:
            given[name] = value
    given |= given_only(classes=read_names(classes), bins=read_bins(bins))
    if labels is not None:
        there = Path(labels).expanduser()  # else the name of a file in the data
        given["labels"] = str(there.absolute()) if there.is_file() else labels
    return given | given_only(pattern=pattern)


def needs_weights(network):
    """Say what a network needs to run."""
    return f"{network} starts from weights: type --weights {network}=FILE, or {network}=none"


def in_options(error, dataset):
    """Say of a wrong argument what to type on the command line."""
    if error.argument == "weights" and error.missing:
        return needs_weights(error.missing)
    if error.missing == "root":
        return f"{dataset} is read from files: type --data FOLDER"
    if error.argument == "dataset_options":
        unknown = sorted(set(error.value) - set(error.choices))
        if "classes" in unknown:
            return f"{dataset} has classes of its own: leave --classes out"
        if unknown:
            own = [name for name in error.choices if name not in ("root", "size")]
            return f"{dataset} has no {unknown[0]}: what it has is {', '.join(own)}"
        name = error.missing
        typed = f"--{name} {name.upper()}" if name in _OWN_OPTIONS else f"--option {name}=VALUE"
        return f"{dataset} needs {name}: type {typed}"
    if error.argument in _OPTIONS:
        choices = ", ".join(error.choices)
        return f"type {_OPTIONS[error.argument]} with one of {choices}; got {error.value!r}"
    return str(error)
