"""The criterion of a run: made from any loss, tried on a small batch, weighted by rows."""

from collections.abc import Iterable

import torch
from torch import nn

from emdviz.losses import as_loss, try_out
from emdviz.reading import is_torch, shown, to_numpy


def read_losses(losses):
    """Return losses as a dict by their names, or raise an error if two have one name."""
    if isinstance(losses, str) or not isinstance(losses, Iterable) or not (given := list(losses)):
        raise ValueError(
            f"losses must be a list of losses, such as ['XE', 'EMD2'], got {shown(losses)}"
        )
    found = {}
    for one in given:
        loss = as_loss(one)
        if loss.name in found:
            raise ValueError(
                f"losses must not name one twice, got {loss.name!r} again; give one another "
                "name: losses.as_loss(…, name='…')"
            )
        found[loss.name] = loss
    return found


def read_options(options, data, kind):
    """Return the options of a loss with its class weights as a tensor.

    ``"balanced"`` weights are N / (C n_k), with n_k of N training targets in class k.
    """
    options = dict(options or {})
    weight = options.get("weight")
    if isinstance(weight, str):
        if weight != "balanced":
            raise ValueError(f"weight must be 'balanced' or a number per class, got {weight!r}")
        counts = data.class_counts(kind)
        if not counts.all():
            missing = [data.dataset.classes[k] for k in (counts == 0).nonzero()[:, 0].tolist()]
            raise ValueError(
                f"weight 'balanced' needs each class in the training split, which lacks {missing}"
            )
        options["weight"] = (counts.sum() / (len(counts) * counts)).float()
    elif weight is not None:
        weight = weight if is_torch(weight) else torch.from_numpy(to_numpy(weight, "weight"))
        if weight.shape != (data.num_classes,):
            raise ValueError(
                f"weight must be 'balanced' or a number for each of the {data.num_classes} "
                f"classes, got shape {tuple(weight.shape)}"
            )
        options["weight"] = weight.detach().to(torch.float32)
    return options


def make_criterion(loss, options, data, kind, num_features=None):
    """Try a loss, and return its Module of (outputs, targets) for a run.

    It takes the weights of the rows as well, where the data set has any. ``options`` are those of
    :func:`read_options`, ``kind`` is ``targets`` of the configuration.
    """
    if options or loss not in data.tried:
        criterion = try_out(loss, data.num_classes, num_features, **options)
        data.tried |= set() if options else {loss}
    else:
        criterion = loss.make(data.num_classes, num_features)
    targets = data.targets(kind)[:8].cpu()
    outputs = torch.linspace(-1, 1, len(targets) * loss.num_outputs(data.num_classes))
    outputs = outputs.reshape(len(targets), -1)
    if targets.is_floating_point():
        try:
            fresh = loss.make(data.num_classes, num_features, **options)
            value = fresh(outputs, targets)
            fits = value.shape == () and bool(torch.isfinite(value))
            cause = "it is not one finite number"
        except Exception as error:
            fits, cause = False, error
        if not fits:
            raise ValueError(
                f"the loss {loss.name!r} takes no shares of votes as targets ({cause}); train on "
                "one label each: TrainConfig(targets='majority'), 'median' or 'mean'"
            )
    if data.weights is None:
        return criterion
    rowwise = _make_rowwise(loss, options, data, num_features, outputs, targets)
    return RowWeighted(criterion, rowwise, options.get("weight"))


class RowWeighted(nn.Module):
    """The mean of a loss over a batch, Σ s_n v_n / Σ s_n w_n.

    s_n is the weight of row n, w_n that of its class (1 without class weights or for targets that
    are distributions), and v_n its loss, which holds w_n.
    """

    def __init__(self, plain, rowwise, class_weight):
        super().__init__()
        self.plain, self.rowwise = plain, rowwise
        self.register_buffer("class_weight", class_weight, persistent=False)

    def forward(self, outputs, targets, weights=None):
        """Return the loss of a batch, plain where no weights are given."""
        if weights is None:
            return self.plain(outputs, targets)
        total = weights
        if self.class_weight is not None and not targets.is_floating_point():
            total = weights * self.class_weight[targets]
        return (self.rowwise(outputs, targets) * weights).sum() / total.sum()


def _make_rowwise(loss, options, data, num_features, outputs, targets):
    """Return the Module of a loss that returns one number per row, or say that it has none."""

    for more in ({"reduction": "none"}, {}):
        try:
            made = loss.make(data.num_classes, num_features, **options, **more)
            for module in made.modules():
                if getattr(module, "reduction", None) == "mean":
                    module.reduction = "none"
            if made(outputs, targets).shape == targets.shape[:1]:
                return made
        except Exception:  # as a loss that does not know the option
            continue
    raise ValueError(
        f"the loss {loss.name!r} cannot weight rows, as the weights of the data set ask for: it "
        "has no option reduction='none'; add one that returns a number per row, or make the data "
        "set without weights"
    )
