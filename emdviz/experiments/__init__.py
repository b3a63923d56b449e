"""Grids of training runs: here, in several processes or on a cluster; kept on disk, resumable."""

from emdviz._imports import needs

with needs("train"):
    from emdviz.experiments.running import run
    from emdviz.experiments.selection import select
    from emdviz.experiments.specs import PAPER_LAMBDAS, PAPER_RATES, RunSpec, paper_config
    from emdviz.experiments.store import Store, results

__all__ = [
    "PAPER_LAMBDAS",
    "PAPER_RATES",
    "RunSpec",
    "Store",
    "paper_config",
    "results",
    "run",
    "select",
]
