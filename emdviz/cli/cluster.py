"""A Dask cluster that the command line names by its address."""

import contextlib

import typer

from emdviz._imports import needs

PATIENCE = 10.0
"""Seconds that a scheduler has to answer."""


@contextlib.contextmanager
def connect(address):
    """Yield an executor on a Dask cluster; None without an address."""
    if address is None:
        yield None
        return
    with needs("cluster"):
        from distributed import Client
    try:
        client = Client(address, timeout=PATIENCE)
    except (OSError, ValueError) as error:
        first = str(error).partition("\n")[0]
        advice = "run dask scheduler there, or type --workers N"
        raise OSError(f"no scheduler answers at {address} ({first}): {advice}") from None
    about = client.scheduler_info()["workers"].values()
    if not about:
        typer.echo(
            f"note: the scheduler at {address} has no workers yet: runs wait for them; on each "
            f"machine type dask worker {address}",
            err=True,
        )
    gpus = any("GPU" in worker.get("resources", {}) for worker in about)
    one_gpu = {"resources": {"GPU": 1}} if gpus else {}  # a run takes one where workers have any
    with contextlib.closing(client):
        yield client.get_executor(pure=False, **one_gpu)
