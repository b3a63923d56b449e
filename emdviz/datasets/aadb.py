"""AADB: photographs with aesthetic scores, cut into as many ordered classes as one likes."""

from dataclasses import dataclass

import numpy as np

from emdviz.datasets.label_files import (
    check_file_name,
    matlab_numbers,
    matlab_strings,
    matlab_variables,
    text_lines,
)

MATLAB_FILE = "AADBinfo.mat"

LISTS = {
    "train": "imgListTrainRegression_score.txt",
    "test": "imgListTestNewRegression_score.txt",
    "valid": "imgListValidationRegression_score.txt",
}
"""The list file of each split; the one for validation may be missing."""


def read_matlab_scores(content, name):
    """Read ``AADBinfo.mat``.

    Parameters
    ----------
    content : bytes
    name : str
        What an error calls the file.

    Returns
    -------
    dict of str to list of (str, float)
        Names and scores of "train" and "test".

    Raises
    ------
    ValueError
        If the file is broken, or names and scores do not fit together.
    """
    variables = {"train": ("trainNameList", "trainScore"), "test": ("testNameList", "testScore")}
    wanted = [variable for pair in variables.values() for variable in pair]
    found = dict(zip(wanted, matlab_variables(content, wanted, name), strict=True))
    parts = {}
    for part, (names, scores) in variables.items():
        files = matlab_strings(found[names], f"{names} of {name}")
        values = matlab_numbers(found[scores], f"{scores} of {name}", len(files))
        parts[part] = [
            (check_file_name(file, f"{names} of {name}, cell {k}"), _score(value, file, name))
            for k, (file, value) in enumerate(zip(files, values.tolist(), strict=True), start=1)
        ]
    return parts


def read_score_list(content, name):
    """Read a list file: a file name, a space and a score on every line.

    Parameters
    ----------
    content : bytes
    name : str
        What an error calls the file.

    Returns
    -------
    list of (str, float)

    Raises
    ------
    ValueError
        If a line is something else, or a score is not from 0 to 1.
    """
    scores = []
    for number, line in text_lines(content, name):
        where = f"{name}, line {number}"
        file, _, score = line.strip().rpartition(" ")
        try:
            value = float(score)
        except ValueError:
            value = None
        if not file or value is None:
            raise ValueError(f"{where}: expected a file name, a space and a score, got {line!r}")
        scores.append((check_file_name(file.strip(), where), _score(value, file, where)))
    return scores


def _score(value, file, where):
    if not 0 <= value <= 1:
        raise ValueError(f"{where}: the score of {file} must be from 0 to 1, got {value}")
    return value


@dataclass(frozen=True)
class Bins:
    """Classes made of scores.

    Attributes
    ----------
    edges : tuple of float
        The B − 1 scores between neighbouring bins, increasing; no training score equals one.
    positions : tuple of float
        Mean training score of each of the B bins.
    counts : tuple of int
        Training images in each bin.
    """

    edges: tuple[float, ...]
    positions: tuple[float, ...]
    counts: tuple[int, ...]

    def labels(self, scores):
        """Return the bin of each score, int64, 0 to B − 1."""
        return np.searchsorted(self.edges, scores, side="right").astype(np.int64)

    def names(self):
        """Return a name for each bin, such as "0.45-0.525": its edges, from 0 to 1."""
        ends = [0, *self.edges, 1]
        return [f"{low:.6g}-{high:.6g}" for low, high in zip(ends, ends[1:], strict=False)]


def balanced_bins(scores, bins):
    """Cut scores into bins whose sizes are as equal as equal scores allow.

    Equal scores stay together. Of all ways to cut, the one with the least Σ (n_k − N/B)² is
    taken, where n_k is the size of bin k.

    Parameters
    ----------
    scores : array of float, shape (N,)
    bins : int
        B, at least 2.

    Returns
    -------
    Bins

    Raises
    ------
    ValueError
        If there are fewer different scores than bins.

    Examples
    --------
    >>> cut = balanced_bins([0.1, 0.2, 0.2, 0.2, 0.25, 0.75], 3)
    >>> cut.counts, cut.edges, cut.names()
    ((1, 3, 2), (0.15000000000000002, 0.225), ['0-0.15', '0.15-0.225', '0.225-1'])
    """
    scores = np.asarray(scores, dtype=np.float64)
    values, counts = np.unique(scores, return_counts=True)
    if len(values) < bins:
        raise ValueError(
            f"bins must be at most the number of different training scores, {len(values)}, "
            f"got {bins}"
        )
    cuts = _even_cuts(counts, bins)
    edges = (values[cuts - 1] + values[cuts]) / 2
    parts = np.split(np.repeat(values, counts), np.cumsum(counts)[cuts - 1])
    return Bins(
        edges=tuple(edges.tolist()),
        positions=tuple(part.mean().item() for part in parts),
        counts=tuple(len(part) for part in parts),
    )


def _even_cuts(counts, bins):
    """Return the indices of the values that begin bins 1 to B − 1."""
    below = np.concatenate([[0], np.cumsum(counts)]).astype(np.float64)
    ends = len(below)
    least = below**2  # Σ n_k² of the first values, so many, in one bin
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
