import pytest
import torch

from emdviz import datasets
from emdviz.datasets.ages import AGE_GROUPS, GROUP_CENTRES, GROUP_EDGES, age_group
from emdviz.datasets.base import OrderedData


def make(**changes):
    arguments = {
        "name": "toy",
        "images": torch.zeros(4, 3, 2, 2, dtype=torch.uint8),
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
    part = make(images=images, true_distribution=truth).split("train")
    assert len(part) == 2
    torch.testing.assert_close(part.images, images[[0, 3]])
    torch.testing.assert_close(part.labels, torch.tensor([0, 1]))
    torch.testing.assert_close(part.true_distribution, truth[[0, 3]])
    assert make().split("test").true_distribution is None


def test_the_summary_counts_every_class_in_every_split():
    table = make().summary()
    assert table.loc["middle"].to_dict() == {"train": 1, "valid": 1, "test": 0, "all": 2}
    assert table.loc["total"].to_dict() == {"train": 2, "valid": 1, "test": 1, "all": 4}
    assert list(table.index) == ["low", "middle", "high", "total"]


def test_it_is_a_torchvision_dataset_with_transforms():
    dataset = make(transform=lambda image: image.float() + 1, target_transform=lambda y: -y)
    image, label = dataset[2]
    assert len(dataset) == 4
    torch.testing.assert_close(image, torch.ones(3, 2, 2))
    assert int(label) == -2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classes": ["a", "a", "b"]}, "classes must not name a class twice"),
        ({"images": torch.zeros(4, 3, 2, 2)}, "images must be uint8 of shape"),
        ({"labels": torch.zeros(3, dtype=torch.int64)}, r"labels must be int64 of shape \(4,\)"),
        ({"labels": torch.tensor([0, 1, 2, 3])}, "labels must be 0 to 2, got 0 to 3"),
        ({"positions": [0, 2, 1]}, "positions must increase"),
        ({"true_distribution": torch.ones(4, 2)}, r"true_distribution must have shape \(4, 3\)"),
        ({"splits": {"train": torch.tensor([0, 4])}}, "indices 0 to 3, got 0 to 4"),
        ({"splits": {"train": torch.tensor([0.0])}}, "must be int64 indices"),
        ({"splits": {"train": torch.tensor([1, 1])}}, "holds an image twice"),
        (
            {"splits": {"train": torch.tensor([1]), "test": torch.tensor([1])}},
            r"splits\['test'\] holds an image twice or shares one",
        ),
    ],
)
def test_parts_that_do_not_fit_together_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        make(**changes)


def test_an_unknown_split_is_refused():
    with pytest.raises(ValueError, match=r"split must be one of .*'valid'.*, got 'dev'"):
        make().split("dev")


def test_load_finds_a_data_set_and_names_those_it_knows():
    faces = datasets.load("synthetic_faces", n=10, size=32)
    assert faces.name == "synthetic_faces"
    with pytest.raises(ValueError, match=r"'synthetic_faces'.* 'utkface'\], got 'faces'"):
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
    with pytest.raises(ValueError, match="groups must be as many as images, 4, got 1"):
        make(groups=["Ann"])


def test_a_data_set_prints_what_it_is():
    text = repr(make(licence="mine alone", notes=["two were blurred"]))
    assert text.splitlines()[0] == "toy: 4 images of 3 × 2 × 2"
    assert "3 classes: low < middle < high" in text
    assert "2 train, 1 valid, 1 test" in text
    assert text.endswith("licence: mine alone\n    two were blurred")
