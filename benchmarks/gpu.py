"""Measure what docs/BENCHMARKS.md lacks where no GPU was at hand; torch and its companions suffice.

python -m benchmarks.gpu [--device cuda] [--tiny] [--out build/bench-gpu.md]
"""

import argparse
import tempfile
import time
from pathlib import Path

import torch

from benchmarks import losses
from benchmarks.timing import conditions, interleaved, microseconds, table
from devtools import data_layouts
from emdviz import datasets, emd2_loss, models
from emdviz.experiments import paper_config
from emdviz.losses import aemd_loss
from emdviz.losses.loss import closed_forms
from emdviz.training import Run, TrainConfig, compare_losses

TINY = {"sizes": ((16, 8),), "faces": 60, "pixels": 32, "photo": 64, "users": 4, "epochs": 1}
FULL = {
    "sizes": losses.SIZES,
    "faces": 10_000,
    "pixels": 48,
    "photo": 256,
    "users": 20,
    "epochs": 10,
}
NETWORKS = {"tiny": {"small_cnn": None}, "full": {"ALXs": 227, "RES": 227, "VGG_F": 227}}


def waiting(device):
    """Return what waits for a device: nothing on a CPU, which is done when a call returns."""
    return torch.cuda.synchronize if device == "cuda" else None


def against_a_copy(device, sizes):
    """Forward and backward of each loss, eager, compiled and as a CUDA graph, beside a copy.

    The limit is to write the gradient and to read the logits, as a copy of both does.
    """
    rows = []
    modes = losses.MODES if device == "cuda" else {"eager": None}
    for batch, num_classes in sizes:
        logits = torch.randn(batch, num_classes, device=device).requires_grad_()
        labels = torch.randint(num_classes, (batch,), device=device)
        pair = torch.empty(2, batch, num_classes, device=device)
        other = torch.empty_like(pair)
        runs = {"copy of logits and gradient": lambda a=pair, b=other: b.copy_(a)}
        for mode, options in modes.items():
            torch._dynamo.reset()
            for name, loss in (("XE", torch.nn.functional.cross_entropy), ("EMD²", emd2_loss)):
                made = loss if options is None else torch.compile(loss, dynamic=False, **options)
                runs[f"{name}, {mode}"] = losses.step(made, logits, labels)
        times = interleaved(runs, synchronize=waiting(device))
        best = min(times[name] for name in times if name.startswith("XE"))
        for name, seconds in times.items():
            copies = seconds / times["copy of logits and gradient"]
            size = f"({batch}, {num_classes})"
            rows.append(
                [size, name, microseconds(seconds), f"{copies:.2f}", f"{seconds / best:.2f}"]
            )
    return table(["size", "loss", "forward + backward", "of a copy", "of the best XE"], rows)


def scalings(device, sizes):
    """Seconds of ``aemd_loss`` of probabilities for small and great λ."""
    rows = []
    for batch, num_classes in sizes:
        logits = torch.randn(batch, num_classes, device=device).requires_grad_()
        targets = torch.softmax(torch.randn(batch, num_classes, device=device), 1)
        runs = {
            lam: losses.step(lambda z, t, lam=lam: aemd_loss(z, t, lam=lam), logits, targets)
            for lam in (1.0, 10.0, 1000.0)
        }
        times = interleaved(runs, rounds=5, warm_up=1, synchronize=waiting(device))
        size = f"({batch}, {num_classes})"
        rows += [[size, f"{lam:g}", microseconds(seconds)] for lam, seconds in times.items()]
    return table(["size", "λ", "aemd_loss, 100 scalings"], rows)


def races(device, scale):
    """Seconds of four losses: eight seeds stacked against one by one, and one race."""
    faces = datasets.load("synthetic_faces", n=scale["faces"], size=scale["pixels"])
    names, rows = [name for name in closed_forms("gradient") if name != "REG"], []
    tiny = scale is TINY
    for seeds, epochs, ways in (
        (1 if tiny else 8, 1 if tiny else 2, (False, True)),
        (1, scale["epochs"], (True,)),
    ):
        config = TrainConfig(epochs=epochs, device=device, batch_size=16 if tiny else 128)
        for together in ways:
            start = time.perf_counter()
            compare_losses(faces, names, seeds=range(seeds), config=config, together=together)
            seconds = time.perf_counter() - start
            title = f"{len(names)} losses × {seeds} seeds × {epochs} epochs, {len(faces):,} faces"
            rows.append([title, "stacked" if together else "one by one", f"{seconds:.1f} s"])
    return table(["training of small_cnn", "way", "time"], rows)


def one_fold(device, scale, folder):
    """Seconds of an epoch of Table 1's protocol on drawn images in Adience's layout."""
    files = data_layouts.adience(scale["users"])
    data_layouts.write(folder, files)
    start = time.perf_counter()
    fold = datasets.load("adience", root=folder, fold=0, size=scale["photo"])
    read, rows = time.perf_counter() - start, []
    for name, crop in NETWORKS["tiny" if scale is TINY else "full"].items():
        config = paper_config(epochs=2, crop=crop, device=device, batch_size=16)
        pixels = crop or scale["photo"]
        model = models.build(name, len(fold.classes), (3, pixels, pixels))
        rows.append([name, *_epoch(Run(model, "EMD2", fold, config))])
    heads = ["network", f"images of {scale['photo']} px an epoch", "second epoch", "of 26,000"]
    return f"Read in {read:.1f} s.\n\n" + table(heads, rows)


def _epoch(run):
    """Return the images of an epoch, its seconds, and the hours of a fold of all of Adience."""
    _, last = (epoch.seconds for epoch in run)
    first = run.epochs[0].seconds
    count = len(run.data)
    hours = (last - first) / count * 0.72 * 26_000 * 30 / 3600
    return [count, f"{last - first:.2f} s", f"{hours:.2f} h for 30 epochs"]


def report(device, scale):
    """Return the Markdown of all tables."""
    with tempfile.TemporaryDirectory() as folder:
        parts = [
            f"# {'GPU' if device == 'cuda' else device}\n\n{conditions(device)}\n",
            "## Losses\n\n" + against_a_copy(device, scale["sizes"]),
            "## AEMD\n\n" + scalings(device, scale["sizes"]),
            "## Training\n\n" + races(device, scale),
            "## One fold of Table 1\n\n" + one_fold(device, scale, Path(folder)),
        ]
    if scale is not TINY:
        from benchmarks import heads

        parts.append(heads.report(device))
    return "\n".join(parts)


def main(arguments=None):
    """Measure, print, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--device", default="cuda", help="cuda, or cpu to try the program")
    parser.add_argument("--tiny", action="store_true", help="seconds instead of minutes")
    parser.add_argument("--out", type=Path, default=Path("build/bench-gpu.md"))
    options = parser.parse_args(arguments)
    if options.device == "cuda" and not torch.cuda.is_available():
        parser.exit(1, "torch finds no GPU here; --device cpu --tiny tries the program without\n")
    page = report(options.device, TINY if options.tiny else FULL)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
