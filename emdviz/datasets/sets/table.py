"""Your own table: rows with a class, or with the votes of several people."""

import difflib

import numpy as np

from emdviz.datasets.arrays import from_arrays
from emdviz.datasets.choosing import far_away, reason_to_leave_out
from emdviz.datasets.order import is_missing, notes_of, order_classes
from emdviz.datasets.preparation import Preparation
from emdviz.datasets.readers.cells import Cells, as_text, decimal_of, spell, without_codes
from emdviz.datasets.readers.table_files import (
    column_of_numbers,
    columns_of_votes,
    count_votes,
    read_frame,
)
from emdviz.reading import ArgumentError, counted, read_choice, shown, typed

__all__ = ["table"]

_FEW = 5
"""Categories in fewer rows are pointed out."""

_MANY = 20
"""More different numbers are scores, and no classes."""


def table(
    path,
    *,
    label=None,
    votes=None,
    features=None,
    drop=None,
    id=None,
    rater=None,
    classes=None,
    positions=None,
    group=None,
    weight=None,
    split=None,
    bins=None,
    decimal=None,
    missing=None,
    unit=None,
    licence="your own data",
    seed=0,
):
    """Read a table: a row for each thing, a column for its class, other columns to learn from.

    Parameters
    ----------
    path : str, Path or DataFrame
        A text file with a line of column names, and commas, semicolons, tabs or bars between its
        fields; an Excel file (``.xlsx``) or a Parquet file.
    label : str, optional
        The column of the class. Needed unless there are ``votes``.
    votes : list of str, or str, optional
        Columns that count the votes for each class, from low to high unless their names have an
        order; or one column with the class that one person voted for, where each row is a vote
        and ``id`` names the column that tells what it is about.
    features : list of str, optional
        Columns to learn from: numbers, words, dates. By default all that have no other use, but
        those that number the rows, tell the label, or have one value; ``notes`` says which.
    drop : list of str, optional
        Columns to leave out.
    id : str, optional
        The column that tells rows of votes apart.
    rater : str, optional
        The column of who voted, where each row is a vote: nobody may vote twice on one thing.
    classes, positions, bins, unit, licence, seed
        See :func:`from_arrays`.
    group, weight, split : str, optional
        Columns of what must not be in two splits, of how much a row counts, and of the names
        "train", "valid" and "test".
    decimal : {".", ","}, optional
        The decimal separator, where "1,250" or "1.250" could be read in two ways and no other
        number decides it.
    missing : list, optional
        Values that stand for a missing one: ``-999`` in all columns, ``"age=99"`` in one. ``notes``
        names columns that seem to hold such values.

    Returns
    -------
    OrderedData
        Inputs are float32 of shape (N, F), prepared by what the training rows say: numbers and
        dates standardised, 0 or 1 for each category, gaps filled in and flagged; ``preparation``
        tells how, and ``frame`` holds the columns as they were.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    TypeError, ValueError
        If the table is empty, lacks a column or has two of one name; if a column holds numbers and
        some words, or can be read in two ways; if no column is left to learn from; if labels look
        like numbers rather than classes, or each class has one row; or as :func:`from_arrays`.

    Notes
    -----
    Terms are yours: say them with ``licence``, and they stay with the data. Known limits: a text of
    many words is no feature; what has an order in words, such as "low" and "high", is a category
    like any other.

    Examples
    --------
    >>> import pandas as pd
    >>> ages = [31, 52, None, 47, 28] * 8
    >>> frame = pd.DataFrame({"age": ages, "sex": ["f", "m"] * 20, "risk": ["low", "high"] * 20})
    >>> data = table(frame.assign(sex=["f", "m", "m", "f"] * 10), label="risk")
    >>> data.inputs.shape, data.classes
    (torch.Size([40, 4]), ['low', 'high'])
    >>> data.features
    ['age', 'age missing', 'sex=f', 'sex=m']
    """
    frame, name = read_frame(path)
    uses = {"label": label, "id": id, "rater": rater}
    uses |= {"group": group, "weight": weight, "split": split}
    used = {argument: str(column) for argument, column in uses.items() if column is not None}
    per_row = isinstance(votes, str)
    of_votes = [votes] if per_row else _columns(votes, "votes")
    features = None if features is None else _columns(features, "features")
    drop = _columns([drop] if isinstance(drop, str) else drop, "drop")
    named = [*used.items(), *(("votes", one) for one in of_votes)]
    for argument, column in [
        *named, *(("features", one) for one in features or []), *(("drop", one) for one in drop)
    ]:  # fmt: skip
        _check_there(frame, column, argument, name)
    if label is None and votes is None:
        raise ArgumentError(
            f"{typed('label')} or {typed('votes')} must name a column of {name}, which has "
            f"{shown(list(frame.columns))}",
            "label",
            list(frame.columns),
        )
    taken = {column: argument for argument, column in reversed(named)}
    for column in features or []:
        if column in taken or column in drop:
            raise ValueError(
                f"features must be columns of their own, {column!r} is {taken.get(column, 'drop')}"
            )
    decimal = decimal_of(frame) if decimal is None else read_choice(decimal, "decimal", (".", ","))
    notes = list(frame.attrs["notes"])
    codes = _codes(missing, frame, name)
    if codes:
        gone = {column: without_codes(frame[column], values) for column, values in codes.items()}
        frame = frame.assign(**gone)
    lines = len(frame)
    candidates = features or [one for one in frame if one not in taken and one not in drop]
    left, counts, ordered = {}, None, classes is None
    if per_row:
        if id is None:
            raise ValueError(
                f"{typed('id')} must name the column that tells what each row of votes is about"
            )
        left = _varying(frame, used, candidates, features, name)
        frame, counts, classes = _count_votes(frame, votes, used, classes, name)
        notes.append(f"{lines:,} votes on {len(frame):,} rows")
    elif rater is not None:
        raise ValueError(
            f"rater is for a table in which each row is a vote: pass {typed('votes', 'column')}"
        )
    elif len(of_votes) == 1:
        raise ValueError(
            f"{typed('votes')} must name a column for each class, got {votes[0]!r} alone; where "
            f"each row is a vote, {typed('id', 'COLUMN')} tells what it is about"
        )
    elif votes is not None:
        counts, classes = columns_of_votes(frame, of_votes, classes, name, decimal)
    if votes is not None and ordered:
        order = order_classes(classes)
        notes += notes_of(order, positions)
        positions = order.positions if positions is None else positions
    labels = None
    if label is not None:
        frame, counts, without = _with_label(frame, str(label), counts, classes, name)
        notes += without
        labels = _labels(frame[str(label)], name, bins, classes, decimal)
    data = from_arrays(
        np.zeros((len(frame), 1)),  # until it is known which rows are for training
        labels,
        votes=counts,
        classes=classes,
        positions=positions,
        groups=None if group is None else frame[str(group)].tolist(),
        weights=None if weight is None else column_of_numbers(frame[str(weight)], name, decimal),
        splits=None if split is None else frame[str(split)].tolist(),
        bins=bins,
        name=name,
        unit=unit,
        licence=licence,
        notes=notes,
        seed=seed,
    )
    candidates = [column for column in candidates if column not in left]
    preparation = Preparation.plan(frame, candidates, decimal=decimal, missing=codes, name=name)
    frame = preparation.read(frame, name)
    preparation, more = _choose(preparation, frame, features, data, name)
    left |= more
    if not preparation.columns:
        why = "".join(f"; {column} {reason}" for column, reason in left.items())
        raise ValueError(f"{name} has no column to learn from{why}")
    data = data.prepared(frame, preparation)
    data.notes = (*data.notes, *_notes(data, left))
    return data


def _columns(names, argument):
    if names is None:
        return []
    if isinstance(names, str):
        raise TypeError(f"{argument} must be a list of columns, got {names!r}; pass [{names!r}]")
    return [str(name) for name in names]


def _check_there(frame, column, argument, name):
    if column in frame:
        return
    names = list(frame.columns)
    small = {one.lower(): one for one in names}
    near = difflib.get_close_matches(column.lower(), small, 1)
    hint = f"did you mean {small[near[0]]!r}? It" if near else "it"
    raise ArgumentError(
        f"{typed(argument)} must be a column of {name}, got {column!r}; {hint} has {shown(names)}",
        argument,
        names,
        column,
    )


def _codes(missing, frame, name):
    """Return the values that stand for a missing one, for each column that has some."""
    if missing is not None and not isinstance(missing, list | tuple):
        raise TypeError(f"missing must be a list of values, got {missing!r}; pass [{missing!r}]")
    found = {}
    for given in missing or ():
        column, _, code = as_text(given).rpartition("=")
        if column:
            _check_there(frame, column, "missing", name)
        hits = [
            one
            for one in ([column] if column else frame)
            if without_codes(frame[one], [code]).isna().sum() > frame[one].isna().sum()
        ]
        if not hits:
            where = f"column {column!r} of {name}" if column else name
            raise ValueError(f"{typed('missing')} must be a value in {where}, which has no {code}")
        for one in hits:
            found.setdefault(one, []).append(code)
    return found


def _with_label(frame, label, counts, classes, name):
    """Return the rows that have a label, and a note on the others."""
    texts = [as_text(value) for value in frame[label]]
    known = {str(one) for one in classes or ()}
    gaps = frame[label].isna().to_numpy()
    gaps = gaps | [is_missing(text) and text not in known for text in texts]
    if gaps.all():
        raise ValueError(f"column {label!r} of {name} holds no label")
    if not gaps.any():
        return frame, counts, []
    note = f"left out: {counted(frame.index[gaps], 'line')} without a label in {label}"
    return frame[~gaps], None if counts is None else counts[~gaps], [note]


def _labels(column, name, bins, classes, decimal):
    """Return labels that may be classes; numbers, where they are to be cut into bins."""
    if bins is not None:
        return column_of_numbers(column, name, decimal)
    texts = [as_text(value) for value in column]
    _, counts = np.unique(texts, return_counts=True)
    is_ordered = bool(getattr(column.dtype, "ordered", False))
    if classes is None and not is_ordered and len(counts) > _MANY:
        numbers = Cells(column, name, decimal).values("number")
        if not np.isnan(numbers).any():
            raise ValueError(
                f"column {column.name!r} of {name} holds {len(counts)} different numbers: this "
                f"looks like a number and not like classes; pass {typed('bins', 10)} to make ten "
                f"classes of it, or {typed('classes', ['…'])} if each of them is one"
            )
    if counts.max() == 1 and len(texts) > 1:
        raise ValueError(
            f"each of the {len(counts)} classes in column {column.name!r} of {name} has one row, "
            "so nothing can be learned of any; name a column whose values repeat, or pass "
            f"{typed('bins', 3)} if it holds numbers"
        )
    return column


def _varying(frame, used, candidates, features, name):
    """Return the columns that are not the same in all votes on one thing, and why they are out."""
    things = frame.groupby(used["id"], sort=False, dropna=False)
    alike = things[candidates].nunique(dropna=False).max() <= 1 if candidates else {}
    varying = [column for column in candidates if not alike[column]]
    if features and varying:
        raise ValueError(
            f"features must be the same in all votes on one {used['id']}, {shown(varying)} of "
            f"{name} are not"
        )
    for argument in ("group", "weight", "split", "label"):
        column = used.get(argument)
        if column is not None and things[column].nunique(dropna=False).max() > 1:
            raise ValueError(
                f"{argument} must be the same in all votes on one {used['id']}, column {column!r} "
                f"of {name} is not"
            )
    return dict.fromkeys(varying, f"differs among the votes on one {used['id']}")


def _count_votes(frame, votes, used, classes, name):
    for argument in ("id", "rater"):
        column = used.get(argument)
        if column is None:
            continue
        gaps = np.array([value != value or is_missing(as_text(value)) for value in frame[column]])
        if gaps.any():
            raise ValueError(
                f"{argument} must be there for each vote, column {column!r} of {name} lacks it in "
                f"{counted(frame.index[gaps], 'line')}"
            )
    if "rater" in used:
        twice = frame.duplicated([used["id"], used["rater"]]).to_numpy()
        if twice.any():
            raise ValueError(
                f"each rater must vote once on each {used['id']}, {name} has a second vote in "
                f"{counted(frame.index[twice], 'line')}; leave these out"
            )
    return count_votes(frame, votes, used["id"], classes)


def _choose(preparation, frame, features, data, name):
    """Return a Preparation of the columns to learn from, and why the others are left out."""
    votes = None if data.votes is None else data.votes.numpy()
    scores = data.scores if votes is None else votes @ np.arange(votes.shape[1])
    labels, left, kept = data.labels.numpy(), {}, []
    for column in preparation.columns:
        values = Cells(frame[column.name], name).values(column.kind)
        why = reason_to_leave_out(values, column.kind, labels, scores, name=column.name)
        if features and why in ("is empty", "has one value in all rows"):
            raise ValueError(
                f"features must differ from row to row, column {column.name!r} of {name} {why}; "
                "leave it out"
            )
        if features or why is None:
            kept.append(column)
        else:
            left[column.name] = why
    return Preparation(kept, preparation.decimal), left


def _notes(data, left):
    """Return what a reader should know of the columns."""
    kinds = {"number": "numbers", "date": "dates", "category": "categories"}
    for kind, plural in kinds.items():
        of_kind = [one for one in data.preparation.columns if one.kind == kind]
        if of_kind:
            more = " (read as days)" if kind == "date" else ""
            yield f"{plural} to learn from: {', '.join(one.name for one in of_kind)}{more}"
    if left:
        some = ", ".join(f"{column} ({why})" for column, why in left.items())
        yield f"left out: {some}; {typed('features', ['…'])} keeps what it names"
    gaps = {one.name: int(data.frame[one.name].isna().sum()) for one in data.preparation.columns}
    gaps = ", ".join(f"{name} ({count})" for name, count in gaps.items() if count)
    if gaps:
        yield f"missing, filled in with the median or as a category of its own, and flagged: {gaps}"
    for one in data.preparation.columns:
        values = data.frame[one.name]
        if one.kind == "number" and (found := far_away(values.to_numpy(np.float64))):
            some = ", ".join(f"{spell(value, 'number')} ({n} rows)" for value, n in found)
            codes = [f"{one.name}={spell(value, 'number')}" for value, _ in found]
            yield (
                f"{one.name} holds {some}, far from all others: if that stands for a missing value "
                f"or the like, {typed('missing', codes)} takes it out"
            )
        if one.kind == "category" and (rare := _rare(values)):
            some = f"{shown(rare[:3])[1:-1]}{', …' if len(rare) > 3 else ''}"
            yield (
                f"{len(rare)} of {len(one.categories)} categories of {one.name} are in fewer than "
                f"{_FEW} rows, from which little can be learned: {some}"
            )
    if any(one.kind != "category" for one in data.preparation.columns):
        yield "numbers are standardised by the mean and deviation of the training rows"


def _rare(values):
    """Return the categories that are in few rows, the rarest first."""
    counts = values.value_counts()
    return counts.index[counts < _FEW][::-1].tolist()
