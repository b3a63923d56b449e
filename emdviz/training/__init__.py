"""Train a network with a loss for ordered classes, and watch it after every epoch."""

from typing import TYPE_CHECKING

from emdviz._imports import hand_out, homes_in

if TYPE_CHECKING:  # each is imported when it is first used
    from emdviz.training import results
    from emdviz.training.comparison import compare_losses
    from emdviz.training.conclusions import conclude, paired_differences, summarise
    from emdviz.training.config import TrainConfig, choose_device, quick
    from emdviz.training.evaluation import Prediction, measure, predict, scale
    from emdviz.training.history import Epoch
    from emdviz.training.kept import load_run
    from emdviz.training.race import Race
    from emdviz.training.rates import RateSearch, choose_rates
    from emdviz.training.run import Run, fit

__all__ = [
    "Epoch",
    "Prediction",
    "Race",
    "RateSearch",
    "Run",
    "TrainConfig",
    "choose_device",
    "choose_rates",
    "compare_losses",
    "conclude",
    "fit",
    "load_run",
    "measure",
    "paired_differences",
    "predict",
    "quick",
    "results",
    "scale",
    "summarise",
]

__getattr__, __dir__ = hand_out(__name__, homes_in(__name__, __file__))
