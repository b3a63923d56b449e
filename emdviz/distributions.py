"""What a prediction is: a probability for each of C ordered classes.

Arrays hold distributions along their last axis, shape ``(..., C)``. NumPy arrays in give NumPy
arrays out, torch tensors in give torch tensors out; nested lists are read as NumPy arrays.
"""

import math

import numpy as np

MASS_TOLERANCE = 1e-4
"""How far the sum of a distribution may be from 1 before it is refused."""

ROUNDING = 1e-7
"""How far below 0 a probability may be by rounding before it is refused."""


def is_torch(array):
    """Say whether ``array`` is a torch tensor, without importing torch for those who lack it."""
    return type(array).__module__.split(".")[0] == "torch" or hasattr(array, "requires_grad")


def to_numpy(values):
    """Return a tensor, array or list as a NumPy array on the CPU, without its gradient."""
    return values.detach().cpu().numpy() if is_torch(values) else np.asarray(values)


def namespace(*arrays):
    """Return the array-API namespace that all ``arrays`` belong to.

    Raises
    ------
    TypeError
        If they come from different libraries.
    """
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


def as_float_array(values, name):
    """Read ``values`` as a floating-point array of at least one axis; integers become float64.

    Raises
    ------
    TypeError
        If ``values`` do not form an array of real numbers.
    ValueError
        If they have no axis, or no class along the last one.
    """
    if is_torch(values):
        import torch

        array = values
        if array.is_complex():
            raise TypeError(f"{name} must hold real numbers, got {array.dtype}")
        if not array.is_floating_point():
            array = array.to(torch.float64)
    else:
        try:
            array = np.asarray(values)
        except ValueError as error:
            raise ValueError(f"{name} must be a regular array: {error}") from None
        if array.dtype.kind in "biu":
            array = array.astype(np.float64)
        if array.dtype.kind != "f":
            raise TypeError(f"{name} must hold real numbers, got dtype {array.dtype}")
    if array.ndim == 0 or array.shape[-1] == 0:
        raise ValueError(
            f"{name} must have the classes on its last axis, shape (..., C) with C ≥ 1, "
            f"got {tuple(array.shape)}"
        )
    return array


def check_distribution(values, name="p"):
    """Return ``values`` as an array of distributions, or say what is wrong with them.

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
        ``values`` as a floating-point array, unchanged where it was one.

    Raises
    ------
    ValueError, TypeError
        Naming ``name``, what was expected, what came and where.
    """
    array = as_float_array(values, name)
    detached = array.detach() if is_torch(array) else array
    xp = namespace(detached)
    if 0 in detached.shape:
        return array
    mass = xp.sum(detached, axis=-1)
    # two passes when all is well; NaN and infinities fail these comparisons too
    if not (bool(xp.min(detached) >= -ROUNDING) and bool(xp.all(abs(mass - 1) <= MASS_TOLERANCE))):
        _refuse(xp, ~xp.isfinite(detached), name, "must be finite", detached)
        _refuse(xp, detached < -ROUNDING, name, "must not be negative", detached)
        rule = "must sum to 1 along the last axis (divide by the sum, or apply softmax to logits)"
        _refuse(xp, abs(mass - 1) > MASS_TOLERANCE, name, rule, mass)
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
    for values, name in zip((p, t), names, strict=True):
        as_float_array(values, name)  # shapes first: they explain more than values do
    p, t = _to_one_library(p, t)
    a, b = tuple(p.shape), tuple(t.shape)
    same_classes = a[-1] == b[-1]
    single = len(a) == 1 or len(b) == 1
    aligned = len(a) == len(b) and all(
        m == n or 1 in (m, n) for m, n in zip(a[:-1], b[:-1], strict=True)
    )
    if not (same_classes and (single or aligned)):
        raise ValueError(
            f"{names[1]} must have the shape of {names[0]}, (..., C) = {a}, got {b}"
            + (
                f"; turn class indices into one_hot(labels, {a[-1]})"
                if not same_classes and b[-1] == 1
                else ""
            )
        )
    return check_distribution(p, names[0]), check_distribution(t, names[1])


def _to_one_library(p, t):
    # a plain list beside a tensor is meant as a tensor
    if is_torch(p) and not is_torch(t) and not isinstance(t, np.ndarray):
        return p, p.new_tensor(t)
    if is_torch(t) and not is_torch(p) and not isinstance(p, np.ndarray):
        return t.new_tensor(p), t
    p, t = (x if is_torch(x) else np.asarray(x, dtype=_float_type(x)) for x in (p, t))
    namespace(p, t)
    return p, t


def _float_type(values):
    dtype = np.asarray(values).dtype
    return dtype if dtype.kind == "f" else np.float64


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
    if positions is None:
        x = np.arange(num_classes, dtype=np.float64)
    else:
        x = np.asarray(to_numpy(positions), dtype=np.float64)
        if x.shape != (num_classes,):
            raise ValueError(
                f"positions must hold one number per class, shape ({num_classes},), got {x.shape}"
            )
        if not np.all(np.isfinite(x)):
            raise ValueError(f"positions must be finite, got {x.tolist()}")
        if np.any(np.diff(x) <= 0):
            raise ValueError(
                f"positions must increase from class to class, got {x.tolist()}; "
                "sort the classes, or merge those at the same place"
            )
    if like is None:
        return x
    if is_torch(like):
        import torch

        return torch.as_tensor(x, dtype=like.dtype, device=like.device)
    return x.astype(like.dtype)


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
    if is_torch(labels):
        import torch

        if labels.is_floating_point() or labels.dtype == torch.bool:
            raise TypeError(f"labels must be integers, got {labels.dtype}")
        _check_range(labels, num_classes)
        return torch.nn.functional.one_hot(labels.long(), num_classes).to(torch.get_default_dtype())
    labels = np.asarray(labels)
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
    edges = np.asarray(edges, dtype=np.float64)
    if edges.ndim != 1 or np.any(np.diff(edges) <= 0):
        raise ValueError(f"edges must be one increasing list, got {edges.tolist()}")
    mean, deviation = np.broadcast_arrays(
        np.asarray(mean, dtype=np.float64), np.asarray(deviation, dtype=np.float64)
    )
    if not np.all(deviation > 0):
        raise ValueError(f"deviation must be positive, got {deviation.min()}")
    z = (edges - mean[..., None]) / deviation[..., None]
    below = 0.5 * _erfc(-z / math.sqrt(2))
    ones = np.ones_like(mean)[..., None]
    return np.diff(np.concatenate([0 * ones, below, ones], axis=-1), axis=-1)


def _erfc(x):
    import torch

    return torch.special.erfc(torch.from_numpy(np.ascontiguousarray(x))).numpy()


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


def expectation(p, *, positions=None):
    """Expected position of the class: E(p) = Σ_i p_i x_i.

    Parameters
    ----------
    p : array, shape (..., C)
    positions : array-like, shape (C,), optional
        Class positions; 0, 1, …, C − 1 by default.

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

    Parameters and unit are those of :func:`expectation`.

    Examples
    --------
    >>> float(spread([0.5, 0.0, 0.5]))
    1.0
    """
    p = check_distribution(p)
    x = check_positions(positions, p.shape[-1], like=p)
    deviation = x - expectation(p, positions=positions)[..., None]
    return namespace(p).sum(p * deviation**2, axis=-1) ** 0.5
