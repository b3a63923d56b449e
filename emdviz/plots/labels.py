"""Labels of classes, cells, lines and steps, placed where there is room."""

from itertools import pairwise

import numpy as np
from matplotlib import rcParams
from matplotlib.colors import to_hex
from matplotlib.font_manager import FontProperties
from matplotlib.patheffects import withStroke
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Affine2D

from emdviz.losses.loss import look_of
from emdviz.metrics import METRICS
from emdviz.palette import for_text
from emdviz.reading import check_is, read_names, shown

_LETTER = 0.6  # width of a letter, of its font size
_LINE = 1.25  # height of a line
_SLANT = 40  # degrees
_STEPS = [factor * 10**power for power in range(5) for factor in (1, 2, 5)]


def class_names(classes, num_classes):
    """Return the names of the classes as a list of str; 0, 1, … by default."""
    return read_names(range(num_classes) if classes is None else classes, "classes", num_classes)


def literal(text):
    """Return a text that matplotlib writes as it is, and does not read as a formula."""
    return str(text).replace("$", r"\$")


def ink(colour):
    """Return a matplotlib colour as text in it is written, so that it can be read."""
    return for_text(to_hex(colour))


def check_by_loss(values, name):
    """Raise an error unless ``values`` is a dict whose keys are names of losses."""
    check_is(values, name, dict, "a dict of losses' names to what is drawn of each")
    if unknown := [key for key in values if not isinstance(key, str)]:
        raise ValueError(f"{name} must be by names of losses, got {shown(unknown[0])}")


def every(names, most):
    """Keep at most so many names, evenly spaced; the others become empty."""
    step = next((step for step in _STEPS if len(names) <= most * step), _STEPS[-1])
    return [name if k % step == 0 else "" for k, name in enumerate(names)]


def name_classes(ax, classes, num_classes, places=None):
    """Write the class names below the x axis, so that none covers another.

    They are slanted where they are long, then smaller, and of very many some are left out.
    """
    names = class_names(classes, num_classes)
    places = np.arange(num_classes) if places is None else np.asarray(places)
    width, _ = points(ax)
    _write_names(ax.xaxis, names, places, width / (np.ptp(places) + 1) if len(places) else width)


def bar_width(places):
    """Return the width of bars at places, so that there is room between them."""
    return 0.8 * np.diff(places).min() if len(places) > 1 else 0.8


def halo(colour, width=3):
    """Return the effect that keeps text readable on lines: an outline in the colour behind it."""
    return [withStroke(linewidth=width, foreground=colour)]


def title_metric(metric):
    """Return a metric's name with its unit, and a title that tells which way is better."""
    spec = METRICS[metric]
    arrow = "higher is better" if spec.higher_is_better else "lower is better"
    return f"{metric} ({spec.unit})" if spec.unit else metric, f"{metric}: {arrow}"


def name_cells(ax, classes, num_columns, num_rows=None):
    """Write the class names below and to the left of the square cells of a matrix."""
    num_rows = num_rows or num_columns
    columns = class_names(classes, num_columns)
    rows = columns if num_rows == num_columns else class_names(None, num_rows)
    # the names take from the room that the figure has for Axes and names together
    letters = _LETTER * _size(ax.xaxis) * max(map(len, [*rows, *columns]))
    width, height = 1.2 * np.array(points(ax)) - (letters, letters * np.sin(np.radians(_SLANT)))
    cell = max(1.0, min(width / num_columns, height / num_rows))
    _write_names(ax.xaxis, columns, np.arange(num_columns), cell)
    _write_names(ax.yaxis, rows, np.arange(num_rows), cell)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)


def _write_names(axis, names, places, unit):
    """Write names at places, of which a distance of 1 is ``unit`` points long."""
    size = _size(axis)
    gaps = unit * np.diff(places)
    least = gaps.min(initial=np.inf)
    widths = [_LETTER * size * len(name) for name in names]
    beside = [(a + b) / 2 + 1.5 * _LETTER * size for a, b in pairwise(widths)]
    upright = axis.axis_name == "y"
    flat = upright or all(gaps >= beside) or max(widths, default=0) <= 3 * _LETTER * size
    room = _LINE if upright else _LINE / np.sin(np.radians(_SLANT))  # in lines
    if not flat or upright:
        size = np.clip(least / room, 0.65 * size, size)
    needed = room * size if not flat or upright else max(beside, default=0)
    room = gaps.mean() if len(gaps) else np.inf
    step = next((step for step in _STEPS if step * room >= 0.99 * needed), _STEPS[-1])
    slanted = {} if flat else {"rotation": _SLANT, "ha": "right", "rotation_mode": "anchor"}
    written = [literal(name) for name in names[::step]]
    axis.set_ticks(places[::step], written, fontsize=size, **slanted)


def _size(axis):
    usual = rcParams[f"{axis.axis_name}tick.labelsize"]
    return FontProperties(size=axis.get_tick_params().get("labelsize", usual)).get_size()


def points(ax):
    """Return width and height of an Axes in points, as they are before the layout."""
    box = ax.get_window_extent().transformed(ax.figure.dpi_scale_trans.inverted())
    return 72 * box.width, 72 * box.height


class _CellNumber(Text):
    """A number in a cell, as large as fits; left out where it would be too small to read."""

    def __init__(self, *args, cells, **options):
        super().__init__(*args, clip_on=True, **options)
        self._cells = cells
        self._largest = self.get_fontsize()

    def draw(self, renderer):
        # only now, after the layout, is the size of the cells known
        rows, columns = self._cells
        box, dpi = self.axes.bbox, self.get_figure(root=True).dpi
        cell = 72 / dpi * min(box.width / columns, box.height / rows)
        size = min(self._largest, 0.45 * cell)
        if size >= 5:
            self.set_fontsize(size)
            super().draw(renderer)


def number_cells(ax, matrix, *, greatest):
    """Write shares or distances into the cells of a matrix, white where the colour is dark."""
    if max(matrix.shape) > 40:
        return  # no figure has room for so many
    for (i, j), share in np.ndenumerate(matrix):
        if share > 0.005:
            text = f"{share:.2f}"[1:] if share < 0.995 else f"{share:.2g}"
            colour = "white" if share > 0.6 * greatest else "black"
            placed = {"ha": "center", "va": "center", "color": colour}
            ax.add_artist(_CellNumber(j, i, text, cells=matrix.shape, **placed))


def whole_numbers(axis):
    """Give an axis ticks at whole numbers, as many as fit."""
    axis.set_major_locator(MaxNLocator("auto", integer=True, min_n_ticks=1))


def label_ends(ax, ends, styles=None):
    """Write labels beside the ends of lines, none over another.

    ``ends`` is a dict of names to last points (x, y), ``styles`` one to (label, colour); by
    default names are those in ``losses.LOSSES``.
    """
    if styles is None:
        styles = {name: (look_of(name).label, look_of(name).colour) for name in ends}
    points = np.array([*ends.values()], dtype=float)
    for k, name in enumerate(ends):
        label, colour = styles[name]
        ax.annotate(
            literal(label),
            points[k],
            (0, 0),
            # where the others stand is known when the figure is drawn
            textcoords=lambda renderer, k=k: Affine2D().translate(
                *_beside(ax, points, renderer)[k]
            ),
            va="center",
            color=ink(colour),
            fontweight="bold",
            annotation_clip=False,
        )


def _beside(ax, points, renderer):
    """Return where labels stand on the canvas: right of the points, a line of text apart."""
    x, y = ax.transData.transform(points).T
    pixel = renderer.points_to_pixels(1)
    line = _LINE * FontProperties().get_size() * pixel
    order = np.argsort(y, kind="stable")
    for before, after in pairwise(order):
        y[after] = max(y[after], y[before] + line)
    excess = y.max(initial=0) - (ax.bbox.y1 - line / 2)
    # labels that were pushed above the Axes take those below with them
    return np.stack([x + 6 * pixel, y - max(0, excess) * (len(y) > 1)], axis=1)


def name_steps(ax, edges, steps, names, colours):
    """Write the names of two CDFs beside their steps, outside the gap where there is room.

    ``edges`` (C + 1,) and the values of each step function (C,) are those of ``Axes.stairs``.
    """
    size = FontProperties().get_size()
    width, height = points(ax)
    per_letter = 0.65 * size * np.ptp(edges) / width
    share = 1.3 * size / height
    ax.set_ylim(-0.02, 1.04 / (1 - share))  # above 1 there is room for a name
    tall = share * np.ptp(ax.get_ylim())
    taken = []
    for own, other, name, colour in zip(steps, steps[::-1], names, colours, strict=True):
        half = per_letter * (len(name) + 1) / 2
        places = [
            (_room(own[seen], other[seen], bottom, tall, ax.get_ylim()[1]), x, bottom)
            for x in np.linspace(edges[0] + half, edges[-1] - half, 61)
            for seen in [(edges[1:] > x - half) & (edges[:-1] < x + half)]
            for bottom in (own[seen].max() + 0.02, own[seen].min() - 0.02 - tall)
            if not any(abs(x - u) < half + v and abs(bottom - w) < tall for u, v, w in taken)
        ]
        _, x, bottom = max(places)
        taken.append((x, half, bottom))
        middle = bottom + tall / 2
        looks = {"color": ink(colour), "fontweight": "bold"}
        ax.text(x, middle, literal(name), ha="center", va="center", **looks)


def _room(own, other, bottom, tall, limit):
    """Rate a place for the name of a step by what is drawn above and below it."""
    top = bottom + tall
    free = max(bottom - other.max(), other.min() - top)
    within_gap = own.max() < bottom < top < other.min() or other.max() < bottom < top < own.min()
    outside = bottom < 0 or top > limit
    gap = np.abs(own - other).mean()
    return min(free, 0.2) + 0.2 * gap - np.ptp(own) - 0.3 * within_gap - (free < 0) - 2 * outside
