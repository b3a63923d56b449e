"""Sinkhorn's scalings: what they cost, how they err, and how plain ones break."""

from pathlib import Path
from typing import ClassVar

import ipywidgets
import numpy as np
import traitlets

from emdviz import distances
from emdviz._docstrings import fill
from emdviz.distributions import one_hot
from emdviz.explorers.kit.bundler import bundle
from emdviz.explorers.kit.distribution_explorer import DistributionExplorer, read_classes
from emdviz.explorers.kit.explorer import drawing, style_sheet
from emdviz.explorers.kit.traits import Distribution, Number, Pins, WholeNumber
from emdviz.ground_distance import line
from emdviz.palette import PREDICTION_A, TRUTH
from emdviz.transport import rounding

LEAST_LAMBDA, MOST_LAMBDA = 0.1, 1000.0
MOST_SCALINGS = 1000


@fill
class SinkhornExplorer(DistributionExplorer):
    """The entropic plan from a prediction p to a target t, scaling by scaling.

    Sinkhorn's method multiplies the rows and columns of the kernel exp(−λD) until its sums are p
    and t. The figure shows the plan after any number of scalings, its cost beside that of the
    exact plan, and how both errors fall: that of too few scalings, which more of them removes,
    and the blur of the entropy, which only a larger λ removes.

    It computes as the chosen numbers do. In the plain domain the kernel underflows where λD is
    large: then a cost of 0.0 comes without complaint, or NaN. The log domain does not underflow,
    but stopped early at a large λ it gives a silent 0.0 as well. With a one-hot target only one
    plan is possible, and the first scaling finds it for every λ.

    All of it runs in the browser and stays live while a cell runs. Bars are used as in
    :class:`TransportExplorer`.

    Parameters
    ----------
    p, t : array-like, shape (C,), optional
        The prediction and the target: probabilities, summing to 1. An example if missing.
    lam : float
        λ, 0.1 to 1000, which multiplies the distances; POT's ``reg`` is 1/λ.
    iterations : int
        Number of scalings, 1 to 1000; each is one of the columns and one of the rows.
    precision : {"float64", "float32"}
        To what every single operation is rounded.
    domain : {"log", "plain"}
        Whether u, v and the kernel are kept as logarithms.
    %(explorer_classes)s
    %(explorer_style)s

    Attributes
    ----------
    p, t, lam, iterations, precision, domain, classes, positions
        As above; read them, or set them and see the figure follow.
    %(explorer_traits)s

    Source
    ------
    Cuturi, *Sinkhorn distances*, 2013; Frogner et al., *Learning with a Wasserstein loss*, 2015.

    Examples
    --------
    >>> explorer = SinkhornExplorer([0.6, 0.3, 0.1], [0.1, 0.3, 0.6], lam=20, iterations=100)
    >>> {name: round(cost, 6) for name, cost in explorer.costs.items()}
    {'plan': 1.0, 'converged': 1.0, 'exact': 1.0}
    >>> explorer.lam, explorer.precision, explorer.domain = 125, "float32", "plain"
    >>> explorer.iterations = 10
    >>> explorer.costs["plan"]
    0.0
    """

    card: ClassVar = (
        "Approximate transport",
        "Entropy and scalings: where they are right, blurred, silently 0.0 or NaN.",
    )
    _esm = bundle(Path(__file__).parent / "sinkhorn.js")
    _css = style_sheet("sinkhorn", "kit/kit.css", "kit/plan_matrix.css", "sinkhorn/sinkhorn.css")
    _lists: ClassVar = {"p": ("Prediction p", PREDICTION_A), "t": ("Target t", TRUTH)}

    p = Distribution().tag(sync=True)
    t = Distribution().tag(sync=True)
    pinned_p = Pins().tag(sync=True)
    pinned_t = Pins().tag(sync=True)
    lam = Number(1.0, LEAST_LAMBDA, MOST_LAMBDA).tag(sync=True)
    iterations = WholeNumber(2, 1, MOST_SCALINGS).tag(sync=True)
    precision = traitlets.Enum(list(rounding.PRECISIONS), default_value="float64").tag(sync=True)
    domain = traitlets.Enum(list(rounding.DOMAINS), default_value="log").tag(sync=True)

    def __init__(
        self,
        p=None,
        t=None,
        *,
        lam=1.0,
        iterations=2,
        precision="float64",
        domain="log",
        classes=None,
        positions=None,
        style="notebook",
        **kwargs,
    ):
        classes, count = read_classes(classes, p=p, t=t, positions=positions)
        examples = _examples(count)
        super().__init__(
            {"p": p, "t": t},
            example=examples[1],
            classes=classes,
            positions=positions,
            style=style,
            lam=lam,
            iterations=iterations,
            precision=precision,
            domain=domain,
            _presets=examples,
            **kwargs,
        )

    @property
    def scalings(self):
        """What each scaling up to the present one brought, as ``transport.rounding.Scalings``.

        Computed afresh from the present state, as are :attr:`plan` and :attr:`costs`.
        """
        return rounding.scale(
            *self._problem(),
            lam=self.lam,
            iterations=self.iterations,
            precision=self.precision,
            domain=self.domain,
        )

    @property
    def plan(self):
        """The plan shown: an array of shape (C, C), the mass that goes from class i to class j."""
        return self.scalings.plan

    @property
    def costs(self):
        """``{"plan": …, "converged": …, "exact": …}``, in class steps or the unit of positions.

        ``plan`` is Σ F_ij D_ij after the present number of scalings and may be NaN; ``converged``
        is what it would be after any number of them and without rounding; ``exact`` is EMD.
        """
        p, t, ground = self._problem()
        converged = rounding.converged_plan(p, t, ground, lam=self.lam)
        return {
            "plan": float(self.scalings.costs[-1]),
            "converged": float(np.sum(converged * ground)),
            "exact": float(distances.emd(p, t, positions=self.positions)),
        }

    def _dials(self):
        scale = {"min": -1, "max": 3, "step": 0.05, "description": "λ"}
        count = {"min": 1, "max": MOST_SCALINGS, "description": "Scalings"}
        return [
            self._dial(ipywidgets.FloatLogSlider, "lam", **scale),
            self._dial(ipywidgets.IntSlider, "iterations", **count),
        ]

    def figure(self):
        """Return a matplotlib Figure of the present state, ready for ``savefig``.

        The plan at the left; at the right the cost and its errors after every scaling.
        """
        from emdviz import plots

        found, costs = self.scalings, self.costs
        with drawing(12, 5) as figure:
            left, right = figure.subplots(1, 2)
            plots.plot_plan(np.nan_to_num(found.plan, posinf=0), classes=self.classes, ax=left)
            left.set_title(
                f"λ = {self.lam:g}, {self.precision}, {self.domain}: {costs['plan']:.4g}"
            )
            plots.plot_scalings(
                found.costs[1:], found.column_errors[1:], ax=right,
                converged=costs["converged"], exact=costs["exact"],
            )  # fmt: skip
            right.set_title(f"converged {costs['converged']:.4g}   exact {costs['exact']:.4g}")
        return figure

    def _problem(self):
        ground = line(self.num_classes, positions=self.positions)
        return np.array(self.p), np.array(self.t), ground


def _examples(num_classes):
    """Return examples of what can be seen, each a label and a state."""
    place = np.arange(num_classes)
    middle = (num_classes - 1) / 2
    low, high = (
        0.05 + np.exp(-0.5 * ((place - centre * middle) / (0.2 * num_classes)) ** 2)
        for centre in (0.5, 1.5)
    )
    hot = one_hot(min(num_classes - 1, round(1.4 * middle)), num_classes)
    single = {"precision": "float32", "lam": 125.0}
    rows = [
        ("one-hot target", hot, {"lam": 1.0, "iterations": 1, "domain": "plain"}),
        ("soft target", high, {"lam": 1.0, "iterations": 100}),
        ("too few scalings", high, {"lam": 10.0, "iterations": num_classes + 2}),
        (
            "float32 underflow: silent zero",
            high,
            single | {"iterations": 10, "domain": "plain"},
        ),
        ("NaN", hot, single | {"iterations": 10, "domain": "plain"}),
        ("log domain mends it", high, single | {"iterations": MOST_SCALINGS}),
        ("log domain stopped early: silent zero", high, {"lam": 1000.0, "iterations": 100}),
    ]
    usual = {"precision": "float64", "domain": "log", "p": (low / low.sum()).tolist()}
    return [
        {"label": label, "t": (t / t.sum()).tolist()} | usual | state for label, t, state in rows
    ]
