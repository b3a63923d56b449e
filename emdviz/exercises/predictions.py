"""Exercises about what to make of a distribution: one class, or more doubt."""

import numpy as np
from scipy.special import softmax

from emdviz.distributions import expectation
from emdviz.exercises.answers import Answer, judge_function
from emdviz.propriety import medians

_UNEVEN = (
    # without ties; the most likely class, the median and the class nearest to the mean differ
    [0.7, 0.0, 0.3],
    [0.4, 0.15, 0.05, 0.05, 0.35],
    [0.3, 0.0, 0.05, 0.25, 0.4],
    [0.2, 0.0, 0.05, 0.0, 0.45, 0.3],
)


def judge_nearest_to_mean(function) -> Answer:
    """Judge a reader's class of least mean squared distance to labels drawn from t.

    Parameters
    ----------
    function : callable
        Takes t, shape (C,), and returns the class of which to be sure, an int.

    Examples
    --------
    >>> judge_nearest_to_mean(lambda t: round(t @ np.arange(len(t))))
    ✓ The class nearest to the mean, and as sure of it as with EMD.
    >>> judge_nearest_to_mean(np.argmax)
    ✗ That is the most likely class. The labels on all the others cost something too.
    argmax(np.array([0.7, 0., 0.3])) gives 0.; expected 1.
    """
    mistakes = (
        (
            "That is the median, best for the distance itself. Here it is squared.",
            lambda t: medians(t)[0],
        ),
        (
            "That is the most likely class. The labels on all the others cost something too.",
            np.argmax,
        ),
        ("That is the mean. Which class is nearest to it?", expectation),
        (
            "That cuts the mean off: 2.9 is nearer to 3 than to 2.",
            lambda t: np.floor(expectation(t)),
        ),
        ("Classes count from 0: that is one too many.", lambda t: _near_mean(t) + 1),
    )
    return judge_function(
        function,
        _near_mean,
        [(np.array(t),) for t in _UNEVEN],
        praise="The class nearest to the mean, and as sure of it as with EMD.",
        mistakes=mistakes,
        like="the class of which to be sure",
    )


def judge_least_mae(function) -> Answer:
    """Judge a reader's classes of least expected distance to the label, given predictions p.

    Parameters
    ----------
    function : callable
        Takes p, shape (N, C), and returns N classes.

    Examples
    --------
    >>> judge_least_mae(lambda p: (p.cumsum(axis=1) >= 0.5).argmax(axis=1))
    ✓ The median of each prediction: half of the probability on either side.
    >>> judge_least_mae(lambda p: p.argmax(axis=1)).correct
    False
    """
    mistakes = (
        (
            "Those are the most likely classes, best for exact matches. MAE counts steps: look "
            "for the middle of the probability.",
            lambda p: p.argmax(axis=1),
        ),
        (
            "Those are the classes nearest to the mean, best for the squared distance.",
            lambda p: np.round(expectation(p)),
        ),
        ("Those are the means; asked are classes, for the least MAE.", expectation),
        (
            "Those are the means, cut off; asked are the classes of least MAE.",
            lambda p: np.floor(expectation(p)),
        ),
        (
            "Classes count from 0: those are one too many. (Where is the CDF at least one half "
            "for the first time?)",
            lambda p: _medians(p) + 1,
        ),
        (
            "Those are one too few: the median is the class where the CDF reaches one half, not "
            "the one before.",
            lambda p: _medians(p) - 1,
        ),
    )
    batches = (_UNEVEN[:1], _UNEVEN[1:3], (_UNEVEN[3], _UNEVEN[3][::-1]))
    return judge_function(
        function,
        _medians,
        [(np.array(p),) for p in batches],
        praise="The median of each prediction: half of the probability on either side.",
        mistakes=mistakes,
        like="a class per row",
    )


def judge_temperature(function) -> Answer:
    """Judge a reader's softmax(log(p) / T), row by row: predictions as sure as T makes them.

    Parameters
    ----------
    function : callable
        Takes p, shape (N, C), and T, a positive number; returns distributions, shape (N, C).

    Examples
    --------
    >>> judge_temperature(lambda p, T: p ** (1 / T) / (p ** (1 / T)).sum(axis=1, keepdims=True))
    ✓ Surer for T < 1, vaguer for T > 1, and the most likely class stays the same.
    """
    mistakes = (
        (
            "That divides probabilities, not logits: after you divide by the sum all is as "
            "before. Up to a constant, the logits are log p.",
            lambda p, T: p,
        ),
        (
            "These are no distributions yet: divide each row by its sum.",
            lambda p, T: p ** (1 / T),
        ),
        (
            "These are no distributions any more: p / T has the sum 1 / T. Divide logits.",
            lambda p, T: p / T,
        ),
        ("These are the logits, divided by T. Take the softmax.", lambda p, T: np.log(p) / T),
        (
            "T is the wrong way round: a high temperature makes vague, so it divides the logits.",
            lambda p, T: softmax(np.log(p) * T, axis=1),
        ),
        ("p itself is no logit; log p is.", lambda p, T: softmax(p / T, axis=1)),
        (
            "Each row has to sum to 1, not all of them together: sum(axis=1, keepdims=True).",
            lambda p, T: p ** (1 / T) / np.sum(p ** (1 / T)),
        ),
    )
    p = np.array([[0.5, 0.3, 0.2], [0.1, 0.6, 0.3]])
    return judge_function(
        function,
        lambda p, T: softmax(np.log(p) / T, axis=1),
        [(p[:1], 2.0), (p, 0.5), (p, 3.0)],
        praise="Surer for T < 1, vaguer for T > 1, and the most likely class stays the same.",
        mistakes=mistakes,
        like="a distribution per row",
    )


def _near_mean(t):
    return np.round(expectation(t))


def _medians(p):
    return np.array([medians(row)[0] for row in p])
