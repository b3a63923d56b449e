"""Who gets in, and what names that are markup do: nothing, wherever they are shown."""

import os
import re
import sys
import urllib.error
from pathlib import Path

import pandas as pd
import pytest

from devtools.server import Server
from emdviz import datasets, explorers
from emdviz.experiments.export import to_html
from emdviz.training import TrainConfig
from tests.comparisons import made_up_epochs

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
TAKEN = "window.taken=1"
IMAGE = f'<img src=x onerror="{TAKEN}">'
NAMES = [IMAGE, f"</script><script>{TAKEN}</script>", f"\u2028'\"><svg onload='{TAKEN}'>"]
EXPLORERS = sorted(name for name in explorers.__all__ if name.endswith("Explorer"))
REACH_OUT = "fetch('http://127.0.0.1:9/').then(() => 'answered', (error) => error.name)"
INTRUDERS = "img[src='x'], [onerror], [onload]"
READ = """(node) => [node.textContent, ...[...node.querySelectorAll('[aria-label], [alt]')]
  .map((each) => each.getAttribute('aria-label') + each.getAttribute('alt'))]
  .join()"""

# written by readers, found in files, or handed over with a data set
CELLS = [
    f"""
from pathlib import Path
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image
from emdviz import datasets, diagnosis, exercises, explorers, plots
from emdviz.plots import style
from emdviz.training import TrainConfig
NAMES = {NAMES!r}
IMAGE = NAMES[0]
""",
    "explorers.PredictionExplorer(classes=NAMES).panel()",  # saved pages show all of them
    "explorers.flip_book([Figure((1, 1))], [IMAGE], name=IMAGE)",
    """
for folder in (IMAGE, NAMES[2]):
    for file in range(9):
        path = Path("hostile") / folder / f"{IMAGE}{file}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (32, 32)).save(path)
classes = [IMAGE, NAMES[2]]
data = datasets.load("image_folder", root="hostile", classes=classes, cache=False)
data
""",
    "data.summary()",
    "data.summary().rename_axis(IMAGE)",
    "explorers.LossRace(data, ['XE', 'EMD2'], TrainConfig(epochs=1, device='cpu'), probe=[0])",
    "pd.DataFrame({IMAGE: NAMES}, index=NAMES)",
    "style.use('notebook'); plots.plot_prediction([.2, .3, .5], classes=NAMES).set_title(IMAGE);",
    """
def wrong(p, t):
    raise ValueError(IMAGE)
wrong.__name__ = IMAGE
exercises.judge_emd(wrong)
""",
    "diagnosis.diagnose(wrong)",
]


@pytest.fixture(scope="module")
def figures():
    """Every explorer with classes of these names."""
    faces = datasets.load("synthetic_faces", n=30, size=32)
    labels = faces.labels % len(NAMES)
    data = datasets.OrderedData(IMAGE, faces.inputs, labels, NAMES, faces.splits, notes=NAMES)
    config = TrainConfig(epochs=1, device="cpu")
    replay = explorers.TrainingReplay(
        made_up_epochs({"XE": 2, "REG": 1}, 2, len(NAMES)), data, images=[0, 1]
    )
    race = explorers.LossRace(data, ["XE", "EMD2"], config, probe=[0])
    return [
        *(
            getattr(explorers, name)(classes=[*NAMES, "4", "5"] if name == "ZooExplorer" else NAMES)
            for name in EXPLORERS
        ),
        replay,
        race,
    ]


@pytest.fixture
def visit(offline, tmp_path):
    """Return a function that opens a page from a file, where no network is."""

    def visit_(markup, **options):
        path = tmp_path / "page.html"
        path.write_text(markup, encoding="utf-8")
        return offline(path.as_uri(), **options)

    return visit_


def intrude(page):
    """Do what a name that is taken for markup would; return whether it ran."""
    page.evaluate("(html) => document.body.insertAdjacentHTML('beforeend', html)", IMAGE)
    page.wait_for_timeout(300)
    return page.evaluate("window.taken === 1")


def check_safe(page):
    assert page.evaluate("window.taken === undefined")
    found = page.locator(INTRUDERS)
    assert found.evaluate_all("(nodes) => nodes.map((node) => node.parentElement.outerHTML)") == []


def test_names_stay_text_in_jupyterlab(open_cells):
    notebook = open_cells(*CELLS)
    page = notebook.page
    shown = page.locator(".emdviz-explorer")
    for i in range(2):
        shown.nth(i).locator("svg").first.wait_for()
    for i, source in enumerate(CELLS[1:], start=1):
        cell = page.locator(".jp-CodeCell").nth(i)
        assert "<img src=x" in cell.locator(".jp-Cell-outputArea").evaluate(READ), source
    check_safe(page)
    # anywidget says so wherever a busy machine takes it two seconds to show a figure
    slow = "[anywidget] Failed to initialize model."
    assert [text for text in notebook.errors if text != slow] == notebook.foreign_requests == []
    assert intrude(page), "this test could not have seen it"


def test_names_stay_text_on_saved_pages(visit, figures, tmp_path):
    for figure in figures:
        markup = figure.save_html(tmp_path / "saved.html").read_text(encoding="utf-8")
        page, watch = visit(markup, bypass_csp=True)  # the policy would hide a mistake
        page.locator("svg").first.wait_for()
        assert "<img src=x" in page.locator("body").evaluate(READ), figure
        check_safe(page)
        assert (watch.errors, watch.foreign_requests) == ([], [])
    assert intrude(page), "this test could not have seen it"


def test_saved_pages_run_nothing_but_what_they_came_with(visit, figures, tmp_path):
    replay = figures[-2]  # its page has images; those of other explorers are seen elsewhere
    for figure in [explorers.ProprietyExplorer(), replay]:
        page, watch = visit(figure.save_html(tmp_path / "saved.html").read_text(encoding="utf-8"))
        page.locator("svg").first.wait_for()
        if (bar := page.locator(".emdviz-bar").first).count():
            bar.focus()
            page.keyboard.press("PageUp")
        assert watch.errors == [], figure  # nothing of its own is refused
    assert not intrude(page)
    assert page.evaluate(REACH_OUT) == "TypeError"
    refused = "\n".join(watch.errors)
    for directive in ("script-src", "img-src", "default-src"):
        assert directive in refused


def test_a_policy_keeps_no_style_from_a_saved_page(visit, tmp_path):
    def sizes(style):
        explorer = explorers.ProprietyExplorer(classes=["low", "middle", "high"], style=style)
        page, _ = visit(explorer.save_html(tmp_path / "saved.html").read_text(encoding="utf-8"))
        page.set_viewport_size({"width": 390, "height": 800})  # where no text shrinks to fit
        page.locator(".emdviz-explorer:not([data-fit])").wait_for()
        return page.locator(".emdviz-explorer").evaluate(
            "(node) => parseFloat(getComputedStyle(node).fontSize)"
        )

    assert sizes("projector") == pytest.approx(1.5 * sizes("notebook"))


def test_names_stay_text_in_an_exported_table(visit):
    frame = pd.DataFrame({IMAGE: NAMES, "network": NAMES})
    page, watch = visit(to_html(frame), bypass_csp=True)
    assert page.locator("td").all_inner_texts()[0] == IMAGE
    check_safe(page)
    assert watch.errors == []
    page, watch = visit(to_html(frame))
    assert watch.errors == []
    assert not intrude(page)


class MakeLab(Server):
    """What `make lab` starts, with a port of its own and no browser."""

    alive_at = "/login"

    def command(self, private):
        root = " --allow-root" if os.getuid() == 0 else ""
        options = f"LAB_OPTIONS=--no-browser --port={self.port}{root}"
        binaries = f"BIN={Path(sys.executable).parent}"
        make = ["make", f"--directory={ROOT}", "--old-file=.venv/installed-lab"]
        return [*make, binaries, options, "lab"]


def test_make_lab_lets_in_this_computer_alone_and_only_with_a_token_of_its_own():
    with MakeLab() as lab:
        assert lab.listens_on() <= {"127.0.0.1", "::1"}
        with pytest.raises(urllib.error.HTTPError, match="403"):
            lab.request("/api/contents", token="guessed")
        (token,) = set(re.findall(rf"http://localhost:{lab.port}/lab\?token=(\w+)", lab.log()))
        assert len(token) >= 32
        found = lab.request("/api/contents/student", token=token)
        assert {"01_why_order_matters.ipynb"} < {each["name"] for each in found["content"]}
