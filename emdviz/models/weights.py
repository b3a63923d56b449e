"""Pretrained weights, from a file or from torchvision."""

import pickle
import warnings
from pathlib import Path

import safetensors
import safetensors.torch
import torch

_NOT_TENSORS = "it is broken, or holds more than tensors"
_LAST_LAYER = "classifier.6."  # of torchvision's AlexNet and VGG


def load_weights(network, weights):
    """Give a network pretrained weights, in place.

    ``weights`` is a name that torchvision publishes for this network (downloaded once, and checked
    by its hash), or a ``.safetensors`` or ``.pth`` file of a state dict, alone or as
    ``"state_dict"``: of such a network, also in torch's ``DataParallel``, of torchvision's, or of
    a run of this package. The head is taken where its shape fits; where it does not, a warning
    says that it stays as it was drawn. Published weights have a head for other classes, which is
    left out.
    """
    published = _published(network)
    if str(weights) in published:
        tensors = _download(network, published[str(weights)])
    elif Path(weights).is_file():
        tensors = _read(Path(weights))
    else:
        names = " or ".join(map(repr, published)) + ", or a file" if published else "a file"
        raise FileNotFoundError(
            f"weights must be {names}, got {str(weights)!r}, which is not there"
        )
    head, tensors = _head_and_body(tensors)
    own = network.body.state_dict()
    for name in sorted(own.keys() | tensors.keys()):
        wanted, found = (_shape(part.get(name)) for part in (own, tensors))
        if wanted != found:
            raise ValueError(
                f"weights {weights} do not fit {type(network).__name__}: {name} must be {wanted}, "
                f"got {found}; take the file of another network, or the width it was made with"
            )
    network.body.load_state_dict(tensors)
    _load_head(network.head, head, weights)


def _load_head(head, tensors, weights):
    own = head.state_dict()
    shapes = [{name: tuple(v.shape) for name, v in part.items()} for part in (own, tensors)]
    if tensors and shapes[0] == shapes[1]:
        head.load_state_dict(tensors)
    elif tensors:
        warnings.warn(
            f"weights {weights}: the body was taken, but not the head, which has other shapes "
            f"({shapes[1]} there, {shapes[0]} here); it starts from random weights",
            stacklevel=5,
        )


def _published(network):
    if network.published is None:
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


def _read(path):
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
    if isinstance(tensors, dict) and isinstance(tensors.get("state_dict"), dict):
        tensors = tensors["state_dict"]
    if not isinstance(tensors, dict) or not all(map(torch.is_tensor, tensors.values())):
        raise ValueError(
            f"weights {path} must hold a dict of tensors, got {type(tensors).__name__}; "
            "save network.state_dict()"
        )
    return tensors


def _head_and_body(tensors):
    """Return the tensors of the head and of the body by their names there."""

    def part(tensors, prefix):
        return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}

    tensors = part(tensors, "model.") or tensors  # a run's state holds more than a network
    tensors = part(tensors, "module.") or tensors  # DataParallel
    body = part(tensors, "body.")
    if not body:
        return {}, {k: v for k, v in tensors.items() if not k.startswith(_LAST_LAYER)}
    return part(tensors, "head."), body


def _shape(tensor):
    return "absent" if tensor is None else f"of shape {tuple(tensor.shape)}"
