"""From a key on a slider to a changed figure, in a real JupyterLab in headless Chromium.

python -m benchmarks sliders
"""

import statistics
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import nbformat
import numpy as np

from benchmarks.timing import conditions, table
from devtools.lab import Lab, chromium

ROOT = Path(__file__).parents[1]
SCRIPT = (Path(__file__).parent / "slider_latency.js").read_text(encoding="utf-8").strip("; \n")
ROUNDS = 1
PRESSES = 50
STREAMED, RATE = 60, 30
BUSY = "import time\ntime.sleep(8)"
FRAME, ROUND_TRIP = 17, 70  # milliseconds: one frame at 60 Hz; what may ask the kernel


@dataclass(frozen=True)
class Case:
    """One figure and the slider that drives it.

    ``handle`` selects the slider (the first that fits), ``region`` what must change when it moves;
    ``picture`` says that what changes is an image. ``target`` is the p95 aimed at, milliseconds.
    What ``asks`` the kernel may lag twice as long, as one answer is on its way when another is due.
    """

    name: str
    code: str
    handle: str = ".emdviz-explorer .emdviz-bar"
    region: str = ".emdviz-explorer"
    keys: tuple = ("ArrowUp", "ArrowDown")
    target: float | None = FRAME
    picture: bool = False
    index: int = 0
    asks: bool = False


def explorer(name, **details):
    """An explorer as it comes, driven by its first bar."""
    return Case(name, f"from emdviz.explorers import {name}\n{name}()", **details)


def baseline(name, function):
    code = f"from benchmarks.slider_baselines import {function}\n{function}()"
    return Case(
        name, code, ".noUi-handle", ".jp-OutputArea", ("ArrowRight", "ArrowLeft"), None, True
    )


OTHERS = """import torch
from emdviz.explorers import {figure}

def mine(logits, labels):
    steps = torch.arange(logits.shape[1], dtype=logits.dtype)
    return (logits.softmax(1) * (steps - labels[:, None]).abs() ** 1.5).sum(1).mean()

{figure}(show=["XE", "EMD2", "OLL", "SLACE", mine])"""


def with_others(figure, region):
    """A figure with three losses that Python computes, of which the last is watched."""
    name = f"{figure}, three losses from Python"
    code = OTHERS.format(figure=figure)
    return Case(name, code, region=region, target=ROUND_TRIP, asks=True)


RECTANGLE = Case(
    "one rectangle, for comparison",
    "from benchmarks.slider_baselines import Rectangle\nRectangle()",
    ".emdviz-rectangle rect",
    ".emdviz-rectangle",
    target=None,
)
INTERACT = baseline("`interact`, drawn anew inline", "with_interact")
PREDICTION = explorer("PredictionExplorer")
CASES = [
    PREDICTION,
    Case(
        "its ipywidgets slider",
        "from emdviz.explorers import PredictionExplorer\nPredictionExplorer().panel()",
        ".noUi-handle",
        index=1,  # before it, the slider of the true class
        keys=("ArrowRight", "ArrowLeft"),
    ),
    # not the number beside them, which comes from Python, later
    explorer("TransportExplorer", region=".emdviz-ribbons"),
    explorer("ProprietyExplorer", target=ROUND_TRIP),
    explorer("GradientExplorer"),
    explorer("SinkhornExplorer", target=ROUND_TRIP),
    with_others("PredictionExplorer", ".emdviz-a [data-loss=mine]"),
    with_others("GradientExplorer", ".emdviz-row.emdviz-of-mine [data-number=loss]"),
    RECTANGLE,
    INTERACT,
    baseline("moved in place, `widgets.Image`", "with_image"),
]

LIMITS = """
"Redrawn": from the dispatch of the `keydown` event in the page until the figure's elements have
changed (until the new picture is decoded, for the baselines). "Painted": until the frame that
shows it has been laid out and painted; frames come at fixed times, so a key waits for the next one.
"Shown": frames with a change in them, of {STREAMED} keys sent at {RATE} per second; "lag": from
when the last key was due to the last change. "Busy": p95 redrawn while a cell runs; a frozen figure
did not answer within a second. "Three losses from Python": OLL, SLACE and a function defined in the
notebook; what is timed is the number of the last, which one message from the kernel brings.
"One rectangle": a widget that moves nothing else, and sends its state to Python as the explorers
do: the time that JupyterLab, the browser and this machine need in any case.

What limits: for figures drawn in the browser, the wait for the next frame ({frame:.1f} ms here);
drawing takes a small part of one. For those that ask Python, the way to the kernel and back, about
20 ms through the server's sockets. For the baselines, Matplotlib's drawing of the axes and the PNG;
`interact` also builds the figure and replaces the output.
"""


def measure(notebook, case):
    """Return the measurements of one visit to a figure."""
    page = notebook.page
    options = {
        "handle": {"selector": case.handle, "index": case.index},
        "region": case.region,
        "picture": case.picture,
        "keys": case.keys,
    }
    page.locator(case.handle).nth(case.index).wait_for(state="attached")
    if case.picture:
        page.locator(f"{case.region} img").wait_for(state="attached")
    page.wait_for_timeout(1000)
    page.evaluate(f"options => {{ window.emdvizTimer = ({SCRIPT})(options); }}", options)
    page.evaluate("emdvizTimer.press(10)")
    pressed = page.evaluate(f"emdvizTimer.press({PRESSES})")
    if pressed is None:
        raise RuntimeError(f"{case.name} did not answer to its slider")
    streamed = page.evaluate(f"emdvizTimer.stream({STREAMED}, {RATE})")
    run_busy_cell(page)
    busy = page.evaluate("emdvizTimer.press(20, { pause: 30, patience: 1000 })")
    return {
        "pressed": pressed,
        "busy": busy,
        "frame": page.evaluate("emdvizTimer.frame()"),
    } | streamed


def run_busy_cell(page):
    page.evaluate(
        """(source) => {
          const panel = jupyterapp.shell.currentWidget;
          panel.content.widgets[1].model.sharedModel.setSource(source);
          panel.content.activeCellIndex = 1;
          void jupyterapp.commands.execute('notebook:run-cell');
        }""",
        BUSY,
    )
    page.wait_for_function(
        "jupyterapp.shell.currentWidget.content.widgets[1].model.executionState === 'running'"
    )


def visit(cases, rounds):
    """Measure every case in turns, so that a busy moment hits all of them alike."""
    visits = {case.name: [] for case in cases}
    with (
        tempfile.TemporaryDirectory() as folder,
        chromium() as browser,
        Lab(folder, browser) as lab,
    ):
        for case in cases:
            # the kernel works in the folder of its notebook
            path = f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n"
            cells = [nbformat.v4.new_code_cell(text) for text in (path + case.code, "pass")]
            notebook = nbformat.v4.new_notebook(cells=cells)
            nbformat.write(notebook, Path(folder, f"{cases.index(case)}.ipynb"))
        for _ in range(rounds):
            for i, case in enumerate(cases):
                notebook = lab.open(f"{i}.ipynb", width=1400, height=1400)
                notebook.run_all()
                visits[case.name].append(measure(notebook, case))
                print(".", end="", flush=True)
    print()
    return visits


def summarise(visits):
    """Return one row of numbers for the visits to one figure."""
    redrawn, painted = np.array([pair for v in visits for pair in v["pressed"]]).T
    frozen = any(v["busy"] is None for v in visits)
    return {
        "redrawn": np.percentile(redrawn, (50, 95)),
        "painted": np.percentile(painted, (50, 95)),
        "shown": statistics.median(v["shown"] for v in visits),
        "per second": statistics.median(v["shown"] / v["seconds"] for v in visits),
        "lag": statistics.median(v["lag"] for v in visits),
        "busy": None if frozen else np.percentile([a for v in visits for a, _ in v["busy"]], 95),
        "frame": statistics.median(v["frame"] for v in visits),
    }


def report(rounds=ROUNDS):
    """Return the Markdown of this benchmark."""
    visits = visit(CASES, rounds)
    results = {case: summarise(visits[case.name]) for case in CASES}
    slowest = results[INTERACT]["redrawn"][0]
    rows = []
    for case, found in results.items():
        rows.append(
            [
                case.name,
                "{:.1f}, {:.1f}".format(*found["redrawn"]),
                "{:.1f}, {:.1f}".format(*found["painted"]),
                f"{found['shown']:.0f}, {found['per second']:.1f}",
                f"{found['lag']:.0f}",
                "frozen" if found["busy"] is None else f"{found['busy']:.1f}",
                f"{slowest / found['redrawn'][0]:.0f}",
                verdict(case, found),
            ]
        )
    heads = [
        "figure", "redrawn p50, p95 (ms)", "painted p50, p95 (ms)",
        f"shown of {STREAMED}, per second", "lag (ms)", "busy (ms)", "times `interact`", "aim",
    ]  # fmt: skip
    frame = statistics.median(found["frame"] for found in results.values())
    where = (
        f"{conditions()} · jupyterlab {version('jupyterlab')} · anywidget {version('anywidget')}"
    )
    return (
        f"## Sliders\n\n{where}\n\n"
        f"{PRESSES} keys on each figure; rounds of all in turns: {rounds}.\n\n{table(heads, rows)}"
        + LIMITS.format(STREAMED=STREAMED, RATE=RATE, frame=frame)
    )


def verdict(case, found):
    """Say whether the aim was met: p95, and every key shown without a backlog."""
    if case.target is None:
        return ""
    kept_up = found["lag"] <= (2 if case.asks else 1) * case.target and (
        case.target > FRAME or found["shown"] >= STREAMED - 1
    )
    met = found["redrawn"][1] <= case.target and kept_up
    return f"{case.target} ms {'met' if met else 'missed'}"
