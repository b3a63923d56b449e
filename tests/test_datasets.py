import numpy as np
import pytest
import torch

from emdviz import datasets
from emdviz.datasets.ages import AGE_GROUPS, GROUP_CENTRES, GROUP_EDGES, age_group
from emdviz.datasets.base import OrderedData, label_of_votes


def make(**changes):
    arguments = {
        "name": "toy",
        "inputs": torch.zeros(4, 3, 2, 2, dtype=torch.uint8),
        "labels": torch.tensor([0, 1, 2, 1]),
        "classes": ["low", "middle", "high"],
        "splits": {
            "train": torch.tensor([0, 3]),
            "valid": torch.tensor([1]),
            "test": torch.tensor([2]),
        },
    } | changes
    return OrderedData(**arguments)


def test_a_split_holds_its_own_images_labels_and_true_distributions():
    images = torch.arange(4 * 3 * 4).reshape(4, 3, 2, 2).to(torch.uint8)
    truth = torch.rand(4, 3, dtype=torch.float64)
    part = make(inputs=images, true_distribution=truth).split("train")
    assert len(part) == 2
    torch.testing.assert_close(part.inputs, images[[0, 3]])
    torch.testing.assert_close(part.labels, torch.tensor([0, 1]))
    torch.testing.assert_close(part.true_distribution, truth[[0, 3]])
    assert make().split("test").true_distribution is None


def test_the_summary_counts_every_class_in_every_split():
    table = make().summary()
    assert table.loc["middle"].to_dict() == {"train": 1, "valid": 1, "test": 0, "all": 2}
    assert table.loc["total"].to_dict() == {"train": 2, "valid": 1, "test": 1, "all": 4}
    assert list(table.index) == ["low", "middle", "high", "total"]


def test_it_is_a_torch_dataset():
    dataset = make()
    image, label = dataset[2]
    assert len(dataset) == 4
    torch.testing.assert_close(image, torch.zeros(3, 2, 2, dtype=torch.uint8))
    assert int(label) == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classes": ["a", "a", "b"]}, "classes must not name a class twice"),
        ({"inputs": torch.full((4, 3, 2, 2), torch.nan)}, "inputs must be finite"),
        ({"labels": torch.zeros(3, dtype=torch.int64)}, r"labels must be int64 of shape \(4,\)"),
        ({"labels": torch.tensor([0, 1, 2, 3])}, "labels must be 0 to 2, got 0 to 3"),
        ({"positions": [0, 2, 1]}, "positions must increase"),
        ({"true_distribution": torch.ones(4, 2)}, r"true_distribution must have shape \(4, 3\)"),
        ({"splits": {"train": torch.tensor([0, 4])}}, "indices 0 to 3, got 0 to 4"),
        ({"splits": {"train": torch.tensor([0.0])}}, "must be int64 indices"),
        ({"splits": {"train": torch.tensor([1, 1])}}, "holds a row twice"),
        (
            {"splits": {"train": torch.tensor([1]), "test": torch.tensor([1])}},
            r"splits\['test'\] holds a row twice or shares one",
        ),
    ],
)
def test_parts_that_do_not_fit_together_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        make(**changes)


@pytest.mark.parametrize(
    "inputs",
    [
        torch.rand(4, 7),
        torch.rand(4),
        torch.zeros(4, 1, 5, 5, dtype=torch.uint16),
        torch.zeros(4, 2, 3, 4, 5, dtype=torch.int16),
        torch.rand(4, 3, 2, 2, dtype=torch.float16),
    ],
)
def test_inputs_may_have_any_shape_and_type(inputs):
    data = make(inputs=inputs)
    part = data.split("train").inputs
    assert part.dtype == inputs.dtype
    np.testing.assert_array_equal(part.numpy(), inputs.numpy()[[0, 3]])
    assert data.has_images == (inputs.dtype == torch.uint16)


def test_rows_that_are_not_finite_are_refused_with_the_first_three():
    inputs = torch.zeros(4, 2)
    inputs[1, 0], inputs[2, 1] = torch.nan, torch.inf
    with pytest.raises(ValueError, match=r"got NaN or infinity in 2 rows \(1, 2\); fill these in"):
        make(inputs=inputs)
    inputs[:] = torch.nan
    with pytest.raises(ValueError, match=r"in 4 rows \(0, 1, 2, …\)"):
        make(inputs=inputs)


def test_votes_become_shares_and_notes_say_so():
    votes = torch.tensor([[1, 2, 1], [0, 0, 5], [3, 0, 3], [1, 1, 1]])
    data = make(votes=votes)
    torch.testing.assert_close(data.votes, votes / votes.sum(1, keepdim=True).double())
    torch.testing.assert_close(data.split("train").votes, data.votes[[0, 3]])
    assert data.notes == ("votes are shares of 3 to 6 votes in each row",)
    assert make(votes=data.votes).notes == ("votes are shares",)
    assert make().split("train").votes is None


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("majority", [1, 2, 0, 0]), ("median", [1, 2, 0, 1]), ("mean", [1, 2, 1, 1])],
)
def test_votes_give_labels_as_asked_for(kind, expected):
    data = make(votes=torch.tensor([[1, 2, 1], [0, 0, 5], [3, 0, 3], [1, 1, 1]]))
    assert data.targets(kind).tolist() == expected
    assert torch.equal(data.targets(), data.votes)
    assert torch.equal(data.targets("labels"), data.labels)
    assert torch.equal(make().targets(), make().labels)
    with pytest.raises(ValueError, match=f"targets '{kind}' need votes, and toy has none"):
        make().targets(kind)
    with pytest.raises(ValueError, match="targets must be one of"):
        data.targets("mode")


def test_medians_of_many_votes_are_those_of_a_list_of_people():
    random = np.random.default_rng(0)
    votes = random.integers(0, 9, (200, 5))
    votes[:, 0] += 1
    for row, label in zip(votes, label_of_votes(torch.tensor(votes), "median"), strict=True):
        people = np.repeat(np.arange(5), row)
        assert int(label) == np.quantile(people, 0.5, method="inverted_cdf")


@pytest.mark.parametrize(
    ("votes", "message"),
    [
        ([[1, 0, 0]] * 3, r"votes must have shape \(N, C\) = \(4, 3\), got \(3, 3\)"),
        ([[1, 0, 0], [0, 0, 0], [0, 1, 0], [0, 0, 0]], r"got none in 2 rows \(1, 3\)"),
        (
            [[1, 0, 0], [2, -1, 0], [0, 1, 0], [1, 0, 0]],
            r"got negative numbers in 1 row \(1\)",
        ),
        ([[torch.nan, 0, 0]] * 4, r"must be finite, got NaN or infinity in 4 rows \(0, 1, 2, …\)"),
    ],
)
def test_votes_that_make_no_sense_are_refused(votes, message):
    with pytest.raises(ValueError, match=message):
        make(votes=torch.tensor(votes))


def test_weights_must_be_greater_than_zero():
    data = make(weights=torch.tensor([1.0, 2, 3, 4]))
    assert data.split("train").weights.tolist() == [1, 4]
    for weights in ([1, 0, 1, 1], [1, -2, 1, 1], [1, torch.inf, 1, 1]):
        with pytest.raises(ValueError, match=r"greater than 0, got other numbers in 1 row \(1\)"):
            make(weights=torch.tensor(weights))
    with pytest.raises(ValueError, match=r"weights must have shape \(4,\), got \(3,\)"):
        make(weights=torch.ones(3))


def test_a_new_split_keeps_shares_classes_and_groups():
    labels = torch.arange(400) % 4
    groups = [k // 8 for k in range(400)]
    splits = {
        "train": torch.arange(240),
        "valid": torch.arange(240, 320),
        "test": torch.arange(320, 392),
    }
    data = OrderedData("toy", torch.rand(400, 3), labels, list("abcd"), splits, groups=groups)
    one, other = data.resplit(0), data.resplit(1)
    assert one.inputs.data_ptr() == data.inputs.data_ptr()
    assert not torch.equal(one.splits["test"], other.splits["test"])
    assert torch.equal(one.splits["test"], data.resplit(0).splits["test"])
    together = torch.cat(list(one.splits.values())).sort().values
    assert torch.equal(together, torch.arange(392))
    for name, part in one.splits.items():
        assert abs(len(part) - len(splits[name])) <= 8
        counts = torch.bincount(labels[part])
        assert counts.max() - counts.min() <= 8
    people = [{groups[k] for k in part.tolist()} for part in one.splits.values()]
    assert sum(map(len, people)) == len(set.union(*people))
    assert one.notes == ("splits drawn anew with seed 0",)


def test_an_unknown_split_is_refused():
    with pytest.raises(ValueError, match=r"split must be one of .*'valid'.*, got 'dev'"):
        make().split("dev")


def test_load_finds_a_data_set_and_names_those_it_knows():
    faces = datasets.load("synthetic_faces", n=10, size=32)
    assert faces.name == "synthetic_faces"
    with pytest.raises(ValueError, match=r"'synthetic_faces'.* 'utkface'.*\], got 'faces'"):
        datasets.load("faces")


def test_every_age_goes_to_the_nearest_group():
    limits = [(0, 2), (4, 6), (8, 13), (15, 20), (25, 32), (38, 43), (48, 53), (60, 200)]

    def distance(age, group):
        low, high = limits[group]
        return max(low - age, age - high, 0)

    for age in range(131):
        group = int(age_group(age))
        nearest = min(distance(age, k) for k in range(8))
        assert distance(age, group) == nearest
    assert len(AGE_GROUPS) == len(GROUP_CENTRES) == len(GROUP_EDGES) + 1
    for (_, high), (low, _), edge in zip(limits, limits[1:], GROUP_EDGES, strict=False):
        assert edge == (high + low) / 2
    assert age_group(GROUP_CENTRES).tolist() == list(range(8))


def test_no_group_may_be_in_two_splits():
    persons = ["Ann", "Bob", "Eve", "Ann"]
    assert make(groups=persons).groups == ("Ann", "Bob", "Eve", "Ann")
    with pytest.raises(ValueError, match="group 'Ann' is in the splits 'train' and 'test'"):
        make(groups=["Ann", "Bob", "Ann", "Ann"])
    with pytest.raises(ValueError, match="groups must be as many as rows, 4, got 1"):
        make(groups=["Ann"])


def test_a_data_set_prints_what_it_is():
    text = repr(make(licence="mine alone", notes=["two were blurred"]))
    assert text.splitlines()[0] == "toy: 4 images of 3 × 2 × 2"
    assert "3 classes: low < middle < high" in text
    assert "2 train, 1 valid, 1 test" in text
    assert text.endswith("licence: mine alone\n    two were blurred")
