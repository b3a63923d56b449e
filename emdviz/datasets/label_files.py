"""Read label files strictly: text line by line, and the variables of MATLAB files."""

import io

import numpy as np


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
        raise ValueError(f"{name} must be a text file, got bytes that no text has")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{name} must be UTF-8 text: {error}") from None
    # not splitlines(), which also cuts at characters that a file name may hold
    lines = enumerate(text.replace("\r\n", "\n").split("\n"), start=1)
    return [(number, line) for number, line in lines if line.strip()]


def matlab_variables(content, names, file):
    """Return variables of a MATLAB file.

    The file is read as data: nothing in it is run, and nothing is unpickled.

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
    list of array
        In the order of ``names``.

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
    from scipy.io import loadmat

    try:
        variables = loadmat(io.BytesIO(content), variable_names=list(names))
    except Exception as error:  # SciPy meets broken bytes with errors of a dozen kinds
        raise ValueError(f"{file} is not a whole MATLAB file: {error}") from None
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
    if cells.dtype != object:
        raise ValueError(f"{what} must be a cell array of strings, got {cells.dtype}")
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
    fits = values.size == count if columns == 1 else values.shape == (count, columns)
    if values.dtype.kind not in "fiu" or not fits:
        raise ValueError(
            f"{what} must be numbers of shape ({count}, {columns}), "
            f"got {values.dtype} of shape {values.shape}"
        )
    numbers = values.astype(np.float64)
    if not np.isfinite(numbers).all():
        raise ValueError(f"{what} must be finite, got {numbers[~np.isfinite(numbers)][0]}")
    return numbers.ravel() if columns == 1 else numbers


def check_file_name(name, where):
    """Return ``name`` if it is the plain name of a file or folder.

    Raises
    ------
    ValueError
        If it is empty, or would lead out of its folder.
    """
    if not name or name in (".", "..") or any(c in name for c in "/\\\0"):
        raise ValueError(f"{where}: {name!r} is not the plain name of a file or folder")
    return name
