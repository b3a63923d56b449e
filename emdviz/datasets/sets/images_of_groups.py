"""Images of Groups: faces out of photographs of groups of people, in seven age classes."""

from dataclasses import replace

import numpy as np
import torch

from emdviz._docstrings import fill
from emdviz.datasets.building import build
from emdviz.datasets.readers.files import IMAGE_SUFFIXES, Source, plain_name
from emdviz.datasets.readers.group_faces import (
    AGE_CLASSES,
    LISTS,
    face_corners,
    read_even_list,
    read_person_data,
)
from emdviz.datasets.readers.label_files import read_content, read_label_file
from emdviz.datasets.readers.listing import Listing
from emdviz.datasets.splits import stratified_splits
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


@fill
def images_of_groups(root="data/images_of_groups", *, size=64, seed=0, cache=True):
    """Cut the faces out of Images of Groups, as many of each of its seven age classes.

    With ``eventrain.mat`` and ``eventest.mat`` the faces and the test set are those of the data
    set's authors: 3,500 for training, 1,050 for test. Without them, as many of each class are
    drawn from the ``PersonData.txt`` files, at most 500 for training and 150 for test, and no
    photograph has faces in two splits. Faces are turned until their eyes are level.

    Parameters
    ----------
    %(source)s
    %(image_size)s
    seed : int
        Not negative; decides what no list decides.
    %(image_cache)s

    Returns
    -------
    OrderedData
        ``positions`` in years; ``groups`` are the photographs, unless the lists have faces of
        one photograph both for training and for test; a ``report``. A tenth of the training
        faces is for validation.

    %(source_errors)s

    References
    ----------
    Gallagher, Chen: Understanding Images of Groups of People, 2009.
    """
    size = read_count(size, "size", 16, 256)
    seed = read_count(seed, "seed", 0)
    source = Source.open(root, _HOW_TO_GET_IT)
    listed = _read_lists(source)
    told = _read_folders(source) if listed is None else listed
    if not told:
        raise source.lacks("lists no faces")
    parts, faces = zip(*told, strict=True)
    listing = Listing(
        names=[plain_name(face.photograph) for face in faces],
        labels=[face.label for face in faces],
        groups=[face.photograph for face in faces],
        parts=list(parts),
        crops=[face.eyes for face in faces],
        listed=len(faces),
    )
    keys = list(zip(listing.groups, listing.crops, strict=True))
    listing = listing.without_copies(keys, listing.labels)
    blind = [k for k, eyes in enumerate(listing.crops) if eyes[:2] == eyes[2:]]
    listing = listing.leave_out(blind, "without_eyes", "faces without two eyes")
    listing = replace(listing, crops=[face_corners(eyes) for eyes in listing.crops])
    found = {
        file.name.rpartition("/")[2]: file
        for file in reversed(source.files)
        if file.name.lower().endswith(IMAGE_SUFFIXES)
    }
    listing = listing.find(source, found)
    if listed is None:
        chosen = _even_parts(listing, seed)
        listing = replace(listing, parts=[chosen.get(k) for k in range(len(listing))])
        note = f"{_DRAWN} with seed {seed}"
    else:
        note = "faces and test set are those of the authors' lists"
    listing = listing.leave_out(
        [k for k, part in enumerate(listing.parts) if part is None],
        "surplus",
        "faces so that all classes have equally many",
    )
    pairs = list(zip(listing.parts, listing.groups, strict=True))
    tested = {photograph for part, photograph in pairs if part == "test"}
    across = sum(part != "test" and photograph in tested for part, photograph in pairs)
    return build(
        source,
        listing,
        lambda listing: {
            "labels": listing.labels,
            "classes": AGE_CLASSES.values(),
            "positions": [float(years) for years in AGE_CLASSES],
        },
        name="images_of_groups",
        size=size,
        seed=seed,
        cache=cache,
        keep_groups=not across,
        unit="years",
        licence="Images of Groups: non-commercial research only",
        notes=[note]
        + [f"{across} training faces are from photographs that have test faces too"] * bool(across),
    )


def _read_lists(source):
    """Return a pair of split and face for every face of the lists, or None if there are none."""
    contents = {name: read_label_file(source.files, name) for name in LISTS}
    absent = [name for name, content in contents.items() if content is None]
    if len(absent) == len(contents):
        return None
    if absent:
        raise FileNotFoundError(
            f"root must hold both {' and '.join(LISTS)} or neither, it lacks {absent[0]}: "
            f"{source.root}"
        )
    return [
        (part, face)
        for part, (name, content) in zip(PER_CLASS, contents.items(), strict=True)
        for face in read_even_list(content, name)
    ]


def _read_folders(source):
    """Return a pair of None and face for every face of the folders."""
    found = [file for file in source.files if file.name.rpartition("/")[2] == LABEL_FILE]
    if not found:
        raise source.lacks(f"holds no {LABEL_FILE}")
    return [
        (None, face) for file in found for face in read_person_data(read_content(file), file.name)
    ]


def _even_parts(listing, seed):
    """Return the split of each face to take: as many of each class, photographs in one split."""
    labels = np.array(listing.labels)
    parts = stratified_splits(
        torch.from_numpy(labels),
        seed=seed,
        groups=listing.groups,
        shares={part: most / sum(PER_CLASS.values()) for part, most in PER_CLASS.items()},
    )
    order = np.random.default_rng(seed).permutation(len(listing))
    chosen = {}
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
            chosen |= dict.fromkeys(some.tolist(), part)
    return chosen
