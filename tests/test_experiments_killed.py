"""Runs on several workers, some of which are killed, and programs that share a store."""

import functools
import multiprocessing
import os
import random
import signal
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import forkserver

import pandas as pd
import pytest

from emdviz.experiments import Store, locks, results, run
from emdviz.experiments.workers import prepare_process, processes
from tests.experiment_runs import (
    begun,
    drive,
    kill_if_odd,
    numbers,
    sleep,
    sleeper,
    tiny,
    work_for_ever,
)

GRID = [tiny(loss, seed) for loss in ("XE", "REG") for seed in (0, 1)]
KILLS = int(os.environ.get("EMDVIZ_KILLS", 6))

# its processes have imported everything before they are born
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    ["tests.experiment_runs", "pandas", "scipy.stats", "sklearn.metrics"]
)
POOL = functools.partial(
    ProcessPoolExecutor, 2, mp_context=CONTEXT, initializer=prepare_process, initargs=(1,)
)
FORKED = functools.partial(
    ProcessPoolExecutor,
    2,
    mp_context=multiprocessing.get_context("fork"),
    initializer=prepare_process,
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
    reason = "distributed is not installed: pip install -e '.[cluster]'"
    dask, distributed = (pytest.importorskip(n, reason=reason) for n in ("dask", "distributed"))
    options = {"n_workers": 2, "threads_per_worker": 1, "resources": {"GPU": 1}}
    forkserver.ensure_running()
    with (
        dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"}),
        distributed.LocalCluster(**options, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def owner(store, spec):
    """Wait until a worker is at a run; return what its lock says."""
    for _ in range(6000):
        found = locks.read_owner(store.folder(spec) / "lock")
        if found and "pid" in found:
            return found
        time.sleep(0.01)
    raise AssertionError(f"nobody began {spec.id}")


def start(*arguments):
    program = CONTEXT.Process(target=drive, args=arguments)
    program.start()
    return program


def test_a_pool_gives_the_numbers_of_one_process(whole, tmp_path):
    frame = run(GRID, tmp_path, POOL, progress=False)
    pd.testing.assert_frame_equal(numbers(frame), whole[0])
    assert processes(3, threads=2)()._max_workers == 3


def test_dask_gives_the_numbers_of_one_process(whole, tmp_path, client):
    told = []
    frame = run(
        [*GRID, GRID[0]],
        tmp_path,
        client.get_executor(),
        progress=False,
        on_result=lambda spec, row: told.append(len(results(tmp_path))),
    )
    pd.testing.assert_frame_equal(numbers(frame), whole[0])
    assert len(told) == len(GRID)
    assert told[0] < len(GRID), "results come only when all are there"


def test_a_worker_of_dask_that_is_killed_costs_its_run_only(tmp_path, client):
    specs, store = [sleeper(seed, epochs=30) for seed in range(6)], Store(tmp_path)
    killed = []

    def kill_one(spec, row):
        if not killed:
            # the other worker's, which may just have ended, too: then at the next result
            for left in [s for s in specs if begun(store, s) and not store.row(s)][:1]:
                killed.append(left)
                os.kill(owner(store, left)["pid"], signal.SIGKILL)

    one_each = client.get_executor(resources={"GPU": 1})
    frame = run(specs, store, one_each, progress=False, train=sleep, on_result=kill_one)
    assert (frame["error"] == "").all()
    assert frame["valid RPS"].tolist() == [seed / 7 for seed in range(6)]
    again = [spec for spec in specs if begun(store, spec) > 1]
    assert again == killed


def test_a_run_that_kills_its_worker_is_reported_and_the_rest_goes_on(tmp_path):
    specs, store = [sleeper(seed) for seed in range(6)], Store(tmp_path)
    with pytest.warns(UserWarning, match="3 of 6 runs have no result.*its worker died 2 times"):
        frame = run(specs, store, POOL, progress=False, train=kill_if_odd)
    assert (frame["error"] == "").tolist() == [True, False] * 3
    # one that dies while the pool is being ended for another's sake may not come to note it
    counts = [begun(store, spec) for spec in specs[1::2]]
    assert all(1 <= count <= 2 for count in counts)
    assert 2 in counts
    frame = run(specs, store, progress=False, train=sleep)
    assert (frame["error"] == "").all()


def test_a_pool_that_cannot_be_made_anew_loses_nothing_finished(tmp_path):
    specs, store = [sleeper(seed) for seed in (0, 1, 2, 4)], Store(tmp_path)
    with POOL() as pool, pytest.warns(UserWarning, match="run again with another, or give a fun"):
        frame = run(specs, store, pool, progress=False, train=kill_if_odd)
    done = frame["error"] == ""
    assert not done[1]
    assert sorted(results(store)["id"]) == sorted(frame["id"][done])
    with POOL() as pool:
        frame = run(specs, store, pool, progress=False, train=sleep)
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
    assert not list(folder.rglob(".*")), "something half-written was left"


def test_the_workers_of_a_killed_program_end_and_another_takes_over(tmp_path):
    specs, store = [sleeper(seed, epochs=200) for seed in range(2)], Store(tmp_path)
    program = start(specs, tmp_path, sleep, FORKED)
    workers = [owner(store, spec) for spec in specs]
    program.kill()
    program.join()
    frame = run(specs, store, progress=False, train=sleep)
    assert (frame["error"] == "").all()
    assert [begun(store, spec) for spec in specs] == [2, 2]
    assert all(locks.is_dead(worker) for worker in workers)


def test_two_programs_on_one_store_do_every_run_once(tmp_path):
    specs, store = [sleeper(seed, epochs=4) for seed in range(12)], Store(tmp_path)
    programs = [start(some, tmp_path, sleep) for some in (specs, specs[6:] + specs[:6])]
    for program in programs:
        program.join()
    assert [program.exitcode for program in programs] == [0, 0]
    assert [begun(store, spec) for spec in specs] == [1] * 12
    assert len(results(store)) == 12


def test_a_worker_that_is_told_to_stop_at_any_moment_ends_and_lets_go(tmp_path):
    fork, moments, store = multiprocessing.get_context("fork"), random.Random(0), Store(tmp_path)
    for _ in range(40):
        ready = fork.Event()
        worker = fork.Process(target=work_for_ever, args=(sleeper(0), tmp_path, ready))
        worker.start()
        assert ready.wait(60)
        time.sleep(moments.uniform(0, 0.02))
        worker.terminate()
        worker.join(60)
        assert worker.exitcode == 128 + signal.SIGTERM
        assert not (store.folder(sleeper(0)) / "lock").exists()
