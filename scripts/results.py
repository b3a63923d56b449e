"""Train with each loss on a data set, over several seeds, and write docs/RESULTS.md.

For every loss the learning rate is chosen on the validation split (least RPS, one seed that is
not used again), as the paper does for each method. Finished runs are kept in build/results.csv;
a second start goes on where the first one stopped.
"""

import argparse
import sys
from pathlib import Path

import pandas as pd
import torch

from emdviz import datasets
from emdviz.losses import LOSSES
from emdviz.metrics import METRICS, heading
from emdviz.training import TrainConfig, choose_device, compare_losses

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "RESULTS.md"
RUNS = ROOT / "build" / "results.csv"
SELECTION_SEED = 1000
SHOWN = ["AEM", "AEO", "MAE", "RPS", "QWK"]
KEYS = ["dataset", "size", "epochs", "loss", "seed", "learning_rate"]


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", default="utkface", choices=["utkface", "synthetic_faces"])
    parser.add_argument("--root", default="data/utkface", help="where the images of utkface lie")
    parser.add_argument("--images", type=int, default=10_000, help="how many synthetic faces")
    parser.add_argument("--size", type=int, default=48)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--losses", nargs="+", default=["XE", "REG", "EMD2", "EMD"])
    parser.add_argument("--rates", nargs="+", type=float, default=[0.1, 0.032, 0.01, 0.0032])
    return parser.parse_args(arguments)


class Runs:
    """Runs of one data set, kept in a file."""

    def __init__(self, options):
        self.options = options
        if options.dataset == "utkface":
            self.data = datasets.load("utkface", root=ROOT / options.root, size=options.size)
        else:
            self.data = datasets.load(options.dataset, n=options.images, size=options.size)
        self.table = pd.read_csv(RUNS) if RUNS.exists() else pd.DataFrame(columns=KEYS)

    def get(self, loss, seed, rate):
        """Return one run as a Series, training it if it is not there yet."""
        key = [self.data.name, self.options.size, self.options.epochs, loss, seed, rate]
        found = self.table[(self.table[KEYS] == key).all(axis=1)]
        if found.empty:
            found = self._train(loss, seed, rate)
            found = found.assign(**dict(zip(KEYS, key, strict=True)))
            self.table = pd.concat([self.table, found]) if len(self.table) else found
            RUNS.parent.mkdir(exist_ok=True)
            self.table.to_csv(RUNS, index=False)
        row = found.iloc[0]
        print(f"{loss:6} seed {seed:4} rate {rate:.4f}  " + _line(row), flush=True)
        return row

    def _train(self, loss, seed, rate):
        config = TrainConfig(epochs=self.options.epochs, learning_rate=rate)
        try:
            return compare_losses(self.data, [loss], seeds=[seed], config=config)
        except FloatingPointError as error:
            print(error, flush=True)
            return pd.DataFrame([{"loss": loss, "seed": seed, "valid RPS": float("inf")}])

    def best_rate(self, loss):
        """Choose the learning rate with the least RPS on the validation split."""
        trials = {r: self.get(loss, SELECTION_SEED, r)["valid RPS"] for r in self.options.rates}
        return min(trials, key=trials.get)


def _line(row):
    return "  ".join(f"{name} {row.get(name, float('nan')):.3f}" for name in ["valid RPS", *SHOWN])


def section(data, options, command, rates, runs):
    """Return the Markdown of one data set: what was done, and a row per loss."""
    shown = [*SHOWN, "EMD² to truth"] if "EMD² to truth" in runs else SHOWN
    heads = [heading(name) for name in shown]
    lines = [
        f"## {data.name}\n",
        f"{len(data):,} images of {options.size} px: {len(data.split('train')):,} to train, "
        f"{len(data.split('valid')):,} to choose learning rates, {len(data.split('test')):,} to "
        f"test. `small_cnn`, {options.epochs} epochs, {options.seeds} seeds. "
        "Mean ± standard deviation over the seeds.\n",
        f"    {command}\n",
        "| loss | learning rate | " + " | ".join(heads) + " | seconds |",
        "|---|---|" + "---|" * (len(heads) + 1),
    ]
    for loss in options.losses:
        mine = runs[runs.loss == loss]
        cells = []
        for name in shown:
            mean, spread = mine[name].mean(), mine[name].std()
            digits = 1 if METRICS[name].unit == "%" else 3
            cells.append("–" if mean != mean else f"{mean:.{digits}f} ± {spread:.{digits}f}")
        lines.append(
            f"| {LOSSES[loss].label} | {rates[loss]:.4f} | {' | '.join(cells)} "
            f"| {mine.seconds.mean():.0f} |"
        )
    return "\n".join(lines) + "\n"


def main(arguments):
    """Train what is missing and write the section of this data set into docs/RESULTS.md."""
    options = parse(arguments)
    print("training on", choose_device(), "with", torch.get_num_threads(), "threads")
    runs = Runs(options)
    rates = {loss: runs.best_rate(loss) for loss in options.losses}
    rows = [
        runs.get(loss, seed, rates[loss])
        for seed in range(options.seeds)
        for loss in options.losses
    ]
    command = " ".join([".venv/bin/python scripts/results.py", *arguments])
    text = section(runs.data, options, command, rates, pd.DataFrame(rows))
    page = PAGE.read_text(encoding="utf-8") if PAGE.exists() else "# Results\n\n"
    marks = f"<!-- {runs.data.name} -->\n", f"<!-- end {runs.data.name} -->\n"
    if marks[0] in page:
        before, rest = page.split(marks[0])
        page = before + marks[0] + text + marks[1] + rest.split(marks[1])[1]
    else:
        page += marks[0] + text + marks[1]
    PAGE.write_text(page, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main(sys.argv[1:])
