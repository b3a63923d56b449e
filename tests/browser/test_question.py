"""Questions in a real JupyterLab: the result shows after a click or a typed answer, not before."""

import pytest

from tests.browser.figure import busy_kernel
from tests.browser.test_accessibility import violations

pytestmark = pytest.mark.browser

CELLS = (
    "from emdviz import exercises",
    "with exercises.predict('More than a thousand?', 'more', 'less'):\n    print(2**10)",
    "with exercises.predict('How much is three times seven?'):\n    print(3 * 7)",
    "pass",
)


@pytest.fixture
def notebook(open_cells):
    return open_cells(*CELLS, width=1280, height=720)


def seen(notebook):
    return notebook.page.locator(".jp-WindowedPanel-outer").inner_text()


def test_a_click_shows_the_result(notebook):
    question = notebook.page.locator(".emdviz-question").first
    question.get_by_role("button", name="less").wait_for()
    assert "1024" not in seen(notebook)
    with busy_kernel(notebook, 3):  # it is the browser that shows it
        question.get_by_role("button", name="less").click()
        question.locator(".emdviz-result").wait_for()
        assert "You said: less." in seen(notebook)
        assert "1024" in seen(notebook)
    assert question.get_by_role("button", name="more").is_disabled()
    assert question.get_by_role("button", name="less").get_attribute("aria-pressed") == "true"
    assert "21" not in seen(notebook)
    assert notebook.errors == []


def test_a_typed_answer_shows_the_result(notebook):
    question = notebook.page.locator(".emdviz-question").nth(1)
    line = question.get_by_role("textbox", name="Your prediction")
    line.wait_for()
    cells = notebook.page.evaluate("jupyterapp.shell.currentWidget.content.widgets.length")
    line.press("Enter")
    assert "21" not in seen(notebook)
    # keys that are commands of JupyterLab: cut, add a cell, delete
    line.press_sequentially("about 20 xabdd")
    line.press("Enter")
    question.locator(".emdviz-result").wait_for()
    assert "You said: about 20 xabdd." in seen(notebook)
    assert "21" in seen(notebook)
    after = notebook.page.evaluate("jupyterapp.shell.currentWidget.content.widgets.length")
    assert after == cells
    assert notebook.errors == []


def test_columns_of_a_table_stand_apart(open_cells):
    table = (
        "import pandas\n"
        "with exercises.predict('Which is larger?', 'a', 'b'):\n"
        "    display(pandas.DataFrame({'a': [1], 'b': [2]}).style)"
    )
    notebook = open_cells(CELLS[0], table)
    question = notebook.page.locator(".emdviz-question")
    question.get_by_role("button", name="b", exact=True).click()
    cell = question.locator("td").last
    cell.wait_for()
    assert float(cell.evaluate("cell => parseFloat(getComputedStyle(cell).paddingLeft)")) >= 8
    assert cell.evaluate("cell => getComputedStyle(cell).textAlign") == "right"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_no_fault(open_cells, dark):
    notebook = open_cells(*CELLS, dark=dark)
    question = notebook.page.locator(".emdviz-question").first
    question.get_by_role("button", name="less").click()
    question.locator(".emdviz-result").wait_for()
    assert violations(notebook.page, ".emdviz-question") == []
