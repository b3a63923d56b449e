"""Bare functions and other libraries' losses, recognised with their options."""

import pytest
import torch
from coral_pytorch.losses import CornLoss
from dlordinal import losses as dl
from torch.nn import CrossEntropyLoss

from emdviz.diagnosis import diagnose
from emdviz.losses import zoo


def away(z, k):
    return (torch.arange(z.shape[1]) - k[:, None]).abs().double()


def squared_sord(z, k):
    return -((-(away(z, k) ** 2)).softmax(1).to(z) * z.log_softmax(1)).sum(1).mean()


def focal(z, k):
    log_p = z.log_softmax(1).gather(1, k[:, None])[:, 0]
    return (-((1 - log_p.exp()) ** 1.5) * log_p).mean()


def fourth_power(z, k):
    d = (z.softmax(1) - torch.nn.functional.one_hot(k, z.shape[1])).cumsum(1)
    return (d**4).sum(1).mean()


def far_log(z, k):
    return -2 * (away(z, k) ** 1.5 * torch.log1p(-z.double().softmax(1))).sum(1).mean()


def mean_root(z, k):
    return (away(z, k) ** 0.5 * z.softmax(1)).sum(1).mean()


def own_soft_labels(z, k):
    table = torch.tensor([[0.7, 0.3, 0.0], [0.1, 0.9, 0.0], [0.2, 0.0, 0.8]])
    return -(table[k] * z.log_softmax(1)).sum(1).mean()


def ce(kind, *args, **options):
    return getattr(dl, kind)(CrossEntropyLoss(), *args, **options)


CASES = {
    "SORD with squared distances, α = 1, φ = 2": lambda: squared_sord,
    "SORD, α = 2": lambda: dl.SORDLoss(2.0, 5, train_targets=None),
    "SORD with squared distances, α = 0.3333, φ = 2": lambda: ce("ExponentialLoss", 4, p=2, tau=3),
    "Triangular soft labels, alpha2 = 0.1, η = 0.5": lambda: ce(
        "TriangularLoss", 5, alpha2=0.1, eta=0.5
    ),
    "Binomial soft labels": lambda: ce("BinomialLoss", 5),
    "Poisson soft labels, η = 0.3": lambda: ce("PoissonLoss", 5, eta=0.3),
    "Beta soft labels": lambda: ce("BetaLoss", 5),
    "Geometric soft labels, alphas = 0.2": lambda: ce("GeometricLoss", 5, alphas=0.2),
    "cross-entropy to soft labels": lambda: own_soft_labels,
    "2 × CDW-CE with α = 1.5": lambda: far_log,
    "CDW-CE with α = 0.5": lambda: dl.CDWCELoss(5),
    "focal loss with γ = 1.5": lambda: focal,
    "EMD to the power l = 4": lambda: fourth_power,
    "mean distance to the power 0.5": lambda: mean_root,
    "SLACE with alpha = 2": lambda: dl.SLACELoss(2.0, 5),
    "hinge-WW with margin = 1": lambda: torch.nn.MultiMarginLoss(),
    "CORN": lambda: CornLoss(5),
    "CORAL": lambda: zoo.load("CORAL").make(4),
    "3 × CONDOR": lambda: lambda z, k: 3 * zoo.load("CONDOR").make(5)(z, k),
}


LONG = ("Binomial", "Geometric", "Poisson", "Beta")


@pytest.mark.parametrize(
    "title",
    [pytest.param(one, marks=[pytest.mark.slow] * one.startswith(LONG)) for one in CASES],
)
def test_families_are_named_with_their_options(title):
    loss = CASES[title]()
    found = diagnose(loss)
    assert found.title == title
    assert found.formula


@pytest.mark.slow
def test_soft_labels_of_its_own_are_shown_and_how_to_type_those_of_the_zoo():
    assert "the weights are (0.7, 0.3, 0)" in str(diagnose(own_soft_labels))
    shown = str(diagnose(ce("GeometricLoss", 5, alphas=0.2)))
    assert "losses.zoo.load('geometric', alphas=0.2)" in shown


@pytest.mark.slow
def test_what_an_unknown_loss_rewards_is_reported():
    def halves(z, k):
        return -(z.softmax(1) ** 2).gather(1, k[:, None]).mean()

    shown = str(diagnose(halves))
    assert "is not a known loss" in shown
    assert "What it rewards: not proper; for t = (" in shown
