"""Interactive figures drawn in the browser; only here are ipywidgets and anywidget imported."""

from emdviz.explorers.prediction import PredictionExplorer
from emdviz.explorers.propriety import ProprietyExplorer

__all__ = ["PredictionExplorer", "ProprietyExplorer"]
