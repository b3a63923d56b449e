"""A data set on the device that trains, and the batches of each epoch."""

import numpy as np
import torch

from emdviz._threads import choose_threads
from emdviz.training.augmentation import AUGMENTATIONS, NUMBERS
from emdviz.training.config import choose_device
from emdviz.training.evaluation import is_image, prepare


class TrainingData:
    """A data set with its training inputs on a device; several runs may share it.

    Images stay bytes there. On a CPU the inputs are the data set's own, not a copy: if they are
    mapped from a file, a batch reads only what it needs.

    Examples
    --------
    >>> from emdviz import datasets
    >>> data = TrainingData(datasets.load("synthetic_faces", n=64, size=32), "cpu")
    >>> data.num_classes
    8
    """

    def __init__(self, dataset, device=None):
        if not (hasattr(dataset, "splits") and hasattr(dataset, "classes")):
            kind = type(dataset).__name__
            raise TypeError(f"dataset must be a data set, as datasets.load returns it, got {kind}")
        self.dataset, self.device = dataset, choose_device(device)
        rows, self.valid = dataset.splits["train"], dataset.split("valid")
        for name, split in (("train", rows), ("valid", self.valid)):
            if len(split) == 0:
                raise ValueError(
                    f"the {name} split is empty: the data set needs more rows, more groups, or "
                    f"other splits (splits=); it has {len(dataset)} rows"
                )
        self.num_classes = len(dataset.classes)
        if self.num_classes < 2:
            raise ValueError(
                f"the data set must have two classes or more, got {dataset.classes}: there is "
                "nothing to tell apart"
            )
        self.images = is_image(dataset.inputs)
        self._targets, self._last = {}, None
        self.tried = set()  # losses that were tried without options: once for all runs
        self.threads = choose_threads()  # one number for all runs that share the data
        self.at_once = False  # whether these train at once, with a thread each
        weights = dataset.weights
        self.weights = None if weights is None else weights[rows].float().to(self.device)
        if self.device.type == "cpu":
            self.inputs, self._rows = dataset.inputs, rows
        else:
            self.inputs = _take(dataset.inputs, rows).to(self.device)
            self._rows = torch.arange(len(rows), device=self.device)

    def __len__(self):
        return len(self._rows)

    def train_at_once(self):
        """Let runs on this data train at once, with a thread each."""
        self.at_once, self.threads = True, 1

    def targets(self, kind=None, split="train"):
        """Return the targets of a split on the device, as :meth:`OrderedData.targets` does."""
        if (kind, split) not in self._targets:
            targets = self.dataset.targets(kind)[self.dataset.splits[split]]
            targets = targets.float() if targets.is_floating_point() else targets
            self._targets[kind, split] = targets.to(self.device)
        return self._targets[kind, split]

    def split(self, name):
        """Return a split of the data set; the last one is kept for the next run that asks."""
        if name == "valid":
            return self.valid
        last = self._last
        if last is None or last[0] != name:
            last = self._last = name, self.dataset.split(name)
        return last[1]

    def class_counts(self, kind=None):
        """Return how many training targets each class has, shape (C,); votes add their shares."""
        targets = self.targets(kind).cpu()
        if targets.is_floating_point():
            return targets.double().sum(dim=0)
        return torch.bincount(targets, minlength=self.num_classes).double()

    def batches(self, config, number):
        """Yield inputs, targets, and weights or None, of each batch of an epoch.

        Images are floats from −1 to 1, changed at random; everything else is float32.
        """
        # every epoch seeds its own random numbers, so that a run can go on after any epoch
        seed = np.random.SeedSequence([config.seed, number]).generate_state(1)
        generator = torch.Generator().manual_seed(int(seed[0]))
        order = torch.randperm(len(self), generator=generator).to(self.device)
        numbers = torch.rand(len(self), NUMBERS, generator=generator).to(self.device)
        augment, targets = AUGMENTATIONS[config.augmentation], self.targets(config.targets)
        for chosen in order[: self.steps(config) * self.batch_size(config)].split(
            self.batch_size(config)
        ):
            inputs = prepare(_take(self.inputs, self._rows[chosen]))
            if self.images:
                inputs = augment(inputs, numbers[chosen], config.crop)
            weights = None if self.weights is None else self.weights[chosen]
            yield inputs, targets[chosen], weights

    def batch_size(self, config):
        """Return the size of a batch: that of the configuration, or of a smaller data set."""
        return min(config.batch_size, len(self))

    def steps(self, config):
        """Return the number of full batches in an epoch; the rows left over are not trained on.

        Every epoch shuffles anew, so that others are left over each time.
        """
        return len(self) // self.batch_size(config)


def _take(tensor, rows):
    """Return rows of a tensor; torch indexes uint16 only as int16."""
    if tensor.dtype == torch.uint16:
        return tensor.view(torch.int16).index_select(0, rows).view(torch.uint16)
    return tensor.index_select(0, rows)
