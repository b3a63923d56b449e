"""Two predictions over ordered classes, side by side, and what four losses make of them."""

import math

import ipywidgets
import numpy as np
import traitlets

from emdviz import distances
from emdviz.distributions import expectation, one_hot
from emdviz.explorers import presets
from emdviz.explorers._base import Explorer, join_modules, style_sheet
from emdviz.explorers._traits import (
    ClassIndex,
    ClassNames,
    Pins,
    Positions,
    Prediction,
    read_class_index,
    read_prediction,
)
from emdviz.style import PREDICTION_A, PREDICTION_B

ADIENCE_AGE_GROUPS = ["0-2", "4-6", "8-13", "15-20", "25-32", "38-43", "48-53", "60+"]

SLIDER_STEPS = 100
"""Steps of a slider between 0 and 1; the browser rounds to the same grid."""

_LISTS = {"p": PREDICTION_A, "q": PREDICTION_B}
_LETTERS = {"p": "A", "q": "B"}


class PredictionExplorer(Explorer):
    """Two predictions, A and B, of one ordered class: drag a bar and watch four losses.

    Cross-entropy sees only the probability of the true class; the squared Earth Mover's
    Distance sees where the rest lies. The default pair is like that of Figure 1 of the paper:
    the same cross-entropy, and B plainly the better prediction.

    ``display(explorer)`` shows the figure. ``explorer.panel()`` shows it with an ipywidgets
    slider for every class, and ``explorer.sliders()`` is these sliders alone. All of it runs in
    the browser and stays live while a cell runs.

    Drag a bar, or focus it and use the arrow keys, Page Up, Page Down, Home and End: its class
    takes the value and the others share the rest in their old proportions. A double click or the
    key p pins a class; a click on its name or the key t makes it the true one.

    Parameters
    ----------
    p, q : array-like, shape (C,), optional
        Predictions A and B: probabilities, summing to 1. A missing one is made from the other,
        with the same probability of the true class.
    target : int
        Index of the true class.
    classes : sequence of str, optional
        Names of the classes, in order; the eight age groups of Adience if nothing else says how
        many classes there are, else their indices.
    positions : array-like, shape (C,), optional
        Where the classes lie on the line, increasing; 0, 1, …, C − 1 by default.
    equal_xe : bool
        Tie the true class of A and B, and offer a slider that moves the rest of B.
    style : {"notebook", "projector"}
        How large the text is.

    Attributes
    ----------
    p, q, target, classes, positions, equal_xe
        As above; read them, or set them and see the figure follow.
    pinned_p, pinned_q : list of int
        Classes that keep their probability while others move.
    p_0, p_1, …, q_0, q_1, … : float
        The same probabilities to a hundredth, one by one, for ``jslink`` with a widget of yours.
        The browser keeps them and p and q in step; in Python, set p and q.

    Raises
    ------
    traitlets.TraitError
        If a value does not fit; it names the trait, what was expected and what came, and the
        explorer stays as it was.

    Source
    ------
    Hou, Yu, Samaras 2017, Figure 1 and section 2.

    Examples
    --------
    >>> explorer = PredictionExplorer([0.5, 0.0, 0.5], [0.5, 0.5, 0.0])
    >>> explorer.losses["A"]["XE"] == explorer.losses["B"]["XE"]
    True
    >>> explorer.losses["A"]["EMD2"], explorer.losses["B"]["EMD2"]
    (0.5, 0.25)
    """

    _esm = join_modules(
        "common.js",
        "ordinal.js",
        "owner.js",
        "chart.js",
        "pointer.js",
        "controls.js",
        "describe.js",
        "prediction.js",
    )
    _css = style_sheet("prediction.css")

    p = Prediction().tag(sync=True)
    q = Prediction().tag(sync=True)
    target = ClassIndex().tag(sync=True)
    classes = ClassNames().tag(sync=True)
    positions = Positions().tag(sync=True)
    pinned_p = Pins().tag(sync=True)
    pinned_q = Pins().tag(sync=True)
    equal_xe = traitlets.Bool().tag(sync=True)
    _presets = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        p=None,
        q=None,
        *,
        target=0,
        classes=None,
        positions=None,
        equal_xe=False,
        style="notebook",
        **kwargs,
    ):
        self.num_classes = _count(p=p, q=q, classes=classes, positions=positions)
        if classes is None:
            free = p is None and q is None and positions is None
            classes = ADIENCE_AGE_GROUPS if free else [str(i) for i in range(self.num_classes)]
        target = read_class_index(target, "target", self.num_classes)
        p, q = _complete(p, q, target, self.num_classes)
        self.add_traits(
            **{
                f"{name}_{i}": traitlets.Float(_on_grid(value)).tag(sync=True)
                for name, values in (("p", p), ("q", q))
                for i, value in enumerate(values)
            }
        )
        super().__init__(
            p=p,
            q=q,
            target=target,
            classes=classes,
            positions=positions,
            pinned_p=[],
            pinned_q=[],
            equal_xe=equal_xe,
            _presets=presets.table(self.num_classes),
            _text_scale=self.text_scale(style),
            **kwargs,
        )

    @property
    def losses(self):
        """What the losses make of A and B: ``{"A": {"XE": …, "EMD": …, "EMD2": …, "REG": …}, …}``.

        XE in nats, EMD and EMD2 in the unit of the positions (class steps by default), REG in
        its square. Computed afresh from the present state, by :mod:`emdviz.distances`.
        """
        return {
            letter: _losses(np.array(getattr(self, name)), self.target, self.positions)
            for name, letter in _LETTERS.items()
        }

    def sliders(self):
        """Return ipywidgets sliders for the true class and for every class of A and B.

        They are linked in the browser, so they work while the kernel is busy.
        """
        target = ipywidgets.SelectionSlider(
            options=self.classes,
            index=self.target,
            description="True class",
            layout=ipywidgets.Layout(width="auto", max_width="30em"),
        )
        ipywidgets.jslink((self, "target"), (target, "index"))
        columns = ipywidgets.Box(
            [self._slider_column(name) for name in _LISTS],
            layout=ipywidgets.Layout(flex_flow="row wrap", grid_gap="0 2em"),
        )
        return ipywidgets.VBox([target, columns])

    def panel(self):
        """Return the figure with its sliders below."""
        return ipywidgets.VBox([self, self.sliders()])

    def figure(self):
        """Return a matplotlib Figure of the present state, ready for ``savefig``.

        Bars above, CDF steps below, A left, B right; the losses stand in the titles.
        """
        from matplotlib.figure import Figure

        from emdviz import plots
        from emdviz.style import style

        truth = one_hot(self.target, self.num_classes)
        shared = {"classes": self.classes, "positions": self.positions}
        with style("notebook"):
            figure = Figure(figsize=(10, 6), layout="constrained")
            axes = figure.subplots(2, 2, sharey="row")
            for column, (name, colour) in enumerate(_LISTS.items()):
                p = np.array(getattr(self, name))
                bars, steps = axes[:, column]
                plots.plot_prediction(p, self.target, ax=bars, colour=colour, **shared)
                plots.plot_cdf_gap(p, truth, ax=steps, colour=colour, **shared)
                losses = self.losses[_LETTERS[name]]
                bars.set_title(
                    f"{_LETTERS[name]}   XE {losses['XE']:.3f}   REG {losses['REG']:.3f}"
                )
                steps.set_title(f"EMD {losses['EMD']:.3f}   EMD² {losses['EMD2']:.3f}")
        return figure

    def _slider_column(self, name):
        width = f"{min(max(len(text) for text in self.classes) * 0.6 + 1, 12):.1f}em"
        head = ipywidgets.HTML(f"<b>Prediction {_LETTERS[name]}</b>")
        rows = [head]
        for i, text in enumerate(self.classes):
            slider = ipywidgets.FloatSlider(
                value=getattr(self, f"{name}_{i}"),
                min=0.0,
                max=1.0,
                step=1 / SLIDER_STEPS,
                readout_format=".2f",
                description=text,
                style={"description_width": width, "handle_color": _LISTS[name]},
                layout=ipywidgets.Layout(width="auto"),
            )
            ipywidgets.jslink((self, f"{name}_{i}"), (slider, "value"))
            rows.append(slider)
        return ipywidgets.VBox(rows, layout=ipywidgets.Layout(flex="1 1 18em", min_width="0"))

    @traitlets.validate("equal_xe")
    def _check_equal_xe(self, proposal):
        if proposal["value"] and not self._equal_at_target():
            a, b = self.p[self.target], self.q[self.target]
            raise traitlets.TraitError(
                "equal_xe needs p and q to give the true class the same probability, "
                f"got p[{self.target}] = {a:.6g} and q[{self.target}] = {b:.6g}"
            )
        return proposal["value"]

    @traitlets.observe("p", "q", "target")
    def _follow(self, change):
        if self.equal_xe and not self._equal_at_target():
            self.equal_xe = False
        if change["name"] in _LISTS:
            for i, value in enumerate(change["new"]):
                self.set_trait(f"{change['name']}_{i}", _on_grid(value))

    def _equal_at_target(self):
        return math.isclose(self.p[self.target], self.q[self.target], abs_tol=1e-6)


def _losses(p, target, positions):
    truth = one_hot(target, len(p))
    x = np.arange(len(p)) if positions is None else np.asarray(positions)
    return {
        "XE": -math.log(p[target]) if p[target] > 0 else math.inf,
        "EMD": float(distances.emd(p, truth, positions=positions)),
        "EMD2": float(distances.emd2(p, truth, positions=positions)),
        "REG": float((expectation(p, positions=positions) - x[target]) ** 2),
    }


def _count(**given):
    """Return how many classes the arguments speak of, all alike."""
    for name, values in given.items():
        if values is not None and (isinstance(values, str) or not hasattr(values, "__len__")):
            raise traitlets.TraitError(f"{name} must be a list, one item per class, got {values!r}")
    lengths = {name: len(values) for name, values in given.items() if values is not None}
    if len(set(lengths.values())) > 1:
        raise traitlets.TraitError(f"all must have one item per class, got {_spell(lengths)}")
    count = next(iter(lengths.values()), len(ADIENCE_AGE_GROUPS))
    if count < 2:
        raise traitlets.TraitError(f"there must be at least 2 classes, got {_spell(lengths)}")
    return count


def _spell(lengths):
    return ", ".join(f"{length} in {name}" for name, length in lengths.items())


def _complete(p, q, target, num_classes):
    """Read p and q; make a missing one like its counterpart in Figure 1, with equal XE."""
    p, q = (
        None if values is None else read_prediction(values, name, num_classes)
        for name, values in (("p", p), ("q", q))
    )
    far, near = presets.far_and_near(num_classes, target)
    if p is None:
        p = far if q is None else _with_share(far, target, q[target])
    if q is None:
        q = near if p is far else _with_share(near, target, p[target])
    return list(map(float, p)), list(map(float, q))


def _with_share(p, target, share):
    scaled = p * (1 - share) / (1 - p[target])
    scaled[target] = share
    return scaled


def _on_grid(value):
    return math.floor(value * SLIDER_STEPS + 0.5) / SLIDER_STEPS
