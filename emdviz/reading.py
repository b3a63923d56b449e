"""Read arguments: arrays of any library and layout, numbers, names.

An error names the argument, what was expected and what came, before anything is computed.
"""

import inspect
import math
import numbers
import operator
import reprlib
import shlex
import sys
from contextlib import contextmanager
from contextvars import ContextVar
from os import PathLike
from pathlib import Path

import numpy as np

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 120
_SHORT.maxlist = _SHORT.maxtuple = _SHORT.maxset = _SHORT.maxdict = 12


class ArgumentError(ValueError):
    """A wrong argument, for code that must tell errors apart without reading their text.

    Attributes
    ----------
    argument : str
        Its name.
    choices : tuple
        All that it may be, or all names that it may hold; empty where they cannot be listed.
    value
        What came, where it is none of the choices.
    missing : str
        The entry that it lacks; empty if none.
    """

    def __init__(self, message, argument="", choices=(), value=None, missing=""):
        super().__init__(message)
        self.argument, self.choices = argument, tuple(choices)
        self.value, self.missing = value, missing


def shown(value):
    """Return the ``repr`` of anything for an error message, shortened where it is long."""
    return _SHORT.repr(value)


def counted(places, what):
    """Count places, such as the rows where something is wrong, and show the first three.

    Examples
    --------
    >>> counted([4, 7, 8, 9], "row"), counted([7], "line")
    ('4 rows (4, 7, 8, …)', '1 line (7)')
    """
    some = ", ".join(map(str, places[:3])) + (", …" if len(places) > 3 else "")
    return f"{len(places)} {what}{'s' * (len(places) != 1)} ({some})"


def amount(count, what):
    """Return a number and the word for what it counts, in the plural unless it is 1.

    Examples
    --------
    >>> amount(1, "row"), amount(1200, "loss")
    ('1 row', '1,200 losses')
    """
    ending = "" if count == 1 else "es" if what.endswith("s") else "s"
    return f"{count:,} {what}{ending}"


_AS_OPTIONS = ContextVar("as_options", default=False)


@contextmanager
def as_options():
    """Let :func:`typed` name options of the command line inside the block."""
    before = _AS_OPTIONS.set(True)
    try:
        yield
    finally:
        _AS_OPTIONS.reset(before)


def typed(name, value=None):
    """Return what to type to give an argument, in Python or on the command line.

    Without a value it is the name alone.

    Examples
    --------
    >>> typed("bins", 10), typed("drop", ["a b"]), typed("label")
    ('bins=10', "drop=['a b']", 'label')
    >>> with as_options():
    ...     typed("bins", 10), typed("drop", ["a b"]), typed("label")
    ('--bins 10', "--drop 'a b'", '--label')
    """
    if _AS_OPTIONS.get():
        words = [option_of(name)] if value is None else option_words(name, value)
        return " ".join(word if word == "…" else shlex.quote(word) for word in words)
    if value is None:
        return name
    if isinstance(value, list):
        return f"{name}=[{', '.join('…' if one == '…' else repr(one) for one in value)}]"
    return f"{name}={value!r}"


def option_of(name):
    """Return the option of the command line for an argument."""
    return f"--{'weights' if name == 'weight' else name}"


def option_words(name, value):
    """Return the words of the command line that give a value, or several, to an argument.

    Examples
    --------
    >>> option_words("classes", ["low", "high"]), option_words("drop", ["cm, rounded"])
    (['--classes', 'low,high'], ['--drop', 'cm, rounded'])
    """
    option = option_of(name)
    if isinstance(value, bool):
        return [option if value else f"--no-{name}"]
    if not isinstance(value, list | tuple | range):
        return [option, str(value)]
    if any("," in str(one) for one in value):
        return [word for one in value for word in (option, str(one))]
    return [option, ",".join(map(str, value))]


def is_torch(array):
    """Tell whether ``array`` is a torch tensor; torch is not imported to find out."""
    tensor = getattr(sys.modules.get("torch"), "Tensor", ())
    return isinstance(array, tensor)


def has_float64(tensor):
    """Tell whether the device of a tensor has float64, which Apple's GPU (MPS) lacks."""
    return tensor.device.type != "mps"


def is_pandas(values, *kinds):
    """Tell whether ``values`` is of a class of pandas, named; pandas is not imported to find out.

    >>> is_pandas([1, 2], "DataFrame", "Series")
    False
    """
    pandas = sys.modules.get("pandas")
    return isinstance(values, tuple(getattr(pandas, kind, ()) for kind in kinds))


def namespace(*arrays):
    """Return the array-API namespace that all ``arrays`` belong to."""
    if all(isinstance(array, np.ndarray) for array in arrays):
        return np  # NumPy 2 is an array-API namespace itself
    libraries = {is_torch(array) for array in arrays}
    if len(libraries) > 1:
        names = ", ".join(type(array).__name__ for array in arrays)
        raise TypeError(
            f"arrays must come from one library, got {names}; "
            "convert with torch.as_tensor(...) or .numpy()"
        )
    from array_api_compat import array_namespace

    return array_namespace(*arrays)


def as_array(values, name):
    """Return a dense tensor as it is, a sparse one made dense, anything else as a NumPy array."""
    if is_torch(values):
        import torch

        if values.device.type == "meta":
            raise ValueError(f"{name} must hold numbers, got one on the meta device: it has none")
        if values.is_quantized:
            raise TypeError(f"{name} must hold real numbers, got {values.dtype}; dequantize() it")
        return values.to_dense() if values.layout != torch.strided else values
    if np.ma.isMaskedArray(values):
        if np.ma.getmaskarray(values).any():
            raise ValueError(f"{name} must have no masked entries; fill them, or leave them out")
        values = values.data
    try:
        return np.asarray(values)
    except Exception as error:  # objects in a list may raise anything
        raise ValueError(f"{name} must be a regular array: {error}") from None


def to_numpy(values, name="values"):
    """Return a tensor, array or list as a NumPy array on the CPU, without its gradient.

    bfloat16, which NumPy lacks, becomes float32.
    """
    array = as_array(values, name)
    if not is_torch(array):
        return array
    array = array.detach().cpu().resolve_conj().resolve_neg()
    return (array.float() if str(array.dtype) == "torch.bfloat16" else array).numpy()


def as_float_array(values, name, *, scalars=False):
    """Read ``values`` as a floating-point array, of at least one axis unless ``scalars`` may come.

    Integers become float64, on a device without it float32. Half precision becomes float32, since
    sums of it lose digits.
    """
    array = as_array(values, name)
    if is_torch(array):
        if array.is_complex():
            raise TypeError(f"{name} must hold real numbers, got {array.dtype}")
        if not array.is_floating_point():
            array = array.double() if has_float64(array) else array.float()
        elif array.dtype.itemsize < 4:
            array = array.float()
    else:
        if array.dtype.kind not in "biuf":
            raise TypeError(f"{name} must hold real numbers, got dtype {array.dtype}")
        if array.dtype.kind != "f" or array.dtype.itemsize > 8:
            array = array.astype(np.float64)
        elif array.dtype.itemsize < 4 or not array.dtype.isnative:
            array = array.astype(f"f{max(array.dtype.itemsize, 4)}")
    if not scalars and (array.ndim == 0 or array.shape[-1] == 0):
        hint = "; turn a class index k into one_hot(k, C)" if array.ndim == 0 else ""
        raise ValueError(
            f"{name} must have the classes on its last axis, shape (..., C) with C ≥ 1, "
            f"got {tuple(array.shape)}{hint}"
        )
    return array


def read_floats(values, name, *, scalars=False):
    """Read real numbers as :func:`as_float_array` does, into a new NumPy array of float64."""
    return to_numpy(as_float_array(values, name, scalars=scalars)).astype(np.float64)


def read_finite(values, name, axes, *, gaps=False):
    """Return numbers to be drawn, with so many axes: finite, or NaN too where ``gaps`` may be."""
    array = read_floats(values, name)
    if array.ndim != axes or not array.size:
        raise ValueError(f"{name} must have {axes} axes, none of them empty, got {array.shape}")
    if np.isinf(array).any() or (np.isnan(array).any() and not gaps):
        index = tuple(int(k) for k in np.argwhere(~np.isfinite(array))[0])
        raise ValueError(f"{name} must be finite, got {array[index]:g} at index {index}")
    return array


def read_number(value, name, expected="a finite number", fits=math.isfinite):
    """Return a real number as a float, or raise a ValueError that says what was ``expected``.

    Examples
    --------
    >>> read_number(np.float32(0.5), "lam")
    0.5
    """
    single = value
    if (is_torch(value) or isinstance(value, np.ndarray)) and value.ndim == 0:
        single = to_numpy(value, name)[()]
    if isinstance(single, numbers.Real) and not isinstance(single, bool):
        try:
            number = float(single)
        except OverflowError:
            number = math.copysign(math.inf, single)
        if fits(number):
            return number
    raise ValueError(f"{name} must be {expected}, got {shown(value)}")


def read_count(value, name, low=0, high=math.inf):
    """Return a whole number from ``low`` to ``high`` as an int, or raise a TypeError or ValueError.

    Examples
    --------
    >>> read_count(np.int8(3), "count")
    3
    """
    range_ = f"{low} to {high}" if high < math.inf else f"{low} or more"
    try:
        number = operator.index(value)
    except Exception:  # a tensor may raise anything
        error = ValueError if isinstance(value, numbers.Real) else TypeError
        raise error(f"{name} must be an integer, {range_}, got {shown(value)}") from None
    if isinstance(value, bool) or not low <= number <= high:
        raise ValueError(f"{name} must be an integer, {range_}, got {shown(value)}")
    return number


def check_is(value, name, kind, what):
    """Raise a TypeError unless ``value`` is of the type ``kind``, which ``what`` describes."""
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be {what}, got {shown(value)}")


def read_path(value, name, what):
    """Return a path with its ``~`` expanded, or raise a TypeError that says what it leads to."""
    check_is(value, name, str | PathLike, what)
    return Path(value).expanduser()


def read_names(values, name, num_classes=None):
    """Return names as a list of str, one for each class where their number is given."""
    try:
        if isinstance(values, str | bytes | dict | set | frozenset):
            raise TypeError("no list")
        names = [str(item) for item in values if len(values)]  # no endless generator
    except Exception:  # objects that are no list may raise anything
        raise TypeError(f"{name} must be a list of names, got {shown(values)}") from None
    if num_classes is not None and len(names) != num_classes:
        raise ValueError(f"{name} must name {num_classes} classes, got {len(names)}")
    return names


def read_flag(value, name):
    """Return True or False, or raise a TypeError for anything else."""
    if isinstance(value, (bool, np.bool_)):  # a tuple, for torch 2.6 compiles no union of types
        return bool(value)
    raise TypeError(f"{name} must be True or False, got {shown(value)}")


def read_choice(value, name, choices):
    """Return ``value`` if it is one of some names, or raise an ArgumentError that lists them."""
    if isinstance(value, str) and value in choices:
        return value
    message = f"{name} must be one of {list(choices)}, got {shown(value)}"
    raise ArgumentError(message, name, choices, value)


def parameters_of(function):
    """Return the parameters of a callable; None of some built-in functions, which tell none."""
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return None


def root(xp, value, order):
    """Return the order-th root of numbers ≥ 0; its gradient is 0, not NaN, where they are 0."""
    if order == 1:
        return value
    positive = value > 0
    found = xp.where(positive, xp.where(positive, value, 1.0) ** (1 / order), 0.0 * value)
    return found[()]  # a number where NumPy has an array without axes
