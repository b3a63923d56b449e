"""Runs for the tests of experiments: real ones that are tiny, and ones that only sleep.

The functions that workers call must lie in a module that they can import.
"""

import os
import signal
import sys
import time

import dask
import torch

from emdviz.experiments import RunSpec, run, work
from emdviz.training import Run, TrainConfig, at_once

torch.set_num_threads(1)  # in all processes alike, for the last digits depend on it
# processes that start with everything imported
dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"})


def tiny(loss, seed=0, **config):
    """A real run of a second or less."""
    options = {"epochs": 2, "batch_size": 32, "learning_rate": 0.02, "device": "cpu"} | config
    faces = {"n": 120, "size": 32}
    return RunSpec("synthetic_faces", faces, loss=loss, config=TrainConfig(seed=seed, **options))


def my_network(outputs):
    """A network as a user writes it."""
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 5, stride=4), torch.nn.ReLU(), torch.nn.Flatten(),
        torch.nn.Linear(196, outputs),
    )  # fmt: skip


def my_loss(logits, targets, *, weight=None):
    """A loss as a user writes it: weighted Earth Mover's Distance of the logits' softmax."""
    truth = torch.nn.functional.one_hot(targets, logits.shape[1])
    distance = (logits.softmax(1).cumsum(1) - truth.cumsum(1)).abs().sum(1)
    share = torch.ones_like(distance) if weight is None else weight[targets]
    return (distance * share).sum() / share.sum()


def sleeper(seed, epochs=1):
    """A run for :func:`sleep`, of so many hundredths of a second."""
    return RunSpec("digits", loss="XE", config=TrainConfig(seed=seed, epochs=epochs))


def note_begin(folder):
    """Note, beside the folder of a run, that a process began it."""
    with folder.with_name(f"{folder.name}.begun").open("a") as file:
        file.write(f"{os.getpid()}\n")


def sleep(spec, folder, on_epoch):
    """Note that it began, sleep, and return numbers that depend on the spec alone."""
    note_begin(folder)
    for _ in range(spec.config.epochs):
        time.sleep(0.01)
        on_epoch(None)
    value = spec.config.seed / 7
    metrics = {"valid": {"RPS": value}, "test": {"RPS": 1 - value}}
    return {"metrics": metrics, "seconds": 0.01 * spec.config.epochs}, {}


def sleep_long(spec, folder, on_epoch):
    """Note that it began, and sleep until another process ends it."""
    note_begin(folder)
    time.sleep(600)
    raise AssertionError(f"nobody ended {spec.id}")


def kill_if_odd(spec, folder, on_epoch):
    """Sleep, but take the worker down in the middle if the seed is odd."""
    if spec.config.seed % 2 == 0:
        return sleep(spec, folder, on_epoch)
    time.sleep(0.02)
    note_begin(folder)
    os.kill(os.getpid(), signal.SIGKILL)


def begun(store, spec):
    """How often a run was begun."""
    folder = store.state(spec)
    path = folder.with_name(f"{folder.name}.begun")
    return len(path.read_text().splitlines()) if path.exists() else 0


def numbers(frame):
    """What must not depend on where and when a run was done."""
    kept = frame.drop(columns=["seconds", "finished", "host"])
    return kept.sort_values("id", ignore_index=True)


def drive(specs, store, train=work.train, workers=1):
    """Be a program that runs specs; its exit code tells whether all have a result."""
    frame = run(specs, store, workers, progress=False, train=train)
    sys.exit(int((frame["error"] != "").any()))


def drive_at_once(specs, store):
    """Be such a program that trains two at once, and notes what it begins."""
    train = Run.train

    def noted(run, number, **options):
        note_begin(run.folder.path)
        return train(run, number, **options)

    Run.train, at_once.get_num_threads = noted, lambda: 2
    drive(specs, store)
