"""Figures in words: what is drawn is what is said, of the marks of Matplotlib and of ours."""

import base64
import datetime
import html
import io

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
import torch
from bs4 import BeautifulSoup
from nbconvert import HTMLExporter
from PIL import Image

from emdviz import beliefs, plots, training
from emdviz.plots import alt_text
from emdviz.plots.alt_text import describe
from tests.test_notebooks import execute

NAMES = ["young", "middle", "old"]


def said(ax):
    return describe(ax.figure)


def test_bars_are_described_by_their_names_and_heights():
    ax = plots.plot_prediction([0.2, 0.5, 0.3], 2, classes=NAMES)
    ax.set_title("After epoch 3")
    assert said(ax) == (
        'Bar chart "After epoch 3": probability. '
        "prediction: 0.2 at young, 0.5 at middle, 0.3 at old. truth: 1 at old."
    )


def test_many_bars_are_described_by_the_greatest():
    p = np.full(20, 0.04)
    p[7] = 0.24
    assert "prediction: 20 bars, greatest 0.24 at 7." in said(plots.plot_prediction(p))


def test_bars_that_lie_are_described_by_their_rows():
    ax = plt.figure().subplots()
    ax.barh(["low", "high"], [1.5, -2])
    assert said(ax) == "Bar chart. 1.5 at low, -2 at high."


def test_lines_are_described_by_their_ends_and_what_lies_beyond():
    ax = plt.figure().subplots()
    ax.plot([1, 2, 3, 4], [0.5, 3, np.nan, 0.25], label="one")
    ax.plot([1, 10], [5, 5], color="red")
    ax.text(10, 5, "$two_{x}$", color="red", fontweight="bold")
    ax.axhline(0)
    ax.set(xscale="log", xlabel="x", ylabel="$W_2^2$\nof all")
    assert said(ax) == (
        "Line plot: W_2^2 of all against x, x axis logarithmic. "
        "one: 0.5 at 1, greatest 3 at 2, 0.25 at 4. two_x: 5 at 1, 5 at 10."
    )


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        (["low", "high"], [1, 2], "1 at low, 2 at high"),
        ([1, 2], ["low", "high"], "0 at 1, 1 at 2"),
        ([datetime.datetime(2020, 1, day) for day in (1, 3)], [1, 2], "1 at 01-01 00, 2 at"),
        (np.ma.array([1, 2, 3], mask=[1, 0, 0]), [1, 2, 3], "2 at 2, 3 at 3"),
    ],
)
def test_places_may_be_names_and_dates(x, y, words):
    ax = plt.figure().subplots()
    ax.plot(x, y)
    assert words in said(ax)


def test_bars_that_are_missing_are_left_out():
    for heights, words in ((np.array([np.nan, 2]), "2 at 1"), (np.arange(20.0), "greatest 19")):
        ax = plt.figure().subplots()
        ax.bar(range(len(heights)), np.where(heights == 0, np.nan, heights))
        assert words in said(ax)
        assert "nan" not in said(ax)


def test_a_figure_that_has_no_words_is_shown_all_the_same(monkeypatch):
    monkeypatch.setattr(alt_text, "describe", lambda figure: 1 / 0)
    with pytest.warns(UserWarning, match="shown without a description: ZeroDivisionError"):
        assert alt_text._in_words(plt.figure()) == "Figure without a description."


def test_points_are_counted():
    ax = plt.figure().subplots()
    ax.plot([1, 2, 3], [4, 6, 5], "o")
    ax.scatter([1, 5], [2, 3], label="others")
    assert said(ax) == (
        "Scatter plot. 3 points, x from 1 to 3, y from 4 to 6. "
        "others: 2 points, x from 1 to 5, y from 2 to 3."
    )


def test_steps_are_described_one_by_one():
    ax = plots.plot_cdf_gap([0.2, 0.5, 0.3], 0, classes=NAMES, labels=("p", "t"))
    assert "p: 0 from -0.5, 0.2 from young, 0.7 from middle, 1 from old." in said(ax)
    assert "t: 0 from -0.5, 1 from young" in said(ax)


def test_matrices_are_described_row_by_row():
    ax = plots.plot_confusion([[0.9, 0.1, 0], [0, 0.4, 0.6], [0.2, 0, 0.8]], classes=NAMES)
    assert said(ax) == (
        "Heat map. 3 rows (true class) by 3 columns (predicted), greatest of each row "
        "young: 0.9 at young, middle: 0.6 at old, old: 0.8 at old."
    )


def test_plans_boxes_and_means_are_described_by_their_numbers():
    plan = np.diag([0.5, 0.0, 0.2])
    plan[0, 2], plan[2, 1] = 0.3, 3e-17  # what solvers leave by rounding
    text = said(plots.plot_ribbons(plan, classes=NAMES))
    assert text == "Ribbons: mass. 0.7 stays, 0.3 from young to old."
    boxes = plots.plot_by_loss(
        {"XE": [1, 2, 9]}, xlabel="width (steps)", ax=plt.figure().subplots()
    )
    assert said(boxes) == "Box plot: width (steps). a row per loss, medians XE 2."
    points = torch.eye(3)
    marks = plots.plot_simplex(
        [[1, 0, 0], [0, 1, 0], [0, 0, 1]], points[0] + 1, ax=plt.figure().subplots()
    )
    assert "values from 1, at (0, 1, 0), to 2" in said(marks)


def test_comparisons_say_the_verdicts():
    import pandas as pd

    rows = [
        {"loss": loss, "seed": seed, "error": "", "test AEM": base + seed / 10}
        for loss, base in (("XE", 50), ("EMD2", 60))
        for seed in range(3)
    ]
    table = pd.DataFrame(rows)
    differences = training.paired_differences(table, ["AEM"])
    for runs, known in ((table, "(49.9 to 50.3)"), (table[table["seed"] == 0], "XE 50, EMD² 60")):
        axes = plots.plot_comparison(training.summarise(runs, ["AEM"]), differences, "AEM")
        text = said(axes[0])
        assert "Figure of 2 panels." in text
        assert known in text
        assert f"EMD² +10  {differences['verdict'][0]}." in text


@pytest.mark.slow
def test_many_panels_are_described_briefly_and_never_at_length():
    p = np.random.default_rng(0).dirichlet(np.ones(8), size=(2, 9))
    images = torch.zeros(9, 3, 4, 4, dtype=torch.uint8)
    axes = plots.plot_beliefs(images, dict(zip(("XE", "EMD2"), p, strict=True)), np.arange(9) % 8)
    text = said(axes[0, 0])
    assert text.startswith('Figure of 27 panels. Panel 1: Picture. Panel 2: Bar chart "XE".')
    assert text.endswith(" …")
    assert len(text) <= 1500


def test_a_figure_of_nothing_says_so():
    assert describe(plt.figure()) == "Empty figure."
    figure = plt.figure()
    figure.subplots()
    figure.suptitle("Nothing\nyet")
    assert describe(figure) == "Nothing yet. Plot."


def test_reliability_names_its_lines():
    curves = {"XE": beliefs.reliability(torch.eye(3)[[0, 1, 2, 0]], torch.tensor([0, 1, 2, 1]))}
    text = said(plots.plot_reliability(curves))
    assert "calibrated: 0 at 0, 1 at 1." in text
    assert "XE:" in text


CELLS = (
    "import matplotlib.pyplot as plt\nfrom emdviz.plots import style\nstyle.use()\n"
    "plt.figure(figsize=(4, 3))\nplt.plot([1, 2])\n"
    "plt.title('<img src=x onerror=\"alert(1)\">');",
    "from emdviz.explorers import PredictionExplorer\nPredictionExplorer().figure()",
    "plt.figure();",
    "%config InlineBackend.figure_formats = ['svg']\nplt.plot([1, 2]);",
)


@pytest.mark.notebook
def test_notebooks_and_their_pages_hold_the_words():
    cells = [nbformat.v4.new_code_cell(cell) for cell in CELLS]
    notebook = execute(nbformat.v4.new_notebook(cells=cells))
    plain, explorer, empty, chosen = (cell.outputs for cell in notebook.cells)
    # what lets them follow the dark theme stands beside them
    pictures = [
        next(one for one in outputs if "image/png" in one.get("data", {}))
        for outputs in (plain, explorer)
    ]
    beginnings = ('Line plot "<img src=x', "Figure of 4 panels.")
    for output, words in zip(pictures, beginnings, strict=True):
        about = output.metadata["image/png"]
        assert about["alt"] == output.data["text/plain"]
        assert about["alt"].startswith(words)
        picture = Image.open(io.BytesIO(base64.b64decode(output.data["image/png"])))
        assert picture.width // 2 == about["width"]
        markup = output.data["text/html"]
        assert f'alt="{html.escape(about["alt"])}"' in markup
        assert f'width="{about["width"]}"' in markup
    assert not [output for output in empty if "image/png" in output.get("data", {})]
    # who chooses another format gets it
    assert "text/html" not in chosen[0].data
    assert chosen[0].data["image/svg+xml"]
    del notebook.cells[2:]
    page, _ = HTMLExporter().from_notebook_node(notebook)
    alts = [picture["alt"] for picture in BeautifulSoup(page, "html.parser").find_all("img")]
    assert alts == [picture.data["text/plain"] for picture in pictures]
