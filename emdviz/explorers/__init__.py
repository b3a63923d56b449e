"""Interactive figures drawn in the browser; only here are ipywidgets and anywidget imported.

Each figure has a folder with its Python, its JavaScript and its style sheet; ``kit`` holds what
two or more of them share. Those of training need torch, and no other does.
"""

from typing import TYPE_CHECKING

from emdviz._imports import hand_out

if TYPE_CHECKING:  # for editors and type checkers, which cannot follow __getattr__
    from emdviz.explorers.flip_books import flip_book
    from emdviz.explorers.gradient import GradientExplorer
    from emdviz.explorers.prediction import PredictionExplorer
    from emdviz.explorers.propriety import ProprietyExplorer
    from emdviz.explorers.sinkhorn import SinkhornExplorer
    from emdviz.explorers.training import LossRace, TrainingReplay
    from emdviz.explorers.transport import TransportExplorer

ALL = {
    "prediction": ("PredictionExplorer",),
    "transport": ("TransportExplorer",),
    "propriety": ("ProprietyExplorer",),
    "gradient": ("GradientExplorer",),
    "sinkhorn": ("SinkhornExplorer",),
    "training": ("LossRace", "TrainingReplay"),
}
"""The figures: folder -> names of the classes that it holds."""

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

__getattr__, __dir__ = hand_out(__name__, ALL | {"flip_books": ("flip_book",)})
