"""The losses as functions and Modules."""

import numpy as np
import torch

from emdviz import losses
from fuzz import references as ref
from fuzz.calls import Refused, Target, Unsure
from fuzz.values import (
    DISTANCE,
    FLAG,
    POSITIONS,
    choice,
    count,
    distribution_rows,
    fixed,
    scalar,
)

_TENSORS = (torch.float64, torch.float32, torch.float16, torch.bfloat16)


def _logits(rng, sizes):
    shape = [(sizes.classes,), (4, sizes.classes), (2, sizes.classes, 3)][sizes.form]
    z = torch.tensor(rng.normal(size=shape) * rng.choice([1, 10, 100]))
    if rng.random() < 0.3:
        z = z.to(_TENSORS[rng.integers(4)])
    spoil = rng.integers(40)
    if spoil < 4:
        z = [z.long(), z.to(torch.complex64), z.to_sparse(), z[..., :0]][spoil]
    elif spoil == 4:
        z = z.to("meta")
    elif spoil == 5 and z.numel():
        z.view(-1)[0] = rng.choice([np.nan, np.inf, -np.inf, 1e30])
    return z.requires_grad_() if rng.random() < 0.3 and z.is_floating_point() else z


def _target(rng, sizes):
    shape = [(), (4,), (2, 3)][sizes.form]
    y = torch.tensor(rng.integers(sizes.classes, size=shape))
    spoil = rng.integers(40)
    if spoil < 9:
        dtypes = (torch.int32, torch.uint8, torch.int16, torch.float32, torch.bool, torch.complex64)
        return [*(y.to(d) for d in dtypes), y - 1, y + sizes.classes, y[..., None]][spoil]
    if spoil < 20:
        t = torch.tensor(distribution_rows(rng, (*shape, sizes.classes)))
        t = t if sizes.form < 2 else t.movedim(-1, 1)
        return t.to(_TENSORS[rng.integers(4)])
    if spoil < 23:
        return [y.to("meta"), y.to_sparse() if y.ndim else y, torch.where(y == 0, -100, y)][
            spoil - 20
        ]
    return y


WEIGHT = fixed(lambda rng, s: torch.tensor(rng.random(s.classes)))
BATCH = {"input": fixed(_logits), "target": fixed(_target)}
OPTIONS = {
    "weight?": WEIGHT,
    "ignore_index?": choice(-100, 0, 1),
    "label_smoothing?": scalar(0, 1),
    "reduction?": choice("mean", "sum", "none"),
}
PLACES = {"positions?": POSITIONS, "normalized?": FLAG}
LAM = {"lam?": scalar(0.1, 20), "iterations?": count(1, 30)}
GUIDE = {"ground_distance?": DISTANCE, "omega?": scalar(0.5, 2), "mu?": scalar(0, 1)}


def backward(answer):
    """Use an answer as training does."""
    if isinstance(answer, torch.Tensor) and answer.requires_grad and answer.device.type != "meta":
        answer.sum().backward()


def _plain(power):
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
        rows = np.sum(np.abs(gap) ** power * np.diff(x), axis=1) / (
            num_classes if normalized else 1
        )
        reduce = options.get("reduction", "mean")
        return {"mean": np.mean, "sum": np.sum, "none": np.asarray}[reduce](rows)

    return reference


def _loss(function, extra, reference=None, share=1.0):
    kinds = BATCH | OPTIONS | extra
    return Target(function, kinds, reference, use=backward, share=share, nan=True, loose=True)


def _module(make, extra):
    """A Target that makes a Module and calls it."""

    def apply(input, target, **options):
        return make(**options)(input, target)

    return Target(apply, BATCH | OPTIONS | extra, use=backward, nan=True, share=0.3)


def _outputs(rng, sizes):
    o = torch.tensor(rng.normal(size=(4, 1) if rng.random() < 0.7 else (4,)))
    return [o, o.float(), o.half(), o.to("meta"), o.long()][
        min(rng.integers(12), 4) if rng.random() < 0.4 else 0
    ]


REGRESSION = {
    "input": fixed(_outputs),
    "target": fixed(_target),
    "positions?": POSITIONS,
    "weight?": WEIGHT,
    "ignore_index?": choice(-100, 0),
    "reduction?": choice("mean", "sum", "none"),
}


def _guided(num_classes, num_features, input, target, features, **options):
    loss = losses.SelfGuidedEMD2Loss(num_classes, num_features, **options)
    loss(input, target)
    loss.observe(features, target)
    loss.end_epoch()
    return loss(input, target)


TARGETS = {
    "losses.emd2_loss": _loss(losses.emd2_loss, PLACES, _plain(2), share=2),
    "losses.emd_loss": _loss(losses.emd_loss, PLACES, _plain(1)),
    "losses.xe_loss": _loss(losses.xe_loss, {}),
    "losses.xe_emd2_loss": _loss(losses.xe_emd2_loss, PLACES | {"emd_weight?": scalar(0, 3)}),
    "losses.aemd_loss": _loss(losses.aemd_loss, LAM | {"ground_distance?": DISTANCE}),
    "losses.ground_emd2_loss": _loss(losses.ground_emd2_loss, GUIDE),
    "losses.regression_loss": Target(
        losses.regression_loss, REGRESSION, use=backward, nan=True, loose=True
    ),
    "losses.CrossEntropyLoss": _module(losses.CrossEntropyLoss, {}),
    "losses.SquaredEMDLoss": _module(losses.SquaredEMDLoss, PLACES),
    "losses.EMDLoss": _module(losses.EMDLoss, PLACES),
    "losses.CrossEntropyEMD2Loss": _module(
        losses.CrossEntropyEMD2Loss, PLACES | {"emd_weight?": scalar(0, 3)}
    ),
    "losses.RegressionLoss": Target(
        lambda input, target, **options: losses.RegressionLoss(**options)(input, target),
        REGRESSION,
        use=backward,
        nan=True,
        share=0.3,
    ),
    "losses.ApproximateEMDLoss": _module(
        losses.ApproximateEMDLoss, LAM | {"ground_distance?": DISTANCE}
    ),
    "losses.SelfGuidedEMD2Loss": Target(
        _guided,
        {
            "num_classes": fixed(lambda rng, s: s.classes),
            "num_features": fixed(lambda rng, s: s.classes),
            **BATCH,
            "features": fixed(lambda rng, s: torch.randn(4, s.classes)),
            "omega?": scalar(0.5, 2),
            "mu?": scalar(0, 1),
            "warm_up?": count(1, 3),
            "ratio?": scalar(1, 4),
            "ignore_index?": choice(-100, 0),
            "label_smoothing?": scalar(0, 1),
        },
        also=("labels", "ground_distance"),
        nan=True,
        share=0.3,
    ),
}
