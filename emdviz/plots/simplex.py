"""Landscapes over predictions of three classes."""

import matplotlib.pyplot as plt
import numpy as np

from emdviz._docstrings import fill
from emdviz.distributions import check_distribution
from emdviz.palette import PREDICTION_A, TRUTH
from emdviz.plots.alt_text import tell
from emdviz.plots.labels import literal
from emdviz.reading import read_floats, to_numpy

_HEIGHT = np.sqrt(3) / 2


@fill
def plot_simplex(points, values, *, classes=None, marks=None, levels=12, ax=None, **contourf):
    """Draw values of predictions over three classes as filled contours on a triangle.

    A corner is certainty of a class; the middle class stands on top, so that the expected class
    grows from left to right.

    Parameters
    ----------
    points : array, shape (N, 3)
        Predictions, all over the triangle.
    values : array, shape (N,)
        One number each; infinite ones are drawn like the greatest shown.
    classes : list of str, optional
        Names of the 3 classes; 0, 1, 2 by default.
    marks : dict of str to array of shape (3,), optional
        Predictions to mark, by the name to write beside them; "t" has the colour of the truth.
    levels : int or array
        How many contours, or their values.
    **contourf
        For ``Axes.tricontourf``.
    %(axes)s

    Raises
    ------
    ValueError
        If the points are not over three classes, or there is not one value for each.
    """
    ax = ax or plt.gca()
    points = check_distribution(to_numpy(points), "points")
    values = read_floats(values, "values")
    if np.isnan(values).any() or not np.isfinite(values).any():
        raise ValueError("values must be numbers, some of them finite")
    if points.ndim != 2 or points.shape[1] != 3 or values.shape != points.shape[:1]:
        raise ValueError(
            f"points must be (N, 3) and values (N,), got {points.shape} and {values.shape}"
        )
    names = [0, 1, 2] if classes is None else classes
    if len(names) != 3:
        raise ValueError(f"classes must name 3 classes, got {len(names)}")
    values = np.minimum(values, np.max(values, where=np.isfinite(values), initial=-np.inf))
    if np.ptp(values) < 1e-12 and isinstance(levels, int):
        levels = values[0] + np.array([-0.5, 0.5])
    options = {"cmap": "cividis", "extend": "max"} | contourf
    try:
        filled = ax.tricontourf(*_place(points), values, levels, **options)
    except (ValueError, RuntimeError) as error:
        raise ValueError(f"points and values cannot be drawn as a landscape: {error}") from None
    ax.tricontour(*_place(points), values, filled.levels, colors="white", linewidths=0.6)
    for corner, name, side in zip(np.eye(3), names, ("left", "center", "right"), strict=True):
        x, y = _place(corner)
        up = y > 0
        at = (x, y + (0.03 if up else -0.03))
        ax.text(*at, literal(name), ha=side, va="bottom" if up else "top")
    for name, p in (marks or {}).items():
        x, y = _place(check_distribution(to_numpy(p), name))
        colour = {"t": TRUTH, "p": PREDICTION_A}.get(name, "white")
        ax.plot(x, y, "o", color=colour, markeredgecolor="black", markersize=9, clip_on=False)
        ax.annotate(
            literal(name), (x, y), (8, 0), textcoords="offset points", va="center", color="white",
            bbox={"boxstyle": "round,pad=0.15", "facecolor": "black", "alpha": 0.6, "lw": 0},
        )  # fmt: skip
    ax.set(aspect="equal", ylim=(-0.13, _HEIGHT + 0.13))  # the names are below the title
    ax.set_axis_off()
    best = ", ".join(f"{share:.2g}" for share in points[np.argmin(values)])
    tell(
        ax,
        "Contour map",
        f"all predictions of {', '.join(map(str, names))}: values from "
        f"{values.min():.3g}, at ({best}), to {values.max():.3g}",
    )
    return ax


def _place(p):
    """Where predictions lie in a triangle of side 1."""
    p = np.asarray(p)
    return p[..., 2] + p[..., 1] / 2, p[..., 1] * _HEIGHT
