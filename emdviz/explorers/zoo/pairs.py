"""Pairs of predictions that one loss calls equal and another tells apart, as numbers of a grid.

A pair is a list: the points p, q and r of :func:`grid`, a weight w, what the first loss says of p
and of (1 − w) q + w r alike, and what the second says of each. ``pairs.js`` reads the same.
"""

import functools
from itertools import combinations_with_replacement

import numpy as np

COUNT = 5
"""Classes of the figure."""
PARTS = 6
"""Into how many parts a prediction of the grid is divided."""
INSIDE = 0.02
"""The share of a point of the grid that is spread evenly, so that no probability is 0."""


@functools.cache
def grid():
    """Return predictions of simple fractions, moved a little inside, shape (P, C).

    Examples
    --------
    >>> grid().shape, grid()[0].round(3)
    ((210, 5), array([0.984, 0.004, 0.004, 0.004, 0.004]))
    """
    parts = combinations_with_replacement(range(COUNT), PARTS)
    points = np.array([np.bincount(part, minlength=COUNT) for part in parts]) / PARTS
    return (1 - INSIDE) * points + INSIDE / COUNT


def mixed(q, r, w):
    """Return the mixture of the points q and r of the grid, w of r."""
    return (1 - w) * grid()[q] + w * grid()[r]


def read_pair(pair):
    """Return a pair as a dict: ``p``, ``q``, ``one`` (of both), and ``other`` (of each); or None.

    Examples
    --------
    >>> read_pair([0, 209, 209, 0.0, 1.5, 2.0, 3.0])["other"]
    [2.0, 3.0]
    """
    if pair is None:
        return None
    p, q, r, w, one, *other = pair
    return {"p": grid()[p].tolist(), "q": mixed(q, r, w).tolist(), "one": one, "other": other}
