"""Digests of files: the same wherever they lie, read once as long as they do not change."""

import hashlib
import json
import time
from pathlib import Path

from emdviz.datasets.readers import cache as caches
from emdviz.datasets.readers.files import list_files

NAME = "digests.json"
"""Name of the file in the cache's folder that keeps the digests."""

_UNREADABLE = "unreadable"
_in_memory = {}


def digest_file(path):
    """Return a digest of the content of a file, "sha256:" and 16 hexadecimal digits."""
    path = Path(path)
    about = path.stat()
    key = str(path.absolute()), about.st_size, about.st_mtime_ns
    if key not in _in_memory or not _is_settled(about.st_mtime_ns):
        with path.open("rb") as file:
            _in_memory[key] = hashlib.file_digest(file, "sha256").hexdigest()
    return _short(_in_memory[key])


def digest_files(root, *, cache=True):
    """Return a digest of all files below a folder, or in a zip file, likewise.

    It is made of their names below ``root`` and their contents, so that a folder, its copy and a
    zip file of it have the same. What :func:`files.list_files` passes over does not count. With
    ``cache`` the digest of each file is kept beside the data, and its content is not read again
    while its name, size and time of change stay.
    """
    files, path, now = list_files(root), caches.place(root, NAME), time.time_ns()
    known = _load(path) if cache else {}
    found = {file.identity: known.get(file.identity) or _digest(file) for file in files}
    if cache:
        settled = {file.identity for file in files if _is_settled(file.changed, now)}
        kept = {name: found[name] for name in settled if found[name] != _UNREADABLE}
        if kept != known:
            caches.store(path, lambda opened: opened.write(json.dumps(kept).encode()))
    lines = sorted(f"{file.name}\0{found[file.identity]}\n" for file in files)
    text = "".join(lines).encode(errors="surrogateescape")
    return _short(hashlib.sha256(text).hexdigest())


def _is_settled(changed, now=None):
    return (time.time_ns() if now is None else now) - changed > caches.JUST_NOW


def _short(digest):
    return f"sha256:{digest[:16]}"


def _digest(file):
    try:
        return hashlib.sha256(file.read()).hexdigest()
    except Exception:  # a broken archive may raise anything
        return _UNREADABLE


def _load(path):
    """Return the kept digests; none if the file is missing or broken."""
    try:
        kept = json.loads(path.read_bytes())
        return {str(name): str(digest) for name, digest in kept.items()}
    except (OSError, ValueError, AttributeError):
        return {}
