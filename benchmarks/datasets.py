"""Reading images: decoding, the cache and batches in memory, against ImageFolder and DataLoader."""

import os
import tempfile
import time
from pathlib import Path

import torch
from PIL import Image
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import PILToTensor

from benchmarks.timing import conditions, interleaved, table
from emdviz.datasets import image_folder, synthetic_faces
from emdviz.datasets.readers.files import list_files
from emdviz.datasets.readers.images import decode

IMAGES = 8000
SIZE = 64
BATCH = 128
WORKERS = 2


def write_faces(folder, count):
    """Write drawn faces as JPEGs, a folder for each class."""
    faces = synthetic_faces(count, size=SIZE)
    an_hour_ago = time.time() - 3600  # the cache reads files again that have only just changed
    for k, (image, label) in enumerate(faces):
        path = folder / str(int(label)) / f"{k}.jpg"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(path, quality=90)
        os.utime(path, (an_hour_ago, an_hour_ago))


def epoch(batches):
    """Go through an epoch and touch every batch."""
    return sum(int(images[0, 0, 0, 0]) + len(labels) for images, labels in batches)


def in_memory(data):
    """Yield shuffled batches as training does."""
    for chosen in torch.randperm(len(data)).split(BATCH):
        yield data.inputs[chosen], data.labels[chosen]


def ways(folder):
    """Return what is compared, by name; all make uint8 images of the size of the files."""
    torchvision = ImageFolder(folder, transform=PILToTensor())
    loader = DataLoader(
        torchvision, BATCH, shuffle=True, num_workers=WORKERS, persistent_workers=True
    )
    data = image_folder(folder, size=SIZE)  # fills the cache
    return {
        f"ImageFolder + DataLoader, {WORKERS} workers: an epoch": lambda: epoch(loader),
        f"emdviz: list and decode, {WORKERS} threads": lambda: decode(
            list_files(folder), SIZE, workers=WORKERS
        ),
        "emdviz: a second start, from the cache": lambda: image_folder(folder, size=SIZE),
        "emdviz: an epoch of batches in memory": lambda: epoch(in_memory(data)),
    }


def report(count=IMAGES, rounds=5):
    """Return the Markdown of this benchmark."""
    with tempfile.TemporaryDirectory() as folder:
        write_faces(Path(folder), count)
        times = interleaved(ways(folder), rounds=rounds)
    loader, decoding, *_ = times.values()
    rows = [
        [
            name,
            f"{seconds:,.3f} s",
            f"{count / seconds:,.0f}",
            f"{loader / seconds:,.1f}",
            f"{decoding / seconds:,.1f}",
        ]
        for name, seconds in times.items()
    ]
    heads = ["way", f"{count:,} images", "images/s", "times DataLoader", "times decoding"]
    return (
        f"## Data sets\n\n{conditions()}\n\n"
        f"JPEGs of {SIZE} px, in batches of {BATCH}. All end with uint8 images in memory. "
        "A second start lists the files, compares sizes and times, and reads one file.\n\n"
        f"{table(heads, rows)}"
    )
