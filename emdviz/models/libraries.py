"""Networks of torchvision and timm by name, with the scaling of colours that they expect."""

import difflib
from importlib import import_module
from pathlib import Path

import torch
from torch import nn

from emdviz.models.last_layer import last_linear, replace_layer
from emdviz.models.network import Standardise
from emdviz.models.weights import load_weights
from emdviz.reading import ArgumentError

LIBRARIES = ("torchvision", "timm")
_TO_BE_DRAWN = ("googlenet", "inception_v3")


class Standardised(nn.Module):
    """A network of a library, for images from −1 to 1, whose colours it scales first.

    Mean and standard deviation are kept with the weights. Of several outputs, as torchvision's
    Inception has in training, the first counts.
    """

    def __init__(self, network, mean, std):
        super().__init__()
        self.standardise = Standardise(mean, std, persistent=True)
        self.network = network

    def forward(self, images):
        """Return the outputs for images (B, 1 or 3, H, W)."""
        outputs = self.network(self.standardise(images))
        return outputs if isinstance(outputs, torch.Tensor) else outputs[0]


def recognise(function):
    """Return the name of a library's network, such as "torchvision:resnet18"; None for others.

    Examples
    --------
    >>> from torchvision.models import resnet18
    >>> recognise(resnet18), recognise(nn.Linear)
    ('torchvision:resnet18', None)
    """
    home, name = getattr(function, "__module__", None) or "", getattr(function, "__name__", "")
    library = home.partition(".")[0]
    if library in LIBRARIES and home.startswith(f"{library}.models.") and name in _names(library):
        return f"{library}:{name}"
    return None


def read_name(text):
    """Return (library, name) of such a name, or None for another text; refuse what is not there."""
    library, colon, name = text.partition(":")
    if not colon or library not in LIBRARIES:
        return None
    names = _names(library)
    if name.partition(".")[0] not in names:
        near = difflib.get_close_matches(name, names, 5) or names[:5]
        message = f"model must be a network of {library} that sorts images, such as "
        raise ArgumentError(message + f"{', '.join(near)}, got {text!r}", "model", names, text)
    return library, name


def make_of_library(library, name, num_outputs, weights=None):
    """Make a network of a library with ``num_outputs`` outputs.

    ``weights`` is the name of weights that the library publishes, or a file. One seed of torch
    gives every number of outputs the same body.
    """
    own = None if weights is None or Path(weights).expanduser().is_file() else str(weights)
    published = _published(library, name)
    if own is not None and own not in published:
        names = " or ".join(map(repr, published)) + ", or a file" if published else "a file"
        raise FileNotFoundError(f"weights must be {names}, got {own!r}, which is not there")
    try:
        network, mean, std = (of_torchvision if library == "torchvision" else _timm)(name, own)
    except OSError as error:
        raise OSError(
            f"the weights {weights} of {library}:{name} could not be downloaded ({error}); on a "
            "machine with a network save its state_dict() to a file, and pass the file"
        ) from error
    _set_outputs(network, num_outputs)
    made = Standardised(network, mean, std)
    if weights is not None and own is None:
        load_weights(made, weights)
    return made


def _published(library, name):
    """Return the names of the weights that a library publishes for a network."""
    if library == "timm":
        base = name.partition(".")[0]
        return [one.partition(".")[2] for one in _library("timm").list_pretrained(f"{base}.*")]
    from torchvision.models import get_model_weights

    return [one.name for one in get_model_weights(name)]


def of_torchvision(name, weights):
    """Return a network of torchvision, and the mean and deviation of colours it expects."""
    from torchvision.models import get_model, get_model_weights

    every = get_model_weights(name)
    scaling = (every.DEFAULT if weights is None else every[weights]).transforms()
    # without which torchvision warns that it will change
    drawn = {"init_weights": True} if weights is None and name in _TO_BE_DRAWN else {}
    return get_model(name, weights=weights, **drawn), scaling.mean, scaling.std


def _timm(name, weights):
    timm = _library("timm")
    name = name if weights is None else f"{name.partition('.')[0]}.{weights}"
    try:
        network = timm.create_model(name, pretrained=weights is not None)
    except Exception as error:
        if weights is None:
            raise ValueError(f"timm:{name} could not be made: {error}") from error
        raise OSError(error) from error  # the hub raises errors of its own types
    return network, network.pretrained_cfg["mean"], network.pretrained_cfg["std"]


def _set_outputs(network, count):
    """Give a network a new last layer: a linear one, or 1 × 1 convolutions as in SqueezeNet."""
    layer = last_linear(network)
    if layer is not None:
        new = nn.Linear(layer.in_features, count, bias=layer.bias is not None)
    else:
        layer = [one for one in network.modules() if isinstance(one, nn.Conv2d)][-1]
        new = nn.Conv2d(layer.in_channels, count, layer.kernel_size)
    replace_layer(network, layer, new)


def _names(library):
    if library == "torchvision":
        from torchvision import models

        return models.list_models(module=models)
    return _library(library).list_models()


def _library(name):
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"networks of {name} need it: type pip install {name}", name=error.name
        ) from None
