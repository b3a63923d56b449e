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
    # the token is for threads: they share the number of the process
    beside = target.with_name(f".{target.name}.{os.getpid()}-{secrets.token_hex(4)}")
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


def _retry(change, tries=5, pause=0.05):
    """Change a file, again if Windows refuses because a reader has it open."""
    for left in reversed(range(tries)):
        try:
            return change()
        except PermissionError:
            if not left:
                raise
            time.sleep(pause)
