"""The specification of a run: everything that decides its result, and an id made from it."""

import copy
import dataclasses
import functools
import hashlib
import inspect
import json
import os
import re
from dataclasses import dataclass, field

from emdviz.datasets import DATASETS
from emdviz.experiments.editions import (
    FILES,
    PLACES,
    UNCOUNTED,
    edition_of,
    is_file,
    parameters_of,
    place_of,
    spell,
)
from emdviz.losses import LOSSES, as_loss, zoo
from emdviz.losses.wrapping import path_of
from emdviz.models import MODELS
from emdviz.models.building import path_of as network_path
from emdviz.reading import ArgumentError, check_is, read_choice
from emdviz.training import TrainConfig
from emdviz.training.results import plain

PAPER_RATES = tuple(float(f"{10 ** -(1.5 + i / 2):.6g}") for i in range(7))
"""The paper's seven learning rates, 10^-1.5 to 10^-4.5; in six digits, for powers differ in their
last digit from machine to machine, and so would the ids of runs."""

PAPER_LAMBDAS = (0.1, 1.0, 10.0)
"""The values of AEMD's λ among which the paper chooses."""


def paper_config(**changes):
    """Return the training configuration of the paper, with ``changes``.

    Momentum 0.98, random crop, flip, rotation, colour and aspect, and the mean prediction of an
    image and its mirror image are printed there. Epochs, batch size, weight decay and whether the
    learning rate falls are not, and are those of ``TrainConfig`` unless changed. For networks that
    want crops of 227 px, add ``crop=227``.

    Parameters
    ----------
    **changes
        Fields of ``training.TrainConfig``.

    Returns
    -------
    TrainConfig

    References
    ----------
    Hou, Yu, Samaras 2017, section 3.

    Examples
    --------
    >>> paper_config(learning_rate=PAPER_RATES[1]).momentum
    0.98
    """
    return TrainConfig(**({"momentum": 0.98, "augmentation": "paper", "mirror": True} | changes))


@dataclass(frozen=True, eq=False)
class RunSpec:
    """One training run: everything that decides its result.

    Attributes
    ----------
    dataset : str
        A name in ``datasets.DATASETS``.
    dataset_options : mapping, or (name, value) pairs
        Arguments of the data set, such as ``{"root": "data/adience", "size": 64}``; kept as
        sorted pairs. Values are texts, paths, numbers, True, False, None, or lists of these.
        Where the files lie does not count, and is kept as a whole path.
    fold : int, optional
        The fold that is the test set, for a data set that has folds.
    network : str or callable
        A name in ``models.MODELS`` or of a library, such as ``"torchvision:resnet18"``, or a
        function of the number of outputs that makes a network, or its import path, such as
        ``"mine.net"``, or its file, such as ``"mine.py:net"``; see ``models.build``. Kept as text.
    weights : str or path, optional
        Where the network's first weights come from, as its function in ``models`` takes them.
        Of a file its content counts.
    loss : str, callable or losses.Loss
        The name of a loss, or the function, class or Loss of a module, or its import path, such
        as ``"mine.my_loss"``; kept as the path.
    loss_options : mapping, or (name, value) pairs
        Options of the loss, such as ``{"lam": 10.0}`` for AEMD, or ``{"weight": "balanced"}``.
        Arrays are kept as lists.
    config : training.TrainConfig
        Its seed is the run's seed. Its device does not count: it changes the time, not the result.
    edition : str, optional
        Which files the data are: a name that you give, such as ``"clinic 2024"``, or by default
        a digest of them, made as the spec is, so that data that change are other data. Files
        that lie elsewhere only need a name. None for data that need no files.

    Raises
    ------
    ValueError, TypeError
        If a name or an option does not exist; with the choices. If other processes could not
        find a loss or a network, such as a lambda; with what to do.

    Notes
    -----
    Two specs are equal if their ids are. An id is made of the SHA-256 of what decides the result,
    with all defaults filled in: neither of where files lie, nor of the machine. An option that is
    off (None or False) does not count, so that ids stay when new options come.

    Examples
    --------
    >>> spec = RunSpec("synthetic_faces", {"n": 200, "size": 32}, loss="EMD2")
    >>> spec.id
    'synthetic_faces-small_cnn-EMD2-7f03bf31d3b979f3'
    >>> spec == RunSpec("synthetic_faces", {"size": 32, "n": 200}, loss="EMD2")
    True
    >>> RunSpec("digits", fold=1)
    Traceback (most recent call last):
    ValueError: fold must be None: digits has no folds, got 1
    """

    dataset: str
    dataset_options: tuple = ()
    fold: int | None = None
    network: str = "small_cnn"
    loss: str = "EMD2"
    loss_options: tuple = ()
    config: TrainConfig = field(default_factory=TrainConfig)
    weights: str | None = None
    edition: str | None = None

    def __post_init__(self):
        read_choice(self.dataset, "dataset", sorted(DATASETS))
        losses = [*LOSSES, *zoo.names()]
        for name, choices, find in (
            ("network", sorted(MODELS), network_path),
            ("loss", list(dict.fromkeys(losses)), path_of),
        ):
            value = getattr(self, name)
            if isinstance(value, str) and not {".", ":"} & set(value):
                read_choice(value, name, choices)
            object.__setattr__(self, name, find(value))
        if not isinstance(self.config, TrainConfig):
            raise TypeError(f"config must be a training.TrainConfig, got {self.config!r}")
        for name in ("dataset_options", "loss_options"):
            object.__setattr__(self, name, _freeze(name, getattr(self, name)))
        if self.weights is not None:
            check_is(self.weights, "weights", str | os.PathLike, "a name or a path")
            object.__setattr__(self, "weights", os.fspath(self.weights))
        if self.edition is not None:
            check_is(self.edition, "edition", str, "a name of the data, or None")
        self._check_dataset()
        self._find_files()
        options = {k: value for k, value in self.loss_options if k != "weight"}
        try:
            as_loss(self.loss).make(2, 1, **options)
        except TypeError as error:
            raise ValueError(f"loss_options of {self.loss}: {error}") from None
        except Exception:  # options may be for another number of classes; a run tries them
            pass
        object.__setattr__(self, "_facts", self._describe())

    @functools.cached_property
    def id(self):
        """A short text that is the same in every process; made of what may stand in a file name."""
        return identify(self.to_dict())

    def __eq__(self, other):
        return self.id == other.id if isinstance(other, RunSpec) else NotImplemented

    def __hash__(self):
        return hash(self.id)

    def to_dict(self):
        """Return what decides the result, in the types of JSON; equal specs give equal texts."""
        return copy.deepcopy(self._facts)

    @classmethod
    def from_dict(cls, facts):
        """Return the spec that :meth:`to_dict` described; its files need not be there."""
        return cls(**(facts | {"config": TrainConfig(**facts["config"])}))

    def load(self):
        """Return the data set: its fold, with its options.

        Raises
        ------
        FileNotFoundError
            If its files are not there.
        ValueError
            If they are not those that the run was specified for.
        """
        options = dict(self.dataset_options)
        fold = {} if self.fold is None else {"fold": self.fold}
        lacking = [name for name in _needed(self.dataset) - options.keys() if name in PLACES]
        if lacking:
            raise ValueError(
                f"where the files of {self.dataset} lie is not known; say so: replace(spec, "
                f"dataset_options={{**dict(spec.dataset_options), {lacking[0]!r}: '…'}})"
            )
        return DATASETS[self.dataset](**options, **fold)

    def check_files(self):
        """Raise a ValueError if the files here are not those that the run was specified for."""
        named = self.edition is not None and not self.edition.startswith("sha256:")
        found = dataclasses.replace(self, edition=self.edition if named else None)
        if found.id == self.id:
            return
        place = place_of(self.dataset, dict(self.dataset_options))
        if self.edition is None and found.edition is not None:
            raise ValueError(
                f"the files of {self.dataset} were not at {place} when the run was specified: "
                "make its spec where they are, or give them a name: RunSpec(…, edition='…')"
            )
        raise ValueError(
            f"files of {self.dataset} at {place}, or of first weights, are not those that the run "
            f"was specified for (then {self.edition}, now {found.edition}): put them back, or make "
            "its spec again"
        )

    def _check_dataset(self):
        parameters = parameters_of(self.dataset)
        has_folds = "fold" in inspect.signature(DATASETS[self.dataset]).parameters
        if self.fold is not None and not has_folds:
            raise ValueError(f"fold must be None: {self.dataset} has no folds, got {self.fold!r}")
        object.__setattr__(self, "fold", plain("fold", self.fold))
        given, needed = dict(self.dataset_options), _needed(self.dataset)
        if self.edition is not None:  # as of a run that is read from a store
            needed -= set(PLACES)
        if given.keys() - parameters.keys() or needed - given.keys():
            need = f" and have {sorted(needed)}" if needed else ""
            message = (
                f"dataset_options of {self.dataset} must be among {sorted(parameters)}{need}, "
                f"got {sorted(given)}"
            )
            lacking = min(needed - given.keys(), default="")
            raise ArgumentError(message, "dataset_options", parameters, given, lacking)

    def _find_files(self):
        """Make the edition, and whole paths of where the files lie: workers may run elsewhere."""
        options = dict(self.dataset_options)
        for name in (*PLACES, *FILES):
            value = options.get(name)
            if isinstance(value, str) and (name in PLACES or is_file(value)):
                options[name] = os.path.abspath(os.path.expanduser(options[name]))
        object.__setattr__(self, "dataset_options", tuple(sorted(options.items())))
        if self.edition is None:
            object.__setattr__(self, "edition", edition_of(self.dataset, options))

    def _describe(self):
        config = dataclasses.asdict(self.config)
        del config["device"]
        given = dict(self.dataset_options)
        defaults = {name: one.default for name, one in parameters_of(self.dataset).items()}
        options = _filled(given, defaults)
        for name in FILES:
            if name in options:
                options[name] = spell(options[name], place_of(self.dataset, given))
        loss = _filled(dict(self.loss_options), as_loss(self.loss).defaults())
        facts = {
            "dataset": self.dataset,
            "dataset_options": {k: v for k, v in options.items() if k not in UNCOUNTED},
            "edition": self.edition,
            "fold": self.fold,
            "network": self.network,
            "weights": spell(self.weights),
            "loss": self.loss,
            "loss_options": {k: v for k, v in loss.items() if (k, v) not in _OFF},
            "config": {name: plain(name, value) for name, value in config.items()},
        }
        return _whole_numbers(facts)


_OFF = (("ignore_index", -100), ("label_smoothing", 0), ("reduction", "mean"))
"""Options that torch gives every loss, where they do nothing."""


def identify(facts):
    """Return the id of the run that :meth:`RunSpec.to_dict` described.

    Examples
    --------
    >>> spec = RunSpec("digits", loss="XE")
    >>> identify(json.loads(json.dumps(spec.to_dict()))) == spec.id
    True
    """
    counted = _counted(facts) | {"config": _counted(facts["config"])}
    text = json.dumps(counted, sort_keys=True, separators=(",", ":"), allow_nan=False)
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    fold = [] if facts["fold"] is None else [f"f{facts['fold']}"]
    network, loss = (re.sub(r"\W", "_", facts[name]) for name in ("network", "loss"))
    return "-".join([facts["dataset"], *fold, network, loss, digest])


def _needed(dataset):
    return {name for name, one in parameters_of(dataset).items() if one.default is one.empty}


def _filled(given, defaults):
    """Return options with those that have a default, but without what is off by default."""
    filled = {}
    for name, value in (defaults | given).items():
        try:
            value = plain(name, value)
        except ValueError:  # a default that is no value, such as a function
            continue
        default = defaults.get(name, inspect.Parameter.empty)
        if not (default is None or default is False) or value is not default:
            filled[name] = value
    return filled


def _counted(facts):
    return {
        name: value for name, value in facts.items() if value is not None and value is not False
    }


def _whole_numbers(value):
    """Write 1.0 as 1 everywhere, since these are equal."""
    if isinstance(value, dict):
        return {name: _whole_numbers(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_whole_numbers(part) for part in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _freeze(name, options):
    try:
        options = dict(options)
    except (TypeError, ValueError):
        raise ValueError(
            f"{name} must be a mapping, or (name, value) pairs, got {options!r}"
        ) from None
    return tuple(sorted((str(k), plain(f"{name} {k}", value)) for k, value in options.items()))
