import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_iris

from devtools.data_layouts import colours
from emdviz.datasets import from_arrays, from_torch

ROWS = np.random.default_rng(0).normal(size=(60, 4))
LABELS = np.arange(60) % 3


@pytest.mark.parametrize(
    "inputs",
    [
        ROWS,
        ROWS.astype(np.float32),
        torch.from_numpy(ROWS),
        ROWS.tolist(),
        pd.DataFrame(ROWS, columns=list("abcd"), index=range(100, 160)),
        pd.DataFrame(ROWS).convert_dtypes(),
        ROWS[::-1].copy()[::-1],
        np.asfortranarray(ROWS),
        ROWS.astype(">f8"),
    ],
    ids=["NumPy", "float32", "torch", "lists", "pandas", "pandas' own types", "backwards", "F",
         "big-endian"],
)  # fmt: skip
@pytest.mark.parametrize(
    "labels",
    [
        LABELS,
        LABELS.tolist(),
        torch.from_numpy(LABELS),
        pd.Series(LABELS, index=range(7, 67)),
        pd.Series(LABELS).astype("Int64"),
        LABELS.astype(np.float32),
        [str(label) for label in LABELS],
    ],
    ids=["NumPy", "list", "torch", "Series", "Int64", "floats", "texts"],
)
def test_arrays_of_every_library_give_the_same_data_set(inputs, labels):
    data = from_arrays(inputs, labels)
    torch.testing.assert_close(data.inputs, torch.from_numpy(ROWS).float())
    assert data.labels.tolist() == LABELS.tolist()
    assert data.classes == ["0", "1", "2"]
    assert data.positions == [0, 1, 2]
    assert {name: len(part) for name, part in data.splits.items()} == {
        "train": 48, "valid": 6, "test": 6
    }  # fmt: skip
    assert not data.has_images
    assert "classes are in order as numbers" in data.notes
    assert "3 classes: 0 < 1 < 2" in repr(data)


def test_data_sets_of_scikit_learn_are_read():
    iris = load_iris(as_frame=True)
    names = list(iris.target_names)
    data = from_arrays(iris.data, iris.target, classes=names)
    assert data.classes == names
    assert data.labels.tolist() == iris.target.tolist()
    by_name = from_arrays(iris.data, iris.target_names[iris.target], classes=names)
    assert torch.equal(by_name.labels, data.labels)
    assert data.positions is None


def test_an_ordered_categorical_knows_its_order():
    sizes = pd.Categorical(["bad", "good", "fair"] * 20, ["bad", "fair", "good"], ordered=True)
    for labels in (sizes, pd.Series(sizes)):
        data = from_arrays(ROWS, labels)
        assert data.classes == ["bad", "fair", "good"]
        assert data.labels[:3].tolist() == [0, 2, 1]
    with pytest.raises(ValueError, match=r"pass classes=\['bad', 'fair', 'good'\]"):
        from_arrays(ROWS, pd.Categorical(sizes, ordered=False))


def test_names_in_no_order_are_refused_and_one_value_in_two_spellings_is_one_class():
    with pytest.raises(ValueError, match=r"order of the classes is not known.*pass classes=\['a"):
        from_arrays(ROWS, ["a", "b", "c"] * 20)
    data = from_arrays(ROWS, ["3", "3.0", "1", "2"] * 15)
    assert data.classes == ["1", "2", "3"]
    assert data.labels[:4].tolist() == [2, 2, 0, 1]


def test_a_file_mapped_into_memory_stays_there(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (60, 3, 8, 8), dtype=np.uint8)
    np.save(tmp_path / "images.npy", images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = from_arrays(mapped, LABELS)
    assert data.inputs.data_ptr() == mapped.ctypes.data
    assert data.has_images
    np.testing.assert_array_equal(data.inputs.numpy(), images)


@pytest.mark.parametrize("shape", [(60, 8, 6), (60, 1, 8, 6), (60, 8, 6, 1), (60, 8, 6, 3)])
def test_images_come_with_their_channels_where_they_may(shape):
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    data = from_arrays(images, LABELS)
    assert data.has_images
    channels = 3 if shape[-1] == 3 else 1
    assert data.inputs.shape == (60, channels, 8, 6)
    pixel = images.reshape(60, 8, 6) if channels == 1 else images[..., 2]
    np.testing.assert_array_equal(data.inputs[:, -1].numpy(), pixel)


@pytest.mark.parametrize("dtype", [np.uint16, np.int16])
@pytest.mark.parametrize("depth", [None, 12])
def test_images_of_12_bits_are_as_bright_as_of_8(dtype, depth):
    images = np.random.default_rng(0).integers(0, 4096, (60, 1, 8, 8)).astype(dtype)
    images[0, 0, 0, :2] = 4095, 0
    data = from_arrays(images, LABELS, depth=depth)
    assert data.inputs.dtype == torch.uint8
    np.testing.assert_array_equal(data.inputs.numpy(), np.rint(images / 4095 * 255))
    told = "images have 12 bits, as the brightest pixel, 4095, needs"
    assert (told in data.notes) == (depth is None)
    darker = from_arrays(images, LABELS, depth=16)
    assert darker.inputs.max() == round(4095 / 65535 * 255)
    with pytest.raises(ValueError, match="depth must be enough for the brightest pixel, 4095"):
        from_arrays(images, LABELS, depth=11)


def test_votes_of_many_people_are_kept_and_decide_the_label():
    random = np.random.default_rng(1)
    # as in AVA: 78 to 549 votes from 1 to 10
    sums = random.integers(78, 550, 60)
    sums[:2] = 78, 549
    votes = np.array([random.multinomial(n, random.dirichlet(np.ones(10))) for n in sums])
    for given in (votes, votes.astype(np.float32), torch.from_numpy(votes), votes.tolist()):
        data = from_arrays(ROWS, votes=given, classes=range(1, 11))
        np.testing.assert_allclose(data.votes.numpy(), votes / sums[:, None], rtol=1e-6)
        assert data.labels.tolist() == votes.argmax(1).tolist()
        assert data.classes[-1] == "10"
        assert "votes are shares of 78 to 549 votes in each row" in data.notes
    frame = pd.DataFrame(votes, columns=[str(k) for k in range(1, 11)])[[*"987654321", "10"]]
    sorted_anew = from_arrays(ROWS, votes=frame)
    assert sorted_anew.classes == [str(k) for k in range(1, 11)]
    np.testing.assert_allclose(sorted_anew.votes.numpy(), votes / sums[:, None])
    assert sorted_anew.positions == list(range(1, 11))
    assert "classes are in order as numbers" in sorted_anew.notes
    with_labels = from_arrays(ROWS, LABELS, votes=votes)
    assert with_labels.labels.tolist() == LABELS.tolist()


def test_columns_of_votes_that_name_classes_are_these():
    classes, votes = ["low", "medium", "high"], np.random.default_rng(2).integers(1, 9, (60, 3))
    shares = votes / votes.sum(axis=1, keepdims=True)
    frame = pd.DataFrame(votes, columns=classes)
    for columns in (classes, classes[::-1], ["medium", "low", "high"]):
        data = from_arrays(ROWS, votes=frame[columns], classes=classes)
        assert data.classes == classes
        np.testing.assert_allclose(data.votes, shares)
    renamed = from_arrays(ROWS, votes=frame.set_axis(["n1", "n2", "n3"], axis=1), classes=classes)
    np.testing.assert_allclose(renamed.votes, shares)
    mixed = frame.set_axis(["low", "high", "n"], axis=1)
    with pytest.raises(ValueError, match=r"votes must name columns in the order.*'high'"):
        from_arrays(ROWS, votes=mixed, classes=classes)


def test_notes_tell_of_positions_only_where_these_are_found():
    note = "positions are the numbers of the classes"
    assert note in from_arrays(ROWS, LABELS).notes
    count = len(np.unique(LABELS))
    assert note not in from_arrays(ROWS, LABELS, positions=np.arange(count) ** 2).notes


def test_groups_weights_splits_and_real_scores_are_kept():
    groups = [f"person {k // 6}" for k in range(60)]
    weights = np.linspace(1, 2, 60)
    data = from_arrays(ROWS, LABELS, groups=groups, weights=weights)
    people = [{data.groups[k] for k in part.tolist()} for part in data.splits.values()]
    assert sum(map(len, people)) == 10
    np.testing.assert_array_equal(data.weights.numpy(), weights)
    scores = np.linspace(0, 1, 60)
    cut = from_arrays(ROWS, scores, bins=5, unit="points")
    np.testing.assert_array_equal(cut.scores.numpy(), scores)
    assert torch.bincount(cut.labels).tolist() == [12] * 5
    assert len(cut.discretize(3).classes) == 3
    names = ["train"] * 40 + ["val"] * 10 + ["test"] * 10
    masks = {"train": np.arange(60) < 40, "valid": np.arange(40, 50), "test": list(range(50, 60))}
    for splits in (names, masks):
        parts = from_arrays(ROWS, LABELS, splits=splits).splits
        assert [len(parts[name]) for name in ("train", "valid", "test")] == [40, 10, 10]
    drawn = [from_arrays(ROWS, LABELS, seed=seed).splits["test"].tolist() for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]


def changed(array, place, value):
    array = np.array(array, dtype=object if value is None else float)
    array[place] = value
    return array


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"labels": LABELS[:50]}, ValueError, "labels must be as many as inputs, 60, got 50"),
        ({"labels": np.eye(3)[LABELS]}, ValueError, r"shape \(N,\), got \(60, 3\); .* votes if"),
        ({"groups": changed(LABELS, 4, np.nan)}, ValueError, r"groups are missing in 1 row \(4\)"),
        ({"groups": ["a", None] * 30}, ValueError, r"groups are missing in 30 rows \(1, 3, 5, …"),
        ({"groups": "ab"}, ValueError, "groups must be as many as inputs, 60, got 2"),
        ({"weights": [1.0]}, ValueError, "weights must be as many as inputs, 60, got 1"),
        ({"votes": np.ones((3, 2))}, ValueError, "votes must be as many as inputs, 60, got 3"),
        ({"labels": None}, ValueError, "labels or votes must be given"),
        ({"labels": changed(LABELS, [3, 5], None)}, ValueError, r"missing in 2 rows \(3, 5\)"),
        ({"labels": changed(LABELS, 7, np.nan)}, ValueError, r"missing in 1 row \(7\); leave"),
        ({"labels": ["1", "2", "n/a"] * 20}, ValueError, r"missing in 20 rows \(2, 5, 8, …\)"),
        ({"labels": ["1"] * 60}, ValueError, r"at least two classes, got only \['1'\]"),
        ({"labels": ["a", "b", "c"] * 20}, ValueError, r"pass classes=\['a', 'b', 'c'\]"),
        ({"labels": ROWS[:, 0]}, ValueError, "60 different numbers such as .*; pass bins"),
        ({"labels": range(60)}, ValueError, "60 different numbers such as 0; pass bins"),
        ({"inputs": changed(ROWS, ([2, 4, 6, 8], 1), np.nan)}, ValueError, r"4 rows \(2, 4, 6, …"),
        ({"inputs": np.array([["a"]] * 60)}, TypeError, "inputs must be real numbers, got <U1"),
        ({"inputs": pd.DataFrame({"x": ["a"] * 60})}, TypeError, r"the columns \['x'\] are not"),
        ({"inputs": []}, ValueError, "inputs must have one row or more"),
        (
            {"labels": None, "votes": [[1, 0], [0, 0]] * 30},
            ValueError,
            r"got none in 30 rows \(1, 3, 5, …\)",
        ),
        ({"labels": None, "votes": [[1, 0], [2, -1]] * 30}, ValueError, "must not be negative"),
        ({"weights": changed(np.ones(60), 9, 0)}, ValueError, r"greater than 0, .* 1 row \(9\)"),
        ({"classes": ["a", "b"]}, ValueError, "class indices, 0 to 1, or names of .* 0 to 2"),
        ({"classes": ["1", "2"]}, ValueError, r"classes must name every label, .* lacks \['0'\]"),
        ({"positions": [0, 1]}, ValueError, "positions"),
        ({"splits": ["later"] * 60}, ValueError, "splits must be 'train', 'valid' or 'test'"),
        ({"bins": 3, "classes": ["a"]}, ValueError, "bins makes classes of labels"),
        ({"depth": 12}, ValueError, "depth is for images of 16 bits"),
        ({"seed": -1}, ValueError, "seed must be an integer, 0 or more"),
    ],
)
def test_bad_input_is_refused_in_words(arguments, error, message):
    given = {"inputs": ROWS, "labels": LABELS} | arguments
    with pytest.raises(error, match=message):
        from_arrays(given.pop("inputs"), given.pop("labels"), **given)


class Named(torch.utils.data.Dataset):
    """Images as torchvision's data sets give them: of Pillow, with classes by alphabet."""

    classes = ("high", "low", "medium")

    def __len__(self):
        return 30

    def __getitem__(self, place):
        return colours(place, (8, 6)), place % 3


def test_a_torch_data_set_is_read_once_and_its_classes_are_put_in_order():
    data = from_torch(Named(), licence="mine")
    assert data.inputs.shape == (30, 3, 6, 8)
    assert data.has_images
    np.testing.assert_array_equal(data.inputs[4].permute(1, 2, 0), np.asarray(colours(4, (8, 6))))
    assert data.classes == ["low", "medium", "high"]
    assert data.labels[:3].tolist() == [2, 0, 1]
    assert data.licence == "mine"


def test_a_torch_data_set_larger_than_memory_goes_into_a_file(tmp_path):
    data = from_torch(Named(), path=tmp_path / "inputs.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "inputs.npy"), data.inputs)
    assert torch.equal(data.inputs, from_torch(Named()).inputs)


def test_data_sets_of_torch_are_read():
    pairs = torch.utils.data.TensorDataset(torch.from_numpy(ROWS), torch.from_numpy(LABELS))
    part = torch.utils.data.Subset(pairs, range(10, 50))
    data = from_torch(part, classes=["low", "middle", "high"], groups=range(40))
    torch.testing.assert_close(data.inputs, torch.from_numpy(ROWS[10:50]).float())
    assert data.labels.tolist() == LABELS[10:50].tolist()


@pytest.mark.parametrize(
    ("dataset", "error", "message"),
    [
        ([1, 2, 3], TypeError, r"items must be pairs \(input, label\), got 'int'"),
        (iter([1]), TypeError, "dataset must be a torch data set with a length, got 'list_iter"),
        ([], ValueError, "dataset must have one item or more"),
        (
            [(np.zeros(2), 0), (np.zeros(3), 1)], ValueError,
            r"the first has \(2,\) of float64, item 1 \(3,\) of float64; resize or crop",
        ),
    ],
)  # fmt: skip
def test_other_objects_than_torch_data_sets_are_refused(dataset, error, message):
    with pytest.raises(error, match=message):
        from_torch(dataset)


@pytest.mark.parametrize("what", ["labels", "groups", "weights", "splits"])
def test_tables_in_another_order_are_refused(what):
    """A row of one must not be taken for that of another."""
    frame = pd.DataFrame({"x": range(30)}, index=range(100, 130))
    values = {"labels": ["1", "2", "3"] * 10, "groups": range(30), "weights": [1.0] * 30}
    values |= {"splits": ["train"] * 24 + ["valid", "test"] * 3}
    options = {name: pd.Series(one, index=frame.index) for name, one in values.items()}
    from_arrays(frame, **options)
    shuffled = options[what].sample(frac=1, random_state=0)
    with pytest.raises(ValueError, match=rf"pass {what}\.loc\[inputs\.index\]"):
        from_arrays(frame, **(options | {what: shuffled}))
    from_arrays(frame, **(options | {what: shuffled.loc[frame.index]}))
    from_arrays(frame, **(options | {what: options[what].reset_index(drop=True)}))


def test_votes_in_another_order_are_refused():
    frame = pd.DataFrame({"x": range(30)})
    votes = pd.DataFrame({"low": [1] * 30, "high": range(30)})
    with pytest.raises(ValueError, match=r"votes must be in the order of inputs"):
        from_arrays(frame, votes=votes[::-1])
