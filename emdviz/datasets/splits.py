"""Cut a data set into parts for training, validation and test."""

import numpy as np
import torch

from emdviz.reading import check_is, read_names, shown

SHARES = {"train": 0.8, "valid": 0.1, "test": 0.1}

_ROUNDS = 5

_SPELLINGS = {
    "train": "train", "training": "train",
    "valid": "valid", "val": "valid", "validation": "valid", "dev": "valid",
    "test": "test", "testing": "test",
}  # fmt: skip


def stratified_splits(labels, *, seed, groups=None, shares=None):
    """Split so that every part has its share of every class, and no group is in two parts.

    Without groups, each part but the first has its share of each class, rounded, so that small
    classes are all in the first. With groups, large groups are placed first, each where it brings
    Σ (count − wanted)² / wanted, over parts and classes, closest to zero, and moved later if it
    fits better elsewhere; shares are as exact as the groups allow.

    Examples
    --------
    >>> parts = stratified_splits(torch.zeros(20, dtype=torch.int64), seed=0)
    >>> {name: len(part) for name, part in parts.items()}
    {'train': 16, 'valid': 2, 'test': 2}
    >>> persons = ["Ann", "Bob"] * 10
    >>> parts = stratified_splits(
    ...     torch.zeros(20, dtype=torch.int64), seed=0, groups=persons,
    ...     shares={"train": 0.5, "test": 0.5},
    ... )
    >>> [{persons[k] for k in part} for part in parts.values()]
    [{'Bob'}, {'Ann'}]
    """
    shares = SHARES if shares is None else shares
    if abs(sum(shares.values()) - 1) > 1e-9 or min(shares.values()) < 0:
        raise ValueError(f"shares must be at least 0 and sum to 1, got {shares}")
    labels = np.asarray(labels)
    random = np.random.default_rng(seed)
    group = np.arange(len(labels)) if groups is None else np.unique(groups, return_inverse=True)[1]
    if group.shape != labels.shape:
        raise ValueError(f"groups must be as many as labels, {len(labels)}, got {len(group)}")
    if group.max(initial=-1) + 1 == len(labels):  # every image stands alone
        place = _place_images(labels, list(shares.values()), random)
    else:
        place = _place_groups(labels, group, np.array(list(shares.values())), random)
    return {name: torch.from_numpy(np.flatnonzero(place == k)) for k, name in enumerate(shares)}


def _place_images(labels, shares, random):
    numbers = random.random(len(labels))
    place = np.zeros(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        members = members[numbers[members].argsort()]
        start = 0
        for k, share in enumerate(shares[1:], start=1):
            end = start + int(share * len(members) + 0.5)
            place[members[start:end]] = k
            start = end
    return place


def _place_groups(labels, group, shares, random):
    num_groups, num_classes = group.max(initial=-1) + 1, labels.max(initial=-1) + 1
    counts = np.zeros((num_groups, num_classes + 1))
    np.add.at(counts, (group, labels), 1)
    counts[:, -1] = counts.sum(axis=1)  # the shares of the whole count as one more class
    wanted = shares[:, None] * counts.sum(axis=0)
    order = np.lexsort([random.random(num_groups), -counts[:, -1]])
    filled = np.zeros_like(wanted)
    part = np.full(num_groups, -1)
    for _ in range(_ROUNDS):  # after the first, each group may move where it fits better by now
        before = part.copy()
        for k in order:
            if part[k] >= 0:
                filled[part[k]] -= counts[k]
            costs = counts[k] * (2 * (filled - wanted) + counts[k]) / np.maximum(wanted, 1e-9)
            part[k] = costs.sum(axis=1).argmin()
            filled[part[k]] += counts[k]
        if (part == before).all():
            break
    return part[group]


def named_splits(names, labels, *, seed, groups=None):
    """Split as a data set's own list of names says, and note it where validation is drawn.

    Usual words for a split, such as "val" or "Training", are known. If no image is for validation,
    :func:`stratified_splits` takes a tenth of the training images.

    Examples
    --------
    >>> splits, _ = named_splits(["train", "val", "Test"], torch.tensor([0, 1, 0]), seed=0)
    >>> {name: chosen.tolist() for name, chosen in splits.items()}
    {'train': [0], 'valid': [1], 'test': [2]}
    """
    found = np.array([usual_split(name) or "" for name in names])
    if (found == "").any():
        unknown = sorted({name for name, split in zip(names, found, strict=True) if not split})
        raise ValueError(f"splits must be 'train', 'valid' or 'test', got {shown(unknown[:5])}")
    splits = {name: torch.from_numpy(np.flatnonzero(found == name)) for name in SHARES}
    for name in ("train", "test"):
        if not len(splits[name]):
            raise ValueError(
                f"no image is in the split {name!r}, only in {sorted(set(names))}; add some, or "
                "name no splits, if they are your own, to have them drawn"
            )
    if len(splits["valid"]):
        return splits, ()
    train = splits["train"]
    parts = stratified_splits(
        labels[train],
        seed=seed,
        groups=None if groups is None else np.asarray(groups)[train.numpy()],
        shares={"train": 0.9, "valid": 0.1},
    )
    splits |= {name: train[chosen] for name, chosen in parts.items()}
    return splits, ("a tenth of the training images is set aside for validation",)


def usual_split(name):
    """Return "train", "valid" or "test" for a usual word for it, or None.

    Examples
    --------
    >>> usual_split("Validation"), usual_split("young")
    ('valid', None)
    """
    return _SPELLINGS.get(name.strip().lower())


def check_splits(splits, count, groups):
    """Raise a ValueError unless splits are indices, apart from each other, also by group."""
    used = torch.zeros(count, dtype=torch.bool)
    check_is(splits, "splits", dict, "a dict of names to indices")
    for name, chosen in splits.items():
        check_is(chosen, f"splits[{name!r}]", torch.Tensor, "a tensor of indices")
        if chosen.dtype != torch.int64 or chosen.ndim != 1:
            raise ValueError(
                f"splits[{name!r}] must be int64 indices of shape (n,), "
                f"got {chosen.dtype} of shape {tuple(chosen.shape)}"
            )
        if len(chosen) and not 0 <= int(chosen.min()) <= int(chosen.max()) < count:
            raise ValueError(
                f"splits[{name!r}] must be indices 0 to {count - 1}, "
                f"got {int(chosen.min())} to {int(chosen.max())}"
            )
        if used[chosen].any() or len(chosen.unique()) < len(chosen):
            raise ValueError(f"splits[{name!r}] holds a row twice or shares one with another")
        used[chosen] = True
    if groups is None:
        return
    groups = read_names(groups, "groups")
    if len(groups) != count:
        raise ValueError(f"groups must be as many as rows, {count}, got {len(groups)}")
    where = {}
    for name, chosen in splits.items():
        for group in {groups[k] for k in chosen.tolist()}:
            if where.setdefault(group, name) != name:
                raise ValueError(f"group {group!r} is in the splits {where[group]!r} and {name!r}")
