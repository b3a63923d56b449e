"""Decoded images, kept beside the data for the next start."""

import hashlib
import json
import os
import secrets
import time
import warnings
import zlib
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import PIL

from emdviz.datasets.readers.files import how_many
from emdviz.datasets.readers.images import (
    FORMATS,
    Decoded,
    check_crops,
    decode,
    names_of_unreadable,
)

FOLDER = ".emdviz"
"""Name of the folder beside the data; delete it whenever you like."""

VERSION = 4
"""Version of the decoding; images that another version decoded are not used."""

JUST_NOW = 2 * 10**9
"""Nanoseconds. A file that changed this recently is decoded again at the next start: some file
systems count time in steps of two seconds, so it may change again without a new time."""


def read_images(
    root, files, size, *, name, crops=None, squeeze=False, digests=False, depth=None, cache=True
):
    """Decode images as :func:`images.decode` does, but each file only once.

    Decoded images are kept in ``<root>/.emdviz/<name>-<size>px.npy`` (beside ``root``, if that is
    a zip file; see :func:`cache_folder`). An image is taken from there as long as its file has the
    same name below ``root``, the same size in bytes and the same time of change, and ``crops``,
    ``squeeze``, ``digests`` and ``depth`` are the same; a new or changed file is decoded. Files
    that cannot be read are tried each time, and images of 16 bits are decoded each time unless
    ``depth`` is given, since it depends on all of them. A kept file that is broken or of another
    version is replaced.

    ``name`` is that of the data set, and of its list of files where it has several, such as
    "adience-aligned". If nothing could be kept, the ``notes`` of the result say why.
    """
    options = {"squeeze": squeeze, "digests": digests, "depth": depth}
    if cache:
        about = f"{VERSION} {PIL.__version__} {size} {squeeze} {digests} {depth}"
        decoded = _through_cache(
            place(root, f"{name}-{size}px.npy"), about, files, size, crops, options
        )
    else:
        decoded = decode(files, size, crops=crops, **options)
    if decoded.unreadable:
        text = how_many(decoded.unreadable, "not readable as an image")
        known = ", ".join(FORMATS)
        if any(name.lower().endswith((".heic", ".heif")) for name in decoded.unreadable):
            known += "; HEIC with the package pillow-heif"
        warnings.warn(f"{text} in {root}; left out ({known} can be read)", stacklevel=3)
    return decoded


def cache_folder(root):
    """Return the folder for results computed from the data at ``root``, a folder or a file.

    It lies beside the data; or, if the environment variable ``EMDVIZ_CACHE`` names a folder, in
    that folder, which has one for each place of data.
    """
    root = Path(root).absolute()
    chosen = os.environ.get("EMDVIZ_CACHE")
    if chosen:
        digits = hashlib.sha256(os.fsencode(root)).hexdigest()[:12]
        return Path(chosen).expanduser() / f"{root.name}-{digits}"
    return (root.parent if root.is_file() else root) / FOLDER


def place(root, name):
    """Return the path of a file in the cache of a folder or zip file of data."""
    root = Path(root)
    return cache_folder(root) / (f"{root.name}-{name}" if root.is_file() else name)


def _through_cache(path, about, files, size, crops, options):
    now = time.time_ns()
    crops = check_crops(crops, len(files))
    keys = [f"{file.identity}|{crop}" for file, crop in zip(files, crops, strict=True)]
    stored = _load(path, about)
    if stored is None:
        result = decode(files, size, crops=crops, **options)
    else:
        places = {key: place for place, key in enumerate(stored.pop("keys"))}
        source = np.array([places.get(key, -1) for key in keys], np.int64)
        missing = np.flatnonzero(source < 0)
        if len(missing):
            some = [files[k] for k in missing]
            fresh = decode(some, size, crops=[crops[k] for k in missing], **options)
            # of each file: the place of its image among the stored, followed by the fresh ones
            source[missing[fresh.kept]] = len(stored["images"]) + np.arange(len(fresh.kept))
        kept = np.flatnonzero(source >= 0)
        found = {
            name: _pick(array, getattr(fresh, name) if len(missing) else array[:0], source[kept])
            for name, array in stored.items()
            if name == "images" or options["digests"]
        }
        deep = np.zeros(len(files), bool)
        if len(missing):
            deep[missing[fresh.kept]] = fresh.deep
            found["notes"] = fresh.notes
        lost = names_of_unreadable(files, kept)
        result = Decoded(kept=kept, unreadable=lost, deep=deep[kept], **found)
        if (source < len(stored["images"])).all():
            return result  # nothing new to keep
    settled = np.array([now - files[k].changed > JUST_NOW for k in result.kept], bool)
    if options["depth"] is None:
        settled &= ~result.deep
    keys = [keys[k] if fine else None for k, fine in zip(result.kept, settled, strict=True)]
    hashes = np.zeros((0, 32), np.uint8) if result.digests is None else result.digests
    note = store(path, lambda file: _write(file, about, keys, result.images, hashes))
    return result._replace(notes=(*result.notes, *filter(None, [note])))


def _pick(first, second, rows):
    """Return rows of two arrays as if they were one, without joining them."""
    if np.array_equal(rows, np.arange(len(first))):
        return first  # all of the first: spare the copy
    picked = np.empty((len(rows), *first.shape[1:]), first.dtype)
    old = rows < len(first)
    picked[old] = first[rows[old]]
    picked[~old] = second[rows[~old] - len(first)]
    return picked


def _write(file, about, keys, images, digests):
    text = json.dumps([about, keys]).encode()
    # arrays one after another, for from an archive NumPy takes three times as long to read them
    for array in (images, digests, np.frombuffer(text, np.uint8)):
        np.save(file, array)
    np.save(file, np.uint32(_checksum(images, digests, text)))


def _load(path, about):
    """Return what a kept file holds; None if it is not there, not whole, or not ``about`` it."""
    try:
        with open(path, "rb") as file:
            images, digests, text, checksum = (np.load(file, allow_pickle=False) for _ in range(4))
        written, keys = json.loads(text.tobytes())
        if written != about or checksum != _checksum(images, digests, text):
            return None
        return {"keys": keys, "images": images, "digests": digests}
    except Exception:  # NumPy raises half a dozen kinds of errors for broken files
        return None


def _checksum(images, digests, text):
    return zlib.crc32(text, zlib.crc32(digests, zlib.crc32(images)))


def store(path, write):
    """Call ``write`` with a file of the cache that is open; return a note if that failed."""
    # under another name until it is whole, since other processes may read or write it
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        path.parent.mkdir(exist_ok=True, parents=True)
        with open(temporary, "xb") as file:
            # NumPy's own way into a file does not say why a disk takes no more
            write(SimpleNamespace(write=file.write))
        os.replace(temporary, path)
    except OSError as error:
        return f"nothing kept for the next start: {path.parent}: {error.strerror}"
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    return None
