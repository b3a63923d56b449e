"""The state of a figure in the address of its page, and what can be taken away from a figure."""

import itertools
import re

import pytest
from PIL import Image

from emdviz import explorers
from emdviz.explorers.kit.address import fields

pytestmark = pytest.mark.browser

NAMES = sorted(explorers.WITHOUT_TORCH)
REST = 450  # milliseconds after which the address has followed
MARKUP = "<img src=x onerror=window.taken=1>"
STATES = {
    "PredictionExplorer": "#p=.1,.2,.3,.4&q=.4,.3,.2,.1&target=2&equal=0&pins_q=0,3",
    "TransportExplorer": "#mass_p=.5&matrix=1&order=2&p=.1,.2,.3,.4&t=0,0,.5,.5",
    "ProprietyExplorer": "#p=.1,.2,.3,.4&pins_t=1&show_p=1&t=0,0,.5,.5",
    "GradientExplorer": "#steps=12&weight=2&rate=.1&own=1&p=.1,.2,.3,.4&target=2",
    "SinkhornExplorer": "#domain=plain&iterations=7&lam=125&p=.1,.2,.3,.4&precision=float32",
    "ZooExplorer": "#cost=more&descending=1&first=EMD&order=kept&pins_t=1&second=SORD&sort=cost"
    "&rewards=strictly+proper&t=.1,.2,.3,.4,0",
}
REFUSED = {
    "p=.1,.2": "p must be 4 probabilities that sum to 1, got “.1,.2”",
    "p=.1,.2,.3,.9": "p must be 4 probabilities that sum to 1",
    "p=-1,1,1,0": "p must be 4 probabilities that sum to 1",
    "p=NaN,1,0,0": "p must be 4 probabilities",
    "p=1e999,0,0,0": "p must be 4 probabilities",
    f"p={MARKUP}": "p must be 4 probabilities that sum to 1, got “<img src=x onerror=windo…”",
    f"{MARKUP}": "“<img src” is unknown here; known are ",
    "target=4": "target must be a whole number from 0 to 3, got “4”",
    "target=1.5": "target must be a whole number from 0 to 3",
    "target=1&target=2": "target stands in it twice",
    "equal=yes": "equal must be 0 or 1, got “yes”",
    "equal=1&p=.1,.2,.3,.4&q=.4,.3,.2,.1": "equal = 1 needs p and q to give the true class the",
    "pins_p=9": "pins_p must be numbers of classes, 0 to 3, got “9”",
    "__proto__=1": "“__proto__” is unknown here",
    "constructor=1": "“constructor” is unknown here",
    "_esm=alert(1)": "“_esm” is unknown here",
    "p=%E0%A4%A": "“%E0%A4%A” is not well formed",
    "p=" + "9" * 30000: "it is 30002 letters long",
}
SAYS = "(said) => document.querySelector('.emdviz-explorer').ariaLabel === said"
FIVE_KEYS = """async () => {
  const [bar] = document.querySelectorAll('.emdviz-bar');
  const before = location.hash;
  const press = () => bar.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowUp' }));
  for (let n = 0; n < 5; n += 1) press();
  await null;
  return [before, location.hash];
}"""
NO_CLIPBOARD = """() => {
  navigator.clipboard.writeText = () => Promise.reject();
  document.execCommand = () => false;
}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The saved pages of all explorers, of four classes, or the five of the table of losses."""
    folder = tmp_path_factory.mktemp("pages")
    for name in NAMES:
        classes = list("abcde" if name == "ZooExplorer" else "abcd")
        getattr(explorers, name)(classes=classes).save_html(folder / f"{name}.html")
    return folder


@pytest.fixture
def visit(offline, folder):
    """Return a function that opens a page with the end of an address, where no network is."""

    def visit_(name, end="", **options):
        size = {"width": 1280, "height": 720}
        page, watch = offline(f"{(folder / name).as_uri()}.html{end}", viewport=size, **options)
        page.watch = watch
        page.locator(".emdviz-bar").first.wait_for()
        return page

    return visit_


def state_of(name):
    """The end of an address: of the table above, or else another first distribution."""
    return STATES.get(name) or f"#{next(iter(getattr(explorers, name)._lists))}=.1,.2,.3,.4"


def end_of(page):
    return page.evaluate("location.hash")


@pytest.fixture(scope="module")
def untouched(browser, folder):
    """What the page of the prediction explorer says at an address without a state."""
    page = browser.new_page()
    page.goto((folder / "PredictionExplorer.html").as_uri())
    page.locator(".emdviz-bar").first.wait_for()
    said = in_words(page)
    page.close()
    return said


def in_words(page):
    return page.locator(".emdviz-explorer[aria-label]").get_attribute("aria-label")


@pytest.mark.parametrize("name", NAMES)
def test_what_a_browser_may_change_stands_in_the_address(name):
    explorer = getattr(explorers, name)()
    known = {field["name"] for field in fields(explorer)}
    fixed = {"classes", "positions", "tooltip", "layout", "tabbable"}
    scalars = {t for t in explorer.traits(sync=True) if re.fullmatch(r"[a-z]_\d+", t)}
    public = {t for t in explorer.traits(sync=True) if not t.startswith("_")}
    assert known == (public - fixed - scalars) | set(explorer.trait_names(from_browser=True))
    keys = [field["key"] for field in fields(explorer)]
    assert len(set(keys)) == len(keys)
    assert all(re.fullmatch(r"\w+", key) for key in keys)


@pytest.mark.parametrize("name", NAMES)
def test_a_link_brings_back_its_state(visit, name):
    page = visit(name, state_of(name))
    said = in_words(page)
    assert said != in_words(visit(name))
    # what is written for that state is read as that state
    page.locator(".emdviz-bar").first.focus()
    page.keyboard.press("p")
    page.keyboard.press("p")
    page.wait_for_timeout(REST)
    given, written = (set(end[1:].split("&")) for end in (state_of(name), end_of(page)))
    assert written == given
    page.reload()
    page.locator(".emdviz-bar").first.wait_for()
    page.wait_for_function(
        "(said) => document.querySelector('.emdviz-explorer').ariaLabel === said", arg=said
    )
    assert page.watch.errors == page.watch.foreign_requests == []


@pytest.mark.parametrize("end", REFUSED)
def test_a_broken_or_hostile_link_is_refused_in_words(visit, untouched, end):
    page = visit("PredictionExplorer", f"#{end}", bypass_csp=True)
    notice = page.get_by_role("alert").filter(visible=True)
    assert notice.inner_text().startswith(f"This link was refused: {REFUSED[end]}")
    assert len(notice.inner_text()) < 250
    assert in_words(page) == untouched
    assert page.evaluate("window.taken === undefined && ({}).p === undefined")
    assert page.locator("img").count() == 0
    assert page.watch.errors == []


def test_a_link_that_leaves_something_out_is_completed(visit):
    page = visit("PredictionExplorer", "#target=2")
    assert page.locator("input[type=checkbox]").first.is_checked(), "B follows A at the true class"
    assert in_words(page).count("gives the true class 0.17") == 2
    page = visit("PredictionExplorer", "#p=.1,.2,.3,.4&q=.4,.3,.2,.1&target=2")
    assert not page.locator("input[type=checkbox]").first.is_checked()
    assert "the true class 0.30" in in_words(page)
    assert "the true class 0.20" in in_words(page)


def test_the_address_follows_after_a_rest_and_fills_no_history(visit):
    page = visit("PredictionExplorer", new=True)  # with a short history
    length = page.evaluate("history.length")
    assert page.evaluate(FIVE_KEYS) == ["", ""]
    page.wait_for_function("() => location.hash.startsWith('#p=')")
    assert page.evaluate("history.length") == length


def test_back_undoes_presets_and_steps(visit):
    page = visit("GradientExplorer", "#target=1")
    seen = [(end_of(page), in_words(page))]

    def act(do):
        do()
        page.wait_for_function("(before) => location.hash !== before", arg=seen[-1][0])
        seen.append((end_of(page), in_words(page)))

    act(lambda: page.locator(".emdviz-preset").select_option("uniform"))
    act(lambda: page.get_by_role("button", name="10 steps").click())
    act(lambda: page.get_by_role("button", name="10 steps").click())
    assert "steps=20" in seen[-1][0]
    for (_, _), (end, said) in itertools.pairwise(reversed(seen)):
        page.go_back()
        page.wait_for_function(
            "([end, said]) => location.hash === end && "
            "document.querySelector('.emdviz-explorer').ariaLabel === said",
            arg=[end, said],
        )
    page.go_forward()
    page.wait_for_function("(end) => location.hash === end", arg=seen[1][0])


def test_a_change_before_a_step_is_not_lost(visit):
    page = visit("PredictionExplorer")
    page.locator(".emdviz-bar").first.focus()
    page.keyboard.press("PageUp")
    moved = in_words(page)
    page.locator(".emdviz-preset").first.select_option("uniform")
    page.wait_for_timeout(REST)
    page.go_back()
    page.wait_for_function(
        "(said) => document.querySelector('.emdviz-explorer').ariaLabel === said", arg=moved
    )


def test_links_and_frames_are_copied(visit):
    page = visit(
        "PredictionExplorer", "#target=1", permissions=["clipboard-read", "clipboard-write"]
    )
    page.get_by_text("Share", exact=True).click()
    page.get_by_role("button", name="Copy link").click()
    said = page.locator(".emdviz-answer")
    said.filter(has_text="Link copied. It works on this computer").wait_for()
    link = page.evaluate("navigator.clipboard.readText()")
    assert link.startswith(page.url.partition("#")[0])
    assert "target=1" in link
    page.get_by_role("button", name="Copy embed code").click()
    said.filter(has_text="Embed code copied").wait_for()
    code = page.evaluate("navigator.clipboard.readText()")
    assert re.fullmatch(
        r'<iframe src="[^"<>]*#[^"<>]*target=1" title="[^"<>]*" [^<>]*></iframe>', code
    )


def test_without_a_clipboard_the_reader_gets_a_message(visit):
    page = visit("PredictionExplorer")
    page.evaluate(NO_CLIPBOARD)
    page.get_by_text("Share", exact=True).click()
    page.get_by_role("button", name="Copy link").click()
    page.locator(".emdviz-answer").filter(has_text="Take it from the address bar").wait_for()
    page.keyboard.press("Escape")
    assert not page.get_by_role("button", name="Copy link").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", NAMES)
def test_a_picture_is_the_whole_figure(visit, tmp_path, name, scheme):
    page = visit(name, color_scheme=scheme)
    page.get_by_text("Share", exact=True).click()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Save picture").click()
    kind = name.removesuffix("Explorer").lower()
    assert waiting.value.suggested_filename == f"{kind}.png"
    waiting.value.save_as(tmp_path / "picture.png")
    box = page.locator(".emdviz-explorer").bounding_box()
    page.keyboard.press("Escape")
    page.locator(".emdviz-explorer").screenshot(path=tmp_path / "seen.png")
    with Image.open(tmp_path / "picture.png") as picture, Image.open(tmp_path / "seen.png") as seen:
        assert abs(picture.width - 2 * box["width"]) <= 2
        assert abs(picture.height - 2 * box["height"]) <= 2
        # as small pictures, without letters' edges, and without the Share button in its corner
        small = [
            each.convert("L").resize((64, 36)).crop((0, 6, 64, 36)) for each in (picture, seen)
        ]
        off = [abs(a - b) for a, b in zip(*(each.tobytes() for each in small), strict=True)]
        assert sum(off) / len(off) < 4
        least, most = picture.convert("L").getextrema()
        assert most - least > 150, "an empty picture"
    assert page.watch.errors == []


def test_in_a_notebook_the_page_is_saved_with_its_state(open_cells, visit, folder):
    cell = (
        "from emdviz.explorers import PredictionExplorer\nPredictionExplorer(classes=list('abcd'))"
    )
    notebook = open_cells(cell)
    shown = notebook.page.locator(".emdviz-explorer[aria-label]")
    notebook.page.locator(".emdviz-bar").nth(1).focus()
    notebook.page.keyboard.press("PageUp")
    said = shown.get_attribute("aria-label")
    shown.get_by_text("Share", exact=True).click()
    assert shown.get_by_role("button", name="Copy link").count() == 0, "a notebook has no link"
    with notebook.page.expect_download() as waiting:
        shown.get_by_role("button", name="Save page").click()
    assert waiting.value.suggested_filename == "prediction.html"
    waiting.value.save_as(folder / "saved.html")
    page = visit("saved")
    page.wait_for_function(SAYS, arg=said)
    with notebook.page.expect_download() as waiting:
        shown.get_by_role("button", name="Save picture").click()
    waiting.value.save_as(folder / "picture.png")
    with Image.open(folder / "picture.png") as picture:
        assert abs(picture.width - 2 * shown.bounding_box()["width"]) <= 2
        least, most = picture.convert("L").getextrema()
        assert most - least > 150, "an empty picture"
    assert notebook.errors == []
