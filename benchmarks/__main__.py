"""Run every benchmark, or those named, and write docs/BENCHMARKS.md.

python -m benchmarks [losses | aemd | training | heads | comparing | crowded | distances |
                      datasets | experiments | startup | sliders] … [--rounds N]
"""

import argparse
import sys
from pathlib import Path

import torch

from benchmarks import (
    aemd,
    comparing,
    crowded,
    datasets,
    distances,
    experiments,
    heads,
    losses,
    slider_latency,
    startup,
    training,
)

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "BENCHMARKS.md"
HEAD = """# Benchmarks

Medians of interleaved runs in one process; compare the ratios. `make bench` writes this page.
Each table names its day: the code may have changed since. None was measured on a GPU, for none was
at hand; where there is one, `make bench-gpu` measures losses, training, heads and one fold there.

"""
PARTS = {
    "losses": lambda _: [losses.report(device) for device in _devices()],
    "aemd": lambda _: [aemd.report(device) for device in _devices()],
    "training": lambda _: [training.report(device) for device in _devices()],
    "heads": lambda _: [heads.report(device) for device in _devices()],
    "comparing": lambda _: [comparing.report()],
    "crowded": lambda _: [crowded.report()],
    "distances": lambda _: [distances.report(DOCS)],
    "datasets": lambda _: [datasets.report()],
    "experiments": lambda _: [experiments.report()],
    "startup": lambda _: [startup.report()],
    "sliders": lambda options: [slider_latency.report(options.rounds)],
}


def main(arguments):
    """Run these parts on the CPU, and on a GPU where there is one; keep what others wrote."""
    options = _read_options(arguments)
    names = options.names
    torch.set_num_threads(1)
    sections = _sections(PAGE.read_text(encoding="utf-8")) if names and PAGE.exists() else {}
    for name in names or PARTS:
        for part in PARTS[name](options):
            sections |= _sections(part)
            print(part, flush=True)
    PAGE.write_text(HEAD + "\n".join(sections.values()), encoding="utf-8")


def _read_options(arguments):
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="part", help=f"one of {', '.join(PARTS)}")
    parser.add_argument(
        "--rounds",
        type=int,
        default=slider_latency.ROUNDS,
        help="visits to each figure of the sliders (default: %(default)s), minutes each",
    )
    options = parser.parse_args(arguments)
    if unknown := sorted(set(options.names) - set(PARTS)):
        parser.error(f"names must be among {sorted(PARTS)}, got {unknown}")
    if options.rounds < 1:
        parser.error(f"--rounds must be at least 1, got {options.rounds}")
    return options


def _devices():
    return ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]


def _sections(page):
    """Return heading -> section, in the order of the page."""
    parts = ("\n" + page).split("\n## ")[1:]
    return {part.partition("\n")[0]: f"## {part.rstrip()}\n" for part in parts}


if __name__ == "__main__":
    main(sys.argv[1:])
