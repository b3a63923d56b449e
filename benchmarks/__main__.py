"""Run every benchmark, or those named, and write docs/BENCHMARKS.md.

python -m benchmarks [losses | aemd | training | distances | datasets | sliders] …
"""

import sys
from pathlib import Path

import torch

from benchmarks import aemd, datasets, distances, losses, slider_latency, training

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "BENCHMARKS.md"
HEAD = """# Benchmarks

Medians of interleaved runs in one process; the ratios are what counts. `make bench` writes this
page.

"""
PARTS = {
    "losses": lambda: [losses.report(device) for device in _devices()],
    "aemd": lambda: [aemd.report(device) for device in _devices()],
    "training": lambda: [training.report(device) for device in _devices()],
    "distances": lambda: [distances.report(DOCS)],
    "datasets": lambda: [datasets.report()],
    "sliders": lambda: [slider_latency.report()],
}


def main(names):
    """Run these parts on the CPU, and on a GPU where there is one; keep what others wrote."""
    unknown = sorted(set(names) - set(PARTS))
    if unknown:
        sys.exit(f"names must be among {sorted(PARTS)}, got {unknown}")
    torch.set_num_threads(1)
    sections = _sections(PAGE.read_text(encoding="utf-8")) if names and PAGE.exists() else {}
    for name in names or PARTS:
        for part in PARTS[name]():
            sections |= _sections(part)
            print(part, flush=True)
    PAGE.write_text(HEAD + "\n".join(sections.values()), encoding="utf-8")


def _devices():
    return ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]


def _sections(page):
    """Return heading -> section, in the order of the page."""
    parts = ("\n" + page).split("\n## ")[1:]
    return {part.partition("\n")[0]: f"## {part.rstrip()}\n" for part in parts}


if __name__ == "__main__":
    main(sys.argv[1:])
