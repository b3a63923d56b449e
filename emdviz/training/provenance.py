"""Where the numbers of a run come from: its data, first weights, versions and machine."""

import hashlib
import platform
from functools import cache
from importlib.metadata import version

import torch

_BLOCK = 2**22
"""Bytes of inputs in memory at once when all are looked at."""


def describe_origin(run):
    """Return what a run rests on, apart from its configuration.

    Parameters
    ----------
    run : Run

    Returns
    -------
    dict of str to str or int
        Digests: ``data`` of inputs, labels, classes and, where there are any, positions, votes,
        weights and scores, of all splits; ``splits`` of which rows are in which; ``first weights``
        of the network's tensors before training. ``versions`` of emdviz, torch and Python;
        ``device``; ``threads`` of the processor.
    """
    return {
        "data": digest_data(run.data.dataset),
        "splits": digest(_parts_of_splits(run.data.dataset), size=8),
        "first weights": run.first_weights,
        "versions": _versions(),
        "device": name_device(run.data.device),
        "threads": run.threads,
    }


@cache
def _versions():
    """Return versions as a text; looking into the installed package costs a millisecond."""
    versions = f"emdviz {version('emdviz')}, torch {torch.__version__}"
    return f"{versions}, Python {platform.python_version()}"


def name_device(device):
    """Return what a device is called: a GPU by its model, the CPU by its architecture."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type} {platform.machine()}"


def digest_data(dataset):
    """Return a digest of a data set, 16 hexadecimal digits; equal for equal data only.

    Splits do not count, so that folds and resplits of the same data have the same digest. It is
    computed once for each data set: about a second for each gigabyte.
    """
    if dataset._digest is None:
        dataset._digest = digest(_all_parts(dataset), size=8)
    return dataset._digest


def digest(tensors, size=16):
    """Return a short text that is the same for equal tensors and texts only."""
    hashed = hashlib.blake2b(digest_size=size)
    for part in tensors:
        if isinstance(part, torch.Tensor):
            part = part.detach().cpu().contiguous()
            hashed.update(f"{part.dtype} {tuple(part.shape)} ".encode())
            hashed.update(part.reshape(-1).view(torch.uint8).numpy())
        else:
            hashed.update(repr(part).encode())
    return hashed.hexdigest()


def in_blocks(inputs, rows=None):
    """Yield inputs, or some rows of them, a few megabytes at a time: they may lie in a file."""
    if inputs.dtype == torch.uint16:  # which torch cannot index
        inputs = inputs.view(torch.int16)
    at_once = max(1, _BLOCK // max(1, inputs[:1].nbytes))
    for block in (inputs if rows is None else rows).split(at_once):
        yield block if rows is None else inputs[block]


def _parts_of_splits(dataset):
    for name, rows in sorted(dataset.splits.items()):
        yield from (name, rows)


def _columns(dataset):
    for column in dataset.preparation.columns:
        values = dataset.frame[column.name]
        yield column.name, column.kind
        if column.kind == "category":
            yield values.tolist()
        else:
            yield torch.from_numpy(values.to_numpy().view("int64").copy())


def _all_parts(dataset):
    yield [str(name) for name in dataset.classes]
    yield dataset.positions and [float(x) for x in dataset.positions]
    if dataset.preparation is None:
        yield from in_blocks(dataset.inputs)
    else:  # what the inputs are made of: these depend on the training split
        yield from _columns(dataset)
    yield dataset.labels
    for more in (dataset.votes, dataset.weights, dataset.scores):
        yield None if more is None else more
