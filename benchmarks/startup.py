"""How long imports take, and a JupyterLab from an open notebook to its first live figure."""

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat

from benchmarks.timing import conditions, table
from devtools.lab import FAILED, SETTLED, Lab, chromium

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
ROUNDS = 5
IMPORTS = (
    "import numpy",
    "import emdviz",
    "from emdviz import datasets, exercises, models, training",
    "from emdviz import plots; plots.plot_prediction",
    "from emdviz.explorers import PredictionExplorer; PredictionExplorer()",
    "from emdviz.explorers import GradientExplorer; GradientExplorer()",
    "from emdviz.explorers import TransportExplorer; TransportExplorer()",
    "from emdviz import emd2_loss",
    "from emdviz.training import fit",
    "import matplotlib.pyplot",
    "import torch",
    "import ot",
)
EMPTY = "import numpy, matplotlib.pyplot, ipywidgets"
TORCH = "import torch"
_PEAK = "int(open('/proc/self/status').read().partition('VmHWM:')[2].split()[0]) / 1024"
"""The most memory that a process held, MB; what the resource module tells counts its parent's."""

_MEASURE = f"""
import json, sys, time
start = time.perf_counter()
exec(sys.argv[1])
print(json.dumps([time.perf_counter() - start, {_PEAK}]))
"""
_SHOWN = """() => document.querySelector(
  '.jp-OutputArea .emdviz-explorer svg, .jp-OutputArea .emdviz-explorer canvas, ' +
  '.jp-OutputArea img.emdviz-page, .jp-OutputArea iframe')"""
"""An explorer's drawing, a page of a flip book, or a report."""


def imports(rounds=ROUNDS):
    """Seconds and memory of what a program types, each in a process of its own, in turns."""
    found = {code: [] for code in IMPORTS}
    for _ in range(rounds):
        for code, values in found.items():
            done = subprocess.run(
                [sys.executable, "-c", _MEASURE, code],
                capture_output=True,
                check=True,
                text=True,
            )
            values.append(json.loads(done.stdout.splitlines()[-1]))
    middle = {code: [*map(statistics.median, zip(*v, strict=True))] for code, v in found.items()}
    base = middle["import numpy"][0]
    rows = [
        [f"`{code}`", f"{seconds:.2f} s", f"{seconds / base:.1f}", f"{memory:.0f} MB"]
        for code, (seconds, memory) in middle.items()
    ]
    return table(["typed", "time", "times NumPy", "memory"], rows)


def first_figures(rounds=1):
    """Seconds from Run All to the first live figure and to the end, beside an empty notebook."""
    lessons = sorted(NOTEBOOKS.glob("0*.ipynb"))
    sources = {path.stem: path.read_text(encoding="utf-8") for path in lessons}
    found = {}
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        where = Path(folder, "notebooks")
        where.mkdir()
        for read in ("data", "docs/results"):  # by notebooks 04, 06, 08 and 09
            shutil.copytree(NOTEBOOKS.parent / read, Path(folder, read))
        for name, code in (("empty", EMPTY), ("empty, with torch", f"{EMPTY}\n{TORCH}")):
            book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
            sources[name] = nbformat.writes(book)
        for name, text in sources.items():
            (where / f"{name}.ipynb").write_text(text, encoding="utf-8")
        with Lab(folder, browser) as lab:
            for _ in range(rounds):
                for name in sources:
                    taken = _run_all(lab.open(f"notebooks/{name}.ipynb"))
                    found.setdefault(name, []).append(taken)
    rows = []
    middle = {name: [*map(statistics.median, zip(*v, strict=True))] for name, v in found.items()}
    for name, text in sources.items():
        first, end, memory = middle[name]
        own = "empty, with torch" if "import torch" in text else "empty"
        empty = middle[own][1]
        shown = f"{first:.1f} s" if first < end else "–"
        rows.append([name, shown, f"{end:.1f} s", f"{end / empty:.1f}", own, f"{memory:.0f} MB"])
    return table(["notebook", "first figure", "all cells", "times", "that of", "memory"], rows)


def _run_all(notebook, seconds=600):
    """Run all cells; return seconds to the first figure and to the end, and the kernel's MB."""
    start = time.monotonic()
    notebook.page.evaluate("void jupyterapp.commands.execute('notebook:run-all-cells')")
    first = None
    while not notebook.page.evaluate(SETTLED):
        if failed := notebook.page.evaluate(FAILED):
            raise RuntimeError(f"a cell failed: {failed[0]}")
        if first is None and notebook.page.evaluate(f"() => !!({_SHOWN})()"):
            first = time.monotonic() - start
        if time.monotonic() - start > seconds:
            raise TimeoutError(f"cells still run after {seconds} s")
        time.sleep(0.02)
    end = time.monotonic() - start
    return end if first is None else first, end, float(notebook.python(_PEAK))


def report(rounds=1):
    """Return the Markdown of this benchmark."""
    return (
        f"## Start-up\n\n{conditions()}\n\n{imports()}\n"
        f"From Run All in a JupyterLab; an empty notebook does `{EMPTY}`, and `{TORCH}` where the "
        f"lesson does.\n\n{first_figures(rounds)}"
    )
