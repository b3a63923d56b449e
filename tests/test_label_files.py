import pickle

import numpy as np
import pytest

from devtools.data_layouts import aadb, adience, images_of_groups, matlab_file, pack, write
from emdviz.datasets import load
from emdviz.datasets.readers.label_files import (
    check_file_name,
    matlab_numbers,
    matlab_strings,
    matlab_variables,
    text_lines,
)

LAYOUTS = {"aadb": aadb(), "adience": adience(), "images_of_groups": images_of_groups(84)}


def test_lines_end_as_on_unix_or_on_windows():
    expected = [(1, "a\tb"), (2, "ü"), (4, " c ")]
    text = "a\tb\nü\n\n c \n"
    assert text_lines(text.encode(), "x.txt") == expected
    assert text_lines(text.replace("\n", "\r\n").encode(), "x.txt") == expected
    assert text_lines(b"\xef\xbb\xbf" + text.encode(), "x.txt") == expected
    assert text_lines(text.rstrip("\n").encode(), "x.txt") == expected
    assert text_lines(b"", "x.txt") == []


def test_only_line_ends_cut_lines():
    line = "a\x0b\x0c\x1c\x85\u2028b"
    assert text_lines(line.encode(), "x.txt") == [(1, line)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("Schröder".encode("latin-1"), "x.txt must be UTF-8 text: .*0xf6"),
        ("text".encode("utf-16"), "x.txt must be "),
        (b"\x00\x01", "x.txt must be UTF-8 text, got bytes of value 0; save it as UTF-8"),
    ],
)
def test_files_that_are_no_text_are_refused(content, message):
    with pytest.raises(ValueError, match=message):
        text_lines(content, "x.txt")


@pytest.mark.slow
def test_variables_of_a_matlab_file():
    content = matlab_file(names=["a.jpg", "bé.jpg"], scores=[[0.25, 0.5]], other=3)
    names, scores = matlab_variables(content, ["names", "scores"], "x.mat")
    assert matlab_strings(names, "names") == ["a.jpg", "bé.jpg"]
    assert matlab_numbers(scores, "scores", 2).tolist() == [0.25, 0.5]
    with pytest.raises(ValueError, match=r"x\.mat must have the variables .*lacks \['ages'\]"):
        matlab_variables(content, ["names", "ages"], "x.mat")


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("something was unpickled",))


@pytest.mark.slow
def test_files_that_are_not_matlab_are_refused_and_never_run():
    good = matlab_file(names=["a.jpg", "b.jpg"])
    for content in (b"", b"a list\n", good[:150], good[: len(good) // 2], pickle.dumps(Bomb())):
        with pytest.raises(ValueError, match=r"x\.mat is not a whole MATLAB file"):
            matlab_variables(content, ["names"], "x.mat")


@pytest.mark.slow
def test_a_changed_byte_anywhere_gives_a_value_error_or_the_variables():
    good = matlab_file(names=["a.jpg", "b.jpg"], scores=[[0.25, 0.5]])
    refused = 0
    for place in range(0, len(good), len(good) // 12):
        content = bytearray(good)
        content[place] ^= 0xFF
        try:
            names, _ = matlab_variables(bytes(content), ["names", "scores"], "x.mat")
            matlab_strings(names, "names")
        except ValueError:
            refused += 1
    assert refused > 2


def test_matlab_7_3_is_recognised():
    hdf5 = b"\x89HDF\r\n\x1a\n" + bytes(300)
    header = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(512)
    for content in (header + hdf5, bytes(512) + hdf5, hdf5):
        with pytest.raises(ValueError, match=r"x\.mat is a MATLAB 7\.3 \(HDF5\) file.*'-v7'"):
            matlab_variables(content, ["scores"], "x.mat")


@pytest.mark.slow
def test_cells_must_hold_one_string_each():
    mixed = np.empty((1, 2), dtype=object)
    mixed[0] = ["a.jpg", 3.0]
    (cells,) = matlab_variables(matlab_file(names=mixed), ["names"], "x.mat")
    with pytest.raises(ValueError, match=r"names must hold one string per cell, cell 2 holds"):
        matlab_strings(cells, "names")
    with pytest.raises(ValueError, match="names must be a cell array of strings, got float64"):
        matlab_strings(np.zeros(3), "names")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            np.zeros((1, 3)),
            r"scores must be numbers of shape \(2, 1\), got float64",
        ),
        (np.array([["a", "b"]]), r"scores must be numbers .*, got <U1"),
        (np.array([[1.0, np.nan]]), "scores must be finite, got nan"),
        (np.zeros((1, 2), complex), "got complex128"),
        (np.array([[1, "a"]], object), "got object"),
    ],
)
def test_numbers_must_be_finite_and_as_many_as_names(values, message):
    with pytest.raises(ValueError, match=message):
        matlab_numbers(values, "scores", 2)


def test_the_rows_of_a_table_are_not_confused_with_its_columns():
    assert matlab_numbers(np.arange(6).reshape(2, 3), "eyes", 2, 3)[1].tolist() == [3, 4, 5]
    with pytest.raises(ValueError, match=r"shape \(2, 3\), got int64 of shape \(3, 2\)"):
        matlab_numbers(np.arange(6).reshape(3, 2), "eyes", 2, 3)


@pytest.mark.parametrize("name", ["", ".", "..", "../a.jpg", "a/b.jpg", "a\\b.jpg", "C:\\a", "/a"])
def test_names_that_lead_elsewhere_are_refused(name):
    with pytest.raises(ValueError, match=r"x, line 3: .* is not the plain name of a file"):
        check_file_name(name, "x, line 3")


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_root_without_whole_images_is_refused(tmp_path, name):
    files = {
        path: content[:99] if path.endswith(".jpg") else content
        for path, content in LAYOUTS[name].items()
    }
    with (
        pytest.warns(UserWarning, match="not readable as an image"),
        pytest.raises(FileNotFoundError, match=r"no usable image; .*unreadable.*: \d+ \(.*, …\): "),
    ):
        load(name, root=write(tmp_path, files))


@pytest.mark.parametrize("name", LAYOUTS)
def test_zips_that_point_outside_are_refused(tmp_path, name):
    outside = {f"../{path}": content for path, content in LAYOUTS[name].items()}
    pack(tmp_path / "bad.zip", outside)
    with pytest.raises(ValueError, match=r"bad\.zip is refused: .* points outside"):
        load(name, root=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["bad.zip"]


@pytest.mark.parametrize("name", LAYOUTS)
def test_nothing_that_a_data_set_says_names_this_machine_or_is_left_open(tmp_path, name):
    data = load(name, root=write(tmp_path, LAYOUTS[name]), size=16)
    assert str(tmp_path) not in str(data)
    assert data.root == str(tmp_path)
    assert data.split("train").inputs.shape[1:] == (3, 16, 16)
    assert data.summary()["all"]["total"] == len(data) == data.report.kept
