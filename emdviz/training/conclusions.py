"""Means, intervals and sentences about repeated runs."""

import numpy as np

from emdviz.losses import look_of
from emdviz.metrics import METRICS
from emdviz.reading import check_is
from emdviz.training.results import read_runs

ENOUGH_PAIRS = 5
"""With fewer pairs there are too few different resamples to tell."""

RESAMPLES = 9999


def summarise(table, metrics=("AEM", "AEO", "MAE", "RPS"), *, split="test"):
    """Mean of each metric over seeds and folds, with its 95 % interval.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`compare_losses`, or of runs of one data set and network from
        ``experiments.run``; unfinished runs do not count.
    metrics : sequence of str
        Names in ``metrics.METRICS``.
    split : {"test", "valid"}
        The split on which they were measured.

    Returns
    -------
    pandas.DataFrame
        A row per loss; for each metric the columns ``(metric, "mean")``, ``"low"`` and
        ``"high"``, and last ``("runs", "")``. The interval is that of Student's t; a loss of
        one run has none.

    Raises
    ------
    ValueError
        If the table has no finished run, two runs of one loss, fold and seed, or lacks a metric.
    """
    import pandas as pd
    from scipy import stats

    done, rows = read_runs(table, metrics, split), {}
    if done.empty:
        raise ValueError("table must hold a finished run, got none; its column 'error' says why")
    for loss, runs in done.groupby("loss", sort=False):
        row = {}
        for metric in metrics:
            values = runs[metric].to_numpy(float)
            half = np.nan
            if len(values) > 1:
                half = stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)
            mean = values.mean()
            row |= {
                (metric, "mean"): mean,
                (metric, "low"): mean - half,
                (metric, "high"): mean + half,
            }
        rows[loss] = row | {("runs", ""): len(runs)}
    result = pd.DataFrame.from_dict(rows, orient="index")
    result.columns = pd.MultiIndex.from_tuples(result.columns)
    result.index.name = "loss"
    return result.astype({("runs", ""): int})


def paired_differences(table, metrics=("AEM", "AEO", "MAE", "RPS"), *, baseline="XE", split="test"):
    """How far each loss is from a baseline, seed by seed, with a 95 % bootstrap interval.

    Runs of one seed start from the same weights and see the same batches, so their difference
    says more than the difference of two means.

    Parameters
    ----------
    table : pandas.DataFrame
        As for :func:`summarise`.
    metrics : sequence of str
        Names in ``metrics.METRICS``.
    baseline : str
        The loss that the others are compared with.
    split : {"test", "valid"}
        The split on which they were measured.

    Returns
    -------
    pandas.DataFrame
        A row per loss and metric: ``loss``, ``metric``, ``difference`` (mean of loss −
        baseline), ``low``, ``high``, ``pairs``, and ``verdict``: "better", "worse" or
        "undecided". The verdict is undecided unless the interval leaves out zero and there are
        five pairs or more. The interval is the percentile bootstrap of the mean, expanded for
        small samples: as it stands it would leave out the truth more than twice too often with
        five pairs. A single pair has none.

    Raises
    ------
    ValueError
        If the table has no finished run of ``baseline``, two runs of one loss, fold and seed, or
        lacks a metric.

    References
    ----------
    Hesterberg 2015, What Teachers Should Know about the Bootstrap, section 4.2,
    doi:10.1080/00031305.2015.1089789.
    """
    import pandas as pd

    done = read_runs(table, metrics, split)
    losses = list(dict.fromkeys(done["loss"]))
    if not isinstance(baseline, str) or baseline not in losses:
        raise ValueError(f"baseline must be a loss with a finished run, {losses}, got {baseline!r}")
    rows, values = [], done.pivot(index="repeat", columns="loss", values=list(metrics))
    for loss in losses:
        if loss == baseline:
            continue
        for metric in metrics:
            pairs = values[metric, loss] - values[metric, baseline]
            pairs = pairs.dropna().to_numpy(float)
            low, high = _bootstrap(pairs)
            rows.append(
                {
                    "loss": loss,
                    "metric": metric,
                    "difference": pairs.mean() if len(pairs) else np.nan,
                    "low": low,
                    "high": high,
                    "pairs": len(pairs),
                    "verdict": _verdict(metric, low, high, len(pairs)),
                }
            )
    return pd.DataFrame(rows)


def conclude(differences, *, baseline="XE"):
    """Say in plain words what paired differences do and do not show.

    Parameters
    ----------
    differences : pandas.DataFrame
        From :func:`paired_differences`.
    baseline : str
        The loss it was made with.

    Returns
    -------
    str
        A sentence per metric.
    """
    import pandas as pd

    check_is(differences, "differences", pd.DataFrame, "what paired_differences returns")
    if missing := sorted({"loss", "metric", "verdict", "low", "high"} - set(differences.columns)):
        raise ValueError(f"differences must be of paired_differences, but lack {missing}")
    check_is(baseline, "baseline", str, "the name of a loss")
    against = look_of(baseline).label
    sentences = []
    for metric, rows in differences.groupby("metric", sort=False):
        spec = METRICS[metric]
        parts = []
        for verdict, words in (("better", "better than"), ("worse", "worse than")):
            chosen = rows[rows["verdict"] == verdict]
            named = [
                f"{look_of(row.loss).label} (by {abs(row.difference):.2g}, "
                f"95 % interval {min(abs(row.low), abs(row.high)):.2g} to "
                f"{max(abs(row.low), abs(row.high)):.2g})"
                for row in chosen.itertuples()
            ]
            if named:
                parts.append(
                    f"{_listed(named)} {'is' if len(named) == 1 else 'are'} {words} {against}"
                )
        undecided = rows[rows["verdict"] == "undecided"]
        for reason, chosen in undecided.groupby(undecided["pairs"].map(_why_undecided), sort=False):
            named = [look_of(name).label for name in chosen["loss"]]
            words = "cannot be told from" if reason else "could not be compared with"
            parts.append(f"{_listed(named)} {words} {against}{reason}")
        direction = "higher" if spec.higher_is_better else "lower"
        sentences.append(f"{metric} ({direction} is better): {'; '.join(parts)}.")
    return "\n".join(sentences)


def _why_undecided(pairs):
    if pairs == 0:
        return ""
    if pairs < ENOUGH_PAIRS:
        return f": {pairs} run{'s are' if pairs > 1 else ' is'} too few to tell"
    return ": the interval holds zero"


def _bootstrap(values):
    from scipy import stats

    count = len(values)
    if count < 2:
        return np.nan, np.nan
    # resamples of few values scatter too little, and so does a normal quantile: Student's is wider
    reach = stats.t.ppf(0.975, count - 1) * np.sqrt(count / (count - 1))
    result = stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=RESAMPLES,
        confidence_level=1 - 2 * stats.norm.sf(reach),
        method="percentile",
        rng=np.random.default_rng(0),
    )
    return tuple(map(float, result.confidence_interval))


def _verdict(metric, low, high, pairs):
    if pairs < ENOUGH_PAIRS or not (low > 0 or high < 0):
        return "undecided"
    return "better" if (low > 0) == METRICS[metric].higher_is_better else "worse"


def _listed(words):
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]
