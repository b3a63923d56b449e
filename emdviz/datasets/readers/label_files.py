"""Label files, read strictly: lines of text, variables of MATLAB, and names of images."""

import numpy as np

from emdviz.datasets.readers.files import how_many
from emdviz.datasets.readers.images import READING_ERRORS
from emdviz.datasets.readers.matlab import read_matlab
from emdviz.reading import shown

_SAVE_AS_TEXT = "save it as UTF-8 (in Excel: CSV UTF-8), or get it again if it is not yours"


def read_label_file(files, name):
    """Return the content of the file called ``name``, in whatever folder; None if there is none."""
    found = [file for file in files if file.name.rpartition("/")[2] == name]
    contents = {read_content(file) for file in found}
    if len(contents) > 1:
        names = how_many([file.name for file in found])
        raise ValueError(f"root must hold one {name}, got files that differ: {names}")
    return contents.pop() if contents else None


def read_content(file):
    """Return the bytes of an ImageFile."""
    try:
        return file.read()
    except READING_ERRORS as error:
        raise ValueError(f"{file.name} cannot be read: {error}") from None


def text_lines(content, name):
    """Return the lines of a text file that hold something, with their numbers.

    Examples
    --------
    >>> text_lines(b"one two\\r\\n\\r\\nthree\\n", "list.txt")
    [(1, 'one two'), (3, 'three')]
    """
    # not splitlines(), which also cuts at characters that a file name may hold
    lines = enumerate(text_of(content, name).replace("\r\n", "\n").split("\n"), start=1)
    return [(number, line) for number, line in lines if line.strip()]


def text_of(content, name):
    """Return bytes of UTF-8 as text, without a byte order mark."""
    if b"\0" in content:
        raise ValueError(f"{name} must be UTF-8 text, got bytes of value 0; {_SAVE_AS_TEXT}")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{name} must be UTF-8 text: {error}; {_SAVE_AS_TEXT}") from None


def matlab_variables(content, names, file):
    """Return variables of a MATLAB file, all of which must be there; nothing in it is run."""
    if content.startswith(b"MATLAB 7.3") or b"\x89HDF\r\n\x1a\n" in content[:1024]:
        raise ValueError(
            f"{file} is a MATLAB 7.3 (HDF5) file, which is not read here; "
            "load it in MATLAB or Octave and save it with save(..., '-v7')"
        )
    try:
        variables = read_matlab(content, names)
    except ValueError as error:
        raise ValueError(f"{file} is not a whole MATLAB file: {error}; get it again") from None
    missing = [name for name in names if name not in variables]
    if missing:
        raise ValueError(f"{file} must have the variables {list(names)}, it lacks {missing}")
    return [variables[name] for name in names]


def matlab_strings(cells, what):
    """Return the strings of a cell array."""
    if isinstance(cells, dict) or cells.dtype != object:
        raise ValueError(f"{what} must be a cell array of strings, got {_kind(cells)}")
    strings = []
    for number, cell in enumerate(cells.ravel(), start=1):
        if not isinstance(cell, np.ndarray) or cell.dtype.kind != "U" or cell.size != 1:
            raise ValueError(
                f"{what} must hold one string per cell, cell {number} holds "
                f"{type(cell).__name__} {str(cell)[:40]!r}"
            )
        strings.append(str(cell.item()))
    return strings


def matlab_numbers(values, what, count, columns=1):
    """Return numbers of a MATLAB array as float64 of shape (count,) or (count, columns)."""
    shape = getattr(values, "shape", ())
    fits = np.prod(shape, dtype=int) == count if columns == 1 else shape == (count, columns)
    if isinstance(values, dict) or values.dtype.kind not in "fiu" or not fits:
        raise ValueError(
            f"{what} must be numbers of shape ({count}, {columns}), "
            f"got {_kind(values)} of shape {shape}"
        )
    numbers = values.astype(np.float64)
    if not np.isfinite(numbers).all():
        raise ValueError(f"{what} must be finite, got {numbers[~np.isfinite(numbers)][0]}")
    return numbers.ravel() if columns == 1 else numbers


def _kind(value):
    return "a struct" if isinstance(value, dict) else value.dtype


def check_file_name(name, where):
    """Return ``name`` if it is the plain name of a file or folder."""
    if not name or name in (".", "..") or any(c in name for c in "/\\\0"):
        raise ValueError(f"{where}: {shown(name)} is not the plain name of a file or folder")
    return name
