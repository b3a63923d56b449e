"""Losses that train in turns in a thread: stopped, resumed, failing, closed."""

import json
import threading
from types import SimpleNamespace

import pytest
import torch
import traitlets
from IPython.core.interactiveshell import InteractiveShell

from emdviz import datasets, models
from emdviz.explorers import LossRace, TrainingReplay
from emdviz.losses import LOSSES
from emdviz.training import TrainConfig, fit
from emdviz.training import race as in_turns
from emdviz.training.state import RunFolder

CONFIG = TrainConfig(epochs=3, batch_size=16, learning_rate=0.02, seed=4, device="cpu")
NAMES = ["XE", "REG", "EMD2"]
RATES = {"REG": 0.001}


@pytest.fixture(scope="module")
def faces():
    return datasets.load("synthetic_faces", n=96, size=32)


@pytest.fixture(scope="module")
def alone(faces):
    """The weights after each loss was trained by itself, with nothing that stopped it."""
    weights = {}
    for loss in NAMES:
        model = models.small_cnn(LOSSES[loss].num_outputs(8), seed=CONFIG.seed)
        rate = RATES.get(loss, CONFIG.learning_rate)
        list(fit(model, loss, faces, TrainConfig(**(vars(CONFIG) | {"learning_rate": rate}))))
        weights[loss] = model.state_dict()
    return weights


def make(faces, losses=NAMES, config=CONFIG, learning_rates=RATES, **options):
    return LossRace(faces, losses, config, learning_rates=learning_rates, **options)


def assert_same(race, weights):
    for loss, network in race.networks.items():
        for name, value in network.state_dict().items():
            assert torch.equal(value, weights[loss][name]), (loss, name)


def at_batch(network, number, act):
    """Let ``act()`` happen, once, while a network is given its batch of this number."""
    seen = []

    def hook(module, arguments):
        seen.append(module.training)
        if sum(seen) == number and module.training:
            handle.remove()
            act()

    handle = network.register_forward_pre_hook(hook)


@pytest.mark.slow
def test_stopped_and_resumed_within_an_epoch_the_weights_are_the_same(faces, alone):
    race = make(faces)
    assert race.state == "ready"
    at_batch(race.networks["REG"], 6, race.stop)  # of four batches an epoch
    race.start()
    race.wait(text=False)
    assert race.state == race._now["state"] == "stopped"
    assert [len(epochs) for epochs in race.epochs.values()] == [2, 1, 1]
    at_batch(race.networks["XE"], 1, race.stop)
    race.start()
    race.wait(text=False)
    assert [len(epochs) for epochs in race.epochs.values()] == [2, 2, 2]
    race.start()
    race.wait(text=False)
    assert race.state == "finished"
    assert_same(race, alone)
    race.start()
    assert race.state == "finished"


@pytest.mark.slow
def test_a_race_goes_on_from_its_folder(faces, alone, tmp_path):
    first = make(faces, folder=tmp_path, probe=[3, 1])
    at_batch(first.networks["EMD2"], 6, first.stop)
    first.start()
    first.wait(text=False)
    second = make(faces, folder=tmp_path, probe=[3, 1])
    assert second.state == "stopped"
    assert [len(epochs) for epochs in second._epochs] == [2, 2, 1]
    second.start()
    second.wait(text=False)
    assert_same(second, alone)
    replay = TrainingReplay.from_folder(tmp_path, faces, images=[3, 1])
    assert {loss: len(done) for loss, done in replay.epochs.items()} == dict.fromkeys(NAMES, 3)
    assert replay.beliefs["XE"] == pytest.approx(second.replay().beliefs["XE"])
    with pytest.raises(ValueError, match="images must be those whose predictions"):
        TrainingReplay.from_folder(tmp_path, faces)
    with pytest.raises(ValueError, match="another run: probe is"):
        make(faces, folder=tmp_path)


@pytest.mark.slow
def test_an_epoch_that_could_not_be_kept_is_trained_again(faces, alone, tmp_path, monkeypatch):
    write = RunFolder.write

    def full(self, tensors, history, **options):
        if len(history) == CONFIG.epochs and self.path.name.startswith("EMD2"):
            raise OSError(28, "No space left on device")
        write(self, tensors, history, **options)

    race = make(faces, (loss for loss in NAMES), folder=tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "write", full)
        race.run()
    assert list(race.errors) == ["EMD2"]
    assert [len(epochs) for epochs in race.epochs.values()] == [3, 3, 2]
    race.run()
    assert not race.errors
    assert_same(race, alone)
    assert make(faces, folder=tmp_path).state == "finished"


@pytest.mark.slow
def test_a_loss_that_is_no_longer_finite_leaves_the_others(faces, alone):
    race = make(faces, learning_rates={"REG": 1e9})
    race.start()
    race.wait(text=False)
    message = r"the REG loss is (nan|inf) in epoch 1 with learning rate 1e\+09; try a third of it"
    assert race.state == "finished"
    assert list(race.errors) == ["REG"]
    error = race._now["runs"][1]["error"]
    assert isinstance(race.errors["REG"], FloatingPointError)
    assert error == str(race.errors["REG"])
    with pytest.raises(FloatingPointError, match=message):
        raise race.errors["REG"]
    assert [len(epochs) for epochs in race.epochs.values()] == [3, 0, 3]
    for loss in ("XE", "EMD2"):
        trained = race.networks[loss].head.weight
        assert torch.equal(trained, alone[loss]["head.weight"])
    start = models.small_cnn(1, seed=CONFIG.seed)
    assert torch.equal(race.networks["REG"].head.weight, start.head.weight)
    assert set(race.table()["loss"]) == {"XE", "EMD2"}


def test_an_error_in_the_thread_is_shown_and_raised(faces, alone):
    race = make(faces)

    def fail():
        raise RuntimeError("<b>something else")

    at_batch(race.networks["EMD2"], 2, fail)
    race.start()
    with pytest.raises(RuntimeError, match="something else"):
        race.wait(text=False)
    assert race.state == "stopped"
    assert race._now["failure"] == "RuntimeError: <b>something else"
    race.start()
    race.wait(text=False)
    assert race._now["failure"] is None
    assert_same(race, alone)


@pytest.mark.slow
def test_in_a_terminal_there_are_bars_of_text(faces, capsys):
    race = make(faces, learning_rates={"REG": 1e9}).run()
    shown = capsys.readouterr()
    assert "EMD²: 100%" in shown.err
    assert "AEM=" in shown.err
    assert "REG: the REG loss is" in shown.out + shown.err
    assert race.state == "finished"


@pytest.mark.slow
def test_few_messages_are_sent(faces, monkeypatch):
    running = make(faces)
    running._tell_every = 1e9
    sent = []
    monkeypatch.setattr(running, "send_state", lambda names: sent.append(sorted(names)))
    running.start()
    running.wait(text=False)
    assert len(sent) == 2, "one when it starts, one when it ends"
    assert sent[1] == ["_epochs", "_now"]
    assert [len(done) for done in running._epochs] == [3, 3, 3]


@pytest.mark.slow
def test_what_the_browser_gets_is_json_and_pythons_numbers(faces):
    running = make(faces, probe=[0, 5])
    running.start()
    running.wait(text=False)
    json.dumps(running.get_state(["_setup", "_now", "_epochs"]), allow_nan=False)
    for facts, (loss, done) in zip(running._epochs, running.epochs.items(), strict=True):
        for each, epoch in zip(facts, done, strict=True):
            assert each["metrics"]["AEM"] == pytest.approx(epoch.metrics["AEM"], abs=1e-6)
        assert facts[-1]["belief"]["classes"] == done[-1].probe.classes.tolist()
        assert (facts[-1]["belief"]["p"] is None) == (loss == "REG")
    assert running._epochs[0][-1]["belief"]["p"][1] == pytest.approx(
        running.epochs["XE"][-1].probe.distribution[1].tolist(), abs=1e-5
    )
    table = running.table()
    assert len(table) == 9
    assert table["valid AEM"].iloc[-1] == running.epochs["EMD2"][-1].metrics["AEM"]
    assert len(running.figure().subfigs[1].axes) == 2 * 4


def test_closing_stopping_another_and_interrupting_all_stop_the_thread(faces, monkeypatch):
    endless = TrainConfig(**(vars(CONFIG) | {"epochs": 10_000}))
    first, second = make(faces, ["XE"], endless, {}), make(faces, ["EMD2"], endless, {})
    first.start()
    second.start()
    assert (first.state, second.state) == ("stopped", "training")
    second.close()
    assert second.state == "stopped"
    first.start()
    assert first.state == "training"
    shell = InteractiveShell.instance()
    try:
        first.stop()
        first.start()  # now that there is a shell whose cells can be interrupted
        shell.events.trigger("post_run_cell", SimpleNamespace(error_in_exec=None))
        assert first.state == "training"
        interrupted = SimpleNamespace(error_in_exec=KeyboardInterrupt())
        shell.events.trigger("post_run_cell", interrupted)
        assert first.state == "stopped"
    finally:
        shell.events.unregister("post_run_cell", in_turns._after_cell)
        InteractiveShell.clear_instance()
    first.start()
    monkeypatch.setattr(threading.Thread, "join", interrupt_once(threading.Thread.join))
    with pytest.raises(KeyboardInterrupt):
        first.wait(text=False)
    assert first.state == "stopped"
    first.start()
    first._hear(first, {"do": "stop"}, [])
    first.wait(text=False)
    assert first.state == "stopped"
    first._hear(first, {"do": "start"}, [])
    assert first.state == "training"
    in_turns._stop_all()
    assert first.state == "stopped"


def interrupt_once(join):
    done = []

    def interrupted(thread, timeout=None):
        if not done:
            done.append(True)
            raise KeyboardInterrupt
        return join(thread, timeout)

    return interrupted


def test_seconds_left_count_the_turns_of_the_others():
    def run(epochs, seconds, steps=10):
        done = [SimpleNamespace(seconds=seconds * (i + 1)) for i in range(epochs)]
        return SimpleNamespace(epochs=done, steps=steps, config=SimpleNamespace(epochs=4))

    # three turns of A at 20 s and of B at 50 s are left; two of C, the third comes after B
    runs = in_turns.Race({"A": run(1, 20.0), "B": run(1, 50.0), "C": run(1, 5.0)})
    assert runs.seconds_left("B") == pytest.approx(3 * 20 + 3 * 50 + 2 * 5)
    assert runs.seconds_left("A") == pytest.approx(3 * 20 + 2 * 50 + 2 * 5)
    runs.steps["A"] = 5
    assert runs.seconds_left("C") == pytest.approx(2.5 * 20 + 3 * 50 + 3 * 5)
    runs.errors["B"] = FloatingPointError()
    assert runs.seconds_left("B") is None
    assert runs.seconds_left("C") == pytest.approx(2.5 * 20 + 3 * 5)
    assert in_turns.Race({"A": run(0, 1.0)}).seconds_left("A") is None


@pytest.mark.slow
def test_what_is_watched(faces):
    valid = faces.split("valid")
    assert torch.equal(make(faces).probe.images, valid.inputs[:8])
    chosen = make(faces, probe=[2, 0]).probe
    assert chosen.labels.tolist() == valid.labels[[2, 0]].tolist()
    assert torch.equal(chosen.true_distribution, valid.true_distribution[[2, 0]])
    unknown = make(faces, probe=valid.inputs[:3])
    assert unknown._setup["probe"]["labels"] is None
    assert len(make(faces, probe=faces.split("test")).probe.images) == len(faces.split("test"))
    unknown.run()
    assert unknown.figure() is not None


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"losses": "XE"}, ValueError, "losses must be a list of losses.*got 'XE'"),
        ({"losses": []}, ValueError, "losses must be a list"),
        ({"losses": 3}, ValueError, "losses must be a list of losses.*got 3"),
        ({"config": {"epochs": 2}}, TypeError, "config must be a training.TrainConfig, got {"),
        ({"losses": ["XE", "EMD9"]}, ValueError, "loss must be the name of a loss.*got 'EMD9'"),
        ({"losses": ["XE", "XE"]}, ValueError, "must not name one twice"),
        ({"learning_rates": {"EMD": 0.1}}, ValueError, r"learning_rates must be for some.*'EMD'"),
        ({"learning_rates": {"XE": "a"}}, ValueError, r"learning_rates\['XE'\] must be .* got 'a'"),
        ({"model": "large"}, ValueError, "model must be one of"),
        ({"metric": "accuracy"}, traitlets.TraitError, "metric must be one of.*'accuracy'"),
        ({"style": "poster"}, traitlets.TraitError, "style must be one of"),
        ({"probe": [0, 99]}, ValueError, r"probe must be indices.*0 to \d+, got 0 to 99"),
        ({"probe": "faces"}, ValueError, "probe must be indices of validation images, a Split"),
        ({"probe": torch.zeros(3, 8, 8, dtype=torch.uint8)}, ValueError, r"\(N, 3, H, W\)"),
    ],
)
def test_bad_arguments_are_named(faces, options, error, message):
    with pytest.raises(error, match=message):
        make(faces, **options)


def test_a_bad_metric_leaves_the_race_as_it_was(faces):
    race = make(faces)
    with pytest.raises(traitlets.TraitError, match="metric must be one of"):
        race.metric = "EMD"
    race.metric = "MAE"
    assert race.metric == "MAE"
