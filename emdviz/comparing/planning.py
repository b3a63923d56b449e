"""Plan a comparison of losses, and carry it out."""

import shlex
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from emdviz.comparing.comparison import Comparison
from emdviz.comparing.folder import RUNS, check_data, describe_data, read_facts, write_facts
from emdviz.comparing.sources import read_source
from emdviz.datasets import OrderedData
from emdviz.losses.loss import REPORTED
from emdviz.models.building import name_of
from emdviz.reading import read_count
from emdviz.training import TrainConfig, choose_rates, compare_losses
from emdviz.training.criterion import read_losses

RATES = (0.03, 0.1, 0.3)
"""The learning rates with which the search begins."""

HEADS = ("linear", "mlp")
"""Networks whose runs are trained side by side, so that many cost little."""

EPOCHS = 20
"""Of heads, whose epochs are short."""


@dataclass(frozen=True, eq=False)
class Plan:
    """What a comparison will do; :func:`plan` makes it, and :meth:`carry_out` does it.

    Attributes
    ----------
    data : OrderedData
    source : dict or None
        The ``path`` of the data and the ``options`` with which they were read.
    losses : dict of str to Loss
    network : str or callable
    config : TrainConfig
    seeds : list of int
    rates : list of float
        The learning rates with which the search begins.
    folder : Path
    command : str
        What to type to repeat it.
    """

    data: Any
    source: dict | None
    losses: dict
    network: Any
    config: TrainConfig
    seeds: list
    rates: list
    folder: Path
    command: str

    @property
    def search_seeds(self):
        """The seeds with which learning rates are chosen: all where runs cost little."""
        return self.seeds if self.network in HEADS else self.seeds[:1]

    def carry_out(self, *, progress=None):
        """Choose learning rates, train, and keep the comparison; or go on where it stopped.

        Parameters
        ----------
        progress : bool, optional
            Whether to show bars; by default where a terminal is.

        Returns
        -------
        Comparison

        Raises
        ------
        ValueError
            If the folder holds another comparison.
        OSError
            If the disk is full; what was finished is kept.
        """
        self._begin()
        shared = {
            "resplit": True,
            "config": self.config,
            "model": self.network,
            "folder": self.folder / RUNS,
        }
        losses = list(self.losses.values())
        search = choose_rates(
            self.data, losses, rates=self.rates, seeds=self.search_seeds, **shared
        )
        table = compare_losses(
            self.data, losses, seeds=self.seeds, learning_rates=search.rates, **shared
        )
        comparison = Comparison(
            folder=self.folder,
            data=self.data,
            table=table,
            search=search.table,
            rates=search.rates,
            command=self.command,
            notes=(),
            baselines=None,
            config=self.config,
            network=name_of(self.network),
        )
        comparison.save(self.source)
        return comparison

    def _begin(self):
        """Make the folder, or refuse one that holds something else."""
        begun = {
            "source": self.source,
            "data": describe_data(self.data),
            "command": self.command,
            "network": name_of(self.network),
            "config": asdict(self.config),
        }
        if not self.folder.exists() or not any(self.folder.iterdir()):
            self.folder.mkdir(parents=True, exist_ok=True)
            write_facts(self.folder, begun)
            return
        kept = read_facts(self.folder)
        check_data(self.folder, kept["data"], self.data)


def plan(
    data,
    *,
    losses=REPORTED,
    network=None,
    seeds=10,
    epochs=None,
    rates=RATES,
    folder=None,
    device=None,
    **options,
):
    """Say what a comparison of losses will do, before anything is trained."""
    source, given = None, data
    if not isinstance(data, OrderedData):
        source = {"path": str(Path(data).expanduser().absolute()), "options": options}
        data = read_source(data, **options)
    network = network or ("small_cnn" if data.has_images else "mlp")
    config = TrainConfig(device=device)
    if epochs is not None or network in HEADS:
        config = replace(config, epochs=EPOCHS if epochs is None else epochs)
    seeds = (
        list(seeds) if isinstance(seeds, Iterable) else list(range(read_count(seeds, "seeds", 1)))
    )
    name = data.name if source is None else Path(given).stem
    folder = Path("runs") / name if folder is None else Path(folder).expanduser()
    return Plan(
        data=data,
        source=source,
        losses=read_losses(losses),
        network=network,
        config=config,
        seeds=list(seeds),
        rates=list(rates),
        folder=folder,
        command=shlex.join(["python", "-m", "emdviz", "compare", str(given)]),
    )


def compare(data, *, progress=None, **options):
    """Compare losses on data of your own; see :func:`plan`."""
    return plan(data, **options).carry_out(progress=progress)
