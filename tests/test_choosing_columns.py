"""Which columns of a table are no features, and votes of several people."""

import itertools
import json

import numpy as np
import pandas as pd
import pytest
import torch

from emdviz.datasets import table
from emdviz.datasets.choosing import far_away, reason_to_leave_out
from emdviz.datasets.preparation import Preparation

RNG = np.random.default_rng(1)
N = 300
LABELS = RNG.integers(0, 4, N)
WEATHER = RNG.normal(size=N)


def left_out(**columns):
    frame = pd.DataFrame({"weather": WEATHER, **columns, "grade": LABELS + 1})
    data = table(frame, label="grade")
    (note,) = [one for one in data.notes if one.startswith("left out: ")] or [""]
    kept = [one.name for one in data.preparation.columns]
    assert "weather" in kept
    assert {*kept, "grade"} | {name for name in columns if f"{name} (" in note} == {*frame}
    assert "features=[…] keeps what it names" in note or not note
    with_all = table(frame, label="grade", features=["weather", *columns])
    assert [one.name for one in with_all.preparation.columns] == ["weather", *columns]
    return note


@pytest.mark.parametrize(
    ("column", "why"),
    [
        (np.arange(1, N + 1), "numbers the rows"),
        (RNG.permutation(N), "numbers the rows"),
        (np.sort(RNG.choice(9999, N, replace=False)), "numbers the rows"),
        ([f"case {k}" for k in range(N)], "has another value in each row"),
        ([f"text {k % 120}" for k in range(N)], "is text: 120 different ones in 300 rows"),
        (LABELS * 10 + RNG.random(N), "tells the label: it rises with it, without exception"),
        (-LABELS, "tells the label: it falls as that rises, without exception"),
        (np.array([7, 3, 9, 1])[LABELS], "tells the label: each of its values has one class"),
        (np.array(["bad", "poor", "good", "best"])[LABELS], "each of its values has one class"),
        (LABELS >= 2, "follows from the label: each class has one value"),
        (np.where(LABELS == 1, None, LABELS), "tells the label: it rises with it"),
        (
            np.where(LABELS == 3, np.nan, WEATHER**2),
            "it is missing in all rows of some classes only",
        ),
        (pd.Timestamp("2020-01-01") + pd.to_timedelta(LABELS, unit="D"), "it rises with it"),
    ],
)
def test_columns_that_number_rows_or_give_the_label_away_are_left_out(column, why):
    assert why in left_out(suspect=column)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["photo_id", "ID", "customerId", "Nr."])
def test_numbers_of_their_own_are_left_out_if_they_are_named_so(name):
    column = RNG.choice(9999, N, replace=False)
    assert f"{name} (is named an id)" in left_out(**{name: column})
    assert left_out(idea=column) == left_out(paid=column) == ""


@pytest.mark.parametrize(
    "column",
    [
        RNG.normal(size=N),
        RNG.choice(list("abcdefgh"), N),
        LABELS + RNG.normal(size=N),
        np.where(RNG.random(N) < 0.95, LABELS, RNG.integers(0, 4, N)),
        np.arange(N) + 0.5,
        pd.Timestamp("2020-01-01") + pd.to_timedelta(np.arange(N), unit="D"),
        np.eye(1, N, 7)[0],  # one row that is not like the others
        np.where(RNG.random(N) < 0.9, RNG.normal(size=N), np.nan),
    ],
)
def test_other_columns_are_kept(column):
    assert left_out(fair=column) == ""


def test_a_table_with_every_row_twice_keeps_its_columns():
    frame = pd.DataFrame({"a": WEATHER, "b": RNG.integers(0, 9999, N), "grade": LABELS})
    data = table(pd.concat([frame, frame], ignore_index=True), label="grade")
    assert data.features == ["a", "b"]


def test_numbers_that_the_label_or_the_votes_were_made_of_are_left_out():
    score = RNG.normal(size=N)
    frame = pd.DataFrame({"weather": WEATHER, "score": score, "same": 32 + 1.8 * score})
    data = table(frame, label="score", bins=5)
    assert [one.name for one in data.preparation.columns] == ["weather"]
    votes = RNG.integers(1, 9, (N, 3))
    mean = (votes @ [1, 2, 3] / votes.sum(1)).round(4)
    rated = pd.DataFrame(votes, columns=["1", "2", "3"]).assign(weather=WEATHER, mean=mean)
    data = table(rated, votes=["1", "2", "3"])
    assert "left out: mean (tells the label: it correlates by 1)" in str(data)
    assert "correlates by -1)" in str(table(rated.assign(mean=-mean), votes=["1", "2", "3"]))


def test_chance_hardly_ever_gives_a_label_away():
    """Of all columns of two values over two classes, too few rows never convict."""
    labels = np.array([0, 0, 0, 1, 1, 1])
    for column in itertools.product([0.0, 1.0], repeat=6):
        why = reason_to_leave_out(np.array(column), "number", labels)
        assert why in (None, "has one value in all rows")
    found = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        columns = {
            "number": rng.integers(0, rng.integers(2, 40), 30).astype(float),
            "category": rng.choice(list("abcdef"), 30).astype(object),
        }
        labels = rng.integers(0, 3, 30)
        found += sum(
            "label" in (reason_to_leave_out(values, kind, labels) or "")
            for kind, values in columns.items()
        )
    assert found == 0


def test_constant_and_empty_columns_are_left_out_and_refused_if_named():
    frame = pd.DataFrame({"weather": WEATHER, "same": "x", "empty": None, "grade": LABELS})
    data = table(frame, label="grade")
    assert "left out: same (has one value in all rows), empty (is empty)" in str(data)
    for name, why in (("same", "has one value in all rows"), ("empty", "is empty")):
        with pytest.raises(ValueError, match=f"row to row, column '{name}' of the table {why}"):
            table(frame, label="grade", features=["weather", name])
    with pytest.raises(ValueError, match=r"no column to learn from; same has one value in all row"):
        table(frame[["same", "grade"]], label="grade")
    some = frame.assign(same=np.where(WEATHER > 0, "x", None))
    assert "same=x" in table(some, label="grade").features


STARS = ["1 star", "2 stars", "3 stars"]


@pytest.fixture(scope="module")
def ballots():
    """Each of 40 photographs rated by some of 9 people, a row for each vote."""
    rows = [
        {
            "photo": f"{k}.jpg", "stars": STARS[RNG.integers(3)], "who": f"p{person}",
            "light": k / 7, "when": RNG.integers(99), "album": k // 4,
        }
        for k in range(40)
        for person in RNG.choice(9, RNG.integers(2, 9), replace=False)
    ]  # fmt: skip
    return pd.DataFrame(rows).sample(frac=1, random_state=0, ignore_index=True)


def test_a_row_for_each_vote_is_counted_for_each_thing(ballots):
    data = table(ballots, votes="stars", id="photo", rater="who", group="album")
    counts = pd.crosstab(ballots["photo"], ballots["stars"]).loc[ballots["photo"].unique()]
    assert data.classes == STARS
    assert data.positions == [1, 2, 3]
    np.testing.assert_allclose(data.votes, counts.div(counts.sum(axis=1), axis=0))
    assert [one.name for one in data.preparation.columns] == ["light"]
    assert f"{len(ballots)} votes on 40 rows" in data.notes
    assert "left out: when (differs among the votes on one photo)" in str(data)
    assert len(set(data.groups)) == 10
    same = table(ballots, votes="stars", id="photo", group="album", drop=["who", "when"])
    np.testing.assert_array_equal(same.votes, data.votes)


def test_votes_that_cannot_be_counted_are_refused(ballots):
    by = {"votes": "stars", "id": "photo", "rater": "who"}
    doubled = pd.concat([ballots, ballots.iloc[[5]]], ignore_index=True)
    with pytest.raises(ValueError, match=rf"vote once on each photo, .* 1 line \({len(ballots)}\)"):
        table(doubled, **by)
    assert len(table(doubled, votes="stars", id="photo", drop=["who"])) == 40
    with pytest.raises(
        ValueError, match=r"id must be there for each vote, column 'photo' .* \(3\)"
    ):
        table(ballots.assign(photo=ballots["photo"].where(ballots.index != 3)), **by)
    with pytest.raises(
        ValueError, match=r"features must be the same in all votes on one photo, \['w"
    ):
        table(ballots, **by, features=["light", "when"])
    for argument in ("group", "weight", "split"):
        with pytest.raises(ValueError, match=f"{argument} must be the same in all votes on one ph"):
            table(ballots, **by, **{argument: "when"})
    with pytest.raises(ValueError, match=r"classes must name every vote, \['1 star'\] lacks"):
        table(ballots, **by, classes=["1 star"])
    with pytest.raises(ValueError, match="columns of votes must be classes, each once"):
        table(pd.DataFrame({"1": [1, 1], "2": [1, 2], "1.0": [2, 2]}), votes=["1", "2", "1.0"])


def test_counts_of_votes_as_in_ava_have_positions(tmp_path):
    counts = RNG.integers(0, 60, (80, 10))
    frame = pd.DataFrame(counts, columns=[f"votes {k}" for k in range(1, 11)])
    frame.insert(0, "image_id", RNG.choice(10**6, 80, replace=False))
    frame["semantic_tag"] = RNG.integers(0, 66, 80)
    frame["sharpness"] = RNG.normal(size=80).round(3)
    frame.to_csv(tmp_path / "ava.csv", index=False)
    columns = list(frame)[1:11]
    data = table(tmp_path / "ava.csv", votes=columns)
    assert data.positions == list(range(1, 11))
    np.testing.assert_allclose(data.votes, counts / counts.sum(1, keepdims=True))
    assert [one.name for one in data.preparation.columns] == ["semantic_tag", "sharpness"]
    assert "image_id (is named an id)" in str(data)


LIKERT = ["strongly disagree", "disagree", "neither", "agree", "strongly agree"]


def test_answers_on_a_likert_scale_need_their_order_once(tmp_path):
    answers = np.array(LIKERT, dtype=object)[RNG.integers(0, 5, (90, 3))]
    frame = pd.DataFrame(answers, columns=["I like it", "It is easy", "I will come again"])
    frame.insert(0, "Timestamp", pd.date_range("2024-03-01", periods=90, freq="7h"))
    frame.loc[4, "It is easy"] = None
    frame.to_csv(tmp_path / "survey.csv", index=False)
    with pytest.raises(ValueError, match=r"pass classes=\['agree', 'disagree', 'neither', "):
        table(tmp_path / "survey.csv", label="I will come again")
    data = table(tmp_path / "survey.csv", label="I will come again", classes=LIKERT)
    assert data.labels.tolist() == [LIKERT.index(one) for one in answers[:, 2]]
    assert "It is easy missing" in data.features
    assert {one.kind for one in data.preparation.columns} == {"date", "category"}


def test_codes_for_missing_values_are_pointed_out_and_taken_out_if_asked_for(tmp_path):
    rng = np.random.default_rng(0)
    truth = pd.DataFrame(
        {
            "age": rng.integers(18, 90, 120).astype(float),
            "income": rng.lognormal(3, 1, 120).round(2),
            "town": ["Ulm", *rng.choice(["Bonn", "Kiel"], 119)],
            "grade": rng.integers(1, 4, 120),
        }
    )
    gaps = truth.assign(age=truth["age"].mask(np.arange(120) % 20 == 0))
    codes = gaps.fillna({"age": -999})
    codes.to_csv(tmp_path / "codes.csv", sep=";", index=False)
    told = table(tmp_path / "codes.csv", label="grade")
    (note,) = [one for one in told.notes if "far from all others" in one]
    assert note.startswith("age holds -999 (6 rows)")
    assert note.endswith("missing=['age=-999'] takes it out")
    (note,) = [one for one in told.notes if "rows, from which little" in one]
    assert note.startswith("1 of 3 categories of town are in fewer than 5 rows")
    assert note.endswith(": 'Ulm'")
    expected = table(gaps, label="grade")
    for missing in ([-999], ["age=-999"], ["age=-999.0"]):
        read = table(tmp_path / "codes.csv", label="grade", missing=missing)
        assert torch.equal(read.inputs, expected.inputs)
        assert not [one for one in read.notes if "far from all others" in one]
    again = Preparation.from_dict(json.loads(json.dumps(read.preparation.to_dict())))
    assert np.array_equal(again.transform(codes), again.transform(gaps))
    for missing, words in (([-998], "which has no -998"), (["age=7"], "column 'age' of codes.csv")):
        with pytest.raises(ValueError, match=words):
            table(tmp_path / "codes.csv", label="grade", missing=missing)
    with pytest.raises(TypeError, match=r"missing must be a list of values, got -999"):
        table(tmp_path / "codes.csv", label="grade", missing=-999)


def test_tails_and_few_values_are_no_codes():
    rng = np.random.default_rng(0)
    for values in (rng.lognormal(0, 2, 500), rng.integers(0, 2, 500), rng.poisson(0.3, 500)):
        assert far_away(np.asarray(values, float)) == []
    two = np.array([1.0, 2, 3, 4, 5] * 20 + [98.0, 99, 99])
    assert far_away(two) == [(99.0, 2), (98.0, 1)]
