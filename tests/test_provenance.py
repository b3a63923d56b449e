"""Every run tells what it rests on, and no table averages over data that have changed."""

import platform
import re
from dataclasses import replace

import pandas as pd
import pytest
import torch
from PIL import Image

from emdviz import datasets, experiments, training
from emdviz.experiments import RunSpec, paper
from emdviz.training.provenance import digest_data
from emdviz.training.results import MixedDataError

QUICK = {"epochs": 1, "batch_size": 16, "device": "cpu"}


def write_class(folder, name, grey, count=12):
    (folder / name).mkdir(parents=True)
    for k in range(count):
        Image.new("L", (32, 32), grey + 3 * k).save(folder / name / f"{k}.png")


def graded(folder, seed, loss="XE"):
    return RunSpec(
        "image_folder",
        {"root": str(folder), "size": 32},
        loss=loss,
        config=training.TrainConfig(seed=seed, **QUICK),
    )


@pytest.fixture(scope="module")
def changed_between(tmp_path_factory):
    """A store whose second run saw a class more than the first."""
    root = tmp_path_factory.mktemp("graded")
    store, folder = root / "runs", root / "photos"
    for grade, grey in (("1", 20), ("2", 90), ("3", 160)):
        write_class(folder, grade, grey)
    before = experiments.run([graded(folder, 0)], store, progress=False)
    write_class(folder, "4", 210)
    again = experiments.run([graded(folder, 1)], store, progress=False)
    return pd.concat([before, again], ignore_index=True)


def test_no_mean_over_data_that_changed(changed_between):
    frame = changed_between
    assert frame["data"].nunique() == 2
    first, second = editions = frame["dataset edition"]
    assert all(re.fullmatch("sha256:[0-9a-f]{16}", one) for one in editions)
    for average in (training.summarise, experiments.select):
        with pytest.raises(
            MixedDataError, match=rf"different data: .*{first} \(1 run\), {second} \(1 run\)"
        ) as caught:
            average(frame)
        assert caught.value.counts == {first: 1, second: 1}
    with pytest.raises(MixedDataError, match=r"table\['dataset edition'\] == 'sha256"):
        paper.table(frame, 1, dataset="image_folder")
    assert len(training.summarise(frame[frame["dataset edition"] == first]))
    same_name = frame.assign(**{"dataset edition": "mine"})
    with pytest.raises(MixedDataError, match=r"digests are .*table\['data'\] == "):
        training.summarise(same_name)


def test_a_spread_only_over_what_varied(tmp_path):
    """A folder with a split of its own does not use the seed that would draw one."""
    for part in ("train", "valid", "test"):
        for grade, grey in (("1", 20), ("2", 120)):
            write_class(tmp_path / "photos" / part, grade, grey)
    root, config = tmp_path / "photos", training.TrainConfig(**QUICK)
    options = {"dataset": "image_folder", "losses": ["XE"], "rates": [0.01], "config": config}
    specs = paper.quick_specs(1, root, **options)
    copies = [replace(specs[0], dataset_options={**dict(specs[0].dataset_options), "seed": 9})]
    frame = experiments.run([*specs, *copies], tmp_path / "runs", progress=False)
    first, second, copy = frame.to_dict("records")
    assert first["splits"] == second["splits"] == copy["splits"]
    assert (first["seed"], second["seed"], copy["seed"]) == (0, 1, 0)
    assert first["test RPS"] == copy["test RPS"] != second["test RPS"]
    laid = paper.table(frame, 1, dataset="image_folder")
    assert laid.loc["XE", ("small_cnn", "AEM", "runs")] == 2
    one = paper.table(frame.iloc[[0, 2]], 1, dataset="image_folder")
    assert one.loc["XE", ("small_cnn", "AEM", "runs")] == 1
    assert one.isna().loc["XE", ("small_cnn", "AEM", "spread")]
    summary = training.summarise(frame.iloc[[0, 2]])
    assert summary["runs"].tolist() == [1]


def test_seeds_within_folds():
    specs = paper.table_specs(1, folds=[0, 1], seeds=range(3), losses=["XE"], rates=[0.1],
                               networks=["RES"])  # fmt: skip
    assert [(spec.fold, spec.config.seed) for spec in specs] == [
        (fold, seed) for fold in (0, 1) for seed in range(3)
    ]


def test_a_run_keeps_the_origin_of_its_numbers(changed_between):
    run = changed_between.iloc[0]
    assert run["versions"].endswith(
        f"torch {torch.__version__}, Python {platform.python_version()}"
    )
    assert run["device"] == f"cpu {platform.machine()}"
    assert run["threads"] == torch.get_num_threads()
    assert run["first weights"] != changed_between.iloc[1]["first weights"]  # another seed


def test_mixed_versions_are_reported(changed_between):
    frame = changed_between.assign(**{"data": "0" * 16, "dataset edition": "mine"})
    frame.loc[frame.index[0], "versions"] = "emdviz 0.0.1, torch 2.6.0, Python 3.11.0"
    with pytest.warns(UserWarning, match="1 with emdviz 0.0.1, torch 2.6.0"):
        training.summarise(frame)


def test_splits_do_not_change_the_digest_and_everything_else_does():
    def data(**changes):
        generator = torch.Generator().manual_seed(0)
        inputs = torch.rand(60, 4, generator=generator)
        labels = torch.arange(60) % 3
        return datasets.from_arrays(**({"inputs": inputs, "labels": labels} | changes))

    first = data()
    assert digest_data(first.resplit(7)) == digest_data(first) == digest_data(data())
    others = [
        data(inputs=torch.rand(60, 4, generator=torch.Generator().manual_seed(1))),
        data(labels=torch.arange(60).flip(0) % 3),
        data(classes=["a", "b", "c"]),
        data(positions=[0, 1, 5]),
        data(weights=torch.arange(60) + 1.0),
    ]
    assert len({digest_data(one) for one in (first, *others)}) == 6


def test_a_change_in_place_changes_the_digest():
    data = datasets.from_arrays(torch.rand(60, 4), torch.arange(60) % 3)
    digests = {digest_data(data)}
    data.inputs[0, 0] += 1
    digests.add(digest_data(data))
    data.labels = data.labels.flip(0)
    digests.add(digest_data(data))
    data.classes[0] = "other"
    digests.add(digest_data(data))
    data.weights = torch.ones(60)
    digests.add(digest_data(data))
    assert len(digests) == 5
    assert digest_data(data.resplit(1)) == digest_data(data)


def test_features_are_other_data_than_their_images():
    faces = datasets.load("synthetic_faces", n=20, size=32)
    of_images = digest_data(faces)  # before the features are computed
    networks = [torch.nn.Sequential(torch.nn.AvgPool2d(k), torch.nn.Flatten()) for k in (8, 16)]
    digests = [digest_data(datasets.with_features(faces, one, cache=False)) for one in networks]
    assert len({of_images, *digests}) == 3


def test_comparisons_report_it_too():
    faces = datasets.load("synthetic_faces", n=64, size=32)
    table = training.compare_losses(faces, ["XE", "EMD2"], config=training.TrainConfig(**QUICK))
    assert table["data"].tolist() == 2 * [digest_data(faces)]
    first, second = table["first weights"]
    assert first == second  # all losses start from the same
