"""Your own images, in a folder for each class or named by a table."""

import os
import warnings
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from emdviz.datasets.base import OrderedData
from emdviz.datasets.binning import make_bins
from emdviz.datasets.readers.cache import read_images
from emdviz.datasets.readers.files import (
    IMAGE_SUFFIXES,
    check_root,
    how_many,
    is_hidden,
    list_files,
    plain_name,
)
from emdviz.datasets.readers.images import FORMATS
from emdviz.datasets.readers.label_files import (
    find_named,
    left_out,
    read_content,
    warn_of_empty_classes,
)
from emdviz.datasets.readers.tables import natural_order, number, read_label_table
from emdviz.datasets.splits import named_splits, stratified_splits, usual_split
from emdviz.reading import read_count

__all__ = ["image_folder"]

_HOW_TO_LAY_THEM = (
    "Put the images of each class into a folder of its own, such as root/low/1.jpg and "
    "root/high/2.jpg (or root/train/low/1.jpg and so on, if you have splits), or anywhere under "
    "root with labels='labels.csv', a table with the columns path (from root), label and, if "
    "you like, split and group. "
    f"What can be read is {', '.join(FORMATS)}."
)


def image_folder(
    root,
    *,
    size=48,
    classes=None,
    labels=None,
    bins=None,
    positions=None,
    unit=None,
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
    size : int
        Height and width of the images in pixels, 16 to 256. Images that are not square are cut
        to their middle.
    classes : sequence of str, optional
        The classes in their order; by default in the order in which people count: 1, 2, 10.
        Words are in alphabetical order then, and ``notes`` says so.
    labels : str or Path, optional
        A table in UTF-8, with a line of column names and commas, semicolons or tabs between its
        fields: "path" from ``root``, "label" (a class, or a number if there are ``bins``), and
        optionally "split" ("train", "valid", "test") and "group" (what must not be in two
        splits, such as a person). A path on the disk, or the name of a file in ``root``.
    bins : int or sequence of numbers, optional
        Make classes of the numbers in the table: that many of about as many images each, or
        cut at these numbers, each of which belongs to the class above.
    positions : sequence of float, optional
        Centres of the classes; with ``bins``, their mean numbers by default.
    unit : str, optional
        The unit of ``positions``.
    licence : str
        One line: who may use the images, and for what.
    seed : int
        Not negative; decides the splits, where they are not given.
    cache : bool
        Whether to keep the decoded images in ``<root>/.emdviz/``, for the next time.

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
    root = check_root(root, _HOW_TO_LAY_THEM)
    classes = None if classes is None else [str(name) for name in classes]
    twice = [name for name, count in Counter(classes).items() if count > 1]
    if twice:
        raise ValueError(f"classes must not name a class twice, got {twice[0]!r} again")
    if bins is not None and (labels is None or classes is not None):
        raise ValueError("bins needs labels, a table of numbers, and makes the classes itself")
    files = list_files(root)
    listed = _from_folders(root, files) if labels is None else _from_table(root, files, labels)
    decoded = read_images(root, listed.files, size, name="image_folder", cache=cache)
    if not len(decoded.kept):
        raise FileNotFoundError(f"root holds no readable image: {root}. {_HOW_TO_LAY_THEM}")
    listed = listed.at(decoded.kept)
    ordered_by_name = bins is None and classes is None and not _has_numbers(listed.known)
    if bins is None:
        classes = _classes(listed, classes)
        index = {name: k for k, name in enumerate(classes)}
        targets = torch.tensor([index[label] for label in listed.labels])
    else:
        numbers = _numbers(listed.labels)
        cut = make_bins(numbers, bins)
        classes = cut.names(min(numbers), max(numbers))
        positions = cut.positions if positions is None else positions
        targets = torch.from_numpy(cut.labels(numbers))
    if listed.splits is None:
        splits, notes = stratified_splits(targets, seed=seed, groups=listed.groups), ()
    else:
        splits, notes = named_splits(listed.splits, targets, seed=seed, groups=listed.groups)
    warn_of_empty_classes(classes, targets[splits["train"]])
    if ordered_by_name:
        notes += ("classes are in alphabetical order; pass classes to give them their own",)
    return OrderedData(
        root.stem if root.is_file() else root.resolve().name,
        torch.from_numpy(decoded.images),
        targets,
        classes,
        splits,
        positions=positions,
        unit=unit,
        groups=listed.groups,
        licence=licence,
        notes=(
            f"{len(targets)} images"
            + left_out(listed.omitted | {"not readable as an image": decoded.unreadable}),
            *notes,
            *decoded.notes,
        ),
        root=root,
    )


@dataclass(frozen=True)
class _Listed:
    """Image files and what is said about each; all classes there are, and what is left out."""

    files: list
    labels: list
    splits: list | None
    groups: list | None
    known: set
    omitted: dict

    def at(self, places):
        def pick(values):
            return None if values is None else [values[place] for place in places]

        return replace(
            self,
            files=pick(self.files),
            labels=pick(self.labels),
            splits=pick(self.splits),
            groups=pick(self.groups),
        )


def _from_folders(root, files):
    images = [file for file in files if file.name.lower().endswith(IMAGE_SUFFIXES)]
    if not images:
        raise FileNotFoundError(f"root holds no image: {root}. {_HOW_TO_LAY_THEM}")
    parts = [file.name.split("/") for file in images]
    level = 0  # of the class folders
    if all(len(part) > 2 and part[0] == parts[0][0] for part in parts):
        level = 1  # one folder around all, as in most zip files
    splits = [usual_split(part[level]) for part in parts]
    if all(splits) and len(set(splits)) > 1:
        level += 1
    else:
        splits = None
    inside = [place for place, part in enumerate(parts) if len(part) > level + 1]
    if not inside:
        raise ValueError(f"root must hold a folder for each class: {root}. {_HOW_TO_LAY_THEM}")
    outside = [images[place].name for place in sorted(set(range(len(images))) - set(inside))]
    if outside:
        text = how_many(outside, "images outside the class folders")
        warnings.warn(f"{text} in {root}; left out", stacklevel=3)
    known = {parts[place][level] for place in inside}
    for above in {"/".join(parts[place][:level]) for place in inside}:
        known |= _folders_in(root / above)
    omitted = {
        "files that are no images": len(files) - len(images),
        "images outside the class folders": outside,
    }
    labels = [part[level] if len(part) > level else "" for part in parts]
    return _Listed(images, labels, splits, None, known, omitted).at(inside)


def _folders_in(folder):
    """Return the names of the folders in a folder on the disk, also of those without images."""
    if not folder.is_dir():
        return set()
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if entry.is_dir()]
    return {plain_name(name) for name in names if not is_hidden([name])}


def _from_table(root, files, labels):
    path = Path(labels).expanduser()
    named = {file.name: file for file in files}
    if path.is_file():
        content = path.read_bytes()
    elif plain_name(str(labels)) in named:
        content = read_content(named[plain_name(str(labels))])
    else:
        raise FileNotFoundError(
            f"labels must be a file on the disk or in root, found neither {path.absolute()} nor "
            f"{root / path}"
        )
    table = read_label_table(content, path.name)
    wanted = [plain_name(name) for name in table.paths]
    there, missing = find_named(root, wanted, named, _HOW_TO_LAY_THEM)
    return _Listed(
        [named.get(name) for name in wanted],
        table.labels,
        table.splits,
        table.groups,
        set(table.labels),
        {
            f"lines of {path.name} that repeat another": table.repeated,
            f"images that {path.name} names but are not there": missing,
        },
    ).at(there)


def _has_numbers(names):
    return any(letter.isdecimal() for name in names for letter in name)


def _classes(listed, classes):
    """Return the classes in their order, each of which has an image."""
    if classes is None:
        numbers = [number(label) for label in listed.known]
        if None not in numbers and any(value != int(value) for value in numbers):
            raise ValueError(
                f"labels must be classes, got numbers such as {listed.labels[0]}; pass bins to "
                "make classes of them, or classes if each of them is one"
            )
        classes = natural_order(listed.known)
    unknown = natural_order(listed.known - set(classes))
    if unknown:
        raise ValueError(f"classes must name every label, {classes} lack {how_many(unknown)}")
    empty = [name for name in classes if name not in set(listed.labels)]
    if empty:
        raise ValueError(
            f"every class must have a readable image, got {how_many(empty, 'without any')}; add "
            "images, or take the class out of the folder, the table or classes"
        )
    if len(classes) < 2:
        raise ValueError(f"there must be at least two classes, got {classes}. {_HOW_TO_LAY_THEM}")
    return classes


def _numbers(labels):
    numbers = [number(label) for label in labels]
    wrong = [label for label, value in zip(labels, numbers, strict=True) if value is None]
    if wrong:
        raise ValueError(
            f"labels must be numbers such as 1.5 to be cut into bins, {how_many(wrong, 'are not')}"
        )
    return numbers
