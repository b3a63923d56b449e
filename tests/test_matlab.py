"""MATLAB files are read as SciPy reads whole ones, and broken ones are refused."""

import io
import subprocess
import sys
from contextlib import suppress

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from emdviz.datasets.readers import matlab
from emdviz.datasets.readers.matlab import read_matlab

CELLS = np.empty((2, 2), dtype=object)
CELLS[:] = [["a.jpg", "bé.jpg"], [np.arange(6.0).reshape(2, 3), np.zeros((0, 0))]]
VARIABLES = {
    "double": np.random.default_rng(0).normal(size=(3, 4)),
    "single": np.float32([[1.5, -2]]),
    "bytes": np.arange(12, dtype=np.uint8).reshape(2, 2, 3),
    "long": np.int64([[2**60, -1]]),
    "flags": np.array([[True, False]]),
    "text": "köln",
    "one": 3,
    "cells": CELLS,
    "nested": {"names": CELLS, "age": np.int16([[1], [2]]), "deeper": {"x": 1.0}},
    "nothing": np.zeros((1, 0)),
}


def packed(compressed, variables=VARIABLES):
    file = io.BytesIO()
    savemat(file, variables, do_compression=compressed)
    return file.getvalue()


def same(found, expected):
    if expected.dtype.names:
        assert list(found) == list(expected.dtype.names)
        for name in expected.dtype.names:
            same(found[name], expected[name].item())
        return
    assert found.shape == expected.shape
    if expected.dtype == object:
        for a, b in zip(found.ravel(), expected.ravel(), strict=True):
            same(a, b)
    else:
        assert found.dtype.kind == expected.dtype.kind
        assert np.array_equal(found, expected)


@pytest.mark.slow
@pytest.mark.parametrize("compressed", [False, True])
def test_whole_files_are_read_as_scipy_reads_them(compressed):
    content = packed(compressed)
    found, expected = read_matlab(content, list(VARIABLES)), loadmat(io.BytesIO(content))
    assert set(found) == set(VARIABLES)
    for name in VARIABLES:
        same(found[name], expected[name])


@pytest.mark.slow
def test_other_variables_are_passed_over():
    assert list(read_matlab(packed(True), ["one", "missing"])) == ["one"]


@pytest.mark.slow
@pytest.mark.parametrize("place", [0, 100, 126, 129, 133, 145, 161, 700])
def test_truncated_and_changed_files_are_either_refused_or_read(place):
    content = packed(False)
    changed = bytearray(content)
    changed[place] ^= 0xFF
    with pytest.raises(ValueError, match=r"\w+: .+|ended the reader with code -?\d+"):
        read_matlab(content[:place], list(VARIABLES))
    with suppress(ValueError):
        assert set(read_matlab(bytes(changed), list(VARIABLES))) <= set(VARIABLES)


def reader_that(program, monkeypatch):
    """Put a program in the place of the reader."""

    def run(_, **keywords):
        return original([sys.executable, "-c", program], **keywords)

    original = subprocess.run
    monkeypatch.setattr(matlab.subprocess, "run", run)


def test_a_file_that_ends_the_reader_is_refused(monkeypatch):
    reader_that("import os, sys; sys.stdin.buffer.read(); os.abort()", monkeypatch)
    with pytest.raises(ValueError, match="reading it ended the reader with code -6"):
        read_matlab(b"", ["x"])


def test_a_reader_that_never_ends_is_stopped(monkeypatch):
    reader_that("import time; time.sleep(60)", monkeypatch)
    monkeypatch.setattr(matlab, "_SECONDS", 0.2)
    with pytest.raises(ValueError, match=r"could not be read within 0\.2 s"):
        read_matlab(b"", ["x"])


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the memory of a process")
def test_a_file_that_unpacks_to_too_much_is_refused(monkeypatch):
    monkeypatch.setattr(matlab, "MOST_BYTES", 6 * 10**8)
    content = packed(True, {"x": np.zeros((2**14, 2**14), np.int16)})
    assert len(content) < 2**20
    with pytest.raises(ValueError, match="MemoryError"):
        read_matlab(content, ["x"])


@pytest.mark.slow
def test_no_guard_is_needed_in_scripts(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\nfrom pathlib import Path\n"
        "from emdviz.datasets.readers.matlab import read_matlab\n"
        "print(read_matlab(Path(sys.argv[1]).read_bytes(), ['one'])['one'].item())\n"
    )
    (tmp_path / "x.mat").write_bytes(packed(True))
    command = [sys.executable, str(script), str(tmp_path / "x.mat")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "3\n"
