"""The public functions, and what each may be given, as its signature and fuzz/targets.py say."""

import dataclasses
import importlib
import inspect
import pkgutil

import ipywidgets
from torch import nn

import emdviz

NOT_OFFERED = {"cli", "palette", "reading", "setup_check", "writing"}
"""Modules for the package itself and its command line."""

SUBMODULES = ("losses.descent", "plots.style", "transport.rounding")
"""Modules inside packages that people import as well."""


def public_callables():
    """Return every public callable by name, such as "distances.emd".

    Public is what ``__all__`` of a module holds; without one, what the module defines.
    """
    found = {}
    top = [info.name for info in pkgutil.iter_modules(emdviz.__path__)]
    for name in [*top, *SUBMODULES]:
        if name.startswith("_") or name in NOT_OFFERED:
            continue
        module = importlib.import_module(f"emdviz.{name}")
        own = [
            key
            for key, value in vars(module).items()
            if not key.startswith("_") and getattr(value, "__module__", "") == module.__name__
        ]
        for key in getattr(module, "__all__", own):
            value = getattr(module, key)
            if inspect.isfunction(value) or inspect.isclass(value):
                found[f"{name}.{key}"] = value
    return found


def fuzzed_elsewhere(name, value):
    """Return why a callable by its kind needs no arguments at random; "" if it does need them."""
    if inspect.isclass(value):
        checks = dataclasses.is_dataclass(value) and hasattr(value, "__post_init__")
        if issubclass(value, tuple) or (dataclasses.is_dataclass(value) and not checks):
            return "a record of what a function returned"
        if issubclass(value, ipywidgets.Widget):
            return "receives messages from a browser, which traits.py makes"
        if issubclass(value, nn.Module) and name.startswith("models."):
            return "made by models.make, which is fuzzed with a small network"
    elif "root" in inspect.signature(value).parameters:
        return "reads files, which files.py makes"
    return ""


def arguments(function, kinds, ignored):
    """Return (name -> Kind, unknown names) of the parameters of a function.

    A name gets a "?" where the parameter has a default; ``ignored`` names are left out.
    """
    known, unknown = {}, []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        if parameter.name in ignored and parameter.default is not parameter.empty:
            continue
        if parameter.name not in kinds:
            unknown.append(parameter.name)
            continue
        optional = "" if parameter.default is parameter.empty else "?"
        known[parameter.name + optional] = kinds[parameter.name]
    return known, unknown
