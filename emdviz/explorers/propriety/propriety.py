"""Which prediction each loss rewards when labels are drawn from a distribution."""

from pathlib import Path
from typing import ClassVar

import numpy as np
import traitlets

from emdviz import propriety
from emdviz._docstrings import fill
from emdviz.explorers.kit import presets
from emdviz.explorers.kit.bundler import bundle
from emdviz.explorers.kit.distribution_explorer import DistributionExplorer, read_classes
from emdviz.explorers.kit.explorer import drawing, show_losses, style_sheet
from emdviz.explorers.kit.traits import Distribution, Pins, read_prediction
from emdviz.losses.loss import LOSSES, closed_forms
from emdviz.palette import PREDICTION_A, TRUTH


@fill
class ProprietyExplorer(DistributionExplorer):
    """Drag the true label distribution t and see the prediction that each loss rewards most.

    A network sees labels one at a time, drawn from t. Cross-entropy and EMD² are least on average
    if it predicts t itself. EMD is least if it is certain of the median, regression if it names
    the mean. Of exactly three classes each loss also shows what every possible prediction costs,
    as a landscape on a triangle in which t can be dragged.

    All of it runs in the browser and stays live while a cell runs. Bars are used as in
    :class:`PredictionExplorer`.

    Parameters
    ----------
    t : array-like, shape (C,), optional
        True label distribution: probabilities, summing to 1. By default labels that are unsure
        between neighbouring classes.
    p : array-like, shape (C,), optional
        A prediction of your own to compare; setting it shows it.
    %(explorer_classes)s
    %(explorer_style)s

    Attributes
    ----------
    t, p, classes, positions
        As above; read them, or set them and see the figure follow.
    show_p : bool
        Whether your own prediction is shown.
    pinned_t, pinned_p : list of int
        Classes that keep their probability while others move.
    t_0, t_1, …, p_0, p_1, … : float
        The same probabilities to a hundredth, one by one, for ``jslink``.

    %(explorer_errors)s

    Source
    ------
    Gneiting and Raftery, *Strictly proper scoring rules, prediction, and estimation*, 2007.

    Examples
    --------
    Three classes, with their landscapes:

    >>> explorer = ProprietyExplorer([0.2, 0.5, 0.3], classes=["young", "middle", "old"])
    >>> explorer.minimisers["EMD"]
    array([0., 1., 0.])
    >>> {name: round(costs["honest"], 2) for name, costs in explorer.expected_losses.items()}
    {'XE': 1.03, 'REG': 0.49, 'EMD': 0.74, 'EMD2': 0.37}
    """

    _esm = bundle(Path(__file__).parent / "propriety.js")
    _css = style_sheet("propriety", "kit/kit.css", "propriety/propriety.css")
    _lists: ClassVar = {
        "t": ("True labels t", TRUTH),
        "p": ("Your prediction p", PREDICTION_A),
    }

    t = Distribution().tag(sync=True)
    p = Distribution().tag(sync=True)
    show_p = traitlets.Bool().tag(sync=True)
    pinned_t = Pins().tag(sync=True)
    pinned_p = Pins().tag(sync=True)
    _presets = traitlets.Dict().tag(sync=True)
    _losses = traitlets.List().tag(sync=True)

    def __init__(self, t=None, p=None, *, classes=None, positions=None, style="notebook", **kwargs):
        classes, count = read_classes(classes, t=t, p=p, positions=positions)
        examples = presets.truths(count)
        t, p_given = (
            None if values is None else read_prediction(values, name, count)
            for name, values in (("t", t), ("p", p))
        )
        super().__init__(
            {"t": t or examples["unsure"]["p"], "p": p_given or examples["uniform"]["p"]},
            classes=classes,
            positions=positions,
            style=style,
            _presets=examples,
            _losses=show_losses(closed_forms("propriety")),
            **{"show_p": p_given is not None, **kwargs},
        )
        self.observe(self._reveal, names="p")

    @property
    def minimisers(self):
        """Predictions of least expected loss: ``{"XE": array, …, "REG": mean}``.

        Computed afresh from the present state, by :func:`emdviz.propriety.minimiser`.
        """
        return {
            loss: propriety.minimiser(loss, self.t, positions=self.positions)
            for loss in closed_forms("propriety")
        }

    @property
    def expected_losses(self):
        """What predictions cost on average: ``{"XE": {"least": …, "honest": …, "yours": …}, …}``.

        ``least`` is that of the minimiser, ``honest`` that of t itself, ``yours`` that of p. In
        nats for XE, in the unit of the positions for EMD and EMD², in its square for REG.
        Computed afresh from the present state, by :func:`emdviz.propriety.expected_loss`.
        """
        best = self.minimisers
        return {
            loss: {
                name: float(propriety.expected_loss(loss, p, self.t, positions=self.positions))
                for name, p in (("least", best[loss]), ("honest", self.t), ("yours", self.p))
            }
            for loss in closed_forms("propriety")
        }

    def figure(self):
        """Return a matplotlib Figure of the present state, ready for ``savefig``.

        One column per loss: the best prediction before the outline of t, and for three classes
        its landscape below.
        """
        from emdviz import plots

        shared = {"classes": self.classes, "positions": self.positions}
        rows = 2 if self.num_classes == 3 else 1
        with drawing(14, 3.8 * rows) as figure:
            axes = figure.subplots(rows, len(self.minimisers), squeeze=False)
            for column, (loss, best) in enumerate(self.minimisers.items()):
                colour, label = LOSSES[loss].colour, LOSSES[loss].label
                costs = self.expected_losses[loss]
                bars = axes[0, column]
                if loss == "REG":
                    plots.plot_prediction(self.t, self.t, ax=bars, colour="none", **shared)
                    bars.axvline(best, color=colour, linewidth=4)
                else:
                    plots.plot_prediction(best, self.t, ax=bars, colour=colour, **shared)
                bars.set_title(f"{label}\nbest {costs['least']:.3f}   honest {costs['honest']:.3f}")
                if rows == 2:
                    self._draw_landscape(axes[1, column], loss)
        return figure

    def _draw_landscape(self, ax, loss):
        from emdviz import plots

        steps = 60
        points = np.array(
            [(steps - i - j, i, j) for i in range(steps + 1) for j in range(steps + 1 - i)]
        )
        points = points / steps
        costs = propriety.expected_loss(loss, points, self.t, positions=self.positions)
        least = self.expected_losses[loss]["least"]
        # cross-entropy has no greatest value; the browser shows as much of it
        levels = np.linspace(least, least + 1.5, 13) if loss == "XE" else 12
        marks = {"t": self.t, "p": self.p} if self.show_p else {"t": self.t}
        if loss == "EMD":
            marks["best"] = self.minimisers[loss]
        plots.plot_simplex(points, costs, classes=self.classes, marks=marks, levels=levels, ax=ax)

    def _reveal(self, _):
        self.show_p = True
