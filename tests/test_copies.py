"""`make lab` and `make instructor`: copies of the notebooks, without and with solutions."""

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from scripts import copy_notebooks
from tests.exercises import exercises, is_solution
from tests.test_notebooks import NOTEBOOKS, complaints, execute, outputs

ROOT = Path(__file__).parents[1]


def command(*arguments):
    script = [sys.executable, "scripts/copy_notebooks.py", *map(str, arguments)]
    done = subprocess.run(script, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.parametrize("options", [[], ["--solutions"]], ids=["student", "instructor"])
def test_hold_all_but_the_solutions(options, tmp_path):
    folder = tmp_path / "copies"
    which = "with" if options else "without"
    assert (
        command(folder, *options)
        == f"{folder}/: {len(NOTEBOOKS)} notebooks copied {which} solutions\n"
    )
    assert sorted(path.name for path in folder.iterdir()) == [path.name for path in NOTEBOOKS]
    for path in NOTEBOOKS:
        before, after = (nbformat.read(p, 4) for p in (path, folder / path.name))
        assert any(map(is_solution, before.cells))
        assert after.metadata == before.metadata
        assert after.cells == [c for c in before.cells if options or not is_solution(c)]
        nbformat.validate(after)


def test_what_is_there_stays(tmp_path):
    command(tmp_path)
    answered, missing = (tmp_path / path.name for path in NOTEBOOKS[:2])
    answered.write_text("the reader's")
    missing.unlink()
    (tmp_path / "own.ipynb").write_text("own")
    said = command(tmp_path)
    assert "1 notebooks copied" in said
    assert f"{len(NOTEBOOKS) - 1} kept as they are" in said
    assert answered.read_text() == "the reader's"
    assert is_there(missing)
    assert (tmp_path / "own.ipynb").read_text() == "own"


def is_there(path):
    return nbformat.read(path, 4).cells != []


def test_a_copy_that_was_stopped_leaves_none(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        copy_notebooks.copy(tmp_path)
    assert list(tmp_path.glob("*.ipynb")) == []
    monkeypatch.undo()
    assert len(copy_notebooks.copy(tmp_path)) == len(NOTEBOOKS)


def test_links_lead_from_a_copy_where_they_lead_from_a_notebook():
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    makefile = (ROOT / "Makefile").read_text()
    for folder in re.findall(r"copy_notebooks\.py (\w+)", makefile):
        assert (ROOT / folder).parent == copy_notebooks.NOTEBOOKS.parent
        assert f"/{folder}/" in ignored


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_nothing_but_its_check_waits_for_an_answer(path):
    """... so that a copy runs from top to bottom; each check runs unanswered in test_notebooks."""
    notebook = nbformat.read(path, 4)
    tried = exercises(notebook)
    apart = {exercise.solution.source for exercise in tried} | {e.check for e in tried}
    for exercise in tried:
        for cell in notebook.cells:
            if cell.cell_type != "code" or cell.source in apart:
                continue
            if re.match(rf"{exercise.name} = \.\.\.", cell.source):
                continue
            assert exercise.name not in names(cell.source), cell.source


def names(source):
    return {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}


@pytest.mark.notebook
def test_a_copy_runs_and_says_what_is_not_answered(tmp_path):
    command(tmp_path)
    notebook = nbformat.read(tmp_path / NOTEBOOKS[0].name, 4)
    execute(notebook, tmp_path)
    assert complaints(notebook) == []
    shown = "\n".join(o.get("data", {}).get("text/plain", "") for o in outputs(notebook))
    assert shown.count("Not answered yet") == len(exercises(nbformat.read(NOTEBOOKS[0], 4)))
    assert "✓" not in shown


def test_make_copies_and_opens_the_first_notebook(tmp_path):
    folder = tmp_path / "clone"
    for part in ("notebooks", "scripts"):
        shutil.copytree(ROOT / part, folder / part)
    shutil.copy(ROOT / "Makefile", folder)
    (folder / ".venv").mkdir()
    make = ["make", "-o", ".venv/installed-lab", f"BIN={Path(sys.executable).parent}"]
    environment = {name: value for name, value in os.environ.items() if "MAKE" not in name}
    subprocess.run([*make, "instructor"], cwd=folder, env=environment, check=True)
    copies = sorted((folder / "instructor").iterdir())
    assert [copy.name for copy in copies] == [path.name for path in NOTEBOOKS]
    # make lab, with a program that notes what it is given in place of JupyterLab
    lab = folder / "bin" / "jupyter-lab"
    lab.parent.mkdir()
    lab.write_text('#!/bin/sh\nprintf "%s " "$@" > opened\n')
    lab.chmod(0o755)
    (lab.parent / "python").symlink_to(sys.executable)
    for target, opened in (("lab", "student"), ("edit", "notebooks")):
        subprocess.run([*make[:-1], "BIN=bin", target], cwd=folder, env=environment, check=True)
        assert f" {opened}/01_" in (folder / "opened").read_text()
    assert (folder / "student" / NOTEBOOKS[0].name).is_file()
