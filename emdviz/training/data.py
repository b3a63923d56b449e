"""A data set on the device that trains, and the batches of each epoch."""

import numpy as np
import torch

from emdviz.training.augmentation import AUGMENTATIONS, NUMBERS
from emdviz.training.config import choose_device
from emdviz.training.evaluation import scale


class TrainingData:
    """A data set with its training images on a device, as bytes; several runs may share it.

    On a CPU the images are the data set's own, not a copy: if they are mapped from a file, a
    batch reads only what it needs.

    Parameters
    ----------
    dataset : datasets.OrderedData
    device : torch.device or str, optional
        The best there is by default.

    Raises
    ------
    TypeError, ValueError
        If ``dataset`` is no data set, or has no image for training or for validation.

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
                raise ValueError(f"the {name} split is empty: the data set needs more images")
        self.num_classes = len(dataset.classes)
        self.labels = dataset.labels[rows].to(self.device)
        if self.device.type == "cpu":
            self.images, self._rows = dataset.inputs, rows
        else:
            self.images = dataset.inputs[rows].to(self.device)
            self._rows = torch.arange(len(rows), device=self.device)

    def batches(self, config, number):
        """Yield images, from −1 to 1 and changed at random, and labels of an epoch's batches."""
        # every epoch seeds its own random numbers, so that a run can go on after any epoch
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
        """Return the size of a batch: that of the configuration, or of a smaller data set."""
        return min(config.batch_size, len(self.labels))

    def steps(self, config):
        """Return the number of full batches in an epoch; the images left over are not trained on.

        Every epoch shuffles anew, so that others are left over each time.
        """
        return len(self.labels) // self.batch_size(config)
