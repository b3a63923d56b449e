"""Joins the ES modules of an explorer into one, which is all that a browser is given.

The code lies in ordinary ES modules
that import each other by relative path; their import statements alone decide what is joined, and
in which order. Every module becomes a function that is called once and returns what it exports::

    const kit_dom = (() => { …; return { set, html }; })();
    const kit_bars = (() => { const { set } = kit_dom; …; return { createBars }; })();

The forms that are understood stand at the beginning of a line::

    import { name, name } from "./file.js";
    import name from "./file.js";           (its default)
    export function | export async function | export const name …
    export default expression;

Everything else (``export let``, whose value could change later, another name by ``as``,
``import()``, a package by its name) raises a :class:`BundleError`.
"""

import re
from pathlib import Path

_EXPLORERS = Path(__file__).parent.parent

_IMPORT = re.compile(
    r"import\s*(?:\{(?P<names>[^{}]*)\}|(?P<default>\w+)\s)\s*from\s*[\"'](?P<path>[^\"']*)[\"'];"
)
_DECLARED = re.compile(r"export\s+(?=(?:(?:async\s+)?function|const)\s+(?P<name>[\w$]+))")
_DEFAULT = re.compile(r"export\s+default\s+(?!(?:async\s+)?(?:function|class)\b)")
_STATEMENT = re.compile(r"\b(?:import|export)\b")
_UNREAD = re.compile(  # comments and texts, in which no statement begins
    r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`", re.DOTALL
)
_NAME = re.compile(r"[\w$]+")


class BundleError(ValueError):
    """A module cannot be joined; the text begins with its file and line."""


def bundle(first, name="widget"):
    """Join an ES module and all that it imports, directly or not, into the text of one module.

    Parameters
    ----------
    first : Path
        The module whose default export becomes that of the whole.
    name : str
        What that is called.

    Returns
    -------
    str
        It imports nothing, and ends with ``export default name;``.

    Raises
    ------
    BundleError
        If a file is missing, modules import each other in a circle, two have one folder's and
        file's name, a name is imported that is not exported, or a statement has a form that is
        not understood.

    Examples
    --------
    >>> text = bundle(_EXPLORERS / "prediction" / "prediction.js")
    >>> text.splitlines()[-1]
    'export default widget;'
    """
    modules = {}
    _read_module(Path(first), modules, ())
    *_, last = modules.values()
    if "default" not in last.exports:
        raise BundleError(f"{last.path}: the first module must export a default")
    parts = [module.as_function() for module in modules.values()]
    return "\n".join([*parts, f"const {name} = {last.name}.default;", f"export default {name};"])


class _Module:
    """One module: where it is, which others it imports, and its text without import and export.

    Attributes
    ----------
    imports : list of (int, Path, list of str)
        For each import its position in the file, what it names, and the names that are wanted.
    exports : dict of str to str
        Exported name -> how an object literal of the module's function gives it.
    """

    def __init__(self, path):
        self.path = path
        self.name = _name_of(path)
        self.source = path.read_text(encoding="utf-8")
        self.imports = []
        self.exports = {}
        code = _UNREAD.sub(lambda text: re.sub(r"[^\n]", " ", text[0]), self.source)
        pieces, end = [], 0
        for found in _STATEMENT.finditer(code):
            start = found.start()
            if start < end:
                continue
            if start and code[start - 1] != "\n":
                raise self.error(start, "import and export must stand at the beginning of a line")
            replacement, after = self._translate(start)
            pieces += [self.source[end:start], replacement]
            end = after
        self.text = "".join([*pieces, self.source[end:]]).strip("\n")

    def _translate(self, start):
        """Return what replaces the statement that begins at ``start``, and where that ends."""
        if found := _IMPORT.match(self.source, start):
            if not found["path"].startswith("."):
                raise self.error(start, f"{found['path']!r} is no path that begins with ./ or ../")
            path = (self.path.parent / found["path"]).resolve()
            names = ["default"] if found["default"] else self._names(start, found["names"])
            self.imports.append((start, path, names))
            taken = f"default: {found['default']}" if found["default"] else ", ".join(names)
            return f"const {{ {taken} }} = {_name_of(path)};", found.end()
        if found := _DECLARED.match(self.source, start):
            self.exports[found["name"]] = found["name"]
            return "", found.end()
        if found := _DEFAULT.match(self.source, start):
            self.exports["default"] = "default: exported"
            return "const exported = ", found.end()
        statement = self.source[start:].partition("\n")[0]
        raise self.error(start, f"this form is not understood: {statement}")

    def _names(self, start, listed):
        """Return the names that stand between braces."""
        names = [text.strip() for text in listed.split(",") if text.strip()]
        if not all(map(_NAME.fullmatch, names)):
            raise self.error(start, f"these are no names: {listed.strip()}")
        return names

    def error(self, position, text):
        """Return the error that says ``text`` of a position in the file."""
        line = self.source.count("\n", 0, position) + 1
        return BundleError(f"{self.path}, line {line}: {text}")

    def as_function(self):
        """Return the module as a function that is called once."""
        exports = ", ".join(self.exports.values())
        return f"const {self.name} = (() => {{\n{self.text}\nreturn {{ {exports} }};\n}})();"


def _read_module(path, modules, importing):
    """Read a module after all that it imports, and add them to ``modules``, path -> module."""
    module = _Module(path.resolve())
    for position, needed, names in module.imports:
        if not needed.is_file():
            raise module.error(position, f"there is no file {needed}")
        if needed in (*importing, module.path):
            circle = [p.name for p in (*importing, module.path, needed)]
            circle = circle[circle.index(needed.name) :]
            raise module.error(position, f"modules import each other: {' → '.join(circle)}")
        if needed not in modules:
            _read_module(needed, modules, (*importing, module.path))
        if any(_name_of(path) == _name_of(needed) for path in modules if path != needed):
            raise module.error(position, f"another module is called {_name_of(needed)} as well")
        if missing := sorted(set(names) - modules[needed].exports.keys()):
            raise module.error(position, f"{needed.name} does not export {', '.join(missing)}")
    modules[module.path] = module


def _name_of(path):
    """Return the name under which a module stands in the whole: its folder and its file."""
    return re.sub(r"\W", "_", f"{path.parent.name}_{path.stem}")
