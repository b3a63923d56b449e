"""Many pairs, many classes, more images than memory."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import ot
import pytest
import torch

from emdviz import emd, emd2, losses, metrics, propriety
from tests.soak.sizes import amount

ROOT = Path(__file__).parents[2]
GIB = 2**30

# its memory beyond what it starts with is limited: torch alone takes a good part of a gigabyte
CHILD = """
import json, resource, sys
import numpy as np, torch
import emdviz, emdviz.datasets, emdviz.training
torch.set_num_threads(1)
def anonymous():
    with open("/proc/self/status") as file:
        return 1024 * next(int(l.split()[1]) for l in file if l.startswith("VmData"))
limit, argument = float(sys.argv[1]), sys.argv[2]
resource.setrlimit(resource.RLIMIT_DATA, (int(limit) + anonymous(),) * 2)
"""


def child(program, limit, argument):
    """Run a program that may take so many bytes, and return what it prints as JSON."""
    command = [sys.executable, "-c", CHILD + program, str(limit), str(argument)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


pytestmark = pytest.mark.soak
linux = pytest.mark.skipif(sys.platform != "linux", reason="limits its memory as Linux does")


@linux
def test_a_million_pairs_of_emd_and_emd2_take_less_than_4_gib():
    program = """
p, q = (np.random.default_rng(s).dirichlet(np.ones(8), size=int(argument)) for s in (0, 1))
for kind in (np.asarray, torch.from_numpy):
    for function in (emdviz.emd, emdviz.emd2):
        values = function(kind(p), kind(q))
d = np.cumsum(p - q, axis=1)
assert np.allclose(values, (d * d).sum(1), atol=1e-12)
print(json.dumps({"pairs": len(values)}))
"""
    assert child(program, 4 * GIB, 1_000_000) == {"pairs": 1_000_000}


def test_ten_thousand_classes():
    C = 10_000
    p, q = np.random.default_rng(0).dirichlet(np.ones(C), size=2)
    assert emd(p, q) == pytest.approx(ot.emd2_1d(np.arange(C), np.arange(C), p, q, "euclidean"))
    assert emd2(p, q) == pytest.approx(np.sum(np.cumsum(p - q) ** 2))
    logits = torch.randn(4, C, generator=torch.Generator().manual_seed(0), requires_grad=True)
    labels = torch.tensor([0, 1, C // 2, C - 1])
    for name in ("XE", "EMD", "EMD2", "XEMD2"):
        value = losses.LOSSES[name].make(C, None)(logits, labels)
        (gradient,) = torch.autograd.grad(value, logits)
        assert torch.isfinite(value), name
        assert torch.isfinite(gradient).all(), name
        assert gradient.sum(1).abs().max() < 1e-3 * gradient.abs().max(), name
    found = metrics.evaluate(torch.from_numpy(np.stack([p, q])), torch.tensor([0, C - 1]))
    assert all(np.isfinite(value) for value in found.values())
    assert propriety.minimiser("EMD", p)[np.argmax(np.cumsum(p) >= 0.5)] == 1


@linux
def test_more_images_than_memory_can_be_trained_on(tmp_path):
    # a file of holes, but every byte of it is read
    number, side, limit = amount((24_000, 96, 0.3), (1_000_000, 96, 4.0))
    path = tmp_path / "images.npy"
    np.lib.format.open_memmap(path, "w+", np.uint8, (number, 3, side, side))
    assert path.stat().st_size > 2 * limit * GIB
    program = """
images = torch.from_numpy(np.load(argument, mmap_mode="r+"))
labels = torch.arange(len(images)) % 4
few = len(images) // 200
sizes = {"valid": few, "test": few, "train": len(images) - 2 * few}
parts = dict(zip(sizes, torch.arange(len(images)).split(list(sizes.values()))))
dataset = emdviz.datasets.OrderedData("holes", images, labels, list("abcd"), parts)
network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(images[0].numel(), 4))
config = emdviz.training.TrainConfig(
    epochs=1, batch_size=32, learning_rate=1e-5, device="cpu", augmentation="none"
)
(epoch,) = emdviz.training.fit(network, "EMD2", dataset, config, folder=argument + " run")
print(json.dumps(epoch.train_loss))
"""
    # all images are black: the best answer is the same for all, two gaps of a quarter, one of half
    assert child(program, limit * GIB, path) == pytest.approx(0.625, abs=0.05)
