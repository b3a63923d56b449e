from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from torch import nn

from emdviz import datasets
from emdviz.datasets import with_features


@pytest.fixture(scope="module")
def faces():
    return datasets.load("synthetic_faces", n=30, size=32)


class Counted(nn.Module):
    """A network that counts what it has seen."""

    def __init__(self, width=5):
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Conv2d(3, width, 4, 4), nn.BatchNorm2d(width), nn.ReLU())
        self.seen = 0

    def forward(self, images):
        self.seen += len(images)
        return self.layers(images).mean((2, 3))


def at(data, root):
    other = datasets.OrderedData(
        data.name, data.inputs, data.labels, data.classes, data.splits, root=root
    )
    return other


def test_features_take_the_place_of_images_and_all_else_stays(faces):
    network = Counted().train()
    data = with_features(faces, network, batch_size=7)
    images = faces.inputs.float() / 255
    torch.testing.assert_close(data.inputs, network.eval()(images), rtol=1e-5, atol=1e-6)
    assert data.inputs.shape == (30, 5)
    assert torch.equal(data.labels, faces.labels)
    assert torch.equal(data.true_distribution, faces.true_distribution)
    assert data.splits is faces.splits
    assert data.notes[-1] == "inputs are features of Counted"
    assert faces.inputs.dtype == torch.uint8


def test_the_network_is_left_as_it_was(faces):
    network = Counted().train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with_features(faces, network)
    assert network.training
    assert all(torch.equal(before[name], now) for name, now in network.state_dict().items())


def test_features_are_computed_once_for_one_content(faces, tmp_path):
    network = Counted()
    first = with_features(at(faces, tmp_path), network)
    again = with_features(at(faces, tmp_path), network)
    assert network.seen == 30
    torch.testing.assert_close(again.inputs, first.inputs, atol=0, rtol=0)
    assert len(list((tmp_path / ".emdviz").glob("features-*.npy"))) == 1
    with torch.no_grad():
        network.layers[0].weight[0] += 1  # other weights are another network
    assert not torch.equal(with_features(at(faces, tmp_path), network).inputs, first.inputs)
    changed = at(faces, tmp_path)
    changed.inputs = 255 - faces.inputs
    assert not torch.equal(with_features(changed, network).inputs, first.inputs)
    with_features(at(faces, tmp_path), network, size=16)
    assert network.seen == 120
    with_features(at(faces, tmp_path), network, cache=False)
    assert network.seen == 150
    with_features(faces, network, cache=tmp_path / "mine")
    with_features(faces, network, cache=tmp_path / "mine")
    assert network.seen == 180


@pytest.mark.parametrize("content", [b"", b"no numbers", "objects"])
def test_a_broken_cache_is_made_anew(faces, tmp_path, content):
    network = Counted()
    first = with_features(faces, network, cache=tmp_path)
    (path,) = tmp_path.glob("*.npy")
    if content == "objects":
        np.save(path, np.array([{}], dtype=object), allow_pickle=True)
    else:
        path.write_bytes(content)
    torch.testing.assert_close(with_features(faces, network, cache=tmp_path).inputs, first.inputs)
    assert network.seen == 60


def test_grey_images_and_a_transform_of_ones_own(faces):
    grey = datasets.from_arrays(faces.inputs[:, :1], faces.labels, classes=faces.classes)
    assert with_features(grey, Counted()).inputs.shape == (30, 5)
    flat = with_features(
        faces, nn.Flatten(), transform=lambda images: images[:, :1, :2, :2].float()
    )
    torch.testing.assert_close(flat.inputs, faces.inputs[:, 0, :2, :2].flatten(1).float())
    rows = datasets.from_arrays(np.eye(30), faces.labels, classes=faces.classes)
    assert with_features(rows, nn.Linear(30, 4)).inputs.shape == (30, 4)


@pytest.mark.slow
def test_the_pretrained_network_sees_more_than_noise(faces):
    pytest.importorskip("efficientnet_lite_pytorch")
    data = with_features(faces, "efficientnet_lite0", size=64, device="cpu", batch_size=10)
    assert data.inputs.shape == (30, 1280)
    assert data.inputs.std(0).mean() > 0.05


@pytest.mark.parametrize(
    ("backbone", "error", "message"),
    [
        ("nothing", ValueError, "backbone must be a Module, 'efficientnet_lite0' or the name"),
        (lambda images: images, TypeError, "backbone must be a Module or the name of a network"),
    ],
)
def test_wrong_backbones_are_refused(faces, backbone, error, message):
    with pytest.raises(error, match=message):
        with_features(faces, backbone)
    with pytest.raises(TypeError, match="data must be a data set"):
        with_features(faces.inputs, Counted())


def test_outputs_that_are_no_rows_are_refused(faces):
    class Pair(nn.Module):
        def forward(self, images):
            return images, images

    with pytest.raises(ValueError, match="must return a row for each of 30 inputs, got 'tuple'"):
        with_features(faces, Pair())


def test_a_network_of_torchvision_sees_colours_as_its_weights_expect(faces, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    weights = torchvision.models.get_model_weights("shufflenet_v2_x0_5").DEFAULT
    torch.manual_seed(0)
    theirs = torchvision.models.shufflenet_v2_x0_5()
    path = tmp_path / "hub/checkpoints" / Path(weights.url).name  # as if downloaded before
    path.parent.mkdir(parents=True)
    torch.save(theirs.state_dict(), path)
    got = with_features(faces, "shufflenet_v2_x0_5", size=32, device="cpu", cache=False).inputs
    theirs.fc = nn.Identity()
    ready = weights.transforms(crop_size=32, resize_size=32)(faces.inputs)
    with torch.inference_mode():
        torch.testing.assert_close(got, theirs.eval()(ready), atol=1e-4, rtol=1e-4)
