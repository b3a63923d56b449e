"""Every notebook runs from top to bottom: no error, no warning, none hidden in a widget."""

import ast
import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.output_widget import OutputWidget

from emdviz.losses import zoo
from scripts import copy_notebooks
from tests.exercises import exercises, is_solution, said, trials, wrong_answers

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
WIDGET_STATE = "application/vnd.jupyter.widget-state+json"


class SilentOutput(OutputWidget):
    """An Output widget that keeps what it shows and does not tell the kernel.

    What is told on the socket on which the kernel answers can make nbclient miss that answer until
    its time is up: one cell in 300 (nbclient's issue 312).
    """

    def send(self, *args, **options):
        pass


def execute(notebook, folder=ROOT / "notebooks"):
    client = NotebookClient(
        notebook,
        timeout=900,
        kernel_name="python3",
        store_widget_state=True,
        allow_errors=True,
        resources={"metadata": {"path": str(folder)}},
    )
    client.widget_registry = {"@jupyter-widgets/output": {"OutputModel": SilentOutput}}
    # threads that wait for one another train many times slower where other programs run
    usual = {"OMP_NUM_THREADS": "1", "EMDVIZ_FAST": "1"}
    client.execute(env=usual | dict(os.environ))
    return notebook


def outputs(notebook):
    """Return what every cell and every Output widget shows, hidden or not."""
    shown = [o for cell in notebook.cells if cell.cell_type == "code" for o in cell.outputs]
    state = notebook.metadata.get("widgets", {}).get(WIDGET_STATE, {}).get("state", {})
    for model in state.values():
        if model["model_name"] == "OutputModel":
            shown.extend(nbformat.from_dict(o) for o in model["state"].get("outputs", []))
    return shown


def complaints(notebook):
    """Return the errors and warnings that a reader would see, or should have."""
    found = []
    for output in outputs(notebook):
        if output.output_type == "error":
            found.append(f"{output.ename}: {output.evalue}")
        elif output.output_type == "stream" and output.name == "stderr":
            # a progress bar drawn as text is no complaint
            rest = re.sub(r"[^\r\n]*\d+%\|[^\r\n]*", "", output.text).strip()
            found.extend([rest] if rest else [])
    return found


def names_in(source):
    return {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}


def is_folded(cell):
    return bool(cell.metadata.get("jupyter", {}).get("source_hidden"))


@pytest.mark.notebook
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs(path):
    """... its checks call no solution right, and every wrong answer gets the hint that helps."""
    notebook = nbformat.read(path, as_version=4)
    tried, wrong, size = exercises(notebook), wrong_answers(path), len(notebook.cells)
    for exercise in tried:
        notebook.cells += trials(exercise, wrong[exercise.name])
    notebook.cells.append(nbformat.v4.new_code_cell("plt.get_fignums()"))
    execute(notebook)
    notebook.cells, extra = notebook.cells[:size], iter(notebook.cells[size:])
    assert complaints(notebook) == []
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.source.strip():
            assert cell.execution_count is not None
    bare = [
        o for o in outputs(notebook) if o.get("data", {}).get("text/plain", "").startswith("<Axes")
    ]
    assert bare == [], "a cell shows a bare <Axes: >; end it with a semicolon"
    checks = {cell.source: cell for cell in notebook.cells if cell.cell_type == "code"}
    for exercise in tried:
        assert "◇ Solution shown" in said(checks[exercise.check]), exercise.name
        assert "✓" not in said(checks[exercise.check])
        unanswered = next(extra)
        assert "… Not answered yet" in said(unanswered), exercise.name
        assert complaints(nbformat.v4.new_notebook(cells=[unanswered])) == []
        for answer in wrong[exercise.name]:
            assert answer.hint in said(next(extra)), f"{exercise.name}: {answer.source}"
    assert said(next(extra)) == "[]", "figures stay open"


@pytest.mark.notebook
def test_hidden_errors_are_found():
    source = (
        "import ipywidgets\n"
        "out, slider = ipywidgets.Output(), ipywidgets.IntSlider()\n"
        "@out.capture()\n"
        "def follow(change): raise RuntimeError('hidden')\n"
        "slider.observe(follow, 'value')\n"
        "slider.value = 5\n"
    )
    cells = [
        nbformat.v4.new_code_cell(text)
        for text in (source, "import warnings; warnings.warn('loud')")
    ]
    notebook = execute(nbformat.v4.new_notebook(cells=cells))
    found = complaints(notebook)
    assert any("RuntimeError: hidden" in text for text in found)
    assert any("loud" in text for text in found)


@pytest.mark.slow
def test_stored_as_nbstripout_leaves_them(tmp_path):
    tool = [sys.executable, "-m", "nbstripout", "--verify"]
    done = subprocess.run([*tool, *NOTEBOOKS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    kept = nbformat.read(NOTEBOOKS[0], as_version=4)
    code = next(cell for cell in kept.cells if cell.cell_type == "code")
    code.outputs = [nbformat.v4.new_output("stream", text="kept")]
    nbformat.write(kept, tmp_path / "kept.ipynb")
    done = subprocess.run([*tool, tmp_path / "kept.ipynb"], check=False)
    assert done.returncode == 1


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
class TestForm:
    @pytest.fixture
    def cells(self, path):
        return nbformat.read(path, as_version=4).cells

    def test_cells_are_short(self, cells):
        lengths = [
            len([line for line in cell.source.split("\n") if line.strip()])
            for cell in cells
            if cell.cell_type == "code"
        ]
        assert max(lengths) <= 15
        assert sorted(lengths)[len(lengths) // 2] <= 4

    def test_opens_by_saying_what_it_is_about(self, cells):
        assert cells[0].cell_type == "markdown"
        opening = "\n".join(c.source for c in cells[:4] if c.cell_type == "markdown")
        assert "**" in cells[0].source
        assert cells[0].source.count("?") >= 1, "a question, in bold"
        assert len(cells[0].source.split()) <= 80, "more than a glance"
        for promise in ("What you will learn.", "What you need.", "Time."):
            assert promise in opening
        assert "References." in cells[-1].source
        assert "Take-aways" in cells[-1].source

    def test_exercises_have_solutions_and_wrong_answers(self, path, cells):
        notebook = nbformat.read(path, as_version=4)
        text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
        assert 3 <= len(re.findall(r"^\*\*\d\.\*\* ", text, re.MULTILINE)) <= 5
        names = [exercise.name for exercise in exercises(notebook)]
        assert len(names) >= 2
        wrong = wrong_answers(path)
        assert list(wrong) == names
        assert min(len(answers) for answers in wrong.values()) >= 5
        for cell in filter(is_solution, cells):
            assert re.match(r"(# .+\n)?if \w+ is \.\.\.:\n", cell.source), (
                "the reader's answer stands"
            )
            assert "exercises.Solution" in cell.source, "its check would say Right"
            assert is_folded(cell), "seen at once"

    def test_the_figure_stands_first_and_imports_are_folded(self, cells):
        assert [cell.cell_type for cell in cells[:4]] == ["markdown", "code", "code", "markdown"]
        assert is_folded(cells[1])
        assert re.search(r"^(import|from) ", cells[1].source, re.MULTILINE)
        figure = [line for line in cells[2].source.split("\n") if line.strip()]
        assert is_folded(cells[2]) or len(figure) <= 4

    def test_checks_are_folded_and_nothing_rests_on_a_solution(self, path, cells):
        code = [cell for cell in cells if cell.cell_type == "code"]
        for exercise in exercises(nbformat.read(path, as_version=4)):
            check = next(cell for cell in code if cell.source == exercise.check)
            assert is_folded(check), "its hints are seen at once"
            users = [c.source for c in code if exercise.name in names_in(c.source)]
            assert len(users) <= 3, f"{exercise.name} stands in other cells than its own"

    def test_a_text_stands_before_every_cell_that_is_not_folded(self, cells):
        for before, cell in itertools.pairwise(cells):
            if cell.cell_type == "code" and not is_folded(cell):
                assert before.cell_type == "markdown" or is_folded(before), cell.source

    def test_links_lead_somewhere(self, cells, path):
        places = {place for cell in cells for place in headings(cell)}
        for cell in cells:
            for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", cell.source):
                assert (path.parent / target).exists(), target
            for place in re.findall(r"\]\(#([^)]+)\)", cell.source):
                assert place in places, place


def headings(cell):
    """Return the headings of a text as JupyterLab names their places."""
    found = re.findall(r"^#+ (.+)$", cell.source, re.MULTILINE) * (cell.cell_type == "markdown")
    return [text.strip().replace(" ", "-") for text in found]


def test_every_box_of_the_chart_leads_to_evidence():
    """In notebook 08: to a section that computes something, which says what the chart says."""
    cells = nbformat.read(NOTEBOOKS[7], as_version=4).cells
    text = next(cell.source for cell in cells if "## Which loss? A chart" in cell.source)
    chart = text.partition("## Which loss? A chart")[2].partition("\n## ")[0]
    rows = [line for line in chart.splitlines() if line.startswith("| ")][1:]
    assert len(rows) >= 6
    inside, computed = "", set()
    for cell in cells:
        inside = ([inside, *headings(cell)])[-1]
        if cell.cell_type == "code":
            computed.add(inside)
    for row in rows:
        (place,) = re.findall(r"\]\(#([^)]+)\)", row)
        assert place in computed, row
    calibrated, pushing = rows[0], rows[3]
    found = {name: zoo.properties(name) for name in zoo.names()}
    thresholds = [name for name in found if zoo.load(name).family == "thresholds"]
    for label, name in (("XE", "XE"), ("Brier", "Brier"), ("EMD²", "EMD2"), ("XE + EMD²", "XEMD2")):
        assert label in calibrated
        assert found[name]["proper"] == "strictly proper"
    proper = {found[name]["proper"] for name in thresholds if name in ("CORAL", "CORN", "CONDOR")}
    assert "thresholds" in calibrated
    assert proper == {"strictly proper"}
    assert "XE, XE + EMD², most thresholds" in pushing
    assert not found["XE"]["saturates"]
    assert not found["XEMD2"]["saturates"]
    assert sum(not found[name]["saturates"] for name in thresholds) > len(thresholds) / 2
    assert found["EMD"]["keeps"]["median"]
    assert found["REG"]["keeps"]["mean"]
    assert "EMD or the median" in rows[2]


def test_a_cell_of_runs_goes_on_where_it_was_interrupted():
    """In notebook 07, which says so: its cell makes no new store."""
    cells = nbformat.read(NOTEBOOKS[6], as_version=4).cells
    (run,) = [cell.source for cell in cells if "experiments.run(" in cell.source]
    assert "store" in run
    assert "store =" not in run


def test_all_copies_say_how_to_answer_an_exercise(tmp_path):
    """... with the solutions and, as students get them, without."""
    copy_notebooks.copy(tmp_path)
    said = set()
    for folder in (NOTEBOOKS[0].parent, tmp_path):
        for path in sorted(folder.glob("*.ipynb")):
            notebook = nbformat.read(path, as_version=4)
            text = "\n\n".join(cell.source for cell in notebook.cells)
            said.add(text.partition("## Exercises\n\n")[2].partition("\n\n")[0])
    (how,) = said
    assert "the folded check below it" in how
    assert "If your copy has solutions" in how


def test_readme_lists_every_notebook():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for path in NOTEBOOKS:
        assert f"notebooks/{path.name}" in readme
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", readme):
        assert (ROOT / target).exists(), target
