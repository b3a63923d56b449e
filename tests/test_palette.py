"""Colours: apart for every eye, and readable, on light paper and on dark."""

from itertools import combinations

import numpy as np
import pytest

from emdviz import palette
from emdviz.losses import LOSSES

ROLES = {"truth": palette.TRUTH, "A, p": palette.PREDICTION_A, "B": palette.PREDICTION_B}
OWN = {name: loss.colour for name, loss in LOSSES.items()}
ALL = ROLES | {n: colour for n, colour in OWN.items() if colour not in palette.MORE_COLOURS}
WITH_MORE = ALL | {f"more {k}": colour for k, colour in enumerate(palette.MORE_COLOURS)}

# Machado, Oliveira, Fernandes 2009, severity 1.0; on linear RGB
EYES = {
    "usual": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
}
# Ottosson 2020, Oklab
TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
PAPERS = {False: ["#FFFFFF", palette.PAPER], True: ["#111111", "#16191D", "#212121", "#22262B"]}


def linear(colour):
    values = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def seen(colour, eye):
    return TO_LAB @ np.cbrt(TO_LMS @ np.clip(EYES[eye] @ linear(colour), 0, 1))


def ratio(one, other):
    a, b = sorted(linear(colour) @ [0.2126, 0.7152, 0.0722] for colour in (one, other))
    return (b + 0.05) / (a + 0.05)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("eye", EYES)
@pytest.mark.parametrize(("colours", "least"), [(ALL, 0.1), (WITH_MORE, 0.07)])
def test_no_two_colours_look_alike(colours, least, eye, dark):
    looks = {n: palette.on_dark(c) if dark else c for n, c in colours.items()}
    apart = {
        (a, b): np.linalg.norm(seen(looks[a], eye) - seen(looks[b], eye))
        for a, b in combinations(looks, 2)
    }
    closest = min(apart, key=apart.get)
    assert apart[closest] > least, (closest, apart[closest])  # 0.02 can just be seen


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", WITH_MORE)
def test_text_in_every_colour_can_be_read(name, dark):
    text = palette.for_text(WITH_MORE[name], dark=dark)
    for paper in PAPERS[dark]:
        assert ratio(text, paper) >= 4.5, paper


@pytest.mark.parametrize("colour", ["#fefefe", "#010101", "#0072b2", "#ffff00"])
def test_colours_of_users_can_be_read_too(colour):
    assert ratio(palette.for_text(colour), "#F4F5F7") >= 4.5
    assert ratio(palette.for_text(colour, dark=True), "#22262B") >= 4.5
    assert ratio(palette.on_dark(colour), "#22262B") >= 3


def test_contrast_is_that_of_the_guideline():
    for one, other in combinations(WITH_MORE.values(), 2):
        assert palette.contrast(one, other) == pytest.approx(ratio(one, other))
    assert palette.contrast("#000000", "#FFFFFF") == pytest.approx(21)
