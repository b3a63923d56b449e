"""A finished comparison of losses, and its folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emdviz.comparing.facts import RUNS, check_data, read_finished
from emdviz.datasets import OrderedData
from emdviz.metrics import METRICS
from emdviz.reading import check_is, read_choice, read_path
from emdviz.training.config import TrainConfig
from emdviz.training.kept import read_history, read_predictions
from emdviz.training.rates import read_metric
from emdviz.training.results import finished, make_table

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Comparison:
    """What came out of a comparison of losses on one data set.

    Attributes
    ----------
    folder : Path
        Where it is kept; the runs are in ``runs`` there.
    data : OrderedData
        All of the data, with its own splits; each seed drew its own, as ``data.resplit(seed)``,
        unless the data name theirs, or it was asked for.
    table : pandas.DataFrame
        A row for each loss and seed, in the columns of :mod:`training.results`.
    search : pandas.DataFrame
        The runs with which learning rates were chosen, without the test split.
    rates : dict of str to float
        The learning rate of each loss.
    command : str
        What to type to repeat it.
    notes : tuple of str
        What a reader should know, besides ``data.notes``.
    baselines : pandas.DataFrame or None
        A row for each ``baseline`` and ``seed``, with the metrics of ``table``.
    config : TrainConfig
    network : str
    backbone : str or None
        The frozen network whose features of ``data`` were compared on.
    """

    folder: Path
    data: Any
    table: "pd.DataFrame"
    search: "pd.DataFrame"
    rates: dict
    command: str
    notes: tuple
    baselines: "pd.DataFrame | None"
    config: TrainConfig
    network: str
    backbone: str | None = None

    @property
    def losses(self):
        """The names of the losses, in the order in which they were asked for."""
        return list(dict.fromkeys(self.table["loss"]))

    @property
    def seeds(self):
        """The seeds, in order."""
        return sorted(set(self.table["seed"].tolist()))

    @property
    def test_to_train(self):
        """Test rows / training rows, as ``training.paired_differences`` takes it."""
        return len(self.data.splits["test"]) / len(self.data.splits["train"])

    @property
    def report(self):
        """The page in its folder, written if it is not there; see ``emdviz.report``.

        In a notebook it shows itself.
        """
        from emdviz.report import Report, write
        from emdviz.report.page import PAGE

        page = self.folder / PAGE
        return Report(page) if page.is_file() else write(self)

    def run_folder(self, loss, seed):
        """Return the folder of a run.

        Raises
        ------
        ValueError
            If there is no such run, or it could not be finished.
        """
        read_choice(loss, "loss", self.losses)
        rows = self.table[(self.table["loss"] == loss) & (self.table["seed"] == seed)]
        if rows.empty:
            raise ValueError(f"seed must be one of {self.seeds}, got {seed!r}")
        (row,) = rows.to_dict("records")
        if row["error"]:
            raise ValueError(f"{loss} with seed {seed} could not be finished: {row['error']}")
        return self.folder / RUNS / row["id"]

    def predictions(self, loss, seed):
        """Return what a run predicted, as :meth:`experiments.Store.predictions` does.

        Raises
        ------
        ValueError
            If there is no such run, or it could not be finished.
        FileNotFoundError
            If its file is gone.
        """
        return read_predictions(self.run_folder(loss, seed))

    def histories(self):
        """Return a row for each loss, seed and epoch: losses, and metrics on validation.

        Returns
        -------
        pandas.DataFrame
            With the columns ``loss``, ``seed``, ``epoch``, ``train loss``, ``valid loss``, and
            each metric of ``metrics.METRICS`` that there is, as ``valid RPS``.
        """
        import pandas as pd

        rows = []
        for run in finished(self.table).itertuples():
            _, epochs = read_history(self.folder / RUNS / run.id)
            for epoch in epochs:
                row = {"loss": run.loss, "seed": run.seed, "epoch": epoch.number}
                row |= {"train loss": epoch.train_loss, "valid loss": epoch.valid_loss}
                rows.append(row | {f"valid {name}": x for name, x in epoch.metrics.items()})
        return pd.DataFrame(rows)

    def best(self, by="valid RPS"):
        """Return the name of the loss with the best mean over the seeds, on validation.

        Parameters
        ----------
        by : str
            ``"valid "`` and a name in ``metrics.METRICS``.

        Raises
        ------
        ValueError
            If ``by`` is no such metric, or no run was finished.
        """
        metric = read_metric(by)
        done = finished(self.table)
        if by not in done or done[by].isna().all():
            raise ValueError(f"no run was finished that measured {metric}: see table['error']")
        means = done.groupby("loss", sort=False)[by].mean()
        return means.idxmax() if METRICS[metric].higher_is_better else means.idxmin()


def load(folder, data=None):
    """Read a comparison from its folder.

    Parameters
    ----------
    folder : str or Path
    data : OrderedData, optional
        Its data; by default the file is read again from where it was.

    Returns
    -------
    Comparison

    Raises
    ------
    FileNotFoundError
        If there is no finished comparison, or its data are no longer where they were.
    ValueError
        If the data are not those that were compared on, or the file cannot be read.
    """
    from emdviz.comparing.sources import read_source

    folder = read_path(folder, "folder", "the folder of a comparison, such as 'runs/wine'")
    facts = read_finished(folder)
    if data is None:
        source = facts["source"]
        if source is None:
            raise ValueError(f"data must be given: {folder} was compared on data without a file")
        data = read_source(source["path"], **source["options"])
    check_is(data, "data", OrderedData, "the data set that was compared on")
    check_data(folder, facts["data"], data)
    return make(folder, facts, data)


def make(folder, facts, data=None):
    """Return the comparison that ``comparison.json`` describes."""
    import pandas as pd

    as_they_are = {name: facts[name] for name in ("rates", "command", "network", "backbone")}
    kept = facts["baselines"]
    return Comparison(
        folder=folder,
        data=data,
        table=make_table(facts["table"]),
        search=make_table(facts["search"]),
        notes=tuple(facts["notes"]),
        baselines=None if kept is None else pd.DataFrame(kept),
        config=TrainConfig(**facts["config"]),
        **as_they_are,
    )
