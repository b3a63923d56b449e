"""Measure a loss, and find the known form that explains its values."""

from dataclasses import replace
from functools import partial

import numpy as np
from scipy.special import softmax

from emdviz.diagnosis.calling import Caller, Way
from emdviz.diagnosis.examples import Quirk, Subject
from emdviz.diagnosis.families import recognise_family
from emdviz.diagnosis.forms import FORMS, OUTPUT_FORMS, Block, Form, brief, recognise
from emdviz.losses.loss import LOSSES

ROWS = 8
"""Predictions for few classes, else C + 3; with labels, each meets every class."""


def _shifted(step):
    """Return the fields of a Quirk that moves each label by a step."""
    return (
        lambda t: np.roll(t, step, axis=1),
        lambda labels, size: (labels + step >= 0) & (labels + step < size),
    )


_COUNT = (
    "Labels count from 0; and with thresholds, the target's CDF is 1 from the label on, "
    "(label <= i)."
)
NO_QUIRK = Quirk("", "", lambda t: t)
QUIRKS = (
    NO_QUIRK,
    Quirk("labels off by one", f"label k is taken for class k + 1. {_COUNT}", *_shifted(1)),
    Quirk("labels off by one", f"label k is taken for class k − 1. {_COUNT}", *_shifted(-1)),
    Quirk(
        "target reversed",
        "the target runs from the last class to the first: label 0 is taken for class C − 1.",
        lambda t: t[:, ::-1],
    ),
)


def study(caller, sizes):
    """Find out what a loss takes, at these numbers of classes, and which form it is, if any."""
    if caller.way.target == "outputs":
        return _study_outputs(caller, sizes)
    for subject in _families(caller, sizes):
        measured = [_measure(subject, size) for size in sizes]
        for twice in (False, True) if subject.family == "logits" else (False,):
            for quirk in QUIRKS:
                candidate = replace(subject, quirk=quirk, twice=twice)
                match = recognise(_blocks(candidate, measured))
                if match:
                    return replace(candidate, match=match)
    subject = replace(subject, quirk=NO_QUIRK)
    blocks = _blocks(subject, measured)
    match = recognise(blocks, _registered_forms())
    if match is None and subject.way.target == "labels":
        match = recognise_family(blocks)
    return replace(subject, match=match)


def _registered_forms():
    """Return a form for each registered loss of C outputs that has none in ``FORMS``."""
    return {
        loss.label: Form(loss.label, loss.source or "", partial(_rows, loss))
        for loss in LOSSES.values()
        if loss.label not in FORMS and not loss.uses_features and loss.num_outputs(7) == 7
    }


def _rows(loss, p, t):
    """Return the values of a registered loss for predictions and targets (N, C), shape (N,)."""
    try:
        caller = Caller(loss.make(p.shape[1]), Way("labels", precision="float32"))
    except Exception:  # it may need options
        return np.full(len(p), np.nan)
    certain = np.all((t == 0) | (t == 1))
    targets = t.argmax(axis=1) if certain else t.astype(np.float32)
    if not certain:
        caller.way = Way("distributions", precision="float32")
    return caller.rows(np.log(p), targets)


def _study_outputs(caller, sizes):
    rng = np.random.default_rng(0)
    outputs, labels = rng.uniform(-1, 6, (40, 1)), rng.integers(0, 5, 40)
    block = Block(outputs, labels[:, None], caller.rows(outputs, labels))
    match = recognise([block], OUTPUT_FORMS)
    return Subject(caller, sizes, "outputs", NO_QUIRK, match)


def _families(caller, sizes):
    """Return a Subject for each kind of scores it may take; the last is the best guess."""
    size, rng = sizes[-1], np.random.default_rng(0)
    scores = np.log(rng.dirichlet(np.ones(size), 4))
    targets = np.ones(4, dtype=int)
    if caller.way.target == "distributions":
        targets = rng.dirichlet(np.ones(size), 4)
    usual, shifted = (caller.rows(scores + constant, targets) for constant in (0.0, 1.0))
    known = np.isfinite(usual) & np.isfinite(shifted)
    takes_any = bool(np.any(known))
    if takes_any and np.allclose(usual[known], shifted[known], rtol=1e-4, atol=1e-5):
        return [Subject(caller, sizes, "logits")]
    families = ("log-probabilities", "probabilities") if takes_any else ("probabilities",)
    return [Subject(caller, sizes, family, takes_any=takes_any) for family in families]


def _measure(subject, size):
    """Return random rows, targets, and the values of the loss."""
    rng = np.random.default_rng(size)
    labelled = subject.way.target == "labels"
    count = max(ROWS, size + 3)
    logits = 1.5 * rng.standard_normal((count if labelled else 4 * count, size))
    p = softmax(logits, axis=-1)
    scores = {"logits": logits, "probabilities": p}.get(subject.family, np.log(p))
    if labelled:
        labels = np.tile(np.arange(size), count)
        scores = np.repeat(scores, size, axis=0)
        return scores, labels, subject.caller.rows(scores, labels)
    targets = rng.dirichlet(np.full(size, 0.7), len(scores))
    return scores, targets, subject.caller.rows(scores, targets)


def _blocks(subject, measured):
    """Return the measurements with predictions and targets as the candidate reads them."""
    blocks = []
    for scores, targets, values in measured:
        size = scores.shape[1]
        t = subject.quirk.targets(subject.targets(targets, size))
        if subject.quirk.known is not None:
            if subject.way.target != "labels" or size < 3:
                continue
            values = np.where(subject.quirk.known(targets, size), values, np.nan)
        blocks.append(Block(subject.read(scores), t, values))
    return blocks


def at_near_and_far(subject):
    """Tell in words whether a loss of unknown form depends on the order of the classes."""
    size = subject.sizes[-1]
    if size < 3 or subject.family == "outputs":
        return []
    near, far = np.full((2, size), 1e-3)
    near[:2], far[[0, -1]] = (0.4, 0.6), (0.4, 0.6)
    pair = np.stack([near, far]) / near.sum()
    target = np.zeros(2, dtype=int)
    if subject.way.target == "distributions":
        target = np.eye(size)[target]
    scores = pair if subject.family == "probabilities" else np.log(pair)
    a, b = subject.caller.rows(scores, target)
    if not np.isfinite(a + b):
        return []
    values = f"0.4 on the label and 0.6 on the next class cost {brief(a)}, on the last {brief(b)}"
    if np.isclose(a, b, rtol=1e-4):
        return [f"It does not know the order of the classes: {values}."]
    return [f"It knows an order: {values}."]
