"""Modules that follow from functions."""

import inspect

import numpy as np
import torch
from torch import nn

from emdviz.reading import as_float_array


class Criterion(nn.Module):
    """Module of any callable of (outputs, targets); ``read`` and ``read_targets`` convert them."""

    def __init__(self, function, read=None, read_targets=None):
        super().__init__()
        self.function, self.read, self.read_targets = function, read, read_targets

    def forward(self, outputs, targets):
        """Return the loss of a batch."""
        outputs = outputs if self.read is None else self.read(outputs)
        targets = targets if self.read_targets is None else self.read_targets(targets)
        return self.function(outputs, targets)


class FunctionLoss(nn.Module):
    """Base of a Module that keeps the options of a loss function, with its tensors as buffers.

    ``class SquaredEMDLoss(FunctionLoss, function=emd2_loss)`` takes the keywords of ``emd2_loss``.
    """

    def __init_subclass__(cls, function, **options):
        super().__init_subclass__(**options)
        cls.function = staticmethod(function)
        _, _, *keywords = inspect.signature(function).parameters.values()  # input, target
        cls.__signature__ = inspect.Signature(keywords)

    def __init__(self, **options):
        super().__init__()
        bound = self.__signature__.bind(**options)
        bound.apply_defaults()
        self.given, self.options = options, bound.arguments
        self.tensors = [name for name in ("weight", "ground_distance") if name in self.options]
        for name in self.tensors:
            value = self.options.pop(name)
            if value is not None:
                value = as_tensor(value, name).clone()
            self.register_buffer(name, value)

    def forward(self, input, target):
        """Return the loss of a batch; shapes as in the function."""
        tensors = {name: getattr(self, name) for name in self.tensors}
        return type(self).function(input, target, **tensors, **self.options)

    def _apply(self, fn, recurse=True):
        """Do what ``to(device)`` asks; where the device lacks float64, with float32."""

        def move(tensor):
            try:
                return fn(tensor)
            except TypeError:
                return fn(tensor.float())

        return super()._apply(move, recurse)

    def extra_repr(self):
        """Show the options in ``print(model)``."""
        return ", ".join(f"{name}={value!r}" for name, value in self.options.items())


def as_tensor(values, name):
    """Return an array of real numbers of any library as a floating-point tensor."""
    array = as_float_array(values, name)
    return array if isinstance(array, torch.Tensor) else torch.from_numpy(np.array(array))
