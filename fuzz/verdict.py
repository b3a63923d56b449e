"""The outcome of a call: a correct answer, an error of emdviz, or a fault."""

import ast
import functools
import re
import signal
import threading
import traceback
import warnings
from pathlib import Path

import numpy as np
import torch

import emdviz

PACKAGE = Path(emdviz.__file__).parent
TIMEOUT = 30
"""Seconds that one call may take, on a machine that does much else."""


DOCUMENTED = (r"\d+ scalings at lam",)
"""Patterns of the warnings that the documentation announces."""


READING_ERRORS = (ValueError, TypeError, FileNotFoundError, OSError, RuntimeError)
"""Errors that a file may cause."""


class Fault(AssertionError):
    """A behaviour that must not occur."""


class TimedOut(BaseException):
    """A call took longer than :data:`TIMEOUT`."""


@functools.cache
def _raising_lines(file):
    lines = set()
    for node in ast.walk(ast.parse(Path(file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Raise) and node.exc is not None:
            lines.update(range(node.lineno, node.end_lineno + 1))
    return lines


def is_raised_by_emdviz(error):
    """Say whether a ``raise`` of emdviz made this error, not Python, NumPy or torch."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename]
    last = frames[-1]
    if not Path(last.filename).is_relative_to(PACKAGE):
        return False
    lines = _raising_lines(last.filename)
    return last.lineno in lines or any(n in lines for n in range(last.lineno, last.end_lineno + 1))


def check_error(error, allowed, names):
    """Raise a Fault unless emdviz raised the error, and it names one of ``names``."""
    if not isinstance(error, allowed):
        raise unexpected(error) from error
    if not is_raised_by_emdviz(error):
        raise Fault(
            f"not raised by emdviz: {type(error).__name__}, {where(error)}: {shorten(error)}"
        ) from (error)
    text = str(error)
    if names and not any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) for name in names):
        raise Fault(f"names no argument of {sorted(names)}: {shorten(text)}") from error


def unexpected(error):
    """Return the Fault of an error that must not occur."""
    return Fault(f"{type(error).__name__}, {where(error)}: {shorten(error)}")


def read(function, /, *arguments, warned=1):
    """Read a file; return whether it could be read, or raise a Fault.

    Allowed are errors that emdviz raises, of :data:`READING_ERRORS`, and ``warned`` UserWarnings.
    """
    answered = False
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            call(function, *arguments, quiet=False)
            answered = True
        except Fault:
            raise
        except Exception as error:
            if not isinstance(error, READING_ERRORS) or not is_raised_by_emdviz(error):
                raise unexpected(error) from error
            if len(str(error)) > 5000:
                raise Fault(f"an error of {len(str(error))} letters") from error
    for warning in caught:
        if warning.category is not UserWarning or len(caught) > warned:
            text = f"{warning.category.__name__} {warning.filename}: {shorten(warning.message)}"
            raise Fault(f"{len(caught)} warnings, such as {text}")
    return answered


def where(error):
    """Return the last place in emdviz that an error went through."""
    places = [
        f"{Path(f.filename).relative_to(PACKAGE)}:{f.lineno}"
        for f in traceback.extract_tb(error.__traceback__)
        if Path(f.filename).is_relative_to(PACKAGE)
    ]
    return places[-1] if places else "outside"


def shorten(text, most=300):
    """Return text of one line that is not too long."""
    text = " ".join(str(text).split())
    return text if len(text) <= most else text[:most] + " …"


def call(function, /, *arguments, quiet=True, **options):
    """Call within :data:`TIMEOUT`; if ``quiet``, with every warning an error."""

    def stop(*_):
        raise TimedOut

    watched = threading.current_thread() is threading.main_thread()
    if watched:
        before = signal.signal(signal.SIGALRM, stop)
        signal.alarm(TIMEOUT)
    try:
        if not quiet:
            return function(*arguments, **options)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for text in DOCUMENTED:
                warnings.filterwarnings("ignore", text)
            return function(*arguments, **options)
    except TimedOut:
        raise Fault(f"took more than {TIMEOUT} seconds") from None
    finally:
        if watched:
            signal.alarm(0)
            signal.signal(signal.SIGALRM, before)


def fingerprint(value):
    """Return a value that changes if an argument changes."""
    if isinstance(value, torch.Tensor):
        if value.device.type == "meta" or value.is_sparse or value.is_quantized:
            return None
        return (tuple(value.shape), value.detach().to(torch.complex128).numpy().tobytes())
    if isinstance(value, np.ndarray) and value.dtype != object and value is not np.ma.masked:
        return (value.shape, value.tobytes())
    if isinstance(value, list | dict):
        return repr(value)
    return None


def all_numbers(result):
    """Return every floating-point number of an answer, as one array."""
    if isinstance(result, torch.Tensor):
        if result.device.type == "meta" or not result.is_floating_point():
            return np.zeros(0)
        return result.detach().double().numpy().ravel()
    if isinstance(result, np.ndarray):
        return result.ravel().astype(float) if result.dtype.kind == "f" else np.zeros(0)
    if isinstance(result, float | np.floating):
        return np.array([result])
    if isinstance(result, dict):
        result = tuple(result.values())
    if isinstance(result, tuple | list):
        return np.concatenate([np.zeros(0), *map(all_numbers, result)])
    return np.zeros(0)
