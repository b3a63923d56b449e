import pickle

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from devtools.data_layouts import (
    aadb,
    aadb_name,
    aadb_scores,
    add_lines,
    jpeg,
    matlab_file,
    pack,
    picture,
    write,
)
from emdviz.datasets import load
from emdviz.datasets.sets import aadb as module
from emdviz.training import Prediction, measure

LISTS = "imgListFiles_label/"
TRAIN = LISTS + "imgListTrainRegression_score.txt"
TEST = LISTS + "imgListTestNewRegression_score.txt"
VALID = LISTS + "imgListValidationRegression_score.txt"

pytestmark = pytest.mark.usefixtures("matlab_in_this_process")


def read(root, **arguments):
    return load("aadb", root=root, size=16, **arguments)


def counts(data, split):
    return torch.bincount(data.split(split).labels, minlength=len(data.classes)).tolist()


def test_scores_and_images_of_the_matlab_file(tmp_path):
    data = read(write(tmp_path, aadb()))
    expected = sorted(zip(map(aadb_name, range(110)), aadb_scores(110), strict=True))
    assert len(data) == 110
    assert data.scores.dtype == torch.float64
    assert sorted(data.scores.tolist()) == sorted(score for _, score in expected)
    brightness = data.inputs.double().mean((1, 2, 3))
    assert (brightness - 40 - 175 * data.scores).abs().max() < 14
    assert len(data.splits["test"]) == 20
    assert sorted(data.scores[data.splits["test"]].tolist()) == sorted(aadb_scores(110)[90:])
    assert data.unit == "score"
    assert "scores from AADBinfo.mat" in data.notes
    assert any("a tenth of the training images is set aside" in note for note in data.notes)
    assert 6 <= len(data.splits["valid"]) <= 12


def test_the_list_files_say_the_same_and_have_a_validation_list(tmp_path):
    data = read(write(tmp_path, aadb(valid=15, labels="lists")))
    scores = aadb_scores(125)
    parts = {"train": scores[:90], "test": scores[90:110], "valid": scores[110:]}
    for name, expected in parts.items():
        assert sorted(data.scores[data.splits[name]].tolist()) == sorted(expected)
    assert "scores from the list files" in data.notes


def test_the_list_files_count_if_both_are_there(tmp_path):
    write(tmp_path, aadb(labels="lists") | {"AADBinfo.mat": b"not even read"})
    assert "scores from the list files" in read(tmp_path).notes


@pytest.mark.slow
@pytest.mark.parametrize("bins", range(3, 11))
def test_bins_are_balanced_over_the_training_images(tmp_path, bins):
    files = aadb(train=400, labels="lists")
    lines = [
        f"{aadb_name(k)} {score:.6f}"
        for k, score in enumerate(np.random.default_rng(1).random(400))
    ]
    files[TRAIN] = "\n".join(lines).encode()
    data = read(write(tmp_path, files), bins=10).discretize(bins)
    share = len(data.splits["train"]) / bins
    assert all(abs(count - share) < 1 for count in counts(data, "train"))
    assert len(data.classes) == len(data.positions) == bins
    assert data.classes[0].startswith("0-")
    assert data.classes[-1].endswith("-1")


@pytest.mark.slow
def test_equal_scores_stay_together_and_the_sizes_are_reported(tmp_path):
    data = read(write(tmp_path, aadb(train=400)), bins=5)
    labels = {}
    for score, label in zip(data.scores.tolist(), data.labels.tolist(), strict=True):
        assert labels.setdefault(score, label) == label
    sizes = counts(data, "train")
    assert max(sizes) - min(sizes) > 20
    assert tuple(sizes) == data.bins.counts
    told = f"5 bins of {min(sizes)} to {max(sizes)} training images, where equal ones would have"
    assert data.notes[0].startswith(f"{told} {len(data.splits['train']) / 5:g};")


def test_the_position_of_a_class_is_its_mean_training_score(tmp_path):
    data = read(write(tmp_path, aadb(train=200)), bins=6)
    train = data.splits["train"]
    for label, position in enumerate(data.positions):
        members = data.scores[train][data.labels[train] == label]
        assert position == pytest.approx(members.mean().item())
    assert data.positions == sorted(data.positions)
    for name, position in zip(data.classes, data.positions, strict=True):
        low, high = map(float, name.split("-"))
        assert low <= position <= high


@pytest.mark.slow
def test_other_bins_change_only_the_classes(tmp_path):
    data = read(write(tmp_path, aadb(train=200)), bins=8)
    other = data.discretize(3)
    assert other.inputs.data_ptr() == data.inputs.data_ptr()
    assert torch.equal(other.scores, data.scores)
    assert all(torch.equal(other.splits[name], data.splits[name]) for name in data.splits)
    assert other.report == data.report
    assert other.notes[1:] == data.notes[1:]
    again = other.discretize(8)
    assert again.classes == data.classes
    assert torch.equal(again.labels, data.labels)
    direct = read(tmp_path, bins=3)
    assert torch.equal(direct.labels, other.labels)


def test_an_image_in_several_lists_belongs_to_the_test_set(tmp_path):
    files = aadb(valid=15, labels="lists")
    shared = files[TEST].decode().splitlines()[:3]
    add_lines(files, VALID, shared)
    add_lines(files, TRAIN, [shared[0], files[VALID].decode().splitlines()[0]])
    data = read(write(tmp_path, files))
    assert data.report.shared == 5
    assert [len(data.splits[name]) for name in ("train", "valid", "test")] == [91, 14, 20]
    assert "5 lines whose image is for test or training already" in str(data.report)


def test_copies_are_kept_once_and_conflicts_not_at_all(tmp_path):
    files = aadb(labels="lists")
    first, second = files[TRAIN].decode().splitlines()[:2]
    add_lines(files, TRAIN, [first, second.split(" ")[0] + " 0.0123"])
    report = read(write(tmp_path, files)).report
    assert (report.copies, report.conflicting, report.kept) == (1, 2, 109)


def test_copies_stay_in_the_test_set_as_it_was_published(tmp_path):
    files = aadb(labels="lists")
    first = files[TEST].decode().splitlines()[0]
    add_lines(files, TEST, [first])
    add_lines(files, TRAIN, [first])
    data = read(write(tmp_path, files))
    assert (data.report.copies, data.report.kept_copies, data.report.shared) == (0, 1, 1)
    assert len(data.split("test")) == 21
    assert len(data) == 111


@pytest.mark.slow
def test_images_come_from_the_small_folder_if_it_is_there(tmp_path):
    files = aadb()
    for name in [name for name in files if name.startswith("datasetImages_warp256")][:40]:
        small = name.replace("datasetImages_warp256", "AADB_newtest_originalSize")
        files[small] = jpeg(picture(0, 0))
    expected = read(write(tmp_path / "small", aadb()))
    data = read(write(tmp_path / "both", files))
    torch.testing.assert_close(data.inputs, expected.inputs, atol=0, rtol=0)


def test_original_images_are_squeezed_as_the_authors_do(tmp_path):
    files = aadb(folder="datasetImages_originalSize")
    wide = picture(3, 0.5, size=64).resize((96, 32))
    files[f"datasetImages_originalSize/{aadb_name(0)}"] = jpeg(wide)
    data = read(write(tmp_path, files), cache=False)
    brightest = (data.scores == aadb_scores(110)[0]).nonzero().flatten().tolist()
    squeezed = torch.from_numpy(np.array(wide.resize((16, 16), 2))).permute(2, 0, 1).double()
    differences = [(data.inputs[k].double() - squeezed).abs().mean() for k in brightest]
    assert min(differences) < 4


@pytest.mark.slow
@pytest.mark.parametrize("digits", [2, 3])
def test_test_images_may_have_their_score_in_front(tmp_path, digits):
    files = aadb()
    for number, score in list(enumerate(aadb_scores(110)))[90:]:
        content = files.pop(f"datasetImages_warp256/{aadb_name(number)}")
        files[f"AADB_newtest/{score:.{digits}f}_{aadb_name(number)}"] = content
    expected = read(write(tmp_path / "plain", aadb()))
    data = read(write(tmp_path / "prefixed", files))
    torch.testing.assert_close(data.inputs, expected.inputs, atol=0, rtol=0)


def test_zip_files_windows_line_ends_and_any_letters(tmp_path):
    files = aadb(labels="lists")
    add_lines(files, TRAIN, ["fa\u0308rg \u5bb6 1.jpg 0.5"])
    files["datasetImages_warp256/f\u00e4rg \u5bb6 1.jpg"] = jpeg(picture(7, 0.5))
    expected = read(write(tmp_path / "unix", files))
    for name in (TRAIN, TEST):
        files[name] = files[name].replace(b"\n", b"\r\n")
    data = read(pack(tmp_path / "windows" / "AADB.zip", files).parent)
    assert len(data) == len(expected) == 111
    assert torch.equal(data.scores, expected.scores)


def test_missing_and_broken_images_are_counted_and_named(tmp_path):
    files = aadb()
    names = [name for name in files if name.startswith("datasetImages")]
    for name in names[:6]:
        del files[name]
    files[names[6]], files[names[7]] = b"", files[names[7]][:150]
    write(tmp_path, files)
    with pytest.warns(UserWarning, match="left out") as caught:
        data = read(tmp_path)
    missing, unreadable = (str(warning.message) for warning in caught)
    assert f"not in {tmp_path}: 6 ({aadb_name(0)}, " in missing
    assert aadb_name(5) not in missing
    assert unreadable.startswith("2 not readable as an image (datasetImages_warp256/")
    assert data.report.kept == len(data) == len(data.scores) == 102
    assert len(data.report.missing) == 6


def test_missing_lists_and_images_are_named(tmp_path):
    files = aadb(labels="lists")
    write(tmp_path / "lists", {name: files[name] for name in (TRAIN, TEST)})
    with pytest.raises(FileNotFoundError, match=r"none of the images .* 110 \(farm.*, …\)"):
        read(tmp_path / "lists")
    del files[TEST]
    write(tmp_path / "half", files)
    message = r"neither AADBinfo\.mat nor both imgListTrainRegression_score\.txt and imgListTestNew"
    with pytest.raises(FileNotFoundError, match=message):
        read(tmp_path / "half")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a.jpg", r"line 1: expected a file name, a space and a score, got 'a\.jpg'"),
        ("a.jpg high", "line 1: expected a file name, a space and a score"),
        ("0.5", "line 1: expected a file name"),
        ("a.jpg 1.01", r"line 1: the score of a\.jpg must be from 0 to 1, got 1\.01"),
        ("a.jpg -0.1", r"must be from 0 to 1, got -0\.1"),
        ("a.jpg nan", "must be from 0 to 1, got nan"),
        ("../a.jpg 0.5", r"line 1: '\.\./a\.jpg' is not the plain name"),
    ],
)
def test_lines_that_make_no_sense_are_refused(line, message):
    with pytest.raises(ValueError, match=message):
        module.read_score_list(line.encode(), "list.txt")


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("something was unpickled",))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pickle.dumps(Bomb()), r"AADBinfo\.mat is not a whole MATLAB file"),
        (b"", r"AADBinfo\.mat is not a whole MATLAB file"),
        (b"MATLAB 7.3 MAT-file", r"AADBinfo\.mat is a MATLAB 7\.3 \(HDF5\) file"),
        (matlab_file(trainScore=[[0.5]]), r"lacks \['testNameList', 'testScore', 'trainNameList'"),
        (
            matlab_file(
                trainNameList=["a.jpg", "b.jpg"], trainScore=[[0.5]],
                testNameList=["c.jpg"], testScore=[[0.5]],
            ),
            r"trainScore of AADBinfo\.mat must be numbers of shape \(2, 1\), got float64",
        ),
        (
            matlab_file(
                trainNameList=["a.jpg"], trainScore=[[5]], testNameList=["c.jpg"], testScore=[[0]]
            ),
            r"AADBinfo\.mat: the score of a\.jpg must be from 0 to 1, got 5",
        ),
        (
            matlab_file(
                trainNameList=["../a.jpg"], trainScore=[[1]], testNameList=["c"], testScore=[[0]]
            ),
            r"trainNameList of AADBinfo\.mat, cell 1: '\.\./a\.jpg' is not the plain name",
        ),
    ],
)  # fmt: skip
def test_matlab_files_that_make_no_sense_are_refused(tmp_path, content, message):
    with pytest.raises(ValueError, match=message):
        read(write(tmp_path, {"AADBinfo.mat": content}))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"bins": 1}, ValueError, "bins must be an integer, 2 to 100, got 1"),
        ({"bins": 5.0}, ValueError, r"bins must be an integer, 2 to 100, got 5\.0"),
        ({"size": 300}, ValueError, "size must be an integer, 16 to 256, got 300"),
        ({"seed": -1}, ValueError, "seed must be an integer, 0 or more, got -1"),
    ],
)
def test_wrong_arguments_are_named(tmp_path, arguments, error, message):
    with pytest.raises(error, match=message):
        load("aadb", root=tmp_path, **arguments)


def test_more_bins_than_scores_are_refused(tmp_path):
    data = read(write(tmp_path, aadb()), bins=3)
    different = len(data.scores[data.splits["train"]].unique())
    with pytest.raises(ValueError, match=f"different values, {different}, got 90"):
        data.discretize(90)
    with pytest.raises(ValueError, match="bins must be an integer, 2 to 100, got 1"):
        data.discretize(1)


def test_spearman_is_that_of_expected_and_real_scores(tmp_path):
    data = read(write(tmp_path, aadb(train=200)), bins=4)
    test = data.split("test")
    assert torch.equal(test.scores, data.scores[data.splits["test"]])
    p = torch.softmax(torch.randn(len(test), 4, generator=torch.Generator().manual_seed(0)), dim=1)
    expected = p.double() @ torch.tensor(data.positions, dtype=torch.float64)
    found = measure(Prediction(p.argmax(dim=1), p), test, 4)["Spearman"]
    assert found == pytest.approx(spearmanr(expected, test.scores).statistic)
    # regression counts by what it says, not by the class that it is rounded to
    outputs = test.scores.float() * 3 + 1e-3
    regression = Prediction(outputs.round().long().clamp(0, 3), None, outputs=outputs)
    assert measure(regression, test, 4)["Spearman"] == pytest.approx(1)


def test_errors_are_in_the_unit_of_the_scores(tmp_path):
    test = read(write(tmp_path, aadb(train=200)), bins=4).split("test")
    p = torch.softmax(torch.randn(len(test), 4, generator=torch.Generator().manual_seed(0)), dim=1)
    errors = p.double() @ torch.tensor(test.positions, dtype=torch.float64) - test.scores
    found = measure(Prediction(p.argmax(dim=1), p), test, 4)["score MAE"]
    assert found == pytest.approx(errors.abs().mean().item(), rel=1e-5)
    # regression in class steps says a score between the positions of two classes
    steps = torch.full((len(test),), 1.5)
    regression = Prediction(steps.round().long(), None, outputs=steps)
    between = (test.positions[1] + test.positions[2]) / 2
    found = measure(regression, test, 4)["score MAE"]
    assert found == pytest.approx((test.scores - between).abs().mean().item(), rel=1e-5)
