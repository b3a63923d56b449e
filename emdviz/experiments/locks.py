"""One worker per run, also when several programs on several machines share a store."""

import contextlib
import functools
import json
import os
import platform
import secrets
import tempfile
import threading
from pathlib import Path

BEAT = 15.0
"""Seconds between two signs of life of an owner."""

STALE = 180.0
"""Seconds without a sign of life after which an owner on another machine counts as dead; file
systems that machines share show a new time of change up to a minute late."""


class Lock:
    """A file that at most one living worker owns.

    It is made by a call that fails if the file is there, which also holds on file systems that
    machines share. It tells its owner; a thread of the owner renews its time of change. The lock
    of a dead owner is taken over: of this machine, as soon as the process is gone; of another,
    after ``STALE`` seconds. All times are those of the file system, so clocks need not agree.

    Parameters
    ----------
    path : str or Path
        In a folder that exists.
    """

    def __init__(self, path):
        self.path = Path(path)
        self._token = secrets.token_hex(8)
        self._stop = threading.Event()
        self._beating = None

    def acquire(self):
        """Own the lock if nobody living does; return whether this worked."""
        if not self._create(self.path):
            owner = read_owner(self.path)
            if not (is_dead(owner) and self._remove(owner) and self._create(self.path)):
                return False
        beating = threading.Thread(target=self._beat, daemon=True)
        beating.start()
        self._beating = beating
        return True

    def held(self):
        """Tell whether the lock is still this one's; it is not if it counted as dead."""
        owner = read_owner(self.path)
        return owner is not None and owner.get("token") == self._token

    def reclaim(self):
        """Remove the lock that a dead owner has left behind; return whether there was one."""
        if not is_dead(read_owner(self.path)):
            return False
        if self.acquire():
            self.release()
        return True

    def release(self):
        """Let others own it, if this one does."""
        self._stop.set()
        if self._beating is not None:
            self._beating.join()
        if self.held():
            self.path.unlink(missing_ok=True)

    def _create(self, path):
        pid = os.getpid()
        owner = {"token": self._token, "machine": _machine(), "pid": pid, "started": _state(pid)[1]}
        try:
            file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        except FileExistsError:
            return False
        try:
            with open(file, "wb") as opened:
                opened.write(json.dumps(owner).encode())
        except BaseException:  # an interrupt, or a full disk: without its owner it says nothing
            path.unlink(missing_ok=True)
            raise
        return True

    def _remove(self, dead):
        """Remove the lock of a dead owner, if it still is; return whether that was done."""
        # of several that see the same dead owner, one removes it: else the second could remove
        # what the first has made since
        guard = self.path.with_name(f"{self.path.name}.takeover")
        if not self._create(guard):
            if is_dead(read_owner(guard)):
                guard.unlink(missing_ok=True)
            return False
        try:
            if read_owner(self.path) != dead:
                return False
            self.path.unlink(missing_ok=True)
            return True
        finally:
            guard.unlink(missing_ok=True)

    def _beat(self):
        while not self._stop.wait(BEAT):
            with contextlib.suppress(OSError):
                if self.held():
                    os.utime(self.path)


def read_owner(path):
    """Return what a lock says of its owner and when that was seen, or None if nobody owns it."""
    try:
        # opening a file makes file systems that machines share ask for its true state
        with open(path, errors="replace") as file:
            text, seen = file.read(), os.fstat(file.fileno()).st_mtime
    except FileNotFoundError:
        return None
    facts = {"seen": seen, "folder": str(Path(path).parent)}
    try:
        return facts | json.loads(text)
    except (ValueError, TypeError):  # its owner is, or was stopped, between making and filling it
        return facts


def is_dead(owner):
    """Tell whether the owner of a lock is surely gone, or has given no sign of life for long."""
    if owner is None:
        return False
    pid = owner.get("pid")
    if owner.get("machine") == _machine() and isinstance(pid, int):
        if os.name == "posix":
            try:
                os.kill(pid, 0)
            except ProcessLookupError:
                return True
            except PermissionError:
                pass
        state, started = _state(pid)
        if state in ("Z", "X") or (started and started != owner.get("started")):
            return True
    with tempfile.TemporaryFile(dir=owner["folder"]) as now:
        return os.fstat(now.fileno()).st_mtime - owner["seen"] > STALE


def _state(pid):
    """Return the state of a process and when it started, if Linux shows them to us."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None, None
    return fields[0], fields[19]


@functools.cache
def _machine():
    """Tell where process numbers mean the same: a host, and on Linux its start and container."""
    marks = [platform.node()]
    with contextlib.suppress(OSError):
        marks.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        marks.append(os.readlink("/proc/self/ns/pid"))
    return " ".join(marks)
