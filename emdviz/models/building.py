"""Any network: by its name, by its import path, or by a function of the number of outputs."""

import inspect
import math

import torch
from torch import nn

from emdviz._imports import find_by_path, path_to
from emdviz.models.last_layer import last_linear, replace_layer
from emdviz.models.libraries import make_of_library, read_name, recognise
from emdviz.models.weights import load_weights
from emdviz.reading import ArgumentError, parameters_of, shown

_KINDS = "a name in models.MODELS, or a function of the number of outputs that returns a Module"


def build(model, num_outputs, shape, *, seed=0, weights=None):
    """Make a network for inputs of a shape; its first weights depend on ``seed`` only.

    Parameters
    ----------
    model : str, callable or torch.nn.Module
        A name in ``MODELS``; ``"torchvision:resnet18"`` or ``"timm:resnet10t"``, any network of
        these libraries that sorts images; a function (or class) that is called with the number of
        outputs, its import path, such as ``"mine.net"``, or its file, such as ``"mine.py:net"``.
        A Module is returned as it is.
    num_outputs : int
    shape : tuple of int
        Of one input, without the batch.
    seed : int
    weights : str or Path, optional
        Where the network starts from: a file of a state dict (see :func:`make`), or the name of
        weights that its library publishes, such as ``"IMAGENET1K_V1"`` of torchvision or
        ``"c3_in1k"`` of timm. Networks of these libraries scale the colours of images as the
        weights expect, and keep the numbers for that with their own.

    Returns
    -------
    torch.nn.Module

    Raises
    ------
    ValueError, TypeError
        If there is no such network, or the function returns something else.

    Examples
    --------
    >>> build(lambda outputs: nn.Linear(5, outputs), 3, (5,))
    Linear(in_features=5, out_features=3, bias=True)
    """
    from emdviz.models import MODELS

    if isinstance(model, nn.Module):
        return model
    if isinstance(model, str) and model in MODELS:
        make = MODELS[model]
        sized = "num_inputs" in inspect.signature(make).parameters
        more = {"num_inputs": math.prod(shape)} if sized and model in ("linear", "mlp") else {}
        return make(num_outputs, seed=seed, weights=weights, **more)
    found = find(model)
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(seed)
        if isinstance(found, tuple):
            return make_of_library(*found, num_outputs, weights)
        made = _call(found, num_outputs)
    if not isinstance(made, nn.Module):
        raise TypeError(f"model must return a torch.nn.Module, got {shown(made)}")
    if weights is not None:
        load_weights(made, weights)
    return made


def find(model):
    """Return the function of a network that is not in ``MODELS``, or say what ``model`` must be.

    Of a network of torchvision or timm it returns (library, name).
    """
    from emdviz.models import MODELS

    if isinstance(model, str):
        if named := read_name(model):
            return named
        found = find_by_path(model, "model")
        if found is None:
            choices = sorted(MODELS)
            message = (
                f"model must be one of {choices}, of a library, such as 'torchvision:resnet18' or "
                "'timm:resnet10t', an import path such as 'mine.net', or a file and a name in it, "
                f"such as 'mine.py:net', got {model!r}"
            )
            raise ArgumentError(message, "model", choices, model)
        model = found
    if not callable(model):
        raise TypeError(f"model must be {_KINDS}, got {shown(model)}")
    named = recognise(model)
    return read_name(named) if named else model


def _call(function, num_outputs):
    """Call a function of the number of outputs; by the name that functions of libraries use."""
    named = [inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY]
    parameters = parameters_of(function)
    if parameters == []:
        raise TypeError(
            "model must be a function of the number of outputs, such as lambda outputs: "
            "Net(outputs), got one without parameters"
        )
    names = {one.name for one in parameters or () if one.kind in named}
    for name in ("num_outputs", "num_classes"):
        if name in names:
            return function(**{name: num_outputs})
    return function(num_outputs)


def path_of(model):
    """Return the name or import path by which other processes find a network, or refuse it.

    Examples
    --------
    >>> path_of("small_cnn"), path_of(nn.Linear)
    ('small_cnn', 'torch.nn.modules.linear.Linear')
    >>> path_of("torchvision.models.resnet18")
    'torchvision:resnet18'
    """
    from emdviz.models import MODELS

    if isinstance(model, str):
        if model in MODELS:
            return model
        found = find(model)
        return ":".join(found) if isinstance(found, tuple) else model
    if isinstance(model, nn.Module) or not callable(model):
        raise TypeError(f"network must be {_KINDS}, got {shown(model)}")
    if named := recognise(model):
        return named
    if path := path_to(model):
        return path
    name = getattr(model, "__qualname__", "<none>")
    own = name if name.isidentifier() else "my_network"
    raise ValueError(
        f"network {name!r} has no import path, which other processes and kept runs need: put it "
        f"into a module, mine.py, and pass mine.{own}"
    )


def name_of(model):
    """Return the name of a network in tables and folders."""
    if isinstance(model, str):
        return model
    if isinstance(model, nn.Module):
        return type(model).__name__
    name = getattr(model, "__name__", type(model).__name__)
    return "lambda" if name == "<lambda>" else name


def replace_head(model, make, seed=0):
    """Put ``make(num_features)`` in the place of a network's last linear layer."""
    old = last_linear(model)
    if old is None:
        raise ValueError(
            f"the loss needs a last layer of its own, but {type(model).__name__} has no linear "
            "layer that it could replace"
        )
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(seed)
        new = make(old.in_features)
    if old is model:
        return new
    replace_layer(model, old, new)
    return model
