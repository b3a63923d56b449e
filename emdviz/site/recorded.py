"""A finished race that was kept in ``race.json``, as a replay that needs no torch to be built."""

import json
from pathlib import Path
from types import SimpleNamespace

from emdviz.explorers.kit.address import one_of, whole
from emdviz.explorers.kit.bundler import bundle
from emdviz.explorers.kit.explorer import (
    drawing,
    show_losses,
    show_metrics,
    stand_alone,
    style_sheet,
)
from emdviz.losses.loss import LOSSES

_HERE = Path(__file__).parent
_EXPLORERS = _HERE.parent / "explorers"

RACE = _HERE / "race.json"
"""Written by ``python scripts/record_race.py``; it says itself how the networks were trained."""


class Replay:
    """The recorded race, or some of its losses, images and metrics, as the site needs a figure.

    Attributes
    ----------
    facts : dict
        What the file holds.
    epochs : dict of str to list of dict
        The ``metrics`` and the ``belief`` after each epoch, by loss, in the order of ``LOSSES``.
    epoch, image, metric
        Those shown, as of a ``TrainingReplay``.
    """

    module = _EXPLORERS / "training" / "replay.js"
    _css = style_sheet("replay", "kit/kit.css", "training/training.css")

    def __init__(self, path=RACE, *, without=(), images=None, metrics=None):
        self.facts = json.loads(Path(path).read_text(encoding="utf-8"))
        if images is not None:
            _keep_images(self.facts, images)
        self.facts["metrics"] = metrics or self.facts["metrics"]
        kept = self.facts["epochs"]
        self.epochs = {loss: kept[loss] for loss in LOSSES if loss in kept and loss not in without}
        self._last = max(len(done) for done in self.epochs.values())
        self.epoch, self.image, self.metric = self._last, 0, self.facts["metrics"][0]

    def page_state(self):
        """Return the traits of a ``TrainingReplay``."""
        facts = self.facts
        return {
            "epoch": self.epoch,
            "image": self.image,
            "metric": self.metric,
            "_text_scale": 1.0,
            "_setup": {
                "losses": show_losses(list(self.epochs)),
                "metrics": show_metrics(facts["metrics"]),
                "classes": facts["classes"],
                "epochs": self._last,
                "probe": facts["probe"],
            },
            "_epochs": [
                [self._epoch_facts(epoch) for epoch in done] for done in self.epochs.values()
            ],
        }

    def address_fields(self):
        """Return what may stand in the address of its page."""
        facts = self.facts
        allowed = {
            "epoch": whole(1, self._last),
            "image": whole(0, len(facts["probe"]["images"]) - 1),
            "metric": one_of(facts["metrics"]),
        }
        return [{"name": name, "key": name, **kind} for name, kind in allowed.items()]

    def _epoch_facts(self, epoch):
        return epoch | {"metrics": {name: epoch["metrics"][name] for name in self.facts["metrics"]}}

    def fragment(self, show):
        """Return HTML that shows it."""
        return stand_alone(
            show, self.page_state(), self._css, bundle(self.module), self.address_fields()
        )

    def figure(self):
        """Return a matplotlib Figure of the curves of RPS."""
        from emdviz import plots

        histories = {
            loss: [SimpleNamespace(number=n, metrics=e["metrics"]) for n, e in enumerate(done, 1)]
            for loss, done in self.epochs.items()
        }
        with drawing(8, 4.5) as figure:
            plots.plot_history(histories, "RPS", ax=figure.subplots())
        return figure

    def final(self, metric):
        """Return a metric of each loss after its last epoch."""
        return {loss: done[-1]["metrics"][metric] for loss, done in self.epochs.items()}


def _keep_images(facts, images):
    """Drop all images but those of these indices, and what was believed of them."""

    def kept(values):
        return values and [values[i] for i in images]

    facts["probe"] = {name: kept(values) for name, values in facts["probe"].items()}
    for epochs in facts["epochs"].values():
        for epoch in epochs:
            epoch["belief"] = {name: kept(values) for name, values in epoch["belief"].items()}
