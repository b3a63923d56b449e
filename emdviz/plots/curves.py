"""Curves of losses and metrics, pushes on logits, the trails of walks, and of training."""

import matplotlib.pyplot as plt
import numpy as np

from emdviz._docstrings import fill
from emdviz.distributions import check_positions
from emdviz.losses.loss import look_of
from emdviz.metrics import METRICS
from emdviz.palette import PREDICTION_A
from emdviz.plots.labels import (
    bar_width,
    check_by_loss,
    label_ends,
    literal,
    name_classes,
    title_metric,
    whole_numbers,
)
from emdviz.reading import read_choice, read_finite, read_flag, read_floats

_LOSSES = {"train_loss": "training loss", "valid_loss": "validation loss"}


@fill
def plot_pushes(
    push, *, classes=None, positions=None, ax=None, colour=PREDICTION_A, limit=None, **bar
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
    ax.bar(places, push, color=colour, width=bar_width(places), **bar)
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
        values, look = read_floats(values, f"curves[{name!r}]"), look_of(name)
        if values.shape != x.shape:
            raise ValueError(
                f"curves[{name!r}] must have a value for each x, shape {x.shape}, "
                f"got {values.shape}"
            )
        ax.plot(x, values, color=look.colour, linewidth=2.5, label=literal(look.label))
    if log:
        ax.set_yscale("log")
    else:
        ax.set_ylim(bottom=0)
    label_ends(ax, {name: (x[-1], values[-1]) for name, values in curves.items()})
    ax.set(xlabel=xlabel, ylabel=ylabel)
    return ax


@fill
def plot_trails(trails, *, ax=None, ylabel="loss"):
    """Draw a number after every step of a walk, one line per loss, labelled at its end.

    Parameters
    ----------
    trails : dict of str to array, shape (steps + 1,)
        Keys are names of losses; the first number is that of the start.
    ylabel : str
    %(axes)s
    """
    check_by_loss(trails, "trails")
    steps = range(max(map(len, trails.values())))
    ax = plot_curves(trails, steps, ax=ax, xlabel="steps", ylabel=ylabel)
    whole_numbers(ax.xaxis)
    return ax


@fill
def plot_history(histories, metric, *, ax=None):
    """Draw how a metric changed with the epochs, one line per loss, labelled at its end.

    Parameters
    ----------
    histories : dict of str to list of training.Epoch
        Keys are names of losses. Of several runs a list of such lists: each is drawn thin, their
        mean, as far as all have come, thick.
    metric : str
        A name in ``metrics.METRICS``, ``"train_loss"`` or ``"valid_loss"``.
    %(axes)s
    """
    check_by_loss(histories, "histories")
    read_choice(metric, "metric", [*METRICS, *_LOSSES])
    ax = ax or plt.gca()
    ends = {}
    for name, epochs in histories.items():
        runs = epochs if epochs and isinstance(epochs[0], list | tuple) else [epochs]
        values = [[_value_of(epoch, metric) for epoch in run] for run in runs]
        look, common = look_of(name), min(map(len, values))
        y = np.mean([run[:common] for run in values], axis=0)
        x = [epoch.number for epoch in runs[0][:common]]
        for run, own in zip(runs, values, strict=True) if len(runs) > 1 else ():
            numbers = [epoch.number for epoch in run]
            ax.plot(numbers, own, color=look.colour, linewidth=0.8, alpha=0.5)
        mark = "o" if len(x) == 1 else None  # which is no line yet
        ax.plot(x, y, color=look.colour, linewidth=2.5, marker=mark, label=literal(look.label))
        ends[name] = (x[-1], y[-1])
    label_ends(ax, ends)
    label, title = (_LOSSES[metric], "") if metric in _LOSSES else title_metric(metric)
    ax.set(xlabel="epoch", ylabel=label, title=title)
    whole_numbers(ax.xaxis)
    return ax


def _value_of(epoch, metric):
    return getattr(epoch, metric) if metric in _LOSSES else epoch.metrics[metric]
