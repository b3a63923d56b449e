"""Columns of a table that are no features: constants, identifiers, and copies of the label."""

import math
import re

import numpy as np
from scipy.special import gammaln

from emdviz.datasets.readers.cells import is_gap

_LEAST_ROWS = 10
"""In fewer rows any column may look like an identifier."""

_LEAST_CHANCE = math.log(1e-6)
"""Log of the greatest chance of a rule without exceptions; a likelier one is ignored."""

_CODES, _REPEATED = 3, 3
"""At most this many values at one end may be codes, if together they are in this many rows."""

_MOST_WORDS = 100
"""A column of more different words is text, unless there are five rows or more for each."""


_ID = re.compile(r"(?i:(?:^|[\W_])(?:id|nr|no|idx|index|key)(?:[\W_]|$))|[a-z]I[dD]$")


def reason_to_leave_out(values, kind, labels, scores=None, *, name=""):
    """Return why a column should not be a feature, or None.

    Parameters
    ----------
    values : array, shape (N,)
        As :class:`Cells` returns them.
    kind : {"number", "date", "category"}
    labels : int array, shape (N,)
        Class indices.
    scores : float array, shape (N,), optional
        Numbers that the labels were made of.
    name : str
        What the column is called.

    Examples
    --------
    >>> labels = np.arange(60) % 3
    >>> reason_to_leave_out(np.arange(60.0), "number", labels)
    'numbers the rows'
    >>> reason_to_leave_out(labels * 10 + np.arange(60) % 2.0, "number", labels)
    'tells the label: it rises with it, without exception'
    >>> reason_to_leave_out((np.arange(60.0) * 7) ** 2 % 1009, "number", labels, name="photo_id")
    'is named an id'
    >>> reason_to_leave_out(np.arange(60) % 4.0, "number", labels)
    """
    gaps = is_gap(values)
    known = values[~gaps]
    if not len(known):
        return "is empty"
    codes = np.zeros(len(values), dtype=np.int64)  # missing is a value like any other
    different, codes[~gaps] = np.unique(known, return_inverse=True)
    codes[~gaps] += 1
    if len(different) == 1 and not gaps.any():
        return "has one value in all rows"
    return (
        _identifies(values, kind, len(different), gaps, name)
        or _tells(codes, np.asarray(labels), kind)
        or _is_missing_by_label(gaps, np.asarray(labels))
        or _correlates(values, kind, scores, gaps)
    )


def _identifies(values, kind, different, gaps, name):
    count = len(values) - gaps.sum()
    if kind == "category":
        if different == count >= _LEAST_ROWS:
            return "has another value in each row"
        if different > _MOST_WORDS and different > count / 5:
            return f"is text: {different:,} different ones in {count:,} rows"
        return None
    known = values[~gaps]
    if kind == "date" or not (known == np.round(known)).all():
        return None
    if _ID.search(name) and different > count / 5:
        return "is named an id"
    if gaps.any() or different < len(values) or different < _LEAST_ROWS:
        return None
    if values.max() - values.min() == len(values) - 1 or (np.diff(values) > 0).all():
        return "numbers the rows"
    return None


def _tells(codes, labels, kind):
    """Tell whether label or value follow from each other, as they would not by chance.

    Of all ways to arrange the labels in the rows, at most C^V leave one label for each of V values.
    Numbers of few rows each may repeat since whole rows do.
    """
    num_values, num_labels = len(np.unique(codes)), len(np.unique(labels))
    pairs = np.unique(codes * (labels.max() + 1) + labels)
    pairs = np.stack(np.divmod(pairs, labels.max() + 1), axis=1)
    if len(pairs) == num_values:  # sorted by value, so these are the labels in its order
        steps = np.diff(pairs[pairs[:, 0] > 0, 1]) if kind != "category" else np.array([1, -1])
        if _log_ways(labels) > math.log(2) - _LEAST_CHANCE:
            if (steps >= 0).all():
                return "tells the label: it rises with it, without exception"
            if (steps <= 0).all():
                return "tells the label: it falls as that rises, without exception"
        chance = num_values * math.log(num_labels) - _log_ways(labels)
        is_code = kind == "category" or num_values <= len(codes) / 10
        if is_code and chance < _LEAST_CHANCE:
            return "tells the label: each of its values has one class"
    if len(pairs) == num_labels and _follows(codes, num_values, num_labels):
        return "follows from the label: each class has one value"
    return None


def _is_missing_by_label(gaps, labels):
    pairs = np.unique(labels * 2 + gaps)
    splits_no_class = gaps.any() and len(pairs) == len(np.unique(labels))
    if splits_no_class and _follows(gaps.astype(np.int64), 2, len(pairs)):
        return "follows from the label: it is missing in all rows of some classes only"
    return None


def _follows(codes, num_values, num_labels):
    return num_labels * math.log(num_values) - _log_ways(codes) < _LEAST_CHANCE


def _log_ways(codes):
    """Return the logarithm of how many ways there are to arrange the values."""
    counts = np.bincount(codes)
    return gammaln(len(codes) + 1) - gammaln(counts + 1).sum()


def _correlates(values, kind, scores, gaps):
    if kind == "category" or scores is None:
        return None
    values, scores = values[~gaps], np.asarray(scores)[~gaps]
    if len(values) < _LEAST_ROWS or np.ptp(values) == 0 or np.ptp(scores) == 0:
        return None
    correlation = np.corrcoef(values, scores)[0, 1]
    tells = abs(correlation) > 0.9999
    return f"tells the label: it correlates by {correlation:.4g}" if tells else None


def far_away(values):
    """Return the values that may stand for a missing one, and how many rows have each.

    These are up to three at one end, in three rows or more, with more between them and all others
    than between the least and the greatest of the others.

    Examples
    --------
    >>> far_away(np.array([1.0, 2, 5, 3, 4, 99, 99, 99, np.nan]))
    [(99.0, 3)]
    >>> far_away(np.array([1.0, 2, 5, 3, 4, 9, 40]))
    []
    """
    different, counts = np.unique(values[~np.isnan(values)], return_counts=True)
    for turn in (1, -1):
        ends, rows = different[::turn], counts[::turn]
        for k in range(1, min(_CODES, len(ends) - 3) + 1):
            gap, rest = abs(ends[k] - ends[k - 1]), abs(ends[-1] - ends[k])
            if gap > rest and rows[:k].sum() >= _REPEATED:
                return [(float(x), int(n)) for x, n in zip(ends[:k], rows[:k], strict=True)]
    return []
