"""One training run, epoch by epoch."""

import time
import warnings
from contextlib import contextmanager, nullcontext

import numpy as np
import torch

from emdviz._memory import keep_memory
from emdviz._threads import use_threads
from emdviz.losses import as_loss
from emdviz.losses.trial import value_of_trial
from emdviz.models import Network, build
from emdviz.models.building import last_linear, replace_head
from emdviz.reading import shown, to_numpy
from emdviz.training.augmentation import centre_crop, shape_of_window
from emdviz.training.config import read_config
from emdviz.training.criterion import make_criterion, read_options
from emdviz.training.data import TrainingData
from emdviz.training.epoch import Epoch
from emdviz.training.evaluation import Predictor, measure, prepare
from emdviz.training.provenance import digest
from emdviz.training.sgd import SGD
from emdviz.training.state import TRIALS, RunFolder, describe, pack, unpack


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


class Run(Predictor):
    """One network in training, epoch by epoch.

    ``for epoch in run:`` yields the epochs that are finished, then trains and yields the others.
    The training inputs lie on the device, images as bytes; shuffling happens there, and for images
    augmentation and scaling to −1 … 1. For one seed the batches are the same whatever the loss, and
    a run on a CPU repeats bit for bit with as many ``threads``.

    Parameters
    ----------
    model : torch.nn.Module, str or callable
        A network with as many outputs as the loss wants, C for most; it is trained in place and
        moved to the device. Or a name in ``models.MODELS`` or of a library, such as
        ``"timm:resnet18"``, or a function of the number of outputs that makes one, such as
        ``lambda outputs: Net(outputs)``: then its first weights depend on the configuration's
        seed; see ``models.build``.
    loss : str, callable, torch.nn.Module or losses.Loss
        The name of a loss, a function (outputs, targets), a Module, or any other that
        :func:`losses.as_loss` takes. It is tried on a small batch first.
    data : datasets.OrderedData or TrainingData
        Trained on its ``"train"`` split, evaluated on its ``"valid"`` split.
    config : TrainConfig, optional
    weights : str or Path, optional
        Where such a network starts from; see :func:`models.build`.
    probe : tensor, shape (N, …), optional
        Inputs whose predictions every epoch reports; the first eight for validation by default.
    folder : str or Path, optional
        Where to keep the run: ``last.safetensors`` and ``best.safetensors`` (by validation
        loss), and ``history.json``, after every epoch. If the same run is there already, its
        finished epochs are taken from there, and it goes on after the last: to the same weights,
        bit for bit on a CPU, as if it had never stopped.
    loss_options : dict, optional
        Options of the loss, such as ``{"lam": 10.0}`` for AEMD. A ``"weight"`` of classes may
        be an array or list, or ``"balanced"``: inversely as frequent as in the training split.

    Attributes
    ----------
    epochs : list of Epoch
        The finished ones.
    model, config
        As above.
    loss : losses.Loss
    data : TrainingData
    criterion : torch.nn.Module
        The Module of the loss.
    steps : int
        Batches of an epoch.
    first_weights : str
        A digest of the network's tensors before training.
    threads : int
        Those that it computes with on a CPU: as many as torch would take, or what other programs
        leave of them as the run is made; ``OMP_NUM_THREADS`` in the environment settles it. One,
        where several small networks train at once. A run that goes on takes the number that it
        began with, since the last digits depend on it.

    Raises
    ------
    ValueError
        If a name does not exist, the loss, the network and the data do not fit together, a split
        is empty, or ``folder`` holds another run.

    Examples
    --------
    >>> from emdviz import datasets, training
    >>> faces = datasets.load("synthetic_faces", n=64, size=32)
    >>> config = training.TrainConfig(epochs=2, batch_size=16, device="cpu")
    >>> run = training.Run("small_cnn", "EMD2", faces, config)
    >>> [epoch.number for epoch in run]
    [1, 2]
    >>> run.predict(faces.split("test")).distribution.shape
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
        keep_memory()
        config, loss = read_config(config), as_loss(loss)
        if not isinstance(data, TrainingData):
            data = TrainingData(data, config.device)
        self.data = data
        if not data.images and (config.crop or config.mirror):
            raise ValueError("crop and mirror are for images; the data set holds other inputs")
        self.given_options = dict(loss_options or {})
        options = read_options(self.given_options, data, config.targets)
        dataset, count = data.dataset, loss.num_outputs(data.num_classes)
        shape = tuple(data.inputs.shape[1:])
        self.made_of = model
        window = shape_of_window(shape, config.crop)
        made = build(model, count, window, seed=config.seed, weights=weights)
        if loss.head is not None and made is not model:
            made = replace_head(made, lambda width: loss.head(width, data.num_classes), config.seed)
        made = made.to(data.device)
        if data.device.type != "mps":  # where some versions of torch get gradients wrong so
            # twice as fast as planes of colours on a CPU
            made = made.to(memory_format=torch.channels_last)
        super().__init__(
            made, loss, options, dataset.classes, dataset.positions, config, shape,
            data.inputs.dtype, features=dataset.features, preparation=dataset.preparation,
            decoding=dataset.decoding,
        )  # fmt: skip
        self.first_weights = digest(made.state_dict().values(), size=8)
        self.probe = data.valid.inputs[:8] if probe is None else probe
        self._probe_is_valid = probe is None
        if not isinstance(self.probe, torch.Tensor) or self.probe.ndim != len(shape) + 1:
            wanted = f"(N, {', '.join(map(str, shape))})"
            raise TypeError(f"probe must be a tensor of inputs, {wanted}, got {shown(probe)}")
        self.head = last_linear(made)
        first = prepare(centre_crop(self.probe[:1], config.crop).to(data.device))
        head = self.head if loss.uses_features else None
        outputs = _try_network(made, first, count, head, loss)
        width = None if self.head is None else self.head.in_features
        criterion = make_criterion(loss, options, data, config.targets, width)
        self.criterion = criterion.to(data.device)
        # networks that are not ours may draw random numbers anywhere
        self.is_random = not isinstance(made, Network) or any(
            isinstance(module, torch.nn.Dropout) for module in made.modules()
        )
        self.steps = data.steps(config)
        self._parts = 1
        self.optimizer = SGD(
            made.parameters(), momentum=config.momentum, weight_decay=config.weight_decay
        )
        self.epochs, self.folder, self.threads = [], None, data.threads
        if folder is not None:
            facts = describe(made, loss, self.given_options, dataset, config, self.probe)
            value = value_of_trial(loss, data.num_classes, width, **options)
            size = None if made is model else outputs.norm().item()
            facts |= dict(zip(TRIALS, (value, size), strict=True))
            self.folder = RunFolder(folder, facts)
            tensors, history = self.folder.read()
            if history:
                unpack(tensors, made, self.criterion, self.optimizer)
            self.epochs = [Epoch.from_dict(facts) for facts in history]
            self.threads = self.folder.threads = self.folder.threads or self.threads

    def __iter__(self):
        return self.go()

    def go(self, *, on_step=None):
        """Yield the finished epochs, then train and yield the others.

        ``on_step`` is called after every batch; what it raises ends the run within an epoch.
        """
        yield from self.epochs[:]
        for number in range(len(self.epochs) + 1, self.config.epochs + 1):
            start = time.perf_counter()
            total = self.train(number, on_step=on_step)
            yield self.finish(total, time.perf_counter() - start)

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
        with use_threads(self.threads):
            for step, batch in enumerate(self.data.batches(self.config, number)):
                with _seeded(self, number, step) if self.is_random else nullcontext():
                    total += self._step(*batch, self.rate(number, step))
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

    def finish(self, total, seconds, outputs=None):
        """Evaluate and keep the network after an epoch of ``seconds``; return the epoch.

        ``outputs`` are those for the validation split, where they have been computed already.
        """
        start = time.perf_counter()
        number, train_loss = len(self.epochs) + 1, total / self.steps
        where = (
            f"epoch {number} with learning rate {self.config.learning_rate:g}; try a third of it"
        )
        if not np.isfinite(train_loss):
            raise FloatingPointError(f"the {self.loss.label} loss is {train_loss} in {where}")
        valid = self.data.valid
        targets = self.data.targets(self.config.targets, "valid")
        if outputs is None:
            outputs = self.compute_outputs(valid.inputs)
        predicted = self.read_outputs(outputs, targets)
        numbers = predicted.outputs if predicted.distribution is None else predicted.distribution
        if not torch.isfinite(numbers).all():
            raise FloatingPointError(f"predictions are not finite after {where}")
        learned = self.criterion.end_epoch() if self.loss.uses_features else None
        before = self.epochs[-1].seconds if self.epochs else 0.0
        epoch = Epoch(
            number=number,
            train_loss=train_loss,
            valid_loss=predicted.loss,
            metrics=measure(predicted, valid, self.data.num_classes),
            probe=self._predict_probe(outputs),
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

    def compute_outputs(self, inputs):
        """Return the outputs for inputs, computed with the threads of the run."""
        with use_threads(self.threads):
            return super().compute_outputs(inputs)

    def _predict_probe(self, outputs):
        if self._probe_is_valid:
            return self.read_outputs(outputs[: len(self.probe)])
        return self.predict(self.probe)

    def evaluate(self, name):
        """Predict a split of the data set; return the :class:`Prediction` and its metrics."""
        split = self.data.split(name)
        predicted = self.read_outputs(self.compute_outputs(split.inputs))
        return predicted, measure(predicted, split, self.data.num_classes)

    def _mean_loss(self, outputs, targets):
        return self.criterion.eval()(outputs, targets).item()

    def _step(self, inputs, targets, weights, rate):
        """Change the weights once and return the loss of the batch, not waiting for it."""
        try:
            value = self._backward(inputs, targets, weights)
        except (torch.OutOfMemoryError, RuntimeError) as error:
            if not is_lack_of_memory(error):
                raise
            if self._parts == 2:
                raise MemoryError(
                    f"not even half a batch of {len(targets)} inputs of shape {self.shape} fits on "
                    f"{self.data.device}; choose a smaller batch_size, smaller images or a smaller "
                    "network"
                ) from error
            self._parts = 2
            value = None
        if value is None:  # outside the handler, which would keep the batch's memory alive
            if self.data.device.type == "cuda":
                torch.cuda.empty_cache()
            warnings.warn(
                f"a batch of {len(targets)} does not fit on {self.data.device}; training goes on "
                "with two halves of each batch, whose gradients are added up",
                stacklevel=2,
            )
            return self._step(inputs, targets, weights, rate)
        self.optimizer.step(rate)
        return value

    def _backward(self, inputs, targets, weights):
        """Set the gradients of a batch, in parts if it must be; return its loss."""
        self.optimizer.zero_grad()
        value = torch.zeros((), device=self.data.device)
        size = -(-len(targets) // self._parts)
        for start in range(0, len(targets), size):
            rows = slice(start, start + size)
            truth = targets[rows]
            own = None if weights is None else weights[rows]
            with torch.autocast(
                self.data.device.type, torch.bfloat16, enabled=self.config.mixed_precision
            ):
                outputs = self._train_outputs(inputs[rows], truth)
            share = len(truth) / len(targets) if weights is None else own.sum() / weights.sum()
            given = (truth,) if weights is None else (truth, own)
            part = self.criterion(outputs, *given) * share
            part.backward()
            value += part.detach()
        return value

    def _train_outputs(self, inputs, targets):
        if not self.loss.uses_features:
            return self.model(inputs)
        seen = []
        handle = self.head.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
        try:
            outputs = self.model(inputs)
        finally:
            handle.remove()
        labels = targets.argmax(dim=1) if targets.is_floating_point() else targets
        self.criterion.observe(seen[-1], labels)
        return outputs


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


def is_lack_of_memory(error):
    """Say whether torch raised this because a device has no memory left.

    On a CPU and on Apple's GPU it has no type of its own for that, only these words.
    """
    return isinstance(error, torch.OutOfMemoryError) or any(
        words in str(error)
        for words in ("DefaultCPUAllocator", "not enough memory", "MPS backend out of memory")
    )


def _try_network(model, inputs, expected, head, loss):
    """Return the outputs of a network, or raise an error unless a loss wants such ones.

    They must be computed by ``head``, if it is given.
    """
    seen = []
    handle = head and head.register_forward_hook(lambda module, given, made: seen.append(made))
    model.eval()
    try:
        with torch.no_grad():
            got = model(inputs)
    except ValueError:
        raise
    except Exception as error:
        raise ValueError(
            f"the model fails for inputs of shape {tuple(inputs.shape)}: {error}"
        ) from error
    finally:
        if handle:
            handle.remove()
    if not isinstance(got, torch.Tensor):
        raise TypeError(f"the model must return a tensor (B, outputs), got {type(got).__name__}")
    if got.shape != (len(inputs), expected):
        raise ValueError(
            f"the model must have {expected} outputs for the loss {loss.label}, shape "
            f"(B, {expected}), got shape (B{''.join(f', {size}' for size in got.shape[1:])}); "
            "pass a function, model=lambda outputs: Net(outputs), and each loss gets its number"
        )
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise ValueError("the model has no weights to train: all are frozen")
    if loss.uses_features and not (seen and torch.equal(seen[-1], got)):
        raise ValueError(
            f"{loss.label} needs the features before the head: the outputs of the model must be "
            "those of its last torch.nn.Linear, which no layer follows"
        )
    return got
