"""AADB: photographs with aesthetic scores, cut into as many ordered classes as one likes."""

import re
from dataclasses import dataclass, replace

import torch

from emdviz.datasets.base import OrderedData
from emdviz.datasets.binning import balanced_bins
from emdviz.datasets.readers.cache import read_images
from emdviz.datasets.readers.files import check_root, list_files, plain_name
from emdviz.datasets.readers.label_files import (
    LabelReport,
    check_file_name,
    check_some_left,
    find_named,
    matlab_numbers,
    matlab_strings,
    matlab_variables,
    read_label_file,
    text_lines,
    without_copies,
)
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


_SCORE_IN_FRONT = re.compile(r"[01]\.\d{3}_(.+)", re.ASCII)

_HOW_TO_GET_IT = (
    "AADB is never downloaded by this package: it is for research, and its terms are yours to "
    "accept. Its authors give it at https://github.com/aimerykong/deepImageAestheticsAnalysis. "
    "Put datasetImages_warp256 (or datasetImages_originalSize with AADB_newtest_originalSize), "
    "and either AADBinfo.mat or imgListTrainRegression_score.txt with "
    "imgListTestNewRegression_score.txt, into data/aadb/, unpacked or as zip files; or pass their "
    "folder as root."
)


@dataclass(frozen=True, kw_only=True)
class AADBReport(LabelReport):
    """What became of the lines of the lists.

    Attributes
    ----------
    shared : int
        Lines left out because a list that comes first has the image too: that for test, then
        that for training.
    """

    shared: int

    def reasons(self):
        """See :meth:`LabelReport.reasons`."""
        return super().reasons() | {
            "lines whose image is for test or training already": self.shared
        }


class AADB(OrderedData):
    """Photographs with scores; an :class:`OrderedData` that keeps the real scores.

    Attributes
    ----------
    scores : float64 tensor, shape (N,)
        From 0 to 1, as the raters' mean.
    bins : Bins
        How scores became classes.
    report : AADBReport
    """

    def __init__(self, images, scores, splits, bins, *, report, remarks, **keywords):
        cut = balanced_bins(scores[splits["train"]].numpy(), bins)
        share = sum(cut.counts) / bins
        sizes = (
            f"{bins} bins of {min(cut.counts)} to {max(cut.counts)} training images, where equal "
            f"ones would have {share:.6g}; images of equal score stay together"
        )
        super().__init__(
            "aadb",
            images,
            torch.from_numpy(cut.labels(scores.numpy())),
            cut.names(0, 1),
            splits,
            positions=cut.positions,
            unit="score",
            licence="AADB: for research, under the terms of its authors",
            notes=(sizes, *remarks),
            **keywords,
        )
        self.scores = scores
        self.bins = cut
        self.report = report
        self._remarks = remarks

    def split(self, name):
        """Return the part called ``name``, with its real ``scores``; see :class:`OrderedData`."""
        return replace(super().split(name), scores=self.scores[self.splits[name]])

    def discretize(self, bins):
        """Cut the scores into another number of classes.

        The bins hold training images as evenly as equal scores allow; see
        :func:`balanced_bins`. The position of a class is the mean training score in it, so the
        expectation of a predicted distribution is a score again.

        Parameters
        ----------
        bins : int
            2 to 100. The paper uses 3 to 10.

        Returns
        -------
        AADB
            With the same images, which are not copied, and the same splits.

        Raises
        ------
        ValueError
            If there are more bins than different training scores.
        """
        return AADB(
            self.images,
            self.scores,
            self.splits,
            read_count(bins, "bins", 2, 100),
            report=self.report,
            remarks=self._remarks,
            root=self.root,
            transform=self.transform,
            target_transform=self.target_transform,
        )


def aadb(root="data/aadb", *, bins=10, size=64, seed=0, cache=True):
    """Read AADB, and cut its scores into classes of nearly equal size.

    Images are squeezed into squares, as in the folder ``datasetImages_warp256``.

    Parameters
    ----------
    root : str or Path
        A folder, searched to its depths, or a zip file. If both ``AADBinfo.mat`` and the list
        files are there, the list files count.
    bins : int
        How many classes, 2 to 100; :meth:`AADB.discretize` changes it later.
    size : int
        Height and width of the images in pixels, 16 to 256.
    seed : int
        Not negative; decides which training images are for validation, if no list does.
    cache : bool
        Keep decoded images in ``<root>/.emdviz/``, for a quicker start next time.

    Returns
    -------
    AADB
        ``positions`` are mean scores; ``scores`` (N,) are the real ones; a ``report``.

    Raises
    ------
    FileNotFoundError
        If there is no such folder or file, no list of scores, or no image.
    TypeError, ValueError
        If an argument is out of range, or a list is not as it should be.

    Warns
    -----
    UserWarning
        If images are missing or cannot be read; they are left out.

    References
    ----------
    Kong, Shen, Lin, Mech, Fowlkes: Photo Aesthetics Ranking Network with Attributes and Content
    Adaptation, 2016.
    """
    bins = read_count(bins, "bins", 2, 100)
    size = read_count(size, "size", 16, 256)
    seed = read_count(seed, "seed", 0)
    root = check_root(root, _HOW_TO_GET_IT)
    files = list_files(root)
    source, lists = _read_lists(files, root)
    lines = [(part, name, score) for part in lists for name, score in lists[part]]
    once, copies, conflicting = without_copies(
        [line[:2] for line in lines], [score for *_, score in lines]
    )
    first = {}
    for part, name, score in [lines[k] for k in once]:
        first.setdefault(plain_name(name), (part, score))
    wanted = list(first)
    found = _find_images(files)
    there, missing = find_named(root, wanted, found, _HOW_TO_GET_IT)
    decoded = read_images(
        root, [found[wanted[k]] for k in there], size, name="aadb", squeeze=True, cache=cache
    )
    check_some_left(decoded, root, _HOW_TO_GET_IT)
    parts, scores = zip(*(first[wanted[there[k]]] for k in decoded.kept), strict=True)
    scores = torch.tensor(scores, dtype=torch.float64)
    report = AADBReport(
        lines=len(lines),
        kept=len(scores),
        copies=copies,
        conflicting=conflicting,
        shared=len(once) - len(first),
        missing=missing,
        unreadable=decoded.unreadable,
    )
    # whatever the bins, the same images are for validation: those of tenths of the score
    splits, split_notes = named_splits(parts, (scores * 10).long(), seed=seed)
    return AADB(
        torch.from_numpy(decoded.images),
        scores,
        splits,
        bins,
        report=report,
        remarks=(f"scores from {source}", *split_notes, str(report), *decoded.notes),
        root=root,
    )


def _read_lists(files, root):
    """Return where the scores come from, and the list of each split, the one for test first."""
    contents = {part: read_label_file(files, name) for part, name in LISTS.items()}
    if contents["train"] is not None and contents["test"] is not None:
        lists = {
            part: read_score_list(content, LISTS[part])
            for part, content in contents.items()
            if content is not None
        }
        return "the list files", lists
    content = read_label_file(files, MATLAB_FILE)
    if content is None:
        raise FileNotFoundError(
            f"root has neither {MATLAB_FILE} nor both {LISTS['train']} and {LISTS['test']}: "
            f"{root}. {_HOW_TO_GET_IT}"
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

    Parameters
    ----------
    content, name
        As for :func:`read_matlab_scores`.

    Returns
    -------
    list of (str, float)

    Raises
    ------
    ValueError
        If a line is something else, or a score is not from 0 to 1.

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
