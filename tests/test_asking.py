"""Figures of any loss: what Python computes for them, against formulas; errors, slow losses."""

import threading
import time

import numpy as np
import pytest

from emdviz import emd, explorers, one_hot
from emdviz.explorers import GradientExplorer, PredictionExplorer, ProprietyExplorer
from emdviz.explorers.propriety.propriety import mesh
from emdviz.losses import Loss
from emdviz.propriety import expected_loss
from tests.optional import torch

THREE = ["young", "middle", "old"]
P, Q = [0.5, 0.3, 0.2], [0.2, 0.3, 0.5]


def off(z, y):
    """Expected distance to the label, which is EMD."""
    steps = torch.arange(z.shape[1], dtype=z.dtype)
    return (z.softmax(1) * (steps - y[:, None]).abs()).sum(1).mean()


def fails_for_young(z, y):
    if (z.softmax(1)[:, 0] > 0.6).any():
        raise RuntimeError("too young")
    return torch.nn.functional.cross_entropy(z, y)


def answers(explorer, seconds=20):
    """What was told of the present state of every loss that Python computes, once it is there."""

    def are_there():
        told = explorer._answers
        return all(
            name in told and told[name]["question"] == explorer._newest for name in explorer._asked
        )

    wait_until(are_there, seconds)
    return explorer._answers


def wait_until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.01)


def test_a_function_and_the_zoo_are_asked_about_p_itself():
    explorer = PredictionExplorer(P, Q, target=1, show=["EMD2", off, "OLL", "XEMD2"])
    told = answers(explorer)
    assert list(told) == ["off", "OLL", "XEMD2"]
    steps = np.abs(np.arange(3) - 1)
    for letter, p in (("A", P), ("B", Q)):
        assert told["off"]["answer"][letter] == pytest.approx(emd(p, one_hot(1, 3)))
        oll = -np.sum(steps * np.log(1 - np.array(p)))
        assert told["OLL"]["answer"][letter] == pytest.approx(oll)
        both = explorer.losses[letter]["EMD2"] - np.log(p[1])
        assert told["XEMD2"]["answer"][letter] == pytest.approx(both)
        assert explorer.losses[letter]["off"] == told["off"]["answer"][letter]
    explorer.q = P
    assert answers(explorer)["off"]["answer"]["B"] == pytest.approx(emd(P, one_hot(1, 3)))


def test_losses_with_a_closed_form_ask_nothing():
    explorer = PredictionExplorer(P, show=["EMD2", "XE"])
    assert [loss["name"] for loss in explorer._losses] == ["EMD2", "XE"]
    assert explorer._answers == {}
    assert list(explorer.losses["A"]) == ["EMD2", "XE"]


def test_positions_reach_the_losses_that_know_them():
    x = [0.0, 1.0, 5.0]
    explorer = PredictionExplorer(P, target=0, positions=x, show=["XEMD2", off])
    assert [loss["knowsPositions"] for loss in explorer._losses] == [True, False]
    told = answers(explorer)
    assert told["XEMD2"]["answer"]["A"] == pytest.approx(-np.log(0.5) + 0.5**2 + 0.2**2 * 4)
    assert told["off"]["answer"]["A"] == pytest.approx(0.3 + 2 * 0.2)
    explorer.positions = None
    assert answers(explorer)["XEMD2"]["answer"]["A"] == pytest.approx(-np.log(0.5) + 0.25 + 0.04)


def test_an_infinite_loss_and_one_of_nan_are_reported_as_such():
    def of_nan(z, y):
        return z.sum() * float("nan")

    explorer = PredictionExplorer([0.5, 0.5, 0.0], P, target=2, show=["XE-LS", of_nan])
    told = answers(explorer)
    assert told["XE-LS"]["answer"]["A"] == "inf"
    assert np.isinf(explorer.losses["A"]["XE-LS"])
    assert told["of_nan"].get("answer", {"A": "nan"})["A"] == "nan"


@pytest.mark.parametrize(
    ("loss", "why"),
    [
        ("CORN", "its outputs are not the logarithms of p"),
        ("CORAL", "its output layer turns outputs into p in its own way"),
        ("CLM-logit", "its output layer turns outputs into p in its own way"),
        ("hinge-WW", "its outputs are scores or one number"),
        ("COPOC", "its outputs are not the logarithms of p"),
    ],
)
def test_a_loss_that_takes_no_p_says_why(loss, why):
    explorer = PredictionExplorer(P, Q, show=["XE", loss])
    assert answers(explorer)[loss]["never"] == why
    assert explorer.losses["A"][loss] is None
    assert explorer.figure().axes[0].get_title("left") == "A   XE 0.693"


def test_an_error_is_reported_and_does_not_last():
    young = [0.7, 0.2, 0.1]
    explorer = PredictionExplorer(young, Q, show=["EMD", fails_for_young, off])
    told = answers(explorer)
    assert told["fails_for_young"]["error"] == "RuntimeError: too young"
    assert told["off"]["answer"]["A"] > 0
    explorer.p = Q
    assert answers(explorer)["fails_for_young"]["answer"]["A"] == pytest.approx(-np.log(0.2))


def test_a_slow_loss_is_asked_in_a_thread_about_the_newest_state_alone():
    entered, may_go, asked = threading.Event(), threading.Event(), []
    may_go.set()

    def slow(z, y):
        entered.set()
        may_go.wait(20)
        asked.append(round(z.softmax(1)[0, 0].item(), 2))
        return torch.nn.functional.cross_entropy(z, y)

    explorer = PredictionExplorer(P, Q, show=[slow, off], equal_xe=False)
    answers(explorer)
    explorer._asked["slow"].seconds = 1.0  # as if it had taken that long
    may_go.clear()
    entered.clear()
    for share in (0.1, 0.2, 0.3, 0.4):  # while the first of these is computed
        explorer.p = [share, 0.5 - share, 0.5]
        wait_until(lambda share=share: explorer._answers["off"]["question"]["p"][0] == share)
        assert explorer._answers["slow"]["question"]["p"] == P
        assert entered.wait(20)
    asked.clear()
    may_go.set()
    assert answers(explorer)["slow"]["answer"]["A"] == pytest.approx(-np.log(0.4))
    assert set(asked) == {0.1, 0.4, 0.2}  # 0.2 is the share of B


@pytest.mark.parametrize("figure", ["PredictionExplorer", "ProprietyExplorer", "GradientExplorer"])
@pytest.mark.parametrize(
    ("show", "kind", "message"),
    [
        ("XE", TypeError, r"show must be a list of losses, such as \['XE', 'EMD2'\], got 'XE'"),
        ([], ValueError, "show must hold at least one loss, got none"),
        (["XE", "XE"], ValueError, "show must hold every loss once, got 'XE' twice"),
        (["SORT"], ValueError, "loss must be the name of a loss.*got 'SORT'"),
        ([3], TypeError, "loss must be the name of a loss.*got 3"),
    ],
)
def test_what_is_no_list_of_losses_is_refused(figure, show, kind, message):
    with pytest.raises(kind, match=message):
        getattr(explorers, figure)(show=show)


def test_a_saved_page_knows_the_examples():
    explorer = PredictionExplorer(P, Q, show=["XE", off])
    kept = explorer._page()
    assert explorer._known == []
    assert "needs a running kernel" in kept  # the words of the module
    rows = list(explorer._beforehand())
    assert len(rows) == 3 * len(explorer._presets)
    assert kept.count('"told":{"off":{"answer"') == len(rows) + 1  # and the state itself


@pytest.mark.slow
def test_the_best_prediction_of_any_loss_is_found():
    t = [0.2, 0.5, 0.3]
    number = {"outputs": lambda num_classes: 1, "is_point": True, "decode": certain}
    show = ["XE", off, "CORN", "OLL", "WKL", Loss("square", square, **number)]
    explorer = ProprietyExplorer(t, classes=THREE, show=show)
    told = {name: record["answer"] for name, record in answers(explorer).items()}
    np.testing.assert_allclose(told["off"]["best"], [0, 1, 0], atol=1e-6)
    assert told["off"]["least"] == pytest.approx(0.5)
    assert told["off"]["honest"] == pytest.approx(emd_of_labels(t))
    np.testing.assert_allclose(told["CORN"]["best"], t, atol=1e-3)
    assert not told["CORN"]["free"]
    assert "landscape" not in told["CORN"]
    assert told["square"]["number"] == pytest.approx(1.1, abs=1e-4)
    assert told["WKL"]["constant"]
    assert np.ptp(told["WKL"]["landscape"]) == 0
    full = explorer.minimisers
    np.testing.assert_allclose(told["OLL"]["best"], full["OLL"], atol=1e-3)
    assert explorer.expected_losses["CORN"]["honest"] is None


def test_the_landscape_of_any_loss_is_its_expected_loss():
    t = [0.2, 0.5, 0.3]
    explorer = ProprietyExplorer(t, classes=THREE, show=[off])
    landscape = np.array(answers(explorer)["off"]["answer"]["landscape"])
    np.testing.assert_allclose(landscape, expected_loss("EMD", mesh(), t), atol=1e-3)


def square(num_classes, num_features):
    return lambda z, y: ((z[:, 0] - y) ** 2).mean()


def certain(outputs, num_classes):
    nearest = outputs[:, 0].round().long().clamp(0, num_classes - 1)
    return torch.nn.functional.one_hot(nearest, num_classes)


def emd_of_labels(t):
    return sum(share * emd(t, one_hot(k, len(t))) for k, share in enumerate(t))


@pytest.mark.parametrize("steps", [0, 7])
def test_pushes_and_walks_of_any_loss_are_those_of_its_gradient(steps):
    """Against the closed forms of the same losses, which others compute."""

    def cross_entropy(z, y):
        return torch.nn.functional.cross_entropy(z, y)

    given = {"target": 2, "learning_rate": 0.7}
    explorer = GradientExplorer(P, show=["XE", "EMD", cross_entropy, off, "CORN"], **given)
    explorer.steps = steps
    told = answers(explorer)
    for closed, asked in (("XE", "cross_entropy"), ("EMD", "off")):
        answer = told[asked]["answer"]
        np.testing.assert_allclose(answer["values"], explorer.trails[closed], rtol=1e-6)
        np.testing.assert_allclose(answer["gradient"], explorer.gradients[closed], atol=1e-7)
        np.testing.assert_allclose(answer["prediction"], explorer.reached[closed], atol=1e-7)
        np.testing.assert_allclose(explorer.reached[asked], explorer.reached[closed], atol=1e-7)
        assert answer["truth"][-1] == pytest.approx(explorer.reached[closed][2])
        assert explorer.losses[asked] == pytest.approx(explorer.losses[closed])
    assert told["CORN"]["never"]
    assert explorer.gradients["CORN"] is explorer.trails["CORN"] is None
    titles = [ax.get_title("left") for ax in explorer.figure().axes]
    assert [title.split()[0] for title in titles[-4:]] == ["XE", "EMD", "cross_entropy", "off"]


def test_steps_from_elsewhere_are_not_walked():
    explorer = GradientExplorer(P, show=[off])
    explorer.steps = 3
    assert len(answers(explorer)["off"]["answer"]["values"]) == 4
    explorer.p = Q
    assert len(answers(explorer)["off"]["answer"]["values"]) == 1


def test_a_gradient_that_is_not_finite_is_reported():
    def root(z, y):
        return (z.softmax(1)[:, 1] - 0.3).abs().sqrt().mean()

    explorer = GradientExplorer([0.4, 0.3, 0.3], show=[root])
    assert answers(explorer)["root"]["error"] == "ValueError: its gradient is not finite"
