"""Try a reader's function on several inputs, and answer in words."""

import copy
import functools
import html
import inspect
from dataclasses import dataclass

import numpy as np
import torch

from emdviz.diagnosis.calling import Unusable, as_numbers, quietly
from emdviz.diagnosis.examples import Example, as_code
from emdviz.reading import check_is, shown


@dataclass(frozen=True)
class Answer:
    """The verdict on an answer to an exercise; a notebook shows it as one line.

    Attributes
    ----------
    correct : bool or None
        Also the truth value of the answer; None if the reader has not answered yet.
    hint : str
        Praise, or what is wrong, with the smallest example.
    is_solution : bool
        Whether the notebook's :class:`Solution` was judged, and not an answer of the reader's.
    """

    correct: bool | None
    hint: str
    is_solution: bool = False

    def __bool__(self):
        return bool(self.correct)

    def __str__(self):
        return f"{self._look[0]} {self.hint}"

    def __repr__(self):
        return str(self)

    def _repr_html_(self):
        mark, verdict, colour = self._look
        words = html.escape(self.hint).replace("\n", "<br>")
        return (
            f"<div style='border-left:4px solid {colour};padding:0.2em 0.8em'>"
            f"<b aria-hidden='true'>{mark}</b> {verdict}{words}</div>"
        )

    @property
    def _look(self):
        return _LOOKS["solution" if self.is_solution else self.correct]


_LOOKS = {
    True: ("✓", "<b>Right.</b> ", "#1a7f37"),
    False: ("✗", "<b>Not yet.</b> ", "#b35900"),
    None: ("…", "", "#767676"),
    "solution": ("◇", "", "#0969da"),
}
"""Mark, verdict in HTML and colour of an answer, by whether it is correct."""

UNANSWERED = Answer(None, "Not answered yet: put your answer in place of the three dots.")
SOLUTION_SHOWN = Answer(
    True,
    "Solution shown, not an answer of yours: the folded cell above this one holds it. "
    "Put your own in place of the three dots.",
    is_solution=True,
)


class Solution:
    """The notebook's own answer to an exercise, where the reader has given none.

    Its check says that a solution is shown, and never "Right". A function is decorated, and can be
    called as before.

    Parameters
    ----------
    value
        The answer: a number, a distribution, a function, …

    Examples
    --------
    >>> judge_answer(Solution(9), (lambda a: a == 9, "3 · 3")).is_solution
    True
    >>> @Solution
    ... def square(x):
    ...     return x * x
    >>> square(3)
    9
    """

    def __init__(self, value):
        self.value = value

    def __call__(self, *arguments, **named):
        """Call the solution, if it is a function."""
        return self.value(*arguments, **named)


def judge(function):
    """Make a judge accept three dots and a :class:`Solution` as its first argument."""
    signature = inspect.signature(function)
    first = next(iter(signature.parameters))

    @functools.wraps(function)
    def judged(*arguments, **named):
        bound = signature.bind(*arguments, **named)
        answer = bound.arguments[first]
        if answer is ...:
            return UNANSWERED
        if not isinstance(answer, Solution):
            return function(*arguments, **named)
        bound.arguments[first] = answer.value
        verdict = function(*bound.args, **bound.kwargs)
        return SOLUTION_SHOWN if verdict else verdict

    return judged


def refuse(value):
    """Return the answer to a value that is not a function, such as its result."""
    got = _quote(value)
    got = got if len(got) <= 60 else f"{got[:60]} …"
    return Answer(False, f"Give the function itself, without calling it; got {got}")


@judge
def judge_answer(answer, *conditions, praise="", shape=None, calls=None) -> Answer:
    """Judge an answer of any kind: the first condition that it does not meet gives the hint.

    Parameters
    ----------
    answer
        The reader's: a number, a word, a distribution, a function; ``...`` is no answer yet.
    *conditions : (callable, str or callable)
        A function of the answer that says whether a condition is met, and the hint if it is not,
        or a function of the answer that writes it. A condition that raises an exception is not met.
    praise : str or callable
        Shown if all are met; or a function of the answer that writes it.
    shape : tuple of int, optional
        Asks for numbers of this shape, () for a single one; the conditions then get them as an
        array.
    calls : list of tuple, optional
        Asks for a function, which is called with each of these arguments; the conditions then get
        its results, numbers of ``shape`` each (() by default), as an array of one row per call.

    Examples
    --------
    >>> conditions = (lambda a: a >= 0, "a square is not negative"), (lambda a: a == 9, "3 · 3")
    >>> judge_answer(-9, *conditions)
    ✗ a square is not negative
    >>> judge_answer("nine", *conditions)
    ✗ a square is not negative (got 'nine')
    >>> judge_answer("nine", *conditions, shape=())
    ✗ Give one number; got 'nine'.
    >>> judge_answer(9, *conditions, praise="Nine.")
    ✓ Nine.
    >>> grows = (lambda values: values[1] > values[0], "it should grow")
    >>> judge_answer(lambda x: -x, grows, calls=[(1,), (2,)])
    ✗ it should grow
    """
    if calls is not None and not (isinstance(calls, list | tuple) and calls):
        raise TypeError(f"calls must be a list such as [(1,), (2,)], got {shown(calls)}")
    for call in calls or ():
        check_is(call, "calls", tuple | list, "tuples of arguments, such as [(1,), (2,)]")
    try:
        if calls is not None:
            if not callable(answer):
                return refuse(answer)
            answer = np.stack([_result(answer, call, shape or ()) for call in calls])
        elif shape is not None:
            answer = _read_numbers(answer, shape)
    except Unusable as problem:
        return Answer(False, str(problem))
    for is_met, hint in conditions:
        try:
            if not quietly(lambda a, is_met=is_met: bool(is_met(a)), answer):
                return Answer(False, _write(hint, answer))
        except Unusable as problem:
            more = f"yours {problem}" if callable(answer) else f"got {_quote(answer)}"
            return Answer(False, f"{_write(hint, answer)} ({more})")
    return Answer(True, _write(praise, answer))


def _result(function, arguments, shape):
    """Return what a reader's function returns, numbers of a shape; Unusable names the call."""
    try:
        return ask(function, arguments, np.zeros(shape))
    except Unusable as problem:
        call = call_of(name_of(function), arguments)
        call = call if len(call) < 100 else f"{name_of(function)}(…)"
        raise Unusable(f"{call} {problem}") from None


def _write(text, answer):
    """Return a hint as it is, or as a function of the answer writes it."""
    if not callable(text):
        return text
    try:
        return quietly(text, answer)
    except Unusable:
        return f"got {_quote(answer)}"


def _quote(answer):
    return repr(answer) if isinstance(answer, str) else as_code(answer)


def _read_numbers(answer, shape):
    """Return finite numbers of a shape as an array; Unusable if the answer holds none."""
    count = " × ".join(map(str, shape))
    wanted = f"{count} numbers" if shape else "one number"
    refusal = f"Give {wanted}; got {_quote(answer)}."
    try:
        numbers = as_numbers(answer)
    except Unusable:
        raise Unusable(refusal) from None
    if numbers.shape != shape and not numbers.size == 1 == np.prod(shape):
        raise Unusable(refusal)
    if not np.all(np.isfinite(numbers)):
        raise Unusable(f"Give finite numbers; got {_quote(answer)}.")
    return numbers.reshape(shape)


@judge
def judge_function(function, right, cases, *, praise, mistakes=(), like="", recognise=None):
    """Judge a reader's function: call it on cases, and compare with the right one.

    Parameters
    ----------
    function : callable
        The reader's.
    right : callable
        Gives the expected answers.
    cases : list of tuple
        Arguments to try, the simplest first.
    praise : str
        Shown if all answers are right.
    mistakes : sequence of (str, callable)
        A hint, and the function that makes the mistake. The first that gives the reader's answers
        to all cases gives the hint.
    like : str
        What an answer of the wrong shape should have been, such as "one number per pair".
    recognise : callable, optional
        Asked for a hint about the function, or "", if no mistake explains its answers.

    Examples
    --------
    >>> mistakes = [("Square it, do not double it.", lambda x: 2 * x)]
    >>> judge_function(
    ...     lambda x: x + x, lambda x: x**2, [(1,), (3,)], praise="Yes.", mistakes=mistakes
    ... )
    ✗ Square it, do not double it.
    your_function(1) gives 2.; expected 1.
    """
    if not callable(function):
        return refuse(function)
    tried, missed = [], ""
    for arguments in cases:
        got, wrong = _try(function, right, arguments, like)
        if got is None:
            return Answer(False, wrong)
        tried.append((arguments, got))
        missed = missed or wrong
    if missed:
        hint = _explain(tried, mistakes) or (recognise(function) if recognise else "")
        return Answer(False, f"{hint}\n{missed}".strip())
    return Answer(True, praise)


def _try(function, right, arguments, like):
    """Return a function's answer, or None, and what is wrong with it, or ""."""
    name, expected = name_of(function), as_numbers(right(*arguments))
    try:
        got = ask(function, arguments, expected, like)
    except Unusable as problem:
        return None, f"{call_of(name, arguments)} {problem}"
    if _close(got, expected):
        return got, ""
    plain = [value.item() if value.ndim == 0 else value.round(6) for value in (got, expected)]
    return got, str(Example(arguments, *plain, name=name))


def name_of(function):
    """Return how a function is called in a hint."""
    return getattr(function, "__name__", "your_function").replace("<lambda>", "your_function")


def ask(function, arguments, expected, like=""):
    """Call a reader's function on copies of the arguments; return its answer as numbers.

    Unusable is raised if it changes them, or does not return finite numbers of that shape.
    """
    handed = copy.deepcopy(arguments)
    result = quietly(function, *handed)
    for given, now in zip(arguments, handed, strict=True):
        if isinstance(given, np.ndarray | torch.Tensor) and not np.array_equal(
            as_numbers(given), as_numbers(now)
        ):
            raise Unusable("changes its arguments; work on a copy, x = x + 1 instead of x += 1")
    tensors = any(isinstance(a, torch.Tensor) for a in arguments)
    if tensors and result is not None and not isinstance(result, torch.Tensor):
        raise Unusable(f"returned {type(result).__name__} for tensors; expected a tensor")
    got = as_numbers(result)
    if got.shape != expected.shape:
        if got.size == 1 == expected.size:
            return got.reshape(expected.shape)
        wanted = "one number" if expected.ndim == 0 else f"the shape {expected.shape}"
        more = f" ({like})" if like else ""
        raise Unusable(f"returned an array of shape {got.shape}; expected {wanted}{more}")
    if not np.all(np.isfinite(got)):
        raise Unusable(f"returned {as_code(got)}: not all of it is a finite number")
    return got


def _close(got, expected):
    return np.allclose(got, expected, rtol=1e-4, atol=1e-6)


def _explain(tried, mistakes):
    """Return the hint of the first mistake that would give the same numbers, or ""."""
    for hint, mistake in mistakes:
        with np.errstate(all="ignore"):
            pairs = [(got, np.asarray(mistake(*arguments))) for arguments, got in tried]
        if all(got.shape == made.shape and _close(got, made) for got, made in pairs):
            return hint
    return ""


def call_of(name, arguments):
    """Write the call of a function as code."""
    return f"{name}({', '.join(map(_quote, arguments))})"
