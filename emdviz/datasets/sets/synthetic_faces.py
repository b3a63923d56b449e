"""Drawn faces of all ages, whose label distribution is known for every image."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from emdviz.datasets.ages import AGE_GROUPS, GROUP_CENTRES, GROUP_EDGES, age_group
from emdviz.datasets.base import OrderedData
from emdviz.datasets.drawn_faces.drawing import draw_faces
from emdviz.datasets.drawn_faces.traits import RANDOM_NUMBERS, face_traits
from emdviz.distributions import binned_normal
from emdviz.reading import read_count, read_number

__all__ = ["synthetic_faces"]

OLDEST = 85.0
"""The latent ages run from 0 to this many years."""

MOST_FACES = 1_000_000
"""At 32 px so many take 3 GB of memory."""

BLOCK = 64
"""Faces drawn at once: so few that their pixels stay in the processor's cache."""

LABEL_BLOCK = 8192
"""Faces whose random numbers are in memory at once while labels are drawn: 4 MB."""

_NUMBERS_PER_FACE = 2 + len(RANDOM_NUMBERS)


class SyntheticFaces(OrderedData):
    """Drawn faces; an :class:`OrderedData` that also knows the age behind each face.

    Attributes
    ----------
    latent_age : float64 tensor, shape (N,)
        Years; the mean of the distribution from which the label was drawn.
    """

    def __init__(self, *args, latent_age, **keywords):
        super().__init__(*args, **keywords)
        self.latent_age = latent_age


def synthetic_faces(n=10_000, *, size=48, seed=0, imbalance=1.0, label_noise=0.0, ambiguity=1.0):
    """Draw faces of all ages, with the true label distribution of each.

    P(group k | age a) = (1 − η) [Φ((e_{k+1} − a) / σ) − Φ((e_k − a) / σ)] + η / 8,
    with σ = ambiguity · (1 + 0.1·a) years, η = label_noise and e the years halfway between
    neighbouring groups: an observer's guess of a person's age, whose uncertainty grows with
    that age, and who now and then writes down anything.

    Parameters
    ----------
    n : int
        How many faces, 1 to 1,000,000. A smaller ``n`` gives the first faces of a larger one.
    size : int
        Height and width in pixels, 32 to 96.
    seed : int
        Not negative. The same seed gives the same ages and labels on every machine, and the
        same pixels up to rounding.
    imbalance : float
        How many times as common the youngest group is as the oldest among the latent ages,
        0.001 to 1000; between them the shares fall (below 1: rise) by one factor per group,
        as in benchmarks of long-tailed recognition.
    label_noise : float
        Share η of labels that are drawn evenly from all eight groups whatever the age, 0 to 1.
    ambiguity : float
        Factor of the observer's uncertainty, 0 to 10. With 0 every label is the group of the
        latent age, except for label noise.

    Returns
    -------
    SyntheticFaces
        The eight age groups of Adience, ``positions`` in years, splits "train", "valid" and
        "test" of 80, 10 and 10 %, ``true_distribution`` (N, 8) and ``latent_age`` (N,).

    Raises
    ------
    TypeError, ValueError
        If an argument is no number or out of its range, or ``n``, ``size`` or ``seed`` no integer.

    Notes
    -----
    The true distribution is conditional on the latent age. An image shows that age imperfectly
    (people grey, wrinkle and grow bald at different ages, and hats, scarves and blur hide
    some of it), so what even a perfect network can know of the label is a little more spread out
    than ``true_distribution``.

    Latent ages have the same density within each group. By default each group has the same
    share, so the eight classes are nearly balanced.

    Nothing but the result grows with ``n``: faces are drawn in blocks, straight into bytes. A
    progress bar appears when that takes more than a few seconds.

    Examples
    --------
    >>> faces = synthetic_faces(20, size=32)
    >>> faces.inputs.shape, faces.classes[:3]
    (torch.Size([20, 3, 32, 32]), ['0-2', '4-6', '8-13'])
    >>> faces.true_distribution.shape
    torch.Size([20, 8])
    """
    n = read_count(n, "n", 1, MOST_FACES)
    size = read_count(size, "size", 32, 96)
    seed = read_count(seed, "seed", 0)
    age, distribution, labels = draw_labels(
        n, seed=seed, imbalance=imbalance, label_noise=label_noise, ambiguity=ambiguity
    )
    return SyntheticFaces(
        "synthetic_faces",
        _draw_images(age, size, seed),
        torch.from_numpy(labels),
        AGE_GROUPS,
        _splits(n, seed),
        positions=GROUP_CENTRES,
        unit="years",
        true_distribution=torch.from_numpy(distribution),
        latent_age=torch.from_numpy(age),
        licence="drawn by this package: no restrictions",
        notes=_notes(imbalance, label_noise, ambiguity),
    )


def draw_labels(n, *, seed=0, imbalance=1.0, label_noise=0.0, ambiguity=1.0):
    """Draw latent ages (n,), true distributions (n, 8) and labels (n,) without the faces.

    Examples
    --------
    >>> age, distribution, labels = draw_labels(3, ambiguity=0)
    >>> age.round(1), labels
    (array([36. ,  5.4, 50.8]), array([5, 1, 6]))
    """
    read_number(imbalance, "imbalance", "0.001 to 1000", lambda x: 0.001 <= x <= 1000)
    read_number(label_noise, "label_noise", "0 to 1", lambda x: 0 <= x <= 1)
    read_number(ambiguity, "ambiguity", "0 to 10", lambda x: 0 <= x <= 10)
    count = len(AGE_GROUPS)
    shares = np.power(float(imbalance), -np.arange(count) / (count - 1))
    below = np.concatenate([[0], shares.cumsum()]) / shares.cumsum()[-1]
    age, labels = np.empty(n), np.empty(n, dtype=np.int64)
    distribution = np.empty((n, count))
    for start in range(0, n, LABEL_BLOCK):
        part = slice(start, min(start + LABEL_BLOCK, n))
        first, second = _random_numbers(part, seed)[:, :2].T
        age[part] = np.interp(first, below, (0.0, *GROUP_EDGES, OLDEST))
        distribution[part] = _true_distribution(age[part], label_noise, ambiguity)
        steps = distribution[part].cumsum(axis=1)[:, :-1]
        labels[part] = (second[:, None] >= steps).sum(axis=1)
    return age, distribution, labels


def _true_distribution(age, label_noise, ambiguity):
    if ambiguity == 0:
        guess = np.eye(len(AGE_GROUPS))[age_group(age)]
    else:
        guess = binned_normal(age, ambiguity * (1 + 0.1 * age), GROUP_EDGES)
    return (1 - label_noise) * guess + label_noise / len(AGE_GROUPS)


def _notes(imbalance, label_noise, ambiguity):
    notes = [
        "labels are drawn from a normal around the latent age, with a deviation of "
        "1 year plus a tenth of the age, cut at the midpoints between the groups",
        "an image shows its latent age imperfectly",
    ]
    if ambiguity != 1:
        notes.append(f"that deviation is multiplied by ambiguity = {ambiguity}")
    if label_noise:
        notes.append(
            f"{label_noise:.1%} of the labels are drawn evenly from all groups instead; "
            "the true distributions include this"
        )
    if imbalance != 1:
        notes.append(
            f"the youngest group is {imbalance} times as common as the oldest among latent ages"
        )
    return tuple(notes)


def _bits(seed, stream):
    return np.random.PCG64(np.random.SeedSequence([seed, stream]))


def _random_numbers(part, seed):
    """Return the random numbers of the faces in a slice: a row each, two for age and label."""
    # face i always reads the same part of one stream, in any block
    bits = _bits(seed, 0).advance(part.start * _NUMBERS_PER_FACE)
    return np.random.Generator(bits).random((part.stop - part.start, _NUMBERS_PER_FACE))


def _draw_images(age, size, seed):
    from tqdm.auto import tqdm

    images = torch.empty(len(age), 3, size, size, dtype=torch.uint8)

    def draw_block(start):
        part = slice(start, min(start + BLOCK, len(age)))
        traits = face_traits(age[part], _random_numbers(part, seed)[:, 2:])
        faces = draw_faces(traits, size)
        faces += traits["noise"][:, None] * _noise(part, size, seed)
        images[part] = faces.mul_(255).round_().clamp_(0, 255).to(torch.uint8)
        return len(faces)

    # A thread for each block beats several threads inside each of a thousand small operations,
    # which wait for one another whenever another program needs a core.
    threads = torch.get_num_threads()
    pool = ThreadPoolExecutor(min(threads, 8), initializer=torch.set_num_threads, initargs=(1,))
    progress = tqdm(total=len(age), desc="drawing", unit=" faces", delay=3, leave=False)
    with pool, progress:
        try:
            for drawn in pool.map(draw_block, range(0, len(age), BLOCK)):
                progress.update(drawn)
        finally:
            torch.set_num_threads(threads)
    return images


def _noise(part, size, seed):
    values = 3 * size * size
    words = -(-values // 8)
    count = part.stop - part.start
    raw = _bits(seed, 1).advance(part.start * words).random_raw(count * words)
    raw = raw.astype("<u8").view(np.uint8).reshape(count, -1)
    noise = torch.from_numpy(raw[:, :values].reshape(count, 3, size, size))
    return noise.float().div_(127.5).sub_(1)


def _splits(n, seed):
    # of every ten faces in a row one is for validation and one for the test, so the shares are
    # exact and a face keeps its split when more faces follow
    tens = np.random.Generator(_bits(seed, 2)).random((-(-n // 10), 10))
    rank = tens.argsort(axis=1).reshape(-1)[:n]
    masks = {"train": rank > 1, "valid": rank == 1, "test": rank == 0}
    return {name: torch.from_numpy(np.flatnonzero(mask)) for name, mask in masks.items()}
