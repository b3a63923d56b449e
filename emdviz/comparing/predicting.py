"""Predict unlabelled inputs by all seeds of one loss of a comparison."""

import math
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from emdviz.comparing.comparison import make
from emdviz.comparing.facts import read_finished
from emdviz.comparing.sources import array_of_inputs, column_of_images, read_arrays
from emdviz.datasets import OrderedData, with_features
from emdviz.datasets.arrays import as_images
from emdviz.datasets.readers.table_files import read_frame
from emdviz.distributions import spread
from emdviz.losses import as_loss
from emdviz.reading import is_pandas, read_path, to_numpy
from emdviz.training import load_run
from emdviz.training.inputs import is_path, read_images
from emdviz.training.results import finished

if TYPE_CHECKING:
    import pandas as pd

LEVEL = 0.9
"""The share of labels that an interval should hold."""

MANY = 0.01
"""A row is unlike the others if more than this share of its inputs lies beyond their range."""


@dataclass(frozen=True, eq=False)
class Scores:
    """What :func:`predict` returns.

    Attributes
    ----------
    table : pandas.DataFrame
        A row for each input, in the order in which they came: ``input`` (name of the file, line
        of the table, or number of the row from 0), ``class``, ``score`` (expected position),
        ``spread`` (standard deviation of the position; of a loss without a distribution, its
        root mean square error on validation), ``low`` and ``high`` (ends of the 90 % interval),
        ``P(name)`` for each class, and ``note``: what is unlike the training data, or why the
        input was not read. The numbers of an input that was not read are missing.
    loss : str
    coverage : float
        The share of the labels of the test splits that their intervals hold.
    notes : tuple of str
        What a reader should know.
    """

    table: "pd.DataFrame"
    loss: str
    coverage: float
    notes: tuple


def predict(folder, inputs, *, loss=None, model=None):
    """Predict inputs by the mean probabilities over all seeds of one loss of a comparison.

    Parameters
    ----------
    folder : str or Path
        Of the comparison; the data with which it was made need not be there.
    inputs : str, Path, DataFrame or array
        Of the kind that was compared on: a table with the same columns, but no label; a folder, a
        zip file or a table of images; an ``.npz`` file, whose array of inputs has the same name or
        is the only one of two axes or more; an array of inputs.
    loss : str or loss, optional
        By default the best by ``valid RPS``. A loss without an import path must be passed itself.
    model : callable, optional
        The function that made the network, where it has no import path.

    Returns
    -------
    Scores

    Raises
    ------
    FileNotFoundError
        If there is no finished comparison, or no such file.
    ValueError, TypeError
        If there is no such loss, or the inputs are not of that kind, such as a table that lacks a
        column.

    Notes
    -----
    An interval holds the classes k with max(0, 1 − 2 F(k), 2 F(k − 1) − 1) ≤ q: the middle of the
    distribution with CDF F. Of a loss without a distribution it holds those no farther than q
    from the score. q is such that 90 % of the labels of the validation splits are held, with the
    correction of split conformal prediction (Vovk, Gammerman, Shafer 2005; Papadopoulos et al.
    2002). That is no guarantee here: the validation splits have chosen the loss and its learning
    rate, too, and an interval is that of the mean of all networks. So ``coverage`` counts the same
    on the test splits, network by network, since no example was new to the networks of all seeds.

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> from emdviz import comparing
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     made = comparing.compare(
    ...         "data/lev.csv", label="rating", losses=["XE", "EMD2"], network="linear", epochs=1,
    ...         seeds=2, folder=folder,
    ...     )
    ...     new = pd.DataFrame({"in1": [4, 0], "in2": [4, 0], "in3": [4, 0], "in4": [4, 1]})
    ...     scores = comparing.predict(folder, new)
    >>> list(scores.table)[:6]
    ['input', 'class', 'score', 'spread', 'low', 'high']
    >>> bool(scores.table["score"][0] > scores.table["score"][1])
    True
    """
    folder = read_path(folder, "folder", "the folder of a comparison, such as 'runs/wine'")
    facts = read_finished(folder)
    comparison = make(folder, facts)
    asked = None if loss is None or isinstance(loss, str) else as_loss(loss)
    name = comparison.best() if loss is None else loss if asked is None else asked.name
    done = finished(comparison.table)
    seeds = done["seed"][done["loss"] == name].tolist() or comparison.seeds[:1]
    runs = [load_run(comparison.run_folder(name, s), loss=asked, model=model) for s in seeds]
    first, notes = runs[0], []
    given, names, remarks, unlike = _read_inputs(inputs, facts, first)
    kept = [place for place, one in enumerate(names) if place not in remarks]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the note of each row says it
        predictions = [run.predict(given) for run in runs]
        remarks |= unlike
        if first.preparation is not None:
            remarks |= _unlike(runs, given)
    if facts.get("ranges"):
        remarks |= _beyond(given, facts["ranges"])
    frames = [one.to_frame() for one in predictions]
    table = frames[0][["input", "class", "score", "spread"]].copy()
    columns = [f"P({one})" for one in first.classes]
    p = np.mean([frame[columns].to_numpy(np.float64) for frame in frames], axis=0)
    table["score"] = np.mean([frame["score"] for frame in frames], axis=0, dtype=np.float64)
    x = np.arange(len(first.classes)) if first.positions is None else np.array(first.positions)
    interval = _Interval(comparison, name, seeds, first, x)
    if interval.is_point:
        best = np.abs(table["score"].to_numpy()[:, None] - x).argmin(axis=1)
        table["spread"] = interval.error
    else:
        best = p.argmax(axis=1)
        table["spread"] = to_numpy(spread(p, positions=x))
    table["class"] = [first.classes[k] for k in best]
    table["low"], table["high"] = interval.ends(p, table["score"].to_numpy())
    table[columns] = p
    table = table.set_axis(kept, axis=0).reindex(range(len(names)))
    table["input"] = names
    table["note"] = [remarks.get(place, "") for place in range(len(names))]
    several = f"the mean of {len(seeds)} networks of {name}" if len(seeds) > 1 else name
    unit = facts["data"]["unit"] or (
        "class steps, 0 for the lowest class" if first.positions is None else "that of positions"
    )
    notes.append(f"predicted by {several}; score, spread, low and high are in the unit: {unit}")
    notes.append(
        f"90 % intervals hold {100 * interval.coverage:.0f} % of the {interval.count:,} labels of "
        "the test splits, each under a network that had not seen it"
    )
    if interval.coverage < LEVEL - 0.05:
        notes.append("intervals are too narrow: take them for less than 90 %")
    if unread := len(names) - len(kept):
        notes.append(f"{unread} of {len(names)} inputs could not be read")
    odd = sum(1 for place in kept if place in remarks)
    if odd:
        notes.append(f"{odd} of {len(names)} inputs are unlike the training data; see note")
    return Scores(table, name, interval.coverage, tuple(notes))


def _read_inputs(inputs, facts, run):
    """Return inputs for runs, names of all that came, place -> why one was not read, or is odd."""
    options = facts["source"]["options"] if facts["source"] else {}
    if run.preparation is not None or run.features is not None:
        frame, _ = read_frame(inputs, "inputs")
        return frame, frame.index.tolist(), {}, {}
    if not isinstance(inputs, (list, tuple)) and is_path(inputs):
        path = Path(inputs).expanduser()
        if path.suffix.lower() == ".npz":
            arrays, _ = read_arrays(path)
            used = [one for one in options.values() if isinstance(one, str)]
            features = options.get("features")
            inputs = arrays[array_of_inputs(arrays, path.name, features, used)]
    shape = tuple(facts["shape"])
    if is_pandas(inputs, "DataFrame") or not is_path(inputs):
        unlike = {}
        if len(shape) == 3 and (facts["backbone"] or run.dtype == torch.uint8):
            inputs, unlike = _as_images(inputs, shape, bool(facts["backbone"]))
        if facts["backbone"]:
            inputs = _features(inputs, facts)
        given, _ = run.read_inputs(inputs)
        return given, list(range(len(given))), {}, unlike
    if len(shape) != 3:
        raise ValueError(
            "inputs must be arrays, as what was compared on: an .npz file, or an array; got "
            f"{str(inputs)!r}"
        )
    return *_images(inputs, shape, run, facts), {}


def _images(inputs, shape, run, facts):
    """Read images of a folder, a zip file, a table of their paths, or a list of paths."""
    names, remarks = None, {}
    path = inputs if isinstance(inputs, (list, tuple)) else Path(inputs).expanduser()
    if isinstance(path, Path) and path.suffix.lower() in (".csv", ".tsv", ".txt", ".xlsx"):
        frame, name = read_frame(path)
        column = column_of_images(path)
        if column is None:
            raise ValueError(
                f"inputs must be images, and {name} has no column of names of image files"
            )
        names = [str(one) for one in frame[column]]
        path = [path.parent / one for one in names]
    if isinstance(path, list | tuple):
        names = names or [str(one) for one in path]
        remarks = {k: "no such file" for k, one in enumerate(path) if not Path(one).is_file()}
        path = [one for k, one in enumerate(path) if k not in remarks]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the note of each row says it
        images, files, kept = read_images(path, shape, run.decoding)
    there = [place for place in range(len(names or files)) if place not in remarks]
    unread = set(range(len(files))) - set(kept)
    remarks |= {there[k]: "cannot be read as an image" for k in unread}
    return _features(images, facts), names or files, remarks


def _as_images(inputs, shape, resized):
    """Return an array as images, channels first, and place -> what is unlike those of ``shape``.

    Those of another size are refused unless they are ``resized`` afterwards.
    """
    images = inputs if isinstance(inputs, torch.Tensor) else torch.from_numpy(to_numpy(inputs))
    if images.dtype == torch.uint8:
        images, _ = as_images(images)
    same = tuple(images.shape[2:]) == shape[1:]
    fits = images.ndim == 4 and images.dtype == torch.uint8 and images.shape[1] == shape[0]
    if not fits or not (same or resized):
        advice = "; pixels are whole numbers from 0 to 255" * images.is_floating_point()
        advice = "; resize them, as those that were compared on" if fits else advice
        raise ValueError(
            f"inputs must be images, uint8 of shape (N, {', '.join(map(str, shape))}), "
            f"got {images.dtype} of shape {tuple(images.shape)}{advice}"
        )
    if same:
        return images, {}
    here, there = (f"{height} × {width}" for height, width in (images.shape[2:], shape[1:]))
    why = f"of {here} pixels, and what was compared on of {there}"
    return images, dict.fromkeys(range(len(images)), why)


def _features(images, facts):
    """Return the features of images, where a frozen network computes them."""
    if not facts["backbone"]:
        return images
    labels = torch.zeros(len(images), dtype=torch.int64)
    data = OrderedData("new", images, labels, facts["data"]["classes"], {})
    return with_features(data, facts["backbone"], cache=False).inputs


def _beyond(inputs, ranges):
    """Return place -> numbers that lie beyond those compared on, by over a tenth of their range."""
    x = np.asarray(inputs, np.float64)
    low, high = np.array(ranges["low"]), np.array(ranges["high"])
    more = (high - low) / 10
    beyond, remarks = (x < low - more) | (x > high + more), {}
    for place in np.flatnonzero(beyond.sum(axis=1) > MANY * x.shape[1]).tolist():
        first, *others = np.flatnonzero(beyond[place]).tolist()
        words = f"below {low[first]:.6g}, the least"
        if x[place, first] > high[first]:
            words = f"above {high[first]:.6g}, the most"
        remarks[place] = f"input {first} {x[place, first]:.6g} is {words} in what was compared on"
        if others:
            remarks[place] += f"; so are {len(others)} other inputs"
    return remarks


def _unlike(runs, frame):
    """Return place -> what more than half of the training splits lacked."""
    counts = {}
    for run in runs:
        for row, column, why in run.preparation.unlike(frame).itertuples(index=False):
            counts.setdefault((row, column), []).append(why)
    remarks = {}
    for (row, column), found in counts.items():
        if 2 * len(found) > len(runs):
            remarks.setdefault(row, []).append(f"{column} {found[0]}")
    return {row: "; ".join(parts) for row, parts in remarks.items()}


class _Interval:
    """Intervals whose width is learned from the validation splits.

    ``coverage`` is that of the ``count`` labels of the test splits, ``error`` the root mean square
    error of the score on validation.
    """

    def __init__(self, comparison, loss, seeds, run, positions):
        self.positions, self.is_point = positions, run.loss.is_point
        found = [comparison.predictions(loss, seed) for seed in seeds]
        valid, test = (
            np.concatenate([self._distances(one[split], run) for one in found])
            for split in ("valid", "test")
        )
        place = math.ceil((len(valid) + 1) * LEVEL) - 1
        self.reach = np.sort(valid)[place] if place < len(valid) else math.inf
        self.coverage, self.count = float(np.mean(test <= self.reach)), len(test)
        self.error = math.sqrt(np.mean(valid**2)) if self.is_point else None

    def _distances(self, predicted, run):
        """Return how far each label is from the middle of its prediction, shape (N,)."""
        rows, labels = np.arange(len(predicted["labels"])), predicted["labels"]
        if self.is_point:
            point = (torch.from_numpy(predicted[kind]) for kind in ("classes", "outputs"))
            score = run.read_point(*point).to_frame()["score"].to_numpy()
            return np.abs(score - self.positions[labels])
        return _distances(predicted["probabilities"])[rows, labels]

    def ends(self, p, score):
        """Return the least and the greatest position in the interval of each prediction."""
        if self.is_point:
            low, high = score - self.reach, score + self.reach
            return low.clip(*self.positions[[0, -1]]), high.clip(*self.positions[[0, -1]])
        held = _distances(p) <= self.reach
        return self.positions[held.argmax(axis=1)], self.positions[
            held.shape[1] - 1 - held[:, ::-1].argmax(axis=1)
        ]


def _distances(p):
    """Return max(0, 1 − 2 F(k), 2 F(k − 1) − 1) for each class k, shape (N, C).

    Examples
    --------
    >>> _distances(np.array([[0.25, 0.5, 0.25]])).tolist()
    [[0.5, 0.0, 0.5]]
    """
    cdf = np.cumsum(np.asarray(p, np.float64), axis=1)
    below = np.concatenate([np.zeros((len(cdf), 1)), cdf[:, :-1]], axis=1)
    return np.maximum(0, np.maximum(1 - 2 * cdf, 2 * below - 1))
