"""The cells of a column of a table: numbers, dates and texts, and gaps."""

import math
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import numpy as np

from emdviz.datasets.order import is_missing
from emdviz.datasets.readers.numbers import (
    UnknownDateError,
    UnknownDecimalError,
    decimals_of,
    looks_like_date,
    number,
    parse_dates,
    parse_numbers,
)
from emdviz.reading import counted, shown, typed

_BEGIN = set("0123456789+-.,\N{MINUS SIGN}")

_FEW = 20
"""A column with at most this many different values may be categories, even if most are numbers."""


class Cells:
    """The cells of a column; equal ones are read once.

    Errors call the table ``table``; ``decimal`` is as for :class:`Preparation`.
    """

    def __init__(self, column, table, decimal=None):
        import pandas as pd

        self.name, self.table, self.decimal = column.name, table, decimal
        self.index, self.numbers, self.days, self._parsed = column.index, None, None, {}
        # where semicolons separate the fields, a comma may be the decimal separator
        self.point = column.attrs.get("separator") != ";"
        types = pd.api.types
        if isinstance(column.dtype, pd.CategoricalDtype) or types.is_bool_dtype(column):
            column = column.astype(object)
        if types.is_numeric_dtype(column) and not types.is_complex_dtype(column):
            self.numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
            self.gaps = np.isnan(self.numbers)
            infinite = np.flatnonzero(np.isinf(self.numbers))
            if len(infinite):
                raise ValueError(
                    f"column {self.name!r} of {table} must be finite numbers, got infinity in "
                    f"{counted(self.index[infinite], 'line')}"
                )
            return
        if types.is_datetime64_any_dtype(column):
            column = column.dt.tz_convert(None) if column.dt.tz is not None else column
            since = (column - datetime(1970, 1, 1)) / timedelta(days=1)
            self.days = since.to_numpy(np.float64, na_value=np.nan)
            self.gaps = np.isnan(self.days)
            return
        try:
            self.codes, different = pd.factorize(column)
        except TypeError:
            kind = type(column.dropna().iloc[0]).__name__
            raise ValueError(
                f"column {self.name!r} of {table} must hold numbers, words or dates, got {kind}; "
                f"leave it out: {typed('drop', [self.name])}"
            ) from None
        self.texts = [as_text(value) for value in different]
        self.given = np.array([_number(value) for value in different])
        gone = np.array([*map(is_missing, self.texts), True])
        self.codes = np.where(gone[self.codes], -1, self.codes)
        self.gaps = self.codes == -1
        self.present = np.flatnonzero(~gone[:-1])

    def kind(self):
        """Return what the column holds."""
        if self.days is not None:
            return "date"
        if self.numbers is not None or not len(self.present):
            return "number"
        first = self.texts[self.present[0]]
        if looks_like_date(first) and not np.isnan(self._different("date")).any():
            return "date"
        words = np.isnan(self._different("number"))
        if not words.any():
            return "number"
        counts = np.bincount(self.codes[~self.gaps], minlength=len(self.texts))[self.present]
        if len(self.present) > _FEW and counts[words].sum() <= counts.sum() / 2:
            places = np.flatnonzero(np.isin(self.codes, self.present[words]))
            raise ValueError(
                f"column {self.name!r} of {self.table} holds numbers, and something else in "
                f"{counted(self.index[places], 'line')}, such as {shown(self.text(places[0]))}; "
                f"correct these, or leave the column out: {typed('drop', [self.name])}"
            )
        return "category"

    def values(self, kind):
        """Return all cells as float64 with NaN, dates as days; or as texts with None."""
        given = {"number": self.numbers, "date": self.days}
        if self.numbers is not None or self.days is not None:
            if kind != "category":
                return np.full(len(self.gaps), np.nan) if given[kind] is None else given[kind]
            texts = [None if gap else self.text(k) for k, gap in enumerate(self.gaps)]
            return np.array([*texts, None], dtype=object)[:-1]
        if kind == "category":
            return np.array([*self.texts, None], dtype=object)[self.codes]
        values = np.full(len(self.texts) + 1, np.nan)
        values[self.present] = self._different(kind)
        return values[self.codes]

    def _different(self, kind):
        """Return the different cells that are not missing as float64."""
        if kind not in self._parsed:
            self._parsed[kind] = self._parse(kind)
        return self._parsed[kind]

    def _parse(self, kind):
        try:
            if kind == "date":
                return parse_dates([self.texts[k] for k in self.present])
            values, texts = self.given[self.present], np.array(self.texts)[self.present]
            asked = np.isnan(values)
            values[asked] = parse_numbers(texts[asked].tolist(), self.decimal, point=self.point)
            return values
        except UnknownDecimalError as error:
            doubt = f"{error}; pass {typed('decimal', ',')} or {typed('decimal', '.')}"
        except UnknownDateError as error:
            out = typed("drop", [self.name])
            doubt = f"{error}; write 2024-04-03, or leave it out: {out}"
        raise ValueError(f"column {self.name!r} of {self.table}: {doubt}")

    def text(self, place):
        """Return the cell of a row as it was written."""
        if self.numbers is not None:
            return as_text(self.numbers[place])
        if self.days is not None:
            return spell(self.days[place], "date")
        return "" if self.gaps[place] else self.texts[self.codes[place]]


def without_codes(column, codes):
    """Return a column with gaps where one of these texts stands, or a number that is equal to it.

    Examples
    --------
    >>> import pandas as pd
    >>> without_codes(pd.Series(["3", "-999", "-999.0"]), ["-999"]).isna().tolist()
    [False, True, True]
    """
    numbers = {number(code) for code in codes} - {None}
    try:
        different = list(column.unique())
    except TypeError:  # of lists, which Cells refuses
        return column
    texts = [as_text(value) for value in different]
    hits = [
        value
        for value, text in zip(different, texts, strict=True)
        if text in codes or number(text) in numbers
    ]
    return column.mask(column.isin(hits)) if hits else column


def as_text(value):
    """Return a cell as text; 3.0 and 3 are one.

    Examples
    --------
    >>> as_text(3.0), as_text(" low "), as_text(True)
    ('3', 'low', 'True')
    """
    if isinstance(value, float | np.floating) and float(value).is_integer():
        value = int(value)
    return str(value).strip()


def _number(value):
    is_number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) else math.nan


def is_gap(values):
    """Return where values are missing: None among texts, NaN among numbers."""
    if values.dtype == object:
        return np.array([value is None for value in values], dtype=bool)
    return np.isnan(values)


def decimal_of(frame):
    """Return the decimal separator in the texts of a table, if it is always the same."""
    found = set()
    for place in range(frame.shape[1]):
        column = frame.iloc[:, place]
        if column.dtype != object and str(column.dtype) not in ("str", "string"):
            continue
        with suppress(TypeError):  # lists and the like
            for text in column.unique().tolist():
                if isinstance(text, str) and text[:1] in _BEGIN and (one := decimals_of([text])):
                    found |= one
                    break
    return found.pop() if len(found) == 1 else None


def spell(value, kind):
    """Return a number, or days since 1970, as text."""
    if kind == "number":
        return f"{value:.6g}"
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=float(value))
    return f"{moment:%Y-%m-%d %H:%M}".removesuffix(" 00:00")
