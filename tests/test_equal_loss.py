"""The equal-loss lock of PredictionExplorer: what follows costs the same, whatever the loss."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import traitlets
from scipy import stats

from emdviz.explorers import PredictionExplorer
from emdviz.explorers.prediction.equal_loss import matched
from tests.optional import torch
from tests.test_asking import THREE, P, Q, fails_for_young, off

STEPS = np.arange(3)


def brier(p, k):
    return np.sum((p - np.eye(len(p))[k]) ** 2)


@pytest.mark.parametrize("seed", range(20))
def test_what_follows_costs_the_same_and_lies_on_a_line(seed):
    p, q = np.random.default_rng(seed).dirichlet(np.ones(5), 2)
    found = matched(lambda x: brier(x, 1), p, brier(q, 1), 1)
    assert brier(found, 1) == pytest.approx(brier(q, 1), rel=2e-6)
    np.testing.assert_allclose(found.sum(), 1)
    moved = found - p  # all classes but one give in proportion to what they have
    shares = np.sort((moved / p)[moved < 0])
    np.testing.assert_allclose(shares, shares[0], rtol=2e-2)


def test_what_cannot_be_reached_is_none():
    assert matched(lambda p: 1 + p[0], np.array([0.5, 0.5]), 0.5, 1) is None
    assert matched(lambda p: -np.log(p[1] or 1e-300), np.array([0.5, 0.5]), np.inf, 1) is None
    assert matched(lambda p: np.nan, np.array([0.5, 0.5]), 0.5, 1) is None


def test_the_other_prediction_follows_for_a_loss_of_ones_own():
    explorer = PredictionExplorer(P, Q, classes=THREE, show=["XE", off, "OLL"], equal_loss="off")

    def distances():
        return [
            stats.wasserstein_distance(STEPS, [explorer.target], p)
            for p in (explorer.p, explorer.q)
        ]

    assert not explorer.equal_xe
    assert explorer.p == P
    explorer.p = [0.1, 0.2, 0.7]
    assert distances() == pytest.approx([1.6, 1.6], rel=1e-5)
    explorer.p = P  # B takes the place that it had, as what it was is what is moved
    kept = explorer.q
    explorer.p = [0.4, 0.4, 0.2]
    explorer.p = P
    assert explorer.q == kept
    explorer.q = Q
    assert distances()[0] == pytest.approx(distances()[1], rel=1e-5)
    assert explorer.q == Q
    explorer.target = 2
    one, other = (
        stats.wasserstein_distance(STEPS, STEPS, p, [0, 0, 1]) for p in (explorer.p, explorer.q)
    )
    assert one == pytest.approx(other, rel=1e-5)
    explorer.equal_loss = "OLL"
    explorer.p = [0.1, 0.6, 0.3]
    told = explorer.losses
    assert told["A"]["OLL"] == pytest.approx(told["B"]["OLL"], rel=1e-5)
    assert told["A"]["off"] != pytest.approx(told["B"]["off"], rel=1e-2)


def test_only_one_lock_holds():
    explorer = PredictionExplorer(show=["XE", "EMD2"])
    assert explorer.equal_xe
    explorer.equal_loss = "EMD2"
    assert not explorer.equal_xe
    told = explorer.losses
    assert told["A"]["EMD2"] == pytest.approx(told["B"]["EMD2"], rel=1e-5)
    explorer.equal_loss = ""
    explorer.q = explorer.p
    explorer.equal_loss = "EMD2"
    explorer.equal_xe = True
    assert explorer.equal_loss == ""


def test_what_cannot_be_kept_equal_is_reported():
    explorer = PredictionExplorer(P, Q, show=["XE", "CORN", fails_for_young], equal_loss="CORN")
    assert explorer._limit == "CORN takes no p, so that nothing can be kept equal."
    explorer.equal_loss = "fails_for_young"
    explorer.p = [0.7, 0.2, 0.1]
    assert explorer._limit == "fails_for_young failed: RuntimeError: too young"
    assert explorer.q == Q
    explorer.p = [0.1, 0.2, 0.7]
    assert explorer._limit == ""
    assert explorer.q[0] == pytest.approx(0.1, abs=1e-5)
    explorer.p = [0.0, 0.5, 0.5]
    assert explorer._limit.startswith("B stays: ")
    with pytest.raises(traitlets.TraitError, match="equal_loss"):
        explorer.equal_loss = "OLL"


@pytest.mark.slow
def test_a_slow_loss_does_not_hold_up_the_kernel():
    def slow(z, y):
        time.sleep(0.03)
        return torch.nn.functional.cross_entropy(z, y)

    async def kernel():
        explorer = PredictionExplorer(P, Q, show=["EMD", slow], equal_xe=False)
        explorer._asked["slow"].seconds = 1.0
        explorer.equal_loss = "slow"
        for share in (0.1, 0.2, 0.3):  # while the first of these is computed
            began = time.monotonic()
            explorer.p = [share, 0.5 - share, 0.5]
            assert time.monotonic() - began < 0.5
        while explorer._searching:
            await asyncio.sleep(0.01)
        assert explorer.q[0] == pytest.approx(0.3, abs=1e-5)

    # in a thread: a browser of other tests may run a loop in this one
    with ThreadPoolExecutor() as pool:
        pool.submit(asyncio.run, kernel()).result()
