"""Claims on runs, so that several programs share a store and each run has one worker."""

import contextlib
import functools
import json
import os
import platform
import secrets
import tempfile
import threading
from pathlib import Path

HEARTBEAT = 15.0
"""Seconds between two heartbeats of a claim: its file gets a new time of change."""

LAPSE = 180.0
"""Seconds without a heartbeat after which a claim lapses; file systems that machines share
show a new time of change up to a minute late."""


class Claim:
    """A file that tells which process works in a folder; one living process at a time has it.

    A file ``claim.0`` is made by a call that fails if it is there. It lapses when its process has
    ended, or its heartbeats stop; then ``claim.1`` follows, which of several programs again only
    one can make, and so on. All times are those of the file system, so clocks need not agree.
    """

    def __init__(self, folder):
        self.folder, self.path = Path(folder), None
        process = os.getpid()
        owner = {"token": secrets.token_hex(8), "host": _host(), "process": process}
        self._text = json.dumps(owner | {"started": _started(process)})
        self._ended = threading.Event()

    def take(self):
        """Claim the folder if no living process has it; return whether that worked."""
        self.folder.mkdir(parents=True, exist_ok=True)
        others = list(self.folder.glob("claim.*"))
        if any(map(is_alive, others)):
            return False
        number = 1 + max((int(path.suffix[1:]) for path in others), default=-1)
        path = self.folder / f"claim.{number}"
        try:
            file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        except (FileExistsError, FileNotFoundError):  # another was faster, or has just finished
            return False
        self.path = path
        try:
            with open(file, "w") as opened:
                opened.write(self._text)
        except BaseException:  # a full disk or an interrupt: half a claim names no process
            path.unlink(missing_ok=True)
            raise
        others = [other for other in self.folder.glob("claim.*") if other != path]
        if any(map(is_alive, others)):  # made by a process that saw the folder without claims
            self.release()
            return False
        for lapsed in others:
            lapsed.unlink(missing_ok=True)
        threading.Thread(target=self._beat, daemon=True).start()
        return True

    def is_held(self):
        """Return whether the claim is still there; after a lapse another may have removed it."""
        try:
            return self.path is not None and self.path.read_text() == self._text
        except FileNotFoundError:
            return False

    def release(self):
        """Let other programs claim the folder."""
        self._ended.set()
        if self.is_held():
            self.path.unlink(missing_ok=True)

    def _beat(self):
        while not self._ended.wait(HEARTBEAT):
            with contextlib.suppress(OSError):
                if self.is_held():
                    os.utime(self.path)


def is_alive(path):
    """Return whether a claim is that of a living process, or of one that may still live."""
    try:
        # opening a file makes a shared file system look for its present state
        with open(path, errors="replace") as file:
            text, seen = file.read(), os.fstat(file.fileno()).st_mtime
    except FileNotFoundError:
        return False
    with contextlib.suppress(ValueError, TypeError, KeyError):  # it is being written
        owner = json.loads(text)
        if owner["host"] == _host() and _started(owner["process"]) != owner["started"]:
            return False
    with tempfile.TemporaryFile(dir=path.parent) as now:
        return os.fstat(now.fileno()).st_mtime - seen <= LAPSE


def _started(process):
    """Return when a living process started, as Linux counts it ("" elsewhere); None if it ended."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return None if fields[0] in "ZX" else fields[19]
    except OSError:
        if os.name == "posix":
            try:
                os.kill(process, 0)
            except ProcessLookupError:
                return None
            except PermissionError:
                pass
        return ""


@functools.cache
def _host():
    """Identify the space of process numbers: host, its start, and the container."""
    marks = [platform.node()]
    with contextlib.suppress(OSError):
        marks.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        marks.append(os.readlink("/proc/self/ns/pid"))
    return " ".join(marks)
