"""Any loss, any network and any ordered data, in every way of running."""

import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from scipy.stats import spearmanr
from torch import nn
from torchvision.models import resnet18

from emdviz import datasets, losses, models, training
from emdviz.experiments import RunSpec, Store, load, run
from emdviz.explorers import LossRace
from emdviz.losses import Loss
from emdviz.training import Run, TrainConfig, compare_losses, fit
from emdviz.training.data import TrainingData
from tests.experiment_runs import numbers

CONFIG = TrainConfig(epochs=2, batch_size=16, learning_rate=0.02, device="cpu")
RNG = np.random.default_rng(0)
C = 4


def rows(count=120, **options):
    """Rows of five numbers, the first of which tells the class."""
    labels = torch.arange(count) % C
    inputs = torch.from_numpy(RNG.normal(size=(count, 5))).float()
    inputs[:, 0] += 2 * labels
    parts = dict(
        zip(("train", "valid", "test"), torch.arange(count).split(count // 3), strict=True)
    )
    return datasets.OrderedData("rows", inputs, labels, list("abcd"), parts, **options)


def images(channels, dtype, count=60):
    labels = torch.arange(count) % C
    top = 255 if dtype == torch.uint8 else 65535
    values = np.broadcast_to(labels.numpy()[:, None, None, None], (count, channels, 16, 16))
    values = torch.from_numpy((values * (top // C)).astype(str(dtype)[6:]))
    parts = dict(
        zip(("train", "valid", "test"), torch.arange(count).split(count // 3), strict=True)
    )
    return datasets.OrderedData("squares", values, labels, list("abcd"), parts)


def my_loss(logits, targets):
    """A loss as a student writes it."""
    q = F.one_hot(targets, logits.shape[1]).float() if targets.ndim == 1 else targets
    return (logits.softmax(1).cumsum(1) - q.cumsum(1)).square().sum(1).mean()


class Mine(nn.Module):
    """A loss as torch has them."""

    def __init__(self, power=2.0):
        super().__init__()
        self.power = power

    def forward(self, logits, targets):
        p = logits.softmax(1).cumsum(1) - F.one_hot(targets, logits.shape[1]).cumsum(1)
        return p.abs().pow(self.power).sum(1).mean()


def net(outputs):
    """A network as a researcher brings it."""
    return nn.Sequential(nn.Linear(5, 16), nn.Tanh(), nn.Linear(16, outputs))


GIVEN = ["XE", "REG", my_loss, Mine, nn.CrossEntropyLoss(label_smoothing=0.1), "CORN", "CORAL"]


def test_any_loss_goes_into_a_comparison_and_is_told_apart():
    table = compare_losses(rows(), GIVEN, seeds=[0, 1], model=net, config=CONFIG)
    assert (table["error"] == "").all()
    names = ["XE", "REG", "my_loss", "Mine", "CrossEntropyLoss", "CORN", "CORAL"]
    assert table["loss"].tolist() == names * 2
    assert set(table["network"]) == {"net"}
    words = training.conclude(training.paired_differences(table, ["MAE"]))
    assert "my_loss" in words


def test_a_function_of_one_s_own_is_the_loss_it_says():
    ours, theirs = compare_losses(rows(), ["EMD2", my_loss], model="mlp", config=CONFIG).to_dict(
        "records"
    )
    for name in ("valid RPS", "test RPS", "test AEM", "test log loss"):
        assert theirs[name] == pytest.approx(ours[name], rel=1e-4), name


@pytest.mark.slow
def test_a_race_takes_any_loss_and_network_and_draws_them():
    squares = images(3, torch.uint8)
    race = LossRace(
        squares, [my_loss, "XE"], CONFIG, model=lambda outputs: models.small_cnn(outputs, width=2)
    )
    race.start()
    race.wait(text=False)
    assert not race.errors
    assert [one["label"] for one in race._setup["losses"]] == ["XE", "my_loss"]
    assert race._setup["losses"][0]["colour"]
    race.figure()
    race.replay().figure()
    predicted = race.runs["my_loss"].predict(squares.split("test"))
    assert predicted.distribution.shape == (20, C)


@pytest.mark.slow
@pytest.mark.parametrize(("channels", "dtype"), [(1, torch.uint8), (3, torch.uint16)])
def test_a_race_shows_grey_and_deep_images_and_votes(channels, dtype):
    plain = images(channels, dtype)
    votes = F.one_hot(plain.labels, C) * 5 + 1
    data = datasets.OrderedData(
        "rated", plain.inputs, plain.labels, plain.classes, plain.splits, votes=votes
    )
    race = LossRace(data, ["EMD2"], CONFIG, metric="EMD to truth").run()
    assert race.probe.true_distribution[0].max() == 6 / 9
    assert race._setup["probe"]["images"][0].startswith("data:image/png")
    race.figure()
    with pytest.raises(ValueError, match=r"must hold images.*got rows .*compare_losses"):
        LossRace(rows(), ["EMD2"], CONFIG)


def test_an_answer_to_an_exercise_is_a_loss():
    def emd2_by_hand(p, t):  # as notebook 01 asks for it, in torch
        gap = torch.cumsum(p, -1) - torch.cumsum(t, -1)
        return torch.sum(gap**2, -1)

    def make(num_classes, num_features):
        return lambda p, y: emd2_by_hand(p, F.one_hot(y, num_classes).float()).mean()

    mine = Loss("by hand", make, inputs="probabilities")
    ours, theirs = compare_losses(rows(), ["EMD2", mine], model="mlp", config=CONFIG).to_dict(
        "records"
    )
    assert theirs["test RPS"] == pytest.approx(ours["test RPS"], rel=1e-4)


def test_the_rule_of_the_loss_decides_the_classes():
    one = Run("linear", "CORN", rows(), CONFIG)
    list(one)
    predicted, measured = one.evaluate("test")
    expected = losses.as_loss("CORN").predict(one.model(rows().split("test").inputs).detach(), C)
    assert torch.equal(predicted.classes, expected) or measured["AEM"] >= 0
    hits = (predicted.classes == one.data.dataset.split("test").labels).double().mean()
    assert measured["AEM"] == pytest.approx(100 * hits.item())


def test_regression_in_years_is_read_in_years():
    years = [0.0, 10.0, 20.0, 30.0]
    labels = torch.arange(80) % C
    inputs = torch.tensor(years)[labels][:, None]
    parts = dict(zip(("train", "valid", "test"), torch.arange(80).split([40, 20, 20]), strict=True))
    data = datasets.OrderedData("years", inputs, labels, list("abcd"), parts, positions=years)
    exact = nn.Linear(1, 1)
    nn.init.ones_(exact.weight)
    nn.init.zeros_(exact.bias)
    config = TrainConfig(epochs=1, batch_size=16, learning_rate=1e-12, device="cpu")
    one = Run(exact, "REG", data, config, loss_options={"positions": years})
    (epoch,) = one
    assert epoch.train_loss == pytest.approx(0, abs=1e-6)
    assert one.evaluate("test")[1]["AEM"] == 100


@pytest.mark.parametrize(
    ("loss", "outputs", "classes"),
    [
        ("hinge-WW", [[-9.0, 2.0, 1.0, 0.0], [9.0, 1.0, 2.0, 30.0]], [1, 3]),
        ("hinge-AT", [[9.0, 2.0, -1.0], [-9.0, -20.0, -30.0]], [2, 0]),
        ("REG", [[1.4], [3.2]], [1, 3]),
    ],
)
def test_scores_without_a_distribution_are_classes_or_the_one_number(loss, outputs, classes):
    """Of several outputs, such as margins, none is a score."""
    places = [0.0, 1.0, 10.0, 30.0]
    one = Run("linear", loss, rows(positions=places), CONFIG)
    found = one.read_outputs(torch.tensor(outputs))
    expected = np.interp(np.ravel(outputs) if loss == "REG" else classes, range(C), places)
    assert found.classes.tolist() == classes
    np.testing.assert_allclose(found.to_frame()["score"], expected, rtol=1e-6)


def test_two_thresholds_are_no_number_either():
    labels = torch.arange(30) % 2
    parts = dict(zip(("train", "valid", "test"), torch.arange(30).split(10), strict=True))
    data = datasets.OrderedData("two", torch.rand(30, 3), labels, ["no", "yes"], parts)
    found = Run("linear", "hinge-AT", data, CONFIG).read_outputs(torch.tensor([[0.2], [-7.0]]))
    assert found.to_frame()["score"].tolist() == found.classes.tolist() == [1, 0]


def test_arrays_that_cannot_be_written_to_are_predicted():
    one, inputs = Run("linear", "XE", rows(), CONFIG), np.ones((2, 5))
    inputs.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert one.predict(inputs).distribution.shape == (2, C)


def test_spearman_of_regression_is_that_of_its_outputs():
    one = Run("linear", "REG", rows(), CONFIG)
    split = one.data.dataset.split("test")
    outputs = 0.3 * split.labels[:, None] + torch.from_numpy(RNG.normal(size=(40, 1)))
    found = training.measure(one.read_outputs(outputs.float()), split, C)["Spearman"]
    assert found == pytest.approx(spearmanr(outputs[:, 0].float(), split.labels).statistic)


class TestData:
    @pytest.mark.parametrize("channels", [1, 3])
    @pytest.mark.parametrize("dtype", [torch.uint8, torch.uint16])
    def test_images_of_any_depth_are_scaled_alike(self, channels, dtype):
        config = TrainConfig(epochs=1, batch_size=20, augmentation="paper", device="cpu")
        one = Run("small_cnn", "XE", images(channels, dtype), config)
        assert next(iter(one)).number == 1
        same = TrainConfig(epochs=1, batch_size=20, augmentation="none", device="cpu")
        ((inputs, _, _),) = one.data.batches(same, 1)
        assert inputs.dtype == torch.float32
        assert inputs.min() == -1
        assert inputs.max() == pytest.approx(0.5, abs=0.02)

    def test_everything_else_is_trained_as_it_is(self):
        data = rows()
        batches = list(TrainingData(data, "cpu").batches(CONFIG, 1))
        seen = torch.cat([inputs for inputs, _, _ in batches])
        assert len(seen) == 32
        train = data.split("train").inputs
        assert all((train == row).all(1).any() for row in seen)

    @pytest.mark.parametrize("shape", [(), (7,), (2, 3), (3, 4, 4, 4)])
    def test_inputs_of_any_shape(self, shape):
        inputs = torch.randn(60, *shape)
        parts = dict(zip(("train", "valid", "test"), torch.arange(60).split(20), strict=True))
        data = datasets.OrderedData("any", inputs, torch.arange(60) % C, list("abcd"), parts)
        table = compare_losses(data, ["EMD2"], model="linear", config=CONFIG)
        assert table["error"].item() == ""

    def test_a_head_learns_from_columns_of_any_unit(self):
        data = rows()
        data.inputs = data.inputs * torch.tensor([1e3, 1, 1e-3, 1, 1]) + 1e3
        for name in ("linear", "mlp"):
            config = TrainConfig(epochs=30, batch_size=10, learning_rate=0.05, device="cpu")
            table = compare_losses(data, ["XE"], model=name, config=config)
            assert table["test AEM"].item() > 50

    def test_other_inputs_have_no_crop(self):
        with pytest.raises(ValueError, match="crop and mirror are for images"):
            Run("linear", "XE", rows(), TrainConfig(mirror=True))
        with pytest.raises(ValueError, match=r"takes images .*for rows of numbers choose 'linear'"):
            Run("small_cnn", "XE", rows())

    def test_one_class_is_refused(self):
        data = rows()
        data.classes, data.labels = ["a"], torch.zeros(120, dtype=torch.int64)
        with pytest.raises(ValueError, match="must have two classes or more"):
            Run("linear", "XE", data)


class TestVotes:
    """Ratings of many people, as in AVA: 10 bins and 78 to 549 votes."""

    @pytest.fixture
    def rated(self):
        rng = np.random.default_rng(1)
        shares = rng.dirichlet(np.ones(10), 90)
        votes = torch.from_numpy(
            np.array([rng.multinomial(rng.integers(78, 550), p) for p in shares])
        )
        parts = dict(zip(("train", "valid", "test"), torch.arange(90).split(30), strict=True))
        inputs = torch.from_numpy(shares).float()
        names = list(map(str, range(1, 11)))
        return datasets.OrderedData("rated", inputs, votes.argmax(1), names, parts, votes=votes)

    def test_are_trained_on_as_shares_and_measured(self, rated):
        config = TrainConfig(epochs=1, batch_size=30, learning_rate=0.01, device="cpu")
        one = Run("linear", "EMD2", rated, config)
        before = one.model.eval()
        with torch.no_grad():
            outputs = before(rated.split("valid").inputs)
        (epoch,) = one
        assert "EMD² to truth" in epoch.metrics
        del outputs
        with torch.no_grad():
            outputs = one.model.eval()(rated.split("valid").inputs)
        expected = losses.emd2_loss(outputs, rated.split("valid").votes.float())
        assert epoch.valid_loss == pytest.approx(expected.item(), rel=1e-5)

    @pytest.mark.parametrize("targets", ["majority", "median", "mean"])
    def test_or_as_one_label(self, rated, targets):
        config = TrainConfig(epochs=1, batch_size=15, targets=targets, device="cpu")
        assert not TrainingData(rated, "cpu").targets(targets).is_floating_point()
        assert compare_losses(rated, ["CORN"], model="mlp", config=config)["error"].item() == ""

    def test_a_loss_of_labels_says_what_to_do(self, rated):
        with pytest.raises(ValueError, match=r"'CORN' takes no shares .*targets='majority'"):
            compare_losses(rated, ["XE", "CORN"], model="linear", config=CONFIG)


class TestWeights:
    COUNTS = (30, 6, 3, 1)

    @pytest.fixture
    def uneven(self):
        labels = torch.repeat_interleave(torch.arange(C), torch.tensor(self.COUNTS))
        order = torch.cat([torch.arange(40)] * 3)
        parts = dict(zip(("train", "valid", "test"), torch.arange(120).split(40), strict=True))
        inputs = torch.from_numpy(RNG.normal(size=(40, 5))).float()[order]
        return datasets.OrderedData("uneven", inputs, labels[order], list("abcd"), parts)

    def test_are_the_same_in_every_form_and_way_of_running(self, uneven, tmp_path):
        weight = 40 / (C * np.array(self.COUNTS))
        forms = ["balanced", weight, weight.tolist(), torch.from_numpy(weight)]
        tables = [
            compare_losses(
                uneven, ["EMD2"], model="linear", config=CONFIG, folder=folder, together=together,
                loss_options={"EMD2": {"weight": form}},
            )
            for form in forms
            for folder, together in ((None, False), (tmp_path / str(len(str(form))), False))
        ]  # fmt: skip
        for table in tables[1:]:
            assert table["test RPS"].item() == tables[0]["test RPS"].item()
        plain = compare_losses(uneven, ["EMD2"], model="linear", config=CONFIG)
        assert plain["test RPS"].item() != tables[0]["test RPS"].item()
        one = Run("linear", "XE", uneven, CONFIG, loss_options={"weight": "balanced"})
        np.testing.assert_allclose(one.loss_options["weight"], weight, rtol=1e-6)

    @pytest.mark.parametrize(
        ("weight", "message"),
        [
            ("even", "weight must be 'balanced' or a number per class, got 'even'"),
            ([1, 2], r"a number for each of the 4 classes, got shape \(2,\)"),
        ],
    )
    def test_that_do_not_fit_are_refused(self, uneven, weight, message):
        with pytest.raises(ValueError, match=message):
            Run("linear", "XE", uneven, loss_options={"weight": weight})

    def test_balanced_needs_every_class(self, uneven):
        few = datasets.OrderedData(
            "few", uneven.inputs, uneven.labels.clamp(max=2), list("abcd"), uneven.splits
        )
        with pytest.raises(ValueError, match=r"which lacks \['d'\]"):
            Run("linear", "XE", few, loss_options={"weight": "balanced"})

    @pytest.mark.parametrize("loss", ["XE", "EMD2", nn.CrossEntropyLoss()])
    def test_of_rows_weigh_gradients(self, loss):
        weights = torch.rand(120, dtype=torch.float64) + 0.1
        config = TrainConfig(epochs=1, batch_size=40, momentum=0.0, weight_decay=0.0, device="cpu")
        model = nn.Linear(5, C)
        start = [p.clone() for p in model.parameters()]
        data = rows(weights=weights)
        one = Run(model, loss, data, config)
        ((inputs, targets, shares),) = data_batches(one)
        one.train(1)
        by_hand = nn.Linear(5, C)
        for mine, was in zip(by_hand.parameters(), start, strict=True):
            mine.data = was.clone()
        total = 0
        for x, y, w in zip(inputs, targets, shares, strict=True):
            total = total + w * losses.as_loss(loss).make(C)(by_hand(x[None]), y[None])
        (total / shares.sum()).backward()
        moved = [p.detach() for p in model.parameters()]
        for mine, own in zip(by_hand.parameters(), moved, strict=True):
            torch.testing.assert_close(own, mine - config.learning_rate * mine.grad)

    @pytest.mark.parametrize("loss", ["XE", "REG", "CORN"])
    def test_of_rows_count_in_metrics_where_asked_for(self, loss):
        weights = torch.arange(120) % 7 + 1
        test = rows(weights=weights.double()).split("test")
        run = Run("linear", loss, rows(), CONFIG)
        repeated = datasets.Split(
            test.inputs.repeat_interleave(weights[80:], 0),
            test.labels.repeat_interleave(weights[80:]),
        )
        found = training.measure(run.predict(test.inputs), test, C, weighted=True)
        expected = training.measure(run.predict(repeated.inputs), repeated, C)
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-3)  # ties break in last digits
        assert found != training.measure(run.predict(test.inputs), test, C)
        with pytest.raises(ValueError, match="weighted is for a data set that was made with"):
            training.measure(run.predict(repeated.inputs), repeated, C, weighted=True)

    def test_of_rows_need_a_loss_of_rows(self):
        data = rows(weights=torch.ones(120, dtype=torch.float64))
        with pytest.raises(ValueError, match=r"'my_loss' cannot weight rows.*reduction='none'"):
            Run("linear", my_loss, data)
        even = compare_losses(data, ["XE"], model="linear", config=CONFIG)["test RPS"].item()
        plain = rows()
        plain.inputs = data.inputs
        other = compare_losses(plain, ["XE"], model="linear", config=CONFIG)["test RPS"].item()
        assert even == pytest.approx(other, rel=1e-5)


def data_batches(one):
    return list(one.data.batches(one.config, 1))


class TestNetworks:
    @pytest.mark.slow
    @pytest.mark.parametrize("package", ["torchvision", "timm"])
    def test_of_other_packages_go_in_as_they_are(self, package):
        if package == "timm":
            timm = pytest.importorskip("timm")
            make = lambda outputs: timm.create_model("resnet10t", num_classes=outputs)  # noqa: E731
        else:
            make = lambda outputs: resnet18(num_classes=outputs)  # noqa: E731
        config = TrainConfig(epochs=1, batch_size=20, learning_rate=1e-3, device="cpu")
        given = ["EMD2", "REG", "CORN", "CORAL", "SGEMD2"]
        table = compare_losses(images(3, torch.uint8), given, model=make, config=config)
        assert (table["error"] == "").all()

    def test_a_loss_brings_its_head(self):
        one = Run(net, "CORAL", rows(), CONFIG)
        assert one.model[2].__class__ is not nn.Linear
        assert one.predict(rows().inputs).distribution.shape == (120, C)

    def test_text_and_objects_are_refused(self):
        one = Run(net, "XE", rows(), CONFIG)
        with pytest.raises(TypeError, match="inputs must hold real numbers, got dtype <U1"):
            one.predict([["a", "b"]])
        with pytest.raises(TypeError, match="got dtype object of None; pass an array, a data set"):
            one.predict(None)

    def test_first_weights_depend_on_the_seed_alone(self):
        torch.manual_seed(3)
        first = Run(net, "XE", rows(), CONFIG).model[0].weight.clone()
        torch.manual_seed(4)
        assert torch.equal(Run(net, "EMD2", rows(), CONFIG).model[0].weight, first)

    @pytest.mark.parametrize(
        ("model", "error", "message"),
        [
            (
                lambda outputs: nn.Linear(5, 3),
                ValueError,
                r"must have 4 outputs .*\(B, 3\); pass a",
            ),
            (lambda outputs: nn.Linear(6, 4), ValueError, r"fails for inputs of shape \(1, 5\)"),
            (lambda outputs: 3, TypeError, "model must return a torch.nn.Module, got 3"),
            (lambda outputs: nn.Flatten(), ValueError, "must have 4 outputs"),
            ("big", ValueError, r"model must be one of \[.*'mlp'.*got 'big'"),
            ("no_such.net", ValueError, "'no_such.net' was not found"),
            (3, TypeError, r"model must be a name in models.MODELS, or a function .* got 3"),
            (nn.Linear(5, 4), TypeError, "each loss trains a network of its own; pass lambda"),
        ],
    )
    def test_that_do_not_fit_are_refused(self, model, error, message):
        with pytest.raises(error, match=message):
            compare_losses(rows(), ["XE"], model=model, config=CONFIG)


class TestBadLosses:
    @pytest.mark.parametrize(
        ("loss", "message"),
        [
            (lambda z, y: z.sum() * 0 + y.sum(), "ignores the outputs"),
            (lambda z, y: F.cross_entropy(z, y, reduction="none"), "one number, got shape"),
            (lambda z, y: F.cross_entropy(z, y) * float("nan"), "is nan"),
            (lambda z, y: 1, "must return a torch tensor, got int"),
            (lambda z, y: F.cross_entropy(z.mul_(2), y), "changes its outputs"),
            (lambda z, y, K: F.cross_entropy(z, y), "needs K"),
            (
                lambda p, y: -p.log().gather(1, y[:, None]).mean(),
                "seems to take probabilities.*inputs='probabilities'",
            ),
        ],
    )
    def test_are_refused_before_anything_is_trained(self, loss, message):
        with pytest.raises((ValueError, TypeError), match=message):
            compare_losses(rows(), ["XE", loss], model=net, config=CONFIG, on_epoch=pytest.fail)
        with pytest.raises((ValueError, TypeError), match=message):
            next(fit(net(C), loss, rows(), CONFIG))

    def test_two_of_one_name_are_refused(self):
        with pytest.raises(ValueError, match=r"'<lambda>' again; give one another name"):
            compare_losses(rows(), [lambda z, y: my_loss(z, y), lambda z, y: my_loss(z, y)])


def steep(z, y, *, power=2.0):
    return my_loss(z, y) ** power


@pytest.mark.parametrize(
    ("loss", "known"),
    [
        ("EMD2", "positions, normalized, weight, "),
        ("SGEMD2", "omega, mu, "),
        ("focal", "gamma$"),
        ("CORN", "none$"),
        (steep, "power$"),
        (my_loss, "none$"),
        (Mine, "power$"),
        (Loss("made", lambda num_classes, num_features, slope=1.0: my_loss), "slope$"),
        (Loss("loose", lambda C, F, **given: Mine(**given)), "Mine.__init__.. got an unexpected"),
    ],
)
def test_an_unknown_option_is_reported_with_the_known_ones(loss, known):
    name = losses.as_loss(loss).name
    message = f"the loss '{name}' has no option 'powr'; .*{known}"
    given = {"powr": 1.0}
    with pytest.raises(TypeError, match=message):
        next(fit("mlp", loss, rows(), CONFIG, loss_options=given))
    with pytest.raises(TypeError, match=message):
        compare_losses(
            rows(), ["XE", loss], model="mlp", config=CONFIG,
            loss_options={name: given}, on_epoch=pytest.fail,
        )  # fmt: skip
    if not isinstance(loss, Loss):
        with pytest.raises(ValueError, match=f"loss_options of .*: {message}"):
            RunSpec("digits", loss=loss, loss_options=given)


class TestResplit:
    def test_every_seed_draws_its_own_split(self):
        data = rows(groups=[str(k // 2) for k in range(120)])
        options = {"model": "linear", "config": CONFIG, "seeds": [0, 1]}
        table = compare_losses(data, ["XE", "EMD2"], resplit=True, **options)
        assert table["dataset seed"].tolist() == [0, 0, 1, 1]
        fixed = compare_losses(data, ["XE", "EMD2"], **options)
        assert "dataset seed" not in fixed
        one = compare_losses(data.resplit(1), ["XE"], model="linear", config=CONFIG, seeds=[1])
        assert one["test RPS"].item() == pytest.approx(table["test RPS"][2], rel=1e-6)
        assert training.paired_differences(table, ["RPS"])["pairs"].item() == 2
        alone = compare_losses(data, ["XE", "EMD2"], resplit=True, together=False, **options)
        np.testing.assert_allclose(alone["test RPS"], table["test RPS"], rtol=1e-4)


class TestKept:
    """Specs of losses and networks of one's own; plain, kept, resumed and by several workers."""

    LOSSES = ("tests.test_open_training.my_loss", "EMD2", "CORN")

    def specs(self, **config):
        options = {"epochs": 2, "batch_size": 32, "learning_rate": 0.02, "device": "cpu"} | config
        weights = {"EMD2": {"weight": "balanced"}}
        return [
            RunSpec(
                "synthetic_faces",
                {"n": 120, "size": 32},
                network="tests.test_open_training.wide",
                loss=loss,
                loss_options=weights.get(loss, {}),
                config=TrainConfig(**options),
            )
            for loss in self.LOSSES
        ]

    @pytest.mark.slow
    def test_equal_the_plain_run_bit_for_bit(self, tmp_path):
        frame = run(self.specs(), tmp_path, progress=False)
        assert (frame["error"] == "").all()
        faces = datasets.load("synthetic_faces", n=120, size=32)
        table = compare_losses(
            faces, [my_loss, "EMD2", "CORN"], model=wide, config=self.specs()[0].config,
            loss_options={"EMD2": {"weight": "balanced"}}, together=False,
        )  # fmt: skip
        for name in ("valid RPS", "test RPS", "test AEM"):
            assert frame[name].tolist() == table[name].tolist()
        again = tmp_path / "again"
        for spec in self.specs():
            folder = Store(again).state(spec)
            begun = Run(
                wide, spec.loss, faces, spec.config, folder=folder,
                loss_options=dict(spec.loss_options),
            )  # fmt: skip
            next(iter(begun))
        resumed = run(self.specs(), again, progress=False)
        pd.testing.assert_frame_equal(numbers(resumed), numbers(frame))

    def test_give_their_network_back(self, tmp_path):
        specs = self.specs(epochs=1)
        run(specs, tmp_path, progress=False)
        faces = datasets.load("synthetic_faces", n=120, size=32)
        for spec in specs:
            found = load(tmp_path, spec.id)
            kept = Store(tmp_path).predictions(spec)["test"]
            predicted = found.predict(faces.split("test"))
            assert np.array_equal(predicted.classes, kept["classes"])
            np.testing.assert_allclose(predicted.distribution, kept["probabilities"], atol=1e-6)
            assert training.predict(found, faces.inputs[:2].numpy()).classes.shape == (2,)
            assert found.classes == faces.classes
        with pytest.raises(
            ValueError, match=r"inputs must be torch.uint8 of shape \(N, 3, 32, 32\)"
        ):
            found.predict(faces.inputs[:2].float())
        with pytest.raises(FileNotFoundError, match="of a finished run"):
            load(tmp_path, "nothing")

    def test_have_an_id_that_is_a_name_of_a_folder(self):
        one = self.specs()[0]
        assert "." not in one.id
        assert one == RunSpec.from_dict(one.to_dict())
        assert RunSpec("digits", loss=my_loss).loss == "tests.test_open_training.my_loss"
        array = RunSpec("digits", loss_options={"weight": np.ones(3)})
        assert array == RunSpec("digits", loss_options={"weight": [1, 1, 1]})

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"loss": lambda z, y: my_loss(z, y)}, r"put it into a module, mine.py, and pass mine"),
            ({"network": lambda outputs: net(outputs)}, r"put it into a module, mine.py, and pass"),
            ({"loss": Loss("X", lambda C, F: my_loss)}, r"put it into a module"),
            ({"network": "tests.test_open_training.nothing"}, "was not found"),
        ],
    )
    def test_refuse_what_other_processes_do_not_find(self, changes, message):
        with pytest.raises(ValueError, match=message):
            RunSpec("digits", **changes)


def wide(outputs):
    """A network that other processes import."""
    return models.small_cnn(outputs, width=4)


@pytest.mark.slow
def test_a_loss_in_a_file_beside_the_script_goes_everywhere(tmp_path):
    (tmp_path / "mine.py").write_text(
        "def my_loss(z, y):\n"
        "    import torch.nn.functional as F\n"
        "    q = F.one_hot(y, z.shape[1]).cumsum(1)\n"
        "    return (z.softmax(1).cumsum(1) - q).abs().sum(1).mean()\n"
    )
    (tmp_path / "script.py").write_text(
        "import mine\n"
        "from emdviz.experiments import RunSpec, run\n"
        "from emdviz.training import TrainConfig\n"
        "config = TrainConfig(epochs=1, batch_size=32, device='cpu')\n"
        "faces = {'n': 64, 'size': 32}\n"
        "specs = [RunSpec('synthetic_faces', faces, loss=one, config=config)\n"
        "         for one in (mine.my_loss, 'mine.my_loss')]\n"
        "frame = run(specs, 'runs', progress=False)\n"
        "print(frame[['loss', 'error']].to_dict('records'))\n"
    )
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "[{'loss': 'mine.my_loss', 'error': ''}]", done.stderr
