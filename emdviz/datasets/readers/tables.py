"""Tables of text, as people keep them for their own data; pandas reads them."""

import io
import re
from math import isfinite
from pathlib import Path

import numpy as np

from emdviz.datasets.order import is_missing, order_classes
from emdviz.datasets.readers.files import how_many, plain_name
from emdviz.datasets.readers.label_files import text_of
from emdviz.reading import shown

COLUMNS = ("path", "label", "split", "group")
"""Columns of a label table that are read; the first two must be there, others are passed over."""


def read_label_table(content, name):
    r"""Read a table of the columns "path" and "label", and "split" and "group" if there are any.

    Each path is there once; ``attrs["repeated"]`` counts the lines that say the same again.

    Examples
    --------
    >>> table = read_label_table(b"path;label;age\r\n1.jpg;low;3\r\n2.jpg;high;7\r\n", "my.csv")
    >>> table.values.tolist()
    [['1.jpg', 'low'], ['2.jpg', 'high']]
    """
    table = read_table(content, name).rename(columns=str.lower)
    heads = list(table)
    if not {"path", "label"} <= set(heads) or len(set(heads)) < len(heads):
        raise ValueError(
            f"{name} must begin with a line that names the columns path and label (split and "
            f"group, if you like), each once, got {shown(','.join(heads))}"
        )
    table = table[[column for column in COLUMNS if column in heads]]
    if not len(table):
        raise ValueError(f"{name} has no line but the names of its columns")
    for column in table:
        empty = table.index[table[column] == ""]
        if len(empty):
            line = ", ".join(table.loc[empty[0]])
            raise ValueError(
                f"{name}, line {empty[0]}: {column} must not be empty, got {shown(line)}"
            )
    once = table.assign(path=table["path"].map(plain_name)).drop_duplicates()
    contradicted = once["path"][once["path"].duplicated()]
    if len(contradicted):
        raise ValueError(
            f"{name} must say one thing about an image, but its lines disagree on "
            f"{how_many(list(dict.fromkeys(contradicted)))}"
        )
    once.attrs["repeated"] = len(table) - len(once)
    return once


def read_table(content, name):
    """Read a table of text in UTF-8; commas, semicolons or tabs stand between the fields.

    Before the line of column names may stand one such as ``sep=;``, which Excel understands. The
    index is the number of the line, as long as no field holds a line break.

    Examples
    --------
    >>> read_table(b"a;b\\n1;2,5\\n", "my.csv").to_dict("index")
    {2: {'a': '1', 'b': '2,5'}}
    """
    import pandas as pd

    text = text_of(content, name)
    first, _, rest = text.partition("\n")
    said = re.fullmatch(r"\ufeff?sep=(.)\s*", first)
    if said:
        text = "\n" + rest
        first = rest.partition("\n")[0]
    separator = said[1] if said else max(",;\t", key=first.count)
    try:
        table = pd.read_csv(
            io.StringIO(text),
            sep=separator,
            header=None,
            dtype=str,
            keep_default_na=False,
            skip_blank_lines=False,
            skiprows=1 if said else 0,
            skipinitialspace=True,
        )
    except pd.errors.EmptyDataError:
        return pd.DataFrame()
    except (pd.errors.ParserError, ValueError) as error:
        raise ValueError(
            f"{name} cannot be read as a table: {str(error).strip()}; what holds a {separator!r} "
            "itself must stand in double quotes"
        ) from None
    table = table.apply(lambda column: column.str.strip())
    table.index += 2 if said else 1
    table = table[(table != "").any(axis=1)]
    if table.empty:
        return pd.DataFrame()
    return table.iloc[1:].set_axis(table.iloc[0].tolist(), axis=1)


def read_frame(path):
    """Return the table in a text, Excel or Parquet file, or the DataFrame, and its name."""
    import pandas as pd

    if isinstance(path, pd.DataFrame):
        return path, "the table"
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"path must be a file with a table, found none at {path}")
    kind = path.suffix.lower()
    if kind not in (".xlsx", ".xls", ".parquet"):
        frame = read_table(path.read_bytes(), path.name)
    else:
        try:
            frame = pd.read_parquet(path) if kind == ".parquet" else pd.read_excel(path, dtype=str)
        except ImportError as error:
            raise ValueError(
                f"{path.name} cannot be read: {error}; install the extra lab"
            ) from None
        except Exception as error:  # their readers raise all kinds of errors for broken files
            raise ValueError(f"{path.name} cannot be read as a table: {error}") from None
    if frame.columns.duplicated().any():
        twice = list(frame.columns[frame.columns.duplicated()])
        raise ValueError(f"{path.name} has columns of one name: {shown(twice)}")
    if not len(frame):
        raise ValueError(f"{path.name} has no line but the names of its columns")
    return frame, path.name


def numeric_columns(frame, columns, name):
    """Return these columns of a table as finite float64; errors as :func:`column_of_numbers`."""
    import pandas as pd

    values = [column_of_numbers(frame[column], name) for column in columns]
    return pd.DataFrame(np.stack(values, axis=1), frame.index, columns)


def number(text):
    """Return a text as a finite number, with a decimal point or comma; None if it is none.

    It is none, too, if it may be a thousand or one and a bit, as 1,250 may.

    Examples
    --------
    >>> number("-0.5"), number("2,5"), number("nan"), number("low"), number("1,250")
    (-0.5, 2.5, None, None, None)
    """
    if re.fullmatch(r"[+-]?[1-9]\d{0,2}(,\d{3})+", text):
        return None
    try:
        value = float(text.replace(",", ".") if "." not in text else text)
    except ValueError:
        return None
    return value if isfinite(value) else None


def parsed_column(column):
    """Return a column as float64, NaN where nothing is, and where no number is."""
    import pandas as pd

    if pd.api.types.is_numeric_dtype(column):
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        return values, np.zeros(len(values), bool)
    texts = ["" if value is None or value != value else str(value).strip() for value in column]
    values = np.array([np.nan if (value := number(text)) is None else value for text in texts])
    return values, np.isnan(values) & [not is_missing(text) for text in texts]


def column_of_numbers(column, name):
    """Return a column as finite float64, or raise a ValueError that tells the lines."""
    values, _ = parsed_column(column)
    wrong = np.flatnonzero(~np.isfinite(values))
    if len(wrong):
        lines = ", ".join(str(column.index[place]) for place in wrong[:3])
        more = ", …" if len(wrong) > 3 else ""
        raise ValueError(
            f"column {column.name!r} of {name} must be finite numbers, got something else in "
            f"{len(wrong)} lines ({lines}{more}), such as {shown(str(column.iloc[wrong[0]]))}; "
            "fill these in, or leave the lines out"
        )
    return values


def columns_of_votes(frame, columns, classes, name):
    """Return the votes for each class, shape (N, C), and the classes in their order."""
    counts = np.stack([column_of_numbers(frame[column], name) for column in columns], axis=1)
    if classes is not None:
        return counts, classes
    order = order_classes(columns)
    places = [columns.index(column) for column in order.classes]
    return counts[:, places], order.classes


def count_votes(frame, column, id, classes):
    """Return the first row about each thing, the votes for each class, and the classes."""
    if classes is None:
        order = order_classes(map(str, frame[column]))
        classes, index = order.classes, order.index
    else:
        index = {str(name): k for k, name in enumerate(classes)}
    unknown = sorted(set(map(str, frame[column])) - set(index))
    if unknown:
        raise ValueError(f"classes must name every vote, {shown(classes)} lacks {shown(unknown)}")
    first = frame.drop_duplicates(id)
    places = {key: place for place, key in enumerate(first[id])}
    counts = np.zeros((len(first), len(classes)))
    for key, vote in zip(frame[id], frame[column], strict=True):
        counts[places[key], index[str(vote)]] += 1
    return first, counts, classes
