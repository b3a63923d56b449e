import base64
import io
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure

from emdviz.explorers import flip_book


def grey(shade):
    figure = plt.figure(figsize=(2, 1), dpi=50)
    figure.set_facecolor(str(shade))
    return figure


def test_pages_are_the_figures_with_their_descriptions():
    shades = [0.0, 0.5, 1.0]
    alt = ['a "dark" page', "a grey page", "<b>a white page"]
    stack, _ = flip_book(map(grey, shades), alt).children
    assert plt.get_fignums() == []
    for page, shade, text in zip(stack.children, shades, alt, strict=True):
        png = re.search(r"base64,([^\"]+)\"", page.value)[1]
        picture = plt.imread(io.BytesIO(base64.b64decode(png)))
        assert picture.shape == (75, 150, 4)
        np.testing.assert_allclose(picture[..., :3], shade, atol=0.01)
        escaped = text.replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")
        assert f'alt="{escaped}"' in page.value
        assert 'width="100"' in page.value


def test_the_slider_counts_from_one_and_play_shows_every_page():
    stack, controls = flip_book(map(grey, (0, 1)), ["black", "white"], name="epoch").children
    play, slider = controls.children
    assert slider.options == ("1", "2")
    assert slider.description == "epoch"
    assert slider.index == stack.selected_index == play.value == play.min == 0
    assert play.max == 1


def test_what_makes_no_book_is_refused():
    with pytest.raises(ValueError, match="at least one figure, got none"):
        flip_book([], [])
    with pytest.raises(ValueError, match="alt must describe every one of the figures, got 1"):
        flip_book([Figure(), Figure()], ["one"])
