"""The labelled faces of Images of Groups: where they are, and how old."""

from typing import NamedTuple

import numpy as np

from emdviz.datasets.readers.label_files import (
    check_file_name,
    matlab_numbers,
    matlab_strings,
    matlab_variables,
    text_lines,
)
from emdviz.reading import shown

AGE_CLASSES = {1: "0-2", 5: "3-7", 10: "8-12", 16: "13-19", 28: "20-36", 51: "37-65", 75: "66+"}
"""The number that stands for each class in the files, and its ages in years."""

CROP_WIDTH = 4.0
"""Side of the square that is cut out around a face, in distances between its eyes."""

EYE_LINE = 0.4
"""How far below the upper edge of the square the eyes lie, as a share of its side."""

LISTS = {"eventest.mat": "tecoll", "eventrain.mat": "trcoll"}
"""The balanced lists that come with the data set, and the variable in each."""


class Face(NamedTuple):
    """A labelled face in a photograph."""

    photograph: str  # name of the image file, without its folder
    eyes: tuple[float, float, float, float]  # x, y of the left, then of the right eye in the image
    label: int  # age class, 0 to 6


def face_corners(eyes):
    """Return x and y of the corners of the square around a face, turned until the eyes are level.

    Examples
    --------
    >>> face_corners((20, 30, 30, 30))
    (5.0, 14.0, 5.0, 54.0, 45.0, 54.0, 45.0, 14.0)
    """
    left, right = np.array(eyes[:2]), np.array(eyes[2:])
    across = CROP_WIDTH * (right - left)
    down = np.array([-across[1], across[0]])
    corner = (left + right) / 2 - across / 2 - EYE_LINE * down
    square = (corner, corner + down, corner + down + across, corner + across)
    return tuple(np.concatenate(square).tolist())


def read_person_data(content, name):
    """Read a ``PersonData.txt``: lines with the name of a photograph, and after each its faces.

    A face is six numbers between tabs: x and y of the left eye, x and y of the right eye, age
    class, and 1 for a woman or 2 for a man.

    Examples
    --------
    >>> (face,) = read_person_data(b"a.jpg\\n20\\t30\\t30\\t30\\t16\\t1\\n", "PersonData.txt")
    >>> face.photograph, face.eyes, list(AGE_CLASSES.values())[face.label]
    ('a.jpg', (20.0, 30.0, 30.0, 30.0), '13-19')
    """
    photograph, faces = None, []
    for number, line in text_lines(content, name):
        where = f"{name}, line {number}"
        fields = line.strip().split("\t")
        if len(fields) == 1:
            if "." not in line:
                raise ValueError(f"{where}: expected the name of an image, got {shown(line)}")
            photograph = check_file_name(line.strip(), where)
            continue
        if photograph is None:
            raise ValueError(f"{where}: a face must follow the name of its photograph")
        try:
            numbers = [float(field) for field in fields]
        except ValueError:
            numbers = []
        if len(numbers) != 6:
            raise ValueError(f"{where}: a face must be six numbers between tabs, got {shown(line)}")
        faces.append(_face(photograph, *numbers, where))
    return faces


def read_even_list(content, name):
    """Read ``eventrain.mat`` or ``eventest.mat``, lists of as many faces of each age class."""
    variable = LISTS[name]
    (faces,) = matlab_variables(content, [variable], name)
    fields = ("name", "facePosSize", "ageClass", "genClass")
    if not isinstance(faces, dict) or not set(fields) <= set(faces):
        raise ValueError(f"{variable} of {name} must be one struct with the fields {fields}")
    cells, places, ages, genders = (faces[field] for field in fields)
    paths = matlab_strings(cells, f"{variable}.name of {name}")
    count = len(paths)
    places = matlab_numbers(places, f"{variable}.facePosSize of {name}", count, columns=7)
    ages = matlab_numbers(ages, f"{variable}.ageClass of {name}", count)
    genders = matlab_numbers(genders, f"{variable}.genClass of {name}", count)
    result = []
    for k, (path, place, age, gender) in enumerate(
        zip(paths, places, ages, genders, strict=True), start=1
    ):
        where = f"{name}, face {k}"
        # the authors' own paths: C:\research\...\name.jpg
        photograph = check_file_name(path.replace("\\", "/").rpartition("/")[2], where)
        result.append(_face(photograph, *place[:4].tolist(), age, gender, where))
    return result


def _face(photograph, x1, y1, x2, y2, age, gender, where):
    eyes = (x1, y1, x2, y2)
    if not np.isfinite(eyes).all() or max(map(abs, eyes)) > 1e5:
        raise ValueError(f"{where}: eyes must lie in the photograph, got {eyes}")
    if age not in AGE_CLASSES:
        raise ValueError(f"{where}: age class must be one of {list(AGE_CLASSES)}, got {age:g}")
    if gender not in (1, 2):
        raise ValueError(f"{where}: gender must be 1 or 2, got {gender:g}")
    return Face(photograph, eyes, list(AGE_CLASSES).index(age))
