"""Train with several losses under equal conditions."""

import dataclasses
import math
import platform
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from itertools import groupby
from numbers import Real
from pathlib import Path

import torch

from emdviz.losses.loss import COMPARED, remember
from emdviz.models.building import name_of
from emdviz.reading import check_is, read_count, read_flag, read_path, shown
from emdviz.training.at_once import can_train_at_once, train_at_once, width_of
from emdviz.training.config import choose_device, read_config
from emdviz.training.criterion import make_criterion, read_losses, read_options
from emdviz.training.data import TrainingData
from emdviz.training.kept import RESULT, pack_result, pack_run
from emdviz.training.provenance import describe_origin, digest
from emdviz.training.results import SPLITS, make_row, make_table, plain
from emdviz.training.run import Run, is_lack_of_memory
from emdviz.training.together import arrange, can_be_stacked, train_together
from emdviz.writing import write_whole

AT_ONCE = 8 * 2**20
"""Bytes of weights that a CPU trains side by side: more would not lie in its caches."""


class RunStopped(UserWarning):
    """A run could not be finished; the others go on."""


def compare_losses(
    dataset,
    losses: Sequence[str] = COMPARED,
    *,
    seeds: Sequence[int] = (0,),
    resplit=False,
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
    losses : sequence
        Names of losses, functions (outputs, targets), Modules, or others that
        :func:`losses.as_loss` takes; each is tried on a small batch first.
    seeds : sequence of int
        All different; one run per loss and seed. A seed decides first weights, batches and their
        changes.
    resplit : bool
        Whether every seed draws its own training, validation and test split, as
        ``OrderedData.resplit`` does: differences then tell of the losses, and not of one test set.
    config : TrainConfig, optional
        Its seed is replaced by each of ``seeds``.
    model : str or callable
        A name in ``models.MODELS`` or of a library, such as ``"torchvision:resnet18"``, or a
        function of the number of outputs that makes a network, such as
        ``lambda outputs: Net(outputs)``; see ``models.build``.
    weights : str or Path, optional
        Where the networks start from; see :func:`models.build`.
    learning_rates : dict of str to float, optional
        A learning rate of its own for some losses; or several, with a run for each, among which
        ``experiments.select`` chooses. :func:`choose_rates` looks for them.
    loss_options : dict of str to dict, optional
        Options for some losses, such as ``{"AEMD": {"lam": 10.0}}``.
    folder : str or Path, optional
        Where to keep every run, in a folder of its own, so that a second call goes on where the
        first was stopped; see :func:`fit`. :func:`load_run` gives the network of a finished one
        back, and :func:`paired_differences` reads its predictions.
    together : bool, optional
        Train networks side by side: the same up to rounding, and several times as fast where one
        would leave the processor idle. That is so for ``"linear"`` and ``"mlp"`` everywhere,
        whose runs share products of matrices, and for any network on a GPU, as one stack of all
        seeds and all losses with equal numbers of outputs; both are the default. Losses that
        learn from features and networks with dropout are trained alone in any case. On a CPU
        several runs of ``"small_cnn"`` with losses of this package train at once, a thread each.
    on_epoch : callable, optional
        Called as ``on_epoch(loss, seed, epoch)`` after every epoch.

    Returns
    -------
    pandas.DataFrame
        A row per loss and seed, in the columns of :mod:`training.results`; the metrics are those
        after the last epoch. A run that could not be finished has no numbers and says why in
        ``error``, which is empty for the others. :func:`summarise`,
        :func:`paired_differences` and ``experiments.select`` take it.

    Raises
    ------
    ValueError, TypeError
        If a loss, an option or the configuration is not as above; before anything is trained.

    Warns
    -----
    RunStopped
        If a run could not be finished because its loss was no longer finite, or for lack of
        memory; the others go on.
    """
    seeds = read_seeds(seeds)
    if together is not None:
        read_flag(together, "together")
    if not (on_epoch is None or callable(on_epoch)):
        raise TypeError(f"on_epoch must be a function (loss, seed, epoch), got {shown(on_epoch)}")
    plan = plan_runs(
        dataset, losses, seeds, config, model=model, weights=weights, folder=folder,
        learning_rates=learning_rates, loss_options=loss_options,
        resplit=read_flag(resplit, "resplit"),
    )  # fmt: skip
    return make_table(train_rows(plan, model, weights, config, together, on_epoch, resplit))


def read_seeds(seeds):
    """Return seeds as a list, or say what is wrong with them."""
    check_is(seeds, "seeds", Iterable, "a list of whole numbers, such as range(5)")
    seeds = [read_count(seed, "seeds") for seed in seeds]
    if not seeds:
        raise ValueError("seeds must hold at least one whole number, got none; pass range(5)")
    if len(set(seeds)) < len(seeds):
        raise ValueError(f"seeds must be different whole numbers, got {shown(seeds)}")
    return seeds


def make_runs(dataset, losses, config=None, **options):
    """Return a run for each loss, from the same first weights and over the same batches.

    The arguments are those of :func:`compare_losses`, and ``probe`` as for :class:`Run`. Last
    layers with different numbers of outputs, as that of REG, start from different weights.

    Examples
    --------
    >>> from emdviz import datasets
    >>> faces = datasets.load("synthetic_faces", n=64, size=32)
    >>> list(make_runs(faces, ["XE", "EMD2"]))
    ['XE', 'EMD2']
    """
    seeds = [read_config(config).seed]
    plan = plan_runs(dataset, losses, seeds, config, **options)
    return {loss: make() for (loss, *_), make in plan.items()}


def plan_runs(
    dataset,
    losses,
    seeds,
    config,
    *,
    model="small_cnn",
    weights=None,
    learning_rates=None,
    loss_options=None,
    folder=None,
    probe=None,
    resplit=False,
):
    """Return (loss, seed, rate) -> a function that makes the run, or tell what is wrong."""
    losses, config = read_losses(losses), read_config(config)
    folder = None if folder is None else read_path(folder, "folder", "the folder of the runs")
    learning_rates, loss_options = learning_rates or {}, loss_options or {}
    for name, given, example in (
        ("learning_rates", learning_rates, {"XE": 0.1}),
        ("loss_options", loss_options, {"AEMD": {"lam": 10.0}}),
    ):
        check_is(given, name, Mapping, f"a dict such as {example}")
        if unknown := sorted(set(given) - set(losses)):
            raise ValueError(f"{name} must be for some of {list(losses)}, got {unknown}")
    for name, options in loss_options.items():
        check_is(options, f"loss_options[{name!r}]", Mapping, "a dict of options")
    rates_of = {name: _listed(learning_rates.get(name, config.learning_rate)) for name in losses}
    if wrong := [name for name, rates in rates_of.items() if not rates]:
        raise ValueError(
            f"learning_rates[{wrong[0]!r}] must be a learning rate or several, such as "
            f"[0.03, 0.1], got {shown(learning_rates[wrong[0]])}"
        )
    if isinstance(model, torch.nn.Module):
        raise TypeError(
            "model must be a name or a function, since each loss trains a network of its own; "
            f"pass lambda outputs: {type(model).__name__}(…), got a Module"
        )
    data, plan = TrainingData(dataset, config.device), {}
    at_once = can_train_at_once(model, losses.values(), data.device)
    for name, loss in losses.items():  # what does not fit is refused before anything is trained
        options = read_options(loss_options.get(name), data, config.targets)
        if loss.uses_features:
            loss.make(data.num_classes, 1, **options)
        else:
            make_criterion(loss, options, data, config.targets)
        remember(loss)
    for seed in seeds:
        own = TrainingData(dataset.resplit(seed), config.device) if resplit else data
        if at_once:
            own.train_at_once()
        for name, loss in losses.items():
            options = loss_options.get(name, {})
            for rate in rates_of[name]:
                one = replace(config, seed=seed, learning_rate=rate)
                place = _name(name, options, model, weights, one, resplit)
                place = None if folder is None else folder / place
                plan[name, seed, rate] = partial(
                    Run, model, loss, own, one,
                    weights=weights, probe=probe, folder=place, loss_options=options,
                )  # fmt: skip
    return plan


def _listed(rates):
    """Return a learning rate, or several, as a list; an empty one if they are something else."""
    if isinstance(rates, Real):
        return [rates]
    return list(rates) if isinstance(rates, Iterable) and not isinstance(rates, str) else []


def _name(loss, options, model, weights, config, resplit):
    """Return the name of a run's folder."""
    start = [] if weights is None else [Path(weights).stem]
    options = [f"{key}{_spell(value)}" for key, value in options.items()]
    if config.targets is not None:
        options.append(config.targets)
    split = ["resplit"] if resplit else []
    rate = f"{config.learning_rate:g}"
    network = re.sub(r"[^\w.]", "_", name_of(model))
    loss = re.sub(r"[^\w.]", "_", loss)
    return "-".join([loss, *options, network, *start, *split, rate, str(config.seed)])


def _spell(value):
    """Return the value of an option as a part of a folder's name."""
    if isinstance(value, Real):
        return f"{value:g}"
    return digest([plain("option", value)], size=4)


def train_rows(plan, model, weights, config, together, on_epoch, resplit, splits=SPLITS):
    """Train all runs of a plan; return their rows in its order."""
    with closing(_train(plan, model, config, together, on_epoch)) as trained:
        return [_row(run, error, model, weights, resplit, splits) for run, error in trained]


def _train(plan, model, config, together, on_epoch):
    """Train all runs of a plan; yield each, and why it could not be finished or None."""
    device = choose_device(read_config(config).device)
    if together is None:
        together = device.type == "cuda" or (model in ("linear", "mlp") and len(plan) > 1)
    if not together:  # one network at a time is in memory, unless they are small
        keys, makes = list(plan), list(plan.values())
        # the first run is made to see whether others can train beside it, and then handed over
        ready = [make() for make in makes[:1]]
        makes[:1] = [ready.pop] * len(ready)
        if (width := width_of(ready * len(makes))) > 1:
            yield from _at_once(keys, makes, width, on_epoch)
        else:
            for key, make in zip(keys, makes, strict=True):
                yield _alone(make(), key, on_epoch)
        return
    at_once = math.inf if device.type == "cuda" else AT_ONCE
    members, size = [], 0
    for _, seed in groupby(plan.items(), key=lambda item: item[0][1]):
        members += [(key, make()) for key, make in seed]
        size = sum(p.nbytes for _, run in members for p in run.model.parameters())
        if size >= at_once:
            yield from _side_by_side(members, on_epoch).values()
            members = []
    yield from _side_by_side(members, on_epoch).values()


def _at_once(keys, makes, width, on_epoch):
    """Train runs, ``width`` at a time; yield each, and why it could not be finished or None."""
    trained = train_at_once(makes, width, lambda place, epoch: _tell(on_epoch, keys[place], epoch))
    with closing(trained):
        for key, (run, error) in zip(keys, trained, strict=True):
            yield run, None if error is None else _warn(key, error)


def _alone(run, key, on_epoch):
    """Train a run to its end; return it, and why it could not be finished or None."""
    try:
        for epoch in run:
            _tell(on_epoch, key, epoch)
    except (FloatingPointError, MemoryError) as error:
        return run, _warn(key, error)
    return run, None


def _side_by_side(members, on_epoch):
    """Train all runs at once; return key -> (run, why it could not be finished or None)."""
    keys = {id(run): key for key, run in members}
    outcomes = {key: (run, None) for key, run in members}
    # finished runs only tell what they have done: others must not catch up with them one by one
    together = [
        run for _, run in members if can_be_stacked(run) and len(run.epochs) < run.config.epochs
    ]
    alone = [(key, run) for key, run in members if run not in together]
    outcomes |= {key: _alone(run, key, on_epoch) for key, run in alone}
    for stack in arrange(together):
        group = [run for runs in stack for run in runs]
        try:
            for results in train_together(stack):
                for run, result in results:
                    if isinstance(result, Exception):
                        outcomes[keys[id(run)]] = run, _warn(keys[id(run)], result)
                    else:
                        _tell(on_epoch, keys[id(run)], result)
        except (torch.OutOfMemoryError, RuntimeError) as error:
            if not is_lack_of_memory(error):
                raise
            warnings.warn(
                f"{len(group)} networks do not fit on {group[0].data.device} together; "
                "they are trained one by one",
                stacklevel=4,
            )
            for run in group:
                outcomes[keys[id(run)]] = _alone(run, keys[id(run)], on_epoch)
    return outcomes


def _tell(on_epoch, key, epoch):
    if on_epoch is not None:
        on_epoch(*key[:2], epoch)


def _warn(key, error):
    warnings.warn(f"{key[0]} with seed {key[1]} stopped: {error}", RunStopped, stacklevel=6)
    return str(error)


def _row(run, error, model, weights, resplit, splits):
    config = dataclasses.asdict(run.config)
    del config["device"]
    facts = {
        "dataset": run.data.dataset.name,
        "dataset_options": {"seed": run.config.seed} if resplit else {},
        "edition": None,
        "fold": None,
        "network": name_of(model),
        "weights": None if weights is None else str(weights),
        "loss": run.loss.name,
        "loss_options": run.given_options,
        "config": config,
    }
    identity = _name(run.loss.name, run.given_options, model, weights, run.config, resplit)
    outcome = {"origin": describe_origin(run)}
    if error is not None:
        return make_row(identity, facts, error=error, **outcome)
    last = run.epochs[-1]
    measured = {"valid": last.metrics}
    if "test" in splits and run.folder is None:
        measured["test"] = run.evaluate("test")[1]
    elif "test" in splits:
        measured["test"] = _keep(run, identity, facts)["test"]
    if run.folder is not None:
        run.folder.finish()
    now, host = datetime.now(UTC).isoformat(), platform.node()
    outcome |= {"metrics": measured, "seconds": last.seconds, "finished": now, "host": host}
    return make_row(identity, facts, **outcome)


def _keep(run, identity, facts):
    """Keep a finished run in its folder; return its metrics by split."""
    outcome, files = pack_run(run)
    for name, data in {**files, RESULT: pack_result(identity, facts, outcome)}.items():
        write_whole(run.folder.path / name, data)
    return outcome["metrics"]
