"""Where the numbers of a run come from: its data, first weights, versions and machine."""

import hashlib
import platform
from functools import cache
from importlib.metadata import version

import torch

_BLOCK = 2**22
"""Bytes of inputs that are read at once."""


def describe_origin(run):
    """Return the origin of a run's numbers, apart from its configuration, as a dict.

    Digests: ``data`` of inputs, labels, classes and, where there are any, positions, votes, weights
    and scores, of all splits; ``splits`` of which rows are in which; ``first weights`` of the
    network's tensors before training. ``versions`` of emdviz, torch and Python; ``device``;
    ``threads`` of the processor.
    """
    device = run.data.device
    name = f"{device.type} {platform.machine()}"
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
    return {
        "data": digest_data(run.data.dataset),
        "splits": digest_splits(run.data.dataset),
        "first weights": run.first_weights,
        "versions": _versions(),
        "device": name,
        "threads": run.threads,
    }


@cache
def _versions():
    """Return versions as a text; looking into the installed package costs a millisecond."""
    versions = f"emdviz {version('emdviz')}, torch {torch.__version__}"
    return f"{versions}, Python {platform.python_version()}"


def digest_data(dataset):
    """Return a digest of a data set, 16 hexadecimal digits; equal for equal data only.

    Splits do not count, so that folds and resplits of the same data have the same digest. It is
    computed when it is first asked for, about a second for each gigabyte, and anew where an
    attribute has changed since, or torch has changed a tensor in place; not where NumPy has
    changed an array that a tensor shares.
    """
    tensors = [getattr(dataset, name) for name in ("labels", "votes", "weights", "scores")]
    if dataset.preparation is None:  # else the inputs follow from the columns
        tensors.append(dataset.inputs)
    tensors = [one for one in tensors if one is not None]
    state = [(id(one), one.is_inference() or one._version) for one in tensors]
    state += map(str, (dataset.classes, dataset.positions))
    if dataset._digest is None or dataset._digest[0] != state:
        dataset._digest = state, digest(parts_of(dataset), size=8)
    return dataset._digest[1]


def digest_splits(dataset):
    """Return a digest of which rows are in which split."""
    return digest((part for split in sorted(dataset.splits.items()) for part in split), size=8)


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


def _columns(dataset):
    for column in dataset.preparation.columns:
        values = dataset.frame[column.name]
        yield column.name, column.kind
        if column.kind == "category":
            yield values.tolist()
        else:
            yield torch.from_numpy(values.to_numpy().view("int64").copy())


def parts_of(dataset):
    """Yield all that decides what a network learns from a data set, but for its splits."""
    yield [str(name) for name in dataset.classes]
    yield dataset.positions and [float(x) for x in dataset.positions]
    if dataset.preparation is None:
        # a few megabytes at a time, since they may lie in a file
        yield from dataset.inputs.split(max(1, _BLOCK // max(1, dataset.inputs[:1].nbytes)))
    else:  # what the inputs are made of: these depend on the training split
        yield from _columns(dataset)
    yield dataset.labels
    for more in (dataset.votes, dataset.weights, dataset.scores):
        yield None if more is None else more
