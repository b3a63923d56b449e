"""The replay of a comparison, without a browser."""

import json

import numpy as np
import pytest
import torch
import traitlets

from emdviz import datasets, models
from emdviz.explorers import TrainingReplay
from emdviz.explorers.kit.address import fields
from emdviz.site.recorded import Replay
from emdviz.training import TrainConfig, fit
from tests.comparisons import made_up_epochs

LENGTHS = {"XE": 4, "REG": 4, "EMD2": 2}


@pytest.fixture(scope="module")
def faces():
    return datasets.load("synthetic_faces", n=64, size=32)


@pytest.fixture
def replay(faces):
    return TrainingReplay(made_up_epochs(LENGTHS, 3, 8), faces, images=[2, 0, 4])


def test_beliefs_are_those_of_the_epoch_and_the_image(replay):
    assert replay.epoch == 4
    replay.epoch, replay.image = 2, 1
    shown = replay.beliefs
    for loss in ("XE", "EMD2"):
        expected = replay.epochs[loss][1].probe.distribution[1].numpy()
        np.testing.assert_array_equal(shown[loss], expected)
    assert shown["REG"] == replay.epochs["REG"][1].probe.classes[1]
    replay.epoch = 3
    assert replay.beliefs["EMD2"] is None


def test_what_stands_in_the_address_is_what_the_recorded_one_has(replay):
    allowed = {field["name"]: field for field in fields(replay)}
    assert allowed["epoch"] == {**allowed["epoch"], "kind": "whole", "low": 1, "high": 4}
    assert "RPS" in allowed["metric"]["choices"]
    assert allowed.keys() == {field["name"] for field in Replay().address_fields()}


def test_the_browser_gets_all_frames(replay, faces):
    state = replay.get_state(["_setup", "_epochs"])
    json.dumps(state, allow_nan=False)
    frames = state["_epochs"]
    assert [len(done) for done in frames] == list(LENGTHS.values())
    for done, epochs in zip(frames, replay.epochs.values(), strict=True):
        for frame, epoch in zip(done, epochs, strict=True):
            assert frame["belief"]["classes"] == epoch.probe.classes.tolist()
            if epoch.probe.distribution is not None:
                shown = np.array(frame["belief"]["p"])
                np.testing.assert_allclose(shown, epoch.probe.distribution, atol=1e-5)
    assert frames[0][0]["metrics"]["Spearman"] is None
    valid = faces.split("valid")
    assert state["_setup"]["probe"]["labels"] == valid.labels[[2, 0, 4]].tolist()
    truth = np.array(state["_setup"]["probe"]["truth"])
    np.testing.assert_allclose(truth, valid.true_distribution[[2, 0, 4]], atol=1e-5)


@pytest.mark.parametrize(
    ("trait", "value", "message"),
    [
        ("epoch", 5, "epoch must be an integer, 1 to 4, got 5"),
        ("epoch", 0, "epoch must be an integer, 1 to 4, got 0"),
        ("epoch", "last", "epoch"),
        ("image", 3, "image must be an integer, 0 to 2, got 3"),
        ("image", -1, "image must be an integer, 0 to 2, got -1"),
        ("metric", "EMD", "metric must be one of"),
    ],
)
def test_bad_values_leave_it_as_it_was(replay, trait, value, message):
    before = getattr(replay, trait)
    with pytest.raises(traitlets.TraitError, match=message):
        setattr(replay, trait, value)
    assert getattr(replay, trait) == before


def test_what_was_kept_by_fit_is_replayed(faces, tmp_path):
    config = TrainConfig(epochs=2, batch_size=16, device="cpu")
    done = list(fit(models.small_cnn(8), "EMD2", faces, config, folder=tmp_path))
    replay = TrainingReplay.from_folder(tmp_path, faces, epoch=1)
    expected = done[0].probe.distribution[0]
    np.testing.assert_allclose(replay.beliefs["EMD2"], expected, rtol=1e-6)
    for seed in (0, 1):
        config = TrainConfig(epochs=1, batch_size=16, seed=seed, device="cpu")
        list(fit(models.small_cnn(8), "XE", faces, config, folder=tmp_path / f"{seed}"))
    with pytest.raises(ValueError, match="more than one run of XE"):
        TrainingReplay.from_folder(tmp_path, faces)


def test_bad_arguments_are_named(faces, tmp_path):
    epochs = made_up_epochs({"XE": 1}, 3, 8)
    with pytest.raises(TypeError, match=r"epochs must be a dict of losses.*got \["):
        TrainingReplay(epochs["XE"], faces)
    for wrong in (3, [3], ["XE"]):
        with pytest.raises(
            TypeError, match=r"epochs\['XE'\] must be a list of training.Epoch, got"
        ):
            TrainingReplay({"XE": wrong}, faces)
    with pytest.raises(ValueError, match=r"hold predictions for 3 images, but there are \d"):
        TrainingReplay(epochs, faces)
    with pytest.raises(ValueError, match="epochs must hold at least one finished epoch"):
        TrainingReplay({"XE": []}, faces)
    with pytest.raises(TypeError, match="a loss of epochs must be a name, got 3"):
        TrainingReplay({3: epochs["XE"]}, faces, images=[0, 1, 2])
    with pytest.raises(FileNotFoundError, match="holds no run"):
        TrainingReplay.from_folder(tmp_path, faces)
    with pytest.raises(traitlets.TraitError, match="epoch must be an integer, 1 to 1, got 2"):
        TrainingReplay(epochs, faces, images=[0, 1, 2], epoch=2)


@pytest.mark.slow
def test_figure_shows_the_present_state(replay):
    replay.epoch, replay.metric = 2, "QWK"
    curves, beliefs = replay.figure().subfigs
    assert curves.axes[0].get_title(loc="left") == "QWK: higher is better"
    assert [ax.get_title(loc="left") for ax in beliefs.axes] == ["", "XE", "REG", "EMD²"]
    heights = [bar.get_height() for bar in beliefs.axes[1].patches[:8]]
    np.testing.assert_allclose(heights, replay.beliefs["XE"])
    replay.epoch, replay.metric = 3, "log loss"
    assert len(replay.figure().subfigs[1].axes) == 3, "EMD² has no third epoch"


def test_images_without_labels(faces):
    images = torch.zeros(3, 3, 32, 32, dtype=torch.uint8)
    replay = TrainingReplay(made_up_epochs(LENGTHS, 3, 8), faces, images=images)
    assert replay.get_state("_setup")["_setup"]["probe"]["truth"] is None
    assert replay.figure() is not None
