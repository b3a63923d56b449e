"""ALXs: the small AlexNet of Levi and Hassner."""

from torch import nn

from emdviz.models.network import AdaptiveAvgPool2d, Network, start_like_he


class LeviHassner(Network):
    """ALXs: three convolutions and two fully connected layers, for the age of faces.

    Convolutions of 96 × 7 × 7 / 4, 256 × 5 × 5 and 384 × 3 × 3, each with ReLU and 3 × 3 / 2 max
    pooling and, after the first two, local response normalisation over 5 channels; 512 units
    with ReLU and dropout 0.5, twice. A crop of 227 px reaches the units as 384 × 7 × 7; other sizes
    are averaged or repeated to 7 × 7, and 35 px or more fit. The width is a multiple of 3.

    References
    ----------
    Levi, Hassner, Age and gender classification using convolutional neural networks, CVPR
    workshops 2015, doi 10.1109/CVPRW.2015.7301352. Its sizes 28, 14 and 7 are those of Caffe,
    whose pooling also takes windows that reach over the edge. The first weights, where none are
    given, are those of :func:`start_like_he`; theirs were Gaussian with a spread of 0.01.
    """

    least = 35

    def __init__(self, num_outputs, *, width=96):
        if width < 3 or width % 3:
            raise ValueError(f"width must be a multiple of 3, got {width!r}")
        third = width // 3
        channels, units = [3, width, 8 * third, 4 * width], 16 * third
        layers = []
        for i, (size, stride, padding) in enumerate([(7, 4, 0), (5, 1, 2), (3, 1, 1)]):
            layers += [nn.Conv2d(channels[i], channels[i + 1], size, stride, padding)]
            layers += [nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, ceil_mode=True)]
            layers += [nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75)] if i < 2 else []
        layers += [AdaptiveAvgPool2d(7), nn.Flatten()]
        for inputs in (channels[-1] * 49, units):
            layers += [nn.Linear(inputs, units), nn.ReLU(inplace=True), nn.Dropout(0.5)]
        super().__init__(start_like_he(nn.Sequential(*layers)), units, num_outputs)
