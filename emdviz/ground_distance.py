"""Ground distances: a C × C matrix D of what it costs to move a unit of mass between classes."""

import numpy as np

from emdviz.distributions import check_positions


def line(num_classes, *, positions=None):
    """Distances between classes on a line: D_ij = |x_i − x_j|.

    Parameters
    ----------
    num_classes : int
        C.
    positions : array-like, shape (C,), optional
        Strictly increasing class positions; 0, 1, …, C − 1 by default.

    Returns
    -------
    NumPy array of float64, shape (C, C)
        In class steps, or the unit of ``positions``.

    Examples
    --------
    >>> line(3)
    array([[0., 1., 2.],
           [1., 0., 1.],
           [2., 1., 0.]])
    """
    x = check_positions(positions, num_classes)
    return abs(x[:, None] - x)


def circle(num_classes, *, positions=None, period=None):
    """Distances between classes on a circle: D_ij = min(|x_i − x_j|, period − |x_i − x_j|).

    Parameters
    ----------
    num_classes : int
        C.
    positions : array-like, shape (C,), optional
        Strictly increasing class positions; 0, 1, …, C − 1 by default.
    period : float, optional
        Length of the circle, more than x_C − x_1; C by default when ``positions`` are the
        default, required otherwise.

    Returns
    -------
    NumPy array of float64, shape (C, C)
        In class steps, or the unit of ``positions``.

    Raises
    ------
    ValueError
        If ``period`` is missing or too short.

    Examples
    --------
    >>> circle(4)[0]
    array([0., 1., 2., 1.])
    """
    around = line(num_classes, positions=positions)
    return np.minimum(around, check_period(period, positions, around[0]) - around)


def check_period(period, positions, offsets):
    """Return the length of the circle, given each class's distance from the first one.

    Raises
    ------
    ValueError
        If it is needed and missing, or not more than the largest of ``offsets``.
    """
    if period is None:
        if positions is not None:
            raise ValueError("period must be given with positions: the length of the circle")
        return float(len(offsets))
    if not (np.isfinite(period) and period > float(offsets[-1])):
        raise ValueError(
            f"period must be more than the {float(offsets[-1]):g} from the first to the last "
            f"position, got {period!r}"
        )
    return float(period)
