"""A thin Module for every loss function."""

from collections.abc import Callable

import torch
from torch import nn

from emdviz.losses.entropic import aemd_loss, as_tensor
from emdviz.losses.functions import emd2_loss, emd_loss, regression_loss, xe_emd2_loss, xe_loss
from emdviz.reading import shown


class _Loss(nn.Module):
    """Keeps the options of a loss function, and its class weights where ``.to`` finds them."""

    function: Callable

    def __init__(self, weight=None, **options):
        super().__init__()
        if weight is not None and not isinstance(weight, torch.Tensor):
            raise TypeError(f"weight must be a tensor of real numbers, got {shown(weight)}")
        self.register_buffer("weight", weight)
        self.options = options

    def forward(self, input, target):
        """Return the loss of a batch; shapes as in the function."""
        return type(self).function(input, target, weight=self.weight, **self.options)

    def extra_repr(self):
        """Show the options in ``print(model)``."""
        return ", ".join(f"{name}={value!r}" for name, value in self.options.items())


class CrossEntropyLoss(_Loss):
    """Module of :func:`xe_loss`, with its options."""

    function = staticmethod(xe_loss)

    def __init__(self, *, weight=None, ignore_index=-100, label_smoothing=0.0, reduction="mean"):
        super().__init__(
            weight, ignore_index=ignore_index, label_smoothing=label_smoothing, reduction=reduction
        )


class SquaredEMDLoss(_Loss):
    """Module of :func:`emd2_loss`, with its options."""

    function = staticmethod(emd2_loss)

    def __init__(
        self,
        *,
        positions=None,
        normalized=False,
        weight=None,
        ignore_index=-100,
        label_smoothing=0.0,
        reduction="mean",
    ):
        super().__init__(
            weight,
            positions=positions,
            normalized=normalized,
            ignore_index=ignore_index,
            label_smoothing=label_smoothing,
            reduction=reduction,
        )


class EMDLoss(SquaredEMDLoss):
    """Module of :func:`emd_loss`, with its options."""

    function = staticmethod(emd_loss)


class CrossEntropyEMD2Loss(SquaredEMDLoss):
    """Module of :func:`xe_emd2_loss`, with its options."""

    function = staticmethod(xe_emd2_loss)

    def __init__(self, *, emd_weight=1.0, **options):
        super().__init__(**options)
        self.options["emd_weight"] = emd_weight


class RegressionLoss(_Loss):
    """Module of :func:`regression_loss`, with its options."""

    function = staticmethod(regression_loss)

    def __init__(self, *, positions=None, weight=None, ignore_index=-100, reduction="mean"):
        super().__init__(
            weight, positions=positions, ignore_index=ignore_index, reduction=reduction
        )


class ApproximateEMDLoss(_Loss):
    """Module of :func:`aemd_loss`, with its options; the ground distance is a buffer."""

    function = staticmethod(aemd_loss)

    def __init__(
        self,
        ground_distance=None,
        *,
        lam=1.0,
        iterations=100,
        weight=None,
        ignore_index=-100,
        label_smoothing=0.0,
        reduction="mean",
    ):
        super().__init__(
            weight,
            lam=lam,
            iterations=iterations,
            ignore_index=ignore_index,
            label_smoothing=label_smoothing,
            reduction=reduction,
        )
        known = ground_distance is not None
        self.register_buffer(
            "ground_distance", as_tensor(ground_distance).clone() if known else None
        )

    def forward(self, input, target):
        """Return the loss of a batch; shapes as in the function."""
        return aemd_loss(
            input,
            target,
            ground_distance=self.ground_distance,
            weight=self.weight,
            **self.options,
        )
