"""Cross-entropy, for comparison."""

import torch

from emdviz._docstrings import fill
from emdviz.losses import conventions
from emdviz.losses.modules import FunctionLoss
from emdviz.reading import read_count


@fill
@conventions.without_autocast
def xe_loss(
    input, target, *, weight=None, ignore_index=-100, label_smoothing=0.0, reduction="mean"
):
    """Cross-entropy E_X = −Σ_i t_i log softmax(z)_i: torch's, with this module's checks.

    One difference from torch: class weights multiply rows here, as in all losses of this module,
    while :func:`torch.nn.functional.cross_entropy` multiplies the terms t_i log p_i. The two are
    equal for class indices without label smoothing.

    Parameters
    ----------
    %(logits)s
    %(batch_options)s

    %(loss_value)s
        In nats, not negative.

    %(batch_errors)s

    References
    ----------
    Hou et al. 2017, section 2; :func:`torch.nn.functional.cross_entropy`.

    Examples
    --------
    >>> round(xe_loss(torch.tensor([[0.0, 0.0, 0.0]]), torch.tensor([0])).item(), 4)
    1.0986
    """
    label_smoothing = conventions.check_options(input, weight, label_smoothing, reduction)
    conventions.check_target(input, target)
    ignore_index = read_count(ignore_index, "ignore_index", -(2**63), 2**63 - 1)
    logits = conventions.at_least_float32(input)
    if target.is_floating_point():
        conventions.check_probabilities(target)
        # t log p is 0 where t is 0, also for a logit of −inf
        logits = logits.clamp(min=torch.finfo(logits.dtype).min / 4)
    if weight is not None and (target.is_floating_point() or label_smoothing):
        logits = conventions.rows(logits)
        targets = conventions.read_targets(target, logits, weight, ignore_index, label_smoothing)
        terms = targets.soft * torch.log_softmax(logits, dim=1)
        return conventions.reduce(-terms, targets, reduction)
    try:
        return torch.nn.functional.cross_entropy(
            logits,
            target if target.is_floating_point() else target.long(),
            None if weight is None else weight.to(logits),
            # torch refuses any other index beside probabilities, which it does not ignore
            ignore_index=-100 if target.is_floating_point() else ignore_index,
            label_smoothing=label_smoothing,
            reduction=reduction,
        )
    except IndexError:
        conventions.check_labels(target[target != ignore_index], conventions.rows(logits).shape[1])
        raise


class CrossEntropyLoss(FunctionLoss, function=xe_loss):
    """Module of :func:`xe_loss`, with its options."""
