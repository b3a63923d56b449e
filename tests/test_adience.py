from collections import Counter
from pathlib import Path

import pytest
import torch

from devtools.data_layouts import (
    FOLD_HEADER,
    add_lines,
    adience,
    aligned_name,
    cropped_name,
    fold_line,
    jpeg,
    pack,
    picture,
    write,
)
from emdviz.datasets import load
from emdviz.datasets.sets import adience as module

GENUINE = Path(__file__).parents[2] / "shared" / "realdata" / "adience" / "fold_0_data.txt"


def read(root, **arguments):
    return load("adience", root=root, size=16, **arguments)


def users_of(data, split):
    return {data.groups[k] for k in data.splits[split].tolist()}


def with_face(files, age, fold=0, user="new@N00", image="new_o.jpg", face=7):
    """Add a face with a label to a layout."""
    add_lines(files, f"fold_{fold}_data.txt", [fold_line(user, image, face, age)])
    files[aligned_name(user, image, face)] = jpeg(picture(face, 0.5))
    return files


@pytest.mark.parametrize("fold", range(5))
def test_a_fold_is_the_test_set_and_no_user_is_in_two_splits(tmp_path, fold):
    data = read(write(tmp_path, adience()), fold=fold)
    assert len(data) == 5 * 4 * 8
    assert all(user.endswith(f"@N0{fold}") for user in users_of(data, "test"))
    assert len(data.split("test")) == 4 * 8
    assert 8 <= len(data.split("valid")) <= 3 * 8
    together = torch.cat(list(data.splits.values()))
    assert together.sort().values.tolist() == list(range(len(data)))
    train, valid, test = (users_of(data, name) for name in ("train", "valid", "test"))
    assert not train & valid | train & test | valid & test
    assert f"fold {fold} is the test set" in data.notes[0]


def test_images_and_labels_belong_together(tmp_path):
    data = read(write(tmp_path, adience()))
    assert data.inputs.shape == (160, 3, 16, 16)
    assert data.inputs.dtype == torch.uint8
    assert data.labels.tolist() == [number % 8 for number in range(160)]
    brightness = data.inputs.double().mean((1, 2, 3))
    expected = 40 + 175 * data.labels / 7
    assert (brightness - expected).abs().max() < 14
    assert data.classes == ["0-2", "4-6", "8-13", "15-20", "25-32", "38-43", "48-53", "60+"]
    assert data.positions == [1, 5, 10.5, 17.5, 28.5, 40.5, 50.5, 70]
    assert data.unit == "years"
    assert data.report.kept == data.report.listed == 160
    assert "left out" not in str(data.report)


NEAREST = {
    "(8, 12)": 2, "(25, 23)": None, "(27, 32)": 4, "(38, 42)": 5, "(38, 48)": 5, "(8, 23)": 3,
    "35": None, "13": 2, "2": 0, "3": None, "60": 7, "99": 7, "58": None, "None": None, "": None,
    "(60, 100)": 7, "(25, 32)": 4,
}  # fmt: skip
EXACT = {"(8, 12)", "(60, 100)", "(25, 32)"}


@pytest.mark.parametrize("policy", ["strict", "nearest"])
def test_every_label_has_its_class(tmp_path, policy):
    files = adience()
    for age in NEAREST:  # a user for each
        with_face(files, age, user=f"{age}@N00")
    data = read(write(tmp_path, files), policy=policy)
    found = dict(zip(data.groups, data.labels.tolist(), strict=True))
    taken = NEAREST if policy == "nearest" else {age: NEAREST[age] for age in EXACT}
    expected = {age: taken.get(age) for age in NEAREST}
    assert {age: found.get(f"{age}@N00") for age in NEAREST} == expected
    assert data.report.dropped == {age: 1 for age in NEAREST if expected[age] is None}
    assert data.report.kept == 160 + sum(label is not None for label in expected.values())


def test_dropped_labels_are_counted_and_reported(tmp_path):
    files = adience()
    for face, age in enumerate(["35", "None", "35", "", "(25, 23)"], start=900):
        with_face(files, age, face=face)
    report = read(write(tmp_path, files)).report
    assert report.dropped == {"35": 2, "None": 1, "": 1, "(25, 23)": 1}
    told = "5 faces whose label is no class (35: 2, None: 1, empty: 1, (25, 23): 1)"
    assert told in str(report)


def test_copies_are_kept_once_and_conflicts_not_at_all(tmp_path):
    files = adience()
    first, second, third = files["fold_2_data.txt"].decode().splitlines()[1:4]
    add_lines(files, "fold_2_data.txt", [first, first])
    add_lines(files, "fold_4_data.txt", [second.replace("(4, 6)", "(60, 100)")])
    data = read(write(tmp_path, files))
    assert (data.report.copies, data.report.conflicting) == (2, 2)
    assert data.report.kept == len(data) == 159
    label_of_third = 2
    assert data.labels[64:66].tolist() == [0, label_of_third]
    assert third.split("\t")[0] == data.groups[65]


def test_copies_stay_in_the_test_set_as_it_was_published(tmp_path):
    files = adience()
    first = files["fold_2_data.txt"].decode().splitlines()[1]
    add_lines(files, "fold_2_data.txt", [first, first])
    write(tmp_path, files)
    data = read(tmp_path, fold=2)
    assert (data.report.copies, data.report.kept_copies) == (0, 2)
    assert len(data.split("test")) == 4 * 8 + 2
    same = (data.split("test").inputs == data.split("test").inputs[0]).flatten(1).all(1)
    assert int(same.sum()) == 3
    assert "with 2 of the test set that repeat one, as published" in str(data.report)
    other = read(tmp_path, fold=0)
    assert (other.report.copies, other.report.kept_copies) == (2, 0)
    assert len(other) == 160


def test_users_of_the_test_fold_are_kept_out_of_the_other_folds(tmp_path):
    files = adience()
    for fold, face in ((0, 7), (3, 8), (3, 9)):
        with_face(files, "(0, 2)", fold=fold, face=face)
    write(tmp_path, files)
    for fold, shared in ((0, 2), (3, 1), (1, 0)):
        data = read(tmp_path, fold=fold)
        assert data.report.shared == shared
        assert len(data) == 163 - shared
        assert ("new@N00" in users_of(data, "test")) == (shared > 0)
        assert data.groups.count("new@N00") == 3 - shared


def test_validation_follows_the_seed_and_the_test_set_does_not(tmp_path):
    write(tmp_path, adience(users=8))
    some = [read(tmp_path, seed=seed) for seed in range(4)]
    assert len({frozenset(users_of(data, "valid")) for data in some}) > 1
    assert len({frozenset(users_of(data, "test")) for data in some}) == 1
    again = read(tmp_path, seed=2)
    assert again.splits["valid"].tolist() == some[2].splits["valid"].tolist()


def test_folders_and_zip_files_give_the_same(tmp_path):
    files = adience(users=2)
    expected = read(write(tmp_path / "flat", files))
    deep = {f"Adience/parts/{name}": content for name, content in files.items()}
    roots = [
        write(tmp_path / "deep", deep),
        pack(tmp_path / "packed" / "all.zip", deep),
        str(tmp_path / "packed"),
    ]
    for root in roots:
        data = read(root)
        torch.testing.assert_close(data.inputs, expected.inputs, atol=0, rtol=0)
        assert data.labels.tolist() == expected.labels.tolist()
        assert data.groups == expected.groups


def test_the_merely_cropped_images_do_as_well_and_the_aligned_ones_go_first(tmp_path):
    data = read(write(tmp_path, adience(users=2, path_of=cropped_name)))
    assert data.report.kept == 80
    assert data.notes[0].endswith("images from faces/")
    write(tmp_path, adience(users=2))
    assert read(tmp_path).notes[0].endswith("images from aligned/")


def test_windows_line_ends_marks_and_other_columns_make_no_difference(tmp_path):
    files = adience(users=2)
    expected = read(write(tmp_path / "unix", files))
    for fold in range(5):
        name = f"fold_{fold}_data.txt"
        lines = [line.split("\t") for line in files[name].decode().splitlines()]
        turned = "\r\n".join("\t".join(reversed(line)) for line in lines)
        files[name] = b"\xef\xbb\xbf" + turned.encode()
    data = read(write(tmp_path / "windows", files))
    assert data.groups == expected.groups
    assert data.labels.tolist() == expected.labels.tolist()


def test_names_may_have_any_letters_however_they_were_typed(tmp_path):
    typed, stored = "fa\u0308rg \u5bb6", "f\u00e4rg \u5bb6"
    files = adience(users=2)
    add_lines(files, "fold_1_data.txt", [fold_line("new@N00", f"{typed}.jpg", 7, "(4, 6)")])
    files[aligned_name("new@N00", f"{stored}.jpg", 7)] = jpeg(picture(7, 0.5))
    assert read(write(tmp_path, files)).report.kept == 81


def test_missing_images_are_counted_and_the_first_five_named(tmp_path):
    files = adience()
    gone = [name for name in files if name.startswith("aligned")][:7]
    for name in gone:
        del files[name]
    write(tmp_path, files)
    with pytest.warns(UserWarning, match=r"images that are not in .*: 7 \(aligned/.*, …\)"):
        data = read(tmp_path)
    assert data.report.missing == tuple(gone)
    assert data.report.kept == 153
    assert gone[4] in str(data.report)
    assert gone[5] not in str(data.report)


def test_broken_images_are_counted_and_named(tmp_path):
    files = adience()
    names = [name for name in files if name.startswith("aligned")]
    files[names[0]] = b""
    files[names[20]] = b"no image"
    files[names[40]] = files[names[40]][:200]
    write(tmp_path, files)
    with pytest.warns(UserWarning, match=r"3 not readable as an image \(aligned/"):
        data = read(tmp_path)
    assert set(data.report.unreadable) == {names[0], names[20], names[40]}
    assert data.report.kept == len(data) == 157
    assert "unreadable images: 3 (aligned/" in str(data.report)


def test_a_class_without_training_images_is_warned_of(tmp_path):
    files = adience()
    for fold in range(1, 5):
        name = f"fold_{fold}_data.txt"
        kept = [line for line in files[name].decode().splitlines() if "(48, 53)" not in line]
        files[name] = "\n".join(kept).encode()
    with pytest.warns(UserWarning, match="no training example of the classes 48-53$"):
        read(write(tmp_path, files))


def test_images_are_kept_for_the_next_start_only_if_wanted(tmp_path):
    write(tmp_path, adience(users=2))
    first = read(tmp_path, cache=False)
    assert not (tmp_path / ".emdviz").exists()
    second, third = read(tmp_path), read(tmp_path)
    assert (tmp_path / ".emdviz").exists()
    torch.testing.assert_close(first.inputs, second.inputs, atol=0, rtol=0)
    torch.testing.assert_close(first.inputs, third.inputs, atol=0, rtol=0)


def test_missing_fold_files_and_folders_are_named(tmp_path):
    files = adience(users=2)
    labels = {name: content for name, content in files.items() if name.startswith("fold")}
    write(tmp_path / "labels", labels)
    with pytest.raises(FileNotFoundError, match=r"none of the images .* 80 \(aligned/.*unpack"):
        read(tmp_path / "labels")
    del files["fold_1_data.txt"], files["fold_3_data.txt"]
    write(tmp_path / "images", files)
    message = r"root lacks fold_1_data\.txt, fold_3_data\.txt: .*Adience is never downloaded"
    with pytest.raises(FileNotFoundError, match=message):
        read(tmp_path / "images")


def test_two_fold_files_that_differ_are_refused(tmp_path):
    files = adience(users=2)
    files["old/fold_1_data.txt"] = files["fold_1_data.txt"]
    read(write(tmp_path, files))
    write(tmp_path, {"old/fold_1_data.txt": files["fold_2_data.txt"]})
    message = r"root must hold one fold_1_data\.txt, got files that differ: 2 \(fold_1.*old/fold_1"
    with pytest.raises(ValueError, match=message):
        read(tmp_path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (fold_line("a", "b.jpg", 1, "old"), r"line 2: age must be like '\(25, 32\)', .*got 'old'"),
        (fold_line("a", "b.jpg", 1, "(25,32)"), r"line 2: age must be like .*got '\(25,32\)'"),
        (fold_line("a", "b.jpg", 1, "-3"), "line 2: age must be like .*got '-3'"),
        (fold_line("..", "b.jpg", 1, "35"), r"line 2: '\.\.' is not the plain name"),
        (fold_line("a", "../b.jpg", 1, "35"), r"line 2: '\.\./b\.jpg' is not the plain name"),
        (fold_line("a", "b.jpg", "/1", "35"), "line 2: '/1' is not the plain name"),
        (fold_line("", "b.jpg", 1, "35"), "line 2: '' is not the plain name"),
        ("a\tb.jpg\t1\t35", r"fold_0_data\.txt, line 2: expected 12 fields, got 4"),
    ],
)
def test_lines_that_make_no_sense_are_refused(line, message):
    content = f"{FOLD_HEADER}\n{line}\n".encode()
    with pytest.raises(ValueError, match=message):
        module.read_fold(content, "fold_0_data.txt", 0)


@pytest.mark.parametrize(
    ("header", "lacks"),
    [
        ("", "user_id, original_image, face_id, age"),
        (FOLD_HEADER.replace("\tage\t", "\t"), "age"),
        (FOLD_HEADER.replace("\t", ","), "user_id, original_image, face_id, age"),
        (FOLD_HEADER.partition("\t")[2], "user_id"),
    ],
)
def test_missing_columns_are_named(header, lacks):
    with pytest.raises(ValueError, match=f"names the columns, between tabs; it lacks {lacks}; get"):
        module.read_fold(header.encode(), "fold_0_data.txt", 0)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"fold": 5}, ValueError, "fold must be an integer, 0 to 4, got 5"),
        ({"fold": -1}, ValueError, "fold must be an integer, 0 to 4, got -1"),
        ({"fold": "0"}, TypeError, "fold must be an integer, 0 to 4, got '0'"),
        ({"policy": "loose"}, ValueError, r"policy must be one of .*'nearest'\], got 'loose'"),
        ({"size": 8}, ValueError, "size must be an integer, 16 to 256, got 8"),
        ({"seed": -1}, ValueError, "seed must be an integer, 0 or more, got -1"),
    ],
)
def test_wrong_arguments_are_named(tmp_path, arguments, error, message):
    with pytest.raises(error, match=message):
        load("adience", root=tmp_path, **arguments)


@pytest.mark.skipif(not GENUINE.is_file(), reason="the genuine fold file is not here")
def test_the_genuine_fold_file():
    faces = module.read_fold(GENUINE.read_bytes(), "fold_0_data.txt", 0)
    assert len(faces) == 4496
    once = set(faces)
    assert len(once) == 4484
    assert len({(face.user, face.image, face.face_id) for face in once}) == 4484
    assert len({face.user for face in faces}) == 34
    strict = Counter(module.age_class(face.age, "strict") for face in once)
    nearest = Counter(module.age_class(face.age, "nearest") for face in once)
    # counted with awk and sort, without this package
    assert strict == {0: 960, 1: 494, 2: 213, 3: 152, 4: 1574, 5: 554, 6: 219, 7: 139, None: 179}
    assert nearest - strict == {2: 3, 5: 1}
    assert nearest[None] == 175
