"""Two predictions kept equal under any loss: one is moved, the other follows on a line."""

import math

import numpy as np
from scipy import optimize

CLOSE = 1e-6
"""How far, as a share, two equal losses may differ."""

_END = 1e-4  # of certainty's probability, for the others: a loss of p = 0 may be infinite


def matched(cost, p, wanted, target):
    """Move p in a straight line until it costs what is wanted.

    The line leads towards certainty of the true class where p costs too much, and towards the
    most costly certain mistake where it costs too little, or where the first is of no use.

    Parameters
    ----------
    cost : function of a distribution
    p : array, shape (C,)
    wanted : float
    target : int
        The true class.

    Returns
    -------
    array, shape (C,), or None
        None where nothing on these lines costs that.

    Examples
    --------
    >>> matched(lambda p: 1 - p[0], np.array([0.2, 0.8]), 0.5, 0).round(6)
    array([0.5, 0.5])
    """
    p = np.asarray(p, dtype=np.float64)
    own = cost(p)
    if not math.isfinite(wanted) or math.isnan(own):
        return None
    if abs(own - wanted) <= CLOSE * max(1.0, abs(wanted)):
        return p
    count = len(p)
    ends = (1 - _END) * np.eye(count) + _END / count
    right, wrong = ends[target], [ends[k] for k in range(count) if k != target]
    if own < wanted:
        wrong = [max(wrong, key=lambda end: np.nan_to_num(cost(end), nan=-np.inf))]
    for end in [right, *wrong] if own > wanted else [*wrong, right]:
        if (cost(end) > wanted) == (own > wanted):
            continue

        def excess(share, end=end):
            # an infinite cost has a sign, and no more is needed of it
            value = cost((1 - share) * p + share * end) - wanted
            return min(max(value, -1e9), 1e9)

        share = optimize.brentq(excess, 0.0, 1.0, xtol=1e-12, rtol=1e-10)
        found = (1 - share) * p + share * end
        if abs(excess(share)) <= CLOSE * max(1.0, abs(wanted)):
            return found / found.sum()
    return None
