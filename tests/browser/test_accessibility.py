"""No explorer breaks a rule of level A or AA, as far as axe-core can tell.

axe-core is Deque's, from npm, in the version that the package axe-playwright-python brings
(4.12.1 in its 0.1.8).
"""

import pytest
from axe_playwright_python.sync_playwright import Axe

from emdviz import explorers

pytestmark = pytest.mark.browser

NAMES = [name for name in explorers.__all__ if name.endswith("Explorer")]
LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
OPTIONS = {"runOnly": {"type": "tag", "values": LEVELS}, "resultTypes": ["violations"]}


PICTURE = """import matplotlib.pyplot as plt
from emdviz import plots
from emdviz.plots import style
style.use()
plt.figure(figsize=(7, 3.4))
curves = {"EMD2": [1, 0, 1], "EMD": [1, 0.5, 1]}
ax = plots.plot_curves(curves, [-1, 0, 1], xlabel="gap $d$", ylabel="cost")
ax.set_title('What a <b>gap</b> costs');
"""


def violations(page, context=".emdviz-explorer"):
    found = Axe().run(page, context=context, options=OPTIONS).response
    assert found["passes"], "no rule applied"
    return [
        f"{rule['id']}: {node['target']} {node['failureSummary']}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", NAMES)
def test_a_saved_page(offline_page, name, scheme):
    explorer = getattr(explorers, name)()
    size = {"width": 1280, "height": 900}
    page, watch = offline_page(explorer, viewport=size, color_scheme=scheme)
    page.locator(".emdviz-bar").first.wait_for()
    assert violations(page) == []
    assert watch.errors == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_in_jupyterlab(open_cells, dark):
    cells = [f"from emdviz.explorers import {name}\n{name}()" for name in NAMES] + [PICTURE]
    notebook = open_cells(*cells, dark=dark, width=1280, height=900)
    for i in range(len(NAMES)):
        notebook.page.locator(".emdviz-explorer").nth(i).locator(".emdviz-bar").first.wait_for()
    assert violations(notebook.page) == []
    picture = notebook.page.locator("img[alt^='Line plot']")
    assert violations(notebook.page, "img[alt^='Line plot']") == []
    assert picture.get_attribute("alt").startswith('Line plot "What a <b>gap</b> costs": cost')
    # as large as it is drawn, and twice as sharp
    shown, width, of_all = picture.evaluate("i => [i.width, i.naturalWidth, innerWidth]")
    assert width / 2 - 1 <= shown <= width / 2 < of_all


def test_axe_would_find_something(browser):
    page = browser.new_page()
    page.set_content('<html lang="en"><div class="emdviz-explorer"><input></div></html>')
    assert any(found.startswith("label:") for found in violations(page))
    page.close()
