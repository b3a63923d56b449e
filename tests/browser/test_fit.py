"""All of every figure is in sight without scrolling, numbers included, wherever it is shown."""

import pytest

from emdviz import datasets, explorers
from emdviz.training import TrainConfig
from tests.comparisons import made_up_epochs

pytestmark = pytest.mark.browser

SIZES = [(1280, 720), (1920, 1080)]
NAMES = [name for names in explorers.ALL.values() for name in names]

SETUP = """
from emdviz import datasets, explorers
from emdviz.training import TrainConfig
from tests.comparisons import made_up_epochs
faces = datasets.load("synthetic_faces", n=160, size=32)
losses = {"XE": 3, "REG": 3, "EMD2": 2, "EMD": 3}
options = {
    "LossRace": [faces, list(losses), TrainConfig(epochs=3, device="cpu")],
    "TrainingReplay": [made_up_epochs(losses, 8, 8), faces],
}
"""

# how far parts of a figure, or its texts and numbers, leave the screen `within`; the least text
LOOK = """async ([n, selector]) => {
  // a screen of another size is told, and then the figure is laid out
  for (let frame = 0; frame < 3; frame += 1) await new Promise(requestAnimationFrame);
  const root = [...document.querySelectorAll('.emdviz-explorer')][n];
  root.scrollIntoView();
  const screen = document.querySelector(selector);
  const room = selector === 'html'
    ? { top: 0, left: 0, bottom: innerHeight, right: innerWidth } : screen.getBoundingClientRect();
  const texts = [...root.querySelectorAll('*')].filter((node) =>
    node.getClientRects().length && !node.closest('.emdviz-spoken')
    && [...node.childNodes].some((part) => part.nodeType === 3 && part.data.trim()));
  // of a table that scrolls, the frame
  const framed = texts.map((node) => node.closest('.emdviz-scroll') ?? node);
  const outside = [root, ...new Set(framed)].filter((node) => {
    // a full screen is as high as the screen, but what it holds may be higher
    const higher = node.scrollHeight > node.clientHeight + 1;
    if (node === root && document.fullscreenElement && higher) return true;
    const box = node.getBoundingClientRect();
    return box.top < room.top - 1 || box.bottom > room.bottom + 1
      || box.left < room.left - 1 || box.right > room.right + 1;
  });
  return {
    outside: outside.map((node) => node.textContent.slice(0, 40)),
    least: Math.min(...texts.map((node) => parseFloat(getComputedStyle(node).fontSize))),
    texts: texts.length,
  };
}"""


def check(page, n, within, style):
    seen = page.evaluate(LOOK, [n, within])
    assert seen["outside"] == []
    assert seen["texts"] > 10
    assert seen["least"] >= (16 if style == "projector" else 11) - 0.1


@pytest.fixture(scope="module")
def faces():
    return datasets.load("synthetic_faces", n=160, size=32)


@pytest.mark.parametrize("style", ["notebook", "projector"])
@pytest.mark.parametrize("name", NAMES)
def test_a_saved_page_is_in_sight(offline_page, faces, name, style):
    losses = {"XE": 3, "REG": 3, "EMD2": 2, "EMD": 3}
    arguments = {
        "LossRace": [faces, list(losses), TrainConfig(epochs=3, device="cpu")],
        "TrainingReplay": [made_up_epochs(losses, 8, 8), faces],
    }
    page, watch = offline_page(getattr(explorers, name)(*arguments.get(name, ()), style=style))
    page.locator(".emdviz-chart[viewBox]").last.wait_for(state="attached")
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        check(page, 0, "html", style)
        page.get_by_role("button", name="Full screen").click()
        page.wait_for_function("document.fullscreenElement !== null")
        check(page, 0, "html", style)
        page.evaluate("document.exitFullscreen()")
        page.wait_for_function("document.fullscreenElement === null")
    assert watch.errors == []


def test_a_figure_takes_its_room_again_when_a_panel_goes(offline_page):
    page, _ = offline_page(explorers.TransportExplorer())
    layout = "(root) => [root.dataset.fit, root.style.fontSize, root.offsetHeight]"
    root, matrix = page.locator(".emdviz-explorer"), page.get_by_role("checkbox", name="Matrix")
    page.wait_for_function("document.querySelector('.emdviz-explorer').dataset.fit === 'loose'")
    before = root.evaluate(layout)
    matrix.check()
    page.wait_for_function("document.querySelector('.emdviz-explorer').dataset.fit === 'tight'")
    matrix.uncheck()
    page.wait_for_function("document.querySelector('.emdviz-explorer').dataset.fit === 'loose'")
    assert root.evaluate(layout) == before


@pytest.mark.parametrize("style", ["notebook", "projector"])
def test_images_of_a_race_stand_side_by_side_with_whole_labels(offline_page, faces, style):
    race = explorers.LossRace(
        faces, ["XE", "EMD2"], TrainConfig(epochs=3, device="cpu"), style=style
    )
    page, _ = offline_page(race, viewport={"width": 1920, "height": 1080})
    page.locator(".emdviz-card").last.wait_for()
    cards = page.locator(".emdviz-card").evaluate_all(
        """(cards) => cards.map((card) => {
          const [picture, caption] = card.children;
          return [card, picture].map((node) => node.getBoundingClientRect().right)
            .concat(caption.scrollWidth - caption.clientWidth);
        })"""
    )
    for right, picture, cut in cards:
        assert picture <= right + 1
        assert cut <= 0


@pytest.mark.parametrize("app", ["lab", "notebook"])
def test_a_notebook_has_every_figure_in_sight(open_cells, app):
    styles = ("notebook", "projector")
    shown = [(name, style) for name in NAMES for style in styles]
    cells = [f"explorers.{n}(*options.get({n!r}, ()), style={s!r})" for n, s in shown]
    # three classes have landscapes below their numbers, and so less room
    shown += [("ProprietyExplorer", style) for style in styles]
    cells += [f"explorers.ProprietyExplorer([0.5, 0.3, 0.2], style={s!r})" for s in styles]
    notebook = open_cells(SETUP, *cells, app=app, width=1280, height=720)
    for width, height in SIZES:
        notebook.page.set_viewport_size({"width": width, "height": height})
        notebook.page.wait_for_timeout(500)
        for n, (_, style) in enumerate(shown):
            check(notebook.page, n, ".jp-WindowedPanel-outer", style)


@pytest.mark.parametrize("style", ["notebook", "projector"])
def test_tasks_stand_above_the_drawing_one_at_a_time(offline_page, style):
    tasks = ["Drag a bar <b>up</b>.", "Which number is least?"]
    page, _ = offline_page(explorers.TransportExplorer(tasks=tasks, style=style))
    strip = page.locator(".emdviz-task")
    before, after = (strip.get_by_role("button", name=name) for name in ("Task before", "Next"))
    assert "Task 1 of 2" in strip.inner_text()
    assert tasks[0] in strip.inner_text()  # as text, never as markup
    assert before.is_disabled()
    after.click()
    assert tasks[1] in strip.inner_text()
    assert tasks[0] not in strip.inner_text()
    assert after.is_disabled()
    before.click()
    assert "Task 1 of 2" in strip.inner_text()
    page.set_viewport_size({"width": 1280, "height": 720})
    check(page, 0, "html", style)


def test_the_button_and_the_key_f_fill_the_screen(offline_page):
    page, _ = offline_page(explorers.PredictionExplorer())
    root = page.locator(".emdviz-explorer")
    filled = "document.fullscreenElement?.classList.contains('emdviz-explorer') ?? false"
    root.get_by_role("button", name="Full screen").click()
    page.wait_for_function(filled)
    root.locator(".emdviz-bar").first.focus()
    page.keyboard.press("f")
    page.wait_for_function(f"!({filled})")
