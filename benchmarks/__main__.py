"""Run every benchmark and write docs/BENCHMARKS.md."""

from pathlib import Path

import torch

from benchmarks import distances, losses

DOCS = Path(__file__).parents[1] / "docs"
HEAD = """# Benchmarks

Medians of interleaved runs in one process; the ratios are what counts. `make bench` writes this
page.

"""


def main():
    """Run every benchmark on the CPU, and those for a GPU where there is one."""
    torch.set_num_threads(1)
    parts = [losses.report("cpu"), distances.report(DOCS)]
    if torch.cuda.is_available():
        parts.append(losses.report("cuda"))
    page = HEAD + "\n".join(parts)
    (DOCS / "BENCHMARKS.md").write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
