"""What is chosen by validation, and who owns a run."""

import errno
import io
import json
import os
import threading

import numpy as np
import pandas as pd
import pytest

from emdviz.experiments import locks, select, workers

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


def test_a_living_owner_keeps_its_lock(tmp_path):
    mine, other = locks.Lock(tmp_path / "lock"), locks.Lock(tmp_path / "lock")
    assert mine.acquire()
    assert not other.acquire()
    assert not other.reclaim()
    mine.release()
    assert other.acquire()
    mine.release()  # a second time: it is the other's now
    assert other.held()
    other.release()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "dead"),
    [
        ({}, False),
        ({"pid": 2**22 + 1}, True),
        ({"started": "1"}, True),
        ({"machine": "another"}, False),
        ({"machine": "another", "age": locks.STALE + 60}, True),
        ({"age": locks.STALE + 60}, True),
        ({"text": ""}, False),
        ({"text": "[3]", "age": locks.STALE + 60}, True),
    ],
)
def test_the_lock_of_a_dead_owner_is_taken_over(tmp_path, change, dead):
    path = tmp_path / "lock"
    owner = {"token": "0", "machine": locks._machine(), "pid": os.getpid()}
    owner["started"] = locks._state(os.getpid())[1]
    path.write_text(change.get("text", json.dumps(owner | change)))
    if "age" in change:
        seen = path.stat().st_mtime - change["age"]
        os.utime(path, (seen, seen))
    lock = locks.Lock(path)
    assert lock.acquire() == dead
    if dead:
        assert lock.held()
        lock.release()


def test_of_many_that_find_a_dead_owner_one_takes_over(tmp_path):
    for turn in range(30):
        path = tmp_path / str(turn)
        path.write_text(json.dumps({"machine": locks._machine(), "pid": 2**22 + 1}))
        rivals = [locks.Lock(path) for _ in range(8)]
        start, won = threading.Barrier(8), []

        def compete(lock, start=start, won=won):
            start.wait()
            if lock.acquire():
                won.append(lock)

        threads = [threading.Thread(target=compete, args=(lock,)) for lock in rivals]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(won) <= 1, "two own one lock"
        assert won or rivals[0].acquire(), "nobody can own it"
        (won or rivals)[0].release()


def test_a_lock_that_cannot_be_filled_is_not_left_behind(tmp_path, monkeypatch):
    def full(owner):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    lock = locks.Lock(tmp_path / "lock")
    with monkeypatch.context() as patch:
        patch.setattr(locks.json, "dumps", full)
        with pytest.raises(OSError, match="No space left"):
            lock.acquire()
    assert not list(tmp_path.iterdir())
    assert lock.acquire()
    lock.release()


def test_a_worker_that_is_told_to_end_does_so_whatever_its_lock_does(monkeypatch):
    class Stuck:
        def release(self):
            raise OSError("the file system is gone")

    ended = []
    monkeypatch.setattr(workers.os, "_exit", ended.append)
    stop = workers.Stop()
    stop.owned.add(Stuck())
    with pytest.raises(OSError, match="gone"):  # for here os._exit returns
        stop.told(15, None)
    assert ended == [128 + 15]


def test_an_owner_gives_signs_of_life(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "BEAT", 0.01)
    path = tmp_path / "lock"
    lock = locks.Lock(path)
    assert lock.acquire()
    os.utime(path, (0, 0))
    for _ in range(1000):
        if path.stat().st_mtime:
            break
        threading.Event().wait(0.01)
    assert path.stat().st_mtime > 0
    lock.release()
