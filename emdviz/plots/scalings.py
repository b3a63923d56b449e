"""How Sinkhorn's scalings approach a cost."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LinearSegmentedColormap

from emdviz._docstrings import fill
from emdviz.losses.loss import LOSSES
from emdviz.palette import PREDICTION_B
from emdviz.reading import as_float_array, read_count, read_floats, read_number, to_numpy


@fill
def plot_scalings(costs, column_errors, *, converged, exact, ax=None, floor=1e-8):
    """Draw the errors after every scaling, both axes logarithmic.

    Solid: how far the cost is from the exact one. Dotted: how far the column sums are from the
    target. Dashed: the part of the cost's error that remains after any number of scalings, the
    blur of λ. NaN is not drawn.

    Parameters
    ----------
    costs, column_errors : array, shape (N,)
        After 1, 2, …, N scalings: from entry 1 on what
        :func:`emdviz.transport.rounding.scale` returns.
    converged, exact : float
        Cost of the plan that is approached, and of the exact plan.
    floor : float
        Where the axis ends; smaller errors are drawn there.
    %(axes)s

    Raises
    ------
    ValueError
        If the two arrays are not of one length.
    """
    ax = ax or plt.gca()
    costs, errors = (
        to_numpy(as_float_array(values, name), name)
        for values, name in ((costs, "costs"), (column_errors, "column_errors"))
    )
    if costs.ndim != 1 or costs.shape != errors.shape:
        raise ValueError(
            "costs and column_errors must have the same shape (N,), "
            f"got {costs.shape} and {errors.shape}"
        )
    converged, exact = read_number(converged, "converged"), read_number(exact, "exact")
    counts = np.arange(1, len(costs) + 1)
    blur = max(abs(converged - exact), floor)
    off = np.maximum(abs(costs - exact), floor)  # NaN stays NaN
    colour = LOSSES["AEMD"].colour
    # first the axes, else Matplotlib warns of a single number or of none
    ax.set(xlim=(0.9, max(10, 1.1 * len(costs))), ylim=(floor / 2, 20))
    ax.set(xscale="log", yscale="log", xlabel="scalings", ylabel="error")
    ax.plot(counts, off, ".-", color=colour, linewidth=2.5, label="|cost − exact|")
    ax.plot(
        counts, np.maximum(errors, floor), ":", color=PREDICTION_B, linewidth=2.5,
        label="columns off by",
    )  # fmt: skip
    ax.axhline(blur, color=colour, linestyle="--", label="blur of λ")
    ax.legend(frameon=False)
    return ax


@fill
def plot_scaling_errors(errors, lams, counts, *, ax=None):
    """Draw how an error depends on λ, a line for each number of scalings; logarithmic axes.

    To the left, where the lines run together, λ blurs the plan; to the right, where they part,
    the scalings are too few.

    Parameters
    ----------
    errors : array, shape (len(counts), len(lams))
        Positive, or NaN where nothing is to be drawn.
    lams : array-like
        Values of λ, increasing.
    counts : array-like of int
        Numbers of scalings, increasing: the more, the darker the line.
    %(axes)s

    Raises
    ------
    ValueError
        If ``errors`` has not the shape of ``counts`` by ``lams``.
    """
    ax = ax or plt.gca()
    errors, lams = read_floats(errors, "errors"), read_floats(lams, "lams")
    counts = [read_count(count, "counts", 1) for count in read_floats(counts, "counts").astype(int)]
    if errors.shape != (len(counts), len(lams)):
        raise ValueError(
            "errors must have shape (len(counts), len(lams)) = "
            f"({len(counts)}, {len(lams)}), got {errors.shape}"
        )
    dark = "#5c2800"  # which can be read on white
    shades = LinearSegmentedColormap.from_list("", ["#e8a07a", LOSSES["AEMD"].colour, dark])
    ax.set(xscale="log", yscale="log", xlabel="λ", ylabel="error")
    for k, (count, row) in enumerate(zip(counts, errors, strict=True)):
        shade = shades(k / max(1, len(counts) - 1))
        name = f"{count:,} scaling{'s' if count > 1 else ''}"
        ax.plot(lams, row, ".-", color=shade, linewidth=2.5, label=name)
        # where the line has left the others: above the first, between the rest
        place = min(int(np.nanargmin(row)) + 1, len(row) - 1)
        ax.annotate(
            name,
            (lams[place], row[place]),
            (0, 8) if k == 0 else (7, -3),
            textcoords="offset points",
            va="bottom" if k == 0 else "top",
            color=dark,
            fontweight="bold",
        )
    return ax
