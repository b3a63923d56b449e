"""Where data for a comparison come from: a table, a folder of images, or a file of arrays."""

import inspect
from pathlib import Path

from emdviz.datasets import image_folder, table
from emdviz.reading import shown


def read_source(path, **options):
    """Read a table, a folder or zip file of images.

    Parameters
    ----------
    path : str or Path
    **options
        ``label``, ``classes``, ``bins``, ``group``, ``split``, ``weights``, ``votes``, ``id``,
        ``rater``, ``features``, ``drop``: see :func:`datasets.table`. ``size`` of images: see
        :func:`datasets.image_folder`. None counts as not given.

    Returns
    -------
    OrderedData

    Raises
    ------
    FileNotFoundError
        If there is nothing at ``path``.
    ValueError
        If an option is not for data of this kind; and as the functions above.
    """
    path, given = Path(path).expanduser(), {k: v for k, v in options.items() if v is not None}
    if not path.exists():
        raise FileNotFoundError(f"data must be a file or a folder, found none at {path}")
    reader = image_folder if path.is_dir() or path.suffix.lower() == ".zip" else table
    known = set(inspect.signature(reader).parameters)
    if unknown := [name for name in given if name not in known]:
        raise ValueError(f"{shown(unknown)} cannot be given for {path.name}: see {reader.__name__}")
    return reader(path, **given)
