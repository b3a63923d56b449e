"""Networks for rows of numbers, such as the columns of a table or frozen features of images."""

from torch import nn

from emdviz.models.network import Network, make
from emdviz.reading import read_count, read_number


class Head(Network):
    """Standardise rows of numbers, pass them through hidden layers, and through a linear one."""

    def __init__(self, num_outputs, *, num_inputs, hidden=(), dropout=0.0):
        num_inputs = read_count(num_inputs, "num_inputs", 1)
        hidden = [read_count(width, "hidden", 1) for width in hidden]
        dropout = read_number(dropout, "dropout", "from 0 to below 1", lambda x: 0 <= x < 1)
        # means and spreads of the columns, learned from training batches and kept with the weights
        layers, width = [nn.BatchNorm1d(num_inputs, affine=False)], num_inputs
        for wider in hidden:
            layers += [nn.Linear(width, wider), nn.ReLU()]
            layers += [nn.Dropout(dropout)] if dropout else []
            width = wider
        super().__init__(nn.Sequential(*layers), width, num_outputs)

    def features(self, inputs):
        """Return the activations before the last layer, shape (B, width)."""
        return self.body(inputs.reshape(len(inputs), -1))


def linear(num_outputs, num_inputs, *, seed=0, weights=None):
    """Make a linear layer over standardised inputs, as for frozen features.

    Parameters
    ----------
    num_outputs : int
        C for distributions over classes, 1 for regression.
    num_inputs : int
        Numbers of an input.
    seed : int
        Decides the first weights.
    weights : str or Path, optional
        A file to start from; see :func:`make`.

    Returns
    -------
    Network

    Examples
    --------
    >>> import torch
    >>> linear(3, 5)(torch.zeros(2, 5)).shape
    torch.Size([2, 3])
    """
    return make(Head, num_outputs, seed=seed, weights=weights, num_inputs=num_inputs)


def mlp(num_outputs, num_inputs, *, hidden=(64, 64), dropout=0.0, seed=0, weights=None):
    """Make a network of fully connected layers with ReLU over standardised inputs.

    Parameters
    ----------
    num_outputs, num_inputs, seed, weights
        As for :func:`linear`.
    hidden : sequence of int
        Units of each hidden layer.
    dropout : float
        Share of hidden units that are set to 0 while training.

    Returns
    -------
    Network

    Examples
    --------
    >>> import torch
    >>> mlp(3, 5, hidden=[8])(torch.zeros(2, 5)).shape
    torch.Size([2, 3])
    """
    options = {"num_inputs": num_inputs, "hidden": tuple(hidden), "dropout": dropout}
    return make(Head, num_outputs, seed=seed, weights=weights, **options)
