"""Names in the pages exist: functions, files, commands and make targets."""

import importlib
import re

import typer

import emdviz
from emdviz import cli
from tests.test_prose import PAGES, ROOT, prose

FOLDERS = "app|benchmarks|devtools|docs|emdviz|fuzz|notebooks|scripts|tests"
CODE = re.compile(r"^```.*?^```|`[^`\n]+`", re.MULTILINE | re.DOTALL)
MODULES = {path.stem for path in (ROOT / "emdviz").iterdir() if path.stem[0] != "_"}
ENDINGS = ("css", "csv", "html", "js", "json", "md", "npz", "py", "toml")


def is_there(name):
    """Whether a dotted name below emdviz leads to something."""
    found = emdviz
    for part in name.split("."):
        if not hasattr(found, part):
            try:
                importlib.import_module(f"{found.__name__}.{part}")
            except (AttributeError, ImportError):
                return False
        found = getattr(found, part)
    return True


def names(code):
    """Return the dotted names below emdviz, such as "losses.emd2_loss", in a piece of code."""
    modules = "|".join(sorted(MODULES))
    found = re.findall(r"(?<![\w./-])emdviz\.(\w+(?:\.\w+)*)", code)
    found += re.findall(rf"(?<![\w./-])((?:{modules})(?:\.[A-Za-z]\w*)+)(?![\w*…])", code)
    for module, imported in re.findall(r"from emdviz(\S*) import ([\w, ]+)", code):
        found += [f"{module}.{name.strip()}".lstrip(".") for name in imported.split(",")]
    return [name for name in found if name.rpartition(".")[2] not in ENDINGS]


def unknown(text):
    """Return what pieces of code in a text name that does not exist."""
    targets = set(re.findall(r"^([\w -]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    targets = {target for line in targets for target in line.split()}
    commands = typer.main.get_command(cli.app).commands
    found = []
    for code in CODE.findall(text):
        found += [f"emdviz.{name}" for name in names(code) if not is_there(name)]
        found += [
            f"make {target}"
            for target in re.findall(r"(?:^|`)make ([a-z][\w-]*)", code, re.MULTILINE)
            if target not in targets
        ]
        for command, options in re.findall(r"python -m emdviz ([a-z]\w*)([^`\n]*)", code):
            known = commands[command].params if command in commands else ()
            known = {"--help", *(option for one in known for option in one.opts)}
            given = re.findall(r"(?<=\s)--[\w-]+", options)
            found += [f"python -m emdviz {command}"] if command not in commands else []
            found += [f"{command} {option}" for option in given if option not in known]
        for module in re.findall(r"python -m ((?:benchmarks|fuzz|emdviz\.)[\w.]*)", code):
            path = ROOT / module.replace(".", "/")
            found += [] if path.is_dir() or path.with_suffix(".py").is_file() else [module]
        for path in re.findall(rf"(?<![\w./-])(?:{FOLDERS})/[\w./*-]+\w", code):
            found += [] if any(ROOT.glob(path)) else [path]
    return found


def test_pages_name_only_things_that_exist():
    pages = [path for path in PAGES if path.name != "CHANGELOG.md"]  # it names what is gone, too
    assert len(pages) > 25
    found = {path.name: unknown(prose(path)) for path in pages}
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def test_unknown_names_are_found():
    text = """`emdviz.gone` `losses.gone_loss` `losses.emd2_loss(p)` `make gone` `make test`
`python -m emdviz gone` `python -m emdviz results --gone` `tests/gone.py` `tests/test_names.py`
```python
from emdviz import emd, missing
from emdviz.losses import no_loss
```
```
make nothing   # but text
python -m fuzz.gone
```
"""
    assert sorted(unknown(text)) == [
        "emdviz.gone",
        "emdviz.losses.gone_loss",
        "emdviz.losses.no_loss",
        "emdviz.missing",
        "fuzz.gone",
        "make gone",
        "make nothing",
        "python -m emdviz gone",
        "results --gone",
        "tests/gone.py",
    ]
