import hashlib
import subprocess
import sys
import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
import scipy.stats
import torch
import tqdm.auto

from emdviz.datasets import OrderedData, synthetic_faces
from emdviz.datasets.ages import GROUP_EDGES, age_group
from emdviz.datasets.drawn_faces.drawing import draw_faces
from emdviz.datasets.drawn_faces.traits import RANDOM_NUMBERS, face_traits
from emdviz.datasets.sets import synthetic_faces as module
from emdviz.datasets.sets.synthetic_faces import draw_labels
from tests.optional import posix

# as drawn when this test was written, with seed 0
AGES = [36.00478173500216, 5.384494206982826, 50.75454828032444, 80.04458275555322]
LABELS = [4, 2, 6, 7, 2, 7, 5, 1, 5, 6, 7, 6, 0, 4, 0, 4]
LABEL_HASH = "71585f5edec494db"
LAST_NUMBER = 0.7003727793824515
MEANS = [
    [187.74, 168.05, 145.36],
    [176.43, 137.15, 120.28],
    [166.87, 180.42, 183.82],
    [215.05, 188.14, 183.89],
]


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    # many small operations on few faces: threads cost more than they bring
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def faces():
    return synthetic_faces(200, size=32)


def neutral(**changes):
    """The random numbers of an average face, some of them changed."""
    numbers = {name: 0.5 for name in RANDOM_NUMBERS} | {"occlusion": 0.9, "blur": 0.0} | changes
    return np.array([list(numbers.values())])


def draw(ages, size=48, **changes):
    ages = np.asarray(ages, dtype=np.float64)
    return draw_faces(face_traits(ages, neutral(**changes).repeat(len(ages), axis=0)), size)


def test_the_parts_have_their_shapes_and_types(faces):
    assert isinstance(faces, OrderedData)
    assert faces.inputs.shape == (200, 3, 32, 32)
    assert faces.inputs.dtype == torch.uint8
    assert faces.true_distribution.shape == (200, 8)
    assert faces.true_distribution.dtype == faces.latent_age.dtype == torch.float64
    assert faces.latent_age.shape == (200,)
    assert faces.unit == "years"
    assert faces.classes[0] == "0-2"
    assert faces.positions[0] == 1.0


def test_ages_and_labels_are_the_same_on_every_machine():
    age, _, labels = draw_labels(1000)
    np.testing.assert_allclose(age[:4], AGES, rtol=1e-12)
    assert labels[:16].tolist() == LABELS
    assert hashlib.sha256(labels.astype("<i8").tobytes()).hexdigest()[:16] == LABEL_HASH
    last = module._random_numbers(slice(999, 1000), 0)
    np.testing.assert_allclose(last[0, -1], LAST_NUMBER, rtol=1e-12)


def test_pixels_are_the_same_up_to_rounding(faces):
    means = faces.inputs[:4].double().mean((2, 3))
    torch.testing.assert_close(means, torch.tensor(MEANS, dtype=torch.float64), atol=0.3, rtol=0)


def test_fewer_faces_are_the_first_of_more(faces):
    fewer = synthetic_faces(100, size=32)
    torch.testing.assert_close(fewer.inputs, faces.inputs[:100], atol=1, rtol=0)
    torch.testing.assert_close(fewer.labels, faces.labels[:100], atol=0, rtol=0)
    torch.testing.assert_close(fewer.latent_age, faces.latent_age[:100], atol=0, rtol=0)
    for name, chosen in fewer.splits.items():
        assert chosen.tolist() == [i for i in faces.splits[name].tolist() if i < 100]


@pytest.mark.parametrize(("block", "threads"), [(19, 1), (200, 1), (50, 3)])
def test_faces_do_not_depend_on_how_many_are_drawn_at_once(faces, monkeypatch, block, threads):
    monkeypatch.setattr(module, "BLOCK", block)
    torch.set_num_threads(threads)
    images = synthetic_faces(200, size=32).inputs
    torch.set_num_threads(1)
    torch.testing.assert_close(images, faces.inputs, atol=1, rtol=0)


def test_drawing_leaves_the_number_of_threads_as_it_was():
    for threads in (2, 1):
        torch.set_num_threads(threads)
        synthetic_faces(5, size=32)
        assert torch.get_num_threads() == threads


def test_the_labels_do_not_depend_on_the_size_but_on_the_seed(faces):
    larger, other = synthetic_faces(30, size=41), synthetic_faces(30, size=32, seed=1)
    assert larger.inputs.shape == (30, 3, 41, 41)
    torch.testing.assert_close(larger.latent_age, faces.latent_age[:30], atol=0, rtol=0)
    assert larger.labels.tolist() == faces.labels[:30].tolist()
    assert not torch.isclose(other.latent_age, faces.latent_age[:30]).any()
    assert (other.inputs != faces.inputs[:30]).any(dim=(1, 2, 3)).all()


# every way in which the labels can be made harder, alone and together
SETTINGS = {
    "as it is": {},
    "crisp": {"ambiguity": 0},
    "clear": {"ambiguity": 0.3},
    "ambiguous": {"ambiguity": 2.5},
    "noisy": {"label_noise": 0.3},
    "unbalanced": {"imbalance": 30},
    "all at once": {"imbalance": 0.05, "label_noise": 0.2, "ambiguity": 1.7},
}


@pytest.fixture(params=SETTINGS.values(), ids=SETTINGS.keys())
def setting(request):
    return request.param


def test_the_true_distribution_is_a_normal_cut_at_the_edges_and_mixed_with_noise(setting):
    age, distribution, _ = draw_labels(500, seed=3, **setting)
    deviation = setting.get("ambiguity", 1) * (1 + 0.1 * age[:, None])
    edges = np.array([-np.inf, *GROUP_EDGES, np.inf])
    if setting.get("ambiguity") == 0:
        below = (edges > age[:, None]).astype(float)
    else:
        below = scipy.stats.norm.cdf(edges, age[:, None], deviation)
    noise = setting.get("label_noise", 0)
    expected = (1 - noise) * np.diff(below, axis=1) + noise / 8
    np.testing.assert_allclose(distribution, expected, atol=1e-12)
    np.testing.assert_allclose(distribution.sum(axis=1), 1, atol=1e-12)


def misfit(labels, p, order):
    """How surprising the labels are if p is what they were drawn from: a chi-square test.

    The images are cut into twenty parts of equal size after ``order``. In each the counts of the
    classes are set against Σ p with the covariance Σ diag(p) − p pᵀ that labels of different
    images have; the squares add up to chi-square.
    """
    statistic = freedom = 0.0
    for part in np.array_split(np.argsort(order), 20):
        q = p[part]
        difference = np.bincount(labels[part], minlength=8) - q.sum(axis=0)
        kept = q.sum(axis=0) > 5  # the normal limit wants some labels of each class
        covariance = np.diag(q.sum(axis=0)) - q.T @ q
        kept[np.argmax(kept)] = False  # the counts add up, so one of them says nothing new
        part_covariance = covariance[np.ix_(kept, kept)]
        statistic += difference[kept] @ np.linalg.solve(part_covariance, difference[kept])
        freedom += kept.sum()
    return scipy.stats.chi2.sf(statistic, freedom)


@pytest.mark.parametrize("setting", [s for s in SETTINGS.values() if s.get("ambiguity") != 0])
def test_labels_are_drawn_from_the_true_distribution(setting):
    n = 40_000
    age, p, labels = draw_labels(n, seed=11, **setting)
    looks = module._random_numbers(slice(0, n), 11)
    # p-values of a right sampler are even in (0, 1): below 1e-4 once in 10,000 tests
    for order in (age, p[:, 3], looks[:, 2], np.arange(n)):
        assert misfit(labels, p, order) > 1e-4


def test_crisp_labels_are_the_groups_of_the_latent_ages():
    age, p, labels = draw_labels(1000, ambiguity=0)
    assert labels.tolist() == age_group(age).tolist()
    np.testing.assert_array_equal(p, np.eye(8)[labels])


@pytest.mark.parametrize(
    ("drawn", "believed"),
    [
        ({"label_noise": 0.05}, {}),
        ({}, {"label_noise": 0.05}),
        ({"ambiguity": 1.2}, {}),
        ({"ambiguity": 0.8}, {}),
    ],
)
def test_the_chi_square_test_notices_a_wrong_distribution(drawn, believed):
    age, _, labels = draw_labels(40_000, seed=11, **drawn)
    _, p, _ = draw_labels(40_000, seed=11, **believed)
    assert misfit(labels, p, age) < 1e-10


def test_noise_and_ambiguity_change_neither_the_ages_nor_the_images(faces):
    other = synthetic_faces(60, size=32, label_noise=0.5, ambiguity=3)
    torch.testing.assert_close(other.inputs, faces.inputs[:60], atol=1, rtol=0)
    torch.testing.assert_close(other.latent_age, faces.latent_age[:60], atol=0, rtol=0)
    assert other.labels.tolist() != faces.labels[:60].tolist()


@pytest.mark.parametrize("imbalance", [1, 10, 0.02])
def test_imbalance_is_the_ratio_of_the_first_to_the_last_group(imbalance):
    age, _, _ = draw_labels(40_000, seed=4, imbalance=imbalance)
    shares = np.geomspace(1, 1 / imbalance, 8)
    counts = np.bincount(age_group(age), minlength=8)
    assert scipy.stats.chisquare(counts, 40_000 * shares / shares.sum()).pvalue > 1e-4


def test_the_notes_name_what_was_asked_for():
    notes = " ".join(synthetic_faces(1, imbalance=10, label_noise=0.25, ambiguity=2).notes)
    assert "10 times as common" in notes
    assert "25.0% of the labels" in notes
    assert "ambiguity = 2" in notes
    assert len(synthetic_faces(1, size=32).notes) == 2


def test_labels_of_many_faces_need_little_more_memory_than_their_result():
    draw_labels(10)
    tracemalloc.start()
    result = draw_labels(200_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak - sum(part.nbytes for part in result) < 12 * 2**20


def test_traits_are_made_for_no_more_than_a_block_of_faces(monkeypatch):
    seen = []
    monkeypatch.setattr(
        module, "face_traits", lambda *given: seen.append(len(given[0])) or face_traits(*given)
    )
    synthetic_faces(150, size=32)
    assert sorted(seen) == [150 % module.BLOCK, module.BLOCK, module.BLOCK]


def test_the_progress_bar_counts_faces(monkeypatch):
    seen = []

    class Bar(tqdm.auto.tqdm):
        def __init__(self, *, total, **options):
            seen.append(total)
            super().__init__(total=total, **(options | {"disable": True}))

        def update(self, n):
            seen.append(-n)

    monkeypatch.setattr(tqdm.auto, "tqdm", Bar)
    synthetic_faces(150, size=32)
    assert seen[0] == 150
    assert sum(seen) == 0


@pytest.mark.slow
@posix
def test_many_faces_need_little_more_memory_than_their_bytes():
    # tracemalloc does not see what torch allocates, so a fresh process is asked for its peak
    pytest.importorskip("resource")
    program = """
import resource, sys
from emdviz.datasets import synthetic_faces
def peak():
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else 1024 * used
synthetic_faces(640, size=32)
before = peak()
faces = synthetic_faces(6_000, size=32)
print(peak() - before - faces.inputs.nbytes)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=600
    )
    # the images are 18 MB: a copy would be as much, and floats four times; programs differ by 7
    assert int(done.stdout) < 14 * 2**20


def test_ages_are_even_within_groups_and_groups_are_balanced():
    age, _, labels = draw_labels(40_000, seed=2)
    assert age.min() >= 0
    assert age.max() <= module.OLDEST
    groups = np.bincount(age_group(age), minlength=8)
    assert scipy.stats.chisquare(groups).pvalue > 1e-4
    limits = [0, *GROUP_EDGES, module.OLDEST]
    for low, high in pairwise(limits):
        inside = age[(age >= low) & (age < high)]
        assert scipy.stats.kstest(inside, "uniform", (low, high - low)).pvalue > 1e-5
    shares = np.bincount(labels, minlength=8) / len(labels)
    assert shares.min() > 0.10
    assert shares.max() < 0.16


def test_splits_are_complete_disjoint_and_of_the_promised_shares(faces):
    together = torch.cat(list(faces.splits.values()))
    assert together.sort().values.tolist() == list(range(200))
    sizes = {name: len(chosen) for name, chosen in faces.splits.items()}
    assert sizes == {"train": 160, "valid": 20, "test": 20}
    other = synthetic_faces(50, size=32, seed=1).splits["test"]
    assert other.tolist() != [i for i in faces.splits["test"].tolist() if i < 50]


def test_hair_gets_lighter_with_age():
    ages = np.arange(30, 86, 5)
    crown = draw(ages, masculine=0.9, hair_colour=0.2, dyed=0.9)[:, :, 10:13, 20:28]
    lightness = crown.mean((1, 2, 3))
    assert (lightness.diff() > -1e-3).all()
    assert lightness[-1] > lightness[0] + 0.3


def test_those_who_dye_their_hair_stay_dark():
    natural, dyed = (
        draw([80], masculine=0.9, hair_colour=0.2, dyed=d)[0, :, 10:13, 20:28].mean()
        for d in (0.9, 0.05)
    )
    assert dyed < natural - 0.2


def test_eyes_get_smaller_and_the_chin_lower_with_age():
    ages = np.array([1, 4, 9, 17, 28, 45, 60, 80])
    traits = face_traits(ages.astype(float), neutral().repeat(8, axis=0))
    assert (traits["eye_size"].flatten().diff() < 0).all()
    assert (traits["chin"].flatten().diff() > 0).all()
    # and it shows: less of the picture is white of the eye
    eyes = draw([1, 9, 28, 80], size=96, glasses=0.9)[:, :, 46:66, 32:64]
    white = (eyes.amin(1) > 0.8).sum((1, 2))
    assert (white.diff() < 0).all()
    assert white[0] > 2 * white[-1]


def test_the_old_have_wrinkles_where_the_young_have_none():
    traits = face_traits(np.array([20.0, 75.0]), neutral().repeat(2, axis=0))
    for name in ("forehead", "crow", "folds", "bags", "sag"):
        young, old = traits[name].flatten().tolist()
        assert young < 0.01
        assert old > 0.4


def test_faces_differ_at_every_age():
    images = draw(np.arange(0, 86, 5))
    assert ((images.diff(dim=0)).abs().amax((1, 2, 3)) > 0.05).all()


@pytest.mark.parametrize("extreme", [0.0, 0.5, 1 - 2**-53])
@pytest.mark.parametrize("age", [0.0, 17.0, 85.0])
def test_no_trait_makes_pixels_that_are_not_numbers(age, extreme):
    numbers = np.full((1, len(RANDOM_NUMBERS)), extreme)
    image = draw_faces(face_traits(np.array([age]), numbers), 33)
    assert image.isfinite().all()
    assert image.min() > -0.1
    assert image.max() < 1.6


def test_the_notes_say_that_the_truth_is_that_of_the_latent_age(faces):
    assert any("latent age" in note for note in faces.notes)
    assert faces.licence


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"n": 0}, ValueError, "n must be an integer, 1 to 1000000, got 0"),
        ({"n": 1_000_001}, ValueError, "n must be an integer, 1 to 1000000, got 1000001"),
        ({"n": 10.0}, ValueError, "n must be an integer"),
        ({"n": 10, "size": 31}, ValueError, "size must be an integer, 32 to 96, got 31"),
        ({"n": 10, "size": 97}, ValueError, "size must be an integer, 32 to 96, got 97"),
        ({"n": 10, "seed": -1}, ValueError, "seed must be an integer, 0 or more, got -1"),
        ({"n": 10, "seed": None}, TypeError, "seed must be an integer, 0 or more, got None"),
        ({"imbalance": 0}, ValueError, r"imbalance must be 0\.001 to 1000, got 0"),
        ({"imbalance": 2000.0}, ValueError, r"imbalance must be 0\.001 to 1000, got 2000\.0"),
        ({"imbalance": [1, 2]}, ValueError, r"imbalance must be 0\.001 to 1000, got \[1, 2\]"),
        ({"label_noise": 1.1}, ValueError, r"label_noise must be 0 to 1, got 1\.1"),
        ({"label_noise": -0.1}, ValueError, r"label_noise must be 0 to 1, got -0\.1"),
        ({"label_noise": "10%"}, ValueError, "label_noise must be 0 to 1, got '10%'"),
        ({"label_noise": True}, ValueError, "label_noise must be 0 to 1, got True"),
        ({"ambiguity": float("nan")}, ValueError, "ambiguity must be 0 to 10, got nan"),
        ({"ambiguity": -1}, ValueError, "ambiguity must be 0 to 10, got -1"),
        ({"ambiguity": None}, ValueError, "ambiguity must be 0 to 10, got None"),
    ],
)
def test_wrong_arguments_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        synthetic_faces(**arguments)
