"""Imports that wait until they are needed, and what to type where an extra is missing."""

import ast
import functools
import sys
from contextlib import contextmanager
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path


class MissingExtraError(ModuleNotFoundError):
    """The module ``name`` of an ``extra`` of emdviz is not installed."""

    def __init__(self, name, extra):
        super().__init__(
            f"{name} is not installed, which this part of emdviz needs; in the folder of emdviz, "
            f"type: pip install -e '.[{extra}]'",
            name=name,
        )
        self.extra = extra


@contextmanager
def needs(extra):
    """Say which extra to install where a module that is imported inside the block is missing.

    Examples
    --------
    >>> with needs("train"):
    ...     import no_such_module
    Traceback (most recent call last):
      ...
    emdviz._imports.MissingExtraError: no_such_module is not installed, which this part of emdviz \
needs; in the folder of emdviz, type: pip install -e '.[train]'
    """
    try:
        yield
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if isinstance(error, MissingExtraError) or missing.partition(".")[0] in ("", "emdviz"):
            raise
        raise MissingExtraError(missing, extra) from error


@functools.cache
def find_in_file(place, what):
    """Return what a place such as "mine.py:my_loss" leads to; its file is executed once.

    ``what`` it is, such as "loss", begins all errors, and the name of the module that is made.
    """
    file, _, name = place.rpartition(":")
    path = Path(file).expanduser().absolute()
    if not path.is_file():
        raise FileNotFoundError(
            f"{what} must be in a file that is there, got {file!r}, looked for at {path}"
        )
    module_name = f"emdviz_{what}_{path.stem}"
    spec = spec_from_file_location(module_name, path)
    module = module_from_spec(spec)
    sys.modules[module_name] = module  # as dataclasses and others look their module up
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ValueError(f"{what} {place!r} cannot be loaded: {path} fails ({error!r})") from error
    if not hasattr(module, name):
        raise ValueError(f"{what} {place!r} was not found: {path} has no {name}")
    return getattr(module, name)


def homes_in(package, path):
    """Return the modules and names that ``if TYPE_CHECKING:`` imports in an ``__init__.py``.

    Editors follow these imports, and :func:`hand_out` carries them out when a name is first used.
    """
    body = ast.parse(Path(path).read_text(encoding="utf-8")).body
    (block,) = (
        node for node in body if isinstance(node, ast.If) and node.test.id == "TYPE_CHECKING"
    )
    homes = {}
    for node in block.body:
        inside = node.module.removeprefix(package).removeprefix(".")
        names = tuple(alias.name for alias in node.names)
        homes |= {inside: names} if inside else {name: (name,) for name in names}
    return homes


def hand_out(package, homes):
    """Return ``__getattr__`` and ``__dir__`` of a package that imports its names when used.

    ``homes`` maps each module inside the package to its names; its own name is the module itself.
    """

    def __getattr__(name):
        for home, names in homes.items():
            if name in names:
                with needs("train"):
                    module = import_module(f"{package}.{home}")
                    value = module if name == home else getattr(module, name)
                setattr(sys.modules[package], name, value)
                return value
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    def __dir__():
        return sorted(
            {*vars(sys.modules[package]), *(n for names in homes.values() for n in names)}
        )

    return __getattr__, __dir__
