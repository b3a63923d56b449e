"""Grids of training runs: here, in several processes or on a cluster; kept on disk, resumable."""

from typing import TYPE_CHECKING

from emdviz._imports import hand_out_imports

if TYPE_CHECKING:  # each is imported when it is first used
    from emdviz.experiments.running import run
    from emdviz.experiments.selection import select
    from emdviz.experiments.specs import RunSpec, paper_config
    from emdviz.experiments.store import Store, load, results

__all__, __getattr__, __dir__ = hand_out_imports(__name__, __file__)
