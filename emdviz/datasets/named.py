"""The data sets by name."""

import pkgutil
from importlib import import_module

from emdviz.datasets import sets
from emdviz.reading import read_choice

_modules = [
    import_module(f"{sets.__name__}.{found.name}") for found in pkgutil.iter_modules(sets.__path__)
]

DATASETS = {name: getattr(module, name) for module in _modules for name in module.__all__}
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
    OrderedData

    Raises
    ------
    ValueError
        If there is no data set of that name.

    Examples
    --------
    >>> len(load("synthetic_faces", n=10, size=32))
    10
    """
    return DATASETS[read_choice(name, "name", sorted(DATASETS))](**arguments)
