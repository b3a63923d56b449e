"""Other languages, clocks, folders and switches of Python give the same numbers."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[1]
FOLDER = "Räume mit Leerzeichen/кот 猫"
PROGRAM = """
import json, locale
from pathlib import Path
from PIL import Image
locale.setlocale(locale.LC_ALL, "")
from emdviz import datasets, emd2, experiments, explorers
from emdviz.experiments.export import to_csv
from emdviz.models import MODELS
from emdviz.training import TrainConfig, fit

images = Path("Bilder")
classes = ["früh", "später"]
for name, shade in zip(classes, (30, 220), strict=True):
    (images / name).mkdir(parents=True)
    for i in range(8):
        Image.new("RGB", (20, 20), (shade + i, 9, 9)).save(images / name / f"猫 {i}.png")
options = {"size": 16, "classes": classes}
first, again = (datasets.load("image_folder", root=images, **options) for _ in range(2))
config = TrainConfig(epochs=1, batch_size=4, device="cpu", crop=None)
epochs = list(fit(MODELS["small_cnn"](2), "EMD2", again, config, folder="Läufe/einer"))
spec = experiments.RunSpec("image_folder", network="small_cnn", loss="EMD2", config=config,
                           dataset_options={"root": "Bilder", **options})
frame = experiments.run([spec], "Läufe/viele", progress=False)
explorer = explorers.PredictionExplorer(classes=classes)
page = explorer.save_html("Seite für alle.html").read_text(encoding="utf-8")
table = to_csv(experiments.results("Läufe/viele")[["loss", "test RPS"]])
print(json.dumps({
    "classes": again.classes,
    "images": [int(first.inputs.sum()), int(again.inputs.sum())],
    "cached": len([one for one in (images / ".emdviz").iterdir() if one.suffix != ".json"]),
    "distance": float(emd2([0.25, 0.25, 0.5], [1.0, 0.0, 0.0])),
    "loss": epochs[-1].train_loss,
    "row": frame["error"].tolist(),
    "page": "fr" in page,
    "table": table,
}, default=str))
"""


def german(folder):
    """Return the name of a locale that writes 0,5, or of another where that cannot be made."""
    command = ["localedef", "-i", "de_DE", "-f", "UTF-8", str(folder / "de_DE.UTF-8")]
    if shutil.which("localedef"):
        subprocess.run(command, capture_output=True, check=False)
    return "de_DE.UTF-8" if (folder / "de_DE.UTF-8").is_dir() else "C.UTF-8"


def run_in(folder, environment):
    folder.mkdir(parents=True)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("LC_", "LANG", "PYTHON"))}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=folder,
        env=kept | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"} | environment,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    assert done.stderr == b""
    return json.loads(done.stdout)


@pytest.mark.slow
def test_numbers_do_not_depend_on_language_clock_folder_or_switches(tmp_path):
    plain = {"LC_ALL": "C", "TZ": "Pacific/Kiritimati", "PYTHONOPTIMIZE": "1"}
    other = {"LC_ALL": german(tmp_path), "LOCPATH": str(tmp_path), "TZ": "America/St_Johns"}
    first = run_in(tmp_path / "1" / FOLDER, plain)
    # torch 2.6 leaves a folder of its own for Python to remove
    old = ",ignore:Implicitly cleaning up:ResourceWarning"
    errors = {"PYTHONWARNINGS": "error" + old * torch.__version__.startswith("2.6.")}
    second = run_in(tmp_path / "2" / FOLDER, other | errors)
    assert first == second
    assert first["classes"] == ["früh", "später"]
    assert first["images"][0] == first["images"][1] > 0
    assert first["cached"] == 1
    assert first["distance"] == pytest.approx(0.75**2 + 0.5**2)
    assert first["row"] == [""]
    assert first["table"].startswith("loss,test RPS\nEMD2,0.")
