"""Networks trained as one stack against the same networks trained one by one."""

import pandas as pd
import pytest
import torch

from emdviz import datasets, models
from emdviz.training import Run, TrainConfig, compare_losses, fit
from emdviz.training.data import TrainingData
from emdviz.training.together import arrange, train_together

MEMBERS = [(loss, seed, rate) for seed in (0, 1) for loss, rate in (("XE", 0.02), ("EMD2", 0.02))]


@pytest.fixture(scope="module")
def faces():
    return datasets.load("synthetic_faces", n=140, size=32)


def config(seed, rate, epochs=1):
    return TrainConfig(
        epochs=epochs,
        batch_size=28,
        learning_rate=rate,
        seed=seed,
        augmentation="paper",
        device="cpu",
    )


def member(data, loss, seed, rate, epochs=1, folder=None):
    model = models.small_cnn(8, seed=seed)
    place = None if folder is None else folder / f"{loss}{seed}"
    return Run(model, loss, data, config(seed, rate, epochs), folder=place)


@pytest.mark.slow
def test_a_stack_learns_what_each_network_learns_alone(faces):
    data = TrainingData(faces, "cpu")
    runs = [member(data, *one) for one in MEMBERS]
    (stack,) = arrange(runs)
    (results,) = train_together(stack)
    epochs = dict(results)
    for (loss, seed, rate), run in zip(MEMBERS, runs, strict=True):
        epoch = epochs[run]
        alone = models.small_cnn(8, seed=seed)
        expected = next(fit(alone, loss, faces, config(seed, rate)))
        # processors add in different orders
        assert epoch.train_loss == pytest.approx(expected.train_loss, rel=1e-4)
        for name, value in alone.state_dict().items():
            torch.testing.assert_close(run.model.state_dict()[name], value, atol=1e-3, rtol=1e-3)


@pytest.mark.slow
def test_a_stack_goes_on_where_its_runs_were_stopped(faces, tmp_path):
    data = TrainingData(faces, "cpu")

    def stack():
        (runs,) = arrange(member(data, *one, epochs=3, folder=tmp_path) for one in MEMBERS)
        return train_together(runs)

    stopped = stack()
    next(stopped)
    stopped.close()
    # one of them had gone further before
    ahead = member(data, *MEMBERS[0], epochs=3, folder=tmp_path)
    ahead.finish(ahead.train(2), 0.0)
    numbers = [[epoch.number for _, epoch in results] for results in stack()]
    assert numbers == [[1] * 4, [2] * 4, [3] * 4]


@pytest.mark.slow
def test_a_network_that_breaks_leaves_the_stack(faces):
    data = TrainingData(faces, "cpu")
    runs = [member(data, *one, epochs=2) for one in MEMBERS]
    runs[1] = member(data, "EMD2", 0, 1e30, epochs=2)
    (stack,) = arrange(runs)
    first, second = map(dict, train_together(stack))
    assert [run for run in runs if isinstance(first[run], FloatingPointError)] == [runs[1]]
    assert set(second) == {runs[0], runs[2], runs[3]}


@pytest.mark.slow
def test_a_comparison_is_the_same_either_way(faces):
    losses, seeds = ["XE", "REG", "EMD2"], [0, 1]
    rates = {"REG": 0.003}
    told = []
    shared = {"seeds": seeds, "config": config(0, 0.02), "learning_rates": rates}
    stacked = compare_losses(
        faces, losses, together=True, on_epoch=lambda *one: told.append(one[:2]), **shared
    )
    alone = compare_losses(faces, losses, **shared)
    assert sorted(told) == sorted((loss, seed) for loss in losses for seed in seeds)
    clock = ["seconds", "finished"]
    pd.testing.assert_frame_equal(
        stacked.drop(columns=clock), alone.drop(columns=clock), atol=0.02, rtol=0.02
    )
    assert {"test AEM", "valid RPS"} <= set(stacked.columns)


def test_without_memory_for_the_stack_they_train_one_by_one(faces, monkeypatch):
    from emdviz.training import comparison

    def no_memory(group):
        raise torch.OutOfMemoryError("no memory left")
        yield

    monkeypatch.setattr(comparison, "train_together", no_memory)
    with pytest.warns(UserWarning, match="2 networks do not fit on cpu together"):
        got = compare_losses(faces, ["XE", "EMD2"], config=config(0, 0.02), together=True)
    assert (got["error"] == "").all()
