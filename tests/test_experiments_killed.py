"""Runs on several workers, some of which are killed, and programs that share a store."""

import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import forkserver
from pathlib import Path

import pandas as pd
import pytest
import torch

from emdviz import datasets
from emdviz.experiments import Store, claims, results, run
from emdviz.training import Run
from tests.experiment_runs import (
    begun,
    drive,
    drive_at_once,
    kill_if_odd,
    my_loss,
    my_network,
    numbers,
    sleep,
    sleep_long,
    sleeper,
    tiny,
)
from tests.optional import posix

distributed = pytest.importorskip(
    "distributed", reason="distributed is not installed: pip install -e '.[cluster]'"
)
pytestmark = [pytest.mark.slow, posix]

GRID = [tiny(loss, seed) for loss in ("XE", "REG") for seed in (0, 1)]
KILLS = int(os.environ.get("EMDVIZ_KILLS", 4))

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    ["tests.experiment_runs", "distributed", "pandas", "scipy.stats", "sklearn.metrics"]
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What a program that nobody stops finds, and the seconds that it takes."""
    folder = tmp_path_factory.mktemp("whole")
    start([], folder).join()  # the first one waits for all imports
    begin = time.perf_counter()
    program = start(GRID, folder)
    program.join()
    assert program.exitcode == 0
    return numbers(results(folder)), time.perf_counter() - begin


@pytest.fixture(scope="module")
def client():
    options = {"n_workers": 2, "threads_per_worker": 1, "resources": {"GPU": 1}}
    forkserver.ensure_running()
    with (
        distributed.LocalCluster(**options, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def owner(store, spec):
    """Wait until a process works on a run; return its claim and its number."""
    for _ in range(30_000):
        for path in store.state(spec).glob("claim.*"):
            if text := path.read_text():
                return path, json.loads(text)["process"]
        time.sleep(0.01)
    raise AssertionError(f"nobody began {spec.id}")


def start(*arguments, target=drive):
    program = CONTEXT.Process(target=target, args=arguments)
    program.start()
    return program


def test_workers_give_weighted_custom_runs_the_same_result(tmp_path):
    options = {"weight": "balanced"}
    (tmp_path / "mine.py").write_text("from tests.experiment_runs import my_network as net")
    networks = my_network, f"{tmp_path}/mine.py:net"  # of a module, and of a file
    own = {"loss": my_loss, "loss_options": options}
    specs = [replace(tiny("XE", k), network=one, **own) for k, one in enumerate(networks)]
    frame = run(specs, tmp_path / "runs", workers=2, progress=False)
    assert frame["error"].tolist() == ["", ""]
    faces, store = datasets.load("synthetic_faces", n=120, size=32), Store(tmp_path / "runs")
    for number, spec in enumerate(specs):
        plain = Run(my_network, my_loss, faces, spec.config, loss_options=options)
        *_, last = plain
        kept = store.weights(spec)
        assert kept.keys() == plain.model.state_dict().keys()
        assert all(torch.equal(kept[name], one) for name, one in plain.model.state_dict().items())
        assert store.history(spec)[-1].metrics == last.metrics
        _, measured = plain.evaluate("test")
        assert [frame[f"test {name}"][number] for name in measured] == list(measured.values())
    unweighted = Run(my_network, my_loss, faces, spec.config)
    list(unweighted)
    assert unweighted.evaluate("test")[1]["RPS"] != measured["RPS"]


def test_a_cluster_finds_networks_of_torchvision(tmp_path, client):
    spec = replace(tiny("XE", epochs=1), network="torchvision:shufflenet_v2_x0_5")
    frame = run([spec], tmp_path, executor=client.get_executor(), progress=False)
    assert frame["error"].tolist() == [""]
    weights = Store(tmp_path).weights(spec)
    assert {"standardise.mean", "network.fc.weight"} <= weights.keys()


def test_workers_give_the_numbers_of_one_process(whole, tmp_path):
    frame = run(GRID, tmp_path, workers=2, progress=False)
    pd.testing.assert_frame_equal(numbers(frame), whole[0])
    again = run(GRID, tmp_path, workers=2, progress=False, train=None)  # starts none
    pd.testing.assert_frame_equal(again, frame)


def test_dask_gives_the_numbers_of_one_process(whole, tmp_path, client):
    told = []
    frame = run(
        [*GRID, GRID[0]],
        tmp_path,
        executor=client.get_executor(),
        progress=False,
        on_result=lambda spec, row: told.append(len(results(tmp_path))),
    )
    pd.testing.assert_frame_equal(numbers(frame), whole[0])
    assert len(told) == len(GRID)
    assert told[0] < len(GRID), "results come only when all are there"


def test_a_worker_of_dask_that_is_killed_costs_its_run_only(tmp_path, client):
    specs, store = [sleeper(seed, epochs=60) for seed in range(6)], Store(tmp_path)
    killed = []

    def kill_one(spec, row):
        if not killed:
            # the other worker's, which may just have ended, too: then at the next result
            for left in [s for s in specs if begun(store, s) and not store.row(s)][:1]:
                claim, process = owner(store, left)
                os.kill(process, signal.SIGKILL)
                while claims.is_alive(claim):
                    time.sleep(0.01)
                if not store.row(left):
                    killed.append(left)

    one_each = client.get_executor(resources={"GPU": 1})
    frame = run(specs, store, executor=one_each, progress=False, train=sleep, on_result=kill_one)
    assert (frame["error"] == "").all()
    assert frame["valid RPS"].tolist() == [seed / 7 for seed in range(6)]
    again = [spec for spec in specs if begun(store, spec) > 1]
    assert again == killed != []


def test_a_run_that_kills_its_worker_is_reported_and_the_rest_goes_on(tmp_path):
    specs, store = [sleeper(seed) for seed in (0, 1, 2, 4)], Store(tmp_path)
    with pytest.warns(UserWarning, match="1 of 4 runs have no result.*its worker died 4 times"):
        frame = run(specs, store, workers=2, progress=False, train=kill_if_odd)
    assert (frame["error"] == "").tolist() == [True, False, True, True]
    # a run that was handed to a worker which was dying already has not begun there
    counts = [begun(store, spec) for spec in specs]
    assert 2 < counts.pop(1) <= 4
    assert counts == [1] * 3
    frame = run(specs, store, progress=False, train=sleep)
    assert (frame["error"] == "").all()


def test_a_broken_executor_loses_no_finished_run(tmp_path):
    specs, store = [sleeper(seed) for seed in (0, 1, 2, 4)], Store(tmp_path)
    with (
        ProcessPoolExecutor(2, mp_context=CONTEXT) as pool,
        pytest.warns(UserWarning, match="its worker or executor broke; run it again"),
    ):
        frame = run(specs, store, executor=pool, progress=False, train=kill_if_odd)
    done = frame["error"] == ""
    assert not done[1]
    # a worker may finish a run after its executor broke
    assert {*frame["id"][done]} <= {*results(store)["id"]}
    with ProcessPoolExecutor(2, mp_context=CONTEXT) as pool:
        frame = run(specs, store, executor=pool, progress=False, train=sleep)
    assert (frame["error"] == "").all()
    assert all(begun(store, spec) <= 2 for spec in specs)


def test_a_program_killed_at_any_moment_goes_on_where_it_was(whole, tmp_path):
    expected, seconds = whole
    expected = expected.set_index("id")
    moments, folder, kill, finished = random.Random(0), tmp_path / "0", 0, 0
    while kill < KILLS or not finished:
        kill += 1
        if kill > KILLS:
            seconds *= 1.5  # the machine has become busier since they were measured
        program = start(GRID, folder)
        program.join(moments.uniform(0, seconds / 2))
        program.kill()
        program.join()
        held = numbers(results(folder)) if folder.exists() else []
        finished = max(finished, len(held))
        if len(held):
            same = expected.loc[held["id"]].reset_index()
            pd.testing.assert_frame_equal(held, same[held.columns])
        if len(held) == len(GRID):
            folder = tmp_path / str(kill)
    pd.testing.assert_frame_equal(numbers(run(GRID, folder, progress=False)), whole[0])
    left = [path for path in folder.rglob("*") if path.name.startswith((".", "claim", "result-"))]
    assert not left


def test_the_workers_of_a_killed_program_end_and_another_takes_over(tmp_path):
    specs, store = [sleeper(seed) for seed in range(2)], Store(tmp_path)
    program = start(specs, tmp_path, sleep_long, 2)
    taken = [owner(store, spec)[0] for spec in specs]
    while not all(begun(store, spec) for spec in specs):
        time.sleep(0.01)
    program.kill()
    program.join()
    for _ in range(1000):  # Dask's workers see within moments that their program has ended
        if not any(map(claims.is_alive, taken)):
            break
        time.sleep(0.01)
    frame = run(specs, store, progress=False, train=sleep)
    assert (frame["error"] == "").all()
    assert [begun(store, spec) for spec in specs] == [2, 2]


def test_two_programs_on_one_store_do_every_run_once(tmp_path):
    specs, store = [sleeper(seed, epochs=4) for seed in range(12)], Store(tmp_path)
    programs = [start(some, tmp_path, sleep) for some in (specs, specs[6:] + specs[:6])]
    for program in programs:
        program.join()
    assert [program.exitcode for program in programs] == [0, 0]
    assert [begun(store, spec) for spec in specs] == [1] * 12
    assert len(results(store)) == 12


def test_two_programs_that_train_two_at_once_do_every_run_once(whole, tmp_path):
    store = Store(tmp_path)
    programs = [start(some, tmp_path, target=drive_at_once) for some in (GRID, GRID[::-1])]
    for program in programs:
        program.join()
    assert [program.exitcode for program in programs] == [0, 0]
    assert [begun(store, spec) for spec in GRID] == [2] * 4  # an epoch each time
    pd.testing.assert_frame_equal(numbers(results(store)), whole[0])


def script(folder, *lines):
    """Run a script of these lines in a folder."""
    (folder / "script.py").write_text("\n".join(lines))
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    options = {"capture_output": True, "text": True, "check": False}
    return subprocess.run([sys.executable, "script.py"], cwd=folder, env=environment, **options)


def test_a_script_without_a_guard_is_shown_it_in_one_line(tmp_path):
    done = script(
        tmp_path,
        "from emdviz.experiments import RunSpec, run",
        'run([RunSpec("digits")], "runs", workers=2)',
    )
    assert done.returncode == 1
    assert done.stderr.count("Traceback") == 1
    assert done.stderr.splitlines()[-1].startswith(
        "RuntimeError: workers import the script again: put what starts them under "
        '`if __name__ == "__main__":` (line 2 of '
    )
    done = script(
        tmp_path,
        "from emdviz.experiments import RunSpec, run, work",
        "from tests.experiment_runs import sleep",
        'if __name__ == "__main__":',
        '    run([RunSpec("digits")], "runs", workers=2, progress=False, train=sleep)',
    )
    assert (done.returncode, done.stderr) == (0, "")
