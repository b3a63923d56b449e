"""Descent towards a whole distribution; towards one label see test_gradient_explorer.py."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from devtools.oracles import random_positions
from emdviz import emd, losses
from emdviz.distributions import one_hot
from emdviz.losses import LOSSES
from emdviz.losses.descent import descend
from emdviz.losses.loss import closed_forms
from tests.optional import torch

COMPARED = closed_forms("gradient")


def value_at(logits, name, t, x):
    p = np.exp(logits - logits.max())
    p /= p.sum()
    gaps = [sum(p[: i + 1]) - sum(t[: i + 1]) for i in range(len(t) - 1)]
    values = {
        "XE": -sum(share * np.log(one) for share, one in zip(t, p, strict=True)),
        "REG": sum(share * (p @ x - place) ** 2 for share, place in zip(t, x, strict=True)),
        "EMD": sum(abs(gap) * step for gap, step in zip(gaps, np.diff(x), strict=True)),
        "EMD2": sum(gap**2 * step for gap, step in zip(gaps, np.diff(x), strict=True)),
    }
    return values["XE"] + 2 * values["EMD2"] if name == "XEMD2" else values[name]


@pytest.mark.parametrize("name", COMPARED)
def test_a_true_distribution_is_a_target_too(name):
    rng = np.random.default_rng(0)
    x = random_positions(5)
    for _ in range(5):
        p, t = rng.dirichlet(np.ones(5), size=2)
        walk = descend(name, p, t, positions=x, emd_weight=2)
        assert walk.losses[0] == pytest.approx(value_at(np.log(p), name, t, x))
        slopes = approx_fprime(np.log(p), value_at, 1e-7, name, t, x)
        np.testing.assert_allclose(walk.gradients[0], slopes, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", COMPARED)
@pytest.mark.parametrize("classes", [1, 2, 7])
def test_gradients_are_those_of_the_losses_that_train(name, classes):
    rng = np.random.default_rng(1)
    x = random_positions(classes)
    places = torch.from_numpy(x)
    options = {} if name == "XE" else {"positions": x}
    if name == "XEMD2":
        options["emd_weight"] = 3.0
    for k in [*range(classes), None, None]:
        p, t = rng.dirichlet(np.full(classes, 0.3), size=2)
        z = torch.log(torch.from_numpy(np.maximum(p, 1e-9)))[None].requires_grad_()
        target = torch.from_numpy(t)[None] if k is None else torch.tensor([k])
        if name == "REG":
            value = losses.regression_loss(torch.softmax(z, 1) @ places, target, positions=x)
        else:
            value = LOSSES[name].make(classes, **options)(z, target)
        (expected,) = torch.autograd.grad(value, z)
        walk = descend(name, p, t if k is None else k, positions=x, emd_weight=3.0)
        assert walk.losses[0] == pytest.approx(value.item(), abs=1e-12)
        np.testing.assert_allclose(walk.gradients, expected.numpy(), atol=1e-12, rtol=1e-9)


def test_where_both_cdfs_meet_emd_has_no_slope():
    assert np.all(descend("EMD", [0.5, 0.25, 0.25], [0.5, 0.25, 0.25]).gradients == 0)


@pytest.mark.parametrize("name", COMPARED)
def test_certainty_of_a_class_is_that_class(name):
    p = [0.1, 0.2, 0.3, 0.4]
    index, vector = (descend(name, p, target, steps=3) for target in (2, one_hot(2, 4)))
    np.testing.assert_allclose(index.gradients, vector.gradients, atol=1e-12)
    np.testing.assert_allclose(index.losses, vector.losses, atol=1e-12)


def test_emd_stops_short_of_a_distribution_and_squared_emd_goes_on():
    t, start = np.array([0.1, 0.2, 0.4, 0.2, 0.1]), np.full(5, 0.2)
    short = {
        rate: descend("EMD", start, t, steps=200, learning_rate=rate).losses[-50:].mean()
        for rate in (0.1, 1.0)
    }
    assert 0.001 < short[0.1] < 0.2 * short[1.0]
    squared = descend("EMD2", start, t, steps=200, learning_rate=1.0)
    assert np.all(np.diff(squared.losses) < 0)
    assert emd(squared.predictions[-1], t) < 0.1 * short[1.0]


def test_from_a_near_miss_emd_first_makes_things_worse():
    near_miss = np.array([0.01, 0.01, 0.01, 0.01, 0.01, 0.92, 0.01, 0.01, 0.01])
    pushes = {name: -descend(name, near_miss, 4).gradients[0] for name in ("EMD", "EMD2")}
    assert pushes["EMD"][5] > 0
    assert pushes["EMD2"][5] < 0


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ([0.5, 0.5], r"target must be a class index or of the shape of p, \(3,\), got \(2,\)"),
        ([[0.2, 0.3, 0.5]], r"of the shape of p, \(3,\), got \(1, 3\)"),
        ([0.5, 0.6, 0.1], "target must sum to 1"),
    ],
)
def test_it_says_what_is_wrong_with_a_target(target, text):
    with pytest.raises(ValueError, match=text):
        descend("EMD2", [0.2, 0.3, 0.5], target)
