"""The smallest example of a mistake: arguments, result and expected result."""

import itertools
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.special import softmax

from emdviz.diagnosis.calling import Caller, Unusable
from emdviz.diagnosis.forms import Match

MOST_TRIES = 4000
VISIBLE = 1e-3
"""Least difference that the printed digits of an example show."""


_VERBS = {"value": "gives", "gradient": "has the gradient", "argument": "leaves behind"}


@dataclass(frozen=True)
class Example:
    """A call that shows a mistake."""

    arguments: tuple  # loss(*arguments) repeats the call
    got: float | str
    expected: float | str
    why: str = ""  # where the expected result comes from
    quantity: str = "value"  # or "gradient" by the first argument, or "argument" after the call
    name: str = "loss"  # of the function, in print

    def __post_init__(self):
        plain = (a.detach() if isinstance(a, torch.Tensor) else a for a in self.arguments)
        object.__setattr__(self, "arguments", tuple(plain))

    def __str__(self):
        call = f"{self.name}({', '.join(map(as_code, self.arguments))})"
        verb = _VERBS[self.quantity]
        why = f" ({self.why})" if self.why else ""
        return f"{call} {verb} {_answer(self.got)}; expected {_answer(self.expected)}{why}"


def as_code(value):
    """Write an argument or a result as one line of code.

    Examples
    --------
    >>> as_code(np.array([[0.5, 0.5]])), as_code(torch.tensor([1]))
    ('np.array([[0.5, 0.5]])', 'torch.tensor([1])')
    """
    if isinstance(value, str):
        return value
    if isinstance(value, torch.Tensor):
        usual = value.dtype in (torch.float32, torch.float64, torch.int64)
        dtype = "" if usual else f", dtype={value.dtype}"
        return f"torch.tensor({_items(value.detach().tolist())}{dtype})"
    if isinstance(value, np.ndarray) and value.ndim:
        return f"np.array({_items(value.tolist())})"
    return _items(value.item() if isinstance(value, np.generic | np.ndarray) else value)


def _answer(value):
    return _items(value.tolist()) if isinstance(value, np.ndarray) else as_code(value)


def _items(value):
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_items, value))}]"
    if isinstance(value, float):
        text = f"{0.0 if abs(value) < 1e-6 else value:.4g}"
        return text if any(c in text for c in ".en") else text + "."
    return str(value)


@dataclass(frozen=True)
class Quirk:
    """A mistake in how a loss reads its targets; the name is empty if there is none."""

    name: str
    text: str
    targets: Callable
    """Targets (N, C) to the targets that the form sees."""
    known: Callable | None = None
    """(labels, C) to the labels that can show the mistake; None for all."""


@dataclass(frozen=True)
class Subject:
    """What is known about the loss under study."""

    caller: Caller
    sizes: list
    """Numbers of classes that it takes."""
    family: str
    """What its scores are: "logits", "probabilities", "log-probabilities" or "outputs"."""
    quirk: Quirk | None = None
    match: Match | None = None
    takes_any: bool = True
    """Whether it accepts scores that are not probabilities."""
    twice: bool = False
    """Whether it applies softmax twice."""

    @property
    def way(self):
        """How the loss is called."""
        return self.caller.way

    def once(self, scores):
        """Return scores as the probabilities that they stand for."""
        if self.family == "log-probabilities":
            return np.exp(scores)
        return softmax(scores, axis=-1) if self.family == "logits" else scores

    def read(self, scores):
        """Return scores as the probabilities that the form sees."""
        return softmax(self.once(scores), axis=-1) if self.twice else self.once(scores)

    def targets(self, targets, size):
        """Return targets as distributions (N, C); for outputs as labels (N, 1)."""
        if self.family == "outputs":
            return np.asarray(targets, float)[:, None]
        if self.way.target == "labels":
            return np.eye(size)[np.asarray(targets)]
        return np.asarray(targets, float)


def small_scores(family, size):
    """Return simple scores of one example, the simplest first."""
    if family == "outputs":
        return [np.array([o]) for o in (0.0, 1.0, 0.5, 2.0)]
    if family == "logits":
        few = [(0,) * size] + [
            tuple(a if i == j else 0 for i in range(size)) for a in (1, 2) for j in range(size)
        ]
        if size <= 4:
            few += [z for z in itertools.product((0, 1, 2), repeat=size) if z not in few]
        return [np.array(z, float) for z in few]
    simple = small_distributions(size)
    if family == "log-probabilities":
        return [np.log(p) for p in simple if np.all(p > 0)]
    return simple


def small_distributions(size):
    """Return simple distributions: point masses, halves, and for few classes quarters."""
    places = [np.eye(size)[i] for i in range(size)]
    found = [*places, np.full(size, 1 / size)]
    for parts in (2, 4) if size <= 4 else (2,):
        for chosen in itertools.combinations_with_replacement(range(size), parts):
            p = sum(places[i] for i in chosen) / parts
            if not any(np.array_equal(p, known) for known in found):
                found.append(p)
    return found


def small_cases(subject):
    """Yield simple rows with their targets, the fewest classes first."""
    for size in subject.sizes:
        soft = subject.way.target == "distributions"
        targets = small_distributions(size) if soft else range(size)
        yield from itertools.product(small_scores(subject.family, size), targets)


def find_example(subject, expected, why):
    """Find the smallest row whose value is not what ``expected(p, t)`` says, or None."""
    for scores, target in itertools.islice(small_cases(subject), MOST_TRIES):
        row, label = np.asarray(scores)[None], np.array(target)[None]
        t = subject.targets(label, len(scores))
        with np.errstate(all="ignore"):
            wanted = float(expected(row, t)[0])
        if not np.isfinite(wanted):
            continue
        arguments = example_arguments(subject.way, row, label)
        with suppress(Unusable):  # other findings report failures
            got = subject.caller.call(arguments)
            if got.size <= 1 and apart(float(got.sum()), wanted):
                return Example(arguments, float(got.sum()), wanted, why)
    return None


def apart(got, wanted):
    """Tell whether two numbers differ in the printed digits."""
    return np.logical_not(abs(got - wanted) <= VISIBLE * (1 + abs(wanted)))


def example_arguments(way, scores, targets):
    """Return arguments as a reader would type them: for torch in float32."""
    way = way if way.library == "numpy" else replace(way, precision="float32")
    return way.arguments(scores, targets)
