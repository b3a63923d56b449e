"""Histories of made-up runs, for tests of what shows them."""

import numpy as np
import torch

from emdviz.training import Epoch, Prediction


def made_up_epochs(lengths, images, num_classes, seed=0):
    """Return a dict of losses to as many epochs as asked; REG has no distributions."""
    rng = np.random.default_rng(seed)
    return {
        loss: [_made_up_epoch(number, loss, images, num_classes, rng) for number in range(1, n + 1)]
        for loss, n in lengths.items()
    }


def _made_up_epoch(number, loss, images, num_classes, rng):
    p = torch.tensor(rng.dirichlet(np.full(num_classes, 0.4), images))
    metrics = {"AEM": rng.uniform(0, 100), "MAE": rng.uniform(0, 3), "QWK": rng.uniform(-0.2, 1)}
    if loss != "REG":
        metrics |= {"log loss": rng.uniform(0, 3), "Spearman": float("nan")}
    prediction = Prediction(p.argmax(1), None if loss == "REG" else p)
    return Epoch(number, 1.0, 1.0, metrics, prediction, 0.1, 2.0 * number)
