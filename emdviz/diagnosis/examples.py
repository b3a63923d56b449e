"""Smallest examples: what was handed over, what came, and what was expected."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from emdviz.diagnosis.calling import Caller, Unusable
from emdviz.diagnosis.forms import Match

MOST_TRIES = 4000
VISIBLE = 1e-3
"""Least difference that an example shows in the digits it prints."""


@dataclass(frozen=True)
class Example:
    """A call that shows a mistake.

    Attributes
    ----------
    arguments : tuple
        What is handed over; ``loss(*arguments)`` repeats it.
    got, expected : float or str
        What comes, and what should.
    why : str
        Where the expected number is from.
    quantity : str
        What is compared: "value", "gradient" (by the first argument) or "argument" (after the
        call).
    name : str
        How the function is called in print.
    """

    arguments: tuple
    got: float | str
    expected: float | str
    why: str = ""
    quantity: str = "value"
    name: str = "loss"

    def __str__(self):
        call = f"{self.name}({', '.join(map(as_code, self.arguments))})"
        verb = {
            "value": "gives",
            "gradient": "has the gradient",
            "argument": "leaves behind",
        }[self.quantity]
        why = f" ({self.why})" if self.why else ""
        return f"{call} {verb} {_answer(self.got)}; expected {_answer(self.expected)}{why}"


def as_code(value):
    """Write an argument or an answer as code of one line.

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
    """A mistake in the target.

    Attributes
    ----------
    name, text : str
        Empty for no mistake.
    targets : callable
        Targets (N, C) to those that the form seems to have seen.
    known : callable or None
        (labels, C) to which of the labels it can be told from; None for all.
    """

    name: str
    text: str
    targets: Callable
    known: Callable | None = None


@dataclass(frozen=True)
class Subject:
    """What is known of a loss that is being looked at.

    Attributes
    ----------
    caller : Caller
    sizes : list of int
        Numbers of classes it takes.
    family : str
        What its scores are: "logits", "probabilities", "log-probabilities" or "outputs".
    quirk : Quirk
        What is wrong with the targets that the form sees; of no name if nothing is.
    match : Match or None
    takes_any : bool
        Whether it takes scores that are no probabilities without complaint.
    twice : bool
        Whether it applies softmax twice.
    """

    caller: Caller
    sizes: list
    family: str
    quirk: Quirk | None = None
    match: Match | None = None
    takes_any: bool = True
    twice: bool = False

    @property
    def way(self):
        """How the loss is called."""
        return self.caller.way

    def once(self, scores):
        """Scores as probabilities, as they are meant."""
        if self.family == "log-probabilities":
            return np.exp(scores)
        return softmax(scores) if self.family == "logits" else scores

    def read(self, scores):
        """Scores as the probabilities that the form seems to have seen."""
        return softmax(self.once(scores)) if self.twice else self.once(scores)

    def targets(self, targets, size):
        """Targets as distributions (N, C); for outputs the labels themselves, (N, 1)."""
        if self.family == "outputs":
            return np.asarray(targets, float)[:, None]
        if self.way.target == "labels":
            return np.eye(size)[np.asarray(targets)]
        return np.asarray(targets, float)


def softmax(scores):
    """Softmax along the last axis."""
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def small_scores(family, size):
    """Simple scores of one example, the simplest first."""
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
    """Simple distributions: point masses, halves, and for few classes quarters."""
    places = [np.eye(size)[i] for i in range(size)]
    found = [*places, np.full(size, 1 / size)]
    for parts in (2, 4) if size <= 4 else (2,):
        for chosen in itertools.combinations_with_replacement(range(size), parts):
            p = sum(places[i] for i in chosen) / parts
            if not any(np.array_equal(p, known) for known in found):
                found.append(p)
    return found


def small_cases(subject):
    """Simple rows with their targets, the fewest classes first."""
    for size in subject.sizes:
        scores = small_scores(subject.family, size)
        targets = range(size)
        if subject.way.target == "distributions":
            targets = small_distributions(size)
        yield from itertools.product(scores, targets)


def find_example(subject, expected, why):
    """Find the smallest row whose value is not what ``expected(p, t)`` says, or None."""
    for scores, target in itertools.islice(small_cases(subject), MOST_TRIES):
        row = np.asarray(scores)[None]
        t = subject.targets(np.array(target)[None], len(scores))
        with np.errstate(all="ignore"):
            wanted = float(expected(row, t)[0])
        if not np.isfinite(wanted):
            continue
        example = compare(subject.caller, row, np.array(target)[None], wanted, why)
        if example is not None:
            return example
    return None


def compare(caller, scores, targets, wanted, why):
    """Return an Example if the loss does not make ``wanted`` of a batch, else None."""
    arguments = example_arguments(caller.way, scores, targets)
    try:
        got = caller.give(arguments)
    except Unusable:
        return None  # that it fails is told elsewhere
    if got.size > 1:
        if got.shape != np.shape(wanted):
            return None
        differs = np.any(apart(got, wanted))
        return Example(detached(arguments), got, wanted, why) if differs else None
    got = float(got.sum())
    return Example(detached(arguments), got, wanted, why) if apart(got, wanted) else None


def apart(got, wanted):
    """Whether two numbers differ so that it can be seen in print."""
    return np.logical_not(abs(got - wanted) <= VISIBLE * (1 + abs(wanted)))


def example_arguments(way, scores, targets):
    """Arguments of an example: float32 where torch is used, as a reader would type them."""
    precise = way.library == "numpy"
    return (way if precise else replace(way, precision="float32")).arguments(scores, targets)


def detached(arguments):
    """Arguments without gradients, to be kept."""
    return tuple(a.detach() if isinstance(a, torch.Tensor) else a for a in arguments)
