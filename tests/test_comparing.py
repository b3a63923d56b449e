"""A file of ordered data: compared in one call or command, read again, and predicted from."""

import errno
import json
import os
import pickle
import re
import shlex
import shutil
import subprocess
import sys
import time
from concurrent.futures import Executor, Future
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, mean_absolute_error
from sklearn.preprocessing import StandardScaler
from typer.testing import CliRunner

from devtools.data_layouts import jpeg, picture, write
from emdviz import comparing, datasets, losses, report, training
from emdviz.cli import app
from emdviz.comparing.baselines import note_on_baselines, run_baselines
from emdviz.comparing.facts import FACTS, FORMAT, RUNS
from emdviz.comparing.sources import read_source
from emdviz.experiments.claims import Claim
from emdviz.training import TrainConfig
from emdviz.training.together import Heads
from tests.optional import posix

LEV = Path(__file__).parents[1] / "data" / "lev.csv"
SMALL = {"label": "rating", "losses": ["XE", "REG", "EMD2"], "network": "linear", "epochs": 2}
CONFIG = TrainConfig(epochs=2)

MINE = """
import os, signal
from torch.nn import functional as F

calls = 0


def my_loss(logits, targets):
    global calls
    calls += 1
    if os.environ.get("STOP_AT") == str(calls):
        os.kill(os.getpid(), signal.SIGINT)
    return F.cross_entropy(logits, targets) + (F.softmax(logits, 1) ** 2).sum(1).mean()
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "lev"
    return comparing.compare(LEV, seeds=3, baselines=True, folder=folder, **SMALL)


@pytest.fixture(autouse=True)
def one_report(monkeypatch):
    """Let only ``made``, which comes first, and other processes write a report."""
    monkeypatch.setattr(report, "write", lambda *_: None)


@pytest.fixture
def new():
    return pd.read_csv(LEV).drop(columns="rating").head(40)


def numbers(table):
    """The metrics of runs by loss and seed."""
    columns = [name for name in table if str(name).startswith(("valid ", "test "))]
    return table.set_index(["loss", "seed"])[columns].astype(float).sort_index()


def call(*arguments):
    return CliRunner().invoke(app, [str(one) for one in arguments], catch_exceptions=False)


def refused(*arguments):
    done = call(*arguments)
    assert done.exit_code == 2, done.output
    (line,) = [line for line in done.stderr.splitlines() if not line.startswith("note: ")]
    return line


@pytest.mark.slow
class TestComparing:
    def test_is_compare_losses_with_chosen_rates(self, made):
        data = datasets.table(LEV, label="rating")
        shared = {"config": CONFIG, "model": "linear", "seeds": range(3), "resplit": True}
        names = ["XE", "REG", "EMD2"]
        search = training.choose_rates(data, names, rates=[0.03, 0.1, 0.3], **shared)
        table = training.compare_losses(data, names, learning_rates=search.rates, **shared)
        assert made.rates == search.rates
        pd.testing.assert_frame_equal(numbers(made.table), numbers(table), rtol=1e-4, atol=1e-5)
        assert set(made.search["learning_rate"]) == set(search.table["learning_rate"])
        assert not [name for name in made.search if name.startswith("test ")]

    def test_is_read_again(self, made):
        again = comparing.load(made.folder)
        pd.testing.assert_frame_equal(again.table, made.table, check_dtype=False)
        pd.testing.assert_frame_equal(numbers(again.table), numbers(made.table), rtol=0, atol=0)
        assert len(again.search) == len(made.search)
        assert (made.folder / "report.html").stat().st_size > 10_000
        pd.testing.assert_frame_equal(again.baselines, made.baselines)
        for name in ("rates", "notes", "command", "config", "network", "losses", "seeds"):
            assert getattr(again, name) == getattr(made, name), name
        assert torch.equal(again.data.labels, made.data.labels)
        assert pd.read_csv(made.folder / "results.csv")["id"].tolist() == made.table["id"].tolist()

    def test_predictions_are_those_that_were_measured(self, made):
        for row in made.table.itertuples():
            predicted = made.predictions(row.loss, row.seed)
            split = made.data.resplit(row.seed)
            for name in ("valid", "test"):
                part = predicted[name]
                assert np.array_equal(part["index"], split.splits[name])
                assert np.array_equal(part["labels"], split.labels[split.splits[name]])
            hits = np.mean(predicted["test"]["classes"] == predicted["test"]["labels"])
            assert 100 * hits == pytest.approx(made.table.loc[row.Index, "test AEM"])
            assert ("outputs" if row.loss == "REG" else "probabilities") in predicted["test"]

    def test_histories_end_with_the_table(self, made):
        histories = made.histories()
        assert len(histories) == 3 * 3 * CONFIG.epochs
        last = histories[histories["epoch"] == CONFIG.epochs].set_index(["loss", "seed"])
        table = made.table.set_index(["loss", "seed"])
        assert last["valid RPS"].to_dict() == pytest.approx(table["valid RPS"].to_dict())
        assert {"train loss", "valid loss", "valid MAE"} <= set(histories)

    def test_the_best_is_so_on_validation(self, made):
        means = made.table.groupby("loss")[["valid RPS", "valid AEM"]].mean()
        assert made.best() == means["valid RPS"].idxmin()
        assert made.best("valid AEM") == means["valid AEM"].idxmax()
        with pytest.raises(ValueError, match="by must be 'valid '"):
            made.best("test RPS")
        with pytest.raises(ValueError, match=r"loss must be one of .*'EMD2'"):
            made.predictions("EMD", 0)
        with pytest.raises(ValueError, match=r"seed must be one of \[0, 1, 2\], got 7"):
            made.predictions("XE", 7)

    def test_goes_on_with_more_losses_and_seeds_side_by_side(self, made, tmp_path, monkeypatch):
        folder = tmp_path / "lev"
        shutil.copytree(made.folder, folder)
        alone = pytest.MonkeyPatch()
        monkeypatch.setattr(training.Run, "train", lambda *_: alone.undo() or pytest.fail("alone"))
        steps = []
        step = Heads.step
        monkeypatch.setattr(Heads, "step", lambda *given: steps.append(1) or step(*given))
        more = comparing.compare(
            LEV, seeds=3, folder=folder, **SMALL | {"losses": ["XE", "REG", "EMD2", "XEMD2"]}
        )
        assert steps
        old = numbers(more.table[more.table["loss"] != "XEMD2"])
        pd.testing.assert_frame_equal(old, numbers(made.table), rtol=1e-6)
        assert more.losses == ["XE", "REG", "EMD2", "XEMD2"]

    def test_one_program_at_a_time_has_the_folder(self, made, tmp_path):
        folder = tmp_path / "lev"
        shutil.copytree(made.folder, folder)
        other = Claim(folder)
        assert other.take()
        again = {"seeds": 3, "folder": folder, **SMALL}
        with pytest.raises(ValueError, match=r"another program compares in .*lev at this moment"):
            comparing.compare(LEV, **again)
        other.release()
        comparing.compare(LEV, **again)
        assert not list(folder.glob("claim.*"))

    def test_of_what_others_made_is_never_mixed(self, made, tmp_path):
        folder = tmp_path / "lev"
        shutil.copytree(made.folder, folder)
        frame = pd.read_csv(LEV)
        changed, shorter = tmp_path / "changed.csv", tmp_path / "shorter.csv"
        frame.assign(in1=frame["in1"].replace(2, 3)).to_csv(changed, index=False)
        frame.iloc[:-1].to_csv(shorter, index=False)
        for path, words in ((changed, "other values now"), (shorter, "999 rows now, 1000 then")):
            with pytest.raises(ValueError, match=words):
                comparing.compare(path, seeds=3, folder=folder, **SMALL)
        with pytest.raises(ValueError, match="was begun with epochs 2, not 3"):
            comparing.compare(LEV, seeds=3, folder=folder, **SMALL | {"epochs": 3})
        with pytest.raises(ValueError, match="was begun with network linear, not mlp"):
            comparing.compare(LEV, seeds=3, folder=folder, **SMALL | {"network": "mlp"})
        with pytest.raises(ValueError, match="the data have changed since"):
            comparing.load(folder, data=datasets.table(changed, label="rating"))
        (tmp_path / "letters").mkdir()
        (tmp_path / "letters" / "a").touch()
        with pytest.raises(ValueError, match="folder must be new, empty, or that of a comparison"):
            comparing.compare(LEV, seeds=3, folder=tmp_path / "letters", **SMALL)
        kept = json.loads((folder / FACTS).read_text())
        del kept["table"]
        (folder / FACTS).write_text(json.dumps(kept))
        with pytest.raises(FileNotFoundError, match="is not finished; go on with: python -m"):
            comparing.load(folder)
        (folder / FACTS).write_text("{")
        with pytest.raises(ValueError, match=r"comparison\.json cannot be read"):
            comparing.load(folder)
        with pytest.raises(FileNotFoundError, match=r"found no comparison.json in .*letters"):
            comparing.load(tmp_path / "letters")

    def test_a_full_disk_loses_nothing(self, made, tmp_path, monkeypatch):
        write_whole, left = training.run.RunFolder.write, [25]

        def until_full(*given, **more):
            left[0] -= 1
            if left[0] < 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            return write_whole(*given, **more)

        monkeypatch.setattr(training.run.RunFolder, "write", until_full)
        folder = tmp_path / "full"
        with pytest.raises(OSError, match=r"no space is left for .*full: make room, then repeat"):
            comparing.compare(LEV, seeds=3, folder=folder, **SMALL)
        kept = sorted(folder.glob(f"{RUNS}/*/last.safetensors"))
        assert len(kept) >= 20
        monkeypatch.undo()
        again = comparing.compare(LEV, seeds=3, folder=folder, **SMALL)
        pd.testing.assert_frame_equal(
            numbers(again.table), numbers(made.table), rtol=1e-4, atol=1e-5
        )

    def test_on_an_executor_that_pickles(self, made, tmp_path):
        class Elsewhere(Executor):
            def submit(self, function, *given):
                function, given = pickle.loads(pickle.dumps((function, given)))
                done = Future()
                done.set_result(pickle.loads(pickle.dumps(function(*given))))
                return done

        there = comparing.plan(LEV, seeds=3, folder=tmp_path / "lev", **SMALL)
        spread = there.carry_out(executor=Elsewhere())
        assert spread.rates == made.rates
        pd.testing.assert_frame_equal(
            numbers(spread.table), numbers(made.table), rtol=1e-4, atol=1e-5
        )

    @pytest.mark.slow
    def test_on_a_cluster_by_its_address(self, made, tmp_path):
        distributed = pytest.importorskip("distributed")
        folder, options = tmp_path / "lev", {"processes": False, "protocol": "tcp"}
        with distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, dashboard_address=None, **options
        ) as cluster:
            typed = ("--label=rating", "--losses=XE,REG,EMD2", "--network=linear", "--epochs=2")
            done = call(
                "compare", LEV, *typed, "--seeds=3", "--folder", folder, "--quiet",
                "--scheduler", cluster.scheduler_address,
            )  # fmt: skip
        assert done.exit_code == 0, done.output
        spread = comparing.load(folder)
        assert spread.rates == made.rates
        pd.testing.assert_frame_equal(
            numbers(spread.table), numbers(made.table), rtol=1e-4, atol=1e-5
        )


@pytest.mark.slow
class TestBaselines:
    def test_are_those_of_scikit_learn(self, made):
        data = made.data.resplit(1)
        train, test = data.split("train"), data.split("test")
        scaler = StandardScaler().fit(train.inputs)
        model = LogisticRegression(max_iter=1000).fit(scaler.transform(train.inputs), train.labels)
        found = model.predict(scaler.transform(test.inputs))
        rows = made.baselines.set_index(["baseline", "seed"]).loc["logistic regression", 1]
        assert rows["test AEM"] == pytest.approx(100 * accuracy_score(test.labels, found))
        assert rows["test MAE"] == pytest.approx(mean_absolute_error(test.labels, found))
        assert len(made.baselines) == 2 * 3
        assert (made.baselines["test RPS"] < 0.6).all()

    def test_one_that_is_ahead_by_far_is_reported(self):
        rng = np.random.default_rng(0)
        chance = rng.normal(0, 0.01, 8)
        table = pd.DataFrame({"loss": "XE", "seed": range(8), "error": "", "test RPS": 0.5})
        table["test RPS"] += chance
        fits = pd.DataFrame({"baseline": "gradient boosting", "seed": range(8)})
        ahead = fits.assign(**{"test RPS": 0.4 + rng.normal(0, 0.01, 8)})
        (note,) = note_on_baselines(table, ahead, 1 / 8)
        assert note.startswith("gradient boosting beats every network by far: test RPS 0.391")
        assert note_on_baselines(table, fits.assign(**{"test RPS": 0.49 + chance}), 1 / 8) == []
        noisy = fits.assign(**{"test RPS": 0.45 + 0.3 * np.array([-1, 1] * 4)})
        assert note_on_baselines(table, noisy, 1 / 8) == []

    def test_splits_that_share_rows_count_for_less(self):
        seeds = range(10)
        table = pd.DataFrame({"loss": "XE", "seed": seeds, "error": "", "test RPS": 0.5})
        pairs = 0.05 + 0.05 * np.array([-1.0, 1.0] * 5)  # mean over deviation: 0.95
        found = {"baseline": "gradient boosting", "seed": seeds, "test RPS": 0.5 - pairs}
        assert scipy.stats.ttest_1samp(pairs, 0).pvalue < 0.05  # if splits were independent
        assert note_on_baselines(table, pd.DataFrame(found), 0.0)
        assert note_on_baselines(table, pd.DataFrame(found), 1 / 8) == []


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda _: comparing.predict(object(), "new.csv"), "folder must be the folder of a comp"),
        (lambda _: comparing.load(object()), "folder must be the folder of a comparison, such as"),
        (lambda folder: comparing.load(folder, data=5), "data must be the data set that was"),
        (lambda _: comparing.plan(object()), "data must be a file, a folder, or what datasets.t"),
        (lambda _: comparing.plan(LEV, label="rating", folder=5), "folder must be a folder, "),
        (lambda _: datasets.table(object(), label="a"), "path must be a DataFrame, or a file with"),
        (lambda _: datasets.image_folder(object()), "root must be a folder or zip file, got"),
    ],
)
def test_what_is_no_path_is_refused(tmp_path, call, message):
    (tmp_path / FACTS).write_text(json.dumps({"format": FORMAT, "table": []}))
    with pytest.raises(TypeError, match=message):
        call(tmp_path)


@pytest.mark.slow
class TestPredicting:
    @pytest.mark.parametrize("loss", [None, "XE"])
    def test_is_the_mean_of_all_seeds(self, made, new, loss):
        scores = comparing.predict(made.folder, new, loss=loss)
        name = loss or made.best()
        assert scores.loss == name
        p = np.mean(
            [
                training.load_run(made.run_folder(name, seed)).predict(new).distribution.numpy()
                for seed in made.seeds
            ],
            axis=0,
        )
        table, x = scores.table, np.arange(1, 6)
        assert table["input"].tolist() == list(range(40))
        np.testing.assert_allclose(table[[f"P({k})" for k in x]], p, atol=1e-6)
        assert table["class"].tolist() == [str(x[k]) for k in p.argmax(1)]
        np.testing.assert_allclose(table["score"], p @ x, atol=1e-5)
        deviation = np.sqrt(p @ x**2 - (p @ x) ** 2)
        np.testing.assert_allclose(table["spread"], deviation, atol=1e-3)
        assert (table["note"] == "").all()

    def test_intervals_hold_what_they_say(self, made, new):
        scores = comparing.predict(made.folder, new, loss="EMD2")

        def distance(p, k):  # how much of the middle of p is needed to reach class k
            return max(0.0, 1 - 2 * p[: k + 1].sum(), 2 * p[:k].sum() - 1)

        def distances(split):
            found = [made.predictions("EMD2", seed)[split] for seed in made.seeds]
            return [
                distance(p.astype(float), k)
                for one in found
                for p, k in zip(one["probabilities"], one["labels"], strict=True)
            ]

        valid = sorted(distances("valid"))
        reach = valid[int(np.ceil(0.9 * (len(valid) + 1))) - 1]
        assert scores.coverage == pytest.approx(np.mean(np.array(distances("test")) <= reach))
        assert f"hold {100 * scores.coverage:.0f} % of the 300 labels" in " ".join(scores.notes)
        for row in scores.table.itertuples():
            p = np.array(row[7:12])
            held = [k + 1 for k in range(5) if distance(p, k) <= reach]
            assert held == list(range(int(row.low), int(row.high) + 1))

    def test_of_regression(self, made, new):
        scores = comparing.predict(made.folder, new, loss="REG")
        runs = [training.load_run(made.run_folder("REG", seed)) for seed in made.seeds]
        score = 1 + np.mean([run.predict(new).outputs.numpy() for run in runs], axis=0)
        np.testing.assert_allclose(scores.table["score"], score.clip(1, 5), atol=1e-5)
        low, high = scores.table["low"], scores.table["high"]
        assert ((low >= 1) & (low <= scores.table["score"]) & (high <= 5)).all()
        errors = [
            np.abs(part["outputs"].clip(0, 4) - part["labels"])
            for part in (made.predictions("REG", seed)["valid"] for seed in made.seeds)
        ]
        middle = (low > 1) & (high < 5)
        reach = np.sort(np.concatenate(errors))[int(np.ceil(0.9 * 301)) - 1]
        np.testing.assert_allclose((high - low)[middle] / 2, reach, atol=1e-5)

    def test_of_margins(self, new, tmp_path):
        """A vote: the position nearest to the mean of what the networks predict."""
        losses, folder = ["hinge-WW", "hinge-IT"], tmp_path / "runs"
        one = comparing.compare(LEV, seeds=3, folder=folder, **(SMALL | {"losses": losses}))
        for loss in losses:
            runs = [training.load_run(one.run_folder(loss, seed)) for seed in one.seeds]
            score = 1 + np.mean([run.predict(new).classes.numpy() for run in runs], axis=0)
            scores = comparing.predict(folder, new, loss=loss)
            np.testing.assert_allclose(scores.table["score"], score, atol=1e-5)
            assert scores.table["class"].tolist() == [
                str(k) for k in np.ceil(score - 0.5).astype(int)
            ]
            parts = [one.predictions(loss, seed)["valid"] for seed in one.seeds]
            errors = np.concatenate([abs(one["classes"] - one["labels"]) for one in parts])
            reach = np.sort(errors)[int(np.ceil(0.9 * 301)) - 1]
            expected = (score + reach).clip(1, 5)
            np.testing.assert_allclose(scores.table["high"], expected, atol=1e-5)

    def test_what_is_unlike_the_training_data_is_reported_or_refused(self, made, new, tmp_path):
        odd = new.head(3).astype(object)
        odd.loc[1, "in2"] = 77
        odd.to_csv(tmp_path / "odd.csv", index=False)
        scores = comparing.predict(made.folder, tmp_path / "odd.csv")
        assert scores.table["note"].tolist() == ["", "in2 77 is above 4, the most in training", ""]
        assert scores.notes[-1] == "1 of 3 inputs are unlike the training data; see note"
        with pytest.raises(ValueError, match=r"lacks \['in4'\]"):
            comparing.predict(made.folder, new.drop(columns="in4"))
        with pytest.raises(TypeError, match="inputs must be a DataFrame, or a file with a table"):
            comparing.predict(made.folder, made)
        with pytest.raises(ValueError, match="loss must be one of"):
            comparing.predict(made.folder, new, loss="CORN")
        with pytest.raises(FileNotFoundError, match="found none at"):
            comparing.predict(made.folder, tmp_path / "none.csv")

    def test_arrays_beyond_all_others_are_reported(self, tmp_path):
        rng = np.random.default_rng(0)
        x, y = rng.uniform(2, 3, (60, 4)).astype(np.float32), np.arange(60) % 3
        np.savez(tmp_path / "a.npz", x=x, y=y)
        comparing.compare(
            tmp_path / "a.npz", label="y", losses=["XE"], network="linear", seeds=2, epochs=1,
            folder=tmp_path / "run",
        )  # fmt: skip
        new = x[:3].copy()
        new[0, 2], new[2, 1:] = x[:, 2].max() + 0.05, 255
        notes = comparing.predict(tmp_path / "run", new).table["note"]
        most = f"{x[:, 1].max():.6g}"
        assert notes.tolist()[:2] == ["", ""]
        assert notes[2] == (
            f"input 1 255 is above {most}, the most in what was compared on; so are 2 other inputs"
        )


def medmnist(path, counts):
    """Write a file as those of MedMNIST: the images of all splits, then the labels."""
    rng = np.random.default_rng(0)
    labels = {part: rng.permutation(np.arange(n) % 5)[:, None] for part, n in counts.items()}
    arrays = {}
    for part, n in counts.items():
        noise = rng.integers(0, 40, (n, 28, 28, 3))
        arrays[f"{part}_images"] = (noise + 50 * labels[part][..., None, None]).astype(np.uint8)
    arrays |= {f"{part}_labels": own.astype(np.uint8) for part, own in labels.items()}
    np.savez(path, **arrays)
    return path


class TestSources:
    def test_arrays(self, tmp_path):
        rng = np.random.default_rng(0)
        x, y = rng.normal(size=(30, 4)).astype(np.float32), np.arange(30) % 3
        np.savez(tmp_path / "a.npz", x=x, y=y, person=np.arange(30) // 2)
        data = read_source(tmp_path / "a.npz", label="y", group="person")
        assert np.array_equal(data.inputs, x)
        assert data.labels.tolist() == y.tolist()
        assert len(set(data.groups)) == 15
        with pytest.raises(ValueError, match=r"a.npz lacks \['z'\], its arrays are \['x', 'y'"):
            read_source(tmp_path / "a.npz", label="z")
        assert torch.equal(read_source(tmp_path / "a.npz", group="person").labels, data.labels)
        np.savez(tmp_path / "z.npz", x=x, grade=y)
        with pytest.raises(ValueError, match="label or votes must name an array"):
            read_source(tmp_path / "z.npz")
        with pytest.raises(ValueError, match=r"holds arrays, for which \['rater'\] cannot be"):
            read_source(tmp_path / "a.npz", label="y", rater="who")
        np.savez(tmp_path / "b.npz", x=x, other=x, y=y)
        with pytest.raises(ValueError, match="features must name one array of inputs"):
            read_source(tmp_path / "b.npz", label="y")
        assert len(read_source(tmp_path / "b.npz", label="y", features=["x"])) == 30
        counts = rng.integers(1, 5, (30, 3))
        np.savez(tmp_path / "c.npz", x=x, counts=counts)
        voted = read_source(tmp_path / "c.npz", votes=["counts"])
        assert np.allclose(voted.votes, counts / counts.sum(axis=1, keepdims=True))

    def test_arrays_of_splits_are_joined_and_need_no_options(self, tmp_path):
        counts = {"train": 20, "val": 6, "test": 8}
        path = medmnist(tmp_path / "retina.npz", counts)
        data = read_source(path)
        assert data.has_images
        assert data.own_splits
        assert "labels are the array 'labels'" in data.notes
        with np.load(path) as file:
            for name, part in (("train", "train"), ("valid", "val"), ("test", "test")):
                rows = data.split(name)
                images = file[f"{part}_images"].transpose(0, 3, 1, 2)
                assert np.array_equal(rows.inputs, images)
                assert np.array_equal(rows.labels, file[f"{part}_labels"][:, 0])
            arrays = {name: file[name] for name in file.files}
        scrambled = sorted(arrays, key=lambda name: (name.endswith("images"), name))
        np.savez(tmp_path / "other.npz", **{name: arrays[name] for name in scrambled})
        other = read_source(tmp_path / "other.npz")
        assert torch.equal(other.inputs, data.inputs)
        assert torch.equal(other.labels, data.labels)
        ends = {name: "_".join(name.split("_")[::-1]) for name in arrays}  # as in Keras
        np.savez(tmp_path / "ends.npz", **{ends[name]: array for name, array in arrays.items()})
        assert torch.equal(read_source(tmp_path / "ends.npz").labels, data.labels)
        del arrays["val_labels"]
        np.savez(tmp_path / "short.npz", **arrays)
        with pytest.raises(ValueError, match=r"\['labels'\] must have as many rows as 'images' in"):
            read_source(tmp_path / "short.npz")
        arrays["val_images"] = arrays["val_images"][:, :9]
        np.savez(tmp_path / "odd.npz", **arrays)
        with pytest.raises(ValueError, match=r"odd.npz: 'images' must have one shape in all"):
            read_source(tmp_path / "odd.npz")

    @pytest.mark.parametrize(
        ("kind", "told"),
        [
            ("float16", "array 'x' of a.npz is float16: its numbers have three digits"),
            ("bool", "array 'x' of a.npz holds True and False, read as 1 and 0"),
            ("int8", None),
            (">f8", None),
        ],
    )
    def test_numbers_that_are_not_what_they_seem_are_told(self, tmp_path, kind, told):
        x = (np.random.default_rng(0).normal(size=(30, 4)) * 3).astype(kind)
        names = np.array([b"low", b"high", b"medium"] * 10)
        np.savez(tmp_path / "a.npz", x=x, y=names)
        data = read_source(tmp_path / "a.npz")
        assert np.array_equal(data.inputs, x.astype(np.float32))
        assert data.classes == ["low", "medium", "high"]
        assert ([note for note in data.notes if "array 'x'" in note] or [None]) == [told]

    @pytest.mark.parametrize(
        ("arrays", "words"),
        [
            ({"x": np.ones((30, 4), object)}, r"'x' of a.npz cannot .*x.astype\('float32'\)"),
            ({"x": np.full((30, 4), "1")}, r"'x' of a.npz must hold real numbers, got <U1; .*NAME"),
            ({"x": np.ones((30, 4), complex)}, "must hold real numbers, got complex128"),
            ({"x": np.ones((30, 4), "M8[s]")}, r"must hold real numbers, got datetime64\[s\]"),
            ({"x": np.full((30, 4), np.inf, np.float16)}, "inputs must be finite"),
            (
                {"y": np.array(["a"] * 30, object)},
                r"'y' of a.npz cannot be .*y.astype\(str\)",
            ),
            (
                {"y": np.eye(30)[:, :3]},
                r"one label .* got shape \(30, 3\); .* votes='y'",
            ),
        ],
    )
    def test_arrays_that_are_none_of_numbers_are_refused(self, tmp_path, arrays, words):
        given = {"x": np.arange(120.0).reshape(30, 4), "y": np.arange(30) % 3} | arrays
        np.savez(tmp_path / "a.npz", **given)
        with pytest.raises((TypeError, ValueError), match=words):
            read_source(tmp_path / "a.npz")

    def test_a_file_that_is_no_npz_is_refused(self, tmp_path):
        path = medmnist(tmp_path / "a.npz", {"train": 9, "test": 9})
        whole = path.read_bytes()
        for content in (b"", b"no", whole[: len(whole) // 2]):
            path.write_bytes(content)
            with pytest.raises(ValueError, match=r"a.npz must be a whole .npz file"):
                read_source(path)
        middle = len(whole) // 3
        path.write_bytes(whole[:middle] + bytes(64) + whole[middle + 64 :])
        with pytest.raises(ValueError, match=r"array '\w+_images' of a.npz cannot be read"):
            read_source(path)

    def test_a_table_of_images(self, tmp_path):
        files = {f"photos/{k}.jpg": jpeg(picture(k, k / 40)) for k in range(40)}
        root = write(tmp_path / "own", files)
        frame = pd.DataFrame({"file": list(files), "grade": [k % 4 for k in range(40)]})
        frame.to_csv(root / "grades.csv", index=False)
        data = read_source(root / "grades.csv", label="grade", size=32)
        assert data.has_images
        assert data.classes == ["0", "1", "2", "3"]
        by_table = datasets.image_folder(root, labels=self.renamed(frame, tmp_path), size=32)
        assert torch.equal(data.inputs, by_table.inputs)
        assert torch.equal(data.labels, by_table.labels)
        first = np.arange(40) % 3
        counts = frame.assign(**{str(k + 1): 2 * (first == k) + 1 for k in range(3)})
        counts.to_csv(root / "votes.csv", index=False)
        data = read_source(root / "votes.csv", votes=["1", "2", "3"])
        assert torch.allclose(data.votes[0], torch.tensor([0.6, 0.2, 0.2]).double())
        with pytest.raises(ValueError, match=r"grades.csv lacks \['mark'\]"):
            read_source(root / "grades.csv", label="mark")
        with pytest.raises(ValueError, match="label or votes must name a column"):
            read_source(root / "grades.csv")

    @staticmethod
    def renamed(frame, folder):
        frame.set_axis(["path", "label"], axis=1).to_csv(folder / "labels.csv", index=False)
        return folder / "labels.csv"

    def test_nothing(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="data must be a file or a folder, found none"):
            comparing.plan(tmp_path / "none.csv", label="x")
        with pytest.raises(ValueError, match=r"holds a table, for which \['size'\] cannot be"):
            read_source(LEV, label="rating", size=48)
        files = {f"{k % 2}/{k}.jpg": jpeg(picture(k, k % 2)) for k in range(16)}
        write(tmp_path / "own", files)
        with pytest.raises(ValueError, match="baselines are for tables and features"):
            comparing.plan(tmp_path / "own", network="small_cnn", baselines=True)


def test_the_time_of_features_is_measured_on_a_few_images(tmp_path, monkeypatch):
    seen, each = [], 0.004

    def slow(data, backbone, **options):
        seen.append(len(data.inputs))
        time.sleep(each * len(data.inputs))
        return with_features(data, torch.nn.Flatten(), **options)

    with_features = datasets.with_features
    # first, so that the module is not imported while the other one is in place
    monkeypatch.setattr("emdviz.comparing.planning._has_features", lambda: True)
    monkeypatch.setattr(datasets, "with_features", slow)
    images = np.random.default_rng(0).integers(0, 256, (500, 3, 8, 8), np.uint8)
    data = datasets.from_arrays(images, np.arange(500) % 3)
    plan = comparing.plan(data, losses=["XE"], seeds=1, epochs=1, folder=tmp_path / "run")
    assert plan.backbone == "efficientnet_lite0"
    assert plan.seconds() > 0.8 * 500 * each
    assert sum(seen) <= 40


@pytest.mark.slow
def test_photographs_by_frozen_features(tmp_path):
    pytest.importorskip("efficientnet_lite_pytorch")
    files = {
        f"{name}/{k}.jpg": jpeg(picture(k + 20 * tone, tone / 2))
        for tone, name in enumerate(("low", "middle", "high"))
        for k in range(10)
    }
    root = write(tmp_path / "own", files)
    made = comparing.compare(
        root, losses=["XE", "EMD2"], seeds=2, epochs=2, size=32, folder=tmp_path / "runs"
    )
    assert (made.network, made.backbone) == ("linear", "efficientnet_lite0")
    assert made.data.has_images
    new = write(
        tmp_path / "new",
        {"a.jpg": jpeg(picture(1, 0)), "b.jpg": b"no", "c.jpg": files["high/1.jpg"]},
    )
    scores = comparing.predict(made.folder, new, loss="XE")
    table = scores.table
    assert table["input"].tolist() == ["a.jpg", "b.jpg", "c.jpg"]
    assert table["note"].tolist() == ["", "cannot be read as an image", ""]
    assert table["score"].isna().tolist() == [False, True, False]
    assert "1 of 3 inputs could not be read" in scores.notes
    place = [k for k, name in enumerate(sorted(files)) if name == "high/1.jpg"]
    features = datasets.with_features(made.data, made.backbone).inputs[place]
    runs = [training.load_run(made.run_folder("XE", seed)) for seed in (0, 1)]
    p = np.mean([run.predict(features).distribution.numpy() for run in runs], axis=0)[0]
    np.testing.assert_allclose(
        table.loc[2, ["P(low)", "P(middle)", "P(high)"]].astype(float), p, atol=1e-4
    )
    names = pd.DataFrame({"photo": ["c.jpg", "gone.jpg", "b.jpg"]})
    names.to_csv(new / "list.csv", index=False)
    listed = comparing.predict(made.folder, new / "list.csv", loss="XE").table
    assert listed["note"].tolist() == ["", "no such file", "cannot be read as an image"]
    assert listed["score"][0] == pytest.approx(table["score"][2], abs=1e-5)


ONE_SPLIT = {"losses": ["XE", "EMD2"], "network": "linear", "seeds": 2, "epochs": 2}


@pytest.fixture(scope="module")
def retina(tmp_path_factory):
    folder = tmp_path_factory.mktemp("retina")
    return medmnist(folder / "retinamnist.npz", {"train": 60, "val": 15, "test": 20})


@pytest.fixture(scope="module")
def compared(retina):
    return comparing.compare(retina, folder=retina.parent / "run", **ONE_SPLIT)


class TestSplitsOfTheirOwn:
    """MedMNIST's files name the split of each image."""

    @pytest.mark.slow
    def test_are_used_by_all_runs(self, retina, compared):
        with np.load(retina) as file:
            expected = {"valid": file["val_labels"][:, 0], "test": file["test_labels"][:, 0]}
        for loss in ("XE", "EMD2"):
            for seed in (0, 1):
                for split, labels in expected.items():
                    found = compared.predictions(loss, seed)[split]
                    assert np.array_equal(found["labels"], labels)
        assert "one for all seeds" in (compared.folder / "report.html").read_text("utf-8")
        plan = comparing.plan(retina, folder=compared.folder, **ONE_SPLIT)
        assert "2 seeds, all on one split, which the data name" in str(plan)

    def test_are_drawn_anew_where_asked_for_and_never_mixed(self, retina, compared):
        with pytest.raises(ValueError, match="was begun with resplit False, not True"):
            comparing.compare(retina, folder=compared.folder, resplit=True, **ONE_SPLIT)
        plan = comparing.plan(retina, resplit=True, **ONE_SPLIT)
        assert "each with a split of its own" in str(plan)
        assert "--resplit" in plan.command.split()
        data = compared.data
        other = datasets.from_arrays(
            data.inputs, data.labels.numpy(), name=data.name,
            splits=["train"] * 59 + ["val"] * 16 + ["test"] * 20,
        )  # fmt: skip
        with pytest.raises(ValueError, match="was begun with splits"):
            comparing.compare(other, folder=compared.folder, **ONE_SPLIT)

    @pytest.mark.slow
    def test_are_those_of_the_baselines_too(self, tmp_path):
        rng = np.random.default_rng(0)
        labels = rng.integers(0, 3, 80)
        data = datasets.from_arrays(labels[:, None] + rng.normal(size=(80, 2)), labels)
        found = run_baselines(data, [0, 1], tmp_path, resplit=False)
        scores = found.groupby("baseline")["test RPS"].nunique()
        assert scores["logistic regression"] == 1
        again = run_baselines(data, [0, 1], tmp_path, resplit=False)
        pd.testing.assert_frame_equal(again, found)

    @pytest.mark.slow
    def test_of_a_table_are_used_too(self, tmp_path):
        frame = pd.read_csv(LEV)
        names = np.repeat(["train", "val", "test"], [700, 100, 200])
        names = np.random.default_rng(0).permutation(names)
        frame.assign(part=names).to_csv(tmp_path / "lev.csv", index=False)
        made = comparing.compare(
            tmp_path / "lev.csv", label="rating", split="part", baselines=True,
            folder=tmp_path / "run", **ONE_SPLIT,
        )  # fmt: skip
        for seed in (0, 1):
            rows = made.predictions("XE", seed)["test"]["index"]
            assert np.array_equal(rows, np.flatnonzero(names == "test"))
        scores = made.baselines.groupby("baseline")["test RPS"].nunique()
        assert scores["logistic regression"] == 1

    def test_new_images_are_predicted_from_a_file_of_arrays(self, retina, compared, tmp_path):
        with np.load(retina) as file:
            images = file["test_images"][:5]
        np.savez(tmp_path / "new.npz", images=images)
        scores = comparing.predict(compared.folder, tmp_path / "new.npz", loss="XE").table
        runs = [training.load_run(compared.run_folder("XE", seed)) for seed in (0, 1)]
        first = torch.from_numpy(images.transpose(0, 3, 1, 2).copy())
        p = np.mean([run.predict(first).distribution.numpy() for run in runs], axis=0)
        np.testing.assert_allclose(scores[[f"P({k})" for k in range(5)]], p, atol=1e-6)
        assert (scores["note"] == "").all()
        whole = comparing.predict(compared.folder, retina, loss="XE").table
        np.testing.assert_allclose(whole["score"][75:80], scores["score"], atol=1e-6)
        with pytest.raises(ValueError, match=r"got torch.float32 .* whole numbers from 0 to 255"):
            comparing.predict(compared.folder, images.astype(np.float32) / 255)

    def test_images_of_another_size_are_refused(self, compared):
        larger = np.zeros((2, 3, 32, 32), np.uint8)
        with pytest.raises(ValueError, match=r"\(N, 3, 28, 28\), got .* \(2, 3, 32, 32\); resize"):
            comparing.predict(compared.folder, larger)


@pytest.mark.slow
def test_medmnist_by_frozen_features(tmp_path):
    pytest.importorskip("efficientnet_lite_pytorch")
    path = medmnist(tmp_path / "retinamnist.npz", {"train": 30, "val": 10, "test": 10})
    made = comparing.compare(path, losses=["XE"], seeds=1, epochs=2, folder=tmp_path / "run")
    assert (made.network, made.backbone) == ("linear", "efficientnet_lite0")
    with np.load(path) as file:
        images = file["test_images"]
    np.savez(tmp_path / "new.npz", images)
    scores = comparing.predict(made.folder, tmp_path / "new.npz").table
    expected = made.predictions("XE", 0)["test"]["probabilities"]
    np.testing.assert_allclose(scores[[f"P({k})" for k in range(5)]], expected, atol=1e-4)
    larger = np.kron(images[:2], np.ones((1, 2, 2, 1), np.uint8))
    notes = comparing.predict(made.folder, larger).table["note"]
    assert notes.tolist() == ["of 56 × 56 pixels, and what was compared on of 28 × 28"] * 2


class TestOwnLoss:
    def test_in_a_file(self, tmp_path):
        (tmp_path / "mine.py").write_text(MINE)
        loss = losses.as_loss(f"{tmp_path}/mine.py:my_loss")
        logits, labels = torch.randn(5, 3), torch.tensor([0, 1, 2, 0, 1])
        expected = torch.nn.functional.cross_entropy(logits, labels)
        expected += (logits.softmax(1) ** 2).sum(1).mean()
        assert loss.name == "my_loss"
        assert torch.isclose(loss.make(3)(logits, labels), expected)
        assert losses.wrapping.path_of(loss) == f"{tmp_path}/mine.py:my_loss"
        with pytest.raises(ValueError, match=r"was not found: .*mine\.py has no other"):
            losses.as_loss(f"{tmp_path}/mine.py:other")
        with pytest.raises(FileNotFoundError, match=r"looked for at .*none\.py"):
            losses.as_loss(f"{tmp_path}/none.py:my_loss")
        (tmp_path / "broken.py").write_text("1/0")
        with pytest.raises(ValueError, match=r"broken.py fails \(ZeroDivisionError"):
            losses.as_loss(f"{tmp_path}/broken.py:my_loss")


class TestCommand:
    def test_the_plan_comes_first_and_may_be_all(self, tmp_path):
        folder = tmp_path / "runs"
        options = ("--label=rating", "--network=linear", "--epochs=1", "--seeds=2")
        done = call("compare", LEV, *options, "--folder", folder, "--dry-run")
        assert done.exit_code == 0, done.output
        assert "lev.csv: 1,000 rows, 5 classes: 1 < 2 < 3 < 4 < 5" in done.stdout
        assert "learning rates: 24 runs or more of linear, 1 epoch each" in done.stdout
        assert "4 losses × 2 seeds, each with a split of its own: 8 runs" in done.stdout
        assert re.search(r"time: about \d+ (s|min)", done.stdout)
        assert "note: classes are in order as numbers" in done.stderr
        assert list(tmp_path.iterdir()) == [], "nothing is left of what was measured"

    @pytest.mark.slow
    def test_says_what_to_type_again(self, made):
        assert made.command == (
            f"python -m emdviz compare {LEV} --label rating --losses XE,REG,EMD2 --network linear "
            f"--seeds 3 --epochs 2 --baselines --folder {made.folder}"
        )
        before = numbers(made.table)
        done = call(*shlex.split(made.command)[3:], "--quiet")
        assert done.exit_code == 0, done.output
        pd.testing.assert_frame_equal(numbers(comparing.load(made.folder).table), before)
        assert "means over 3 seeds, on test splits" in done.stdout
        assert "gradient boosting" in done.stdout
        assert "%|" not in done.stderr

    @pytest.mark.parametrize(
        ("typed", "words"),
        [
            (["--label=mark"], "error: .*mark.*rating"),
            (["--label=rating", "--losses=XE,NO"], "error: type --losses with one of XE, .*'NO'"),
            (["--label=rating", "--network=none"], "error: .*none"),
            (["--label=rating", "--seeds=0"], "error: seeds must be an integer, 1 or more, got 0"),
            (["--label=rating", "--rates=0.1"], "error: rates must be two or more different"),
            (["--label=rating", "--bins=a"], "error: type --bins as numbers between commas"),
            (["--votes=in1,in2", "--id=in3"], "error: "),
            ([], "error: --label or --votes must name a column of lev.csv"),
            (["--votes=in1"], r"error: --votes must name a column for each .* --id COLUMN tells"),
            (
                ["--label=rating", "--missing=7"],
                "error: --missing must be a value in lev.csv, which",
            ),
        ],
    )
    def test_errors_say_what_to_type(self, tmp_path, typed, words):
        line = refused("compare", LEV, *typed, "--folder", tmp_path / "runs", "--quiet")
        assert re.match(words, line), line
        assert not (tmp_path / "runs").exists()

    def test_predict_needs_a_comparison(self, tmp_path):
        assert "found no comparison.json in" in refused("predict", tmp_path, LEV)
        (tmp_path / "a run").mkdir()
        (tmp_path / "a run" / "result.json").touch()
        assert "experiments.load(store, id).predict" in refused("predict", tmp_path, LEV)


@pytest.mark.slow
@posix
def test_from_a_file_to_predictions_in_fresh_processes_one_of_them_interrupted(tmp_path):
    (tmp_path / "mine.py").write_text(MINE)
    shutil.copy(LEV, tmp_path / "lev.csv")
    names = "XE,EMD2,mine.py:my_loss"

    def run(*arguments, **environment):
        return subprocess.run(
            [sys.executable, "-m", "emdviz", *arguments], cwd=tmp_path, check=False,
            capture_output=True, encoding="utf-8", env={**os.environ, **environment},
        )  # fmt: skip

    options = ("--network=linear", "--seeds=2", "--epochs=3", "--quiet")
    typed = ("compare", "lev.csv", "--label=rating", f"--losses={names}", *options)
    stopped = run(*typed, STOP_AT="60")
    assert stopped.returncode == 130, stopped.stderr
    assert stopped.stderr.splitlines()[-1] == "stopped; repeat the command to go on from here"
    begun = [json.loads(p.read_text()) for p in tmp_path.glob("runs/lev/runs/*/history.json")]
    assert {len(one["epochs"]) for one in begun} < {1, 2, 3}
    assert begun
    done = run(*typed)
    assert done.returncode == 0, done.stderr
    found = comparing.load(tmp_path / "runs/lev")
    asked = ["XE", "EMD2", f"{tmp_path}/mine.py:my_loss"]
    whole = comparing.compare(
        LEV, label="rating", losses=asked, network="linear", seeds=2, epochs=3,
        folder=tmp_path / "whole",
    )  # fmt: skip
    pd.testing.assert_frame_equal(numbers(found.table), numbers(whole.table), rtol=1e-4, atol=1e-5)
    new = run("predict", "runs/lev", "lev.csv", "--loss=my_loss", "--out=scores.csv")
    assert new.returncode == 0, new.stderr
    scores = pd.read_csv(tmp_path / "scores.csv")
    assert not re.search(r"\d\.\d{7}", (tmp_path / "scores.csv").read_text())
    expected = comparing.predict(tmp_path / "whole", LEV, loss="my_loss").table
    np.testing.assert_allclose(scores["score"], expected["score"], atol=1e-3)
    assert len(scores) == 1000
    (tmp_path / "mine.py").write_text(MINE.replace("** 2", "** 4"))
    mixed = run(*typed)
    assert mixed.returncode == 2
    assert "the code of the loss my_loss has changed" in mixed.stderr
