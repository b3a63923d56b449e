"""Commands for a class and for a machine: ``collect`` and ``doctor``."""

from pathlib import Path
from typing import Annotated

import typer


def collect(
    folder: Annotated[Path, typer.Argument(help="Of what was handed in: a folder a student.")],
    csv: Annotated[Path | None, typer.Option(help="Write results and points to this file.")] = None,
    notebooks: Annotated[
        Path, typer.Option(help="The folder of the course's notebooks, with solutions.")
    ] = Path("notebooks"),
    seconds: Annotated[float, typer.Option(help="Limit of each cell of a student's.")] = 60.0,
    memory: Annotated[float, typer.Option(help="Limit of each notebook, in GB.")] = 4.0,
    workers: Annotated[int, typer.Option(help="Notebooks at a time.")] = 1,
):
    """Run notebooks that were handed in: who answered which exercise, with which result.

    No security boundary: the notebooks run with your rights. Collect from people you know.
    """
    from emdviz import collecting
    from emdviz.experiments.export import to_csv
    from emdviz.writing import write_whole

    frame = collecting.collect(
        folder,
        notebooks=notebooks,
        seconds=seconds,
        memory=memory,
        workers=workers,
        on_file=lambda path: typer.echo(f"{collecting.plain(path)}: done", err=True),
    )
    typer.echo(collecting.summary(frame))
    if csv:
        write_whole(csv, to_csv(frame).encode())
        typer.echo(f"{len(frame)} rows in {csv}")


def doctor(data: Annotated[Path, typer.Option(help="The folder of all data sets.")] = Path("data")):
    """Check the setup; status 1 if something does not work."""
    from emdviz.setup_check import PROBLEM, examine, report

    components = examine(data)
    typer.echo(report(components))
    if any(component.state == PROBLEM for component in components):
        raise typer.Exit(1)
