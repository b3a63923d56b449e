"""What a run does: train, predict, measure."""

import safetensors.torch

from emdviz.experiments.store import to_npz
from emdviz.training import Run, TrainingData, choose_device
from emdviz.writing import write_whole

_loaded = {}


def train(spec, folder, on_epoch):
    """Train a network in the folder of its run, and keep its weights and predictions there.

    Parameters
    ----------
    spec : RunSpec
    folder : Path
        If its training was stopped, it goes on after the last finished epoch.
    on_epoch : callable
        Told every ``training.Epoch``.

    Returns
    -------
    metrics : dict
        ``{"valid": {"AEM": …}, "test": {…}}``, after the last epoch.
    seconds : float
        Of training.
    """
    run = Run(
        spec.network,
        spec.loss,
        _data(spec),
        spec.config,
        weights=spec.weights,
        loss_options=dict(spec.loss_options),
        folder=folder / "training",
    )
    for epoch in run:
        on_epoch(epoch)
    metrics, arrays, dataset = {}, {}, run.data.dataset
    for name in ("valid", "test"):
        split = dataset.split(name)
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
    tensors = {name: part.cpu().contiguous() for name, part in run.model.state_dict().items()}
    write_whole(folder / "weights.safetensors", safetensors.torch.save(tensors))
    write_whole(folder / "predictions.npz", to_npz(arrays))
    return metrics, run.epochs[-1].seconds


def forget_data():
    """Free the memory of the data set that this process has kept for its next run."""
    _loaded.clear()


def _data(spec):
    """Return the data set of a run, which the runs after it in this process may share."""
    device = choose_device(spec.config.device)
    key = (spec.dataset, spec.dataset_options, spec.fold, device)
    if key not in _loaded:
        _loaded.clear()  # first, for two may not fit into memory
        _loaded[key] = TrainingData(spec.load(), device)
    return _loaded[key]
