"""The forms of losses for ordered classes that are known by name, and how to recognise them."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.linalg import norm
from scipy.special import rel_entr, xlogy

from emdviz.distances import emd, emd2, wasserstein
from emdviz.losses.loss import LOSSES

XE = LOSSES["XE"].label
EMD2 = LOSSES["EMD2"].label
EMD = LOSSES["EMD"].label

TOLERANCE = 1e-5
"""How far values may be from a form, as a share of the largest: float32 is allowed."""


class Form(NamedTuple):
    """A loss of two distributions, known by name; ``rows`` takes (p, t), (N, C), to (N,)."""

    name: str
    formula: str
    rows: Callable


class Block(NamedTuple):
    """Values of a loss for N rows with one number of classes; NaN where the call failed."""

    p: np.ndarray
    t: np.ndarray
    values: np.ndarray


class Match(NamedTuple):
    """A known form, and what it is multiplied by."""

    name: str
    formula: str
    scale: float | None
    """The constant factor; None where it depends on C as in no known rule."""
    rule: str
    """How it depends on C, as in "÷ C"; empty where it does not."""
    remark: str
    """Other names of what it is, or what else is to be known; may be empty."""
    predict: Callable
    """(p, t), each of shape (N, C), to (N,); for the numbers of classes that were tried."""
    sign: int = 1
    """−1 where all values are negated."""
    missing: str = ""
    """"first" or "last" where that gap is left out; else empty."""

    def factor(self, num_classes):
        """The factor for a number of classes; NaN where it is unknown."""
        return np.nan if self.scale is None else self.scale / _RULES[self.rule](num_classes)

    @property
    def title(self):
        """The name with its factor."""
        if self.scale is None:
            return f"{self.name} × a factor that depends on C"
        factor = "" if abs(self.scale - 1) < 1e-3 else f"{brief(self.scale)} × "
        if abs(self.scale + 1) < 1e-3:
            factor = "−"
        brackets = factor and " + " in self.name
        name = f"({self.name})" if brackets else self.name
        return f"{factor}{name} {self.rule}".strip()


def brief(value):
    """Write a number briefly, with a true minus."""
    return f"{value:.4g}".replace("-", "−")


def _times(factor):
    return "" if abs(factor - 1) < 1e-3 else f"{brief(factor)} "


def gaps(p, t):
    """d_i = CDF_i(p) − CDF_i(t) after each class but the last, shape (N, C − 1)."""
    return np.cumsum(p - t, axis=-1)[..., :-1]


def _steps(p):
    return np.arange(p.shape[-1])


def _shift(p, t):
    return np.sum((p - t) * _steps(p), axis=-1)


def _ground(p, t):
    """Σ_i p_i² Σ_k t_k |i − k| / (C − 1)."""
    steps = _steps(p)
    away = t @ abs(steps[:, None] - steps) / (len(steps) - 1)
    return np.sum(p**2 * away, axis=-1)


FORMS = {
    form.name: form
    for form in (
        Form(XE, "−Σ t_i log p_i", lambda p, t: -np.sum(xlogy(t, p), -1)),
        Form(EMD2, "Σ (CDF_i(p) − CDF_i(t))²", emd2),
        Form(EMD, "Σ |CDF_i(p) − CDF_i(t)|", emd),
        Form("root of EMD²", "√Σ (CDF_i(p) − CDF_i(t))²", lambda p, t: emd2(p, t) ** 0.5),
        Form("square of the EMD", "(Σ |CDF_i(p) − CDF_i(t)|)²", lambda p, t: emd(p, t) ** 2),
        Form("W₂²", "∫ (Q_p(u) − Q_t(u))² du", lambda p, t: wasserstein(p, t, order=2) ** 2),
        Form("W₂", "√∫ (Q_p(u) − Q_t(u))² du", lambda p, t: wasserstein(p, t, order=2)),
        Form("largest CDF gap", "max |CDF_i(p) − CDF_i(t)|", lambda p, t: abs(gaps(p, t)).max(-1)),
        Form("L2 between densities", "Σ (p_i − t_i)²", lambda p, t: np.sum((p - t) ** 2, -1)),
        Form("root of L2 between densities", "√Σ (p_i − t_i)²", lambda p, t: norm(p - t, axis=-1)),
        Form("L1 between densities", "Σ |p_i − t_i|", lambda p, t: np.sum(abs(p - t), -1)),
        Form("absolute error of the expectation", "|E(p) − E(t)|", lambda p, t: abs(_shift(p, t))),
        Form("squared error of the expectation", "(E(p) − E(t))²", lambda p, t: _shift(p, t) ** 2),
        Form("KL", "Σ t_i log(t_i / p_i)", lambda p, t: np.sum(rel_entr(t, p), -1)),
    )
}
"""Losses of a prediction p and a target t, by name; simpler ones first."""

OUTPUT_FORMS = {
    "squared error": Form("squared error", "(o − k)²", lambda o, k: (o - k)[:, 0] ** 2),
    "absolute error": Form("absolute error", "|o − k|", lambda o, k: abs(o - k)[:, 0]),
}
"""Losses of one output o and a label k."""

_SMOOTH = Form("smooth", "", lambda p, t: -np.mean(np.log(p), axis=-1))
_CERTAINTY = Form("certainty", "", lambda p, t: np.sum(xlogy(p, p), -1))
_GROUND = Form("ground", "", _ground)
_SQUARES = Form("squares", "", lambda p, t: np.sum(p**2, axis=-1))

_MIXTURES = (
    # the parts, then the name and the formula for coefficients a and b, then the common factor
    ((XE, EMD2), lambda a, b: f"{XE} + {_times(b / a)}{EMD2}", "−Σ t_i log p_i + λ Σ d_i²"),
    ((XE, EMD), lambda a, b: f"{XE} + {_times(b / a)}{EMD}", "−Σ t_i log p_i + λ Σ |d_i|"),
    (
        (XE, "squared error of the expectation"),
        lambda a, b: f"{XE} + {_times(b / a)}(E(p) − E(t))²",
        "−Σ t_i log p_i + λ (E(p) − E(t))²",
    ),
    (
        (XE, _SMOOTH),
        lambda a, b: f"{XE} with label smoothing {brief(b / (a + b))}",
        f"{XE} of (1 − ε) t + ε / C",
    ),
    (
        (EMD, _CERTAINTY),
        lambda a, b: f"{LOSSES['AEMD'].label} with λ = {brief(a / b)}",
        "Σ F_ij D_ij + (1/λ) Σ F_ij log F_ij on a line",
    ),
    (
        (_GROUND, _SQUARES),
        lambda a, b: f"ground EMD² with μ = {brief(b / a)}",
        "Σ p_i² (|i − k| / (C − 1) + μ)",
    ),
)

_RULES = {
    "": lambda C: 1.0,
    "÷ C": lambda C: C,
    "÷ (C − 1)": lambda C: C - 1.0,
    "÷ √C": lambda C: C**0.5,
    "÷ √(C − 1)": lambda C: (C - 1) ** 0.5,
    "÷ C²": lambda C: C**2,
    "÷ (C − 1)²": lambda C: (C - 1) ** 2,
    "× C": lambda C: 1.0 / C,
}

_REMARKS = {
    (EMD2, ""): "the paper's squared EMD; for one-hot targets the Ranked Probability Score "
    "(RPS), in general the Cramér distance",
    (EMD2, "÷ C"): "the mean over the classes in place of the sum: C times smaller",
    (EMD2, "÷ (C − 1)"): "the Ranked Probability Score (RPS) scaled to the range 0 to 1",
    (EMD, ""): "the Wasserstein distance W₁",
    (EMD, "÷ C"): "the mean over the classes in place of the sum: C times smaller",
    ("root of EMD²", "÷ √C"): "the root of the mean: the paper's normalised EMD for l = 2",
    ("L2 between densities", ""): "the Brier score",
    ("L1 between densities", ""): "twice the total variation",
    (XE, ""): "cross-entropy; it does not know the order of the classes",
    ("squared error", ""): "regression, REG in the paper",
}
_SCALED = {  # names that come with a constant factor
    (EMD2, 2.0): "the squared energy distance",
    ("root of EMD²", 2**0.5): "the energy distance",
}


def recognise(blocks, forms=FORMS):
    """Return a Match of the form that all blocks follow, up to a factor; None if there is none."""
    blocks = [block for block in map(_usable, blocks) if len(block.values) > 3]
    blocks = [block for block in blocks if np.ptp(block.values) > 1e-9]
    if not blocks:
        return None
    for form in forms.values():
        scales = _fit(blocks, (form,))
        if scales is not None:
            return _match(blocks, form.name, form.formula, (form,), scales)
    if forms is not FORMS:
        return None
    for parts, name, formula in _MIXTURES:
        parts = [FORMS[part] if isinstance(part, str) else part for part in parts]
        found = _fit(blocks, parts)
        if found is not None:
            rules = [find_rule([b.p.shape[1] for b in blocks], column) for column in found.T]
            (a, first), (b, second) = rules
            # the parts may stand in one ratio only, or it is another loss
            if a is not None and b is not None and first == second:
                if parts[1] is _SMOOTH:
                    a, b = a / (a + b), b / (a + b)
                return _match(blocks, name(a, b), formula, parts, found)
    return _match_uneven(blocks)


def find_rule(sizes, scales):
    """Return (a, rule) such that every scale is a with that rule; (None, "") if there is none."""
    sizes, scales = np.asarray(sizes, float), np.asarray(scales, float)
    constant = []
    for name, divisor in _RULES.items():
        a = scales * divisor(sizes)
        if np.all(abs(a - a[0]) <= 1e-3 * abs(a[0])):
            constant.append((float(a.mean()), name))
    whole = [rule for rule in constant if abs(abs(rule[0]) - 1) < 1e-3]
    return (whole or constant or [(None, "")])[0]


def _usable(block):
    ok = np.isfinite(block.values)
    return Block(block.p[ok], block.t[ok], block.values[ok])


def _fit(blocks, parts):
    """Return coefficients, one row per block and one column per part, or None."""
    found = []
    for block in blocks:
        with np.errstate(all="ignore"):
            columns = np.stack([part.rows(block.p, block.t) for part in parts], axis=1)
        if not np.all(np.isfinite(columns)):
            return None
        coefficients = _solve(columns, block.values)
        if coefficients is None or np.any(abs(coefficients) < 1e-6):
            return None
        found.append(coefficients)
    return np.array(found)


def _solve(columns, values):
    """Solve least squares; None if the values are not met."""
    coefficients = np.linalg.lstsq(columns, values, rcond=None)[0]
    missed = abs(columns @ coefficients - values).max()
    return coefficients if missed <= TOLERANCE * abs(values).max() else None


def _match(blocks, name, formula, parts, found):
    by_size = {block.p.shape[1]: row for block, row in zip(blocks, found, strict=True)}
    # the coefficient of the first part is the factor of the whole, but smoothing shares it out
    whole = found.sum(axis=1) if parts[-1] is _SMOOTH else found[:, 0]
    scale, rule = find_rule(list(by_size), whole)
    remark = _REMARKS.get((name, rule), "") if scale is None or abs(abs(scale) - 1) < 1e-3 else ""
    for (known, factor), words in _SCALED.items():
        if name == known and not rule and scale is not None and abs(scale - factor) < 1e-3:
            remark = words

    def predict(p, t):
        row = by_size.get(p.shape[1])
        if row is None:
            return np.full(len(p), np.nan)
        return sum(a * part.rows(p, t) for a, part in zip(row, parts, strict=True))

    sign = -1 if whole[0] < 0 else 1
    return Match(name, formula, scale, rule, remark, predict, sign)


def _match_uneven(blocks):
    """Recognise EMD and EMD² whose gaps do not weigh the same."""
    for name, power in ((EMD2, 2), (EMD, 1)):
        weights = {}
        for block in blocks:
            columns = abs(gaps(block.p, block.t)) ** power
            if len(columns) > columns.shape[1] + 1:
                found = _solve(columns, block.values)
                if found is not None:
                    weights[block.p.shape[1]] = found
        if len(weights) == len(blocks):
            return _describe_uneven(name, power, weights)
    return None


def _describe_uneven(name, power, weights):
    def predict(p, t):
        size = p.shape[1]
        return abs(gaps(p, t)) ** power @ weights.get(size, np.full(size - 1, np.nan))

    formula = FORMS[name].formula
    for missing, keep, gone in (("last", slice(None, -1), -1), ("first", slice(1, None), 0)):
        kept = {C: w[keep] for C, w in weights.items() if len(w) > 1}
        even = kept and all(abs(w - w.mean()).max() < 1e-3 * abs(w.mean()) for w in kept.values())
        if even and all(abs(w[gone]) < 1e-3 * abs(w).max() for w in weights.values() if len(w) > 1):
            scale, rule = find_rule(list(kept), [w.mean() for w in kept.values()])
            words = f"without the {missing} gap"
            return Match(f"{name} {words}", formula, scale, rule, "", predict, 1, missing)
    if any(np.any(w < -1e-6) for w in weights.values()):
        return None
    widths = list(weights.values())[-1]
    listed = ", ".join(brief(w) for w in widths)
    title = f"{name} with gaps of {listed}"
    return Match(
        title, formula + " Δ_i", 1.0, "", f"{name} of classes at uneven positions", predict
    )
