"""Make a data set of a listing."""

from dataclasses import replace

import numpy as np
import torch

from emdviz.datasets.base import OrderedData
from emdviz.datasets.readers.cache import read_images
from emdviz.datasets.readers.listing import warn_of_empty_classes
from emdviz.datasets.splits import named_splits, stratified_splits


def build(
    source,
    listing,
    classify,
    *,
    name,
    size,
    seed,
    cache,
    cache_name=None,
    squeeze=False,
    depth=None,
    sort_out=None,
    keep_groups=True,
    notes=(),
    **about,
):
    """Read the images of a listing, and make a data set of them.

    ``classify`` takes the listing of the images that could be read, and returns ``labels``,
    ``classes`` and, if there are any, ``positions``, ``scores``, ``bins`` and ``notes`` for
    :class:`OrderedData`, which takes ``about`` as well. ``sort_out`` takes that listing and the
    digests of the images, and returns a listing without those to leave out. With ``keep_groups``
    False the groups decide the splits, but the data set has none.
    """
    decoded = read_images(
        source.root,
        listing.files,
        size,
        name=cache_name or name,
        crops=listing.crops,
        squeeze=squeeze,
        depth=depth,
        digests=sort_out is not None,
        cache=cache,
    )
    lost = np.setdiff1d(np.arange(len(listing)), decoded.kept).tolist()
    listing = listing.leave_out(lost, "unreadable", "unreadable images", decoded.unreadable)
    images = decoded.images
    if sort_out is not None:
        listing = sort_out(replace(listing, rows=range(len(listing))), decoded.digests)
        images = images[listing.rows]
    if not len(listing):
        raise source.lacks(f"holds no usable image; {listing.report()}")
    found = classify(listing)
    labels = torch.as_tensor(np.array(found.pop("labels"), np.int64))
    if listing.parts is None:
        splits, split_notes = stratified_splits(labels, seed=seed, groups=listing.groups), ()
    else:
        splits, split_notes = named_splits(listing.parts, labels, seed=seed, groups=listing.groups)
    warn_of_empty_classes(found["classes"], labels[splits["train"]])
    notes = (*notes, *split_notes, *found.pop("notes", ()), str(listing.report()), *decoded.notes)
    return OrderedData(
        name,
        torch.from_numpy(images),
        labels,
        splits=splits,
        groups=listing.groups if keep_groups else None,
        report=listing.report(),
        notes=notes,
        root=source.root,
        decoding={"squeeze": squeeze, "depth": depth},
        own_splits=listing.parts is not None,
        **found,
        **about,
    )
