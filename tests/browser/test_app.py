"""`make app`: the explorers as a page without code and without a kernel."""

import re
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

from devtools.lab import Watch
from emdviz import explorers
from tests.browser.figure import wait_until

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
SHOW = [sys.executable, str(ROOT / "app" / "show.py"), "--no-browser"]
NAMES = [n.removesuffix("Explorer") for n in explorers.__all__ if n.endswith("Explorer")]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("app")
    done = subprocess.run([*SHOW, f"--folder={folder}"], capture_output=True, text=True, check=True)
    assert f"{folder / 'index.html'}; its folder can be copied anywhere" in done.stdout
    return folder


@pytest.fixture(scope="module")
def watched(written, browser):
    context = browser.new_context(viewport={"width": 1280, "height": 720}, offline=True)
    watch = Watch(context)
    page = context.new_page()
    page.goto((written / "index.html").as_uri())
    yield page, watch
    context.close()


def figure_of(page, name):
    page.get_by_role("tab", name=name).click()
    figure = page.frame_locator(f"#panel-{name}").locator(".emdviz-explorer")
    figure.locator(".emdviz-bar").first.wait_for()
    return figure


def test_it_opens_on_the_first_figure(watched):
    page, _ = watched
    figure = page.frame_locator("iframe >> visible=true").locator(".emdviz-explorer")
    figure.wait_for()
    tabs = page.get_by_role("tablist").bounding_box()
    assert tabs["y"] == 0
    assert figure.bounding_box()["y"] <= tabs["height"] + 40
    assert page.get_by_role("heading").count() == 0
    assert page.evaluate("document.documentElement.scrollHeight") == 720


def test_every_explorer_has_its_tab_in_readable_letters(watched):
    tabs = watched[0].get_by_role("tab")
    assert sorted(tabs.all_inner_texts()) == NAMES
    sizes = tabs.evaluate_all("all => all.map((one) => parseFloat(getComputedStyle(one).fontSize))")
    assert min(sizes) >= 20


@pytest.mark.parametrize("name", NAMES)
def test_bars_move_and_numbers_follow(watched, name):
    page, _ = watched
    figure = figure_of(page, name)
    bar = figure.locator(".emdviz-bar").first
    before, spoken = bar.get_attribute("aria-valuenow"), figure.get_attribute("aria-label")
    bar.focus()
    page.keyboard.press("PageUp")
    wait_until(lambda: bar.get_attribute("aria-valuenow") != before)
    wait_until(lambda: figure.get_attribute("aria-label") != spoken)
    changed = bar.get_attribute("aria-valuenow")
    figure_of(page, next(other for other in NAMES if other != name))
    assert (
        figure_of(page, name).locator(".emdviz-bar").first.get_attribute("aria-valuenow") == changed
    )


def test_a_figure_can_fill_the_screen(watched):
    page, _ = watched
    figure_of(page, "Prediction").locator(".emdviz-bar").first.focus()
    page.keyboard.press("f")
    page.wait_for_function("document.fullscreenElement?.id === 'panel-Prediction'")
    page.keyboard.press("f")
    page.wait_for_function("document.fullscreenElement === null")


def test_the_keyboard_moves_between_tabs(watched):
    page, _ = watched
    titles = page.get_by_role("tab").all_inner_texts()
    page.get_by_role("tab", name=titles[-1]).click()
    for key, title in (("ArrowRight", titles[0]), ("ArrowLeft", titles[-1]), ("Home", titles[0])):
        page.keyboard.press(key)
        selected = page.get_by_role("tab", selected=True)
        assert selected.inner_text() == title
        assert selected.evaluate("tab => tab === document.activeElement")
        assert page.locator("iframe:visible").get_attribute("title") == title


def test_the_address_chooses_the_tab(watched, written):
    page = watched[0].context.new_page()
    for fragment, title in ((NAMES[-1], NAMES[-1]), ("<img src=x>", "Prediction")):
        page.goto(f"{(written / 'index.html').as_uri()}#{fragment}")
        assert page.get_by_role("tab", selected=True).inner_text() == title
        assert page.locator("img").count() == 0
        page.goto("about:blank")
    page.close()


def test_text_is_large_and_there_is_no_code(watched):
    page, _ = watched
    figure = figure_of(page, "Prediction")
    assert figure.evaluate("node => parseFloat(getComputedStyle(node).fontSize)") >= 16
    assert "import" not in figure.inner_text()


def test_the_tabs_keep_the_rules_of_accessibility(watched):
    found = Axe().run(watched[0], context={"include": [["[role=tablist]"]]})
    assert found.response["violations"] == []


def test_nothing_complained_and_nothing_left_this_machine(watched):
    _, watch = watched
    assert (watch.errors, watch.foreign_requests) == ([], [])


def test_it_is_served_to_others_only_when_asked(written):
    command = [*SHOW, f"--folder={written}", "--share", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as served:
        try:
            said = "".join(served.stdout.readline() for _ in range(3))
            port = re.search(r"http://.+:(\d+) now", said)[1]
            there = f"http://127.0.0.1:{port}"
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            page = opener.open(f"{there}/", timeout=30).read()
            assert page == (written / "index.html").read_bytes()
            for outside in ("/../show.py", "/%2e%2e/show.py", "//etc/passwd"):
                with pytest.raises(urllib.error.HTTPError, match="404"):
                    opener.open(there + outside, timeout=30)
        finally:
            served.terminate()
    assert "nothing\nelse of this computer" in said
