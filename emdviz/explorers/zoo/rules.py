"""Rules for the best answer to labels drawn from t, for losses whose minimiser is known.

``facts`` finds which rule a loss obeys, if one, by comparing with a numerical search; ``rules.js``
computes the same in the browser.
"""

import numpy as np
from scipy.special import comb

KINDS = (
    ("t", None), ("median", None), ("mode", None), ("mean", None), ("median label", None),
    ("mode label", None), ("power", 2.0), ("power", 0.5), ("distance", 1.0), ("distance", 0.5),
    ("distance", 2.0), ("softmax", 1.0), ("binomial", None),
)  # fmt: skip
"""Rules, each with its number or None; beside these, a mixture of answers to certain labels."""


def answer(row, t):
    """Return the best answer that the rule of a row gives, or None where it has none.

    ==============  ==============================================================================
    rule            answer
    ==============  ==============================================================================
    t, median, …    t itself; certainty of its median or mode; its mean as a number; a label
    power a         CDF(p) = T^a / (T^a + (1 − T)^a), T = CDF(t): least E Σ |d|^l, a = 1 / (l − 1)
    distance a      p_i = max(0, 1 − w_i / μ), w_i = Σ_k t_k |i − k|^a: least Σ −w_i log(1 − p_i)
    softmax a       p ∝ exp(−a w), w_i = Σ_k t_k |i − k|: least Σ w_i p_i + Σ p_i log p_i / a
    binomial        that with the mean of t: likeliest of all binomial distributions
    mixture         Σ_k t_k s_k, s_k the answer to certainty of k: cross-entropy to soft labels
    ==============  ==============================================================================

    Parameters
    ----------
    row : dict
        ``rule``, ``number`` and ``corners``.
    t : array, shape (C,)

    Returns
    -------
    dict or None
        ``p``, ``number`` or ``label``; ``{"any": True}`` where all cost the same.

    Examples
    --------
    >>> answer({"rule": "power", "number": 2.0}, [0.25, 0.75])
    {'p': [0.1, 0.9]}
    """
    kind, number = row.get("rule"), row.get("number")
    t = np.asarray(t, dtype=np.float64)
    places, below = np.arange(len(t)), np.cumsum(t)
    median, mode = int(np.argmax(below > 0.5 - 1e-9)), int(np.argmax(t))
    if kind in (None, "any"):
        return {"any": True} if kind else None
    if kind == "mean":
        return {"number": float(t @ places)}
    if kind in ("median label", "mode label"):
        return {"label": median if kind == "median label" else mode}
    if kind in ("median", "mode"):
        p = np.eye(len(t))[median if kind == "median" else mode]
    elif kind == "power":
        low, high = np.clip(below, 0, 1) ** number, np.clip(1 - below, 0, 1) ** number
        p = np.diff(low / (low + high), prepend=0)
    elif kind == "softmax":
        p = np.exp(-number * _work(t, 1))
        p /= p.sum()
    elif kind == "distance":
        p = _filled(_work(t, number))
    elif kind == "binomial":
        last, share = len(t) - 1, float(t @ places) / (len(t) - 1)
        p = comb(last, places) * share**places * (1 - share) ** (last - places)
    else:
        p = t if kind == "t" else t @ np.array(row["corners"])
    return {"p": np.maximum(p, 0).tolist()}


def _work(t, power):
    """Expected distance, to a power, of each class from the label."""
    places = np.arange(len(t))
    return np.abs(places[:, None] - places) ** power @ t


def _filled(work):
    """Return max(0, 1 − w / μ) with μ so that it sums to 1: as if water were poured in."""
    order = np.sort(work)
    if order[0] <= 1e-12:
        return np.eye(len(work))[int(np.argmin(work))]
    levels = [order[:m].sum() / (m - 1) for m in range(2, len(order) + 1)]
    # m classes share the mass if the level is above the work of the last of them
    level = next((x for m, x in reversed([*enumerate(levels, 2)]) if order[m - 1] <= x), levels[0])
    return np.maximum(0, 1 - work / level)
