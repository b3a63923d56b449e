"""One Chromium and one JupyterLab for all browser tests."""

import contextlib
import os

import nbformat
import pytest

from devtools.lab import NO_CHROMIUM, Lab, Watch, find_chromium

_REQUIRED = os.environ.get("EMDVIZ_REQUIRE_BROWSER") == "1"


def pytest_runtest_setup():
    # here rather than in the fixture, so that the summary says it once and not for every test
    if find_chromium() is None:
        (pytest.fail if _REQUIRED else pytest.skip)(NO_CHROMIUM)


@pytest.fixture(scope="session")
def lab(browser, tmp_path_factory):
    folder = tmp_path_factory.mktemp("notebooks")
    with contextlib.ExitStack() as ends:
        with pytest.MonkeyPatch.context() as patch:  # for its kernels alone
            patch.setenv("EMDVIZ_FAST", os.environ.get("EMDVIZ_FAST", "1"))
            running = ends.enter_context(Lab(folder, browser))
        yield running


@pytest.fixture(scope="session")
def open_cells(lab):
    """Return a function that opens a notebook made of these cells and runs it."""
    made = []

    def open_(*cells, **options):
        name = f"made-{len(made)}.ipynb"
        made.append(name)
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
        nbformat.write(notebook, lab.folder / name)
        opened = lab.open(name, **{"warm": True} | options)
        opened.run_all()
        return opened

    return open_


@pytest.fixture
def offline(browser):
    """Return a function that opens an address where no network is.

    It returns the page, and the Watch that notes what goes wrong there.
    """
    with contextlib.ExitStack() as opened:

        def open_(address, **options):
            context = browser.new_context(offline=True, **options)
            opened.callback(context.close)
            watch = Watch(context)
            page = context.new_page()
            page.goto(address)
            return page, watch

        yield open_


@pytest.fixture
def offline_page(offline, tmp_path):
    """Return a function that does the same with the saved page of an explorer."""
    return lambda explorer: offline(explorer.save_html(tmp_path / "page.html").as_uri())
