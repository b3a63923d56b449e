"""From a file of ordered data to a comparison of losses, and to predictions: the whole way."""

from typing import TYPE_CHECKING

from emdviz._imports import hand_out, homes_in

if TYPE_CHECKING:  # each is imported when it is first used
    from emdviz.comparing.comparison import Comparison, load
    from emdviz.comparing.planning import Plan, compare, plan
    from emdviz.comparing.predicting import Scores, predict

__all__ = ["Comparison", "Plan", "Scores", "compare", "load", "plan", "predict"]

__getattr__, __dir__ = hand_out(__name__, homes_in(__name__, __file__))
