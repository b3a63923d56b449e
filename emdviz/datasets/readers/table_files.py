"""Tables of text, as people keep them for their own data; pandas reads them."""

import csv
import io
import re
from contextlib import suppress

import numpy as np

from emdviz.datasets.order import order_classes, order_columns
from emdviz.datasets.readers.cells import Cells, as_text
from emdviz.datasets.readers.files import how_many, plain_name
from emdviz.datasets.readers.label_files import text_of
from emdviz.reading import counted, read_path, shown

COLUMNS = ("path", "label", "split", "group")
"""Columns of a label table that are read; the first two must be there, others are passed over."""


SEPARATORS = ",;\t|"
"""Separators of the fields of a table of text."""


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
    """Read a table of text in UTF-8; the errors name the file as ``name``.

    Commas, semicolons, tabs or bars stand between the fields. Before the line of column names may
    stand one such as ``sep=;``, which Excel understands. The index is the number of the line, as
    long as no field holds a line break; ``attrs["separator"]`` is the separator of the fields.

    Examples
    --------
    >>> read_table(b"a;b\\n1;2,5\\n", "my.csv").to_dict("index")
    {2: {'a': '1', 'b': '2,5'}}
    """
    return _table_of(text_of(content, name), name)


def _table_of(text, name):
    import pandas as pd

    first, _, rest = text.partition("\n")
    said = re.fullmatch(r"\ufeff?sep=(.)\s*", first)
    if said:
        text = "\n" + rest
    separator = said[1] if said else _separator(text)
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
    table = _below_names(table)
    table.attrs["separator"] = separator
    return table


def _separator(text):
    """Return the separator that cuts each of the first lines into as many fields.

    Examples
    --------
    >>> _separator("height, cm;weight, kg;age, years\\n1,5;2;3\\n2;2;3\\n")
    ';'
    """
    lines = [line for line in text[:100_000].split("\n", 51)[:50] if line.strip()]
    if not lines:
        return ","
    fields = {}
    for separator in SEPARATORS:
        try:
            fields[separator] = [len(row) for row in csv.reader(lines, delimiter=separator)]
        except csv.Error:
            continue
    even = {one: counts[0] for one, counts in fields.items() if len(set(counts)) == 1}
    choice = max(even, key=even.get, default=None)
    if choice is not None and even[choice] > 1:
        return choice
    return max(SEPARATORS, key=lines[0].count)


def read_frame(path, argument="path"):
    """Return the table in a text, Excel or Parquet file, or the DataFrame, and its name.

    ``argument`` is what errors call the path.
    Names of columns are texts. ``attrs["notes"]`` tells how a file was read, where not plainly.
    """
    import pandas as pd

    if isinstance(path, pd.DataFrame):
        frame, name, notes = path, "the table", []
        frame = frame.set_axis([str(column) for column in frame.columns], axis=1)
    else:
        path = read_path(path, argument, "a DataFrame, or a file with a table")
        if not path.is_file():
            raise FileNotFoundError(f"{argument} must be a file with a table, found none at {path}")
        frame, notes = _read_file(path)
        name = path.name
        nameless = [place for place, column in enumerate(frame.columns) if str(column) == ""]
        empty = [k for k in nameless if (frame.iloc[:, k].astype(str) == "").all()]
        frame = frame.iloc[:, [k for k in range(frame.shape[1]) if k not in empty]]
    if frame.columns.duplicated().any():
        twice = list(dict.fromkeys(frame.columns[frame.columns.duplicated()]))
        if "" in twice:
            raise ValueError(
                f"{name} has several columns without a name, which hold values; name each"
            )
        raise ValueError(
            f"{name} has several columns of one name: {shown(twice)}; each needs a name of its own"
        )
    if not len(frame):
        raise ValueError(f"{name} has no line but the names of its columns")
    frame.attrs["notes"] = notes
    return frame, name


def _read_file(path):
    """Return the table in a file as it was written, and notes on how it was read."""
    import pandas as pd

    kind = path.suffix.lower()
    if not path.stat().st_size:
        raise ValueError(f"{path.name} is empty; it must hold a line of column names, and rows")
    if kind not in (".xlsx", ".xls", ".ods", ".parquet"):
        text, notes = _any_text(path.read_bytes(), path.name)
        return _table_of(text, path.name), notes
    try:
        if kind == ".parquet":
            frame, notes = pd.read_parquet(path), []
        else:
            with pd.ExcelFile(path) as book:
                frame = pd.read_excel(book, dtype=object, keep_default_na=False, header=None)
                sheets = book.sheet_names
            frame.index += 1
            frame, notes = _below_names(frame), []
            if len(sheets) > 1:
                notes = [f"the first of {len(sheets)} sheets is read: {sheets[0]}"]
    except ImportError as error:
        raise ValueError(f"{path.name} cannot be read: {error}; install the extra lab") from None
    except Exception as error:  # their readers raise all kinds of errors for broken files
        raise ValueError(f"{path.name} cannot be read as a table: {error}") from None
    return frame.set_axis([str(column) for column in frame.columns], axis=1), notes


def _below_names(cells):
    """Return the rows that hold something, the first as the names of the columns."""
    rows = cells[(cells.astype(str) != "").any(axis=1)]
    if rows.empty:
        return rows.iloc[:, :0]
    return rows.iloc[1:].set_axis([as_text(name) for name in rows.iloc[0]], axis=1)


def _any_text(content, name):
    """Return a file of text in the encoding that it is in, and a note if that is not UTF-8."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        try:
            return content.decode("utf-16"), [f"{name} is read as UTF-16"]
        except UnicodeDecodeError as error:
            raise ValueError(f"{name} must be a table of text: {error}") from None
    if b"\0" not in content:
        for encoding, note in (
            ("utf-8-sig", []),
            ("cp1252", [f"{name} is no UTF-8 and is read as Windows-1252 (Western Europe)"]),
        ):
            with suppress(UnicodeDecodeError):
                return content.decode(encoding), note
    return text_of(content, name), []


def numeric_columns(frame, columns, name):
    """Return these columns of a table as finite float64; errors as :func:`column_of_numbers`."""
    import pandas as pd

    values = [column_of_numbers(frame[column], name) for column in columns]
    return pd.DataFrame(np.stack(values, axis=1), frame.index, columns)


def column_of_numbers(column, name, decimal=None):
    """Return a column as finite float64, or raise a ValueError that tells the lines.

    ``decimal`` is as for :class:`Preparation`.
    """
    cells = Cells(column, name, decimal)
    values = cells.values("number")
    wrong = np.flatnonzero(np.isnan(values))
    if len(wrong):
        some = cells.text(wrong[0])
        raise ValueError(
            f"column {column.name!r} of {name} must be finite numbers, got something else in "
            f"{counted(column.index[wrong], 'line')}, such as {shown(some)}; fill these in, or "
            "leave the lines out"
        )
    return values


def columns_of_votes(frame, columns, classes, name, decimal=None):
    """Return the votes for each class, shape (N, C), and the classes in their order."""
    counts = [column_of_numbers(frame[column], name, decimal) for column in columns]
    counts = np.stack(counts, axis=1)
    classes, places = order_columns(columns, classes)
    return counts[:, places], classes


def count_votes(frame, column, id, classes):
    """Return the first row about each thing, the votes for each class, and the classes."""
    votes = [as_text(vote) for vote in frame[column]]
    if classes is None:
        order = order_classes(votes)
        classes, index = order.classes, order.index
    else:
        index = {str(name): k for k, name in enumerate(classes)}
    unknown = sorted(set(votes) - set(index))
    if unknown:
        raise ValueError(f"classes must name every vote, {shown(classes)} lacks {shown(unknown)}")
    first = frame.drop_duplicates(id)
    places = {key: place for place, key in enumerate(first[id])}
    counts = np.zeros((len(first), len(classes)))
    for key, vote in zip(frame[id], votes, strict=True):
        counts[places[key], index[vote]] += 1
    return first, counts, classes
