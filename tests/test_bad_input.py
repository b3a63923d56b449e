"""A table of bad inputs and the message that each one gets."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from emdviz.distances import circular_emd, normalized_emd, wasserstein
from emdviz.losses import regression_loss, xe_emd2_loss
from tests.test_distances import EVERYWHERE
from tests.test_losses import OVER_LOGITS, batch

GOOD = [0.25, 0.75]
BAD_PAIRS = {
    "one class against two": (
        [1.0],
        GOOD,
        ValueError,
        r"t must have the shape of p, .* = \(1,\), got \(2,\)",
    ),
    "labels as (B, 1)": (
        np.full((4, 8), 1 / 8),
        np.zeros((4, 1)),
        ValueError,
        r"= \(4, 8\), got \(4, 1\); turn class indices into one_hot\(labels, 8\)",
    ),
    "labels as (B,)": (np.full((4, 8), 1 / 8), np.zeros(4), ValueError, r"\(4, 8\), got \(4,\)"),
    "a hidden broadcast": (
        np.full((4, 1, 2), 0.5),
        np.full((4, 2), 0.5),
        ValueError,
        r"\(4, 1, 2\), got \(4, 2\)",
    ),
    "NaN": ([np.nan, 1.0], GOOD, ValueError, r"p must be finite, got nan at index \(0,\)"),
    "NaN in t": (
        GOOD,
        [[0.5, 0.5], [np.nan, 1]],
        ValueError,
        r"t must be finite, got nan at index \(1, 0\)",
    ),
    "infinity": ([np.inf, 0.0], GOOD, ValueError, "p must be finite, got inf"),
    "negative": (
        [-0.5, 1.5],
        GOOD,
        ValueError,
        r"p must not be negative, got -0.5 at index \(0,\)",
    ),
    "too little mass": (
        [0.2, 0.2],
        GOOD,
        ValueError,
        r"p must sum to 1 .*divide by the sum.* got 0.4",
    ),
    "too much mass": (GOOD, [1.0, 1.0], ValueError, "t must sum to 1 .* got 2"),
    "logits": ([2.0, 3.0], GOOD, ValueError, "apply softmax to logits"),
    "no class": ([], [], ValueError, r"p must have the classes on its last axis"),
    "a number": (1.0, GOOD, ValueError, r"C ≥ 1, got \(\); turn a class index k into one_hot\("),
    "text": (["a", "b"], GOOD, TypeError, "p must hold real numbers"),
    "complex": ([1j, 0], GOOD, TypeError, "p must hold real numbers"),
    "complex tensor": (torch.tensor([1j, 0]), GOOD, TypeError, "p must hold real numbers"),
    "objects": (np.array([None, 1.0], dtype=object), GOOD, TypeError, "p must hold real numbers"),
    "ragged": ([[0.5, 0.5], [1.0]], GOOD, ValueError, "p must be a regular array"),
    "two libraries": (
        np.array(GOOD),
        torch.tensor(GOOD),
        TypeError,
        r"one library, got ndarray, Tensor; convert with torch.as_tensor",
    ),
}


@pytest.mark.parametrize("name", EVERYWHERE)
@pytest.mark.parametrize("case", BAD_PAIRS)
def test_bad_pairs_are_refused(name, case):
    p, t, error, text = BAD_PAIRS[case]
    with pytest.raises(error, match=text):
        EVERYWHERE[name](p, t)


BAD_POSITIONS = {
    "too few": ([0.0], r"positions must hold one number per class, shape \(2,\), got \(1,\)"),
    "a table": ([[0.0, 1.0]], r"got \(1, 2\)"),
    "falling": ([1.0, 0.0], "positions must increase from class to class"),
    "equal": ([1.0, 1.0], "sort the classes, or merge those at the same place"),
    "NaN": ([0.0, np.nan], "positions must be finite"),
}


@pytest.mark.parametrize("name", EVERYWHERE)
@pytest.mark.parametrize("case", BAD_POSITIONS)
def test_bad_positions_are_refused(name, case):
    positions, text = BAD_POSITIONS[case]
    with pytest.raises(ValueError, match=text):
        EVERYWHERE[name](GOOD, GOOD, positions=positions)


@pytest.mark.parametrize("function", [normalized_emd, wasserstein])
@pytest.mark.parametrize("order", [0.5, 0, -1, math.nan, "2", None])
def test_bad_orders_are_refused(function, order):
    with pytest.raises(ValueError, match="order must be a number from 1 to infinity, got"):
        function(GOOD, GOOD, order=order)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"positions": [0, 1]}, "period must be given with positions"),
        ({"positions": [0, 5], "period": 5}, "period must be more than the 5 from the first"),
        ({"period": math.nan}, "period must be more than the 1"),
    ],
)
def test_bad_periods_are_refused(options, text):
    with pytest.raises(ValueError, match=text):
        circular_emd(GOOD, GOOD, **options)


Z, Y = batch(8, 4, dtype=torch.float32)
BAD_BATCHES = {
    "labels as (B, 1)": (
        Z,
        Y[:, None],
        {},
        ValueError,
        r"target must be class indices \(B,\) = \(4,\) or probabilities \(B, C\) = \(4, 8\), "
        r"got \(4, 1\) of torch.int64",
    ),
    "labels as floats": (Z, Y.float(), {}, ValueError, r"got \(4,\) of torch.float32"),
    "one-hot as integers": (Z, F.one_hot(Y, 8), {}, ValueError, r"got \(4, 8\) of torch.int64"),
    "too few labels": (Z, Y[:3], {}, ValueError, r"\(4,\) .* got \(3,\)"),
    "too few classes": (Z, torch.full((4, 7), 1 / 7), {}, ValueError, r"got \(4, 7\)"),
    "label too high": (
        Z,
        torch.tensor([0, 1, 2, 8]),
        {},
        ValueError,
        "class indices 0 to 7.* got 8",
    ),
    "label negative": (
        Z,
        torch.tensor([0, 1, 2, -1]),
        {},
        ValueError,
        "class indices 0 to 7.* got -1",
    ),
    "bool labels": (Z, Y > 3, {}, TypeError, "target must be integers or probabilities"),
    "list of labels": (Z, [0, 1, 2, 3], {}, TypeError, "target must be a torch tensor, got list"),
    "array of logits": (Z.numpy(), Y, {}, TypeError, "input must be a torch tensor of logits"),
    "integer logits": (Z.long(), Y, {}, TypeError, "input must be floating-point"),
    "a number": (Z[0, 0], Y, {}, ValueError, r"input must be logits of shape \(C,\)"),
    "no class": (Z[:, :0], Y, {}, ValueError, r"input must be logits .* got \(4, 0\)"),
    "weights missing": (Z, Y, {"weight": torch.ones(7)}, ValueError, r"shape \(8,\), got \(7,\)"),
    "smoothing": (
        Z,
        Y,
        {"label_smoothing": 1.5},
        ValueError,
        "label_smoothing must be from 0 to 1",
    ),
    "reduction": (Z, Y, {"reduction": "avg"}, ValueError, "reduction must be one of .*, got 'avg'"),
    "image labels": (
        Z[:, :, None],
        Y,
        {},
        ValueError,
        r"target must be class indices \(B, d1, …\) = \(4, 1\)",
    ),
}


@pytest.mark.parametrize("name", OVER_LOGITS)
@pytest.mark.parametrize("case", BAD_BATCHES)
def test_bad_batches_are_refused(name, case):
    z, y, options, error, text = BAD_BATCHES[case]
    with pytest.raises(error, match=text):
        OVER_LOGITS[name](z, y, **options)


@pytest.mark.parametrize("name", ["EMD2", "EMD", "XEMD2"])
def test_bad_positions_in_losses_are_refused(name):
    with pytest.raises(ValueError, match="positions must increase"):
        OVER_LOGITS[name](Z, Y, positions=[0, 1, 2, 3, 4, 5, 7, 6])
    with pytest.raises(ValueError, match="positions must hold one number per class"):
        OVER_LOGITS[name](Z, Y, positions=[0, 1])


def test_bad_emd_weight_is_refused():
    with pytest.raises(ValueError, match="emd_weight must be 0 or more, got -1"):
        xe_emd2_loss(Z, Y, emd_weight=-1)


@pytest.mark.parametrize(
    ("outputs", "target", "options", "text"),
    [
        (Z, Y, {}, r"input must be one number per example, \(B,\) or \(B, 1\), got \(4, 8\)"),
        (Z[:, :1], Y[:, None], {}, r"got \(4, 1\) of torch.int64"),
        (Z[:, :1], Y.float(), {}, r"got \(4,\) of torch.float32"),
        (Z[:3, :1], Y, {}, r"= \(3,\) .* got \(4,\)"),
        (Z[:, :1], Y + 8, {"positions": range(8)}, "class indices 0 to 7"),
        (Z[:, :1], Y - 8, {"weight": torch.ones(8)}, "class indices 0 to 7"),
        (Z[:, :1], Y, {"reduction": "avg"}, "reduction must be one of"),
    ],
)
def test_bad_regressions_are_refused(outputs, target, options, text):
    with pytest.raises(ValueError, match=text):
        regression_loss(outputs, target, **options)
