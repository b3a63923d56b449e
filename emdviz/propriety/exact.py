"""Expected losses whose minimum is known in closed form: XE, EMD2, EMD and REG."""

import numpy as np

from emdviz._docstrings import fill
from emdviz.distances import emd2
from emdviz.distributions import cdf, check_distribution, check_pair, check_positions, expectation
from emdviz.ground_distance import line
from emdviz.losses.loss import closed_forms
from emdviz.reading import as_array, read_choice, read_number, to_numpy

_ROUNDING = 1e-9  # how far from 1/2 a CDF may be and still count as exactly a half


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
    read_choice(loss, "loss", closed_forms("propriety"))
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
    first = np.argmax(below >= 0.5 - _ROUNDING)
    last = np.argmax(below > 0.5 + _ROUNDING)
    return list(range(int(first), int(last) + 1))


def check_one(t):
    """Return t as float64, or raise an error unless it is one distribution."""
    t = to_numpy(check_distribution(t, "t")).astype(np.float64)
    if t.ndim != 1:
        raise ValueError(f"t must be one distribution, shape (C,), got {t.shape}")
    return t
