"""Adience: faces from people's own albums, in eight age groups and five folds."""

import re
from collections import Counter
from dataclasses import dataclass

import torch

from emdviz.datasets.ages import AGE_GROUPS, GROUP_CENTRES
from emdviz.datasets.base import OrderedData
from emdviz.datasets.readers.cache import read_images
from emdviz.datasets.readers.files import check_root, list_files, plain_name
from emdviz.datasets.readers.label_files import (
    LabelReport,
    check_file_name,
    check_some_left,
    find_named,
    read_label_file,
    text_lines,
    warn_of_empty_classes,
    without_copies,
)
from emdviz.datasets.splits import named_splits
from emdviz.reading import read_count, shown

__all__ = ["adience"]

FOLDS = 5

RANGES = ((0, 2), (4, 6), (8, 13), (15, 20), (25, 32), (38, 43), (48, 53), (60, float("inf")))
"""Years of the eight groups, both ends included."""

POLICIES = ("strict", "nearest")

EXACT_LABELS = {
    "(0, 2)": 0,
    "(4, 6)": 1,
    "(8, 12)": 2,
    "(15, 20)": 3,
    "(25, 32)": 4,
    "(38, 43)": 5,
    "(48, 53)": 6,
    "(60, 100)": 7,
}
"""How the fold files write the eight groups; the third, 8 to 13 years, is "(8, 12)" in them."""

IMAGES = {"aligned": "landmark_aligned_face", "faces": "coarse_tilt_aligned_face"}
"""The folders that images may be in, the better one first, and how file names begin there."""

_HOW_TO_GET_IT = (
    "Adience is never downloaded by this package: it is for research, and its terms are yours to "
    "accept. Ask for it at https://talhassner.github.io/home/projects/Adience/Adience-data.html, "
    "unpack what ends in .tar.gz, and put fold_0_data.txt to fold_4_data.txt and the folder "
    "aligned (or faces) into data/adience/, so that images are at "
    "aligned/<user_id>/landmark_aligned_face.<face_id>.<original_image> (or "
    "faces/<user_id>/coarse_tilt_aligned_face.<face_id>.<original_image>); or pass their folder, "
    "or a zip file of it, as root."
)

_COLUMNS = ("user_id", "original_image", "face_id", "age")
_AGE = re.compile(r"\((\d{1,3}), (\d{1,3})\)|(\d{1,3})", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class AdienceReport(LabelReport):
    """What became of the lines of the fold files.

    Attributes
    ----------
    dropped : dict of str to int
        How many faces each label cost that names no class: "None", "", "35" and the like.
    shared : int
        Faces of other folds left out because their user has faces in the test fold as well.
    """

    dropped: dict[str, int]
    shared: int

    def reasons(self):
        """See :meth:`LabelReport.reasons`."""
        dropped = ", ".join(f"{age or 'empty'}: {count}" for age, count in self.dropped.items())
        return super().reasons() | {
            f"faces whose label is no class ({dropped})": sum(self.dropped.values()),
            "faces of users who are in the test fold too": self.shared,
        }


class Adience(OrderedData):
    """Adience; an :class:`OrderedData` whose ``groups`` are users, and that has a ``report``."""

    def __init__(self, *args, report, **keywords):
        super().__init__(*args, **keywords)
        self.report = report


def adience(root="data/adience", *, fold=0, policy="strict", size=64, seed=0, cache=True):
    """Read Adience for one round of its five-fold cross-validation.

    Fold ``fold`` is the test set. About a tenth of the other folds is for validation, the rest
    for training. No user is in two of the three.

    Parameters
    ----------
    root : str or Path
        A folder, searched to its depths, or a zip file.
    fold : int
        0 to 4.
    policy : {"strict", "nearest"}
        What becomes of labels other than the eight exact ones; see :func:`age_class`.
    size : int
        Height and width of the images in pixels, 16 to 256.
    seed : int
        Not negative; decides which users are for validation.
    cache : bool
        Keep decoded images in ``<root>/.emdviz/``, for a quicker start next time.

    Returns
    -------
    Adience
        ``positions`` in years; ``groups`` are the users; a ``report``. Images are in the order
        of the fold files.

    Raises
    ------
    FileNotFoundError
        If there is no such folder or file, a fold file is missing, or no image is there.
    TypeError, ValueError
        If an argument is out of range, or a fold file is not as it should be.

    Warns
    -----
    UserWarning
        If images are missing or cannot be read, or a class has no image for training.

    References
    ----------
    Eidinger, Enbar, Hassner: Age and Gender Estimation of Unfiltered Faces, 2014. Levi, Hassner:
    Age and Gender Classification using Convolutional Neural Networks, 2015.
    """
    fold = read_count(fold, "fold", 0, FOLDS - 1)
    size = read_count(size, "size", 16, 256)
    seed = read_count(seed, "seed", 0)
    if policy not in POLICIES:
        raise ValueError(f"policy must be one of {POLICIES}, got {policy!r}")
    root = check_root(root, _HOW_TO_GET_IT)
    files = list_files(root)
    lines = _read_folds(files, root)
    keys = [(line.user, line.image, line.face_id) for line in lines]
    once, copies, conflicting = without_copies(keys, [line.age for line in lines])
    dropped = Counter(lines[k].age for k in once if age_class(lines[k].age, policy) is None)
    faces = [lines[k] for k in once if lines[k].age not in dropped]
    tested = {face.user for face in faces if face.fold == fold}
    apart = [face for face in faces if face.fold == fold or face.user not in tested]
    kind, found = _find_images(files)
    wanted = [plain_name(face.path(kind)) for face in apart]
    there, missing = find_named(root, wanted, found, _HOW_TO_GET_IT)
    decoded = read_images(
        root, [found[wanted[k]] for k in there], size, name=f"adience-{kind}", cache=cache
    )
    check_some_left(decoded, root, _HOW_TO_GET_IT)
    chosen = [apart[there[k]] for k in decoded.kept]
    labels = torch.tensor([age_class(face.age, policy) for face in chosen], dtype=torch.int64)
    users = [face.user for face in chosen]
    names = ["test" if face.fold == fold else "train" for face in chosen]
    splits, split_notes = named_splits(names, labels, seed=seed, groups=users)
    warn_of_empty_classes(AGE_GROUPS, labels[splits["train"]])
    report = AdienceReport(
        lines=len(lines),
        kept=len(chosen),
        copies=copies,
        conflicting=conflicting,
        dropped=dict(dropped.most_common()),
        shared=len(faces) - len(apart),
        missing=missing,
        unreadable=decoded.unreadable,
    )
    return Adience(
        "adience",
        torch.from_numpy(decoded.images),
        labels,
        AGE_GROUPS,
        splits,
        positions=GROUP_CENTRES,
        unit="years",
        groups=users,
        report=report,
        licence="Adience: for research, under the terms of its authors",
        notes=(
            f"fold {fold} is the test set; labels by the policy {policy!r}; images from {kind}/",
            *split_notes,
            str(report),
            *decoded.notes,
        ),
        root=root,
    )


def _read_folds(files, root):
    contents = {fold: read_label_file(files, _fold_file(fold)) for fold in range(FOLDS)}
    missing = [_fold_file(fold) for fold, content in contents.items() if content is None]
    if missing:
        raise FileNotFoundError(f"root lacks {', '.join(missing)}: {root}. {_HOW_TO_GET_IT}")
    return [
        face
        for fold, content in contents.items()
        for face in read_fold(content, _fold_file(fold), fold)
    ]


def _fold_file(fold):
    return f"fold_{fold}_data.txt"


def _find_images(files):
    """Return the folder to take images from, and the file of each ``folder/user/name`` in it."""
    tails = {"/".join(file.name.split("/")[-3:]): file for file in reversed(files)}
    for kind in IMAGES:
        found = {tail: file for tail, file in tails.items() if tail.startswith(f"{kind}/")}
        if found:
            return kind, found
    return "aligned", {}


@dataclass(frozen=True)
class Face:
    """A line of a fold file.

    Attributes
    ----------
    fold : int
    user, image, face_id : str
        Album, photograph and number of the person; together they name the image file.
    age : str
        The label as it is written.
    """

    fold: int
    user: str
    image: str
    face_id: str
    age: str

    def path(self, kind):
        """Return where the image is, in "aligned" or in "faces"."""
        return f"{kind}/{self.user}/{IMAGES[kind]}.{self.face_id}.{self.image}"


def read_fold(content, name, fold):
    """Read a fold file.

    Parameters
    ----------
    content : bytes
        Lines of fields between tabs; the first line names the columns.
    name : str
        What an error calls the file.
    fold : int

    Returns
    -------
    list of Face
        One for each line, dirty or not.

    Raises
    ------
    ValueError
        If a column is missing, or a line has another number of fields, no plain names, or a
        label that is no age, no range of ages, and not empty.
    """
    lines = text_lines(content, name)
    header = lines[0][1].split("\t") if lines else []
    missing = [column for column in _COLUMNS if column not in header]
    if missing:
        raise ValueError(
            f"{name} must begin with a line that names the columns, between tabs; "
            f"it lacks {', '.join(missing)}; get the file again, it begins {content[:40]!r}"
        )
    places = [header.index(column) for column in _COLUMNS]
    faces = []
    for number, line in lines[1:]:
        where = f"{name}, line {number}"
        fields = line.split("\t")
        if len(fields) != len(header):
            raise ValueError(f"{where}: expected {len(header)} fields, got {len(fields)}")
        user, image, face_id, age = (fields[place].strip() for place in places)
        if age not in ("", "None") and not _AGE.fullmatch(age):
            raise ValueError(
                f"{where}: age must be like '(25, 32)', '35' or 'None', got {shown(age)}"
            )
        for part in (user, image, face_id):
            check_file_name(part, where)
        faces.append(Face(fold, user, image, face_id, age))
    return faces


def age_class(age, policy):
    """Return the class of a label, or None if it has none.

    Parameters
    ----------
    age : str
        As in a fold file.
    policy : {"strict", "nearest"}
        "strict" takes the eight exact labels only, as Levi and Hassner do. "nearest" gives any
        age or range to the group that contains its midpoint.

    Examples
    --------
    >>> age_class("(8, 12)", "strict"), age_class("(38, 42)", "strict")
    (2, None)
    >>> [age_class(age, "nearest") for age in ("(38, 42)", "(25, 23)", "13", "None")]
    [5, None, 2, None]
    """
    if age in EXACT_LABELS or policy == "strict":
        return EXACT_LABELS.get(age)
    numbers = _AGE.fullmatch(age)
    if numbers is None:
        return None
    low, high, bare = numbers.groups()
    middle = float(bare) if bare else (int(low) + int(high)) / 2
    for label, (first, last) in enumerate(RANGES):
        if first <= middle <= last:
            return label
    return None
