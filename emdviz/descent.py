"""How each loss moves one prediction: the gradient on its logits, and steps down it.

The prediction is softmax(z), and the logits z themselves are the parameters, as if a network could
set each of them freely. So what is seen is the loss alone, not the network behind it. The pushes
−∂L/∂z of a softmax add up to zero: what one logit gains the others lose.
"""

from dataclasses import dataclass

import numpy as np
import torch

from emdviz.distributions import check_distribution, check_positions
from emdviz.losses import LOSSES, regression_loss
from emdviz.reading import as_array, read_choice, read_count, read_number, to_numpy

FLOOR = 1e-9
"""What a smaller probability counts as: certainty would need infinite logits, and never move."""

COMPARED = ("XE", "REG", "EMD", "EMD2", "XEMD2")
"""The losses that :func:`descend` knows, in the order of figures."""


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


def descend(
    loss, p, target, *, steps=0, learning_rate=1.0, positions=None, emd_weight=1.0, floor=FLOOR
):
    """Walk from one prediction down a loss: z ← z − learning_rate · ∂L/∂z, from z = ln p.

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
        How many.
    learning_rate : float
        Positive.
    positions : array-like, shape (C,), optional
        Strictly increasing class positions; 0, 1, …, C − 1 by default.
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
    read_choice(loss, "loss", COMPARED)
    target = _read_target(target, p)
    steps = read_count(steps, "steps")
    learning_rate, floor = (
        read_number(value, name, "positive and finite", lambda number: 0 < number < np.inf)
        for value, name in ((learning_rate, "learning_rate"), (floor, "floor"))
    )
    expected = "finite and not negative"
    emd_weight = read_number(emd_weight, "emd_weight", expected, lambda w: 0 <= w < np.inf)
    function = _as_function(loss, target, x, emd_weight)
    logits = torch.log(torch.from_numpy(np.maximum(p, floor).astype(np.float64)))
    gradient = torch.zeros_like(logits)
    rows = []
    for _ in range(steps + 1):
        logits = (logits.detach() - learning_rate * gradient).requires_grad_()
        value = function(logits)
        (gradient,) = torch.autograd.grad(value, logits)
        rows.append((value.item(), torch.softmax(logits.detach(), 0), gradient))
    values, predictions, gradients = zip(*rows, strict=True)
    stacked = (torch.stack(each).numpy() for each in (predictions, gradients))
    return Descent(np.array(values), *stacked)


def _read_target(target, p):
    """Return a target as losses take it for a batch of one."""
    if np.ndim(as_array(target, "target")) == 0:
        return torch.tensor([read_count(target, "target", 0, len(p) - 1)])
    t = to_numpy(check_distribution(target, "target"))
    if t.shape != p.shape:
        raise ValueError(
            f"target must be a class index or of the shape of p, {p.shape}, got {t.shape}"
        )
    return torch.from_numpy(t.astype(np.float64))[None]


def _as_function(name, target, x, emd_weight):
    """Return the loss of a logit vector (C,) as a function."""
    if name == "REG":
        places = torch.as_tensor(x, dtype=torch.float64)

        def squared_error(logits):
            expected = torch.softmax(logits, 0) @ places
            return regression_loss(expected[None], target, positions=places)

        return squared_error
    options = {} if name == "XE" else {"positions": x}
    if name == "XEMD2":
        options["emd_weight"] = emd_weight
    module = LOSSES[name].make(len(x), **options)
    return lambda logits: module(logits[None], target)
