"""What the commands ``compare`` and ``predict`` print."""

import sys

import typer

from emdviz.comparing.timing import in_words
from emdviz.training import conclude, paired_differences, summarise
from emdviz.training.results import finished
from emdviz.writing import write_whole


def tell_plan(plan):
    """Print what will be done, and how long it takes."""
    for note in plan.data.notes:
        typer.echo(f"note: {note}", err=True)
    for note in plan.notes:
        typer.echo(f"note: {note}", err=True)
    typer.echo(str(plan))
    seconds = plan.seconds()
    typer.echo(f"time: about {in_words(seconds)} on this machine, measured on a few steps")


def tell_result(comparison):
    """Print means, what they show, and where everything lies."""
    table = comparison.table
    for note in comparison.notes:
        typer.echo(f"note: {note}", err=True)
    done = finished(table)
    if done.empty:
        raise ValueError(f"no run could be finished: {table['error'].iloc[0]}")
    means = summarise(table)
    shown = means.xs("mean", axis=1, level=1)
    typer.echo(f"\nmeans over {len(comparison.seeds)} seeds, on test splits")
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


def tell_scores(scores, out):
    """Write the table to a file, or print it."""
    from emdviz.experiments.export import to_csv

    for note in scores.notes:
        typer.echo(f"note: {note}", err=True)
    text = to_csv(scores.table.round(6))
    if out is None:
        if hasattr(sys.stdout, "reconfigure"):  # a file on Windows would take few signs
            sys.stdout.reconfigure(encoding="utf-8")
        typer.echo(text, nl=False)
        return
    write_whole(out, text.encode())
    typer.echo(f"{len(scores.table)} rows in {out}")
