"""Exercises about transport plans and ground distances."""

from functools import partial

import numpy as np
import torch

from emdviz.diagnosis.calling import Unusable, as_numbers
from emdviz.diagnosis.examples import as_code
from emdviz.diagnosis.forms import brief
from emdviz.distances import emd
from emdviz.exercises.answers import (
    UNANSWERED,
    Answer,
    ask,
    call_of,
    judge_function,
    name_of,
    refuse,
)
from emdviz.exercises.entropic import UNEVEN
from emdviz.ground_distance import line, matrix
from emdviz.reading import to_numpy
from emdviz.transport import entropic_plan

_PAIRS = (
    ([1, 0], [0, 1]),
    ([0.5, 0.5, 0], [0, 0.5, 0.5]),
    ([0.2, 0.5, 0.3], [0.4, 0.4, 0.2]),
    ([0.1, 0.4, 0.1, 0.4], [0.3, 0.2, 0.3, 0.2]),
)
_MASS = 2e-3
"""Mass that scalings may leave in wrong places."""


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
        (np.array([0.6, 0.3, 0.1]), np.array([0.2, 0.2, 0.6]), UNEVEN, 0.5),
        (np.array([0.6, 0.3, 0.1]), np.array([0.2, 0.2, 0.6]), UNEVEN, 3.0),
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

    def fits(matrix, rows, columns):
        return (
            abs(matrix.sum(axis=1) - rows).sum() <= 2 * tolerance,
            abs(matrix.sum(axis=0) - columns).sum() <= 2 * tolerance,
        )

    if np.any(plan < -tolerance):
        return f"moves a negative mass, {brief(plan.min())}."
    rows, columns = fits(plan, p, t)
    if rows and columns:
        return ""
    if all(fits(plan.T, p, t)):
        return "is transposed: rows are where the mass of p comes from, columns where t gets it."
    total = plan.sum()
    if abs(total - 1) > 2 * tolerance:
        return f"moves {brief(total)} of mass in all; expected 1."
    which, got, wanted = ("column", plan.sum(axis=0), t) if rows else ("row", plan.sum(axis=1), p)
    more = " Scale rows and columns in turns, some hundred times." if rows or columns else ""
    got, wanted = (as_code(values.round(4).tolist()) for values in (got, wanted))
    return f"has the {which} sums {got}; expected {wanted}.{more}"


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
    mistakes = tuple(
        (hint, partial(_learn, **changed))
        for hint, changed in (
            ("Scale each row of features to length 1 first.", {"unit": False}),
            ("Scale the features of each image to length 1 before you average.", {"unit": "late"}),
            ("Take ranks: those are the Euclidean distances.", {"ranks": False}),
            ("Make it symmetric: the mean of D and its transpose.", {"symmetric": False}),
            ("Divide the ranks by C − 1, so that the furthest is 1.", {"divide": False}),
            ("Divide the ranks by C − 1, not by C.", {"divide": "C"}),
            ("A class is at distance 0 from itself: ranks count from 0.", {"first": 1}),
        )
    )
    return judge_function(
        function,
        _learned,
        cases,
        praise="It is the learned distance: ranks from 0 to 1, symmetric.",
        mistakes=mistakes,
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
    if distances is ...:
        return UNANSWERED
    try:
        d = matrix(distances)
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
