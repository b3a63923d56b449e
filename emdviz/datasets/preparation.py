"""From the rows of a table to the inputs of a network, by statistics of the training rows."""

import math
from dataclasses import asdict, dataclass, replace

import numpy as np

from emdviz.datasets.readers.cells import Cells, decimal_of, is_gap, spell, without_codes
from emdviz.reading import check_is, shown

FORMAT = "emdviz preparation 1"


@dataclass(frozen=True)
class Column:
    """A column of a table, and its statistics in the training rows.

    Attributes
    ----------
    name : str
    kind : {"number", "date", "category"}
    gaps : bool
        Whether a value is missing somewhere in the table: then an input tells where.
    categories : tuple of str
        Those of the whole table, sorted.
    seen : tuple of str
        Those in the training rows.
    codes : tuple of str
        Values that stand for a missing one, such as "-999".
    rows, missing : int
        How many training rows there are, 0 before they are known, and how many have no value.
    low, high, median, mean, scale : float, or None for categories
        Of the training rows; dates as days since 1970. Mean and scale (standard deviation, or 1
        where all are equal) are those after missing values have become the median.
    """

    name: str
    kind: str
    gaps: bool = False
    categories: tuple[str, ...] = ()
    seen: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    rows: int = 0
    missing: int = 0
    low: float | None = None
    high: float | None = None
    median: float | None = None
    mean: float | None = None
    scale: float | None = None

    @property
    def inputs(self):
        """Names of the inputs that are made of it."""
        values = [f"{self.name}={one}" for one in self.categories]
        return [*(values or [self.name]), *([f"{self.name} missing"] if self.gaps else [])]


class Preparation:
    """How rows of a table become inputs: standardised numbers, and 0 or 1 for categories.

    A missing number becomes the median; an input of its own says that it was missing. Dates count
    as days. A category has an input for each of its values, all 0 where it is missing or was in no
    training row. Which inputs there are depends on the whole table; all numbers are learned by
    :meth:`fit` from the training rows alone.

    Parameters
    ----------
    columns : sequence of Column
    decimal : {".", ","}, optional
        The decimal separator in texts that may be read in two ways, such as "1,250".

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"age": [20, None, 40, 99], "sex": ["f", "m", "f", "x"]})
    >>> prepared = Preparation.plan(frame).fit(frame, [0, 1, 2])
    >>> prepared.names
    ['age', 'age missing', 'sex=f', 'sex=m', 'sex=x']
    >>> prepared.transform(frame).round(1)[[1, 3]].tolist()
    [[0.0, 1.0, 0.0, 1.0, 0.0], [8.5, 0.0, 0.0, 0.0, 0.0]]
    >>> prepared.unlike(frame)["why"].tolist()
    ['99 is above 40, the most in training', "'x' was in no training row"]
    """

    def __init__(self, columns, decimal=None):
        self.columns, self.decimal = tuple(columns), decimal

    def __repr__(self):
        kinds = ", ".join(f"{column.name} ({column.kind})" for column in self.columns)
        return f"Preparation of {kinds}"

    def __eq__(self, other):
        return isinstance(other, Preparation) and self.to_dict() == other.to_dict()

    __hash__ = None

    @property
    def names(self):
        """Names of the F inputs."""
        return [name for column in self.columns for name in column.inputs]

    @property
    def is_fitted(self):
        """Whether training rows are known."""
        return all(column.rows for column in self.columns)

    @classmethod
    def plan(cls, frame, features=None, *, decimal=None, missing=None, name="the table"):
        """Decide what kind each column is, from the whole table.

        Parameters
        ----------
        frame : DataFrame, N rows
        features : list of str, optional
            Its columns to learn from; by default all.
        decimal
            As for the class; by default the separator of the other texts in the table.
        missing : dict of str to list of str, optional
            For columns, values that stand for a missing one.
        name : str
            What errors call the table.

        Returns
        -------
        Preparation
            Not fitted.

        Raises
        ------
        ValueError
            If a column holds numbers and some words, or can be read in two ways; with what to do.
        """
        decimal = decimal or decimal_of(frame)
        columns = []
        for feature in list(frame) if features is None else features:
            codes = tuple((missing or {}).get(feature, ()))
            cells = Cells(without_codes(frame[feature], codes), name, decimal)
            kind = cells.kind()
            values = cells.values(kind)
            gaps = bool(is_gap(values).any())
            found = tuple(sorted(set(values[~is_gap(values)]))) if kind == "category" else ()
            columns.append(Column(str(feature), kind, gaps, found, codes=codes))
        return cls(columns, decimal)

    def read(self, frame, name="the table"):
        """Return the columns as numbers, dates and texts; NaN, NaT or None where none is.

        Raises
        ------
        ValueError
            If a column is missing, or none of its values is of the kind it had in training.
        """
        import pandas as pd

        read, _ = self._read_columns(frame, name)
        for column in self.columns:
            if column.kind == "date":
                seconds = pd.Series(read[column.name] * 86400).round()
                read[column.name] = pd.to_datetime(seconds, unit="s").to_numpy("datetime64[s]")
        return pd.DataFrame(read, index=frame.index)

    def _read_columns(self, frame, name):
        """Return the columns as arrays, and by name where something of another kind stands."""
        import pandas as pd

        check_is(frame, "frame", pd.DataFrame, "a DataFrame")
        frame = frame.set_axis([str(column) for column in frame.columns], axis=1)
        missing = [column.name for column in self.columns if column.name not in frame]
        if missing:
            raise ValueError(
                f"inputs must have the columns that the run was trained on, {name} lacks "
                f"{shown(missing)}, it has {shown(list(frame.columns))}"
            )
        decimal = decimal_of(frame[[column.name for column in self.columns]]) or self.decimal
        read, wrong = {}, {}
        for column in self.columns:
            cells = Cells(without_codes(frame[column.name], column.codes), name, decimal)
            values = cells.values(column.kind)
            bad = np.flatnonzero(is_gap(values) & ~cells.gaps)
            if len(bad) and len(bad) == (~cells.gaps).sum():
                raise ValueError(
                    f"column {column.name!r} of {name} must hold {column.kind}s, as in training, "
                    f"got something else everywhere, such as {shown(cells.text(bad[0]))}"
                )
            read[column.name] = values
            wrong[column.name] = {int(k): cells.text(k) for k in bad}
        return read, wrong

    def fit(self, frame, rows):
        """Learn from the training rows.

        Parameters
        ----------
        frame : DataFrame
            As for :meth:`plan`.
        rows : sequence of int
            Places of the training rows.

        Returns
        -------
        Preparation
            With the same inputs.
        """
        rows = np.asarray(rows, dtype=np.int64)
        if not len(rows):
            raise ValueError("rows must name a training row, got none")
        read, _ = self._read_columns(frame, "the table")
        columns = [_learn(one, read[one.name][rows]) for one in self.columns]
        return Preparation(columns, self.decimal)

    def transform(self, frame, name="the table"):
        """Return the inputs, float32 of shape (N, F).

        Parameters
        ----------
        frame : DataFrame, N rows
            With the columns in any order, and any others.
        name : str
            What errors call the table.

        Raises
        ------
        ValueError
            If a column is missing, or holds nothing of its kind, or no training rows are known.
        """
        self._check_fitted()
        read, _ = self._read_columns(frame, name)
        inputs = [part for one in self.columns for part in _inputs(one, read[one.name])]
        return np.stack(inputs, axis=1).astype(np.float32)

    def unlike(self, frame, name="the table"):
        """Tell what is unlike the training rows: missing, of another kind, new or out of range.

        A number or date is out of range if it lies beyond the least or the greatest in training
        by more than a tenth of what is between these two.

        Returns
        -------
        DataFrame
            The columns ``row`` (its place, from 0), ``column`` and ``why``, a row for each value.

        Raises
        ------
        ValueError
            As :meth:`transform`.
        """
        import pandas as pd

        self._check_fitted()
        read, wrong = self._read_columns(frame, name)
        found = []
        for column in self.columns:
            values, kind, gaps, why = read[column.name], column.kind, is_gap(read[column.name]), {}
            if not column.missing:
                why = dict.fromkeys(
                    np.flatnonzero(gaps).tolist(), "is missing, as in no training row"
                )
            why |= {k: f"{shown(text)} is no {kind}" for k, text in wrong[column.name].items()}
            if kind == "category":
                seen = {*column.seen}
                new = [k for k in np.flatnonzero(~gaps).tolist() if values[k] not in seen]
                why |= {k: f"{shown(values[k])} was in no training row" for k in new}
            elif column.low is not None:
                more = (column.high - column.low) / 10
                least, most = (spell(end, kind) for end in (column.low, column.high))
                for beyond, limit in (
                    (values < column.low - more, f"below {least}, the least"),
                    (values > column.high + more, f"above {most}, the most"),
                ):
                    far = np.flatnonzero(beyond).tolist()
                    why |= {k: f"{spell(values[k], kind)} is {limit} in training" for k in far}
            found += [(k, column.name, text) for k, text in why.items()]
        found.sort(key=lambda one: one[0])  # columns stay in their order
        return pd.DataFrame(found, columns=["row", "column", "why"])

    def to_dict(self):
        """Return it in the types of JSON.

        Examples
        --------
        >>> import json, pandas as pd
        >>> frame = pd.DataFrame({"age": [20, 30, 40]})
        >>> prepared = Preparation.plan(frame).fit(frame, [0, 1])
        >>> Preparation.from_dict(json.loads(json.dumps(prepared.to_dict()))) == prepared
        True
        """
        columns = [
            {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(one).items()}
            for one in self.columns
        ]
        return {"format": FORMAT, "decimal": self.decimal, "columns": columns}

    @classmethod
    def from_dict(cls, facts):
        """Return what :meth:`to_dict` described.

        Raises
        ------
        ValueError
            If it is something else.
        """
        try:
            if facts["format"] != FORMAT:
                raise ValueError(f"its format is {facts['format']!r}, not {FORMAT!r}")
            columns = [
                Column(**{k: tuple(v) if isinstance(v, list) else v for k, v in one.items()})
                for one in facts["columns"]
            ]
            return cls(columns, facts["decimal"])
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"facts must be those that to_dict returned: {error!r}") from None

    def _check_fitted(self):
        if not self.is_fitted:
            raise ValueError("fit(frame, rows) must come first: no training rows are known yet")


def _learn(column, values):
    gaps = is_gap(values)
    known = values[~gaps]
    facts = {"rows": len(values), "missing": int(gaps.sum())}
    if column.kind == "category":
        return replace(column, seen=tuple(sorted(set(known))), **facts)
    if not len(known):
        return replace(column, low=None, high=None, median=0.0, mean=0.0, scale=1.0, **facts)
    median = float(np.median(known))
    filled = np.where(gaps, median, values)
    with np.errstate(over="ignore", invalid="ignore"):
        mean, deviation = float(filled.mean()), float(filled.std())
    if not (math.isfinite(mean) and math.isfinite(deviation)):
        raise ValueError(f"column {column.name!r} holds numbers that are too large to be scaled")
    low, high = float(known.min()), float(known.max())
    scale = deviation if low < high and deviation > 0 else 1.0
    return replace(column, low=low, high=high, median=median, mean=mean, scale=scale, **facts)


def _inputs(column, values):
    """Yield the inputs that are made of a column, each (N,)."""
    gaps = is_gap(values)
    if column.kind == "category":
        seen = {*column.seen}
        for one in column.categories:
            yield values == one if one in seen else np.zeros(len(values))
    else:
        yield (np.where(gaps, column.median, values) - column.mean) / column.scale
    if column.gaps:  # what no training row lacked has no trained weight
        yield gaps if column.missing else np.zeros(len(values))
