"""RetinaMNIST: photographs of the retina, graded by diabetic retinopathy."""

import hashlib
import zipfile
from itertools import chain

import numpy as np
import torch
from PIL import Image

from emdviz.datasets.base import OrderedData
from emdviz.datasets.readers.download import download as download_file
from emdviz.reading import read_count, read_path

__all__ = ["retina_mnist"]

GRADES = ("none", "mild", "moderate", "severe", "proliferative")
"""Of diabetic retinopathy, on the international clinical scale: 0 to 4."""

URL = "https://zenodo.org/records/10519652/files/{name}?download=1"

FILES = {
    28: ("retinamnist.npz", "bd4c0672f1bba3e3a89f0e4e876791e4"),
    64: ("retinamnist_64.npz", "afda852cc34dcda56f86ad2b2457dbcc"),
    128: ("retinamnist_128.npz", "e48e916a24454daf90583d4e6efb1a18"),
    224: ("retinamnist_224.npz", "eae7e3b6f3fcbda4ae613ebdcbe35348"),
}
"""For each size in pixels the name and the MD5 of the file that holds it."""

_PARTS = {"train": "train", "valid": "val", "test": "test"}

_MOST_BYTES = 2**30
"""The largest file unpacks to a quarter of this."""


def retina_mnist(root="data/retina_mnist", *, size=64, download=False):
    """Read RetinaMNIST from its npz file.

    Parameters
    ----------
    root : str or Path
        The folder where the files of MedMNIST lie under their own names, or one such file.
    size : int
        Height and width in pixels, 28 to 224. MedMNIST has 28, 64, 128 and 224; for others the
        next larger file is read and shrunk with antialiasing.
    download : bool
        Download the file into ``root`` if it is not there, or not whole: 3 MB for 28 px,
        13 MB for 64 px, more for more.

    Returns
    -------
    OrderedData
        The five grades and MedMNIST's own splits: 1080, 120 and 400 images.

    Raises
    ------
    FileNotFoundError
        If the file is not there; with the ways to get it where ``root`` is a folder.
    ConnectionError
        If it cannot be downloaded.
    TypeError
        If ``size`` is not a number.
    ValueError
        If ``size`` is no integer, out of range or larger than the images of the file, ``root`` is
        a file and ``download`` is asked for, or the file is not the published one (in a folder)
        or not laid out like it.

    Notes
    -----
    A file that is given directly may be your own: its layout is checked, its hash is not, and
    :attr:`OrderedData.notes` tells if it is not a published one. Nothing in a file is unpickled.

    References
    ----------
    J. Yang et al., *MedMNIST v2 - A large-scale lightweight benchmark for 2D and 3D biomedical
    image classification*, Scientific Data 10, 41 (2023). R. Liu et al., *DeepDRiD: Diabetic
    Retinopathy - Grading and Image Quality Estimation Challenge*, Patterns 3, 100512 (2022).

    Examples
    --------
    >>> data = retina_mnist(size=28, download=True)  # doctest: +SKIP
    >>> len(data), data.classes  # doctest: +SKIP
    (1600, ['none', 'mild', 'moderate', 'severe', 'proliferative'])
    """
    size = read_count(size, "size", min(FILES), max(FILES))
    notes = ["not for clinical use", "eyes were photographed twice, so images come in pairs"]
    root = read_path(root, "root", "a folder or file")
    if root.is_file():
        if download:
            raise ValueError(f"root must be a folder to download into, got the file {root}")
        path = root
        if _md5(path) not in {md5 for _, md5 in FILES.values()}:
            notes.append(f"{path.name} is not a file that MedMNIST published")
    elif root.suffix == ".npz":
        raise FileNotFoundError(
            f"root does not exist: {root}. Pass the folder of MedMNIST's files, or one such file"
        )
    else:
        path = _published_file(root, size, download)
    images, labels = _read_archive(path)
    side = images["train"].shape[1]
    if size > side:
        raise ValueError(
            f"size must be at most {side}, as large as the images in {path}, got {size}"
        )
    if size < side:
        notes.append(f"shrunk from {side} to {size} px")
    ends = np.cumsum([0] + [len(labels[part]) for part in _PARTS.values()])
    return OrderedData(
        "retina_mnist",
        torch.from_numpy(_resize(list(images.values()), size)),
        torch.from_numpy(np.concatenate(list(labels.values()))),
        GRADES,
        {
            name: torch.arange(start, end)
            for name, start, end in zip(_PARTS, ends[:-1], ends[1:], strict=True)
        },
        licence="MedMNIST, from DeepDRiD: CC BY 4.0",
        notes=notes,
        root=root,
        own_splits=True,
    )


def _published_file(root, size, download):
    name, md5 = FILES[min(side for side in FILES if side >= size)]
    path, url = root / name, URL.format(name=name)
    if download:
        return download_file(url, md5, path)
    advice = f"Pass download=True, or download {url} yourself and put it there."
    if not path.exists():
        raise FileNotFoundError(f"RetinaMNIST for size = {size} must be at {path}. {advice}")
    found = _md5(path)
    if found != md5:
        raise ValueError(
            f"{path} must have the MD5 {md5}, got {found}: it is incomplete or altered. {advice}"
        )
    return path


def _md5(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def _read_archive(path):
    """Return images (N, S, S, 3) and labels (N,) of each part."""
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > _MOST_BYTES:
            raise ValueError(f"it would take {unpacked} bytes, at most {_MOST_BYTES} are read")
        with np.load(path, allow_pickle=False) as arrays:
            images = {part: arrays[f"{part}_images"] for part in _PARTS.values()}
            labels = {part: arrays[f"{part}_labels"] for part in _PARTS.values()}
    except Exception as error:  # zipfile, zlib and NumPy raise a dozen kinds of errors
        why = str(error)[:300]
        raise ValueError(
            f"{path} must be a whole npz file laid out like MedMNIST's: {why}; get it again"
        ) from error
    side = images["train"].shape[1] if images["train"].ndim == 4 else 0
    for part, array in images.items():
        if array.dtype != np.uint8 or array.ndim != 4 or array.shape[1:] != (side, side, 3):
            raise ValueError(
                f"{path}: {part}_images must be uint8 of shape (N, S, S, 3), S the same in all "
                f"parts, got {array.dtype} of shape {array.shape}"
            )
        labels[part] = _check_labels(path, part, labels[part], len(array))
    return images, labels


def _check_labels(path, part, array, count):
    if array.dtype.kind not in "iu" or array.shape not in ((count, 1), (count,)):
        raise ValueError(
            f"{path}: {part}_labels must be integers of shape ({count}, 1), "
            f"got {array.dtype} of shape {array.shape}"
        )
    if count and not 0 <= array.min() <= array.max() < len(GRADES):
        raise ValueError(
            f"{path}: {part}_labels must be 0 to {len(GRADES) - 1}, "
            f"got {array.min()} to {array.max()}"
        )
    return array.reshape(count).astype(np.int64)


def _resize(parts, size):
    images = np.empty((sum(map(len, parts)), 3, size, size), dtype=np.uint8)
    for place, image in enumerate(chain(*parts)):
        if size < len(image):
            # PIL's resize averages when it makes smaller
            small = Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR)
            image = np.asarray(small)
        images[place] = image.transpose(2, 0, 1)
    return images
