"""Tables as programs and people write them: encodings, separators, numbers, dates, sheets."""

import datetime

import numpy as np
import pandas as pd
import pytest

from emdviz.datasets import table
from emdviz.datasets.readers.numbers import parse_dates, parse_number, parse_numbers

RNG = np.random.default_rng(0)
N = 60
FRAME = pd.DataFrame(
    {
        "größe": RNG.normal(1500, 900, N).round(2),
        "farbe": RNG.choice(["grün", "weiß", "rot"], N),
        "note": RNG.integers(1, 6, N),
    }
)


def same(data):
    np.testing.assert_allclose(data.frame["größe"], FRAME["größe"])
    assert data.frame["farbe"].tolist() == FRAME["farbe"].tolist()
    assert (data.labels.numpy() + 1).tolist() == FRAME["note"].tolist()


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize(
    ("encoding", "note"),
    [
        ("utf-8", None),
        ("utf-8-sig", None),
        ("utf-16", "t.csv is read as UTF-16"),
        ("utf-16-be", "t.csv is read as UTF-16"),
        ("latin-1", "t.csv is no UTF-8 and is read as Windows-1252 (Western Europe)"),
    ],
)
def test_separators_and_encodings_are_found(tmp_path, separator, encoding, note):
    text = FRAME.to_csv(sep=separator, index=False, lineterminator="\r\n")
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    (tmp_path / "t.csv").write_bytes((mark + text).encode(encoding))
    data = table(tmp_path / "t.csv", label="note")
    same(data)
    assert [one for one in data.notes if "t.csv" in one] == [note] * (note is not None)


def in_german(number):
    return f"{number:,.2f}".translate(str.maketrans(",.", ".,"))


@pytest.mark.parametrize(
    ("spell", "separator"),
    [
        (in_german, ";"),
        (in_german, "\t"),
        (lambda number: f"{number:,.2f}", ","),
        (lambda number: f"{number:,.2f}", ";"),
        (lambda number: f"{number:,.2f}".replace(",", "\u202f").replace(".", ","), ";"),
        (lambda number: f"{number:,.2f}".replace(",", "'"), ","),
        (lambda number: f"{number:.6E}", ","),
    ],
)
def test_decimal_commas_and_thousands_are_read(tmp_path, spell, separator):
    frame = FRAME.assign(größe=[spell(value) for value in FRAME["größe"]])
    frame.to_csv(tmp_path / "t.csv", sep=separator, index=False)
    same(table(tmp_path / "t.csv", label="note"))


def test_a_sheet_exported_from_a_german_spreadsheet_is_read(tmp_path):
    lines = [
        "Datum;Menge;Preis;Code;Urteil;;",  # empty columns at the end
        "28.02.2023;1.250;2,5;0012;gut;;",
        "01.03.2023;980;1.003,75;0013;sehr gut;;",
        ";;;;;;",
        '02.03.2023;;-0,5;0012;"mangelhaft; sehr";;',
        "03.03.2023;2.000;12;0012;gut;;",
    ]
    (tmp_path / "t.csv").write_bytes("\r\n".join(lines).encode("cp1252"))
    data = table(
        tmp_path / "t.csv", label="Urteil", classes=["mangelhaft; sehr", "gut", "sehr gut"]
    )
    assert data.frame["Menge"].tolist()[:2] == [1250, 980]
    np.testing.assert_array_equal(data.frame["Preis"], [2.5, 1003.75, -0.5, 12])
    assert data.frame["Datum"].dt.strftime("%d.%m.").tolist()[0] == "28.02."
    assert data.frame.index.tolist() == [2, 3, 5, 6]  # lines of the file
    assert (
        "missing, filled in with the median or as a category of its own, and flagged: Menge (1)"
        in (data.notes)
    )
    assert data.labels.tolist() == [1, 2, 0, 1]


def test_what_may_be_thousands_is_read_as_other_numbers_tell_or_as_asked(tmp_path):
    def read(lines, **options):
        (tmp_path / "t.csv").write_text("\n".join(lines))
        return table(tmp_path / "t.csv", label="y", **options).frame

    tail = ["y", "1", "2", "2"]

    def rows(*columns):
        return [",".join(row) for row in zip(*columns, strict=True)]

    a = ["a", '"1,250"', '"2,100"', '"3,000"']
    assert read(rows(a, ["b", "1.5", "2.5", "3"], tail))["a"].tolist() == [1250, 2100, 3000]
    assert read(rows(a, ["b", '"1,5"', '"2,5"', "3"], tail))["a"].tolist() == [1.25, 2.1, 3]
    assert read(rows(a, tail), decimal=",")["a"].tolist() == [1.25, 2.1, 3]
    assert read(rows(a, tail), decimal=".")["a"].tolist() == [1250, 2100, 3000]
    with pytest.raises(ValueError, match=r"'1,250' may be more .* pass decimal=',' or decimal='.'"):
        read(rows(a, tail))
    with pytest.raises(ValueError, match=r"decimal must be one of .* got ';'"):
        read(rows(a, tail), decimal=";")
    points = ["a", "1.250", "2.100", "3.000"]
    assert read(rows(points, tail))["a"].tolist() == [1.25, 2.1, 3]
    semicolons = [line.replace(",", ";") for line in rows(points, tail)]
    with pytest.raises(ValueError, match=r"'1\.250' may be more than a thousand"):
        read(semicolons)
    assert read(semicolons, decimal=",")["a"].tolist() == [1250, 2100, 3000]


def test_numbers_are_those_of_float_and_locale_free():
    for value in RNG.normal(0, 1e4, 200).round(3):
        english = f"{value:,.3f}"
        assert parse_number(english, ".") == float(f"{value:.3f}")
        german = english.translate(str.maketrans(",.", ".,"))
        assert parse_number(german, ",") == float(f"{value:.3f}")
    texts = [
        "\N{MINUS SIGN}3",
        "+4",
        ".5",
        "5.",
        "1e-3",
        "1e999",
        "1.2.3",
        "1,2,3",
        "0x1",
        "１",
        "",
    ]
    np.testing.assert_array_equal(
        parse_numbers(texts), [-3, 4, 0.5, 5, 1e-3, *[np.nan] * 4, 1, np.nan]
    )


def test_dates_are_those_of_the_calendar():
    days = [datetime.date(1900, 3, 1) + datetime.timedelta(int(k)) for k in range(0, 60000, 977)]
    expected = [(day - datetime.date(1970, 1, 1)).days for day in days]
    for spell in ("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y"):
        np.testing.assert_array_equal(parse_dates([f"{day:{spell}}" for day in days]), expected)
    np.testing.assert_allclose(
        parse_dates(["1970-01-01T06:00:00Z", "1.1.1970 18:30", "2023-02-29", "1970-01-01 25:00"]),
        [0.25, 18.5 / 24, np.nan, np.nan],
    )
    assert np.isnan(parse_dates(["31/12/2020", "12/31/2020"])).all()  # both orders in one column


def test_sheets_keep_their_numbers_dates_and_gaps(tmp_path):
    frame = FRAME.assign(
        tag=pd.Timestamp("2020-02-29") + pd.to_timedelta(np.arange(N) % 7, unit="D"),
        text=["2,5", None, "1.250,5"] * 20,
        zahl=[1.125, 2, None] * 20,
    )
    with pd.ExcelWriter(tmp_path / "t.xlsx") as writer:
        frame.to_excel(writer, sheet_name="Daten", index=False)
        FRAME.to_excel(writer, sheet_name="Mehr", index=False)
    frame.to_parquet(tmp_path / "t.parquet")
    sheet = table(tmp_path / "t.xlsx", label="note")
    same(sheet)
    assert "the first of 2 sheets is read: Daten" in sheet.notes
    for data in (sheet, table(tmp_path / "t.parquet", label="note"), table(frame, label="note")):
        kinds = {one.name: one.kind for one in data.preparation.columns}
        assert kinds == {
            "größe": "number",
            "farbe": "category",
            "tag": "date",
            "text": "number",
            "zahl": "number",
        }
        assert data.frame["tag"].tolist() == frame["tag"].tolist()
        np.testing.assert_array_equal(data.frame["text"], [2.5, np.nan, 1250.5] * 20)
        np.testing.assert_array_equal(data.frame["zahl"], [1.125, 2, np.nan] * 20)


def test_flags_and_categories_of_pandas_are_categories_in_a_file_too(tmp_path):
    frame = FRAME.assign(flag=[True, False, True, True] * 15)
    frame["farbe"] = frame["farbe"].astype("category")
    frame["note"] = pd.Categorical(["B", "A", "C"] * 20, ["C", "B", "A"], ordered=True)
    data = table(frame, label="note")
    assert data.classes == ["C", "B", "A"]
    frame.to_csv(tmp_path / "t.csv", index=False)
    read = table(tmp_path / "t.csv", label="note", classes=["C", "B", "A"])
    assert read.features == data.features
    np.testing.assert_allclose(read.inputs, data.inputs, rtol=1e-6, atol=1e-6)
    assert {"flag=False", "flag=True"} < set(data.features)


def test_rows_without_a_label_are_left_out_and_reported():
    frame = FRAME.assign(note=FRAME["note"].astype(object))
    frame.loc[[3, 7], "note"] = [None, "n/a"]
    data = table(frame, label="note")
    assert len(data) == N - 2
    assert "left out: 2 lines (3, 7) without a label in note" in data.notes
    assert data.frame.index.tolist() == [k for k in range(N) if k not in (3, 7)]


def test_some_words_among_few_values_make_categories():
    frame = FRAME.assign(doors=["2", "3", "4", "5more"] * 15)
    assert "doors=5more" in table(frame, label="note").features
    many = FRAME.assign(age=[*map(str, range(20, 20 + N - 1)), "young"])
    with pytest.raises(ValueError, match=r"'age' .* numbers, and something else in 1 line \(59\)"):
        table(many, label="note")
