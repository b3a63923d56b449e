"""Commands on your own data: ``compare`` and ``predict``."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from emdviz.cli.cluster import connect
from emdviz.cli.typed import (
    Bins,
    Classes,
    Device,
    given_only,
    in_options,
    read_bins,
    read_list,
    read_names,
)
from emdviz.reading import ArgumentError, amount


def compare(
    data: Annotated[
        Path,
        typer.Argument(
            help="A table (CSV, TSV, Excel, Parquet), a folder or zip file of images, a table of "
            "their paths, or an .npz file of arrays, whose names stand for those of columns."
        ),
    ],
    label: Annotated[str | None, typer.Option(help="The column of the class.")] = None,
    classes: Classes = (),
    bins: Bins = None,
    votes: Annotated[
        list[str],
        typer.Option(
            help="Columns that count the votes for each class, from low to high; or, with --id, "
            "the one column of each vote."
        ),
    ] = (),
    id: Annotated[str | None, typer.Option(help="What each row of one vote is about.")] = None,
    rater: Annotated[str | None, typer.Option(help="Who voted in each row.")] = None,
    group: Annotated[
        str | None, typer.Option(help="What must not be in two splits, such as a person.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="Names train, valid and test.")] = None,
    weights: Annotated[str | None, typer.Option(help="How much each row counts.")] = None,
    features: Annotated[
        list[str], typer.Option(help="Columns to learn from; by default all that make sense.")
    ] = (),
    drop: Annotated[list[str], typer.Option(help="Columns to leave out.")] = (),
    decimal: Annotated[
        str | None, typer.Option(help="What stands before decimals, where it is not clear.")
    ] = None,
    missing: Annotated[
        list[str],
        typer.Option(help="Values that stand for a missing one: -999, or age=99 in one column."),
    ] = (),
    size: Annotated[
        int | None,
        typer.Option(
            help="Height and width at which images are read, in px; 224 for frozen features "
            "(150 kB of memory an image), else 48."
        ),
    ] = None,
    losses: Annotated[
        str | None,
        typer.Option(help="Such as XE,EMD2,CORN,mine.py:my_loss; by default XE,REG,EMD2,XEMD2."),
    ] = None,
    network: Annotated[
        str | None,
        typer.Option(
            help="By default mlp for tables and features; for images linear on frozen features "
            "where the extra pretrained is installed, else small_cnn. Or any name or import path."
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(help="Trainings of each loss.")] = 10,
    resplit: Annotated[
        bool | None,
        typer.Option(
            help="Whether each training draws its own split; by default unless the data name them."
        ),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Of each training; 20 for mlp and linear, else 8.")
    ] = None,
    rates: Annotated[
        str | None,
        typer.Option(help="Learning rates to begin with; by default 0.03,0.1,0.3."),
    ] = None,
    targets: Annotated[
        str | None, typer.Option(help="Learn votes, or their majority, median or mean.")
    ] = None,
    baselines: Annotated[
        bool, typer.Option("--baselines", help="Also logistic regression and gradient boosting.")
    ] = False,
    folder: Annotated[
        Path | None, typer.Option(help="Where to keep all; by default runs/ and the file's name.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what would be done, and how long it takes.")
    ] = False,
    scheduler: Annotated[
        str | None,
        typer.Option(
            help="Address of a Dask scheduler: a task for each loss, then one for each seed. Its "
            "workers must see the folder under the same path."
        ),
    ] = None,
    device: Device = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No plan and no bars.")] = False,
):
    """Compare losses on your own data; the same command goes on where it was stopped."""
    from emdviz import comparing

    chosen = given_only(
        losses=read_list(losses),
        rates=read_list(rates, float, "--rates"),
        bins=read_bins(bins),
        classes=read_names(classes),
        votes=read_names(votes) if id is None else (list(votes) or [None])[0],
        features=read_names(features),
        drop=read_names(drop),
        missing=read_names(missing),
    )
    try:
        plan = comparing.plan(
            data, label=label, id=id, rater=rater, group=group, split=split, weight=weights,
            decimal=decimal, size=size, network=network, seeds=seeds, resplit=resplit,
            epochs=epochs, targets=targets, baselines=baselines, folder=folder, device=device,
            **chosen,
        )  # fmt: skip
    except ArgumentError as error:
        raise ValueError(in_options(error, data)) from None
    if not quiet or dry_run:
        _tell_plan(plan)
    if dry_run:
        return
    with connect(scheduler) as executor:
        bars = not quiet and sys.stderr.isatty()
        _tell_result(plan.carry_out(progress=bars, executor=executor))


def predict(
    folder: Annotated[Path, typer.Argument(help="Of a comparison, such as runs/wine.")],
    data: Annotated[
        Path, typer.Argument(help="A file or folder like the one compared on; labels do not count.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Write to this file, as CSV, instead of the terminal.")
    ] = None,
    loss: Annotated[
        str | None, typer.Option(help="By default the best by RPS on validation.")
    ] = None,
):
    """Predict what has no labels yet: class, probabilities, score and a 90 % interval."""
    from emdviz import comparing

    _tell_scores(comparing.predict(folder, data, loss=loss), out)


def _tell_plan(plan):
    """Print what will be done, and how long it takes."""
    from emdviz.comparing.timing import in_words

    for note in (*plan.data.notes, *plan.notes):
        typer.echo(f"note: {note}", err=True)
    typer.echo(str(plan))
    typer.echo(f"time: about {in_words(plan.seconds())} on this machine, measured on a few steps")


def _tell_result(comparison):
    """Print means, what they show, and where everything lies."""
    from emdviz.training import conclude, paired_differences, summarise
    from emdviz.training.results import finished

    table = comparison.table
    for note in comparison.notes:
        typer.echo(f"note: {note}", err=True)
    done = finished(table)
    if done.empty:
        raise ValueError(f"no run could be finished: {table['error'].iloc[0]}")
    means = summarise(table)
    shown = means.xs("mean", axis=1, level=1)
    typer.echo(f"\nmeans over {amount(len(comparison.seeds), 'seed')}, on test splits")
    typer.echo(shown.rename_axis(None).round(3).to_string())
    if comparison.baselines is not None:
        columns = [f"test {name}" for name in shown]
        fits = comparison.baselines.groupby("baseline", sort=False)[columns].mean()
        fits = fits.rename_axis(None).rename(columns=dict(zip(columns, shown, strict=True)))
        typer.echo(fits.round(3).to_string())
    if comparison.losses[0] in set(done["loss"]) and done["loss"].nunique() > 1:
        first = comparison.losses[0]
        differences = paired_differences(
            table, baseline=first, test_to_train=comparison.test_to_train
        )
        typer.echo(f"\n{conclude(differences, baseline=first)}")
    rates = ", ".join(f"{loss} {rate:g}" for loss, rate in comparison.rates.items())
    typer.echo(f"\nlearning rates: {rates}")
    for path in sorted(comparison.folder.glob("*.html")):
        typer.echo(f"report: {path}")
    typer.echo(f"all is kept in {comparison.folder}; predict with:")
    typer.echo(f"python -m emdviz predict {comparison.folder} NEW_FILE --out scores.csv")


def _tell_scores(scores, out):
    """Write the table to a file, or print it."""
    from emdviz.experiments.export import to_csv
    from emdviz.writing import write_whole

    for note in scores.notes:
        typer.echo(f"note: {note}", err=True)
    text = to_csv(scores.table.round(6))
    if out is None:
        typer.echo(text, nl=False)
        return
    write_whole(out, text.encode())
    typer.echo(f"{amount(len(scores.table), 'row')} in {out}")
