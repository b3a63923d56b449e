"""Traits that hold predictions and say in plain words what is wrong with a value."""

import operator

import numpy as np
import traitlets

from emdviz.distributions import check_distribution, check_positions
from emdviz.reading import read_count, read_floats, read_names, read_number, shown, to_numpy

FURTHEST = 1e12
"""How far from 0 a class may lie: squares of it, times weights, are still shown."""


class Distribution(traitlets.TraitType):
    """A probability per class, kept as a list of float."""

    def validate(self, obj, value):
        """Read any array-like of shape (C,)."""
        return read_prediction(value, self.name, obj.num_classes)


class ClassIndex(traitlets.TraitType):
    """The index of a class, 0 to C − 1."""

    default_value = 0

    def validate(self, obj, value):
        """Read an integer of any kind; True and 2.0 are not class indices."""
        return read_class_index(value, self.name, obj.num_classes)


class ClassNames(traitlets.TraitType):
    """A name per class, all different."""

    def validate(self, obj, value):
        """Read any sequence of C names."""
        names = as_trait(read_names, value, self.name, obj.num_classes)
        twice = sorted({item for item in names if names.count(item) > 1})
        if twice:
            raise traitlets.TraitError(
                f"{self.name} must all be different, got {twice} more than once"
            )
        return names


class Positions(traitlets.TraitType):
    """Increasing class positions, or None for 0, 1, …, C − 1."""

    default_value = None
    allow_none = True

    def validate(self, obj, value):
        """Read any array-like of shape (C,)."""
        try:
            positions = read_floats(value, self.name)
        except (TypeError, ValueError):
            raise traitlets.TraitError(
                f"{self.name} must be {obj.num_classes} increasing numbers, got {shown(value)}"
            ) from None
        positions = as_trait(check_positions, positions, obj.num_classes)
        if abs(positions).max() > FURTHEST:
            raise traitlets.TraitError(
                f"{self.name} must lie within ±{FURTHEST:g}, got {positions.tolist()}"
            )
        return positions.tolist()


class Share(traitlets.TraitType):
    """One probability, 0 to 1."""

    default_value = 0.0

    def validate(self, obj, value):
        """Read a number of any kind."""
        expected = "a number from 0 to 1"
        share = as_trait(read_number, value, self.name, expected, lambda x: 0 <= x <= 1)
        return abs(share)  # -0.0 counts as no change, but looks like one


class Number(traitlets.TraitType):
    """A number from ``low`` to ``high``, as a float."""

    def __init__(self, default_value, low, high, **metadata):
        super().__init__(default_value, **metadata)
        self.low, self.high = low, high

    def validate(self, obj, value):
        """Read a number of any kind; True is none."""
        expected = f"a number from {self.low:g} to {self.high:g}"
        # a slider of logarithms may miss its end by a rounding
        least, most = self.low * (1 - 1e-9), self.high * (1 + 1e-9)
        return as_trait(read_number, value, self.name, expected, lambda x: least <= x <= most)


class WholeNumber(Number):
    """A whole number from ``low`` to ``high``, or to ``high(explorer)``; True and 2.0 are none."""

    def validate(self, obj, value):
        """Read an integer of any kind."""
        return as_trait(read_count, value, self.name, self.low, self.highest(obj))

    def highest(self, explorer):
        """Return ``high`` for an explorer."""
        return self.high(explorer) if callable(self.high) else self.high


class Pins(traitlets.TraitType):
    """Indices of the classes that stay while others move."""

    def validate(self, obj, value):
        """Read any iterable of class indices."""
        try:
            values = list(value)
        except TypeError:
            raise traitlets.TraitError(
                f"{self.name} must be a list of class indices, got {value!r}"
            ) from None
        return sorted({read_class_index(i, self.name, obj.num_classes) for i in values})


def as_trait(read, *arguments):
    """Read a value, and raise what is wrong with it as a TraitError."""
    try:
        return read(*arguments)
    except (TypeError, ValueError) as error:
        raise traitlets.TraitError(str(error)) from None


def read_prediction(value, name, num_classes):
    """Return ``value`` as a list of C probabilities, or raise a TraitError that says why not."""
    try:
        p = read_floats(value, name, scalars=True)
    except (TypeError, ValueError):
        raise traitlets.TraitError(
            f"{name} must be {num_classes} probabilities, got {shown(value)}"
        ) from None
    if p.shape != (num_classes,):
        raise traitlets.TraitError(
            f"{name} must hold one probability per class, shape ({num_classes},), got {p.shape}"
        )
    if not p.any():
        raise traitlets.TraitError(f"{name} must sum to 1, got zeros only")
    p = to_numpy(as_trait(check_distribution, value, name)).astype(np.float64)
    return np.maximum(p, 0.0).tolist()


def read_class_index(value, name, num_classes):
    """Return ``value`` as a class index, or raise a TraitError that says why not."""
    try:
        index = operator.index(value)
    except TypeError:
        index = -1
    if isinstance(value, bool | np.bool_) or not 0 <= index < num_classes:
        named = isinstance(value, str)
        hint = "; type its place among the classes: 0 for the first" if named else ""
        raise traitlets.TraitError(
            f"{name} must be a class index, 0 to {num_classes - 1}, got {value!r}{hint}"
        )
    return index
