"""Train a network with a loss for ordered classes, and watch it after every epoch."""

from typing import TYPE_CHECKING

from emdviz._imports import hand_out, homes_in

if TYPE_CHECKING:  # each is imported when it is first used
    from emdviz.training import results
    from emdviz.training.augmentation import AUGMENTATIONS, Augmentation
    from emdviz.training.comparison import compare_losses, make_runs
    from emdviz.training.conclusions import conclude, paired_differences, summarise
    from emdviz.training.config import TrainConfig, choose_device, quick
    from emdviz.training.data import TrainingData
    from emdviz.training.evaluation import Prediction, Predictor, measure, predict, scale
    from emdviz.training.history import Epoch, read_history
    from emdviz.training.race import Race
    from emdviz.training.rates import RateSearch, choose_rates
    from emdviz.training.run import Run, fit

__all__ = [
    "AUGMENTATIONS",
    "Augmentation",
    "Epoch",
    "Prediction",
    "Predictor",
    "Race",
    "RateSearch",
    "Run",
    "TrainConfig",
    "TrainingData",
    "choose_device",
    "choose_rates",
    "compare_losses",
    "conclude",
    "fit",
    "make_runs",
    "measure",
    "paired_differences",
    "predict",
    "quick",
    "read_history",
    "results",
    "scale",
    "summarise",
]

__getattr__, __dir__ = hand_out(__name__, homes_in(__name__, __file__))
