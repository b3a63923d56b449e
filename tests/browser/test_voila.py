"""A figure of a notebook of one's own, served by Voilà."""

import sys

import nbformat
import pytest

from devtools.server import TOKEN, Server
from tests.browser.figure import wait_until

pytestmark = pytest.mark.browser

CELL = "from emdviz.explorers import PredictionExplorer\nPredictionExplorer()"


class Voila(Server):
    alive_at = "/voila/static/require.min.js"

    def command(self, private):
        notebook = private / "figure.ipynb"
        nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)]), notebook)
        serve = [
            sys.executable,
            "-m",
            "voila",
            str(notebook),
            "--no-browser",
            "--Voila.ip=127.0.0.1",
        ]
        return [*serve, f"--port={self.port}", f"--token={TOKEN}"]


def test_bars_move_and_numbers_follow(browser):
    with Voila() as running:
        page = browser.new_page()
        page.goto(running.url("/"), timeout=120_000)  # it comes when its cells have run
        figure = page.locator(".emdviz-explorer")
        bar = figure.locator(".emdviz-bar").first
        bar.wait_for(timeout=60_000)
        before, spoken = bar.get_attribute("aria-valuenow"), figure.get_attribute("aria-label")
        bar.focus()
        page.keyboard.press("PageUp")
        wait_until(lambda: bar.get_attribute("aria-valuenow") != before)
        wait_until(lambda: figure.get_attribute("aria-label") != spoken)
        page.close()
