"""The figures of training: :class:`LossRace` and :class:`TrainingReplay`."""

from emdviz.explorers.training.race import LossRace
from emdviz.explorers.training.replay import TrainingReplay

__all__ = ["LossRace", "TrainingReplay"]
