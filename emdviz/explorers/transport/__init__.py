"""The figure :class:`TransportExplorer`."""

from emdviz.explorers.transport.transport import TransportExplorer

__all__ = ["TransportExplorer"]
