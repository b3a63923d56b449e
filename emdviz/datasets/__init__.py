"""Data sets whose classes have an order, all of one shape; ``load`` finds one by name.

Each module in ``sets`` is a source of data. The names in its ``__all__`` are the data sets.
"""

from typing import TYPE_CHECKING

from emdviz._imports import hand_out, homes_in

if TYPE_CHECKING:  # each is imported when it is first used
    from emdviz.datasets.arrays import from_arrays, from_torch
    from emdviz.datasets.base import OrderedData, Split
    from emdviz.datasets.features import with_features
    from emdviz.datasets.named import DATASETS, load

_homes = homes_in(__name__, __file__)
_names = sorted(name for names in _homes.values() for name in names)
_import, _ = hand_out(__name__, _homes)


def __getattr__(name):
    """Import a name when it is first used; every data set is one, and ``__all__`` lists them."""
    if name == "__all__":
        return [*_names, *_import("DATASETS")]
    if not name.startswith("_") and name not in _names and name in _import("DATASETS"):
        return _import("DATASETS")[name]
    return _import(name)


def __dir__():
    return sorted({*globals(), *__getattr__("__all__")})
