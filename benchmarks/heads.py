"""Many heads on features at once, against a bare torch loop and ``training.fit``, one by one."""

import time

import torch

from benchmarks.timing import conditions, load, table
from emdviz import datasets
from emdviz._threads import use_threads
from emdviz.losses import LOSSES, as_loss
from emdviz.training import Run, TrainConfig, compare_losses
from emdviz.training.data import TrainingData

NAMES = [name for name, loss in LOSSES.items() if not loss.uses_features]
RATES = [0.0003, 0.001, 0.003, 0.01, 0.03]


def features(rows, width):
    """Make rows of numbers with 8 classes that a linear head can learn."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(rows, width, generator=generator)
    score = x[:, :20].sum(dim=1) / 3 + torch.randn(rows, generator=generator)
    return datasets.from_arrays(x, (score + 4).clamp(0, 7.99).long())


def bare_loop(data, loss, config, threads):
    """Train a head as a tutorial does, without evaluation; all rows lie in memory."""
    with use_threads(threads):
        _bare_loop(data, loss, config)


def _bare_loop(data, loss, config):
    x, y = data.inputs.index_select(0, data._rows), data.targets()
    torch.manual_seed(config.seed)
    width = as_loss(loss).num_outputs(data.num_classes)
    model = torch.nn.Sequential(
        torch.nn.BatchNorm1d(x.shape[1], affine=False), torch.nn.Linear(x.shape[1], width)
    )
    criterion = as_loss(loss).make(data.num_classes)
    optimizer = torch.optim.SGD(
        model.parameters(), config.learning_rate, config.momentum, weight_decay=config.weight_decay
    )
    steps = len(x) // config.batch_size * config.epochs
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(config.epochs):
        order = torch.randperm(len(x)).split(config.batch_size)
        for chosen in order[: len(x) // config.batch_size]:
            optimizer.zero_grad()
            criterion(model(x[chosen]), y[chosen]).backward()
            optimizer.step()
            schedule.step()


def seconds(function):
    """Return the wall and the processor seconds that a call takes."""
    wall, cpu = time.perf_counter(), time.process_time()
    function()
    return time.perf_counter() - wall, time.process_time() - cpu


def against_one_by_one(*, rows=8000, width=1280, seeds=20, epochs=10, model="linear", device="cpu"):
    """All runs side by side; of the others one run per loss, before and after, and times runs."""
    dataset = features(rows, width)
    config = TrainConfig(epochs=epochs, learning_rate=0.003, device=device)
    data = TrainingData(dataset, device)
    runs = len(NAMES) * seeds * len(RATES)
    alone = {"bare torch loop": [0.0, 0.0], "training.fit": [0.0, 0.0]}
    ways = {
        "bare torch loop": lambda loss: bare_loop(data, loss, config, data.threads),
        "training.fit": lambda loss: list(Run(model, loss, data, config)),
    }
    if model != "linear" or device != "cpu":
        del ways["bare torch loop"], alone["bare torch loop"]

    def one_of_each():
        for name, train in ways.items():
            for loss in NAMES:
                for i, spent in enumerate(seconds(lambda train=train, loss=loss: train(loss))):
                    alone[name][i] += spent / (2 * len(NAMES)) * runs

    one_of_each()
    together = seconds(
        lambda: compare_losses(
            dataset, NAMES, seeds=range(seeds), config=config, model=model,
            learning_rates=dict.fromkeys(NAMES, RATES), together=True,
        )
    )  # fmt: skip
    one_of_each()
    lines = [["side by side", f"{together[0]:.1f} s", "1.0", f"{together[1]:.1f} s", "1.0"]]
    for name, (wall, cpu) in alone.items():
        ratios = f"{wall / together[0]:.1f}", f"{cpu / together[1]:.1f}"
        lines.append([f"{name}, one by one", f"{wall:.1f} s", ratios[0], f"{cpu:.1f} s", ratios[1]])
    title = (
        f"{model}: {len(NAMES)} losses × {seeds} seeds × {len(RATES)} rates × {epochs} epochs, "
        f"{rows:,} × {width:,}"
    )
    return table([title, "time", "times", "processor", "times"], lines)


def growth(device="cpu", model="linear"):
    """Seconds of a small comparison, and with more runs, rows or features."""
    start = {"seeds": 4, "rows": 2000, "width": 320}
    changes = [{}, {"seeds": 8}, {"seeds": 16}, {"rows": 4000}, {"rows": 8000}]
    changes += [{"width": 640}, {"width": 1280}]
    config = TrainConfig(epochs=4, learning_rate=0.003, device=device)
    lines, first = [], None
    for change in [{}, *changes]:  # the first warms up
        size = start | change
        dataset = features(size["rows"], size["width"])
        wall, cpu = seconds(
            lambda size=size, dataset=dataset: compare_losses(
                dataset, NAMES, seeds=range(size["seeds"]), config=config, model=model,
                together=True,
            )
        )  # fmt: skip
        first = (wall, cpu) if not change else first
        runs = f"{size['seeds'] * len(NAMES):,}"
        lines.append([runs, f"{size['rows']:,}", f"{size['width']:,}", f"{wall:.2f} s",
                      f"{wall / first[0]:.2f}", f"{cpu / first[1]:.2f}"])  # fmt: skip
    return table(["runs", "rows", "features", "time", "of the first", "processor"], lines[1:])


def report(device="cpu"):
    """Return the Markdown of this benchmark."""
    before = torch.get_num_threads()
    torch.set_num_threads(max(before, 2))
    try:
        where, start = "CPU" if device == "cpu" else "GPU", load()
        parts = [
            against_one_by_one(device=device),
            against_one_by_one(device=device, model="mlp", width=64, seeds=5),
            growth(device),
        ]
        return (
            f"## Many heads, {where}\n\n{conditions(device)} · load {start} before, {load()} "
            "after\n\n" + "\n".join(parts) + "\n"
            "One by one is one run of each loss, before and after, times the number of runs. The "
            "bare loop evaluates nothing; `training.fit` and side by side measure all metrics "
            "after every epoch, and side by side tests each run and makes the table as well. "
            "Aims for the first table, with two free cores: at most 60 s, the bare loop at least 5 "
            "times as long, and `training.fit` 20 times. `fit` was slower when that was aimed at; "
            "where it takes no longer than the bare loop, both ratios are the same.\n"
        )
    finally:
        torch.set_num_threads(before)
