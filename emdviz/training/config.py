"""How to train, and where."""

import math
import os
from dataclasses import dataclass

import torch

from emdviz.datasets.base import TARGETS
from emdviz.reading import check_is, read_choice, read_count, read_flag, read_number
from emdviz.training.augmentation import AUGMENTATIONS

SCHEDULES = ("cosine", "constant")


@dataclass(frozen=True)
class TrainConfig:
    """How to train.

    Attributes
    ----------
    epochs : int
    batch_size : int
    learning_rate : float
        At the start.
    momentum : float
        Of stochastic gradient descent; the paper uses 0.98.
    schedule : {"cosine", "constant"}
        The learning rate falls to 0 along a half cosine over the whole run, or stays.
    weight_decay : float
    augmentation : {"flip", "paper", "none"}
        How training images are changed at random; see ``augmentation.AUGMENTATIONS``.
    crop : int or None
        Height and width, in px, of the window that the network sees: anywhere in a training
        image, at random, and in the centre of any other. None shows it whole images.
    mirror : bool
        Predict the mean over an image and its mirror image: of the distributions, or of the
        outputs of regression. The paper does so, with ``crop``.
    mixed_precision : bool
        Run the network in bfloat16 where that is safe; losses stay in float32.
    targets : str or None
        What a network is trained on where several people voted: ``"votes"``, their shares, or the
        ``"majority"``, ``"median"`` or ``"mean"`` label; see ``OrderedData.targets``. None takes
        the votes where there are any, and else the labels.
    seed : int
        Decides the order of the images and their changes, and in :func:`compare_losses` the
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
    schedule: str = "cosine"
    weight_decay: float = 5e-4
    augmentation: str = "flip"
    crop: int | None = None
    mirror: bool = False
    mixed_precision: bool = False
    targets: str | None = None
    seed: int = 0
    device: str | None = None

    def __post_init__(self):
        for name, least in (("epochs", 1), ("batch_size", 2), ("seed", 0), ("crop", 1)):
            if name != "crop" or self.crop is not None:
                read_count(getattr(self, name), name, least)
        for name, expected, fits in (
            ("learning_rate", "positive and finite", lambda rate: 0 < rate < math.inf),
            ("momentum", "from 0 to below 1", lambda share: 0 <= share < 1),
            ("weight_decay", "finite and not negative", lambda decay: 0 <= decay < math.inf),
        ):
            read_number(getattr(self, name), name, expected, fits)
        for name, choices in (("schedule", SCHEDULES), ("augmentation", AUGMENTATIONS)):
            read_choice(getattr(self, name), name, sorted(choices))
        if self.targets is not None:
            read_choice(self.targets, "targets", TARGETS)
        for name in ("mirror", "mixed_precision"):
            read_flag(getattr(self, name), name)

    def rate(self, progress):
        """Return the learning rate after the share ``progress`` of the run, 0 to 1."""
        if self.schedule == "constant":
            return self.learning_rate
        return self.learning_rate * (1 + math.cos(math.pi * progress)) / 2


def read_config(config):
    """Return a TrainConfig, the usual one for None, or raise a TypeError for anything else."""
    config = TrainConfig() if config is None else config
    check_is(config, "config", TrainConfig, "a training.TrainConfig")
    return config


def choose_device(device=None):
    """Return ``device``, or the best there is: CUDA, then Apple's MPS, then the CPU.

    Parameters
    ----------
    device : str, torch.device or None

    Returns
    -------
    torch.device

    Raises
    ------
    ValueError
        If there is no such device; with those that there are.

    Examples
    --------
    >>> choose_device("cpu")
    device(type='cpu')
    """
    there = devices()
    if device is None:
        return torch.device(next(name for name in ("cuda", "mps", "cpu") if name in there))
    try:
        chosen = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ValueError(f"device must be one of {there}: {error}") from None
    name = chosen.type if chosen.index is None else str(chosen)
    if chosen.type in ("cuda", "mps") and name not in there:
        raise ValueError(f"device must be one of {there} on this machine, got {name!r}")
    return chosen


def devices():
    """Return the names of the devices that this machine has for training.

    Examples
    --------
    >>> "cpu" in devices()
    True
    """
    found = ["cpu"]
    if torch.backends.mps.is_available():
        found.append("mps")
    if torch.cuda.is_available():
        found += ["cuda", *(f"cuda:{k}" for k in range(torch.cuda.device_count()))]
    return found


def quick(usual, short):
    """Return ``usual``, or ``short`` where the environment sets ``EMDVIZ_FAST=1``.

    Notebooks choose their sizes by it, so that they can be tried in half the time.

    Examples
    --------
    >>> epochs = quick(8, 3)
    """
    return short if os.environ.get("EMDVIZ_FAST", "0") not in ("", "0") else usual
