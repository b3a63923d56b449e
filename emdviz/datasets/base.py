"""The one shape that every data set has."""

import copy
from dataclasses import dataclass

import torch
from torchvision.datasets import VisionDataset

from emdviz.datasets.binning import balanced_bins
from emdviz.distributions import check_positions
from emdviz.reading import check_is, read_count, read_names


@dataclass(frozen=True)
class Split:
    """One part of a data set.

    Attributes
    ----------
    images : uint8 tensor, shape (N, 3, H, W)
    labels : int64 tensor, shape (N,)
        Class indices, 0 to C − 1.
    true_distribution : float64 tensor, shape (N, C), or None
        The distribution from which each label was drawn, where the data set knows it.
    scores : float64 tensor, shape (N,), or None
        The real numbers that were cut into classes, where the data set has them.
    positions : list of float, shape (C,), or None
        Centres of the classes; in the unit of ``scores``, where there are any.
    """

    images: torch.Tensor
    labels: torch.Tensor
    true_distribution: torch.Tensor | None = None
    scores: torch.Tensor | None = None
    positions: list | None = None

    def __len__(self):
        return len(self.labels)


class OrderedData(VisionDataset):
    """Images whose classes have an order.

    Parameters
    ----------
    name : str
    images : uint8 tensor, shape (N, 3, H, W)
        More than the memory holds can lie in a file, as here:
        ``torch.from_numpy(np.load("images.npy", mmap_mode="r+"))``. Training on a CPU then reads
        a batch at a time; the splits for validation and test must fit into memory.
    labels : int64 tensor, shape (N,)
        Class indices, 0 to C − 1.
    classes : list of str
        Names of the C classes, in their order.
    splits : dict of str to int64 tensor
        Indices of the images in ``"train"``, ``"valid"`` and ``"test"``; none in two of them.
    positions : list of float, shape (C,), optional
        Centres of the classes in ``unit``.
    unit : str, optional
        The unit of ``positions``, such as ``"years"``.
    groups : sequence of N strings or numbers, optional
        What belongs together, such as the person in each image; no group may be in two splits.
    true_distribution : float64 tensor, shape (N, C), optional
        The distribution from which each label was drawn, where it is known.
    scores : float64 tensor, shape (N,), optional
        The real numbers that were cut into classes.
    bins : Bins, optional
        How scores became classes.
    report : Report, optional
        What became of all that the files list.
    licence : str
        One line: who may use the images, and for what.
    notes : tuple of str
        What a reader should know of how the images were chosen.
    root : str or Path
        Where the images came from.

    Raises
    ------
    ValueError
        If images, labels, classes, splits and true distributions do not fit together.

    Notes
    -----
    As a torchvision data set it can be indexed: ``dataset[i]`` is ``(image, label)``, with
    ``transform`` and ``target_transform`` applied if they are given. Printed, it tells its name,
    classes, splits, licence and notes.
    """

    def __init__(
        self,
        name,
        images,
        labels,
        classes,
        splits,
        *,
        positions=None,
        unit=None,
        groups=None,
        true_distribution=None,
        scores=None,
        bins=None,
        report=None,
        licence="",
        notes=(),
        root="",
        transform=None,
        target_transform=None,
    ):
        super().__init__(str(root), transform=transform, target_transform=target_transform)
        classes = read_names(classes, "classes")
        if len(set(classes)) != len(classes):
            raise ValueError(f"classes must not name a class twice, got {classes}")
        for values, what in ((images, "images"), (labels, "labels")):
            check_is(values, what, torch.Tensor, "a tensor")
        if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] != 3:
            raise ValueError(
                "images must be uint8 of shape (N, 3, H, W), "
                f"got {images.dtype} of shape {tuple(images.shape)}"
            )
        if labels.dtype != torch.int64 or labels.shape != images.shape[:1]:
            raise ValueError(
                f"labels must be int64 of shape ({len(images)},), "
                f"got {labels.dtype} of shape {tuple(labels.shape)}"
            )
        if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < len(classes):
            raise ValueError(
                f"labels must be 0 to {len(classes) - 1}, "
                f"got {int(labels.min())} to {int(labels.max())}"
            )
        if true_distribution is not None and true_distribution.shape != (len(labels), len(classes)):
            raise ValueError(
                f"true_distribution must have shape ({len(labels)}, {len(classes)}), "
                f"got {tuple(true_distribution.shape)}"
            )
        if scores is not None:
            check_is(scores, "scores", torch.Tensor, "a tensor")
            if scores.shape != labels.shape or not scores.isfinite().all():
                raise ValueError(f"scores must be {len(labels)} finite numbers, one for each image")
        _check_splits(splits, len(labels), groups)
        self.name = name
        self.images = images
        self.labels = labels
        self.classes = classes
        self.positions = (
            None if positions is None else check_positions(positions, len(classes)).tolist()
        )
        self.unit = unit
        self.splits = dict(splits)
        self.groups = None if groups is None else tuple(groups)
        self.true_distribution = true_distribution
        self.scores = scores
        self.bins = bins
        self.report = report
        self.licence = licence
        self.notes = (*(() if bins is None else (bins.note(),)), *notes)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        image, label = self.images[index], self.labels[index]
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            label = self.target_transform(label)
        return image, label

    def __repr__(self):
        sizes = ", ".join(f"{len(chosen)} {name}" for name, chosen in self.splits.items())
        lines = [
            f"{self.name}: {len(self)} images of {' × '.join(map(str, self.images.shape[1:]))}",
            f"{len(self.classes)} classes: {' < '.join(self.classes)}",
            f"splits: {sizes}",
            f"licence: {self.licence}",
            *self.notes,
        ]
        return "\n    ".join(lines)

    def split(self, name):
        """Return the part called ``name``: ``"train"``, ``"valid"`` or ``"test"``.

        Raises
        ------
        ValueError
            If there is no such part.
        """
        if name not in self.splits:
            raise ValueError(f"split must be one of {sorted(self.splits)}, got {name!r}")
        chosen = self.splits[name]
        return Split(
            self.images[chosen],
            self.labels[chosen],
            None if self.true_distribution is None else self.true_distribution[chosen],
            None if self.scores is None else self.scores[chosen],
            positions=self.positions,
        )

    def discretize(self, bins):
        """Cut the scores into another number of classes.

        The bins hold training images as evenly as equal scores allow; see
        :func:`balanced_bins`. The position of a class is the mean training score in it, so the
        expectation of a predicted distribution is a score again.

        Parameters
        ----------
        bins : int
            2 to 100.

        Returns
        -------
        OrderedData
            With the same images, which are not copied, and the same splits.

        Raises
        ------
        ValueError
            If the classes were not cut from scores, or there are more bins than different
            training scores.
        """
        if self.bins is None:
            raise ValueError(f"{self.name} has no classes that were cut from scores")
        train = self.scores[self.splits["train"]].numpy()
        bins = read_count(bins, "bins", 2, 100)
        cut = balanced_bins(train, bins, ends=(self.bins.low, self.bins.high))
        other = copy.copy(self)
        other.bins, other.classes, other.positions = cut, cut.names(), list(cut.positions)
        other.labels = torch.from_numpy(cut.labels(self.scores.numpy()))
        other.notes = (cut.note(), *self.notes[1:])
        return other

    def summary(self):
        """Return a table of how many images each class has in each split.

        Returns
        -------
        pandas.DataFrame
            A row per class and one for the total, a column per split and one for all. A
            notebook shows it with a bar beside each class.
        """
        from emdviz.datasets.summary import count_classes

        return count_classes(self.labels, self.classes, self.splits)


def _check_splits(splits, count, groups):
    used = torch.zeros(count, dtype=torch.bool)
    check_is(splits, "splits", dict, "a dict of names to indices")
    for name, chosen in splits.items():
        check_is(chosen, f"splits[{name!r}]", torch.Tensor, "a tensor of indices")
        if chosen.dtype != torch.int64 or chosen.ndim != 1:
            raise ValueError(
                f"splits[{name!r}] must be int64 indices of shape (n,), "
                f"got {chosen.dtype} of shape {tuple(chosen.shape)}"
            )
        if len(chosen) and not 0 <= int(chosen.min()) <= int(chosen.max()) < count:
            raise ValueError(
                f"splits[{name!r}] must be indices 0 to {count - 1}, "
                f"got {int(chosen.min())} to {int(chosen.max())}"
            )
        if used[chosen].any() or len(chosen.unique()) < len(chosen):
            raise ValueError(f"splits[{name!r}] holds an image twice or shares one with another")
        used[chosen] = True
    if groups is None:
        return
    groups = read_names(groups, "groups")
    if len(groups) != count:
        raise ValueError(f"groups must be as many as images, {count}, got {len(groups)}")
    where = {}
    for name, chosen in splits.items():
        for group in {groups[k] for k in chosen.tolist()}:
            if where.setdefault(group, name) != name:
                raise ValueError(f"group {group!r} is in the splits {where[group]!r} and {name!r}")
