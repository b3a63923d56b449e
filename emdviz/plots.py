"""Pictures: arrays in, Axes out. Nothing here computes a result.

Every function draws into ``ax``, or into the current Axes if none is given, and returns it.
Classes run from left to right, probabilities from 0 to 1, and a loss has one colour everywhere.
"""

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import MaxNLocator

from emdviz.distributions import (
    as_float_array,
    cdf,
    check_distribution,
    check_positions,
    one_hot,
    to_numpy,
)
from emdviz.style import GAP, PREDICTION_B, TRUTH


def plot_prediction(
    p, target=None, *, classes=None, positions=None, ax=None, colour=PREDICTION_B, **bar
):
    """Draw a prediction as bars, the true class marked below its bar.

    Parameters
    ----------
    p : array, shape (C,)
    target : int or array of shape (C,), optional
        The true class, or the true distribution, drawn as outlines.
    classes : list of str, optional
        Names of the C classes; 0, 1, …, C − 1 by default.
    positions : array-like, shape (C,), optional
        Class positions; 0, 1, …, C − 1 by default.
    ax : matplotlib Axes, optional
    colour : colour
    **bar
        For ``Axes.bar``.

    Returns
    -------
    matplotlib Axes
    """
    ax = ax or plt.gca()
    p = check_distribution(to_numpy(p))
    places = check_positions(positions, len(p))
    width = 0.8 * np.diff(places).min(initial=np.inf) if len(p) > 1 else 0.8
    ax.bar(places, p, color=colour, width=width, **bar)
    if target is not None:
        truth = _as_distribution(target, len(p))
        ax.bar(places, truth, width=width, fill=False, edgecolor=TRUTH, linewidth=2.5)
    ax.set(ylim=(0, 1), ylabel="probability", yticks=[0, 0.5, 1])
    _name_classes(ax, classes, len(p), places)
    return ax


def plot_cdf_gap(
    p,
    t,
    *,
    classes=None,
    positions=None,
    ax=None,
    colour=PREDICTION_B,
    labels=("prediction", "truth"),
):
    """Draw two CDFs as steps with the gap between them shaded.

    The shaded area is the EMD.

    Parameters
    ----------
    p, t : array, shape (C,)
        Distributions; ``t`` may also be the index of the true class.
    classes : list of str, optional
        Names of the C classes.
    positions : array-like, shape (C,), optional
        Class positions; 0, 1, …, C − 1 by default.
    ax : matplotlib Axes, optional
    colour : colour
        Of the CDF of p.
    labels : pair of str
        What to call the two steps; empty for nothing.

    Returns
    -------
    matplotlib Axes
    """
    ax = ax or plt.gca()
    p = check_distribution(to_numpy(p))
    t = _as_distribution(t, len(p))
    x = check_positions(positions, len(p))
    margin = 0.5 * np.mean(np.diff(x)) if len(p) > 1 else 0.5
    edges = np.concatenate([[x[0] - margin], x, [x[-1] + margin]])
    below = [np.concatenate([[0], cdf(a)]) for a in (p, t)]
    ax.fill_between(
        edges, *(np.append(b, b[-1]) for b in below), step="post", color=GAP, alpha=0.5, lw=0
    )
    # CDFs run from the lower left to the upper right, so this corner is free
    for values, shade, label, height in zip(
        below, (colour, TRUTH), labels, (0.14, 0.03), strict=True
    ):
        ax.stairs(values, edges, baseline=None, color=shade, linewidth=2.5)
        ax.text(
            0.98,
            height,
            label,
            transform=ax.transAxes,
            ha="right",
            color=shade,
            fontweight="bold",
        )
    ax.set(ylim=(-0.02, 1.02), ylabel="cumulative", yticks=[0, 0.5, 1])
    _name_classes(ax, classes, len(p), x)
    return ax


def plot_plan(plan, *, classes=None, ax=None, colour=None, number=True):
    """Draw a transport plan as a matrix: the mass that goes from each class to each.

    Parameters
    ----------
    plan : array, shape (C, C')
        F_ij ≥ 0, from class i (rows, top to bottom) to class j (columns).
    classes : list of str, optional
        Names of the classes, where rows and columns are the same.
    ax : matplotlib Axes, optional
    colour : matplotlib colour map, optional
    number : bool
        Write the masses into the cells.

    Returns
    -------
    matplotlib Axes
    """
    ax = ax or plt.gca()
    plan = as_float_array(to_numpy(plan), "plan")
    ax.imshow(plan, cmap=colour or "Blues", vmin=0, vmax=max(plan.max(), 1e-12))
    if number:
        for (i, j), mass in np.ndenumerate(plan):
            if mass > 0.005:
                shade = "white" if mass > 0.6 * plan.max() else "black"
                ax.text(
                    j,
                    i,
                    f"{mass:.2f}"[1:] if mass < 1 else "1",
                    ha="center",
                    va="center",
                    color=shade,
                )
    ax.set(xlabel="to", ylabel="from")
    _name_classes(ax, classes, plan.shape[1])
    names = classes if classes is not None else range(plan.shape[0])
    ax.set_yticks(range(plan.shape[0]), names)
    ax.spines[["top", "right", "left", "bottom"]].set_visible(False)
    ax.tick_params(length=0)
    return ax


def plot_beliefs(images, predictions, truth, *, classes=None, axes=None):
    """Draw images and, beside each, what the network of each loss believes of it.

    Parameters
    ----------
    images : uint8 array, shape (N, 3, H, W)
    predictions : dict of str to array of shape (N, C)
        Keys are names in ``losses.LOSSES``.
    truth : array of int, shape (N,), or of float, shape (N, C)
        Labels, or true distributions where they are known; drawn as outlines.
    classes : list of str, optional
        Names of the C classes.
    axes : array of matplotlib Axes, shape (N, 1 + number of losses), optional

    Returns
    -------
    array of matplotlib Axes
    """
    from emdviz.losses import LOSSES

    if axes is None:
        size = (2.2 * (1 + len(predictions)), 1.9 * len(images) + 0.6)
        _, axes = plt.subplots(len(images), 1 + len(predictions), figsize=size, squeeze=False)
    for row, image, target, *beliefs in zip(
        axes, images, to_numpy(truth), *predictions.values(), strict=True
    ):
        show_image(image, ax=row[0])
        for ax, p, loss in zip(row[1:], beliefs, predictions, strict=True):
            plot_prediction(p, target, classes=classes, ax=ax, colour=LOSSES[loss].colour)
            ax.set(ylabel="", yticks=[])
    for ax in axes[:-1, 1:].flat:
        ax.set_xticks([])
    for ax, loss in zip(axes[0, 1:], predictions, strict=True):
        ax.set_title(LOSSES[loss].label, color=LOSSES[loss].colour)
    return axes


def show_image(image, *, ax=None):
    """Show one image, shape (3, H, W), bytes, without axes."""
    ax = ax or plt.gca()
    ax.imshow(np.moveaxis(to_numpy(image), 0, 2), interpolation="nearest")
    ax.set_axis_off()
    return ax


def sheet(images, *, labels=None, classes=None, per_class=8, ax=None):
    """Show a sheet of images, a row per class.

    Parameters
    ----------
    images : uint8 array, shape (N, 3, H, W)
    labels : array of int, shape (N,)
        Class indices.
    classes : list of str
        Names of the C classes, written beside their rows.
    per_class : int
        Images in a row: the first ones of the class.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
    """
    ax = ax or plt.gca()
    images, labels = to_numpy(images), to_numpy(labels)
    height, width = images.shape[2:]
    canvas = np.full((len(classes) * height, per_class * width, 3), 255, dtype=np.uint8)
    for k in range(len(classes)):
        for column, index in enumerate(np.flatnonzero(labels == k)[:per_class]):
            canvas[k * height : (k + 1) * height, column * width : (column + 1) * width] = (
                np.moveaxis(images[index], 0, 2)
            )
    ax.imshow(canvas, interpolation="nearest")
    ax.set_yticks((np.arange(len(classes)) + 0.5) * height, classes)
    ax.set_xticks([])
    ax.tick_params(length=0)
    ax.spines[["top", "right", "left", "bottom"]].set_visible(False)
    return ax


def plot_history(histories, metric, *, ax=None):
    """Draw how a metric changed with the epochs, one line per loss, labelled at its end.

    Parameters
    ----------
    histories : dict of str to list of training.Epoch
        Keys are names in ``losses.LOSSES``.
    metric : str
        A name in ``metrics.METRICS``.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
    """
    from emdviz.losses import LOSSES
    from emdviz.metrics import METRICS

    ax = ax or plt.gca()
    ends = {}
    for name, epochs in histories.items():
        x, y = zip(*((epoch.number, epoch.metrics[metric]) for epoch in epochs), strict=True)
        ax.plot(x, y, color=LOSSES[name].colour, linewidth=2.5)
        ends[name] = (x[-1], y[-1])
    for (name, end), height in zip(
        ends.items(), _apart(ax, [y for _, y in ends.values()]), strict=True
    ):
        ax.annotate(
            LOSSES[name].label,
            (end[0], height),
            (6, 0),
            textcoords="offset points",
            va="center",
            color=LOSSES[name].colour,
            fontweight="bold",
            annotation_clip=False,
        )
    unit = METRICS[metric].unit
    arrow = "higher is better" if METRICS[metric].higher_is_better else "lower is better"
    ax.set(
        xlabel="epoch", ylabel=f"{metric} ({unit})" if unit else metric, title=f"{metric}: {arrow}"
    )
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    return ax


def _apart(ax, heights):
    """Move label heights apart so that none covers another."""
    low, high = ax.get_ylim()
    least = 0.07 * (high - low)
    order = np.argsort(heights)
    placed = np.array(heights, dtype=float)
    for before, after in pairwise(order):
        placed[after] = max(placed[after], placed[before] + least)
    return placed - max(0.0, placed.max(initial=low) - high)


def _as_distribution(target, num_classes):
    if np.ndim(target) == 0:
        return one_hot(int(target), num_classes)
    return check_distribution(to_numpy(target), "target")


def _name_classes(ax, classes, num_classes, places=None):
    if classes is not None and len(classes) != num_classes:
        raise ValueError(f"classes must name {num_classes} classes, got {len(classes)}")
    places = np.arange(num_classes) if places is None else places
    names = [str(name) for name in (classes if classes is not None else range(num_classes))]
    crowded = sum(map(len, names)) > 30
    ax.set_xticks(places, names, rotation=40 if crowded else 0, ha="right" if crowded else "center")
