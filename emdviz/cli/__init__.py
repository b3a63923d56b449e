"""The command line: ``python -m emdviz compare | predict | run | results | export | …``."""

import functools
import sys
import warnings

import typer

from emdviz.cli.comparisons import compare, predict
from emdviz.cli.runs import pretrain, run
from emdviz.cli.stored import drop, export, results
from emdviz.cli.tools import collect, doctor
from emdviz.reading import as_options

app = typer.Typer(
    help="Losses for ordered classes: compare them on your own data, or as the paper does.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _with_short_errors(command):
    """Print an error of the command in one line, and exit with status 2."""

    @functools.wraps(command)
    def wrapped(**arguments):
        if hasattr(sys.stdout, "reconfigure"):  # a file on Windows would take few characters
            sys.stdout.reconfigure(encoding="utf-8")
        with warnings.catch_warnings(), as_options():
            warnings.simplefilter("always", UserWarning)
            warnings.showwarning = lambda message, *_: typer.echo(f"note: {message}", err=True)
            try:
                return command(**arguments)
            except (ValueError, TypeError, OSError, ImportError) as error:
                typer.echo(f"error: {' '.join(str(error).split())}", err=True)
                raise typer.Exit(2) from None
            except KeyboardInterrupt:
                typer.echo("stopped; repeat the command to go on from here", err=True)
                raise typer.Exit(130) from None

    return wrapped


for _command in (compare, predict, run, results, export, drop, pretrain, collect, doctor):
    app.command()(_with_short_errors(_command))
