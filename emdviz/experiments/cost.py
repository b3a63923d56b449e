"""Estimates of the cost of runs: their number, and hours on a GPU."""

import time
from pathlib import Path

TERAFLOPS = 20.0
"""Operations per second, in 10¹², that a GPU is taken to sustain where none is at hand to measure:
a round number, which a modern GPU reaches in part of its work only."""

PASSES = 3
"""Cost of training on an image, in forward passes: one, and two for the backward pass."""

TRAINING_IMAGES = {"adience": 26_000 * 4 // 5, "images_of_groups": 3_500, "aadb": 8_458}
"""Images to train on, by the paper's section 3; a tenth of them is for validation."""


def estimate(specs, *, teraflops=TERAFLOPS):
    """Estimate what runs cost.

    GPU hours = runs · epochs · images · 3 · 2 · M / (10¹² T · 3600), with M multiply-accumulates
    for an image (``models.operations``), each of which is two operations, and T teraflops.

    Parameters
    ----------
    specs : sequence of RunSpec
    teraflops : float or dict of str to float
        What the GPU sustains, T, for all networks or by network.

    Returns
    -------
    pandas.DataFrame
        A row per data set and network: ``runs``, ``epochs`` of each, ``images`` of an epoch,
        ``size`` that the network sees, ``GMAC`` (10⁹ multiply-accumulates for an image),
        ``teraflops``, and of all its runs ``GPU hours`` and the ``GB`` (10⁹ bytes) of weights
        that a store keeps; while a run trains, its state takes six times its share besides.
        Reading data and evaluating after each epoch come on top.

    Raises
    ------
    ValueError
        If ``teraflops`` is not positive.

    Examples
    --------
    >>> from emdviz.experiments.paper import table_specs
    >>> about = estimate(table_specs(2, weights={"RES_F": None}))
    >>> int(about["runs"].sum())
    63
    """
    import pandas as pd

    from emdviz.models import operations

    rates = teraflops if isinstance(teraflops, dict) else dict.fromkeys(_networks(specs), teraflops)
    if min(rates.values(), default=1) <= 0:
        raise ValueError(f"teraflops must be positive, got {teraflops}")
    images, macs, rows = {}, {}, {}
    for spec in specs:
        options = dict(spec.dataset_options)
        source = (spec.dataset, options.get("n"), options.get("root"))
        if source not in images:
            images[source] = count_images(spec)
        size = spec.config.crop or options.get("size", 64)
        if (spec.network, size) not in macs:
            macs[spec.network, size] = operations(spec.network, size)
        key = (spec.dataset, spec.network, spec.config.epochs, images[source], size)
        rows[key] = rows.get(key, 0) + 1
    table = pd.DataFrame(
        [(*key, runs) for key, runs in rows.items()],
        columns=["dataset", "network", "epochs", "images", "size", "runs"],
    )
    table["GMAC"] = [macs[pair] / 1e9 for pair in zip(table["network"], table["size"], strict=True)]
    table["teraflops"] = table["network"].map(rates)
    work = table["runs"] * table["epochs"] * table["images"] * PASSES * 2 * table["GMAC"] * 1e9
    table["GPU hours"] = work / (table["teraflops"] * 1e12 * 3600)
    parameters = {name: _count_parameters(name) for name in rates}
    table["GB"] = table["runs"] * 4 * table["network"].map(parameters) / 1e9
    return table


def count_images(spec):
    """Return how many images a run trains on in an epoch, without reading them.

    Those of the paper's data sets are the paper's numbers, those of others the files that are
    there; a tenth is for validation, and of a set without a test set another tenth for that.
    """
    from emdviz.datasets.readers.files import IMAGE_SUFFIXES, list_files

    options = dict(spec.dataset_options)
    if spec.dataset in TRAINING_IMAGES:
        return TRAINING_IMAGES[spec.dataset] * 9 // 10
    if "root" in options:
        files = list_files(Path(options["root"]).expanduser())
        count = sum(file.name.lower().endswith(IMAGE_SUFFIXES) for file in files)
    else:
        count = options["n"] if "n" in options else len(spec.load())
    return count * 8 // 10


def measure_teraflops(specs, device, *, batch=32, steps=3):
    """Return the teraflops that a device sustains when it trains each network of some runs."""
    import torch

    from emdviz.models import build, operations

    sizes = {s.network: s.config.crop or dict(s.dataset_options).get("size", 64) for s in specs}
    found = {}
    for network, size in sizes.items():
        model = build(network, 8, (3, size, size)).to(device).train()
        images = torch.zeros(batch, 3, size, size, device=device)

        def train(model=model, images=images):
            for _ in range(steps):
                model(images).square().mean().backward()
            if device.type == "cuda":
                torch.cuda.synchronize(device)

        train()  # the first steps choose algorithms
        start = time.perf_counter()
        train()
        seconds = time.perf_counter() - start
        found[network] = batch * steps * PASSES * 2 * operations(network, size) / seconds / 1e12
    return found


def _networks(specs):
    return dict.fromkeys(spec.network for spec in specs)


def _count_parameters(network):
    import torch

    from emdviz.models import build

    with torch.device("meta"):  # shapes only
        return sum(parameter.numel() for parameter in build(network, 1, (3, 224, 224)).parameters())
