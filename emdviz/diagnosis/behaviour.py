"""Mistakes of losses of any form: in batches, axes, labels, and changed arguments."""

import itertools
from dataclasses import dataclass

import numpy as np
import torch

from emdviz.diagnosis.calling import Unusable, Way, as_numbers, quietly
from emdviz.diagnosis.examples import Example, apart, example_arguments, small_scores
from emdviz.diagnosis.forms import EMD, EMD2, FORMS

FAR = 200.0
"""Logits so far apart that a softmax in float32 gives zeros and ones."""


@dataclass(frozen=True)
class Finding:
    """A mistake, in words, with its smallest example."""

    name: str  # a few words, such as "softmax missing"
    text: str  # what is wrong, and what to do
    example: Example | None = None

    def __str__(self):
        shown = f"\n    {self.example}" if self.example else ""
        return f"{self.name}: {self.text}{shown}"


def find_reduction(subject):
    """Return how rows become a batch: "mean", "sum", "weighted mean", "none", "fails" or ""."""
    size, rng = subject.sizes[-1], np.random.default_rng(1)
    seen = {
        _reduction(subject, *_random_batch(subject, rng, np.array(labels), size))
        for labels in ((1, 0, 1), (0, 1, 1))
    }
    return seen.pop() if len(seen) == 1 else ""


def _random_batch(subject, rng, labels, size):
    if subject.family == "outputs":
        return rng.uniform(0, 4, (len(labels), 1)), labels
    scores = rng.dirichlet(np.ones(size), len(labels))
    if subject.family != "probabilities":
        scores = np.log(scores)
    if subject.way.target == "distributions":
        return scores, rng.dirichlet(np.ones(size), len(labels))
    return scores, labels


def _reduction(subject, scores, targets):
    try:
        batch = subject.caller.result(scores, targets)
    except Unusable:
        return "fails"
    rows = subject.caller.rows(scores, targets)
    if batch.ndim and len(batch) == len(rows):
        batch = batch.reshape(len(rows), -1).sum(axis=1)
        return "none" if np.allclose(batch, rows, rtol=1e-4, atol=1e-6) else ""
    batch = float(batch.sum())
    for name, value in (("mean", rows.mean()), ("sum", rows.sum())):
        if np.isclose(batch, value, rtol=1e-4, atol=1e-6):
            return name
    return "weighted mean" if _is_weighted(subject, scores) else ""


def _is_weighted(subject, scores):
    """Tell whether two classes have the same weights in every batch of the two."""
    if subject.way.target != "labels":
        return False
    shares = []
    for pair in itertools.combinations(range(len(scores)), 2):
        rows = subject.caller.rows(scores[list(pair)], np.array([0, 1]))
        batch = float(subject.caller.result(scores[list(pair)], np.array([0, 1])).sum())
        if rows[0] == rows[1]:
            return False
        shares.append((batch - rows[1]) / (rows[0] - rows[1]))
    return 0 < shares[0] < 1 and np.allclose(shares, shares[0], rtol=1e-3)


def find_batch_mistake(subject):
    """Find a batch whose value is neither the mean, nor the sum, nor one value per row."""
    for scores, targets in _small_batches(subject):
        arguments = example_arguments(subject.way, scores, targets)
        try:
            batch = subject.caller.call(arguments)
        except Unusable as problem:
            text = f"a batch of one works, a batch of two {problem}"
            return Finding("batch", text, Example(arguments, str(problem), "a number"))
        rows = subject.caller.rows(scores, targets)
        mean, total = float(rows.mean()), float(rows.sum())
        batch = batch if batch.shape == rows.shape else float(batch.sum())
        if np.all(apart(batch, rows if np.ndim(batch) else np.array([mean, total]))):
            values = " and ".join(f"{row:.4g}" for row in rows)
            return Finding(
                "batch",
                "the value of a batch is not the mean or the sum of its examples' values: "
                f"alone they give {values}. Keep examples apart: work along the class axis, "
                "dim=-1, and average at the end.",
                Example(arguments, batch, mean, "the mean of the examples alone"),
            )
    return None


def _small_batches(subject):
    """Yield batches of two simple rows, the fewest classes first."""
    for size in subject.sizes:
        few = small_scores(subject.family, size)[:6]
        targets = [np.array(pair) for pair in ((0, 1), (0, 0), (1, 0))]
        if subject.way.target == "distributions":
            targets = [np.eye(size)[pair] for pair in targets]
        for a, b in itertools.product(few, repeat=2):
            for pair in targets:
                yield np.stack([a, b]), pair


def find_wrong_axis(subject):
    """Recognise a softmax or a CDF along the batch axis."""
    known = subject.family in ("logits", "probabilities") and subject.way.takes_rows
    if not known:
        return None
    rng, found = np.random.default_rng(2), []
    for count in (3, 4):
        size = next((s for s in reversed(subject.sizes) if s not in (3, 4)), subject.sizes[-1])
        scores, targets = _random_batch(subject, rng, np.arange(count) % min(size, 3), size)
        try:
            value = float(subject.caller.result(scores, targets).sum())
        except Unusable:
            return None
        found.append({key: value / v for key, v in _along_axes(subject, scores, targets).items()})
    for key in found[0]:
        ratios = found[0][key], found[1][key]
        if _explained(ratios, size):
            return _wrong_axis(subject, key)
    return None


def _along_axes(subject, scores, targets):
    t = subject.targets(targets, scores.shape[1])
    softmax_axes = (1, 0) if subject.family == "logits" else (None,)
    totals = {}
    for first, second, power in itertools.product(softmax_axes, (1, 0, None), (2, 1)):
        if (first, second) in ((1, 1), (None, 1)):
            continue
        e = np.exp(scores)
        p = scores if first is None else e / e.sum(axis=first, keepdims=True)
        totals[first, second, power] = np.sum(abs(np.cumsum(p - t, axis=second)) ** power)
    return totals


def _explained(ratios, size):
    # batches of 3 and of 4: means divide by the count, by the classes, or by both
    return any(
        np.allclose(ratios, [1 / (count**a * b) for count in (3, 4)], rtol=1e-4)
        for a in (0, 1)
        for b in (1, size, size - 1)
    )


def _wrong_axis(subject, key):
    first, second, power = key
    form = FORMS[EMD2 if power == 2 else EMD]
    if first == 0:
        name, what = "softmax along the batch", "softmax runs along the batch"
    else:
        name, what = "CDF along the batch", "the running sum runs along the batch"
    if second is None:
        name, what = "CDF of the flattened batch", "the running sum goes on from row to row"
    text = f"{what}; give it the class axis, dim=-1 (axis=-1 in NumPy)."
    for scores, targets in _small_batches(subject):
        t = subject.targets(targets, scores.shape[1])
        wanted = float(np.mean(form.rows(subject.once(scores), t)))
        arguments = example_arguments(subject.way, scores, targets)
        got = float(subject.caller.call(arguments).sum())
        if apart(got, wanted) and apart(got, 2 * wanted):
            why = f"the mean {form.name} of the examples"
            return Finding(name, text, Example(arguments, got, wanted, why))
    return Finding(name, text)


OTHER_LABELS = (
    (
        "labels of shape (B, 1)",
        lambda labels: labels[:, None],
        "they are accepted, and broadcast to another value. Check the shape, or "
        "flatten: labels.reshape(-1).",
        "as with labels of shape (B,)",
    ),
    (
        "labels of uint8",  # as from an image or a file
        lambda labels: labels.to(torch.uint8),
        "they are taken, but computed with in uint8, where 0 − 1 is 255. Use labels.long().",
        "as with labels of int64",
    ),
)
"""Labels that give another value where a loss accepts them: name, change, advice, expectation."""


def find_other_labels(subject, name, change, text, why):
    """Find out whether changed labels are accepted, but give another value."""
    if subject.way not in (Way("labels"), Way("labels", precision="float32")):
        return None
    for scores, targets in itertools.islice(_small_batches(subject), 60):
        score, label = example_arguments(subject.way, scores, targets)
        try:
            usual = subject.caller.call((score, label))
            other = subject.caller.call((score, change(label)))
        except Unusable:
            return None
        if other.shape == usual[..., None].shape:
            other = other[..., 0]
        if other.size != usual.size or np.any(apart(other, usual)):
            got, wanted = (float(v.sum()) if v.size == 1 else v for v in (other, usual))
            return Finding(name, text, Example((score, change(label)), got, wanted, why))
    return None


def find_changed_argument(subject):
    """Find out whether a call changes its arguments."""
    for scores, targets in itertools.islice(_small_batches(subject), 6):
        if not subject.way.takes_rows:
            scores, targets = scores[:1], targets[:1]
        arguments = subject.way.arguments(scores, targets)
        if isinstance(arguments[0], torch.Tensor):
            arguments = (arguments[0].requires_grad_() * 1, arguments[1])
        before = [as_numbers(argument).copy() for argument in arguments]
        try:
            quietly(subject.caller.loss, *arguments)
        except Unusable:
            return None
        for place, (argument, old) in enumerate(zip(arguments, before, strict=True)):
            if not np.array_equal(as_numbers(argument), old, equal_nan=True):
                which = ("first", "second")[place]
                fresh = example_arguments(subject.way, scores, targets)
                got, was = as_numbers(argument), "the argument as it was"
                return Finding(
                    "argument changed",
                    f"the call changes its {which} argument in place, and with it what the "
                    "network computes next. Write x = x − m instead of x −= m.",
                    Example(fresh, got, old, was, "argument"),
                )
    return None
