"""Adience: faces from people's own albums, in eight age groups and five folds."""

import re
from collections import Counter
from dataclasses import dataclass

from emdviz._docstrings import fill
from emdviz.datasets.ages import AGE_GROUPS, GROUP_CENTRES
from emdviz.datasets.building import build
from emdviz.datasets.readers.files import Source, plain_name
from emdviz.datasets.readers.label_files import check_file_name, read_label_file, text_lines
from emdviz.datasets.readers.listing import Listing
from emdviz.reading import read_choice, read_count, shown

__all__ = ["adience"]

FOLDS = 5

RANGES = ((0, 2), (4, 6), (8, 13), (15, 20), (25, 32), (38, 43), (48, 53), (60, float("inf")))
"""Years of the eight groups, both ends included."""

POLICIES = ("strict", "nearest")

EXACT_LABELS = (
    "(0, 2)", "(4, 6)", "(8, 12)", "(15, 20)", "(25, 32)", "(38, 43)", "(48, 53)", "(60, 100)",
)  # fmt: skip
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


@fill
def adience(root="data/adience", *, fold=0, policy="strict", size=64, seed=0, cache=True):
    """Read Adience for one round of its five-fold cross-validation.

    Fold ``fold`` is the test set. About a tenth of the other folds is for validation, the rest
    for training. No user is in two of the three. Of lines that repeat one, those of the test fold
    are kept, as they were published; the ``report`` counts both kinds.

    Parameters
    ----------
    %(source)s
    fold : int
        0 to 4.
    policy : {"strict", "nearest"}
        How labels other than the eight exact ones are read; see :func:`age_class`.
    %(image_size)s
    seed : int
        Not negative; decides which users are for validation.
    %(image_cache)s

    Returns
    -------
    OrderedData
        ``positions`` in years; ``groups`` are the users; a ``report``. Images are in the order
        of the fold files.

    %(source_errors)s

    References
    ----------
    Eidinger, Enbar, Hassner: Age and Gender Estimation of Unfiltered Faces, 2014. Levi, Hassner:
    Age and Gender Classification using Convolutional Neural Networks, 2015.
    """
    fold = read_count(fold, "fold", 0, FOLDS - 1)
    size = read_count(size, "size", 16, 256)
    seed = read_count(seed, "seed", 0)
    read_choice(policy, "policy", POLICIES)
    source = Source.open(root, _HOW_TO_GET_IT)
    faces = _read_folds(source)
    kind, found = _find_images(source.files)
    listing = Listing(
        names=[plain_name(face.path(kind)) for face in faces],
        labels=[face.age for face in faces],
        groups=[face.user for face in faces],
        parts=["test" if face.fold == fold else "train" for face in faces],
        listed=len(faces),
    )
    listing = listing.without_copies(listing.names, listing.labels)
    places = [k for k, age in enumerate(listing.labels) if age_class(age, policy) is None]
    dropped = dict(Counter(listing.labels[k] for k in places).most_common())
    listing = listing.leave_out(places, "dropped", "faces whose label is no class", dropped)
    pairs = list(zip(listing.parts, listing.groups, strict=True))
    tested = {user for part, user in pairs if part == "test"}
    shared = [k for k, (part, user) in enumerate(pairs) if part == "train" and user in tested]
    listing = listing.leave_out(shared, "shared", "faces of users who are in the test fold too")
    return build(
        source,
        listing.find(source, found),
        lambda listing: {
            "labels": [age_class(age, policy) for age in listing.labels],
            "classes": AGE_GROUPS,
            "positions": GROUP_CENTRES,
        },
        name="adience",
        size=size,
        seed=seed,
        cache=cache,
        cache_name=f"adience-{kind}",
        unit="years",
        licence="Adience: for research, under the terms of its authors",
        notes=[
            f"fold {fold} is the test set; labels by the policy {policy!r}; images from {kind}/"
        ],
    )


def _read_folds(source):
    contents = {fold: read_label_file(source.files, _fold_file(fold)) for fold in range(FOLDS)}
    missing = [_fold_file(fold) for fold, content in contents.items() if content is None]
    if missing:
        raise source.lacks(f"lacks {', '.join(missing)}")
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
class FoldLine:
    """A line of a fold file."""

    fold: int
    user: str  # the album
    image: str  # the photograph
    face_id: str  # the number of the person
    age: str  # the label as it is written

    def path(self, kind):
        """Return where the image is, in "aligned" or in "faces"."""
        return f"{kind}/{self.user}/{IMAGES[kind]}.{self.face_id}.{self.image}"


def read_fold(content, name, fold):
    """Read a fold file: a face for each line, whatever its label."""
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
        faces.append(FoldLine(fold, user, image, face_id, age))
    return faces


def age_class(age, policy):
    """Return the class of a label, or None if it has none.

    "strict" takes the eight exact labels only, as Levi and Hassner do. "nearest" gives any age or
    range to the group that contains its midpoint.

    Examples
    --------
    >>> age_class("(8, 12)", "strict"), age_class("(38, 42)", "strict")
    (2, None)
    >>> [age_class(age, "nearest") for age in ("(38, 42)", "(25, 23)", "13", "None")]
    [5, None, 2, None]
    """
    if age in EXACT_LABELS:
        return EXACT_LABELS.index(age)
    numbers = _AGE.fullmatch(age)
    if policy == "strict" or numbers is None:
        return None
    low, high, bare = numbers.groups()
    middle = float(bare) if bare else (int(low) + int(high)) / 2
    return next((k for k, (first, last) in enumerate(RANGES) if first <= middle <= last), None)
