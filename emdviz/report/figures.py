"""The figures of a report: SVG with text as text, in panels as small as a phone."""

import io
import math
import re
from collections import defaultdict
from types import SimpleNamespace
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from emdviz import plots
from emdviz.losses.loss import look_of
from emdviz.metrics import METRICS
from emdviz.palette import OKABE_ITO, for_text, on_dark
from emdviz.plots.alt_text import describe, tell
from emdviz.plots.labels import ink, literal, name_classes, title_metric
from emdviz.plots.style import style
from emdviz.report.words import number

_WIDTH = 3.4  # inches; 326 pixels
_NARROW = 2.65  # four side by side
_LARGE = {"font.size": 9, "axes.labelsize": 9, "axes.titlesize": 9.5, "xtick.labelsize": 8.5}
_LARGE |= {"ytick.labelsize": 9}
"""Sizes of text in narrow figures, which are shown as they are: 11 pixels or more."""

_UNDECIDED = OKABE_ITO["grey"]


class Picture(NamedTuple):
    """A figure: the name of its file, its SVG on light and on dark paper, words, size in px."""

    name: str
    svg: str
    dark: str
    alt: str
    width: int
    height: int


def draw(found):
    """Return the figures of a report: section -> list of :class:`Picture`."""
    drawn, several = defaultdict(list), len(found.losses) > 1
    for metric in dict.fromkeys(found.differences["metric"]) if several else ():
        drawn["answer"].append(_draw(f"difference {metric}", _difference, found, metric))
    for metric in ("RPS", "AEM"):
        if f"valid {metric}" in found.curves:
            drawn["curves"].append(_draw(f"curve {metric}", _curve, found, metric))
    drawn["classes"].append(_draw("errors by class", _by_class, found))
    if found.distributional:
        drawn["calibration"].append(_draw("reliability", _reliability, found))
        drawn["calibration"].append(_draw("spread", _spreads, found))
    return drawn


def _draw(name, function, found, *arguments):
    with style("print"), mpl.rc_context({"svg.hashsalt": "emdviz", "svg.fonttype": "none"}):
        size = (_WIDTH, 2.7)
        if function is _difference:
            mpl.rcParams.update(_LARGE)
            size = (_NARROW, 0.45 * len(found.losses) + 0.9)
        figure = Figure(figsize=size, layout="constrained")
        function(found, figure.subplots(), *arguments)
        file = io.StringIO()
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    width, height = (round(96 * inches) for inches in figure.get_size_inches())
    svg = file.getvalue()
    dark = _on_dark(svg, found.losses)
    return Picture(name.replace(" ", "_"), svg, dark, describe(figure), width, height)


def _on_dark(svg, losses):
    """Return a figure as it looks on dark paper: losses in their colours there, greys turned."""
    marks = {look_of(loss).colour.lower(): on_dark(look_of(loss).colour) for loss in losses}
    inks = {ink(colour).lower(): for_text(colour, dark=True) for colour in marks}

    def turned(colours, colour):
        red, green, blue = (int(colour[k : k + 2], 16) for k in (1, 3, 5))
        if colour in colours:
            return colours[colour]
        return (
            f"#{255 - red:02x}{255 - green:02x}{255 - blue:02x}" if red == green == blue else colour
        )

    def replaced(found):
        part = found[0]
        if not part.startswith("<"):
            return turned(marks, part)
        return re.sub("#[0-9a-f]{6}", lambda colour: turned(inks, colour[0]), part)

    svg = re.sub(r"<text\b[^>]*>|#[0-9a-f]{6}\b", replaced, svg)
    # what names no colour is black on light paper
    return svg.replace("<svg ", '<svg fill="#ffffff" ', 1)


def _difference(found, ax, metric):
    """Draw the paired differences in a metric, in colour where they stand."""
    rows = found.differences
    rows = rows[rows["metric"] == metric].reset_index(drop=True)
    # the line of no difference leaves room for the numbers above each row
    places = np.arange(len(rows))
    ax.vlines([0.0] * len(rows), places - 0.08, places + 0.42, color="0.4", linewidth=1.5)
    words, texts = [], []
    for k, row in enumerate(rows.itertuples()):
        colour = _UNDECIDED if row.verdict == "undecided" else look_of(row.loss).colour
        ax.plot([row.low, row.high], [k, k], color=colour, linewidth=3, solid_capstyle="butt")
        ax.plot(row.difference, k, color=colour, marker="o", markersize=7)
        text = f"{number(row.difference, metric, sign=True)} {row.verdict}"
        texts.append((row.difference, k, literal(text), ink(colour)))
        words.append(f"{look_of(row.loss).label} {text}")
    tell(ax, "Differences with 95 % intervals", ", ".join(words))
    ax.set_yticks(range(len(rows)), [literal(look_of(name).label) for name in rows["loss"]])
    for name, tick in zip(rows["loss"], ax.get_yticklabels(), strict=True):
        tick.set(color=ink(look_of(name).colour), fontweight="bold")
    ax.set_ylim(len(rows) - 0.6, -0.8)
    ax.margins(x=0.25)
    low, high = ax.get_xlim()
    for x, k, text, colour in texts:  # inside the frame
        share = (x - low) / (high - low)
        side = "left" if share < 0.36 else "right" if share > 0.7 else "center"
        x = {"left": low + 0.03 * (high - low), "right": high}.get(side, x)
        placed = {"textcoords": "offset points", "ha": side, "fontsize": 8.5}
        ax.annotate(text, (x, k), (0, 6), color=colour, **placed)
    ax.xaxis.set_major_locator(MaxNLocator(3))
    _, title = title_metric(metric)
    unit, against = METRICS[metric].unit, literal(look_of(found.baseline).label)
    ax.set(xlabel=f"minus {against}" + (f" ({unit})" if unit else ""))
    ax.figure.suptitle(title, x=0.01, ha="left", fontsize=9.5, fontweight="bold")


def _curve(found, ax, metric):
    means = found.curves[f"valid {metric}"]
    histories = {
        loss: [
            SimpleNamespace(number=epoch, metrics={metric: value})
            for epoch, value in means[loss].items()
        ]
        for loss in found.losses
        if loss in means
    }
    plots.plot_history(histories, metric, ax=ax)


def _by_class(found, ax):
    places = np.arange(len(found.classes))
    for loss, errors in found.by_class.items():
        look = look_of(loss)
        drawn = {"linewidth": 2, "marker": "o", "markersize": 4}
        ax.plot(places, errors, color=look.colour, label=literal(look.label), **drawn)
    above = {"loc": "upper center", "ncols": 2, "borderaxespad": 0.1}
    legend = ax.legend(fontsize="small", framealpha=0.6, handlelength=1.2, **above)
    for loss, text in zip(found.by_class, legend.get_texts(), strict=True):
        text.set_color(ink(look_of(loss).colour))
    ax.set(
        xlabel="true class", ylabel="MAE (class steps)", title="Errors by class: lower is better"
    )
    most = max(map(np.nanmax, found.by_class.values()))
    ax.set_ylim(0, (1.08 + 0.09 * math.ceil(len(found.by_class) / 2)) * (most or 1))
    name_classes(ax, found.classes, len(found.classes))


def _reliability(found, ax):
    plots.plot_reliability({k: one["curve"] for k, one in found.calibration.items()}, ax=ax)
    ax.set(title="Is the label class i or lower?")


def _spreads(found, ax):
    spreads = {loss: one["spreads"] for loss, one in found.calibration.items()}
    plots.plot_by_loss(spreads, xlabel="spread of a prediction (class steps)", ax=ax)
    ax.set(title="How sure each loss is")
