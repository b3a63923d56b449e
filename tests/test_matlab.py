"""MATLAB files are read as SciPy reads whole ones, and broken ones are refused."""

import io

import numpy as np
import pytest
from scipy.io import loadmat, savemat

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


def packed(compressed):
    file = io.BytesIO()
    savemat(file, VARIABLES, do_compression=compressed)
    return file.getvalue()


def same(found, expected):
    assert found.shape == expected.shape
    if expected.dtype.names:
        assert found.dtype.names == expected.dtype.names
        for name in expected.dtype.names:
            same(found[name], expected[name])
    elif expected.dtype == object:
        for a, b in zip(found.ravel(), expected.ravel(), strict=True):
            same(a, b)
    else:
        assert found.dtype.kind == expected.dtype.kind
        assert np.array_equal(found, expected)


@pytest.mark.parametrize("compressed", [False, True])
def test_whole_files_are_read_as_scipy_reads_them(compressed):
    content = packed(compressed)
    found, expected = read_matlab(content, list(VARIABLES)), loadmat(io.BytesIO(content))
    assert set(found) == set(VARIABLES)
    for name in VARIABLES:
        same(found[name], expected[name])


def test_other_variables_are_passed_over():
    assert list(read_matlab(packed(True), ["one", "missing"])) == ["one"]


def test_no_cut_and_no_changed_byte_does_more_than_to_be_refused():
    content = packed(False)
    refused = 0
    for place in range(0, len(content), 3):
        changed = bytearray(content)
        changed[place] ^= 0xFF
        for data in (content[:place], bytes(changed)):
            try:
                read_matlab(data, list(VARIABLES))
            except ValueError:
                refused += 1
    assert refused > 500


@pytest.mark.parametrize(
    ("place", "value", "text"),
    [
        (126, b"XX", "does not begin as a MATLAB 5 file"),
        (132, b"\xff\xff\xff\x7f", "longer than the file"),
        (128, b"\x63\0\0\0", "element of type 99 where a variable"),
        (144, b"\x11\0\0\0", "class 17, which is not read"),
        (160, b"\xff\xff\xff\xff", "has the shape"),
    ],
)
def test_broken_files_are_refused_in_words(place, value, text):
    content = bytearray(packed(False))
    content[place : place + len(value)] = value
    with pytest.raises(ValueError, match=text):
        read_matlab(bytes(content), ["double"])


def test_what_unpacks_to_too_much_is_not_unpacked(monkeypatch):
    monkeypatch.setattr("emdviz.datasets.readers.matlab.MOST_BYTES", 1000)
    file = io.BytesIO()
    savemat(file, {"x": np.zeros((100, 100))}, do_compression=True)
    with pytest.raises(ValueError, match="unpack to more than 1000 bytes"):
        read_matlab(file.getvalue(), ["x"])
