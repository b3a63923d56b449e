"""Losses without a closed form in the browser: Python computes them, for the newest state first.

The browser sends a state, as it does anyway, and Python sends one message back, ``_answers``, with
the state that each answer belongs to, so that a late one is not taken for another's. A loss that is
quick is computed at once; a slow one in a thread of its own, which takes up the newest state each
time, so that it holds up neither the others nor the kernel.
"""

import math
import threading
import time
from typing import ClassVar

import traitlets

from emdviz._imports import needs
from emdviz.explorers.kit.distribution_explorer import DistributionExplorer
from emdviz.explorers.kit.explorer import show_losses
from emdviz.losses import as_loss
from emdviz.losses.loss import LOSSES, closed_forms, remember
from emdviz.propriety import expected_loss
from emdviz.reading import shown

QUICK = 0.02
"""Seconds; a loss that took longer twice in a row is computed in a thread of its own."""

_LONGEST = 120  # letters of an error


def read_show(show, figure):
    """Return the losses that ``show`` asks of a figure, in its order: a dict of names to Losses."""
    if show is None:
        show = closed_forms(figure)
    if isinstance(show, (str, dict)) or not hasattr(show, "__iter__"):
        raise TypeError(f"show must be a list of losses, such as ['XE', 'EMD2'], got {shown(show)}")
    losses = {}
    for one in show:
        loss = as_loss(one)
        if loss.name in losses:
            raise ValueError(
                f"show must hold every loss once, got {loss.name!r} twice; "
                "as_loss(…, name='another') gives one another name"
            )
        losses[loss.name] = loss
    if not losses:
        raise ValueError("show must hold at least one loss, got none")
    return losses


class AskingExplorer(DistributionExplorer):
    """An explorer that computes some of its losses in Python.

    A subclass names itself in ``_figure`` and the traits that an answer depends on in
    ``_question``, and defines ``_answer(problem, question)``, which returns what the browser
    shows of one loss, and ``_beforehand()``, the questions that a saved page can answer as well.
    """

    _figure: ClassVar = ""
    _question: ClassVar = ()
    _any_outputs: ClassVar = False  # whether it can ask losses that take no p

    _losses = traitlets.List().tag(sync=True)
    _answers = traitlets.Dict().tag(sync=True)
    _known = traitlets.List().tag(sync=True)

    def __init__(self, lists, *, show, **traits):
        losses = read_show(show, self._figure)
        closed = closed_forms(self._figure)
        asked = {
            name: loss
            for name, loss in losses.items()
            if name not in closed or LOSSES[name] is not loss
        }
        self._shown = list(losses)
        self._publishing = threading.RLock()
        self._problems, self._asked, self._newest = {}, {}, None
        super().__init__(lists, _losses=_for_browser(losses, asked), **traits)
        if not asked:
            return
        for loss in asked.values():
            with needs("train"):
                loss.make(self.num_classes, 1)  # tells what is missing or misspelt
            remember(loss)
        self._asked = {name: _Asked(self, loss) for name, loss in asked.items()}
        self._ask()
        self.observe(self._ask, names=list(self._question))

    def _ask(self, _=None):
        question = {name: getattr(self, name) for name in self._question}
        with self._publishing:
            if question == self._newest:
                return
            self._newest = question
        found = {name: one.ask(question) for name, one in self._asked.items()}
        with self._publishing:
            known = {name: record for name, record in found.items() if record is not None}
            if known and question == self._newest:
                self._answers = {**self._answers, **known}

    def _tell(self, name, record):
        """Send the answer of a thread; the browser sees whether the figure has gone on since."""
        with self._publishing:
            self._send_from_thread(_answers={**self._answers, name: record})

    def _record(self, name, question):
        """Keep the answer to a question about one loss, or its error."""
        record = {"question": question}
        try:
            problem = self._problem(name, question["positions"])
            if not self._any_outputs and (why := _why_not(problem)):
                return record | {"never": why}
            began = time.monotonic()
            answer = self._answer(problem, question)
            self._asked[name].took(time.monotonic() - began)
            return record | {"answer": answer}
        except Exception as error:  # a loss of the user's may raise anything
            text = f"{type(error).__name__}: {error}".strip()
            return record | {"error": text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"}

    def _problem(self, name, positions):
        from emdviz.propriety.search import Problem

        loss = self._asked[name].loss
        key = name, None if positions is None else tuple(positions)
        if key not in self._problems:
            takes = positions is not None and "positions" in (loss.option_names() or ())
            options = {"positions": positions} if takes else {}
            self._problems[key] = Problem(loss, self.num_classes, **options)
        return self._problems[key]

    def _cost(self, name, t, positions):
        """Return what a loss costs on average over labels from t, as a function of p.

        None where it takes no p.
        """
        if name not in self._asked:
            return lambda p: float(expected_loss(name, p, t, positions=positions))
        problem = self._problem(name, positions)
        return (lambda p: float(problem.at(p, t))) if problem.is_free else None

    def _told(self, question):
        """Return the records of all losses without their question, in few digits."""
        records = {name: one.record(question) for name, one in self._asked.items()}
        return {
            name: {k: map_floats(part, _round) for k, part in record.items() if k != "question"}
            for name, record in records.items()
        }

    def page_state(self, show="figure"):
        """Return the traits; a page of its own also holds the answers to ``_beforehand``."""
        state = super().page_state(show)
        if show == "page" and self._asked:
            state["_known"] = [
                {"question": question, "told": self._told(question)}
                for question in [*self._beforehand(), self._newest]
            ]
        return state


class _Asked:
    """Questions about one loss: only the newest state is answered."""

    def __init__(self, explorer, loss):
        self._explorer, self.loss = explorer, loss
        self._next, self._running, self._last, self.seconds = None, False, math.inf, 0.0
        self._waiting, self._computing = threading.Lock(), threading.Lock()

    def ask(self, question):
        """Return the record of its answer, or None if a thread will tell it."""
        with self._waiting:
            if self._running:
                self._next = question
                return None
            if self.seconds > QUICK:
                self._next, self._running = question, True
                threading.Thread(target=self._work, daemon=True).start()
                return None
        return self.record(question)

    def took(self, seconds):
        """Learn how long an answer took; once may be chance, when the machine was busy."""
        self.seconds, self._last = min(seconds, self._last), seconds

    def record(self, question):
        """Return the record of its answer; nobody else computes the loss meanwhile."""
        with self._computing:
            return self._explorer._record(self.loss.name, question)

    def _work(self):
        while True:
            with self._waiting:
                question, self._next = self._next, None
                if question is None:
                    self._running = False
                    return
            self._explorer._tell(self.loss.name, self.record(question))


def _for_browser(losses, asked):
    facts = show_losses(losses.values())
    for one in facts:
        if one["name"] in asked:
            names = asked[one["name"]].option_names() or ()
            one |= {"asked": True, "knowsPositions": "positions" in names}
    return facts


def _why_not(problem):
    """Say in words why a loss cannot be asked about any p, or return None where it can."""
    if problem.is_free:
        return None
    loss = problem.loss
    if loss.is_point:
        return "its outputs are scores or one number"
    if loss.head:
        return "its output layer turns outputs into p in its own way"
    return "its outputs are not the logarithms of p"


def map_floats(part, change):
    """Return dicts and lists with each float in them changed."""
    if isinstance(part, dict):
        return {key: map_floats(value, change) for key, value in part.items()}
    if isinstance(part, list):
        return [map_floats(value, change) for value in part]
    return change(part) if isinstance(part, float) else part


def _round(number):
    return float(f"{number:.6g}")


def plain(number):
    """Return a number as JSON can carry it: infinite ones and NaN as texts."""
    number = float(number)
    return number if math.isfinite(number) else str(number)
