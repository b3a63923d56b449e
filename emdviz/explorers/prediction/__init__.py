"""The figure :class:`PredictionExplorer`."""

from emdviz.explorers.prediction.prediction import PredictionExplorer

__all__ = ["PredictionExplorer"]
