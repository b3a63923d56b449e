import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from PIL import Image

from devtools.data_layouts import colours, jpeg, pack, write
from emdviz.datasets import image_folder
from emdviz.datasets.readers import cache
from emdviz.datasets.readers import images as decoding
from emdviz.datasets.readers.cache import read_images
from emdviz.datasets.readers.files import list_files

LONG_AGO = 10**18  # nanoseconds


@pytest.fixture
def root(tmp_path):
    files = {f"{k}.jpg": jpeg(colours(k)) for k in range(6)}
    write(tmp_path, files | {"3.jpg": b"broken"})
    settle(tmp_path)
    return tmp_path


@pytest.fixture
def decoded(monkeypatch):
    """Names of the files that have been decoded."""
    names = []

    def counted(files, *arguments, **keywords):
        names.extend(file.name for file in files)
        return decoding.decode(files, *arguments, **keywords)

    monkeypatch.setattr(cache, "decode", counted)
    return names


def settle(root):
    """Pretend that all files are old."""
    for path in root.rglob("*.*"):
        os.utime(path, ns=(LONG_AGO, LONG_AGO))


def read(root, size=16, name="set", warn=True, **options):
    if not warn:
        return read_images(root, list_files(root), size, name=name, **options)
    with pytest.warns(UserWarning, match=r"1 not readable as an image \(3.jpg\) in .*; left out"):
        return read_images(root, list_files(root), size, name=name, **options)


def assert_same(one, other):
    for a, b in zip(
        (one.images, one.kept, one.digests), (other.images, other.kept, other.digests), strict=True
    ):
        np.testing.assert_array_equal(a, b)
    assert one.unreadable == other.unreadable


@pytest.mark.parametrize("options", [{}, {"digests": True}, {"squeeze": True}])
def test_the_second_time_no_image_is_decoded(root, decoded, options):
    first = read(root, **options)
    assert len(decoded) == 6
    second = read(root, **options)
    assert decoded[6:] == ["3.jpg"]  # what could not be read is tried again
    assert_same(second, first)
    assert_same(decoding.decode([], 16), read_images(root, [], 16, name="none"))
    assert second.notes == ()
    second.images[:] = 0  # they may be changed


def test_only_what_is_new_or_changed_is_decoded(root, decoded):
    read(root)
    write(root, {"9.jpg": jpeg(colours(9)), "0.jpg": jpeg(colours(100))})
    (root / "1.jpg").unlink()
    (root / "2.jpg").rename(root / "4b.jpg")
    settle(root)
    os.utime(root / "5.jpg", ns=(LONG_AGO, LONG_AGO + 1))
    decoded.clear()
    again = read(root)
    assert sorted(decoded) == ["0.jpg", "3.jpg", "4b.jpg", "5.jpg", "9.jpg"]
    assert_same(again, decoding.decode(list_files(root), 16))
    decoded.clear()
    assert_same(read(root), again)
    assert decoded == ["3.jpg"]


def test_a_file_that_changed_just_now_is_not_trusted(root, decoded):
    path = root / "0.jpg"
    colours(7).save(path, "BMP")
    now = time.time_ns()
    os.utime(path, ns=(now, now))
    before = read(root)
    # another picture of the same size within the same tick of the clock
    colours(8).save(path, "BMP")
    os.utime(path, ns=(now, now))
    decoded.clear()
    after = read(root)
    assert decoded == ["0.jpg", "3.jpg"]
    assert not np.array_equal(before.images[0], after.images[0])


def test_images_of_16_bits_are_kept_only_where_their_depth_is_given(tmp_path, decoded):
    for k in range(3):
        values = np.full((20, 20), 4095 // (k + 1), np.uint16)
        Image.fromarray(values).save(tmp_path / f"{k}.png")
    Image.new("RGB", (20, 20), "red").save(tmp_path / "8.png")
    settle(tmp_path)
    first = read(tmp_path, warn=False)
    decoded.clear()
    assert_same(read(tmp_path, warn=False), first)
    assert decoded == ["0.png", "1.png", "2.png"]
    told = read(tmp_path, warn=False, depth=12)
    assert_same(told, first)
    decoded.clear()
    assert_same(read(tmp_path, warn=False, depth=12), first)
    assert decoded == []
    assert (told.notes, len(first.notes)) == ((), 1)


def test_sizes_options_names_and_crops_do_not_mix(root, decoded):
    small, large = read(root, 16), read(root, 32)
    assert small.images.shape[2] == 16
    assert large.images.shape[2] == 32
    files = list_files(root)
    one = read(root, crops=[(0, 0, 20, 20)] * len(files))
    other = read(root, crops=[(20, 20, 40, 40)] * len(files))
    assert not np.array_equal(one.images, other.images)
    assert read(root).digests is None
    assert read(root, digests=True).digests is not None
    read(root, name="other")
    assert sorted(path.name for path in (root / ".emdviz").iterdir()) == [
        "other-16px.npy", "set-16px.npy", "set-32px.npy"
    ]  # fmt: skip


def test_faces_of_one_photograph_are_kept_apart(root, decoded):
    group = [list_files(root)[0]] * 2
    crops = [(0, 0, 20, 20), (20, 20, 40, 40)]
    first = read_images(root, group, 16, name="faces", crops=crops)
    decoded.clear()
    swapped = read_images(root, group, 16, name="faces", crops=crops[::-1])
    assert decoded == []
    np.testing.assert_array_equal(swapped.images, first.images[::-1])


def replace(path, name):
    os.replace(path.with_name(name), path)


def corruptions(good):
    middle = bytearray(good)
    middle[len(good) // 2] ^= 1
    objects = np.array([{"run": "me"}], dtype=object)
    return {
        "empty": b"",
        "cut": good[:-100],
        "a bit": bytes(middle),
        "text": b"not for you",
        "another size": lambda path: read(path.parents[1], 17) and replace(path, "set-17px.npy"),
        "huge": good.replace(b"(5, 3, 16, 16), }" + 13 * b" ", b"(99999999999999, 3, 16, 16), }"),
        "pickle": lambda path: np.save(path, objects),
    }


@pytest.mark.parametrize(
    "kind", ["empty", "cut", "a bit", "text", "another size", "huge", "pickle"]
)
def test_broken_and_foreign_files_are_ignored_and_replaced(root, decoded, kind):
    first = read(root)
    path = root / ".emdviz" / "set-16px.npy"
    good = path.read_bytes()
    bad = corruptions(good)[kind]
    if callable(bad):
        bad(path)
    else:
        path.write_bytes(bad)
    assert path.read_bytes() != good
    decoded.clear()
    assert_same(read(root), first)
    assert len(decoded) == 6
    assert path.read_bytes() == good


def test_another_version_of_the_decoding_is_not_used(root, decoded, monkeypatch):
    read(root)
    monkeypatch.setattr(cache, "VERSION", cache.VERSION + 1)
    decoded.clear()
    read(root)
    assert len(decoded) == 6


def test_the_cache_lies_beside_a_zip_file(root, decoded, tmp_path):
    files = {"0.jpg": jpeg(colours(1))}
    for name in ("a.zip", "b.zip"):
        path = pack(tmp_path / "zips" / name, files)
        os.utime(path, ns=(LONG_AGO, LONG_AGO))
        for _ in range(2):
            read(path, warn=False)
    assert len(decoded) == 2
    assert sorted(path.name for path in (tmp_path / "zips" / ".emdviz").iterdir()) == [
        "a.zip-set-16px.npy", "b.zip-set-16px.npy"
    ]  # fmt: skip


def test_the_cache_lies_where_the_environment_says(root, decoded, tmp_path_factory, monkeypatch):
    chosen, other = tmp_path_factory.mktemp("chosen"), tmp_path_factory.mktemp("more") / root.name
    shutil.copytree(root, other)
    settle(other)
    monkeypatch.setenv("EMDVIZ_CACHE", str(chosen))
    first = read(root)
    read(other)
    assert len(decoded) == 12  # the same names in another folder are other images
    assert_same(read(root), first)
    assert decoded[12:] == ["3.jpg"]
    assert not (root / ".emdviz").exists()
    assert [one.name.rpartition("-")[0] for one in chosen.iterdir()] == [root.name] * 2


def test_without_a_cache_nothing_is_written_or_read(root, decoded):
    for _ in range(2):
        read(root, cache=False)
    assert len(decoded) == 12
    assert not (root / ".emdviz").exists()


def test_where_nothing_can_be_written_the_images_come_with_a_note(root):
    (root / ".emdviz").write_bytes(b"a file in the way")
    first = read(root)
    assert_same(first, decoding.decode(list_files(root), 16))
    (note,) = first.notes
    assert note.startswith("nothing kept for the next start: ")
    assert ".emdviz" in note


def test_a_full_disk_leaves_no_rest(root, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache.os, "replace", full)
    assert "No space left on device" in read(root).notes[0]
    assert list((root / ".emdviz").iterdir()) == []


def test_a_file_that_cannot_be_read_is_tried_again(root, decoded, monkeypatch):
    def locked(path):
        if path.endswith("0.jpg"):
            raise PermissionError("locked")
        return original(path)

    from emdviz.datasets.readers import files

    original = files._read_file
    monkeypatch.setattr(files, "_read_file", locked)
    with pytest.warns(UserWarning, match=r"2 not readable as an image \(0.jpg, 3.jpg\)"):
        read_images(root, list_files(root), 16, name="set")
    monkeypatch.setattr(files, "_read_file", original)
    decoded.clear()
    assert read(root).kept.tolist() == [0, 1, 2, 4, 5]
    assert decoded == ["0.jpg", "3.jpg"]


def test_many_at_once_do_not_disturb_each_other(root):
    (root / "3.jpg").unlink()
    expected = decoding.decode(list_files(root), 16)

    def start(k):
        (root / ".emdviz" / "set-16px.npy").unlink(missing_ok=True)
        return read_images(root, list_files(root), 16, name="set")

    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(start, range(24)):
            assert_same(found, expected)
            assert found.notes == ()
    assert len(list((root / ".emdviz").iterdir())) == 1


@pytest.mark.slow
def test_another_process_finds_what_this_one_kept(tmp_path):
    write(tmp_path, {f"{c}/{k}.jpg": jpeg(colours(10 * c + k)) for c in range(2) for k in range(3)})
    settle(tmp_path)
    here = image_folder(tmp_path, size=16)
    there = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, emdviz.datasets.readers.cache as cache\n"
            "cache.decode = None\n"
            "from emdviz.datasets import load\n"
            "print(int(load('image_folder', root=sys.argv[1], size=16).inputs.sum()))",
            str(tmp_path),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(there.stdout) == int(here.inputs.sum())
    assert here.inputs.dtype == torch.uint8
