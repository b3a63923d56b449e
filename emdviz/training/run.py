"""One training run, epoch by epoch."""

import time
import warnings
from contextlib import contextmanager, nullcontext

import numpy as np
import torch

from emdviz.losses import find_loss
from emdviz.models import MODELS, Network
from emdviz.reading import check_is, read_choice, shown, to_numpy
from emdviz.training.augmentation import centre_crop
from emdviz.training.config import read_config
from emdviz.training.data import TrainingData
from emdviz.training.evaluation import make_loss, measure, predict, scale
from emdviz.training.folder import RunFolder, describe, pack, unpack
from emdviz.training.history import Epoch


def fit(model, loss, dataset, config=None, *, probe=None, folder=None, loss_options=None):
    """Train ``model`` and yield an :class:`Epoch` after every epoch; stop whenever you like.

    The same as ``for epoch in Run(model, loss, dataset, config, …)``; see :class:`Run` for all
    arguments and for how training goes.

    Yields
    ------
    Epoch

    Raises
    ------
    ValueError
        If an argument does not fit, as for :class:`Run`.
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
    yield from Run(
        model, loss, dataset, config, probe=probe, folder=folder, loss_options=loss_options
    )


class Run:
    """One network in training, epoch by epoch.

    ``for epoch in run:`` yields the epochs that are finished, then trains and yields the others.
    The training images lie on the device as bytes; shuffling, augmentation and scaling to −1 … 1
    happen there. For one seed the batches are the same whatever the loss, and a run on a CPU
    repeats bit for bit.

    Parameters
    ----------
    model : torch.nn.Module or str
        A network with ``LOSSES[loss].num_outputs(C)`` outputs for images (B, 3, H, W); it is
        trained in place and moved to the device. Or a name in ``models.MODELS``: a network whose
        first weights depend on the configuration's seed.
    loss : str
        A name in ``losses.LOSSES``.
    data : datasets.OrderedData or TrainingData
        Trained on its ``"train"`` split, evaluated on its ``"valid"`` split.
    config : TrainConfig, optional
    weights : str or Path, optional
        Where a network given by name starts from; see :func:`models.make`.
    probe : uint8 tensor, shape (N, 3, H, W), optional
        Images whose predictions every epoch reports; the first eight for validation by default.
    folder : str or Path, optional
        Where to keep the run: ``last.safetensors`` and ``best.safetensors`` (by validation
        loss), and ``history.json``, after every epoch. If the same run is there already, its
        finished epochs are taken from there, and it goes on after the last: to the same weights,
        bit for bit on a CPU, as if it had never stopped.
    loss_options : dict, optional
        Options of the loss, such as ``{"lam": 10.0}`` for AEMD.

    Attributes
    ----------
    epochs : list of Epoch
        The finished ones.
    model, loss, config, loss_options
        As above.
    data : TrainingData
    criterion : torch.nn.Module
        The Module of the loss.
    steps : int
        Batches of an epoch.

    Raises
    ------
    ValueError
        If a name does not exist, a split is empty, the model has the wrong number of outputs, or
        ``folder`` holds another run.

    Examples
    --------
    >>> from emdviz import datasets, training
    >>> faces = datasets.load("synthetic_faces", n=64, size=32)
    >>> config = training.TrainConfig(epochs=2, batch_size=16, device="cpu")
    >>> run = training.Run("small_cnn", "EMD2", faces, config)
    >>> [epoch.number for epoch in run]
    [1, 2]
    >>> run.predict(faces.split("test").inputs).distribution.shape
    torch.Size([6, 8])
    """

    def __init__(
        self,
        model,
        loss,
        data,
        config=None,
        *,
        weights=None,
        probe=None,
        folder=None,
        loss_options=None,
    ):
        self.config = config = read_config(config)
        self.spec, self.loss = find_loss(loss), loss
        self.data = data = read_data(data, config)
        model = _read_model(model, self.spec.num_outputs(data.num_classes), config.seed, weights)
        # twice as fast as planes of colours on a CPU
        self.model = model.to(data.device, memory_format=torch.channels_last)
        self.loss_options = loss_options = loss_options or {}
        criterion = make_loss(self.spec, model, data.num_classes, **loss_options)
        self.criterion = criterion.to(data.device)
        self.probe = data.valid.inputs[:8] if probe is None else probe
        if not isinstance(self.probe, torch.Tensor) or self.probe.ndim != 4:
            raise TypeError(f"probe must be images, (N, 3, H, W) as bytes, got {shown(probe)}")
        seen = centre_crop(data.images[:1], config.crop)
        _check_outputs(model, seen, self.spec.num_outputs(data.num_classes))
        # networks that are not ours may draw random numbers anywhere
        self.is_random = not isinstance(model, Network) or any(
            isinstance(module, torch.nn.Dropout) for module in model.modules()
        )
        self.steps = data.steps(config)
        self._parts = 1
        self.optimizer = torch.optim.SGD(
            model.parameters(),
            lr=config.learning_rate,
            momentum=config.momentum,
            weight_decay=config.weight_decay,
        )
        self.epochs, self.folder = [], None
        if folder is not None:
            facts = describe(model, loss, loss_options, data.dataset, config, self.probe)
            self.folder = RunFolder(folder, facts)
            tensors, history = self.folder.read()
            if history:
                unpack(tensors, model, self.criterion, self.optimizer)
            self.epochs = [Epoch.from_dict(facts) for facts in history]

    def __iter__(self):
        yield from self.epochs[:]
        for number in range(len(self.epochs) + 1, self.config.epochs + 1):
            start = time.perf_counter()
            yield self.finish(self.train(number), time.perf_counter() - start)

    @property
    def can_be_stacked(self):
        """Whether it can be trained in one stack with others; see :func:`train_together`."""
        return not (self.spec.uses_features or self.is_random)

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
            with _seeded(self, number, step) if self.is_random else nullcontext():
                total += self._step(images, labels)
            if on_step is not None:
                on_step()
        return total.item()

    def state(self):
        """Return a copy of all tensors of network, loss and optimizer."""
        tensors = pack(self.model, self.criterion, self.optimizer)
        return {name: value.clone() for name, value in tensors.items()}

    def restore(self, state):
        """Go back to what :meth:`state` returned."""
        unpack(state, self.model, self.criterion, self.optimizer)

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
        predicted = self.predict(valid.inputs, labels=valid.labels, criterion=self.criterion)
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
            tensors = pack(self.model, self.criterion, self.optimizer)
            best = min(epochs, key=lambda one: one.valid_loss) is epoch
            self.folder.write(tensors, [one.to_dict() for one in epochs], best=best)
        self.epochs = epochs  # an epoch counts as finished only after it was kept
        return epoch

    def predict(self, images, **options):
        """Predict images as the configuration says; options as in :func:`predict`."""
        options |= {"crop": self.config.crop, "mirror": self.config.mirror}
        return predict(self.model, self.loss, images, self.data.num_classes, **options)

    def evaluate(self, name):
        """Predict a split of the data set; return the :class:`Prediction` and its metrics."""
        split = self.data.dataset.split(name)
        predicted = self.predict(split.inputs)
        return predicted, measure(predicted, split, self.data.num_classes)

    def _step(self, images, labels):
        """Change the weights once and return the loss of the batch, not waiting for it."""
        try:
            value = self._backward(images, labels)
        except torch.OutOfMemoryError as error:
            if self._parts == 2:
                raise MemoryError(self._no_memory()) from error
            self._parts = 2
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
        size = -(-len(labels) // self._parts)
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
def _seeded(run, number, step):
    """Seed torch by a run's seed, epoch and step; restore its random state at the end."""
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


def read_data(data, config):
    """Return a TrainingData as it is, or one of a data set on the configuration's device."""
    return data if isinstance(data, TrainingData) else TrainingData(data, config.device)


def _read_model(model, num_outputs, seed, weights):
    """Return a network as it is, or the one of that name with its first weights."""
    if isinstance(model, str):
        read_choice(model, "model", sorted(MODELS))
        return MODELS[model](num_outputs, seed=seed, weights=weights)
    check_is(model, "model", torch.nn.Module, "a torch.nn.Module, or a name in models.MODELS")
    return model


def _check_outputs(model, image, expected):
    model.eval()
    with torch.no_grad():
        got = model(scale(image)).shape[1]
    if got != expected:
        raise ValueError(
            f"the model must have {expected} outputs for this loss and data set, got {got}; "
            "make it with LOSSES[loss].num_outputs(len(dataset.classes))"
        )
