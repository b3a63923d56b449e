"""MATLAB files of version 5 (``-v6`` and ``-v7``), read as data and with every length checked.

SciPy reads them in C, and a broken file can end the program there. What is read here is what lists
of images hold: numbers, text, cell arrays and structs. Objects and functions are refused.

Source: *MAT-File Format*, The MathWorks, chapter 1.
"""

import math
import struct
import zlib

import numpy as np

MOST_BYTES = 256 * 2**20
"""What more unpacks to is no list of images."""

# by the numbers that the format gives to elements of the file, and to variables
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8"}
_NUMBERS |= {12: "i8", 13: "u8"}
_CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4"}
_CLASSES |= {14: "i8", 15: "u8"}
_TEXT = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
_MATRIX, _COMPRESSED = 14, 15
_CELL, _STRUCT, _CHAR = 1, 2, 4
_DEEPEST = 8


def read_matlab(content, names):
    """Return the variables of these names that a file holds.

    Parameters
    ----------
    content : bytes
    names : sequence of str

    Returns
    -------
    dict of str to array
        As ``scipy.io.loadmat`` returns them: a cell array as objects, a struct as a record of
        objects, text as one string per row; all with two axes or more, text with one.

    Raises
    ------
    ValueError
        If the bytes are no such file, or not a whole one.
    """
    if len(content) < 128 or content[126:128] not in (b"IM", b"MI"):
        raise ValueError("it does not begin as a MATLAB 5 file")
    order = "<" if content[126:128] == b"IM" else ">"
    found, left = {}, [MOST_BYTES]
    elements = _Elements(content[128:], order)
    while elements:
        kind, data = elements.take()
        if kind == _COMPRESSED:
            data = _unpack(data, left)
            kind, data = _Elements(data, order).take()
        if kind != _MATRIX:
            raise ValueError(f"it holds an element of type {kind} where a variable should be")
        name = _name(data, order)
        if name in names:
            found[name] = _matrix(data, order, 0)
    return found


def _unpack(data, left):
    packed = zlib.decompressobj()
    try:
        content = packed.decompress(data, left[0])
    except zlib.error as error:
        raise ValueError(f"a variable cannot be unpacked: {error}") from None
    left[0] -= len(content)
    if packed.unconsumed_tail or left[0] <= 0:
        raise ValueError(f"its variables unpack to more than {MOST_BYTES} bytes")
    if not packed.eof:
        raise ValueError("a variable ends too early")
    return content


class _Elements:
    """The data elements of some bytes, one after another."""

    def __init__(self, data, order):
        self.data, self.order, self.place = memoryview(data), order, 0

    def __bool__(self):
        return self.place < len(self.data)

    def take(self):
        """Return the type and the bytes of the next one."""
        head = self.data[self.place : self.place + 8]
        if len(head) < 8:
            raise ValueError("an element ends too early")
        kind, length = struct.unpack(f"{self.order}II", head)
        if kind >> 16:  # up to four bytes fit into the head
            kind, length = kind & 0xFFFF, kind >> 16
            start, end = self.place + 4, self.place + 8
            if length > 4:
                raise ValueError("a small element is too long")
        else:
            start = self.place + 8
            # only what is compressed is not filled up to eight bytes
            end = start + (length if kind == _COMPRESSED else -(-length // 8) * 8)
        if start + length > len(self.data):
            raise ValueError("an element is longer than the file")
        self.place = end
        return kind, self.data[start : start + length]

    def numbers(self, dtype):
        """Return the next element as numbers."""
        kind, data = self.take()
        if kind not in _NUMBERS:
            raise ValueError(f"it holds an element of type {kind} where numbers should be")
        stored = np.dtype(self.order + _NUMBERS[kind])
        if len(data) % stored.itemsize:
            raise ValueError("numbers end within one of them")
        numbers = np.frombuffer(data, stored)
        if stored.kind == "f" and np.dtype(dtype).kind != "f" and not np.isfinite(numbers).all():
            raise ValueError("an integer is not finite")
        with np.errstate(all="ignore"):  # what does not fit is as wrong as before
            return numbers.astype(dtype)

    def text(self):
        """Return the next element as text."""
        kind, data = self.take()
        if kind not in _TEXT:
            raise ValueError(f"it holds an element of type {kind} where text should be")
        coding = _TEXT[kind]
        if coding in ("utf-16", "utf-32"):
            coding += {"<": "-le", ">": "-be"}[self.order]
        try:
            return bytes(data).decode(coding)
        except UnicodeDecodeError as error:
            raise ValueError(f"text cannot be read: {error}") from None


def _head(data, order):
    """Return the elements of a matrix after its head, its class, shape and name."""
    elements = _Elements(data, order)
    flags = elements.numbers(np.uint32)
    if len(flags) != 2:
        raise ValueError("a variable has no flags")
    shape = tuple(elements.numbers(np.int64).tolist())
    if len(shape) < 2 or min(shape) < 0 or math.prod(shape) > MOST_BYTES:
        raise ValueError(f"a variable has the shape {shape[:8]}")
    return elements, int(flags[0]) & 0xFF, bool(flags[0] & 0x800), shape, elements.text()


def _name(data, order):
    return _head(data, order)[-1] if len(data) else ""


def _matrix(data, order, depth):
    if not len(data):
        return np.zeros((0, 0))
    if depth > _DEEPEST:
        raise ValueError("cells lie in cells in cells without end")
    elements, kind, is_complex, shape, _ = _head(data, order)
    count = math.prod(shape)
    if kind in _CLASSES and not is_complex:
        numbers = elements.numbers(_CLASSES[kind])
        if len(numbers) != count:
            raise ValueError(f"a variable of shape {shape} holds {len(numbers)} numbers")
        return numbers.reshape(shape, order="F")
    if kind == _CHAR:
        return _rows_of_text(elements.text(), shape)
    if kind == _CELL:
        return _objects(elements, count, order, depth).reshape(shape, order="F")
    if kind == _STRUCT:
        return _record(elements, count, shape, order, depth)
    raise ValueError(f"a variable is of class {kind}, which is not read here")


def _rows_of_text(text, shape):
    if len(shape) != 2 or len(text) != math.prod(shape):
        raise ValueError(f"text of shape {shape} has {len(text)} letters")
    if not text:
        return np.array([], dtype="U1")
    return np.array(["".join(text[row :: shape[0]]) for row in range(shape[0])])


def _objects(elements, count, order, depth):
    # every cell takes eight bytes or more
    if count > len(elements.data) // 8:
        raise ValueError(f"there cannot be {count} cells")
    objects = np.empty(count, dtype=object)
    for k in range(count):
        kind, data = elements.take()
        if kind != _MATRIX:
            raise ValueError(f"a cell is an element of type {kind}")
        objects[k] = _matrix(data, order, depth + 1)
    return objects


def _record(elements, count, shape, order, depth):
    length = elements.numbers(np.int64)
    kind, data = elements.take()
    if kind != 1 or len(length) != 1 or length[0] < 1 or len(data) % int(length[0]):
        raise ValueError("the fields of a struct have no names")
    step = int(length[0])
    names = [
        bytes(data[k : k + step]).split(b"\0")[0].decode("latin-1")
        for k in range(0, len(data), step)
    ]
    if len(set(names)) < len(names) or not all(names):
        raise ValueError(f"the fields of a struct have the names {names[:8]}")
    values = _objects(elements, count * len(names), order, depth)
    record = np.empty(count, dtype=[(name, object) for name in names])
    for place, name in enumerate(names):
        record[name] = values[place :: len(names)]
    return record.reshape(shape, order="F")
