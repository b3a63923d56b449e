"""Write files whole: a reader sees the old content or the new."""

import os
import secrets
import time
from pathlib import Path


def write_whole(path, data, *, lasting=True):
    """Write bytes to a file that then holds all of the old content or all of the new.

    Where ``path`` is a link, the file that it leads to is written. Unless it is ``lasting``, the
    disk is not waited for, and the file may be empty if the power fails just then.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        target.write_bytes(data)  # a device or a pipe must not be replaced by a file
        return
    beside = _beside(target)
    try:
        with beside.open("xb") as file:
            file.write(data)
            if lasting:
                file.flush()
                os.fsync(file.fileno())
        _retry(lambda: beside.replace(target))
    except FileNotFoundError as error:
        raise FileNotFoundError(
            error.errno, "There is no folder to write it into; make that first", str(path)
        ) from None
    finally:
        _retry(lambda: beside.unlink(missing_ok=True))


def link_whole(path, source):
    """Let a file hold what another holds, as :func:`write_whole` would, without writing it again.

    Both are one file with two names where the file system can do that, and else two. Change
    neither in place, but write it whole.
    """
    target, source = Path(os.path.realpath(path)), Path(os.path.realpath(source))
    beside = _beside(target)
    try:
        os.link(source, beside)
        _retry(lambda: beside.replace(target))
    except OSError:
        write_whole(target, source.read_bytes())
    finally:
        _retry(lambda: beside.unlink(missing_ok=True))


def _beside(path):
    """Return a free name beside a file; the token is for threads, which share a process number."""
    return path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}")


def _retry(change, tries=5, pause=0.05):
    """Change a file, again if Windows refuses because a reader has it open."""
    for left in reversed(range(tries)):
        try:
            return change()
        except PermissionError:
            if not left:
                raise
            time.sleep(pause)
