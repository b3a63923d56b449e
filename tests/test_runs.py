"""Runs on disk: they go on to the same weights after whatever stopped them."""

import errno
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import safetensors
import safetensors.torch
import torch

from emdviz import datasets, losses, models, training
from emdviz.explorers import PredictionExplorer
from emdviz.training import TrainConfig, compare_losses, fit
from emdviz.training.state import RunFolder
from tests.optional import posix

CONFIG = TrainConfig(
    epochs=4, batch_size=32, learning_rate=0.02, augmentation="paper", seed=5, device="cpu"
)


@pytest.fixture(scope="module")
def faces():
    return datasets.load("synthetic_faces", n=200, size=32)


@pytest.fixture(scope="module")
def whole(faces):
    """A run that nothing stopped: its weights and its epochs."""
    return train(faces)


def train(faces, folder=None, config=CONFIG, stop_after=None):
    model = models.small_cnn(8, seed=2)
    epochs = []
    for epoch in fit(model, "EMD2", faces, config, folder=folder):
        epochs.append(epoch)
        if epoch.number == stop_after:
            break
    return {name: value.clone() for name, value in model.state_dict().items()}, epochs


def assert_same(run, other):
    assert all(torch.equal(run[0][name], other[0][name]) for name in other[0])
    for mine, theirs in zip(run[1], other[1], strict=True):
        mine, theirs = mine.to_dict(), theirs.to_dict()
        del mine["seconds"], theirs["seconds"]
        assert mine == theirs


@pytest.mark.slow
def test_a_stopped_run_with_dropout_goes_on_to_the_same_weights(tmp_path):
    faces = datasets.load("synthetic_faces", n=200, size=40)
    config = replace(CONFIG, epochs=3, learning_rate=0.003, crop=36, mirror=True)

    def train(folder=None, stop_after=3):
        model = models.MODELS["ALXs_thin"](8, seed=2)
        epochs = list(
            itertools.islice(fit(model, "EMD2", faces, config, folder=folder), stop_after)
        )
        return model.state_dict(), epochs

    for number in (1, 2):
        train(tmp_path, stop_after=number)
        torch.rand(7)  # what the caller draws does not matter
    assert_same(train(tmp_path), train())


@pytest.mark.slow
@pytest.mark.parametrize("stop_after", [1, 3, 4])
def test_a_stopped_run_goes_on_to_the_same_weights(faces, whole, tmp_path, stop_after):
    train(faces, tmp_path / "run", stop_after=stop_after)
    assert_same(train(faces, tmp_path / "run"), whole)


@pytest.mark.slow
def test_a_run_interrupted_within_an_epoch_goes_on(faces, whole, tmp_path):
    model = models.small_cnn(8, seed=2)
    seen = []

    def interrupt(module, arguments):
        seen.append(module.training)
        if sum(seen) == 9:  # in the second epoch of five steps
            raise KeyboardInterrupt

    model.register_forward_pre_hook(interrupt)
    with pytest.raises(KeyboardInterrupt):
        list(fit(model, "EMD2", faces, CONFIG, folder=tmp_path))
    assert_same(train(faces, tmp_path), whole)


KILLED = """
import sys, torch
torch.set_num_threads(1)
from tests.test_runs import CONFIG, train
from emdviz import datasets
print("ready", flush=True)
train(datasets.load("synthetic_faces", n=200, size=32), sys.argv[1])
"""


@pytest.mark.slow
@pytest.mark.parametrize(("seconds", "end"), [(0.15, "KILL"), (0.35, "TERM"), (0.6, "KILL")])
@posix
def test_a_killed_run_goes_on_to_the_same_weights(faces, whole, tmp_path, seconds, end):
    running = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE
    )
    running.stdout.readline()
    time.sleep(seconds)
    running.send_signal(signal.Signals[f"SIG{end}"])
    running.wait()
    running.stdout.close()
    assert_same(train(faces, tmp_path), whole)


def test_the_folder_holds_the_files_of_a_run(faces, whole, tmp_path):
    train(faces, tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"last.safetensors", "best.safetensors", "history.json"}
    last = safetensors.torch.load_file(tmp_path / "last.safetensors")
    assert torch.equal(last["model.head.weight"], whole[0]["head.weight"])
    best = min(whole[1], key=lambda epoch: epoch.valid_loss).number
    again = train(faces, stop_after=best)
    kept = safetensors.torch.load_file(tmp_path / "best.safetensors")
    assert torch.equal(kept["model.head.weight"], again[0]["head.weight"])


def test_another_run_in_the_folder_is_refused(faces, tmp_path):
    train(faces, tmp_path, stop_after=1)
    other = TrainConfig(**(vars(CONFIG) | {"learning_rate": 0.03}))
    with pytest.raises(ValueError, match=r"learning_rate is 0\.02 there and 0\.03 here"):
        train(faces, tmp_path, other)
    fewer = datasets.load("synthetic_faces", n=190, size=32)
    with pytest.raises(ValueError, match="another run: data is"):
        train(fewer, tmp_path)


def test_a_loss_that_has_changed_is_refused(faces, tmp_path):
    def my_loss(factor):
        def mine(outputs, targets):
            return factor * torch.nn.functional.cross_entropy(outputs, targets)

        return losses.as_loss(mine, name="mine")

    def go(loss):
        return next(iter(training.Run("linear", loss, faces, CONFIG, folder=tmp_path))).train_loss

    first = go(my_loss(1.0))
    assert go(my_loss(1.0)) == first
    with pytest.raises(ValueError, match=r"value of the loss for a trial is 2.* there and 7"):
        go(my_loss(3.0))
    path = tmp_path / "last.safetensors"  # as one that was kept before this was told
    with safetensors.safe_open(path, framework="pt") as file:
        header = file.metadata()
    facts = json.loads(header["facts"])
    del facts["value of the loss for a trial"]
    header["facts"] = json.dumps(facts)
    safetensors.torch.save_file(safetensors.torch.load_file(path), path, header)
    assert go(my_loss(3.0)) == first


def test_a_network_that_has_changed_is_refused(faces, tmp_path):
    def go(activation):
        def mine(outputs):
            flat = torch.nn.Flatten(), torch.nn.Linear(3 * 32 * 32, 4), activation
            return torch.nn.Sequential(*flat, torch.nn.Linear(4, outputs))

        run = training.Run(mine, "XE", faces, CONFIG, folder=tmp_path)
        return next(iter(run)).train_loss

    first = go(torch.nn.Tanh())
    assert go(torch.nn.Tanh()) == first
    with pytest.raises(ValueError, match=r"outputs before training is .* there and"):
        go(torch.nn.ReLU())


def test_a_network_of_ones_own_goes_on_whatever_its_first_weights(faces, tmp_path):
    def go():
        model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 32 * 32, 8))
        return next(iter(training.Run(model, "XE", faces, CONFIG, folder=tmp_path))).train_loss

    assert go() == go()


def test_a_broken_state_is_named(faces, tmp_path):
    train(faces, tmp_path, stop_after=1)
    path = tmp_path / "last.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"last\.safetensors is no state of a run.*delete"):
        train(faces, tmp_path)
    safetensors.torch.save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(ValueError, match="no state of a run"):
        train(faces, tmp_path)


@pytest.mark.slow
def test_a_full_disk_loses_no_finished_epoch(faces, whole, tmp_path, monkeypatch):
    sync, calls = os.fsync, []

    def full(descriptor):
        calls.append(descriptor)
        if len(calls) > 1:  # best of the first epoch, which is the last as well
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"epoch 2 could not be kept.*the 1 before it are safe"):
        train(faces, tmp_path)
    monkeypatch.undo()
    assert not list(tmp_path.glob(".*")), "a half-written file was left"
    assert_same(train(faces, tmp_path), whole)


def test_a_folder_may_lie_at_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert RunFolder("~/run", {}).path == tmp_path / "run"
    assert PredictionExplorer().save_html("~/page.html") == tmp_path / "page.html"
    assert (tmp_path / "page.html").is_file()


def test_a_read_only_folder_is_named(faces, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(OSError, match="epoch 1 could not be kept in"):
        train(faces, blocked / "run")


@pytest.mark.parametrize("on_a_cpu", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize("largest", [16, 5])
def test_a_batch_that_does_not_fit_is_halved_once(faces, largest, on_a_cpu):
    model = models.small_cnn(8, seed=2)

    def little_memory(module, arguments):
        if module.training and len(arguments[0]) > largest:
            if on_a_cpu:
                torch.empty(2**60, dtype=torch.uint8)  # raises what torch raises there
            raise torch.OutOfMemoryError("no memory left")

    model.register_forward_pre_hook(little_memory)
    run = fit(model, "EMD2", faces, CONFIG)
    if largest == 16:
        with pytest.warns(UserWarning, match="a batch of 32 does not fit on cpu"):
            assert len(list(run)) == 4
    else:
        with (
            pytest.warns(UserWarning, match="two halves"),
            pytest.raises(MemoryError, match=r"not even half a batch of 32.*smaller batch_size"),
        ):
            next(run)


@pytest.mark.slow
def test_one_loss_that_lacks_memory_does_not_end_the_others(faces):
    def greedy(logits, targets):
        if len(logits) > 12:
            torch.empty(2**60, dtype=torch.uint8)
        return torch.nn.functional.cross_entropy(logits, targets)

    with (
        pytest.warns(UserWarning, match="two halves"),
        pytest.warns(UserWarning, match=r"greedy with seed 0 stopped: .*smaller batch_size"),
    ):
        table = compare_losses(faces, [greedy, "EMD2"], config=CONFIG)
    assert table["error"].map(bool).tolist() == [True, False]
