"""Try a reader's function on several inputs, and answer in words."""

import copy
import html
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from emdviz.diagnosis.calling import Unusable, as_numbers, quietly
from emdviz.diagnosis.examples import Example, show


@dataclass(frozen=True)
class Answer:
    """What a check says; a notebook shows it as one line.

    Attributes
    ----------
    correct : bool or None
        Also the truth value of the answer; None if the reader has not answered yet.
    hint : str
        What was checked, or what is wrong, with the smallest example.
    """

    correct: bool | None
    hint: str

    def __bool__(self):
        return bool(self.correct)

    def __str__(self):
        return f"{_LOOKS[self.correct].mark} {self.hint}"

    def __repr__(self):
        return str(self)

    def _repr_html_(self):
        look = _LOOKS[self.correct]
        words = html.escape(self.hint).replace("\n", "<br>")
        verdict = f"<b>{look.verdict}.</b> " if look.verdict else ""
        return (
            f"<div style='border-left:4px solid {look.colour};padding:0.2em 0.8em'>"
            f"<b aria-hidden='true'>{look.mark}</b> {verdict}{words}</div>"
        )


class _Look(NamedTuple):
    mark: str
    verdict: str
    colour: str


_LOOKS = {
    True: _Look("✓", "Right", "#1a7f37"),
    False: _Look("✗", "Not yet", "#b35900"),
    None: _Look("…", "", "#767676"),
}

UNANSWERED = Answer(None, "Not answered yet: put your answer in place of the three dots.")


def refuse(value):
    """Answer to what is no function: a result, or the dots that wait for the reader."""
    if value is ...:
        return UNANSWERED
    return Answer(False, f"give the function itself, without calling it; got {show(value)}")


class Case(NamedTuple):
    """Arguments to try; ``group`` says what is special about them, if anything is."""

    arguments: tuple
    group: str = ""


class Mistake(NamedTuple):
    """A plausible wrong answer: the hint, and the function that makes it."""

    hint: str
    function: object


def check_answer(answer, *conditions, praise=""):
    """Check an answer of any kind: the first condition that it does not meet gives the hint.

    Parameters
    ----------
    answer
        The reader's: a number, a word, a distribution, a function; ``...`` is no answer yet.
    *conditions : (callable, str)
        A function of the answer that says whether a condition is met, and the hint if it is not.
        One that raises an exception is not met; what it says is added to the hint.
    praise : str
        Shown if all are met.

    Returns
    -------
    Answer

    Examples
    --------
    >>> conditions = (lambda a: a >= 0, "a square is not negative"), (lambda a: a == 9, "3 · 3")
    >>> check_answer(-9, *conditions)
    ✗ a square is not negative
    >>> check_answer("nine", *conditions).correct
    False
    >>> check_answer(9, *conditions, praise="Nine.")
    ✓ Nine.
    """
    if answer is ...:
        return UNANSWERED
    for is_met, hint in conditions:
        try:
            if not quietly(lambda a, is_met=is_met: bool(is_met(a)), answer):
                return Answer(False, hint)
        except Unusable as problem:
            return Answer(False, f"{hint} (yours {problem})")
    return Answer(True, praise)


def judge(function, cases, right, praise, *, mistakes=(), recognise=None, like=""):
    """Try a function on cases, and compare with the right one.

    Parameters
    ----------
    function : callable
        The reader's.
    cases : list of Case
        The simplest first; those of a group are tried once the others are right.
    right : callable
        The oracle.
    praise : str
    mistakes : sequence of Mistake
        Looked through if numbers differ; the first that explains all plain cases gives the hint.
    recognise : callable, optional
        Asked for a hint, or "", if none of the mistakes explains them.
    like : str
        What an answer of the wrong shape should have been, such as "one number per pair".

    Returns
    -------
    Answer
    """
    if not callable(function):
        return refuse(function)
    plain, special = ([c for c in cases if bool(c.group) == group] for group in (False, True))
    name = getattr(function, "__name__", "your function")
    name = "your_function" if name == "<lambda>" else name
    tried = []
    for case in plain:
        expected = as_numbers(right(*case.arguments))
        try:
            got = ask(function, case.arguments, expected, like)
        except Unusable as problem:
            return Answer(False, f"{_call(name, case.arguments)} {problem}")
        tried.append((case, got, expected))
    missed = [(case, got, expected) for case, got, expected in tried if not _close(got, expected)]
    if missed:
        hint = _explain(tried, mistakes) or (recognise(function) if recognise else "")
        return Answer(False, f"{hint}\n{_example(name, *missed[0])}".strip())
    for case in special:
        expected = as_numbers(right(*case.arguments))
        try:
            got = ask(function, case.arguments, expected, like)
        except Unusable as problem:
            call = _call(name, case.arguments)
            return Answer(False, f"Right so far, but not for {case.group}: {call} {problem}")
        if not _close(got, expected):
            example = _example(name, case, got, expected)
            return Answer(False, f"Right so far, but not for {case.group}.\n{example}")
    return Answer(True, praise)


def ask(function, arguments, expected, like=""):
    """Call a reader's function on copies; everything but numbers of the right shape is refused.

    Raises
    ------
    Unusable
        In words that follow the call.
    """
    handed = copy.deepcopy(arguments)
    result = quietly(function, *handed)
    for given, now in zip(arguments, handed, strict=True):
        if isinstance(given, np.ndarray | torch.Tensor) and not np.array_equal(
            as_numbers(given), as_numbers(now)
        ):
            raise Unusable("changes its arguments; work on a copy, x = x + 1 instead of x += 1")
    if any(isinstance(a, torch.Tensor) for a in arguments) and not isinstance(result, torch.Tensor):
        raise Unusable(f"returned {type(result).__name__} for tensors; expected a tensor")
    got = as_numbers(result)
    if got.shape != expected.shape:
        if got.size == 1 == expected.size:
            return got.reshape(expected.shape)
        wanted = "one number" if expected.ndim == 0 else f"the shape {expected.shape}"
        more = f" ({like})" if like else ""
        raise Unusable(f"returned an array of shape {got.shape}; expected {wanted}{more}")
    if not np.all(np.isfinite(got)):
        raise Unusable(f"returned {show(got)}: not all of it is a finite number")
    return got


def _close(got, expected):
    return np.allclose(got, expected, rtol=1e-4, atol=1e-6)


def _explain(tried, mistakes):
    """Return the hint of the first mistake that would give the same numbers."""
    for mistake in mistakes:
        with np.errstate(all="ignore"):
            made = [np.asarray(mistake.function(*case.arguments)) for case, _, _ in tried]
        pairs = list(zip(made, (got for _, got, _ in tried), strict=True))
        if all(a.shape == b.shape and _close(b, a) for a, b in pairs):
            return mistake.hint
    return ""


def _call(name, arguments):
    return f"{name}({', '.join(show(argument) for argument in arguments)})"


def _example(name, case, got, expected):
    plain = [value.item() if value.ndim == 0 else value.round(6) for value in (got, expected)]
    return str(Example(case.arguments, *plain, name=name))
