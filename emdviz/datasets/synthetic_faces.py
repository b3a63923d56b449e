"""Drawn faces of all ages, whose label distribution is known for every image."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from emdviz.datasets.ages import AGE_GROUPS, GROUP_CENTRES, GROUP_EDGES
from emdviz.datasets.base import OrderedImages, check_whole_number
from emdviz.datasets.face_drawing import draw_faces
from emdviz.datasets.face_traits import RANDOM_NUMBERS, face_traits
from emdviz.distributions import binned_normal

OLDEST = 85.0
"""The latent ages run from 0 to this many years."""

BLOCK = 64
"""Faces drawn at once: so few that their pixels stay in the processor's cache."""


class SyntheticFaces(OrderedImages):
    """Drawn faces; an :class:`OrderedImages` that also knows the age behind each face.

    Attributes
    ----------
    latent_age : float64 tensor, shape (N,)
        Years; the mean of the distribution from which the label was drawn.
    """

    def __init__(self, *args, latent_age, **keywords):
        super().__init__(*args, **keywords)
        self.latent_age = latent_age


def synthetic_faces(n=10_000, *, size=48, seed=0):
    """Draw faces of all ages, with the true label distribution of each.

    P(group k | age a) = Φ((e_{k+1} − a) / σ) − Φ((e_k − a) / σ), with σ = 1 + 0.1·a years and
    e the years halfway between neighbouring groups: an observer's guess of a person's age,
    whose uncertainty grows with that age.

    Parameters
    ----------
    n : int
        How many faces. A smaller ``n`` gives the first faces of a larger one.
    size : int
        Height and width in pixels, 32 to 96.
    seed : int
        Not negative. The same seed gives the same ages and labels on every machine, and the
        same pixels up to rounding.

    Returns
    -------
    SyntheticFaces
        The eight age groups of Adience, ``positions`` in years, splits "train", "valid" and
        "test" of 80, 10 and 10 %, ``true_distribution`` (N, 8) and ``latent_age`` (N,).

    Raises
    ------
    TypeError
        If ``n``, ``size`` or ``seed`` is not an integer.
    ValueError
        If one of them is out of its range.

    Notes
    -----
    The true distribution is conditional on the latent age. An image shows that age imperfectly
    (people grey, wrinkle and grow bald at different ages, and hats, scarves and blur hide
    some of it), so what even a perfect network can know of the label is a little more spread out
    than ``true_distribution``.

    Latent ages have the same density within each group and give each group the same share, so
    the eight classes are nearly balanced.

    Examples
    --------
    >>> faces = synthetic_faces(20, size=32)
    >>> faces.images.shape, faces.classes[:3]
    (torch.Size([20, 3, 32, 32]), ['0-2', '4-6', '8-13'])
    >>> faces.true_distribution.shape
    torch.Size([20, 8])
    """
    n = check_whole_number("n", n, 1)
    size = check_whole_number("size", size, 32, 96)
    seed = check_whole_number("seed", seed, 0)
    age, distribution, labels, uniform = draw_labels(n, seed=seed)
    return SyntheticFaces(
        "synthetic_faces",
        _draw_images(age, uniform, size, seed),
        torch.from_numpy(labels),
        AGE_GROUPS,
        _splits(n, seed),
        positions=GROUP_CENTRES,
        unit="years",
        true_distribution=torch.from_numpy(distribution),
        latent_age=torch.from_numpy(age),
        licence="drawn by this package: no restrictions",
        notes=(
            "labels are drawn from a normal around the latent age, with a deviation of "
            "1 year plus a tenth of the age, cut at the midpoints between the groups",
            "an image shows its latent age imperfectly",
        ),
    )


def draw_labels(n, *, seed=0):
    """Draw ages and labels without drawing the faces.

    Parameters
    ----------
    n, seed : int
        As for :func:`synthetic_faces`.

    Returns
    -------
    age : float64 array, shape (n,)
        Latent ages in years.
    distribution : float64 array, shape (n, 8)
        The true distribution of each label.
    labels : int64 array, shape (n,)
    uniform : float64 array, shape (n, len(RANDOM_NUMBERS))
        The random numbers left for the looks of each face.
    """
    numbers = np.random.Generator(_bits(seed, 0)).random((n, 2 + len(RANDOM_NUMBERS)))
    limits = (0.0, *GROUP_EDGES, OLDEST)
    age = np.interp(numbers[:, 0], np.linspace(0, 1, len(limits)), limits)
    distribution = binned_normal(age, 1 + 0.1 * age, GROUP_EDGES)
    below = np.cumsum(distribution, axis=1)[:, :-1]
    labels = (numbers[:, 1:2] >= below).sum(axis=1)
    return age, distribution, labels, numbers[:, 2:]


def _bits(seed, stream):
    return np.random.PCG64(np.random.SeedSequence([seed, stream]))


def _draw_images(age, uniform, size, seed):
    traits = face_traits(age, uniform)
    images = torch.empty(len(age), 3, size, size, dtype=torch.uint8)

    def draw_block(start):
        part = slice(start, start + BLOCK)
        block = {name: values[part] for name, values in traits.items()}
        faces = draw_faces(block, size)
        faces += block["noise"][:, None] * _noise(start, len(faces), size, seed)
        images[part] = faces.mul_(255).round_().clamp_(0, 255).to(torch.uint8)

    # A thread for each block beats several threads inside each of a thousand small operations,
    # which wait for one another whenever another program needs a core.
    threads = torch.get_num_threads()
    pool = ThreadPoolExecutor(min(threads, 8), initializer=torch.set_num_threads, initargs=(1,))
    with pool:
        try:
            list(pool.map(draw_block, range(0, len(age), BLOCK)))
        finally:
            torch.set_num_threads(threads)
    return images


def _noise(start, count, size, seed):
    # face i always reads the same stretch of one stream, whatever block it is drawn in
    values = 3 * size * size
    words = -(-values // 8)
    bits = _bits(seed, 1)
    bits.advance(start * words)
    raw = bits.random_raw(count * words).astype("<u8").view(np.uint8).reshape(count, -1)
    noise = torch.from_numpy(raw[:, :values].reshape(count, 3, size, size))
    return noise.float().div_(127.5).sub_(1)


def _splits(n, seed):
    # of every ten faces in a row one is for validation and one for the test, so the shares are
    # exact and a face keeps its split when more faces follow
    tens = np.random.Generator(_bits(seed, 2)).random((-(-n // 10), 10))
    rank = tens.argsort(axis=1).reshape(-1)[:n]
    masks = {"train": rank > 1, "valid": rank == 1, "test": rank == 0}
    return {name: torch.from_numpy(np.flatnonzero(mask)) for name, mask in masks.items()}
