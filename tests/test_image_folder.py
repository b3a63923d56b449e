import numpy as np
import pytest
import torch
from PIL import Image

from devtools.data_layouts import colours, jpeg, pack, write
from emdviz.datasets import image_folder, load


def folders(names, each=2, first=0):
    """Images in a folder per class, all different."""
    return {
        f"{name}/{k}.jpg": jpeg(colours(first + 100 * c + k))
        for c, name in enumerate(names)
        for k in range(each)
    }


def table(root, text, name="labels.csv"):
    (root / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return image_folder(root, labels=name)


def names_of(data, root):
    """Find out which file each image came from, by its pixels."""
    files = {}
    for path in root.rglob("*.jpg"):
        image = Image.open(path).resize((48, 48), Image.Resampling.BILINEAR)
        files[np.asarray(image).transpose(2, 0, 1).tobytes()] = path.relative_to(root).as_posix()
    return [files[image.tobytes()] for image in data.inputs.numpy()]


def test_folders_are_classes_in_the_order_in_which_people_count(tmp_path):
    write(tmp_path, folders(["10", "2", "1"]))
    data = load("image_folder", root=tmp_path)
    assert data.classes == ["1", "2", "10"]
    assert data.labels.tolist() == [0, 0, 2, 2, 1, 1]  # by path
    assert names_of(data, tmp_path) == ["1/0.jpg", "1/1.jpg", "10/0.jpg", "10/1.jpg", "2/0.jpg",
                                        "2/1.jpg"]  # fmt: skip
    assert data.name == tmp_path.name
    assert data.positions == [1, 2, 10]


def test_the_order_can_be_given_and_classes_have_positions(tmp_path):
    write(tmp_path, folders(["good", "bad", "fair"]))
    data = image_folder(
        tmp_path, classes=["bad", "fair", "good"], positions=[0, 2, 3], unit="marks", licence="mine"
    )
    assert data.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert (data.positions, data.unit, data.licence) == ([0, 2, 3], "marks", "mine")


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (["<18", "18-30", "31-60", ">60"], "ranges of numbers"),
        (["never", "sometimes", "always"], "frequencies"),
        (["S", "M", "XL"], "sizes"),
        (["Under 18", "18 to 64", "65 years or older"], "ranges of numbers"),
    ],
)
def test_known_orders_are_found_and_reported(tmp_path, names, kind):
    data = image_folder(write(tmp_path, folders(names)))
    assert data.classes == names
    assert f"classes are in order as {kind}" in data.notes
    assert " < ".join(names) in repr(data)
    assert data.positions is None


def test_words_in_no_known_order_are_refused_with_classes_to_paste(tmp_path):
    write(tmp_path, folders(["good", "bad", "fair"]))
    with pytest.raises(ValueError, match=r"and pass classes=\['bad', 'fair', 'good'\]"):
        image_folder(tmp_path)
    assert image_folder(tmp_path, classes=["bad", "fair", "good"]).classes[0] == "bad"


def test_one_number_in_several_spellings_is_one_class(tmp_path):
    write(tmp_path, folders(["a"], 6))
    labels = ["3", "3.0", "1", "1.0", "2", "2.0"]
    lines = [f"a/{k}.jpg,{label}" for k, label in enumerate(labels)]
    data = table(tmp_path, "path,label\n" + "\n".join(lines))
    assert data.classes == ["1", "2", "3"]
    assert data.labels.tolist() == [2, 2, 0, 0, 1, 1]
    assert any("spellings of one class: 1/1.0, 2/2.0, 3/3.0" in note for note in data.notes)


@pytest.mark.parametrize("word", ["NA", "nan", "unknown"])
def test_words_for_missing_values_are_no_class(tmp_path, word):
    write(tmp_path, folders(["a"], 3))
    with pytest.raises(ValueError, match=f"'{word}' stands for a missing value and is no class"):
        table(tmp_path, f"path,label\na/0.jpg,1\na/1.jpg,2\na/2.jpg,{word}\n")


def test_folders_of_file_managers_are_no_classes(tmp_path):
    write(tmp_path, folders(["1", "2"]))
    for name in ("@eaDir", "$RECYCLE.BIN", "1/@eaDir"):
        write(tmp_path / name, {"0.jpg/SYNOPHOTO_THUMB_M.jpg": jpeg(colours(1))})
    for name in ("System Volume Information", "#recycle", "lost+found"):
        (tmp_path / name).mkdir()
    data = image_folder(tmp_path)
    assert data.classes == ["1", "2"]
    assert len(data) == 4


def test_images_are_known_by_their_content(tmp_path):
    files = folders(["1", "2"], 4)
    odd = {"1/4.jfif": files["1/0.jpg"], "1/5": files["1/1.jpg"], "2/6.jpe": files["2/0.jpg"]}
    write(tmp_path, files | odd | {"2/film.mov": b"\0\0\0 ftypqt", "labels.csv": b"?"})
    with pytest.warns(UserWarning, match=r"^1 files that are no images \(2/film\.mov\) in"):
        data = image_folder(tmp_path)
    assert len(data) == 11
    assert data.report.other_files == ("2/film.mov", "labels.csv")


def test_a_photograph_that_needs_a_plugin_names_it(tmp_path):
    write(tmp_path, folders(["1", "2"]) | {"1/7.heic": b"\0\0\0\x18ftypheic" + bytes(99)})
    with pytest.warns(UserWarning, match=r"1/7\.heic.*HEIC with the package pillow-heif"):
        assert len(image_folder(tmp_path)) == 4


def test_a_table_may_say_its_separator_and_paths_from_the_top(tmp_path):
    write(tmp_path, folders(["a"], 2))
    data = table(tmp_path, f"sep=;\npath;label\n{tmp_path}/a/0.jpg;1\n{tmp_path}/a/1.jpg;2\n")
    assert data.labels.tolist() == [0, 1]


def test_real_numbers_may_have_a_decimal_comma_and_are_kept(tmp_path):
    write(tmp_path, folders(["a"], 4))
    lines = [f"a/{k}.jpg;{score}" for k, score in enumerate(["0,1", "2,5", "0,25", "3"])]
    (tmp_path / "my.csv").write_text("path;label\n" + "\n".join(lines))
    data = image_folder(tmp_path, labels="my.csv", bins=2)
    assert data.scores.tolist() == [0.1, 2.5, 0.25, 3]
    assert data.labels.tolist() == [0, 1, 0, 1]


def test_images_in_deeper_folders_belong_to_their_class(tmp_path):
    write(tmp_path, {"low/a/b/1.jpg": jpeg(colours(1)), "high/2.jpg": jpeg(colours(2))})
    assert image_folder(tmp_path).labels.tolist() == [1, 0]


def test_a_zip_with_one_folder_around_all_is_the_same_as_the_folder(tmp_path):
    files = folders(["low", "high"], 5)
    folder = write(tmp_path / "set", files)
    packed = {f"around/{name}": content for name, content in files.items()}
    packed["__MACOSX/around/low/._0.jpg"] = b"hidden"
    one, other = image_folder(folder), image_folder(pack(tmp_path / "set.zip", packed))
    assert one.classes == other.classes == ["low", "high"]
    torch.testing.assert_close(one.inputs, other.inputs, atol=0, rtol=0)
    assert one.name == other.name == "set"


def test_folders_named_as_splits_are_splits(tmp_path):
    for k, split in enumerate(["train", "val", "test"]):
        write(tmp_path / split, folders(["1", "2"], first=1000 * k))
    data = image_folder(tmp_path)
    assert data.classes == ["1", "2"]
    assert {name: names_of(data, tmp_path)[part[0]] for name, part in data.splits.items()} == {
        "train": "train/1/0.jpg", "valid": "val/1/0.jpg", "test": "test/1/0.jpg"
    }  # fmt: skip


def test_without_a_validation_split_a_tenth_of_training_is_set_aside(tmp_path):
    write(tmp_path / "train", folders(["1", "2"], 20))
    write(tmp_path / "test", folders(["1", "2"], 3, first=1000))
    data = image_folder(tmp_path, size=16)
    assert {name: len(part) for name, part in data.splits.items()} == {
        "train": 36, "valid": 4, "test": 6
    }  # fmt: skip
    assert "a tenth of the training images is set aside for validation" in data.notes


def test_a_table_names_paths_and_labels(tmp_path):
    write(tmp_path, folders(["a"], 4))
    text = "path,label\na/3.jpg,10\na/0.jpg,9\na/1.jpg,10\n"
    data = table(tmp_path, text)
    assert data.classes == ["9", "10"]
    assert data.labels.tolist() == [1, 0, 1]
    assert names_of(data, tmp_path) == ["a/3.jpg", "a/0.jpg", "a/1.jpg"]


@pytest.mark.parametrize(
    "content",
    [
        "path,label\r\na/0.jpg,low\r\na/1.jpg,high\r\n".encode("utf-8-sig"),
        b"label;path;remark\nlow;a/0.jpg;x\n\nhigh;a/1.jpg;y\n",
        b'Path\tLabel\n"a/0.jpg"\tlow\n.\\a\\1.jpg\thigh\n',
        b"path,label\na/0.jpg,low\na/1.jpg,high\na/0.jpg,low\n",
    ],
    ids=["Windows and a mark", "semicolons", "tabs and backslashes", "duplicate lines"],
)
def test_tables_come_in_many_shapes(tmp_path, content):
    write(tmp_path, folders(["a"]))
    data = table(tmp_path, content)
    assert data.classes == ["low", "high"]
    assert data.labels.tolist() == [0, 1]
    assert ("1 lines of labels.csv that repeat another" in str(data.report)) == (
        content.count(b"a/0.jpg") == 2
    )


def test_names_beyond_ascii_are_found_however_they_are_composed(tmp_path):
    # the file has one letter, the table a letter and its accent
    write(tmp_path, {"caf\u00e9/\u96ea 1.jpg": jpeg(colours(1)), "b.jpg": jpeg(colours(2))})
    data = table(tmp_path, "path,label\ncafe\u0301/\u96ea 1.jpg,2\nb.jpg,1\n")
    assert data.classes == ["1", "2"]
    assert len(data) == 2


def test_numbers_are_cut_into_bins_with_their_means_as_positions(tmp_path):
    write(tmp_path, folders(["a"], 6))
    lines = [f"a/{k}.jpg,{score}" for k, score in enumerate([0.1, 0.9, 0.2, 0.5, 0.4, 0.8])]
    (tmp_path / "my.csv").write_text("path,label\n" + "\n".join(lines))
    balanced = image_folder(tmp_path, labels=tmp_path / "my.csv", bins=3, unit="points")
    assert balanced.labels.tolist() == [0, 2, 0, 1, 1, 2]
    np.testing.assert_allclose(balanced.positions, [0.15, 0.45, 0.85])
    assert balanced.classes == ["0.1-0.3", "0.3-0.65", "0.65-0.9"]
    cut = image_folder(tmp_path, labels="my.csv", bins=[0.5], positions=[0.25, 0.75])
    assert cut.labels.tolist() == [0, 1, 0, 1, 0, 1]
    assert cut.positions == [0.25, 0.75]


def test_the_table_can_hold_splits_and_groups(tmp_path):
    write(tmp_path, folders(["a"], 6))
    splits = ["train", "train", "Validation", "valid", "test", "testing"]
    lines = [f"a/{k}.jpg,{k % 2},{split},p{k // 2}" for k, split in enumerate(splits)]
    data = table(tmp_path, "path,label,split,group\n" + "\n".join(lines))
    assert {name: part.tolist() for name, part in data.splits.items()} == {
        "train": [0, 1], "valid": [2, 3], "test": [4, 5]
    }  # fmt: skip
    assert data.groups == ("p0", "p0", "p1", "p1", "p2", "p2")


def test_groups_stay_together(tmp_path):
    write(tmp_path, folders(["a"], 60))
    data = table(
        tmp_path,
        "path,label,group\n" + "\n".join(f"a/{k}.jpg,{k % 2},person {k % 20}" for k in range(60)),
    )
    people = [{data.groups[k] for k in part.tolist()} for part in data.splits.values()]
    assert [len(part) for part in people] == [16, 2, 2]
    assert set.union(*people) == {f"person {k}" for k in range(20)}


def test_images_that_are_not_there_are_counted_and_named(tmp_path):
    write(tmp_path, folders(["a"]))
    lines = "".join(f"a/gone {k}.jpg,0\n" for k in range(7))
    (tmp_path / "labels.csv").write_text(f"path,label\na/0.jpg,0\na/1.jpg,1\n../a/1.jpg,1\n{lines}")
    wanted = r"not in .*: 8 \(\.\./a/1\.jpg, a/gone 0\.jpg, .*a/gone 3\.jpg, …\); left out"
    with pytest.warns(UserWarning, match=wanted):
        data = image_folder(tmp_path, labels="labels.csv")
    assert len(data) == 2
    assert "images that are not there: 8 (" in str(data.report)


def test_broken_images_and_stray_files_are_left_out_and_counted(tmp_path):
    files = folders(["low", "high"])
    files |= {"low/broken.jpg": files["low/0.jpg"][:100], "low/empty.png": b"", "notes.txt": b"?"}
    write(tmp_path, files | {"stray.jpg": jpeg(colours(9))})
    with pytest.warns(UserWarning, match="left out") as caught:
        data = image_folder(tmp_path)
    messages = sorted(str(warning.message) for warning in caught)
    assert messages[0].startswith("1 images outside the class folders (stray.jpg) in")
    assert messages[1].startswith("2 not readable as an image (low/broken.jpg, low/empty.png) in")
    assert len(data) == 4
    assert data.report.other_files == ("notes.txt",)
    assert str(data.report).startswith(
        "4 images kept of 8 files; left out: files that are no images: 1 (notes.txt),"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "must begin with a line that names the columns path and label"),
        (b"file,label\na/0.jpg,1\n", "columns path and label .* got 'file,label'"),
        (b"path,label,label\na/0.jpg,1,1\n", "each once"),
        (b"path,label\n", "has no line but the names of its columns"),
        (b"path,label\na/0.jpg\n", "line 2: label must not be empty, got 'a/0.jpg, '"),
        (
            b"path,label\na/0.jpg,1,5\n",
            "line 2, saw 3; what holds a ',' itself must",
        ),
        (b"path,label\na/0.jpg,1\na/1.jpg,1\n", r"at least two classes, got \['1'\]"),
        (b'path,label\na/0.jpg,"1\n', "EOF inside string starting at row 1"),
        (b"path,label\n\na/0.jpg,\n", "line 3: label must not be empty"),
        (b"path,label\na/0.jpg,1\na/0.jpg,2\n", r"its lines disagree on 1 \(a/0\.jpg\)"),
        (b"path,label\na/0.jpg,\xe4\n", "must be UTF-8 text"),
        (b"path,label\na/0.jpg,1\n./a/0.jpg,2\n", r"its lines disagree on 1 \(a/0\.jpg\)"),
        (b"path,label,split\na/0.jpg,1,train\na/1.jpg,2,later\n", r"'test', got \['later'\]"),
        (
            b"path,label,split\na/0.jpg,1,train\na/1.jpg,2,valid\n",
            r"in the split 'test', only in \['train', 'valid'\]; add some, or name no splits",
        ),
        (b"path,label\na/0.jpg,0.5\na/1.jpg,1\n", "numbers such as 0.5; pass bins"),
        (
            b"path,label,split,group\na/0.jpg,1,train,Ann\na/1.jpg,2,test,Ann\n"
            b"a/2.jpg,2,train,Ben\n",
            "group 'Ann' is in the splits 'train' and 'test'",
        ),
    ],
)
def test_broken_tables_are_refused(tmp_path, text, message):
    write(tmp_path, folders(["a"], 3))
    with pytest.raises(ValueError, match=message):
        table(tmp_path, text)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"classes": ["low", "high", "low"]}, "classes must not name a class twice, got 'low'"),
        ({"classes": ["low", "middle"]}, r"classes must name every label, .* lack 1 \(high\)"),
        ({"classes": ["low", "mid", "high"]}, r"every class must have .* 1 without any \(mid\)"),
        ({"positions": [2, 1]}, "positions must increase"),
        ({"bins": 2}, "bins needs labels"),
        ({"labels": "my.csv", "bins": 2}, r"labels must be numbers .* 1 are not \(high\)"),
        (
            {"labels": "my.csv", "classes": ["0", "1"]},
            r"classes must name every label.* 1 \(high\)",
        ),
        ({"size": 8}, "size must be an integer, 16 to 256, got 8"),
    ],
)
def test_wrong_arguments_are_refused(tmp_path, arguments, message):
    write(tmp_path, folders(["low", "high"]))
    (tmp_path / "my.csv").write_text("path,label\nlow/0.jpg,0\nhigh/0.jpg,high\n")
    with pytest.raises(ValueError, match=message):
        image_folder(tmp_path, **arguments)


def test_a_class_without_an_image_for_training_is_warned_of(tmp_path):
    write(tmp_path / "train", folders(["1", "2"]))
    write(tmp_path / "test", folders(["2", "3"], first=500))
    with pytest.warns(UserWarning, match="no training example of the classes 3$"):
        assert len(image_folder(tmp_path, size=16)) == 8


def test_a_class_folder_without_images_is_refused(tmp_path):
    write(tmp_path, folders(["low", "high"]))
    (tmp_path / "middle").mkdir()
    with pytest.raises(
        ValueError, match=r"must have a readable image, got 1 without .* \(middle\)"
    ):
        image_folder(tmp_path)
    (tmp_path / "middle").rmdir()
    (tmp_path / "low" / "0.jpg").write_bytes(b"no image")
    (tmp_path / "low" / "1.jpg").write_bytes(b"no image")
    with (
        pytest.warns(UserWarning, match="2 not readable"),
        pytest.raises(ValueError, match=r"1 without any \(low\)"),
    ):
        image_folder(tmp_path)


def test_a_missing_file_is_named_with_the_expected_layout(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"root does not exist: .*nowhere.*root/low/1\.jpg"):
        image_folder(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"holds no image: .* of its own.*JPEG, PNG"):
        image_folder(tmp_path)
    write(tmp_path, {"1.jpg": jpeg(colours(1))})
    with pytest.raises(ValueError, match="root must hold a folder for each class"):
        image_folder(tmp_path)
    with pytest.raises(
        FileNotFoundError, match=r"must be a file .* neither .*none\.csv nor .*none"
    ):
        image_folder(tmp_path, labels="none.csv")
    (tmp_path / "my.csv").write_text("path,label\n2.jpg,0\n")
    with pytest.raises(FileNotFoundError, match=r"none of the images .* 1 \(2\.jpg\)"):
        image_folder(tmp_path, labels="my.csv")


VOTES = {"a/0.jpg": (3, 1, 0), "a/1.jpg": (0, 2, 2), "a/2.jpg": (1, 1, 4), "a/3.jpg": (5, 0, 1)}


def test_votes_are_counted_in_columns_or_one_in_each_line(tmp_path):
    write(tmp_path, folders(["a"], 4))
    lines = ["Path;high;low;medium;group"]
    lines += [f"{name};{c[2]};{c[0]};{c[1]};{name[2]}" for name, c in VOTES.items()]
    (tmp_path / "counts.csv").write_text("\n".join(lines))
    single = [
        f"{name},{word}"
        for name, counts in VOTES.items()
        for word, number in zip(["low", "medium", "high"], counts, strict=True)
        for _ in range(number)
    ]
    (tmp_path / "single.csv").write_text("\n".join(["path,label", *single]))
    columns = image_folder(tmp_path, labels="counts.csv", votes=["high", "low", "medium"])
    named = {"votes": ["high", "low", "medium"], "classes": ["low", "medium", "high"]}
    by_name = image_folder(tmp_path, labels="counts.csv", **named)
    rows = image_folder(tmp_path, labels="single.csv", votes=True)
    expected = np.array(list(VOTES.values()))
    for data in (columns, by_name, rows):
        assert data.classes == ["low", "medium", "high"]
        np.testing.assert_allclose(data.votes.numpy(), expected / expected.sum(1, keepdims=True))
        assert data.labels.tolist() == [0, 1, 2, 0]
        assert "votes are shares of 4 to 6 votes in each row" in data.notes
    assert columns.groups == ("0", "1", "2", "3")
    assert rows.report.listed == 20


@pytest.mark.parametrize(
    ("text", "votes", "message"),
    [
        (
            "path,1,2\na/0.jpg,1,2\n",
            ["1", "3"],
            r"lacks the columns \['3'\], it has \['path",
        ),
        ("path,1,2\na/0.jpg,1,x\n", ["1", "2"], r"'2' of my\.csv must be finite numbers.*\(2\)"),
        ("path,1,2\na/0.jpg,1,2\na/0.jpg,1,2\n", ["1", "2"], "one line for each image, got more"),
        ("path,1,2\na/0.jpg,1,2\na/1.jpg,0,0\n", ["1", "2"], r"got none in 1 row \(1\)"),
        ("path,label\na/0.jpg,cat\na/0.jpg,dog\n", True, r"pass classes=\['cat', 'dog'\]"),
    ],
)
def test_votes_that_make_no_sense_are_refused(tmp_path, text, votes, message):
    write(tmp_path, folders(["a"], 4))
    (tmp_path / "my.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        image_folder(tmp_path, labels="my.csv", votes=votes)
    with pytest.raises(ValueError, match="votes needs labels"):
        image_folder(tmp_path, votes=votes)
