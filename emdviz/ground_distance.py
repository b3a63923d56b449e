"""Ground distances: a C × C matrix D of what it costs to move a unit of mass between classes."""

import numpy as np

from emdviz._docstrings import fill
from emdviz.distributions import check_period, check_positions
from emdviz.metrics import spearman
from emdviz.reading import read_count, read_floats, read_names, read_number, shown


@fill
def line(num_classes, *, positions=None):
    """Distances between classes on a line: D_ij = |x_i − x_j|.

    Parameters
    ----------
    num_classes : int
        C.
    %(positions)s

    Returns
    -------
    NumPy array of float64, shape (C, C)
        In class steps, or the unit of ``positions``.

    Examples
    --------
    >>> line(3)
    array([[0., 1., 2.],
           [1., 0., 1.],
           [2., 1., 0.]])
    """
    x = check_positions(positions, num_classes)
    return abs(x[:, None] - x)


@fill
def circle(num_classes, *, positions=None, period=None):
    """Distances between classes on a circle: D_ij = min(|x_i − x_j|, period − |x_i − x_j|).

    Parameters
    ----------
    num_classes : int
        C.
    %(positions)s
    %(period)s

    Returns
    -------
    NumPy array of float64, shape (C, C)
        In class steps, or the unit of ``positions``.

    Raises
    ------
    ValueError
        If ``period`` is missing or too short.

    Examples
    --------
    >>> circle(4)[0]
    array([0., 1., 2., 1.])
    """
    around = line(num_classes, positions=positions)
    return np.minimum(around, check_period(period, positions, around[0]) - around)


def tree(classes, parents, *, lengths=None):
    """Distances in a taxonomy: D_ij is the length of the way from class i up and down to class j.

    Parameters
    ----------
    classes : sequence of str
        Names of the C classes, usually the leaves of the tree.
    parents : dict of str to str
        The parent of every node but the root, classes and groups of classes alike.
    lengths : dict of str to float, optional
        Length of the edge from a node up to its parent, not negative; 1 for nodes left out.

    Returns
    -------
    NumPy array of float64, shape (C, C)
        In edges, or the unit of ``lengths``.

    Raises
    ------
    ValueError
        If classes repeat, a class is not in the tree, it has a cycle or several roots, or a
        length is negative or belongs to no edge.

    Examples
    --------
    >>> tree(["cat", "dog", "car"], {"cat": "animal", "dog": "animal", "animal": "thing",
    ...                              "car": "thing"})
    array([[0., 2., 3.],
           [2., 0., 3.],
           [3., 3., 0.]])
    """
    classes = read_names(classes, "classes")
    if not classes or len(set(classes)) != len(classes):
        raise ValueError(f"classes must be names, all different, got {classes}")
    lengths = {} if lengths is None else lengths
    for table, name in ((parents, "parents"), (lengths, "lengths")):
        if not isinstance(table, dict):
            raise TypeError(f"{name} must be a dict, a node's name -> …, got {shown(table)}")
    for node, length in lengths.items():
        if node not in parents:
            raise ValueError(f"lengths must be of edges, from nodes in parents, got {node!r}")
        rule = "finite and not negative"
        read_number(length, f"lengths[{node!r}]", rule, lambda x: 0 <= x < np.inf)
    ways = [_way_up(name, parents, lengths) for name in classes]
    roots = sorted({list(way)[-1] for way in ways}, key=str)
    if len(roots) > 1:
        raise ValueError(f"parents must form one tree, got the roots {roots}")
    distances = np.zeros((len(classes), len(classes)))
    for i, a in enumerate(ways):
        for j, b in enumerate(ways[:i]):
            meeting = next(node for node in a if node in b)
            distances[i, j] = distances[j, i] = a[meeting] + b[meeting]
    return distances


def _way_up(name, parents, lengths):
    """Return the nodes from ``name`` to the root, each with its height above ``name``."""
    if name not in parents and name not in parents.values():
        raise ValueError(f"class {name!r} is not in the tree; add it to parents")
    heights, node = {name: 0.0}, name
    while node in parents:
        above = heights[node] + lengths.get(node, 1.0)
        node = parents[node]
        if node in heights:
            raise ValueError(f"parents must form a tree, but {node!r} is above itself")
        heights[node] = above
    return heights


def matrix(distances, name="distances"):
    """Check a ground distance matrix of your own.

    Parameters
    ----------
    distances : array-like, shape (C, C)
        Finite, not negative, symmetric, zero on the diagonal. The triangle inequality is not
        asked for.
    name : str
        What the caller calls it; used in the error.

    Returns
    -------
    NumPy array of float64, shape (C, C)

    Raises
    ------
    ValueError
        If it is not as above; the message names the first pair of classes that is wrong.

    Examples
    --------
    >>> matrix([[0, 2], [2, 0]])
    array([[0., 2.],
           [2., 0.]])
    """
    d = read_floats(distances, name)
    if d.ndim != 2 or d.shape[0] != d.shape[1]:
        raise ValueError(f"{name} must be a square matrix, shape (C, C), got {d.shape}")
    for wrong, rule in (
        (~np.isfinite(d), "finite"),
        (d < 0, "not negative"),
        (np.eye(len(d), dtype=bool) & (d != 0), "zero on the diagonal"),
        (~np.isclose(d, d.T), "symmetric"),
    ):
        if wrong.any():
            i, j = (int(k) for k in np.argwhere(wrong)[0])
            raise ValueError(
                f"{name} must be {rule}, got {name}[{i}, {j}] = {d[i, j]:g} "
                f"and {name}[{j}, {i}] = {d[j, i]:g}"
            )
    return d


def rank_correlation(distances, others=None):
    """Tell how alike two ground distances rank the pairs of classes: Spearman's ρ over i < j.

    Parameters
    ----------
    distances : array-like, shape (C, C)
        As for :func:`matrix`.
    others : array-like, shape (C, C), optional
        What to compare with; |i − j|, the order of the classes, by default.

    Returns
    -------
    float
        −1 to 1; NaN if all pairs are equally far apart in either, as where C = 2.

    Raises
    ------
    ValueError
        If one of them is no ground distance, or they differ in shape.

    Examples
    --------
    >>> round(rank_correlation(circle(5)), 2)
    0.55
    """
    first = matrix(distances)
    second = line(len(first)) if others is None else matrix(others, "others")
    if first.shape != second.shape:
        raise ValueError(f"others must have shape {first.shape} as distances, got {second.shape}")
    pairs = np.triu_indices(len(first), 1)
    return spearman(first[pairs], second[pairs])


def embed(distances, dimensions=2):
    """Place the classes so that they lie about as far apart as a ground distance says.

    Classical multidimensional scaling: the coordinates are √λ_m v_m, with the greatest
    eigenvalues λ_m and their eigenvectors v_m of −½ J D² J, where J = I − 1/C takes the mean away.
    Distances between points in a space of so few ``dimensions`` are kept as they are.

    Parameters
    ----------
    distances : array-like, shape (C, C)
        As for :func:`matrix`.
    dimensions : int
        1 to C.

    Returns
    -------
    NumPy array of float64, shape (C, dimensions)
        The direction of the greatest spread first; later classes tend to the positive side.

    Raises
    ------
    ValueError
        If there is no ground distance, or ``dimensions`` is out of its range.

    References
    ----------
    Torgerson, Multidimensional scaling: I. Theory and method, Psychometrika 1952.

    Examples
    --------
    >>> embed(line(2), 1).ravel()
    array([-0.5,  0.5])
    """
    d = matrix(distances)
    dimensions = read_count(dimensions, "dimensions", 1, len(d))
    centre = np.eye(len(d)) - 1 / len(d)
    scale = d.max() or 1.0  # squares of distances as they come might overflow
    values, vectors = np.linalg.eigh(-centre @ (d / scale) ** 2 @ centre / 2)
    points = scale * (vectors * np.sqrt(np.maximum(values, 0)))[:, : -dimensions - 1 : -1]
    return points * np.where(np.arange(len(d)) @ points < 0, -1.0, 1.0)
