"""Grids of training runs: here, in several processes or on a cluster; kept on disk, resumable."""

from emdviz._imports import needs

with needs("train"):
    from emdviz.experiments.running import run
    from emdviz.experiments.selection import select
    from emdviz.experiments.specs import RunSpec, paper_config
    from emdviz.experiments.store import Store, load, results

__all__ = [
    "RunSpec",
    "Store",
    "load",
    "paper_config",
    "results",
    "run",
    "select",
]
