"""The figure :class:`ProprietyExplorer`."""

from emdviz.explorers.propriety.propriety import ProprietyExplorer

__all__ = ["ProprietyExplorer"]
