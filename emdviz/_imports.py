"""Imports that wait until they are needed, and what to type where an extra is missing."""

import ast
import functools
import re
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


def find_by_path(path, what):
    """Return the object at "mine.my_loss" or "mine.py:my_loss"; None for any other text.

    Errors call the object ``what``, such as "loss".

    Examples
    --------
    >>> find_by_path("math.pi", "loss"), find_by_path("pi", "loss")
    (3.141592653589793, None)
    """
    if re.fullmatch(r".+\.py:[^\W\d]\w*", path):
        return _find_in_file(path, what)
    if re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)+", path):
        return _find_in_module(path, what)
    return None


def path_to(target, module=None, name=None):
    """Return the path by which :func:`find_by_path` finds an object in another process, or None.

    ``module`` and ``name`` are where it is defined; by default those of a function or class.

    Examples
    --------
    >>> path_to(Path), path_to(lambda: 0)
    ('pathlib.Path', None)
    """
    module = getattr(target, "__module__", None) if module is None else module
    name = getattr(target, "__qualname__", None) if name is None else name
    if module in (None, "__main__") or name is None or "<" in name:
        return None
    if module in _from_files:
        return f"{_from_files[module]}:{name}"
    try:
        found = _find_in_module(f"{module}.{name}", "object")
    except (ValueError, ImportError):
        return None
    return f"{module}.{name}" if found is target else None


_from_files = {}
"""Module -> the file that it was loaded from by its path."""


@functools.cache
def _find_in_file(place, what):
    """Return the object at a place such as "mine.py:my_loss"; its file is executed once."""
    file, _, name = place.rpartition(":")
    path = Path(file).expanduser().absolute()
    if not path.is_file():
        raise FileNotFoundError(
            f"{what} must be in a file that is there, got {file!r}, looked for at {path}"
        )
    module_name = f"emdviz_{what}_{path.stem}"
    spec = spec_from_file_location(module_name, path)
    module = module_from_spec(spec)
    _from_files[module_name] = path
    sys.modules[module_name] = module  # as dataclasses and others look their module up
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ValueError(f"{what} {place!r} cannot be loaded: {path} fails ({error!r})") from error
    if not hasattr(module, name):
        raise ValueError(f"{what} {place!r} was not found: {path} has no {name}")
    return getattr(module, name)


def _find_in_module(path, what):
    """Return the object at an import path such as "mine.my_loss"."""
    parts = path.split(".")
    for length in range(len(parts) - 1, 0, -1):
        module = ".".join(parts[:length])
        try:
            found = import_module(module)
        except ModuleNotFoundError as error:
            if error.name != module and not module.startswith(f"{error.name}."):
                raise
            continue
        try:
            return functools.reduce(getattr, parts[length:], found)
        except AttributeError:
            raise ValueError(
                f"{what} {path!r} was not found: module {module} has no {'.'.join(parts[length:])}"
            ) from None
    raise ValueError(
        f"{what} {path!r} was not found: there is no module {parts[0]!r}; it must lie in the "
        "current folder, in PYTHONPATH, or be installed"
    )


def hand_out_imports(package, path):
    """Return ``__all__``, ``__getattr__`` and ``__dir__`` of a package, as its imports say.

    Those stand under ``if TYPE_CHECKING:`` in its ``__init__.py``, where editors follow them.
    """
    homes = homes_in(package, path)
    return sorted(name for names in homes.values() for name in names), *hand_out(package, homes)


def homes_in(package, path):
    """Return the modules and names that ``if TYPE_CHECKING:`` imports in an ``__init__.py``."""
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
