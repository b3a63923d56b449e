"""Images made small: upright, red, green, blue, square, and many at once."""

import hashlib
import io
import os
import struct
import warnings
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from importlib.util import find_spec
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

MAX_PIXELS = 40 * 10**6
"""An image of more pixels, width times height, is not decoded."""

if find_spec("pillow_heif"):
    import_module("pillow_heif").register_heif_opener()

Image.init()
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP", "AVIF", "HEIF")
FORMATS = tuple(name for name in FORMATS if name in Image.OPEN)
"""Formats that are decoded, by content and not by name; HEIF where pillow-heif is installed."""

READING_ERRORS = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
    RuntimeError,  # a zip member under a password, or packed in a way that zipfile lacks
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,  # raised where warnings are errors
)
"""What reading and decoding a file that is no whole image may raise."""

_BLOCK = 32  # files that a thread takes at once


class Decoded(NamedTuple):
    """Small images, and which files they came from."""

    images: np.ndarray  # uint8, (M, 3, size, size)
    kept: np.ndarray  # (M,): the place of each image's file in the list of files; increasing
    unreadable: tuple[str, ...]  # names of files that hold no whole image
    digests: np.ndarray | None = None  # (M, 32): SHA-256 of the full-size pixels, if asked for
    notes: tuple[str, ...] = ()
    deep: np.ndarray | None = None  # (M,): whether the image was stored with 16 bits


def decode(files, size, *, crops=None, squeeze=False, digests=False, depth=None, workers=None):
    """Decode images and make them small: upright, red, green, blue, square.

    Grey and CMYK become RGB, transparency white, and photographs that a camera turned are
    turned back. Full-size images live one at a time in each thread. A file may occur several
    times, with different ``crops``: None (the whole image), or what to cut out in pixels of the
    upright image, (left, top, right, bottom) or x and y of the corners upper left, lower left,
    lower right, upper right; black where that lies outside the image. Crops are squeezed into
    squares; whole images are cut to their middle unless ``squeeze`` is True. ``depth`` is the
    number of bits of images that are stored in 16: a white pixel is 2^depth − 1; by default as
    many as the brightest pixel of all these files needs.
    """
    count = len(files)
    crops = check_crops(crops, count)
    images = np.empty((count, 3, size, size), np.uint8)
    pixels = np.zeros((count, 32), np.uint8)
    readable, deep, peaks = np.zeros(count, bool), {}, [0]
    places = {}
    for place, file in enumerate(files):
        places.setdefault(file.identity, []).append(place)

    def work(task):
        try:
            data = files[task[0]].read()
            whole = all(crops[place] is None for place in task)
            bands = _open_upright(data, None if digests or not whole else 2 * size)
            if digests:
                data = repr(bands[0].size).encode() + b"".join(band.tobytes() for band in bands)
                pixels[task] = np.frombuffer(hashlib.sha256(data).digest(), np.uint8)
        except READING_ERRORS:
            return
        for place in task:
            small = [_make_small(band, size, crops[place], squeeze) for band in bands]
            if small[0] is None:
                continue
            readable[place] = True
            if bands[0].mode == "F":
                deep[place] = np.stack([np.asarray(band) for band in small])
                peaks.append(max(band.getextrema()[1] for band in bands))
            else:
                images[place] = np.asarray(small[0]).transpose(2, 0, 1)

    with warnings.catch_warnings():  # one warning tells of all files that cannot be read
        warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
        warnings.filterwarnings("ignore", "The image decoding", DeprecationWarning)  # torchvision's
        tasks = list(places.values())
        # a block at once, for a thread costs more than a file
        blocks = [tasks[start : start + _BLOCK] for start in range(0, len(tasks), _BLOCK)]
        if len(blocks) < 2:
            list(map(work, tasks))
        else:
            with ThreadPoolExecutor(workers or min(8, os.cpu_count() or 1)) as pool:
                list(pool.map(lambda block: list(map(work, block)), blocks))
    notes = ()
    if deep and depth is None:
        depth = max(8, int(max(peaks)).bit_length())
        notes = (f"images of 16 bits are read as of {depth}, which the brightest pixel needs",)
    for place, image in deep.items():
        images[place] = np.rint(image * (255 / (2**depth - 1))).clip(0, 255)
    kept = np.flatnonzero(readable)
    return Decoded(
        images if readable.all() else images[kept],
        kept,
        names_of_unreadable(files, kept),
        pixels[kept] if digests else None,
        notes,
        np.isin(kept, list(deep)),
    )


def names_of_unreadable(files, kept):
    """Return the names of the files whose places are not in ``kept``, each once."""
    places = np.setdiff1d(np.arange(len(files)), kept)
    return tuple(dict.fromkeys(files[place].name for place in places))


def check_crops(crops, count):
    """Return crops as a list of None or tuples of floats, one for each of ``count`` files."""
    if crops is None:
        return [None] * count
    crops = [None if crop is None else tuple(map(float, crop)) for crop in crops]
    if len(crops) != count:
        raise ValueError(f"crops must be as many as files, {count}, got {len(crops)}")
    for crop in crops:
        if crop is None:
            continue
        if len(crop) not in (4, 8) or not np.isfinite(crop).all() or max(map(abs, crop)) > 1e5:
            raise ValueError(f"a crop must be 4 or 8 numbers from -100000 to 100000, got {crop}")
        if len(crop) == 4 and (crop[0] >= crop[2] or crop[1] >= crop[3]):
            raise ValueError(f"a crop must be (left, top, right, bottom), got {crop}")
    return crops


def _open_upright(data, enough):
    """Return the image as upright RGB, or in three bands of mode F if it has 16 bits.

    In a list, too, where it is one image. ``enough`` pixels a side may spare work on large JPEGs.
    """
    image = _open_plain_jpeg(data, enough)
    if image is not None:
        return [image]
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        if image.width * image.height > MAX_PIXELS:
            raise ValueError("too many pixels")
        if enough is not None:
            image.draft(None, (enough, enough))
        ImageOps.exif_transpose(image, in_place=True)  # loads it as well
        if image.mode == "F":
            raise ValueError("real numbers have no known white")
        if image.mode.startswith("I"):
            numbers = np.asarray(image)
            if numbers.min() < 0 or numbers.max() >= 2**16:
                raise ValueError("numbers beyond 16 bits have no known white")
            return [Image.fromarray(numbers.astype(np.float32))] * 3
        if image.format == "PNG" and data[24:25] == b"\x10":  # Pillow reads 8 bits of these only
            return _bands_of_png(data)
        if image.has_transparency_data:
            white = Image.new("RGBA", image.size, "white")
            return [Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")]
        return [image.convert("RGB")]


def _bands_of_png(data):
    """Return red, green and blue of a PNG of 16 bits, without its transparency."""
    import torch
    from torchvision.io import ImageReadMode, decode_png

    numbers = torch.frombuffer(bytearray(data), dtype=torch.uint8)
    bands = decode_png(numbers, ImageReadMode.UNCHANGED).numpy().astype(np.float32)
    bands = bands[:3] if len(bands) >= 3 else bands[[0, 0, 0]]
    return [Image.fromarray(band) for band in bands]


def _open_plain_jpeg(data, enough):
    """Return the image if it is a whole JPEG of the ordinary kind, or None.

    Its pixels are those of ``Image.open``, which reads much more of the header, in Python: for
    a small image that takes as long as to decode it, and one thread at a time.
    """
    header = _plain_jpeg_header(data)
    if header is None:
        return None
    width, height, mode = header
    if width * height > MAX_PIXELS or (enough is not None and min(width, height) >= 2 * enough):
        return None  # a large one is faster with Image.draft, which leaves out pixels
    try:
        image = Image.frombytes(mode, (width, height), data, "jpeg", mode, "")
    except READING_ERRORS:
        return None  # Image.open decides
    return image if mode == "RGB" else image.convert("RGB")


def _plain_jpeg_header(data):
    """Return width, height and mode of a JPEG of 8-bit grey or colours without EXIF, or None."""
    if data[:2] != b"\xff\xd8":
        return None
    place = 2
    while place + 10 <= len(data) and data[place] == 0xFF:
        marker, length = data[place + 1], int.from_bytes(data[place + 2 : place + 4])
        if marker == 0xE1:  # EXIF or XMP, which may tell how the camera was turned
            return None
        if marker in (0xC0, 0xC1, 0xC2):  # baseline or progressive, as nearly all are
            precision, components = data[place + 4], data[place + 9]
            height = int.from_bytes(data[place + 5 : place + 7])
            width = int.from_bytes(data[place + 7 : place + 9])
            mode = {1: "L", 3: "RGB"}.get(components)
            return (width, height, mode) if precision == 8 and mode and width * height else None
        place += 2 + length
    return None


def _make_small(image, size, crop, squeeze):
    """Return the small image, or None if the crop has nothing of it."""
    # PIL's resize averages when it makes smaller
    if crop is None and image.size == (size, size):
        return image
    if crop is None and not squeeze:
        return ImageOps.fit(image, (size, size), Image.Resampling.BILINEAR)
    if crop is not None:
        x, y = (crop[0::2], crop[1::2])
        width, height = max(x) - min(x), max(y) - min(y)
        if max(x) <= 0 or max(y) <= 0 or min(x) >= image.width or min(y) >= image.height:
            return None
        if width * height > MAX_PIXELS:
            return None
        if len(crop) == 4:
            image = image.crop(tuple(round(edge) for edge in crop))
        else:
            # as many pixels as the photograph has there, so that averaging comes after
            whole = max(1, round(max(width, height)))
            image = image.transform(
                (whole, whole), Image.Transform.QUAD, crop, Image.Resampling.BILINEAR
            )
    if 0 in image.size:
        return None
    return image.resize((size, size), Image.Resampling.BILINEAR)
