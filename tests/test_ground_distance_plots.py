"""Pictures of ground distances show what they are given."""

from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pytest

from emdviz import ground_distance, plots
from emdviz.palette import for_text

CLASSES = list("abcde")


def test_a_matrix_is_drawn_and_numbered_as_it_is():
    distances = ground_distance.line(5) / 4
    ax = plots.plot_ground_distance(distances, classes=CLASSES)
    np.testing.assert_array_equal(ax.images[0].get_array(), distances)
    numbers = {text.get_position(): text.get_text() for text in ax.texts}
    assert numbers[4, 0] == "1"
    assert numbers[3, 1] == ".50"
    assert len(numbers) == 20, "the diagonal stays empty"
    for axis in (ax.get_xticklabels(), ax.get_yticklabels()):
        assert [text.get_text() for text in axis] == CLASSES


def test_distances_of_any_unit_are_numbered_and_compared_on_one_scale():
    ax = plots.plot_ground_distance(ground_distance.line(3, positions=[0, 2.5, 40]), greatest=80)
    assert ax.images[0].get_clim() == (0, 80)
    texts = {text.get_position(): text.get_text() for text in ax.texts}
    assert (texts[1, 0], texts[2, 0]) == ("2.5", "40")


def test_classes_stand_at_their_points_joined_in_their_order():
    points = np.random.default_rng(0).normal(size=(5, 2))
    ax = plots.plot_embedding(points, classes=CLASSES)
    np.testing.assert_array_equal(ax.collections[0].get_offsets(), points)
    np.testing.assert_array_equal(ax.lines[0].get_xydata(), points)
    assert [text.get_text() for text in ax.texts] == CLASSES
    np.testing.assert_array_equal([text.xy for text in ax.texts], points)
    edge = ax.collections[0].get_edgecolors()[0, :3]
    assert all((edge > 0.3) & (edge < 0.7)), "yellow needs one on white and on dark"
    assert ax.get_aspect() == 1, "distances must be the same in all directions"


@pytest.mark.parametrize("bend", [0, 1, 3])
def test_names_of_classes_on_a_line_cover_no_other(bend):
    names = ["0-2", "4-6", "8-13", "15-20", "25-32", "38-43", "48-53", "60+"]
    _, ax = plt.subplots(figsize=(5, 4.4))
    x = np.linspace(-1, 1, 8)
    plots.plot_embedding(np.stack([x, bend * x**2], 1), classes=names, ax=ax)
    ax.figure.canvas.draw()
    boxes = [text.get_window_extent() for text in ax.texts]
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))
    assert all(ax.bbox.x0 <= box.x0 and box.x1 <= ax.bbox.x1 for box in boxes)


def test_every_run_has_a_line_in_the_colour_of_its_name():
    faces, digits = np.array([[0.5, 0.9, 0.95], [0.2, 0.7, 0.9]]), [-0.2, -0.1, 0.0]
    ax = plots.plot_rank_correlations({"faces": faces, "digits": digits})
    drawn = [line.get_ydata().tolist() for line in ax.lines[:3]]
    assert drawn == [*faces.tolist(), digits]
    assert all(line.get_xdata().tolist() == [1, 2, 3] for line in ax.lines[:3])
    colours = [for_text(line.get_color()) for line in ax.lines[1:3]]
    assert {text.get_text(): text.get_color() for text in ax.texts} == dict(
        zip(["faces", "digits"], colours, strict=True)
    )
    assert colours[0] != colours[1]
    low, high = ax.get_ylim()
    assert low < -0.2
    assert high > 1


def test_a_single_class_has_its_name_too():
    assert [text.get_text() for text in plots.plot_embedding([[0.0, 0.0]]).texts] == ["0"]


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: plots.plot_ground_distance([[0, 1]]), r"distances must have shape \(C, C\)"),
        (lambda: plots.plot_ground_distance(np.zeros((2, 2)), classes=["a"]), "must name 2"),
        (lambda: plots.plot_embedding([[0, 1, 2]]), r"points must have shape \(C, 2\)"),
        (lambda: plots.plot_embedding([[0, 1]], classes=["a", "b"]), "must name 1 classes, got 2"),
    ],
)
def test_what_does_not_fit_is_refused(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()
