"""From a folder of notebooks that students handed in to a table of results."""

import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd

from emdviz.collecting import notebooks as read
from emdviz.collecting import process
from emdviz.reading import read_count

RESULTS = ("right", "wrong", "failed", "solution shown", "not answered")
"""The results of an exercise, the best first; of two files of one student the better counts."""

COLUMNS = ["student", "notebook", "exercise", "result", "points", "note", "file"]
_MARKS = dict(zip(RESULTS, "✓✗!◇…", strict=True))


def collect(folder, *, notebooks="notebooks", seconds=60.0, memory=4.0, workers=1, on_file=None):
    """Run what students handed in, and return who answered which exercise with which result.

    Each notebook runs in a process of its own with an empty folder and home, limits of time and
    memory, and no network where Linux allows that. The course's own cells run first, then the
    student's among copies of their names, then the course's own checks. What a notebook has stored,
    prints or shows is never read. This is no security boundary: a student's code runs with your
    rights and could read your files or forge a result. Collect from people you know, or in a
    virtual machine.

    Parameters
    ----------
    folder : path
        Its folders are students; of a file that lies in it directly, the student is the file's
        name without that of the notebook.
    notebooks : path
        The course's notebooks, with solutions.
    seconds : float
        How long each cell of a student's and each check may take; the course's own may take longer.
    memory : float
        GB that a process may take; kept on Linux alone.
    workers : int
        Notebooks at a time.
    on_file : callable, optional
        Called with each file's path when it is done.

    Returns
    -------
    pandas.DataFrame
        A row for each student and exercise: ``student``, ``notebook``, ``exercise``, ``result``
        (one of :data:`RESULTS`), ``points`` (1 for right, else 0), ``note`` (the hint, or what
        failed) and ``file``. Of several files of one student and notebook the best result counts.

    Raises
    ------
    FileNotFoundError
        If there is no folder, no notebook in it, or none of the course's.
    """
    folder = Path(folder)
    workers = read_count(workers, "workers", 1)
    for name, value in (("seconds", seconds), ("memory", memory)):
        if not value > 0:
            raise ValueError(f"{name} must be greater than 0, got {value!r}")
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {folder}: pass the folder of what was handed in")
    lessons = read.read_lessons(notebooks)
    paths = sorted(_notebooks_in(folder))
    if not paths:
        raise FileNotFoundError(f"no notebook (.ipynb) in {folder} or its folders")

    if not process.no_network():
        warnings.warn("this system does not let notebooks run without network", stacklevel=2)

    def judge(path):
        rows = _rows(path, lessons, Path(notebooks).resolve().parent, seconds, memory)
        if on_file:
            on_file(path)
        whose = {"student": _student(path, folder, lessons), "file": str(path.relative_to(folder))}
        return [whose | row for row in rows]

    if workers == 1:
        judged = list(map(judge, paths))
    else:
        with ThreadPoolExecutor(workers) as pool:
            judged = list(pool.map(judge, paths))
    return _best(pd.DataFrame([row for rows in judged for row in rows], columns=COLUMNS))


def _notebooks_in(folder):
    for where, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if name.lower().endswith(".ipynb") and not name.startswith("."):
                yield Path(where) / name


def _student(path, folder, lessons):
    """Return whose file it is: the first folder, or the file's name without the notebook's."""
    first, *rest = path.relative_to(folder).parts
    if rest:
        return first
    for lesson in lessons:
        first = first.replace(lesson.stem, "")
    return first.removesuffix(path.suffix).strip(" _-.") or path.stem


def _rows(path, lessons, root, seconds, memory):
    """Return the rows of a file, without student and file."""
    try:
        cells = read.code_cells(path)
        lesson = read.which_lesson(cells, lessons)
        if lesson is None:
            raise read.Unreadable("none of the course's notebooks")
    except (read.Unreadable, OSError) as error:
        return [_row("", "", "failed", str(error))]
    own = read.own_cells(cells, lesson)
    touched = set().union(*map(read.assigned, own))
    if any(exercise.name in touched for exercise in lesson.exercises):
        course = [*lesson.before, *(exercise.question for exercise in lesson.exercises)]
        checks = [(exercise.name, exercise.check) for exercise in lesson.exercises]
        ran = process.run(course, own, checks, root=root, seconds=seconds, memory=memory)
    else:
        ran = process.Ran(checks=dict.fromkeys(range(len(lesson.exercises)), ("not answered", "")))
    rows = []
    for i, exercise in enumerate(lesson.exercises):
        if ran.course_error:
            result, note = "failed", f"the course's own cells: {ran.course_error}"
        else:
            result, note = _judged(exercise, cells, own, ran, *ran.checks[i])
        rows.append(_row(lesson.stem, exercise.name, result, note))
    return rows


def _judged(exercise, cells, own, ran, result, note):
    """Return result and note of an exercise, given what its check said."""
    if result != "not answered":
        return result, note
    for i, source in enumerate(own):
        if ran.cells.get(i) and exercise.name in read.assigned(source):
            return "failed", ran.cells[i]
    if read.shows_solution(cells, exercise):
        return "solution shown", note
    everywhere = set().union(*(read.assigned(source) for source, _ in cells))
    if exercise.name not in everywhere:
        return result, f"no {exercise.name} in the notebook: renamed, or left out?"
    return result, note


def _row(notebook, exercise, result, note):
    note = " ".join(note.split())
    note = note if len(note) <= 300 else f"{note[:299]}…"
    points = int(result == "right")
    return dict(zip(COLUMNS[1:-1], (notebook, exercise, result, points, note), strict=True))


def _best(frame):
    """Keep of each student's exercise the best result, in the order of students and notebooks."""
    rank = frame["result"].map(RESULTS.index)
    best = frame.assign(rank=rank).sort_values("rank", kind="stable")
    keys = best[["student", "notebook", "exercise"]]
    # a file that could not be read says nothing of another one
    keys = keys.assign(file=best["file"].where(best["exercise"] == "", ""))
    return best[~keys.duplicated()].sort_index().drop(columns="rank").reset_index(drop=True)


def summary(frame):
    """Return a table of results as text: for each notebook, a line for each student."""
    parts = []
    for notebook, rows in frame[frame["exercise"] != ""].groupby("notebook", sort=True):
        names = list(dict.fromkeys(rows["exercise"]))
        marks = rows.assign(result=rows["result"].map(_MARKS), student=rows["student"].map(plain))
        wide = marks.pivot_table("result", "student", "exercise", aggfunc="first")[names]
        wide["points"] = marks.groupby("student")["points"].sum().astype(str) + f" of {len(names)}"
        parts.append(f"{notebook}\n{wide.rename_axis(index=None, columns=None).to_string()}")
    unread = frame[frame["exercise"] == ""]
    parts += [f"{plain(row.file)}: {plain(row.note)}" for row in unread.itertuples()]
    legend = ", ".join(f"{mark} {result}" for result, mark in _MARKS.items())
    return "\n\n".join([*parts, legend])


def plain(text):
    """Return a text without letters that could move a terminal's cursor or hide others."""
    return "".join(letter if letter.isprintable() else "�" for letter in str(text))
