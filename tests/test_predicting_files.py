"""What a finished run predicts for files and tables that have no labels."""

import json
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from devtools.data_layouts import colours, jpeg, pack, write
from emdviz import datasets, distributions, training
from emdviz.experiments import RunSpec, load, run
from emdviz.training import Run, TrainConfig

CONFIG = TrainConfig(epochs=1, batch_size=8, device="cpu")
RNG = np.random.default_rng(0)
TABLE = pd.DataFrame(
    {
        "age": RNG.normal(40, 9, 60).round(2),
        "weight": RNG.normal(70, 9, 60).round(2),
        "risk": ["low", "medium", "high"] * 20,
    }
)


def trained(model, loss, data):
    one = Run(model, loss, data, CONFIG)
    list(one)
    return one


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A folder of three JPEGs, one of them in a folder, one file that is broken, and a text."""
    root = tmp_path_factory.mktemp("photos")
    files = {"a.jpg": jpeg(colours(1)), "b/c.jpg": jpeg(colours(2)), "d.jpg": jpeg(colours(3))}
    write(root, files | {"broken.jpg": jpeg(colours(4))[:200], "notes.txt": b"no image"})
    return root


@pytest.fixture(scope="module")
def faces():
    return datasets.load("synthetic_faces", n=60, size=32)


@pytest.fixture(scope="module")
def seer(faces):
    return trained("small_cnn", "EMD2", faces)


def pixels(root, size=32):
    """Read the three images with Pillow alone."""
    images = [Image.open(root / name) for name in ("a.jpg", "b/c.jpg", "d.jpg")]
    images = [image.resize((size, size), Image.Resampling.BILINEAR) for image in images]
    return torch.from_numpy(np.stack([np.asarray(image).transpose(2, 0, 1) for image in images]))


def same(got, expected):
    assert torch.equal(got.classes, expected.classes)
    torch.testing.assert_close(got.distribution, expected.distribution)


def test_a_folder_is_predicted_as_its_pixels_and_what_is_broken_is_named(seer, photos):
    with pytest.warns(
        UserWarning, match=r"1 files that .* images \(broken.jpg\); left out"
    ) as told:
        got = seer.predict(photos)
    assert len(told) == 1
    assert told[0].filename == __file__
    same(got, seer.predict(pixels(photos)))
    assert got.input_names == ["a.jpg", "b/c.jpg", "d.jpg"]


def test_a_zip_file_and_paths_are_predicted_as_the_folder(seer, photos, tmp_path):
    expected = seer.predict(pixels(photos))
    names = ["a.jpg", "b/c.jpg", "d.jpg"]
    pack(tmp_path / "all.zip", {name: (photos / name).read_bytes() for name in names})
    paths = [photos / name for name in names]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        zipped, listed = seer.predict(str(tmp_path / "all.zip")), seer.predict(paths)
        one = training.predict(seer, photos / "d.jpg")
    same(zipped, expected)
    same(listed, expected)
    assert zipped.input_names == names
    assert listed.input_names == list(map(str, paths))
    assert one.classes.tolist() == expected.classes[2:].tolist()
    with pytest.warns(UserWarning, match="nowhere.jpg"):
        assert len(seer.predict([*paths, photos / "nowhere.jpg"]).classes) == 3


def test_colours_become_grey_for_a_network_of_one_channel(photos):
    values = RNG.integers(0, 256, (60, 1, 32, 32), dtype=np.uint8)
    grey = trained("small_cnn", "XE", datasets.from_arrays(values, [0, 1, 2] * 20))
    expected = [
        np.asarray(Image.fromarray(image.permute(1, 2, 0).numpy()).convert("L"))
        for image in pixels(photos)
    ]
    with pytest.warns(UserWarning, match="broken.jpg"):
        same(grey.predict(photos), grey.predict(np.stack(expected)[:, None]))


def test_what_does_not_fit_is_refused(seer, photos, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"found none at .*nowhere"):
        seer.predict(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="must hold an image"):
        seer.predict(tmp_path)
    with pytest.raises(ValueError, match=r"shape \(N, 3, 32, 32\)"):
        seer.predict(pixels(photos)[:, :1])
    of_floats = datasets.from_arrays(RNG.normal(size=(60, 5)), [0, 1, 2] * 20)
    with pytest.raises(ValueError, match="trained on neither images of 8 bits nor a table"):
        trained("linear", "XE", of_floats).predict(photos)
    wide = datasets.from_arrays(RNG.integers(0, 256, (60, 3, 16, 32), np.uint8), [0, 1, 2] * 20)
    with pytest.raises(ValueError, match="16 × 32 pixels"):
        trained("linear", "XE", wide).predict(photos)


def test_floats_are_no_pixels_and_pixels_no_floats(seer, faces):
    some = faces.inputs[:4]
    with pytest.raises(ValueError, match=r"uint8 .* got torch.float32 .* from 0 to 255, not float"):
        seer.predict(some / 255)
    floats = datasets.from_arrays((faces.inputs / 255).numpy(), faces.labels.numpy())
    of_floats = trained("linear", "XE", floats)
    with pytest.raises(ValueError, match=r"must be torch.float32 of shape .*, got torch.uint8"):
        of_floats.predict(some)
    assert len(of_floats.predict(some / 255).classes) == 4


@pytest.mark.parametrize("loss", ["XE", "REG"])
def test_a_stored_network_of_another_number_of_classes_is_refused(tmp_path, loss):
    config = replace(CONFIG, learning_rate=1e-3)
    spec = RunSpec("synthetic_faces", {"n": 60, "size": 32}, loss=loss, config=config)
    run([spec], tmp_path, progress=False)
    file = tmp_path / spec.id / "network.json"
    about = json.loads(file.read_text())
    fewer = about["classes"][:-1]
    file.write_text(json.dumps(about | {"classes": fewer}))
    with pytest.raises(ValueError, match=r"network.json cannot be read .*7 classes, and 8 posit"):
        load(tmp_path, spec)
    file.write_text(json.dumps(about | {"classes": fewer, "positions": about["positions"][:-1]}))
    with pytest.raises(ValueError, match=r"is of the classes .*'60\+'\], and network.json of"):
        load(tmp_path, spec)


def test_images_are_squeezed_and_whitened_as_those_trained_on(faces, photos, tmp_path):
    ramp = np.linspace(0, 4095, 64 * 32).reshape(32, 64).astype(np.uint16)
    Image.fromarray(ramp).save(tmp_path / "deep.png")
    seer = trained("small_cnn", "XE", faces)
    with pytest.warns(UserWarning, match="12, which the brightest pixel needs; say depth="):
        cut = seer.read_inputs(tmp_path)[0]
    seer.decoding = {"squeeze": True, "depth": 16}
    squeezed = seer.read_inputs(tmp_path)[0]
    assert squeezed.max() < 17 < 200 < cut.max()
    assert squeezed[0, 0, 0, 0] == 0
    assert cut[0, 0, 0, 0] > 0


@pytest.fixture(scope="module")
def of_table():
    return trained("linear", "EMD2", datasets.table(TABLE, label="risk"))


def test_columns_of_a_table_are_found_by_name(of_table, tmp_path):
    expected = of_table.predict(of_table.preparation.transform(TABLE))
    other = pd.DataFrame({"who": "x", "weight": TABLE["weight"], "age": TABLE["age"]})
    other.index = [f"row {k}" for k in range(60)]
    other.to_csv(tmp_path / "new.csv", index=False)
    got, read = of_table.predict(other), of_table.predict(tmp_path / "new.csv")
    same(got, expected)
    same(read, expected)
    assert got.input_names == list(other.index)
    assert read.input_names == list(range(2, 62))  # lines of the file
    of_frame = datasets.from_arrays(TABLE[["age", "weight"]], TABLE["risk"])
    assert of_frame.features == of_frame.resplit(1).features == ["age", "weight"]
    assert datasets.with_features(of_frame, torch.nn.Linear(2, 3)).features is None


def test_columns_that_are_missing_or_no_numbers_are_named(of_table, tmp_path):
    with pytest.raises(ValueError, match=r"the table lacks \['weight'\], it has \['age', 'risk'\]"):
        of_table.predict(TABLE.drop(columns="weight"))
    with pytest.raises(ValueError, match="'age' of the table must hold numbers, as in training"):
        of_table.predict(TABLE.assign(age="old"))
    with pytest.raises(FileNotFoundError, match=r"none at .*none\.csv"):
        of_table.predict(tmp_path / "none.csv")


def test_runs_of_a_store_predict_files_and_tables_as_they_did(photos, tmp_path):
    TABLE.to_csv(tmp_path / "t.csv", index=False)
    specs = [
        RunSpec("synthetic_faces", {"n": 60, "size": 32}, loss="EMD2", config=CONFIG),
        RunSpec(
            "table",
            {"path": str(tmp_path / "t.csv"), "label": "risk"},
            network="linear",
            config=CONFIG,
        ),
    ]
    frame = run(specs, tmp_path / "runs", progress=False)
    assert (frame["error"] == "").all()
    of_faces, of_rows = (load(tmp_path / "runs", spec.id) for spec in specs)
    with pytest.warns(UserWarning, match="broken.jpg"):
        same(of_faces.predict(photos), of_faces.predict(pixels(photos)))
    new = TABLE[["weight", "age"]]
    data = specs[1].load()
    same(of_rows.predict(new), of_rows.predict(data.inputs))
    assert of_rows.preparation == data.preparation


def test_a_prediction_is_a_table():
    values = RNG.normal(size=(60, 5))
    data = datasets.from_arrays(
        values, [0, 1, 2] * 20, classes=["low", "medium", "high"], positions=[10, 20, 60]
    )
    got = trained("linear", "EMD2", data).predict(values[:4].astype(np.float32))
    frame, p = got.to_frame(), got.distribution.double().numpy()
    assert list(frame.columns) == [
        "input", "class", "score", "spread", "P(low)", "P(medium)", "P(high)"
    ]  # fmt: skip
    assert frame["input"].tolist() == [0, 1, 2, 3]
    assert frame["class"].tolist() == [data.classes[k] for k in got.classes]
    np.testing.assert_allclose(frame.iloc[:, 4:], p, rtol=1e-6)
    np.testing.assert_allclose(frame["score"], p @ [10, 20, 60], rtol=1e-5)
    np.testing.assert_allclose(
        frame["spread"], distributions.spread(p, positions=[10, 20, 60]), rtol=1e-4
    )


@pytest.mark.parametrize(
    ("options", "outputs", "score"),
    [
        ({}, [0.0, 0.5, 1.25, 9.0], [10, 15, 30, 60]),
        ({"positions": [10, 20, 60]}, [9, 31], [9, 31]),
    ],
)
def test_regression_has_scores_in_the_unit_of_the_positions(options, outputs, score):
    class Given(torch.nn.Linear):
        def forward(self, x):
            return x[:, :1] + 0 * super().forward(x)

    data = datasets.from_arrays(
        RNG.normal(size=(60, 5)), [0, 1, 2] * 20, classes=list("abc"), positions=[10, 20, 60]
    )
    one = Run(Given(5, 1), "REG", data, CONFIG, loss_options=options)
    inputs = torch.zeros(len(outputs), 5)
    inputs[:, 0] = torch.tensor(outputs)
    frame = one.predict(inputs).to_frame()
    np.testing.assert_allclose(frame["score"], score)
    assert (frame["spread"] == 0).all()
    certain = frame[["P(a)", "P(b)", "P(c)"]].to_numpy()
    assert [("abc")[k] for k in certain.argmax(1)] == frame["class"].tolist()
    assert (certain.sum(1) == 1).all()
    assert (certain.max(1) == 1).all()
