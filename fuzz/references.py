"""Definitions, slow and in float64, of the values that functions return and refuse."""

import numpy as np
from scipy import stats

from devtools.oracles import gap_sum, quantile_cost
from fuzz.calls import Refused, Unsure

LIMIT = 1e-4


def distribution(values):
    """Check a distribution by its definition."""
    p = values
    if p.ndim == 0 or p.shape[-1] == 0 or not np.all(np.isfinite(p)):
        raise Refused
    off = np.max(np.abs(p.sum(-1) - 1), initial=0.0)
    low = np.min(p, initial=0.0)
    if off > 1e-2 or low < -1e-2:
        raise Refused
    if off > 0.5 * LIMIT or low < -0.5e-7:  # near the limits, which depend on the precision
        raise Unsure
    return p


def pair(p, t):
    """Check two distributions and give them one shape."""
    sure = True
    for values in (p, t):
        try:
            distribution(values)
        except Unsure:
            sure = False
    a, b = p.shape, t.shape
    aligned = len(a) == len(b) and all(m == n or 1 in (m, n) for m, n in zip(a, b, strict=True))
    if a[-1] != b[-1] or not (len(a) == 1 or len(b) == 1 or aligned):
        raise Refused
    if not sure:
        raise Unsure
    return np.broadcast_arrays(p, t)


def places(positions, num_classes):
    """Check class positions."""
    if positions is None:
        return np.arange(num_classes, dtype=float)
    x = positions
    if x.shape != (num_classes,) or not np.all(np.isfinite(x)) or np.any(np.diff(x) <= 0):
        raise Refused
    if np.any(np.abs(x) > 1e30) or np.any(np.diff(x) < 1e-6 * np.max(np.abs(x))):
        raise Unsure
    return x


def line_places(num_classes, positions=None):
    """As :func:`places`, the number first."""
    return places(positions, num_classes)


def each(function, p, t):
    """Apply a function of two vectors to every pair of rows."""
    shape = p.shape[:-1]
    flat = zip(p.reshape(-1, p.shape[-1]), t.reshape(-1, t.shape[-1]), strict=True)
    return np.array([function(a, b) for a, b in flat], dtype=float).reshape(shape)


def gap_power(power):
    """Σ |CDF_i(p) − CDF_i(t)|^power Δ_i, as a reference."""

    def reference(p, t, positions=None):
        p, t = pair(p, t)
        x = places(positions, p.shape[-1])
        return each(lambda a, b: gap_sum(a, b, power, x), p, t)

    return reference


def wasserstein(p, t, order, positions=None):
    """The l-th root of the transport cost, by carrying mass from left to right."""
    p, t = pair(p, t)
    x = places(positions, p.shape[-1])
    if not order >= 1:
        raise Refused
    if np.isinf(order) or order > 6:
        raise Unsure
    return each(lambda a, b: quantile_cost(a / a.sum(), b / b.sum(), order, x) ** (1 / order), p, t)


def normalized(p, t, order, positions=None):
    """(1/C)^(1/l) ‖CDF(p) − CDF(t)‖_l."""
    if not order >= 1:
        raise Refused
    if np.isinf(order):
        raise Unsure
    return (gap_power(order)(p, t, positions) / p.shape[-1]) ** (1 / order)


def expectation(p, positions=None):
    """Σ p_i x_i."""
    x = places(positions, distribution(p).shape[-1])
    return np.sum(p * x, axis=-1)


def spread(p, positions=None):
    """The standard deviation of the position."""
    x = places(positions, distribution(p).shape[-1])
    mean = np.sum(p * x, axis=-1, keepdims=True)
    return np.sqrt(np.sum(p * (x - mean) ** 2, axis=-1))


def cdf(p):
    """Sums from the left."""
    return np.cumsum(distribution(p), axis=-1)


def classes(predicted, labels, num_classes=None):
    """Check two lists of class indices."""
    for values in (predicted, labels):
        if values.ndim != 1 or not len(values) or not np.all(np.isfinite(values)):
            raise Refused
        if np.any(values != np.rint(values)) or np.any(values < 0):
            raise Refused
        if num_classes is not None and np.any(values >= num_classes):
            raise Refused
    if len(predicted) != len(labels):
        raise Refused
    return predicted, labels


def within(steps):
    """Percentage of predictions at most so many steps off."""

    def reference(predicted, labels):
        a, b = classes(predicted, labels)
        return 100 * float(np.mean(np.abs(a - b) <= steps))

    return reference


def mae(predicted, labels):
    """Mean of |a − b|."""
    a, b = classes(predicted, labels)
    return float(np.mean(np.abs(a - b)))


def macro_mae(predicted, labels):
    """Mean of the classes' MAE."""
    a, b = classes(predicted, labels)
    return float(np.mean([np.mean(np.abs(a - b)[b == k]) for k in set(b)]))


def prediction(probabilities, labels):
    """Check probabilities (N, C) and labels (N,)."""
    p = distribution(probabilities)
    if p.ndim != 2 or labels.shape != p.shape[:1]:
        raise Refused
    classes(labels, labels, p.shape[1])
    return p, labels.astype(int)


def ranked(probabilities, labels, positions=None):
    """Mean EMD² to the label."""
    p, labels = prediction(probabilities, labels)
    return float(np.mean(gap_power(2)(p, np.eye(p.shape[1])[labels], positions)))


def log_loss(probabilities, labels):
    """Mean −log p(label)."""
    p, labels = prediction(probabilities, labels)
    return float(np.mean(-np.log(np.maximum(p[np.arange(len(p)), labels], 0))))


def spearman(scores, true_scores):
    """Spearman's rank correlation, of average ranks."""
    if scores.ndim != 1 or scores.shape != true_scores.shape:
        raise Refused
    for values in (scores, true_scores):
        if not np.all(np.isfinite(values)):
            raise Refused
    if len(scores) < 2 or np.ptp(scores) == 0 or np.ptp(true_scores) == 0:
        return float("nan")
    a, b = stats.rankdata(scores), stats.rankdata(true_scores)
    return float(np.corrcoef(a, b)[0, 1])


def line(num_classes, positions=None):
    """|x_i − x_j|."""
    x = places(positions, num_classes)
    return np.abs(x[:, None] - x)


def distance(distances):
    """Check a ground distance."""
    d = distances
    if d.ndim != 2 or d.shape[0] != d.shape[1] or not d.size or not np.all(np.isfinite(d)):
        raise Refused
    if np.any(d < 0) or np.any(np.diag(d) != 0) or not np.allclose(d, d.T, rtol=1e-3, atol=1e-6):
        raise Refused
    if not np.array_equal(d, d.T):
        raise Unsure
    return d


def medians(t):
    """Classes at which the CDF reaches and passes a half."""
    t = distribution(t)
    if t.ndim != 1:
        raise Refused
    below = np.cumsum(t)
    if np.any(np.abs(below - 0.5) < 1e-3):
        raise Unsure
    return [float(np.argmax(below > 0.5))]
