import numpy as np
import pytest
import torch

from devtools.data_layouts import (
    AGE_CLASSES,
    add_lines,
    even_list,
    images_of_groups,
    jpeg,
    matlab_file,
    pack,
    picture,
    write,
)
from emdviz.datasets import load
from emdviz.datasets.readers.group_faces import Face, face_corners, read_even_list, read_person_data

pytestmark = pytest.mark.usefixtures("matlab_in_this_process")


def read(root, **arguments):
    arguments.setdefault("size", 20)
    return load("images_of_groups", root=root, **arguments)


def people_of(files):
    """Every face of a layout: photograph, left eye, right eye, age class, gender."""
    people = []
    for name in sorted(name for name in files if name.endswith("PersonData.txt")):
        for line in files[name].decode().splitlines():
            fields = line.split("\t")
            if len(fields) == 1:
                photograph = line
                continue
            *eyes, age, gender = map(int, fields)
            people.append((photograph, eyes[:2], eyes[2:], age, gender))
    return people


def with_lists(files, train=70, test=21):
    """Add the authors' lists to a layout, with so many faces of 7 classes in turn."""
    people = sorted(people_of(files))
    by_age = [[person for person in people if person[3] == age] for age in AGE_CLASSES]
    even = [person for group in zip(*by_age, strict=False) for person in group]
    files["AgeGender/eventrain.mat"] = matlab_file(trcoll=even_list(even[:train]))
    files["AgeGender/eventest.mat"] = matlab_file(tecoll=even_list(even[-test:]))
    return even[:train], even[-test:]


def counts(data, *names):
    return sum(torch.bincount(data.split(name).labels, minlength=7) for name in names).tolist()


def check_upright(data):
    """Red left eye, blue right eye, both on the eye line; the disc between as grey as its class."""
    size = data.inputs.shape[-1]
    row, left, right = int(0.4 * size), int(0.375 * size), int(0.625 * size)
    for image, label in zip(data.inputs.int(), data.labels.tolist(), strict=True):
        red, blue = (image[:, row - 1 : row + 1, k - 1 : k + 1] for k in (left, right))
        assert red[0].min() > 150 > 100 > red[1:].max()
        assert blue[2].min() > 150 > 100 > blue[:2].max()
        cheek = image[:, int(0.6 * size), size // 2].double().mean()
        assert abs(cheek - (70 + 150 * label / 6)) < 12


def test_faces_are_cut_out_upright_with_level_eyes(tmp_path):
    data = read(write(tmp_path, images_of_groups(42)), size=40)
    check_upright(data)
    assert data.inputs.dtype == torch.uint8
    assert data.classes == ["0-2", "3-7", "8-12", "13-19", "20-36", "37-65", "66+"]
    assert data.positions == [1, 5, 10, 16, 28, 51, 75]
    assert data.unit == "years"
    assert "non-commercial research only" in data.licence


@pytest.mark.parametrize("degrees", [0, 30, -45, 90, 180])
def test_the_square_around_a_face_turns_with_it(degrees):
    turn = np.exp(1j * np.radians(degrees))
    points = 100 + 100j + turn * np.array([-10, 10])
    corners = face_corners((*_xy(points[0]), *_xy(points[1])))
    expected = (
        100 + 100j + turn * (np.array([-40, -40, 40, 40]) + 1j * np.array([-32, 48, 48, -32]))
    )
    np.testing.assert_allclose(corners, [value for point in expected for value in _xy(point)])


def _xy(point):
    return point.real, point.imag


@pytest.mark.slow
def test_without_lists_the_classes_are_even_and_photographs_apart(tmp_path):
    data = read(write(tmp_path, images_of_groups(84)), seed=1)
    for names in (("test",), ("train", "valid")):
        numbers = counts(data, *names)
        assert len(set(numbers)) == 1
    assert counts(data, "test")[0] >= 6
    assert counts(data, "train", "valid")[0] >= 20
    parts = [{data.groups[k] for k in split.tolist()} for split in data.splits.values()]
    assert not parts[0] & parts[1] | parts[0] & parts[2] | parts[1] & parts[2]
    assert "the authors' lists are not there" in data.notes[0]
    assert "with seed 1" in data.notes[0]
    assert data.report.surplus == 252 - len(data)
    again = read(tmp_path, seed=1)
    assert again.groups == data.groups
    assert read(tmp_path, seed=2).groups != data.groups


def test_at_most_500_and_150_of_each_class_are_taken(tmp_path, monkeypatch):
    from emdviz.datasets.sets.images_of_groups import PER_CLASS

    assert PER_CLASS == {"test": 150, "train": 500}
    monkeypatch.setitem(PER_CLASS, "test", 3)
    monkeypatch.setitem(PER_CLASS, "train", 10)
    data = read(write(tmp_path, images_of_groups(84)))
    assert counts(data, "test") == [3] * 7
    assert counts(data, "train", "valid") == [10] * 7


def test_the_lists_of_the_authors_decide_if_they_are_there(tmp_path):
    files = images_of_groups(84)
    train, test = with_lists(files)
    data = read(write(tmp_path, files), size=40)
    check_upright(data)
    assert len(data.splits["test"]) == len(test)
    assert len(data) == len(test) + len(train)
    assert counts(data, "test") == [3] * 7
    assert counts(data, "train", "valid") == [10] * 7
    assert data.notes[0] == "faces and test set are those of the authors' lists"
    assert data.report.listed == 91
    assert data.report.surplus == 0


@pytest.mark.slow
def test_photographs_with_faces_in_both_lists_are_reported(tmp_path):
    files = images_of_groups(42)
    people = sorted(people_of(files))
    files["eventrain.mat"] = matlab_file(trcoll=even_list(people[:100]))
    files["eventest.mat"] = matlab_file(tecoll=even_list(people[100:]))
    data = read(write(tmp_path, files))
    assert "1 training faces are from photographs that have test faces too" in data.notes
    assert data.groups is None
    files["eventrain.mat"] = matlab_file(trcoll=even_list(people[:99]))
    files["eventest.mat"] = matlab_file(tecoll=even_list(people[99:]))
    apart = read(write(tmp_path, files))
    assert len(apart.groups) == len(apart) == 126


def test_a_face_in_both_lists_is_for_test_only(tmp_path):
    files = images_of_groups(42)
    people = sorted(people_of(files))
    files["eventrain.mat"] = matlab_file(trcoll=even_list(people[:60]))
    files["eventest.mat"] = matlab_file(tecoll=even_list(people[57:80]))
    data = read(write(tmp_path, files))
    assert data.report.copies == 3
    assert len(data.splits["test"]) == 23
    assert len(data) == 80


def test_one_list_without_the_other_is_refused(tmp_path):
    files = images_of_groups(42)
    with_lists(files)
    del files["AgeGender/eventest.mat"]
    message = r"both eventest\.mat and eventrain\.mat or neither, it lacks eventest\.mat"
    with pytest.raises(FileNotFoundError, match=message):
        read(write(tmp_path, files))


def test_copies_conflicts_and_faces_without_eyes_are_counted(tmp_path):
    files = images_of_groups(84)
    name = "Fam2a/PersonData.txt"
    photograph, first, second = files[name].decode().splitlines()[:3]
    *eyes, age, gender = second.split("\t")
    other = "\t".join([*eyes, "75" if age != "75" else "1", gender])
    add_lines(files, name, [photograph, first, other, "5\t6\t5\t6\t28\t1"])
    # the same photograph in another folder
    files[f"Wed5a/{photograph}"] = files[f"Fam2a/{photograph}"]
    add_lines(files, "Wed5a/PersonData.txt", [photograph, first])
    report = read(write(tmp_path, files)).report
    assert (report.copies, report.conflicting, report.without_eyes) == (2, 2, 1)
    assert report.listed == 256
    assert report.kept + report.surplus == 251
    assert "2 lines that repeat one, 2 lines that contradict each other" in str(report)
    assert "1 faces without two eyes" in str(report)


def test_zip_files_windows_line_ends_and_any_letters(tmp_path):
    files = images_of_groups(84)
    lines = files["Fam2a/PersonData.txt"].decode().splitlines()
    typed, stored = "fa\u0308rg \u5bb6.jpg", "f\u00e4rg \u5bb6.jpg"
    files[f"Fam2a/{stored}"] = files.pop(f"Fam2a/{lines[0]}")
    files["Fam2a/PersonData.txt"] = "\r\n".join([typed, *lines[1:], ""]).encode()
    data = read(pack(tmp_path / "all.zip", files))
    assert data.report.listed == 252
    assert data.report.missing == ()
    assert data.report.kept + data.report.surplus == 252


def test_missing_and_broken_photographs_are_counted_and_named(tmp_path):
    files = images_of_groups(84)
    names = [name for name in files if name.endswith(".jpg")]
    for name in names[:6]:
        del files[name]
    for name in names[6:40]:
        files[name] = files[name][:100]
    write(tmp_path, files)
    with pytest.warns(UserWarning, match="left out") as caught:
        data = read(tmp_path)
    missing, unreadable = (str(warning.message) for warning in caught)
    assert f"not in {tmp_path}: 6 (" in missing
    assert missing.count("@N07.jpg") == 5
    assert "not readable as an image (" in unreadable
    assert len(data.report.missing) == 6
    assert set(data.report.unreadable) <= set(names[6:40])
    assert data.report.kept == len(data)


def test_a_face_outside_its_photograph_is_unreadable(tmp_path):
    files = images_of_groups(42)
    train, _ = with_lists(files)
    far = (train[0][0], (900, 900), (920, 900), 1, 1)
    files["AgeGender/eventrain.mat"] = matlab_file(trcoll=even_list([*train, far]))
    with pytest.warns(UserWarning, match="1 not readable as an image"):
        data = read(write(tmp_path, files))
    assert len(data) == 91


def test_a_class_without_faces_is_refused(tmp_path):
    files = images_of_groups(42)
    for name in [name for name in files if name.endswith("PersonData.txt")]:
        files[name] = files[name].replace(b"\t51\t", b"\t28\t")
    message = "faces of every class for every split, none of 37-65 is left for test"
    with pytest.raises(ValueError, match=message):
        read(write(tmp_path, files))


def test_missing_labels_and_photographs_are_named(tmp_path):
    write(tmp_path / "empty", {"Fam2a/a.jpg": jpeg(picture(1, 0.5))})
    with pytest.raises(FileNotFoundError, match=r"holds no PersonData\.txt: .*never downloaded"):
        read(tmp_path / "empty")
    write(tmp_path / "faceless", {"Fam2a/PersonData.txt": b""})
    with pytest.raises(FileNotFoundError, match=r"root lists no faces: .*never downloaded"):
        read(tmp_path / "faceless")
    files = images_of_groups(14)
    labels = {name: files[name] for name in files if name.endswith(".txt")}
    with pytest.raises(FileNotFoundError, match=r"none of the images that the labels name, 14 \("):
        read(write(tmp_path / "labels", labels))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1\t2\t3\t4\t28", r"Fam2a/PersonData\.txt, line 2: a face must be six numbers between"),
        ("1\t2\t3\t4\t28\t1\t7", "line 2: a face must be six numbers"),
        ("1\t2\t3\tx\t28\t1", "line 2: a face must be six numbers"),
        ("1 2 3 4 28 1", "line 2: expected the name of an image, got '1 2 3 4 28 1'"),
        ("../b.jpg", r"line 2: '\.\./b\.jpg' is not the plain name"),
        ("1\t2\t3\t4\t30\t1", r"line 2: age class must be one of \[1, 5, 10, .*\], got 30"),
        ("1\t2\t3\t4\t28\t3", "line 2: gender must be 1 or 2, got 3"),
        ("1\t2\t3\tinf\t28\t1", "line 2: eyes must lie in the photograph, got .*inf"),
        ("1\t2\t3\t1e6\t28\t1", r"line 2: eyes must lie in the photograph, got .*1000000"),
    ],
)
def test_lines_that_make_no_sense_are_refused(line, message):
    with pytest.raises(ValueError, match=message):
        read_person_data(f"a.jpg\n{line}\n".encode(), "Fam2a/PersonData.txt")


def test_a_face_before_any_photograph_is_refused():
    with pytest.raises(ValueError, match=r"line 1: a face must follow the name of its photograph"):
        read_person_data(b"1\t2\t3\t4\t28\t1\n", "PersonData.txt")


PERSON = ("Fam2a\\a.jpg", (1, 2), (3, 2), 28, 1)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.zeros(3), "trcoll of eventrain.mat must be one struct with the fields"),
        ({"name": ["a.jpg"]}, "trcoll of eventrain.mat must be one struct with the fields"),
        (even_list([PERSON]) | {"ageClass": np.array([[7]])}, "face 1: age class .*got 7"),
        (
            even_list([PERSON]) | {"genClass": np.array([[1, 2]])},
            "trcoll.genClass of eventrain.mat",
        ),
        (
            even_list([PERSON]) | {"facePosSize": np.zeros((7, 1))},
            r"shape \(1, 7\), got .*\(7, 1\)",
        ),
        (
            even_list([PERSON]) | {"name": np.zeros(1)},
            "trcoll.name of eventrain.mat must be a cell",
        ),
        (even_list([PERSON]) | {"name": ["C:\\x\\"]}, "face 1: '' is not the plain name"),
    ],
)
def test_lists_that_make_no_sense_are_refused(value, message):
    with pytest.raises(ValueError, match=message):
        read_even_list(matlab_file(trcoll=value), "eventrain.mat")


def test_a_list_is_read_whatever_folder_its_authors_had():
    faces = read_even_list(matlab_file(trcoll=even_list([PERSON] * 2)), "eventrain.mat")
    assert faces == [Face("a.jpg", (1, 2, 3, 2), 4)] * 2


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"size": 8}, ValueError, "size must be an integer, 16 to 256, got 8"),
        ({"seed": 0.5}, ValueError, r"seed must be an integer, 0 or more, got 0\.5"),
    ],
)
def test_wrong_arguments_are_named(tmp_path, arguments, error, message):
    with pytest.raises(error, match=message):
        read(tmp_path, **arguments)
