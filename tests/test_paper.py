"""Tables 1 to 3 end to end on files in the genuine layouts, and what is made of their runs.

The networks are the thin ones: those of the paper would take hours and gigabytes. The images have
40 px, of which 35 are seen, the least that ALXs takes.
"""

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr
from scipy.stats import t as student
from typer.testing import CliRunner

from devtools.data_layouts import aadb, adience, images_of_groups, write
from emdviz import datasets, published
from emdviz.cli import app
from emdviz.experiments import RunSpec, Store, paper, results
from emdviz.experiments.cost import count_images, estimate, measure_teraflops
from emdviz.experiments.paper import (
    ENSEMBLE,
    ENSEMBLE_BINS,
    MISSING,
    beside,
    quick_specs,
    show,
    standing,
    table,
    table_specs,
    to_latex,
)
from emdviz.models import operations
from emdviz.training import TrainConfig, choose_device
from emdviz.training.results import make_row, make_table

THIN = {"ALXs": "ALXs_thin", "VGG_F": "VGG_F_thin", "RES": "RES_thin", "RES_F": "RES_F_thin"}
NO_WEIGHTS = {"RES_F": None}


def reproduce(number, files, folder, names=tuple(THIN)):
    """Run a table with thin networks, one learning rate and one epoch; return its store."""
    networks = [THIN[name] for name in published.find(number).networks if name in names]
    chance = [f"--weights={name}=none" for name in networks if "_F" in name]
    small = ["--size=40", "--epochs=1", "--batch-size=16", "--rates=0.003"]
    where = [f"--data={write(folder / 'data', files)}", f"--store={folder / 'runs'}"]
    arguments = ["run", f"table{number}", f"--networks={','.join(networks)}"]
    done = CliRunner().invoke(app, [*arguments, *chance, *small, *where], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return folder / "runs", done.stdout


@pytest.mark.slow
def test_table_1_from_the_genuine_layout_of_adience(tmp_path, monkeypatch):
    monkeypatch.setattr(paper, "PAPER_LAMBDAS", (1.0,))  # a third of the time
    store, printed = reproduce(1, adience(users=2), tmp_path, ["RES"])
    frame = results(store)
    assert len(frame) == 5 * 4  # folds, losses
    assert (frame["error"] == "").all()
    assert set(frame["crop"]) == {35}
    assert frame["mirror"].all()
    laid = table(frame, 1)
    for metric in ("AEM", "AEO"):
        assert (laid["RES_thin", metric, "runs"] == 5).all()
        assert laid["RES_thin", metric, "mean"].between(0, 100).all()
        assert (laid["RES_thin", metric, "spread"] >= 0).all()
    assert laid["ALXs", "AEM", "mean"].isna().all()
    chosen = frame[frame["loss"] == "XE"]
    own = laid.loc["XE"]["RES_thin"]["AEO"]
    assert own["mean"] == pytest.approx(chosen["test AEO"].mean())
    assert own["spread"] == pytest.approx(chosen["test AEO"].std())
    assert "20 of 20 runs finished" in printed
    assert "as printed" in printed


@pytest.mark.slow
def test_table_2_from_the_genuine_layout_of_images_of_groups(tmp_path):
    store, _ = reproduce(2, images_of_groups(), tmp_path)
    laid = table(results(store), 2)
    assert show(laid, 2)["RES"].tolist() == [MISSING] * 3
    assert (laid["RES_thin", "AEM", "runs"] == 1).all()
    assert laid["RES_thin", "AEM", "spread"].isna().all()


@pytest.mark.slow
def test_table_3_from_the_genuine_layout_of_aadb(tmp_path):
    store, _ = reproduce(3, aadb(), tmp_path)
    frame = results(store)
    assert len(frame) == 3 * 3 + 7  # VGG_F with EMD² on seven other numbers of classes
    laid = table(frame, 3, store=store)
    assert laid["RES_F_thin", "Spearman", "mean"].between(-1, 1).all()
    assert laid[ENSEMBLE, "Spearman", "runs"].to_dict() == {"XE": 0, "REG": 0, "EMD2": 1}
    # the ensemble by hand: the mean of eight expected scores
    members = frame[(frame["network"] == "VGG_F_thin") & (frame["loss"] == "EMD2")]
    expected = []
    for identity, bins in zip(members["id"], members["dataset bins"], strict=True):
        data = datasets.load("aadb", root=tmp_path / "data", size=40, bins=bins)
        test = Store(store).predictions(identity)["test"]
        expected.append(test["probabilities"].astype(float) @ np.array(data.positions))
        truth = data.scores[test["index"]]
    rho = spearmanr(np.mean(expected, axis=0), truth).statistic
    assert laid[ENSEMBLE, "Spearman", "mean"]["EMD2"] == pytest.approx(rho, abs=1e-6)
    assert table(frame, 3)[ENSEMBLE, "Spearman", "mean"].isna().all()
    fewer = frame[frame["dataset bins"] != 7]
    assert table(fewer, 3, store=store)[ENSEMBLE, "Spearman", "mean"].isna().all()


class TestSpecs:
    def test_are_the_paper_s(self):
        specs = table_specs(1, weights=NO_WEIGHTS)
        assert len({spec.id for spec in specs}) == len(specs) == 840
        assert {spec.fold for spec in specs} == set(range(5))
        rates = sorted({spec.config.learning_rate for spec in specs}, reverse=True)
        np.testing.assert_allclose(np.log10(rates), np.arange(-1.5, -5, -0.5), atol=1e-5)
        assert {dict(spec.loss_options)["lam"] for spec in specs if spec.loss == "AEMD"} == {
            0.1,
            1.0,
            10.0,
        }
        first = specs[0].config
        assert (first.momentum, first.crop, first.mirror) == (0.98, 227, True)
        assert first.augmentation == "paper"
        assert {spec.weights for spec in specs if spec.network == "VGG_F"} == {"IMAGENET1K_V1"}
        assert len(table_specs(2, weights=NO_WEIGHTS)) == 63

    def test_table_3_takes_ten_bins_and_an_ensemble(self):
        specs = table_specs(3, weights=NO_WEIGHTS, rates=[0.01])
        bins = [dict(spec.dataset_options)["bins"] for spec in specs]
        assert len(specs) == 9 + 7
        assert set(bins) == set(ENSEMBLE_BINS)
        others = [s for s, b in zip(specs, bins, strict=True) if b != 10]
        assert {(spec.network, spec.loss) for spec in others} == {("VGG_F", "EMD2")}

    def test_folds_of_a_set_without_folds_are_its_seeds(self):
        specs = quick_specs(1, folds=[3, 4], losses=["XE"], rates=[0.01])
        assert [dict(spec.dataset_options)["seed"] for spec in specs] == [3, 4]
        assert {spec.fold for spec in specs} == {None}

    def test_bad_input_is_refused(self):
        with pytest.raises(ValueError, match=r"weights lacks RES_F, .* or None to start"):
            table_specs(1)
        with pytest.raises(ValueError, match=r"number must be one of \[1, 2, 3\], got 7"):
            table_specs(7)
        with pytest.raises(ValueError, match=r"dataset must be one of .* got 'faces'"):
            table_specs(1, dataset="faces")


@pytest.fixture
def pretend():
    """Make the row of a finished run out of its validation RPS and its test AEM and AEO."""
    base = RunSpec("adience", {"size": 40}, fold=0, network="ALXs", config=TrainConfig(epochs=2))

    def row(rps, aem, aeo=90.0, *, rate=0.01, epochs=2, **changes):
        config = TrainConfig(learning_rate=rate, epochs=epochs)
        spec = replace(base, config=config, **changes)
        measured = {"valid": {"RPS": rps}, "test": {"AEM": aem, "AEO": aeo}}
        facts = {"metrics": measured, "seconds": 1.0, "finished": "2020-01-01T00:00:00+00:00"}
        return make_row(spec.id, spec.to_dict(), **facts)

    return row


class TestTable:
    def test_takes_the_rate_that_is_best_on_validation_over_all_folds(self, pretend):
        rows = [
            pretend(0.9, 50.0, fold=0, rate=0.01),
            pretend(0.5, 54.0, fold=1, rate=0.01),
            # better on the test split, and in one fold, but not by validation
            pretend(0.8, 99.0, fold=0, rate=0.1),
            pretend(0.9, 99.0, fold=1, rate=0.1),
        ]
        laid = table(make_table(rows), 1)
        own = laid.loc["EMD2"]["ALXs"]["AEM"]
        assert own.to_dict() == {"mean": 52.0, "spread": pytest.approx(2 * 2**0.5), "runs": 2}

    def test_shows_what_is_missing(self, pretend):
        text = show(table(make_table([pretend(0.9, 50.0)]), 1), 1)
        assert text.loc["EMD2", "ALXs"] == "50.0 / 90.0"
        assert (text.drop(index="EMD2") == MISSING).all(axis=None)
        assert text.columns.tolist() == ["ALXs", "VGG_F", "RES", "RES_F"]

    def test_runs_of_other_data_sets_leave_a_table_empty(self, pretend):
        frame = make_table([pretend(0.9, 50.0)])
        assert (show(table(frame, 2), 2) == MISSING).all(axis=None)

    def test_refuses_to_average_what_is_not_alike(self, pretend):
        frame = make_table([pretend(0.9, 50.0), pretend(0.8, 52.0, epochs=3)])
        with pytest.raises(
            ValueError, match=r"several kinds: epochs is 2 and 3; keep those of one"
        ):
            table(frame, 1)

    def test_refuses_to_average_over_first_weights(self, pretend):
        rows = [pretend(0.9, 50.0), pretend(0.8, 52.0, fold=1, weights="a.pth")]
        with pytest.raises(ValueError, match=r"several kinds: weights is a\.pth and none"):
            table(make_table(rows), 1)

    def test_does_not_count_what_failed(self, pretend):
        failed = pretend(0.1, 99.0, fold=1) | {"error": "the loss is inf"}
        laid = table(make_table([pretend(0.9, 50.0), failed]), 1)
        assert laid.loc["EMD2"]["ALXs"]["AEM"]["runs"] == 1

    def test_marks_the_best_only_where_it_stands(self, pretend):
        rng, rows = np.random.default_rng(0), []
        for fold in range(5):
            hard = 10 * rng.normal()
            for network, gain in (("ALXs", 8), ("RES", 0.5)):
                for loss, add in (("XE", 0), ("EMD2", gain), ("XEMD2", -3)):
                    aem, aeo = (60 + hard + add + rng.normal() for _ in "ab")
                    rows.append(pretend(0.9, aem, aeo, fold=fold, network=network, loss=loss))
        frame = make_table(rows)
        # by hand: Student's t of five differences, widened for folds, and Holm over all eight
        p = {}
        for network, metric in product(("ALXs", "RES"), ("AEM", "AEO")):
            own = frame[frame["network"] == network]
            wide = own.pivot(index="fold", columns="loss", values=f"test {metric}")
            best = wide.mean().idxmax()
            for other in wide.columns.drop(best):
                d = wide[best] - wide[other]
                t = d.mean() / (d.std() * np.sqrt(1 / 5 + 1 / 4))
                p[best, network, metric, other] = 2 * student.sf(t, 4)
        order = sorted(p, key=p.get)
        holm = {
            c: max((8 - i) * p[k] for i, k in enumerate(order[: order.index(c) + 1])) for c in p
        }
        wanted = {cell[:3] for cell in p} - {cell[:3] for cell in p if holm[cell] > 0.05}
        assert wanted == {("EMD2", "ALXs", "AEM"), ("EMD2", "ALXs", "AEO")}, "as it was drawn"
        best = standing(frame, 1)
        assert best == wanted
        latex = to_latex(table(frame, 1), best)
        assert latex.count(r"\textbf") == 2
        (row,) = (line for line in latex.splitlines() if line.startswith("EMD2"))
        mean = frame[(frame["network"] == "ALXs") & (frame["loss"] == "EMD2")]["test AEM"].mean()
        assert row.startswith(rf"EMD2 & \textbf{{{mean:.1f}}} $\pm$")
        few = frame[frame["fold"] < 4]
        assert standing(few, 1) == set(), "four runs are too few"
        assert standing(frame.iloc[:0], 1) == set()

    def test_beside_the_printed_numbers(self, pretend):
        rows = [pretend(0.9, 50.0, fold=0), pretend(0.9, 54.0, fold=1)]
        both = beside(table(make_table(rows), 1), 1).set_index(["loss", "network", "metric"])
        assert len(both) == 32
        mine = both.loc["EMD2", "ALXs", "AEM"]
        assert (mine["printed"], mine["mean"], mine["runs"]) == (57.0, 52.0, 2)
        assert mine["difference"] == -5.0
        other = both.loc["XE", "RES", "AEO"]
        assert (other["printed"], other["runs"]) == (91.5 - 1.2, 0)
        assert np.isnan(other["difference"])

    def test_no_printed_number_stands_beside_other_data(self, pretend):
        rows = make_table([pretend(0.9, 50.0)]).assign(dataset="bananas")
        both = beside(table(rows, 1, dataset="bananas"), 1, dataset="bananas")
        assert set(both["network"]) == set(rows["network"])
        assert not {"printed", "difference"} & set(both)

    def test_printed_tables_are_shown_in_the_same_way(self):
        assert show(published.printed(1), 1).loc["REG", "ALXs"] == "49.8 / 85.1"
        assert show(published.printed(3), 3).loc["EMD2"].tolist()[-1] == "0.6889"
        assert show(published.printed(3), 3).loc["XE", "VGG_F×8"] == MISSING


class TestCost:
    def test_is_the_formula(self):
        specs = table_specs(2, networks=["RES"], losses=["XE"])
        (row,) = estimate(specs, teraflops=2.0).to_dict("records")
        macs = operations("RES", 227)
        assert row["images"] == 3500 * 9 // 10
        hours = 7 * 30 * row["images"] * 3 * 2 * macs / 2e12 / 3600
        assert row["GPU hours"] == pytest.approx(hours)

    def test_grows_with_folds_and_rates(self):
        def hours(**changes):
            specs = table_specs(1, networks=["ALXs"], losses=["XE"], **changes)
            return estimate(specs)["GPU hours"].sum()

        assert hours() == pytest.approx(5 * hours(folds=[0]))
        assert hours() == pytest.approx(7 * hours(rates=[0.01]))

    def test_images_are_counted_without_reading_them(self, tmp_path):
        for name in ("a/1.jpg", "a/2.jpg", "b/3.png", "b/4.JPG", "b/5.png", "b/notes.txt"):
            write(tmp_path, {name: b"no image"})
        assert count_images(RunSpec("image_folder", {"root": tmp_path})) == 4
        assert count_images(quick_specs(1)[0]) == 480

    def test_teraflops_are_measured(self):
        specs = quick_specs(1)[:2]
        found = measure_teraflops(specs, choose_device("cpu"), batch=2, steps=1)
        assert 0 < found["small_cnn"] < 100

    @pytest.mark.slow
    def test_is_what_the_page_says(self):
        page = (Path(__file__).parents[1] / "docs" / "CLUSTER.md").read_text(encoding="utf-8")
        cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines()]
        rows = [row for row in cells if len(row) == 6 and row[0] in ("1", "2", "3")]
        assert len(rows) == 10
        for number in published.TABLES:
            about = estimate(table_specs(number, weights=NO_WEIGHTS)).to_dict("records")
            said = [row for row in rows if row[0] == str(number)]
            for row, truth in zip(said, about, strict=True):
                assert row[1:3] == [truth["network"], str(truth["runs"])]
                numbers = [truth["GMAC"], truth["GPU hours"], truth["GB"]]
                assert list(map(float, row[3:])) == pytest.approx(numbers, abs=0.051)

    def test_bad_teraflops_are_refused(self):
        with pytest.raises(ValueError, match="teraflops must be positive, got 0"):
            estimate(quick_specs(1)[:1], teraflops=0)
