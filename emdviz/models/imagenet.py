"""ALX and VGG_F: AlexNet and VGG, in the layout of torchvision's weights for ImageNet."""

from collections import OrderedDict

from torch import nn

from emdviz.models.network import AdaptiveAvgPool2d, Network, Standardise, start_like_he


class _Convolutions(Network):
    """Convolutions, a mean to a square, and fully connected layers."""

    def __init__(self, features, square, classifier, units, num_outputs):
        body = OrderedDict(
            standardise=Standardise(),
            features=features,
            pool=AdaptiveAvgPool2d(square),
            flatten=nn.Flatten(),
            classifier=nn.Sequential(*classifier),
        )
        super().__init__(start_like_he(nn.Sequential(body)), units, num_outputs)


class AlexNet(_Convolutions):
    """ALX: five convolutions and two fully connected layers.

    Convolutions of 64 × 11 × 11 / 4, 192 × 5 × 5, 384, 256 and 256 × 3 × 3, each with ReLU;
    3 × 3 / 2 max pooling after the first, second and last; a mean to 6 × 6; dropout 0.5 and
    4,096 units, twice. Images of 63 px or more fit; the paper's crops have 227.

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
        layers, connected = [], []
        for i, (size, stride, padding) in enumerate(shapes):
            layers += [nn.Conv2d(channels[i], channels[i + 1], size, stride, padding)]
            layers += [nn.ReLU(inplace=True)]
            layers += [nn.MaxPool2d(3, 2)] if i in (0, 1, 4) else []
        for inputs in (channels[-1] * 36, units):
            connected += [nn.Dropout(0.5), nn.Linear(inputs, units), nn.ReLU(inplace=True)]
        super().__init__(nn.Sequential(*layers), 6, connected, units, num_outputs)


class VGG16(_Convolutions):
    """VGG_F: thirteen 3 × 3 convolutions and two fully connected layers.

    Stages of 2, 2, 3, 3 and 3 convolutions with 64, 128, 256, 512 and 512 channels, each with
    ReLU; 2 × 2 max pooling after each stage; a mean to 7 × 7; 4,096 units and dropout 0.5,
    twice. Images of 32 px or more fit; the paper's networks are fine-tuned from weights learned
    on ImageNet: ``MODELS["VGG_F"](8, weights="IMAGENET1K_V1")`` (528 MB, downloaded once).

    References
    ----------
    Simonyan, Zisserman, Very deep convolutional networks for large-scale image recognition,
    ICLR 2015, arXiv 1409.1556, configuration D. The first weights, where none are given, are
    those of :func:`start_like_he`.
    """

    least = 32
    published = "vgg16"

    def __init__(self, num_outputs, *, width=64):
        from torchvision.models.vgg import cfgs, make_layers  # takes more than a second

        layers = [layer if layer == "M" else layer * width // 64 for layer in cfgs["D"]]
        units, connected = 64 * width, []
        for inputs in (8 * width * 49, units):
            connected += [nn.Linear(inputs, units), nn.ReLU(inplace=True), nn.Dropout(0.5)]
        super().__init__(make_layers(layers), 7, connected, units, num_outputs)
