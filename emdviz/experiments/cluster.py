"""Several workers on this machine, through Dask."""

import ast
import contextlib
import logging
import multiprocessing
import sys
from pathlib import Path

from emdviz._imports import needs


@contextlib.contextmanager
def local_workers(count):
    """Yield an executor with ``count`` processes on this machine, each with one thread."""
    _check_guard()
    with needs("cluster"):
        from distributed import Client, LocalCluster
    with (
        LocalCluster(
            n_workers=count,
            threads_per_worker=1,
            memory_limit=0,  # else Dask ends workers at shares of the memory that it sets
            dashboard_address="127.0.0.1:0",  # any free port
            silence_logs=logging.CRITICAL,  # the row of its run reports a dead worker
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client.get_executor()


def _check_guard():
    """Raise a RuntimeError if new processes would import a script that starts processes again."""
    main = sys.modules["__main__"]
    path, frame = getattr(main, "__file__", None), sys._getframe()
    while frame and not (frame.f_code.co_name == "<module>" and frame.f_globals is vars(main)):
        frame = frame.f_back
    starting = getattr(multiprocessing.current_process(), "_inheriting", False)
    if not starting:
        if path is None or frame is None:  # a notebook, or a call from a thread
            return
        try:
            nodes = list(ast.walk(ast.parse(Path(path).read_text(encoding="utf-8"))))
        except (OSError, SyntaxError, UnicodeDecodeError):
            return
        guards = [n for n in nodes if isinstance(n, ast.If) and "__name__" in ast.unparse(n.test)]
        if any(node.lineno <= frame.f_lineno <= node.end_lineno for node in guards):
            return
    where = f"line {frame.f_lineno} of {path}" if frame else path
    raise RuntimeError(
        'workers import the script again: put what starts them under `if __name__ == "__main__":` '
        f"({where})"
    )
