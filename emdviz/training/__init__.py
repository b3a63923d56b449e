"""Train a network with a loss for ordered classes, and watch it after every epoch."""

from typing import TYPE_CHECKING

from emdviz._imports import hand_out_imports

if TYPE_CHECKING:  # each is imported when it is first used
    from emdviz.training import results
    from emdviz.training.comparison import compare_losses
    from emdviz.training.conclusions import conclude, paired_differences, summarise
    from emdviz.training.config import TrainConfig, choose_device, quick
    from emdviz.training.epoch import Epoch
    from emdviz.training.evaluation import Prediction, measure, predict, scale_pixels
    from emdviz.training.kept import load_run
    from emdviz.training.race import Race
    from emdviz.training.rates import RateSearch, choose_rates
    from emdviz.training.run import Run, fit

__all__, __getattr__, __dir__ = hand_out_imports(__name__, __file__)
