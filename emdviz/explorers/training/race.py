"""Losses that train side by side while you watch."""

import threading
import time
from pathlib import Path

import traitlets
from tqdm.auto import tqdm

from emdviz.explorers.kit.bundler import bundle
from emdviz.explorers.kit.explorer import style_sheet
from emdviz.explorers.training.watched_images import (
    TrainingExplorer,
    epoch_facts,
    in_order,
    setup,
)
from emdviz.losses.loss import COMPARED
from emdviz.training import Race
from emdviz.training.comparison import make_runs


class LossRace(TrainingExplorer):
    """Train networks with several losses in turns, and watch curves and predictions grow.

    ``display(race)`` shows the figure; its button, or ``race.start()``, begins. Training runs in
    a thread of its own, so that the kernel and other figures answer meanwhile: epoch 1 of every
    loss, then epoch 2 of every loss, from the same first weights on the same batches. Stop and
    Resume lead to the same weights as if nothing had stopped, bit for bit on a CPU.

    In a terminal, ``LossRace(…).run()`` shows a bar of text for every loss instead.

    Parameters
    ----------
    dataset : datasets.OrderedData
    losses : sequence
        Names of losses, functions (outputs, targets), Modules, or others that
        :func:`losses.as_loss` takes.
    config : training.TrainConfig, optional
        Its seed decides first weights, batches and their changes, alike for all losses.
    model : str or callable
        A name in ``models.MODELS``, or a function of the number of outputs that makes a network.
    learning_rates : dict of str to float, optional
        A learning rate of its own for some losses. REG, whose errors are squared class steps,
        wants a tenth of what the others want, or less.
    probe : sequence of int, datasets.Split or uint8 tensor of shape (N, 3, H, W), optional
        Whose predictions are shown: indices of validation images, images with their labels, or
        images alone. The first eight images for validation by default.
    metric : str
        Which curves are shown first, a name in ``metrics.METRICS``.
    folder : str or Path, optional
        Where to keep every run, in a folder of its own. A race with the same folder and
        settings goes on after the last finished epochs, also in a new kernel.
    style : {"notebook", "projector"}
        How large the text is.

    Attributes
    ----------
    metric : str
        As above; set it and see the curves change.
    probe : Probe
        The images that are watched, with ``labels`` and ``true_distribution`` where known.

    Raises
    ------
    ValueError
        If a loss, model, learning rate or probe does not fit, or the folder holds other runs.
    traitlets.TraitError
        If the metric or the style has no such name.

    Notes
    -----
    One race trains at a time: to start one stops another, which can be resumed. Interrupting a
    cell of the notebook stops training as well. The kernel hears the button when it runs no
    cell: while one runs, such as ``race.wait()``, interrupt it.

    Examples
    --------
    >>> from emdviz import datasets, training
    >>> faces = datasets.load("synthetic_faces", n=64, size=32)
    >>> config = training.TrainConfig(epochs=2, batch_size=16, device="cpu")
    >>> race = LossRace(faces, ["XE", "EMD2"], config)
    >>> race.start()
    >>> race.wait(text=False)
    >>> race.state, [len(epochs) for epochs in race.epochs.values()]
    ('finished', [2, 2])
    """

    _esm = bundle(Path(__file__).parent / "race.js")
    _css = style_sheet("race", "kit/kit.css", "training/training.css")

    _now = traitlets.Dict().tag(sync=True)

    _race = None
    _tell_every = 0.25  # seconds between two messages to the browser, of all batches together

    def __init__(
        self,
        dataset,
        losses=COMPARED,
        config=None,
        *,
        model="small_cnn",
        learning_rates=None,
        probe=None,
        metric="AEM",
        folder=None,
        style="notebook",
    ):
        self._watch(dataset, probe, "probe")
        self._check_metric({"value": metric})
        scale = self.text_scale(style)
        options = {"model": model, "learning_rates": learning_rates, "folder": folder}
        runs = in_order(make_runs(dataset, losses, config, probe=self.probe.images, **options))
        first, race = next(iter(runs.values())), Race(runs)
        self._race, self._publishing, self._told = race, threading.RLock(), 0.0
        super().__init__(
            metric=metric,
            _text_scale=scale,
            _setup=setup(dataset, list(runs), self.probe, first.config.epochs, steps=first.steps),
            _epochs=self._epoch_facts(),
            _now=self._facts(),
        )
        race.on_change = self._tell
        self.on_msg(self._hear)

    @property
    def epochs(self):
        """What every loss has finished: a dict of its name to a list of ``training.Epoch``."""
        return {loss: run.epochs[:] for loss, run in self._race.runs.items()}

    @property
    def runs(self):
        """A dict of each loss to its ``training.Run``; use them while nothing trains."""
        return dict(self._race.runs)

    @property
    def networks(self):
        """A dict of each loss to its network; read them while nothing trains."""
        return {loss: run.model for loss, run in self._race.runs.items()}

    @property
    def errors(self):
        """A dict of each loss that could not go on to its exception; the others do go on."""
        return dict(self._race.errors)

    @property
    def state(self):
        """What the race does: ready, training, stopping, stopped or finished."""
        return self._race.state

    def start(self):
        """Begin, or go on after the last finished epochs; what failed is tried again.

        A loss that was no longer finite is not: it would fail at the same step.
        """
        self._race.start()

    def stop(self):
        """Stop after the present batch, and return when nothing trains any more.

        The epoch that was in training is forgotten; :meth:`start` begins it again.
        """
        self._race.stop()

    def wait(self, *, text=None):
        """Wait until nothing trains; Ctrl-C, or interrupting the cell, stops training first.

        Parameters
        ----------
        text : bool, optional
            Show bars of text; by default where no notebook can show the figure.

        Raises
        ------
        Exception
            What ended the race, if it was an error that none of ``errors`` explains.
        """
        if _in_notebook() if text is None else not text:
            self._race.wait()
        else:
            self._wait_with_bars()

    def run(self):
        """Train to the end and return the race; with bars of text in terminals and scripts."""
        self.start()
        self.wait()
        return self

    def close(self):
        """Stop training and remove the figure."""
        if self._race is not None:
            self._race.stop()
        super().close()

    def table(self):
        """Return the metrics after every finished epoch.

        Returns
        -------
        pandas.DataFrame
            A row per loss and epoch: ``loss``, ``epoch``, ``seconds``, ``train loss``,
            ``valid loss``, and each metric of the validation split, such as ``valid AEM``.
        """
        import pandas as pd

        rows = [
            {
                "loss": loss,
                "epoch": epoch.number,
                "seconds": epoch.seconds,
                "train loss": epoch.train_loss,
                "valid loss": epoch.valid_loss,
                **{f"valid {name}": value for name, value in epoch.metrics.items()},
            }
            for loss, epochs in self.epochs.items()
            for epoch in epochs
        ]
        facts = ["loss", "epoch", "seconds", "train loss", "valid loss"]
        return pd.DataFrame(rows, columns=[*facts, *(f"valid {name}" for name in self._metrics)])

    def replay(self, **options):
        """Return a :class:`TrainingReplay` of what is finished so far; options are its own."""
        from emdviz.explorers.training.replay import TrainingReplay

        return TrainingReplay(self.epochs, self.dataset, images=self.probe, **options)

    def figure(self):
        """Return a matplotlib Figure of the curves and of what is believed of the probe images."""
        return self._draw([*range(len(self.probe.images))])

    def _hear(self, _, content, __):
        wish = content.get("do") if isinstance(content, dict) else None
        if wish == "start":
            self._race.start()
        elif wish == "stop":
            self._race.ask_to_stop()

    def _tell(self, urgent):
        """Send the browser the present state, unless that can wait and it got one just now."""
        with self._publishing:
            if not urgent and time.monotonic() - self._told < self._tell_every:
                return
            self._told = time.monotonic()
            news = {"_now": self._facts()}
            counts = [len(run.epochs) for run in self._race.runs.values()]
            if counts != [len(epochs) for epochs in self._epochs]:
                news["_epochs"] = self._epoch_facts()
            self._send_from_thread(**news)

    def _facts(self):
        race = self._race
        return {
            "state": race.state,
            "failure": _in_words(race.failure),
            "runs": [
                {
                    "epoch": len(run.epochs),
                    "step": race.steps[loss],
                    "left": race.seconds_left(loss),
                    "error": _in_words(race.errors.get(loss)),
                }
                for loss, run in race.runs.items()
            ],
        }

    def _epoch_facts(self):
        """Return a list per loss of its epochs' metrics; the last one has its predictions."""
        return [
            [epoch_facts(epoch, with_belief=epoch is epochs[-1]) for epoch in epochs]
            for epochs in self.epochs.values()
        ]

    def _wait_with_bars(self):
        bars = {
            loss: tqdm(
                desc=f"{run.loss.label:>9}",
                total=run.config.epochs * run.steps,
                initial=len(run.epochs) * run.steps,
                unit="batch",
                position=i,
            )
            for i, (loss, run) in enumerate(self._race.runs.items())
        }

        def show():
            for loss, bar in bars.items():
                run = self._race.runs[loss]
                bar.n = len(run.epochs) * run.steps + self._race.steps[loss]
                value = run.epochs[-1].metrics.get(self.metric) if run.epochs else None
                if value is not None:
                    bar.set_postfix({self.metric: f"{value:.4g}"}, refresh=False)
                bar.refresh()

        try:
            self._race.wait(show)
        finally:
            show()
            for bar in bars.values():
                bar.close()
            for loss, error in self.errors.items():
                tqdm.write(f"{self._race.runs[loss].loss.label}: {_in_words(error)}")


def _in_words(error):
    if error is None:
        return None
    if isinstance(error, FloatingPointError | MemoryError):
        return str(error)
    return f"{type(error).__name__}: {error}"


def _in_notebook():
    from IPython import get_ipython

    return getattr(get_ipython(), "kernel", None) is not None
