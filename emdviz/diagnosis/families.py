"""Recognise the families of the zoo, and with which options: soft labels, powers, thresholds."""

import contextlib
from functools import partial

import numpy as np
import torch
from scipy import optimize

from emdviz._imports import MissingExtraError
from emdviz.diagnosis.calling import Unusable, as_numbers, quietly
from emdviz.diagnosis.forms import TOLERANCE, Block, Match, brief, find_rule, gaps
from emdviz.losses import zoo

SOFT_LABELS = ("triangular", "general-triangular", "binomial", "Poisson", "beta", "geometric")
"""Entries of the zoo with soft labels that are compared as they are, and mixed with the label."""

THRESHOLDS = ("CORN", "CORAL", "CONDOR", "ECOC", "hinge-AT", "hinge-IT")

SEARCHED = (
    ("SLACE", "alpha", 0.05, 8.0),
    ("MCE-WKL", "C", 0.05, 0.95),
    ("hinge-WW", "margin", 0.05, 8.0),
    ("hinge-CS", "margin", 0.05, 8.0),
)
"""Entries whose one option is found by trying: name, option, least and greatest value."""


def recognise_family(blocks):
    """Return a Match of the family whose options explain all blocks of one-hot t, or None."""
    blocks = [block for block in blocks if np.isin(block.t, (0, 1)).all() and len(block.values)]
    blocks = [block for block in blocks if np.isfinite(block.values).all()]
    if not blocks or max(block.p.shape[1] for block in blocks) < 3:
        return None
    if not all(map(_depends_on_p, blocks)):
        return None
    for find in (_weighted_sum, _focal, _power_of_gaps, _searched):
        match = find(blocks)
        if match is not None:
            return match
    return None


def _depends_on_p(block):
    """Return whether the values of one label differ."""
    spread = max(np.ptp(block.values[block.t[:, k] == 1]) for k in range(block.t.shape[1]))
    return spread > 1e-6 * abs(block.values).max()


def _closely(found, values):
    return abs(found - values).max() <= 10 * TOLERANCE * abs(values).max()


def _match(name, formula, blocks, columns, remark=""):
    """Return a Match if values are a multiple of a column for each number of classes, or None."""
    scales = {}
    for block in blocks:
        with np.errstate(all="ignore"):
            column = columns(block.p, block.t)
        if not np.isfinite(column).all() or not abs(column).max():
            return None
        scale = float(column @ block.values / (column @ column))
        if not _closely(scale * column, block.values):
            return None
        scales[block.p.shape[1]] = scale
    scale, rule = find_rule(list(scales), list(scales.values()))

    def predict(p, t):
        return scales.get(p.shape[1], np.nan) * columns(p, t)

    return Match(name, formula, scale, rule, remark, predict, -1 if (scale or 1) < 0 else 1)


def _weights(block, columns):
    """W with value = Σ_i W[k, i] columns_i for every label k, shape (C, C), or None."""
    rows = []
    for label in range(block.t.shape[1]):
        chosen = block.t[:, label] == 1
        if chosen.sum() <= block.t.shape[1]:
            return None
        a, values = columns[chosen], block.values[chosen]
        found = np.linalg.lstsq(a, values, rcond=None)[0]
        if not _closely(a @ found, values):
            return None
        rows.append(found)
    return np.array(rows)


def _weighted_sum(blocks):
    """Σ_i W[k, i] f(p_i) with f(p) = −log p, −log(1 − p) or p."""
    for transform, explain in (
        (lambda p: -np.log(p), _soft_label),
        (lambda p: -np.log1p(-p), _by_distance),
        (lambda p: p, _mean_cost),
    ):
        tables = {block.p.shape[1]: _weights(block, transform(block.p)) for block in blocks}
        if any(table is None for table in tables.values()):
            continue
        match = explain(blocks, tables[max(tables)])
        if match is not None:
            return match

        def own(p, t, transform=transform, tables=tables):
            return np.sum((t @ tables[p.shape[1]]) * transform(p), -1)

        first = ", ".join(brief(round(x, 6) + 0.0) for x in tables[max(tables)][0])
        name, formula = _NAMES[explain]
        text = f"of its own making: for label 0 of {max(tables)} the weights are ({first})"
        return _match(name, formula, blocks, own, text)
    return None


def _power_of_distance(table):
    """The a and φ of a |i − k|^φ off the diagonal, or None."""
    steps = np.arange(len(table))
    away = abs(steps[:, None] - steps)
    off = away > 0
    if (table[off] <= 0).any():
        return None
    slope, start = np.polyfit(np.log(away[off]), np.log(table[off]), 1)
    power = round(float(slope), 4) + 0.0
    scale = float(np.exp(start))
    if abs(scale * away[off] ** slope - table[off]).max() > 1e-3 * abs(table).max():
        return None
    return scale, power


def _power_off_the_diagonal(table):
    """The φ of a table a |i − k|^φ that is 0 for the label itself, or None."""
    if abs(np.diag(table)).max() > 1e-3 * abs(table).max():
        return None
    found = _power_of_distance(table)
    return None if found is None else found[1]


def _distances(count, power):
    steps = np.arange(count)
    return abs(steps[:, None] - steps).astype(float) ** power * (steps[:, None] != steps)


def _cross_entropy_to(soft_labels):
    return lambda p, t: -np.sum((t @ soft_labels(p.shape[1])) * np.log(p), -1)


def _soft_label(blocks, table):
    """SORD by the distances of its soft labels, or an entry of the zoo, mixed with the label."""
    totals = table.sum(1)
    if (table < -1e-6).any() or np.ptp(totals) > 1e-3 * abs(totals).max():
        return None
    q = table / totals[:, None]
    own = np.diag(q)
    found = None
    if (q > 0).all():
        found = _power_of_distance(np.log(own)[:, None] - np.log(q))
    if found is not None:
        rate, power = found

        def sord(count):
            e = np.exp(-rate * _distances(count, power))
            return e / e.sum(1, keepdims=True)

        words = {1.0: "", 2.0: " with squared distances"}
        name = f"SORD{words.get(power, f' with distances to the power {brief(power)}')}"
        name += f", α = {brief(rate)}" + (f", φ = {brief(power)}" if power != 1 else "")
        formula = "−Σ q_i log p_i, q = softmax(−α |i − k|^φ)"
        return _match(
            name, formula, blocks, _cross_entropy_to(sord), "a cross-entropy to soft labels"
        )
    for entry in SOFT_LABELS:
        for options in _guesses(entry, q):
            match = _mixed(blocks, q, entry, options)
            if match is not None:
                return match
    return None


def _guesses(entry, q):
    """Yield options to try: the default ones, then the one that leaves least unexplained."""
    yield {}
    option = {"triangular": "alpha2", "geometric": "alphas"}.get(entry)
    if option is None:
        return
    eye = np.eye(len(q))

    def unexplained(x):
        away = _table_of(entry, len(q), {option: float(x)}) - eye
        return np.sum((_share(q, away) * away + eye - q) ** 2)

    with contextlib.suppress(MissingExtraError, ValueError):
        yield {option: round(_least(unexplained, 0.005, 0.499), 4)}


def _share(q, away):
    """η of the mixture (1 − η) label + η soft label that is nearest to q."""
    return float(np.sum((q - np.eye(len(q))) * away) / np.sum(away**2))


def _mixed(blocks, q, entry, options):
    """A Match of (1 − η) label + η soft label of the zoo, or None."""
    try:
        theirs = _table_of(entry, len(q), options)
        eye = np.eye(len(q))
        share = _share(q, theirs - eye)
        if abs(share * (theirs - eye) + eye - q).max() > 1e-3:
            return None

        def soft_labels(count):
            return share * _table_of(entry, count, options) + (1 - share) * np.eye(count)

        parts = [f"{key} = {brief(value)}" for key, value in options.items()]
        parts += [f"η = {brief(share)}"] if abs(share - 1) > 1e-3 else []
        name = ", ".join([f"{zoo.load(entry).label} soft labels", *parts])
        formula = "−Σ q_i log p_i, q = (1 − η) t + η soft label"
        remark = f"losses.zoo.load({', '.join([repr(entry), *_typed(options, share)])})"
        return _match(name, formula, blocks, _cross_entropy_to(soft_labels), remark)
    except (MissingExtraError, ValueError):  # without dlordinal, or for other numbers of classes
        return None


def _typed(options, share):
    shares = {} if abs(share - 1) <= 1e-3 else {"eta": round(share, 4)}
    return [f"{key}={value!r}" for key, value in (options | shares).items()]


def _table_of(entry, count, options):
    """The soft labels of an entry, shape (C, C), read off its gradient at even p."""
    z = torch.zeros(1, count, dtype=torch.float64, requires_grad=True)
    criterion, rows = zoo.load(entry, **options).make(count), []
    for label in range(count):
        (slope,) = torch.autograd.grad(criterion(z, torch.tensor([label])), z)
        rows.append(1 / count - slope[0].numpy())  # the gradient is p − q
    return np.array(rows)


def _by_distance(blocks, table):
    """CDW-CE and OLL."""
    power = _power_off_the_diagonal(table)
    if power is None:
        return None

    def columns(p, t):
        return -np.sum((t @ _distances(p.shape[1], power)) * np.log1p(-p), -1)

    remark = "also the formula of OLL"
    formula = "−Σ |i − k|^α log(1 − p_i)"
    return _match(f"CDW-CE with α = {brief(power)}", formula, blocks, columns, remark)


def _mean_cost(blocks, table):
    """Σ p_i |i − k|^φ."""
    power = _power_off_the_diagonal(table)
    if power is None:
        return None
    name = f"mean distance to the power {brief(power)}"
    formula = "Σ p_i |i − k|^φ"

    def columns(p, t):
        return np.sum((t @ _distances(p.shape[1], power)) * p, -1)

    return _match(name, formula, blocks, columns, "smallest at certainty of one class")


_NAMES = {
    _soft_label: ("cross-entropy to soft labels", "−Σ q_i log p_i"),
    _by_distance: ("a weighted sum of log(1 − p_i)", "−Σ w_i log(1 − p_i)"),
    _mean_cost: ("mean cost of a class drawn from p", "Σ w_i p_i"),
}


def _focal(blocks):
    """−(1 − p_k)^γ log p_k."""
    block = max(blocks, key=lambda one: one.p.shape[1])
    own = np.sum(block.p * block.t, -1)
    with np.errstate(all="ignore"):
        ratio = np.log(block.values / -np.log(own))
    if not np.isfinite(ratio).all():
        return None
    gamma = round(float(np.polyfit(np.log1p(-own), ratio, 1)[0]), 4)

    def columns(p, t):
        own = np.sum(p * t, -1)
        return -((1 - own) ** gamma) * np.log(own)

    return _match(f"focal loss with γ = {brief(gamma)}", "−(1 − p_k)^γ log p_k", blocks, columns)


def _residual(block, column):
    scale = column @ block.values / (column @ column)
    return float(np.sum((scale * column - block.values) ** 2))


def _least(cost, low, high):
    """Where a function of one number is least: the best of a grid, then refined."""
    grid = np.geomspace(low, high, 24)
    values = [cost(x) for x in grid]
    i = int(np.argmin(values))
    around, fine = (grid[max(i - 1, 0)], grid[min(i + 1, len(grid) - 1)]), {"xatol": 1e-8}
    found = optimize.minimize_scalar(cost, bounds=around, method="bounded", options=fine)
    return float(found.x)


def _power_of_gaps(blocks):
    """Σ |CDF_i(p) − CDF_i(t)|^l."""
    block = max(blocks, key=lambda one: one.p.shape[1])
    d = abs(gaps(block.p, block.t))
    power = round(_least(lambda x: _residual(block, np.sum(d**x, -1)), 0.2, 12), 4)
    formula = "Σ |CDF_i(p) − CDF_i(t)|^l"

    def columns(p, t):
        return np.sum(abs(gaps(p, t)) ** power, -1)

    return _match(f"EMD to the power l = {brief(power)}", formula, blocks, columns)


def _searched(blocks):
    """An entry of the zoo whose one option is found by trying."""
    block = max(blocks, key=lambda one: one.p.shape[1])
    few = Block(*(values[:10] for values in block))  # they tell the option; all must match it
    for entry, option, low, high in SEARCHED:
        with contextlib.suppress(MissingExtraError, Unusable):
            for value in _values(entry, option, low, high, few):
                name = f"{entry} with {option} = {brief(value)}"
                formula = zoo.load(entry).about.rstrip(".")
                match = _match(name, formula, blocks, partial(_rows, entry, {option: value}))
                if match is not None:
                    return match
    return None


def _values(entry, option, low, high, few):
    """Yield the usual value of an option, then the one that leaves least unexplained."""
    yield zoo.load(entry).options[option]

    def unexplained(x):
        return _residual(few, _rows(entry, {option: x}, few.p, few.t))

    yield round(_least(unexplained, low, high), 4)


def _rows(entry, options, p, t):
    """Values of an entry of the zoo for predictions and one-hot targets, shape (N,)."""
    criterion = zoo.load(entry, **options).make(p.shape[1])
    logits, labels = torch.tensor(np.log(p)).split(1), torch.tensor(t.argmax(1)).split(1)
    with torch.no_grad():
        return quietly(lambda: np.array(list(map(float, map(criterion, logits, labels)))))


def find_thresholds(loss, num_classes=None):
    """Return the entry of the zoo with C − 1 outputs that a loss equals, and a factor, or None."""
    for count in (num_classes,) if num_classes else (5, 4, 3, 10, 8, 6, 7):
        if count < 3:
            continue
        rng = torch.Generator().manual_seed(count)
        batches = [
            (2 * torch.randn(2 * count, count - 1, generator=rng), torch.arange(2 * count) % count)
            for _ in range(3)
        ]
        try:
            values = [float(as_numbers(quietly(loss, *batch)).sum()) for batch in batches]
        except Unusable:
            continue
        for entry in THRESHOLDS:
            try:
                criterion = zoo.load(entry).make(count)
                theirs = [float(criterion(*batch)) for batch in batches]
            except MissingExtraError:
                continue
            scales = np.array(values) / np.array(theirs)
            if np.isfinite(scales).all() and np.ptp(scales) < 1e-4 * abs(scales).max() > 0:
                return zoo.load(entry), float(scales[0])
    return None
