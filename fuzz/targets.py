"""Kinds of arguments for every public function, by the names of its parameters.

A function whose parameters have known names is fuzzed as soon as it is public, and a loss as soon
as it is registered: numbers among its options lie around their defaults. ``KINDS`` holds for all
modules, ``MODULES`` for one, ``SPECIAL`` for one function, together with its reference.
"""

import dataclasses
import functools
import inspect

import numpy as np
import pandas as pd
import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from torch import nn

from emdviz import datasets, experiments, losses, metrics, models, training, transport
from emdviz.losses.loss import closed_forms
from emdviz.models.small import SmallCNN
from fuzz import batches, surface
from fuzz import references as ref
from fuzz.calls import Target
from fuzz.values import (
    DISTANCE,
    FLAG,
    LABELS,
    MASSES,
    NAMES,
    ONE_P,
    POSITIONS,
    ROWS,
    SCORES,
    SQUARE,
    P,
    array,
    choice,
    count,
    distribution_rows,
    fixed,
    scalar,
)

IGNORED = {
    "ax", "axes", "colour", "like", "marks", "name", "names", "xlabel", "ylabel",  # how it looks
    "criterion", "decoding", "folder", "licence", "notes", "praise", "probe", "root",
    "transform",
}  # fmt: skip
"""Optional parameters that are handed on as they are."""

LEFT_OUT = {
    "losses.descent.walk": "is called by descend, with a function of its own",
    "collecting.collect": "runs notebooks for minutes; test_collecting.py has hostile ones",
    "collecting.plain": "takes any text",
    "collecting.summary": "lays out a table that collecting.collect returned",
    "comparing.compare": "reads and trains, as comparing.plan and training.compare_losses do",
    "comparing.load": "reads files; test_comparing.py has broken ones",
    "comparing.plan": "reads files as datasets.table, and tries losses as training.compare_losses",
    "comparing.predict": "reads files of a comparison; test_comparing.py has broken ones",
    "datasets.Split": "a record of what a function returned",
    "datasets.from_torch": "calls from_arrays, which is fuzzed",
    "datasets.with_features": "runs a network over a data set, as training.fit does",
    "datasets.table": "reads files, which files.py makes",
    "exercises.Solution": "keeps anything",
    "exercises.predict": "stands around a block of a cell",
    "exercises.judge_function": "fuzzed inside judge_emd and others like it",
    "experiments.Store": "reads files, which store.py makes",
    "experiments.results": "reads files, which store.py makes",
    "experiments.run": "trains for minutes; a RunSpec, of which it is given many, is fuzzed",
    "losses.LearnedDistance": "fuzzed inside losses.SelfGuidedEMD2Loss",
    "losses.Loss": "every registered one is fuzzed",
    "losses.register": "changes the list of losses",
    "models.Network": "a base class",
    "plots.style.table": "styles a DataFrame for a notebook; its numbers are those of pandas",
    "experiments.load": "reads files, which store.py makes",
    "models.build": "makes networks, as models.make, which is fuzzed",
    "models.linear": "made by models.make, which is fuzzed",
    "models.mlp": "made by models.make, which is fuzzed",
    "propriety.verdict": "searches for seconds; propriety.find_minimiser, its part, is fuzzed",
    "report.Report": "a record of what report.write returned",
    "report.write": "takes a comparison of trained networks; test_report.py has hostile names",
    "site.build": "writes pages; its tests read them",
    "training.Race": "trains in a thread; its runs are fuzzed inside training.fit",
    "training.Run": "fuzzed inside training.fit",
    "training.choose_rates": "calls training.compare_losses",
    "training.compare_losses": "trains for minutes; calls training.fit, which is fuzzed",
    "training.load_run": "reads files, which store.py makes",
    "training.quick": "returns one of its arguments",
}
"""Public callables that are not called with arguments at random, and why not."""

TWO = tuple(losses.LOSSES)[:3:2]
"""Two losses that have a distribution, for tables and curves of more than one."""


@functools.cache
def faces():
    """Return a data set so small that an epoch takes no time."""
    return datasets.load("synthetic_faces", n=24, size=32)


@functools.cache
def trained():
    """Return a run of a small network, not trained yet."""
    return training.Run(models.small_cnn(8, width=2), "XE", faces())


def _network(rng, sizes):
    return models.small_cnn(8, width=2)


def _images(rng, sizes):
    return rng.integers(0, 255, (sizes.rows, 3, 4, 4), dtype=np.uint8)


def _by_loss(make):
    return fixed(lambda rng, s: {name: make(rng, s) for name in TWO})


def _epochs(rng, sizes):
    nothing = training.Prediction(torch.zeros(1), None)
    scores = {"AEM": float(rng.random()), "MAE": float("nan")}
    return [training.Epoch(k, 1.0, 1.0, scores, nothing, 0.1, 1.0) for k in (1, 2)]


def _runs(rng, sizes):
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
        for loss in TWO
        for seed in range(1 + sizes.classes % 3)
    ]
    return pd.DataFrame(rows)


def _counts(rng, sizes):
    counts = rng.integers(0, 9, (sizes.classes, 2))
    table = pd.DataFrame(counts, columns=["train", "test"])
    table["all"] = table.sum(axis=1)
    return pd.concat([table, table.sum().to_frame("all").T])


def _drawn(function):
    """Return the function with Axes of its own, and draw its figure now and then."""
    seen = [0]

    @functools.wraps(function)
    def draw(**options):
        figure = Figure(figsize=(3, 2))
        function(ax=figure.add_subplot(), **options)
        seen[0] += 1
        if seen[0] % 10 == 0:
            figure.canvas.draw()

    return draw


def _trained(make):
    """Return a function that makes a Module and calls it."""

    @functools.wraps(make)
    def apply(input, target, **options):
        return make(**options)(input, target)

    return apply


def _self_guided(num_classes, num_features, input, target, features, **options):
    loss = losses.SelfGuidedEMD2Loss(num_classes, num_features, **options)
    loss(input, target)
    loss.observe(features, target)
    loss.end_epoch()
    return loss(input, target)


def _look_at(dataset):
    return [dataset.summary(), repr(dataset), dataset.split("train").labels]


def _circular(p, t, positions=None, period=None):
    p, t = ref.pair(p, t)
    if positions is not None or period is not None:
        ref.places(positions, p.shape[-1])
        raise ref.Unsure
    size = p.shape[-1]

    def cost(a, b):
        d = np.cumsum(a - b)
        return min(np.sum(np.abs(d - level)) for level in d) if size else 0.0

    return ref.each(cost, p, t)


def _exact(p, t, cost=None, positions=None):
    if cost is not None or p.shape[:-1] != t.shape[:-1]:
        raise ref.Unsure
    return ref.gap_power(1)(p, t, positions)


_ANSWERS = choice(
    lambda p: np.cumsum(p),
    lambda p: p,
    lambda *a, **k: None,
    lambda *a: float("nan"),
    lambda p, t: np.abs(np.cumsum(np.asarray(p) - np.asarray(t), -1)).sum(-1),
    lambda *a: "text",
    lambda *a: [1, [2]],
    lambda *a: 1 / 0,
    lambda *a: a[5],
    ...,
    None,
    3,
    "emd",
    lambda z, y: torch.zeros(()),
    lambda *a: np.array([]),
    lambda *a: (1, 2),
    print,
    dict,
    nn.ReLU(),
)
_TREE = {"cat": "animal", "dog": "animal", "animal": "thing", "car": "thing"}
_WEIGHT_FILE = choice(None, "no/such/file.pth")

KINDS = {
    "ambiguity": scalar(0, 2),
    "augmentation": choice("flip", "paper", "none"),
    "baseline": choice(TWO[0]),
    "batch_size": count(2, 9),
    "bins": count(1, 20),
    "classes": NAMES,
    "config": choice(training.TrainConfig(epochs=1, batch_size=8, device="cpu")),
    "context": choice("notebook", "projector", "print"),
    "cost": SQUARE,
    "count": count(0, 5),
    "crop": count(1, 32),
    "cumulative": FLAG,
    "dataset": fixed(lambda rng, s: faces()),
    "deviation": array(lambda rng, s: rng.uniform(0.1, 2, s.rows)),
    "device": choice("cpu"),
    "differences": fixed(lambda rng, s: training.paired_differences(_runs(rng, s))),
    "dimensions": count(1, 3),
    "distances": DISTANCE,
    "domain": choice("log", "plain"),
    "edges": POSITIONS,
    "emd_weight": scalar(0, 3),
    "epochs": count(1, 3),
    "floor": scalar(1e-9, 1e-3),
    "frame": fixed(_runs),
    "ground_distance": DISTANCE,
    "ignore_index": choice(-100, 0, 1),
    "images": fixed(lambda rng, s: faces().inputs[:3]),
    "imbalance": scalar(1, 5),
    "input": batches.LOGITS,
    "iterations": count(1, 30),
    "label_noise": scalar(0, 1),
    "label_smoothing": scalar(0, 1),
    "labels": LABELS,
    "lam": scalar(0.1, 20),
    "learning_rate": scalar(1e-3, 0.1),
    "loss": choice(*TWO),
    "loss_options": choice({}, {"lam": 10.0}),
    "mean": SCORES,
    "metric": choice("AEM", "MAE"),
    "metrics": choice(("AEM",), ["MAE", "RPS"], ["nothing"]),
    "mirror": FLAG,
    "mixed_precision": FLAG,
    "model": fixed(_network),
    "momentum": scalar(0, 0.9),
    "mu": scalar(0, 1),
    "normalized": FLAG,
    "num_classes": fixed(lambda rng, s: s.classes),
    "num_features": fixed(lambda rng, s: s.classes),
    "num_outputs": count(1, 9),
    "number": count(0, 4),
    "omega": scalar(0.5, 2),
    "order": choice(1, 2, 1.5, 3, float("inf")),
    "others": DISTANCE,
    "own_splits": FLAG,
    "p": P,
    "period": scalar(1, 30),
    "positions": POSITIONS,
    "precision": choice("float64", "float32"),
    "predicted": LABELS,
    "probabilities": ROWS,
    "q": ONE_P,
    "ratio": scalar(1, 4),
    "reduction": choice("mean", "sum", "none"),
    "schedule": choice("cosine", "constant"),
    "targets": choice(None, "labels"),
    "scores": SCORES,
    "seed": count(0, 9),
    "size": count(30, 40),
    "soft": FLAG,
    "split": choice("valid", "test"),
    "starts": count(2, 4),
    "steps": count(0, 3),
    "t": P,
    "table": fixed(_runs),
    "target": count(0, 3),
    "tolerance": scalar(0, 1e-3),
    "true_distribution": ROWS,
    "true_scores": SCORES,
    "values": P,
    "warm_up": count(1, 3),
    "weight": batches.WEIGHT,
    "weight_decay": scalar(0, 1),
    "weights": _WEIGHT_FILE,
    "width": count(1, 4),
}

_ARRAYS = {"also": ("arrays",)}
# a function of one's own raises its own errors
_ANY_LOSS = dataclasses.replace(
    choice(
        *closed_forms("propriety"), *closed_forms("propriety"), "no such thing", None, 3, object
    ),
    replaceable=False,
)
_CURVES = _by_loss(lambda rng, s: rng.random(3))
_VALUES = array(lambda rng, s: rng.random(s.rows))
_ROW_WEIGHTS = {
    "kinds": {"weights": array(lambda rng, s: rng.uniform(0.5, 2, s.rows))},
    "ignored": set(),
}
_OPTIONS = {
    "weight?": batches.WEIGHT,
    "ignore_index?": KINDS["ignore_index"],
    "label_smoothing?": KINDS["label_smoothing"],
    "reduction?": KINDS["reduction"],
}
_BATCH = {"input": batches.LOGITS, "target": batches.TARGET}
_CONFIG = surface.arguments(training.TrainConfig, KINDS, IGNORED)[0]
_MASSES = {"kinds": {"p": MASSES, "t": MASSES}, "share": 0.5}

MODULES = {
    "distances": _ARRAYS,
    "losses": {
        "kinds": {"target": batches.TARGET},
        "use": batches.backward,
        "nan": True,
        "loose": True,
    },
    "metrics": {"ignored": {"weights"}},  # the references know none
    "plots": {
        "kinds": {
            "correlations": _CURVES,
            "curves": _CURVES,
            "greatest": scalar(1, 3),
            "histories": _by_loss(_epochs),
            "image": fixed(lambda rng, s: _images(rng, s)[0] if s.rows else None),
            "images": fixed(_images),
            "levels": count(3, 12),
            "limit": scalar(0.1, 2),
            "log": FLAG,
            "matrix": SQUARE,
            "number": FLAG,
            "p": ONE_P,
            "per_class": count(1, 3),
            "plan": SQUARE,
            "points": array(lambda rng, s: rng.normal(size=(s.classes, 2))),
            "predictions": _by_loss(lambda rng, s: distribution_rows(rng, (s.rows, s.classes))),
            "push": array(lambda rng, s: rng.normal(size=s.classes)),
            "summary": fixed(lambda rng, s: training.summarise(_runs(rng, s))),
            "supply": ONE_P,
            "demand": ONE_P,
            "t": ONE_P,
            "table": fixed(_counts),
            "target": count(0, 2),
            "trails": _CURVES,
            "truth": LABELS,
            "values": _CURVES,
            "x": choice([1.0, 2.0, 3.0]),
        },
        "share": 0.05,
        "also": (*losses.LOSSES, "target", "p", "t"),
    },
    "training": {"share": 0.02, "nan": True},
    "models": {"share": 0.02, "errors": (FileNotFoundError,)},
    "exercises": {
        "kinds": {
            "answer": _ANSWERS,
            "function": _ANSWERS,
            "batches": FLAG,
            "positions": FLAG,
            "calls": choice(None, [(np.ones(3),)], [(1,), (2,)]),
            "shape": choice(None, (), (3,), (2, 3)),
            "tensors": FLAG,
        },
        "share": 0.01,
        "also": ("answer",),
    },
    "published": {"share": 0.05, "nan": True},
    "plots.style": {"share": 0.05},
}
"""For every function of a module: the fields of its Target, and ``kinds`` by parameter."""

SPECIAL = {
    "distributions.cdf": {"reference": ref.cdf},
    "distributions.expectation": {"reference": ref.expectation},
    "distributions.spread": {"reference": ref.spread},
    "distances.emd": {"reference": ref.gap_power(1), "share": 2},
    "distances.emd2": {"reference": ref.gap_power(2), "share": 2},
    "distances.normalized_emd": {"reference": ref.normalized},
    "distances.wasserstein": {"reference": ref.wasserstein},
    "distances.circular_emd": {"reference": _circular, "kinds": {"period": scalar(5, 30)}},
    "transport.exact_plan": {"share": 0.5},
    "transport.exact_cost": {"reference": _exact},
    "transport.partial_plan": _MASSES,
    "transport.partial_emd": _MASSES,
    "transport.entropic_plan": {
        # with the usual 100,000, a large λ takes minutes
        "function": functools.partial(transport.entropic_plan, iterations=300),
        "kinds": {"lam": scalar(0.1, 5), "tolerance": scalar(1e-8, 1e-4)},
        "ignored": {"iterations"},
        "errors": (RuntimeError,),
        "also": ("iterations",),
        "share": 0.3,
    },
    "transport.rounding.scale": {
        "kinds": {"p": ONE_P, "t": ONE_P, "lam": scalar(0.1, 100), "iterations": count(0, 5)},
        "nan": True,
        "share": 0.5,
    },
    "transport.rounding.converged_plan": {
        "kinds": {"p": ONE_P, "t": ONE_P, "lam": scalar(0.1, 100)},
        "share": 0.2,
    },
    "metrics.heading": {"kinds": {"name": choice(*metrics.METRICS)}, "share": 0.1},
    "metrics.accuracy_within": {
        "reference": lambda predicted, labels, steps=0: ref.within(steps)(predicted, labels)
    },
    "metrics.aem": {"reference": ref.within(0)},
    "metrics.aeo": {"reference": ref.within(1)},
    "metrics.mae": {"reference": ref.mae},
    "metrics.macro_mae": {"reference": ref.macro_mae},
    "metrics.quadratic_weighted_kappa": {"nan": True, "share": 0.3, **_ROW_WEIGHTS},
    "metrics.spearman": {"reference": ref.spearman, "share": 0.3},
    "metrics.ranked_probability_score": {"reference": ref.ranked},
    "metrics.log_loss": {"reference": ref.log_loss},
    "metrics.calibration_error": _ROW_WEIGHTS,
    "metrics.evaluate": {"nan": True, "share": 0.2, **_ROW_WEIGHTS},
    "metrics.evaluate_scores": {"nan": True, "share": 0.2, **_ROW_WEIGHTS},
    "metrics.evaluate_classes": {"nan": True, "share": 0.2, **_ROW_WEIGHTS},
    "beliefs.mean_prediction": {"nan": True},
    "beliefs.confusion": {"nan": True},
    "beliefs.reliability": {"share": 0.3, "kinds": {"bins": count(1, 5)}},
    "beliefs.largest_disagreements": {"kinds": {"p": ROWS, "q": ROWS}, **_ARRAYS},
    "ground_distance.line": {"reference": ref.line},
    "ground_distance.matrix": {"reference": ref.distance},
    "ground_distance.rank_correlation": {"nan": True, "share": 0.3},
    "ground_distance.tree": {
        "kinds": {
            "classes": choice(["cat", "dog", "car"], ["cat"], []),
            "parents": choice(_TREE, {}, {"cat": "cat"}, {"cat": "dog", "dog": "cat"}),
            "lengths": choice({"cat": 2.0}, {}, {"cat": -1}, {"cat": float("nan")}, {"cat": "x"}),
        },
        "also": ("class",),
    },
    "propriety.expected_loss": {"kinds": {"loss": _ANY_LOSS}, **_ARRAYS},
    "propriety.minimiser": {"kinds": {"loss": _ANY_LOSS, "t": ONE_P}},
    "propriety.medians": {"kinds": {"t": ONE_P}},
    "propriety.find_minimiser": {"kinds": {"loss": _ANY_LOSS, "t": ONE_P}, "share": 0.01},
    "losses.descent.descend": {
        "kinds": {"loss": choice(*closed_forms("gradient")), "p": ONE_P},
        "share": 0.3,
    },
    "plots.style.style": {"use": lambda answer: answer.__enter__()},
    "losses.as_loss": {"kinds": {"loss": choice(*losses.LOSSES, *losses.zoo.names(), "no.loss")}},
    "losses.emd2_loss": {"reference": batches.gap_power(2), "share": 2},
    "losses.emd_loss": {"reference": batches.gap_power(1)},
    "losses.xe_emd2_loss": {"more": _OPTIONS},
    "losses.CrossEntropyEMD2Loss": {
        "more": _OPTIONS | {"positions?": POSITIONS, "normalized?": FLAG}
    },
    "losses.regression_loss": {"kinds": {"input": batches.NUMBERS}},
    "losses.RegressionLoss": {"more": {"input": batches.NUMBERS}},
    "losses.SelfGuidedEMD2Loss": {
        "function": _self_guided,
        "more": _BATCH | {"features": batches.FEATURES},
        "also": ("labels", "ground_distance"),
    },
    "plots.plot_curves": {"kinds": {"curves": _CURVES}},
    "plots.plot_scalings": {
        "kinds": {
            "costs": _VALUES,
            "column_errors": _VALUES,
            "converged": scalar(0, 1),
            "exact": scalar(0, 1),
        }
    },
    "plots.plot_scaling_errors": {
        "kinds": {
            "errors": array(lambda rng, s: rng.random((2, 3)) + 1e-3),
            "lams": choice([1, 2, 4]),
            "counts": choice([1, 10]),
        }
    },
    "plots.plot_simplex": {
        "kinds": {
            "points": array(lambda rng, s: distribution_rows(rng, (6, 3))),
            "values": array(lambda rng, s: rng.random(6)),
        }
    },
    "plots.plot_reliability": {
        "kinds": {"curves": _by_loss(lambda rng, s: (rng.random(3), rng.random(3)))}
    },
    "plots.plot_by_loss": {"kinds": {"xlabel": choice("steps")}},
    "plots.plot_comparison": {"kinds": {"differences": KINDS["differences"]}, "share": 0.02},
    "plots.plot_map": {
        "kinds": {
            "differences": fixed(
                lambda rng, s: training.paired_differences(_runs(rng, s)).assign(regime="one")
            )
        },
        "ignored": {"words", "groups"},
        "share": 0.02,
    },
    "plots.plot_beliefs": {"share": 0.02},
    "plots.plot_cdf_gap": {"ignored": {"labels"}},
    "training.TrainConfig": {"share": 0.5},
    "training.choose_device": {"kinds": {"device": choice("cpu", torch.device("cpu"))}},
    "training.scale_pixels": {
        "kinds": {"images": fixed(lambda rng, s: torch.zeros(1, 3, 2, 2, dtype=torch.uint8))}
    },
    "training.predict": {
        "kinds": {
            "run": fixed(lambda rng, s: trained()),
            "inputs": fixed(lambda rng, s: faces().inputs[:3]),
        }
    },
    "training.measure": {
        "kinds": {
            "prediction": fixed(
                lambda rng, s: training.Prediction(
                    torch.zeros(3, dtype=torch.int64), torch.tensor(distribution_rows(rng, (3, 8)))
                )
            ),
            "split": fixed(lambda rng, s: datasets.Split(faces().inputs[:3], faces().labels[:3])),
            "num_classes": choice(8),
            "weighted": FLAG,
        }
    },
    "training.summarise": {"kinds": {"test_to_train": scalar(0, 1)}},
    "training.paired_differences": {
        "kinds": {"test_to_train": scalar(0, 1)},
        "ignored": {"predictions"},
    },
    "training.fit": {
        "function": lambda *args, **options: next(iter(training.fit(*args, **options))),
        "ignored": {"loss_options"},
        "share": 0.01,
    },
    "models.make": {"kinds": {"network": choice(SmallCNN)}},
    "models.operations": {
        "kinds": {"name": choice("small_cnn"), "size": count(8, 40)},
        "also": ("images",),
        "share": 0.01,
    },
    "datasets.OrderedData": {
        "function": lambda *args, **options: _look_at(datasets.OrderedData(*args, **options)),
        "kinds": {
            "name": choice("mine"),
            "inputs": fixed(lambda rng, s: torch.zeros(6, 3, 4, 4, dtype=torch.uint8)),
            "labels": fixed(lambda rng, s: torch.tensor([0, 1, 0, 1, 0, 1])),
            "classes": choice(["low", "high"]),
            "splits": fixed(
                lambda rng, s: {
                    "train": torch.arange(4),
                    "valid": torch.tensor([4]),
                    "test": torch.tensor([5]),
                }
            ),
            "positions": choice([0.0, 2.0], [1, 0]),
            "unit": choice("years"),
            "features": choice(["height", "width"]),
            "groups": choice(list("aabbcd")),
            "votes": choice(torch.ones(6, 2), torch.zeros(6, 2), [1, 2]),
            "weights": choice(torch.ones(6), torch.zeros(6), "heavy"),
        },
        "ignored": {"true_distribution", "bins", "report"},
        "share": 0.05,
    },
    "datasets.from_arrays": {
        "function": lambda *args, **options: _look_at(datasets.from_arrays(*args, **options)),
        "kinds": {
            "inputs": array(lambda rng, s: rng.normal(size=(12, 3))),
            "labels": choice(list("012") * 4, np.arange(12) % 4, ["low", "high", "low"] * 4),
            "votes": array(lambda rng, s: rng.random((12, 3))),
            "classes": choice(["low", "middle", "high"]),
            "positions": choice([0.0, 1.0, 3.0]),
            "groups": choice(list("aabbccddeeff")),
            "weights": array(lambda rng, s: rng.uniform(0.5, 2, 12)),
            "splits": choice(["train", "valid", "test"] * 4),
            "bins": count(2, 4),
            "depth": count(8, 16),
            "unit": choice("years"),
        },
        "share": 0.05,
    },
    "datasets.load": {
        "function": lambda *args, **options: datasets.load(*args, **options).labels,
        "kinds": {"name": choice("synthetic_faces")},
        "more": {"n": count(1, 9), "size?": count(30, 40), "seed?": count(0, 3)},
        "also": ("root", "arguments"),
        "errors": (FileNotFoundError,),
        "share": 0.01,
    },
    "datasets.synthetic_faces": {
        "function": lambda **options: datasets.synthetic_faces(**options).labels,
        "kinds": {"n": count(1, 9)},
        "share": 0.02,
    },
    "datasets.digits": {
        "function": lambda **options: datasets.digits(**options).labels,
        "kinds": {"size": count(8, 20)},
        "share": 0.003,
    },
    "experiments.RunSpec": {
        "function": lambda **options: experiments.RunSpec(**options).id,
        "kinds": {
            "dataset": choice("synthetic_faces", "digits"),
            "dataset_options": choice({"n": 20}, {"x": 1}),
            "edition": choice(None, "2026"),
            "fold": choice(None, 0),
            "network": choice("small_cnn"),
            "weights": choice(None, "w.pth"),
            "config": choice(training.TrainConfig(epochs=1)),
        },
        "share": 0.1,
    },
    "experiments.paper_config": {"more": _CONFIG, "share": 0.2},
    "experiments.select": {"ignored": {"by", "over", "across"}, "nan": True, "share": 0.01},
    "explorers.flip_book": {
        "kinds": {
            "figures": fixed(lambda rng, s: [Figure(figsize=(0.2, 0.2))]),
            "alt": choice(["one"], [], ["a", "b"]),
        },
        "share": 0.01,
    },
    "exercises.judge_equal_cross_entropy": {
        "kinds": {"p": ONE_P, "label": count(0, 2)},
        "share": 0.1,
    },
    "exercises.judge_ordered": {
        "kinds": {"distances": fixed(lambda rng, s: rng.random((3, 3)))},
        "share": 0.05,
    },
    "diagnosis.diagnose": {
        "kinds": {"loss": _ANSWERS, "num_classes": count(2, 5)},
        "ignored": {"inputs"},
        "also": ("function",),
        "share": 0.003,
    },
}
"""For one function: as in ``MODULES``; ``function`` calls it, ``more`` are further arguments."""


def targets():
    """Return (every fuzzed function as a Target by its name, what is not known of the others)."""
    made, unknown = {}, []
    for name, function in surface.public_callables().items():
        if name in LEFT_OUT or (name not in SPECIAL and surface.fuzzed_elsewhere(name, function)):
            continue
        target, lacking = _target(name, function)
        unknown += [f"{name}({parameter}=…)" for parameter in lacking]
        if not lacking:
            made[name] = target
    made |= {f"LOSSES[{name!r}]": batches.registered(loss) for name, loss in losses.LOSSES.items()}
    return made, unknown


def kinds_of_options(function):
    """Return kinds for the options of a loss that have a number or a flag as their default."""
    kinds = {}
    for name, parameter in inspect.signature(function).parameters.items():
        default = parameter.default
        if isinstance(default, bool):
            kinds[name] = FLAG
        elif isinstance(default, int):
            kinds[name] = count(min(default, 1), 2 * abs(default) + 1)
        elif isinstance(default, float):
            kinds[name] = scalar(min(default, default / 2), abs(2 * default) + 1)
    return kinds


def _target(name, function):
    module = name.rpartition(".")[0]
    general, special = MODULES.get(module, {}), SPECIAL.get(name, {})
    how = general | special
    kinds = KINDS | general.get("kinds", {}) | special.get("kinds", {})
    if module == "losses":
        kinds = kinds_of_options(function) | kinds
    given, unknown = surface.arguments(function, kinds, IGNORED | how.get("ignored", set()))
    call = how.get("function", function)
    if call is function and module == "losses" and inspect.isclass(function):
        call, given = _trained(function), _BATCH | given
        how = {"share": 0.3} | how | {"loose": False}
    elif module == "plots" and "ax" in inspect.signature(function).parameters:
        call = _drawn(function)
    elif module == "plots":
        how = {"use": lambda axes: plt.close("all")} | how
    fields = {key: how[key] for key in how if key not in ("kinds", "function", "ignored", "more")}
    return Target(call, given | how.get("more", {}), **fields), unknown
