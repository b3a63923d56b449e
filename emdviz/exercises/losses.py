"""Exercises about losses, what they teach, and how runs are compared."""

import numpy as np
import torch
from scipy import stats
from scipy.special import softmax

from emdviz.distributions import check_distribution, expectation
from emdviz.exercises.answers import Answer, judge_function, name_of, refuse
from emdviz.losses import emd2_loss, emd_loss
from emdviz.propriety import medians


def judge_emd2_gradient(function) -> Answer:
    """Judge a reader's gradient of EMD² by the logits, ∂/∂z_j Σ_i (CDF_i(softmax(z)) − [k ≤ i])².

    Parameters
    ----------
    function : callable
        Takes z, shape (C,), and the label k, an int; returns the gradient, shape (C,).
    """
    logits = ([0, 0], [0, 0, 0], [1, 0, -1], [2, 0, 0, 1], [0.3, -0.2, 0.5, 0, -1])
    cases = [(np.array(z, float), k) for z in logits for k in (0, len(z) - 1)]

    def by_probabilities(z, k):
        """∂/∂p_j = 2 Σ_{i ≥ j} d_i."""
        d = np.cumsum(softmax(z) - np.eye(len(z))[k])
        return 2 * np.cumsum(d[::-1])[::-1]

    def slope(loss):
        def of(z, k):
            leaf = torch.tensor(z, requires_grad=True)
            loss(leaf, torch.tensor(k)).backward()
            return leaf.grad.numpy()

        return of

    right = slope(emd2_loss)
    mistakes = (
        (
            "That is the gradient by the probabilities, 2 Σ d_i from class j on. Go on through the "
            "softmax: g_j becomes p_j (g_j − Σ_i p_i g_i).",
            by_probabilities,
        ),
        (
            "Go on through the softmax fully: p_j (g_j − Σ_i p_i g_i), not p_j g_j alone.",
            lambda z, k: softmax(z) * by_probabilities(z, k),
        ),
        ("The factor 2 of the square is missing.", lambda z, k: right(z, k) / 2),
        ("The sign is the wrong way round.", lambda z, k: -right(z, k)),
        (
            "p − t is the gradient of cross-entropy. EMD² adds up the gaps of the CDFs.",
            lambda z, k: softmax(z) - np.eye(len(z))[k],
        ),
        (
            "That is the gradient of EMD. The square's is 2 d_i instead of the sign of d_i.",
            slope(emd_loss),
        ),
    )
    praise = "It is the gradient of EMD². Note how it vanishes where the softmax is certain."
    return judge_function(
        function, right, cases, praise=praise, mistakes=mistakes, like="one per class"
    )


def judge_median(function) -> Answer:
    """Judge a reader's prediction of least expected EMD over one-hot labels drawn from t.

    Parameters
    ----------
    function : callable
        Takes t, shape (C,), and returns the class on which to put everything, an int. A
        distribution on classes that are all medians is right as well.

    Examples
    --------
    >>> judge_median(lambda t: int(np.argmax(np.cumsum(t) >= 0.5)))
    ✓ The median: as much probability on either side. That is all that EMD teaches.
    >>> judge_median(np.argmax)
    ✗ That is the most probable class. EMD counts steps: look for the middle of the mass.
    argmax(np.array([0.4, 0.3, 0.3])) gives 0.; expected 1.
    """
    # no ties: exactly one median each
    truths = (
        [0.4, 0.3, 0.3],
        [0.6, 0, 0.4],
        [0.05, 0.15, 0.8],
        [0.1, 0.2, 0.25, 0.2, 0.25],
        [0.26, 0.26, 0, 0, 0.48],
    )
    if not callable(function):
        return refuse(function)

    def as_class(t):
        answer = function(t)
        if np.ndim(answer) == 0:
            return answer
        p = check_distribution(np.asarray(answer, float), "the answer")
        return int(np.argmax(p)) if np.max(p) > 1 - 1e-6 else expectation(p) + 1e-3

    as_class.__name__ = name_of(function)
    mistakes = (
        (
            "That is the most probable class. EMD counts steps: look for the middle of the mass.",
            lambda t: np.argmax(t),
        ),
        ("That is the mean, which REG predicts. EMD is content with less.", expectation),
        (
            "That is the mean, rounded. The median is where the CDF reaches one half.",
            lambda t: np.round(expectation(t)),
        ),
        (
            "That is t itself, or its mean: right for EMD² and cross-entropy. Find a prediction "
            "that EMD likes better.",
            lambda t: expectation(t) + 1e-3,
        ),
        ("Classes count from 0: that is one too many.", lambda t: medians(t)[0] + 1),
        ("That is the middle class, whatever t is.", lambda t: (len(t) - 1) // 2),
    )
    praise = "The median: as much probability on either side. That is all that EMD teaches."
    cases = [(np.array(t),) for t in truths]
    return judge_function(
        as_class, lambda t: medians(t)[0], cases, praise=praise, mistakes=mistakes
    )


def judge_interval(function) -> Answer:
    """Judge a reader's mean and 95 % interval over the seeds of a run, by Student's t.

    Parameters
    ----------
    function : callable
        Takes values, shape (n,), one per seed; returns (mean, low, high).
    """
    seeds = ([1, 2, 3], [61.2, 58.4, 60.1, 59.7, 62.0], [0.5, 0.4, 0.7, 0.6])
    cases = [(np.array(values, float),) for values in seeds]

    def around(half):
        return lambda v: (np.mean(v), np.mean(v) - half(v), np.mean(v) + half(v))

    def quantile(v):
        return stats.t.ppf(0.975, len(v) - 1)

    mistakes = (
        (
            "1.96 is for many seeds. With few, Student's t is wider: stats.t.ppf(0.975, n − 1).",
            around(lambda v: 1.96 * stats.sem(v)),
        ),
        (
            "That is how much single runs vary. The mean of n varies less: divide by √n.",
            around(lambda v: quantile(v) * np.std(v, ddof=1)),
        ),
        (
            "Mean ± standard deviation holds about two runs in three; asked is where the mean is.",
            around(lambda v: np.std(v, ddof=1)),
        ),
        (
            "The standard deviation of a sample divides by n − 1: np.std(values, ddof=1).",
            around(lambda v: quantile(v) * np.std(v) / np.sqrt(len(v))),
        ),
        (
            "0.95 in the middle leaves 0.025 on either side: take the quantile 0.975.",
            around(lambda v: stats.t.ppf(0.95, len(v) - 1) * stats.sem(v)),
        ),
        (
            "Mean ± one standard error holds the truth two times in three at most, not 95 %.",
            around(lambda v: stats.sem(v)),
        ),
        (
            "Those are quantiles of the runs; asked is where their mean is.",
            lambda v: (np.mean(v), *np.quantile(v, [0.025, 0.975])),
        ),
    )
    right = around(lambda v: quantile(v) * stats.sem(v))
    praise = (
        "Mean and 95 % interval, over repeats alone. To compare two losses, take the interval of "
        "their differences: two means can differ surely though their intervals overlap."
    )
    return judge_function(
        function, right, cases, praise=praise, mistakes=mistakes, like="(mean, low, high)"
    )
