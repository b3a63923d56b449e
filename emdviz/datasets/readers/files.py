"""Image files in folders and zip files, found with care."""

import os
import unicodedata
import zipfile
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import NamedTuple

from emdviz.reading import read_path, shown

MAX_FILE_BYTES = 64 * 2**20
"""A larger file is not read: no photograph to learn from is so large."""

_FIRST_BYTES = 2**16  # most small images are not longer

_LEFTOVERS = {
    "__macosx", "@eadir", "#recycle", "@recycle", "$recycle.bin", "system volume information",
    "lost+found", "thumbs.db", "desktop.ini",
}  # fmt: skip
"""Folders and files that file managers and network drives leave behind, in small letters."""

_BEGINNINGS = (
    b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"BM", b"II*\0", b"MM\0*",
)  # fmt: skip

TEXT_SUFFIXES = (".csv", ".json", ".mat", ".md", ".npy", ".npz", ".pdf", ".txt", ".xlsx", ".xml")
"""Files with these names are no images, and are not looked into."""

IMAGE_SUFFIXES = (
    ".avif", ".bmp", ".gif", ".heic", ".heif", ".jfif", ".jpeg", ".jpg", ".png", ".tif", ".tiff",
    ".webp",
)  # fmt: skip


class ImageFile(NamedTuple):
    """A file in a folder or in a zip file."""

    name: str  # below the root, as plain_name writes it; in a zip file, as if unpacked there
    identity: str  # place, size and time of change: while these stay, so does the content
    changed: int  # nanoseconds since 1970
    read: Callable[[], bytes]


@dataclass(frozen=True)
class Source:
    """A folder or zip file with a data set."""

    root: Path
    how_to_get_it: str  # what to get, where, and how the files must lie
    files: list

    @classmethod
    def open(cls, root, how_to_get_it):
        """Find the files; raises what :func:`list_files` raises, and FileNotFoundError."""
        root = read_path(root, "root", "a folder or zip file")
        if not root.exists():
            raise FileNotFoundError(f"root does not exist: {root}. {how_to_get_it}")
        return cls(root, how_to_get_it, list_files(root))

    def lacks(self, what):
        """Return a FileNotFoundError that says what the root lacks, and how to get it."""
        return FileNotFoundError(f"root {what}: {self.root}. {self.how_to_get_it}")


def plain_name(text):
    r"""Write a path as :attr:`ImageFile.name` is written, to compare it with those of a list.

    Examples
    --------
    >>> plain_name(".\\low\\1.jpg")
    'low/1.jpg'
    >>> plain_name("A\u0308") == "\u00c4"  # one letter, however it was typed
    True
    """
    name = unicodedata.normalize("NFC", text.replace("\\", "/"))
    return str(PurePosixPath(name))


def how_many(names, what=""):
    """Count names and show the first five, as every message of a data set does.

    Examples
    --------
    >>> how_many(["a.jpg", "b.jpg"], "not readable")
    '2 not readable (a.jpg, b.jpg)'
    >>> how_many("abcdefg")
    '7 (a, b, c, d, e, …)'
    >>> how_many([], "not readable")
    '0 not readable'
    """
    count = f"{len(names)} {what}".strip()
    listed = ", ".join(str(name)[:200] for name in names[:5]) + (", …" if len(names) > 5 else "")
    return f"{count} ({listed})" if len(names) else count


def list_files(root):
    """Return the files under a folder, in zip files as well, or those in one zip file.

    Nothing is unpacked to the disk. Hidden files, and what file managers leave behind, are
    passed over. Links are followed, each folder once, under its own name if it has one here. The
    files are ordered by name; zip files stay open until the list is dropped.
    """
    root = Path(root)
    found = _zip_members(str(root), "") if root.is_file() else _walk(str(root))
    return sorted(found, key=itemgetter(0, 1))


def files_at(paths):
    """Return the files at these paths of the disk, each named by its path; none is opened yet."""
    paths = [Path(path).expanduser() for path in paths]
    return [ImageFile(str(path), str(path), 0, partial(_read_file, path)) for path in paths]


def _walk(root):
    folders, seen = deque([(root, "")]), set()
    while folders:
        folder, prefix = folders.popleft()
        place = os.path.realpath(folder)
        if place in seen:
            continue
        seen.add(place)
        with os.scandir(folder) as entries:
            for entry in entries:
                name = prefix + entry.name
                if _is_hidden(entry.name):
                    continue
                if entry.is_dir():
                    # links come after all that is really there
                    add = folders.append if entry.is_symlink() else folders.appendleft
                    add((entry.path, name + "/"))
                elif not entry.is_file():
                    continue
                elif name.lower().endswith(".zip"):
                    yield from _zip_members(entry.path, prefix)
                else:
                    about = entry.stat()
                    identity = f"{name}|{about.st_size}|{about.st_mtime_ns}"
                    read = partial(_read_file, entry.path)
                    yield ImageFile(_composed(name), identity, about.st_mtime_ns, read)


def _composed(name):
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def _zip_members(path, prefix):
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as error:
        advice = "get it again, or unpack it and take it away; root is a folder or a whole zip file"
        raise ValueError(f"{path} cannot be read as a zip file: {error}; {advice}") from None
    changed = os.stat(path).st_mtime_ns
    for member in archive.infolist():
        # nothing is unpacked to disk, but an archive with such names is not what it claims
        name = member.orig_filename
        parts = name.replace("\\", "/").split("/")
        if ".." in parts or parts[0] == "" or PureWindowsPath(name).drive:
            raise ValueError(
                f"{path} is refused: its member {shown(name)} points outside the archive"
            )
        if member.file_size > MAX_FILE_BYTES:
            raise ValueError(
                f"{path} is refused: its member {shown(name)} has {member.file_size} bytes, "
                f"an image at most {MAX_FILE_BYTES}"
            )
        if not member.is_dir() and not is_hidden(parts):
            name = prefix + "/".join(parts)
            identity = f"{name}|{os.path.basename(path)}|{member.CRC}|{member.file_size}|{changed}"
            yield ImageFile(_composed(name), identity, changed, partial(archive.read, member))


def is_hidden(parts):
    """Tell whether a path is hidden or left behind by a file manager, given its parts.

    Examples
    --------
    >>> is_hidden(["__MACOSX", "1.jpg"]), is_hidden(["@eaDir"]), is_hidden(["low", "1.jpg"])
    (True, True, False)
    """
    return any(map(_is_hidden, parts))


def _is_hidden(part):
    return part.startswith(".") or part.lower() in _LEFTOVERS


def is_image(file):
    """Tell whether a file is an image: by its name or, where that is unusual, by its content."""
    name = file.name.lower()
    if name.endswith(IMAGE_SUFFIXES):
        return True
    if name.endswith(TEXT_SUFFIXES):
        return False
    try:
        head = file.read()[:16]
    except Exception:  # a broken archive may raise anything; a file that cannot be read is no image
        return False
    brands = (b"avif", b"avis", b"heic", b"heix", b"mif1")
    return (
        head.startswith(_BEGINNINGS)
        or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")
        or (head[4:8] == b"ftyp" and head[8:12] in brands)
    )


def _read_file(path):
    with open(path, "rb") as file:
        data = file.read(_FIRST_BYTES)  # to read more allocates memory for all that is asked for
        if len(data) == _FIRST_BYTES:
            data += file.read(MAX_FILE_BYTES + 1 - _FIRST_BYTES)
    if len(data) > MAX_FILE_BYTES:
        raise ValueError("too large")
    return data
