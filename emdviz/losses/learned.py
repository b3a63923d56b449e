"""EMD² with any ground distance, and the loss that learns the distance while it trains."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from emdviz._docstrings import fill
from emdviz.distributions import MOST_CLASSES
from emdviz.losses import conventions
from emdviz.losses.cross_entropy import xe_loss
from emdviz.losses.entropic import read_distance
from emdviz.reading import read_count, read_number, shown


@fill
@conventions.without_autocast
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
    square the probabilities is a choice, here as a public implementation writes it. On a line of
    unit steps, with ω = 1 and μ = 0, it is the sum of the squares in the ordered closed form
    Σ_i (CDF gap)²; that form adds
    2 p_i p_j min(D_ik, D_jk) for each two classes on the same side of the label. It is not a
    proper scoring rule: over labels drawn from t its expectation is least at
    p_i ∝ 1 / Σ_k t_k (D_ik^ω + μ), which for a certain label is certainty only if μ = 0, and is t
    itself for two classes and μ = 0. The authors add it to cross-entropy, which is one; the sum is
    none either. See :class:`SelfGuidedEMD2Loss`.

    Parameters
    ----------
    %(logits)s
        For probabilities the loss is Σ_k t_k times that of label k.
    ground_distance : array-like, shape (C, C), optional
        D_ik ≥ 0; |i − k| / (C − 1) by default.
    omega : float
        Sensitivity ω > 0: the exponent of the distance.
    mu : float
        Bias μ ≥ 0: the cost of probability in every class, that of the label too.
    %(batch_options)s

    %(loss_value)s
        In the unit of D to the power ω; from 0 to max(D)^ω + μ before weights.

    %(batch_errors)s

    References
    ----------
    Hou, Yu, Samaras 2016, arXiv 1611.05916, propose the loss. The formula is that of a public
    implementation, which is not the authors' own and takes (ω, μ) = (1, 0.5) or (2, 0.25); the
    default here is neither.

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
        squares = squares * conventions.pick(cost.T, targets.index)
    else:
        squares = squares * (targets.soft @ cost.T)
    return conventions.reduce(squares, targets, reduction)


def _read_guide(omega, mu):
    omega = read_number(omega, "omega", "positive and finite", lambda power: 0 < power < math.inf)
    return omega, read_number(
        mu, "mu", "finite and not negative", lambda bias: 0 <= bias < math.inf
    )


class LearnedDistance(nn.Module):
    """A ground distance learned from the features of a network while it trains.

    Features are scaled to length 1 and averaged per class; D_ij is the rank of the Euclidean
    distance between the averages of i and j among all from i, divided by C − 1, and the mean with
    its transpose. Only C sums are held, on the module's device, and saved with its state.

    Parameters
    ----------
    num_classes : int
        C, at least 2.
    num_features : int
        Features before the head of the network.

    Attributes
    ----------
    matrix : float tensor, shape (C, C)
        The ground distance in force, from 0 to 1. Before the first epoch ends, and for classes
        never seen, all classes are equally far apart: 1.
    centroids : float tensor, shape (C, num_features)
        The averages of the last epoch in which each class was seen.

    References
    ----------
    Hou, Yu, Samaras 2016, arXiv 1611.05916, propose to learn the matrix from the network's own
    features. The public implementation divides features by their sum, where this divides by their
    length.

    Examples
    --------
    >>> learned = LearnedDistance(3, num_features=2)
    >>> learned.update(torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]), torch.tensor([0, 1, 2]))
    >>> learned.end_epoch()
    tensor([[0.0000, 0.6250, 1.0000],
            [0.6250, 0.0000, 0.6250],
            [1.0000, 0.6250, 0.0000]])
    """

    def __init__(self, num_classes, num_features):
        super().__init__()
        num_classes = read_count(num_classes, "num_classes", 2, MOST_CLASSES)
        num_features = read_count(num_features, "num_features", 1, 10**9)
        self.register_buffer("matrix", 1 - torch.eye(num_classes))
        self.register_buffer("centroids", torch.zeros(num_classes, num_features))
        self.register_buffer("seen", torch.zeros(num_classes, dtype=torch.bool))
        self.register_buffer("_sums", torch.zeros(num_classes, num_features))
        self.register_buffer("_counts", torch.zeros(num_classes))

    @torch.no_grad()
    def update(self, features, labels):
        """Add features (B, num_features) of a batch to the sums of the epoch.

        Examples whose class index in ``labels``, int64 of shape (B,), is negative do not count.
        """
        num_classes, width = self.centroids.shape
        if not isinstance(labels, torch.Tensor) or labels.dtype != torch.int64 or labels.ndim != 1:
            raise TypeError(f"labels must be an int64 tensor of shape (B,), got {shown(labels)}")
        if not isinstance(features, torch.Tensor) or not features.is_floating_point():
            raise TypeError(f"features must be a float tensor, got {shown(features)}")
        if tuple(features.shape) != (len(labels), width):
            expected = (len(labels), width)
            raise ValueError(f"features must have shape {expected}, got {tuple(features.shape)}")
        if labels.device.type == "cpu" and len(labels) and int(labels.max()) >= num_classes:
            raise ValueError(f"labels must be below {num_classes}, got {int(labels.max())}")
        unit = F.normalize(features.detach().to(self._sums), dim=1)
        counts, labels = (labels >= 0).to(unit), labels.clamp(min=0)
        self._sums.index_add_(0, labels, unit * counts[:, None])
        self._counts.index_add_(0, labels, counts)

    @torch.no_grad()
    def end_epoch(self):
        """Learn the matrix from the batches since the last call, and return it."""
        now = self._counts > 0
        means = self._sums / self._counts.clamp(min=1)[:, None]
        self.centroids.copy_(torch.where(now[:, None], means, self.centroids))
        self.seen |= now
        known = self.seen[:, None] & self.seen
        distances = torch.cdist(self.centroids, self.centroids)
        ranks = _relative_ranks(torch.where(known, distances, torch.inf))
        learned = torch.where(known, (ranks + ranks.T) / 2, 1.0)
        self.matrix.copy_(learned.fill_diagonal_(0))
        self._sums.zero_()
        self._counts.zero_()
        return self.matrix.clone()


class SelfGuidedEMD2Loss(nn.Module):
    """Cross-entropy and EMD² under a ground distance learned from the network's own features.

    While it trains it needs ``observe(features, labels)`` after every batch and
    ``end_epoch()`` after every epoch, as :func:`training.fit` does.

    For ``warm_up`` epochs it is cross-entropy alone, while the distance is learned and both
    terms are measured. Then EMD² is added with a weight that stays: the mean of cross-entropy
    over that of EMD² in the last epoch of the warm-up, divided by ``ratio``. Distance, weight and
    epochs are part of the module's state.

    It is not a proper scoring rule, as :func:`ground_emd2_loss` is none.

    Parameters
    ----------
    num_classes, num_features : int
        As for :class:`LearnedDistance`.
    omega, mu : float
        As for :func:`ground_emd2_loss`.
    warm_up : int
        Epochs of cross-entropy alone, at least 1.
    ratio : float
        How many times as large cross-entropy is as the weighted EMD² when that comes in.
    ground_distance : array-like, shape (C, C), optional
        A distance D that stays, so that none is learned; warm-up and weight remain. To tell what
        comes from the learned distance, compare it with a given, a shuffled and a constant one.
    ignore_index, label_smoothing
        As in :func:`emd2_loss`.

    References
    ----------
    Hou, Yu, Samaras 2016, arXiv 1611.05916; four epochs and 3.5 are those of a public
    implementation, which is not the authors' own.

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
        ground_distance=None,
        ignore_index=-100,
        label_smoothing=0.0,
    ):
        super().__init__()
        warm_up = read_count(warm_up, "warm_up", 1)
        ratio = read_number(ratio, "ratio", "positive", lambda value: 0 < value < math.inf)
        omega, mu = _read_guide(omega, mu)
        self.distance = LearnedDistance(num_classes, num_features)
        self.learns = ground_distance is None
        if not self.learns:
            self.distance.matrix.copy_(read_distance(ground_distance, self.distance.matrix))
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
        """Add features, shape (B, num_features), and labels, shape (B,), of a batch to the sums."""
        if not self.learns:
            return
        ignored = labels == self.options["ignore_index"]
        self.distance.update(features, labels.masked_fill(ignored, -1))

    def end_epoch(self):
        """Learn and return the distance of the epoch; after the warm-up, fix the weight of EMD².

        Returns None where the distance was given.
        """
        self.epoch += 1
        learned = self.distance.end_epoch() if self.learns else None
        measured = self._sum_xe / self._sum_emd2.clamp(min=1e-12) / self.ratio
        self.emd_weight.copy_(torch.where(self.epoch == self.warm_up, measured, self.emd_weight))
        self._sum_xe.zero_()
        self._sum_emd2.zero_()
        return learned

    def extra_repr(self):
        """Show the options in ``print(model)``."""
        named = {**self.guide, "warm_up": self.warm_up, "ratio": self.ratio, "learns": self.learns}
        return ", ".join(f"{name}={value!r}" for name, value in named.items())


def _relative_ranks(distances):
    """Rank the distances in each row from 0 (itself) to 1 (the furthest); ties share their mean."""
    rows = distances.clone().fill_diagonal_(-1.0).contiguous()
    ordered = torch.sort(rows, dim=1).values
    first = torch.searchsorted(ordered, rows)
    last = torch.searchsorted(ordered, rows, right=True) - 1
    return (first + last).to(distances) / (2 * (len(distances) - 1))
