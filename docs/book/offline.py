"""What figures that need a kernel leave in the book, which has none; runs in a notebook's kernel.

An explorer leaves its own offline page and a picture, both as it is when the notebook has run:
what a reader of the notebook would see then too. A flip book leaves its pages.
"""

import html
import json
import re
from pathlib import Path

from matplotlib import pyplot as plt

from emdviz.explorers.flip_books import FlipBook
from emdviz.explorers.kit import Explorer, Panel
from emdviz.plots.alt_text import describe

MIME = "application/vnd.emdviz.book+json"

_shown = []


def install():
    """Let what explorers and flip books display be what the book can show."""
    Explorer._repr_mimebundle_ = _display_explorer
    Panel._repr_mimebundle_ = _display_panel


def save(folder, stem):
    """Write the pages and pictures of all explorers that were displayed, and say what they are.

    Prints JSON: a list with the ``name``, ``title`` and ``alt`` of each, in the order of display.
    """
    print(json.dumps([keep(each, folder, f"{stem}-{i}") for i, each in enumerate(_shown)]))


def keep(explorer, folder, name):
    """Write the page and the picture of one explorer; return what they are."""
    page = explorer.save_html(Path(folder) / f"{name}.html")
    return draw(explorer, page.with_suffix(".png"))


def draw(explorer, path):
    """Write the picture of one explorer; return its ``name``, ``title`` and ``alt``."""
    figure = explorer.figure()
    figure.savefig(path, dpi=2 * figure.dpi)
    plt.close(figure)
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(explorer).__name__)
    return {"name": path.stem, "title": words.capitalize(), "alt": describe(figure)}


def _display_explorer(explorer, **_):
    if not any(explorer is each for each in _shown):
        _shown.append(explorer)
    place = next(i for i, each in enumerate(_shown) if each is explorer)
    return {MIME: place, "text/plain": type(explorer).__name__}, {}


def _display_panel(panel, **_):
    for child in panel.children:
        if isinstance(child, Explorer):  # its sliders repeat what can be dragged in it
            return _display_explorer(child)
    if isinstance(panel, FlipBook):
        return {"text/html": _flip_book(panel)}, {}
    return {"text/plain": type(panel).__name__}, {}


def _flip_book(book):
    pages = "".join(f"<div>{page.value}</div>" for page in book.pages)
    slider = f'<input type="range" min="1" max="{len(book.pages)}" value="1">'
    label = f"<label>{html.escape(book.name)} {slider} <output>1</output></label>"
    return f'<div class="book-flip">{pages}{label}</div>'
