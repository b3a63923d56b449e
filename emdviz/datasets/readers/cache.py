"""Decoded images, kept beside the data, so that the second start takes a moment."""

import hashlib
import json
import os
import secrets
import time
import warnings
import zlib
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
import PIL

from emdviz.datasets.readers.files import how_many
from emdviz.datasets.readers.images import (
    FORMATS,
    READING_ERRORS,
    Decoded,
    check_crops,
    decode,
    digest,
    in_threads,
    names_of_lost,
)

FOLDER = ".emdviz"
"""Name of the folder beside the data; delete it whenever you like."""

VERSION = 1
"""Of the decoding; images that another version decoded are not used."""

_JUST_NOW = 2 * 10**9
"""Nanoseconds. A file that changed so lately may change again without a new time of change, for
some file systems count in steps of two seconds; so it is read again at the next start."""


def read_images(
    root, files, size, *, name, crops=None, squeeze=False, digests=False, cache=True, workers=None
):
    """Decode images as :func:`decoding.decode` does, but each file only once, ever.

    What was decoded is kept in one file of ``<root>/.emdviz/`` (beside ``root``, if that is a zip
    file), by the content of the files: only what is new or has changed is decoded again. A file
    that still has its place, size and time of change is not even read. A kept file that is
    broken, or of another version, is ignored and replaced.

    Parameters
    ----------
    root : Path
        As given to :func:`files.list_files`.
    files, size, crops, squeeze, digests, workers
        See :func:`decoding.decode`.
    name : str
        Of the data set, with whatever else tells its lists of files apart, such as
        ``"adience-aligned"``; part of a file name.
    cache : bool
        False: read nothing from the cache, and leave nothing in it.

    Returns
    -------
    Decoded
        Its ``notes`` say why nothing could be kept, if so.

    Raises
    ------
    ValueError
        As :func:`decoding.decode` does.

    Warns
    -----
    UserWarning
        If files hold no whole image: how many, and the first five.
    """
    options = {"squeeze": squeeze, "digests": digests, "workers": workers}
    if cache:
        decoded = _read_through(_cache_path(root, name, size), files, size, crops, options)
    else:
        decoded = decode(files, size, crops=crops, **options)
    if decoded.unreadable:
        text = how_many(decoded.unreadable, "not readable as an image")
        known = ", ".join(FORMATS)
        warnings.warn(f"{text} in {root}; left out ({known} can be read)", stacklevel=3)
    return decoded


def _cache_path(root, name, size):
    root = Path(root)
    if root.is_file():
        return root.parent / FOLDER / f"{root.name}-{name}-{size}px.npy"
    return root / FOLDER / f"{name}-{size}px.npy"


def _read_through(path, files, size, crops, options):
    now = time.time_ns()
    crops = check_crops(crops, len(files))
    asked = [f"{file.identity}|{crop}" for file, crop in zip(files, crops, strict=True)]
    header = {
        "version": [VERSION, PIL.__version__],
        "size": size,
        "squeeze": options["squeeze"],
        "digests": options["digests"],
        "request": hashlib.sha256("\n".join(asked).encode(errors="surrogateescape")).hexdigest(),
    }
    stored = _load(path, header)
    if stored is not None and stored.header["request"] == header["request"]:
        return stored.decoded(files)
    if stored is None:
        result = decode(files, size, crops=crops, **options)
    else:
        result = _complete(stored, files, size, crops, options)
    old = np.array([now - file.changed > _JUST_NOW for file in files], bool)
    settled = old & result.contents.any(1)
    header["identities"] = [
        file.identity if sure else "" for file, sure in zip(files, settled, strict=True)
    ]
    if not settled.all():
        header["request"] = ""
    keys = _keys(result.contents, crops)
    new = _Stored(header, result.contents, keys, result.kept, result.digests, result.images)
    if stored is not None and stored.same_files(new):
        return result
    problem = _store(path, new)
    return result._replace(notes=(f"nothing kept for the next start: {problem}",) * bool(problem))


def _keys(contents, crops):
    """Return what each image depends on: the content of its file, and what is cut out of it."""
    rows = [
        content.tobytes() + repr(crop).encode()
        for content, crop in zip(contents, crops, strict=True)
    ]
    return np.array([digest(row) for row in rows], np.uint8).reshape(-1, 32)


class _Stored(NamedTuple):
    """What a file of the cache holds, in this order; each but the header is an .npy array."""

    header: dict
    contents: np.ndarray
    keys: np.ndarray
    kept: np.ndarray
    digests: np.ndarray | None
    images: np.ndarray

    def decoded(self, files):
        digests = self.digests if self.header["digests"] else None
        lost = names_of_lost(files, self.kept)
        return Decoded(self.images, self.kept, lost, self.contents, digests)

    def same_files(self, other):
        return (
            self.header == other.header
            and np.array_equal(self.keys, other.keys)
            and np.array_equal(self.kept, other.kept)
        )

    def arrays(self):
        header = np.frombuffer(json.dumps(self.header).encode(), np.uint8)
        digests = np.zeros((0, 32), np.uint8) if self.digests is None else self.digests
        return [header, self.contents, self.keys, self.kept, digests, self.images]


def _complete(stored, files, size, crops, options):
    """Take from the cache what has not changed, and decode the rest."""
    known = dict(zip(stored.header["identities"], stored.contents, strict=True))
    contents = np.zeros((len(files), 32), np.uint8)
    unknown = []
    for place, file in enumerate(files):
        if file.identity in known:
            contents[place] = known[file.identity]
        else:
            unknown.append(place)

    def find_content(place):
        with suppress(*READING_ERRORS):  # decode will say so
            contents[place] = digest(files[place].read())

    in_threads(find_content, unknown, options["workers"])
    rows = {key.tobytes(): row for row, key in enumerate(stored.keys) if stored.contents[row].any()}
    row = np.array([rows.get(key.tobytes(), -1) for key in _keys(contents, crops)], np.int64)
    missing = np.flatnonzero(row < 0)
    fresh = decode(
        [files[place] for place in missing], size, crops=[crops[k] for k in missing], **options
    )
    contents[missing] = fresh.contents
    image_of_row = np.full(len(stored.keys), -1)
    image_of_row[stored.kept] = np.arange(len(stored.kept))
    # of each file: the number of its image among the stored, followed by the fresh ones
    source = np.where(row < 0, -1, image_of_row[row])
    source[missing[fresh.kept]] = len(stored.kept) + np.arange(len(fresh.kept))
    kept = np.flatnonzero(source >= 0)
    source = source[kept]
    return Decoded(
        _pick(stored.images, fresh.images, source),
        kept,
        names_of_lost(files, kept),
        contents,
        _pick(stored.digests, fresh.digests, source) if options["digests"] else None,
    )


def _pick(first, second, rows):
    """Return rows of two arrays as if they were one, without joining them."""
    picked = np.empty((len(rows), *first.shape[1:]), first.dtype)
    old = rows < len(first)
    picked[old] = first[rows[old]]
    picked[~old] = second[rows[~old] - len(first)]
    return picked


def _load(path, header):
    """Return what the file holds, or None if it is not there, not whole, or not for ``header``."""
    try:
        with open(path, "rb") as file:
            check = 0
            arrays = []
            for _ in range(6):
                array = np.lib.format.read_array(file, allow_pickle=False)
                check = zlib.crc32(array, check)
                arrays.append(array)
            if int(np.lib.format.read_array(file, allow_pickle=False)) != check:
                return None
        found = json.loads(arrays[0].tobytes())
        stored = _Stored(found, *arrays[1:])
        fits = all(found[key] == header[key] for key in ("version", "size", "squeeze", "digests"))
    except Exception:  # NumPy meets broken headers with errors of a dozen kinds
        return None
    return stored if fits else None


def _store(path, stored):
    """Write a file of the cache; return why that failed, if it did."""
    # under a name of its own until it is whole, for another process may read or write as well
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        path.parent.mkdir(exist_ok=True)
        check = 0
        with open(temporary, "xb") as file:
            for array in stored.arrays():
                _write_array(file, array)
                check = zlib.crc32(array, check)
            _write_array(file, np.array(check))
        os.replace(temporary, path)
    except OSError as error:
        return f"{path.parent}: {error.strerror}"
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    return None


def _write_array(file, array):
    # NumPy's own way of writing to a disk that is full does not say that it is
    np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(array))
    file.write(array.data)
