"""What a run reports after each epoch, and reading it back from a file."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from emdviz.training.evaluation import Prediction
from emdviz.training.provenance import digest


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
        probe = {
            "classes": self.probe.classes.tolist(),
            "distribution": None
            if self.probe.distribution is None
            else self.probe.distribution.tolist(),
        }
        learned = self.ground_distance
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)} | {
            "probe": probe,
            "ground_distance": None if learned is None else learned.tolist(),
        }

    @classmethod
    def from_dict(cls, facts):
        """Return the epoch that :meth:`to_dict` described; older ones have no ground distance."""
        probe = facts["probe"]
        distribution = probe["distribution"]
        prediction = Prediction(
            torch.tensor(probe["classes"]),
            None if distribution is None else torch.tensor(distribution),
        )
        learned = facts.get("ground_distance")
        learned = None if learned is None else np.array(learned)
        return cls(**(facts | {"probe": prediction, "ground_distance": learned}))


def read_history(path, *, probe=None):
    """Return the loss and the epochs of a ``history.json``, which a kept run writes.

    Where ``probe`` is given, the epochs must hold predictions for these images.
    """
    path = Path(path)
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        epochs = [Epoch.from_dict(facts) for facts in kept["epochs"]]
        loss, watched = kept["run"]["loss"], kept["run"]["probe"]
    except Exception as error:  # a broken file may lack anything
        raise ValueError(f"{path} cannot be read ({error}): run it again") from None
    if probe is not None and watched != digest([probe]):
        raise ValueError(
            f"images must be those whose predictions {path.parent} holds; give the same "
            "data set, and as images what was given as probe"
        )
    return loss, epochs
