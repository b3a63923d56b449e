"""Train a network with a loss for ordered classes, and watch it after every epoch."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from emdviz import metrics
from emdviz.distributions import one_hot
from emdviz.losses import LOSSES
from emdviz.models import MODELS

EVALUATION_BATCH = 512


@dataclass(frozen=True)
class TrainConfig:
    """How to train.

    Attributes
    ----------
    epochs : int
    batch_size : int
    learning_rate : float
        At the start; it falls to 0 along a half cosine over the whole run.
    momentum : float
        Of stochastic gradient descent; the paper uses 0.98.
    weight_decay : float
    flip : bool
        Mirror each training image with probability one half.
    seed : int
        Decides the order of the images and the mirroring, and in :func:`compare_losses` the
        first weights: equal seeds see equal batches, whatever the loss.
    device : str or None
        Such as ``"cuda"`` or ``"cpu"``; None takes the best there is.

    Raises
    ------
    ValueError
        If a number is out of its range.
    """

    epochs: int = 8
    batch_size: int = 128
    learning_rate: float = 0.05
    momentum: float = 0.9
    weight_decay: float = 5e-4
    flip: bool = True
    seed: int = 0
    device: str | None = None

    def __post_init__(self):
        rules = {
            "epochs": self.epochs >= 1,
            "batch_size": self.batch_size >= 2,
            "learning_rate": self.learning_rate > 0,
            "momentum": 0 <= self.momentum < 1,
            "weight_decay": self.weight_decay >= 0,
        }
        for name, fulfilled in rules.items():
            if not fulfilled:
                raise ValueError(f"{name} is out of range, got {getattr(self, name)!r}")


@dataclass(frozen=True)
class Prediction:
    """What a network says of N images.

    Attributes
    ----------
    classes : int64 tensor, shape (N,)
        Predicted classes.
    distribution : float tensor, shape (N, C), or None
        Predicted probabilities; None for regression, which has none.
    loss : float or None
        Mean training loss, where labels were given.
    """

    classes: torch.Tensor
    distribution: torch.Tensor | None
    loss: float | None = None

    def as_distribution(self, num_classes):
        """Return the distribution, or certainty of the predicted class; shape (N, C)."""
        if self.distribution is not None:
            return self.distribution
        return one_hot(self.classes, num_classes)


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
    """

    number: int
    train_loss: float
    valid_loss: float
    metrics: dict
    probe: Prediction
    learning_rate: float
    seconds: float


def choose_device(device=None):
    """Return ``device``, or the best there is: CUDA, then Apple's MPS, then the CPU.

    Parameters
    ----------
    device : str, torch.device or None

    Returns
    -------
    torch.device

    Examples
    --------
    >>> choose_device("cpu")
    device(type='cpu')
    """
    if device is not None:
        return torch.device(device)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def fit(model, loss, dataset, config=None, *, probe=None):
    """Train ``model`` and yield an :class:`Epoch` after every epoch; stop whenever you like.

    The training images lie on the device as bytes; shuffling, mirroring and scaling to −1 … 1
    happen there. For one seed the batches are the same whatever the loss, and a run on a CPU
    repeats bit for bit.

    Parameters
    ----------
    model : torch.nn.Module
        Images (B, 3, H, W) to ``LOSSES[loss].num_outputs(C)`` outputs; trained in place and
        moved to the device.
    loss : str
        A name in ``losses.LOSSES``.
    dataset : datasets.OrderedImages
        Trained on its ``"train"`` split, evaluated on its ``"valid"`` split.
    config : TrainConfig, optional
    probe : uint8 tensor, shape (N, 3, H, W), optional
        Images whose predictions every epoch reports; the first eight for validation by default.

    Yields
    ------
    Epoch

    Raises
    ------
    ValueError
        If the loss has no such name, a split is empty, or the model has the wrong outputs.
    FloatingPointError
        If the training loss is no longer finite.

    Examples
    --------
    >>> from emdviz import datasets, models
    >>> faces = datasets.load("synthetic_faces", n=64, size=32)
    >>> model = models.small_cnn(8)
    >>> config = TrainConfig(epochs=2, batch_size=16, device="cpu")
    >>> [epoch.number for epoch in fit(model, "EMD2", faces, config)]
    [1, 2]
    """
    config = config or TrainConfig()
    spec = find_loss(loss)
    train, valid = dataset.split("train"), dataset.split("valid")
    for name, split in (("train", train), ("valid", valid)):
        if len(split) == 0:
            raise ValueError(f"the {name} split is empty: the data set needs more images")
    num_classes = len(dataset.classes)
    device = choose_device(config.device)
    # twice as fast as planes of colours on a CPU
    model.to(device, memory_format=torch.channels_last)
    criterion = spec.factory().to(device)
    images, labels = train.images.to(device), train.labels.to(device)
    probe = valid.images[:8] if probe is None else probe
    _check_outputs(model, images[:1], spec.num_outputs(num_classes))

    batch_size = min(config.batch_size, len(labels))
    steps = len(labels) // batch_size  # the rest waits for the next shuffle
    optimizer = torch.optim.SGD(
        model.parameters(),
        lr=config.learning_rate,
        momentum=config.momentum,
        weight_decay=config.weight_decay,
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.epochs * steps)
    generator = torch.Generator().manual_seed(config.seed)
    start = time.perf_counter()
    for number in range(1, config.epochs + 1):
        model.train()
        total = torch.zeros((), device=device)
        order = torch.randperm(len(labels), generator=generator)
        mirrored = torch.rand(len(labels), generator=generator) < 0.5 * config.flip
        for chosen in order[: steps * batch_size].split(batch_size):
            batch = _flip(images[chosen.to(device)], mirrored[chosen].to(device))
            value = criterion(model(scale(batch)), labels[chosen.to(device)])
            optimizer.zero_grad(set_to_none=True)
            value.backward()
            optimizer.step()
            schedule.step()
            total += value.detach()
        train_loss = total.item() / steps
        if not torch.isfinite(total):
            raise FloatingPointError(
                f"the {spec.label} loss is {train_loss} in epoch {number} with learning rate "
                f"{config.learning_rate:g}; try a third of it"
            )
        predicted = predict(model, loss, valid.images, num_classes, labels=valid.labels)
        yield Epoch(
            number=number,
            train_loss=train_loss,
            valid_loss=predicted.loss,
            metrics=measure(predicted, valid, num_classes),
            probe=predict(model, loss, probe, num_classes),
            learning_rate=schedule.get_last_lr()[0],
            seconds=time.perf_counter() - start,
        )


def predict(model, loss, images, num_classes, *, labels=None):
    """Predict the classes of images, and their distributions where the loss has any.

    Parameters
    ----------
    model : torch.nn.Module
        Set to evaluation mode; used where it lies.
    loss : str
        The loss it was trained with, a name in ``losses.LOSSES``.
    images : uint8 tensor, shape (N, 3, H, W)
    num_classes : int
        C.
    labels : int64 tensor, shape (N,), optional
        Class indices; then the mean loss is computed as well.

    Returns
    -------
    Prediction
        On the CPU.
    """
    spec = find_loss(loss)
    device = next(model.parameters()).device
    model.eval()
    with torch.no_grad():
        outputs = torch.cat(
            [model(scale(batch.to(device))).float() for batch in images.split(EVALUATION_BATCH)]
        ).cpu()
    classes, distribution = spec.decode(outputs, num_classes)
    value = None if labels is None else spec.factory()(outputs, labels).item()
    return Prediction(classes, distribution, value)


def measure(prediction, split, num_classes):
    """Evaluate a :class:`Prediction` of a whole split; see ``metrics.METRICS``.

    Regression predicts no distribution. Its RPS is that of certainty in the predicted class,
    which is its MAE; metrics that make no sense for it are left out.

    Returns
    -------
    dict of str to float
    """
    if prediction.distribution is not None:
        return metrics.evaluate(
            prediction.distribution, split.labels, true_distribution=split.true_distribution
        )
    results = metrics.evaluate_classes(prediction.classes, split.labels, num_classes)
    return results | {"RPS": results["MAE"]}


def compare_losses(
    dataset,
    losses: Sequence[str] = ("XE", "REG", "EMD2", "EMD"),
    *,
    seeds: Sequence[int] = (0,),
    config=None,
    model="small_cnn",
    learning_rates=None,
    on_epoch=None,
):
    """Train with each loss from the same weights on the same batches, and test each network.

    Parameters
    ----------
    dataset : datasets.OrderedImages
    losses : sequence of str
        Names in ``losses.LOSSES``.
    seeds : sequence of int
        One run per loss and seed; a seed decides first weights, batches and mirroring.
    config : TrainConfig, optional
        Its seed is replaced by each of ``seeds``.
    model : str
        A name in ``models.MODELS``.
    learning_rates : dict of str to float, optional
        A learning rate of its own for some losses.
    on_epoch : callable, optional
        Called as ``on_epoch(loss, seed, epoch)`` after every epoch.

    Returns
    -------
    pandas.DataFrame
        A row per loss and seed: ``loss``, ``seed``, ``learning_rate``, ``seconds``, then the
        metrics of the test split after the last epoch, and before them ``valid RPS``, by which
        learning rates can be chosen without looking at the test split.
    """
    import pandas as pd

    config = config or TrainConfig()
    learning_rates = learning_rates or {}
    num_classes = len(dataset.classes)
    rows = []
    for seed in seeds:
        for loss in losses:
            rate = learning_rates.get(loss, config.learning_rate)
            run = TrainConfig(**(vars(config) | {"seed": seed, "learning_rate": rate}))
            network = MODELS[model](find_loss(loss).num_outputs(num_classes), seed=seed)
            for epoch in fit(network, loss, dataset, run):
                if on_epoch is not None:
                    on_epoch(loss, seed, epoch)
            test = dataset.split("test")
            results = measure(predict(network, loss, test.images, num_classes), test, num_classes)
            facts = {"loss": loss, "seed": seed, "learning_rate": rate, "seconds": epoch.seconds}
            rows.append(facts | {"valid RPS": epoch.metrics["RPS"]} | results)
    return pd.DataFrame(rows)


def find_loss(name):
    """Return ``LOSSES[name]``, or raise a ValueError that lists the names."""
    if name not in LOSSES:
        raise ValueError(f"loss must be one of {sorted(LOSSES)}, got {name!r}")
    return LOSSES[name]


def scale(images):
    """Turn bytes 0 … 255 into floats −1 … 1."""
    return images.float().div_(127.5).sub_(1)


def _flip(images, mirrored):
    return torch.where(mirrored[:, None, None, None], images.flip(3), images)


def _check_outputs(model, image, expected):
    model.eval()
    with torch.no_grad():
        got = model(scale(image)).shape[1]
    if got != expected:
        raise ValueError(
            f"the model must have {expected} outputs for this loss and data set, got {got}; "
            "make it with LOSSES[loss].num_outputs(len(dataset.classes))"
        )
