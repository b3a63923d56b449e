"""Inputs to predict that lie in files: images, and tables without labels."""

import warnings
import zipfile
from os import PathLike
from pathlib import Path

import numpy as np
import torch

from emdviz.datasets.readers.files import TEXT_SUFFIXES, files_at, how_many, list_files
from emdviz.datasets.readers.images import decode
from emdviz.datasets.readers.table_files import numeric_columns, read_frame
from emdviz.reading import shown


def is_path(inputs):
    """Return whether inputs are a path, or a list of paths."""
    several = isinstance(inputs, list | tuple) and len(inputs)
    return all(isinstance(one, str | PathLike) for one in (inputs if several else [inputs]))


def read_images(paths, shape, decoding):
    """Read images as those of ``shape`` that a network was trained on.

    ``paths`` is a folder, a zip file, an image or a list of images; what cannot be read is left
    out with a warning. Colours become grey where the network takes one channel. Returns the
    images, the names of all files, and which of these were read.
    """
    if shape[1] != shape[2]:
        raise ValueError(
            f"inputs must be arrays, for the run was trained on images of {shape[1]} × {shape[2]} "
            f"pixels, and files are read as square ones; got {shown(paths)}"
        )
    files = _find_images(paths)
    found = decode(files, shape[1], **decoding)
    if found.unreadable:
        text = how_many(found.unreadable, "files that cannot be read as images")
        warnings.warn(f"{text}; left out", stacklevel=4)
    if not len(found.kept):
        raise FileNotFoundError(f"inputs must hold an image that can be read, got {shown(paths)}")
    for note in found.notes:
        warnings.warn(f"{note}; say depth= where the data set is made", stacklevel=4)
    images = found.images
    if shape[0] == 1:  # as Pillow weighs colours, so that grey stays as it is
        weights = np.array([19595, 38470, 7471], np.uint32)
        images = np.einsum("nchw,c->nhw", images, weights, dtype=np.uint32)[:, None]
        images = ((images + 2**15) >> 16).astype(np.uint8)
    return torch.from_numpy(images), [file.name for file in files], found.kept


def _find_images(paths):
    """Return the files in a folder or a zip file but those of text, or those at the paths."""
    if isinstance(paths, list | tuple):
        return files_at(paths)
    root = Path(paths).expanduser()
    if not root.exists():
        raise FileNotFoundError(
            f"inputs must be a folder, a zip file or an image, found none at {root}"
        )
    if root.is_dir() or root.suffix.lower() == ".zip" or zipfile.is_zipfile(root):
        return [file for file in list_files(root) if not file.name.lower().endswith(TEXT_SUFFIXES)]
    return files_at([root])


def read_rows(table, features, preparation=None):
    """Return the rows of a table as a network was trained on them, and their names.

    A warning names what is unlike the training rows.
    """
    frame, name = read_frame(table, "inputs")
    frame = frame.set_axis([str(column) for column in frame.columns], axis=1)
    if preparation is not None:
        rows = preparation.transform(frame, name)
        unlike = preparation.unlike(frame, name)
        if len(unlike):
            some = [
                f"{column} {why} (row {frame.index[row]})"
                for row, column, why in unlike.head(3).itertuples(index=False)
            ]
            warnings.warn(
                f"{unlike['row'].nunique()} of {len(frame)} rows of {name} are unlike those that "
                f"the network was trained on: {'; '.join(some)}{'; …' if len(unlike) > 3 else ''}",
                stacklevel=4,
            )
        return torch.from_numpy(rows), frame.index.tolist()
    missing = [column for column in features if column not in frame]
    if missing:
        raise ValueError(
            f"inputs must have the columns that the run was trained on, {name} lacks "
            f"{shown(missing)}, it has {shown(list(frame.columns))}"
        )
    rows = numeric_columns(frame, features, name).to_numpy(np.float32)
    return torch.from_numpy(rows), frame.index.tolist()
