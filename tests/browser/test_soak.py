"""Thousands of slider changes leave the browser and the kernel as large as they were."""

import pytest

from tests.browser.figure import wait_until
from tests.soak.sizes import amount

pytestmark = [pytest.mark.browser, pytest.mark.soak]

LISTS = ("Prediction", "Transport", "Propriety", "Gradient", "Sinkhorn")
EXPLORERS = (*LISTS, "Race", "Replay")
TRAINED = """
from emdviz import datasets, explorers
from emdviz.training import TrainConfig
faces = datasets.load("synthetic_faces", n=100, size=32)
config = TrainConfig(epochs=3, batch_size=32, device="cpu")
race = explorers.LossRace(faces, ["XE", "EMD2"], config)
race.start()
race.wait(text=False)
replay = explorers.TrainingReplay(race.epochs, faces)
"""
# counts what an explorer is told; its state alone may be back where it was after the last key
HEARD = """
{name}_heard = [0]
{name}.observe(lambda _, heard={name}_heard: heard.__setitem__(0, heard[0] + 1))
"""
CONTROLS = "[role=slider], input[type=range], .emdviz-field select"
CHANGES = amount(60, 10_000)
GROWTH = amount(1.1, 1.05)  # what grows for other reasons counts more when it is short
KEYS = [*["ArrowUp"] * 7, *["ArrowDown"] * 5, "PageUp", "ArrowLeft", "PageDown", "End", "Home"]
MEMORY = """__import__('gc').collect() * 0 + 1024 * next(
    int(line.split()[1]) for line in open('/proc/self/status') if line.startswith('RssAnon'))"""


@pytest.fixture(scope="module")
def notebook(open_cells):
    made = [f"{name.lower()} = explorers.{name}Explorer()" for name in LISTS]
    heard = [HEARD.format(name=name.lower()) for name in EXPLORERS]
    panels = [f"{name.lower()}.panel()" for name in LISTS]
    cells = ("\n".join([TRAINED, *made, *heard]), *panels, "race", "replay")
    return open_cells(*cells, height=1400, warm=False)


@pytest.fixture(scope="module")
def devtools(notebook):
    return notebook.page.context.new_cdp_session(notebook.page)


def measure(notebook, devtools):
    """Return bytes of the page and of the kernel, and what the page is made of."""
    notebook.page.wait_for_timeout(500)  # what is under way comes to rest
    devtools.send("HeapProfiler.collectGarbage")
    page = devtools.send("Runtime.getHeapUsage")["usedSize"]
    parts = devtools.send("Memory.getDOMCounters")
    return page, notebook.python(MEMORY), (parts["nodes"], parts["jsEventListeners"])


def play(notebook, controls, count):
    """Press a key, another key, and so on, moving to the next control now and then."""
    for change in range(count):
        if change % len(KEYS) == 0:
            controls.nth(change // len(KEYS) % controls.count()).focus()
        notebook.page.keyboard.press(KEYS[change % len(KEYS)])


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", EXPLORERS)
def test_memory_stays_flat(name, notebook, devtools):
    figure = notebook.page.locator(".emdviz-explorer").nth(EXPLORERS.index(name))
    controls = figure.locator(CONTROLS).locator("visible=true")
    heard = f"{name.lower()}_heard[0]"
    start = notebook.python(heard)
    play(notebook, controls, max(CHANGES // 10, 2 * len(KEYS)))
    wait_until(lambda: notebook.python(heard) > start)
    before = measure(notebook, devtools)
    start = notebook.python(heard)
    play(notebook, controls, CHANGES)
    wait_until(lambda: notebook.python(heard) > start)
    after = measure(notebook, devtools)
    page, kernel = after[0] / before[0], after[1] / before[1]
    print(f"\n{name}: {CHANGES} changes, page × {page:.3f}, kernel × {kernel:.3f}")
    assert page < GROWTH
    assert kernel < GROWTH
    assert all(now <= 1.02 * was + 20 for was, now in zip(before[2], after[2], strict=True))
