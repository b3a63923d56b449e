"""Counter-examples of losses that are not proper, computed again without rounding.

The formulas are those of the losses at their default options, written out once more. What p costs,
for labels drawn from t, is a constant and a sum of −w log x. Where all weights w are fractions, two
such sums are compared as powers of fractions; the rest in interval arithmetic with 40 digits, whose
bounds are true. Some heads cannot give t at all, whatever their outputs: all that they give obeys
an inequality, and t does not.
"""

from fractions import Fraction
from math import comb, factorial, lcm, prod

import mpmath

IV = mpmath.iv
IV.dps = 40

POWERS = {"EMD": 1, "EMD1.5": Fraction(3, 2), "EMD3": 3}
BETA = {3: [(1, 4), (4, 4), (4, 1)]}
"""Number of classes -> parameters of the beta distribution of each label, as published."""

HEADS = {
    "stick-breaking": (
        "p_1 ≤ 5/2 p_0, as its shares are 1/10 or more, and s (1 − s) is 1/4 or less",
        lambda p: Fraction(5, 2) * p[0] - p[1],
    ),
    "COPOC": (
        "one peak, as the logits rise, then fall",
        lambda p: min(b - min(a, c) for a, b, c in zip(p, p[1:], p[2:], strict=False)),
    ),
    "Binomial-head": (
        "p_1² = 4 p_0 p_2 for three classes",
        lambda p: -abs(p[1] ** 2 - 4 * p[0] * p[2]),
    ),
    "Poisson-head": (
        "p_1² ≥ p_0 p_2, as 1! · 1! ≤ 0! · 2!",
        lambda p: p[1] ** 2 - p[0] * p[2],
    ),
}
"""Head -> what all its predictions obey: in words, and a function of p that is never negative."""


def check(name, t, better):
    """Compute a counter-example again.

    Parameters
    ----------
    name : str
        A loss of the zoo.
    t : sequence of Fraction
    better : sequence of Fraction, or None where the head cannot give t, or for ECOC

    Returns
    -------
    holds : bool
    how : str
        ``"in fractions"``, ``"in intervals"``, or the inequality that t breaks.

    Examples
    --------
    >>> check("EMD", [Fraction(1, 3), Fraction(2, 3)], [0, 1])
    (True, 'in fractions')
    """
    if name in HEADS:
        words, slack = HEADS[name]
        return slack(t) < 0, words
    if name == "ECOC":
        one, other = ecoc(t)
        return bool(one.b < other.a), "in intervals"
    return costs_less(name, better, t, t)


def is_known(name):
    """Return whether :func:`check` has the formula of a loss."""
    if name in HEADS or name == "ECOC":
        return True
    try:
        terms(name, 0, [Fraction(1, 3)] * 3)
    except KeyError:
        return False
    except ValueError:  # it is known for two classes
        return True
    return True


def costs_less(name, p, q, t):
    """Return whether p costs less than q for labels drawn from t, and how that was found."""
    one, other = (expected(name, x, t) for x in (p, q))
    if one is None or other is None:  # infinite
        weights = [w for k, share in enumerate(t) if share for w, _ in terms(name, k, q)[1]]
        exact = all(isinstance(w, (int, Fraction)) for w in weights)
        return one is not None, "in fractions" if exact else "in intervals"
    (constant, logs), (rival, rivals) = one, other
    numbers = [constant, rival, *(w for w, _ in (*logs, *rivals))]
    if all(isinstance(x, (int, Fraction)) for x in numbers):
        if not logs and not rivals:
            return constant < rival, "in fractions"
        if constant == rival:
            common = lcm(*(Fraction(w).denominator for w, _ in (*logs, *rivals)))
            return _power(logs, common) > _power(rivals, common), "in fractions"
    return bool(_value(*one).b < _value(*other).a), "in intervals"


def expected(name, p, t):
    """Return a constant and pairs (w, x), so that p costs that plus Σ −w log x; None for ∞."""
    constant, found = 0, []
    for k, share in enumerate(t):
        if share == 0:
            continue
        own, pairs = terms(name, k, p)
        constant = _times(share, own) + constant
        found += [(_times(share, w), x) for w, x in pairs]
    if any(x == 0 and _is_positive(w) for w, x in found):
        return None
    return constant, found


def value(name, p, t):
    """Return the expected loss as bounds, an interval."""
    return _value(*expected(name, p, t))


def terms(name, k, p):
    """Return the loss of label k in the same form; weights that are 0 are left out."""
    count = len(p)
    if name in POWERS:
        gaps = [abs(sum(p[: i + 1]) - (k <= i)) for i in range(count - 1)]
        return sum((_raised(gap, POWERS[name]) for gap in gaps), 0), []
    if name == "AEMD":  # λ = 1
        work = sum(x * abs(i - k) for i, x in enumerate(p))
        return work, [(-x, x) for x in p if x]
    if name == "focal":  # γ = 2
        weights, inner = {k: (1 - p[k]) ** 2}, p
    elif name in ("OLL", "CDW-CE"):
        power = {"OLL": 1, "CDW-CE": Fraction(1, 2)}[name]
        weights = {i: _raised(abs(i - k), power) for i in range(count) if i != k}
        inner = [1 - x for x in p]
    elif name == "SLACE":
        weights = dict(enumerate(soft_label("SORD", k, count)))
        inner = [sum(x for j, x in enumerate(p) if abs(j - k) <= abs(i - k)) for i in range(count)]
    else:
        weights, inner = dict(enumerate(soft_label(name, k, count))), p
    return 0, [(w, inner[i]) for i, w in weights.items() if w != 0 and inner[i] != 1]


def ecoc(t):
    """Return the costs of ECOC's output σ = t_1 and of that whose decoded p is t, of two classes.

    Of the output s it decodes p_1 = σ(2 s − 1), so that s = (1 + log(t_1 / t_0)) / 2 alone gives t.
    """
    if len(t) != 2:
        raise ValueError(f"t must have two classes for ECOC, got {len(t)}")
    low, high = map(_interval, t)
    own = (1 + IV.log(high / low)) / 2
    return tuple(low * s**2 + high * (1 - s) ** 2 for s in (high, own))


def soft_label(name, k, count):
    """Return the soft label of class k, a list of fractions or intervals."""
    classes = range(count)
    if name == "XE":
        return [int(i == k) for i in classes]
    if name == "XE-LS":
        return [Fraction(9, 10) * (i == k) + Fraction(1, 10 * count) for i in classes]
    if name in ("SORD", "exponential"):
        return _softmax([-abs(i - k) for i in classes])
    if name == "Poisson":
        mean = k + 1
        return _softmax([IV.exp(-mean) * mean**i / factorial(i) for i in classes])
    if name == "binomial":
        chance = Fraction(1, 10) + Fraction(8, 10) * Fraction(k, count - 1)
        last = count - 1
        return [comb(last, i) * chance**i * (1 - chance) ** (last - i) for i in classes]
    if name == "geometric":
        alpha = Fraction(1, 10)
        others = sum(alpha ** abs(i - k) for i in classes if i != k)
        return [1 - alpha if i == k else alpha * alpha ** abs(i - k) / others for i in classes]
    if name == "beta":
        a, b = BETA[count][k]
        below = [_beta_cdf(Fraction(i, count), a, b) for i in range(count + 1)]
        return [below[i + 1] - below[i] for i in classes]
    share = {"general-triangular": Fraction(1, 20), "triangular": _triangular_share(k)}[name]
    if count != 2:
        raise ValueError(f"p must have two classes for {name}, got {count}")
    return [1 - share if i == k else share for i in classes]


def _triangular_share(k):
    """Share that label k of two classes gives to the other, with α₂ = 0.05."""
    root = IV.sqrt(IV.mpf(1) / 10)
    c = IV.mpf(9) / 10 * root * (root - 1) / (1 if k == 0 else 4)
    return ((1 - IV.sqrt(1 - 4 * c)) / 2) ** 2


def _beta_cdf(x, a, b):
    last = a + b - 1
    return sum(comb(last, j) * x**j * (1 - x) ** (last - j) for j in range(a, last + 1))


def _softmax(scores):
    weights = [IV.exp(score) for score in scores]
    return [weight / sum(weights) for weight in weights]


def _is_positive(w):
    return w > 0 if isinstance(w, (int, Fraction)) else bool(w.a > 0)


def _raised(x, power):
    if power == 1 or x in (0, 1):
        return x
    return x**power if isinstance(power, int) else _interval(x) ** _interval(power)


def _times(share, x):
    return share * x if isinstance(x, (int, Fraction)) else _interval(share) * x


def _power(pairs, common):
    return prod((Fraction(x) ** int(w * common) for w, x in pairs), start=Fraction(1))


def _value(constant, pairs):
    logs = [-_interval(w) * IV.log(_interval(x)) for w, x in pairs]
    return sum(logs, _interval(constant))


def _interval(x):
    if isinstance(x, (int, Fraction)):
        return IV.mpf(Fraction(x).numerator) / Fraction(x).denominator
    return x
