"""Pretrained weights, from a file or from torchvision."""

import pickle
import warnings
from pathlib import Path

import safetensors
import safetensors.torch
import torch

from emdviz.models.last_layer import name_of_last_linear
from emdviz.reading import read_path

_NOT_TENSORS = "it is broken, or holds more than tensors"
_INNER = ("body.", "network.")  # of a Network, and of a network of a library
_LAST_LAYER = "body.classifier.6."
_MAY_LACK = ("num_batches_tracked", "standardise.mean", "standardise.std")


def load_weights(network, weights):
    """Give a network pretrained weights, in place.

    ``weights`` is a ``.safetensors`` or ``.pth`` file of a state dict, alone or as
    ``"state_dict"`` or ``"model"``: of this network, also in torch's ``DataParallel``, or of a run
    of this package; or, for a :class:`Network`, of torchvision's network of the same layers, or
    the name of such weights (downloaded once, and checked by their hash). The last layer is taken
    where its shape fits; where it does not, a warning says that it stays as it was drawn.
    """
    published = _published(network)
    path = read_path(weights, "weights", "a file of weights, or their name")
    if str(weights) in published:
        tensors, told = _download(network, published[str(weights)]), False
    elif path.is_file():
        tensors, told = _read_tensors(path), True
    else:
        names = " or ".join(map(repr, published)) + ", or a file" if published else "a file"
        raise FileNotFoundError(
            f"weights must be {names}, got {str(weights)!r}, which is not there"
        )
    own = network.state_dict()
    tensors, head = _rename(tensors, own), f"{name_of_last_linear(network)}."
    shapes = [{name: tuple(value.shape) for name, value in part.items()} for part in (own, tensors)]
    heads = [{k: v for k, v in part.items() if k.startswith(head)} for part in shapes]
    left_out = {*heads[0], *heads[1]} if heads[0] != heads[1] else set()
    for name in sorted((shapes[0].keys() | shapes[1].keys()) - left_out):
        wanted, found = (_in_words(part.get(name)) for part in shapes)
        if wanted != found and not (name in own and name.endswith(_MAY_LACK)):
            raise ValueError(
                f"weights {weights} do not fit {type(network).__name__}: {name} must be {wanted}, "
                f"got {found}; take the file of another network, or the width it was made with"
            )
    network.load_state_dict({**own, **{k: tensors[k] for k in tensors.keys() - left_out}})
    if heads[1] and left_out and told:
        shown = [{k.removeprefix(head): v for k, v in part.items()} for part in heads]
        warnings.warn(
            f"weights {weights}: all was taken but the last layer, which has other shapes "
            f"({shown[1]} there, {shown[0]} here); it starts from random weights",
            stacklevel=4,
        )


def _rename(tensors, own):
    """Return tensors by those names that agree with the most names of a network's own."""
    best, most = tensors, -1
    for before in ("", "module.", "model.", "model.module."):  # DataParallel, a run's state
        inside = {k.removeprefix(before): v for k, v in tensors.items() if k.startswith(before)}
        for prefix in ("", *_INNER):
            renamed = {prefix + name: value for name, value in inside.items()}
            if (count := len(renamed.keys() & own.keys())) > most:
                best, most = renamed, count
    # torchvision's AlexNet and VGG have their last layer where a Network has none
    return {k: v for k, v in best.items() if not (k.startswith(_LAST_LAYER) and k not in own)}


def _published(network):
    if getattr(network, "published", None) is None:
        return {}
    from torchvision.models import get_model_weights

    # others of VGG lack the fully connected layers
    every = {member.name: member for member in get_model_weights(network.published)}
    return {name: member for name, member in every.items() if name.startswith("IMAGENET1K_V")}


def _download(network, published):
    name = published.url.rpartition("/")[2]
    kept = Path(torch.hub.get_dir()) / "checkpoints"
    try:
        # the hash of a download is checked, that of a file that is there already is not
        return published.get_state_dict(progress=True, check_hash=True, weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"weights {kept / name} cannot be read: {_NOT_TENSORS}; delete the file, and it is "
            "downloaded again"
        ) from error
    except (OSError, RuntimeError) as error:
        raise OSError(
            f"the weights {published.name} of {type(network).__name__} could not be downloaded "
            f"({error}); on a machine with a network get {published.url}, and pass the file: "
            f"weights='…/{name}', or put it into {kept}"
        ) from error


def _read_tensors(path):
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        tensors = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # both libraries raise a dozen kinds of errors for broken bytes
        # torch would advise weights_only=False, which runs code in the file
        why = _NOT_TENSORS if isinstance(error, pickle.UnpicklingError) else error
        raise ValueError(
            f"weights {path} cannot be read: {why}; the file must be one that "
            "safetensors.torch.save_file or torch.save wrote from a state dict"
        ) from error
    for name in ("state_dict", "model"):
        if isinstance(tensors, dict) and isinstance(tensors.get(name), dict):
            tensors = tensors[name]
    if not isinstance(tensors, dict) or not all(map(torch.is_tensor, tensors.values())):
        raise ValueError(
            f"weights {path} must hold a dict of tensors, got {type(tensors).__name__}; "
            "save network.state_dict()"
        )
    return tensors


def _in_words(shape):
    return "absent" if shape is None else f"of shape {shape}"
