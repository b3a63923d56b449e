"""The explorers without a browser: traits, numbers, errors and what they leave behind."""

import ipywidgets
import numpy as np
import pytest
import traitlets
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from scipy import stats

from emdviz import explorers
from emdviz.explorers import PredictionExplorer
from emdviz.explorers.kit import presets
from tests.explorer_checks import check_refused, check_self_contained
from tests.optional import torch

THREE = ["low", "middle", "high"]


def by_definition(p, k, positions=None):
    """Losses from loops over their definitions and from SciPy, apart from emdviz.distances."""
    x = np.arange(len(p)) if positions is None else np.asarray(positions, float)
    nats = -np.log(p[k]) if p[k] > 0 else np.inf
    return {
        "XE": nats,
        "EMD": stats.wasserstein_distance(x, [x[k]], p, [1.0]),
        "EMD2": stats.energy_distance(x, [x[k]], p, [1.0]) ** 2 / 2,
        "REG": (sum(pi * xi for pi, xi in zip(p, x, strict=True)) - x[k]) ** 2,
    }


@pytest.mark.parametrize("positions", [None, [1, 5, 10.5, 17.5, 28.5, 40.5]])
def test_losses_agree_with_their_definitions(positions):
    rng = np.random.default_rng(0)
    explorer = PredictionExplorer(np.full(6, 1 / 6), positions=positions)
    for _ in range(20):
        explorer.p = rng.dirichlet(np.full(6, 0.5))
        explorer.q = rng.dirichlet(np.full(6, 0.5))
        explorer.target = int(rng.integers(6))
        for letter, p in (("A", explorer.p), ("B", explorer.q)):
            expected = by_definition(p, explorer.target, positions)
            assert explorer.losses[letter] == pytest.approx(expected, abs=1e-12)


def test_the_default_is_a_pair_that_cross_entropy_cannot_tell_apart():
    explorer = PredictionExplorer()
    a, b = explorer.losses["A"], explorer.losses["B"]
    assert len(explorer.classes) == 8
    assert a["XE"] == b["XE"]
    assert a["EMD"] > b["EMD"]
    assert a["EMD2"] > b["EMD2"]


def test_no_probability_at_the_true_class_is_infinite_cross_entropy():
    explorer = PredictionExplorer([1.0, 0.0], [0.5, 0.5], target=1)
    assert explorer.losses["A"]["XE"] == np.inf


def test_arrays_of_every_kind_are_read_and_lists_come_back():
    torch = pytest.importorskip("torch")
    explorer = PredictionExplorer(np.array([0.25, 0.75]), torch.tensor([1.0, 0.0]))
    assert explorer.p == [0.25, 0.75]
    assert explorer.q == [1.0, 0.0]
    explorer.p = (1, 0)
    assert explorer.p == [1.0, 0.0]
    explorer.target = np.int64(1)
    assert type(explorer.target) is int


def test_a_missing_prediction_is_made_with_equal_cross_entropy():
    only_p = PredictionExplorer([0.1, 0.2, 0.7], target=2)
    assert only_p.q[2] == pytest.approx(0.7)
    only_q = PredictionExplorer(q=[1.0, 0.0, 0.0], classes=THREE)
    assert only_q.p == [1.0, 0.0, 0.0]


def test_the_linked_numbers_follow_the_lists():
    explorer = PredictionExplorer([0.2, 0.3, 0.5])
    assert [explorer.p_0, explorer.p_1, explorer.p_2] == [0.2, 0.3, 0.5]
    explorer.p = [0.125, 0.125, 0.75]
    assert [explorer.p_0, explorer.p_1, explorer.p_2] == [0.13, 0.13, 0.75]


def test_equal_cross_entropy_opens_when_python_sets_a_different_pair():
    assert PredictionExplorer().equal_xe
    assert PredictionExplorer([0.2, 0.3, 0.5]).equal_xe
    assert not PredictionExplorer([0.2, 0.8], [0.3, 0.7]).equal_xe
    explorer = PredictionExplorer([0.5, 0.5, 0.0], [0.5, 0.0, 0.5])
    explorer.q = [0.5, 0.25, 0.25]
    assert explorer.equal_xe
    explorer.q = [0.25, 0.25, 0.5]
    assert not explorer.equal_xe
    assert explorer.q == [0.25, 0.25, 0.5]


@pytest.mark.parametrize(
    ("trait", "value", "text"),
    [
        ("p", [0.5, 0.5], r"p must hold one probability per class, shape \(3,\), got \(2,\)"),
        ("p", [1.2, -0.2, 0.0], r"p must not be negative, got -0\.2"),
        ("q", [0.5, float("nan"), 0.5], "q must be finite, got nan"),
        ("q", [0.5, 0.5, 0.5], r"q must sum to 1 .*divide by the sum.*got 1\.5"),
        ("q", [0, 0, 0], "q must sum to 1, got zeros only"),
        ("p", "abc", "p must be 3 probabilities, got 'abc'"),
        ("p", 0.5, r"p must hold one probability per class, shape \(3,\), got \(\)"),
        ("target", 3, "target must be a class index, 0 to 2, got 3"),
        ("target", -1, "target must be a class index, 0 to 2, got -1"),
        ("target", 1.0, r"target must be a class index, 0 to 2, got 1\.0"),
        ("target", True, "target must be a class index, 0 to 2, got True"),
        ("target", "b", "class index, 0 to 2, got 'b'; type its place among the classes"),
        ("positions", [0, 2, 1], "positions must increase"),
        ("positions", [0, 1], "positions must hold one number per class"),
        ("positions", ["a", "b", "c"], r"positions must be 3 increasing numbers, got \['a'"),
        ("classes", ["a", "b"], "classes must name 3 classes, got 2"),
        ("classes", ["a", "b", "a"], r"classes must all be different, got \['a'\]"),
        ("classes", "abc", "classes must be a list of names"),
        ("classes", {"a", "b", "c"}, "classes must be a list of names"),
        ("p", np.ma.array([0.2, 0.3, 0.5], mask=[0, 0, 1]), "p must be 3 probabilities, got mask"),
        ("pinned_p", [5], "pinned_p must be a class index, 0 to 2, got 5"),
        ("equal_xe", True, r"equal_xe needs p and q .* p\[0\] = 0\.2 and q\[0\] = 0\.5"),
    ],
)
def test_bad_values_are_refused_and_change_nothing(trait, value, text):
    explorer = PredictionExplorer([0.2, 0.3, 0.5], [0.5, 0.5, 0.0], classes=THREE)
    check_refused(explorer, trait, value, text)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
def test_tensors_of_any_precision_are_taken(dtype):
    p = torch.softmax(torch.arange(3.0), 0)
    explorer = PredictionExplorer(p.to(getattr(torch, dtype)).requires_grad_(), p, classes=THREE)
    assert explorer.p == pytest.approx(p.tolist(), abs=1e-2)
    assert sum(explorer.p) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"p": [0.5, 0.6]}, "p must sum to 1"),
        ({"p": [0.5, 0.5], "q": [1, 0, 0]}, "one item per class, got 2 in p, 3 in q"),
        ({"p": [1.0]}, "at least 2 classes, got 1 in p"),
        ({"p": 0.5}, "p must be a list"),
        ({"target": 8}, "target must be a class index, 0 to 7, got 8"),
        ({"classes": "ab"}, "classes must be a list"),
        ({"style": "poster"}, r"style must be one of \['notebook', 'projector'\], got 'poster'"),
        ({"p": [0.5, 0.5], "q": [1, 0], "equal_xe": True}, "equal_xe needs"),
    ],
)
def test_bad_arguments_are_refused(arguments, text):
    with pytest.raises(traitlets.TraitError, match=text):
        PredictionExplorer(**arguments)


@pytest.mark.parametrize("count", [2, 3, 8, 20])
def test_presets_are_predictions_for_every_true_class(count):
    for preset in presets.all_presets(count).values():
        rows = np.array(preset["rows"])
        assert rows.shape == (count, count)
        assert np.all(rows >= 0)
        np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-12)
    for k in range(count):
        far, near = presets.far_and_near(count, k)
        assert far[k] == near[k]


def test_neighbours_have_the_least_squared_emd_of_their_cross_entropy():
    mass = 1 - presets.TRUE_CLASS_SHARE
    middle = PredictionExplorer(presets.neighbours(8, 3), target=3)
    assert middle.losses["A"]["EMD2"] == pytest.approx(mass**2 / 2)
    end = PredictionExplorer(presets.neighbours(8, 0))
    assert end.losses["A"]["EMD2"] == pytest.approx(mass**2)


def test_sliders_show_every_class_and_are_linked():
    explorer = PredictionExplorer([0.2, 0.3, 0.5], [0.5, 0.5, 0.0], classes=THREE, target=1)
    target, columns = explorer.sliders().children
    assert (target.index, target.value) == (1, "middle")
    for column, values in zip(columns.children, (explorer.p, explorer.q), strict=True):
        sliders = column.children[1:]
        assert [slider.value for slider in sliders] == values
        assert [slider.description for slider in sliders] == THREE
    assert explorer.panel().children[0] is explorer


@pytest.mark.slow
@pytest.mark.parametrize("positions", [None, [1.0, 5.0, 11.0]])
def test_the_figure_shows_the_present_state(positions, tmp_path):
    explorer = PredictionExplorer([0.2, 0.3, 0.5], classes=THREE, positions=positions)
    explorer.q = [0.1, 0.7, 0.2]
    figure = explorer.figure()
    (a, b), (steps_a, steps_b) = np.array(figure.axes).reshape(2, 2)
    for axes, p in ((a, explorer.p), (b, explorer.q)):
        heights = [patch.get_height() for patch in axes.patches]
        assert all(any(abs(height - value) < 1e-9 for height in heights) for value in p)
    losses = explorer.losses["B"]
    assert f"XE {losses['XE']:.3f}" in b.get_title(loc="left")
    assert f"EMD² {losses['EMD2']:.3f}" in steps_b.get_title(loc="left")
    assert steps_a.collections or steps_a.patches
    for suffix in ("png", "svg", "pdf"):
        figure.savefig(tmp_path / f"figure.{suffix}")
        assert (tmp_path / f"figure.{suffix}").stat().st_size > 1000


def test_a_saved_page_is_one_file_that_fetches_nothing(tmp_path):
    classes = ["</script><b>", "b", "c"]
    explorer = PredictionExplorer([0.2, 0.3, 0.5], classes=classes)
    path = explorer.save_html(tmp_path / "page.html")
    assert list(tmp_path.iterdir()) == [path]
    check_self_contained(path)


def test_an_exported_notebook_gets_a_live_figure_beside_the_widget():
    bundle, _ = PredictionExplorer()._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert "standAlone.figure(" in bundle["text/html"]


VIEW = "application/vnd.jupyter.widget-view+json"


@pytest.fixture
def shell():
    yield InteractiveShell.instance()
    InteractiveShell.clear_instance()


def test_a_cell_ends_with_one_word_for_whoever_reopens_it(shell):
    shell.user_ns |= {"figure": PredictionExplorer(), "panel": PredictionExplorer().panel()}
    with capture_output() as shown:
        shell.run_cell("display(figure); display(panel)")
        shell.run_cell("display(1)")
    figure, panel, word, one = (output.data for output in shown.outputs)
    assert VIEW in figure
    assert VIEW in panel
    assert "run the cell again" in word["text/html"]
    assert one == {"text/plain": "1"}


def test_an_explorer_can_be_appended_to_an_output(shell):
    output, explorer = ipywidgets.Output(), PredictionExplorer()
    with capture_output() as shown:
        output.append_display_data(explorer)
    assert shown.outputs == []
    (appended,) = output.outputs
    assert appended["data"][VIEW]["model_id"] == explorer.model_id


def test_a_browser_changes_no_private_trait_without_the_tag():
    pytest.importorskip("torch")
    from emdviz import datasets
    from emdviz.training import TrainConfig
    from tests.comparisons import made_up_epochs

    faces = datasets.load("synthetic_faces", n=30, size=32)
    config = TrainConfig(epochs=1, device="cpu")
    figures = [
        *(getattr(explorers, names[0])() for names in explorers.ALL.values() if len(names) == 1),
        explorers.LossRace(faces, ["XE"], config, probe=[0]),
        explorers.TrainingReplay(made_up_epochs({"XE": 1}, 1, 8), faces, images=[0]),
    ]
    assert {type(figure).__name__ for figure in figures} == set(explorers.__all__) - {"flip_book"}
    for figure in figures:
        private = [name for name in figure.keys if name.startswith("_")]
        assert {"_esm", "_css", "_text_scale"} <= set(private)
        for name in private:
            before = getattr(figure, name)
            changed = {"steps": 1, "p": getattr(figure, "p", None), "target": 0}
            figure.set_state({name: changed if name == "_walk" else "changed"})
            kept = getattr(figure, name) == before
            assert kept == (name not in figure.trait_names(from_browser=True)), name
    assert {n for each in figures for n in each.trait_names(from_browser=True)} == {"_walk"}


def test_tasks_are_a_list_of_texts():
    for tasks in ("Drag a bar.", ["Drag a bar.", 3]):
        with pytest.raises(traitlets.TraitError, match="tasks"):
            explorers.PredictionExplorer(tasks=tasks)
