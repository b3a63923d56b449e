"""Which prediction each loss rewards when labels are drawn from a distribution."""

from pathlib import Path
from typing import ClassVar

import numpy as np
import traitlets

from emdviz import propriety
from emdviz._docstrings import fill
from emdviz.explorers.kit import presets
from emdviz.explorers.kit.asking import AskingExplorer, plain
from emdviz.explorers.kit.bundler import bundle
from emdviz.explorers.kit.distribution_explorer import read_classes
from emdviz.explorers.kit.explorer import drawing, style_sheet
from emdviz.explorers.kit.traits import Distribution, Pins, read_prediction
from emdviz.losses.loss import look_of
from emdviz.palette import PREDICTION_A, TRUTH

MESH = 30
"""Small triangles along a side of the landscape, as in ``simplex.js``."""

_EDGE = 1e-4  # how far inside the edges are drawn, where many losses are infinite


@fill
class ProprietyExplorer(AskingExplorer):
    """Drag the true label distribution t and see the prediction that each loss rewards most.

    A network sees labels one at a time, drawn from t. Cross-entropy and EMD² are least on average
    if it predicts t itself. EMD is least if it is certain of the median, regression if it names
    the mean. Of exactly three classes each loss also shows what every possible prediction costs,
    as a landscape on a triangle in which t can be dragged. The best predictions of losses without
    a closed form come from a short search of two starts; :attr:`minimisers` searches longer.

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
    %(explorer_show)s
    %(explorer_style)s

    Attributes
    ----------
    t, p, classes, positions
        As above; read them, or set them and see the figure follow.
    show_p : bool
        Whether your own prediction is shown.
    %(explorer_traits)s

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

    card: ClassVar = (
        "What a loss rewards",
        "Labels that differ from person to person, and the answer that each loss rewards most.",
    )
    _esm = bundle(Path(__file__).parent / "propriety.js")
    _css = style_sheet("propriety", "kit/kit.css", "propriety/propriety.css")
    _figure: ClassVar = "propriety"
    _question: ClassVar = ("t", "p", "positions")
    _any_outputs: ClassVar = True
    _lists: ClassVar = {
        "t": ("True labels t", TRUTH),
        "p": ("Your prediction p", PREDICTION_A),
    }

    t = Distribution().tag(sync=True)
    p = Distribution().tag(sync=True)
    show_p = traitlets.Bool().tag(sync=True)
    pinned_t = Pins().tag(sync=True)
    pinned_p = Pins().tag(sync=True)

    def __init__(
        self,
        t=None,
        p=None,
        *,
        classes=None,
        positions=None,
        show=None,
        style="notebook",
        **kwargs,
    ):
        classes, count = read_classes(classes, t=t, p=p, positions=positions)
        examples = presets.truths(count)
        self._found, self._tables = {}, {}  # by the problem that a loss poses
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
            show=show,
            **{"show_p": p_given is not None, **kwargs},
        )
        self.observe(self._reveal, names="p")

    @property
    def minimisers(self):
        """Predictions of least expected loss: ``{"XE": array, …, "REG": mean}``.

        Computed afresh from the present state, as by :func:`emdviz.propriety.minimiser`.
        """
        return {loss: self._minimiser(loss)[0] for loss in self._shown}

    def _minimiser(self, loss):
        """Return the best prediction (array, number or scores), and its expected loss."""
        if loss not in self._asked:
            best = propriety.minimiser(loss, self.t, positions=self.positions)
            cost = propriety.expected_loss(loss, best, self.t, positions=self.positions)
            return best, float(cost)
        found = self._problem(loss, self.positions).best(np.array(self.t))
        best = found.outputs if found.p is None else found.p
        return (float(best[0]) if len(best) == 1 else best), found.expected

    @property
    def expected_losses(self):
        """What predictions cost on average: ``{"XE": {"least": …, "honest": …, "yours": …}, …}``.

        ``least`` is that of the minimiser, ``honest`` that of t itself, ``yours`` that of p. In
        nats for XE, in the unit of the positions for EMD and EMD², in its square for REG; None
        where a loss takes no probabilities. Computed afresh from the present state.
        """
        return {
            loss: {
                "least": self._minimiser(loss)[1],
                "honest": self._expected(loss, self.t),
                "yours": self._expected(loss, self.p),
            }
            for loss in self._shown
        }

    def _expected(self, loss, p):
        cost = self._cost(loss, self.t, self.positions)
        return cost and cost(p)

    def _answer(self, problem, question):
        t = np.array(question["t"])
        best = self._glance(problem, t)
        answer = {"least": plain(best.expected), "label": best.label, "free": problem.is_free}
        if best.p is not None:
            answer["best"] = best.p.tolist()
        if len(best.outputs) == 1:
            answer["number"] = plain(best.outputs[0])
        if problem.is_free:
            corners = [problem.at(corner, t) for corner in np.eye(self.num_classes)]
            honest, yours = problem.at(t, t), problem.at(question["p"], t)
            answer |= {"honest": plain(honest), "yours": plain(yours), "shown": plain(max(corners))}
            finite = np.isfinite([honest, *corners]).all()
            answer["constant"] = bool(finite and np.ptp([honest, *corners]) < 10 * problem.noise)
            if self.num_classes == 3:
                answer["landscape"] = self._landscape(problem, t).tolist()
        return answer

    def _glance(self, problem, t):
        """Return a good prediction for t, kept while only p moves."""
        known, found = self._found.get(problem, (None, None))
        if known != t.tolist():
            found = problem.glance(t)
            self._found[problem] = t.tolist(), found
        return found

    def _landscape(self, problem, t):
        """Return the expected loss at every corner of the mesh."""
        points = mesh()
        inside = points + _EDGE
        inside /= inside.sum(1, keepdims=True)
        if not problem.adds:  # the loss of a batch tells nothing of single labels
            costs = np.array([problem.at(p, t) for p in inside])
            return costs if np.ptp(costs) > 10 * problem.noise else np.full(len(costs), costs[0])
        if problem not in self._tables:
            eye = np.eye(3)
            table = [[problem.at(p, label) for label in eye] for p in inside]
            self._tables[problem] = np.array(table)
        return self._tables[problem] @ t

    def _beforehand(self):
        """Yield every example as t."""
        for example in self._presets.values():
            yield {"t": example["p"], "p": self.p, "positions": self.positions}

    def figure(self):
        """Return a matplotlib Figure of the present state, ready for ``savefig``.

        One column per loss: the best prediction before the outline of t, and for three classes
        its landscape below.
        """
        from emdviz import plots
        from emdviz.plots.labels import literal

        shared = {"classes": self.classes, "positions": self.positions}
        rows, best_of = 2 if self.num_classes == 3 else 1, self.minimisers
        with drawing(14, 3.8 * rows) as figure:
            axes = figure.subplots(rows, len(best_of), squeeze=False)
            for column, (loss, best) in enumerate(best_of.items()):
                colour, label = look_of(loss).colour, literal(look_of(loss).label)
                costs = self.expected_losses[loss]
                bars = axes[0, column]
                if np.ndim(best) == 1 and np.isclose(np.sum(best), 1):  # no scores
                    plots.plot_prediction(best, self.t, ax=bars, colour=colour, **shared)
                else:
                    plots.plot_prediction(self.t, self.t, ax=bars, colour="none", **shared)
                    if np.ndim(best) == 0:
                        bars.axvline(best, color=colour, linewidth=4)
                said = {"best": costs["least"], "honest": costs["honest"]}
                numbers = [f"{name} {c:.3f}" for name, c in said.items() if c is not None]
                bars.set_title(f"{label}\n{'   '.join(numbers)}")
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
        if loss in self._asked:
            problem = self._problem(loss, self.positions)
            if not problem.is_free:
                ax.set_axis_off()
                return
            points, costs = mesh(), self._landscape(problem, np.array(self.t))
        else:
            costs = propriety.expected_loss(loss, points, self.t, positions=self.positions)
        least = self.expected_losses[loss]["least"]
        # some losses have no greatest value; the browser shows as much of them
        corners = [self._expected(loss, corner) for corner in np.eye(3)]
        levels = 12 if np.isfinite(corners).all() else np.linspace(least, least + 1.5, 13)
        marks = {"t": self.t, "p": self.p} if self.show_p else {"t": self.t}
        if loss == "EMD":
            marks["best"] = self.minimisers[loss]
        plots.plot_simplex(points, costs, classes=self.classes, marks=marks, levels=levels, ax=ax)

    def _reveal(self, _):
        self.show_p = True


def mesh():
    """Return the corners of the small triangles of a landscape, in the order of ``simplex.js``."""
    rows = [(row, i) for row in range(MESH + 1) for i in range(MESH + 1 - row)]
    return np.array([(MESH - row - i, row, i) for row, i in rows]) / MESH
