"""``emd`` on many pairs, against POT and SciPy."""

import matplotlib
import numpy as np
import ot
from scipy import stats

from benchmarks.timing import conditions, interleaved, microseconds, table
from emdviz import emd, ground_distance

PAIRS = 10_000
SIZES = (8, 100, 1000)
LOOPED = {8: 200, 100: 50, 1000: 2}  # pairs that the loops are timed on; the rest is extrapolated


def pairs(num_classes, count=PAIRS):
    return np.random.default_rng(0).dirichlet(np.ones(num_classes), size=(2, count))


def peers(p, t, looped):
    """Return callables over all pairs, or over the first ``looped`` of them for the loops."""
    num_classes = p.shape[1]
    x, cost = np.arange(num_classes, dtype=float), ground_distance.line(num_classes)
    columns = x[:, None] + np.zeros_like(p.T), x[:, None] + np.zeros_like(t.T)
    p_t, t_t = np.ascontiguousarray(p.T), np.ascontiguousarray(t.T)
    few = list(zip(p[:looped], t[:looped], strict=True))
    return {
        "emdviz.emd": lambda: emd(p, t),
        "ot.wasserstein_1d, batched": lambda: ot.wasserstein_1d(*columns, p_t, t_t, p=1),
        "ot.emd2_1d, loop": lambda: [ot.emd2_1d(x, x, a, b, "cityblock") for a, b in few],
        "scipy.wasserstein_distance, loop": lambda: [
            stats.wasserstein_distance(x, x, a, b) for a, b in few
        ],
        "ot.emd2, loop": lambda: [ot.emd2(a, b, cost) for a, b in few],
    }


def against_peers():
    """Seconds for 10,000 pairs, and how many times slower each peer is."""
    rows = []
    for num_classes in SIZES:
        looped = LOOPED[num_classes]
        times = interleaved(peers(*pairs(num_classes), looped), rounds=5)
        times = {
            name: seconds * (PAIRS / looped if "loop" in name else 1)
            for name, seconds in times.items()
        }
        ours = times["emdviz.emd"]
        for name, seconds in times.items():
            rows.append([num_classes, name, microseconds(seconds), f"{seconds / ours:,.1f}"])
    return table(["C", "function", f"{PAIRS:,} pairs", "times emdviz"], rows)


def growth(path):
    """Draw how the time grows with the classes and with the batch, and return the figures."""
    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    from emdviz.losses import LOSSES
    from emdviz.plots.style import style

    classes, batches = [8, 32, 128, 512, 2048], [10, 100, 1000, 10_000, 100_000]
    by_class = {c: pairs(c, 2000) for c in classes}
    by_batch = {b: pairs(8, b) for b in batches}
    measured = [
        interleaved({n: (lambda p=p, t=t: emd(p, t)) for n, (p, t) in cases.items()}, rounds=7)
        for cases in (by_class, by_batch)
    ]
    with style():
        figure, axes = plt.subplots(1, 2, figsize=(10, 3.8))
        labels = ("number of classes C (2,000 pairs)", "number of pairs (8 classes)")
        for ax, times, label in zip(axes, measured, labels, strict=True):
            x, y = list(times), list(times.values())
            ax.loglog(x, y, "o-", lw=2.5, color=LOSSES["EMD2"].colour)
            ax.loglog(x, [y[-1] * n / x[-1] for n in x], "--", lw=1.5, color="grey")
            ax.text(x[-1], y[-1], "emd  ", ha="right", va="bottom", color=LOSSES["EMD2"].colour)
            ax.text(x[2], 2 * y[-1] * x[2] / x[-1], "linear ", ha="right", color="grey")
            ax.set(xlabel=label, ylabel="seconds")
        figure.savefig(path, dpi=100)
    rows = [
        [f"C = {n:,}" if times is measured[0] else f"{n:,} pairs", microseconds(seconds)]
        for times in measured
        for n, seconds in times.items()
    ]
    return table(["emd on 2,000 pairs or with 8 classes", "time"], rows)


def report(folder):
    """Return the Markdown of this benchmark; its picture goes into ``folder``."""
    return (
        f"## Distances\n\n{conditions()}\n\n"
        "EMD of 10,000 random pairs in float64. "
        "Loops are timed on a few pairs and extrapolated.\n\n"
        f"{against_peers()}\n{growth(folder / 'benchmark_distances.png')}\n"
        "![Time grows linearly with classes and pairs](benchmark_distances.png)\n"
    )
