"""Parts of the figures of training: the images that are watched, and epochs for the browser."""

import base64
import io
import math
from typing import NamedTuple

import numpy as np
import torch
import traitlets

from emdviz.explorers.kit.address import one_of
from emdviz.explorers.kit.explorer import Explorer, drawing, show_losses, show_metrics
from emdviz.explorers.kit.traits import as_trait
from emdviz.losses import LOSSES
from emdviz.metrics import METRICS
from emdviz.reading import read_choice, to_numpy


class Probe(NamedTuple):
    """The images whose predictions are watched.

    Attributes
    ----------
    images : uint8 or uint16 tensor, shape (N, 1 or 3, H, W)
    labels : int64 tensor, shape (N,), or None
        None where they are not known.
    true_distribution : float tensor, shape (N, C), or None
        Or the shares of votes.
    """

    images: torch.Tensor
    labels: torch.Tensor | None = None
    true_distribution: torch.Tensor | None = None

    def facts(self):
        """Return the same for the browser."""
        truth = self.true_distribution
        return {
            "images": [png_url(image) for image in self.images],
            "labels": None if self.labels is None else self.labels.tolist(),
            "truth": None if truth is None else np.round(to_numpy(truth), 5).tolist(),
        }

    def target(self, i):
        """Return the true distribution of image i, else its label, else None."""
        if self.true_distribution is not None:
            return to_numpy(self.true_distribution[i])
        return None if self.labels is None else int(self.labels[i])


class TrainingExplorer(Explorer):
    """A figure of the curves of a metric, and of what networks believe of the images in ``probe``.

    A subclass has ``epochs``, a dict of losses to lists of ``training.Epoch``.
    """

    metric = traitlets.Unicode().tag(sync=True, address=lambda figure: one_of(figure._metrics))
    _setup = traitlets.Dict().tag(sync=True)
    _epochs = traitlets.List().tag(sync=True)

    def _watch(self, dataset, probe, name):
        self.dataset, self.probe = dataset, read_probe(probe, dataset, name)
        self._metrics = available_metrics(dataset)

    @traitlets.validate("metric")
    def _check_metric(self, proposal):
        return as_trait(read_choice, proposal["value"], "metric", self._metrics)

    def _draw(self, chosen, at=None):
        """Draw the curves and, of the chosen images, what is believed after epoch ``at``, or last.

        Where ``at`` is given, it is marked on the curves.
        """
        from emdviz import plots

        numbers = {loss: at or len(done) for loss, done in self.epochs.items()}
        classes, metric = self.dataset.classes, self.metric
        predictions = {
            loss: to_numpy(done[numbers[loss] - 1].probe.as_distribution(len(classes)))[chosen]
            for loss, done in self.epochs.items()
            if 0 < numbers[loss] <= len(done)
        }
        curves = {k: done for k, done in self.epochs.items() if done and metric in done[0].metrics}
        width = 5 + 2.2 * (1 + len(predictions))
        with drawing(width, max(4.2, 1.9 * len(chosen) + 0.6)) as figure:
            left, right = figure.subfigures(1, 2, width_ratios=[5, width - 5])
            ax = left.subplots()
            if curves:
                plots.plot_history(curves, metric, ax=ax)
                if at is not None:
                    ax.axvline(at, color="0.4", linewidth=1.5, zorder=0)
            else:
                ax.set(xlabel="epoch", ylabel=metric)
            if predictions:
                axes = right.subplots(len(chosen), 1 + len(predictions), squeeze=False)
                targets = [self.probe.target(i) for i in chosen]
                truth = None if targets[0] is None else np.array(targets)
                images = self.probe.images[chosen]
                plots.plot_beliefs(images, predictions, truth, classes=classes, axes=axes)
        return figure


def read_probe(probe, dataset, name="probe"):
    """Return a :class:`Probe` of what a caller may give, see :class:`LossRace`.

    Raises
    ------
    ValueError
        If it is neither images nor indices of validation images.
    """
    from emdviz.datasets.base import Split

    if not dataset.has_images:
        raise ValueError(
            f"the data set must hold images, which the figure shows, got {dataset.name} with "
            f"inputs of shape {tuple(dataset.inputs.shape)}; for others, training.compare_losses"
        )
    valid = dataset.split("valid")
    if probe is None:
        probe = range(min(8, len(valid)))
    if isinstance(probe, Probe):
        return probe
    if isinstance(probe, Split):
        return Probe(probe.inputs, probe.labels, _truth(probe))
    channels = dataset.inputs.shape[1]
    if isinstance(probe, torch.Tensor) and probe.dtype == dataset.inputs.dtype:
        if probe.ndim == 4 and len(probe) and probe.shape[1] == channels:
            return Probe(probe)
        raise ValueError(f"{name} must have shape (N, {channels}, H, W), got {tuple(probe.shape)}")
    chosen = np.asarray(probe)
    if chosen.ndim != 1 or not len(chosen) or not np.issubdtype(chosen.dtype, np.integer):
        raise ValueError(
            f"{name} must be indices of validation images, a Split, or images as a tensor "
            f"of {dataset.inputs.dtype} and shape (N, {channels}, H, W); got {probe!r}"
        )
    if not 0 <= chosen.min() <= chosen.max() < len(valid):
        raise ValueError(
            f"{name} must be indices of validation images, 0 to {len(valid) - 1}, "
            f"got {chosen.min()} to {chosen.max()}"
        )
    inputs = to_numpy(valid.inputs)[chosen]  # torch cannot index uint16
    parts = (valid.labels, _truth(valid))
    return Probe(
        torch.from_numpy(inputs), *(None if part is None else part[chosen] for part in parts)
    )


def _truth(split):
    """Return the true distributions of a part of a data set, or the votes, or None."""
    return split.votes if split.true_distribution is None else split.true_distribution


def png_url(image):
    """Return an image, uint8 or uint16 of shape (1 or 3, H, W), as a data URL."""
    from PIL import Image

    file, pixels = io.BytesIO(), to_numpy(image)
    if pixels.dtype == np.uint16:
        pixels = (pixels // 257).astype(np.uint8)
    pixels = pixels[0] if len(pixels) == 1 else np.moveaxis(pixels, 0, 2)
    Image.fromarray(pixels).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def in_order(losses):
    """Return a dict of losses in the order that they have everywhere; unknown ones come last."""
    order = {name: place for place, name in enumerate(LOSSES)}
    return {name: losses[name] for name in sorted(losses, key=lambda n: order.get(n, len(order)))}


def setup(dataset, losses, probe, epochs, **more):
    """Return what the browser needs to know of a comparison, and what does not change in it."""
    return {
        "losses": show_losses(losses),
        "metrics": show_metrics(available_metrics(dataset)),
        "classes": list(dataset.classes),
        "epochs": epochs,
        "probe": probe.facts(),
        **more,
    }


def available_metrics(dataset):
    """Return the names of the metrics that a data set allows."""
    known = dataset.true_distribution is not None or dataset.votes is not None
    scores = dataset.scores is not None and dataset.positions is not None
    lacking = [name for name in METRICS if not known and name.endswith("to truth")]
    lacking += [] if scores else ["score MAE", "CS(5)"]
    return [name for name in METRICS if name not in lacking]


def epoch_facts(epoch, *, with_belief=True):
    """Return an epoch for the browser: its metrics, None where one has no number, and beliefs."""
    metrics = {
        name: round(value, 6) if math.isfinite(value) else None
        for name, value in epoch.metrics.items()
    }
    if not with_belief:
        return {"metrics": metrics}
    p = epoch.probe.distribution
    p = None if p is None else np.round(to_numpy(p).astype(float), 5).tolist()
    return {"metrics": metrics, "belief": {"classes": epoch.probe.classes.tolist(), "p": p}}
