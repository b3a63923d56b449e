"""The style of figures and of tables, in matplotlib and pandas."""

from contextlib import contextmanager

from emdviz.losses import LOSSES, zoo
from emdviz.losses.loss import look_of
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
        Rows or columns may be names in ``losses.LOSSES``, ``losses.zoo.names()`` or
        ``metrics.METRICS``; others stay.
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
        return look_of(name).label if name in LOSSES or name in zoo.names() else name

    styled = frame.rename(index=named, columns=named).style
    styled.format(precision=digits, na_rep="", thousands=",", escape="html")
    return styled if caption is None else styled.set_caption(caption)


def style_parameters(context="notebook"):
    """Return the rcParams of emdviz's style as a dict; ``context`` as in :func:`style`."""
    read_choice(context, "context", sorted(_CONTEXTS))
    import seaborn as sns

    scale = _CONTEXTS[context]
    return (
        sns.axes_style("ticks")
        | sns.plotting_context("notebook", font_scale=scale)
        | {
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlelocation": "left",
            "axes.titleweight": "bold",
            "axes.titlesize": 12 * scale,
            "figure.constrained_layout.use": True,
            "figure.dpi": 100,
            "savefig.dpi": 200,
            "svg.fonttype": "none",
        }
    )
