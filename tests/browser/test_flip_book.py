"""A flip book that grows while its reader turns the pages."""

import pytest

from tests.browser.figure import wait_until

pytestmark = pytest.mark.browser

GROWING = """
import os, time
from matplotlib.figure import Figure
from emdviz.explorers import flip_book

with flip_book() as book:
    for number in range(1, 5):
        book.add(Figure((2, 1)), f"page {number}")
        while not os.path.exists(f"FOLDER/{number}"):
            time.sleep(0.02)
"""


def test_a_growing_book_is_read_while_the_kernel_is_busy(open_cells, tmp_path):
    notebook = open_cells("pass")
    page = notebook.page
    page.evaluate(
        """(source) => {
          const { content } = jupyterapp.shell.currentWidget;
          content.widgets[0].model.sharedModel.setSource(source);
          content.activeCellIndex = 0;
          void jupyterapp.commands.execute('notebook:run-cell');
        }""",
        GROWING.replace("FOLDER", tmp_path.as_posix()),
    )
    slider, shown = page.get_by_role("slider"), page.locator("img.emdviz-page")

    def sees(number):
        page.get_by_role("img", name=f"page {number}").wait_for()
        assert shown.count() == 1

    def last():
        return slider.count() and float(slider.get_attribute("aria-valuemax"))

    sees(1)
    assert slider.count() == 0
    (tmp_path / "1").touch()
    wait_until(lambda: last() == 2)
    sees(1)
    slider.press("ArrowRight")
    sees(2)
    (tmp_path / "2").touch()
    wait_until(lambda: last() == 3)
    sees(2)  # what comes does not turn the page
    slider.press("ArrowRight")
    sees(3)
    for number in (3, 4):
        (tmp_path / str(number)).touch()
    wait_until(lambda: last() == 4)
    assert notebook.python("len(book.pages)") == 4
    sees(3)
    slider.press("End")
    sees(4)
    assert notebook.errors == []
