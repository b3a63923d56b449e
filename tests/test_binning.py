from itertools import combinations

import numpy as np
import pytest

from emdviz.datasets.ages import AGE_GROUPS, GROUP_CENTRES, age_classes, age_group
from emdviz.datasets.binning import balanced_bins, make_bins


@pytest.mark.parametrize("seed", range(8))
def test_balanced_bins_are_the_best_of_all_cuts(seed):
    random = np.random.default_rng(seed)
    numbers = random.integers(0, 9, 40) / 8
    values = np.unique(numbers)
    for bins in (2, 3, 4):
        found = balanced_bins(numbers, bins)
        least = min(
            (np.histogram(numbers, [-1, *cut, 9])[0] ** 2).sum()
            for cut in combinations(values[1:], bins - 1)
        )
        assert sum(np.square(found.counts)) == least
        labels = found.labels(numbers)
        assert np.bincount(labels).tolist() == list(found.counts)
        means = [numbers[labels == k].mean() for k in range(bins)]
        np.testing.assert_allclose(found.positions, means)


def test_many_different_numbers_are_cut_as_evenly():
    numbers = np.random.default_rng(0).normal(size=5000)
    assert balanced_bins(numbers, 10).counts == (500,) * 10


def test_an_edge_belongs_above_it():
    cut = make_bins([1, 2, 2, 3], [2, 3])
    assert cut.counts == (1, 2, 1)
    assert cut.labels([1.9, 2, 2.9, 3, 99]).tolist() == [0, 1, 1, 2, 2]


@pytest.mark.parametrize(
    ("bins", "message"),
    [
        (1, "bins must be an integer, 2 or more, got 1"),
        (4, "different values, 3, got 4"),
        ([], "bins must be a number or increasing edges"),
        ([3, 2], "increasing edges, got"),
        ([2, 2], "increasing edges"),
        ([float("nan")], "increasing edges"),
        ([2, 3, 9], "bin 3 is empty: nothing is from 9 to below inf"),
        ([2.1, 2.2], "bin 1 is empty: nothing is from 2.1 to below 2.2"),
    ],
)
def test_bins_that_cannot_be_are_refused(bins, message):
    with pytest.raises(ValueError, match=message):
        make_bins([1, 2, 3, 3], bins)


@pytest.mark.parametrize(
    ("bins", "error"), [(2.5, ValueError), ("2", TypeError), (None, TypeError)]
)
def test_bins_that_are_no_number_are_refused(bins, error):
    with pytest.raises(error, match="bins must be an integer, 2 or more, got"):
        make_bins([1, 2, 3, 3], bins)


def test_names_that_look_alike_are_refused():
    cut = make_bins([0.5, 0.50000001, 1], [0.500000005, 0.50000002], ends=(0.5, 0.5))
    with pytest.raises(ValueError, match=r"bins must differ in six digits, got \['0\.5-0\.5'"):
        cut.names()
    assert make_bins([0, 1], [0.5], ends=(0, 1)).names() == ["0-0.5", "0.5-1"]


def test_ages_fall_into_any_classes():
    ages = np.arange(0, 100)
    labels, classes, positions = age_classes(ages, [3, 13, 20, 21, 65])
    assert classes == ["0-2", "3-12", "13-19", "20", "21-64", "65+"]
    for age, label in zip(ages, labels, strict=True):
        name = classes[label]
        low, _, high = name.rstrip("+").partition("-")
        assert int(low) <= age <= (200 if "+" in name else int(high or low))
    assert positions[3] == 20
    assert positions[0] == 1
    labels, classes, positions = age_classes(ages, 4)
    assert classes == ["0-24", "25-49", "50-74", "75+"]
    assert np.bincount(labels).tolist() == [25] * 4
    labels, classes, positions = age_classes(ages)
    np.testing.assert_array_equal(labels, age_group(ages))
    assert (tuple(classes), positions) == (AGE_GROUPS, GROUP_CENTRES)
