"""Example predictions over C ordered classes, for each class that may be the true one."""

import numpy as np

TRUE_CLASS_SHARE = 0.4
"""What both predictions of Figure 1's pair, and the neighbours, give the true class."""


def far_and_near(num_classes, target):
    """Two predictions like those of the paper's Figure 1: equal at the true class, nowhere else.

    Returns
    -------
    (array, array), each of shape (C,)
        ``far``, whose other mass lies at the end away from the true class, and ``near``, whose
        other mass lies next to it. Cross-entropy cannot tell them apart.
    """
    distance = np.abs(np.arange(num_classes) - target)
    end = num_classes - 1 if target <= (num_classes - 1) / 2 else 0
    from_end = np.abs(np.arange(num_classes) - end)
    near = np.where((distance > 0) & (distance <= 3), 0.5**distance, 0)
    far = np.where((distance > 0) & (from_end <= 2), 0.5**from_end, 0)
    return _around(target, far), _around(target, near)


def neighbours(num_classes, target):
    """The least EMD² possible at this cross-entropy: all other mass on the adjacent classes."""
    distance = np.abs(np.arange(num_classes) - target)
    return _around(target, np.where(distance == 1, 1.0, 0.0))


def confident_and_wrong(num_classes, target):
    """Nearly certain of the class furthest from the true one."""
    p = np.full(num_classes, 0.06 / (num_classes - 1))
    p[np.argmax(np.abs(np.arange(num_classes) - target))] = 0.94
    return p / p.sum()


def bimodal(num_classes):
    """Two humps of equal mass, around one fifth and four fifths of the way."""
    place = np.arange(num_classes) / (num_classes - 1)
    humps = [np.exp(-0.5 * ((place - centre) / 0.09) ** 2) for centre in (0.2, 0.8)]
    return sum(0.5 * hump / hump.sum() for hump in humps)


def table(num_classes):
    """Return every preset: name -> label and a prediction for each true class."""
    targets = range(num_classes)
    pairs = [far_and_near(num_classes, k) for k in targets]
    uniform = np.full(num_classes, 1 / num_classes)
    rows = {
        "far": ("Figure 1, far", [far for far, _ in pairs]),
        "near": ("Figure 1, near", [near for _, near in pairs]),
        "wrong": ("confident and wrong", [confident_and_wrong(num_classes, k) for k in targets]),
        "uniform": ("uniform", [uniform for _ in targets]),
        "bimodal": ("bimodal", [bimodal(num_classes) for _ in targets]),
        "neighbours": ("neighbours", [neighbours(num_classes, k) for k in targets]),
    }
    return {
        name: {"label": label, "rows": [row.tolist() for row in predictions]}
        for name, (label, predictions) in rows.items()
    }


def _around(target, weights):
    """Give the true class its share, and divide the rest by ``weights``."""
    weights = np.asarray(weights, dtype=np.float64)
    p = (1 - TRUE_CLASS_SHARE) * weights / weights.sum()
    p[target] = TRUE_CLASS_SHARE
    return p
