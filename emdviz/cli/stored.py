"""Commands on what a store holds: ``results``, ``export`` and ``drop``."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from emdviz.cli.typed import (
    MAP,
    ME,
    TABLES,
    DataSet,
    Only,
    StoreFolder,
    TableOption,
    read_number_of_table,
)


def results(
    store: StoreFolder = Path("runs"),
    table: TableOption = None,
    dataset: DataSet = None,
    only: Only = (),
):
    """Show the results in the store, and the numbers that the paper prints; status 1 if none."""
    from emdviz import published
    from emdviz.experiments import Store

    if table == MAP:
        show_map(store)
        return
    frame = _read_results(store, only)
    failed = frame[frame["error"] != ""]
    begun = len(Store(store).unfinished() - set(frame["id"]))
    count = f"{len(frame)} run{'' if len(frame) == 1 else 's'}"
    typer.echo(f"{count} in {store}: {len(frame) - len(failed)} finished, {begun} begun")
    if frame.empty:
        raise typer.Exit(1)
    for row in failed.itertuples():
        typer.echo(f"failed: {row.id}: {row.error}")
    tell_notes_of(frame, store)
    numbers = [read_number_of_table(table)] if table else TABLES.values()
    for number in numbers:
        name = dataset or published.find(number).dataset
        if table or (frame["dataset"] == name).any():
            show_table(frame, number, name, store)
    if not (table or dataset):
        papers = {published.find(number).dataset for number in numbers}
        for name in dict.fromkeys(frame["dataset"]):
            if name not in papers:
                show_table(frame, 1, name, store)


def export(
    file: Annotated[Path, typer.Argument(help="Ends in .csv, .tex or .html.")],
    store: StoreFolder = Path("runs"),
    table: TableOption = None,
    dataset: DataSet = None,
    only: Only = (),
):
    """Write all runs, or a --table beside the printed numbers, as CSV, LaTeX (own only) or HTML."""
    from emdviz import published
    from emdviz.experiments import paper
    from emdviz.experiments.export import WRITERS
    from emdviz.writing import write_whole

    if file.suffix not in WRITERS:
        raise ValueError(f"type a file that ends in {', '.join(WRITERS)}, got {file}")
    frame, text = _read_results(store, only), None
    name = dataset or (published.find(read_number_of_table(table)).dataset if table else None)
    own = frame[frame["dataset"] == name] if name else frame
    if frame.empty:
        raise ValueError(
            f"{store} has no run to write{' that --only chooses' * bool(only)}: type --store or "
            f"--only of runs that are there, as {ME} results --store {store} shows them"
        )
    if own.empty:
        there = ", ".join(dict.fromkeys(frame["dataset"]))
        raise ValueError(f"{store} has no run of {name}: type --dataset with one of {there}")
    tell_notes_of(own, store)
    if table:
        laid = paper.table(frame, read_number_of_table(table), dataset=dataset, store=store)
        if file.suffix == ".tex":
            best = paper.standing(frame, read_number_of_table(table), dataset=dataset)
            frame, text = laid, paper.to_latex(laid, best)
        else:
            frame = paper.beside(laid, read_number_of_table(table), dataset=dataset)
    elif dataset:
        frame = frame[frame["dataset"] == dataset]
    write_whole(file, (text or WRITERS[file.suffix](frame)).encode())
    typer.echo(f"{len(frame)} rows in {file}")


def drop(
    store: StoreFolder = Path("runs"),
    only: Only = (),
):
    """Delete the weights of finished runs; results, predictions and histories stay."""
    from emdviz.experiments import Store

    runs = _read_results(store, only)
    dropped = [size for one in runs["id"] if (size := Store(store).drop_weights(one))]
    typer.echo(
        f"weights of {len(dropped)} runs deleted, {sum(dropped) / 1e9:.3f} GB; to predict with one "
        "of them again, delete its folder and run it again"
    )


def show_map(store):
    """Print which regimes of the map are done, and where each loss wins."""
    from emdviz.experiments import mapping, regimes
    from emdviz.experiments.store import MAP

    rows, about = mapping.read(store / MAP)
    pending = [name for name in regimes.REGIMES if name not in about]
    typer.echo(f"{len(about)} of {len(regimes.REGIMES)} regimes in {store / MAP} are done")
    typer.echo(mapping.verdicts(mapping.differences(rows)).to_string())
    if pending:
        typer.echo(f"to do: {', '.join(pending)}")


def tell_notes_of(frame, store, told=()):
    """Print what the data sets of finished runs note, each line once."""
    done = frame[frame["error"] == ""]
    names = [name for name in done if str(name).startswith("dataset") and name != "dataset seed"]
    tell_notes(done.drop_duplicates(names)[["id", "dataset"]].to_dict("records"), store, set(told))


def tell_notes(rows, store, told):
    """Print the notes of the rows' data sets, each line once; ``told`` holds the printed lines."""
    from tqdm.auto import tqdm

    from emdviz.experiments import Store

    for row in rows:
        for note in Store(store).notes(row["id"]):
            line = f"note: {row['dataset']}: {note}"
            if line not in told:
                told.add(line)
                tqdm.write(line, file=sys.stderr)


def _read_results(store, only):
    """Return the results of a store, of the runs that --only chooses."""
    from emdviz import experiments

    if not store.is_dir():
        raise FileNotFoundError(
            f"no runs in {store}: type --store FOLDER, or {ME} run table1 --quick"
        )
    frame = experiments.results(store)
    for pair in only:
        name, equals, value = pair.partition("=")
        if not equals or name not in frame:
            known = ", ".join(name for name in frame if not name.startswith(("valid ", "test ")))
            raise ValueError(f"type --only NAME=VALUE with a name of {known}; got {pair!r}")
        frame = frame[frame[name].map(str) == value]
    return frame


def show_table(frame, number, dataset, store):
    """Print a table of the paper, and the same table of the runs."""
    from emdviz import published
    from emdviz.experiments import paper
    from emdviz.metrics import heading
    from emdviz.training.results import MixedDataError

    source = published.find(number)
    try:
        laid = paper.table(frame, number, dataset=dataset, store=store)
    except (paper.MixedRunsError, MixedDataError) as error:
        raise ValueError(f"{error}; here: type --only {error.column!r}=VALUE") from None
    what = " / ".join(source.metrics)
    if dataset == source.dataset:
        typer.echo(f"\nTable {number}, {source.title}: {what}, as printed")
        typer.echo(paper.show(published.printed(number), number).to_string())
    typer.echo(f"\n{what} on {dataset}, mean ± spread of these runs")
    typer.echo(paper.show(laid, number).to_string())
    own = frame[frame["dataset"] == dataset]
    if "test score MAE" in own and own["test score MAE"].notna().any():
        names = ("score MAE", "CS(5)")
        laid = paper.table(frame, number, dataset=dataset, metrics=names)
        what = " / ".join(map(heading, names))
        typer.echo(f"\n{what} on {dataset}, mean ± spread of these runs")
        typer.echo(paper.show(laid, number).to_string())
