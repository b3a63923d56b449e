import warnings

import numpy as np
import ot
import pytest
from scipy.optimize import linprog

from devtools.oracles import random_pairs, random_positions
from emdviz import emd, ground_distance, one_hot, transport
from tests.optional import torch


def linear_programme(p, t, cost, *, partial=False):
    """Least transport cost by SciPy's simplex: an oracle that is not POT."""
    rows = np.kron(np.eye(len(p)), np.ones(len(t)))
    columns = np.kron(np.ones(len(p)), np.eye(len(t)))
    sums, masses = np.vstack([rows, columns]), np.concatenate([p, t])
    if partial:
        everything = np.ones((1, cost.size))
        options = {
            "A_ub": sums,
            "b_ub": masses,
            "A_eq": everything,
            "b_eq": [min(p.sum(), t.sum())],
        }
    else:
        options = {"A_eq": sums[:-1], "b_eq": masses[:-1]}
    return linprog(cost.ravel(), **options).fun


@pytest.mark.parametrize("num_classes", [1, 2, 8, 30])
def test_plans_have_their_marginals_and_the_least_cost(num_classes):
    p, t = random_pairs(num_classes, count=10)
    cost = np.random.default_rng(1).uniform(0, 2, (num_classes, num_classes))
    plan = transport.exact_plan(p, t, cost=cost)
    assert plan.min() >= 0
    np.testing.assert_allclose(plan.sum(2), p, atol=1e-12)
    np.testing.assert_allclose(plan.sum(1), t, atol=1e-12)
    least = [linear_programme(a, b, cost) for a, b in zip(p, t, strict=True)]
    np.testing.assert_allclose(transport.exact_cost(p, t, cost=cost), least, atol=1e-9)
    np.testing.assert_allclose((plan * cost).sum((1, 2)), least, atol=1e-9)


def test_default_cost_is_the_line():
    p, t = random_pairs(8)
    x = random_positions(8)
    np.testing.assert_allclose(transport.exact_cost(p, t), emd(p, t), atol=1e-12)
    np.testing.assert_allclose(
        transport.exact_cost(p, t, positions=x), emd(p, t, positions=x), atol=1e-12
    )


def test_a_tree_has_a_closed_form():
    """On each edge, its length times the mass that has to pass it: notebook 05."""
    parents = {"cat": "pet", "dog": "pet", "pet": "animal", "lion": "animal", "oak": "plant"}
    parents |= {"animal": "thing", "plant": "thing", "car": "thing"}
    lengths = {"cat": 0.5, "pet": 2.0, "plant": 1.5, "car": 3.0}
    names = ["cat", "dog", "lion", "oak", "car"]
    p, t = random_pairs(len(names))
    passed = {name: np.zeros(len(p)) for name in parents}
    for k, node in enumerate(names):
        while node in parents:
            passed[node] += p[:, k] - t[:, k]
            node = parents[node]
    closed = sum(lengths.get(node, 1.0) * abs(mass) for node, mass in passed.items())
    cost = ground_distance.tree(names, parents, lengths=lengths)
    np.testing.assert_allclose(transport.exact_cost(p, t, cost=cost), closed, atol=1e-9)


def test_different_numbers_of_classes():
    p, t = np.full(4, 0.25), np.array([0.5, 0.5])
    cost = abs(np.arange(4)[:, None] - np.array([0.0, 3.0]))
    plan = transport.exact_plan(p, t, cost=cost)
    assert plan.shape == (4, 2)
    assert transport.exact_cost(p, t, cost=cost) == pytest.approx(0.5)


@pytest.mark.parametrize("seed", range(10))
def test_unequal_masses_follow_equation_1(seed):
    rng = np.random.default_rng(seed)
    p, t = rng.uniform(0, 1, 4), rng.uniform(0, 2, 6)
    cost = rng.uniform(0, 1, (4, 6))
    moved = min(p.sum(), t.sum())
    expected = linear_programme(p, t, cost, partial=True) / moved
    assert transport.partial_emd(p, t, cost=cost) == pytest.approx(expected, abs=1e-9)
    assert transport.partial_emd(t, p, cost=cost.T) == pytest.approx(expected, abs=1e-9)
    plan = transport.partial_plan(p, t, cost=cost)
    assert plan.sum() == pytest.approx(moved)
    assert (plan.sum(1) <= p + 1e-12).all()
    assert (plan.sum(0) <= t + 1e-12).all()


def test_partial_transport_agrees_with_pots_own():
    p, t = np.array([0.6, 0.2, 0.4]), np.array([0.1, 0.3, 0.2])
    cost = ground_distance.line(3)
    other = ot.partial.partial_wasserstein(p, t, cost, m=0.6)
    assert transport.partial_emd(p, t) == pytest.approx((other * cost).sum() / 0.6)


def test_equal_masses_are_the_plain_case():
    p, t = random_pairs(6, count=10)
    np.testing.assert_allclose(transport.partial_emd(p, t), transport.exact_cost(p, t), atol=1e-12)
    np.testing.assert_allclose(
        transport.partial_emd(7 * p, 7 * t), transport.exact_cost(p, t), atol=1e-12
    )


@pytest.mark.parametrize("lam", [0.1, 1.0, 10.0, 50.0])
def test_entropic_plan_is_optimal(lam):
    p, t = random_pairs(6, count=3, concentration=2.0)
    cost = ground_distance.line(6)
    plan = transport.entropic_plan(p, t, lam=lam)
    np.testing.assert_allclose(plan.sum(2), p, atol=1e-6)
    np.testing.assert_allclose(plan.sum(1), t, atol=1e-6)
    # optimal plans are diag(a) exp(−λ D) diag(b): log F + λ D has rank-one structure
    for mass in plan:
        rows, columns = mass.sum(1) > 0, mass.sum(0) > 0
        with np.errstate(divide="ignore"):
            residual = (np.log(mass) + lam * cost)[np.ix_(rows, columns)]
        residual = residual - residual[:, :1] - residual[:1] + residual[0, 0]
        assert abs(residual).max() < 1e-6 * max(1, lam)


def test_entropic_plan_of_a_label_is_the_only_plan():
    p = random_pairs(8)[0][1]
    t = one_hot(3, 8)
    expected = np.outer(p, t)
    for lam in (0.1, 10.0, 1000.0):
        np.testing.assert_allclose(transport.entropic_plan(p, t, lam=lam), expected, atol=1e-9)


def test_entropic_plan_nears_the_exact_one():
    p, t = random_pairs(8, count=3, concentration=2.0)
    cost = ground_distance.line(8)
    excess = [
        ((transport.entropic_plan(p, t, lam=lam) * cost).sum((1, 2)) - emd(p, t)).max()
        for lam in (0.1, 1.0, 10.0)
    ]
    assert excess == sorted(excess, reverse=True)
    assert excess[-1] < 0.01


class TestTrapsOfPOT:
    """Ways in which a solver said nothing and was wrong; each must be right or an error here."""

    p, t = np.full(8, 1 / 8), np.array([0.3, 0.05, 0.05, 0.1, 0.1, 0.1, 0.1, 0.2])

    @pytest.mark.slow
    def test_plain_sinkhorn_would_return_zero(self):
        cost = ground_distance.line(8)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            silent = ot.sinkhorn2(self.p, self.t, cost, 1e-3, method="sinkhorn")
        assert silent == 0.0 or not np.isfinite(silent)
        ours = (transport.entropic_plan(self.p, self.t, lam=1000.0) * cost).sum()
        assert ours == pytest.approx(emd(self.p, self.t), rel=1e-3)

    def test_running_out_of_iterations_is_an_error(self):
        with pytest.raises(RuntimeError, match=r"did not converge: .* after 10 iterations; raise"):
            transport.entropic_plan(self.p, self.t, lam=1000.0, iterations=10)

    def test_sums_that_differ_by_rounding_are_accepted(self):
        p, t = self.p.astype(np.float32), (self.t * (1 + 5e-7)).astype(np.float32)
        assert transport.exact_cost(p, t) == pytest.approx(emd(self.p, self.t), abs=1e-5)

    def test_large_problems_are_solved_to_the_end(self):
        p, t = random_pairs(400, count=1, concentration=1.0)
        np.testing.assert_allclose(transport.exact_cost(p, t), emd(p, t), atol=1e-9)

    def test_emd2_is_not_emd_squared_and_emd2_1d_is_squared_by_default(self):
        x = np.arange(8)
        plain = ot.emd2(self.p, self.t, ground_distance.line(8))
        assert plain == pytest.approx(emd(self.p, self.t))
        assert ot.emd2_1d(x, x, self.p, self.t) == pytest.approx(
            transport.exact_cost(self.p, self.t, cost=ground_distance.line(8) ** 2)
        )


def test_torch_and_lists_and_leading_shapes():
    p, t = random_pairs(5, count=6)
    expected = transport.exact_cost(p, t)
    tensors = torch.tensor(p, requires_grad=True), torch.tensor(t)
    np.testing.assert_allclose(transport.exact_cost(*tensors), expected)
    assert transport.exact_cost(p.tolist(), t.tolist()).shape == (6,)
    shaped = transport.exact_plan(p.reshape(2, 3, 5), t.reshape(2, 3, 5))
    assert shaped.shape == (2, 3, 5, 5)
    assert transport.exact_plan(p, t[0]).shape == (6, 5, 5)
    assert transport.exact_cost(p[:0], t[:0]).shape == (0,)
    assert transport.exact_plan(p[:0], t[:0]).shape == (0, 5, 5)


GOOD = [0.5, 0.5]


@pytest.mark.parametrize(
    ("p", "t", "options", "text"),
    [
        ([0.5, 0.6], GOOD, {}, "p must sum to 1"),
        (GOOD, [np.nan, 1], {}, "t must be finite"),
        (GOOD, [1.0], {}, "t must have the 2 classes of p, got 1; give cost="),
        (GOOD, GOOD, {"cost": np.ones((2, 3))}, r"cost must have shape \(C, C'\) = \(2, 2\), got"),
        (GOOD, GOOD, {"cost": -np.ones((2, 2))}, "cost must be finite and not negative"),
        (GOOD, GOOD, {"cost": np.full((2, 2), np.nan)}, "cost must be finite and not negative"),
        (GOOD, GOOD, {"cost": np.ones((2, 2)), "positions": [0, 1]}, "cost or positions, not both"),
        (GOOD, GOOD, {"positions": [1, 0]}, "positions must increase"),
        ([GOOD] * 2, [GOOD] * 3, {}, r"leading shape of p, \(2,\), got \(3,\)"),
    ],
)
def test_bad_problems_are_refused(p, t, options, text):
    for function in (transport.exact_plan, transport.exact_cost):
        with pytest.raises(ValueError, match=text):
            function(p, t, **options)


@pytest.mark.parametrize(
    ("p", "text"),
    [
        ([0.0, 0.0], "p must have some mass"),
        ([-1.0, 2.0], "p must hold masses: finite and not negative"),
        ([np.inf, 2.0], "p must hold masses: finite and not negative"),
    ],
)
def test_bad_masses_are_refused(p, text):
    with pytest.raises(ValueError, match=text):
        transport.partial_emd(p, GOOD)


@pytest.mark.parametrize("lam", [0, -1.0, np.inf, np.nan, None])
def test_bad_regularisers_are_refused(lam):
    with pytest.raises((ValueError, TypeError)):
        transport.entropic_plan(GOOD, GOOD, lam=lam)


def test_circle_takes_the_shorter_way_round():
    around = ground_distance.circle(5, positions=[0, 1, 2, 7, 8], period=10)
    assert around[0].tolist() == [0, 1, 2, 3, 2]
    np.testing.assert_array_equal(around, around.T)
    with pytest.raises(ValueError, match="period must be more than the 8"):
        ground_distance.circle(5, positions=[0, 1, 2, 7, 8], period=8)
