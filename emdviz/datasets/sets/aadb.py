"""AADB: photographs with aesthetic scores, cut into as many ordered classes as one likes."""

import re
from dataclasses import replace
from functools import partial

import numpy as np
import torch

from emdviz._docstrings import fill
from emdviz.datasets.binning import balanced_bins
from emdviz.datasets.building import build
from emdviz.datasets.readers.files import Source, plain_name
from emdviz.datasets.readers.label_files import (
    check_file_name,
    matlab_numbers,
    matlab_strings,
    matlab_variables,
    read_label_file,
    text_lines,
)
from emdviz.datasets.readers.listing import Listing
from emdviz.datasets.splits import named_splits
from emdviz.reading import read_count, shown

__all__ = ["aadb"]

MATLAB_FILE = "AADBinfo.mat"

LISTS = {
    "test": "imgListTestNewRegression_score.txt",
    "train": "imgListTrainRegression_score.txt",
    "valid": "imgListValidationRegression_score.txt",
}
"""The list file of each split; the one for validation may be missing. An image in several lists
belongs to the first: the new test list shares images with the older one for validation."""


_SCORE_IN_FRONT = re.compile(r"[01]\.\d{2,4}_(.+)", re.ASCII)

_HOW_TO_GET_IT = (
    "AADB is never downloaded by this package: it is for research, and its terms are yours to "
    "accept. Its authors give it at https://github.com/aimerykong/deepImageAestheticsAnalysis. "
    "Put datasetImages_warp256 (or datasetImages_originalSize with AADB_newtest_originalSize), "
    "and either AADBinfo.mat or imgListTrainRegression_score.txt with "
    "imgListTestNewRegression_score.txt, into data/aadb/, unpacked or as zip files; or pass their "
    "folder as root."
)


@fill
def aadb(root="data/aadb", *, bins=10, size=64, seed=0, cache=True):
    """Read AADB, and cut its scores into classes of nearly equal size.

    Images are squeezed into squares, as in the folder ``datasetImages_warp256``. Of lines that
    repeat one, those for test are kept, as they were published.

    Parameters
    ----------
    root : str or Path
        A folder, searched to its depths, or a zip file. If both ``AADBinfo.mat`` and the list
        files are there, the list files count.
    bins : int
        How many classes, 2 to 100; :meth:`OrderedData.discretize` changes it later.
    %(image_size)s
    seed : int
        Not negative; decides which training images are for validation, if no list does.
    %(image_cache)s

    Returns
    -------
    OrderedData
        ``positions`` are mean scores; ``scores`` (N,) are the real ones; a ``report``.

    %(source_errors)s

    References
    ----------
    Kong, Shen, Lin, Mech, Fowlkes: Photo Aesthetics Ranking Network with Attributes and Content
    Adaptation, 2016.
    """
    bins = read_count(bins, "bins", 2, 100)
    size = read_count(size, "size", 16, 256)
    seed = read_count(seed, "seed", 0)
    source = Source.open(root, _HOW_TO_GET_IT)
    origin, lists = _read_lists(source)
    lines = [(part, name, score) for part in lists for name, score in lists[part]]
    listing = Listing(
        names=[plain_name(name) for _, name, _ in lines],
        labels=[score for *_, score in lines],
        parts=[part for part, *_ in lines],
        listed=len(lines),
    )
    keys = list(zip(listing.parts, listing.names, strict=True))
    listing = listing.without_copies(keys, listing.labels)
    first = dict(reversed(list(zip(listing.names, listing.parts, strict=True))))
    pairs = zip(listing.names, listing.parts, strict=True)
    shared = [place for place, (name, part) in enumerate(pairs) if part != first[name]]
    listing = listing.leave_out(
        shared, "shared", "lines whose image is for test or training already"
    )
    listing = listing.find(source, _find_images(source.files))
    # the same images are for validation with any number of bins
    tenths = (torch.tensor(listing.labels, dtype=torch.float64) * 10).long()
    splits, notes = named_splits(listing.parts, tenths, seed=seed)
    parts = {place: part for part, places in splits.items() for place in places.tolist()}
    return build(
        source,
        replace(listing, parts=[parts[place] for place in range(len(listing))]),
        partial(_classes, bins),
        name="aadb",
        size=size,
        seed=seed,
        cache=cache,
        squeeze=True,
        unit="score",
        licence="AADB: for research, under the terms of its authors",
        notes=(f"scores from {origin}", *notes),
    )


def _classes(bins, listing):
    scores = np.array(listing.labels, np.float64)
    cut = balanced_bins(scores[np.array(listing.parts) == "train"], bins, ends=(0, 1))
    return {
        "labels": cut.labels(scores),
        "classes": cut.names(),
        "positions": cut.positions,
        "scores": torch.from_numpy(scores),
        "bins": cut,
    }


def _read_lists(source):
    """Return where the scores come from, and the list of each split, the one for test first."""
    contents = {part: read_label_file(source.files, name) for part, name in LISTS.items()}
    if contents["train"] is not None and contents["test"] is not None:
        lists = {
            part: read_score_list(content, LISTS[part])
            for part, content in contents.items()
            if content is not None
        }
        return "the list files", lists
    content = read_label_file(source.files, MATLAB_FILE)
    if content is None:
        raise source.lacks(
            f"has neither {MATLAB_FILE} nor both {LISTS['train']} and {LISTS['test']}"
        )
    return MATLAB_FILE, read_matlab_scores(content, MATLAB_FILE)


def _find_images(files):
    """Return the file of each image, from ``datasetImages_warp256`` if it is there."""
    found = {}
    for file in sorted(files, key=lambda file: "warp256" not in file.name):
        name = file.name.rpartition("/")[2]
        found.setdefault(name, file)
        # as some copies of the new test images are called
        score_in_front = _SCORE_IN_FRONT.fullmatch(name)
        if score_in_front:
            found.setdefault(score_in_front[1], file)
    return found


def read_matlab_scores(content, name):
    """Return names and scores of "train" and "test" in ``AADBinfo.mat``."""
    variables = {"test": ("testNameList", "testScore"), "train": ("trainNameList", "trainScore")}
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

    Examples
    --------
    >>> read_score_list(b"farm1_a.jpg 0.45\\nfarm2_b.jpg 0.7\\n", "list.txt")
    [('farm1_a.jpg', 0.45), ('farm2_b.jpg', 0.7)]
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
            raise ValueError(
                f"{where}: expected a file name, a space and a score, got {shown(line)}"
            )
        scores.append((check_file_name(file.strip(), where), _score(value, file, where)))
    return scores


def _score(value, file, where):
    if not 0 <= value <= 1:
        raise ValueError(f"{where}: the score of {file} must be from 0 to 1, got {value}")
    return value
