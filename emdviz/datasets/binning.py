"""Cut numbers into ordered classes."""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from emdviz.reading import read_count

_PLACES = 2000  # at most so many places to cut are compared, which takes a quarter of a second


@dataclass(frozen=True)
class Bins:
    """Ordered classes made of numbers, such as scores or ages.

    Attributes
    ----------
    edges : tuple of float
        The B − 1 numbers at which bins 1 to B − 1 begin, increasing.
    positions : tuple of float
        Mean of the numbers in each of the B bins.
    counts : tuple of int
        How many numbers each bin holds.
    low, high : float
        Least and greatest number, or the ends of their scale.
    """

    edges: tuple[float, ...]
    positions: tuple[float, ...]
    counts: tuple[int, ...]
    low: float
    high: float

    def labels(self, numbers):
        """Return the bin of each number, int64, 0 to B − 1."""
        return np.searchsorted(self.edges, numbers, side="right").astype(np.int64)

    def note(self, what):
        """Return a sentence on how evenly the bins are filled; they hold ``what``."""
        share = sum(self.counts) / len(self.counts)
        return (
            f"{len(self.counts)} bins of {min(self.counts)} to {max(self.counts)} {what}, where "
            f"equal ones would have {share:.6g}; equal scores stay together"
        )

    def names(self):
        """Return a name for each bin, such as "0.45-0.525": its edges, from ``low`` to ``high``."""
        edges = [self.low, *self.edges, self.high]
        names = [f"{low:.6g}-{high:.6g}" for low, high in pairwise(edges)]
        if len(set(names)) < len(names):
            raise ValueError(f"bins must differ in six digits, got {names}")
        return names


def make_bins(numbers, bins, ends=None):
    """Cut numbers into so many bins, or at these edges; a number at an edge belongs above it.

    ``ends`` are the ends of the scale; by default the least and the greatest of the numbers.

    Examples
    --------
    >>> make_bins([1, 2, 30], [18]).counts
    (2, 1)
    """
    if np.ndim(bins) == 0:
        return balanced_bins(numbers, bins, ends)
    edges = tuple(map(float, bins))
    if not edges or not np.isfinite(edges).all() or any(a >= b for a, b in pairwise(edges)):
        raise ValueError(f"bins must be a number or increasing edges, got {bins}")
    return _filled(np.sort(np.asarray(numbers, dtype=np.float64)), edges, ends)


def _filled(increasing, edges, ends):
    parts = np.split(increasing, np.searchsorted(increasing, edges, side="left"))
    counts = tuple(map(len, parts))
    if 0 in counts:
        k = counts.index(0)
        low, high = [-math.inf, *edges, math.inf][k : k + 2]
        raise ValueError(f"bin {k} is empty: nothing is from {low:g} to below {high:g}")
    low, high = (increasing[0].item(), increasing[-1].item()) if ends is None else ends
    return Bins(edges, tuple(part.mean().item() for part in parts), counts, low, high)


def balanced_bins(numbers, bins, ends=None):
    """Cut numbers into bins whose sizes are as equal as equal numbers allow.

    Of all ways to cut, the one with the least Σ (n_k − N/B)², where n_k is the size of bin k;
    among more than 2,000 different numbers, only 2,000 evenly filled places to cut are compared.
    An edge is halfway between its neighbours.

    Examples
    --------
    >>> cut = balanced_bins([0.1, 0.2, 0.2, 0.2, 0.25, 0.75], 3, ends=(0, 1))
    >>> cut.counts, cut.edges, cut.names()
    ((1, 3, 2), (0.15000000000000002, 0.225), ['0-0.15', '0.15-0.225', '0.225-1'])
    """
    numbers = np.sort(np.asarray(numbers, dtype=np.float64))
    values, counts = np.unique(numbers, return_counts=True)
    bins = read_count(bins, "bins", 2)
    if bins > len(values):
        raise ValueError(
            f"bins must be at most the number of different values, {len(values)}, got {bins}"
        )
    below = np.concatenate([[0], np.cumsum(counts)])
    if len(values) > _PLACES:
        even = np.linspace(0, len(numbers), _PLACES + 1)
        places = np.unique(np.searchsorted(below, even))
    else:
        places = np.arange(len(below))
    cuts = places[_even_cuts(below[places], bins)]
    return _filled(numbers, tuple(((values[cuts - 1] + values[cuts]) / 2).tolist()), ends)


def _even_cuts(below, bins):
    """Return which of the places to cut begin bins 1 to B − 1, given how many lie below each."""
    below = below.astype(np.float64)
    ends = len(below)
    least = below**2  # Σ n_k² of what is below, in one bin
    least[0] = np.inf
    begins = []
    for _ in range(1, bins):
        costs = np.full(ends, np.inf)
        begin = np.zeros(ends, dtype=np.int64)
        for end in range(1, ends):
            sums = least[:end] + (below[end] - below[:end]) ** 2
            begin[end] = sums.argmin()
            costs[end] = sums[begin[end]]
        least = costs
        begins.append(begin)
    cuts, end = [], ends - 1
    for begin in reversed(begins):
        end = begin[end]
        cuts.append(end)
    return np.array(cuts[::-1])
