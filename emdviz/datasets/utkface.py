"""UTKFace: photographs of faces whose file names tell the age."""

import hashlib
import io
import os
import re
import struct
import warnings
import zipfile
import zlib
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np
import torch
from PIL import Image, ImageOps

from emdviz.datasets.ages import AGE_GROUPS, GROUP_CENTRES, age_group
from emdviz.datasets.base import OrderedImages, check_whole_number
from emdviz.datasets.splits import stratified_splits

OLDEST = 130
"""A file name that claims a greater age is not believed."""

MAX_FILE_BYTES = 64 * 2**20
"""A face takes some kilobytes; whatever is larger than this is not one."""

MAX_PIXELS = 40 * 10**6
"""The same for its width times its height."""

_UNREADABLE = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
    RuntimeError,  # a zip member under a password, or packed in a way that zipfile lacks
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,  # raised where warnings are errors
)

_HOW_TO_GET_IT = (
    "UTKFace is never downloaded by this package: it is for non-commercial research only, and "
    "its terms are yours to accept. Get it from https://susanqq.github.io/UTKFace/, unpack what "
    "ends in .tar.gz, and put its files, named [age]_[gender]_[race]_[date].jpg.chip.jpg, into "
    "data/utkface/, in folders as deep as you like or in zip files; or pass their folder or zip "
    "file as root."
)


@dataclass(frozen=True)
class UTKFaceReport:
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
        Files left out because their names begin with no age from 0 to 130.
    unreadable : tuple of str
        Names of the files left out because they hold no whole JPEG or PNG image.
    """

    files: int
    kept: int
    copies: int
    conflicting: int
    without_age: int
    unreadable: tuple[str, ...]


class UTKFace(OrderedImages):
    """Photographs of faces; an :class:`OrderedImages` that also knows the ages in years.

    Attributes
    ----------
    ages : int64 tensor, shape (N,)
        Years, as the file names have them.
    report : UTKFaceReport
        How many files were left out, and why.
    """

    def __init__(self, *args, ages, report, **keywords):
        super().__init__(*args, **keywords)
        self.ages = ages
        self.report = report


def utkface(root="data/utkface", *, size=48, seed=0):
    """Read UTKFace from a folder or a zip file, and clean it.

    Ages are cut into the eight groups of Adience halfway between neighbouring groups, so that
    every age has one. Of pictures that occur several times one is kept; if their file names
    disagree on the age, none is. Pictures are the same if their pixels are, so exact copies of
    a file count, and so do files that differ in nothing but what is written beside the pixels.

    Parameters
    ----------
    root : str or Path
        A folder, searched to its depths, with images or zip files in it, or a zip file.
    size : int
        Height and width of the images in pixels, 16 to 256. Images that are not square are
        cut to their middle.
    seed : int
        Not negative; decides the splits.

    Returns
    -------
    UTKFace
        ``positions`` in years, splits "train", "valid" and "test" of 80, 10 and 10 % of each
        class, ``ages`` (N,) and a ``report``. Images are ordered by file name, wherever the
        files lie.

    Raises
    ------
    FileNotFoundError
        If there is no such folder or file, or no image of UTKFace in it.
    TypeError, ValueError
        If ``size`` or ``seed`` is out of range, or a zip file is broken, or holds names that
        point outside it or members too large to be faces.

    Warns
    -----
    UserWarning
        If files cannot be read as images; they are left out.

    References
    ----------
    Zhang, Song, Qi: Age Progression/Regression by Conditional Adversarial Autoencoder, 2017.
    """
    size = check_whole_number("size", size, 16, 256)
    seed = check_whole_number("seed", seed, 0)
    root = Path(root).expanduser()
    if not root.exists():
        raise FileNotFoundError(f"root does not exist: {root}. {_HOW_TO_GET_IT}")
    with ExitStack() as open_zips:
        files = _list_files(root, open_zips)
        aged = [(_age(name), name, read) for name, read in files]
        aged = [file for file in aged if file[0] is not None]
        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
            decoded = list(pool.map(partial(_decode, size), [read for *_, read in aged]))
    unreadable = sorted(
        name for (_, name, _), image in zip(aged, decoded, strict=True) if image is None
    )
    faces = [
        (name, age, *image)
        for (age, name, _), image in zip(aged, decoded, strict=True)
        if image is not None
    ]
    kept, copies, conflicting = _deduplicate(faces)
    report = UTKFaceReport(
        files=len(files),
        kept=len(kept),
        copies=copies,
        conflicting=conflicting,
        without_age=len(files) - len(aged),
        unreadable=tuple(unreadable),
    )
    if not kept:
        raise FileNotFoundError(
            f"root holds no usable image of UTKFace: {root}; {_in_words(report)}. {_HOW_TO_GET_IT}"
        )
    if unreadable:
        warnings.warn(f"{_unreadable_in_words(unreadable)} in {root}; left out", stacklevel=2)
    ages = torch.tensor([age for _, age, _, _ in kept])
    labels = torch.from_numpy(age_group(ages.numpy()))
    return UTKFace(
        "utkface",
        torch.from_numpy(np.stack([pixels for *_, pixels in kept])),
        labels,
        AGE_GROUPS,
        stratified_splits(labels, seed=seed),
        positions=GROUP_CENTRES,
        unit="years",
        ages=ages,
        report=report,
        licence="UTKFace: non-commercial research only; not to be passed on",
        notes=(
            _in_words(report),
            "every age belongs to a group: ages between two groups go to the nearer one",
        ),
        root=root,
    )


def _list_files(root, open_zips):
    """Return (file name, function that reads its bytes) of every file under ``root``."""
    if root.is_file():
        return _list_zip(root, open_zips)
    files = []
    for path in root.rglob("*"):
        if _is_hidden(path.relative_to(root).parts) or not path.is_file():
            continue
        if path.suffix.lower() == ".zip":
            files += _list_zip(path, open_zips)
        else:
            files.append((path.name, partial(_read_file, path)))
    return files


def _list_zip(path, open_zips):
    try:
        archive = open_zips.enter_context(zipfile.ZipFile(path))
    except (zipfile.BadZipFile, OSError) as error:
        raise ValueError(f"root must be a folder or a zip file, but {path}: {error}") from None
    files = []
    for member in archive.infolist():
        # nothing is unpacked to disk, but an archive with such names is not what it claims
        name = member.orig_filename
        parts = PurePosixPath(name.replace("\\", "/")).parts
        if ".." in parts or name.startswith(("/", "\\")) or PureWindowsPath(name).drive:
            raise ValueError(f"{path} is refused: its member {name!r} points outside the archive")
        if member.file_size > MAX_FILE_BYTES:
            raise ValueError(
                f"{path} is refused: its member {name!r} has {member.file_size} bytes, "
                f"a face at most {MAX_FILE_BYTES}"
            )
        if not member.is_dir() and not _is_hidden(parts):
            files.append((parts[-1], partial(archive.read, member)))
    return files


def _is_hidden(parts):
    # what file managers leave behind: .DS_Store, __MACOSX/._1_0_0.jpg and the like
    return any(part.startswith(".") or part == "__MACOSX" for part in parts)


def _read_file(path):
    if path.stat().st_size > MAX_FILE_BYTES:
        raise ValueError("too large")
    return path.read_bytes()


def _age(name):
    digits = re.match(r"(\d{1,3})_", name, re.ASCII)
    age = int(digits[1]) if digits else None
    return age if age is not None and age <= OLDEST else None


def _decode(size, read):
    """Return (digest of all pixels, small image of shape (3, size, size)), or None."""
    try:
        with Image.open(io.BytesIO(read()), formats=("JPEG", "PNG")) as image:
            if image.width * image.height > MAX_PIXELS:
                return None
            upright = ImageOps.exif_transpose(image).convert("RGB")
    except _UNREADABLE:
        return None
    digest = hashlib.sha256(repr(upright.size).encode() + upright.tobytes()).digest()
    small = ImageOps.fit(upright, (size, size), Image.Resampling.BILINEAR)  # it antialiases
    return digest, np.asarray(small).transpose(2, 0, 1)


def _deduplicate(faces):
    """Return the faces to keep, ordered by name, and how many were copies and conflicts."""
    same = defaultdict(list)
    for face in sorted(faces, key=lambda face: (face[0], face[2])):
        same[face[2]].append(face)
    kept, copies, conflicting = [], 0, 0
    for group in same.values():
        if len({age for _, age, _, _ in group}) > 1:
            conflicting += len(group)
        else:
            kept.append(group[0])
            copies += len(group) - 1
    return kept, copies, conflicting


def _in_words(report):
    text = (
        f"{report.kept} images kept of {report.files} files; left out: "
        f"{report.copies} exact copies, "
        f"{report.conflicting} files whose picture occurs with different ages, "
        f"{report.without_age} without an age from 0 to {OLDEST} in their names, "
    )
    return text + _unreadable_in_words(report.unreadable)


def _unreadable_in_words(names):
    listed = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
    return f"{len(names)} not readable as an image" + (f" ({listed})" if names else "")
