"""The edition of a run's data: a digest of their files, or a name that the user gives."""

import inspect
import os
from pathlib import Path

from emdviz.datasets import DATASETS
from emdviz.datasets.readers.digests import digest_file, digest_files

PLACES = ("root", "path")
"""Arguments of data sets that say where the files lie."""

FILES = ("labels",)
"""Arguments of data sets that may be the path of a further file."""

UNCOUNTED = (*PLACES, "cache", "download", "licence")
"""Arguments of data sets that do not decide what a network learns."""


def parameters_of(dataset):
    """Return the parameters of a data set by name, but for its fold."""
    parameters = dict(inspect.signature(DATASETS[dataset]).parameters)
    parameters.pop("fold", None)
    return parameters


def place_of(dataset, options):
    """Return where the files of a data set lie, a Path; None if it has none.

    Examples
    --------
    >>> place_of("adience", {}).as_posix(), place_of("digits", {})
    ('data/adience', None)
    """
    parameters = parameters_of(dataset)
    for name in PLACES:
        if name in parameters:
            given = options.get(name, parameters[name].default)
            if given is None and options.get("pattern") is not None:
                given = f"data/{options['pattern']}"
            return Path(given).expanduser() if isinstance(given, str) else None
    return None


def edition_of(dataset, options):
    """Return a digest of the files of a data set; None if there are none, or they are not there.

    A download that the data set compares with the published digest needs none.
    """
    place = place_of(dataset, options)
    if place is None or not os.path.exists(place):  # unlike Path.exists, for any text
        return None
    if "path" in parameters_of(dataset):
        return digest_file(place)
    if "download" in parameters_of(dataset) and place.is_dir():
        return None
    return digest_files(place, cache=options.get("cache", True))


def spell(value, root=None):
    """Return the identity of a file if ``value`` is the path of one, else the value as it is.

    A file below ``root`` is identified by its name there, any other by its digest.
    """
    if not isinstance(value, str) or not is_file(value):
        return value
    path = Path(os.path.abspath(Path(value).expanduser()))
    if root is not None and path.is_relative_to(os.path.abspath(root)):
        return path.relative_to(os.path.abspath(root)).as_posix()
    return digest_file(path)


def is_file(path):
    """Say whether a path is that of a file, also for a text that can be no path."""
    return os.path.isfile(os.path.expanduser(path))
