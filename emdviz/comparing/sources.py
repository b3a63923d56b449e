"""Where data for a comparison come from: a table, images, a table of their paths, or arrays."""

import inspect
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from emdviz.datasets import from_arrays, image_folder, table
from emdviz.datasets.readers.files import IMAGE_SUFFIXES
from emdviz.datasets.readers.table_files import read_frame
from emdviz.datasets.splits import SHARES, usual_split
from emdviz.reading import read_path, shown, typed

LABELS = ("label", "labels", "target", "targets", "y")
"""What an array of labels is usually called."""


def read_source(path, **options):
    """Read data from a file or a folder.

    Parameters
    ----------
    path : str or Path
        A folder or a zip file of images (see :func:`datasets.image_folder`); a table (see
        :func:`datasets.table`), whose column of names of image files, if there is one, makes it a
        table of images; or an ``.npz`` file of arrays (see :func:`datasets.from_arrays`), such as
        features of a network, whose names stand for those of columns: ``label="y"``, which need
        not be said of the usual :data:`LABELS`. Those called ``train_images`` and ``test_images``,
        or ``x_train`` and ``x_test``, are joined, and name the splits.
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
    path = read_path(path, "data", "a file, a folder, or what datasets.table(frame) returns")
    if not path.exists():
        raise FileNotFoundError(f"data must be a file or a folder, found none at {path}")
    return path


def holds_image_files(path):
    """Return whether a file or folder holds files of images, or names of them."""
    path = there(path)
    if path.suffix.lower() == ".npz":
        return False
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
    arrays, parts = read_arrays(path)
    known = f"its arrays are {shown(list(arrays))}"
    if isinstance(votes, list | tuple):
        votes = votes[0] if len(votes) == 1 else tuple(votes)
    usual, notes = [key for key in arrays if key.lower() in LABELS], []
    if label is None and votes is None and len(usual) == 1:
        label = usual[0]
        notes.append(f"labels are the array {label!r}")
    named = [one for one in (label, votes, group, weight, split) if one is not None]
    if lacking := [name for name in named if name not in arrays]:
        raise ValueError(f"{path.name} lacks {shown(lacking)}, {known}")
    if label is None and votes is None:
        raise ValueError(
            f"{typed('label')} or {typed('votes')} must name an array of {path.name}; {known}"
        )
    inputs = array_of_inputs(arrays, path.name, features, named)
    if parts is not None and (odd := [name for name in named if parts[name] != parts[inputs]]):
        raise ValueError(
            f"{path.name}: {shown(odd)} must have as many rows as {inputs!r} in each split"
        )
    if label is not None and arrays[label].shape[1:] not in ((), (1,)):
        raise ValueError(
            f"array {label!r} of {path.name} must hold one label for each row, got shape "
            f"{arrays[label].shape}; if it counts votes: {typed('votes', label)}"
        )
    notes += _told(arrays[inputs], f"array {inputs!r} of {path.name}")

    def array(name):
        if name is None:
            return None
        found = arrays[name]
        found = found[:, 0] if found.shape[1:] == (1,) else found
        return np.char.decode(found) if found.dtype.kind == "S" else found

    splits = array(split) if split or parts is None else parts[inputs]
    data = from_arrays(
        arrays[inputs], array(label), votes=array(votes), classes=classes, bins=bins,
        groups=array(group), weights=array(weight), splits=splits, name=path.name, notes=notes,
    )  # fmt: skip
    data.root = str(path)
    return data


def _told(array, what):
    """Return a note on numbers that are not what they seem; refuse what are none."""
    if array.dtype.kind not in "iufb" or array.dtype.itemsize > 8:
        raise ValueError(
            f"{what} must hold real numbers, got {array.dtype}; save it as float32, or name "
            f"another: {typed('features', ['NAME'])}"
        )
    if array.dtype == bool:
        return [f"{what} holds True and False, read as 1 and 0"]
    if array.dtype == np.float16:
        return [f"{what} is float16: its numbers have three digits"]
    if array.ndim > 2 and array.dtype not in (np.uint8, np.uint16):
        return [f"{what} is {array.dtype}: read as numbers; pixels of images are uint8"]
    return []


def read_arrays(path):
    """Return the arrays of an ``.npz`` file; and the split of each of their rows.

    Nothing in a file is unpickled. Where names tell the split, as in MedMNIST, the arrays of one
    kind are joined; else None stands for the splits.
    """
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path.name} must be a whole .npz file, as numpy.savez writes it")
    arrays = {}
    with np.load(path, allow_pickle=False) as file:
        for name in file.files:
            try:
                arrays[name] = file[name]
            except Exception as error:  # NumPy, zipfile and zlib raise a dozen kinds of errors
                raise ValueError(
                    f"array {name!r} of {path.name} cannot be read: {error}; save it as numbers "
                    f"or as text, such as {name}.astype('float32') or {name}.astype(str)"
                ) from None
    if not arrays:
        raise ValueError(f"{path.name} holds no array")
    return _joined(arrays, path.name)


def array_of_inputs(arrays, name, features=None, used=()):
    """Return the name of the array of inputs: as it is said, or the only one of two axes or more.

    ``used`` are those with another use.
    """
    if features is None:
        taken = {*used, *(key for key in arrays if key.lower() in LABELS)}
        features = [key for key, one in arrays.items() if one.ndim > 1 and key not in taken]
    if len(features) != 1 or features[0] not in arrays:
        raise ValueError(
            f"{typed('features')} must name one array of inputs in {name}, got "
            f"{shown(list(features))}; its arrays are {shown(list(arrays))}"
        )
    return features[0]


def _joined(arrays, name):
    """Join arrays such as train_images and test_images; return them, and each one's splits."""
    parts = {}
    for key in arrays:
        first, _, rest = key.partition("_")
        start, _, last = key.rpartition("_")
        if (split := usual_split(first)) and rest:
            parts.setdefault(rest, {})[split] = arrays[key]
        elif (split := usual_split(last)) and start:
            parts.setdefault(start, {})[split] = arrays[key]
        else:
            return arrays, None
    if sum(map(len, parts.values())) < len(arrays):
        return arrays, None  # two arrays of one kind and split
    joined, splits = {}, {}
    for kind, own in parts.items():
        shapes = {array.shape[1:] for array in own.values()}
        if len(shapes) > 1:
            raise ValueError(f"{name}: {kind!r} must have one shape in all splits, got {shapes}")
        order = [split for split in SHARES if split in own]
        joined[kind] = np.concatenate([own[split] for split in order])
        splits[kind] = [split for split in order for _ in range(len(own[split]))]
    return joined, splits
