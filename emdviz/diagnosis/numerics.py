"""Mistakes in gradients and at extremes: certainty, confident mistakes, half precision."""

import numpy as np
import torch

from emdviz.diagnosis.behaviour import FAR, Finding
from emdviz.diagnosis.calling import Unusable, as_numbers
from emdviz.diagnosis.examples import Example, as_code, example_arguments, small_cases

STEP = 1e-3


def gradient(subject, arguments):
    """Return the value, and its gradient by the first argument, or why there is none."""
    first = arguments[0].requires_grad_()
    result = subject.caller.call_raw((first, arguments[1]))
    value = as_numbers(result)
    if not isinstance(result, torch.Tensor):
        return value, f"returns {type(result).__name__}, not a tensor (.item(), float() or NumPy?)"
    if not result.requires_grad:
        return value, "its value is cut off from its argument (.detach(), argmax or NumPy?)"
    (slope,) = torch.autograd.grad(result.sum(), first, allow_unused=True)
    if slope is None:
        return value, "its value is cut off from its argument (.detach()?)"
    return value, as_numbers(slope)


def find_gradient_mistake(subject):
    """Compare the gradient with differences of the value."""
    if subject.way.library != "torch":
        return None
    found = _compare_slopes(subject, *_ordinary(subject))
    if found is None:
        return None
    for scores, target in small_cases(subject):
        has_room = subject.family != "probabilities" or np.all(scores > STEP)
        if np.any(scores != scores[0]) and has_room:
            example = _compare_slopes(subject, np.asarray(scores), target)
            if example is not None and example[0] == found[0]:
                found = example
                break
    (name, text), example = found
    return Finding(name, text, example)


def _ordinary(subject):
    """Return a row and target at which a loss of any form has a gradient."""
    size, rng = subject.sizes[-1], np.random.default_rng(3)
    if subject.family == "outputs":
        return np.array([0.7]), 2
    p = (rng.dirichlet(np.ones(size)) + 0.1) / (1 + 0.1 * size)
    target = 1
    if subject.way.target == "distributions":
        target = rng.dirichlet(np.ones(size))
    return (p if subject.family == "probabilities" else np.log(p)), target


def _compare_slopes(subject, scores, target):
    arguments = subject.way.arguments(scores[None], np.array(target)[None])
    shown = example_arguments(subject.way, scores[None], np.array(target)[None])
    try:
        _, slope = gradient(subject, arguments)
        numeric = _slopes(subject, scores, target)
    except Unusable:
        return None
    except RuntimeError as error:  # mostly because of an in-place change
        words = str(error).split("\n")[0]
        text = f"backward() raised RuntimeError: {words}"
        return ("no gradient", text), Example(shown, "an error", "a number", quantity="gradient")
    if np.any(np.isnan(numeric)):
        return None
    why = "by differences of the value"
    if abs(numeric).max(initial=0) < 1e-6:
        text = "small changes of its first argument do not change the value (argmax, round?)"
        return ("no gradient", text), Example(shown, "no slope", "a slope", quantity="gradient")
    wanted = _full(numeric, len(scores))
    if isinstance(slope, str) or not np.any(slope):
        got, cause = ("none", slope) if isinstance(slope, str) else (0.0, "it is zero (.detach()?)")
        text = f"a network cannot learn from it: {cause}"
        return ("no gradient", text), Example(shown, got, wanted, why, "gradient")
    ours = slope.ravel() @ _directions(len(scores)).T
    if np.any(abs(ours - numeric) > 1e-3 + 1e-2 * abs(numeric).max()):
        text = "it is not the derivative of the value: a part is cut off (.detach()?)"
        got = slope.ravel() - (slope.mean() if len(scores) > 1 else 0)
        return ("wrong gradient", text), Example(shown, got.round(4), wanted, why, "gradient")
    return None


def _directions(size):
    """Return directions that keep the sum, so that probabilities stay probabilities."""
    return np.ones((1, 1)) if size == 1 else np.eye(size)[:-1] - np.eye(size)[1:]


def _slopes(subject, scores, target):
    there = [
        [subject.caller.row(scores + sign * STEP * v, target) for sign in (1, -1)]
        for v in _directions(len(scores))
    ]
    ahead, behind = np.array(there).T
    return (ahead - behind) / (2 * STEP)


def _full(numeric, size):
    """Return slopes along all classes, of mean 0, from the slopes between neighbours."""
    if size == 1:
        return numeric.round(4)
    slope = -np.cumsum([0.0, *numeric])
    return (slope - slope.mean()).round(4)


def find_at_certainty(subject):
    """Find a value or gradient that is not finite where the prediction equals the target."""
    size = subject.sizes[0]
    if subject.family == "log-probabilities":
        return None
    if subject.family == "logits":
        scores = [np.where(np.arange(size) == 0, 0.0, -FAR)]
    elif subject.family == "outputs":
        scores = [np.array([0.0])]
    else:
        scores = [np.eye(size)[0]]
        if subject.way.target == "distributions":
            scores.append(np.full(size, 1 / size))
    for row in scores:
        target = row if subject.way.target == "distributions" else 0
        found = _find_infinite(subject, row, target)
        if found:
            what, example = found
            if what == "value":
                text = "where p equals t: 0 · log 0, or 0 / 0. Leave out the terms with t = 0."
                return Finding("NaN at certainty", text, example)
            text = (
                "where p equals t, the root or the logarithm has an infinite slope, and 0 · ∞ is "
                "NaN; one such example spoils all weights. Square instead of the root, or add "
                "1e-12 under it."
            )
            return Finding("NaN gradient", text, example)
    return None


def find_at_mistakes(subject):
    """Find wrong values at confident mistakes, at large logits, and in half precision."""
    if subject.family != "logits":
        return None
    size = subject.sizes[0]
    low = np.where(np.arange(size) == 0, 0.0, -FAR)
    found = _find_infinite(subject, low + FAR, 0)
    if found and not _find_infinite(subject, low, 0):
        text = "exp of a large logit overflows. Use torch.softmax or log_softmax, which subtract "
        return Finding("overflow", text + "the largest logit first.", found[1])
    found = _find_infinite(subject, low, 1)
    if found and not _find_infinite(subject, low, 0):
        text = (
            "the softmax of a confident mistake is 0, and its logarithm −∞. Use "
            "torch.log_softmax in place of the log of a softmax."
        )
        return Finding("confident mistakes", text, found[1])
    return _find_half_precision(subject)


def _find_infinite(subject, scores, target):
    """Return "value" or "gradient", whichever is not finite, with an example; or None."""
    arguments = example_arguments(subject.way, scores[None], np.array(target)[None])
    try:
        if subject.way.library == "torch":
            value, slope = gradient(subject, arguments)
        else:
            value, slope = subject.caller.call(arguments), ""
    except (Unusable, RuntimeError):
        return None
    if not np.all(np.isfinite(value)):
        return "value", Example(arguments, float(value.sum()), "a finite number")
    if not isinstance(slope, str) and not np.all(np.isfinite(slope)):
        got = slope[0] if slope.ndim > 1 else slope
        return "gradient", Example(arguments, got, "finite numbers", quantity="gradient")
    return None


def _find_half_precision(subject):
    """Compare float16 logits, as under autocast, with float32."""
    if subject.way.library != "torch" or subject.way.single:
        return None
    size = subject.sizes[-1]
    for height, label in ((1, 0), (12, 0), (12, 1)):
        row = height * np.eye(size)[:1]
        scores, target = example_arguments(subject.way, row, np.array([label]))
        try:
            usual = subject.caller.call((scores, target)).sum()
            half = subject.caller.call((scores.detach().half(), target)).sum()
        except Unusable:
            return None  # refusing it is fine
        if np.isfinite(usual) and not abs(half - usual) <= 0.05 * abs(usual) + 0.01:
            text = "float16 has three digits, and nothing above 65504. Compute in float32: "
            arguments = (scores.half(), target)
            example = Example(arguments, float(half), float(usual), "as in float32")
            return Finding("half precision", text + "logits.float().", example)
    return None


def find_unsteady(subject):
    """Call it twice with the same numbers, to find random values and NaN."""
    scores, target = _ordinary(subject)
    try:
        once, twice = (subject.caller.row(scores, target) for _ in range(2))
    except Unusable:
        return None
    arguments = example_arguments(subject.way, scores[None], np.array(target)[None])
    if not np.isfinite(once):
        example = Example(arguments, once, "a finite number")
        return Finding("NaN", "already for ordinary numbers it is not finite.", example)
    if np.isclose(once, twice):
        return None
    text = "two calls with the same numbers give two values (dropout, or a state that it keeps?)"
    return Finding("random", text, Example(arguments, once, as_code(twice), "the second call"))
