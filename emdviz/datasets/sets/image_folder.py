"""Your own images, in a folder for each class or named by a table."""

import os
import warnings
from collections import Counter
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch

from emdviz._docstrings import fill
from emdviz.datasets.base import label_of_votes
from emdviz.datasets.binning import make_bins
from emdviz.datasets.building import build
from emdviz.datasets.order import notes_of, order_classes
from emdviz.datasets.readers.files import (
    TEXT_SUFFIXES,
    Source,
    how_many,
    is_hidden,
    is_image,
    plain_name,
)
from emdviz.datasets.readers.images import FORMATS
from emdviz.datasets.readers.label_files import read_content
from emdviz.datasets.readers.listing import Listing
from emdviz.datasets.readers.numbers import number
from emdviz.datasets.readers.table_files import (
    COLUMNS,
    columns_of_votes,
    count_votes,
    read_label_table,
    read_table,
)
from emdviz.datasets.splits import usual_split
from emdviz.reading import read_count, read_path, typed

__all__ = ["image_folder"]

_HOW_TO_LAY_THEM = (
    "Put the images of each class into a folder of its own, such as root/low/1.jpg and "
    "root/high/2.jpg (or root/train/low/1.jpg and so on, if you have splits), or anywhere under "
    "root with labels='labels.csv', a table with the columns path (from root), label and, if "
    "you like, split and group. "
    f"What can be read is {', '.join(FORMATS)}."
)


@fill
def image_folder(
    root,
    *,
    size=48,
    classes=None,
    labels=None,
    votes=None,
    bins=None,
    positions=None,
    unit=None,
    depth=None,
    licence="your own data",
    seed=0,
    cache=True,
):
    """Read your own images: a folder for each class, or a table of paths and labels.

    Parameters
    ----------
    root : str or Path
        A folder or a zip file. Without ``labels``, each folder in it is a class, and may hold
        further folders; if its folders are called "train", "valid" and "test" (or as usual),
        the classes are within these.
    %(image_size)s
        Images that are not square are cut to their middle.
    classes : sequence of str, optional
        The classes in their order, from low to high; by default that of :func:`order_classes`,
        which knows numbers, ranges and some words, and refuses all others.
    labels : str or Path, optional
        A table in UTF-8, with a line of column names and commas, semicolons or tabs between its
        fields: "path" from ``root``, "label" (a class, or a number if there are ``bins``), and
        optionally "split" ("train", "valid", "test") and "group" (what must not be in two
        splits, such as a person). A path on the disk, or the name of a file in ``root``.
    votes : list of str or True, optional
        Columns of the table that count the votes for each class; or True, where each line of the
        table is one vote, with the path of an image and a label.
    bins : int or sequence of numbers, optional
        Make classes of the numbers in the table: that many of about as many images each, or
        cut at these numbers, each of which belongs to the class above.
    positions : sequence of float, optional
        Centres of the classes; with ``bins``, their mean numbers by default.
    unit : str, optional
        The unit of ``positions``.
    depth : int, optional
        Bits of images that are stored in 16, 8 to 16; see :func:`images.decode`.
    licence : str
        One line: who may use the images, and for what.
    seed : int
        Not negative; decides the splits, where they are not given.
    %(image_cache)s

    Returns
    -------
    OrderedData
        Named as ``root`` is, ordered by path; with ``groups`` if the table has them. Without
        splits of their own, images are split 80, 10 and 10 %, by class and group.

    Raises
    ------
    FileNotFoundError
        If ``root`` or the table is missing, or ``root`` holds no image, or none that is named.
    TypeError, ValueError
        If an argument is out of range, ``classes`` names a class twice, a class has no image or
        is the only one, a folder or label is no class, the table is broken or contradicts
        itself, or a zip file is refused (see :func:`files.list_files`).

    Warns
    -----
    UserWarning
        If the table names images that are not there, images lie outside the class folders, or
        files cannot be read as images; all of these are left out. If a class has no image for
        training.
    """
    size = read_count(size, "size", 16, 256)
    seed = read_count(seed, "seed", 0)
    depth = None if depth is None else read_count(depth, "depth", 8, 16)
    source = Source.open(root, _HOW_TO_LAY_THEM)
    classes = None if classes is None else [str(name) for name in classes]
    twice = [name for name, count in Counter(classes).items() if count > 1]
    if twice:
        raise ValueError(f"classes must not name a class twice, got {twice[0]!r} again")
    if bins is not None and (labels is None or classes is not None):
        raise ValueError("bins needs labels, a table of numbers, and makes the classes itself")
    if votes is not None and (labels is None or bins is not None):
        raise ValueError("votes needs labels, a table of votes, and no bins")
    if labels is None:
        listing = _from_folders(source)
        known = set(listing.labels) | _class_folders(source, listing)
    elif votes is None:
        listing = _from_table(source, labels)
        known = set(listing.labels)
    else:
        listing, classes = _votes_from_table(source, labels, votes, classes)

    def classify(listing):
        if votes is not None:
            counts = torch.from_numpy(np.array(listing.labels, np.float64))
            found = {"labels": label_of_votes(counts, "majority").numpy(), "votes": counts}
            return found | {"classes": classes, "positions": positions}
        if bins is not None:
            found = _cut(listing.labels, bins)
        else:
            found = _ordered(listing.labels, known, classes, positions)
        return found if positions is None else found | {"positions": positions}

    return build(
        source,
        listing,
        classify,
        name=source.root.stem if source.root.is_file() else source.root.resolve().name,
        size=size,
        seed=seed,
        cache=cache,
        cache_name="image_folder",
        depth=depth,
        unit=unit,
        licence=licence,
    )


def _from_folders(source):
    images = [file for file in source.files if is_image(file)]
    if not images:
        raise source.lacks("holds no image")
    paths = [file.name.split("/") for file in images]
    level = _level_of_classes(paths)
    named = {name: usual_split(name) for name in {path[level] for path in paths}}
    splits = [named[path[level]] for path in paths]
    if all(splits) and len(set(splits)) > 1:
        level += 1
    else:
        splits = None
    outside = [place for place, path in enumerate(paths) if len(path) <= level + 1]
    names = [images[place].name for place in outside]
    if len(outside) == len(paths):
        text = f"root must hold a folder for each class: {source.root}. {_HOW_TO_LAY_THEM}"
        raise ValueError(text)
    if names:
        text = how_many(names, "images outside the class folders")
        warnings.warn(f"{text} in {source.root}; left out", stacklevel=3)
    listing = Listing(
        names=[file.name for file in images],
        labels=[path[level] if len(path) > level else "" for path in paths],
        parts=splits,
        files=images,
        listed=len(source.files),
        unit="files",
    )
    known = {file.name for file in images}
    others = tuple(file.name for file in source.files if file.name not in known)
    unusual = [name for name in others if not name.lower().endswith(TEXT_SUFFIXES)]
    if unusual:
        text = how_many(unusual, "files that are no images")
        warnings.warn(f"{text} in {source.root}; left out", stacklevel=3)
    listing = listing.note("other_files", "files that are no images", others)
    return listing.leave_out(outside, "outside", "images outside the class folders", tuple(names))


def _level_of_classes(paths):
    """Return 1 if there is one folder around all, as in most zip files, else 0."""
    return int(all(len(path) > 2 and path[0] == paths[0][0] for path in paths))


def _class_folders(source, listing):
    """Return the names of class folders on the disk, also of those without images."""
    paths = [name.split("/") for name in listing.names]
    level = _level_of_classes(paths) + (listing.parts is not None)
    above = {"/".join(path[:level]) for path in paths}
    return set().union(*(_folders_in(source.root / folder) for folder in above))


def _folders_in(folder):
    """Return the names of the folders in a folder on the disk, also of those without images."""
    if not folder.is_dir():
        return set()
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if entry.is_dir()]
    return {plain_name(name) for name in names if not is_hidden([name])}


def _content_of_table(source, labels):
    """Return the bytes of the table of labels, and its name."""
    path = read_path(labels, "labels", "the path of a table")
    named = {file.name: file for file in source.files}
    if path.is_file():
        return path.read_bytes(), path.name
    if plain_name(str(labels)) in named:
        return read_content(named[plain_name(str(labels))]), path.name
    raise FileNotFoundError(
        f"labels must be a file on the disk or in root, found neither {path.absolute()} nor "
        f"{source.root / path}"
    )


def _from_table(source, labels):
    content, name = _content_of_table(source, labels)
    table = read_label_table(content, name)
    repeated = table.attrs["repeated"]
    listing = _listing(source, table, table["label"], len(table) + repeated)
    return listing.note("copies", f"lines of {name} that repeat another", repeated)


def _listing(source, table, labels, lines):
    """Return a listing of the images that a table of so many lines names."""
    listing = Listing(
        names=[_below(source.root, path) for path in table["path"]],
        labels=labels.tolist(),
        parts=table["split"].tolist() if "split" in table else None,
        groups=table["group"].tolist() if "group" in table else None,
        listed=lines,
    )
    return listing.find(source, {file.name: file for file in source.files})


def _votes_from_table(source, labels, votes, classes):
    """Return a listing whose labels are numbers of votes, and the classes in their order."""
    content, name = _content_of_table(source, labels)
    table = read_table(content, name)
    usual = {column: column.lower() for column in table if column.lower() in COLUMNS}
    table = table.rename(columns={column: usual.get(column, column) for column in table})
    needed = ["path", *(["label"] if votes is True else votes)]
    lacking = [column for column in needed if column not in table]
    if lacking:
        raise ValueError(f"{name} lacks the columns {lacking}, it has {list(table)}")
    lines = len(table)
    if votes is True:
        table, counts, classes = count_votes(table, "label", "path", classes)
    else:
        counts, classes = columns_of_votes(table, list(votes), classes, name)
    if table["path"].duplicated().any():
        twice = how_many(list(table["path"][table["path"].duplicated()]))
        raise ValueError(f"{name} must have one line for each image, got more for {twice}")
    return _listing(source, table, counts, lines), classes


def _below(root, name):
    """Return a path of a table relative to the root, also if it is written as an absolute path."""
    if Path(name).is_absolute():
        with suppress(ValueError, OSError):
            return plain_name(str(Path(name).resolve().relative_to(root.resolve())))
    return plain_name(name)


def _ordered(labels, known, classes, positions):
    """Return labels and classes in their order; each class must have an image."""
    if len(set(classes or known)) < 2:
        some = sorted(classes or known)
        raise ValueError(f"there must be at least two classes, got {some}. {_HOW_TO_LAY_THEM}")
    found = {}
    if classes is None:
        numbers = [number(label) for label in known]
        if None not in numbers and any(value != int(value) for value in numbers):
            raise ValueError(
                f"labels must be classes, got numbers such as {labels[0]}; pass {typed('bins')} to "
                f"make classes of them, or {typed('classes')} if each of them is one"
            )
        order = order_classes(known)
        classes, index = order.classes, order.index
        found = {"positions": order.positions, "notes": notes_of(order, positions)}
    else:
        index = {name: k for k, name in enumerate(classes)}
        unknown = sorted(known - set(classes))
        if unknown:
            raise ValueError(f"classes must name every label, {classes} lack {how_many(unknown)}")
    used = {index[label] for label in labels}
    empty = [name for k, name in enumerate(classes) if k not in used]
    if empty:
        raise ValueError(
            f"every class must have a readable image, got {how_many(empty, 'without any')}; add "
            "images, or take the class out of the folder, the table or classes"
        )
    return found | {"labels": [index[label] for label in labels], "classes": classes}


def _cut(labels, bins):
    numbers = [number(label) for label in labels]
    wrong = [label for label, value in zip(labels, numbers, strict=True) if value is None]
    if wrong:
        raise ValueError(
            f"labels must be numbers such as 1.5 to be cut into bins, {how_many(wrong, 'are not')}"
        )
    cut = make_bins(numbers, bins)
    return {
        "labels": cut.labels(numbers),
        "classes": cut.names(),
        "positions": cut.positions,
        "scores": torch.tensor(numbers, dtype=torch.float64),
        "bins": cut,
    }
