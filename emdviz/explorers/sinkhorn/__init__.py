"""The figure :class:`SinkhornExplorer`."""

from emdviz.explorers.sinkhorn.sinkhorn import SinkhornExplorer

__all__ = ["SinkhornExplorer"]
