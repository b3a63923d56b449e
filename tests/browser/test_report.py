"""A report in a browser: live, safe, on a phone, in the dark and on paper."""

import re
from pathlib import Path

import pytest

from emdviz import report
from emdviz.palette import contrast
from tests.reports import ATTACK, compare, hostile_table

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
CONTRASTS = """() => [...document.querySelectorAll(
    '.report p, .report li, .report td, .report th, .report dt, .report dd, .report figcaption')]
  .filter((node) => node.textContent.trim() && !node.closest('#report-explorer'))
  .map((node) => getComputedStyle(node).color)"""


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    """The report on a table whose names are hostile."""
    folder = tmp_path_factory.mktemp("hostile")
    return report.write(
        compare(hostile_table(folder), folder / "made", ("XE", "EMD2"), seeds=2, epochs=1)
    ).path


@pytest.fixture
def visit(offline, page_file):
    """Return a function that opens the report where no network is."""

    def visit_(**options):
        page, watch = offline(page_file.as_uri(), **options)
        page.locator("#report-explorer svg").first.wait_for()
        return page, watch

    return visit_


def test_names_stay_text_and_nothing_is_added(visit):
    page, watch = visit(bypass_csp=True)  # the policy would hide a mistake
    assert page.evaluate("window.taken === undefined")
    assert page.locator("img[src='x'], [onerror], [onload]").count() == 0
    assert (watch.errors, watch.foreign_requests) == ([], [])
    page, watch = visit()
    assert (watch.errors, watch.foreign_requests) == ([], [])  # nothing of its own is refused
    added = f'<img src=x onerror="{ATTACK}">'
    page.evaluate("(html) => document.body.insertAdjacentHTML('beforeend', html)", added)
    gone = "fetch('http://127.0.0.1:9/').then(() => 'answered', (error) => error.name)"
    assert page.evaluate(gone) == "TypeError"
    assert page.evaluate("window.taken === undefined")
    assert "img-src" in "\n".join(watch.errors)


def test_every_example_opens_in_the_figure(visit):
    page, watch = visit()
    opened = page.locator("#report-opened")
    examples = page.locator(".report-examples > li")
    seen = set()
    for k in range(examples.count()):
        name = examples.nth(k).locator("h3").inner_text()
        examples.nth(k).locator("button").click()
        assert opened.inner_text() == name
        charts = examples.nth(k).locator(".report-bars")
        told = [
            [float(x) for x in re.findall(r" (\d\.\d\d)(?:,|$)", chart.get_attribute("aria-label"))]
            for chart in charts.all()
        ]
        shown = [
            round(float(bar.get_attribute("aria-valuenow")), 2)
            for bar in page.locator("#report-explorer .emdviz-bar").all()
        ]
        assert shown == pytest.approx([x for one in told for x in one], abs=0.011)
        seen.add(name)
    assert len(seen) == examples.count() > 1
    assert watch.errors == []


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_no_page_scrolls_sideways(visit, width):
    page, _ = visit(viewport={"width": width, "height": 720})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


BROKEN = """() => {
  const texts = document.createTreeWalker(document.querySelector('.report'), NodeFilter.SHOW_TEXT);
  const broken = [], place = document.createRange();
  while (texts.nextNode()) {
    const { data, parentElement } = texts.currentNode;
    if (parentElement.closest('pre, thead, #report-explorer')) continue;
    for (const { index, 0: part } of data.matchAll(/\\d\\s%/g)) {
      place.setStart(texts.currentNode, index);
      place.setEnd(texts.currentNode, index + part.length);
      const lines = new Set([...place.getClientRects()].map((box) => Math.round(box.bottom)));
      if (lines.size > 1) broken.push(data);
    }
  }
  return broken;
}"""


def test_no_line_ends_inside_a_percentage(visit):
    page, _ = visit()
    text = page.evaluate("document.querySelector('.report').innerText")
    assert len(re.findall(r"\d\s%", text)) > 10
    for width in range(320, 1300, 70):
        page.set_viewport_size({"width": width, "height": 720})
        assert page.evaluate(BROKEN) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read(visit, scheme):
    page, _ = visit(color_scheme=scheme)

    def as_hex(colour):
        return "#" + "".join(f"{int(part):02x}" for part in re.findall(r"\d+", colour)[:3])

    paper = as_hex(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert (contrast(paper, "#000000") < 3) == (scheme == "dark")
    for colour in set(page.evaluate(CONTRASTS)):
        assert contrast(as_hex(colour), paper) >= 4.5, colour
    sources = page.locator(".report-figures img").evaluate_all(
        "(all) => all.map((image) => image.currentSrc)"
    )
    part = "source').srcset" if scheme == "dark" else "img').src"
    wanted = page.locator(".report-figures picture").evaluate_all(
        f"(all) => all.map((one) => one.querySelector('{part})"
    )
    assert sources == wanted


def test_it_prints_on_four_pages(visit):
    page, _ = visit()
    pages = page.pdf(prefer_css_page_size=True, print_background=True)
    assert 1 <= len(re.findall(rb"/Type\s*/Page\b", pages)) <= 4


def test_in_jupyterlab_it_follows_the_theme_and_its_links_stay_inside(open_cells, page_file):
    code = f"import pathlib, emdviz.report\nemdviz.report.Report(pathlib.Path({str(page_file)!r}))"
    # without a scheme that playwright would put in the place of the frame's
    notebook = open_cells(code, width=1280, height=720, dark=True, color_scheme="null")
    frame = notebook.page.locator("iframe[title='Report']")
    report_ = notebook.page.frame_locator("iframe[title='Report']")
    is_dark = "() => matchMedia('(prefers-color-scheme: dark)').matches"
    assert report_.locator(".report").evaluate(is_dark)
    notebook.command("apputils:change-theme", {"theme": "JupyterLab Light"})
    notebook.page.wait_for_selector("body[data-jp-theme-light='true']", state="attached")
    assert not report_.locator(".report").evaluate(is_dark)
    room = notebook.page.locator(".jp-WindowedPanel-outer").bounding_box()
    assert frame.bounding_box()["height"] < room["height"]
    report_.locator("a[href$='#warnings']").click()
    place = report_.locator("h2#warnings").evaluate("(node) => node.getBoundingClientRect().top")
    assert 0 <= place < frame.bounding_box()["height"]
    assert notebook.errors == []
