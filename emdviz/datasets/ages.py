"""The eight age groups of Adience, which the face data sets share."""

import math
from itertools import pairwise

import numpy as np

from emdviz.datasets.binning import make_bins

AGE_GROUPS = ("0-2", "4-6", "8-13", "15-20", "25-32", "38-43", "48-53", "60+")
"""The groups of the paper, in their order."""

GROUP_EDGES = (3.0, 7.0, 14.0, 22.5, 35.0, 45.5, 56.5)
"""Years halfway between one group and the next, so that every age belongs to a group."""

GROUP_CENTRES = (1.0, 5.0, 10.5, 17.5, 28.5, 40.5, 50.5, 70.0)
"""Middle of each group in years. "60+" has no upper end; 70 is near the mean age of the people
over 56.5 in UTKFace."""


def age_group(ages):
    """Return the group of each age in years, 0 to 7; halfway between two groups, the older.

    Examples
    --------
    >>> age_group([0, 2, 3, 7, 22, 23, 100]).tolist()
    [0, 0, 1, 2, 3, 4, 7]
    """
    return np.searchsorted(GROUP_EDGES, np.asarray(ages, dtype=np.float64), side="right")


def age_classes(ages, bins=None):
    """Cut ages into classes: labels (N,), names of the classes, and their positions in years.

    ``bins`` says how many classes, of sizes as equal as possible, or the ages at which the second
    and each further class begins; by default the eight groups.

    Examples
    --------
    >>> labels, classes, positions = age_classes([3, 17, 18, 30, 80], [18, 65])
    >>> labels.tolist(), classes, positions
    ([0, 0, 1, 1, 2], ['0-17', '18-64', '65+'], (10.0, 24.0, 80.0))
    """
    if bins is None:
        return age_group(ages), list(AGE_GROUPS), GROUP_CENTRES
    cut = make_bins(ages, bins)
    firsts = [0, *(math.ceil(edge) for edge in cut.edges)]
    classes = [
        str(first) if after == first + 1 else f"{first}-{after - 1}"
        for first, after in pairwise(firsts)
    ]
    return cut.labels(ages), [*classes, f"{firsts[-1]}+"], cut.positions
