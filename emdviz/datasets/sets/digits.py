"""Handwritten digits: classes that have an order of value, but none of appearance."""

import numpy as np
import torch
from PIL import Image

from emdviz.datasets.base import OrderedData
from emdviz.datasets.splits import stratified_splits
from emdviz.reading import read_count

__all__ = ["digits"]

_GREATEST = 16
"""Each of the 8 × 8 numbers counts the inked ones among 4 × 4 pixels of the scan."""


def digits(*, size=48, seed=0):
    """Return the 1,797 handwritten digits that come with scikit-learn.

    The counter-example: 3 lies between 2 and 4, but does not look like something between them;
    it looks far more like 9 than like 4. A loss that knows the order of the values has nothing to
    gain from it here.

    Parameters
    ----------
    size : int
        Height and width in pixels, 8 to 224; the images have 8, and are enlarged smoothly.
    seed : int
        Of the splits; not negative.

    Returns
    -------
    OrderedData
        Classes "0" to "9" with ``positions`` 0 to 9, white on black, and splits "train",
        "valid" and "test" of 80, 10 and 10 % of each class.

    Raises
    ------
    TypeError
        If ``size`` or ``seed`` is not a number.
    ValueError
        If one of them is no integer, or out of its range.

    References
    ----------
    E. Alpaydin, C. Kaynak, *Optical Recognition of Handwritten Digits*, UCI Machine Learning
    Repository, 1998, https://doi.org/10.24432/C50P49.

    Examples
    --------
    >>> data = digits(size=32)
    >>> data.inputs.shape, data.classes[:3]
    (torch.Size([1797, 3, 32, 32]), ['0', '1', '2'])
    """
    from sklearn.datasets import load_digits

    size = read_count(size, "size", 8, 224)
    seed = read_count(seed, "seed", 0)
    numbers, labels = load_digits(return_X_y=True)
    small = np.rint(numbers.reshape(-1, 8, 8) * (255 / _GREATEST)).astype(np.uint8)
    images = np.empty((len(small), 3, size, size), dtype=np.uint8)
    for place, digit in enumerate(small):
        images[place] = Image.fromarray(digit).resize((size, size), Image.Resampling.BILINEAR)
    labels = torch.from_numpy(labels.astype(np.int64))
    return OrderedData(
        "digits",
        torch.from_numpy(images),
        labels,
        [str(digit) for digit in range(10)],
        stratified_splits(labels, seed=seed),
        positions=range(10),
        licence="Alpaydin and Kaynak, UCI Machine Learning Repository: CC BY 4.0",
        notes=(
            "digits next to each other in value are not next to each other in looks",
            "8 × 8 pixels, enlarged; written by 13 people, who are in all splits",
        ),
    )
