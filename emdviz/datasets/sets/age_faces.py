"""Photographs of faces whose file names tell the age: UTKFace, All-Age-Faces, FG-NET."""

import re
from collections import defaultdict
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from emdviz._docstrings import fill
from emdviz.datasets.ages import age_classes
from emdviz.datasets.building import build
from emdviz.datasets.readers.files import IMAGE_SUFFIXES, Source, how_many
from emdviz.datasets.readers.listing import Listing
from emdviz.reading import read_choice, read_count

__all__ = ["age_faces", "utkface"]

OLDEST = 130
"""A file name that claims a greater age is not believed."""

_OF_GROUPS = "every age belongs to a group: ages between two groups go to the nearer one"


@dataclass(frozen=True)
class Pattern:
    """How a data set names its files: ``expression`` finds ``age`` and, if known, ``person``."""

    expression: re.Pattern
    words: str
    title: str
    licence: str
    source: str
    terms: str

    @property
    def knows_people(self):
        """Whether file names tell the person."""
        return "person" in self.expression.groupindex

    def how_to_get_it(self, name):
        """Say what to get, where, and how the files must lie."""
        return (
            f"{self.title} is never downloaded by this package: {self.terms}. Get it from "
            f"{self.source}, unpack what ends in .tar.gz, and put its files, named {self.words}, "
            f"into data/{name}/, in folders as deep as you like or in zip files; or pass their "
            "folder or zip file as root."
        )


_SUFFIX = rf"({'|'.join(map(re.escape, IMAGE_SUFFIXES))})$"

PATTERNS = {
    "utkface": Pattern(
        re.compile(r"(?P<age>\d{1,3})_", re.ASCII),
        "[age]_[gender]_[race]_[date].jpg.chip.jpg",
        "UTKFace",
        "UTKFace: non-commercial research only; not to be passed on",
        "https://susanqq.github.io/UTKFace/",
        "it is for non-commercial research only, and its terms are yours to accept",
    ),
    "all_age_faces": Pattern(
        re.compile(rf"(?P<person>\d{{5}})A(?P<age>\d{{2,3}}){_SUFFIX}", re.ASCII | re.IGNORECASE),
        "[5 digits for the person]A[age].jpg, such as 00001A02.jpg",
        "All-Age-Faces",
        "All-Age-Faces: its page states no licence; ask its authors before you pass anything on",
        "https://github.com/JingchunCheng/All-Age-Faces-Dataset (one of its folders 'original "
        "images' and 'aligned faces', not both)",
        "its page states no licence, so ask its authors what you may do",
    ),
    "fgnet": Pattern(
        re.compile(
            rf"(?P<person>\d{{3}})A(?P<age>\d{{2}})[a-z]?{_SUFFIX}", re.ASCII | re.IGNORECASE
        ),
        "[3 digits for the person]A[age].JPG, such as 001A02.JPG or 001A43a.JPG",
        "FG-NET",
        "FG-NET: people's private photographs, collected for research; not to be passed on",
        "https://yanweifu.github.io/FG_NET_data/",
        "it holds people's private photographs, collected for research",
    ),
}
"""The naming conventions that :func:`age_faces` knows."""


@fill
def age_faces(root=None, *, pattern, size=48, bins=None, seed=0, cache=True):
    """Read faces whose file names tell the age, from a folder or a zip file, and clean them.

    Of pictures that occur several times one is kept; if their file names disagree on the age,
    none is. Pictures are the same if their pixels are, so exact copies of a file count, and so
    do files that differ in nothing but what is written beside the pixels.

    Parameters
    ----------
    root : str or Path, optional
        A folder, searched to its depths, with images or zip files in it, or a zip file;
        ``data/<pattern>`` by default.
    pattern : {"utkface", "all_age_faces", "fgnet"}
        How the files are named: ``39_1_0_20170116174525125.jpg.chip.jpg`` (age first),
        ``00001A02.jpg`` (person, age) or ``001A43a.JPG`` (person, age, sometimes a letter).
    %(image_size)s
        Images that are not square are cut to their middle.
    bins : int or sequence of numbers, optional
        How ages become classes: that many classes of about as many images each, or the ages at
        which the second and each further class begins; see :func:`ages.age_classes`. By default
        the eight groups of Adience, cut halfway between neighbours, so that every age has one.
    seed : int
        Not negative; decides the splits.
    %(image_cache)s

    Returns
    -------
    OrderedData
        ``positions`` in years, splits "train", "valid" and "test" of 80, 10 and 10 % of each
        class, ages as ``scores`` (N,) and a ``report``. Where the names tell the person,
        ``groups`` does too, and no person is in two splits. Images are ordered by file name,
        wherever the files lie.

    %(source_errors)s

    References
    ----------
    Zhang, Song, Qi: Age Progression/Regression by Conditional Adversarial Autoencoder, 2017
    (UTKFace). Cheng et al.: Exploiting effective facial patches for robust gender recognition,
    2019 (All-Age-Faces). Panis, Lanitis, Tsapatsoulis, Cootes: Overview of research on facial
    ageing using the FG-NET ageing database, 2016.
    """
    rule = PATTERNS[read_choice(pattern, "pattern", PATTERNS)]
    size = read_count(size, "size", 16, 256)
    seed = read_count(seed, "seed", 0)
    root = f"data/{pattern}" if root is None else root
    source = Source.open(root, rule.how_to_get_it(pattern))
    found = {file: rule.expression.match(_last(file.name)) for file in source.files}
    faces = {file: match for file, match in found.items() if match and int(match["age"]) <= OLDEST}
    listing = Listing(
        names=[_last(file.name) for file in faces],
        labels=[int(match["age"]) for match in faces.values()],
        groups=[match["person"] for match in faces.values()] if rule.knows_people else None,
        files=list(faces),
        listed=len(found),
        unit="files",
    )
    words = f"without an age from 0 to {OLDEST} in their names"
    listing = listing.note("without_age", words, len(found) - len(faces))

    def classes(listing):
        ages = np.array(listing.labels)
        labels, classes, positions = age_classes(ages, bins)
        scores = torch.from_numpy(ages.astype(np.float64))
        return {"labels": labels, "classes": classes, "positions": positions, "scores": scores}

    return build(
        source,
        listing,
        classes,
        name=pattern,
        size=size,
        seed=seed,
        cache=cache,
        sort_out=partial(_without_copies, rule),
        unit="years",
        licence=rule.licence,
        notes=[_OF_GROUPS if bins is None else "positions are the mean ages of the classes"],
    )


def utkface(root="data/utkface", *, size=48, bins=None, seed=0, cache=True):
    """Read UTKFace: :func:`age_faces` with the pattern "utkface"; the rest is as there."""
    return age_faces(root, pattern="utkface", size=size, bins=bins, seed=seed, cache=cache)


def _last(name):
    return name.rpartition("/")[2]


def _without_copies(rule, listing, digests):
    """Leave out copies of a picture; order the others by name, wherever they lie."""
    pictures = [digest.tobytes() for digest in digests]
    order = sorted(range(len(listing)), key=lambda k: (listing.names[k], pictures[k]))
    kept = listing.take(order).without_copies(
        [pictures[k] for k in order],
        [listing.labels[k] for k in order],
        "exact copies",
        "files whose picture occurs with different ages",
    )
    if rule.knows_people:
        _check_names(kept, rule)
    return kept


def _check_names(listing, rule):
    places = defaultdict(list)
    for name, file in zip(listing.names, listing.files, strict=True):
        places[name].append(file.name)
    twice = [" and ".join(names) for names in places.values() if len(names) > 1]
    if twice:
        raise ValueError(
            f"a file of {rule.title} must occur once, but these have one name and different "
            f"pictures: {how_many(twice)}; pass one of their folders as root"
        )
