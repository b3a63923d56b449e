"""Expected losses against loops over their definitions, minimisers against SciPy's."""

import numpy as np
import pytest
from hypothesis import given
from scipy import optimize, stats

from devtools.oracles import distributions, gap_sum, random_pairs, random_positions
from emdviz.propriety import expected_loss, medians, minimiser
from tests.optional import torch

LOSSES = ("XE", "EMD2", "EMD", "REG")


def by_definition(loss, p, t, positions=None):
    """Σ_k t_k L(p, e_k), every L from its own definition."""
    x = np.arange(len(p)) if positions is None else positions
    total = 0.0
    for k, share in enumerate(t):
        if share == 0:
            continue
        label = np.eye(len(p))[k]
        if loss == "XE":
            total += share * (-np.log(p[k]) if p[k] > 0 else np.inf)
        elif loss == "REG":
            total += share * (np.dot(p, x) - x[k]) ** 2
        else:
            total += share * gap_sum(p, label, {"EMD": 1, "EMD2": 2}[loss], positions)
    return total


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("count", [1, 2, 3, 8])
@pytest.mark.parametrize("uneven", [False, True])
def test_expected_losses_are_means_over_labels(loss, count, uneven):
    positions = random_positions(count) if uneven else None
    ps, ts = random_pairs(count)
    values = expected_loss(loss, ps, ts, positions=positions)
    expected = [by_definition(loss, p, t, positions) for p, t in zip(ps, ts, strict=True)]
    np.testing.assert_allclose(values, expected, atol=1e-12)


def numerical_minimum(loss, t, positions, rng):
    """The least of the definition over the simplex, by descent in logits from several starts."""

    def value(logits):
        p = np.exp(logits - logits.max())
        return by_definition(loss, p / p.sum(), t, positions)

    starts = [rng.normal(size=len(t)) for _ in range(3)]
    return min(optimize.minimize(value, s, tol=1e-10).fun for s in starts)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("uneven", [False, True])
def test_minimisers_reach_what_numerical_minimisation_reaches(loss, uneven):
    rng = np.random.default_rng(3)
    for count in (2, 3, 5):
        positions = random_positions(count) if uneven else None
        t = rng.dirichlet(np.ones(count))
        best = minimiser(loss, t, positions=positions)
        least = float(expected_loss(loss, best, t, positions=positions))
        assert least == pytest.approx(numerical_minimum(loss, t, positions, rng), abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("loss", LOSSES)
@given(t=distributions(5), p=distributions(5))
def test_nothing_beats_the_minimiser(loss, t, p):
    positions = [0.0, 1.0, 1.5, 4.0, 9.0]
    best = minimiser(loss, t, positions=positions)
    least = expected_loss(loss, best, t, positions=positions)
    assert expected_loss(loss, p, t, positions=positions) >= least - 1e-9


@pytest.mark.parametrize("loss", ["XE", "EMD2"])
def test_strictly_proper_losses_are_least_at_the_truth_alone(loss):
    rng = np.random.default_rng(1)
    for t, p in rng.dirichlet(np.ones(4), size=(50, 2)):
        np.testing.assert_array_equal(minimiser(loss, t), t)
        assert expected_loss(loss, p, t) > expected_loss(loss, t, t) + 1e-6


def test_emd_prefers_certainty_of_the_median_to_the_truth():
    t = [0.2, 0.5, 0.3]
    assert expected_loss("EMD", t, t) == pytest.approx(0.74)  # Gini's mean difference
    assert expected_loss("EMD", [0, 1, 0], t) == pytest.approx(0.5)


def test_medians_and_means_respect_positions():
    rng = np.random.default_rng(2)
    for t in rng.dirichlet(np.ones(6), size=50):
        x = random_positions(6)
        variable = stats.rv_discrete(values=(range(6), t))
        assert medians(t) == [int(variable.median())]
        assert minimiser("REG", t, positions=x) == pytest.approx(np.dot(t, x))
        assert np.argmax(minimiser("EMD", t, positions=x)) == medians(t)[0]
    skewed = [0.6, 0.0, 0.4]
    assert minimiser("REG", skewed, positions=[1, 5, 11]) == pytest.approx(5)


@pytest.mark.parametrize(
    ("t", "classes"),
    [
        ([0.25] * 4, [1, 2]),
        ([0.5, 0.0, 0.5], [0, 1, 2]),
        ([0.1] * 10, [4, 5]),
        ([0.3, 0.2, 0.0, 0.0, 0.5], [1, 2, 3, 4]),
        ([0.0, 1.0], [1]),
        ([1.0], [0]),
        ([0.0, 0.5, 0.5, 0.0], [1, 2]),
    ],
)
def test_all_medians_are_equally_good(t, classes):
    assert medians(t) == classes
    certain = expected_loss("EMD", np.eye(len(t)), t)
    assert np.ptp(certain[classes]) == pytest.approx(0, abs=1e-12)
    others = np.delete(certain, classes)
    assert np.all(others > certain[classes[0]] + 1e-6)
    assert expected_loss("EMD", minimiser("EMD", t), t) == pytest.approx(certain[classes[0]])


def test_one_number_is_a_prediction_for_regression():
    t = [0.2, 0.5, 0.3]
    assert expected_loss("REG", 1.1, t) == pytest.approx(0.49)
    assert expected_loss("REG", t, t) == pytest.approx(0.49)
    with pytest.raises(ValueError, match=r"p must .*axis"):
        expected_loss("EMD", 1.1, t)


def test_xe_ignores_classes_that_never_come_and_punishes_certain_mistakes():
    assert expected_loss("XE", [0.5, 0.5, 0], [1, 0, 0]) == pytest.approx(np.log(2))
    assert expected_loss("XE", [0.5, 0.5, 0], [0.5, 0.4, 0.1]) == np.inf


def test_tensors_are_welcome():
    t = torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64, requires_grad=True)
    np.testing.assert_allclose(minimiser("EMD2", t), [0.2, 0.5, 0.3])
    assert expected_loss("EMD2", t, [0.2, 0.5, 0.3]) == pytest.approx(0.16 + 0.21)


def test_a_name_of_no_loss_is_refused():
    pytest.importorskip("torch")  # it could be a loss of others
    with pytest.raises(ValueError, match=r"loss must be the name of a loss.*got 'EMD²'"):
        minimiser("EMD²", [1])


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: expected_loss("MSE", [1], [1]), "loss must be one of .'XE'.*got 'MSE'"),
        (lambda: expected_loss("XE", [0.5, 0.5], [0.5, 0.6]), r"t must sum to 1 .* got 1\.1"),
        (lambda: expected_loss("REG", 0.5, [0.5, 0.6]), r"t must sum to 1 .* got 1\.1"),
        (lambda: expected_loss("XE", [1.0], [0.5, 0.5]), r"t must have the shape of p"),
        (lambda: minimiser("XE", [[0.5, 0.5]]), r"t must be one distribution, .*got \(1, 2\)"),
        (lambda: minimiser("XE", [0.5, float("nan")]), "t must be finite, got nan"),
        (lambda: minimiser("XE", [0.5, 0.5], positions=[1, 0]), "positions must increase"),
        (lambda: minimiser("EMD", [0.5, 0.5], positions=[1]), "positions must hold one number"),
    ],
)
def test_bad_input_is_refused(call, text):
    with pytest.raises(ValueError, match=text):
        call()
