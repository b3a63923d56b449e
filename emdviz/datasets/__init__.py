"""Ordered image data sets, all of one shape; ``load`` finds one by name."""

from emdviz.datasets.base import OrderedImages, Split
from emdviz.datasets.digits import digits
from emdviz.datasets.synthetic_faces import synthetic_faces
from emdviz.datasets.utkface import utkface

__all__ = ["OrderedImages", "Split", "digits", "load", "synthetic_faces", "utkface"]

_DATASETS = {"digits": digits, "synthetic_faces": synthetic_faces, "utkface": utkface}


def load(name, **arguments):
    """Return the data set called ``name``.

    Parameters
    ----------
    name : {"digits", "synthetic_faces", "utkface"}
    **arguments
        The data set's own arguments.

    Returns
    -------
    OrderedImages

    Raises
    ------
    ValueError
        If there is no data set of that name.

    Examples
    --------
    >>> len(load("synthetic_faces", n=10, size=32))
    10
    """
    if name not in _DATASETS:
        raise ValueError(f"name must be one of {sorted(_DATASETS)}, got {name!r}")
    return _DATASETS[name](**arguments)
