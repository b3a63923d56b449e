"""The conventions of ``F.cross_entropy``, read once for all losses: checks, targets, reduction.

torch is imported when a batch is read.
"""

from functools import wraps
from typing import TYPE_CHECKING, NamedTuple

from emdviz.distributions import MASS_TOLERANCE, ROUNDING, check_distribution
from emdviz.reading import is_torch, read_choice, read_count, read_number, shown

if TYPE_CHECKING:
    import torch

REDUCTIONS = ("mean", "sum", "none")


class Targets(NamedTuple):
    """The targets of the N rows of a batch."""

    index: "torch.Tensor | None"  # class indices (N,), 0 where ignored; None where soft is given
    soft: "torch.Tensor | None"  # probabilities (N, C), where there is no index
    weight: "torch.Tensor | None"  # of each row (N,), 0 where ignored; None where all count alike
    total: "torch.Tensor | int"  # divisor of the weighted sum in the mean
    shape: tuple  # of the loss before reduction


def without_autocast(loss):
    """Let a loss compute in float32 at least: autocast would take half precision for products."""

    @wraps(loss)
    def in_full_precision(input, target, **options):
        import torch

        device = input.device.type if isinstance(input, torch.Tensor) else "cpu"
        if not (torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)):
            return loss(input, target, **options)
        with torch.autocast(device, enabled=False):
            return loss(input, target, **options)

    return in_full_precision


def read(input, target, weight, ignore_index, label_smoothing, reduction):
    """Check a batch and lay it out as rows: logits (N, C) in float32 at least, and Targets."""
    label_smoothing = check_options(input, weight, label_smoothing, reduction)
    check_target(input, target)
    logits = rows(at_least_float32(input))
    return logits, read_targets(target, logits, weight, ignore_index, label_smoothing)


def read_targets(target, like, class_weight=None, ignore_index=-100, label_smoothing=0.0):
    """Lay checked targets out as rows, in the dtype and on the device of ``like``, (N, C)."""
    if class_weight is not None:
        class_weight = class_weight.to(like)
    ignore_index = read_count(ignore_index, "ignore_index", -(2**63), 2**63 - 1)
    if target.is_floating_point():
        check_probabilities(target)
        shape = () if target.ndim == 1 else target.shape[:1] + target.shape[2:]
        index, soft = None, rows(target).to(like)
        weight = None if class_weight is None else (soft * class_weight).sum(1)
        total = len(soft)
    else:
        shape, index, soft = target.shape, target.reshape(-1).long(), None
        weight, total = None, len(index)
        if may_ignore(index, ignore_index):
            keep = index != ignore_index
            index = index.where(keep, 0)
            weight = keep.to(like.dtype)
            total = weight.sum()
        if class_weight is not None:
            picked = pick(class_weight, index)
            weight = picked if weight is None else weight * picked
            total = weight.sum()
    if label_smoothing:
        if soft is None:
            soft = add_at(like.new_zeros(like.shape), index, 1.0)
        index, soft = None, (1 - label_smoothing) * soft + label_smoothing / like.shape[1]
    return Targets(index, soft, weight, total, shape)


def may_ignore(index, ignore_index):
    """Say whether some label may be ``ignore_index``; assume so where reading labels would wait."""
    import torch

    if index.device.type != "cpu" or torch.compiler.is_compiling():
        return True
    try:
        return bool((index == ignore_index).any())
    except RuntimeError:  # inside vmap nothing has a truth value
        return True


def reduce(values, targets, reduction):
    """Reduce the parts of each row, (N, K), as ``F.cross_entropy`` reduces rows."""
    if reduction != "none" and targets.weight is None:
        total = values.sum()  # no need for the sums of rows
    else:
        values = values.sum(1)
        if targets.weight is not None:
            values = values * targets.weight
        if reduction == "none":
            return values.reshape(targets.shape)
        total = values.sum()
    return total if reduction == "sum" else total / targets.total


def rows(values):
    """Move the class axis of (C,) or (B, C, d1, …) last and flatten the others: (N, C)."""
    if values.ndim == 1:
        return values[None]
    return values if values.ndim == 2 else values.movedim(1, -1).flatten(0, -2)


def at_least_float32(values):
    """Raise half precision to float32; cumulative sums of it would lose digits."""
    return values.float() if values.dtype.itemsize < 4 else values


def pick(values, index):
    """values[index], an entry or a row per class, refusing labels that are not classes."""
    try:
        return values.index_select(0, index)
    except (IndexError, RuntimeError):
        check_labels(index, len(values))
        raise


def add_at(values, index, number):
    """Add ``number`` to column index[n] of each row n, refusing labels that are not classes."""
    source = values.new_full((len(index), 1), number)
    try:
        return values.scatter_add(1, index.unsqueeze(1), source)
    except (IndexError, RuntimeError):
        check_labels(index, values.shape[1])
        raise


def check_labels(index, num_classes):
    """Raise a ValueError if an index is not a class."""
    wrong = index[(index < 0) | (index >= num_classes)]
    if len(wrong):
        raise ValueError(
            f"target must be class indices 0 to {num_classes - 1} (or ignore_index), "
            f"got {wrong[0].item()}"
        )


def check_options(input, weight, label_smoothing, reduction):
    """Return ``label_smoothing``, or name the first argument that is not as in ``emd2_loss``."""
    check_outputs(input)
    if input.ndim == 0 or input.shape[min(1, input.ndim - 1)] == 0:
        raise ValueError(
            f"input must be logits of shape (C,), (B, C) or (B, C, d1, …), got {tuple(input.shape)}"
        )
    num_classes = input.shape[min(1, input.ndim - 1)]
    if weight is not None:
        check_weight(weight, num_classes, input.device)
    read_choice(reduction, "reduction", REDUCTIONS)
    return read_number(label_smoothing, "label_smoothing", "from 0 to 1", lambda x: 0 <= x <= 1)


def check_outputs(input):
    """Raise an error unless this is a dense floating-point tensor."""
    import torch

    if not is_torch(input):
        raise TypeError(f"input must be a torch tensor of logits, got {type(input).__name__}")
    if not input.is_floating_point():
        raise TypeError(f"input must be floating-point, got {input.dtype}")
    if input.layout != torch.strided:
        raise TypeError(f"input must be dense, got {input.layout}; to_dense() it")


def check_weight(weight, num_classes, device):
    """Raise an error unless this is a number for each class."""
    import torch

    if not is_torch(weight) or weight.is_complex() or weight.is_quantized:
        raise TypeError(f"weight must be a tensor of real numbers, got {shown(weight)}")
    if tuple(weight.shape) != (num_classes,):
        raise ValueError(
            f"weight must have one number per class, shape ({num_classes},), "
            f"got {tuple(weight.shape)}"
        )
    if weight.layout != torch.strided or (weight.is_meta and device.type != "meta"):
        raise ValueError("weight must be a dense tensor, not on the meta device")


def check_probabilities(target):
    """Raise a ValueError unless these are distributions, where a look at values costs no wait."""
    import torch

    if target.device.type != "cpu" or torch.compiler.is_compiling() or not target.numel():
        return
    try:
        if target.dtype.itemsize >= 4:  # all is well nearly always: say so in few operations
            t = target.detach().numpy()
            sums = t.sum(min(1, t.ndim - 1))
            if t.min() >= -ROUNDING and abs(sums - 1).max() <= MASS_TOLERANCE:
                return
        check_distribution(rows(target.detach()), "target")
    except RuntimeError:  # inside vmap values cannot be looked at
        return


def check_target(input, target):
    """Raise an error if ``target`` is neither class indices nor probabilities for ``input``."""
    import torch

    if not is_torch(target):
        raise TypeError(f"target must be a torch tensor, got {type(target).__name__}")
    if target.layout != torch.strided or target.device != input.device:
        raise ValueError(
            f"target must be a dense tensor on the device of input, {input.device}, "
            f"got {target.layout} on {target.device}"
        )
    if target.dtype == torch.bool or target.is_complex() or target.is_quantized:
        raise TypeError(f"target must be integers or probabilities, got {target.dtype}")
    shape, soft_shape = input.shape[:1] + input.shape[2:], input.shape
    if input.ndim == 1:
        shape = input.shape[:0]
    if target.shape == (soft_shape if target.is_floating_point() else shape):
        return
    names = ("()", "(C,)") if input.ndim == 1 else ("(B,)", "(B, C)")
    if input.ndim > 2:
        names = ("(B, d1, …)", "(B, C, d1, …)")
    got = f"{tuple(target.shape)} of {target.dtype}"
    if target.shape == soft_shape:
        got += "; divide counts by their sum over the classes"
    raise ValueError(
        f"target must be class indices {names[0]} = {tuple(shape)} "
        f"or probabilities {names[1]} = {tuple(soft_shape)}, got {got}"
    )
