"""Regression of the label's position, for comparison."""

import numpy as np
import torch

from emdviz._docstrings import fill
from emdviz.distributions import check_positions
from emdviz.losses import conventions
from emdviz.losses.modules import FunctionLoss
from emdviz.reading import read_floats


@fill
@conventions.without_autocast
def regression_loss(
    input, target, *, positions=None, weight=None, ignore_index=-100, reduction="mean"
):
    """L2 regression (REG): E_R = (o − x_k)², from one linear output to the label's position.

    Parameters
    ----------
    input : float tensor, shape (B,) or (B, 1)
        Predicted position o: one linear neuron, no softmax.
    target : tensor, int64 of shape (B,), or float of shape (B, C)
        Class indices, or probabilities; for those the loss is Σ_i t_i (o − x_i)².
    positions : array-like, shape (C,), optional
        Strictly increasing class positions. By default a label is its own position, and its
        range cannot be checked.
    weight : float tensor, shape (C,), optional
        Weight of each class.
    ignore_index : int
        Class index whose examples do not count.
    reduction : {"mean", "sum", "none"}

    Returns
    -------
    float tensor, shape () or (B,)
        In squared class steps, or the square of the unit of ``positions``.

    %(batch_errors)s

    References
    ----------
    Hou et al. 2017, section 3, REG.

    Examples
    --------
    >>> regression_loss(torch.tensor([[1.5]]), torch.tensor([2])).item()
    0.25
    """
    conventions.check_outputs(input)
    if input.ndim not in (1, 2) or tuple(input.shape[1:]) not in ((), (1,)):
        raise ValueError(
            f"input must be one number per example, (B,) or (B, 1), got {tuple(input.shape)}"
        )
    if not isinstance(target, torch.Tensor):
        raise TypeError(f"target must be a torch tensor, got {type(target).__name__}")
    soft = target.is_floating_point()
    outputs = conventions.at_least_float32(input).reshape(len(input))
    if positions is not None:
        positions = read_floats(positions, "positions")
    given = (len(one) for one in (positions, weight) if np.ndim(one))
    num_classes = target.shape[-1] if soft and target.ndim else next(given, 1)
    like = outputs.new_empty(len(outputs), num_classes)
    conventions.check_options(like, weight, 0.0, reduction)
    conventions.check_target(like, target)
    targets = conventions.read_targets(target, like, weight, ignore_index)
    if positions is None and not soft:
        squares = ((outputs - targets.index) ** 2)[:, None]
    else:
        x = check_positions(positions, num_classes, like=outputs)
        if soft:
            squares = targets.soft * (outputs[:, None] - x) ** 2
        else:
            squares = ((outputs - conventions.pick(x, targets.index)) ** 2)[:, None]
    return conventions.reduce(squares, targets, reduction)


def nearest_class(outputs, num_classes, positions=None):
    """Turn outputs (B,) or (B, 1), in the unit of the positions, into class indices (B,)."""
    outputs = conventions.at_least_float32(outputs).reshape(len(outputs))
    x = check_positions(positions, num_classes, like=outputs)
    return torch.abs(outputs[:, None] - x).argmin(1)


def certainty(outputs, num_classes, positions=None):
    """Turn outputs into certainty of the nearest class, shape (B, C)."""
    classes = nearest_class(outputs, num_classes, positions)
    return torch.eye(num_classes, device=outputs.device)[classes]


class RegressionLoss(FunctionLoss, function=regression_loss):
    """Module of :func:`regression_loss`, with its options."""
