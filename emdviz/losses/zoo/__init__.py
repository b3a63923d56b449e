"""Losses for ordered classes that others proposed, each ready to train and to compare.

>>> from emdviz.losses import zoo
>>> zoo.names()[-2:], zoo.load("CORN").num_outputs(8)
(['hinge-AT', 'hinge-IT'], 7)
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

Nothing here imports torch before a loss is made. To add a loss, add its entry to ``losses.toml``
and what it computes to ``criteria.py``.
"""

import json
import tomllib
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
    return [*_OWN, *entries()]


@cache
def entries():
    """Return the entries of ``losses.toml`` by name: the losses that are not the package's own."""
    found = tomllib.loads(_text_of("losses.toml"))
    shared = found.pop("shared")
    for entry in found.values():
        options = entry.get("options", {})
        entry["options"] = {k: shared[v] if isinstance(v, str) else v for k, v in options.items()}
    return found


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
    facts = {key: value for key, value in entries()[name].items() if key not in ("make", "soft")}
    known = facts.pop("options")
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise TypeError(
            f"{name} has no option {unknown[0]!r}; its options are: {', '.join(known) or 'none'}"
        )
    chosen = {key: options.get(key, default) for key, (default, _) in known.items()}
    changed = {key: value for key, value in chosen.items() if value != known[key][0]}
    for key in ("decode", "predict"):
        facts[key] = partial(_call_by_name, facts[key]) if key in facts else None
    head = facts.pop("head", None)
    outputs = _thresholds if facts.pop("thresholds", False) else None
    return ZooLoss(
        name,
        chosen,
        _named(name, changed),
        partial(_make, name),
        label=_named(facts.pop("label", name), changed),
        outputs=outputs,
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
    return json.loads(_text_of("properties.json"))["losses"][name]


@cache
def _text_of(file):
    return Path(__file__).with_name(file).read_text(encoding="utf-8")


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
    entry = entries()[name]
    kind, *args = entry["make"]
    compute = getattr(_criteria(), kind)(*args, num_classes=num_classes, **options)
    num_outputs = num_classes - entry.get("thresholds", False)
    soft = entry.get("soft", False)
    return _criteria().ZooCriterion(name, compute, num_classes, num_outputs, soft)


def _call_by_name(kind, outputs, **known):
    return call_with_known(getattr(_criteria(), kind), outputs, **known)


def _head(num_features, num_classes, kind, **options):
    return getattr(_criteria(), kind)(num_features, num_classes, **options)


def _criteria():
    return import_module(f"{__name__}.criteria")


def _thresholds(num_classes):
    return num_classes - 1


_OWN = tuple(LOSSES)
