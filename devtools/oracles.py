"""Slow, plain definitions and random inputs that the tests compare with."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp


def gap_sum(p, t, power, positions=None):
    """Σ |CDF_i(p) − CDF_i(t)|^power Δ_i for one pair, as a loop over the definition."""
    x = list(range(len(p))) if positions is None else list(positions)
    total = 0.0
    for i in range(len(p) - 1):
        difference = sum(p[: i + 1]) - sum(t[: i + 1])
        total += abs(difference) ** power * (x[i + 1] - x[i])
    return total


def quantile_cost(p, t, order, positions=None):
    """∫ |Q_p − Q_t|^order for one pair, by carrying mass from left to right."""
    x = list(range(len(p))) if positions is None else list(positions)
    p, t = list(map(float, p)), list(map(float, t))
    i = j = 0
    total = 0.0
    while i < len(p) and j < len(t):
        moved = min(p[i], t[j])
        total += moved * abs(x[i] - x[j]) ** order
        p[i] -= moved
        t[j] -= moved
        if p[i] <= t[j]:
            i += 1
        else:
            j += 1
    return total


def random_pairs(num_classes, count=50, seed=0, concentration=0.5):
    """Pairs of distributions, shape (count, C) each, with some one-hot and some equal rows."""
    rng = np.random.default_rng(seed)
    alpha = np.full(num_classes, concentration)
    p, t = rng.dirichlet(alpha, size=(2, count))
    one_hot = np.eye(num_classes)
    t[::5] = one_hot[rng.integers(num_classes, size=len(t[::5]))]
    p[::7] = one_hot[rng.integers(num_classes, size=len(p[::7]))]
    t[3::11] = p[3::11]
    return p, t


def random_positions(num_classes, seed=0):
    """Strictly increasing positions with gaps from 0.1 to 3."""
    return np.cumsum(np.random.default_rng(seed).uniform(0.1, 3, num_classes))


def distributions(num_classes):
    """Hypothesis strategy: one distribution over C classes, zeros and ones included."""
    weights = st.one_of(st.just(0.0), st.floats(1e-6, 1.0))
    return (
        hnp.arrays(np.float64, num_classes, elements=weights)
        .filter(lambda w: w.sum() > 0)
        .map(lambda w: w / w.sum())
    )


@st.composite
def pairs(draw, max_classes=12):
    """Hypothesis strategy: two distributions over the same 1 to max_classes classes."""
    num_classes = draw(st.integers(1, max_classes))
    return draw(distributions(num_classes)), draw(distributions(num_classes))
