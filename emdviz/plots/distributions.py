"""Predictions, cumulative distributions, transport plans."""

import matplotlib.pyplot as plt
import numpy as np

from emdviz._docstrings import fill
from emdviz.distributions import cdf, check_distribution, check_positions, one_hot
from emdviz.palette import GAP, PREDICTION_A, TRUTH
from emdviz.plots.labels import bar_width, name_cells, name_classes, name_steps, number_cells
from emdviz.reading import as_array, read_count, read_finite, to_numpy


@fill
def plot_prediction(
    p, target=None, *, classes=None, positions=None, ax=None, colour=PREDICTION_A, **bar
):
    """Draw a prediction as bars, the true class marked below its bar.

    Parameters
    ----------
    p : array, shape (C,)
    target : int or array of shape (C,), optional
        The true class, or the true distribution, drawn as outlines.
    %(classes)s
    %(positions)s
    colour : colour
    **bar
        For ``Axes.bar``.
    %(axes)s
    """
    ax = ax or plt.gca()
    p = to_numpy(check_distribution(p))
    places = check_positions(positions, len(p))
    width = bar_width(places)
    ax.bar(places, p, width, **{"color": colour, "label": "prediction"} | bar)
    if target is not None:
        truth = _as_distribution(target, len(p))
        # drawn over the axis, so that its ends are not cut off
        thick = np.where(truth > 0, 2.5 if len(p) <= 30 else 1, 0)
        outline = {"edgecolor": TRUTH, "linewidth": thick, "clip_on": False}
        ax.bar(places, truth, width, fill=False, label="truth", **outline)
    ax.set(ylim=(0, 1), ylabel="probability", yticks=[0, 0.5, 1])
    name_classes(ax, classes, len(p), places)
    return ax


@fill
def plot_cdf_gap(
    p,
    t,
    *,
    classes=None,
    positions=None,
    ax=None,
    colour=PREDICTION_A,
    labels=("prediction", "truth"),
):
    """Draw two CDFs as steps with the gap between them shaded.

    The shaded area is the EMD.

    Parameters
    ----------
    p, t : array, shape (C,)
        Distributions; ``t`` may also be the index of the true class.
    %(classes)s
    %(positions)s
    colour : colour
        Of the CDF of p.
    labels : pair of str
        What to call the two steps; empty for nothing.
    %(axes)s
    """
    ax = ax or plt.gca()
    p = to_numpy(check_distribution(p))
    t = _as_distribution(t, len(p))
    x = check_positions(positions, len(p))
    margin = 0.5 * np.mean(np.diff(x)) if len(p) > 1 else 0.5
    edges = np.concatenate([[x[0] - margin], x, [x[-1] + margin]])
    below = [np.concatenate([[0], cdf(a)]) for a in (p, t)]
    ax.fill_between(
        edges, *(np.append(b, b[-1]) for b in below), step="post", color=GAP, alpha=0.5, lw=0
    )
    ax.set(xlim=edges[[0, -1]], ylabel="cumulative", yticks=[0, 0.5, 1])
    ax.spines["left"].set_bounds(0, 1)
    for values, shade, name in zip(below, (colour, TRUTH), labels, strict=True):
        ax.stairs(values, edges, baseline=None, color=shade, linewidth=2.5, label=name or None)
    name_steps(ax, edges, below, labels, (colour, TRUTH))
    name_classes(ax, classes, len(p), x)
    return ax


@fill
def plot_plan(plan, *, classes=None, ax=None, number=True):
    """Draw a transport plan as a matrix: the mass that goes from each class to each.

    Parameters
    ----------
    plan : array, shape (C, C')
        F_ij ≥ 0, from class i (rows, top to bottom) to class j (columns).
    classes : list of str, optional
        Names of the classes, where rows and columns are the same.
    number : bool
        Write the masses into the cells.
    %(axes)s
    """
    ax = ax or plt.gca()
    plan = read_finite(plan, "plan", 2)
    ax.imshow(plan, cmap="Blues", vmin=0, vmax=max(plan.max(), 1e-12))
    if number:
        number_cells(ax, plan, greatest=plan.max())
    ax.set(xlabel="to", ylabel="from")
    name_cells(ax, classes, plan.shape[1], plan.shape[0])
    return ax


def _as_distribution(target, num_classes):
    if np.ndim(as_array(target, "target")) == 0:
        return one_hot(read_count(target, "target", 0, num_classes - 1), num_classes)
    truth = check_distribution(to_numpy(target, "target"), "target")
    if truth.shape != (num_classes,):
        raise ValueError(f"target must have shape ({num_classes},), got {truth.shape}")
    return truth
