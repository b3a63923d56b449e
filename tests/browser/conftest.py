"""One Chromium and one JupyterLab for all browser tests."""

import collections
import contextlib
import itertools
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


@pytest.fixture(scope="session")
def idle_pages(browser):
    """Pages that no test uses at present, each with its Watch, by the options of their contexts."""
    idle = collections.defaultdict(list)
    yield idle
    for page, _ in itertools.chain(*idle.values()):
        page.context.close()


@pytest.fixture
def offline(browser, idle_pages):
    """Return a function that opens an address where no network is.

    It returns the page, and the Watch that notes what goes wrong there. A page that a test before
    had is used again, which takes half the time, unless it must be a ``new`` one.
    """
    taken = []

    def open_(
        address,
        viewport=None,
        color_scheme="light",
        reduced_motion="no-preference",
        new=False,
        **options,
    ):
        idle = idle_pages[repr(sorted(options.items()))]
        if new or not idle:
            context = browser.new_context(offline=True, **options)
            watch = Watch(context)
            page = context.new_page()
        else:
            page, watch = idle.pop()
            watch.errors.clear()
            watch.foreign_requests.clear()
        taken.append((None if new else idle, page, watch))
        page.set_viewport_size(viewport or {"width": 1280, "height": 720})
        page.emulate_media(color_scheme=color_scheme, reduced_motion=reduced_motion)
        page.goto(address)
        return page, watch

    yield open_
    for idle, page, watch in taken:
        if idle is None:
            page.context.close()
        else:
            page.goto("about:blank")
            idle.append((page, watch))


@pytest.fixture
def offline_page(offline, tmp_path):
    """Return a function that does the same with the saved page of an explorer."""

    def open_(explorer, **options):
        return offline(explorer.save_html(tmp_path / "page.html").as_uri(), **options)

    return open_
