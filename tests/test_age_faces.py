import re
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from devtools.data_layouts import colours, jpeg, write
from emdviz.datasets import age_faces, load, utkface
from emdviz.datasets.readers import files
from emdviz.datasets.readers import images as decoding

# most of these sets are too small to have every age
pytestmark = pytest.mark.filterwarnings("ignore:no training example of the classes")

GENUINE = Path(__file__).parents[2] / "shared" / "realdata" / "utkface"
COUNTS = [556, 281, 342, 726, 2861, 1284, 833, 1046]


def faces(count):
    """Genuine names and pictures for ages 1, 2, …"""
    return {
        f"{age}_0_1_2017{age:04}.jpg.chip.jpg": jpeg(colours(age)) for age in range(1, count + 1)
    }


def named(names):
    """A picture of its own for each name."""
    return {name: jpeg(colours(k)) for k, name in enumerate(names)}


def test_ages_come_from_the_names_and_images_in_their_order(tmp_path):
    data = utkface(write(tmp_path, faces(70)), size=32)
    assert data.inputs.shape == (70, 3, 32, 32)
    assert data.inputs.dtype == torch.uint8
    names = sorted(faces(70))
    assert data.scores.tolist() == [int(name.split("_")[0]) for name in names]
    edges = [3, 7, 14, 22.5, 35, 45.5, 56.5]
    assert data.labels.tolist() == [sum(a >= e for e in edges) for a in data.scores.tolist()]
    assert data.unit == "years"
    assert "non-commercial research only" in data.licence
    for age, image in zip(data.scores.long().tolist(), data.inputs, strict=True):
        original = np.asarray(colours(age).resize((32, 32), Image.Resampling.BILINEAR))
        difference = image.permute(1, 2, 0).numpy().astype(int) - original
        assert np.abs(difference).mean() < 6  # what JPEG costs


def test_groups_without_an_image_are_named_in_a_warning(tmp_path):
    with pytest.warns(UserWarning, match=r"no training example of the classes 48-53, 60\+$"):
        data = utkface(write(tmp_path, faces(45)), size=16)
    assert data.summary()["all"].tolist()[-3:] == [0, 0, 45]


def test_names_may_lack_a_field_or_the_chip(tmp_path):
    names = [
        "39_1_20170116174525125.jpg.chip.jpg", "61_1_20170109142408075.jpg", "5_0_0_20161219.JPG"
    ]  # fmt: skip
    write(tmp_path, named(names))
    assert utkface(tmp_path).scores.tolist() == [39, 5, 61]


def test_copies_are_kept_once_and_conflicts_not_at_all(tmp_path):
    write(
        tmp_path,
        {
            "20_0_0_1.jpg": jpeg(colours(1)),
            "20_1_0_2.jpg": jpeg(colours(1)),
            "part2/20_1_0_2.jpg": jpeg(colours(1)),
            "30_0_0_1.jpg": jpeg(colours(2)),
            "31_0_0_1.jpg": jpeg(colours(2)),
            "31_0_0_2.jpg": jpeg(colours(2)),
            "40_0_0_1.jpg": jpeg(colours(3)),
        },
    )
    data = utkface(tmp_path)
    assert data.scores.tolist() == [20, 40]
    assert (data.report.listed, data.report.kept) == (7, 2)
    assert (data.report.copies, data.report.conflicting) == (2, 3)
    assert "2 images kept of 7 files" in str(data.report)
    assert "2 exact copies, 3 files whose picture occurs with different ages" in str(data.report)


def test_files_that_differ_only_beside_the_pixels_are_copies(tmp_path):
    write(
        tmp_path,
        {
            "20_0_0_1.jpg": jpeg(colours(1)),
            "20_0_0_2.jpg": jpeg(colours(1), comment=b"scanned twice"),
        },
    )
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 2
    assert utkface(tmp_path).report.copies == 1


def test_names_without_a_credible_age_are_counted(tmp_path):
    names = ["20_0_0_1", "130_0_0_1", "131_0_0_1", "20170101_0_0_1", "-3_0_0_1", "٣_0_0_1"]
    write(tmp_path, named([f"{name}.jpg" for name in names]))
    hidden = {".DS_Store": b"hidden", "__MACOSX/._20_0_0_1.jpg": b"hidden"}
    write(tmp_path, hidden | {"readme.txt": b"about"})
    data = utkface(tmp_path)
    assert data.scores.tolist() == [130, 20]
    assert data.report.without_age == 5
    assert data.report.listed == 7


def test_unreadable_files_are_skipped_counted_and_named(tmp_path):
    whole = jpeg(colours(1, size=(100, 100)))
    write(
        tmp_path,
        {
            "20_0_0_1.jpg": whole,
            "21_0_0_1.jpg": whole[: len(whole) // 2],
            "22_0_0_1.jpg": b"",
            "23_0_0_1.jpg": b"no image at all",
            "24_0_0_1.jpg": whole[:2],
            "25_0_0_1.txt": b"text",
            "26_0_0_1.gif": b"GIF89a",
        },
    )
    with pytest.warns(UserWarning, match=r"6 not readable as an image .*21_0_0_1.*25_0_0_1.*, …"):
        data = utkface(tmp_path)
    assert data.scores.tolist() == [20]
    assert data.report.unreadable[0] == "21_0_0_1.jpg"
    assert len(data.report.unreadable) == 6
    assert "26_0_0_1" not in str(data.report)


def test_images_larger_than_any_face_are_not_decoded(tmp_path, monkeypatch):
    write(tmp_path, {"20_0_0_1.jpg": jpeg(colours(1)), "30_0_0_1.jpg": jpeg(colours(2, (90, 90)))})
    monkeypatch.setattr(decoding, "MAX_PIXELS", 50 * 50)
    with pytest.warns(UserWarning, match="1 not readable as an image .30_0_0_1"):
        assert utkface(tmp_path).scores.tolist() == [20]
    monkeypatch.setattr(decoding, "MAX_PIXELS", 10**6)
    monkeypatch.setattr(files, "MAX_FILE_BYTES", (tmp_path / "20_0_0_1.jpg").stat().st_size)
    with pytest.warns(UserWarning, match="1 not readable as an image .30_0_0_1"):
        assert utkface(tmp_path).scores.tolist() == [20]


def test_oblong_images_are_cut_to_their_middle(tmp_path):
    image = Image.new("RGB", (80, 40), "blue")
    image.paste("red", (20, 0, 60, 40))
    image.save(tmp_path / "20_0_0_1.png")
    red, _, blue = utkface(tmp_path, size=32).inputs[0]
    # the outermost pixels have a touch of what lies beyond
    assert red.min() > 220
    assert blue.max() < 35


def test_small_images_are_averaged_not_sampled(tmp_path):
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    Image.fromarray(stripes).save(tmp_path / "20_0_0_1.png")
    image = utkface(tmp_path, size=16).inputs[0].float()
    assert (image[:, :, 1:-1] - 127.5).abs().max() < 10


def test_folders_zips_and_mixtures_of_them_give_the_same(tmp_path):
    files = faces(60)
    flat = write(tmp_path / "flat", files)
    nested = write(
        tmp_path / "nested", {f"part{1 + k % 3}/deep/{n}": files[n] for k, n in enumerate(files)}
    )
    packed = tmp_path / "packed" / "UTKFace.zip"
    packed.parent.mkdir()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files, reverse=True):
            archive.writestr(f"UTKFace/{name}", files[name])
        archive.writestr("__MACOSX/._20_0_0_1.jpg", b"hidden")
    half = dict(list(files.items())[:30])
    mixed = write(tmp_path / "mixed", half)
    with zipfile.ZipFile(mixed / "rest.ZIP", "w") as archive:
        for name in files.keys() - half.keys():
            archive.writestr(name, files[name])
    expected = utkface(flat, seed=3)
    for root in (nested, packed, packed.parent, str(mixed)):
        data = utkface(root, seed=3)
        torch.testing.assert_close(data.inputs, expected.inputs, atol=0, rtol=0)
        torch.testing.assert_close(data.scores, expected.scores, atol=0, rtol=0)
        assert data.report == expected.report
        for name in ("train", "valid", "test"):
            assert data.splits[name].tolist() == expected.splits[name].tolist()


def test_splits_follow_the_seed(tmp_path):
    write(tmp_path, faces(100))
    first, second = utkface(tmp_path, size=16), utkface(tmp_path, size=16, seed=1)
    assert first.splits["test"].tolist() != second.splits["test"].tolist()
    together = torch.cat(list(first.splits.values()))
    assert together.sort().values.tolist() == list(range(100))


def test_zip_members_that_cannot_be_unpacked_are_unreadable(tmp_path):
    path = tmp_path / "some.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in faces(3).items():
            archive.writestr(name, data)
    data = bytearray(path.read_bytes())
    first = data.index(b"PK\x03\x04")
    data[first + 300] ^= 255  # a changed byte fails the checksum
    second = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 1)
    data[second + 8] |= 1  # the next one claims a password
    path.write_bytes(data)
    with pytest.warns(UserWarning, match="2 not readable as an image .1_0_1.*, 2_0_1"):
        assert utkface(path).scores.tolist() == [3]


def test_a_root_without_faces_says_what_it_found(tmp_path):
    write(tmp_path, {"UTKFace.tar.gz": b"packed"})
    with pytest.raises(FileNotFoundError, match=r"no usable image.*of 1 files.*unpack"):
        utkface(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"size": 15}, ValueError, "size must be an integer, 16 to 256, got 15"),
        ({"size": 48.0}, ValueError, r"size must be an integer, 16 to 256, got 48\.0"),
        ({"seed": -1}, ValueError, "seed must be an integer, 0 or more, got -1"),
    ],
)
def test_wrong_arguments_are_named(tmp_path, arguments, error, message):
    with pytest.raises(error, match=message):
        utkface(tmp_path, **arguments)


@pytest.mark.slow
@pytest.mark.skipif(not GENUINE.is_dir(), reason="the sample of UTKFace is not here")
def test_the_genuine_sample():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = load("utkface", root=GENUINE, size=16, cache=False)
    report = data.report
    assert (report.listed, report.kept) == (8000, 7929)
    assert (report.copies, report.conflicting) == (15, 56)
    assert (report.without_age, report.unreadable) == (0, ())
    assert torch.bincount(data.labels).tolist() == COUNTS
    (archive,) = GENUINE.glob("*.zip")
    with zipfile.ZipFile(archive) as members:
        ages = [int(re.match(r"\d+", name)[0]) for name in members.namelist()]
    # the sets of ages agree, but for the few that were left out
    lost = np.bincount(ages, minlength=131) - np.bincount(data.scores.long().numpy(), minlength=131)
    assert lost.min() >= 0
    assert lost.sum() == 71
    flat = data.inputs.flatten(1)
    assert len(flat.unique(dim=0)) == len(flat)


def test_fgnet_names_tell_person_and_age_and_no_person_is_in_two_splits(tmp_path):
    names = [f"{p:03}A{age:02}{c}.JPG" for p in range(1, 31) for age in (2, 17, 43) for c in "ab"]
    names[0] = "001A02.JPG"
    names[6] = "002a02.jpg"
    write(tmp_path / "images", named(names))
    write(tmp_path / "points", {"001a02.pts": b"points", "002a02.pts": b"points"})
    data = load("age_faces", pattern="fgnet", root=tmp_path, size=16)
    assert data.name == "fgnet"
    assert data.report.without_age == 2
    assert sorted(set(data.scores.tolist())) == [2, 17, 43]
    assert data.groups[0] == "001"
    assert sorted(set(data.groups)) == [f"{p:03}" for p in range(1, 31)]
    people = [{data.groups[k] for k in part.tolist()} for part in data.splits.values()]
    assert [len(part) for part in people] == [24, 3, 3]
    assert sum(map(len, people)) == 30


def test_all_age_faces_names_tell_person_and_age(tmp_path):
    write(tmp_path, named(["00000A02.jpg", "13321A80.jpg", "00007A101.jpg", "0001A20.jpg"]))
    data = age_faces(tmp_path, pattern="all_age_faces")
    assert data.scores.tolist() == [2, 101, 80]
    assert data.groups == ("00000", "00007", "13321")
    assert data.report.without_age == 1


def test_the_two_folders_of_all_age_faces_are_not_mixed(tmp_path):
    write(tmp_path / "original images", named(["00000A02.jpg", "00001A30.jpg"]))
    write(tmp_path / "aligned faces", {"00000A02.jpg": jpeg(colours(7))})
    message = "00000A02.jpg and .*00000A02.jpg.; pass one of their folders as root"
    with pytest.raises(ValueError, match=message):
        age_faces(tmp_path, pattern="all_age_faces")
    assert len(age_faces(tmp_path / "original images", pattern="all_age_faces")) == 2


def test_ages_can_be_cut_anywhere(tmp_path):
    data = utkface(write(tmp_path, faces(60)), size=16, bins=[18, 40])
    assert data.classes == ["0-17", "18-39", "40+"]
    assert data.labels.tolist() == [(age >= 18) + (age >= 40) for age in data.scores.tolist()]
    assert data.positions == [9, 28.5, 50]
    assert torch.bincount(utkface(tmp_path, size=16, bins=6).labels).tolist() == [10] * 6
    with pytest.raises(ValueError, match="bin 2 is empty: nothing is from 99 to below inf"):
        utkface(tmp_path, size=16, bins=[18, 99])


def test_the_second_start_gives_the_same_and_the_cache_can_be_left_out(tmp_path):
    write(tmp_path, faces(12) | {"13_0_0_1.jpg": b"", "14_0_0_1.jpg": jpeg(colours(1))})
    with pytest.warns(UserWarning, match="1 not readable"):
        first = utkface(tmp_path, size=16, cache=False)
    assert not (tmp_path / ".emdviz").exists()
    for _ in range(2):
        with pytest.warns(UserWarning, match="1 not readable"):
            again = utkface(tmp_path, size=16)
        torch.testing.assert_close(again.inputs, first.inputs, atol=0, rtol=0)
        assert again.report == first.report
        assert again.notes == first.notes
    assert (tmp_path / ".emdviz" / "utkface-16px.npy").exists()


@pytest.mark.parametrize("pattern", ["utkface", "all_age_faces", "fgnet"])
def test_every_pattern_says_what_to_get_and_how_the_files_must_lie(tmp_path, pattern):
    with pytest.raises(FileNotFoundError) as caught:
        load("age_faces", pattern=pattern, root=tmp_path / "nowhere")
    for part in ("never downloaded", "https://", f"data/{pattern}/", ".jpg"):
        assert part.lower() in str(caught.value).lower()
    with pytest.raises(ValueError, match=r"pattern must be one of .*'fgnet'.*, got 'morph'"):
        age_faces(tmp_path, pattern="morph")
