"""Interactive figures drawn in the browser; only here are ipywidgets and anywidget imported.

Each figure has a folder with its Python, its JavaScript and its style sheet; ``kit`` holds what
two or more of them share. Those of training need torch, and no other does.
"""

from emdviz._imports import hand_out

ALL = {
    "prediction": ("PredictionExplorer",),
    "transport": ("TransportExplorer",),
    "propriety": ("ProprietyExplorer",),
    "gradient": ("GradientExplorer",),
    "sinkhorn": ("SinkhornExplorer",),
    "zoo": ("ZooExplorer",),
    "training": ("LossRace", "TrainingReplay"),
}
"""The figures: folder -> names of the classes that it holds."""

WITHOUT_TORCH = tuple(n for folder, names in ALL.items() for n in names if folder != "training")
"""The names of those that need no torch: each has a page of its own on the site."""

__all__ = sorted([name for names in ALL.values() for name in names] + ["flip_book"])

__getattr__, __dir__ = hand_out(__name__, ALL | {"flip_books": ("flip_book",)})
