"""Train a network with a loss for ordered classes, and watch it after every epoch."""

from emdviz.training.augmentation import AUGMENTATIONS, Augmentation
from emdviz.training.comparison import compare_losses
from emdviz.training.conclusions import conclude, paired_differences, summarise
from emdviz.training.config import TrainConfig, choose_device, quick
from emdviz.training.evaluation import Prediction, find_loss, measure, predict, scale
from emdviz.training.loop import Epoch, fit

__all__ = [
    "AUGMENTATIONS",
    "Augmentation",
    "Epoch",
    "Prediction",
    "TrainConfig",
    "choose_device",
    "compare_losses",
    "conclude",
    "find_loss",
    "fit",
    "measure",
    "paired_differences",
    "predict",
    "quick",
    "scale",
    "summarise",
]
