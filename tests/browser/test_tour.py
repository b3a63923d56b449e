"""The tour and the gallery in a browser, from files, where no network is."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe

from emdviz import site
from emdviz.site.recorded import Replay
from emdviz.site.steps import CLASSES, A, steps
from tests.browser.test_accessibility import OPTIONS

pytestmark = pytest.mark.browser

STEPS = steps(Replay())
NOW = ".tour-step[data-now]"
ALL_DRAWN = """(count) =>
  document.querySelectorAll(".tour-step .emdviz-explorer[aria-label]").length === count"""
SAID = f"document.querySelector('{NOW} .emdviz-explorer').ariaLabel"
NUMBER = f"document.querySelector('{NOW} .emdviz-bar').getAttribute('aria-valuenow')"
# what sticks out of the words, of the figure's room, and of the window
HIDDEN = f"""() => {{
  const step = document.querySelector("{NOW}");
  const [words, room] = ["words", "figure"].map((name) => step.querySelector(`.tour-${{name}}`));
  const figure = room.querySelector(".emdviz-explorer");
  const page = document.documentElement;
  return [
    words.scrollHeight - words.clientHeight, figure.offsetHeight - room.clientHeight,
    figure.scrollWidth - room.clientWidth, page.scrollHeight - innerHeight,
    page.scrollWidth - innerWidth,
  ];
}}"""
SMALLEST = f"""() => {{
  const texts = document.createTreeWalker(document.querySelector("{NOW}"), NodeFilter.SHOW_TEXT);
  const sizes = [];
  while (texts.nextNode()) {{
    const {{ parentElement: node, data }} = texts.currentNode;
    const shown = node.checkVisibility({{ visibilityProperty: true }});
    const spoken = node.closest(".emdviz-spoken");
    if (data.trim() && shown && !spoken) sizes.push(parseFloat(getComputedStyle(node).fontSize));
  }}
  return Math.min(...sizes);
}}"""


# texts that their drawing cuts off, and the narrowest drawing
CUT = f"""() => [...document.querySelectorAll("{NOW} svg.emdviz-chart")]
  .filter((chart) => chart.checkVisibility({{ visibilityProperty: true }}))
  .flatMap((chart) => [...chart.querySelectorAll("text")].filter((text) => {{
    const [box, edge] = [text, chart].map((node) => node.getBoundingClientRect());
    return text.textContent && text.checkVisibility({{ visibilityProperty: true }})
      && (box.bottom > edge.bottom + 4 || box.right > edge.right + 4);
  }}).map((text) => text.textContent))"""
NARROWEST = f"""() => Math.min(...[...document.querySelectorAll("{NOW} svg.emdviz-chart")]
  .filter((chart) => chart.checkVisibility()).map((chart) => chart.clientWidth))"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    site.build(folder)
    return folder


@pytest.fixture
def visit(offline, folder):
    """Return a function that opens a page of the site, by default on a small projector."""
    opened = []

    def visit_(name="tour.html", width=1280, height=720, reduced_motion="reduce", **options):
        size = {"width": width, "height": height}
        options |= {"viewport": size, "reduced_motion": reduced_motion}
        page, page.watch = offline(f"{folder.as_uri()}/{name}", **options)
        opened.append(page.watch)
        if name.startswith("tour"):
            page.wait_for_function(ALL_DRAWN, arg=len(STEPS))
        return page

    yield visit_
    for watch in opened:
        assert watch.errors == []
        assert watch.foreign_requests == []


def wait_for(page, text):
    page.wait_for_function(f"(text) => {SAID} === text", arg=text)


def wait_for_other(page, text):
    page.wait_for_function(f"(text) => {SAID} !== text", arg=text)


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (1920, 1080)])
def test_every_step_is_in_sight_and_every_answer_answers(visit, width, height):
    page = visit(width=width, height=height)
    for number, step in enumerate(STEPS, 1):
        now = page.locator(NOW)
        assert now.get_attribute("id") == step.name
        assert page.locator(".tour-bar-place").inner_text() == f"{number} of {len(STEPS)}"
        asked = page.evaluate(SAID)
        assert page.evaluate(HIDDEN) <= [0, 2, 1, 0, 0], step.name
        answers = [*enumerate(step.answers)]
        if width > 1280:  # each was clicked on the small screen; here keys give one of them
            answers = [answers[number % len(answers)]]
        for i, answer in answers:
            assert not now.locator(".tour-reveal").is_visible()
            if width == 1280:
                now.get_by_role("button", name=answer, exact=True).click()
            else:
                page.keyboard.press(str(i + 1))
            verdict = "✓ Yes." if i == step.right else "✗ Not quite."
            assert now.locator(".tour-verdict").inner_text().strip() == verdict
            wait_for_other(page, asked)
            if i == answers[0][0]:
                hidden = page.evaluate(HIDDEN)
                assert all(h <= most for h, most in zip(hidden, [0, 2, 1, 0, 0], strict=True)), step
                assert page.evaluate(SMALLEST) >= 15.9, step.name
                assert page.evaluate(CUT) == [], step.name
                assert page.evaluate(NARROWEST) >= 120, step.name
            page.keyboard.press("PageUp")
            wait_for(page, asked)
        page.keyboard.press("PageDown")
        assert now.locator(".tour-reveal").is_visible()
        assert now.locator(".tour-verdict").inner_text() == ""
        page.keyboard.press("ArrowRight")
    assert page.locator(".tour-bar-next").is_disabled()
    page.keyboard.press("Home")
    assert page.locator(NOW).get_attribute("id") == STEPS[0].name


def test_a_mouse_on_a_bar_leaves_the_keys_to_the_tour(visit):
    page = visit()
    bar = page.locator(f"{NOW} .emdviz-bar").first
    box = bar.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] - 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] - 60, steps=3)
    page.mouse.up()
    assert float(bar.get_attribute("aria-valuenow")) > A[0]
    page.keyboard.press("PageDown")
    page.keyboard.press("PageDown")
    assert page.locator(NOW).get_attribute("id") == STEPS[1].name
    # a bar that was reached by the keyboard keeps them
    bar.focus()
    page.keyboard.press("PageUp")
    page.wait_for_function(f"(value) => {NUMBER} > value + 0.05", arg=A[0])
    assert page.locator(NOW).get_attribute("id") == STEPS[1].name


def test_the_answer_moves_the_figure_so_that_the_eye_can_follow(visit):
    page = visit(reduced_motion="no-preference")
    step = STEPS[0]
    page.evaluate(
        """() => {
          window.seen = new Set();
          const bar = document.querySelector(".tour-step .emdviz-bar");
          const note = () => seen.add(bar.getAttribute("aria-valuenow"));
          new MutationObserver(note).observe(bar, { attributes: true });
        }"""
    )
    page.keyboard.press("PageDown")
    last = f"{step.shown['p'][0]:.4f}"
    page.wait_for_function("(last) => seen.has(last)", arg=last)
    assert len(page.evaluate("[...seen]")) > 3


def test_steps_have_addresses_and_a_list(visit):
    page = visit(f"tour.html#{STEPS[4].name}")
    assert page.locator(NOW).get_attribute("id") == STEPS[4].name
    page.keyboard.press("o")
    links = page.locator(".tour-overview a[href^='#']")
    assert links.all_inner_texts() == [step.title for step in STEPS]
    links.nth(9).click()
    page.wait_for_function(f"() => location.hash === '#{STEPS[9].name}'")
    assert page.locator(NOW).get_attribute("id") == STEPS[9].name
    assert page.evaluate("document.activeElement.innerText") == STEPS[9].title
    page.go_back()
    page.wait_for_function(f"() => document.querySelector('{NOW}').id === '{STEPS[4].name}'")
    page.evaluate("location.hash = '<img src=x onerror=window.taken=1>'")
    notice = page.get_by_role("alert").filter(has_text="The tour has no step called")
    assert "“<img src=x onerror=windo”" in notice.inner_text()
    assert page.evaluate("window.taken === undefined")
    assert page.locator(NOW).get_attribute("id") == STEPS[0].name


def test_a_figure_opens_on_its_page_as_it_stands(visit):
    page = visit(f"tour.html#{STEPS[1].name}")
    page.keyboard.press("PageDown")
    link = page.locator(f"{NOW} .tour-open")
    link.hover()
    assert re.match(r"prediction\.html#.*q=", link.get_attribute("href"))
    said = page.evaluate(SAID)
    link.click()
    page.wait_for_url("**/prediction.html#*")
    shown = page.locator(".emdviz-explorer[aria-label]").get_attribute("aria-label")
    numbers = [re.findall(r"cross-entropy (\d\.\d+)", text) for text in (said, shown)]
    assert numbers[0] == numbers[1]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_of_it_can_be_read_on_a_phone(visit, scheme):
    page = visit(width=390, height=844, color_scheme=scheme, has_touch=True, is_mobile=True)
    for i, step in enumerate(STEPS):
        section = page.locator(".tour-step").nth(i)
        assert not section.locator(".tour-reveal").is_visible()
        section.get_by_role("button", name=step.answers[step.right], exact=True).tap()
        assert section.locator(".tour-reveal").inner_text().startswith("✓ Yes.")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    report = Axe().run(page, options=OPTIONS).response
    assert report["passes"]
    assert [
        f"{rule['id']}: {node['target']} {node['failureSummary']}"
        for rule in report["violations"]
        for node in rule["nodes"]
    ] == []


@pytest.mark.parametrize("name", ["tour.html", "index.html", "race.html"])
def test_no_rule_of_accessibility_is_broken(visit, name):
    page = visit(name)
    page.locator(".emdviz-explorer[aria-label]").first.wait_for()
    report = Axe().run(page, options=OPTIONS).response
    assert report["passes"]
    assert [f"{rule['id']}: {rule['nodes'][0]['target']}" for rule in report["violations"]] == []


def test_a_figure_goes_by_the_states_whose_answers_it_knows(visit):
    page = visit(reduced_motion="no-preference")
    names = [step.name for step in STEPS]
    on_walk = [step for step in STEPS if step.on_walk]
    assert on_walk
    for step in on_walk:
        page.goto(f"{page.url.partition('#')[0]}#{step.name}")
        page.wait_for_function(ALL_DRAWN, arg=len(STEPS))
        page.evaluate(
            f"""() => {{
              window.said = [];
              const figure = document.querySelector("{NOW} .emdviz-explorer");
              const note = () => said.push(figure.ariaLabel);
              new MutationObserver(note).observe(figure, {{ attributes: true }});
            }}"""
        )
        page.keyboard.press("PageDown")
        page.wait_for_function(
            "(text) => said.at(-1)?.includes(text)",
            arg=", ".join(f"{c} {v:.2f}" for c, v in zip(CLASSES, step.shown["t"], strict=True)),
        )
        said = page.evaluate("said")
        assert len(said) > 3
        assert not any("kernel" in text for text in said)
        page.locator(f"{NOW} .emdviz-bar").first.focus()
        page.keyboard.press("PageUp")
        page.wait_for_function(f"() => {SAID}.includes('needs a running kernel')")
        link = page.locator(f"{NOW} .tour-open").get_attribute("href")
        assert link == "zoo.html"
        assert names.index(step.name) < names.index("training")


def test_paper_has_a_page_for_each_step_with_its_answer(visit):
    page = visit()
    pdf = page.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == len(STEPS)
    assert page.locator(".tour-reveal:not([hidden])").count() == len(STEPS)


def test_the_gallery_leads_to_every_page(visit, folder):
    page = visit("index.html")
    links = page.locator("main a").evaluate_all("(links) => links.map((a) => a.href)")
    assert {link.rpartition("/")[2] for link in links} == {f"{name}.html" for name in site.PAGES}
    page.get_by_role("link", name="Take the tour").click()
    page.wait_for_url("**/tour.html")


@pytest.mark.parametrize("name", site.PAGES)
@pytest.mark.parametrize("width", [390, 1280])
def test_a_figure_fits_its_page_and_the_frame_of_its_embed_code(visit, folder, name, width):
    page = visit(f"{name}.html", width=width)
    page.locator(".emdviz-explorer[aria-label]").wait_for()
    beyond = "[document.documentElement.scrollHeight - innerHeight, innerWidth - scrollWidth]"
    beyond = beyond.replace("scrollWidth", "document.documentElement.scrollWidth")
    height, room = page.evaluate(beyond)
    assert room >= 0
    if width == 1280:
        assert height <= 8
    host = folder / "host.html"
    frame = f'<iframe src="{name}.html" style="width: 100%; aspect-ratio: 16 / 9; border: 0">'
    host.write_text(f"<!doctype html><body style='margin: 0'>{frame}</iframe>", "utf-8")
    page.goto(host.as_uri())
    inside = page.frame_locator("iframe")
    inside.locator(".emdviz-explorer[aria-label]").wait_for()
    assert not inside.locator(".site-bar").is_visible()
    if width == 1280:
        assert page.frames[1].evaluate(beyond)[0] <= 8
    host.unlink()
