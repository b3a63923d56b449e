"""Losses and training on a real GPU, against the CPU; skipped where there is none."""

import gc
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from emdviz import datasets, training
from emdviz.losses import LOSSES
from emdviz.training import TrainConfig

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no NVIDIA GPU")

C, BATCH, WIDTH = 8, 64, 16
PLAIN = [name for name, loss in LOSSES.items() if not loss.uses_features]


def batch(loss, soft=False):
    generator = torch.Generator().manual_seed(3)
    outputs = 2 * torch.randn(BATCH, loss.num_outputs(C), generator=generator)
    if soft:
        return outputs, torch.rand(BATCH, C, generator=generator).softmax(1)
    return outputs, torch.randint(C, (BATCH,), generator=generator)


def value_and_gradient(criterion, outputs, targets):
    outputs = outputs.detach().requires_grad_()
    value = criterion(outputs, targets)
    (gradient,) = torch.autograd.grad(value, outputs)
    return value.detach().cpu(), gradient.cpu()


@pytest.mark.parametrize("soft", [False, True], ids=["labels", "probabilities"])
@pytest.mark.parametrize("name", LOSSES)
def test_values_gradients_and_classes_are_those_of_a_cpu(name, soft):
    loss = LOSSES[name]
    outputs, targets = batch(loss, soft)
    here, there = loss.make(C, WIDTH), loss.make(C, WIDTH).cuda()
    if loss.uses_features:
        features = torch.rand(BATCH, WIDTH)
        for criterion, device in ((here, "cpu"), (there, "cuda")):
            criterion.observe(features.to(device), batch(loss)[1].to(device))
            criterion.end_epoch()
    expected = value_and_gradient(here, outputs, targets)
    got = value_and_gradient(there, outputs.cuda(), targets.cuda())
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-6)
    assert torch.equal(loss.predict(outputs.cuda(), C).cpu(), loss.predict(outputs, C))


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_autocast_loses_nothing_inside_a_loss(name, dtype):
    loss = LOSSES[name]
    outputs, targets = batch(loss)
    outputs, criterion = outputs.to(dtype), loss.make(C, WIDTH)
    expected = criterion(outputs.float(), targets)
    with torch.autocast("cuda", dtype):
        value = criterion.cuda()(outputs.cuda(), targets.cuda())
    assert value.dtype == torch.float32
    torch.testing.assert_close(value.cpu(), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", [name for name in PLAIN if name != "REG"])
def test_a_label_out_of_range_ends_in_an_assertion_of_the_device(name):
    code = (
        "import torch\n"
        "from emdviz.losses import LOSSES\n"
        f"LOSSES[{name!r}].make({C}, {WIDTH}).cuda()(torch.zeros(4, {C}).cuda(),\n"
        f"    torch.tensor([0, 1, {C}, 2]).cuda())\n"
        "torch.cuda.synchronize()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode
    assert "device-side assert" in done.stderr


@pytest.mark.parametrize("soft", [False, True], ids=["labels", "probabilities"])
@pytest.mark.parametrize("name", PLAIN)
def test_compiles_without_a_break(name, soft):
    loss = LOSSES[name]
    outputs, targets = (part.cuda() for part in batch(loss, soft))
    criterion = loss.make(C, WIDTH).cuda()
    compiled = torch.compile(criterion, fullgraph=True)
    expected = value_and_gradient(criterion, outputs, targets)
    got = value_and_gradient(compiled, outputs, targets)
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", PLAIN)
def test_a_step_can_be_captured_in_a_graph(name):
    loss = LOSSES[name]
    outputs, targets = (part.cuda() for part in batch(loss))
    criterion, held = loss.make(C, WIDTH).cuda(), outputs.clone().requires_grad_()
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            criterion(held, targets).backward()
    torch.cuda.current_stream().wait_stream(side)
    held.grad = None
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        value = criterion(held, targets)
        value.backward()
    other = outputs.flip(0)
    expected = value_and_gradient(criterion, other, targets)
    with torch.no_grad():
        held.copy_(other)
    graph.replay()
    torch.testing.assert_close((value.detach().cpu(), held.grad.cpu()), expected)


@pytest.fixture(scope="module")
def faces():
    return datasets.load("synthetic_faces", n=400, size=32)


def make_run(faces, loss, device="cuda"):
    options = {"epochs": 2, "batch_size": 32, "learning_rate": 0.003, "augmentation": "paper"}
    config = TrainConfig(device=device, **options)
    return training.Run("small_cnn", loss, faces, config)


def scores(run):
    return [epoch.metrics["RPS"] for epoch in run]


@pytest.mark.parametrize("name", LOSSES)
def test_training_goes_as_on_a_cpu(faces, name):
    there, here = (scores(make_run(faces, name, device)) for device in ("cuda", "cpu"))
    np.testing.assert_allclose(there, here, atol=0.15)


def test_two_trainings_at_once_are_those_alone(faces):
    alone = [scores(make_run(faces, name)) for name in ("XE", "EMD2")]
    runs = [make_run(faces, name) for name in ("XE", "EMD2")]  # first weights in one thread
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(scores, runs))
    np.testing.assert_allclose(both, alone, atol=0.05)


@pytest.mark.parametrize("model", ["small_cnn", "linear"])
def test_side_by_side_is_one_by_one(faces, model):
    config = TrainConfig(epochs=1, batch_size=32, device="cuda")
    tables = [
        training.compare_losses(
            faces, ["XE", "EMD2"], seeds=(0, 1), config=config, model=model, together=together
        )
        for together in (True, False)
    ]
    np.testing.assert_allclose(*(table["valid RPS"] for table in tables), atol=0.05)


def test_memory_is_given_back(faces):
    def used():
        gc.collect()
        torch.cuda.empty_cache()
        return torch.cuda.memory_allocated()

    scores(make_run(faces, "EMD2"))  # what is made once
    before = used()
    scores(make_run(faces, "EMD2"))
    assert used() <= before + 2**20
