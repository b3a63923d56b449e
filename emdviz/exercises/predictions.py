"""Exercises about the best predictions, the gradients of losses, and how runs are compared."""

import numpy as np
import torch
from scipy.special import softmax

from emdviz.distributions import check_distribution, expectation
from emdviz.exercises.answers import Answer, judge, judge_function, name_of, refuse
from emdviz.losses import emd2_loss, emd_loss
from emdviz.propriety import medians

_UNEVEN = (
    # without ties; the most likely class, the median and the class nearest to the mean differ
    [0.7, 0.0, 0.3],
    [0.4, 0.15, 0.05, 0.05, 0.35],
    [0.3, 0.0, 0.05, 0.25, 0.4],
    [0.2, 0.0, 0.05, 0.0, 0.45, 0.3],
)


@judge
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
    mistakes = {
        "That is the median, best for the distance itself. Here it is squared.": _median,
        "That is the most likely class. The labels on all the others cost something too.": (
            np.argmax
        ),
        "That is the mean. Which class is nearest to it?": expectation,
        "That cuts the mean off: 2.9 is nearer to 3 than to 2.": _mean_cut_off,
        "Classes count from 0: that is one too many.": lambda t: _near_mean(t) + 1,
    }
    return judge_function(
        function,
        _near_mean,
        [(np.array(t),) for t in _UNEVEN],
        praise="The class nearest to the mean, and as sure of it as with EMD.",
        mistakes=mistakes.items(),
        like="the class of which to be sure",
    )


@judge
def judge_least_mae(function) -> Answer:
    """Judge a reader's classes of least expected distance to the label, given predictions p.

    Parameters
    ----------
    function : callable
        Takes p, shape (N, C), and returns N classes.

    Examples
    --------
    >>> judge_least_mae(lambda p: (p.cumsum(axis=1) >= 0.5).argmax(axis=1))
    ✓ The median of each prediction: at most half of the probability on either side.
    >>> judge_least_mae(lambda p: p.argmax(axis=1)).correct
    False
    """
    mistakes = {
        "Those are the most likely classes, best for exact matches. MAE counts steps: look "
        "for the middle of the probability.": lambda p: p.argmax(axis=1),
        "Those are the classes nearest to the mean, best for the squared distance.": _near_mean,
        "Those are the means; asked are classes, for the least MAE.": expectation,
        "Those are the means, cut off; asked are the classes of least MAE.": _mean_cut_off,
        "Classes count from 0: those are one too many. (Where is the CDF at least one half "
        "for the first time?)": lambda p: _medians(p) + 1,
        "Those are one too few: the median is the class where the CDF reaches one half, not "
        "the one before.": lambda p: _medians(p) - 1,
    }
    batches = (_UNEVEN[:1], _UNEVEN[1:3], (_UNEVEN[3], _UNEVEN[3][::-1]))
    return judge_function(
        function,
        _medians,
        [(np.array(p),) for p in batches],
        praise="The median of each prediction: at most half of the probability on either side.",
        mistakes=mistakes.items(),
        like="a class per row",
    )


@judge
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
    mistakes = {
        "That divides probabilities, not logits: after you divide by the sum all is as "
        "before. Up to a constant, the logits are log p.": lambda p, T: p,
        "These are no distributions yet: divide each row by its sum.": lambda p, T: p ** (1 / T),
        "These are no distributions any more: p / T has the sum 1 / T. Divide logits.": (
            lambda p, T: p / T
        ),
        "These are the logits, divided by T. Take the softmax.": lambda p, T: np.log(p) / T,
        "T is the wrong way round: a high temperature makes vague, so it divides the logits.": (
            lambda p, T: softmax(np.log(p) * T, axis=1)
        ),
        "p itself is no logit; log p is.": lambda p, T: softmax(p / T, axis=1),
        "Each row has to sum to 1, not all of them together: sum(axis=1, keepdims=True).": (
            lambda p, T: p ** (1 / T) / np.sum(p ** (1 / T))
        ),
    }
    p = np.array([[0.5, 0.3, 0.2], [0.1, 0.6, 0.3]])
    return judge_function(
        function,
        lambda p, T: softmax(np.log(p) / T, axis=1),
        [(p[:1], 2.0), (p, 0.5), (p, 3.0)],
        praise="Surer for T < 1, vaguer for T > 1, and the most likely class stays the same.",
        mistakes=mistakes.items(),
        like="a distribution per row",
    )


@judge
def judge_emd2_gradient(function) -> Answer:
    """Judge a reader's gradient of EMD² by the logits, ∂/∂z_j Σ_i (CDF_i(softmax(z)) − [k ≤ i])².

    Parameters
    ----------
    function : callable
        Takes z, shape (C,), and the label k, an int; returns the gradient, shape (C,).
    """
    logits = ([0, 0], [0, 0, 0], [1, 0, -1], [2, 0, 0, 1], [0.3, -0.2, 0.5, 0, -1])
    cases = [(np.array(z, float), k) for z in logits for k in (0, len(z) - 1)]

    def gap(z, k):
        return softmax(z) - np.eye(len(z))[k]

    def by_p(z, k):
        """∂/∂p_j = 2 Σ_{i ≥ j} d_i."""
        return 2 * np.cumsum(np.cumsum(gap(z, k))[::-1])[::-1]

    def slope(loss):
        def of(z, k):
            leaf = torch.tensor(z, requires_grad=True)
            loss(leaf, torch.tensor(k)).backward()
            return leaf.grad.numpy()

        return of

    def without_softmax(z, k):
        slopes = 2 * np.cumsum(np.cumsum(z - np.eye(len(z))[k])[::-1])[::-1]
        return z * (slopes - z @ slopes)

    forgotten = "z holds logits, and the formulas need p: take the softmax first."
    right, of_emd = slope(emd2_loss), slope(emd_loss)
    mistakes = {
        forgotten: without_softmax,
        "That is the gradient by the probabilities, 2 Σ d_i from class j on. Go on through the "
        "softmax: g_j becomes p_j (g_j − Σ_i p_i g_i).": by_p,
        "Go on through the softmax fully: p_j (g_j − Σ_i p_i g_i), not p_j g_j alone.": (
            lambda z, k: softmax(z) * by_p(z, k)
        ),
        "The factor 2 of the square is missing.": lambda z, k: right(z, k) / 2,
        "The sign is the wrong way round.": lambda z, k: -right(z, k),
        "p − t is the gradient of cross-entropy. EMD² adds up the gaps of the CDFs.": gap,
        "That is the gradient of EMD. The square's is 2 d_i instead of the sign of d_i.": of_emd,
    }
    praise = "It is the gradient of EMD². Note how it vanishes where the softmax is certain."
    return judge_function(
        function, right, cases, praise=praise, mistakes=mistakes.items(), like="one per class"
    )


@judge
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
    ✓ The median: at most half of t on either side. That is all that EMD teaches.
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
    mistakes = {
        "That is the most probable class. EMD counts steps: look for the middle of the mass.": (
            np.argmax
        ),
        "That is the mean, which REG predicts. EMD is least at a class.": expectation,
        "That is the mean, rounded. The median is where the CDF reaches one half.": _near_mean,
        "That is t itself, or its mean: right for EMD² and cross-entropy. Find a prediction "
        "whose expected EMD is less.": lambda t: expectation(t) + 1e-3,
        "Classes count from 0: that is one too many.": lambda t: _median(t) + 1,
        "That is the middle class, whatever t is.": lambda t: (len(t) - 1) // 2,
    }
    praise = "The median: at most half of t on either side. That is all that EMD teaches."
    cases = [(np.array(t),) for t in truths]
    return judge_function(as_class, _median, cases, praise=praise, mistakes=mistakes.items())


@judge
def judge_interval(function) -> Answer:
    """Judge a reader's mean and 95 % interval over the seeds of a run, by Student's t.

    Parameters
    ----------
    function : callable
        Takes values, shape (n,), one per seed; returns (mean, low, high).
    """
    from scipy import stats  # takes a second

    seeds = ([1, 2, 3], [61.2, 58.4, 60.1, 59.7, 62.0], [0.5, 0.4, 0.7, 0.6])
    cases = [(np.array(values, float),) for values in seeds]

    def around(half):
        return lambda v: (np.mean(v), np.mean(v) - half(v), np.mean(v) + half(v))

    def quantile(v):
        return stats.t.ppf(0.975, len(v) - 1)

    halves = {
        "1.96 is for many seeds. With few, Student's t is wider: stats.t.ppf(0.975, n − 1).": (
            lambda v: 1.96 * stats.sem(v)
        ),
        "That is how much single runs vary. The mean of n varies less: divide by √n.": (
            lambda v: quantile(v) * np.std(v, ddof=1)
        ),
        "Mean ± standard deviation holds about two runs in three; asked is where the mean is.": (
            lambda v: np.std(v, ddof=1)
        ),
        "The standard deviation of a sample divides by n − 1: np.std(values, ddof=1).": (
            lambda v: quantile(v) * np.std(v) / np.sqrt(len(v))
        ),
        "0.95 in the middle leaves 0.025 on either side: take the quantile 0.975.": (
            lambda v: stats.t.ppf(0.95, len(v) - 1) * stats.sem(v)
        ),
        "Mean ± one standard error holds the truth two times in three at most, not 95 %.": (
            stats.sem
        ),
    }
    mistakes = {hint: around(half) for hint, half in halves.items()}
    mistakes["Those are quantiles of the runs; asked is where their mean is."] = lambda v: (
        np.mean(v),
        *np.quantile(v, [0.025, 0.975]),
    )
    right = around(lambda v: quantile(v) * stats.sem(v))
    praise = (
        "Mean and 95 % interval, over repeats alone. To compare two losses, take the interval of "
        "their differences: two means can differ clearly though their intervals overlap."
    )
    return judge_function(
        function, right, cases, praise=praise, mistakes=mistakes.items(), like="(mean, low, high)"
    )


def _near_mean(t):
    return np.round(expectation(t))


def _mean_cut_off(t):
    return np.floor(expectation(t))


def _median(t):
    return medians(t)[0]


def _medians(p):
    return np.array([_median(row) for row in p])
