"""Questions that stand before a result: what they take, keep back, and leave without a kernel."""

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbconvert import HTMLExporter

from emdviz import exercises
from emdviz.exercises.question import Question
from tests.test_notebooks import WIDGET_STATE, complaints, execute

ASKED = (
    "import matplotlib.pyplot as plt, pandas as pd, warnings\n"
    "from emdviz import exercises, plots\nfrom emdviz.plots import style\nstyle.use()",
    "with exercises.predict('How <many>?', 'one', 'two'):\n"
    "    print('<b>in all</b> 2')\n"
    "    display(pd.DataFrame({'n': [22]}))\n"
    "    plots.plot_prediction([0.5, 0.5], 1)",
    "with exercises.predict('Which number?'):\n    warnings.warn('loud')\n    print('seven')",
    "with exercises.predict('Does it fail?', 'yes', 'no'):\n    print('so far')\n    1 / 0",
)


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ((3,), TypeError, "question must be text, got 3"),
        (("  ",), TypeError, "question must be text"),
        (("Which?", "A", 2), TypeError, "choices must be text, got 2"),
        (("Which?", "A"), ValueError, "two or more, or none to let type; got 'A'"),
        (("Which?", "A", "A"), ValueError, "choices must differ"),
    ],
)
def test_what_is_no_question_is_refused(arguments, error, text):
    with pytest.raises(error, match=text), exercises.predict(*arguments):
        pytest.fail("the block ran")


def test_outside_of_notebooks_nothing_is_asked(capsys):
    with exercises.predict("Which?", "A", "B"):
        print("B")
    assert capsys.readouterr().out == "B\n"


@pytest.fixture(scope="module")
def ran():
    return execute(nbformat.v4.new_notebook(cells=list(map(nbformat.v4.new_code_cell, ASKED))))


def states(notebook):
    """Return the state of every question by its text."""
    models = notebook.metadata["widgets"][WIDGET_STATE]["state"].values()
    states = [model["state"] for model in models]
    return {state["question"]: state for state in states if "question" in state}


@pytest.mark.notebook
def test_the_result_is_kept_back(ran):
    """... whatever a block prints, displays and draws."""
    cell = ran.cells[1]
    assert {output.output_type for output in cell.outputs} == {"display_data"}
    question = cell.outputs[0].data
    assert question["text/plain"] == "Question('How <many>?')"
    state = states(ran)["How <many>?"]
    assert state["answer"] == ""
    assert state["choices"] == ["one", "two"]
    result = BeautifulSoup(state["result"], "html.parser")
    assert result.pre.text == "<b>in all</b> 2\n"
    assert result.td.text == "22"
    assert result.img["alt"].startswith("Bar")


@pytest.mark.notebook
def test_warnings_and_errors_are_not(ran):
    found = complaints(ran)
    assert any("loud" in text for text in found)
    assert "ZeroDivisionError: division by zero" in found
    assert "Does it fail?" not in states(ran)
    assert "so far" in "".join(output.get("text", "") for output in ran.cells[3].outputs)


@pytest.mark.notebook
def test_a_page_without_a_kernel_folds_the_result_under_the_question(ran):
    page, _ = HTMLExporter().from_notebook_node(nbformat.v4.new_notebook(cells=ran.cells[1:3]))
    first, second = BeautifulSoup(page, "html.parser").select("details.emdviz-question")
    assert first.summary.text == "Predict. How <many>? (one · two)"
    assert not first.has_attr("open")
    assert "<b>in all</b> 2" in first.pre.text
    assert second.summary.text == "Predict. Which number?"
    assert second.pre.text == "seven\n"


def test_a_browser_sends_an_answer_and_nothing_else():
    question = Question(question="Which?", choices=["A", "B"], result="<p>B</p>")
    question.set_state({"answer": "A", "result": "<script>", "_esm": "", "choices": []})
    assert question.answer == "A"
    assert question.result == "<p>B</p>"
    assert question.choices == ["A", "B"]
    question.set_state({"result": ""})
    assert question.result == "<p>B</p>"
