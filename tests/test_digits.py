import numpy as np
import pytest
import scipy.stats
import torch
from sklearn.datasets import load_digits

from emdviz.datasets import OrderedData, digits, load, synthetic_faces


@pytest.fixture(scope="module")
def data():
    return digits(size=8)


def test_the_parts_have_their_shapes_and_types(data):
    assert isinstance(data, OrderedData)
    assert data.inputs.shape == (1797, 3, 8, 8)
    assert data.inputs.dtype == torch.uint8
    assert data.classes == list("0123456789")
    assert data.positions == list(range(10))
    assert "CC BY" in data.licence
    assert data.notes


def test_at_eight_pixels_the_images_are_those_of_scikit_learn(data):
    original = load_digits()
    grey = data.inputs.numpy()[:, 0]
    np.testing.assert_array_equal(grey, np.rint(original.images * 255 / 16))
    assert data.labels.tolist() == original.target.tolist()
    for channel in (1, 2):
        np.testing.assert_array_equal(data.inputs[:, channel], grey)


def test_enlarging_keeps_place_and_brightness(data):
    # 40 pixels are five for one, so the middle of each five lies on the pixel it came from
    large = digits(size=40).inputs
    assert large.shape == (1797, 3, 40, 40)
    torch.testing.assert_close(large[:, :, 2::5, 2::5], data.inputs, atol=1, rtol=0)
    means = [images.double().mean((1, 2, 3)) for images in (large, data.inputs)]
    torch.testing.assert_close(*means, atol=3, rtol=0)


def test_a_tenth_of_each_class_is_for_validation_and_one_for_the_test(data):
    table = data.summary()
    assert table.loc["total"].to_dict() == {"train": 1439, "valid": 179, "test": 179, "all": 1797}
    np.testing.assert_allclose(table["test"] / table["all"], 0.1, atol=0.003)
    assert digits(size=8, seed=1).splits["test"].tolist() != data.splits["test"].tolist()


def distances_of_looks(data):
    """Distances between the mean images of the classes."""
    means = torch.stack(
        [data.inputs[data.labels == k].double().mean(0) for k in range(len(data.classes))]
    )
    return torch.cdist(means.flatten(1), means.flatten(1))


def nearness_of_looks(data):
    """Spearman's ρ between distance in class and distance of the mean images."""
    looks = distances_of_looks(data)
    first, second = np.triu_indices(len(looks), 1)
    return scipy.stats.spearmanr(second - first, looks[first, second]).statistic


@pytest.mark.slow
def test_neighbours_in_value_are_no_neighbours_in_looks(data):
    assert abs(nearness_of_looks(data)) < 0.2
    # unlike neighbours in age
    assert nearness_of_looks(synthetic_faces(800, size=32)) > 0.5


def test_a_three_looks_far_more_like_a_nine_than_like_a_four(data):
    looks = distances_of_looks(data)
    assert looks[3, 9] < 0.6 * looks[3, 4]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"size": 7}, ValueError, "size must be an integer, 8 to 224, got 7"),
        ({"size": 8.0}, ValueError, r"size must be an integer, 8 to 224, got 8\.0"),
        ({"seed": -1}, ValueError, "seed must be an integer, 0 or more, got -1"),
    ],
)
def test_wrong_arguments_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        load("digits", **arguments)
