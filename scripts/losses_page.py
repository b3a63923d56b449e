"""Measure what every loss of the zoo rewards and costs, and write docs/LOSSES.md from that.

    python scripts/losses_page.py                  # measure all, minutes, and write the page
    python scripts/losses_page.py --only EMD SORD  # measure these again
    python scripts/losses_page.py --write          # write the page from the last measurements

The measurements go to emdviz/losses/zoo/properties.json, which ``zoo.properties`` reads.
"""

import argparse
import importlib
import inspect
import json
import sys
import time
from fractions import Fraction
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy import optimize
from sklearn.datasets import load_digits
from torch import nn

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT)]

from devtools import counter_examples  # noqa: E402
from emdviz import ground_distance, losses, training  # noqa: E402
from emdviz.diagnosis import diagnose  # noqa: E402
from emdviz.losses import LOSSES, zoo  # noqa: E402
from emdviz.propriety import search  # noqa: E402

PROPERTIES = ROOT / "emdviz" / "losses" / "zoo" / "properties.json"
PAGE = ROOT / "docs" / "LOSSES.md"
PICTURES = ROOT / "docs" / "losses"
LEARNING = "SGEMD2"
"""The loss that is judged before it has learned its ground distance."""
RACE = ROOT / "docs" / "results" / "race_of_losses.csv"
C = 5
SURE = 0.99
LEAVES_C_OPEN = {"hinge-WW", "hinge-CS"}


def judge(name):
    """Return the verdict on a loss as JSON takes it."""
    found = search.verdict(zoo.load(name))
    return {
        "proper": found.proper,
        "t": found.t and [str(x) for x in found.t],
        "better": found.better and [str(x) for x in found.better],
        "costs": found.costs and [brief(x) for x in found.costs],
        "best": None if found.best is None else [brief(x) for x in found.best],
        "keeps": found.keeps,
        "searched": found.searched,
    }


def brief(x):
    """Return a number with six digits; None where it is infinite."""
    return float(f"{x:.6g}") if np.isfinite(x) else None


class Prediction:
    """The outputs with which a loss is sure of a class, and the number that the layer below gives.

    ``reached`` is the probability of that class; None where the loss gives none.
    """

    def __init__(self, name, sure_of, sure=SURE):
        self.loss = zoo.load(name)
        self.problem = problem = search.Problem(self.loss, C)
        self.reached = sure
        goal = np.full(C, (1 - sure) / (C - 1))
        goal[sure_of] = sure
        count = self.loss.num_outputs(C)
        if problem.is_free or name in LEAVES_C_OPEN:
            x = np.log(goal)
        elif count == 1:
            x = np.array([float(sure_of)])
        elif count == C - 1:  # every threshold is answered that surely
            x = np.log(sure / (1 - sure)) * np.where(sure_of > np.arange(C - 1), 1.0, -1.0)
        else:
            one_score = problem.head is not None and name != "stick-breaking"
            x = self._moved(sure_of, sure) if one_score else self._nearest(goal)
            self.reached = float(self._probabilities(torch.as_tensor(x))[sure_of])
        if problem.is_point:
            self.reached = None
        self.through_head = problem.head is not None and count == C
        self.x = torch.as_tensor(x)

    def _probabilities(self, x):
        return self.loss.decode(self.problem.outputs(x)[None], C)[0]

    def _moved(self, sure_of, sure):
        """The weights of a new head whose one score is moved until it is sure of a class."""
        names = [key for key, _ in self.problem.head.named_parameters()]
        bias = next(n for n, key in enumerate(names) if key.endswith("bias"))
        weights = [p.detach().reshape(-1).numpy() for p in self.problem.head.parameters()]
        weights[bias - 1] = 0 * weights[bias - 1]  # those of the features
        found = []
        for score in sorted(np.linspace(-60, 60, 2401), key=abs):
            weights[bias] = np.array([score])
            x = np.concatenate(weights)
            found.append((float(self._probabilities(torch.as_tensor(x))[sure_of]), x))
            if found[-1][0] >= sure:
                return x
        return max(found, key=lambda one: one[0])[1]

    def _nearest(self, goal):
        """The weights of the head, or the outputs, whose probabilities are nearest to a goal."""
        rng, target = np.random.default_rng(0), torch.as_tensor(goal)

        def distance(x):
            x = torch.tensor(x, requires_grad=True)
            value = ((self._probabilities(x) - target) ** 2).sum()
            return float(value.detach()), torch.autograd.grad(value, x)[0].double().numpy()

        ends = [
            optimize.minimize(
                distance, rng.normal(size=self.problem.size), jac=True, method="L-BFGS-B"
            )
            for _ in range(12)
        ]
        return min((end for end in ends if np.isfinite(end.fun)), key=lambda end: end.fun).x

    def cost(self, label):
        """The loss for a label."""
        z = self.problem.outputs(self.x) if self.through_head else self.x
        with torch.no_grad():
            return float(self.problem.criterion(z[None], torch.tensor([label])))

    def push(self, label):
        """Minus the gradient in the outputs of the last linear layer."""
        x = self.x.clone().requires_grad_()
        z = self.problem.outputs(x) if self.through_head else x
        (slope,) = torch.autograd.grad(self.problem.criterion(z[None], torch.tensor([label])), x)
        if self.through_head:
            sizes = {key: one.numel() for key, one in self.problem.head.named_parameters()}
            key = next(key for key in sizes if key.endswith("bias"))
            start = sum(list(sizes.values())[: list(sizes).index(key)])
            slope = slope[start : start + sizes[key]]
        return -slope.double().numpy()


def mistakes(name):
    """Cost of being nearly sure of each class where the label is the first."""
    return [brief(Prediction(name, i).cost(0)) for i in range(C)]


def pushes(name):
    """The push on a confident mistake, and whether it vanishes as the mistake grows surer."""
    sure = Prediction(name, C - 1)
    ratios = []
    for wrong, label in ((C - 1, 0), (0, C - 1)):
        few, many = (Prediction(name, wrong, one) for one in (0.9, 1 - 1e-6))
        if few.reached is not None and many.reached < 0.999:
            ratios.append(None)
            continue
        start, end = (np.linalg.norm(one.push(label)) for one in (few, many))
        ratios.append(end / start if start > 0 else None)
    known = [one for one in ratios if one is not None]
    return {
        "push": [brief(x) for x in sure.push(0)],
        "push_norm": brief(np.linalg.norm(sure.push(0))),
        "most_certain": sure.reached and brief(sure.reached),
        "saturates": bool(min(known) < 1e-2) if known else None,
    }


def cost(name, repeats=60):
    """Time of one batch forward and backward, in µs and over that of XE, in turns."""
    loss = zoo.load(name)
    batch, count = 256, 8
    rng = torch.Generator().manual_seed(0)
    y = torch.randint(0, count, (batch,), generator=rng)
    z = torch.randn(batch, loss.num_outputs(count), generator=rng)
    if loss.head is not None and loss.num_outputs(count) == count:
        z = z.softmax(1)  # these heads give probabilities, or logits
    pair = [
        (criterion, outputs.requires_grad_())
        for criterion, outputs in (
            (LOSSES["XE"].make(count), torch.randn(batch, count, generator=rng)),
            (loss.make(count, 1), z),
        )
    ]
    times = [[], []]
    for _ in range(repeats):
        for n, (criterion, outputs) in enumerate(pair):
            start = time.process_time()
            for _ in range(5):
                torch.autograd.grad(criterion(outputs, y), outputs)
            times[n].append((time.process_time() - start) / 5)
    usual, own = min(times[0]), min(times[1])
    return {"microseconds": round(own * 1e6), "cost": float(f"{own / usual:.2g}")}


def tables():
    """The digits of scikit-learn and LEV, standardised: features and labels by name."""
    digits = load_digits()
    lev = np.loadtxt(ROOT / "data" / "lev.csv", delimiter=",", skiprows=1)
    found = {}
    for key, x, y in (("digits", digits.data, digits.target), ("LEV", lev[:, :-1], lev[:, -1])):
        x = (x - x.mean(0)) / np.maximum(x.std(0), 1e-9)
        y = torch.as_tensor(y).long()
        found[key] = torch.as_tensor(x).float(), y - y.min()
    return found


def train(name, x, y, steps=60):
    """Train the linear head of a loss on all rows at once; tell how it ended."""
    loss, classes = zoo.load(name), int(y.max()) + 1
    torch.manual_seed(0)
    features = x.shape[1]
    head = (
        loss.head(features, classes)
        if loss.head
        else nn.Linear(features, loss.num_outputs(classes))
    )
    criterion = loss.make(classes, features)
    optimiser = torch.optim.Adam([*head.parameters(), *criterion.parameters()], 0.05)
    values = []
    for _ in range(steps):
        optimiser.zero_grad()
        if loss.uses_features:
            criterion.observe(x, y)
        value = criterion(head(x), y)
        value.backward()
        optimiser.step()
        values.append(value.item())
    finite = bool(np.isfinite(values).all() and all(p.isfinite().all() for p in head.parameters()))
    off = (loss.predict(head(x), classes) - y).abs().float()
    return {
        "finite": finite,
        "first": brief(values[0]),
        "last": brief(values[-1]),
        "accuracy": brief((off == 0).float().mean().item()),
        "mae": brief(off.mean().item()),
    }


def origin(name):
    """Return the library's own criterion with logits for its input, or ours; and its name."""
    kind, *args = zoo.entries()[name]["make"] if name in zoo.entries() else (None,)
    theirs = importlib.import_module("dlordinal.losses")
    named = {"sord": "SORDLoss", "general_triangular": "GeneralTriangularLoss"}.get(kind)
    named = named or next((a for a in args if isinstance(a, str) and hasattr(theirs, a)), None)
    options = {"num_classes": C}
    if named is None:
        return zoo.load(name).make(C, 4), "emdviz"
    wanted = inspect.signature(getattr(theirs, named)).parameters
    if "base_loss" in wanted:
        options["base_loss"] = nn.CrossEntropyLoss()
    if "alphas" in wanted and kind == "general_triangular":
        options["alphas"] = np.full(2 * C, 0.05)
    if "use_logits" in wanted:
        options["use_logits"] = True
    if named == "SORDLoss":
        options |= {"alpha": 1.0, "train_targets": None}
    if named == "SLACELoss":
        options["alpha"] = 1.0
    return getattr(theirs, named)(**options), f"dlordinal's {named}"


def traps(name):
    """The mistakes that ``diagnose`` finds in the code that computes it, as it is published."""
    loss = zoo.load(name)
    if loss.num_outputs(C) != C or loss.head is not None:
        return {"traps": None, "traps_in": None}
    criterion, where = origin(name)
    found = diagnose(criterion, num_classes=C)
    return {"traps": [[one.name, one.text] for one in found.findings], "traps_in": where}


def measure(name):
    """Return all that is measured of a loss."""
    found = judge(name) | {"mistakes": mistakes(name)} | pushes(name) | cost(name)
    found["trains"] = {key: train(name, *table) for key, table in tables().items()}
    return found


def load():
    """Return the last measurements."""
    if not PROPERTIES.exists():
        return {"measured_with": {}, "losses": {}}
    return json.loads(PROPERTIES.read_text(encoding="utf-8"))


def save(measured):
    """Keep measurements, one line for each property."""
    order = [name for name in zoo.names() if name in measured["losses"]]
    measured["losses"] = {name: measured["losses"][name] for name in order}
    measured["measured_with"] = {
        one: version(one).split("+")[0] for one in ("torch", "dlordinal", "coral-pytorch")
    }
    lines = []
    for name, facts in measured["losses"].items():
        rows = ",\n".join(
            f"   {json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}" for k, v in facts.items()
        )
        lines.append(f"  {json.dumps(name)}: {{\n{rows}\n  }}")
    body = ",\n".join(lines)
    head = json.dumps(measured["measured_with"])
    text = f'{{\n "measured_with": {head},\n "losses": {{\n{body}\n }}\n}}\n'
    json.loads(text)
    PROPERTIES.write_text(text, encoding="utf-8")


def grows_with_distance(facts, name):
    """Whether a nearly certain mistake costs more, the farther it is off."""
    return bool((np.diff(facts["mistakes"]) > 1e-6).all()), f"costs {_row(facts['mistakes'])}"


def is_proper(facts, name):
    """Whether no counter-example was found."""
    return facts["proper"] in ("proper", "strictly proper"), facts["proper"]


def keeps_median(facts, name):
    """Whether its best prediction has the median of every unimodal t."""
    return facts["keeps"]["median"], f"median kept: {_yes(facts['keeps']['median'])}"


def keeps_mean(facts, name):
    """Whether its best prediction is the mean of every unimodal t."""
    return facts["keeps"]["mean"], f"mean kept: {_yes(facts['keeps']['mean'])}"


def knows_no_order(facts, name):
    """Whether all mistakes cost the same."""
    return bool(np.ptp(facts["mistakes"][1:]) < 1e-6), f"costs {_row(facts['mistakes'])}"


def keeps_pushing(facts, name):
    """Whether its push on ever surer mistakes does not vanish."""
    return not facts["saturates"], f"push {facts['push_norm']:.3g} at 0.99"


def is_constant(facts, name):
    """Whether look-alikes all cost the same."""
    return facts["proper"] == "constant", f"costs {_row(facts['mistakes'])}"


def _outputs_at_random(name, rows=500):
    loss = zoo.load(name)
    torch.manual_seed(0)
    if loss.head is None:
        return loss, 2 * torch.randn(rows, loss.num_outputs(C))
    head = loss.head(4, C)
    with torch.no_grad():
        for weights in head.parameters():
            weights.normal_()
        return loss, head(2 * torch.randn(rows, 4))


def is_unimodal(facts, name):
    """Whether all of 500 random predictions rise, then fall."""
    loss, outputs = _outputs_at_random(name)
    steps = torch.diff(loss.decode(outputs, C).double(), dim=1).sign()
    falls = (steps < 0).cumsum(1) > 0
    broken = int(((steps > 0) & falls).any(1).sum())
    return broken == 0, f"{broken} of {len(steps)} random predictions have two peaks"


def is_consistent(facts, name):
    """Whether P(k > i) never rises with i in 500 random predictions."""
    _, outputs = _outputs_at_random(name)
    above = outputs.sigmoid() if name == "CORAL" else outputs.sigmoid().cumprod(1)
    broken = int((torch.diff(above, dim=1) > 1e-7).any(1).sum())
    return broken == 0, f"P(k > i) rises somewhere in {broken} of {len(above)}, random weights"


CLAIMS = (
    ("EMD2", "dlordinal.losses:EMDLoss", "It serves as a proper scoring rule", is_proper),
    (
        "CDW-CE",
        "dlordinal.losses:CDWCELoss",
        "penalties should increase as the distance between the true and predicted classes grows",
        grows_with_distance,
    ),
    ("SLACE", "dlordinal.losses:SLACELoss", "**monotonicity**", grows_with_distance),
    (
        "SORD",
        "dlordinal.losses:SORDLoss",
        "penalize errors based on the severity of the ordinal distance",
        grows_with_distance,
    ),
    (
        "EMD2",
        "dlordinal.losses:EMDLoss",
        "Errors farther from the true class are penalised more heavily",
        grows_with_distance,
    ),
    *(
        (
            loss,
            f"dlordinal.losses:{kind}",
            "to penalize the distance between predicted and true class distributions",
            grows_with_distance,
        )
        for loss, kind in (
            ("beta", "BetaLoss"),
            ("binomial", "BinomialLoss"),
            ("exponential", "ExponentialLoss"),
            ("general-triangular", "GeneralTriangularLoss"),
        )
    ),
    ("Binomial-head", "dlordinal.output_layers:BinomialLayer", "is unimodal", is_unimodal),
    ("Poisson-head", "dlordinal.output_layers:PoissonLayer", "is unimodal", is_unimodal),
    ("COPOC", "dlordinal.output_layers:COPOC", "enforce unimodality", is_unimodal),
    ("CORAL", "coral_pytorch.layers:CoralLayer", "Rank Consistent", is_consistent),
    ("CORN", "dlordinal.losses:CORNLoss", "Rank-consistent", is_consistent),
    ("CONDOR", "emdviz", "consistent ranks without a shared score", is_consistent),
    ("EMD", "emdviz", "leads to certainty of the median", keeps_median),
    ("REG", "emdviz", "leads to the mean", keeps_mean),
    ("XEMD2", "emdviz", "keeps learning from confident mistakes", keeps_pushing),
    ("Brier", "emdviz", "knows no order", knows_no_order),
    ("WKL", "emdviz", "1 where predictions do not depend on the example", is_constant),
)
"""A loss, where the claim stands ("emdviz": in its own description), its words, and the check."""


def check_claims(measured):
    """Return for each claim its loss, place, words, whether it held, its check, and evidence."""
    rows = []
    for name, place, words, check in CLAIMS:
        text = zoo.load(name).about
        if place != "emdviz":
            module, kind = place.split(":")
            text = inspect.getdoc(getattr(importlib.import_module(module), kind))
        if words not in " ".join(text.split()):
            raise SystemExit(f"{place} no longer says of {name}: {words}")
        held, evidence = check(measured["losses"][name], name)
        question = check.__doc__.removesuffix(".")
        rows.append((name, place.replace(":", "."), words, held, question, evidence))
    return rows


def _row(numbers):
    return ", ".join("∞" if x is None else f"{x:.3g}".replace("-", "−") for x in numbers)


def _yes(value):
    return "—" if value is None else "yes" if value else "no"


def _proper(name, facts):
    return facts["proper"] + (", until it has learned a D" if name == LEARNING else "")


def learned_example():
    """Say what the loss that learns its distance rewards once it has one, here the given one."""
    t, D = np.array([0.2, 0.1, 0.4, 0.3]), ground_distance.line(4) / 3
    cost = t @ (D + 0.25)  # of p_i², over labels drawn from t: ω = 1, μ = 0.25, weight 1
    low, high = 0.0, 10.0  # of the multiplier of Σ p = 1; t_i / p_i − 2 cost_i p_i is it for all i
    for _ in range(100):
        middle = (low + high) / 2
        p = 2 * t / (middle + np.sqrt(middle**2 + 8 * cost * t))
        low, high = (middle, high) if p.sum() > 1 else (low, middle)
    return (
        "later it is not; with D = |i − j| / (C − 1), weight 1 and μ = 0.25 the best prediction "
        f"for t = ({_row(t)}) is ({_row(p)})"
    )


def _kept(facts):
    kept = [key for key, value in facts["keeps"].items() if value]
    return ", ".join(kept) or ("—" if None in facts["keeps"].values() else "nothing")


def _example(facts):
    """The counter-example, or the tie, in words."""
    if facts["t"] is None:
        return ""
    t = f"t = ({', '.join(facts['t'])})"
    word = "as much" if facts["proper"] == "proper" else "less"
    if facts["better"]:
        costs = ""
        if facts["costs"]:
            own, other = ("∞" if x is None else f"{round(x, 12):.4g}" for x in facts["costs"])
            costs = f" ({other} against {own})".replace("-", "−")
        return f"for {t}, p = ({', '.join(facts['better'])}) costs {word}{costs}"
    return f"for {t} its best prediction is ({_row(facts['best'])})"


def _again(name, facts):
    """How a counter-example was computed again; the page is not written if it does not hold."""
    if not counter_examples.is_known(name):
        return "Found by the search"
    t, better = (facts[key] and [Fraction(x) for x in facts[key]] for key in ("t", "better"))
    holds, how = counter_examples.check(name, t, better)
    if not holds:
        raise SystemExit(f"the counter-example of {name} does not hold: {_example(facts)}")
    if name in counter_examples.HEADS:
        return f"No output of it gives t: all its predictions have {how}"
    return f"Computed again {how}"


def _options(name):
    loss = zoo.load(name)
    defaults = _defaults(loss) if name in LOSSES else loss.options
    return [f"`{key}={defaults[key]!r}`: {text}" for key, text in loss.meaning.items()]


def _defaults(loss):
    parameters = inspect.signature(getattr(losses, loss.names[0])).parameters
    return {key: one.default for key, one in parameters.items()}


def _outputs(name):
    loss = zoo.load(name)
    if loss.head is not None:
        return "own head"
    return {1: "1", C - 1: "C − 1", C: "C"}[loss.num_outputs(C)]


def picture(name, facts):
    """Draw what mistakes cost and the push on a confident one, as SVG."""
    colour = LOSSES[name].colour if name in LOSSES else "#4d6a8a"
    panels = (
        (facts["mistakes"], "cost, sure of class"),
        (facts["push"], "push on outputs, sure of the last"),
    )
    parts = []
    for n, (values, title) in enumerate(panels):
        left, width, zero = 10 + 210 * n, 190, 100
        values = [0.0 if v is None else v + 0.0 for v in values]
        low, high = min(0.0, *values), max(0.0, *values)
        scale = 72 / ((high - low) or 1.0)
        zero = 28 + high * scale
        step = width / len(values)
        for i, v in enumerate(values):
            top = zero - max(v, 0) * scale
            parts.append(
                f'<rect x="{left + i * step + 4:.1f}" y="{top:.1f}" width="{step - 8:.1f}" '
                f'height="{max(abs(v) * scale, 0.6):.1f}" fill="{colour}"/>'
            )
            parts.append(
                f'<text x="{left + (i + 0.5) * step:.1f}" y="115" text-anchor="middle">'
                f"{f'{v:.2g}'.replace('-', '−')}</text>"
            )
        parts.append(
            f'<path d="M{left} {zero:.1f}h{width}" stroke="#888"/>'
            f'<text x="{left}" y="16">{title}</text>'
        )
    alt = f"{name}: costs {_row(facts['mistakes'])}; push {_row(facts['push'])}"
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 420 122" width="420" height="122" '
        f'role="img" font-family="sans-serif" font-size="10.5" fill="#333">\n<title>{alt}</title>\n'
        f'<rect width="420" height="122" fill="white"/>\n{body}\n</svg>\n'
    )


def card(name, facts):
    """Return the card of a loss in Markdown."""
    loss = zoo.load(name)
    if facts["proper"] == "not proper":
        verdict = f"**not proper**: {_example(facts)}. {_again(name, facts)}"
    else:
        verdict = " ".join(filter(None, [f"**{_proper(name, facts)}**", _example(facts)]))
        verdict += f": {learned_example()}" if name == LEARNING else ""
    trained = "; ".join(
        f"{key} accuracy {one['accuracy']:.2f}, MAE {one['mae']:.2f}"
        if one["finite"]
        else f"{key}: not finite"
        for key, one in facts["trains"].items()
    )
    sure = facts["most_certain"]
    mistake = "a confident mistake" if sure is None else f"a mistake that has {sure:.2g}"
    lines = [
        f"### {loss.label}",
        "",
        loss.about,
        "",
        f"![{name}: costs {_row(facts['mistakes'])}](losses/{_file(name)})",
        "",
        f"- `zoo.load({name!r})`, outputs: {_outputs(name)}, unit: {loss.unit or 'none'}",
        f"- formula: `{loss.formula}`",
        f"- {verdict}. Looked at {facts['searched']}.",
        f"- of the six unimodal t its best prediction keeps: {_kept(facts)}",
        f"- the push on {mistake} has length {facts['push_norm']:.3g}; "
        f"it vanishes as the mistake grows surer: {_yes(facts['saturates'])}",
        f"- cost: {facts['microseconds']} µs, {facts['cost']:g} × XE",
        f"- 60 steps on all rows: {trained}",
    ]
    if _options(name):
        lines.append(f"- options: {'; '.join(_options(name))}")
    if facts.get("traps"):
        found = "; ".join(f"*{one}* ({text})" for one, text in facts["traps"])
        lines.append(f"- traps in {facts['traps_in']}: {found}")
    elif facts.get("traps") == []:
        lines.append(f"- traps in {facts['traps_in']}: none found")
    lines += [f"- source: {loss.source}", ""]
    return "\n".join(lines)


def _file(name):
    return f"{name.replace('.', '_')}.svg"


def _anchor(name):
    kept = "".join(c for c in zoo.load(name).label.lower() if c.isalnum() or c in " -²³")
    return kept.strip().replace(" ", "-")


INTRO = """# What losses for ordered classes reward

{count} losses from the literature, all put through the same computations: what a network learns
that sees labels k drawn from a true distribution t, what a mistake costs, whether a confident
mistake still gives a gradient, and what a step costs. `scripts/losses_page.py` computes and writes
this page; `zoo.properties(name)` gives the same numbers in Python, and `propriety.verdict(loss)`
judges any other loss, also yours. Computed with {versions}.

**How to read it.** A loss is *proper* if predicting t itself is among the best predictions for
labels drawn from t, *strictly proper* if nothing else is as good. *Keeps* says what of t is still
there in the best prediction for all of six unimodal t: the mode, median, mean, or the order of the
probabilities. Six are few:
{lost}.
*Saturates* says whether the gradient vanishes as a mistake grows surer. *Cost* is the
time of the loss and its gradient over that of XE here, which checks its input as all do (torch's
own function, with which [BENCHMARKS.md](BENCHMARKS.md) compares, takes less), 256 examples of 8
classes, one thread. The pictures show what a prediction sure of each class (0.99) costs where the
first of 5 is right, and the push, minus the gradient in the outputs, on one that is sure of the
last.

**What a search can prove.** A counter-example is a proof: two distributions of simple fractions
whose costs can be computed again. Here each is, without rounding: in fractions where the loss is
rational in p, or a sum of logarithms with rational weights; else in interval arithmetic with 40
digits, which bounds roots and exponentials. The exceptions are {heads}: no output of theirs
gives t, so that there is no second cost to compare, and an inequality shows that. That a loss is
proper cannot be shown by searching, only that nothing speaks against it among what was looked at;
each card says where. Where the expected loss is convex in p, the minimum is certified by tangents;
for thresholds and heads only many starts and a grid agree. All examples of a search look alike: a
head that shares thresholds between examples may not reach the best prediction of each at once, and
a loss that learns while it trains is judged before.
"""


RACED = """
## In a race

Mean RPS on test rows over {splits} random splits, lower is better, and whether the difference to
XE, split by split, is more than chance (adjusted for {compared} comparisons of a data set, Holm;
the splits share rows, which the verdicts allow for, see `training.paired_differences`).
Networks are one linear layer, on LEV (lecturers' evaluations), SWD (risks to children) and frozen
features of faces (UTKFace, 4,000 to learn from, EfficientNet-Lite0). The learning rate of each loss
was chosen on the validation rows of one further split of the same rows: a choice on others would
move some differences. Losses are at their default options. To repeat it:
`python scripts/race_of_losses.py --faces FOLDER`.
[Notebook 08](../notebooks/08_a_field_guide.ipynb) shows accuracy and MAE as well.
"""


def race():
    """Return the section on the race, from the runs that are kept."""
    runs = pd.read_csv(RACE)
    tables = dict(list(runs.groupby("data", sort=False)))
    found, compared = {}, set()
    for name, rows in tables.items():
        differences = training.paired_differences(
            rows, ["AEM", "MAE", "RPS"], test_to_train=rows["test_to_train"].iloc[0]
        )
        compared.add(len(differences))
        rps = differences[differences["metric"] == "RPS"].set_index("loss")["verdict"]
        rates = rows.groupby("loss")["learning_rate"].first()
        means = rows.groupby("loss")["test RPS"].mean()
        for loss in rows["loss"].unique():
            verdict = {"better": ", better", "worse": ", worse"}.get(rps.get(loss), "")
            cell = f"{means[loss]:.3f}{verdict} (rate {rates[loss]:g})"
            found.setdefault(loss, {})[name] = cell
    splits = runs["seed"].nunique()
    text = [
        RACED.format(splits=splits, compared=" or ".join(map(str, compared))),
        f"| loss | {' | '.join(tables)} |",
        "|---" * (1 + len(tables)) + "|",
    ]
    for loss, cells in found.items():
        row = " | ".join(cells.get(name, "—") for name in tables)
        text.append(f"| {zoo.load(loss).label} | {row} |")
    return "\n".join(text)


def lost_median():
    """Say how label smoothing moves the median of a unimodal t."""
    t = np.array([0.52, 0.2, 0.12, 0.1, 0.06])
    p = 0.9 * t + 0.1 / len(t)
    before, after = (f"class {(np.cumsum(one) < 0.5).sum() + 1}" for one in (t, p))
    return (
        f"of t = ({_row(t)}) label smoothing makes ({_row(p)}), and moves the median from "
        f"{before} to {after}"
    )


def write(measured):
    """Write the page and its pictures."""
    losses = measured["losses"]
    PICTURES.mkdir(exist_ok=True)
    versions = ", ".join(f"{key} {value}" for key, value in measured["measured_with"].items())
    *most, last = (zoo.load(name).label for name in counter_examples.HEADS)
    heads = f"{', '.join(most)} and {last}"
    text = [INTRO.format(count=len(losses), versions=versions, heads=heads, lost=lost_median())]
    text += [
        "| loss | family | proper | keeps | saturates | outputs | cost |",
        "|---|---|---|---|---|---|---|",
    ]
    families = {}
    for name, facts in losses.items():
        loss = zoo.load(name)
        families.setdefault(loss.family, []).append(name)
        text.append(
            f"| [{loss.label}](#{_anchor(name)}) | {loss.family} | {_proper(name, facts)} | "
            f"{_kept(facts)} | {_yes(facts['saturates'])} | {_outputs(name)} | {facts['cost']:g} |"
        )
    rows = check_claims(measured)
    text += [
        "",
        "## What they say of themselves",
        "",
        "From the documentation of the libraries and of this package, beside what came out.",
        "Random predictions have random weights: what a theorem says of trained ones may differ.",
        "",
        "| loss | where | words | checked | holds | computed |",
        "|---|---|---|---|---|---|",
    ]
    for name, place, words, held, question, evidence in rows:
        text.append(f'| {name} | `{place}` | "{words}" | {question} | {_yes(held)} | {evidence} |')
    text.append(race())
    for family, names in families.items():
        text += ["", f"## {family[0].upper()}{family[1:]}", ""]
        for name in names:
            (PICTURES / _file(name)).write_text(picture(name, losses[name]), encoding="utf-8")
            text.append(card(name, losses[name]))
    page = "\n".join(text).rstrip() + "\n"
    PAGE.write_text(page.replace("\n\n\n", "\n\n"), encoding="utf-8")


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--only", nargs="+", choices=zoo.names(), help="measure these alone")
    options.add_argument("--write", action="store_true", help="measure nothing, write the page")
    options = options.parse_args()
    torch.set_num_threads(1)
    measured = load()
    for name in [] if options.write else options.only or zoo.names():
        start = time.perf_counter()
        for part in (measure, traps):
            facts = part(name)
            measured = load()  # others may have been measured meanwhile
            measured["losses"].setdefault(name, {}).update(facts)
            save(measured)
        print(f"{name}  {time.perf_counter() - start:.0f} s", flush=True)
    write(measured)


if __name__ == "__main__":
    main()
