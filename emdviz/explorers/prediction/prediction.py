"""Two predictions over ordered classes, side by side, and what four losses make of them."""

import asyncio
import math
import threading
from pathlib import Path
from typing import ClassVar

import ipywidgets
import numpy as np
import traitlets

from emdviz._docstrings import fill
from emdviz.distributions import one_hot
from emdviz.explorers.kit import presets
from emdviz.explorers.kit.asking import QUICK, AskingExplorer, plain
from emdviz.explorers.kit.bundler import bundle
from emdviz.explorers.kit.distribution_explorer import read_classes
from emdviz.explorers.kit.explorer import drawing, style_sheet
from emdviz.explorers.kit.traits import (
    ClassIndex,
    Distribution,
    Pins,
    read_class_index,
    read_prediction,
)
from emdviz.explorers.prediction.equal_loss import matched
from emdviz.losses.loss import look_of
from emdviz.palette import PREDICTION_A, PREDICTION_B

_LETTERS = {"p": "A", "q": "B"}


@fill
class PredictionExplorer(AskingExplorer):
    """Two predictions, A and B, of one ordered class: drag a bar and watch their losses.

    Cross-entropy sees only the probability of the true class; the squared Earth Mover's
    Distance sees where the rest lies. The default pair is like that of Figure 1 of the paper:
    the same cross-entropy, and B plainly the better prediction.

    ``display(explorer)`` shows the figure. ``explorer.panel()`` shows it with an ipywidgets
    slider for every class, and ``explorer.sliders()`` is these sliders alone. All of it runs in
    the browser and stays live while a cell runs.

    Drag a bar up or down, or focus it and use the arrow keys, Page Up, Page Down, Home and End: its
    class takes the value and the others share the rest in their old proportions. Drag it sideways
    to another bar, and that one takes from it alone; so do the keys after c was pressed on it,
    until Escape. A double click or the key p pins a class; a click on its name or the key t makes
    it the true one.

    Parameters
    ----------
    p, q : array-like, shape (C,), optional
        Predictions A and B: probabilities, summing to 1. A missing one is made from the other,
        with the same probability of the true class.
    target : int
        Index of the true class.
    %(explorer_classes)s
    equal_xe : bool, optional
        Tie the true class of A and B, and offer a slider that moves the rest of B; by default
        where both give the true class the same probability, as Figure 1's pair does.
    equal_loss : str, optional
        The name of a loss shown, of any kind, to keep equal: where one prediction is moved, the
        other follows, mixed with certainty of the true class or of a mistake until it costs the
        same. Python computes that; "" keeps nothing equal.
    %(explorer_show)s
    %(explorer_style)s

    Attributes
    ----------
    p, q, target, classes, positions, equal_xe, equal_loss
        As above; read them, or set them and see the figure follow.
    %(explorer_traits)s

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

    card: ClassVar = (
        "Two predictions",
        "Drag a bar and watch four losses: cross-entropy stays, EMD² moves.",
    )
    _esm = bundle(Path(__file__).parent / "prediction.js")
    _css = style_sheet("prediction", "kit/kit.css")
    _figure: ClassVar = "prediction"
    _question: ClassVar = ("p", "q", "target", "positions")
    _lists: ClassVar = {"p": ("Prediction A", PREDICTION_A), "q": ("Prediction B", PREDICTION_B)}

    p = Distribution().tag(sync=True)
    q = Distribution().tag(sync=True)
    target = ClassIndex().tag(sync=True)
    pinned_p = Pins().tag(sync=True)
    pinned_q = Pins().tag(sync=True)
    equal_xe = traitlets.Bool().tag(sync=True)
    _limit = traitlets.Unicode().tag(sync=True)

    def __init__(
        self,
        p=None,
        q=None,
        *,
        target=0,
        classes=None,
        positions=None,
        equal_xe=None,
        equal_loss="",
        show=None,
        style="notebook",
        **kwargs,
    ):
        classes, count = read_classes(classes, p=p, q=q, positions=positions)
        target = read_class_index(target, "target", count)
        p, q = _complete(p, q, target, count)
        if equal_xe is None and equal_loss:
            equal_xe = False
        if equal_xe is None:
            equal_xe = math.isclose(p[target], q[target], abs_tol=1e-6)
        super().__init__(
            {"p": p, "q": q},
            classes=classes,
            positions=positions,
            style=style,
            target=target,
            equal_xe=equal_xe,
            _presets=presets.all_presets(count),
            show=show,
            **kwargs,
        )
        # what each prediction was when it was last moved, and not only followed
        self._stood, self._moved = {"p": self.p, "q": self.q}, "p"
        self._searching = self._follows = False
        self.add_traits(equal_loss=traitlets.Enum(["", *self._shown], "").tag(sync=True))
        self.observe(self._keep_equal, ["p", "q", "target", "positions", "equal_loss"])
        self.equal_loss = equal_loss

    @property
    def losses(self):
        """What the losses make of A and B: ``{"A": {"XE": …, "REG": …, …}, "B": …}``.

        XE in nats, EMD and EMD2 in the unit of the positions (class steps by default), REG in
        its square; None where a loss takes no probabilities. Computed afresh from the present
        state, by :mod:`emdviz.propriety`.
        """
        return {
            letter: {loss: self._value(loss, getattr(self, name)) for loss in self._shown}
            for name, letter in _LETTERS.items()
        }

    def _value(self, loss, p):
        cost = self._cost(loss, one_hot(self.target, self.num_classes), self.positions)
        return cost and cost(p)

    def _answer(self, problem, question):
        truth = one_hot(question["target"], self.num_classes)
        return {
            letter: plain(problem.at(question[name], truth)) for name, letter in _LETTERS.items()
        }

    def _beforehand(self):
        """Every example as A and as B."""
        for example in self._presets.values():
            for target, p in enumerate(example["rows"]):
                yield {"p": p, "q": p, "target": target, "positions": self.positions}

    def _dials(self):
        options = {"options": self.classes, "description": "True class"}
        return [self._dial(ipywidgets.SelectionSlider, "target", attribute="index", **options)]

    def figure(self):
        """Return a matplotlib Figure of the present state, ready for ``savefig``.

        Bars above, CDF steps below, A left, B right; the losses stand in the titles.
        """
        from emdviz import plots
        from emdviz.plots.labels import literal

        truth = one_hot(self.target, self.num_classes)
        shared = {"classes": self.classes, "positions": self.positions}
        with drawing(10, 6) as figure:
            axes = figure.subplots(2, 2, sharey="row")
            for column, (name, (_, colour)) in enumerate(self._lists.items()):
                p = np.array(getattr(self, name))
                bars, steps = axes[:, column]
                plots.plot_prediction(p, self.target, ax=bars, colour=colour, **shared)
                plots.plot_cdf_gap(p, truth, ax=steps, colour=colour, **shared)
                said = [
                    f"{literal(look_of(loss).label)} {value:.3f}"
                    for loss, value in self.losses[_LETTERS[name]].items()
                    if value is not None
                ]
                half = (len(said) + 1) // 2
                bars.set_title("   ".join([_LETTERS[name], *said[:half]]))
                steps.set_title("   ".join(said[half:]))
        return figure

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
    def _untie(self, _):
        if self.equal_xe and not self._equal_at_target():
            self.equal_xe = False

    @traitlets.observe("equal_xe")
    def _one_lock(self, change):
        if change["new"] and getattr(self, "equal_loss", ""):
            self.equal_loss = ""

    def _keep_equal(self, change):
        """Let the prediction that was not moved follow the one that was."""
        if self._follows:
            return
        name = change["name"]
        if name == "equal_loss":
            self._stood, self._moved = {"p": self.p, "q": self.q}, "p"
        elif name in _LETTERS:
            if change["new"] != getattr(self, name):  # it has followed meanwhile
                return
            self._stood[name], self._moved = change["new"], name
        if not self.equal_loss:
            self._limit = ""
            return
        self.equal_xe = False
        self._search()

    def _search(self):
        """Search for the prediction that follows: at once, or in a thread for a slow loss."""
        if self._searching:
            return  # which begins anew when it ends, as the state has changed
        loss, asked = self._equal_state(), self._asked.get(self.equal_loss)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # no kernel that could be kept waiting
            loop = None
        if loop is None or asked is None or asked.seconds <= QUICK:
            self._follow(loss, self._matched(*loss))
            return
        self._searching = True

        def work():
            found = self._matched(*loss)
            loop.call_soon_threadsafe(self._end_search, loss, found)

        threading.Thread(target=work, daemon=True).start()

    def _end_search(self, state, found):
        self._searching = False
        if state == self._equal_state():
            self._follow(state, found)
        elif self.equal_loss:
            self._search()

    def _equal_state(self):
        follower = "q" if self._moved == "p" else "p"
        lead, stood = getattr(self, self._moved), self._stood[follower]
        return self.equal_loss, self.target, self.positions, follower, [*lead], [*stood]

    def _matched(self, loss, target, positions, follower, lead, stood):
        """Return the prediction that follows, or in words why there is none."""
        try:
            cost = self._cost(loss, one_hot(target, len(lead)), positions)
            if cost is None:
                return f"{loss} takes no p, so that nothing can be kept equal."
            found = matched(cost, stood, cost(lead), target)
        except Exception as error:  # a loss of the user's may raise anything
            return f"{loss} failed: {type(error).__name__}: {error}"[:160]
        if found is None:
            one, other = _LETTERS[follower], _LETTERS["q" if follower == "p" else "p"]
            return f"{one} stays: as far as was searched, it cannot cost the same as {other}."
        return [*map(float, found)]

    def _follow(self, state, found):
        if isinstance(found, str):
            self._limit = found
            return
        self._follows = True
        try:
            with self.hold_sync():
                self._limit = ""
                self.set_trait(state[3], found)
        finally:
            self._follows = False

    def _equal_at_target(self):
        return math.isclose(self.p[self.target], self.q[self.target], abs_tol=1e-6)


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
