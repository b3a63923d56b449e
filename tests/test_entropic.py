"""AEMD against POT's scalings in the log domain, its closed form, and finite differences."""

import math
import warnings
from pathlib import Path

import numpy as np
import ot
import pytest
import torch
from scipy.special import logsumexp

from emdviz import ground_distance, losses, one_hot
from emdviz.losses import ApproximateEMDLoss, aemd_loss, entropic
from emdviz.losses.entropic import scale_matrix

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def quiet():
    """Warnings of too few scalings are tested by name below."""
    entropic._warned.add("aemd")
    yield
    entropic._warned.add("aemd")


def case(num_classes, batch=3, seed=0, zeros=True):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(batch, num_classes, generator=generator, dtype=torch.float64)
    t = torch.softmax(2 * torch.randn(batch, num_classes, generator=generator).double(), 1)
    if zeros:
        t[:, num_classes // 2] = 0
    return logits, t / t.sum(1, keepdim=True)


def pot(a, b, cost, lam, iterations):
    """POT's plan, and its logarithms of u and v, after so many scalings and not one less."""
    with np.errstate(divide="ignore", over="ignore"):  # log 0 and u
        plan, log = ot.bregman.sinkhorn_log(
            a, b, cost, 1 / lam, numItermax=iterations, stopThr=0, log=True, warn=False
        )
    return plan, log["log_u"], log["log_v"]


def centred(potential):
    return potential - potential.mean()


@pytest.mark.parametrize("num_classes", [2, 8, 30, 100])
@pytest.mark.parametrize("lam", [0.1, 1.0, 10.0, 100.0, 1000.0])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 3e-5)])
def test_after_as_many_scalings_value_and_gradient_are_those_of_pot(
    num_classes, lam, dtype, tolerance
):
    iterations, cost = 60, ground_distance.line(num_classes)
    logits, t = case(num_classes, batch=2)
    logits, t = logits.to(dtype).requires_grad_(), t.to(dtype)
    values = aemd_loss(logits, t, lam=lam, iterations=iterations, reduction="none")
    (gradients,) = torch.autograd.grad(values.sum(), logits)
    for i, (z, row) in enumerate(zip(logits.detach().double(), t.double().numpy(), strict=True)):
        log_p = torch.log_softmax(z, 0).numpy()
        p, support = np.exp(log_p), row > 0
        # POT fits the columns before the rows, so it is asked the other way round
        _, g, _ = pot(row, p, cost, lam, iterations)
        f = (log_p - logsumexp(g - lam * cost, axis=1)) / lam
        value = p @ f + row[support] @ g[support] / lam
        gradient = p * (f - p @ f)  # the softmax takes away what is the same for all
        assert values[i].item() == pytest.approx(value, rel=tolerance, abs=tolerance)
        scale = max(1, num_classes / 8)
        np.testing.assert_allclose(gradients[i], gradient, atol=tolerance * scale, rtol=tolerance)


@pytest.mark.parametrize("num_classes", [2, 8, pytest.param(100, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("lam", "iterations"), [(0.1, 100), (1.0, 300)])
def test_converged_they_are_those_of_the_best_plan(num_classes, lam, iterations):
    logits, t = case(num_classes)
    cost = ground_distance.line(num_classes) * min(1.0, 8 / num_classes)
    distance = torch.from_numpy(cost)
    scaled = scale_matrix(torch.log_softmax(logits, 1), t, distance, lam, iterations)
    assert scaled.error.max() < 1e-6
    p = torch.softmax(logits, 1).numpy()
    for i in range(len(p)):
        support = t[i].numpy() > 0
        plan, u, _ = pot(p[i], t[i].numpy()[support], cost[:, support], lam, iterations)
        value = np.sum(plan * cost[:, support]) + np.sum(plan * np.log(plan)) / lam
        assert scaled.value[i].item() == pytest.approx(value, abs=1e-6)
        mine = scaled.row_potential[i].numpy()
        np.testing.assert_allclose(centred(mine), centred(u / lam), atol=1e-6)


def in_logarithms(log_p, t, cost, iterations):
    """Every step as the definition has it."""
    with np.errstate(divide="ignore"):
        log_t, g = np.log(t), np.zeros_like(t)
    for _ in range(iterations):
        f = log_p - logsumexp(g[:, None, :] - cost, axis=2)
        g = log_t - logsumexp(f[:, :, None] - cost, axis=1)
    return g


@pytest.mark.parametrize("most", [50.0, 1e3, 1e5])
@pytest.mark.parametrize("sure", [1.0, 30.0, 1e4])
def test_products_take_the_place_of_logarithms_wherever_they_can(monkeypatch, most, sure):
    logits, t = case(8)
    log_p = torch.log_softmax(sure * logits, 1)
    cost = torch.from_numpy(ground_distance.line(8)) / 7 * most
    monkeypatch.setattr(entropic, "BLOCK", 64)  # pair by pair
    for dtype, tolerance, least in ((torch.float64, 1e-10, 1e-200), (torch.float32, 1e-5, 1e-30)):
        t[0, 0] = least
        expected = in_logarithms(log_p.numpy(), t.numpy(), cost.numpy(), 40)
        parts = log_p.to(dtype), t.to(dtype), cost.to(dtype), 40
        for scale in (entropic._scale_in_blocks, entropic._scale_in_logarithms):
            g, h, columns = (values.numpy() for values in scale(*parts))
            np.testing.assert_allclose(g, expected, rtol=tolerance, atol=tolerance * most)
            rows = -logsumexp(g[:, None, :] - cost.numpy(), axis=2)
            np.testing.assert_allclose(h, rows, rtol=tolerance, atol=tolerance * most)
            sums = np.exp(g + logsumexp((log_p.numpy() + rows)[:, :, None] - cost.numpy(), axis=1))
            np.testing.assert_allclose(columns, sums, rtol=10 * tolerance * most, atol=tolerance)


@pytest.mark.parametrize("most", [50.0, 1e3, 1e5])
@pytest.mark.parametrize("sure", [1.0, 30.0, 1e4])
def test_on_a_line_products_of_blocks_are_those_of_all_classes(most, sure):
    logits, t = case(11)
    log_p = torch.log_softmax(sure * logits, 1)
    t[0, 0] = 1e-200
    x = torch.tensor([0.0, 1, 1, 2, 5, 9, 10, 11, 30, 31, 40], dtype=torch.float64) / 40 * most
    cost = abs(x[:, None] - x).numpy()
    expected = in_logarithms(log_p.numpy(), t.numpy(), cost, 40)
    g, h, columns = (values.numpy() for values in entropic._scale_on_a_line(log_p, t, x, 40))
    np.testing.assert_allclose(g, expected, rtol=1e-10, atol=1e-10 * most)
    rows = -logsumexp(g[:, None, :] - cost, axis=2)
    np.testing.assert_allclose(h, rows, rtol=1e-10, atol=1e-10 * most)
    sums = np.exp(g + logsumexp((log_p.numpy() + rows)[:, :, None] - cost, axis=1))
    np.testing.assert_allclose(columns, sums, rtol=1e-9 * most, atol=1e-10)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", ["steps", "uneven", "shuffled", "circle"])
def test_a_line_is_found_by_its_distances(monkeypatch, kind, dtype):
    used = []

    def watched(*arguments, real=entropic._scale_on_a_line):
        used.append(1)
        return real(*arguments)

    monkeypatch.setattr(entropic, "_scale_on_a_line", watched)
    x = torch.arange(8.0) if kind == "steps" else torch.tensor([0.1, 0.3, 1, 2.7, 3, 5, 7, 8.1])
    x = x[[3, 1, 2, 0, 4, 5, 6, 7]] if kind == "shuffled" else x
    x = x.to(dtype)
    distance = abs(x[:, None] - x)
    distance = torch.minimum(distance, 9 - distance) if kind == "circle" else distance
    logits, t = (values.to(dtype) for values in case(8))
    log_p = torch.log_softmax(logits, 1)
    expected = scale_matrix(log_p, t, distance, 100.0, 20)
    assert used == []  # so few stay in the cache
    monkeypatch.setattr(entropic, "BLOCK", 64)
    found = scale_matrix(log_p, t, distance, 100.0, 20)
    assert len(used) == (kind in ("steps", "uneven"))
    tolerance = 1e-10 if dtype == torch.float64 else 1e-4
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


def test_the_value_never_exceeds_the_exact_cost():
    # λD up to 1,200: exp(−λD) is 0 in float64
    logits, t = case(8)
    cost = ground_distance.line(8) / 7 * 1.2
    assert np.exp(-1000 * cost).min() == 0
    scaled = scale_matrix(torch.log_softmax(logits, 1), t, torch.from_numpy(cost), 1000.0, 20)
    for p, row, value in zip(
        torch.softmax(logits, 1).numpy(), t.numpy(), scaled.value, strict=True
    ):
        assert value.item() <= ot.emd2(p, row, cost) + 1e-9


def test_both_ways_of_scaling_agree(monkeypatch):
    logits, t = case(8)
    log_p, distance = torch.log_softmax(logits, 1), torch.from_numpy(ground_distance.line(8))
    plain = scale_matrix(log_p, t, distance, 3.0, 50)
    monkeypatch.setattr(entropic, "WIDEST", 0.0)
    for a, b in zip(plain, scale_matrix(log_p, t, distance, 3.0, 50), strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("lam", [1.0, 1000.0])
def test_the_error_is_the_mass_in_wrong_columns(lam):
    logits, t = case(8)
    log_p, cost = torch.log_softmax(logits, 1), torch.from_numpy(ground_distance.line(8))
    scaled = scale_matrix(log_p, t, cost, lam, 5)
    f, g = scaled.row_potential, scaled.column_potential
    plan = torch.exp(lam * (f[:, :, None] + g[:, None, :] - cost))
    torch.testing.assert_close(plan.sum(2), torch.exp(log_p))
    torch.testing.assert_close(scaled.error, abs(plan.sum(1) - t).sum(1) / 2)
    assert (scaled.error > 1e-6).all()


@pytest.mark.parametrize("lam", [0.1, 1.0, 10.0, 1000.0])
@pytest.mark.parametrize("iterations", [1, 100])
def test_class_indices_need_no_scalings(lam, iterations):
    logits, _ = case(8, batch=6)
    logits.requires_grad_()
    labels = torch.tensor([0, 3, 7, 2, 2, 5])
    closed = aemd_loss(logits, labels, lam=lam, reduction="none")
    scaled = aemd_loss(
        logits, one_hot(labels, 8).double(), lam=lam, iterations=iterations, reduction="none"
    )
    torch.testing.assert_close(closed, scaled, atol=1e-12, rtol=1e-12)
    gradients = [torch.autograd.grad(value.sum(), logits)[0] for value in (closed, scaled)]
    torch.testing.assert_close(*gradients, atol=1e-12, rtol=1e-12)


def test_the_linear_part_is_the_emd_for_every_lam():
    logits, _ = case(8, batch=4)
    labels = torch.tensor([0, 3, 7, 4])
    p = torch.softmax(logits, 1)
    entropy = torch.sum(p * torch.log(p), 1)
    expected = losses.emd_loss(logits, labels, reduction="none")
    for lam in (0.1, 1.0, 50.0):
        linear = aemd_loss(logits, labels, lam=lam, reduction="none") - entropy / lam
        torch.testing.assert_close(linear, expected)


@pytest.mark.parametrize("lam", [0.1, 1.0, 10.0])
def test_entropy_is_rewarded_if_the_gradient_is_that_of_the_objective(lam):
    """Notebook 05 on the paper's AEMD: "if"; through <F, D> there is no such reward."""
    logits, _ = case(8, batch=1)
    logits.requires_grad_()
    cost, label = torch.tensor(ground_distance.line(8)), torch.tensor([2])
    t = one_hot(label, 8).double()
    u = torch.ones(1, 8, dtype=torch.float64)
    kernel = torch.exp(-lam * cost)
    for _ in range(100):
        v = t / (u @ kernel)
        u = torch.softmax(logits, 1) / (v @ kernel.T)
    transported = torch.sum(u[0, :, None] * kernel * v[0] * cost)
    (through,) = torch.autograd.grad(transported, logits)
    (plain,) = torch.autograd.grad(losses.emd_loss(logits, label), logits)
    torch.testing.assert_close(through, plain)
    (rewarded,) = torch.autograd.grad(aemd_loss(logits, label, lam=lam), logits)
    p = torch.softmax(logits, 1).detach()
    slope = torch.log(p) / lam
    torch.testing.assert_close(rewarded - plain, p * (slope - torch.sum(p * slope)))
    lesson = (ROOT / "notebooks" / "05_approximate_emd.ipynb").read_text(encoding="utf-8")
    assert "So if the paper's baseline AEMD takes the gradient of this objective" in lesson
    assert "On a line there is a closed form (on circles and trees too)" in lesson


@pytest.mark.parametrize("zeros", [False, True])
def test_gradcheck(zeros):
    logits, t = case(5, zeros=zeros)
    logits.requires_grad_()
    assert torch.autograd.gradcheck(lambda z: aemd_loss(z, t, lam=1.0, iterations=400), logits)
    scores = torch.log(t + 0.01).requires_grad_()

    def by_targets(scores):
        return aemd_loss(logits.detach(), torch.softmax(scores, 1), iterations=400)

    assert torch.autograd.gradcheck(by_targets, scores)
    labels = torch.tensor([0, 4, 2])
    assert torch.autograd.gradcheck(lambda z: aemd_loss(z, labels, lam=2.0), logits)
    assert torch.autograd.gradgradcheck(lambda z: aemd_loss(z, labels, lam=2.0), logits)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize("lam", [0.1, 10.0, 1000.0])
@pytest.mark.parametrize("scale", [0.0, 1.0, 1e4])
def test_nothing_is_ever_nan(dtype, lam, scale):
    logits, t = case(8, batch=4)
    logits = (scale * logits).to(dtype).requires_grad_()
    for target in (t.float(), torch.tensor([0, 3, 7, 4]), one_hot(torch.tensor([0, 3, 7, 4]), 8)):
        value = aemd_loss(logits, target, lam=lam)
        (gradient,) = torch.autograd.grad(value, logits)
        assert torch.isfinite(value)
        assert torch.isfinite(gradient).all()


def test_more_scalings_take_no_more_memory():
    logits, t = case(8, batch=4)
    logits.requires_grad_()
    sizes = []
    for iterations in (1, 500):
        saved = []
        with torch.autograd.graph.saved_tensors_hooks(
            lambda tensor, saved=saved: saved.append(tensor.numel()) or tensor, lambda one: one
        ):
            aemd_loss(logits, t, iterations=iterations)
        sizes.append(sum(saved))
    assert sizes[0] == sizes[1] > 0


def test_conventions_are_those_of_cross_entropy():
    logits, _ = case(5, batch=6)
    labels = torch.tensor([0, 4, -100, 2, 1, -100])
    weight = torch.tensor([1.0, 2.0, 0.5, 1.0, 3.0], dtype=torch.float64)
    each = aemd_loss(logits, labels, weight=weight, reduction="none")
    assert each[2] == each[5] == 0
    kept = labels[labels >= 0]
    mean = aemd_loss(logits, labels, weight=weight)
    torch.testing.assert_close(mean, each.sum() / weight[kept].sum())
    maps = torch.randn(2, 5, 3, 4, dtype=torch.float64)
    assert aemd_loss(maps, torch.zeros(2, 3, 4, dtype=torch.int64), reduction="none").shape == (
        2,
        3,
        4,
    )
    smooth = aemd_loss(logits, kept.repeat(2)[:6], label_smoothing=0.2, iterations=200)
    soft = 0.8 * one_hot(kept.repeat(2)[:6], 5).double() + 0.04
    torch.testing.assert_close(smooth, aemd_loss(logits, soft, iterations=200))


def test_a_circle_is_taken_the_shorter_way():
    logits = torch.tensor([[-50.0, -50.0, -50.0, 50.0]], dtype=torch.float64)
    around = ground_distance.circle(4)
    value = aemd_loss(logits, torch.tensor([0]), ground_distance=around, lam=1e6)
    assert value.item() == pytest.approx(1.0, abs=1e-3)


def test_too_few_scalings_are_warned_of_once():
    logits, t = case(8)
    entropic._warned.clear()
    with pytest.warns(UserWarning, match=r"2 scalings at lam = 50 leave 0\.\d+ of the mass"):
        aemd_loss(logits, t, lam=50.0, iterations=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        aemd_loss(logits, t, lam=50.0, iterations=2)


def test_converged_scalings_give_no_warning():
    logits, t = case(8)
    entropic._warned.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        aemd_loss(logits, t, lam=1.0)
        aemd_loss(logits, torch.tensor([0, 3, 7]), lam=1000.0, iterations=1)
    assert not entropic._warned


def test_the_module_keeps_its_distance_where_to_finds_it():
    logits, t = case(4)
    module = ApproximateEMDLoss(
        ground_distance=ground_distance.circle(4), lam=2.0, iterations=50
    ).double()
    expected = aemd_loss(
        logits, t, ground_distance=ground_distance.circle(4), lam=2.0, iterations=50
    )
    torch.testing.assert_close(module(logits, t), expected)
    assert "lam=2.0" in repr(module)
    assert math.isfinite(ApproximateEMDLoss()(logits, torch.tensor([0, 1, 2])).item())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lam": 0.0}, r"lam must be positive and finite, got 0\.0"),
        ({"lam": math.inf}, "lam must be positive and finite, got inf"),
        ({"iterations": 0}, "iterations must be an integer, 1 or more, got 0"),
        ({"iterations": 2.5}, r"iterations must be an integer, 1 or more, got 2\.5"),
        (
            {"ground_distance": np.zeros((3, 4))},
            r"must have shape .* \(5, 5\), got \(3, 4\)",
        ),
        (
            {"ground_distance": -ground_distance.line(5)},
            "finite and not negative",
        ),
        ({"ground_distance": np.full((5, 5), np.nan)}, "finite and not negative"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        aemd_loss(torch.zeros(2, 5), torch.tensor([0, 1]), **options)


def test_labels_out_of_range_are_refused():
    with pytest.raises(ValueError, match="target must be class indices 0 to 4"):
        aemd_loss(torch.zeros(2, 5), torch.tensor([0, 5]))


@pytest.mark.parametrize("soft", [False, True])
def test_a_logit_of_minus_infinity_has_a_finite_loss_and_gradient(soft):
    logits = torch.tensor([[-math.inf, 1.0, 0.0]], requires_grad=True)
    far = torch.tensor([[-1e4, 1.0, 0.0]], requires_grad=True)
    target = torch.tensor([[0.0, 0.5, 0.5]]) if soft else torch.tensor([1])
    value, expected = aemd_loss(logits, target), aemd_loss(far, target)
    torch.testing.assert_close(value, expected)
    value.backward()
    expected.backward()
    torch.testing.assert_close(logits.grad, far.grad)
    half = torch.tensor([[-1e5, 1.0, 0.0]]).half()  # overflows to −inf
    torch.testing.assert_close(aemd_loss(half, target), value.detach())


@pytest.mark.parametrize("kind", ["index", "soft", "a distance each"])
def test_vmap_computes_each_problem_alone(kind):
    (logits, t), other = case(5), case(5, zeros=True)
    z, t = torch.stack([logits, other[0]]), torch.stack([t, other[1]])
    options, batched = {"lam": 2.0, "iterations": 30}, (0, 0)
    target = t.argmax(-1) if kind == "index" else t
    distances = [ground_distance.line(5), ground_distance.circle(5)]

    def value(z, target, distance):
        return aemd_loss(z, target, ground_distance=distance, **options)

    if kind == "a distance each":
        d, batched = torch.tensor(np.stack(distances)), (0, 0, 0)
        expected = torch.stack([value(*one) for one in zip(z, target, distances, strict=True)])
    else:
        d, batched = torch.tensor(distances[1]), (0, 0, None)
        expected = torch.stack([value(*one, d) for one in zip(z, target, strict=True)])
    torch.testing.assert_close(torch.func.vmap(value, batched)(z, target, d), expected)
    gradients = torch.func.vmap(torch.func.grad(value), batched)(z, target, d)
    z.requires_grad_()
    alone = [d[i] if d.ndim == 3 else d for i in range(2)]
    sum(value(*one) for one in zip(z, target, alone, strict=True)).backward()
    torch.testing.assert_close(gradients, z.grad)


@pytest.mark.slow
@pytest.mark.parametrize("soft", [False, True])
def test_it_compiles_without_a_break(soft):
    logits, t = case(4)
    target = t if soft else t.argmax(1)
    compiled = torch.compile(aemd_loss, fullgraph=True, backend="aot_eager")
    leaves = [logits.clone().requires_grad_() for _ in range(2)]
    values = [f(z, target, lam=2.0) for f, z in zip((compiled, aemd_loss), leaves, strict=True)]
    torch.testing.assert_close(*values)
    for value in values:
        value.backward()
    torch.testing.assert_close(leaves[0].grad, leaves[1].grad)


def test_second_derivatives_by_scalings_are_refused():
    logits, t = case(4)
    z = logits.requires_grad_()
    (gradient,) = torch.autograd.grad(aemd_loss(z, t), z, create_graph=True)
    with pytest.raises(RuntimeError, match="has no second derivatives"):
        torch.autograd.grad(gradient.sum(), z)
