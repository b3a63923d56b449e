"""Your own table: rows of numbers with a class, or with the votes of several people."""

import numpy as np

from emdviz.datasets.arrays import from_arrays
from emdviz.datasets.order import is_missing
from emdviz.datasets.readers.tables import (
    column_of_numbers,
    columns_of_votes,
    count_votes,
    numeric_columns,
    parsed_column,
    read_frame,
)
from emdviz.reading import shown

__all__ = ["table"]


def table(
    path,
    *,
    label=None,
    votes=None,
    features=None,
    id=None,
    classes=None,
    positions=None,
    group=None,
    weight=None,
    split=None,
    bins=None,
    unit=None,
    licence="your own data",
    seed=0,
):
    """Read a table of numbers: a row for each thing, a column for its class.

    Parameters
    ----------
    path : str, Path or DataFrame
        A text file with a line of column names, and commas, semicolons or tabs between its fields;
        an Excel file (``.xlsx``) or a Parquet file. Numbers may have a decimal comma.
    label : str, optional
        The column of the class. Needed unless there are ``votes``.
    votes : list of str, or str, optional
        Columns that count the votes for each class, from low to high unless their names have an
        order; or one column with the class that one person voted for, where each row is a vote
        and ``id`` names the column that tells what it is about.
    features : list of str, optional
        Columns of numbers to learn from; by default all that have no other use.
    id : str, optional
        The column that tells rows of votes apart.
    classes, positions, bins, unit, licence, seed
        See :func:`from_arrays`.
    group, weight, split : str, optional
        Columns of what must not be in two splits, of how much a row counts, and of the names
        "train", "valid" and "test".

    Returns
    -------
    OrderedData
        Inputs are float32 of shape (N, F), not scaled.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    TypeError, ValueError
        If the table lacks a column, a feature is no number or is missing, or as
        :func:`from_arrays`.

    Notes
    -----
    Terms are yours: say them with ``licence``, and they stay with the data. Known limits: words are
    no features; make numbers of them first, for instance with ``pandas.get_dummies``.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"size": range(20), "risk": ["low", "high"] * 10})
    >>> data = table(frame, label="risk")
    >>> data.inputs.shape, data.classes
    (torch.Size([20, 1]), ['low', 'high'])
    """
    frame, name = read_frame(path)
    used = [column for column in (label, id, group, weight, split) if column is not None]
    used += [votes] if isinstance(votes, str) else list(votes or [])
    wanted = used + list(features or [])
    missing = [column for column in wanted if column not in frame]
    if missing:
        raise ValueError(
            f"{name} lacks the columns {shown(missing)}, it has {shown(list(frame.columns))}"
        )
    if not used or (label is None and votes is None):
        raise ValueError(
            f"label or votes must name a column of {name}, which has {shown(list(frame.columns))}"
        )
    counts = None
    if isinstance(votes, str):
        if id is None:
            raise ValueError("id must name the column that tells what each row of votes is about")
        frame, counts, classes = count_votes(frame, votes, id, classes)
    elif votes is not None:
        counts, classes = columns_of_votes(frame, list(votes), classes, name)
    if features is None:
        features = [column for column in frame if column not in used]
        words = [column for column in features if _first_word(frame[column]) is not None]
        if words:
            good = [column for column in features if column not in words]
            raise ValueError(
                f"features must be numbers, and the columns {shown(words)} of {name} hold words; "
                f"pass features={good}, or make numbers of them"
            )
    if not features:
        raise ValueError(f"{name} has no column to learn from")
    return from_arrays(
        numeric_columns(frame, features, name),
        None if label is None else _labels(frame[label], name, bins),
        votes=counts,
        classes=classes,
        positions=positions,
        groups=None if group is None else frame[group].tolist(),
        weights=None if weight is None else column_of_numbers(frame[weight], name),
        splits=None if split is None else frame[split].tolist(),
        bins=bins,
        name=name,
        unit=unit,
        licence=licence,
        notes=[f"features: {', '.join(map(str, features))}"],
        seed=seed,
    )


def _labels(column, name, bins):
    import pandas as pd

    if bins is not None:
        return column_of_numbers(column, name)
    if column.dtype == object or pd.api.types.is_string_dtype(column):
        missing = [
            line for line, value in column.items() if value != value or is_missing(str(value))
        ]
        if missing:
            some = ", ".join(map(str, missing[:3])) + (", …" if len(missing) > 3 else "")
            raise ValueError(
                f"column {column.name!r} of {name} lacks a class in {len(missing)} lines ({some}); "
                "leave these out"
            )
    return column


def _first_word(column):
    """Return the place of the first value that is neither a number nor missing, or None."""
    words = np.flatnonzero(parsed_column(column)[1])
    return int(words[0]) if len(words) else None
