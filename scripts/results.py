"""Train with each loss on a data set, over several seeds, and write docs/RESULTS.md.

For every loss the learning rate is chosen on the validation split (least RPS, one seed that is
not used again) from the paper's grid, tried from the largest down until two in a row are worse
than the best. Every run is kept in build/runs after every epoch; a second
start goes on where the first one stopped.
"""

import argparse
import sys
import warnings
from pathlib import Path

import matplotlib
import pandas as pd
import torch

from emdviz import datasets, plots
from emdviz.losses import LOSSES
from emdviz.metrics import METRICS, heading
from emdviz.plots import style
from emdviz.training import (
    TrainConfig,
    choose_device,
    compare_losses,
    conclude,
    paired_differences,
    summarise,
)

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGE = DOCS / "RESULTS.md"
RUNS = ROOT / "build" / "runs"
SELECTION_SEED = 1000
SHOWN = ["AEM", "AEO", "MAE", "RPS", "QWK"]
TO_TRUTH = ["EMD to truth", "EMD² to truth", "KL to truth"]
PAPERS_GRID = [10**-e for e in (1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5)]


def parse(arguments):
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", default="utkface", choices=["utkface", "synthetic_faces"])
    parser.add_argument("--root", default="data/utkface", help="where the images of utkface lie")
    parser.add_argument("--images", type=int, default=10_000, help="how many synthetic faces")
    parser.add_argument("--size", type=int, default=48)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--losses", nargs="+", default=[*LOSSES])
    parser.add_argument("--rates", nargs="+", type=float, default=PAPERS_GRID)
    parser.add_argument("--lams", nargs="+", type=float, default=[0.1, 1.0, 10.0], help="of AEMD")
    parser.add_argument("--augmentation", default="flip", choices=["none", "flip", "paper"])
    return parser.parse_args(arguments)


def train(data, options, seeds, losses, rates, lam=1.0):
    """Train what is missing; return a row per loss and seed."""

    def tell(loss, seed, epoch):
        if epoch.number == options.epochs:
            line = "  ".join(
                f"{name} {epoch.metrics.get(name, float('nan')):.3f}" for name in SHOWN
            )
            print(f"{loss:6} seed {seed:4} rate {rates[loss]:.1e}  validation: {line}", flush=True)

    config = TrainConfig(epochs=options.epochs, augmentation=options.augmentation)
    folder = RUNS / f"{data.name}-{len(data)}-{options.size}px-{options.epochs}"
    return compare_losses(
        data,
        losses,
        seeds=seeds,
        config=config,
        learning_rates=rates,
        loss_options={"AEMD": {"lam": lam}},
        folder=folder,
        on_epoch=tell,
    )


def trial(data, options, loss, rate, lam=1.0):
    """Return the RPS on the validation split of one run, infinite if it broke."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a rate at which a loss breaks is not chosen
        row = train(data, options, [SELECTION_SEED], [loss], {loss: rate}, lam).iloc[0]
    return row["valid RPS"] if row["error"] == "" else float("inf")


def best_rate(data, options, loss):
    """Go down the learning rates until two in a row are worse than the best; return that."""
    trials = {}
    for rate in sorted(options.rates, reverse=True):
        trials[rate] = trial(data, options, loss, rate)
        best = min(trials, key=trials.get)
        if trials[best] < float("inf") and list(trials).index(best) < len(trials) - 2:
            break
    return best


def choose(data, options):
    """Choose the learning rate of every loss, and then the λ of AEMD, by validation."""
    rates, lam = {}, 1.0
    for loss in options.losses:
        rates[loss] = best_rate(data, options, loss)
    if "AEMD" in options.losses:
        rate = rates["AEMD"]
        lam = min(options.lams, key=lambda lam: trial(data, options, "AEMD", rate, lam))
    return rates, lam


def section(data, options, command, rates, lam, runs):
    """Return the Markdown of one data set: what was done, a row per loss, what can be said."""
    shown = SHOWN + [name for name in TO_TRUTH if name in runs]
    summary, differences = summarise(runs, shown), paired_differences(runs, shown)
    sizes = {name: f"{len(data.split(name)):,}" for name in ("train", "valid", "test")}
    lines = [
        f"## {data.name}\n",
        f"{len(data):,} images of {options.size} px: {sizes['train']} to train, {sizes['valid']} "
        f"to choose learning rates from {len(options.rates)}, {sizes['test']} to test. "
        f"`small_cnn`, {options.epochs} epochs, {options.seeds} seeds. Mean and half the width "
        "of its 95 % interval over the seeds.\n",
        f"    {command}\n",
        "| loss | learning rate | " + " | ".join(heading(name) for name in shown) + " |",
        "|---|---|" + "---|" * len(shown),
    ]
    for loss in summary.index:
        cells = [_cell(summary.loc[loss], name) for name in shown]
        label = f"AEMD, λ = {lam:g}" if loss == "AEMD" else LOSSES[loss].label
        lines.append(f"| {label} | {rates[loss]:.1e} | {' | '.join(cells)} |")
    lines += ["", f"![{data.name}: means and paired differences](results_{data.name}.png)", ""]
    lines += [f"- {sentence}" for sentence in conclude(differences).splitlines()]
    _draw(data.name, summary, differences, shown)
    return "\n".join(lines) + "\n"


def _cell(row, name):
    mean, high = row[(name, "mean")], row[(name, "high")]
    digits = 1 if METRICS[name].unit == "%" else 3
    return "–" if mean != mean else f"{mean:.{digits}f} ± {high - mean:.{digits}f}"


def _draw(name, summary, differences, shown):
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    metrics = [metric for metric in ("AEM", "RPS", "EMD² to truth") if metric in shown]
    with style.style("notebook"):
        size = (10, len(metrics) * (0.6 * len(summary) + 1.2))
        figure, axes = plt.subplots(len(metrics), 2, figsize=size, layout="constrained")
        for pair, metric in zip(axes, metrics, strict=True):
            plots.plot_comparison(summary, differences, metric, axes=pair)
        figure.savefig(DOCS / f"results_{name}.png", dpi=80)


def main(arguments):
    """Train what is missing and write the section of this data set into docs/RESULTS.md."""
    options = parse(arguments)
    print("training on", choose_device(), "with", torch.get_num_threads(), "threads")
    if options.dataset == "utkface":
        data = datasets.load("utkface", root=ROOT / options.root, size=options.size)
    else:
        data = datasets.load(options.dataset, n=options.images, size=options.size)
    rates, lam = choose(data, options)
    runs = train(data, options, range(options.seeds), options.losses, rates, lam)
    command = " ".join([".venv/bin/python scripts/results.py", *arguments])
    text = section(data, options, command, rates, lam, pd.DataFrame(runs))
    page = PAGE.read_text(encoding="utf-8") if PAGE.exists() else "# Results\n\n"
    marks = f"<!-- {data.name} -->\n", f"<!-- end {data.name} -->\n"
    if marks[0] in page:
        before, rest = page.split(marks[0])
        page = before + marks[0] + text + marks[1] + rest.split(marks[1])[1]
    else:
        page += marks[0] + text + marks[1]
    PAGE.write_text(page, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main(sys.argv[1:])
