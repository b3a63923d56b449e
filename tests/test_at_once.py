"""Small networks that train at once, with a thread each."""

import threading
from contextlib import closing

import pytest
import torch

from emdviz import datasets, models
from emdviz.explorers import LossRace
from emdviz.training import Race, Run, TrainConfig, at_once, compare_losses
from emdviz.training.comparison import RunStopped, make_runs, plan_runs

CONFIG = TrainConfig(epochs=2, batch_size=16, learning_rate=0.02, device="cpu")
LOSSES = ["XE", "EMD2", "SGEMD2"]


@pytest.fixture(scope="module")
def faces():
    return datasets.load("synthetic_faces", n=64, size=32)


@pytest.fixture
def two(monkeypatch):
    """Torch has two threads; returns the threads in which epochs were trained."""
    seen, train = [], Run.train

    def noted(run, number, **options):
        seen.append(threading.current_thread())
        return train(run, number, **options)

    monkeypatch.setattr(Run, "train", noted)
    monkeypatch.setattr(at_once, "get_num_threads", lambda: 2)
    return seen


def compare(faces, **options):
    return compare_losses(faces, LOSSES, seeds=range(2), config=CONFIG, **options)


def numbers(table):
    return table[[name for name in table if name.startswith(("valid ", "test "))]]


@pytest.mark.slow
def test_what_is_learned_does_not_depend_on_how_many_train_at_once(faces, two, monkeypatch):
    told = []
    both = compare(faces, on_epoch=lambda *what: told.append((threading.current_thread(), *what)))
    assert len(set(two)) == 2
    assert threading.main_thread() not in two
    assert {thread for thread, *_ in told} == {threading.main_thread()}
    monkeypatch.setattr(at_once, "get_num_threads", lambda: 1)
    two.clear()
    alone = compare(faces)
    assert set(two) == {threading.main_thread()}
    assert both[["loss", "seed", "threads"]].equals(alone[["loss", "seed", "threads"]])
    assert numbers(both).equals(numbers(alone))
    pairs = sorted((loss, seed, epoch.number) for _, loss, seed, epoch in told)
    assert pairs == sorted((loss, s, e) for loss in LOSSES for s in range(2) for e in (1, 2))


def test_they_do_train_at_once(faces, two, monkeypatch):
    meeting, train = threading.Barrier(2, timeout=60), Run.train

    def meet(run, number, **options):
        meeting.wait()  # breaks unless another run is there
        return train(run, number, **options)

    monkeypatch.setattr(Run, "train", meet)
    compare_losses(faces, ["XE", "EMD2"], config=CONFIG)


@pytest.mark.slow
def test_one_that_stops_leaves_the_others(faces, two):
    rates = {"EMD2": 1e30}
    with pytest.warns(RunStopped, match="EMD2 with seed 0 stopped"):
        table = compare_losses(faces, LOSSES, config=CONFIG, learning_rates=rates)
    assert [bool(error) for error in table["error"]] == [False, True, False]


def test_an_error_of_the_caller_stops_all(faces, two):
    endless = TrainConfig(epochs=10_000, batch_size=16, device="cpu")

    def fail(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compare_losses(faces, ["XE", "EMD2"], config=endless, on_epoch=fail)
    assert not any(thread.is_alive() for thread in two)


def test_an_error_of_a_run_is_raised(faces, two, monkeypatch):
    monkeypatch.setattr(Run, "finish", lambda run, *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        compare_losses(faces, ["XE", "EMD2"], config=CONFIG)


def test_runs_come_in_order_and_few_are_in_memory(faces, two):
    made = []

    def make(number):
        made.append(number)
        return Run("small_cnn", "XE", faces, TrainConfig(epochs=number, device="cpu"))

    makes = [lambda number=number: make(number) for number in (3, 1, 1, 1)]
    with closing(at_once.train_at_once(makes, 2, lambda *_: None)) as trained:
        run, error = next(trained)
        assert error is None
        assert len(run.epochs) == 3
        assert made in ([3, 1, 1], [3, 1, 1, 1])
        assert [len(run.epochs) for run, _ in trained] == [1, 1, 1]


@pytest.mark.parametrize(
    ("model", "losses", "several"),
    [
        ("small_cnn", ["XE", "EMD2"], True),
        (lambda outputs: models.small_cnn(outputs), ["XE", "EMD2"], False),
        ("small_cnn", ["XE", torch.nn.CrossEntropyLoss(label_smoothing=0.1)], False),
    ],
)
def test_only_small_networks_with_losses_of_this_package_do(
    faces, monkeypatch, model, losses, several
):
    monkeypatch.setattr(at_once, "get_num_threads", lambda: 2)
    runs = [make() for make in plan_runs(faces, losses, [0], CONFIG, model=model).values()]
    assert at_once.width_of(runs) == 1 + several
    assert at_once.width_of(runs[:1]) == 1


class TestRace:
    def test_trains_two_at_once_stops_and_goes_on_to_the_same_weights(self, faces, two):
        race = LossRace(faces, LOSSES, CONFIG)
        stopped = []

        def stop(*_):
            if not stopped:
                stopped.append(True)
                race.stop()  # in one of the threads that train

        handle = race.networks["XE"].register_forward_pre_hook(stop)
        race.start()
        race.wait(text=False)
        assert race.state == "stopped"
        handle.remove()
        race.start()
        race.wait(text=False)
        assert race.state == "finished"
        assert len(set(two)) >= 3
        for loss, run in make_runs(faces, LOSSES, CONFIG).items():
            list(run)
            for name, value in run.model.state_dict().items():
                assert torch.equal(value, race.networks[loss].state_dict()[name]), (loss, name)

    def test_fails_as_a_whole(self, faces, two, monkeypatch):
        race = Race(make_runs(faces, LOSSES, TrainConfig(epochs=10_000, device="cpu")))
        finish = Run.finish

        def fail(run, *arguments):
            if run.loss.name == "EMD2":
                raise RuntimeError("something else")
            return finish(run, *arguments)

        monkeypatch.setattr(Run, "finish", fail)
        race.start()
        with pytest.raises(RuntimeError, match="something else"):
            race.wait()
        assert race.state == "stopped"
        assert not any(thread.is_alive() for thread in two)
