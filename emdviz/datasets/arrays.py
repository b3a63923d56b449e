"""Data sets made of arrays: NumPy, pandas, torch, lists, and files mapped into memory."""

import sys
import warnings

import numpy as np
import torch

from emdviz.datasets.base import OrderedData, label_of_votes
from emdviz.datasets.binning import make_bins
from emdviz.datasets.order import is_missing, notes_of, order_classes, order_columns
from emdviz.datasets.readers.cells import as_text
from emdviz.datasets.readers.listing import warn_of_empty_classes
from emdviz.datasets.readers.numbers import number
from emdviz.datasets.splits import named_splits, stratified_splits
from emdviz.reading import (
    counted,
    is_pandas,
    is_torch,
    read_count,
    read_names,
    shown,
    to_numpy,
    typed,
)

_MANY, _ROWS = 20, 5
"""More different numbers with decimals, or with fewer rows each, are scores and no classes."""


def from_arrays(
    inputs,
    labels=None,
    *,
    votes=None,
    classes=None,
    positions=None,
    groups=None,
    weights=None,
    splits=None,
    bins=None,
    depth=None,
    name="arrays",
    unit=None,
    licence="your own data",
    notes=(),
    seed=0,
):
    """Make a data set of arrays.

    Parameters
    ----------
    inputs : array, tensor, DataFrame or list, shape (N, ...)
        Features, (N, F), or anything else of N equal shapes. Integers of 8 or 16 bits and shape
        (N, H, W), (N, H, W, 1 or 3) or (N, 1 or 3, H, W) are images. Arrays that are mapped into
        memory stay on the disk, unless their axes have to be moved.
    labels : sequence of N numbers or names, optional
        The class of each row; ``votes`` decide by majority if there are none. Whole numbers are
        class indices if ``classes`` are names.
    votes : array or DataFrame, shape (N, C), optional
        How many people, or what share of them, chose each class; see :meth:`OrderedData.targets`.
        The columns of a DataFrame name the classes.
    classes : sequence of str, optional
        Names of the C classes in their order, from low to high. By default that of
        :func:`order_classes`, or of an ordered categorical Series.
    positions : sequence of float, shape (C,), optional
        Centres of the classes; by default the numbers, where ``classes`` are
        not given and are numbers.
    groups : sequence of N strings or numbers, optional
        What must not be in two splits, such as a person.
    weights : sequence of N numbers, optional
        How much each row counts, greater than 0.
    splits : dict or sequence of N names, optional
        Indices of the rows in "train", "valid" and "test", or the split of each row. By default
        80, 10 and 10 %, by class and group.
    bins : int or sequence of float, optional
        Make classes of ``labels`` that are real numbers; see :func:`make_bins`. The numbers are
        kept as ``scores``.
    depth : int, optional
        Bits of images of 16 bits, 9 to 16: a white pixel is 2^depth − 1. By default as many as the
        brightest pixel needs, which ``notes`` tells.
    name, unit, licence, notes
        See :class:`OrderedData`.
    seed : int
        Not negative; decides the splits, where they are not given.

    Returns
    -------
    OrderedData

    Raises
    ------
    TypeError, ValueError
        If the lengths differ, inputs are not finite, a label is missing, there is only one class,
        the order of the classes is not known, a row of votes is empty or negative, a weight is not
        greater than 0, or a table of pandas has the rows of ``inputs`` in another order.

    Examples
    --------
    >>> rows = np.random.default_rng(0).normal(size=(30, 4))
    >>> data = from_arrays(rows, ["low", "high", "medium"] * 10)
    >>> data.classes, data.labels[:3], len(data.splits["train"])
    (['low', 'medium', 'high'], tensor([0, 2, 1]), 24)
    >>> rated = from_arrays(rows, votes=[[3, 1, 0], [0, 2, 2], [1, 1, 1]] * 10)
    >>> rated.votes[0], rated.labels[:3]
    (tensor([0.7500, 0.2500, 0.0000], dtype=torch.float64), tensor([0, 1, 0]))
    """
    seed = read_count(seed, "seed", 0)
    if labels is None and votes is None:
        raise ValueError("labels or votes must be given")
    if bins is not None and (labels is None or votes is not None or classes is not None):
        raise ValueError("bins makes classes of labels that are numbers, without classes or votes")
    rows = {"labels": labels, "votes": votes, "groups": groups, "weights": weights}
    for what, values in (rows | {"splits": splits}).items():
        _check_order(inputs, values, what)
    features = [str(name) for name in inputs] if is_pandas(inputs, "DataFrame") else None
    inputs, input_notes = _read_inputs(inputs, depth)
    count, scores, cut = len(inputs), None, None
    told = []
    if votes is not None:
        if classes is None and is_pandas(votes, "DataFrame"):
            order = order_classes(votes.columns)
            told, found = notes_of(order, positions), order.positions
            positions = found if positions is None else positions
        elif classes is None:
            told = ["classes are the columns of the votes, in their order"]
        votes, classes = _read_votes(votes, classes)
        _check_length(votes, "votes", count)
    if labels is not None:
        _check_length(labels, "labels", count)
    if bins is not None:
        numbers = _numbers(labels, "labels")
        cut = make_bins(numbers, bins)
        scores, classes = torch.from_numpy(numbers), cut.names()
        labels = torch.from_numpy(cut.labels(numbers))
        positions = cut.positions if positions is None else positions
    elif labels is not None:
        labels, classes, found, labels_told = read_labels(labels, classes, positions)
        told = [*told, *labels_told]
        positions = found if positions is None else positions
    else:
        labels = label_of_votes(votes, "majority")
    if len(classes) < 2:
        raise ValueError(f"there must be at least two classes, got only {classes}")
    for values, what in ((groups, "groups"), (weights, "weights")):
        if values is not None:
            _check_length(values, what, count)
    groups = None if groups is None else _read_groups(groups)
    own_splits = splits is not None
    weights = None if weights is None else torch.from_numpy(_numbers(weights, "weights"))
    splits, split_notes = _read_splits(splits, labels, groups, seed)
    if votes is None and "train" in splits:
        warn_of_empty_classes(classes, labels[splits["train"]])
    return OrderedData(
        name,
        inputs,
        labels,
        classes,
        splits,
        votes=votes,
        positions=positions,
        groups=groups,
        weights=weights,
        scores=scores,
        bins=cut,
        unit=unit,
        licence=licence,
        features=features,
        notes=(*input_notes, *told, *split_notes, *notes),
        own_splits=own_splits,
    )


def from_torch(dataset, *, classes=None, path=None, **options):
    """Make a data set of any torch data set with a length; every item is read once.

    Parameters
    ----------
    dataset : torch.utils.data.Dataset
        Its items are pairs (input, label): an image of Pillow, a tensor or an array, all of one
        shape, and a class index, a name or a number. If it has ``classes``, as torchvision's data
        sets do, indices stand for these names, whose order is then found as by
        :func:`order_classes`.
    classes : sequence of str, optional
        Names of the classes in their order, from low to high.
    path : str or Path, optional
        A new file for the inputs, ending in ``.npy``, which is mapped into memory; for data sets
        larger than the memory.
    **options
        As for :func:`from_arrays`.

    Returns
    -------
    OrderedData

    Raises
    ------
    TypeError, ValueError
        If an item is no pair, shapes differ, or as :func:`from_arrays`.

    Examples
    --------
    >>> pairs = torch.utils.data.TensorDataset(torch.rand(20, 3), torch.arange(20) % 4)
    >>> data = from_torch(pairs)
    >>> data.inputs.shape, data.classes
    (torch.Size([20, 3]), ['0', '1', '2', '3'])
    """
    from tqdm.auto import tqdm

    if not (hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")):
        raise TypeError(
            f"dataset must be a torch data set with a length, got {shown(type(dataset).__name__)}; "
            "make arrays of a stream, and pass them to from_arrays"
        )
    count, inputs, labels = len(dataset), None, []
    if not count:
        raise ValueError("dataset must have one item or more")
    for place in tqdm(range(count), desc="reading", unit=" items", delay=3, leave=False):
        item = dataset[place]
        if not isinstance(item, tuple | list) or len(item) != 2:
            raise TypeError(f"items must be pairs (input, label), got {shown(type(item).__name__)}")
        row = _row(item[0])
        if inputs is None:
            shape = (count, *row.shape)
            if path is None:
                inputs = np.empty(shape, row.dtype)
            else:
                inputs = np.lib.format.open_memmap(path, "w+", row.dtype, shape)
        if row.shape != inputs.shape[1:] or row.dtype != inputs.dtype:
            raise ValueError(
                f"inputs must have one shape and type, the first has {inputs.shape[1:]} of "
                f"{inputs.dtype}, item {place} {row.shape} of {row.dtype}; resize or crop them"
            )
        inputs[place] = row
        labels.append(item[1].item() if hasattr(item[1], "item") else item[1])
    names = getattr(dataset, "classes", None)
    whole = all(isinstance(label, int) for label in labels)
    if names is not None and whole and 0 <= min(labels) <= max(labels) < len(names):
        labels = [str(names[label]) for label in labels]
    return from_arrays(inputs, labels, classes=classes, **options)


def _row(value):
    if is_torch(value):
        return value.detach().cpu().numpy()
    row = np.asarray(value)
    # an image of Pillow has its channels last
    return np.moveaxis(row, -1, 0) if hasattr(value, "getbands") and row.ndim == 3 else row


def read_labels(labels, classes=None, positions=None):
    """Return class indices, names of classes in their order, positions and notes."""
    kind = getattr(labels, "dtype", None)
    if classes is None and is_pandas(kind, "CategoricalDtype") and kind.ordered:
        classes = [str(name) for name in kind.categories]
    shape = tuple(getattr(labels, "shape", (len(labels),)))
    if len(shape) != 1:
        raise ValueError(
            f"labels must be one for each row, shape (N,), got {shape}; pass labels[:, 0] if these "
            "are classes, and votes if they are shares of classes"
        )
    values = labels.tolist() if is_torch(labels) else list(labels)
    missing = [k for k, value in enumerate(values) if _is_missing(value, classes)]
    if missing:
        raise ValueError(f"labels are missing in {counted(missing, 'row')}; leave these rows out")
    texts = [as_text(value) for value in values]
    if classes is None:
        _check_few(texts)
        order = order_classes(texts)
        indices = torch.tensor([order.index[text] for text in texts])
        return indices, order.classes, order.positions, notes_of(order, positions)
    classes = read_names(classes, "classes")
    names = [as_text(name) for name in classes]
    index = {name: k for k, name in enumerate(names)}
    unknown = sorted(set(texts) - set(index))
    if not unknown:
        return torch.tensor([index[text] for text in texts]), classes, None, []
    whole = all(isinstance(value, int | np.integer) for value in values)
    if whole and not any(name.lstrip("-").isdecimal() for name in names):
        low, high = min(values), max(values)
        if low < 0 or high >= len(classes):
            raise ValueError(
                f"labels must be class indices, 0 to {len(classes) - 1}, or names of classes, got "
                f"{low} to {high}"
            )
        return torch.tensor([int(value) for value in values]), classes, None, []
    raise ValueError(f"classes must name every label, {shown(classes)} lacks {shown(unknown[:5])}")


def _check_few(texts):
    different = set(texts)
    if len(different) < 2:
        raise ValueError(f"there must be at least two classes, got only {shown(sorted(different))}")
    numbers = [text for text in different if number(text) is not None]
    if len(numbers) > _MANY and (
        any("." in text for text in numbers) or len(texts) < _ROWS * len(numbers)
    ):
        raise ValueError(
            f"labels must be classes, got {len(different)} different numbers such as {texts[0]}; "
            f"pass {typed('bins')} to make classes of them, or {typed('classes')} if each of them "
            "is one"
        )


def _is_missing(value, classes):
    if value is None or value is getattr(sys.modules.get("pandas"), "NA", None) or value != value:
        return True
    named = classes is not None and value in list(classes)
    return isinstance(value, str) and is_missing(value) and not named


def _read_inputs(inputs, depth):
    if is_pandas(inputs, "DataFrame", "Series"):
        frame = inputs.to_frame() if is_pandas(inputs, "Series") else inputs
        wrong = [str(name) for name, kind in frame.dtypes.items() if not _is_numeric(kind)]
        if wrong:
            raise TypeError(f"inputs must be numbers, the columns {shown(wrong)} are not")
        inputs = inputs.to_numpy(dtype=np.float64, na_value=np.nan)
    if is_torch(inputs):
        array = inputs.detach().cpu()
    else:
        array = to_numpy(inputs, "inputs")
        if array.dtype == bool:
            array = array.astype(np.uint8)
        if array.dtype.kind not in "iuf" or array.dtype.itemsize > 8:
            raise TypeError(f"inputs must be real numbers, got {array.dtype}")
        if not array.dtype.isnative or any(stride < 0 for stride in array.strides):
            array = array.astype(array.dtype.newbyteorder("="), order="C")
        with warnings.catch_warnings():  # of read-only arrays: nothing here writes
            warnings.simplefilter("ignore", UserWarning)
            array = torch.from_numpy(array)
    if array.ndim == 0 or not len(array):
        raise ValueError(f"inputs must have one row or more, got shape {tuple(array.shape)}")
    if array.ndim <= 2 and depth is None:  # features
        return array.reshape(len(array), -1).float(), []
    return as_images(array.float() if array.dtype == torch.float64 else array, depth)


def _is_numeric(kind):
    import pandas as pd

    return pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_complex_dtype(kind)


def as_images(array, depth=None):
    """Return images as (N, channels, H, W), and notes; leave anything else as it is."""
    notes, shape = [], tuple(array.shape)
    if array.dtype == torch.int16 and array.ndim in (3, 4) and int(array.min()) >= 0:
        array = array.view(torch.uint16)
    if array.dtype not in (torch.uint8, torch.uint16) or array.ndim not in (3, 4):
        if depth is not None:
            raise ValueError(f"depth is for images of 16 bits, got {array.dtype} of shape {shape}")
        return array, notes
    if array.ndim == 3:
        array = array[:, None]
        notes.append("images have one channel")
    elif array.shape[1] not in (1, 3) and array.shape[3] in (1, 3):
        array = array.permute(0, 3, 1, 2)
    if array.dtype == torch.uint16 and array.shape[1] in (1, 3):
        brightest = int(array.numpy().max())
        if depth is None:
            depth = max(8, brightest.bit_length())
            notes.append(f"images have {depth} bits, as the brightest pixel, {brightest}, needs")
        depth = read_count(depth, "depth", 8, 16)
        if brightest >= 2**depth:
            raise ValueError(f"depth must be enough for the brightest pixel, {brightest}")
        # white is 255 of 8 bits, in float before it is rounded
        whole = array.numpy().astype(np.float32) * (255 / (2**depth - 1))
        array = torch.from_numpy(np.rint(whole).astype(np.uint8))
    return array, notes


def _check_order(inputs, values, what):
    """Refuse a table whose index has the labels of that of the inputs in another order."""
    if not all(is_pandas(one, "DataFrame", "Series") for one in (inputs, values)):
        return
    if not values.index.equals(inputs.index) and set(values.index) == set(inputs.index):
        raise ValueError(
            f"{what} must be in the order of inputs, but the labels of their indices are in "
            f"different ones; pass {what}.loc[inputs.index]"
        )


def _read_votes(votes, classes):
    if is_pandas(votes, "DataFrame"):
        classes, places = order_columns([str(name) for name in votes.columns], classes)
        votes = votes.iloc[:, places]
        votes = votes.to_numpy(dtype=np.float64, na_value=np.nan)
    array = torch.from_numpy(np.asarray(to_numpy(votes, "votes"), np.float64))
    if array.ndim != 2:
        raise ValueError(f"votes must have shape (N, C), got {tuple(array.shape)}")
    if classes is None:
        classes = [str(number) for number in range(array.shape[1])]
    if len(classes) != array.shape[1]:
        raise ValueError(f"votes must have {len(classes)} columns, one for each class")
    return array, read_names(classes, "classes")


def _numbers(values, name):
    try:
        array = np.array(to_numpy(values, name), dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be numbers, got {shown(list(values)[:5])}") from None
    wrong = np.flatnonzero(~np.isfinite(array)).tolist()
    if wrong:
        raise ValueError(f"{name} must be finite, got NaN or infinity in {counted(wrong, 'row')}")
    return array


def _read_groups(groups):
    groups = groups.tolist() if is_torch(groups) else list(groups)
    missing = [k for k, group in enumerate(groups) if _is_missing(group, None)]
    if missing:
        raise ValueError(
            f"groups are missing in {counted(missing, 'row')}; leave these rows out, or give each "
            "a group of its own"
        )
    return groups


def _check_length(values, name, count):
    if len(values) != count:
        raise ValueError(f"{name} must be as many as inputs, {count}, got {len(values)}")


def _read_splits(splits, labels, groups, seed):
    if splits is None:
        return stratified_splits(labels, seed=seed, groups=groups), ()
    if isinstance(splits, dict):
        indices = {}
        for name, rows in splits.items():
            rows = to_numpy(rows, f"splits[{name!r}]")
            rows = np.flatnonzero(rows) if rows.dtype == bool else rows
            indices[name] = torch.from_numpy(np.array(rows, dtype=np.int64))
        return indices, ()
    _check_length(splits, "splits", len(labels))
    return named_splits([str(name) for name in splits], labels, seed=seed, groups=groups)
