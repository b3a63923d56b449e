"""Reading images: decoding, the cache and batches in memory, against ImageFolder and DataLoader."""

import os
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import Compose, PILToTensor, Resize

from benchmarks.timing import conditions, interleaved, load, processor, table
from emdviz.datasets import image_folder, synthetic_faces
from emdviz.datasets.readers.files import list_files
from emdviz.datasets.readers.images import decode

FILES = ((8000, 64), (1000, 1024))
"""How many files, and pixels of each; all become images of SIZE."""

SIZE = 64
BATCH = 128
WORKERS = 2

LIMITS = """
The aims: decoding at least as fast as the DataLoader, and a second start in a 20th of decoding. Of
8,000 small images, the second cannot be met: to ask for their sizes and times takes 24 ms, to read
98 MB into memory 17 ms, and their checksum 24 ms (2026-11-29); lists of names and labels take the
rest.
"""


def write_faces(folder, count, pixels):
    """Write drawn faces as JPEGs, a folder for each class."""
    faces = synthetic_faces(count, size=SIZE)
    noise = np.random.default_rng(0).normal(0, 6, (pixels, pixels, 3))  # as a camera's
    an_hour_ago = time.time() - 3600  # the cache reads files again that have only just changed
    for k, (image, label) in enumerate(faces):
        path = folder / str(int(label)) / f"{k}.jpg"
        path.parent.mkdir(exist_ok=True)
        picture = Image.fromarray(image.permute(1, 2, 0).numpy())
        if pixels != SIZE:
            large = np.asarray(picture.resize((pixels, pixels), Image.Resampling.BICUBIC))
            picture = Image.fromarray((large + noise).clip(0, 255).astype(np.uint8))
        picture.save(path, quality=90)
        os.utime(path, (an_hour_ago, an_hour_ago))


def epoch(batches):
    """Go through an epoch and touch every batch."""
    return sum(int(images[0, 0, 0, 0]) + len(labels) for images, labels in batches)


def in_memory(data):
    """Yield shuffled batches as training does."""
    for chosen in torch.randperm(len(data)).split(BATCH):
        yield data.inputs[chosen], data.labels[chosen]


def ways(folder):
    """Return what is timed, by name, and what the processor's time is taken of.

    All make uint8 images of the same size.
    """
    torchvision = ImageFolder(folder, transform=Compose([Resize(SIZE), PILToTensor()]))
    options = {"shuffle": True, "num_workers": WORKERS}
    loader = DataLoader(torchvision, BATCH, persistent_workers=True, **options)
    data = image_folder(folder, size=SIZE)  # fills the cache
    timed = {
        f"ImageFolder + DataLoader, {WORKERS} workers: an epoch": lambda: epoch(loader),
        f"emdviz: list and decode, {WORKERS} threads": lambda: decode(
            list_files(folder), SIZE, workers=WORKERS
        ),
        "emdviz: a second start, from the cache": lambda: image_folder(folder, size=SIZE),
        "emdviz: an epoch of batches in memory": lambda: epoch(in_memory(data)),
    }
    # the processor's time is known of workers that have ended, so here they start and end
    return timed, timed | {
        next(iter(timed)): lambda: epoch(DataLoader(torchvision, BATCH, **options))
    }


def report(files=FILES, rounds=5):
    """Return the Markdown of this benchmark."""
    start, parts = load(), []
    for count, pixels in files:
        with tempfile.TemporaryDirectory() as folder:
            write_faces(Path(folder), count, pixels)
            timed, counted = ways(folder)
            times = interleaved(timed, rounds=rounds, warm_up=1)
            spent = {name: processor(function) for name, function in counted.items()}
        loader, decoding, *_ = times.values()
        own, *_ = spent.values()
        rows = [
            [
                name,
                f"{seconds:,.3f} s",
                f"{count / seconds:,.0f}",
                f"{loader / seconds:,.1f}",
                f"{decoding / seconds:,.1f}",
                f"{spent[name]:,.2f} s",
                f"{own / max(spent[name], 0.01):,.1f}",
            ]
            for name, seconds in times.items()
        ]
        title = f"{count:,} JPEGs of {pixels:,} px"
        heads = ["way", title, "images/s", "times DataLoader", "times decoding"]
        parts.append(table([*heads, "processor", "times DataLoader's"], rows))
    return (
        f"## Data sets\n\n{conditions()} · load {start} before, {load()} after\n\n"
        f"JPEGs, made to {SIZE} px, in batches of {BATCH}. All end with uint8 images in memory. "
        "A second start lists the files, compares sizes and times, and reads one file.\n\n"
        + "\n".join(parts)
        + LIMITS
    )
