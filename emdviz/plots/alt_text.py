"""Descriptions of figures in words, for readers who cannot see them.

The words are made from the marks in the figure themselves: titles, axes, names and numbers are
those that are drawn. After :func:`emdviz.plots.style.use`, every figure in a notebook has them.
"""

import base64
import html
import warnings
from weakref import WeakKeyDictionary

import numpy as np
from matplotlib import cbook
from matplotlib.collections import PathCollection, QuadMesh
from matplotlib.colors import to_hex
from matplotlib.container import BarContainer
from matplotlib.contour import ContourSet
from matplotlib.figure import Figure
from matplotlib.patches import StepPatch
from matplotlib.ticker import LogFormatter, NullFormatter, ScalarFormatter

from emdviz.palette import for_text

_MANY_PANELS = 6
_MANY_NUMBERS = 10
_LONGEST = 1500

_IN_THE_DARK = """<style>
[data-jp-theme-light="false"] [data-emdviz-ink] {
  filter: invert(1) hue-rotate(180deg);
  mix-blend-mode: screen;
}
</style>"""

_told = WeakKeyDictionary()


def tell(ax, kind, words):
    """Describe an Axes whose marks do not say what it shows: the kind of plot, and words."""
    _told[ax] = kind, [words]


def describe(figure):
    """Describe a figure in words: what is drawn, its titles, axes and series, and some numbers.

    Parameters
    ----------
    figure : matplotlib Figure

    Returns
    -------
    str
        One line of plain text; a longer one is cut off after 1,500 characters.

    Examples
    --------
    >>> figure = Figure()
    >>> ax = figure.subplots()
    >>> _ = ax.plot([1, 2, 3], [0.5, 0.1, 0.2], label="EMD²")
    >>> _ = ax.set(title="Training", xlabel="epoch", ylabel="loss")
    >>> describe(figure)
    'Line plot "Training": loss against epoch. EMD²: 0.5 at 1, least 0.1 at 2, 0.2 at 3.'
    """
    axes = [ax for ax in figure.axes if ax.get_visible() and ax.get_label() != "<colorbar>"]
    words = [_describe_axes(ax, brief=len(axes) > _MANY_PANELS) for ax in axes]
    if len(words) > 1:
        words = [f"Panel {k}: {text}" for k, text in enumerate(words, start=1)]
        words.insert(0, f"Figure of {len(axes)} panels.")
    title = _plain(figure.get_suptitle())
    text = " ".join(([f"{title}."] if title else []) + words) or "Empty figure."
    return text if len(text) <= _LONGEST else text[: _LONGEST - 2].rsplit(" ", 1)[0] + " …"


def show_in(shell):
    """Let IPython's ``shell`` show matplotlib figures sharply, and with their descriptions.

    JupyterLab gives no description to a picture of type image/png, whatever its metadata say; so
    the picture is sent as HTML as well. Other readers of notebooks find both. Where another format
    is chosen later, with ``%config InlineBackend.figure_formats``, that one is shown as it is.
    """
    from IPython.core.pylabtools import retina_figure
    from matplotlib_inline.config import InlineBackend

    formatter = shell.display_formatter

    def bundle(figure, include=None, exclude=None):
        others = [each for each in formatter.formatters.values() if Figure in each.type_printers]
        options = InlineBackend.instance(parent=shell).print_figure_kwargs
        drawn = None if others else retina_figure(figure, **options)
        if drawn is None:
            return None
        png, size = base64.b64encode(drawn[0]).decode(), drawn[1]
        words = _in_words(figure)
        image = _to_html(words, png, size["width"])
        data = {"text/html": follow_theme(figure, image), "image/png": png}
        return data | {"text/plain": words}, {"image/png": size | {"alt": words}}

    # else IPython would draw the figure a second time
    formatter.formatters["image/png"].pop(Figure, None)
    formatter.mimebundle_formatter.for_type(Figure, bundle)


def _in_words(figure):
    try:
        return describe(figure)
    except Exception as error:  # a figure without words is better than none
        text = f"the figure is shown without a description: {type(error).__name__}: {error}"
        warnings.warn(text, stacklevel=2)
        return "Figure without a description."


def _to_html(words, png, width):
    """Return an HTML image, ``width`` CSS pixels wide, of a picture encoded with base64."""
    alt, style = html.escape(words), "max-width: 100%; height: auto"
    return f'<img alt="{alt}" width="{width}" style="{style}" src="data:image/png;base64,{png}">'


def follow_theme(figure, image):
    """Let the HTML ``image`` of a figure follow the theme of JupyterLab.

    In the dark theme it is turned from black on white to white on the colour of the page, and all
    hues are kept. Photographs would suffer: a figure that holds one stays as it is.
    """
    if any(np.ndim(image.get_array()) == 3 for ax in figure.axes for image in ax.images):
        return image
    return image.replace("<img", "<img data-emdviz-ink", 1) + _IN_THE_DARK


def _describe_axes(ax, *, brief):
    title = _plain(ax.get_title("left") or ax.get_title() or ax.get_title("right"))
    named = f' "{title}"' if title else ""
    kind, series = _told.get(ax) or _read_marks(ax, brief)
    across, up = (_plain(label) for label in (ax.get_xlabel(), ax.get_ylabel()))
    axes = f"{up} against {across}" if across and up else up or across
    if (brief and title) or kind == "Heat map":
        axes = ""
    logs = [f"{way} axis logarithmic" for way in "xy" if getattr(ax, f"get_{way}scale")() == "log"]
    head = f"{kind or 'Plot'}{named}" + (f": {', '.join([axes, *logs])}" if axes else "")
    return ". ".join([head, *(text.rstrip(".") for text in series)]) + "."


def _read_marks(ax, brief):
    """Return the kind of a plot, and a sentence for each of its series."""
    kinds, series = [], []

    def add(kind, name, text):
        kinds.append(kind)
        if text:
            series.append(f"{name}: {text}" if name else text)

    for image in ax.images:
        add(*_read_image(ax, image, brief))
    for bars in ax.containers:
        if isinstance(bars, BarContainer) and len(bars):
            add("Bar chart", *_read_bars(ax, bars, brief))
    for steps in ax.patches:
        if isinstance(steps, StepPatch):
            values, edges, _ = steps.get_data()
            text = _steps(ax, edges, values, brief)
            add("Step plot", _name(ax, steps, steps.get_edgecolor()), text)
    joined = {}
    for line in ax.lines:
        count = len(line.get_xydata())
        if line.get_transform() != ax.transData or not count:
            continue  # a line of reference, through the whole Axes
        loose = line.get_linestyle() in ("None", "", " ") and count > 1
        name = _name(ax, line, line.get_color())
        joined.setdefault(("Scatter plot" if loose else "Line plot", name), []).append(line)
    for (kind, name), lines in joined.items():
        x, y = np.concatenate([line.get_xydata() for line in lines]).T
        spread = kind == "Scatter plot" or len(lines) > 1
        text = _cloud(x, y) if spread else _along(ax, x, y, brief)
        add(kind, name, f"{len(lines)} lines, {text}" if spread and kind == "Line plot" else text)
    for drawn in ax.collections:
        if isinstance(drawn, PathCollection):
            add("Scatter plot", _own_name(drawn), _cloud(*np.ma.filled(drawn.get_offsets()).T))
        elif isinstance(drawn, (ContourSet, QuadMesh)):
            low, high = drawn.get_clim()
            add("Contour map", None, f"values from {_say(low)} to {_say(high)}")
    kind = " and ".join(dict.fromkeys(kinds)).capitalize() if kinds else None
    return kind, series


def _read_image(ax, image, brief):
    array = np.ma.filled(np.ma.asarray(image.get_array(), dtype=float), np.nan)
    rows, columns = array.shape[:2]
    if array.ndim == 3:
        return "Picture", None, "" if brief else f"{columns} by {rows} pixels"
    down, across = _plain(ax.get_ylabel()), _plain(ax.get_xlabel())
    text = f"{rows} rows{down and f' ({down})'} by {columns} columns{across and f' ({across})'}"
    if brief or rows > _MANY_NUMBERS or not np.isfinite(array).any():
        return "Heat map", None, text
    greatest = [
        f"{_place(ax, k, 'y')}: {_say(np.nanmax(row))} at {_place(ax, np.nanargmax(row))}"
        for k, row in enumerate(array)
        if np.isfinite(row).any()
    ]
    return "Heat map", None, f"{text}, greatest of each row {', '.join(greatest)}"


def _read_bars(ax, bars, brief):
    upright = bars.orientation != "horizontal"
    # NaN is not drawn
    values = np.nan_to_num([bar.get_height() if upright else bar.get_width() for bar in bars])
    centres = [bar.get_center()[0 if upright else 1] for bar in bars]
    way = "x" if upright else "y"
    bar = bars[0]
    name = _name(ax, bars, bar.get_facecolor() if bar.get_fill() else bar.get_edgecolor())
    seen = np.flatnonzero(values)
    if brief or len(seen) > _MANY_NUMBERS:
        best = np.argmax(abs(values))
        return name, f"{len(values)} bars, greatest {_say(values[best])} at " + _place(
            ax, centres[best], way
        )
    shown = [f"{_say(values[k])} at {_place(ax, centres[k], way)}" for k in seen]
    return name, ", ".join(shown) or f"{len(values)} bars, all 0"


def _steps(ax, edges, values, brief):
    if brief or len(values) > _MANY_NUMBERS:
        return _along(ax, edges[:-1], values, brief)
    return ", ".join(
        f"{_say(value)} from {_place(ax, edge)}"
        for value, edge in zip(values, edges[:-1], strict=True)
    )


def _along(ax, x, y, brief):
    """Return where a line begins and ends, and where between it is least or greatest."""
    x, y = _numbers(x), _numbers(y)
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    if not len(x):
        return "nothing"
    marked = {0: "", len(x) - 1: ""}
    beyond = 0.02 * np.ptp(y)
    for word, k, excess in (
        ("least ", np.argmin(y), min(y[0], y[-1]) - y.min()),
        ("greatest ", np.argmax(y), y.max() - max(y[0], y[-1])),
    ):
        if excess > beyond and not brief:
            marked[int(k)] = word
    return ", ".join(f"{marked[k]}{_say(y[k])} at {_place(ax, x[k])}" for k in sorted(marked))


def _cloud(x, y):
    x, y = (part[np.isfinite(part)] for part in (_numbers(x), _numbers(y)))
    if not len(x) or not len(y):
        return "nothing"
    ranges = [f"{way} from {_say(a.min())} to {_say(a.max())}" for way, a in (("x", x), ("y", y))]
    return f"{len(x)} points, {', '.join(ranges)}"


def _numbers(values):
    return np.ma.filled(np.ma.asarray(values, dtype=float), np.nan)


def _own_name(artist):
    label = str(artist.get_label())
    return None if label.startswith("_") else _plain(label)


def _name(ax, artist, colour):
    """Return an artist's label, or the bold word beside it that has its colour."""
    if own := _own_name(artist):
        return own
    looks = {to_hex(colour), for_text(to_hex(colour)).lower()}
    same = [
        text.get_text()
        for text in ax.texts
        if text.get_fontweight() in ("bold", 700)
        and to_hex(text.get_color(), keep_alpha=False) in looks
    ]
    return _plain(same[0]) if len(same) == 1 else None


def _place(ax, value, way="x"):
    """Return the name that an axis gives to a place, else its number."""
    axis = getattr(ax, f"{way}axis")
    formatter = axis.get_major_formatter()
    if not isinstance(formatter, (ScalarFormatter, LogFormatter, NullFormatter)):
        ticks = axis.get_majorticklocs()
        for tick, name in zip(ticks, formatter.format_ticks(ticks), strict=True):
            if name and np.isclose(tick, value):
                return _plain(str(name))
    return _say(value)


def _say(number):
    return f"{number:.3g}"


def _plain(text):
    """Return a label in one line, without the signs of mathematical notation."""
    if cbook.is_math_text(text):
        for sign in ("$", "{", "}", "\\mathrm", "\\"):
            text = text.replace(sign, "")
    text = text.replace("\\$", "$")
    return " ".join(text.split())
