from xml.etree import ElementTree

import pandas as pd
import pytest
import torch

from emdviz.datasets import synthetic_faces
from emdviz.datasets.summary import count_classes
from emdviz.palette import SPLIT_COLOURS

SPLITS = {"train": range(6), "valid": range(6, 7), "test": range(7, 10)}


def table(classes=("young", "middle", "old"), labels=(0, 0, 0, 1, 1, 1, 0, 0, 1, 1)):
    splits = {name: torch.tensor(chosen) for name, chosen in SPLITS.items()}
    return count_classes(torch.tensor(labels), list(classes), splits)


def rows(table):
    """The cells of each row of the HTML."""
    return [list(row) for row in ElementTree.fromstring(table._repr_html_()).iter("tr")]


def widths(cell):
    """Colour and width in em of each piece of a bar."""
    styles = [dict(part.split(": ") for part in bar.get("style").split("; ")) for bar in cell]
    return [(style["background"], float(style["width"].removesuffix("em"))) for style in styles]


def test_a_notebook_shows_the_numbers_and_a_bar_for_each_class():
    head, *body = rows(table())
    assert ["".join(cell.itertext()) for cell in head] == [
        "class", "■ train", "■ valid", "■ test", "all", "",
    ]  # fmt: skip
    assert [[cell.text for cell in row[:-1]] for row in body] == [
        ["young", "3", "1", "1", "5"],
        ["middle", "3", "0", "2", "5"],
        ["old", "0", "0", "0", "0"],
        ["total", "6", "1", "3", "10"],
    ]
    bars = [widths(row[-1]) for row in body]
    lengths = [[width for _, width in bar] for bar in bars]
    assert lengths == [[7.2, 2.4, 2.4], [7.2, 0, 4.8], [0, 0, 0], []]
    assert [colour for colour, _ in bars[0]] == SPLIT_COLOURS[:3]
    assert [cell[0].get("style") for cell in head[1:4]] == [
        f"color: {c}" for c in SPLIT_COLOURS[:3]
    ]


def test_names_of_classes_are_text_and_never_markup():
    assert rows(table(["<script>", "a & b", "old"]))[1][0].text == "<script>"


def test_a_class_may_be_called_total():
    counted = table(["total", "middle", "old"])
    assert counted["all"].tolist() == [5, 5, 0, 10]
    assert len(widths(rows(counted)[1][-1])) == 3


def test_no_image_at_all_makes_no_bars():
    empty = {"train": torch.tensor([], dtype=torch.int64)}
    counted = count_classes(torch.tensor([], dtype=torch.int64), ["a", "b"], empty)
    assert [widths(row[-1]) for row in rows(counted)[1:3]] == [[(SPLIT_COLOURS[0], 0)]] * 2


@pytest.mark.parametrize(
    "change", [lambda t: t * 2, lambda t: t[["train"]], lambda t: t.head(1), lambda t: t.T]
)
def test_results_of_operations_are_ordinary_tables(change):
    assert type(change(table())) is pd.DataFrame


def test_a_data_set_summarizes_itself():
    faces = synthetic_faces(20, size=32)
    counted = faces.summary()
    assert counted.index.tolist() == [*faces.classes, "total"]
    assert counted.loc["total"].to_dict() == {"train": 16, "valid": 2, "test": 2, "all": 20}
