"""The sentences of a report, made from its numbers: plain text, which the page escapes."""

import re

import numpy as np

from emdviz.losses.loss import look_of
from emdviz.metrics import METRICS
from emdviz.report.findings import FAR, FEW, POWER
from emdviz.training.conclusions import ENOUGH_PAIRS

NAMES = {"AEM": "exact matches (AEM)", "AEO": "matches within one class (AEO)", "RPS": "RPS"}
"""How sentences call metrics; others by their own names."""

_MANY = 5  # names that a sentence lists


def number(value, metric, *, sign=False):
    """Write a value of a metric with its usual digits; a dash for none.

    Examples
    --------
    >>> number(61.234, "AEM"), number(-0.0123, "RPS", sign=True), number(float("nan"), "MAE")
    ('61.2', '−0.012', '–')
    """
    if not np.isfinite(value):
        return "–"
    digits = 1 if METRICS[metric].unit in ("%", "unit of the scores") else 3
    return f"{value:{'+' if sign else ''}.{digits}f}".replace("-", "−")


def roughly(count):
    """Write a count that was estimated, with two digits that count.

    Examples
    --------
    >>> roughly(8445), roughly(17), roughly(996)
    ('8,400', '17', '1,000')
    """
    return f"{float(f'{count:.2g}'):,.0f}"


def interval(low, high, metric, *, sign=False):
    """Write an interval, or a dash where there is none."""
    if not low <= high:
        return "–"
    return f"{number(low, metric, sign=sign)} to {number(high, metric, sign=sign)}"


def p_value(p):
    """Write a p value.

    Examples
    --------
    >>> p_value(0.0312), p_value(1e-6), p_value(0.4)
    ('0.031', '< 0.001', '0.40')
    """
    if np.isnan(p):
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def listed(words, last="and"):
    """Join words as a sentence does; of many, the first and how many more.

    Examples
    --------
    >>> listed(["a", "b", "c"]), listed(list("abcdefgh"))
    ('a, b and c', 'a, b, c, d, e and 3 more')
    """
    words = list(words)
    if len(words) > _MANY + 1:
        words = [*words[:_MANY], f"{len(words) - _MANY} more"]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"


def kept_together(text):
    """Let no line of text end inside a percentage or a sum of losses; leave all but plain text.

    Examples
    --------
    >>> kept_together("XE + EMD² in 80 % of 5 runs").split(" ")
    ['XE\\xa0+\\xa0EMD²', 'in', '80\\xa0%', 'of', '5', 'runs']
    """
    if type(text) is not str:  # numbers, and markup, which was made of such text
        return text
    return re.sub(r"(?<=\d) (?=%)| (?=\+ )|(?<= \+) ", "\N{NO-BREAK SPACE}", text)


def classes(names, told=None):
    """Join names of classes, or what is told of each, and say that plain numbers are classes.

    Examples
    --------
    >>> classes(["8"]), classes(["1", "2.5"]), classes(["low", "8"])
    ('class 8', 'classes 1 and 2.5', 'low and 8')
    """
    if not all(re.fullmatch(r"[-−]?\d+([.,]\d+)?", name) for name in names):
        return listed(told or names)
    return f"class{'es' * (len(names) != 1)} {listed(told or names)}"


def label(loss):
    """Return what figures call a loss."""
    return look_of(loss).label


def networks(found):
    """Name the networks, and the frozen features that they were trained on."""
    backbone = found.comparison.backbone
    named = listed(dict.fromkeys(map(str, found.done["network"])))
    return f"{named} on features of {backbone}" if backbone else named


def repeats(found):
    """Say how the runs of a loss differ, such as "10 random splits"."""
    count = len(found.seeds)
    what = "random split" if found.resplit else "seed"
    where = "" if found.resplit else " on one test set"
    return f"{count} {what}{'s' * (count != 1)}{where}"


def answer(found):
    """Answer in two sentences: the main score, then the others."""
    if len(found.losses) == 1:
        only, row = label(found.losses[0]), found.summary.iloc[0]
        return [
            f"Only {only} was trained, so that nothing was compared.",
            f"Its RPS on {repeats(found)} is {number(row['RPS', 'mean'], 'RPS')}.",
        ]
    rows, against = found.differences, label(found.baseline)
    first, where = rows["metric"].iloc[0], f"{repeats(found)} of {found.data.name}"
    pairs = int(rows["pairs"].max())
    if pairs < ENOUGH_PAIRS:
        few = f"{pairs} run{'s' * (pairs != 1)} of each loss {'are' if pairs != 1 else 'is'}"
        best = label(found.comparison.best())
        return [
            f"{few} too few to tell any loss from {against}: {ENOUGH_PAIRS} are the least.",
            f"On {where}, {best} has the lowest validation RPS, which may be chance.",
        ]
    main = _verdicts(rows[rows["metric"] == first], against, first)
    sentences = [f"On {where}, measured by the {NAMES.get(first, first)}, {main}."]
    others = [metric for metric in dict.fromkeys(rows["metric"]) if metric != first]
    if others:
        sentences.append(_others(rows[rows["metric"].isin(others)], against, others))
    return sentences


def _verdicts(rows, against, metric):
    parts = []
    for verdict in ("better", "worse"):
        chosen = rows[rows["verdict"] == verdict]
        sizes = [
            f"(by {number(abs(row.difference), metric)}, 95 % interval "
            f"{interval(*sorted((abs(row.low), abs(row.high))), metric)})"
            for row in chosen.itertuples()
        ]
        if len(sizes) == 1:
            parts.append(f"{label(chosen['loss'].iloc[0])} is {verdict} than {against} {sizes[0]}")
        elif sizes:
            named = [
                f"{label(loss)} {size}" for loss, size in zip(chosen["loss"], sizes, strict=True)
            ]
            parts.append(f"{listed(named)} are {verdict} than {against}")
    undecided = [label(loss) for loss in rows.loc[rows["verdict"] == "undecided", "loss"]]
    if undecided:
        parts.append(f"{listed(undecided)} cannot be told from {against}")
    return "; ".join(parts)


def _others(rows, against, metrics):
    parts = []
    for loss, own in rows.groupby("loss", sort=False):
        for verdict in ("better", "worse"):
            where = [NAMES.get(m, m) for m in own.loc[own["verdict"] == verdict, "metric"]]
            if where:
                where = "all" if len(where) == len(metrics) > 1 else listed(where)
                parts.append(f"{label(loss)} is {verdict} than {against} in {where}")
    undecided = int((rows["verdict"] == "undecided").sum())
    named = listed([NAMES.get(m, m) for m in metrics])
    if not parts:
        return f"In {named}, no loss can be told from {against}."
    if undecided:
        parts.append(f"{undecided} of {len(rows)} differences in these may be chance")
    return f"In {named}: {'; '.join(parts)}."


def unsaid(found):
    """Say what the comparison cannot say, a sentence each."""
    told, against = [], label(found.baseline)
    undecided = (found.differences["verdict"] == "undecided").any()
    if undecided and max(found.detectable.values(), default=0) > 0:
        least = [
            f"{number(size, metric)} in {NAMES.get(metric, metric)}"
            for metric, size in found.detectable.items()
            if size > 0
        ]
        told.append(
            f"That losses are equal. Of true differences as large as {listed(least, 'or')}, these "
            f"runs would show {100 * POWER:.0f} %; of smaller ones, fewer."
        )
    if len(found.losses) > 1 and not found.resplit:
        told.append(
            f"How the losses differ on other test rows than these {found.sizes['test']:,}: all "
            "runs share one split, and a new one may give other verdicts. Draw the split anew for "
            "each seed to learn that."
        )
    told.append(
        f"What another network than {networks(found)} would show, or more training rows than "
        f"{found.sizes['train']:,}. Which loss is ahead of {against} often depends on both."
    )
    return told


def warnings_of(found):
    """Yield what a reviewer would object to, a pair of a heading and sentences each."""
    for name, share in found.far_better.items():
        yield (
            f"{name} beats the networks by far",
            f"Its RPS is lower by {100 * share:.0f} % than that of the best network, "
            f"{label(found.comparison.best())}. Differences between losses on a network that "
            "a simple model beats say little.",
        )
    if failed := len(found.comparison.table) - len(found.done):
        yield (
            f"{failed} of {len(found.comparison.table)} runs failed",
            "Means are over the others, and losses that fail are compared only where they did not.",
        )
    if needed := found.needed:
        yield _too_small(found, needed)
    never = {}
    for loss, names in found.never_predicted.items():
        never.setdefault(tuple(names), []).append(loss)
    for names, losses in never.items():
        all_ = len(losses) == len(found.losses) > 1
        who = "No loss ever predicts" if all_ else f"{listed(map(label, losses))} never "
        who += "" if all_ else "predicts" if len(losses) == 1 else "predict"
        yield (
            f"{who} {classes(names)}",
            f"Not for one of {found.test_rows_of(losses[0]):,} test rows in all runs, though "
            f"{'this class occurs' if len(names) == 1 else 'these classes occur'} among them.",
        )
    few = {
        name: f"{name} ({rows:.0f})"
        for name, rows in zip(found.classes, found.test_rows, strict=True)
        if rows < FEW
    }
    if few:
        yield (
            f"Few test rows in {len(few)} of {len(found.classes)} classes",
            f"Fewer than {FEW} a test set: {classes(few, few.values())}. Their errors, and "
            "the macro MAE, rest on little.",
        )
    for loss, share in found.still_learning.items():
        yield (
            f"{label(loss)} was still learning",
            f"Its validation RPS fell by {100 * share:.1f} % over the last tenth of the "
            "epochs; with more of them the comparison may change.",
        )


def _too_small(found, needed):
    loss, now = label(needed["loss"]), f"now {found.sizes['test']:,}"
    size, against = number(needed["difference"], "RPS"), label(found.baseline)
    rows = "more than ten million" if needed["examples"] is None else roughly(needed["examples"])
    if needed["runs"] is None:
        runs = "no number of splits of these rows would do"
    else:
        count = roughly(needed["runs"])
        runs = f"{count} runs like these would do as well (now {len(found.seeds)})"
    return (
        f"The test set is too small for the difference between {loss} and {against}",
        f"{loss} and {against} differ by {size} in RPS, which may be chance. If the true "
        f"difference were as large, it would take one independent test set of about {rows} rows "
        f"({now}) to see it with a chance of {100 * POWER:.0f} %; {runs}.",
    )


def caution(found):
    """Say what the intervals of the differences are over, and how verdicts are reached."""
    text = (
        f"95 % intervals by Student's t over {found.over}. Better and worse: p is at most 0.05 "
        f"when adjusted for all {len(found.differences)} comparisons (Holm)."
    )
    if not found.resplit:
        return f"{text} They hold for these test rows; others may give other verdicts."
    return f"{text} They are widened for the rows that the splits share (Nadeau and Bengio)."


def on_baselines(found):
    """Say whether a simple model beats the networks."""
    if not found.baselines:
        return ""
    best = label(found.comparison.best())
    text = (
        f"In brackets the 95 % interval of the difference to the network with {best}, the best by "
        "validation RPS, paired by split."
    )
    if found.far_better:
        beat = "beats" if len(found.far_better) == 1 else "beat"
        return f"{listed(found.far_better)} {beat} it by far. {text}"
    return f"None beats it by far: by more than {100 * FAR:.0f} % of its RPS. {text}"


def on_classes(found):
    """Say how the mean error and the mean over classes differ."""
    told = [
        f"{label(loss)} {number(row['MAE', 'mean'], 'MAE')} and "
        f"{number(row['macro MAE', 'mean'], 'macro MAE')}"
        for loss, row in found.summary.iterrows()
    ]
    return (
        f"MAE over all test rows and over classes, each counted alike (macro MAE): {listed(told)}. "
        "Where the second is larger, rare classes fare worse."
    )


def on_calibration(found):
    """Say how to read the calibration, and of which losses there is none."""
    text = (
        "All runs together. A calibrated loss lies on the diagonal, and about 90 % of the labels "
        "or more lie in its 90 % intervals; among calibrated ones the smaller spread is better."
    )
    if points := [label(loss) for loss in found.losses if loss not in found.distributional]:
        be = "is" if len(points) == 1 else "are"
        text += f" {listed(points)} {be} left out: no distribution is predicted."
    return text
