"""How good predictions of ordered classes are; each metric with its range and direction.

Functions take NumPy arrays or torch tensors and return Python floats. ``predicted`` and
``labels`` hold class indices, shape (N,); ``probabilities`` hold distributions, shape (N, C).
"""

import math
from typing import NamedTuple

import numpy as np

from emdviz._docstrings import fill
from emdviz.distances import emd, emd2
from emdviz.distributions import MOST_CLASSES, check_distribution, check_positions, one_hot
from emdviz.reading import read_choice, read_count, read_floats, to_numpy


class Metric(NamedTuple):
    """What a reader needs to know of a metric."""

    definition: str
    unit: str  # empty where the metric has none
    range: str
    higher_is_better: bool


BINS = 15
"""Of confidence, of equal width, for the calibration error."""

_STEPS = ("class steps", "0 to C − 1", False)

METRICS = {
    "AEM": Metric("predicted class is the label (exact match)", "%", "0 to 100", True),
    "AEO": Metric("predicted class is at most one off", "%", "0 to 100", True),
    "MAE": Metric("mean |predicted class − label|", *_STEPS),
    "macro MAE": Metric("mean over the classes of each class's MAE", *_STEPS),
    "QWK": Metric("quadratic weighted kappa: agreement beyond chance", "", "−1 to 1", True),
    "Spearman": Metric("rank correlation of expected score and true score", "", "−1 to 1", True),
    "score MAE": Metric(
        "mean |expected score − true score|", "unit of the scores", "0 to ∞", False
    ),
    "CS(5)": Metric("expected score is at most 5 units off the true score", "%", "0 to 100", True),
    "RPS": Metric("mean EMD² to the label (ranked probability score)", *_STEPS),
    "log loss": Metric("mean −log p of the label (cross-entropy)", "nats", "0 to ∞", False),
    "ECE": Metric("mean |confidence − accuracy| over bins of confidence", "", "0 to 1", False),
    "EMD to truth": Metric("mean EMD to the true distribution", *_STEPS),
    "EMD² to truth": Metric("mean EMD² to the true distribution", *_STEPS),
    "KL to truth": Metric("mean Σ t log(t / p), t the true distribution", "nats", "0 to ∞", False),
}
"""Everything that :func:`evaluate` returns, by name."""


def heading(name):
    """Return the heading of a table's column: name, unit, and which way is better.

    Examples
    --------
    >>> heading("AEM"), heading("ECE")
    ('AEM (%) ↑', 'ECE ↓')
    """
    metric = METRICS[read_choice(name, "name", METRICS)]
    unit = f" ({metric.unit})" if metric.unit else ""
    return f"{name}{unit} {'↑' if metric.higher_is_better else '↓'}"


@fill
def accuracy_within(predicted, labels, *, steps=0, weights=None):
    """Percentage of predictions at most ``steps`` classes off: 0 for AEM, 1 for AEO.

    Parameters
    ----------
    predicted, labels : array of int, shape (N,)
    steps : int
    %(weights)s

    Returns
    -------
    float
        In percent, 0 to 100; higher is better.

    Raises
    ------
    ValueError, TypeError
        If the arrays are not class indices of one shape (N,), N ≥ 1, or weights are not above 0.

    References
    ----------
    Hou et al. 2017, section 3: AEM% and AEO%.

    Examples
    --------
    >>> accuracy_within([0, 1, 2, 3], [0, 2, 2, 1], steps=1)
    75.0
    """
    predicted, labels = check_classes(predicted, labels)
    steps = read_count(steps, "steps")
    return 100.0 * _mean(abs(predicted - labels) <= steps, weights)


def aem(predicted, labels, *, weights=None):
    """Accuracy of exact match, in percent: :func:`accuracy_within` 0 steps."""
    return accuracy_within(predicted, labels, steps=0, weights=weights)


def aeo(predicted, labels, *, weights=None):
    """Accuracy within one category off, in percent: :func:`accuracy_within` 1 step."""
    return accuracy_within(predicted, labels, steps=1, weights=weights)


def mae(predicted, labels, *, weights=None):
    """Mean absolute error in class steps; lower is better. Arguments as :func:`aem`.

    Examples
    --------
    >>> mae([0, 1, 2, 3], [0, 2, 2, 1])
    0.75
    """
    predicted, labels = check_classes(predicted, labels)
    return _mean(abs(predicted - labels), weights)


def macro_mae(predicted, labels, *, weights=None):
    """Mean over the classes that occur of each class's :func:`mae`; rare classes count fully.

    Arguments as :func:`aem`; weights count within each class.

    References
    ----------
    Baccianella, Esuli, Sebastiani, *Evaluation measures for ordinal regression*, 2009.

    Examples
    --------
    >>> macro_mae([0, 0, 0, 0], [0, 0, 0, 2])
    1.0
    """
    predicted, labels = check_classes(predicted, labels)
    return _macro(abs(predicted - labels), labels, _check_weights(weights, len(labels)))


def _macro(errors, labels, w):
    _, which = np.unique(labels, return_inverse=True)
    errors = np.bincount(which, errors if w is None else errors * w)
    return float(np.mean(errors / np.bincount(which, w)))


@fill
def quadratic_weighted_kappa(predicted, labels, num_classes, *, weights=None):
    """Cohen's kappa with quadratic weights over all C classes, present or not.

    Parameters
    ----------
    predicted, labels : array of int, shape (N,)
    num_classes : int
        C.
    %(weights)s

    Returns
    -------
    float
        −1 to 1, 0 for chance; higher is better. NaN where a single class is all there is.

    Raises
    ------
    ValueError, TypeError
        As :func:`accuracy_within`, and if an index is not a class.

    References
    ----------
    Cohen, *Weighted kappa*, 1968. For quadratic weights his sums over all pairs of classes come
    down to means over the examples: 1 − E(x − y)² / E(x − y′)², with y′ drawn apart from x.
    """
    predicted, labels = check_classes(predicted, labels, num_classes)
    return _kappa(predicted, labels, _check_weights(weights, len(labels)))


def _kappa(predicted, labels, w):
    x, y = predicted.astype(np.float64), labels.astype(np.float64)
    if min(x.min(), y.min()) == max(x.max(), y.max()):
        return float("nan")
    by_chance = _mean(x * x, w) + _mean(y * y, w) - 2 * _mean(x, w) * _mean(y, w)
    return 1 - _mean((x - y) ** 2, w) / by_chance


@fill
def spearman(scores, true_scores, *, weights=None):
    """Spearman's rank correlation ρ of two scores, the paper's metric for AADB.

    Parameters
    ----------
    scores, true_scores : array, shape (N,)
    %(weights)s

    Returns
    -------
    float
        −1 to 1; higher is better. NaN where a score does not vary.

    References
    ----------
    Hou et al. 2017, Table 3; Pearson's correlation of mid-ranks, as ``scipy.stats.spearmanr``.
    """
    scores, true_scores = _read_scores(scores, true_scores)
    return _correlation(scores, true_scores, _check_weights(weights, len(scores)))


def _read_scores(scores, true_scores):
    scores = read_floats(scores, "scores", scalars=True)
    true_scores = read_floats(true_scores, "true_scores", scalars=True)
    if not np.all(np.isfinite(scores)) or not np.all(np.isfinite(true_scores)):
        raise ValueError("scores and true_scores must be finite, to have ranks")
    if scores.shape != true_scores.shape or scores.ndim != 1:
        raise ValueError(
            f"scores and true_scores must both have shape (N,), "
            f"got {scores.shape} and {true_scores.shape}"
        )
    return scores, true_scores


def _correlation(scores, true_scores, w):
    """Correlate the ranks of finite scores."""
    if len(scores) < 2 or np.ptp(scores) == 0 or np.ptp(true_scores) == 0:
        return float("nan")
    x, y = _ranks(scores, w), _ranks(true_scores, w)
    x, y = x - _mean(x, w), y - _mean(y, w)
    return _mean(x * y, w) / math.sqrt(_mean(x * x, w) * _mean(y * y, w))


def _ranks(values, weights):
    """Return the mid-ranks of values, but for a constant: what counts below and half of its own."""
    _, which = np.unique(values, return_inverse=True)
    own = np.bincount(which, weights=weights)
    return (np.cumsum(own) - own / 2)[which]


@fill
def ranked_probability_score(probabilities, labels, *, positions=None, weights=None):
    """Mean EMD² from prediction to label: the Ranked Probability Score (RPS).

    For a prediction that is certain of one class it is the distance to the label, so the RPS
    of point predictions is their MAE.

    Parameters
    ----------
    probabilities : array, shape (N, C)
    labels : array of int, shape (N,)
    %(positions)s
    %(weights)s

    Returns
    -------
    float
        In class steps, or the unit of ``positions``; lower is better. Part of the literature
        divides by C − 1, so that the score lies between 0 and 1.

    References
    ----------
    Epstein, *A scoring system for probability forecasts of ranked categories*, 1969, whose score
    is 1 − RPS / (C − 1): it rises with skill.

    Examples
    --------
    >>> ranked_probability_score([[0.5, 0.5, 0.0]], [2])
    1.25
    """
    p, labels = check_prediction(probabilities, labels)
    return _mean(emd2(p, one_hot(labels, p.shape[1]), positions=positions), weights)


def log_loss(probabilities, labels, *, weights=None):
    """Mean −log p(label), in nats; lower is better, infinite if a label was given no chance.

    Parameters are those of :func:`ranked_probability_score`, without positions.

    Examples
    --------
    >>> round(log_loss([[0.25, 0.75]], [1]), 4)
    0.2877
    """
    p, labels = check_prediction(probabilities, labels)
    return _surprise(p, labels, _check_weights(weights, len(p)))


def _surprise(p, labels, w):
    with np.errstate(divide="ignore"):
        return _mean(-np.log(p[np.arange(len(p)), labels]), w)


@fill
def calibration_error(probabilities, labels, *, bins=BINS, weights=None):
    """Expected calibration error of the most probable class: Σ_b (n_b/N) |conf_b − acc_b|.

    Parameters
    ----------
    probabilities : array, shape (N, C)
    labels : array of int, shape (N,)
    bins : int
        Number of bins of equal width over confidences 0 to 1.
    %(weights)s

    Returns
    -------
    float
        0 to 1; lower is better.

    References
    ----------
    Guo, Pleiss, Sun, Weinberger, *On calibration of modern neural networks*, 2017.
    """
    p, labels = check_prediction(probabilities, labels)
    bins = read_count(bins, "bins", 1, 1_000_000)
    return _miscalibration(p, p.argmax(axis=1), labels, bins, _check_weights(weights, len(p)))


def _miscalibration(p, predicted, labels, bins, w):
    confidence, correct = p[np.arange(len(p)), predicted], predicted == labels
    # bins are open on the left: a confidence of exactly 0.2 belongs to (0.1, 0.2]
    which = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    excess, total = confidence - correct, len(p)
    if w is not None:
        excess, total = w * excess, w.sum()
    return float(abs(np.bincount(which, weights=excess, minlength=bins)).sum() / total)


@fill
def evaluate(
    probabilities, labels, *, positions=None, true_distribution=None, true_scores=None, weights=None
):
    """Return every metric of ``METRICS`` that the predictions allow.

    Parameters
    ----------
    probabilities : array, shape (N, C)
        Predicted distributions; the most probable class is the predicted class.
    labels : array of int, shape (N,)
    positions : array-like, shape (C,), optional
        Class positions for the expected scores behind Spearman's ρ. The other metrics count
        class steps.
    true_distribution : array, shape (N, C), optional
        Where the truth is known, also measure how near the predictions come to it.
    true_scores : array, shape (N,), optional
        Real scores, such as ages, in the unit of ``positions``: also measure how near the expected
        scores come to these, as :func:`evaluate_scores`.
    %(weights)s

    Returns
    -------
    dict of str to float

    Raises
    ------
    ValueError, TypeError
        If shapes or values are not as above.

    Examples
    --------
    >>> evaluate([[0.2, 0.8, 0.0], [0.0, 0.4, 0.6]], [1, 1])["AEM"]
    50.0
    """
    p, labels = check_prediction(probabilities, labels)
    x, w = check_positions(positions, p.shape[1]), _check_weights(weights, len(p))
    # after every epoch of every run: what was checked once is not checked for each metric
    predicted, scores = p.argmax(axis=1), p @ x
    results = _of_classes(predicted, labels, scores, x, w)
    results["RPS"] = _mean(_squared_gaps(p, labels), w)
    results["log loss"] = _surprise(p, labels, w)
    results["ECE"] = _miscalibration(p, predicted, labels, BINS, w)
    if true_scores is not None:
        results |= evaluate_scores(scores, true_scores, weights=w)
    if true_distribution is not None:
        from scipy.special import rel_entr

        truth = read_floats(true_distribution, "true_distribution")
        check_distribution(truth, "true_distribution")
        if truth.shape != p.shape:
            raise ValueError(f"true_distribution must have shape {p.shape}, got {truth.shape}")
        results["EMD to truth"] = _mean(emd(p, truth), w)
        results["EMD² to truth"] = _mean(emd2(p, truth), w)
        results["KL to truth"] = _mean(np.sum(rel_entr(truth, p), axis=1), w)
    return results


@fill
def evaluate_scores(scores, true_scores, *, weights=None):
    """Return the metrics of real-valued predictions of real scores, such as ages in years.

    "score MAE" is mean |s − s*| in the unit of the scores, "CS(5)" the cumulative score, the
    percentage with |s − s*| ≤ 5, and "Spearman" their :func:`spearman`.

    Parameters
    ----------
    scores, true_scores : array, shape (N,)
    %(weights)s

    Returns
    -------
    dict of str to float

    Raises
    ------
    ValueError, TypeError
        As :func:`spearman`.

    References
    ----------
    Geng, Zhou, Smith-Miles, *Automatic age estimation based on facial aging patterns*, 2007.

    Examples
    --------
    >>> evaluate_scores([20.0, 33.0], [24.0, 40.0])
    {'Spearman': 1.0, 'score MAE': 5.5, 'CS(5)': 50.0}
    """
    results = {"Spearman": spearman(scores, true_scores, weights=weights)}
    if len(scores) == 0:
        raise ValueError("scores must have shape (N,) with N ≥ 1, got (0,)")
    errors = abs(to_numpy(scores, "scores") - to_numpy(true_scores, "true_scores"))
    results["score MAE"] = _mean(errors, weights)
    return results | {"CS(5)": 100.0 * _mean(errors <= 5, weights)}


@fill
def evaluate_classes(predicted, labels, num_classes, *, scores=None, positions=None, weights=None):
    """Return the metrics that need no distribution, for models that predict classes only.

    Parameters
    ----------
    predicted, labels : array of int, shape (N,)
    num_classes : int
        C.
    scores : array of float, shape (N,), optional
        Real-valued predictions for Spearman's ρ; the predicted classes by default.
    positions : array-like, shape (C,), optional
        True scores of the classes for Spearman's ρ.
    %(weights)s

    Returns
    -------
    dict of str to float
    """
    predicted, labels = check_classes(predicted, labels, num_classes)
    x, w = check_positions(positions, num_classes), _check_weights(weights, len(labels))
    scores = predicted if scores is None else _read_scores(scores, x[labels])[0]
    return _of_classes(predicted, labels, scores, x, w)


def _of_classes(predicted, labels, scores, x, w):
    errors = abs(predicted - labels)
    return {
        "AEM": 100.0 * _mean(errors == 0, w),
        "AEO": 100.0 * _mean(errors <= 1, w),
        "MAE": _mean(errors, w),
        "macro MAE": _macro(errors, labels, w),
        "QWK": _kappa(predicted, labels, w),
        "Spearman": _correlation(scores, x[labels], w),
    }


def _squared_gaps(p, labels):
    """EMD² of each row to its label, in class steps, as :func:`distances.emd2` computes it."""
    gaps = np.array(p.T, order="C")  # a copy, classes first: short rows add up slowly
    gaps[labels, np.arange(len(p))] -= 1
    gaps = np.cumsum(gaps, axis=0, out=gaps)[:-1]
    return np.einsum("cn,cn->n", gaps, gaps)


def _mean(values, weights):
    """Return the mean over the examples as a float, each counted by its weight if there are any."""
    if weights is None:
        return float(np.mean(values))
    return float(np.average(values, weights=_check_weights(weights, len(values))))


def _class_indices(values, name, num_classes=None):
    array = to_numpy(values, name)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} must be class indices (integers), got dtype {array.dtype}")
    if array.ndim != 1 or len(array) == 0:
        raise ValueError(f"{name} must have shape (N,) with N ≥ 1, got {array.shape}")
    if array.min() < 0 or (num_classes is not None and array.max() >= num_classes):
        top = "C − 1" if num_classes is None else num_classes - 1
        wrong = array.min() if array.min() < 0 else array.max()
        raise ValueError(f"{name} must be class indices 0 to {top}, got {wrong}")
    return array.astype(np.int64)


def check_classes(predicted, labels, num_classes=None):
    """Return predicted and true class indices as arrays (N,), or raise an error."""
    if num_classes is not None:
        read_count(num_classes, "num_classes", 1, MOST_CLASSES)
    predicted = _class_indices(predicted, "predicted", num_classes)
    labels = _class_indices(labels, "labels", num_classes)
    if predicted.shape != labels.shape:
        raise ValueError(
            f"predicted and labels must have the same shape, got {predicted.shape} "
            f"and {labels.shape}"
        )
    return predicted, labels


def check_prediction(probabilities, labels):
    """Return probabilities (N, C) and labels (N,) as arrays, or raise an error."""
    p = to_numpy(check_distribution(probabilities, "probabilities")).astype(np.float64)
    if p.ndim != 2:
        raise ValueError(f"probabilities must have shape (N, C), got {p.shape}")
    labels = _class_indices(labels, "labels", p.shape[1])
    if len(labels) != len(p):
        raise ValueError(f"labels must have shape ({len(p)},), got {labels.shape}")
    return p, labels


def _check_weights(weights, count):
    """Return the weights of examples as an array (N,) or None, or raise an error."""
    if weights is None:
        return None
    weights = read_floats(weights, "weights", scalars=True)
    if weights.shape != (count,):
        raise ValueError(f"weights must have shape ({count},), got {weights.shape}")
    wrong = ~(np.isfinite(weights) & (weights > 0))
    if wrong.any():
        raise ValueError(
            f"weights must be finite and greater than 0, got {weights[wrong][0]:g} in row "
            f"{wrong.argmax()}; leave out examples that do not count"
        )
    return weights
