"""Write the map into docs/RESULTS.md: sentences, figures and tables, all from docs/results/map.

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


def sentences(rows, about, found, judged):
    """Return the answer in five sentences, all of whose numbers come from the results."""
    count, compared = len(judged), int(found["p"].notna().sum())
    own = judged["EMD2"]
    tally = {word: int((own == word).sum()) for word in ("wins", "loses", "mixed", "undecided")}
    runs = sum(one["runs"] for one in about.values())
    first = (
        f"In {count} regimes and {runs:,} runs, EMD² alone wins against XE in {tally['wins']}, "
        f"loses in {tally['loses']}, is mixed in {tally['mixed']} and cannot be told from it in "
        f"{tally['undecided']} (by RPS, MAE and AEM, p adjusted for {compared:,} comparisons)."
    )
    parts = [
        f"it {verb} in {_named(own, word)}"
        for word, verb in (("wins", "wins"), ("loses", "loses"), ("mixed", "is mixed"))
        if tally[word]
    ]
    second = "; ".join(parts) + "." if parts else "No difference of it stands in any regime."
    second = second[0].upper() + second[1:]
    score = {loss: tuple((judged[loss] == word).sum() for word in WORDS) for loss in judged}
    best = max(score, key=lambda loss: (score[loss][0] - score[loss][1], score[loss][0]))
    third = f"{_balance('XEMD2', score)}; the best balance has this loss: {_balance(best, score)}."
    fourth = (
        f"{_balance('EMD', score)}; {_balance('REG', score)} (it predicts no distribution, so its "
        f"RPS is its MAE); {_balance('AEMD', score)}."
    )
    return [first, second, third, fourth, _why_sentence(rows, found)]


def _balance(loss, score):
    wins, loses, mixed = score[loss]
    return f"{look_of(loss).label} wins in {wins}, loses in {loses} and is mixed in {mixed}"


def _named(verdicts, word):
    names = [REGIMES[name].words for name in verdicts.index[verdicts == word]]
    return ", ".join(f"“{name}”" for name in names)


def why(rows, found):
    """Return what explains the differences of EMD² in RPS, a row per regime.

    Columns: the difference to XE in RPS, before and after temperature scaling of both on
    validation, with their verdicts (each adjusted for all regimes); how many times the steps of XE
    EMD² takes to come within 5 % of XE's last validation RPS (median over the seeds where both do);
    and the percentage of confident mistakes of both.
    """
    import pandas as pd

    pair = rows[rows["loss"].isin(["XE", "EMD2"])]
    scaled = mapping.differences(pair, ["RPS scaled"]).set_index("regime")
    before = found[(found["loss"] == "EMD2") & (found["metric"] == "RPS")].set_index("regime")
    wide = pair.pivot(index=["regime", "seed"], columns="loss")
    ratio = (wide["steps"]["EMD2"] / wide["steps"]["XE"]).groupby("regime").median()
    sure = wide["confident mistakes"].groupby("regime").mean()
    table = pd.DataFrame(
        {
            "difference": before["difference"],
            "verdict": before["verdict"],
            "scaled": scaled["difference"],
            "scaled verdict": scaled["verdict"],
            "steps": ratio,
            "XE confident": sure["XE"],
            "EMD2 confident": sure["EMD2"],
            "XE RPS": wide["RPS"]["XE"].groupby("regime").mean(),
        }
    )
    return table.loc[before.index]


def _why_sentence(rows, found):
    table = why(rows, found)
    stands = table[table["verdict"] != "undecided"]
    kept = int((stands["verdict"] == stands["scaled verdict"]).sum())
    steps, share = table["steps"].median(), table["difference"] / table["XE RPS"]
    rho, p = stats.spearmanr(table["XE confident"], share)
    related = "follows" if p <= 0.05 and rho < 0 else "does not follow"
    return (
        f"Why: the differences of EMD² to XE in RPS stand in {len(stands)} regimes, and in {kept} "
        "of these also after temperature scaling of both on validation, which takes differences "
        "of calibration away; to come within 5 % of XE's validation RPS EMD² takes "
        f"{steps:.2g} times as many steps (median); and its advantage {related} the share of "
        f"confident mistakes of XE (rank correlation with the relative difference in RPS "
        f"{rho:+.2f}, p = {p:.2g})."
    ).replace("-", "−")


def figures(found, folder=ROOT / "docs"):
    """Draw the map of each metric; return the names of the files."""
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    words = {name: regime.words for name, regime in REGIMES.items()}
    names = []
    for metric in mapping.METRICS_OF_MAP:
        with style.style("print"):
            axes = plots.plot_map(found, metric, words=words)
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


def why_table(rows, found):
    """Return what explains the differences of EMD² as Markdown."""
    lines = [
        "| regime | RPS, EMD² − XE | after temperature scaling | steps, EMD² / XE | "
        "confident mistakes of XE, EMD² (%) |",
        "|---|---|---|---|---|",
    ]
    for name, row in why(rows, found).iterrows():
        cells = [
            f"**{row[one]:+.4f}**" if row[judged] != "undecided" else f"{row[one]:+.4f}"
            for one, judged in (("difference", "verdict"), ("scaled", "scaled verdict"))
        ]
        steps = "–" if np.isnan(row["steps"]) else f"{row['steps']:.2g}"
        cells += [steps, f"{row['XE confident']:.1f}, {row['EMD2 confident']:.1f}"]
        lines.append(f"| {REGIMES[name].words} | {' | '.join(cells)} |".replace("-", "−"))
    return "\n".join(lines)


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
    lacking = [one for name, one in REGIMES.items() if name not in about]
    told = "\n".join(
        f"- `{one.name}`: {one.words} ({one.varies}); {_duration(one.minutes)}" for one in lacking
    )
    parts = [
        "\n".join(f"{k}. {one}" for k, one in enumerate(sentences(rows, about, found, judged), 1)),
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
        _folded("Why: calibration, speed, confident mistakes", why_table(rows, found)),
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
