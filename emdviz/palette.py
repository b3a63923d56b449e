"""One palette for every picture and every explorer, on light paper and on dark.

A loss, a prediction and the truth keep their colour in every figure, and none has that of another,
for colour-blind eyes either. A colour is named by its look on light paper; :func:`on_dark` and
:func:`for_text` tell how it looks elsewhere.
"""

OKABE_ITO = {
    "black": "#000000",
    "orange": "#E69F00",
    "sky": "#56B4E9",
    "green": "#009E73",
    "yellow": "#F0E442",
    "blue": "#0072B2",
    "vermillion": "#D55E00",
    "purple": "#CC79A7",
    "grey": "#767676",
}
"""The colours of Okabe and Ito, which colour-blind eyes can tell apart."""

PAPER, DARK_PAPER = "#F4F5F7", "#22262B"
"""The darkest paper that is light, and the lightest that is dark, behind figures and numbers."""

PREDICTION_A = OKABE_ITO["blue"]
"""Of the prediction p, wherever there is one, and of A where there are two."""
PREDICTION_B = OKABE_ITO["vermillion"]
TRUTH = OKABE_ITO["green"]
GAP = OKABE_ITO["sky"]
CHOSEN = OKABE_ITO["yellow"]
"""Of what the reader has chosen."""

MORE_COLOURS = ("#600054", "#A84830", "#5490B4", "#A8B484", "#8460F0", "#542424")
"""For losses without a colour of their own, and for more registered ones, which keep theirs."""

SPLIT_COLOURS = [OKABE_ITO[name] for name in ("blue", "grey", "vermillion", "green", "purple")]
"""Of the parts of a data set, in their order: training, validation and test first."""

_ON_DARK = {
    TRUTH: "#3DAE92",
    PREDICTION_A: "#5890CD",
    PREDICTION_B: "#C64200",
    "#000000": "#FFFFFF",
    "#A884FC": "#625DE5",
    "#E69F00": "#E58205",
    "#480CA8": "#D0A9FE",
    "#6B3A0A": "#FFBD5C",
    "#9C2460": "#F0C4C9",
    "#8FB3BF": "#4A777C",
    "#600054": "#EEE1FF",
    "#A84830": "#D3694E",
    "#5490B4": "#2673B0",
    "#A8B484": "#FCFC2E",
    "#8460F0": "#807FFF",
    "#542424": "#FF8CC2",
}


def contrast(one, other):
    """Return the contrast ratio of two colours, from 1 to 21, as WCAG 2.2 defines it.

    Parameters
    ----------
    one, other : str
        ``#rrggbb``.

    Examples
    --------
    >>> round(contrast("#000000", "#FFFFFF"), 2)
    21.0
    """
    darker, lighter = sorted(map(_luminance, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)


def on_dark(colour):
    """Return how a colour looks on dark paper, where lines in it have a contrast of 3."""
    return _ON_DARK.get(colour.upper()) or _readable(colour, DARK_PAPER, 3)


def for_text(colour, *, dark=False):
    """Return a colour for text: as it is where its contrast with the paper is 4.5, else nearly so.

    Parameters
    ----------
    colour : str
        ``#rrggbb``, the look on light paper.
    dark : bool
        Whether the paper is dark.

    Examples
    --------
    >>> for_text("#000000"), for_text("#000000", dark=True)
    ('#000000', '#FFFFFF')
    """
    return _readable(on_dark(colour), DARK_PAPER, 4.5) if dark else _readable(colour, PAPER, 4.5)


def _readable(colour, paper, least):
    """Mix a colour with the least black or white that gives it contrast with the paper."""
    end = 255 if _luminance(paper) < 0.18 else 0
    for percent in range(101):
        parts = (c + (end - c) * percent / 100 for c in _channels(colour))
        mixed = "#" + "".join(f"{round(c):02X}" for c in parts)
        if contrast(mixed, paper) >= least:
            return mixed


def _channels(colour):
    return [int(colour[k : k + 2], 16) for k in (1, 3, 5)]


def _luminance(colour):
    shares = (c / 255 for c in _channels(colour))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
