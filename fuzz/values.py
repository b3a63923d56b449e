"""Arguments: good ones, as every type that people keep arrays in, and hostile ones.

A kind makes a good argument from random numbers. A *container* holds the same numbers as another
type, dtype or layout; a *mutation* makes them wrong, or at least unusual.
"""

import datetime
import decimal
import fractions
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch


class Unreadable(Exception):
    """The value does not hold real numbers only."""


def numbers(value, whole=False):
    """Return ``value`` as float64, read without any help of emdviz; ``whole``: only integers."""
    if isinstance(value, torch.Tensor):
        if value.device.type == "meta" or value.is_complex() or value.is_quantized:
            raise Unreadable
        if whole and (value.is_floating_point() or value.dtype == torch.bool):
            raise Unreadable
        return value.detach().to_dense().to(torch.float64).numpy()
    if isinstance(value, np.ma.MaskedArray) and np.ma.getmaskarray(value).any():
        raise Unreadable
    try:
        array = np.asarray(value)
        if array.dtype.kind not in ("iu" if whole else "biuf"):
            raise Unreadable
        return np.array(array, dtype=np.float64)
    except Exception:
        raise Unreadable from None


def _frozen(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def _strided(array):
    if not array.ndim:
        return array
    wide = np.full((*array.shape[:-1], 2 * array.shape[-1]), np.nan)
    wide[..., ::2] = array
    return wide[..., ::2]


def _frame(array):
    if array.ndim > 2:
        return array
    return pd.DataFrame(array) if array.ndim == 2 else pd.Series(np.atleast_1d(array))


def _leaf(array):
    return torch.tensor(array, requires_grad=True)


PLAIN = {
    "float64": lambda a: a,
    "list": lambda a: a.tolist(),
    "float32": lambda a: a.astype(np.float32),
    "read-only": _frozen,
    "tensor": lambda a: torch.tensor(a),
    "float32 tensor": lambda a: torch.tensor(a, dtype=torch.float32),
    "tensor with grad": _leaf,
    "computed tensor": lambda a: _leaf(a) * 1.0,
}
"""Containers from which good numbers must be taken."""

ODD = {
    "big-endian": lambda a: a.astype(">f8"),
    "big-endian float32": lambda a: a.astype(">f4"),
    "strided": _strided,
    "backwards": lambda a: np.flip(np.ascontiguousarray(np.flip(a))),
    "Fortran": np.asfortranarray,
    "tuple": lambda a: tuple(a.tolist()) if a.ndim else a.tolist(),
    "list of arrays": lambda a: list(a) if a.ndim else a,
    "float16": lambda a: a.astype(np.float16),
    "longdouble": lambda a: a.astype(np.longdouble),
    "pandas": _frame,
    "pandas nullable": lambda a: pd.Series(a, dtype="Float64") if a.ndim == 1 else a,
    "pandas index": lambda a: pd.Index(a) if a.ndim == 1 else a,
    "matrix": lambda a: np.matrix(a) if a.ndim == 2 else a,
    "masked, none of it": lambda a: np.ma.array(a),
    "half tensor": lambda a: torch.tensor(a, dtype=torch.float16),
    "bfloat16 tensor": lambda a: torch.tensor(a, dtype=torch.bfloat16),
    "transposed tensor": lambda a: torch.tensor(a.T.copy()).T if a.ndim == 2 else torch.tensor(a),
    "expanded tensor": lambda a: torch.tensor(a).unsqueeze(0).expand(1, *a.shape)[0],
    "sparse tensor": lambda a: torch.tensor(a).to_sparse() if a.ndim else torch.tensor(a),
    "conjugated view": lambda a: torch.tensor(a + 0j).real,
    "integers": lambda a: np.rint(np.nan_to_num(a, posinf=9, neginf=-9)).astype(np.int64),
    "bools": lambda a: a > 0.5,
    "small integers": lambda a: np.rint(np.clip(np.nan_to_num(a), 0, 9)).astype(np.uint8),
    "list of tensors": lambda a: list(torch.tensor(a)) if a.ndim else a.tolist(),
    "list of numbers of NumPy": lambda a: list(a.ravel()) if a.ndim == 1 else a.tolist(),
}
"""Containers from which good numbers are taken, or refused with an error of emdviz."""


def _masked(array):
    mask = np.zeros(array.shape, dtype=bool)
    mask.ravel()[:1] = True
    return np.ma.array(array, mask=mask)


WHOLE = {
    "int64": lambda a: a,
    "list": lambda a: a.tolist(),
    "int32": lambda a: a.astype(np.int32),
    "read-only": _frozen,
    "int64 tensor": lambda a: torch.tensor(a),
    "int32 tensor": lambda a: torch.tensor(a, dtype=torch.int32),
    "uint8": lambda a: np.clip(a, 0, 255).astype(np.uint8),
    "int16 tensor": lambda a: torch.tensor(np.clip(a, -9, 999), dtype=torch.int16),
    "big-endian": lambda a: a.astype(">i8"),
    "uint64": lambda a: np.maximum(a, 0).astype(np.uint64),
    "backwards": lambda a: np.flip(np.ascontiguousarray(np.flip(a))),
    "pandas": _frame,
    "pandas nullable": lambda a: pd.Series(a, dtype="Int64") if a.ndim == 1 else a,
    "tuple": lambda a: tuple(a.tolist()) if a.ndim else a.tolist(),
}
"""Containers of integers; the first six are plain."""


FOREIGN = {
    "masked": _masked,
    "meta tensor": lambda a: torch.empty(a.shape, device="meta"),
    "objects": lambda a: a.astype(object),
    "text": lambda a: a.astype(str),
    "complex": lambda a: a + 1j,
    "complex tensor": lambda a: torch.tensor(a + 1j),
    "dates": lambda a: np.full(a.shape, np.datetime64("2017-01-01")),
    "ragged": lambda a: [a.tolist(), [0.5], [[1]]],
    "ragged tensors": lambda a: [torch.ones(2), torch.ones(3)],
    "record": lambda a: np.zeros(a.shape, dtype=[("x", float)]),
    "missing": lambda a: [None, *np.atleast_1d(a).tolist()],
    "dict": lambda a: dict(enumerate(np.atleast_1d(a).tolist())),
    "generator": lambda a: (x for x in np.atleast_1d(a).tolist()),
    "set": lambda a: set(np.asarray(a).ravel().tolist()),
    "quantised": lambda a: torch.quantize_per_tensor(
        torch.tensor(np.nan_to_num(np.clip(a, -9, 9)), dtype=torch.float32), 0.1, 0, torch.qint8
    ),
    "nullable with a gap": lambda a: pd.array([None, *np.ravel(a).tolist()], dtype="Float64"),
}
"""Containers that hold no numbers, or miss some."""


def _put(number):
    def put(array, rng):
        array = array.copy()
        if array.size:
            array.reshape(-1)[rng.integers(array.size)] = number
        return array

    return put


MUTATIONS = {
    **{f"a {number}": _put(number) for number in (np.nan, np.inf, -np.inf, -0.3, 5e-324, 1e308)},
    "-0.0": _put(-0.0),
    "denormals": lambda a, rng: a * 1e-310,
    "huge": lambda a, rng: np.clip(a * 1e300, -1e308, 1e308),
    "doubled": lambda a, rng: a * 2,
    "nearly": lambda a, rng: a * (1 + 10.0 ** rng.uniform(-8, -2)),
    "negative": lambda a, rng: -a,
    "zeros": lambda a, rng: a * 0,
    "one fewer": lambda a, rng: a[..., :-1],
    "one more": lambda a, rng: np.concatenate([a, a[..., :1]], axis=-1) if a.ndim else a,
    "no class": lambda a, rng: a[..., :0],
    "no row": lambda a, rng: a[:0],
    "an axis more": lambda a, rng: a[..., None],
    "an axis before": lambda a, rng: a[None],
    "one number": lambda a, rng: a.ravel()[0] if a.size else a,
    "transposed": lambda a, rng: a.T,
    "shuffled": lambda a, rng: rng.permutation(a) if a.ndim else a,
    "constant": lambda a, rng: np.full_like(a, a.ravel()[0]) if a.size else a,
    "noise": lambda a, rng: rng.normal(size=a.shape) * 10.0 ** rng.integers(-300, 300),
    "a half more": lambda a, rng: a + 0.5,
}


class Unprintable:
    """An object whose inspection raises errors."""

    def __array__(self, *args, **kwargs):
        raise RuntimeError("no")

    def __len__(self):
        raise RuntimeError("no")


SCALARS = (
    None,
    True,
    False,
    0,
    1,
    -1,
    2,
    3,
    7,
    2**70,
    -(2**70),
    0.0,
    -0.0,
    0.5,
    1.5,
    -0.5,
    1e-300,
    5e-324,
    1e308,
    float("nan"),
    float("inf"),
    float("-inf"),
    1j,
    "",
    "XE",
    "EMD2",
    "1",
    "no such thing",
    "\0",
    "../x",
    b"",
    b"1",
    (),
    [],
    [1],
    [[1.0]],
    {},
    {"a": 1},
    set(),
    frozenset({1}),
    range(3),
    slice(1),
    np.float64(0.5),
    np.float32(2),
    np.int8(1),
    np.uint8(255),
    np.bool_(True),
    np.array(1.0),
    np.array(2),
    np.array([1.0, 2.0]),
    np.array([]),
    np.array("x"),
    torch.tensor(1.0),
    torch.tensor(2),
    torch.tensor([1.0, 2.0]),
    torch.empty((), device="meta"),
    torch.empty(2, device="meta"),
    torch.tensor(1.0, requires_grad=True),
    pd.NA,
    pd.NaT,
    pd.Series([1.0]),
    pd.DataFrame(),
    decimal.Decimal("0.5"),
    decimal.Decimal("NaN"),
    fractions.Fraction(1, 2),
    datetime.date(2017, 1, 1),
    object,
    object(),
    len,
    lambda *a: None,
    ...,
    NotImplemented,
    Unprintable(),
    np.datetime64("NaT"),
    np.ma.masked,
    torch.float32,
    complex(1, 0),
)
"""Objects that may replace any argument."""


@dataclass(frozen=True)
class Kind:
    """A kind of argument.

    Attributes
    ----------
    make : callable
        (rng, sizes) -> a good argument: a float64 array where ``numeric``, else anything.
    numeric : bool
        Whether it is an array of numbers that comes in containers.
    whole : bool
        Whether these numbers are integers.
    replaceable : bool
        Whether any other object may stand in its place.
    """

    make: Callable
    numeric: bool = False
    whole: bool = False
    replaceable: bool = True


@dataclass(frozen=True)
class Sizes:
    """The sizes that the arguments of one call share."""

    classes: int
    leading: tuple
    form: int = 1

    @property
    def rows(self):
        """How many rows there are, of (N, C)."""
        return self.leading[0] if self.leading else 3


def distribution_rows(rng, shape):
    """Distributions of many shapes: even, sparse, one-hot, with tiny probabilities."""
    power = rng.choice([0.3, 1.0, 8.0])
    weights = rng.random(shape) ** power + 1e-12
    if rng.random() < 0.3:
        weights = weights * (rng.random(shape) < 0.5)
        weights[..., rng.integers(shape[-1])] += 1e-9
    if rng.random() < 0.2:
        weights = np.eye(shape[-1])[rng.integers(shape[-1], size=shape[:-1])]
    return weights / weights.sum(axis=-1, keepdims=True)


def scalar(low, high):
    """A kind of number from low to high."""
    return Kind(lambda rng, sizes: float(rng.uniform(low, high)))


def count(low, high):
    """A kind of whole number from low to high."""
    return Kind(lambda rng, sizes: int(rng.integers(low, high + 1)))


def choice(*options):
    """A kind that is one of some values."""
    return Kind(lambda rng, sizes: options[rng.integers(len(options))])


def fixed(make):
    """A kind of thing that is not made of numbers; ``make(rng, sizes)``."""
    return Kind(make)


def array(make):
    """A kind of array of numbers; ``make(rng, sizes)``."""
    return Kind(make, numeric=True)


def integers(make):
    """A kind of array of integers; ``make(rng, sizes)``."""
    return Kind(make, numeric=True, whole=True)


P = array(lambda rng, s: distribution_rows(rng, (*s.leading, s.classes)))
ONE_P = array(lambda rng, s: distribution_rows(rng, (s.classes,)))
ROWS = array(lambda rng, s: distribution_rows(rng, (s.rows, s.classes)))
MASSES = array(lambda rng, s: rng.random((*s.leading, s.classes)) * 10.0 ** rng.integers(-3, 4))
POSITIONS = array(lambda rng, s: np.cumsum(rng.uniform(0.1, 3, s.classes)) - 2)
LABELS = integers(lambda rng, s: rng.integers(s.classes, size=s.rows))
SCORES = array(lambda rng, s: rng.normal(size=s.rows))
SQUARE = array(lambda rng, s: rng.random((s.classes, s.classes)))
NAMES = fixed(lambda rng, s: [f"<b>{k}</b>" for k in range(s.classes)])
FLAG = choice(False, True)


def _distance(rng, sizes):
    d = rng.random((sizes.classes, sizes.classes)) * 3
    return (d + d.T) * (1 - np.eye(sizes.classes))


DISTANCE = array(_distance)
