"""What emdviz does on the way to a notebook, where POSIX's own modules and functions are missing.

This is not Windows, which nobody has tried: it finds calls that cannot work there.
"""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

CODE = """
import os, sys, tempfile
from pathlib import Path
import anywidget, IPython.display, ipywidgets, matplotlib.pyplot, ot, pandas, scipy.stats
import jupyter_core.paths, jupyterlab.commands, sklearn.datasets, torch, torchvision, tqdm.auto

# what a module of Python's own brings is missing with it; others were imported above
for name in ("fcntl", "grp", "posix", "pwd", "resource", "syslog", "termios", "tty"):
    sys.modules[name] = None
for name in ("chown", "fork", "forkpty", "getegid", "geteuid", "getgid", "getgroups", "getloadavg",
             "getpgid", "getuid", "killpg", "mkfifo", "nice", "posix_spawn", "pread", "setsid",
             "sysconf", "uname", "wait3", "wait4"):
    delattr(os, name)

import pkgutil, emdviz
for module in pkgutil.walk_packages(emdviz.__path__, "emdviz."):
    if not module.name.endswith("__main__"):
        __import__(module.name)
from emdviz import LOSSES, collecting, datasets, exercises, explorers, models, setup_check, training
from emdviz.plots import style
style.use()
here = Path(tempfile.mkdtemp())
explorers.PredictionExplorer().save_html(here / "page.html")
assert exercises.judge_emd(emdviz.emd)
data = datasets.load("synthetic_faces", n=24, size=32)
config = training.TrainConfig(epochs=1, batch_size=8)
for epoch in training.fit(models.small_cnn(8, width=2), "EMD2", data, config):
    pass
setup_check.report(setup_check.examine(here))
sys.path.insert(0, "scripts")
import copy_notebooks
assert copy_notebooks.copy(here / "student")
print("fine")
"""


@pytest.mark.slow
def test_nothing_needs_posix_on_the_way_to_a_notebook():
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CODE],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "fine\n", done.stderr
