"""Write the map into docs/RESULTS.md: points, figures and tables, all from docs/results/map.

Run ``python -m emdviz run map --store docs/results`` first, which makes the results.
"""

import argparse
from pathlib import Path

import matplotlib
import numpy as np
from scipy import stats

from emdviz import plots
from emdviz.experiments import mapping
from emdviz.experiments.regimes import LOSSES_COMPARED, REGIMES, RULES
from emdviz.losses import LOSSES, zoo
from emdviz.losses.loss import look_of, remember
from emdviz.metrics import METRICS, heading
from emdviz.plots import style
from emdviz.writing import write_whole

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs" / "results" / "map"
PAGE = ROOT / "docs" / "RESULTS.md"
MARKS = "<!-- map -->\n", "<!-- end map -->\n"
WORDS = ("wins", "loses", "mixed")
EXPLAINED = """\
Bold: it stands, the first two columns adjusted for all comparisons of the map, each other one for
all regimes. *Calibration*: the part of the difference
that isotonic recalibration of the predicted CDF, at each threshold, would take away; *ranking*:
the rest, how well the CDF sorts the rows (Dimitriadis, Gneiting and Jordan 2021). *Far rows*: the
part that comes of test rows whose label is two classes or more from the median of the mean of both
predictions, which favours neither loss. *Stay*: the percentage of the confident mistakes on
validation after the first epoch (less than 0.01 for the label) that are so after the last. A dash:
not measured, or there are none."""
DROPPED = ()
"""Regimes that were tried and dropped, each with the reason."""


def prepare(folder=RESULTS):
    """Return rows, about, differences and verdicts of a folder of results."""
    for name in LOSSES_COMPARED:
        if name not in LOSSES:
            remember(zoo.load(name))
    rows, about = mapping.read(folder)
    found = mapping.differences(rows)
    return rows, about, found, mapping.verdicts(found)


def points(rows, found, judged, explained=None):
    """Return the answer in five points, all of whose numbers come from the results."""
    score = scores(judged)
    return [
        _first_point(judged["EMD2"], found),
        _where_point(judged["EMD2"], found, rows),
        _instead_point(judged, score),
        f"**Not to take**: EMD {_tally(score['EMD'])}; REG {_tally(score['REG'])} (it predicts no "
        "distribution, so its RPS is its MAE).",
        _why_point(why(rows, found) if explained is None else explained),
    ]


def scores(judged):
    """Return for each loss in how many regimes it wins, loses, is mixed and is undecided."""
    return {loss: _count(judged[loss].dropna()) for loss in judged}


def _count(verdicts):
    return tuple(int((verdicts == word).sum()) for word in (*WORDS, "undecided"))


def _tally(score):
    wins, loses, mixed, _ = score
    return f"wins in {wins}, loses in {loses} and is mixed in {mixed}"


def _first_point(own, found):
    wins, loses, mixed, undecided = _count(own)
    compared, more = int(found["p"].notna().sum()), np.sign(wins - loses)
    lead = {
        -1: "EMD² alone is more often worse than cross-entropy (XE) than better",
        0: "EMD² alone is as often better than cross-entropy (XE) as worse",
        1: "EMD² alone is more often better than cross-entropy (XE) than worse",
    }[more]
    return (
        f"**{lead}**: of {len(own)} regimes it wins in {wins}, loses in {loses}, is mixed in "
        f"{mixed} and cannot be told from it in {undecided} (by RPS, MAE and AEM; p adjusted for "
        f"{compared:,} comparisons)."
    )


def _where_point(own, found, rows):
    """Say where EMD² wins, by name and on real data."""
    won = [f"“{REGIMES[name].words}”" for name in own.index[own == "wins"]]
    text = f"**Where it wins**: {', '.join(won) or 'nowhere'}."
    real = [name for name in own.index if not REGIMES[name].fresh]
    if real:
        share = 100 * relative(rows, found, "EMD2")[real]
        text += (
            f" On real data (tables, digits, faces: {len(real)} regimes) it "
            f"{_tally(_count(own[real]))}: its RPS differs from that of XE by "
            f"{share.median():+.1f} % in the median, from {share.min():+.1f} to "
            f"{share.max():+.1f} %."
        )
    return text.replace("-", "−")


def relative(rows, found, loss):
    """Return the differences in RPS as shares of the RPS of XE, by regime."""
    own = found[(found["loss"] == loss) & (found["metric"] == "RPS")].set_index("regime")
    return own["difference"] / rows[rows["loss"] == "XE"].groupby("regime")["RPS"].mean()


def _instead_point(judged, score):
    """Say what to take: the sum with XE, the best balance, and which losses never lose."""
    best = max(score, key=lambda loss: (score[loss][0] - score[loss][1], score[loss][0]))
    safe = [look_of(loss).label for loss in score if not any(score[loss][1:3])]
    told = [f"{look_of(loss).label} {_tally(score[loss])}" for loss in {"XEMD2": 0, best: 0}]
    told[-1] += ", the best balance"
    never = "Each loss is worse than XE in some score in some regime"
    if safe:
        never = f"Worse than XE in no score, in no regime: {_list(safe)}"
    return (
        "**What to take in its place**, with the weight of EMD² chosen on validation: "
        f"{'; '.join(told)}. {never}."
    )


def _list(names):
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def balance_table(judged):
    """Return a table of how often each loss wins against XE, and EMD² with each network."""
    names = {"linear": "a linear layer", "mlp": "an MLP"}
    used = [REGIMES[name].network for name in judged.index]
    lines = ["| loss | wins | loses | mixed | cannot be told |", "|---|---:|---:|---:|---:|"]
    for loss, score in scores(judged).items():
        lines.append(f"| {look_of(loss).label} | {' | '.join(map(str, score))} |")
        if loss != "EMD2":
            continue
        for network, own in judged[loss].groupby(used, sort=False):
            cells = " | ".join(map(str, _count(own)))
            lines.append(f"| … with {names.get(network, network)} | {cells} |")
    return "\n".join(lines)


def why(rows, found):
    """Return what explains the differences of EMD² in RPS, a row per regime.

    Columns: the ``difference`` to XE in RPS, the same after temperature scaling of both on
    validation (``scaled``), and its two parts ``miscalibration`` and ``ranking`` (minus the
    discrimination), each with its verdict, the first two adjusted for all comparisons of the map,
    the others for all regimes; the part of the difference
    that comes of ``far`` rows; how many times the ``steps`` of XE EMD² takes to come within 5 % of
    XE's last validation RPS (median over the seeds where both do); and for both the percentage of
    confident mistakes, and of those on validation after the first epoch that stay.
    """
    import pandas as pd

    pair = rows[rows["loss"].isin(mapping.PAIR)].copy()
    pair["ranking"] = pair["RPS"] - pair["miscalibration"]
    parts = (
        _instead_of_rps(rows, "RPS scaled"),
        *(
            mapping.differences(pair.dropna(subset=[name]), [name])
            for name in ("miscalibration", "ranking")
        ),
    )
    scaled, calibration, ranking = (part.set_index("regime") for part in parts)
    before = found[(found["loss"] == "EMD2") & (found["metric"] == "RPS")].set_index("regime")
    wide = pair.pivot(index=["regime", "seed"], columns="loss")
    ratio = (wide["steps"]["EMD2"] / wide["steps"]["XE"]).groupby("regime").median()
    mean = wide.groupby("regime").mean()
    columns = {
        "difference": before["difference"],
        "verdict": before["verdict"],
        "scaled": scaled["difference"],
        "scaled verdict": scaled["verdict"],
        "miscalibration": calibration["difference"],
        "miscalibration verdict": calibration["verdict"],
        "ranking": ranking["difference"],
        "ranking verdict": ranking["verdict"],
        "far": mean["RPS far"]["EMD2"] - mean["RPS far"]["XE"],
        "steps": ratio,
        "XE RPS": mean["RPS"]["XE"],
    }
    for loss in mapping.PAIR:
        columns |= {f"{loss} confident": mean["confident mistakes"][loss]}
        columns |= {f"{loss} stay": mean["confident stay"][loss]}
    return pd.DataFrame(columns).loc[before.index]


def _instead_of_rps(rows, name):
    """Return the differences of EMD² in a kind of RPS, adjusted as those in RPS itself are."""
    found = mapping.differences(rows.assign(RPS=rows[name]))
    return found[(found["loss"] == "EMD2") & (found["metric"] == "RPS")]


def _why_point(table):
    stands = table[table["verdict"] != "undecided"]
    kept = int((stands["verdict"] == stands["scaled verdict"]).sum())
    split = stands.dropna(subset=["ranking"])
    ranked = int((split["ranking"].abs() > split["miscalibration"].abs()).sum())
    steps, share = table["steps"].median(), table["difference"] / table["XE RPS"]
    rho, p = stats.spearmanr(table["XE confident"], share)
    related = "follows" if p <= 0.05 and rho < 0 else "cannot be told to follow"
    stay = table[["XE stay", "EMD2 stay"]].dropna()
    text = (
        f"**Why**: of {len(stands)} differences of EMD² to XE in RPS that stand, {kept} do so "
        "after temperature scaling of both on validation as well"
    )
    if len(split):
        text += f", and {ranked} of {len(split)} are of ranking more than of calibration"
    text += (
        f". EMD² takes {steps:.2g} times as many steps to come within 5 % of XE's last validation "
        "RPS, where it does (median)"
    )
    if len(stay) >= 3:
        text += (
            f"; {stay['EMD2 stay'].median():.0f} % of its confident mistakes after the first epoch "
            f"stay to the end, {stay['XE stay'].median():.0f} % of those of XE (medians of "
            f"{len(stay)} regimes)"
        )
    return (
        f"{text}. Its advantage {related} the share of confident mistakes of XE (rank correlation "
        f"with the relative difference in RPS {rho:+.2f}, p = {p:.2g})."
    ).replace("-", "−")


def figures(found, folder=ROOT / "docs"):
    """Draw the map of each metric; return the names of the files."""
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    words = {name: regime.words for name, regime in REGIMES.items()}
    groups = {name: regime.varies for name, regime in REGIMES.items()}
    names = []
    for metric in mapping.METRICS_OF_MAP:
        with style.style("print"):
            axes = plots.plot_map(found, metric, words=words, groups=groups)
            names.append(f"map_{metric}.png")
            axes[0].figure.savefig(folder / names[-1], dpi=110)
            plt.close(axes[0].figure)
    return names


def table_of(found, metric):
    """Return the differences in a metric as Markdown: a row per regime, bold where one stands."""
    chosen = found[found["metric"] == metric]
    losses = list(dict.fromkeys(chosen["loss"]))
    lines = [
        f"| {heading(metric)} − that of XE | "
        + " | ".join(look_of(x).label for x in losses)
        + " |",
        "|---" * (len(losses) + 1) + "|",
    ]
    for name, own in chosen.groupby("regime", sort=False):
        own = own.set_index("loss")
        cells = [_cell(own.loc[loss], metric) if loss in own.index else "–" for loss in losses]
        lines.append(f"| {REGIMES[name].words} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(row, metric):
    if not np.isfinite(row["difference"]):
        return "–"
    digits = 1 if METRICS[metric].unit == "%" else 3
    half = row["high"] - row["difference"]
    text = f"{row['difference']:+.{digits}f} ± {half:.{digits}f}".replace("-", "−")
    return f"**{text}**" if row["verdict"] != "undecided" else text


def verdict_table(judged):
    """Return the verdicts of rule 6 as Markdown."""
    mark = {"wins": "wins", "loses": "loses", "mixed": "mixed", "undecided": "·"}
    lines = [
        "| regime | varies | " + " | ".join(look_of(loss).label for loss in judged) + " |",
        "|---" * (len(judged.columns) + 2) + "|",
    ]
    for name, row in judged.iterrows():
        cells = " | ".join(mark.get(value, "–") for value in row)
        lines.append(f"| {REGIMES[name].words} | {REGIMES[name].varies} | {cells} |")
    return "\n".join(lines)


def why_table(explained):
    """Return what explains the differences of EMD² as Markdown."""
    lines = [
        "| regime | RPS, EMD² − XE | after temperature scaling | of it calibration | of it ranking "
        "| of it far rows | steps, EMD² / XE | confident mistakes of XE, EMD² (%) | of the first "
        "epoch's stay, XE, EMD² (%) |",
        "|---" * 9 + "|",
    ]
    for name, row in explained.iterrows():
        cells = [
            _number(row[one], row[judged])
            for one, judged in (
                ("difference", "verdict"),
                ("scaled", "scaled verdict"),
                ("miscalibration", "miscalibration verdict"),
                ("ranking", "ranking verdict"),
            )
        ]
        steps = "–" if np.isnan(row["steps"]) else f"{row['steps']:.2g}"
        cells += [_number(row["far"]), steps]
        cells += [_two(row, "confident", 1), _two(row, "stay", 0)]
        lines.append(f"| {REGIMES[name].words} | {' | '.join(cells)} |".replace("-", "−"))
    return "\n".join(lines)


def _number(value, verdict="undecided"):
    if np.isnan(value):
        return "–"
    return f"{value:+.4f}" if verdict == "undecided" else f"**{value:+.4f}**"


def _two(row, name, digits):
    """Return a percentage of both losses."""
    values = [row[f"{loss} {name}"] for loss in mapping.PAIR]
    return ", ".join("–" if np.isnan(value) else f"{value:.{digits}f}" for value in values)


def speed(rows):
    """Return how many runs of EMD² and of EMD come near XE's validation RPS, in a sentence."""
    reached = rows.groupby("loss")["steps"].apply(lambda steps: 100 * steps.notna().mean())
    return (
        f"**EMD² against EMD.** Within 5 % of XE's last validation RPS come "
        f"{reached['EMD2']:.0f} % of the runs of EMD², {reached['EMD']:.0f} % of those of EMD, and "
        f"{reached['XE']:.0f} % of those of XE."
    )


def choice_table(about):
    """Return what was chosen as Markdown: learning rate, epochs, option; * at a limit."""
    losses = list(dict.fromkeys(loss for one in about.values() for loss in one["chosen"]))
    lines = [
        "| regime | " + " | ".join(look_of(loss).label for loss in losses) + " |",
        "|---" * (len(losses) + 1) + "|",
    ]
    for name, one in about.items():
        cells = []
        for loss in losses:
            facts = one["chosen"].get(loss)
            if facts is None:
                cells.append("–")
                continue
            option = [f"{facts[key]:.2g}" for key in ("emd_weight", "lam") if key in facts]
            text = ", ".join([f"{facts['learning_rate']:.2g}", f"{facts['epochs']}", *option])
            cells.append(text + ("*" if facts["at limit"] else ""))
        lines.append(f"| {REGIMES[name].words} | {' | '.join(cells)} |")
    return "\n".join(lines)


def cost(about):
    """Return what the runs cost, in a sentence."""
    hours = sum(one["processor seconds"] for one in about.values()) / 3600
    dates = sorted({one["date"] for one in about.values()})
    versions = " and ".join(dict.fromkeys(one["versions"] for one in about.values()))
    machines = " and ".join(dict.fromkeys(one["machine"] for one in about.values()))
    when = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
    return (
        f"{sum(one['runs'] for one in about.values()):,} runs, {hours:.1f} hours of a processor "
        f"core ({machines}; {versions}; {when})."
    )


def section(folder=RESULTS):
    """Return the part of docs/RESULTS.md that the map fills."""
    rows, about, found, judged = prepare(folder)
    explained = why(rows, found)
    answer = points(rows, found, judged, explained)
    lacking = [one for name, one in REGIMES.items() if name not in about]
    told = "\n".join(
        f"- `{one.name}`: {one.words} ({one.varies}); {_duration(one.minutes)}" for one in lacking
    )
    parts = [
        "\n".join(f"{k}. {one}" for k, one in enumerate(answer, 1)),
        balance_table(judged),
        "A loss wins in a regime if it is better than XE in RPS, MAE or AEM and worse in none of "
        "them, loses in the reverse case, and is mixed if it is better in one and worse in "
        "another.",
        "![The map in RPS: regimes down, losses across, paired differences to XE with 95 % "
        "intervals](map_RPS.png)",
        "Left of the line is better than XE in RPS and MAE, right of it in AEM. Coloured: the "
        "difference stands after Holm. Arrows lie beyond the axis.",
        verdict_table(judged),
        _folded("The same in MAE and AEM", "![The map in MAE](map_MAE.png)\n\n"
                "![The map in AEM](map_AEM.png)"),
        *(
            _folded(f"All differences in {metric}, with half the width of their intervals",
                    table_of(found, metric))
            for metric in mapping.METRICS_OF_MAP
        ),
        _folded("Why: calibration, ranking, speed, confident mistakes",
                f"{EXPLAINED}\n\n{why_table(explained)}"),
        _folded("What was chosen: learning rate, epochs, weight or λ (* at a limit of the search)",
                choice_table(about)),
        _folded("The rules, written before the runs", RULES),
        speed(rows),
        f"**Cost.** {cost(about)}",
        "**Commands.** `python -m emdviz run map --store docs/results` runs the regimes without "
        "file in `docs/results/map`, `python -m emdviz results --table map --store docs/results` "
        "shows how far that is, and `python -m scripts.map` writes this part of the page anew.",
    ]  # fmt: skip
    if told:
        title = f"{len(lacking)} regimes of the list are not run yet"
        command = (
            "`python -m emdviz run map --store docs/results --regimes NAME`; on one core about:"
        )
        parts.append(_folded(title, f"{command}\n\n{told}"))
    dropped = "\n".join(f"- {line}" for line in DROPPED) or "none."
    parts.append(f"**Tried and dropped:** {dropped}")
    return "\n\n".join(parts) + "\n"


def _duration(minutes):
    return f"{minutes / 60:.0f} hours" if minutes >= 120 else f"{minutes:g} minutes"


def _folded(title, text):
    return f"<details><summary>{title}</summary>\n\n{text}\n\n</details>"


def main(arguments=None):
    """Write the section into docs/RESULTS.md, and the figures beside it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(MARKS[0])
    text = before + MARKS[0] + section(options.results) + MARKS[1] + rest.split(MARKS[1])[1]
    write_whole(PAGE, text.encode())
    figures(prepare(options.results)[2])


if __name__ == "__main__":
    main()
