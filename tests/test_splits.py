import numpy as np
import pytest
import torch

from emdviz.datasets.splits import SHARES, named_splits, stratified_splits


def crowd(seed, people=300):
    """Labels and persons of unequal numbers of images, whose classes differ by person."""
    random = np.random.default_rng(seed)
    sizes = random.zipf(1.8, people).clip(max=60)
    persons = np.repeat(np.arange(people), sizes)
    habits = random.dirichlet(np.full(5, 0.5), people)
    labels = [random.choice(5, p=habits[person]) for person in persons]
    order = random.permutation(len(persons))
    return torch.tensor(labels)[order], [f"person {k}" for k in persons[order]]


def test_stratified_splits_are_complete_disjoint_proportional_and_seeded():
    labels = torch.randint(0, 4, (1003,), generator=torch.Generator().manual_seed(1))
    labels[:3] = torch.tensor([4, 4, 4])
    parts = stratified_splits(labels, seed=5)
    together = torch.cat(list(parts.values()))
    assert together.sort().values.tolist() == list(range(1003))
    for name, share in {"train": 0.8, "valid": 0.1, "test": 0.1}.items():
        counts = torch.bincount(labels[parts[name]], minlength=5)[:4]
        expected = share * torch.bincount(labels, minlength=5)[:4]
        assert (counts - expected).abs().max() <= 1
    assert set(torch.arange(3).tolist()) <= set(parts["train"].tolist())
    again, other = stratified_splits(labels, seed=5), stratified_splits(labels, seed=6)
    assert again["test"].tolist() == parts["test"].tolist() != other["test"].tolist()


@pytest.mark.parametrize("seed", range(5))
def test_no_group_is_in_two_parts_and_shares_are_near(seed):
    labels, persons = crowd(seed)
    parts = stratified_splits(labels, seed=seed, groups=persons)
    assert torch.cat(list(parts.values())).sort().values.tolist() == list(range(len(labels)))
    people = [{persons[k] for k in part.tolist()} for part in parts.values()]
    assert sum(map(len, people)) == len(set(persons))
    for name, share in SHARES.items():
        assert len(parts[name]) / len(labels) == pytest.approx(share, abs=0.01)
        counts = torch.bincount(labels[parts[name]], minlength=5)
        expected = share * torch.bincount(labels, minlength=5)
        assert ((counts - expected).abs() <= 0.25 * expected + 2).all(), name
    assert all((part.diff() > 0).all() for part in parts.values())


def test_groups_follow_the_seed_and_nothing_else():
    labels, persons = crowd(0)
    first = stratified_splits(labels, seed=0, groups=persons)
    again = stratified_splits(labels, seed=0, groups=np.array(persons))
    other = stratified_splits(labels, seed=1, groups=persons)
    assert first["test"].tolist() == again["test"].tolist() != other["test"].tolist()


def test_shares_can_be_chosen():
    labels = torch.arange(1000) % 5
    halves = stratified_splits(labels, seed=0, shares={"one": 0.5, "other": 0.5})
    assert {name: len(part) for name, part in halves.items()} == {"one": 500, "other": 500}
    groups = torch.arange(1000) // 10
    nine = stratified_splits(labels, seed=0, groups=groups, shares={"train": 0.9, "valid": 0.1})
    assert {name: len(part) for name, part in nine.items()} == {"train": 900, "valid": 100}


def test_nothing_and_one_group_can_be_split():
    none = torch.zeros(0, dtype=torch.int64)
    for groups in (None, []):
        parts = stratified_splits(none, seed=0, groups=groups)
        assert [len(part) for part in parts.values()] == [0, 0, 0]
    one = stratified_splits(torch.zeros(9, dtype=torch.int64), seed=0, groups=["Ann"] * 9)
    assert [len(part) for part in one.values()] == [9, 0, 0]


def test_wrong_groups_and_shares_are_refused():
    labels = torch.tensor([0, 1])
    with pytest.raises(ValueError, match=r"groups must be as many as labels, 2, got 3"):
        stratified_splits(labels, seed=0, groups=[1, 2, 3])
    with pytest.raises(ValueError, match=r"shares must be at least 0 and sum to 1, got .*0\.8"):
        stratified_splits(labels, seed=0, shares={"train": 0.8, "test": 0.1})


def test_named_splits_keep_their_names_and_their_groups():
    labels, persons = crowd(2)
    names = ["Test" if person.endswith(("3", "6", "9")) else "training " for person in persons]
    splits, notes = named_splits(names, labels, seed=0, groups=persons)
    assert splits["test"].tolist() == [k for k, name in enumerate(names) if name == "Test"]
    people = [{persons[k] for k in splits[name].tolist()} for name in ("train", "valid", "test")]
    assert sum(map(len, people)) == len(set(persons))
    assert len(splits["valid"]) / names.count("training ") == pytest.approx(0.1, abs=0.01)
    assert notes == ("a tenth of the training images is set aside for validation",)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["train", "later", "test"], r"'valid' or 'test', got \['later'\]"),
        (["train", "", "test"], r"got \[''\]"),
        (["train", "train", "valid"], "no image is in the split 'test'"),
        (["test", "test", "valid"], "no image is in the split 'train'"),
    ],
)
def test_other_names_are_refused(names, message):
    with pytest.raises(ValueError, match=message):
        named_splits(names, torch.tensor([0, 1, 0]), seed=0)
