"""Numbers and dates in the texts of a table, as several countries write them."""

import re
from datetime import date

import numpy as np

_BETWEEN_THOUSANDS = "' \N{RIGHT SINGLE QUOTATION MARK}\u2009\u202f\xa0"


class UnknownDecimalError(ValueError):
    """It is not known whether the comma or the point is the decimal separator, as in 1,250."""

    def __init__(self, text):
        self.text = text
        super().__init__(f"{text!r} may be more than a thousand or a number with decimals")


def _pattern(decimal):
    thousands = {".": ",", ",": r"\."}[decimal] + _BETWEEN_THOUSANDS
    whole = rf"[1-9]\d{{0,2}}(?P<between>[{thousands}])\d{{3}}(?:(?P=between)\d{{3}})*|\d+"
    point = re.escape(decimal)
    return re.compile(
        rf"(?P<sign>[+-]?)(?P<whole>{whole}|(?={point}\d))(?:{point}(?P<fraction>\d*))?"
        r"(?P<power>[eE][+-]?\d{1,3})?"
    )


_PLAIN = re.compile(r"[+-]?\d+(?:\.\d+)?")
_EITHER = re.compile(r"[+-]?[1-9]\d{0,2}(?:\.\d{3})+")
"""Texts with no comma, and those of them that may have a point between thousands."""

_PATTERNS = {decimal: _pattern(decimal) for decimal in ".,"}


def parse_number(text, decimal):
    """Return a text as a finite number, or None.

    ``decimal``, "." or ",", is the decimal separator; the other one, a space or an apostrophe may
    separate thousands.

    Examples
    --------
    >>> parse_number("1.250,5", ","), parse_number("1,250.5", "."), parse_number("1 250", ".")
    (1250.5, 1250.5, 1250.0)
    >>> parse_number("1.250,5", "."), parse_number("12,50", "."), parse_number("low", ",")
    (None, None, None)
    """
    found = _PATTERNS[decimal].fullmatch(text.replace("\N{MINUS SIGN}", "-"))
    if found is None:
        return None
    digits = re.sub(r"\D", "", found["whole"]) or "0"
    value = float(f"{found['sign']}{digits}.{found['fraction'] or '0'}{found['power'] or ''}")
    return value if np.isfinite(value) else None


def decimals_of(texts):
    """Return which of "." and "," are certainly the decimal separator in some of the texts.

    Examples
    --------
    >>> decimals_of(["2,5", "1.250"]), decimals_of(["1.250", "7"]), decimals_of(["1.250.000"])
    ({','}, set(), {','})
    """
    found = set()
    for text in texts:
        readings = {decimal for decimal in ".," if parse_number(text, decimal) is not None}
        found |= readings if len(readings) == 1 else set()
    return found


def parse_numbers(texts, decimal=None, *, point=True):
    """Return texts as float64, NaN where one is no number.

    A text that may be read in two ways, such as "1,250", is read as the other texts are; if none of
    these is certain, by ``decimal``; without it a point is the decimal separator if ``point`` is
    True, and a comma raises an UnknownDecimalError.

    Examples
    --------
    >>> parse_numbers(["2,5", "1.250"]), parse_numbers(["1,250", "old"], ".")
    (array([   2.5, 1250. ]), array([1250.,   nan]))
    >>> parse_numbers(["2,5", "2.5", "7", "1.250"])
    array([2.5 , 2.5 , 7.  , 1.25])
    """
    if all(map(_PLAIN.fullmatch, texts)):  # as nearly all are, and read sooner
        pointed = [text for text in texts if "." in text]
        if not pointed or not all(map(_EITHER.fullmatch, pointed)):
            return np.array([float(text) for text in texts])
    own = decimals_of(texts)
    decimal = own.pop() if len(own) == 1 else decimal
    values = np.full(len(texts), np.nan)
    for k, text in enumerate(texts):
        readings = {one: parse_number(text, one) for one in ".,"}
        different = set(readings.values()) - {None}
        if len(different) == 2:
            by_point = point and "," not in text
            if decimal is None and not by_point:
                raise UnknownDecimalError(text)
            values[k] = readings[decimal or "."]
        elif different:
            values[k] = different.pop()
    return values


def number(text):
    """Return a text as a finite number with either decimal separator; None if it is none.

    A text that can be read in two ways, such as 1,250, gives None as well.

    Examples
    --------
    >>> number("-0.5"), number("2,5"), number("nan"), number("low"), number("1,250")
    (-0.5, 2.5, None, None, None)
    """
    try:
        value = float(parse_numbers([text])[0])
    except UnknownDecimalError:
        return None
    return None if np.isnan(value) else value


_TIME = r"(?:[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?(?: ?(?:Z|UTC|\+00:?00))?)?"
_YEAR_FIRST = re.compile(rf"(\d{{4}})([-/.])(\d{{1,2}})\2(\d{{1,2}}){_TIME}")
_YEAR_LAST = re.compile(rf"(\d{{1,2}})([-/.])(\d{{1,2}})\2(\d{{4}}){_TIME}")


class UnknownDateError(ValueError):
    """It is not known whether the day or the month comes first, as in 03/04/2024."""

    def __init__(self, text):
        self.text = text
        super().__init__(f"{text!r} may begin with the day or with the month")


def looks_like_date(text):
    """Return whether a text is written as dates are.

    Examples
    --------
    >>> looks_like_date("03/04/2024 12:30"), looks_like_date("3.5")
    (True, False)
    """
    return bool(_YEAR_FIRST.fullmatch(text) or _YEAR_LAST.fullmatch(text))


def parse_dates(texts):
    """Return texts as days since 1970, float64, NaN where one is no date; times count as parts.

    A year comes first or last. If last, the day is before the month where there are points
    between them, and else as the days above 12 tell; if none does, an UnknownDateError is raised.

    Examples
    --------
    >>> parse_dates(["1970-01-02", "1970-01-01 12:00", "03.01.1970", "soon"])
    array([1. , 0.5, 2. , nan])
    >>> parse_dates(["01/02/1970", "01/31/1970"])
    array([ 1., 30.])
    """
    parts, unsure = [], {}
    for k, text in enumerate(texts):
        found = _YEAR_FIRST.fullmatch(text)
        if found:
            year, _, month, day, *clock = found.groups()
            parts.append((k, year, month, day, clock))
        elif found := _YEAR_LAST.fullmatch(text):
            first, between, second, year, *clock = found.groups()
            if between == ".":
                parts.append((k, year, second, first, clock))
            else:
                unsure[k] = int(first), int(second), year, clock
    if unsure:
        day_first = any(first > 12 for first, *_ in unsure.values())
        month_first = any(second > 12 for _, second, *_ in unsure.values())
        if not (day_first or month_first):
            raise UnknownDateError(texts[next(iter(unsure))])
        if not (day_first and month_first):
            for k, (first, second, year, clock) in unsure.items():
                month, day = (second, first) if day_first else (first, second)
                parts.append((k, year, month, day, clock))
    days = np.full(len(texts), np.nan)
    for k, year, month, day, clock in parts:
        hour, minute, second = (int(part or 0) for part in clock)
        if hour < 24 and minute < 60 and second < 61:
            try:
                whole = date(int(year), int(month), int(day)).toordinal()
            except ValueError:
                continue
            days[k] = whole - _EPOCH + (hour * 3600 + minute * 60 + second) / 86400
    return days


_EPOCH = date(1970, 1, 1).toordinal()
