"""Images, beside the distributions that networks predict for them."""

import matplotlib.pyplot as plt
import numpy as np

from emdviz.losses import look_of
from emdviz.plots._labels import check_by_loss
from emdviz.plots.distributions import plot_prediction
from emdviz.reading import to_numpy


def plot_beliefs(images, predictions, truth=None, *, classes=None, axes=None):
    """Draw images and, beside each, the distribution that the network of each loss predicts.

    Parameters
    ----------
    images : uint8 array, shape (N, 3, H, W)
    predictions : dict of str to array of shape (N, C)
        Keys are names of losses.
    truth : array of int, shape (N,), or of float, shape (N, C), optional
        Labels, or true distributions where they are known; drawn as outlines.
    classes : list of str, optional
        Names of the C classes.
    axes : array of matplotlib Axes, shape (N, 1 + number of losses), optional

    Returns
    -------
    array of matplotlib Axes
    """
    check_by_loss(predictions, "predictions")
    images = to_numpy(images, "images")
    if images.ndim != 4 or not len(images):
        raise ValueError(f"images must have shape (N, 3, H, W) with N ≥ 1, got {images.shape}")
    wrong = [name for name, p in predictions.items() if len(p) != len(images)]
    if wrong or (truth is not None and np.shape(to_numpy(truth, "truth"))[:1] != images.shape[:1]):
        raise ValueError(f"predictions and truth must be of {len(images)} images, like images")
    if axes is None:
        size = (2.2 * (1 + len(predictions)), 1.9 * len(images) + 0.6)
        _, axes = plt.subplots(len(images), 1 + len(predictions), figsize=size, squeeze=False)
    targets = [None] * len(images) if truth is None else to_numpy(truth)
    for row, image, target, *beliefs in zip(
        axes, images, targets, *predictions.values(), strict=True
    ):
        show_image(image, ax=row[0])
        for ax, p, loss in zip(row[1:], beliefs, predictions, strict=True):
            plot_prediction(p, target, classes=classes, ax=ax, colour=look_of(loss).colour)
            ax.set(ylabel="", yticks=[])
    for ax in axes[:-1, 1:].flat:
        ax.set_xticks([])
    for ax, loss in zip(axes[0, 1:], predictions, strict=True):
        ax.set_title(look_of(loss).label, color=look_of(loss).colour)
    return axes


def show_image(image, *, ax=None):
    """Show one image, shape (3, H, W), bytes, without axes."""
    image = to_numpy(image, "image")
    if image.ndim != 3 or image.shape[0] != 3 or image.dtype != np.uint8:
        raise ValueError(
            f"image must be uint8 of shape (3, H, W), got {image.dtype} of {image.shape}"
        )
    ax = ax or plt.gca()
    ax.imshow(np.moveaxis(image, 0, 2), interpolation="nearest")
    ax.set_axis_off()
    return ax
