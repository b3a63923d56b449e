"""The table of losses in a real browser: dragged, sorted, filtered and compared."""

import numpy as np
import pytest

from emdviz.explorers import ZooExplorer
from emdviz.explorers.zoo import rules
from emdviz.explorers.zoo.zoo import stored
from tests.browser.figure import wait_until

pytestmark = pytest.mark.browser

NAMES = "(nodes) => nodes.map((node) => node.dataset.row)"
HEIGHTS = """(charts) => charts.map((chart) =>
  [...chart.querySelectorAll('.emdviz-best-bar')].map((bar) => bar.getAttribute('height') / 28))"""
BEST = """(row) => [...row.querySelectorAll('.emdviz-best-bar')].map(
  (bar) => +bar.getAttribute('height'))"""


def moved(t, i, value):
    """What a bar leaves to the others, in their old proportions."""
    t = np.array(t)
    t *= (1 - value) / (1 - t[i])
    t[i] = value
    return t


def end(locator):
    """Where it ends at the right, in pixels of the page."""
    box = locator.bounding_box()
    return box["x"] + box["width"]


def rows(page):
    return page.locator(".emdviz-losses tbody tr").evaluate_all(NAMES)


def test_a_saved_page_sorts_filters_and_compares(offline_page):
    explorer = ZooExplorer(first="XE", second="EMD2")
    page, watch = offline_page(explorer)
    assert sorted(rows(page)) == sorted(explorer.facts)
    page.locator(".emdviz-sort", has_text="Step").click()
    assert page.locator("[aria-sort=ascending]").inner_text().startswith("Step")
    page.get_by_role("columnheader", name="Step", exact=True).wait_for()  # the arrow is not read
    costs = [explorer.facts[name]["cost"] for name in rows(page)]
    assert costs == sorted(costs)
    page.locator(".emdviz-sort", has_text="Step").click()
    assert [explorer.facts[name]["cost"] for name in rows(page)] == costs[::-1]
    page.locator(".emdviz-sort", has_text="Push").click()
    assert page.locator("[aria-sort=descending]").inner_text().startswith("Push")
    pushes = [explorer.facts[name]["share"] or 0 for name in rows(page)]
    assert pushes == sorted(pushes, reverse=True)
    page.get_by_label("Proper?").select_option("strictly proper")
    page.get_by_label("Push").select_option("saturates")
    shown = rows(page)
    assert "EMD2" in shown
    assert all(explorer.facts[name]["proper"] == "strictly proper" for name in shown)
    assert all(explorer.facts[name]["saturates"] for name in shown)
    pair = explorer.pair
    told = page.locator(".emdviz-told")
    assert f"{pair['one']:.3f}" in told.inner_text()
    assert f"{min(pair['other']):.3f}" in told.inner_text()
    drawn = page.locator(".emdviz-small-large").evaluate_all(HEIGHTS)
    np.testing.assert_allclose(drawn, [pair["p"], pair["q"]], atol=1e-6)
    page.locator(".emdviz-pair .emdviz-button").click()
    assert told.inner_text().startswith("EMD² calls A and B equal")
    assert watch.errors == watch.foreign_requests == []


def test_a_loss_that_fails_is_not_compared(offline_page):
    def bad(logits, labels):
        raise NameError("of the user's")

    explorer = ZooExplorer(show=["XE", bad])
    wait_until(lambda: "failed" in explorer.facts["bad"])
    page, _ = offline_page(explorer)
    assert page.locator(".emdviz-told").inner_text().startswith("bad failed")


def test_a_drag_changes_all_best_answers_at_once(offline_page):
    explorer = ZooExplorer()
    page, _ = offline_page(explorer)
    bar = page.locator(".emdviz-t .emdviz-bar").nth(0)
    bar.focus()
    page.keyboard.press("PageUp")
    t = moved(explorer.t, 0, explorer.t[0] + 0.1)
    for name, row in stored()["rows"].items():
        best = rules.answer(row, t)
        if best is not None and "p" in best:
            drawn = np.array(page.locator(f"tr[data-row='{name}']").evaluate(BEST)) / 28
            np.testing.assert_allclose(drawn, best["p"], atol=1e-3, err_msg=name)
    page.keyboard.press("End")
    for name in ("XE", "EMD", "EMD2"):
        row = page.locator(f"tr[data-row='{name}']")
        heights = np.array(row.evaluate(BEST))
        assert heights.argmax() == 0
        assert heights[1:].max() < 1e-6
    soft = np.array(page.locator("tr[data-row=SORD]").evaluate(BEST))
    assert soft[0] > soft[1] > soft[2] > soft[3] > 0


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (1920, 1080)])
def test_all_of_it_is_in_sight(offline_page, width, height):
    page, _ = offline_page(ZooExplorer())
    page.set_viewport_size({"width": width, "height": height})
    root = page.locator(".emdviz-explorer")
    wait_until(lambda: root.bounding_box()["height"] <= height)
    assert page.evaluate("document.documentElement.scrollHeight") <= height
    scroll = page.locator(".emdviz-scroll")
    assert scroll.evaluate("(node) => node.scrollWidth - node.clientWidth") <= 1


def test_a_phone_scrolls_the_table_alone(offline_page):
    page, _ = offline_page(ZooExplorer())
    page.set_viewport_size({"width": 880, "height": 700})  # of a notebook beside its files
    scroll, row = page.locator(".emdviz-scroll"), page.locator("tr[data-row=XE]")
    for cell in (
        row.locator("[data-best]"),
        row.locator("[data-saturates], .emdviz-small-push").last,
    ):
        wait_until(lambda cell=cell: end(cell) <= end(scroll))
    page.set_viewport_size({"width": 320, "height": 700})
    wait_until(lambda: page.evaluate("document.documentElement.scrollWidth") <= 320)


def test_the_kernel_answers_where_no_rule_does(open_cells):
    notebook = open_cells(
        "from emdviz.explorers import ZooExplorer\n"
        "explorer = ZooExplorer(show=['XE', 'COPOC', 'hinge-WW'])\nexplorer"
    )
    page = notebook.page
    row = page.locator("tr[data-row=COPOC]")
    row.wait_for()
    page.locator(".emdviz-t .emdviz-bar").nth(0).focus()
    page.keyboard.press("PageUp")
    wait_until(lambda: row.locator("[data-best]").inner_text().strip() == "", seconds=120)
    heights = np.array(row.evaluate(BEST))
    assert heights.max() > 5
