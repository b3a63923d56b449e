"""The report of a run after each epoch."""

from dataclasses import dataclass

import numpy as np
import torch

from emdviz.training.evaluation import Prediction


@dataclass(frozen=True)
class Epoch:
    """The state of a run after an epoch.

    Attributes
    ----------
    number : int
        From 1.
    train_loss, valid_loss : float
        Mean loss over the epoch's training batches, and over the validation split after it.
    metrics : dict of str to float
        On the validation split; see ``metrics.METRICS``.
    probe : Prediction
        For the probe images.
    learning_rate : float
        At the end of the epoch.
    seconds : float
        Since the start of the run.
    ground_distance : NumPy array of float64, shape (C, C), or None
        The ground distance that the loss has learned by the end of the epoch, for losses that
        learn one, such as SGEMD2.
    """

    number: int
    train_loss: float
    valid_loss: float
    metrics: dict
    probe: Prediction
    learning_rate: float
    seconds: float
    ground_distance: np.ndarray | None = None

    def to_dict(self):
        """Return the same in the types of JSON."""
        classes, p, learned = self.probe.classes, self.probe.distribution, self.ground_distance
        probe = {"classes": classes.tolist(), "distribution": None if p is None else p.tolist()}
        learned = None if learned is None else learned.tolist()
        return vars(self) | {"probe": probe, "ground_distance": learned}

    @classmethod
    def from_dict(cls, facts):
        """Return the epoch that :meth:`to_dict` described."""
        classes, p = facts["probe"]["classes"], facts["probe"]["distribution"]
        probe = Prediction(torch.tensor(classes), None if p is None else torch.tensor(p))
        learned = facts.get("ground_distance")  # older histories have none
        learned = None if learned is None else np.array(learned)
        return cls(**(facts | {"probe": probe, "ground_distance": learned}))
