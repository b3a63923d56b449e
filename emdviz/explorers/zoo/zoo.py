"""A table of losses: what each makes of mistakes, and what it rewards."""

import atexit
import functools
import json
import threading
from pathlib import Path
from typing import ClassVar

import numpy as np
import traitlets

from emdviz._docstrings import fill
from emdviz._imports import needs
from emdviz.explorers.kit import presets
from emdviz.explorers.kit.asking import read_show
from emdviz.explorers.kit.bundler import bundle
from emdviz.explorers.kit.distribution_explorer import DistributionExplorer, read_classes
from emdviz.explorers.kit.explorer import drawing, style_sheet
from emdviz.explorers.kit.traits import Distribution, Pins, as_trait
from emdviz.explorers.zoo import rules
from emdviz.explorers.zoo.pairs import COUNT, read_pair
from emdviz.losses.loss import LOSSES
from emdviz.losses.zoo import ZooLoss, properties
from emdviz.palette import PREDICTION_A, PREDICTION_B, TRUTH

LABEL = 1
"""The class that is true where a row shows what mistakes cost: one below it, three above."""

SORTS = ("family", "name", "proper", "order", "push", "cost", "outputs", "options")
"""By what the rows can be sorted."""

FILTERS = {
    "rewards": ("all", "strictly proper", "proper", "not proper", "no probabilities"),
    "order": ("all", "kept", "not kept"),
    "push": ("all", "pushes on", "saturates"),
    "cost": ("all", "at most twice XE", "more"),
    "outputs": ("all", "C", "C − 1", "1"),
    "options": ("all", "none", "some"),
}
"""What can be filtered by: trait -> its values."""

_ENDING = threading.Event()


@atexit.register
def _end_searches():
    """Let threads end before Python does, which aborts where one is inside torch."""
    _ENDING.set()
    for thread in threading.enumerate():
        if thread.name == ZooExplorer.__name__:
            thread.join(10)


@functools.cache
def stored():
    """Return what ``scripts/zoo_table.py`` computed: ``rows`` by name, and ``pairs``.

    Verdicts, and what a step costs, come from :func:`losses.zoo.properties`, as in docs/LOSSES.md.

    Examples
    --------
    >>> stored()["rows"]["EMD"]["rule"]
    'median'
    """
    text = Path(__file__).with_name("losses.json").read_text(encoding="utf-8")
    found = json.loads(text)
    rows = {}
    for row in found["rows"]:
        told = properties(row["name"])
        rows[row["name"]] = with_verdict(row, told) | {"cost": told["cost"]}
    return {"rows": rows, "pairs": found["pairs"]}


def with_verdict(row, found):
    """Return a row with what a Verdict found, a dict."""
    counter = None
    if found["proper"] == "not proper":
        better = found["better"] or [f"{x:.2f}" for x in found["best"]]
        counter = {"t": list(map(str, found["t"])), "better": list(map(str, better))}
    row = row | {"proper": found["proper"], "counter": counter, "keeps": found["keeps"]}
    if found["proper"] == "constant":
        row |= {"rule": "any", "corners": None}
        row.pop("best", None)
    return row


@fill
class ZooExplorer(DistributionExplorer):
    """A table of losses for ordered classes: sort it, filter it, and compare two of them.

    Every row tells of one loss whether it is proper, what of t its best answer keeps, whether it
    saturates, what a step costs in terms of cross-entropy's, how many outputs and which options it
    has. It draws what an answer costs that is nearly certain of each class in turn, while the
    second class is true; the push −∂L/∂z on a confident mistake, as a share of the greatest on the
    way there; and the best answer to labels drawn from t, which is dragged once for all rows.

    Of two losses, ``first`` and ``second``, it shows two predictions that cost the same with the
    one and not with the other, where the search found such a pair.

    All is for five classes, one step apart. The rows of the zoo were computed beforehand, by
    ``scripts/zoo_table.py``; those of your own losses, and best answers for which there is no
    rule, are computed in Python with torch while the figure is shown.

    Drag a bar of t, or focus it and use the arrow keys, Page Up, Page Down, Home and End. Click a
    column's name to sort by it, and the names of two losses to compare them.

    Parameters
    ----------
    t : array-like, shape (5,), optional
        The distribution of the labels.
    show : list, optional
        The losses: names of the zoo, Losses or your own, as ``losses.as_loss`` takes them; the
        whole zoo by default.
    first, second : str, optional
        Names of the two losses that are compared.
    classes : sequence of str, optional
        Names of the five classes.
    %(explorer_style)s

    Attributes
    ----------
    t, first, second
        As above; read them, or set them and see the figure follow.
    family, rewards, order, push, cost, outputs, options : str
        What the rows are filtered by, "all" where they are not.
    sort : str
        What they are sorted by.
    descending : bool
    pinned_t : list of int
        Classes that keep their probability while others move.
    t_0, t_1, … : float
        The distribution to a hundredth, class by class, for ``jslink`` with a widget of yours.

    %(explorer_errors)s

    Examples
    --------
    >>> explorer = ZooExplorer(first="XE", second="EMD2")
    >>> explorer.facts["EMD"]["proper"], explorer.facts["EMD"]["rule"]
    ('not proper', 'median')
    >>> pair = explorer.pair
    >>> pair["other"][0] != pair["other"][1]
    True
    """

    card: ClassVar = (
        "A table of losses",
        "What each loss of the literature rewards, and how it pushes on a confident mistake.",
    )
    _esm = bundle(Path(__file__).parent / "zoo.js")
    _css = style_sheet("zoo", "kit/kit.css", "zoo/zoo.css")
    _lists: ClassVar = {"t": ("Labels t", TRUTH)}

    t = Distribution().tag(sync=True)
    pinned_t = Pins().tag(sync=True)
    sort = traitlets.Enum(SORTS, "family").tag(sync=True)
    descending = traitlets.Bool(False).tag(sync=True)
    _rows = traitlets.List().tag(sync=True)
    _pairs = traitlets.Dict().tag(sync=True)
    _answers = traitlets.Dict().tag(sync=True)
    _filters = traitlets.Dict().tag(sync=True)
    _label = traitlets.Int(LABEL).tag(sync=True)

    def __init__(
        self,
        t=None,
        *,
        show=None,
        first="XE",
        second="EMD2",
        classes=None,
        style="notebook",
        **kwargs,
    ):
        if classes is None:
            classes = [str(i + 1) for i in range(COUNT)]
        classes, count = read_classes(classes, t=t)
        if count != COUNT:
            raise traitlets.TraitError(f"classes must be {COUNT} names, got {count}: {classes}")
        self._own, rows = _rows_of(show)
        names = list(rows)
        families = list(dict.fromkeys(row["family"] for row in rows.values()))
        if show is not None:
            first, second = (
                name if name in names else names[place % len(names)]
                for place, name in enumerate((first, second))
            )
        filters = {"family": ["all", *families]} | {k: list(v) for k, v in FILTERS.items()}
        if not self._own:  # verdicts on the user's own losses come later
            found = {"all", *(row["proper"] for row in rows.values())}
            filters["rewards"] = [verdict for verdict in FILTERS["rewards"] if verdict in found]
        self.add_traits(
            first=traitlets.Enum(names, names[0]).tag(sync=True),
            second=traitlets.Enum(names, names[-1]).tag(sync=True),
            **{name: traitlets.Enum(v, "all").tag(sync=True) for name, v in filters.items()},
        )
        pairs = stored()["pairs"]
        kept = {
            one: {o: p for o, p in pairs[one].items() if o in rows} for one in pairs if one in rows
        }
        self._lock, self._thread, self._wanted, self._problems = threading.RLock(), None, None, {}
        self._in_sight = set()
        super().__init__(
            {"t": presets.truths(COUNT)["unsure"]["p"] if t is None else t},
            classes=classes,
            positions=None,
            style=style,
            first=first,
            second=second,
            _rows=list(rows.values()),
            _pairs=kept,
            _presets=presets.truths(COUNT),
            _filters=filters,
            **kwargs,
        )
        self._ask()
        self.observe(self._ask, names=["t", "first", "second"])
        self.on_msg(self._look)

    def _look(self, _, content, __):
        """Note which rows the reader sees."""
        if isinstance(content, dict) and content.get("do") == "see":
            rows = content.get("rows")
            self._in_sight = set(map(str, rows)) if isinstance(rows, list) else set()

    @traitlets.validate("positions")
    def _no_positions(self, proposal):
        if proposal["value"] is not None:
            raise traitlets.TraitError(
                "positions must be None: the table is for classes one step apart, "
                f"got {proposal['value']}"
            )
        return None

    @property
    def facts(self):
        """What the rows show: name -> dict; the rows of your own losses once they are computed."""
        return {row["name"]: row for row in self._rows}

    @property
    def best(self):
        """Best answer of each loss to t: name -> a dict with ``p``, ``number`` or ``label``.

        Computed afresh where no rule gives it; ``{"any": True}`` where all cost the same.
        """
        return {name: self._answer(name, self.t) for name in self.facts}

    @property
    def pair(self):
        """Two predictions that ``first`` calls equal and ``second`` tells apart, or None.

        A dict: ``p``, ``q``, ``one``, what ``first`` says of both, and ``other``, the two numbers
        of ``second``, while the second class is true.
        """
        if self._must_search():
            self._find_pair(self.first, self.second)
        return read_pair(self._pairs.get(self.first, {}).get(self.second))

    def _answer(self, name, t):
        row = self.facts[name]
        t = np.asarray(t, dtype=np.float64)
        if (known := rules.answer(row, t)) is not None:
            return known
        for key, example in self._presets.items():
            if "best" in row and np.allclose(example["p"], t, atol=1e-9):
                return row["best"][key]
        with needs("train"):
            from emdviz.explorers.zoo import facts
        return facts.best_answer(self._problem(name), t)

    def _problem(self, name):
        if name not in self._problems:
            with needs("train"):
                from emdviz.propriety.search import Problem
            from emdviz.losses.zoo import load

            self._problems[name] = Problem(
                self._own[name] if name in self._own else load(name), COUNT
            )
        return self._problems[name]

    def _must_search(self):
        both = [self.facts[name] for name in (self.first, self.second)]
        if self.first == self.second or not all(row.get("comparable") for row in both):
            return False
        return self.second not in self._pairs.get(self.first, {})

    def _find_pair(self, one, other):
        from emdviz.explorers.zoo import facts

        found = facts.find_pair(self._problem(one), self._problem(other))
        self._tell(_pairs={**self._pairs, one: {**self._pairs.get(one, {}), other: found}})

    def _ask(self, _=None):
        """Let a thread compute what no rule and no table tells, for the newest state."""
        with self._lock:
            self._wanted = [*self.t], self.first, self.second
            if not self._has_work() or (self._thread and self._thread.is_alive()):
                return
            self._thread = threading.Thread(
                target=self._work, name=ZooExplorer.__name__, daemon=True
            )
            self._thread.start()

    def _has_work(self):
        pending = any(row.get("pending") for row in self._rows)
        return pending or self._must_search() or bool(self._unknown())

    def _unknown(self):
        """Return the names of the losses whose best answer to t must be searched for."""
        t = np.array(self.t)
        if any(np.allclose(example["p"], t, atol=1e-6) for example in self._presets.values()):
            return []
        if self._answers.get("t") == self.t and self._answers.get("done"):
            return []
        return [row["name"] for row in self._rows if "best" in row and row.get("rule") is None]

    def _work(self):
        while True:
            with self._lock:
                wanted = self._wanted
            try:
                self._compute(wanted)
            except Exception as error:  # a loss of the user's may raise anything
                text = f"{type(error).__name__}: {error}"[:160]
                self._tell(_answers={"t": wanted[0], "best": {}, "done": True, "failed": text})
            with self._lock:
                if wanted == self._wanted:
                    self._thread = None
                    return

    def _compute(self, wanted):
        with needs("train"):
            from emdviz.explorers.zoo import facts
        t, found = wanted[0], {}
        unknown = self._unknown()
        while unknown:
            if wanted != self._wanted or _ENDING.is_set():
                return
            # what the reader sees comes first, also where they have scrolled meanwhile
            name = next((one for one in unknown if one in self._in_sight), unknown[0])
            unknown.remove(name)
            try:
                found[name] = facts.best_answer(self._problem(name), t)
            except Exception as error:
                found[name] = {"failed": f"{type(error).__name__}: {error}"[:120]}
            self._tell(_answers={"t": t, "best": dict(found)})
        if found:
            self._tell(_answers={"t": t, "best": found, "done": True})
        for row in [row for row in self._rows if row.get("pending")]:
            self._compute_row(row)
        if wanted == self._wanted and self._must_search():
            self._find_pair(*wanted[1:])

    def _compute_row(self, row):
        from emdviz.explorers.zoo import facts

        name = row["name"]
        try:
            done = facts.describe(self._own[name])
            done["cost"] = facts.measure_cost(self._own[name])
        except Exception as error:
            done = row | {"pending": False, "failed": f"{type(error).__name__}: {error}"[:120]}
        done["family"] = row["family"]
        self._tell(_rows=[done if one["name"] == name else one for one in self._rows])

    def _tell(self, **traits):
        with self._lock:
            self._send_from_thread(**traits)

    def figure(self):
        """Return a matplotlib Figure of the two losses that are compared, ready for ``savefig``.

        A row for each: what certain answers cost, the push on a confident mistake, and the best
        answer to t; below them the pair of predictions, where there is one.
        """
        from emdviz import plots
        from emdviz.plots.labels import literal

        rows = [self.facts[name] for name in (self.first, self.second)]
        pair = self.pair
        with drawing(12, 6.4 + 3 * (pair is not None)) as figure:
            axes = figure.subplots(2 + (pair is not None), 3, squeeze=False)
            for row, (cost, push, best) in zip(rows, axes, strict=False):
                self._draw_row(row, cost, push, best)
            for place, key in enumerate("pq" if pair is not None else ""):
                ax, p = axes[2, place], np.array(pair[key])
                colour = (PREDICTION_A, PREDICTION_B)[place]
                plots.plot_prediction(
                    p / p.sum(), LABEL, ax=ax, colour=colour, classes=self.classes
                )
                one, other = (literal(row["label"]) for row in rows)
                ax.set_title(f"{one} {pair['one']:.3f}, {other} {pair['other'][place]:.3f}")
            if pair is not None:
                axes[2, 2].set_axis_off()
        return figure

    def _draw_row(self, row, cost, push, best):
        """Draw what a row of the table draws, and name the loss."""
        from emdviz import plots
        from emdviz.plots.labels import literal

        places, pushes = np.arange(COUNT), np.array(row.get("push", []), dtype=float)
        cost.axvline(LABEL, color=TRUTH, linewidth=6, alpha=0.3)
        if "curve" in row:
            cost.plot(places, np.array(row["curve"], dtype=float), "o-", color="0.35")
        cost.set_xticks(places, self.classes)
        cost.set_title(f"{literal(row['label'])}: cost of certainty")
        push.bar(np.arange(len(pushes)), pushes, color="0.35")
        push.set(ylim=(-1.05, 1.05), title=f"push on a mistake: {_percent(row)} of its greatest")
        answer, t = self._answer(row["name"], self.t), np.array(self.t)
        p = t if answer.get("p") is None else np.array(answer["p"], dtype=float)
        colour = "none" if answer.get("p") is None else PREDICTION_A
        plots.plot_prediction(p / p.sum(), t, ax=best, colour=colour, classes=self.classes)
        if (at := answer.get("number", answer.get("label"))) is not None:
            best.axvline(at, color=PREDICTION_A, linewidth=4)
        best.set_title("best answer to t")


def _rows_of(show):
    """Return the user's own losses by name, and the rows of all."""
    rows = stored()["rows"]
    if show is None:
        return {}, dict(rows)
    own, found = {}, {}
    for name, loss in as_trait(read_show, show, "zoo").items():
        if name in rows and (isinstance(loss, ZooLoss) or LOSSES.get(name) is loss):
            found[name] = rows[name]
        else:
            own[name] = loss
            found[name] = {
                "name": name,
                "label": loss.label,
                "family": loss.family or "your own",
                "about": loss.about or "",
                "pending": True,
            }
    return own, found


def _percent(row):
    return "–" if row.get("share") is None else f"{100 * row['share']:.0f} %"
