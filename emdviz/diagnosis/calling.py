"""Call an unknown loss: find out what arguments it takes, and read its results."""

import contextlib
import io
import warnings
from dataclasses import dataclass

import numpy as np
import torch

USUAL_SIZES = (2, 3, 5)
OTHER_SIZES = (4, 6, 7, 8, 9, 10, 12, 16, 20, 32, 50, 64, 100, 101, 128)
"""Numbers of classes to try if a loss takes none of the usual ones."""


class Unusable(Exception):
    """A call that gave no number; the message says why, in words that follow the call."""


@dataclass(frozen=True)
class Way:
    """The way to call a loss: the kind of its arguments."""

    target: str
    """"labels": scores and class indices; "distributions": two of them; "outputs": one output per
    example, and class indices."""
    library: str = "torch"
    """Or "numpy"."""
    single: bool = False
    """Whether it takes one example without the batch axis; of outputs, (B,) in place of (B, 1)."""
    precision: str = "float64"
    """The dtype of the first argument."""

    @property
    def takes_rows(self):
        """Whether a batch can be handed over as it is."""
        return self.target == "outputs" or not self.single

    def arguments(self, scores, targets):
        """Lay out scores (B, C) and targets, (B,) or (B, C), as this loss takes them."""
        scores = np.array(scores, dtype=np.float64)
        soft = self.target == "distributions"
        targets = np.array(targets, dtype=np.float64 if soft else np.int64)
        if self.target == "outputs" and self.single:
            scores = scores[:, 0]
        elif self.single:
            scores, targets = scores[0], targets[0]
        if self.library == "numpy":
            return scores.astype(self.precision), targets
        dtype = getattr(torch, self.precision)
        targets = torch.tensor(targets, dtype=dtype if soft else torch.int64)
        return torch.tensor(scores, dtype=dtype), targets

    def describe(self):
        """Return the arguments in words."""
        kind = "torch tensors" if self.library == "torch" else "NumPy arrays"
        if self.target == "outputs":
            return f"one output per example {'(B,)' if self.single else '(B, 1)'} and class indices"
        shape = "(C,)" if self.single else "(B, C)"
        if self.target == "distributions":
            return f"two distributions {shape}, {kind}"
        label = "class index" if self.single else "class indices (B,)"
        return f"{shape} and {label}, {kind}"


WAYS = (
    Way("labels"),
    Way("labels", precision="float32"),
    Way("labels", single=True),
    Way("labels", "numpy"),
    Way("labels", "numpy", single=True),
    Way("distributions"),
    Way("distributions", single=True),
    Way("distributions", "numpy"),
    Way("distributions", "numpy", single=True),
    Way("outputs"),
    Way("outputs", single=True),
    Way("outputs", "numpy"),
)
"""The ways to call a loss, in the order in which they are tried."""


class Caller:
    """A loss and the way to call it."""

    def __init__(self, loss, way):
        self.loss, self.way = loss, way
        self.error = ""  # why the last call that failed did
        self.per_class = False  # whether numbers for each class were added up

    def rows(self, scores, targets):
        """Return the value of each row as a batch of one, shape (N,); NaN where the call failed."""
        values = np.full(len(scores), np.nan)
        for n in range(len(scores)):
            with contextlib.suppress(Unusable):
                values[n] = self.row(scores[n], targets[n])
        return values

    def row(self, scores, target):
        """Return the value of one row, as a batch of one."""
        values = self.result(np.array(scores)[None], np.array(target)[None])
        self.per_class |= values.size > 1
        return float(values.sum())

    def result(self, scores, targets):
        """Call the loss on a batch; return its result as a NumPy array."""
        return self.call(self.way.arguments(scores, targets))

    def call(self, arguments):
        """Call the loss on arguments laid out for it; return its result as a NumPy array."""
        try:
            return as_numbers(self.call_raw(arguments))
        except Unusable as problem:
            self.error = str(problem)
            raise

    def call_raw(self, arguments):
        """Call the loss on such arguments; return its own result, which may have a gradient."""
        if isinstance(arguments[0], torch.Tensor):
            # like a network's outputs: with a gradient, and not a leaf
            leaf = arguments[0].requires_grad_()
            arguments = (leaf * 1, arguments[1])
        return quietly(self.loss, *arguments)


def quietly(function, *arguments, **options):
    """Call a function, hide what it prints and its warnings, and raise its errors as Unusable."""
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            with np.errstate(all="ignore"):
                return function(*arguments, **options)
    except Exception as error:  # a reader's function may raise anything
        words = str(error).strip().split("\n")[0]
        raise Unusable(f"raised {type(error).__name__}: {words}".rstrip(". ")) from error


def as_numbers(result):
    """Return a result as a NumPy array of float64; Unusable if it holds no real numbers."""
    if result is None:
        raise Unusable("returned None: is the return statement missing?")
    if isinstance(result, torch.Tensor):
        result = result.detach().cpu()
        result = (result.float() if result.dtype == torch.bfloat16 else result).numpy()
    try:
        array = np.asarray(result)
        if array.dtype.kind not in "fiu":
            raise TypeError
        return array.astype(np.float64)
    except (TypeError, ValueError, RuntimeError):  # RuntimeError: a list of tensors
        raise Unusable(f"returned {type(result).__name__}, not numbers") from None


def find_sizes(caller, num_classes=None):
    """Return the numbers of classes for which a loss can be called in the caller's way."""
    if num_classes is not None:
        return [num_classes] if _works(caller, num_classes) else []
    if caller.way.target == "outputs":
        return [5] if _works(caller, 5) else []
    usual = [size for size in USUAL_SIZES if _works(caller, size)]
    return usual or [size for size in OTHER_SIZES if _works(caller, size)][:1]


def _works(caller, size):
    way = caller.way
    # with C rows, batch and classes could be confused
    count = size + 1 if way.takes_rows else 1
    rng = np.random.default_rng(size)
    scores = rng.dirichlet(np.full(size, 2.0), size=count)
    targets = np.ones(count, dtype=int)
    if way.target == "distributions":
        targets = rng.dirichlet(np.full(size, 2.0), size=count)
    if way.target == "outputs":
        scores = scores[:, :1]
    try:
        result = caller.result(scores, targets)
    except Unusable:
        try:  # it may refuse probabilities, or anything but them
            result = caller.result(np.log(scores), targets)
        except Unusable:
            return False
    if way.takes_rows:
        return result.ndim == 0 or (result.shape[0] in (1, count) and result.ndim <= 2)
    return result.ndim <= 1
