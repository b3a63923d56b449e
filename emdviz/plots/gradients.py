"""What losses do to a prediction: their curves, pushes on its logits, and the trails of walks."""

import matplotlib.pyplot as plt
import numpy as np

from emdviz._docstrings import fill
from emdviz.distributions import check_positions
from emdviz.losses import look_of
from emdviz.palette import PREDICTION_B
from emdviz.plots._labels import check_by_loss, label_ends, name_classes, whole_numbers
from emdviz.reading import read_finite, read_flag, read_floats


@fill
@fill
def plot_pushes(
    push, *, classes=None, positions=None, ax=None, colour=PREDICTION_B, limit=None, **bar
):
    """Draw how a loss pushes each logit: bars up where a step raises it, down where it lowers it.

    Parameters
    ----------
    push : array, shape (C,)
        Negative gradient of the loss on the logits, −∂L/∂z.
    %(classes)s
    %(positions)s
    colour : colour
    limit : float, optional
        End of the axis in both directions, for pictures that share a scale.
    **bar
        For ``Axes.bar``.
    %(axes)s
    """
    ax = ax or plt.gca()
    push = read_finite(push, "push", 1)
    places = check_positions(positions, len(push))
    ax.bar(
        places,
        push,
        color=colour,
        width=0.8 * (np.diff(places).min() if len(places) > 1 else 1.0),
        **bar,
    )
    ax.axhline(0, color="0.4", linewidth=1)
    limit = limit or np.abs(push).max()
    if limit > 0:
        ax.set_ylim(-1.08 * limit, 1.08 * limit)
    ax.set_ylabel("push")
    name_classes(ax, classes, len(push), places)
    return ax


@fill
def plot_curves(curves, x, *, ax=None, xlabel="", ylabel="loss", log=False):
    """Draw one curve per loss, labelled at its right end.

    Parameters
    ----------
    curves : dict of str to array, shape (N,)
        Keys are names of losses.
    x : array, shape (N,)
        Increasing.
    xlabel, ylabel : str
    log : bool
        Draw the y axis in powers of ten; else it begins at 0.
    %(axes)s
    """
    check_by_loss(curves, "curves")
    x = read_floats(x, "x")
    log = read_flag(log, "log")
    ax = ax or plt.gca()
    for name, values in curves.items():
        look = look_of(name)
        ax.plot(x, values, color=look.colour, linewidth=2.5, label=look.label)
    if log:
        ax.set_yscale("log")
    else:
        ax.set_ylim(bottom=0)
    label_ends(ax, {name: (x[-1], values[-1]) for name, values in curves.items()})
    ax.set(xlabel=xlabel, ylabel=ylabel)
    return ax


@fill
def plot_trails(trails, *, ax=None, ylabel="loss", log=False):
    """Draw a number after every step of a walk, one line per loss, labelled at its end.

    Parameters
    ----------
    trails : dict of str to array, shape (steps + 1,)
        Keys are names of losses; the first number is that of the start.
    ylabel : str
    log : bool
        As in :func:`plot_curves`.
    %(axes)s
    """
    check_by_loss(trails, "trails")
    steps = range(max(map(len, trails.values())))
    ax = plot_curves(trails, steps, ax=ax, xlabel="steps", ylabel=ylabel, log=log)
    whole_numbers(ax.xaxis)
    return ax
