"""How each loss moves one prediction: the gradient on its logits, and steps down it.

The prediction is softmax(z), and the logits z themselves are the parameters, as if a network could
set each of them freely. So what is seen is the loss alone, not the network behind it. The pushes
−∂L/∂z of a softmax add up to zero: what one logit gains the others lose.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np

from emdviz._docstrings import fill
from emdviz.distributions import check_distribution, check_positions
from emdviz.reading import as_array, read_choice, read_count, read_number, to_numpy

FLOOR = 1e-9
"""The least probability: certainty would need infinite logits, whose gradient is zero."""


@dataclass(frozen=True)
class Descent:
    """Where plain gradient descent went; row 0 is the start.

    Attributes
    ----------
    losses : array, shape (steps + 1,)
        Value of the loss.
    predictions : array, shape (steps + 1, C)
        Probabilities softmax(z).
    gradients : array, shape (steps + 1, C)
        Gradient on every logit, ∂L/∂z.
    """

    losses: np.ndarray
    predictions: np.ndarray
    gradients: np.ndarray


@fill
def descend(
    loss, p, target, *, steps=0, learning_rate=1.0, positions=None, emd_weight=1.0, floor=FLOOR
):
    """Take steps from a prediction down a loss: z ← z − learning_rate · ∂L/∂z, from z = ln p.

    With ``steps=0``, the gradient at p and nothing else.

    Parameters
    ----------
    loss : {"XE", "REG", "EMD", "EMD2", "XEMD2"}
        REG is the squared error (E[p] − x_k)² of the expected class, since the prediction has no
        other single number to regress; its gradient passes through E[p] and the softmax. EMD has
        none where both CDFs meet, and gets zero there, as ``torch.abs`` gives it. For a true
        distribution XE and REG are means over its classes, as in training.
    p : array, shape (C,)
        Prediction at the start; probabilities below ``floor`` count as ``floor``.
    target : int or array, shape (C,)
        True class k, 0 to C − 1, or the true distribution t.
    steps : int
        Number of steps.
    learning_rate : float
        Positive.
    %(positions)s
    emd_weight : float
        Weight of EMD² in XEMD2.
    floor : float
        Positive.

    Returns
    -------
    Descent

    Raises
    ------
    ValueError
        For an unknown loss, a p that is no distribution, or a number out of range.

    References
    ----------
    Hou et al. 2017, section 2, for the losses. For XE the gradient is p − t; for EMD² it is
    p_i (g_i − Σ_j p_j g_j) with g_i = Σ_{j≥i} 2 (CDF_j(p) − CDF_j(t)) Δ_j.

    Examples
    --------
    >>> descend("XE", [0.25, 0.25, 0.5], 0).gradients[0]
    array([-0.75,  0.25,  0.5 ])
    >>> far = descend("EMD2", [0.5, 0.0, 0.5], 0, steps=10, learning_rate=0.5)
    >>> bool(far.losses[10] < far.losses[0])
    True
    """
    p = to_numpy(check_distribution(p))
    if p.ndim != 1:
        raise ValueError(f"p must be one prediction, shape (C,), got {p.shape}")
    x = check_positions(positions, len(p))
    read_choice(loss, "loss", _FORMS)
    target = _read_target(target, p)
    steps = read_count(steps, "steps")
    learning_rate, floor = (
        read_number(value, name, "positive and finite", lambda number: 0 < number < np.inf)
        for value, name in ((learning_rate, "learning_rate"), (floor, "floor"))
    )
    expected = "finite and not negative"
    emd_weight = read_number(emd_weight, "emd_weight", expected, lambda w: 0 <= w < np.inf)
    slope = partial(_FORMS[loss], t=target, x=x, emd_weight=emd_weight)
    return walk(slope, np.maximum(p.astype(np.float64), floor), steps, learning_rate)


def walk(slope, p, steps, learning_rate):
    """Take steps down a loss, whose value and gradient by the logits ``slope(log_p)`` returns."""
    logits, rows = np.log(p), []
    with np.errstate(over="ignore", invalid="ignore"):  # steps may be far too long
        for _ in range(steps + 1):
            logits = logits - np.max(logits)
            log_p = logits - np.log(np.sum(np.exp(logits)))
            value, gradient = slope(log_p)
            rows.append((value, np.exp(log_p), gradient))
            logits = logits - learning_rate * gradient
    return Descent(*(np.array(column) for column in zip(*rows, strict=True)))


def _read_target(target, p):
    """Return a class index or a distribution as a distribution, shape (C,)."""
    if np.ndim(as_array(target, "target")) == 0:
        return np.eye(len(p))[read_count(target, "target", 0, len(p) - 1)]
    t = to_numpy(check_distribution(target, "target"))
    if t.shape != p.shape:
        raise ValueError(
            f"target must be a class index or of the shape of p, {p.shape}, got {t.shape}"
        )
    return t.astype(np.float64)


def _cross_entropy(log_p, t, x, emd_weight):
    return -(t @ log_p), np.sum(t) * np.exp(log_p) - t


def _squared_error(log_p, t, x, emd_weight):
    p = np.exp(log_p)
    errors = p @ x - x
    return t @ errors**2, _through_softmax(p, 2 * (t @ errors) * x)


def _emd(log_p, t, x, emd_weight):
    p = np.exp(log_p)
    gap, width = np.cumsum(p - t)[:-1], np.diff(x)
    return np.abs(gap) @ width, _through_softmax(p, _from_here_on(np.sign(gap) * width))


def _squared_emd(log_p, t, x, emd_weight):
    p = np.exp(log_p)
    gap, width = np.cumsum(p - t)[:-1], np.diff(x)
    return gap**2 @ width, _through_softmax(p, _from_here_on(2 * gap * width))


def _sum_of_both(log_p, t, x, emd_weight):
    xe, by_xe = _cross_entropy(log_p, t, x, emd_weight)
    emd2, by_emd2 = _squared_emd(log_p, t, x, emd_weight)
    return xe + emd_weight * emd2, by_xe + emd_weight * by_emd2


def _through_softmax(p, gradient):
    """Turn ∂L/∂p into ∂L/∂z."""
    return p * (gradient - p @ gradient)


def _from_here_on(by_gap):
    """Turn ∂L/∂d_j into ∂L/∂p_i = Σ_{j≥i} ∂L/∂d_j."""
    return np.append(np.cumsum(by_gap[::-1])[::-1], 0.0)


_FORMS = {
    "XE": _cross_entropy,
    "REG": _squared_error,
    "EMD": _emd,
    "EMD2": _squared_emd,
    "XEMD2": _sum_of_both,
}
"""Value and gradient by the logits of each loss, from log p, t, positions and emd_weight."""
