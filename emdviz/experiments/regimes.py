"""When does EMD² win? The regimes in which losses are compared, and the rules of comparison.

A regime is a data set, a network and a way to train it. :data:`REGIMES` varies one thing at a time
around a common middle; :func:`emdviz.experiments.mapping.run_regime` does the work.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch
from scipy.special import expit

from emdviz import datasets
from emdviz.datasets import OrderedData
from emdviz.losses.loss import CENTRAL, MAPPED
from emdviz.reading import read_choice, read_count, read_number
from emdviz.training import TrainConfig

__all__ = ["LOSSES_COMPARED", "REGIMES", "RULES", "Regime", "drawn_table"]

RULES = """\
Written on 29 November 2026, before any run.

1. Losses: XE, REG, EMD², EMD, XE + EMD², AEMD, XE + learned EMD², and the three of the zoo with the
   least mean rank in validation RPS on three tables outside the map: scikit-learn's diabetes in 5
   classes, and Friedman's first and second function (1,000 rows each) in 6; a linear layer, 16
   epochs, and rates chosen as below.
2. Learning rate, number of epochs, the weight of EMD² in XE + EMD² and the λ of AEMD are chosen for
   each loss and regime by the least mean RPS on the validation splits of seeds 1000, 1001 and 1002,
   which are not used again. The search starts from the rates 0.03, 0.1, 0.3 and 1, 16 epochs and
   weight or λ 1. Around the best, rates × and ÷ √10, epochs × and ÷ 4, and weight or λ × and ÷ √10
   are tried, until no neighbour is better by more than 0.1 %. Limits: rates 1e-5 to 100, at most
   64 epochs (256 with 100 and 300 rows), weight and λ 0.01 to 100. A choice at a limit is told.
3. Every seed from 0 on draws another split (of drawn tables another table), other first weights and
   other batches, the same for all losses. The test data of a seed is predicted once, after
   training with the choices above.
4. Differences are those to XE, seed by seed, with Student's t. Where all seeds split one table, the
   variance of the mean is multiplied by 1 + J n_test / n_train for J seeds, since the splits share
   rows (Nadeau and Bengio 2003). Tables are split into 80, 10 and 10 %, so that this ratio is 1/8;
   it is also taken where only some of the 80 % are trained on.
5. p values are adjusted by Holm for all comparisons of the map: all regimes, all losses, and RPS,
   MAE and AEM. A difference stands if its adjusted p is at most 0.05.
6. A loss wins in a regime if at least one of its three differences stands for it and none against
   it. It loses in the reverse case. Where some stand for it and some against it, the regime is
   mixed; where none stands, it is undecided.
7. Regimes that were tried and dropped are listed with the reason, as are those not run.

Changed on 29 November 2026, before any of its runs: "faces-scratch" had 6,300 faces and chose its
epochs, about 50 hours on a core; it has 1,000 faces, as its neighbours have, and 16 epochs.
"faces-scratch-plain" was added.
"""
"""What was settled before the runs; the page of results repeats it."""

ZOO_CHOSEN = ("COPOC", "OLL", "CONDOR")
"""The three losses of the zoo that rule 1 chose; scripts/zoo_rank.py writes all ranks, into
docs/results/zoo_rank.csv."""

LOSSES_COMPARED = (*MAPPED, *ZOO_CHOSEN)
"""The losses of the map, by name; the first is the one that the others are compared with."""

CHOICE_SEEDS = (1000, 1001, 1002)


@dataclass(frozen=True)
class Regime:
    """A data set, a network and a way to train it, in which losses are compared.

    Attributes
    ----------
    name : str
        Also the name of its file of results.
    varies : str
        What sets it apart from the middle, such as "labels": its heading in the map.
    words : str
        The regime in a few words.
    data : callable
        ``data(folder, seed)`` returns the data set as the seed draws or splits it.
    fresh : bool
        Whether each seed draws other rows; else all seeds split one table.
    network : str
        A name in ``models.MODELS``, or "efficientnet_lite0", pretrained and trained whole.
    config : training.TrainConfig
        Learning rate, epochs and seed are replaced.
    losses : sequence of str
    seeds : int
        How many; from 0.
    epochs : int, optional
        A fixed number; chosen if None.
    longest : int
        The most epochs that are tried.
    positions : sequence of float, optional
        Uneven positions of the classes, for RPS, MAE and the losses that take positions.
    needs : str, optional
        The file or folder in the folder of data that must be there.
    minutes : float
        What it takes, about, on one core.
    """

    name: str
    varies: str
    words: str
    data: Callable[[Path, int], OrderedData]
    fresh: bool = False
    network: str = "linear"
    config: TrainConfig = field(default_factory=lambda: TrainConfig(augmentation="none"))
    losses: tuple = LOSSES_COMPARED
    seeds: int = 20
    epochs: int | None = None
    longest: int = 64
    positions: tuple | None = None
    needs: str | None = None
    minutes: float = 2


def drawn_table(
    n, seed, *, classes=8, width=0.5, flips=0.0, tail=1.0, order=True, bent=False, test=1000
):
    """Draw a table whose label distributions are known.

    Ten independent standard normal features x. A score s = w·x, with w of length 1, is the
    position of a row; its label is the class in which s + width · ε falls, ε logistic with
    variance 1. Classes have equal shares, or shares in a geometric series.

    Parameters
    ----------
    n : int
        Rows to train on; a quarter as many, at least 100, are for validation.
    seed : int
        Not negative; decides the rows. w does not depend on it.
    classes : int
    width : float
        Standard deviation of the noise of the position.
    flips : float
        The share of labels that are replaced by a class at random, 0 to 1.
    tail : float
        The share of a class divided by that of the next.
    order : bool
        Whether the order of the classes is that of the score; else it is shuffled.
    bent : bool
        Whether the score is sin(2 w·x) + (v·x)² / 2 − 1/2 in place of w·x, with v ⟂ w.
    test : int
        Rows to test on.

    Returns
    -------
    OrderedData
        With ``true_distribution``.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Examples
    --------
    >>> data = drawn_table(100, 0, classes=3, test=50)
    >>> {name: len(rows) for name, rows in data.splits.items()}
    {'train': 100, 'valid': 100, 'test': 50}
    >>> data.true_distribution.shape
    torch.Size([250, 3])
    """
    n, test = read_count(n, "n", 2), read_count(test, "test", 1)
    classes = read_count(classes, "classes", 2)
    width = read_number(width, "width", "above 0", lambda x: 0 < x < np.inf)
    flips = read_number(flips, "flips", "from 0 to 1", lambda x: 0 <= x <= 1)
    tail = read_number(tail, "tail", "above 0", lambda x: 0 < x < np.inf)
    cuts = _cuts(classes, width, tail, bent)
    random = np.random.default_rng([seed, 20261129])
    sizes = {"train": n, "valid": max(100, n // 4), "test": test}
    rows = random.normal(size=(sum(sizes.values()), 10))
    scale = width * np.sqrt(3) / np.pi  # of the logistic distribution with this deviation
    below = expit((cuts - _score(rows, bent)[:, None]) / scale)
    edges = np.pad(below, ((0, 0), (1, 1)), constant_values=(0, 1))
    truth = (1 - flips) * np.diff(edges, axis=1) + flips / classes
    if not order:
        truth = truth[:, np.random.default_rng(2).permutation(classes)]
    labels = (random.random(len(rows))[:, None] > truth.cumsum(axis=1)[:, :-1]).sum(axis=1)
    ends = np.cumsum(list(sizes.values()))
    splits = {
        name: torch.arange(end - size, end)
        for (name, size), end in zip(sizes.items(), ends.tolist(), strict=True)
    }
    return OrderedData(
        "drawn_table",
        torch.from_numpy(rows).float(),
        torch.from_numpy(labels),
        [str(k) for k in range(classes)],
        splits,
        true_distribution=torch.from_numpy(truth),
        licence="drawn by the package",
    )


def _score(rows, bent):
    """Return the position of each row before the noise, by w and v of :func:`drawn_table`."""
    w, v = np.linalg.qr(np.random.default_rng(1).normal(size=(10, 2)))[0].T
    along, across = rows @ w, rows @ v
    return np.sin(2 * along) + across**2 / 2 - 0.5 if bent else along


@cache
def _cuts(classes, width, tail, bent):
    """Return the positions between the classes, shape (C − 1,), by a large sample."""
    random = np.random.default_rng(0)
    rows = random.normal(size=(200_000, 10))
    noisy = _score(rows, bent) + width * random.logistic(scale=np.sqrt(3) / np.pi, size=len(rows))
    shares = tail ** -np.arange(classes, dtype=float)
    return np.quantile(noisy, np.cumsum(shares / shares.sum())[:-1])


def _drawn(folder, seed, **options):
    return drawn_table(seed=seed, **{"n": 1000} | options)


def _table(folder, seed, *, file, label, lines=0):
    """Read a table of the folder, without its first ``lines`` of header, and split it anew."""
    return _read_table(Path(folder) / file, label, lines).resplit(seed)


@cache
def _read_table(path, label, lines):
    import pandas as pd

    if not lines:
        return datasets.load("table", path=path, label=label)
    frame = pd.read_csv(path, skiprows=lines, header=None)
    frame.columns = [*(f"in{k}" for k in range(1, frame.shape[1])), label]
    return datasets.load("table", path=frame, label=label)


@cache
def _read_digits():
    digits = datasets.load("digits", size=8)
    pixels = digits.inputs[:, 0].flatten(1).float()
    return datasets.from_arrays(
        pixels.numpy(), digits.labels.numpy(), classes=digits.classes, name="digits"
    )


def _digits(folder, seed):
    return _read_digits().resplit(seed)


def _faces(folder, seed, *, train=None, bins=None):
    """Return frozen features of the faces in the folder, split anew, with some rows to train on."""
    return _split_anew(_read_faces(Path(folder), bins), seed, train)


@cache
def _read_faces(folder, bins):
    faces = datasets.load("utkface", root=folder / "utkface", size=64, bins=bins)
    return datasets.with_features(faces, "efficientnet_lite0", size=96)


def _face_images(folder, seed, *, size, train):
    data = datasets.load("utkface", root=Path(folder) / "utkface", size=size)
    return _split_anew(data, seed, train)


def _split_anew(data, seed, train):
    """Split data by a seed, and keep so many of the training rows; None keeps all."""
    data = data.resplit(seed)
    if train is not None:
        rows = data.splits["train"]
        chosen = np.random.default_rng(seed).permutation(len(rows))[:train]
        data.splits["train"] = rows[torch.from_numpy(np.sort(chosen))]
    return data


_PLAIN = TrainConfig(augmentation="none")
_UNEVEN = (0, 1, 2, 4, 8, 16, 24, 32)


def _regime(name, varies, words, *, data, **given):
    """Return a regime; what is given and no field of it are options of its data."""
    known = {one.name for one in fields(Regime)}
    options = {key: value for key, value in given.items() if key not in known}
    own = {key: value for key, value in given.items() if key in known}
    return Regime(name, varies, words, partial(data, **options), **own)


def _table_regime(name, words, *, file, **given):
    return _regime(name, "kind of data", words, data=_table, needs=file, file=file, **given)


_drawn_regime = partial(_regime, data=_drawn, fresh=True)
_face_regime = partial(_regime, data=_faces, needs="utkface", seeds=10, minutes=15)
_image_regime = partial(
    _regime, data=_face_images, needs="utkface", train=1000, losses=CENTRAL, seeds=5
)
_scratch_regime = partial(_image_regime, size=48, network="small_cnn", epochs=16, minutes=20)

_ALL = (
    _drawn_regime("middle", "the middle", "1,000 drawn rows, 8 classes, linear layer"),
    _drawn_regime("rows-100", "amount of data", "100 rows", n=100, longest=256),
    _drawn_regime("rows-300", "amount of data", "300 rows", n=300, longest=256),
    _drawn_regime("rows-4000", "amount of data", "4,000 rows", n=4000, minutes=4),
    _drawn_regime("classes-3", "number of classes", "3 classes", classes=3),
    _drawn_regime("classes-20", "number of classes", "20 classes", classes=20),
    _drawn_regime("flips-10", "labels", "10 % of labels random", flips=0.1),
    _drawn_regime("flips-30", "labels", "30 % of labels random", flips=0.3),
    _drawn_regime("clear", "labels", "labels nearly certain", width=0.1),
    _drawn_regime("ambiguous", "labels", "labels wide apart", width=1.5),
    _drawn_regime("tail", "labels", "each class half as frequent", tail=2.0),
    _drawn_regime("uneven", "order", "uneven positions, known to losses", positions=_UNEVEN),
    _drawn_regime("no-order", "order", "order not in the features", order=False),
    _drawn_regime("bent", "network", "nonlinear truth, linear layer", bent=True),
    _drawn_regime(
        "bent-mlp", "network", "nonlinear truth, MLP", bent=True, network="mlp", minutes=4
    ),
    *(
        _drawn_regime(name, "training", words, bent=True, network="mlp", **given)
        for name, words, given in (
            ("mlp-4-epochs", "nonlinear truth, MLP, 4 epochs", {"epochs": 4, "minutes": 1}),
            ("mlp-256-epochs", "nonlinear truth, MLP, 256 epochs", {"epochs": 256, "minutes": 8}),
        )
    ),
    *(
        _drawn_regime(name, "training", words, config=replace(_PLAIN, **changes))
        for name, words, changes in (
            ("momentum-98", "momentum 0.98, the paper's", {"momentum": 0.98}),
            ("no-decay", "no weight decay", {"weight_decay": 0}),
            ("decay-100", "100 times the weight decay", {"weight_decay": 0.05}),
        )
    ),
    _table_regime("lev", "LEV: lecturers rated", file="lev.csv", label="rating"),
    _table_regime("swd", "SWD: risk to children", file="swd.csv", label="risk"),
    _table_regime("era", "ERA: applicants rated", file="era.csv", label="rating", lines=1),
    _table_regime(
        "esl", "ESL: applicants by a psychologist", file="esl.csv", label="rating", lines=1
    ),
    _table_regime(
        "wine", "red wines rated", file="winequality-red.csv", label="quality", minutes=3
    ),
    Regime("digits", "kind of data", "digits by pixels, linear layer", _digits, minutes=3),
    Regime(
        "digits-mlp", "kind of data", "digits by pixels, MLP", _digits, network="mlp", minutes=5
    ),
    _face_regime(
        "faces-300", "amount of data", "300 faces, frozen features", train=300, seeds=20, minutes=4
    ),
    _face_regime(
        "faces-1000", "amount of data", "1,000 faces, frozen features", train=1000, minutes=5
    ),
    _face_regime("faces-3000", "amount of data", "3,000 faces, frozen features", train=3000),
    _face_regime("faces", "kind of data", "6,300 faces, frozen features"),
    _face_regime(
        "faces-mlp", "network", "1,000 faces, frozen features, MLP", train=1000, network="mlp"
    ),
    _face_regime("faces-3-bins", "number of classes", "1,000 faces, 3 ages", train=1000, bins=3),
    _face_regime("faces-20-bins", "number of classes", "1,000 faces, 20 ages", train=1000, bins=20),
    _scratch_regime(
        "faces-scratch",
        "network",
        "1,000 faces of 48 px, small network from scratch",
        config=TrainConfig(),
    ),
    _scratch_regime(
        "faces-scratch-plain",
        "training",
        "1,000 faces, small network, images never mirrored",
        config=_PLAIN,
    ),
    _image_regime(
        "faces-tuned",
        "network",
        "1,000 faces of 64 px, EfficientNet-Lite0 tuned whole",
        size=64,
        network="efficientnet_lite0",
        config=TrainConfig(batch_size=32),
        epochs=4,
        minutes=160,
    ),
)

_HEADINGS = list(dict.fromkeys(regime.varies for regime in _ALL))

REGIMES = {one.name: one for one in sorted(_ALL, key=lambda one: _HEADINGS.index(one.varies))}
"""All regimes by name, in the order of the map."""


def find(name):
    """Return the regime of a name, or tell which there are."""
    return REGIMES[read_choice(name, "regime", REGIMES)]
