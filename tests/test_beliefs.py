"""What networks believe, against scikit-learn and loops, and the pictures of it."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import confusion_matrix

from emdviz import beliefs, emd, plots
from emdviz.losses import LOSSES

RNG = np.random.default_rng(0)
LABELS = RNG.integers(6, size=400)
P = RNG.dirichlet(np.full(6, 0.7), size=400)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_the_mean_prediction_of_each_class():
    expected = [P[k == LABELS].mean(axis=0) for k in range(6)]
    np.testing.assert_allclose(beliefs.mean_prediction(P, LABELS), expected, atol=1e-12)


def test_confusion_is_that_of_scikit_learn():
    predicted = P.argmax(axis=1)
    expected = confusion_matrix(LABELS, predicted, labels=range(6), normalize="true")
    np.testing.assert_allclose(beliefs.confusion(predicted, LABELS, 6), expected, atol=1e-12)


def test_a_class_without_images_has_no_row():
    matrix = beliefs.confusion([0, 2], [0, 2], 3)
    assert np.isnan(matrix[1]).all()
    assert matrix[0].tolist() == [1, 0, 0]


def test_a_network_that_knows_the_truth_is_reliable():
    rng = np.random.default_rng(1)
    truth = rng.dirichlet(np.ones(5), size=20_000)
    labels = (rng.random((20_000, 1)) > truth.cumsum(axis=1)).sum(axis=1)
    for cumulative in (False, True):
        predicted, observed = beliefs.reliability(truth, labels, cumulative=cumulative)
        assert np.all(np.diff(predicted) > 0)
        np.testing.assert_allclose(observed, predicted, atol=0.02)
    sharp = truth**3 / (truth**3).sum(axis=1, keepdims=True)
    predicted, observed = beliefs.reliability(sharp, labels)
    assert observed[-1] < predicted[-1] - 0.05, "who is too sure is found out"


@pytest.mark.parametrize("bins", [1, 7, 40])
def test_reliability_is_the_calibration_curve_of_scikit_learn(bins):
    rng = np.random.default_rng(3)
    p, labels = rng.dirichlet(np.ones(4), 200).round(1), rng.integers(4, size=200)
    p /= p.sum(1, keepdims=True)  # rounded, so that many are equal
    happened = labels[:, None] == np.arange(4)
    observed, predicted = calibration_curve(
        happened.ravel(), p.ravel(), n_bins=bins, strategy="quantile"
    )
    found = beliefs.reliability(p, labels, bins=bins)
    np.testing.assert_allclose(found, (predicted, observed), atol=1e-15)


def test_the_certain_end_of_a_cdf_does_not_count():
    predicted, observed = beliefs.reliability([[0.5, 0.5]] * 4, [0, 0, 1, 1], cumulative=True)
    assert (predicted.tolist(), observed.tolist()) == ([0.5], [0.5])


def test_disagreements_are_the_largest_distances():
    q = RNG.permutation(P)
    indices, distances = beliefs.largest_disagreements(P, q, count=7)
    expected = np.sort(emd(P, q))[::-1][:7]
    np.testing.assert_allclose(distances, expected)
    np.testing.assert_allclose(emd(P[indices], q[indices]), expected)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: beliefs.mean_prediction(P, LABELS[:5]), r"labels must have shape \(400,\)"),
        (lambda: beliefs.mean_prediction(2 * P, LABELS), "probabilities must sum to 1"),
        (lambda: beliefs.confusion([0], [7], 6), "labels must be class indices 0 to 5"),
        (lambda: beliefs.reliability(P, LABELS, bins=0), "bins must be an integer, 1 to .*, got 0"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_a_confusion_matrix_shows_its_shares():
    ax = plots.plot_confusion(np.array([[0.75, 0.25], [np.nan, np.nan]]), classes=["a", "b"])
    assert texts(ax) == [".75", ".25"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]


def test_reliability_is_drawn_in_the_colours_of_the_losses():
    curve = beliefs.reliability(P, LABELS)
    ax = plots.plot_reliability({"XE": curve, "EMD2": curve})
    drawn = {line.get_color(): line for line in ax.lines[1:]}
    assert set(drawn) == {LOSSES["XE"].colour, LOSSES["EMD2"].colour}
    np.testing.assert_allclose(ax.lines[1].get_xydata(), np.column_stack(curve))
    named = {text.get_text(): text.get_color() for text in ax.get_legend().get_texts()}
    assert named == {LOSSES[name].label: LOSSES[name].colour for name in ("XE", "EMD2")}


def test_boxes_stand_at_their_quartiles():
    values = {"XE": RNG.normal(size=101), "EMD2": RNG.normal(size=101) + 3}
    ax = plots.plot_by_loss(values, xlabel="spread (class steps)")
    for name, box in zip(values, ax.patches, strict=True):
        x = box.get_path().vertices[:, 0]
        np.testing.assert_allclose([x.min(), x.max()], np.quantile(values[name], [0.25, 0.75]))
    assert [label.get_text() for label in ax.get_yticklabels()] == ["XE", "EMD²"]


def test_a_comparison_shows_means_and_paired_differences():
    xe = 50 + RNG.normal(size=6)
    rows = [
        {"loss": loss, "seed": seed, "error": "", "test AEM": xe[seed] + shift + 0.1 * seed % 0.3}
        for loss, shift in (("XE", 0.0), ("EMD2", 3.0))
        for seed in range(6)
    ]
    table = pd.DataFrame(rows)
    pytest.importorskip("torch")
    from emdviz import training

    summary = training.summarise(table, ["AEM"])
    differences = training.paired_differences(table, ["AEM"])
    left, right = plots.plot_comparison(summary, differences, "AEM")
    assert "AEM: higher is better" in {left.get_title(loc=side) for side in ("left", "center")}
    shown = [line.get_xdata() for line in left.lines if len(line.get_xdata()) == 2]
    np.testing.assert_allclose(shown[0], summary.loc["XE", [("AEM", "low"), ("AEM", "high")]])
    assert texts(right) == [" baseline", "+3  better"]
    assert right.get_xlabel().endswith("95 % interval over seeds, on one test set")
