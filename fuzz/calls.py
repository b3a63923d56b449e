"""Calls of one function with random arguments, and the check of its answer."""

import random
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from fuzz import values
from fuzz.verdict import Fault, all_numbers, call, check_error, fingerprint, shorten, unexpected

LEADING = ((), (3,), (1,), (2, 2), (0,))
CONTAINERS = values.PLAIN | values.ODD | values.FOREIGN
_PLAIN, _CONTAINERS, _MUTATIONS = list(values.PLAIN), list(CONTAINERS), list(values.MUTATIONS)
_WHOLE = list(values.WHOLE)


class Refused(Exception):
    """The reference says that these arguments must be refused."""


class Unsure(Exception):
    """The arguments are so near to a limit that either outcome is correct."""


@dataclass(frozen=True)
class Target:
    """A public function and what it may be given.

    Attributes
    ----------
    function : callable
    arguments : dict of str to Kind
        A name that ends in "?" is left out now and then.
    reference : callable, optional
        The same from its definition, in float64: takes what was read of every array and the other
        arguments as they are; raises Refused or Unsure.
    errors : tuple of exceptions
        Allowed besides ValueError and TypeError.
    also : tuple of str
        Words that an error may name instead of an argument.
    share : float
        How often to try, compared with others.
    nan : bool
        Whether NaN is an answer that the documentation gives.
    use : callable, optional
        What to do with the answer, such as to draw it.
    loose : bool
        Whether answers come in the precision of float32.
    hostile : bool
        Whether arguments are also wrong ones; otherwise every error is a fault.
    """

    function: Callable
    arguments: dict
    reference: Callable | None = None
    errors: tuple = ()
    also: tuple = ()
    share: float = 1.0
    nan: bool = False
    use: Callable = field(default=lambda answer: None)
    loose: bool = False
    hostile: bool = True


class Argument(NamedTuple):
    """A value, its container and its mutation."""

    value: object
    container: str
    mutation: str

    @property
    def is_good(self):
        """Whether it must be accepted."""
        plain = ("", *_PLAIN, *_WHOLE[:6])
        return self.mutation == "" and self.container in plain


_LARGEST = 2**20


@st.composite
def arguments(draw, target):
    """Draw the arguments of a call: name -> Argument."""
    return make_arguments(target, lambda: draw(_INTEGERS))


_INTEGERS = st.integers(0, _LARGEST)


def make_arguments(target, integer):
    """Make the arguments of a call from integers, 0 to 2^20, that ``integer()`` gives."""
    number = integer()
    rng = np.random.default_rng(number)
    leading, form = LEADING[number // 5 % len(LEADING)], number // 25 % 3
    sizes = values.Sizes(1 + number % 5, leading, form)
    made = {}
    for name, kind in target.arguments.items():
        how = integer()
        if not (name.endswith("?") and how % 3):
            made[name.rstrip("?")] = _argument(kind, how // 3, rng, sizes, target.hostile)
    return made


def _argument(kind, how, rng, sizes, hostile):
    """Make an argument; ``how`` says in which container, and what is wrong with it."""
    how, part = divmod(how, 100)
    if part >= 92 and hostile and kind.replaceable:
        index = how % len(values.SCALARS)
        return Argument(values.SCALARS[index], "", f"scalar {index}")
    good = kind.make(rng, sizes)
    if not kind.numeric:
        return Argument(good, "", "")
    whole = kind.whole and (part < 60 or how % 2)
    names = (_WHOLE[:6] if whole else _PLAIN) if part < 50 else _WHOLE if whole else _CONTAINERS
    how, which = divmod(how, len(names))
    mutation = _MUTATIONS[how % len(_MUTATIONS)] if part >= 70 else ""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        content = np.asarray(good, dtype=float)
        if mutation:
            content = np.asarray(values.MUTATIONS[mutation](content, rng), dtype=float)
        if whole:
            content = np.rint(np.clip(np.nan_to_num(content), -(2.0**62), 2.0**62)).astype(np.int64)
        container = (values.WHOLE if whole else CONTAINERS)[names[which]]
        return Argument(container(content), names[which], mutation)


def judge(target, given_arguments):
    """Call a target once; return whether it answered, or raise a Fault."""
    options = {name: argument.value for name, argument in given_arguments.items()}
    before = {name: fingerprint(value) for name, value in options.items()}
    expected = _expected(target, given_arguments)
    try:
        answer = call(target.function, **options)
        call(target.use, answer)
    except Fault:
        raise
    except Exception as error:
        if not target.hostile:
            raise unexpected(error) from error
        names = {name.rstrip("?") for name in target.arguments} | set(target.also)
        check_error(error, (ValueError, TypeError, *target.errors), names)
        good = all(argument.is_good for argument in given_arguments.values())
        if good and not (expected is None or isinstance(expected, type)) and not _mixed(options):
            raise Fault(f"refuses good arguments: {shorten(error)}") from error
        return False
    if expected is Refused:
        raise Fault(f"answers what it must refuse: {shorten(repr(answer))}")
    if before != {name: fingerprint(value) for name, value in options.items()}:
        raise Fault("changes its arguments")
    _check_answer(target, given_arguments, answer, expected)
    return True


def _mixed(options):
    """Say whether NumPy meets torch."""
    types = {type(value) for value in options.values()}
    return np.ndarray in types and torch.Tensor in types


def _expected(target, given_arguments):
    """Return the reference's answer, Refused or Unsure, or None where there is no reference."""
    read, sane = {}, True
    for name, argument in given_arguments.items():
        kind = target.arguments.get(name) or target.arguments[name + "?"]
        if not kind.numeric:
            sane &= not argument.mutation
            read[name] = argument.value
            continue
        if argument.value is None and (name + "?" in target.arguments or name == "positions"):
            read[name] = None
            continue
        try:
            read[name] = values.numbers(argument.value, whole=kind.whole)
        except values.Unreadable:
            return Refused if target.reference else None
    if target.reference is None or not sane:
        return None
    try:
        with np.errstate(all="ignore"):
            return target.reference(**read)
    except Refused:
        return Refused
    except Unsure:
        return Unsure


def _check_answer(target, given_arguments, answer, expected):
    found = all_numbers(answer)
    if expected is not None and expected is not Unsure:
        wanted = all_numbers(expected)
        near = max(tolerance(given_arguments), 2e-5 if target.loose else 0)
        scale = max(1.0, np.max(np.abs(wanted), initial=0.0, where=np.isfinite(wanted)))
        if found.shape != wanted.shape or not np.allclose(
            found, wanted, rtol=near, atol=near * scale, equal_nan=True
        ):
            raise Fault(f"gives {shorten(found)}, not {shorten(wanted)}")
    elif not target.nan and np.isnan(found).any() and _all_finite(given_arguments):
        raise Fault(f"gives NaN: {shorten(repr(answer))}")


def tolerance(given_arguments):
    """Return how far an answer may be off: by the least precise argument."""
    worst = 1e-9
    for argument in given_arguments.values():
        if argument.mutation == "nearly":  # sums that are nearly 1 are taken for 1
            worst = max(worst, 1e-3)
        if "bfloat16" in argument.container:
            worst = max(worst, 3e-2)
        elif "half" in argument.container or "float16" in argument.container:
            worst = max(worst, 4e-3)
        elif "float32" in argument.container:
            worst = max(worst, 2e-5)
    return worst


def _all_finite(given_arguments):
    for argument in given_arguments.values():
        try:
            read = values.numbers(argument.value)
        except values.Unreadable:
            if argument.mutation or argument.container:
                return False
            continue
        if not np.all(np.abs(read) < 1e100):
            return False
    return True


class Tried(NamedTuple):
    """How often a function was called, how often it answered, and its fault."""

    calls: int
    answered: int
    fault: str


def try_target(name, target, most, number=0):
    """Call a target ``most`` times with arguments at random.

    A quarter of them, 50 at least, is drawn by Hypothesis, which varies what it tried before and
    finds the least arguments that show a fault; the others are drawn as they come, which takes a
    quarter of the time.

    Returns
    -------
    Tried
    """
    torch.manual_seed(0)
    tried = _try_varied(name, target, min(most, max(50, most // 4)), number)
    rng = random.Random(number)
    calls, answered, fault = tried
    while calls < most and not fault:
        integers = [rng.randrange(_LARGEST) for _ in range(len(target.arguments) + 1)]
        made = make_arguments(target, iter(integers).__next__)
        calls += 1
        try:
            answered += judge(target, made)
        except Fault as error:
            fault = _spell(name, made, error)
    return Tried(calls, answered, fault)


def _try_varied(name, target, most, number):
    counts = [0, 0]
    last = {}

    @seed(number)
    @settings(
        max_examples=most,
        deadline=None,
        database=None,
        derandomize=False,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        print_blob=False,
    )
    @given(arguments(target))
    def attempt(drawn):
        counts[0] += 1
        last["drawn"] = drawn
        counts[1] += judge(target, drawn)

    try:
        attempt()
    except Fault as fault:
        return Tried(*counts, _spell(name, last["drawn"], fault))
    return Tried(*counts, "")


def _spell(name, made, fault):
    spelt = ", ".join(
        f"{n}={shorten(_safe_repr(a.value), 120)}"
        + (f" ({a.container}, {a.mutation})" if a.container or a.mutation else "")
        for n, a in made.items()
    )
    return f"{name}({spelt}): {fault}"


def _safe_repr(value):
    try:
        return repr(value)
    except Exception as error:
        return f"<{type(value).__name__} whose repr fails: {error}>"
