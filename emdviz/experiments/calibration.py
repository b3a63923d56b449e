"""Calibration: how far predicted probabilities are from observed frequencies."""

import numpy as np
from scipy import optimize

from emdviz.distributions import one_hot

TEMPERATURES = np.geomspace(0.1, 10, 41)


def at_temperature(p, temperature):
    """Divide the logarithms of distributions (N, C) by a temperature, and normalise.

    Examples
    --------
    >>> import torch
    >>> p = torch.tensor([[0.8, 0.2]], dtype=torch.float64)
    >>> at_temperature(p, 0.5)
    tensor([[0.9412, 0.0588]], dtype=torch.float64)
    """
    return (p.clamp_min(1e-300).log() / temperature).softmax(dim=1)


def best_temperature(p, labels, positions=None):
    """Return the temperature of 41 from 0.1 to 10 with the least mean RPS."""
    came = one_hot(labels, p.shape[1]).cumsum(dim=1)[:, :-1]
    gaps = p.new_tensor(_gaps(p, positions))
    costs = [
        float(((at_temperature(p, T).cumsum(dim=1)[:, :-1] - came).square() @ gaps).mean())
        for T in TEMPERATURES
    ]  # emd2 without its checks, 41 times
    return float(TEMPERATURES[int(np.argmin(costs))])


def miscalibration(p, labels, positions=None):
    """Return the part of the mean RPS that recalibration of the CDF would remove.

    For each threshold k the predicted F_k of all rows are replaced by the isotonic regression of
    [label ≤ k] on them: the best increasing function of them. What is left of the RPS is that of
    how well they rank the rows: RPS = miscalibration − discrimination + uncertainty, the last
    one that of the labels alone (Dimitriadis, Gneiting and Jordan 2021). The function is found on
    the same rows, so that even the true distributions have a little.

    Parameters
    ----------
    p : tensor, shape (N, C)
    labels : tensor of int, shape (N,)
    positions : sequence of float, optional
        Of the classes; 0, 1, 2 … by default.

    Returns
    -------
    float
        From 0 to the mean RPS, in class steps.

    Examples
    --------
    >>> import torch
    >>> p = torch.tensor([[0.9, 0.1], [0.9, 0.1]], dtype=torch.float64)
    >>> round(miscalibration(p, torch.tensor([0, 1])), 2)  # 0.9 promised, 0.5 came
    0.16
    """
    below = p.double().cumsum(dim=1)[:, :-1].numpy()
    came = labels.numpy()[:, None] <= np.arange(p.shape[1] - 1)
    total = 0.0
    for k, gap in enumerate(_gaps(p, positions)):
        place = np.unique(below[:, k], return_inverse=True)[1]
        count = np.bincount(place)
        share = np.bincount(place, weights=came[:, k]) / count
        best = optimize.isotonic_regression(share, weights=count).x[place]
        before, after = (np.mean((f - came[:, k]) ** 2) for f in (below[:, k], best))
        total += gap * (before - after)
    return float(total)


def _gaps(p, positions):
    """Return the distances between neighbouring classes, shape (C − 1,)."""
    return np.diff(np.arange(p.shape[1], dtype=float) if positions is None else positions)
