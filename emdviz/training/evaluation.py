"""Predictions of a network, and how good they are."""

import math
from dataclasses import KW_ONLY, dataclass, field
from os import PathLike
from typing import Any

import numpy as np
import torch

from emdviz import metrics
from emdviz.distributions import expectation, one_hot, spread
from emdviz.reading import check_is, read_flag, shown, to_numpy
from emdviz.training.augmentation import centre_crop
from emdviz.training.inputs import is_path, read_images, read_rows

EVALUATION_BATCH = 512
EVALUATION_PIXELS = 2**22
"""The most inputs that are predicted at once, and the most pixels that these have together."""


@dataclass(frozen=True)
class Prediction:
    """What a network predicts for N inputs.

    Attributes
    ----------
    classes : int64 tensor, shape (N,)
        Predicted classes.
    distribution : float tensor, shape (N, C), or None
        Predicted probabilities; None for regression, which has none.
    loss : float or None
        Mean training loss, where targets were given.
    outputs : float tensor, shape (N,), or None
        Of regression, not rounded; in class steps, or in the unit of the loss's positions. Of
        other losses without a distribution, the predicted classes.
    class_names : list of str, or None
        Names of the C classes.
    positions : list of float, shape (C,), or None
        Positions of the classes, where the data set has any.
    input_names : list, or None
        Names of the N inputs: of files, or the index of a table; None for arrays.
    in_steps : bool
        Whether ``outputs`` are in class steps.
    """

    classes: torch.Tensor
    distribution: torch.Tensor | None
    loss: float | None = None
    outputs: torch.Tensor | None = None
    class_names: list | None = None
    positions: list | None = None
    input_names: list | None = None
    in_steps: bool = True

    def as_distribution(self, num_classes):
        """Return the distribution, or certainty of the predicted class; shape (N, C)."""
        if self.distribution is not None:
            return self.distribution
        return one_hot(self.classes, num_classes)

    def scores(self, positions=None):
        """Return the expected position of each input, or the output of regression; shape (N,)."""
        if self.distribution is not None:
            return expectation(self.distribution, positions=positions)
        return self.outputs

    def to_frame(self):
        """Return the prediction as a table.

        Returns
        -------
        pandas.DataFrame
            A row for each input, with the columns ``input`` (name of the file, index of the table
            or number of the row, from 0), ``class`` (name of the predicted class), ``score``
            (expected position, or the output of regression), ``spread`` (standard deviation of
            the position), and ``P(name)`` (probability) for each class. Score and spread are in
            the unit of ``positions``, or in class steps. Regression is certain of its class: its
            spread is 0, and its score is not rounded; if in class steps, it is interpolated
            between the positions, and ends with these.

        Raises
        ------
        ValueError
            If ``class_names`` is None, as in a prediction that no network made.

        Examples
        --------
        >>> p = torch.tensor([[0.5, 0.5, 0.0]])
        >>> frame = Prediction(p.argmax(1), p, class_names=["low", "medium", "high"]).to_frame()
        >>> list(frame.columns)
        ['input', 'class', 'score', 'spread', 'P(low)', 'P(medium)', 'P(high)']
        >>> frame["class"].tolist(), frame["score"].tolist()
        (['low'], [0.5])
        """
        import pandas as pd

        if self.class_names is None:
            raise ValueError("class_names must be given for a table, got None")
        names, positions = self.class_names, self.positions
        p = self.as_distribution(len(names))
        score = to_numpy(self.scores(positions))
        if self.distribution is None and self.in_steps and positions is not None:
            score = np.interp(score, np.arange(len(names)), positions)
        inputs = range(len(p)) if self.input_names is None else self.input_names
        columns = {
            "input": list(inputs),
            "class": [names[k] for k in self.classes.tolist()],
            "score": score,
            "spread": to_numpy(spread(p, positions=positions)),
        }
        return pd.DataFrame(
            columns | {f"P({name})": to_numpy(p[:, k]) for k, name in enumerate(names)}
        )


@dataclass(eq=False, repr=False)
class Predictor:
    """A trained network, and what is needed to read its inputs and its outputs.

    ``shape`` and ``dtype`` are those of one input (uint8 and uint16 are images), ``features`` the
    names of a table's inputs, ``preparation`` how its rows become inputs, ``decoding`` how images
    were read of files.
    """

    model: torch.nn.Module
    loss: Any
    loss_options: dict
    classes: list
    positions: list | None
    config: Any
    shape: tuple
    dtype: torch.dtype
    _: KW_ONLY
    features: list | None = None
    preparation: Any = None
    decoding: dict = field(default_factory=dict)

    def predict(self, inputs, *, targets=None):
        """Predict the classes of inputs, and their distributions where the loss has any.

        Parameters
        ----------
        inputs : tensor or array, shape (N, …), or a data set, a part of one, files or a table
            Of the kind that the network was trained on; arrays of images may have another size,
            if the network allows it. Images may be the path of a folder, a zip file or an image,
            or a list of paths of images: they are read as the data set's, of the same size and
            channels. Rows may be a DataFrame or the path of a table, with the columns that the
            network was trained on in any order, and any others; they are prepared as those of
            ``datasets.table`` were. Arrays of rows must be prepared already.
        targets : tensor, optional
            What the mean loss is computed with: class indices (N,) or distributions (N, C).

        Returns
        -------
        Prediction
            On the CPU; ``to_frame()`` makes a table of it. With ``config.mirror`` it is the mean
            of an image and its mirror image.

        Raises
        ------
        ValueError, TypeError
            If the inputs do not fit, or are smaller than the crop; if a table lacks a column, or
            holds nothing of its kind there.
        FileNotFoundError
            If there is no such file, or no image that can be read.

        Warns
        -----
        UserWarning
            If files cannot be read as images: their names. They are left out. If rows of a table
            are unlike the training rows; see ``preparation.unlike``.
        """
        inputs, input_names = self.read_inputs(inputs)
        return self.read_outputs(self.compute_outputs(inputs), targets, input_names)

    def compute_outputs(self, inputs):
        """Return the outputs for inputs, a tensor, on the CPU."""
        seen = centre_crop(inputs, self.config.crop)
        device = next(self.model.parameters()).device
        self.model.eval()
        with torch.no_grad():
            outputs = [self._outputs(prepare(part.to(device))) for part in in_batches(seen)]
        count = self.loss.num_outputs(len(self.classes))
        return torch.cat(outputs).cpu() if outputs else torch.zeros(0, count)

    def read_outputs(self, outputs, targets=None, input_names=None):
        """Return the :class:`Prediction` that outputs (N, outputs) of the network stand for."""
        value = None
        if targets is not None:
            device = next(self.model.parameters()).device
            value = self._mean_loss(outputs.to(device), targets.to(device))
        classes = self.loss.predict(outputs, len(self.classes), **self.loss_options)
        if self.loss.is_point:
            return self.read_point(classes, outputs[:, 0], value, input_names)
        p = self.loss.decode(outputs, len(self.classes), **self.loss_options)
        return Prediction(classes, p, value, None, self.classes, self.positions, input_names)

    def read_point(self, classes, numbers, value=None, input_names=None):
        """Return the :class:`Prediction` of a loss that has no distribution.

        ``numbers`` (N,) are what it predicts if its network has one output for any number of
        classes. Of several outputs, such as margins, none is a score: the classes are.
        """
        count, in_steps = len(self.classes), True
        if self.loss.num_outputs(count) == self.loss.num_outputs(count + 1) == 1:
            steps = torch.arange(count)
            found = self.loss.predict(steps[:, None].float(), count, **self.loss_options)
            in_steps = torch.equal(found, steps)
        else:
            numbers = classes.float()
        return Prediction(
            classes, None, value, numbers, self.classes, self.positions, input_names, in_steps
        )

    def read_inputs(self, inputs):
        """Return inputs as a tensor, if they fit, and their names, None for arrays."""
        is_table = hasattr(inputs, "columns")
        if self.features is not None and (is_table or isinstance(inputs, str | PathLike)):
            return read_rows(inputs, self.features, self.preparation)
        if is_path(inputs):
            if self.dtype != torch.uint8 or len(self.shape) != 3:
                raise ValueError(
                    "inputs must be arrays or a data set, for the run was trained on neither "
                    f"images of 8 bits nor a table, got {shown(inputs)}"
                )
            images, names, kept = read_images(inputs, self.shape, self.decoding)
            return images, [names[place] for place in kept]
        inputs = inputs if is_table else getattr(inputs, "inputs", inputs)
        if not isinstance(inputs, torch.Tensor):
            array = to_numpy(inputs, "inputs")
            if array.dtype.kind not in "biuf":
                raise TypeError(
                    f"inputs must hold real numbers, got dtype {array.dtype} of {shown(inputs)}; "
                    "pass an array, a data set or the path of such inputs as the network was "
                    "trained on, or, if that was on a table, a DataFrame"
                )
            # torch warns of arrays that cannot be written to, as a DataFrame may hand out
            inputs = torch.from_numpy(array if array.flags.writeable else array.copy())
        pixels, spatial = (torch.uint8, torch.uint16), len(self.shape) == 3
        images = self.dtype in pixels and spatial
        fits = inputs.shape[1:] == self.shape
        if images:
            fits = inputs.ndim == 4 and inputs.shape[1] == self.shape[0]
            fits = fits and inputs.dtype == self.dtype
        elif spatial and inputs.dtype in pixels:  # pixels are scaled in training, floats are not
            fits = False
        if not fits:
            what = f"{self.dtype} of shape" if images or spatial else "of shape"
            advice = ""
            if images and inputs.is_floating_point():
                most = torch.iinfo(self.dtype).max
                advice = f"; pixels are whole numbers from 0 to {most}, not floats"
            raise ValueError(
                f"inputs must be {what} (N, {', '.join(map(str, self.shape))}), as those that the "
                f"network was trained on, got {inputs.dtype} of shape {tuple(inputs.shape)}{advice}"
            )
        return inputs, None

    def _mean_loss(self, outputs, targets):
        criterion = self.loss.make(len(self.classes), None, **self.loss_options)
        return criterion.to(outputs.device).eval()(outputs, targets).item()

    def _outputs(self, inputs):
        """Return the outputs for inputs, or outputs for the mean with their mirror images.

        Where these are logits of a softmax, the softmax is the mean of the two distributions.
        """
        if not self.config.mirror:
            return self.model(inputs).float()
        both = torch.stack([self.model(view).float() for view in (inputs, inputs.flip(3))])
        if self.loss.reads_softmax:
            return torch.logsumexp(torch.log_softmax(both, dim=2), dim=0) - math.log(2)
        return both.mean(dim=0)


def predict(run, inputs):
    """Predict inputs with a run: the same as ``run.predict(inputs)``.

    Parameters
    ----------
    run : Run or Predictor
    inputs
        As for :meth:`Predictor.predict`.

    Returns
    -------
    Prediction
    """
    check_is(run, "run", Predictor, "a training.Run, or what experiments.load returns")
    return run.predict(inputs)


def measure(prediction, split, num_classes, *, weighted=False):
    """Evaluate a :class:`Prediction` of a whole split; see ``metrics.METRICS``.

    Classes are those of the loss's own rule. Regression predicts no distribution. Its RPS is that
    of certainty in the predicted class, which is its MAE, and Spearman's ρ that of its outputs, not
    rounded; metrics that make no sense for it are left out. Distances to the truth are those to the
    true distribution of the split, or to its votes. Where the split has real scores, Spearman's ρ
    is that of expected and real score, and with positions "score MAE" and "CS(5)" tell in their
    unit how far these are apart.
    ``weighted`` counts each example by its weight in the data set.

    Returns
    -------
    dict of str to float
    """
    check_is(prediction, "prediction", Prediction, "a training.Prediction, as predict returns it")
    if not hasattr(split, "labels"):
        kind = type(split).__name__
        raise TypeError(f"split must be a Split, such as dataset.split('test'), got {kind}")
    weights = split.weights if read_flag(weighted, "weighted") else None
    if weighted and weights is None:
        raise ValueError("weighted is for a data set that was made with weights=")
    p, labels = prediction.distribution, split.labels
    if p is not None:
        truth = split.votes if split.true_distribution is None else split.true_distribution
        results = metrics.evaluate(p, labels, true_distribution=truth, weights=weights)
        if not torch.equal(prediction.classes, p.argmax(dim=1)):  # a rule of the loss's own
            expected = expectation(p)
            results |= metrics.evaluate_classes(
                prediction.classes, labels, num_classes, scores=expected, weights=weights
            )
    else:
        results = metrics.evaluate_classes(
            prediction.classes, labels, num_classes, scores=prediction.outputs, weights=weights
        )
        results["RPS"] = results["MAE"]
    if split.scores is not None:
        expected = to_numpy(prediction.scores(split.positions)).astype(np.float64)
        # ranks are those of what regression says, also beyond the first and the last class
        rho = metrics.spearman(expected, split.scores, weights=weights)
        if split.positions is not None:
            if p is None and prediction.in_steps:
                expected = np.interp(expected, np.arange(num_classes), split.positions)
            results |= metrics.evaluate_scores(expected, split.scores, weights=weights)
        results["Spearman"] = rho
    return results


def in_batches(inputs):
    """Split inputs into parts that are predicted at once."""
    size = inputs[:1].numel() if inputs.ndim < 4 else math.prod(inputs.shape[2:])
    size = max(1, min(EVALUATION_BATCH, EVALUATION_PIXELS // max(1, size)))
    return [inputs[i : i + size] for i in range(0, len(inputs), size)]


def is_image(inputs):
    """Return whether inputs are images: uint8 or uint16, shape (N, 1 or 3, H, W)."""
    pixels = inputs.dtype in (torch.uint8, torch.uint16)
    return pixels and inputs.ndim == 4 and inputs.shape[1] in (1, 3)


def prepare(inputs):
    """Turn images into floats −1 … 1, and everything else into float32 as it is."""
    if not is_image(inputs):
        return inputs.to(torch.float32)
    if inputs.dtype == torch.uint8:
        return scale_pixels(inputs)
    return inputs.to(torch.float32).div_(32767.5).sub_(1)


def scale_pixels(images):
    """Turn bytes 0 … 255 into floats −1 … 1."""
    check_is(images, "images", torch.Tensor, "a tensor of bytes")
    return images.to(torch.float32, copy=True).div_(127.5).sub_(1)
