"""Where the mass of a prediction must go to become the target, and what that costs."""

import math
from pathlib import Path
from typing import ClassVar

import ipywidgets
import numpy as np
import traitlets

from emdviz import distances
from emdviz._docstrings import fill
from emdviz.distributions import check_positions, one_hot
from emdviz.explorers.kit import presets
from emdviz.explorers.kit.bundler import bundle
from emdviz.explorers.kit.distribution_explorer import DistributionExplorer, read_classes
from emdviz.explorers.kit.explorer import drawing, style_sheet
from emdviz.explorers.kit.traits import Distribution, Number, Pins, WholeNumber
from emdviz.ground_distance import line
from emdviz.palette import PREDICTION_A, TRUTH

LEAST_MASS = 0.1

_QUESTION = ("p", "t", "mass_p", "mass_t", "order", "positions")

# what decides between plans of one cost; the browser has the same two numbers
_TIE = 1e-7
_DRIFT = 0.1


@fill
class TransportExplorer(DistributionExplorer):
    """The transport plan from a prediction p to a soft target t, and the gap between their CDFs.

    Ribbons, or the cells of a matrix, show how much mass goes from which class to which. Beside
    them stand the two CDFs. Point at a ribbon, or focus it, and the slice of the gap between the
    CDFs that belongs to it lights up: as high as its mass and as wide as its distance.

    With l = 1 the plan's cost is the area of the gap, and so is the closed form Σ|d|Δ. With l = 2
    they differ: a plan squares how far each slice reaches, |xᵢ − xⱼ|², the paper's EMD² = Σ d²Δ
    squares how high the gap stands. EMD² is half the squared energy distance, and no transport
    cost.

    ``display(explorer)`` shows the figure; ``explorer.panel()`` shows it with an ipywidgets
    slider for every class, and ``explorer.sliders()`` is these sliders alone. All of it runs in
    the browser and stays live while a cell runs; only POT's number comes from Python.

    Drag a bar, or focus it and use the arrow keys, Page Up, Page Down, Home and End: its class
    takes the value and the others share the rest in their old proportions. A double click or the
    key p pins a class; a click on a class name or the key t gives it all of the target.

    Parameters
    ----------
    p, t : array-like, shape (C,), optional
        The prediction and the target: probabilities, summing to 1. An example if missing.
    %(explorer_classes)s
    order : {1, 2}
        l, the power of the distance that a unit of mass pays.
    mass_p, mass_t : float
        The total masses of p and t, 0.1 to 1. Where they differ, only the smaller is moved.
    matrix : bool
        Show the plan as a matrix, too.
    %(explorer_style)s

    Attributes
    ----------
    p, t, classes, positions, order, mass_p, mass_t, matrix
        As above; read them, or set them and see the figure follow.
    %(explorer_traits)s

    Source
    ------
    Hou, Yu, Samaras 2017, Eq. (1) and section 2; Rubner, Tomasi, Guibas 2000.

    Examples
    --------
    >>> explorer = TransportExplorer([0.5, 0.5, 0.0], [0.0, 0.0, 1.0])
    >>> {name: round(cost, 6) for name, cost in explorer.costs.items()}
    {'closed_form': 1.5, 'plan': 1.5, 'exact': 1.5}
    >>> explorer.order = 2
    >>> {name: round(cost, 6) for name, cost in explorer.costs.items()}
    {'closed_form': 1.25, 'plan': 2.5, 'exact': 2.5}
    """

    card: ClassVar = (
        "Moving earth",
        "The cheapest way to carry a prediction to the truth, and the area that is its cost.",
    )
    _esm = bundle(Path(__file__).parent / "transport.js")
    _css = style_sheet("transport", "kit/kit.css", "kit/plan_matrix.css", "transport/transport.css")
    _lists: ClassVar = {"p": ("Prediction p", PREDICTION_A), "t": ("Target t", TRUTH)}

    p = Distribution().tag(sync=True)
    t = Distribution().tag(sync=True)
    pinned_p = Pins().tag(sync=True)
    pinned_t = Pins().tag(sync=True)
    order = WholeNumber(1, 1, 2).tag(sync=True)
    mass_p = Number(1.0, LEAST_MASS, 1.0).tag(sync=True)
    mass_t = Number(1.0, LEAST_MASS, 1.0).tag(sync=True)
    matrix = traitlets.Bool().tag(sync=True)
    # the number stands with the state it belongs to, so that a late one is not taken for another's
    _exact = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        p=None,
        t=None,
        *,
        classes=None,
        positions=None,
        order=1,
        mass_p=1.0,
        mass_t=1.0,
        matrix=False,
        style="notebook",
        **kwargs,
    ):
        classes, count = read_classes(classes, p=p, t=t, positions=positions)
        examples = _examples(count)
        super().__init__(
            {"p": p, "t": t},
            example=examples[0],
            classes=classes,
            positions=positions,
            style=style,
            order=order,
            mass_p=mass_p,
            mass_t=mass_t,
            matrix=matrix,
            _presets=examples,
            **kwargs,
        )
        self._answer()
        self.observe(self._answer, names=list(_QUESTION))

    @property
    def plan(self):
        """The plan shown: an array of shape (C, C), the mass that goes from class i to class j.

        Computed afresh by POT. Among plans of one cost it is the one that sends no mass a long
        way for the sake of another's short one, and rather to higher classes.
        """
        places = check_positions(self.positions, self.num_classes)
        way = (places - places[:, None]) / np.ptp(places)
        cost = abs(way) ** self.order + _TIE * (way - _DRIFT) ** 2
        return self._by_pot("exact_plan", "partial_plan", cost)

    @property
    def costs(self):
        """``{"closed_form": …, "plan": …, "exact": …}``, in class steps or the unit of positions.

        With l = 2 the unit is squared. ``closed_form`` is Σ|d|Δ or Σ d²Δ, and None where the
        masses differ; ``plan`` is what :attr:`plan` costs for each unit of mass that it moves;
        ``exact`` is POT's number, for unequal masses that of Eq. (1).
        """
        closed = {1: distances.emd, 2: distances.emd2}[self.order]
        plan = self.plan
        return {
            "closed_form": None
            if self._is_partial()
            else float(closed(self.p, self.t, positions=self.positions)),
            "plan": float(np.sum(plan * self._ground()) / plan.sum()),
            "exact": self._exact_cost(),
        }

    def _dials(self):
        order = self._dial(ipywidgets.IntSlider, "order", min=1, max=2, description="Order l")
        shares = {"min": LEAST_MASS, "max": 1.0, "step": 0.01}
        masses = [
            self._dial(
                ipywidgets.FloatSlider, f"mass_{side}", description=f"mass of {side}", **shares
            )
            for side in self._lists
        ]
        return [order, *masses]

    def figure(self):
        """Return a matplotlib Figure of the present state, ready for ``savefig``.

        The plan as ribbons, the CDFs of what it moves, and the plan as a matrix if that is shown.
        """
        from emdviz import plots

        plan, costs = self.plan, self.costs
        moved = plan.sum()
        shared = {"classes": self.classes, "positions": self.positions}
        count = 3 if self.matrix else 2
        with drawing(5.5 * count, 5) as figure:
            left, right, *more = figure.subplots(1, count)
            plots.plot_ribbons(plan, *self._masses(), ax=left, **shared)
            for ax in more:
                plots.plot_plan(plan, classes=self.classes, ax=ax)
            left.set_title(f"this plan {costs['plan']:.3f}   POT {costs['exact']:.3f}")
            plots.plot_cdf_gap(
                plan.sum(1) / moved,
                plan.sum(0) / moved,
                ax=right,
                labels=("prediction p", "target t"),
                **shared,
            )
            if costs["closed_form"] is None:
                right.set_title(f"of the mass moved, {moved:.2f}")
            else:
                name = {1: "Σ|d|Δ", 2: "Σ d²Δ"}[self.order]
                right.set_title(f"closed form {name} = {costs['closed_form']:.3f}")
        return figure

    def _answer(self, _=None):
        question = {name: getattr(self, name) for name in _QUESTION}
        if self._exact.get("question") != question:
            self._exact = {"question": question, "cost": self._exact_cost()}

    def _exact_cost(self):
        return float(self._by_pot("exact_cost", "partial_emd", self._ground()))

    def _by_pot(self, equal, partial, cost):
        """Ask POT for a plan or its cost per unit of mass."""
        from emdviz import transport  # importing POT takes seconds, which an import need not

        if self._is_partial():
            return getattr(transport, partial)(*self._masses(), cost=cost)
        solved = getattr(transport, equal)(self.p, self.t, cost=cost)
        return solved * self.mass_p if equal == "exact_plan" else solved

    def _is_partial(self):
        return not math.isclose(self.mass_p, self.mass_t, abs_tol=1e-9)

    def _masses(self):
        return tuple(
            mass * np.array(values) / sum(values)
            for values, mass in ((self.p, self.mass_p), (self.t, self.mass_t))
        )

    def _ground(self):
        return line(self.num_classes, positions=self.positions) ** self.order


def _examples(num_classes):
    """Return examples of mass to be moved, each with a label, p, t, mass_p and mass_t."""
    place = np.arange(num_classes)
    middle = (num_classes - 1) / 2
    hump = np.exp(-0.5 * ((place - 0.3 * (num_classes - 1)) / (0.12 * num_classes)) ** 2)
    hump[-1] = 0  # so that all of it can move one class up
    truth = num_classes // 3
    humps = presets.bimodal(num_classes)
    soft = presets.neighbours(num_classes, math.ceil(middle))
    centre = np.isin(place, [math.floor(middle), math.ceil(middle)])
    ends = np.isin(place, [0, num_classes - 1])
    far, _ = presets.far_and_near(num_classes, truth)
    pairs = {
        "two humps, soft target": (humps, soft),
        "Figure 1, far": (far, one_hot(truth, num_classes)),
        "one class further": (hump, np.roll(hump, 1)),
        "two humps, all in the middle": (humps, centre),
        "split both ways": (centre, ends),
        "equal": (humps, humps),
    }
    examples = [
        {"label": label, "p": (p / p.sum()).tolist(), "t": (t / t.sum()).tolist()}
        for label, (p, t) in pairs.items()
    ]
    masses = {"mass_p": 1.0, "mass_t": 1.0}
    unequal = examples[0] | {"label": "unequal masses", "mass_p": 1.0, "mass_t": 0.5}
    return [*(example | masses for example in examples), unequal]
