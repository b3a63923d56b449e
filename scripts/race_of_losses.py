"""Train a dozen losses on real tables and write docs/results/race_of_losses.csv.

Run ``python scripts/race_of_losses.py --faces FOLDER``. Tables: LEV and SWD, from ``data/``, and
the faces of UTKFace, as features of a frozen EfficientNet-Lite0; without ``--faces`` the tables
alone. Networks: a linear layer.
The learning rate of each loss is chosen on the validation split of one seed that is not used again,
and lies inside the rates tried; every seed draws its own split of the same rows. The column
``test_to_train`` says what ``training.paired_differences`` needs to widen intervals for that.
"""

import argparse
import time
from pathlib import Path

import pandas as pd

from emdviz import datasets, training
from emdviz.losses import zoo
from emdviz.losses.loss import closed_forms
from emdviz.writing import write_whole

ROOT = Path(__file__).parents[1]
OUT = ROOT / "docs" / "results" / "race_of_losses.csv"
OWN = [name for name in closed_forms("gradient") if name != "REG"]
OF_OTHERS = ["XE-LS", "SORD", "binomial", "OLL", "CDW-CE", "CORN", "hinge-WW"]
LOSSES = [*OWN, *OF_OTHERS]
SELECTION_SEED = 1000
METRICS = ["AEM", "AEO", "MAE", "RPS", "QWK"]


def tables():
    """Return the data sets that come with the package, by name."""
    read = {"LEV": ("lev.csv", "rating"), "SWD": ("swd.csv", "risk")}
    return {
        name: datasets.load("table", path=ROOT / "data" / file, label=label)
        for name, (file, label) in read.items()
    }


def faces(root, most):
    """Return the features of the faces in a folder or zip file."""
    data = datasets.load("utkface", root=root, size=64)
    data.splits = {name: rows[:most] for name, rows in data.splits.items()}
    return datasets.with_features(data, "efficientnet_lite0", size=96)


def race(data, seeds, epochs):
    """Return a row for every loss and seed."""
    losses = [zoo.load(name) for name in LOSSES]
    config = training.TrainConfig(epochs=epochs, batch_size=128, augmentation="none")
    shared = {"config": config, "model": "linear", "resplit": True}
    rates = [0.03, 0.1, 0.3, 1.0]
    found = training.choose_rates(data, losses, rates=rates, seeds=[SELECTION_SEED], **shared)
    return training.compare_losses(
        data, losses, seeds=range(seeds), learning_rates=found.rates, **shared
    )


def main(arguments=None):
    """Run the race."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--only", nargs="+", default=["LEV", "SWD"], choices=["LEV", "SWD"])
    parser.add_argument("--faces", help="a folder or zip file of UTKFace")
    parser.add_argument("--most", type=int, default=4000, help="faces of a split, at most")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args(arguments)
    found = {name: data for name, data in tables().items() if name in options.only}
    if options.faces:
        found["faces"] = faces(options.faces, options.most)
    kept = [
        "loss",
        "seed",
        "dataset seed",
        "learning_rate",
        "error",
        *(f"test {name}" for name in METRICS),
    ]
    parts = []
    for name, data in found.items():
        began = time.monotonic()
        rows = race(data, options.seeds, options.epochs)
        print(f"{name}: {len(rows)} runs, {time.monotonic() - began:.0f} s", flush=True)
        rows = rows[[column for column in kept if column in rows]]
        shared = len(data.splits["test"]) / len(data.splits["train"])
        parts.append(rows.assign(data=name, epochs=options.epochs, test_to_train=shared))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(options.out, pd.concat(parts).to_csv(index=False, float_format="%.6g").encode())


if __name__ == "__main__":
    main()
