"""Rank the losses of the zoo as rule 1 of the map says, into docs/results/zoo_rank.csv.

Run ``python scripts/zoo_rank.py``. The three best are ``ZOO_CHOSEN`` of ``experiments.regimes``.
"""

import argparse
from functools import cache, partial
from pathlib import Path

import pandas as pd
from sklearn import datasets as sklearn

from emdviz import datasets
from emdviz.experiments.mapping import choose
from emdviz.experiments.regimes import Regime
from emdviz.losses import LOSSES, zoo
from emdviz.writing import write_whole

OUT = Path(__file__).parents[1] / "docs" / "results" / "zoo_rank.csv"


def main():
    """Write the best validation RPS of each loss on each table, and its mean rank."""
    table = rank([name for name in zoo.names() if name not in LOSSES])
    write_whole(OUT, table.round(5).to_csv(index_label="loss").encode())
    print(table)


def rank(names, tables=("diabetes", "friedman1", "friedman2")):
    """Return a row per loss, the best first: its RPS on tables outside the map, and its rank."""
    best = {}
    for name in tables:
        regime = Regime(name, "the zoo", name, partial(_split, name=name), epochs=16)
        chosen, tried = choose(regime, ".", names)
        best[name] = {loss: tried[loss][choice] for loss, choice in chosen.items()}
    table = pd.DataFrame(best)
    table["rank"] = table.rank().mean(axis=1)
    return table.sort_values("rank")


def _split(folder, seed, *, name):
    return _read_table(name).resplit(seed)


@cache
def _read_table(name):
    if name == "diabetes":
        rows, numbers = sklearn.load_diabetes(return_X_y=True)
        return datasets.from_arrays(rows, numbers, bins=5, name=name)
    make = {"friedman1": sklearn.make_friedman1, "friedman2": sklearn.make_friedman2}[name]
    rows, numbers = make(n_samples=1000, noise=1.0, random_state=0)
    return datasets.from_arrays(rows, numbers, bins=6, name=name)


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    main()
