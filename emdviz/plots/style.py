"""The style of figures and of tables, in matplotlib and pandas."""

from contextlib import contextmanager

from emdviz.losses import LOSSES
from emdviz.metrics import METRICS, heading
from emdviz.reading import read_choice

_CONTEXTS = {"notebook": 1.0, "projector": 1.6, "print": 0.8}


@contextmanager
def style(context="notebook"):
    """Use emdviz's matplotlib style inside a ``with`` block.

    Parameters
    ----------
    context : {"notebook", "projector", "print"}
        How large text and lines are: for a laptop, the back row, or a column of a paper.

    Raises
    ------
    ValueError
        If ``context`` is not one of the three.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> with style("projector"):
    ...     plt.rcParams["axes.titlelocation"]
    'left'
    """
    import matplotlib.pyplot as plt

    with plt.rc_context(style_parameters(context)):
        yield


_PRESENTED = """<style class="emdviz-presented">
.jp-mod-presentationMode .jp-InputPlaceholder,
.jp-mod-presentationMode .jp-CodeCell:has(.jp-InputPlaceholder):not(:has(.jp-OutputArea-child)),
.jp-mod-presentationMode .jp-CodeCell:has(.jp-InputPlaceholder):has(.emdviz-presented),
.jp-OutputArea-child:has(> * > .emdviz-presented) { display: none; }
</style>"""
"""Takes the grey stubs of collapsed code away, and the place of this output itself."""


def use(context="notebook"):
    """Use emdviz's matplotlib style from here on; for the first cell of a notebook.

    Figures are then shown there as sharp as the screen is, each with a description in words for
    those who cannot see it: :func:`emdviz.plots.alt_text.describe`. In JupyterLab's dark theme they
    are turned to light on dark, but for those that hold photographs; files stay dark on white.

    Parameters and errors are those of :func:`style`.
    """
    import matplotlib.pyplot as plt

    plt.rcParams.update(style_parameters(context))
    if "inline" in plt.get_backend():
        from IPython import get_ipython
        from IPython.display import display

        from emdviz.plots.alt_text import show_in

        show_in(get_ipython())
        display({"text/html": _PRESENTED, "text/plain": ""}, raw=True)


def table(frame, *, digits=2, caption=None):
    """Style a table for a notebook: losses by their labels, metrics with unit and direction.

    Parameters
    ----------
    frame : pandas.DataFrame
        Rows or columns may be names in ``losses.LOSSES`` or ``metrics.METRICS``; others stay.
    digits : int
        Decimal places of numbers that are not whole; missing numbers are left empty.
    caption : str, optional

    Returns
    -------
    pandas.io.formats.style.Styler

    Examples
    --------
    >>> import pandas as pd
    >>> styled = table(pd.DataFrame({"AEM": [61.234]}, index=["EMD2"]), digits=1)
    >>> print(styled.to_string(delimiter=" | ").strip())
    | AEM (%) ↑
    EMD² | 61.2
    """

    def named(name):
        if name in METRICS:
            return heading(name)
        return LOSSES[name].label if name in LOSSES else name

    styled = frame.rename(index=named, columns=named).style
    styled.format(precision=digits, na_rep="", thousands=",", escape="html")
    return styled if caption is None else styled.set_caption(caption)


_LOOK = {
    "axes.axisbelow": True,
    "axes.edgecolor": ".15",
    "axes.facecolor": "white",
    "axes.grid": False,
    "axes.labelcolor": ".15",
    "axes.linewidth": 1.25,
    "axes.spines.bottom": True,
    "axes.spines.left": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "figure.constrained_layout.use": True,
    "figure.dpi": 100,
    "figure.facecolor": "white",
    "font.family": ["sans-serif"],
    "font.sans-serif": ["Arial", "DejaVu Sans", "Liberation Sans", "sans-serif"],
    "grid.color": ".8",
    "grid.linestyle": "-",
    "grid.linewidth": 1,
    "lines.linewidth": 1.5,
    "lines.markersize": 6,
    "lines.solid_capstyle": "round",
    "patch.edgecolor": "w",
    "patch.force_edgecolor": True,
    "patch.linewidth": 1,
    "savefig.dpi": 200,
    "svg.fonttype": "none",
    "text.color": ".15",
}
_SIZES = {
    "axes.labelsize": 12,
    "axes.titlesize": 12,
    "font.size": 12,
    "legend.fontsize": 11,
    "legend.title_fontsize": 12,
    "xtick.labelsize": 11,
    "ytick.labelsize": 11,
}
_TICKS = {
    "color": ".15",
    "direction": "out",
    "major.size": 6,
    "major.width": 1.25,
    "minor.size": 4,
    "minor.width": 1,
}


def style_parameters(context="notebook"):
    """Return the rcParams of emdviz's style as a dict; ``context`` as in :func:`style`.

    They are those of seaborn's style "ticks", but for spines, titles and layout.
    """
    read_choice(context, "context", sorted(_CONTEXTS))
    sizes = {name: size * _CONTEXTS[context] for name, size in _SIZES.items()}
    ticks = {f"{side}tick.{name}": value for side in "xy" for name, value in _TICKS.items()}
    return _LOOK | sizes | ticks
