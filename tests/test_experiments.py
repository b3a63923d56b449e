"""Runs: what they are, what the store keeps of them, and what crashes leave."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from emdviz import datasets, metrics, models
from emdviz.experiments import (
    RunSpec,
    Store,
    claims,
    paper_config,
    results,
    run,
    select,
)
from emdviz.experiments.specs import PAPER_RATES
from emdviz.training import (
    Run,
    TrainConfig,
    compare_losses,
    conclude,
    paired_differences,
    predict,
    summarise,
)
from tests.experiment_runs import begun, numbers, sleep, sleeper, tiny

LOSSES = ["XE", "REG", "EMD2"]


@pytest.fixture(scope="module")
def grid(tmp_path_factory):
    """Three real runs, their store, and what was told while they ran."""
    store = Store(tmp_path_factory.mktemp("grid"))
    specs, told = [tiny(loss) for loss in LOSSES], []
    frame = run([*specs, specs[0]], store, progress=False, on_result=lambda *one: told.append(one))
    return store, specs, frame, told


@pytest.mark.slow
def test_an_id_is_the_same_in_every_process():
    code = (
        "import sys; from tests.experiment_runs import tiny;"
        "assert 'distributed' not in sys.modules; print(tiny('EMD2').id)"
    )
    environment = os.environ | {"PYTHONHASHSEED": "1234"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == tiny("EMD2").id


def test_the_id_depends_on_every_part_of_the_spec():
    spec = RunSpec("adience", {"size": 48, "root": "faces"}, fold=2, loss="AEMD")
    same = [
        RunSpec("adience", (("root", "faces"), ("size", np.int64(48))), fold=2, loss="AEMD"),
        replace(spec, config=TrainConfig(device="cuda", momentum=np.float64(0.9))),
        RunSpec.from_dict(json.loads(json.dumps(spec.to_dict()))),
    ]
    assert {one.id for one in same} == {spec.id}
    assert len({spec, *same}) == 1
    assert replace(spec, loss_options={"lam": 1}) == replace(spec, loss_options={"lam": 1.0})
    others = [
        replace(spec, fold=3),
        replace(spec, loss_options={"lam": 10.0}),
        replace(spec, dataset_options={"root": "faces", "size": 64}),
        replace(spec, config=TrainConfig(seed=1)),
        replace(spec, weights="weights.safetensors"),
        replace(spec, network="RES"),
        replace(spec, config=TrainConfig(mirror=True)),
    ]
    assert len({spec, *others}) == 8


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dataset": "faces"}, r"dataset must be one of \['aadb'.*got 'faces'"),
        ({"network": "big"}, r"network must be one of .*'small_cnn'.*got 'big'"),
        ({"loss": "L2"}, r"loss must be one of .*'EMD2'.*got 'L2'"),
        ({"fold": 0}, "fold must be None: digits has no folds, got 0"),
        ({"dataset_options": {"sise": 3}}, r"of digits must be among \['seed', 'size'\], got"),
        ({"dataset_options": {"size": {1}}}, r"dataset_options size must be a text.*got \{1\}"),
        ({"dataset_options": 3}, "dataset_options must be a mapping"),
        ({"dataset": "image_folder"}, r"and have \['root'\], got \[\]"),
        ({"loss": "AEMD", "loss_options": {"lamda": 1}}, "loss_options of AEMD: .*'lamda'"),
        ({"loss": "AEMD", "loss_options": {"lam": float("nan")}}, "finite number.*got nan"),
    ],
)
def test_bad_specs_are_reported(changes, message):
    with pytest.raises(ValueError, match=message):
        RunSpec(**({"dataset": "digits"} | changes))


def test_wrong_specs_and_executors_are_refused(tmp_path):
    with pytest.raises(TypeError, match=r"config must be a training.TrainConfig, got 3"):
        RunSpec("digits", config=3)
    for specs in (["EMD2"], [["EMD2"]], sleeper(0)):
        with pytest.raises(TypeError, match=r"specs must be a list of RunSpec, got .*(EMD2|RunSp)"):
            run(specs, tmp_path)
    with pytest.raises(ValueError, match="workers must be an integer, 1 or more, got 0"):
        run([], tmp_path, workers=0)
    with pytest.raises(TypeError, match=r"executor must be a concurrent.futures.Executor.*got 4"):
        run([], tmp_path, executor=4)
    with (
        ThreadPoolExecutor(1) as pool,
        pytest.raises(ValueError, match="give workers or an executor, not both; got 2 workers"),
    ):
        run([], tmp_path, 2, pool)


def test_no_specs_are_no_success(tmp_path):
    with pytest.raises(ValueError, match="specs must hold a RunSpec or more, got none"):
        run([], tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_several_workers_without_dask_say_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ModuleNotFoundError, match=r"distributed .*pip install -e '\.\[cluster\]'"):
        run([sleeper(0)], tmp_path, workers=2)


def test_the_paper_s_numbers():
    assert np.allclose(np.log10(PAPER_RATES), [-1.5, -2, -2.5, -3, -3.5, -4, -4.5], atol=1e-6)
    config = paper_config(seed=3, crop=227)
    assert (config.momentum, config.seed, config.crop, config.mirror) == (0.98, 3, 227, True)


def test_every_run_is_done_once_and_reported(grid):
    store, specs, frame, told = grid
    assert frame["id"].tolist() == [spec.id for spec in specs]
    assert (frame["error"] == "").all()
    assert sorted(spec.id for spec, _ in told) == sorted(frame["id"])
    assert all(row["test RPS"] > 0 for _, row in told)
    again = run(specs, store, progress=False, train=None)  # nothing is left to train
    pd.testing.assert_frame_equal(again, frame)
    pd.testing.assert_frame_equal(numbers(results(store.path)), numbers(frame))
    options = ("n", "size", "seed", "imbalance", "label_noise", "ambiguity", "edition")
    first = ["id", "dataset", *(f"dataset {name}" for name in options), "fold", "network"]
    assert list(frame.columns[: len(first)]) == first


@pytest.mark.slow
def test_metrics_are_those_of_comparing_losses(grid):
    _, _, frame, _ = grid
    faces = datasets.load("synthetic_faces", n=120, size=32)
    table = compare_losses(faces, LOSSES, config=tiny("XE").config, together=False)
    for name in set(metrics.METRICS) - {"score MAE", "CS(5)"}:  # drawn faces have no scores
        for column in (f"valid {name}", f"test {name}"):
            expected = table[column].to_numpy(float)
            assert np.array_equal(frame[column].to_numpy(float), expected, equal_nan=True)
    more = {name for name in frame if name.startswith("dataset ")} - {"dataset edition"}
    assert set(frame.columns) - set(table.columns) == more
    own = ["id", *more, "seconds", "finished"]
    pd.testing.assert_frame_equal(
        frame.drop(columns=own), table.drop(columns=own, errors="ignore"), check_dtype=False
    )


@pytest.mark.slow
def test_tables_of_both_runners_go_into_the_same_functions(grid):
    _, _, frame, _ = grid
    faces = datasets.load("synthetic_faces", n=120, size=32)
    table = compare_losses(faces, LOSSES, config=tiny("XE").config)
    for read in (
        summarise,
        paired_differences,
        lambda runs: summarise(select(runs), split="valid"),
        lambda runs: conclude(paired_differences(select(runs))),
    ):
        one, other = read(frame), read(table)
        assert one == other if isinstance(one, str) else one.equals(other)


def test_the_store_keeps_weights_predictions_and_history(grid):
    store, specs, frame, _ = grid
    faces = datasets.load("synthetic_faces", n=120, size=32)
    for spec, outputs in zip(specs, (8, 1, 8), strict=True):
        model = models.small_cnn(outputs, seed=99)
        model.load_state_dict(store.weights(spec))
        kept = store.predictions(spec)["test"]
        one = Run(model, spec.loss, faces, spec.config)
        predicted = predict(one, faces.inputs[kept["index"]])
        assert np.array_equal(kept["labels"], faces.split("test").labels)
        assert np.array_equal(kept["classes"], predicted.classes)
        name = "outputs" if spec.loss == "REG" else "probabilities"
        other = predicted.outputs if spec.loss == "REG" else predicted.distribution
        assert np.allclose(kept[name], other, atol=1e-6)
        assert [epoch.number for epoch in store.history(spec)] == [1, 2]
    kept = store.predictions(specs[2])["valid"]
    value = metrics.evaluate(kept["probabilities"], kept["labels"])["RPS"]
    assert value == pytest.approx(frame["valid RPS"][2])
    files = {path.name for path in store.folder(specs[0]).rglob("*") if path.is_file()}
    assert files == {
        *("history.json", "network.json", "weights.safetensors", "predictions.npz", "result.json")
    }
    kept = json.loads((store.folder(specs[0]) / "result.json").read_text())
    assert RunSpec.from_dict(kept["spec"]) == specs[0]
    assert not list((store.path / "training").iterdir())
    with pytest.raises(FileNotFoundError, match=r"holds no predictions.npz of a finished run"):
        store.predictions(tiny("EMD"))


def test_a_loss_that_diverges_is_kept_and_not_tried_again(tmp_path):
    bad, good = tiny("REG", learning_rate=1e30), sleeper(1)
    with pytest.warns(UserWarning, match=r"1 of 1 runs have no result.*REG loss is nan"):
        frame = run([bad], tmp_path, progress=False)
    assert "the REG loss is nan in epoch 1 with learning rate 1e+30" in frame["error"][0]
    assert results(tmp_path)["error"].tolist() == frame["error"].tolist()
    with pytest.warns(UserWarning, match="1 of 2 runs"):
        run([bad, good], tmp_path, progress=False, train=sleep)
    assert begun(Store(tmp_path), bad) == 0
    frame = run([bad, good], tmp_path, progress=False, train=sleep, retry_failed=True)
    assert (frame["error"] == "").all()
    assert begun(Store(tmp_path), bad) == begun(Store(tmp_path), good) == 1


def test_a_second_try_that_is_stopped_goes_on(tmp_path):
    spec, states = sleeper(0), []

    def train(spec, folder, on_epoch):
        state = folder / "state"
        states.append(state.exists())
        state.touch()
        raise (FloatingPointError if len(states) == 1 else KeyboardInterrupt)

    options = {"progress": False, "retry_failed": True}
    with pytest.warns(UserWarning, match="1 of 1 runs"):
        run([spec], tmp_path, train=train, **options)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            run([spec], tmp_path, train=train, **options)
    assert states == [False, False, True]
    assert run([spec], tmp_path, progress=False, train=sleep)["error"].tolist() == [""]


@pytest.mark.parametrize("moment", [(claims.Claim, "take"), (claims.threading.Thread, "start")])
def test_an_interrupt_while_a_run_is_taken_leaves_it_to_others(tmp_path, monkeypatch, moment):
    whole = getattr(*moment)

    def interrupted(self):
        whole(self)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(*moment, interrupted)
        with pytest.raises(KeyboardInterrupt):
            run([sleeper(0)], tmp_path, progress=False, train=sleep)
    assert not list(tmp_path.rglob("claim*"))
    assert run([sleeper(0)], tmp_path, progress=False, train=sleep)["error"].tolist() == [""]


def test_errors_of_the_machine_are_reported_but_not_stored(tmp_path):
    absent = RunSpec("image_folder", {"root": tmp_path / "none"}, loss="XE")
    with pytest.warns(UserWarning, match=r"1 of 2 runs.*FileNotFoundError: root does not exist"):
        frame = run([absent, tiny("XE", epochs=1)], tmp_path / "store", progress=False)
    assert (frame["error"] == "").tolist() == [False, True]
    assert len(results(tmp_path / "store")) == 1
    assert "Traceback" in (Store(tmp_path / "store").state(absent) / "traceback.txt").read_text()


def test_foreign_and_broken_files_are_named_and_the_rest_is_read(tmp_path):
    specs = [sleeper(seed) for seed in range(6)]
    run(specs, tmp_path, progress=False, train=sleep)
    store = Store(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / ".DS_Store").write_text("")
    paths = [store.folder(spec) / "result.json" for spec in specs]
    paths[0].write_bytes(paths[0].read_bytes()[:-30])
    paths[1].write_bytes(paths[2].read_bytes())
    paths[3].write_text("[]")
    paths[4].write_text(paths[4].read_text().replace('"seconds"', '"minutes"'))
    with pytest.warns(UserWarning, match="left out of") as caught:
        frame = results(tmp_path)
    text = str(caught[0].message)
    assert "notes.txt is no run of this store: move it elsewhere" in text
    for spec in (specs[0], specs[1], specs[3], specs[4]):
        assert f"{spec.id}/result.json cannot be read" in text.replace(os.sep, "/")
    assert f"it holds the run {specs[2].id}" in text
    assert "it lacks 'seconds'" in text
    assert sorted(frame["seed"]) == [2, 5]
    with pytest.warns(UserWarning, match="delete its folder and run it again"):
        frame = run(specs, tmp_path, progress=False, train=sleep)
    assert (frame["error"] == "").tolist() == [False, False, True, False, False, True]
    with pytest.raises(
        FileNotFoundError, match=r"store must be a folder of runs.*experiments\.run"
    ):
        results(tmp_path / "none")


class PowerCut(BaseException):
    """Ends a program at once."""


@pytest.mark.slow
@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_after_any_interruption_the_old_or_the_new_state_is_there(tmp_path, monkeypatch, call):
    spec, whole = tiny("XE", epochs=1), None
    for last in range(40):
        store, calls = Store(tmp_path / str(last)), []
        real = getattr(os, call)

        def cut(*arguments, real=real, calls=calls, last=last):
            calls.append(arguments)
            if len(calls) > last:
                raise PowerCut
            return real(*arguments)

        with monkeypatch.context() as patch:
            patch.setattr(os, call, cut)
            try:
                run([spec], store, progress=False)
            except PowerCut:
                pass
            else:
                break
        held = results(store)
        assert len(held) in (0, 1)
        assert held["error"].isin([""]).all()
        after = numbers(run([spec], store, progress=False))
        whole = after if whole is None else whole
        pd.testing.assert_frame_equal(after, whole)
        assert not list((store.path / "training").iterdir()), "something half-written was left"
        assert not list(store.path.rglob(".*"))
    assert last > 4, "nothing was cut off"
