"""Exercises about distributions and their distances."""

import numpy as np

from emdviz.diagnosis.calling import Caller, Unusable, Way
from emdviz.diagnosis.examples import as_code
from emdviz.diagnosis.forms import EMD, EMD2, FORMS, brief
from emdviz.diagnosis.study import study
from emdviz.diagnosis.verdict import TRAPS
from emdviz.distances import emd, emd2
from emdviz.distributions import check_distribution, one_hot
from emdviz.exercises.answers import UNANSWERED, Answer, judge_function
from emdviz.reading import read_count, to_numpy

_PAIRS = [
    (np.array(p, float), np.array(t, float))
    for p, t in (
        ([1, 0], [0, 1]),
        ([0.5, 0, 0.5], [0, 1, 0]),
        ([0.5, 0, 0.5], [0, 0, 1]),
        ([0.25, 0.5, 0.25], [0.25, 0.5, 0.25]),
        ([0.25, 0.25, 0.25, 0.25], [0, 1, 0, 0]),
        ([0.1, 0.2, 0.3, 0.25, 0.15], [0.3, 0.1, 0.1, 0.1, 0.4]),
    )
]
_BATCH = tuple(np.stack(column) for column in zip(*_PAIRS[1:4], strict=True))
_ADVICE = {
    (EMD2, EMD): "Square each gap where you take its absolute value.",
    (EMD, EMD2): "Take the absolute value of each gap where you square it.",
    (EMD2, "square of the EMD"): "Square each gap, then add up; not the other way round.",
    (EMD2, "root of EMD²"): "Leave the root out.",
    (EMD, "root of EMD²"): "Take the absolute value of each gap; no squares, no root.",
}


def judge_emd(function, *, batches=True) -> Answer:
    """Judge a reader's Earth Mover's Distance: EMD(p, t) = Σ_i |CDF_i(p) − CDF_i(t)|.

    Parameters
    ----------
    function : callable
        Takes p and t, shape (C,) each, and returns a number.
    batches : bool
        Whether it must take arrays of shape (N, C) as well, and return (N,).

    Examples
    --------
    >>> judge_emd(lambda p, t: np.sum(abs(np.cumsum(p - t, axis=-1)), axis=-1))
    ✓ It is EMD.
    >>> judge_emd(lambda p, t: np.sum(abs(p - t), axis=-1)).correct
    False
    """
    return _judge_distance(EMD, emd, function, batches)


def judge_emd2(function, *, batches=True) -> Answer:
    """Judge a reader's squared EMD: E_E(p, t) = Σ_i (CDF_i(p) − CDF_i(t))².

    Parameters and returns are those of :func:`judge_emd`.

    Examples
    --------
    >>> judge_emd2(lambda p, t: np.sum((np.cumsum(p) - np.cumsum(t)) ** 2), batches=False)
    ✓ It is EMD².
    >>> judge_emd2(lambda p, t: np.mean((np.cumsum(p) - np.cumsum(t)) ** 2), batches=False)
    ✗ This is EMD² ÷ C. Take the sum over the classes, not the mean.
    your_function(np.array([1., 0.]), np.array([0., 1.])) gives 0.5; expected 1.
    """
    return _judge_distance(EMD2, emd2, function, batches)


def _judge_distance(name, right, function, batches):
    return judge_function(
        function,
        right,
        _PAIRS,
        praise=f"It is {name}.",
        recognise=lambda f: _recognise(f, name, "distributions"),
        also=[("a batch (N, C): work along the last axis, axis=-1", _BATCH)] if batches else (),
        like="is the sum over the classes missing?",
    )


def judge_rps(function) -> Answer:
    """Judge a reader's Ranked Probability Score of one forecast: Σ_i (CDF_i(p) − [k ≤ i])².

    Parameters
    ----------
    function : callable
        Takes p, shape (C,), and the class k that came true, an int; returns a number.
    """
    return judge_function(
        function,
        lambda p, k: emd2(p, one_hot(k, len(p))),
        [(p, k) for p, _ in _PAIRS for k in range(len(p))],
        praise="It is the Ranked Probability Score, and EMD² of a certain label.",
        recognise=lambda f: _recognise(f, EMD2, "labels"),
        like="the sum over the thresholds",
    )


def _recognise(function, asked, target):
    """Return a hint if a function is another known form, or ""."""
    try:
        subject = study(Caller(function, Way(target, "numpy", single=True)), [2, 3, 5])
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


def judge_equal_cross_entropy(q, p, label) -> Answer:
    """Judge a prediction q that should have the same cross-entropy as p, but a larger EMD².

    Parameters
    ----------
    q : array, shape (C,)
        The reader's prediction.
    p : array, shape (C,)
        The prediction it is compared with.
    label : int
        The true class k.

    Examples
    --------
    >>> judge_equal_cross_entropy([0.5, 0, 0, 0.5], [0.5, 0.5, 0, 0], 0)
    ✓ Same cross-entropy, but EMD² is 0.75 instead of 0.25.
    >>> judge_equal_cross_entropy([0.4, 0.6, 0, 0], [0.5, 0.5, 0, 0], 0)
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
        return Answer(False, f"q must have as many classes as p, {len(p)}; got {as_code(q)}")
    if not np.isclose(q[label], p[label]):
        values = f"q[{label}] is {brief(q[label])}, not {brief(p[label])}"
        return Answer(False, f"The cross-entropy differs: {values}. It depends on nothing else.")
    t = one_hot(label, len(p))
    ours, theirs = (brief(emd2(values, t)) for values in (q, p))
    if emd2(q, t) > emd2(p, t) + 1e-9:
        return Answer(True, f"Same cross-entropy, but EMD² is {ours} instead of {theirs}.")
    text = f"Same cross-entropy, but EMD² is {ours}, not more than {theirs}"
    return Answer(False, f"{text}. Move probability away from class {label}.")
