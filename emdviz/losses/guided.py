"""EMD² with any ground distance, and the loss that learns the distance while it trains."""

import math

import torch
from torch import nn

from emdviz.ground_distance import LearnedDistance
from emdviz.losses import conventions
from emdviz.losses.entropic import read_distance
from emdviz.losses.functions import xe_loss
from emdviz.reading import read_count, read_number


def ground_emd2_loss(
    input,
    target,
    *,
    ground_distance=None,
    omega=1.0,
    mu=0.25,
    weight=None,
    ignore_index=-100,
    label_smoothing=0.0,
    reduction="mean",
):
    """EMD² of one label under any ground distance: Σ_i p_i² (D_ik^ω + μ), k the label.

    For a certain label the transport plan is forced, so that the EMD itself is Σ_i p_i D_ik; to
    square the probabilities is the choice of the authors. On a line of unit steps, with ω = 1 and
    μ = 0, it is what the ordered closed form Σ_i (CDF gap)² holds of squares: that form adds
    2 p_i p_j min(D_ik, D_jk) for each two classes on the same side of the label. It is not a
    proper scoring rule: over labels drawn from t its expectation is least at
    p_i ∝ 1 / Σ_k t_k (D_ik^ω + μ), which for a certain label is certainty only if μ = 0. The
    authors add it to cross-entropy, which is one; see :class:`SelfGuidedEMD2Loss`.

    Parameters
    ----------
    input : float tensor, shape (C,), (B, C) or (B, C, d1, …)
        Logits.
    target : tensor, int64 of shape (), (B,) or (B, d1, …), or float of the shape of ``input``
        Class indices; for probabilities t the loss is Σ_k t_k times that of label k.
    ground_distance : array-like, shape (C, C), optional
        D_ik ≥ 0; |i − k| / (C − 1) by default.
    omega : float
        Sensitivity ω > 0: the exponent of the distance.
    mu : float
        Bias μ ≥ 0: what probability costs wherever it lies, also on the label.
    weight, ignore_index, label_smoothing, reduction
        As in :func:`emd2_loss`.

    Returns
    -------
    float tensor, shape () or, for ``"none"``, the shape of the indices
        In the unit of D to the power ω; from 0 to max(D)^ω + μ before weights.

    Raises
    ------
    ValueError, TypeError
        For shapes, dtypes, labels or options that are not as above.

    References
    ----------
    Hou, Yu, Samaras, arXiv 1611.05916, fourth version (2017); ω ∈ {1, 2} and μ ∈ {0.5, 0.25} are
    those of a public implementation, which is not the authors' own.

    Examples
    --------
    >>> z = torch.tensor([[0.0, 0.0, 0.0]])
    >>> round(ground_emd2_loss(z, torch.tensor([0])).item(), 4)  # (0.25 + 0.75 + 1.25) / 9
    0.25
    """
    omega, mu = _read_guide(omega, mu)
    logits, targets = conventions.read(
        input, target, weight, ignore_index, label_smoothing, reduction
    )
    cost = read_distance(ground_distance, logits)
    if ground_distance is None:
        cost = cost / max(logits.shape[1] - 1, 1)
    cost = cost**omega + mu
    squares = torch.square(torch.softmax(logits, dim=1))
    if targets.soft is None:
        squares = squares * conventions.pick_row(cost.T, targets.index)
    else:
        squares = squares * (targets.soft @ cost.T)
    return conventions.reduce(squares, targets, reduction)


def _read_guide(omega, mu):
    omega = read_number(omega, "omega", "positive and finite", lambda power: 0 < power < math.inf)
    return omega, read_number(
        mu, "mu", "finite and not negative", lambda bias: 0 <= bias < math.inf
    )


class SelfGuidedEMD2Loss(nn.Module):
    """Cross-entropy and EMD² under a ground distance learned from the network's own features.

    While it trains it has to be told ``observe(features, labels)`` of every batch and
    ``end_epoch()`` after every epoch, as :func:`training.fit` does.

    For ``warm_up`` epochs it is cross-entropy alone, while the distance is learned and both
    terms are measured. Then EMD² is added with a weight that stays: the mean of cross-entropy
    over that of EMD² in the last epoch of the warm-up, divided by ``ratio``. Distance, weight and
    epochs are part of the module's state.

    Parameters
    ----------
    num_classes, num_features : int
        As for :class:`ground_distance.LearnedDistance`.
    omega, mu : float
        As for :func:`ground_emd2_loss`.
    warm_up : int
        Epochs of cross-entropy alone, at least 1.
    ratio : float
        How many times as large cross-entropy is as the weighted EMD² when that comes in.
    ignore_index, label_smoothing
        As in :func:`emd2_loss`.

    References
    ----------
    Hou, Yu, Samaras, arXiv 1611.05916; four epochs and 3.5 are those of a public implementation,
    which is not the authors' own.

    Examples
    --------
    >>> loss = SelfGuidedEMD2Loss(num_classes=2, num_features=3, warm_up=1)
    >>> features, labels = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]), torch.tensor([0, 1])
    >>> loss.observe(features, labels)
    >>> round(loss(torch.zeros(2, 2), labels).item(), 4)  # log 2
    0.6931
    >>> loss.end_epoch()
    tensor([[0., 1.],
            [1., 0.]])
    >>> round(loss.emd_weight.item(), 4)  # log 2 / (0.25 / 4 + 1.25 / 4) / 3.5
    0.5281
    """

    def __init__(
        self,
        num_classes,
        num_features,
        *,
        omega=1.0,
        mu=0.25,
        warm_up=4,
        ratio=3.5,
        ignore_index=-100,
        label_smoothing=0.0,
    ):
        super().__init__()
        warm_up = read_count(warm_up, "warm_up", 1)
        ratio = read_number(ratio, "ratio", "positive", lambda value: 0 < value < math.inf)
        omega, mu = _read_guide(omega, mu)
        self.distance = LearnedDistance(num_classes, num_features)
        self.options = {"ignore_index": ignore_index, "label_smoothing": label_smoothing}
        self.guide = {"omega": omega, "mu": mu, **self.options}
        self.warm_up, self.ratio = warm_up, ratio
        for name in ("emd_weight", "_sum_xe", "_sum_emd2"):
            self.register_buffer(name, torch.zeros(()))
        self.register_buffer("epoch", torch.zeros((), dtype=torch.int64))

    def forward(self, input, target):
        """Return the loss of a batch; shapes as in :func:`ground_emd2_loss`."""
        xe = xe_loss(input, target, **self.options)
        distance = self.distance.matrix
        emd2 = ground_emd2_loss(input, target, ground_distance=distance, **self.guide)
        if self.training:
            self._sum_xe += xe.detach()
            self._sum_emd2 += emd2.detach()
        return xe + self.emd_weight * emd2

    def observe(self, features, labels):
        """Take note of a batch's features, shape (B, num_features), and labels, shape (B,)."""
        ignored = labels == self.options["ignore_index"]
        self.distance.update(features, labels.masked_fill(ignored, -1))

    def end_epoch(self):
        """Learn the distance anew and return it; after the warm-up settle the weight of EMD²."""
        self.epoch += 1
        learned = self.distance.end_epoch()
        if self.epoch == self.warm_up:
            self.emd_weight.copy_(self._sum_xe / self._sum_emd2.clamp(min=1e-12) / self.ratio)
        self._sum_xe.zero_()
        self._sum_emd2.zero_()
        return learned

    def extra_repr(self):
        """Show the options in ``print(model)``."""
        named = {**self.guide, "warm_up": self.warm_up, "ratio": self.ratio}
        return ", ".join(f"{name}={value!r}" for name, value in named.items())
