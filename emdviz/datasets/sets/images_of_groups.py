"""Images of Groups: faces out of photographs of groups of people, in seven age classes."""

from dataclasses import dataclass

import numpy as np
import torch

from emdviz.datasets.base import OrderedData
from emdviz.datasets.readers.cache import read_images
from emdviz.datasets.readers.files import IMAGE_SUFFIXES, check_root, list_files, plain_name
from emdviz.datasets.readers.group_faces import AGE_CLASSES, LISTS, read_even_list, read_person_data
from emdviz.datasets.readers.label_files import (
    LabelReport,
    check_some_left,
    find_named,
    read_content,
    read_label_file,
    without_copies,
)
from emdviz.datasets.splits import named_splits, stratified_splits
from emdviz.reading import read_count

__all__ = ["images_of_groups"]

LABEL_FILE = "PersonData.txt"
PER_CLASS = {"test": 150, "train": 500}
"""Faces of each class in these lists: 1,050 for test, 3,500 for training."""

_HOW_TO_GET_IT = (
    "The Images of Groups data set is never downloaded by this package: it is for non-commercial "
    "research only, and its terms are yours to accept. Get it from "
    "http://chenlab.ece.cornell.edu/people/Andy/ImagesOfGroups.html, and put its folders (Wed2a, "
    "Fam2a, Group2a and so on), each with its photographs and its PersonData.txt, and the lists "
    "eventrain.mat and eventest.mat if you have them, into data/images_of_groups/, unpacked or "
    "as zip files; or pass their folder as root."
)


_DRAWN = (
    "the authors' lists are not there: faces and test set are drawn, evenly from each class and "
    "apart by photograph,"
)


@dataclass(frozen=True, kw_only=True)
class ImagesOfGroupsReport(LabelReport):
    """What became of the labelled faces, a line each; files are photographs with many faces.

    Attributes
    ----------
    without_eyes : int
        Faces left out because both eyes are at one place, so that nothing can be cut out.
    surplus : int
        Faces left out so that all classes have equally many.
    """

    without_eyes: int
    surplus: int

    def reasons(self):
        """See :meth:`LabelReport.reasons`."""
        return super().reasons() | {
            "faces without two eyes": self.without_eyes,
            "faces so that all classes have equally many": self.surplus,
        }


class ImagesOfGroups(OrderedData):
    """Faces from photographs of groups; an :class:`OrderedData` that has a ``report``."""

    def __init__(self, *args, report, **keywords):
        super().__init__(*args, **keywords)
        self.report = report


def images_of_groups(root="data/images_of_groups", *, size=64, seed=0, cache=True):
    """Cut the faces out of Images of Groups, as many of each of its seven age classes.

    With ``eventrain.mat`` and ``eventest.mat`` the faces and the test set are those of the data
    set's authors: 3,500 for training, 1,050 for test. Without them, as many of each class are
    drawn from the ``PersonData.txt`` files, at most 500 for training and 150 for test, and no
    photograph has faces in two splits. Faces are turned until their eyes are level.

    Parameters
    ----------
    root : str or Path
        A folder, searched to its depths, or a zip file.
    size : int
        Height and width of the images in pixels, 16 to 256.
    seed : int
        Not negative; decides what no list decides.
    cache : bool
        Keep decoded images in ``<root>/.emdviz/``, for a quicker start next time.

    Returns
    -------
    ImagesOfGroups
        ``positions`` in years; ``groups`` are the photographs, unless the lists have faces of
        one photograph both for training and for test; a ``report``. A tenth of the training
        faces is for validation.

    Raises
    ------
    FileNotFoundError
        If there is no such folder or file, no label file, only one of the lists, or no
        photograph.
    TypeError, ValueError
        If an argument is out of range, a label file is not as it should be, or there are too
        few faces of a class to split.

    Warns
    -----
    UserWarning
        If photographs are missing or cannot be read; their faces are left out.

    References
    ----------
    Gallagher, Chen: Understanding Images of Groups of People, 2009.
    """
    size = read_count(size, "size", 16, 256)
    seed = read_count(seed, "seed", 0)
    root = check_root(root, _HOW_TO_GET_IT)
    files = list_files(root)
    listed = _read_lists(files, root)
    lines = _read_folders(files, root) if listed is None else listed
    once, copies, conflicting = without_copies(
        [(face.photograph, face.eyes) for _, face in lines], [face.label for _, face in lines]
    )
    seeing = [lines[k] for k in once if lines[k][1].eyes[:2] != lines[k][1].eyes[2:]]
    found = {
        file.name.rpartition("/")[2]: file
        for file in reversed(files)
        if file.name.lower().endswith(IMAGE_SUFFIXES)
    }
    wanted = [plain_name(face.photograph) for _, face in seeing]
    there, missing = find_named(root, wanted, found, _HOW_TO_GET_IT)
    there = [seeing[k] for k in there]
    chosen = there if listed is not None else _even_parts([face for _, face in there], seed)
    decoded = read_images(
        root,
        [found[plain_name(face.photograph)] for _, face in chosen],
        size,
        name="images_of_groups",
        crops=[face.corners() for _, face in chosen],
        cache=cache,
    )
    check_some_left(decoded, root, _HOW_TO_GET_IT)
    parts = [chosen[k][0] for k in decoded.kept]
    faces = [chosen[k][1] for k in decoded.kept]
    report = ImagesOfGroupsReport(
        lines=len(lines),
        kept=len(faces),
        copies=copies,
        conflicting=conflicting,
        without_eyes=len(once) - len(seeing),
        surplus=len(there) - len(chosen),
        missing=missing,
        unreadable=decoded.unreadable,
    )
    labels = torch.tensor([face.label for face in faces], dtype=torch.int64)
    photographs = [face.photograph for face in faces]
    splits, notes = named_splits(parts, labels, seed=seed, groups=photographs)
    if listed is None:
        notes = (f"{_DRAWN} with seed {seed}", *notes)
    else:
        notes = ("faces and test set are those of the authors' lists", *notes)
    for_test = {photographs[k] for k in splits["test"].tolist()}
    across = sum(
        part != "test" and photograph in for_test
        for part, photograph in zip(parts, photographs, strict=True)
    )
    if across:
        notes += (f"{across} training faces are from photographs that have test faces too",)
    return ImagesOfGroups(
        "images_of_groups",
        torch.from_numpy(decoded.images),
        labels,
        AGE_CLASSES.values(),
        splits,
        positions=[float(years) for years in AGE_CLASSES],
        unit="years",
        groups=None if across else photographs,
        report=report,
        licence="Images of Groups: non-commercial research only",
        notes=(*notes, str(report), *decoded.notes),
        root=root,
    )


def _read_lists(files, root):
    """Return a pair of split and face for every face of the lists, or None if there are none."""
    contents = {name: read_label_file(files, name) for name in LISTS}
    absent = [name for name, content in contents.items() if content is None]
    if len(absent) == len(contents):
        return None
    if absent:
        raise FileNotFoundError(
            f"root must hold both {' and '.join(LISTS)} or neither, it lacks {absent[0]}: {root}"
        )
    return [
        (part, face)
        for part, (name, content) in zip(PER_CLASS, contents.items(), strict=True)
        for face in read_even_list(content, name)
    ]


def _read_folders(files, root):
    """Return a pair of None and face for every face of the folders."""
    label_files = [file for file in files if file.name.rpartition("/")[2] == LABEL_FILE]
    if not label_files:
        raise FileNotFoundError(f"root holds no {LABEL_FILE}: {root}. {_HOW_TO_GET_IT}")
    return [
        (None, face)
        for file in label_files
        for face in read_person_data(read_content(file), file.name)
    ]


def _even_parts(faces, seed):
    """Return pairs of split and face: as many of each class, each photograph in one split."""
    labels = np.array([face.label for face in faces])
    parts = stratified_splits(
        torch.from_numpy(labels),
        seed=seed,
        groups=[face.photograph for face in faces],
        shares={part: most / sum(PER_CLASS.values()) for part, most in PER_CLASS.items()},
    )
    order = np.random.default_rng(seed).permutation(len(faces))
    chosen = []
    for part, most in PER_CLASS.items():
        members = order[np.isin(order, parts[part].numpy())]
        counts = np.bincount(labels[members], minlength=len(AGE_CLASSES))
        if not counts.min():
            name = list(AGE_CLASSES.values())[counts.argmin()]
            raise ValueError(
                f"root must hold faces of every class for every split, none of {name} is left "
                f"for {part}"
            )
        for label in range(len(AGE_CLASSES)):
            some = members[labels[members] == label][: min(most, counts.min())]
            chosen += [(k, part) for k in some.tolist()]
    return [(part, faces[k]) for k, part in sorted(chosen)]
