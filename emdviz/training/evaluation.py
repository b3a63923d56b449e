"""What a network says of images, and how good that is."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch

from emdviz import metrics
from emdviz.distributions import MOST_CLASSES, expectation, one_hot
from emdviz.losses import find_loss
from emdviz.reading import check_is, read_count, shown
from emdviz.training.augmentation import centre_crop

EVALUATION_BATCH = 512
EVALUATION_PIXELS = 2**22
"""The most images that are predicted at once, and the most pixels that these have together."""


@dataclass(frozen=True)
class Prediction:
    """What a network says of N images.

    Attributes
    ----------
    classes : int64 tensor, shape (N,)
        Predicted classes.
    distribution : float tensor, shape (N, C), or None
        Predicted probabilities; None for regression, which has none.
    loss : float or None
        Mean training loss, where labels were given.
    outputs : float tensor, shape (N,), or None
        Of regression, in class steps and not rounded.
    """

    classes: torch.Tensor
    distribution: torch.Tensor | None
    loss: float | None = None
    outputs: torch.Tensor | None = None

    def as_distribution(self, num_classes):
        """Return the distribution, or certainty of the predicted class; shape (N, C)."""
        if self.distribution is not None:
            return self.distribution
        return one_hot(self.classes, num_classes)

    def scores(self, positions=None):
        """Return the expected position of each image, or the output of regression; shape (N,)."""
        if self.distribution is not None:
            return expectation(self.distribution, positions=positions)
        return self.outputs


def predict(
    model, loss, images, num_classes, *, labels=None, criterion=None, crop=None, mirror=False
):
    """Predict the classes of images, and their distributions where the loss has any.

    Parameters
    ----------
    model : torch.nn.Module
        Set to evaluation mode; used where it lies.
    loss : str
        The loss it was trained with, a name in ``losses.LOSSES``.
    images : uint8 tensor, shape (N, 3, H, W)
    num_classes : int
        C.
    labels : int64 tensor, shape (N,), optional
        Class indices; then the mean loss is computed as well.
    criterion : torch.nn.Module, optional
        What computes it; a new Module of the loss by default.
    crop, mirror
        What the network sees, as in :class:`TrainConfig`.

    Returns
    -------
    Prediction
        On the CPU; its loss is that of the mean prediction if ``mirror``.

    Raises
    ------
    ValueError
        If the images are smaller than ``crop``.
    """
    spec = find_loss(loss)
    check_is(model, "model", torch.nn.Module, "a torch.nn.Module")
    num_classes = read_count(num_classes, "num_classes", 1, MOST_CLASSES)
    device = next(model.parameters()).device
    model.eval()
    seen = centre_crop(images, crop)
    size = max(1, min(EVALUATION_BATCH, EVALUATION_PIXELS // math.prod(seen.shape[2:])))
    batches = (scale(batch.to(device)) for batch in seen.split(size))
    with torch.no_grad():
        outputs = torch.cat([_outputs(model, batch, mirror) for batch in batches]).cpu()
    classes = spec.predict(outputs, num_classes)
    distribution = None if spec.is_point else spec.decode(outputs, num_classes)
    value = None
    if labels is not None:
        criterion = criterion or make_loss(spec, model, num_classes)
        value = criterion.to(device).eval()(outputs.to(device), labels.to(device)).item()
    return Prediction(classes, distribution, value, outputs[:, 0] if distribution is None else None)


def _outputs(model, images, mirror):
    """Return the outputs for images, or outputs that stand for the mean with their mirror images.

    The softmax of these is the mean of the two distributions.
    """
    if not mirror:
        return model(images).float()
    both = torch.stack([model(view).float() for view in (images, images.flip(3))])
    if both.shape[2] == 1:
        return both.mean(dim=0)
    return torch.logsumexp(torch.log_softmax(both, dim=2), dim=0) - math.log(2)


def measure(prediction, split, num_classes):
    """Evaluate a :class:`Prediction` of a whole split; see ``metrics.METRICS``.

    Regression predicts no distribution. Its RPS is that of certainty in the predicted class,
    which is its MAE; metrics that make no sense for it are left out. Where the split has real
    scores, Spearman's ρ is that of expected and real score.

    Returns
    -------
    dict of str to float
    """
    check_is(prediction, "prediction", Prediction, "a training.Prediction, as predict returns it")
    if not hasattr(split, "labels"):
        kind = type(split).__name__
        raise TypeError(f"split must be a Split, such as dataset.split('test'), got {kind}")
    if prediction.distribution is not None:
        results = metrics.evaluate(
            prediction.distribution, split.labels, true_distribution=split.true_distribution
        )
    else:
        results = metrics.evaluate_classes(prediction.classes, split.labels, num_classes)
        results["RPS"] = results["MAE"]
    if split.scores is not None:
        expected = prediction.scores(split.positions)
        results["Spearman"] = metrics.spearman(expected, split.scores)
    return results


def read_losses(losses):
    """Return names of losses as a list, or raise an error unless each is one, and no other's."""
    if isinstance(losses, str) or not isinstance(losses, Iterable) or not (names := list(losses)):
        raise ValueError(
            f"losses must be a list of names, such as ['XE', 'EMD2'], got {shown(losses)}"
        )
    for name in names:
        find_loss(name)
    if len(set(names)) < len(names):
        raise ValueError(f"losses must not name one twice, got {names}")
    return names


def make_loss(spec, model, num_classes, **options):
    """Make the Module of a loss for a network, or say what the network lacks for it."""
    if not spec.uses_features:
        return spec.make(num_classes, None, **options)
    if not (hasattr(model, "features") and hasattr(getattr(model, "head", None), "in_features")):
        raise ValueError(
            f"{spec.label} needs the features before the head: the model must have "
            "features(images) and a linear layer head, as those of models.MODELS"
        )
    return spec.make(num_classes, model.head.in_features, **options)


def scale(images):
    """Turn bytes 0 … 255 into floats −1 … 1."""
    check_is(images, "images", torch.Tensor, "a tensor of bytes")
    return images.to(torch.float32, copy=True).div_(127.5).sub_(1)
