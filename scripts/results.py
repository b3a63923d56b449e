"""Train with each loss on a data set, over several seeds, and write docs/RESULTS.md.

The learning rate of every loss, and the λ of AEMD, are chosen on the validation split (least RPS,
one seed that is not used again) from the paper's values. Every run is kept in build/runs; a second
start goes on where the first one stopped.
"""

import argparse
import sys
from itertools import product
from pathlib import Path

import matplotlib
import torch
from tqdm.auto import tqdm

from emdviz import experiments, plots
from emdviz.experiments.specs import PAPER_LAMBDAS, PAPER_RATES
from emdviz.losses import LOSSES
from emdviz.metrics import METRICS, heading
from emdviz.plots import style
from emdviz.training import (
    TrainConfig,
    choose_device,
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
    parser.add_argument("--rates", nargs="+", type=float, default=PAPER_RATES)
    parser.add_argument("--lams", nargs="+", type=float, default=PAPER_LAMBDAS)
    parser.add_argument("--augmentation", default="flip", choices=["none", "flip", "paper"])
    parser.add_argument("--workers", type=int, default=1, help="processes of Dask")
    return parser.parse_args(arguments)


def run(options, choices, seeds):
    """Run each (loss, its options, learning rate) with each seed; return the table of results."""
    source = {"size": options.size}
    if options.dataset == "utkface":
        source["root"] = ROOT / options.root
    else:
        source["n"] = options.images
    shared = {"epochs": options.epochs, "augmentation": options.augmentation}
    specs = [
        experiments.RunSpec(
            options.dataset,
            source,
            loss=loss,
            loss_options=extra,
            config=TrainConfig(learning_rate=rate, seed=seed, **shared),
        )
        for seed, (loss, extra, rate) in product(seeds, choices)
    ]

    def tell(spec, row):
        measured = row["error"] or "  ".join(f"{n} {row[f'valid {n}']:.3f}" for n in SHOWN)
        tqdm.write(f"{spec.id} rate {spec.config.learning_rate:.1e}  validation: {measured}")

    return specs[0], experiments.run(specs, RUNS, options.workers, on_result=tell)


def choose(options):
    """Return the best (loss, its options, learning rate) of each loss by validation."""
    lams = {"AEMD": [{"lam": lam} for lam in options.lams]}
    choices = [
        (loss, extra, rate)
        for loss in options.losses
        for extra, rate in product(lams.get(loss, [{}]), options.rates)
    ]
    _, trials = run(options, choices, [SELECTION_SEED])
    best = experiments.select(trials)
    return [
        (row["loss"], {"lam": row["loss lam"]} if row["loss"] == "AEMD" else {}, rate)
        for row, rate in zip(best.to_dict("records"), best["learning_rate"], strict=True)
    ]


def section(data, options, command, choices, runs):
    """Return the Markdown of one data set: what was done, a row per loss, and conclusions."""
    shown = SHOWN + [name for name in TO_TRUTH if f"test {name}" in runs]
    rates = {loss: rate for loss, _, rate in choices}
    lams = {loss: extra["lam"] for loss, extra, _ in choices if extra}
    summary, differences = summarise(runs, shown), paired_differences(runs, shown)
    sizes = {name: f"{len(data.split(name)):,}" for name in ("train", "valid", "test")}
    lines = [
        f"## {data.name}\n",
        f"{len(data):,} images of {options.size} px: {sizes['train']} to train, {sizes['valid']} "
        f"to choose learning rates from {len(options.rates)}, {sizes['test']} to test. "
        f"`small_cnn`, {options.epochs} epochs, {options.seeds} seeds. Mean and half the width "
        "of its 95 % interval over the seeds, on one test set.\n",
        f"    {command}\n",
        "| loss | learning rate | " + " | ".join(heading(name) for name in shown) + " |",
        "|---|---|" + "---|" * len(shown),
    ]
    for loss in summary.index:
        cells = [_cell(summary.loc[loss], name) for name in shown]
        label = LOSSES[loss].label + (f", λ = {lams[loss]:g}" if loss in lams else "")
        lines.append(f"| {label} | {rates[loss]:.1e} | {' | '.join(cells)} |")
    lines += ["", f"![{data.name}: means and paired differences](results_{data.name}.png)", ""]
    sentences = conclude(differences).replace("\n  ", " ").splitlines()
    lines += [f"- {sentence}" for sentence in sentences]
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
    choices = choose(options)
    spec, runs = run(options, choices, range(options.seeds))
    command = " ".join([".venv/bin/python scripts/results.py", *arguments])
    data = spec.load()
    text = section(data, options, command, choices, runs)
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
