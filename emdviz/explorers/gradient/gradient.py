"""The gradient of five losses on the logits of one prediction, and a walk down each of them."""

from pathlib import Path
from typing import ClassVar

import numpy as np
import traitlets

from emdviz._docstrings import fill
from emdviz.explorers.kit import presets
from emdviz.explorers.kit.asking import AskingExplorer, plain
from emdviz.explorers.kit.bundler import bundle
from emdviz.explorers.kit.distribution_explorer import read_classes
from emdviz.explorers.kit.explorer import drawing, style_sheet
from emdviz.explorers.kit.traits import (
    ClassIndex,
    Distribution,
    Number,
    Pins,
    as_trait,
    read_class_index,
    read_prediction,
)
from emdviz.losses import LOSSES
from emdviz.losses.descent import FLOOR, descend, walk
from emdviz.losses.loss import look_of
from emdviz.palette import PREDICTION_A
from emdviz.reading import read_count

MOST = 1e6
"""The greatest weight and learning rate; what is larger only overflows."""

MOST_STEPS = 200
"""How many steps the explorer takes from one start."""

_LIMITS = {
    "floor": FLOOR,
    "steps": MOST_STEPS,
    "rates": [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0],
    "weight": 5.0,
}


class WalkState(traitlets.Dict):
    """How many steps were taken, and from which prediction, p, and true class, target."""

    def validate(self, obj, value):
        """Read a dict with these three, and no more steps than there may be."""
        value = super().validate(obj, value)
        if value.keys() != {"steps", "p", "target"}:
            raise traitlets.TraitError(f"{self.name} must hold steps, p and target, got {value}")
        return {
            "steps": as_trait(read_count, value["steps"], "steps", 0, MOST_STEPS),
            "p": read_prediction(value["p"], "p", obj.num_classes),
            "target": read_class_index(value["target"], "target", obj.num_classes),
        }


@fill
class GradientExplorer(AskingExplorer):
    """One prediction, the push of each loss on each of its logits, and steps down each loss.

    A *push* is the negative gradient −∂L/∂z_i, drawn upwards where a step raises the logit. Where
    a softmax is certain and wrong, cross-entropy pushes with all its force and the squared Earth
    Mover's Distance hardly at all: one good reason to add the two. *Take a step* moves a copy
    of the prediction down every loss, z ← z − learning_rate · ∂L/∂z, and leaves trails: what is
    left of each loss, and the probability of the true class. When the prediction or the true class
    changes, the walk starts anew; when a rate or a weight changes, it is walked again.

    The logits are z = ln p themselves, as if a network could set each of them freely. Probabilities
    below 1e-9 count as 1e-9. REG is the squared error of the expected class E[p], and its gradient
    passes through the softmax, since here it has no linear output of its own.

    ``display(explorer)`` shows the figure, ``explorer.panel()`` shows it with an ipywidgets slider
    for every class. All of it runs in the browser and stays live while a cell runs.

    Drag a bar, or focus it and use the arrow keys, Page Up, Page Down, Home and End. A double
    click or the key p pins a class; a click on its name or the key t makes it the true one.

    Parameters
    ----------
    p : array-like, shape (C,), optional
        The prediction: probabilities, summing to 1; nearly certain of the class furthest from the
        true one by default.
    target : int
        Index of the true class.
    %(explorer_classes)s
    emd_weight : float
        Weight of EMD² in XE + EMD².
    learning_rate : float
        How far a step goes.
    own_scale : bool
        Draw the pushes of every loss on its own scale, not on a shared one.
    steps : int
        How many steps are taken at first, 0 to 200.
    %(explorer_show)s
    %(explorer_style)s

    Attributes
    ----------
    p, target, classes, positions, emd_weight, learning_rate, own_scale
        As above; read them, or set them and see the figure follow.
    %(explorer_traits)s

    References
    ----------
    Hou et al. 2017, section 2; Hou, Yu, Samaras 2016, arXiv 1611.05916, for XE + EMD².

    Examples
    --------
    >>> explorer = GradientExplorer([0.25, 0.25, 0.5], target=0)
    >>> explorer.gradients["XE"]
    array([-0.75,  0.25,  0.5 ])
    >>> explorer.steps = 10
    >>> explorer.trails["EMD2"][10] < explorer.trails["EMD2"][0]
    True
    """

    card: ClassVar = (
        "How a loss pushes",
        "How hard each loss pushes each logit, and where its steps lead.",
    )
    _esm = bundle(Path(__file__).parent / "gradient.js")
    _css = style_sheet("gradient", "kit/kit.css", "gradient/gradient.css")
    _figure: ClassVar = "gradient"
    _question: ClassVar = ("p", "target", "positions", "learning_rate", "_walk")
    _lists: ClassVar = {"p": ("Prediction", PREDICTION_A)}

    p = Distribution().tag(sync=True)
    target = ClassIndex().tag(sync=True)
    pinned_p = Pins().tag(sync=True)
    emd_weight = Number(1.0, 0.0, MOST).tag(sync=True)
    learning_rate = Number(0.5, 1e-12, MOST).tag(sync=True)
    own_scale = traitlets.Bool(False).tag(sync=True)
    # the steps taken together with their start: with another p or target they count no more,
    # whichever of the browser's and the kernel's messages comes first
    _walk = WalkState(allow_none=True, default_value=None).tag(
        sync=True, from_browser=True, address={"kind": "steps", "high": MOST_STEPS}
    )
    _limits = traitlets.Dict(_LIMITS).tag(sync=True)

    def __init__(
        self,
        p=None,
        *,
        target=0,
        classes=None,
        positions=None,
        emd_weight=1.0,
        learning_rate=0.5,
        own_scale=False,
        show=None,
        steps=10,
        style="notebook",
        **kwargs,
    ):
        classes, count = read_classes(classes, p=p, positions=positions)
        target = read_class_index(target, "target", count)
        super().__init__(
            {"p": presets.confident_and_wrong(count, target).tolist() if p is None else p},
            classes=classes,
            positions=positions,
            style=style,
            target=target,
            emd_weight=emd_weight,
            learning_rate=learning_rate,
            own_scale=own_scale,
            _presets=presets.descent_presets(count),
            show=show,
            **kwargs,
        )
        self.steps = steps

    @property
    def steps(self):
        """How many steps were taken from the present prediction; set it to walk there."""
        walk = self._walk
        if walk and (walk["p"], walk["target"]) == (self.p, self.target):
            return walk["steps"]
        return 0

    @steps.setter
    def steps(self, value):
        count = as_trait(read_count, value, "steps", 0, MOST_STEPS)
        self._walk = {"steps": count, "p": self.p, "target": self.target} if count else None

    @property
    def losses(self):
        """Value of each loss at p: ``{"XE": …, "REG": …, "EMD": …, "EMD2": …, "XEMD2": …}``.

        XE in nats, EMD and EMD2 in the unit of the positions (class steps by default), REG in its
        square; None where a loss takes no probabilities. Computed afresh from the present state,
        as are the other properties.
        """
        return self._of_each(0, lambda walk: float(walk.losses[0]))

    @property
    def gradients(self):
        """Gradient of each loss on the logits at p, an array of shape (C,)."""
        return self._of_each(0, lambda walk: walk.gradients[0])

    @property
    def trails(self):
        """Values of each loss along its walk, from the start on: a list of ``steps`` + 1."""
        return self._of_each(self.steps, lambda walk: walk.losses.tolist())

    @property
    def reached(self):
        """Prediction at the end of each loss's walk, an array of shape (C,)."""
        return self._of_each(self.steps, lambda walk: walk.predictions[-1])

    def _of_each(self, steps, read):
        walks = {name: self._descent(name, steps) for name in self._shown}
        return {name: None if walk is None else read(walk) for name, walk in walks.items()}

    def figure(self):
        """Return a matplotlib Figure of the present state, ready for ``savefig``.

        Left the prediction, and once steps were taken the two trails; right the pushes.
        """
        from emdviz import plots
        from emdviz.plots.labels import literal

        shared = {"classes": self.classes, "positions": self.positions}
        walks = self._of_each(self.steps, lambda walk: walk)
        walks = {name: walk for name, walk in walks.items() if walk is not None}
        pushes = {name: -walk.gradients[0] for name, walk in walks.items()}
        limit = max((np.abs(push).max() for push in pushes.values()), default=None)
        with drawing(12, max(9, 1.8 * len(pushes))) as figure:
            left, right = figure.subfigures(1, 2, width_ratios=(1, 1.1))
            prediction, *below = left.subplots(3 if self.steps else 1, 1, squeeze=False)[:, 0]
            plots.plot_prediction(
                np.array(self.p), self.target, ax=prediction, colour=PREDICTION_A, **shared
            )
            prediction.set_title("Prediction")
            if below:
                left_of = {name: _shares(walk.losses) for name, walk in walks.items()}
                truth = {name: walk.predictions[:, self.target] for name, walk in walks.items()}
                plots.plot_trails(left_of, ax=below[0], ylabel="what is left of the loss")
                plots.plot_trails(truth, ax=below[1], ylabel="probability of the true class")
            every = right.subplots(max(1, len(pushes)), 1, squeeze=False)[: len(pushes), 0]
            for ax, (name, push) in zip(every, pushes.items(), strict=True):
                plots.plot_pushes(
                    push,
                    ax=ax,
                    colour=look_of(name).colour,
                    limit=None if self.own_scale else limit,
                    **shared | {"classes": self.classes if name == [*walks][-1] else None},
                )
                if name != [*walks][-1]:
                    ax.set_xticklabels([])
                ax.set_title(
                    f"{literal(self._label(name))}   loss {walks[name].losses[0]:.3f}   "
                    f"gradient norm {np.linalg.norm(push):.3g}"
                )
        return figure

    def _label(self, name):
        if name == "XEMD2" and self.emd_weight != 1:
            return f"{LOSSES['XE'].label} + {self.emd_weight:.3g} {LOSSES['EMD2'].label}"
        return look_of(name).label

    def _descent(self, name, steps):
        """Return the walk down a loss, or None where it takes no probabilities."""
        if name in self._asked:
            problem = self._problem(name, self.positions)
            return self._walked(problem, self.p, self.target, steps) if problem.is_free else None
        return descend(
            name,
            self.p,
            self.target,
            steps=steps,
            learning_rate=self.learning_rate,
            positions=self.positions,
            emd_weight=self.emd_weight,
        )

    def _walked(self, problem, p, target, steps):
        p = np.maximum(np.array(p), FLOOR)
        return walk(lambda log_p: problem.slope(log_p, target), p, steps, self.learning_rate)

    def _answer(self, problem, question):
        p, target, taken = question["p"], question["target"], question["_walk"]
        here = taken and (taken["p"], taken["target"]) == (p, target)
        found = self._walked(problem, p, target, taken["steps"] if here else 0)
        if not np.isfinite(found.gradients).all():
            raise ValueError("its gradient is not finite")
        return {
            "values": [plain(value) for value in found.losses],
            "truth": found.predictions[:, target].tolist(),
            "prediction": found.predictions[-1].tolist(),
            "gradient": found.gradients[0].tolist(),
        }

    def _beforehand(self):
        """Yield every example, with no steps taken and with ten."""
        for example in self._presets.values():
            for target, p in enumerate(example["rows"]):
                state = {"p": p, "target": target, "positions": self.positions}
                for taken in (None, {"steps": 10, "p": p, "target": target}):
                    yield state | {"learning_rate": self.learning_rate, "_walk": taken}


def _shares(losses):
    """Return the losses as shares of the first one; zeros where that is zero."""
    return losses / losses[0] if losses[0] > 1e-12 else np.zeros_like(losses)
