"""Names beside and below what is drawn."""

from itertools import pairwise

import numpy as np


def name_classes(ax, classes, num_classes, places=None):
    """Write the class names below the x axis, slanted where they are many letters."""
    if classes is not None and len(classes) != num_classes:
        raise ValueError(f"classes must name {num_classes} classes, got {len(classes)}")
    places = np.arange(num_classes) if places is None else places
    names = [str(name) for name in (classes if classes is not None else range(num_classes))]
    crowded = sum(map(len, names)) > 30
    ax.set_xticks(places, names, rotation=40 if crowded else 0, ha="right" if crowded else "center")


def number_cells(ax, matrix, *, greatest):
    """Write shares or distances into the cells of a matrix, white where the colour is dark."""
    for (i, j), share in np.ndenumerate(matrix):
        if share > 0.005:
            text = f"{share:.2f}"[1:] if share < 0.995 else f"{share:.2g}"
            colour = "white" if share > 0.6 * greatest else "black"
            ax.text(j, i, text, ha="center", va="center", color=colour)


def apart(ax, heights):
    """Move label heights apart so that none covers another."""
    scale = ax.yaxis.get_transform()  # the axis may be logarithmic
    low, high = scale.transform(np.array(ax.get_ylim()))
    least = 0.07 * (high - low)
    placed = scale.transform(np.array(heights, dtype=float))
    order = np.argsort(placed)
    for before, after in pairwise(order):
        placed[after] = max(placed[after], placed[before] + least)
    return scale.inverted().transform(placed - max(0.0, placed.max(initial=low) - high))


def label_ends(ax, ends, styles=None):
    """Write labels beside the ends of lines.

    ``ends`` is a dict of names to last points (x, y), ``styles`` one to (label, colour); by
    default names are those in ``losses.LOSSES``.
    """
    if styles is None:
        from emdviz.losses import LOSSES

        styles = {name: (LOSSES[name].label, LOSSES[name].colour) for name in ends}
    heights = apart(ax, [y for _, y in ends.values()])
    for (name, (x, _)), height in zip(ends.items(), heights, strict=True):
        label, colour = styles[name]
        ax.annotate(
            label,
            (x, height),
            (6, 0),
            textcoords="offset points",
            va="center",
            color=colour,
            fontweight="bold",
            annotation_clip=False,
        )
