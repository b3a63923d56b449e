"""Sinkhorn's matrix scalings as a computer carries them out, one rounded operation at a time.

It shows what goes wrong. :func:`scale` computes the textbook formula in a chosen precision and lets
it underflow; :func:`converged_plan` is the limit of the scalings without rounding. To solve a
problem, use :func:`emdviz.transport.entropic_plan`.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from emdviz.distributions import check_distribution
from emdviz.reading import read_choice, read_count, read_floats, read_number, to_numpy

PRECISIONS = ("float64", "float32")
DOMAINS = ("log", "plain")

_NO_MASS = 1e-12  # masses below this count as 0; what they could cost is too small to see
_MOST_STEPS = 60  # of Newton at one λ; it takes about 5


@dataclass(frozen=True)
class Scalings:
    """The state after each scaling: entry n after n scalings, entry 0 before the first.

    Attributes
    ----------
    costs : array, shape (iterations + 1,)
        Linear cost Σ F_ij D_ij of the plan; NaN where the arithmetic broke.
    column_errors : array, shape (iterations + 1,)
        Σ_j |Σ_i F_ij − t_j|; the row sums are right after every scaling.
    plan : array, shape (C, C)
        F after the last scaling.
    kernel : array, shape (C, C)
        exp(−λD) in this precision. The log domain never makes it.
    """

    costs: np.ndarray
    column_errors: np.ndarray
    plan: np.ndarray
    kernel: np.ndarray


def scale(p, t, cost, *, lam, iterations, precision="float64", domain="log"):
    """Scale the kernel exp(−λD) to the column sums t, then to the row sums p, and again.

    One scaling is v = t / (Kᵀu), then u = p / (Kv), from u = v = 1/C; the plan is u_i K_ij v_j. In
    the log domain it is the same with logarithms of u, v and K, and sums by log-sum-exp. Sums run
    in the order of the classes, and every operation is rounded to ``precision``; exp and log are
    those of float64, rounded.

    Plain, K_ij is 0 as soon as λ D_ij passes 104 in float32, 745 in float64. Between classes with
    K_ij = 0 no mass can go. If only the diagonal is left and t is nowhere 0, each class keeps its
    mass, and the cost is 0.0, without complaint. If a class is left with no way to any class in
    which t is not 0, its row is divided by 0, and the cost is NaN.

    Parameters
    ----------
    p, t : array, shape (C,)
        Row and column sums: distributions.
    cost : array, shape (C, C)
        Ground distance matrix D.
    lam : float
        λ > 0, which multiplies D; POT's ``reg`` is 1/λ.
    iterations : int
        How many scalings.
    precision : {"float64", "float32"}
    domain : {"log", "plain"}

    Returns
    -------
    Scalings

    Raises
    ------
    ValueError
        If p or t is no distribution, shapes do not fit, or an option is not as above.

    References
    ----------
    Cuturi, *Sinkhorn distances*, 2013; Frogner et al., *Learning with a Wasserstein loss*, 2015.

    Examples
    --------
    >>> D = [[0, 1, 2], [1, 0, 1], [2, 1, 0]]
    >>> p, t = [0.6, 0.3, 0.1], [0.1, 0.3, 0.6]
    >>> float(scale(p, t, D, lam=1000, iterations=100, domain="plain").costs[-1])
    0.0
    >>> float(scale(p, [0, 0, 1], D, lam=1000, iterations=1, domain="plain").costs[-1])
    nan
    >>> round(float(scale(p, [0, 0, 1], D, lam=1000, iterations=1).costs[-1]), 9)
    1.5
    """
    p, t, cost, lam = _read_problem(p, t, cost, lam)
    read_choice(precision, "precision", PRECISIONS)
    read_choice(domain, "domain", DOMAINS)
    iterations = read_count(iterations, "iterations", 0)
    p, t, cost = (values.astype(precision) for values in (p, t, cost))
    with np.errstate(all="ignore"):  # divisions by zero are meant to show
        exponent = -(p.dtype.type(lam) * cost)
        kernel = _exp(exponent)
        walk = _plain(p, t, kernel) if domain == "plain" else _in_logs(p, t, exponent)
        seen = []
        for _, plan in zip(range(iterations + 1), walk, strict=False):
            seen.append((_sum((plan * cost).ravel()), _sum(abs(_sum(plan) - t))))
    costs, errors = np.array(seen).T
    return Scalings(costs, errors, plan, kernel)


def converged_plan(p, t, cost, *, lam):
    """Entropic plan that the scalings approach: row sums p, column sums t, F_ij = u_i K_ij v_j.

    Found by Newton's method on the potentials of the columns, for a λ that grows from small to
    ``lam``: a few steps, where at a large λ it would take many thousand scalings.

    Parameters and errors are those of :func:`scale`.

    Returns
    -------
    array of float64, shape (C, C)

    Examples
    --------
    >>> converged_plan([0.5, 0.5], [0.5, 0.5], [[0, 1], [1, 0]], lam=1000).round(6)
    array([[0.5, 0. ],
           [0. , 0.5]])
    """
    p, t, cost, lam = _read_problem(p, t, cost, lam)
    rows, columns = (np.flatnonzero(values > _NO_MASS) for values in (p, t))
    support = np.ix_(rows, columns)
    plan = np.zeros_like(cost)
    plan[support] = _approach(_share(p[rows]), _share(t[columns]), cost[support], lam)
    return plan


def _read_problem(p, t, cost, lam):
    p, t = (
        to_numpy(check_distribution(values, name)).astype(np.float64)
        for values, name in ((p, "p"), (t, "t"))
    )
    cost = read_floats(cost, "cost")
    if p.ndim != 1 or t.shape != p.shape or cost.shape != 2 * p.shape:
        raise ValueError(
            "p, t and cost must have the shapes (C,), (C,) and (C, C), "
            f"got {p.shape}, {t.shape} and {cost.shape}"
        )
    if not np.all(np.isfinite(cost)) or np.any(cost < 0):
        raise ValueError("cost must be finite and not negative")
    lam = read_number(lam, "lam", "a positive number", lambda value: 0 < value < np.inf)
    return np.maximum(p, 0), np.maximum(t, 0), cost, lam


def _exp(values):
    return np.exp(values.astype(np.float64)).astype(values.dtype)


def _log(values):
    return np.log(values.astype(np.float64)).astype(values.dtype)


def _sum(values, axis=0):
    """Add up one by one; ``np.sum`` adds in an order of its own."""
    return np.add.accumulate(values, axis=axis).take(-1, axis=axis)


def _plain(p, t, kernel):
    u = v = np.full_like(p, 1) / p.dtype.type(len(p))
    while True:
        yield u[:, None] * kernel * v
        v = t / _sum(kernel * u[:, None])
        u = p / _sum(kernel * v, axis=1)


def _in_logs(p, t, exponent):
    u = v = -_log(np.full_like(p, len(p)))
    log_p, log_t = _log(p), _log(t)
    while True:
        yield _exp(exponent + u[:, None] + v)
        v = log_t - _log_sum_exp(exponent + u[:, None], 0)
        u = log_p - _log_sum_exp(exponent + v, 1)


def _log_sum_exp(values, axis):
    greatest = values.max(axis=axis, keepdims=True)
    total = _sum(_exp(values - greatest), axis)
    return greatest.squeeze(axis) + _log(total)


def _share(values):
    return values / values.sum()


def _approach(p, t, cost, lam):
    span = lam * cost.max()
    halvings = max(0, math.ceil(math.log2(span))) if span > 0 else 0
    potential = np.log(t)
    for stage in range(halvings, -1, -1):
        now = lam / 2**stage
        enough = max(1e-6 if stage else 1e-14, 4e-16 * now * cost.max())
        for _ in range(_MOST_STEPS):
            plan = np.exp(_fill_rows(p, now * cost, potential))
            missing = t - plan.sum(0)
            if np.abs(missing).max() < enough:
                break
            step = _solve_laplacian(plan.T @ (plan / p[:, None]), missing)
            potential = potential + step / max(1.0, np.abs(step).max() / 4)
            # Newton's step moves mass between groups of classes, a scaling evens out within them
            filled = _fill_rows(p, now * cost, potential)
            potential = potential + np.log(t) - logsumexp(filled, axis=0)
        if stage:
            potential = 2 * potential
    return plan


def _fill_rows(p, exponent, potential):
    """Return the logarithm of the plan with row sums p and columns weighed by exp(potential)."""
    score = potential - exponent
    return np.log(p)[:, None] + score - logsumexp(score, axis=1, keepdims=True)


def _solve_laplacian(weight, right):
    """Solve Σ_j w_ij (x_i − x_j) = right_i with x_0 = 0.

    It subtracts nothing, so weights as small as 1e-200 between groups of classes still count.
    """
    weight, x = weight.copy(), right.copy()
    np.fill_diagonal(weight, 0)
    for k in range(len(x) - 1, 0, -1):
        if total := weight[k, :k].sum():
            share = weight[k, :k] / total
            x[:k] += share * x[k]
            x[k] /= total
            weight[:k, :k] += np.outer(weight[:k, k], share)
            np.fill_diagonal(weight, 0)
            weight[k, :k] = share
        else:
            x[k] = 0
    x[0] = 0
    for k in range(1, len(x)):
        x[k] += weight[k, :k] @ x[:k]
    return x
