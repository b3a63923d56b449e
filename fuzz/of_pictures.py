"""The pictures: arrays in, Axes out."""

import functools

import numpy as np
import pandas as pd
import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from emdviz import plots, training
from emdviz.losses import LOSSES
from fuzz.calls import Target
from fuzz.values import (
    DISTANCE,
    FLAG,
    LABELS,
    NAMES,
    ONE_P,
    POSITIONS,
    SQUARE,
    array,
    choice,
    count,
    distribution_rows,
    fixed,
    scalar,
)

SHARED = {"classes?": NAMES, "positions?": POSITIONS}
_LOSSES = ("XE", "EMD2")


def drawn(function):
    """Return the function with Axes of its own, and draw what it made now and then."""
    seen = [0]

    @functools.wraps(function)
    def draw(**options):
        figure = Figure(figsize=(3, 2))
        function(ax=figure.add_subplot(), **options)
        seen[0] += 1
        if seen[0] % 10 == 0:
            figure.canvas.draw()

    return draw


def _by_loss(make):
    return fixed(lambda rng, s: {name: make(rng, s) for name in _LOSSES})


def _images(rng, sizes):
    return rng.integers(0, 255, (sizes.rows, 3, 4, 4), dtype=np.uint8)


def _epochs(rng, sizes):
    p = training.Prediction(torch.zeros(1), None)
    metrics = {"AEM": float(rng.random()), "MAE": float("nan")}
    return [
        training.Epoch(
            number=k,
            train_loss=1.0,
            valid_loss=1.0,
            metrics=metrics,
            probe=p,
            learning_rate=0.1,
            seconds=1.0,
        )
        for k in range(1, 3)
    ]


def runs(rng, sizes):
    """A table of runs as compare_losses returns it."""
    rows = [
        {
            "loss": loss,
            "seed": seed,
            "fold": 0,
            "learning_rate": 0.1,
            "error": "",
            "valid RPS": rng.random(),
            **{f"test {name}": rng.random() for name in ("AEM", "AEO", "MAE", "RPS")},
        }
        for loss in _LOSSES
        for seed in range(1 + sizes.classes % 3)
    ]
    return pd.DataFrame(rows)


def _summary(rng, sizes):
    return training.summarise(runs(rng, sizes))


def _differences(rng, sizes):
    return training.paired_differences(runs(rng, sizes))


def _counts(rng, sizes):
    counts = rng.integers(0, 9, (sizes.classes, 2))
    table = pd.DataFrame(counts, columns=["train", "test"])
    table["all"] = table.sum(axis=1)
    return pd.concat([table, table.sum().to_frame("all").T])


VALUES = array(lambda rng, s: rng.random(s.rows))
CURVES = _by_loss(lambda rng, s: rng.random(3))
TARGETS = {
    "plots.plot_prediction": (
        plots.plot_prediction,
        {"p": ONE_P, "target?": count(0, 2), **SHARED},
    ),
    "plots.plot_cdf_gap": (plots.plot_cdf_gap, {"p": ONE_P, "t": ONE_P, **SHARED}),
    "plots.plot_plan": (plots.plot_plan, {"plan": SQUARE, "classes?": NAMES, "number?": FLAG}),
    "plots.plot_confusion": (plots.plot_confusion, {"matrix": SQUARE, "classes?": NAMES}),
    "plots.plot_pushes": (
        plots.plot_pushes,
        {
            "push": array(lambda rng, s: rng.normal(size=s.classes)),
            "limit?": scalar(0.1, 2),
            **SHARED,
        },
    ),
    "plots.plot_ground_distance": (
        plots.plot_ground_distance,
        {"distances": DISTANCE, "classes?": NAMES, "greatest?": scalar(1, 3)},
    ),
    "plots.plot_embedding": (
        plots.plot_embedding,
        {"points": array(lambda rng, s: rng.normal(size=(s.classes, 2))), "classes?": NAMES},
    ),
    "plots.plot_ribbons": (
        plots.plot_ribbons,
        {"plan": SQUARE, "supply?": ONE_P, "demand?": ONE_P, **SHARED},
    ),
    "plots.plot_scalings": (
        plots.plot_scalings,
        {
            "costs": VALUES,
            "column_errors": VALUES,
            "converged": scalar(0, 1),
            "exact": scalar(0, 1),
        },
    ),
    "plots.plot_scaling_errors": (
        plots.plot_scaling_errors,
        {
            "errors": array(lambda rng, s: rng.random((2, 3)) + 1e-3),
            "lams": choice([1, 2, 4]),
            "counts": choice([1, 10]),
        },
    ),
    "plots.plot_simplex": (
        plots.plot_simplex,
        {
            "points": array(lambda rng, s: distribution_rows(rng, (6, 3))),
            "values": array(lambda rng, s: rng.random(6)),
        },
    ),
    "plots.plot_curves": (
        plots.plot_curves,
        {"curves": CURVES, "x": choice([1.0, 2.0, 3.0]), "log?": FLAG},
    ),
    "plots.plot_trails": (plots.plot_trails, {"trails": CURVES, "log?": FLAG}),
    "plots.plot_reliability": (
        plots.plot_reliability,
        {"curves": _by_loss(lambda rng, s: (rng.random(3), rng.random(3)))},
    ),
    "plots.plot_by_loss": (plots.plot_by_loss, {"values": CURVES, "xlabel": choice("steps")}),
    "plots.plot_rank_correlations": (plots.plot_rank_correlations, {"correlations": CURVES}),
    "plots.plot_history": (
        plots.plot_history,
        {"histories": _by_loss(_epochs), "metric": choice("AEM", "MAE")},
    ),
    "plots.plot_class_counts": (plots.plot_class_counts, {"table": fixed(_counts)}),
    "plots.sheet": (
        plots.sheet,
        {"images": fixed(_images), "labels": LABELS, "classes?": NAMES, "per_class?": count(1, 3)},
    ),
    "plots.show_image": (
        plots.show_image,
        {"image": fixed(lambda rng, s: _images(rng, s)[0] if s.rows else None)},
    ),
}
TARGETS = {
    name: Target(drawn(function), kinds, share=0.05, also=(*LOSSES, "target", "p", "t"))
    for name, (function, kinds) in TARGETS.items()
}
TARGETS["plots.plot_beliefs"] = Target(
    plots.plot_beliefs,
    {
        "images": fixed(_images),
        "predictions": _by_loss(lambda rng, s: distribution_rows(rng, (s.rows, s.classes))),
        "truth?": LABELS,
        "classes?": NAMES,
    },
    use=lambda axes: plt.close("all"),
    share=0.02,
    also=("target", "p"),
)
TARGETS["plots.plot_comparison"] = Target(
    plots.plot_comparison,
    {
        "summary": fixed(_summary),
        "differences": fixed(_differences),
        "metric": choice("AEM", "MAE"),
    },
    use=lambda axes: plt.close("all"),
    share=0.02,
)
