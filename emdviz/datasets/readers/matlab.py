"""MATLAB files of version 5 (``-v6`` and ``-v7``), read by SciPy in a process of its own.

SciPy reads them in C, and a broken file can end the process there. So this file is run as a
program: it reads the bytes of the file on its standard input, and writes the variables as JSON.
"""

import io
import json
import os
import subprocess
import sys

import numpy as np

MOST_BYTES = 4 * 2**30
"""Memory of the process, where the system can limit it; no list of images needs more."""

_SECONDS = 60


def read_matlab(content, names):
    """Return the variables of these names that a file holds: arrays, or a dict for a struct."""
    command = [sys.executable, "-P", __file__, str(MOST_BYTES), *names]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}  # each thread takes memory
    try:
        ended = subprocess.run(
            command, input=content, capture_output=True, timeout=_SECONDS, env=environment
        )
    except subprocess.TimeoutExpired:
        raise ValueError(f"it could not be read within {_SECONDS} s") from None
    if ended.returncode:
        last = ended.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise ValueError(last or f"reading it ended the reader with code {ended.returncode}")
    return {name: _restored(value) for name, value in json.loads(ended.stdout).items()}


def _restored(value):
    if "fields" in value:
        return {name: _restored(inner) for name, inner in value["fields"].items()}
    if "cells" in value:
        array = np.empty(len(value["cells"]), object)
        array[:] = [_restored(inner) for inner in value["cells"]]
    else:
        array = np.array(value["values"], value["dtype"])
    return array.reshape(value["shape"])


def _plain(value):
    """Return what SciPy read in the types of JSON."""
    value = np.asarray(value)
    if value.dtype.names and value.size == 1:
        return {"fields": {name: _plain(value[name].item()) for name in value.dtype.names}}
    if value.dtype == object:
        return {"cells": [_plain(cell) for cell in value.ravel()], "shape": value.shape}
    if value.dtype.kind not in "biufU":
        raise ValueError(f"it holds {value.dtype}, not numbers, strings, cells or one struct")
    return {"values": value.ravel().tolist(), "dtype": value.dtype.str, "shape": value.shape}


def _read(content, names):
    from scipy.io import loadmat

    found = loadmat(io.BytesIO(content), variable_names=names)
    return {name: _plain(found[name]) for name in names if name in found}


def _main(most_bytes, *names):
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (int(most_bytes), int(most_bytes)))
    except (ImportError, ValueError, OSError):
        pass  # Windows has no such limit, macOS refuses it
    try:
        plain = _read(sys.stdin.buffer.read(), names)
    except Exception as error:  # SciPy raises a dozen kinds of errors for broken files
        sys.exit(" ".join(f"{type(error).__name__}: {error}".split())[:200])
    json.dump(plain, sys.stdout)


if __name__ == "__main__":
    _main(*sys.argv[1:])
