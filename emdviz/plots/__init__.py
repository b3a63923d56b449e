"""Pictures: arrays in, Axes out. Nothing here computes a result.

Every function draws into ``ax``, or into the current Axes if none is given, and returns it.
Classes run from left to right (from top to bottom in :func:`sheet` and :func:`plot_class_counts`,
which have a row for each), probabilities from 0 to 1, and a loss has one colour everywhere.
"""

from emdviz.plots.beliefs import (
    plot_beliefs,
    plot_by_loss,
    plot_comparison,
    plot_confusion,
    plot_reliability,
)
from emdviz.plots.curves import plot_curves, plot_history, plot_pushes, plot_trails
from emdviz.plots.data_sets import plot_class_counts, sheet, show_image
from emdviz.plots.distributions import plot_cdf_gap, plot_plan, plot_prediction
from emdviz.plots.ground_distances import (
    plot_embedding,
    plot_ground_distance,
    plot_rank_correlations,
)
from emdviz.plots.maps import plot_map
from emdviz.plots.simplex import plot_simplex
from emdviz.plots.transport import plot_ribbons, plot_scaling_errors, plot_scalings

__all__ = [
    "plot_beliefs",
    "plot_by_loss",
    "plot_cdf_gap",
    "plot_class_counts",
    "plot_comparison",
    "plot_confusion",
    "plot_curves",
    "plot_embedding",
    "plot_ground_distance",
    "plot_history",
    "plot_map",
    "plot_plan",
    "plot_prediction",
    "plot_pushes",
    "plot_rank_correlations",
    "plot_reliability",
    "plot_ribbons",
    "plot_scaling_errors",
    "plot_scalings",
    "plot_simplex",
    "plot_trails",
    "sheet",
    "show_image",
]
