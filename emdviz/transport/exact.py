"""Optimal transport through POT: the independent reference for the closed forms.

Every function takes NumPy arrays, torch tensors or lists, computes in float64 and returns NumPy
without gradients. Leading axes are solved pair by pair, so this is slow: use
:mod:`emdviz.distances` for anything but checking and looking.

Traps in names: ``ot.emd2`` has nothing to do with the paper's EMD² (its 2 means "return the cost,
not the plan"), and ``ot.emd2_1d`` uses squared distances unless told otherwise.

POT is imported when the first problem is solved. Where torch is installed, POT imports it too,
which takes a second. The environment variable ``POT_BACKEND_DISABLE_PYTORCH`` would spare that,
but this module does not set it: POT decides once per process, so a notebook that imports torch
later could no longer give POT its tensors.

Sources: Rubner, Tomasi, Guibas, *The Earth Mover's Distance as a metric for image retrieval*,
2000; Hou et al. 2017, Eq. (1); Cuturi, *Sinkhorn distances*, 2013; Frogner et al., *Learning with
a Wasserstein loss*, 2015; Flamary et al., *POT: Python Optimal Transport*, 2021.
"""

import warnings

import numpy as np

from emdviz.distributions import check_distribution
from emdviz.ground_distance import line
from emdviz.reading import read_count, read_floats, read_number, to_numpy

_MOST_COST = 1e100  # a greater cost of a unit of mass, or a greater mass, may overflow in sums
_MOST_PIVOTS = 10_000_000  # of the network simplex; POT's 100,000 are reached at C ≈ 1,000


def exact_plan(p, t, *, cost=None, positions=None):
    """Optimal transport plan: the F ≥ 0 with row sums p and column sums t of least Σ F_ij D_ij.

    Parameters
    ----------
    p : array, shape (..., C)
        Supply; distributions.
    t : array, shape (..., C')
        Demand; distributions.
    cost : array, shape (C, C'), optional
        Ground distance matrix D, such as ``ground_distance.circle(C)``; the line by default.
    positions : array-like, shape (C,), optional
        Class positions for the default cost; 0, 1, …, C − 1 by default.

    Returns
    -------
    NumPy array of float64, shape (..., C, C')
        F_ij is the mass that goes from class i to class j.

    Raises
    ------
    ValueError, TypeError
        If p or t is not a distribution, or shapes or costs do not fit.
    RuntimeError
        If the solver did not finish.

    Examples
    --------
    >>> exact_plan([0.5, 0.5, 0.0], [0.0, 0.0, 1.0])
    array([[0. , 0. , 0.5],
           [0. , 0. , 0.5],
           [0. , 0. , 0. ]])
    """
    p, t, cost = _problem(p, t, cost, positions)
    return _each_pair(lambda a, b: _solve(a, b, cost), p, t)


def exact_cost(p, t, *, cost=None, positions=None):
    """Optimal transport cost Σ F_ij D_ij of :func:`exact_plan`.

    Parameters and errors are those of :func:`exact_plan`.

    Returns
    -------
    NumPy array of float64, shape (...)
        In the unit of ``cost`` (class steps by default).

    Examples
    --------
    >>> float(exact_cost([0.5, 0.5, 0.0], [0.0, 0.0, 1.0]))
    1.5
    """
    p, t, cost = _problem(p, t, cost, positions)
    return _each_pair(lambda a, b: np.sum(_solve(a, b, cost) * cost), p, t)


def partial_plan(p, t, *, cost=None, positions=None):
    """Optimal plan between unequal masses: all of the smaller mass is moved, Eq. (1).

    Row sums are at most p, column sums at most t, and the total is min(Σp, Σt).

    Parameters
    ----------
    p : array, shape (..., C)
        Supply: masses, not negative, of any sum above 0.
    t : array, shape (..., C')
        Demand, likewise.
    cost, positions
        As in :func:`exact_plan`.

    Returns
    -------
    NumPy array of float64, shape (..., C, C')

    Raises
    ------
    ValueError, TypeError, RuntimeError
        As :func:`exact_plan`, and if a mass is zero in all classes.

    References
    ----------
    Hou et al. 2017, Eq. (1); Rubner et al. 2000.
    """
    p, t, cost = _problem(p, t, cost, positions, masses=True)
    return _each_pair(lambda a, b: _solve_partial(a, b, cost), p, t)


def partial_emd(p, t, *, cost=None, positions=None):
    """Earth Mover's Distance between unequal masses: the cost per unit of mass moved.

    EMD(p, t) = min_F Σ F_ij D_ij / Σ F_ij under the constraints of Eq. (1). For equal masses of
    1 it is :func:`exact_cost`. For unequal masses it is no metric: mass left over costs nothing.

    Parameters and errors are those of :func:`partial_plan`.

    Returns
    -------
    NumPy array of float64, shape (...)
        In the unit of ``cost`` (class steps by default).

    Examples
    --------
    >>> float(partial_emd([1.0, 1.0, 0.0], [0.0, 0.0, 1.0]))
    1.0
    """
    p, t, cost = _problem(p, t, cost, positions, masses=True)

    def solve(a, b):
        plan = _solve_partial(a, b, cost)
        return np.sum(plan * cost) / np.sum(plan)

    return _each_pair(solve, p, t)


def entropic_plan(p, t, *, cost=None, positions=None, lam, iterations=100_000, tolerance=1e-8):
    """Entropic plan: the F with row sums p and column sums t of least Σ F D + (1/λ) Σ F log F.

    Solved by Sinkhorn scalings in the log domain, where large λ neither overflows nor
    underflows. λ multiplies D, as in Frogner et al.; POT's ``reg`` is 1/λ.

    Parameters
    ----------
    p, t, cost, positions
        As in :func:`exact_plan`.
    lam : float
        λ > 0; the larger, the nearer to the exact plan and the more scalings it takes.
    iterations : int
        The most scalings to take.
    tolerance : float
        Largest allowed error of the plan's row and column sums.

    Returns
    -------
    NumPy array of float64, shape (..., C, C')

    Raises
    ------
    ValueError, TypeError
        As :func:`exact_plan`, and if ``lam`` is not positive and finite.
    RuntimeError
        If the row and column sums are still off by more than ``tolerance``.

    Examples
    --------
    >>> entropic_plan([0.5, 0.5], [0.5, 0.5], lam=50.0).round(6)
    array([[0.5, 0. ],
           [0. , 0.5]])
    """
    lam = read_number(lam, "lam", "a positive number", lambda value: 0 < value < np.inf)
    iterations = read_count(iterations, "iterations", 1)
    tolerance = read_number(tolerance, "tolerance", "a positive number", lambda value: value > 0)
    p, t, cost = _problem(p, t, cost, positions)
    return _each_pair(lambda a, b: _scale(a, b, cost, lam, iterations, tolerance), p, t)


def _problem(p, t, cost, positions, masses=False):
    if cost is not None and positions is not None:
        raise ValueError("give cost or positions, not both: positions only make the default cost")
    check = _check_masses if masses else check_distribution
    p, t = (to_numpy(check(values, name)) for values, name in ((p, "p"), (t, "t")))
    p, t = (values.astype(np.float64) for values in (p, t))
    if cost is None:
        if p.shape[-1] != t.shape[-1]:
            raise ValueError(
                f"t must have the {p.shape[-1]} classes of p, got {t.shape[-1]}; "
                "give cost=, shape (C, C'), to compare different sets of classes"
            )
        cost = line(p.shape[-1], positions=positions)
    cost = read_floats(cost, "cost")
    if cost.shape != (p.shape[-1], t.shape[-1]):
        raise ValueError(
            f"cost must have shape (C, C') = ({p.shape[-1]}, {t.shape[-1]}), got {cost.shape}"
        )
    if not np.all((cost >= 0) & (cost <= _MOST_COST)):
        raise ValueError(f"cost must be finite and not negative, at most {_MOST_COST:g}")
    if p.ndim > 1 and t.ndim > 1 and p.shape[:-1] != t.shape[:-1]:
        raise ValueError(f"t must have the leading shape of p, {p.shape[:-1]}, got {t.shape[:-1]}")
    return p, t, np.ascontiguousarray(cost)


def _check_masses(values, name):
    masses = read_floats(values, name)
    if not np.all((masses >= 0) & (masses <= _MOST_COST)):
        raise ValueError(f"{name} must hold masses: finite and not negative, up to {_MOST_COST:g}")
    if np.any(np.sum(masses, axis=-1) < 1 / _MOST_COST):
        raise ValueError(f"{name} must have some mass: nothing can be moved from or to nothing")
    return masses


def _each_pair(solve, p, t):
    leading = p.shape[:-1] if p.ndim > 1 else t.shape[:-1]
    p = np.broadcast_to(p, (*leading, p.shape[-1])).reshape(-1, p.shape[-1])
    t = np.broadcast_to(t, (*leading, t.shape[-1])).reshape(-1, t.shape[-1])
    solved = [np.asarray(solve(a, b)) for a, b in zip(p, t, strict=True)]
    if not solved:
        shape = np.asarray(solve(*(np.full(n, 1 / n) for n in (p.shape[-1], t.shape[-1])))).shape
        return np.zeros((*leading, *shape))
    return np.stack(solved).reshape((*leading, *solved[0].shape))[()]


def _solve(a, b, cost):
    import ot

    a, b = np.maximum(a, 0), np.maximum(b, 0)
    # POT needs sums that are exactly equal
    plan, log = ot.emd(a / a.sum(), b / b.sum(), cost, numItermax=_MOST_PIVOTS, log=True)
    if log["warning"] is not None:
        raise RuntimeError(f"exact transport did not finish: {log['warning']}")
    return plan


def _solve_partial(a, b, cost):
    # an extra class takes the surplus of the larger mass at no cost
    surplus = a.sum() - b.sum()
    moved = min(a.sum(), b.sum())
    if surplus > 0:
        cost, b = np.pad(cost, ((0, 0), (0, 1))), np.append(b, surplus)
    elif surplus < 0:
        cost, a = np.pad(cost, ((0, 1), (0, 0))), np.append(a, -surplus)
    plan = _solve(a, b, cost) * (moved + abs(surplus))
    return plan[:, :-1] if surplus > 0 else plan[:-1] if surplus < 0 else plan


def _scale(a, b, cost, lam, iterations, tolerance):
    import ot

    a, b = np.maximum(a, 0), np.maximum(b, 0)
    a, b = a / a.sum(), b / b.sum()
    # no mass goes to or from an empty class, and log 0 is best avoided
    rows, columns = np.flatnonzero(a), np.flatnonzero(b)
    support = np.ix_(rows, columns)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # POT warns where we raise
        part = ot.bregman.sinkhorn_log(
            a[rows], b[columns], cost[support], 1 / lam, numItermax=iterations, stopThr=tolerance
        )
    error = max(abs(part.sum(1) - a[rows]).max(), abs(part.sum(0) - b[columns]).max())
    if not error <= 10 * tolerance:
        raise RuntimeError(
            f"the scalings did not converge: row and column sums are off by {error:.2g} after "
            f"{iterations} iterations; raise iterations, or lower lam = {lam:g}"
        )
    plan = np.zeros_like(cost)
    plan[support] = part
    return plan
