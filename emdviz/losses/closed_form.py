"""CDF differences, and the mean EMD² of the most usual batch with its gradient written out."""

import torch
from torch.autograd import Function

from emdviz.losses import conventions


def cdf_difference(logits, targets):
    """CDF_i(softmax(z)) − CDF_i(t), shape (N, C)."""
    p = torch.softmax(logits, dim=1)
    if targets.soft is None:
        return _difference(p, targets.index)
    return torch.cumsum(p - targets.soft, dim=1)


def mean_emd2(input, target, ignore_index):
    """Mean EMD² of logits (B, C) and indices (B,) on a CPU, or None where more must be done.

    None means: another kind of batch, labels that are ignored or no classes, a transform of
    ``torch.func``, forward-mode gradients, or compilation, which fuses plain operations better.
    """
    if (
        torch.compiler.is_compiling()
        or type(input) is not torch.Tensor
        or type(target) is not torch.Tensor
        or input.ndim != 2
        or target.shape != input.shape[:1]
        or target.dtype != torch.int64
        or input.device.type != "cpu"  # elsewhere a wrong label cannot be seen without waiting
        or input.numel() == 0
        or 0 <= ignore_index < input.shape[1]
    ):
        return None
    try:
        p = torch.softmax(conventions.at_least_float32(input), dim=1)
        return _MeanEMD2.apply(p, target)
    except (RuntimeError, ValueError):  # RuntimeError: a transform; ValueError: a label, unasked
        return None


class _MeanEMD2(Function):
    """(1/N) Σ_n Σ_i d², d = CDF(p) − CDF(one-hot), for rows p whose sums are held at 1.

    ∂/∂p_j = 2 Σ_{i ≥ j} d_i. A constant per row is free, since softmax's backward takes it out:
    −2 Σ_{i < j} d_i needs none of the copies with which autograd turns a running sum around.
    """

    @staticmethod
    def forward(ctx, p, index):
        d = _difference(p, index)
        ctx.save_for_backward(p, index, d)
        return torch.sum(d * d) / len(index)

    @staticmethod
    def backward(ctx, grad):
        p, index, d = ctx.saved_tensors
        if torch.is_grad_enabled():  # for second derivatives d must depend on p once more
            d = _difference(p, index)
        before = torch.cumsum(d, dim=1).sub_(d)
        return before * (grad * (-2 / len(index))), None


def _difference(p, index):
    """CDF(p) − CDF(one-hot of index), shape (N, C)."""
    return torch.cumsum(conventions.add_at(p, index, -1.0), dim=1)
