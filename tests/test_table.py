from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from emdviz import training
from emdviz.datasets import load, table

FRAME = pd.DataFrame(
    {
        "Age": np.arange(40) + 0.5,
        "weight": np.linspace(50, 90, 40),
        "risk": ["low", "high", "medium", "low"] * 10,
        "who": [f"p{k // 4}" for k in range(40)],
        "sure": np.linspace(1, 2, 40),
    }
)
RISK = {"label": "risk", "features": ["Age", "weight"]}


@pytest.fixture(params=["csv", "semicolons", "excel", "parquet", "frame"])
def path(request, tmp_path):
    if request.param == "frame":
        return FRAME
    if request.param == "excel":
        FRAME.to_excel(tmp_path / "t.xlsx", index=False)
        return tmp_path / "t.xlsx"
    if request.param == "parquet":
        FRAME.to_parquet(tmp_path / "t.parquet")
        return str(tmp_path / "t.parquet")
    if request.param == "csv":
        FRAME.to_csv(tmp_path / "t.csv", index=False)
    else:
        text = FRAME.to_csv(sep=";", decimal=",", index=False)
        (tmp_path / "t.csv").write_bytes(b"\xef\xbb\xbfsep=;\r\n" + text.encode())
    return tmp_path / "t.csv"


def test_tables_of_every_kind_give_the_same_data_set(path):
    data = load("table", path=path, **RISK, group="who", weight="sure", unit="points")
    np.testing.assert_allclose(data.frame, FRAME[["Age", "weight"]], rtol=1e-9)
    train = FRAME[["Age", "weight"]].iloc[data.splits["train"]]
    scaled = (FRAME[["Age", "weight"]] - train.mean()) / train.std(ddof=0)
    np.testing.assert_allclose(data.inputs, scaled, atol=1e-6)
    assert data.classes == ["low", "medium", "high"]
    assert data.labels[:4].tolist() == [0, 2, 1, 0]
    assert data.groups == tuple(FRAME["who"])
    np.testing.assert_allclose(data.weights, FRAME["sure"])
    assert "numbers to learn from: Age, weight" in data.notes


def test_all_other_columns_are_features():
    data = table(FRAME, label="risk")
    assert data.inputs.shape == (40, 13)
    assert data.features[:4] == ["Age", "weight", "who=p0", "who=p1"]
    assert table(FRAME, label="risk", drop="who").features == ["Age", "weight", "sure"]


def test_votes_are_a_column_for_each_class_or_a_row_for_each_vote(tmp_path):
    random = np.random.default_rng(0)
    counts = random.integers(0, 5, (30, 3))
    counts[:, 1] += 1
    x = random.permutation(30) / 2
    wide = pd.DataFrame({"x": x, "high": counts[:, 2], "low": counts[:, 0]})
    wide["medium"] = counts[:, 1]
    for classes in (None, ["low", "medium", "high"]):
        by_column = table(wide, votes=["high", "low", "medium"], classes=classes)
        assert by_column.classes == ["low", "medium", "high"]
        np.testing.assert_allclose(by_column.votes, counts / counts.sum(1, keepdims=True))
    lines = [
        f"p{k},{x[k]},{name}"
        for k, row in enumerate(counts)
        for name, n in zip(["low", "medium", "high"], row, strict=True)
        for _ in range(n)
    ]
    random.shuffle(lines)
    (tmp_path / "votes.csv").write_text("photo,x,vote\n" + "\n".join(lines))
    by_row = table(tmp_path / "votes.csv", votes="vote", id="photo")
    places = {value: k for k, value in enumerate(x)}
    order = [places[value] for value in by_row.frame["x"]]
    np.testing.assert_allclose(by_row.votes, by_column.votes[order])
    assert by_row.labels.tolist() == by_column.labels[order].tolist()


def test_real_scores_are_cut_into_bins_and_kept():
    data = table(FRAME, label="weight", features=["Age"], bins=4)
    np.testing.assert_allclose(data.scores, FRAME["weight"])
    assert len(data.classes) == 4


@pytest.mark.parametrize(
    ("text", "arguments", "message"),
    [
        ("a,y\n1,2\n", {"label": "z"}, r"label must be a column of t\.csv, got 'z'; it has \['a'"),
        ("age,Risk\n1,2\n", {"label": "risks"}, r"got 'risks'; did you mean 'Risk'\? It has"),
        ("a,y\n1,2\n", {"label": "y", "group": "who"}, "group must be a column of t.csv, got"),
        ("a,y\n1,2\n", {"label": "y", "drop": ["b"]}, "drop must be a column of t.csv, got 'b'"),
        ("a,y\n1,2\n", {"label": "y", "features": ["y"]}, "of their own, 'y' is label"),
        ("a,y\n1,2\n", {}, r"label or votes must name a column of t\.csv, which has \['a', 'y'\]"),
        ("a,y\n1,2\n", {"votes": "y"}, "id must name the column"),
        ("a,y\n", {"label": "y"}, "has no line but the names of its columns"),
        ("", {"label": "y"}, r"t\.csv is empty; it must hold a line of column names"),
        ("\n\n", {"label": "y"}, "has no line but the names"),
        ("a,a,y\n1,2,3\n", {"label": "y"}, r"several columns of one name: \['a'\]; each needs"),
        ("a,y\n1,n/a\n2,\n", {"label": "y"}, r"column 'y' of t\.csv holds no label"),
        ("a,y\n1,cat\n2,dog\n3,dog\n", {"label": "y"}, r"pass classes=\['cat', 'dog'\]"),
        ("a,y\n1,cat\n2,dog\n", {"label": "y"}, r"each of the 2 classes in column 'y' .* one row"),
        ("y\n1\n2\n2\n", {"label": "y"}, "has no column to learn from"),
        ("a,y\n5,1\n5,2\n5,2\n", {"label": "y"}, "no column to learn from; a has one value in all"),
        ("a,y\n5,1\n5,2\n5,2\n", {"label": "y", "features": ["a"]},
         r"features must differ from row to row, column 'a' of t\.csv has one value"),
        ("a,y\n" + "\n".join(f"{k % 7},{k}" for k in range(900)), {"label": "y"},
         r"'y' of t\.csv holds 900 different numbers: this looks like a number .* pass bins=10"),
        ("a,1,2\n5,1,1\n6,0,0\n", {"votes": ["1", "2"]}, r"got none in 1 row \(1\)"),
        ("a,1,2\n5,1,-1\n", {"votes": ["1", "2"]}, "votes must not be negative"),
        ("a,1,2\n5,1,x\n", {"votes": ["1", "2"]}, r"'2' of t.csv must be finite numbers, .* 'x'"),
        ("a,y\n\"1,250\",1\n2,2\n3,2\n", {"label": "y"}, r"'1,250' may be .* pass decimal=','"),
        ("a,y\n5,1\n6,2\n7,2\n", {"label": "y", "rater": "a"}, "rater is for a table in which"),
        ("a,y\n5,1\n6,2\n", {"label": "y", "features": "a"}, r"pass \['a'\]"),
    ],
)  # fmt: skip
def test_broken_tables_are_refused_in_words(tmp_path, text, arguments, message):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises((ValueError, TypeError), match=message):
        table(tmp_path / "t.csv", **arguments)


@pytest.mark.parametrize("name", ["t.xlsx", "t.parquet"])
def test_files_that_are_something_else_are_refused(tmp_path, name):
    with pytest.raises(FileNotFoundError, match=r"path must be a file with a table, found none"):
        table(tmp_path / name, label="y")
    (tmp_path / name).write_bytes(b"no table at all")
    with pytest.raises(ValueError, match=f"{name} cannot be read as a table"):
        table(tmp_path / name, label="y")


DATA = Path(__file__).parents[1] / "data"


@pytest.mark.parametrize(
    ("name", "label", "features", "counts"),
    [
        pytest.param("swd.csv", "risk", 10, [32, 352, 399, 217], marks=pytest.mark.slow),
        ("lev.csv", "rating", 4, [93, 280, 403, 197, 27]),
    ],
)
def test_the_tables_of_the_repository_train_in_seconds(name, label, features, counts):
    data = table(DATA / name, label=label)
    assert data.inputs.shape == (1000, features)
    assert torch.bincount(data.labels).tolist() == counts  # as their donor's page says
    assert data.classes == [str(k + 1) for k in range(len(counts))]
    config = training.TrainConfig(epochs=10, batch_size=32, learning_rate=0.02, device="cpu")
    runs = training.compare_losses(
        data, ["XE", "EMD2"], model="linear", seeds=range(2), config=config, resplit=True
    )
    assert len(runs) == 4
    labels = data.labels.double()
    of_the_middle = (labels - labels.median()).abs().mean().item()
    assert runs.groupby("loss")["test MAE"].mean().max() < 0.9 * of_the_middle


def test_columns_without_a_name_are_passed_over_if_empty(tmp_path):
    (tmp_path / "t.csv").write_text("a;y;;\n5;1;;\n6;2;;\n7;2;;\n8;1;;\n")
    assert table(tmp_path / "t.csv", label="y").features == ["a"]
    (tmp_path / "t.csv").write_text("a;y;;\n5;1;3;\n6;2;;4\n")
    with pytest.raises(ValueError, match="has several columns without a name, which hold values"):
        table(tmp_path / "t.csv", label="y")
