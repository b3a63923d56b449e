"""Copy the notebooks to a folder, without the solutions of their exercises: make lab.

    python scripts/copy_notebooks.py student
    python scripts/copy_notebooks.py instructor --solutions

What is in the folder already stays as it is. The folder lies beside notebooks/, so that links to
data and pages hold.
"""

import argparse
import json
from pathlib import Path

ROOT = Path(__file__).parents[1]
NOTEBOOKS = ROOT / "notebooks"


def without_solutions(notebook):
    """Return a notebook, as read from JSON, without the cells tagged ``solution``."""
    kept = [c for c in notebook["cells"] if "solution" not in c["metadata"].get("tags", ())]
    return notebook | {"cells": kept}


def copy(folder, *, solutions=False):
    """Copy the notebooks that a folder lacks, each whole or not at all; return their names."""
    folder.mkdir(parents=True, exist_ok=True)
    copied = []
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        target = folder / path.name
        if target.exists() or target.is_symlink():
            continue
        notebook = json.loads(path.read_text(encoding="utf-8"))
        notebook = notebook if solutions else without_solutions(notebook)
        beside = folder / f".{path.name}.new"
        text = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
        beside.write_text(text, encoding="utf-8", newline="\n")
        beside.replace(target)
        copied.append(path.name)
    return copied


def main():
    """Copy, and tell how many."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--solutions", action="store_true", help="keep the solutions")
    chosen = parser.parse_args()
    copied = copy(chosen.folder, solutions=chosen.solutions)
    kept = len(list(NOTEBOOKS.glob("*.ipynb"))) - len(copied)
    with_what = "with" if chosen.solutions else "without"
    print(
        f"{chosen.folder}/: {len(copied)} notebooks copied {with_what} solutions"
        + (f", {kept} kept as they are (delete one to get it anew)" if kept else "")
    )


if __name__ == "__main__":
    main()
