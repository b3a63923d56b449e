"""The paper's Tables 1 to 3: the runs that they take, and finished runs laid out like them."""

import inspect
from dataclasses import replace
from itertools import product

import numpy as np

from emdviz import published
from emdviz.datasets import DATASETS
from emdviz.datasets.splits import SHARES
from emdviz.experiments.export import escape_latex
from emdviz.experiments.selection import select
from emdviz.experiments.specs import PAPER_LAMBDAS, PAPER_RATES, RunSpec, paper_config
from emdviz.losses import LOSSES
from emdviz.metrics import METRICS, spearman
from emdviz.models import MODELS
from emdviz.reading import ArgumentError, read_choice
from emdviz.training import TrainConfig, paired_differences
from emdviz.training.conclusions import ENOUGH_PAIRS, LEVEL, adjust_for_number
from emdviz.training.results import OUTCOME, REPEATS, check_origin, finished, without_copies

SIZE, CROP = 256, 227
"""Pixels of the images, and of what the networks see of them."""

EPOCHS = 30
"""The paper prints no number of epochs; this is ours."""

BINS, ENSEMBLE_BINS = 10, range(3, 11)
ENSEMBLE, ENSEMBLE_OF, ENSEMBLE_LOSS = "VGG_F×8", "VGG_F", "EMD2"

QUICK_RATES = {name: PAPER_RATES[1:3] if name == "REG" else PAPER_RATES[:2] for name in LOSSES}
"""Two for each loss; squared errors of a regression make long steps, so it takes smaller ones."""

STATISTICS = ("mean", "spread", "runs")
MISSING = "—"
"""The cell of a table where there is no number."""

_VARY = ("id", "fold", "seed", "network", "weights", "loss", "learning_rate")
_VARY += (*OUTCOME, "dataset seed", "dataset bins")


class MixedRunsError(ValueError):
    """Runs that differ in a ``column`` in which the runs of one table must be alike."""

    def __init__(self, message, column=""):
        super().__init__(message)
        self.column = column


def table_specs(
    number,
    root=None,
    *,
    dataset=None,
    size=SIZE,
    networks=None,
    losses=None,
    folds=None,
    seeds=None,
    rates=PAPER_RATES,
    weights=None,
    config=None,
    dataset_options=None,
    edition=None,
):
    """Return the runs that a table of the paper takes.

    For each network, loss and fold a run for each learning rate, and for AEMD for each λ as
    well; :func:`table` takes the best of them by validation. Table 3 takes besides VGG_F with
    EMD² on 3 to 10 classes, for VGG_F×8.

    Parameters
    ----------
    number : int
        1, 2 or 3.
    root : str or Path, optional
        The folder of the data set; by default where the data set looks for it.
    dataset : str, optional
        Another data set than the paper's, by its name in ``datasets.DATASETS``.
    size : int
        Height and width of the images in pixels.
    networks, losses : sequence of str, optional
        Those of the table by default.
    folds : sequence of int, optional
        0 to 4 for Adience by default. For a data set without folds, seeds of its splits and of
        the training; by default one of each. Data with a split of its own keep that.
    seeds : sequence of int, optional
        Seeds of the training in each fold, for first weights and batches; that of ``config`` by
        default.
    rates : sequence of float, or dict of str to sequence
        Learning rates, for all losses or by loss; all seven for a loss that is not in it.
    weights : dict of str to str or Path, optional
        Where a network starts from, as ``models.make`` takes it; None for chance. VGG_F takes
        torchvision's weights unless this says something else; RES_F must be in it.
    config : training.TrainConfig, optional
        By default the paper's momentum, crop of 227 px and mean over two mirror images, and
        30 epochs, which are ours. The learning rate is replaced by each of ``rates``.
    dataset_options : dict, optional
        Further arguments of the data set, such as ``{"bins": 5}``.
    edition : str, optional
        A name for its files, as for :class:`RunSpec`.

    Returns
    -------
    list of RunSpec

    Raises
    ------
    ValueError
        If a name does not exist, or a network lacks its weights.

    Notes
    -----
    The paper's AEMD takes distances between class centres, in the features of a network that it
    does not name, as ground distance; here it is |i − j|.

    Examples
    --------
    >>> len(table_specs(1, weights={"RES_F": None}))  # 4 networks, 5 folds, 7 rates, 3 + 3 losses
    840
    """
    source = published.find(number)
    dataset = dataset or source.dataset
    known = _parameters(dataset)
    if folds is None:
        folds = range(5) if "fold" in known else (None,)
    networks = networks or [name for name in source.networks if name != ENSEMBLE]
    config = config or paper_config(epochs=EPOCHS, crop=CROP)
    weights = {ENSEMBLE_OF: "IMAGENET1K_V1"} | (weights or {})
    specs = []
    for fold, seed, network, loss in product(
        folds, [None] if seeds is None else seeds, networks, losses or source.losses
    ):
        options = {"size": size} | ({} if root is None else {"root": root})
        if "fold" not in known and fold is not None:
            options |= {"seed": fold} if "seed" in known else {}
            seed, fold = fold if seed is None else seed, None
        own = config if seed is None else replace(config, seed=seed)
        cuts = [{}]
        if _has_bins(known):  # where all that is labelled is a number
            many = network.startswith(ENSEMBLE_OF) and loss == ENSEMBLE_LOSS and number == 3
            cuts = [{"bins": bins} for bins in (ENSEMBLE_BINS if many else (BINS,))]
        lams = [{"lam": lam} for lam in PAPER_LAMBDAS] if loss == "AEMD" else [{}]
        own_rates = rates.get(loss, PAPER_RATES) if isinstance(rates, dict) else rates
        for cut, lam, rate in product(cuts, lams, own_rates):
            spec = RunSpec(
                dataset,
                options | cut | dict(dataset_options or {}),
                fold=fold,
                network=network,
                weights=_weights(network, weights),
                loss=loss,
                loss_options=lam,
                config=replace(own, learning_rate=rate),
                edition=edition,
            )
            edition = spec.edition  # of all, so that their files are looked at once
            specs.append(spec)
    return specs


def quick_specs(number, root=None, *, dataset="synthetic_faces", n=600, **changes):
    """Return the runs of a small table: one small network, two learning rates, two folds.

    Parameters
    ----------
    number, root
        As for :func:`table_specs`.
    dataset : str
        Drawn faces by default, other ones for each fold.
    n : int
        How many faces are drawn.
    **changes
        Other arguments of :func:`table_specs`.

    Returns
    -------
    list of RunSpec

    Examples
    --------
    >>> len(quick_specs(2))  # 2 folds, 3 losses, 2 rates
    12
    """
    config = TrainConfig(epochs=3, batch_size=32)
    quick = {"size": 32, "networks": ["small_cnn"], "folds": range(2), "rates": QUICK_RATES}
    specs = table_specs(number, root, dataset=dataset, **({"config": config} | quick | changes))
    if dataset != "synthetic_faces":
        return specs
    return [replace(s, dataset_options={"n": n} | dict(s.dataset_options)) for s in specs]


def table(frame, number, *, dataset=None, store=None, metrics=None):
    """Lay finished runs out like a table of the paper.

    Learning rate and λ are chosen by the RPS on validation.

    Parameters
    ----------
    frame : pandas.DataFrame
        From :func:`results`; runs of other data sets do not count.
    number : int
        1, 2 or 3.
    dataset : str, optional
        The table's by default.
    store : Store, str or Path, optional
        Where the predictions are that VGG_F×8 is made of; without it, that stays empty.
    metrics : sequence of str, optional
        Names in ``metrics.METRICS``; the table's by default.

    Returns
    -------
    pandas.DataFrame
        A row per loss: those of the table first, of other data only what there are runs of. The
        columns are (network, metric, statistic), for all networks that there are runs of, those of
        the table first: the ``"mean"`` over folds,
        their ``"spread"`` (standard deviation; NaN for a single one), and how many ``"runs"``
        are behind it. NaN and 0 runs where nothing is finished.

    Raises
    ------
    ValueError
        If the runs differ in more than what a table varies, such as in their epochs: their mean
        would say nothing.
    """
    import pandas as pd

    source = published.find(number)
    chosen = _choose(frame, dataset or source.dataset)
    is_papers = dataset in (None, source.dataset)
    printed = source.networks if is_papers else ()
    networks = list(dict.fromkeys([*printed, *chosen["network"]]))
    if store is not None and ENSEMBLE in networks:
        chosen = pd.concat([chosen, ensembles(chosen, store)], ignore_index=True)
    chosen = _of_usual_bins(chosen, dataset or source.dataset)
    printed = [loss for loss in source.losses if is_papers or (chosen["loss"] == loss).any()]
    losses = list(dict.fromkeys([*printed, *chosen["loss"]]))
    cells = {}
    for network, metric in product(networks, metrics or source.metrics):
        for loss in losses:
            here = (chosen["network"] == network) & (chosen["loss"] == loss)
            values = [] if not here.any() else chosen.loc[here, f"test {metric}"].dropna()
            mean = np.mean(values) if len(values) else np.nan
            spread = np.std(values, ddof=1) if len(values) > 1 else np.nan
            for name, value in zip(STATISTICS, (mean, spread, len(values)), strict=True):
                cells.setdefault((network, metric, name), {})[loss] = value
    laid = pd.DataFrame(cells, index=pd.Index(losses, name="loss"))
    laid.columns = pd.MultiIndex.from_tuples(cells, names=["network", "metric", "statistic"])
    return laid


def standing(frame, number, *, dataset=None):
    """Return the cells of a table whose loss is better than every other of its network.

    The loss with the best mean is compared with each other one, run by run, as
    :func:`training.paired_differences` does; it stands if all these differences do when their p
    values are adjusted for all comparisons of the table (Holm). It takes five runs or more of each
    loss. For splits that share examples the intervals are widened by the share that folds, or
    splits of 80, 10 and 10 %, have.

    Parameters
    ----------
    frame, number, dataset
        As for :func:`table`.

    Returns
    -------
    set of tuple
        ``(loss, network, metric)``; empty where nothing stands.
    """
    source, tried = published.find(number), []
    chosen = _choose(frame, dataset or source.dataset)
    chosen = _of_usual_bins(chosen, dataset or source.dataset)
    folds = chosen["fold"].nunique()
    shared = 1 / (folds - 1) if folds > 1 else SHARES["test"] / SHARES["train"]
    for (network, rows), metric in product(chosen.groupby("network"), source.metrics):
        means = rows.groupby("loss")[f"test {metric}"].mean().dropna()
        if len(means) < 2:
            continue
        best = means.idxmax() if METRICS[metric].higher_is_better else means.idxmin()
        rows = rows[rows["loss"].isin(means.index)]
        found = paired_differences(rows, [metric], baseline=best, test_to_train=shared)
        tried += [((best, network, metric), row.pairs, row.p) for row in found.itertuples()]
    adjusted = adjust_for_number(np.array([p for _, _, p in tried]))
    doubtful = {
        cell
        for (cell, pairs, _), p in zip(tried, adjusted, strict=True)
        if pairs < ENOUGH_PAIRS or not p <= LEVEL
    }
    return {cell for cell, _, _ in tried} - doubtful


def ensembles(chosen, store):
    """Return a row for each ensemble of eight networks whose members are all there.

    The prediction is the mean of the members' expected scores; its metric is Spearman's ρ with
    the real scores.
    """
    import pandas as pd

    from emdviz.experiments.store import as_store

    rows, store = [], as_store(store)
    members = chosen[
        chosen["network"].str.startswith(ENSEMBLE_OF) & (chosen["loss"] == ENSEMBLE_LOSS)
    ]
    groups = [name for name in ("network", "seed", "dataset seed") if name in members]
    for _, group in members.groupby(groups, dropna=False):
        if set(group.get("dataset bins", ())) != set(ENSEMBLE_BINS):
            continue
        predicted = [store.predictions(identity) for identity in group["id"]]
        row = {"network": ENSEMBLE, "loss": ENSEMBLE_LOSS, "dataset bins": BINS}
        for split in ("valid", "test"):
            scores = np.mean([one[split]["expected"] for one in predicted], axis=0)
            truth = predicted[0][split]["scores"]
            row[f"{split} Spearman"] = spearman(scores, truth)
        rows.append(row | {"seed": group["seed"].iloc[0]})
    return pd.DataFrame(rows, columns=None if rows else ["network", "loss"])


def beside(laid, number, *, dataset=None):
    """Put the printed numbers beside those of one's own runs.

    Parameters
    ----------
    laid : pandas.DataFrame
        From :func:`table`.
    number : int
    dataset : str, optional
        What the runs are of: beside another data set than the table's no printed number stands.

    Returns
    -------
    pandas.DataFrame
        A row per loss, network and metric: ``printed``, ``mean``, ``spread``, ``runs``, and
        ``difference``, mean − printed. NaN where either is missing. For another data set, without
        ``printed`` and ``difference``.
    """
    import pandas as pd

    printed, rows = published.printed(number), []
    is_papers = dataset in (None, published.find(number).dataset)
    if not is_papers:
        printed = printed.iloc[:0, :0]
    own, theirs = laid.to_dict(), printed.to_dict()
    losses = dict.fromkeys([*printed.index, *laid.index])
    networks = dict.fromkeys(column[0] for column in (*printed, *laid))
    for loss, network, metric in product(losses, networks, published.find(number).metrics):
        row = {"loss": loss, "network": network, "metric": metric}
        row["printed"] = theirs.get((network, metric), {}).get(loss)
        mine = {name: own.get((network, metric, name), {}) for name in STATISTICS}
        rows.append(row | {name: values.get(loss) for name, values in mine.items()})
    both = pd.DataFrame(rows).astype(dict.fromkeys(("printed", *STATISTICS), float))
    both["runs"] = both["runs"].fillna(0).astype(int)
    if not is_papers:
        return both.drop(columns="printed")
    return both.assign(difference=both["mean"] - both["printed"])


def show(laid, number):
    """Write a table as text, with a cell for each network as in the paper.

    Parameters
    ----------
    laid : pandas.DataFrame
        From :func:`table`, or from ``published.printed``.
    number : int

    Returns
    -------
    pandas.DataFrame
        Cells such as "57.0 ± 1.2 / 90.4 ± 0.8"; "—" where nothing is finished.

    Examples
    --------
    >>> show(published.printed(2), 2).loc["EMD2", "VGG_F"]
    '65.0 / 96.1'
    """
    import pandas as pd

    metrics = tuple(dict.fromkeys(column[1] for column in laid))
    metrics = metrics or published.find(number).metrics
    digits = 4 if metrics == ("Spearman",) else 1
    values = laid.to_dict()
    cells = {
        network: {
            loss: " / ".join(_write(values, loss, (network, name), digits) for name in metrics)
            for loss in laid.index
        }
        for network in dict.fromkeys(column[0] for column in laid)
    }
    nothing = " / ".join([MISSING] * len(metrics))
    return pd.DataFrame(cells).rename_axis("loss").replace(nothing, MISSING)


def to_latex(laid, best=()):
    r"""Write a table as LaTeX in the paper's layout: a row per loss, networks side by side.

    Parameters
    ----------
    laid : pandas.DataFrame
        From :func:`table`.
    best : collection of tuple
        The cells in bold, as :func:`standing` returns them.

    Returns
    -------
    str
        A ``tabular`` for the package booktabs. A cell is the mean and, of two runs or more, half
        the width of its 95 % interval by Student's t over the runs (which is too narrow over
        splits that share examples).

    Examples
    --------
    >>> import pandas as pd
    >>> columns = pd.MultiIndex.from_product([["RES"], ["AEM"], STATISTICS])
    >>> laid = pd.DataFrame([[60.0, 2.0, 4]], index=["XE"], columns=columns)
    >>> print(to_latex(laid).splitlines()[-3])
    XE & 60.0 $\pm$ 3.2 \\
    """
    from scipy.stats import t

    places = list(dict.fromkeys(column[:2] for column in laid))
    networks = dict.fromkeys(network for network, _ in places)
    digits = 4 if {metric for _, metric in places} == {"Spearman"} else 1
    span = rf"\multicolumn{{{len(places) // len(networks)}}}{{c}}"
    bold = (
        "bold: better than every other loss of its network, p <= 0.05 adjusted for all"
        " comparisons (Holm)"
        if best
        else "no number is bold: none is better than those of all other losses of its network,"
        " with five runs or more and p <= 0.05 adjusted for all comparisons (Holm)"
    )

    def cell(loss, place):
        mean, spread, runs = (laid.loc[loss, (*place, name)] for name in STATISTICS)
        text = "--" if np.isnan(mean) else f"{mean:.{digits}f}"
        text = rf"\textbf{{{text}}}" if (loss, *place) in best else text
        if np.isnan(spread):
            return text
        return rf"{text} $\pm$ {t.ppf(0.975, runs - 1) * spread / np.sqrt(runs):.{digits}f}"

    rows = [["", *(f"{span}{{{escape_latex(name)}}}" for name in networks)]]
    rows.append(["loss", *(escape_latex(metric) for _, metric in places)])
    rows += [[escape_latex(loss), *(cell(loss, place) for place in places)] for loss in laid.index]
    lines = [" & ".join(row) + r" \\" for row in rows]
    begin = rf"\begin{{tabular}}{{l{'c' * len(places)}}}"
    head = ["% mean and half a 95 % interval over the runs", f"% {bold}", begin, r"\toprule"]
    end = [r"\bottomrule", r"\end{tabular}", ""]
    return "\n".join([*head, *lines[:2], r"\midrule", *lines[2:], *end])


def _write(values, loss, place, digits):
    """Write a printed number, or mean and spread of your own runs."""
    mean = values[place if place in values else (*place, "mean")][loss]
    spread = values.get((*place, "spread"), {}).get(loss, np.nan)
    if np.isnan(mean):
        return MISSING
    return f"{mean:.{digits}f}" + ("" if np.isnan(spread) else f" ± {spread:.{digits}f}")


def _choose(frame, dataset):
    """Return the finished runs of a data set with the rates and options of least RPS."""
    rows = without_copies(finished(frame[frame["dataset"] == dataset]))
    check_origin(rows)
    _check_alike(rows)
    across = [name for name in REPEATS if name in rows]
    return select(rows, across=across) if len(rows) else rows


def _of_usual_bins(chosen, dataset):
    """Return the runs with as many classes as the paper takes, if there are any."""
    if "dataset bins" not in chosen:
        return chosen
    if _has_bins(_parameters(dataset)):
        usual = chosen["dataset bins"].fillna(BINS) == BINS
        chosen = chosen[usual] if usual.any() else chosen
    _check_alike(chosen, ["dataset bins"])
    return chosen


def _check_alike(rows, fixed=None):
    """Raise a MixedRunsError if runs differ in something that a table does not vary."""
    outside = ("loss ", "valid ", "test ")
    fixed = fixed or [c for c in rows if c not in _VARY and not c.startswith(outside)]
    parts = [(rows, fixed), *((part, ["weights"]) for _, part in rows.groupby("network"))]
    for part, columns in parts:
        for name in columns:
            found = part[name].drop_duplicates().tolist()
            if len(found) > 1:
                known = [value for value in found if value == value and value is not None]
                shown = " and ".join(map(str, [*known, *["none"] * (len(known) < len(found))][:3]))
                message = (
                    f"frame holds runs of several kinds: {name} is {shown}; keep those of one, "
                    f"such as frame[frame[{name!r}] == {known[0]!r}]"
                )
                raise MixedRunsError(message, name)


def lacking_weights(number, weights=None):
    """Return those networks of a table that start from weights which nobody publishes.

    ``weights`` are those there are, as for :func:`table_specs`.

    Examples
    --------
    >>> lacking_weights(1), lacking_weights(1, {"RES_F": None})
    (['RES_F'], [])
    """
    known = {ENSEMBLE_OF, *(weights or {})}
    return [n for n in published.find(number).networks if _is_tuned(n) and n not in known]


def _is_tuned(network):
    return network in MODELS and "_F" in network


def _weights(network, weights):
    """Return the weights that a network starts from, or say that they are missing."""
    if network in weights or not _is_tuned(network):
        return weights.get(network)
    message = (
        f"weights lacks {network}, which starts from weights learned before: give a file, as in "
        f"weights={{{network!r}: 'file.safetensors'}}, or None to start from chance"
    )
    raise ArgumentError(message, "weights", missing=network)


def _has_bins(parameters):
    """Return whether a data set cuts its scores into classes by default."""
    return "bins" in parameters and bool(parameters["bins"].default)


def _parameters(dataset):
    return inspect.signature(DATASETS[read_choice(dataset, "dataset", sorted(DATASETS))]).parameters
