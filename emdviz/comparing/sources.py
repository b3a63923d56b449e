"""Where data for a comparison come from: a table, images, a table of their paths, or arrays."""

import inspect
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from emdviz.datasets import from_arrays, image_folder, table
from emdviz.datasets.readers.files import IMAGE_SUFFIXES
from emdviz.datasets.readers.tables import read_frame
from emdviz.reading import shown, typed

PARTS = {"train": "train", "val": "valid", "valid": "valid", "test": "test"}
"""The beginnings of names of arrays that are one split each, as in MedMNIST."""


def read_source(path, **options):
    """Read data from a file or a folder.

    Parameters
    ----------
    path : str or Path
        A folder or a zip file of images (see :func:`datasets.image_folder`); a table (see
        :func:`datasets.table`), whose column of names of image files, if there is one, makes it a
        table of images; or an ``.npz`` file of arrays (see :func:`datasets.from_arrays`), such as
        features of a network, whose names stand for those of columns: ``label="y"``.
    **options
        ``label``, ``classes``, ``bins``, ``group``, ``split``, ``weight``, ``votes``, ``id``,
        ``rater``, ``features``, ``drop``, ``decimal``, ``missing``, and ``size`` of images in px.
        None counts as not given.

    Returns
    -------
    OrderedData

    Raises
    ------
    FileNotFoundError
        If there is nothing at ``path``.
    ValueError, TypeError
        If an option is not for data of this kind; and as the functions above.
    """
    path, given = there(path), {k: v for k, v in options.items() if v is not None}
    if _is_of_images(path):
        read, what = image_folder, "images in folders"
    elif path.suffix.lower() == ".npz":
        read, what = _read_arrays, "arrays"
    elif (column := column_of_images(path)) is not None:
        read, what, given = _read_images, "a table of images", {"column": column, **given}
    else:
        read, what = table, "a table"
    known = [name for name in inspect.signature(read).parameters if name not in ("path", "root")]
    if unknown := [name for name in given if name not in known]:
        raise ValueError(f"{path.name} holds {what}, for which {shown(unknown)} cannot be given")
    return read(path, **given)


def there(path):
    """Return a path, which must lead to something."""
    path = Path(path).expanduser()
    if not path.exists():
        raise FileNotFoundError(f"data must be a file or a folder, found none at {path}")
    return path


def holds_images(path):
    """Return whether a file or folder holds images, or names of them."""
    path = there(path)
    if path.suffix.lower() == ".npz":
        with np.load(path, allow_pickle=False) as file:
            return any(name.endswith("images") for name in file.files)
    return _is_of_images(path) or column_of_images(path) is not None


def _is_of_images(path):
    if path.suffix.lower() in (".npz", ".xlsx", ".parquet"):  # some are zip files as well
        return False
    return path.is_dir() or zipfile.is_zipfile(path)


def column_of_images(path):
    """Return the name of the first column of a table that names image files, or None."""
    frame, _ = read_frame(path)
    for column in frame:
        texts = [str(value).lower() for value in frame[column].head(1000)]
        if texts and all(text.endswith(IMAGE_SUFFIXES) for text in texts):
            return column
    return None


def _read_images(
    path,
    column,
    label=None,
    votes=None,
    id=None,
    group=None,
    split=None,
    classes=None,
    bins=None,
    size=48,
):
    """Read a table of images, whose paths are from the folder of the table."""
    frame, name = read_frame(path)
    per_line = isinstance(votes, str)
    if per_line and id not in (None, column):
        raise ValueError(f"id must be the column of the images, {column!r}, got {id!r}")
    label = votes if per_line else label
    columns = {"path": column, "label": label, "group": group, "split": split}
    columns = {as_: one for as_, one in columns.items() if one is not None}
    several = [] if votes is None or per_line else list(votes)
    lacking = [one for one in [*columns.values(), *several] if one not in frame]
    if label is None and not several:
        raise ValueError(
            f"{typed('label')} or {typed('votes')} must name a column of {name}: "
            f"{shown(list(frame))}"
        )
    if lacking:
        raise ValueError(f"{name} lacks {shown(lacking)}, its columns are {shown(list(frame))}")
    plain = frame[[*columns.values(), *several]].set_axis([*columns, *several], axis=1)
    with tempfile.TemporaryDirectory() as folder:
        labels = Path(folder) / f"{path.stem}.csv"
        plain.to_csv(labels, index=False)
        return image_folder(
            path.absolute().parent, labels=labels, votes=True if per_line else votes,
            classes=classes, bins=bins, size=size,
        )  # fmt: skip


def _read_arrays(
    path,
    label=None,
    votes=None,
    features=None,
    classes=None,
    bins=None,
    group=None,
    weight=None,
    split=None,
):
    arrays, splits = read_arrays(path)
    known = f"its arrays are {shown(list(arrays))}"
    if isinstance(votes, list | tuple):
        votes = votes[0] if len(votes) == 1 else tuple(votes)
    named = [one for one in (label, votes, group, weight, split) if one is not None]
    if lacking := [name for name in named if name not in arrays]:
        raise ValueError(f"{path.name} lacks {shown(lacking)}, {known}")
    if label is None and votes is None:
        raise ValueError(
            f"{typed('label')} or {typed('votes')} must name an array of {path.name}; {known}"
        )

    def array(name):
        found = None if name is None else arrays[name]
        is_column = found is not None and found.ndim == 2 and found.shape[1] == 1
        return found[:, 0] if is_column else found

    return from_arrays(
        arrays[array_of_inputs(arrays, path.name, features, named)],
        array(label), votes=array(votes), classes=classes, bins=bins, groups=array(group),
        weights=array(weight), splits=splits if split is None else array(split), name=path.name,
    )  # fmt: skip


def read_arrays(path):
    """Return the arrays of an ``.npz`` file, and each row's split where their names tell it."""
    with np.load(path, allow_pickle=False) as file:
        return _joined({name: file[name] for name in file.files})


def array_of_inputs(arrays, name, features=None, used=()):
    """Return the name of the array of inputs: as it is said, or the only one of two axes or more.

    ``used`` are those with another use.
    """
    if features is None:
        features = [key for key, one in arrays.items() if one.ndim > 1 and key not in used]
    if len(features) != 1 or features[0] not in arrays:
        raise ValueError(
            f"features must name one array of inputs in {name}, got {shown(list(features))}; its "
            f"arrays are {shown(list(arrays))}"
        )
    return features[0]


def _joined(arrays):
    """Join arrays such as train_images and test_images; return them, and each row's split."""
    cut = {name: name.partition("_") for name in arrays}
    if not arrays or any(part not in PARTS or not rest for part, _, rest in cut.values()):
        return arrays, None
    joined, splits = {}, []
    for name, (_, _, rest) in cut.items():
        joined.setdefault(rest, []).append(arrays[name])
    first = next(iter(joined))
    for name, (part, _, rest) in cut.items():
        splits += [PARTS[part]] * len(arrays[name]) * (rest == first)
    return {name: np.concatenate(parts) for name, parts in joined.items()}, splits
