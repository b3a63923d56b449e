"""The base of all networks: a body that computes features, and a linear head."""

import torch
from torch import nn

from emdviz.distributions import MOST_CLASSES
from emdviz.models.weights import load_weights
from emdviz.reading import read_count, shown


class Network(nn.Module):
    """A body, which turns images into features, and a head, which turns these into outputs.

    Parameters
    ----------
    body : torch.nn.Module
        Images (B, 3, H, W), roughly −1 to 1, to features.
    num_features : int
        Features of an image.
    num_outputs : int
        C for distributions over classes, 1 for regression.

    Attributes
    ----------
    least : int
        Pixels that an image needs in height and width.
    published : str or None
        What torchvision calls this network where it has weights for it.
    """

    least = 1
    published = None

    def __init__(self, body, num_features, num_outputs):
        super().__init__()
        self.body = body
        # the head is made last, so that one seed gives every loss the same body
        self.head = nn.Linear(num_features, num_outputs)

    def features(self, images):
        """Return the activations before the head, shape (B, head.in_features)."""
        if images.ndim != 4 or images.shape[1] not in (1, 3):
            raise ValueError(
                f"{type(self).__name__} takes images (B, 1 or 3, H, W), got inputs of shape "
                f"{tuple(images.shape)}; for rows of numbers choose 'linear' or 'mlp'"
            )
        if images.shape[1] == 1:
            images = images.expand(-1, 3, -1, -1)
        if min(images.shape[2:]) < self.least:
            raise ValueError(
                f"images must have {self.least} px or more for {type(self).__name__}, "
                f"got shape {tuple(images.shape)}; choose larger images or another network"
            )
        return self.body(images)

    def forward(self, images):
        """Return the outputs, shape (B, num_outputs)."""
        return self.head(self.features(images))


# torchvision's for 0 … 1: https://docs.pytorch.org/vision/stable/models.html
_IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Standardise(nn.Module):
    """Images from −1 … 1 to the mean and spread of colours that weights expect: ImageNet's, or any.

    Both are for colours from 0 to 1; ``persistent`` keeps them with a network's weights.
    """

    def __init__(self, mean=_IMAGENET[0], std=_IMAGENET[1], *, persistent=False):
        super().__init__()
        for name, values in (("mean", mean), ("std", std)):
            colours = torch.tensor(values, dtype=torch.float32)[:, None, None]
            self.register_buffer(name, colours, persistent=persistent)

    def forward(self, images):
        """Return images (B, 3, H, W) of images (B, 1 or 3, H, W)."""
        return ((images + 1) / 2 - self.mean) / self.std


class AdaptiveAvgPool2d(nn.AdaptiveAvgPool2d):
    """torch's mean to a square, also where Apple's GPU has none: sizes that do not divide."""

    def forward(self, images):
        """Return means of shape (B, channels, side, side)."""
        side, sizes = self.output_size, images.shape[2:]
        if images.device.type != "mps" or not any(size % side for size in sizes):
            return super().forward(images)
        return mean_to(images, side)


def mean_to(images, side):
    """Return the same means as two products of matrices.

    Examples
    --------
    >>> mean_to(torch.arange(3.0).reshape(1, 1, 1, 3).expand(1, 1, 3, 3), 2)[0, 0, 0].tolist()
    [0.5, 1.5]
    """
    rows, columns = (_shares(size, side).to(images) for size in images.shape[2:])
    return rows @ images @ columns.T


def _shares(size, side):
    """Return the share of each of ``size`` pixels in each of ``side`` means."""
    shares = torch.zeros(side, size)
    for k in range(side):
        first, end = k * size // side, -(-(k + 1) * size // side)
        shares[k, first:end] = 1 / (end - first)
    return shares


def start_like_he(body):
    """Draw the first weights of a body of ReLU layers from N(0, 2 / inputs); biases are 0.

    References
    ----------
    He, Zhang, Ren, Sun, Delving deep into rectifiers, ICCV 2015, doi 10.1109/ICCV.2015.123.
    """
    for module in body.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return body


def make(network, num_outputs, *, seed=0, weights=None, **options):
    """Make a network whose first weights depend on ``seed`` only.

    Two networks of one seed have the same body, also when their heads differ in size.

    Parameters
    ----------
    network : subclass of Network
    num_outputs : int
        C for distributions over classes, 1 for regression.
    seed : int
    weights : str or Path, optional
        Where the network starts from: the name of weights that torchvision publishes for its
        body, such as ``"IMAGENET1K_V1"``, or a file; see :func:`weights.load_weights`. The head of
        a file is taken where it has as many outputs. None draws all weights at random.
    **options
        Of the network, such as ``width``, the channels of its first layer; those of all others
        change in proportion.

    Returns
    -------
    Network

    Raises
    ------
    ValueError
        If there is no output, or the weights do not fit.
    FileNotFoundError
        If the file of weights is not there.
    OSError
        If weights cannot be downloaded.

    Examples
    --------
    >>> from emdviz.models.levi_hassner import LeviHassner
    >>> make(LeviHassner, 8, width=6)(torch.zeros(2, 3, 64, 64)).shape
    torch.Size([2, 8])
    """
    if not callable(network):
        raise TypeError(f"network must be a subclass of models.Network, got {shown(network)}")
    num_outputs = read_count(num_outputs, "num_outputs", 1, MOST_CLASSES)
    seed = read_count(seed, "seed", 0, 2**64 - 1)
    if "width" in options:
        options["width"] = read_count(options["width"], "width", 1, 4096)
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(seed)
        made = network(num_outputs, **options)
    if weights is not None:
        load_weights(made, weights)
    return made
