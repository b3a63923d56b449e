"""Ground distances: how far apart classes are, where that places them, how it was learned."""

from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np

from emdviz._docstrings import fill
from emdviz.palette import OKABE_ITO
from emdviz.plots.alt_text import tell
from emdviz.plots.labels import (
    class_names,
    every,
    halo,
    label_ends,
    literal,
    name_cells,
    number_cells,
    whole_numbers,
)
from emdviz.reading import check_is, read_finite, read_number, to_numpy

_RUNS = [OKABE_ITO[name] for name in ("blue", "vermillion", "green", "purple", "orange")]


@fill
def plot_ground_distance(distances, *, classes=None, ax=None, greatest=None):
    """Draw a ground distance as a matrix with its numbers: the deeper the blue, the further apart.

    Parameters
    ----------
    distances : array, shape (C, C)
        D_ij ≥ 0.
    %(classes)s
    greatest : float, optional
        The distance of the deepest blue, to compare pictures; the greatest there is by default.
    %(axes)s

    Raises
    ------
    ValueError
        If the matrix is not square, or there are more or fewer names than classes.
    """
    ax = ax or plt.gca()
    distances = read_finite(distances, "distances", 2)
    if distances.shape[0] != distances.shape[1]:
        raise ValueError(f"distances must have shape (C, C), got {distances.shape}")
    greatest = max(distances.max(), 1e-12) if greatest is None else greatest
    greatest = read_number(greatest, "greatest")
    ax.imshow(distances, cmap="Blues", vmin=0, vmax=greatest)
    number_cells(ax, distances, greatest=greatest)
    name_cells(ax, classes, len(distances))
    return ax


@fill
def plot_embedding(points, *, classes=None, ax=None):
    """Draw classes as named points in a plane, joined by a line in their order.

    Parameters
    ----------
    points : array, shape (C, 2)
        From ``ground_distance.embed``; only distances mean something, not the directions.
    %(classes)s
    %(axes)s

    Raises
    ------
    ValueError
        If there are not two coordinates for each class, or not a name.
    """
    ax = ax or plt.gca()
    points = read_finite(points, "points", 2)
    if points.shape[1] != 2:
        raise ValueError(f"points must have shape (C, 2), got {points.shape}")
    names = class_names(classes, len(points))
    ax.plot(*points.T, color="0.75", linewidth=1.5, zorder=1)
    # an edge, for the first point is yellow, and can hardly be seen on white or turned to dark
    drawn = {"cmap": "viridis_r", "s": 60, "edgecolors": "0.45", "linewidths": 1}
    ax.scatter(*points.T, c=np.arange(len(points)), **drawn, zorder=2)
    named = every(names, 15)
    for point, name, away in zip(points, named, _free_directions(points), strict=True):
        dx, dy = 13 * away
        side = "left" if dx > 4 else "right" if dx < -4 else "center"
        place = {"textcoords": "offset points", "ha": side, "va": "center"}
        ax.annotate(literal(name), point, (dx, dy), **place, zorder=3, path_effects=halo("white"))
    ax.set_aspect("equal", adjustable="datalim")
    # Matplotlib shrinks margins to keep the aspect, but not the limits of data
    room = np.ptp(points, axis=0).max(initial=0) * np.array([0.18, 0.16])
    ax.update_datalim([points.min(axis=0) - room, points.max(axis=0) + room])
    ax.margins(0)
    ax.set_axis_off()  # directions have no meaning
    first, last = points[[0, -1]]
    direct, whole = np.linalg.norm(last - first), np.linalg.norm(np.diff(points, axis=0), axis=1)
    tell(
        ax,
        "Map",
        f"{len(points)} classes as points, joined in their order from {names[0]} to {names[-1]}; "
        f"the way along them is {whole.sum():.3g} long, straight {direct:.3g}",
    )
    return ax


def _free_directions(points):
    """Return where there is room for a name at each point: beside the line, away from others."""
    apart = points[:, None] - points
    squares = np.maximum(np.sum(apart**2, axis=2, keepdims=True), 1e-12)
    away = _unit((apart / squares).sum(axis=1))
    along = _unit(np.gradient(points, axis=0)) if len(points) > 1 else np.zeros_like(points)
    along[[0, -1]] = 0  # the line goes on to one side only
    beside = np.stack([-along[:, 1], along[:, 0]], axis=1)
    room = np.sum(away * beside, axis=1, keepdims=True)
    in_turns = np.resize([[1.0], [-1.0]], room.shape)  # where the line is straight
    return _unit(np.where(abs(room) > 0.05, np.sign(room), in_turns) * beside + 0.2 * away)


def _unit(vectors):
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


@fill
def plot_rank_correlations(correlations, *, ax=None, ylabel="rank correlation with |i − j|"):
    """Draw how ground distances changed with the epochs, one line per run, labelled at its end.

    Parameters
    ----------
    correlations : dict of str to array of shape (E,) or (R, E)
        What was learned from -> the rank correlation after each of E epochs, of R runs.
    ylabel : str
    %(axes)s
    """
    ax = ax or plt.gca()
    check_is(
        correlations, "correlations", dict, "a dict of names to arrays of shape (E,) or (R, E)"
    )
    runs = {
        name: np.atleast_2d(to_numpy(values, "correlations"))
        for name, values in correlations.items()
    }
    styles = {name: (name, colour) for name, colour in zip(runs, cycle(_RUNS), strict=False)}
    low, ends = 0.0, {}
    for name, values in runs.items():
        epochs = np.arange(1, values.shape[1] + 1)
        drawn = {"color": styles[name][1], "linewidth": 2, "alpha": 0.8}
        ax.plot(epochs, values.T, label=literal(name), **drawn)
        ends[name] = (epochs[-1], np.median(values[:, -1]))
        low = np.nanmin(values, initial=low)
    ax.axhline(0, color="0.6", linewidth=1)
    ax.set(xlabel="epoch", ylabel=ylabel, ylim=(low - 0.08, 1.04))
    whole_numbers(ax.xaxis)
    label_ends(ax, ends, styles)
    return ax
