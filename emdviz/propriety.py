"""What a loss teaches a network that sees one label at a time, drawn from the true distribution.

A network that is trained long enough on labels k ~ t predicts the p of least *expected* loss
E_k L(p, k) = Σ_k t_k L(p, e_k), with e_k the one-hot distribution of class k. A loss is *proper*
if p = t is among the best predictions, and *strictly proper* if nothing else is:

========  ================================  ===========================  =================
loss      expected loss less its least      best prediction              strictly proper
========  ================================  ===========================  =================
XE        Σ t_i ln(t_i / p_i)               t                            yes
EMD2      Σ (CDF_i(p) − CDF_i(t))² Δ_i      t                            yes
EMD       Σ p_i D_i − min_i D_i             certain of the median        no, not even proper
REG       (E(p) − E(t))²                    the one number E(t)          no, only proper
========  ================================  ===========================  =================

Here D_i = Σ_k t_k |x_i − x_k|. Regression predicts one number; every p with that mean is as good.
For any other loss, ``find_minimiser`` and ``verdict``, which are those of :mod:`emdviz.rewards`
and need torch, search numerically.

Sources: Gneiting and Raftery, *Strictly proper scoring rules, prediction, and estimation*, 2007;
Epstein, *A scoring system for probability forecasts of ranked categories*, 1969 (EMD2 with
one-hot labels is his Ranked Probability Score).
"""

from importlib import import_module

import numpy as np

from emdviz._docstrings import fill
from emdviz._imports import needs
from emdviz.distances import emd2
from emdviz.distributions import cdf, check_distribution, check_pair, check_positions, expectation
from emdviz.ground_distance import line
from emdviz.losses.loss import closed_forms
from emdviz.losses.wrapping import as_loss
from emdviz.reading import as_array, read_choice, read_flag, read_number, to_numpy

HALF_TOLERANCE = 1e-9
"""How far from 1/2 a CDF may be by rounding and still count as exactly a half."""


def __getattr__(name):
    """Hand out ``find_minimiser`` and ``verdict`` of :mod:`emdviz.rewards`, which needs torch."""
    if name not in ("find_minimiser", "verdict"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with needs("train"):
        return getattr(import_module("emdviz.rewards"), name)


@fill
def expected_loss(loss, p, t, *, positions=None):
    """Mean loss of a prediction over one-hot labels drawn from t: Σ_k t_k L(p, e_k).

    Parameters
    ----------
    loss : {"XE", "EMD2", "EMD", "REG"}
    p : array, shape (..., C)
        Predictions. REG looks at their expectation only, and also takes one number instead,
        in the unit of the positions.
    t : array, shape (..., C)
        True label distributions; shapes go together as in :mod:`emdviz.distances`.
    %(positions)s

    Returns
    -------
    NumPy array or float, shape (...)
        XE in nats, infinite where p has no mass and t has; EMD and EMD2 in the unit of the
        positions (class steps by default), REG in its square.

    Raises
    ------
    ValueError, TypeError
        If ``loss`` is none of the four, an input is not a distribution, or the shapes do not
        go together.

    Source
    ------
    Gneiting and Raftery 2007, section 1.

    Examples
    --------
    Half of the labels say 0, half say 2. For EMD, certain of class 1 is as good as the truth:

    >>> t = [0.5, 0.0, 0.5]
    >>> [float(expected_loss("EMD", p, t)) for p in (t, [0.0, 1.0, 0.0])]
    [1.0, 1.0]
    >>> [float(expected_loss("EMD2", p, t)) for p in (t, [0.0, 1.0, 0.0])]
    [0.5, 1.0]
    """
    _check_name(loss)
    if loss == "REG" and np.ndim(as_array(p, "p")) == 0:
        t = to_numpy(check_distribution(t, "t"))
        guess = read_number(p, "p", "a distribution, or for REG one finite number")
    else:
        p, t = (to_numpy(values) for values in check_pair(to_numpy(p, "p"), to_numpy(t, "t")))
        guess = expectation(p, positions=positions)
    x = check_positions(positions, t.shape[-1])
    if loss == "REG":
        return np.sum(t * (np.asarray(guess)[..., None] - x) ** 2, axis=-1)
    if loss == "EMD":
        return np.sum(p * (t @ line(len(x), positions=positions)), axis=-1)
    if loss == "EMD2":
        below = cdf(t)[..., :-1]
        return emd2(p, t, positions=positions) + np.sum(below * (1 - below) * np.diff(x), axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        # a class without mass in t costs nothing: 0 · ∞ counts as 0
        return -np.sum(np.where(t > 0, t * np.log(np.maximum(p, 0)), 0.0), axis=-1)


@fill
def minimiser(loss, t, *, positions=None, soft=False):
    """Prediction of least expected loss over one-hot labels drawn from t.

    Parameters
    ----------
    loss : {"XE", "EMD2", "EMD", "REG"}, or any loss
        Closed forms for these four names; what :func:`losses.as_loss` takes is minimised
        numerically by :func:`rewards.find_minimiser`, which also tells how sure that is.
    t : array, shape (C,)
        True label distribution.
    %(positions)s
    soft : bool
        Minimise the loss of p and t instead: the target is t itself, no label drawn from it.

    Returns
    -------
    NumPy array, shape (C,), or float
        t itself for XE and EMD2. For EMD all mass on the median; where :func:`medians` gives
        several classes, mass anywhere on them is equally good, and it is shared evenly; t itself
        if ``soft``. For REG one number, the mean E(t), in the unit of the positions. Other losses
        that predict no distribution: the number, or the outputs.

    Raises
    ------
    ValueError, TypeError
        If ``loss`` is no loss, ``t`` is not one distribution, another than the four comes with
        ``positions``, or the loss takes no distribution as its target and ``soft`` is true.

    Source
    ------
    Gneiting and Raftery 2007, sections 3.1 and 4.2.

    Examples
    --------
    >>> t = [0.2, 0.5, 0.3]
    >>> minimiser("EMD2", t), minimiser("EMD", t)
    (array([0.2, 0.5, 0.3]), array([0., 1., 0.]))
    >>> round(minimiser("REG", t), 3)
    1.1
    """
    t = check_one(t)
    if not isinstance(loss, str) or loss not in closed_forms("propriety"):
        if positions is not None:
            raise ValueError(
                "positions are for XE, EMD2, EMD and REG by name; give other losses theirs as an "
                "option, such as losses.zoo.load('EMD2', positions=…)"
            )
        loss = as_loss(loss)
        best = __getattr__("find_minimiser")(loss, t, soft=soft)
        if best.p is not None:
            return best.p
        return float(best.outputs[0]) if len(best.outputs) == 1 else best.outputs
    if loss == "REG":
        return float(expectation(t, positions=positions))
    check_positions(positions, len(t))
    if loss != "EMD" or read_flag(soft, "soft"):
        return t.copy()
    best = medians(t)
    p = np.zeros(len(t))
    p[best] = 1 / len(best)
    return p


def medians(t):
    """Classes on which the median of t lies: one, or several where a CDF is exactly 1/2.

    Parameters
    ----------
    t : array, shape (C,)

    Returns
    -------
    list of int
        Consecutive class indices, classes without mass between two medians included.

    Raises
    ------
    ValueError, TypeError
        If ``t`` is not one distribution.

    Examples
    --------
    >>> medians([0.2, 0.5, 0.3]), medians([0.5, 0.0, 0.5])
    ([1], [0, 1, 2])
    """
    below = cdf(check_one(t))
    first = np.argmax(below >= 0.5 - HALF_TOLERANCE)
    last = np.argmax(below > 0.5 + HALF_TOLERANCE)
    return list(range(int(first), int(last) + 1))


def _check_name(loss):
    read_choice(loss, "loss", closed_forms("propriety"))


def check_one(t):
    """Return t as float64, or raise an error unless it is one distribution."""
    t = to_numpy(check_distribution(t, "t")).astype(np.float64)
    if t.ndim != 1:
        raise ValueError(f"t must be one distribution, shape (C,), got {t.shape}")
    return t
