"""Train with several losses under equal conditions."""

import hashlib
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby
from numbers import Real
from pathlib import Path

import torch

from emdviz.models import MODELS
from emdviz.reading import check_is
from emdviz.training.config import choose_device, read_config
from emdviz.training.evaluation import find_loss, measure, read_losses
from emdviz.training.loop import Data, Run, epochs_of
from emdviz.training.together import train_together

_FACTS = ("loss", "seed", "learning_rate", "seconds", "valid RPS", "error")


def compare_losses(
    dataset,
    losses: Sequence[str] = ("XE", "REG", "EMD2", "EMD"),
    *,
    seeds: Sequence[int] = (0,),
    config=None,
    model="small_cnn",
    weights=None,
    learning_rates=None,
    loss_options=None,
    folder=None,
    together=None,
    on_epoch=None,
):
    """Train with each loss from the same weights on the same batches, and test each network.

    Parameters
    ----------
    dataset : datasets.OrderedData
    losses : sequence of str
        Names in ``losses.LOSSES``.
    seeds : sequence of int
        One run per loss and seed; a seed decides first weights, batches and their changes.
    config : TrainConfig, optional
        Its seed is replaced by each of ``seeds``.
    model : str
        A name in ``models.MODELS``.
    weights : str or Path, optional
        Where the networks start from; see :func:`models.make`.
    learning_rates : dict of str to float, optional
        A learning rate of its own for some losses.
    loss_options : dict of str to dict, optional
        Options for some losses, such as ``{"AEMD": {"lam": 10.0}}``.
    folder : str or Path, optional
        Where to keep every run, in a folder of its own, so that a second call goes on where the
        first was stopped; see :func:`fit`.
    together : bool, optional
        Train all seeds, and all losses with equal numbers of outputs, as one stacked network
        (but for losses that learn from features and networks with dropout):
        on a GPU, which a small network leaves idle, several times as fast, and equal up to
        rounding. By default on a GPU and not on a CPU, where it gains nothing.
    on_epoch : callable, optional
        Called as ``on_epoch(loss, seed, epoch)`` after every epoch.

    Returns
    -------
    pandas.DataFrame
        A row per loss and seed: ``loss``, ``seed``, ``learning_rate``, ``seconds``,
        ``valid RPS``, by which learning rates can be chosen without looking at the test split,
        ``error``, and then the metrics of the test split after the last epoch. A run that
        could not be finished has no numbers and says why in ``error``; else that is empty.

    Raises
    ------
    ValueError, TypeError
        If a loss, an option or the configuration is not as above; before anything is trained.

    Warns
    -----
    UserWarning
        If a run could not be finished because its loss was no longer finite, or for lack of
        memory; the others go on.
    """
    import pandas as pd

    losses, config = read_losses(losses), read_config(config)
    check_is(seeds, "seeds", Iterable, "a list of whole numbers, such as range(5)")
    for loss in (*(learning_rates or ()), *(loss_options or ())):
        find_loss(loss)  # a name that is none would change nothing, without a word
    data = Data(dataset, choose_device(config.device))
    options = {
        "model": model,
        "weights": weights,
        "learning_rates": learning_rates,
        "loss_options": loss_options,
        "folder": folder,
    }
    jobs = [
        _job(data, loss, replace(config, seed=seed), **options) for seed in seeds for loss in losses
    ]
    if data.device.type == "cuda" if together is None else together:
        outcomes = _side_by_side(jobs, on_epoch)
    else:
        outcomes = {key: _alone(make(), key, on_epoch) for key, make in jobs}
    table = pd.DataFrame([_row(outcomes[key], dataset) for key, _ in jobs])
    return table.reindex(columns=[*_FACTS, *(c for c in table.columns if c not in _FACTS)])


def make_run(
    data,
    loss,
    config,
    *,
    model="small_cnn",
    weights=None,
    learning_rates=None,
    loss_options=None,
    folder=None,
    probe=None,
):
    """Make the run of one loss; what is not said here is as in :func:`compare_losses`.

    Parameters
    ----------
    data : loop.Data
    config : TrainConfig
        Its seed decides the first weights as well.
    probe : uint8 tensor, shape (N, 3, H, W), optional
        See :func:`fit`.

    Returns
    -------
    loop.Run
    """
    if model not in MODELS:
        raise ValueError(f"model must be one of {sorted(MODELS)}, got {model!r}")
    rate = (learning_rates or {}).get(loss, config.learning_rate)
    config = replace(config, learning_rate=rate)
    extra = (loss_options or {}).get(loss, {})
    start = [] if weights is None else [Path(weights).stem]
    options = [f"{k}{_spell(v)}" for k, v in extra.items()]
    name = "-".join([loss, *options, model, *start, f"{rate:g}"])
    place = None if folder is None else f"{folder}/{name}-{config.seed}"
    outputs = find_loss(loss).num_outputs(data.num_classes)
    network = MODELS[model](outputs, seed=config.seed, weights=weights)
    return Run(network, loss, data, config, probe=probe, folder=place, loss_options=extra)


def _spell(value):
    """Return the value of an option as a part of a folder's name."""
    if isinstance(value, Real):
        return f"{value:g}"
    return hashlib.blake2b(repr(value).encode(), digest_size=4).hexdigest()


def _job(data, loss, config, **options):
    """Return what names a run, and a function that makes it."""
    extra = (options["loss_options"] or {}).get(loss, {})
    find_loss(loss).make(data.num_classes, 1, **extra)  # what is wrong is told before any training
    return (loss, config.seed), lambda: make_run(data, loss, config, **options)


def _alone(run, key, on_epoch):
    """Train a run to its end; return it, and why it could not be finished or None."""
    try:
        for epoch in epochs_of(run):
            _tell(on_epoch, key, epoch)
    except (FloatingPointError, MemoryError) as error:
        return run, _warn(key, error)
    return run, None


def _side_by_side(jobs, on_epoch):
    """Train all runs at once; return key -> (run, why it could not be finished or None)."""
    members = [(key, make()) for key, make in jobs]
    keys = {id(run): key for key, run in members}
    outcomes = {key: (run, None) for key, run in members}
    alone = [(key, run) for key, run in members if not run.stacks]
    outcomes |= {key: _alone(run, key, on_epoch) for key, run in alone}
    stacked = [run for _, run in members if run.stacks]
    for _, group in groupby(sorted(stacked, key=_width), key=_width):
        group = list(group)
        try:
            for results in train_together(group):
                for run, result in results:
                    if isinstance(result, Exception):
                        outcomes[keys[id(run)]] = run, _warn(keys[id(run)], result)
                    else:
                        _tell(on_epoch, keys[id(run)], result)
        except torch.OutOfMemoryError:
            warnings.warn(
                f"{len(group)} networks do not fit on {group[0].data.device} together; "
                "they are trained one by one",
                stacklevel=3,
            )
            for run in group:
                outcomes[keys[id(run)]] = _alone(run, keys[id(run)], on_epoch)
    return outcomes


def _width(run):
    return run.spec.num_outputs(run.data.num_classes)


def _tell(on_epoch, key, epoch):
    if on_epoch is not None:
        on_epoch(*key, epoch)


def _warn(key, error):
    warnings.warn(f"{key[0]} with seed {key[1]} stopped: {error}", stacklevel=4)
    return str(error)


def _row(outcome, dataset):
    run, error = outcome
    config = run.config
    facts = {"loss": run.loss, "seed": config.seed, "learning_rate": config.learning_rate}
    if error is not None:
        return facts | {"error": error}
    last = run.epochs[-1]
    test, num_classes = dataset.split("test"), len(dataset.classes)
    predicted = run.predict(test.images)
    facts |= {"seconds": last.seconds, "valid RPS": last.metrics["RPS"], "error": ""}
    return facts | measure(predicted, test, num_classes)
