"""Images, and what networks believe of them."""

import matplotlib.pyplot as plt
import numpy as np

from emdviz.distributions import to_numpy
from emdviz.plots.distributions import plot_prediction


def plot_beliefs(images, predictions, truth=None, *, classes=None, axes=None):
    """Draw images and, beside each, what the network of each loss believes of it.

    Parameters
    ----------
    images : uint8 array, shape (N, 3, H, W)
    predictions : dict of str to array of shape (N, C)
        Keys are names in ``losses.LOSSES``.
    truth : array of int, shape (N,), or of float, shape (N, C), optional
        Labels, or true distributions where they are known; drawn as outlines.
    classes : list of str, optional
        Names of the C classes.
    axes : array of matplotlib Axes, shape (N, 1 + number of losses), optional

    Returns
    -------
    array of matplotlib Axes
    """
    from emdviz.losses import LOSSES

    if axes is None:
        size = (2.2 * (1 + len(predictions)), 1.9 * len(images) + 0.6)
        _, axes = plt.subplots(len(images), 1 + len(predictions), figsize=size, squeeze=False)
    targets = [None] * len(images) if truth is None else to_numpy(truth)
    for row, image, target, *beliefs in zip(
        axes, images, targets, *predictions.values(), strict=True
    ):
        show_image(image, ax=row[0])
        for ax, p, loss in zip(row[1:], beliefs, predictions, strict=True):
            plot_prediction(p, target, classes=classes, ax=ax, colour=LOSSES[loss].colour)
            ax.set(ylabel="", yticks=[])
    for ax in axes[:-1, 1:].flat:
        ax.set_xticks([])
    for ax, loss in zip(axes[0, 1:], predictions, strict=True):
        ax.set_title(LOSSES[loss].label, color=LOSSES[loss].colour)
    return axes


def show_image(image, *, ax=None):
    """Show one image, shape (3, H, W), bytes, without axes."""
    ax = ax or plt.gca()
    ax.imshow(np.moveaxis(to_numpy(image), 0, 2), interpolation="nearest")
    ax.set_axis_off()
    return ax
