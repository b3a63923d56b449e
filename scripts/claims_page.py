"""Write docs/CLAIMS.md: what the two papers claim, what holds, and where it is shown.

Run ``python scripts/claims_page.py``. Every number is computed here, or read from stored results.
"""

import argparse
import json
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT)]

from emdviz import emd, emd2, ground_distance, one_hot, published  # noqa: E402
from emdviz.experiments import mapping  # noqa: E402
from emdviz.experiments.regimes import REGIMES  # noqa: E402
from emdviz.losses.descent import descend  # noqa: E402
from emdviz.metrics import METRICS  # noqa: E402
from emdviz.site.steps import measured  # noqa: E402
from emdviz.training import paired_differences  # noqa: E402
from emdviz.transport import exact_cost  # noqa: E402
from scripts import map as map_page  # noqa: E402

PAGE = ROOT / "docs" / "CLAIMS.md"
CONTROLS = ROOT / "docs" / "results" / "controls.csv"
BENCHMARKS = ROOT / "docs" / "BENCHMARKS.md"
MOST_NAMES = 4
"""Regimes that are named; of more, their number is told."""
SPEARMAN_IMAGES = 1000

INTRO = """# What the papers claim, and what holds

The claims of two papers by L. Hou, C.-P. Yu and D. Samaras, in our words: *Squared Earth Mover's
Distance Loss for Training Deep Neural Networks on Ordered-Classes*, 2017, and the earlier *Squared
Earth Mover's Distance-based Loss for Training Deep Neural Networks*, 2016, arXiv 1611.05916, of
which only the abstract and a summary were at hand. `scripts/claims_page.py` writes this page and
computes its numbers, or reads them from stored results. *Open* means that what is printed cannot
decide it, or that our runs are too small to.

*The map* compares losses in {regimes} regimes, kinds of data and of training;
[RESULTS.md](RESULTS.md) has its rules and all its numbers. A loss counts as better or worse where
the difference stands after adjustment for all comparisons of the map (Holm): in AEO, which the map
leaves aside, for all in that metric; of the learned against the given distance, for all regimes.
In the other regimes the two cannot be told apart, which does not make them equal.
"""


@dataclass(frozen=True)
class Claim:
    """A claim, a verdict on it, and the place of its evidence.

    ``tests`` are ``file::name`` or ``file::Class::name`` in tests/, ``cells`` pairs of a notebook's
    number and text of a cell in it, ``steps`` names of steps of the tour, ``pages`` files in docs/.
    """

    says: str
    verdict: str
    holds: str
    tests: tuple = ()
    cells: tuple = ()
    steps: tuple = ()
    pages: tuple = ()


def of_2017():
    """Return the claims of the paper of 2017, in its order."""
    least, most = equal_cross_entropy()
    error = closed_form_error()
    p, t = np.array([0.5, 0.0, 0.5]), one_hot(2, 3)
    squares = exact_cost(p, t, cost=ground_distance.line(3) ** 2)
    push = [descend("XE", p, 0).gradients[0] for p in ([0.4, 0.6, 0.0], [0.4, 0.0, 0.6])]
    ends = convergence()
    ahead, columns, doubtful = gains()
    regression = against_cross_entropy("REG")
    step, alone = costs()
    age, groups, aesthetics = (state_of_the_art(number) for number in (1, 2, 3))
    rho = spearman_gains()
    faces = measured()["rows"]
    yield Claim(
        "Two predictions with equal cross-entropy can differ in worth (section 1, Figure 1)",
        "holds",
        f"with 0.4 on the fifth of eight classes, EMD² goes from {least:.2f} to {most:.2f}",
        tests=("test_distances.py::test_equal_cross_entropy_leaves_emd2_this_range",),
        cells=((1, "best = np.array([0, 0, 0, m / 2, 0.4"),),
        steps=("two-answers", "blind-spot"),
    )
    yield Claim(
        "Training with cross-entropy depends on the true class's probability alone (section 2)",
        "in part",
        "its value does; its gradient on the logits is p − t, for p = (0.4, 0.6, 0) and (0.4, 0, "
        f"0.6) it is {vector(push[0])} and {vector(push[1])}",
        tests=("test_descent.py::test_gradients_are_those_of_the_losses_that_train",),
        cells=((3, "Its gradient is $\\mathbf{p} - \\mathbf{t}$"),),
    )
    yield Claim(
        "Nearer classes should get more probability (section 2)",
        "in part",
        "EMD² is least at the label distribution t itself, also where t has two humps; it rewards "
        "nearness among wrong answers",
        tests=("test_distances.py::TestProperties::test_emd2_is_a_strictly_proper_score",),
        cells=((3, "## Why: a proof in six lines"),),
        steps=("many-opinions",),
    )
    yield Claim(
        "The EMD of ordered classes has an exact closed form (section 2.2)",
        "holds for l = 1",
        f"200 pairs differ from POT's solver by less than {error}",
        tests=("test_distances.py::TestAgainstOracles::test_emd_is_the_optimal_transport_cost",),
        cells=((2, "differences.append(emd(a, b) - ot.emd2"),),
        steps=("earth", "exact-transport"),
    )
    yield Claim(
        "So has it with the l-norm, of which l = 2 is taken (section 2.2)",
        "does not hold",
        f"half the mass two classes off: E_E = {emd2(p, t):g}, W₂² = {squares:g}, the square of "
        f"the EMD {emd(p, t) ** 2:g}; E_E is the Cramér distance, a proper score",
        tests=(
            "test_distances.py::test_the_papers_identity_fails_for_squares",
            "test_distances.py::TestAgainstOracles::test_emd2_is_half_the_squared_energy_distance",
        ),
        cells=((2, "W2_squared = transport.exact_cost(a, b"),),
        steps=("squares",),
    )
    yield Claim(
        "EMD² converges faster than EMD (section 1)",
        "depends on what is learned",
        f"a known t: after 200 steps, each loss with the best of three rates, EMD² is "
        f"{ends['EMD2']:.4f} class steps away and EMD {ends['EMD']:.4f}; one certain "
        "label, at one small rate: EMD is faster, but for a near miss; networks on the map: "
        f"{near_cross_entropy()}",
        tests=(
            "test_descent.py::test_emd_stops_short_of_a_distribution_and_squared_emd_goes_on",
            "test_descent.py::test_from_a_near_miss_emd_first_makes_things_worse",
        ),
        cells=((3, "def steps_needed(loss, start, rate)"), (3, "for rate, width in {0.1: 1")),
        pages=("RESULTS.md",),
    )
    yield Claim(
        "EMD² trains better networks than cross-entropy (sections 1 and 3)",
        "open",
        f"printed: more exact matches in {ahead} of {columns} columns, behind in "
        f"{columns - ahead}, each without a spread; here, a small network on UTKFace: "
        f"{faces['EMD²']['AEM']} % against {faces['XE']['AEM']} %; on the map EMD² is "
        f"{on_the_map('EMD2', ('AEM', 'AEO', 'RPS'))}",
        tests=("test_published.py::TestTables::test_every_cell_is_the_paper_s",),
        cells=((7, "draw_gains(whiskers={})"), (4, "race.start()")),
        steps=("it-depends",),
        pages=("RESULTS.md",),
    )
    yield Claim(
        "It does so on Images of Groups in most cases (Table 2)",
        "open",
        f"of its 3 gains in exact matches {doubtful} are below two standard errors of 1,000 faces",
        cells=((7, "draw_gains({number: 2 * values"),),
        tests=("test_published.py::TestTables::test_every_cell_is_the_paper_s",),
    )
    yield Claim(
        "It does so significantly on AADB (Table 3)",
        "open",
        "no test or interval is printed; the gains in ρ over cross-entropy are "
        f"{listed(f'{value:.1f}' for value in rho)} standard errors, with the 1,000 images of both "
        "taken as independent, which is cautious; the map has no ρ",
        cells=((7, "Spearman's ρ"),),
        tests=("test_published.py::test_winners_are_those_that_the_paper_speaks_of",),
    )
    yield Claim(
        "L2 regression has few exact matches, for it is sensitive to outliers (section 3)",
        "first half holds",
        f"printed: fewer than cross-entropy in {regression['AEM'][0]} of {columns} columns, but "
        f"more matches within one class in {regression['AEO'][1]}; on the map REG is "
        f"{on_the_map('REG', ('AEM', 'AEO'))}; its reason is not tested",
        tests=("test_published.py::TestTables::test_every_cell_is_the_paper_s",),
        cells=((7, "Count for any: `wins(loss, metric)`"),),
    )
    yield Claim(
        "It is the state of the art, on Adience without further faces to train on (section 3)",
        "in part",
        f"printed best of EMD² and of others: Adience {age}; Images of Groups {groups}; AADB "
        f"{aesthetics}, where the others use labels of attributes too",
        tests=("test_published.py::TestTables::test_every_result_of_others_is_the_paper_s",),
        cells=((7, "What others had reached"),),
    )
    yield Claim(
        "A training step takes less than 10 % longer than with cross-entropy (section 3)",
        "holds, here",
        f"{step} of its step with a small network on a CPU; the loss alone takes {alone} of "
        "cross-entropy",
        pages=("BENCHMARKS.md",),
    )
    yield Claim(
        "AEMD, the baseline, approximates the EMD by 100 scalings (sections 1 and 3)",
        "not for one label each",
        "there is one plan then, and no scaling is needed; if its gradient is that of Frogner et "
        "al., it differs by its entropy and its D",
        tests=(
            "test_entropic.py::test_class_indices_need_no_scalings",
            "test_entropic.py::test_the_linear_part_is_the_emd_for_every_lam",
        ),
        cells=((5, "## One true class: nothing to approximate"),),
    )


def of_2016():
    """Return the claims of the earlier paper."""
    rows = {name: part for name, part in pd.read_csv(CONTROLS).groupby("data")}
    faces = measured()["rows"]
    seeds = rows["ages"]["seed"].nunique()
    given = difference(rows["ages"], "given", "constant", "RPS")
    learned = difference(rows["ages"], "SGEMD2", "constant", "RPS")
    apart = difference(rows["ages"], "SGEMD2", "given", "RPS")
    gain = difference(rows["ages"], "SGEMD2", "XE", "AEM")
    digits = difference(rows["digits"], "SGEMD2", "XE", "AEM")
    honest = difference(rows["digits"], "SGEMD2", "XE", "RPS")
    yield Claim(
        "EMD² added to cross-entropy improves on cross-entropy, on faces",
        "open",
        f"a small network on UTKFace, five seeds, one test set: RPS {faces['XE + EMD²']['RPS']} "
        f"against {faces['XE']['RPS']}; on the map XE + EMD² is "
        f"{on_the_map('XEMD2', ('AEM', 'AEO', 'RPS'))}; in its {len(face_regimes())} regimes of "
        f"faces, {in_regimes('XEMD2', face_regimes())}; that the sum is strictly proper holds",
        tests=("test_losses.py::TestValues::test_xe_emd2_is_the_sum",),
        cells=((3, "The sum is a strictly proper score too"),),
        steps=("the-sum",),
        pages=("RESULTS.md",),
    )
    yield Claim(
        "A ground distance can be learned from features, without knowing the order",
        "holds",
        "on drawn faces its ranks agree with the order of ages; on digits they follow looks",
        tests=("test_learned.py::test_a_network_learns_its_own_distance",),
        cells=((6, "agreement = correlations(face_distances)"),),
    )
    yield Claim(
        "The learned distance brings the same gain as the given one",
        "in part, here",
        f"drawn faces, {seeds} seeds, each with new faces, RPS less that of a constant D: given "
        f"{given}, learned {learned}; learned less given: {apart}; exact matches less those of "
        f"cross-entropy: {gain} points; on the map XE + learned EMD², which differs in "
        "more than D, is against XE + EMD² "
        f"{on_the_map('SGEMD2', ('AEM', 'AEO', 'RPS'), baseline='XEMD2')}",
        tests=("test_claims_page.py::test_what_notebook_06_says_of_the_controls",),
        cells=((6, "## What is due to $D$?"),),
    )
    yield Claim(
        "It keeps up with cross-entropy where classes have no strong relation",
        "open",
        f"digits, {seeds} seeds and splits: exact matches {digits} points, RPS {honest}; on the "
        f"map, {unordered('SGEMD2')}",
        tests=("test_claims_page.py::test_what_notebook_06_says_of_the_controls",),
        cells=((6, "for name, rows in controls.items():"),),
    )


@cache
def rows_of_the_map():
    """Return the rows of the map."""
    return map_page.prepare()[0]


@cache
def verdicts_of_the_map(metric, baseline):
    """Return the differences to a baseline in a metric, adjusted as the page says."""
    rows = rows_of_the_map()
    if baseline != "XE":
        return mapping.differences(
            rows[rows["loss"].isin([baseline, "SGEMD2"])], [metric], baseline=baseline
        )
    family = mapping.METRICS_OF_MAP
    found = mapping.differences(rows, family if metric in family else [metric])
    return found[found["metric"] == metric]


def on_the_map(loss, metrics, baseline="XE"):
    """Say in which regimes a loss is better or worse than another, metric by metric."""
    parts = []
    for metric in metrics:
        found = verdicts_of_the_map(metric, baseline)
        own = found[found["loss"] == loss].set_index("regime")["verdict"]
        better, worse = (named(own.index[own == word]) for word in ("better", "worse"))
        parts.append(f"better in {metric} in {better} and worse in {worse}")
    return f"{'; '.join(parts)}; of {len(own)} regimes"


def named(names):
    """Count regimes, and name them where they are few."""
    if not 0 < len(names) <= MOST_NAMES:
        return str(len(names))
    return f"{len(names)} ({'; '.join(REGIMES[name].words for name in names)})"


def face_regimes():
    """Return the regimes of faces that were run."""
    return [name for name in rows_of_the_map()["regime"].unique() if name.startswith("faces")]


def in_regimes(loss, names):
    """Say in how many of some regimes a loss is better or worse than XE in RPS."""
    found = verdicts_of_the_map("RPS", "XE")
    own = found[(found["loss"] == loss) & found["regime"].isin(names)]["verdict"]
    return f"RPS better in {(own == 'better').sum()}, worse in {(own == 'worse').sum()}"


def unordered(loss):
    """Say how a loss does against XE in the regimes whose classes have no order in the features."""
    parts = []
    for name in ("no-order", "digits", "digits-mlp"):
        told = []
        for metric in ("AEM", "RPS"):
            found = verdicts_of_the_map(metric, "XE").set_index(["regime", "loss"])
            if (name, loss) in found.index:
                row, digits = found.loc[name, loss], 1 if METRICS[metric].unit == "%" else 3
                half = row["high"] - row["difference"]
                text = f"{row['difference']:+.{digits}f} ± {half:.{digits}f}".replace("-", "−")
                told.append(f"{metric} {text} ({row['verdict']})")
        if told:
            parts.append(f"{REGIMES[name].words}: {' and '.join(told)}")
    return "; ".join(parts)


def near_cross_entropy():
    """Return the sentence of the map on how many runs come near to XE."""
    sentence = map_page.speed(rows_of_the_map()).partition("** ")[2].rstrip(".")
    return sentence[0].lower() + sentence[1:]


def equal_cross_entropy():
    """Return the least and the greatest EMD² with 0.4 on class 4 of 8."""
    truth = one_hot(4, 8)
    least = 0.4 * truth + 0.3 * (one_hot(3, 8) + one_hot(5, 8))
    most = 0.4 * truth + 0.6 * one_hot(0, 8)
    return emd2(least, truth), emd2(most, truth)


def closed_form_error():
    """Return a power of ten above the difference of the closed form from POT."""
    p, t = np.random.default_rng(0).dirichlet(np.ones(8), size=(2, 200))
    return f"1e{int(np.ceil(np.log10(np.max(abs(emd(p, t) - exact_cost(p, t))) * 3)))}"


def convergence():
    """Return how near each loss comes to a known t with the best of the rates of notebook 03."""
    t = np.array([1, 1, 2, 6, 16, 10, 3, 1]) / 40
    start, ends = np.full(8, 1 / 8), {}
    for loss in ("EMD", "EMD2"):
        walks = [descend(loss, start, t, steps=200, learning_rate=rate) for rate in (0.1, 1, 10)]
        ends[loss] = min(emd(walk.predictions, t)[-20:].mean() for walk in walks)
    return ends


def columns_of(metric):
    """Return (rows of losses, standard error of a difference) for Tables 1 and 2."""
    for number, faces in ((1, 26_000), (2, 1000)):
        values = published.printed(number).xs(metric, axis=1, level="metric")
        percent = values.loc["XE"]
        yield values, np.sqrt(2 * percent * (100 - percent) / faces)


def gains():
    """Return the columns in which EMD² is ahead, all columns, and doubtful gains of Table 2."""
    gained = [(v.loc["EMD2"] - v.loc["XE"], error) for v, error in columns_of("AEM")]
    ahead = sum((gain > 0).sum() for gain, _ in gained)
    gain, error = gained[1]
    return ahead, sum(len(g) for g, _ in gained), (abs(gain) < 2 * error).sum()


def against_cross_entropy(loss):
    """Return metric -> columns in which a loss is behind cross-entropy and ahead of it."""
    told = {}
    for metric in ("AEM", "AEO"):
        differences = [v.loc[loss] - v.loc["XE"] for v, _ in columns_of(metric)]
        told[metric] = [sum((sign * d > 0).sum() for d in differences) for sign in (-1, 1)]
    return told


def spearman_gains():
    """Return the gains of Table 3 over their standard errors, by Fisher's z (Bonett, Wright)."""
    rho = published.printed(3).xs("Spearman", axis=1, level="metric")[["VGG_F", "RES", "RES_F"]]
    z, variance = np.arctanh(rho), (1 + rho**2 / 2) / (SPEARMAN_IMAGES - 3)
    error = np.sqrt(variance.loc["EMD2"] + variance.loc["XE"])
    return ((z.loc["EMD2"] - z.loc["XE"]) / error).tolist()


def state_of_the_art(number):
    """Return the best of EMD² and of the other methods in a table, metric by metric."""
    ours, others = published.printed(number), published.others(number)
    return ", ".join(
        f"{name} {ours.xs(name, axis=1, level='metric').loc['EMD2'].max():g} and "
        f"{others[name].max():g}"
        for name in published.TABLES[number].metrics
    )


def costs():
    """Return the cost of EMD² over that of cross-entropy, of a step and alone, as measured."""
    rows = [line.strip("| ").split(" | ") for line in BENCHMARKS.read_text("utf-8").splitlines()]
    step = next(row[-1] for row in rows if row[:2] == ["eager", "EMD²"])
    alone = next(row[-1] for row in rows if row[:2] == ["(128, 8)", "emd2_loss"])
    return step, alone


def difference(rows, loss, baseline, metric):
    """Return a paired difference with its interval in words."""
    chosen = rows[rows["loss"].isin([loss, baseline])]
    shared = rows["test_to_train"].iloc[0]
    row = paired_differences(chosen, [metric], baseline=baseline, test_to_train=shared).iloc[0]
    digits = 1 if metric == "AEM" else 3
    low, mean, high = (
        f"{value:+.{digits}f}".replace("-", "−")
        for value in (row["low"], row["difference"], row["high"])
    )
    return f"{mean} ({low} to {high})"


def vector(values):
    """Write a few numbers as a list."""
    return f"({', '.join(f'{value:g}'.replace('-', '−') for value in np.round(values, 3) + 0.0)})"


def listed(words):
    """Join words with commas and a last "and"."""
    *most, last = words
    return f"{', '.join(most)} and {last}"


def notebook(number):
    """Return the path and the cells of a lesson."""
    (path,) = (ROOT / "notebooks").glob(f"{number:02}_*.ipynb")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return path, ["".join(cell["source"]) for cell in cells]


def section(number, text):
    """Return the file of a lesson and the heading under which a cell with this text stands."""
    path, cells = notebook(number)
    heading = ""
    for cell in cells:
        for line in cell.splitlines():
            if line.startswith("#") and line.lstrip("#").startswith(" ") and "click" not in line:
                heading = line.lstrip("# ")
            if text.splitlines()[0] in line:
                return path, heading
    raise ValueError(f"{path.name} has no cell with {text!r}; name another cell of the claim")


def where(claim):
    """Return the places of a claim as Markdown."""
    places = []
    for number, text in claim.cells:
        path, heading = section(number, text)
        places.append(f"[{number:02}](../notebooks/{path.name}), *{heading}*")
    if claim.steps:
        places.append("tour, " + listed_or_one([f"`{name}`" for name in claim.steps]))
    places += [f"[{name}]({name})" for name in claim.pages]
    places += [f"`{test.partition('::')[2].rpartition('::')[2]}`" for test in claim.tests]
    return "; ".join(dict.fromkeys(places))


def listed_or_one(words):
    """Join one word or more."""
    return words[0] if len(words) == 1 else listed(words)


@cache
def claims_by_year():
    """Return all claims, by the year of their paper."""
    return {2017: list(of_2017()), 2016: list(of_2016())}


def page():
    """Return the page as Markdown."""
    lines = [INTRO.format(regimes=rows_of_the_map()["regime"].nunique())]
    for year, claims in claims_by_year().items():
        lines += [
            f"## The paper of {year}",
            "",
            "| claim | verdict | what holds | shown in |",
            "|---|---|---|---|",
        ]
        for claim in claims:
            cells = (claim.says, claim.verdict, claim.holds, where(claim))
            lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    PAGE.write_text(page(), encoding="utf-8")
