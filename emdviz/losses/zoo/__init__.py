"""Losses for ordered classes that others proposed, each ready to train and to compare.

>>> from emdviz.losses import zoo
>>> zoo.names()[7:12], zoo.load("CORN").num_outputs(8)
(['XE-LS', 'focal', 'Brier', 'EMD1.5', 'EMD3'], 7)
>>> zoo.load("SORD", alpha=2.0)
<Loss SORD alpha=2.0>

They come from dlordinal and coral-pytorch (extra ``zoo``) where these have them, unchanged. Where
neither has one (focal, OLL, CONDOR, some hinges, the other powers of EMD), and where a library
leaves out the likelihood of its output layer, the code is ours.

Probabilities are those of the library where it gives them. Where it gives P(k > i) only they are
the differences of these; CORAL's thresholds can cross, and then negative differences count as 0
and the rest is divided by its sum. Hinges give none: they count as certain of their label. Labels
follow the library's rule: threshold losses count the P(k > i) above 1/2, which need not find the
most probable class.

Nothing here imports torch before a loss is made. To add a loss, add its entry to ``_ENTRIES`` and
what it computes to ``criteria.py``.
"""

import json
from functools import cache, partial
from importlib import import_module
from pathlib import Path

from emdviz.losses.loss import LOSSES, Loss, call_with_known, facts_of
from emdviz.reading import read_choice


class ZooLoss(Loss):
    """A loss of the zoo with its options.

    Attributes
    ----------
    entry : str
        Its name in the zoo.
    options : dict of str
        The value of each option.
    """

    def __init__(self, entry, options, *args, **facts):
        super().__init__(*args, **facts)
        self.entry, self.options = entry, options

    def option_names(self):
        """Return the names of its options."""
        return list(self.meaning)

    def __reduce__(self):
        return partial(load, self.entry, **self.options), ()


def names():
    """Return the names of all losses of the zoo, the package's own first."""
    return [*_OWN, *_ENTRIES]


def load(name, **options):
    """Return a loss of the zoo, by default with the options of its paper or library.

    Parameters
    ----------
    name : str
        One of :func:`names`.
    **options
        Those that ``load(name).meaning`` explains. Options other than the default ones become
        part of the name of the loss.

    Returns
    -------
    Loss
        See :class:`ZooLoss` for what it tells beside.

    Raises
    ------
    ValueError
        If there is no such loss.
    TypeError
        If it has no such option.
    ModuleNotFoundError
        When the loss is used, if a package of the extra ``zoo`` is not installed; the error says
        what to type.

    Examples
    --------
    >>> load("EMD1.5").about
    'Between EMD, which leads to the median, and EMD², which leads to the truth.'
    >>> load("focal").meaning
    {'gamma': 'how much the well predicted count less, no unit'}
    """
    read_choice(name, "name", names())
    if name in _OWN:
        return _with_options(LOSSES[name], options) if options else LOSSES[name]
    facts = dict(_ENTRIES[name])
    known = facts.pop("options", {})
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise TypeError(
            f"{name} has no option {unknown[0]!r}; its options are: {', '.join(known) or 'none'}"
        )
    chosen = {key: options.get(key, default) for key, (default, _) in known.items()}
    changed = {key: value for key, value in chosen.items() if value != known[key][0]}
    del facts["make"], facts["soft"]
    for key in ("decode", "predict"):
        facts[key] = partial(_call_by_name, facts[key]) if key in facts else None
    head = facts.pop("head", None)
    return ZooLoss(
        name,
        chosen,
        _named(name, changed),
        partial(_make, name),
        label=_named(facts.pop("label", name), changed),
        head=head and partial(_head, **head),
        meaning={key: meaning for key, (_, meaning) in known.items()},
        **facts,
    )


def properties(name):
    """Return what was measured of a loss of the zoo at its default options.

    ``scripts/losses_page.py`` measured it with the versions that docs/LOSSES.md names, and writes
    that page from the same numbers. Any other loss is judged by :func:`propriety.verdict`.

    Parameters
    ----------
    name : str
        One of :func:`names`.

    Returns
    -------
    dict
        ``proper``, ``t``, ``better``, ``costs``, ``best``, ``keeps`` and ``searched`` as in
        :class:`propriety.Verdict`, distributions as fractions in text;
        ``mistakes``: the cost where the label is the first of 5 classes and the network is sure of
        each in turn (0.99);
        ``push``: minus the gradient in the outputs, sure of the last class where the first is
        right, and ``push_norm``, its length;
        ``most_certain``: the probability that the class had then, None where there is none;
        ``saturates``: whether that push vanishes as the mistake grows surer, None where it cannot;
        ``microseconds``: for the loss and its gradient, 256 examples of 8 classes, one thread;
        ``cost``: the same over that of XE, in the same run;
        ``trains``: how 60 steps on the digits and on LEV ended;
        ``traps``: the mistakes that :func:`diagnosis.diagnose` finds in the code in
        ``traps_in``, each a name and a text, None where it cannot be asked.

    Raises
    ------
    ValueError
        If there is no such loss.

    Examples
    --------
    >>> found = properties("EMD")
    >>> found["proper"], found["t"], found["better"], found["saturates"]
    ('not proper', ['1/3', '2/3'], ['0', '1'], True)
    """
    read_choice(name, "name", names())
    return json.loads(_measured())["losses"][name]


@cache
def _measured():
    return Path(__file__).with_name("properties.json").read_text(encoding="utf-8")


def _with_options(loss, options):
    """Return a loss of the package with options of its own."""
    return ZooLoss(
        loss.name,
        options,
        _named(loss.name, options),
        loss._make,
        label=_named(loss.label, options),
        meaning=loss.meaning,
        **facts_of(loss),
    )


def _named(name, options):
    return " ".join([name, *(f"{key}={value!r}" for key, value in options.items())])


def _make(name, num_classes, num_features, **options):
    """Make the criterion of an entry, which checks its batches."""
    entry = _ENTRIES[name]
    kind, *args = entry["make"]
    compute = getattr(_criteria(), kind)(*args, num_classes=num_classes, **options)
    num_outputs = entry.get("outputs", int)(num_classes)
    return _criteria().ZooCriterion(name, compute, num_classes, num_outputs, entry["soft"])


def _call_by_name(kind, outputs, **known):
    return call_with_known(getattr(_criteria(), kind), outputs, **known)


def _head(num_features, num_classes, kind, **options):
    return getattr(_criteria(), kind)(num_features, num_classes, **options)


def _criteria():
    return import_module(f"{__name__}.criteria")


def _thresholds(num_classes):
    return num_classes - 1


_OWN = tuple(LOSSES)

_ENTRIES = {}


def _add(family, name, about, source, *make, soft=False, **facts):
    """Add an entry: ``make`` is a function of ``criteria`` and its first arguments."""
    _ENTRIES[name] = dict(family=family, about=about, source=source, make=make, soft=soft, **facts)


_LIU = "Liu et al., Neurocomputing 2020, doi 10.1016/j.neucom.2020.01.025"
_ETA = (1.0, "share of the soft label, the rest is the label itself, from 0 to 1")
_CORAL = (
    "Cao, Mirjalili, Raschka, Pattern Recognition Letters 2020, doi 10.1016/j.patrec.2020.11.008"
)
_RENNIE = "Rennie, Srebro, IJCAI workshop on advances in preference handling 2005"
_CHU = "Chu, Keerthi, ICML 2005, doi 10.1145/1102351.1102370"
_MARGIN = (1.0, "how far a score must be on its side, in units of the scores")

_score = partial(_add, "scores of p", unit="nats")
_distance = partial(_add, "distances of CDFs")
_soft_label = partial(_add, "soft labels", unit="nats")
_weighted = partial(_add, "weighted by distance")
_threshold = partial(_add, "thresholds", unit="nats")
_head_loss = partial(_add, "heads", unit="nats")
_hinge = partial(_add, "hinges", options={"margin": _MARGIN}, is_point=True)

_score(
    "XE-LS",
    "Cross-entropy to a label that gives a share to all classes, against over-confidence.",
    "Szegedy et al., CVPR 2016, doi 10.1109/CVPR.2016.308",
    "cross_entropy",
    soft=True,
    label="XE, label smoothing",
    options={"label_smoothing": (0.1, "share spread evenly over all classes, from 0 to 1")},
)
_score(
    "focal",
    "Cross-entropy that counts less where p is good already, for many easy examples.",
    "Lin et al., ICCV 2017, doi 10.1109/ICCV.2017.324",
    "focal",
    soft=True,
    label="Focal",
    options={"gamma": (2.0, "how much the well predicted count less, no unit")},
)
_score(
    "Brier",
    "Mean squared difference of the probabilities, the classic score that knows no order.",
    "Brier 1950, doi 10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2; dlordinal's MCELoss",
    "library",
    "MCELoss",
    unit=None,
)
_distance(
    "EMD1.5",
    "Between EMD, which leads to the median, and EMD², which leads to the truth.",
    "Hou et al. 2017, section 2.2 with l = 1.5",
    "emd_power",
    soft=True,
    label="EMD^1.5",
    options={"exponent": (1.5, "power l of the CDF differences, 1 or more, no unit")},
)
_distance(
    "EMD3",
    "EMD with an exponent beyond 2: small differences hardly count, large ones more.",
    "Hou et al. 2017, section 2.2 with l = 3",
    "emd_power",
    soft=True,
    label="EMD³",
    options={"exponent": (3.0, "power l of the CDF differences, 1 or more, no unit")},
)
_soft_label(
    "SORD",
    "Cross-entropy to softmax(−α |i − k|): neighbours of the label get a share.",
    "Díaz, Marathe, CVPR 2019, doi 10.1109/CVPR.2019.00487",
    "sord",
    options={"alpha": (1.0, "how fast the soft label falls, per class step")},
)
_soft_label(
    "exponential",
    "Cross-entropy to softmax(−|i − k|^p / τ), SORD with a power.",
    "Vargas et al., Applied Soft Computing 2023, doi 10.1016/j.asoc.2023.110191; " + _LIU,
    "soft_labels",
    "ExponentialLoss",
    label="Exponential",
    options={
        "p": (1.0, "power of the distance, no unit"),
        "tau": (1.0, "width of the soft label, class steps to the power p"),
        "eta": _ETA,
    },
)
_soft_label(
    "triangular",
    "Cross-entropy to a triangle around the label, which reaches its neighbours only.",
    "Vargas et al., Information Fusion 2023, doi 10.1016/j.inffus.2023.01.003",
    "soft_labels",
    "TriangularLoss",
    label="Triangular",
    options={
        "alpha2": (0.05, "share that an inner class gives to either neighbour, 0 to 0.5"),
        "eta": _ETA,
    },
)
_soft_label(
    "general-triangular",
    "Cross-entropy to triangles that may lean to one side, class by class.",
    "Vargas et al., Information Sciences 2023, doi 10.1016/j.ins.2023.119606",
    "general_triangular",
    label="General triangular",
    options={
        "alphas": (0.05, "share that a class gives to either side, 0 to 0.5; or a list of 2 C"),
        "eta": _ETA,
    },
)
_soft_label(
    "binomial",
    "Cross-entropy to a binomial distribution, wide in the middle of the scale.",
    _LIU,
    "soft_labels",
    "BinomialLoss",
    label="Binomial",
    options={"eta": _ETA},
)
_soft_label(
    "Poisson",
    "Cross-entropy to the softmax of Poisson probabilities, a nearly even soft label.",
    _LIU,
    "soft_labels",
    "PoissonLoss",
    options={"eta": _ETA},
)
_soft_label(
    "beta",
    "Cross-entropy to a beta distribution with tabled parameters, for 3 to 14 classes.",
    "Vargas, Gutiérrez, Hervás, Pattern Recognition 2022, doi 10.1016/j.patcog.2021.108310",
    "soft_labels",
    "BetaLoss",
    label="Beta",
    options={"eta": _ETA},
)
_soft_label(
    "geometric",
    "Cross-entropy to 1 − α on the label and geometrically less beside it.",
    "Haas, Hüllermeier, ECML PKDD 2023, doi 10.1007/978-3-031-43427-3_1",
    "soft_labels",
    "GeometricLoss",
    label="Geometric",
    options={
        "alphas": (0.1, "share that leaves the label, from 0 to 1; or a list of one per class"),
        "eta": _ETA,
    },
)
_weighted(
    "CDW-CE",
    "−Σ |i − k|^α log(1 − p_i): pushes mass away from far classes, never towards the label.",
    "Polat et al., MIUA 2022, doi 10.1007/978-3-031-12053-4_12",
    "library",
    "CDWCELoss",
    unit="nats · class steps^α",
    options={
        "alpha": (0.5, "power of the distance, no unit"),
        "margin": (0.0, "mass of a wrong class that costs nothing, from 0 to 1"),
    },
)
_weighted(
    "OLL",
    "The formula of CDW-CE with another power, proposed for texts.",
    "Castagnos, Mihelich, Dognin, COLING 2022, pages 4604–4609, aclanthology.org/2022.coling-1.407",
    "oll",
    soft=True,
    unit="nats · class steps^α",
    options={"alpha": (1.0, "power of the distance, no unit")},
)
_weighted(
    "SLACE",
    "Cross-entropy to the mass within each distance of the label, weighted as SORD weights.",
    "Nachmani et al., AAAI 2025",
    "library",
    "SLACELoss",
    unit="nats",
    options={"alpha": (1.0, "how fast the weights fall, per class step")},
)
_weighted(
    "WKL",
    "Weighted kappa of a whole batch: 1 where predictions do not depend on the example.",
    "De la Torre, Puig, Valls, Pattern Recognition Letters 2018, doi 10.1016/j.patrec.2017.05.018; "
    "Vargas et al. 2020, doi 10.1016/j.neucom.2020.03.034",
    "kappa",
    "WKLoss",
    soft=True,
    options={
        "penalization_type": ("quadratic", "weights |i − k| ('linear') or their squares"),
        "use_logarithm": (False, "log of the ratio, as in the paper of 2018"),
    },
)
_weighted(
    "MCE-WKL",
    "Weighted kappa and the Brier score together, so that a batch of look-alikes counts, too.",
    "dlordinal, MCEAndWKLoss; the kappa of De la Torre, Puig, Valls 2018, "
    "doi 10.1016/j.patrec.2017.05.018",
    "kappa",
    "MCEAndWKLoss",
    label="Brier + WKL",
    options={
        "C": (0.5, "share of the weighted kappa, the rest is the Brier score, from 0 to 1"),
        "wk_penalization_type": ("quadratic", "weights |i − k| ('linear') or their squares"),
    },
)
_threshold(
    "CORAL",
    "C − 1 questions 'is it above i?' that share one score and differ in their bias.",
    _CORAL,
    "coral",
    outputs=_thresholds,
    head={"kind": "shared_weights"},
    decode="decode_cumulative",
    predict="count_cumulative",
)
_threshold(
    "CORN",
    "C − 1 questions 'is it above i, given that it is not below?', whose answers multiply.",
    "Shi, Cao, Raschka, Pattern Analysis and Applications 2023, doi 10.1007/s10044-023-01181-9",
    "corn",
    outputs=_thresholds,
    decode="decode_conditional",
    predict="count_conditional",
)
_threshold(
    "CONDOR",
    "The network of CORN with the loss of CORAL: consistent ranks without a shared score.",
    "Jenkinson et al., arXiv 2110.07470, doi 10.48550/arXiv.2110.07470",
    "condor",
    outputs=_thresholds,
    decode="decode_conditional",
    predict="count_conditional",
)
_threshold(
    "ECOC",
    "Squared distance of C − 1 answers 'is it above i?' to those of the label.",
    "Barbero-Gómez, Gutiérrez, Hervás, Neural Processing Letters 2023, "
    "doi 10.1007/s11063-022-10824-7",
    "ecoc",
    outputs=_thresholds,
    decode="decode_ecoc",
    predict="nearest_code",
    unit=None,
)
for _link in ("logit", "probit", "cloglog"):
    _threshold(
        f"CLM-{_link}",
        f"Likelihood of a cumulative link model ({_link}): one score, ordered thresholds.",
        "McCullagh 1980, doi 10.1111/j.2517-6161.1980.tb01109.x; "
        "Vargas, Gutiérrez, Hervás, Neurocomputing 2020, doi 10.1016/j.neucom.2020.03.034",
        "likelihood",
        soft=True,
        label=f"Cumulative {_link}",
        head={"kind": "cumulative_link", "link": _link},
        decode="decode_probabilities",
    )
_head_loss(
    "stick-breaking",
    "Cross-entropy of logits that break shares off a stick; they are held within bounds.",
    _LIU,
    "cross_entropy",
    soft=True,
    label="Stick-breaking",
    head={"kind": "stick_breaking"},
)
_head_loss(
    "COPOC",
    "Cross-entropy of logits that rise and then fall, whatever the network says.",
    "Dey, Merugu, Kaveri, Conformal prediction sets for ordinal classification, NeurIPS 2023",
    "copoc",
    soft=True,
    decode="decode_copoc",
)
for _layer in ("Binomial", "Poisson"):
    _head_loss(
        f"{_layer}-head",
        f"Likelihood of a {_layer} distribution with one parameter per example.",
        "Beckham, Pal, ICML 2017, PMLR 70:411–419, arXiv 1705.05278",
        "likelihood",
        soft=True,
        label=f"{_layer} head",
        head={"kind": "unimodal", "layer": f"{_layer}Layer"},
        decode="decode_probabilities",
    )
_hinge(
    "hinge-WW",
    "Every class within the margin of the label's score costs; a vote, no probabilities.",
    "Weston, Watkins, ESANN 1999; torch's MultiMarginLoss, which divides by C",
    "hinge_ww",
    label="Hinge, all classes",
    decode="certain_of_largest",
    predict="largest",
)
_hinge(
    "hinge-CS",
    "Only the best wrong class within the margin of the label's score costs.",
    "Crammer, Singer, Journal of Machine Learning Research 2, 2001, pages 265–292",
    "hinge_cs",
    label="Hinge, best class",
    decode="certain_of_largest",
    predict="largest",
)
_hinge(
    "hinge-AT",
    "One score must be on the right side of all C − 1 thresholds.",
    f"{_RENNIE} (all-threshold); {_CHU}",
    "hinge_thresholds",
    True,
    label="Hinge, all thresholds",
    outputs=_thresholds,
    head={"kind": "shared_weights"},
    decode="certain_of_count",
    predict="count_positive",
)
_hinge(
    "hinge-IT",
    "One score must be on the right side of the two thresholds beside its class.",
    f"{_RENNIE} (immediate-threshold); {_CHU}",
    "hinge_thresholds",
    False,
    label="Hinge, next thresholds",
    outputs=_thresholds,
    head={"kind": "shared_weights"},
    decode="certain_of_count",
    predict="count_positive",
)
