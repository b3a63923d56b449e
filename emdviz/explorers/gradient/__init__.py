"""The figure :class:`GradientExplorer`."""

from emdviz.explorers.gradient.gradient import GradientExplorer

__all__ = ["GradientExplorer"]
