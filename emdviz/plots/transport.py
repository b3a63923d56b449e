"""Transport plans as ribbons, and how Sinkhorn's scalings approach a cost."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from emdviz._docstrings import fill
from emdviz.distributions import check_positions
from emdviz.losses.loss import LOSSES
from emdviz.palette import GAP, PREDICTION_A, TRUTH
from emdviz.plots.alt_text import tell
from emdviz.plots.labels import bar_width, class_names, name_classes
from emdviz.reading import (
    as_float_array,
    read_count,
    read_finite,
    read_floats,
    read_number,
    to_numpy,
)

_FEET = (1.0, -0.3)  # heights of the axis where the ribbons leave and arrive


@fill
def plot_ribbons(plan, supply=None, demand=None, *, classes=None, positions=None, ax=None):
    """Draw a transport plan as ribbons between two rows of bars.

    The bars of the supply stand above, those of the demand hang below, and a ribbon is as wide as
    the mass that it carries. What the plan does not move is drawn empty.

    Parameters
    ----------
    plan : array, shape (C, C)
        F_ij ≥ 0, the mass that goes from class i to class j.
    supply, demand : array, shape (C,), optional
        Supply and demand; by default the plan's row and column sums.
    %(classes)s
    %(positions)s
    %(axes)s

    Raises
    ------
    ValueError
        If the plan is not square, or supply or demand has another number of classes.
    """
    ax = ax or plt.gca()
    plan = read_finite(plan, "plan", 2)
    if plan.shape[0] != plan.shape[1]:
        raise ValueError(f"plan must have shape (C, C), got {plan.shape}")
    places = check_positions(positions, len(plan))
    width = bar_width(places)
    sides = (
        ("supply", supply, plan.sum(1), _FEET[0], 1, PREDICTION_A),
        ("demand", demand, plan.sum(0), _FEET[1], -1, TRUTH),
    )
    for name, masses, moved, foot, way, shade in sides:
        whole = moved if masses is None else read_finite(masses, name, 1)
        if whole.shape != moved.shape:
            raise ValueError(f"supply and demand must have shape {moved.shape}, got {whole.shape}")
        ax.bar(places, way * whole, width, foot, fill=False, edgecolor=shade, linestyle=":")
        ax.bar(places, way * moved, width, foot, color=shade)
    _draw_ribbons(ax, plan, places, width)
    above, below = _FEET
    heights = (0, 0.5, 1)
    ticks = [below - h for h in heights] + [above + h for h in heights]
    ax.set_yticks(ticks, [f"{h:g}" for h in (*heights, *heights)])
    ax.set(ylim=(-1.35, 2.05), ylabel="mass")
    # the bars may be as high as the Axes: beside them there is room
    across = ax.get_yaxis_transform()
    for height, word in ((above + 0.5, "from"), (below - 0.5, "to")):
        ax.text(1.02, height, word, transform=across, va="center", fontweight="bold")
    tell(ax, "Ribbons", _in_words(plan, class_names(classes, len(plan))))
    name_classes(ax, classes, len(plan), places)
    return ax


def _in_words(plan, names):
    seen = plan > 1e-6 * plan.sum()  # smaller entries are rounding errors
    moved = [(i, j) for i, j in np.argwhere(seen) if i != j]
    moved.sort(key=lambda pair: -plan[pair])
    ways = [f"{plan[i, j]:.3g} from {names[i]} to {names[j]}" for i, j in moved[:10]]
    rest = f", and {len(moved) - 10} more" if len(moved) > 10 else ""
    return f"{np.trace(plan):.3g} stays, {', '.join(ways) or 'nothing moves'}{rest}"


def _draw_ribbons(ax, plan, places, width):
    # the widest foot fills its bar
    scale = width / max(plan.sum(0).max(), plan.sum(1).max(), 1e-100)
    leaves = places - scale * plan.sum(1) / 2
    arrives = places - scale * plan.sum(0) / 2
    above, below = _FEET
    middle = (above + below) / 2
    for i, j in np.argwhere(plan > 0):
        (a, b), wide = (leaves[i], arrives[j]), scale * plan[i, j]
        leaves[i] += wide
        arrives[j] += wide
        outline = Path(
            [
                (a, above), (a, middle), (b, middle), (b, below),
                (b + wide, below), (b + wide, middle), (a + wide, middle), (a + wide, above),
            ],
            [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3],
        )  # fmt: skip
        ax.add_patch(PathPatch(outline, facecolor=GAP, edgecolor="none", alpha=0.7))


@fill
def plot_scalings(costs, column_errors, *, converged, exact, ax=None, floor=1e-8):
    """Draw the errors after every scaling, both axes logarithmic.

    Solid: how far the cost is from the exact one. Dotted: how far the column sums are from the
    target. Dashed: the part of the cost's error that remains after any number of scalings, the
    blur from entropy. NaN is not drawn.

    Parameters
    ----------
    costs, column_errors : array, shape (N,)
        After 1, 2, …, N scalings: from entry 1 on what
        :func:`emdviz.transport.rounding.scale` returns.
    converged, exact : float
        Cost of the plan that is approached, and of the exact plan.
    floor : float
        Where the axis ends, greater than 0; smaller errors are drawn there.
    %(axes)s

    Raises
    ------
    ValueError
        If the two arrays are not of one length, or a number is not as above.
    """
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
    floor = read_number(floor, "floor", "a number greater than 0", lambda x: 0 < x < np.inf)
    ax = ax or plt.gca()
    counts = np.arange(1, len(costs) + 1)
    blur = max(abs(converged - exact), floor)
    off = np.maximum(abs(costs - exact), floor)  # NaN stays NaN
    colour = LOSSES["AEMD"].colour
    # first the axes, else Matplotlib warns of a single number or of none
    ax.set(xlim=(0.9, max(10, 1.1 * len(costs))), ylim=(floor / 2, 20))
    ax.set(xscale="log", yscale="log", xlabel="scalings", ylabel="error")
    ax.plot(counts, off, ".-", color=colour, linewidth=2.5, label="|cost − exact|")
    ax.plot(
        counts, np.maximum(errors, floor), ":", color=PREDICTION_A, linewidth=2.5,
        label="columns off by",
    )  # fmt: skip
    ax.axhline(blur, color=colour, linestyle="--", label="blur from entropy")
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
