"""Try a loss on a small batch before it trains a network, and say what does not fit."""

import warnings

import torch
import torch.nn.functional as F

from emdviz.distributions import MOST_CLASSES
from emdviz.losses.loss import UnknownOption
from emdviz.losses.wrapping import as_loss
from emdviz.reading import read_count


def try_out(loss, num_classes, num_features=None, **options):
    """Make the criterion of a loss and try it on a small batch of random outputs.

    Parameters
    ----------
    loss
        As for :func:`as_loss`.
    num_classes : int
        C.
    num_features : int, optional
        As for :meth:`Loss.make`.
    **options
        Those of the loss.

    Returns
    -------
    torch.nn.Module
        A criterion that has not seen the batch.

    Raises
    ------
    ValueError, TypeError
        If it does not return one finite number with a gradient by the outputs, ignores outputs or
        labels or changes them, or if its outputs cannot be read as probabilities. The error says
        what to pass.

    Examples
    --------
    >>> criterion = try_out(torch.nn.functional.cross_entropy, 3)
    >>> criterion(torch.zeros(1, 3), torch.tensor([0]))
    tensor(1.0986)
    """
    loss, num_classes = as_loss(loss), read_count(num_classes, "num_classes", 1, MOST_CLASSES)
    if num_features is not None:
        num_features = read_count(num_features, "num_features", 1)
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _Trial(loss, num_classes, num_features, options).run()
    return loss.make(num_classes, num_features, **options)


def value_of_trial(loss, num_classes, num_features=None, **options):
    """Return the value of a Loss for the batch of :func:`try_out`, which tells it from others.

    Examples
    --------
    >>> mean, total = (
    ...     as_loss(torch.nn.CrossEntropyLoss(reduction=reduction)) for reduction in ("mean", "sum")
    ... )
    >>> round(value_of_trial(total, 3) / value_of_trial(mean, 3), 4)
    5.0
    """
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        trial = _Trial(loss, num_classes, num_features, options)
        return float(trial.compute(trial.outputs, trial.labels))


class _Trial:
    def __init__(self, loss, num_classes, num_features, options):
        self.loss, self.num_classes = loss, num_classes
        self.num_features, self.options = num_features, options
        # a number of rows that is none of classes or outputs, so that no mistake is broadcast
        self.labels = torch.arange(min(num_classes, 16) + 2) % num_classes
        self.rng = torch.Generator().manual_seed(0)
        self.outputs = self.draw(loss.num_outputs(num_classes))

    def draw(self, num_outputs):
        rows = len(self.labels)
        outputs = torch.randn(rows, num_outputs, generator=self.rng)
        heads_give_probabilities = self.loss.head is not None and num_outputs == self.num_classes
        return outputs.softmax(1) if heads_give_probabilities else outputs

    def refuse(self, text, cause=None):
        raise ValueError(f"the loss {self.loss.name!r} {text}") from cause

    def compute(self, outputs, labels):
        """Return the value of a new criterion, with no trace of others."""
        criterion = self.loss.make(self.num_classes, self.num_features, **self.options)
        if self.loss.uses_features:
            width = self.num_features or 1
            criterion.observe(torch.randn(len(labels), width, generator=self.rng), labels)
        return criterion(outputs, labels)

    def works(self, outputs, labels):
        try:
            value = self.compute(outputs, labels)
            return isinstance(value, torch.Tensor) and bool(torch.isfinite(value).all())
        except Exception:
            return False

    def run(self):
        leaf = self.outputs.clone().requires_grad_()
        outputs, labels = leaf * 1, self.labels.clone()  # outputs of a network are no leaf
        try:
            value = self.compute(outputs, labels)
        except UnknownOption:
            raise
        except Exception as error:
            shapes = f"outputs {tuple(outputs.shape)} and labels {tuple(labels.shape)}"
            self.refuse(f"fails for {shapes}: {error}{self.hint()}", error)
        if not torch.equal(outputs.detach(), self.outputs) or not torch.equal(labels, self.labels):
            changed = "labels" if torch.equal(outputs.detach(), self.outputs) else "outputs"
            self.refuse(f"changes its {changed}; let it work on {changed}.clone()")
        self.check_value(value)
        (gradient,) = torch.autograd.grad(value, leaf, allow_unused=True)
        if gradient is None or not gradient.any():
            self.refuse("ignores the outputs: its gradient by them is zero")
        if not torch.isfinite(gradient).all():
            self.refuse(f"has a gradient that is not finite{self.hint()}")
        others = (self.labels + 1) % self.num_classes
        if self.num_classes > 1 and torch.equal(self.compute(self.outputs, others), value.detach()):
            self.refuse("ignores the labels: it is the same for others")
        if self.loss.reads_softmax and self.loss.inputs == "logits":
            self.check_softmax(value.detach())
        self.check_reading()

    def check_value(self, value):
        if not isinstance(value, torch.Tensor):
            self.refuse(
                f"must return a torch tensor, got {type(value).__name__}; a number that .item(), "
                "float() or NumPy made has no gradient"
            )
        if value.shape != ():
            self.refuse(
                f"must return the mean of the batch, one number, got shape {tuple(value.shape)}; "
                "add .mean(), or reduction='mean' where it has that option"
            )
        if not value.requires_grad:
            self.refuse(
                "has no gradient; compute it from the outputs with torch, without .item(), "
                ".detach(), argmax or NumPy"
            )
        if not torch.isfinite(value):
            self.refuse(f"is {value.item()} for ordinary outputs{self.hint()}")

    def check_softmax(self, value):
        """Refuse what changes with a constant that is added to all logits of an example."""
        shift = torch.linspace(-3, 3, len(self.labels))[:, None]
        try:
            shifted = self.compute(self.outputs + shift, self.labels)
            same = torch.allclose(shifted, value, rtol=1e-3, atol=1e-4)
        except Exception:
            same = False
        if not same:
            self.refuse(
                "changes when a constant is added to all logits of an example, so that they are "
                "not those of a softmax. If it takes probabilities: Loss(…, "
                "inputs='probabilities'); otherwise say how outputs become probabilities: "
                "Loss(…, decode=…, outputs=…)"
            )

    def check_reading(self):
        rows, classes = len(self.labels), self.num_classes
        p = self.loss.decode(self.outputs, classes, **self.options)
        if p is not None:
            shape = tuple(getattr(p, "shape", ()))
            if shape != (rows, classes):
                self.refuse(
                    f"must be decoded to probabilities (B, C) = {(rows, classes)}, got {shape}; "
                    "pass decode="
                )
            if not (p.min() >= 0 and torch.allclose(p.sum(1).float(), torch.ones(rows), atol=1e-3)):
                self.refuse(
                    "must be decoded to probabilities, not negative and summing to 1; they are "
                    f"from {p.min():.3g} and sum to {p.sum(1)[0]:.3g}"
                )
        found = self.loss.predict(self.outputs, classes, **self.options)
        kind = getattr(found, "dtype", type(found).__name__), tuple(getattr(found, "shape", ()))
        if kind != (torch.int64, (rows,)) or not (0 <= found.min() <= found.max() < classes):
            self.refuse(
                f"must predict class indices, int64 of shape (B,) = ({rows},) from 0 to "
                f"{classes - 1}, got {kind[0]} of shape {kind[1]}"
            )

    def hint(self):
        """Guess the arguments of a loss that fails or gives no finite number."""
        classes, labels = self.num_classes, self.labels
        logits = torch.randn(len(labels), classes, generator=self.rng)
        if self.outputs.shape[1] == classes and self.works(logits.softmax(1), labels):
            return ". It seems to take probabilities: Loss(…, inputs='probabilities')"
        hints = []
        if self.works(logits, F.one_hot(labels, classes).float()):
            hints.append("one-hot targets: lambda z, y: loss(z, one_hot(y, C).float())")
        if self.works(logits[:, 0], labels.float()):
            hints.append(
                "one number per example: 'REG', or Loss(…, outputs=lambda num_classes: 1, decode=…)"
            )
        if hints:
            return f". It seems to take {'; or '.join(hints)}"
        if self.works(logits[:, 1:], labels):
            return (
                f". It seems to take C − 1 = {classes - 1} outputs: Loss(…, "
                "outputs=lambda num_classes: num_classes - 1, decode=…)"
            )
        return ""
