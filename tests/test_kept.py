"""Folders of finished runs: one layout for all runs, and a network back that predicts."""

import json
import shutil

import numpy as np
import pytest
import safetensors.torch
import torch

from emdviz import datasets, experiments
from emdviz.training import TrainConfig, compare_losses, load_run
from emdviz.training.kept import read_history, read_predictions

CONFIG = TrainConfig(epochs=1, batch_size=16, device="cpu", mirror=True)
OPTIONS = {"n": 120, "size": 32}


def steps(logits, targets):
    """A loss of one's own, without an import path that other processes find by itself."""
    return torch.nn.functional.cross_entropy(logits, targets)


@pytest.fixture(scope="module")
def faces():
    return datasets.load("synthetic_faces", **OPTIONS)


@pytest.fixture(scope="module")
def kept(faces, tmp_path_factory):
    """The folder and the table of a comparison, among them a loss that is no importable name."""
    folder = tmp_path_factory.mktemp("kept")
    losses = ["XE", "REG", "CORN", lambda outputs, targets: steps(outputs, targets)]
    options = {"loss_options": {"XE": {"weight": "balanced"}}}
    return folder, compare_losses(faces, losses, config=CONFIG, folder=folder, **options)


@pytest.mark.slow
@pytest.mark.parametrize("place", range(4), ids=["XE", "REG", "CORN", "lambda"])
def test_a_run_of_a_comparison_predicts_what_it_predicted(kept, faces, place):
    folder, table = kept
    row = table.iloc[place]
    loss = steps if place == 3 else None
    run = load_run(folder / row["id"], loss=loss)
    wanted = read_predictions(folder / row["id"])["test"]
    got = run.predict(faces.inputs[wanted["index"]])
    assert np.array_equal(got.classes, wanted["classes"])
    name = "outputs" if row["loss"] == "REG" else "probabilities"
    values = got.outputs if row["loss"] == "REG" else got.distribution
    assert np.allclose(values, wanted[name], atol=1e-6)
    assert (run.classes, run.config) == (
        faces.classes,
        TrainConfig(**vars(CONFIG) | {"device": None}),
    )
    if place == 0:
        counts = np.bincount(faces.split("train").labels, minlength=8)
        assert np.allclose(run.loss_options["weight"], counts.sum() / 8 / counts)


@pytest.mark.parametrize("network", ["linear", "mlp"])
def test_networks_of_numbers_take_what_is_cut_out_of_images(faces, tmp_path, network):
    config = TrainConfig(epochs=1, batch_size=32, crop=20, device="cpu")
    (row,) = compare_losses(faces, ["XE"], model=network, config=config, folder=tmp_path).to_dict(
        "records"
    )
    assert row["error"] == ""
    run, wanted = load_run(tmp_path / row["id"]), read_predictions(tmp_path / row["id"])["test"]
    sizes = [one.in_features for one in run.model.modules() if isinstance(one, torch.nn.Linear)]
    assert sizes[0] == 3 * 20 * 20
    got = run.predict(faces.inputs[wanted["index"]]).distribution
    assert np.allclose(got, wanted["probabilities"], atol=1e-6)


def test_a_store_and_a_comparison_keep_the_same(kept, tmp_path):
    folder, table = kept
    spec = experiments.RunSpec(
        "synthetic_faces", OPTIONS, loss="XE", loss_options={"weight": "balanced"}, config=CONFIG
    )
    experiments.run([spec], tmp_path, progress=False)
    one, other = folder / table["id"][0], tmp_path / spec.id
    names = {path.name for path in other.iterdir()}
    assert {path.name for path in one.iterdir()} == names | {"last.safetensors"}
    assert (one / "last.safetensors").stat().st_size < 4000, "the network is kept once"
    assert (one / "network.json").read_bytes() == (other / "network.json").read_bytes()
    assert (one / "weights.safetensors").read_bytes() == (
        other / "weights.safetensors"
    ).read_bytes()
    results = [json.loads((place / "result.json").read_text()) for place in (one, other)]
    for name in ("format", "metrics", "notes"):
        assert results[0][name] == results[1][name]
    assert results[0]["spec"].keys() == results[1]["spec"].keys()
    assert results[0]["spec"]["config"] == results[1]["spec"]["config"]
    assert [read_history(place)[0] for place in (one, other)] == ["XE", "XE"]
    with pytest.raises(FileNotFoundError, match=r"nowhere holds no network.json of a finished run"):
        load_run(tmp_path / "nowhere")


def test_a_comparison_goes_on_from_what_it_keeps(kept, faces, tmp_path):
    folder, table = kept
    own = tmp_path / table["id"][1]
    shutil.copytree(folder / own.name, own)

    def again():
        return compare_losses(faces, ["REG"], config=CONFIG, folder=tmp_path)

    names = ["test AEM", "test MAE", "test RPS"]
    assert again()[names].iloc[0].tolist() == table[names].iloc[1].tolist()
    (own / "weights.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"without weights.*deleted.*delete this folder"):
        load_run(own)
    with pytest.raises(ValueError, match=r"no state of a run .*weights.*delete its folder"):
        again()


def test_a_network_with_one_output_keeps_its_classes(kept, tmp_path):
    folder, table = kept
    own = shutil.copytree(folder / table["id"][1], tmp_path / "REG")
    about = json.loads((own / "network.json").read_text())
    assert about["loss"] == "REG"
    about["classes"].append("another")
    about["positions"].append(100.0)
    (own / "network.json").write_text(json.dumps(about))
    with pytest.raises(ValueError, match=r"weights.safetensors cannot be read .*another"):
        load_run(own)
    # weights that do not tell them, as of earlier versions
    tensors = safetensors.torch.load_file(own / "weights.safetensors")
    safetensors.torch.save_file(tensors, own / "weights.safetensors")
    assert load_run(own).classes[-1] == "another"


def test_what_has_no_import_path_is_asked_for(kept, tmp_path):
    folder, table = kept
    with pytest.raises(ValueError, match=r"loss must be given, .*lambda.* no import path.*my_loss"):
        load_run(folder / table["id"][3])
    rows = datasets.from_arrays(np.arange(60.0)[:, None], [0, 1, 2] * 20)
    own = compare_losses(
        rows, ["XE"], config=TrainConfig(epochs=1, batch_size=8, device="cpu"), folder=tmp_path,
        model=lambda outputs: torch.nn.Linear(1, outputs),
    )  # fmt: skip
    place = tmp_path / own["id"][0]
    with pytest.raises(ValueError, match=r"model must be given.*model=lambda outputs: Net"):
        load_run(place)
    run = load_run(place, model=lambda outputs: torch.nn.Linear(1, outputs))
    weights = run.model.weight.detach(), run.model.bias.detach()
    x = torch.tensor([[0.5], [40.0]])
    expected = torch.softmax(x @ weights[0].T + weights[1], dim=1)
    torch.testing.assert_close(run.predict(x).distribution, expected)
    with pytest.raises(
        ValueError, match=r"model must make the network that was trained: .*size mismatch"
    ):
        load_run(place, model=lambda outputs: torch.nn.Linear(2, outputs))
    with pytest.raises(TypeError, match="folder must be the folder of a finished run, got 3"):
        load_run(3)
