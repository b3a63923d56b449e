"""Small networks of a store that train at once, with a thread each."""

import _thread
import errno
import json
import signal
import threading
import time
from dataclasses import replace

import pandas as pd
import pytest
import torch

from emdviz.experiments import Store, run, work
from emdviz.training import Run, at_once
from tests.experiment_runs import my_loss, numbers, tiny

SPECS = [
    replace(tiny(loss, seed), dataset_options={"n": 120, "size": 32, "seed": seed})
    for seed in range(2)
    for loss in ("XE", "REG", "SGEMD2")
]


@pytest.fixture
def cores(monkeypatch):
    """Sets how many threads torch has, two at first; returns a function that does."""

    def leave(count):
        monkeypatch.setattr(at_once, "get_num_threads", lambda: count)

    leave(2)
    return leave


@pytest.fixture
def seen(monkeypatch):
    """The threads in which epochs were trained, and the runs, in order."""
    seen, train = [], Run.train

    def noted(run, number, **options):
        seen.append((threading.current_thread(), run))
        return train(run, number, **options)

    monkeypatch.setattr(Run, "train", noted)
    return seen


def assert_same(store, other, specs):
    pd.testing.assert_frame_equal(numbers(store.results()), numbers(other.results()))
    for spec in specs:
        mine, theirs = store.weights(spec), other.weights(spec)
        assert all(torch.equal(mine[name], theirs[name]) for name in theirs)


@pytest.mark.slow
def test_what_is_learned_does_not_depend_on_how_many_train_at_once(tmp_path, cores, seen):
    both, alone, told = Store(tmp_path / "both"), Store(tmp_path / "alone"), []
    note = lambda *_: told.append(threading.current_thread())  # noqa: E731
    frame = run(SPECS, both, progress=False, on_result=note)
    assert set(frame["threads"]) == {1}
    assert len({thread for thread, _ in seen}) == 2
    assert threading.main_thread() not in {thread for thread, _ in seen}
    assert told == [threading.main_thread()] * len(SPECS)
    data = {id(one.data): one.data for _, one in seen}
    assert len(data) == 2  # each data set was loaded once
    seen.clear()
    cores(1)
    run(SPECS, alone, progress=False)
    assert {thread for thread, _ in seen} == {threading.main_thread()}
    assert_same(both, alone, SPECS)


def test_runs_on_one_data_set_do_train_at_once(tmp_path, cores, monkeypatch):
    meeting, train, data = threading.Barrier(2, timeout=60), Run.train, []

    def meet(run, number, **options):
        meeting.wait()  # breaks unless another run is there
        data.append(run.data.dataset)
        return train(run, number, **options)

    monkeypatch.setattr(Run, "train", meet)
    specs = [spec for spec in SPECS if spec.loss != "REG"]
    assert run(specs, tmp_path, progress=False)["error"].tolist() == [""] * 4
    assert [one is data[0] for one in data] == [True] * 4 + [False] * 4


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{"network": "mlp"}, {"loss": my_loss}])
def test_others_train_one_at_a_time_in_the_thread_that_called(tmp_path, cores, seen, changes):
    run([tiny("XE"), tiny("EMD2"), replace(tiny("XE"), **changes)], tmp_path, progress=False)
    assert {thread for thread, _ in seen} == {threading.main_thread()}


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine that lacks a device")
def test_a_device_that_is_not_there_is_told_by_its_run(tmp_path, cores):
    specs = [tiny("XE"), tiny("XE", seed=1, device="cuda")]
    with pytest.warns(UserWarning, match=r"1 of 2 runs.*device must be one of"):
        run(specs, tmp_path, progress=False)


@pytest.fixture
def interruptible():
    """Take interrupts as usual: what runs in the background of a shell ignores them."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.slow
def test_an_interrupt_within_an_epoch_stops_all_and_they_go_on_to_the_same_weights(
    tmp_path, cores, monkeypatch, interruptible
):
    whole, store, specs = Store(tmp_path / "whole"), Store(tmp_path / "runs"), SPECS[:3]
    run(specs, whole, progress=False)
    meeting, train, threads = threading.Barrier(2, timeout=60), Run.train, []

    def held(run, number, *, on_step):
        def hold():
            threads.append(threading.current_thread())
            if meeting.wait() == 0:
                _thread.interrupt_main()
            for _ in range(3000):  # as an epoch that takes half a minute
                on_step()
                time.sleep(0.01)

        return train(run, number, on_step=hold if number == 2 else on_step)

    monkeypatch.setattr(Run, "train", held)
    with pytest.raises(KeyboardInterrupt):
        run(specs, store, progress=False)
    monkeypatch.setattr(Run, "train", train)
    assert len(threads) == 2
    assert not any(thread.is_alive() for thread in threads)
    assert not list(store.path.rglob("claim*"))
    assert not list(store.path.rglob("traceback.txt"))
    kept = [json.loads(path.read_text()) for path in store.path.rglob("history.json")]
    assert [len(one["epochs"]) for one in kept] == [1, 1]
    assert len(store.results()) == 0
    run(specs, store, progress=False)
    assert_same(store, whole, specs)


@pytest.mark.slow
@pytest.mark.parametrize("error", [MemoryError("none left"), OSError(errno.ENOSPC, "disk full")])
def test_the_error_of_one_is_its_own(tmp_path, cores, monkeypatch, error):
    specs, finish = [*SPECS[:3], tiny("REG", learning_rate=1e30)], Run.finish

    def fail(run, *arguments):
        if run.loss.name == "XE":
            raise error
        return finish(run, *arguments)

    monkeypatch.setattr(Run, "finish", fail)
    with pytest.warns(UserWarning, match="2 of 4 runs"):
        frame = run(specs, tmp_path, progress=False)
    assert str(error) in frame["error"][0]
    assert frame["error"].tolist()[1:3] == ["", ""]
    assert "the REG loss is nan" in frame["error"][3]
    store = Store(tmp_path)
    assert not list(store.path.rglob("claim*"))
    assert store.row(specs[0]) is None
    monkeypatch.setattr(Run, "finish", finish)
    with pytest.warns(UserWarning, match="1 of 4 runs"):
        again = run(specs, store, progress=False)
    assert again["error"][0] == ""


@pytest.mark.slow
def test_a_function_of_the_user_s_is_called_one_at_a_time_as_before(tmp_path, cores):
    calls = []

    def train(*arguments):
        calls.append((threading.current_thread(), len(arguments)))
        return work.train(*arguments)

    run(SPECS[:2], tmp_path, progress=False, train=train)
    assert calls == [(threading.main_thread(), 3)] * 2
