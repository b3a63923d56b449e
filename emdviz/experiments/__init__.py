"""Grids of training runs: here, in several processes or on a cluster; kept on disk, resumable."""

from typing import TYPE_CHECKING

from emdviz._imports import hand_out, homes_in

if TYPE_CHECKING:  # each is imported when it is first used
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

__getattr__, __dir__ = hand_out(__name__, homes_in(__name__, __file__))
