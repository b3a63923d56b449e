"""Predicted distributions, and differences between losses with their intervals."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import MaxNLocator

from emdviz._docstrings import fill
from emdviz.losses.loss import look_of
from emdviz.metrics import METRICS
from emdviz.plots.alt_text import tell
from emdviz.plots.data_sets import show_image
from emdviz.plots.distributions import plot_prediction
from emdviz.plots.labels import (
    check_by_loss,
    halo,
    ink,
    literal,
    name_cells,
    number_cells,
    title_metric,
)
from emdviz.reading import check_is, read_choice, read_finite, to_numpy


@fill
def plot_beliefs(images, predictions, truth=None, *, classes=None, axes=None):
    """Draw images and, beside each, the distribution that the network of each loss predicts.

    Parameters
    ----------
    images : uint8 array, shape (N, 3, H, W)
    predictions : dict of str to array of shape (N, C)
        Keys are names of losses.
    truth : array of int, shape (N,), or of float, shape (N, C), optional
        Labels, or true distributions where they are known; drawn as outlines.
    %(classes)s
    axes : array of matplotlib Axes, shape (N, 1 + number of losses), optional

    Returns
    -------
    array of matplotlib Axes
    """
    check_by_loss(predictions, "predictions")
    images = to_numpy(images, "images")
    if images.ndim != 4 or not len(images):
        raise ValueError(f"images must have shape (N, 3, H, W) with N ≥ 1, got {images.shape}")
    wrong = [name for name, p in predictions.items() if len(p) != len(images)]
    if wrong or (truth is not None and np.shape(to_numpy(truth, "truth"))[:1] != images.shape[:1]):
        raise ValueError(f"predictions and truth must be of {len(images)} images, like images")
    if axes is None:
        size = (2.2 * (1 + len(predictions)), 1.9 * len(images) + 0.6)
        # nothing stands between the panels: the width is for the names of the classes
        close = {"left": 0.01, "right": 0.99, "wspace": 0.08}
        _, axes = plt.subplots(
            len(images), 1 + len(predictions), figsize=size, squeeze=False, gridspec_kw=close
        )
    targets = [None] * len(images) if truth is None else to_numpy(truth)
    for row, image, target, *beliefs in zip(
        axes, images, targets, *predictions.values(), strict=True
    ):
        show_image(image, ax=row[0])
        for ax, p, loss in zip(row[1:], beliefs, predictions, strict=True):
            plot_prediction(p, target, classes=classes, ax=ax, colour=look_of(loss).colour)
            ax.set(ylabel="", yticks=[])
    for ax in axes[:-1, 1:].flat:
        ax.set_xticks([])
    for ax, loss in zip(axes[0, 1:], predictions, strict=True):
        ax.set_title(literal(look_of(loss).label), color=ink(look_of(loss).colour))
    return axes


@fill
def plot_confusion(matrix, *, classes=None, ax=None):
    """Draw a confusion matrix, of predicted classes or of mean predictions.

    Parameters
    ----------
    matrix : array, shape (C, C)
        Shares 0 to 1: rows are true classes, top to bottom, columns what was predicted; from
        ``beliefs.confusion`` or ``beliefs.mean_prediction``.
    %(classes)s
    %(axes)s
    """
    ax = ax or plt.gca()
    matrix = read_finite(matrix, "matrix", 2, gaps=True)
    ax.imshow(matrix, cmap="Blues", vmin=0, vmax=1)
    number_cells(ax, matrix, greatest=1)
    ax.set(xlabel="predicted", ylabel="true class")
    name_cells(ax, classes, len(matrix))
    return ax


@fill
def plot_reliability(curves, *, ax=None):
    """Draw reliability: how often predicted events come true, a line per loss.

    Parameters
    ----------
    curves : dict of str to (array, array)
        Name of a loss -> predicted and observed, from ``beliefs.reliability``.
    %(axes)s
    """
    check_by_loss(curves, "curves")
    ax = ax or plt.gca()
    dashed = {"color": "0.45", "linestyle": "--", "linewidth": 1.5}
    (diagonal,) = ax.plot([0, 1], [0, 1], label="calibrated", **dashed)
    drawn = {"linewidth": 2.5, "marker": "o", "markersize": 5}
    lines = []
    for loss, (predicted, observed) in curves.items():
        look = look_of(loss)
        lines += ax.plot(predicted, observed, color=look.colour, label=literal(look.label), **drawn)
    # the lines lie close together: names stand in the free corners, those of losses in their order
    framed = {"facecolor": ax.get_facecolor(), "edgecolor": "none", "framealpha": 0.7}
    bold = {"prop": {"weight": "bold"}, "handlelength": 1}
    known = {"loc": "lower right", "labelcolor": "0.35", **framed, **bold, "handlelength": 1.8}
    ax.add_artist(ax.legend(handles=[diagonal], **known))
    legend = ax.legend(handles=lines, loc="upper left", **framed, **bold)
    for line, text in zip(lines, legend.get_texts(), strict=True):
        text.set_color(ink(line.get_color()))
    ax.set(xlim=(0, 1), ylim=(0, 1), xlabel="predicted probability", ylabel="came true")
    ax.set(xticks=[0, 0.5, 1], yticks=[0, 0.5, 1], aspect="equal")
    return ax


@fill
def plot_by_loss(values, *, xlabel, ax=None):
    """Draw how a number of every prediction is spread under each loss, as boxes.

    The box holds the middle half of the predictions, its line the median, the whiskers all but
    the outermost 5 % at either end; the diamond is the mean.

    Parameters
    ----------
    values : dict of str to array of shape (N,)
        Name of a loss -> such as the spread of each prediction, or its EMD to the
        true distribution.
    xlabel : str
        What the number is, and its unit.
    %(axes)s
    """
    ax = ax or plt.gca()
    check_by_loss(values, "values")
    names = list(values)
    boxes = ax.boxplot(
        [to_numpy(values[name]) for name in names],
        orientation="horizontal",
        whis=(5, 95),
        showfliers=False,
        showmeans=True,
        widths=0.6,
        patch_artist=True,
        meanprops={"marker": "D", "markerfacecolor": "white", "markeredgecolor": "black"},
        medianprops={"color": "white", "linewidth": 3},
    )
    words = []
    for name, box, median in zip(names, boxes["boxes"], boxes["medians"], strict=True):
        box.set(facecolor=look_of(name).colour, alpha=0.75)
        words.append(f"{look_of(name).label} {median.get_xdata()[0]:.3g}")
    tell(ax, "Box plot", f"a row per loss, medians {', '.join(words)}")
    _name_rows(ax, names)
    ax.set(xlabel=xlabel)
    return ax


def plot_comparison(summary, differences, metric, *, baseline="XE", axes=None):
    """Draw one metric over seeds: means, and paired differences to a baseline, with intervals.

    Parameters
    ----------
    summary : pandas.DataFrame
        From ``training.summarise``.
    differences : pandas.DataFrame
        From ``training.paired_differences``.
    metric : str
        A name in ``metrics.METRICS``.
    baseline : str
        The loss that ``differences`` were made with.
    axes : pair of matplotlib Axes, optional
        For the means and for the differences; made by default.

    Returns
    -------
    NumPy array of two matplotlib Axes
    """
    import pandas as pd

    check_is(summary, "summary", pd.DataFrame, "what training.summarise returns")
    check_is(differences, "differences", pd.DataFrame, "what training.paired_differences returns")
    known = [name for name in METRICS if (name, "mean") in summary.columns]
    read_choice(metric, "metric", known)
    check_is(baseline, "baseline", str, "the name of a loss")
    if axes is None:
        size = (10, 0.7 * len(summary) + 1.6)
        _, axes = plt.subplots(1, 2, figsize=size, layout="constrained")
    left, right = axes
    names, means, verdicts = list(summary.index), [], []
    for row, name in enumerate(names):
        mean, low, high = (summary.loc[name, (metric, part)] for part in ("mean", "low", "high"))
        text = f"{mean:.3g}"
        _interval(left, row, mean, low, high, look_of(name).colour, text)
        known = f" ({low:.3g} to {high:.3g})" if low <= high else ""  # one run gives no interval
        means.append(f"{look_of(name).label} {text}{known}")
    chosen = differences[differences["metric"] == metric].set_index("loss")
    right.axvline(0, color="0.4", linewidth=1.5)
    for row, name in enumerate(names):
        if name == baseline:
            right.text(0, row, " baseline", va="center", color="0.35")
        elif name in chosen.index:
            one = chosen.loc[name]
            text = f"{one.difference:+.2g}  {one.verdict}".replace("-", "−", 1)
            _interval(right, row, one.difference, one.low, one.high, look_of(name).colour, text)
            verdicts.append(f"{look_of(name).label} {text}")
    tell(left, "Means with 95 % intervals", ", ".join(means))
    tell(right, "Differences with 95 % intervals", ", ".join(verdicts))
    for ax in axes:
        _name_rows(ax, names)
        ax.margins(x=0.25)
        ax.xaxis.set_major_locator(MaxNLocator(4))
    named, title = title_metric(metric)
    left.set(xlabel=f"{named}\nmean and 95 % interval", title=title)
    over = " and ".join(dict.fromkeys(chosen["over"]))
    right.set(
        xlabel=f"{named} − that of {literal(look_of(baseline).label)}\n95 % interval over {over}",
        yticklabels=[],
    )
    right.tick_params(axis="y", length=0)
    return np.array([left, right])


def _interval(ax, row, middle, low, high, colour, text):
    ax.plot([low, high], [row, row], color=colour, linewidth=3, solid_capstyle="butt")
    ax.plot(middle, row, color=colour, marker="o", markersize=9)
    above = {"textcoords": "offset points", "ha": "center", "color": ink(colour)}
    words = ax.annotate(text, (middle, row), (0, 8), fontweight="bold", **above)
    # readable where it crosses the line of the baseline
    words.set_path_effects(halo(ax.get_facecolor(), 4))


def _name_rows(ax, names):
    """Name a row per loss, from top to bottom, in its colour."""
    places = ax.get_yticks() if len(ax.get_yticks()) == len(names) else range(len(names))
    ax.set_yticks(places, [literal(look_of(name).label) for name in names])
    for name, label in zip(names, ax.get_yticklabels(), strict=True):
        label.set(color=ink(look_of(name).colour), fontweight="bold")
    ax.set_ylim(max(places) + 0.6, min(places) - 0.6)
    ax.grid(axis="y", visible=False)
