"""Cells run again and again, and training that goes on for long."""

import itertools
import json
import statistics

import nbformat
import pytest

from emdviz import datasets
from emdviz.explorers import LossRace
from emdviz.training import TrainConfig
from tests.soak.sizes import WHOLE, amount
from tests.test_notebooks import NOTEBOOKS, complaints, execute

pytestmark = pytest.mark.soak

AGAIN = 200
# the last pictures are sent first, and what was freed goes back to the system
OPEN = """import ctypes, gc, time, matplotlib.pyplot
time.sleep(3)
gc.collect()
ctypes.CDLL(None).malloc_trim(0)
print(len(matplotlib.pyplot.get_fignums()), end=" ")
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("RssAnon")))"""


@pytest.mark.timeout(7200)
@pytest.mark.skipif(not WHOLE, reason="make soak runs it; every notebook is run once elsewhere")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_plotting_cells_leave_no_figure_open(path):
    notebook = nbformat.read(path, as_version=4)
    cells, watched = [], []
    for cell in notebook.cells:
        cells.append(cell)
        if cell.cell_type == "code" and ("plt." in cell.source or "plots." in cell.source):
            many = [nbformat.v4.new_code_cell(cell.source) for _ in range(AGAIN)]
            watch = [nbformat.v4.new_code_cell(OPEN) for _ in range(2)]
            few = AGAIN // 5
            cells += [*many[:few], watch[0], *many[few:], watch[1]]
            watched.append((cell.source, watch))
    notebook.cells = cells
    execute(notebook)
    assert complaints(notebook) == []
    assert watched
    for source, watch in watched:
        (open_before, before), (open_after, after) = (
            map(int, cell.outputs[0].text.split()) for cell in watch
        )
        print(f"\n{path.stem}, {AGAIN} times: memory × {after / before:.3f} ({source[:40]!r})")
        assert open_before == open_after == 0, source
        assert after < 1.05 * before, source


def sent(race):
    """Return the bytes of all that the browser is told."""
    return len(json.dumps(race.get_state(), default=str))


@pytest.mark.timeout(7200)
def test_live_training_does_not_slow_down():
    epochs = amount(12, 100)
    faces = datasets.load("synthetic_faces", n=amount(64, 2000), size=32)
    race = LossRace(faces, ["XE", "EMD2"], TrainConfig(epochs=epochs, batch_size=32, device="cpu"))
    before = sent(race)
    race.start()
    race.wait(text=False)
    for loss in ("XE", "EMD2"):
        moments = [0.0, *(epoch.seconds for epoch in race.epochs[loss])]
        took = [after - before for before, after in itertools.pairwise(moments)]
        assert len(took) == epochs
        few = epochs // 4
        ratio = statistics.median(took[-few:]) / statistics.median(took[1 : few + 1])
        print(f"\n{loss}: the last {few} of {epochs} epochs took {ratio:.2f} of the first")
        assert ratio < 1.5 or not WHOLE
    # what is sent after an epoch grows by the points of the curves alone
    assert before < sent(race) < before + 20_000 + 2 * epochs * 500
