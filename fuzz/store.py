"""Stores of runs with missing, foreign or broken files."""

import random
import shutil
import tempfile
import warnings
from pathlib import Path

from emdviz import datasets, experiments, training
from emdviz.explorers import TrainingReplay
from fuzz import mutation
from fuzz.files import tree
from fuzz.verdict import Fault, read, shorten


def make_store(folder):
    """Make a store of two finished runs in a folder; return their specs."""
    options = {"n": 48, "size": 32}
    config = training.TrainConfig(epochs=1, batch_size=16, device="cpu")
    specs = [
        experiments.RunSpec("synthetic_faces", options, loss=loss, config=config)
        for loss in ("XE", "REG")
    ]
    experiments.run(specs, folder)
    return specs


def _break(folder, rng, others):
    """Change, remove or add a file in a store; return which."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    how, path = rng.randrange(8), rng.choice(files)
    if how == 0:
        path.unlink()
    elif how == 1:
        shutil.rmtree(path.parent)
        if path.parent == folder:
            folder.mkdir()
    elif how == 2:
        path.unlink()
        path.mkdir()
    elif how == 3:
        path.unlink()
        path.symlink_to(rng.choice(["/etc/passwd", "/no/such/file", str(path), str(folder)]))
    elif how == 4:
        shutil.copy(
            rng.choice(files), path.parent / rng.choice(["x", "é" * 50, ".hidden", "a b-c"])
        )
    elif how == 5:
        path.parent.rename(path.parent.with_name(rng.choice(["other", "a-b-0123456789abcdef"])))
    else:
        path.write_bytes(mutation.mutate(path.read_bytes(), rng, others))
    return f"{how} {path.name}"


def _attempts(folder, specs, dataset):
    store = experiments.Store(folder)
    yield lambda: experiments.results(folder)
    for spec in specs:
        yield lambda spec=spec: store.row(spec)
        yield lambda spec=spec: store.predictions(spec)
        yield lambda spec=spec: store.weights(spec)
        yield lambda spec=spec: store.load(spec)
        yield lambda spec=spec: store.history(spec)
    yield lambda: TrainingReplay.from_folder(folder / specs[0].id, dataset)


def try_stores(most, number=0):
    """Break a store so many times and read all of it.

    Returns
    -------
    (int, list of str)
        How many stores were broken, and the faults.
    """
    rng, faults = random.Random(number), {}
    dataset = datasets.load("synthetic_faces", n=48, size=32)
    with tempfile.TemporaryDirectory() as place:
        whole = Path(place) / "whole"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            specs = make_store(whole)
        others = [path.read_bytes() for path in sorted(whole.rglob("*")) if path.is_file()]
        for turn in range(most):
            folder = Path(place) / "broken"
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(whole, folder)
            what = [_break(folder, rng, others)]
            before = tree(folder.parent)
            for attempt in _attempts(folder, specs, dataset):
                try:
                    read(attempt)
                except Fault as fault:
                    key = shorten(fault, 70)
                    faults.setdefault(key, f"store {turn} of seed {number}, {what}: {fault}")
            if tree(folder.parent) != before:
                faults.setdefault("writes", f"store {turn}: writes {tree(folder.parent) ^ before}")
    return most, list(faults.values())
