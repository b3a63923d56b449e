"""Notebooks that students hand in, as they hand them in: whole, broken, endless, dishonest."""

import ast
import json
import socket
import sys
from pathlib import Path

import pytest

from emdviz import collecting
from emdviz.collecting import notebooks as read
from emdviz.collecting import process
from tests.test_cli import call, refused

ROOT = Path(__file__).parents[1]
STEM = "01_why_order_matters"


def cell(source, tags=()):
    return {"cell_type": "code", "source": source, "metadata": {"tags": list(tags)}, "outputs": []}


def notebook(*cells):
    return json.dumps({"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def needs(source):
    nodes = [*ast.walk(ast.parse(source))]
    loaded = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    return loaded - read.assigned(source) - {n.arg for n in nodes if isinstance(n, ast.arg)}


def before(lesson):
    """Return the statements before the exercises that their checks need; the rest takes seconds."""
    wanted, kept = set().union(*(needs(one.check) for one in lesson.exercises)), []
    for statement in reversed(ast.parse("\n".join(lesson.before)).body):
        if isinstance(statement, ast.Import | ast.ImportFrom):
            statement.names = [n for n in statement.names if (n.asname or n.name) in wanted]
            useful = bool(statement.names)
        else:
            useful = bool(read.assigned(ast.unparse(statement)) & wanted)
        if useful:
            kept.insert(0, ast.unparse(statement))
            wanted |= needs(kept[0])
    return "\n".join(kept)


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """Return a folder with notebook 01, cut down to what its exercises need, and its lesson."""
    lesson = read.read_lesson(ROOT / "notebooks" / f"{STEM}.ipynb")
    loaded = "exercises.judge_emd"  # here, and not in the time that a check has
    cells = [cell(f"{before(lesson)}\n{loaded}")]
    for one in lesson.exercises:
        cells += [cell(one.question), cell(one.solution, ["solution"]), cell(one.check)]
    folder = tmp_path_factory.mktemp("course")
    (folder / f"{STEM}.ipynb").write_text(notebook(*cells))
    return folder, read.read_lesson(folder / f"{STEM}.ipynb")


def handed_in(lesson, answers, *, before=(), solutions=False):
    """Return a notebook with answers: name -> source in place of the three dots."""
    cells = [cell(source) for source in (*lesson.before, *before)]
    for one in lesson.exercises:
        cells.append(cell(answers.get(one.name, one.question)))
        cells += [cell(one.solution, ["solution"])] if solutions else []
        cells.append(cell(one.check))
    return notebook(*cells)


RIGHT = "emd_by_hand = lambda p, t: np.sum(abs(np.cumsum(p) - np.cumsum(t)))"
FIRST = """
def helper(p):
    return p.cumsum()

exercises = truth = C = "mine"
def emd(p, t): return 7
def judge_emd(*a, **k): return "✓"
"""


def write(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def results(frame, student):
    rows = frame[frame["student"] == student]
    return dict(zip(rows["exercise"], zip(rows["result"], rows["note"], strict=True), strict=True))


@pytest.fixture(scope="module")
def collected(course, tmp_path_factory):
    """Return the table of one collection: each student has a way of their own."""
    folder, lesson = course
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.2)
    key = '{"key": "", "did": "check", "check": 0, "result": "right", "note": ""}'
    forged = f"""
import os, sys
for stream in range(20):
    try: os.write(stream, b'{key}\\n')
    except OSError: pass
print('✓ Right.'); print('{key}', file=sys.__stdout__, flush=True)
import emdviz.exercises as e
e.judge_emd = e.judge_equal_cross_entropy = lambda *a, **k: e.Answer(True, "Right.")
import socket
try: socket.create_connection(("127.0.0.1", {listener.getsockname()[1]}), timeout=5)
except OSError: pass
"""
    files = {
        "ann/01.ipynb": handed_in(
            lesson,
            {
                "emd_by_hand": "def emd_by_hand(p, t):\n    return sum(abs(helper(p) - helper(t)))",
                "worse": "worse = np.array([0.4, 0.6, 0, 0, 0, 0, 0, 0])\nclaimed = worse",
                "preferred": 'favourite = "same", "torn"',
            },
            before=[FIRST, "1 / 0"],
        ),
        "bob/homework.ipynb": handed_in(
            lesson,
            {
                "certain_and_wrong": "certain_and_wrong = 1, 2, 3\nimport os; os._exit(0)",
                "emd_by_hand": "def emd_by_hand(p, t):\n    while True: pass",
                "worse": "worse = bytearray(2**35)",
                "preferred": 'preferred = "same", "torn"',
            },
        ),
        f"eve_{STEM}.ipynb": handed_in(
            lesson,
            {
                "certain_and_wrong": "certain_and_wrong = 'abc'",
                "emd_by_hand": "emd_by_hand = lambda p, t: 0.5",
                "worse": "worse = [0.5",
                "preferred": "import os\nhere = os.path.expanduser('~'), os.getcwd()\n"
                "open_to_me = [n for f in here for n in os.listdir(f) if not n.startswith('.')]\n"
                "secrets = [n for n in os.environ if 'SECRET' in n]\n"
                "preferred = ('same', 'torn') if not open_to_me + secrets else ('torn', 'torn')",
            },
            before=[forged],
        ),
        f"dan/{STEM}.ipynb": handed_in(lesson, {"emd_by_hand": "emd_by_hand = np.nothing"}),
        f"dan/{STEM} (1).ipynb": handed_in(lesson, {"emd_by_hand": RIGHT}),
        f"fay/{STEM}.ipynb": handed_in(lesson, {}, solutions=True),
        f"=cmd()_{STEM}.ipynb": handed_in(lesson, {}),
        f"\x1b[2Jgil/{STEM}.ipynb": handed_in(lesson, {}),
        "hal/broken.ipynb": handed_in(lesson, {})[:-40],
        "hal/list.ipynb": "[]",
        "hal/deep.ipynb": "[" * 100_000,
        "hal/other.ipynb": notebook(cell("print('something else')")),
        "hal/.ipynb_checkpoints/broken.ipynb": "",
    }
    where = write(tmp_path_factory.mktemp("handed_in"), files)
    (where / "hal" / "link.ipynb").symlink_to(where / "bob" / "homework.ipynb")
    (where / "hal" / "latin.ipynb").write_bytes(b"\xff\xfe\xff")
    done = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MY_SECRET", "1")
        frame = collecting.collect(
            where, notebooks=folder, seconds=6, memory=3, workers=2, on_file=done.append
        )
    assert len(done) == len(files) + 1
    yield frame, listener
    listener.close()


@pytest.mark.slow
class TestCollected:
    def test_own_names_neither_help_nor_harm(self, collected):
        ann = results(collected[0], "ann")
        assert ann["emd_by_hand"] == ("right", "")
        assert ann["worse"][0] == "wrong"
        assert "Leave 0.4 on class 0" in ann["worse"][1]
        assert ann["certain_and_wrong"] == ("not answered", "")
        assert ann["preferred"] == (
            "not answered",
            "no preferred in the notebook: renamed, or left out?",
        )

    def test_what_ends_the_process_costs_its_own_exercise_alone(self, collected):
        bob = results(collected[0], "bob")
        assert bob["preferred"] == ("right", "")
        assert bob["emd_by_hand"] == ("failed", "took longer than 6 s")
        ended = "ended Python; did it need too much memory?"
        assert bob["certain_and_wrong"] == ("failed", ended)
        if sys.platform == "linux":
            assert bob["worse"] == ("failed", "MemoryError")

    def test_what_a_notebook_prints_is_not_its_result(self, collected):
        eve = results(collected[0], "eve")
        assert eve["certain_and_wrong"][0] in ("wrong", "failed")
        assert eve["emd_by_hand"][0] == "wrong"
        assert eve["worse"][0] == "failed"
        assert eve["worse"][1].startswith("SyntaxError")

    def test_there_is_nothing_of_the_teachers_around(self, collected):
        assert results(collected[0], "eve")["preferred"] == ("right", "")

    def test_there_is_no_network(self, collected):
        if not process.no_network():
            pytest.skip("this system does not let processes run without network")
        with pytest.raises(TimeoutError):
            collected[1].accept()

    def test_of_two_files_the_better_result_counts(self, collected):
        frame = collected[0]
        dan = frame[(frame["student"] == "dan") & (frame["exercise"] == "emd_by_hand")]
        assert dan[["result", "points", "file"]].values.tolist() == [
            ["right", 1, f"dan/{STEM} (1).ipynb"]
        ]
        assert len(frame[frame["student"] == "dan"]) == 4

    def test_solutions_that_stand_in_are_no_answers(self, collected):
        fay = results(collected[0], "fay")
        assert {result for result, _ in fay.values()} == {"solution shown"}
        assert len(fay) == 4

    def test_files_that_are_no_notebooks_of_the_course_are_reported(self, collected):
        frame = collected[0]
        unread = frame[frame["exercise"] == ""].set_index("file")["note"].to_dict()
        assert unread == {
            "hal/broken.ipynb": "no valid JSON: was it stored whole?",
            "hal/deep.ipynb": "no valid JSON: was it stored whole?",
            "hal/latin.ipynb": "not text in UTF-8: was it stored whole?",
            "hal/link.ipynb": "a link, not a file",
            "hal/list.ipynb": "JSON, but no notebook",
            "hal/other.ipynb": "none of the course's notebooks",
        }
        assert set(frame["result"]) == set(collecting.RESULTS)
        assert (frame["points"] == (frame["result"] == "right")).all()

    def test_hostile_names_are_text(self, collected, course, tmp_path, monkeypatch):
        frame = collected[0]
        assert "=cmd()" in set(frame["student"])
        shown = collecting.summary(frame)
        assert "\x1b" not in shown
        assert "�[2Jgil" in shown
        monkeypatch.setattr(collecting, "collect", lambda *_, **__: frame)
        done = call("collect", tmp_path, "--csv", tmp_path / "points.csv")
        assert done.exit_code == 0
        assert f"{len(frame)} rows in {tmp_path / 'points.csv'}" in done.stdout
        lines = (tmp_path / "points.csv").read_text().split("\n")
        assert lines[0] == "student,notebook,exercise,result,points,note,file"
        assert sum(line.startswith("'=cmd(),") for line in lines) == 4
        assert not any(line.startswith("=") or ",=" in line for line in lines)

    def test_the_summary_has_a_line_a_student(self, collected):
        lines = collecting.summary(collected[0]).splitlines()
        assert lines[0] == STEM
        (ann,) = (line.split() for line in lines if line.startswith("ann"))
        assert ann == ["ann", "…", "✓", "✗", "…", "1", "of", "4"]
        assert "hal/list.ipynb: JSON, but no notebook" in lines
        assert lines[-1] == "✓ right, ✗ wrong, ! failed, ◇ solution shown, … not answered"


def test_the_course_has_the_exercises_of_its_notebooks():
    lessons = read.read_lessons(ROOT / "notebooks")
    assert len(lessons) == 9
    for lesson in lessons:
        cells = [(source, ()) for source in lesson.before]
        assert read.which_lesson(cells, lessons) == lesson
        copy = [(one.question, ()) for one in lesson.exercises]
        assert read.which_lesson(copy, lessons) == lesson


@pytest.mark.slow
def test_a_course_that_does_not_run_is_reported(course, tmp_path):
    _, lesson = course
    broken = [cell("1 / 0"), *(cell(source) for source in lesson.before)]
    for one in lesson.exercises:
        broken += [cell(one.question), cell(one.solution, ["solution"]), cell(one.check)]
    write(
        tmp_path,
        {
            "course/01.ipynb": notebook(*broken),
            "in/ann.ipynb": handed_in(lesson, {"worse": "worse = 1"}),
        },
    )
    frame = collecting.collect(tmp_path / "in", notebooks=tmp_path / "course")
    assert set(frame["student"]) == {"ann"}
    assert set(frame["note"]) == {"the course's own cells: ZeroDivisionError: division by zero"}
    assert set(frame["result"]) == {"failed"}


@pytest.mark.slow
def test_the_course_reads_copies_of_its_tables(tmp_path):
    names = [f"{where}/few.csv" for where in ("data", "docs/results", "docs/results/map")]
    folders = ["data/faces/1.csv", "docs/results/map/faces-runs/1.csv"]
    write(tmp_path, dict.fromkeys([*names, *folders], "1"))
    reading = f"assert [open('../' + name).read() for name in {names}] == ['1'] * 3"
    alone = "import os; assert os.listdir('../data') == ['few.csv']"
    changing = "open('../data/few.csv', 'w').write('2')"
    limits = {"seconds": 60, "memory": 4}
    ran = process.run([reading, alone], [changing], [], root=tmp_path, **limits)
    assert (ran.course_error, ran.cells) == ("", {0: ""})
    assert (tmp_path / "data/few.csv").read_text() == "1"


def test_refusals_say_what_to_pass(course, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    for arguments, text in {
        (tmp_path / "none",): "no folder ",
        (empty,): "no notebook (.ipynb) in ",
        (course[0], "--notebooks", empty): "--notebooks FOLDER",
        (course[0], "--seconds=0"): "seconds must be greater than 0, got 0.0",
        (course[0], "--memory=nan"): "memory must be greater than 0, got nan",
        (course[0], "--workers=0"): "workers must be",
    }.items():
        assert text in refused("collect", *arguments)


def test_without_unshare_that_is_said(course, tmp_path, monkeypatch):
    write(tmp_path, {f"{STEM}.ipynb": handed_in(course[1], {})})
    monkeypatch.setattr(process, "no_network", lambda: ())
    with pytest.warns(UserWarning, match="does not let notebooks run without network"):
        frame = collecting.collect(tmp_path, notebooks=course[0])
    assert set(frame["student"]) == {STEM}
