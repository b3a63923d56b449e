"""EMD² under any ground distance, and the loss that learns the distance."""

from itertools import combinations

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch import nn

from emdviz import datasets, emd2_loss, ground_distance, models, one_hot, xe_loss
from emdviz.losses import SelfGuidedEMD2Loss, ground_emd2_loss
from emdviz.training import Epoch, Run, TrainConfig, compare_losses, fit

LOGITS = torch.randn(6, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
LABELS = torch.tensor([0, 4, 2, 2, 1, 3])


def by_definition(logits, labels, distance, omega, mu):
    values = []
    for row, k in zip(torch.softmax(logits, 1).tolist(), labels.tolist(), strict=True):
        values.append(sum(p**2 * (distance[i][k] ** omega + mu) for i, p in enumerate(row)))
    return values


@pytest.mark.parametrize(("omega", "mu"), [(1.0, 0.25), (2.0, 0.5), (1.0, 0.0)])
def test_definition(omega, mu):
    distance = np.random.default_rng(0).random((5, 5))
    got = ground_emd2_loss(
        LOGITS, LABELS, ground_distance=distance, omega=omega, mu=mu, reduction="none"
    )
    assert got.tolist() == pytest.approx(by_definition(LOGITS, LABELS, distance, omega, mu))


def test_the_default_distance_is_the_line_from_0_to_1():
    line = ground_distance.line(5) / 4
    expected = ground_emd2_loss(LOGITS, LABELS, ground_distance=line)
    torch.testing.assert_close(ground_emd2_loss(LOGITS, LABELS), expected)


def test_on_a_line_it_is_the_closed_form_without_products_of_two_classes():
    p, expected = torch.softmax(LOGITS, 1), emd2_loss(LOGITS, LABELS, reduction="none")
    for row, k in enumerate(LABELS.tolist()):
        for side in (range(k), range(k + 1, 5)):
            for i, j in combinations(side, 2):
                expected[row] -= 2 * p[row, i] * p[row, j] * min(abs(i - k), abs(j - k))
    steps = {"ground_distance": ground_distance.line(5), "mu": 0.0}
    got = ground_emd2_loss(LOGITS, LABELS, **steps, reduction="none")
    torch.testing.assert_close(got, expected)


def test_probabilities_are_averaged_over_their_labels():
    t = torch.softmax(torch.randn(6, 5, dtype=torch.float64), 1)
    each = torch.stack(
        [ground_emd2_loss(LOGITS, torch.full((6,), k), reduction="none") for k in range(5)], 1
    )
    got = ground_emd2_loss(LOGITS, t, reduction="none")
    torch.testing.assert_close(got, torch.sum(t * each, 1))
    hard = ground_emd2_loss(LOGITS, one_hot(LABELS, 5).double())
    torch.testing.assert_close(hard, ground_emd2_loss(LOGITS, LABELS))


def test_gradcheck():
    logits = LOGITS.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda z: ground_emd2_loss(z, LABELS), logits)


def test_its_expectation_is_least_where_the_docstring_says():
    t, cost = np.array([0.2, 0.5, 0.3]), ground_distance.line(3) / 2 + 0.25
    weights = cost @ t

    def expected(z):
        p = np.exp(z - z.max()) / np.exp(z - z.max()).sum()
        return np.sum(p**2 * weights)

    found = minimize(expected, np.zeros(3), tol=1e-12).x
    p = np.exp(found) / np.exp(found).sum()
    np.testing.assert_allclose(p, (1 / weights) / (1 / weights).sum(), atol=1e-4)
    assert abs(p - t).max() > 0.05, "it is not a proper scoring rule"


def test_the_weight_comes_in_after_the_warm_up():
    loss = SelfGuidedEMD2Loss(5, 3, warm_up=2, ratio=3.5).double()
    features = torch.randn(6, 3, dtype=torch.float64)
    plain = xe_loss(LOGITS, LABELS)
    for epoch in range(2):
        torch.testing.assert_close(loss(LOGITS, LABELS), plain)
        before = loss.distance.matrix.clone()
        loss.observe(features, LABELS)
        loss.end_epoch()
        assert (loss.emd_weight > 0) == (epoch == 1)
    term = ground_emd2_loss(LOGITS, LABELS, ground_distance=before)
    assert loss.emd_weight.item() == pytest.approx((plain / term / 3.5).item())
    learned = ground_emd2_loss(LOGITS, LABELS, ground_distance=loss.distance.matrix)
    torch.testing.assert_close(loss(LOGITS, LABELS), plain + loss.emd_weight * learned)
    kept = loss.emd_weight.item()
    loss.end_epoch()
    assert loss.emd_weight.item() == kept


def test_ignored_labels_teach_nothing():
    features = torch.randn(6, 3, dtype=torch.float64)
    for ignored in (-100, 4):
        some, all_ = (SelfGuidedEMD2Loss(5, 3, ignore_index=ignored).double() for _ in range(2))
        labels = LABELS.clone()
        labels[1] = ignored
        all_.observe(features, labels)
        kept = labels != ignored
        some.observe(features[kept], labels[kept])
        torch.testing.assert_close(all_.end_epoch(), some.end_epoch())


def config(**options):
    return TrainConfig(epochs=6, batch_size=32, learning_rate=0.02, device="cpu", **options)


def test_a_network_learns_its_own_distance(tmp_path):
    faces = datasets.load("synthetic_faces", n=400, size=32)
    model = models.small_cnn(8)
    run = Run(model, "SGEMD2", faces, config(), folder=tmp_path)
    for number in range(1, 7):
        epoch = run.finish(run.train(number), 0.0)
        in_force = run.criterion.distance.matrix.double().numpy()
        np.testing.assert_array_equal(epoch.ground_distance, in_force)
    assert run.criterion.emd_weight > 0
    assert int(run.criterion.epoch) == 6
    assert ground_distance.rank_correlation(epoch.ground_distance) > 0.5
    for kept, was in zip(
        fit(model, "SGEMD2", faces, config(), folder=tmp_path), run.epochs, strict=True
    ):
        np.testing.assert_array_equal(kept.ground_distance, was.ground_distance)


def test_comparisons_hand_on_what_was_learned_and_older_histories_are_read():
    faces = datasets.load("synthetic_faces", n=64, size=32)
    short = TrainConfig(epochs=1, batch_size=32, device="cpu")
    epochs = {}
    compare_losses(
        faces,
        ["XE", "SGEMD2"],
        config=short,
        on_epoch=lambda loss, seed, epoch: epochs.update({loss: epoch}),
    )
    assert epochs["XE"].ground_distance is None
    ground_distance.matrix(epochs["SGEMD2"].ground_distance)
    facts = epochs["SGEMD2"].to_dict()
    assert facts.pop("ground_distance") == epochs["SGEMD2"].ground_distance.tolist()
    older = Epoch.from_dict(facts)
    assert older.ground_distance is None
    assert older.metrics == epochs["SGEMD2"].metrics


def test_a_guided_run_goes_on_to_the_same_weights(tmp_path):
    faces = datasets.load("synthetic_faces", n=200, size=32)

    def train(folder=None, stop_after=None):
        model = models.small_cnn(8, seed=1)
        for epoch in fit(model, "SGEMD2", faces, config(), folder=folder):
            if epoch.number == stop_after:
                break
        return model.state_dict()

    train(tmp_path, stop_after=4)
    resumed, whole = train(tmp_path), train()
    assert all(torch.equal(resumed[name], whole[name]) for name in whole)


def test_a_network_without_features_is_refused():
    faces = datasets.load("synthetic_faces", n=64, size=32)
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 8))
    with pytest.raises(ValueError, match="needs the features before the head"):
        next(fit(model, "SGEMD2", faces, config()))
    assert next(fit(model, "XE", faces, config(augmentation="none"))).number == 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ground_emd2_loss(LOGITS, LABELS, omega=0.0), "omega must be positive"),
        (lambda: ground_emd2_loss(LOGITS, LABELS, mu=-1.0), "mu must be finite and not negative"),
        (lambda: SelfGuidedEMD2Loss(5, 3, warm_up=0), "warm_up must be an integer, 1 or more"),
    ],
)
def test_bad_options_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
