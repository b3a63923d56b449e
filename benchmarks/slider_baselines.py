"""The content of PredictionExplorer, in the two usual ways of making interactive figures.

And the least that a figure drawn in the browser can be.
"""

import io

import anywidget
import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import traitlets
from IPython.display import display
from matplotlib.figure import Figure

from emdviz import distances
from emdviz.distributions import expectation, one_hot
from emdviz.explorers.kit import presets

CLASSES, TARGET = 8, 0
SIZE = (8, 4.5)


def slider():
    """A slider for the first class of A, as ``PredictionExplorer.sliders`` has it."""
    return ipywidgets.FloatSlider(value=0.4, min=0, max=1, step=0.01, description="A, class 0")


def moved(p, share):
    """Give the first class its share, and the others the rest in their old proportions."""
    rest = p[1:] / p[1:].sum()
    return np.concatenate([[share], (1 - share) * rest])


def title(letter, p):
    truth = one_hot(TARGET, CLASSES)
    return (
        f"{letter}: XE {-np.log(max(p[TARGET], 1e-300)):.3f}, EMD {distances.emd(p, truth):.3f}, "
        f"EMD² {distances.emd2(p, truth):.3f}, REG {(expectation(p) - TARGET) ** 2:.3f}"
    )


def draw(figure, predictions):
    """Draw bars and steps for A and B; return the artists that a new A changes."""
    axes = figure.subplots(2, 2)
    x, truth = np.arange(CLASSES), np.cumsum(one_hot(TARGET, CLASSES))
    artists = []
    for column, (letter, p) in enumerate(zip("AB", predictions, strict=True)):
        bars, steps = axes[:, column]
        drawn = bars.bar(x, p)
        (cdf,) = steps.step(x, np.cumsum(p), where="post")
        steps.step(x, truth, "--", where="post")
        gap = steps.fill_between(x, np.cumsum(p), truth, step="post", alpha=0.3)
        bars.set_title(title(letter, p), fontsize=8)
        bars.set_ylim(0, 1)
        steps.set_ylim(0, 1.05)
        artists.append((bars, drawn, steps, cdf, gap))
    return artists[0]


def with_interact():
    """``interact``: every change makes a new figure, shown inline."""
    far, near = presets.far_and_near(CLASSES, TARGET)

    def show(share):
        figure = plt.figure(figsize=SIZE)
        draw(figure, (moved(far, share), near))
        plt.show()

    ipywidgets.interact(show, share=slider())


def with_image():
    """One figure whose artists are moved, shown as a PNG in ``widgets.Image``."""
    far, near = presets.far_and_near(CLASSES, TARGET)
    figure = Figure(figsize=SIZE, dpi=100)
    bars, drawn, steps, cdf, gap = draw(figure, (far, near))
    x, truth = np.arange(CLASSES), np.cumsum(one_hot(TARGET, CLASSES))
    image, handle = ipywidgets.Image(format="png"), slider()

    def show(change):
        nonlocal gap
        p = moved(far, change["new"])
        for bar, value in zip(drawn, p, strict=True):
            bar.set_height(value)
        cdf.set_ydata(np.cumsum(p))
        gap.remove()
        gap = steps.fill_between(x, np.cumsum(p), truth, step="post", alpha=0.3, color="C0")
        bars.set_title(title("A", p), fontsize=8)
        with io.BytesIO() as png:
            figure.savefig(png, format="png")
            image.value = png.getvalue()

    show({"new": handle.value})
    handle.observe(show, "value")
    display(ipywidgets.VBox([handle, image]))


class Rectangle(anywidget.AnyWidget):
    """One bar, whose height a key changes; its state goes to Python."""

    p = traitlets.Float(0.4).tag(sync=True)

    _esm = """
    function render({ model, el }) {
      el.innerHTML = `<svg class="emdviz-rectangle" width="400" height="200">
        <rect tabindex="0" x="50" width="60" fill="steelblue"></rect></svg>`;
      const bar = el.querySelector("rect");
      const draw = () => {
        bar.setAttribute("y", 200 * (1 - model.get("p")));
        bar.setAttribute("height", 200 * model.get("p"));
      };
      bar.addEventListener("keydown", (event) => {
        event.preventDefault();
        event.stopPropagation();
        model.set("p", model.get("p") + (event.key === "ArrowUp" ? 0.01 : -0.01));
        model.save_changes();
      });
      model.on("change:p", draw);
      draw();
    }
    export default { render };
    """
