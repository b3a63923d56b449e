"""The last linear layer of any network."""

from torch import nn


def last_linear(model):
    """Return the last linear layer of a network, or None if it has none.

    Examples
    --------
    >>> last_linear(nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3)))
    Linear(in_features=4, out_features=3, bias=True)
    """
    head = getattr(model, "head", None)
    if isinstance(head, nn.Linear):
        return head
    layers = [module for module in model.modules() if isinstance(module, nn.Linear)]
    return layers[-1] if layers else None


def name_of_last_linear(model):
    """Return the name of that layer among the modules of the network; None if there is none.

    Examples
    --------
    >>> name_of_last_linear(nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3)))
    '2'
    """
    layer = last_linear(model)
    return next((name for name, one in model.named_modules() if one is layer), None)


def replace_layer(model, old, new):
    """Put a layer in the place of another, everywhere in a network."""
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if child is old:
                setattr(module, name, new)
