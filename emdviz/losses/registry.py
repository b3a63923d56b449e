"""The losses by name, with what a training run and a plot need to know."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from emdviz.losses import conventions
from emdviz.losses.guided import SelfGuidedEMD2Loss
from emdviz.losses.modules import (
    ApproximateEMDLoss,
    CrossEntropyEMD2Loss,
    CrossEntropyLoss,
    EMDLoss,
    RegressionLoss,
    SquaredEMDLoss,
)
from emdviz.style import LOSS_COLOURS


@dataclass(frozen=True)
class LossSpec:
    """What a training run and a plot need to know of a loss.

    Attributes
    ----------
    label : str
        Its name in figures.
    colour : str
        Its colour in figures.
    factory : callable
        Makes the Module; options as in the function.
    regresses : bool
        Whether it trains one linear output instead of C logits.
    uses_features : bool
        Whether it wants the features before the head and the ends of epochs; see :meth:`make`.
    """

    label: str
    colour: str
    factory: Callable[..., nn.Module]
    regresses: bool = False
    uses_features: bool = False

    def make(self, num_classes, num_features, **options):
        """Make the Module for a network that has so many classes and features before its head.

        ``options`` are those of the loss, such as ``lam=10.0`` for AEMD. Most losses need
        neither number. One that ``uses_features`` is made with both numbers, and
        while it trains it is told two things more: ``observe(features, labels)`` after every
        batch and ``end_epoch()`` after every epoch, which returns the ground distance that it
        learned, shape (C, C), or None.
        """
        numbers = (num_classes, num_features) if self.uses_features else ()
        return self.factory(*numbers, **options)

    def num_outputs(self, num_classes):
        """Return how many outputs the network needs: C, or 1 for regression."""
        return 1 if self.regresses else num_classes

    def decode(self, outputs, num_classes):
        """Turn network outputs into predictions.

        Parameters
        ----------
        outputs : float tensor, shape (B, C), or (B, 1) for regression in class steps
        num_classes : int
            C.

        Returns
        -------
        predicted : int64 tensor, shape (B,)
            The most probable class; for regression the nearest one.
        distribution : float tensor, shape (B, C), or None
            Predicted probabilities; None for regression, which has none.
        """
        if self.regresses:
            nearest = torch.round(outputs.reshape(len(outputs)).float())
            return torch.clamp(nearest, 0, num_classes - 1).long(), None
        p = torch.softmax(conventions.at_least_float32(outputs), dim=1)
        return torch.argmax(p, dim=1), p


LOSSES = {
    "XE": LossSpec("XE", LOSS_COLOURS["XE"], CrossEntropyLoss),
    "REG": LossSpec("REG", LOSS_COLOURS["REG"], RegressionLoss, regresses=True),
    "EMD2": LossSpec("EMD²", LOSS_COLOURS["EMD2"], SquaredEMDLoss),
    "EMD": LossSpec("EMD", LOSS_COLOURS["EMD"], EMDLoss),
    "AEMD": LossSpec("AEMD", LOSS_COLOURS["AEMD"], ApproximateEMDLoss),
    "XEMD2": LossSpec("XE + EMD²", LOSS_COLOURS["XEMD2"], CrossEntropyEMD2Loss),
    "SGEMD2": LossSpec(
        "XE + learned EMD²", LOSS_COLOURS["SGEMD2"], SelfGuidedEMD2Loss, uses_features=True
    ),
}
"""The losses by the names that the paper gives them (EMD2 is its "EMD")."""
