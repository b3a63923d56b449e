"""Images, and what networks believe of them."""

import matplotlib.pyplot as plt
import numpy as np

from emdviz.distributions import to_numpy
from emdviz.plots.distributions import plot_prediction


def plot_beliefs(images, predictions, truth, *, classes=None, axes=None):
    """Draw images and, beside each, what the network of each loss believes of it.

    Parameters
    ----------
    images : uint8 array, shape (N, 3, H, W)
    predictions : dict of str to array of shape (N, C)
        Keys are names in ``losses.LOSSES``.
    truth : array of int, shape (N,), or of float, shape (N, C)
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
    for row, image, target, *beliefs in zip(
        axes, images, to_numpy(truth), *predictions.values(), strict=True
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


def sheet(images, *, labels=None, classes=None, per_class=8, ax=None):
    """Show a sheet of images, a row per class.

    Parameters
    ----------
    images : uint8 array, shape (N, 3, H, W)
    labels : array of int, shape (N,)
        Class indices.
    classes : list of str
        Names of the C classes, written beside their rows.
    per_class : int
        Images in a row: the first ones of the class.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
    """
    ax = ax or plt.gca()
    images, labels = to_numpy(images), to_numpy(labels)
    height, width = images.shape[2:]
    canvas = np.full((len(classes) * height, per_class * width, 3), 255, dtype=np.uint8)
    for k in range(len(classes)):
        for column, index in enumerate(np.flatnonzero(labels == k)[:per_class]):
            canvas[k * height : (k + 1) * height, column * width : (column + 1) * width] = (
                np.moveaxis(images[index], 0, 2)
            )
    ax.imshow(canvas, interpolation="nearest")
    ax.set_yticks((np.arange(len(classes)) + 0.5) * height, classes)
    ax.set_xticks([])
    ax.tick_params(length=0)
    ax.spines[["top", "right", "left", "bottom"]].set_visible(False)
    return ax
