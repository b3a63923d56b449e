"""A finished comparison of losses, epoch by epoch."""

from collections.abc import Iterable
from pathlib import Path

from emdviz.explorers.kit.bundler import bundle
from emdviz.explorers.kit.explorer import style_sheet
from emdviz.explorers.kit.traits import WholeNumber
from emdviz.explorers.training.watched_images import (
    TrainingExplorer,
    epoch_facts,
    in_order,
    read_probe,
    setup,
)
from emdviz.reading import check_is, read_path, to_numpy
from emdviz.training import Epoch
from emdviz.training.kept import read_history


class TrainingReplay(TrainingExplorer):
    """Move through the epochs of a finished comparison and see what each loss made of an image.

    A slider and a play button choose the epoch, a row of small images the image. Its predicted
    distributions stand side by side, one per loss, with its label and, where it is known, the
    true distribution; regression, which predicts none, shows its class as a mark. The curves
    of a metric tell where in training that is. All of it runs in the browser, also in the file
    that ``save_html`` writes.

    Parameters
    ----------
    epochs : dict of str to list of training.Epoch
        What each loss has finished, from ``LossRace.epochs`` or :func:`training.fit`, all with
        predictions for the same images. Lists may differ in length.
    dataset : datasets.OrderedData
        What they were trained on.
    images : sequence of int, datasets.Split or uint8 tensor of shape (N, 3, H, W), optional
        The images that the epochs' predictions are for, as in :class:`LossRace`: the first eight
        for validation by default.
    epoch : int, optional
        The epoch shown first, from 1; the last by default.
    image : int
        Index of the image shown first.
    metric : str
        Which curves are shown first, a name in ``metrics.METRICS``.
    style : {"notebook", "projector"}
        How large the text is.

    Attributes
    ----------
    epoch, image, metric
        As above; set them and see the figure follow.

    Raises
    ------
    ValueError
        If there is no epoch, or predictions and images differ in number.
    traitlets.TraitError
        If an epoch, an image, a metric or a style is not there.

    Examples
    --------
    >>> from emdviz import datasets, models, training
    >>> faces = datasets.load("synthetic_faces", n=64, size=32)
    >>> config = training.TrainConfig(epochs=2, batch_size=16, device="cpu")
    >>> run = list(training.fit(models.small_cnn(8), "EMD2", faces, config))
    >>> replay = TrainingReplay({"EMD2": run}, faces, epoch=1)
    >>> replay.beliefs["EMD2"].shape
    (8,)
    """

    _esm = bundle(Path(__file__).parent / "replay.js")
    _css = style_sheet("replay", "kit/kit.css", "training/training.css")

    epoch = WholeNumber(1, 1, lambda replay: replay._last).tag(sync=True)
    image = WholeNumber(0, 0, lambda replay: len(replay.probe.images) - 1).tag(sync=True)

    def __init__(
        self, epochs, dataset, *, images=None, epoch=None, image=0, metric="AEM", style="notebook"
    ):
        self._watch(dataset, images, "images")
        self.epochs = in_order(_check_epochs(epochs, len(self.probe.images)))
        self._last = max(len(done) for done in self.epochs.values())
        super().__init__(
            epoch=self._last if epoch is None else epoch,
            image=image,
            metric=metric,
            _text_scale=self.text_scale(style),
            _setup=setup(dataset, list(self.epochs), self.probe, self._last),
            _epochs=[[*map(epoch_facts, done)] for done in self.epochs.values()],
        )

    @classmethod
    def from_folder(cls, folder, dataset, *, images=None, **options):
        """Return the replay of runs that were kept on disk, finished or not.

        Parameters
        ----------
        folder : str or Path
            What ``LossRace``, ``training.compare_losses`` or ``training.fit`` was given.
        dataset, images
            As above; they must be those of the runs.
        **options
            The other arguments of the class.

        Raises
        ------
        FileNotFoundError
            If no run is there.
        ValueError
            If a loss was run more than once there, or other images were watched.
        """
        probe = read_probe(images, dataset, "images")
        folder = read_path(folder, "folder", "a folder of runs")
        files = {*folder.glob("history.json"), *folder.glob("*/history.json")}
        runs = sorted(file.parent for file in files)
        if not runs:
            raise FileNotFoundError(
                f"{folder} holds no run: no history.json in it, nor in a folder of it; "
                "give the folder that LossRace, compare_losses or fit was given"
            )
        epochs = {}
        for run in runs:
            loss, done = read_history(run, probe=probe.images)
            if loss in epochs:
                raise ValueError(
                    f"{folder} holds more than one run of {loss}; give the folder of one "
                    "comparison with one seed, or make a dict of epochs yourself"
                )
            epochs[loss] = done
        return cls(epochs, dataset, images=probe, **options)

    @property
    def beliefs(self):
        """What each loss predicts for the image at the epoch that is shown.

        A dict of each loss to an array of shape (C,), to the predicted class where there is no
        distribution, or to None where the run ended earlier.
        """
        return {loss: self._belief(done) for loss, done in self.epochs.items()}

    def figure(self):
        """Return a matplotlib Figure of the present epoch and image."""
        return self._draw([self.image], self.epoch)

    def _belief(self, done):
        if self.epoch > len(done):
            return None
        predicted = done[self.epoch - 1].probe
        if predicted.distribution is None:
            return int(predicted.classes[self.image])
        return to_numpy(predicted.distribution[self.image])


def _check_epochs(epochs, count):
    what = "a dict of losses to lists of training.Epoch, such as race.epochs"
    check_is(epochs, "epochs", dict, what)
    found = {}
    for loss, done in epochs.items():
        check_is(loss, "a loss of epochs", str, "a name")
        check_is(done, f"epochs[{loss!r}]", Iterable, "a list of training.Epoch")
        found[loss] = list(done)
        for epoch in found[loss]:
            check_is(epoch, f"epochs[{loss!r}]", Epoch, "a list of training.Epoch")
            if len(epoch.probe.classes) != count:
                raise ValueError(
                    f"epochs of {loss} hold predictions for {len(epoch.probe.classes)} images, "
                    f"but there are {count}; give as images what was given as probe"
                )
    found = {loss: done for loss, done in found.items() if done}
    if not found:
        raise ValueError("epochs must hold at least one finished epoch, got none")
    return found
