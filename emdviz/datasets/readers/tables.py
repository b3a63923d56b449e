"""A table of image paths and labels, as people keep it for their own data."""

import csv
import re
from dataclasses import dataclass
from math import isfinite

from emdviz.datasets.readers.files import how_many
from emdviz.datasets.readers.label_files import text_lines
from emdviz.reading import shown

COLUMNS = ("path", "label", "split", "group")
"""Columns that are read; the first two must be there, others are passed over."""


@dataclass(frozen=True)
class LabelTable:
    """What the lines of a table say, each path once.

    Attributes
    ----------
    paths, labels : list of str, length N
    splits, groups : list of str, length N, or None
        None if there is no such column.
    repeated : int
        Further lines that say the same about the same path.
    """

    paths: list[str]
    labels: list[str]
    splits: list[str] | None
    groups: list[str] | None
    repeated: int


def read_label_table(content, name):
    r"""Read a table: a line of column names, then a line for each image.

    Parameters
    ----------
    content : bytes
        UTF-8; commas, semicolons or tabs between the fields, which may stand in quotes.
    name : str
        What an error calls the file.

    Returns
    -------
    LabelTable

    Raises
    ------
    ValueError
        If the columns "path" and "label" are missing, a line has another number of fields, an
        empty path or label, or says something else than an earlier line about the same path.

    Examples
    --------
    >>> table = read_label_table(b"path;label;age\r\n1.jpg;low;3\r\n2.jpg;high;7\r\n", "my.csv")
    >>> table.paths, table.labels, table.splits
    (['1.jpg', '2.jpg'], ['low', 'high'], None)
    """
    lines = text_lines(content, name)
    first = lines[0][1] if lines else ""
    separator = max(",;\t", key=first.count)
    # the first line may be of anything, and what is odd in it is not what the table is about
    heads = [head.strip(' "\t').lower() for head in first.replace("\r", "").split(separator)]
    if "path" not in heads or "label" not in heads or len(set(heads)) < len(heads):
        raise ValueError(
            f"{name} must begin with a line that names the columns path and label (split and "
            f"group, if you like), each once, got {first[:80]!r}"
        )
    columns = [head for head in COLUMNS if head in heads]
    said, repeated, contradicted = {}, 0, []
    for number, line in lines[1:]:
        fields = _fields(line, separator, len(heads), f"{name}, line {number}")
        row = tuple(fields[heads.index(column)] for column in columns)
        if not row[0] or not row[1]:
            raise ValueError(
                f"{name}, line {number}: path and label must not be empty: {shown(line)}"
            )
        if said.setdefault(row[0], row) != row:
            contradicted.append(row[0])
        elif said[row[0]] is not row:
            repeated += 1
    if contradicted:
        raise ValueError(
            f"{name} must say one thing about an image, but its lines disagree on "
            f"{how_many(list(dict.fromkeys(contradicted)))}"
        )
    if not said:
        raise ValueError(f"{name} has no line but the names of its columns")
    lists = dict(zip(columns, map(list, zip(*said.values(), strict=True)), strict=True))
    return LabelTable(
        lists["path"], lists["label"], lists.get("split"), lists.get("group"), repeated
    )


def _fields(line, separator, count, where):
    try:
        fields = next(csv.reader([line], delimiter=separator, strict=True))
    except csv.Error as error:
        raise ValueError(f"{where}: {error}: {shown(line)}") from None
    if len(fields) != count:
        raise ValueError(
            f"{where}: expected {count} fields, got {len(fields)}: {shown(line)}; what holds a "
            f"{separator!r} itself must stand in double quotes"
        )
    return [field.strip() for field in fields]


def natural_order(names):
    """Return names as people order them: numbers in them count as numbers.

    Examples
    --------
    >>> natural_order(["10", "2", "1"]), natural_order(["grade 10", "Grade 2"])
    (['1', '2', '10'], ['Grade 2', 'grade 10'])
    >>> natural_order(["0.5", "-1", "0.25"])
    ['-1', '0.25', '0.5']
    """
    numbers = [number(name) for name in names]
    if None not in numbers:
        return [name for _, name in sorted(zip(numbers, names, strict=True))]

    def key(name):
        parts = re.split(r"(\d+)", name.casefold(), flags=re.ASCII)
        return [int(part) if place % 2 else part for place, part in enumerate(parts)], name

    return sorted(names, key=key)


def number(text):
    """Return a text as a finite number, or None if it is none.

    Examples
    --------
    >>> number("-0.5"), number("nan"), number("low")
    (-0.5, None, None)
    """
    try:
        value = float(text)
    except ValueError:
        return None
    return value if isfinite(value) else None
