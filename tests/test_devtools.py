"""What tests, fuzz, benchmarks and scripts share lies in devtools, and they import it one way."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# folder -> the folders beside the package from which its files may import
ALLOWED = {
    "emdviz": set(),
    "devtools": set(),
    "fuzz": {"devtools"},
    "benchmarks": {"devtools"},
    "scripts": {"devtools"},
    "app": set(),
    "tests": {"devtools", "scripts"},
}
BESIDE = ALLOWED.keys() - {"emdviz"}
MENTIONS = re.compile(rf"^\s*(import|from)\b.*\b({'|'.join(BESIDE)})\b", re.MULTILINE)
FUZZING = ROOT / "tests" / "test_fuzz.py"


def imported(path):
    """Return the folders beside the package from which a file imports, anywhere in it."""
    text = path.read_text(encoding="utf-8")
    if not MENTIONS.search(text):
        return set()  # it need not be parsed
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(node.module.split(".")[0])
    return found & BESIDE


@pytest.mark.parametrize("folder", ALLOWED)
def test_imports_between_folders_run_one_way(folder):
    files = sorted((ROOT / folder).rglob("*.py"))
    assert files
    wrong = {}
    for path in files:
        allowed = ALLOWED[folder] | {folder} | ({"fuzz"} if path == FUZZING else set())
        if names := imported(path) - allowed:
            wrong[str(path.relative_to(ROOT))] = names
    assert wrong == {}


def test_the_wheel_holds_the_package_alone():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == ["emdviz"]
