"""Losses of other packages whose outputs are not the logits of a softmax."""

from operator import methodcaller

from emdviz.losses import zoo
from emdviz.losses.loss import facts_of

softmax = methodcaller("softmax", 1)
"""Turn logits into probabilities."""


def levels(labels, num_classes):
    """Turn labels (B,) into answers (B, C − 1) to "is it above k?"."""
    return (labels[:, None] > labels.new_tensor(range(num_classes - 1))).float()


KNOWN = {
    ("coral_pytorch", "CornLoss"): ("CORN", None, None),
    ("coral_pytorch", "corn_loss"): ("CORN", None, None),
    ("dlordinal", "CORNLoss"): ("CORN", None, None),
    ("coral_pytorch", "CoralLoss"): ("CORAL", None, levels),
    ("coral_pytorch", "coral_loss"): ("CORAL", None, levels),
    ("dlordinal", "OrdinalECOCDistanceLoss"): ("ECOC", methodcaller("sigmoid"), None),
    ("torch", "MultiMarginLoss"): ("hinge-WW", None, None),
    ("torch", "multi_margin_loss"): ("hinge-WW", None, None),
    ("torch", "NLLLoss"): (None, methodcaller("log_softmax", 1), None),
    ("torch", "nll_loss"): (None, methodcaller("log_softmax", 1), None),
}
"""(package, class or function) -> the loss of the zoo that is decoded likewise, and the functions
that convert outputs and labels for it."""


def recognise(kind):
    """Return (facts for :class:`Loss`, read, read_targets) of a foreign class or function.

    ``read`` and ``read_targets`` convert outputs and labels for the loss; they are None, and the
    facts empty, where nothing is known.
    """
    for base in getattr(kind, "__mro__", (kind,)):
        package = str(getattr(base, "__module__", "")).partition(".")[0]
        found = KNOWN.get((package, getattr(base, "__name__", "")))
        if found is not None:
            like, read, read_targets = found
            return facts_of(zoo.load(like)) if like else {}, read, read_targets
    return {}, None, None
