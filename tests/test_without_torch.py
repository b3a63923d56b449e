"""Each module that does without torch, at real work.

``make test-without-torch`` runs this file, and the tests of these modules, where torch is not
installed. Elsewhere the last test runs it again in a process that cannot import torch.
"""

import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats

from emdviz import (
    beliefs,
    distances,
    distributions,
    explorers,
    ground_distance,
    metrics,
    plots,
    propriety,
    transport,
)
from emdviz.plots import style

ROOT = Path(__file__).parents[1]
P, T = np.array([0.1, 0.2, 0.3, 0.4]), np.array([0.4, 0.4, 0.1, 0.1])
PLACES = np.array([0.0, 1.0, 3.0, 7.0])


def test_distributions_and_distances():
    labels = distributions.binned_normal(1.0, 2.0, [0.5, 2.0])
    np.testing.assert_allclose(labels, np.diff(stats.norm(1, 2).cdf([-np.inf, 0.5, 2, np.inf])))
    assert distances.emd(P, T, positions=PLACES) == pytest.approx(
        stats.wasserstein_distance(PLACES, PLACES, P, T)
    )
    assert distances.emd2(P, T, positions=PLACES) == pytest.approx(
        stats.energy_distance(PLACES, PLACES, P, T) ** 2 / 2
    )
    levels = np.linspace(0.0005, 0.9995, 1000)
    quantiles = [PLACES[np.searchsorted(np.cumsum(a), levels)] for a in (P, T)]
    assert distances.wasserstein(P, T, order=2, positions=PLACES) ** 2 == pytest.approx(
        np.mean((quantiles[0] - quantiles[1]) ** 2)
    )


def test_transport():
    cost = ground_distance.circle(4)
    rows, columns = np.kron(np.eye(4), np.ones(4)), np.kron(np.ones(4), np.eye(4))
    best = optimize.linprog(cost.ravel(), A_eq=np.vstack([rows, columns]), b_eq=[*P, *T])
    assert transport.exact_cost(P, T, cost=cost) == pytest.approx(best.fun)
    plan = transport.entropic_plan(P, T, cost=cost, lam=3.0)
    reached = transport.rounding.converged_plan(P, T, cost, lam=3.0)
    np.testing.assert_allclose(plan, reached, atol=1e-7)


def test_metrics_beliefs_and_propriety():
    p, labels = np.random.default_rng(0).dirichlet(np.ones(4), 50), np.arange(50) % 4
    found = metrics.evaluate(p, labels)
    assert found["AEM"] == 100 * np.mean(p.argmax(1) == labels)
    assert found["log loss"] == pytest.approx(-np.mean(np.log(p[np.arange(50), labels])))
    np.testing.assert_allclose(beliefs.mean_prediction(p, labels)[2], p[labels == 2].mean(0))
    np.testing.assert_allclose(propriety.minimiser("EMD2", T), T, atol=1e-4)


def test_plots_and_tables():
    style.use()
    ax = plots.plot_prediction(P, target=T)
    assert len(ax.patches) >= 4
    assert "EMD²" in style.table(pd.DataFrame({"AEM": [1.0]}, index=["EMD2"])).to_html()
    assert plots.alt_text.describe(ax.figure)
    plt.close("all")


@pytest.mark.parametrize("name", explorers.WITHOUT_TORCH)
def test_explorers(name, tmp_path):
    explorer = getattr(explorers, name)()
    assert explorer.figure().axes
    explorer.save_html(tmp_path / "page.html")
    assert "emdviz" in (tmp_path / "page.html").read_text(encoding="utf-8")


# sys.modules["torch"] = None would be shorter, but SciPy takes it for an imported torch
WITHOUT = """
import sys, pytest

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name in ("torch", "torchvision", "safetensors", "sklearn", "tqdm", "jupyterlab"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", "-k", "not cannot", sys.argv[1]]))
"""


@pytest.mark.slow
def test_all_of_this_where_torch_cannot_be_imported():
    pytest.importorskip("torch")
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, __file__],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{4 + len(explorers.WITHOUT_TORCH)} passed, 1 deselected" in done.stdout
