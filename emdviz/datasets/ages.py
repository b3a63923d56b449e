"""The eight age groups of Adience, which the face data sets share."""

import numpy as np

AGE_GROUPS = ("0-2", "4-6", "8-13", "15-20", "25-32", "38-43", "48-53", "60+")
"""The groups of the paper, in their order."""

GROUP_EDGES = (3.0, 7.0, 14.0, 22.5, 35.0, 45.5, 56.5)
"""Years halfway between one group and the next, so that every age belongs to a group."""

GROUP_CENTRES = (1.0, 5.0, 10.5, 17.5, 28.5, 40.5, 50.5, 70.0)
"""Middle of each group in years. "60+" has no upper end; 70 is near the mean age of the people
over 56.5 in UTKFace."""


def age_group(ages):
    """Return the index of the age group of each age.

    Parameters
    ----------
    ages : array of numbers, shape (...)
        Years.

    Returns
    -------
    array of int64, shape (...)
        0 to 7. An age between two groups goes to the nearer; halfway, to the older.

    Examples
    --------
    >>> age_group([0, 2, 3, 7, 22, 23, 100]).tolist()
    [0, 0, 1, 2, 3, 4, 7]
    """
    return np.searchsorted(GROUP_EDGES, np.asarray(ages, dtype=np.float64), side="right")
