"""Networks of torchvision and timm, of one's own modules and files, and weights for any of them."""

import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
import torchvision
from torch import nn

from emdviz import datasets, experiments, models
from emdviz.experiments import RunSpec, load
from emdviz.training import Run, TrainConfig
from tests import timm_layout

SHUFFLE = "torchvision:shufflenet_v2_x0_5"
CONFIG = TrainConfig(epochs=1, batch_size=32, learning_rate=0.02, device="cpu")
FACES = {"n": 80, "size": 32}

OWN = """
from torch import nn
def net(outputs):
    return nn.Sequential(nn.Conv2d(3, 4, 8, 8), nn.Flatten(), nn.Linear(64, outputs))
"""


@pytest.fixture(scope="module")
def faces():
    return datasets.load("synthetic_faces", **FACES)


def pixels(size=64, number=2):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (number, 3, size, size), dtype=torch.uint8, generator=generator)


def with_random_statistics(network, seed=3):
    """Give a network weights, means and variances that no first weights have."""
    torch.manual_seed(seed)
    for name, value in network.state_dict().items():
        if value.is_floating_point():
            spread = torch.rand_like(value) + 0.5
            value.copy_(spread if "running_var" in name else value + 0.1 * spread)
    return network.eval()


class TestOfTorchvision:
    def test_is_theirs_with_their_scaling(self, tmp_path, monkeypatch):
        monkeypatch.setenv("TORCH_HOME", str(tmp_path))
        weights = torchvision.models.get_model_weights("shufflenet_v2_x0_5").IMAGENET1K_V1
        theirs = with_random_statistics(torchvision.models.shufflenet_v2_x0_5())
        path = tmp_path / "hub/checkpoints" / Path(weights.url).name  # as if downloaded before
        path.parent.mkdir(parents=True)
        torch.save(theirs.state_dict(), path)
        network = models.build(SHUFFLE, 5, (3, 64, 64), weights="IMAGENET1K_V1").eval()
        theirs.fc = network.network.fc
        assert theirs.fc.out_features == 5
        ready = weights.transforms(crop_size=64, resize_size=64)(pixels())
        got, expected = network(pixels() / 127.5 - 1), theirs(ready)
        assert expected.std() > 0.01
        torch.testing.assert_close(got, expected, atol=1e-4, rtol=1e-4)

    def test_seeds_decide_the_body_whatever_the_outputs(self):
        one, same, other = (
            models.build(SHUFFLE, outputs, (3, 64, 64), seed=seed).network
            for outputs, seed in ((8, 1), (1, 1), (8, 2))
        )
        assert torch.equal(one.conv1[0].weight, same.conv1[0].weight)
        assert torch.equal(one.conv5[0].weight, same.conv5[0].weight)
        assert not torch.equal(one.conv5[0].weight, other.conv5[0].weight)
        assert same.fc.out_features == 1

    def test_last_layers_that_are_convolutions_and_outputs_beside_the_first(self):
        with torch.device("meta"):
            squeeze = models.build("torchvision:squeezenet1_1", 5, (3, 64, 64))
            assert squeeze(torch.empty(2, 3, 64, 64)).shape == (2, 5)
            inception = models.build("torchvision:inception_v3", 5, (3, 299, 299)).train()
            assert inception(torch.empty(2, 3, 299, 299)).shape == (2, 5)

    def test_has_one_name(self):
        for way in ("torchvision.models.resnet18", torchvision.models.resnet18):
            spec = RunSpec("synthetic_faces", FACES, network=way)
            assert spec == RunSpec("synthetic_faces", FACES, network="torchvision:resnet18")
            assert "-torchvision_resnet18-" in spec.id

    def test_no_such_network_or_weights(self):
        with pytest.raises(ValueError, match=r"of torchvision that sorts .* resnet18.* 'torchv"):
            models.build("torchvision:resnet19", 3, (3, 64, 64))
        with pytest.raises(
            ValueError, match=r"such as 'torchvision:resnet18' or .* got 'resnet18'"
        ):
            models.build("resnet18", 3, (3, 64, 64))
        known = "weights must be 'IMAGENET1K_V1', or a file, got 'V9'"
        with pytest.raises(FileNotFoundError, match=known):
            models.build(SHUFFLE, 3, (3, 64, 64), weights="V9")

    def test_a_download_that_fails(self, tmp_path, monkeypatch):
        monkeypatch.setenv("TORCH_HOME", str(tmp_path))
        monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
        with pytest.raises(OSError, match=r"IMAGENET1K_V1 of torchvision:shuf.* pass the file"):
            models.build(SHUFFLE, 3, (3, 64, 64), weights="IMAGENET1K_V1")


class TestOfTimm:
    """test_resnet is timm's own for tests; its colours are scaled by other numbers."""

    @pytest.fixture
    def timm(self, monkeypatch):
        try:
            return import_module("timm")
        except ModuleNotFoundError:
            return timm_layout.install(monkeypatch)

    def test_is_theirs_with_their_scaling(self, timm, tmp_path):
        theirs = with_random_statistics(timm.create_model("test_resnet", num_classes=5))
        torch.save({"model": theirs.state_dict(), "epoch": 3}, tmp_path / "theirs.pth")
        network = models.build("timm:test_resnet", 5, (3, 64, 64), weights=tmp_path / "theirs.pth")
        config = timm.data.resolve_model_data_config(theirs)
        assert config["mean"] != (0.485, 0.456, 0.406)
        mean, std = (np.array(config[name])[:, None, None] for name in ("mean", "std"))
        ready = torch.from_numpy((pixels().numpy() / 255 - mean) / std).float()
        got = network.eval()(pixels() / 127.5 - 1)
        torch.testing.assert_close(got, theirs(ready), atol=1e-4, rtol=1e-4)

    def test_in_a_run(self, timm, faces):
        run = Run("timm:test_resnet", "EMD2", faces, CONFIG)
        (epoch,) = run
        assert np.isfinite(epoch.train_loss)
        spec = RunSpec("synthetic_faces", FACES, network=timm.models.test_resnet)
        assert spec.network == "timm:test_resnet"

    def test_no_such_network_or_weights(self, timm):
        with pytest.raises(ValueError, match=r"of timm that sorts .* resnet10t.* 'timm:resnet10'"):
            models.build("timm:resnet10", 3, (3, 64, 64))
        with pytest.raises(FileNotFoundError, match=r"weights must be '\w+', or a file, got 'V9'"):
            models.build("timm:test_resnet", 3, (3, 64, 64), weights="V9")

    def test_says_what_to_install(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "timm", None)
        with pytest.raises(ModuleNotFoundError, match="timm need it: type pip install timm"):
            models.build("timm:resnet18", 3, (3, 64, 64))


class TestOfAFile:
    def test_trains_and_comes_back(self, tmp_path, monkeypatch):
        (tmp_path / "mine.py").write_text(OWN)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("HOME", str(tmp_path))
        own = models.build("~/mine.py:net", 3, (3, 32, 32))
        assert [type(layer) for layer in own] == [nn.Conv2d, nn.Flatten, nn.Linear]
        spec = RunSpec("synthetic_faces", FACES, network="mine.py:net", loss="XE", config=CONFIG)
        frame = experiments.run([spec], "runs", progress=False)
        assert frame["error"].tolist() == [""]
        faces = datasets.load("synthetic_faces", **FACES)
        predicted = load("runs", spec).predict(faces.split("test"))
        kept = experiments.Store("runs").predictions(spec)["test"]["probabilities"]
        np.testing.assert_allclose(predicted.distribution, kept, atol=1e-6)

    def test_what_is_not_there(self, tmp_path):
        path = tmp_path / "own.py"
        with pytest.raises(FileNotFoundError, match=rf"in a file that is there, .* {path}"):
            models.build(f"{path}:net", 3, (3, 32, 32))
        path.write_text("value = 3")
        with pytest.raises(ValueError, match=r"own.py has no net"):
            models.build(f"{path}:net", 3, (3, 32, 32))
        with pytest.raises(TypeError, match=r"model must be a name .* got 3"):
            models.build(f"{path}:value", 3, (3, 32, 32))
        path.with_name("broken.py").write_text("1 / 0")
        with pytest.raises(ValueError, match=r"broken.py fails \(ZeroDivisionError"):
            models.build(f"{tmp_path}/broken.py:net", 3, (3, 32, 32))


def by_keyword(pretrained=False, *, num_classes=1000):
    return nn.Sequential(nn.Flatten(), nn.Linear(12, num_classes))


def test_a_function_that_names_the_number_of_outputs_gets_it_by_name():
    assert models.build(by_keyword, 3, (3, 2, 2))[1].out_features == 3


class TestWeights:
    """Of networks that are not this package's, from files in the forms that people have."""

    @pytest.fixture
    def learned(self):
        return with_random_statistics(torchvision.models.shufflenet_v2_x0_5(num_classes=5))

    @pytest.mark.parametrize(
        "wrap",
        [
            lambda state: state,
            lambda state: {f"module.{name}": value for name, value in state.items()},
            lambda state: {"state_dict": state, "epoch": 3},
            lambda state: {"model": {f"module.{k}": v for k, v in state.items()}},
            lambda state: {k: v for k, v in state.items() if "num_batches_tracked" not in k},
        ],
        ids=["plain", "DataParallel", "state_dict", "model", "old"],
    )
    def test_forms(self, learned, wrap, tmp_path, monkeypatch):
        monkeypatch.setenv("HOME", str(tmp_path))
        torch.save(wrap(learned.state_dict()), tmp_path / "learned.pth")
        network = models.build(SHUFFLE, 5, (3, 64, 64), weights="~/learned.pth").network
        assert all(map(torch.equal, network.parameters(), learned.parameters()))
        floats = [b for b in learned.buffers() if b.is_floating_point()]
        own = [b for b in network.buffers() if b.is_floating_point()]
        assert all(map(torch.equal, own, floats))

    def test_of_another_number_of_classes(self, learned, tmp_path):
        torch.save(learned.state_dict(), tmp_path / "learned.pth")
        with pytest.warns(UserWarning, match=r"but the last layer, .*\(5, 1024\).*\(3, 1024\)"):
            network = models.build(SHUFFLE, 3, (3, 64, 64), weights=tmp_path / "learned.pth")
        assert torch.equal(network.network.conv1[0].weight, learned.conv1[0].weight)
        drawn = models.build(SHUFFLE, 3, (3, 64, 64))
        assert torch.equal(network.network.fc.weight, drawn.network.fc.weight)

    def test_of_another_network(self, learned, tmp_path):
        torch.save(learned.state_dict(), tmp_path / "learned.pth")
        wide = "torchvision:shufflenet_v2_x1_0"
        with pytest.raises(ValueError, match=r"do not fit Standardised: network\.conv5\S+ must be"):
            models.build(wide, 5, (3, 64, 64), weights=tmp_path / "learned.pth")

    def test_of_a_run_bring_their_scaling_along(self, faces, tmp_path):
        run = Run(SHUFFLE, "XE", faces, CONFIG, folder=tmp_path)
        run.model.standardise.mean.fill_(0.25)
        list(run)
        again = models.build(SHUFFLE, 8, (3, 32, 32), weights=tmp_path / "last.safetensors")
        assert again.standardise.mean.flatten().tolist() == [0.25] * 3
        assert all(map(torch.equal, again.parameters(), run.model.parameters()))

    def test_of_an_own_network(self, tmp_path):
        learned = by_keyword(num_classes=3)
        safetensors.torch.save_file(learned.state_dict(), tmp_path / "own.safetensors")
        network = models.build(by_keyword, 3, (3, 2, 2), weights=tmp_path / "own.safetensors")
        assert torch.equal(network[1].weight, learned[1].weight)


def test_grey_images():
    network = models.build(SHUFFLE, 3, (1, 32, 32)).eval()
    grey = pixels(32)[:, :1] / 127.5 - 1
    assert torch.equal(network(grey), network(grey.expand(-1, 3, -1, -1)))


def test_with_a_last_layer_of_the_loss(faces, tmp_path):
    pytest.importorskip("coral_pytorch")
    spec = RunSpec("synthetic_faces", FACES, network=SHUFFLE, loss="CORAL", config=CONFIG)
    assert experiments.run([spec], tmp_path, progress=False)["error"].tolist() == [""]
    predicted = load(tmp_path, spec).predict(faces.split("test")).distribution
    kept = experiments.Store(tmp_path).predictions(spec)["test"]["probabilities"]
    np.testing.assert_allclose(predicted, kept, atol=1e-5)
