import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgba

from emdviz import emd, one_hot, plots, style, transport
from emdviz.losses import LOSSES
from tests.oracles import random_pairs, random_positions


@pytest.fixture
def pair():
    p, t = random_pairs(6)
    return p[1], t[1]


def test_bars_are_the_prediction(pair):
    p, _ = pair
    ax = plots.plot_prediction(p, 2, classes=list("abcdef"), colour="red")
    bars, truth = ax.containers
    np.testing.assert_allclose([bar.get_height() for bar in bars], p)
    assert [bar.get_height() for bar in truth] == [0, 0, 1, 0, 0, 0]
    assert {bar.get_facecolor() for bar in bars} == {to_rgba("red")}
    assert [text.get_text() for text in ax.get_xticklabels()] == list("abcdef")
    assert ax.get_ylim() == (0, 1)


def test_shaded_area_is_the_emd(pair):
    for x in (None, random_positions(6)):
        ax = plots.plot_cdf_gap(*pair, positions=x, ax=plt.figure().subplots())
        corners = ax.collections[0].get_paths()[0].to_polygons()[0]
        # the gap may cross itself, so its pieces are measured one by one
        assert corners.shape[1] == 2
        steps = [patch.get_data() for patch in ax.patches]
        first, second = (step.values for step in steps)
        area = np.sum(abs(first - second) * np.diff(steps[0].edges))
        assert area == pytest.approx(emd(*pair, positions=x))


def test_a_label_stands_for_certainty(pair):
    p, _ = pair
    by_index, by_vector = (plt.figure().subplots() for _ in range(2))
    plots.plot_cdf_gap(p, 2, ax=by_index)
    plots.plot_cdf_gap(p, one_hot(2, 6), ax=by_vector)
    for a, b in zip(by_index.patches, by_vector.patches, strict=True):
        np.testing.assert_array_equal(a.get_data().values, b.get_data().values)


def test_plan_is_drawn_as_it_is(pair):
    plan = transport.exact_plan(*pair)
    ax = plots.plot_plan(plan, classes=list("abcdef"))
    np.testing.assert_array_equal(ax.images[0].get_array(), plan)
    assert len(ax.texts) == (plan > 0.005).sum()


def test_beliefs_have_the_colours_of_their_losses(pair):
    p, t = pair
    images = torch.zeros(2, 3, 8, 8, dtype=torch.uint8)
    predictions = {"XE": np.stack([p, t]), "EMD2": torch.tensor(np.stack([t, p]))}
    axes = plots.plot_beliefs(images, predictions, torch.tensor([2, 0]), classes=list("abcdef"))
    assert axes.shape == (2, 3)
    for column, name in enumerate(predictions, start=1):
        for row in range(2):
            bars, outlines = axes[row, column].containers
            assert bars[0].get_facecolor() == to_rgba(LOSSES[name].colour)
            np.testing.assert_allclose([b.get_height() for b in bars], predictions[name][row])
            assert np.argmax([b.get_height() for b in outlines]) == [2, 0][row]


def test_sheet_has_a_row_per_class():
    images = torch.arange(6, dtype=torch.uint8)[:, None, None, None].expand(6, 3, 4, 4)
    ax = plots.sheet(images, labels=[0, 1, 0, 1, 0, 1], classes=["young", "old"], per_class=2)
    canvas = ax.images[0].get_array()
    assert canvas.shape == (8, 8, 3)
    assert canvas[::4, ::4, 0].tolist() == [[0, 2], [1, 3]]


def test_history_labels_do_not_cover_each_other():
    class Epoch:
        def __init__(self, number, value):
            self.number, self.metrics = number, {"AEM": value}

    histories = {name: [Epoch(1, 10), Epoch(2, 50 + i / 100)] for i, name in enumerate(LOSSES)}
    ax = plots.plot_history(histories, "AEM")
    assert [text.get_text() for text in ax.texts] == [spec.label for spec in LOSSES.values()]
    heights = sorted(
        text.get_position()[1] if not hasattr(text, "xy") else text.xy[1] for text in ax.texts
    )
    assert np.diff(heights).min() > 0.05 * np.ptp(ax.get_ylim())


def test_plots_leave_the_world_alone(pair):
    p, t = pair
    before = dict(plt.rcParams)
    ax = plt.figure().subplots()
    ax.plot([0, 1], [0, 1])
    assert plots.plot_prediction(p, ax=ax) is ax
    assert len(ax.lines) == 1
    plots.plot_cdf_gap(p, t)
    assert dict(plt.rcParams) == before


def test_styles():
    before = dict(plt.rcParams)
    sizes = []
    for context in ("print", "notebook", "projector"):
        with style.style(context):
            sizes.append(plt.rcParams["font.size"])
    assert sizes == sorted(sizes)
    assert len(set(sizes)) == 3
    assert dict(plt.rcParams) == before
    with pytest.raises(ValueError, match=r"context must be one of .*, got 'poster'"):
        style.use("poster")


def test_every_loss_has_a_colour_of_its_own():
    assert set(LOSSES) <= set(style.LOSS_COLOURS)
    assert len(set(style.LOSS_COLOURS.values())) == len(style.LOSS_COLOURS)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: plots.plot_prediction([0.5, 0.6]), "p must sum to 1"),
        (lambda: plots.plot_prediction([0.5, 0.5], 2), "labels must be class indices 0 to 1"),
        (
            lambda: plots.plot_prediction([0.5, 0.5], classes=["a"]),
            "classes must name 2 classes, got 1",
        ),
        (lambda: plots.plot_cdf_gap([0.5, 0.5], [0.5, 0.6]), "target must sum to 1"),
        (lambda: plots.plot_cdf_gap([0.5, 0.5], 0, positions=[1, 0]), "positions must increase"),
    ],
)
def test_bad_input_is_refused(call, text):
    with pytest.raises(ValueError, match=text):
        call()
