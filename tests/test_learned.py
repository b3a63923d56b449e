"""EMD² under any ground distance, and the loss that learns the distance."""

import weakref
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.spatial.distance import cdist
from scipy.special import softmax
from scipy.stats import rankdata
from torch import nn

from emdviz import datasets, emd2_loss, ground_distance, models, one_hot, xe_loss
from emdviz.losses import LearnedDistance, SelfGuidedEMD2Loss, ground_emd2_loss
from emdviz.training import Epoch, Run, TrainConfig, compare_losses, fit, scale_pixels

ROOT = Path(__file__).parents[1]

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


def test_with_a_given_distance_the_gradient_is_that_of_the_formula():
    line = ground_distance.line(5) / 4
    loss = SelfGuidedEMD2Loss(5, 3, warm_up=1, mu=0.25, ratio=2.0, ground_distance=line).double()
    xe = xe_loss(LOGITS, LABELS)
    torch.testing.assert_close(loss(LOGITS, LABELS), xe)  # the warm-up is as for a learned one
    loss.observe(torch.randn(6, 3, dtype=torch.float64), LABELS)
    assert loss.end_epoch() is None
    assert loss.distance.matrix.tolist() == line.tolist(), "features have not changed it"
    term = np.mean(by_definition(LOGITS, LABELS, line, 1.0, 0.25))
    weight = loss.emd_weight.item()
    assert weight == pytest.approx(xe.item() / term / 2, rel=1e-12)
    z = LOGITS.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(z, LABELS), z)
    p, cost = torch.softmax(LOGITS, 1).numpy(), line[LABELS] + 0.25
    slope = 2 * p * cost
    expected = p - np.eye(5)[LABELS]  # of cross-entropy
    expected += weight * p * (slope - np.sum(p * slope, axis=1, keepdims=True))
    np.testing.assert_allclose(gradient.numpy(), expected / len(p), rtol=0, atol=1e-15)


def test_a_given_distance_stays_while_a_network_trains():
    faces = datasets.load("synthetic_faces", n=64, size=32)
    shuffled = ground_distance.line(8)[[3, 0, 6, 1, 7, 2, 5, 4]]
    options = {"warm_up": 1, "ground_distance": shuffled}
    short = TrainConfig(epochs=2, batch_size=32, device="cpu")
    run = Run(models.small_cnn(8), "SGEMD2", faces, short, loss_options=options)
    assert [epoch.ground_distance for epoch in run] == [None, None]
    assert run.criterion.distance.matrix.tolist() == shuffled.tolist()
    assert run.criterion.emd_weight > 0


def test_its_sum_with_cross_entropy_is_not_proper_either():
    t, cost = np.array([0.2, 0.1, 0.4, 0.3]), ground_distance.line(4) / 3 + 0.25

    def expected(z, emd_weight):
        p = softmax(z)
        return -t @ np.log(p) + emd_weight * p**2 @ cost @ t

    alone, both = (softmax(minimize(expected, np.zeros(4), args=w, tol=1e-12).x) for w in (0, 1))
    np.testing.assert_allclose(alone, t, atol=1e-4)
    np.testing.assert_allclose(both, [0.202, 0.124, 0.383, 0.292], atol=6e-4)


def test_for_two_classes_and_no_bias_it_is_proper():
    for share in np.linspace(0.05, 0.95, 7):
        t = torch.tensor([1 - share, share])
        p = torch.linspace(0.01, 0.99, 99).double()
        logits = torch.stack([torch.log(1 - p), torch.log(p)], 1)
        values = ground_emd2_loss(logits, t.repeat(99, 1).double(), mu=0.0, reduction="none")
        assert p[values.argmin()].item() == pytest.approx(share, abs=0.0051)


def test_ignored_labels_do_not_count():
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_classes_lie_on_a_curve_with_ranks_and_without():
    """Notebook 06: from end to end is about half as far as along the classes, either way."""
    faces = datasets.load("synthetic_faces", n=400, size=32)
    model = models.small_cnn(8)
    list(fit(model, "SGEMD2", faces, config()))
    train = faces.split("train")
    with torch.no_grad():
        features = model.eval().features(scale_pixels(train.inputs))
    unit = torch.nn.functional.normalize(features.flatten(1)).double()
    centroids = np.stack([unit[train.labels == k].mean(0) for k in range(8)])
    plain = cdist(centroids, centroids)
    ranks = (rankdata(plain, axis=1) - 1) / 7

    def straight(distances):
        places = ground_distance.embed(distances)
        path = np.linalg.norm(np.diff(places, axis=0), axis=1).sum()
        return np.linalg.norm(places[-1] - places[0]) / path

    with_ranks, without = straight((ranks + ranks.T) / 2), straight(plain)
    assert straight(ground_distance.line(8)) == pytest.approx(1)
    assert 0.3 < with_ranks < 0.7
    assert 0.3 < without < 0.7
    assert abs(with_ranks - without) < 0.2
    lesson = (ROOT / "notebooks" / "06_learned_ground_distance.ipynb").read_text("utf-8")
    assert "The curve does not come from the ranks" in lesson


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


@pytest.mark.slow
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
    assert next(fit(model, "SGEMD2", faces, config(augmentation="none"))).number == 1
    model.append(nn.Softplus())
    with pytest.raises(ValueError, match="needs the features before the head"):
        next(fit(model, "SGEMD2", faces, config()))
    assert next(fit(model, "XE", faces, config(augmentation="none"))).number == 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ground_emd2_loss(LOGITS, LABELS, omega=0.0), "omega must be positive"),
        (lambda: ground_emd2_loss(LOGITS, LABELS, mu=-1.0), "mu must be finite and not negative"),
        (lambda: SelfGuidedEMD2Loss(5, 3, warm_up=0), "warm_up must be an integer, 1 or more"),
        (
            lambda: SelfGuidedEMD2Loss(5, 3, ground_distance=np.ones((4, 4))),
            r"ground_distance must have shape \(C, C\) = \(5, 5\), got \(4, 4\)",
        ),
        (
            lambda: SelfGuidedEMD2Loss(2, 3, ground_distance=[[0, -1], [1, 0]]),
            "ground_distance must be finite and not negative",
        ),
    ],
)
def test_bad_options_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def learned_by_definition(features, labels, num_classes):
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    centroids = np.stack([unit[labels == k].mean(axis=0) for k in range(num_classes)])
    distances = cdist(centroids, centroids)
    ranks = np.stack([rankdata(row) - 1 for row in distances]) / (num_classes - 1)
    return (ranks + ranks.T) / 2


@pytest.mark.parametrize(("num_classes", "batch"), [(2, 7), (6, 1), (6, 7), (6, 400), (100, 33)])
def test_learned_distances_follow_their_definition_for_any_classes_and_batches(num_classes, batch):
    rng = np.random.default_rng(1)
    labels = rng.permutation(np.arange(400) % num_classes)
    features = rng.normal(size=(400, 5)) + labels[:, None] % 7
    learned = LearnedDistance(num_classes, 5).double()
    sizes = {name: value.shape for name, value in learned.state_dict().items()}
    for start in range(0, 400, batch):
        part = slice(start, start + batch)
        learned.update(torch.from_numpy(features[part]), torch.from_numpy(labels[part]))
    assert {name: value.shape for name, value in learned.state_dict().items()} == sizes
    expected = learned_by_definition(features, labels, num_classes)
    np.testing.assert_allclose(learned.end_epoch().numpy(), expected, atol=1e-12)
    ground_distance.matrix(learned.matrix)


def test_no_features_of_an_epoch_are_kept():
    learned = LearnedDistance(3, 2)
    features = torch.ones(4, 2, requires_grad=True)
    kept = weakref.ref(features)
    learned.update(features, torch.tensor([0, 1, 2, 0]))
    del features
    assert kept() is None
    assert not learned.end_epoch().requires_grad


def test_classes_in_a_row_get_distances_in_a_row():
    angle = torch.linspace(0, 1.5, 8)
    learned = LearnedDistance(8, 2)
    learned.update(torch.stack([torch.cos(angle), torch.sin(angle)], 1), torch.arange(8))
    distances = learned.end_epoch()
    assert torch.all(torch.diff(distances[0]) > 0)
    assert distances[0, 7] == 1


def test_an_absent_class_keeps_what_was_learned_before():
    rng = np.random.default_rng(2)
    first = torch.from_numpy(rng.normal(size=(3, 4))).float()
    second = torch.from_numpy(rng.normal(size=(2, 4))).float()
    learned = LearnedDistance(3, 4)
    learned.update(first, torch.arange(3))
    learned.end_epoch()
    learned.update(second, torch.tensor([0, 2]))
    together = np.stack([second[0], first[1], second[1]])
    expected = learned_by_definition(together, np.arange(3), 3)
    np.testing.assert_allclose(learned.end_epoch().numpy(), expected, atol=1e-6)


def test_a_class_never_seen_is_far_from_all_and_disturbs_no_rank():
    angle = torch.tensor([0.0, 0.3, 1.5])
    features = torch.stack([torch.cos(angle), torch.sin(angle)], 1)
    learned = LearnedDistance(4, 2)
    learned.update(features, torch.tensor([0, 2, 3]))
    distances = learned.end_epoch()
    assert distances[1].tolist() == [1, 0, 1, 1]
    assert distances[0, 2] == pytest.approx(1 / 3)
    assert torch.equal(LearnedDistance(4, 2).end_epoch(), 1 - torch.eye(4))


def test_half_an_epoch_survives_saving():
    rng = torch.Generator().manual_seed(0)
    features, labels = torch.randn(20, 3, generator=rng), torch.arange(20) % 4
    whole, half = LearnedDistance(4, 3), LearnedDistance(4, 3)
    whole.update(features, labels)
    half.update(features[:10], labels[:10])
    other = LearnedDistance(4, 3)
    other.load_state_dict(half.state_dict())
    other.update(features[10:], labels[10:])
    torch.testing.assert_close(other.end_epoch(), whole.end_epoch())


def test_features_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"features must have shape \(2, 3\), got \(2, 4\)"):
        LearnedDistance(4, 3).update(torch.zeros(2, 4), torch.tensor([0, 1]))
    with pytest.raises(ValueError, match=r"num_classes must be an integer, 2 to .*, got 1"):
        LearnedDistance(1, 3)
