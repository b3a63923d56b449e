"""Look for learning rates on the validation split."""

import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from emdviz.losses.loss import COMPARED
from emdviz.metrics import METRICS
from emdviz.reading import check_is, read_flag, read_number, shown
from emdviz.training.comparison import plan_runs, read_seeds, train_rows
from emdviz.training.criterion import read_losses
from emdviz.training.results import make_table

if TYPE_CHECKING:
    import pandas as pd

WIDEST = 1e-7, 1e4
"""The least and the greatest learning rate that are tried."""


class RateSearch(NamedTuple):
    """What :func:`choose_rates` returns.

    Attributes
    ----------
    rates : dict of str to float
        The learning rate of each loss; ``compare_losses`` takes it as ``learning_rates``.
    table : pandas.DataFrame
        A row for every run of the search, without the test split.
    """

    rates: dict
    table: "pd.DataFrame"


def choose_rates(
    dataset,
    losses=COMPARED,
    *,
    rates=(0.01, 0.03, 0.1, 0.3),
    by="valid RPS",
    seeds=(0,),
    resplit=False,
    config=None,
    model="small_cnn",
    weights=None,
    loss_options=None,
    folder=None,
    together=None,
    on_epoch=None,
):
    """Look for the learning rate of each loss that is best on the validation split.

    Every loss is trained with every rate, the best is the one with the best mean over the seeds
    after the last epoch. While it is the least or the greatest that was tried, the next beyond it
    is tried as well, in the ratio of the two at that end: so the best lies inside. The test split
    is not looked at.

    Parameters
    ----------
    dataset, losses
        As for :func:`compare_losses`.
    rates : sequence of float
        Where to begin: two or more.
    by : str
        ``"valid "`` and a name in ``metrics.METRICS``.
    seeds, resplit, config, model, weights, loss_options, folder, together, on_epoch
        As for :func:`compare_losses`. Heads on features, all losses, seeds and rates of them, are
        trained side by side.

    Returns
    -------
    RateSearch
        ``rates``, a dict, and ``table``, all that was tried.

    Raises
    ------
    ValueError, TypeError
        If an argument is not as above.

    Warns
    -----
    UserWarning
        If no rate of a loss could be trained with, which then has no rate; if a best one still
        lies at an end of what is tried, 1e-7 to 1e4; and as :func:`compare_losses`.

    Examples
    --------
    >>> import torch
    >>> from emdviz import datasets
    >>> x = torch.linspace(-1, 1, 200)[:, None]
    >>> data = datasets.from_arrays(x, ((x[:, 0] + 1) * 1.9).long())
    >>> found = choose_rates(data, ["XE", "EMD2"], model="linear", rates=[0.1, 0.3])
    >>> list(found.rates), "test RPS" in found.table
    (['XE', 'EMD2'], False)
    """
    found, metric, rates = read_losses(losses), read_metric(by), read_rates(rates)
    seeds, resplit = read_seeds(seeds), read_flag(resplit, "resplit")
    sign = -1 if METRICS[metric].higher_is_better else 1
    tried, todo, rows = {name: rates for name in found}, dict.fromkeys(found, rates), []
    best = {}
    while todo:
        plan = plan_runs(
            dataset, [found[name] for name in todo], seeds, config, model=model, weights=weights,
            learning_rates=todo, folder=folder, resplit=resplit,
            loss_options={k: v for k, v in (loss_options or {}).items() if k in todo or not rows},
        )  # fmt: skip
        rows += train_rows(plan, model, weights, config, together, on_epoch, resplit, ["valid"])
        table, beyond = make_table(rows), {}
        for name in todo:
            best[name] = _best_rate(table[table["loss"] == name], by, sign)
            if (rate := _next(tried[name], best[name])) is not None:
                beyond[name] = [rate]
                tried[name] = sorted([*tried[name], rate])
        todo = beyond
    for name, rate in best.items():
        if rate is None:
            text = f"could not be trained with any learning rate, {tried[name][0]:g} or more"
        elif rate in (tried[name][0], tried[name][-1]):
            text = f"is best with the last learning rate that was tried, {rate:g}"
        else:
            continue
        warnings.warn(f"{name} {text}", stacklevel=2)
    return RateSearch({k: rate for k, rate in best.items() if rate is not None}, table)


def read_metric(by):
    """Return the name of a validation metric, or say why it must be one."""
    split, _, metric = str(by).partition(" ")
    if split != "valid" or metric not in METRICS:
        raise ValueError(
            f"by must be 'valid ' and one of {sorted(METRICS)}, since what was chosen by the "
            f"test split looks better there than it is; got {by!r}"
        )
    return metric


def read_rates(rates):
    """Return learning rates in order, two or more, or say what is wrong with them."""
    check_is(rates, "rates", Iterable, "a list of learning rates, such as [0.01, 0.1]")
    expected = f"from {WIDEST[0]:g} to {WIDEST[1]:g}"
    rates = [
        read_number(rate, "rates", expected, lambda x: WIDEST[0] <= x <= WIDEST[1])
        for rate in rates
    ]
    if len(set(rates)) < max(2, len(rates)):
        raise ValueError(f"rates must be two or more different learning rates, got {shown(rates)}")
    return sorted(rates)


def _best_rate(table, by, sign):
    """Return the rate of the best mean, of equally good ones the greatest; None if all failed."""
    if by not in table:  # as where all failed
        return None
    failed = table.loc[(table["error"] != "") | table[by].isna(), "learning_rate"]
    done = table[~table["learning_rate"].isin(failed)]
    means = sign * done.groupby("learning_rate")[by].mean()
    return None if means.empty else float(means[::-1].idxmin())


def _next(tried, best):
    """Return the rate to try if the best, None where all failed, lies at an end; or None."""
    if best is None or best == tried[0]:
        rate = tried[0] ** 2 / tried[1]
    elif best == tried[-1]:
        rate = tried[-1] ** 2 / tried[-2]
    else:
        return None
    rate = float(f"{rate:.3g}")
    return rate if WIDEST[0] <= rate <= WIDEST[1] else None
