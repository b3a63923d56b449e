"""What a reader sees of a prediction explorer and does to it, for the browser tests."""

import contextlib
import tempfile
import time

import numpy as np

from emdviz import distances
from emdviz.distributions import expectation, one_hot
from emdviz.losses.loss import closed_forms

LOSSES = closed_forms("prediction")


@contextlib.contextmanager
def busy_kernel(notebook, cell):
    """Keep the kernel busy in the cell with this index while the block inside runs."""
    page = notebook.page
    with tempfile.TemporaryDirectory() as folder:
        page.evaluate(
            """([index, folder]) => {
              const { content } = jupyterapp.shell.currentWidget;
              const source = `import os, time\nwhile os.path.exists('${folder}'): time.sleep(0.02)`;
              content.widgets[index].model.sharedModel.setSource(source);
              content.activeCellIndex = index;
              void jupyterapp.commands.execute('notebook:run-cell');
            }""",
            [cell, folder],
        )
        widget = f"jupyterapp.shell.currentWidget.content.widgets[{cell}]"
        busy = f"{widget}.model.executionState === 'running'"
        page.wait_for_function(busy)
        yield
        assert page.evaluate(busy), "the cell ended before the block did"
    page.wait_for_function(f"!({busy})")


class Figure:
    """What a reader sees of one explorer, and can do to it."""

    def __init__(self, page, index=0):
        self.page = page
        self.root = page.locator(".emdviz-explorer").nth(index)
        self.root.locator(".emdviz-bar-fill").first.wait_for(state="attached")

    def bar(self, letter, i):
        return self.root.locator(f".emdviz-{letter.lower()} .emdviz-bar").nth(i)

    def bars(self, letter):
        return [
            float(v) for v in self._all(f".emdviz-{letter.lower()} .emdviz-bar", "aria-valuenow")
        ]

    def numbers(self, letter):
        cells = self.root.locator(f".emdviz-{letter.lower()} .emdviz-number")
        return dict(zip(LOSSES, cells.all_inner_texts(), strict=True))

    def press(self, letter, i, *keys):
        self.bar(letter, i).focus()
        for key in keys:
            self.page.keyboard.press(key)
        self.rest()

    def drag(self, letter, i, share):
        """Drag a bar with the mouse by ``share`` of the height of the axis."""
        hit = self.bar(letter, i).locator(".emdviz-hit")
        hit.scroll_into_view_if_needed()
        box = hit.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.75
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        for step in range(1, 11):
            self.page.mouse.move(x, y - share * box["height"] * step / 10)
        self.page.mouse.up()
        self.rest()

    def carry(self, letter, *path, share=1):
        """Drag the first bar of a path sideways over the others, held at a share of its height."""
        fill = self.bar(letter, path[0]).locator(".emdviz-bar-fill").bounding_box()
        y = fill["y"] + fill["height"] * (1 - share) + 1
        columns = [self.bar(letter, i).locator(".emdviz-hit").bounding_box() for i in path]
        middles = [box["x"] + box["width"] / 2 for box in columns]
        self.page.mouse.move(middles[0], y)
        self.page.mouse.down()
        for x in middles[1:]:
            self.page.mouse.move(x, y, steps=5)
        self.page.mouse.up()
        self.rest()

    def rest(self):
        """Let two frames pass, after which what was asked for is drawn."""
        self.page.evaluate(
            "() => new Promise(f => requestAnimationFrame(() => requestAnimationFrame(f)))"
        )

    def sticking_out(self):
        """Return the texts that leave the drawing they are part of."""
        return self.root.evaluate(
            """(root) => [...root.querySelectorAll('.emdviz-chart')].flatMap((chart) => {
              const all = chart.getBoundingClientRect();
              return [...chart.querySelectorAll('text')].filter((text) => {
                const box = text.getBoundingClientRect();
                const seen = box.width && getComputedStyle(text).visibility === 'visible';
                return seen && (box.left < all.left - 1 || box.right > all.right + 1
                  || box.bottom > all.bottom + 1 || box.top < all.top - 1);
              }).map((text) => text.textContent);
            })"""
        )

    def _all(self, selector, attribute):
        return self.root.locator(selector).evaluate_all(
            "(nodes, name) => nodes.map((node) => node.getAttribute(name))", attribute
        )


def wait_until(condition, seconds=30):
    start = time.monotonic()
    while not condition():
        waited = time.monotonic() - start
        assert waited < seconds, "it did not come true in time"
        # asking takes the time of the browser and of the kernel that it waits for
        time.sleep(min(max(0.02, waited / 10), 0.3))


def agrees(shown, losses):
    """Whether texts are the numbers, to the digits shown."""
    for name, text in shown.items():
        if text == "∞":
            if np.isfinite(losses[name]):
                return False
            continue
        digits = len(text.partition(".")[2])
        if abs(float(text) - losses[name]) > 0.5 * 10**-digits + 1e-9:
            return False
    return True


def by_python(p, target, positions):
    truth = one_hot(target, len(p))
    x = np.arange(len(p)) if positions is None else np.asarray(positions)
    return {
        "XE": -np.log(p[target]) if p[target] > 0 else np.inf,
        "EMD": distances.emd(p, truth, positions=positions),
        "EMD2": distances.emd2(p, truth, positions=positions),
        "REG": (expectation(p, positions=positions) - x[target]) ** 2,
    }
