"""Which traits of an explorer stand in the address of its page, and what each may hold there.

What a browser may change is what a link may set: the public traits, and private ones with the tag
``from_browser``. ``address.js`` reads and writes them, by the facts that :func:`fields` gives.
"""

import anywidget
import traitlets

from emdviz.explorers.kit.traits import (
    ClassIndex,
    ClassNames,
    Distribution,
    Number,
    Pins,
    Positions,
    Share,
    WholeNumber,
)

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

FIXED = (ClassNames, Positions, Share)
"""Traits of a page that no link changes: its classes, and what repeats a distribution."""


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
    synced = explorer.traits(sync=True)
    own = set(synced) - set(anywidget.AnyWidget.class_traits(sync=True))
    found = []
    for name in sorted(own):
        trait = synced[name]
        if name.startswith("_") and not trait.metadata.get("from_browser"):
            continue
        kind = _kind(trait, explorer)
        if kind is not None:
            found.append({"name": name, "key": SHORT.get(name, name), **kind})
    return found


def one_of(choices):
    """Return what a trait may hold that is one of some words."""
    return {"kind": "choice", "choices": list(choices)}


def whole(low, high):
    """Return what a trait may hold that is a whole number."""
    return {"kind": "whole", "low": low, "high": high}


def _kind(trait, explorer):
    if tagged := trait.metadata.get("address"):
        return tagged(explorer) if callable(tagged) else tagged
    if isinstance(trait, FIXED):
        return None
    if isinstance(trait, Distribution):
        return {"kind": "shares", "count": explorer.num_classes}
    if isinstance(trait, ClassIndex):
        return whole(0, explorer.num_classes - 1)
    if isinstance(trait, Pins):
        return {"kind": "classes", "count": explorer.num_classes}
    if isinstance(trait, Number):
        return {"kind": "number", "low": trait.low, "high": trait.high}
    if isinstance(trait, WholeNumber):
        high = trait.high(explorer) if callable(trait.high) else trait.high
        return whole(trait.low, high)
    if isinstance(trait, traitlets.Bool):
        return {"kind": "flag"}
    if isinstance(trait, traitlets.Enum):
        return one_of(trait.values)
    return None
