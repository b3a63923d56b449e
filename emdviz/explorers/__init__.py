"""Interactive figures drawn in the browser; only here are ipywidgets and anywidget imported."""

from emdviz.explorers.flip_book import flip_book
from emdviz.explorers.gradient import GradientExplorer
from emdviz.explorers.prediction import PredictionExplorer
from emdviz.explorers.propriety import ProprietyExplorer
from emdviz.explorers.race import LossRace
from emdviz.explorers.replay import TrainingReplay
from emdviz.explorers.sinkhorn import SinkhornExplorer
from emdviz.explorers.transport import TransportExplorer

__all__ = [
    "GradientExplorer",
    "LossRace",
    "PredictionExplorer",
    "ProprietyExplorer",
    "SinkhornExplorer",
    "TrainingReplay",
    "TransportExplorer",
    "flip_book",
]
