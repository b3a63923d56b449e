"""The folder of a finished run: the files that are kept there, written and read back.

``result.json`` tells what was run and its metrics, ``network.json`` what the network needs to
predict besides ``weights.safetensors``, ``history.json`` what every epoch reported, and
``predictions.npz`` what the network predicts for the validation and test splits.
"""

import contextlib
import dataclasses
import io
import json
import os
import platform
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import safetensors.torch
import torch

from emdviz.datasets.preparation import Preparation
from emdviz.losses import as_loss
from emdviz.losses.wrapping import path_of as path_of_loss
from emdviz.models.building import build, replace_head
from emdviz.models.building import path_of as path_of_network
from emdviz.reading import read_path
from emdviz.training.augmentation import shape_of_window
from emdviz.training.config import TrainConfig
from emdviz.training.epoch import Epoch
from emdviz.training.evaluation import Predictor
from emdviz.training.provenance import describe_origin, digest
from emdviz.training.results import plain
from emdviz.training.state import HISTORY, WEIGHTS

FORMAT = "emdviz result 3"
RESULT, NETWORK, PREDICTIONS = "result.json", "network.json", "predictions.npz"


def load_run(folder, *, model=None, loss=None):
    """Return the network of a finished run, ready to predict.

    Parameters
    ----------
    folder : str or Path
        The folder of one run: in that of :func:`compare_losses`, or in a store of experiments.
    model : callable, optional
        The function of the number of outputs that made the network, where it has no import path,
        such as a lambda.
    loss : callable or losses.Loss, optional
        What it was trained with, likewise.

    Returns
    -------
    training.evaluation.Predictor
        On the CPU; its ``predict`` takes inputs as the run was trained on, or files of such. The
        data set need not be there.

    Raises
    ------
    FileNotFoundError
        If the folder is not that of a finished run.
    ValueError
        If its files cannot be read, or ``model`` or ``loss`` is needed.

    Examples
    --------
    >>> import tempfile
    >>> from emdviz import datasets, training
    >>> faces = datasets.load("synthetic_faces", n=64, size=32)
    >>> config = training.TrainConfig(epochs=1, batch_size=16, device="cpu")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table = training.compare_losses(faces, ["EMD2"], config=config, folder=folder)
    ...     kept = load_run(f"{folder}/{table['id'][0]}")
    >>> kept.predict(faces.split("test")).distribution.shape
    torch.Size([6, 8])
    """
    folder = read_path(folder, "folder", "the folder of a finished run")
    with reading(part(folder, NETWORK)) as path:
        about = json.loads(path.read_bytes())
        config = TrainConfig(**about["config"])
        shape, dtype = tuple(about["shape"]), getattr(torch, about["dtype"])
        options = {
            name: torch.tensor(value) if name == "weight" else value
            for name, value in about["loss_options"].items()
        }
        classes, positions = about["classes"], about["positions"]
        for name, values in (("positions", positions), ("weights", options.get("weight"))):
            if values is not None and len(values) != len(classes):
                raise ValueError(f"it has {len(classes)} classes, and {len(values)} {name}")
        known = {name: about[name] for name in ("network", "loss")}
        more = {"features": about["features"], "decoding": dict(about["decoding"])}
        if about.get("preparation") is not None:
            more["preparation"] = Preparation.from_dict(about["preparation"])
    loss = as_loss(_needed(loss, known["loss"], "loss", "loss=my_loss", folder))
    make = _needed(model, known["network"], "model", "model=lambda outputs: Net(outputs)", folder)
    made = build(make, loss.num_outputs(len(classes)), shape_of_window(shape, config.crop))
    if loss.head is not None:
        made = replace_head(made, lambda width: loss.head(width, len(classes)))
    weights = part(folder, WEIGHTS)
    with reading(weights), safetensors.safe_open(weights, framework="pt") as file:
        named = json.loads((file.metadata() or {}).get("classes", "null"))
        if named not in (None, classes):  # one output fits any number of classes
            raise ValueError(f"it is of the classes {named}, and {NETWORK} of {classes}")
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    try:
        made.load_state_dict(tensors)
    except RuntimeError as error:
        found = " ".join(str(error).split())
        if model is None:
            raise unreadable(folder, WEIGHTS, found) from None
        raise ValueError(f"model must make the network that was trained: {found}") from None
    return Predictor(made, loss, options, classes, positions, config, shape, dtype, **more)


def pack_run(run):
    """Return what to keep of a finished run: (outcome, bytes of files by name).

    The outcome are ``metrics``, as ``{"valid": {"AEM": …}, "test": {…}}``, ``seconds``, ``origin``
    and ``notes``; the files are all but ``result.json`` and ``history.json``.
    """
    metrics, predictions = _pack_predictions(run)
    tensors = {name: value.cpu().contiguous() for name, value in run.model.state_dict().items()}
    config = dataclasses.asdict(run.config)
    del config["device"]
    about = {
        "network": _path(path_of_network, run.made_of),
        "loss": _path(path_of_loss, run.loss),
        "config": config,
        "loss_options": run.loss_options,
        "classes": run.classes,
        "positions": run.positions,
        "shape": run.shape,
        "dtype": str(run.dtype).removeprefix("torch."),
        "features": run.features,
        "decoding": run.decoding,
    }
    about = _in_json("network", about)
    about["preparation"] = None if run.preparation is None else run.preparation.to_dict()
    dataset = run.data.dataset
    outcome = {
        "metrics": metrics,
        "seconds": run.epochs[-1].seconds,
        "origin": describe_origin(run),
        "notes": [f"classes {' < '.join(map(str, dataset.classes))}", *map(str, dataset.notes)],
    }
    return outcome, {
        NETWORK: json.dumps(about, indent=1).encode(),
        WEIGHTS: safetensors.torch.save(tensors, {"classes": json.dumps(about["classes"])}),
        PREDICTIONS: predictions,
    }


def _pack_predictions(run):
    """Predict and measure validation and test split; return (metrics, bytes of the file)."""
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


def read_predictions(folder):
    """Return what a finished run predicted; see ``experiments.Store.predictions``."""
    parts = {"valid": {}, "test": {}}
    with (
        reading(part(folder, PREDICTIONS)) as path,
        path.open("rb") as opened,  # np.load would leave a broken file open
        np.load(opened, allow_pickle=False) as file,
    ):
        for name in file.files:
            split, _, kind = name.partition(" ")
            parts[split][kind] = file[name]
    return parts


def read_history(folder, *, probe=None):
    """Return the loss and the epochs of a run, finished or not.

    Where ``probe`` is given, the epochs must hold predictions for these images.
    """
    with reading(part(folder, HISTORY)) as path:
        kept = json.loads(path.read_bytes())
        epochs = [Epoch.from_dict(facts) for facts in kept["epochs"]]
        loss, watched = kept["run"]["loss"], kept["run"]["probe"]
    if probe is not None and watched != digest([probe]):
        raise ValueError(
            f"images must be those whose predictions {folder} holds; give the same "
            "data set, and as images what was given as probe"
        )
    return loss, epochs


def pack_result(identity, facts, outcome):
    """Return the bytes of ``result.json``.

    ``facts`` tell what was run, as ``experiments.RunSpec.to_dict`` does. ``outcome`` is that of
    :func:`pack_run`, or the ``error`` of a run that failed.
    """
    about = {"format": FORMAT, "id": identity, "spec": _in_json("spec", facts)}
    about |= {"finished": datetime.now(UTC).isoformat(), "host": platform.node()}
    return json.dumps(about | outcome, indent=1).encode()


def part(folder, name):
    """Return the path of a file of a finished run, which must be there."""
    path = Path(folder) / name
    if not path.exists():
        if (Path(folder) / RESULT).exists():
            raise FileNotFoundError(
                f"{folder} holds a result without {name}, which was deleted, or the run failed; "
                "to have it again, delete this folder and repeat what made the run"
            )
        raise FileNotFoundError(
            f"{folder} holds no {name} of a finished run; compare_losses with a folder and "
            "experiments.run keep finished runs"
        )
    return path


@contextlib.contextmanager
def reading(path):
    """Turn any error of reading a file into a ValueError that names the file."""
    try:
        yield path
    except KeyError as error:
        raise unreadable(path.parent, path.name, f"it lacks {error}") from None
    except Exception as error:
        raise unreadable(path.parent, path.name, error) from None


def unreadable(folder, name, error):
    """Return the ValueError for a file of a finished run that cannot be read."""
    return ValueError(
        f"{os.path.join(folder, name)} cannot be read ({error}): delete its folder and run it again"
    )


def _needed(given, known, name, example, folder):
    if given is not None or known is not None:
        return known if given is None else given
    raise ValueError(
        f"{name} must be given, for that of {folder} has no name and no import path by which it "
        f"could be found; pass what it was trained with, such as {example}"
    )


def _path(path_of, given):
    """Return the name or import path of a network or loss, None if it has none."""
    try:
        return path_of(given)
    except (ValueError, TypeError):
        return None


def _in_json(name, value):
    if isinstance(value, dict):
        return {key: _in_json(f"{name} {key}", one) for key, one in value.items()}
    return plain(name, value)
