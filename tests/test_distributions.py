import numpy as np
import pytest
from hypothesis import given
from scipy import stats

from devtools.oracles import pairs, random_positions
from emdviz.distributions import (
    binned_normal,
    cdf,
    check_distribution,
    check_positions,
    expectation,
    one_hot,
    spread,
)
from tests.optional import torch


@given(pairs())
def test_moments_are_those_of_scipy(pair):
    p, _ = pair
    x = random_positions(len(p))
    variable = stats.rv_discrete(values=(x, p / p.sum()))
    assert expectation(p, positions=x) == pytest.approx(variable.mean())
    assert spread(p, positions=x) == pytest.approx(variable.std(), abs=1e-6)
    np.testing.assert_allclose(cdf(p), variable.cdf(x), atol=1e-9)


def test_torch_gives_torch():
    p = torch.tensor([[0.5, 0.5], [0.0, 1.0]], requires_grad=True)
    assert expectation(p).tolist() == [0.5, 1.0]
    assert cdf(p).requires_grad
    assert spread(p).dtype == torch.float32


def test_the_spread_of_certainty_has_gradient_zero():
    logits = torch.tensor([[-200.0, 200.0, -200.0], [0.0, 1.0, 0.0]], requires_grad=True)
    spread(torch.softmax(logits, 1)).sum().backward()
    assert logits.grad[0].tolist() == [0, 0, 0]
    doubtful = logits.detach()[1].double().requires_grad_()
    assert torch.autograd.gradcheck(lambda z: spread(torch.softmax(z, 0)), doubtful)


def test_one_hot():
    assert one_hot(2, 4).tolist() == [0, 0, 1, 0]
    labels = np.array([[0, 1], [2, 3]])
    np.testing.assert_array_equal(one_hot(labels, 4).argmax(-1), labels)
    assert torch.equal(one_hot(torch.tensor(labels), 4), torch.eye(4)[torch.tensor(labels)])


def test_binned_normal_is_scipys():
    edges = [3, 7, 14]
    mean, deviation = np.array([-5.0, 3.0, 8.0, 200.0]), np.array([0.1, 1.0, 2.0, 30.0])
    expected = np.diff(
        stats.norm.cdf(np.array([-np.inf, *edges, np.inf]), mean[:, None], deviation[:, None])
    )
    np.testing.assert_allclose(binned_normal(mean, deviation, edges), expected, atol=1e-12)


def test_rounding_is_forgiven_and_values_are_kept():
    rounded = np.array([1.0 + 1e-6, -5e-8])
    assert check_distribution(rounded) is rounded


@pytest.mark.parametrize(
    ("labels", "error", "text"),
    [
        ([0, 3], ValueError, "labels must be class indices 0 to 2, got 0 to 3"),
        ([-1], ValueError, "labels must be class indices 0 to 2, got -1 to -1"),
        ([0.0], TypeError, "labels must be integers, got dtype float64"),
    ],
)
def test_bad_labels_are_refused(labels, error, text):
    with pytest.raises(error, match=text):
        one_hot(labels, 3)


@pytest.mark.parametrize(
    ("label", "error", "text"),
    [
        (3, ValueError, "labels must be class indices 0 to 2"),
        (1.0, TypeError, "labels must be integers, got torch.float32"),
        (True, TypeError, "labels must be integers, got torch.bool"),
    ],
)
def test_bad_labels_in_tensors_are_refused(label, error, text):
    with pytest.raises(error, match=text):
        one_hot(torch.tensor([label]), 3)


@pytest.mark.parametrize(
    ("deviation", "edges", "text"),
    [
        (0.0, [1, 2], "deviation must be positive, got 0.0"),
        (1.0, [2, 1], "edges must be one increasing list"),
        (1.0, [[1, 2]], "edges must be one increasing list"),
    ],
)
def test_bad_bins_are_refused(deviation, edges, text):
    with pytest.raises(ValueError, match=text):
        binned_normal(0.0, deviation, edges)


def test_positions_take_the_form_of_what_they_go_with():
    assert check_positions(None, 3).tolist() == [0, 1, 2]
    like = torch.zeros(3, dtype=torch.float32)
    assert check_positions(torch.tensor([1, 2, 4]), 3, like=like).dtype == torch.float32
    assert check_positions([1, 2, 4], 3, like=np.zeros(3, np.float32)).dtype == np.float32
