"""The one shape that every data set has."""

import copy
from dataclasses import KW_ONLY, dataclass

import torch
from torch.utils.data import Dataset

from emdviz.datasets.binning import Bins, balanced_bins
from emdviz.datasets.readers.listing import ReadingReport
from emdviz.datasets.splits import check_splits, stratified_splits
from emdviz.distributions import check_positions
from emdviz.reading import check_is, counted, read_choice, read_count, read_names, shown

TARGETS = ("labels", "votes", "majority", "median", "mean")
"""What a network can be trained on; see :meth:`OrderedData.targets`."""

_BLOCK = 64 * 2**20  # bytes of inputs that are checked at a time, since they may lie in a file


@dataclass(frozen=True)
class Split:
    """One part of a data set, N rows of it; its attributes are those of :class:`OrderedData`."""

    inputs: torch.Tensor
    labels: torch.Tensor
    true_distribution: torch.Tensor | None = None
    scores: torch.Tensor | None = None
    positions: list | None = None
    votes: torch.Tensor | None = None
    weights: torch.Tensor | None = None

    def __len__(self):
        return len(self.labels)


@dataclass(eq=False, repr=False)
class OrderedData(Dataset):
    """Images, rows of a table, or anything else, whose classes have an order.

    Parameters
    ----------
    name : str
    inputs : tensor, shape (N, ...)
        Images are uint8 or uint16 of shape (N, 1 or 3, H, W). More than the memory holds can lie
        in a file, as here: ``torch.from_numpy(np.load("images.npy", mmap_mode="r+"))``. Training
        on a CPU then reads a batch at a time; the splits for validation and test must fit into
        memory.
    labels : int64 tensor, shape (N,)
        Class indices, 0 to C − 1.
    classes : list of str
        Names of the C classes, in their order.
    splits : dict of str to int64 tensor
        Indices of the rows in ``"train"``, ``"valid"`` and ``"test"``; none in two of them.
    votes : tensor, shape (N, C), optional
        How many people, or what share of them, chose each class; kept as shares: each row is
        divided by its sum here.
    positions : list of float, shape (C,), optional
        Centres of the classes in ``unit``.
    unit : str, optional
        The unit of ``positions``, such as ``"years"``.
    groups : sequence of N strings or numbers, optional
        What belongs together, such as the person in each image; no group may be in two splits.
    weights : tensor, shape (N,), optional
        How much each row counts, greater than 0.
    true_distribution : float64 tensor, shape (N, C), optional
        The distribution from which each label was drawn, where it is known.
    scores : float64 tensor, shape (N,), optional
        The real numbers that were cut into classes.
    bins : Bins, optional
        How scores became classes.
    report : ReadingReport, optional
        What was read, and what was left out and why.
    licence : str
        One line: who may use the data, and for what.
    notes : tuple of str
        What a reader should know of how the data were chosen.
    root : str or Path
        Where they came from.
    features : list of str, optional
        Names of the inputs of a table, shape (N, F).
    decoding : dict, optional
        How images were read of files: ``squeeze`` and ``depth`` of :func:`images.decode`.
    own_splits : bool
        Whether the source names the splits, so that they were not drawn here.

    Raises
    ------
    TypeError, ValueError
        If the parts do not fit together, inputs are not finite, a row of ``votes`` is empty or
        holds negative numbers, or a weight is not greater than 0.

    Attributes
    ----------
    frame : DataFrame or None
        The columns of a table that became inputs, before they did.
    preparation : Preparation or None
        How they became inputs, learned from the training rows.

    Notes
    -----
    As a torch data set it can be indexed: ``dataset[i]`` is ``(input, label)``. Printed, it tells
    its name, classes, splits, licence and notes.
    """

    name: str
    inputs: torch.Tensor
    labels: torch.Tensor
    classes: list
    splits: dict
    _: KW_ONLY
    votes: torch.Tensor | None = None
    positions: list | None = None
    unit: str | None = None
    groups: tuple | None = None
    weights: torch.Tensor | None = None
    true_distribution: torch.Tensor | None = None
    scores: torch.Tensor | None = None
    bins: Bins | None = None
    report: ReadingReport | None = None
    licence: str = ""
    notes: tuple = ()
    root: str = ""
    features: list | None = None
    decoding: dict | None = None
    own_splits: bool = False

    frame = preparation = None
    _digest = None  # computed when a run asks for it, with what it was computed of

    def __post_init__(self):
        self.classes = read_names(self.classes, "classes")
        num_classes = len(self.classes)
        if len(set(self.classes)) != num_classes:
            raise ValueError(f"classes must not name a class twice, got {shown(self.classes)}")
        for name in ("inputs", "labels"):
            check_is(getattr(self, name), name, torch.Tensor, "a tensor")
        _check_inputs(self.inputs)
        count = len(self.inputs)
        _check_labels(self.labels, count, num_classes)
        truth = self.true_distribution
        if truth is not None and truth.shape != (count, num_classes):
            raise ValueError(
                f"true_distribution must have shape ({count}, {num_classes}), "
                f"got {tuple(truth.shape)}"
            )
        check_splits(self.splits, count, self.groups)
        self.splits = dict(self.splits)
        if self.bins is not None:
            trained = sum(self.bins.counts) == len(self.splits.get("train", ()))
            note = self.bins.note("training images" if trained else "rows of all splits")
            self.notes = (note, *self.notes)
        if self.votes is not None:
            self.votes, note = _read_votes(self.votes, count, num_classes)
            self.notes = (*self.notes, note)
        if self.positions is not None:
            self.positions = check_positions(self.positions, num_classes).tolist()
        if self.groups is not None:
            self.groups = tuple(self.groups)
        if self.weights is not None:
            self.weights = _read_weights(self.weights, count)
        if self.scores is not None:
            self.scores = _read_scores(self.scores, count)
        if self.features is not None:
            self.features = read_names(self.features, "features")
        self.root, self.decoding = str(self.root), dict(self.decoding or {})

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return self.inputs[index], self.labels[index]

    def __repr__(self):
        sizes = ", ".join(f"{len(chosen)} {name}" for name, chosen in self.splits.items())
        what = "images" if self.has_images else "rows" if self.inputs.ndim == 2 else "inputs"
        shape = " × ".join(map(str, self.inputs.shape[1:])) or "one number"
        lines = [
            f"{self.name}: {len(self)} {what} of {shape}",
            f"{len(self.classes)} classes: {' < '.join(self.classes)}",
            f"splits: {sizes}",
            f"licence: {self.licence}",
            *self.notes,
        ]
        return "\n    ".join(lines)

    @property
    def has_images(self):
        """Whether inputs are images: uint8 or uint16, shape (N, 1 or 3, H, W)."""
        shape, dtype = self.inputs.shape, self.inputs.dtype
        return len(shape) == 4 and shape[1] in (1, 3) and dtype in (torch.uint8, torch.uint16)

    def split(self, name):
        """Return the part called ``name``: ``"train"``, ``"valid"`` or ``"test"``.

        Raises
        ------
        ValueError
            If there is no such part.
        """
        chosen = self.splits[read_choice(name, "split", self.splits)]
        parts = {
            part: getattr(self, part)
            for part in ("labels", "true_distribution", "scores", "votes", "weights")
        }
        parts = {part: None if all_ is None else all_[chosen] for part, all_ in parts.items()}
        return Split(_rows(self.inputs, chosen), positions=self.positions, **parts)

    def targets(self, kind=None):
        """Return what a network is trained on, for every row.

        Parameters
        ----------
        kind : {"votes", "majority", "median", "mean", "labels"}, optional
            ``"votes"``: the shares of the votes; the default where there are any.
            ``"majority"``: the class with the most votes, the lower of several. ``"median"``: the
            first class up to which half of the votes lie. ``"mean"``: the class nearest to the
            mean index of the votes; halfway, the lower. ``"labels"``: the labels; the default
            where there are no votes.

        Returns
        -------
        tensor
            float64 of shape (N, C) for votes, else class indices, int64 of shape (N,).

        Raises
        ------
        ValueError
            If ``kind`` is something else, or needs votes and there are none.
        """
        kind = read_choice(
            kind or ("labels" if self.votes is None else "votes"), "targets", TARGETS
        )
        if kind == "labels":
            return self.labels
        if self.votes is None:
            raise ValueError(f"targets {kind!r} need votes, and {self.name} has none; use 'labels'")
        return self.votes if kind == "votes" else label_of_votes(self.votes, kind)

    def resplit(self, seed):
        """Return the same data with splits drawn anew.

        Each split has as large a share as before, respects classes as evenly as
        :func:`stratified_splits` does, and no group is in two splits. Classes that were cut from
        scores stay as they are.

        Parameters
        ----------
        seed : int
            Not negative; equal seeds give equal splits.

        Returns
        -------
        OrderedData
            With the same inputs, which are not copied; those of a table are prepared anew, by the
            new training rows.

        Examples
        --------
        >>> from emdviz import datasets
        >>> faces = datasets.load("synthetic_faces", n=100, size=32)
        >>> other = faces.resplit(1)
        >>> sum(len(part) for part in other.splits.values()), other.notes[-1]
        (100, 'splits drawn anew with seed 1')
        """
        seed = read_count(seed, "seed", 0)
        rows = torch.cat(list(self.splits.values())).sort().values
        parts = stratified_splits(
            self.labels[rows],
            seed=seed,
            groups=None if self.groups is None else [self.groups[k] for k in rows.tolist()],
            shares={name: len(part) / len(rows) for name, part in self.splits.items()},
        )
        other = copy.copy(self)
        other.splits = {name: rows[part] for name, part in parts.items()}
        other.own_splits = False
        if self.preparation is not None:
            other = other.prepared(self.frame, self.preparation)
            other._digest = self._digest  # which is of the columns
        other.notes = (*self.notes, f"splits drawn anew with seed {seed}")
        return other

    def prepared(self, frame, preparation):
        """Return the same data with the columns of a table as inputs.

        Parameters
        ----------
        frame : DataFrame, N rows
            Kept as ``frame``: the columns that ``preparation`` names, as it reads them.
        preparation : Preparation
            Kept as ``preparation``, fitted to the training rows; :meth:`resplit` fits it anew.

        Returns
        -------
        OrderedData
        """
        other = copy.copy(self)
        other.frame = preparation.read(frame)
        other.preparation = preparation.fit(other.frame, self.splits["train"])
        other.inputs = torch.from_numpy(other.preparation.transform(other.frame))
        other.features = other.preparation.names
        other._digest = None
        return other

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
        other.notes = (cut.note("training images"), *self.notes[1:])
        return other

    def summary(self):
        """Return a table of how many images each class has in each split."""
        from emdviz.datasets.summary import count_classes

        return count_classes(self.labels, self.classes, self.splits)


def label_of_votes(votes, kind):
    """Return one label for each row of votes; see :meth:`OrderedData.targets`.

    Examples
    --------
    >>> votes = torch.tensor([[4, 1, 5], [1, 1, 0]])
    >>> [label_of_votes(votes, kind).tolist() for kind in ("majority", "median", "mean")]
    [[2, 0], [1, 0], [1, 0]]
    """
    votes = votes.double()
    if kind == "majority":
        return votes.argmax(dim=1)
    total = votes.sum(dim=1, keepdim=True)
    if kind == "median":
        return (votes.cumsum(dim=1) >= total / 2 - 1e-9 * total).int().argmax(dim=1)
    mean = (votes @ torch.arange(votes.shape[1], dtype=torch.float64)) / total[:, 0]
    return (mean - 0.5 - 1e-9).ceil().long().clamp(min=0)


def _rows(tensor, chosen):
    # torch can index neither uint16 nor uint32 on every machine
    if tensor.dtype in (torch.uint16, torch.uint32, torch.uint64):
        return torch.from_numpy(tensor.numpy()[chosen.numpy()])
    return tensor[chosen]


def _check_inputs(inputs):
    if inputs.ndim == 0 or inputs.is_complex() or inputs.dtype == torch.bool:
        raise ValueError(
            f"inputs must be real numbers of shape (N, ...), got {inputs.dtype} of shape "
            f"{tuple(inputs.shape)}"
        )
    if not inputs.is_floating_point() or not inputs.numel():
        return
    step, wrong = max(1, _BLOCK // max(1, inputs[:1].nbytes)), []
    for start in range(0, len(inputs), step):
        finite = inputs[start : start + step].reshape(-1, inputs[0].numel()).isfinite().all(dim=1)
        wrong += [start + k for k in (~finite).nonzero()[:, 0].tolist()]
    if wrong:
        raise ValueError(
            f"inputs must be finite, got NaN or infinity in {counted(wrong, 'row')}; fill these in "
            "or leave the rows out"
        )


def _check_labels(labels, count, num_classes):
    if labels.dtype != torch.int64 or labels.shape != (count,):
        raise ValueError(
            f"labels must be int64 of shape ({count},), "
            f"got {labels.dtype} of shape {tuple(labels.shape)}"
        )
    if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < num_classes:
        raise ValueError(
            f"labels must be 0 to {num_classes - 1}, got {int(labels.min())} to {int(labels.max())}"
        )


def _in_double(values, name, shape, axes=""):
    """Return a tensor of this shape in double precision, or raise an error."""
    check_is(values, name, torch.Tensor, "a tensor")
    if values.shape != shape:
        raise ValueError(f"{name} must have shape {axes}{shape}, got {tuple(values.shape)}")
    return values.double()


def _read_votes(votes, count, num_classes):
    votes = _in_double(votes, "votes", (count, num_classes), "(N, C) = ")
    for wrong, what in (
        (~votes.isfinite().all(dim=1), "must be finite, got NaN or infinity"),
        ((votes < 0).any(dim=1), "must not be negative, got negative numbers"),
        (votes.sum(dim=1) == 0, "must have a vote in each row, got none"),
    ):
        if wrong.any():
            raise ValueError(f"votes {what} in {_rows_of(wrong)}")
    sums = votes.sum(dim=1)
    low, high = (f"{float(end):.6g}" for end in (sums.min(), sums.max())) if count else ("0", "0")
    note = f"votes are shares of {low if low == high else f'{low} to {high}'} votes in each row"
    shares = votes / sums[:, None]
    return shares, "votes are shares" if low == high == "1" else note


def _read_weights(weights, count):
    weights = _in_double(weights, "weights", (count,))
    wrong = ~(weights.isfinite() & (weights > 0))
    if wrong.any():
        raise ValueError(
            f"weights must be finite and greater than 0, got other numbers in {_rows_of(wrong)}; "
            "leave out the rows that do not count"
        )
    return weights


def _read_scores(scores, count):
    scores = _in_double(scores, "scores", (count,))
    if not scores.isfinite().all():
        raise ValueError("scores must be finite, one for each row")
    return scores


def _rows_of(wrong):
    return counted(wrong.nonzero()[:, 0].tolist(), "row")
