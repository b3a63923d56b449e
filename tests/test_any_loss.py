"""Any loss goes in: names, functions, Modules, classes; what does not fit is refused in words."""

import functools
import subprocess
import sys

import coral_pytorch.losses as coral
import dlordinal.losses as dlordinal
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from coral_pytorch.dataset import corn_label_from_logits, levels_from_labelbatch, proba_to_label
from sklearn.datasets import load_digits
from torch import nn

from emdviz import datasets, emd2, losses
from emdviz.losses import LOSSES, Loss, as_loss, try_out, zoo
from emdviz.losses.wrapping import path_of
from emdviz.training import Run, TrainConfig, compare_losses

C = 6
RNG = torch.Generator().manual_seed(0)
LABELS = torch.arange(20) % C


def mine(z, y):
    return F.cross_entropy(z, y, label_smoothing=0.3)


def steep(z, y, num_classes, power=1.0):
    p, x = torch.softmax(z, 1), torch.arange(num_classes)
    return ((p @ x.float() - y).abs() ** power).mean()


MINE = Loss("MINE", lambda num_classes, num_features: mine, label="Mine")


class Scaled(nn.Module):
    def __init__(self, num_classes, scale=1.0):
        super().__init__()
        self.register_buffer("scale", torch.tensor(scale * num_classes))

    def forward(self, z, y):
        return self.scale * mine(z, y)


GOOD = {
    "name": ("EMD2", {}, C),
    "zoo": ("CORN", {}, C - 1),
    "function": (mine, {}, C),
    "function with C and an option": (steep, {"power": 2.0}, C),
    "partial": (functools.partial(steep, power=2.0), {}, C),
    "partial of a class": (functools.partial(Scaled, scale=2.0), {}, C),
    "partial of ours": (functools.partial(losses.SelfGuidedEMD2Loss, warm_up=1), {}, C),
    "lambda": (lambda z, y: mine(z, y), {}, C),
    "Module": (nn.CrossEntropyLoss(label_smoothing=0.1), {}, C),
    "class": (Scaled, {"scale": 2.0}, C),
    "Loss": (MINE, {}, C),
    "our function": (losses.emd2_loss, {"normalized": True}, C),
    "our Module": (losses.RegressionLoss(positions=np.arange(6) ** 2), {}, 1),
    "our Module with two numbers": (losses.SelfGuidedEMD2Loss(C, 4), {}, C),
    "log-probabilities": (nn.NLLLoss(), {}, C),
    "probabilities": (dlordinal.WKLoss(C), {}, C),
    "CORN": (dlordinal.CORNLoss, {}, C - 1),
    "CORAL": (coral.CoralLoss(), {}, C - 1),
    "ECOC": (dlordinal.OrdinalECOCDistanceLoss(C), {}, C - 1),
}


@pytest.mark.parametrize("kind", GOOD)
def test_every_kind_of_loss_can_be_trained(kind):
    given, options, num_outputs = GOOD[kind]
    loss = as_loss(given)
    assert loss.num_outputs(C) == num_outputs
    criterion = try_out(loss, C, 4, **options)
    z = torch.zeros(len(LABELS), num_outputs, requires_grad=True)
    optimizer = torch.optim.SGD([z], lr=1.0)
    if loss.uses_features:
        criterion.observe(torch.randn(len(LABELS), 4, generator=RNG), LABELS)
    first = criterion(z, LABELS).item()
    for _ in range(20):
        optimizer.zero_grad()
        value = criterion(z, LABELS)
        value.backward()
        optimizer.step()
    assert value.item() < first
    p = loss.decode(z.detach(), C, **options)
    torch.testing.assert_close(p.sum(1), torch.ones(len(LABELS)))
    assert loss.predict(z.detach(), C, **options).dtype == torch.int64


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        (dlordinal.CORNLoss(C), corn_label_from_logits),
        (coral.CornLoss(C), corn_label_from_logits),
        (coral.corn_loss, corn_label_from_logits),
        (coral.CoralLoss(), lambda z: proba_to_label(z.sigmoid())),
        (coral.coral_loss, lambda z: proba_to_label(z.sigmoid())),
    ],
)
def test_foreign_losses_are_decoded_by_the_rule_of_their_library(given, rule):
    z = 2 * torch.randn(200, C - 1, generator=RNG)
    assert torch.equal(as_loss(given).predict(z, C), rule(z))


def test_coral_is_given_levels_and_shares_its_weights():
    loss, z = as_loss(coral.CoralLoss()), torch.randn(20, C - 1, generator=RNG)
    expected = coral.CoralLoss()(z, levels_from_labelbatch(LABELS, C))
    torch.testing.assert_close(loss.make(C)(z, LABELS), expected)
    assert loss.head(7, C)(torch.zeros(2, 7)).shape == (2, C - 1)


def test_a_module_is_copied_for_every_run():
    module = Scaled(C)
    loss = as_loss(module)
    assert loss.make(C) is not loss.make(C) is not module


def live_losses(num_classes):
    """Every class of both libraries that is not deprecated and takes one tensor, with options."""
    options = {
        "CustomTargetsLoss": {"cls_probs": torch.eye(num_classes)},
        "GeneralTriangularLoss": {"alphas": np.full(2 * num_classes, 0.05)},
        "SLACELoss": {"alpha": 1.0},
        "SORDLoss": {"alpha": 1.0, "train_targets": None},
    }
    found = {"CoralLoss": (coral.CoralLoss, {}), "CornLoss": (coral.CornLoss, {})}
    for name in dlordinal.__all__:
        if name.endswith("CrossEntropyLoss") or name == "GaussianUncertaintyLossWrapper":
            continue  # deprecated; takes pairs
        kind, own = getattr(dlordinal, name), options.get(name, {})
        if issubclass(kind, dlordinal.CustomTargetsLoss):
            own = {"base_loss": nn.CrossEntropyLoss()} | own
        found[name] = kind, own
    return found


@pytest.mark.slow
def test_every_live_loss_of_other_libraries_fits():
    found = live_losses(C)
    assert len(found) >= 19
    for kind, options in found.values():
        try_out(as_loss(kind), C, **options)
    with pytest.raises(ValueError, match="'GaussianUncertaintyLossWrapper' fails"):
        try_out(as_loss(dlordinal.GaussianUncertaintyLossWrapper(nn.CrossEntropyLoss())), C)


@pytest.mark.slow
def test_every_live_loss_of_other_libraries_trains_on_real_data():
    digits = load_digits()
    data = datasets.from_arrays(digits.data.astype(np.float32) / 16, digits.target)
    made = [
        as_loss(as_loss(kind).make(10, **options) if options else kind)
        for kind, options in live_losses(10).values()
    ]
    config = TrainConfig(epochs=4, learning_rate=0.05, batch_size=64)
    rates = {"OrdinalECOCDistanceLoss": 1e-3}  # it adds up over the batch, and diverges at 0.05
    table = compare_losses(data, made, config=config, model="mlp", learning_rates=rates)
    table = table.set_index("loss")
    assert set(table.index) == set(live_losses(10))
    assert np.isfinite(table["test RPS"]).all()
    fast = ["BetaLoss", "SORDLoss", "SLACELoss", "TriangularLoss", "ExponentialLoss"]
    assert table["test AEM"][fast].min() > 70
    assert table["test AEM"].min() > 11  # a tenth of the digits by guessing, a little more at least


BAD = {
    "ignores its input": (lambda z, y: z.sum() * 0 + y.sum(), "ignores the outputs"),
    "ignores the labels": (lambda z, y: z.softmax(1).square().sum(), "ignores the labels"),
    "one value per example": (
        lambda z, y: F.cross_entropy(z, y, reduction="none"),
        r"must return the mean of the batch, one number, got shape \(8,\); add .mean\(\)",
    ),
    "NaN": (lambda z, y: mine(z, y) * float("nan"), "is nan for ordinary outputs"),
    "int": (lambda z, y: 1, "must return a torch tensor, got int; a number that .item"),
    "no gradient": (lambda z, y: mine(z, y).detach(), "has no gradient; compute it from"),
    "changes outputs": (lambda z, y: mine(z.mul_(2), y), r"changes its outputs; .*outputs.clone"),
    "changes labels": (lambda z, y: mine(z, y.mul_(0)), r"changes its labels; .*labels.clone"),
    "probabilities, which it checks": (
        lambda p, y: emd2(p, F.one_hot(y, C).float()).mean(),
        r"It seems to take probabilities: Loss\(…, inputs='probabilities'\)",
    ),
    "probabilities, by NaN": (
        lambda p, y: -p.log().gather(1, y[:, None]).mean(),
        r"is nan for .*inputs='probabilities'",
    ),
    "probabilities, in silence": (
        lambda p, y: (p - F.one_hot(y, C)).square().mean(),
        r"changes when a constant is added to all logits .*inputs='probabilities'",
    ),
    "C that it did not get": (lambda z, y, K: mine(z, y), "the loss needs K besides outputs"),
    "one output": (nn.MSELoss(), "one number per example: 'REG'"),
    "one-hot targets": (nn.BCEWithLogitsLoss(), "one-hot targets: lambda z, y"),
    "C − 1 outputs": (
        lambda z, y: F.cross_entropy(z @ torch.ones(C - 1, C) + z.new_zeros(C), y),
        r"It seems to take C − 1 = 5 outputs: Loss\(…, outputs=lambda num_classes: num_classes - 1",
    ),
    "a wrong shape of probabilities": (
        Loss("MINE", lambda C, F: mine, decode=lambda z: z[:, 1:].softmax(1)),
        r"decoded to probabilities \(B, C\) = \(8, 6\), got \(8, 5\); pass decode=",
    ),
    "no probabilities": (
        Loss("MINE", lambda C, F: mine, decode=lambda z: z.sigmoid()),
        "not negative and summing to 1",
    ),
    "no class indices": (
        Loss("MINE", lambda C, F: mine, predict=lambda z: z[:, 0]),
        r"must predict class indices, int64 of shape \(B,\) = \(8,\) .* got torch.float32",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_loss_that_does_not_fit_is_refused_with_what_to_pass(kind):
    given, text = BAD[kind]
    state = torch.random.get_rng_state()
    with pytest.raises((ValueError, TypeError), match=text):
        try_out(as_loss(given), C)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_a_loss_of_probabilities_trains_if_inputs_says_so():
    def brier(p, y):
        return (p - F.one_hot(y, C)).square().sum(1).mean()

    loss = Loss("Brier", lambda C, F: brier, inputs="probabilities")
    z = torch.randn(20, C, generator=RNG)
    torch.testing.assert_close(try_out(loss, C)(z, LABELS), brier(z.softmax(1), LABELS))


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        (3, TypeError, "loss must be the name of a loss, a function .*, got 3"),
        ("EMD3000", ValueError, r"got 'EMD3000'; the names are \['XE', .*'CORN'"),
        ("no_such_module.loss", ValueError, "there is no module 'no_such_module'; it must lie in"),
        ("emdviz.losses.emd3_loss", ValueError, "module emdviz.losses has no emd3_loss"),
    ],
)
def test_other_objects_than_losses_are_refused(given, error, text):
    with pytest.raises(error, match=text):
        as_loss(given)


def test_no_two_losses_have_one_name():
    with pytest.raises(ValueError, match="'XE' is that of a registered loss; give yours another"):
        as_loss(mine, name="XE")
    assert as_loss(mine, name="other").name == "other"


def test_regression_is_read_in_the_unit_of_its_positions():
    years = [0.0, 1.0, 10.0, 20.0, 40.0, 80.0]
    outputs = torch.tensor([[-5.0], [0.6], [5.0], [29.0], [1000.0]])
    reg = LOSSES["REG"]
    assert reg.predict(outputs, C, positions=years).tolist() == [0, 1, 1, 3, 5]
    assert as_loss(losses.RegressionLoss(positions=years)).predict(outputs, C).tolist() == [
        *(0, 1, 1, 3, 5)
    ]
    certain = reg.decode(outputs, C, positions=years)
    assert torch.equal(certain, F.one_hot(torch.tensor([0, 1, 1, 3, 5]), C).float())
    assert reg.is_point


ROUND_TRIP = """
from emdviz.losses.wrapping import as_loss, path_of
import mine
for path in ("mine.my_loss", "mine.kept", "mine.Kind", "EMD2", "CORN"):
    loss = as_loss(path)
    assert path_of(loss) == path_of(as_loss(path_of(loss))) == path, path
print(as_loss("mine.my_loss").name, as_loss("mine.kept").label)
"""
OWN_MODULE = """
import torch
from emdviz.losses import Loss

def my_loss(z, y):
    return torch.nn.functional.cross_entropy(z, y)

class Kind(torch.nn.CrossEntropyLoss):
    pass

kept = Loss("KEPT", lambda num_classes, num_features: my_loss, label="Kept")
"""


@pytest.mark.slow
def test_another_process_finds_a_loss_by_its_import_path(tmp_path):
    (tmp_path / "mine.py").write_text(OWN_MODULE)
    command = [sys.executable, "-c", ROUND_TRIP]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("my_loss Kept\n", "")


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (lambda z, y: mine(z, y), r"put it into a module, mine.py, and pass mine.my_loss"),
        (Loss("X", lambda C, F: mine), r"put it into a module, mine.py, and pass mine.X"),
        (nn.CrossEntropyLoss(label_smoothing=0.5), "was made already .* pass its class"),
        (functools.partial(steep, power=2.0), "was made already .* its options as loss options"),
        (losses.SquaredEMDLoss(normalized=True), r"pass 'EMD2' and the loss options {'normalized'"),
        (zoo.load("SORD", alpha=2.0), r"pass 'SORD' and the loss options {'alpha': 2.0}"),
    ],
)
def test_a_loss_without_import_path_is_refused_with_advice(given, text):
    with pytest.raises(ValueError, match=text):
        path_of(as_loss(given))


def test_a_regression_that_names_the_year_is_right():
    years = [0.0, 1.0, 10.0, 20.0, 40.0, 80.0]
    labels = np.arange(120) % 6
    data = datasets.from_arrays(np.array(years, np.float32)[labels][:, None], labels)

    def exact(num_outputs):
        layer = nn.Linear(1, num_outputs)
        nn.init.ones_(layer.weight)
        nn.init.zeros_(layer.bias)
        return layer

    config = TrainConfig(epochs=1, learning_rate=1e-9)
    (epoch,) = Run(exact, "REG", data, config, loss_options={"positions": years})
    assert epoch.train_loss == 0.0
    assert epoch.metrics["AEM"] == 100.0
    assert epoch.metrics["MAE"] == 0.0
