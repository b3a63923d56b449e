"""Compute the best predictions of losses on the walks of the tour, for emdviz/site/walks.json.

Run ``python scripts/record_walks.py``; it takes a few seconds.
"""

import argparse
import json

from emdviz.explorers import ProprietyExplorer
from emdviz.explorers.kit.asking import map_floats
from emdviz.site.walks import ANSWERS, WALKS
from emdviz.writing import write_whole

KEPT = ("least", "honest", "best", "label", "free")
DIGITS = 4


def record(walk):
    """Return the answers of the losses of a walk that have no closed form, state by state."""
    explorer = ProprietyExplorer(walk.start, show=walk.losses)
    found = {}
    for t in walk.states():
        told = explorer._told({"t": t, "p": explorer.p, "positions": None})
        for name, record in told.items():
            answer = {key: record["answer"][key] for key in KEPT if key in record["answer"]}
            found.setdefault(name, []).append(map_floats(answer, lambda x: round(x, DIGITS) + 0.0))
    return found


def main():
    """Record all walks."""
    walks = {name: record(walk) for name, walk in WALKS.items()}
    told = {"made_by": "python scripts/record_walks.py", "walks": walks}
    write_whole(ANSWERS, (json.dumps(told, separators=(",", ":")) + "\n").encode())


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    main()
