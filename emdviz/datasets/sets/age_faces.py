"""Photographs of faces whose file names tell the age: UTKFace, All-Age-Faces, FG-NET."""

import re
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import torch

from emdviz.datasets.ages import age_classes
from emdviz.datasets.base import OrderedData
from emdviz.datasets.readers.cache import read_images
from emdviz.datasets.readers.files import IMAGE_SUFFIXES, check_root, how_many, list_files
from emdviz.datasets.readers.label_files import left_out, warn_of_empty_classes, without_copies
from emdviz.datasets.splits import stratified_splits
from emdviz.reading import read_count

__all__ = ["age_faces", "utkface"]

OLDEST = 130
"""A file name that claims a greater age is not believed."""


@dataclass(frozen=True)
class Pattern:
    """How a data set names its files.

    Attributes
    ----------
    expression : re.Pattern
        Its group ``age`` is the age in years; its group ``person``, if it has one, the number of
        the person.
    words : str
        The same for people.
    title, licence, source, terms : str
        What the data set is called, who may use it, where to get it, and what for.
    """

    expression: re.Pattern
    words: str
    title: str
    licence: str
    source: str
    terms: str

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


@dataclass(frozen=True)
class AgeFacesReport:
    """What became of the files.

    Attributes
    ----------
    files : int
        Files found, hidden ones aside.
    kept : int
        Images in the data set.
    copies : int
        Files left out because the same picture, with the same age, is kept already.
    conflicting : int
        Files left out because the same picture occurs with different ages.
    without_age : int
        Files left out because their names tell no age from 0 to 130.
    unreadable : tuple of str
        Names of the files left out because they hold no whole image.
    """

    files: int
    kept: int
    copies: int
    conflicting: int
    without_age: int
    unreadable: tuple[str, ...]


class AgeFaces(OrderedData):
    """Photographs of faces; an :class:`OrderedData` that also knows the ages in years.

    Attributes
    ----------
    ages : int64 tensor, shape (N,)
        Years, as the file names have them.
    report : AgeFacesReport
        How many files were left out, and why.
    """

    def __init__(self, *args, ages, report, **keywords):
        super().__init__(*args, **keywords)
        self.ages = ages
        self.report = report


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
    size : int
        Height and width of the images in pixels, 16 to 256. Images that are not square are
        cut to their middle.
    bins : int or sequence of numbers, optional
        How ages become classes: that many classes of about as many images each, or the ages at
        which the second and each further class begins; see :func:`ages.age_classes`. By default
        the eight groups of Adience, cut halfway between neighbours, so that every age has one.
    seed : int
        Not negative; decides the splits.
    cache : bool
        Whether to keep the decoded images in ``<root>/.emdviz/``, for the next time.

    Returns
    -------
    AgeFaces
        ``positions`` in years, splits "train", "valid" and "test" of 80, 10 and 10 % of each
        class, ``ages`` (N,) and a ``report``. Where the names tell the person, ``groups`` does
        too, and no person is in two splits. Images are ordered by file name, wherever the files
        lie.

    Raises
    ------
    FileNotFoundError
        If there is no such folder or file, or no image of the data set in it.
    TypeError, ValueError
        If an argument is out of range, a class of ``bins`` has no image, a zip file is broken,
        or holds names that point outside it or members too large to be faces, or one name of a
        person and age belongs to different pictures.

    Warns
    -----
    UserWarning
        If files cannot be read as images; they are left out. If a class has no image for
        training.

    References
    ----------
    Zhang, Song, Qi: Age Progression/Regression by Conditional Adversarial Autoencoder, 2017
    (UTKFace). Cheng et al.: Exploiting effective facial patches for robust gender recognition,
    2019 (All-Age-Faces). Panis, Lanitis, Tsapatsoulis, Cootes: Overview of research on facial
    ageing using the FG-NET ageing database, 2016.
    """
    if pattern not in PATTERNS:
        raise ValueError(f"pattern must be one of {sorted(PATTERNS)}, got {pattern!r}")
    rule = PATTERNS[pattern]
    size = read_count(size, "size", 16, 256)
    seed = read_count(seed, "seed", 0)
    root = check_root(f"data/{pattern}" if root is None else root, rule.how_to_get_it(pattern))
    files = list_files(root)
    faces = [_Face.of(file, rule) for file in files]
    faces = [face for face in faces if face is not None]
    decoded = read_images(
        root, [face.file for face in faces], size, name=pattern, digests=True, cache=cache
    )
    pictures = [digest.tobytes() for digest in decoded.digests]
    readable = [faces[place] for place in decoded.kept]
    kept, copies, conflicting = _deduplicate(readable, pictures)
    report = AgeFacesReport(
        files=len(files),
        kept=len(kept),
        copies=copies,
        conflicting=conflicting,
        without_age=len(files) - len(faces),
        unreadable=decoded.unreadable,
    )
    if not len(kept):
        raise FileNotFoundError(
            f"root holds no usable image of {rule.title}: {root}; {_in_words(report)}. "
            + rule.how_to_get_it(pattern)
        )
    chosen = [readable[k] for k in kept]
    persons = [face.person for face in chosen] if "person" in rule.expression.groupindex else None
    if persons is not None:
        _check_names(chosen, rule)
    ages = torch.tensor([face.age for face in chosen])
    labels, classes, positions = age_classes(ages.numpy(), bins)
    labels = torch.from_numpy(labels)
    splits = stratified_splits(labels, seed=seed, groups=persons)
    warn_of_empty_classes(classes, labels[splits["train"]])
    return AgeFaces(
        pattern,
        torch.from_numpy(decoded.images[kept]),
        labels,
        classes,
        splits,
        positions=positions,
        unit="years",
        groups=persons,
        ages=ages,
        report=report,
        licence=rule.licence,
        notes=(
            _in_words(report),
            "every age belongs to a group: ages between two groups go to the nearer one"
            if bins is None
            else "positions are the mean ages of the classes",
            *decoded.notes,
        ),
        root=root,
    )


def utkface(root="data/utkface", *, size=48, bins=None, seed=0, cache=True):
    """Read UTKFace: :func:`age_faces` with the pattern "utkface".

    Parameters
    ----------
    root, size, bins, seed, cache
        See :func:`age_faces`.

    Returns
    -------
    AgeFaces

    Raises
    ------
    FileNotFoundError, TypeError, ValueError
        As :func:`age_faces` does.
    """
    return age_faces(root, pattern="utkface", size=size, bins=bins, seed=seed, cache=cache)


@dataclass(frozen=True)
class _Face:
    file: object
    name: str
    age: int
    person: str | None

    @classmethod
    def of(cls, file, rule):
        """Return what the name tells, or None if it tells no credible age."""
        name = file.name.rpartition("/")[2]
        found = rule.expression.match(name)
        if found is None or int(found["age"]) > OLDEST:
            return None
        return cls(file, name, int(found["age"]), found.groupdict().get("person"))


def _deduplicate(faces, pictures):
    """Return places of the faces to keep, by name, and how many were copies and conflicts."""
    order = sorted(range(len(faces)), key=lambda k: (faces[k].name, pictures[k]))
    kept, copies, conflicting = without_copies(
        [pictures[k] for k in order], [faces[k].age for k in order]
    )
    return np.array(order, dtype=np.int64)[kept], copies, conflicting


def _check_names(faces, rule):
    places = defaultdict(list)
    for face in faces:
        places[face.name].append(face.file.name)
    twice = [" and ".join(names) for names in places.values() if len(names) > 1]
    if twice:
        raise ValueError(
            f"a file of {rule.title} must occur once, but these have one name and different "
            f"pictures: {how_many(twice)}; pass one of their folders as root"
        )


def _in_words(report):
    return f"{report.kept} images kept of {report.files} files" + left_out(
        {
            "exact copies": report.copies,
            "files whose picture occurs with different ages": report.conflicting,
            f"without an age from 0 to {OLDEST} in their names": report.without_age,
            "not readable as an image": report.unreadable,
        }
    )
