"""Images as label files or file names list them, and those that were left out."""

import warnings
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from emdviz.datasets.readers.files import how_many

_PER_IMAGE = ("names", "labels", "groups", "parts", "crops", "files", "rows")


class Omission(NamedTuple):
    """Images left out for one reason: how many, which names, or how many of each label."""

    words: str
    amount: int | tuple | dict

    def __str__(self):
        if isinstance(self.amount, int):
            return f"{self.amount} {self.words}"
        if isinstance(self.amount, dict):
            each = ", ".join(f"{label or 'empty'}: {n}" for label, n in self.amount.items())
            return f"{sum(self.amount.values())} {self.words} ({each})"
        return f"{self.words}: {how_many(self.amount)}"


@dataclass(frozen=True)
class ReadingReport:
    """How many of the lines or files of a data set were kept, and what was left out and why.

    Attributes
    ----------
    listed : int
        Lines of label files, or files, that say something about an image.
    unit : str
        ``"lines"`` or ``"files"``.
    kept : int
        Images in the data set.
    left_out : dict of str to Omission
        By reason. The amount of each is an attribute too: ``report.copies`` is
        ``report.left_out["copies"].amount``.
    kept_copies : int
        Lines of the test set that repeat one and are kept, as they were published.
    """

    listed: int
    unit: str
    kept: int
    left_out: dict[str, Omission]
    kept_copies: int = 0

    def __getattr__(self, reason):
        if reason.startswith("__") or reason not in self.left_out:
            raise AttributeError(reason)
        return self.left_out[reason].amount

    def __str__(self):
        parts = ", ".join(str(omission) for omission in self.left_out.values() if omission.amount)
        kept = f"{self.kept} images kept of {self.listed} {self.unit}"
        if self.kept_copies:
            kept += f", with {self.kept_copies} of the test set that repeat one, as published"
        return f"{kept}; left out: {parts}" if parts else kept


@dataclass(frozen=True, kw_only=True)
class Listing:
    """Images with their labels, groups and splits, and what was left out."""

    names: list  # of the image files, as plain_name writes them; one may occur several times
    labels: list  # class indices, names of classes, or numbers
    groups: list | None = None  # what belongs together, such as the person in each image
    parts: list | None = None  # the split of each image
    crops: list | None = None  # see images.decode
    files: list | None = None  # None until they are found
    rows: list | None = None  # the place of each among the images that could be read
    listed: int  # this and the rest: see ReadingReport
    unit: str = "lines"
    left_out: dict = field(default_factory=dict)
    kept_copies: int = 0

    def __len__(self):
        return len(self.names)

    def take(self, places):
        """Return the images at some places, without a note about the others."""
        values = {name: getattr(self, name) for name in _PER_IMAGE}
        return replace(
            self,
            **{
                name: None if all_of_them is None else [all_of_them[place] for place in places]
                for name, all_of_them in values.items()
            },
        )

    def leave_out(self, places, reason, words, amount=None):
        """Return the listing without some places; note the reason, and how many or which."""
        places = set(places)
        kept = self.take([place for place in range(len(self)) if place not in places])
        return kept.note(reason, words, len(places) if amount is None else amount)

    def note(self, reason, words, amount):
        """Return the same listing with a note of other files or lines that were left out."""
        return replace(self, left_out=self.left_out | {reason: Omission(words, amount)})

    def without_copies(
        self,
        keys,
        values,
        copies="lines that repeat one",
        conflicting="lines that contradict each other",
    ):
        """Keep the first of several images of one key; none, if their values differ.

        In a published test set all are kept: results are comparable only on the same images.
        """
        tested = [part == "test" for part in self.parts or [None] * len(self)]
        kept, repeating, contradicting = _find_copies(keys, values, tested)
        listing = self.take(kept).note("copies", copies, repeating)
        listing = listing.note("conflicting", conflicting, contradicting)
        different = len({keys[place] for place in kept})
        return replace(listing, kept_copies=len(kept) - different)

    def find(self, source, found):
        """Find the files, given the file of each name; warn of some missing, refuse if all are."""
        places = [place for place, name in enumerate(self.names) if name not in found]
        missing = tuple(dict.fromkeys(self.names[place] for place in places))
        if len(places) == len(self):
            raise source.lacks(
                f"holds none of the images that the labels name, {how_many(missing)}"
            )
        if missing:
            text = f"the labels name images that are not in {source.root}: {how_many(missing)}"
            warnings.warn(f"{text}; left out", stacklevel=3)
        listing = self.leave_out(places, "missing", "images that are not there", missing)
        return replace(listing, files=[found[name] for name in listing.names])

    def report(self):
        """Return how many were listed, kept and left out."""
        return ReadingReport(self.listed, self.unit, len(self), self.left_out, self.kept_copies)


def _find_copies(keys, values, tested):
    """Return the first place of each key whose values agree, and how many more there are.

    Where some places of a key are in the test set, all of these stand for the first one.

    Examples
    --------
    >>> _find_copies(["a", "b", "a", "c", "c"], [1, 2, 1, 3, 4], [False] * 5)
    ([0, 1], 1, 2)
    >>> _find_copies(["a", "b", "a", "a"], [1, 2, 1, 1], [False, False, True, True])
    ([1, 2, 3], 1, 0)
    """
    lines = defaultdict(list)
    for place, key in enumerate(keys):
        lines[key].append(place)
    kept, copies, conflicting = [], 0, 0
    for places in lines.values():
        if len({values[place] for place in places}) > 1:
            conflicting += len(places)
        else:
            chosen = [place for place in places if tested[place]] or places[:1]
            kept += chosen
            copies += len(places) - len(chosen)
    return sorted(kept), copies, conflicting


def warn_of_empty_classes(classes, labels):
    """Warn if there is a class without an example; ``labels`` are those of the training split."""
    empty = sorted(set(range(len(classes))) - set(np.asarray(labels).tolist()))
    if empty:
        names = ", ".join(classes[label] for label in empty)
        warnings.warn(f"no training example of the classes {names}", stacklevel=3)
