import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from emdviz import training
from emdviz.datasets import from_arrays, table
from emdviz.datasets.preparation import Preparation
from emdviz.training.provenance import digest_data

RNG = np.random.default_rng(0)
N = 200


@pytest.fixture(scope="module")
def frame():
    income = np.exp(RNG.normal(8, 1, N)).round(2)
    income[RNG.random(N) < 0.2] = np.nan
    colour = RNG.choice(["red", "green", "blue"], N).astype(object)
    colour[RNG.random(N) < 0.1] = None
    colour[3] = "mauve"  # once
    day = pd.Timestamp("2020-01-01") + pd.to_timedelta(RNG.integers(0, 900, N), unit="D")
    days = pd.Series(day).dt.strftime("%Y-%m-%d")
    noise = RNG.normal(size=N)
    return pd.DataFrame({"noise": noise, "income": income, "colour": colour, "day": days})


@pytest.fixture(scope="module")
def rows():
    return np.sort(RNG.permutation(np.delete(np.arange(N), 3))[:150])


def oracle(frame, rows):
    """The same inputs, by scikit-learn."""
    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=False), StandardScaler())
    days = frame.assign(day=pd.to_datetime(frame["day"]).astype("int64"))
    gaps = frame[["income", "colour"]].isna().to_numpy(float)
    parts = ColumnTransformer(
        [
            ("numbers", numbers, ["noise", "income", "day"]),
            ("colour", OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["colour"]),
        ]
    )
    days["colour"] = days["colour"].fillna("missing")
    parts.fit(days.iloc[rows])
    made = parts.transform(days)
    names = parts.named_transformers_["colour"].categories_[0].tolist()
    column = {name: made[:, 3 + k] for k, name in enumerate(names)}
    nothing = np.zeros(len(frame))
    return np.stack(
        [
            made[:, 0],
            made[:, 1], gaps[:, 0],
            *(column.get(name, nothing) for name in ("blue", "green", "mauve", "red")), gaps[:, 1],
            made[:, 2],
        ],
        axis=1,
    )  # fmt: skip


def test_inputs_are_those_of_scikit_learn_and_learned_from_the_training_rows(frame, rows):
    prepared = Preparation.plan(frame).fit(frame, rows)
    assert [(one.name, one.kind) for one in prepared.columns] == [
        ("noise", "number"), ("income", "number"), ("colour", "category"), ("day", "date")
    ]  # fmt: skip
    assert prepared.names == [
        "noise", "income", "income missing", "colour=blue", "colour=green", "colour=mauve",
        "colour=red", "colour missing", "day",
    ]  # fmt: skip
    made = prepared.transform(frame)
    assert made.dtype == np.float32
    np.testing.assert_allclose(made, oracle(frame, rows), rtol=2e-6, atol=2e-6)
    wild = frame.copy()
    others = np.setdiff1d(np.arange(N), rows)
    wild.loc[others, ["noise", "income"]] = 1e9
    assert Preparation.plan(wild).fit(wild, rows) == prepared


def test_a_new_split_learns_anew_with_the_same_inputs_and_one_digest(frame):
    data = table(frame.assign(grade=RNG.integers(1, 4, N)), label="grade")
    other = data.resplit(5)
    for one in (data, other):
        expected = oracle(frame, one.splits["train"].numpy())
        np.testing.assert_allclose(one.inputs, expected, rtol=2e-6, atol=2e-6)
        assert one.features == data.preparation.names
    assert not torch.equal(data.inputs, other.inputs)
    assert digest_data(other) == digest_data(data)
    fresh = table(frame.assign(grade=data.labels.numpy()), label="grade").resplit(5)
    assert digest_data(fresh.resplit(7)) != digest_data(data)  # other classes
    changed = frame.assign(grade=data.labels.numpy() + 1, noise=frame["noise"] + 1)
    assert digest_data(table(changed, label="grade")) != digest_data(data)
    again = frame.assign(grade=data.labels.numpy() + 1)
    assert digest_data(table(again, label="grade", seed=3)) == digest_data(data)


def test_what_is_unlike_the_training_rows_is_reported_for_each_value(frame, rows):
    prepared = Preparation.plan(frame).fit(frame, rows)
    new = frame.iloc[rows[:5]].copy().reset_index(drop=True)
    assert prepared.unlike(new).empty
    new["noise"] = new["noise"].astype(object)
    new.loc[0, "noise"] = frame["noise"].max() + 7
    new.loc[1, "noise"] = "loud"
    new.loc[2, "colour"] = "mauve"
    new.loc[3, "day"] = "1999-12-31"
    new.loc[4, "noise"] = None
    new.loc[4, "income"] = None
    found = prepared.unlike(new)
    least = min(frame["day"].iloc[rows])
    most = frame["noise"].iloc[rows].max()
    assert found.to_dict("list") == {
        "row": [0, 1, 2, 3, 4],
        "column": ["noise", "noise", "colour", "day", "noise"],
        "why": [
            f"{frame['noise'].max() + 7:.6g} is above {most:.6g}, the most in training",
            "'loud' is no number",
            "'mauve' was in no training row",
            f"1999-12-31 is below {least}, the least in training",
            "is missing, as in no training row",
        ],
    }
    made = prepared.transform(new)
    assert (made[2, 3:7] == 0).all()
    median = (np.median(frame["noise"].iloc[rows]) - frame["noise"].iloc[rows].mean()) / (
        frame["noise"].iloc[rows].std(ddof=0)
    )
    np.testing.assert_allclose(made[[1, 4], 0], median, rtol=1e-5)


def test_it_is_kept_in_json_and_with_a_run(frame, tmp_path):
    data = table(frame.assign(grade=RNG.integers(1, 4, N)), label="grade")
    text = json.dumps(data.preparation.to_dict(), allow_nan=False)
    assert Preparation.from_dict(json.loads(text)) == data.preparation
    config = training.TrainConfig(epochs=1, batch_size=32, learning_rate=0.1, device="cpu")
    runs = training.compare_losses(
        data, ["XE"], model="mlp", seeds=[4], resplit=True, config=config, folder=tmp_path
    )
    kept = training.load_run(tmp_path / runs["id"][0])
    split = data.resplit(4)
    assert kept.preparation == split.preparation
    assert kept.preparation != data.preparation
    rows = split.splits["train"]
    frame, expected = frame.iloc[rows], kept.predict(split.inputs[rows]).distribution
    assert torch.equal(kept.predict(frame).distribution, expected)
    frame.to_csv(tmp_path / "new.csv", sep=";", decimal=",", index=False)
    assert torch.allclose(kept.predict(tmp_path / "new.csv").distribution, expected)
    with pytest.warns(UserWarning, match=r"1 of 160 rows of the table are unlike .* noise 1e\+09 "):
        kept.predict(frame.assign(noise=np.where(np.arange(160) == 9, 1e9, frame["noise"])))


def test_features_of_a_network_are_not_prepared_anew(frame):
    from emdviz.datasets import with_features

    data = table(frame.assign(grade=RNG.integers(1, 4, N)), label="grade")
    flat = with_features(data, torch.nn.Linear(len(data.features), 2))
    assert flat.resplit(1).inputs is flat.inputs
    assert flat.preparation is flat.frame is None
    arrays = from_arrays(frame[["noise"]], RNG.integers(1, 4, N))
    assert arrays.preparation is arrays.frame is None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Preparation.plan(pd.DataFrame({"a": [1.0, np.inf]})),
         r"'a' of the table must be finite numbers, got infinity in 1 line \(1\)"),
        (lambda: Preparation.plan(pd.DataFrame({"a": [[1], [2]]})),
         r"must hold numbers, words or dates, got list; leave it out: drop=\['a'\]"),
        (lambda: Preparation.plan(pd.DataFrame({"a": ["03/04/2024", "05/06/2024"]})),
         r"'03/04/2024' may begin with the day or with the month; write 2024-04-03"),
        (lambda: Preparation.plan(pd.DataFrame({"a": [*map(str, range(40)), "x"]})),
         r"'a' of the table holds numbers, and something else in 1 line \(40\), such as 'x'"),
        (lambda: Preparation.plan(pd.DataFrame({"a": ["1,250", "2,100"]})),
         r"'1,250' may be more than a thousand or a number with decimals; pass decimal=','"),
        (lambda: Preparation.plan(pd.DataFrame({"a": [1, 2]})).transform(pd.DataFrame({"a": [1]})),
         r"fit\(frame, rows\) must come first"),
        (lambda: Preparation.plan(pd.DataFrame({"a": [1, 2]})).fit(pd.DataFrame({"a": [1]}), []),
         "rows must name a training row, got none"),
        (lambda: Preparation.plan(pd.DataFrame({"a": [1, 2]})).read(pd.DataFrame({"b": [1]})),
         r"the table lacks \['a'\], it has \['b'\]"),
        (lambda: Preparation.plan(pd.DataFrame({"a": [1e308, -1e308]}))
         .fit(pd.DataFrame({"a": [1e308, -1e308]}), [0, 1]), "too large to be scaled"),
        (lambda: Preparation.from_dict({"format": "1"}), "its format is '1', not 'emdviz prep"),
        (lambda: Preparation.from_dict({}), "must be those that to_dict returned: KeyError"),
    ],
)  # fmt: skip
def test_what_cannot_be_prepared_is_refused_in_words(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_only_tables_are_prepared():
    with pytest.raises(TypeError, match=r"frame must be a DataFrame, got \[1\]"):
        Preparation([]).read([1])


def test_constant_and_empty_training_columns_make_no_nan():
    frame = pd.DataFrame(
        {"a": [5.0, 5, 5, 7], "b": [None, None, None, 2.0], "c": [*"xx", None, "y"]}
    )
    made = Preparation.plan(frame).fit(frame, [0, 1]).transform(frame)
    # b lacks all its training values, c has one, and none is missing in it there
    assert made.tolist() == [
        [0, 0, 1, 1, 0, 0], [0, 0, 1, 1, 0, 0], [0, 0, 1, 0, 0, 0], [2, 2, 0, 0, 0, 0]
    ]  # fmt: skip


def test_tables_of_the_repository_are_standardised_as_scikit_learn_does():
    path = Path(__file__).parents[1] / "data" / "swd.csv"
    data = table(path, label="risk", seed=2)
    raw = pd.read_csv(path).drop(columns="risk")
    train = data.splits["train"].numpy()
    expected = StandardScaler().fit(raw.iloc[train]).transform(raw)
    np.testing.assert_allclose(data.inputs, expected, rtol=1e-6, atol=1e-6)
