"""What is done for a run: train, predict, measure."""

import json

import safetensors.torch

from emdviz.training import Run, choose_device
from emdviz.training.data import TrainingData
from emdviz.training.predictions import PREDICTIONS, pack_predictions
from emdviz.training.provenance import describe_origin
from emdviz.training.results import plain

_loaded = {}


def train(spec, folder, on_epoch):
    """Train and test a network; ``folder`` keeps its state, from which it goes on.

    Returns the facts, ``metrics`` as ``{"valid": {"AEM": …}, "test": {…}}`` after the last epoch,
    ``seconds`` of training, ``origin`` and ``notes`` on the data, and by name the files that a
    network needs to predict.
    """
    run = Run(
        spec.network,
        spec.loss,
        _load_data(spec),
        spec.config,
        weights=spec.weights,
        loss_options=dict(spec.loss_options),
        folder=folder,
    )
    for epoch in run:
        on_epoch(epoch)
    metrics, predictions = pack_predictions(run)
    tensors = {name: part.cpu().contiguous() for name, part in run.model.state_dict().items()}
    about = {
        "classes": run.classes,
        "positions": run.positions,
        "shape": run.shape,
        "dtype": str(run.dtype).removeprefix("torch."),
        "features": run.features,
        "decoding": run.decoding,
        "loss_options": {k: plain(k, value) for k, value in run.loss_options.items()},
    }
    files = {
        "network.json": json.dumps(about, indent=1).encode(),
        "weights.safetensors": safetensors.torch.save(tensors),
        PREDICTIONS: predictions,
    }
    facts = {"metrics": metrics, "seconds": run.epochs[-1].seconds}
    data = run.data.dataset
    notes = [f"classes {' < '.join(map(str, data.classes))}", *map(str, data.notes)]
    return facts | {"origin": describe_origin(run), "notes": notes}, files


def forget_data():
    """Free the memory of the data set that this process has kept for its next run."""
    _loaded.clear()


def _load_data(spec):
    """Return the data set of a run; the next run of this process may use it again."""
    device = choose_device(spec.config.device)
    key = (spec.dataset, spec.dataset_options, spec.fold, device)
    if key not in _loaded:
        _loaded.clear()  # first: two may not fit into memory
        _loaded[key] = TrainingData(spec.load(), device)
    return _loaded[key]
