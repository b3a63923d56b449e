"""The page of losses and its numbers: judged again, and true of real data."""

import importlib.util
import json
import re
from pathlib import Path

import numpy as np
import pytest

from emdviz.losses import zoo
from emdviz.propriety import minimiser, verdict

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "LOSSES.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("losses_page", ROOT / "scripts/losses_page.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_loss_has_a_card_a_row_and_a_picture(script):
    for name in zoo.names():
        loss = zoo.load(name)
        assert f"\n### {loss.label}\n" in PAGE
        assert f"[{loss.label}](#" in PAGE
        assert loss.source in PAGE
        assert (ROOT / "docs" / "losses" / script._file(name)).exists()
    assert len(re.findall(r"\n### ", PAGE)) == len(zoo.names())


def test_the_page_is_what_the_script_writes(script, tmp_path, monkeypatch):
    monkeypatch.setattr(script, "PAGE", tmp_path / "LOSSES.md")
    monkeypatch.setattr(script, "PICTURES", tmp_path / "losses")
    script.write(script.load())
    assert (tmp_path / "LOSSES.md").read_text(encoding="utf-8") == PAGE
    for picture in (tmp_path / "losses").iterdir():
        kept = ROOT / "docs" / "losses" / picture.name
        assert picture.read_text(encoding="utf-8") == kept.read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["EMD", "EMD1.5", "XE-LS", "geometric", "binomial", "focal"])
def test_verdicts_come_out_again(name):
    found, kept = verdict(zoo.load(name)), zoo.properties(name)
    assert found.proper == kept["proper"]
    assert [str(x) for x in found.t] == kept["t"]
    assert [str(x) for x in found.better] == kept["better"]
    assert found.keeps == kept["keeps"]


SLOWER = [pytest.param(name, marks=pytest.mark.slow) for name in ("CORN", "CLM-logit")]


@pytest.mark.parametrize("name", ["XE", "EMD2", *SLOWER])
def test_pushes_come_out_again(script, name):
    kept = zoo.properties(name)
    np.testing.assert_allclose(script.pushes(name)["push"], kept["push"], rtol=1e-4, atol=1e-9)
    np.testing.assert_allclose(script.mistakes(name), kept["mistakes"], rtol=1e-4)


def test_pushes_die_where_they_should():
    # softmax, p = (0.0025, 0.0025, 0.0025, 0.0025, 0.99), label 0
    np.testing.assert_allclose(
        zoo.properties("XE")["push"], [0.9975, -0.0025, -0.0025, -0.0025, -0.99], rtol=1e-4
    )
    dies = {name for name in zoo.names() if zoo.properties(name)["saturates"]}
    assert {"EMD", "EMD2", "EMD1.5", "EMD3", "AEMD", "Brier", "ECOC"} <= dies
    assert not dies & {"XE", "REG", "XEMD2", "focal", "SORD", "OLL", "CDW-CE", "CORAL", "CORN"}


def test_examples_of_the_page_are_those_of_the_losses(script):
    smoothed = minimiser(zoo.load("XE-LS"), [0.52, 0.2, 0.12, 0.1, 0.06])
    np.testing.assert_allclose(smoothed, [0.488, 0.2, 0.128, 0.11, 0.074], atol=1e-3)
    assert "(0.488, 0.2, 0.128, 0.11, 0.074)" in script.lost_median()
    assert "from class 1 to class 2" in script.lost_median()
    # tests/test_learned.py finds the same numbers by descent on the Module
    assert "(0.202, 0.124, 0.383, 0.292)" in script.learned_example()


@pytest.mark.slow
def test_all_train_on_real_tables_without_nan(script):
    tables = script.tables()
    for name in zoo.names():
        assert all(one["finite"] for one in zoo.properties(name)["trains"].values()), name
        assert script.train(name, *tables["LEV"], steps=5)["finite"], name
        x, y = tables["digits"]
        assert script.train(name, x[:200], y[:200], steps=5)["finite"], name


def test_claims_of_libraries_are_quoted_and_checked(script):
    rows = {(row[0], row[2]): row[3] for row in script.check_claims(script.load())}
    assert rows["EMD2", "It serves as a proper scoring rule"]
    assert not rows["CORAL", "Rank Consistent"]  # by its layer alone, before it has learned
    assert rows["CORN", "Rank-consistent"]
    assert rows["COPOC", "enforce unimodality"]


def test_properties_refuse_unknown_names():
    with pytest.raises(ValueError, match="name must be one of"):
        zoo.properties("SORT")
    versions = json.loads((ROOT / "emdviz/losses/zoo/properties.json").read_text())
    assert set(versions["measured_with"]) == {"torch", "dlordinal", "coral-pytorch"}
