"""Example predictions over C ordered classes, for each class that may be the true one."""

import math

import numpy as np

from emdviz.distributions import binned_normal

TRUE_CLASS_SHARE = 0.4
"""What both predictions of Figure 1's pair, and the neighbours, give the true class."""

SATURATED_LOGIT = 10.0
"""Where a softmax is so sure of a class that its gradient all but vanishes."""


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
    return _nearly_certain(num_classes, _furthest(num_classes, target))


def one_class_off(num_classes, target):
    """Nearly certain of a class next to the true one."""
    return _nearly_certain(num_classes, target + 1 if target + 1 < num_classes else target - 1)


def saturated(num_classes, target):
    """The softmax of a logit of 10 at the class furthest from the true one, and 0 elsewhere."""
    weights = np.ones(num_classes)
    weights[_furthest(num_classes, target)] = math.exp(SATURATED_LOGIT)
    return weights / weights.sum()


def bimodal(num_classes):
    """Two humps of equal mass, around one fifth and four fifths of the way."""
    place = np.arange(num_classes) / (num_classes - 1)
    humps = [np.exp(-0.5 * ((place - centre) / 0.09) ** 2) for centre in (0.2, 0.8)]
    return sum(0.5 * hump / hump.sum() for hump in humps)


def all_presets(num_classes):
    """Return every preset: name -> label and a prediction for each true class."""
    makers = {
        "far": ("Figure 1, far", lambda n, k: far_and_near(n, k)[0]),
        "near": ("Figure 1, near", lambda n, k: far_and_near(n, k)[1]),
        "wrong": ("confident and wrong", confident_and_wrong),
        "uniform": ("uniform", lambda n, _: np.full(n, 1 / n)),
        "bimodal": ("bimodal", lambda n, _: bimodal(n)),
        "neighbours": ("neighbours", neighbours),
    }
    return _as_table(num_classes, makers)


def descent_presets(num_classes):
    """Return the presets from which descents start, in the form of :func:`all_presets`."""
    makers = {
        "saturated": ("saturated and wrong", saturated),
        "wrong": ("far off", confident_and_wrong),
        "off": ("one class off", one_class_off),
        "right": ("nearly right", _nearly_certain),
    }
    common = all_presets(num_classes)
    return _as_table(num_classes, makers) | {
        name: common[name] for name in ("far", "near", "uniform", "bimodal")
    }


def truths(num_classes):
    """Return example distributions of labels: name -> label and probabilities."""
    places = np.arange(num_classes)
    edges = places[1:] - 0.5
    unsure = binned_normal(0.55 * (num_classes - 1), 0.13 * num_classes, edges)
    falling = 0.55**places
    rows = {
        "unsure": ("unsure between neighbours", unsure),
        "bimodal": ("bimodal", bimodal(num_classes)),
        "skewed": ("skewed", falling / falling.sum()),
        "uniform": ("uniform", np.full(num_classes, 1 / num_classes)),
        "certain": ("certain", np.eye(num_classes)[num_classes // 2]),
    }
    return {name: {"label": label, "p": p.tolist()} for name, (label, p) in rows.items()}


def _as_table(num_classes, makers):
    return {
        name: {"label": label, "rows": [make(num_classes, k).tolist() for k in range(num_classes)]}
        for name, (label, make) in makers.items()
    }


def _furthest(num_classes, target):
    return np.argmax(np.abs(np.arange(num_classes) - target))


def _nearly_certain(num_classes, of):
    p = np.full(num_classes, 0.06 / (num_classes - 1))
    p[of] = 0.94
    return p / p.sum()


def _around(target, weights):
    """Give the true class its share, and divide the rest by ``weights``."""
    weights = np.asarray(weights, dtype=np.float64)
    p = (1 - TRUE_CLASS_SHARE) * weights / weights.sum()
    p[target] = TRUE_CLASS_SHARE
    return p
