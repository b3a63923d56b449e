import math

import numpy as np
import ot
import pytest
import scoringrules
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from devtools.oracles import (
    distributions,
    gap_sum,
    pairs,
    quantile_cost,
    random_pairs,
    random_positions,
)
from emdviz import ground_distance
from emdviz.distances import cdf_gap, circular_emd, emd, emd2, normalized_emd, wasserstein
from emdviz.distributions import one_hot
from tests.optional import torch

SIZES = [1, 2, 3, 8, 20]
ON_A_LINE = {
    "emd": emd,
    "emd2": emd2,
    "normalized_emd": lambda p, t, **kw: normalized_emd(p, t, order=2, **kw),
    "wasserstein": lambda p, t, **kw: wasserstein(p, t, order=2, **kw),
}
EVERYWHERE = ON_A_LINE | {"circular_emd": circular_emd}
LIBRARIES = {
    "numpy": np.asarray,
    "torch": lambda a: torch.as_tensor(a),
    "torch, gradients": lambda a: torch.tensor(a, requires_grad=True),
}
AGES = [1, 5, 10.5, 17.5, 28.5, 40.5, 50.5, 70]


def numbers(result):
    return result.detach().numpy() if hasattr(result, "detach") else result


@pytest.fixture(params=LIBRARIES, ids=str)
def library(request):
    return LIBRARIES[request.param]


@pytest.mark.parametrize("num_classes", SIZES)
@pytest.mark.parametrize("spaced", [False, True])
class TestAgainstOracles:
    @pytest.fixture
    def positions(self, num_classes, spaced):
        return random_positions(num_classes) if spaced else None

    @pytest.fixture
    def case(self, num_classes, positions):
        p, t = random_pairs(num_classes)
        return p, t, ground_distance.line(num_classes, positions=positions)

    def test_emd_is_the_optimal_transport_cost(self, case, positions, library):
        p, t, cost = case
        exact = [ot.emd2(a / a.sum(), b / b.sum(), cost) for a, b in zip(p, t, strict=True)]
        result = numbers(emd(library(p), library(t), positions=positions))
        np.testing.assert_allclose(result, exact, atol=1e-12)

    def test_emd_is_pots_wasserstein_1d(self, case, positions):
        p, t, cost = case
        x = cost[0]
        other = ot.wasserstein_1d(x[:, None] + 0 * p.T, x[:, None] + 0 * t.T, p.T, t.T, p=1)
        np.testing.assert_allclose(emd(p, t, positions=positions), other, atol=1e-12)

    @pytest.mark.parametrize(("function", "power"), [(emd, 1), (emd2, 2)])
    def test_definition(self, case, positions, library, function, power):
        p, t, _ = case
        loop = [gap_sum(a, b, power, positions) for a, b in zip(p, t, strict=True)]
        result = numbers(function(library(p), library(t), positions=positions))
        np.testing.assert_allclose(result, loop, atol=1e-12)

    def test_emd2_is_half_the_squared_energy_distance(self, case, positions):
        p, t, cost = case
        x = cost[0]
        energy = [stats.energy_distance(x, x, a, b) for a, b in zip(p, t, strict=True)]
        np.testing.assert_allclose(
            emd2(p, t, positions=positions), np.square(energy) / 2, atol=1e-12
        )

    @pytest.mark.parametrize("order", [1, 1.5, 2, pytest.param(3, marks=pytest.mark.slow)])
    def test_wasserstein_is_the_root_of_the_transport_cost(self, case, positions, library, order):
        p, t, cost = case
        exact = [ot.emd2(a / a.sum(), b / b.sum(), cost**order) for a, b in zip(p, t, strict=True)]
        result = numbers(wasserstein(library(p), library(t), order=order, positions=positions))
        np.testing.assert_allclose(result**order, exact, rtol=1e-9, atol=1e-12)
        loop = [quantile_cost(a, b, order, positions) for a, b in zip(p, t, strict=True)]
        np.testing.assert_allclose(result**order, loop, rtol=1e-9, atol=1e-12)

    @pytest.mark.parametrize("order", [1, 2, 3.5])
    def test_normalized_emd_is_as_printed(self, case, positions, library, order):
        p, t, _ = case
        num_classes = p.shape[1]
        loop = [gap_sum(a, b, order, positions) / num_classes for a, b in zip(p, t, strict=True)]
        result = normalized_emd(library(p), library(t), order=order, positions=positions)
        np.testing.assert_allclose(numbers(result), np.power(loop, 1 / order), atol=1e-9)

    def test_circular_emd_is_the_optimal_transport_cost(self, case, positions, library):
        p, t, cost = case
        period = None if positions is None else cost.max() + 0.7
        around = ground_distance.circle(p.shape[1], positions=positions, period=period)
        exact = [ot.emd2(a / a.sum(), b / b.sum(), around) for a, b in zip(p, t, strict=True)]
        result = circular_emd(library(p), library(t), positions=positions, period=period)
        np.testing.assert_allclose(numbers(result), exact, atol=1e-12)


def test_circular_emd_is_pots_wasserstein_circle():
    p, t = random_pairs(12)
    hours = np.arange(12) / 12
    other = [
        ot.wasserstein_circle(hours[:, None], hours[:, None], a[:, None], b[:, None])[0] * 12
        for a, b in zip(p, t, strict=True)
    ]
    np.testing.assert_allclose(circular_emd(p, t), other, atol=1e-9)


def test_emd2_of_a_label_is_the_ranked_probability_score():
    p, _ = random_pairs(8)
    labels = np.arange(len(p)) % 8
    # scoringrules counts categories from 1
    other = scoringrules.rps_score(labels + 1, p)
    np.testing.assert_allclose(emd2(p, one_hot(labels, 8)), other, atol=1e-12)


def test_emd_of_a_label_is_the_mean_distance():
    p, _ = random_pairs(8)
    for k in range(8):
        np.testing.assert_allclose(emd(p, one_hot(k, 8)), p @ abs(np.arange(8) - k), atol=1e-12)


def test_infinite_orders_are_the_limits():
    p, t = np.array([0.5, 0.0, 0.5, 0.0]), np.array([0.5, 0.25, 0.0, 0.25])
    assert wasserstein(p, t, order=math.inf) == 1.0
    assert normalized_emd(p, t, order=math.inf) == 0.25
    assert wasserstein(p, t, order=200) == pytest.approx(1.0, abs=0.01)
    assert wasserstein([1.0], [1.0], order=math.inf) == 0.0
    assert normalized_emd([1.0], [1.0], order=math.inf) == 0.0


def test_gap_pieces_add_up():
    p, t = random_pairs(8)
    gap = cdf_gap(p, t, positions=AGES)
    assert gap.left.tolist() == AGES[:-1]
    assert gap.right.tolist() == AGES[1:]
    np.testing.assert_allclose(abs(gap.difference) @ gap.width, emd(p, t, positions=AGES))


def test_positions_count_in_their_unit():
    certain = [one_hot(k, 8) for k in (2, 6)]
    for function in (emd, emd2):
        assert function(*certain, positions=AGES) == pytest.approx(50.5 - 10.5)
    assert wasserstein(*certain, order=2, positions=AGES) == pytest.approx(40.0)


class TestProperties:
    @pytest.mark.slow
    @given(pairs())
    def test_symmetry(self, pair):
        p, t = pair
        for name, function in EVERYWHERE.items():
            assert function(p, t) == pytest.approx(function(t, p), abs=1e-9), name

    @given(pairs())
    def test_zero_if_equal_and_only_then(self, pair):
        p, t = pair
        for name, function in EVERYWHERE.items():
            assert function(p, p) == pytest.approx(0, abs=1e-9), name
            if abs(p - t).max() > 1e-6:
                assert function(p, t) > 0, name

    @given(pairs())
    def test_reversing_the_classes_changes_nothing(self, pair):
        p, t = pair
        for name, function in EVERYWHERE.items():
            assert function(p[::-1], t[::-1]) == pytest.approx(function(p, t), abs=1e-7), name

    @given(pairs(), st.integers(0, 12))
    def test_turning_the_circle_changes_nothing(self, pair, steps):
        p, t = pair
        turned = circular_emd(np.roll(p, steps), np.roll(t, steps))
        assert turned == pytest.approx(circular_emd(p, t), abs=1e-9)

    @given(st.integers(2, 12), st.data())
    def test_moving_mass_one_class_costs_one_gap(self, num_classes, data):
        p = data.draw(distributions(num_classes))
        i = data.draw(st.integers(0, num_classes - 2))
        x = random_positions(num_classes)
        moved = p.copy()
        moved[i], moved[i + 1] = 0, p[i] + p[i + 1]
        gap = x[i + 1] - x[i]
        assert emd(p, moved, positions=x) == pytest.approx(p[i] * gap, abs=1e-12)
        assert emd2(p, moved, positions=x) == pytest.approx(p[i] ** 2 * gap, abs=1e-12)

    @pytest.mark.parametrize("name", ON_A_LINE)
    def test_certain_predictions_cost_more_the_further_off_they_are(self, name):
        certain = one_hot(np.arange(8), 8)
        distance = [float(ON_A_LINE[name](certain[0], p)) for p in certain]
        assert distance == sorted(distance)
        assert len(set(distance)) == 8

    @given(st.integers(1, 8).flatmap(lambda c: st.tuples(*[distributions(c)] * 3)))
    def test_triangle_inequality_where_it_holds(self, three):
        p, q, t = three
        for function in (emd, ON_A_LINE["wasserstein"], ON_A_LINE["normalized_emd"], circular_emd):
            assert function(p, t) <= function(p, q) + function(q, t) + 1e-7

    def test_emd2_breaks_the_triangle_inequality(self):
        p, q, t = [1.0, 0.0], [0.5, 0.5], [0.0, 1.0]
        assert emd2(p, t) == 1.0
        assert emd2(p, q) + emd2(q, t) == 0.5

    @given(pairs())
    def test_bounds(self, pair):
        p, t = pair
        steps = len(p) - 1
        assert emd(p, t) ** 2 <= steps * emd2(p, t) + 1e-9
        assert emd2(p, t) <= emd(p, t) + 1e-9
        assert emd(p, t) <= steps + 1e-9
        assert circular_emd(p, t) <= min(emd(p, t), len(p) / 2) + 1e-9
        assert emd(p, t) <= wasserstein(p, t, order=2) + 1e-6
        x = np.cumsum(np.linspace(0.5, 3, steps + 1) ** 2)
        assert emd(p, t, positions=x) ** 2 <= (x[-1] - x[0]) * emd2(p, t, positions=x) + 1e-9
        assert emd2(p, t, positions=x) <= emd(p, t, positions=x) + 1e-9

    @given(st.integers(2, 8).flatmap(lambda c: st.tuples(*[distributions(c)] * 2)))
    def test_emd2_is_a_strictly_proper_score(self, pair):
        truth, other = pair
        labels = one_hot(np.arange(len(truth)), len(truth))

        def expected(p):
            return truth @ emd2(p, labels)

        # the excess over the truth is the distance to it: zero for the truth alone
        assert expected(other) - expected(truth) == pytest.approx(emd2(other, truth), abs=1e-9)

    def test_emd_is_not_a_proper_score(self):
        truth = np.array([0.2, 0.5, 0.3])
        labels = one_hot(np.arange(3), 3)
        median = one_hot(1, 3)
        assert truth @ emd(median, labels) < truth @ emd(truth, labels)


def test_the_papers_identity_fails_for_squares():
    p, t = np.array([0.5, 0.0, 0.5]), np.array([0.0, 0.0, 1.0])
    assert emd2(p, t) == 0.5
    assert emd(p, t) ** 2 == 1.0
    assert wasserstein(p, t, order=2) ** 2 == pytest.approx(2.0)
    assert ot.emd2(p, t, ground_distance.line(3) ** 2) == pytest.approx(2.0)


def test_equal_cross_entropy_leaves_emd2_this_range():
    rng, steps = np.random.default_rng(0), np.arange(8)
    for k in range(8):
        truth, rest = one_hot(k, 8), rng.dirichlet(np.full(7, 0.3), size=500)
        p = 0.4 * truth + 0.6 * np.insert(rest, k, 0, axis=1)
        near = [one_hot(i, 8) for i in (k - 1, k + 1) if 0 <= i < 8]
        least, far = np.mean(near, axis=0), one_hot(abs(steps - k).argmax(), 8)
        least, most = emd2(0.4 * truth + 0.6 * np.stack([least, far]), truth)
        assert least == pytest.approx(0.6**2 / len(near))
        assert most == pytest.approx(0.6**2 * max(k, 7 - k))
        assert np.all((emd2(p, truth) > least) & (emd2(p, truth) < most))


@pytest.mark.parametrize("name", EVERYWHERE)
class TestArrays:
    def test_results_have_the_library_and_dtype_of_the_input(self, name):
        p, t = random_pairs(6, count=4)
        function = EVERYWHERE[name]
        expected = function(p, t)
        assert isinstance(expected, np.ndarray)
        for dtype, tolerance in ((np.float32, 1e-5), (np.float64, 1e-12)):
            array = function(p.astype(dtype), t.astype(dtype))
            tensor = function(torch.tensor(p.astype(dtype)), torch.tensor(t.astype(dtype)))
            assert array.dtype == dtype
            assert tensor.dtype == torch.from_numpy(array).dtype
            np.testing.assert_allclose(array, expected, atol=tolerance)
            np.testing.assert_allclose(tensor, expected, atol=tolerance)
        assert isinstance(function(p.tolist(), t.tolist()), np.ndarray)
        assert isinstance(function(torch.tensor(p), t.tolist()), torch.Tensor)
        assert isinstance(function(p[0], t[0]), np.float64), "a number, not an array without axes"

    def test_any_leading_shape(self, name):
        p, t = random_pairs(6, count=24)
        function = EVERYWHERE[name]
        flat = function(p, t)
        shaped = function(p.reshape(2, 3, 4, 6), t.reshape(2, 3, 4, 6))
        np.testing.assert_allclose(shaped, flat.reshape(2, 3, 4))
        np.testing.assert_allclose(function(p, t[0]), function(p, np.tile(t[0], (24, 1))))
        table = function(p[:, None], t[None, :5])
        assert table.shape == (24, 5)
        np.testing.assert_allclose(table[3, 4], function(p[3], t[4]))
        assert function(p[:0], t[:0]).shape == (0,)

    def test_unusual_memory(self, name):
        p, t = random_pairs(6, count=4)
        function = EVERYWHERE[name]
        expected = function(p, t)
        frozen = p.copy()
        frozen.flags.writeable = False
        for version in (np.asfortranarray(p), p[:, ::-1][:, ::-1], frozen, p.astype(">f8")):
            np.testing.assert_allclose(function(version, t), expected)
        strided = torch.tensor(p).T.contiguous().T
        np.testing.assert_allclose(function(strided, torch.tensor(t)), expected)

    def test_gradients(self, name):
        logits = torch.tensor(np.random.default_rng(0).normal(size=(3, 5)), requires_grad=True)
        t = torch.tensor(random_pairs(5, count=3)[1])

        def value(z):
            return EVERYWHERE[name](torch.softmax(z, -1), t)

        assert torch.autograd.gradcheck(value, logits)
        assert torch.autograd.gradgradcheck(value, logits)

    def test_gradients_are_finite_at_equality(self, name):
        p = torch.tensor([[0.2, 0.3, 0.5], [0.0, 1.0, 0.0]], requires_grad=True)
        EVERYWHERE[name](p, p.detach().clone()).sum().backward()
        assert torch.isfinite(p.grad).all()
