"""A report: its numbers are computed here once more, in other ways."""

import base64
import dataclasses
import re
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from scipy import stats

from emdviz import plots, report
from emdviz.losses.loss import look_of
from emdviz.palette import contrast
from emdviz.plots.style import style
from emdviz.report.findings import Findings
from emdviz.report.words import answer, unsaid, warnings_of
from tests.reports import HOSTILE, compare, hostile_table, lecturers

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    return compare(lecturers(ROOT), tmp_path_factory.mktemp("lev"))


@pytest.fixture(scope="module")
def written(compared):
    return report.write(compared)


@pytest.fixture(scope="module")
def page(written):
    return BeautifulSoup(written.path.read_text(encoding="utf-8"), "html.parser")


def table_of(page, section, place=0):
    """Return a table of a section as a list of dicts, heading -> cell."""
    found = page.select(f"section[aria-labelledby={section}] table")[place]

    def texts(cells):
        return [cell.get_text().replace("\N{NO-BREAK SPACE}%", " %") for cell in cells]

    names = texts(found.select("thead th"))
    rows = [texts(row.select("th, td")) for row in found.select("tbody tr")]
    return [dict(zip(names, row, strict=True)) for row in rows]


def numbers_in(text):
    return [float(part) for part in re.findall(r"[-+]?\d+\.?\d*", text.replace("−", "-"))]


def values(table, loss, metric):
    return table.loc[table["loss"] == loss, f"test {metric}"].to_numpy(float)


def test_means_are_those_of_the_runs_with_intervals_of_student(compared, page):
    rows = table_of(page, "means")
    assert [row["loss"] for row in rows] == ["XE", "REG", "EMD²"]
    for loss, row in zip(("XE", "REG", "EMD2"), rows, strict=True):
        for metric, digits in (("RPS", 3), ("MAE", 3), ("macro MAE", 3), ("AEM", 1)):
            name = next(name for name in row if name.startswith(metric))
            own = values(compared.table, loss, metric)
            error = np.sqrt((1 / 6 + 100 / 800) * own.var(ddof=1))  # Nadeau and Bengio 2003
            low, high = stats.t.interval(0.95, len(own) - 1, own.mean(), error)
            told = numbers_in(row[name])
            assert told == pytest.approx([own.mean(), (high - low) / 2], abs=0.51 * 10**-digits)


def test_differences_are_paired_and_adjusted_for_their_number(compared, page):
    rows = table_of(page, "means", 1)
    tests = []
    for row in rows:
        loss = {"REG": "REG", "EMD²": "EMD2"}[row["loss"]]
        metric = re.match(r"macro MAE|\w+", row["metric"])[0]
        digits = 1 if metric == "AEM" else 3
        pair = values(compared.table, loss, metric), values(compared.table, "XE", metric)
        apart = pair[0] - pair[1]
        error = np.sqrt((1 / 6 + 100 / 800) * np.var(apart, ddof=1))  # Nadeau and Bengio 2003
        told = numbers_in(row["difference"]) + numbers_in(row["95 % interval"])
        expected = [np.mean(apart), *stats.t.interval(0.95, 5, np.mean(apart), error)]
        assert told == pytest.approx(expected, abs=0.51 * 10**-digits), row
        p = 2 * stats.t.sf(abs(np.mean(apart)) / error, 5)
        tests.append((p, row, expected[0], metric))
    tests.sort(key=lambda test: test[0])
    adjusted = 0
    for k, (p, row, difference, metric) in enumerate(tests):  # Holm, step by step
        adjusted = min(1, max(adjusted, (len(tests) - k) * p))
        told = row["p, adjusted"]
        assert (
            (adjusted < 0.001)
            if told == "< 0.001"
            else float(told) == pytest.approx(adjusted, abs=0.006)
        )
        better = (difference > 0) == (metric == "AEM")
        assert row["verdict"] == (
            "undecided" if adjusted > 0.05 else "better" if better else "worse"
        )


def test_only_what_stands_has_a_colour(compared, written):
    found = Findings.of(compared)
    for row in found.differences.itertuples():
        svg = written.path.parent / "figures" / f"difference_{row.metric.replace(' ', '_')}.svg"
        text = svg.read_text(encoding="utf-8")
        colour = look_of(row.loss).colour.lower()
        lines = re.findall(r'<g id="line2d_\d+">\s*<path d="[^"]*"[^>]*stroke: (#\w{6})', text)
        assert (colour in lines) == (row.verdict != "undecided"), row


def test_text_of_dark_figures_can_be_read(page):
    paper, seen = "#16191d", 0
    for source in page.select(".report-figures source"):
        svg = ElementTree.fromstring(base64.b64decode(source["srcset"].partition("base64,")[2]))
        for one in svg.iter("{http://www.w3.org/2000/svg}text"):
            of_its_own = re.search(r"fill: (#[0-9a-f]{6})", one.get("style", ""))
            colour = of_its_own[1] if of_its_own else svg.get("fill")
            assert contrast(colour, paper) >= 4.5, one.text
            seen += 1
    assert seen > 20


def test_no_curve_runs_through_a_name(compared):
    curves = {k: one["curve"] for k, one in Findings.of(compared).calibration.items()}
    with style("print"):
        figure = Figure(figsize=(3.4, 2.7), layout="constrained")
        ax = plots.plot_reliability(curves, ax=figure.subplots())
        figure.draw_without_rendering()
    legends = [child for child in ax.get_children() if isinstance(child, Legend)]
    names = [*ax.texts, *(text for legend in legends for text in legend.get_texts())]
    assert {"calibrated", "XE", "EMD²"} <= {name.get_text() for name in names}
    for line in ax.lines:
        drawn = line.get_transform().transform_path(line.get_path())
        for name in names:
            room = name.get_window_extent()
            assert not drawn.intersects_bbox(room, filled=False), (line, name)


@pytest.mark.slow
def test_errors_by_class_are_means_over_the_test_rows_of_a_class(compared, page):
    rows = table_of(page, "classes")
    for k, row in enumerate(rows):
        for loss, name in (("XE", "XE"), ("REG", "REG"), ("EMD2", "EMD²")):
            errors = []
            for seed in range(6):
                test = compared.predictions(loss, seed)["test"]
                errors += [
                    abs(int(said) - k)
                    for said, label in zip(test["classes"], test["labels"], strict=True)
                    if label == k
                ]
            assert float(row[name]) == pytest.approx(np.mean(errors), abs=0.00051)
        assert float(row["rows"]) == pytest.approx(len(errors) / 6, abs=0.51)


def test_the_share_of_labels_in_90_percent_intervals_is_counted(compared, page):
    rows = table_of(page, "calibration")
    assert [row["loss"] for row in rows] == ["XE", "EMD²"]
    for loss, row in zip(("XE", "EMD2"), rows, strict=True):
        inside, widths = [], []
        for seed in range(6):
            test = compared.predictions(loss, seed)["test"]
            for p, label in zip(test["probabilities"].astype(float), test["labels"], strict=True):
                cdf = np.cumsum(p / p.sum())
                low = next(k for k in range(5) if cdf[k] >= 0.05 - 1e-9)
                high = next(k for k in range(5) if cdf[k] >= 0.95 - 1e-9)
                inside.append(low <= label <= high)
                widths.append(high - low)
        told = numbers_in(row["label inside the 90 % interval"])
        assert told == pytest.approx([100 * np.mean(inside)], abs=0.06)
        assert float(row["width (class steps)"]) == pytest.approx(np.mean(widths), abs=0.06)
    text = page.select_one("section[aria-labelledby=calibration] p").get_text()
    assert "REG is left out: no distribution is predicted" in text


def test_the_examples_are_those_on_which_the_losses_differ_most(compared, page):
    one, other = (compared.predictions(loss, 0)["test"] for loss in ("XE", "EMD2"))
    steps = np.arange(5)
    distances = [
        stats.wasserstein_distance(steps, steps, p / p.sum(), q / q.sum())
        for p, q in zip(*(run["probabilities"].astype(float) for run in (one, other)), strict=True)
    ]
    shown = page.select(".report-examples > li")
    assert len(shown) == 6
    lines = [int(item.h3.get_text().removeprefix("Line ")) for item in shown]
    place = {int(line): k for k, line in enumerate(compared.data.frame.index[one["index"]])}
    told = [distances[place[line]] for line in lines]
    distinct = sorted({round(d, 4) for d in distances}, reverse=True)[:6]
    assert sorted({round(d, 4) for d in told}, reverse=True)[0] == distinct[0]
    assert told == sorted(told, reverse=True)
    source = (ROOT / "data" / "lev.csv").read_text().splitlines()
    for line, item in zip(lines, shown, strict=True):
        names, cells = (source[k - 1].split(",") for k in (1, line))
        row = dict(zip(names, cells, strict=True))
        label = row.pop("rating")
        cells = {dt.get_text(): dt.find_next("dd").get_text() for dt in item.select("dl dt")}
        assert cells == row
        assert item.select_one(".report-input strong").get_text() == label


def test_the_page_says_what_was_read_and_how_to_repeat_it(compared, page):
    text = page.get_text(" ")
    counts = table_of(page, "data")
    for name, row in zip(compared.data.classes, counts, strict=False):
        labels = compared.data.labels.numpy()
        assert int(row["all"]) == sum(labels == compared.data.classes.index(name)), row
    for note in compared.data.notes:
        assert note in text
    assert page.code.get_text() == compared.command
    assert compared.table["versions"].iloc[0] in text
    assert compared.table["data"].iloc[0] in text


@pytest.mark.slow
def test_two_reports_on_one_comparison_are_equal_to_the_byte(compared, written, tmp_path):
    other = report.write(compared, tmp_path / "new" / "folder")
    files = [path.relative_to(tmp_path / "new" / "folder") for path in other.path.parent.rglob("*")]
    assert {"report.html", "results.csv", "summary.tex"} < {str(path) for path in files}
    for path in files:
        if (written.path.parent / path).is_file():
            same = (other.path.parent / path).read_bytes() == (
                written.path.parent / path
            ).read_bytes()
            assert same, path


def test_files_beside_the_page_hold_the_same_numbers(compared, written, page):
    folder = written.path.parent
    frame = pd.read_csv(folder / "results.csv")
    assert frame["test RPS"].to_numpy() == pytest.approx(compared.table["test RPS"].to_numpy())
    latex = (folder / "summary.tex").read_text(encoding="utf-8")
    for row in table_of(page, "means"):
        for cell in list(row.values())[1:]:
            in_latex = cell.replace("\N{NO-BREAK SPACE}", "~").replace("±", r"$\pm$")
            assert in_latex.replace("–", "--") in latex
    assert latex.isascii(), "pdflatex knows no others"
    for path in (folder / "figures").glob("*.svg"):
        assert "<text" in path.read_text(encoding="utf-8")


def test_a_notebook_shows_the_page_in_a_frame(written):
    frame = BeautifulSoup(written._repr_html_(), "html.parser").iframe
    page = frame["srcdoc"].replace("about:srcdoc#warnings", "#warnings")
    assert page == written.path.read_text(encoding="utf-8")
    assert Path(written) == written.path


def made_up(differences, *, seeds=10, spread=0.001, resplit=True, **more):
    """Return a comparison with these differences of RPS to XE, and no predictions."""
    rng, rows = np.random.default_rng(0), []
    for seed in range(seeds):
        base = rng.normal(0.4, 0.02)
        for loss, difference in {"XE": 0.0, **differences}.items():
            noise = 0.0 if loss == "XE" else rng.normal(0, spread)
            rps = base + difference + noise
            row = {"loss": loss, "seed": seed, "error": "", "network": "mlp", "learning_rate": 0.1}
            row |= {"dataset seed": seed if resplit else 0, "dataset": "tea"}
            rows.append(row | {"test RPS": rps, "test MAE": rps, "valid RPS": rps})
    table = pd.DataFrame(rows)
    splits = {"train": range(600), "valid": range(200), "test": range(200)}
    data = SimpleNamespace(name="tea", classes=["weak", "strong"], splits=splits, votes=None)
    best = table.groupby("loss")["valid RPS"].mean().idxmin()
    facts = {"table": table, "data": data, "baselines": None, "backbone": None}
    facts |= {"best": lambda: best}
    return SimpleNamespace(**(facts | more))


def test_the_answer_says_which_loss_is_better_and_by_how_much():
    first, second = answer(Findings.of(made_up({"EMD2": -0.03, "REG": 0.0})))
    assert first.startswith("On 10 random splits of tea, measured by the RPS, ")
    assert re.search(r"EMD² is better than XE \(by 0\.0(29|30|31), 95 % interval 0\.0", first)
    assert first.endswith("REG cannot be told from XE.")
    assert second == (
        "In MAE: EMD² is better than XE in MAE; 1 of 2 differences in these may be chance."
    )
    first, _ = answer(Findings.of(made_up({"EMD2": 0.03, "REG": 0.05})))
    assert re.search(r"EMD² \(by .*\) and REG \(by .*\) are worse than XE\.$", first)
    first, second = answer(Findings.of(made_up({"EMD2": 0.0}, spread=0.01)))
    assert first.endswith("EMD² cannot be told from XE.")
    assert second == "In MAE, no loss can be told from XE."


def test_the_answer_does_not_judge_by_four_runs():
    first, second = answer(Findings.of(made_up({"EMD2": -0.03}, seeds=4)))
    assert first == ("4 runs of each loss are too few to tell any loss from XE: 5 are the least.")
    assert "EMD² has the lowest validation RPS, which may be chance" in second


def test_one_loss_is_compared_with_nothing():
    first, second = answer(Findings.of(made_up({})))
    assert first == "Only XE was trained, so that nothing was compared."
    assert second.startswith("Its RPS on 10 random splits is 0.")


def test_frozen_features_are_told_with_the_network():
    told = unsaid(Findings.of(made_up({"EMD2": 0.0}, backbone="efficientnet_lite0")))
    assert told[-1].startswith(
        "What another network than mlp on features of efficientnet_lite0 would show"
    )


def test_a_metric_that_is_zero_in_all_runs_is_told():
    faultless = made_up({})
    faultless.table[["test RPS", "test MAE"]] = 0.0
    found = Findings.of(faultless)
    assert [metric for metric, part in found.summary if part == "mean"] == ["RPS", "MAE"]
    assert answer(found)[1] == "Its RPS on 10 random splits is 0.000."


def test_one_test_set_is_said_to_be_one():
    found = Findings.of(made_up({"EMD2": 0.03}, resplit=False))
    assert answer(found)[0].startswith("On 10 seeds on one test set of tea")
    assert any("all runs share one split" in text for text in unsaid(found))


@pytest.mark.parametrize("others", [("EMD2",), ("EMD2", "EMD", "XEMD2")])
def test_the_least_difference_that_would_be_seen_has_that_chance(others):
    found = Findings.of(made_up(dict.fromkeys(others, 0.0), spread=0.01))
    table = found.done.pivot_table(index="seed", columns="loss", values="test RPS")
    deviation = np.median([(table[loss] - table["XE"]).std() for loss in others])
    level = 0.05 / (2 * len(others))  # comparisons in RPS and in MAE
    shift = found.detectable["RPS"] / deviation / np.sqrt(1 / 10 + 200 / 600)
    edge = stats.t.ppf(1 - level / 2, 9)
    power = stats.nct.sf(edge, 9, shift) + stats.nct.cdf(-edge, 9, shift)
    assert power == pytest.approx(0.8, abs=1e-6)
    assert f"{found.detectable['RPS']:.3f} in RPS" in unsaid(found)[0]


def test_splits_that_share_rows_widen_intervals_as_nadeau_and_bengio_have_it():
    comparison = made_up({"EMD2": 0.01, "REG": 0.05}, spread=0.01)
    found = Findings.of(comparison)
    table = found.done.pivot_table(index="seed", columns="loss", values="test RPS")
    p = {}
    for loss in ("EMD2", "REG"):
        pairs = table[loss] - table["XE"]
        t = pairs.mean() / np.sqrt(pairs.var() * (1 / 10 + 200 / 600))
        p[loss] = 2 * stats.t.sf(abs(t), 9)
    got = found.differences[found.differences["metric"] == "RPS"].set_index("loss")
    assert got["p"].to_dict() == pytest.approx(p)
    assert 4 * p["REG"] < 0.05 < p["EMD2"], "the example must tell the two apart"
    assert got["verdict"].to_dict() == {"EMD2": "undecided", "REG": "worse"}


def test_a_test_set_that_is_too_small_is_reported_with_the_rows_it_takes(compared):
    found = Findings.of(compared)
    needed = found.needed
    if needed is None:
        pytest.skip("all differences stand")
    scores = {}
    for loss in ("XE", needed["loss"]):
        for seed in range(6):
            test = compared.predictions(loss, seed)["test"]
            steps = np.arange(5)
            if "probabilities" in test:
                p = test["probabilities"].astype(float)
                cdf = np.cumsum(p / p.sum(axis=1, keepdims=True), axis=1)
            else:
                cdf = (steps >= test["classes"][:, None]).astype(float)
            truth = steps >= test["labels"][:, None]
            scores.setdefault(loss, []).extend(((cdf - truth)[:, :-1] ** 2).sum(axis=1))
    apart = np.std(np.subtract(scores[needed["loss"]], scores["XE"]), ddof=1)
    level = 0.05 / len(found.differences)
    normal = stats.norm.ppf(1 - level / 2) + stats.norm.ppf(0.8)
    assert needed["examples"] == pytest.approx(
        (normal * apart / needed["difference"]) ** 2, rel=0.05
    )
    told = dict(warnings_of(found))
    text = next(text for heading, text in told.items() if "too small" in heading)
    digits = len(str(needed["examples"]))
    assert f"{round(needed['examples'], 2 - digits):,} rows" in text, "two digits are known"


@pytest.mark.slow
def test_classes_that_are_rare_or_never_predicted_are_reported(compared):
    told = dict(warnings_of(Findings.of(compared)))
    seen = {loss: set() for loss in ("XE", "REG", "EMD2")}
    for loss, classes in seen.items():
        for seed in range(6):
            classes |= set(compared.predictions(loss, seed)["test"]["classes"].tolist())
    never = {look_of(k).label: sorted(set(range(5)) - v) for k, v in seen.items()}
    headings = " ".join(told)
    for name, classes in never.items():
        for k in classes:
            said = [h for h in told if re.search(rf"predicts? class(es)? .*\b{k + 1}\b", h)]
            assert any(name in re.split(" and |, | never", h) or h.startswith("No") for h in said)
    assert any(never.values()), "nothing was tested"
    assert "Few test rows in 2 of 5 classes" in headings  # of 1,000: 93 and 27
    few = next(text for heading, text in told.items() if heading.startswith("Few test rows"))
    assert re.search(r"a test set: classes 1 \(\d\) and 5 \(\d\)\.", few)


def test_a_simple_model_that_is_far_better_comes_first(compared):
    runs = compared.table[compared.table["loss"] == compared.best()]
    simple = runs[["seed", "test RPS", "test MAE", "test AEM"]].copy()
    simple["test RPS"] *= 0.8
    close = simple.assign(**{"test RPS": runs["test RPS"] * 0.99})
    frames = [simple.assign(baseline="trees"), close.assign(baseline="logistic")]
    found = Findings.of(dataclasses.replace(compared, baselines=pd.concat(frames)))
    assert found.far_better == {"trees": pytest.approx(0.2)}
    heading, text = next(warnings_of(found))
    assert heading == "trees beats the networks by far"
    assert "lower by 20 %" in text


@pytest.mark.slow
def test_a_comparison_has_its_page_and_writes_it_anew_only_where_it_is_gone(compared):
    page = compared.folder / "report.html"
    page.write_text("seen", encoding="utf-8")
    assert compared.report.path == page
    assert page.read_text(encoding="utf-8") == "seen"
    page.unlink()
    assert "<h1" in compared.report.path.read_text(encoding="utf-8")


@pytest.mark.slow
def test_names_stay_text_in_the_page_and_in_latex(tmp_path):
    data = hostile_table(tmp_path)
    comparison = compare(data, tmp_path / "runs", ("XE", "EMD2"), seeds=2, epochs=1)
    comparison = dataclasses.replace(comparison, notes=HOSTILE, command=f"compare {HOSTILE[1]}")
    written = report.write(comparison)
    page = BeautifulSoup(written.path.read_text(encoding="utf-8"), "html.parser")
    assert page.h1.get_text() == f"Which loss for {data.name}?"
    assert page.select("img[src=x], [onerror], [onload]") == []
    assert len(page.select("script")) == 1
    rows = table_of(page, "data")
    assert [row["class"] for row in rows[:-1]] == HOSTILE
    latex = (tmp_path / "runs" / "summary.tex").read_text(encoding="utf-8")
    assert r"\$x\_1\$ \& $<$svg onload=alert(1)$>$.csv" in latex
    assert not re.search(r"(?<!\\)[%#_&](?!.*\\\\)", latex)


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        ("runs/wine", TypeError, "comparison must be what comparing.compare or comparing.load"),
        ("unfinished", ValueError, "must have a finished run, got none"),
    ],
)
def test_what_is_no_finished_comparison_is_refused(compared, given, error, text):
    if given == "unfinished":
        table = compared.table.assign(error="no longer finite")
        given = dataclasses.replace(compared, table=table)
    with pytest.raises(error, match=text):
        report.write(given)
