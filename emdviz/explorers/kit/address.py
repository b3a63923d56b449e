"""Which traits of an explorer stand in the address of its page, and what each may hold there.

What a browser may change is what a link may set: the public traits, and private ones with the tag
``from_browser``. ``address.js`` reads and writes them, by the facts that :func:`fields` gives.
"""

import anywidget
import traitlets

from emdviz.explorers.kit.traits import ClassIndex, Distribution, Number, Pins, WholeNumber

SHORT = {
    "equal_xe": "equal",
    "own_scale": "own",
    "emd_weight": "weight",
    "learning_rate": "rate",
    "_walk": "steps",
    "pinned_p": "pins_p",
    "pinned_q": "pins_q",
    "pinned_t": "pins_t",
}
"""Names in an address that differ from those of the traits."""


def fields(explorer):
    """Return what the address of an explorer's page may hold: a dict for each trait.

    ``name`` is the trait, ``key`` its name in the address, ``kind`` says how it is written, and
    the rest what is allowed. A trait of another kind tells that itself, with the tag ``address``:
    these facts, or a function of the explorer that returns them.

    Examples
    --------
    >>> from emdviz.explorers import PredictionExplorer
    >>> next(field for field in fields(PredictionExplorer()) if field["name"] == "equal_xe")
    {'name': 'equal_xe', 'key': 'equal', 'kind': 'flag'}
    """
    found = []
    for name in sorted(own_traits(explorer)):
        trait = explorer.traits()[name]
        if name.startswith("_") and not trait.metadata.get("from_browser"):
            continue
        kind = _kind(trait, explorer)
        if kind is not None:
            found.append({"name": name, "key": SHORT.get(name, name), **kind})
    return found


def own_traits(explorer):
    """Return the names of the traits that a browser needs and that not every widget has."""
    others = {*anywidget.AnyWidget.class_traits(sync=True), "_esm", "_css", "_anywidget_id"}
    return explorer.traits(sync=True).keys() - others


def one_of(choices):
    """Return what a trait may hold that is one of some words."""
    return {"kind": "choice", "choices": list(choices)}


def whole(low, high):
    """Return what a trait may hold that is a whole number."""
    return {"kind": "whole", "low": low, "high": high}


# no link changes the others: the classes of a page, and what repeats a distribution
_KINDS = {
    Distribution: lambda trait, explorer: {"kind": "shares", "count": explorer.num_classes},
    ClassIndex: lambda trait, explorer: whole(0, explorer.num_classes - 1),
    Pins: lambda trait, explorer: {"kind": "classes", "count": explorer.num_classes},
    Number: lambda trait, explorer: {"kind": "number", "low": trait.low, "high": trait.high},
    WholeNumber: lambda trait, explorer: whole(trait.low, trait.highest(explorer)),
    traitlets.Bool: lambda trait, explorer: {"kind": "flag"},
    traitlets.Enum: lambda trait, explorer: one_of(trait.values),
}


def _kind(trait, explorer):
    if tagged := trait.metadata.get("address"):
        return tagged(explorer) if callable(tagged) else tagged
    make = _KINDS.get(type(trait))
    return make and make(trait, explorer)
