"""Runs a notebook in a process of its own, and again without the cell that ended it."""

import contextlib
import functools
import json
import os
import queue
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

_WORKER = Path(__file__).with_name("worker.py")
_KEPT = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "SYSTEMROOT", "WINDIR", "COMSPEC", "PATHEXT")
_HOMES = ("HOME", "USERPROFILE", "TMP", "TEMP", "TMPDIR")
_TABLES = ("data/*.csv", "docs/results/*.csv", "docs/results/map/*")
"""What the course's notebooks read beside their folder."""
_COURSE_SECONDS = 1800.0
"""How long the course's own cells may take; they train networks."""


@dataclass
class Ran:
    """The outcome of running a notebook."""

    course_error: str = ""  # what ended the course's own cells
    cells: dict = field(default_factory=dict)  # cell of the student's -> what ended it, or ""
    checks: dict = field(default_factory=dict)  # number of the check -> (result, note)


@functools.cache
def no_network():
    """Return the prefix of a command that takes its network away, or () where that fails.

    Its processes end with it, too.
    """
    program = shutil.which("unshare")
    if not program:
        return ()
    command = (program, *("--user", "--map-root-user", "--net", "--pid", "--fork", "--kill-child"))
    try:
        done = subprocess.run([*command, "true"], capture_output=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return command if done.returncode == 0 else ()


def run(course, cells, checks, *, root, seconds, memory):
    """Run the sources of the course's cells and of the student's, then the checks.

    Checks are (name of the answer, source). What takes more than so many ``seconds``, or ends the
    process, is noted, and left out of another run. ``memory`` is in GB, where the system can limit
    it. ``root`` is the folder around that of the course's notebooks; they get copies of its tables.
    """
    ran = Ran()
    while True:
        job = {
            "course": list(course),
            "cells": [(i, source) for i, source in enumerate(cells) if not ran.cells.get(i)],
            "checks": [(i, check) for i, check in enumerate(checks) if i not in ran.checks],
            "memory": memory,
        }
        if _once(job, ran, root, seconds):
            return ran


def _once(job, ran, root, seconds):
    """Run a job once; return whether nothing is left to do."""
    key, begun = secrets.token_hex(16), {}
    with _process(job | {"key": key}, root) as lines:
        while True:
            message = _next(lines, key, seconds if begun else _COURSE_SECONDS)
            if isinstance(message, str):
                break
            if message["did"] == "course":
                ran.course_error = message["error"]
            elif message["did"] == "cell":
                ran.cells[message["cell"]] = message["error"]
            elif message["did"] == "check":
                ran.checks[message["check"]] = message["result"], message["note"]
            if message["did"] == "end" or ran.course_error:
                return True
            begun = message
    if "cell" in begun:
        ran.cells[begun["cell"]] = message
    elif "check" in begun:
        ran.checks[begun["check"]] = "failed", message
    else:
        ran.course_error = f"the course's own cells: {message}"
    return bool(ran.course_error)


def _next(lines, key, patience):
    """Return the next message, or what went wrong, in words."""
    end = time.monotonic() + patience
    while True:
        try:
            line = lines.get(timeout=max(0.0, end - time.monotonic()))
        except queue.Empty:
            return f"took longer than {patience:g} s"
        if line is None:
            return "ended Python; did it need too much memory?"
        with contextlib.suppress(ValueError, TypeError, KeyError):
            message = json.loads(line)
            if message["key"] == key:
                return message


@contextlib.contextmanager
def _process(job, root):
    """Start the worker in an empty folder and home; yield a queue of its lines, None at the end."""
    with tempfile.TemporaryDirectory(prefix="emdviz-", ignore_cleanup_errors=True) as place:
        folder, home = Path(place) / "notebooks", Path(place) / "home"
        folder.mkdir()
        home.mkdir()
        for table in (path for pattern in _TABLES for path in root.glob(pattern)):
            if table.is_file():  # the map's folder may hold folders of runs as well
                copy = Path(place) / table.relative_to(root)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(table, copy)
        own = {name: os.environ[name] for name in _KEPT if name in os.environ}
        environment = own | {
            **dict.fromkeys(_HOMES, str(home)),
            "IPYTHONDIR": str(Path(place) / "ipython"),
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "PYTHONUTF8": "1",
            "MPLBACKEND": "agg",
            "EMDVIZ_FAST": "1",
            "OMP_NUM_THREADS": "1",
            "CUDA_VISIBLE_DEVICES": "",
        }
        process = subprocess.Popen(
            [*no_network(), sys.executable, "-P", str(_WORKER)],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        lines = queue.Queue()
        reader = threading.Thread(target=_pass_lines, args=(process.stdout, lines), daemon=True)
        try:
            with contextlib.suppress(OSError), process.stdin:
                process.stdin.write(json.dumps(job).encode())
            reader.start()
            yield lines
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError, AttributeError):
                os.killpg(process.pid, signal.SIGKILL)
            process.kill()
            process.wait()
            process.stdout.close()


def _pass_lines(stream, lines):
    with contextlib.suppress(ValueError, OSError):
        for line in stream:
            lines.put(line)
    lines.put(None)
