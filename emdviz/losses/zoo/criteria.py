"""The criteria of the losses of the zoo, and how their outputs are read.

Every maker takes the number of classes and the options of its entry and returns a Module or
function of outputs, in float32 at least, and targets: class indices (B,), or, where the entry
says so, distributions (B, C). The value is the mean over the batch.
"""

from importlib import import_module

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from emdviz._imports import needs
from emdviz.losses import conventions
from emdviz.losses.foreign import levels
from emdviz.reading import has_float64, read_number

IN_FLOAT64 = ("SORDLoss", "SLACELoss")
"""Losses of dlordinal that turn to float64, on whatever device."""

PREPARED = {
    "CDWCELoss": lambda outputs: outputs - outputs.detach().amax(1, keepdim=True),
    "MCELoss": lambda outputs: outputs.softmax(1),
}
"""Conversions of logits for other losses of dlordinal: CDWCELoss takes exp of its input, so that
logits are shifted, which changes no softmax; MCELoss takes probabilities."""


class ZooCriterion(nn.Module):
    """Check a batch, then compute the loss of an entry; ``soft`` targets may be distributions."""

    def __init__(self, name, compute, num_classes, num_outputs, soft):
        super().__init__()
        self.name, self.compute, self.soft = name, compute, soft
        self.num_classes, self.num_outputs = num_classes, num_outputs

    def forward(self, outputs, targets):
        """Return the mean loss of outputs (B, num_outputs) and targets (B,) or (B, C)."""
        conventions.check_outputs(outputs)
        if outputs.ndim != 2 or outputs.shape[1] != self.num_outputs:
            raise ValueError(
                f"outputs must have shape (B, {self.num_outputs}) for {self.name} with "
                f"{self.num_classes} classes, got {tuple(outputs.shape)}"
            )
        conventions.check_target(outputs.new_empty(len(outputs), self.num_classes), targets)
        outputs = conventions.at_least_float32(outputs)
        if targets.is_floating_point():
            if not self.soft:
                raise ValueError(
                    f"targets must be class indices for {self.name}, which says nothing of "
                    "distributions; pass the most probable classes, targets.argmax(1)"
                )
            targets = targets.to(outputs)
        else:
            targets = targets.long()
            if targets.device.type == "cpu":  # on another device a look at values would wait for it
                conventions.check_labels(targets, self.num_classes)
        return self.compute(outputs, targets).to(outputs)


def library(kind, num_classes, **options):
    """A loss of dlordinal; on a CPU where it wants float64 and the device of outputs has none."""
    module = _dlordinal(kind, num_classes=num_classes, **options)

    def compute(outputs, targets):
        if kind in IN_FLOAT64 and not has_float64(outputs):
            outputs, targets = outputs.cpu(), targets.cpu()
        outputs = PREPARED.get(kind, lambda logits: logits)(outputs)
        return module.to(outputs)(outputs, targets)

    return compute


def soft_labels(kind, num_classes, **options):
    """Cross-entropy to a distribution around the label, by dlordinal."""
    if kind == "BetaLoss" and not 3 <= num_classes <= 14:
        raise ValueError(f"beta has soft labels for 3 to 14 classes, got {num_classes}")
    return library(kind, num_classes, base_loss=nn.CrossEntropyLoss(), **options)


def general_triangular(num_classes, alphas, eta):
    """Cross-entropy to triangles of 2 C shares, by dlordinal, which solves for their corners."""
    if isinstance(alphas, float):
        alphas = [alphas] * (2 * num_classes)
    return soft_labels("GeneralTriangularLoss", num_classes, alphas=np.array(alphas), eta=eta)


def sord(num_classes, alpha):
    """Cross-entropy to softmax(−α|i − k|), by dlordinal."""
    return library("SORDLoss", num_classes, alpha=alpha, train_targets=None)


def kappa(kind, num_classes, **options):
    """Weighted kappa by dlordinal, which first checks whether its inputs are probabilities."""
    module = _dlordinal(kind, num_classes=num_classes, **options)

    def compute(outputs, targets):
        p = outputs.softmax(1)
        return module(p.float(), targets).to(p)

    return compute


def ecoc(num_classes):
    """Squared distances of P(k > i) to those of the label, by dlordinal, per example."""
    module = _dlordinal("OrdinalECOCDistanceLoss", num_classes)
    return lambda outputs, targets: module.to(outputs)(outputs.sigmoid(), targets) / len(outputs)


def coral(num_classes):
    """Sum of the C − 1 binary cross-entropies of k > i, by coral-pytorch."""
    coral_loss = _import("coral_pytorch.losses").coral_loss
    return lambda outputs, targets: coral_loss(outputs, _levels(outputs, targets))


def corn(num_classes):
    """Cross-entropies of k > i among those with k ≥ i, by coral-pytorch."""
    return _import("coral_pytorch.losses").CornLoss(num_classes)


def condor(num_classes):
    """Sum of the C − 1 binary cross-entropies of P(k > i) = Π_{m ≤ i} σ(o_m), our own.

    Both logarithms are computed from those of σ(o) and σ(−o), so that large outputs lose nothing.
    """

    def compute(outputs, targets):
        above = torch.cumsum(F.logsigmoid(outputs), 1)
        # p_i = Π_{m < i} σ(o_m) · σ(−o_i), and P(k ≤ i) is the sum of the first ones
        below = torch.logcumsumexp(above - F.logsigmoid(outputs) + F.logsigmoid(-outputs), 1)
        is_above = _levels(outputs, targets).bool()
        return -torch.where(is_above, above, below).sum(1).mean()

    return compute


def cross_entropy(num_classes, label_smoothing=0.0):
    """Cross-entropy, by torch."""
    smoothing = read_number(
        label_smoothing, "label_smoothing", "from 0 to 1", lambda x: 0 <= x <= 1
    )
    return nn.CrossEntropyLoss(label_smoothing=smoothing)


def focal(num_classes, gamma):
    """−Σ t_i (1 − p_i)^γ log p_i, our own."""
    gamma = read_number(gamma, "gamma", "0 or more", lambda x: x >= 0)

    def compute(outputs, targets):
        log_p = outputs.log_softmax(1)
        # bounded below, so that the gradient of a power below 1 stays finite
        rest = (-torch.expm1(log_p)).clamp_min(torch.finfo(log_p.dtype).eps)
        return _expect(-(rest**gamma) * log_p, targets)

    return compute


def oll(num_classes, alpha):
    """−Σ_i |i − k|^α log(1 − p_i), our own: log(1 − p_i) as a log-sum-exp over the others."""
    alpha = read_number(alpha, "alpha", "above 0", lambda x: x > 0)
    classes = torch.arange(num_classes)
    distance = (classes[:, None] - classes).abs() ** alpha

    def compute(outputs, targets):
        same = torch.eye(num_classes, dtype=torch.bool, device=outputs.device)
        others = outputs[:, None, :].masked_fill(same, -torch.inf).logsumexp(2)
        costs = (outputs.logsumexp(1, keepdim=True) - others) @ distance.to(outputs)
        return _expect(costs, targets)

    return compute


def emd_power(num_classes, exponent):
    """Σ_i |CDF_i(p) − CDF_i(t)|^l, our own."""
    exponent = read_number(exponent, "exponent", "1 or more", lambda x: x >= 1)

    def compute(outputs, targets):
        t = _one_hot(outputs, targets, num_classes)
        return ((outputs.softmax(1) - t).cumsum(1)[:, :-1].abs() ** exponent).sum(1).mean()

    return compute


def likelihood(num_classes):
    """−log p_k of probabilities that the head gives; those that round to 0 count as 1e-38."""

    def compute(outputs, targets):
        tiny = torch.finfo(outputs.dtype).tiny
        return _expect(-outputs.clamp_min(tiny).log(), targets)

    return compute


def copoc(num_classes):
    """Cross-entropy of the unimodal logits that dlordinal's COPOC makes of the outputs."""
    layer = _import("dlordinal.output_layers").COPOC()
    return lambda outputs, targets: F.cross_entropy(layer(outputs), targets)


def hinge_ww(num_classes, margin):
    """Σ_{j ≠ k} max(0, margin + z_j − z_k) / C, by torch."""
    return nn.MultiMarginLoss(margin=margin)


def hinge_cs(num_classes, margin):
    """max_{j ≠ k} max(0, margin + z_j − z_k), our own."""
    margin = read_number(margin, "margin", "above 0", lambda x: x > 0)

    def compute(outputs, targets):
        own = outputs.gather(1, targets[:, None])
        others = outputs.scatter(1, targets[:, None], -torch.inf).amax(1)
        return torch.relu(margin + others - own[:, 0]).mean()

    return compute


def hinge_thresholds(every, num_classes, margin):
    """Σ_i max(0, margin − s_i z_i), s_i = ±1 as k > i or not; all thresholds or the two next."""
    margin = read_number(margin, "margin", "above 0", lambda x: x > 0)

    def compute(outputs, targets):
        above = _levels(outputs, targets)
        parts = torch.relu(margin - (2 * above - 1) * outputs)
        if not every:
            index = torch.arange(outputs.shape[1], device=outputs.device)
            away = index - targets[:, None]  # thresholds k − 1 and k are beside class k
            parts = parts * ((away == 0) | (away == -1))
        return parts.sum(1).mean()

    return compute


def _levels(outputs, targets):
    return levels(targets, outputs.shape[1] + 1).to(outputs)


# decoding: outputs to probabilities


def decode_cumulative(outputs):
    """Differences of P(k > i) = σ(o_i); negative ones, of crossed thresholds, count as 0."""
    p = _differences(conventions.at_least_float32(outputs).sigmoid()).clamp_min(0)
    return p / p.sum(1, keepdim=True)


def decode_conditional(outputs):
    """Differences of P(k > i) = Π_{m ≤ i} σ(o_m)."""
    return _differences(conventions.at_least_float32(outputs).sigmoid().cumprod(1))


def decode_probabilities(outputs):
    """What the head gives are probabilities."""
    return conventions.at_least_float32(outputs)


def decode_copoc(outputs):
    """Softmax of the unimodal logits."""
    layer = _import("dlordinal.output_layers").COPOC()
    return layer(conventions.at_least_float32(outputs)).softmax(1)


def decode_ecoc(outputs, num_classes):
    """Softmax of minus the distance to each class's code, as dlordinal gives it."""
    return _ecoc(outputs, num_classes).probas(conventions.at_least_float32(outputs).sigmoid())


def certain_of_largest(outputs):
    """Certainty of the class of the largest output: a hinge gives no probabilities."""
    return _one_hot(conventions.at_least_float32(outputs), largest(outputs), outputs.shape[1])


def certain_of_count(outputs):
    """Certainty of the class above all thresholds that the score exceeds."""
    count = outputs.shape[1] + 1
    return _one_hot(conventions.at_least_float32(outputs), count_positive(outputs), count)


# labels


def count_cumulative(outputs):
    """How many of the P(k > i) = σ(o_i) are above 1/2, as coral-pytorch counts."""
    return (conventions.at_least_float32(outputs).sigmoid() > 0.5).sum(1)


def count_conditional(outputs):
    """How many of the P(k > i) = Π_{m ≤ i} σ(o_m) are above 1/2, as coral-pytorch counts."""
    return (conventions.at_least_float32(outputs).sigmoid().cumprod(1) > 0.5).sum(1)


def count_positive(outputs):
    """How many thresholds the score exceeds."""
    return (outputs > 0).sum(1)


def largest(outputs):
    """The class of the largest output."""
    return outputs.argmax(1)


def nearest_code(outputs, num_classes):
    """The class whose code is nearest, by dlordinal."""
    return _ecoc(outputs, num_classes).labels(conventions.at_least_float32(outputs).sigmoid())


# heads


def shared_weights(num_features, num_classes):
    """One score and C − 1 biases, by coral-pytorch."""
    return _import("coral_pytorch.layers").CoralLayer(num_features, num_classes)


def cumulative_link(num_features, num_classes, link):
    """One score and C − 1 ordered thresholds that give probabilities, by dlordinal."""
    layer = _import("dlordinal.output_layers").CLM(num_classes, link)
    return nn.Sequential(nn.Linear(num_features, 1), layer)


def stick_breaking(num_features, num_classes):
    """Logits of the shares that are broken off a stick, by dlordinal."""
    return _import("dlordinal.output_layers").StickBreakingLayer(num_features, num_classes)


def unimodal(num_features, num_classes, layer):
    """One score that gives binomial or Poisson probabilities, by dlordinal."""
    layers = _import("dlordinal.output_layers")
    return getattr(layers, layer)(in_features=num_features, num_classes=num_classes)


def _import(module):
    with needs("zoo"):
        return import_module(module)


def _dlordinal(kind, *args, **options):
    return getattr(_import("dlordinal.losses"), kind)(*args, **options)


def _ecoc(outputs, num_classes):
    transformer = _import("dlordinal.wrappers.obd_ecoc").ECOCOutputTransformer(num_classes)
    return transformer.to(conventions.at_least_float32(outputs))


def _differences(above):
    """P(k = i) from P(k > i), shape (B, C − 1) to (B, C)."""
    one = above.new_ones(len(above), 1)
    return torch.cat([one, above], 1) - torch.cat([above, torch.zeros_like(one)], 1)


def _one_hot(like, targets, num_classes):
    if targets.is_floating_point():
        return targets
    return F.one_hot(targets, num_classes).to(like)


def _expect(costs, targets):
    """Mean over the batch of Σ_k t_k costs_k, costs of shape (B, C)."""
    if targets.is_floating_point():
        return (targets * costs).sum(1).mean()
    return costs.gather(1, targets[:, None]).mean()
