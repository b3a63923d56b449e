"""Adience: faces from people's own phones, in eight age groups and five folds."""

import re
from dataclasses import dataclass

from emdviz.datasets.label_files import check_file_name, text_lines

FOLDS = 5

RANGES = ((0, 2), (4, 6), (8, 13), (15, 20), (25, 32), (38, 43), (48, 53), (60, float("inf")))
"""Years of the eight groups, both ends included."""

EXACT_LABELS = {
    "(0, 2)": 0,
    "(4, 6)": 1,
    "(8, 12)": 2,
    "(15, 20)": 3,
    "(25, 32)": 4,
    "(38, 43)": 5,
    "(48, 53)": 6,
    "(60, 100)": 7,
}
"""How the fold files write the eight groups; the third, 8 to 13 years, is "(8, 12)" in them."""

_COLUMNS = ("user_id", "original_image", "face_id", "age")
_AGE = re.compile(r"\((\d{1,3}), (\d{1,3})\)|(\d{1,3})", re.ASCII)


@dataclass(frozen=True)
class Face:
    """A line of a fold file.

    Attributes
    ----------
    fold : int
    user, image, face_id : str
        Album, photograph and number of the person; together they name the image file.
    age : str
        The label as it is written.
    """

    fold: int
    user: str
    image: str
    face_id: str
    age: str


def read_fold(content, name, fold):
    """Read a fold file.

    Parameters
    ----------
    content : bytes
        Lines of fields between tabs; the first line names the columns.
    name : str
        What an error calls the file.
    fold : int

    Returns
    -------
    list of Face

    Raises
    ------
    ValueError
        If a column is missing, or a line has another number of fields, no plain names, or a
        label that is no age, no range of ages, and not empty.
    """
    lines = text_lines(content, name)
    header = lines[0][1].split("\t") if lines else []
    missing = [column for column in _COLUMNS if column not in header]
    if missing:
        raise ValueError(
            f"{name} must begin with a line that names the columns, between tabs; "
            f"it lacks {', '.join(missing)}"
        )
    places = [header.index(column) for column in _COLUMNS]
    faces = []
    for number, line in lines[1:]:
        where = f"{name}, line {number}"
        fields = line.split("\t")
        if len(fields) != len(header):
            raise ValueError(f"{where}: expected {len(header)} fields, got {len(fields)}")
        user, image, face_id, age = (fields[place].strip() for place in places)
        if age not in ("", "None") and not _AGE.fullmatch(age):
            raise ValueError(f"{where}: age must be like '(25, 32)', '35' or 'None', got {age!r}")
        for part in (user, image, face_id):
            check_file_name(part, where)
        faces.append(Face(fold, user, image, face_id, age))
    return faces


def age_class(age, policy):
    """Return the class of a label, or None if it has none.

    Parameters
    ----------
    age : str
        As in a fold file.
    policy : {"strict", "nearest"}
        "strict" takes the eight exact labels only, as Levi and Hassner do. "nearest" gives any
        age or range to the group that contains its midpoint.

    Examples
    --------
    >>> age_class("(8, 12)", "strict"), age_class("(38, 42)", "strict")
    (2, None)
    >>> [age_class(age, "nearest") for age in ("(38, 42)", "(25, 23)", "13", "None")]
    [5, None, 2, None]
    """
    if age in EXACT_LABELS or policy == "strict":
        return EXACT_LABELS.get(age)
    numbers = _AGE.fullmatch(age)
    if numbers is None:
        return None
    low, high, bare = numbers.groups()
    middle = float(bare) if bare else (int(low) + int(high)) / 2
    for label, (first, last) in enumerate(RANGES):
        if first <= middle <= last:
            return label
    return None
