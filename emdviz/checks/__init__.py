"""Answer checks for the exercises of the notebooks, and the loss doctor.

A check tries the reader's function on several inputs and returns an :class:`Answer`: shown at the
end of a cell it says ✓, or ✗ with a hint that names the mistake. :func:`diagnose` takes any loss
for ordered classes and says which known form it equals, or what is wrong with it.
"""

from emdviz.checks.about_distributions import (
    check_cdf,
    check_emd,
    check_emd2,
    check_equal_cross_entropy,
    check_expectation,
    check_rps,
)
from emdviz.checks.about_entropy import check_best_for_aemd, check_divergence
from emdviz.checks.about_losses import (
    check_emd2_gradient,
    check_emd2_loss,
    check_interval,
    check_median,
)
from emdviz.checks.about_predictions import (
    check_least_mae,
    check_nearest_to_mean,
    check_temperature,
)
from emdviz.checks.about_transport import (
    check_ground_emd2,
    check_learned_distance,
    check_ordered,
    check_plan,
    check_scalings,
)
from emdviz.checks.answers import Answer, check_answer
from emdviz.checks.behaviour import Finding
from emdviz.checks.diagnosis import Diagnosis, diagnose
from emdviz.checks.examples import Example

__all__ = [
    "Answer",
    "Diagnosis",
    "Example",
    "Finding",
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
    "diagnose",
]
