"""Train with several losses under equal conditions."""

import warnings
from collections.abc import Sequence
from dataclasses import replace

from emdviz.models import MODELS
from emdviz.training.config import TrainConfig
from emdviz.training.evaluation import find_loss, measure, predict
from emdviz.training.loop import fit

_FACTS = ("loss", "seed", "learning_rate", "seconds", "valid RPS", "error")


def compare_losses(
    dataset,
    losses: Sequence[str] = ("XE", "REG", "EMD2", "EMD"),
    *,
    seeds: Sequence[int] = (0,),
    config=None,
    model="small_cnn",
    learning_rates=None,
    folder=None,
    on_epoch=None,
):
    """Train with each loss from the same weights on the same batches, and test each network.

    Parameters
    ----------
    dataset : datasets.OrderedImages
    losses : sequence of str
        Names in ``losses.LOSSES``.
    seeds : sequence of int
        One run per loss and seed; a seed decides first weights, batches and their changes.
    config : TrainConfig, optional
        Its seed is replaced by each of ``seeds``.
    model : str
        A name in ``models.MODELS``.
    learning_rates : dict of str to float, optional
        A learning rate of its own for some losses.
    folder : str or Path, optional
        Where to keep every run, in a folder of its own, so that a second call goes on where the
        first was stopped; see :func:`fit`.
    on_epoch : callable, optional
        Called as ``on_epoch(loss, seed, epoch)`` after every epoch.

    Returns
    -------
    pandas.DataFrame
        A row per loss and seed: ``loss``, ``seed``, ``learning_rate``, ``seconds``,
        ``valid RPS``, by which learning rates can be chosen without looking at the test split,
        ``error``, and then the metrics of the test split after the last epoch. A run that
        could not be finished has no numbers and says why in ``error``; else that is empty.

    Warns
    -----
    UserWarning
        If a run could not be finished because its loss was no longer finite, or for lack of
        memory; the others go on.
    """
    import pandas as pd

    config = config or TrainConfig()
    learning_rates = learning_rates or {}
    rows = []
    for seed in seeds:
        for loss in losses:
            rate = learning_rates.get(loss, config.learning_rate)
            run = replace(config, seed=seed, learning_rate=rate)
            network = MODELS[model](find_loss(loss).num_outputs(len(dataset.classes)), seed=seed)
            place = None if folder is None else f"{folder}/{loss}-{model}-{rate:g}-{seed}"
            facts = {"loss": loss, "seed": seed, "learning_rate": rate}
            try:
                for epoch in fit(network, loss, dataset, run, folder=place):
                    if on_epoch is not None:
                        on_epoch(loss, seed, epoch)
            except (FloatingPointError, MemoryError) as error:
                warnings.warn(f"{loss} with seed {seed} stopped: {error}", stacklevel=2)
                rows.append(facts | {"error": str(error)})
                continue
            facts |= {"seconds": epoch.seconds, "valid RPS": epoch.metrics["RPS"], "error": ""}
            rows.append(facts | _test(network, loss, dataset))
    table = pd.DataFrame(rows)
    return table.reindex(columns=[*_FACTS, *(c for c in table.columns if c not in _FACTS)])


def _test(network, loss, dataset):
    test = dataset.split("test")
    num_classes = len(dataset.classes)
    return measure(predict(network, loss, test.images, num_classes), test, num_classes)
