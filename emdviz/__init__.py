"""Losses for ordered classes: distances, exact transport, training and interactive figures."""

__version__ = "0.1.0"
