"""Genuine photographs, from their files to a comparison and to predictions."""

import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

from devtools.data_layouts import pack
from emdviz import comparing

FACES = Path(__file__).parents[2] / "shared" / "realdata" / "utkface" / "utkface-64px-8000.zip"
AGES = (15, 30, 50)
CLASSES = ["0-14", "15-29", "30-49", "50-"]

pytestmark = pytest.mark.skipif(not FACES.exists(), reason=f"{FACES.name} is not at hand")


@pytest.fixture(scope="module")
def faces():
    """Return photographs by name, in random order, whose names begin with an age."""
    with zipfile.ZipFile(FACES) as archive:
        names = np.random.default_rng(0).permutation(archive.namelist())[:360]
        return {str(name): archive.read(str(name)) for name in names}


def age(name):
    return int(name.partition("_")[0])


def in_classes(faces):
    """Return the same with a folder for each class."""
    return {f"{CLASSES[np.digitize(age(name), AGES)]}/{name}": faces[name] for name in faces}


def write(root, files):
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


@pytest.mark.slow
def test_a_folder_and_a_zip_file_of_photographs_give_the_same_numbers(faces, tmp_path):
    some = dict(list(in_classes(faces).items())[:300])
    folder = write(tmp_path / "faces", some)
    pack(tmp_path / "faces.zip", some)
    options = {"network": "small_cnn", "losses": ["XE", "EMD2"], "seeds": 1, "epochs": 1}
    options |= {"classes": CLASSES, "rates": [0.03, 0.1], "size": 32}
    first = comparing.compare(folder, folder=tmp_path / "first", **options)
    second = comparing.compare(tmp_path / "faces.zip", folder=tmp_path / "second", **options)
    assert len(first.data) == 300
    assert torch.equal(first.data.inputs, second.data.inputs)
    assert torch.equal(first.data.labels, second.data.labels)
    columns = ["loss", "learning_rate", "test RPS", "test MAE"]
    pd.testing.assert_frame_equal(first.table[columns], second.table[columns])
    new = list(faces)[300:310]
    write(tmp_path / "new", {name: faces[name] for name in new} | {"broken.jpg": b"no"})
    pack(tmp_path / "new.zip", {name: faces[name] for name in new} | {"broken.jpg": b"no"})
    for made, inputs in ((first, tmp_path / "new"), (second, tmp_path / "new.zip")):
        scores = comparing.predict(made.folder, inputs, loss="XE").table.set_index("input")
        assert set(scores.index) == {*new, "broken.jpg"}
        assert scores.loc["broken.jpg", "note"] == "cannot be read as an image"
        p = scores.loc[new, [f"P({name})" for name in CLASSES]].astype(float)
        np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-5)


@pytest.mark.slow
def test_a_table_of_ages_teaches_frozen_features_the_age_of_others(faces, tmp_path):
    pytest.importorskip("efficientnet_lite_pytorch")
    root = write(tmp_path / "faces", faces)
    frame = pd.DataFrame({"photo": list(faces), "age": [age(name) for name in faces]})
    frame[:200].to_csv(root / "ages.csv", index=False)
    new = frame[320:]
    new[["photo"]].to_csv(root / "new.csv", index=False)
    made = comparing.compare(
        root / "ages.csv", label="age", bins=5, losses=["XE"], seeds=2,
        folder=tmp_path / "run",
    )  # fmt: skip
    assert (len(made.data), made.backbone, made.network) == (200, "efficientnet_lite0", "linear")
    np.testing.assert_array_equal(made.data.scores, frame["age"][:200])
    scores = comparing.predict(made.folder, root / "new.csv").table
    assert scores["input"].tolist() == new["photo"].tolist()
    assert stats.spearmanr(scores["score"].astype(float), new["age"]).statistic > 0.4
