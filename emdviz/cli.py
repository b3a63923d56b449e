"""The command line: ``python -m emdviz compare | predict | run | results | export | …``."""

import contextlib
import functools
import json
import os
import sys
import warnings
from pathlib import Path
from typing import Annotated

import typer

from emdviz._imports import needs
from emdviz.reading import ArgumentError

app = typer.Typer(
    help="Losses for ordered classes: compare them on your own data, or as the paper does.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

_ME = "python -m emdviz"
_PATIENCE = 10.0
"""Seconds that a scheduler has to answer."""

_TABLES = {"table1": 1, "table2": 2, "table3": 3}
_OPTIONS = {"dataset": "--dataset", "network": "--networks", "loss": "--losses"}
"""The option for an argument of a function."""

_OWN_OPTIONS = ("classes", "bins", "labels", "pattern")
"""Arguments of data sets that have an option of their own."""

_MAP = "map"
"""When does EMD² win: the regimes of ``experiments.regimes``, in place of a table."""

_TableName = Annotated[str, typer.Argument(metavar="table1|table2|table3|map")]
_TableOption = Annotated[str | None, typer.Option(metavar="table1|table2|table3|map")]
_StoreFolder = Annotated[Path, typer.Option(help="The folder of the runs.")]
_DataSet = Annotated[
    str | None, typer.Option(help="Another data set than the paper's, by its name.")
]
_Classes = Annotated[
    list[str],
    typer.Option(
        help="The classes from low to high, such as low,middle,high; repeat the option for "
        "names with commas."
    ),
]
_Bins = Annotated[
    str | None,
    typer.Option(help="Make classes of numbers: how many, or where to cut, such as 18,40."),
]
_Device = Annotated[
    str | None, typer.Option(help="Such as cpu or cuda:1; the fastest there is by default.")
]
_Only = Annotated[list[str], typer.Option(metavar="NAME=VALUE", help="Only runs with this value.")]


def _plainly(command):
    """Tell an error of the command in one line, and end with status 2."""

    @functools.wraps(command)
    def wrapped(**arguments):
        with warnings.catch_warnings():
            warnings.simplefilter("always", UserWarning)
            warnings.showwarning = lambda message, *_: typer.echo(f"note: {message}", err=True)
            try:
                return command(**arguments)
            except (ValueError, TypeError, OSError, ImportError) as error:
                typer.echo(f"error: {' '.join(str(error).split())}", err=True)
                raise typer.Exit(2) from None
            except KeyboardInterrupt:
                typer.echo("stopped; repeat the command to go on from here", err=True)
                raise typer.Exit(130) from None

    return wrapped


@app.command()
@_plainly
def compare(
    data: Annotated[
        Path,
        typer.Argument(
            help="A table (CSV, TSV, Excel, Parquet), a folder or zip file of images, a table of "
            "their paths, or an .npz file of arrays, whose names stand for those of columns."
        ),
    ],
    label: Annotated[str | None, typer.Option(help="The column of the class.")] = None,
    classes: _Classes = (),
    bins: _Bins = None,
    votes: Annotated[
        list[str],
        typer.Option(
            help="Columns that count the votes for each class, from low to high; or, with --id, "
            "the one column of each vote."
        ),
    ] = (),
    id: Annotated[str | None, typer.Option(help="What each row of one vote is about.")] = None,
    rater: Annotated[str | None, typer.Option(help="Who voted in each row.")] = None,
    group: Annotated[
        str | None, typer.Option(help="What must not be in two splits, such as a person.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="Names train, valid and test.")] = None,
    weights: Annotated[str | None, typer.Option(help="How much each row counts.")] = None,
    features: Annotated[
        list[str], typer.Option(help="Columns to learn from; by default all that make sense.")
    ] = (),
    drop: Annotated[list[str], typer.Option(help="Columns to leave out.")] = (),
    decimal: Annotated[
        str | None, typer.Option(help="What stands before decimals, where it is not clear.")
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(
            help="Height and width at which images are read, in px; 224 for frozen features "
            "(150 kB of memory an image), else 48."
        ),
    ] = None,
    losses: Annotated[
        str | None,
        typer.Option(help="Such as XE,EMD2,CORN,mine.py:my_loss; by default XE,REG,EMD2,XEMD2."),
    ] = None,
    network: Annotated[
        str | None,
        typer.Option(
            help="By default mlp for tables and features; for images linear on frozen features "
            "where the extra pretrained is installed, else small_cnn. Or any name or import path."
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(help="Trainings of each loss, each on its own split.")] = 10,
    epochs: Annotated[
        int | None, typer.Option(help="Of each training; 20 for mlp and linear, else 8.")
    ] = None,
    rates: Annotated[
        str | None,
        typer.Option(help="Learning rates to begin with; by default 0.03,0.1,0.3."),
    ] = None,
    targets: Annotated[
        str | None, typer.Option(help="Learn votes, or their majority, median or mean.")
    ] = None,
    baselines: Annotated[
        bool, typer.Option("--baselines", help="Also logistic regression and gradient boosting.")
    ] = False,
    folder: Annotated[
        Path | None, typer.Option(help="Where to keep all; by default runs/ and the file's name.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what would be done, and how long it takes.")
    ] = False,
    scheduler: Annotated[
        str | None,
        typer.Option(
            help="Address of a Dask scheduler: a task for each loss, then one for each seed. Its "
            "workers must see the folder under the same path."
        ),
    ] = None,
    device: _Device = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No plan and no bars.")] = False,
):
    """Compare losses on your own data; the same command goes on where it was stopped."""
    from emdviz import comparing
    from emdviz.comparing import terminal

    chosen = _given(
        losses=_list(losses),
        rates=_list(rates, float, "--rates"),
        bins=_bins(bins),
        classes=_names(classes),
        votes=_names(votes) if id is None else (list(votes) or [None])[0],
        features=_names(features),
        drop=_names(drop),
    )
    try:
        plan = comparing.plan(
            data, label=label, id=id, rater=rater, group=group, split=split, weight=weights,
            decimal=decimal, size=size, network=network, seeds=seeds, epochs=epochs,
            targets=targets, baselines=baselines, folder=folder, device=device, **chosen,
        )  # fmt: skip
    except ArgumentError as error:
        raise ValueError(_in_options(error, data)) from None
    if not quiet or dry_run:
        terminal.tell_plan(plan)
    if dry_run:
        return
    executor, client = _connect(scheduler) if scheduler else (None, None)
    try:
        bars = not quiet and sys.stderr.isatty()
        terminal.tell_result(plan.carry_out(progress=bars, executor=executor))
    finally:
        if client is not None:
            client.close()


@app.command()
@_plainly
def predict(
    folder: Annotated[Path, typer.Argument(help="Of a comparison, such as runs/wine.")],
    data: Annotated[
        Path, typer.Argument(help="A file or folder like the one compared on; labels do not count.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Write to this file, as CSV, instead of the terminal.")
    ] = None,
    loss: Annotated[
        str | None, typer.Option(help="By default the best by RPS on validation.")
    ] = None,
):
    """Predict what has no labels yet: class, probabilities, score and a 90 % interval."""
    from emdviz import comparing
    from emdviz.comparing import terminal

    terminal.tell_scores(comparing.predict(folder, data, loss=loss), out)


@app.command()
@_plainly
def run(
    table: _TableName,
    data: Annotated[Path | None, typer.Option(help="The folder of the data set.")] = None,
    dataset: _DataSet = None,
    classes: _Classes = (),
    bins: _Bins = None,
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
    store: _StoreFolder = Path("runs"),
    scheduler: Annotated[str | None, typer.Option(help="Address of a Dask scheduler.")] = None,
    workers: Annotated[int | None, typer.Option(help="Runs at a time, in processes here.")] = None,
    device: _Device = None,
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
    from emdviz.experiments import tables

    if scheduler and workers is not None:
        raise ValueError("type --scheduler or --workers, not both")
    if table == _MAP:
        _run_map(_list(regimes), data or Path("data"), store, scheduler, workers, quiet, dry_run)
        return
    if regimes is not None:
        raise ValueError(f"--regimes is for the map: type {_ME} run map --regimes {regimes}")
    number = _number(table)
    if dataset == "table":
        raise ValueError(
            "the paper's tables are of images; for a table of yours type: "
            f"{_ME} compare FILE --label COLUMN"
        )
    starts = _weights(weights)
    data = data and data.expanduser().absolute()  # workers may run in another folder
    changes = _given(
        networks=_list(networks),
        losses=_list(losses),
        folds=_list(folds, int, "--folds"),
        seeds=None if seeds is None else range(seeds),
        rates=_list(rates, float, "--rates"),
        size=size,
        config=_config(quick, size, epochs, batch_size, device),
        dataset_options=_dataset_options(classes, bins, labels, pattern, option),
        edition=edition,
    )
    if dry_run:  # the cost does not depend on the weights
        missing = [name for name in ("VGG_F", "RES_F") if name not in starts]
        starts = dict.fromkeys(missing) | starts
    left_out = [] if quick or dry_run or networks else tables.lacking_weights(number, starts)
    if left_out:
        named = published.find(number).networks
        changes["networks"] = [n for n in named if n not in (*left_out, tables.ENSEMBLE)]
    make = tables.quick_specs if quick else tables.table_specs
    papers = published.find(number).dataset
    dataset = dataset or ("synthetic_faces" if quick and not data else papers)
    try:
        specs = make(number, data, dataset=dataset, weights=starts, **changes)
    except ArgumentError as error:
        raise ValueError(_in_options(error, dataset)) from None
    if dry_run:
        _tell_cost(specs, store, teraflops)
        return
    if not (edition and scheduler):  # workers elsewhere may have the files of a named edition
        _check_data(specs[0], table)
    for name in left_out:
        typer.echo(f"note: left out: {_needs_weights(name)}", err=True)
    frame = _run(specs, store, scheduler, workers, quiet)
    failed = int((frame["error"] != "").sum())
    typer.echo(f"{len(frame) - failed} of {len(frame)} runs finished, in {store}")
    _show(frame, number, dataset, store)
    if failed:
        again = f"to try the others again, repeat the command; for the errors: {_ME} results"
        typer.echo(again, err=True)
        raise typer.Exit(1)


@app.command()
@_plainly
def results(
    store: _StoreFolder = Path("runs"),
    table: _TableOption = None,
    dataset: _DataSet = None,
    only: _Only = (),
):
    """Show the results in the store, and the numbers that the paper prints; status 1 if none."""
    from emdviz import published
    from emdviz.experiments import Store

    if table == _MAP:
        _show_map(store)
        return
    frame = _read(store, only)
    failed = frame[frame["error"] != ""]
    begun = len(Store(store).unfinished() - set(frame["id"]))
    typer.echo(f"{len(frame)} runs in {store}: {len(frame) - len(failed)} finished, {begun} begun")
    if frame.empty:
        raise typer.Exit(1)
    for row in failed.itertuples():
        typer.echo(f"failed: {row.id}: {row.error}")
    _tell_notes_of(frame, store)
    numbers = [_number(table)] if table else _TABLES.values()
    for number in numbers:
        name = dataset or published.find(number).dataset
        if table or (frame["dataset"] == name).any():
            _show(frame, number, name, store)
    if not (table or dataset):
        papers = {published.find(number).dataset for number in numbers}
        for name in dict.fromkeys(frame["dataset"]):
            if name not in papers:
                _show(frame, 1, name, store)


@app.command()
@_plainly
def export(
    file: Annotated[Path, typer.Argument(help="Ends in .csv, .tex or .html.")],
    store: _StoreFolder = Path("runs"),
    table: _TableOption = None,
    dataset: _DataSet = None,
    only: _Only = (),
):
    """Write all runs, or a --table beside the printed numbers, as CSV, LaTeX (own only) or HTML."""
    from emdviz.experiments import tables
    from emdviz.experiments.export import WRITERS
    from emdviz.writing import write_whole

    if file.suffix not in WRITERS:
        raise ValueError(f"type a file that ends in {', '.join(WRITERS)}, got {file}")
    frame = _read(store, only)
    _tell_notes_of(frame[frame["dataset"] == dataset] if dataset else frame, store)
    text = None
    if table:
        laid = tables.table(frame, _number(table), dataset=dataset, store=store)
        if file.suffix == ".tex":
            best = tables.standing(frame, _number(table), dataset=dataset)
            frame, text = laid, tables.to_latex(laid, best)
        else:
            frame = tables.beside(laid, _number(table), dataset=dataset)
    elif dataset:
        frame = frame[frame["dataset"] == dataset]
    write_whole(file, (text or WRITERS[file.suffix](frame)).encode())
    typer.echo(f"{len(frame)} rows in {file}")


@app.command()
@_plainly
def drop(
    store: _StoreFolder = Path("runs"),
    only: _Only = (),
):
    """Delete the weights of finished runs; results, predictions and histories stay."""
    from emdviz.experiments import Store

    runs = _read(store, only)
    dropped = [size for one in runs["id"] if (size := Store(store).drop_weights(one))]
    typer.echo(
        f"weights of {len(dropped)} runs deleted, {sum(dropped) / 1e9:.3f} GB; to predict with one "
        "of them again, delete its folder and run it again"
    )


@app.command()
@_plainly
def pretrain(
    data: Annotated[Path, typer.Argument(help="A folder with a folder for each class.")],
    network: Annotated[str, typer.Option(help="Such as RES, for the weights of RES_F.")] = "RES",
    folder: Annotated[Path, typer.Option(help="Where to keep them.")] = Path("pretrained"),
    size: Annotated[int, typer.Option(help="Height and width of the images, in px.")] = 64,
    epochs: Annotated[int, typer.Option(help="Of the training.")] = 30,
    batch_size: Annotated[int, typer.Option(help="Images in a batch.")] = 256,
    rate: Annotated[float, typer.Option(help="The learning rate.")] = 0.1,
    device: _Device = None,
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
    typer.echo(f"weights in {best}; use them with: {_ME} run table1 --weights {name}={best}")


@app.command()
@_plainly
def collect(
    folder: Annotated[Path, typer.Argument(help="Of what was handed in: a folder a student.")],
    csv: Annotated[Path | None, typer.Option(help="Write results and points to this file.")] = None,
    notebooks: Annotated[
        Path, typer.Option(help="The folder of the course's notebooks, with solutions.")
    ] = Path("notebooks"),
    seconds: Annotated[float, typer.Option(help="Limit of each cell of a student's.")] = 60.0,
    memory: Annotated[float, typer.Option(help="Limit of each notebook, in GB.")] = 4.0,
    workers: Annotated[int, typer.Option(help="Notebooks at a time.")] = 1,
):
    """Run notebooks that were handed in: who answered which exercise, with which result.

    No security boundary: the notebooks run with your rights. Collect from people you know.
    """
    from emdviz import collecting
    from emdviz.experiments.export import to_csv
    from emdviz.writing import write_whole

    frame = collecting.collect(
        folder,
        notebooks=notebooks,
        seconds=seconds,
        memory=memory,
        workers=workers,
        on_file=lambda path: typer.echo(f"{collecting.plain(path)}: done", err=True),
    )
    typer.echo(collecting.summary(frame))
    if csv:
        write_whole(csv, to_csv(frame).encode())
        typer.echo(f"{len(frame)} rows in {csv}")


@app.command()
@_plainly
def doctor(data: Annotated[Path, typer.Option(help="The folder of all data sets.")] = Path("data")):
    """Check the setup; status 1 if something does not work."""
    from emdviz.setup_check import PROBLEM, examine, report

    if hasattr(sys.stdout, "reconfigure"):  # a file on Windows would take few signs
        sys.stdout.reconfigure(encoding="utf-8")
    components = examine(data)
    typer.echo(report(components))
    if any(component.state == PROBLEM for component in components):
        raise typer.Exit(1)


def _number(table):
    if table not in _TABLES:
        raise ValueError(f"type {', '.join(_TABLES)} or {_MAP} as the table, got {table!r}")
    return _TABLES[table]


def _given(**options):
    return {name: value for name, value in options.items() if value is not None}


def _list(text, kind=str, option=""):
    """Return the parts of an option with commas, or None if it was not given."""
    if text is None:
        return None
    try:
        return [kind(part.strip()) for part in text.split(",")]
    except ValueError:
        raise ValueError(f"type {option} as numbers between commas, got {text!r}") from None


def _names(option):
    """Return the names of an option: between commas, or, where it was repeated, as they are."""
    return _list(option[0]) if len(option) == 1 else list(option) or None


def _bins(option):
    """Return how many bins, or where to cut; None if it was not given."""
    cuts = _list(option, float, "--bins")
    if cuts is None or len(cuts) > 1 or cuts[0] % 1:
        return cuts
    return int(cuts[0])


def _weights(pairs):
    chosen = {}
    for pair in pairs:
        network, equals, file = pair.partition("=")
        if not (network and equals and file):
            raise ValueError(f"type --weights NETWORK=FILE, such as RES_F=res.pth, got {pair!r}")
        path = os.path.expanduser(file)
        there = os.path.abspath(path) if os.path.exists(path) else file
        chosen[network] = None if file == "none" else there
    return chosen


def _dataset_options(classes, bins, labels, pattern, option):
    """Return arguments of the data set as they were typed."""
    given = {}
    for pair in option:
        name, equals, value = pair.partition("=")
        if not (name and equals):
            raise ValueError(f"type --option NAME=VALUE, such as policy=majority, got {pair!r}")
        try:
            given[name] = json.loads(value)
        except ValueError:
            given[name] = value
    given |= _given(classes=_names(classes), bins=_bins(bins))
    if labels is not None:
        there = Path(labels).expanduser()  # else the name of a file in the data
        given["labels"] = str(there.absolute()) if there.is_file() else labels
    return given | _given(pattern=pattern)


def _config(quick, size, epochs, batch_size, device):
    """Return the training configuration, or None for the usual one."""
    from emdviz.experiments import paper_config
    from emdviz.experiments.tables import CROP, EPOCHS, SIZE
    from emdviz.training import TrainConfig

    chosen = _given(epochs=epochs, batch_size=batch_size, device=device)
    if quick:
        return TrainConfig(**({"epochs": 3, "batch_size": 32} | chosen)) if chosen else None
    crop = CROP if size is None else round(size * CROP / SIZE)
    return paper_config(**({"epochs": EPOCHS, "crop": crop, "mirror": True} | chosen))


def _needs_weights(network):
    """Say what a network needs to run."""
    return f"{network} starts from weights: type --weights {network}=FILE, or {network}=none"


def _in_options(error, dataset):
    """Say of a wrong argument what to type on the command line."""
    if error.argument == "weights" and error.missing:
        return _needs_weights(error.missing)
    if error.missing == "root":
        return f"{dataset} is read from files: type --data FOLDER"
    if error.argument == "dataset_options":
        unknown = sorted(set(error.value) - set(error.choices))
        if "classes" in unknown:
            return f"{dataset} has classes of its own: leave --classes out"
        if unknown:
            own = [name for name in error.choices if name not in ("root", "size")]
            return f"{dataset} has no {unknown[0]}: what it has is {', '.join(own)}"
        name = error.missing
        typed = f"--{name} {name.upper()}" if name in _OWN_OPTIONS else f"--option {name}=VALUE"
        return f"{dataset} needs {name}: type {typed}"
    if error.argument in _OPTIONS:
        choices = ", ".join(error.choices)
        return f"type {_OPTIONS[error.argument]} with one of {choices}; got {error.value!r}"
    return str(error)


def _check_data(spec, table):
    """Raise an error if the data is missing, before any run begins."""
    from emdviz.experiments.editions import place_of

    root = place_of(spec.dataset, dict(spec.dataset_options))
    if root is not None and not root.exists():
        raise FileNotFoundError(
            f"{root} is not there: get {spec.dataset} as data/README.md says, then type --data "
            f"FOLDER; or try {_ME} run {table} --quick"
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
            _tell_notes([row], store, told)

    if workers is not None and workers < 1:
        raise ValueError(f"type --workers as a number from 1, got {workers}")
    executor, client = _connect(scheduler) if scheduler else (None, None)
    try:
        bars = not quiet and sys.stderr.isatty()
        frame = experiments.run(specs, store, workers or 1, executor, on_result=tell, progress=bars)
        _tell_notes_of(frame, store, told)
        return frame
    finally:
        if client is not None:
            client.close()


def _run_map(names, data, store, scheduler, workers, quiet, dry_run):
    """Run the regimes of the map that the store lacks, those whose data are there."""
    from emdviz.experiments import mapping, regimes
    from emdviz.experiments.cluster import local_workers
    from emdviz.experiments.store import MAP

    chosen = [regimes.find(name) for name in names or regimes.REGIMES]
    out, todo = store.expanduser().absolute() / MAP, []
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
            typer.echo(f"{regime.name}, about {regime.minutes:g} minutes: {state}")
    if dry_run:
        return
    executor, client = _connect(scheduler) if scheduler else (None, None)
    with contextlib.ExitStack() as stack:
        if client is not None:
            stack.callback(client.close)
        elif workers is not None and workers > 1 and todo:
            executor = stack.enter_context(local_workers(workers))
        tell = None if quiet else lambda text: typer.echo(text, err=True)
        for name, error in mapping.run_all(todo, data, out, executor=executor, progress=tell):
            typer.echo(f"{name}: {error or 'done'}")
    _show_map(store)


def _show_map(store):
    """Print which regimes of the map are done, and where each loss wins."""
    from emdviz.experiments import mapping, regimes
    from emdviz.experiments.store import MAP

    rows, about = mapping.read(store / MAP)
    pending = [name for name in regimes.REGIMES if name not in about]
    typer.echo(f"{len(about)} of {len(regimes.REGIMES)} regimes in {store / MAP} are done")
    typer.echo(mapping.verdicts(mapping.differences(rows)).to_string())
    if pending:
        typer.echo(f"to do: {', '.join(pending)}")


def _tell_notes_of(frame, store, told=()):
    """Print what the data sets of finished runs note, each line once."""
    done = frame[frame["error"] == ""]
    names = [name for name in done if str(name).startswith("dataset") and name != "dataset seed"]
    _tell_notes(done.drop_duplicates(names)[["id", "dataset"]].to_dict("records"), store, set(told))


def _tell_notes(rows, store, told):
    """Print what the data sets of rows note, but for the lines already told, which it adds to."""
    from tqdm.auto import tqdm

    from emdviz.experiments import Store

    for row in rows:
        for note in Store(store).notes(row["id"]):
            line = f"note: {row['dataset']}: {note}"
            if line not in told:
                told.add(line)
                tqdm.write(line, file=sys.stderr)


def _connect(address):
    """Return an executor on a Dask cluster, and its client, which the caller closes."""
    with needs("cluster"):
        from distributed import Client
    try:
        client = Client(address, timeout=_PATIENCE)
    except (OSError, ValueError) as error:
        first = str(error).partition("\n")[0]
        advice = "run dask scheduler there, or type --workers N"
        raise OSError(f"no scheduler answers at {address} ({first}): {advice}") from None
    about = client.scheduler_info()["workers"].values()
    if not about:
        typer.echo(
            f"note: the scheduler at {address} has no workers yet: runs wait for them; on each "
            f"machine type dask worker {address}",
            err=True,
        )
    gpus = any("GPU" in worker.get("resources", {}) for worker in about)
    one_gpu = {"resources": {"GPU": 1}} if gpus else {}  # a run takes one where workers have any
    return client.get_executor(pure=False, **one_gpu), client


def _read(store, only):
    """Return the results of a store, of the runs that --only chooses."""
    from emdviz import experiments

    if not store.is_dir():
        raise FileNotFoundError(
            f"no runs in {store}: type --store FOLDER, or {_ME} run table1 --quick"
        )
    frame = experiments.results(store)
    for pair in only:
        name, equals, value = pair.partition("=")
        if not equals or name not in frame:
            known = ", ".join(name for name in frame if not name.startswith(("valid ", "test ")))
            raise ValueError(f"type --only NAME=VALUE with a name of {known}; got {pair!r}")
        frame = frame[frame[name].map(str) == value]
    return frame


def _show(frame, number, dataset, store):
    """Print a table of the paper, and the same table of the runs."""
    from emdviz import published
    from emdviz.experiments import tables
    from emdviz.metrics import heading
    from emdviz.training.results import MixedDataError

    source = published.find(number)
    try:
        laid = tables.table(frame, number, dataset=dataset, store=store)
    except (tables.MixedRunsError, MixedDataError) as error:
        raise ValueError(f"{error}; here: type --only {error.column!r}=VALUE") from None
    what = " / ".join(source.metrics)
    if dataset == source.dataset:
        typer.echo(f"\nTable {number}, {source.title}: {what}, as printed")
        typer.echo(tables.show(published.printed(number), number).to_string())
    typer.echo(f"\n{what} on {dataset}, mean ± spread of these runs")
    typer.echo(tables.show(laid, number).to_string())
    own = frame[frame["dataset"] == dataset]
    if "test score MAE" in own and own["test score MAE"].notna().any():
        names = ("score MAE", "CS(5)")
        laid = tables.table(frame, number, dataset=dataset, metrics=names)
        what = " / ".join(map(heading, names))
        typer.echo(f"\n{what} on {dataset}, mean ± spread of these runs")
        typer.echo(tables.show(laid, number).to_string())


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
