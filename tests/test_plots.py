from itertools import combinations, pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex, to_rgba

from devtools.oracles import random_pairs, random_positions
from emdviz import emd, one_hot, plots, transport
from emdviz.losses import LOSSES, Loss
from emdviz.losses.loss import remember
from emdviz.palette import for_text
from emdviz.plots import style
from emdviz.plots.alt_text import describe
from tests.optional import torch


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


def test_names_stand_beside_their_steps_and_on_neither():
    for p, t in [
        *zip(*(a[:6] for a in random_pairs(8)), strict=True),
        (one_hot(3, 8), one_hot(6, 8)),
    ]:
        figure, ax = plt.subplots(figsize=(5, 3.2))
        plots.plot_cdf_gap(p, t, ax=ax, labels=("p", "t"))
        figure.draw_without_rendering()
        distances = []
        for name in ax.texts:
            box = name.get_window_extent().transformed(ax.transData.inverted())
            assert ax.get_xlim()[0] < box.x0 < box.x1 < ax.get_xlim()[1]
            for patch in ax.patches:
                values, edges, _ = patch.get_data()
                seen = values[(edges[1:] > box.x0) & (edges[:-1] < box.x1)]
                distances.append(max(box.y0 - seen.max(), seen.min() - box.y1))
        assert min(distances) > 0
        (p_to_p, p_to_t), (t_to_p, t_to_t) = np.reshape(distances, (2, 2))
        assert p_to_p <= p_to_t  # equal pairs are among them
        assert t_to_t <= t_to_p


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


def test_beliefs_of_eight_classes_name_each_of_them():
    names = ["0-2", "4-6", "8-13", "15-20", "25-32", "38-43", "48-53", "60+"]
    p = np.full((2, 8), 1 / 8)
    with style.style():
        images = np.zeros((2, 3, 8, 8), np.uint8)
        predictions = dict.fromkeys(("XE", "REG", "EMD", "EMD2"), p)
        axes = plots.plot_beliefs(images, predictions, classes=names)
        labels = axes[-1, -1].get_xticklabels()
    assert [label.get_text() for label in labels] == names
    assert labels[0].get_fontsize() >= 9


def six_images():
    return torch.arange(6, dtype=torch.uint8)[:, None, None, None].expand(6, 3, 4, 4)


def test_sheet_has_a_row_per_class_and_the_first_images_in_it():
    ax = plots.sheet(six_images(), [0, 1, 0, 1, 0, 1], ["young", "old"], per_class=2)
    canvas = ax.images[0].get_array()
    # four pixels an image and one between
    assert canvas.shape == (9, 9, 4)
    assert canvas[::5, ::5, 0].tolist() == [[0, 2], [1, 3]]
    assert canvas[4].max() == canvas[:, 4].max() == 0
    assert [text.get_text() for text in ax.get_yticklabels()] == ["young", "old"]
    assert ax.get_yticks().tolist() == [1.5, 6.5]


def test_sheet_leaves_room_where_a_class_has_few_images_or_none():
    ax = plots.sheet(six_images(), np.array([2, 2, 2, 0, 0, 0]), ["a", "b", "c"], per_class=5)
    some = [True] * 3 + [False] * 2
    opacity = ax.images[0].get_array()[::5, ::5, 3]
    assert (opacity > 0).tolist() == [some, [False] * 5, some]
    assert [text.get_text() for text in ax.texts] == ["no images"]
    assert ax.texts[0].get_position()[1] == ax.get_yticks()[1]


def test_sheet_numbers_classes_that_have_no_names():
    ax = plots.sheet(six_images(), [0, 1, 2, 3, 3, 3])
    assert [text.get_text() for text in ax.get_yticklabels()] == list("0123")


def test_names_of_many_classes_do_not_cover_each_other():
    images = torch.zeros(40, 3, 4, 4, dtype=torch.uint8)
    with style.style("projector"):
        ax = plots.sheet(images, range(40), [f"{k} years" for k in range(40)])
        plt.gcf().canvas.draw()
        boxes = [text.get_window_extent() for text in ax.get_yticklabels()]
    assert all(upper.y0 >= lower.y1 for upper, lower in pairwise(boxes))


@pytest.fixture
def counts():
    table = pd.DataFrame(
        {"train": [800, 8000, 0], "valid": [100, 1000, 0], "test": [90, 1000, 0]},
        index=["young", "middle-aged", "old"],
    )
    table["all"] = table.sum(axis=1)
    table.loc["total"] = table.sum()
    return table


def test_class_counts_are_bars_and_numbers(counts):
    ax = plots.plot_class_counts(counts)
    for name, bars in zip(["train", "valid", "test"], ax.containers, strict=True):
        assert [bar.get_width() for bar in bars] == counts[name][:3].tolist()
    ends = [bar.get_x() + bar.get_width() for bar in ax.containers[-1]]
    assert ends == counts["all"][:3].tolist()
    written = [text.get_text() for text in ax.texts]
    assert written[:5] == ["train", "800", "8,000", "0", "8,800"]
    assert written[-5:] == ["all", "990", "10,000", "0", "10,990"]
    for texts, bars in zip(np.reshape(ax.texts, (4, 5)), ax.containers, strict=False):
        ink = for_text(to_hex(bars[0].get_facecolor()))
        assert {text.get_color() for text in texts} == {ink}
    assert [text.get_text() for text in ax.get_yticklabels()] == list(counts.index)
    low, high = ax.get_ylim()
    assert low > high  # the first class on top


@pytest.mark.parametrize("context", ["print", "notebook", "projector"])
def test_class_counts_are_readable_at_any_size(counts, context):
    with style.style(context):
        ax = plots.plot_class_counts(counts)
        figure = ax.figure
        figure.canvas.draw()
        boxes = [text.get_window_extent() for text in [*ax.texts, *ax.get_yticklabels()]]
        bars = [bar.get_window_extent() for part in ax.containers for bar in part]
    for box in boxes:
        assert figure.bbox.x0 <= box.x0
        assert box.x1 <= figure.bbox.x1
        assert not any(box.overlaps(bar) for bar in bars if bar.width)
    for one, other in combinations(boxes, 2):
        assert not one.overlaps(other)


def test_class_counts_of_a_data_set_are_those_of_its_summary():
    pytest.importorskip("torch")
    from emdviz.datasets import synthetic_faces

    faces = synthetic_faces(40, size=32)
    ax = plots.plot_class_counts(faces.summary())
    drawn = sum(bar.get_width() for part in ax.containers for bar in part)
    assert drawn == 40
    assert (
        not plots.plot_class_counts(faces.summary() * 0, ax=plt.figure().subplots())
        .patches[0]
        .get_width()
    )


@pytest.mark.parametrize("log", [False, True])
def test_curves_are_drawn_over_x_and_named_at_their_ends(log):
    x = [0, 1, 3]
    curves = {"XE": [3, 2, 1], "EMD2": np.array([2, 1, 0.999]), "EMD": [0.1, 0.01, 0.001]}
    ax = plots.plot_curves(curves, x, xlabel="here", log=log)
    for line, (name, values) in zip(ax.lines, curves.items(), strict=True):
        assert line.get_xydata().tolist() == list(map(list, zip(x, values, strict=True)))
        assert to_rgba(line.get_color()) == to_rgba(LOSSES[name].colour)
    assert (ax.get_yscale(), ax.get_xlabel()) == ("log" if log else "linear", "here")
    ax.figure.canvas.draw()
    boxes = sorted((text.get_window_extent() for text in ax.texts), key=lambda box: box.y0)
    assert [text.get_text() for text in ax.texts] == ["XE", "EMD²", "EMD"]
    assert all(low.y1 <= high.y0 for low, high in pairwise(boxes))


def test_history_labels_do_not_cover_each_other():
    class Epoch:
        def __init__(self, number, value):
            self.number, self.metrics = number, {"AEM": value}

    histories = {name: [Epoch(1, 10), Epoch(2, 50 + i / 100)] for i, name in enumerate(LOSSES)}
    ax = plots.plot_history(histories, "AEM")
    assert [text.get_text() for text in ax.texts] == [spec.label for spec in LOSSES.values()]
    ax.figure.draw_without_rendering()
    boxes = sorted((text.get_window_extent() for text in ax.texts), key=lambda box: box.y0)
    assert all(low.y1 <= high.y0 for low, high in pairwise(boxes))
    assert boxes[-1].y1 <= ax.bbox.y1


def test_histories_of_several_runs_are_thin_and_their_mean_is_thick():
    class Epoch:
        def __init__(self, number, value):
            self.number, self.train_loss, self.metrics = number, value, {"AEM": 100 - value}

    runs = [[Epoch(1, 4.0), Epoch(2, 2.0), Epoch(3, 1.0)], [Epoch(1, 8.0), Epoch(2, 3.0)]]
    for metric, label, of in (("train_loss", "training loss", 0), ("AEM", "AEM (%)", 100)):
        ax = plots.plot_history({"XE": runs}, metric, ax=plt.figure().subplots())
        drawn = [abs(of - line.get_xydata()[:, 1]).tolist() for line in ax.lines]
        assert drawn == [[4.0, 2.0, 1.0], [8.0, 3.0], [6.0, 2.5]]
        widths = [line.get_linewidth() for line in ax.lines]
        assert widths[2] > 2 * widths[0]
        assert ax.get_ylabel() == label
    with pytest.raises(ValueError, match=r"metric must be .*train_loss.* got 'loss'"):
        plots.plot_history({"XE": runs}, "loss")


def test_scaling_errors_are_lines_with_their_names():
    errors = np.array([[1, 0.5, 2], [1, 0.1, 0.01], [np.nan, 0.3, 0.2]])
    ax = plots.plot_scaling_errors(errors, [0.1, 1, 10], [1, 10, 1000])
    for line, row in zip(ax.lines, errors, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), row)
    assert [text.get_text() for text in ax.texts] == ["1 scaling", "10 scalings", "1,000 scalings"]
    assert ax.texts[0].xy == (10, 2)  # one behind the lowest
    assert ax.get_xscale() == ax.get_yscale() == "log"


def test_plots_leave_the_world_alone(pair):
    p, t = pair
    before = dict(plt.rcParams)
    ax = plt.figure().subplots()
    ax.plot([0, 1], [0, 1])
    assert plots.plot_prediction(p, ax=ax) is ax
    assert len(ax.lines) == 1
    plots.plot_cdf_gap(p, t)
    assert dict(plt.rcParams) == before


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: plots.plot_prediction([0.5, 0.6]), "p must sum to 1"),
        (lambda: plots.plot_prediction([0.5, 0.5], 2), "target must be an integer, 0 to 1, got 2"),
        (
            lambda: plots.plot_prediction([0.5, 0.5], classes=["a"]),
            "classes must name 2 classes, got 1",
        ),
        (lambda: plots.plot_cdf_gap([0.5, 0.5], [0.5, 0.6]), "target must sum to 1"),
        (
            lambda: plots.sheet(torch.zeros(2, 3, 4, 4), [0, 1]),
            r"images must be uint8 of shape \(N, 3, H, W\), got float32 of \(2, 3, 4, 4\)",
        ),
        (
            lambda: plots.sheet(six_images(), [0, 1]),
            r"labels must be integers of shape \(6,\), got int64 of \(2,\)",
        ),
        (lambda: plots.sheet(six_images(), [0.0] * 6), "labels must be integers .* got float64"),
        (
            lambda: plots.sheet(six_images(), range(6), ["a", "b"]),
            "labels must be 0 to 1, got 0 to 5",
        ),
        (
            lambda: plots.sheet(six_images(), range(6), per_class=0),
            "per_class must be an integer, 1 to 1000",
        ),
        (
            lambda: plots.plot_class_counts(pd.DataFrame({"all": [1]})),
            r"table must have a column per split, got \['all'\]",
        ),
        (lambda: plots.plot_cdf_gap([0.5, 0.5], 0, positions=[1, 0]), "positions must increase"),
        (
            lambda: plots.plot_scaling_errors([[1.0, 2.0]], [1, 2], [1, 10]),
            r"shape \(len\(counts\), len\(lams\)\) = \(2, 2\), got \(1, 2\)",
        ),
        (
            lambda: plots.plot_ground_distance([[0, np.nan], [1, 0]]),
            r"distances must be finite, got nan at index \(0, 1\)",
        ),
        (
            lambda: plots.plot_curves({"XE": [1.0, 2.0]}, [0, 1, 2]),
            r"curves\['XE'\] must have a value for each x, shape \(3,\), got \(2,\)",
        ),
    ],
)
def test_bad_input_is_refused(call, text):
    with pytest.raises(ValueError, match=text):
        call()


def test_dollars_in_names_are_no_formulas():
    names = ["$ to $5", "$5 to $9", r"$\frac{a$", "_{$}"]
    priced = Loss("mine", print, label="$x$ and $y$")
    remember(priced)
    chance = np.full(4, 0.25)
    figure, axes = plt.subplots(2, 3, figsize=(12, 8))
    plots.plot_prediction(chance, 0, classes=names, ax=axes[0, 0])
    plots.plot_confusion(np.eye(4), classes=names, ax=axes[0, 1])
    plots.plot_curves({"mine": [1.0, 2.0]}, [0, 1], ax=axes[0, 2])
    plots.plot_embedding(np.arange(8.0).reshape(4, 2), classes=names, ax=axes[1, 0])
    plots.plot_by_loss({"mine": chance}, xlabel="spread", ax=axes[1, 1])
    plots.plot_simplex(np.eye(3), [1.0, 2, 3], classes=names[:3], ax=axes[1, 2])
    figure.canvas.draw()  # a formula that cannot be read raises an error here
    ticks = [text for ax in axes.flat[:2] for text in ax.get_xticklabels()]
    written = [*ticks, *axes[0, 2].texts, *axes[1, 0].texts, *axes[1, 1].get_yticklabels()]
    shown = [text._preprocess_math(text.get_text()) for text in written]
    assert not any(formula for _, formula in shown)
    assert {text for text, _ in shown} == {*names, priced.label}
    assert priced.label in describe(figure)
    assert names[0] in describe(figure)
