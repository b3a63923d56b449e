"""Models of scikit-learn on the same rows, to tell whether the networks are worth comparing."""

import json
import time
import warnings

import numpy as np

from emdviz.comparing.progress import bar
from emdviz.metrics import evaluate
from emdviz.training.conclusions import over_runs
from emdviz.training.results import finished
from emdviz.writing import write_whole

NAMES = ("logistic regression", "gradient boosting")

FILE = "baselines.json"
"""In the folder of the comparison; begun baselines are not computed again."""

FEW_ROWS = 20_000
"""Trees of fewer training rows take one thread: several wait for one another for longer than they
compute, which takes three times the processor time."""

FAR = 0.05
"""A baseline is ahead by far if its mean RPS is less by this share or more, and the interval of
the paired differences, widened for the rows that splits share, excludes 0."""


def run_baselines(data, seeds, folder, progress=None, *, resplit=True):
    """Fit logistic regression and gradient boosting for each seed, which draws its own split.

    The inputs are rows of numbers; votes count by their majority, weights as sample weights.
    Without ``resplit`` all are fitted on the splits of the data. Returns a DataFrame with a row
    for each ``baseline`` and ``seed``: ``seconds``, and the metrics of ``metrics.evaluate`` for
    both splits, as ``valid RPS`` and ``test RPS``.
    """
    import pandas as pd

    path, rows = folder / FILE, []
    if path.exists():
        rows = json.loads(path.read_text(encoding="utf-8"))
    done = {(row["baseline"], row["seed"]) for row in rows}
    with bar(len(seeds) * len(NAMES), "baselines", progress, unit=" fits") as shown:
        for seed in seeds:
            own = data.resplit(seed) if resplit else data
            for name in NAMES:
                if (name, seed) not in done:
                    rows.append({"baseline": name, "seed": seed} | _fit(own, name, seed))
                    write_whole(path, json.dumps(rows, indent=1).encode())
                shown()
    table = pd.DataFrame(rows)
    return table[table["seed"].isin(seeds)].reset_index(drop=True)


def _fit(data, name, seed):
    from threadpoolctl import threadpool_limits

    start, measured = time.perf_counter(), {}
    train = data.split("train")
    weights = None if train.weights is None else train.weights.numpy()
    model = _make(name, seed)
    last = model.steps[-1][0]
    threads = 1 if len(train) < FEW_ROWS else None
    with warnings.catch_warnings(), threadpool_limits(threads, user_api="openmp"):
        warnings.simplefilter("ignore")  # of iterations that did not converge, as is usual
        model.fit(_rows(train), train.labels.numpy(), **{f"{last}__sample_weight": weights})
    for split in ("valid", "test"):
        part = data.split(split)
        p = np.zeros((len(part), len(data.classes)))
        p[:, model.classes_] = model.predict_proba(_rows(part))
        found = evaluate(p, part.labels.numpy())
        measured |= {f"{split} {key}": float(value) for key, value in found.items()}
    return {"seconds": time.perf_counter() - start} | measured


def _make(name, seed):
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if name == "gradient boosting":
        return make_pipeline(HistGradientBoostingClassifier(random_state=seed))
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))


def _rows(split):
    return split.inputs.reshape(len(split), -1).numpy()


def note_on_baselines(table, baselines, test_to_train):
    """Return a note, in a list, if a baseline is ahead of every loss by far, and else none.

    Judged by the test RPS of those seeds that both have, each on its own split.
    """
    done = finished(table)
    if "test RPS" not in done or done.empty:
        return []
    losses = done.pivot(index="seed", columns="loss", values="test RPS")
    fits = baselines.pivot(index="seed", columns="baseline", values="test RPS")
    loss, name = losses.mean().idxmin(), fits.mean().idxmin()
    pairs = (losses[loss] - fits[name]).dropna()
    behind, low, *_ = over_runs(pairs.to_numpy(), test_to_train)
    if not low > 0 or behind < FAR * losses[loss].mean():
        return []
    return [
        f"{name} beats every network by far: test RPS {fits[name].mean():.3g}, against "
        f"{losses[loss].mean():.3g} of the best loss, {loss}. What these networks show of losses "
        "says little; try another network, or more epochs"
    ]
