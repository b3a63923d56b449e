"""What a prediction is: a probability for each of C ordered classes.

Arrays hold distributions along their last axis, shape ``(..., C)``. NumPy arrays in give NumPy
arrays out, torch tensors in give torch tensors out; nested lists are read as NumPy arrays.
"""

import numpy as np

from emdviz._docstrings import fill
from emdviz.reading import (
    as_array,
    as_float_array,
    is_torch,
    namespace,
    read_count,
    read_floats,
    read_number,
    root,
    shown,
)

__all__ = ["binned_normal", "cdf", "expectation", "one_hot", "spread"]

MASS_TOLERANCE = 1e-4
"""How far the sum of a distribution in float32 or float64 may be from 1. Half precision may be
further off: by as much as it rounds numbers near 1."""

ROUNDING = 1e-7
"""How far below 0 rounding may put a probability."""

MOST_CLASSES = 1_000_000
"""The largest number of classes that is accepted; a larger one is nearly always a mistake."""


def check_distribution(values, name="p"):
    """Return ``values`` as an array of distributions, or raise an error that names the fault.

    Parameters
    ----------
    values : array, shape (..., C)
        Probabilities: finite, not negative, summing to 1 along the last axis
        (to within ``MASS_TOLERANCE``).
    name : str
        What the caller calls them; used in the error.

    Returns
    -------
    array, shape (..., C)
        ``values`` in float32 or float64, unchanged where they were; from half precision divided
        by their sums, so that they sum to 1 as well as they can.

    Raises
    ------
    ValueError, TypeError
        Naming ``name``, what was expected, what came and where.
    """
    return _check_values(as_float_array(values, name), name, _tolerance(values))


def _tolerance(values):
    """How far sums of distributions may be from 1, in the precision in which they came."""
    rounding = {"torch.float16": 1e-3, "float16": 1e-3, "torch.bfloat16": 8e-3}
    return rounding.get(str(getattr(values, "dtype", "")), MASS_TOLERANCE)


def _check_values(array, name, tolerance):
    detached = array.detach() if is_torch(array) else array
    xp = namespace(detached)
    if 0 in detached.shape:
        return array
    with np.errstate(all="ignore"):  # sums of values that are refused may overflow
        off = abs(xp.sum(detached, axis=-1) - 1)
        # two passes when all is well; NaN and infinities fail these comparisons too
        if bool(xp.min(detached) >= -ROUNDING) and bool(xp.all(off <= tolerance)):
            if tolerance > MASS_TOLERANCE:  # sums of rounded numbers become 1
                array = array / xp.sum(array, axis=-1, keepdims=True)
            return array
        mass = xp.sum(detached, axis=-1)
        _refuse(xp, ~xp.isfinite(detached), name, "must be finite", detached)
        _refuse(xp, detached < -ROUNDING, name, "must not be negative", detached)
        rule = "must sum to 1 along the last axis (divide by the sum, or apply softmax to logits)"
        _refuse(xp, abs(mass - 1) > tolerance, name, rule, mass)
    return array


def _refuse(xp, wrong, name, rule, values):
    if bool(xp.any(wrong)):
        index = tuple(int(i[0]) for i in xp.nonzero(wrong)) if wrong.ndim else ()
        where = f" at index {index}" if index else ""
        raise ValueError(f"{name} {rule}, got {float(values[index]):.6g}{where}")


def check_pair(p, t, names=("p", "t")):
    """Return two arrays of distributions that can be compared row by row.

    Leading shapes must be equal, or spell out a broadcast with axes of length 1, as in
    ``(N, 1, C)`` against ``(1, M, C)``; a single distribution ``(C,)`` goes with anything.
    Other shapes are refused rather than broadcast: they are nearly always a mistake.

    Raises
    ------
    ValueError, TypeError
        As :func:`check_distribution`, and for shapes that do not go together.
    """
    tolerances = [_tolerance(values) for values in (p, t)]
    # shapes first: they explain more than values do
    arrays = [as_float_array(values, name) for values, name in zip((p, t), names, strict=True)]
    p, t = _to_one_library((p, t), arrays)
    a, b = tuple(p.shape), tuple(t.shape)
    same_classes = a[-1] == b[-1]
    single = len(a) == 1 or len(b) == 1
    aligned = len(a) == len(b) and all(
        m == n or 1 in (m, n) for m, n in zip(a[:-1], b[:-1], strict=True)
    )
    if not (same_classes and (single or aligned)):
        are_labels = not same_classes and b[-1] == 1
        hint = f"; turn class indices into one_hot(labels, {a[-1]})" if are_labels else ""
        raise ValueError(
            f"{names[1]} must have the shape of {names[0]}, (..., C) = {a}, got {b}{hint}"
        )
    checked = zip((p, t), names, tolerances, strict=True)
    return tuple(_check_values(*each) for each in checked)


def _to_one_library(given, arrays):
    p, t = arrays
    if is_torch(p) != is_torch(t) and not isinstance(given[is_torch(p)], np.ndarray):
        # a plain list beside a tensor is meant as a tensor
        return (p, _like(t, p)) if is_torch(p) else (_like(p, t), t)
    xp = namespace(p, t)
    if p.dtype == t.dtype:
        return p, t
    return xp.astype(p, xp.float64), xp.astype(t, xp.float64)


def _like(array, tensor):
    import torch

    return torch.as_tensor(np.array(array), dtype=tensor.dtype, device=tensor.device)


def check_positions(positions, num_classes, like=None):
    """Return class positions as a strictly increasing array, shape ``(C,)``.

    Parameters
    ----------
    positions : array-like, shape (C,), or None
        Where each class lies on the line, in any unit; None means 0, 1, …, C − 1.
    num_classes : int
    like : array, optional
        Give the result this array's library, dtype and device.

    Raises
    ------
    ValueError
        If there are not ``num_classes`` finite, strictly increasing numbers.
    """
    num_classes = read_count(num_classes, "num_classes", 1, MOST_CLASSES)
    x = np.arange(num_classes, dtype=np.float64)
    if positions is not None:
        x = read_floats(positions, "positions")
        if x.shape != (num_classes,):
            raise ValueError(
                f"positions must hold one number per class, shape ({num_classes},), got {x.shape}"
            )
    if like is not None and "float32" in str(like.dtype):
        with np.errstate(over="ignore"):
            x = x.astype(np.float32)
    if positions is not None:
        _check_increase(x)
    if like is None or not is_torch(like):
        return x
    import torch

    return torch.as_tensor(x, device=like.device)


def _check_increase(x):
    with np.errstate(all="ignore"):
        most = 1e18 if x.dtype == np.float32 else 1e150  # squares of larger numbers are infinite
        if not np.all(np.abs(x) <= most):
            raise ValueError(
                f"positions must be finite, within ±{most:g} in {x.dtype}, got {x.tolist()}"
            )
        if np.any(np.diff(x) <= 0):
            raise ValueError(
                f"positions must increase from class to class, got {x.tolist()} in {x.dtype}; "
                "sort the classes, or merge those at the same place"
            )


def check_period(period, positions, offsets):
    """Return the length of the circle, given each class's distance from the first one."""
    if period is None:
        if positions is not None:
            raise ValueError("period must be given with positions: the length of the circle")
        return float(len(offsets))
    least = float(offsets[-1])
    expected = f"more than the {least:g} from the first to the last position"
    return read_number(period, "period", expected, lambda length: least < length < np.inf)


def one_hot(labels, num_classes):
    """Turn class indices into distributions that are certain of one class.

    Parameters
    ----------
    labels : array of int, shape (...)
        Class indices, 0 to C − 1.
    num_classes : int
        C.

    Returns
    -------
    array of float, shape (..., C)
        float64 for NumPy, torch's default dtype for torch.

    Raises
    ------
    TypeError
        If ``labels`` are not integers.
    ValueError
        If a label is not a class.

    Examples
    --------
    >>> one_hot([0, 2], 3)
    array([[1., 0., 0.],
           [0., 0., 1.]])
    """
    num_classes = read_count(num_classes, "num_classes", 1, MOST_CLASSES)
    labels = as_array(labels, "labels")
    if is_torch(labels):
        import torch

        if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
            raise TypeError(f"labels must be integers, got {labels.dtype}")
        _check_range(labels, num_classes)
        return torch.nn.functional.one_hot(labels.long(), num_classes).to(torch.get_default_dtype())
    if labels.dtype.kind not in "iu":
        raise TypeError(f"labels must be integers, got dtype {labels.dtype}")
    _check_range(labels, num_classes)
    return np.eye(num_classes)[labels]


def _check_range(labels, num_classes):
    size = labels.numel() if is_torch(labels) else labels.size
    if size and (int(labels.min()) < 0 or int(labels.max()) >= num_classes):
        raise ValueError(
            f"labels must be class indices 0 to {num_classes - 1}, "
            f"got {int(labels.min())} to {int(labels.max())}"
        )


def binned_normal(mean, deviation, edges):
    """Cut normal distributions into bins: the soft labels of an uncertain observer.

    P(class k) = Φ((e_{k+1} − μ) / σ) − Φ((e_k − μ) / σ), with e_0 = −∞ and e_C = ∞.

    Parameters
    ----------
    mean, deviation : array, shapes that broadcast to (...)
        μ and σ > 0, in the unit of the edges.
    edges : array-like, shape (C − 1,)
        Boundaries between neighbouring classes, increasing.

    Returns
    -------
    NumPy array of float64, shape (..., C)

    Raises
    ------
    ValueError
        If a deviation is not positive or the edges do not increase.

    Examples
    --------
    >>> binned_normal(0.0, 1.0, [-1, 1]).round(3)
    array([0.159, 0.683, 0.159])
    """
    from scipy.special import ndtr

    edges = read_floats(edges, "edges")
    if edges.ndim != 1 or not np.all(np.isfinite(edges)) or np.any(edges[1:] <= edges[:-1]):
        raise ValueError(f"edges must be one increasing list, and finite, got {edges.tolist()}")
    read = {"mean": mean, "deviation": deviation}
    read = {name: read_floats(values, name, scalars=True) for name, values in read.items()}
    for name, values in read.items():
        if not np.all(np.isfinite(values)):
            raise ValueError(f"{name} must be finite, got {shown(values.tolist())}")
    mean, deviation = read.values()
    if not np.all(deviation > 0):
        raise ValueError(f"deviation must be positive, got {deviation.min()}")
    try:
        mean, deviation = np.broadcast_arrays(mean, deviation)
    except ValueError:
        raise ValueError(
            f"deviation must go with the shape of mean, {mean.shape}, got {deviation.shape}"
        ) from None
    with np.errstate(over="ignore"):  # infinitely far is far enough
        z = (edges - mean[..., None]) / deviation[..., None]
    below = ndtr(z)
    ones = np.ones_like(mean)[..., None]
    return np.diff(np.concatenate([0 * ones, below, ones], axis=-1), axis=-1)


def cdf(p):
    """Cumulative distribution: CDF_i(p) = p_1 + … + p_i.

    Parameters
    ----------
    p : array, shape (..., C)

    Returns
    -------
    array, shape (..., C)
        From p_1 up to 1.

    Examples
    --------
    >>> cdf([0.25, 0.25, 0.5])
    array([0.25, 0.5 , 1.  ])
    """
    p = check_distribution(p)
    return namespace(p).cumulative_sum(p, axis=-1)


@fill
def expectation(p, *, positions=None):
    """Expected position of the class: E(p) = Σ_i p_i x_i.

    Parameters
    ----------
    p : array, shape (..., C)
    %(positions)s

    Returns
    -------
    array, shape (...)
        In the unit of ``positions`` (class steps by default).

    Examples
    --------
    >>> float(expectation([0.0, 0.5, 0.5]))
    1.5
    """
    p = check_distribution(p)
    return namespace(p).sum(p * check_positions(positions, p.shape[-1], like=p), axis=-1)


def spread(p, *, positions=None):
    """Standard deviation of the class position: sqrt(Σ_i p_i (x_i − E(p))²).

    Parameters and unit are those of :func:`expectation`. Where all mass lies on one class the
    gradient is 0.

    Examples
    --------
    >>> float(spread([0.5, 0.0, 0.5]))
    1.0
    """
    p = check_distribution(p)
    x = check_positions(positions, p.shape[-1], like=p)
    deviation = x - expectation(p, positions=positions)[..., None]
    xp = namespace(p)
    return root(xp, xp.sum(p * deviation**2, axis=-1), 2)
