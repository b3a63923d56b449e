import re

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from emdviz.losses import LOSSES, Loss
from emdviz.losses import loss as loss_module
from emdviz.losses.loss import look_of
from emdviz.palette import MORE_COLOURS
from emdviz.plots import style


def test_styles():
    before = dict(plt.rcParams)
    sizes = []
    for context in ("print", "notebook", "projector"):
        with style.style(context):
            sizes.append(plt.rcParams["font.size"])
    assert sizes == sorted(sizes)
    assert len(set(sizes)) == 3
    assert dict(plt.rcParams) == before
    with pytest.raises(ValueError, match=r"context must be one of .*, got 'poster'"):
        style.use("poster")


def test_every_loss_has_a_colour_of_its_own(monkeypatch):
    monkeypatch.setattr(loss_module, "_given_colours", {})  # as before other tests made losses
    colours = [loss.colour for loss in LOSSES.values()]
    assert len(set(colours)) == len(colours)
    monkeypatch.setitem(LOSSES, "more", Loss("more", print, colour=MORE_COLOURS[0]))
    assert Loss("mine", print).colour in MORE_COLOURS[1:]
    assert Loss("mine", print).colour != Loss("another", print).colour


def test_tables_have_labels_units_directions_and_rounded_numbers():
    frame = pd.DataFrame(
        {"AEM": [50.126, np.nan], "MAE": [0.5, 1.0], "runs": [1, 12345], "note": ["<b>", "x"]},
        index=["XEMD2", "other"],
    )
    page = style.table(frame, caption="On faces").to_html()
    headings = re.findall(r"<th [^>]*col_heading[^>]*>(.*?)</th>", page)
    assert headings == ["AEM (%) ↑", "MAE (class steps) ↓", "runs", "note"]
    assert re.findall(r"<th [^>]*row_heading[^>]*>(.*?)</th>", page) == ["XE + EMD²", "other"]
    for shown in (">50.13<", "></td>", ">1.00<", ">12,345<", "&lt;b&gt;", "On faces</caption>"):
        assert shown in page
    assert ">50.1<" in style.table(frame, digits=1).to_html()
    assert [*frame.columns] == ["AEM", "MAE", "runs", "note"]
    across = style.table(frame[["AEM"]].T).to_html()
    assert "AEM (%) ↑" in across
    assert "XE + EMD²" in across
    of_the_zoo = style.table(pd.DataFrame({"MAE": [1.0]}, index=["hinge-WW"])).to_html()
    assert ">Hinge, all classes<" in of_the_zoo


def test_a_loss_of_the_zoo_has_one_name_in_tables_and_pictures():
    assert look_of("XE-LS").label == "XE, label smoothing"
    assert look_of("no such loss").label == "no such loss"
