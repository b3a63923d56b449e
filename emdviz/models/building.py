"""Any network: by its name, by its import path, or by a function of the number of outputs."""

import functools
import inspect
import math
import re
from importlib import import_module

import torch
from torch import nn

from emdviz.reading import ArgumentError, shown

_KINDS = "a name in models.MODELS, or a function of the number of outputs that returns a Module"


def build(model, num_outputs, shape, *, seed=0, weights=None):
    """Make a network for inputs of a shape; its first weights depend on ``seed`` only.

    Parameters
    ----------
    model : str, callable or torch.nn.Module
        A name in ``MODELS``; a function (or class) that is called with the number of outputs, or
        its import path, such as ``"mine.net"``; a Module is returned as it is.
    num_outputs : int
    shape : tuple of int
        Of one input, without the batch.
    seed : int
    weights : str or Path, optional
        Where a network of ``MODELS`` starts from; see :func:`make`.

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
    function = find(model)
    if weights is not None:
        raise ValueError(
            f"weights are for networks of models.MODELS; let the function load them, got {weights}"
        )
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(seed)
        made = function(num_outputs)
    if not isinstance(made, nn.Module):
        raise TypeError(f"model must return a torch.nn.Module, got {shown(made)}")
    return made


def find(model):
    """Return the function of a network that is not in ``MODELS``, or say what ``model`` must be."""
    from emdviz.models import MODELS

    if isinstance(model, str):
        if not re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)+", model):
            choices = sorted(MODELS)
            message = f"model must be one of {choices}, or an import path such as 'mine.net', got "
            raise ArgumentError(message + repr(model), "model", choices, model)
        module, _, name = model.rpartition(".")
        try:
            model = getattr(import_module(module), name)
        except (ModuleNotFoundError, AttributeError) as error:
            raise ValueError(
                f"model {model!r} was not found ({error}); its module must lie in the current "
                "folder, in PYTHONPATH, or be installed"
            ) from None
    if not callable(model):
        raise TypeError(f"model must be {_KINDS}, got {shown(model)}")
    return model


def path_of(model):
    """Return the name or import path by which other processes find a network, or refuse it.

    Examples
    --------
    >>> path_of("small_cnn"), path_of(nn.Linear)
    ('small_cnn', 'torch.nn.modules.linear.Linear')
    """
    from emdviz.models import MODELS

    if isinstance(model, str):
        if model not in MODELS:
            find(model)
        return model
    if isinstance(model, nn.Module) or not callable(model):
        raise TypeError(f"network must be {_KINDS}, got {shown(model)}")
    module, name = getattr(model, "__module__", None), getattr(model, "__qualname__", "<none>")
    if module != "__main__" and "." not in name and "<" not in name:
        held = functools.reduce(getattr, name.split("."), import_module(module))
        if held is model:
            return f"{module}.{name}"
    own = name if name.isidentifier() else "my_network"
    raise ValueError(
        f"network {name!r} has no import path, which other processes and kept runs need: put it "
        f"into a module, mine.py, and pass mine.{own}"
    )


def name_of(model):
    """Return what a network is called in tables and folders."""
    if isinstance(model, str):
        return model
    if isinstance(model, nn.Module):
        return type(model).__name__
    name = getattr(model, "__name__", type(model).__name__)
    return "lambda" if name == "<lambda>" else name


def last_linear(model):
    """Return the last linear layer of a network, or None if it has none."""
    head = getattr(model, "head", None)
    if isinstance(head, nn.Linear):
        return head
    layers = [module for module in model.modules() if isinstance(module, nn.Linear)]
    return layers[-1] if layers else None


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
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if child is old:
                setattr(module, name, new)
    return model
