"""The propriety explorer without a browser: traits, answers, errors and what it leaves behind."""

import numpy as np
import pytest
import traitlets

from emdviz import plots
from emdviz.explorers import ProprietyExplorer
from emdviz.explorers.kit import presets
from emdviz.losses import LOSSES as REGISTRY
from emdviz.losses.loss import closed_forms
from tests.explorer_checks import check_refused, check_self_contained

THREE = ["young", "middle", "old"]
LOSSES = tuple(closed_forms("propriety"))


def test_the_default_is_adience_unsure_of_the_age():
    explorer = ProprietyExplorer()
    assert len(explorer.classes) == len(explorer.t) == 8
    assert sum(explorer.t) == pytest.approx(1)
    assert not explorer.show_p
    assert tuple(explorer.minimisers) == tuple(explorer.expected_losses) == LOSSES


@pytest.mark.parametrize("positions", [None, [1.0, 5.0, 11.0]])
def test_answers_follow_the_state(positions):
    explorer = ProprietyExplorer(classes=THREE, positions=positions)
    explorer.t = [0.2, 0.5, 0.3]
    explorer.p = [0.6, 0.3, 0.1]
    x = np.arange(3) if positions is None else np.array(positions)
    best = explorer.minimisers
    np.testing.assert_array_equal(best["XE"], explorer.t)
    np.testing.assert_array_equal(best["EMD2"], explorer.t)
    np.testing.assert_array_equal(best["EMD"], [0, 1, 0])
    assert best["REG"] == pytest.approx(np.dot(explorer.t, x))
    costs = explorer.expected_losses
    for loss in LOSSES:
        assert costs[loss]["least"] <= min(costs[loss]["honest"], costs[loss]["yours"])
    for loss in ("XE", "EMD2", "REG"):
        assert costs[loss]["honest"] == pytest.approx(costs[loss]["least"])
    assert costs["EMD"]["honest"] > costs["EMD"]["least"]
    assert costs["REG"]["least"] == pytest.approx(np.dot(explorer.t, (x - best["REG"]) ** 2))
    assert costs["EMD"]["yours"] == pytest.approx(explorer.p @ abs(x[:, None] - x) @ explorer.t)


def test_setting_a_prediction_shows_it():
    explorer = ProprietyExplorer(classes=THREE)
    explorer.p = [0.6, 0.3, 0.1]
    assert explorer.show_p
    assert ProprietyExplorer(p=[0.5, 0.5]).show_p


def test_arrays_are_read_and_linked_numbers_follow():
    explorer = ProprietyExplorer(np.array([0.25, 0.75]))
    assert explorer.t == [0.25, 0.75]
    explorer.t = (0.126, 0.874)
    assert [explorer.t_0, explorer.t_1] == [0.13, 0.87]


@pytest.mark.parametrize(
    ("trait", "value", "text"),
    [
        ("t", [0.5, 0.5], r"t must hold one probability per class, shape \(3,\), got \(2,\)"),
        ("t", [1.2, -0.2, 0.0], r"t must not be negative, got -0\.2"),
        ("t", [0.5, float("nan"), 0.5], "t must be finite, got nan"),
        ("t", [0, 0, 0], "t must sum to 1, got zeros only"),
        ("p", [0.5, 0.5, 0.5], r"p must sum to 1 .*got 1\.5"),
        ("p", "abc", "p must be 3 probabilities, got 'abc'"),
        ("positions", [0, 2, 1], "positions must increase"),
        ("classes", ["a", "b", "a"], r"classes must all be different, got \['a'\]"),
        ("pinned_t", [5], "pinned_t must be a class index, 0 to 2, got 5"),
        ("show_p", "yes", "show_p"),
    ],
)
def test_bad_values_are_refused_and_change_nothing(trait, value, text):
    explorer = ProprietyExplorer([0.2, 0.5, 0.3], classes=THREE)
    check_refused(explorer, trait, value, text)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"t": [0.5, 0.6]}, "t must sum to 1"),
        ({"t": [0.5, 0.5], "p": [1, 0, 0]}, "one item per class, got 2 in t, 3 in p"),
        ({"t": [1.0]}, "at least 2 classes, got 1 in t"),
        ({"p": 0.5}, "p must be a list"),
        ({"style": "poster"}, r"style must be one of \['notebook', 'projector'\], got 'poster'"),
    ],
)
def test_bad_arguments_are_refused(arguments, text):
    with pytest.raises(traitlets.TraitError, match=text):
        ProprietyExplorer(**arguments)


@pytest.mark.parametrize("count", [2, 3, 8, 20])
def test_presets_are_distributions_that_show_the_losses_apart(count):
    examples = presets.truths(count)
    for example in examples.values():
        ProprietyExplorer(example["p"])
    costs = ProprietyExplorer(examples["skewed"]["p"]).expected_losses["EMD"]
    assert costs["honest"] > costs["least"] + 0.1
    certain = ProprietyExplorer(examples["certain"]["p"]).expected_losses
    assert all(values["honest"] == values["least"] == 0 for values in certain.values())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("t", "panels"), [([0.2, 0.5, 0.3], 8), ([0.5, 0, 0.5], 8), ([0.25] * 4, 4)]
)
def test_the_figure_shows_the_present_state(t, panels, tmp_path):
    explorer = ProprietyExplorer(t)
    explorer.p = np.eye(len(t))[0]
    figure = explorer.figure()
    assert len(figure.axes) == panels
    for axes, (loss, best) in zip(figure.axes, explorer.minimisers.items(), strict=False):
        bars, truth = axes.containers
        np.testing.assert_allclose([bar.get_height() for bar in truth], t)
        if loss == "REG":
            assert axes.lines[0].get_xdata()[0] == best
            assert axes.lines[0].get_color() == REGISTRY[loss].colour
        else:
            np.testing.assert_allclose([bar.get_height() for bar in bars], best)
        assert f"best {explorer.expected_losses[loss]['least']:.3f}" in axes.get_title(loc="left")
    for suffix in ("png", "svg", "pdf"):
        figure.savefig(tmp_path / f"figure.{suffix}")
        assert (tmp_path / f"figure.{suffix}").stat().st_size > 1000


def test_a_saved_page_is_one_file_that_fetches_nothing(tmp_path):
    explorer = ProprietyExplorer([0.2, 0.5, 0.3], classes=["</script><b>", "b", "c"])
    check_self_contained(explorer.save_html(tmp_path / "page.html"))


def test_sliders_are_those_of_both_distributions():
    explorer = ProprietyExplorer([0.2, 0.5, 0.3], [0.6, 0.3, 0.1], classes=THREE)
    for column, values in zip(explorer.sliders().children, (explorer.t, explorer.p), strict=True):
        assert [slider.value for slider in column.children[1:]] == values


def test_the_landscape_marks_predictions_where_they_lie():
    points = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.2, 0.5, 0.3]])
    marks = {"t": [0.2, 0.5, 0.3], "best": [0, 1, 0]}
    ax = plots.plot_simplex(points, [1.0, 2.0, np.inf, 0.5], classes=THREE, marks=marks)
    places = [line.get_xydata()[0] for line in ax.lines]
    np.testing.assert_allclose(places, [[0.55, 0.5 * np.sqrt(0.75)], [0.5, np.sqrt(0.75)]])
    assert [text.get_text() for text in ax.texts] == [*THREE, "t", "best"]


@pytest.mark.parametrize(
    ("points", "values", "options", "text"),
    [
        (np.eye(4), [1, 2, 3, 4], {}, r"points must be \(N, 3\) .* got \(4, 4\)"),
        (np.eye(3), [1, 2], {}, r"values \(N,\), got \(3, 3\) and \(2,\)"),
        (2 * np.eye(3), [1, 2, 3], {}, "points must sum to 1"),
        (np.eye(3), [1, 2, 3], {"classes": ["a"]}, "classes must name 3 classes, got 1"),
        (np.eye(3), [1, 2, 3], {"marks": {"t": [1, 1, 1]}}, "t must sum to 1"),
    ],
)
def test_a_landscape_of_anything_else_is_refused(points, values, options, text):
    with pytest.raises(ValueError, match=text):
        plots.plot_simplex(points, values, **options)
