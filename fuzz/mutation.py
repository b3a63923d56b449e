"""Changes that make valid files broken or malicious."""

import io
import pickle
import struct
import tarfile
import zipfile
import zlib

import numpy as np

CANARY = "emdviz-was-made-to-run-this"
"""Name of the file that a pickle writes if it is loaded."""


class Bomb:
    """Unpickled, it writes a file."""

    def __reduce__(self):
        return open, (CANARY, "w")


def mutate(data, rng, others):
    """Return bytes with a few parts changed; ``others`` are whole files of other kinds."""
    data = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        data = _CHANGES[rng.randrange(len(_CHANGES))](data, rng, others)
    return bytes(data)


def _place(data, rng):
    # headers decide most
    return rng.randrange(min(len(data), 200) if rng.random() < 0.5 else len(data)) if data else 0


def _truncate(data, rng, others):
    return data[: _place(data, rng)]


def _flip(data, rng, others):
    for _ in range(rng.choice([1, 2, 8])):
        if data:
            data[_place(data, rng)] ^= 1 << rng.randrange(8)
    return data


def _set(data, rng, others):
    value = rng.choice([b"\xff" * 4, b"\0" * 4, b"\xff" * 8, b"\x7f\xff\xff\xff", b"\x80"])
    place = _place(data, rng)
    data[place : place + len(value)] = value
    return data


def _insert(data, rng, others):
    place = _place(data, rng)
    data[place:place] = rng.choice(_JUNK)
    return data


def _delete(data, rng, others):
    place = _place(data, rng)
    del data[place : place + rng.choice([1, 4, 50, 2000])]
    return data


def _double(data, rng, others):
    place = _place(data, rng)
    part = data[place : place + rng.choice([1, 8, 100])]
    data[place:place] = part * rng.choice([1, 3, 200])
    return data


def _splice(data, rng, others):
    other = rng.choice(others)
    place = _place(data, rng)
    return data[:place] + other[_place(other, rng) :]


def _replace(data, rng, others):
    return bytearray(
        rng.choice([b"", b"\0", b"PK\x05\x06" + b"\0" * 18, pickle.dumps(Bomb()), *_JUNK])
    )


def _recode(data, rng, others):
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return _flip(data, rng, others)
    return bytearray(
        text.encode(rng.choice(["utf-16", "utf-8-sig", "utf-7", "latin-1", "utf-32"]), "replace")
    )


def _swap_number(data, rng, others):
    digits = [i for i, byte in enumerate(data[:3000]) if 48 <= byte <= 57]
    if digits:
        place = rng.choice(digits)
        data[place : place + 1] = rng.choice(_NUMBERS)
    return data


_JUNK = [
    b"\0",
    b"\xff\xfe",
    b"\n" * 50,
    b"\r",
    b"\x85",
    b"../../",
    b"\xe9\xe8",
    b"A" * 70_000,
    b"\t\t\t",
    b'"',
    b"'",
    b",,,",
    "‮\u2028é".encode(),
    b"<script>",
    b"[" * 5000,
    b"{" * 5000,
    b"%s%n",
    b"1e999",
    b"NaN",
    b"\x1a",
    b"../x\n",
]
_NUMBERS = [
    b"-1",
    b"99999999999999999999",
    b"1e400",
    b"NaN",
    b"inf",
    b"0x10",
    b"",
    b"-0",
    b"1_0",
    "٣".encode(),
]
_CHANGES = [
    _truncate,
    _flip,
    _flip,
    _set,
    _insert,
    _delete,
    _double,
    _splice,
    _replace,
    _recode,
    _swap_number,
]


def png(width, height, rows=0, claimed=None):
    """A PNG of so many pixels, black, of which so many rows are there."""

    def chunk(kind, content):
        return (
            struct.pack(">I", len(content))
            + kind
            + content
            + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = struct.pack(">IIBBBBB", *(claimed or (width, height)), 8, 2, 0, 0, 0)
    body = zlib.compress((b"\0" + b"\0" * 3 * width) * rows)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )


def decompression_bombs():
    """Small files of large images, by name."""
    packer = zlib.compressobj(9)
    endless = packer.compress(b"\0" * 2**26) + packer.flush()
    text = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR"
    header = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)
    content = b"Comment\0\0" + endless
    parts = [
        text + header + struct.pack(">I", zlib.crc32(b"IHDR" + header)),
        struct.pack(">I", len(content)) + b"zTXt" + content,
        struct.pack(">I", zlib.crc32(b"zTXt" + content)),
    ]
    return {
        "claims 2^31 pixels a side": png(8, 8, 8, (2**31 - 1, 2**31 - 1)),
        "claims 65535 pixels a side": png(8, 8, 8, (65535, 65535)),
        "36 million pixels, 6 thousand of them there": png(6000, 6000, 1),
        "49 million pixels, 7 thousand of them there": png(7000, 7000, 1),
        "a text of 64 MiB in 64 KiB": b"".join(parts),
    }


def hostile_zips(image):
    """Zip files by name, with paths outside their folder or too much content."""
    names = {
        "absolute": "/tmp/emdviz-hostile.png",
        "up": "../emdviz-hostile.png",
        "deep up": "a/../../emdviz-hostile.png",
        "backslashes": "..\\emdviz-hostile.png",
        "drive": "C:\\emdviz-hostile.png",
        "zero": "a\0b.png",
        "long": "a" * 5000 + ".png",
        "dot": ".",
        "newline": "a\nb.png",
        "utf": "é‮gnp.png",
    }
    made = {}
    for what, name in names.items():
        made[what] = zip_of({name: image, "low/1.png": image})
    made["ten thousand members"] = zip_of({f"low/{k}.png": b"" for k in range(10_000)})
    made["100 MiB of zeros"] = zip_of({"low/1.png": b"\0" * 100 * 2**20})
    inner = zip_of({"low/1.png": image})
    made["a zip in a zip"] = zip_of({"low/inner.zip": inner, "low/1.png": image})
    made["a lie about the size"] = _understate_size(zip_of({"low/1.png": b"\0" * 2**20}))
    link = zipfile.ZipInfo("low/2.png")
    link.external_attr = 0o120777 << 16
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(link, "/etc/passwd")
        archive.writestr("low/1.png", image)
    made["a link"] = file.getvalue()
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        member = tarfile.TarInfo("../emdviz-hostile.png")
        member.size = len(image)
        archive.addfile(member, io.BytesIO(image))
    made["a tar file"] = file.getvalue()
    return made


def zip_of(members):
    """Return the bytes of a zip file, given name -> content of its members."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def _understate_size(data):
    """State in all headers that a member unpacks to ten bytes."""
    return data.replace(struct.pack("<I", 2**20), struct.pack("<I", 10))


def with_objects(names):
    """An npz file whose arrays are pickled."""
    file = io.BytesIO()
    np.savez(file, **{name: np.array([Bomb()], dtype=object) for name in names})
    return file.getvalue()
