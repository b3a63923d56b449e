"""The functions of arrays: distributions, distances, transport, metrics, ground distances."""

import functools

import numpy as np

from emdviz import (
    beliefs,
    descent,
    distances,
    distributions,
    ground_distance,
    metrics,
    propriety,
    published,
    style,
    transport,
)
from emdviz.transport import rounding
from fuzz import references as ref
from fuzz.calls import Target, Unsure
from fuzz.values import (
    DISTANCE,
    FLAG,
    LABELS,
    MASSES,
    ONE_P,
    POSITIONS,
    ROWS,
    SCORES,
    SQUARE,
    P,
    array,
    choice,
    count,
    fixed,
    scalar,
)

PAIR = {"p": P, "t": P, "positions?": POSITIONS}
CLASSES = {"predicted": LABELS, "labels": LABELS}
PREDICTED = {"probabilities": ROWS, "labels": LABELS}
COST = {"cost?": SQUARE, "positions?": POSITIONS}
C = fixed(lambda rng, s: s.classes)
ORDER = choice(1, 2, 1.5, 3, float("inf"))
SHORT = {"also": ("arrays",)}
_TREE = {"cat": "animal", "dog": "animal", "animal": "thing", "car": "thing"}


def _circular(p, t, positions=None, period=None):
    p, t = ref.pair(p, t)
    if positions is not None or period is not None:
        ref.places(positions, p.shape[-1])
        raise Unsure
    size = p.shape[-1]

    def cost(a, b):
        d = np.cumsum(a - b)
        return min(np.sum(np.abs(d - level)) for level in d) if size else 0.0

    return ref.each(cost, p, t)


def _exact(p, t, cost=None, positions=None):
    if cost is not None or p.shape[:-1] != t.shape[:-1]:
        raise Unsure
    return ref.gap_power(1)(p, t, positions)


TARGETS = {
    "distributions.check_distribution": Target(
        distributions.check_distribution, {"values": P}, ref.distribution, also=("p",)
    ),
    "distributions.check_pair": Target(
        distributions.check_pair,
        {"p": P, "t": P},
        **SHORT,
    ),
    "distributions.check_positions": Target(
        distributions.check_positions,
        {"num_classes": C, "positions": POSITIONS},
        ref.line_places,
    ),
    "distributions.one_hot": Target(distributions.one_hot, {"labels": LABELS, "num_classes": C}),
    "distributions.binned_normal": Target(
        distributions.binned_normal,
        {
            "mean": SCORES,
            "deviation": array(lambda rng, s: rng.uniform(0.1, 2, s.rows)),
            "edges": POSITIONS,
        },
    ),
    "distributions.cdf": Target(distributions.cdf, {"p": P}, ref.cdf),
    "distributions.expectation": Target(
        distributions.expectation, {"p": P, "positions?": POSITIONS}, ref.expectation
    ),
    "distributions.spread": Target(
        distributions.spread, {"p": P, "positions?": POSITIONS}, ref.spread
    ),
    "distances.cdf_gap": Target(distances.cdf_gap, PAIR, **SHORT),
    "distances.emd": Target(distances.emd, PAIR, ref.gap_power(1), share=2, **SHORT),
    "distances.emd2": Target(distances.emd2, PAIR, ref.gap_power(2), share=2, **SHORT),
    "distances.normalized_emd": Target(
        distances.normalized_emd, PAIR | {"order": ORDER}, ref.normalized, **SHORT
    ),
    "distances.wasserstein": Target(
        distances.wasserstein, PAIR | {"order": ORDER}, ref.wasserstein, **SHORT
    ),
    "distances.circular_emd": Target(
        distances.circular_emd, PAIR | {"period?": scalar(5, 30)}, _circular, **SHORT
    ),
    "transport.exact_plan": Target(transport.exact_plan, {"p": P, "t": P} | COST, share=0.5),
    "transport.exact_cost": Target(transport.exact_cost, {"p": P, "t": P} | COST, _exact),
    "transport.dual_potentials": Target(
        transport.dual_potentials, {"p": P, "t": P} | COST, share=0.5
    ),
    "transport.partial_plan": Target(
        transport.partial_plan, {"p": MASSES, "t": MASSES} | COST, share=0.5
    ),
    "transport.partial_emd": Target(
        transport.partial_emd, {"p": MASSES, "t": MASSES} | COST, share=0.5
    ),
    "transport.entropic_plan": Target(
        # with the usual 100,000, a large λ takes minutes
        functools.partial(transport.entropic_plan, iterations=300),
        {
            "p": P,
            "t": P,
            **COST,
            "lam": scalar(0.1, 5),
            "tolerance?": scalar(1e-8, 1e-4),
        },
        errors=(RuntimeError,),
        also=("iterations",),
        share=0.3,
    ),
    "metrics.heading": Target(metrics.heading, {"name": choice(*metrics.METRICS)}, share=0.1),
    "metrics.accuracy_within": Target(
        metrics.accuracy_within,
        CLASSES | {"steps?": count(0, 3)},
        lambda predicted, labels, steps=0: ref.within(steps)(predicted, labels),
    ),
    "metrics.aem": Target(metrics.aem, CLASSES, ref.within(0)),
    "metrics.aeo": Target(metrics.aeo, CLASSES, ref.within(1)),
    "metrics.mae": Target(metrics.mae, CLASSES, ref.mae),
    "metrics.macro_mae": Target(metrics.macro_mae, CLASSES, ref.macro_mae),
    "metrics.quadratic_weighted_kappa": Target(
        metrics.quadratic_weighted_kappa, CLASSES | {"num_classes": C}, nan=True, share=0.3
    ),
    "metrics.spearman": Target(
        metrics.spearman, {"scores": SCORES, "true_scores": SCORES}, ref.spearman, share=0.3
    ),
    "metrics.ranked_probability_score": Target(
        metrics.ranked_probability_score, PREDICTED | {"positions?": POSITIONS}, ref.ranked
    ),
    "metrics.log_loss": Target(metrics.log_loss, PREDICTED, ref.log_loss),
    "metrics.calibration_error": Target(
        metrics.calibration_error, PREDICTED | {"bins?": count(1, 20)}
    ),
    "metrics.evaluate": Target(
        metrics.evaluate,
        PREDICTED | {"positions?": POSITIONS, "true_distribution?": ROWS},
        nan=True,
        share=0.2,
    ),
    "metrics.evaluate_classes": Target(
        metrics.evaluate_classes,
        CLASSES | {"num_classes": C, "scores?": SCORES, "positions?": POSITIONS},
        nan=True,
        share=0.2,
    ),
    "metrics.check_classes": Target(metrics.check_classes, CLASSES | {"num_classes?": C}),
    "metrics.check_prediction": Target(metrics.check_prediction, PREDICTED),
    "beliefs.mean_prediction": Target(beliefs.mean_prediction, PREDICTED, nan=True),
    "beliefs.confusion": Target(beliefs.confusion, CLASSES | {"num_classes": C}, nan=True),
    "beliefs.is_unimodal": Target(beliefs.is_unimodal, {"p": P, "tolerance?": scalar(0, 1e-3)}),
    "beliefs.reliability": Target(
        beliefs.reliability, PREDICTED | {"cumulative?": FLAG, "bins?": count(1, 5)}, share=0.3
    ),
    "beliefs.largest_disagreements": Target(
        beliefs.largest_disagreements,
        {"p": ROWS, "q": ROWS, "count?": count(0, 5), "positions?": POSITIONS},
        **SHORT,
    ),
    "ground_distance.line": Target(
        ground_distance.line, {"num_classes": C, "positions?": POSITIONS}, ref.line
    ),
    "ground_distance.circle": Target(
        ground_distance.circle,
        {"num_classes": C, "positions?": POSITIONS, "period?": scalar(1, 30)},
    ),
    "ground_distance.tree": Target(
        ground_distance.tree,
        {
            "classes": choice(["cat", "dog", "car"], ["cat"], []),
            "parents": choice(_TREE, {}, {"cat": "cat"}, {"cat": "dog", "dog": "cat"}),
            "lengths?": choice({"cat": 2.0}, {}, {"cat": -1}, {"cat": float("nan")}, {"cat": "x"}),
        },
        also=("class",),
    ),
    "ground_distance.matrix": Target(ground_distance.matrix, {"distances": DISTANCE}, ref.distance),
    "ground_distance.is_metric": Target(
        ground_distance.is_metric, {"distances": DISTANCE, "tolerance?": scalar(0, 1)}
    ),
    "ground_distance.rank_correlation": Target(
        ground_distance.rank_correlation,
        {"distances": DISTANCE, "others?": DISTANCE},
        nan=True,
        share=0.3,
    ),
    "ground_distance.embed": Target(
        ground_distance.embed, {"distances": DISTANCE, "dimensions?": count(1, 3)}
    ),
    "propriety.expected_loss": Target(
        propriety.expected_loss,
        {"loss": choice("XE", "EMD2", "EMD", "REG"), "p": P, "t": P, "positions?": POSITIONS},
        **SHORT,
    ),
    "propriety.minimiser": Target(
        propriety.minimiser,
        {"loss": choice("XE", "EMD2", "EMD", "REG"), "t": ONE_P, "positions?": POSITIONS},
    ),
    "propriety.medians": Target(propriety.medians, {"t": ONE_P}),
    "published.find": Target(published.find, {"number": count(0, 4)}, share=0.1),
    "published.table": Target(published.table, {"number": count(0, 4)}, share=0.05, nan=True),
    "published.others": Target(published.others, {"number": count(0, 4)}, share=0.05, nan=True),
    "transport.rounding.scale": Target(
        rounding.scale,
        {
            "p": ONE_P,
            "t": ONE_P,
            "cost": SQUARE,
            "lam": scalar(0.1, 100),
            "iterations": count(0, 5),
            "precision?": choice("float64", "float32"),
            "domain?": choice("log", "plain"),
        },
        nan=True,
        share=0.5,
    ),
    "transport.rounding.converged_plan": Target(
        rounding.converged_plan,
        {"p": ONE_P, "t": ONE_P, "cost": SQUARE, "lam": scalar(0.1, 100)},
        share=0.2,
    ),
    "descent.descend": Target(
        descent.descend,
        {
            "loss": choice(*descent.COMPARED),
            "p": ONE_P,
            "target": count(0, 3),
            "steps?": count(0, 3),
            "learning_rate?": scalar(0.01, 1),
            "positions?": POSITIONS,
            "emd_weight?": scalar(0, 3),
            "floor?": scalar(1e-9, 1e-3),
        },
        share=0.3,
    ),
    "style.style": Target(
        style.style,
        {"context?": choice("notebook", "projector", "print")},
        use=lambda answer: answer.__enter__(),
        share=0.05,
    ),
    "style.use": Target(style.use, {"context?": choice("notebook", "print")}, share=0.05),
    "style.style_parameters": Target(
        style.style_parameters, {"context?": choice("notebook", "projector", "print")}, share=0.05
    ),
}
