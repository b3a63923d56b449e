"""Read notebooks as JSON: those of the course with their exercises, and what is handed in."""

import ast
import json
import re
from dataclasses import dataclass
from pathlib import Path

LARGEST = 64 * 2**20
"""Bytes of a file that is read; a notebook with all its outputs has a few megabytes."""


class Unreadable(ValueError):
    """A file is no notebook; the text says why."""


@dataclass(frozen=True)
class Exercise:
    """An exercise: the name of the answer, and the course's own cells."""

    name: str
    question: str
    solution: str
    check: str


@dataclass(frozen=True)
class Lesson:
    """A notebook of the course."""

    stem: str
    before: tuple  # the code cells before the first exercise, in order
    exercises: tuple
    sources: frozenset  # of all its code cells


def code_cells(path):
    """Return (source, tags) of every code cell of a notebook that is not empty."""
    if path.is_symlink():
        raise Unreadable("a link, not a file")
    if path.stat().st_size > LARGEST:
        raise Unreadable(f"larger than {LARGEST // 2**20} MB")
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        found = []
        for cell in cells:
            if cell["cell_type"] == "code":
                source = cell["source"]
                source = source if isinstance(source, str) else "".join(source)
                found.append((source.strip(), tuple(cell.get("metadata", {}).get("tags", ()))))
    except (ValueError, RecursionError) as error:
        reason = "not text in UTF-8" if isinstance(error, UnicodeError) else "no valid JSON"
        raise Unreadable(f"{reason}: was it stored whole?") from None
    except (KeyError, TypeError, AttributeError):
        raise Unreadable("JSON, but no notebook") from None
    return [(source, tags) for source, tags in found if source]


def read_lesson(path):
    """Return a notebook of the course: before a cell tagged ``solution`` stands ``name = ...``."""
    cells = code_cells(path)
    exercises, first = [], len(cells)
    for i, (source, tags) in enumerate(cells):
        if "solution" in tags:
            question = cells[i - 1][0]
            name = re.match(r"(\w+) = \.\.\.", question)
            if not (i and name and i + 1 < len(cells)):
                raise ValueError(f"{path}: a solution without `name = ...` before it and a check")
            exercises.append(Exercise(name[1], question, source, cells[i + 1][0]))
            first = min(first, i - 1)
    before = tuple(source for source, _ in cells[:first])
    return Lesson(path.stem, before, tuple(exercises), frozenset(source for source, _ in cells))


def read_lessons(folder):
    """Return the notebooks of the course that have exercises."""
    paths = sorted(Path(folder).glob("*.ipynb"))
    lessons = [lesson for path in paths if (lesson := read_lesson(path)).exercises]
    if not lessons:
        raise FileNotFoundError(
            f"no notebooks with exercises in {folder}: pass the folder of the course's own, with "
            "solutions, as notebooks (on the command line: --notebooks FOLDER)"
        )
    return lessons


def which_lesson(cells, lessons):
    """Return the lesson whose cells and exercises are found most often, or None."""

    def score(lesson):
        names = set().union(*(assigned(source) for source, _ in cells))
        verbatim = len(lesson.sources & {source for source, _ in cells})
        return verbatim + len(names & {exercise.name for exercise in lesson.exercises})

    best = max(lessons, key=score)
    return best if score(best) else None


def assigned(source):
    """Return the names that the code of a cell assigns or defines, as far as can be seen.

    Examples
    --------
    >>> sorted(assigned("half, third = 1 / 2, 1 / 3"))
    ['half', 'third']
    >>> assigned("%time half = 1 / 2")
    {'half'}
    """
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set(re.findall(r"\b(?:def |class )?(\w+)(?= *=[^=]| *\(.*:)", source))
    defined = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    stored = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    return stored | {node.name for node in nodes if isinstance(node, defined)}


def own_cells(cells, lesson):
    """Return the cells that are not the course's: answers, and what else a student wrote."""
    return [
        source for source, tags in cells if source not in lesson.sources and "solution" not in tags
    ]


def shows_solution(cells, exercise):
    """Return whether the notebook holds the solution of an exercise, perhaps changed."""
    return any(
        source == exercise.solution or ("solution" in tags and exercise.name in assigned(source))
        for source, tags in cells
    )
