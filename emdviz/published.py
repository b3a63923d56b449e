"""The numbers printed in Tables 1 to 3 of the paper, every one of them.

Source: L. Hou, C.-P. Yu, D. Samaras, *Squared Earth Mover's Distance Loss for Training Deep Neural
Networks on Ordered-Classes*, 2017. The paper prints one number for each network, loss and metric:
no spread over folds, no number of runs.
"""

from dataclasses import dataclass

from emdviz.reading import ArgumentError, shown

_RENAMED = {"EMD": "EMD2"}
"""What the paper calls EMD is EMD2 in ``losses.LOSSES``; other losses have the paper's names."""


@dataclass(frozen=True)
class _Other:
    """A method of other authors, as a table prints it."""

    method: str
    source: str  # authors and year
    reference: int  # its number among the paper's references
    printed: str  # the cell
    footnote: str = ""  # what the mark beside the method means


@dataclass(frozen=True)
class _Table:
    """A table of the paper."""

    title: str
    dataset: str  # a name for datasets.load
    metrics: tuple[str, ...]  # what a cell holds, separated by slashes; names in metrics.METRICS
    printed: str  # networks, then a line per loss, as in the table; - is a cell left open
    others: tuple[_Other, ...]
    footnote: str = ""  # what the caption says of other results

    @property
    def networks(self):
        """The networks in the order of the columns."""
        return tuple(self.printed.split("\n")[0].split())

    @property
    def losses(self):
        """The losses in the order of the rows, by their names in ``losses.LOSSES``."""
        names = (line.split()[0] for line in self.printed.split("\n")[1:])
        return tuple(_RENAMED.get(name, name) for name in names)


_WITH_ATTRIBUTES = (
    "trained with eleven labels of image attributes, such as colour harmony, and image content "
    "information as well"
)

TABLES = {
    1: _Table(
        title="Adience, eight age groups",
        dataset="adience",
        metrics=("AEM", "AEO"),
        printed="""ALXs VGG_F RES RES_F
XE   53.0/85.7 60.9/92.8 58.1/90.3 60.1/92.1
REG  49.8/85.1 56.5/94.0 57.3/91.8 60.8/94.3
EMD  57.0/90.4 59.2/92.6 61.9/93.1 62.2/94.3
AEMD 53.9/88.7 60.1/93.4 58.7/91.7 59.6/92.5""",
        others=(
            _Other("ALXs", "Levi, Hassner 2015", 21, "50.7/84.7"),
            _Other("CascadeNN", "Chen et al. 2016", 4, "52.9/88.5"),
            _Other("VGG_F DEX", "Rothe et al. 2016", 30, "55.6/89.7"),
            _Other("SAAF", "Hou et al. 2017", 15, "61.3/95.1"),
        ),
        footnote=(
            "Rothe et al. (reference 30) and Hou et al. (15) report better results with IMDB-WIKI, "
            "a data set of faces ten times as large as Adience, for training as well."
        ),
    ),
    2: _Table(
        title="Images of Groups, seven age groups",
        dataset="images_of_groups",
        metrics=("AEM", "AEO"),
        printed="""VGG_F RES RES_F
XE   64.3/95.6 60.0/91.5 61.8/94.2
REG  60.2/96.6 52.8/92.2 61.4/95.7
EMD  65.0/96.1 59.3/92.5 63.1/95.3""",
        others=(
            _Other("Multi-CNN", "Dong et al. 2016", 7, "56/92"),
            _Other("SAAF", "Hou et al. 2017", 15, "54.2/93.0"),
            _Other("Deep Attention", "Rodríguez et al. 2017", 29, "60.0/94.5"),
        ),
    ),
    3: _Table(
        title="AADB, aesthetic scores in ten classes",
        dataset="aadb",
        metrics=("Spearman",),
        printed="""VGG_F RES RES_F VGG_F×8
XE   0.6283 0.5003 0.6693 -
REG  0.6096 0.5235 0.6609 -
EMD  0.6682 0.5448 0.6768 0.6889""",
        others=(
            _Other("ALX", "Kong et al. 2016", 18, "0.5923"),
            _Other("Best of its authors", "Kong et al. 2016", 18, "0.6782", _WITH_ATTRIBUTES),
            _Other("Aesthetic Network", "Malu et al. 2017", 27, "0.6890", _WITH_ATTRIBUTES),
        ),
        footnote=(
            "VGG_F×8 is the mean score of eight VGG_F networks, trained on 3 to 10 classes; of the "
            "methods without a mark only images were used."
        ),
    ),
}
"""The tables by their number."""


def find(number):
    """Return ``TABLES[number]``, or raise an ArgumentError that lists the numbers."""
    if not isinstance(number, int) or number not in TABLES:
        message = f"number must be one of {sorted(TABLES)}, got {shown(number)}"
        raise ArgumentError(message, "number", TABLES, number)
    return TABLES[number]


def printed(number):
    """Return a table as the paper prints it.

    Parameters
    ----------
    number : int
        1: Adience, 2: Images of Groups, 3: AADB.

    Returns
    -------
    pandas.DataFrame
        A row per loss, by its name in ``losses.LOSSES``; the columns are (network, metric):
        AEM and AEO in percent, Spearman's ρ from −1 to 1. NaN where the paper prints no number.

    Raises
    ------
    ValueError
        If there is no such table.

    Examples
    --------
    >>> printed(1).loc["EMD2", ("RES_F", "AEM")]
    np.float64(62.2)
    >>> printed(3)["VGG_F×8", "Spearman"].tolist()
    [nan, nan, 0.6889]
    """
    import pandas as pd

    source = find(number)
    rows = [line.split()[1:] for line in source.printed.split("\n")[1:]]
    return pd.DataFrame(
        [[value for cell in row for value in _numbers(cell, source.metrics)] for row in rows],
        index=pd.Index(source.losses, name="loss"),
        columns=pd.MultiIndex.from_product(
            [source.networks, source.metrics], names=["network", "metric"]
        ),
    )


def others(number):
    """Return the results of other authors that a table prints beside its own.

    Parameters
    ----------
    number : int
        As for :func:`printed`.

    Returns
    -------
    pandas.DataFrame
        A row per method: ``source``, a column per metric, and ``footnote``.

    Examples
    --------
    >>> others(2)["AEM"].tolist()
    [56.0, 54.2, 60.0]
    """
    import pandas as pd

    source = find(number)
    rows = {
        other.method: {
            "source": other.source,
            **dict(zip(source.metrics, _numbers(other.printed, source.metrics), strict=True)),
            "footnote": other.footnote,
        }
        for other in source.others
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("method")


def _numbers(cell, metrics):
    return [float("nan")] * len(metrics) if cell == "-" else [float(n) for n in cell.split("/")]
