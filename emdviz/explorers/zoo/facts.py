"""The rows of the table of losses, computed from the losses with torch.

``scripts/zoo_table.py`` stores the rows of all losses of the zoo in ``losses.json``, for five
classes; the figure computes those of a user's own losses.
"""

import timeit

import numpy as np
import torch

from emdviz.explorers.kit import presets
from emdviz.explorers.zoo import rules
from emdviz.explorers.zoo.pairs import COUNT, grid, mixed
from emdviz.explorers.zoo.zoo import LABEL, with_verdict
from emdviz.losses import LOSSES, as_loss
from emdviz.propriety.search import Problem, verdict

SURE = 0.97
"""The probability of the class that a mistake is certain of."""
LOGIT = 10.0
"""By how much the logit of a wrong class is above the others in a confident mistake."""
SATURATED = 0.1
"""A loss saturates if its push on a confident mistake is a smaller share of its greatest push."""

_DIGITS = 4
_STEPS = np.linspace(0, 1, 21)
_FIT = 2e-3  # how far a rule for the best answer may be off


def describe(loss, *, judge=True):
    """Return the row of a loss: texts, numbers and lists, as JSON can carry them.

    Parameters
    ----------
    loss : Loss or what ``losses.as_loss`` takes
    judge : bool
        Whether to look for its verdict as well, which takes up to a minute.

    Returns
    -------
    dict
        See the keys in the code: facts about the loss, ``curve``, ``push``, ``rule`` or else
        ``best`` for every example t, and ``proper`` with ``keeps``.
    """
    loss = as_loss(loss)
    problem = Problem(loss, COUNT)
    row = {
        "name": loss.name,
        "label": loss.label,
        "family": loss.family or "your own",
        "about": loss.about or "",
        "outputs": _outputs(loss),
        "options": _options(loss),
        "takes_p": problem.is_free,
        "comparable": problem.is_free and problem.adds,
        "curve": _curve(problem),
        **_push(problem),
        **_best(problem),
    }
    if row["rule"] is not None:
        del row["best"]
    return with_verdict(row, vars(verdict(loss))) if judge else row


def _outputs(loss):
    """Return how many numbers a network gives, in terms of C."""
    two = [loss.num_outputs(count) for count in (COUNT, COUNT + 2)]
    if two == [COUNT, COUNT + 2]:
        return "C"
    return "C − 1" if two == [COUNT - 1, COUNT + 1] else str(two[0])


def _options(loss):
    skipped = ("weight", "ignore_index", "reduction")
    names = [name for name in loss.option_names() or () if name not in skipped]
    return {name: loss.meaning.get(name, "") for name in names}


def sure_of(j):
    """Return a prediction nearly certain of class j."""
    p = np.full(COUNT, (1 - SURE) / (COUNT - 1))
    p[j] = SURE
    return p


def outputs_for(problem, j):
    """Return outputs of a network that is nearly certain of class j."""
    if problem.is_free:
        return torch.as_tensor(np.log(sure_of(j)))
    return torch.as_tensor(problem.glance(sure_of(j)).outputs)


def _curve(problem):
    """Return what each certain answer costs, for the label ``LABEL``."""
    every = [outputs_for(problem, j) for j in range(COUNT)]
    with torch.no_grad():
        return [number(problem.criterion(z[None], torch.tensor([LABEL]))) for z in every]


def _push(problem):
    """Return the pushes on a confident mistake, and as a share of the greatest on the way there.

    The way leads in a straight line from outputs of 0 to certainty of the last class. An output
    layer of another kind has no such line, so its loss gets no number.
    """
    if problem.is_free or (problem.head is None and problem.loss.is_point and problem.size > 1):
        far = torch.zeros(problem.size, dtype=torch.float64)
        far[-1] = LOGIT
    elif problem.head is None and problem.size == COUNT - 1:
        far = torch.full((problem.size,), LOGIT, dtype=torch.float64)
    elif problem.head is None and problem.size == 1:
        far = torch.full((1,), COUNT - 1.0, dtype=torch.float64)
    else:
        return {"push": [], "share": None, "saturates": None}
    gradients = [_gradient(problem, float(s) * far) for s in _STEPS]
    norms = np.array([np.linalg.norm(gradient) for gradient in gradients])
    greatest = np.nanmax(norms)
    share = float(norms[-1] / greatest) if greatest > 1e-6 else 0.0  # smaller is rounding
    scale = max(greatest, 1e-6)
    return {
        "push": [number(-part / scale) for part in gradients[-1]],
        "share": number(share),
        "saturates": bool(share < SATURATED),
    }


def _gradient(problem, x):
    x = x.clone().requires_grad_()
    value = problem.criterion(problem.outputs(x)[None], torch.tensor([LABEL]))
    (gradient,) = torch.autograd.grad(value, x)
    return gradient.numpy()


def best_answer(problem, t):
    """Return the best answer to t: ``p``, or a ``number``, or else the ``label``."""
    best = problem.glance(np.asarray(t, dtype=np.float64))
    if best.p is not None:
        return {"p": [number(x) for x in best.p]}
    if len(best.outputs) == 1:
        return {"number": number(best.outputs[0])}
    return {"label": best.label}


def _best(problem):
    """Return the best answer to each example t, and a rule that gives it for any t, if one fits."""
    ts = {name: np.array(example["p"]) for name, example in presets.truths(COUNT).items()}
    best = {name: best_answer(problem, t) for name, t in ts.items()}
    rng = np.random.default_rng(0)
    seen = [(ts[name], answer) for name, answer in best.items()]
    found = [(kind, number, None) for kind, number in rules.KINDS]
    found = [rule for rule in found if _fits(rule, seen)]
    if not found and problem.is_free:
        corners = [best_answer(problem, t)["p"] for t in np.eye(COUNT)]
        mixture = "mixture", None, corners
        found = [mixture] if None not in np.ravel(corners) and _fits(mixture, seen) else []
    if found and problem.is_free:
        seen = [(t, best_answer(problem, t)) for t in rng.dirichlet(np.ones(COUNT), 4)]
        found = [rule for rule in found if _fits(rule, seen)]
    kind, number, corners = next(iter(found), (None, None, None))
    return {"best": best, "rule": kind, "number": number, "corners": corners}


def _fits(rule, seen):
    row = dict(zip(("rule", "number", "corners"), rule, strict=True))
    for t, answer in seen:
        if np.sort(t)[-1] - np.sort(t)[-2] < 1e-9:
            continue  # of two modes, or no class above others, several answers are best
        (key, value), (own, other) = *rules.answer(row, t).items(), *answer.items()
        if key != own or other is None or np.abs(np.array(value) - np.array(other)).max() > _FIT:
            return False
    return True


def measure_cost(loss):
    """Return the time of a step, forward and back: a ratio to that of XE."""
    steps = [_step(one, torch.arange(256) % COUNT) for one in (loss, LOSSES["XE"])]
    # in turns, as the machine may be busy for a while; the first turns warm up
    times = [[timeit.timeit(step, number=1) for step in steps] for _ in range(25)]
    own, plain = np.median(times[5:], axis=0)
    return float(f"{own / plain:.2g}")


def _step(loss, labels):
    criterion, count = loss.make(COUNT, 8), loss.num_outputs(COUNT)
    rng = torch.Generator().manual_seed(0)
    features = torch.randn(len(labels), 8, generator=rng)
    head = loss.head(8, COUNT) if loss.head else torch.nn.Linear(8, count)

    def step():
        head.zero_grad()
        criterion(head(features), labels).backward()

    return step


def cost_of(problem, p):
    """Return the loss of a prediction for the label ``LABEL``."""
    return problem.at(p, np.eye(COUNT)[LABEL])


def find_pair(one, other, *, known=None):
    """Find two predictions that cost the same with one loss and very different with another.

    Both are problems of losses that take any p. Of a grid of predictions those pairs are taken
    that cost nearly the same with ``one`` and most unlike with ``other``; then one of the two is
    mixed with the point of least or greatest cost until the first costs agree.

    Returns
    -------
    list or None
        As :mod:`pairs` explains; None where the two losses tell the same predictions apart, as far
        as was looked.
    """
    points = grid()
    first, second = (
        (known or {}).get(problem.loss.name) or [cost_of(problem, p) for p in points]
        for problem in (one, other)
    )
    first, second = np.array(first), np.array(second)
    ranges = np.ptp(first), np.ptp(second)
    if not np.isfinite(ranges).all() or min(ranges) < 1e-9:
        return None
    close = np.abs(first[:, None] - first) <= 0.08 * ranges[0]
    apart = np.where(np.triu(close), np.abs(second[:, None] - second), -1)
    order = np.argsort(apart, axis=None)[::-1][:12:4]
    found = [_polish(one, other, points, first, *np.unravel_index(k, apart.shape)) for k in order]
    found = [pair for pair in found if pair is not None]
    if not found:
        return None
    best = max(found, key=_apart)
    return None if _apart(best) < 0.02 * ranges[1] else best


def _apart(pair):
    *_, a, b = pair
    return abs(a - b)


def _polish(one, other, points, first, i, j):
    """Mix point j with one at an end of the costs until it costs what point i does."""
    wanted, above = first[i], first[j] > first[i]
    towards = int(first.argmin() if above else first.argmax())
    low, high = 0.0, 1.0
    for _ in range(26):
        middle = (low + high) / 2
        if (cost_of(one, mixed(j, towards, middle)) > wanted) == above:
            low = middle
        else:
            high = middle
    weight = round(high, 5)
    both = points[i], mixed(j, towards, weight)
    costs = [cost_of(one, p) for p in both]
    if abs(costs[0] - costs[1]) > 1e-3 * max(1.0, abs(costs[0])):
        return None
    told = (costs[0], *(cost_of(other, p) for p in both))
    return [int(i), int(j), towards, weight, *map(number, told)]


def number(value):
    """Return a number in few digits, None where it is not finite; JSON knows no other."""
    value = float(value)
    return round(value, _DIGITS) + 0.0 if np.isfinite(value) else None
