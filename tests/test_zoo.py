import pickle
import re
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from coral_pytorch.dataset import corn_label_from_logits, levels_from_labelbatch, proba_to_label
from coral_pytorch.losses import CornLoss, coral_loss
from dlordinal import losses as dl
from dlordinal.output_layers import COPOC
from dlordinal.wrappers.corn import CORNClassifierWrapper
from dlordinal.wrappers.obd_ecoc import ECOCOutputTransformer
from torch.nn import CrossEntropyLoss

from emdviz import losses
from emdviz.losses import zoo

C, B = 5, 12
THRESHOLDS = {"CORAL", "CORN", "CONDOR", "ECOC", "hinge-AT", "hinge-IT"}


def soft_labels(kind, **options):
    return getattr(dl, kind)(CrossEntropyLoss(), num_classes=C, **options)


def costs(compute):
    """The mean over a batch of a cost that is written out for one example."""
    return lambda z, y: torch.stack(
        [compute(row, int(k)) for row, k in zip(z, y, strict=True)]
    ).mean()


def condor(z, k):
    above = torch.sigmoid(z).cumprod(0)
    return -sum(torch.log(above[i] if k > i else 1 - above[i]) for i in range(C - 1))


def oll(z, k):
    p = z.softmax(0)
    return -sum(abs(i - k) * torch.log(1 - p[i]) for i in range(C))


def emd_to(power):
    def cost(z, k):
        p = z.softmax(0)
        return sum(abs(p[: i + 1].sum() - float(k <= i)) ** power for i in range(C - 1))

    return costs(cost)


def thresholds_hinge(z, k, every):
    signs = [(1 if k > i else -1) for i in range(C - 1)]
    chosen = range(C - 1) if every else [i for i in (k - 1, k) if 0 <= i < C - 1]
    return sum(torch.relu(1 - signs[i] * z[i]) for i in chosen)


ORACLES = {
    # the libraries' own forward pass
    "XE-LS": lambda: CrossEntropyLoss(label_smoothing=0.1),
    "Brier": lambda: dl.MCELoss(C, use_logits=True),
    "SORD": lambda: dl.SORDLoss(1.0, C, train_targets=None),
    "exponential": lambda: soft_labels("ExponentialLoss"),
    "triangular": lambda: soft_labels("TriangularLoss"),
    "general-triangular": lambda: soft_labels("GeneralTriangularLoss", alphas=np.full(2 * C, 0.05)),
    "binomial": lambda: soft_labels("BinomialLoss"),
    "Poisson": lambda: soft_labels("PoissonLoss"),
    "beta": lambda: soft_labels("BetaLoss"),
    "geometric": lambda: soft_labels("GeometricLoss"),
    "CDW-CE": lambda: dl.CDWCELoss(C),
    "SLACE": lambda: dl.SLACELoss(1.0, C),
    "WKL": lambda: dl.WKLoss(C, use_logits=True),
    "MCE-WKL": lambda: dl.MCEAndWKLoss(C, use_logits=True),
    "CORAL": lambda: lambda z, y: coral_loss(z, levels_from_labelbatch(y, C)),
    "CORN": lambda: CornLoss(C),
    "ECOC": lambda: lambda z, y: dl.OrdinalECOCDistanceLoss(C)(z.sigmoid(), y) / B,
    "stick-breaking": CrossEntropyLoss,
    "COPOC": lambda: lambda z, y: F.cross_entropy(COPOC()(z), y),
    "hinge-WW": torch.nn.MultiMarginLoss,
    # ours, written out for one example
    "focal": lambda: costs(lambda z, k: -((1 - z.softmax(0)[k]) ** 2) * z.log_softmax(0)[k]),
    "OLL": lambda: costs(oll),
    "EMD1.5": lambda: emd_to(1.5),
    "EMD3": lambda: emd_to(3),
    "CONDOR": lambda: costs(condor),
    "CLM-logit": lambda: lambda p, y: F.nll_loss(p.log(), y),
    "CLM-probit": lambda: lambda p, y: F.nll_loss(p.log(), y),
    "CLM-cloglog": lambda: lambda p, y: F.nll_loss(p.log(), y),
    "Binomial-head": lambda: lambda p, y: F.nll_loss(p.log(), y),
    "Poisson-head": lambda: lambda p, y: F.nll_loss(p.log(), y),
    "hinge-CS": lambda: costs(
        lambda z, k: max(torch.relu(1 + z[j] - z[k]) for j in range(C) if j != k)
    ),
    "hinge-AT": lambda: costs(lambda z, k: thresholds_hinge(z, k, True)),
    "hinge-IT": lambda: costs(lambda z, k: thresholds_hinge(z, k, False)),
}


def batch(name, seed):
    rng = torch.Generator().manual_seed(seed)
    loss = zoo.load(name)
    z = 2 * torch.randn(B, loss.num_outputs(C), generator=rng)
    if loss.head is not None and name not in THRESHOLDS | {"stick-breaking"}:
        z = z.softmax(1)  # heads that give probabilities
    return z, torch.arange(B) % C


def test_every_loss_has_an_oracle_and_facts():
    assert set(zoo.names()) == set(ORACLES) | set(losses.LOSSES)
    for name in zoo.names():
        loss = zoo.load(name)
        assert loss.name == name
        assert loss.family
        assert loss.about.endswith(".")
        assert loss.source or name == "XE"


@pytest.mark.parametrize("name", ORACLES)
def test_values_and_gradients_are_those_of_the_library_or_of_the_formula(name):
    for seed in range(3):
        z, y = batch(name, seed)
        ours, theirs = z.clone().requires_grad_(), z.clone().requires_grad_()
        value, expected = zoo.load(name).make(C)(ours, y), ORACLES[name]()(theirs, y)
        torch.testing.assert_close(value, expected.float(), rtol=2e-5, atol=1e-6)
        value.backward()
        expected.backward()
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-4, atol=1e-6)
        assert theirs.grad.abs().max() > 1e-3


@pytest.mark.parametrize("name", ORACLES)
def test_decoding_gives_distributions(name):
    z, _ = batch(name, 0)
    p = zoo.load(name).decode(z, C)
    assert p.shape == (B, C)
    assert p.dtype == torch.float32
    assert p.min() >= 0
    torch.testing.assert_close(p.sum(1), torch.ones(B))
    if name.startswith("hinge"):
        torch.testing.assert_close(p.argmax(1), zoo.load(name).predict(z, C))


def test_labels_and_probabilities_are_those_of_the_libraries():
    z = 2 * torch.randn(500, C - 1, generator=torch.Generator().manual_seed(0))
    z[0] = torch.tensor([0.8, 0.8, 0.8, -3.0])  # the product passes 1/2 after the first threshold
    corn, condor, coral, ecoc = (zoo.load(n) for n in ("CORN", "CONDOR", "CORAL", "ECOC"))
    torch.testing.assert_close(corn.predict(z, C), corn_label_from_logits(z))
    torch.testing.assert_close(condor.predict(z, C), corn_label_from_logits(z))

    class Network:
        predict = None

        def predict_proba(self, inputs):
            return inputs

    wrapped = CORNClassifierWrapper(Network()).predict(z)
    np.testing.assert_array_equal(corn.predict(z, C), wrapped)
    torch.testing.assert_close(coral.predict(z, C), proba_to_label(z.sigmoid()))
    transformer = ECOCOutputTransformer(C)
    torch.testing.assert_close(ecoc.predict(z, C), transformer.labels(z.sigmoid()))
    torch.testing.assert_close(ecoc.decode(z, C), transformer.probas(z.sigmoid()))

    above = z.sigmoid().cumprod(1)
    for loss in (corn, condor):
        p = loss.decode(z, C)
        torch.testing.assert_close(p.flip(1).cumsum(1).flip(1)[:, 1:], above)
        # the label is the median of p, which need not be its mode
        torch.testing.assert_close(loss.predict(z, C), (p.cumsum(1) < 0.5).sum(1))
        assert (loss.predict(z, C) != p.argmax(1)).any()


def test_crossed_thresholds_of_coral_give_no_negative_probability():
    ordered, crossed = (
        torch.tensor([[2.0, 0.0, -1.0, -2.0]]),
        torch.tensor([[1.0, -1.0, 2.0, -2.0]]),
    )
    coral = zoo.load("CORAL")
    s = ordered.sigmoid()[0]
    torch.testing.assert_close(
        coral.decode(ordered, C)[0],
        torch.stack([1 - s[0], s[0] - s[1], s[1] - s[2], s[2] - s[3], s[3]]),
    )
    p = coral.decode(crossed, C)[0]
    assert p[2] == 0
    torch.testing.assert_close(p.sum(), torch.tensor(1.0))
    assert coral.predict(crossed, C) == proba_to_label(crossed.sigmoid())


def table(num_classes=4, rows=48):
    rng = torch.Generator().manual_seed(3)
    x = 2 * torch.randn(rows, 5, generator=rng)
    y = (x[:, 0] + 1.5 + 0.3 * torch.randn(rows, generator=rng)).round().clamp(0, num_classes - 1)
    return x, y.long()


@pytest.mark.parametrize("name", zoo.names())
def test_every_loss_trains_without_nan_at_its_default_options(name):
    x, y = table()
    loss = zoo.load(name)
    torch.manual_seed(0)
    head = loss.head(5, 4) if loss.head else torch.nn.Linear(5, loss.num_outputs(4))
    criterion = loss.make(4, 5)
    optimiser = torch.optim.SGD(head.parameters(), 0.05)
    values = []
    for _ in range(12):
        if loss.uses_features:
            criterion.observe(x, y)
        value = criterion(head(x), y)
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        values.append(value.item())
    assert np.isfinite(values).all()
    assert values[-1] < values[0]
    assert all(one.isfinite().all() for one in head.parameters())
    labels = loss.predict(head(x), 4)
    assert labels.shape == (48,)
    assert labels.dtype == torch.int64


@pytest.mark.parametrize("name", [n for n in zoo.names() if n not in losses.LOSSES])
def test_confident_mistakes_and_half_precision_give_no_nan(name):
    loss = zoo.load(name)
    if loss.head is not None and loss.num_outputs(4) == 4:
        z = torch.eye(4)  # probabilities, or logits of a stick
    else:
        z = 200 * torch.eye(4)[:, : loss.num_outputs(4)] - 100
    z.requires_grad_()
    value = loss.make(4)(z, torch.tensor([3, 2, 1, 0]))
    value.backward()
    assert value.isfinite()
    assert z.grad.isfinite().all()
    half = loss.make(4)(z.detach().half(), torch.tensor([3, 2, 1, 0]))
    assert half.dtype == torch.float32
    assert half.isfinite()


def test_soft_targets_are_mixtures_of_labels_or_refused():
    rng = torch.Generator().manual_seed(1)
    t = torch.rand(B, C, generator=rng)
    t /= t.sum(1, keepdim=True)
    mixed = {"XE-LS", "focal", "OLL", "CLM-logit", "CLM-probit", "CLM-cloglog", "stick-breaking"}
    mixed |= {"COPOC", "Binomial-head", "Poisson-head"}
    for name in ORACLES:
        z, _ = batch(name, 0)
        criterion = zoo.load(name).make(C)
        if name in mixed:
            each = [criterion(z[n : n + 1], torch.tensor([k])) for n in range(B) for k in range(C)]
            expected = (torch.stack(each).reshape(B, C) * t).sum(1).mean()
            torch.testing.assert_close(criterion(z, t), expected)
        elif name in {"EMD1.5", "EMD3"}:
            d = (z.softmax(1) - t).cumsum(1).abs()[:, :-1]
            torch.testing.assert_close(criterion(z, t), (d ** float(name[3:])).sum(1).mean())
        elif name == "WKL":
            expected = dl.WKLoss(C, use_logits=True)(z, t)
            torch.testing.assert_close(criterion(z, t), expected)
        else:
            with pytest.raises(ValueError, match="must be class indices"):
                criterion(z, t)


def test_options_change_the_loss_and_its_name_only():
    z, y = batch("SORD", 0)
    sharp = zoo.load("SORD", alpha=2.0)
    assert (sharp.name, sharp.label) == ("SORD alpha=2.0", "SORD alpha=2.0")
    expected = dl.SORDLoss(2.0, C, train_targets=None)(z, y).float()
    torch.testing.assert_close(sharp.make(C)(z, y), expected)
    assert zoo.load("SORD", alpha=1.0).name == "SORD"
    assert zoo.load("EMD2", normalized=True).make(C)(z, y) == losses.emd2_loss(
        z, y, normalized=True
    )
    assert zoo.load("EMD2") is losses.LOSSES["EMD2"]
    again = pickle.loads(pickle.dumps(sharp))
    assert (again.name, again.options) == (sharp.name, sharp.options)
    torch.testing.assert_close(again.make(C)(z, y), expected)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: zoo.load("SORT"), ValueError, "name must be one of"),
        (
            lambda: zoo.load("SORD", tau=1),
            TypeError,
            "no option 'tau'; its options are: alpha",
        ),
        (
            lambda: zoo.load("CORN").make(C)(torch.zeros(2, C), torch.tensor([0, 1])),
            ValueError,
            r"outputs must have shape \(B, 4\) for CORN with 5 classes, got \(2, 5\)",
        ),
        (
            lambda: zoo.load("OLL").make(C)(torch.zeros(1, C), torch.tensor([-1])),
            ValueError,
            "class indices 0 to 4",
        ),
        (lambda: zoo.load("beta").make(2), ValueError, "3 to 14 classes, got 2"),
        (lambda: zoo.load("EMD3", exponent=0.5).make(C), ValueError, "exponent must be"),
    ],
)
def test_errors_say_what_was_expected(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


def test_missing_libraries_name_the_extra(monkeypatch):
    for name in [one for one in sys.modules if one.startswith(("dlordinal", "coral_pytorch"))]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install -e '\.\[zoo\]'"):
        zoo.load("CORN").make(C)
    with pytest.raises(ModuleNotFoundError, match=r"pip install -e '\.\[zoo\]'"):
        zoo.load("CLM-logit").head(3, C)
    assert zoo.load("OLL").make(C)(torch.zeros(1, C), torch.tensor([0])).isfinite()


@pytest.mark.parametrize("name", zoo.names())
def test_every_option_is_explained_with_its_unit(name):
    loss = zoo.load(name)
    assert set(loss.meaning) == set(loss.option_names()), "an option without words, or the reverse"
    for option, text in loss.meaning.items():
        default = loss.defaults().get(option)
        if isinstance(default, bool | str) or option == "ignore_index":  # no quantities
            continue
        assert re.search(r"no unit|unit|class steps?|per |share|whole number|0 to", text), option
    assert loss.about
    assert "doi" in loss.source or re.search(r"\b(19|20)\d\d\b", loss.source)


def test_options_of_the_zoo_are_those_that_its_criteria_take():
    for name, entry in zoo.entries().items():
        for option, (default, meaning) in entry["options"].items():
            assert meaning
            assert zoo.load(name, **{option: default}).name == name
