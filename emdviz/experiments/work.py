"""Trains, predicts and measures: the work of a run."""

import threading

from emdviz.losses import LOSSES
from emdviz.training import Run, choose_device
from emdviz.training.at_once import can_train_at_once
from emdviz.training.data import TrainingData
from emdviz.training.kept import pack_run

one_at_a_time = threading.RLock()
"""Networks draw their first weights, and some draw in every step, from one random generator."""

_loaded = {}


def train(spec, folder, on_epoch, on_step=None):
    """Train and test a network; ``folder`` keeps its state, from which it goes on.

    What ``on_step``, called after every batch, raises ends the run within an epoch. Returns the
    outcome and the files of :func:`training.kept.pack_run`.
    """
    with one_at_a_time:
        run = Run(
            spec.network, spec.loss, _load_data(spec), spec.config, weights=spec.weights,
            loss_options=dict(spec.loss_options), folder=folder,
        )  # fmt: skip
    for epoch in run.go(on_step=on_step):
        on_epoch(epoch)
    return pack_run(run)


def is_small(spec):
    """Return whether a run trains on one thread, so that others can train beside it."""
    try:
        device = choose_device(spec.config.device)
    except ValueError:  # this machine lacks the device
        return False
    return spec.loss in LOSSES and can_train_at_once(spec.network, [LOSSES[spec.loss]], device)


def forget_data():
    """Free the memory of the data set that this process has kept for its next run."""
    _loaded.clear()


def _load_data(spec):
    """Return the data set of a run; the next run of this process may use it again."""
    device = choose_device(spec.config.device)
    spec.check_files()
    small = is_small(spec)
    key = (spec.dataset, spec.dataset_options, spec.edition, spec.fold, device, small)
    if key not in _loaded:
        _loaded.clear()  # first: two may not fit into memory
        _loaded[key] = TrainingData(spec.load(), device)
        if small:
            _loaded[key].train_at_once()
    return _loaded[key]
