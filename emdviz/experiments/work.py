"""What is done for a run: train, predict, measure."""

from emdviz.training import Run, choose_device
from emdviz.training.data import TrainingData
from emdviz.training.kept import notes_of, pack_run
from emdviz.training.provenance import describe_origin

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
    metrics, files = pack_run(run)
    facts = {"metrics": metrics, "seconds": run.epochs[-1].seconds}
    return facts | {"origin": describe_origin(run), "notes": notes_of(run.data.dataset)}, files


def forget_data():
    """Free the memory of the data set that this process has kept for its next run."""
    _loaded.clear()


def _load_data(spec):
    """Return the data set of a run; the next run of this process may use it again."""
    device = choose_device(spec.config.device)
    spec.check_files()
    key = (spec.dataset, spec.dataset_options, spec.edition, spec.fold, device)
    if key not in _loaded:
        _loaded.clear()  # first: two may not fit into memory
        _loaded[key] = TrainingData(spec.load(), device)
    return _loaded[key]
