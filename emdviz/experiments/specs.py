"""What a run is: everything that decides its result, and an id made from that."""

import dataclasses
import functools
import hashlib
import inspect
import json
import os
import re
from dataclasses import dataclass, field

from emdviz.datasets import DATASETS
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
    image and its mirror image are printed there. Epochs, batch size and weight decay are not,
    and are those of ``TrainConfig`` unless changed. For networks that want crops of 227 px, add
    ``crop=227``.

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
        sorted pairs. Values are texts, paths, numbers, True, False, None, or lists of these. A
        path counts as it is written, so write the whole path.
    fold : int, optional
        The fold that is the test set, for a data set that has folds.
    network : str or callable
        A name in ``models.MODELS`` or of a library, such as ``"torchvision:resnet18"``, or a
        function of the number of outputs that makes a network, or its import path, such as
        ``"mine.net"``, or its file, such as ``"mine.py:net"``; see ``models.build``. Kept as text.
    weights : str or path, optional
        Where the network's first weights come from, as its function in ``models`` takes them.
    loss : str, callable or losses.Loss
        The name of a loss, or the function, class or Loss of a module, or its import path, such
        as ``"mine.my_loss"``; kept as the path.
    loss_options : mapping, or (name, value) pairs
        Options of the loss, such as ``{"lam": 10.0}`` for AEMD, or ``{"weight": "balanced"}``.
        Arrays are kept as lists.
    config : training.TrainConfig
        Its seed is the run's seed. Its device does not count: it decides how soon, not what.

    Raises
    ------
    ValueError, TypeError
        If a name or an option does not exist; with the choices. If other processes could not
        find a loss or a network, such as a lambda; with what to do.

    Notes
    -----
    Two specs are equal if their ids are. An option of the configuration that is off (None or
    False) does not count, so that ids stay when new options come.

    Examples
    --------
    >>> spec = RunSpec("synthetic_faces", {"n": 200, "size": 32}, loss="EMD2")
    >>> spec.id
    'synthetic_faces-small_cnn-EMD2-979df829b5776c9d'
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
        self._check_dataset()
        options = {k: value for k, value in self.loss_options if k != "weight"}
        try:
            as_loss(self.loss).make(2, 1, **options)
        except TypeError as error:
            raise ValueError(f"loss_options of {self.loss}: {error}") from None
        except Exception:  # options may be for another number of classes; a run tries them
            pass

    @functools.cached_property
    def id(self):
        """A short text that is the same in every process; made of what may stand in a file name."""
        return identify(self.to_dict())

    def __eq__(self, other):
        return self.id == other.id if isinstance(other, RunSpec) else NotImplemented

    def __hash__(self):
        return hash(self.id)

    def to_dict(self):
        """Return the spec in the types of JSON; equal specs give equal texts."""
        config = dataclasses.asdict(self.config)
        del config["device"]
        facts = {
            "dataset": self.dataset,
            "dataset_options": dict(self.dataset_options),
            "fold": self.fold,
            "network": self.network,
            "weights": self.weights,
            "loss": self.loss,
            "loss_options": dict(self.loss_options),
            "config": {name: plain(name, value) for name, value in config.items()},
        }
        return _whole_numbers(facts)

    @classmethod
    def from_dict(cls, facts):
        """Return the spec that :meth:`to_dict` described."""
        return cls(**(facts | {"config": TrainConfig(**facts["config"])}))

    def load(self):
        """Return the data set: its fold, with its options."""
        fold = {} if self.fold is None else {"fold": self.fold}
        return DATASETS[self.dataset](**dict(self.dataset_options), **fold)

    def _check_dataset(self):
        parameters = dict(inspect.signature(DATASETS[self.dataset]).parameters)
        if "fold" in parameters:
            del parameters["fold"]
        elif self.fold is not None:
            raise ValueError(f"fold must be None: {self.dataset} has no folds, got {self.fold!r}")
        object.__setattr__(self, "fold", plain("fold", self.fold))
        given = dict(self.dataset_options)
        needed = {name for name, one in parameters.items() if one.default is one.empty}
        if given.keys() - parameters.keys() or needed - given.keys():
            need = f" and have {sorted(needed)}" if needed else ""
            message = (
                f"dataset_options of {self.dataset} must be among {sorted(parameters)}{need}, "
                f"got {sorted(given)}"
            )
            lacking = min(needed - given.keys(), default="")
            raise ArgumentError(message, "dataset_options", parameters, given, lacking)


def identify(facts):
    """Return the id of the run that :meth:`RunSpec.to_dict` described.

    Examples
    --------
    >>> spec = RunSpec("digits", loss="XE")
    >>> identify(json.loads(json.dumps(spec.to_dict()))) == spec.id
    True
    """
    counted = _counted(facts) | {"config": _counted(facts["config"])}
    text = json.dumps(counted, sort_keys=True, allow_nan=False)
    digest = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
    fold = [] if facts["fold"] is None else [f"f{facts['fold']}"]
    network, loss = (re.sub(r"\W", "_", facts[name]) for name in ("network", "loss"))
    return "-".join([facts["dataset"], *fold, network, loss, digest])


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
