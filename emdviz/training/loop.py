"""One training run, epoch by epoch."""

import dataclasses
import json
import time
import warnings
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import numpy as np
import torch

from emdviz.models import Network
from emdviz.reading import check_is, shown, to_numpy
from emdviz.training import runs
from emdviz.training.augmentation import AUGMENTATIONS, NUMBERS, centre_crop
from emdviz.training.config import choose_device, read_config
from emdviz.training.evaluation import Prediction, find_loss, make_loss, measure, predict, scale


@dataclass(frozen=True)
class Epoch:
    """The state of a run after an epoch.

    Attributes
    ----------
    number : int
        From 1.
    train_loss, valid_loss : float
        Mean loss over the epoch's training batches, and over the validation split after it.
    metrics : dict of str to float
        On the validation split; see ``metrics.METRICS``.
    probe : Prediction
        For the probe images.
    learning_rate : float
        At the end of the epoch.
    seconds : float
        Since the start of the run.
    ground_distance : NumPy array of float64, shape (C, C), or None
        What a loss that learns a ground distance has learned by the end of the epoch, as SGEMD2
        does; None for the others.
    """

    number: int
    train_loss: float
    valid_loss: float
    metrics: dict
    probe: Prediction
    learning_rate: float
    seconds: float
    ground_distance: np.ndarray | None = None

    def to_dict(self):
        """Return the same in the types of JSON."""
        probe = {
            "classes": self.probe.classes.tolist(),
            "distribution": None
            if self.probe.distribution is None
            else self.probe.distribution.tolist(),
        }
        learned = self.ground_distance
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)} | {
            "probe": probe,
            "ground_distance": None if learned is None else learned.tolist(),
        }

    @classmethod
    def from_dict(cls, facts):
        """Return the epoch that :meth:`to_dict` described; older ones have no ground distance."""
        probe = facts["probe"]
        distribution = probe["distribution"]
        prediction = Prediction(
            torch.tensor(probe["classes"]),
            None if distribution is None else torch.tensor(distribution),
        )
        learned = facts.get("ground_distance")
        learned = None if learned is None else np.array(learned)
        return cls(**(facts | {"probe": prediction, "ground_distance": learned}))


def read_history(path):
    """Return what was run, a dict, and its epochs, of a ``history.json``.

    Raises
    ------
    ValueError
        If it cannot be read or lacks something.
    """
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        epochs = [Epoch.from_dict(facts) for facts in kept["epochs"]]
        return {name: kept["run"][name] for name in ("loss", "probe")}, epochs
    except Exception as error:  # a broken file may lack anything
        raise ValueError(f"{path} cannot be read ({error}): run it again") from None


def fit(model, loss, dataset, config=None, *, probe=None, folder=None, loss_options=None):
    """Train ``model`` and yield an :class:`Epoch` after every epoch; stop whenever you like.

    The training images lie on the device as bytes; shuffling, augmentation and scaling to −1 … 1
    happen there. For one seed the batches are the same whatever the loss, and a run on a CPU
    repeats bit for bit.

    Parameters
    ----------
    model : torch.nn.Module
        Images (B, 3, H, W) to ``LOSSES[loss].num_outputs(C)`` outputs; trained in place and
        moved to the device.
    loss : str
        A name in ``losses.LOSSES``.
    dataset : datasets.OrderedData
        Trained on its ``"train"`` split, evaluated on its ``"valid"`` split.
    config : TrainConfig, optional
    probe : uint8 tensor, shape (N, 3, H, W), optional
        Images whose predictions every epoch reports; the first eight for validation by default.
    folder : str or Path, optional
        Where to keep the run: ``last.safetensors`` and ``best.safetensors`` (by validation
        loss), and ``history.json``, after every epoch. If the same run is there already, its
        finished epochs are yielded again without being trained, and it goes on after the last:
        to the same weights, bit for bit on a CPU, as if it had never stopped.
    loss_options : dict, optional
        Options of the loss, such as ``{"lam": 10.0}`` for AEMD; of JSON's types.

    Yields
    ------
    Epoch

    Raises
    ------
    ValueError
        If the loss has no such name, a split is empty, the model has the wrong outputs, or
        ``folder`` holds another run.
    FloatingPointError
        If the training loss is no longer finite.
    MemoryError
        If a batch does not fit on the device, nor half of one.
    OSError
        If ``folder`` cannot be written; the epochs finished before are safe there.

    Warns
    -----
    UserWarning
        If memory only suffices for half a batch at a time: gradients are then added up, so that
        the batch keeps its size, but batch norm sees the halves.

    Examples
    --------
    >>> from emdviz import datasets, models, training
    >>> faces = datasets.load("synthetic_faces", n=64, size=32)
    >>> model = models.small_cnn(8)
    >>> config = training.TrainConfig(epochs=2, batch_size=16, device="cpu")
    >>> [epoch.number for epoch in fit(model, "EMD2", faces, config)]
    [1, 2]
    """
    config = read_config(config)
    check_is(model, "model", torch.nn.Module, "a torch.nn.Module")
    data = Data(dataset, choose_device(config.device))
    options = {"probe": probe, "folder": folder, "loss_options": loss_options}
    yield from epochs_of(Run(model, loss, data, config, **options))


def epochs_of(run):
    """Yield the epochs that a run has finished, then train and yield the others."""
    yield from run.epochs[:]
    for number in range(len(run.epochs) + 1, run.config.epochs + 1):
        start = time.perf_counter()
        yield run.finish(run.train(number), time.perf_counter() - start)


class Data:
    """A data set as runs need it, its training images on the device as bytes.

    On a CPU they are the data set's own, not copied: where these are mapped from a file, only
    what a batch needs is read.
    """

    def __init__(self, dataset, device):
        if not (hasattr(dataset, "splits") and hasattr(dataset, "classes")):
            kind = type(dataset).__name__
            raise TypeError(f"dataset must be a data set, as datasets.load returns it, got {kind}")
        self.dataset, self.device = dataset, device
        rows, self.valid = dataset.splits["train"], dataset.split("valid")
        for name, split in (("train", rows), ("valid", self.valid)):
            if len(split) == 0:
                raise ValueError(f"the {name} split is empty: the data set needs more images")
        self.num_classes = len(dataset.classes)
        self.labels = dataset.labels[rows].to(device)
        if device.type == "cpu":
            self.images, self._rows = dataset.images, rows
        else:
            self.images = dataset.images[rows].to(device)
            self._rows = torch.arange(len(rows), device=device)

    def batches(self, config, number):
        """Yield images, from −1 to 1 and changed at random, and labels of an epoch's batches."""
        # an epoch has chances of its own, so that a run can go on after any of them
        seed = np.random.SeedSequence([config.seed, number]).generate_state(1)
        generator = torch.Generator().manual_seed(int(seed[0]))
        order = torch.randperm(len(self.labels), generator=generator).to(self.device)
        numbers = torch.rand(len(self.labels), NUMBERS, generator=generator).to(self.device)
        augment = AUGMENTATIONS[config.augmentation]
        size = self.batch_size(config)
        for chosen in order[: self.steps(config) * size].split(size):
            images = augment(scale(self.images[self._rows[chosen]]), numbers[chosen], config.crop)
            yield images, self.labels[chosen]

    def batch_size(self, config):
        """Return the size of a batch, which a small data set limits."""
        return min(config.batch_size, len(self.labels))

    def steps(self, config):
        """Return the steps of an epoch; what does not fill a batch waits for the next shuffle."""
        return len(self.labels) // self.batch_size(config)


class Run:
    """One network in training, and what lasts from one of its epochs to the next."""

    def __init__(self, model, loss, data, config, *, probe=None, folder=None, loss_options=None):
        self.spec = find_loss(loss)
        self.loss, self.data, self.config = loss, data, config
        # twice as fast as planes of colours on a CPU
        self.model = model.to(data.device, memory_format=torch.channels_last)
        loss_options = loss_options or {}
        criterion = make_loss(self.spec, model, data.num_classes, **loss_options)
        self.criterion = criterion.to(data.device)
        self.probe = data.valid.images[:8] if probe is None else probe
        if not isinstance(self.probe, torch.Tensor) or self.probe.ndim != 4:
            raise TypeError(f"probe must be images, (N, 3, H, W) as bytes, got {shown(probe)}")
        seen = centre_crop(data.images[:1], config.crop)
        _check_outputs(model, seen, self.spec.num_outputs(data.num_classes))
        # whether the network draws random numbers as it trains; of others' nobody can tell
        self.draws = not isinstance(model, Network) or any(
            isinstance(module, torch.nn.Dropout) for module in model.modules()
        )
        self.steps = data.steps(config)
        self.halves = 1
        self.optimizer = torch.optim.SGD(
            model.parameters(),
            lr=config.learning_rate,
            momentum=config.momentum,
            weight_decay=config.weight_decay,
        )
        self.epochs, self.folder = [], None
        if folder is not None:
            facts = runs.describe(model, loss, loss_options, data.dataset, config, self.probe)
            self.folder = runs.RunFolder(folder, facts)
            tensors, history = self.folder.read()
            if history:
                runs.unpack(tensors, model, self.criterion, self.optimizer)
            self.epochs = [Epoch.from_dict(facts) for facts in history]

    @property
    def stacks(self):
        """Whether it can be trained in one stack with others; see :func:`train_together`."""
        return not (self.spec.uses_features or self.draws)

    def rate(self, number, step):
        """Return the learning rate of a step, counted from 0, of an epoch, counted from 1."""
        return self.config.rate((number - 1 + step / self.steps) / self.config.epochs)

    def train(self, number, *, on_step=None):
        """Train one epoch and return the sum of its batches' losses.

        ``on_step`` is called after every batch. What it raises ends the epoch halfway, and
        :meth:`restore` undoes that.
        """
        total = torch.zeros((), device=self.data.device)
        self.model.train()
        self.criterion.train()
        for step, (images, labels) in enumerate(self.data.batches(self.config, number)):
            for group in self.optimizer.param_groups:
                group["lr"] = self.rate(number, step)
            with _chances(self, number, step) if self.draws else nullcontext():
                total += self._step(images, labels)
            if on_step is not None:
                on_step()
        return total.item()

    def state(self):
        """Return a copy of all tensors of network, loss and optimizer."""
        tensors = runs.pack(self.model, self.criterion, self.optimizer)
        return {name: value.clone() for name, value in tensors.items()}

    def restore(self, state):
        """Go back to what :meth:`state` returned."""
        runs.unpack(state, self.model, self.criterion, self.optimizer)

    def finish(self, total, seconds):
        """Evaluate and keep the network after an epoch of ``seconds``; return the epoch."""
        start = time.perf_counter()
        number, train_loss = len(self.epochs) + 1, total / self.steps
        if not np.isfinite(train_loss):
            raise FloatingPointError(
                f"the {self.spec.label} loss is {train_loss} in epoch {number} with learning "
                f"rate {self.config.learning_rate:g}; try a third of it"
            )
        valid = self.data.valid
        predicted = self.predict(valid.images, labels=valid.labels, criterion=self.criterion)
        learned = self.criterion.end_epoch() if self.spec.uses_features else None
        before = self.epochs[-1].seconds if self.epochs else 0.0
        epoch = Epoch(
            number=number,
            train_loss=train_loss,
            valid_loss=predicted.loss,
            metrics=measure(predicted, valid, self.data.num_classes),
            probe=self.predict(self.probe),
            learning_rate=self.rate(number, self.steps),
            seconds=before + seconds + time.perf_counter() - start,
            ground_distance=None if learned is None else to_numpy(learned).astype(np.float64),
        )
        epochs = [*self.epochs, epoch]
        if self.folder is not None:
            tensors = runs.pack(self.model, self.criterion, self.optimizer)
            best = min(epochs, key=lambda one: one.valid_loss) is epoch
            self.folder.write(tensors, [one.to_dict() for one in epochs], best=best)
        self.epochs = epochs  # what could not be kept is not finished
        return epoch

    def predict(self, images, **options):
        """Predict images as the configuration says; options as in :func:`predict`."""
        options |= {"crop": self.config.crop, "mirror": self.config.mirror}
        return predict(self.model, self.loss, images, self.data.num_classes, **options)

    def _step(self, images, labels):
        """Change the weights once and return the loss of the batch, not waiting for it."""
        try:
            value = self._backward(images, labels)
        except torch.OutOfMemoryError as error:
            if self.halves == 2:
                raise MemoryError(self._no_memory()) from error
            self.halves = 2
            value = None
        if value is None:  # outside the handler, which would keep the batch's memory alive
            if self.data.device.type == "cuda":
                torch.cuda.empty_cache()
            warnings.warn(
                f"a batch of {len(labels)} does not fit on {self.data.device}; training goes on "
                "with two halves of each batch, whose gradients are added up",
                stacklevel=2,
            )
            return self._step(images, labels)
        self.optimizer.step()
        return value

    def _backward(self, images, labels):
        """Set the gradients of a batch, in parts if it must be; return its loss."""
        self.optimizer.zero_grad(set_to_none=True)
        value = torch.zeros((), device=self.data.device)
        size = -(-len(labels) // self.halves)
        for part, truth in zip(images.split(size), labels.split(size), strict=True):
            with torch.autocast(
                self.data.device.type, torch.bfloat16, enabled=self.config.mixed_precision
            ):
                outputs = self._outputs(part, truth)
            share = self.criterion(outputs, truth) * (len(truth) / len(labels))
            share.backward()
            value += share.detach()
        return value

    def _outputs(self, images, labels):
        if not self.spec.uses_features:
            return self.model(images)
        features = self.model.features(images)
        self.criterion.observe(features, labels)
        return self.model.head(features)

    def _no_memory(self):
        return (
            f"not even half a batch of {self.data.batch_size(self.config)} images of "
            f"{tuple(self.data.images.shape[2:])} pixels fits on {self.data.device}; choose a "
            "smaller batch_size, smaller images or a smaller network"
        )


@contextmanager
def _chances(run, number, step):
    """Let torch draw what depends on a run's seed and step only, then go on as if nothing was."""
    device, cuda = run.data.device, run.data.device.type == "cuda"
    seed = np.random.SeedSequence([run.config.seed, number, step + 1]).generate_state(1).item()
    with torch.random.fork_rng([device] if cuda else []):
        torch.random.default_generator.manual_seed(seed)
        if cuda:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        elif device.type == "mps":
            torch.mps.manual_seed(seed)
        yield


def _check_outputs(model, image, expected):
    model.eval()
    with torch.no_grad():
        got = model(scale(image)).shape[1]
    if got != expected:
        raise ValueError(
            f"the model must have {expected} outputs for this loss and data set, got {got}; "
            "make it with LOSSES[loss].num_outputs(len(dataset.classes))"
        )
