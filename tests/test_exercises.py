import numpy as np
import ot
import pytest
import torch
from scipy import stats
from scipy.special import softmax

from emdviz import exercises
from emdviz.ground_distance import circle, line


def gap(p, t):
    return np.cumsum(p - t, axis=-1)


def total(values):
    return np.sum(values, axis=-1)


def score(p, k, after=0):
    return total((np.cumsum(p) - (k + after <= np.arange(len(p)))) ** 2)


def by_probabilities(z, k):
    d = gap(softmax(z), np.eye(len(z))[k])
    return 2 * np.cumsum(d[::-1])[::-1]


def emd2_gradient(z, k):
    g, p = by_probabilities(z, k), softmax(z)
    return p * (g - p @ g)


def least_expected_emd(t):
    return int(np.argmin(line(len(t)) @ t))


def swept_plan(p, t):
    plan, p, t = np.zeros((len(p), len(t))), p.copy(), t.copy()
    i = j = 0
    while i < len(p) and j < len(t):
        moved = plan[i, j] = min(p[i], t[j])
        p[i], t[j] = p[i] - moved, t[j] - moved
        i, j = (i + 1, j) if p[i] <= t[j] else (i, j + 1)
    return plan


def scaled(p, t, cost, lam, times=300, columns=True):
    kernel = np.exp(-lam * cost)
    v = np.ones_like(t)
    for _ in range(times):
        u = p / (kernel @ v)
        v = t / (kernel.T @ u) if columns else v
    return u[:, None] * kernel * v


def far_first(p, t):
    return swept_plan(p, t[::-1])[:, ::-1]


def learned(x, k, *, norm=True, rank=True, mean=True, start=0, late=False):
    x, k = np.asarray(x, float), np.asarray(k)
    x = x / np.linalg.norm(x, axis=1, keepdims=True) if norm else x
    means = np.array([x[k == c].mean(0) for c in np.unique(k)])
    if late:
        means /= np.linalg.norm(means, axis=1, keepdims=True)
    d = np.array([[np.linalg.norm(a - b) for b in means] for a in means])
    ranks = stats.rankdata(d, axis=1) - 1 + start if rank else d
    ranks = ranks / (len(d) - 1) if rank else ranks
    return (ranks + ranks.T) / 2 if mean else ranks


def t_interval(v, level=0.95):
    low, high = stats.t.interval(level, len(v) - 1, np.mean(v), stats.sem(v))
    return np.mean(v), low, high


def around(v, half):
    return np.mean(v), np.mean(v) - half, np.mean(v) + half


def spoils(p, t):
    p -= t
    return total(np.cumsum(p, -1) ** 2)


def fails(*arguments):
    raise KeyError("p")


EXERCISES = {
    exercises.judge_emd: (
        [lambda p, t: total(abs(gap(p, t)))],
        [
            (lambda p, t: total(gap(p, t) ** 2), "This is EMD², Σ (CDF_i(p) − CDF_i(t))²"),
            (lambda p, t: total(abs(p - t)), "Difference of densities"),
            (lambda p, t: abs(total(gap(p, t))), "Absolute value outside the sum"),
            (lambda p, t: np.mean(abs(gap(p, t)), -1), "÷ C. Take the sum"),
            (lambda p, t: total(abs(gap(p, t))[..., :-2]), "The last of the C − 1 gaps"),
            (lambda p, t: abs(gap(p, t)), "is the sum over the classes missing?"),
            (lambda p, t: total(abs(gap(p, t[..., ::-1]))), "Target reversed"),
        ],
    ),
    exercises.judge_emd2: (
        [lambda p, t: total(gap(p, t) ** 2), lambda p, t: total(gap(t, p) ** 2)],
        [
            (lambda p, t: total(abs(gap(p, t))), "Square each gap where you take"),
            (lambda p, t: total((p - t) ** 2), "Difference of densities"),
            (lambda p, t: total(gap(p, t)) ** 2, "Square outside the sum"),
            (lambda p, t: total(abs(gap(p, t))) ** 2, "Square each gap, then add up"),
            (lambda p, t: np.mean(gap(p, t) ** 2, -1), "This is EMD² ÷ C. Take the sum"),
            (lambda p, t: total(gap(p, t) ** 2) ** 0.5, "Leave the root out"),
            (lambda p, t: total(gap(softmax(p, -1), t) ** 2), "is probabilities already"),
            (lambda p, t: np.sum(np.cumsum(p - t, axis=0) ** 2), "not for a batch"),
            (lambda p, t: 2 * total(gap(p, t) ** 2), "a factor too many"),
            (spoils, "changes its arguments"),
            (lambda p, t: None, "returned None: is the return statement missing?"),
            (fails, "raised KeyError"),
            (lambda p, t: np.nan, "not all of it is a finite number"),
            (lambda p, t: "0.5", "returned str, not numbers"),
        ],
    ),
    exercises.judge_rps: (
        [score],
        [
            (lambda p, k: score(p, k, 1), "Labels off by one"),
            (lambda p, k: total((p - np.eye(len(p))[k]) ** 2), "Difference of densities"),
            (lambda p, k: total(abs(gap(p, np.eye(len(p))[k]))), "This is EMD"),
            (lambda p, k: score(p, k) / (len(p) - 1), "÷ (C − 1)"),
            (lambda p, k: -np.log(p[k] + 1e-12), "XE"),
            (lambda p, k: score(p, 0), "expected"),
            (lambda p, k: (np.cumsum(p) - (k <= np.arange(len(p)))) ** 2, "sum over the thresh"),
        ],
    ),
    exercises.judge_emd2_gradient: (
        [emd2_gradient],
        [
            (by_probabilities, "gradient by the probabilities"),
            (lambda z, k: softmax(z) * by_probabilities(z, k), "p_j g_j alone"),
            (lambda z, k: emd2_gradient(z, k) / 2, "factor 2"),
            (lambda z, k: -emd2_gradient(z, k), "sign"),
            (lambda z, k: softmax(z) - np.eye(len(z))[k], "gradient of cross-entropy"),
            (lambda z, k: np.sum(emd2_gradient(z, k)), "one per class"),
        ],
    ),
    exercises.judge_median: (
        [least_expected_emd, lambda t: np.eye(len(t))[least_expected_emd(t)]],
        [
            (np.argmax, "most probable class"),
            (lambda t: t @ np.arange(len(t)), "That is the mean, which REG"),
            (lambda t: round(t @ np.arange(len(t))), "rounded"),
            (lambda t: t, "That is t itself"),
            (lambda t: least_expected_emd(t) + 1, "one too many"),
            (lambda t: (len(t) - 1) // 2, "middle class"),
        ],
    ),
    exercises.judge_interval: (
        [t_interval],
        [
            (lambda v: around(v, 1.96 * stats.sem(v)), "With few, Student's t"),
            (lambda v: around(v, np.std(v, ddof=1)), "where the mean is"),
            (lambda v: around(v, stats.sem(v)), "not 95 %"),
            (lambda v: t_interval(v, 0.9), "quantile 0.975"),
            (lambda v: t_interval(v)[:2], "(mean, low, high)"),
            (
                lambda v: around(v, stats.t.ppf(0.975, len(v) - 1) * np.std(v, ddof=1)),
                "divide by √n",
            ),
        ],
    ),
    exercises.judge_plan: (
        [swept_plan, lambda p, t: ot.emd(p, t, line(len(p)))],
        [
            (np.outer, "costs"),
            (far_first, "Work from left to right"),
            (lambda p, t: swept_plan(p, t).T, "transposed"),
            (lambda p, t: np.diag(np.minimum(p, t)), "of mass in all; expected 1"),
            (lambda p, t: np.diag(p), "has the column sums"),
            (lambda p, t: swept_plan(p, t).sum(1), "F_ij from class i to class j"),
            (lambda p, t: np.outer([1, -1], [1, -1]) + np.outer(p, t), "negative mass"),
        ],
    ),
    exercises.judge_scalings: (
        [scaled, lambda p, t, D, lam: ot.sinkhorn(p, t, D, 1 / lam)],
        [
            (lambda p, t, D, lam: scaled(p, t, D, 1 / lam), "exp(−λ D), not exp(−D / λ)"),
            (lambda p, t, D, lam: scaled(p, t, D, 1.0), "leaves λ out"),
            (lambda p, t, D, lam: np.outer(p, t), "p tᵀ"),
            (lambda p, t, D, lam: scaled(p, t, D, lam, 1, False), "Scale rows and columns"),
            (lambda p, t, D, lam: np.exp(-lam * D), "of mass in all"),
            (lambda p, t, D, lam: scaled(p, t, D, lam).T, "transposed"),
            (lambda p, t, D, lam: scaled(p, t, D**2, lam), "no scaling of exp(−λ D)"),
        ],
    ),
    exercises.judge_learned_distance: (
        [lambda x, k: torch.tensor(learned(x, k))],
        [
            (lambda x, k: torch.tensor(learned(x, k, norm=False)), "to length 1 first"),
            (lambda x, k: torch.tensor(learned(x, k, norm=False, late=True)), "before you average"),
            (lambda x, k: torch.tensor(learned(x, k, rank=False)), "Take ranks"),
            (lambda x, k: torch.tensor(learned(x, k, mean=False)), "symmetric"),
            (lambda x, k: torch.tensor(learned(x, k, start=1)), "ranks count from 0"),
            (lambda x, k: torch.tensor(learned(x, k)[0]), "(C, C)"),
            (lambda x, k: learned(x, k), "expected a tensor"),
        ],
    ),
}


@pytest.mark.parametrize("check", EXERCISES, ids=lambda check: check.__name__)
def test_right_answers_pass_and_wrong_ones_get_the_right_hint(check):
    solutions, wrong = EXERCISES[check]
    for solution in solutions:
        assert check(solution), check(solution)
        assert str(check(solution)).startswith("✓")
    assert len(wrong) >= 5
    for function, hint in wrong:
        answer = check(function)
        assert not answer
        assert hint in str(answer), answer
        assert str(answer).startswith("✗")


@pytest.mark.parametrize("check", EXERCISES, ids=lambda check: check.__name__)
def test_an_answer_in_place_of_a_function_is_told_apart(check):
    assert "give the function itself, without calling it; got 0.5" in check(0.5).hint


@pytest.mark.parametrize("check", EXERCISES, ids=lambda check: check.__name__)
def test_no_answer_is_no_mistake(check):
    answer = check(...)
    assert answer.correct is None
    assert str(answer) == "… Not answered yet: put your answer in place of the three dots."
    assert "Not yet." not in answer._repr_html_()


def test_answers_of_any_kind():
    conditions = (
        (lambda a: len(a) == 3, "three numbers, please"),
        (lambda a: np.array(a) == [1, 2, 3], "one after the other"),
    )
    assert exercises.judge_answer(..., *conditions).correct is None
    for answer, hint in (
        ((1, 2), "three numbers, please"),
        (5, "three numbers, please (yours raised TypeError"),
        ((1, 2, 3), "one after the other (yours raised ValueError"),
    ):
        assert not exercises.judge_answer(answer, *conditions)
        assert exercises.judge_answer(answer, *conditions).hint.startswith(hint)
    assert str(exercises.judge_answer((1, 2, 3), conditions[0], praise="There.")) == "✓ There."


def test_no_answer_in_numbers_is_no_mistake():
    assert exercises.judge_ordered(...).correct is None
    assert exercises.judge_equal_cross_entropy(..., [0.5, 0.5], 0).correct is None


def test_equal_cross_entropy():
    p = [0.2, 0.5, 0.2, 0.1]
    assert exercises.judge_equal_cross_entropy([0.1, 0.5, 0, 0.4], p, 1)
    for q, hint in (
        ([0.1, 0.6, 0, 0.3], "The cross-entropy differs: q[1] is 0.6, not 0.5"),
        ([0.25, 0.5, 0.25, 0], "Move probability away from class 1"),
        (p, "not more than"),
        ([0.1, 0.5, 0, 0.3], "must sum to 1"),
        ([0.5, 0.5], "as many classes as p, 4"),
        ([-0.1, 0.5, 0.2, 0.4], "must not be negative"),
    ):
        assert hint in exercises.judge_equal_cross_entropy(q, p, 1).hint


def test_whether_a_distance_knows_the_order():
    assert exercises.judge_ordered(line(5))
    assert exercises.judge_ordered(line(4, positions=[0, 1, 5, 6]) ** 2)
    for distances, hint in (
        (circle(5), "class 3 is as near as class 2"),
        (1 - np.eye(3), "class 2 is as near as class 1"),
        ([[0, 2, 1], [2, 0, 3], [1, 3, 0]], "From class 0, class 2 is nearer than class 1"),
        ([[0, 1], [2, 0]], "must be symmetric"),
        ([0, 1], "must be a square matrix"),
    ):
        assert hint in str(exercises.judge_ordered(distances))


def test_the_example_of_a_hint_is_the_simplest_and_true():
    answer = exercises.judge_emd2(lambda p, t: total(abs(gap(p, t))))
    example = answer.hint.splitlines()[1]
    call, rest = example.split(" gives ")
    p, t = (np.array(a) for a in eval(call.removeprefix("your_function"), {"np": np}))
    came, expected = (float(word) for word in rest.split("; expected "))
    assert came == total(abs(gap(p, t)))
    assert expected == total(gap(p, t) ** 2)
    assert len(p) <= 3


def test_an_answer_is_text_never_markup():
    def broken(p, t):
        raise ValueError("<b>no</b>")

    answer = exercises.judge_emd(broken)
    assert "&lt;b&gt;no" in answer._repr_html_()
    assert "Not yet." in answer._repr_html_()
    assert "Right." in exercises.judge_ordered(line(3))._repr_html_()


def test_functions_that_print_do_so_in_vain(capsys):
    def loud(p, t):
        print(p)
        return total(gap(p, t) ** 2)

    assert exercises.judge_emd2(loud)
    assert capsys.readouterr().out == ""
