"""Choosing by validation, and claims on runs."""

import errno
import io
import json
import os
import threading

import numpy as np
import pandas as pd
import pytest

from emdviz.experiments import claims, select

RATES = (0.1, 0.01, 0.001)


def grid(losses=("XE", "REG"), folds=range(3), seed=0):
    """A table as ``results`` returns it, with random numbers."""
    random = np.random.default_rng(seed)
    rows = [
        {
            "id": f"{loss}-{rate}-{fold}-{lam}",
            "dataset": "adience",
            "fold": fold,
            "weights": None,
            "loss": loss,
            "loss lam": lam,
            "learning_rate": rate,
            "seed": 0,
            "error": "",
            "seconds": random.random(),
            "finished": None,
            "host": "here",
            **{f"{split} {m}": random.random() for split in ("valid", "test") for m in METRICS},
        }
        for loss in losses
        for lam in ((0.1, 1.0) if loss == "AEMD" else (np.nan,))
        for rate in RATES
        for fold in folds
    ]
    return pd.DataFrame(rows).sample(frac=1, random_state=seed)


METRICS = ("RPS", "AEM")


@pytest.mark.parametrize(("by", "best"), [("valid RPS", min), ("valid AEM", max)])
def test_the_choice_is_that_of_a_loop_over_all(by, best):
    frame = grid(("XE", "REG", "AEMD"))
    chosen = select(frame, by)
    for loss in ("XE", "REG", "AEMD"):
        rows = [row for row in frame.to_dict("records") if row["loss"] == loss]
        means = {}
        for row in rows:
            key = row["learning_rate"], str(row["loss lam"])
            means[key] = [*means.get(key, []), row[by]]
        means = {key: sum(values) / len(values) for key, values in means.items()}
        picked = chosen[chosen["loss"] == loss]
        assert len(picked) == 3
        assert sorted(picked["fold"]) == [0, 1, 2]
        pairs = zip(picked["learning_rate"], map(str, picked["loss lam"]), strict=True)
        assert set(pairs) == {best(means, key=means.get)}


def test_of_a_table_read_back_from_csv_the_same_is_chosen():
    frame = grid()
    back = pd.read_csv(io.StringIO(frame.to_csv(index=False)))
    assert select(back)["id"].tolist() == select(frame)["id"].tolist()


def test_the_test_split_has_no_say():
    frame = grid()
    poisoned = frame.copy()
    for name in (name for name in frame if name.startswith("test ")):
        poisoned[name] = -poisoned["valid RPS"] * 100
    chosen = select(frame)["id"].tolist()
    assert select(poisoned)["id"].tolist() == chosen
    without = frame.drop(columns=["test RPS", "test AEM"])
    assert select(without)["id"].tolist() == chosen
    with pytest.raises(ValueError, match="looks better there than it is; got 'test AEM'"):
        select(frame, "test AEM")


def test_each_fold_may_choose_by_itself():
    frame = grid(("XE",))
    chosen = select(frame, across=("seed",)).set_index("fold")
    for fold in range(3):
        rows = frame[frame["fold"] == fold]
        assert chosen.loc[fold, "id"] == rows.loc[rows["valid RPS"].idxmin(), "id"]


def test_a_rate_that_failed_in_a_fold_is_not_chosen():
    frame = grid(("XE",))
    best = select(frame)["learning_rate"].iloc[0]
    lost = (frame["learning_rate"] == best) & (frame["fold"] == 1)
    failed = frame.assign(error=np.where(lost, "the loss is nan", ""))
    failed.loc[lost, ["valid RPS", "test RPS"]] = np.nan
    rate = select(failed)["learning_rate"].unique()
    assert len(rate) == 1
    assert rate[0] != best
    with pytest.raises(ValueError, match="lacks 'rate'"):
        select(frame, over=["rate"])


def test_other_differences_are_not_averaged_away():
    long, short = grid(("XE",)).assign(epochs=8), grid(("XE",), seed=1).assign(epochs=2)
    both = select(pd.concat([long, short]))
    assert sorted(both["epochs"]) == [2] * 3 + [8] * 3
    pd.testing.assert_frame_equal(both[both["epochs"] == 8], select(long))


def test_a_living_process_keeps_its_claim(tmp_path):
    mine, other = claims.Claim(tmp_path), claims.Claim(tmp_path)
    assert mine.take()
    assert not other.take()
    mine.release()
    assert other.take()
    mine.release()  # a second time: it is the other's now
    assert other.is_held()
    other.release()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "lapsed"),
    [
        ({}, False),
        ({"process": 2**22 + 1}, True),
        ({"started": "1"}, True),
        ({"host": "another"}, False),
        ({"host": "another", "age": claims.LAPSE + 60}, True),
        ({"age": claims.LAPSE + 60}, True),
        ({"text": ""}, False),
        ({"text": "[3]", "age": claims.LAPSE + 60}, True),
    ],
)
def test_a_claim_lapses_with_its_process(tmp_path, change, lapsed):
    path = tmp_path / "claim.3"
    owner = {"token": "0", "host": claims._host(), "process": os.getpid()}
    owner["started"] = claims._started(os.getpid())
    path.write_text(change.get("text", json.dumps(owner | change)))
    if "age" in change:
        seen = path.stat().st_mtime - change["age"]
        os.utime(path, (seen, seen))
    claim = claims.Claim(tmp_path)
    assert claim.take() == lapsed
    assert claim.is_held() == lapsed
    names = [path.name for path in tmp_path.iterdir()]
    assert names == ["claim.4" if lapsed else "claim.3"]
    claim.release()


@pytest.mark.slow
@pytest.mark.parametrize("before", ["nothing", "a dead process"])
def test_of_many_rivals_one_gets_the_claim(tmp_path, before):
    for turn in range(30):
        folder = tmp_path / str(turn)
        folder.mkdir()
        if before == "a dead process":
            dead = {"host": claims._host(), "process": 2**22 + 1, "started": "1"}
            (folder / "claim.0").write_text(json.dumps(dead))
        rivals = [claims.Claim(folder) for _ in range(8)]
        start, won = threading.Barrier(8), []

        def compete(claim, start=start, won=won):
            start.wait()
            if claim.take():
                won.append(claim)

        threads = [threading.Thread(target=compete, args=(claim,)) for claim in rivals]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(won) <= 1, "two have one claim"
        assert won or rivals[0].take(), "nobody can get it"
        (won or rivals)[0].release()
        assert not list(folder.iterdir())


def test_a_second_claim_made_at_the_same_time_is_withdrawn(tmp_path, monkeypatch):
    first, late = claims.Claim(tmp_path), claims.Claim(tmp_path)
    make = os.open

    def open_late(*arguments):
        file = make(*arguments)
        (tmp_path / "claim.1").write_text(late._text)  # of a process that had seen claim.0
        return file

    monkeypatch.setattr(claims.os, "open", open_late)
    assert not first.take()
    assert [path.name for path in tmp_path.iterdir()] == ["claim.1"]


def test_a_claim_that_cannot_be_filled_is_not_left_behind(tmp_path, monkeypatch):
    claim = claims.Claim(tmp_path)

    def full(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(claims, "open", full, raising=False)
        with pytest.raises(OSError, match="No space left"):
            claim.take()
    assert not list(tmp_path.iterdir())
    assert claim.take()
    claim.release()


def test_a_process_renews_its_claim(tmp_path, monkeypatch):
    monkeypatch.setattr(claims, "HEARTBEAT", 0.01)
    claim = claims.Claim(tmp_path)
    assert claim.take()
    os.utime(claim.path, (0, 0))
    for _ in range(1000):
        if claim.path.stat().st_mtime:
            break
        threading.Event().wait(0.01)
    assert claim.path.stat().st_mtime > 0
    claim.release()
