"""Means, intervals and sentences about repeated runs."""

from textwrap import fill

import numpy as np

from emdviz.distances import emd2
from emdviz.distributions import one_hot
from emdviz.losses.loss import look_of
from emdviz.metrics import METRICS
from emdviz.reading import check_is, read_number, read_path
from emdviz.training.kept import read_predictions
from emdviz.training.results import REPEATS, finished, read_runs

ENOUGH_PAIRS = 5
"""With fewer pairs one cannot see whether one of them is an outlier."""

LEVEL = 0.05
"""The share of verdicts that may be wrong: 1 − the coverage of the intervals."""

_ONE_TEST_SET, _EXAMPLES = "seeds, on one test set", "seeds and test examples"
_WIDENED, _APART = " that share examples", " that share no examples"


def _error(predicted):
    return abs(predicted["classes"].astype(int) - predicted["labels"])


def _rps(predicted):
    if "probabilities" not in predicted:
        return _error(predicted)
    p = predicted["probabilities"].astype(float)
    return emd2(p, one_hot(predicted["labels"], p.shape[1]))


_SCORES = {
    "AEM": lambda predicted: 100.0 * (_error(predicted) == 0),
    "AEO": lambda predicted: 100.0 * (_error(predicted) <= 1),
    "MAE": _error,
    "RPS": _rps,
}
"""The metrics that are means over the examples: predictions -> a score for each, shape (N,)."""


def summarise(table, metrics=("AEM", "AEO", "MAE", "RPS"), *, split="test", test_to_train=None):
    """Mean of each metric over seeds and splits, with its 95 % interval.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`compare_losses`, or of runs of one data set and network from
        ``experiments.run``; unfinished runs do not count.
    metrics : sequence of str
        Names in ``metrics.METRICS``.
    split : {"test", "valid"}
        The split on which they were measured.
    test_to_train : float, optional
        As for :func:`paired_differences`.

    Returns
    -------
    pandas.DataFrame
        A row per loss; for each metric the columns ``(metric, "mean")``, ``"low"`` and
        ``"high"``, and last ``("runs", "")``. The interval is that of Student's t over the runs,
        with the limits that :func:`paired_differences` names; a loss of one run has none. To
        compare losses take :func:`paired_differences`: what the runs of one seed share, such as
        a difficult split, widens these intervals and not those of the differences.

    Raises
    ------
    ValueError
        If the table has no finished run, two runs of one loss, fold and seed, or lacks a metric;
        if ``test_to_train`` is negative.
    """
    import pandas as pd

    done, rows = read_runs(table, metrics, split), {}
    if done.empty:
        raise ValueError("table must hold a finished run, got none; its column 'error' says why")
    shared = _shared(test_to_train, scope_of(finished(table)))
    for loss, runs in done.groupby("loss", sort=False):
        row = {}
        for metric in metrics:
            mean, low, high, _ = over_runs(runs[metric].to_numpy(float), shared)
            row |= {(metric, "mean"): mean, (metric, "low"): low, (metric, "high"): high}
        rows[loss] = row | {("runs", ""): len(runs)}
    result = pd.DataFrame.from_dict(rows, orient="index")
    result.columns = pd.MultiIndex.from_tuples(result.columns)
    result.index.name = "loss"
    return result.astype({("runs", ""): int})


def paired_differences(
    table,
    metrics=("AEM", "AEO", "MAE", "RPS"),
    *,
    baseline="XE",
    split="test",
    predictions=None,
    test_to_train=None,
):
    """How far each loss is from a baseline, seed by seed, with 95 % intervals and verdicts.

    Runs of one seed start from the same weights (but for last layers with different numbers of
    outputs, as that of REG) and see the same batches, so their difference says more than the
    difference of two means.

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
    predictions : str, Path, Store or callable, optional
        Where the predictions of the runs are: the ``folder`` of :func:`compare_losses`, or the
        store of ``experiments.run``; or a function that returns those of a run, given its
        ``id``, as ``experiments.Store.predictions`` does. The runs must have one test set; the
        intervals then cover its examples as well as the seeds. Metrics are those that are means
        over the examples: AEM, AEO, MAE and RPS.
    test_to_train : float, optional
        Test examples / training examples of splits that were drawn from one data set, such as 1/8
        for 80, 10 and 10 %. It widens the intervals for what such splits share; where there is
        one test set it has no effect. 0 says that the splits share no examples.

    Returns
    -------
    pandas.DataFrame
        A row per loss and metric: ``loss``, ``metric``, ``difference`` (mean of loss −
        baseline), ``low`` and ``high`` of its 95 % interval, ``pairs``, ``p``, ``p_holm``,
        ``verdict`` and ``over``.

        ``p`` is that of Student's paired t test, ``p_holm`` the same adjusted for all
        comparisons of this table (Holm). The ``verdict`` is "better" or "worse" if ``p_holm`` is
        at most 0.05 and there are five pairs or more, else "undecided".

        ``over`` says what the interval is over. "seeds, on one test set": it would hold the
        mean of ever more seeds on these very examples, and says nothing of others. "seeds and
        splits": each seed or fold has its own test examples; since the splits share examples,
        the interval is too narrow. "seeds and splits that share examples": the same, widened, and
        "seeds and splits that share no examples": see ``test_to_train``. "seeds and test
        examples": see ``predictions``.

    Raises
    ------
    ValueError
        If the table has no finished run of ``baseline``, two runs of one loss, fold and seed, or
        lacks a metric; if ``predictions`` are of more than one test set; if ``test_to_train``
        is negative or comes with predictions.
    FileNotFoundError
        If a run has no predictions there.

    Notes
    -----
    Of normal differences the interval holds the mean in 95 % of cases whatever the number of
    pairs; of very skewed ones (lognormal) in 82, 84 and 88 % with 5, 10 and 30 pairs. The
    percentile and the BCa bootstrap do worse: 71 to 85 % with five pairs.

    With ``test_to_train`` the variance of the mean of n splits is (1/n + ``test_to_train``) times
    that of one split, instead of 1/n (Nadeau and Bengio): ten splits of 80, 10 and 10 % make an
    interval 1.5 times as wide.

    With ``predictions`` a difference is taken as a sum of independent effects of seed, example
    and both. Their variances are those of the two-way analysis of variance, the degrees of
    freedom Satterthwaite's. To resample seeds and examples would give the same standard error
    with many seeds, but percentiles that are too narrow with five. Examples that belong
    together, such as images of one person, count as independent, which is too narrow.

    References
    ----------
    Student 1908. Holm 1979, *A Simple Sequentially Rejective Multiple Test Procedure*. Nadeau and
    Bengio 2003, *Inference for the Generalization Error* (splits that share examples). Owen 2007,
    *The Pigeonhole Bootstrap* (resampling both seeds and examples).
    """
    import pandas as pd

    done = read_runs(table, metrics, split)
    losses = list(dict.fromkeys(done["loss"]))
    if not isinstance(baseline, str) or baseline not in losses:
        raise ValueError(f"baseline must be a loss with a finished run, {losses}, got {baseline!r}")
    over, scores = scope_of(finished(table)), {}
    if test_to_train is not None and predictions is not None:
        raise ValueError(
            "test_to_train must be None where predictions are given: they are of one test set"
        )
    shared = _shared(test_to_train, over)
    if test_to_train is not None and over != _ONE_TEST_SET:
        over += _WIDENED if shared else _APART
    if predictions is not None:
        if "id" not in table:
            raise ValueError("table must have the column 'id' where predictions are given")
        done["id"] = finished(table)["id"].to_numpy()
        over, scores = _EXAMPLES, _read_scores(done, metrics, split, predictions)
    rows, values = [], done.pivot(index="repeat", columns="loss", values=list(metrics))
    for loss in losses:
        if loss == baseline:
            continue
        for metric in metrics:
            pairs = (values[metric, loss] - values[metric, baseline]).dropna()
            if predictions is None:
                mean, low, high, p = over_runs(pairs.to_numpy(float), shared)
            else:
                one, other = scores[metric, loss], scores[metric, baseline]
                mean, low, high, p = _over_runs_and_examples(
                    np.array([one[repeat] - other[repeat] for repeat in pairs.index])
                )
            row = {"loss": loss, "metric": metric, "difference": mean, "low": low, "high": high}
            rows.append(row | {"pairs": len(pairs), "p": p})
    columns = ["loss", "metric", "difference", "low", "high", "pairs", "p"]
    result = pd.DataFrame(rows, columns=columns)
    result["p_holm"] = adjust_for_number(result["p"].to_numpy(float))
    result["verdict"] = list(map(_verdict, result.itertuples()))
    return result.assign(over=over)


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
        A sentence that says what the intervals are over, then a sentence per metric, in lines of
        at most 79 characters; all but the first of a sentence are indented.
    """
    import pandas as pd

    check_is(differences, "differences", pd.DataFrame, "what paired_differences returns")
    needed = {"loss", "metric", "difference", "low", "high", "pairs", "p", "p_holm", "verdict"}
    if missing := sorted((needed | {"over"}) - set(differences.columns)):
        raise ValueError(f"differences must be of paired_differences, but lack {missing}")
    check_is(baseline, "baseline", str, "the name of a loss")
    against = look_of(baseline).label
    sentences = [_explain(over) for over in dict.fromkeys(differences["over"])]
    for metric, rows in differences.groupby("metric", sort=False):
        spec = METRICS[metric]
        parts = []
        for verdict in ("better", "worse"):
            named = [
                f"{look_of(row.loss).label} (by {abs(row.difference):.2g}, "
                f"95 % interval {min(abs(row.low), abs(row.high)):.2g} to "
                f"{max(abs(row.low), abs(row.high)):.2g}, p = {row.p:.2g}, "
                f"adjusted {row.p_holm:.2g})"
                for row in rows[rows["verdict"] == verdict].itertuples()
            ]
            if named:
                verb = "is" if len(named) == 1 else "are"
                parts.append(f"{_listed(named)} {verb} {verdict} than {against}")
        undecided, reasons = rows[rows["verdict"] == "undecided"], {}
        for row in undecided.itertuples():
            reasons.setdefault(_why_undecided(row), []).append(look_of(row.loss).label)
        for reason, named in reasons.items():
            words = "cannot be told from" if reason else "could not be compared with"
            parts.append(f"{_listed(named)} {words} {against}{reason}")
        direction = "higher" if spec.higher_is_better else "lower"
        sentences.append(f"{metric} ({direction} is better): {'; '.join(parts)}.")
    return "\n".join(fill(one, 79, subsequent_indent="  ") for one in sentences)


def _explain(over):
    caution = "; the splits share examples: too narrow"
    if over == _ONE_TEST_SET:
        caution = "; other test examples may give other verdicts"
    elif over == _EXAMPLES or over.endswith(_APART):
        caution = ""
    elif over.endswith(_WIDENED):
        caution = " (Nadeau and Bengio)"
    return (
        f"95 % intervals by Student's t over {over}{caution}. Better and worse: p ≤ {LEVEL:g} when "
        "adjusted for all comparisons (Holm)."
    )


def _why_undecided(row):
    if row.pairs == 0 or (row.pairs > 1 and row.p != row.p):
        return ""
    if row.pairs < ENOUGH_PAIRS:
        return f": {row.pairs} run{'s are' if row.pairs > 1 else ' is'} too few to tell"
    if row.p > LEVEL:
        return ": the interval contains zero"
    return f": p = {row.p:.2g} alone, but {row.p_holm:.2g} adjusted for all comparisons"


def scope_of(runs):
    """Say in what the finished runs of a table differ."""
    splits = [name for name in REPEATS if name != "seed" and name in runs]
    if not any(runs[name].nunique() > 1 for name in splits):
        return _ONE_TEST_SET
    return "seeds and splits" if runs["seed"].nunique() > 1 else "splits"


def _shared(test_to_train, over):
    """Return the part of a run's variance that runs of this scope share."""
    if test_to_train is None:
        return 0.0
    expected = "test examples / training examples, such as 1/8, or None"
    shared = read_number(test_to_train, "test_to_train", expected, lambda x: x >= 0)
    return 0.0 if over == _ONE_TEST_SET else shared


def over_runs(values, shared=0.0):
    """Return mean, 95 % interval and p of the hypothesis 0 from one value per run.

    ``shared`` is the part of a run's variance that the mean keeps, however many runs there are.
    """
    mean = values.mean() if len(values) else np.nan
    if len(values) < 2 or not np.all(np.isfinite(values)):
        return mean, np.nan, np.nan, np.nan
    error = values.std(ddof=1) * np.sqrt(1 / len(values) + shared)
    return mean, *_student(mean, error, len(values) - 1)


def _over_runs_and_examples(values):
    """Return the same from values of shape (runs, examples) with effects of both."""
    if len(values) == 0:
        return (np.nan,) * 4
    runs, examples = values.shape
    mean, by_run, by_example = values.mean(), values.mean(axis=1), values.mean(axis=0)
    if min(runs, examples) < 2:
        return mean, np.nan, np.nan, np.nan
    rest = values - by_run[:, None] - by_example + mean
    rest = np.sum(rest**2) / ((runs - 1) * (examples - 1))
    # mean squares of the two effects; that of the rest is in both, and counts once
    of_runs = max(examples * by_run.var(ddof=1), rest)
    of_examples = max(runs * by_example.var(ddof=1), rest)
    variance = of_runs + of_examples - rest
    freedom = of_runs**2 / (runs - 1) + of_examples**2 / (examples - 1)
    freedom = variance**2 / freedom if freedom else 1
    return mean, *_student(mean, np.sqrt(variance / values.size), freedom)


def _student(mean, error, freedom):
    """Return 95 % interval and p of the hypothesis 0 from a mean and its standard error."""
    from scipy import stats

    half = stats.t.ppf(1 - LEVEL / 2, freedom) * error
    p = 2 * stats.t.sf(abs(mean) / error, freedom) if error else float(mean == 0)
    return mean - half, mean + half, p


def adjust_for_number(p):
    """Adjust p values for their number, by Holm; NaN is none."""
    order = np.argsort(p)[: np.sum(~np.isnan(p))]
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted = np.full(len(p), np.nan)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(steps))
    return adjusted


def _verdict(row):
    if row.pairs < ENOUGH_PAIRS or not row.p_holm <= LEVEL:
        return "undecided"
    return "better" if (row.difference > 0) == METRICS[row.metric].higher_is_better else "worse"


def _read_scores(done, metrics, split, predictions):
    """Return (metric, loss) -> repeat -> the score of each example, shape (N,)."""
    if unknown := [name for name in metrics if name not in _SCORES]:
        raise ValueError(
            f"metrics must be among {list(_SCORES)} where predictions are given, got {unknown}"
        )
    read = getattr(predictions, "predictions", predictions)  # of a store
    if not callable(read):
        folder = read_path(predictions, "predictions", "a folder of runs, or a function")

        def read(identity):
            return read_predictions(folder / identity)

    scores, first = {}, None
    for row in done.itertuples():
        predicted = read(row.id)[split]
        first = predicted if first is None else first
        if not all(np.array_equal(predicted[name], first[name]) for name in ("index", "labels")):
            raise ValueError(
                f"predictions must be of one {split} set, but those of {row.id} are of another; "
                "leave predictions out, and the intervals are over seeds and splits"
            )
        for metric in metrics:
            scores.setdefault((metric, row.loss), {})[row.repeat] = _SCORES[metric](predicted)
    return scores


def _listed(words):
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]
