"""The whole way of a thesis: photographs, two machines, a table in LaTeX, and new photographs."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from emdviz import datasets, experiments, training
from emdviz.cli import app

ROOT = Path(__file__).parents[1]
GRADES = ("none", "mild", "severe")  # in an order that is not that of the alphabet
STUDY = (
    "run", "table1", "--quick", "--dataset=image_folder", "--classes=none,mild,severe", "--size=32",
    "--networks=small_cnn", "--rates=0.05", "--epochs=1", "--device=cpu", "--quiet",
)  # fmt: skip


def take(folder, faces, each):
    """Save faces as photographs in a folder of each grade, under the names of a camera."""
    for grade, (low, high) in zip(GRADES, ((0, 2), (3, 4), (5, 7)), strict=True):
        chosen = [k for k, label in enumerate(faces.labels.tolist()) if low <= label <= high]
        (folder / grade).mkdir(parents=True)
        for k in chosen[:each]:
            pixels = faces.inputs[k].permute(1, 2, 0).numpy()
            name = f"IMG_202{k % 6}0{k % 9 + 1}1{k % 10}_{100000 + 37 * k}.jpg"
            Image.fromarray(pixels).save(folder / grade / name, quality=95)
    return folder


def call(*arguments, code=0):
    done = CliRunner().invoke(app, [str(one) for one in arguments], catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done


def ended(store):
    return sorted(path.parent.name for path in store.glob("*/result.json"))


def kill_after_the_first_run(arguments, store):
    """Start a program, and kill it as soon as one of its runs has ended."""
    command = [sys.executable, "-m", "emdviz", *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as program:
        end = time.monotonic() + 120
        while not ended(store) and program.poll() is None and time.monotonic() < end:
            time.sleep(0.02)
        program.kill()
    return ended(store)


@pytest.mark.slow
def test_from_photographs_to_a_table_and_new_photographs(tmp_path):
    faces = datasets.load("synthetic_faces", n=260, size=32)
    here = take(tmp_path / "workstation" / "graded eyes", faces, 24)
    there = tmp_path / "cluster" / "scratch" / "eyes"
    shutil.copytree(here, there)
    stores = tmp_path / "runs here", tmp_path / "runs there"

    first = (*STUDY, "--data", here, "--losses=XE,EMD2", "--folds=0,1", "--store", stores[0])
    finished = kill_after_the_first_run(first, stores[0])
    assert 1 <= len(finished) < 4, "it was to be killed between its runs"
    kept = {one: (stores[0] / one / "result.json").read_bytes() for one in finished}
    assert "4 of 4 runs finished" in call(*first).stdout
    assert len(ended(stores[0])) == 4
    for one, result in kept.items():
        assert (stores[0] / one / "result.json").read_bytes() == result, "nothing is done twice"

    # on the cluster: another loss and another split, with what is there already
    shutil.copytree(stores[0], stores[1])
    more = (*STUDY, "--data", there, "--losses=XE,EMD2,REG", "--folds=0,1,2", "--store", stores[1])
    before = {one: (stores[1] / one / "result.json").read_bytes() for one in ended(stores[1])}
    assert "9 of 9 runs finished" in call(*more).stdout
    assert len(ended(stores[1])) == 9, "the same photographs elsewhere are the same runs"
    for one, result in before.items():
        assert (stores[1] / one / "result.json").read_bytes() == result

    # back home, joined
    for one in set(ended(stores[1])) - set(ended(stores[0])):
        shutil.copytree(stores[1] / one, stores[0] / one)
    told = call("results", "--store", stores[0], "--dataset=image_folder").stdout
    assert "9 runs" in told
    assert "none < mild < severe" in call("results", "--store", stores[0]).output
    frame = experiments.select(experiments.results(stores[0]))
    assert training.summarise(frame)["runs"].tolist() == [3, 3, 3]
    differences = training.paired_differences(frame, ["AEM", "MAE"])
    assert set(differences["pairs"]) == {3}
    assert set(differences["verdict"]) == {"undecided"}, "three runs decide nothing"

    table = tmp_path / "table.tex"
    call("export", table, "--store", stores[0], "--table=table1", "--dataset=image_folder")
    latex = table.read_text(encoding="utf-8")
    assert latex.count(r"\begin{tabular}") == latex.count(r"\end{tabular}") == 1
    body = re.split(r"\\midrule|\\bottomrule", latex)[-2]
    rows = [line.split("&") for line in body.split(r"\\") if line.strip()]
    assert len({len(row) for row in rows}) == 1, "each row has as many cells"
    means = {row[0].strip(): row[1].strip() for row in rows}
    assert list(means) == ["XE", "REG", "EMD2"], "no other loss was trained"
    half = {loss: float(cell.partition(r"$\pm$")[2]) for loss, cell in means.items()}
    spread = frame.groupby("loss")["test AEM"].std()
    for loss, found in half.items():  # Student's t over three splits
        assert found == pytest.approx(4.302653 * spread[loss] / 3**0.5, abs=0.051)
    assert latex.count("{") - latex.count(r"\{") == latex.count("}") - latex.count(r"\}")

    best = frame[frame["loss"] == "EMD2"]["id"].iloc[0]
    new = take(tmp_path / "new", datasets.load("synthetic_faces", n=90, size=48, seed=5), 4)
    folder = tmp_path / "ten photographs"
    folder.mkdir()
    for photo in sorted(new.rglob("*.jpg"))[:10]:
        shutil.copy(photo, folder)
    run = experiments.load(stores[0], best)
    predicted = run.predict(folder).to_frame()
    assert run.classes == list(GRADES)
    assert predicted["input"].tolist() == sorted(path.name for path in folder.iterdir())
    assert set(predicted["class"]) <= set(GRADES)

    # a photograph that is graded anew makes other data, which are never averaged with these
    moved = next(iter((here / "mild").iterdir()))
    shutil.move(moved, here / "severe" / moved.name)
    call(*first)
    both = experiments.results(stores[0])
    assert len(both) == 13
    assert json.loads((stores[0] / best / "result.json").read_bytes())["id"] == best
    with pytest.raises(ValueError, match="dataset edition"):
        training.summarise(experiments.select(both))
    refused = call(
        "export", table, "--store", stores[0], "--table=table1", "--dataset=image_folder", code=2
    )
    assert "dataset edition" in refused.stderr
    assert table.read_text(encoding="utf-8") == latex, "what was written stays"
