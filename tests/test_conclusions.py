"""What is said of runs over seeds, against SciPy and against plain cases."""

import io

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from emdviz import datasets
from emdviz.training import TrainConfig, compare_losses, conclude, paired_differences, summarise


def table(**scores):
    """A table of made-up runs: loss -> AEM by seed."""
    rows = [
        {"loss": loss, "seed": seed, "error": "", "test AEM": value, "test MAE": -value}
        for loss, values in scores.items()
        for seed, value in enumerate(values)
    ]
    return pd.DataFrame(rows)


RNG = np.random.default_rng(0)
XE = 50 + RNG.normal(size=8)
RUNS = table(XE=XE, EMD2=XE + 2 + 0.5 * RNG.normal(size=8), REG=XE + RNG.normal(size=8))


def test_intervals_of_means_are_students():
    got = summarise(RUNS, ["AEM"])
    low, high = stats.t.interval(0.95, 7, loc=XE.mean(), scale=stats.sem(XE))
    assert got.loc["XE", ("AEM", "mean")] == pytest.approx(XE.mean())
    assert got.loc["XE", ("AEM", "low")] == pytest.approx(low)
    assert got.loc["XE", ("AEM", "high")] == pytest.approx(high)
    assert got.loc["XE", ("runs", "")] == 8
    assert np.isnan(summarise(table(XE=[50.0]), ["AEM"]).loc["XE", ("AEM", "low")])


def test_differences_are_paired_by_seed():
    got = paired_differences(RUNS.sample(frac=1, random_state=1), ["AEM"]).set_index("loss")
    pairs = RUNS[RUNS.loss == "EMD2"]["test AEM"].to_numpy() - XE
    assert got.loc["EMD2", "difference"] == pytest.approx(pairs.mean())
    low, _ = stats.t.interval(0.95, 7, loc=pairs.mean(), scale=stats.sem(pairs))
    assert got.loc["EMD2", "low"] == pytest.approx(low, abs=0.1)
    assert got.loc["EMD2", "verdict"] == "better"
    assert got.loc["REG", "verdict"] == "undecided"
    lower = paired_differences(RUNS, ["MAE"]).set_index("loss")
    assert lower.loc["EMD2", "verdict"] == "better", "a lower MAE is the better one"


def test_nothing_is_concluded_from_few_seeds():
    few = paired_differences(table(XE=[50, 50, 50, 50], EMD2=[60, 60, 61, 60]), ["AEM"])
    assert few.loc[0, "low"] > 0
    assert few.loc[0, "verdict"] == "undecided"
    assert "EMD² cannot be told from XE: 4 runs are too few to tell" in conclude(few)


def test_the_sentence_names_what_the_intervals_leave_open():
    words = conclude(paired_differences(RUNS, ["AEM"]))
    assert words.startswith("AEM (higher is better): EMD² (by 1.6, 95 % interval 1.2 to 1.8) is")
    assert "better than XE" in words
    assert "REG cannot be told from XE: the interval holds zero" in words


def test_a_verdict_is_seldom_wrong_where_nothing_differs():
    rng = np.random.default_rng(1)
    wrong = 0
    for _ in range(60):
        runs = table(XE=rng.normal(size=5), EMD2=rng.normal(size=5))
        wrong += paired_differences(runs, ["AEM"]).loc[0, "verdict"] != "undecided"
    assert wrong <= 9


def test_who_has_nothing_to_compare_is_said_apart():
    nan = [float("nan")] * 8
    words = conclude(
        paired_differences(table(XE=XE, REG=nan, EMD2=XE + RNG.normal(size=8)), ["AEM"])
    )
    assert "REG could not be compared with XE" in words
    assert "EMD² cannot be told from XE: the interval holds zero" in words


def test_tables_read_back_from_csv_say_the_same():
    back = pd.read_csv(io.StringIO(RUNS.to_csv(index=False)))
    pd.testing.assert_frame_equal(summarise(back, ["AEM"]), summarise(RUNS, ["AEM"]))
    pd.testing.assert_frame_equal(
        paired_differences(back, ["AEM"]), paired_differences(RUNS, ["AEM"])
    )


def test_a_seed_counts_once():
    twice = pd.concat([RUNS.assign(learning_rate=rate) for rate in (0.1, 0.01)])
    for function in (summarise, paired_differences):
        with pytest.raises(
            ValueError, match="one run for each loss and seed, got 2 of XE with seed 0"
        ):
            function(twice, ["AEM"])
    with pytest.raises(ValueError, match="table must hold a finished run, got none"):
        summarise(RUNS.assign(error="no memory"), ["AEM"])


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match=r"baseline must be a loss with a finished run, .*'AEMD'"):
        paired_differences(RUNS, ["AEM"], baseline="AEMD")
    with pytest.raises(ValueError, match=r"metrics must be among \['AEM', 'MAE'\], got \['F1'\]"):
        summarise(RUNS, ["F1"])


def test_a_run_that_breaks_leaves_the_others(tmp_path):
    faces = datasets.load("synthetic_faces", n=120, size=32)
    config = TrainConfig(epochs=1, batch_size=32, device="cpu")
    with pytest.warns(UserWarning, match="REG with seed 0 stopped.*epoch 1 with learning rate 1e"):
        got = compare_losses(
            faces, ["REG", "XE"], config=config, learning_rates={"REG": 1e30}, folder=tmp_path
        ).set_index("loss")
    assert "try a third of it" in got.loc["REG", "error"]
    assert np.isnan(got.loc["REG", "test AEM"])
    assert got.loc["XE", "error"] == ""
    assert got.loc["XE", "test AEM"] >= 0
    assert [path.name for path in tmp_path.iterdir()] == ["XE-small_cnn-0.05-0"]
    assert list(summarise(got.reset_index(), ["AEM"]).index) == ["XE"]


def test_a_second_comparison_goes_on_where_the_first_was_stopped(tmp_path):
    faces = datasets.load("synthetic_faces", n=120, size=32)
    config = TrainConfig(epochs=2, batch_size=32, device="cpu")
    trained = []

    def stop(loss, seed, epoch):
        trained.append((loss, epoch.number))
        if loss == "EMD2":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compare_losses(faces, ["XE", "EMD2"], config=config, folder=tmp_path, on_epoch=stop)
    resumed = compare_losses(faces, ["XE", "EMD2"], config=config, folder=tmp_path)
    whole = compare_losses(faces, ["XE", "EMD2"], config=config)
    metrics = [name for name in whole.columns if name.startswith(("valid ", "test "))]
    assert len(metrics) > 10
    pd.testing.assert_frame_equal(resumed[metrics], whole[metrics])
