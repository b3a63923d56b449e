"""Answer checks for the exercises of the notebooks.

A check tries the reader's function on several inputs and returns an :class:`Answer`: shown at the
end of a cell it says ✓, or ✗ with a hint that names the mistake.
"""

from emdviz.exercises.answers import Answer, check_answer
from emdviz.exercises.distributions import (
    check_cdf,
    check_emd,
    check_emd2,
    check_equal_cross_entropy,
    check_expectation,
    check_rps,
)
from emdviz.exercises.entropic import check_best_for_aemd, check_divergence
from emdviz.exercises.losses import (
    check_emd2_gradient,
    check_emd2_loss,
    check_interval,
    check_median,
)
from emdviz.exercises.predictions import (
    check_least_mae,
    check_nearest_to_mean,
    check_temperature,
)
from emdviz.exercises.transport import (
    check_ground_emd2,
    check_learned_distance,
    check_ordered,
    check_plan,
    check_scalings,
)

__all__ = [
    "Answer",
    "check_answer",
    "check_best_for_aemd",
    "check_cdf",
    "check_divergence",
    "check_emd",
    "check_emd2",
    "check_emd2_gradient",
    "check_emd2_loss",
    "check_equal_cross_entropy",
    "check_expectation",
    "check_ground_emd2",
    "check_interval",
    "check_learned_distance",
    "check_least_mae",
    "check_median",
    "check_nearest_to_mean",
    "check_ordered",
    "check_plan",
    "check_rps",
    "check_scalings",
    "check_temperature",
]
