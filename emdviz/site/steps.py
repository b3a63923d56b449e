"""The steps of the tour: what each says, asks and answers, and the states of its figure.

Numbers in the texts are computed here, by the package; those of trained networks come from the
recorded race and from ``docs/RESULTS.md``.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emdviz import published
from emdviz.distances import emd, emd2
from emdviz.distributions import one_hot
from emdviz.explorers.kit import presets
from emdviz.explorers.kit.distribution_explorer import ADIENCE_AGE_GROUPS
from emdviz.losses.descent import descend
from emdviz.losses.loss import LOSSES, closed_forms
from emdviz.propriety import expected_loss, minimiser
from emdviz.site.walks import WALKS, answers

CLASSES = ADIENCE_AGE_GROUPS
COUNT = len(CLASSES)
TRUE_CLASS = 4
TRUTH = one_hot(TRUE_CLASS, COUNT)

A = [0.25, 0.15, 0.05, 0.05, 0.40, 0.02, 0.03, 0.05]
"""Prediction A of notebook 01: 0.40 for the true class, much of the rest far away."""
B = [0.00, 0.00, 0.05, 0.25, 0.40, 0.25, 0.05, 0.00]
"""Prediction B: as much for the true class, all the rest near it."""

RESULTS = Path(__file__).parents[2] / "docs" / "RESULTS.md"


@dataclass(frozen=True)
class Step:
    """One step of the tour.

    Attributes
    ----------
    name : str
        Its address.
    title, says, asks : str
    answers : tuple of str
    right : int
        Which of them is right.
    reveals : str
        What is said once the reader has answered.
    figure : str
        The page of the site whose figure it shows.
    asked, shown : dict
        Traits of the figure while the question stands, and those that the answer changes.
    hides : tuple of str
        Parts of the figure that would give the answer away; "numbers" stay hidden after it.
    losses : tuple of str
        Those whose numbers are shown; all where it is empty.
    bars_only : bool
        Show no running sums.
    on_walk : bool
        The figure knows the losses of its walk in ``walks.WALKS``, and leads to the table of
        losses, where all of them are.
    """

    name: str
    title: str
    says: str
    asks: str
    answers: tuple
    right: int
    reveals: str
    figure: str
    asked: dict
    shown: dict
    hides: tuple = ()
    losses: tuple = ()
    bars_only: bool = False
    on_walk: bool = False

    @property
    def page(self):
        """The page that the step leads to."""
        return "zoo" if self.on_walk else self.figure


def steps(race):
    """Return the steps of the tour; ``race`` is the recorded one."""
    return (
        *_two_predictions(),
        *_transport(),
        _sure_or_torn(),
        *_propriety(),
        *_others(),
        *_gradients(),
        *_training(race),
    )


def _two_predictions():
    pair = {"p": A, "q": B, "target": TRUE_CLASS, "equal_xe": True}
    xe = _number(-np.log(A[TRUE_CLASS]), 3)
    far = one_hot(0, COUNT) * (1 - A[TRUE_CLASS]) + TRUTH * A[TRUE_CLASS]
    split = 0.5 * one_hot(1, COUNT) + 0.5 * one_hot(7, COUNT)
    own, other = CLASSES[TRUE_CLASS], [CLASSES[i] for i in (1, 7)]
    yield Step(
        "two-answers",
        "Two answers",
        f"Two networks guess the age of the same face. The truth is {own}. Each bar is the "
        "probability that a network gives to one age group.",
        "Which answer would you rather have?",
        ("A", "B", "Either, they are equally good"),
        1,
        f"B errs by a group or two. A gives {_percent(sum(A[:3]))} to children. Watch how far A’s "
        "mistakes have to go to be as good as B’s.",
        "prediction",
        pair,
        {"p": B},
        hides=("numbers",),
        bars_only=True,
    )
    yield Step(
        "blind-spot",
        "What cross-entropy sees",
        "The usual loss is cross-entropy, −ln of the probability of the true class. A and B both "
        f"give it {A[TRUE_CLASS]:.2f}.",
        "Which of them does cross-entropy prefer?",
        ("A", "B", "Neither"),
        2,
        f"Both pay {xe}. Now all the rest of B is carried to {CLASSES[0]}, and B still pays "
        f"{_number(expected_loss('XE', far, TRUTH), 3)}: cross-entropy looks at one bar, and never "
        "at the others.",
        "prediction",
        pair,
        {"q": far.tolist()},
        hides=("tiles",),
        losses=("XE",),
        bars_only=True,
    )
    yield Step(
        "right-on-average",
        "Right on average",
        "A regression knows the order. It answers with one number, the mean of its prediction, and "
        f"pays the squared error. B pays {_number(expected_loss('REG', B, TRUTH), 3)}.",
        "Is B perfect, then?",
        ("Yes", "No"),
        1,
        f"B now puts half on {other[0]} and half on {other[1]}, and still pays "
        f"{_number(expected_loss('REG', split, TRUTH), 3)}: too low and too high cancel. A mean "
        "knows the order, and not how widely an answer is spread.",
        "prediction",
        pair | {"equal_xe": False},
        {"q": split.tolist()},
        losses=("XE", "REG"),
        bars_only=True,
    )
    yield Step(
        "running-sum",
        "Add up from left to right",
        "Add the probabilities up, class by class. The truth’s sum jumps from 0 to 1 at the true "
        "class; a prediction’s sum climbs.",
        "Whose running sum stays nearer to the truth’s?",
        ("A’s", "B’s"),
        1,
        f"The shaded gap is what both losses missed. Its area, the EMD, is {_emd(A)} for A and "
        f"{_emd(B)} for B. Carry the rest of A to the far end, and it grows to {_emd(far)}.",
        "prediction",
        pair,
        {"p": far.tolist()},
        hides=("tiles",),
        losses=("XE", "EMD"),
    )


def _transport():
    from emdviz.transport import exact_cost

    plain = {"order": 1, "mass_p": 1.0, "mass_t": 1.0, "matrix": False}
    ways = [(p, abs(i - TRUE_CLASS)) for i, p in enumerate(A) if i != TRUE_CLASS]
    first = " + ".join(f"{p:.2f} × {way}" for p, way in ways[:2])
    yield Step(
        "earth",
        "Earth and its movers",
        "Think of prediction A as heaps of earth, and of the truth as a hole. Carrying one unit to "
        "the next class costs 1.",
        "How much work is it to fill the hole?",
        (
            f"{1 - A[TRUE_CLASS]:.2f}: all that is moved",
            _emd(A),
            f"{TRUE_CLASS}.00: the longest way",
        ),
        1,
        f"Each heap times its way: {first} + … = {_emd(A)}, the very area of the gap. So it is "
        f"called the Earth Mover’s Distance. B needs {_emd(B)}: watch the ribbons.",
        "transport",
        {"p": A, "t": TRUTH.tolist(), **plain},
        {"p": B},
        hides=("tiles",),
    )
    humps = presets.bimodal(COUNT)
    soft = presets.neighbours(COUNT, TRUE_CLASS)
    centre = np.isin(np.arange(COUNT), [COUNT // 2 - 1, COUNT // 2]) / 2
    exact, closed = float(exact_cost(humps, soft)), float(emd(humps, soft))
    yield Step(
        "exact-transport",
        "Is that the cheapest way?",
        "A running sum, a difference and a sum gave the area. A solver for optimal transport, POT, "
        "looks for the cheapest of all plans instead.",
        "How far apart are their two answers?",
        ("About ten per cent", "About one per cent", "Not at all"),
        2,
        f"Both give {exact:.3f}, then {exact_cost(humps, centre):.3f}, and differ by less than "
        f"{_bound(abs(exact - closed))}: the area of the gap. Ribbons cut it into rows, the sum "
        "into columns. On a line of classes nobody needs the solver.",
        "transport",
        {"p": humps.tolist(), "t": soft.tolist(), **plain},
        {"t": centre.tolist()},
        hides=("tiles",),
    )
    yield Step(
        "squares",
        "Square the distance",
        "Let a unit pay the square of its way: two classes cost 4, three cost 9. The loss of the "
        "paper is EMD², the sum of the squared gaps.",
        "Is EMD² what the cheapest plan costs now?",
        ("Yes", "No"),
        1,
        f"The plan costs {exact_cost(humps, soft, cost=_squares()):.3f}, EMD² is "
        f"{_number(emd2(humps, soft), 3)}. Transport squares how far each row reaches, EMD² how "
        "high each column stands. EMD² is half the squared energy distance; where the truth is one "
        "class, weather forecasters know it as the ranked probability score.",
        "transport",
        {"p": humps.tolist(), "t": soft.tolist(), **plain},
        {"order": 2},
        hides=("tiles",),
    )


def _sure_or_torn():
    sure = one_hot(TRUE_CLASS + 1, COUNT)
    torn = 0.5 * one_hot(TRUE_CLASS - 1, COUNT) + 0.5 * sure
    vague = [0.0, 0.04, 0.08, 0.22, 0.32, 0.22, 0.08, 0.04]
    return Step(
        "why-square",
        "Why square?",
        f"A is sure of {CLASSES[TRUE_CLASS + 1]}, the next group. B is torn between the two "
        "neighbours of the truth.",
        "Which of them has the larger EMD?",
        ("A", "B", "Neither"),
        2,
        f"Both have {_emd(sure)}, and B keeps it when it spreads further. EMD² is {_emd2(sure)} "
        f"for A, {_emd2(torn)} for B, and now {_emd2(vague)}: one large gap costs more than many "
        "small ones. Doubt is cheaper than false certainty.",
        "prediction",
        {"p": sure.tolist(), "q": torn.tolist(), "target": TRUE_CLASS, "equal_xe": False},
        {"q": vague},
        hides=("tiles",),
        losses=("EMD", "EMD2"),
    )


def _propriety():
    unsure, skewed = (np.array(presets.truths(COUNT)[name]["p"]) for name in ("unsure", "skewed"))
    before, after = (_two_humps(share) for share in (0.49, 0.51))
    first, later, last = (CLASSES[_median(t)] for t in (skewed, before, after))
    yield Step(
        "many-opinions",
        "When people disagree",
        "Many people guess the age of one face and do not agree: the green bars. A network is "
        "trained on their guesses, one at a time.",
        "Which answer has the least EMD on average?",
        ("The green bars themselves", "Certainty of one class", "Equal bars for all classes"),
        1,
        "Certainty of the median, here "
        f"{first}: EMD teaches a network to claim to be sure. Cross-entropy and EMD² are least for "
        "the honest answer, the green bars. That is called strictly proper.",
        "propriety",
        {"t": unsure.tolist(), "show_p": False},
        {"t": skewed.tolist()},
        hides=("outcomes",),
        losses=_distributional(closed_forms("propriety")),
    )
    yield Step(
        "two-per-cent",
        "Two in a hundred change their mind",
        f"{_percent(0.49)} of the people say young, {_percent(0.51)} say old. EMD’s best answer is "
        f"certainty of {later}.",
        "Two in a hundred move from old to young. What does EMD’s best answer do?",
        ("Hardly anything", "It moves to the middle", "It jumps across"),
        2,
        f"It jumps to {last}. EMD²’s best answer moves as little as the people did. This is "
        "the main reason to square.",
        "propriety",
        {"t": before.tolist(), "show_p": False},
        {"t": after.tolist()},
        losses=_distributional(closed_forms("propriety")),
    )


def _others():
    soft, far = (WALKS[name].states() for name in ("soft-labels", "far-classes"))
    sure = int(np.argmax(soft[-1]))
    best = [answers("soft-labels")[name][-1]["best"] for name in ("SORD", "Poisson")]
    sord, poisson = (_percent(p[sure]) for p in best)
    oll = answers("far-classes")["OLL"][-1]["best"]
    empty = [i for i in range(COUNT) if far[-1][i] == 0]
    between = f"{CLASSES[empty[0]]} and {CLASSES[empty[-1]]}"
    peak = int(np.argmax(far[-1]))
    yield Step(
        "soft-labels",
        "Labels that share",
        "Some losses soften the label: SORD and Poisson give its neighbours a share, then use "
        "cross-entropy. The green bars are guesses of forty people.",
        f"Now all forty say {CLASSES[sure]}. What is SORD’s best answer?",
        (f"Certainty of {CLASSES[sure]}", "A hump around it", "Equal bars for all classes"),
        1,
        f"A hump: {sord} for {CLASSES[sure]}; with Poisson {poisson}. The best answer is the mean "
        "of the softened labels. So the network’s probabilities are no longer chances.",
        "propriety",
        {"t": soft[0], "show_p": False},
        {"t": soft[-1]},
        on_walk=True,
    )
    yield Step(
        "far-classes",
        "Far classes cost more",
        "OLL lets a class cost the more, the farther it is from the label. CORN asks C − 1 "
        "questions instead: older than this, older than that?",
        "The guesses fall into two humps. What does OLL give the ages between?",
        ("Nothing", "Less than the peaks", "More than the peaks"),
        2,
        f"More: {_percent(oll[empty[0]])} each to {between}, which nobody said, and "
        f"{_percent(oll[peak])} to each peak. Like EMD, OLL looks for the middle. CORN’s best "
        "answer is t: its questions are cross-entropy, asked in turn.",
        "propriety",
        {"t": far[0], "show_p": False},
        {"t": far[-1]},
        on_walk=True,
    )


def _gradients():
    saturated = presets.saturated(COUNT, 0)
    at = {name: descend(name, saturated, 0, steps=50, learning_rate=0.5) for name in _SLOPES}
    norm = {name: float(np.linalg.norm(walk.gradients[0])) for name, walk in at.items()}
    truth = {name: walk.predictions[:, 0] for name, walk in at.items()}
    start = {"p": saturated.tolist(), "target": 0, "learning_rate": 0.5, "emd_weight": 1.0}
    start |= {"own_scale": False}
    few, many = 20, 50
    yield Step(
        "saturation",
        "The worst mistake",
        f"A network is sure that a baby is {CLASSES[-1]}. It learns by the gradient of its loss, "
        "which says how hard each logit is pushed.",
        "Which loss pushes hardest?",
        ("Cross-entropy", "EMD", "EMD²"),
        0,
        f"Cross-entropy, with a gradient of {norm['XE']:.2f}; EMD² has {norm['EMD2']:.3f}. Softmax "
        "is saturated: EMD² pushes a class by its probability times its slope less the mean slope. "
        "The right classes have no probability, and the wrong one’s slope is the mean. After "
        f"{few} steps the truth has {truth['XE'][few]:.2f} with cross-entropy, "
        f"{truth['EMD2'][few]:.2f} with EMD².",
        "gradient",
        start | {"steps": 0},
        {"steps": few},
        hides=("pushes",),
        losses=_SLOPES,
    )
    yield Step(
        "the-sum",
        "Add the two",
        "Cross-entropy learns fast from the worst mistakes, EMD² knows the order. So train with "
        "their sum, XE + EMD².",
        "Is the sum still least, on average, for the honest answer?",
        ("Yes", "No", "Only with the right weight"),
        0,
        "Each part is least for the honest answer, and so is their sum, with any positive weights. "
        f"After {many} steps from the same mistake the sum gives the truth "
        f"{truth['XEMD2'][many]:.2f}, EMD² alone still {truth['EMD2'][many]:.2f}.",
        "gradient",
        start | {"steps": few},
        {"steps": many},
        losses=_SLOPES,
    )


def _training(race):
    rps = race.final("RPS")
    candidates = _distributional(race.epochs)
    best = min(candidates, key=rps.get)
    label = {name: LOSSES[name].label for name in candidates}
    others = [name for name in sorted(candidates, key=rps.get) if name != best]
    behind = ", ".join(f"{label[name]} {rps[name]:.3f}" for name in others)
    faces = race.facts["about"].partition(" of ")[0]
    last = race.epoch
    yield Step(
        "training",
        "What training shows",
        f"Four small networks, the same {faces}, one loss each. RPS is the mean EMD² to the label "
        "on faces that they have not seen: lower is better.",
        "Which loss ends with the lowest RPS?",
        tuple(label[name] for name in candidates),
        candidates.index(best),
        f"In this run {label[best]}, with {rps[best]:.3f}; then {behind}. EMD claims to be sure "
        "and stays far off. The others are too close for one run to tell.",
        "race",
        {"epoch": 1, "metric": "RPS", "image": 1},
        {"epoch": last},
        hides=("track",),
    )
    printed = [published.printed(number).xs("AEM", axis=1, level="metric") for number in (1, 2)]
    ahead = sum(int((part.loc["EMD2"] > part.loc["XE"]).sum()) for part in printed)
    columns = sum(part.shape[1] for part in printed)
    table = measured()
    one = {name: table["rows"][LOSSES[name].label] for name in candidates if name != "EMD"}
    value = {name: row["RPS"] for name, row in one.items()}
    exact = {name: row["AEM"].partition(" ")[0] for name, row in one.items()}
    yield Step(
        "it-depends",
        "So which loss?",
        f"On {table['images']} photographs of faces, a small network, {table['seeds']} seeds: the "
        f"RPS is {value['XE']} with cross-entropy, {value['EMD2']} with EMD², {value['XEMD2']} "
        "with both. (The figure shows the drawn faces again.)",
        "Does EMD² beat cross-entropy?",
        ("Always", "Never", "It depends"),
        2,
        f"Here it has fewer exact matches, {exact['EMD2']} % against {exact['XE']} %; their sum "
        f"has {exact['XEMD2']} %. The paper’s larger networks have more with EMD² in "
        f"{ahead} of {columns} columns. On your own data try all three, with several seeds and "
        "splits.",
        "race",
        {"epoch": last, "metric": "RPS", "image": 1},
        {"metric": "AEM", "image": 3},
    )


def _distributional(losses):
    """Return the names of losses without that of the regression, which predicts one number."""
    return tuple(name for name in losses if name != "REG")


_SLOPES = _distributional(closed_forms("gradient"))


def measured(path=RESULTS):
    """Return the numbers of UTKFace in ``docs/RESULTS.md``, as they are written there.

    Returns
    -------
    dict
        ``images`` and ``seeds``, how many were used, and ``rows``: label of a loss -> metric ->
        text.

    Raises
    ------
    FileNotFoundError
        If the file is missing.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(
            f"{path} is missing, whose numbers the tour tells: build the site in a clone of emdviz"
        )
    part = Path(path).read_text(encoding="utf-8").partition("<!-- utkface -->")[2]
    part = part.partition("<!-- end utkface -->")[0]
    head, _, *body = ([c.strip() for c in r.strip("|").split("|")] for r in _rows(part))
    names = [name.partition(" ")[0] for name in head]
    return {
        "images": re.search(r"([\d,]+) images", part)[1],
        "seeds": re.search(r"(\d+) seeds", part)[1],
        "rows": {cells[0]: dict(zip(names, cells, strict=True)) for cells in body},
    }


def _rows(text):
    return [line for line in text.splitlines() if line.startswith("|")]


def _number(value, digits):
    """Write a number; what rounds to 0 has no sign."""
    return f"{abs(float(value)) if abs(value) < 0.5 * 10**-digits else float(value):.{digits}f}"


def _percent(share):
    return f"{100 * share:.0f}\N{NO-BREAK SPACE}%"


def _emd(p):
    return _number(emd(p, TRUTH), 2)


def _emd2(p):
    return _number(emd2(p, TRUTH), 2)


def _bound(value):
    """Return the least power of ten above a tiny number, in words of digits."""
    power = int(np.ceil(np.log10(max(value, 1e-16))))
    return f"10⁻{str(-power).translate(str.maketrans('0123456789', '⁰¹²³⁴⁵⁶⁷⁸⁹'))}"


def _squares():
    place = np.arange(COUNT)
    return (place[:, None] - place) ** 2


def _two_humps(left):
    """Return a distribution with a share on low classes and the rest on high ones."""
    hump = np.array([0.25, 0.5, 0.25])
    t = np.zeros(COUNT)
    t[:3] += left * hump
    t[-3:] += (1 - left) * hump
    return t


def _median(t):
    return int(np.argmax(minimiser("EMD", t)))
