"""A small network for first steps."""

import itertools

from torch import nn

from emdviz.models.network import Network, make


class SmallCNN(Network):
    """Four blocks of 3 × 3 convolution, batch norm, 2 × 2 max pooling and ReLU, then a mean.

    The later blocks have 2, 4 and 8 times the ``width`` of the first. Small enough to train in
    seconds on two CPU cores. Any image of 16 px or more fits.
    """

    least = 16

    def __init__(self, num_outputs, *, width=16):
        channels = [3, width, 2 * width, 4 * width, 8 * width]
        blocks = [
            nn.Sequential(
                nn.Conv2d(before, after, kernel_size=3, padding=1, bias=False),
                nn.BatchNorm2d(after),
                nn.MaxPool2d(2),
                nn.ReLU(inplace=True),  # the same before the pooling, on four times as much
            )
            for before, after in itertools.pairwise(channels)
        ]
        super().__init__(nn.Sequential(*blocks), channels[-1], num_outputs)

    def features(self, images):
        """Return the activations before the head, shape (B, 8 · width)."""
        return super().features(images).mean(dim=(2, 3))


def small_cnn(num_outputs, *, seed=0, weights=None, width=16):
    """Make a :class:`SmallCNN`; parameters and errors are those of :func:`make`.

    Examples
    --------
    >>> import torch
    >>> small_cnn(8)(torch.zeros(2, 3, 48, 48)).shape
    torch.Size([2, 8])
    """
    return make(SmallCNN, num_outputs, seed=seed, weights=weights, width=width)
