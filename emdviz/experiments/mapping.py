"""Run the regimes of the map, and say where each loss wins; see :mod:`experiments.regimes`."""

import json
import platform
import time
from concurrent.futures import as_completed
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

from emdviz.distances import emd2
from emdviz.distributions import one_hot
from emdviz.experiments.calibration import at_temperature, best_temperature, miscalibration
from emdviz.experiments.regimes import CHOICE_SEEDS, LOSSES_COMPARED, REGIMES, Regime
from emdviz.losses import LOSSES, as_loss, zoo
from emdviz.metrics import METRICS
from emdviz.reading import check_is, read_names
from emdviz.training import Run, paired_differences
from emdviz.training.conclusions import LEVEL, adjust_for_number
from emdviz.training.data import TrainingData
from emdviz.training.evaluation import measure
from emdviz.training.provenance import describe_origin
from emdviz.training.together import Heads, Networks, arrange, can_be_stacked, is_head
from emdviz.writing import write_whole

__all__ = ["differences", "read", "run_all", "run_regime", "verdicts"]

METRICS_OF_MAP = ("RPS", "MAE", "AEM")
"""The metrics that are compared, and adjusted for together."""

OPTIONS = {"XEMD2": "emd_weight", "AEMD": "lam"}
"""The option that is chosen for a loss, besides learning rate and epochs."""

CONFIDENT = 0.01
"""A label with less probability than this is a confident mistake."""

ENOUGH = 1.05
"""Validation RPS, as a multiple of XE's at its end, to which steps are counted."""

SHARED = 1 / 8
"""n_test / n_train of a table that is split into 80, 10 and 10 %."""

TIMED = ("EMD2", "EMD")
"""The losses that are watched while they train, besides the first one."""

PAIR = ("XE", "EMD2")
"""The two losses whose difference is explained."""

FAR = 2
"""A row is far if the class that two losses name together is so many steps from its label."""

GAIN = 1e-3
"""The share by which a neighbour must be better to be moved to."""


@dataclass(frozen=True, order=True)
class Choice:
    """Learning rate 10^(rate / 2), 4^length epochs, option 10^(option / 2)."""

    rate: int
    length: int
    option: int = 0

    def neighbours(self, regime, has_option):
        """Return the choices next to this one, within the limits of rule 2."""
        steps = [(1, 0, 0), (-1, 0, 0)]
        steps += [] if regime.epochs else [(0, 1, 0), (0, -1, 0)]
        steps += [(0, 0, 1), (0, 0, -1)] if has_option else []
        near = [Choice(self.rate + a, self.length + b, self.option + c) for a, b, c in steps]
        lengths = range(64) if regime.epochs else [k for k in range(64) if 4**k <= regime.longest]
        return [
            one for one in near
            if -10 <= one.rate <= 4 and one.length in lengths and -4 <= one.option <= 4
        ]  # fmt: skip

    def at_limit(self, regime, has_option):
        """Return whether a neighbour lies beyond the limits."""
        whole = 2 + 2 * (regime.epochs is None) + 2 * has_option
        return len(self.neighbours(regime, has_option)) < whole

    @classmethod
    def read(cls, facts, regime, loss):
        """Return the choice that ``<name>.json`` describes."""
        option = facts[OPTIONS[loss]] if loss in OPTIONS else 1.0
        length = 0 if regime.epochs else round(np.log(facts["epochs"]) / np.log(4))
        rate = round(2 * np.log10(facts["learning_rate"]))
        return cls(rate, length, round(2 * np.log10(option)))

    def config(self, regime, seed):
        """Return the configuration of a run."""
        epochs = regime.epochs or 4**self.length
        rate = float(f"{10 ** (self.rate / 2):.4g}")
        return replace(regime.config, learning_rate=rate, epochs=epochs, seed=seed)

    def options(self, loss, regime):
        """Return the options of the loss."""
        chosen = OPTIONS.get(loss)
        options = {chosen: float(f"{10 ** (self.option / 2):.4g}")} if chosen else {}
        told = regime.positions is not None and "positions" in zoo.load(loss).meaning
        return options | ({"positions": _places(regime)} if told else {})


def _places(regime):
    """Return its positions in units of their mean gap, so that numbers are comparable, or None."""
    if regime.positions is None:
        return None
    places = np.array(regime.positions, dtype=float)
    return tuple(((places - places[0]) * (len(places) - 1) / np.ptp(places)).tolist())


@dataclass
class Watch:
    """Measurements of a run after every epoch, from its outputs for validation."""

    curve: list = field(default_factory=list)  # the RPS after every epoch
    first: torch.Tensor | None = None  # (N,), which labels were confident mistakes after the first
    last: torch.Tensor | None = None  # and after the last epoch

    def see(self, run, outputs):
        """Take the outputs of an epoch."""
        labels = run.data.valid.labels
        self.curve.append(rps(run, outputs, labels))
        if not run.loss.is_point:
            p = run.loss.decode(outputs, run.data.num_classes, **run.loss_options)
            self.last = p.gather(1, labels[:, None])[:, 0] < CONFIDENT
            self.first = self.last if self.first is None else self.first

    def facts(self, level, per_epoch):
        """Return the steps to an RPS, and the shares of confident mistakes: at first, and kept."""
        started = np.nan if self.first is None else 100 * float(self.first.double().mean())
        stay = 100 * float(self.last[self.first].double().mean()) if started > 0 else np.nan
        return {
            "steps": _steps(self.curve, level, per_epoch),
            "confident start": started,
            "confident stay": stay,
        }


def run_regime(regime, folder, out, *, losses=None, progress=None):
    """Do the whole comparison of a regime and keep its results; a second call reads them.

    Parameters
    ----------
    regime : Regime
    folder : str or Path
        Where the data are: ``lev.csv``, ``utkface`` and so on.
    out : str or Path
        Gets ``<name>.json``, what was chosen, when, where, and what it cost, and at the end
        ``<name>.csv``, a row per loss and seed. Where the first is there without the second, its
        choices are taken, and only the comparison is made. Networks on images keep their runs in
        ``<name>-runs`` there, so that they go on where they were stopped; all others take minutes.
    losses : sequence of str, optional
        Those of the regime by default.
    progress : callable, optional
        Called with a line of text now and then.

    Returns
    -------
    pandas.DataFrame
        Columns ``regime``, ``loss``, ``seed``, ``AEM``, ``AEO``, ``MAE``, ``RPS``, ``RPS scaled``
        (after temperature scaling on validation), ``miscalibration`` (the part of the RPS that
        recalibration of the CDF would take away), ``confident mistakes`` (percent of test labels
        with less than 0.01); for XE, EMD² and EMD the ``steps`` until the validation RPS is within
        5 % of XE's last, ``confident start`` (confident mistakes on validation after the first
        epoch) and ``confident stay`` (the percentage of these that are so after the last); and for
        XE and EMD² ``RPS far``, the part of the RPS that comes from far rows, whose label is two
        classes or more from the middle of the mean of both predictions.

    Raises
    ------
    FileNotFoundError
        If the data are not in ``folder``; with what is missing.
    """
    import pandas as pd

    check_is(regime, "regime", Regime, "one of experiments.regimes.REGIMES")
    out, tell = Path(out).expanduser(), progress or (lambda text: None)
    path = out / f"{regime.name}.csv"
    if path.exists():
        return pd.read_csv(path)
    check_data(regime, folder)
    losses = regime.losses if losses is None else read_names(losses, "losses")
    told, kept = out / f"{regime.name}.json", out / f"{regime.name}-runs"
    out.mkdir(parents=True, exist_ok=True)
    about = json.loads(told.read_bytes()) if told.exists() else {}
    clocks = time.monotonic(), time.process_time()
    if set(about.get("chosen", ())) != set(losses):
        chosen, tried = choose(regime, folder, losses, kept, tell)
        about = _write(told, _describe(regime, chosen, tried), clocks)
        clocks = time.monotonic(), time.process_time()
    chosen = {loss: Choice.read(about["chosen"][loss], regime, loss) for loss in losses}
    rows, origin = _compare(regime, folder, chosen, kept, tell)
    searched = sum(one["tried"] for one in about["chosen"].values())
    about |= {"runs": len(rows) + len(CHOICE_SEEDS) * searched, "versions": origin["versions"]}
    _write(told, about, clocks)
    table = pd.DataFrame(rows)
    write_whole(path, table.to_csv(index=False, float_format="%.5g").encode())
    return pd.read_csv(path)


def _describe(regime, chosen, tried):
    """Return the facts on the search of a regime."""
    return {
        "regime": regime.name,
        "runs": len(CHOICE_SEEDS) * sum(map(len, tried.values())),
        "machine": f"{platform.machine()}, {torch.get_num_threads()} thread",
        "chosen": {
            loss: {
                "learning_rate": choice.config(regime, 0).learning_rate,
                "epochs": choice.config(regime, 0).epochs,
                **{k: v for k, v in choice.options(loss, regime).items() if k != "positions"},
                "tried": len(tried[loss]),
                "valid RPS": float(f"{tried[loss][choice]:.5g}"),
                "at limit": choice.at_limit(regime, loss in OPTIONS),
            }
            for loss, choice in chosen.items()
        },
    }


def _write(path, about, clocks):
    """Write the facts on a regime, with the time since two clocks began; return them."""
    spent = time.monotonic() - clocks[0], time.process_time() - clocks[1]
    about = about | {"date": datetime.now(UTC).date().isoformat()}
    for name, seconds in zip(("seconds", "processor seconds"), spent, strict=True):
        about[name] = about.get(name, 0) + round(seconds)
    write_whole(path, json.dumps(about, indent=1).encode())
    return about


def run_all(regimes, folder, out, *, executor=None, progress=None):
    """Run regimes one after another, or as an executor does; yield (name, error or "") of each.

    The error of a regime does not stop the others; a second call tries that regime again.
    """
    if executor is None:
        for regime in regimes:
            try:
                run_regime(regime, folder, out, progress=progress)
            except Exception as error:
                yield regime.name, f"{type(error).__name__}: {error}"
            else:
                yield regime.name, ""
        return
    futures = {executor.submit(run_regime, one, folder, out): one.name for one in regimes}
    for future in as_completed(futures):
        error = future.exception()
        yield futures[future], f"{type(error).__name__}: {error}" if error else ""


def check_data(regime, folder):
    """Raise a FileNotFoundError if the data of a regime are not in a folder."""
    if regime.needs and not (Path(folder).expanduser() / regime.needs).exists():
        raise FileNotFoundError(
            f"the regime {regime.name} needs {regime.needs} in {folder}, which is not there; "
            "data/README.md says where it comes from"
        )


def choose(regime, folder, losses, kept=None, tell=lambda text: None):
    """Search the choice of each loss on validation, by rule 2.

    Returns
    -------
    chosen : dict of str to Choice
    tried : dict of str to dict of Choice to float
        The mean validation RPS of all that was tried; infinite where training failed.
    """
    data = {seed: TrainingData(regime.data(folder, seed), "cpu") for seed in CHOICE_SEEDS}
    centre = 2 if regime.epochs is None else 0
    todo = {loss: [Choice(rate, centre) for rate in (-3, -2, -1, 0)] for loss in losses}
    tried, best = {loss: {} for loss in losses}, {}
    while any(todo.values()):
        plan = {
            (loss, choice, seed): _make(regime, loss, choice, seed, data[seed], kept)
            for seed in CHOICE_SEEDS
            for loss, choices in todo.items()
            for choice in choices
        }
        tell(f"{regime.name}: {len(plan)} runs to choose")
        train(list(plan.values()))
        for loss, choices in todo.items():
            for choice in choices:
                scores = [_valid_rps(plan[loss, choice, s], regime) for s in CHOICE_SEEDS]
                tried[loss][choice] = float(np.mean(scores))
            found = min(tried[loss], key=tried[loss].get)
            last = best.get(loss)
            if last is None or tried[loss][found] < (1 - GAIN) * tried[loss][last]:
                best[loss] = found
            near = best[loss].neighbours(regime, loss in OPTIONS)
            todo[loss] = [one for one in near if one not in tried[loss]]
    return best, tried


def _compare(regime, folder, chosen, kept, tell):
    """Train and test all losses with all seeds; return the rows, and what they rest on."""
    rows, seeds, origin = [], range(regime.seeds), None
    step = 10 if regime.needs == "utkface" else regime.seeds  # memory for rows of features
    for start in range(0, len(seeds), step):
        plan = {}
        for seed in seeds[start : start + step]:
            data = TrainingData(regime.data(folder, seed), "cpu")
            for loss, choice in chosen.items():
                plan[loss, seed] = _make(regime, loss, choice, seed, data, kept)
        tell(f"{regime.name}: {len(plan)} runs to compare")
        timed = {LOSSES_COMPARED[0], *TIMED}
        watches = {id(run): Watch() for (loss, _), run in plan.items() if loss in timed}
        train(list(plan.values()), watches)
        for (loss, seed), run in plan.items():
            xe = watches.get(id(plan.get(("XE", seed))), Watch())
            level = xe.curve[-1] * ENOUGH if xe.curve else np.nan
            rows.append({"regime": regime.name, "loss": loss, "seed": seed})
            rows[-1] |= _measure(run, regime)
            rows[-1] |= watches.get(id(run), Watch()).facts(level, run.steps)
            rows[-1]["RPS far"] = _far(run, plan, seed, regime) if loss in PAIR else np.nan
            origin = origin or describe_origin(run)
    return rows, origin


def _far(run, plan, seed, regime):
    """Return the part of the mean RPS that comes from rows whose label a pair misses by far."""
    if any((loss, seed) not in plan for loss in PAIR):
        return np.nan
    labels, count = run.data.split("test").labels, run.data.num_classes
    p, *both = (_decoded(one) for one in (run, *(plan[loss, seed] for loss in PAIR)))
    middle = (sum(both).cumsum(dim=1) < 1).sum(dim=1)  # the median of the mean of the two
    own = emd2(p, one_hot(labels, count), positions=_places(regime))
    return float((own * ((middle - labels).abs() >= FAR)).mean())


def _decoded(run):
    """Return the distributions that a run predicts for the test rows."""
    outputs = run.compute_outputs(run.data.split("test").inputs)
    return run.loss.decode(outputs, run.data.num_classes, **run.loss_options).double()


def _make(regime, loss, choice, seed, data, kept):
    """Return a run that has not begun; those of networks on images keep what they have done."""
    config = choice.config(regime, seed)
    options = choice.options(loss, regime)
    found = as_loss(loss) if loss in LOSSES else zoo.load(loss)
    folder = None
    if kept is not None and data.images:
        told = "-".join(f"{value:g}" for value in options.values() if not isinstance(value, tuple))
        folder = kept / f"{loss}-{told}-{config.epochs}-{config.learning_rate:g}-{seed}"
    model = _tuned if regime.network == "efficientnet_lite0" else regime.network
    return Run(model, found, data, config, loss_options=options, folder=folder)


def _tuned(outputs):
    """Return an EfficientNet-Lite0 pretrained on ImageNet, with a new last layer."""
    from emdviz.datasets.features import efficientnet

    return torch.nn.Sequential(efficientnet(), torch.nn.Linear(1280, outputs))


def train(runs, watches=None):
    """Train runs to their end, heads side by side.

    ``watches`` has a :class:`Watch` for the ``id`` of some runs, which sees the outputs for
    validation after every epoch. Nothing else is measured between epochs, unlike in
    ``training.compare_losses``: small heads are then trained in a fraction of the time.
    """
    watches = {} if watches is None else watches
    heads = [run for run in runs if run.folder is None and can_be_stacked(run) and is_head(run)]
    together = {id(run) for run in heads}
    for stack in arrange(heads):
        members = [run for part in stack for run in part]
        side = (Heads if all(map(is_head, members)) else Networks)(stack)
        epochs = members[0].config.epochs
        for number in range(1, epochs + 1):
            side.train(number, hand_back=number == epochs)
            if any(id(run) in watches for run in members):
                for run, outputs in zip(side.members(), side.outputs("valid"), strict=True):
                    if id(run) in watches:
                        watches[id(run)].see(run, outputs)
    for run in runs:
        if id(run) not in together:
            _train_alone(run, watches.get(id(run)))


def _train_alone(run, watch):
    if run.folder is not None:
        found = [epoch.metrics["RPS"] for epoch in run]
        if watch is not None:
            watch.curve += found
        return
    for number in range(1, run.config.epochs + 1):
        run.train(number)
        if run.loss.uses_features:
            run.criterion.end_epoch()
        if watch is not None:
            watch.see(run, run.compute_outputs(run.data.valid.inputs))


def rps(run, outputs, labels, positions=None):
    """Return the mean RPS of outputs (N, outputs); infinite where they are not finite."""
    if not torch.isfinite(outputs).all():
        return float("inf")
    count = run.data.num_classes
    if run.loss.is_point:
        p = one_hot(run.loss.predict(outputs, count, **run.loss_options), count)
    else:
        p = run.loss.decode(outputs, count, **run.loss_options).double()
    return float(emd2(p, one_hot(labels, count), positions=positions).mean())


def _valid_rps(run, regime):
    outputs = run.compute_outputs(run.data.valid.inputs)
    return rps(run, outputs, run.data.valid.labels, _places(regime))


def _measure(run, regime):
    """Return the row of a finished run."""
    names = ("AEM", "AEO", "MAE", "RPS")
    valid, test = run.data.valid, run.data.split("test")
    outputs = run.compute_outputs(test.inputs)
    empty = dict.fromkeys([*names, "RPS scaled", "miscalibration", "confident mistakes"], np.nan)
    if not torch.isfinite(outputs).all():
        return empty
    predicted = run.read_outputs(outputs)
    found = measure(predicted, test, run.data.num_classes)
    row = empty | {name: found[name] for name in names}
    positions = _places(regime)
    if positions is not None:
        places = torch.tensor(positions)
        row["MAE"] = float((places[predicted.classes] - places[test.labels]).abs().mean())
        row["RPS"] = rps(run, outputs, test.labels, positions)
    if predicted.distribution is not None:
        p = predicted.distribution.double()
        of_label = p.gather(1, test.labels[:, None])
        row["confident mistakes"] = 100 * float((of_label < CONFIDENT).double().mean())
        before = run.read_outputs(run.compute_outputs(valid.inputs)).distribution.double()
        scaled = at_temperature(p, best_temperature(before, valid.labels, positions))
        truth = one_hot(test.labels, run.data.num_classes)
        row["RPS scaled"] = float(emd2(scaled, truth, positions=positions).mean())
        row["miscalibration"] = miscalibration(p, test.labels, positions)
    return row


def _steps(curve, level, per_epoch):
    """Return the steps after which a curve is at a level or below; NaN if it never is."""
    reached = [number for number, value in enumerate(curve, start=1) if value <= level]
    return reached[0] * per_epoch if reached else np.nan


def read(folder):
    """Return the results of all regimes that have been run, in the order of the map.

    Parameters
    ----------
    folder : str or Path

    Returns
    -------
    rows : pandas.DataFrame
        As of :func:`run_regime`.
    about : dict of str to dict
        By regime, what was chosen, when, where, and what it cost.

    Raises
    ------
    FileNotFoundError
        If there are none.
    """
    import pandas as pd

    folder = Path(folder).expanduser()
    done = [name for name in REGIMES if (folder / f"{name}.csv").exists()]
    if not done:
        raise FileNotFoundError(
            f"no regime of the map has results in {folder}; python -m emdviz run map makes them"
        )
    about = {name: json.loads((folder / f"{name}.json").read_bytes()) for name in done}
    return pd.concat([pd.read_csv(folder / f"{name}.csv") for name in done]), about


def differences(rows, metrics=METRICS_OF_MAP, *, baseline="XE"):
    """Return paired differences to a baseline in every regime, adjusted for all of them (Holm).

    Parameters
    ----------
    rows : pandas.DataFrame
        From :func:`read`; own rows of another regime may be among them.
    metrics : sequence of str
        Columns of ``rows``.
    baseline : str

    Returns
    -------
    pandas.DataFrame
        As :func:`training.paired_differences`, with the column ``regime`` first. Intervals and p
        of regimes whose seeds split one table are widened by rule 4.
    """
    import pandas as pd

    parts = []
    for name, own in rows.groupby("regime", sort=False):
        table = own.rename(columns={metric: f"test {_as_metric(metric)}" for metric in metrics})
        found = paired_differences(
            table.assign(error="", **{"dataset seed": table["seed"]}),  # each drew its own
            [_as_metric(metric) for metric in metrics],
            baseline=baseline,
            test_to_train=0 if name in REGIMES and REGIMES[name].fresh else SHARED,
        )
        found["metric"] = [*metrics] * (len(found) // len(metrics))
        parts.append(found.assign(regime=name))
    result = pd.concat(parts, ignore_index=True)
    result["p_holm"] = adjust_for_number(result["p"].to_numpy(float))
    result["verdict"] = [_verdict(row) for row in result.itertuples()]
    return result[["regime", *(name for name in result if name != "regime")]]


def _as_metric(name):
    """Return the metric under whose name a column is compared: a kind of RPS is an RPS."""
    return name if name in METRICS else "RPS"


def _verdict(row):
    if not row.p_holm <= LEVEL:
        return "undecided"
    return (
        "better"
        if (row.difference > 0) == METRICS[_as_metric(row.metric)].higher_is_better
        else "worse"
    )


def verdicts(found):
    """Say in which regimes each loss wins, by rule 6.

    Parameters
    ----------
    found : pandas.DataFrame
        From :func:`differences`.

    Returns
    -------
    pandas.DataFrame
        A row per regime, a column per loss: "wins", "loses", "mixed" or "undecided".

    Examples
    --------
    >>> import pandas as pd
    >>> found = pd.DataFrame({"regime": "middle", "loss": "EMD2", "metric": ["RPS", "MAE"],
    ...                       "verdict": ["better", "undecided"]})
    >>> verdicts(found).loc["middle", "EMD2"]
    'wins'
    """

    def judge(values):
        better, worse = "better" in set(values), "worse" in set(values)
        if better and worse:
            return "mixed"
        return "wins" if better else "loses" if worse else "undecided"

    judged = found.groupby(["regime", "loss"], sort=False)["verdict"].agg(judge).unstack()
    order = list(dict.fromkeys(found["regime"]))
    return judged.loc[order, list(dict.fromkeys(found["loss"]))]
