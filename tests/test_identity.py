"""Ids of runs: what decides the result, wherever its files lie and however it is spelled."""

import hashlib
import json
import os
import shutil
from dataclasses import replace

import pandas as pd
import pytest
from PIL import Image

from emdviz import experiments, losses, training
from emdviz.datasets.readers.digests import digest_file, digest_files
from emdviz.experiments import RunSpec, Store, paper
from emdviz.training import TrainConfig
from emdviz.training.results import MixedDataError

CONFIG = TrainConfig(epochs=1, batch_size=16, device="cpu")


def write_photos(root, grades=("low", "medium", "high"), count=12):
    """Write JPEGs of several grades under the names of a camera, and a table of labels."""
    for place, grade in enumerate(grades):
        (root / grade).mkdir(parents=True, exist_ok=True)
        for k in range(count):
            grey = Image.new("L", (32, 32), 20 + 60 * place + 3 * k)
            grey.save(root / grade / f"IMG_{place}{k:03}.jpg")
    rows = [f"{path.relative_to(root).as_posix()},{path.parent.name}" for path in jpegs(root)]
    (root / "labels.csv").write_text("\n".join(["path,label", *rows]))
    return root


def jpegs(root):
    return sorted(root.rglob("*.jpg"))


def settle(root):
    """Set the times of change back, as those of files that nobody has written just now."""
    for path in root.rglob("*"):
        os.utime(path, (1_700_000_000, 1_700_000_000))


@pytest.fixture
def photos(tmp_path):
    return write_photos(tmp_path / "mine")


def graded(root, seed=0, loss="XE", **more):
    config = replace(CONFIG, seed=seed)
    return RunSpec("image_folder", {"root": root, "size": 32}, loss=loss, config=config, **more)


class TestDigests:
    def test_are_those_of_names_and_contents(self, photos):
        lines = sorted(
            f"{path.relative_to(photos).as_posix()}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n"
            for path in photos.rglob("*")
            if path.is_file()
        )
        expected = hashlib.sha256("".join(lines).encode()).hexdigest()[:16]
        assert digest_files(photos) == f"sha256:{expected}"
        content = (photos / "labels.csv").read_bytes()
        assert (
            digest_file(photos / "labels.csv")
            == f"sha256:{hashlib.sha256(content).hexdigest()[:16]}"
        )

    def test_are_the_same_for_a_copy_and_a_zip_file(self, photos, tmp_path):
        shutil.copytree(photos, tmp_path / "copy")
        shutil.make_archive(tmp_path / "packed", "zip", photos)
        (tmp_path / "copy/.DS_Store").write_text("left behind")
        found = [digest_files(tmp_path / name) for name in ("copy", "packed.zip")]
        assert found == 2 * [digest_files(photos)]

    def test_read_a_file_again_only_if_it_changed(self, photos, monkeypatch):
        settle(photos)
        first, read = digest_files(photos), []
        real = hashlib.sha256
        monkeypatch.setattr(
            "emdviz.datasets.readers.digests.hashlib.sha256",
            lambda data: read.append(data) or real(data),
        )
        assert digest_files(photos) == first
        assert len(read) == 1  # the list of names and digests
        one = jpegs(photos)[0]
        one.write_bytes(one.read_bytes() + b"\0")
        assert digest_files(photos) != first
        assert read[1:-1] == [one.read_bytes()]
        assert digest_files(photos, cache=False) == digest_files(photos)

    def test_a_broken_cache_is_made_again(self, photos):
        settle(photos)
        first = digest_files(photos)
        kept = photos / ".emdviz/digests.json"
        assert len(json.loads(kept.read_text())) == 37
        for text in ("{", "[1]", '{"a": 1}'):
            kept.write_text(text)
            assert digest_files(photos) == first
        assert len(json.loads(kept.read_text())) == 37

    def test_tell_changes_of_a_file_that_keeps_its_size_and_time_from_one_another(self, tmp_path):
        """Some file systems count time in steps of two seconds."""
        path = tmp_path / "a.csv"
        path.write_text("1")
        about = path.stat()
        first = digest_file(path)
        path.write_text("2")
        os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))
        assert digest_file(path) != first


class TestIds:
    def test_do_not_depend_on_where_and_how_the_files_lie(self, photos, tmp_path, monkeypatch):
        shutil.copytree(photos, tmp_path / "else/where")
        shutil.make_archive(tmp_path / "packed", "zip", photos)
        monkeypatch.chdir(tmp_path)
        roots = ("mine", "./mine", "mine/", photos, tmp_path / "else/where", "packed.zip")
        specs = [graded(root) for root in roots]
        assert len({spec.id for spec in specs}) == 1
        assert {spec.edition for spec in specs} == {digest_files(photos)}
        assert "root" not in specs[0].to_dict()["dataset_options"]
        assert dict(specs[1].dataset_options)["root"] == str(photos)  # for workers elsewhere
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("USERPROFILE", str(tmp_path))
        assert graded("~/mine") == specs[0]

    def test_are_the_first_digits_of_the_sha_256_of_canonical_json(self):
        spec = RunSpec("digits", {"size": 20}, loss="AEMD", config=CONFIG)
        config = {
            "augmentation": "flip", "batch_size": 16, "epochs": 1, "learning_rate": 0.05,
            "momentum": 0.9, "schedule": "cosine", "seed": 0, "weight_decay": 0.0005,
        }  # fmt: skip
        facts = {
            "config": config, "dataset": "digits", "dataset_options": {"seed": 0, "size": 20},
            "loss": "AEMD", "loss_options": {"iterations": 100, "lam": 1}, "network": "small_cnn",
        }  # fmt: skip
        text = json.dumps(facts, separators=(",", ":"), sort_keys=True)
        expected = hashlib.sha256(text.encode()).hexdigest()[:16]
        assert spec.id == f"digits-small_cnn-AEMD-{expected}"

    @pytest.mark.parametrize(
        ("loss", "spelled"),
        [
            ("AEMD", {"lam": 1.0, "iterations": 100, "ground_distance": None}),
            ("EMD2", {"normalized": False, "reduction": "mean", "ignore_index": -100}),
            ("XEMD2", {"emd_weight": 1, "weight": None}),
            ("SGEMD2", {"omega": 1.0, "mu": 0.25, "warm_up": 4}),
            ("focal", {"gamma": 2.0}),
            ("torch.nn.CrossEntropyLoss", {"label_smoothing": 0.0}),
            ("tests.experiment_runs.my_loss", {"weight": None}),
        ],
        ids=["AEMD", "EMD2", "XEMD2", "SGEMD2", "focal", "torch", "own"],
    )
    def test_are_the_same_for_a_default_that_is_spelled_out(self, loss, spelled):
        plain = RunSpec("synthetic_faces", loss=loss)
        told = RunSpec(
            "synthetic_faces", {"n": 10_000, "seed": 0, "imbalance": 1}, loss=loss,
            loss_options=spelled,
        )  # fmt: skip
        assert plain == told
        name = next(iter(spelled))
        changed = {"lam": 3.0, "normalized": True, "emd_weight": 2, "omega": 2.0, "gamma": 1.0,
                   "label_smoothing": 0.1, "weight": [1.0] * 8}[name]  # fmt: skip
        assert replace(told, loss_options=spelled | {name: changed}) != plain
        assert replace(plain, dataset_options={"seed": 1}) != plain

    def test_an_option_that_is_on_by_default_can_be_off(self):
        loss = losses.as_loss(decide)
        assert loss.defaults() == {"certain": True}
        on, off = (
            RunSpec("digits", loss=decide, loss_options=given) for given in ({}, {"certain": False})
        )
        assert on != off
        assert RunSpec.from_dict(json.loads(json.dumps(off.to_dict()))) == off

    def test_depend_on_the_content_of_files_of_labels_and_of_weights(self, photos, tmp_path):
        def spec(labels, weights=None):
            options = {"root": photos, "labels": labels}
            return RunSpec("image_folder", options, weights=weights)

        inside = spec("labels.csv")
        assert spec(photos / "labels.csv") == inside
        for name in ("a.csv", "b.csv"):
            shutil.copy(photos / "labels.csv", tmp_path / name)
        assert spec(tmp_path / "a.csv") == spec(tmp_path / "b.csv") != inside
        first = spec(tmp_path / "a.csv")
        (tmp_path / "a.csv").write_text("path,label\n")
        assert spec(tmp_path / "a.csv") != first
        for name, content in (("a.pth", b"1"), ("b.pth", b"1"), ("c.pth", b"2")):
            (tmp_path / name).write_bytes(content)
        one, other, third = (spec("labels.csv", tmp_path / f"{x}.pth") for x in "abc")
        assert one == other != third
        assert one.weights == str(tmp_path / "a.pth")
        assert spec("labels.csv", "IMAGENET1K_V1").to_dict()["weights"] == "IMAGENET1K_V1"

    def test_neither_licence_nor_cache_counts(self, photos):
        options = {"root": photos, "licence": "mine", "cache": False}
        assert RunSpec("image_folder", options) == RunSpec("image_folder", {"root": photos})

    def test_of_a_table_are_those_of_its_content(self, tmp_path):
        for name in ("a.csv", "b.csv", "c.csv"):
            value = 7 if name == "c.csv" else 1
            (tmp_path / name).write_text(f"x,grade\n{value},low\n2,high\n")
        one, other, third = (
            RunSpec("table", {"path": tmp_path / f"{x}.csv", "label": "grade"}) for x in "abc"
        )
        assert one == other != third

    def test_of_published_files_need_no_digest(self, tmp_path):
        here, there = (RunSpec("retina_mnist", {"root": tmp_path / x}) for x in "ab")
        (tmp_path / "a").mkdir()
        assert here == there == RunSpec("retina_mnist", {"root": tmp_path / "a", "download": True})
        assert here.edition is None


def decide(outputs, targets, *, certain=True):
    """A loss with an option that is on by default."""
    return outputs.logsumexp(1).mean() if certain else outputs.square().mean()


class TestEditions:
    def test_a_name_stands_for_files_that_lie_elsewhere(self, photos):
        there = graded("/nowhere/mine", edition="clinic 2024")
        assert there == graded(photos, edition="clinic 2024") != graded(photos)
        assert there.to_dict()["edition"] == "clinic 2024"
        with pytest.raises(TypeError, match="edition must be a name of the data, or None, got 3"):
            graded(photos, edition=3)

    def test_a_spec_is_read_back_without_its_files(self, photos):
        spec = graded(photos)
        kept = json.loads(json.dumps(spec.to_dict()))
        shutil.rmtree(photos)
        again = RunSpec.from_dict(kept)
        assert again == spec
        with pytest.raises(ValueError, match=r"image_folder lie is not known; .*'root': '…'"):
            again.load()

    def test_files_that_changed_since_are_refused(self, photos, tmp_path):
        spec = graded(photos)
        write_photos(photos, ["top"])
        with pytest.warns(UserWarning, match="1 of 1 runs have no result"):
            frame = experiments.run([spec], tmp_path / "runs", progress=False)
        assert f"at {photos}, or of first weights, are not those" in frame["error"][0]
        assert f"then {spec.edition}, now {digest_files(photos)}" in frame["error"][0]
        assert experiments.results(tmp_path / "runs").empty

    def test_files_that_come_later_are_refused(self, tmp_path):
        spec = graded(tmp_path / "mine")
        assert spec.edition is None
        write_photos(tmp_path / "mine")
        with pytest.warns(UserWarning, match=r"were not at .*make its spec where.*edition='…'"):
            experiments.run([spec], tmp_path / "runs", progress=False)

    def test_tables_look_at_the_files_once(self, photos, monkeypatch):
        found = []
        monkeypatch.setattr(
            "emdviz.experiments.specs.edition_of", lambda *given: found.append(given) or "sha256:0"
        )
        specs = paper.quick_specs(1, photos, dataset="image_folder", losses=["XE"])
        assert len(specs) == 4
        assert len(found) == 1
        assert {spec.edition for spec in specs} == {"sha256:0"}


@pytest.mark.slow
def test_two_machines_join_their_stores(photos, tmp_path):
    """Each trains a seed, below a root of its own; nothing is trained again after the join."""
    shutil.copytree(photos, tmp_path / "cluster/scratch/mine")
    roots = (photos, tmp_path / "cluster/scratch/mine")
    stores = (tmp_path / "here", tmp_path / "there")
    for seed, (root, store) in enumerate(zip(roots, stores, strict=True)):
        specs = [graded(root, seed, loss) for loss in ("XE", "EMD2")]
        experiments.run(specs, store, progress=False)
    for folder in stores[1].iterdir():
        if folder.name != "training":
            shutil.copytree(folder, stores[0] / folder.name)
    every = [graded(photos, seed, loss) for loss in ("XE", "EMD2") for seed in (0, 1)]
    frame = experiments.run(every, stores[0], progress=False, train=None)
    assert (frame["error"] == "").all()
    assert "dataset root" not in frame
    joined = experiments.results(stores[0])
    assert len(joined) == 4
    laid = paper.table(joined, 1, dataset="image_folder")
    assert laid.loc["XE", ("small_cnn", "AEM", "runs")] == 2
    assert training.summarise(experiments.select(joined))["runs"].unique().tolist() == [2]
    other = write_photos(tmp_path / "others", ["low", "high"])
    experiments.run([graded(other)], stores[0], progress=False)
    both = experiments.results(stores[0])
    assert len(both) == 5
    with pytest.raises(MixedDataError, match="table\\['dataset edition'\\] == ") as caught:
        training.summarise(both)
    assert caught.value.column == "dataset edition"
    mine = both[both["dataset edition"] == every[0].edition]
    pd.testing.assert_frame_equal(training.summarise(mine), training.summarise(joined))
    shutil.rmtree(photos)
    kept = experiments.load(stores[0], every[0].id)  # without the data
    assert len(kept.predict(roots[1] / "low").classes) == 12
    assert Store(stores[0]).row(every[0])["error"] == ""
