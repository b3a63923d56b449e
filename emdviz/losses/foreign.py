"""Losses of other packages whose outputs are not the logits of a softmax."""

from emdviz.losses import zoo
from emdviz.losses.loss import facts_of

KNOWN = {
    ("coral_pytorch", "CornLoss"): ("CORN", None, None),
    ("coral_pytorch", "corn_loss"): ("CORN", None, None),
    ("dlordinal", "CORNLoss"): ("CORN", None, None),
    ("coral_pytorch", "CoralLoss"): ("CORAL", None, "levels"),
    ("coral_pytorch", "coral_loss"): ("CORAL", None, "levels"),
    ("dlordinal", "OrdinalECOCDistanceLoss"): ("ECOC", "sigmoid", None),
    ("torch", "MultiMarginLoss"): ("hinge-WW", None, None),
    ("torch", "multi_margin_loss"): ("hinge-WW", None, None),
    ("torch", "NLLLoss"): (None, "log_softmax", None),
    ("torch", "nll_loss"): (None, "log_softmax", None),
}
"""(package, class or function) -> the loss of the zoo that is decoded likewise, and what outputs
and labels are turned into for it."""


def recognise(kind):
    """Return (facts for :class:`Loss`, read, read_targets) of a foreign class or function.

    ``read`` and ``read_targets`` say what the loss is given in the place of outputs and labels;
    they are None, and the facts empty, where nothing is known.
    """
    for base in getattr(kind, "__mro__", (kind,)):
        package = str(getattr(base, "__module__", "")).partition(".")[0]
        found = KNOWN.get((package, getattr(base, "__name__", "")))
        if found is not None:
            like, read, read_targets = found
            facts = facts_of(zoo.load(like)) if like else {}
            return facts, read and globals()[read], read_targets and globals()[read_targets]
    return {}, None, None


def softmax(outputs):
    """Turn logits into probabilities."""
    return outputs.softmax(1)


def log_softmax(outputs):
    """Turn logits into logarithms of probabilities."""
    return outputs.log_softmax(1)


def sigmoid(outputs):
    """Turn each output into a probability of its own."""
    return outputs.sigmoid()


def levels(labels, num_classes):
    """Turn labels (B,) into answers (B, C − 1) to "is it above k?"."""
    return (labels[:, None] > labels.new_tensor(range(num_classes - 1))).float()
