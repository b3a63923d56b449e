"""Train XE + E_D with a learned, a given, a constant and a shuffled D; write the results.

Run ``python scripts/controls.py``; the table goes to docs/results/controls.csv. Network, sizes and
rate are those of notebook 06. Every seed draws faces that no other seed has, and its own split of
the digits.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from emdviz import datasets, ground_distance, training
from emdviz.losses import Loss, SelfGuidedEMD2Loss
from emdviz.writing import write_whole

ROOT = Path(__file__).parents[1]
OUT = ROOT / "docs" / "results" / "controls.csv"
METRICS = ["AEM", "AEO", "MAE", "RPS"]
WARM_UP = 2
SHARED = 180 / 1437
"""Test images / training images of the digits before most of the latter are left out: a split tests
a tenth of all, so two share a tenth of these images, however few they train on."""


def data_sets(seed):
    """Return the faces and digits of notebook 06 with few images to learn from, by name.

    The faces are new ones. Of the 1,797 digits, 300 of a random split train and 180 test.
    """
    faces = datasets.load("synthetic_faces", n=1200, size=32, seed=seed)
    train, test = faces.splits["train"], faces.splits["test"]
    faces.splits |= {"train": train[:480], "test": torch.cat([test, train[480:]])}
    digits = datasets.load("digits", size=16).resplit(seed)
    digits.splits["train"] = digits.splits["train"][:300]
    return {"ages": faces, "digits": digits}


def fixed_distances(num_classes, seed):
    """Return the ground distances of the controls by name, each from 0 to 1."""
    given = ground_distance.line(num_classes) / (num_classes - 1)
    order = np.random.default_rng(seed).permutation(num_classes)
    return {
        "given": given,
        "constant": 1 - np.eye(num_classes),
        "shuffled": given[order][:, order],
    }


def controls(num_classes, seed):
    """Return the losses with a fixed distance; the order of the shuffled one depends on seed."""

    def loss(name, distance):
        def make(num_classes, num_features):
            return SelfGuidedEMD2Loss(
                num_classes, num_features, warm_up=WARM_UP, ground_distance=distance
            )

        return Loss(name, make, uses_features=True)

    return [loss(*one) for one in fixed_distances(num_classes, seed).items()]


BASELINES = ["XE", "XEMD2"]


def compare(data, seed):
    """Return a row for each loss with one seed."""
    return training.compare_losses(
        data,
        [*BASELINES, "SGEMD2", *controls(len(data.classes), seed)],
        seeds=[seed],
        config=training.TrainConfig(epochs=6, batch_size=32, learning_rate=0.03),
        loss_options={"SGEMD2": {"warm_up": WARM_UP}},
    )


def main(arguments=None):
    """Train all and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=12)
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args(arguments)
    kept = ["loss", "seed", "dataset seed", "error", *(f"test {m}" for m in METRICS)]
    kept += ["data", "test_to_train"]
    parts = []
    for seed in range(options.seeds):
        for name, data in data_sets(seed).items():
            rows = compare(data, seed).assign(**{"dataset seed": seed, "data": name})
            rows["test_to_train"] = {"ages": 0, "digits": SHARED}[name]
            parts.append(rows[kept])
            text = pd.concat(parts).to_csv(index=False, float_format="%.6g")
            write_whole(options.out, text.encode())
            print(name, seed, flush=True)


if __name__ == "__main__":
    main()
