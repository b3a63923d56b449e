"""Counter-examples of the table of losses, without rounding; the formulas against the losses."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from devtools import counter_examples
from devtools.counter_examples import HEADS, check, costs_less, ecoc, is_known, value
from emdviz.losses import LOSSES, zoo
from emdviz.losses.loss import MAPPED
from emdviz.propriety.search import Problem

FOUND = {
    name: {
        key: [Fraction(x) for x in facts[key]] if facts[key] else None for key in ("t", "better")
    }
    for name in zoo.names()
    if (facts := zoo.properties(name))["proper"] == "not proper" and is_known(name)
}
WRITTEN_OUT = [name for name in FOUND if name not in HEADS and name != "ECOC"]


@pytest.mark.parametrize("name", FOUND)
def test_every_counter_example_holds_without_rounding(name):
    holds, how = check(name, **FOUND[name])
    assert holds
    assert how in ("in fractions", "in intervals", HEADS.get(name, [None])[0])
    if name in WRITTEN_OUT:  # nothing costs less than itself
        assert not check(name, FOUND[name]["t"], FOUND[name]["t"])[0]


def test_the_formulas_of_all_but_new_losses_are_known():
    not_proper = [n for n in zoo.names() if zoo.properties(n)["proper"] == "not proper"]
    assert {name for name in not_proper if not is_known(name)} <= {*LOSSES} - {*MAPPED}
    assert not is_known("a loss that is not there")


def test_most_need_no_interval():
    exact = {name for name in FOUND if check(name, **FOUND[name])[1] == "in fractions"}
    assert exact == {
        "EMD", "EMD3", "XE-LS", "focal", "OLL", "binomial", "beta", "geometric",
        "general-triangular",
    }  # fmt: skip


@pytest.mark.parametrize("name", WRITTEN_OUT)
def test_formulas_are_those_of_the_losses(name):
    count = 2 if name in ("triangular", "general-triangular") else 3
    problem, rng = Problem(zoo.load(name), count), np.random.default_rng(0)
    for _ in range(3):
        p, t = (
            [Fraction(int(x), int(parts.sum())) for x in parts]
            for parts in rng.integers(1, 30, size=(2, count))
        )
        found = value(name, p, t)
        expected = problem.at(*(np.array(x, dtype=float) for x in (p, t)))
        assert float(found.mid) == pytest.approx(expected, rel=1e-5)
        assert float(found.delta) < 1e-30


def test_a_proper_loss_has_none():
    t, p = [Fraction(1, 3), Fraction(2, 3)], [Fraction(1, 2)] * 2
    assert costs_less("XE", p, t, t) == (False, "in fractions")
    assert costs_less("XE", t, p, t) == (True, "in fractions")
    assert costs_less("XE", p, [0, 1], t) == (True, "in fractions")  # which costs ∞


def test_ecoc_costs_what_the_search_found():
    costs = [float(cost.mid) for cost in ecoc(FOUND["ECOC"]["t"])]
    np.testing.assert_allclose(costs, zoo.properties("ECOC")["costs"][::-1], rtol=1e-5)


@pytest.mark.parametrize("name", HEADS)
def test_what_a_head_gives_obeys_its_inequality(name):
    _, slack = HEADS[name]
    t = FOUND[name]["t"]
    loss, count = zoo.load(name), len(t)
    torch.manual_seed(0)
    outputs = 3 * torch.randn(500, loss.num_outputs(count), dtype=torch.float64)
    if loss.head is not None:
        head = loss.head(4, count).double()
        torch.nn.init.normal_(next(head.parameters()))
        outputs = head(3 * torch.randn(500, 4, dtype=torch.float64))
    for p in loss.decode(outputs, count).double().tolist():
        assert slack(p) > -1e-6
    assert slack(t) < -0.01


@pytest.mark.parametrize(
    "call", [lambda p: ecoc(p), lambda p: counter_examples.soft_label("triangular", 0, len(p))]
)
def test_what_is_not_written_out_is_refused(call):
    with pytest.raises(ValueError, match="must have two classes for"):
        call([Fraction(1, 3)] * 3)
