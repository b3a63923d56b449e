"""The page of claims: its script writes it, its places exist, and prose follows from numbers."""

import ast
import importlib.util
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from emdviz.distributions import spread
from emdviz.losses import zoo
from emdviz.propriety import minimiser
from emdviz.site.recorded import Replay
from emdviz.site.steps import steps
from emdviz.training import paired_differences

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "CLAIMS.md"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("claims_page", ROOT / "scripts/claims_page.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def claims(script):
    return [claim for claims in script.claims_by_year().values() for claim in claims]


@pytest.mark.slow
def test_the_page_is_what_the_script_writes(script):
    assert PAGE.read_text(encoding="utf-8") == script.page(), "python scripts/claims_page.py"


@pytest.mark.slow
def test_verdicts_of_the_map_are_those_of_the_page_of_results(script):
    lines = (ROOT / "docs" / "RESULTS.md").read_text(encoding="utf-8").splitlines()
    (head,) = (k for k, line in enumerate(lines) if line.startswith("| AEM (%) ↑ − that of XE"))
    column, told = lines[head].split(" | ").index("EMD²"), []
    for line in lines[head + 2 :]:
        if not line.startswith("|"):
            break
        told.append(line.split(" | ")[column])
    better, worse = (sum(cell.startswith(f"**{sign}") for cell in told) for sign in "+−")
    assert better + worse > 0
    found = re.search(r"in AEM in (\d+).* and worse in (\d+)", script.on_the_map("EMD2", ["AEM"]))
    assert (int(found[1]), int(found[2])) == (better, worse)


def names_of_tests(path):
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            yield node.name
        elif isinstance(node, ast.ClassDef):
            inner = (one.name for one in node.body if isinstance(one, ast.FunctionDef))
            yield from (f"{node.name}::{name}" for name in inner)


@pytest.mark.slow
def test_every_place_exists(script, claims):
    told = {step.name for step in steps(Replay())}
    for claim in claims:
        assert claim.tests + claim.pages, claim.says
        for test in claim.tests:
            file, _, name = test.partition("::")
            assert name in set(names_of_tests(ROOT / "tests" / file)), test
        for number, text in claim.cells:
            assert script.section(number, text)[1], text
        assert set(claim.steps) <= told
        assert all((PAGE.parent / name).is_file() for name in claim.pages)


@pytest.mark.slow
def test_a_cell_that_is_gone_is_an_error(script):
    with pytest.raises(ValueError, match=r"03_why_squared.ipynb has no cell with 'no such text'"):
        script.section(3, "no such text")


@pytest.fixture(scope="module")
def controls():
    runs = pd.read_csv(ROOT / "docs" / "results" / "controls.csv")
    assert runs.groupby("data")["seed"].nunique().tolist() == [12, 12]
    assert runs.groupby("data")["test_to_train"].first().round(4).tolist() == [0, 0.1253]
    return dict(list(runs.groupby("data")))


def compared(rows, baseline, losses, metrics):
    rows = rows[rows["loss"].isin([baseline, *losses])]
    shared = rows["test_to_train"].iloc[0]
    found = paired_differences(rows, metrics, baseline=baseline, test_to_train=shared)
    return found.set_index(["loss", "metric"])


def test_what_notebook_06_says_of_the_controls(controls):
    arms, metrics = ["SGEMD2", "given", "shuffled"], ["AEM", "MAE", "RPS"]
    ages = compared(controls["ages"], "constant", arms, metrics)["verdict"]
    better = {("given", "MAE"), ("given", "RPS"), ("SGEMD2", "RPS")}
    assert set(ages.index[ages == "better"]) == better
    assert not (ages == "worse").any()
    found = compared(controls["digits"], "constant", arms, metrics)
    assert set(found["verdict"]) == {"undecided"}
    losses = ["XEMD2", "constant", *arms]
    to_xe = compared(controls["ages"], "XE", losses, ["AEM", "RPS"])["verdict"].unstack()
    assert set(to_xe.loc[["constant", *arms], "RPS"]) == {"worse"}
    assert to_xe.loc["XEMD2", "RPS"] == "better"
    assert "better" not in set(to_xe["AEM"])
    digits = compared(controls["digits"], "XE", losses, ["AEM", "RPS"])
    assert set(digits.index[digits["verdict"] != "undecided"]) == {("XEMD2", "AEM")}
    assert digits.loc[("XEMD2", "AEM"), "difference"] < -3
    assert -1.1 < digits.loc[("given", "AEM"), "low"] < 0
    ours = compared(controls["ages"], "given", ["SGEMD2"], ["RPS"])  # "less" of the take-aways
    assert ours.loc[("SGEMD2", "RPS"), "difference"] > 0


def test_what_notebook_08_says_of_the_race():
    runs = pd.read_csv(ROOT / "docs" / "results" / "race_of_losses.csv")
    metrics, found, naive = ["AEM", "MAE", "RPS"], {}, {}
    for name, rows in runs.groupby("data"):
        shared = rows["test_to_train"].unique().item()
        assert shared == pytest.approx({"faces": 793 / 4000}.get(name, 1 / 8))
        for told, ratio in ((found, shared), (naive, None)):
            differences = paired_differences(rows, metrics, test_to_train=ratio)
            differences = differences[differences["metric"] == "RPS"]
            told[name] = differences.set_index("loss")["verdict"]
    table = pd.DataFrame(found)
    assert not (table == "better").any(axis=None)
    behind = {"EMD", "SORD", "binomial", "hinge-WW"}
    assert set(table.index[(table == "worse").all(axis=1)]) == behind
    assert set(table.index[table["faces"] == "worse"]) == behind | {"EMD2", "OLL", "CDW-CE", "CORN"}
    assert naive["LEV"]["XEMD2"] == "better"
    assert naive["faces"]["XEMD2"] == "worse"
    rates = runs.pivot_table(index="loss", columns="data", values="learning_rate")
    apart = np.log10(rates["LEV"] / rates["SWD"]).abs()
    assert (apart >= 1).sum() > 1  # "differ between LEV and SWD by a factor of ten or more"
    assert {"XEMD2"} == {loss for told in naive.values() for loss in told.index[told == "better"]}


def older_verdicts(data):
    """(loss, metric) -> "better", "worse" or "undecided", as docs/RESULTS.md words them."""
    page = (ROOT / "docs" / "RESULTS.md").read_text(encoding="utf-8")
    part = page.split(f"<!-- {data} -->")[1].split(f"<!-- end {data} -->")[0]
    words = {"better than XE": "better", "worse than XE": "worse", "told from": "undecided"}
    found = {}
    for line in part.splitlines():
        metric, _, told = line.removeprefix("- ").partition(" (")
        for piece in told.split(";") if line.startswith("- ") else ():
            verdict = next((verdict for text, verdict in words.items() if text in piece), None)
            named = re.sub(r"\([^)]*\)", "", piece.partition("):")[2] or piece)
            for loss in re.split(r",| and | are | is | cannot ", named):
                found[loss.strip(), metric] = verdict
    return found


def test_what_the_page_says_of_the_older_runs():
    faces = older_verdicts("utkface")
    metrics = ["AEM", "AEO", "MAE", "RPS", "QWK"]

    def told(loss, verdict):
        return {metric for metric in metrics if faces[loss, metric] == verdict}

    assert told("EMD²", "worse") == {"AEM", "MAE"}
    assert told("EMD²", "undecided") == {"AEO", "RPS", "QWK"}
    assert len(told("XE + EMD²", "better")) == 3
    assert len(told("XE + learned EMD²", "better")) == 4
    assert told("XE + learned EMD²", "worse") == {"RPS"}
    assert (faces["AEMD", "AEO"], faces["AEMD", "AEM"]) == ("better", "worse")
    drawn = older_verdicts("synthetic_faces")
    assert drawn["XE + EMD²", "EMD to truth"] == drawn["XE + EMD²", "EMD² to truth"] == "better"
    assert drawn["EMD²", "EMD² to truth"] == "undecided"
    assert drawn["EMD²", "EMD to truth"] == drawn["EMD²", "KL to truth"] == "worse"


def test_what_the_page_says_of_the_network_that_is_tuned_whole():
    folder = ROOT / "docs" / "results" / "map"
    about = json.loads((folder / "faces-tuned.json").read_bytes())
    assert (about["runs"], round(about["processor seconds"] / 60)) == (93, 82)
    rps = pd.read_csv(folder / "faces-tuned.csv").pivot(index="seed", columns="loss", values="RPS")
    assert len(rps) == 5
    assert (rps["EMD2"] < rps["XE"]).all()
    assert stats.ttest_rel(rps["EMD2"], rps["XE"]).pvalue > 0.05, "even before it is adjusted"


@pytest.mark.parametrize("power", [1.5, 3])
def test_what_notebook_08_says_of_exponents(power):
    t = np.array([0.1, 0.2, 0.4, 0.2, 0.1])
    cdf = t.cumsum()[:-1]
    odds = (cdf / (1 - cdf)) ** (1 / (power - 1))
    best = np.diff([0, *(odds / (1 + odds)), 1])
    np.testing.assert_allclose(minimiser(zoo.load(f"EMD{power:g}"), t), best, atol=2e-3)
    if power < 2:  # "sharpens"
        assert best[2] > t[2]
        assert (best[[0, 4]] < t[[0, 4]]).all()
    else:  # "moves probability to both ends of the scale"
        assert (best[[0, 4]] > t[[0, 4]]).all()
        assert best[1] < best[0]


def test_soft_labels_blur_and_may_narrow():
    """So notebook 08 does not call their best answers wider."""
    apart = abs(np.subtract.outer(range(5), range(5)))
    soft = np.exp(-apart) / np.exp(-apart).sum(axis=1, keepdims=True)
    sord, certain, torn = zoo.load("SORD"), np.eye(5)[2], np.array([0.5, 0, 0, 0, 0.5])
    np.testing.assert_allclose(minimiser(sord, certain), soft[2], atol=2e-3)
    np.testing.assert_allclose(minimiser(sord, torn), torn @ soft, atol=2e-3)
    assert spread(torn @ soft) < spread(torn)


def test_what_notebook_08_says_of_families():
    facts = pd.DataFrame({name: zoo.properties(name) for name in zoo.names()}).T
    family = pd.Series({name: zoo.load(name).family for name in zoo.names()})
    assert (len(family), family.nunique()) == (40, 8)  # "some forty losses", "in eight families"
    proper = facts.index[facts["proper"].str.startswith("strictly proper")]
    assert {"XE", "Brier", "EMD2", "XEMD2"} <= set(proper)
    thresholds = set(family.index[family == "thresholds"])
    assert thresholds - set(proper) == {"ECOC"}  # "most thresholds" are proper, and push on
    assert not facts.loc[sorted(thresholds - {"ECOC"}), "saturates"].any()
    distances = facts.loc[family == "distances of CDFs", "saturates"]
    assert set(distances.index[~distances.astype(bool)]) == {"XEMD2", "SGEMD2"}
    assert set(facts.loc[family == "hinges", "proper"]) == {"no probabilities"}


def test_the_papers_have_their_years():
    for path in ("CITATION.cff", "docs/CLAIMS.md", "README.md"):
        text = (ROOT / path).read_text(encoding="utf-8")
        for later in re.findall(r"(\d{4}),? arXiv 1611\.05916", text):
            assert later == "2016", path
    first, second = re.findall(r"year: (\d+)", (ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert (first, second) == ("2017", "2016")
