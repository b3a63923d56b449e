"""The package as one house: imports run one way, and every public name exists and is explained."""

import ast
import functools
import importlib
import inspect
import re
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = (
    {"_docstrings", "_imports", "_memory", "_sockets", "_threads"},
    {"palette", "reading", "writing"},
    {"distributions", "published"},
    {"distances"},
    {"metrics"},
    {"ground_distance"},
    {"transport", "losses"},
    {"propriety", "beliefs", "models"},
    {"datasets", "plots", "diagnosis"},
    {"training"},
    {"experiments"},
    {"comparing"},
    {"explorers", "setup_check"},
    {"exercises", "report"},
    {"collecting"},
    {"site"},
    {"cli"},
    {"__main__"},
)
"""The rooms, bottom to top; a room imports only rooms of lower layers when it is imported."""

ON_TOP = {"collecting", "diagnosis", "exercises", "explorers", "setup_check", "site", "cli"}
"""Rooms that no lower room imports, not even inside a function."""


def module_name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_name(path): path for path in sorted((ROOT / "emdviz").rglob("*.py"))}


parse = functools.cache(ast.parse)  # each file is read by several tests


@functools.cache
def statements(text):
    """Return the imports of a source outside of functions, and those inside."""
    found = [], []

    def walk(node, inside):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
                continue
            if isinstance(child, ast.expr):
                continue  # it holds no statement
            function = inside or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
            if isinstance(child, ast.Import | ast.ImportFrom):
                found[function].append(child)
            walk(child, function)

    walk(parse(text), False)
    return found


def imports(text, *, inside_functions=False):
    """Yield the modules of the package that a source imports, outside of functions by default."""
    for node in statements(text)[inside_functions]:
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            assert not node.level, f"a relative import, whose room is hard to see: {node.module}"
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in FILES else node.module for name in inner]
        yield from (name for name in names if name.split(".")[0] == "emdviz")


def executed(importer, target):
    """Return what an import executes: the target and the packages around it, if not yet begun."""
    parts = target.split(".")
    around = {".".join(parts[: i + 1]) for i in range(len(parts) - 1)}
    return {target} | {name for name in around if not f"{importer}.".startswith(f"{name}.")}


def graph(sources):
    return {
        name: {one for target in imports(text) for one in executed(name, target)} - {name}
        for name, text in sources.items()
    }


def circle(sources):
    """Return the modules of a circle of imports, or []."""
    try:
        TopologicalSorter(graph(sources)).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def room(module):
    return f"{module}.".split(".")[1]


def layer(module):
    if not room(module):
        return -1
    found = [number for number, rooms in enumerate(LAYERS) if room(module) in rooms]
    assert found, f"tests/test_structure.py does not say in which layer {room(module)} is"
    return found[0]


def test_imports_form_no_circle():
    assert circle({name: path.read_text("utf-8") for name, path in FILES.items()}) == []


def test_a_circle_would_be_found():
    sources = {
        "emdviz.losses": "from emdviz.losses.loss import Loss",
        "emdviz.losses.loss": "from emdviz.plots import COLOURS",
        "emdviz.plots": "import numpy\nfrom emdviz.losses import LOSSES",
    }
    assert set(circle(sources)) == set(sources)
    lazy = sources | {"emdviz.plots": "def table():\n    from emdviz.losses import LOSSES"}
    assert circle(lazy) == []
    assert list(imports(lazy["emdviz.plots"], inside_functions=True)) == ["emdviz.losses"]


@pytest.mark.parametrize("name", FILES)
def test_rooms_import_only_what_is_below(name):
    text = FILES[name].read_text("utf-8")
    for target in imports(text):
        if room(target) not in ("", room(name)):
            assert layer(target) < layer(name) or not room(name), f"{name} imports {target}"
    for target in imports(text, inside_functions=True):
        if room(target) in ON_TOP - {room(name)}:
            assert layer(target) < layer(name), f"{name} imports {target} in a function"


def foreign_privates(name, text):
    """Return the private names of other packages that a module imports; of emdviz, all may."""
    found = []
    for node in (one for inside in statements(text) for one in inside):
        if isinstance(node, ast.ImportFrom) and node.module:
            imported = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            imported = [alias.name for alias in node.names]
        for target in imported:
            parts = target.split(".")
            private = [k for k, part in enumerate(parts) if re.match("_(?!_)", part)]
            home = ".".join(parts[: private[0]]) if private else "emdviz"
            inside = f"{name}.".startswith(f"{home}.")
            found += [target] if home.startswith("emdviz.") and not inside else []
    return found


@pytest.mark.parametrize("name", FILES)
def test_no_private_name_is_imported_across_packages(name):
    assert foreign_privates(name, FILES[name].read_text("utf-8")) == []


def test_private_imports_are_seen():
    text = """
from emdviz._docstrings import fill
from emdviz.plots._labels import ink
from emdviz.plots.labels import _size
def later():
    import emdviz.plots._labels
"""
    assert foreign_privates("emdviz.plots.curves", text) == ["emdviz.plots.labels._size"]
    assert len(foreign_privates("emdviz.report.figures", text)) == 3


def documented_data(package):
    """Return the names of the package's modules that a string right after them explains."""
    found = set()
    for name, path in FILES.items():
        if f"{name}.".startswith(f"{package}."):
            body = parse(path.read_text("utf-8")).body
            for node, after in pairwise(body):
                if isinstance(node, ast.Assign) and isinstance(after, ast.Expr):
                    is_text = isinstance(after.value, ast.Constant)
                    found |= {ast.unparse(target) for target in node.targets if is_text}
    return found


@pytest.mark.parametrize(
    "name", [name for name, path in FILES.items() if "\n__all__" in path.read_text("utf-8")]
)
def test_public_names_exist_and_are_explained(name):
    module = importlib.import_module(name)
    assert len(set(module.__all__)) == len(module.__all__)
    data = documented_data("emdviz" if name == "emdviz" else name)
    for public in module.__all__:
        value = getattr(module, public)
        if inspect.isfunction(value) or inspect.isclass(value):
            assert (value.__doc__ or "").strip(), f"{name}.{public} has no docstring"
        elif not inspect.ismodule(value):
            assert public in data, f"{name}.{public} has no string below it that explains it"
