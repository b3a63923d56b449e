"""Transport plans as ribbons."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from emdviz._docstrings import fill
from emdviz.distributions import check_positions
from emdviz.palette import GAP, PREDICTION_B, TRUTH
from emdviz.plots._labels import class_names, name_classes
from emdviz.plots.alt_text import tell
from emdviz.reading import read_finite

_FEET = (1.0, -0.3)  # heights of the axis where the ribbons leave and arrive


@fill
@fill
def plot_ribbons(
    plan, supply=None, demand=None, *, classes=None, positions=None, ax=None, colour=GAP
):
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
    colour : colour
        Of the ribbons.
    %(axes)s

    Raises
    ------
    ValueError
        If the plan is not square, or supply or demand has another number of classes.
    """
    ax = ax or plt.gca()
    plan = read_finite(plan, "plan", 2)
    if plan.ndim != 2 or plan.shape[0] != plan.shape[1]:
        raise ValueError(f"plan must have shape (C, C), got {plan.shape}")
    places = check_positions(positions, len(plan))
    width = 0.8 * np.diff(places).min(initial=np.inf) if len(plan) > 1 else 0.8
    sides = (
        ("supply", supply, plan.sum(1), _FEET[0], 1, PREDICTION_B),
        ("demand", demand, plan.sum(0), _FEET[1], -1, TRUTH),
    )
    for name, masses, moved, foot, way, shade in sides:
        whole = moved if masses is None else read_finite(masses, name, 1)
        if whole.shape != moved.shape:
            raise ValueError(f"supply and demand must have shape {moved.shape}, got {whole.shape}")
        ax.bar(places, way * whole, width, foot, fill=False, edgecolor=shade, linestyle=":")
        ax.bar(places, way * moved, width, foot, color=shade)
    _draw_ribbons(ax, plan, places, width, colour)
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


def _draw_ribbons(ax, plan, places, width, colour):
    scale = width / max(
        plan.sum(0).max(), plan.sum(1).max(), 1e-100
    )  # the widest foot fills its bar
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
        ax.add_patch(PathPatch(outline, facecolor=colour, edgecolor="none", alpha=0.7))
