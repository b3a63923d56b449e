import io
import struct
import tracemalloc
import zlib
from functools import partial

import numpy as np
import PIL
import pytest
from PIL import Image, ImageOps

from devtools.data_layouts import colours, jpeg
from emdviz.datasets.readers import images as decoding
from emdviz.datasets.readers.files import ImageFile
from emdviz.datasets.readers.images import decode


def file(data, name="1.jpg"):
    return ImageFile(name, f"{name}|{hash(data)}", 0, lambda: data)


def encoded(image, kind, **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def small(data, size=40, **options):
    """The one image, height first."""
    (image,) = decode([file(data)], size, **options).images
    return image.transpose(1, 2, 0)


def turned(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


JPEGS = {
    "baseline": {},
    "progressive": {"progressive": True},
    "full colours": {"subsampling": 0},
    "half colours": {"subsampling": 1},
    "optimized": {"optimize": True},
    "restarts": {"restart_marker_blocks": 2},
    "RGB inside": {"keep_rgb": True},
    "comment": {"comment": b"\xff\xc0 no header"},
    "coarse": {"quality": 5},
}


@pytest.mark.parametrize("options", JPEGS.values(), ids=JPEGS)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_jpegs_of_all_kinds_have_the_pixels_that_pillow_shows(mode, options):
    data = encoded(colours(1, (61, 47), mode), "JPEG", **options)
    with Image.open(io.BytesIO(data)) as image:
        expected = image.convert("RGB")
    for seen in (decoding._open_plain_jpeg(data, None), decoding._open_upright(data, None)[0]):
        np.testing.assert_array_equal(np.asarray(seen), np.asarray(expected))


def test_only_ordinary_jpegs_take_the_short_way():
    others = {
        "CMYK": encoded(colours(1, mode="CMYK"), "JPEG"),
        "turned": encoded(colours(1), "JPEG", exif=turned(3)),
        "XMP": encoded(colours(1), "JPEG", xmp=b"<x/>"),
        "PNG": encoded(colours(1), "PNG"),
        "cut in its header": encoded(colours(1), "JPEG")[:100],
        "cut in its pixels": encoded(colours(1), "JPEG")[:-40],
        "nothing": b"",
        "no image": b"\xff\xd8\xff\xe0 no image at all",
        "no length": b"\xff\xd8\xff\xe0\x00\x00\xff\xc0",
    }
    for name, data in others.items():
        assert decoding._open_plain_jpeg(data, None) is None, name


def test_jpegs_cut_anywhere_are_unreadable_where_pillow_says_so():
    whole = encoded(colours(1, (64, 64)), "JPEG", quality=90)
    for end in range(0, len(whole), 37):
        data = whole[:end]
        try:
            with Image.open(io.BytesIO(data)) as image:
                image.load()
            readable = True
        except (OSError, SyntaxError):
            readable = False
        assert len(decode([file(data)], 16).kept) == readable, end


@pytest.mark.parametrize("kind", ["PNG", "BMP", "GIF", "TIFF", "WEBP"])
def test_other_formats_are_read(kind):
    image = colours(1)
    image = image.quantize(256) if kind == "GIF" else image
    options = {"lossless": True} if kind == "WEBP" else {}
    np.testing.assert_array_equal(
        small(encoded(image, kind, **options)), np.asarray(image.convert("RGB"))
    )


pillow_13 = pytest.mark.skipif(
    int(PIL.__version__.split(".")[0]) < 13, reason="Pillow 12 cannot read what it wrote"
)


@pytest.mark.parametrize(
    ("mode", "kind"),
    [(mode, "PNG") for mode in ("1", "L", "P", "LA", "RGBA")]
    + [("CMYK", "TIFF"), pytest.param("YCbCr", "TIFF", marks=pillow_13)],
)
def test_every_mode_becomes_rgb(mode, kind):
    image = colours(1).convert(mode)
    np.testing.assert_array_equal(small(encoded(image, kind)), np.asarray(image.convert("RGB")))


def test_transparent_pixels_become_white():
    image = Image.new("RGBA", (40, 40), (200, 0, 0, 255))
    image.paste((0, 0, 0, 0), (0, 0, 20, 40))
    seen = small(encoded(image, "PNG"))
    assert (seen[:, :20] == 255).all()
    assert (seen[:, 20:] == (200, 0, 0)).all()
    palette = image.convert("RGB").quantize(4)
    index = palette.getpixel((0, 0))
    seen = small(encoded(palette, "PNG", transparency=index))
    assert (seen[:, :20] == 255).all()
    assert (seen[:, 20:] == (200, 0, 0)).all()


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "signed TIFF", "coloured PNG"])
def test_images_of_16_bits_are_as_bright_as_their_depth_says(bits, kind):
    values = np.random.default_rng(0).integers(0, 2**bits, (40, 40, 3), dtype=np.uint16)
    values[0, 0] = 2**bits - 1
    grey = values[..., 0]
    if kind == "coloured PNG":
        data = png_of_16_bits(values)
    elif kind == "signed TIFF":
        if bits == 16:
            return
        data = encoded(Image.fromarray(grey.astype(np.int32)), "TIFF")
    else:
        data = encoded(Image.fromarray(grey), kind)
    seen = values if kind == "coloured PNG" else np.repeat(grey[..., None], 3, axis=2)
    expected = np.rint(seen * (255 / (2**bits - 1)))
    decoded = decode([file(data)], 40)
    np.testing.assert_array_equal(decoded.images[0].transpose(1, 2, 0), expected)
    told = f"images of 16 bits are read as of {bits}, which the brightest pixel needs"
    assert decoded.notes == (told,)
    darker = decode([file(data)], 40, depth=16)
    assert darker.notes == ()
    np.testing.assert_array_equal(
        darker.images[0].transpose(1, 2, 0), np.rint(seen.astype(float) * (255 / 65535))
    )


def png_of_16_bits(values):
    """A PNG of 16 bits and three colours, which Pillow cannot write."""

    def chunk(kind, content):
        check = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)

    height, width, _ = values.shape
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0))
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    body = chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + head + body + chunk(b"IEND", b"")


def test_the_brightest_of_all_images_says_their_depth():
    dark, bright = (np.full((40, 40), value, np.uint16) for value in (100, 4095))
    eight = Image.fromarray(np.full((40, 40), 77, np.uint8))
    files = [
        file(encoded(Image.fromarray(dark), "PNG"), "1.png"),
        file(encoded(Image.fromarray(bright), "PNG"), "2.png"),
        file(encoded(eight, "PNG"), "3.png"),
    ]
    decoded = decode(files, 16)
    assert decoded.images[:, 0, 0, 0].tolist() == [round(100 / 4095 * 255), 255, 77]
    assert decoded.deep.tolist() == [True, True, False]
    assert "of 12, which" in decoded.notes[0]


def test_numbers_without_a_known_white_are_no_image():
    ramp = np.arange(1600).reshape(40, 40) * 40
    for numbers in (ramp.astype(np.float32), ramp.astype(np.int32) - 5, ramp.astype(np.int32) * 9):
        data = encoded(Image.fromarray(numbers), "TIFF")
        assert decode([file(data)], 16).unreadable == ("1.jpg",)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_turned_photographs_are_set_upright(orientation, kind):
    stored = Image.new("RGB", (40, 40), "black")
    stored.paste("red", (0, 0, 20, 20))
    stored.paste("blue", (20, 0, 40, 20))
    turns = {
        1: lambda a: a, 2: np.fliplr, 3: partial(np.rot90, k=2), 4: np.flipud,
        5: lambda a: a.transpose(1, 0, 2), 6: partial(np.rot90, k=-1),
        7: lambda a: np.rot90(a, 2).transpose(1, 0, 2), 8: np.rot90,
    }  # fmt: skip
    seen = small(encoded(stored, kind, quality=95, exif=turned(orientation)))
    difference = seen.astype(int) - turns[orientation](np.asarray(stored))
    assert np.abs(difference).mean() < 8


def test_large_jpegs_are_decoded_at_part_of_their_size_unless_digests_are_asked_for():
    image = colours(1, (1600, 1200))
    data = encoded(image, "JPEG", quality=90)
    assert decoding._open_upright(data, 2 * 32)[0].size == (200, 150)
    assert decoding._open_upright(data, None)[0].size == (1600, 1200)
    exact = np.asarray(ImageOps.fit(image, (32, 32), Image.Resampling.BILINEAR)).astype(int)
    assert np.abs(small(data, 32) - exact).max() < 12
    assert np.abs(small(data, 32, digests=True) - exact).max() < 6


def test_squeezing_keeps_what_cutting_loses():
    image = Image.new("RGB", (80, 40), "blue")
    image.paste("red", (20, 0, 60, 40))
    data = encoded(image, "PNG")
    assert small(data, 16)[:, :, 0].min() > 200
    squeezed = small(data, 16, squeeze=True)
    assert (squeezed[8, [0, -1]] == (0, 0, 255)).all()


def test_crops_are_cut_from_the_upright_image_and_one_file_is_read_once():
    image = Image.new("RGB", (60, 40), "blue")
    image.paste("red", (0, 0, 20, 20))
    image.paste("lime", (40, 20, 60, 40))
    reads = []
    data = encoded(image.transpose(Image.Transpose.ROTATE_180), "PNG", exif=turned(3))
    group = ImageFile("a", "a", 0, lambda: reads.append(1) or data)
    boxes = [(0, 0, 20, 20), (40, 20, 60, 40), None, (-20, 0, 20, 20), (0.4, 0.4, 19.6, 19.6)]
    decoded = decode([group] * 5, 20, crops=boxes)
    assert len(reads) == 1
    seen = decoded.images.transpose(0, 2, 3, 1)
    assert (seen[0] == (255, 0, 0)).all()
    assert (seen[1] == (0, 255, 0)).all()
    assert (seen[2][:, 10] == (0, 0, 255)).all()
    assert (seen[3][:, :9] == 0).all()  # outside the image is black
    assert (seen[3][:, 11:] == (255, 0, 0)).all()
    assert (seen[4] == (255, 0, 0)).all()


def test_corners_cut_out_turned_squares():
    # a red square of side 20 on its tip, around (30, 30)
    size, reach = 60, 10 * 2**0.5
    y, x = np.mgrid[:size, :size] + 0.5
    inside = np.abs(x - 30) + np.abs(y - 30) < reach
    pixels = np.zeros((size, size, 3), np.uint8)
    pixels[inside] = (255, 0, 0)
    tips = (30, 30 - reach, 30 - reach, 30, 30, 30 + reach, 30 + reach, 30)
    (seen,) = decode([file(encoded(Image.fromarray(pixels), "PNG"))], 16, crops=[tips]).images
    assert seen[0, 2:-2, 2:-2].min() > 250
    assert seen[1:].max() == 0
    upright = (10, 5, 10, 25, 40, 25, 40, 5)  # the box (10, 5, 40, 25)
    data = encoded(colours(1, (60, 60)), "PNG")
    one = decode([file(data)], 10, crops=[upright]).images.astype(int)
    other = decode([file(data)], 10, crops=[(10, 5, 40, 25)]).images
    assert np.abs(one - other).mean() < 4


def test_crops_outside_the_image_are_left_out():
    files = [file(encoded(colours(1), "PNG"), name) for name in "abc"]
    crops = [(50, 0, 60, 10), (0, 0, 10, 10), (-90000, -90000, 90000, 90000)]
    decoded = decode(files, 16, crops=crops)
    assert decoded.kept.tolist() == [1]
    assert decoded.unreadable == ("a", "c")


@pytest.mark.parametrize(
    ("crops", "message"),
    [
        ([], "crops must be as many as files, 1, got 0"),
        ([(1, 2, 3)], "a crop must be 4 or 8 numbers"),
        ([(0, 0, float("nan"), 1)], "a crop must be 4 or 8 numbers"),
        ([(0, 0, 1e6, 1)], "from -100000 to 100000"),
        ([(5, 0, 5, 9)], r"must be \(left, top, right, bottom\), got \(5"),
    ],
)
def test_crops_that_are_none_are_refused(crops, message):
    with pytest.raises(ValueError, match=message):
        decode([file(b"")], 16, crops=crops)


def test_the_list_of_kept_and_of_unreadable_files_fit_together():
    good, other = jpeg(colours(1)), jpeg(colours(1), comment=b"scanned twice")
    datas = [good, b"", other, b"no image", good[:50]]

    def gone():
        raise FileNotFoundError("gone")

    files = [file(data, f"{k}.jpg") for k, data in enumerate(datas)]
    files.append(ImageFile("gone.jpg", "gone", 0, gone))
    decoded = decode(files, 16, digests=True)
    assert decoded.kept.tolist() == [0, 2]
    assert decoded.images.shape == (2, 3, 16, 16)
    assert decoded.unreadable == ("1.jpg", "3.jpg", "4.jpg", "gone.jpg")
    np.testing.assert_array_equal(*decoded.digests)  # the same picture


def test_nothing_to_decode_is_no_image():
    decoded = decode([], 16, digests=True)
    assert decoded.images.shape == (0, 3, 16, 16)
    assert decoded.unreadable == ()


def test_bombs_are_not_decoded(monkeypatch):
    black = encoded(Image.new("L", (6000, 6000)), "PNG", optimize=True)
    monkeypatch.setattr(decoding, "MAX_PIXELS", 10**7)
    tracemalloc.start()
    assert decode([file(black)], 16).unreadable == ("1.jpg",)
    assert tracemalloc.get_traced_memory()[1] < 10**7
    tracemalloc.stop()
    plain = encoded(Image.new("RGB", (3400, 3000)), "JPEG")
    assert decode([file(plain)], 16).unreadable == ("1.jpg",)


def test_errors_of_the_program_are_not_taken_for_broken_files():
    def fail():
        raise KeyError("a slip in the program")

    files = [ImageFile(f"{k}.jpg", str(k), 0, fail) for k in range(100)]
    with pytest.raises(KeyError, match="a slip"):
        decode(files, 16)
