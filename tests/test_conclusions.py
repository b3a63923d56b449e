"""What is said of runs over seeds, against SciPy and against plain cases."""

import io
from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from emdviz import datasets, experiments
from emdviz.metrics import METRICS
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


MANY = list(METRICS)
"""Names for as many independent experiments of one loss."""

DRAWN = {
    "normal": (lambda size, rng: rng.normal(size=size), 0.0),
    "exponential": (lambda size, rng: rng.exponential(size=size), 1.0),
    "lognormal": (lambda size, rng: rng.lognormal(size=size), np.exp(0.5)),
}
"""Differences as they may be distributed, with their means."""


def simulate(draws):
    """A table whose differences to XE are ``draws``, shape (losses, metrics, seeds)."""
    zeros = np.zeros((1, *draws.shape[1:]))
    rows = [
        {"loss": "XE" if i == 0 else f"loss {i}", "seed": seed, "error": ""}
        | {f"test {name}": loss[j, seed] for j, name in enumerate(MANY)}
        for i, loss in enumerate(np.concatenate([zeros, draws]))
        for seed in range(draws.shape[2])
    ]
    return pd.DataFrame(rows)


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
    test = stats.ttest_rel(RUNS[RUNS.loss == "EMD2"]["test AEM"], XE)
    assert got.loc["EMD2", ["low", "high"]].tolist() == pytest.approx(test.confidence_interval())
    assert got.loc["EMD2", "p"] == pytest.approx(test.pvalue)
    assert got.loc["EMD2", "verdict"] == "better"
    assert got.loc["REG", "verdict"] == "undecided"
    lower = paired_differences(RUNS, ["MAE"]).set_index("loss")
    assert lower.loc["EMD2", "verdict"] == "better", "a lower MAE is the better one"


def said(differences):
    """What is concluded, a line per sentence."""
    lines = conclude(differences).splitlines()
    assert max(map(len, lines)) <= 79, "they fit a terminal"
    return "\n".join(lines).replace("\n  ", " ")


def test_nothing_is_concluded_from_few_seeds():
    few = paired_differences(table(XE=[50, 50, 50, 50], EMD2=[60, 60, 61, 60]), ["AEM"])
    assert few.loc[0, "low"] > 0
    assert few.loc[0, "verdict"] == "undecided"
    assert "EMD² cannot be told from XE: 4 runs are too few to tell" in said(few)


def test_the_sentence_names_what_the_intervals_leave_open():
    words = said(paired_differences(RUNS, ["AEM"]))
    scope, sentence = words.splitlines()
    assert scope.startswith("95 % intervals by Student's t over seeds, on one test set; other")
    assert sentence.startswith(
        "AEM (higher is better): EMD² (by 1.6, 95 % interval 1.3 to 1.9, p ="
    )
    assert "better than XE" in sentence
    assert "REG cannot be told from XE: the interval contains zero" in sentence


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pairs", "drawn", "expected"),
    [
        *((pairs, "normal", 0.95) for pairs in (5, 10, 30)),
        *((5, "exponential", 0.88), (10, "exponential", 0.90), (30, "exponential", 0.93)),
        *((5, "lognormal", 0.82), (10, "lognormal", 0.84), (30, "lognormal", 0.88)),
    ],
)
def test_intervals_hold_the_mean_as_often_as_is_said(pairs, drawn, expected):
    draw, mean = DRAWN[drawn]
    draws = draw((90, len(MANY), pairs), np.random.default_rng(pairs))
    got = paired_differences(simulate(draws), MANY)
    held = np.mean((got["low"] <= mean) & (mean <= got["high"]))
    assert held == pytest.approx(expected, abs=0.02)


def test_the_bootstrap_of_five_pairs_holds_the_mean_less_often():
    for draw, mean in DRAWN.values():
        values = draw((600, 5), np.random.default_rng(0))
        low, high = stats.t.interval(0.95, 4, values.mean(1), stats.sem(values, axis=1))
        students = np.mean((low <= mean) & (mean <= high))
        for method in ("percentile", "BCa"):
            low, high = stats.bootstrap(
                (values,), np.mean, axis=1, n_resamples=499, method=method, rng=1
            ).confidence_interval
            assert np.mean((low <= mean) & (mean <= high)) < students - 0.04


def test_p_values_are_adjusted_by_holm():
    """Holm's procedure is the closed test of all intersections by Bonferroni's."""
    rng = np.random.default_rng(3)
    shifts = np.repeat([0.0, 0.5, 1.0, 3.0], 5)
    runs = table(
        XE=np.zeros(6), **{f"loss {i}": rng.normal(s, size=6) for i, s in enumerate(shifts)}
    )
    got = paired_differences(runs.iloc[: 6 * 11], ["AEM"])
    p = got["p"].to_numpy()
    for i in range(len(p)):
        others = np.delete(p, i)
        every = (
            (1 + size) * min(p[i], *chosen)
            for size in range(1, len(p))
            for chosen in combinations(others, size)
        )
        assert got["p_holm"][i] == pytest.approx(min(1, max(p[i], *every)))
    whole = paired_differences(runs, ["AEM"])
    assert (whole["verdict"] != "undecided").tolist() == (whole["p_holm"] <= 0.05).tolist()
    between = whole[(whole["p"] <= 0.05) & (whole["p_holm"] > 0.05)]
    assert len(between), "the cases that the adjustment decides"
    assert set(between["verdict"]) == {"undecided"}
    words = said(between.assign(loss="EMD2"))
    row = between.iloc[0]
    assert f"p = {row.p:.2g} alone, but {row.p_holm:.2g} adjusted for all comparisons" in words


@pytest.mark.slow
def test_a_verdict_of_a_whole_table_is_seldom_wrong_where_nothing_differs():
    wrong = 0
    for seed in range(100):
        draws = np.random.default_rng(seed).normal(size=(1, len(MANY), 5))
        got = paired_differences(simulate(draws), MANY)
        wrong += (got["verdict"] != "undecided").any()
        assert len(got) == len(MANY)
    assert wrong <= 11, "of 100 tables 5 % and nearly three standard errors"


def test_equal_differences_are_no_error():
    got = paired_differences(table(XE=[50.0] * 5, EMD2=[50.0] * 5, REG=[52.0] * 5), ["AEM"])
    assert got["low"].tolist() == got["high"].tolist() == [0, 2]
    assert got["p"].tolist() == [1, 0]
    assert got["verdict"].tolist() == ["undecided", "better"]


def test_the_text_says_what_the_intervals_are_over():
    def over(**columns):
        return said(paired_differences(RUNS.assign(**columns), ["AEM"])).splitlines()[0]

    assert "over seeds, on one test set; other test examples" in over()
    assert "over seeds, on one test set;" in over(fold=1, **{"dataset seed": 7})
    assert "over seeds and splits; the splits share" in over(**{"dataset seed": RUNS["seed"]})
    assert "over splits; the splits share" in over(seed=0, fold=RUNS["seed"])
    with pytest.raises(ValueError, match=r"lack \['over'\]"):
        said(paired_differences(RUNS, ["AEM"]).drop(columns="over"))


def test_splits_that_share_examples_widen_the_interval():
    runs = RUNS.assign(**{"dataset seed": RUNS["seed"]})
    plain = paired_differences(runs, ["AEM"]).set_index("loss")
    wide = paired_differences(runs, ["AEM"], test_to_train=1 / 8).set_index("loss")
    pairs = runs.pivot(index="seed", columns="loss", values="test AEM")
    pairs = (pairs["EMD2"] - pairs["XE"]).to_numpy()
    error = np.sqrt((1 / len(pairs) + 1 / 8) * pairs.var(ddof=1))  # Nadeau and Bengio 2003
    low, high = stats.t.interval(0.95, len(pairs) - 1, loc=pairs.mean(), scale=error)
    assert wide.loc["EMD2", ["low", "high"]].tolist() == pytest.approx([low, high])
    p = 2 * stats.t.sf(abs(pairs.mean()) / error, len(pairs) - 1)
    assert wide.loc["EMD2", "p"] == pytest.approx(p)
    assert wide["difference"].equals(plain["difference"])
    assert "over seeds and splits that share examples (Nadeau and Bengio)." in said(
        wide.reset_index()
    )
    means = summarise(runs, ["AEM"], test_to_train=1 / 8).loc["EMD2", "AEM"]
    own = runs.loc[runs["loss"] == "EMD2", "test AEM"]
    error = np.sqrt((1 / len(own) + 1 / 8) * own.var(ddof=1))
    low, high = stats.t.interval(0.95, len(own) - 1, loc=own.mean(), scale=error)
    assert means[["low", "high"]].tolist() == pytest.approx([low, high])
    one_set = summarise(RUNS, ["AEM"], test_to_train=1 / 8)
    pd.testing.assert_frame_equal(one_set, summarise(RUNS, ["AEM"]))
    one_set = paired_differences(RUNS, ["AEM"], test_to_train=1 / 8)
    pd.testing.assert_frame_equal(one_set, paired_differences(RUNS, ["AEM"]))
    none = paired_differences(runs, ["AEM"], test_to_train=0)
    pd.testing.assert_frame_equal(
        none.set_index("loss").drop(columns="over"), plain.drop(columns="over")
    )
    assert "over seeds and splits that share no examples. Better" in said(none)


@pytest.mark.parametrize("wrong", [-0.1, "1/8", np.nan])
def test_what_splits_share_must_be_a_ratio(wrong):
    with pytest.raises(ValueError, match=r"test_to_train must be test examples / training"):
        paired_differences(RUNS, ["AEM"], test_to_train=wrong)
    with pytest.raises(ValueError, match=r"test_to_train must be test examples / training"):
        summarise(RUNS, ["AEM"], test_to_train=wrong)


@pytest.mark.slow
def test_runs_on_splits_of_their_own_are_known():
    faces = datasets.load("synthetic_faces", n=120, size=32)
    config = TrainConfig(epochs=1, batch_size=32, learning_rate=0.01, device="cpu")
    for resplit, over in ((True, "seeds and splits"), (False, "seeds, on one test set")):
        runs = compare_losses(faces, ["XE", "REG"], seeds=(1, 2), resplit=resplit, config=config)
        assert set(paired_differences(runs)["over"]) == {over}


def crossed(losses, seeds, examples, spread, rng):
    """Runs whose MAE is 9 for XE, and else 9 + effects of seed, example and both."""
    by_seed, by_example, by_both = spread
    scores = 9 + (
        by_seed * rng.normal(size=(losses, seeds, 1))
        + by_example * rng.normal(size=(losses, 1, examples))
        + by_both * rng.normal(size=(losses, seeds, examples))
    )
    scores[0] = 9
    scores = np.round(1e6 * scores).astype(int)  # classes are whole numbers
    rows = [
        {"id": f"{i} {seed}", "loss": f"loss {i}" if i else "XE", "seed": seed, "error": ""}
        | {"test MAE": scores[i, seed].mean()}
        for i in range(losses)
        for seed in range(seeds)
    ]

    def predictions(identity):
        i, seed = map(int, identity.split())
        shared = {"index": np.arange(examples), "labels": np.zeros(examples, int)}
        return {"test": shared | {"classes": scores[i, seed]}}

    return pd.DataFrame(rows), predictions, scores / 1e6


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [5, 20])
@pytest.mark.parametrize(
    ("spread", "alone"),
    [((0.1, 0.0, 0.5), True), ((0.0, 1.0, 0.5), False), ((0.1, 1.0, 0.5), False)],
    ids=["seeds vary", "examples vary", "both vary"],
)
def test_intervals_over_seeds_and_examples_hold_the_mean(seeds, spread, alone):
    runs, predictions, _ = crossed(500, seeds, 100, spread, np.random.default_rng(seeds + 1))
    got = paired_differences(runs, ["MAE"], predictions=predictions)
    assert set(got["over"]) == {"seeds and test examples"}
    held = np.mean((got["low"] <= 0) & (got["high"] >= 0))
    assert 0.92 <= held <= 0.98
    one_set = paired_differences(runs, ["MAE"])
    np.testing.assert_allclose(1e-6 * one_set["difference"], 1e-6 * got["difference"])
    held = np.mean((one_set["low"] <= 0) & (one_set["high"] >= 0))
    assert (held > 0.92) == alone, "seeds alone do not know the spread of the examples"


def test_seeds_and_examples_vary_as_if_both_were_drawn_again():
    rng = np.random.default_rng(2)
    runs, predictions, scores = crossed(2, 40, 300, (0.1, 1.0, 0.5), rng)
    got = paired_differences(runs, ["MAE"], predictions=predictions).iloc[0]
    drawn = [
        scores[1][np.ix_(rng.integers(40, size=40), rng.integers(300, size=300))].mean()
        for _ in range(2000)
    ]
    half = (got["high"] - got["low"]) / 2e6
    assert half == pytest.approx(1.97 * np.std(drawn), rel=0.1)


@pytest.mark.slow
def test_scores_of_examples_are_those_of_the_metrics(tmp_path):
    config = TrainConfig(epochs=1, batch_size=32, device="cpu")
    source = {"n": 120, "size": 32}
    specs = [
        experiments.RunSpec(
            "synthetic_faces",
            source,
            loss=loss,
            config=replace(config, seed=seed, learning_rate=0.01),
        )
        for loss in ("XE", "EMD2", "REG")
        for seed in range(2)
    ]
    runs, store = experiments.run(specs, tmp_path), experiments.Store(tmp_path)
    alone, both = (
        paired_differences(runs, predictions=predictions).set_index(["loss", "metric"])
        for predictions in (None, store)
    )
    np.testing.assert_allclose(both["difference"], alone["difference"], atol=1e-6)
    with pytest.raises(ValueError, match=r"metrics must be among \['AEM'.*got \['QWK'\]"):
        paired_differences(runs, ["QWK"], predictions=store.predictions)
    with pytest.raises(FileNotFoundError, match=r"holds no predictions.npz of a finished run"):
        paired_differences(runs, predictions=tmp_path / "elsewhere")

    def other(identity):
        told = store.predictions(identity)
        told["test"]["index"] += int(identity == runs["id"].iloc[-1])
        return told

    with pytest.raises(ValueError, match="predictions must be of one test set"):
        paired_differences(runs, predictions=other)


def test_losses_without_a_pair_are_listed_apart():
    nan = [float("nan")] * 8
    words = said(paired_differences(table(XE=XE, REG=nan, EMD2=XE + RNG.normal(size=8)), ["AEM"]))
    assert "REG could not be compared with XE" in words
    assert "EMD² cannot be told from XE: the interval contains zero" in words


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


@pytest.mark.parametrize("name", ["fold", "dataset seed"])
def test_a_seed_counts_once_where_tables_of_two_studies_are_joined(name):
    joined = pd.concat([RUNS, RUNS.assign(**{name: 0})], ignore_index=True)
    for function in (summarise, paired_differences):
        with pytest.raises(ValueError, match=f"'{name}' of every run or of none, got 24 of 48"):
            function(joined, ["AEM"])
    chosen = joined[joined[name].isna()]
    pd.testing.assert_frame_equal(summarise(chosen, ["AEM"]), summarise(RUNS, ["AEM"]))


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match=r"baseline must be a loss with a finished run, .*'AEMD'"):
        paired_differences(RUNS, ["AEM"], baseline="AEMD")
    with pytest.raises(ValueError, match=r"metrics must be among \['AEM', 'MAE'\], got \['F1'\]"):
        summarise(RUNS, ["F1"])


@pytest.mark.slow
def test_a_comparison_with_a_folder_keeps_predictions(tmp_path):
    faces = datasets.load("synthetic_faces", n=120, size=32)
    config = TrainConfig(epochs=1, batch_size=32, learning_rate=0.01, device="cpu")
    runs = compare_losses(faces, ["XE", "REG"], seeds=(1, 2), config=config, folder=tmp_path)
    alone, both = paired_differences(runs), paired_differences(runs, predictions=tmp_path)
    np.testing.assert_allclose(both["difference"], alone["difference"], atol=1e-6)
    assert set(both["over"]) == {"seeds and test examples"}
    with pytest.raises(ValueError, match="must have the column 'id'"):
        paired_differences(runs.drop(columns="id"), predictions=tmp_path)
    with pytest.raises(TypeError, match="predictions must be a folder of runs, or a function"):
        paired_differences(runs, predictions=3)


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


@pytest.mark.slow
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
