"""Checks of the exercises about distributions and their distances."""

import numpy as np
import torch

from emdviz.diagnosis.calling import Caller, Unusable, Way
from emdviz.diagnosis.examples import show
from emdviz.diagnosis.forms import FORMS, number
from emdviz.diagnosis.study import study
from emdviz.diagnosis.verdict import TRAPS
from emdviz.distances import emd, emd2
from emdviz.distributions import cdf, check_distribution, expectation, one_hot
from emdviz.exercises.answers import UNANSWERED, Answer, Case, Mistake, judge
from emdviz.reading import read_count, to_numpy

_SIMPLE = (
    ([1, 0], [0, 1]),
    ([0.5, 0, 0.5], [0, 1, 0]),
    ([0.5, 0, 0.5], [0, 0, 1]),
    ([0.25, 0.5, 0.25], [0.25, 0.5, 0.25]),
    ([0.25, 0.25, 0.25, 0.25], [0, 1, 0, 0]),
    ([0.1, 0.2, 0.3, 0.25, 0.15], [0.3, 0.1, 0.1, 0.1, 0.4]),
)
_SWAPPED = "Square each gap where you take its absolute value."
_ADVICE = {
    ("EMD²", "EMD"): _SWAPPED,
    ("EMD", "EMD²"): "Take the absolute value of each gap where you square it.",
    ("EMD²", "square of the EMD"): "Square each gap, then add up; not the other way round.",
    ("EMD²", "root of EMD²"): "Leave the root out.",
    ("EMD", "root of EMD²"): "Take the absolute value of each gap; no squares, no root.",
}


def check_cdf(function, *, batches=True, tensors=False):
    """Check a reader's cumulative distribution: CDF_i(p) = p_1 + … + p_i.

    Parameters
    ----------
    function : callable
        Takes p, shape (C,), and returns its running sums, shape (C,).
    batches : bool
        Whether it has to take p of shape (N, C) as well.
    tensors : bool
        Whether it has to take torch tensors as well.

    Returns
    -------
    Answer

    Examples
    --------
    >>> check_cdf(np.cumsum, batches=False)
    ✓ These are the running sums.
    >>> check_cdf(lambda p: np.cumsum(p[::-1])[::-1], batches=False)
    ✗ Add up from the first class, not from the last.
    your_function(np.array([1., 0.])) gives [1., 0.]; expected [1., 1.]
    """
    mistakes = (
        Mistake("These are the probabilities themselves. Add them up.", lambda p: p),
        Mistake("Add up from the first class, not from the last.", lambda p: _back(p)),
        Mistake("CDF_i includes class i itself.", lambda p: np.cumsum(p) - p),
        Mistake("CDF_i is the share at or below class i, not above.", lambda p: 1 - np.cumsum(p)),
        Mistake("Add the probabilities up, without a mean.", _running_mean),
    )
    praise = "These are the running sums."
    return _check_alone(function, cdf, praise, mistakes, batches, tensors)


def _back(p):
    return np.cumsum(p[::-1])[::-1]


def _running_mean(p):
    return np.cumsum(p) / np.arange(1, len(p) + 1)


def check_expectation(function, *, batches=True, tensors=False):
    """Check a reader's expected class: E(p) = Σ_i i p_i, classes counted from 0.

    Parameters are those of :func:`check_cdf`; the function returns one number per distribution.
    """
    mistakes = (
        Mistake("Count the classes from 0, not from 1.", lambda p: expectation(p) + 1),
        Mistake(
            "That is the most probable class. Weigh every class with its probability.",
            lambda p: np.argmax(p),
        ),
        Mistake("Add up, without a mean: the p_i share out 1.", lambda p: expectation(p) / len(p)),
        Mistake(
            "That is the sum of the running sums, which counts from the far end.",
            lambda p: np.sum(cdf(p)),
        ),
        Mistake(
            "That is the sum of the classes or of the probabilities alone.", lambda p: np.sum(p)
        ),
    )
    praise = "The mean class, each weighed with its probability."
    like = "the sum over the classes"
    return _check_alone(function, expectation, praise, mistakes, batches, tensors, like)


def _check_alone(function, right, praise, mistakes, batches, tensors, like=""):
    single = [Case((np.array(p, float),)) for p, _ in _SIMPLE]
    cases = single + _more(single, batches, tensors)
    return judge(function, cases, right, praise, mistakes=mistakes, like=like)


def check_emd(function, *, batches=True, positions=False, tensors=False):
    """Check a reader's Earth Mover's Distance: EMD(p, t) = Σ_i |CDF_i(p) − CDF_i(t)| Δ_i.

    Parameters
    ----------
    function : callable
        Takes p and t, shape (C,) each, and returns a number.
    batches : bool
        Whether it has to take arrays of shape (N, C) as well, and return (N,).
    positions : bool
        Whether it has to take positions, shape (C,), as a third argument as well.
    tensors : bool
        Whether it has to take torch tensors as well.

    Returns
    -------
    Answer

    Examples
    --------
    >>> check_emd(lambda p, t: np.sum(abs(np.cumsum(p - t, axis=-1)), axis=-1))
    ✓ It is EMD.
    >>> check_emd(lambda p, t: np.sum(abs(p - t), axis=-1)).correct
    False
    """
    return _check_distance("EMD", emd, function, batches, positions, tensors)


def check_emd2(function, *, batches=True, positions=False, tensors=False):
    """Check a reader's squared EMD: E_E(p, t) = Σ_i (CDF_i(p) − CDF_i(t))² Δ_i.

    Parameters and returns are those of :func:`check_emd`.

    Examples
    --------
    >>> check_emd2(lambda p, t: np.sum((np.cumsum(p) - np.cumsum(t)) ** 2), batches=False)
    ✓ It is EMD².
    >>> check_emd2(lambda p, t: np.mean((np.cumsum(p) - np.cumsum(t)) ** 2), batches=False)
    ✗ This is EMD² ÷ C. Take the sum over the classes, not the mean.
    your_function(np.array([1., 0.]), np.array([0., 1.])) gives 0.5; expected 1.
    """
    return _check_distance("EMD²", emd2, function, batches, positions, tensors)


def check_rps(function):
    """Check a reader's Ranked Probability Score of one forecast: Σ_i (CDF_i(p) − [k ≤ i])².

    Parameters
    ----------
    function : callable
        Takes p, shape (C,), and the class k that came true, an int; returns a number.

    Returns
    -------
    Answer
    """
    cases = [Case((np.array(p, float), k)) for p, _ in _SIMPLE for k in range(len(p))]

    def right(p, k):
        return emd2(p, one_hot(k, len(p)))

    return judge(
        function,
        cases,
        right,
        "It is the Ranked Probability Score, and EMD² of a certain label.",
        recognise=lambda f: _recognise(f, "EMD²", "labels"),
        like="the sum over the thresholds",
    )


def _check_distance(name, right, function, batches, positions, tensors):
    single = [Case((np.array(p, float), np.array(t, float))) for p, t in _SIMPLE]
    more = _more(single, batches, tensors)
    if positions:
        for p, t in _SIMPLE[1:3]:
            arguments = (np.array(p, float), np.array(t, float), np.array([1.0, 5.0, 11.0]))
            more.append(Case(arguments, "uneven positions: weigh each gap with its width"))
    return judge(
        function,
        single + more,
        lambda p, t, x=None: right(p, t, positions=x),
        f"It is {name}.",
        recognise=lambda f: _recognise(f, name, "distributions"),
        like="is the sum over the classes missing?",
    )


def _more(single, batches, tensors):
    """Return cases of the batches and tensors that belong to single ones of equal length."""
    three = [case.arguments for case in single if len(case.arguments[0]) == 3]
    rows = tuple(np.stack(column) for column in zip(*three, strict=True))
    more = [Case(rows, "a batch (N, C): work along the last axis, axis=-1")] if batches else []
    if tensors:
        some = rows if batches else three[0]
        more.append(Case(tuple(torch.tensor(a) for a in some), "torch tensors"))
    return more


def _recognise(function, asked, target):
    """Say which other known form a function is, or "" if it is none."""
    caller = Caller(function, Way(target, "numpy", single=True))
    try:
        subject = study(caller, [2, 3, 5])
    except Unusable:
        return ""
    match = subject.match
    if match is None:
        return ""
    if subject.family == "logits":
        return "It applies softmax, but p is probabilities already."
    if subject.quirk.name:
        return f"{subject.quirk.name.capitalize()}: {subject.quirk.text}"
    if match.name in TRAPS:
        trap = TRAPS[match.name]
        return f"{trap.name.capitalize()}: {trap.text}"
    if match.missing:
        return f"The {match.missing} of the C − 1 gaps is left out: is a slice too short?"
    if match.name == asked and match.rule in ("÷ C", "÷ (C − 1)"):
        return f"This is {match.title}. Take the sum over the classes, not the mean."
    if match.name == asked:
        return f"This is {match.title}: a factor too many."
    advice = _ADVICE.get((asked, match.name), f"Asked is {asked}, {FORMS[asked].formula}.")
    return f"This is {match.title}, {match.formula}. {advice}"


def check_equal_cross_entropy(q, p, label):
    """Check a prediction q with the same cross-entropy as p, but a larger EMD².

    Parameters
    ----------
    q : array, shape (C,)
        The reader's prediction.
    p : array, shape (C,)
        The prediction it is compared with.
    label : int
        The true class k.

    Returns
    -------
    Answer

    Examples
    --------
    >>> check_equal_cross_entropy([0.5, 0, 0, 0.5], [0.5, 0.5, 0, 0], 0)
    ✓ Same cross-entropy, but EMD² is 0.75 instead of 0.25.
    >>> check_equal_cross_entropy([0.4, 0.6, 0, 0], [0.5, 0.5, 0, 0], 0)
    ✗ The cross-entropy differs: q[0] is 0.4, not 0.5. It depends on nothing else.
    """
    if q is ...:
        return UNANSWERED
    p = to_numpy(check_distribution(p, "p"))
    label = read_count(label, "label", 0, len(p) - 1)
    try:
        q = check_distribution(to_numpy(q), "q")
    except (ValueError, TypeError) as error:
        return Answer(False, f"{error}")
    if q.shape != p.shape:
        return Answer(False, f"q must have as many classes as p, {len(p)}; got {show(q)}")
    if not np.isclose(q[label], p[label]):
        values = f"q[{label}] is {number(q[label])}, not {number(p[label])}"
        return Answer(False, f"The cross-entropy differs: {values}. It depends on nothing else.")
    t = one_hot(label, len(p))
    ours, theirs = (number(emd2(values, t)) for values in (q, p))
    if emd2(q, t) > emd2(p, t) + 1e-9:
        return Answer(True, f"Same cross-entropy, but EMD² is {ours} instead of {theirs}.")
    text = f"Same cross-entropy, but EMD² is {ours}, not more than {theirs}"
    return Answer(False, f"{text}. Move probability away from class {label}.")
