"""What a run does: train, predict, measure."""

import safetensors.torch

from emdviz.experiments.store import to_npz
from emdviz.losses import LOSSES
from emdviz.models import MODELS
from emdviz.training import choose_device, measure
from emdviz.training.loop import Data, Run, epochs_of
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
    data = _data(spec)
    dataset, num_classes = data.dataset, data.num_classes
    weights = {} if spec.weights is None else {"weights": spec.weights}
    num_outputs = LOSSES[spec.loss].num_outputs(num_classes)
    model = MODELS[spec.network](num_outputs, seed=spec.config.seed, **weights)
    options = {"folder": folder / "training", "loss_options": dict(spec.loss_options)}
    run = Run(model, spec.loss, data, spec.config, **options)
    for epoch in epochs_of(run):
        on_epoch(epoch)
    metrics, arrays = {}, {}
    for name in ("valid", "test"):
        split = dataset.split(name)
        predicted = run.predict(split.images)
        metrics[name] = measure(predicted, split, num_classes)
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
    tensors = {name: part.cpu().contiguous() for name, part in model.state_dict().items()}
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
        _loaded[key] = Data(spec.load(), device)
    return _loaded[key]
