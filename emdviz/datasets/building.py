"""Make a data set of what a reader lists."""

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

    Parameters
    ----------
    source : Source
    listing : Listing
        With ``files``. Without ``parts``, images are split 80, 10 and 10 %, by class and group.
    classify : callable
        Given the listing of the images that could be read, returns a dict of ``labels`` (N,),
        ``classes``, and, if there are any, ``positions``, ``scores``, ``bins`` and ``notes``: see
        :class:`OrderedData`.
    name, size, seed, cache, squeeze, depth
        See :class:`OrderedData` and :func:`read_images`.
    cache_name : str, optional
        ``name`` by default; see :func:`read_images`.
    sort_out : callable, optional
        Given the listing of the images that could be read and the digests of their pixels,
        returns a listing without those to leave out.
    keep_groups : bool
        False: the data set has no groups, although splits respect those of the listing.
    notes : sequence of str
        To precede those about splits, and about what was left out.
    **about
        Arguments of :class:`OrderedData`: ``unit``, ``licence`` …

    Returns
    -------
    OrderedData
        With a ``report``.

    Raises
    ------
    FileNotFoundError
        If no image is left.

    Warns
    -----
    UserWarning
        If files cannot be read, or a class has no image for training.
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
        **found,
        **about,
    )
