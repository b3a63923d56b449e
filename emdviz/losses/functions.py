"""The losses of the paper as functions; :mod:`emdviz.losses` says what they share."""

import numpy as np
import torch
import torch.nn.functional as F

from emdviz.distributions import check_positions
from emdviz.losses import closed_form, conventions
from emdviz.reading import read_count, read_flag, read_floats, read_number


def emd2_loss(
    input,
    target,
    *,
    positions=None,
    normalized=False,
    weight=None,
    ignore_index=-100,
    label_smoothing=0.0,
    reduction="mean",
):
    """Squared EMD loss of the paper: E_E = Σ_i (CDF_i(softmax(z)) − CDF_i(t))² Δ_i.

    A strictly proper scoring rule: its expectation is least at the true label distribution.

    Parameters
    ----------
    input : float tensor, shape (C,), (B, C) or (B, C, d1, …)
        Logits z.
    target : tensor, int64 of shape (), (B,) or (B, d1, …), or float of the shape of ``input``
        Class indices, or probabilities.
    positions : array-like, shape (C,), optional
        Strictly increasing class positions; 0, 1, …, C − 1 by default.
    normalized : bool
        Divide by C, as the paper does before it drops the factor.
    weight : float tensor, shape (C,), optional
        Weight of each class.
    ignore_index : int
        Class index whose examples do not count.
    label_smoothing : float
        From 0 to 1: the share of the target that is spread evenly over all classes.
    reduction : {"mean", "sum", "none"}

    Returns
    -------
    float tensor, shape () or, for ``"none"``, the shape of the indices
        In class steps, or the unit of ``positions``; from 0 to x_C − x_1 before weights.

    Raises
    ------
    ValueError, TypeError
        For shapes, dtypes, labels or options that are not as above.

    References
    ----------
    Hou et al. 2017, section 2.2, the equation of E_E.

    Examples
    --------
    >>> z = torch.tensor([[0.0, 0.0, 0.0]])
    >>> round(emd2_loss(z, torch.tensor([0])).item(), 4)
    0.5556
    """
    if (
        weight is None
        and positions is None
        and _usual(normalized, ignore_index, label_smoothing, reduction)
    ):
        value = closed_form.mean_emd2(input, target, ignore_index)
        if value is not None:
            return value
    logits, targets = conventions.read(
        input, target, weight, ignore_index, label_smoothing, reduction
    )
    height = torch.square(closed_form.cdf_difference(logits, targets))
    return _integrate(height, logits, positions, normalized, targets, reduction)


def emd_loss(
    input,
    target,
    *,
    positions=None,
    normalized=False,
    weight=None,
    ignore_index=-100,
    label_smoothing=0.0,
    reduction="mean",
):
    """Earth Mover's Distance loss: EMD = Σ_i |CDF_i(softmax(z)) − CDF_i(t)| Δ_i.

    With one-hot labels its expectation is least at certainty of the median label, not at the
    label distribution: it is not a proper scoring rule.

    Parameters, returns and errors are those of :func:`emd2_loss`.

    References
    ----------
    Hou et al. 2017, section 2.2 with l = 1.

    Examples
    --------
    >>> round(emd_loss(torch.tensor([[0.0, 0.0, 0.0]]), torch.tensor([0])).item(), 4)
    1.0
    """
    logits, targets = conventions.read(
        input, target, weight, ignore_index, label_smoothing, reduction
    )
    # at the last class both CDFs are 1: what is left is rounding, whose sign would be a gradient
    height = torch.abs(closed_form.cdf_difference(logits, targets)[:, :-1])
    return _integrate(height, logits, positions, normalized, targets, reduction)


def xe_loss(
    input, target, *, weight=None, ignore_index=-100, label_smoothing=0.0, reduction="mean"
):
    """Cross-entropy E_X = −Σ_i t_i log softmax(z)_i: torch's, with this module's checks.

    Parameters and errors are those of :func:`emd2_loss`; the result is in nats.

    References
    ----------
    Hou et al. 2017, section 2; :func:`torch.nn.functional.cross_entropy`.

    Examples
    --------
    >>> round(xe_loss(torch.tensor([[0.0, 0.0, 0.0]]), torch.tensor([0])).item(), 4)
    1.0986
    """
    label_smoothing = conventions.check_options(input, weight, label_smoothing, reduction)
    conventions.check_target(input, target)
    ignore_index = read_count(ignore_index, "ignore_index", -(2**63), 2**63 - 1)
    logits = conventions.at_least_float32(input)
    try:
        return F.cross_entropy(
            logits,
            target if target.is_floating_point() else target.long(),
            None if weight is None else weight.to(logits),
            # no probabilities are ignored, and torch minds an index beside them
            ignore_index=-100 if target.is_floating_point() else ignore_index,
            label_smoothing=label_smoothing,
            reduction=reduction,
        )
    except IndexError:
        conventions.check_labels(target[target != ignore_index], conventions.rows(logits).shape[1])
        raise


def xe_emd2_loss(input, target, *, emd_weight=1.0, positions=None, normalized=False, **options):
    """Cross-entropy with EMD² as a regulariser: E_X + emd_weight · E_E.

    EMD² alone learns slowly from confident mistakes, where softmax saturates; cross-entropy
    does not.
    Returns and further errors are those of :func:`emd2_loss`.

    Parameters
    ----------
    emd_weight : float
        Weight of the squared EMD, not negative.
    input, target, positions, normalized, **options
        As in :func:`emd2_loss`.

    References
    ----------
    Hou, Yu, Samaras, arXiv 1611.05916.
    """
    emd_weight = read_number(emd_weight, "emd_weight", "0 or more", lambda w: 0 <= w < torch.inf)
    squared = emd2_loss(input, target, positions=positions, normalized=normalized, **options)
    return xe_loss(input, target, **options) + emd_weight * squared


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
    weight, ignore_index, reduction
        As in :func:`emd2_loss`.

    Returns
    -------
    float tensor, shape () or (B,)
        In squared class steps, or the square of the unit of ``positions``.

    Raises
    ------
    ValueError, TypeError
        For shapes, dtypes, labels or options that are not as above.

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


def _usual(normalized, ignore_index, label_smoothing, reduction):
    """Say whether these are the options of the fast way, whatever they are."""
    types = type(ignore_index), type(label_smoothing), type(reduction)
    return (
        normalized is False
        and types in ((int, float, str), (int, int, str))
        and label_smoothing == 0
        and reduction == "mean"
    )


def _integrate(height, logits, positions, normalized, targets, reduction):
    """Sum heights over the C − 1 gaps; ``height`` may have a last column of zeros."""
    num_classes = logits.shape[1]
    normalized = read_flag(normalized, "normalized")
    if positions is not None:
        width = torch.diff(check_positions(positions, num_classes, like=height))
        height = height[:, : num_classes - 1] * width
    value = conventions.reduce(height, targets, reduction)
    return value / num_classes if normalized else value
