"""Figures of matplotlib in the two themes of JupyterLab, and whether they can be read there."""

import io

import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell
from matplotlib.figure import Figure
from PIL import Image

from emdviz import plots
from emdviz.losses import LOSSES
from emdviz.palette import MORE_COLOURS, PREDICTION_A, PREDICTION_B, TRUTH, contrast, for_text
from emdviz.plots import alt_text

pytestmark = pytest.mark.browser

PAGE = '<body data-jp-theme-light="{light}" style="margin: 0; background: {paper}">{figure}</body>'
PAPERS = {"true": "#ffffff", "false": "#111111"}


@pytest.fixture
def show(browser):
    """Return a function that shows a figure as a notebook would, and returns its pixels."""
    shell = InteractiveShell.instance()
    alt_text.show_in(shell)
    page = browser.new_page(viewport={"width": 900, "height": 700}, device_scale_factor=2)

    def show_(figure, light):
        markup = shell.display_formatter.format(figure)[0]["text/html"]
        page.set_content(PAGE.format(light=light, paper=PAPERS[light], figure=markup))
        shot = page.locator("img").screenshot()
        return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"))

    yield show_
    page.close()
    InteractiveShell.clear_instance()


def to_rgb(colour):
    return np.array([*bytes.fromhex(colour[1:])])


def hexes(pixels):
    return {"#" + "".join(f"{part:02x}" for part in pixel) for pixel in pixels.reshape(-1, 3)}


@pytest.mark.parametrize("light", PAPERS)
def test_text_of_every_colour_can_be_read(show, light):
    colours = {"#000000", TRUTH, PREDICTION_A, PREDICTION_B, *MORE_COLOURS}
    colours |= {loss.colour for loss in LOSSES.values()}
    figure = Figure(figsize=(4, 3))
    ax = figure.subplots()
    places = 2 * np.arange(len(colours))
    ax.barh(places, 1, height=1, color=[*map(for_text, colours)])
    ax.set_axis_off()
    ax.margins(x=0)
    middle = (pixels := show(figure, light))[:, pixels.shape[1] // 2]
    inks = {ink for ink in hexes(middle) if (middle == to_rgb(ink)).all(1).sum() > 5}  # no edges
    inks -= {PAPERS[light]}
    assert len(inks) == len(colours)
    assert min(contrast(ink, PAPERS[light]) for ink in inks) >= 4.5


@pytest.mark.parametrize("light", PAPERS)
def test_paper_is_that_of_the_page_and_hues_stay(show, light):
    figure = Figure(figsize=(4, 3))
    plots.plot_prediction([0.1, 0.2, 0.7], 1, ax=figure.subplots())
    pixels = show(figure, light)
    assert hexes(pixels[0, 0]) == {PAPERS[light]}
    red, green, blue = pixels.astype(int).reshape(-1, 3).T
    assert ((blue > red + 60) & (blue > green + 20)).mean() > 0.1  # p is blue in both
    assert ((green > red + 60) & (green > blue + 20)).mean() > 0.005  # and the truth green


def test_photographs_stay_as_they_are(show):
    figure = Figure(figsize=(4, 3))
    photo = np.random.default_rng(0).integers(0, 255, (3, 8, 8), dtype=np.uint8)
    plots.show_image(photo, ax=figure.subplots())
    light, dark = (show(figure, theme) for theme in PAPERS)
    np.testing.assert_array_equal(light, dark)
