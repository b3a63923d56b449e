"""The book: a site that is whole, needs nothing from elsewhere, and opens as files."""

import importlib
import re
import subprocess
import sys
import tomllib
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
from PIL import Image

from devtools.lab import Watch

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
PUBLIC = [
    *("losses", "distributions", "distances", "transport", "transport.rounding", "ground_distance"),
    *("metrics", "beliefs", "propriety", "losses.descent", "plots", "plots.style", "datasets"),
    *(
        "training",
        "models",
        "comparing",
        "experiments",
        "published",
        "exercises",
        "diagnosis",
        "explorers",
    ),
]
FORMULAS = [
    r"p < 1",
    r"\operatorname{sign}(d_i)",
    r"\lvert \mathrm{CDF}_i(\mathbf{p}) - \mathrm{CDF}_i(\mathbf{t}) \rvert",
    r"\left(\tfrac{1}{C}\right)^{1/l}",
]
ALIGNED = r"\begin{aligned} a &= \sum_i p_i \\ b &= \underbrace{\sqrt{a}}_{c} \end{aligned}"
OPENING = """# 1 · A short lesson

**What you will learn.** How a book is made.

See [the first part](#the-first-part), [itself](01_short.ipynb), [results](../docs/RESULTS.md) and
[the data](../data/README.md#utkface)."""
CELLS = {
    "figure": """
import matplotlib.pyplot as plt
from emdviz.plots import style
from emdviz.explorers import PredictionExplorer, flip_book
style.use()
figure, ax = plt.subplots(figsize=(3, 2))
ax.plot([1, 2], label="rising <b>");""",
    "explorer": "explorer = PredictionExplorer([0.5, 0.2, 0.3], target=1)\nexplorer.panel()",
    "changed": "explorer.target = 2",
    "flip book": "flip_book((plt.figure(figsize=(2, 1)) for _ in range(3)), ['a', 'b', 'c'])",
    "slider": "import ipywidgets\nipywidgets.IntSlider()",
    "question": """
from emdviz import exercises
with exercises.predict("How much is 6 · 7?", "40", "42"):
    print(6 * 7)""",
    "progress": "from tqdm.auto import tqdm\nfor _ in tqdm(range(3)): pass",
}


class Page(HTMLParser):
    """What a page points to, and what can be pointed to in it."""

    def __init__(self, path):
        super().__init__()
        self.text = path.read_text(encoding="utf-8")
        self.loaded, self.links, self.ids, self.images = [], [], set(), []
        self.feed(self.text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.ids |= {attributes.get("id"), attributes.get("name")} - {None}
        if tag == "img":
            self.images.append(attributes)
        if tag == "a":
            self.links.append(attributes.get("href"))
        else:
            self.loaded += [attributes[name] for name in ("src", "href") if name in attributes]

    handle_startendtag = handle_starttag


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("book")
    formulas = " and ".join(f"${formula}$" for formula in FORMULAS)
    text = f"## The first part\n\n{formulas}\n\n$${ALIGNED}$$"
    cells = [nbformat.v4.new_markdown_cell(source) for source in (OPENING, text)]
    cells += [nbformat.v4.new_code_cell(source) for source in CELLS.values()]
    solution = nbformat.v4.new_code_cell("answer = 42", metadata={"tags": ["solution"]})
    folded = nbformat.v4.new_code_cell("6", metadata={"jupyter": {"source_hidden": True}})
    notebook = nbformat.v4.new_notebook(cells=[*cells, solution, folded])
    (folder / "notebooks").mkdir()
    nbformat.write(notebook, folder / "notebooks" / "01_short.ipynb")
    command = [sys.executable, ROOT / "scripts" / "book.py"]
    options = ["--notebooks", folder / "notebooks", "--out", folder / "book"]
    done = subprocess.run([*command, *options], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / "book"


def test_only_a_book_is_overwritten_by_a_book(site, tmp_path):
    book = importlib.import_module("scripts.book")
    for allowed in (site, tmp_path, tmp_path / "new"):
        book.check_out(allowed)
    (tmp_path / "letter").touch()
    for wrong in (tmp_path, tmp_path / "letter"):
        with pytest.raises(SystemExit, match="--out must be a new folder, or that of a book"):
            book.check_out(wrong)


@pytest.fixture(scope="module")
def pages(site):
    return {path: Page(path) for path in site.rglob("*.html")}


@pytest.fixture(scope="module")
def lesson(site, pages):
    return pages[site / "notebooks" / "01_short.html"]


def test_links_within_the_book_exist(site, pages):
    names = {path.relative_to(site).as_posix() for path in pages}
    assert {"index.html", "docs/RESULTS.html", "docs/BENCHMARKS.html", "CHANGELOG.html"} <= names
    for path, page in pages.items():
        for target in [*page.loaded, *page.links]:
            parts = urlsplit(target)
            if parts.scheme in ("http", "https", "data"):
                continue
            there = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert there.is_file(), f"{path.relative_to(site)} points to {target}"
            if parts.fragment and there in pages:
                assert unquote(parts.fragment) in pages[there].ids, f"{path.name}: {target}"


def test_the_tour_and_the_figures_come_along(site, pages):
    assert "site/tour.html" in pages[site / "index.html"].links
    assert "site/prediction.html" in pages[site / "index.html"].loaded
    assert "tour-step" in pages[site / "site" / "tour.html"].text


def test_nothing_is_loaded_from_elsewhere(site, pages):
    for path, page in pages.items():
        loaded = [target for target in page.loaded if not target.startswith("data:")]
        assert not [target for target in loaded if urlsplit(target).netloc], path
        assert not re.search(r"require\.js|mathjax|@import|cdnjs", page.text, re.IGNORECASE), path
    for path in site.rglob("*.css"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"@import|url\(\s*['\"]?(https?:)?//", text), path


def test_links_between_notebooks_lead_to_pages(lesson):
    assert {"#the-first-part", "../docs/RESULTS.html"} <= set(lesson.links)
    assert "../data/README.html#utkface" in lesson.links
    assert {"#", "01_short.html"} & set(lesson.links)
    assert not [link for link in lesson.links if link.endswith((".ipynb", ".md"))]


def test_formulas_are_mathml(lesson):
    found = re.findall(r"<math .*?</math>", lesson.text, re.DOTALL)
    assert len(found) == len(FORMULAS) + 1
    for formula in found:
        drawn = re.sub(r'alttext="[^"]*"', "", formula)
        assert "\\" not in drawn
        assert "merror" not in drawn
    assert "<mo>&lt;</mo>" in found[0]
    assert "sign" in re.sub("<[^>]*>", "", found[1])
    assert found[-1].count("<mtr>") == 2, "aligned in two lines"
    assert 'display="block"' in found[-1]


def test_explorers_leave_their_page_and_picture(site, lesson):
    page = (site / "_static" / "01-0.html").read_text(encoding="utf-8")
    assert '"target":2' in page, "as it is at the end of the notebook"
    assert "Content-Security-Policy" in page
    assert "../_static/01-0.html" in lesson.loaded
    picture = next(image for image in lesson.images if image["src"].endswith("01-0.png"))
    assert "Bar chart" in picture["alt"]


def test_pictures_have_alt_text(site, lesson):
    for image in lesson.images:
        assert image["alt"]
        assert (site / "notebooks" / image["src"]).is_file()
    assert any("rising <b>" in image["alt"] for image in lesson.images)


def test_widgets_without_a_page(lesson):
    assert lesson.text.count("This figure needs Python") == 1, "the slider, not the progress bar"
    assert 'max="3"' in lesson.text
    assert [image["alt"] for image in lesson.images if len(image["alt"]) == 1] == ["a", "b", "c"]


def test_solutions_are_folded(lesson):
    assert re.search(
        r"<details[^>]*>\s*<summary[^>]*>.*?Show a solution.*?42.*?</details>",
        lesson.text,
        re.DOTALL,
    )


def test_folded_cells_are_folded_and_results_stand_under_their_question(lesson):
    assert len(re.findall(r"Show code cell source", lesson.text)) == 1
    question = re.search(r'<details class="emdviz-question">.*?</details>', lesson.text, re.DOTALL)
    assert "How much is 6 · 7? (40 · 42)</summary>" in question[0]
    assert "<pre>42\n</pre>" in question[0]


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_explained(pages, name):
    ids = set().union(*(page.ids for path, page in pages.items() if path.parent.name == "api"))
    module = importlib.import_module(f"emdviz.{name}")
    assert f"module-emdviz.{name}" in ids
    functions = [each for each in getattr(module, "__all__", []) if callable(getattr(module, each))]
    missing = [each for each in functions if f"emdviz.{name}.{each}" not in ids]
    assert missing == []


@pytest.fixture
def visit(browser, site):
    """Return a function that opens a page of the book as a file, where no network is."""
    opened = []

    def visit_(name, **options):
        context = browser.new_context(offline=True, **options)
        opened.append(context)
        watch = Watch(context)
        page = context.new_page()
        page.goto(f"{site.as_uri()}/{name}")
        return SimpleNamespace(page=page, watch=watch)

    yield visit_
    for context in opened:
        context.close()


@pytest.mark.browser
class TestInABrowser:
    @pytest.mark.parametrize("width", [390, 1280])
    @pytest.mark.parametrize("name", ["index.html", "notebooks/01_short.html", "api/losses.html"])
    def test_opens_as_a_file(self, visit, name, width):
        seen = visit(name, viewport={"width": width, "height": 800})
        for frame in seen.page.locator(".book-live iframe").all():
            frame.scroll_into_view_if_needed()
            inside = frame.content_frame
            inside.locator(".emdviz-bar-fill").first.wait_for(state="attached")
            handle = frame.element_handle()
            seen.page.wait_for_function("(frame) => frame.clientHeight > 300", arg=handle)
            hidden = "() => document.documentElement.scrollHeight - innerHeight"
            assert inside.locator("html").evaluate(hidden) <= 1
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
        assert (seen.watch.errors, seen.watch.foreign_requests) == ([], [])

    def test_frames_are_as_dark_as_the_page(self, visit):
        seen = visit("index.html", color_scheme="light")
        inside = seen.page.frame_locator(".book-live iframe").locator("html")
        inside.locator(".emdviz-bar-fill").first.wait_for(state="attached")
        seen.page.evaluate("document.body.dataset.theme = 'dark'")
        seen.page.wait_for_function("getComputedStyle(document.body).colorScheme !== ''")
        inside.locator("xpath=self::*[contains(@style, 'dark')]").wait_for()

    def test_without_javascript_the_picture_is_seen(self, visit):
        page = visit("notebooks/01_short.html", java_script_enabled=False).page
        assert not page.locator(".book-live iframe").is_visible()
        assert page.locator(".book-live img").is_visible()
        assert page.locator(".book-flip img").count() == 3

    def test_pages_are_flipped(self, visit):
        page = visit("notebooks/01_short.html").page
        pictures = page.locator(".book-flip img")
        assert [each.is_visible() for each in pictures.all()] == [True, False, False]
        page.locator(".book-flip input").press("End")
        assert [each.is_visible() for each in pictures.all()] == [False, False, True]

    def test_search_works_from_files(self, visit):
        seen = visit("search.html?q=wasserstein")
        found = seen.page.locator("#search-results li a").first
        found.wait_for()
        assert (seen.watch.errors, seen.watch.foreign_requests) == ([], [])


class TestReadme:
    @pytest.fixture
    def pictures(self):
        text = (ROOT / "README.md").read_text(encoding="utf-8")
        return re.findall(r'!\[[^\]]+\]\(([^)]+)\)|<img src="([^"]+)"', text)

    def test_pictures_lie_here(self, pictures):
        paths = [ROOT / (one or other) for one, other in pictures]
        assert [path for path in paths if not path.is_file()] == []
        lessons = [path for path in paths if path.parent.name == "lessons"]
        assert len(lessons) == len(list((ROOT / "notebooks").glob("*.ipynb")))
        assert sum(path.stat().st_size for path in lessons) < 400_000

    def test_one_picture_moves(self):
        with Image.open(ROOT / "docs" / "explorer.webp") as picture:
            assert picture.n_frames > 20
        assert (ROOT / "docs" / "explorer.webp").stat().st_size < 1_500_000

    def test_badges_are_true(self):
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        badges = ROOT / "docs" / "badges"
        oldest = project["requires-python"].removeprefix(">=")
        assert f"Python: {oldest} or newer" in (badges / "python.svg").read_text()
        assert f"licence: {project['license']}" in (badges / "licence.svg").read_text()
