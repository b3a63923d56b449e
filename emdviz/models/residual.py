"""RES and RES_F: a residual network of 40 layers."""

from collections import OrderedDict

from torch import nn

from emdviz.models.network import Network, start_like_he


class Bottleneck(nn.Module):
    """x + f(x), where f is 1 × 1, 3 × 3 and 1 × 1 convolution, each after batch norm and ReLU.

    Where the shape changes, x is replaced by a 1 × 1 convolution of its activation. ``before`` are
    channels of the input, ``narrow`` those in between; the output has four times as many.
    """

    def __init__(self, before, narrow, stride):
        super().__init__()
        after = 4 * narrow
        self.first = _activation(before)
        self.residual = nn.Sequential(
            nn.Conv2d(before, narrow, 1, bias=False),
            *_activation(narrow),
            nn.Conv2d(narrow, narrow, 3, stride, padding=1, bias=False),
            *_activation(narrow),
            nn.Conv2d(narrow, after, 1, bias=False),
        )
        self.shortcut = None
        if before != after or stride != 1:
            self.shortcut = nn.Conv2d(before, after, 1, stride, bias=False)

    def forward(self, x):
        """Shape (B, before, H, W) to (B, 4 · narrow, H / stride, W / stride)."""
        active = self.first(x)
        return (x if self.shortcut is None else self.shortcut(active)) + self.residual(active)


class ResidualNetwork(Network):
    """RES: 40 convolutions, most of them in twelve bottlenecks with identity mappings.

    A 7 × 7 / 2 convolution of 64 channels and 3 × 3 / 2 max pooling; three stages of four
    :class:`Bottleneck` with 64, 128 and 256 channels inside and 256, 512 and 1,024 outside, the
    later two of stride 2; batch norm, ReLU and a mean. The paper says "40-layer", "identity
    mapping" and "bottleneck" and cites wide residual networks, which count convolutions:
    9 n + 4 with bottlenecks in three stages, n = 4 of them each: 1 + 36 + 3 shortcuts whose
    shape changes. Channels and the first layers are He's for ImageNet, as the paper names none.

    RES starts from random weights. RES_F is the same network, started from weights that RES
    learned on ImageNet; nobody publishes a file of this layout, but it can be made here, from
    the folder of the 1,000 classes (all images are held in memory, as bytes, twice: 32 GB at
    64 px, 126 GB at 128 px), by ``python -m emdviz pretrain imagenet/train``; then::

        model = MODELS["RES_F"](8, weights="pretrained/best.safetensors")

    References
    ----------
    He, Zhang, Ren, Sun, Identity mappings in deep residual networks, ECCV 2016, doi
    10.1007/978-3-319-46493-0_38; Zagoruyko, Komodakis, Wide residual networks, BMVC 2016, doi
    10.5244/C.30.87. First weights as in :func:`start_like_he`.
    """

    stages = (4, 4, 4)

    def __init__(self, num_outputs, *, width=64):
        blocks, before = [], width
        for i, count in enumerate(self.stages):
            for j in range(count):
                narrow, stride = width * 2**i, 2 if i and not j else 1
                blocks.append(Bottleneck(before, narrow, stride))
                before = 4 * narrow
        body = OrderedDict(
            stem=nn.Conv2d(3, width, 7, 2, padding=3, bias=False),
            pool=nn.MaxPool2d(3, 2, padding=1),
            blocks=nn.Sequential(*blocks),
            last=_activation(before),
            mean=nn.AdaptiveAvgPool2d(1),
            flatten=nn.Flatten(),
        )
        super().__init__(start_like_he(nn.Sequential(body)), before, num_outputs)


def _activation(channels):
    return nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(inplace=True))
