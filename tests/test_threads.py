"""Threads that sleep while they wait, and no more of them than a machine has left."""

import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from emdviz import _threads, datasets
from emdviz.training import Run, TrainConfig
from emdviz.training.data import TrainingData

PROGRAM = """
import json, os, sys
import emdviz
assert "torch" not in sys.modules
print(json.dumps({name: value for name, value in os.environ.items() if name.startswith("OMP_")}))
"""


def variables(**environment):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OMP_")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=kept | environment, capture_output=True, check=True
    )
    return json.loads(done.stdout)


def test_threads_are_set_to_sleep_before_torch_is_loaded():
    assert variables()["OMP_WAIT_POLICY"] == "PASSIVE"
    assert variables(OMP_WAIT_POLICY="ACTIVE")["OMP_WAIT_POLICY"] == "ACTIVE"


@pytest.mark.parametrize(
    ("text", "cores"),
    [("200000 100000", 2), ("50000 100000", 1), ("350000 100000", 4), ("max 100000", None)],
)
def test_the_limit_of_a_container_is_its_share_of_cores(tmp_path, text, cores):
    (tmp_path / "cpu.max").write_text(text + "\n")
    assert _threads.limit(tmp_path / "cpu.max") == cores


def test_openmp_gets_the_limit(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(_threads, "limit", lambda: 2)
    _threads.let_threads_sleep()
    assert os.environ["OMP_NUM_THREADS"] == "2"
    monkeypatch.setattr(_threads, "limit", lambda: 3)
    _threads.let_threads_sleep()
    assert os.environ["OMP_NUM_THREADS"] == "2"  # what is said already stays
    monkeypatch.delenv("OMP_NUM_THREADS")


class TestIdleCores:
    """Four cores; clocks that the test sets."""

    @pytest.fixture(autouse=True)
    def clocks(self, monkeypatch, tmp_path):
        self.path, self.now, self.own, self.all = tmp_path / "stat", 100.0, 5.0, 1000.0
        monkeypatch.setattr(os, "cpu_count", lambda: 4)
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.setattr(time, "process_time", lambda: self.own)
        monkeypatch.setattr(time, "sleep", lambda seconds: self.spend(seconds, 0, self.others))
        self.others = 0
        self.spend(0, 0, 0)

    def spend(self, seconds, own, others):
        """Let time pass, with so many cores used by this program and by others."""
        self.now += seconds
        self.own += own * seconds
        self.all += (own + others) * seconds
        ticks = round(self.all * os.sysconf("SC_CLK_TCK"))
        # user, nice, system, idle, iowait, irq, softirq, steal, guest
        self.path.write_text(f"cpu  {ticks - 40} 5 20 99999 777 7 8 500 3 0\ncpu0 1 2 3\n")

    def idle(self):
        return _threads.idle_cores(self.path)

    @pytest.mark.parametrize(("others", "idle"), [(0, 4), (0.4, 4), (1, 3), (2.9, 1), (4, 0)])
    def test_are_those_that_others_left_since_the_last_call(self, others, idle):
        self.idle()
        self.spend(10, 2, others)
        assert self.idle() == idle

    def test_a_short_burst_counts_little(self):
        self.idle()
        self.spend(4.8, 1, 0.1)
        self.spend(0.2, 1, 2)
        assert self.idle() == 4

    def test_old_news_do_not_count(self):
        self.idle()
        self.spend(3600, 0, 0)
        self.others = 3
        assert self.idle() == 1
        assert self.idle() == 1  # told at once
        self.own = 0  # as in a process that was forked
        self.spend(1, 0, 0)
        assert self.idle() == 1

    def test_nothing_gives_the_label_away(self):
        self.path.write_text("nothing of the kind")
        assert self.idle() is None
        assert _threads.idle_cores(self.path.parent / "none") is None


class TestRuns:
    @pytest.fixture(autouse=True)
    def four_threads(self, monkeypatch):
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
        before = torch.get_num_threads()
        torch.set_num_threads(4)
        yield
        torch.set_num_threads(before)

    def data(self):
        x = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
        return datasets.from_arrays(x, (x[:, 0] > 0).astype(int))

    @pytest.mark.parametrize(
        ("idle", "threads"), [(64, 4), (4, 4), (3, 3), (1, 1), (-7, 1), (None, 4)]
    )
    def test_take_what_others_leave(self, monkeypatch, idle, threads):
        monkeypatch.setattr(_threads, "idle_cores", lambda: idle)
        assert TrainingData(self.data(), "cpu").threads == threads

    def test_take_what_the_user_says(self, monkeypatch):
        monkeypatch.setattr(_threads, "idle_cores", lambda: 1)
        monkeypatch.setenv("OMP_NUM_THREADS", "4")
        assert TrainingData(self.data(), "cpu").threads == 4

    def test_go_on_with_the_threads_that_they_began_with(self, monkeypatch, tmp_path):
        config = TrainConfig(epochs=3, batch_size=10, device="cpu")
        seen = []

        def watch(outputs, targets):
            seen.append(torch.get_num_threads())
            return torch.nn.functional.cross_entropy(outputs, targets)

        def run():
            return Run("linear", watch, self.data(), config, folder=tmp_path)

        monkeypatch.setattr(_threads, "idle_cores", lambda: 3)
        next(iter(run()))
        monkeypatch.setattr(_threads, "idle_cores", lambda: 64)
        went_on = run()
        seen.clear()
        list(went_on)
        assert went_on.threads == 3
        assert 3 in seen
        assert torch.get_num_threads() == 4
        assert set(seen[: went_on.steps]) == {3}
