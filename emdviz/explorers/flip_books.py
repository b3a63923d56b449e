"""Pictures that were drawn once, and a slider that shows one of them."""

import base64
import html
import io

import ipywidgets
from IPython import get_ipython
from IPython.display import display

from emdviz.explorers.kit import Panel
from emdviz.explorers.kit.explorer import stand_alone
from emdviz.reading import read_names, shown

_PAGE = (
    '<img class="emdviz-page" alt="{alt}" style="max-width: 100%" width="{width}" '
    'src="data:image/png;base64,{png}">'
)
_DOTS_PER_PIXEL = 1.5  # so that text is sharp on screens of small pixels as well


def flip_book(figures=None, alt=(), *, name="epoch"):
    """Show matplotlib figures one at a time, chosen by a slider or in turn by a play button.

    Every figure is drawn here and closed. The slider then acts in the browser alone, so that the
    book stays live while the kernel is busy.

    Parameters
    ----------
    figures : iterable of matplotlib Figure, optional
        Of one size; taken one by one, so that a generator needs the memory of one.
    alt : sequence of str
        What each picture shows, for those who cannot see it.
    name : str
        What is counted, beside the slider; from 1.

    Returns
    -------
    FlipBook
        A widget, whose ``add(figure, alt)`` appends a page. In ``with flip_book() as book:`` it is
        shown at once, and grows with each page.

    Raises
    ------
    ValueError
        If there is no figure in ``figures``, or not a description for each.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> book = flip_book((Figure() for _ in range(2)), ["first", "second"])
    >>> book.add(Figure(), "third")
    >>> len(book.pages)
    3
    """
    book, alt = FlipBook(name), read_names(alt, "alt")
    try:
        every = iter(() if figures is None else figures)
    except TypeError:
        raise TypeError(f"figures must be Figures of matplotlib, got {shown(figures)}") from None
    # not zip(strict=True): it complains in words of its own
    for text, figure in zip(alt, every, strict=False):
        book.add(figure, text)
    if len(book.pages) < len(alt) or next(every, None) is not None:
        raise ValueError(f"alt must describe every one of the figures, got {len(alt)} texts")
    if not book.pages and figures is not None:
        raise ValueError("figures must hold at least one figure, got none")
    return book


class FlipBook(Panel):
    """Pages, of which a slider shows one; :func:`flip_book` makes it.

    In a ``with`` block it is shown at once; outside of a notebook nothing is shown.
    """

    def __init__(self, name):
        super().__init__()
        self.name, self._display = name, None
        # an empty page 0, so that the value of the slider, which counts from 1, chooses the page
        self._stack = ipywidgets.Stack([ipywidgets.HTML()])
        self._slider = ipywidgets.IntSlider(min=1, max=1, description=name)
        self._play = ipywidgets.Play(min=1, max=1, interval=800)

    @property
    def pages(self):
        """The pages so far, as widgets that hold HTML."""
        return self._stack.children[1:]

    def add(self, figure, alt):
        """Draw a figure, close it, and append it as a page; ``alt`` says what it shows."""
        self._stack.children += (ipywidgets.HTML(_draw(figure, alt)),)
        self._slider.max = self._play.max = len(self.pages)
        if len(self.pages) == 1:
            self._stack.selected_index = 1
            self.children = [self._stack]
        elif len(self.pages) == 2:
            ipywidgets.jslink((self._slider, "value"), (self._stack, "selected_index"))
            ipywidgets.jslink((self._play, "value"), (self._slider, "value"))
            # above the page, so that they are in sight where a screen ends within it
            self.children = [ipywidgets.HBox([self._play, self._slider]), self._stack]

    def __enter__(self):
        if get_ipython() is not None:
            self._display = display(self, display_id=True)
        return self

    def __exit__(self, *_):
        if self._display is not None:  # for readers without a kernel, who get what was shown last
            self._display.update(self)

    def fragment(self):
        """Return HTML that shows the pictures without a kernel, to put into a page."""
        pictures = [page.value for page in self.pages]
        return stand_alone("pages", {"pictures": pictures, "name": self.name}) if pictures else ""


def _draw(figure, text):
    from matplotlib import pyplot as plt

    from emdviz.plots.alt_text import follow_theme

    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=figure.dpi * _DOTS_PER_PIXEL)
    plt.close(figure)
    png = base64.b64encode(file.getvalue()).decode()
    width = round(figure.get_figwidth() * figure.dpi)
    return follow_theme(figure, _PAGE.format(alt=html.escape(text), width=width, png=png))
