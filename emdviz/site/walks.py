"""Losses without a closed form in the browser, computed beforehand on a walk from one t to another.

A page without a kernel knows their best predictions for the states of the walk, and for no others.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emdviz.distributions import one_hot
from emdviz.explorers.kit.explorer import show_losses
from emdviz.losses import zoo

ANSWERS = Path(__file__).with_name("walks.json")
"""Written by ``python scripts/record_walks.py``."""


@dataclass(frozen=True)
class Walk:
    """A straight walk between two distributions of labels.

    Attributes
    ----------
    start, end : array, shape (C,)
    losses : tuple of str
        Names of the losses shown, of the zoo or with a closed form.
    """

    start: np.ndarray
    end: np.ndarray
    losses: tuple

    def states(self):
        """Return the distributions on the way, the start and the end among them: lists."""
        shares = np.linspace(0, 1, 17)[:, None]
        return np.round((1 - shares) * self.start + shares * self.end, 9).tolist()


WALKS = {
    "soft-labels": Walk(
        np.array([0.0, 0.05, 0.1, 0.2, 0.3, 0.2, 0.1, 0.05]),
        one_hot(4, 8),
        ("XE", "SORD", "Poisson"),
    ),
    "far-classes": Walk(
        np.array([0.0, 0.0, 0.1, 0.4, 0.4, 0.1, 0.0, 0.0]),
        np.array([0.1, 0.3, 0.1, 0.0, 0.0, 0.1, 0.3, 0.1]),
        ("XE", "CORN", "OLL"),
    ),
}
"""Step of the tour -> its walk."""


def answers(name):
    """Return what was computed for a walk: loss -> one answer for each state."""
    return json.loads(ANSWERS.read_text(encoding="utf-8"))["walks"][name]


def traits(name, p):
    """Return what a figure on a walk shows and knows, while its own prediction is p.

    Returns
    -------
    dict
        ``_losses`` and ``_known`` of a ``ProprietyExplorer``.
    """
    walk, told = WALKS[name], answers(name)
    losses = show_losses([zoo.load(loss) for loss in walk.losses])
    known = [
        {
            "question": {"t": t, "p": p, "positions": None},
            "told": {loss: {"answer": every[i]} for loss, every in told.items()},
        }
        for i, t in enumerate(walk.states())
    ]
    asked = {"asked": True, "knowsPositions": False}
    return {
        "_losses": [one | asked if one["name"] in told else one for one in losses],
        "_known": known,
    }
