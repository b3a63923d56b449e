"""Disks that are full, folders that may not be written, clocks that go back."""

import json
import multiprocessing
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

from devtools.data_layouts import colours, jpeg, write
from emdviz.datasets import image_folder
from emdviz.experiments import Store, run
from tests.experiment_runs import begun, sleep, sleeper
from tests.optional import posix

ROOT = Path(__file__).parents[1]
linux = pytest.mark.skipif(sys.platform != "linux", reason="limits and users as Linux has them")

CHILD = """
import json, os, resource, signal, sys, warnings
from pathlib import Path
import emdviz.plots, emdviz.plots.style, torch
from emdviz import datasets, explorers, models, training
from emdviz.experiments import Store, run
from tests.experiment_runs import tiny
torch.set_num_threads(1)
warnings.simplefilter("ignore")
folder, told = Path(sys.argv[1]), {}
config = training.TrainConfig(epochs=2, batch_size=32, device="cpu")
faces = datasets.load("synthetic_faces", n=120, size=32)
def fit(where):
    model = models.small_cnn(8, seed=1)
    return [e.train_loss for e in training.fit(model, "EMD2", faces, config, folder=where)]
def attempt(name, call):
    try:
        told[name] = call()
    except Exception as error:
        told[name] = f"{type(error).__name__}: {error}"
def all_of_it(name, folder=folder):
    data = folder / "data"
    def notes():
        return list(datasets.load("image_folder", root=data, size=32).notes)
    def errors():
        return run([tiny("XE")], data / "store", progress=False)["error"].item()
    attempt(name + " cache", notes)
    attempt(name + " fit", lambda: fit(data / "fit"))
    attempt(name + " run", errors)
    attempt(name + " page", lambda: str(explorers.PredictionExplorer().save_html(data / "p.html")))
"""


def child(program, folder, environment=None):
    done = subprocess.run(
        [sys.executable, "-c", f"{CHILD}{program}\nprint(json.dumps(told))", str(folder)],
        cwd=ROOT,
        env=dict(os.environ) | (environment or {}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def folder():
    # outside of pytest's own folder, which other users may not enter
    with tempfile.TemporaryDirectory() as path:
        os.chmod(path, 0o755)
        yield filled(Path(path))


def filled(tmp_path):
    faces = {f"data/{c}/{k}.jpg": jpeg(colours(40 * c + k)) for c in range(3) for k in range(20)}
    write(tmp_path, faces)
    for path in tmp_path.rglob("*.jpg"):
        os.utime(path, ns=(10**18, 10**18))
    return tmp_path


def tree(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.slow
@linux
@posix
def test_a_full_disk_is_named_and_leaves_no_rest(folder):
    # no file may grow beyond this, as on a disk that is full
    told = child(
        """
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
all_of_it("full")
files = [p for p in folder.rglob("*") if p.is_file() and p.suffix not in (".jpg", ".txt")]
told["rest"] = sorted(p.name for p in files)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
all_of_it("later")
attempt("whole fit", lambda: fit(folder / "whole"))
""",
        folder,
    )
    assert re.fullmatch("nothing kept for the next .*: File too large", told["full cache"][-1])
    assert told["full fit"].startswith("OSError: [Errno 27] epoch 1 could not be kept in ")
    assert "File too large" in told["full run"]
    assert "File too large" in told["full page"]
    assert told["rest"] == []
    assert not any("nothing kept" in note for note in told["later cache"])
    assert told["later fit"] == told["whole fit"]
    assert told["later run"] == ""
    assert told["later page"].endswith("p.html")


@pytest.mark.slow
@linux
@posix
def test_without_a_home_and_with_data_that_may_only_be_read(folder):
    (folder / "file").write_text("no folder can be made in here")
    home = {name: str(folder / "file" / "home") for name in ("HOME", "XDG_CACHE_HOME")}
    before = tree(folder)
    told = child(
        """
import shutil
shutil.copytree(folder / "data", folder / "file.d" / "data")
all_of_it("once", folder / "file.d")  # imports all, which the other user may not
shutil.rmtree(folder / "file.d")
for path in (folder, *folder.rglob("*")):
    path.chmod(0o555)
if os.geteuid() == 0:  # who may write everywhere
    os.setgid(65534), os.setuid(65534)
all_of_it("read-only")
attempt("fit", lambda: len(fit(None)))
""",
        folder,
        home,
    )
    after = tree(folder)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755)
    assert told["read-only cache"][-1].startswith("nothing kept for the next start: ")
    assert "epoch 1 could not be kept in " in told["read-only fit"]
    assert "Permission" in told["read-only run"]
    assert "Permission" in told["read-only page"]
    assert told["fit"] == 2
    assert after == before


@pytest.mark.slow
@linux
def test_cache_and_runs_may_lie_on_another_file_system(folder):
    with tempfile.TemporaryDirectory(dir="/dev/shm") as other:
        if os.stat(other).st_dev == os.stat(folder).st_dev:
            pytest.skip("/dev/shm is on the file system of temporary files")
        for name in (".emdviz", "fit", "store"):
            (Path(other) / name).mkdir()
            (folder / "data" / name).symlink_to(Path(other) / name, target_is_directory=True)
        told = child("all_of_it('first'), all_of_it('again')", folder)
        there = tree(Path(other))
    assert not any("nothing kept" in note for note in told["first cache"] + told["again cache"])
    assert len(told["first fit"]) == 2
    assert (told["again fit"], told["again run"]) == (told["first fit"], "")
    assert ".emdviz/image_folder-32px.npy" in there
    assert "fit/history.json" in there
    assert any(name.startswith("store/") for name in there)


def read_again_and_again(root, expected, failed):
    for _ in range(12):
        (root / ".emdviz" / "image_folder-16px.npy").unlink(missing_ok=True)
        found = image_folder(root, size=16)
        kept = not any("nothing kept" in note for note in found.notes)
        if not kept or not np.array_equal(found.inputs, expected):
            failed.set()


@pytest.mark.slow
@linux
def test_two_programs_use_one_cache_at_once(folder):
    root, fork = folder / "data", multiprocessing.get_context("fork")
    expected, failed = image_folder(root, size=16, cache=False).inputs.numpy(), fork.Event()
    programs = [
        fork.Process(target=read_again_and_again, args=(root, expected, failed)) for _ in range(2)
    ]
    for program in programs:
        program.start()
    for program in programs:
        program.join()
    assert [program.exitcode for program in programs] == [0, 0]
    assert not failed.is_set()


def test_a_clock_that_was_set_back_changes_nothing(folder, tmp_path, monkeypatch):
    root = folder / "data"
    first = image_folder(root, size=16)
    spec, store = sleeper(3), Store(tmp_path / "store")
    run([spec], store, progress=False, train=sleep)
    for name in ("time", "time_ns"):
        now, year = getattr(time, name), 365 * 86400 * (1 if name == "time" else 10**9)
        monkeypatch.setattr(time, name, lambda now=now, year=year: now() - 2 * year)
    (root / "0" / "0.jpg").write_bytes(jpeg(colours(99)))  # which lies in the future now
    second = image_folder(root, size=16)
    assert not np.array_equal(first.inputs[0], second.inputs[0])
    np.testing.assert_array_equal(first.inputs[1:], second.inputs[1:])
    both = run([spec, sleeper(4)], store, progress=False, train=sleep)
    assert both["error"].tolist() == ["", ""]
    assert begun(store, spec) == 1
