"""Pictures that were drawn once, and a slider that shows one of them."""

import base64
import html
import io

import ipywidgets

from emdviz.explorers.kit import Panel
from emdviz.explorers.kit.explorer import stand_alone
from emdviz.reading import read_names, shown

_PAGE = (
    '<img class="emdviz-page" alt="{alt}" style="max-width: 100%" width="{width}" '
    'src="data:image/png;base64,{png}">'
)
_DOTS_PER_PIXEL = 1.5  # so that text is sharp on screens of small pixels as well


def flip_book(figures, alt, *, name="epoch"):
    """Show matplotlib figures one at a time, chosen by a slider or in turn by a play button.

    Every figure is drawn here and closed. The slider then acts in the browser alone, so that the
    book stays live while the kernel is busy.

    Parameters
    ----------
    figures : iterable of matplotlib Figure
        Of one size; taken one by one, so that a generator needs the memory of one.
    alt : sequence of str
        What each picture shows, for those who cannot see it.
    name : str
        What is counted, beside the slider; from 1.

    Returns
    -------
    ipywidgets.VBox

    Raises
    ------
    ValueError
        If there is no figure, or not a description for each.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> book = flip_book((Figure() for _ in range(3)), ["first", "second", "third"])
    >>> pages, controls = book.children
    >>> len(pages.children)
    3
    """
    alt = read_names(alt, "alt")
    try:
        every = iter(figures)
    except TypeError:
        raise TypeError(f"figures must be Figures of matplotlib, got {shown(figures)}") from None
    # not zip(strict=True): it complains in words of its own
    pages = [ipywidgets.HTML(_draw(figure, text)) for text, figure in zip(alt, every, strict=False)]
    if len(pages) < len(alt) or next(every, None) is not None:
        raise ValueError(f"alt must describe every one of the figures, got {len(alt)} texts")
    if not pages:
        raise ValueError("figures must hold at least one figure, got none")
    stack = ipywidgets.Stack(pages, selected_index=0)
    numbers = [str(number) for number in range(1, len(pages) + 1)]
    slider = ipywidgets.SelectionSlider(options=numbers, description=name)
    play = ipywidgets.Play(max=len(pages) - 1, interval=800)
    ipywidgets.jslink((slider, "index"), (stack, "selected_index"))
    ipywidgets.jslink((play, "value"), (slider, "index"))
    return _FlipBook([stack, ipywidgets.HBox([play, slider])])


class _FlipBook(Panel):
    def _fragment(self):
        stack, controls = self.children
        pictures = [page.value for page in stack.children]
        return stand_alone(
            "pages", {"pictures": pictures, "name": controls.children[1].description}
        )


def _draw(figure, text):
    from matplotlib import pyplot as plt

    from emdviz.plots.alt_text import follow_theme

    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=figure.dpi * _DOTS_PER_PIXEL)
    plt.close(figure)
    png = base64.b64encode(file.getvalue()).decode()
    width = round(figure.get_figwidth() * figure.dpi)
    return follow_theme(figure, _PAGE.format(alt=html.escape(text), width=width, png=png))
