import math

import numpy as np
import pytest
import scoringrules
from scipy import stats
from sklearn import metrics as sklearn_metrics

from devtools.oracles import random_pairs
from emdviz import metrics
from emdviz.distances import emd, emd2
from tests.optional import torch


@pytest.fixture(scope="module")
def case():
    p, truth = random_pairs(8, count=300, concentration=1.0)
    rng = np.random.default_rng(2)
    labels = np.array([rng.choice(8, p=t / t.sum()) for t in truth])
    return p, labels, truth


def test_accuracies_by_counting(case):
    p, labels, _ = case
    predicted = p.argmax(1)
    pairs = list(zip(predicted.tolist(), labels.tolist(), strict=True))
    assert metrics.aem(predicted, labels) == 100 * sum(a == b for a, b in pairs) / 300
    assert metrics.aeo(predicted, labels) == 100 * sum(abs(a - b) <= 1 for a, b in pairs) / 300
    assert metrics.accuracy_within(predicted, labels, steps=7) == 100
    assert metrics.mae(predicted, labels) == sum(abs(a - b) for a, b in pairs) / 300


def test_against_scikit_learn_and_scipy(case):
    p, labels, _ = case
    predicted = p.argmax(1)
    assert metrics.aem(predicted, labels) == pytest.approx(
        100 * sklearn_metrics.accuracy_score(labels, predicted)
    )
    assert metrics.mae(predicted, labels) == sklearn_metrics.mean_absolute_error(labels, predicted)
    by_class = [
        sklearn_metrics.mean_absolute_error(labels[labels == k], predicted[labels == k])
        for k in set(labels.tolist())
    ]
    assert metrics.macro_mae(predicted, labels) == pytest.approx(np.mean(by_class))
    scores = p @ np.arange(8)
    assert metrics.spearman(scores, labels) == pytest.approx(
        stats.pearsonr(stats.rankdata(scores), stats.rankdata(labels)).statistic
    )
    # probabilities of exactly zero are infinitely wrong here, clipped there
    safe = 0.99 * p + 0.01 / 8
    assert metrics.log_loss(safe, labels) == pytest.approx(
        sklearn_metrics.log_loss(labels, safe, labels=range(8))
    )


def test_kappa_by_its_definition(case):
    p, labels, _ = case
    predicted = p.argmax(1)
    table = np.zeros((8, 8))
    np.add.at(table, (labels, predicted), 1 / 300)
    chance = np.outer(table.sum(1), table.sum(0))
    weights = (np.arange(8)[:, None] - np.arange(8)) ** 2
    kappa = 1 - (weights * table).sum() / (weights * chance).sum()
    assert metrics.quadratic_weighted_kappa(predicted, labels, 8) == pytest.approx(kappa)


def test_kappa_keeps_its_scale_when_a_class_is_missing():
    predicted, labels = np.array([0, 0, 3, 3, 0]), np.array([0, 3, 3, 3, 0])
    shifted = metrics.quadratic_weighted_kappa(predicted, labels, 4)
    table = np.array([[2, 0], [1, 2]]) / 5
    chance = np.outer(table.sum(1), table.sum(0))
    expected = 1 - (9 * (table[0, 1] + table[1, 0])) / (9 * (chance[0, 1] + chance[1, 0]))
    assert shifted == pytest.approx(expected)


def test_rps_is_scoringrules(case):
    p, labels, _ = case
    expected = scoringrules.rps_score(labels + 1, p).mean()
    assert metrics.ranked_probability_score(p, labels) == pytest.approx(expected)


def test_rps_of_certainty_is_mae(case):
    p, labels, _ = case
    predicted = p.argmax(1)
    certain = np.eye(8)[predicted]
    assert metrics.ranked_probability_score(certain, labels) == pytest.approx(
        metrics.mae(predicted, labels)
    )


def test_calibration_by_loop():
    rng = np.random.default_rng(0)
    p = rng.dirichlet([1, 1, 1], 500)
    labels = rng.integers(3, size=500)
    confidence, correct = p.max(1), p.argmax(1) == labels
    total = 0.0
    for b in range(10):
        inside = (confidence > b / 10) & (confidence <= (b + 1) / 10)
        if inside.any():
            total += inside.sum() * abs(confidence[inside].mean() - correct[inside].mean())
    assert metrics.calibration_error(p, labels, bins=10) == pytest.approx(total / 500)
    assert metrics.calibration_error([[1.0, 0.0]], [0]) == 0.0
    assert metrics.calibration_error([[1.0, 0.0]], [1]) == 1.0


def test_evaluate_returns_all_and_within_their_ranges(case):
    p, labels, truth = case
    ages = np.linspace(0, 7, len(p))
    results = metrics.evaluate(p, labels, true_distribution=truth, true_scores=ages)
    assert set(results) == set(metrics.METRICS)
    for name, value in results.items():
        low, high = metrics.METRICS[name].range.replace("−", "-").split(" to ")
        top = {"C - 1": 7.0, "∞": math.inf}.get(high) or float(high)
        assert float(low) <= value <= top, name
    assert results["EMD to truth"] == pytest.approx(np.mean(emd(p, truth)))
    assert results["EMD² to truth"] == pytest.approx(np.mean(emd2(p, truth)))
    divergence = [stats.entropy(t, q) for t, q in zip(truth, p, strict=True)]
    assert results["KL to truth"] == pytest.approx(np.mean(divergence))


@pytest.mark.parametrize(("n", "classes"), [(1, 4), (3, 1), (3, 4)])
def test_evaluate_leaves_what_it_is_given(n, classes):
    p, labels = np.full((n, classes), 1 / classes), np.zeros(n, int)
    results = metrics.evaluate(p, labels, true_distribution=p)
    assert (p == 1 / classes).all()
    assert results["RPS"] == metrics.ranked_probability_score(p, labels)
    assert results["EMD to truth"] == 0


def test_perfect_predictions_are_best():
    labels = np.arange(8)
    results = metrics.evaluate(np.eye(8), labels, true_distribution=np.eye(8))
    for name, value in results.items():
        metric = metrics.METRICS[name]
        best = {"%": 100.0}.get(metric.unit, 1.0) if metric.higher_is_better else 0.0
        assert value == pytest.approx(best, abs=1e-12), name


def test_real_scores_are_measured_in_their_unit():
    rng = np.random.default_rng(3)
    ages = rng.uniform(0, 80, 200)
    labels, w = np.digitize(ages, [20, 50]), rng.uniform(0.5, 2, 200)
    p = rng.dirichlet(np.ones(3), 200)
    expected = p @ np.array([10.0, 35.0, 65.0])
    found = metrics.evaluate(p, labels, positions=[10, 35, 65], true_scores=ages, weights=w)
    error = sklearn_metrics.mean_absolute_error(ages, expected, sample_weight=w)
    assert found["score MAE"] == pytest.approx(error)
    assert found["CS(5)"] == pytest.approx(100 * w[abs(expected - ages) <= 5].sum() / w.sum())
    with pytest.raises(ValueError, match="must both have shape"):
        metrics.evaluate_scores(expected, ages[:3])


def test_torch_tensors_and_positions(case):
    p, labels, _ = case
    ages = [1, 5, 10.5, 17.5, 28.5, 40.5, 50.5, 70]
    plain = metrics.evaluate(p, labels, positions=ages)
    tensors = metrics.evaluate(
        torch.tensor(p, requires_grad=True), torch.tensor(labels), positions=ages
    )
    assert plain == tensors
    expected = stats.spearmanr(p @ np.array(ages), np.array(ages)[labels]).statistic
    assert plain["Spearman"] == pytest.approx(expected)


def test_nothing_varies():
    assert math.isnan(metrics.quadratic_weighted_kappa([1, 1], [1, 1], 3))
    assert math.isnan(metrics.spearman([0.5, 0.5], [0, 1]))
    assert math.isnan(metrics.spearman([0.5], [0]))
    assert metrics.log_loss([[1.0, 0.0]], [1]) == math.inf


HALF = [[0.5, 0.5]]


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: metrics.aem([0.5], [0]), TypeError, "predicted must be class indices .* float64"),
        (lambda: metrics.aem([0], [0.0]), TypeError, "labels must be class indices"),
        (
            lambda: metrics.aem([[0]], [0]),
            ValueError,
            r"predicted must have shape \(N,\).*\(1, 1\)",
        ),
        (lambda: metrics.aem([], []), TypeError, "predicted must be class indices"),
        (lambda: metrics.mae(np.zeros(0, int), [0]), ValueError, "N ≥ 1"),
        (lambda: metrics.mae([0, 1], [0]), ValueError, r"same shape, got \(2,\) and \(1,\)"),
        (
            lambda: metrics.mae([0], [-1]),
            ValueError,
            "labels must be class indices 0 to C − 1, got -1",
        ),
        (
            lambda: metrics.quadratic_weighted_kappa([3], [0], 3),
            ValueError,
            "predicted must be class indices 0 to 2, got 3",
        ),
        (lambda: metrics.evaluate(HALF, [2]), ValueError, "labels must be class indices 0 to 1"),
        (lambda: metrics.evaluate(HALF, [0, 1]), ValueError, r"labels must have shape \(1,\)"),
        (lambda: metrics.evaluate([0.5, 0.5], [0]), ValueError, r"probabilities must have shape"),
        (lambda: metrics.evaluate([[0.5, 0.6]], [0]), ValueError, "probabilities must sum to 1"),
        (lambda: metrics.evaluate([[np.nan, 1]], [0]), ValueError, "probabilities must be finite"),
        (lambda: metrics.evaluate(HALF, [[0]]), ValueError, r"labels must have shape \(N,\)"),
        (
            lambda: metrics.calibration_error(HALF, [0], bins=0),
            ValueError,
            "bins must be an integer, 1 to",
        ),
        (lambda: metrics.spearman([1, 2], [1]), ValueError, "must both have shape"),
    ],
)
def test_bad_input_is_refused(call, error, text):
    with pytest.raises(error, match=text):
        call()


SCORES, TRUE_SCORES = np.random.default_rng(5).integers(0, 9, (2, 300)) / 2  # with ties
WEIGHTED = {
    "AEM": lambda p, y, t, rows, w: metrics.aem(p.argmax(1), y, weights=w),
    "AEO": lambda p, y, t, rows, w: metrics.aeo(p.argmax(1), y, weights=w),
    "MAE": lambda p, y, t, rows, w: metrics.mae(p.argmax(1), y, weights=w),
    "macro MAE": lambda p, y, t, rows, w: metrics.macro_mae(p.argmax(1), y, weights=w),
    "QWK": lambda p, y, t, rows, w: metrics.quadratic_weighted_kappa(p.argmax(1), y, 8, weights=w),
    "Spearman": lambda p, y, t, rows, w: metrics.spearman(
        SCORES[rows], TRUE_SCORES[rows], weights=w
    ),
    "RPS": lambda p, y, t, rows, w: metrics.ranked_probability_score(p, y, weights=w),
    "log loss": lambda p, y, t, rows, w: metrics.log_loss(p, y, weights=w),
    "ECE": lambda p, y, t, rows, w: metrics.calibration_error(p, y, weights=w),
} | {
    f"{name} of all": lambda p, y, t, rows, w, name=name: metrics.evaluate(
        p, y, true_distribution=t, true_scores=TRUE_SCORES[rows], weights=w
    )[name]
    for name in metrics.METRICS
}


@pytest.mark.parametrize("name", WEIGHTED)
def test_weights_repeat_examples(case, name):
    p, labels, truth = case
    p = 0.99 * p + 0.01 / 8  # the log loss is finite
    weights = np.random.default_rng(7).integers(1, 5, 300)

    def measured(rows, w=None):
        return WEIGHTED[name](p[rows], labels[rows], truth[rows], rows, w)

    rows = np.arange(300)
    plain, repeated = measured(rows), measured(np.repeat(rows, weights))
    assert measured(rows, weights) == pytest.approx(repeated, rel=1e-9)
    assert measured(rows, np.full(300, 0.3)) == pytest.approx(plain, rel=1e-9)
    assert abs(repeated - plain) > 1e-6  # the weights matter


def test_weighted_metrics_are_scikit_learn_s(case):
    p, labels, _ = case
    p, weights = 0.99 * p + 0.01 / 8, np.random.default_rng(6).uniform(0.1, 3, 300)
    predicted = p.argmax(1)
    found = metrics.evaluate(p, labels, weights=weights)
    expected = {
        "AEM": 100 * sklearn_metrics.accuracy_score(labels, predicted, sample_weight=weights),
        "MAE": sklearn_metrics.mean_absolute_error(labels, predicted, sample_weight=weights),
        "QWK": sklearn_metrics.cohen_kappa_score(
            labels, predicted, labels=range(8), weights="quadratic", sample_weight=weights
        ),
        "log loss": sklearn_metrics.log_loss(labels, p, labels=range(8), sample_weight=weights),
    }
    for name, value in expected.items():
        assert found[name] == pytest.approx(value), name


@pytest.mark.parametrize(
    ("weights", "text"),
    [
        ([1, 0], "greater than 0, got 0 in row 1; leave out examples that do not count"),
        ([math.nan, 1], "greater than 0, got nan in row 0"),
        ([1, 2, 3], r"weights must have shape \(2,\), got \(3,\)"),
        (1.0, r"weights must have shape \(2,\), got \(\)"),
    ],
)
def test_wrong_weights_of_examples_are_reported(weights, text):
    with pytest.raises(ValueError, match=text):
        metrics.evaluate([[0.4, 0.6], [0.7, 0.3]], [0, 1], weights=weights)
