"""The numbers of a report, all of them computed from a comparison."""

from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from emdviz.beliefs import reliability
from emdviz.distances import emd, emd2
from emdviz.distributions import one_hot, spread
from emdviz.training import paired_differences, summarise
from emdviz.training.conclusions import LEVEL, over_runs, scope_of
from emdviz.training.results import finished

JUDGED = ("RPS", "MAE", "macro MAE", "AEM")
"""The metrics in which losses are compared with the baseline, the main one first."""

TOLD = ("RPS", "MAE", "macro MAE", "AEM", "AEO", "QWK", "log loss", "ECE", "score MAE")
"""The metrics whose means are shown, where a comparison has them."""

POWER = 0.8
"""The power of a study of the sizes that the report names."""

FAR = 0.05
"""A baseline beats the networks by far if its RPS is lower by more than this share of theirs."""

EXAMPLES = 6
"""Test rows that are shown with what each loss believes of them."""

FEW = 10
"""Test rows of a class below which its errors rest on too little."""


@dataclass(frozen=True)
class Findings:
    """The numbers of a comparison.

    Attributes
    ----------
    comparison : comparing.Comparison
    done : pandas.DataFrame
        The finished runs of its table.
    losses, seeds : list
    baseline : str
        "XE", or the first loss where that was not trained.
    """

    comparison: object
    done: object
    losses: list
    seeds: list
    baseline: str

    @classmethod
    def of(cls, comparison):
        """Read a comparison.

        Raises
        ------
        ValueError
            If it has no finished run.
        """
        done = finished(comparison.table)
        if done.empty:
            raise ValueError(
                "comparison must have a finished run, got none; its table's column 'error' says why"
            )
        losses = list(dict.fromkeys(done["loss"]))
        seeds = sorted(set(done["seed"].astype(int)))
        return cls(comparison, done, losses, seeds, "XE" if "XE" in losses else losses[0])

    @property
    def data(self):
        """All of the data."""
        return self.comparison.data

    @property
    def classes(self):
        """Names of the classes, in order."""
        return list(self.data.classes)

    @cached_property
    def summary(self):
        """Means of all metrics with their intervals."""
        return summarise(self.done, self._having(TOLD), test_to_train=self.shared)

    @cached_property
    def differences(self):
        """Paired differences to the baseline in the metrics that are judged."""
        return paired_differences(
            self.done, self._having(JUDGED), baseline=self.baseline, test_to_train=self.shared
        )

    @property
    def over(self):
        """What the intervals are over."""
        return scope_of(self.done)

    @property
    def shared(self):
        """Test rows / training rows where each seed drew its own split, else 0."""
        return self.sizes["test"] / self.sizes["train"] if self.resplit else 0.0

    @property
    def resplit(self):
        """Whether each seed drew its own split."""
        return self.over != "seeds, on one test set"

    @cached_property
    def sizes(self):
        """Rows in each part of the first split."""
        return {name: len(rows) for name, rows in self.data.splits.items()}

    @cached_property
    def tests(self):
        """(loss, seed) -> predictions for the test rows of that run."""
        pairs = self.done[["loss", "seed"]].itertuples(index=False)
        return {
            (loss, int(seed)): self.comparison.predictions(loss, int(seed))["test"]
            for loss, seed in pairs
        }

    def of_loss(self, loss):
        """Return the predictions of all runs of a loss, one after the other."""
        runs = [self.tests[key] for key in self.tests if key[0] == loss]
        return {name: np.concatenate([run[name] for run in runs]) for name in runs[0]}

    @cached_property
    def distributional(self):
        """The losses that predict a distribution."""
        first = {loss: key for key in reversed(self.tests) for loss in [key[0]]}
        return [loss for loss in self.losses if "probabilities" in self.tests[first[loss]]]

    @cached_property
    def by_class(self):
        """Loss -> class -> mean absolute error of its test rows, NaN where there are none."""
        found = {}
        for loss in self.losses:
            seen = self.of_loss(loss)
            errors = abs(seen["classes"].astype(int) - seen["labels"])
            count = self._counts(seen["labels"])
            sums = np.bincount(seen["labels"], errors, minlength=len(self.classes))
            found[loss] = np.where(count > 0, sums / np.maximum(count, 1), np.nan)
        return found

    @cached_property
    def test_rows(self):
        """Class -> rows of it in a test set, a mean over the splits."""
        return (
            self._counts(self.of_loss(self.baseline)["labels"])
            / (self.done["loss"] == self.baseline).sum()
        )

    @cached_property
    def never_predicted(self):
        """Loss -> names of classes that are in its test sets and that no run of it predicts."""
        found = {}
        for loss in self.losses:
            seen = self.of_loss(loss)
            there, said = (self._counts(seen[name].astype(int)) for name in ("labels", "classes"))
            found[loss] = [self.classes[k] for k in np.flatnonzero((there > 0) & (said == 0))]
        return {loss: names for loss, names in found.items() if names}

    @cached_property
    def calibration(self):
        """Loss -> its curve of reliability, spreads, and how its 90 % intervals do."""
        found = {}
        for loss in self.distributional:
            seen = self.of_loss(loss)
            p, labels = _normal(seen["probabilities"]), seen["labels"]
            low, high = central_interval(p)
            found[loss] = {
                "curve": reliability(p, labels, cumulative=True),
                "spreads": spread(p),
                "coverage": 100 * np.mean((low <= labels) & (labels <= high)),
                "width": np.mean(high - low),
            }
        return found

    @cached_property
    def curves(self):
        """The mean over the seeds of each validation metric, by loss and epoch."""
        return self.comparison.histories().groupby(["loss", "epoch"]).mean(numeric_only=True)

    @cached_property
    def baselines(self):
        """Name of a baseline -> metric -> (mean, difference to the network, its interval), or {}.

        The network is that of the best loss by validation RPS; differences are paired by seed.
        """
        frame = self.comparison.baselines
        if frame is None or not len(frame):
            return {}
        found, best = {}, self.done[self.done["loss"] == self.comparison.best()]
        for name, rows in frame.groupby("baseline", sort=False):
            found[name] = {}
            for metric in TOLD:
                column = f"test {metric}"
                if column in rows and column in best and rows[column].notna().any():
                    pairs = rows.set_index("seed")[column] - best.set_index("seed")[column]
                    found[name][metric] = (
                        rows[column].mean(),
                        *over_runs(pairs.dropna().to_numpy(), self.shared)[:3],
                    )
        return found

    @cached_property
    def far_better(self):
        """The baselines that beat the networks by far, and by which share of their RPS."""
        best = self.done[self.done["loss"] == self.comparison.best()]["test RPS"].mean()
        found = {}
        for name, metrics in self.baselines.items():
            if "RPS" in metrics:
                _, difference, _, high = metrics["RPS"]
                if difference < -FAR * best and not high >= 0:
                    found[name] = -difference / best
        return found

    @cached_property
    def detectable(self):
        """Metric -> the least difference that these runs would show with a chance of ``POWER``.

        The median over the losses, each at the level that is left to one of all comparisons.
        """
        found = {}
        for metric, rows in self.differences.groupby("metric", sort=False):
            deviations = [self._deviation(loss, metric) for loss in rows["loss"]]
            count = int(rows["pairs"].min())
            if count > 1:
                steps = _steps(count, self._level(), self.shared)
                found[metric] = float(np.median(deviations)) * steps
        return found

    @cached_property
    def needed(self):
        """The largest difference in RPS that is undecided, and what would decide it, or None.

        A dict: ``loss``, ``difference``, ``runs`` and ``examples``: how many runs like these, or
        rows of one independent test set, would show it with a chance of ``POWER`` if it were true;
        None where no number does.
        """
        rows = self.differences
        rows = rows[(rows["metric"] == "RPS") & (rows["verdict"] == "undecided")]
        rows = rows[rows["pairs"] > 1]
        if rows.empty or self.baseline not in self.losses:
            return None
        row = rows.loc[rows["difference"].abs().idxmax()]
        size = abs(row.difference)
        if not size > 0:
            return None
        deviation = self._deviation(row.loss, "RPS")
        runs = next_count(lambda n: _steps(n, self._level(), self.shared) * deviation <= size)
        apart = self._score_differences(row.loss)
        examples = next_count(lambda n: _steps(n, self._level()) * apart.std(ddof=1) <= size)
        return {"loss": row.loss, "difference": size, "runs": runs, "examples": examples}

    @cached_property
    def examples(self):
        """The test rows of one run on which the losses differ most.

        A list of dicts: ``index`` in the data, ``label``, ``beliefs`` (loss -> p, certainty of a
        class where a loss predicts no distribution) and ``distance``, the largest EMD between two.
        """
        seed = next(
            (s for s in self.seeds if all((loss, s) in self.tests for loss in self.losses)), None
        )
        if seed is None or len(self.losses) < 2:
            return []
        runs = {loss: self.tests[loss, seed] for loss in self.losses}
        beliefs = {loss: _beliefs(run, len(self.classes)) for loss, run in runs.items()}
        compared = self.distributional if len(self.distributional) > 1 else self.losses
        first = runs[self.losses[0]]
        distances = np.max(
            [
                emd(beliefs[one], beliefs[other])
                for k, one in enumerate(compared)
                for other in compared[k + 1 :]
            ],
            axis=0,
        )
        together = np.concatenate(list(beliefs.values()), axis=1).round(6)
        _, distinct = np.unique(together, axis=0, return_index=True)  # of rows that are alike, one
        order = distinct[np.argsort(-distances[distinct], kind="stable")]
        return [
            {
                "index": int(first["index"][k]),
                "label": int(first["labels"][k]),
                "beliefs": {loss: p[k] for loss, p in beliefs.items()},
                "distance": float(distances[k]),
                "seed": seed,
            }
            for k in order[:EXAMPLES]
        ]

    @cached_property
    def still_learning(self):
        """Loss -> the share by which its validation RPS fell over the last tenth of the epochs."""
        found = {}
        if "valid RPS" not in self.curves:
            return found
        for loss, curve in self.curves["valid RPS"].groupby("loss"):
            values = curve.to_numpy()
            before = values[-1 - max(1, len(values) // 10)] if len(values) > 2 else np.nan
            if before > 0 and (before - values[-1]) / before > 0.01:
                found[loss] = float((before - values[-1]) / before)
        return found

    def test_rows_of(self, loss):
        """Return how many predictions for test rows all runs of a loss have made."""
        return len(self.of_loss(loss)["labels"])

    def _having(self, metrics):
        measured = self.done.dropna(axis="columns", how="all")
        return [m for m in metrics if f"test {m}" in measured]

    def _counts(self, labels):
        return np.bincount(labels, minlength=len(self.classes))

    def _level(self):
        return LEVEL / max(1, len(self.differences))

    def _deviation(self, loss, metric):
        """Return the standard deviation of one paired difference."""
        values = self.done.pivot_table(index="seed", columns="loss", values=f"test {metric}")
        return float((values[loss] - values[self.baseline]).std(ddof=1))

    def _score_differences(self, loss):
        """Return the difference in RPS of each test row, from all runs."""
        scores = {key: _scores(run, len(self.classes)) for key, run in self.tests.items()}
        both = [s for s in self.seeds if {(loss, s), (self.baseline, s)} <= set(scores)]
        return np.concatenate([scores[loss, s] - scores[self.baseline, s] for s in both])


def central_interval(p):
    """Return the first classes at which the CDF reaches 5 and 95 %, arrays (N,).

    Examples
    --------
    >>> central_interval(np.array([[0.02, 0.9, 0.08], [1.0, 0.0, 0.0]]))
    (array([1, 0]), array([2, 0]))
    """
    sums = np.cumsum(p, axis=1)
    return tuple((sums >= share - 1e-9).argmax(axis=1) for share in (0.05, 0.95))


def next_count(enough):
    """Return the least whole number from 2 on that is enough, or None if ten million are not.

    Examples
    --------
    >>> next_count(lambda n: n * n >= 50)
    8
    """
    counts = range(2, 10**7 + 1)
    place = bisect_left(counts, True, key=enough)
    return counts[place] if place < len(counts) else None


def _steps(count, level, share=0):
    """Return how many standard deviations of one pair a difference must have to be seen.

    So many that Student's t, which is then noncentral, exceeds its quantile at ``level`` with the
    chance ``POWER``. ``share`` is what the variance of a mean keeps however many pairs there are.
    """
    from scipy import optimize, stats

    edge = stats.t.ppf(1 - level / 2, count - 1)
    steps = optimize.brentq(lambda x: stats.nct.sf(edge, count - 1, x) - POWER, 0, 4 * edge + 9)
    return steps * np.sqrt(1 / count + share)


def _normal(p):
    """Return distributions in double precision whose sums are 1 to all digits."""
    p = np.asarray(p, dtype=float)
    return p / p.sum(axis=1, keepdims=True)


def _beliefs(run, num_classes):
    if "probabilities" in run:
        return _normal(run["probabilities"])
    return one_hot(run["classes"].astype(int), num_classes)


def _scores(run, num_classes):
    """Return the RPS of each row: of a point prediction, that of certainty."""
    return emd2(_beliefs(run, num_classes), one_hot(run["labels"], num_classes))
