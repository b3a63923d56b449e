"""Exercises about entropic transport as a loss."""

import numpy as np
import torch
from scipy.special import softmax, xlogy

from emdviz.exercises.answers import Answer, judge_function
from emdviz.ground_distance import line
from emdviz.reading import to_numpy
from emdviz.transport import entropic_plan

UNEVEN = np.array([[0.0, 1.0, 4.0], [1.0, 0.0, 2.0], [4.0, 2.0, 0.0]])
"""A ground distance of three classes that are not evenly spaced."""


def judge_best_for_aemd(function) -> Answer:
    """Judge a reader's best answer under AEMD to labels drawn from t: p_i ∝ exp(−λ Σ_k D_ik t_k).

    Parameters
    ----------
    function : callable
        Takes t, shape (C,), the ground distance D, shape (C, C), and λ; returns p, shape (C,).

    Examples
    --------
    >>> judge_best_for_aemd(lambda t, D, lam: np.exp(-lam * D @ t) / np.exp(-lam * D @ t).sum())
    ✓ It is least there: λ and D dictate the doubt, t only shifts it.
    """
    mistakes = (
        (
            "An honest answer is best for a proper score only; here entropy is rewarded as well. "
            "Set the derivative by p_i to the same value for all i.",
            lambda t, D, lam: t,
        ),
        (
            "The probabilities have to sum to 1: divide by their sum.",
            lambda t, D, lam: np.exp(-lam * D @ t),
        ),
        ("λ multiplies D, it does not divide it.", lambda t, D, lam: softmax(-D @ t / lam)),
        ("λ is left out.", lambda t, D, lam: softmax(-D @ t)),
        (
            "A minus is missing: classes that cost more get less.",
            lambda t, D, lam: softmax(lam * D @ t),
        ),
        (
            "That is best for the most likely label alone. Take the mean cost over all labels.",
            lambda t, D, lam: softmax(-lam * D[:, t.argmax()]),
        ),
        (
            "That has the least mean cost, but certainty earns nothing for its entropy.",
            lambda t, D, lam: np.eye(len(t))[np.argmin(D @ t)],
        ),
        ("These are the logits. Take the softmax.", lambda t, D, lam: -lam * D @ t),
    )
    return judge_function(
        function,
        lambda t, D, lam: softmax(-lam * D @ t),
        [
            (np.array([0.75, 0.25]), line(2), 2.0),
            (np.array([0.6, 0.1, 0.3]), line(3), 0.5),
            (np.array([0.2, 0.1, 0.7]), UNEVEN, 3.0),
        ],
        praise="It is least there: λ and D dictate the doubt, t only shifts it.",
        mistakes=mistakes,
        like="a probability per class",
    )


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
        *(
            (
                "aemd_loss takes logits, and softmax(p) is not p. Give it log p.",
                _combine(half, half, read=softmax),
            )
            for half in (0.5, 0)
        ),
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
