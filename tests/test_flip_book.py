import base64
import io
import re

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
from matplotlib.figure import Figure
from nbclient import NotebookClient

from emdviz.explorers import flip_book


def grey(shade):
    figure = plt.figure(figsize=(2, 1), dpi=50)
    figure.set_facecolor(str(shade))
    return figure


def test_pages_are_the_figures_with_their_descriptions():
    shades = [0.0, 0.5, 1.0]
    alt = ['a "dark" page', "a grey page", "<b>a white page"]
    book = flip_book(map(grey, shades), alt)
    assert plt.get_fignums() == []
    for page, shade, text in zip(book.pages, shades, alt, strict=True):
        png = re.search(r"base64,([^\"]+)\"", page.value)[1]
        picture = plt.imread(io.BytesIO(base64.b64decode(png)))
        assert picture.shape == (75, 150, 4)
        np.testing.assert_allclose(picture[..., :3], shade, atol=0.01)
        escaped = text.replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")
        assert f'alt="{escaped}"' in page.value
        assert 'width="100"' in page.value


def test_the_slider_counts_from_one_and_play_shows_every_page():
    book = flip_book(map(grey, (0, 1)), ["black", "white"], name="epoch")
    controls, stack = book.children
    play, slider = controls.children
    assert slider.description == "epoch"
    assert slider.value == stack.selected_index == play.value == 1
    assert stack.children[1:] == book.pages
    assert (slider.min, slider.max) == (play.min, play.max) == (1, 2)


def test_a_book_grows_and_stays_where_its_reader_is():
    book = flip_book()
    assert book.children == ()
    book.add(grey(0), "black")
    (stack,) = book.children  # nothing to choose yet
    book.add(grey(0.5), "grey")
    slider = book.children[0].children[1]
    slider.value = stack.selected_index = 2  # as a browser sets them
    book.add(grey(1), "white")
    assert (len(book.pages), slider.max) == (3, 3)
    assert slider.value == stack.selected_index == 2
    assert plt.get_fignums() == []


GROWING = """
import matplotlib.pyplot as plt
from emdviz.explorers import flip_book
with flip_book() as book:
    for text in ("first", "second", "third"):
        book.add(plt.figure(figsize=(1, 1)), text)
"""


INTERRUPTED = "        if text == 'second': raise KeyboardInterrupt"


@pytest.mark.parametrize("end", ["", pytest.param(INTERRUPTED, marks=pytest.mark.slow)])
def test_a_growing_book_is_shown_once_with_all_pages_for_readers_without_a_kernel(end):
    made = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(GROWING.rstrip() + "\n" + end)]
    )
    done = NotebookClient(made, kernel_name="python3", timeout=120, allow_errors=True).execute()
    shown = [one.data for one in done.cells[0].outputs if one.output_type == "display_data"]
    (book,) = [data for data in shown if "application/vnd.jupyter.widget-view+json" in data]
    assert book["text/html"].count("data:image/png") == (2 if end else 3)


def test_what_makes_no_book_is_refused():
    with pytest.raises(ValueError, match="at least one figure, got none"):
        flip_book([], [])
    with pytest.raises(ValueError, match="alt must describe every one of the figures, got 1"):
        flip_book([Figure(), Figure()], ["one"])
