"""Losses for ordered classes: distances, exact transport, training and interactive figures.

The names below are those that most notebooks need. Each is imported when it is first used, so
``import emdviz`` alone loads neither torch nor widgets. The rest lies in modules: ``losses``,
``ground_distance``, ``transport`` (exact transport through POT), ``metrics``, ``beliefs`` (what
networks predict), ``propriety`` (what losses reward), ``models``, ``datasets``, ``training``,
``experiments`` (grids of runs), ``published`` (the paper's tables), ``exercises`` (of the
notebooks), ``diagnosis`` (of a loss), ``plots``, ``palette`` and ``explorers`` (interactive
figures).
"""

from typing import TYPE_CHECKING

from emdviz._imports import hand_out_imports
from emdviz._threads import let_threads_sleep

if TYPE_CHECKING:  # for editors and type checkers, which cannot follow __getattr__
    from emdviz.distances import cdf_gap, circular_emd, emd, emd2, normalized_emd, wasserstein
    from emdviz.distributions import cdf, expectation, one_hot
    from emdviz.losses import LOSSES, emd2_loss, emd_loss, regression_loss, xe_emd2_loss, xe_loss

__version__ = "0.1.0"

let_threads_sleep()

__all__, __getattr__, __dir__ = hand_out_imports(__name__, __file__)
