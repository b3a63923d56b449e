"""Networks against torchvision's, arithmetic written out, and formulas written by hand."""

import itertools
import math
import os
import urllib.error
from pathlib import Path

import pytest
import safetensors.torch
import torch
import torch.nn.functional as F
import torchvision
from PIL import Image
from torch import nn

from emdviz import datasets, models
from emdviz.models import MODELS
from emdviz.models.imagenet import VGG16
from emdviz.models.levi_hassner import LeviHassner
from emdviz.models.residual import Bottleneck
from emdviz.training import TrainConfig, fit

THIN = ["small_cnn", "ALX_thin", "ALXs_thin", "VGG_F_thin", "RES_thin"]
HE = [name for name in THIN if name != "small_cnn"]


def on_paper(name, num_outputs=8):
    """Return a network whose tensors have shapes only."""
    with torch.device("meta"):
        return MODELS[name](num_outputs).eval()


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def sizes(network, size, kinds):
    """Return the shapes, of one image, that layers of some kinds put out."""
    found = []
    for module in network.modules():
        if isinstance(module, kinds):
            module.register_forward_hook(lambda m, _, out: found.append(tuple(out.shape[1:])))
    network(torch.empty(1, 3, size, size, device="meta"))
    return found


def images(size=64, number=2):
    return torch.rand(number, 3, size, size, generator=torch.Generator().manual_seed(0)) * 2 - 1


def stand_in(value):
    """Return random weights of a shape; the largest are one number, so that files are small."""
    scale = value[0].numel() ** -0.5 if value.ndim > 1 else 1.0
    if value.numel() < 1e6:
        return torch.randn(value.shape) * scale
    return (torch.rand(()) * scale / 10).expand(value.shape)


class TestLayers:
    def test_small_cnn(self):
        network = on_paper("small_cnn")
        assert sizes(network, 48, nn.MaxPool2d) == [
            (16, 24, 24), (32, 12, 12), (64, 6, 6), (128, 3, 3),
        ]  # fmt: skip
        channels = [3, 16, 32, 64, 128]
        convolutions = sum(9 * a * b for a, b in itertools.pairwise(channels))
        assert count(network) == convolutions + 2 * sum(channels[1:]) + 128 * 8 + 8

    def test_levi_hassner(self):
        network = on_paper("ALXs")
        assert sizes(network, 227, (nn.Conv2d, nn.MaxPool2d, nn.Linear)) == [
            (96, 56, 56), (96, 28, 28), (256, 28, 28), (256, 14, 14), (384, 14, 14), (384, 7, 7),
            (512,), (512,), (8,),
        ]  # fmt: skip
        kinds = [type(module).__name__ for module in network.body]
        convolution = ["Conv2d", "ReLU", "MaxPool2d"]
        assert kinds == [
            *convolution, "LocalResponseNorm", *convolution, "LocalResponseNorm", *convolution,
            "AdaptiveAvgPool2d", "Flatten", *["Linear", "ReLU", "Dropout"] * 2,
        ]  # fmt: skip
        convolutions = 96 * (3 * 49 + 1) + 256 * (96 * 25 + 1) + 384 * (256 * 9 + 1)
        assert count(network) == convolutions + 512 * (384 * 49 + 1) + 512 * 513 + 8 * 513

    @pytest.mark.parametrize(("name", "theirs"), [("ALX", "alexnet"), ("VGG_F", "vgg16")])
    def test_torchvisions_layers(self, name, theirs):
        network = on_paper(name)
        weights = torchvision.models.get_model_weights(theirs).IMAGENET1K_V1
        with torch.device("meta"):
            other = torchvision.models.get_model(theirs)
        # what is printed of a layer tells all its options
        assert repr(network.body.features) == repr(other.features)
        assert repr(network.body.classifier) == repr(other.classifier[:6])
        assert repr(network.body.pool).replace("=6", "=(6, 6)").replace("=7", "=(7, 7)") == repr(
            other.avgpool
        )
        assert count(network) == weights.meta["num_params"] - 4097 * 1000 + 4097 * 8
        operations = models.operations(name, 224, num_outputs=1000)
        assert operations / 1e9 == pytest.approx(weights.meta["_ops"], abs=0.006)
        assert network.least == weights.meta["min_size"][0]

    def test_residual(self):
        network = on_paper("RES")
        convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
        blocks = list(network.body.blocks)
        assert len(convolutions) == 40 == 9 * 4 + 4
        assert len(blocks) == 12
        assert [i for i, block in enumerate(blocks) if block.shortcut is not None] == [0, 4, 8]
        assert sizes(network, 227, (Bottleneck, nn.MaxPool2d, nn.Flatten)) == [
            (64, 57, 57), *[(256, 57, 57)] * 4, *[(512, 29, 29)] * 4, *[(1024, 15, 15)] * 4,
            (1024,),
        ]  # fmt: skip
        total = 3 * 49 * 64
        for narrow, before in ((64, 64), (128, 256), (256, 512)):
            after = 4 * narrow
            total += before * after  # the shortcut
            for inputs in (before, after, after, after):
                total += inputs * narrow + 9 * narrow**2 + narrow * after  # convolutions
                total += 2 * (inputs + narrow + narrow)  # batch norm before each
        assert count(network) == total + 2 * 1024 + 1025 * 8

    def test_both_residual_networks_are_one(self):
        shapes = [
            {name: value.shape for name, value in on_paper(name).state_dict().items()}
            for name in ("RES", "RES_F")
        ]
        assert shapes[0] == shapes[1]


class TestBottleneck:
    def test_is_its_formula(self):
        torch.manual_seed(0)
        block = Bottleneck(8, 3, 2).eval()
        x = torch.randn(2, 8, 6, 6)
        norms = [m for m in block.modules() if isinstance(m, nn.BatchNorm2d)]
        for norm in norms:
            norm.running_mean.normal_()
            norm.running_var.uniform_(0.5, 2)
            nn.init.normal_(norm.weight)

        def activate(x, norm):
            mean, var = norm.running_mean[:, None, None], norm.running_var[:, None, None]
            weight, bias = norm.weight[:, None, None], norm.bias[:, None, None]
            return ((x - mean) / (var + norm.eps).sqrt() * weight + bias).clamp(min=0)

        one, two, three = (m.weight for m in block.residual if isinstance(m, nn.Conv2d))
        active = activate(x, norms[0])
        inner = activate(F.conv2d(active, one), norms[1])
        inner = activate(F.conv2d(inner, two, stride=2, padding=1), norms[2])
        expected = F.conv2d(active, block.shortcut.weight, stride=2) + F.conv2d(inner, three)
        torch.testing.assert_close(block(x), expected)

    def test_a_block_that_learned_nothing_is_the_identity(self):
        block = Bottleneck(12, 3, 1)
        nn.init.zeros_(block.residual[-1].weight)
        x = torch.randn(2, 12, 5, 5)
        assert torch.equal(block(x.clone()), x)


@pytest.mark.parametrize("name", THIN)
class TestEveryNetwork:
    def test_head_and_features(self, name):
        network = MODELS[name](1).eval()
        found = network.features(images())
        assert found.shape == (2, network.head.in_features)
        assert isinstance(network.head, nn.Linear)
        assert torch.equal(network(images()), network.head(found))
        assert network(images()).shape == (2, 1)

    def test_seeds(self, name):
        state = torch.random.get_rng_state()
        one, same, other = (MODELS[name](n, seed=s) for n, s in ((8, 1), (1, 1), (8, 2)))
        assert torch.equal(torch.random.get_rng_state(), state)
        bodies = [list(network.body.parameters()) for network in (one, same, other)]
        assert all(map(torch.equal, bodies[0], bodies[1]))
        assert not all(map(torch.equal, bodies[0], bodies[2]))
        assert torch.equal(one.head.weight, MODELS[name](8, seed=1).head.weight)

    def test_the_least_size(self, name):
        network = on_paper(name)
        least = network.least
        network(torch.empty(1, 3, least, least, device="meta"))
        small = torch.empty(1, 3, least + 9, least - 1, device="meta")
        with pytest.raises(ValueError, match=rf"images must have {least} px or more for .* got"):
            network(small)
        network.least = 0
        with pytest.raises(RuntimeError):  # smaller would not have done
            network(small)

    def test_thin_ones_have_the_same_layers(self, name):
        if name.endswith("_thin"):
            kinds = [
                [(type(m), getattr(m, "kernel_size", None), getattr(m, "stride", None)) for m in n]
                for n in (on_paper(name).modules(), on_paper(name.removesuffix("_thin")).modules())
            ]
            assert kinds[0] == kinds[1]

    def test_no_outputs(self, name):
        with pytest.raises(ValueError, match=r"num_outputs must be an integer, 1 to .*, got 0"):
            MODELS[name](0)


@pytest.mark.parametrize("name", HE)
def test_first_weights_keep_the_scale(name):
    wide = MODELS[name.removesuffix("_thin")] if name == "RES_thin" else MODELS[name]
    for module in wide(8).body.modules():
        if isinstance(module, nn.Conv2d | nn.Linear) and module.weight.numel() > 5000:
            expected = math.sqrt(2 / module.weight[0].numel())
            assert module.weight.std().item() == pytest.approx(expected, rel=0.05)


def test_a_width_that_cannot_be(tmp_path):
    with pytest.raises(ValueError, match="width must be a multiple of 3, got 8"):
        models.make(LeviHassner, 8, width=8)


class TestOperations:
    def test_arithmetic(self):
        channels, size = [3, 16, 32, 64, 128], 48
        total = sum(
            9 * a * b * (size >> i) ** 2 for i, (a, b) in enumerate(itertools.pairwise(channels))
        )
        assert models.operations("small_cnn", 48, num_outputs=8) == total + 128 * 8

    def test_bad_input(self):
        with pytest.raises(ValueError, match=r"model must be one of .*'RES'.*, got 'ResNet'"):
            models.operations("ResNet", 48)
        with pytest.raises(ValueError, match="63 px or more for AlexNet"):
            models.operations("ALX", 48)


class TestWeights:
    """Weights from files; those of the thin networks, which are small."""

    @pytest.fixture
    def learned(self):
        return MODELS["VGG_F_thin"](5, seed=7)

    def assert_loaded(self, path, learned):
        with pytest.warns(UserWarning, match=r"the last layer, .*\(5, .* there, .*\(3, .* here"):
            network = MODELS["VGG_F_thin"](3, seed=1, weights=path)
        assert all(map(torch.equal, network.body.parameters(), learned.body.parameters()))
        assert torch.equal(network.head.weight, MODELS["VGG_F_thin"](3, seed=1).head.weight)

    def test_state_dicts(self, learned, tmp_path):
        torch.save(learned.state_dict(), tmp_path / "learned.pth")
        self.assert_loaded(tmp_path / "learned.pth", learned)
        safetensors.torch.save_file(learned.state_dict(), tmp_path / "learned.safetensors")
        self.assert_loaded(str(tmp_path / "learned.safetensors"), learned)

    def test_the_head_of_as_many_classes_is_taken(self, learned, tmp_path):
        state = learned.state_dict()
        parallel = {f"module.{name}": value for name, value in state.items()}
        for content in (state, parallel, {"state_dict": parallel, "epoch": 3}):
            torch.save(content, tmp_path / "learned.pth")
            network = MODELS["VGG_F_thin"](5, seed=1, weights=tmp_path / "learned.pth")
            assert all(map(torch.equal, network.parameters(), learned.parameters()))

    def test_the_first_mismatch_is_named(self, learned, tmp_path):
        path = tmp_path / "learned.pth"
        torch.save(learned.state_dict(), path)
        with pytest.raises(
            ValueError,
            match=r"AlexNet: body\.classifier\.0\.bias must be absent, got of shape \(256,\)",
        ):
            MODELS["ALX_thin"](8, weights=path)
        wide = r"VGG16: body\.classifier\.0\.bias must be of shape \(512,\), got of shape \(256,\)"
        with pytest.raises(ValueError, match=wide):
            models.make(VGG16, 8, width=8, weights=path)
        lacking = {k: v for k, v in learned.state_dict().items() if "features.28.weight" not in k}
        torch.save(lacking, path)
        with pytest.raises(
            ValueError, match=r"features\.28\.weight must be of shape .* got absent"
        ):
            MODELS["VGG_F_thin"](8, weights=path)

    def test_files_that_cannot_be_read(self, tmp_path):
        with pytest.raises(
            FileNotFoundError, match=r"weights must be a file, got '.*nowhere\.pth'"
        ):
            MODELS["RES_thin"](8, weights=tmp_path / "nowhere.pth")
        with pytest.raises(FileNotFoundError, match=r"'IMAGENET1K_V1', or a file, got 'IMAGENET'"):
            MODELS["VGG_F_thin"](8, weights="IMAGENET")
        for name in ("broken.pth", "broken.safetensors"):
            (tmp_path / name).write_bytes(b"no weights")
            with pytest.raises(ValueError, match=f"{name} cannot be read"):
                MODELS["RES_thin"](8, weights=tmp_path / name)
        torch.save({"epoch": 3}, tmp_path / "other.pth")
        with pytest.raises(ValueError, match="must hold a dict of tensors, got dict; save network"):
            MODELS["RES_thin"](8, weights=tmp_path / "other.pth")

    def test_nothing_in_a_file_is_run(self, tmp_path):
        class Malicious:
            def __reduce__(self):
                return os.mkdir, (str(tmp_path / "made"),)

        torch.save({"body": Malicious()}, tmp_path / "malicious.pth")
        with pytest.raises(ValueError, match=r"malicious\.pth cannot be read"):
            MODELS["RES_thin"](8, weights=tmp_path / "malicious.pth")
        assert not (tmp_path / "made").exists()

    @pytest.mark.slow
    def test_published_weights(self, tmp_path, monkeypatch):
        monkeypatch.setenv("TORCH_HOME", str(tmp_path))
        weights = torchvision.models.AlexNet_Weights.IMAGENET1K_V1
        with torch.device("meta"):
            other = torchvision.models.alexnet().eval()
        torch.manual_seed(3)
        learned = {name: stand_in(value) for name, value in other.state_dict().items()}
        other.load_state_dict(learned, assign=True)
        # as if they had been downloaded before; torchvision finds them there by itself
        path = tmp_path / "hub/checkpoints" / Path(weights.url).name
        path.parent.mkdir(parents=True)
        torch.save(learned, path)
        network = MODELS["ALX"](1000, weights="IMAGENET1K_V1").eval()
        network.head.load_state_dict(other.classifier[6].state_dict())
        pixels = torch.randint(0, 256, (1, 3, 70, 70), dtype=torch.uint8)
        ready = weights.transforms(crop_size=70, resize_size=70)(pixels)
        got, expected = network(pixels / 127.5 - 1), other(ready)
        assert expected.std() > 0.01
        torch.testing.assert_close(got, expected, atol=1e-4, rtol=1e-4)

    def test_a_download_that_fails(self, tmp_path, monkeypatch):
        monkeypatch.setenv("TORCH_HOME", str(tmp_path))
        monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
        url = torchvision.models.VGG16_Weights.IMAGENET1K_V1.url
        with pytest.raises(OSError, match="weights IMAGENET1K_V1 of VGG16 could not be") as caught:
            MODELS["VGG_F_thin"](8, weights="IMAGENET1K_V1")
        assert isinstance(caught.value.__cause__, urllib.error.URLError)
        for part in (f"get {url}, and pass", f"…/{Path(url).name}'", f"{tmp_path}/hub/checkpoints"):
            assert part in str(caught.value)


def test_res_f_starts_from_what_res_learned(tmp_path):
    """The way from a folder of ImageNet's layout to RES_F, on two classes of plain colours."""
    for name in ("n01440764", "n01443537"):
        place = tmp_path / "imagenet" / "train" / name
        place.mkdir(parents=True)
        for i in range(15):
            shade = (200 + 3 * i, 20, 20) if name == "n01440764" else (20, 20, 200 + 3 * i)
            Image.new("RGB", (40, 36), shade).save(place / f"{name}_{i}.png")
    imagenet = datasets.load("image_folder", root=tmp_path / "imagenet/train", size=32, cache=False)
    config = TrainConfig(epochs=2, batch_size=4, learning_rate=0.02, crop=28, device="cpu")
    res = MODELS["RES_thin"](2)
    epochs = list(fit(res, "XE", imagenet, config, folder=tmp_path / "res"))
    assert epochs[-1].train_loss < epochs[0].train_loss
    with pytest.warns(UserWarning, match="it starts from random weights"):
        network = MODELS["RES_F_thin"](8, weights=tmp_path / "res/last.safetensors")
    assert network.head.out_features == 8
    mine, theirs = network.body.state_dict(), res.body.state_dict()
    assert mine.keys() == theirs.keys()
    assert all(torch.equal(mine[name], theirs[name]) for name in theirs)
    first = MODELS["RES_F_thin"](8).body.state_dict()
    assert not torch.equal(first["stem.weight"], mine["stem.weight"])
