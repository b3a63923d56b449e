"""How long a comparison takes on this machine."""

import copy
import tempfile
import time
import warnings
from dataclasses import replace

STEPS = 4
"""Steps of training that are measured of networks whose epochs are long."""

SEEDS = 4
"""Side by side: a run alone takes longer."""

WHOLE = 20_000
"""As many training rows or fewer of a head are measured whole."""

IMAGES = 4, 36
"""Images of which features are computed, first few, then more: the others take what one takes."""


def measure_seconds(plan):
    """Estimate the seconds that a :class:`Plan` takes."""
    from emdviz.comparing.planning import HEADS
    from emdviz.training import compare_losses

    data, before = plan.data, 0.0
    if plan.backbone:
        data, before = _as_features(data, plan.backbone)
    batch = min(plan.config.batch_size, len(plan.data.splits["train"]))
    steps = max(1, len(plan.data.splits["train"]) // batch)
    is_head = plan.network in HEADS
    if not (is_head and len(plan.data.splits["train"]) <= WHOLE):
        share = min(1.0, STEPS / steps)
        data = _some(data, STEPS * batch, round(share * len(data.splits["valid"])))
    scale = len(plan.data.splits["train"]) / len(data.splits["train"])
    config = replace(plan.config, epochs=2, batch_size=min(batch, len(data.splits["train"])))
    seeds = plan.search_seeds[:SEEDS]
    rates = {name: [1e-5 * (k + 1) for k in range(len(plan.rates))] for name in plan.losses}
    rates = rates if is_head else dict.fromkeys(plan.losses, 1e-5)
    steady = last = 0.0

    def on_epoch(loss, seed, epoch):
        nonlocal steady, last
        now = time.perf_counter()
        steady += (now - last) * (epoch.number > 1)
        last = now

    # in the folder's place, since a disk may be slow
    there = next(one for one in [plan.folder, *plan.folder.absolute().parents] if one.is_dir())
    with (
        tempfile.TemporaryDirectory(dir=there, prefix=".measure") as folder,
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        losses, model = list(plan.losses.values()), {"model": plan.network}
        once = replace(config, epochs=1)  # the first run of a process takes longer
        compare_losses(_some(data, 2 * batch, 2), losses[:1], config=once, **model)
        start = last = time.perf_counter()
        table = compare_losses(
            data, losses, seeds=seeds, config=config, learning_rates=rates, folder=folder,
            on_epoch=on_epoch, **model,
        )  # fmt: skip
        whole = time.perf_counter() - start
    epoch = steady / len(table) * scale
    rest = max(0.0, whole - 2 * steady) / len(table)
    search = len(plan.losses) * (len(plan.rates) + 1) * len(plan.search_seeds)
    runs = len(plan.losses) * len(plan.seeds)
    anew = 0 if is_head else runs  # runs of heads are among those of the search
    return before + (search + anew) * plan.config.epochs * epoch + (search + runs) * rest


def _as_features(data, backbone):
    """Return the data with inputs like features, and the seconds that all of these would take."""
    from emdviz.datasets import OrderedData, with_features

    taken = []
    for count in (min(few, len(data)) for few in IMAGES):
        few = OrderedData("", data.inputs[:count], data.labels[:count], data.classes, {})
        start = time.perf_counter()
        found = with_features(few, backbone, cache=False).inputs
        taken.append((len(found), time.perf_counter() - start))
    (less, short), (more, long) = taken
    each = max(0.0, long - short) / max(1, more - less)
    other = copy.copy(data)
    other.inputs = found[:1].expand(len(data), -1)  # as good as others, to measure time
    return other, short + (len(data) - less) * each


def _some(data, train, valid):
    """Return the data with so many training rows, and as many for validation as for the test."""
    other = copy.copy(data)
    sizes = {"train": train, "valid": max(2, valid), "test": max(2, valid)}
    rows = {name: part[: sizes[name]] for name, part in data.splits.items()}
    other.splits = rows
    return other


def in_words(seconds):
    """Return a duration in words.

    Examples
    --------
    >>> in_words(4.2), in_words(80), in_words(5000)
    ('5 s', '1 min 20 s', '1 h 23 min')
    """
    seconds = max(5, 5 * round(seconds / 5))
    minutes, hours = seconds // 60, seconds // 3600
    if hours:
        return f"{hours} h {minutes % 60} min"
    return f"{minutes} min {seconds % 60} s" if minutes else f"{seconds} s"
