"""The map of comparisons: in which regime which loss differs from cross-entropy."""

import matplotlib.pyplot as plt
import numpy as np

from emdviz.losses.loss import look_of
from emdviz.metrics import METRICS
from emdviz.plots.alt_text import tell
from emdviz.plots.labels import ink, literal, title_metric
from emdviz.reading import check_is, read_choice

_PALE = "0.72"
_COLUMNS = ("regime", "loss", "metric", "difference", "low", "high", "verdict")


def plot_map(differences, metric, *, words=None, groups=None):
    """Draw paired differences to cross-entropy: a row per regime, a panel per loss.

    A difference that stands has the colour of its loss, all others are grey. One that lies beyond
    the axes, which end at twice the 60 % quantile of all |differences|, is drawn as an arrow.

    Parameters
    ----------
    differences : pandas.DataFrame
        A row per regime, loss and metric, with the columns of ``training.paired_differences`` and
        ``regime``, as ``experiments.mapping.differences`` returns them.
    metric : str
        A name in ``metrics.METRICS``.
    words : dict of str to str, optional
        What is written for each regime; its name by default.
    groups : dict of str to str, optional
        The heading under which each regime stands; groups follow in the order of their first
        regimes. No headings by default.

    Returns
    -------
    NumPy array of matplotlib Axes
        One per loss.

    Raises
    ------
    TypeError, ValueError
        If ``differences`` lacks a column or the metric.

    Examples
    --------
    >>> import pandas as pd
    >>> found = pd.DataFrame({"regime": ["few", "many"], "loss": "EMD2", "metric": "RPS",
    ...     "difference": [0.01, -0.02], "low": [-0.01, -0.03], "high": [0.03, -0.01],
    ...     "verdict": ["undecided", "better"]})
    >>> (ax,) = plot_map(found, "RPS")
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['few', 'many']
    """
    import pandas as pd

    check_is(differences, "differences", pd.DataFrame, "what experiments.mapping.differences gives")
    if missing := [name for name in _COLUMNS if name not in differences]:
        raise ValueError(f"differences must have the columns {list(_COLUMNS)}, but lack {missing}")
    read_choice(metric, "metric", [name for name in METRICS if name in set(differences["metric"])])
    chosen = differences[differences["metric"] == metric]
    regimes, losses = (list(dict.fromkeys(chosen[name])) for name in ("regime", "loss"))
    lines = _lines(regimes, groups or {})
    size = (max(9, 2.6 + 1.15 * len(losses)), 1.3 + 0.24 * len(lines))
    _, axes = plt.subplots(1, len(losses), figsize=size, sharey=True, layout="constrained")
    axes = np.atleast_1d(axes)
    limit = _round(2 * float(np.nanquantile(np.abs(chosen["difference"]), 0.6)))
    words, baseline = words or {}, look_of("XE").label
    for ax, loss in zip(axes, losses, strict=True):
        look, told = look_of(loss), []
        own = chosen[chosen["loss"] == loss].set_index("regime").reindex(regimes)
        for one in own.itertuples():
            row = lines.index((one.Index, None))
            stands = one.verdict in ("better", "worse")
            _draw(ax, row, one, limit, look.colour if stands else _PALE, stands)
            if stands:
                told.append(f"{words.get(one.Index, one.Index)} {one.verdict}")
        ax.axvline(0, color="0.4", linewidth=1, zorder=0)
        ax.set_title(literal(look.label), color=ink(look.colour), fontsize="small", loc="center")
        ax.set(xlim=(-limit, limit), ylim=(len(lines) - 0.5, -0.5))
        ax.set_xticks([-limit / 2, limit / 2], [_number(-limit / 2), _number(limit / 2)])
        ax.tick_params(axis="x", labelsize="x-small")
        ax.tick_params(axis="y", length=0, labelsize="small")
        ax.spines["left"].set_visible(False)
        ax.grid(axis="y", color="0.94", linewidth=6)
        ax.set_axisbelow(True)
        tell(ax, f"{look.label} minus {baseline}", ", ".join(told) or "none stands")
        rows = [row for row, (name, _) in enumerate(lines) if name is not None]
        ax.set_yticks(rows, [literal(words.get(lines[row][0], lines[row][0])) for row in rows])
    for row, (_, heading) in enumerate(lines):
        if heading is not None:
            looks = {"fontsize": "small", "fontweight": "bold", "ha": "right", "va": "center"}
            beside = axes[0].get_yaxis_transform()
            axes[0].text(-0.03, row, literal(heading), transform=beside, **looks)
    for ax in axes[1:]:
        ax.tick_params(axis="y", labelleft=False)
    named, title = title_metric(metric)
    axes[0].figure.suptitle(title, x=0.01, ha="left", fontweight="bold")
    axes[0].figure.supxlabel(f"{named} − that of {baseline}, 95 % interval", fontsize="small")
    return axes


def _lines(regimes, groups):
    """Return the lines of the map from the top: (regime, None), or (None, heading)."""
    lines = []
    for heading in dict.fromkeys(groups.get(name) for name in regimes):
        lines += [] if heading is None else [(None, heading)]
        lines += [(name, None) for name in regimes if groups.get(name) == heading]
    return lines


def _draw(ax, row, one, limit, colour, stands):
    """Draw a difference with its interval, or an arrow if it lies beyond the limit."""
    if not np.isfinite(one.difference):
        return
    looks = {"color": colour, "zorder": 3 if stands else 2}
    if abs(one.difference) > limit:
        sign = np.sign(one.difference)
        marker = ">" if sign > 0 else "<"
        ax.plot(0.93 * sign * limit, row, marker=marker, markersize=6, linestyle="", **looks)
        return
    ax.plot([one.low, one.high], [row, row], linewidth=2, solid_capstyle="butt", **looks)
    mark = {"marker": "o", "markersize": 5, "markerfacecolor": colour if stands else "white"}
    # whole at the edge too: half a circle looks like an arrow
    ax.plot(one.difference, row, **mark, clip_on=False, **looks)


def _round(value):
    """Return the next of 2, 4, 10, 20, 40 … and their tenths: half of it is a short number."""
    if not value > 0:
        return 1.0
    power = 10.0 ** np.floor(np.log10(value))
    return next(step * power for step in (2, 4, 10, 20) if step * power >= value)


def _number(value):
    return f"{value:.2g}".replace("-", "−")
