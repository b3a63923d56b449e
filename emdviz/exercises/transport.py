"""Exercises about transport plans, entropic transport as a loss, and ground distances."""

from functools import partial

import numpy as np
import torch
from scipy.special import softmax, xlogy

from emdviz.diagnosis.calling import Unusable, as_numbers
from emdviz.diagnosis.examples import as_code
from emdviz.diagnosis.forms import brief
from emdviz.distances import emd
from emdviz.exercises.answers import Answer, ask, call_of, judge, judge_function, name_of, refuse
from emdviz.ground_distance import line, matrix
from emdviz.reading import to_numpy
from emdviz.transport import entropic_plan

_PAIRS = (
    ([1, 0], [0, 1]),
    ([0.5, 0.5, 0], [0, 0.5, 0.5]),
    ([0.2, 0.5, 0.3], [0.4, 0.4, 0.2]),
    ([0.1, 0.4, 0.1, 0.4], [0.3, 0.2, 0.3, 0.2]),
)
_UNEVEN = np.array([[0.0, 1.0, 4.0], [1.0, 0.0, 2.0], [4.0, 2.0, 0.0]])
"""A ground distance of three classes that are not evenly spaced."""
_MASS = 2e-3
"""Mass that scalings may leave in wrong places."""


@judge
def judge_plan(function) -> Answer:
    """Judge a reader's cheapest transport plan on a line.

    Parameters
    ----------
    function : callable
        Takes p and t, shape (C,) each; returns F, shape (C, C), with row sums p and column sums
        t, and of the least cost Σ F_ij |i − j|.
    """

    def judge_plan(plan, p, t):
        cost, least = float(np.sum(plan * line(len(p)))), float(emd(p, t))
        if cost > least + 1e-6:
            return (
                f"is a plan, but costs {brief(cost)}; the cheapest costs {brief(least)}. "
                "Work from left to right, and never cross your own path."
            )
        return ""

    cases = [(np.array(p, float), np.array(t, float)) for p, t in _PAIRS]
    return _judge_plans(function, cases, judge_plan, 1e-6, "It is a cheapest plan: EMD.")


@judge
def judge_scalings(function) -> Answer:
    """Judge a reader's matrix scalings (Sinkhorn): the plan u_i exp(−λ D_ij) v_j.

    Parameters
    ----------
    function : callable
        Takes p, t, shape (C,), the ground distance D, shape (C, C), and λ; returns the plan,
        shape (C, C). Two in a thousand of the mass may be missing: some hundred scalings.
    """

    def judge_plan(plan, p, t, cost, lam):
        def far(other):
            return np.abs(plan - entropic_plan(p, t, cost=cost, lam=other)).sum() > 4 * _MASS

        if not far(lam):
            return ""
        for other, hint in (
            (1 / lam, "λ multiplies D: the kernel is exp(−λ D), not exp(−D / λ)"),
            (1.0, "the kernel leaves λ out: it is exp(−λ D)"),
        ):
            if lam != other and not far(other):
                return f"is not the plan for λ = {brief(lam)}: {hint}."
        if np.allclose(plan, np.outer(p, t), atol=_MASS):
            return "is p tᵀ, which does not look at D. Begin with the kernel exp(−λ D)."
        return "has the right sums, but is no scaling of exp(−λ D): multiply rows and columns only."

    cases = [
        (np.array([0.5, 0.5]), np.array([0.25, 0.75]), line(2), 2.0),
        (np.array([0.2, 0.5, 0.3]), np.array([0.4, 0.4, 0.2]), line(3), 2.0),
        (np.array([0.6, 0.3, 0.1]), np.array([0.2, 0.2, 0.6]), _UNEVEN, 0.5),
        (np.array([0.6, 0.3, 0.1]), np.array([0.2, 0.2, 0.6]), _UNEVEN, 3.0),
    ]
    praise = "Rows p, columns t, and a scaling of exp(−λ D): it is the entropic plan."
    return _judge_plans(function, cases, judge_plan, _MASS, praise)


def _judge_plans(function, cases, judge_plan, tolerance, praise):
    """Look at plans: their sums first, then what ``judge_plan(plan, *case)`` says."""
    if not callable(function):
        return refuse(function)
    for case in cases:
        p, t = case[:2]
        try:
            plan = ask(function, case, np.zeros((len(p), len(t))), "F_ij from class i to class j")
            words = _sums(plan, p, t, tolerance) or judge_plan(plan, *case)
        except Unusable as problem:
            words = str(problem)
        if words:
            return Answer(False, f"{call_of(name_of(function), case)} {words}")
    return Answer(True, praise)


def _sums(plan, p, t, tolerance):
    """Say what is wrong with the sums of a plan, or ""."""

    def fits(plan):
        """Tell of the rows and of the columns whether their sums are right."""
        sums = ((plan.sum(axis=1), p), (plan.sum(axis=0), t))
        return [abs(got - wanted).sum() <= 2 * tolerance for got, wanted in sums]

    if np.any(plan < -tolerance):
        return f"moves a negative mass, {brief(plan.min())}."
    rows, columns = fits(plan)
    if rows and columns:
        return ""
    if all(fits(plan.T)):
        return "is transposed: rows are where the mass of p comes from, columns where t gets it."
    total = plan.sum()
    if abs(total - 1) > 2 * tolerance:
        return f"moves {brief(total)} of mass in all; expected 1."
    which, got, wanted = ("column", plan.sum(axis=0), t) if rows else ("row", plan.sum(axis=1), p)
    more = " Scale rows and columns in turns, some hundred times." if rows or columns else ""
    got, wanted = (as_code(values.round(4).tolist()) for values in (got, wanted))
    return f"has the {which} sums {got}; expected {wanted}.{more}"


@judge
def judge_best_for_aemd(function) -> Answer:
    """Judge a reader's best answer under AEMD to labels drawn from t: p_i ∝ exp(−λ Σ_k D_ik t_k).

    Parameters
    ----------
    function : callable
        Takes t, shape (C,), the ground distance D, shape (C, C), and λ; returns p, shape (C,).

    Examples
    --------
    >>> judge_best_for_aemd(lambda t, D, lam: np.exp(-lam * D @ t) / np.exp(-lam * D @ t).sum())
    ✓ It is least there, not at t: certain labels would leave doubt as well.
    """
    mistakes = {
        "An honest answer is best for a proper score only; here entropy is rewarded as well. "
        "Set the derivative by p_i to the same value for all i.": lambda t, D, lam: t,
        "The probabilities have to sum to 1: divide by their sum.": (
            lambda t, D, lam: np.exp(-lam * D @ t)
        ),
        "λ multiplies D, it does not divide it.": lambda t, D, lam: softmax(-D @ t / lam),
        "λ is left out.": lambda t, D, lam: softmax(-D @ t),
        "A minus is missing: classes that cost more get less.": (
            lambda t, D, lam: softmax(lam * D @ t)
        ),
        "That is best for the most likely label alone. Take the mean cost over all labels.": (
            lambda t, D, lam: softmax(-lam * D[:, t.argmax()])
        ),
        "That has the least mean cost, but certainty earns nothing for its entropy.": (
            lambda t, D, lam: np.eye(len(t))[np.argmin(D @ t)]
        ),
        "These are the logits. Take the softmax.": lambda t, D, lam: -lam * D @ t,
    }
    return judge_function(
        function,
        lambda t, D, lam: softmax(-lam * D @ t),
        [
            (np.array([0.75, 0.25]), line(2), 2.0),
            (np.array([0.6, 0.1, 0.3]), line(3), 0.5),
            (np.array([0.2, 0.1, 0.7]), _UNEVEN, 3.0),
        ],
        praise="It is least there, not at t: certain labels would leave doubt as well.",
        mistakes=mistakes.items(),
        like="a probability per class",
    )


@judge
def judge_divergence(function) -> Answer:
    """Judge a reader's Sinkhorn divergence on a line: L(p, t) − ½ L(p, p) − ½ L(t, t).

    L is the least value of Σ F_ij D_ij + (1/λ) Σ F_ij log F_ij over plans F from p to t.

    Parameters
    ----------
    function : callable
        Takes p and t, torch tensors of shape (C,), and λ; returns a tensor that holds one number.
    """
    pairs = [
        torch.tensor(pair, dtype=torch.float64)
        for pair in ([[0.5, 0.5], [0.25, 0.75]], [[0.6, 0.3, 0.1], [0.2, 0.2, 0.6]])
    ]
    logits = "aemd_loss takes logits, and softmax(p) is not p. Give it log p."
    mistakes = (
        (
            "That is L(p, t) alone, which is not 0 for p = t. Subtract half of L(p, p) and of "
            "L(t, t).",
            _combine(0, 0),
        ),
        ("Subtract half of L(p, p) and half of L(t, t).", _combine(1, 1)),
        ("Subtract half of L(t, t) too.", _combine(0.5, 0)),
        ("Subtract half of L(p, p) too.", _combine(0, 0.5)),
        ("Subtract them, do not add.", _combine(-0.5, -0.5)),
        (logits, _combine(0.5, 0.5, read=softmax)),
        (logits, _combine(0, 0, read=softmax)),
        ("Pass λ on: aemd_loss(..., lam=lam).", lambda p, t, lam: _combine(0.5, 0.5)(p, t, 1.0)),
    )
    return judge_function(
        function,
        _combine(0.5, 0.5),
        [(p, t, lam) for p, t in pairs for lam in (0.5, 2.0)],
        praise="It is the Sinkhorn divergence, 0 for p = t with any λ.",
        mistakes=mistakes,
        like="one number",
    )


def _combine(p_share, t_share, read=lambda p: p):
    """Return L(p, t) − p_share L(p, p) − t_share L(t, t) as a function, with p as ``read``."""

    def value(p, t, lam):
        p, t = to_numpy(p), to_numpy(t)
        own = p_share * _objective(read(p), p, lam) + t_share * _objective(read(t), t, lam)
        return _objective(read(p), t, lam) - own

    return value


def _objective(p, t, lam):
    plan = entropic_plan(p, t, lam=lam)
    return np.sum(plan * line(len(plan))) + np.sum(xlogy(plan, plan)) / lam


@judge
def judge_learned_distance(function) -> Answer:
    """Judge a reader's ground distance from features, as ``losses.LearnedDistance`` does.

    Features are scaled to length 1 and averaged per class. D_ij is the rank of the Euclidean
    distance between the averages of i and j among all from i, divided by C − 1, and the mean
    with its transpose.

    Parameters
    ----------
    function : callable
        Takes features (N, K) and labels (N,), torch tensors; returns D, shape (C, C), for the C
        classes that occur.
    """
    corners = torch.tensor([[2.0, 0.0], [1.0, 0.1], [1.0, 1.0], [2.0, 2.5], [0.0, 0.5]])
    cases = [(corners, torch.tensor([0, 0, 1, 1, 2]))]
    generator = torch.Generator().manual_seed(5)
    for size in (4, 5):
        labels = torch.arange(size).repeat(3)
        features = torch.rand(3 * size, 3, generator=generator) + labels[:, None] / 2
        cases.append((features, labels))
    mistakes = {
        "Scale each row of features to length 1 first.": partial(_learn, unit=False),
        "Scale the features of each image to length 1 before you average.": (
            partial(_learn, unit="late")
        ),
        "Take ranks: those are the Euclidean distances.": partial(_learn, ranks=False),
        "Make it symmetric: the mean of D and its transpose.": partial(_learn, symmetric=False),
        "Divide the ranks by C − 1, so that the furthest is 1.": partial(_learn, divide=False),
        "Divide the ranks by C − 1, not by C.": partial(_learn, divide="C"),
        "A class is at distance 0 from itself: ranks count from 0.": partial(_learn, first=1),
    }
    return judge_function(
        function,
        _learned,
        cases,
        praise="It is the learned distance: ranks from 0 to 1, symmetric.",
        mistakes=mistakes.items(),
        like="(C, C)",
    )


def _learned(features, labels):
    from emdviz.losses import LearnedDistance

    learned = LearnedDistance(int(labels.max()) + 1, features.shape[1])
    learned.update(features, labels)
    return learned.end_epoch()


def _learn(x, labels, *, unit=True, ranks=True, symmetric=True, divide=True, first=0):
    """The recipe with one step left out or done wrongly."""
    x, labels = as_numbers(x), to_numpy(labels)
    if unit is True:
        x = x / np.linalg.norm(x, axis=1, keepdims=True)
    means = np.stack([x[labels == k].mean(axis=0) for k in range(labels.max() + 1)])
    if unit == "late":
        means /= np.linalg.norm(means, axis=1, keepdims=True)
    distances = np.linalg.norm(means[:, None] - means, axis=-1)
    if not ranks:
        return distances
    size = len(distances)
    rank = distances.argsort(axis=1).argsort(axis=1) + first
    rank = rank / {True: size - 1, False: 1, "C": size}[divide]
    return (rank + rank.T) / 2 if symmetric else rank


@judge
def judge_ordered(distances) -> Answer:
    """Judge whether a ground distance knows the order: from each class, further ones cost more.

    Parameters
    ----------
    distances : array, shape (C, C)
        The reader's D; classes in their order.

    Examples
    --------
    >>> judge_ordered(line(4))
    ✓ From every class, classes further along the order are further away.
    >>> judge_ordered([[0, 2, 1], [2, 0, 1], [1, 1, 0]])
    ✗ From class 0, class 2 is nearer than class 1: D[0, 2] = 1, D[0, 1] = 2.
    """
    try:
        d = matrix(distances, "your distances")
    except (ValueError, TypeError) as error:
        return Answer(False, f"{error}")
    for i, j in np.argwhere(np.ones(d.shape, dtype=bool)):
        step = np.sign(j - i)
        if i != j and d[i, j] <= d[i, j - step]:
            nearer = "nearer than" if d[i, j] < d[i, j - step] else "as near as"
            values = f"D[{i}, {j}] = {brief(d[i, j])}, D[{i}, {j - step}] = "
            values += brief(d[i, j - step])
            text = f"From class {i}, class {j} is {nearer} class {j - step}: {values}."
            return Answer(False, text)
    return Answer(True, "From every class, classes further along the order are further away.")
