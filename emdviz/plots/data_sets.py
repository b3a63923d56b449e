"""The images of each class of a data set, and their number."""

from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np

from emdviz._docstrings import fill
from emdviz.palette import OKABE_ITO, SPLIT_COLOURS
from emdviz.plots.alt_text import tell
from emdviz.plots.labels import ink, literal, points
from emdviz.reading import check_is, read_count, to_numpy


@fill
def sheet(images, labels, classes=None, *, per_class=8, ax=None):
    """Show a sheet of images, a row per class.

    Parameters
    ----------
    images : uint8 array, shape (N, 3, H, W)
    labels : array of int, shape (N,)
        Class indices.
    classes : list of str, optional
        Names of the C classes, written beside their rows; 0, 1, … by default.
    per_class : int
        Images in a row: the first ones of the class. A class with fewer leaves room.
    %(axes)s

    Raises
    ------
    ValueError
        If images, labels and classes do not fit together.
    """
    images, labels = to_numpy(images, "images"), to_numpy(labels, "labels")
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1] != 3:
        raise ValueError(
            f"images must be uint8 of shape (N, 3, H, W), got {images.dtype} of {images.shape}"
        )
    if labels.shape != images.shape[:1] or labels.dtype.kind not in "iu":
        raise ValueError(
            f"labels must be integers of shape {images.shape[:1]}, "
            f"got {labels.dtype} of {labels.shape}"
        )
    per_class = read_count(per_class, "per_class", 1, 1000)
    if classes is None:
        classes = range(read_count(labels.max(initial=0), "labels", 0, 10_000) + 1)
    if len(labels) and not 0 <= labels.min() <= labels.max() < len(classes):
        raise ValueError(
            f"labels must be 0 to {len(classes) - 1}, got {labels.min()} to {labels.max()}"
        )
    ax = ax or plt.gca()
    height, width = images.shape[2:]
    gap = max(1, width // 16)
    rows, columns = height + gap, width + gap
    size = _font_for_rows(ax, len(classes), per_class)
    # RGBA: the gaps between the images are transparent
    canvas = np.zeros((len(classes) * rows - gap, per_class * columns - gap, 4), dtype=np.uint8)
    shown = []
    for k in range(len(classes)):
        chosen = np.flatnonzero(labels == k)[:per_class]
        for column, index in enumerate(chosen):
            place = canvas[k * rows :, column * columns :][:height, :width]
            place[..., :3] = np.moveaxis(images[index], 0, 2)
            place[..., 3] = 255
        shown.append(f"{classes[k]} {len(chosen)}")
        if not len(chosen):
            style = {"va": "center", "color": OKABE_ITO["grey"], "fontsize": size}
            ax.text(0, k * rows + (height - 1) / 2, "no images", **style)
    ax.imshow(canvas)
    places = np.arange(len(classes)) * rows + (height - 1) / 2
    ax.set_yticks(places, [literal(name) for name in classes], fontsize=size)
    ax.set_xticks([])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    tell(ax, "Sheet of images", f"a row per class, with so many: {', '.join(shown)}")
    return ax


@fill
def plot_class_counts(table, *, ax=None):
    """Draw how many images each class has in each split, as bars beside a table of the numbers.

    Parameters
    ----------
    table : pandas.DataFrame
        As :meth:`OrderedData.summary` returns it: a row per class and a last one for the total,
        a column per split and one called "all".
    %(axes)s
        Classes from top to bottom, in the colours of the splits; the numbers on the right.

    Raises
    ------
    ValueError
        If the table has no split.
    """
    import pandas as pd

    check_is(table, "table", pd.DataFrame, "what a data set's summary() returns")
    splits = [name for name in table.columns if name != "all"]
    if not splits:
        raise ValueError(f"table must have a column per split, got {list(table.columns)}")
    ax = ax or plt.gca()
    rows = np.arange(len(table))
    bars = rows < len(table) - 1
    colours = dict(zip(splits, cycle(SPLIT_COLOURS), strict=False)) | {"all": OKABE_ITO["black"]}
    columns = {name: [name, *(f"{value:,}" for value in table[name])] for name in table}
    widths = np.array([1.6 + max(map(len, column)) for column in columns.values()])  # letters
    longest = max(map(len, map(str, table.index)))
    size = _font_for_rows(ax, len(table) + 1)
    # numbers take at most two thirds of the room beside the names; a letter is 0.6 of its height
    width, _ = points(ax)
    size = min(size, 0.8 * width / (0.6 * (widths.sum() + 0.67 * longest)))
    letter = 0.6 * size
    share = letter * widths.sum() / min(width, 1.2 * width - letter * longest)
    ends = letter * (np.cumsum(widths) - widths.sum())
    left = 0
    for name in splits:
        ax.barh(rows[bars], table[name][bars], left=left, color=colours[name])
        left += table[name][bars]
    for end, (name, column) in zip(ends, columns.items(), strict=True):
        for row, text in zip([-1, *rows], column, strict=True):
            ax.annotate(
                literal(text),
                (1, row),
                (end, 0),
                xycoords=("axes fraction", "data"),
                textcoords="offset points",
                ha="right",
                va="center",
                color=ink(colours[name]),
                fontsize=size,
                fontweight="bold" if row < 0 else None,
            )
    # the bars end where the numbers begin
    ax.set_xlim(0, max(left.max(), 1) / (1 - share))
    ax.set_yticks(rows, [literal(name) for name in table.index], fontsize=size)
    ax.set_ylim(len(table) - 0.5, -1.5)
    ax.set_xticks([])
    ax.tick_params(length=0)
    ax.spines[["top", "right", "bottom"]].set_visible(False)
    ax.spines["left"].set_bounds(-0.5, bars.sum() - 0.5)
    words = [f"{name} {', '.join(columns[name][1:])}" for name in columns]
    names = ", ".join(map(str, table.index))
    tell(ax, "Bars and their numbers", f"images of {names}: {'; '.join(words)}")
    return ax


def show_image(image, *, ax=None):
    """Show one image, uint8 or uint16 of shape (1 or 3, H, W), without axes."""
    image = to_numpy(image, "image")
    if image.ndim != 3 or image.shape[0] not in (1, 3) or image.dtype not in (np.uint8, np.uint16):
        raise ValueError(
            "image must be uint8 or uint16 of shape (3, H, W) or (1, H, W), "
            f"got {image.dtype} of {image.shape}"
        )
    if image.dtype == np.uint16:
        image = (image // 257).astype(np.uint8)
    ax = ax or plt.gca()
    pixels = np.moveaxis(np.broadcast_to(image, (3, *image.shape[1:])), 0, 2)
    ax.imshow(pixels, interpolation="nearest")
    ax.set_axis_off()
    return ax


def _font_for_rows(ax, rows, columns=0):
    """Return a font size of which so many rows fit into the Axes, square cells if ``columns``."""
    width, height = points(ax)
    row = min(height / rows, width / columns if columns else np.inf)
    return min(plt.rcParams["font.size"], 0.75 * row)
