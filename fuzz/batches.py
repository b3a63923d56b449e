"""Batches for losses: outputs of a network and targets, some of them wrong."""

import numpy as np
import torch

from fuzz import references as ref
from fuzz.calls import Refused, Target, Unsure
from fuzz.values import distribution_rows, fixed

_DTYPES = (torch.float64, torch.float32, torch.float16, torch.bfloat16)


def _logits(rng, sizes):
    shape = [(sizes.classes,), (4, sizes.classes), (2, sizes.classes, 3)][sizes.form]
    z = torch.tensor(rng.normal(size=shape) * rng.choice([1, 10, 100]))
    if rng.random() < 0.3:
        z = z.to(_DTYPES[rng.integers(4)])
    change = rng.integers(40)
    if change < 4:
        z = [z.long(), z.to(torch.complex64), z.to_sparse(), z[..., :0]][change]
    elif change == 4:
        z = z.to("meta")
    elif change == 5 and z.numel():
        z.view(-1)[0] = rng.choice([np.nan, np.inf, -np.inf, 1e30])
    return z.requires_grad_() if rng.random() < 0.3 and z.is_floating_point() else z


def _target(rng, sizes):
    shape = [(), (4,), (2, 3)][sizes.form]
    y = torch.tensor(rng.integers(sizes.classes, size=shape))
    change = rng.integers(40)
    if change < 9:
        dtypes = (torch.int32, torch.uint8, torch.int16, torch.float32, torch.bool, torch.complex64)
        return [*(y.to(d) for d in dtypes), y - 1, y + sizes.classes, y[..., None]][change]
    if change < 20:
        t = torch.tensor(distribution_rows(rng, (*shape, sizes.classes)))
        t = t if sizes.form < 2 else t.movedim(-1, 1)
        return t.to(_DTYPES[rng.integers(4)])
    if change < 23:
        sparse = y.to_sparse() if y.ndim else y
        return [y.to("meta"), sparse, torch.where(y == 0, -100, y)][change - 20]
    return y


def _numbers(rng, sizes):
    """One output for each image, as regression has it."""
    o = torch.tensor(rng.normal(size=(4, 1) if rng.random() < 0.7 else (4,)))
    changed = (o.float(), o.half(), o.to("meta"), o.long())
    return changed[rng.integers(4)] if rng.random() < 0.35 else o


LOGITS, TARGET, NUMBERS = fixed(_logits), fixed(_target), fixed(_numbers)
FEATURES = fixed(lambda rng, s: torch.randn(4, s.classes))
WEIGHT = fixed(lambda rng, s: torch.tensor(rng.random(s.classes)))


def backward(answer):
    """Use an answer as training does."""
    if isinstance(answer, torch.Tensor) and answer.requires_grad and answer.device.type != "meta":
        answer.sum().backward()


def gap_power(power):
    """Σ |CDF gap|^power of a batch of logits and class indices or probabilities."""

    def reference(input, target, positions=None, normalized=False, **options):
        if set(options) - {"reduction"} or not isinstance(normalized, bool):
            raise Unsure
        if not isinstance(input, torch.Tensor) or not input.is_floating_point():
            raise Refused
        if input.device.type == "meta" or input.is_sparse or input.ndim != 2 or not input.numel():
            raise Unsure
        if not isinstance(target, torch.Tensor) or target.dtype in (torch.bool, torch.complex64):
            raise Refused
        if target.device.type == "meta" or target.is_sparse or not torch.isfinite(input).all():
            raise Unsure
        num_classes = input.shape[1]
        shape = input.shape if target.is_floating_point() else input.shape[:1]
        if target.shape != shape:
            raise Refused
        t = target.double().numpy()
        if not target.is_floating_point():
            if np.any(t < 0) or np.any(t >= num_classes):
                raise Refused if np.all(t != -100) else Unsure
            t = np.eye(num_classes)[t.astype(int)]
        p = torch.softmax(input.detach().double(), 1).numpy()
        x = ref.places(positions, num_classes)
        gap = np.cumsum(p - t, axis=1)[:, :-1]
        rows = np.sum(np.abs(gap) ** power * np.diff(x), axis=1)
        rows = rows / num_classes if normalized else rows
        reduce = options.get("reduction", "mean")
        return {"mean": np.mean, "sum": np.sum, "none": np.asarray}[reduce](rows)

    return reference


def registered(loss):
    """Return a Target that trains with a registered loss and decodes the outputs."""

    def train(outputs, labels, num_classes):
        criterion = loss.make(num_classes, 3)
        if loss.uses_features:
            criterion.observe(torch.randn(len(labels), 3), labels)
            criterion.end_epoch()
        value = criterion(outputs.requires_grad_(), labels)
        value.backward()
        if value.numel() != 1 or not torch.isfinite(outputs.grad).all():
            raise AssertionError(f"a loss {value} with a gradient {outputs.grad}")
        p = loss.decode(outputs.detach(), num_classes)
        if p is not None:
            ref.distribution(p.double().numpy())
            if p.shape != (len(labels), num_classes):
                raise AssertionError(f"probabilities of shape {tuple(p.shape)}")
        predicted = loss.predict(outputs.detach(), num_classes)
        ref.classes(predicted.numpy(), labels.numpy(), num_classes)
        return value

    def outputs(rng, sizes):
        made = rng.normal(size=(4, loss.num_outputs(sizes.classes + 1)))
        return torch.tensor(made * rng.choice([1, 10]), dtype=torch.float32)

    kinds = {
        "outputs": fixed(outputs),
        "labels": fixed(lambda rng, s: torch.tensor(rng.integers(s.classes + 1, size=4))),
        "num_classes": fixed(lambda rng, s: s.classes + 1),
    }
    return Target(train, kinds, share=0.2, hostile=False)
