"""Interactive figures drawn in the browser; only here are ipywidgets and anywidget imported."""

from emdviz.explorers.prediction import PredictionExplorer

__all__ = ["PredictionExplorer"]
