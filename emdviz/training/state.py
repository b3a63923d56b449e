"""A training run on disk: its state after every finished epoch, so that it can go on."""

import dataclasses
import json
import math

import safetensors
import safetensors.torch
import torch

from emdviz.reading import read_path
from emdviz.training.provenance import digest, digest_splits, parts_of
from emdviz.training.results import plain
from emdviz.writing import link_whole, write_whole

FORMAT = "emdviz run 1"
HISTORY, WEIGHTS = "history.json", "weights.safetensors"
TRIALS = "value of the loss for a trial", "size of the outputs before training"
"""Facts, or None, that tell a loss and a network from others of their names: from those before
they were changed."""

_OPTIMIZER = "optimizer."
_MOMENTUM = "momentum_buffer"
_MODEL = "model."
_LOSS = "loss."


class RunFolder:
    """The folder in which one run keeps its state.

    ``last.safetensors`` holds network, loss and optimizer after the last finished epoch; its
    header holds what is run and the history, so that they can never disagree.
    ``best.safetensors`` is the same after the epoch of the least validation loss, and
    ``history.json`` a copy of the history for people. A file is written beside its place and then
    moved there: whatever stops the program, the old state or the new one is left. A folder of a
    run with other ``facts`` is refused. Of a run that :meth:`finish` has closed, the network is in
    ``weights.safetensors`` if that is there.
    """

    def __init__(self, path, facts):
        self.path = read_path(path, "folder", "the folder of a run")
        self.facts = json.loads(json.dumps(facts))
        self.threads = None
        self.last = self.path / "last.safetensors"
        self.best = self.path / "best.safetensors"
        self.weights = self.path / WEIGHTS

    def read(self):
        """Return (tensors, history) of the last finished epoch; ({}, []) if there is none."""
        if not self.last.exists():
            return {}, []
        try:
            with safetensors.safe_open(self.last, framework="pt") as file:
                header = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            facts, history = json.loads(header["facts"]), json.loads(header["history"])
            self.threads = int(header["threads"]) if "threads" in header else None
            if header["format"] != FORMAT:
                raise ValueError(f"it has the format {header['format']!r}")
            if history and not any(name.startswith(_MODEL) for name in tensors):
                network = safetensors.torch.load_file(self.weights)
                tensors |= {_MODEL + name: value for name, value in network.items()}
        except (safetensors.SafetensorError, OSError, KeyError, ValueError) as error:
            raise ValueError(
                f"{self.last} is no state of a run that can be read ({error}); "
                "delete its folder, or choose another"
            ) from None
        for name in sorted(facts.keys() | self.facts.keys()):
            before, now = facts.get(name), self.facts.get(name)
            same = before == now
            if name in TRIALS:
                same = None in (before, now) or math.isclose(before, now, rel_tol=1e-3)
            if not same:
                raise ValueError(
                    f"{self.path} holds another run: {name} is {before!r} there and {now!r} "
                    "here; choose another folder, or delete it"
                )
        return tensors, history

    def write(self, tensors, history, *, best):
        """Keep the state after an epoch; ``best`` tells whether none was better before."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            data = self._pack(tensors, history)
            if best:
                write_whole(self.best, data)
                link_whole(self.last, self.best)
            else:
                write_whole(self.last, data)
            # with an indent, json takes twice as long
            epochs = ",\n".join(map(json.dumps, history))
            text = f'{{"run": {json.dumps(self.facts)},\n"epochs": [\n{epochs}\n]}}\n'
            write_whole(self.path / HISTORY, text.encode(), lasting=False)
        except OSError as error:
            raise OSError(
                error.errno,
                f"epoch {len(history)} could not be kept in {self.path}: {error.strerror}; "
                f"the {len(history) - 1} before it are safe there",
            ) from error

    def finish(self):
        """Remove what only further epochs would need; keep the network once."""
        if not self.best.exists():
            return
        tensors, history = self.read()
        needless = (_OPTIMIZER, _MODEL) if self.weights.exists() else (_OPTIMIZER,)
        kept = {name: one for name, one in tensors.items() if not name.startswith(needless)}
        write_whole(self.last, self._pack(kept, history))
        self.best.unlink(missing_ok=True)

    def _pack(self, tensors, history):
        header = {"format": FORMAT, "facts": json.dumps(self.facts)}
        if self.threads is not None:
            header["threads"] = str(self.threads)
        header["history"] = json.dumps(history)
        return safetensors.torch.save(tensors, metadata=header)


def describe(model, loss, loss_options, dataset, config, probe):
    """Return the facts that make a run: equal facts on one machine give equal histories."""
    settings = dataclasses.asdict(config)
    del settings["device"]
    shapes = {name: list(value.shape) for name, value in model.state_dict().items()}
    return {
        "loss": loss.name,
        **{f"loss {name}": plain(name, value) for name, value in loss_options.items()},
        "data set": dataset.name,
        "classes": list(dataset.classes),
        "data": digest(parts_of(dataset)),
        "splits": digest_splits(dataset),
        "probe": digest([probe]),
        "network": type(model).__name__,
        "layers": digest(shapes.items(), size=8),
        **settings,
    }


def pack(model, criterion, optimizer):
    """Return all tensors of a run's state under one level of names, on the CPU."""
    tensors = {_MODEL + name: value for name, value in model.state_dict().items()}
    tensors |= {_LOSS + name: value for name, value in criterion.state_dict().items()}
    for i, value in enumerate(optimizer.parameters):
        if value in optimizer.momenta:
            tensors[f"{_OPTIMIZER}{i}.{_MOMENTUM}"] = optimizer.momenta[value]
    return {name: value.detach().cpu().contiguous() for name, value in tensors.items()}


def unpack(tensors, model, criterion, optimizer):
    """Put a packed state back where it came from."""

    def part(prefix):
        return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}

    model.load_state_dict(part(_MODEL))
    criterion.load_state_dict(part(_LOSS))
    optimizer.momenta.clear()
    for name, value in part(_OPTIMIZER).items():
        parameter = optimizer.parameters[int(name.partition(".")[0])]
        # in the memory layout of the parameter, which a file does not keep
        optimizer.momenta[parameter] = torch.empty_like(parameter).copy_(value)
