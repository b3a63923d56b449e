"""Predictions of a run in a file, for later comparisons example by example."""

import io

import numpy as np

PREDICTIONS = "predictions.npz"
"""The name of the file in the folder of a run."""


def pack_predictions(run):
    """Predict and measure validation and test split; return (metrics, bytes of the file).

    The metrics are ``{"valid": {"AEM": …}, "test": {…}}``.
    """
    metrics, arrays, dataset = {}, {}, run.data.dataset
    for name in ("valid", "test"):
        split = run.data.split(name)
        predicted, metrics[name] = run.evaluate(name)
        parts = {
            "index": dataset.splits[name],
            "labels": split.labels,
            "classes": predicted.classes,
        }
        if predicted.distribution is None:
            parts["outputs"] = predicted.outputs
        else:
            parts["probabilities"] = predicted.distribution
        if split.scores is not None:
            parts |= {"expected": predicted.scores(split.positions), "scores": split.scores}
        arrays |= {f"{name} {kind}": part.numpy() for kind, part in parts.items()}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return metrics, buffer.getvalue()


def read_predictions(path):
    """Read such a file; see ``experiments.Store.predictions`` for what it holds."""
    parts = {"valid": {}, "test": {}}
    # np.load would leave a broken file open
    with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
        for name in file.files:
            split, _, kind = name.partition(" ")
            parts[split][kind] = file[name]
    return parts
