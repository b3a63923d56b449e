"""The networks by name, and how much they compute."""

from functools import partial

import torch

from emdviz.models.building import build
from emdviz.models.heads import linear, mlp
from emdviz.models.imagenet import VGG16, AlexNet
from emdviz.models.levi_hassner import LeviHassner
from emdviz.models.network import make
from emdviz.models.residual import ResidualNetwork
from emdviz.models.small import small_cnn
from emdviz.reading import read_count

MODELS = {
    "small_cnn": small_cnn,
    "linear": linear,
    "mlp": mlp,
    "ALX": partial(make, AlexNet),
    "ALXs": partial(make, LeviHassner),
    "VGG_F": partial(make, VGG16),
    "RES": partial(make, ResidualNetwork),
    "RES_F": partial(make, ResidualNetwork),
    "ALX_thin": partial(make, AlexNet, width=4),
    "ALXs_thin": partial(make, LeviHassner, width=6),
    "VGG_F_thin": partial(make, VGG16, width=4),
    "RES_thin": partial(make, ResidualNetwork, width=4),
    "RES_F_thin": partial(make, ResidualNetwork, width=4),
}
"""Networks by name, each called as ``MODELS[name](num_outputs, seed=…, weights=…)``: see
:func:`make`. ``"linear"`` and ``"mlp"``, for rows of numbers, take ``num_inputs`` besides. Those of
the paper have its names; the F in a name stands for pretrained weights, which must be given. The
thin ones have a sixteenth of the channels, to try things quickly."""


def operations(name, size, num_outputs=1):
    """Return the multiply-accumulates that a network takes for one image, forwards.

    To train on an image takes about three times as many.

    Parameters
    ----------
    name : str or callable
        As for :func:`build`.
    size : int
        Height and width of the image, in px.
    num_outputs : int

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If there is no such network, or the image is too small for it.

    Examples
    --------
    >>> operations("small_cnn", 48)
    8958080
    """
    from torch.utils.flop_counter import FlopCounterMode

    size = read_count(size, "size", 1, 100_000)
    # nothing is computed: tensors on this device have shapes only
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        network = build(name, num_outputs, (3, size, size)).eval()
        network(torch.empty(1, 3, size, size))
    return counter.get_total_flops() // 2
