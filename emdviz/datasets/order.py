"""The order of class names: numbers and known vocabularies; all else is refused, never guessed."""

import math
import re
from dataclasses import dataclass
from itertools import pairwise

from emdviz.datasets.readers.numbers import parse_number
from emdviz.reading import read_names, shown, typed

MISSING = frozenset(
    ["", "?", "-", "--", ".", "na", "n/a", "#n/a", "nan", "<na>", "nat", "null", "missing",
     "unknown", "not available", "no answer"]
)  # fmt: skip
"""Texts that stand for a missing value, in small letters; "none" may be a class."""

_SIZES = "3xs|xxxs 2xs|xxs|extra_extra_small xs|extra_small|tiny s|small m|medium l|large \
xl|extra_large|huge 2xl|xxl|extra_extra_large 3xl|xxxl 4xl|xxxxl"
_MONTHS = "jan|january feb|february mar|march apr|april may jun|june jul|july aug|august \
sep|sept|september oct|october nov|november dec|december"
_LEVELS = "lowest very_low|extremely_low low medium_low medium|moderate|middle|mid|average|normal \
medium_high high very_high|extremely_high highest"
_SEVERITIES = (
    "none|no|absent|normal minimal|very_mild mild moderate severe very_severe|extreme|critical"
)
_FREQUENCIES = "never almost_never|hardly_ever rarely|seldom sometimes|occasionally \
often|frequently|regularly usually|mostly|very_often almost_always|nearly_always always"
_GRADES = " ".join(f"{letter}- {letter} {letter}+" for letter in "fedcba")


def _ranks(words):
    return {
        word.replace("_", " "): rank
        for rank, words_of_rank in enumerate(words.split())
        for word in words_of_rank.split("|")
    }


VOCABULARIES = {
    "sizes": _ranks(_SIZES),
    "months": _ranks(_MONTHS),
    "levels": _ranks(_LEVELS),
    "severities": _ranks(_SEVERITIES),
    "frequencies": _ranks(_FREQUENCIES),
    "grades, the best last": _ranks(_GRADES),
}
"""Ranks of words that have an order, by kind; words with equal ranks mean the same."""


@dataclass(frozen=True)
class Order:
    """Class names in their order."""

    classes: list
    index: dict  # the class of each spelling
    positions: list | None  # the numbers that the names are, if all are
    note: str  # how the order was found


def notes_of(order, positions=None):
    """Return the notes of a data set whose classes are in an order that was found.

    ``positions`` are those that were given, if any.
    """
    are_found = order.positions and positions is None
    return [order.note, *["positions are the numbers of the classes"] * bool(are_found)]


class UnknownOrderError(ValueError):
    """The order of class names is not known."""

    def __init__(self, names, why=""):
        self.names = sorted(names)
        why = f": {why}" if why else ""
        some = [str(name)[:60] for name in self.names[:40]] + ["…"] * (len(self.names) > 40)
        super().__init__(
            f"the order of the classes is not known{why}. Put them in order, from low to high, "
            f"and pass {typed('classes', some)}"
        )


def order_classes(names):
    """Find the order of class names.

    Numbers, with signs, units and separators, and ranges of numbers are in order of size. So are
    Roman numerals, clothes' sizes, months, and words of level, severity and frequency; grades with
    + and − go from the worst to the best. Words that all names share are ignored. One number
    in several spellings is one class, as are names that differ in capital letters only.

    If no order is known, or several are possible, an UnknownOrderError says what to pass.

    Examples
    --------
    >>> order_classes(["18-30", ">60", "<18", "31-60"]).classes
    ['<18', '18-30', '31-60', '>60']
    >>> order = order_classes(["10", "3", "3.0", "1"])
    >>> order.classes, order.positions, order.index["3.0"]
    (['1', '3', '10'], [1.0, 3.0, 10.0], 1)
    >>> order_classes(["severe", "mild", "moderate"]).classes
    ['mild', 'moderate', 'severe']
    """
    names = sorted(dict.fromkeys(map(str, names)))
    missing = [name for name in names if is_missing(name)]
    if missing:
        raise ValueError(
            f"{shown(missing[0])} stands for a missing value and is no class; leave these rows or "
            f"files out, or pass {typed('classes')} if it is one"
        )
    plain = {name: _plain(name) for name in names}
    orders = list(filter(None, _orders(plain)))
    if not orders:
        raise UnknownOrderError(names)
    if any(order.index != orders[0].index for order in orders):
        raise UnknownOrderError(names, "there are several ways to read them")
    return orders[0]


def order_columns(names, classes=None):
    """Return the classes that columns of votes are, in their order, and the place of each column.

    Columns that have the names of ``classes`` are these, wherever they stand; others are in order.

    Examples
    --------
    >>> order_columns(["high", "low"])
    (['low', 'high'], [1, 0])
    >>> order_columns(["B", "A"], ["A", "B"]), order_columns(["n1", "n2"], ["A", "B"])
    ((['A', 'B'], [1, 0]), (['A', 'B'], [0, 1]))
    """
    if classes is not None:
        classes = read_names(classes, "classes")
        if len(classes) != len(names):
            raise ValueError(
                f"votes must have {len(classes)} columns, one for each class, got {len(names)}"
            )
        if sorted(names) == sorted(classes):
            return classes, [names.index(name) for name in classes]
        moved = [x for x, y in zip(names, classes, strict=True) if x != y and x in classes]
        if moved:
            raise ValueError(
                f"votes must name columns in the order of classes, {shown(classes)}, got "
                f"{shown(names)}, with {moved[0]!r} at another place"
            )
        return classes, list(range(len(names)))
    order = order_classes(names)
    if len(order.classes) < len(names):
        raise ValueError(f"columns of votes must be classes, each once, got {shown(names)}")
    return order.classes, [names.index(name) for name in order.classes]


def is_missing(name):
    """Tell whether a text stands for a missing value.

    Examples
    --------
    >>> is_missing("N/A"), is_missing("none")
    (True, False)
    """
    return name.strip().lower() in MISSING


def _plain(name):
    """Return a name in small letters, with plain signs and single spaces."""
    name = name.strip().lower().replace("\N{MINUS SIGN}", "-").replace("_", " ")
    return " ".join(re.sub("[\u2010-\u2015]", "-", name).split())


def _orders(plain):
    english, continental = (_of_numbers(plain, decimal) for decimal in ".,")
    yield english
    if english is None or any("." in text for text in plain.values()):
        yield continental  # where 1.500 may be more than a thousand
    short = _without_common_words(plain)
    if any("i" in text for text in short.values()):  # C, D and X, L alone may be grades or sizes
        values = {name: _roman(text) for name, text in short.items()}
        yield _of_ranks(plain, values, "Roman numerals")
    for kind, ranks in VOCABULARIES.items():
        texts = short if kind[:6] != "grades" else plain
        if kind[:6] == "grades" and not any(text[-1:] in "+-" for text in texts.values()):
            continue  # A, B, C may go either way
        yield _of_ranks(plain, {name: ranks.get(text) for name, text in texts.items()}, kind)


def _of_ranks(plain, ranks, kind):
    if None in ranks.values():
        return None
    return _order(plain, ranks, None, f"classes are in order as {kind}")


def _order(plain, keys, positions, note):
    """Return an Order by keys; None if names of one key are no spellings of one word."""
    merged = {}
    for name in sorted(keys, key=lambda name: (keys[name], len(name), name)):
        merged.setdefault(keys[name], []).append(name)
    if len(merged) < 2:
        return None
    numbers = positions is not None
    if not numbers and any(len({plain[name] for name in group}) > 1 for group in merged.values()):
        return None
    groups = list(merged.values())
    several = ["/".join(group) for group in groups if len(group) > 1]
    if several:
        note += f"; spellings of one class: {', '.join(several[:5])}"
    return Order(
        [group[0] for group in groups],
        {name: k for k, group in enumerate(groups) for name in group},
        positions and [positions[group[0]] for group in groups],
        note,
    )


def _without_common_words(plain):
    words = {name: text.split() for name, text in plain.items()}
    common = set.intersection(*map(set, words.values())) if words else set()
    return {
        name: " ".join(word for word in some if word not in common) for name, some in words.items()
    }


_ROMAN = re.compile("m{0,3}(cm|cd|d?c{0,3})(xc|xl|l?x{0,3})(ix|iv|v?i{0,3})")


def _roman(text):
    """Return the value of a Roman numeral, or None.

    Examples
    --------
    >>> [_roman(text) for text in ("iv", "xii", "x", "iiii", "")]
    [4, 12, 10, None, None]
    """
    if not text or not _ROMAN.fullmatch(text):
        return None
    values = [{"i": 1, "v": 5, "x": 10, "l": 50, "c": 100, "d": 500, "m": 1000}[c] for c in text]
    return sum(-value if value < after else value for value, after in pairwise([*values, 0]))


_NUMBER = re.compile(
    r"\d{1,3}(?:[ ',.\u2009\u202f\xa0]\d{3}(?!\d))+(?:[.,]\d+)?|\d+(?:[.,]\d+)?|[.,]\d+"
)
_SIGNED = re.compile(rf"((?<![\w.,)%])[-+] ?)?({_NUMBER.pattern})")
_BELOW = re.compile(
    "<=?|\u2264|(under|below|less than|fewer than|up to|at most|younger than|before|until)(?= )|"
    "(or|and) (less|fewer|younger|under|below|lower)$"
)
_ABOVE = re.compile(
    ">=?|\u2265|(over|above|more than|at least|older than|from|after)(?= )|"
    "(or|and) (more|older|over|above|up|higher|greater)$|(?<=#)( ?\\+|plus$)"
)
_BETWEEN = re.compile("^[([]?(?:between |from )?# ?(?:-|to|and|until|[.]{2,3}|,) ?#[)\\]]?")


def _of_numbers(plain, decimal):
    """Return the order of names that are numbers or ranges, given the sign before decimals."""
    intervals, units, exact = {}, set(), True
    for name, text in plain.items():
        found = _interval(text, decimal)
        if found is None:
            return None
        intervals[name] = found[:2]
        exact = exact and found[0] == found[1]
        units |= {found[2].rstrip("s")} - {""}
    if len(units) > 1:
        return None
    ordered = sorted(set(intervals.values()))
    for (low, high), (after, end) in pairwise(ordered):
        if low == after or high == end or high > after:
            return None  # they overlap
    values = {name: low for name, (low, _) in intervals.items()} if exact else None
    what = "numbers" if exact else "ranges of numbers"
    return _order(plain, intervals, values, f"classes are in order as {what}")


def _interval(text, decimal):
    """Return the least and the greatest number that a name means, and its unit; or None."""
    numbers = []

    def take(found):
        sign, digits = found.groups()
        value = parse_number(digits, decimal)
        numbers.append(-value if value and sign and "-" in sign else value)
        return "#"

    rest = re.sub("(?<=#)(st|nd|rd|th)(?![a-z])", "", _SIGNED.sub(take, text))
    if None in numbers:
        return None
    if len(numbers) == 2 and _BETWEEN.match(rest) and numbers[0] <= numbers[1]:
        return (*numbers, _BETWEEN.sub("", rest, count=1).strip())
    if len(numbers) != 1:
        return None
    below, above = _BELOW.search(rest), _ABOVE.search(rest)
    if below and above:
        return None
    low = -math.inf if below else numbers[0]
    high = math.inf if above else numbers[0]
    unit = (_BELOW if below else _ABOVE).sub(" ", rest) if below or above else rest
    return low, high, " ".join(unit.replace("#", " ").split())
