"""Label files, read strictly: lines of text, variables of MATLAB, and names of images."""

import warnings
from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from emdviz.datasets.readers.files import how_many
from emdviz.datasets.readers.images import READING_ERRORS
from emdviz.datasets.readers.matlab import read_matlab
from emdviz.reading import shown

_SAVE_AS_TEXT = "save it as UTF-8 (in Excel: CSV UTF-8), or get it again if it is not yours"


def read_label_file(files, name):
    """Return the content of the file called ``name``, whatever folder it is in.

    Parameters
    ----------
    files : list of ImageFile
    name : str
        Without a folder.

    Returns
    -------
    bytes or None
        None if there is no such file.

    Raises
    ------
    ValueError
        If there are several that differ, or it cannot be read.
    """
    found = [file for file in files if file.name.rpartition("/")[2] == name]
    contents = {read_content(file) for file in found}
    if len(contents) > 1:
        names = how_many([file.name for file in found])
        raise ValueError(f"root must hold one {name}, got files that differ: {names}")
    return contents.pop() if contents else None


def read_content(file):
    """Return the bytes of an ImageFile.

    Raises
    ------
    ValueError
        If it cannot be read.
    """
    try:
        return file.read()
    except READING_ERRORS as error:
        raise ValueError(f"{file.name} cannot be read: {error}") from None


def text_lines(content, name):
    """Return the lines of a text file that hold something, with their numbers.

    Parameters
    ----------
    content : bytes
        UTF-8, with or without a byte order mark; lines end as on Unix or on Windows.
    name : str
        What an error calls the file.

    Returns
    -------
    list of (int, str)
        Numbers count from 1; line ends are gone, other white space is not.

    Raises
    ------
    ValueError
        If the bytes are not UTF-8, or hold zeros.

    Examples
    --------
    >>> text_lines(b"one two\\r\\n\\r\\nthree\\n", "list.txt")
    [(1, 'one two'), (3, 'three')]
    """
    if b"\0" in content:
        raise ValueError(f"{name} must be UTF-8 text, got bytes of value 0; {_SAVE_AS_TEXT}")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{name} must be UTF-8 text: {error}; {_SAVE_AS_TEXT}") from None
    # not splitlines(), which also cuts at characters that a file name may hold
    lines = enumerate(text.replace("\r\n", "\n").split("\n"), start=1)
    return [(number, line) for number, line in lines if line.strip()]


def matlab_variables(content, names, file):
    """Return variables of a MATLAB file.

    Nothing in the file is run, and nothing is unpickled.

    Parameters
    ----------
    content : bytes
        Of a file that MATLAB saved with ``-v7`` or older.
    names : sequence of str
        The variables, all of which must be there.
    file : str
        What an error calls the file.

    Returns
    -------
    list of array or dict
        In the order of ``names``; see :func:`matlab.read_matlab`.

    Raises
    ------
    ValueError
        If the file is broken, of another kind, or lacks a variable.
    """
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
    """Return the strings of a cell array.

    Parameters
    ----------
    cells : array of objects
        As :func:`matlab_variables` returns it.
    what : str
        What an error calls it.

    Raises
    ------
    ValueError
        If it is no cell array, or a cell holds something else than one string.
    """
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
    """Return numbers of a MATLAB array as float64 of shape (count,) or (count, columns).

    Raises
    ------
    ValueError
        If they are no finite numbers, or not as many.
    """
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
    """Return ``name`` if it is the plain name of a file or folder.

    Raises
    ------
    ValueError
        If it is empty, or would lead out of its folder.
    """
    if not name or name in (".", "..") or any(c in name for c in "/\\\0"):
        raise ValueError(f"{where}: {shown(name)} is not the plain name of a file or folder")
    return name


def without_copies(keys, values):
    """Find what is listed once, and what is listed several times.

    Parameters
    ----------
    keys : list, length N
        What each line of a list is about.
    values : list, length N
        What it says about that.

    Returns
    -------
    kept : list of int
        The first line about everything that all its lines say the same about; increasing.
    copies : int
        Further lines about these.
    conflicting : int
        Lines about everything else.

    Examples
    --------
    >>> without_copies(["a", "b", "a", "c", "c"], [1, 2, 1, 3, 4])
    ([0, 1], 1, 2)
    """
    lines = defaultdict(list)
    for place, key in enumerate(keys):
        lines[key].append(place)
    kept, copies, conflicting = [], 0, 0
    for places in lines.values():
        if len({values[place] for place in places}) > 1:
            conflicting += len(places)
        else:
            kept.append(places[0])
            copies += len(places) - 1
    return kept, copies, conflicting


def find_named(root, wanted, found, how_to_get_it):
    """Find out which images that labels name are there.

    Parameters
    ----------
    root : Path
    wanted : list of str, length N
        Names of images, as the labels have them; one may occur several times.
    found : dict of str to ImageFile
        The file of each name.
    how_to_get_it : str
        See :func:`files.check_root`.

    Returns
    -------
    there : list of int
        Which of the N have a file; increasing.
    missing : tuple of str
        Names that have none.

    Raises
    ------
    FileNotFoundError
        If no image is there.

    Warns
    -----
    UserWarning
        If some are missing: how many, and the first five.
    """
    there = [place for place, name in enumerate(wanted) if name in found]
    missing = tuple(dict.fromkeys(name for name in wanted if name not in found))
    if not there:
        raise FileNotFoundError(
            f"root holds none of the images that the labels name, {how_many(missing)}: {root}. "
            f"{how_to_get_it}"
        )
    if missing:
        text = f"the labels name images that are not in {root}: {how_many(missing)}; left out"
        warnings.warn(text, stacklevel=3)
    return there, missing


def check_some_left(decoded, root, how_to_get_it):
    """Check that reading images, as :func:`cache.read_images` does, left at least one.

    Raises
    ------
    FileNotFoundError
        If it left none.
    """
    if not len(decoded.kept):
        raise FileNotFoundError(
            f"root holds no whole image, {how_many(decoded.unreadable)} cannot be read: {root}. "
            f"{how_to_get_it}"
        )


def left_out(reasons):
    """Put into words what was left out, and why.

    Parameters
    ----------
    reasons : dict of str to int or to sequence of str
        How many of what; of names, the first five are told.

    Returns
    -------
    str
        To follow what was kept; empty if nothing was left out.

    Examples
    --------
    >>> left_out({"empty lines": 2, "copies": 0, "unreadable files": ("a.jpg",)})
    '; left out: 2 empty lines, unreadable files: 1 (a.jpg)'
    """
    parts = [
        f"{count} {what}" if isinstance(count, int) else f"{what}: {how_many(count)}"
        for what, count in reasons.items()
        if count
    ]
    return "; left out: " + ", ".join(parts) if parts else ""


@dataclass(frozen=True, kw_only=True)
class LabelReport:
    """What became of the lines of the label files; as a string, in words.

    Attributes
    ----------
    lines : int
        Lines that say something about an image.
    kept : int
        Images in the data set.
    copies : int
        Lines left out because they repeat an earlier one.
    conflicting : int
        Lines left out because they contradict each other.
    missing : tuple of str
        Image files that are not there.
    unreadable : tuple of str
        Image files that hold no whole image.
    """

    lines: int
    kept: int
    copies: int
    conflicting: int
    missing: tuple[str, ...]
    unreadable: tuple[str, ...]

    def reasons(self):
        """Return how many of what were left out, or the names: dict of str to int or tuple."""
        return {
            "lines that repeat one": self.copies,
            "lines that contradict each other": self.conflicting,
            "images that are not there": self.missing,
            "unreadable images": self.unreadable,
        }

    def __str__(self):
        return f"{self.kept} images kept of {self.lines} lines{left_out(self.reasons())}"


def warn_of_empty_classes(classes, labels):
    """Warn if there is a class without an image; ``labels`` are those of the training images.

    Warns
    -----
    UserWarning
    """
    empty = sorted(set(range(len(classes))) - set(np.asarray(labels).tolist()))
    if empty:
        names = ", ".join(classes[label] for label in empty)
        warnings.warn(f"no image for training in the classes {names}", stacklevel=3)
