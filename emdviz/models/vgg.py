"""VGG_F: the VGG network of 16 layers."""

from collections import OrderedDict

from torch import nn

from emdviz.models.network import Network, Standardise, start_like_he


class VGG16(Network):
    """VGG_F: thirteen 3 × 3 convolutions and two fully connected layers, as in torchvision.

    Stages of 2, 2, 3, 3 and 3 convolutions with 64, 128, 256, 512 and 512 channels, each with
    ReLU; 2 × 2 max pooling after each stage; a mean to 7 × 7; 4,096 units and dropout 0.5,
    twice. Images of 32 px or more fit; the paper's networks are fine-tuned from weights learned
    on ImageNet: ``MODELS["VGG_F"](8, weights="IMAGENET1K_V1")`` (528 MB, downloaded once).

    Parameters
    ----------
    num_outputs : int
        C for distributions over classes, 1 for regression.
    width : int
        Channels of the first stage; all others are changed in proportion.

    References
    ----------
    Simonyan, Zisserman, Very deep convolutional networks for large-scale image recognition,
    ICLR 2015, arXiv 1409.1556, configuration D. The first weights, where none are given, are
    those of :func:`start_like_he`.
    """

    least = 32
    published = "vgg16"

    def __init__(self, num_outputs, *, width=64):
        stages = [(2, width), (2, 2 * width), (3, 4 * width), (3, 8 * width), (3, 8 * width)]
        layers, before, units = [], 3, 64 * width
        for count, channels in stages:
            for _ in range(count):
                layers += [nn.Conv2d(before, channels, 3, padding=1), nn.ReLU(inplace=True)]
                before = channels
            layers += [nn.MaxPool2d(2)]
        connected = []
        for inputs in (before * 49, units):
            connected += [nn.Linear(inputs, units), nn.ReLU(inplace=True), nn.Dropout(0.5)]
        body = OrderedDict(
            standardise=Standardise(),
            features=nn.Sequential(*layers),
            pool=nn.AdaptiveAvgPool2d(7),
            flatten=nn.Flatten(),
            classifier=nn.Sequential(*connected),
        )
        super().__init__(start_like_he(nn.Sequential(body)), units, num_outputs)
