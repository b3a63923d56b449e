import re

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


def changes_p(p, t):
    p -= t
    return total(abs(np.cumsum(p, -1)))


def fails(*arguments):
    raise KeyError("p")


EXERCISES = {
    exercises.judge_emd: (
        [lambda p, t: total(abs(gap(p, t))), lambda p, t: total(abs(gap(t, p)))],
        [
            (lambda p, t: total(gap(p, t) ** 2), "This is EMD², Σ (CDF_i(p) − CDF_i(t))²"),
            (lambda p, t: total(abs(p - t)), "Difference of densities"),
            (lambda p, t: abs(total(gap(p, t))), "Absolute value outside the sum"),
            (lambda p, t: total(gap(p, t) ** 2) ** 0.5, "no squares, no root"),
            (lambda p, t: np.mean(abs(gap(p, t)), -1), "This is EMD ÷ C. Take the sum"),
            (lambda p, t: total(abs(gap(p, t))[..., :-2]), "The last of the C − 1 gaps"),
            (lambda p, t: abs(gap(p, t)), "is the sum over the classes missing?"),
            (lambda p, t: total(gap(p, t)), "Take the absolute value of each gap before"),
            (lambda p, t: total(gap(t, p)), "Take the absolute value of each gap before"),
            (lambda p, t: total(abs(gap(p, t[..., ::-1]))), "Target reversed"),
            (lambda p, t: total(abs(gap(softmax(p, -1), t))), "is probabilities already"),
            (lambda p, t: 2 * total(abs(gap(p, t))), "a factor too many"),
            (changes_p, "changes its arguments"),
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
            (lambda p, k: total(gap(p, np.eye(len(p))[k])) ** 2, "Square outside the sum"),
            (lambda p, k: total(abs(gap(p, np.eye(len(p))[k]))) ** 2, "Square each gap, then add"),
            (lambda p, k: score(p, k) ** 0.5, "Leave the root out"),
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
    assert "Give the function itself, without calling it; got 0.5" in check(0.5).hint


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
        (5, "three numbers, please (got 5)"),
        ((1, 2, 3), "one after the other (got [1, 2, 3])"),
        ("abc", "one after the other (got 'abc')"),
        (None, "three numbers, please (got None)"),
    ):
        assert not exercises.judge_answer(answer, *conditions)
        assert exercises.judge_answer(answer, *conditions).hint.startswith(hint)
    assert str(exercises.judge_answer((1, 2, 3), conditions[0], praise="There.")) == "✓ There."


def test_the_error_of_a_function_as_an_answer_is_shown():
    condition = (lambda f: f(1) == 1, "it should keep a 1")
    assert exercises.judge_answer(lambda x: x, condition)
    for function, hint in (
        (lambda x: 2, "it should keep a 1"),
        (lambda: 1, "it should keep a 1 (yours raised TypeError"),
        (fails, "it should keep a 1 (yours raised KeyError"),
    ):
        assert exercises.judge_answer(function, condition).hint.startswith(hint)


def test_hints_and_praise_may_speak_of_the_answer():
    condition = (lambda a: a > 3, lambda a: f"{a} is not more than 3")
    praise = lambda a: f"{a} is"  # noqa: E731
    assert exercises.judge_answer(2, condition, praise=praise).hint == "2 is not more than 3"
    assert exercises.judge_answer(5, condition, praise=praise).hint == "5 is"


UNUSABLE = (
    None, "abc", float("nan"), [1, [2]], {}, 1j, object(), (), type,
    lambda *a: None, lambda *a: "abc", lambda *a: float("nan"), lambda *a: np.zeros((7, 3, 2)),
    lambda *a: [1, [2]], lambda *a: {}, lambda *a: 1j, lambda *a: 1 / 0, lambda: 3,
)  # fmt: skip


@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
@pytest.mark.parametrize("answer", UNUSABLE, ids=range(len(UNUSABLE)))
def test_what_holds_no_numbers_of_the_shape_is_shown_back(answer, shape):
    verdict = exercises.judge_answer(answer, (np.ufunc, "never asked"), shape=shape)
    assert verdict.correct is False
    wanted = f"{' × '.join(map(str, shape))} numbers" if shape else "one number"
    assert verdict.hint.startswith((f"Give {wanted}; got ", "Give finite numbers; got nan"))
    assert "Error" not in verdict.hint


def test_numbers_of_a_shape_are_read():
    is_array = (lambda a: isinstance(a, np.ndarray) and a.dtype == float, "no array")
    for answer, shape in ((3, ()), ([3], ()), (torch.arange(3), (3,)), (range(3), (3,))):
        assert exercises.judge_answer(answer, is_array, shape=shape)
    assert exercises.judge_answer([1, np.inf], is_array, shape=(2,)).hint.startswith("Give finite")
    assert exercises.judge_answer([1, 2], shape=(3,)).hint == "Give 3 numbers; got [1, 2]."


@pytest.mark.parametrize("calls", [np.dtype("float32"), 5, [], "ab", [3, 4], [np.ones(2)]])
def test_calls_that_are_no_lists_of_arguments_are_refused(calls):
    with pytest.raises(TypeError, match=r"^calls must be .* such as \[\(1,\), \(2,\)\], got "):
        exercises.judge_answer(lambda x: x, calls=calls)


def test_functions_are_called_and_their_results_judged():
    grows = (lambda v: v[1] > v[0], lambda v: f"{v[1]:g} is not more than {v[0]:g}")
    calls = [(1, 2), (2, 3)]
    assert exercises.judge_answer(lambda x, y: x * y, grows, calls=calls)
    for answer, hint in (
        (lambda x, y: y - x, "1 is not more than 1"),
        (lambda x, y: None, "your_function(1, 2) returned None: is the return statement missing?"),
        (lambda x, y: [x, y], "your_function(1, 2) returned an array of shape (2,); expected one"),
        (lambda x: x, "your_function(1, 2) raised TypeError"),
        ("abc", "Give the function itself, without calling it; got 'abc'"),
    ):
        assert exercises.judge_answer(answer, grows, calls=calls).hint.startswith(hint)
    square = (lambda d: np.allclose(d[0], d[0].T), "not symmetric")
    matrix = np.arange(64.0).reshape(8, 8)
    options = {"calls": [(matrix,)], "shape": (8, 8)}
    assert exercises.judge_answer(lambda d: d, square, **options).hint == "not symmetric"
    assert exercises.judge_answer(lambda d: 1, **options).hint.startswith("your_function(…) ret")


@pytest.mark.parametrize("check", EXERCISES, ids=lambda check: check.__name__)
@pytest.mark.parametrize("answer", UNUSABLE, ids=range(len(UNUSABLE)))
def test_unusable_answers_get_a_hint(check, answer):
    verdict = check(answer)
    assert verdict.correct is False
    assert verdict.hint


@pytest.mark.parametrize("check", EXERCISES, ids=lambda check: check.__name__)
def test_a_solution_is_never_called_right(check):
    for solution in EXERCISES[check][0]:
        verdict = check(exercises.Solution(solution))
        assert verdict
        assert verdict.is_solution
        assert "Right" not in verdict._repr_html_()
        assert "Solution shown, not an answer of yours" in verdict._repr_html_()
        assert str(verdict).startswith("◇ Solution shown")
        colour = re.compile(r"solid (#\w+)").search
        own = check(solution)._repr_html_()
        assert colour(verdict._repr_html_())[1] != colour(own)[1]
    wrong, hint = EXERCISES[check][1][0]
    assert hint in check(exercises.Solution(wrong)).hint


def test_solutions_of_other_kinds():
    assert exercises.judge_ordered(exercises.Solution(line(4))).is_solution
    shown = exercises.judge_equal_cross_entropy(exercises.Solution([0, 0.5, 0.5]), [0.5, 0.5, 0], 1)
    assert not shown
    assert exercises.Solution(max)(2, 3) == 3
    assert exercises.judge_answer(exercises.Solution((1, 2)), shape=(2,)).is_solution


def test_no_answer_in_numbers_is_no_mistake():
    assert exercises.judge_ordered(...).correct is None
    assert exercises.judge_equal_cross_entropy(..., [0.5, 0.5], 0).correct is None


def test_equal_cross_entropy():
    p = [0.2, 0.5, 0.2, 0.1]
    assert exercises.judge_equal_cross_entropy([0.1, 0.5, 0, 0.4], p, 1)
    for q, hint in (
        ([0.1, 0.6, 0, 0.3], "The cross-entropy differs: the true class has 0.6 instead of 0.5"),
        ([0.25, 0.5, 0.25, 0], "Leave 0.5 on class 1, and put the rest further from it"),
        (p, "not more than"),
        ([0.1, 0.5, 0, 0.3], "Your probabilities sum to 0.9, not to 1"),
        ([0.5, 0.5], "Give 4 numbers; got [0.5, 0.5]."),
        ([-0.1, 0.5, 0.2, 0.4], "A probability is not negative"),
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
    answer = exercises.judge_emd(lambda p, t: total(gap(p, t) ** 2))
    example = answer.hint.splitlines()[1]
    call, rest = example.split(" gives ")
    p, t = (np.array(a) for a in eval(call.removeprefix("your_function"), {"np": np}))
    came, expected = (float(word) for word in rest.split("; expected "))
    assert came == total(gap(p, t) ** 2)
    assert expected == total(abs(gap(p, t)))
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
        return total(abs(gap(p, t)))

    assert exercises.judge_emd(loud)
    assert capsys.readouterr().out == ""


def test_hints_quote_words_and_show_no_long_array():
    lists = exercises.judge_answer(lambda loss, metric: [1, 2], calls=[("XE", "AEM")])
    assert lists.hint.startswith("your_function('XE', 'AEM') returned an array of shape (2,)")
    got = exercises.judge_answer(np.linspace(0, 1, 64), calls=[(1,)]).hint
    assert "got np.array([0., 0.01587," in got
    assert len(got) < 120
