"""Training, models, data sets in memory, specs of runs, answer checks and small figures."""

import functools

import numpy as np
import torch
from matplotlib.figure import Figure

from emdviz import datasets, diagnosis, exercises, experiments, explorers, models, training
from fuzz.calls import Target
from fuzz.of_pictures import runs
from fuzz.values import FLAG, ONE_P, choice, count, distribution_rows, fixed, scalar


@functools.cache
def faces():
    """Return a data set so small that an epoch takes no time."""
    return datasets.load("synthetic_faces", n=24, size=32)


def _network(num_outputs=8):
    return models.small_cnn(num_outputs, width=2)


def _first_epoch(*arguments, **options):
    return next(iter(training.fit(*arguments, **options)))


def _dataset(name, images, labels, classes, splits, **options):
    made = datasets.OrderedData(name, images, labels, classes, splits, **options)
    return [made.summary(), repr(made), made.split("train").labels]


def _load(name, **options):
    return datasets.load(name, **options).labels


_CHECKS = {
    name: getattr(exercises, name)
    for name in exercises.__all__
    if name.startswith("judge_")
    and name not in ("judge_equal_cross_entropy", "judge_function", "judge_ordered")
}
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
    torch.nn.ReLU(),
)

CONFIG = {
    "epochs?": count(1, 3),
    "batch_size?": count(2, 9),
    "learning_rate?": scalar(1e-3, 0.1),
    "momentum?": scalar(0, 0.9),
    "schedule?": choice("cosine", "constant"),
    "weight_decay?": scalar(0, 1),
    "augmentation?": choice("flip", "paper", "none"),
    "crop?": count(1, 32),
    "mirror?": FLAG,
    "mixed_precision?": FLAG,
    "seed?": count(0, 9),
    "device?": choice("cpu"),
}

TARGETS = {
    "training.TrainConfig": Target(training.TrainConfig, CONFIG, share=0.5),
    "experiments.paper_config": Target(experiments.paper_config, CONFIG, share=0.2),
    "training.choose_device": Target(
        training.choose_device, {"device?": choice("cpu", torch.device("cpu"))}, share=0.05
    ),
    "training.scale": Target(
        training.scale,
        {"images": fixed(lambda rng, s: torch.zeros(1, 3, 2, 2, dtype=torch.uint8))},
        share=0.05,
    ),
    "training.predict": Target(
        training.predict,
        {
            "model": fixed(lambda rng, s: _network()),
            "loss": choice("XE", "EMD2"),
            "images": fixed(lambda rng, s: faces().images[:3]),
            "num_classes": choice(8),
            "labels?": fixed(lambda rng, s: faces().labels[:3]),
            "crop?": count(1, 40),
            "mirror?": FLAG,
        },
        share=0.02,
    ),
    "training.measure": Target(
        training.measure,
        {
            "prediction": fixed(
                lambda rng, s: training.Prediction(
                    torch.zeros(3, dtype=torch.int64), torch.tensor(distribution_rows(rng, (3, 8)))
                )
            ),
            "split": fixed(lambda rng, s: datasets.Split(faces().images[:3], faces().labels[:3])),
            "num_classes": choice(8),
        },
        share=0.02,
        nan=True,
    ),
    "training.fit": Target(
        _first_epoch,
        {
            "model": fixed(lambda rng, s: _network()),
            "loss": choice("XE", "EMD2"),
            "dataset": fixed(lambda rng, s: faces()),
            "config?": choice(training.TrainConfig(epochs=1, batch_size=8, device="cpu")),
        },
        share=0.01,
        nan=True,
    ),
    "training.summarise": Target(
        training.summarise,
        {"table": fixed(runs), "metrics?": choice(("AEM",), ["MAE", "RPS"], ["nothing"])},
        share=0.02,
        nan=True,
    ),
    "training.paired_differences": Target(
        training.paired_differences,
        {
            "table": fixed(runs),
            "metrics?": choice(("AEM",), ["MAE"]),
            "baseline?": choice("XE", "EMD2"),
        },
        share=0.02,
        nan=True,
    ),
    "training.conclude": Target(
        training.conclude,
        {
            "differences": fixed(lambda rng, s: training.paired_differences(runs(rng, s))),
            "baseline?": choice("XE"),
        },
        share=0.02,
    ),
    "models.make": Target(
        models.make,
        {
            "network": choice(models.SmallCNN),
            "num_outputs": count(1, 9),
            "seed?": count(0, 3),
            "weights?": choice(None, "no/such/file.pth"),
        },
        errors=(FileNotFoundError,),
        share=0.02,
    ),
    "models.small_cnn": Target(
        models.small_cnn,
        {
            "num_outputs": count(1, 9),
            "seed?": count(0, 3),
            "width?": count(1, 4),
            "weights?": choice(None, "no/such/file.pth"),
        },
        errors=(FileNotFoundError,),
        share=0.02,
    ),
    "models.SmallCNN": Target(
        models.SmallCNN, {"num_outputs": count(1, 9), "width?": count(1, 4)}, share=0.02
    ),
    "models.operations": Target(
        models.operations,
        {"name": choice("small_cnn"), "size": count(8, 40), "num_outputs?": count(1, 9)},
        share=0.01,
        also=("images",),
    ),
    "datasets.OrderedData": Target(
        _dataset,
        {
            "name": choice("mine"),
            "images": fixed(lambda rng, s: torch.zeros(6, 3, 4, 4, dtype=torch.uint8)),
            "labels": fixed(lambda rng, s: torch.tensor([0, 1, 0, 1, 0, 1])),
            "classes": choice(["low", "high"]),
            "splits": fixed(
                lambda rng, s: {
                    "train": torch.arange(4),
                    "valid": torch.tensor([4]),
                    "test": torch.tensor([5]),
                }
            ),
            "positions?": choice([0.0, 2.0], [1, 0]),
            "unit?": choice("years"),
            "groups?": choice(list("aabbcd")),
        },
        share=0.05,
    ),
    "datasets.load": Target(
        _load,
        {
            "name": choice("synthetic_faces"),
            "n": count(1, 9),
            "size?": count(30, 40),
            "seed?": count(0, 3),
        },
        also=("root", "arguments"),
        errors=(FileNotFoundError,),
        share=0.01,
    ),
    "datasets.synthetic_faces": Target(
        lambda **options: datasets.synthetic_faces(**options).labels,
        {
            "n": count(1, 9),
            "size?": count(32, 40),
            "seed?": count(0, 3),
            "imbalance?": scalar(1, 5),
            "label_noise?": scalar(0, 1),
            "ambiguity?": scalar(0, 2),
        },
        share=0.02,
    ),
    "datasets.digits": Target(
        lambda **options: datasets.digits(**options).labels,
        {"size?": count(8, 20), "seed?": count(0, 3)},
        share=0.003,
    ),
    "experiments.RunSpec": Target(
        lambda **options: experiments.RunSpec(**options).id,
        {
            "dataset": choice("synthetic_faces", "digits"),
            "dataset_options?": choice({"n": 20}, {"x": 1}),
            "fold?": choice(None, 0),
            "network?": choice("small_cnn"),
            "loss?": choice("EMD2", "AEMD"),
            "loss_options?": choice({}, {"lam": 10.0}),
            "weights?": choice(None, "w.pth"),
            "config?": choice(training.TrainConfig(epochs=1)),
        },
        share=0.1,
    ),
    "experiments.select": Target(
        experiments.select,
        {"frame": fixed(runs)},
        share=0.01,
        nan=True,
    ),
    "explorers.flip_book": Target(
        explorers.flip_book,
        {
            "figures": fixed(lambda rng, s: [Figure(figsize=(0.2, 0.2))]),
            "alt": choice(["one"], [], ["a", "b"]),
            "name?": choice("epoch"),
        },
        share=0.01,
    ),
    "exercises.judge_equal_cross_entropy": Target(
        exercises.judge_equal_cross_entropy,
        {"q": ONE_P, "p": ONE_P, "label": count(0, 2)},
        share=0.1,
    ),
    "exercises.judge_ordered": Target(
        exercises.judge_ordered, {"distances": fixed(lambda rng, s: rng.random((3, 3)))}, share=0.05
    ),
    "diagnosis.diagnose": Target(
        diagnosis.diagnose,
        {"loss": _ANSWERS, "num_classes?": count(2, 5)},
        share=0.003,
        also=("function",),
    ),
    **{
        f"exercises.{name}": Target(
            lambda function, check=function: check(function),
            {"function": _ANSWERS},
            share=0.01,
            also=("answer",),
        )
        for name, function in _CHECKS.items()
    },
}
