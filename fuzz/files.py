"""Broken and malicious files for every reader.

Every reader returns the correct content or raises an error of emdviz. It writes nothing outside
the given folder and loads no pickle.
"""

import io
import os
import random
import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import safetensors.torch
import torch
from PIL import Image

from devtools import data_layouts
from emdviz import datasets, models
from emdviz.datasets.readers import files, group_faces, table_files
from emdviz.datasets.readers import images as decoding
from emdviz.datasets.sets.aadb import read_matlab_scores, read_score_list
from emdviz.datasets.sets.adience import read_fold
from emdviz.training.state import RunFolder
from fuzz import mutation
from fuzz.verdict import Fault, read, shorten

SUBJECT = "subject"


@dataclass(frozen=True)
class Reader:
    """A function that reads files.

    Attributes
    ----------
    whole : dict of str to bytes
        Whole files of the kind, by the name under which each is read.
    read : callable
        (folder, name) -> anything; the file lies there.
    around : dict of str to bytes
        Files beside it.
    share : float
        How often to try it, compared with others.
    """

    whole: dict
    read: Callable
    around: dict = field(default_factory=dict)
    share: float = 1.0


def _image_bytes(kind, **options):
    file = io.BytesIO()
    mode = options.pop("mode", "RGB")
    data_layouts.colours(1, (20, 16), mode).save(file, kind, **options)
    return file.getvalue()


def _images():
    return {
        "a.jpg": _image_bytes("JPEG"),
        "b.jpg": _image_bytes("JPEG", progressive=True, quality=50),
        "c.jpg": _image_bytes("JPEG", mode="CMYK"),
        "d.jpg": _image_bytes("JPEG", exif=_turned()),
        "e.png": _image_bytes("PNG"),
        "f.png": _image_bytes("PNG", mode="P"),
        "g.gif": _image_bytes("GIF", mode="P"),
        "h.bmp": _image_bytes("BMP"),
        "i.tif": _image_bytes("TIFF", compression="tiff_lzw"),
        "j.webp": _image_bytes("WEBP"),
    }


def _turned():
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif.tobytes()


def _decode(folder, name):
    found = [file for file in files.list_files(folder) if file.name == name]
    decoded = decoding.decode(found, 16, workers=1)
    if len(decoded.kept) + len(decoded.unreadable) != 1 or decoded.images.shape[1:] != (3, 16, 16):
        raise Fault(f"an image is neither there nor unreadable: {decoded.images.shape}")


def _list(folder, name):
    found = files.list_files(folder / name)
    decoding.decode([file for file in found if file.name.endswith(".png")][:20], 16, workers=1)


def _content(read):
    return lambda folder, name: read((folder / name).read_bytes(), name)


def _set(load):
    def read(folder, name):
        dataset = load(folder)
        kinds = torch.uint8, torch.float32
        if len(dataset.inputs) != len(dataset.labels) or dataset.inputs.dtype not in kinds:
            raise Fault("a data set whose parts do not fit")
        if not all(len(dataset.split(part)) >= 0 for part in dataset.splits):
            raise Fault("a split that cannot be taken")
        return dataset

    return read


def _npz():
    rng = np.random.default_rng(0)
    arrays = {}
    for part in ("train", "val", "test"):
        arrays[f"{part}_images"] = rng.integers(0, 256, (5, 28, 28, 3), dtype=np.uint8)
        arrays[f"{part}_labels"] = np.arange(5, dtype=np.uint8)[:, None]
    packed, plain = io.BytesIO(), io.BytesIO()
    np.savez_compressed(packed, **arrays)
    np.savez(plain, **arrays)
    return {"own.npz": packed.getvalue(), "plain.npz": plain.getvalue()}


def _folder_of_classes():
    image = data_layouts.jpeg
    return {
        f"{kind}/{k}.jpg": image(data_layouts.picture(10 * place + k, place / 3, 16))
        for place, kind in enumerate(("1", "2", "3"))
        for k in range(4)
    }


def _table(around):
    lines = ["path,label,split,group"]
    parts = ("train", "train", "valid", "test")
    lines += [
        f"{name},{name[0]},{parts[k % 4]},{name[0]}{k % 4}" for k, name in enumerate(sorted(around))
    ]
    return ("\n".join(lines) + "\n").encode()


def _tables():
    """A table with numbers, words, dates and gaps, as several programs write it."""
    frame = pd.DataFrame(
        {
            "größe": [k * 37.5 % 11 for k in range(30)],
            "farbe": ["rot", "grün", None] * 10,
            "tag": [f"{k % 28 + 1}.{k % 12 + 1}.2021" for k in range(30)],
            "y": [k % 4 for k in range(30)],
        }
    )
    text = frame.to_csv(sep=";", decimal=",", index=False)
    sheet, columns = io.BytesIO(), io.BytesIO()
    frame.to_excel(sheet, index=False)
    frame.to_parquet(columns)
    return {
        "t.csv": text.encode(),
        "latin.csv": text.encode("latin-1"),
        "t.tsv": text.replace(";", "\t").encode("utf-16"),
        "t.xlsx": sheet.getvalue(),
        "t.parquet": columns.getvalue(),
    }


def _cache(around):
    """The name and content of the cache of these files, and the decoded images."""
    with tempfile.TemporaryDirectory() as name:
        root = data_layouts.write(Path(name), around)
        past = 1_500_000_000 * 10**9
        for path in root.rglob("*.jpg"):
            os.utime(path, ns=(past, past))
        right = datasets.image_folder(root, size=16).inputs.clone()
        (kept,) = (root / ".emdviz").glob("*.npy")
        return f".emdviz/{kept.name}", kept.read_bytes(), right


def _networks():
    tensors = models.small_cnn(3, width=4).state_dict()
    pth, objects = io.BytesIO(), io.BytesIO()
    torch.save(tensors, pth)
    torch.save({"x": mutation.Bomb()}, objects)
    return {
        "w.safetensors": safetensors.torch.save(tensors),
        "w.pth": pth.getvalue(),
        "hostile.pth": objects.getvalue(),
    }


def _run_state():
    tensors = {"model.x": torch.zeros(2), "optimizer.0.step": torch.zeros(())}
    facts = {"format": "emdviz run 1", "facts": "{}", "history": "[]"}
    return {"last.safetensors": safetensors.torch.save(tensors, metadata=facts)}


def readers():
    """Return every reader of files, by what it reads."""
    adience_files = data_layouts.adience(users=1, faces=4)
    groups = data_layouts.images_of_groups(3, faces=2, folders=("Fam2a",))
    aadb_files = data_layouts.aadb(12, 4)
    faces = [
        (f"Fam2a/{k}.jpg", (3, 3), (9, 3), age, 1) for k, age in enumerate(data_layouts.AGE_CLASSES)
    ]
    variable = group_faces.LISTS["eventrain.mat"]
    even = data_layouts.matlab_file(**{variable: data_layouts.even_list(faces)})
    classes = _folder_of_classes()
    cache_name, cache, right = _cache(classes)
    scores = ("a.jpg 0.5\nb.jpg 0.25\nc.jpg 1\n" * 3).encode()
    fold = adience_files["fold_0_data.txt"]
    image = _images()["e.png"]
    zips = {f"{k}.zip": mutation.zip_of({"low/1.png": image, "low/2.png": image}) for k in "ab"}

    def with_cache(folder, name):
        past = 1_500_000_000 * 10**9
        for path in folder.rglob("*.jpg"):
            os.utime(path, ns=(past, past))
        found = datasets.image_folder(folder, size=16).inputs
        if not torch.equal(found, right):
            raise Fault("a broken cache changes the images")

    def table(folder, name):
        return datasets.image_folder(folder, labels=name, size=16, cache=False)

    return {
        "images": Reader(_images(), _decode, share=4),
        "zip files": Reader(zips, _list, share=2),
        "Adience's folds": Reader(
            {"fold_0_data.txt": fold}, _content(lambda c, n: read_fold(c, n, 0)), share=2
        ),
        "Adience": Reader(
            {name: adience_files[name] for name in ("fold_0_data.txt", "fold_3_data.txt")},
            _set(lambda root: datasets.adience(root, size=16, cache=False)),
            adience_files,
            share=0.2,
        ),
        "label tables": Reader(
            {"labels.csv": _table(classes)}, _content(table_files.read_label_table), share=2
        ),
        "own tables": Reader({"labels.csv": _table(classes)}, table, classes, share=0.4),
        "tables": Reader(
            _tables(),
            lambda folder, name: datasets.table(folder / name, label="y").resplit(1),
            share=1,
        ),
        "own folders": Reader(
            {name: classes[name] for name in ("1/0.jpg", "2/3.jpg")},
            _set(lambda root: datasets.image_folder(root, size=16, cache=False)),
            classes,
            share=0.4,
        ),
        "the cache": Reader({cache_name: cache}, with_cache, classes, share=0.6),
        "AADB's lists": Reader({"list.txt": scores}, _content(read_score_list), share=2),
        "AADB's MATLAB file": Reader(
            {"AADBinfo.mat": aadb_files["AADBinfo.mat"]}, _content(read_matlab_scores), share=0.1
        ),
        "AADB": Reader(
            {"AADBinfo.mat": aadb_files["AADBinfo.mat"]},
            _set(lambda root: datasets.aadb(root, bins=2, size=16, cache=False)),
            aadb_files,
            share=0.1,
        ),
        "Images of Groups' tables": Reader(
            {"PersonData.txt": groups["Fam2a/PersonData.txt"]},
            _content(group_faces.read_person_data),
            share=2,
        ),
        "Images of Groups' MATLAB files": Reader(
            {"eventrain.mat": even}, _content(group_faces.read_even_list), share=0.1
        ),
        "Images of Groups": Reader(
            {"Fam2a/PersonData.txt": groups["Fam2a/PersonData.txt"]},
            _set(lambda root: datasets.images_of_groups(root, size=16, cache=False)),
            groups,
            share=0.2,
        ),
        "UTKFace": Reader(
            {"20_0_1_20170116174525125.jpg.chip.jpg": _images()["a.jpg"]},
            _set(lambda root: datasets.utkface(root, size=16, cache=False)),
            {
                f"{age}_0_1_2017011617452512{age}.jpg.chip.jpg": data_layouts.jpeg(
                    data_layouts.picture(age, 0.5)
                )
                for age in range(5, 60, 5)
            },
            share=0.3,
        ),
        "RetinaMNIST": Reader(
            _npz() | {"objects.npz": mutation.with_objects(["train_images", "train_labels"])},
            lambda folder, name: datasets.retina_mnist(folder / name, size=28),
            share=1,
        ),
        "weights": Reader(
            _networks(),
            lambda folder, name: models.small_cnn(3, width=4, weights=folder / name),
            share=1,
        ),
        "runs": Reader(_run_state(), lambda folder, name: RunFolder(folder, {}).read(), share=1),
    }


def judge(reader, folder, name):
    """Read a file once; return whether it could be read, or raise a Fault."""
    before = tree(folder.parent)
    answered = read(reader.read, folder, name, warned=4)
    if (after := tree(folder.parent)) != before:
        raise Fault(f"writes {sorted(after ^ before)}")
    return answered


def tree(folder):
    """Return everything that lies below a folder, but the cache beside the data."""
    return {
        (str(path), path.stat().st_size)
        for path in [*Path(folder).rglob("*"), Path(mutation.CANARY).absolute()]
        if path.exists() and ".emdviz" not in path.parts
    }


def try_files(most, number=0, only=""):
    """Give so many broken files to the readers.

    Returns
    -------
    dict of str to (int, int)
        For each reader, how many files it was given and how many it could read.
    list of str
        The faults.
    """
    rng = random.Random(number)
    every = {name: reader for name, reader in readers().items() if only in name}
    others = [data for reader in every.values() for data in reader.whole.values()]
    whole = sum(reader.share for reader in every.values())
    counts, faults = {}, {}
    for kind, reader in every.items():
        times = max(3, round(most * reader.share / whole))
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / SUBJECT
            folder.mkdir()
            data_layouts.write(folder, reader.around)
            answered = 0
            for turn in range(times):
                name = rng.choice(list(reader.whole))
                data = reader.whole[name]
                data = data if turn < len(reader.whole) else mutation.mutate(data, rng, others)
                data_layouts.write(folder, {name: data})
                try:
                    answered += judge(reader, folder, name)
                except Fault as fault:
                    key = re.sub(r"\d+|0x\w+", "#", f"{kind}: {shorten(fault, 90)}")
                    faults.setdefault(key, f"{kind}, file {turn} of seed {number}: {fault}")
                    if keep := os.environ.get("EMDVIZ_FUZZ_KEEP"):
                        shutil.copy(folder / name, Path(keep) / f"{len(faults)}-{Path(name).name}")
            counts[kind] = times, answered
    return counts, list(faults.values())


def try_hostile():
    """Give decompression bombs and hostile archives to the readers; return (count, faults)."""
    faults, count = [], 0
    every = readers()
    image = _images()["e.png"]
    bombs, zips = mutation.decompression_bombs(), mutation.hostile_zips(image)
    cases = [("images", "bomb.png", data, what) for what, data in bombs.items()]
    cases += [("zip files", "hostile.zip", data, what) for what, data in zips.items()]
    for kind, name, data, what in cases:
        count += 1
        with tempfile.TemporaryDirectory() as place:
            folder = data_layouts.write(Path(place) / SUBJECT, {name: data})
            try:
                judge(every[kind], folder, name)
            except Fault as fault:
                faults.append(f"{what}: {fault}")
    return count, faults
