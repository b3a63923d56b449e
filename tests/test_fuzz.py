"""Hostile input: a part of what ``make fuzz`` tries, and faults that it found before."""

import contextlib
import inspect
import random
import re
import warnings

import ipywidgets
import numpy as np
import pandas as pd
import pytest
import torch
import traitlets
from torch.nn import functional as F

from emdviz import (
    beliefs,
    datasets,
    distances,
    distributions,
    experiments,
    explorers,
    ground_distance,
    losses,
    metrics,
    models,
    training,
)
from emdviz.datasets.readers import files, table_files
from emdviz.datasets.readers import images as decoding
from emdviz.losses import loss as loss_module
from fuzz import files as fuzzed_files
from fuzz import mutation, store, surface, targets, traits
from fuzz.calls import Argument, Target, judge, try_target
from fuzz.values import SCORES, P
from fuzz.verdict import Fault

SEED = 7


TARGETS, UNKNOWN = targets.targets()
SOME = [name for name, target in TARGETS.items() if target.share >= 0.2]


def test_every_public_function_is_fuzzed_or_left_out_for_a_reason():
    assert not UNKNOWN, "say in fuzz/targets.py what these parameters may be"
    every = surface.public_callables()
    assert len(every) > 100
    listed = targets.SPECIAL.keys() | targets.LEFT_OUT
    assert not listed - set(every), "fuzz/targets.py lists what is no longer there"
    assert not set(TARGETS) & set(targets.LEFT_OUT)


def test_options_of_a_new_loss_are_fuzzed_around_their_defaults():
    def loss(input, target, *, delta=0.5, steps=3, squared=False, weight=None):
        """A loss with options that no other has."""

    kinds = targets.kinds_of_options(loss)
    assert set(kinds) == {"delta", "steps", "squared"}
    given, unknown = surface.arguments(loss, kinds | targets.KINDS, {"weight"})
    assert not {"delta", "steps", "squared"} & set(unknown)
    assert {"delta?", "steps?", "squared?"} <= set(given)


def test_every_public_explorer_receives_messages():
    every = surface.public_callables().items()
    explorers = {n for n, v in every if inspect.isclass(v) and issubclass(v, ipywidgets.Widget)}
    assert {f"explorers.{name}" for name in traits.widgets()} == explorers


@pytest.mark.slow
def test_a_loss_is_fuzzed_as_soon_as_it_is_registered(monkeypatch):
    monkeypatch.setattr(loss_module, "LOSSES", losses.LOSSES.copy())
    monkeypatch.setattr(losses, "LOSSES", loss_module.LOSSES)
    right = losses.Loss("half XE", lambda C, features: lambda z, y: 0.5 * F.cross_entropy(z, y))
    wrong = losses.Loss("NaN", lambda C, features: lambda z, y: (z * float("nan")).sum())
    for loss in (right, wrong):
        losses.register(loss)
    made, _ = targets.targets()
    assert not try_target("right", made["LOSSES['half XE']"], 20, SEED).fault
    assert "gradient" in try_target("wrong", made["LOSSES['NaN']"], 20, SEED).fault


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_public_functions_answer_correctly_or_name_the_wrong_argument(part):
    for name in SOME[part::4]:
        assert not try_target(name, TARGETS[name], 12, SEED).fault


@pytest.mark.slow
def test_no_message_of_a_front_end_breaks_an_explorer():
    count, faults = traits.try_traits(140, SEED)
    assert count == 140
    assert not faults


@pytest.mark.slow
def test_broken_files_are_read_or_refused_with_an_error_of_emdviz():
    counts, faults = fuzzed_files.try_files(200, SEED)
    assert not faults
    assert sum(answered for _, answered in counts.values()) > 20  # some are whole


@pytest.mark.slow
def test_decompression_bombs_and_paths_outside_an_archive_do_no_harm():
    count, faults = fuzzed_files.try_hostile()
    assert count > 15
    assert not faults


@pytest.mark.slow
def test_broken_stores_are_reported():
    assert store.try_stores(8, SEED)[1] == []


def wrong_number(p):
    return np.sum(p, axis=-1) + 0.001


def of_numpy(p):
    return np.linalg.inv(p)


def silent_nan(scores):
    return metrics.spearman(scores, scores) * np.nan


def changing(p):
    read = distributions.check_distribution(p)
    with contextlib.suppress(ValueError, RuntimeError):  # what cannot be changed
        read[..., 0] = 0.5
    return read


@pytest.mark.parametrize(
    ("function", "kinds", "reference", "text"),
    [
        (wrong_number, {"p": P}, lambda p: np.sum(p, axis=-1), "gives"),
        (of_numpy, {"p": P}, None, "LinAlgError|not raised by emdviz"),
        (silent_nan, {"scores": SCORES}, None, "gives NaN"),
        (changing, {"p": P}, None, "changes its arguments"),
    ],
)
def test_the_fuzzer_finds_faults(function, kinds, reference, text):
    tried = try_target("it", Target(function, kinds, reference), 60, SEED)
    assert re.search(text, tried.fault)


def test_the_fuzzer_finds_an_answer_to_what_must_be_refused():
    target = Target(lambda p: 1.0, {"p": P}, TARGETS["distributions.cdf"].reference)
    with pytest.raises(Fault, match="answers what it must refuse"):
        judge(target, {"p": Argument(np.array([0.5, np.nan]), "", "a nan")})


# Faults that were found.


def test_distributions_of_two_precisions_have_a_wasserstein_distance():
    p, t = np.array([0.5, 0.5], np.float32), np.array([0.0, 1.0])
    assert distances.wasserstein(p, t, order=2) == pytest.approx(0.5**0.5)
    assert distances.emd(torch.tensor(p), torch.tensor(t)).item() == 0.5


def test_masked_entries_are_not_taken_for_numbers():
    p = np.ma.array([0.5, 0.5], mask=[True, False])
    with pytest.raises(ValueError, match="p must have no masked entries"):
        distances.emd(p, [0.5, 0.5])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_distributions_in_half_precision_are_taken(dtype):
    p = torch.softmax(torch.arange(8.0), 0)
    found = distances.emd(p.to(dtype), torch.eye(8, dtype=dtype)[0])
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(distances.emd(p, torch.eye(8)[0]).item(), rel=1e-2)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (torch.empty(2, device="meta"), "p must hold numbers, got one on the meta device"),
        (pd.array([0.5, None], dtype="Float64"), "p must (be finite|hold real numbers)"),
        (torch.float32, "p must hold real numbers"),
    ],
)
def test_objects_without_numbers_are_refused(values, text):
    with pytest.raises((TypeError, ValueError), match=text):
        distances.emd(values, [0.5, 0.5])


def test_positions_that_single_precision_cannot_tell_apart_are_refused():
    p = np.array([0.5, 0.5], np.float32)
    with pytest.raises(ValueError, match=r"positions must increase .* in float32"):
        distances.emd(p, p, positions=[1e8, 1e8 + 1])
    with pytest.raises(ValueError, match="positions must be finite, within"):
        distances.emd([0.5, 0.5], [0.5, 0.5], positions=[-1.7e308, 1.7e308])


def test_scores_that_have_no_rank_are_refused():
    with pytest.raises(ValueError, match="scores and true_scores must be finite"):
        metrics.spearman([0.1, np.nan, 0.3], [1.0, 2.0, 3.0])


def test_huge_distances_are_embedded():
    points = ground_distance.embed(ground_distance.line(4) * 1e300, 1)
    assert np.ptp(points) == pytest.approx(3e300)


def test_disagreements_are_named_by_their_arguments():
    with pytest.raises(ValueError, match="q must sum to 1"):
        beliefs.largest_disagreements([[0.5, 0.5]], [[0.5, 0.6]])


def test_an_ignored_class_beside_probabilities_is_no_error():
    z, t = torch.zeros(2, 3), torch.full((2, 3), 1 / 3)
    assert losses.xe_loss(z, t, ignore_index=1).item() == pytest.approx(np.log(3))


def test_more_steps_than_there_may_be_are_not_walked():
    explorer = explorers.GradientExplorer([0.25, 0.25, 0.5])
    steps = explorer.steps
    walk = {"steps": 10**9, "p": explorer.p, "target": explorer.target}
    with pytest.raises(traitlets.TraitError, match="steps must be an integer, 0 to 200"):
        explorer.set_state({"_walk": walk})
    assert explorer.steps == steps


def test_a_browser_cannot_change_traits_that_python_sets():
    explorer = explorers.PredictionExplorer()
    script = explorer._esm
    explorer.set_state({"_esm": "alert(1)", "_presets": {}, "target": 2})
    assert (explorer._esm, explorer.target) == (script, 2)
    with pytest.raises(traitlets.TraitError, match="p_0 must be a number from 0 to 1, got nan"):
        explorer.set_state({"p_0": float("nan")})


def test_the_first_line_of_a_table_may_be_anything():
    for content in (b'a\r b,"\n', b"a\r b,\n", b"\r", b"sep=;"):
        with pytest.raises(ValueError, match=r"labels\.csv (must begin|cannot be read as a table)"):
            table_files.read_label_table(content, "labels.csv")


def test_a_table_of_empty_fields_is_refused():
    with pytest.raises(ValueError, match=r"labels\.csv must begin with a line that names"):
        table_files.read_label_table(b",,\n,,\n", "labels.csv")


def test_an_error_does_not_repeat_a_line_without_end():
    with pytest.raises(ValueError, match="label must not be empty") as caught:
        table_files.read_label_table(b"path,label\n" + b"x" * 70_000, "labels.csv")
    assert len(str(caught.value)) < 1000


def test_broken_tags_of_an_image_make_no_flood_of_warnings():
    whole = fuzzed_files._images()["i.tif"]
    rng = random.Random(SEED)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(60):
            data = mutation.mutate(whole, rng, [whole])
            file = files.ImageFile("i.tif", "i", 0, lambda data=data: data)
            decoding.decode([file], 8, workers=1)


def test_a_cache_whose_header_is_no_python_is_made_anew(tmp_path):
    classes = fuzzed_files._folder_of_classes()
    name, data, right = fuzzed_files._cache(classes)
    root = fuzzed_files.data_layouts.write(tmp_path, classes)
    path = root / name
    path.parent.mkdir()
    path.write_bytes(data[:10] + b"{(" + data[12:])
    assert torch.equal(datasets.image_folder(root, size=16).inputs, right)


def test_weights_with_broken_bytes_are_refused(tmp_path):
    path = tmp_path / "w.safetensors"
    path.write_bytes((8).to_bytes(8, "little") + b"{\x86\x86\x86\x86\x86\x86}")
    with pytest.raises(ValueError, match="cannot be read"):
        models.small_cnn(3, width=4, weights=path)


def test_state_of_another_type_than_a_number_is_refused():
    explorer = explorers.TransportExplorer([0.5, 0.5, 0.0], [0.0, 0.5, 0.5])
    with pytest.raises(traitlets.TraitError, match="order must be an integer, 1 to 2, got True"):
        explorer.set_state({"order": True})
    with pytest.raises(traitlets.TraitError, match="positions must lie within"):
        explorer.set_state({"positions": [0.0, 1.0, 1e100]})
    walker = explorers.GradientExplorer([0.25, 0.25, 0.5])
    with pytest.raises(traitlets.TraitError, match="target must be a class index"):
        walker.set_state({"_walk": {"steps": 1, "p": walker.p, "target": float("nan")}})
    with pytest.raises(traitlets.TraitError, match=r"emd_weight must be a number from 0 to 1e\+06"):
        walker.set_state({"emd_weight": 1e300})


def test_one_broken_date_does_not_hide_the_other_runs(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first, _ = store.make_store(tmp_path)
    path = tmp_path / first.id / "result.json"
    path.write_text(path.read_text(encoding="utf-8").replace("+00:00", "+-00:00"), encoding="utf-8")
    with pytest.warns(UserWarning, match="cannot be read"):
        assert len(experiments.results(tmp_path)) == 1


def test_images_of_floats_are_not_changed_when_they_are_scaled():
    images = torch.full((1, 3, 2, 2), 255.0)
    assert training.scale_pixels(images).max() == 1
    assert images.min() == 255
