"""Sinkhorn's scalings against POT, and their explorer without a browser."""

import json
import warnings

import numpy as np
import ot
import pytest
import traitlets

from emdviz import plots
from emdviz.explorers import SinkhornExplorer
from emdviz.explorers.sinkhorn.sinkhorn import _examples
from emdviz.ground_distance import line
from emdviz.transport import rounding
from tests.explorer_checks import check_refused, check_self_contained

THREE = ["low", "middle", "high"]


def random_pair(count, rng, concentration=1.0):
    return rng.dirichlet(np.full(count, concentration), size=2)


def by_pot(p, t, ground, lam, iterations, precision, domain):
    """The plan of POT's textbook loops; it gives up where numbers are no longer finite."""
    solve = ot.bregman.sinkhorn_knopp if domain == "plain" else ot.bregman.sinkhorn_log
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        arrays = (np.asarray(values, dtype=precision) for values in (p, t, ground))
        return solve(*arrays, 1 / lam, numItermax=iterations, stopThr=0.0)


@pytest.mark.parametrize("domain", rounding.DOMAINS)
@pytest.mark.parametrize("precision", rounding.PRECISIONS)
@pytest.mark.parametrize("iterations", [1, 2, 30])
def test_scalings_are_those_of_pot(domain, precision, iterations):
    rng = np.random.default_rng(iterations)
    tolerance = 1e-12 if precision == "float64" else 2e-5
    for count in (2, 3, 8, 20):
        p, t = random_pair(count, rng)
        ground = line(count)
        found = rounding.scale(
            p, t, ground, lam=3.0, iterations=iterations, precision=precision, domain=domain
        )
        expected = by_pot(p, t, ground, 3.0, iterations, precision, domain)
        np.testing.assert_allclose(found.plan, expected, atol=tolerance)
        assert found.costs[-1] == pytest.approx(np.sum(expected * ground), rel=1e-4)
        assert found.column_errors[-1] == pytest.approx(
            abs(expected.sum(0) - t).sum(), abs=20 * tolerance
        )
        np.testing.assert_allclose(found.plan.sum(1), p, atol=tolerance)
        assert found.plan.dtype == precision


def test_both_domains_agree_while_nothing_underflows():
    p, t = random_pair(8, np.random.default_rng(0))
    plain, log = (
        rounding.scale(p, t, line(8), lam=20, iterations=200, domain=domain).costs
        for domain in rounding.DOMAINS
    )
    np.testing.assert_allclose(plain, log, atol=1e-11)


@pytest.mark.parametrize("lam", [0.1, 1.0, 10.0])
def test_the_converged_plan_is_what_pot_approaches(lam):
    rng = np.random.default_rng(3)
    for count in (2, 3, 8):
        p, t = random_pair(count, rng, 2.0)
        ground = line(count)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            expected = ot.bregman.sinkhorn_log(
                p, t, ground, 1 / lam, numItermax=200_000, stopThr=1e-12
            )
        plan = rounding.converged_plan(p, t, ground, lam=lam)
        np.testing.assert_allclose(plan, expected, atol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("concentration", [0.05, 0.5, 5.0])
@pytest.mark.parametrize("lam", [100.0, 1000.0])
def test_without_blur_the_converged_cost_is_the_exact_one(lam, concentration):
    rng = np.random.default_rng(4)
    for count in (2, 3, 8, 20):
        for _ in range(3):
            p, t = random_pair(count, rng, concentration)
            ground = line(count)
            plan = rounding.converged_plan(p, t, ground, lam=lam)
            np.testing.assert_allclose(plan.sum(1), p, atol=1e-10)
            np.testing.assert_allclose(plan.sum(0), t, atol=1e-10)
            exact = ot.emd2(p, t / t.sum() * p.sum(), ground)
            assert np.sum(plan * ground) == pytest.approx(exact, abs=1e-9)


@pytest.mark.parametrize(("precision", "limit"), [("float32", 104.0), ("float64", 746.0)])
def test_where_only_the_diagonal_is_left_the_cost_is_a_silent_zero(precision, limit):
    p, t = np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.3, 0.5])
    options = {"iterations": 20, "precision": precision, "domain": "plain"}
    found = rounding.scale(p, t, line(3), lam=limit, **options)
    assert np.count_nonzero(found.kernel) == 3
    np.testing.assert_array_equal(found.costs, 0.0)
    np.testing.assert_allclose(found.plan, np.diag(p), rtol=1e-5)
    assert found.column_errors[-1] == pytest.approx(0.6)
    pot = by_pot(p, t, line(3), limit, 20, precision, "plain")
    assert np.sum(pot * line(3)) == 0.0
    alive = rounding.scale(p, t, line(3), lam=limit - 17, **options)
    assert np.count_nonzero(alive.kernel) > 3


@pytest.mark.parametrize("precision", rounding.PRECISIONS)
def test_a_class_without_a_way_out_gives_nan_where_pot_falls_back(precision):
    p, t = np.array([0.5, 0.3, 0.2]), np.array([0.0, 0.0, 1.0])
    options = {"lam": 1000.0, "precision": precision}
    found = rounding.scale(p, t, line(3), iterations=5, domain="plain", **options)
    assert np.isnan(found.costs[1:]).all()
    pot = by_pot(p, t, line(3), 1000.0, 5, precision, "plain")
    assert np.sum(pot * line(3)) == found.costs[0] == 0.0
    in_logarithms = rounding.scale(p, t, line(3), iterations=1, domain="log", **options)
    assert in_logarithms.costs[-1] == pytest.approx(1.3, rel=1e-3)


@pytest.mark.parametrize("lam", [0.1, 1.0, 10.0, 30.0, 300.0])
def test_a_one_hot_target_needs_one_scaling(lam):
    p = np.random.default_rng(5).dirichlet(np.ones(8))
    target = np.eye(8)[3]
    found = rounding.scale(p, target, line(8), lam=lam, iterations=3)
    np.testing.assert_allclose(found.costs[1:], p @ line(8)[3], rtol=1e-12)
    np.testing.assert_allclose(found.plan, np.outer(p, target), atol=1e-12)
    converged = rounding.converged_plan(p, target, line(8), lam=lam)
    np.testing.assert_allclose(converged, np.outer(p, target), atol=1e-12)


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"p": [0.5, 0.6]}, "p must sum to 1"),
        ({"t": [1.0, 0.0, 0.0]}, r"p, t and cost must have the shapes .* got \(2,\), \(3,\)"),
        ({"cost": np.eye(3)}, r"got \(2,\), \(2,\) and \(3, 3\)"),
        ({"lam": 0}, "lam must be a positive number, got 0"),
        ({"iterations": 1.5}, r"iterations must be an integer, 0 or more, got 1\.5"),
        ({"precision": "float16"}, "precision must be one of .* got 'float16'"),
        ({"domain": "linear"}, "domain must be one of .* got 'linear'"),
    ],
)
def test_scalings_of_anything_else_are_refused(changed, text):
    usual = {"p": [0.5, 0.5], "t": [0.5, 0.5], "cost": line(2), "lam": 1.0, "iterations": 1}
    with pytest.raises(ValueError, match=text):
        rounding.scale(**usual | changed)


@pytest.mark.parametrize("positions", [None, [1.0, 5.0, 11.0]])
def test_costs_follow_the_state(positions):
    explorer = SinkhornExplorer(
        [0.6, 0.3, 0.1], [0.1, 0.3, 0.6], classes=THREE, positions=positions, lam=1, iterations=100
    )
    ground = line(3, positions=positions)
    few = explorer.costs
    assert few["plan"] == pytest.approx(few["converged"])
    assert few["converged"] > few["exact"]
    assert few["exact"] == pytest.approx(ot.emd2(explorer.p, explorer.t, ground))
    explorer.iterations = 1
    assert explorer.costs["plan"] != pytest.approx(few["plan"], rel=1e-3)
    assert explorer.plan.shape == (3, 3)
    assert len(explorer.scalings.costs) == 2


def test_at_first_the_three_costs_differ():
    explorer = SinkhornExplorer()
    assert len(explorer.classes) == 8
    assert (explorer.lam, explorer.iterations) == (1.0, 2)
    assert (explorer.precision, explorer.domain) == ("float64", "log")
    assert len({f"{cost:.2f}" for cost in explorer.costs.values()}) == 3


@pytest.mark.parametrize("count", [2, 3, 8, 20])
def test_examples_show_what_they_are_called(count):
    found = {}
    for example in _examples(count):
        state = {name: value for name, value in example.items() if name != "label"}
        found[example["label"]] = SinkhornExplorer(**state).costs
    assert found["one-hot target"]["plan"] == pytest.approx(found["one-hot target"]["exact"])
    soft = found["soft target"]
    assert soft["plan"] == pytest.approx(soft["converged"])
    assert soft["converged"] > soft["exact"] * 1.002
    few = found["too few scalings"]
    assert 0.01 < few["plan"] / few["exact"] < 0.97
    assert found["float32 underflow: silent zero"]["plan"] == 0.0
    assert np.isnan(found["NaN"]["plan"])
    assert found["log domain stopped early: silent zero"]["plan"] < 1e-300
    in_logarithms = found["log domain mends it"]
    assert in_logarithms["plan"] == pytest.approx(in_logarithms["exact"], rel=1e-3)


@pytest.mark.parametrize(
    ("trait", "value", "text"),
    [
        ("p", [0.5, 0.5], r"p must hold one probability per class, shape \(3,\), got \(2,\)"),
        ("t", [1.2, -0.2, 0.0], r"t must not be negative, got -0\.2"),
        ("t", [0.5, float("nan"), 0.5], "t must be finite, got nan"),
        ("t", [0, 0, 0], "t must sum to 1, got zeros only"),
        ("lam", 0.0, r"lam must be a number from 0\.1 to 1000, got 0\.0"),
        ("lam", 1001, "lam must be a number from .* got 1001"),
        ("lam", float("nan"), "lam must be a number from .* got nan"),
        ("lam", "many", "lam must be a number from .* got 'many'"),
        ("iterations", 0, "iterations must be an integer, 1 to 1000, got 0"),
        ("iterations", 2.0, r"iterations must be an integer, 1 to 1000, got 2\.0"),
        ("iterations", True, "iterations must be an integer, 1 to 1000, got True"),
        ("precision", "float16", "float16"),
        ("domain", "linear", "linear"),
        ("positions", [0, 2, 1], "positions must increase"),
        ("classes", ["a", "b", "a"], r"classes must all be different, got \['a'\]"),
        ("pinned_t", [5], "pinned_t must be a class index, 0 to 2, got 5"),
    ],
)
def test_bad_values_are_refused_and_change_nothing(trait, value, text):
    check_refused(SinkhornExplorer([0.2, 0.5, 0.3], classes=THREE), trait, value, text)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"t": [0.5, 0.6]}, "t must sum to 1"),
        ({"t": [0.5, 0.5], "p": [1, 0, 0]}, "one item per class, got 3 in p, 2 in t"),
        ({"lam": -1}, "lam must be a number"),
        ({"iterations": 5000}, "iterations must be an integer"),
        ({"style": "poster"}, r"style must be one of \['notebook', 'projector'\], got 'poster'"),
    ],
)
def test_bad_arguments_are_refused(arguments, text):
    with pytest.raises(traitlets.TraitError, match=text):
        SinkhornExplorer(**arguments)


def test_numbers_of_numpy_are_read():
    explorer = SinkhornExplorer(np.array([0.25, 0.75]), lam=np.float32(2), iterations=np.int64(7))
    assert (type(explorer.lam), type(explorer.iterations)) == (float, int)
    json.dumps(explorer.get_state())


@pytest.mark.slow
@pytest.mark.parametrize("example", range(6))
def test_the_figure_shows_the_present_state(example, tmp_path):
    state = {name: value for name, value in _examples(8)[example].items() if name != "label"}
    explorer = SinkhornExplorer(**state)
    figure = explorer.figure()
    plan, errors = figure.axes
    np.testing.assert_array_equal(plan.images[0].get_array(), np.nan_to_num(explorer.plan))
    costs = explorer.costs
    assert f"{costs['plan']:.4g}" in plan.get_title(loc="left")
    assert f"exact {costs['exact']:.4g}" in errors.get_title(loc="left")
    drawn = errors.lines[0].get_ydata()
    expected = np.maximum(abs(explorer.scalings.costs[1:] - costs["exact"]), 1e-8)
    np.testing.assert_array_equal(drawn, expected)
    for suffix in ("png", "svg", "pdf"):
        figure.savefig(tmp_path / f"figure.{suffix}")
        assert (tmp_path / f"figure.{suffix}").stat().st_size > 1000


def test_curves_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match=r"same shape \(N,\), got \(2,\) and \(3,\)"):
        plots.plot_scalings([1.0, 2.0], [1.0, 2.0, 3.0], converged=1, exact=1)


@pytest.mark.parametrize("floor", [np.dtype("float32"), "a", None, 0, -1e-8, np.nan, np.inf])
def test_a_floor_that_is_no_positive_number_is_refused(floor):
    with pytest.raises(ValueError, match="floor must be a number greater than 0, got "):
        plots.plot_scalings([1.0, 2.0], [1.0, 2.0], converged=1, exact=1, floor=floor)


def test_a_saved_page_is_one_file_that_fetches_nothing(tmp_path):
    explorer = SinkhornExplorer([0.2, 0.5, 0.3], classes=["</script><b>", "b", "c"])
    check_self_contained(explorer.save_html(tmp_path / "page.html"))


def test_sliders_show_lambda_scalings_and_every_class():
    explorer = SinkhornExplorer([0.2, 0.5, 0.3], [0.6, 0.3, 0.1], classes=THREE, lam=20)
    lam, count, bars = explorer.sliders().children
    assert (lam.value, count.value) == (20, 2)
    for column, values in zip(bars.children, (explorer.p, explorer.t), strict=True):
        assert [slider.value for slider in column.children[1:]] == values
