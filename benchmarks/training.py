"""Training with ``fit`` against plain PyTorch loops, and many small networks at once."""

import statistics
import tempfile
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2
from torchvision.transforms.functional import to_pil_image

from benchmarks.timing import conditions, table
from emdviz import datasets
from emdviz.losses.loss import closed_forms
from emdviz.models import small_cnn
from emdviz.training import Run, TrainConfig, compare_losses

ROUNDS = 5
BATCH = 128
SCALE = [
    v2.RandomHorizontalFlip(),
    v2.ToImage(),
    v2.ToDtype(torch.float32, scale=True),
    v2.Normalize([0.5] * 3, [0.5] * 3),
]


class PlainLoop:
    """An epoch as a tutorial writes it: a DataLoader, a network, a loss, SGD."""

    def __init__(self, images, *, workers=0, channels_last=False):
        self.layout = torch.channels_last if channels_last else torch.contiguous_format
        self.loader = DataLoader(
            images,
            BATCH,
            shuffle=True,
            drop_last=True,
            num_workers=workers,
            persistent_workers=workers > 0,
        )
        self.model = small_cnn(8).to(memory_format=self.layout)
        self.optimizer = torch.optim.SGD(self.model.parameters(), 0.01, momentum=0.9)

    def __call__(self):
        self.model.train()
        for images, labels in self.loader:
            self.optimizer.zero_grad()
            outputs = self.model(images.to(memory_format=self.layout))
            F.cross_entropy(outputs, labels).backward()
            self.optimizer.step()


def write_jpegs(split, folder):
    """Write a split as one would find it: a folder of JPEG files per class."""
    for k in range(8):
        (folder / str(k)).mkdir()
    for i, (image, label) in enumerate(zip(split.inputs, split.labels, strict=True)):
        to_pil_image(image).save(folder / str(int(label)) / f"{i}.jpg", quality=92)


def epochs(functions):
    """Median seconds of an epoch of each, in turns."""
    times = {name: [] for name in functions}
    for _ in range(ROUNDS):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            times[name].append(time.perf_counter() - start)
    # the first turn warms up workers and caches
    return {name: statistics.median(values[1:]) for name, values in times.items()}


def against_plain_loops(count=2000, size=48):
    """Images per second of ``fit`` and of plain loops over the same images."""
    faces = datasets.load("synthetic_faces", n=count, size=size)
    train = faces.split("train")
    run = Run(small_cnn(8), "XE", faces, TrainConfig(device="cpu"))
    decoded = [(image, int(label)) for image, label in zip(train.inputs, train.labels, strict=True)]

    class Decoded(torch.utils.data.Dataset):
        transform = v2.Compose(SCALE)

        def __len__(self):
            return len(decoded)

        def __getitem__(self, i):
            image, label = decoded[i]
            return self.transform(image), label

    with tempfile.TemporaryDirectory() as folder:
        write_jpegs(train, Path(folder))
        files = ImageFolder(folder, v2.Compose(SCALE))
        times = epochs(
            {
                "fit": lambda: run.train(1),
                "fit, its batches alone": lambda: list(run.data.batches(run.config, 1)),
                "plain loop, JPEG files, 2 workers": PlainLoop(files, workers=2),
                "plain loop, JPEG files": PlainLoop(files),
                "plain loop, decoded images": PlainLoop(Decoded()),
                "plain loop, decoded images, channels last": PlainLoop(
                    Decoded(), channels_last=True
                ),
            }
        )
    images = run.steps * BATCH
    rows = [
        [name, f"{images / seconds:,.0f}", f"{seconds / times['fit']:.2f}"]
        for name, seconds in times.items()
    ]
    return table(["epoch", "images/s", "time, of fit"], rows)


def side_by_side(device, *, seeds=8, count=10_000, size=48, num_epochs=2):
    """Four losses with several seeds, stacked against one by one."""
    faces = datasets.load("synthetic_faces", n=count, size=size)
    losses = [name for name in closed_forms("gradient") if name != "REG"]
    config = TrainConfig(epochs=num_epochs, device=device)
    images = len(losses) * seeds * num_epochs * len(faces.split("train"))
    rows = []
    for name, together in (("one by one", False), ("stacked", True)):
        if device == "cuda":
            torch.cuda.reset_peak_memory_stats()
        start = time.perf_counter()
        compare_losses(faces, losses, seeds=range(seeds), config=config, together=together)
        seconds = time.perf_counter() - start
        peak = f"{torch.cuda.max_memory_allocated() / 2**30:.1f} GiB" if device == "cuda" else "–"
        rows.append([name, f"{seconds:.1f} s", f"{images / seconds:,.0f}", peak])
    title = f"{len(losses)} losses × {seeds} seeds, {num_epochs} epochs, {count:,} faces"
    return table([title, "time", "images/s", "peak memory"], rows)


def report(device="cpu"):
    """Return the Markdown of this benchmark."""
    if device == "cpu":
        parts = [against_plain_loops(), side_by_side("cpu", seeds=2, count=1000, num_epochs=1)]
    else:
        parts = [side_by_side("cuda"), side_by_side("cuda", seeds=1, num_epochs=10)]
    where = "CPU" if device == "cpu" else "GPU"
    return f"## Training, {where}\n\n{conditions(device)}\n\n" + "\n".join(parts)
