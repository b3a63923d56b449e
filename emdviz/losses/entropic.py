"""AEMD: entropic transport with any ground distance, by matrix scalings."""

import math
import warnings
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function
from torch.utils.weak import WeakTensorKeyDictionary

from emdviz._docstrings import fill
from emdviz.losses import conventions
from emdviz.losses.modules import FunctionLoss, as_tensor
from emdviz.reading import has_float64, is_torch, read_count, read_number

WIDEST = 300.0
"""λ times the greatest distance up to which float64 holds exp(−λD) and all it is scaled by."""

BLOCK = 2**18
"""Numbers in the kernels of the pairs that a CPU works on at a time: they stay in its cache."""

CONVERGED = 1e-3
"""Mass that may stand in the wrong column before a warning is given."""


class Scaled(NamedTuple):
    """Entropic transport between the N rows of p and t, after some scalings.

    The value is Σ_i p_i f_i + Σ_j t_j g_j with the potentials f and g of F_ij =
    exp(λ (f_i + g_j − D_ij)): ⟨F, D⟩ + (1/λ) Σ F log F once the plan F has the marginals p and t,
    and never more than its least value.
    """

    value: torch.Tensor  # (N,)
    row_potential: torch.Tensor  # f, (N, C)
    column_potential: torch.Tensor  # g, (N, C)
    error: torch.Tensor  # mass in wrong columns, (N,): half the sum of |column of F − t|


@fill
@conventions.without_autocast
def aemd_loss(
    input,
    target,
    *,
    ground_distance=None,
    lam=1.0,
    iterations=100,
    weight=None,
    ignore_index=-100,
    label_smoothing=0.0,
    reduction="mean",
):
    """Approximate EMD: min over plans F of ⟨F, D⟩ + (1/λ) Σ_ij F_ij log F_ij, by matrix scalings.

    The gradient is the dual potential of the prediction (envelope theorem), not that of the
    unrolled iterations: it needs no more memory for more of them. Once they have converged,
    value and gradient agree.

    For class indices no iteration is needed. Only one plan moves all mass to class k, so that
    the loss is Σ_i p_i D_ik + (1/λ) Σ_i p_i log p_i in closed form: its cost is exact for every
    λ, and it differs from :func:`emd_loss` by the entropy and the choice of D only.

    Parameters
    ----------
    %(logits)s
    ground_distance : array-like, shape (C, C), optional
        D_ij ≥ 0, the cost of moving a unit of mass from class i of the prediction to class j
        of the target; see :mod:`emdviz.ground_distance`. |i − j| by default.
    lam : float
        λ > 0, which multiplies D; POT's ``reg`` is 1/λ. The larger, the nearer to exact
        transport, and the more scalings it takes.
    iterations : int
        Matrix scalings, at least 1: each fits the rows and the columns once.
    %(batch_options)s

    %(loss_value)s
        In the unit of D. Once the scalings have converged it is less than the transport cost of
        its plan, by at most 2 log(C) / λ, and may be negative.

    %(batch_errors)s

    Warns
    -----
    UserWarning
        Once per program, on a CPU, if the scalings have not converged; elsewhere that would
        mean to wait. :func:`scale_matrix` returns how far they are.

    References
    ----------
    Frogner et al. 2015, where λ and its inverse are as here; Cuturi 2013; Hou et al. 2017,
    section 3, AEMD, with 100 scalings.

    Examples
    --------
    >>> z = torch.tensor([[0.0, 0.0, 0.0]])
    >>> round(aemd_loss(z, torch.tensor([0])).item(), 4)  # 1 − log 3
    -0.0986
    """
    lam = read_number(lam, "lam", "positive and finite", lambda value: 0 < value < math.inf)
    iterations = read_count(iterations, "iterations", 1)
    logits, targets = conventions.read(
        input, target, weight, ignore_index, label_smoothing, reduction
    )
    distance = read_distance(ground_distance, logits)
    greatest = _greatest(ground_distance, logits.shape[1])
    # below this p is 0 in any precision, and p log p is 0 as well
    log_p = torch.log_softmax(logits, dim=1).clamp(min=-1e3)
    if targets.soft is None:
        parts = torch.exp(log_p) * (conventions.pick(distance.T, targets.index) + log_p / lam)
        return conventions.reduce(parts, targets, reduction)
    transport = _transport if torch.compiler.is_compiling() else _Entropic.apply
    value, *_ = transport(log_p, targets.soft, distance, float(lam), iterations, greatest)
    return conventions.reduce(value[:, None], targets, reduction)


class ApproximateEMDLoss(FunctionLoss, function=aemd_loss):
    """Module of :func:`aemd_loss`, with its options; the ground distance is a buffer."""


def scale_matrix(log_p, t, distance, lam, iterations, *, greatest=None):
    """Scale exp(−λD) to the marginals p and t (N, C) of every pair, all pairs at once.

    Where λD is at most 300, the scalings are matrix products in float64, which cannot overflow
    there; a probability too small for float64 counts as zero for the others, but has a potential of
    its own. Otherwise a step is taken in logarithms, its potentials are absorbed into a kernel of
    each pair, and products go on from there until they have moved so far that this begins anew
    (Schmitzer, *Stabilized sparse scaling algorithms for entropy regularized transport problems*,
    2019). On a line, D = |x_i − x_j| with rising x, products within blocks of near classes go on to
    the end. Not on a CPU, where to look at values is to wait, every step is taken in logarithms
    unless ``greatest``, the greatest distance, is given and small enough.
    """
    with torch.no_grad():
        cost = lam * distance
        wide = log_p.double() if has_float64(log_p) else log_p
        parts = wide, t.to(wide), cost.to(wide), iterations
        if greatest is None and cost.device.type == "cpu":  # elsewhere it would wait
            greatest = float(distance.max())
        if greatest is not None and lam * greatest <= WIDEST and wide.dtype == torch.float64:
            scaled = _scale(*parts)
        elif cost.device.type == "cpu":
            places = None  # where all kernels stay in a CPU's cache, they are as fast
            if len(log_p) * cost.numel() > BLOCK:
                places = _places_on_a_line(parts[2], torch.finfo(distance.dtype).eps)
            if places is None:
                scaled = _scale_in_blocks(*parts)
            else:
                scaled = _scale_on_a_line(*parts[:2], places, iterations)
        else:
            scaled = _scale_in_logarithms(*parts)
        g, h, columns = (values.to(log_p) for values in scaled)
        f = log_p + h
        value = torch.sum(torch.exp(log_p) * f + t * torch.where(t > 0, g, 0), dim=1)
        error = torch.sum(torch.abs(columns - t), dim=1) / 2
        return Scaled(value / lam, f / lam, g / lam, error)


# Each of these returns g of the columns, h = −log Σ_j exp(g_j − λD_ij) of the rows, so that
# f = log p + h, and the sums of the columns, all of shape (N, C).


def _scale(log_p, t, cost, iterations):
    p, kernel = torch.exp(log_p), torch.exp(-cost)
    back = kernel.T.contiguous()
    v = torch.ones_like(t)
    for _ in range(iterations):
        u = p / (v @ back)
        v = t / (u @ kernel)
    rows = v @ back
    return torch.log(v), -torch.log(rows), v * ((p / rows) @ kernel)


def _scale_in_logarithms(log_p, t, cost, iterations):
    """Scale in logarithms, which need no checks of values, so that a GPU need not wait."""
    log_t, back = torch.log(t), cost.T.contiguous()
    g = torch.zeros_like(log_t)
    for _ in range(iterations):
        g = log_t - _log_product(log_p - _log_product(g, -cost), -back)
    return g, *_rows_and_columns(log_p, t, g, cost)


def _places_on_a_line(cost, rounding):
    """Return places x with cost |x_i − x_j| up to rounding, x rising from 0; None if none have."""
    x = cost[0]
    apart = torch.abs(cost - torch.abs(x[:, None] - x)).amax()
    return x if bool((x.diff() >= 0).all() & (apart <= 2 * rounding * cost.amax())) else None


def _scale_on_a_line(log_p, t, x, iterations):
    """Scale exp(−|x_i − x_j|), which is exp(−|x_i − e|) exp(−|e − x_j|) for any e between them.

    The classes stand in K blocks, each at most WIDEST wide: within one nothing overflows, and what
    comes from another comes through the first or last class. A block of numbers is kept as values
    times exp(scale), of shapes (K, N, block) and (K, N, 1), the largest value 1.
    """
    count = len(x)
    size = next(n for n in range(count, 0, -1) if (x[n - 1 :] - x[: count - n + 1]).max() <= WIDEST)
    spare = -count % size  # classes without mass beside the last one
    x = torch.cat([x, x[-1:].expand(spare)]).view(-1, 1, size)
    first, last = x[..., :1], x[..., -1:]
    from_first, from_last = torch.exp(first - x), torch.exp(x - last)
    kernel = torch.cat([torch.exp(-torch.abs(x.mT - x)), from_first.mT, from_last.mT], 2)

    def in_blocks(logarithms):
        padded = torch.nn.functional.pad(logarithms, (0, spare), value=-math.inf)
        blocks = padded.unflatten(1, (-1, size)).transpose(0, 1).contiguous()
        scale = blocks.amax(2, keepdim=True)
        scale = torch.where(scale > -math.inf, scale, 0)
        return torch.exp(blocks - scale), scale

    def in_rows(blocks):
        return blocks.transpose(0, 1).flatten(1)[:, :count]

    def product(values, scale):
        within, to_first, to_last = torch.bmm(values, kernel).split([size, 1, 1], 2)
        upwards = torch.logcumsumexp(torch.log(to_last) + scale + last, 0)
        downwards = torch.logcumsumexp((torch.log(to_first) + scale - first).flip(0), 0).flip(0)
        nothing = torch.full_like(scale[:1], -math.inf)
        below = torch.cat([nothing, upwards[:-1]]) - first
        above = torch.cat([downwards[1:], nothing]) + last
        most = torch.maximum(scale, torch.maximum(below, above))
        result = within * torch.exp(scale - most)
        result.addcmul_(from_first, torch.exp(below - most))
        return result.addcmul_(from_last, torch.exp(above - most)), most

    def quotient(masses, of_masses, values, scale):
        values = masses / values
        most = values.amax(2, keepdim=True)
        return values / torch.where(most > 0, most, 1), torch.log(most) + of_masses - scale

    p, log_t, v = in_blocks(log_p), torch.log(t), in_blocks(torch.zeros_like(t))
    t = in_blocks(log_t)
    for _ in range(iterations):
        columns = product(*quotient(*p, *product(*v)))
        v = quotient(*t, *columns)
    rows = product(*v)
    g, h = (-in_rows(torch.log(values) + scale) for values, scale in (columns, rows))
    values, scale = product(*quotient(*p, *rows))
    return log_t + g, h, in_rows(v[0] * values * torch.exp(v[1] + scale))


def _scale_in_blocks(log_p, t, cost, iterations):
    pairs = max(1, BLOCK // cost.numel())
    blocks = zip(log_p.split(pairs), t.split(pairs), strict=True)
    scaled = [_scale_absorbing(*block, cost, iterations) for block in blocks]
    return tuple(torch.cat(values) for values in zip(*scaled, strict=True))


def _scale_absorbing(log_p, t, cost, iterations):
    p, log_t, back = torch.exp(log_p), torch.log(t), cost.T.contiguous()
    vanished = -math.log(torch.finfo(t.dtype).tiny)  # what a kernel has lost stays 0
    far, least = vanished / 7, math.exp(-0.4 * vanished)
    g = torch.zeros_like(log_t[:1])  # the first step is the same for all pairs
    left = iterations
    while True:
        # the rows of the kernel sum to 1, so that tiny probabilities do no harm
        h = -_log_product(g, -cost)
        kernel = (h[:, :, None] - cost).add_(g[:, None, :]).exp_()
        columns = torch.matmul(p[:, None, :], kernel)[:, 0]
        if columns.amin() > least:
            change = torch.where(t > 0, t / columns, 0)
            g = g + torch.log(change)
            kernel = kernel * change[:, None, :]
        else:  # too little of some column is left in the kernel
            g = log_t - _log_product(log_p + h, -back)
            kernel = (g[:, None, :] - cost).add_(h[:, :, None]).exp_()
        left -= 1
        transposed = kernel.mT.contiguous()  # a row times a matrix is the faster product
        v, moved, is_near = torch.ones_like(t), torch.zeros_like(t), True
        while left and is_near:
            u = 1 / torch.matmul(v[:, None, :], transposed)[:, 0]
            v = torch.where(t > 0, t / torch.matmul((p * u)[:, None, :], kernel)[:, 0], 0)
            change = torch.where(t > 0, torch.log(v), 0)
            is_near = bool(torch.maximum(change.abs().amax(), u.log().abs().amax()) < far)
            if is_near:
                moved = change
                left -= 1
        g = g + moved
        if not left:
            break
    v = torch.exp(moved)
    rows = torch.matmul(v[:, None, :], transposed)[:, 0]
    if not rows.amin() > least:  # as where t has mass in few columns, far from the row's own
        return g, *_rows_and_columns(log_p, t, g, cost)
    columns = torch.matmul((p / rows)[:, None, :], kernel)[:, 0] * v
    return g, h - torch.log(rows), torch.where(t > 0, columns, 0)


def _rows_and_columns(log_p, t, g, cost):
    h = -_log_product(g, -cost)
    return h, torch.where(t > 0, torch.exp(g + _log_product(log_p + h, -cost.T)), 0)


def _log_product(x, log_matrix):
    """log Σ_j exp(M_ij + x_j) for every row x, shape (N, C)."""
    return torch.logsumexp(x[:, None, :] + log_matrix, dim=2)


@torch.library.custom_op("emdviz::entropic_transport", mutates_args=())
def _transport(
    log_p: Tensor, t: Tensor, distance: Tensor, lam: float, iterations: int, greatest: float | None
) -> tuple[Tensor, Tensor, Tensor]:
    """The value of entropic transport of each row, and its gradients by log p and t.

    A custom operator, which torch.compile calls without tracing it.
    """
    scaled = scale_matrix(log_p, t, distance, lam, iterations, greatest=greatest)
    _warn_once(scaled.error, lam, iterations)
    # by log p instead of p, so that a probability of 0 has the finite gradient 0
    by_log_p = torch.exp(log_p) * (scaled.row_potential + 1 / lam)
    by_t = torch.where(t > 0, scaled.column_potential, 0)
    return scaled.value, by_log_p, by_t


@_transport.register_fake
def _(log_p, t, distance, lam, iterations, greatest):
    return log_p.new_empty(len(log_p)), torch.empty_like(log_p), torch.empty_like(t)


def _keep(ctx, inputs, output):
    ctx.save_for_backward(*output[1:])
    ctx.set_materialize_grads(False)


def _differentiate(ctx, grad, *of_gradients):
    if any(one is not None for one in of_gradients):
        raise RuntimeError("aemd_loss of probabilities has no second derivatives")
    if grad is None:
        return None, None, None, None, None, None
    by_log_p, by_t = ctx.saved_tensors
    return grad[:, None] * by_log_p, grad[:, None] * by_t, None, None, None, None


_transport.register_autograd(_differentiate, setup_context=_keep)


class _Entropic(Function):
    """The operator for ``torch.func``, which does not take gradients of custom operators."""

    setup_context, backward = staticmethod(_keep), staticmethod(_differentiate)

    @staticmethod
    def forward(log_p, t, distance, *options):
        return _transport(log_p, t, distance, *options)

    @staticmethod
    def vmap(info, in_dims, log_p, t, distance, *options):
        def front(values, dim):
            if dim is None:
                return values[None].expand(info.batch_size, *values.shape)
            return values.movedim(dim, 0)

        log_p, t = front(log_p, in_dims[0]), front(t, in_dims[1])
        if in_dims[2] is None:  # one distance: all rows are pairs of one batch
            rows = _Entropic.apply(log_p.flatten(0, 1), t.flatten(0, 1), distance, *options)
            made = [values.unflatten(0, log_p.shape[:2]) for values in rows]
        else:
            each = zip(log_p, t, front(distance, in_dims[2]), strict=True)
            rows = [_Entropic.apply(*one, *options) for one in each]
            made = [torch.stack(values) for values in zip(*rows, strict=True)]
        return tuple(made), (0, 0, 0)


def read_distance(distance, logits):
    """Return a ground distance as a tensor that fits the logits (N, C), the line by default."""
    num_classes = logits.shape[1]
    if distance is None:
        x = torch.arange(num_classes, dtype=logits.dtype, device=logits.device)
        return abs(x[:, None] - x)
    distance = as_tensor(distance, "ground_distance").to(logits)
    if tuple(distance.shape) != (num_classes, num_classes):
        raise ValueError(
            f"ground_distance must have shape (C, C) = ({num_classes}, {num_classes}), "
            f"got {tuple(distance.shape)}"
        )
    if distance.device.type == "cpu" and not torch.compiler.is_compiling():
        _check_values(distance)
    return distance


def _greatest(distance, num_classes):
    """Return the greatest distance if it can be read without waiting, or None.

    A distance on a GPU is looked at once, and again when its values have been changed.
    """
    if distance is None:
        return float(num_classes - 1)
    if torch.compiler.is_compiling():
        return None
    if not is_torch(distance):
        return float(np.max(distance))
    on_cuda = distance.device.type == "cuda"
    if distance.device.type == "cpu" or (on_cuda and torch.cuda.is_current_stream_capturing()):
        return None
    try:
        known = _looked_at.get(distance)
        if known is None or known[0] != distance._version:
            _looked_at[distance] = known = distance._version, float(distance.max())
    except RuntimeError:  # inside vmap and in inference mode
        return None
    return known[1]


def _check_values(distance):
    try:
        fine = bool(torch.all(torch.isfinite(distance) & (distance >= 0)))
    except RuntimeError:  # inside vmap values cannot be looked at
        return
    if not fine:
        raise ValueError("ground_distance must be finite and not negative")


_warned = set()
_looked_at = WeakTensorKeyDictionary()  # distance -> the version of its values, and the greatest


def _warn_once(error, lam, iterations):
    if error.device.type != "cpu" or "aemd" in _warned or error.numel() == 0:
        return
    worst = float(error.max())
    if not worst <= CONVERGED:
        _warned.add("aemd")
        warnings.warn(
            f"{iterations} scalings at lam = {lam:g} leave {worst:.2g} of the mass in wrong "
            "columns, so that value and gradient are approximate; raise iterations, or lower lam",
            stacklevel=3,
        )
