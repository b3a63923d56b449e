"""The exercises of the notebooks: right answers, and hints for wrong ones.

Each judge judges the answer to one exercise and returns an :class:`Answer`: shown at the end of a
cell it says ✓, or ✗ with a hint that names the mistake; for a :class:`Solution`, that it is shown.
:func:`judge_answer` and :func:`judge_function` judge the answer to an exercise of your own, from a
cell of the notebook. :func:`predict` asks before a cell shows its result.
"""

from typing import TYPE_CHECKING

from emdviz._imports import hand_out_imports

if TYPE_CHECKING:  # each is imported when it is first used
    from emdviz.exercises.answers import Answer, Solution, judge_answer, judge_function
    from emdviz.exercises.distributions import judge_emd, judge_equal_cross_entropy, judge_rps
    from emdviz.exercises.predictions import (
        judge_emd2_gradient,
        judge_interval,
        judge_least_mae,
        judge_median,
        judge_nearest_to_mean,
        judge_temperature,
    )
    from emdviz.exercises.question import predict
    from emdviz.exercises.transport import (
        judge_best_for_aemd,
        judge_divergence,
        judge_learned_distance,
        judge_ordered,
        judge_plan,
        judge_scalings,
    )

__all__, __getattr__, __dir__ = hand_out_imports(__name__, __file__)
