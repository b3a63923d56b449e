"""Ordered image data sets, all of one shape; ``load`` finds one by name."""

from emdviz.datasets.aadb import aadb
from emdviz.datasets.adience import adience
from emdviz.datasets.age_faces import age_faces, utkface
from emdviz.datasets.base import OrderedImages, Split
from emdviz.datasets.digits import digits
from emdviz.datasets.image_folder import image_folder
from emdviz.datasets.images_of_groups import images_of_groups
from emdviz.datasets.retina_mnist import retina_mnist
from emdviz.datasets.synthetic_faces import synthetic_faces

__all__ = [
    "DATASETS",
    "OrderedImages",
    "Split",
    "aadb",
    "adience",
    "age_faces",
    "digits",
    "image_folder",
    "images_of_groups",
    "load",
    "retina_mnist",
    "synthetic_faces",
    "utkface",
]

DATASETS = {
    "aadb": aadb,
    "adience": adience,
    "age_faces": age_faces,
    "digits": digits,
    "images_of_groups": images_of_groups,
    "image_folder": image_folder,
    "retina_mnist": retina_mnist,
    "synthetic_faces": synthetic_faces,
    "utkface": utkface,
}
"""The functions that return data sets, by name."""


def load(name, **arguments):
    """Return the data set called ``name``.

    Parameters
    ----------
    name : str
        The name of a function of this module that returns a data set, such as "utkface".
    **arguments
        The data set's own arguments. All have ``size``; those that are read from files have
        ``root`` too; those that are read from a file for each image, ``cache``.

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
    if name not in DATASETS:
        raise ValueError(f"name must be one of {sorted(DATASETS)}, got {name!r}")
    return DATASETS[name](**arguments)
