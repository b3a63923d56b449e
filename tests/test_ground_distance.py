"""Ground distances against SciPy's graphs and ranks, and what is refused."""

import numpy as np
import pytest
from scipy.sparse.csgraph import shortest_path
from scipy.spatial.distance import cdist, squareform
from scipy.stats import spearmanr
from sklearn.decomposition import PCA

from emdviz import ground_distance


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
        (["a", "b"], {"a": 3, "b": "r"}, None, r"one tree, got the roots \[3, 'r'\]"),
        (["a"], {"a": "r"}, {"a": -1.0}, "not negative"),
        (["a"], {"a": "r"}, {"r": 1.0}, "of edges, .*got 'r'"),
    ],
)
def test_other_graphs_than_trees_are_refused(classes, parents, lengths, message):
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


def test_ranks_of_pairs_are_compared_as_scipy_does():
    rng = np.random.default_rng(3)
    a, b = (cdist(points, points) for points in rng.normal(size=(2, 7, 2)))
    condensed = [squareform(d, checks=False) for d in (a, b)]
    expected = spearmanr(*condensed).statistic
    assert ground_distance.rank_correlation(a, b) == pytest.approx(expected)
    in_a_row = np.sort(rng.random(7))
    assert ground_distance.rank_correlation(ground_distance.line(7)) == 1
    assert 0.8 < ground_distance.rank_correlation(ground_distance.line(7, positions=in_a_row)) < 1


def test_equal_distances_have_no_rank_correlation():
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
