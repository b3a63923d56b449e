"""Heads on rows of numbers, trained side by side, against the same heads trained one by one."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from emdviz import datasets, models
from emdviz.training import TrainConfig, choose_rates, compare_losses, comparison
from emdviz.training.together import arrange, can_be_stacked, is_head, train_together

CONFIG = TrainConfig(epochs=3, batch_size=20, learning_rate=0.02, device="cpu")
CLOCK = ["seconds", "finished"]
RNG = np.random.default_rng(0)
X = RNG.normal(size=(150, 6)).astype(np.float32)
Y = np.clip((X[:, :3].sum(1) + 2.5).astype(int), 0, 3)


def rows(**options):
    return datasets.from_arrays(X, **({"labels": Y} | options))


def two_layers(outputs):
    return models.mlp(outputs, 6, hidden=(7, 5))


def my_loss(outputs, targets):
    """A function of the whole batch, not a mean over its rows."""
    found = outputs.softmax(1) @ torch.arange(4.0)
    return ((found - targets) ** 2).mean().sqrt()


def careful(outputs, targets):
    """A loss that looks at values."""
    if outputs.abs().max() > 1e6:
        return outputs.sum() * 0
    return nn.functional.cross_entropy(outputs, targets)


class Growing(nn.Module):
    """A loss that remembers how often it was asked."""

    def __init__(self):
        super().__init__()
        self.calls = 0

    def forward(self, outputs, targets):
        self.calls += 1
        return nn.functional.cross_entropy(outputs, targets) * self.calls


def both_ways(data, losses, **options):
    """Return the tables and the epochs of training side by side and one by one."""
    tables, epochs = [], []
    for together in (True, False):
        seen = {}

        def tell(loss, seed, epoch, seen=seen):
            seen.setdefault((loss, seed, epoch.number), []).append(epoch)

        options = {"seeds": (0, 1), "config": CONFIG, "model": "linear"} | options
        tables.append(compare_losses(data, losses, together=together, on_epoch=tell, **options))
        epochs.append(seen)
    return *(table.drop(columns=CLOCK) for table in tables), *epochs


@pytest.mark.parametrize(
    "model", ["linear", *(pytest.param(m, marks=pytest.mark.slow) for m in (two_layers, "mlp"))]
)
def test_tables_and_epochs_are_the_same(model):
    losses = ["XE", "REG", "EMD", "EMD2", "XEMD2", "AEMD", my_loss, careful]
    rates = {"XE": [0.1, 0.01], "EMD2": (0.05, 0.02), "REG": 0.01}
    stacked, alone, epochs, expected = both_ways(
        rows(), losses, model=model, learning_rates=rates,
        loss_options={"EMD": {"weight": [1.0, 2.0, 1.0, 3.0]}, "AEMD": {"lam": 3.0}},
    )  # fmt: skip
    assert len(stacked) == 2 * 10
    pd.testing.assert_frame_equal(stacked, alone, rtol=1e-3, atol=1e-5)
    assert sorted(epochs) == sorted(expected)
    for key, of_rates in expected.items():
        found = sorted(epochs[key], key=lambda epoch: epoch.train_loss)
        of_rates.sort(key=lambda epoch: epoch.train_loss)
        for epoch, wanted in zip(found, of_rates, strict=True):
            assert epoch.train_loss == pytest.approx(wanted.train_loss, rel=1e-4)
            assert epoch.valid_loss == pytest.approx(wanted.valid_loss, rel=1e-4)
            for part in ("distribution", "outputs"):
                one, other = (getattr(which.probe, part) for which in (epoch, wanted))
                torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        {"weights": RNG.uniform(0.5, 2, 150)},
        {"labels": None, "votes": RNG.integers(1, 5, (150, 4))},
    ],
    ids=["weights", "votes"],
)
@pytest.mark.parametrize("resplit", [pytest.param(False, marks=pytest.mark.slow), True])
def test_so_they_are_with_weights_votes_and_splits_of_their_own(options, resplit):
    stacked, alone, *_ = both_ways(
        rows(**options), ["XE", "EMD2", "AEMD"], resplit=resplit,
        loss_options={"EMD2": {"weight": "balanced"}} if "weights" in options else {},
    )  # fmt: skip
    pd.testing.assert_frame_equal(stacked, alone, rtol=1e-3, atol=1e-5)


def test_a_rate_that_is_too_large_spoils_no_other():
    rates = {"XE": [0.02, 1e30], "REG": [1e30, 0.01]}
    with pytest.warns(UserWarning, match="(XE|REG) with seed 0 stopped: .* with learning rate 1e"):
        stacked, alone, *_ = both_ways(rows(), ["XE", "REG"], learning_rates=rates, seeds=(0,))
    assert (stacked["error"] != "").tolist() == [False, True, True, False]
    pd.testing.assert_frame_equal(stacked, alone, rtol=1e-3, atol=1e-5)


def test_a_loss_that_counts_its_calls_counts_those_of_its_run():
    stacked, alone, *_ = both_ways(rows(), [Growing])
    pd.testing.assert_frame_equal(stacked, alone, rtol=1e-3, atol=1e-5)


def test_a_kept_comparison_goes_on(tmp_path):
    options = {"seeds": (0, 1), "config": CONFIG, "model": "linear", "folder": tmp_path}

    class Stop(Exception):
        pass

    def stop(loss, seed, epoch):
        if epoch.number == 2:
            raise Stop

    with pytest.raises(Stop):
        compare_losses(rows(), ["XE", "REG"], on_epoch=stop, **options)
    numbers = []
    went_on = compare_losses(
        rows(), ["XE", "REG"], on_epoch=lambda _, __, epoch: numbers.append(epoch.number), **options
    )
    assert sorted(numbers) == sorted([1, 2, 3] * 4)
    alone = compare_losses(
        rows(), ["XE", "REG"], together=False, **options | {"folder": tmp_path / "alone"}
    )
    pd.testing.assert_frame_equal(
        went_on.drop(columns=CLOCK), alone.drop(columns=CLOCK), rtol=1e-3, atol=1e-5
    )
    kept = sorted(path.name for path in (tmp_path / "XE-linear-0.02-0").iterdir())
    assert kept == sorted(path.name for path in (tmp_path / "alone/XE-linear-0.02-0").iterdir())


def test_a_run_that_had_failed_fails_again(tmp_path):
    options = {"config": CONFIG, "model": "linear", "folder": tmp_path}
    rates = {"XE": [0.02, 1e30]}
    for _ in range(2):
        with pytest.warns(UserWarning, match="XE with seed 0 stopped"):
            table = compare_losses(rows(), ["XE"], learning_rates=rates, **options)
        assert (table["error"] != "").tolist() == [False, True]


def test_heads_share_one_matrix_and_other_networks_do_not(monkeypatch):
    seen = []

    def watch(stack):
        seen.append([[(run.loss.name, is_head(run)) for run in runs] for runs in stack])
        return train_together(stack)

    monkeypatch.setattr(comparison, "train_together", watch)
    compare_losses(rows(), ["XE", "REG"], seeds=(0, 1), config=CONFIG, model="linear")
    assert seen == [[[("REG", True), ("XE", True)]] * 2]
    seen.clear()
    compare_losses(rows(), ["XE", "REG"], seeds=(0,), config=CONFIG, model=two_layers)
    compare_losses(rows(), ["XE"], config=CONFIG, model="linear")
    assert seen == []
    # with dropout, or where only some weights are trained, the shared step would be another
    drops = comparison.make_runs(
        rows(), ["XE"], CONFIG, model=lambda outputs: models.mlp(outputs, 6, dropout=0.5)
    )
    assert not can_be_stacked(drops["XE"])

    def frozen(outputs):
        made = two_layers(outputs)
        made.body[1].requires_grad_(False)
        return made

    assert not is_head(comparison.make_runs(rows(), ["XE"], CONFIG, model=frozen)["XE"])


def test_runs_that_differ_are_not_stacked():
    changes = [{}, {"batch_size": 30}, {"momentum": 0.5}]
    runs = [
        comparison.make_runs(rows(), ["XE"], TrainConfig(device="cpu", **change), model="linear")
        for change in changes
    ]
    assert len(arrange(one["XE"] for one in runs)) == 3


class TestChoosingRates:
    OPTIONS = {"config": CONFIG, "model": "linear"}  # noqa: RUF012

    @pytest.mark.slow
    def test_the_grid_grows_until_the_best_is_inside(self):
        found = choose_rates(
            rows(), ["XE", "REG"], rates=[1e-5, 1e-4], seeds=(0, 1), **self.OPTIONS
        )
        for loss, rate in found.rates.items():
            tried = found.table[found.table["loss"] == loss]
            means = tried.groupby("learning_rate")["valid RPS"].mean()
            assert means.idxmin() == rate
            assert means.index.min() < rate < means.index.max()
            assert (tried.groupby("learning_rate").size() == 2).all()
        # the runs are those of a comparison
        table = compare_losses(
            rows(), ["XE", "REG"], learning_rates=found.rates, seeds=(0, 1), **self.OPTIONS
        )
        for loss, rate in found.rates.items():
            of_loss = found.table[found.table["loss"] == loss]
            chosen = of_loss[of_loss["learning_rate"] == rate]
            again = table[table["loss"] == loss]
            np.testing.assert_allclose(chosen["valid RPS"], again["valid RPS"], rtol=1e-5)

    def test_the_test_split_is_not_looked_at(self, monkeypatch):
        data = rows()
        data.splits["test"] = torch.tensor([10**6])  # a look at it fails
        found = choose_rates(data, ["XE"], rates=[0.01, 0.1, 1.0], **self.OPTIONS)
        assert not [name for name in found.table if name.startswith("test")]

    def test_rates_that_fail_are_not_chosen(self):
        with pytest.warns(UserWarning, match="REG with seed 0 stopped"):
            found = choose_rates(rows(), ["REG"], rates=[1e2, 1e3], **self.OPTIONS)
        failed = found.table.loc[found.table["error"] != "", "learning_rate"]
        assert found.rates["REG"] < failed.min()

    def test_where_all_fail_there_is_no_rate(self):
        def never(outputs, targets):
            return nn.functional.cross_entropy(outputs, targets) * 1e30

        with pytest.warns(UserWarning, match="never (with seed|could not)") as told:
            found = choose_rates(rows(), [never], rates=[1e-6, 1e-1], **self.OPTIONS)
        assert found.rates == {}
        assert "could not be trained with any learning rate" in str(told[-1].message)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"rates": [0.1]}, "rates must be two or more different learning rates"),
            ({"rates": [0.1, 0.1]}, "rates must be two or more different learning rates"),
            ({"rates": [0.1, -1]}, "rates must be from 1e-07 to 10000"),
            ({"by": "test RPS"}, "by must be 'valid ' and one of"),
            ({"losses": "XE"}, "losses must be a list of losses"),
        ],
    )
    def test_bad_arguments_are_reported(self, changes, message):
        with pytest.raises(ValueError, match=message):
            choose_rates(rows(), **{"losses": ["XE"]} | self.OPTIONS | changes)
