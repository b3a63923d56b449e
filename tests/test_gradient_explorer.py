"""Gradients and walks against finite differences and closed forms; the explorer's traits."""

import numpy as np
import pytest
import traitlets

from devtools.oracles import random_positions
from emdviz import plots
from emdviz.distributions import one_hot
from emdviz.explorers import GradientExplorer
from emdviz.explorers.kit import presets
from emdviz.losses import LOSSES
from emdviz.losses.descent import FLOOR, descend
from emdviz.losses.loss import closed_forms
from tests.explorer_checks import check_refused, check_self_contained
from tests.test_explorers import by_definition

COMPARED = closed_forms("gradient")

BAD_PREDICTIONS = [
    ([0.5, 0.5], r"hold one probability per class, shape \(3,\), got \(2,\)"),
    ([1.2, -0.2, 0.0], r"not be negative, got -0\.2"),
    ([0.5, float("nan"), 0.5], "be finite, got nan"),
    ([0, 0, 0], "sum to 1, got zeros only"),
]
THREE = ["low", "middle", "high"]


def value_at(name, logits, k, positions, weight):
    """A loss from the loops and SciPy of ``by_definition``, apart from emdviz and torch."""
    p = np.exp(logits - logits.max())
    values = by_definition(p / p.sum(), k, positions)
    return values["XE"] + weight * values["EMD2"] if name == "XEMD2" else values[name]


@pytest.mark.parametrize("name", COMPARED)
@pytest.mark.parametrize("uneven", [False, True])
def test_gradients_are_those_of_finite_differences(name, uneven):
    rng = np.random.default_rng(1)
    positions = random_positions(5) if uneven else None
    for _ in range(5):
        p, k, weight = rng.dirichlet(np.ones(5)), int(rng.integers(5)), rng.uniform(0, 3)
        z, step = np.log(p), 1e-5
        slopes = [
            (
                value_at(name, z + step * unit, k, positions, weight)
                - value_at(name, z - step * unit, k, positions, weight)
            )
            / (2 * step)
            for unit in np.eye(5)
        ]
        walk = descend(name, p, k, positions=positions, emd_weight=weight)
        np.testing.assert_allclose(walk.gradients[0], slopes, rtol=1e-5, atol=1e-7)
        assert walk.losses[0] == pytest.approx(value_at(name, z, k, positions, weight), abs=1e-10)


def test_gradients_are_those_of_the_closed_forms():
    rng = np.random.default_rng(2)
    x = np.arange(6)
    for _ in range(20):
        p, k = rng.dirichlet(np.full(6, 0.3)), int(rng.integers(6))
        p = np.maximum(p, FLOOR) / np.maximum(p, FLOOR).sum()
        gap = np.cumsum(p - one_hot(k, 6))
        slope = np.append(np.cumsum((2 * gap[:-1])[::-1])[::-1], 0)
        mean = p @ x
        expected = {
            "XE": p - one_hot(k, 6),
            "EMD": p * (abs(x - k) - p @ abs(x - k)),
            "EMD2": p * (slope - p @ slope),
            "REG": 2 * (mean - k) * p * (x - mean),
        }
        expected["XEMD2"] = expected["XE"] + 2 * expected["EMD2"]
        for name, gradient in expected.items():
            ours = descend(name, p, k, emd_weight=2).gradients[0]
            np.testing.assert_allclose(ours, gradient, atol=1e-12)
            assert ours.sum() == pytest.approx(0, abs=1e-12)


def test_a_saturated_mistake_leaves_squared_emd_almost_without_gradient():
    explorer = GradientExplorer(presets.saturated(8, 0))
    norms = {name: np.linalg.norm(g) for name, g in explorer.gradients.items()}
    assert round(norms["XE"], 2) == 1.41
    assert round(norms["EMD2"], 3) == 0.003
    assert norms["XEMD2"] > norms["XE"]
    explorer.steps = 20
    left = {name: trail[-1] / trail[0] for name, trail in explorer.trails.items()}
    assert left["XE"] < 0.05
    assert left["XEMD2"] < 0.05
    assert left["EMD2"] > 0.99


def test_a_walk_follows_the_gradient_at_each_of_its_points():
    p, positions = [0.1, 0.2, 0.0, 0.7], [0, 1, 4, 6]
    for name in COMPARED:
        walk = descend(name, p, 1, steps=6, learning_rate=0.2, positions=positions)
        assert walk.losses.shape == (7,)
        logits = np.log(np.maximum(p, FLOOR))
        for i in range(7):
            here = np.exp(logits) / np.exp(logits).sum()
            np.testing.assert_allclose(walk.predictions[i], here, atol=1e-12)
            afresh = descend(name, here, 1, positions=positions, floor=1e-300)
            np.testing.assert_allclose(walk.gradients[i], afresh.gradients[0], atol=1e-9)
            assert walk.losses[i] == pytest.approx(afresh.losses[0], abs=1e-9)
            logits = logits - 0.2 * afresh.gradients[0]


def test_no_probability_counts_as_a_very_small_one():
    explorer = GradientExplorer([1.0, 0.0, 0.0], target=2)
    assert explorer.losses["XE"] == pytest.approx(-np.log(1e-9))
    assert explorer.losses["EMD"] == pytest.approx(2)
    assert explorer.gradients["XE"] == pytest.approx([1, 0, -1], abs=1e-8)
    explorer.learning_rate, explorer.steps = 5.0, 20
    assert explorer.reached["XE"][2] > 0.99


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"loss": "AEMD"}, r"loss must be one of \['XE', .*\], got 'AEMD'"),
        ({"target": 3}, "target must be an integer, 0 to 2, got 3"),
        ({"steps": -1}, "steps must be an integer, 0 or more, got -1"),
        ({"steps": 1.5}, r"steps must be an integer, 0 or more, got 1\.5"),
        ({"learning_rate": 0}, "learning_rate must be positive and finite, got 0"),
        ({"emd_weight": -1}, "emd_weight must be finite and not negative, got -1"),
        ({"floor": 0}, "floor must be positive and finite, got 0"),
        ({"p": [0.5, 0.6]}, "p must sum to 1"),
        ({"p": [[0.5, 0.5]]}, r"p must be one prediction, shape \(C,\), got \(1, 2\)"),
        ({"positions": [0, 2, 1]}, "positions must increase"),
    ],
)
def test_descend_says_what_is_wrong(arguments, text):
    given = {"loss": "XE", "p": [0.2, 0.3, 0.5], "target": 0} | arguments
    with pytest.raises(ValueError, match=text):
        descend(**given)


def test_the_explorer_gives_what_descend_gives():
    explorer = GradientExplorer([0.2, 0.3, 0.5], target=1, positions=[0, 1, 4], emd_weight=0.5)
    explorer.learning_rate, explorer.steps = 0.3, np.int64(4)
    assert explorer.steps == 4
    for name in COMPARED:
        walk = descend(
            name, explorer.p, 1, steps=4, learning_rate=0.3, positions=[0, 1, 4], emd_weight=0.5
        )
        assert explorer.losses[name] == walk.losses[0]
        assert explorer.trails[name] == walk.losses.tolist()
        np.testing.assert_array_equal(explorer.gradients[name], walk.gradients[0])
        np.testing.assert_array_equal(explorer.reached[name], walk.predictions[4])


def test_the_walk_starts_anew_with_another_prediction_or_true_class():
    explorer = GradientExplorer([0.2, 0.3, 0.5])
    for change in ({"p": [0.3, 0.2, 0.5]}, {"target": 2}):
        explorer.steps = 7
        for name, value in change.items():
            setattr(explorer, name, value)
        assert explorer.steps == 0
        assert [len(trail) for trail in explorer.trails.values()] == [1] * 5
    explorer.steps = 7
    explorer.learning_rate, explorer.emd_weight, explorer.positions = 0.1, 2.0, [0, 1, 5]
    assert explorer.steps == 7


def test_steps_that_the_browser_took_from_another_start_count_no_more():
    explorer = GradientExplorer([0.2, 0.3, 0.5])
    late = {"steps": 3, "p": explorer.p, "target": 0}
    explorer.p = [0.3, 0.2, 0.5]
    explorer.set_state({"_walk": late})
    assert explorer.steps == 0
    explorer.set_state({"p": [0.2, 0.3, 0.5], "_walk": late})
    assert explorer.steps == 3


@pytest.mark.parametrize(
    ("trait", "value", "text"),
    [
        *[("p", value, f"p must {why}") for value, why in BAD_PREDICTIONS],
        ("target", 3, "target must be a class index, 0 to 2, got 3"),
        ("steps", -1, "steps must be an integer, 0 to 200, got -1"),
        ("steps", 201, "steps must be an integer, 0 to 200, got 201"),
        ("steps", 1.0, r"steps must be an integer, 0 to 200, got 1\.0"),
        ("steps", True, "steps must be an integer, 0 to 200, got True"),
        ("learning_rate", 0.0, r"learning_rate must be a number from 1e-12 to 1e\+06, got 0\.0"),
        (
            "learning_rate",
            float("inf"),
            r"learning_rate must be a number from 1e-12 to 1e\+06, got inf",
        ),
        ("emd_weight", -0.5, r"emd_weight must be a number from 0 to 1e\+06, got -0\.5"),
        ("emd_weight", float("nan"), r"emd_weight must be a number from 0 to 1e\+06, got nan"),
        ("positions", [0, 2, 1], "positions must increase"),
        ("classes", ["a", "b"], "classes must name 3 classes, got 2"),
    ],
)
def test_bad_values_are_refused_and_change_nothing(trait, value, text):
    explorer = GradientExplorer([0.2, 0.3, 0.5], classes=THREE)
    explorer.steps = 2
    check_refused(explorer, trait, value, text)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"p": [0.5, 0.6]}, "p must sum to 1"),
        ({"p": [1.0]}, "at least 2 classes, got 1 in p"),
        ({"target": 8}, "target must be a class index, 0 to 7, got 8"),
        ({"emd_weight": -1.0}, r"emd_weight must be a number from 0 to 1e\+06"),
        ({"learning_rate": -1.0}, r"learning_rate must be a number from 1e-12 to 1e\+06"),
        ({"style": "poster"}, "style must be one of"),
    ],
)
def test_bad_arguments_are_refused(arguments, text):
    with pytest.raises(traitlets.TraitError, match=text):
        GradientExplorer(**arguments)


@pytest.mark.parametrize("count", [2, 3, 8, 20])
def test_presets_are_predictions_for_every_true_class(count):
    table = presets.descent_presets(count)
    for k in range(count):
        rows = {name: np.array(preset["rows"][k]) for name, preset in table.items()}
        for row in rows.values():
            assert row.shape == (count,)
            assert row.sum() == pytest.approx(1)
        assert np.argmax(rows["right"]) == k
        assert abs(np.argmax(rows["off"]) - k) == 1
        assert abs(np.argmax(rows["wrong"]) - k) == max(k, count - 1 - k)
        assert np.argmax(rows["saturated"]) == np.argmax(rows["wrong"])
        assert np.log(rows["saturated"].max() / rows["saturated"].min()) == pytest.approx(10)


@pytest.mark.slow
@pytest.mark.parametrize("steps", [0, 5])
def test_the_figure_shows_the_present_state(steps, tmp_path):
    explorer = GradientExplorer([0.2, 0.3, 0.5], classes=THREE, emd_weight=2.0)
    explorer.steps = steps
    axes = explorer.figure().get_axes()
    titled = {ax.get_title(loc="left").partition("   ")[0]: ax for ax in axes}
    labels = [LOSSES[name].label for name in COMPARED[:-1]] + ["XE + 2 EMD²"]
    for name, label in zip(COMPARED, labels, strict=True):
        heights = [bar.get_height() for bar in titled[label].patches]
        assert heights == pytest.approx((-explorer.gradients[name]).tolist())
        assert f"loss {explorer.losses[name]:.3f}" in titled[label].get_title(loc="left")
    assert len({titled[label].get_ylim() for label in labels}) == 1
    if steps:
        lines = [ax for ax in axes if ax.get_xlabel() == "steps"]
        assert len(lines) == 2
        trail = np.array(explorer.trails["XE"])
        np.testing.assert_allclose(lines[0].lines[0].get_ydata(), trail / trail[0])
        assert lines[1].lines[0].get_ydata()[-1] == explorer.reached["XE"][0]
    explorer.own_scale = True
    figure = explorer.figure()
    assert len({ax.get_ylim() for ax in figure.get_axes() if ax.get_ylabel() == "push"}) == 5
    for suffix in ("png", "svg", "pdf"):
        figure.savefig(tmp_path / f"figure.{suffix}")
        assert (tmp_path / f"figure.{suffix}").stat().st_size > 1000


def test_pushes_and_trails_draw_what_they_are_given():
    ax = plots.plot_pushes([0.5, -0.2, -0.3], classes=THREE, limit=2, colour="red")
    assert [bar.get_height() for bar in ax.patches] == [0.5, -0.2, -0.3]
    assert ax.get_ylim() == pytest.approx((-2.16, 2.16))
    ax.figure.clear()
    ax = plots.plot_trails({"XE": [2, 1], "EMD2": np.array([3, 0.5])}, ylabel="loss")
    assert [line.get_ydata().tolist() for line in ax.lines] == [[2, 1], [3, 0.5]]
    assert {text.get_text() for text in ax.texts} == {"XE", "EMD²"}


def test_a_saved_page_is_one_file_that_fetches_nothing(tmp_path):
    explorer = GradientExplorer([0.2, 0.3, 0.5], classes=["</script><b>", "b", "c"])
    check_self_contained(explorer.save_html(tmp_path / "page.html"))


def test_sliders_show_every_class():
    explorer = GradientExplorer([0.2, 0.3, 0.5], classes=THREE)
    (column,) = explorer.sliders().children
    assert [slider.value for slider in column.children[1:]] == explorer.p
