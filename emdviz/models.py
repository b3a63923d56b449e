"""Networks: images in, one output per class (or one number, for regression) out.

Every network has ``features(images)``, the activations before the last layer, and ``head``,
the last layer.
"""

import itertools

import torch
from torch import nn


class SmallCNN(nn.Module):
    """Four blocks of 3 × 3 convolution, batch norm, ReLU and 2 × 2 max pooling, then a mean.

    Small enough to train in seconds on two CPU cores. Any image of 16 px or more fits.

    Parameters
    ----------
    num_outputs : int
        C for distributions over classes, 1 for regression.
    width : int
        Channels of the first block; the later ones have 2, 4 and 8 times as many.

    Notes
    -----
    Input: float tensor, shape (B, 3, H, W), roughly −1 to 1. Output: (B, num_outputs).
    """

    def __init__(self, num_outputs, *, width=16):
        super().__init__()
        channels = [3, width, 2 * width, 4 * width, 8 * width]
        blocks = [
            nn.Sequential(
                nn.Conv2d(before, after, kernel_size=3, padding=1, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(inplace=True),
                nn.MaxPool2d(2),
            )
            for before, after in itertools.pairwise(channels)
        ]
        self.body = nn.Sequential(*blocks)
        # the head is made last, so that one seed gives every loss the same body
        self.head = nn.Linear(channels[-1], num_outputs)

    def features(self, images):
        """Return the activations before the head, shape (B, 8 · width)."""
        return self.body(images).mean(dim=(2, 3))

    def forward(self, images):
        """Return the outputs, shape (B, num_outputs)."""
        return self.head(self.features(images))


def small_cnn(num_outputs, *, seed=0, width=16):
    """Make a :class:`SmallCNN` whose weights depend on ``seed`` only.

    Two networks of one seed have the same body, also when their heads differ in size.

    Parameters
    ----------
    num_outputs : int
        C for distributions over classes, 1 for regression.
    seed : int
    width : int
        Channels of the first block.

    Returns
    -------
    SmallCNN

    Raises
    ------
    ValueError
        If there is no output.

    Examples
    --------
    >>> small_cnn(8)(torch.zeros(2, 3, 48, 48)).shape
    torch.Size([2, 8])
    """
    if num_outputs < 1:
        raise ValueError(f"num_outputs must be at least 1, got {num_outputs!r}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return SmallCNN(num_outputs, width=width)


MODELS = {"small_cnn": small_cnn}
"""Networks by name; each is called as ``MODELS[name](num_outputs, seed=…)``."""
