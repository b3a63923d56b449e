"""Distances between distributions over ordered classes, in closed form.

All are functions of d = CDF(p) − CDF(t). Classes lie at positions x_1 < … < x_C, one step apart
unless ``positions`` says otherwise, and Δ_i = x_{i+1} − x_i is the gap after class i.

Arrays hold distributions along their last axis. NumPy arrays in give NumPy arrays out, torch
tensors in give torch tensors out, with gradients. Inputs are checked: finite, not negative,
summing to 1. Shapes must be equal or spell a broadcast out with axes of length 1 (as in
``(N, 1, C)`` against ``(1, M, C)``); one distribution ``(C,)`` goes with any batch.

Sources: Hou, Yu, Samaras, *Squared Earth Mover's Distance Loss for Training Deep Neural Networks
on Ordered-Classes*, 2017, section 2.2; Levina and Bickel, *The Earth Mover's Distance is the
Mallows Distance*, ICCV 2001; Székely and Rizzo, *Energy statistics*, 2013.
"""

from typing import NamedTuple

import numpy as np

from emdviz._docstrings import fill
from emdviz.distributions import check_pair, check_period, check_positions
from emdviz.reading import is_torch, namespace, read_number, root


class _Gap(NamedTuple):
    left: object
    right: object
    difference: object

    @property
    def width(self):
        return self.right - self.left


@fill
def cdf_gap(p, t, *, positions=None):
    """Cut the gap between two CDFs into pieces of constant height.

    Parameters
    ----------
    %(pair)s
    %(positions)s

    Returns
    -------
    left, right : array, shape (C − 1,)
        Where each piece starts and ends: x_i and x_{i+1}; their difference is its ``width`` Δ_i.
    difference : array, shape (..., C − 1)
        d_i = CDF_i(p) − CDF_i(t); positive where p has its mass further left than t.
        Σ |difference| width is :func:`emd`, Σ difference² width is :func:`emd2`.

    Raises
    ------
    ValueError, TypeError
        If an input is not a distribution, the shapes do not go together, or the positions do
        not increase.

    Examples
    --------
    >>> cdf_gap([0.5, 0.5, 0.0], [0.0, 0.0, 1.0]).difference
    array([0.5, 1. ])
    """
    p, t = check_pair(p, t)
    x = check_positions(positions, p.shape[-1], like=p)
    # the last value of both CDFs is 1: the gap has one piece fewer than there are classes
    difference = namespace(p, t).cumulative_sum(p - t, axis=-1)[..., :-1]
    return _Gap(x[:-1], x[1:], difference)


@fill
def emd(p, t, *, positions=None):
    """Earth Mover's Distance on a line: EMD(p, t) = Σ_i |CDF_i(p) − CDF_i(t)| Δ_i.

    This *is* the least cost of moving p onto t when a unit of mass pays |x_i − x_j|, also
    known as the Wasserstein distance W_1. For a one-hot t at class k it is Σ_i p_i |x_i − x_k|.

    Parameters
    ----------
    %(pair)s
    %(positions)s

    Returns
    -------
    array, shape (...)
        In class steps, or the unit of ``positions``; from 0 to x_C − x_1.

    Raises
    ------
    ValueError, TypeError
        As :func:`cdf_gap`.

    References
    ----------
    Hou et al. 2017, section 2.2 with l = 1; Levina and Bickel 2001.

    Examples
    --------
    >>> float(emd([0.5, 0.0, 0.5], [0.0, 0.0, 1.0]))
    1.0
    >>> float(emd([0.5, 0.0, 0.5], [0.0, 0.0, 1.0], positions=[1, 5, 11]))
    5.0
    """
    gap = cdf_gap(p, t, positions=positions)
    return namespace(gap.difference).sum(abs(gap.difference) * gap.width, axis=-1)


@fill
def emd2(p, t, *, positions=None):
    """Squared EMD of the paper: E_E(p, t) = Σ_i (CDF_i(p) − CDF_i(t))² Δ_i.

    Despite its name this is neither the square of :func:`emd` nor the cost of any transport,
    and in particular not W_2². It is the Cramér distance, which is half the energy distance of
    Székely and Rizzo (SciPy returns the root of theirs); for a one-hot t it is the Ranked
    Probability Score. (EMD · EMD) / (x_C − x_1) ≤ E_E ≤ EMD.

    Parameters
    ----------
    %(pair)s
    %(positions)s

    Returns
    -------
    array, shape (...)
        In class steps, or the unit of ``positions`` (the CDFs are squared, the gaps are not);
        from 0 to x_C − x_1.

    Raises
    ------
    ValueError, TypeError
        As :func:`cdf_gap`.

    References
    ----------
    Hou et al. 2017, section 2.2, the equation of E_E (unit gaps).

    Examples
    --------
    >>> float(emd2([0.5, 0.0, 0.5], [0.0, 0.0, 1.0]))
    0.5
    """
    gap = cdf_gap(p, t, positions=positions)
    return namespace(gap.difference).sum(gap.difference**2 * gap.width, axis=-1)


@fill
def normalized_emd(p, t, *, order, positions=None):
    """Normalised EMD as the paper prints it: (1/C)^(1/l) ‖CDF(p) − CDF(t)‖_l.

    For l = 1 it is EMD / C. For l > 1 the paper calls it the Earth Mover's (Mallows) distance,
    but that equality holds for l = 1 only: the Mallows distance of order l compares quantiles,
    as :func:`wasserstein` does.

    Parameters
    ----------
    %(pair)s
    order : float
        l ≥ 1; ``math.inf`` gives the largest |CDF_i(p) − CDF_i(t)|, without a factor.
    positions : array-like, shape (C,), optional
        Strictly increasing class positions; then ‖d‖_l = (Σ |d_i|^l Δ_i)^(1/l).

    Returns
    -------
    array, shape (...)
        Without unit for unit gaps, from 0 to below 1, which is reached for ``math.inf``; else in
        the unit of ``positions`` to the power 1/l. For order > 1 the gradient at p = t is 0.

    Raises
    ------
    ValueError, TypeError
        As :func:`cdf_gap`, and if ``order`` is below 1.

    References
    ----------
    Hou et al. 2017, section 2.2, "the normalized EMD".

    Examples
    --------
    >>> float(normalized_emd([1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], order=1))
    0.5
    """
    order = _check_order(order)
    gap = cdf_gap(p, t, positions=positions)
    xp = namespace(gap.difference)
    height = abs(gap.difference)
    if order == np.inf:
        # the last piece of the gap is always zero; it makes a maximum exist for C = 1 as well
        last = 0 * xp.sum(height, axis=-1, keepdims=True)
        return xp.max(xp.concat([height, last], axis=-1), axis=-1)
    num_classes = height.shape[-1] + 1
    return root(xp, xp.sum(height**order * gap.width, axis=-1) / num_classes, order)


def _check_order(order):
    return read_number(order, "order", "a number from 1 to infinity", lambda value: value >= 1)


@fill
def wasserstein(p, t, *, order, positions=None):
    """Wasserstein distance W_l on a line: W_l(p, t)^l = ∫₀¹ |Q_p(u) − Q_t(u)|^l du.

    Q are the quantile functions. This is the l-th root of the optimal transport cost with
    ground distance |x_i − x_j|^l, also called the Mallows distance. W_1 is :func:`emd`;
    W_2² is *not* :func:`emd2`.

    The quantile functions are steps that change where either CDF does: both CDFs are merged and
    sorted, for all pairs at once.

    Parameters
    ----------
    %(pair)s
    order : float
        l ≥ 1; ``math.inf`` gives the longest distance that any mass has to move (mass below
        the rounding of the dtype, 1e-12 or 1e-5, is overlooked).
    %(positions)s

    Returns
    -------
    array, shape (...)
        In class steps, or the unit of ``positions``; from 0 to x_C − x_1. Gradients are finite
        everywhere; for order > 1 the gradient at p = t is 0.

    Raises
    ------
    ValueError, TypeError
        As :func:`cdf_gap`, and if ``order`` is below 1.

    References
    ----------
    Peyré and Cuturi, *Computational Optimal Transport*, 2019, section 2.6.

    Examples
    --------
    >>> round(float(wasserstein([0.5, 0.0, 0.5], [0.0, 0.0, 1.0], order=2) ** 2), 6)
    2.0
    """
    order = _check_order(order)
    p, t = check_pair(p, t)
    x = check_positions(positions, p.shape[-1], like=p)
    xp = namespace(p, t)
    p, t = xp.broadcast_arrays(p, t)
    levels = xp.concat([xp.cumulative_sum(a, axis=-1)[..., :-1] for a in (p, t)], axis=-1)
    # of numbers without gradient: gradients flow through the levels, not through their order
    ranking = xp.argsort(levels.detach() if is_torch(levels) else levels, axis=-1, stable=True)
    end = xp.ones_like(p[..., :1])
    levels = xp.concat([0 * end, xp.take_along_axis(levels, ranking, axis=-1), end], axis=-1)
    mass = levels[..., 1:] - levels[..., :-1]
    # after k levels, i of them from p and k − i from t, Q_p is at class i and Q_t at class k − i
    from_p = xp.astype(ranking < p.shape[-1] - 1, xp.int64)
    class_p = xp.cumulative_sum(from_p, axis=-1, include_initial=True)
    class_t = xp.arange(class_p.shape[-1], device=p.device) - class_p
    length = abs(x[class_p] - x[class_t])
    if order == np.inf:
        rounding = 1e-12 if p.dtype == xp.float64 else 1e-5
        return xp.max(xp.where(mass > rounding, length, 0 * length), axis=-1)
    return root(xp, xp.sum(mass * length**order, axis=-1), order)


@fill
def circular_emd(p, t, *, positions=None, period=None):
    """Earth Mover's Distance on a circle: min_α Σ_i |d_i − α| Δ_i, the best α a median of d.

    For cyclic classes such as hours or months, where the last class is a neighbour of the
    first and mass travels whichever way round is shorter.

    Parameters
    ----------
    %(pair)s
    %(positions)s
    %(period)s

    Returns
    -------
    array, shape (...)
        In class steps, or the unit of ``positions``; from 0 to ``period`` / 2, and never more
        than :func:`emd`.

    Raises
    ------
    ValueError, TypeError
        As :func:`cdf_gap`, and if ``period`` is missing or too short.

    References
    ----------
    Werman, Peleg, Melter, Kong, *Bipartite graph matching for points on a line or a circle*,
    1986; Delon, Salomon, Sobolevskii, *Fast transport optimization for Monge costs on the
    circle*, 2010.

    Examples
    --------
    From December to January is one step, not eleven:

    >>> from emdviz.distributions import one_hot
    >>> float(circular_emd(one_hot(11, 12), one_hot(0, 12)))
    1.0
    """
    p, t = check_pair(p, t)
    xp = namespace(p, t)
    x = check_positions(positions, p.shape[-1], like=p)
    length = float(x[-1] - x[0])
    period = check_period(period, positions, x - x[0])
    difference = xp.cumulative_sum(p - t, axis=-1)
    # the last gap closes the circle, from the last class back to the first
    gaps = xp.concat([x[1:] - x[:-1], xp.reshape(period - length + 0 * x[:1], (1,))])
    best = _weighted_median(xp, difference, gaps)
    return xp.sum(abs(difference - best) * gaps, axis=-1)


def _weighted_median(xp, values, weights):
    order = xp.argsort(values.detach() if is_torch(values) else values, axis=-1)
    half = xp.cumulative_sum(weights[order], axis=-1) < 0.5 * xp.sum(weights)
    index = xp.sum(xp.astype(half, xp.int64), axis=-1, keepdims=True)
    return xp.take_along_axis(values, xp.take_along_axis(order, index, axis=-1), axis=-1)
