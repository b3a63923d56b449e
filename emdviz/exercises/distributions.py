"""Exercises about distributions and their distances."""

import numpy as np

from emdviz.diagnosis.calling import Caller, Unusable, Way
from emdviz.diagnosis.forms import EMD, EMD2, FORMS, brief
from emdviz.diagnosis.study import study
from emdviz.diagnosis.verdict import TRAPS
from emdviz.distances import emd, emd2
from emdviz.distributions import check_distribution, one_hot
from emdviz.exercises.answers import Answer, judge, judge_answer, judge_function
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
_ADVICE = {
    (EMD2, EMD): "Square each gap where you take its absolute value.",
    (EMD, EMD2): "Take the absolute value of each gap where you square it.",
    (EMD2, "square of the EMD"): "Square each gap, then add up; not the other way round.",
    (EMD2, "root of EMD²"): "Leave the root out.",
    (EMD, "root of EMD²"): "Take the absolute value of each gap; no squares, no root.",
}


@judge
def judge_emd(function) -> Answer:
    """Judge a reader's Earth Mover's Distance: EMD(p, t) = Σ_i |CDF_i(p) − CDF_i(t)|.

    Parameters
    ----------
    function : callable
        Takes p and t, shape (C,) each, and returns a number.

    Examples
    --------
    >>> judge_emd(lambda p, t: np.sum(abs(np.cumsum(p - t))))
    ✓ It is EMD.
    >>> judge_emd(lambda p, t: np.mean(abs(np.cumsum(p - t))))
    ✗ This is EMD ÷ C. Take the sum over the classes, not the mean.
    your_function(np.array([1., 0.]), np.array([0., 1.])) gives 0.5; expected 1.
    """
    hint = "The gaps have signs and cancel each other. Take the absolute value of each gap before "
    hint += "you add up."
    return judge_function(
        function,
        emd,
        _PAIRS,
        mistakes=[
            (hint, lambda p, t: np.cumsum(p - t, axis=-1).sum(axis=-1)),
            (hint, lambda p, t: np.cumsum(t - p, axis=-1).sum(axis=-1)),
        ],
        praise="It is EMD.",
        recognise=lambda f: _recognise(f, EMD, "distributions"),
        like="is the sum over the classes missing?",
    )


@judge
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


@judge
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
    ✗ The cross-entropy differs: the true class has 0.4 instead of 0.5. It depends on nothing else.
    """
    p = to_numpy(check_distribution(p, "p"))
    label = read_count(label, "label", 0, len(p) - 1)
    t = one_hot(label, len(p))
    theirs = emd2(p, t)
    kept = brief(p[label])
    return judge_answer(
        q,
        (lambda q: np.min(q) >= 0, "A probability is not negative."),
        (
            lambda q: np.isclose(np.sum(q), 1),
            lambda q: f"Your probabilities sum to {brief(np.sum(q))}, not to 1.",
        ),
        (
            lambda q: np.isclose(q[label], p[label]),
            lambda q: (
                f"The cross-entropy differs: the true class has {brief(q[label])} instead of "
                f"{kept}. It depends on nothing else."
            ),
        ),
        (
            lambda q: emd2(q, t) > theirs + 1e-9,
            lambda q: (
                f"Same cross-entropy, but EMD² is {brief(emd2(q, t))}, not more than "
                f"{brief(theirs)}. Leave {kept} on class {label}, and put the rest further from it."
            ),
        ),
        shape=p.shape,
        praise=lambda q: (
            f"Same cross-entropy, but EMD² is {brief(emd2(q, t))} instead of {brief(theirs)}."
        ),
    )
