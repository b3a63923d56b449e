"""How training went."""

import matplotlib.pyplot as plt

from emdviz._docstrings import fill
from emdviz.losses import look_of
from emdviz.plots._labels import check_by_loss, label_ends, whole_numbers
from emdviz.reading import read_choice


@fill
def plot_history(histories, metric, *, ax=None):
    """Draw how a metric changed with the epochs, one line per loss, labelled at its end.

    Parameters
    ----------
    histories : dict of str to list of training.Epoch
        Keys are names of losses.
    metric : str
        A name in ``metrics.METRICS``.
    %(axes)s
    """
    from emdviz.metrics import METRICS

    check_by_loss(histories, "histories")
    read_choice(metric, "metric", METRICS)
    ax = ax or plt.gca()
    ends = {}
    for name, epochs in histories.items():
        x, y = zip(*((epoch.number, epoch.metrics[metric]) for epoch in epochs), strict=True)
        look = look_of(name)
        mark = "o" if len(x) == 1 else None  # which is no line yet
        ax.plot(x, y, color=look.colour, linewidth=2.5, marker=mark, label=look.label)
        ends[name] = (x[-1], y[-1])
    label_ends(ax, ends)
    unit = METRICS[metric].unit
    arrow = "higher is better" if METRICS[metric].higher_is_better else "lower is better"
    ax.set(
        xlabel="epoch", ylabel=f"{metric} ({unit})" if unit else metric, title=f"{metric}: {arrow}"
    )
    whole_numbers(ax.xaxis)
    return ax
