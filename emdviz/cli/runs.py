"""Commands that train the runs of a store: ``run`` and ``pretrain``."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from emdviz.cli.cluster import connect
from emdviz.cli.stored import show_map, show_table, tell_notes, tell_notes_of
from emdviz.cli.typed import (
    MAP,
    ME,
    Bins,
    Classes,
    DataSet,
    Device,
    StoreFolder,
    TableName,
    given_only,
    in_options,
    needs_weights,
    read_dataset_options,
    read_list,
    read_number_of_table,
    read_weights,
)
from emdviz.reading import ArgumentError, amount


def run(
    table: TableName,
    data: Annotated[Path | None, typer.Option(help="The folder of the data set.")] = None,
    dataset: DataSet = None,
    classes: Classes = (),
    bins: Bins = None,
    labels: Annotated[
        str | None, typer.Option(metavar="FILE", help="Its table of labels, for image_folder.")
    ] = None,
    pattern: Annotated[
        str | None, typer.Option(help="How its files are named, for age_faces: fgnet, …")
    ] = None,
    option: Annotated[
        list[str], typer.Option(metavar="NAME=VALUE", help="Any other argument of the data set.")
    ] = (),
    edition: Annotated[
        str | None,
        typer.Option(
            help="A name for the data's files, by which runs know them wherever they lie."
        ),
    ] = None,
    networks: Annotated[
        str | None,
        typer.Option(
            help="Such as ALXs,RES; or torchvision:resnet18, timm:resnet10t, mine.net, mine.py:net."
        ),
    ] = None,
    losses: Annotated[str | None, typer.Option(help="Such as XE,EMD2.")] = None,
    folds: Annotated[str | None, typer.Option(help="Such as 0,1,2.")] = None,
    seeds: Annotated[
        int | None, typer.Option(help="Trainings of each fold, with seeds from 0.")
    ] = None,
    rates: Annotated[str | None, typer.Option(help="Learning rates, such as 0.01,0.001.")] = None,
    regimes: Annotated[
        str | None, typer.Option(help="Of the map, such as lev,swd; all by default.")
    ] = None,
    weights: Annotated[
        list[str], typer.Option(metavar="NETWORK=FILE", help="First weights; none for random ones.")
    ] = (),
    size: Annotated[
        int | None, typer.Option(help="Height and width of the images, in px; crops take 227/256.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Epochs of each run.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Images in a batch.")] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="A small run; on drawn faces without --data.")
    ] = False,
    store: StoreFolder = Path("runs"),
    scheduler: Annotated[str | None, typer.Option(help="Address of a Dask scheduler.")] = None,
    workers: Annotated[int | None, typer.Option(help="Runs at a time, in processes here.")] = None,
    device: Device = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="No bars, and no line for each run.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what it would cost.")
    ] = False,
    teraflops: Annotated[
        float | None, typer.Option(help="Speed of your GPU, for --dry-run.")
    ] = None,
):
    """Run the runs of a table, or the regimes of the map, that the store lacks."""
    from emdviz import published
    from emdviz.experiments import paper

    if scheduler and workers is not None:
        raise ValueError("type --scheduler or --workers, not both")
    if workers is not None and workers < 1:
        raise ValueError(f"type --workers as a number from 1, got {workers}")
    if seeds is not None and seeds < 1:
        raise ValueError(f"type --seeds as a number from 1, got {seeds}")
    if table == MAP:
        _run_map(
            read_list(regimes), data or Path("data"), store, scheduler, workers, quiet, dry_run
        )
        return
    if regimes is not None:
        raise ValueError(f"--regimes is for the map: type {ME} run map --regimes {regimes}")
    number = read_number_of_table(table)
    if dataset == "table":
        raise ValueError(
            "the paper's tables are of images; for a table of yours type: "
            f"{ME} compare FILE --label COLUMN"
        )
    starts = read_weights(weights)
    data = data and data.expanduser().absolute()  # workers may run in another folder
    changes = given_only(
        networks=read_list(networks),
        losses=read_list(losses),
        folds=read_list(folds, int, "--folds"),
        seeds=None if seeds is None else range(seeds),
        rates=read_list(rates, float, "--rates"),
        size=size,
        config=_config(quick, size, epochs, batch_size, device),
        dataset_options=read_dataset_options(classes, bins, labels, pattern, option),
        edition=edition,
    )
    if dry_run:  # the cost does not depend on the weights
        missing = [name for name in ("VGG_F", "RES_F") if name not in starts]
        starts = dict.fromkeys(missing) | starts
    left_out = [] if quick or dry_run or networks else paper.lacking_weights(number, starts)
    if left_out:
        named = published.find(number).networks
        changes["networks"] = [n for n in named if n not in (*left_out, paper.ENSEMBLE)]
    make = paper.quick_specs if quick else paper.table_specs
    papers = published.find(number).dataset
    dataset = dataset or ("synthetic_faces" if quick and not data else papers)
    try:
        specs = make(number, data, dataset=dataset, weights=starts, **changes)
    except ArgumentError as error:
        raise ValueError(in_options(error, dataset)) from None
    if dry_run:
        _tell_cost(specs, store, teraflops)
        return
    if not (edition and scheduler):  # workers elsewhere may have the files of a named edition
        _check_data(specs[0], table)
    for name in left_out:
        typer.echo(f"note: left out: {needs_weights(name)}", err=True)
    frame = _run(specs, store, scheduler, workers, quiet)
    failed = frame[frame["error"] != ""]
    typer.echo(f"{len(frame) - len(failed)} of {len(frame)} runs finished, in {store}")
    show_table(frame, number, dataset, store)
    for error, runs in failed.groupby("error", sort=False):
        count = amount(len(runs), "run")
        typer.echo(f"failed: {count}, such as {runs['id'].iloc[0]}: {error}", err=True)
    if failed["finished"].isna().any():  # the store keeps no result of these
        typer.echo("to try them again, repeat the command", err=True)
    if len(failed):
        raise typer.Exit(1)


def pretrain(
    data: Annotated[Path, typer.Argument(help="A folder with a folder for each class.")],
    network: Annotated[str, typer.Option(help="Such as RES, for the weights of RES_F.")] = "RES",
    folder: Annotated[Path, typer.Option(help="Where to keep them.")] = Path("pretrained"),
    size: Annotated[int, typer.Option(help="Height and width of the images, in px.")] = 64,
    epochs: Annotated[int, typer.Option(help="Of the training.")] = 30,
    batch_size: Annotated[int, typer.Option(help="Images in a batch.")] = 256,
    rate: Annotated[float, typer.Option(help="The learning rate.")] = 0.1,
    device: Device = None,
):
    """Train the weights that a network starts from, such as RES_F's on ImageNet.

    The same command goes on where it was stopped.
    """
    from emdviz import datasets
    from emdviz.training import Run, TrainConfig

    root = data.expanduser()
    if not root.is_dir():
        raise FileNotFoundError(f"{data} is not there: type a folder with a folder for each class")
    # their order is of no importance to cross-entropy
    classes = sorted(one.name for one in root.iterdir() if one.is_dir() and one.name[0] != ".")
    if len(classes) < 2:
        raise ValueError(f"{data} must hold a folder for each of two classes or more")
    config = TrainConfig(
        epochs=epochs, batch_size=batch_size, learning_rate=rate, crop=size * 7 // 8, device=device
    )
    images = datasets.load("image_folder", root=root, size=size, classes=classes)
    run = Run(network, "XE", images, config, folder=folder)
    for epoch in run:
        typer.echo(
            f"epoch {epoch.number} of {epochs}: loss {epoch.train_loss:.3f}, "
            f"valid AEM {epoch.metrics['AEM']:.1f}, {epoch.seconds:.0f} s"
        )
    best = folder / "best.safetensors"
    name = network.replace("RES", "RES_F", 1)
    typer.echo(f"weights in {best}; use them with: {ME} run table1 --weights {name}={best}")


def _config(quick, size, epochs, batch_size, device):
    """Return the training configuration, or None for the usual one."""
    from emdviz.experiments import paper_config
    from emdviz.experiments.paper import CROP, EPOCHS, SIZE
    from emdviz.training import TrainConfig

    chosen = given_only(epochs=epochs, batch_size=batch_size, device=device)
    if quick:
        return TrainConfig(**({"epochs": 3, "batch_size": 32} | chosen)) if chosen else None
    crop = CROP if size is None else round(size * CROP / SIZE)
    return paper_config(**({"epochs": EPOCHS, "crop": crop} | chosen))


def _check_data(spec, table):
    """Raise an error if the data is missing, before any run begins."""
    from emdviz.experiments.editions import place_of

    root = place_of(spec.dataset, dict(spec.dataset_options))
    if root is not None and not root.exists():
        raise FileNotFoundError(
            f"{root} is not there: get {spec.dataset} as data/README.md says, then type --data "
            f"FOLDER; or try {ME} run {table} --quick"
        )


def _in_words(spec):
    """Return the id of a run, its learning rate and the options of its loss."""
    options = "".join(f" {name} {value}" for name, value in spec.loss_options)
    return f"{spec.id} rate {spec.config.learning_rate:g}{options}"


def _run(specs, store, scheduler, workers, quiet):
    """Run specs here, in processes or on a cluster, and print a line for each that ends."""
    from tqdm.auto import tqdm

    from emdviz import experiments

    ended, told = 0, set()

    def tell(spec, row):
        nonlocal ended
        if row["error"] and not row["finished"] and not ended:
            # the error of the first run stops all
            raise ValueError(f"{spec.id}: {row['error']}")
        ended += 1
        outcome = row["error"] or f"test AEM {row['test AEM']:.1f}, {row['seconds']:.0f} s"
        if not quiet:
            tqdm.write(f"{_in_words(spec)}: {outcome}")
        if not row["error"] and spec.dataset_options not in told:
            told.add(spec.dataset_options)
            tell_notes([row], store, told)

    with connect(scheduler) as executor:
        bars = not quiet and sys.stderr.isatty()
        frame = experiments.run(specs, store, workers or 1, executor, on_result=tell, progress=bars)
        tell_notes_of(frame, store, told)
        return frame


def _run_map(names, data, store, scheduler, workers, quiet, dry_run):
    """Run the regimes of the map that the store lacks, those whose data are there."""
    from emdviz.experiments import mapping, regimes
    from emdviz.experiments.cluster import local_workers
    from emdviz.experiments.store import MAP

    chosen = [regimes.find(name) for name in names or regimes.REGIMES]
    out, todo = store.expanduser().absolute() / MAP, []
    data = data.expanduser().absolute()  # workers may run in another folder
    for regime in chosen:
        state = "to do"
        if (out / f"{regime.name}.csv").exists():
            state = "done"
        else:
            try:
                mapping.check_data(regime, data)
                todo.append(regime)
            except FileNotFoundError as error:
                if names:
                    raise
                state = f"left out: {error}"
        if dry_run or state not in ("done", "to do"):
            typer.echo(f"{regime.name}, about {regime.minutes:g} min: {state}")
    if dry_run:
        return
    here = workers is not None and workers > 1 and todo
    with local_workers(workers) if here else connect(scheduler) as executor:
        tell = None if quiet else lambda text: typer.echo(text, err=True)
        for name, error in mapping.run_all(todo, data, out, executor=executor, progress=tell):
            typer.echo(f"{name}: {error or 'done'}")
    show_map(store)


def _tell_cost(specs, store, teraflops):
    """Print the runs, their number, and the hours that they take on a GPU."""
    from emdviz.experiments import Store, cost
    from emdviz.training import choose_device

    kept = Store(store)
    rows = {spec: kept.row(spec) if kept.path.is_dir() else None for spec in specs}
    for spec, row in rows.items():
        state = "to do" if row is None else "failed" if row["error"] else "done"
        typer.echo(f"{_in_words(spec)}: {state}")
    basis = "measured here" if teraflops is None else "as you said"
    if teraflops is None:
        device = choose_device()
        if device.type == "cuda":
            teraflops = cost.measure_teraflops(specs, device)
        else:
            teraflops, basis = cost.TERAFLOPS, "assumed, --teraflops is yours"
    about = cost.estimate(specs, teraflops=teraflops)
    todo = [spec for spec, row in rows.items() if row is None]
    left = cost.estimate(todo, teraflops=teraflops)["GPU hours"].sum() if todo else 0.0
    total = about["GPU hours"].sum()
    typer.echo(f"\n{about.round(2).to_string(index=False)}")
    typer.echo(
        f"\n{len(specs)} runs, {total:.1f} GPU hours; {len(todo)} to do, {left:.1f} GPU hours"
    )
    for name, values in (
        ("fold", {(spec.fold, dict(spec.dataset_options).get("seed")) for spec in specs}),
        ("learning rate", {spec.config.learning_rate for spec in specs}),
    ):
        typer.echo(f"each {name} of {len(values)}: {total / len(values):.1f} GPU hours")
    typer.echo(
        f"estimated from multiply-accumulates: {cost.PASSES} passes over all training images in "
        f"each epoch, 2 operations each, at the teraflops above ({basis}); reading, evaluation "
        "and disk come on top"
    )
