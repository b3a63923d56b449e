"""Compute emdviz/explorers/zoo/losses.json, what ZooExplorer shows of the losses of the zoo.

Run ``python scripts/zoo_table.py``; it takes a minute. ``--only NAME …`` computes the rows of these
losses anew, and keeps the others. Verdicts and costs are those of ``scripts/losses_page.py``.
"""

import argparse
import json
import warnings
from pathlib import Path

from emdviz.explorers.zoo import facts
from emdviz.losses import zoo
from emdviz.propriety.search import Problem
from emdviz.writing import write_whole

OUT = Path(facts.__file__).with_name("losses.json")


def main(arguments=None):
    """Compute rows, then pairs of all losses that take p."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=zoo.names())
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    known = json.loads(OUT.read_text("utf-8")) if OUT.is_file() and options.only else {"rows": []}
    rows = {row["name"]: row for row in known["rows"]}
    losses = {name: zoo.load(name) for name in zoo.names() if name != "SGEMD2"}
    for name, loss in losses.items():
        if not options.only or name in options.only:
            rows[name] = facts.describe(loss, judge=False)
            print(name, rows[name]["rule"], flush=True)
    found = {"rows": [rows[name] for name in losses], "pairs": _pairs(losses, rows)}
    text = json.dumps(found, ensure_ascii=False, separators=(",", ":"))
    write_whole(OUT, (text + "\n").encode())


def _pairs(losses, rows):
    """Return the pair of each two losses that can be compared: name -> name -> pair."""
    problems = {
        name: Problem(loss, facts.COUNT)
        for name, loss in losses.items()
        if rows[name]["comparable"]
    }
    known = {
        name: [facts.cost_of(problem, p) for p in facts.grid()]
        for name, problem in problems.items()
    }
    return {
        one: {
            other: facts.find_pair(problems[one], problems[other], known=known)
            for other in problems
            if other != one
        }
        for one in problems
    }


if __name__ == "__main__":
    main()
