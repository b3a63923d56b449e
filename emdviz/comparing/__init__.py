"""From a file of ordered data to a comparison of losses, and to predictions: the whole way."""

from typing import TYPE_CHECKING

from emdviz._imports import hand_out_imports

if TYPE_CHECKING:  # each is imported when it is first used
    from emdviz.comparing.comparison import Comparison, load
    from emdviz.comparing.planning import Plan, compare, plan
    from emdviz.comparing.predicting import Scores, predict

__all__, __getattr__, __dir__ = hand_out_imports(__name__, __file__)
