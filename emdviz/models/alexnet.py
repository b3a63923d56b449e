"""ALX: AlexNet."""

from collections import OrderedDict

from torch import nn

from emdviz.models.network import Network, Standardise, start_like_he


class AlexNet(Network):
    """ALX: five convolutions and two fully connected layers, in the layout of torchvision.

    Convolutions of 64 × 11 × 11 / 4, 192 × 5 × 5, 384, 256 and 256 × 3 × 3, each with ReLU;
    3 × 3 / 2 max pooling after the first, second and last; a mean to 6 × 6; dropout 0.5 and
    4,096 units, twice. Images of 63 px or more fit; the paper's crops have 227.

    Parameters
    ----------
    num_outputs : int
        C for distributions over classes, 1 for regression.
    width : int
        Channels of the first layer; all others are changed in proportion.

    References
    ----------
    Krizhevsky, Sutskever, Hinton, ImageNet classification with deep convolutional neural
    networks, NIPS 2012; in one piece, as of Krizhevsky, arXiv 1404.5997, and torchvision.
    The first weights, where none are given, are those of :func:`start_like_he`.
    """

    least = 63
    published = "alexnet"

    def __init__(self, num_outputs, *, width=64):
        channels, units = [3, width, 3 * width, 6 * width, 4 * width, 4 * width], 64 * width
        shapes = [(11, 4, 2), (5, 1, 2), (3, 1, 1), (3, 1, 1), (3, 1, 1)]
        layers = []
        for i, (size, stride, padding) in enumerate(shapes):
            layers += [nn.Conv2d(channels[i], channels[i + 1], size, stride, padding)]
            layers += [nn.ReLU(inplace=True)]
            layers += [nn.MaxPool2d(3, 2)] if i in (0, 1, 4) else []
        connected = []
        for inputs in (channels[-1] * 36, units):
            connected += [nn.Dropout(0.5), nn.Linear(inputs, units), nn.ReLU(inplace=True)]
        body = OrderedDict(
            standardise=Standardise(),
            features=nn.Sequential(*layers),
            pool=nn.AdaptiveAvgPool2d(6),
            flatten=nn.Flatten(),
            classifier=nn.Sequential(*connected),
        )
        super().__init__(start_like_he(nn.Sequential(body)), units, num_outputs)
