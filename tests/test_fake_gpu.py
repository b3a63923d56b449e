"""What runs on a GPU, without one: torch's fake tensors know devices and shapes, and no values.

Where devices were mixed, or a value were read, which makes a program wait for the GPU, they raise
an error. Only the way forward can be tried; tests/test_gpu.py has the rest, on a real device.
"""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from emdviz import datasets, ground_distance, models, reading
from emdviz.losses import LOSSES, aemd_loss, as_loss, entropic, zoo
from emdviz.losses.entropic import scale_matrix
from emdviz.losses.zoo import criteria
from emdviz.models.network import mean_to
from emdviz.training import TrainConfig
from emdviz.training import data as module
from emdviz.training.augmentation import AUGMENTATIONS, _sample

C, BATCH = 8, 32
DTYPES = (torch.float32, torch.float16, torch.bfloat16)
LOOKS = {"CORN", "WKL", "MCE-WKL"}
"""Losses of the zoo whose libraries look at values."""
ON_A_CPU = {"SORD", "SLACE"}
"""Losses that a device without float64 leaves to the CPU, which has it."""


@pytest.fixture
def fake():
    with FakeTensorMode(allow_non_fake_inputs=True):
        yield


def batch(loss, dtype, soft=False):
    outputs = torch.empty(BATCH, loss.num_outputs(C), dtype=dtype, device="cuda")
    if soft:
        return outputs, torch.empty(BATCH, C, device="cuda")
    return outputs, torch.empty(BATCH, dtype=torch.int64, device="cuda")


def check(loss, criterion, outputs, targets):
    value = criterion(outputs, targets)
    assert (value.device.type, value.shape, value.dtype) == ("cuda", (), torch.float32)
    probabilities, classes = loss.decode(outputs, C), loss.predict(outputs, C)
    assert (probabilities.device.type, probabilities.shape) == ("cuda", (BATCH, C))
    assert (classes.device.type, classes.dtype) == ("cuda", torch.int64)


def test_a_value_that_is_read_would_be_found(fake):
    with pytest.raises(DataDependentOutputException):
        float(torch.empty(3, device="cuda").max())
    with pytest.raises(RuntimeError, match="device"):
        torch.empty(3, device="cuda") + torch.empty(3)


@pytest.mark.parametrize("soft", [False, True], ids=["labels", "probabilities"])
@pytest.mark.parametrize("name", LOSSES)
def test_losses_of_the_registry(fake, name, soft):
    loss = LOSSES[name]
    criterion = loss.make(C, 16).to("cuda")
    for dtype in DTYPES:
        if loss.uses_features:
            features = torch.empty(BATCH, 16, dtype=dtype, device="cuda")
            criterion.observe(features, batch(loss, dtype)[1])
            assert criterion.end_epoch().device.type == "cuda"
        check(loss, criterion, *batch(loss, dtype, soft))


@pytest.mark.parametrize("name", [name for name in zoo.names() if name not in {*LOSSES, *LOOKS}])
def test_losses_of_the_zoo(fake, name):
    loss = as_loss(name)
    criterion = loss.make(C, 16).to("cuda")
    for dtype in DTYPES:
        outputs, targets = batch(loss, dtype)
        assert criterion(outputs, targets).device.type == "cuda"
        assert loss.predict(outputs, C).device.type == "cuda"


@pytest.mark.parametrize("options", [{"weight": True}, {"positions": [0.0, 1, 2, 4, 8, 9, 12, 20]}])
@pytest.mark.parametrize("name", ["emd_loss", "emd2_loss", "xe_emd2_loss"])
def test_options_of_losses(fake, name, options):
    from emdviz import losses

    outputs, targets = batch(LOSSES["EMD"], torch.float16)
    options = {"label_smoothing": 0.1, "ignore_index": 3, "normalized": True, **options}
    if "weight" in options:
        options["weight"] = torch.empty(C, device="cuda")
    for reduction in ("mean", "sum", "none"):
        value = getattr(losses, name)(outputs, targets, reduction=reduction, **options)
        assert value.device.type == "cuda"
        assert value.shape == ((BATCH,) if reduction == "none" else ())


@pytest.mark.parametrize("lam", [1.0, 1000.0])
@pytest.mark.parametrize("distance", [None, ground_distance.circle(C)], ids=["line", "circle"])
def test_scalings_read_no_value(fake, lam, distance):
    outputs, t = batch(LOSSES["AEMD"], torch.float32, soft=True)
    assert aemd_loss(outputs, t, lam=lam, ground_distance=distance).device.type == "cuda"
    # an operator of its own hides from the mode what happens inside, so this looks there
    cost = torch.empty(C, C, device="cuda")
    for greatest in (None, 7.0):
        scaled = scale_matrix(outputs.log_softmax(1), t, cost, lam, 3, greatest=greatest)
        assert {values.device.type for values in scaled} == {"cuda"}


@pytest.fixture(scope="module")
def faces():
    return datasets.load("synthetic_faces", n=100, size=32)


@pytest.mark.parametrize("crop", [None, 28])
@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_the_inputs_of_a_batch(fake, faces, monkeypatch, name, crop):
    inputs, targets, weights = next(batches(faces, monkeypatch, augmentation=name, crop=crop))
    assert (inputs.device.type, inputs.shape[1:]) == ("cuda", (3, crop or 32, crop or 32))
    assert (targets.device.type, weights) == ("cuda", None)


def batches(faces, monkeypatch, **config):
    monkeypatch.setattr(module, "choose_device", torch.device)
    data = module.TrainingData(faces, "cuda")
    assert data.inputs.device.type == "cuda"
    return data.batches(TrainConfig(batch_size=16, **config), 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", LOSSES)
def test_the_way_forward_of_a_training_step(fake, faces, monkeypatch, name):
    loss, seen = LOSSES[name], []
    images, targets, _ = next(batches(faces, monkeypatch, augmentation="paper"))
    with torch._subclasses.fake_tensor.unset_fake_temporarily():
        model = models.small_cnn(loss.num_outputs(C))
    model.head.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    criterion = loss.make(C, model.head.in_features).to("cuda")
    for dtype in DTYPES:  # autocast is off where there is no CUDA
        tensors = {
            key: torch.empty_like(value, dtype=dtype, device="cuda")
            if value.is_floating_point()
            else torch.empty_like(value, device="cuda")
            for key, value in model.state_dict().items()
        }
        outputs = torch.func.functional_call(model, tensors, images.to(dtype))
        assert (outputs.device.type, outputs.dtype) == ("cuda", dtype)
        if loss.uses_features:
            criterion.observe(seen[-1], targets)
        value = criterion(outputs, targets)
        assert (value.device.type, value.dtype, value.shape) == ("cuda", torch.float32, ())


class WithoutFloat64(TorchDispatchMode):
    """A GPU without float64, as Apple's: what makes such a tensor there raises as torch does."""

    def __init__(self, device="cuda"):
        super().__init__()
        self.barred = device, torch.float64

    def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
        made = function(*arguments, **(keywords or {}))
        for value in tree_leaves(made):
            if torch.is_tensor(value) and (value.device.type, value.dtype) == self.barred:
                raise TypeError(f"no float64 on this device: {function}")
        return made


@pytest.fixture
def without_float64(fake, monkeypatch):
    for part in (reading, entropic, criteria):
        monkeypatch.setattr(part, "has_float64", lambda tensor: tensor.device.type != "cuda")
    with WithoutFloat64():
        yield


def test_float64_would_be_found(without_float64):
    with pytest.raises(TypeError, match="no float64"):
        torch.empty(3, device="cuda").double()
    with pytest.raises(TypeError, match="no float64"):
        torch.empty(3, dtype=torch.float64).to("cuda")


GIVEN = {
    "plain": {},
    "weight": {"weight": np.linspace(0.5, 2, C)},
    "positions": {"positions": np.arange(C) ** 1.5},
}


def takes(loss, options):
    try:
        loss.make(C, 16, **options)
    except (TypeError, ValueError):
        return False
    return True


CASES = [
    (name, given)
    for name in dict.fromkeys([*LOSSES, *(n for n in zoo.names() if n not in LOOKS)])
    for given, options in GIVEN.items()
    if (given == "plain" or name in LOSSES) and takes(as_loss(name), options)
]


def test_options_that_are_tried_are_those_that_losses_have():
    found = {given: {name for name, one in CASES if one == given} for given in GIVEN}
    assert found["plain"] >= set(LOSSES)
    assert found["weight"] >= {"XE", "EMD", "EMD2", "XEMD2", "AEMD"}
    assert found["positions"] >= {"EMD", "EMD2", "XEMD2"}


@pytest.mark.parametrize(("name", "given"), CASES)
def test_losses_without_float64(without_float64, name, given):
    loss = as_loss(name)
    criterion = loss.make(C, 16, **GIVEN[given]).to("cuda")
    outputs, targets = batch(loss, torch.float32)
    if loss.uses_features:
        criterion.observe(torch.empty(BATCH, 16, device="cuda"), targets)
        criterion.end_epoch()
    assert criterion(outputs, targets).device.type == "cuda"
    loss.decode(outputs, C)
    loss.predict(outputs, C)


@pytest.mark.parametrize(("name", "given"), [case for case in CASES if case[0] not in ON_A_CPU])
def test_gradients_without_float64(monkeypatch, name, given):
    """On a CPU that is taken for such a GPU, for fake tensors have no way back."""
    for part in (reading, entropic, criteria):
        monkeypatch.setattr(part, "has_float64", lambda tensor: False)
    loss, generator = as_loss(name), torch.Generator().manual_seed(0)
    criterion = loss.make(C, 16, **GIVEN[given])
    targets = torch.randint(C, (BATCH,), generator=generator)
    outputs = torch.randn(BATCH, loss.num_outputs(C), generator=generator)
    if loss.head is not None and outputs.shape[1] == C:  # such heads give probabilities
        outputs = outputs.softmax(1)
    for dtype in DTYPES if name in LOSSES else DTYPES[:1]:
        leaf = outputs.to(dtype).requires_grad_()
        with WithoutFloat64("cpu"):
            if loss.uses_features:
                criterion.observe(torch.randn(BATCH, 16, dtype=dtype), targets)
                criterion.end_epoch()
            (gradient,) = torch.autograd.grad(criterion(leaf, targets), leaf)
        assert gradient.dtype == dtype
        assert gradient.isfinite().all()
        assert gradient.any()


def test_a_ground_distance_without_float64(without_float64):
    criterion = LOSSES["AEMD"].make(C, 16, ground_distance=ground_distance.circle(C)).to("cuda")
    assert criterion.ground_distance.dtype == torch.float32
    assert criterion.ground_distance.device.type == "cuda"


def test_whole_numbers_without_float64(without_float64):
    corners = torch.eye(C, dtype=torch.int64).to("cuda")
    assert reading.as_float_array(corners, "p").dtype == torch.float32


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_batches_without_float64(without_float64, faces, monkeypatch, name):
    with torch._subclasses.fake_tensor.unset_fake_temporarily():
        network = models.small_cnn(C)
    images, targets, _ = next(batches(faces, monkeypatch, augmentation=name))
    tensors = {key: value.to("cuda") for key, value in network.state_dict().items()}
    outputs = torch.func.functional_call(network, tensors, images)
    assert LOSSES["EMD2"].make(C, 16)(outputs, targets).device.type == "cuda"


@pytest.mark.parametrize(("size", "side"), [(4, 7), (8, 7), (9, 6), (14, 7), (1, 6)])
def test_means_by_products_are_torchs(size, side):
    images = torch.randn(2, 3, size, size + 3)
    expected = F.adaptive_avg_pool2d(images, side)
    torch.testing.assert_close(mean_to(images, side), expected)


def test_beyond_the_edge_lies_its_colour():
    images, grid = torch.randn(2, 3, 9, 7), torch.rand(2, 8, 8, 2) * 3 - 1.5
    expected = F.grid_sample(images, grid, padding_mode="border", align_corners=False)
    torch.testing.assert_close(_sample(images, grid), expected, atol=1e-5, rtol=1e-4)
