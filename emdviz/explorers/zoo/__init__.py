"""The figure :class:`ZooExplorer`."""

from emdviz.explorers.zoo.zoo import ZooExplorer

__all__ = ["ZooExplorer"]
