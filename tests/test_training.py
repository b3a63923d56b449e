import itertools
import math

import pytest
import torch

from emdviz import datasets, metrics, models, training
from emdviz.losses import LOSSES
from emdviz.training import TrainConfig, compare_losses, fit

TINY = TrainConfig(epochs=2, batch_size=32, device="cpu")


@pytest.fixture(scope="module")
def faces():
    return datasets.load("synthetic_faces", n=300, size=32)


def toy(num_classes=4, count=600):
    """Images whose brightness tells the class: what any network must learn at once."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(num_classes, (count,), generator=generator)
    noise = torch.randint(0, 20, (count, 3, 16, 16), generator=generator)
    images = (labels[:, None, None, None] * 60 + noise).to(torch.uint8)
    order = torch.randperm(count, generator=generator)
    parts = order.split([count - 200, 100, 100])
    splits = dict(zip(("train", "valid", "test"), parts, strict=True))
    return datasets.OrderedImages("toy", images, labels, list("abcd")[:num_classes], splits)


def run(loss, dataset, config=TINY, **options):
    model = models.small_cnn(LOSSES[loss].num_outputs(len(dataset.classes)), seed=config.seed)
    return model, list(fit(model, loss, dataset, config, **options))


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_learns_what_is_plain(loss):
    rate = 0.003 if loss == "REG" else 0.03
    _, epochs = run(loss, toy(), TrainConfig(epochs=6, batch_size=32, learning_rate=rate))
    assert epochs[-1].train_loss < epochs[0].train_loss
    assert epochs[-1].metrics["MAE"] < 0.5
    assert epochs[-1].metrics["AEO"] > 95


def test_options_reach_the_loss(faces, tmp_path):
    def train(**options):
        return compare_losses(faces, ["AEMD"], config=TINY, folder=tmp_path, **options)

    usual, same = train(), train(loss_options={"AEMD": {"lam": 1.0}})
    other = train(loss_options={"AEMD": {"lam": 10.0}})
    assert usual["RPS"].equals(same["RPS"])
    assert not usual["RPS"].equals(other["RPS"])
    assert len(list(tmp_path.iterdir())) == 3
    with pytest.raises(TypeError, match="lamda"):
        train(loss_options={"AEMD": {"lamda": 1.0}})


def test_sizes_for_a_quick_try(monkeypatch):
    monkeypatch.delenv("EMDVIZ_FAST", raising=False)
    assert training.quick(8, 3) == 8
    monkeypatch.setenv("EMDVIZ_FAST", "0")
    assert training.quick(8, 3) == 8
    monkeypatch.setenv("EMDVIZ_FAST", "1")
    assert training.quick(8, 3) == 3


def test_what_an_epoch_tells(faces):
    model, epochs = run("EMD2", faces)
    assert [epoch.number for epoch in epochs] == [1, 2]
    last = epochs[-1]
    valid = faces.split("valid")
    outputs = model(training.scale(valid.images))
    expected = metrics.evaluate(
        torch.softmax(outputs, 1), valid.labels, true_distribution=valid.true_distribution
    )
    assert last.metrics == pytest.approx(expected, abs=1e-5)
    assert last.valid_loss == pytest.approx(expected["RPS"], abs=1e-5)
    torch.testing.assert_close(last.probe.distribution, torch.softmax(outputs, 1)[:8])
    assert last.learning_rate == pytest.approx(0, abs=1e-9)
    assert last.seconds > epochs[0].seconds > 0


def test_regression_has_no_distribution(faces):
    _, epochs = run("REG", faces, TrainConfig(epochs=1, learning_rate=0.001))
    assert epochs[0].probe.distribution is None
    assert epochs[0].probe.as_distribution(8).sum(1).tolist() == [1.0] * 8
    assert epochs[0].metrics["RPS"] == epochs[0].metrics["MAE"]
    assert "log loss" not in epochs[0].metrics


def test_a_run_repeats_bit_for_bit(faces):
    (first, _), (second, _) = run("EMD2", faces), run("EMD2", faces)
    for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_losses_see_the_same_batches_from_the_same_weights(faces, monkeypatch):
    seen = {}

    def recording(loss):
        batches = seen.setdefault(loss, [])
        model = models.small_cnn(LOSSES[loss].num_outputs(8), seed=3)
        body = {k: v.clone() for k, v in model.body.state_dict().items()}
        model.register_forward_pre_hook(
            lambda module, arguments: (
                batches.append(arguments[0].clone()) if module.training else None
            )
        )
        list(fit(model, loss, faces, TrainConfig(epochs=1, learning_rate=0.001, seed=3)))
        return body

    bodies = [recording(loss) for loss in ("XE", "REG", "EMD2")]
    for other in bodies[1:]:
        assert all(torch.equal(bodies[0][key], other[key]) for key in other)
    for loss in ("REG", "EMD2"):
        assert len(seen[loss]) == len(seen["XE"]) > 0
        assert all(torch.equal(a, b) for a, b in zip(seen["XE"], seen[loss], strict=True))
    # another seed, other batches
    model = models.small_cnn(8)
    first = []
    model.register_forward_pre_hook(
        lambda module, arguments: first.append(arguments[0].clone()) if module.training else None
    )
    next(fit(model, "XE", faces, TrainConfig(epochs=1, seed=4)))
    assert not torch.equal(first[0], seen["XE"][0])


def test_stopping_early_leaves_a_usable_model(faces):
    model = models.small_cnn(8)
    run = fit(model, "XE", faces, TrainConfig(epochs=50, batch_size=32))
    epoch = next(run)
    run.close()
    assert epoch.number == 1
    predicted = training.predict(model, "XE", faces.images[:5], 8)
    assert predicted.distribution.shape == (5, 8)
    assert not model.training


def test_probe_images_of_your_own(faces):
    test = faces.split("test")
    _, epochs = run("XE", faces, probe=test.images[:3])
    assert epochs[-1].probe.classes.shape == (3,)


def test_comparison(faces):
    seen = []
    table = compare_losses(
        faces,
        ["XE", "REG"],
        seeds=[0, 1],
        config=TINY,
        learning_rates={"REG": 0.001},
        on_epoch=lambda loss, seed, epoch: seen.append((loss, seed, epoch.number)),
    )
    assert table[["loss", "seed"]].to_records(index=False).tolist() == [
        ("XE", 0), ("REG", 0), ("XE", 1), ("REG", 1),
    ]  # fmt: skip
    assert seen == [(l, s, n) for s in (0, 1) for l in ("XE", "REG") for n in (1, 2)]
    assert table.learning_rate.tolist() == [0.05, 0.001] * 2
    model, epochs = run("XE", faces, TrainConfig(epochs=2, batch_size=32, seed=1, device="cpu"))
    test = faces.split("test")
    expected = metrics.evaluate(torch.softmax(model(training.scale(test.images)), 1), test.labels)
    row = table.query("loss == 'XE' and seed == 1").iloc[0]
    assert row["AEM"] == pytest.approx(expected["AEM"])
    assert row["RPS"] == pytest.approx(expected["RPS"], abs=1e-5)
    assert row["valid RPS"] == pytest.approx(epochs[-1].metrics["RPS"], abs=1e-5)


def test_devices():
    assert training.choose_device("cpu") == torch.device("cpu")
    best = training.choose_device()
    assert best.type == ("cuda" if torch.cuda.is_available() else best.type)


def test_divergence_is_an_error(faces):
    config = TrainConfig(epochs=3, batch_size=32, learning_rate=1e6)
    with pytest.raises(
        FloatingPointError, match=r"REG loss is .* in epoch 1 .* 1e\+06; try a third"
    ):
        run("REG", faces, config)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"epochs": 0}, "epochs"),
        ({"batch_size": 1}, "batch_size"),
        ({"learning_rate": 0}, "learning_rate"),
        ({"learning_rate": math.nan}, "learning_rate"),
        ({"momentum": 1.0}, "momentum"),
        ({"weight_decay": -1}, "weight_decay"),
    ],
)
def test_bad_configurations_are_refused(options, name):
    with pytest.raises(ValueError, match=f"{name} is out of range, got"):
        TrainConfig(**options)


def test_bad_runs_are_refused(faces):
    with pytest.raises(ValueError, match=r"loss must be one of .*'XE'.*, got 'MSE'"):
        next(fit(models.small_cnn(8), "MSE", faces, TINY))
    with pytest.raises(ValueError, match=r"the model must have 1 outputs .* got 8; make it with"):
        next(fit(models.small_cnn(8), "REG", faces, TINY))
    empty = toy()
    empty.splits["valid"] = empty.splits["valid"][:0]
    with pytest.raises(ValueError, match="the valid split is empty"):
        next(fit(models.small_cnn(4), "XE", empty, TINY))


class TestSmallCNN:
    def test_shapes_and_parameters(self):
        model = models.small_cnn(8)
        images = torch.zeros(2, 3, 48, 48)
        assert model(images).shape == (2, 8)
        assert model.features(images).shape == (2, 128)
        channels = [3, 16, 32, 64, 128]
        convolutions = sum(9 * a * b for a, b in itertools.pairwise(channels))
        normalisation = 2 * sum(channels[1:])
        count = sum(p.numel() for p in model.parameters())
        assert count == convolutions + normalisation + 128 * 8 + 8

    def test_seeds(self):
        state = torch.random.get_rng_state()
        one, same, other = (models.small_cnn(8, seed=s) for s in (1, 1, 2))
        assert torch.equal(torch.random.get_rng_state(), state)
        assert torch.equal(one.head.weight, same.head.weight)
        assert not torch.equal(one.head.weight, other.head.weight)

    def test_no_outputs(self):
        with pytest.raises(ValueError, match="num_outputs must be at least 1, got 0"):
            models.small_cnn(0)
