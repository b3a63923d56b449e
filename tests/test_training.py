import itertools
import math
from dataclasses import replace

import pytest
import safetensors.torch
import torch

from emdviz import datasets, emd2, ground_distance, metrics, models, one_hot, training
from emdviz.losses import LOSSES
from emdviz.training import TrainConfig, compare_losses, evaluation, fit
from emdviz.training.data import TrainingData

TINY = TrainConfig(epochs=2, batch_size=32, device="cpu")


@pytest.fixture(scope="module")
def faces():
    return datasets.load("synthetic_faces", n=300, size=32)


@pytest.fixture(scope="module")
def larger():
    return datasets.load("synthetic_faces", n=150, size=40)


def toy(num_classes=4, count=600):
    """Images whose brightness tells the class: what any network must learn at once."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(num_classes, (count,), generator=generator)
    noise = torch.randint(0, 20, (count, 3, 16, 16), generator=generator)
    images = (labels[:, None, None, None] * 60 + noise).to(torch.uint8)
    order = torch.randperm(count, generator=generator)
    parts = order.split([count - 200, 100, 100])
    splits = dict(zip(("train", "valid", "test"), parts, strict=True))
    return datasets.OrderedData("toy", images, labels, list("abcd")[:num_classes], splits)


def run(loss, dataset, config=TINY, **options):
    model = models.small_cnn(LOSSES[loss].num_outputs(len(dataset.classes)), seed=config.seed)
    return model, list(fit(model, loss, dataset, config, **options))


@pytest.mark.slow
@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_learns_what_is_plain(loss):
    rate = 0.003 if loss == "REG" else 0.03
    _, epochs = run(loss, toy(), TrainConfig(epochs=6, batch_size=32, learning_rate=rate))
    assert epochs[-1].train_loss < epochs[0].train_loss
    assert epochs[-1].metrics["MAE"] < 0.5
    assert epochs[-1].metrics["AEO"] > 95


@pytest.mark.slow
def test_options_reach_the_loss(faces, tmp_path):
    def train(**options):
        return compare_losses(faces, ["AEMD"], config=TINY, folder=tmp_path, **options)

    usual, same = train(), train(loss_options={"AEMD": {"lam": 1.0}})
    other = train(loss_options={"AEMD": {"lam": 10.0}})
    assert usual["test RPS"].equals(same["test RPS"])
    assert not usual["test RPS"].equals(other["test RPS"])
    assert len(list(tmp_path.iterdir())) == 3
    with pytest.raises(TypeError, match="the loss 'AEMD' has no option 'lamda'"):
        train(loss_options={"AEMD": {"lamda": 1.0}})
    distance = ground_distance.line(8, positions=[0, 1, 2, 3, 5, 8, 9, 12]).tolist()
    uneven = train(loss_options={"AEMD": {"ground_distance": distance}})
    assert not usual["test RPS"].equals(uneven["test RPS"])


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"losses": "XE"}, ValueError, r"losses must be a list of losses.*got 'XE'"),
        ({"losses": ["XE", "XE"]}, ValueError, "losses must not name one twice"),
        ({"seeds": 5}, TypeError, r"seeds must be a list of whole numbers, such as range\(5\)"),
        ({"seeds": []}, ValueError, "seeds must hold at least one whole number, got none"),
        ({"seeds": [0, 1, 0]}, ValueError, r"seeds must be different .* got \[0, 1, 0\]"),
        ({"seeds": [0.5]}, ValueError, r"seeds must be an integer, 0 or more, got 0\.5"),
        ({"model": lambda: None}, TypeError, "model must be .* of outputs, .* without parameters"),
        ({"learning_rates": 0.1}, TypeError, r"learning_rates must be a dict such as .*, got 0\.1"),
        ({"learning_rates": {"XE": []}}, ValueError, r"learning_rates\['XE'\] must be .* got \[\]"),
        ({"learning_rates": {"XE": "a"}}, ValueError, r"learning_rates\['XE'\] must be .* got 'a'"),
        ({"loss_options": ["XE"]}, TypeError, "loss_options must be a dict such as .*, got"),
        ({"loss_options": {"XE": 5}}, TypeError, r"loss_options\['XE'\] must be a dict of options"),
        ({"together": "yes"}, TypeError, "together must be True or False, got 'yes'"),
        ({"on_epoch": 5}, TypeError, "on_epoch must be a function .*, got 5"),
        ({"folder": 5}, TypeError, "folder must be the folder of the runs, got 5"),
        ({"config": {"epochs": 1}}, TypeError, r"config must be a training.TrainConfig, got {"),
        ({"learning_rates": {"emd2": 0.1}}, ValueError, r"learning_rates must be for some.*'emd2'"),
        ({"loss_options": {"EMD2": {"lam": 1}}}, TypeError, "the loss 'EMD2' has no option 'lam'"),
        ({"loss_options": {"AEM": {"lam": 1}}}, ValueError, r"loss_options must be for.*'AEM'"),
    ],
)
def test_a_wrong_comparison_is_refused_before_anything_is_trained(faces, options, error, message):
    with pytest.raises(error, match=message):
        compare_losses(faces, **({"config": TINY, "on_epoch": pytest.fail} | options))


@pytest.mark.slow
def test_losses_may_come_one_by_one(faces):
    config = TrainConfig(epochs=1, batch_size=32, device="cpu")
    table = compare_losses(faces, (loss for loss in ("XE", "EMD2")), seeds=(0, 1), config=config)
    assert table["loss"].tolist() == ["XE", "EMD2"] * 2


def test_sizes_for_a_quick_try(monkeypatch):
    monkeypatch.delenv("EMDVIZ_FAST", raising=False)
    assert training.quick(8, 3) == 8
    monkeypatch.setenv("EMDVIZ_FAST", "0")
    assert training.quick(8, 3) == 8
    monkeypatch.setenv("EMDVIZ_FAST", "1")
    assert training.quick(8, 3) == 3


def test_an_epoch_reports_losses_and_metrics(faces):
    model, epochs = run("EMD2", faces)
    assert [epoch.number for epoch in epochs] == [1, 2]
    last = epochs[-1]
    valid = faces.split("valid")
    outputs = model(training.scale_pixels(valid.inputs))
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
    predicted = training.predict(training.Run(model, "XE", faces, TINY), faces.inputs[:5])
    assert predicted.distribution.shape == (5, 8)
    assert not model.training


def test_probe_images_of_your_own(faces):
    test = faces.split("test")
    _, epochs = run("XE", faces, probe=test.inputs[:3])
    assert epochs[-1].probe.classes.shape == (3,)


@pytest.mark.slow
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
    expected = metrics.evaluate(
        torch.softmax(model(training.scale_pixels(test.inputs)), 1), test.labels
    )
    row = table.query("loss == 'XE' and seed == 1").iloc[0]
    assert row["test AEM"] == pytest.approx(expected["AEM"])
    assert row["test RPS"] == pytest.approx(expected["RPS"], abs=1e-5)
    assert row["valid RPS"] == pytest.approx(epochs[-1].metrics["RPS"], abs=1e-5)


def test_devices():
    assert training.choose_device("cpu") == torch.device("cpu")
    best = training.choose_device()
    assert best.type == ("cuda" if torch.cuda.is_available() else best.type)
    with pytest.raises(ValueError, match=r"device must be one of \['cpu'.*: .*graphics"):
        training.choose_device("graphics")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_is_not_there_is_refused_with_those_that_are(faces):
    with pytest.raises(ValueError, match=r"one of \['cpu'.* on this machine, got 'cuda'"):
        training.compare_losses(faces, ["XE"], config=TrainConfig(epochs=1, device="cuda"))


@pytest.mark.parametrize("loss", ["XE", "REG"])
def test_a_network_that_breaks_at_the_last_step_is_an_error(faces, loss):
    """Its training loss was finite, and its predictions are not."""
    config = TrainConfig(epochs=1, batch_size=32, device="cpu")
    one = training.Run("small_cnn", loss, faces, config)
    total = one.train(1)
    with torch.no_grad():
        one.model.head.bias.fill_(math.nan)
    with pytest.raises(FloatingPointError, match="not finite after epoch 1 with learning rate 0"):
        one.finish(total, 1.0)


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
    with pytest.raises(ValueError, match=f"{name} must be .*, got"):
        TrainConfig(**options)


def test_bad_runs_are_refused(faces):
    with pytest.raises(
        TypeError, match=r"probe must be a tensor of inputs, \(N, 3, 32, 32\), got \[0, 5\]"
    ):
        next(fit(models.small_cnn(8), "XE", faces, TINY, probe=[0, 5]))
    with pytest.raises(
        ValueError, match=r"loss must be the name of a loss.*got 'MSE'; the names are .*'XE'"
    ):
        next(fit(models.small_cnn(8), "MSE", faces, TINY))
    with pytest.raises(
        ValueError,
        match=r"the model must have 1 outputs .* got shape \(B, 8\); pass a function, model=",
    ):
        next(fit(models.small_cnn(8), "REG", faces, TINY))
    empty = toy()
    empty.splits["valid"] = empty.splits["valid"][:0]
    with pytest.raises(ValueError, match="the valid split is empty"):
        next(fit(models.small_cnn(4), "XE", empty, TINY))


class TestCropAndMirror:
    """The paper's protocol against loops over the images."""

    CONFIG = TrainConfig(
        epochs=1, batch_size=16, learning_rate=0.003, crop=24, mirror=True, device="cpu"
    )

    @staticmethod
    def by_hand(model, images, share):
        """Return the mean over both views of the centre of each image, one image at a time."""
        model.eval()
        found = []
        for image in images:
            centre = image[:, 4:28, 4:28] / 127.5 - 1
            views = [model(view[None]) for view in (centre, torch.flip(centre, dims=[2]))]
            found.append(sum(share(view) for view in views)[0] / 2)
        return torch.stack(found).detach()

    @pytest.mark.parametrize("loss", ["XE", "EMD2"])
    def test_distributions_are_averaged(self, faces, loss):
        model, (epoch,) = run(loss, faces, self.CONFIG)
        test = faces.split("test")
        got = training.Run(model, loss, faces, self.CONFIG).predict(test, targets=test.labels)
        expected = self.by_hand(model, test.inputs, lambda outputs: torch.softmax(outputs, 1))
        torch.testing.assert_close(got.distribution, expected)
        assert torch.equal(got.classes, expected.argmax(1))
        truth = one_hot(test.labels, 8)
        losses = {"XE": -(expected.log() * truth).sum(1), "EMD2": emd2(expected.double(), truth)}
        assert got.loss == pytest.approx(losses[loss].mean().item(), rel=1e-5)
        probe = self.by_hand(model, faces.split("valid").inputs[:8], lambda z: torch.softmax(z, 1))
        torch.testing.assert_close(epoch.probe.distribution, probe)

    def test_outputs_of_regression_are_averaged(self, faces):
        model, _ = run("REG", faces, self.CONFIG)
        test = faces.split("test")
        got = training.Run(model, "REG", faces, self.CONFIG).predict(test, targets=test.labels)
        outputs = self.by_hand(model, test.inputs, lambda outputs: outputs)[:, 0]
        assert got.classes.tolist() == outputs.round().clamp(0, 7).long().tolist()
        assert got.loss == pytest.approx(((outputs - test.labels) ** 2).mean().item(), rel=1e-5)

    def test_training_sees_crops(self, faces):
        data = TrainingData(faces, "cpu")
        whole = replace(self.CONFIG, augmentation="none", crop=None)
        pairs = zip(data.batches(replace(whole, crop=24), 1), data.batches(whole, 1), strict=True)
        places = set()
        for (cut, labels, _), (images, same, _) in pairs:
            assert torch.equal(labels, same)
            for one, image in zip(cut, images, strict=True):
                windows = image.unfold(1, 24, 1).unfold(2, 24, 1).permute(1, 2, 0, 3, 4)
                found = (windows == one).flatten(2).all(2).nonzero().tolist()
                assert found
                places.add(tuple(found[0]))
        assert len(places) > 40  # of 81

    @pytest.mark.slow
    def test_comparison(self, faces):
        table = compare_losses(faces, ["EMD2"], config=self.CONFIG)
        model, _ = run("EMD2", faces, self.CONFIG)
        test = faces.split("test")
        expected = self.by_hand(model, test.inputs, lambda outputs: torch.softmax(outputs, 1))
        found = metrics.evaluate(expected, test.labels, true_distribution=test.true_distribution)
        assert table["test RPS"][0] == pytest.approx(found["RPS"], abs=1e-5)

    def test_large_images_are_predicted_in_small_batches(self, faces, monkeypatch):
        model = models.small_cnn(8)
        trained = training.Run(model, "XE", faces, TINY)
        expected = trained.predict(faces.inputs[:50]).distribution
        seen = []
        model.register_forward_pre_hook(lambda module, arguments: seen.append(len(arguments[0])))
        monkeypatch.setattr(evaluation, "EVALUATION_PIXELS", 20 * 32 * 32)
        got = trained.predict(faces.inputs[:50]).distribution
        assert seen == [20, 20, 10]
        torch.testing.assert_close(got, expected)
        monkeypatch.setattr(evaluation, "EVALUATION_PIXELS", 1)
        assert len(trained.predict(faces.inputs[:3]).classes) == 3

    def test_crops_that_cannot_be(self, faces):
        with pytest.raises(ValueError, match=r"crop must be .*, got 0"):
            TrainConfig(crop=0)
        with pytest.raises(ValueError, match=r"crop must be at most .* \(32, 32\), got 227; load"):
            run("XE", faces, TrainConfig(crop=227))


class TestDropout:
    """Networks that draw random numbers while they train."""

    CONFIG = TrainConfig(epochs=2, batch_size=60, learning_rate=0.003, crop=36, device="cpu")

    def train(self, faces, **changes):
        model = models.MODELS["ALXs_thin"](8, seed=1)
        epochs = fit(model, "EMD2", faces, replace(self.CONFIG, **changes))
        return model, [epoch.train_loss for epoch in epochs]

    def test_the_callers_numbers_neither_matter_nor_change(self, larger):
        torch.manual_seed(1)
        expected = torch.rand(3)
        torch.manual_seed(1)
        _, losses = self.train(larger)
        assert torch.equal(torch.rand(3), expected)
        assert self.train(larger)[1] == losses

    def test_side_by_side_is_one_by_one(self, larger):
        options = {"model": "ALXs_thin", "config": self.CONFIG, "seeds": (0, 1)}
        tables = [compare_losses(larger, ["XE"], together=t, **options) for t in (True, False)]
        assert tables[0]["test RPS"].equals(tables[1]["test RPS"])

    def test_every_seed_and_step_has_its_own_random_numbers(self, larger):
        class Own(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.layer, self.kept = torch.nn.Linear(3, 8), []

            def forward(self, images):
                found = images.mean(dim=(2, 3))
                mask = torch.nn.functional.dropout(torch.ones_like(found), 0.5, self.training)
                self.kept += [mask] if self.training else []
                return self.layer(found * mask)

        def masks(seed):
            model = Own()
            list(fit(model, "EMD2", larger, replace(self.CONFIG, seed=seed)))
            return model.kept

        first, again, other = masks(0), masks(0), masks(1)
        assert len(first) == 4  # two epochs of two steps
        assert all(map(torch.equal, first, again))
        for one, two in itertools.combinations(first + other, 2):
            assert not torch.equal(one, two)


def test_weights_to_start_from(faces, tmp_path):
    learned = models.MODELS["small_cnn"](8, seed=9)
    torch.save(learned.state_dict(), tmp_path / "learned.pth")
    options = {"config": replace(TINY, learning_rate=1e-9), "folder": tmp_path / "runs"}
    compare_losses(faces, ["EMD2"], weights=tmp_path / "learned.pth", **options)
    (place,) = (tmp_path / "runs").iterdir()
    assert place.name == "EMD2-small_cnn-learned-1e-09-0"
    kept = safetensors.torch.load_file(place / "weights.safetensors")
    torch.testing.assert_close(kept["body.0.0.weight"], learned.body[0][0].weight.detach())
