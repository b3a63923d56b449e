"""EMD and EMD²: closed forms of CDF differences; and EMD² beside cross-entropy."""

import numpy as np
import torch
from torch.autograd import Function

from emdviz._docstrings import fill
from emdviz.distributions import check_positions
from emdviz.losses import conventions
from emdviz.losses.cross_entropy import xe_loss
from emdviz.losses.modules import FunctionLoss
from emdviz.reading import read_flag, read_number


@fill
@conventions.without_autocast
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

    Without class weights and label smoothing a strictly proper scoring rule: its expectation is
    least at the true label distribution t. With weights it is least at w_i t_i / Σ_k w_k t_k.

    Parameters
    ----------
    %(logits)s
    %(positions)s
    %(divided_by_c)s
    %(batch_options)s

    %(loss_value)s
        In class steps, or the unit of ``positions``; from 0 to x_C − x_1 before weights.

    %(batch_errors)s

    References
    ----------
    Hou et al. 2017, section 2.2, the equation of E_E.

    Examples
    --------
    >>> z = torch.tensor([[0.0, 0.0, 0.0]])
    >>> round(emd2_loss(z, torch.tensor([0])).item(), 4)
    0.5556
    """
    if weight is None and _is_default(normalized, ignore_index, label_smoothing, reduction):
        value = _mean(input, target, positions, ignore_index)
        if value is not None:
            return value
    logits, targets = conventions.read(
        input, target, weight, ignore_index, label_smoothing, reduction
    )
    height = torch.square(_cdf_difference(logits, targets))
    return _integrate(height, logits, positions, normalized, targets, reduction)


@fill
@conventions.without_autocast
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

    Parameters
    ----------
    %(logits)s
    %(positions)s
    %(divided_by_c)s
    %(batch_options)s

    %(loss_value)s
        In class steps, or the unit of ``positions``; from 0 to x_C − x_1 before weights.

    %(batch_errors)s

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
    # at the last class both CDFs are 1: the rest is rounding, whose sign would be a gradient
    height = torch.abs(_cdf_difference(logits, targets)[:, :-1])
    return _integrate(height, logits, positions, normalized, targets, reduction)


@fill
@conventions.without_autocast
def xe_emd2_loss(
    input,
    target,
    *,
    emd_weight=1.0,
    positions=None,
    normalized=False,
    weight=None,
    ignore_index=-100,
    label_smoothing=0.0,
    reduction="mean",
):
    """Cross-entropy with EMD² as a regulariser: E_X + emd_weight · E_E.

    EMD² alone learns slowly from confident mistakes, where softmax saturates; cross-entropy
    does not.

    Parameters
    ----------
    %(logits)s
    emd_weight : float
        Weight of the squared EMD, not negative.
    %(positions)s
    %(divided_by_c)s
    %(batch_options)s

    %(loss_value)s

    %(batch_errors)s

    References
    ----------
    Hou, Yu, Samaras 2016, arXiv 1611.05916.
    """
    emd_weight = read_number(emd_weight, "emd_weight", "0 or more", lambda w: 0 <= w < torch.inf)
    options = {"weight": weight, "ignore_index": ignore_index}
    options |= {"label_smoothing": label_smoothing, "reduction": reduction}
    squared = emd2_loss(input, target, positions=positions, normalized=normalized, **options)
    return xe_loss(input, target, **options) + emd_weight * squared


class SquaredEMDLoss(FunctionLoss, function=emd2_loss):
    """Module of :func:`emd2_loss`, with its options."""


class EMDLoss(FunctionLoss, function=emd_loss):
    """Module of :func:`emd_loss`, with its options."""


class CrossEntropyEMD2Loss(FunctionLoss, function=xe_emd2_loss):
    """Module of :func:`xe_emd2_loss`, with its options."""


def _is_default(normalized, ignore_index, label_smoothing, reduction):
    """Say whether all options have their defaults, of any type that a caller may pass."""
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


def _cdf_difference(logits, targets):
    """CDF_i(softmax(z)) − CDF_i(t), shape (N, C)."""
    t = targets.index if targets.soft is None else targets.soft
    return torch.cumsum(_steps(torch.softmax(logits, dim=1), t), dim=1)


def _mean(input, target, positions, ignore_index):
    """Mean EMD² of logits (B, C) on a CPU, or None where more must be done.

    None means: another kind of batch, labels that are ignored or no classes, targets that are no
    distributions or want a gradient, a transform of ``torch.func``, forward-mode gradients, or
    compilation, which fuses plain operations better.
    """
    if (
        torch.compiler.is_compiling()
        or type(input) is not torch.Tensor
        or type(target) is not torch.Tensor
        or input.ndim != 2
        or input.device.type != "cpu"  # on another device a look at labels would wait for it
        or target.device.type != "cpu"
        or input.numel() == 0
    ):
        return None
    if target.dtype == torch.int64:
        if target.shape != input.shape[:1] or 0 <= ignore_index < input.shape[1]:
            return None
    elif not target.is_floating_point() or target.shape != input.shape or target.requires_grad:
        return None
    try:
        logits = conventions.at_least_float32(input)
        if target.is_floating_point():
            conventions.check_probabilities(target)
            target = target.to(logits.dtype)
        width = None if positions is None else _widths(positions, logits)
        return _MeanEMD2.apply(logits, target, width)
    except (RuntimeError, TypeError, ValueError):  # RuntimeError: a transform; the others, unasked
        return None


class _MeanEMD2(Function):
    """(1/N) Σ_n Σ_i d² Δ_i, d = CDF(p) − CDF(t), for rows p = softmax(z).

    ∂/∂p_j = 2 Σ_{i ≥ j} d_i Δ_i. A constant per row is free, since softmax's backward takes it
    out: −2 Σ_{i < j} d_i Δ_i needs none of the copies with which autograd turns a running sum
    around.
    """

    @staticmethod
    def forward(ctx, z, target, width):
        p = torch.softmax(z, dim=1)
        d = _steps(p, target).cumsum_(1)
        heights = d if width is None else d * width
        ctx.save_for_backward(z, target, width, p, heights)
        return torch.dot(d.view(-1), heights.view(-1)) / len(z)

    @staticmethod
    def backward(ctx, grad):
        z, target, width, p, heights = ctx.saved_tensors
        scale = grad * (-2 / len(z))
        if not torch.is_grad_enabled():
            before = torch.cumsum(heights, dim=1).sub_(heights)
            return torch._softmax_backward_data(before * scale, p, 1, p.dtype), None, None
        p = torch.softmax(z, dim=1)  # for second derivatives all must depend on z once more
        d = torch.cumsum(_steps(p, target), dim=1)
        heights = d if width is None else d * width
        by_p = (torch.cumsum(heights, dim=1) - heights) * scale
        return p * (by_p - (p * by_p).sum(dim=1, keepdim=True)), None, None


def _steps(p, target):
    """Return what the CDF of p − t sums up, shape (N, C), for indices or probabilities t."""
    return p - target if target.is_floating_point() else conventions.add_at(p, target, -1.0)


def _widths(positions, like):
    """Return the gaps of positions, and 0 for the last class, as a tensor, shape (C,)."""
    array = np.asanyarray(positions)  # a mask stays
    key = array.tobytes(), array.dtype, array.shape, like.shape[1], like.dtype
    if array.dtype == object or key not in _known_widths:
        gaps = torch.diff(check_positions(positions, like.shape[1], like=like))
        if len(_known_widths) > 100:
            _known_widths.clear()
        _known_widths[key] = torch.cat([gaps, gaps.new_zeros(1)]).numpy()
    return torch.from_numpy(_known_widths[key])  # a new one, which inference mode may own


_known_widths = {}
