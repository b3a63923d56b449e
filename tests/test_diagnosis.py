import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import stats
from scipy.special import softmax

import emdviz
from devtools.oracles import gap_sum, quantile_cost
from emdviz import losses
from emdviz.diagnosis import diagnose


def one_hot(labels, like):
    return F.one_hot(labels, like.shape[-1])


def gaps(logits, labels):
    return (logits.softmax(-1) - one_hot(labels, logits)).cumsum(-1)


def expected_class(logits):
    return (logits.softmax(-1) * torch.arange(logits.shape[-1])).sum(-1)


def energy_distance(p, t):
    classes = np.arange(len(p))
    return stats.energy_distance(classes, classes, p, t)


def by_thresholds(p, k):
    return sum((p[: i + 1].sum() - (k <= i)) ** 2 for i in range(len(p)))


FORMS = {
    "XE": (torch.nn.CrossEntropyLoss(), "XE", "logits", "mean"),
    "XE, sum": (torch.nn.CrossEntropyLoss(reduction="sum"), "XE", "logits", "sum"),
    "XE, weighted": (
        torch.nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 3.0])),
        "XE",
        "logits",
        "weighted mean",
    ),
    "XE, smoothed": (
        torch.nn.CrossEntropyLoss(label_smoothing=0.1),
        "XE with label smoothing 0.1",
        "logits",
        "mean",
    ),
    "NLL": (torch.nn.NLLLoss(), "XE", "log-probabilities", "mean"),
    "KL": (torch.nn.KLDivLoss(reduction="batchmean"), "KL", "log-probabilities", "mean"),
    "REG": (losses.LOSSES["REG"].make(4), "squared error", "outputs", "mean"),
    "EMD2": (losses.LOSSES["EMD2"].make(4), "EMD²", "logits", "mean"),
    "EMD": (losses.LOSSES["EMD"].make(4, reduction="none"), "EMD", "logits", "none"),
    "AEMD": (losses.LOSSES["AEMD"].make(4, lam=4.0), "AEMD with λ = 4", "logits", "mean"),
    "XEMD2": (losses.LOSSES["XEMD2"].make(4), "XE + EMD²", "logits", "mean"),
    "XE + 0.5 EMD²": (
        losses.CrossEntropyEMD2Loss(emd_weight=0.5),
        "XE + 0.5 EMD²",
        "logits",
        "mean",
    ),
    "SGEMD2": (losses.LOSSES["SGEMD2"].make(4, 6), "XE", "logits", "mean"),
    "ground": (losses.ground_emd2_loss, "ground EMD² with μ = 0.25", "logits", "mean"),
    "÷ C": (losses.SquaredEMDLoss(normalized=True), "EMD² ÷ C", "logits", "mean"),
    "uneven": (
        losses.SquaredEMDLoss(positions=[0, 1, 3, 7]),
        "EMD² with gaps of 1, 2, 4",
        "logits",
        "mean",
    ),
    "RPS ÷ (C − 1)": (
        lambda z, k: emdviz.emd2_loss(z, k) / (z.shape[1] - 1),
        "EMD² ÷ (C − 1)",
        "logits",
        "mean",
    ),
    "(EMD)²": (
        lambda z, k: (emdviz.emd_loss(z, k, reduction="none") ** 2).mean(),
        "square of the EMD",
        "logits",
        "mean",
    ),
    "root of mean": (
        lambda p, t: emdviz.normalized_emd(p, t, order=2),
        "root of EMD² ÷ √C",
        "probabilities",
        "none",
    ),
    "W₂²": (
        lambda p, t: emdviz.wasserstein(p, t, order=2) ** 2,
        "W₂²",
        "probabilities",
        "none",
    ),
    "emd2": (emdviz.emd2, "EMD²", "probabilities", "none"),
    "energy distance": (energy_distance, "1.414 × root of EMD²", "probabilities", ""),
    "squared energy": (lambda p, t: energy_distance(p, t) ** 2, "2 × EMD²", "probabilities", ""),
    "one forecast": (by_thresholds, "EMD²", "probabilities", ""),
    "absolute error": (
        lambda o, k: torch.nn.L1Loss()(o.reshape(-1), k),
        "absolute error",
        "outputs",
        "mean",
    ),
}


@pytest.mark.parametrize("case", FORMS)
def test_a_known_form_is_named_without_findings(case):
    loss, title, inputs, reduction = FORMS[case]
    forced = "outputs" if inputs == "outputs" else None
    found = diagnose(loss, inputs=forced)
    assert (found.title, found.inputs, found.reduction) == (title, inputs, reduction), found
    assert found.findings == ()
    assert found.healthy
    assert "✓ No known mistake found." in str(found)


@pytest.mark.slow
def test_a_registered_loss_is_recognised(monkeypatch):
    def fourth(logits, labels):
        return gaps(logits, labels).pow(4).cumsum(-1).sum(-1).mean()

    assert diagnose(fourth).form is None
    loss = losses.Loss("D4", lambda *numbers: fourth, label="fourth power", source="Σ (C − i) d_i⁴")
    monkeypatch.setitem(losses.LOSSES, "D4", loss)
    found = diagnose(fourth)
    assert (found.form, found.title, found.formula) == (
        "fourth power",
        "fourth power",
        "Σ (C − i) d_i⁴",
    )
    assert found.inputs == "logits"
    assert diagnose(lambda z, k: 3 * fourth(z, k)).title == "3 × fourth power"


def test_other_libraries_losses_are_read_without_knowing_them():
    from dlordinal.losses import EMDLoss, MCELoss

    found = diagnose(EMDLoss(num_classes=5))
    assert found.title == "EMD²"
    assert [finding.name for finding in found.findings] == ["labels of shape (B, 1)"]
    assert_repeats(EMDLoss(num_classes=5), found.findings[0].example, right=mean_of(emd2))
    assert diagnose(MCELoss(5, use_logits=True)).title == "L2 between densities ÷ C"


def emd2(p, t):
    return gap_sum(p, t, 2)


def emd(p, t):
    return gap_sum(p, t, 1)


def mean_of(distance, factor=lambda size: 1.0):
    """The right loss of logits, by a loop over the examples."""

    def loss(logits, labels):
        p = softmax(np.asarray(logits, float), axis=-1)
        labels = np.asarray(labels).reshape(-1)
        rows = [distance(row, np.eye(len(row))[k]) for row, k in zip(p, labels, strict=True)]
        return factor(p.shape[-1]) * np.mean(rows)

    return loss


def square_mean(d):
    return (d**2).sum(-1).mean()


def in_place(z, k):
    z -= z.max(-1, keepdim=True).values
    return emdviz.emd2_loss(z, k)


def off_by_threshold(z, k):
    step = (k[:, None] < torch.arange(z.shape[1])).to(z)
    return square_mean(z.softmax(-1).cumsum(-1) - step)


def in_small_integers(z, k):
    away = (torch.arange(z.shape[1], dtype=k.dtype) - k[:, None]).abs()
    return (z.softmax(-1) * away).sum(-1).mean()


def naive_softmax(z, k):
    p = z.exp() / z.exp().sum(-1, keepdim=True)
    return square_mean((p - one_hot(k, z)).cumsum(-1))


RIGHT_EMD2, RIGHT_EMD = mean_of(emd2), mean_of(emd)
MISTAKES = {
    "difference of densities": (
        lambda z, k: square_mean(z.softmax(-1) - one_hot(k, z)),
        RIGHT_EMD2,
    ),
    "absolute value outside the sum": (lambda z, k: gaps(z, k).sum(-1).abs().mean(), RIGHT_EMD),
    "square outside the sum": (lambda z, k: (gaps(z, k).sum(-1) ** 2).mean(), RIGHT_EMD2),
    "NaN gradient": (lambda z, k: (gaps(z, k) ** 2).mean(-1).sqrt().mean(), None),
    "labels of shape (B, 1)": (lambda z, k: square_mean(gaps(z, k)), RIGHT_EMD2),
    "softmax missing": (lambda z, k: square_mean((z - one_hot(k, z)).cumsum(-1)), RIGHT_EMD2),
    "softmax twice": (lambda z, k: square_mean(gaps(z.softmax(-1), k)), RIGHT_EMD2),
    "labels off by one": (off_by_threshold, RIGHT_EMD2),
    "CDF along the batch": (
        lambda z, k: square_mean((z.softmax(-1) - one_hot(k, z)).cumsum(0)),
        RIGHT_EMD2,
    ),
    "softmax along the batch": (
        lambda z, k: (z.softmax(0) - one_hot(k, z)).cumsum(-1).abs().sum(-1).mean(),
        RIGHT_EMD,
    ),
    "target reversed": (lambda z, k: emdviz.emd_loss(z, z.shape[1] - 1 - k), RIGHT_EMD),
    "last class left out": (lambda z, k: square_mean(gaps(z, k)[:, :-2]), RIGHT_EMD2),
    "first class left out": (lambda z, k: gaps(z, k)[:, 1:].abs().sum(-1).mean(), RIGHT_EMD),
    "opposite sign": (lambda z, k: -emdviz.emd2_loss(z, k), RIGHT_EMD2),
    "no gradient": (lambda z, k: emdviz.emd2_loss(z.detach(), k), None),
    "wrong gradient": (
        lambda z, k: emdviz.xe_loss(z, k) + emdviz.emd2_loss(z.detach(), k),
        None,
    ),
    "argument changed": (in_place, None),
    "labels of uint8": (in_small_integers, RIGHT_EMD),
    "confident mistakes": (
        lambda z, k: -z.softmax(-1).gather(1, k[:, None]).log().mean(),
        None,
    ),
    "overflow": (naive_softmax, None),
    "half precision": (
        lambda z, k: square_mean(1000 * gaps(z, k)) / 1_000_000,
        None,
    ),
    "batch": (lambda z, k: emdviz.emd2_loss(z - z.mean(0), k), None),
    "a number for each class": (lambda z, k: gaps(z, k) ** 2, None),
    "random": (lambda z, k: emdviz.emd2_loss(z, k) * torch.rand(()).item(), None),
    "NaN": (lambda z, k: (z.softmax(-1) - 1).log().sum(), None),
    "cannot be called": (lambda z, k: None, None),
}


def assert_repeats(loss, example, right=None):
    """The example shows what it says: run it, and compare with the loop."""
    got = loss(*example.arguments)
    assert float(got) == pytest.approx(example.got, abs=1e-5, nan_ok=True)
    if right is not None:
        expected = right(*example.arguments)
        assert expected == pytest.approx(example.expected, abs=1e-5)
        assert abs(float(got) - expected) > 1e-3


@pytest.mark.parametrize("name", MISTAKES)
def test_a_known_mistake_is_found_and_shown(name):
    loss, right = MISTAKES[name]
    found = diagnose(loss)
    findings = {finding.name: finding for finding in found.findings}
    assert name in findings, found
    assert not found.healthy
    others = set(findings) - {name, "labels of shape (B, 1)", "batch"}
    assert others <= {"no gradient"} if name == "random" else not others, found
    example = findings[name].example
    if right is not None:
        assert_repeats(loss, example, right)
        assert len(example.arguments[0]) <= 2
        assert str(example) in str(found)


def slope_at(loss, example):
    leaf = example.arguments[0].clone().requires_grad_()
    (slope,) = torch.autograd.grad(loss(leaf, example.arguments[1]), leaf)
    return slope[0]


def test_examples_of_gradients_repeat():
    loss = MISTAKES["NaN gradient"][0]
    (found,) = (f for f in diagnose(loss).findings if f.name == "NaN gradient")
    assert torch.isnan(slope_at(loss, found.example)).all()

    loss = MISTAKES["wrong gradient"][0]
    (found,) = (f for f in diagnose(loss).findings if f.name == "wrong gradient")
    z, k = found.example.arguments
    assert slope_at(loss, found.example).numpy() == pytest.approx(found.example.got, abs=1e-3)
    leaf = z.double().requires_grad_()
    (emdviz.xe_loss(leaf, k) + emdviz.emd2_loss(leaf, k)).backward()
    assert found.example.expected == pytest.approx(leaf.grad[0].numpy(), abs=1e-3)


def test_examples_of_side_effects_and_infinite_values_repeat():
    for name, bad in (("confident mistakes", math.isinf), ("overflow", math.isnan)):
        loss = MISTAKES[name][0]
        (found,) = (f for f in diagnose(loss).findings if f.name == name)
        assert bad(loss(*found.example.arguments))
    (found,) = diagnose(in_place).findings
    arguments = [argument.clone() for argument in found.example.arguments]
    in_place(*arguments)
    assert not torch.equal(arguments[0], found.example.arguments[0])
    assert arguments[0].numpy() == pytest.approx(found.example.got)


@pytest.mark.slow
def test_pairs_of_distributions_have_examples_too():
    found = diagnose(torch.nn.MSELoss())
    (finding,) = found.findings
    assert finding.name == "difference of densities"
    p, t = (argument.numpy() for argument in finding.example.arguments)
    assert_repeats(torch.nn.MSELoss(), finding.example)
    assert finding.example.expected == pytest.approx(gap_sum(p[0], t[0], 2) / p.shape[1])


def test_forms_of_two_distributions_are_distinguished():
    rng = np.random.default_rng(0)
    p, t = rng.dirichlet(np.ones(4), size=2)

    def w2(a, b):
        return quantile_cost(a, b, 2)

    assert diagnose(w2).title == "W₂²"
    assert w2(p, t) != pytest.approx(gap_sum(p, t, 2), rel=1e-3)


def test_a_loss_of_no_known_form_is_called_so():
    def unknown(z, k):
        return (z.softmax(-1) ** 3 * (torch.arange(z.shape[-1]) - k[:, None]).abs()).sum(-1).mean()

    found = diagnose(unknown)
    assert found.form is None
    assert not found.healthy
    assert "is not a known loss" in str(found)
    assert "It knows an order" in str(found)


def test_inputs_says_how_the_argument_is_meant():
    def of_probabilities(p, k):
        return square_mean((p - one_hot(k, p)).cumsum(-1)[:, :-1])

    meant = diagnose(of_probabilities, inputs="probabilities")
    assert "softmax missing" not in [finding.name for finding in meant.findings]
    assert meant.title == "EMD²"
    doubled = diagnose(emdviz.emd2_loss, inputs="probabilities")
    assert [finding.name for finding in doubled.findings] == ["softmax twice"]
    assert diagnose(emdviz.emd2_loss, num_classes=7).title == "EMD²"


def test_a_module_is_left_as_it_was():
    loss = losses.LOSSES["SGEMD2"].make(3, 2)
    before = {name: value.clone() for name, value in loss.state_dict().items()}
    diagnose(loss)
    for name, value in loss.state_dict().items():
        assert torch.equal(value, before[name])


def test_prints_and_warnings_of_the_loss_are_hidden(capsys):
    def loud(z, k):
        print("step")
        return emdviz.emd2_loss(z, k)

    assert diagnose(loud).healthy
    assert capsys.readouterr().out == ""


def test_a_distance_in_numpy_is_no_cost_of_a_class_index():
    """NumPy takes one class index from each of p; two distributions explain it better."""
    for axis in (None, -1):
        found = diagnose(lambda p, t, axis=axis: np.abs(np.cumsum(p - t, axis=axis)).sum(axis))
        assert found.form == "EMD"
        assert "It takes two distributions (B, C), NumPy arrays." in found.notes
    own = diagnose(lambda p, k: p @ np.array([[0, 1, 5], [1, 0, 2], [5, 2, 0]])[k], num_classes=3)
    assert own.form == "mean cost of a class drawn from p"


def test_bad_arguments_are_refused():
    with pytest.raises(TypeError, match=r"loss must be made already: pass CrossEntropyLoss\(…\)"):
        diagnose(torch.nn.CrossEntropyLoss)
    with pytest.raises(TypeError, match="loss must be a function or a Module, got float"):
        diagnose(0.5)
    for loss in ("EMD2", losses.LOSSES["EMD2"]):
        with pytest.raises(TypeError, match=r"pass losses\.as_loss\(loss\)\.make\(num_classes\)"):
            diagnose(loss)
    with pytest.raises(ValueError, match="inputs must be one of"):
        diagnose(emdviz.emd2_loss, inputs="scores")
    for wrong in (np.dtype("float32"), torch.float32, "7", [5], 1, 0, -3, 5.0, True):
        with pytest.raises((TypeError, ValueError), match="num_classes must be an integer, 2 or"):
            diagnose(emdviz.emd2_loss, num_classes=wrong)


@pytest.mark.slow
def test_a_notebook_shows_the_verdict_as_text_never_as_markup():
    def loss(z, k):
        raise ValueError("<script>alert(1)</script>")

    shown = diagnose(loss)._repr_html_()
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown
    assert "<b>difference of densities</b>" in diagnose(torch.nn.MSELoss())._repr_html_()
