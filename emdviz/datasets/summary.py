"""How many images each class of a data set has, as a table that a notebook shows with bars."""

from html import escape
from itertools import cycle

import pandas as pd
import torch

from emdviz.palette import SPLIT_COLOURS


class ClassCounts(pd.DataFrame):
    """A row per class and a last one for the total, a column per split and a last one for all.

    What is taken or computed from it is an ordinary DataFrame.
    """

    def _repr_html_(self):
        most = max([*self["all"].iloc[:-1], 1])
        colours = dict(zip(self.columns[:-1], cycle(SPLIT_COLOURS), strict=False))
        heads = [_head(name, colours.get(name)) for name in self.columns]
        lines = [f"<tr>{_head(self.index.name)}{''.join(heads)}<th></th></tr>"]
        for name, counts in zip(self.index, self.itertuples(index=False), strict=True):
            cells = "".join(f"<td>{count:,}</td>" for count in counts)
            is_class = len(lines) < len(self)
            pieces = zip(colours.values(), counts, strict=False) if is_class else ()
            bar = "".join(_bar(colour, count / most) for colour, count in pieces)
            cells += f'<td style="text-align: left">{bar}</td>'
            lines.append(f"<tr>{_head(name)}{cells}</tr>")
        return f'<table class="dataframe">{"".join(lines)}</table>'


def _head(name, colour=None):
    mark = f'<span style="color: {colour}" aria-hidden="true">■</span> ' if colour else ""
    return f"<th>{mark}{escape(str(name))}</th>"


def _bar(colour, share):
    style = f"background: {colour}; width: {12 * share:.3f}em; height: 0.8em"
    return f'<span style="display: inline-block; {style}" aria-hidden="true"></span>'


def count_classes(labels, classes, splits):
    """Count the images of each class in each split.

    Examples
    --------
    >>> splits = {"train": torch.tensor([0, 1]), "test": torch.tensor([2])}
    >>> table = count_classes(torch.tensor([0, 1, 1]), ["low", "high"], splits)
    >>> table.loc["high"].to_dict(), int(table.loc["total", "all"])
    ({'train': 1, 'test': 1, 'all': 2}, 3)
    """
    counts = {
        name: torch.bincount(labels[chosen], minlength=len(classes)).tolist()
        for name, chosen in splits.items()
    }
    table = pd.DataFrame(counts, index=pd.Index(classes, name="class"))
    table["all"] = table.sum(axis=1)
    total = table.sum().to_frame("total").T  # a class may be called so too
    return ClassCounts(pd.concat([table, total]).rename_axis("class"))
