"""Predicted distributions of networks, compared with labels and with each other.

Functions take NumPy arrays or torch tensors of probabilities, shape (N, C), and return NumPy
arrays; ``plots`` draws them.
"""

import numpy as np

from emdviz._docstrings import fill
from emdviz.distances import emd
from emdviz.distributions import MOST_CLASSES, check_pair
from emdviz.metrics import check_classes, check_prediction
from emdviz.reading import read_count, to_numpy


def mean_prediction(probabilities, labels):
    """Mean predicted distribution for each true class: a confusion matrix of beliefs.

    Parameters
    ----------
    probabilities : array, shape (N, C)
    labels : array of int, shape (N,)

    Returns
    -------
    NumPy array of float64, shape (C, C)
        Row k is the mean prediction for images of class k and sums to 1; NaN where there is none.

    Examples
    --------
    >>> mean_prediction([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]], [0, 0, 1])
    array([[0.75, 0.25],
           [0.  , 1.  ]])
    """
    p, labels = check_prediction(probabilities, labels)
    sums = np.zeros((p.shape[1], p.shape[1]))
    np.add.at(sums, labels, p)
    counts = np.bincount(labels, minlength=p.shape[1]).astype(float)
    counts[counts == 0] = np.nan
    return sums / counts[:, None]


def confusion(predicted, labels, num_classes):
    """Share of each true class that is predicted as each class.

    Parameters
    ----------
    predicted, labels : array of int, shape (N,)
        Class indices.
    num_classes : int
        C.

    Returns
    -------
    NumPy array of float64, shape (C, C)
        Row k holds the shares of class k and sums to 1; NaN where there is no image of it.

    Examples
    --------
    >>> confusion([0, 1, 1], [0, 0, 1], 2)
    array([[0.5, 0.5],
           [0. , 1. ]])
    """
    num_classes = read_count(num_classes, "num_classes", 1, MOST_CLASSES)
    predicted, labels = check_classes(predicted, labels, num_classes)
    return mean_prediction(np.eye(num_classes)[predicted], labels)


def reliability(probabilities, labels, *, cumulative=False, bins=10):
    """How often events come true, for each probability with which they are predicted.

    Parameters
    ----------
    probabilities : array, shape (N, C)
    labels : array of int, shape (N,)
    cumulative : bool
        Take the events "the label is class i or lower", whose probability is the CDF, instead of
        "the label is class i"; the last class, which is certain, does not count.
    bins : int
        Number of bins, each with about as many predictions.

    Returns
    -------
    predicted : NumPy array of float64, shape (bins,) or fewer
        Mean predicted probability in each bin, 0 to 1, increasing.
    observed : NumPy array of float64, same shape
        How often the event came true; equal to ``predicted`` for a calibrated network.

    References
    ----------
    :func:`sklearn.calibration.calibration_curve`; for CDFs Gneiting, Balabdaoui, Raftery 2007.

    Examples
    --------
    >>> reliability([[0.25, 0.75]] * 4, [0, 1, 1, 1], bins=2)
    (array([0.25, 0.75]), array([0.25, 0.75]))
    """
    p, labels = check_prediction(probabilities, labels)
    bins = read_count(bins, "bins", 1, 1_000_000)
    happened = labels[:, None] == np.arange(p.shape[1])
    if cumulative:
        if p.shape[1] == 1:
            raise ValueError("probabilities must be of 2 classes or more for a CDF to err")
        p, happened = (np.cumsum(values, axis=1)[:, :-1] for values in (p, happened))
    p, happened = np.clip(p, 0, 1).ravel(), happened.ravel()
    edges = np.quantile(p, np.linspace(0, 1, bins + 1))
    # a bin holds its upper edge, as in calibration_curve
    which = np.searchsorted(edges[1:-1], p)
    counts = np.bincount(which, minlength=bins)
    filled = counts > 0
    predicted, observed = (
        np.bincount(which, weights=values, minlength=bins)[filled] / counts[filled]
        for values in (p, happened)
    )
    return predicted, observed


@fill
def largest_disagreements(p, q, *, count=6, positions=None):
    """Find the images on which two networks differ most, by the EMD between their predictions.

    Parameters
    ----------
    p, q : array, shape (N, C)
        What the two predict for the same N images.
    count : int
        How many images, at most.
    %(positions)s

    Returns
    -------
    indices : NumPy array of int64, shape (min(count, N),)
        The images, the largest difference first.
    distances : NumPy array of float64, same shape
        EMD in class steps, or the unit of ``positions``.

    Examples
    --------
    >>> largest_disagreements([[1.0, 0.0], [0.5, 0.5]], [[0.0, 1.0], [0.5, 0.5]], count=1)
    (array([0]), array([1.]))
    """
    p, q = (to_numpy(values) for values in check_pair(p, q, ("p", "q")))
    if p.ndim != 2 or p.shape != q.shape:
        raise ValueError(f"p and q must both have shape (N, C), got {p.shape} and {q.shape}")
    count = read_count(count, "count")
    distances = emd(p, q, positions=positions)
    order = np.argsort(-distances, kind="stable")[:count]
    return order, distances[order]
