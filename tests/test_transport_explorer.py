"""The transport explorer without a browser: plans, costs, errors and what it leaves behind."""

import json

import numpy as np
import pytest
import traitlets
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from scipy import stats
from scipy.optimize import linprog

from emdviz import plots
from emdviz.explorers import TransportExplorer
from tests.explorer_checks import check_refused, check_self_contained

THREE = ["low", "middle", "high"]
UNEVEN = [1.0, 5.0, 10.5, 17.5, 28.5, 40.5]


def cheapest(supply, demand, cost):
    """The cost per unit of mass of the cheapest partial plan, by SciPy's linear programming."""
    count = len(supply)
    moved = min(sum(supply), sum(demand))
    rows = [np.repeat(np.eye(count)[i], count) for i in range(count)]
    columns = [np.tile(np.eye(count)[j], count) for j in range(count)]
    limits = np.concatenate([supply, demand])
    all_of_it = np.ones((1, count**2))
    solved = linprog(cost.ravel(), np.array(rows + columns), limits + 1e-12, all_of_it, [moved])
    assert solved.success
    return solved.fun / moved


def random_states(count, number=12, seed=0):
    rng = np.random.default_rng(seed)
    for n in range(number):
        p, t = (rng.dirichlet(np.full(count, rng.choice([0.1, 0.5, 5]))) for _ in range(2))
        mass_p, mass_t = (1.0, 1.0) if n % 3 == 0 else rng.integers(10, 101, 2) / 100
        yield {"p": p, "t": t, "mass_p": mass_p, "mass_t": mass_t, "order": 1 + n % 2}


@pytest.mark.parametrize("positions", [None, UNEVEN])
def test_costs_agree_with_their_definitions(positions):
    x = np.arange(6.0) if positions is None else np.array(positions)
    for state in random_states(6):
        explorer = TransportExplorer(positions=positions, **state)
        costs = explorer.costs
        p, t = state["mass_p"] * state["p"], state["mass_t"] * state["t"]
        ground = abs(x[:, None] - x) ** state["order"]
        assert costs["exact"] == pytest.approx(cheapest(p, t, ground), abs=1e-6)
        assert costs["plan"] == pytest.approx(costs["exact"], abs=1e-6 * ground.max())
        if state["mass_p"] != state["mass_t"]:
            assert costs["closed_form"] is None
        elif state["order"] == 1:
            emd = stats.wasserstein_distance(x, x, state["p"], state["t"])
            assert costs["closed_form"] == pytest.approx(emd)
            assert costs["exact"] == pytest.approx(emd)
        else:
            energy = stats.energy_distance(x, x, state["p"], state["t"])
            assert costs["closed_form"] == pytest.approx(energy**2 / 2)


def test_a_plan_moves_all_of_the_smaller_mass_and_its_ways_do_not_cross():
    for state in random_states(6, seed=1):
        explorer = TransportExplorer(**state)
        plan = explorer.plan
        p, t = state["mass_p"] * state["p"], state["mass_t"] * state["t"]
        assert np.all(plan >= 0)
        assert np.all(plan.sum(1) <= p + 1e-9)
        assert np.all(plan.sum(0) <= t + 1e-9)
        assert plan.sum() == pytest.approx(min(p.sum(), t.sum()))
        ways = np.argwhere(plan > 1e-9)
        assert np.all(np.diff(ways[:, 0]) >= 0)
        assert np.all(np.diff(ways[:, 1]) >= 0)


def test_equal_masses_below_one_move_the_same_for_the_same():
    whole = TransportExplorer([0.5, 0.5, 0.0], [0.0, 0.25, 0.75], order=2)
    half = TransportExplorer(whole.p, whole.t, order=2, mass_p=0.5, mass_t=0.5)
    np.testing.assert_allclose(half.plan, whole.plan / 2, atol=1e-12)
    assert half.costs == pytest.approx(whole.costs)


def test_of_plans_of_one_cost_it_is_the_one_that_moves_up():
    explorer = TransportExplorer([0.5, 0.0, 0.5], [0.0, 1.0, 0.0], mass_t=0.5)
    assert explorer.plan[0, 1] == pytest.approx(0.5)


def test_the_two_orders_part():
    explorer = TransportExplorer([1.0, 0.0, 0.0], [0.0, 0.0, 1.0])
    assert explorer.costs == pytest.approx({"closed_form": 2, "plan": 2, "exact": 2})
    explorer.order = 2
    assert explorer.costs == pytest.approx({"closed_form": 2, "plan": 4, "exact": 4})


def test_what_is_left_out_is_an_example():
    explorer = TransportExplorer()
    assert len(explorer.classes) == 8
    assert explorer.costs["exact"] == pytest.approx(explorer.costs["closed_form"])
    only_p = TransportExplorer([0.2, 0.3, 0.5])
    assert len(only_p.t) == 3
    assert (only_p.order, only_p.mass_p, only_p.mass_t, only_p.matrix) == (1, 1.0, 1.0, False)


def test_the_linked_numbers_follow_the_lists():
    explorer = TransportExplorer([0.2, 0.3, 0.5], [1.0, 0.0, 0.0])
    explorer.t = [0.125, 0.125, 0.75]
    assert [explorer.t_0, explorer.t_1, explorer.t_2] == [0.13, 0.13, 0.75]
    assert explorer.p_0 == 0.2


def test_pots_number_stands_with_the_state_it_belongs_to():
    explorer = TransportExplorer([0.2, 0.3, 0.5], [1.0, 0.0, 0.0])
    sent = []
    explorer.observe(lambda change: sent.append(change["new"]), names="_exact")
    explorer.set_state({"p": [0.5, 0.5, 0.0], "t": [0.0, 0.0, 1.0], "order": 2})
    assert len(sent) == 1, "one state, one answer"
    assert sent[0]["cost"] == pytest.approx(0.5 * 4 + 0.5 * 1)
    question = sent[0]["question"]
    assert question == {name: getattr(explorer, name) for name in question}
    json.dumps(question)


@pytest.mark.parametrize(
    ("trait", "value", "text"),
    [
        ("p", [0.5, 0.5], r"p must hold one probability per class, shape \(3,\), got \(2,\)"),
        ("t", [1.2, -0.2, 0.0], r"t must not be negative, got -0\.2"),
        ("t", [0.5, float("nan"), 0.5], "t must be finite, got nan"),
        ("order", 3, "order.*1.*2"),
        ("t", [0, 0, 0], "t must sum to 1, got zeros only"),
        ("mass_p", 0, r"mass_p must be a number from 0\.1 to 1, got 0"),
        ("mass_t", 1.5, r"mass_t must be a number from 0\.1 to 1, got 1\.5"),
        ("mass_t", float("nan"), r"mass_t must be a number from 0\.1 to 1, got nan"),
        ("mass_p", "much", r"mass_p must be a number from 0\.1 to 1, got 'much'"),
        ("mass_p", None, r"mass_p must be a number from 0\.1 to 1, got None"),
        ("positions", [0, 2, 1], "positions must increase"),
        ("classes", ["a", "b"], "classes must name 3 classes, got 2"),
        ("pinned_t", [5], "pinned_t must be a class index, 0 to 2, got 5"),
        ("matrix", "yes", "matrix"),
    ],
)
def test_bad_values_are_refused_and_change_nothing(trait, value, text):
    explorer = TransportExplorer([0.2, 0.3, 0.5], [0.5, 0.5, 0.0], classes=THREE)
    check_refused(explorer, trait, value, text)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"p": [0.5, 0.6]}, "p must sum to 1"),
        ({"p": [0.5, 0.5], "t": [1, 0, 0]}, "one item per class, got 2 in p, 3 in t"),
        ({"t": [1.0]}, "at least 2 classes, got 1 in t"),
        ({"order": "1"}, "order"),
        ({"mass_t": -1}, "mass_t must be a number"),
        ({"style": "poster"}, r"style must be one of \['notebook', 'projector'\], got 'poster'"),
    ],
)
def test_bad_arguments_are_refused(arguments, text):
    with pytest.raises(traitlets.TraitError, match=text):
        TransportExplorer(**arguments)


@pytest.mark.parametrize("count", [2, 3, 5, 8, 20])
def test_examples_show_what_they_are_called(count):
    explorer = TransportExplorer(classes=[f"class {i}" for i in range(count)])
    costs = {}
    for example in explorer._presets:
        for name in ("p", "t", "mass_p", "mass_t"):
            setattr(explorer, name, example[name])
        costs[example["label"]] = explorer.costs
    assert costs["equal"]["exact"] == pytest.approx(0, abs=1e-12)
    assert costs["one class further"]["exact"] == pytest.approx(1)
    assert costs["unequal masses"]["closed_form"] is None
    assert costs["split both ways"]["exact"] == pytest.approx((count - 1) // 2)


def test_sliders_show_order_masses_and_every_class():
    explorer = TransportExplorer([0.2, 0.3, 0.5], [0.5, 0.5, 0.0], order=2, mass_t=0.5)
    order, mass_p, mass_t, columns = explorer.sliders().children
    assert (order.value, mass_p.value, mass_t.value) == (2, 1.0, 0.5)
    for column, values in zip(columns.children, (explorer.p, explorer.t), strict=True):
        assert [slider.value for slider in column.children[1:]] == values
    assert explorer.panel().children[0] is explorer


@pytest.mark.slow
@pytest.mark.parametrize("matrix", [False, True])
@pytest.mark.parametrize("mass_t", [1.0, 0.5])
@pytest.mark.parametrize("positions", [None, [1.0, 5.0, 11.0]])
def test_the_figure_shows_the_present_state(matrix, mass_t, positions, tmp_path):
    explorer = TransportExplorer([0.2, 0.3, 0.5], classes=THREE, positions=positions, matrix=matrix)
    explorer.t = [0.1, 0.7, 0.2]
    explorer.mass_t = mass_t
    figure = explorer.figure()
    left, right, *more = figure.axes
    costs = explorer.costs
    assert f"this plan {costs['plan']:.3f}   POT {costs['exact']:.3f}" == left.get_title(loc="left")
    if mass_t == 1:
        assert f"{costs['closed_form']:.3f}" in right.get_title(loc="left")
    else:
        assert right.get_title(loc="left") == "of the mass moved, 0.50"
    assert len(more) == matrix
    for ax in more:
        np.testing.assert_allclose(ax.images[0].get_array(), explorer.plan)
    figure.savefig(tmp_path / "figure.svg")
    assert (tmp_path / "figure.svg").stat().st_size > 1000


def test_ribbons_are_as_wide_as_their_mass_and_start_at_the_feet_of_the_bars():
    plan = np.array([[0.25, 0.25, 0.0], [0.0, 0.25, 0.25], [0.0, 0.0, 0.0]])
    ax = plots.plot_ribbons(plan, plan.sum(1), [0.5, 0.5, 0.25], ax=Figure().add_subplot())
    ribbons = [patch for patch in ax.patches if isinstance(patch, PathPatch)]
    assert len(ribbons) == 4
    edges = [ribbon.get_path().vertices for ribbon in ribbons]
    assert [corners[-1, 0] - corners[0, 0] for corners in edges] == pytest.approx([0.4] * 4)
    assert edges[0][0, 0] == pytest.approx(-0.4)
    assert edges[1][0, 0] == pytest.approx(0.0)
    heights = {round(bar.get_height(), 9) for bar in ax.patches if bar not in ribbons}
    assert {0.5, -0.5, -0.25} <= heights


@pytest.mark.parametrize(
    ("plan", "supply", "text"),
    [
        ([[0.5, 0.5, 0.0]], None, r"plan must have shape \(C, C\), got \(1, 3\)"),
        ([[0.5, 0.0], [0.0, 0.5]], [1.0], r"must have shape \(2,\), got \(1,\)"),
    ],
)
def test_ribbons_refuse_what_does_not_fit(plan, supply, text):
    with pytest.raises(ValueError, match=text):
        plots.plot_ribbons(plan, supply, ax=Figure().add_subplot())


def test_a_saved_page_is_one_file_that_fetches_nothing(tmp_path):
    explorer = TransportExplorer([0.2, 0.3, 0.5], classes=["</script><b>", "b", "c"])
    path = explorer.save_html(tmp_path / "page.html")
    check_self_contained(path)
    assert json.dumps(explorer._exact["cost"]) in path.read_text(encoding="utf-8")
