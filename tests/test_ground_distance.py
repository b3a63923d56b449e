"""Ground distances against SciPy's graphs and ranks, and what is refused."""

import weakref

import numpy as np
import pytest
import torch
from scipy.sparse.csgraph import shortest_path
from scipy.spatial.distance import cdist, squareform
from scipy.stats import rankdata, spearmanr
from sklearn.decomposition import PCA

from emdviz import ground_distance
from emdviz.ground_distance import LearnedDistance


def random_tree(rng, num_nodes):
    names = [f"n{i}" for i in range(num_nodes)]
    parents = {names[i]: names[rng.integers(i)] for i in range(1, num_nodes)}
    lengths = {child: float(rng.uniform(0.1, 3)) for child in parents}
    return names, parents, lengths


@pytest.mark.parametrize("seed", range(5))
def test_a_tree_has_the_shortest_ways_of_its_graph(seed):
    rng = np.random.default_rng(seed)
    names, parents, lengths = random_tree(rng, 30)
    graph = np.zeros((30, 30))
    for child, parent in parents.items():
        graph[names.index(child), names.index(parent)] = lengths[child]
    chosen = rng.permutation(30)[:12]
    expected = shortest_path(graph, directed=False)[np.ix_(chosen, chosen)]
    got = ground_distance.tree([names[i] for i in chosen], parents, lengths=lengths)
    np.testing.assert_allclose(got, expected, atol=1e-12)
    assert ground_distance.is_metric(got)


def test_lengths_left_out_are_one():
    parents = {"cat": "animal", "dog": "animal", "animal": "thing", "car": "thing"}
    got = ground_distance.tree(["cat", "car"], parents, lengths={"animal": 5.0})
    assert got[0, 1] == 7.0


@pytest.mark.parametrize(
    ("classes", "parents", "lengths", "message"),
    [
        (["a", "a"], {"a": "r"}, None, "classes must be names, all different"),
        (["a", "z"], {"a": "r"}, None, "class 'z' is not in the tree; add it to parents"),
        (["a"], {"a": "b", "b": "a"}, None, "'a' is above itself"),
        (["a", "b"], {"a": "r", "b": "s"}, None, r"one tree, got the roots \['r', 's'\]"),
        (["a"], {"a": "r"}, {"a": -1.0}, "not negative"),
        (["a"], {"a": "r"}, {"r": 1.0}, "of edges, .*got 'r'"),
    ],
)
def test_what_is_no_tree_is_refused(classes, parents, lengths, message):
    with pytest.raises(ValueError, match=message):
        ground_distance.tree(classes, parents, lengths=lengths)


@pytest.mark.parametrize(
    ("distances", "message"),
    [
        ([[0, 1, 2]], r"square matrix, shape \(C, C\), got \(1, 3\)"),
        ([[0, np.nan], [np.nan, 0]], r"finite, got distances\[0, 1\] = nan"),
        ([[0, -1], [-1, 0]], "not negative"),
        ([[0, 1], [1, 3]], r"zero on the diagonal, got distances\[1, 1\] = 3"),
        ([[0, 1], [2, 0]], r"symmetric, got distances\[0, 1\] = 1 and distances\[1, 0\] = 2"),
    ],
)
def test_a_matrix_that_is_no_ground_distance_is_refused(distances, message):
    with pytest.raises(ValueError, match=message):
        ground_distance.matrix(distances)


def test_metrics_are_told_from_others():
    points = np.random.default_rng(0).normal(size=(9, 3))
    assert ground_distance.is_metric(cdist(points, points))
    assert not ground_distance.is_metric(cdist(points, points) ** 2)
    assert ground_distance.is_metric(ground_distance.circle(7))
    assert not ground_distance.is_metric(np.zeros((3, 3))), "different classes must lie apart"


def test_ranks_of_pairs_are_compared_as_scipy_does():
    rng = np.random.default_rng(3)
    a, b = (cdist(points, points) for points in rng.normal(size=(2, 7, 2)))
    condensed = [squareform(d, checks=False) for d in (a, b)]
    expected = spearmanr(*condensed).statistic
    assert ground_distance.rank_correlation(a, b) == pytest.approx(expected)
    in_a_row = np.sort(rng.random(7))
    assert ground_distance.rank_correlation(ground_distance.line(7)) == 1
    assert 0.8 < ground_distance.rank_correlation(ground_distance.line(7, positions=in_a_row)) < 1


def test_where_all_pairs_are_equal_there_is_no_correlation():
    for nothing in (1 - np.eye(5), ground_distance.line(2), np.zeros((1, 1))):
        assert np.isnan(ground_distance.rank_correlation(nothing))
    assert np.isnan(ground_distance.rank_correlation(ground_distance.line(5), 1 - np.eye(5)))
    with pytest.raises(ValueError, match=r"others must have shape \(3, 3\) as distances, got \(4"):
        ground_distance.rank_correlation(ground_distance.line(3), ground_distance.line(4))


def test_an_embedding_of_points_is_their_principal_components():
    points = np.random.default_rng(4).normal(size=(9, 3)) * [5, 2, 0.5]
    embedded = ground_distance.embed(cdist(points, points), 3)
    np.testing.assert_allclose(cdist(embedded, embedded), cdist(points, points), atol=1e-9)
    components = PCA(3).fit_transform(points)
    np.testing.assert_allclose(abs(embedded), abs(components), atol=1e-9)
    assert np.all(np.arange(9) @ embedded >= 0), "later classes lie on the positive side"
    np.testing.assert_allclose(embedded.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_array_equal(ground_distance.embed(cdist(points, points)), embedded[:, :2])


def test_a_line_is_embedded_as_a_line_and_no_geometry_as_what_comes_nearest():
    x = np.array([1, 5, 10.5, 28.5])
    line = ground_distance.embed(ground_distance.line(4, positions=x))
    np.testing.assert_allclose(line, np.stack([x - x.mean(), np.zeros(4)], 1), atol=1e-6)
    squares = ground_distance.embed(ground_distance.line(4) ** 2, 4)  # no distances in any space
    assert np.all(np.isfinite(squares))
    for dimensions in (0, 5):
        with pytest.raises(ValueError, match=f"dimensions must be .* 1 to 4, got {dimensions}"):
            ground_distance.embed(ground_distance.line(4), dimensions)


def learned_by_definition(features, labels, num_classes):
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    centroids = np.stack([unit[labels == k].mean(axis=0) for k in range(num_classes)])
    distances = cdist(centroids, centroids)
    ranks = np.stack([rankdata(row) - 1 for row in distances]) / (num_classes - 1)
    return (ranks + ranks.T) / 2


@pytest.mark.parametrize(("num_classes", "batch"), [(2, 7), (6, 1), (6, 7), (6, 400), (100, 33)])
def test_learned_distances_follow_their_definition_for_any_classes_and_batches(num_classes, batch):
    rng = np.random.default_rng(1)
    labels = rng.permutation(np.arange(400) % num_classes)
    features = rng.normal(size=(400, 5)) + labels[:, None] % 7
    learned = LearnedDistance(num_classes, 5).double()
    sizes = {name: value.shape for name, value in learned.state_dict().items()}
    for start in range(0, 400, batch):
        part = slice(start, start + batch)
        learned.update(torch.from_numpy(features[part]), torch.from_numpy(labels[part]))
    assert {name: value.shape for name, value in learned.state_dict().items()} == sizes
    expected = learned_by_definition(features, labels, num_classes)
    np.testing.assert_allclose(learned.end_epoch().numpy(), expected, atol=1e-12)
    ground_distance.matrix(learned.matrix)


def test_no_features_of_an_epoch_are_kept():
    learned = LearnedDistance(3, 2)
    features = torch.ones(4, 2, requires_grad=True)
    kept = weakref.ref(features)
    learned.update(features, torch.tensor([0, 1, 2, 0]))
    del features
    assert kept() is None
    assert not learned.end_epoch().requires_grad


def test_classes_in_a_row_get_distances_in_a_row():
    angle = torch.linspace(0, 1.5, 8)
    learned = LearnedDistance(8, 2)
    learned.update(torch.stack([torch.cos(angle), torch.sin(angle)], 1), torch.arange(8))
    distances = learned.end_epoch()
    assert torch.all(torch.diff(distances[0]) > 0)
    assert distances[0, 7] == 1


def test_an_absent_class_keeps_what_was_learned_before():
    rng = np.random.default_rng(2)
    first = torch.from_numpy(rng.normal(size=(3, 4))).float()
    second = torch.from_numpy(rng.normal(size=(2, 4))).float()
    learned = LearnedDistance(3, 4)
    learned.update(first, torch.arange(3))
    learned.end_epoch()
    learned.update(second, torch.tensor([0, 2]))
    together = np.stack([second[0], first[1], second[1]])
    expected = learned_by_definition(together, np.arange(3), 3)
    np.testing.assert_allclose(learned.end_epoch().numpy(), expected, atol=1e-6)


def test_a_class_never_seen_is_far_from_all_and_disturbs_no_rank():
    angle = torch.tensor([0.0, 0.3, 1.5])
    features = torch.stack([torch.cos(angle), torch.sin(angle)], 1)
    learned = LearnedDistance(4, 2)
    learned.update(features, torch.tensor([0, 2, 3]))
    distances = learned.end_epoch()
    assert distances[1].tolist() == [1, 0, 1, 1]
    assert distances[0, 2] == pytest.approx(1 / 3)
    assert torch.equal(LearnedDistance(4, 2).end_epoch(), 1 - torch.eye(4))


def test_half_an_epoch_survives_saving():
    rng = torch.Generator().manual_seed(0)
    features, labels = torch.randn(20, 3, generator=rng), torch.arange(20) % 4
    whole, half = LearnedDistance(4, 3), LearnedDistance(4, 3)
    whole.update(features, labels)
    half.update(features[:10], labels[:10])
    other = LearnedDistance(4, 3)
    other.load_state_dict(half.state_dict())
    other.update(features[10:], labels[10:])
    torch.testing.assert_close(other.end_epoch(), whole.end_epoch())


def test_features_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"features must have shape \(2, 3\), got \(2, 4\)"):
        LearnedDistance(4, 3).update(torch.zeros(2, 4), torch.tensor([0, 1]))
    with pytest.raises(ValueError, match=r"num_classes must be an integer, 2 to .*, got 1"):
        LearnedDistance(1, 3)
