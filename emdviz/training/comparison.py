"""Train with several losses under equal conditions, and say what can be concluded."""

from collections.abc import Sequence

from emdviz.models import MODELS
from emdviz.training.config import TrainConfig
from emdviz.training.evaluation import find_loss, measure, predict
from emdviz.training.loop import fit


def compare_losses(
    dataset,
    losses: Sequence[str] = ("XE", "REG", "EMD2", "EMD"),
    *,
    seeds: Sequence[int] = (0,),
    config=None,
    model="small_cnn",
    learning_rates=None,
    on_epoch=None,
):
    """Train with each loss from the same weights on the same batches, and test each network.

    Parameters
    ----------
    dataset : datasets.OrderedImages
    losses : sequence of str
        Names in ``losses.LOSSES``.
    seeds : sequence of int
        One run per loss and seed; a seed decides first weights, batches and mirroring.
    config : TrainConfig, optional
        Its seed is replaced by each of ``seeds``.
    model : str
        A name in ``models.MODELS``.
    learning_rates : dict of str to float, optional
        A learning rate of its own for some losses.
    on_epoch : callable, optional
        Called as ``on_epoch(loss, seed, epoch)`` after every epoch.

    Returns
    -------
    pandas.DataFrame
        A row per loss and seed: ``loss``, ``seed``, ``learning_rate``, ``seconds``, then the
        metrics of the test split after the last epoch, and before them ``valid RPS``, by which
        learning rates can be chosen without looking at the test split.
    """
    import pandas as pd

    config = config or TrainConfig()
    learning_rates = learning_rates or {}
    num_classes = len(dataset.classes)
    rows = []
    for seed in seeds:
        for loss in losses:
            rate = learning_rates.get(loss, config.learning_rate)
            run = TrainConfig(**(vars(config) | {"seed": seed, "learning_rate": rate}))
            network = MODELS[model](find_loss(loss).num_outputs(num_classes), seed=seed)
            for epoch in fit(network, loss, dataset, run):
                if on_epoch is not None:
                    on_epoch(loss, seed, epoch)
            test = dataset.split("test")
            results = measure(predict(network, loss, test.images, num_classes), test, num_classes)
            facts = {"loss": loss, "seed": seed, "learning_rate": rate, "seconds": epoch.seconds}
            rows.append(facts | {"valid RPS": epoch.metrics["RPS"]} | results)
    return pd.DataFrame(rows)
