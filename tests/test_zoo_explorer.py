"""The table of losses: what is stored is what comes out, and rules give the best answers."""

import subprocess
import sys
import time

import numpy as np
import pytest
import traitlets
from scipy import optimize, stats

from emdviz import emd, emd2, one_hot
from emdviz.explorers import ZooExplorer
from emdviz.explorers.zoo import rules
from emdviz.explorers.zoo.pairs import COUNT, read_pair
from emdviz.explorers.zoo.zoo import LABEL, stored, with_verdict
from tests.explorer_checks import check_refused, check_self_contained

ORACLES = {
    "XE": lambda p: -np.log(p[LABEL]),
    "EMD": lambda p: emd(p, one_hot(LABEL, COUNT)),
    "EMD2": lambda p: emd2(p, one_hot(LABEL, COUNT)),
    "Brier": lambda p: np.mean((p - one_hot(LABEL, COUNT)) ** 2),
}


def brute(p, t):
    """Mean squared difference, a loss of the user's."""
    import torch

    truth = torch.nn.functional.one_hot(t, p.shape[1])
    return ((p.softmax(1) - truth) ** 2).sum(1).mean()


def test_every_loss_of_the_zoo_has_a_row():
    from emdviz.losses import zoo

    # what it learns before it is judged is no fact of a loss
    assert [*stored()["rows"]] == [name for name in zoo.names() if name != "SGEMD2"]
    assert [*ZooExplorer().facts] == [*stored()["rows"]]
    for row in stored()["rows"].values():
        assert row["cost"] > 0
        assert row["proper"]
        assert row["label"]
        assert (row["counter"] is None) == (row["proper"] != "not proper")


@pytest.mark.parametrize("one", ORACLES)
def test_pairs_cost_the_same_with_one_loss_and_not_with_the_other(one):
    pairs = {o: read_pair(pair) for o, pair in stored()["pairs"][one].items() if pair}
    assert len(pairs) > 15
    for other, pair in pairs.items():
        p, q = (np.array(pair[key]) for key in "pq")
        assert p.sum() == pytest.approx(1, abs=1e-4)
        assert q.min() >= 0
        assert ORACLES[one](p) == pytest.approx(pair["one"], abs=2e-4)
        assert ORACLES[one](q) == pytest.approx(pair["one"], rel=2e-3, abs=2e-3)
        assert pair["other"][0] != pytest.approx(pair["other"][1], rel=1e-3)
        if other in ORACLES:
            costs = [ORACLES[other](p), ORACLES[other](q)]
            np.testing.assert_allclose(costs, pair["other"], atol=2e-4)


def test_what_the_guide_says_of_known_losses():
    rows = stored()["rows"]
    proper = {name for name, row in rows.items() if row["proper"] == "strictly proper"}
    assert {"XE", "EMD2", "XEMD2", "Brier"} <= proper
    assert rows["EMD"]["rule"] == "median"
    assert rows["REG"]["rule"] == "mean"
    assert rows["SORD"]["rule"] == "mixture"
    assert rows["EMD2"]["saturates"]
    assert not rows["XE"]["saturates"]
    assert rows["CORN"]["outputs"] == "C − 1"
    assert not rows["hinge-WW"]["takes_p"]


def test_rules_need_no_torch_and_give_the_best_answer():
    soft = np.exp(-np.abs(np.subtract.outer(range(COUNT), range(COUNT))))
    soft /= soft.sum(axis=1, keepdims=True)
    t = np.array([0.3, 0.05, 0.25, 0.3, 0.1])
    explorer = ZooExplorer(t, show=["XE", "SORD", "EMD", "REG"])
    best = explorer.best
    np.testing.assert_allclose(best["XE"]["p"], t)
    np.testing.assert_allclose(best["SORD"]["p"], t @ soft, atol=1e-3)
    np.testing.assert_allclose(best["EMD"]["p"], one_hot(2, COUNT))
    assert best["REG"]["number"] == pytest.approx(t @ np.arange(COUNT))
    example = explorer._presets["skewed"]["p"]
    explorer.t = example
    np.testing.assert_allclose(explorer.best["XE"]["p"], example)


PLACES = np.arange(COUNT)
EXPECTED = {
    "EMD1.5": lambda p, t: gaps(p, t, 1.5),
    "EMD3": lambda p, t: gaps(p, t, 3),
    "OLL": lambda p, t: -np.abs(np.subtract.outer(PLACES, PLACES)) @ t @ np.log(1 - p),
    "CDW-CE": lambda p, t: -np.sqrt(np.abs(np.subtract.outer(PLACES, PLACES))) @ t @ np.log(1 - p),
    "AEMD": lambda p, t: np.abs(np.subtract.outer(PLACES, PLACES)) @ t @ p + p @ np.log(p),
}


def gaps(p, t, power):
    """Expected sum of the gaps of two CDFs to a power, label by label."""
    labels = (np.arange(COUNT)[:, None] <= PLACES[:-1]).astype(float)
    return t @ (np.abs(np.cumsum(p)[:-1] - labels) ** power).sum(1)


@pytest.mark.parametrize("name", EXPECTED)
@pytest.mark.parametrize("seed", [0, 1])
def test_rules_find_the_least_expected_loss(name, seed):
    t = np.random.default_rng(seed).dirichlet(np.ones(COUNT))
    cost, best = EXPECTED[name], np.array(rules.answer(stored()["rows"][name], t)["p"])
    end = optimize.minimize(
        lambda p: cost(np.clip(p, 1e-12, 1 - 1e-12), t),
        np.full(COUNT, 1 / COUNT),
        method="SLSQP",
        bounds=[(0, 1)] * COUNT,
        constraints={"type": "eq", "fun": lambda p: p.sum() - 1},
        options={"ftol": 1e-13, "maxiter": 500},
    )
    assert best.sum() == pytest.approx(1)
    assert cost(np.clip(best, 1e-12, 1), t) == pytest.approx(end.fun, abs=1e-6)
    np.testing.assert_allclose(best, end.x, atol=5e-3)


def test_heads_and_hinges_have_rules_as_well():
    t = np.array([0.1, 0.2, 0.4, 0.3, 0.0])
    found = {
        name: rules.answer(stored()["rows"][name], t)
        for name in ("Binomial-head", "hinge-AT", "hinge-WW")
    }
    likely = stats.binom(4, t @ PLACES / 4).pmf(PLACES)
    np.testing.assert_allclose(found["Binomial-head"]["p"], likely)
    assert found["hinge-AT"] == found["hinge-WW"] == {"label": 2}
    certain = rules.answer(stored()["rows"]["OLL"], np.eye(COUNT)[3])
    assert certain["p"] == [0, 0, 0, 1, 0]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["XE", "EMD1.5", "SORD", "CORN", "CLM-logit", "hinge-WW"])
def test_stored_rows_are_what_is_computed(name):
    facts = pytest.importorskip("emdviz.explorers.zoo.facts")
    from emdviz.losses import zoo

    row, kept = facts.describe(zoo.load(name), judge=False), stored()["rows"][name]
    for key in ("outputs", "takes_p", "rule", "saturates", "options", "family"):
        assert row[key] == kept[key], key
    for key in ("curve", "push"):
        np.testing.assert_allclose(
            np.array(row[key], dtype=float), np.array(kept[key], dtype=float), rtol=2e-2, atol=2e-3
        )


@pytest.mark.slow
def test_stored_verdicts_are_what_is_found():
    pytest.importorskip("torch")
    from emdviz.losses import zoo
    from emdviz.propriety import verdict

    for name in ("EMD", "XE-LS", "EMD2"):
        found = with_verdict({}, vars(verdict(zoo.load(name))))
        assert found == {key: stored()["rows"][name][key] for key in found}


@pytest.mark.slow
def test_a_loss_of_the_users_is_computed_while_the_figure_lives():
    pytest.importorskip("torch")
    explorer = ZooExplorer(show=["XE", brute, "focal"], second="brute")
    assert explorer.facts["brute"].get("pending") or "curve" in explorer.facts["brute"]
    explorer.t = [0.1, 0.1, 0.5, 0.2, 0.1]
    end = time.monotonic() + 600
    while explorer.facts["brute"].get("pending") or explorer._thread is not None:
        assert time.monotonic() < end
        time.sleep(0.05)
    row = explorer.facts["brute"]
    assert row["proper"] == "strictly proper"
    assert row["saturates"]
    assert explorer.best["brute"]["p"] == explorer.t
    assert explorer._answers["t"] == explorer.t
    assert set(explorer._answers["best"]) == {"focal"}
    pair = explorer.pair
    costs = [((np.array(pair[k]) - one_hot(LABEL, COUNT)) ** 2).sum() for k in "pq"]
    np.testing.assert_allclose(costs, pair["other"], atol=1e-3)


def test_what_the_reader_sees_is_computed_first(monkeypatch):
    facts = pytest.importorskip("emdviz.explorers.zoo.facts")
    explorer, asked = ZooExplorer(), []
    monkeypatch.setattr(facts, "best_answer", lambda problem, t: asked.append(problem) or {})
    monkeypatch.setattr(explorer, "_problem", lambda name: name)
    explorer._handle_custom_msg({"do": "see", "rows": ["COPOC", "XE", "hinge-IT"]}, [])
    explorer.t = [0.1, 0.1, 0.5, 0.2, 0.1]
    end = time.monotonic() + 60
    while explorer._thread is not None:
        assert time.monotonic() < end
        time.sleep(0.01)
    assert asked[:2] == ["COPOC", "hinge-IT"]
    assert set(asked) == {name for name, row in explorer.facts.items() if row["rule"] is None}
    assert len(asked) < 10
    explorer._handle_custom_msg({"do": "see", "rows": 3}, [])  # no list of names
    assert explorer._in_sight == set()


@pytest.mark.slow
def test_a_program_that_ends_meanwhile_ends_well():
    pytest.importorskip("torch")
    code = "from emdviz.explorers import ZooExplorer; ZooExplorer([0.3, 0.1, 0.2, 0.3, 0.1])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_what_is_wrong_is_refused_in_words():
    explorer = ZooExplorer()
    check_refused(explorer, "first", "nothing", "first")
    check_refused(explorer, "positions", [0, 1, 2, 3, 5], "one step apart")
    check_refused(explorer, "t", [0.5, 0.5], "one probability per class")
    check_refused(explorer, "sort", "colour", "sort")
    with pytest.raises(traitlets.TraitError, match="classes must be 5 names, got 3"):
        ZooExplorer(classes=["a", "b", "c"])
    with pytest.raises(traitlets.TraitError, match="show must be a list of losses"):
        ZooExplorer(show="XE")
    with pytest.raises(traitlets.TraitError, match="first"):
        ZooExplorer(first="nothing")


def test_only_verdicts_of_some_loss_can_be_chosen():
    explorer = ZooExplorer()
    for verdict in explorer._filters["rewards"][1:]:
        assert any(row["proper"] == verdict for row in explorer.facts.values())
    own = ZooExplorer(show=["XE", brute])
    assert "proper" in own._filters["rewards"], "its verdict comes later"


def test_leaves_the_notebook(tmp_path):
    explorer = ZooExplorer(first="EMD", second="EMD2")
    check_self_contained(explorer.save_html(tmp_path / "zoo.html"))
    figure = explorer.figure()
    assert figure.axes[0].get_title(loc="left") == "EMD: cost of certainty"
