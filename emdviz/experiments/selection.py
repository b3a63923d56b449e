"""Choose learning rates and options by the validation split."""

from emdviz.metrics import METRICS
from emdviz.reading import check_is, read_names
from emdviz.training.rates import read_metric
from emdviz.training.results import OUTCOME, check_origin, finished


def select(frame, by="valid RPS", *, over=None, across=("fold", "seed")):
    """Choose the best hyper-parameters of each method by validation, never by the test split.

    For each combination of the other columns of the spec (data set and its options, network,
    loss, epochs, …), that value of the ``over`` columns is chosen whose mean of ``by`` across
    folds and seeds is best.

    Parameters
    ----------
    frame : pandas.DataFrame
        From :func:`run`, :func:`results` or ``training.compare_losses``.
    by : str
        ``"valid "`` and a name in ``metrics.METRICS``. "valid RPS" is defined for regression as
        well, and for a distribution it is strictly proper.
    over : sequence of str, optional
        The columns to choose: the learning rate and every option of a loss by default.
    across : sequence of str
        The columns to average over. To choose within each fold, as in nested cross-validation,
        leave "fold" out.

    Returns
    -------
    pandas.DataFrame
        The rows that were chosen, all folds and seeds of them, as they stand in ``frame``. A
        choice is only among those that were finished in as many folds and seeds as any; of
        equally good ones the first in the order of ``over`` is chosen.

    Raises
    ------
    ValueError
        If ``by`` is no validation metric, or a column is not in ``frame``.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"loss": "XE", "fold": 0, "seed": 0, "learning_rate": [0.1, 0.01],
    ...                       "error": "", "valid RPS": [1.2, 0.9], "test RPS": [0.7, 1.0]})
    >>> select(frame)["learning_rate"].tolist()
    [0.01]
    """
    import pandas as pd

    check_is(frame, "frame", pd.DataFrame, "a table of results, as experiments.results returns it")
    if "error" not in frame:
        raise ValueError("frame must be as experiments.results returns it, but lacks 'error'")
    check_origin(frame)
    metric = read_metric(by)
    over = _searched(frame) if over is None else read_names(over, "over")
    across = read_names(across, "across")
    for name in (*over, *across, by):
        if name not in frame:
            raise ValueError(f"frame must have the columns of over, across and by; lacks {name!r}")
    places = frame.reset_index(drop=True)  # an index may name rows twice
    done = finished(places)
    done = done[done[by].notna()]
    same = [name for name in frame if not _is_outcome(name) and name not in (*over, *across)]
    chosen = []
    for _, rivals in done.groupby(same, dropna=False, sort=False) if same else [((), done)]:
        chosen += _best(rivals, by, over, across, METRICS[metric].higher_is_better)
    return frame.iloc[sorted(chosen)]


def _searched(frame):
    return ["learning_rate", *(name for name in frame if str(name).startswith("loss "))]


def _is_outcome(name):
    return name in ("id", *OUTCOME) or str(name).startswith(("valid ", "test "))


def _best(rivals, by, over, across, higher_is_better):
    """Return the places of the best candidate's rows."""
    candidates = [rows for _, rows in rivals.groupby(over, dropna=False)]
    covered = [set(map(str, rows[across].itertuples(index=False))) for rows in candidates]
    whole = max(covered, key=len)
    fair = [rows for rows, seen in zip(candidates, covered, strict=True) if seen >= whole]
    sign = -1 if higher_is_better else 1
    return list(min(fair, key=lambda rows: sign * rows[by].mean()).index)
