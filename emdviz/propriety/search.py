"""What any loss rewards: its best prediction for labels drawn from t, found numerically.

*A counter-example is a proof*, up to rounding: two distributions t and p of simple fractions, and
p costs less than t. It can be computed again by hand.

*A minimum is bounded from below* where the expected loss is convex in p: every gradient g at a
point q says E(p) ≥ E(q) + g · (p − q) everywhere, kinks included, and the least that all of these
allow together is a bound, computed by linear programming over the simplex. ``Minimum.gap`` is what
the prediction found costs more than that. The norm of the gradient in logits would mislead: for
EMD² it is 2e-17 at certainty of a wrong class. Convexity is only checked where the search looked: a
single point below a tangent disproves it. Then only many starts that agree support the result, and
``Minimum.how`` says so; of losses with thresholds or a head of their own also other points, none of
which costs less: for three classes a grid over the outputs, or over the weights of the head, up to
six of them, else random ones.

*That a loss is proper cannot be shown by searching*, only that no counter-example is among the
distributions looked at, which ``Verdict.searched`` lists. A loss may fail between them, or with
more classes. Differences below 1e-9 are not seen (more for what computes in float32).

*One input at a time.* All examples of a search have the same input. A head that shares weights or
thresholds between inputs may not reach the best prediction of each at once. Where the loss of a
batch is no mean over its examples (CORN, WKL), t is a batch of up to 1,000 examples whose labels
have the shares t. Losses that learn while they train are judged before they have learned.
"""

import warnings
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from itertools import product
from math import gcd

import numpy as np
import torch
from scipy import optimize
from scipy.special import softmax

from emdviz.losses.wrapping import as_loss
from emdviz.propriety.exact import check_one, medians
from emdviz.reading import read_count

FLOOR = 1e-300
"""What a probability of 0 is raised to before its logarithm is taken."""

SIMPLE = {2: 6, 3: 6, 4: 4}
"""Number of classes -> the greatest denominator of the distributions that a verdict looks at."""

GRID = {1: 201, 2: 31, 3: 17, 4: 6, 5: 5, 6: 4}
"""Number of variables -> steps of a grid along each of them, from −6 to 6."""

UNIMODAL = (
    (0.5, 0.3, 0.2),
    (0.25, 0.4, 0.35),
    (0.05, 0.35, 0.25, 0.2, 0.15),
    (0.4, 0.3, 0.15, 0.1, 0.05),
    (0.1, 0.2, 0.4, 0.2, 0.1),
    (0.05, 0.1, 0.15, 0.25, 0.45),
)
"""The t whose mode, median, mean and order a verdict compares with the best prediction's."""


@dataclass(frozen=True)
class Minimum:
    """The least expected loss for labels drawn from t, and the prediction that has it.

    Attributes
    ----------
    p : array, shape (C,), or None
        The distribution predicted; None where the loss has none.
    outputs : array, shape (outputs,)
        What the network would give.
    label : int
        The class predicted by the rule of the loss.
    expected : float
        Its expected loss.
    gap : float or None
        At most this much could be saved, if the expected loss is convex in p; None where that is
        not so, or p is not free.
    how : str
        On what that rests.
    others : tuple of arrays
        Other predictions that cost the same, where the starts ended in some.
    """

    p: np.ndarray | None
    outputs: np.ndarray
    label: int
    expected: float
    gap: float | None
    how: str
    others: tuple = field(default=())


@dataclass(frozen=True)
class Verdict:
    """Whether a loss is proper, with the simplest counter-example found, and what it rewards.

    Attributes
    ----------
    loss : str
    proper : str
        ``"strictly proper"``, ``"proper"`` or ``"not proper"``, as far as was searched,
        ``"no probabilities"``, or ``"constant"``, where every prediction costs the same as long as
        all examples look alike: then only differences between examples are rewarded.
    t, better : tuple of Fraction, or None
        A true distribution, and a prediction that costs less than t itself (for ``"proper"``: as
        much). None where there is none.
    costs : tuple of float, or None
        Expected losses of t and of ``better``.
    best : array, or None
        The best prediction for that t.
    keeps : dict of str to bool or None
        For every t of :data:`UNIMODAL`, is the mode, median, mean, or order of the probabilities
        of the best prediction that of t? None where the loss gives nothing to ask.
    searched : str
        Where it was looked.
    """

    loss: str
    proper: str
    t: tuple | None = None
    better: tuple | None = None
    costs: tuple | None = None
    best: np.ndarray | None = None
    keeps: dict = field(default_factory=dict)
    searched: str = ""

    def __str__(self):
        text = f"{self.loss}: {self.proper}"
        if self.t is not None:
            word = {"proper": "costs as much"}.get(self.proper, "costs less")
            text += f"; for t = {_written(self.t)}"
            if self.better is not None:
                text += f", p = {_written(self.better)} {word}"
            else:
                best = ", ".join(f"{x:.3f}" for x in self.best)
                text += f", ({best}) {'costs as much' if self.proper == 'proper' else 'is best'}"
        kept = [name for name, value in self.keeps.items() if value]
        lost = [name for name, value in self.keeps.items() if value is False]
        if kept or lost:
            text += f"; of six unimodal t it keeps {', '.join(kept) or 'nothing'}"
            text += f", and not always {', '.join(lost)}" * bool(lost)
        return f"{text} (looked at {self.searched})"


def find_minimiser(loss, t, *, soft=False, starts=10, seed=0):
    """Find the best prediction for labels drawn from t.

    Parameters
    ----------
    loss : Loss, name, function of (logits, targets), Module or its class
    t : array, shape (C,)
        Distribution of the labels.
    soft : bool
        Minimise loss(z, t) instead, t itself as the target.
    starts : int
        How many starts, 2 or more; fewer where a bound shows that more cannot help, more where
        fewer than three of them agree.
    seed : int
        Of the random ones among them.

    Returns
    -------
    Minimum

    Raises
    ------
    ValueError, TypeError
        If ``t`` is not a distribution, or the loss takes none as its target and ``soft`` is true.

    Examples
    --------
    >>> best = find_minimiser("EMD", [0.2, 0.5, 0.3])
    >>> best.p.round(6), best.gap < 1e-9
    (array([0., 1., 0.]), True)
    """
    t = check_one(t)
    starts = read_count(starts, "starts", 2, 10**6)
    seed = read_count(seed, "seed")
    return Problem(loss, len(t), soft).best(t, starts, seed)


def verdict(loss):
    """Say whether a loss is proper and what it rewards, as far as a search can tell.

    Parameters
    ----------
    loss : Loss, name, function of (logits, targets), Module or its class

    Returns
    -------
    Verdict

    Examples
    --------
    >>> found = verdict("EMD")
    >>> found.proper, [str(x) for x in found.t], [str(x) for x in found.better]
    ('not proper', ['1/3', '2/3'], ['0', '1'])
    >>> found.keeps
    {'mode': False, 'median': True, 'mean': False, 'order': False}
    """
    loss = as_loss(loss)
    first = Problem(loss, 3)
    if first.is_point:
        where = "what it predicts, which is no distribution"
        found = Verdict(loss.name, "no probabilities", searched=where)
    else:
        found = (_judge_on_grid if first.is_free else _judge_by_minimisers)(loss)
    nothing = dict.fromkeys(("mode", "median", "mean", "order"))
    return replace(found, keeps=nothing if found.proper == "constant" else _kept(loss))


class Problem:
    """Expected losses of a loss for a number of classes, and their minimum."""

    def __init__(self, loss, num_classes, soft=False, **options):
        self.loss, self.num_classes, self.soft = as_loss(loss), num_classes, soft
        self.criterion = self.loss.make(num_classes, 1, **options)
        outputs = self.loss.num_outputs(num_classes)
        if outputs < 1:
            raise ValueError(f"t must have two classes or more for {self.loss.name}, got one")
        with torch.random.fork_rng(devices=[]):  # the head draws weights, which are not used
            self.head = self.loss.head and self.loss.head(1, num_classes).double()
        self.is_free = self.head is None and self.loss.reads_softmax and outputs == num_classes
        shapes = [outputs] if self.head is None else [p.numel() for p in self.head.parameters()]
        self.size = sum(shapes)
        z = self.outputs(torch.linspace(-0.4, 0.7, self.size, dtype=torch.float64))[None]
        self.is_point = self.loss.is_point
        self.is_free = self.is_free and not self.is_point and self._ignores_shifts(z.detach())
        self.counts = {}
        self.adds = self._adds_up(z.detach())
        self.noise = self._noise(z.detach())

    def outputs(self, x):
        """Outputs for the variables of the search: themselves, or the weights of the head."""
        if self.head is None:
            return x
        parts = x.split([parameter.numel() for parameter in self.head.parameters()])
        pairs = zip(self.head.named_parameters(), parts, strict=True)
        weights = {name: part.reshape(like.shape) for (name, like), part in pairs}
        feature = torch.ones(1, 1, dtype=torch.float64)
        return torch.func.functional_call(self.head, weights, (feature,))[0]

    def expected(self, z, t):
        """Expected loss of outputs, a tensor."""
        if self.soft:
            return self.criterion(z[None], torch.as_tensor(t)[None])
        counts = self._counts_of(t)
        if counts is not None:
            labels = torch.repeat_interleave(torch.arange(len(t)), counts)
            return self.criterion(z.expand(len(labels), -1), labels)
        parts = [
            share * self.criterion(z[None], torch.tensor([k]))
            for k, share in enumerate(t)
            if share > 0
        ]
        return sum(parts[1:], parts[0])

    def _counts_of(self, t):
        """Labels of a batch with the shares t: few where they may be weighed, else up to 1,000."""
        key = tuple(t)
        if key not in self.counts:
            counts = _counts(t, 60 if self.adds else 1000)
            if counts is None and not self.adds:
                counts = torch.tensor(np.round(np.asarray(t) * 1000), dtype=torch.int64)
            self.counts[key] = counts
        return self.counts[key]

    def at(self, p, t):
        """Expected loss of a distribution, infinite where it grows as a probability goes to 0."""
        p = np.asarray(p, dtype=np.float64)
        values = []
        for floor in (FLOOR, 1e-150) if (p < 1e-12).any() else (FLOOR,):
            z = torch.as_tensor(np.log(np.maximum(p, floor)))
            with torch.no_grad():
                values.append(float(self.expected(z, t)))
        grows = len(values) == 2 and values[0] > values[1] + 1e-3
        return np.inf if grows else values[0]

    def gradient(self, p, t):
        """Expected loss and its gradient in p at a point inside the simplex."""
        return _with_gradient(lambda p: self.expected(p.log(), t), p)

    def slope(self, z, k):
        """Loss of outputs for one label, and its gradient by them."""
        return _with_gradient(lambda z: self.criterion(z[None], torch.tensor([k])), z)

    def best(self, t, starts=4, seed=0):
        """The best prediction, see :func:`find_minimiser`."""
        rng = np.random.default_rng(seed)
        if self.is_free:
            return self._best_p(t, starts, rng)
        return self._best_outputs(t, starts, rng)

    def glance(self, t):
        """A good prediction from two starts, which nothing bounds: for figures that move."""
        if not self.is_free:
            starts = [np.zeros(self.size), np.random.default_rng(0).normal(size=self.size)]
            x, value = min((self._descend(start, t) for start in starts), key=lambda end: end[1])
            z = self.outputs(torch.as_tensor(x)).detach()
            p = None if self.is_point else self._decoded(z)
            return Minimum(p, z.numpy(), self._label(z.numpy()), value, None, "2 starts")
        starts = [np.full(self.num_classes, 1 / self.num_classes), _inside(t)]
        ends = [softmax(self._descend(np.log(start), t)[0]) for start in starts]
        candidates = [np.asarray(t), *ends, *map(_trimmed, ends), *np.eye(self.num_classes)]
        costs = [self.at(p, t) for p in candidates]
        # of predictions that cost the same it is t, or else what a descent leads to
        first = next(i for i, cost in enumerate(costs) if cost <= min(costs) + 3 * self.noise)
        z = np.log(np.maximum(candidates[first], FLOOR))
        return Minimum(candidates[first], z, self._label(z), costs[first], None, "2 starts")

    def _best_p(self, t, more, rng):
        """Descend in logits, then bound from below and improve by tangents in p."""
        count = self.num_classes
        starts = [np.full(count, 1 / count), _inside(t), *rng.dirichlet(np.ones(count), 2)]
        ends = [self._descend(np.log(start), t) for start in starts]
        candidates = [softmax(x) for x, _ in ends]
        candidates += [_trimmed(p) for p in candidates] + [t]
        costs = [self.at(p, t) for p in candidates]
        cuts, convex = self._cuts(candidates, costs, t, rng)
        for _ in range(12):
            best = int(np.argmin(costs))
            bound, corner = _lower_bound(cuts)
            gap = costs[best] - bound
            convex &= gap > -1e-6 * (1 + abs(bound))  # else a point lies below a tangent
            if not convex or gap <= 0.1 * self.noise:
                break
            candidates += [corner, (corner + candidates[best]) / 2]
            costs += [self.at(p, t) for p in candidates[-2:]]
            cuts += [self._cut(_inside(p), t) for p in candidates[-2:]]
        if not convex:  # more starts, since tangents bound nothing
            starts += [_inside(start) for start in rng.dirichlet(np.ones(count), more)]
            ends = [self._descend(np.log(start), t) for start in starts[-more:]]
            candidates += [softmax(x) for x, _ in ends]
            costs += [self.at(p, t) for p in candidates[-more:]]
        order = np.argsort(costs, kind="stable")
        p, value = candidates[order[0]], costs[order[0]]
        others = _different(p, [candidates[i] for i in order if costs[i] <= value + self.noise])
        how = "bounded from below by tangents in p"
        if not convex:
            how, gap = f"{len(starts)} starts; the expected loss is not convex in p", None
        z = np.log(np.maximum(p, FLOOR))
        return Minimum(p, z, self._label(z), value, gap, how, others)

    def _cuts(self, points, costs, t, rng):
        """Tangents at and around the points, and whether all points lie above all tangents."""
        best = _inside(points[int(np.argmin(costs))])
        step = 1e-7 * rng.normal(size=(3 * self.num_classes, self.num_classes))
        near = [_inside(best + d - d.mean()) for d in step]
        far = [_inside(p) for p in rng.dirichlet(np.ones(self.num_classes), 20)]
        cuts = [self._cut(q, t) for q in (best, *near, *far)]
        for p in far:
            value = self.at(p, t)
            if any(value < c + g @ p - 1e-6 * (1 + abs(value)) for c, g in cuts):
                return cuts, False
        return cuts, True

    def _cut(self, q, t):
        value, gradient = self.gradient(q, t)
        return value - gradient @ q, gradient

    def _best_outputs(self, t, starts, rng):
        """Many starts in the outputs, or in the weights of the head."""
        ends, agree = [], 0
        while len(ends) < starts or (agree < 3 and len(ends) < 5 * starts):
            start = rng.normal(size=self.size) * (len(ends) > 0)
            ends.append(self._descend(start, t))
            x, value = min(ends, key=lambda end: end[1])
            agree = sum(cost <= value + 1e3 * self.noise for _, cost in ends)
        z = self.outputs(torch.as_tensor(x)).detach()
        kind, costs = self._costs_elsewhere(t, 20 * starts, rng)
        lower = int((costs < value - 1e3 * self.noise).sum())
        how = (
            f"{agree} of {len(ends)} starts agree, "
            f"{lower or 'none'} of {len(costs)} {kind} costs less"
        )
        p = None if self.is_point else self._decoded(z)
        similar = [
            self.outputs(torch.as_tensor(end)).detach()
            for end, cost in ends
            if cost <= value + self.noise
        ]
        read = torch.Tensor.numpy if self.is_point else self._decoded
        others = _different(read(z), map(read, similar))
        return Minimum(p, z.numpy(), self._label(z.numpy()), value, None, how, others)

    def _costs_elsewhere(self, t, count, rng):
        """Expected losses on a grid for three classes and few variables, else at random points."""
        kind, points = "random points", 3 * rng.normal(size=(count, self.size))
        if self.num_classes == 3 and self.size in GRID:
            axis = np.linspace(-6, 6, GRID[self.size])
            kind, points = "points of a grid", np.array(list(product(axis, repeat=self.size)))
        zs = _each(self.outputs, torch.as_tensor(points))
        return kind, _each(lambda z: self.expected(z, t), zs).double().numpy()

    def _descend(self, x, t):
        """Minimise from a start, over the logits or over the variables of the search."""

        def value_and_gradient(x):
            value, gradient = _with_gradient(lambda x: self.expected(self.outputs(x), t), x)
            is_finite = np.isfinite(value) and np.isfinite(gradient).all()
            return (value, gradient) if is_finite else (1e10, np.zeros(len(x)))

        most = 400 if self.is_free else 150
        options = {"ftol": 1e-16, "gtol": 1e-11, "maxiter": most, "maxls": 10}
        bounds = [(-40, 40)] * len(x)
        end = optimize.minimize(
            value_and_gradient, x, jac=True, method="L-BFGS-B", bounds=bounds, options=options
        )
        return end.x, end.fun

    def cost_of(self, p):
        """Expected loss of the outputs that give p, for labels drawn from p; None if none do."""
        rng, target = np.random.default_rng(1), torch.as_tensor(p)

        def distance(x):
            given = self.loss.decode(self.outputs(x)[None], self.num_classes)[0]
            return ((given - target) ** 2).sum()

        search, options = partial(_with_gradient, distance), {"ftol": 1e-20, "gtol": 1e-12}
        for _ in range(10):
            x = rng.normal(size=self.size)
            end = optimize.minimize(search, x, jac=True, method="L-BFGS-B", options=options)
            if end.fun < 1e-14:
                with torch.no_grad():
                    return float(self.expected(self.outputs(torch.as_tensor(end.x)), p))
        return None

    def _decoded(self, z):
        return self.loss.decode(z[None], self.num_classes)[0].double().numpy()

    def _label(self, z):
        return int(self.loss.predict(torch.as_tensor(z)[None], self.num_classes)[0])

    def _targets(self, *labels):
        """Class indices, or certainty of them where targets are distributions."""
        if self.soft:
            return torch.eye(self.num_classes, dtype=torch.float64)[list(labels)]
        return torch.tensor(labels)

    def _adds_up(self, z):
        """Whether the loss of a batch is the mean over its examples."""
        labels = self._targets(0, self.num_classes - 1)
        # reversed, they are still probabilities, if the head gives these
        two = torch.cat([z, z.flip(1) if z.shape[1] > 1 else z + 1])
        with torch.no_grad():
            both = self.criterion(two, labels)
            each = [self.criterion(two[i : i + 1], labels[i : i + 1]) for i in range(2)]
        return bool(abs(both - (each[0] + each[1]) / 2) < 1e-6 * (1 + abs(both)))

    def _noise(self, z):
        """Differences of expected losses that are rounding: what a tangent does not explain."""
        labels, step = self._targets(self.num_classes - 1), 1e-7
        z = z.clone().requires_grad_()
        value = self.criterion(z, labels)
        (slope,) = torch.autograd.grad(value, z)
        errors = []
        with torch.no_grad():
            for turn in range(4):
                d = step * torch.cos(torch.arange(z.numel()) * (turn + 1.0)).reshape(z.shape)
                errors.append(float(abs(self.criterion(z + d, labels) - value - (slope * d).sum())))
        return max(1e-9 if self.adds else 1e-6, 30 * max(errors))

    def _ignores_shifts(self, z):
        """Whether one number added to all outputs changes nothing, as in all losses of p."""
        labels = self._targets(0)
        with torch.no_grad():
            change = self.criterion(z + 1, labels) - self.criterion(z, labels)
        return bool(abs(change) < 1e-5)


def _judge_on_grid(loss):
    """Compare every t of simple fractions with all p of a grid, then ask for the slope at t."""
    tie, looked, problems, varies = None, [], {}, False
    for count, largest in SIMPLE.items():
        try:
            problem = problems[count] = Problem(loss, count)
        except ValueError:  # a loss that is not made for so few classes
            continue
        ts = fractions(count, largest)
        ps = list(dict.fromkeys(ts + fractions(count, 2 * largest, only=True)))
        if not problem.adds:
            ts = ts[:12]  # no table of costs can be made
        looked.append(f"{len(ts)} t with {count} classes")
        table = problem.adds and _table(problem, ps)
        for t in ts:
            costs = _costs(problem, table, ps, t)
            if min(t) > 0:
                varies |= np.ptp(costs[np.isfinite(costs)]) > problem.noise
            own = costs[ps.index(t)]
            lower = [i for i in range(len(ps)) if costs[i] < own - problem.noise]
            if lower:
                i = lower[0]
                found = t, ps[i], (own, costs[i]), problem.best(_floats(t)).p
                where = f"{', '.join(looked)} at most"
                return Verdict(loss.name, "not proper", *found, searched=where)
            even = [i for i in range(len(ps)) if costs[i] <= own + problem.noise and ps[i] != t]
            if even and tie is None:
                tie = t, ps[even[0]], (own, costs[even[0]])
    for count, problem in problems.items():
        for t in fractions(count, SIMPLE[count]):
            if min(t) == 0:
                continue
            value, slope = problem.gradient(_floats(t), _floats(t))
            if slope @ _floats(t) - slope.min() > 1e-5 * (1 + np.abs(slope).max()):
                best = problem.best(_floats(t))
                better = _simplified(problem, best.p, _floats(t), value)
                if better is not None:
                    found = t, better, (value, problem.at(_floats(better), _floats(t))), best.p
                    where = "the slope at simple t"
                    return Verdict(loss.name, "not proper", *found, searched=where)
    if not varies:
        where = f"all p of simple fractions for {looked[0]}"
        return Verdict(loss.name, "constant", searched=where)
    where = ", ".join(looked) + ", all p of simple fractions, the slope at t"
    if tie is None:
        return Verdict(loss.name, "strictly proper", searched=where)
    best = problems[len(tie[0])].best(_floats(tie[0])).p
    return Verdict(loss.name, "proper", *tie, best, searched=where)


def _judge_by_minimisers(loss):
    """Compare t with the best prediction, where p is not free."""
    ts = [t for count in (2, 3) for t in fractions(count, 4) if min(t) > 0]
    ts += [(Fraction(2, 5), Fraction(1, 5), Fraction(2, 5))]
    tie = None
    for t in ts:
        problem = Problem(loss, len(t))
        if _is_same(problem.best(_floats(t)), t):
            continue
        best = problem.best(_floats(t), starts=20)  # rather than a minimum of four starts
        if _is_same(best, t):
            continue
        own = problem.cost_of(_floats(t))
        if own is None or own > best.expected + problem.noise:
            costs = None if own is None else (own, best.expected)
            where = "its best prediction, from 20 starts"
            where += "; no output gives t itself" * (own is None)
            return Verdict(loss.name, "not proper", t, None, costs, best.p, searched=where)
        if np.abs(best.p - _floats(t)).max() < 1e-3:
            best = replace(best, p=best.others[0])
        tie = tie or (t, None, (own, best.expected), best.p)
    where = f"the best predictions for {len(ts)} t with 2 and 3 classes, from many starts"
    if loss.head:
        where += "; what the head shares between examples is free here"
    if tie is None:
        return Verdict(loss.name, "strictly proper", searched=where)
    return Verdict(loss.name, "proper", *tie, searched=where)


def _is_same(best, t):
    return all(np.abs(p - _floats(t)).max() < 1e-3 for p in (best.p, *best.others))


def _kept(loss):
    """Whether mode, median, mean and order of t are those of the best prediction."""
    kept = {"mode": True, "median": True, "mean": True, "order": True}
    for t in map(np.asarray, UNIMODAL):
        problem = Problem(loss, len(t))
        best = problem.best(t)
        x = np.arange(len(t))
        if best.p is None:
            one = len(best.outputs) == 1
            agree = {
                "mode": best.label == t.argmax(),
                "median": best.label in medians(t),
                "mean": abs(best.outputs[0] - t @ x) < 1e-3 if one else None,
                "order": None,
            }
        else:
            p = best.p
            more = t[:, None] > t + 1e-12
            agree = {
                "mode": p[t.argmax()] > p.max() - 1e-4,
                "median": bool(set(medians(p / p.sum())) & set(medians(t))),
                "mean": abs((p - t) @ x) < 1e-3,
                "order": bool((p[:, None] > p - 1e-4)[more].all()),
            }
        for name, value in agree.items():
            kept[name] = None if value is None else bool(kept[name] and value)
    return kept


def fractions(count, largest, *, only=False):
    """Distributions over ``count`` classes of fractions up to a denominator, simple ones first.

    Parameters
    ----------
    count, largest : int
    only : bool
        Only those of this denominator.

    Returns
    -------
    list of tuples of Fraction

    Examples
    --------
    >>> [tuple(map(str, t)) for t in fractions(2, 3)]
    [('0', '1'), ('1', '0'), ('1/2', '1/2'), ('1/3', '2/3'), ('2/3', '1/3')]
    """
    found = []
    for denominator in [largest] if only else range(1, largest + 1):
        for head in product(range(denominator + 1), repeat=count - 1):
            parts = (*head, denominator - sum(head))
            if parts[-1] >= 0 and (only or gcd(*parts) == 1):
                found.append(tuple(Fraction(part, denominator) for part in parts))
    return found


def _table(problem, ps):
    """Loss of every p for every label, shape (P, C), infinite where it grows without bound."""
    eye = np.eye(problem.num_classes)
    return np.array([[problem.at(_floats(p), label) for label in eye] for p in ps])


def _costs(problem, table, ps, t):
    t = _floats(t)
    if not problem.adds:
        return np.array([problem.at(_floats(p), t) for p in ps])
    return np.sum(np.where(t > 0, t * np.where(t > 0, table, 0.0), 0.0), axis=1)


def _simplified(problem, p, t, own):
    """The simplest fractions near p that cost less than t itself, or None."""
    for largest in (2, 3, 4, 5, 6, 8, 10, 12, 20, 50, 100, 1000):
        parts = np.round(p * largest).astype(int)
        parts[parts.argmax()] += largest - parts.sum()
        near = tuple(Fraction(int(part), largest) for part in parts)
        if min(near) >= 0 and problem.at(_floats(near), t) < own - problem.noise:
            return near
    return None


def _with_gradient(function, x):
    """Value of a function at a point, and its gradient there."""
    x = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    value = function(x)
    (gradient,) = torch.autograd.grad(value, x)
    return float(value.detach()), gradient.numpy()


def _each(function, points):
    """Values of a function at many points: at once, or one by one where torch cannot do that."""
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns where it is slow
        try:
            return torch.vmap(function, chunk_size=512)(points)
        except (RuntimeError, TypeError, ValueError):
            return torch.stack([function(point) for point in points])


def _lower_bound(cuts):
    """The least of the greatest of the tangents over the simplex, and where it is.

    The bound is computed from the weights of the tangents, so that it holds whatever the
    tolerance of the linear program: Σ λ (c + g · p) ≥ Σ λ c + min_i Σ λ g_i.
    """
    constants = np.array([constant for constant, _ in cuts])
    gradients = np.array([gradient for _, gradient in cuts])
    scale = np.maximum(1.0, np.abs(gradients).max(axis=1))
    count = gradients.shape[1]
    end = optimize.linprog(
        [0.0] * count + [1.0],
        A_ub=np.column_stack([gradients, np.full(len(cuts), -1.0)]) / scale[:, None],
        b_ub=-constants / scale,
        A_eq=[[1.0] * count + [0.0]],
        b_eq=[1.0],
        bounds=[(0, 1)] * count + [(None, None)],
        method="highs-ds",
    )
    weights = np.maximum(-end.ineqlin.marginals / scale, 0)
    weights /= weights.sum()
    corner = np.maximum(end.x[:-1], 0)
    return float(weights @ constants + (weights @ gradients).min()), corner / corner.sum()


def _counts(t, most):
    """How many of a batch have each label, so that their shares are t, or None if too many."""
    for total in range(1, most + 1):
        counts = np.round(np.asarray(t) * total)
        if np.abs(counts / total - t).max() < 1e-12:
            return torch.tensor(counts, dtype=torch.int64)
    return None


def _different(p, candidates):
    """Those candidates that are not p, nor each other, to 1e-3."""
    found = [p]
    for one in candidates:
        if all(np.abs(one - other).max() > 1e-3 for other in found):
            found.append(one)
    return tuple(found[1:])


def _inside(p):
    """Move a distribution a little into the simplex."""
    p = np.maximum(p, 1e-9)
    return p / p.sum()


def _trimmed(p):
    """Set probabilities below 1e-6 to 0."""
    p = np.where(p < 1e-6, 0.0, p)
    return p / p.sum()


def _floats(t):
    return np.array([float(x) for x in t])


def _written(t):
    return f"({', '.join(map(str, t))})"
