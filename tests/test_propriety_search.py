"""What losses reward: against closed forms, grids, and counter-examples in exact fractions."""

from fractions import Fraction
from math import comb

import numpy as np
import pytest
import torch
from scipy.stats import entropy

from devtools.counter_examples import check
from emdviz.losses import LOSSES, Loss, zoo
from emdviz.propriety import (
    expected_loss,
    find_minimiser,
    medians,
    minimiser,
    search,
    verdict,
)

T = np.array([0.2, 0.5, 0.1, 0.05, 0.15])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["XE", "EMD2", "EMD", "REG"])
def test_minimisers_equal_the_closed_forms(name):
    rng = np.random.default_rng(5)
    for count in (2, 3, 6):
        t = rng.dirichlet(np.ones(count))
        found = minimiser(LOSSES[name], t)
        np.testing.assert_allclose(found, minimiser(name, t), atol=1e-6)
    t = np.array([0.5, 0.0, 0.3, 0.2])  # on the edge, and for EMD several medians
    found, expected = minimiser(LOSSES[name], t), minimiser(name, t)
    if name == "EMD":
        found, expected = expected_loss("EMD", found, t), expected_loss("EMD", expected, t)
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.slow
def test_bounds_hold_and_are_reached():
    for name in ("EMD2", "EMD1.5", "OLL", "AEMD"):
        best = find_minimiser(name, T)
        assert best.gap is not None, name
        assert -1e-12 <= best.gap < 1e-6, name
        assert best.how == "bounded from below by tangents in p"


def test_a_wrong_vertex_has_no_slope_in_logits_but_a_gap_in_p():
    problem = search.Problem(LOSSES["EMD2"], 5)
    z = torch.tensor([0.0, 0.0, 0.0, 0.0, 40.0], dtype=torch.float64, requires_grad=True)
    label = np.eye(5)[0]
    (slope,) = torch.autograd.grad(problem.expected(z, label), z)
    assert slope.norm() < 1e-15
    p = search._inside(np.eye(5)[4])
    bound, _ = search._lower_bound([problem._cut(p, label)])
    assert problem.at(p, label) - bound > 1


@pytest.mark.slow
def test_soft_targets_with_kinks_at_the_minimum():
    np.testing.assert_array_equal(minimiser("EMD", T, soft=True), T)
    best = find_minimiser("EMD", T, soft=True)
    np.testing.assert_allclose(best.p, T, atol=1e-6)
    assert best.gap < 1e-8

    def total_variation(z, t):
        return (z.softmax(1) - t).abs().sum(1).mean()

    best = find_minimiser(total_variation, T, soft=True)
    np.testing.assert_allclose(best.p, T, atol=1e-6)
    assert best.gap < 1e-8
    with pytest.raises(ValueError, match="must be class indices"):
        find_minimiser("SORD", T, soft=True)


def on_grid(name, t, steps=40):
    """The best p of a grid on the triangle and its cost, by the criterion alone."""
    criterion = zoo.load(name).make(3, 1)
    points = [
        np.array([i, j, steps - i - j]) / steps
        for i in range(1, steps)
        for j in range(1, steps - i)
    ]
    costs = []
    for p in points:
        z = torch.as_tensor(np.log(p))[None]
        costs.append(sum(t[k] * float(criterion(z, torch.tensor([k]))) for k in range(3)))
    return points[int(np.argmin(costs))], min(costs)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["focal", "EMD3", "SLACE"])
def test_minimisers_are_those_of_a_grid(name):
    t = np.array([0.3, 0.45, 0.25])
    best = find_minimiser(name, t)
    p, cost = on_grid(name, t)
    assert best.expected <= cost + 1e-9
    np.testing.assert_allclose(best.p, p, atol=0.05)


def test_losses_that_are_not_convex_get_many_starts_and_no_bound():
    def wavy(z, k):
        p = z.softmax(1)
        return (torch.cos(15 * p[:, 0]) - z.log_softmax(1).gather(1, k[:, None])[:, 0]).mean()

    t = np.array([0.3, 0.3, 0.4])
    best = find_minimiser(wavy, t)
    assert best.gap is None
    assert "not convex" in best.how
    x = np.linspace(1e-3, 0.999, 4000)
    # given p_0, the rest is shared as t shares it
    expected = np.cos(15 * x) - 0.3 * np.log(x) - 0.7 * np.log(1 - x)
    assert best.expected == pytest.approx(
        expected.min() - 0.3 * np.log(3 / 7) - 0.4 * np.log(4 / 7), abs=1e-4
    )
    assert best.p[0] == pytest.approx(x[expected.argmin()], abs=1e-3)


@pytest.mark.slow
def test_heads_and_thresholds_by_agreement_of_starts():
    t = np.array([0.3, 0.45, 0.25])
    for name in ("CORAL", "CORN", "CONDOR", "CLM-logit"):
        best = find_minimiser(name, t)
        assert best.gap is None
        assert "starts agree, none of" in best.how
        assert "points of a grid costs less" in best.how
        np.testing.assert_allclose(best.p, t, atol=1e-4)
    # maximum likelihood of a binomial distribution has the mean of t
    share = t @ np.arange(3) / 2
    expected = [comb(2, k) * share**k * (1 - share) ** (2 - k) for k in range(3)]
    np.testing.assert_allclose(find_minimiser("Binomial-head", t).p, expected, atol=1e-4)
    # ECOC answers P(k > i), but its probabilities are no differences of these
    codes = np.array([[0, 0], [1, 0], [1, 1]])
    scores = np.exp(-np.linalg.norm(codes - np.array([0.7, 0.25]), axis=1))
    np.testing.assert_allclose(find_minimiser("ECOC", t).p, scores / scores.sum(), atol=1e-4)


@pytest.mark.parametrize(
    "name",
    [
        "CORAL", "stick-breaking", "COPOC", "Poisson-head",
        pytest.param("CLM-logit", marks=pytest.mark.slow),
    ],
)  # fmt: skip
def test_a_grid_for_three_classes_covers_heads_of_several_variables(name):
    problem = search.Problem(zoo.load(name), 3)
    assert problem.size >= 3
    t = np.array([0.3, 0.45, 0.25])
    kind, costs = problem._costs_elsewhere(t, 0, np.random.default_rng(0))
    assert (kind, len(costs)) == ("points of a grid", search.GRID[problem.size] ** problem.size)
    above = t[::-1].cumsum()[:-1]  # what the questions of CORAL are answered by
    least = entropy([above, 1 - above]).sum() if name == "CORAL" else entropy(t)
    assert least <= np.nanmin(costs) < least + 0.15
    # which is what the criterion says of single points
    axis = np.linspace(-6, 6, search.GRID[problem.size])
    for i in (0, len(costs) // 2, len(costs) - 1):
        place = np.unravel_index(i, (len(axis),) * problem.size)
        with torch.no_grad():
            z = problem.outputs(torch.as_tensor(axis[np.array(place)]))
            np.testing.assert_allclose(costs[i], float(problem.expected(z, t)), rtol=1e-6)


def test_a_grid_finds_what_starts_miss():
    def narrow(z, k):  # a deep, narrow well beside a broad one, where all starts end
        well = torch.exp(-20 * ((z - 3) ** 2).sum(1))
        return (0.05 * (z**2).sum(1) - 5 * well).mean()

    loss = Loss(
        "narrow", lambda *_: narrow, outputs=lambda count: 2, decode=lambda z: z, is_point=True
    )
    best = find_minimiser(loss, [0.2, 0.3, 0.5], starts=2)
    assert best.expected > -1
    assert ", none of" not in best.how
    assert "points of a grid costs less" in best.how


@pytest.mark.slow
def test_hinges_predict_a_label_and_regression_a_number():
    t = np.array([0.4, 0.25, 0.35])
    assert medians(t) == [1]
    assert find_minimiser("hinge-AT", t, starts=4).label == 1
    # its two thresholds are answered one by one, and here they cross
    crossed = find_minimiser("hinge-IT", t, starts=4)
    np.testing.assert_allclose(crossed.outputs, [-1, 1], atol=1e-3)
    assert crossed.label == 1
    assert crossed.p is None
    assert minimiser(LOSSES["REG"], t) == pytest.approx(0.95, abs=1e-6)
    assert minimiser(zoo.load("REG", positions=[0.0, 2.0, 10.0]), t) == pytest.approx(4, abs=1e-5)


@pytest.mark.parametrize("name", ["EMD2", pytest.param("Brier", marks=pytest.mark.slow)])
def test_strictly_proper_losses(name):
    found = verdict(name)
    assert found.proper == "strictly proper"
    assert found.t is None
    assert all(found.keeps.values())
    assert "55 t with 3 classes" in found.searched


@pytest.mark.slow
@pytest.mark.parametrize("name", ["EMD3", "XE-LS", "focal", "OLL"])
def test_counter_examples_hold_in_exact_fractions(name):
    found = verdict(name)
    assert found.proper == "not proper"
    assert all(isinstance(x, Fraction) for x in (*found.t, *found.better))
    assert sum(found.t) == sum(found.better) == 1
    assert check(name, found.t, found.better) == (True, "in fractions")
    assert check(name, found.t, found.t) == (False, "in fractions")
    assert found.costs[1] < found.costs[0]


@pytest.mark.slow
def test_counter_examples_are_the_simplest():
    half, third = Fraction(1, 2), Fraction(1, 3)
    emd = verdict("EMD")
    assert emd.costs[1] < emd.costs[0]
    assert check("EMD", emd.t, emd.better) == (True, "in fractions")
    assert (emd.t, emd.better) == ((third, 2 * third), (0, 1))
    assert emd.keeps == {"mode": False, "median": True, "mean": False, "order": False}
    cdw = verdict("CDW-CE")  # with two classes it is cross-entropy
    assert (cdw.t, cdw.better) == ((half, 0, half), (third, third, third))
    assert cdw.keeps["mode"] is False
    assert str(emd).startswith(
        "EMD: not proper; for t = (1/3, 2/3), p = (0, 1) costs less; of six unimodal t it keeps "
        "median, and not always mode, mean, order (looked at"
    )


@pytest.mark.slow
def test_other_verdicts():
    kappa = verdict("WKL")
    assert kappa.proper == "constant"
    assert set(kappa.keeps.values()) == {None}
    regression = verdict("REG")
    assert regression.proper == "no probabilities"
    assert regression.keeps == {"mode": False, "median": True, "mean": True, "order": None}
    stick = verdict("stick-breaking")  # the library holds its shares within 0.1 and 0.9
    assert stick.proper == "not proper"
    assert "no output gives t itself" in stick.searched


@pytest.mark.slow
def test_proper_but_not_strictly_and_tiny_faults():
    def accuracy_of_the_sum(z, k):  # Brier of "class 0 or not": all p with one p_0 are alike
        return ((z.softmax(1)[:, 0] - (k == 0).double()) ** 2).mean()

    found = verdict(accuracy_of_the_sum)
    assert found.proper == "proper"
    assert found.t[0] == found.better[0]
    assert found.t != found.better

    def nearly(z, k):  # XE with smoothing that no grid of simple fractions can see
        return torch.nn.functional.cross_entropy(z, k) + 1e-3 * z.softmax(1)[:, 0].mean()

    def twice(z, k):  # cross-entropy of two outputs that count twice, and two numbers per p
        return torch.nn.functional.cross_entropy(z.abs(), k)

    loss = Loss("twice", lambda *numbers: twice, decode=lambda z: z.abs().softmax(1))
    assert verdict(loss).proper == "strictly proper"  # many outputs, but one p

    found = verdict(Loss("nearly", lambda num_classes, num_features: nearly))
    assert found.proper == "not proper"
    assert found.costs[1] < found.costs[0]
    assert "slope" in found.searched


def test_simple_fractions_come_in_order():
    listed = search.fractions(3, 4)
    assert len(set(listed)) == len(listed)
    assert all(sum(t) == 1 for t in listed)
    denominators = [max(x.denominator for x in t) for t in listed]
    assert denominators == sorted(denominators)


def test_heads_leave_the_random_numbers_of_others_alone():
    torch.manual_seed(4)
    expected = torch.rand(3)
    torch.manual_seed(4)
    find_minimiser("CLM-logit", [0.5, 0.5], starts=2)
    torch.testing.assert_close(torch.rand(3), expected)


def test_errors():
    with pytest.raises(ValueError, match="two classes or more for CORN"):
        find_minimiser("CORN", [1.0])
    with pytest.raises(ValueError, match="positions are for XE"):
        minimiser("focal", T, positions=[0, 1, 2, 3, 5])
    with pytest.raises(ValueError, match="sum"):
        find_minimiser("XE", [0.5, 0.6])
    with pytest.raises(ValueError, match="loss must be"):
        verdict("XF")
