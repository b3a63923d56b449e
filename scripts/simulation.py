"""Compare losses whose difference is known, many times, and write docs/results/simulation.csv.

Run ``python -m scripts.simulation``: a minute on one core. Comparisons "same" are of cross-entropy
with itself, with other first weights and other batches: there is no difference. Comparisons
"smoothed" are of cross-entropy with half of each label spread over all classes, whose best
prediction is not the truth, so that its RPS is higher.
"""

import argparse
from pathlib import Path

import pandas as pd

from emdviz.experiments.mapping import rps, train
from emdviz.experiments.regimes import drawn_table
from emdviz.metrics import METRICS
from emdviz.training import Run, TrainConfig, paired_differences
from emdviz.training.conclusions import LEVEL
from emdviz.training.data import TrainingData
from emdviz.writing import write_whole

ROOT = Path(__file__).parents[1]
OUT = ROOT / "docs" / "results" / "simulation.csv"
PAIRS = 5
OTHER = {"same": {}, "smoothed": {"label_smoothing": 0.5}}
CONFIG = TrainConfig(epochs=4, batch_size=32, learning_rate=0.3, augmentation="none")


def simulate(kind, comparisons, first=0):
    """Return a row for each comparison and pair: the RPS of cross-entropy and of the other."""
    runs, rows = {}, []
    for number in range(first, first + comparisons):
        for pair in range(PAIRS):
            seed = number * PAIRS + pair
            data = TrainingData(drawn_table(64, seed, classes=5, test=200), "cpu")
            other = 1_000_000 + seed
            for name, own, options in (("XE", seed, {}), ("other", other, OTHER[kind])):
                config = TrainConfig(**(vars(CONFIG) | {"seed": own}))
                run = Run("linear", "XE", data, config, loss_options=options)
                runs[number, pair, name] = run
    train(list(runs.values()))
    for (number, pair, name), run in runs.items():
        test = run.data.split("test")
        if name == "XE":
            rows.append({"kind": kind, "comparison": number, "pair": pair})
        rows[-1][name] = rps(run, run.compute_outputs(test.inputs), test.labels)
    return pd.DataFrame(rows)


def told_apart(rows):
    """Return the share of the comparisons that are told apart, and the mean difference."""
    wide = rows.pivot(index="pair", columns="comparison", values=["XE", "other"])
    numbers, apart = list(wide["XE"]), 0
    for start in range(0, len(numbers), len(METRICS)):  # a metric's name for each comparison
        part = dict(zip(numbers[start : start + len(METRICS)], METRICS, strict=False))
        named = {number: f"test {name}" for number, name in part.items()}
        sides = [
            wide[side][list(part)]
            .rename(columns=named)
            .assign(loss=side, seed=wide.index, error="")
            for side in ("XE", "other")
        ]
        found = paired_differences(pd.concat(sides), list(part.values()))
        apart += int((found["p"] <= LEVEL).sum())  # each by itself
    return apart / len(numbers), float((rows["other"] - rows["XE"]).mean())


def main(arguments=None):
    """Run both kinds and write them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--comparisons", type=int, default=200)
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args(arguments)
    rows = pd.concat([simulate(kind, options.comparisons) for kind in OTHER])
    write_whole(options.out, rows.to_csv(index=False, float_format="%.4f").encode())
    for kind, own in rows.groupby("kind"):
        print(kind, *told_apart(own))


if __name__ == "__main__":
    main()
