"""The map: its data, its rules, and that what it says of losses is what was measured."""

import io
import json
import pickle
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import optimize, stats
from typer.testing import CliRunner

from emdviz.cli import app, runs
from emdviz.distances import emd2
from emdviz.distributions import one_hot
from emdviz.experiments import calibration, mapping, regimes
from emdviz.experiments.mapping import Choice, differences, verdicts
from emdviz.experiments.regimes import REGIMES, drawn_table
from emdviz.training import Run, TrainConfig
from emdviz.training.data import TrainingData
from scripts import map as page
from scripts import simulation

ROOT = Path(__file__).parents[1]
SMALL = replace(
    REGIMES["middle"],
    name="small",
    data=lambda folder, seed: drawn_table(40, seed, classes=4, test=60),
    seeds=5,
    longest=16,
)


def made_up(**means):
    """Rows of two regimes: loss -> mean RPS; the same chance in both, MAE and AEM alike."""
    rng = np.random.default_rng(0)
    rows = []
    for regime in ("middle", "lev"):  # fresh tables, and splits of one
        rng = np.random.default_rng(0)
        for loss, mean in means.items():
            for seed, value in enumerate(mean + 0.01 * rng.normal(size=20)):
                facts = {"regime": regime, "loss": loss, "seed": seed}
                rows.append(facts | {"RPS": value, "MAE": value, "AEM": -value})
    return pd.DataFrame(rows)


class TestDrawnTable:
    def test_labels_come_from_the_known_distributions(self):
        data = drawn_table(20_000, 0, classes=5, flips=0.2, tail=2.0, test=1)
        truth, labels = data.true_distribution.numpy(), data.labels.numpy()
        np.testing.assert_allclose(truth.sum(axis=1), 1)
        for k in range(5):  # of rows that give class k about this probability, as many have it
            for low in np.arange(0, 1, 0.2):
                rows = (truth[:, k] >= low) & (truth[:, k] < low + 0.2)
                if rows.sum() > 200:
                    p = truth[rows, k]
                    error = np.sqrt(np.sum(p * (1 - p))) / rows.sum()
                    assert np.mean(labels[rows] == k) == pytest.approx(p.mean(), abs=4.5 * error)

    def test_without_flips_the_truth_is_an_ordered_logit(self):
        from sklearn.linear_model import LinearRegression

        data = drawn_table(500, 0, classes=4, width=0.7)
        p = data.true_distribution.numpy()
        below = stats.logistic.ppf(p.cumsum(axis=1)[:, :3].clip(1e-12, 1 - 1e-12))
        inside = np.abs(below).max(axis=1) < 15
        fits = [LinearRegression().fit(data.inputs[inside], z[inside]) for z in below.T]
        slopes = np.array([fit.coef_ for fit in fits])
        np.testing.assert_allclose(slopes - slopes[0], 0, atol=1e-3)  # proportional odds
        scale = 0.7 * np.sqrt(3) / np.pi
        assert np.linalg.norm(slopes[0]) * scale == pytest.approx(1, abs=1e-3)

    def test_shares_and_order_are_as_asked(self):
        counts = np.bincount(drawn_table(20_000, 3, classes=4, tail=2.0, test=1).labels)
        np.testing.assert_allclose(counts / counts.sum(), np.array([8, 4, 2, 1]) / 15, atol=0.01)
        ordered, shuffled = (drawn_table(50, 0, order=order) for order in (True, False))
        assert torch.equal(ordered.inputs, shuffled.inputs)
        both = ordered.true_distribution, shuffled.true_distribution
        assert torch.equal(*(p.sort(dim=1).values for p in both))
        assert not torch.equal(*both)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"width": 0}, "width must be above 0, got 0"),
            ({"flips": 1.5}, "flips must be from 0 to 1, got 1.5"),
            ({"tail": -1}, "tail must be above 0, got -1"),
            ({"classes": 1}, "classes must be"),
        ],
        ids=lambda value: value if isinstance(value, str) else next(iter(value)),
    )
    def test_wrong_numbers_are_refused(self, change, message):
        with pytest.raises(ValueError, match=message):
            drawn_table(10, 0, **change)


@pytest.mark.slow
def test_regimes_can_be_sent_to_other_processes_and_name_what_they_need(tmp_path):
    for name, regime in REGIMES.items():
        assert pickle.loads(pickle.dumps(regime)).name == name
        assert regime.losses[0] == "XE"
        if regime.needs:
            with pytest.raises(FileNotFoundError, match=f"needs {regime.needs} in .*README.md"):
                mapping.check_data(regime, tmp_path)
    small = [one for one in REGIMES.values() if one.needs in (None, "lev.csv", "swd.csv")]
    for regime in small:
        data = regime.data(ROOT / "data", 0)
        other = regime.data(ROOT / "data", 1)
        assert len(data.split("test")) > 90
        assert torch.equal(data.labels, other.labels) != regime.fresh
        assert regime.positions is None or len(regime.positions) == len(data.classes)
    with pytest.raises(ValueError, match=r"regime must be one of .*'lev'.*, got 'levv'"):
        regimes.find("levv")


class TestChoosing:
    @pytest.mark.slow
    def test_no_neighbour_of_a_choice_is_better(self):
        chosen, tried = mapping.choose(SMALL, ".", ["XE", "XEMD2"])
        for loss, choice in chosen.items():
            near = choice.neighbours(SMALL, loss == "XEMD2")
            assert set(near) <= set(tried[loss])
            least = min(tried[loss][one] for one in near)
            assert least >= (1 - mapping.GAIN) * tried[loss][choice]
        assert chosen["XE"].options("XE", SMALL) == {}
        assert list(chosen["XEMD2"].options("XEMD2", SMALL)) == ["emd_weight"]

    def test_test_data_is_not_seen(self):
        def other_test(folder, seed):
            data = SMALL.data(folder, seed)
            data.labels[data.splits["test"]] = 0
            return data

        short = replace(SMALL, epochs=1)
        one, other = (
            mapping.choose(replace(short, data=data), ".", ["XE"])
            for data in (SMALL.data, other_test)
        )
        assert one == other

    def test_neighbours_stay_within_the_limits(self):
        corner = Choice(-10, 0, -4)
        assert set(corner.neighbours(SMALL, True)) == {
            Choice(-9, 0, -4),
            Choice(-10, 1, -4),
            Choice(-10, 0, -3),
        }
        assert corner.at_limit(SMALL, True)
        assert not Choice(0, 1).at_limit(SMALL, False)
        fixed = replace(SMALL, epochs=3)
        assert Choice(0, 0).neighbours(fixed, False) == [Choice(1, 0), Choice(-1, 0)]
        config = Choice(-1, 0).config(fixed, 7)
        assert (config.learning_rate, config.epochs, config.seed) == (0.3162, 3, 7)

    def test_a_loss_that_takes_positions_gets_them(self):
        uneven = REGIMES["uneven"]
        places = Choice(0, 0).options("EMD2", uneven)["positions"]
        assert places[-1] == 7
        np.testing.assert_allclose(places, np.array(uneven.positions) * 7 / 32)
        assert "positions" not in Choice(0, 0).options("XE", uneven)


def test_heads_are_trained_as_runs_one_by_one():
    data = TrainingData(drawn_table(60, 0, classes=4, test=50), "cpu")
    config = TrainConfig(epochs=3, batch_size=16, learning_rate=0.1, augmentation="none")

    def runs():
        return [Run("linear", loss, data, config) for loss in ("XE", "EMD2", "SGEMD2")]

    together = runs()
    watches = {id(run): mapping.Watch() for run in together}
    mapping.train(together, watches)
    for run, alone in zip(together, runs(), strict=True):
        sure, epochs = [], []
        for epoch in alone:
            epochs.append(epoch)
            p = alone.predict(data.valid.inputs).distribution
            sure.append(p[range(len(p)), data.valid.labels] < mapping.CONFIDENT)
        rps = [epoch.metrics["RPS"] for epoch in epochs]
        watch = watches[id(run)]
        np.testing.assert_allclose(watch.curve, rps, rtol=1e-4)
        assert torch.equal(watch.first, sure[0])
        assert torch.equal(watch.last, sure[-1])
        inputs = data.split("test").inputs
        torch.testing.assert_close(
            run.compute_outputs(inputs), alone.compute_outputs(inputs), rtol=1e-3, atol=1e-4
        )


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """Results of a small regime of four epochs."""
    out = tmp_path_factory.mktemp("map")
    mapping.run_regime(replace(SMALL, epochs=4), ".", out, losses=["XE", "EMD2", "REG"])
    return out


def test_what_became_of_confident_mistakes():
    watch = mapping.Watch(
        [0.5, 0.4], torch.tensor([1, 1, 0, 0]) > 0, torch.tensor([1, 0, 1, 0]) > 0
    )
    facts = watch.facts(0.45, 7)
    assert facts == {"steps": 14, "confident start": 50, "confident stay": 50}
    none = mapping.Watch([0.5], torch.zeros(4) > 0, torch.ones(4) > 0).facts(0.1, 7)
    assert none["confident start"] == 0
    assert np.isnan(none["confident stay"])
    assert np.isnan(none["steps"])


class TestResults:
    def test_rows_hold_what_their_names_say(self, out):
        rows = pd.read_csv(out / "small.csv")
        assert rows.groupby("loss").size().to_dict() == {"XE": 5, "EMD2": 5, "REG": 5}
        about = json.loads((out / "small.json").read_bytes())
        facts = about["chosen"]["XE"]
        config = TrainConfig(
            epochs=facts["epochs"],
            learning_rate=facts["learning_rate"],
            seed=2,
            augmentation="none",
        )
        run = Run("linear", "XE", SMALL.data(".", 2), config)
        assert len(list(run)) == 4
        row = rows[(rows["loss"] == "XE") & (rows["seed"] == 2)].iloc[0]
        _, found = run.evaluate("test")
        assert row["RPS"] == pytest.approx(found["RPS"], rel=1e-3)
        assert row["AEM"] == pytest.approx(found["AEM"], abs=2)
        regression = rows[rows["loss"] == "REG"]
        assert (regression["RPS"] == regression["MAE"]).all()
        assert regression["confident mistakes"].isna().all()
        assert about["runs"] == 15 + 3 * sum(one["tried"] for one in about["chosen"].values())

    def test_a_second_call_reads_what_is_there(self, out, monkeypatch):
        monkeypatch.setattr(mapping, "choose", None)  # would raise
        again = mapping.run_regime(SMALL, ".", out)
        pd.testing.assert_frame_equal(again, pd.read_csv(out / "small.csv"))

    def test_rows_that_are_far_from_both_losses(self, out):
        rows = pd.read_csv(out / "small.csv").set_index(["loss", "seed"])
        chosen = json.loads((out / "small.json").read_bytes())["chosen"]
        data, p = TrainingData(SMALL.data(".", 3), "cpu"), {}
        for loss in ("XE", "EMD2"):
            rate, epochs = chosen[loss]["learning_rate"], chosen[loss]["epochs"]
            config = TrainConfig(epochs, learning_rate=rate, seed=3, augmentation="none")
            run = Run("linear", loss, data, config)
            list(run)
            p[loss] = run.evaluate("test")[0].distribution.numpy()
        labels, far = data.split("test").labels.numpy(), {"XE": 0.0, "EMD2": 0.0}
        for i, label in enumerate(labels):
            below = np.cumsum((p["XE"][i] + p["EMD2"][i]) / 2)
            if abs(np.searchsorted(below, 0.5) - label) >= 2:
                for loss in far:
                    gaps = np.cumsum(p[loss][i]) - (np.arange(4) >= label)
                    far[loss] += np.sum(gaps**2) / len(labels)
        for loss, expected in far.items():
            assert rows["RPS far"][loss, 3] == pytest.approx(expected, rel=1e-2)
            assert 0 < expected < rows["RPS"][loss, 3]
        assert rows["RPS far"]["REG"].isna().all()

    def test_choices_that_are_kept_are_not_searched_again(self, out, tmp_path, monkeypatch):
        kept = json.loads((out / "small.json").read_bytes())
        (tmp_path / "small.json").write_text(json.dumps(kept))
        monkeypatch.setattr(mapping, "choose", None)  # would raise
        small = replace(SMALL, epochs=4)
        mapping.run_regime(small, ".", tmp_path, losses=["XE", "EMD2", "REG"])
        assert (tmp_path / "small.csv").read_bytes() == (out / "small.csv").read_bytes()
        about = json.loads((tmp_path / "small.json").read_bytes())
        assert about["chosen"] == kept["chosen"]
        assert about["runs"] == kept["runs"]
        (tmp_path / "small.csv").unlink()
        with pytest.raises(TypeError, match="NoneType"):  # other losses: it searches
            mapping.run_regime(small, ".", tmp_path, losses=["XE"])

    @pytest.mark.slow
    def test_regimes_run_on_a_cluster(self, tmp_path, monkeypatch):
        import distributed

        data = partial(regimes._drawn, n=40, classes=4, test=60)
        for name in ("first", "second"):
            tiny = replace(SMALL, name=name, data=data, losses=("XE", "EMD2"), epochs=1, seeds=2)
            monkeypatch.setitem(REGIMES, name, tiny)
        threads = {"n_workers": 1, "threads_per_worker": 1, "processes": False}
        with distributed.LocalCluster(
            **threads, protocol="tcp", host="127.0.0.1", dashboard_address="127.0.0.1:0"
        ) as cluster:
            where = (f"--scheduler={cluster.scheduler_address}", "--store", str(tmp_path))
            done = CliRunner().invoke(app, ["run", "map", "--regimes=first,second", *where])
        assert done.exit_code == 0, done.output
        assert {"first: done", "second: done"} <= set(done.stdout.splitlines())
        here = mapping.run_regime(REGIMES["second"], ".", tmp_path / "here")
        there = pd.read_csv(tmp_path / "map" / "second.csv")
        pd.testing.assert_frame_equal(there, here)

    def test_workers_run_regimes_and_none_is_refused(self, tmp_path, monkeypatch):
        from concurrent.futures import ThreadPoolExecutor

        from emdviz.experiments import cluster

        seen = []
        monkeypatch.setattr(
            cluster, "local_workers", lambda count: seen.append(count) or ThreadPoolExecutor(count)
        )
        monkeypatch.setattr(mapping, "run_regime", lambda one, *_: seen.append(one.name))
        monkeypatch.setattr(runs, "show_map", lambda store: None)
        command = ["run", "map", "--store", str(tmp_path), "--regimes=middle,tail"]
        done = CliRunner().invoke(app, [*command, "--workers=2"])
        assert sorted(done.stdout.splitlines()) == ["middle: done", "tail: done"]
        assert sorted(map(str, seen)) == ["2", "middle", "tail"]
        refused = CliRunner().invoke(app, [*command, "--workers=0"])
        assert "type --workers as a number from 1, got 0" in refused.stderr

    def test_a_failure_is_reported_and_the_others_go_on(self, tmp_path):
        def broken(folder, seed):
            raise OSError("no disk")

        wrong = replace(SMALL, name="wrong", data=broken)
        right = replace(SMALL, epochs=1, seeds=1, losses=("XE",))
        assert list(mapping.run_all([wrong, right], ".", tmp_path)) == [
            ("wrong", "OSError: no disk"),
            ("small", ""),
        ]
        assert [path.name for path in sorted(tmp_path.iterdir())] == ["small.csv", "small.json"]

    def test_nothing_to_read_is_reported(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="python -m emdviz run map makes them"):
            mapping.read(tmp_path)


def test_temperature_is_the_best_of_a_fine_search():
    rng = np.random.default_rng(0)
    truth = torch.from_numpy(rng.dirichlet(np.ones(4), 3000))
    labels = torch.tensor([rng.choice(4, p=p) for p in truth.numpy()])
    sharp = calibration.at_temperature(truth, 1 / 3)
    best = calibration.best_temperature(sharp, labels)
    target = one_hot(labels, 4)
    found = optimize.minimize_scalar(
        lambda T: float(emd2(calibration.at_temperature(sharp, T), target).mean()), bounds=(0.5, 9)
    )
    assert best == pytest.approx(found.x, rel=0.13)  # a step of the search
    assert best == pytest.approx(3, rel=0.2)
    torch.testing.assert_close(calibration.at_temperature(sharp, 3.0), truth)


class TestMiscalibration:
    rng = np.random.default_rng(1)
    truth = torch.from_numpy(rng.dirichlet(np.ones(4), 4000))
    labels = torch.tensor([np.random.default_rng(i).choice(4, p=p) for i, p in enumerate(truth)])

    def test_is_what_isotonic_regression_takes_away(self):
        from sklearn.isotonic import IsotonicRegression

        p = (16 * calibration.at_temperature(self.truth, 0.4)).floor() / 16  # many are equal
        p[:, 3] += 1 - p.sum(dim=1)
        positions = (0, 1, 3, 7)
        expected = 0.0
        for k, gap in enumerate(np.diff(positions)):
            below, came = p.cumsum(dim=1)[:, k].numpy(), (self.labels <= k).numpy()
            best = IsotonicRegression().fit_transform(below, came)
            expected += gap * (np.mean((below - came) ** 2) - np.mean((best - came) ** 2))
        assert calibration.miscalibration(p, self.labels, positions) == pytest.approx(expected)

    def test_a_change_of_the_cdf_alone_changes_nothing_else(self):
        rest = []
        for power in (1, 0.5, 3):
            below = self.truth.cumsum(dim=1).clamp_max(1) ** power
            p = below.diff(dim=1, prepend=torch.zeros(len(below), 1))
            rps = float(emd2(p, one_hot(self.labels, 4)).mean())
            found = calibration.miscalibration(p, self.labels)
            assert found < 0.01 if power == 1 else found > 0.03
            rest.append(rps - found)
        np.testing.assert_allclose(rest, rest[0])


class TestDifferences:
    rows = made_up(XE=0.5, EMD2=0.47, REG=0.502)

    def test_splits_of_one_table_are_widened_by_what_they_share(self):
        found = differences(self.rows).set_index(["regime", "loss", "metric"])
        wide = self.rows[self.rows["regime"] == "lev"].pivot(index="seed", columns="loss")["RPS"]
        pairs = (wide["EMD2"] - wide["XE"]).to_numpy()
        for regime, ratio in (("middle", 0.0), ("lev", 1 / 8)):
            error = np.sqrt((1 / 20 + ratio) * pairs.var(ddof=1))  # Nadeau and Bengio 2003
            row = found.loc[(regime, "EMD2", "RPS")]
            low, high = stats.t.interval(0.95, 19, loc=pairs.mean(), scale=error)
            assert [row["low"], row["high"]] == pytest.approx([low, high])
            assert row["p"] == pytest.approx(2 * stats.t.sf(abs(pairs.mean()) / error, 19))

    def test_p_values_are_adjusted_over_the_whole_map(self):
        found = differences(self.rows)
        p, adjusted = found["p"].to_numpy(), found["p_holm"].to_numpy()
        assert len(p) == 2 * 2 * 3
        before = 0.0
        for rank, k in enumerate(np.argsort(p, kind="stable")):  # Holm, step by step
            before = max(before, min(1, (len(p) - rank) * p[k]))
            assert adjusted[k] == pytest.approx(before)

    def test_which_way_is_better(self):
        found = differences(self.rows).set_index(["regime", "loss", "metric"])["verdict"]
        assert found["middle", "EMD2", "RPS"] == found["middle", "EMD2", "AEM"] == "better"
        assert found["middle", "REG", "RPS"] == "undecided"

    @pytest.mark.parametrize(
        ("told", "expected"),
        [
            (["better", "undecided", "undecided"], "wins"),
            (["worse", "worse", "undecided"], "loses"),
            (["better", "worse", "undecided"], "mixed"),
            (["undecided"] * 3, "undecided"),
        ],
        ids=["wins", "loses", "mixed", "undecided"],
    )
    def test_rule_6(self, told, expected):
        frame = pd.DataFrame({"regime": "middle", "loss": "EMD2", "verdict": told})
        assert verdicts(frame).loc["middle", "EMD2"] == expected


class TestSimulation:
    """Where the truth is known; ``python -m scripts.simulation`` made the 200 that are kept."""

    kept = pd.read_csv(ROOT / "docs" / "results" / "simulation.csv")

    def test_a_loss_is_seldom_told_from_itself(self):
        own = self.kept[self.kept["kind"] == "same"]
        apart, _ = simulation.told_apart(own)
        assert own["comparison"].nunique() == 200
        assert apart * 200 <= 19 == stats.binom.ppf(0.995, 200, 0.05)
        assert f"in {100 * apart:g} % of the comparisons with itself" in TestPage.text

    @pytest.mark.slow
    def test_a_known_difference_is_found(self):
        apart, difference = simulation.told_apart(self.kept[self.kept["kind"] == "smoothed"])
        assert apart >= 0.8
        assert f"in {100 * apart:g} %\nof those with the worse copy" in TestPage.text
        assert difference > 0

    @pytest.mark.slow
    @pytest.mark.parametrize(("kind", "least", "most"), [("same", 0, 0.3), ("smoothed", 0.8, 1)])
    def test_comparisons_made_now_say_the_same(self, kind, least, most):
        rows = simulation.simulate(kind, 10)
        assert least <= simulation.told_apart(rows)[0] <= most
        kept = self.kept[(self.kept["kind"] == kind) & (self.kept["comparison"] < 10)]
        columns = ["comparison", "pair", "XE", "other"]
        np.testing.assert_allclose(rows[columns], kept[columns], atol=0.002)


class TestPage:
    """docs/RESULTS.md says what docs/results/map holds."""

    text = (ROOT / "docs" / "RESULTS.md").read_text(encoding="utf-8")

    @pytest.mark.slow
    def test_the_section_is_made_from_the_results(self):
        section = self.text.split(page.MARKS[0])[1].split(page.MARKS[1])[0]
        assert section == page.section()

    @pytest.mark.slow
    def test_other_results_give_other_points(self, tmp_path):
        for name in ("middle", "bent", "lev"):
            for path in page.RESULTS.glob(f"{name}.*"):
                shutil.copy(path, tmp_path)
        rows, about, found, judged = page.prepare(tmp_path)
        before = page.points(rows, found, judged)
        assert (len(about), len(before)) == (3, 5)
        rows.loc[rows["loss"] == "EMD2", ["RPS", "MAE"]] -= 1
        rows.loc[rows["loss"] == "EMD2", "AEM"] += 50
        found = differences(rows)
        after = page.points(rows, found, verdicts(found))
        assert before[0] != after[0]
        assert f"it wins in {len(about)}, loses in 0" in after[0]

    def test_rows_are_whole(self):
        for path in sorted(page.RESULTS.glob("*.csv")):
            rows, regime = pd.read_csv(path), REGIMES[path.stem]
            assert len(rows) == len(regime.losses) * regime.seeds, path.stem
            assert set(rows["loss"]) == set(regime.losses)
            assert not rows.duplicated(["loss", "seed"]).any()


class TestPlotMap:
    found = pd.DataFrame(
        {
            "regime": ["few", "many"] * 2,
            "loss": ["EMD2", "EMD2", "REG", "REG"],
            "metric": "RPS",
            "difference": [0.01, -0.02, 0.9, np.nan],
            "low": [-0.01, -0.03, 0.8, np.nan],
            "high": [0.03, -0.01, 1.0, np.nan],
            "verdict": ["undecided", "better", "worse", "undecided"],
        }
    )

    def test_marks_stand_where_the_numbers_say(self):
        from matplotlib import pyplot as plt
        from matplotlib.colors import to_hex

        from emdviz import plots
        from emdviz.losses import LOSSES

        axes = plots.plot_map(self.found, "RPS", words={"few": "few rows"})
        assert [text.get_text() for text in axes[0].get_yticklabels()] == ["few rows", "many"]
        marks = {
            (k, line.get_ydata()[0]): line
            for k, ax in enumerate(axes)
            for line in ax.lines
            if line.get_marker() != "None" and len(line.get_xdata()) == 1
        }
        assert marks[0, 1].get_xdata()[0] == -0.02
        assert to_hex(marks[0, 1].get_color()) == LOSSES["EMD2"].colour.lower()
        assert to_hex(marks[0, 0].get_color()) == to_hex("0.72"), "it does not stand"
        assert marks[1, 0].get_marker() == ">", "it lies beyond the axis"
        assert (1, 1) not in marks
        buffer = io.BytesIO()
        axes[0].figure.savefig(buffer)
        plt.close(axes[0].figure)

    def test_regimes_stand_under_their_headings(self):
        from matplotlib import pyplot as plt

        from emdviz import plots

        found = pd.concat([self.found, self.found[::2].replace("few", "some")])
        groups = {"few": "rows", "many": "noise", "some": "rows"}
        axes = plots.plot_map(found, "RPS", groups=groups)
        headings = {text.get_text(): text.get_position()[1] for text in axes[0].texts}
        assert headings == {"rows": 0, "noise": 3}
        labels = axes[0].get_yticklabels()
        assert [text.get_text() for text in labels] == ["few", "some", "many"]
        assert list(axes[0].get_yticks()) == [1, 2, 4]
        marks = [line for line in axes[0].lines if line.get_marker() == "o"]
        places = {(line.get_ydata()[0], line.get_xdata()[0]) for line in marks}
        assert places == {(1, 0.01), (2, 0.01), (4, -0.02)}
        plt.close(axes[0].figure)

    def test_few_panels_are_wide_enough_for_their_ticks_and_marks_stay_whole(self):
        from matplotlib import pyplot as plt

        from emdviz import plots

        words = {"few": "1,000 faces of 64 px, EfficientNet-Lite0 tuned whole"}
        axes = plots.plot_map(self.found, "RPS", words=words)
        axes[0].figure.draw_without_rendering()
        for ax in axes:
            left, right = (label.get_window_extent() for label in ax.get_xticklabels())
            assert left.x1 + left.height < right.x0
            assert not any(line.get_clip_on() for line in ax.lines if line.get_marker() == "o")
        plt.close(axes[0].figure)

    def test_wrong_tables_are_refused(self):
        from emdviz import plots

        with pytest.raises(ValueError, match=r"differences must have .*, but lack \['verdict'\]"):
            plots.plot_map(self.found.drop(columns="verdict"), "RPS")
        with pytest.raises(ValueError, match=r"metric must be one of \['RPS'\], got 'MAE'"):
            plots.plot_map(self.found, "MAE")
        with pytest.raises(TypeError, match=r"differences must be what experiments\.mapping"):
            plots.plot_map([], "RPS")
