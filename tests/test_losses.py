import itertools
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from dlordinal.losses import EMDLoss as DlordinalEMDLoss

from devtools.oracles import gap_sum, random_positions
from emdviz import ground_distance, losses
from emdviz.distances import emd, emd2
from emdviz.distributions import one_hot
from emdviz.losses import LOSSES, emd2_loss, emd_loss, regression_loss, xe_emd2_loss, xe_loss

OVER_LOGITS = {"XE": xe_loss, "EMD2": emd2_loss, "EMD": emd_loss, "XEMD2": xe_emd2_loss}
GAPS = {"EMD2": (emd2_loss, emd2, 2), "EMD": (emd_loss, emd, 1)}
REDUCTIONS = ["mean", "sum", "none"]


def batch(num_classes=8, size=32, seed=0, dtype=torch.float64, shape=()):
    generator = torch.Generator().manual_seed(seed)
    z = 2 * torch.randn(size, num_classes, *shape, generator=generator, dtype=dtype)
    y = torch.randint(num_classes, (size, *shape), generator=generator)
    return z, y


def softened(z, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.softmax(torch.randn(z.shape, generator=generator, dtype=z.dtype), dim=1)


def by_loop(z, y, power, positions=None):
    """The definition, one row at a time, in plain Python."""
    p = torch.softmax(z, dim=1).tolist()
    t = one_hot(y, z.shape[1]).tolist() if not y.is_floating_point() else y.tolist()
    return np.array([gap_sum(a, b, power, positions) for a, b in zip(p, t, strict=True)])


class TestValues:
    @pytest.mark.parametrize("name", GAPS)
    @pytest.mark.parametrize("num_classes", [1, 2, 3, 8, 100])
    @pytest.mark.parametrize("spaced", [False, True])
    def test_definition(self, name, num_classes, spaced):
        function, distance, power = GAPS[name]
        z, y = batch(num_classes)
        x = random_positions(num_classes) if spaced else None
        for target in (y, softened(z)):
            rows = function(z, target, positions=x, reduction="none")
            np.testing.assert_allclose(rows, by_loop(z, target, power, x), atol=1e-12)
            t = target if target.is_floating_point() else F.one_hot(y, num_classes).double()
            np.testing.assert_allclose(rows, distance(torch.softmax(z, 1), t, positions=x))

    @pytest.mark.parametrize("num_classes", [2, 8, 100])
    def test_emd2_is_dlordinals(self, num_classes):
        z, y = batch(num_classes)
        ours = z.clone().requires_grad_()
        theirs = z.clone().requires_grad_()
        value = emd2_loss(ours, y)
        other = DlordinalEMDLoss(num_classes)(theirs, y)
        value.backward()
        other.backward()
        assert value.item() == pytest.approx(other.item())
        np.testing.assert_allclose(ours.grad, theirs.grad, atol=1e-14)

    def test_xe_is_torchs(self):
        z, y = batch()
        w = torch.rand(8, dtype=torch.float64)
        for target, reduction, smoothing in itertools.product(
            (y, softened(z)), REDUCTIONS, (0.0, 0.3)
        ):
            options = {"reduction": reduction, "label_smoothing": smoothing}
            if target is y and not smoothing:
                options["weight"] = w
            torch.testing.assert_close(
                xe_loss(z, target, **options), F.cross_entropy(z, target, **options)
            )

    @pytest.mark.parametrize("function", [xe_loss, emd2_loss, xe_emd2_loss, emd_loss])
    def test_class_weights_multiply_rows(self, function):
        """Not the terms of a sum over classes: so that the losses agree, smoothed or not."""
        z, y = batch()
        y[::5] = -100
        t, w = softened(z), torch.rand(8, dtype=torch.float64)
        none = {"reduction": "none", "label_smoothing": 0.3}
        by_index = torch.where(y == -100, 0.0, w[y.clamp(min=0)])
        rows = by_index * function(z, y, **none)
        torch.testing.assert_close(function(z, y, weight=w, **none), rows)
        torch.testing.assert_close(
            function(z, y, weight=w, label_smoothing=0.3), rows.sum() / by_index.sum()
        )
        rows = (t @ w) * function(z, t, **none)
        torch.testing.assert_close(function(z, t, weight=w, **none), rows)
        torch.testing.assert_close(function(z, t, weight=w, label_smoothing=0.3), rows.mean())
        dense = torch.stack([z, z.flip(0)], dim=2)  # (B, C, 2)
        twice = torch.stack([t, t.flip(0)], dim=2)
        torch.testing.assert_close(
            function(dense, twice, weight=w, **none), torch.stack([rows, rows.flip(0)], dim=1)
        )

    def test_xe_emd2_is_the_sum(self):
        z, y = batch()
        expected = F.cross_entropy(z, y) + 0.3 * emd2_loss(z, y)
        torch.testing.assert_close(xe_emd2_loss(z, y, emd_weight=0.3), expected)

    def test_normalized_divides_by_the_classes(self):
        z, y = batch()
        torch.testing.assert_close(emd2_loss(z, y, normalized=True), emd2_loss(z, y) / 8)
        torch.testing.assert_close(emd_loss(z, y, normalized=True), emd_loss(z, y) / 8)

    def test_regression(self):
        outputs, y = torch.randn(32, 1, dtype=torch.float64), batch()[1]
        x = random_positions(8)
        torch.testing.assert_close(
            regression_loss(outputs, y), F.mse_loss(outputs[:, 0], y.double())
        )
        expected = F.mse_loss(outputs[:, 0], torch.tensor(x)[y])
        torch.testing.assert_close(regression_loss(outputs, y, positions=x), expected)
        torch.testing.assert_close(regression_loss(outputs[:, 0], y, positions=x), expected)
        t = softened(torch.zeros(32, 8, dtype=torch.float64))
        loop = [
            sum(t[n, i] * (outputs[n, 0] - x[i]) ** 2 for i in range(8)).item() for n in range(32)
        ]
        rows = regression_loss(outputs, t, positions=x, reduction="none")
        np.testing.assert_allclose(rows, loop)


@pytest.mark.parametrize("name", GAPS)
class TestConventions:
    """Weights, ignored labels, smoothing, reductions and shapes mean what they mean for XE."""

    def test_reductions_of_indices(self, name):
        function = GAPS[name][0]
        z, y = batch()
        w = torch.rand(8, dtype=torch.float64)
        y[::5] = -100
        keep = y != -100
        rows = np.zeros(32)
        rows[keep] = by_loop(z[keep], y[keep], GAPS[name][2])
        row_weight = np.where(keep, w[y.clamp(min=0)], 0.0)
        options = {"weight": w}
        np.testing.assert_allclose(
            function(z, y, reduction="none", **options), row_weight * rows, atol=1e-12
        )
        assert function(z, y, reduction="sum", **options).item() == pytest.approx(row_weight @ rows)
        assert function(z, y, **options).item() == pytest.approx(
            row_weight @ rows / row_weight.sum()
        )
        assert function(z, y).item() == pytest.approx(rows[keep].mean())

    def test_reductions_of_probabilities(self, name):
        function = GAPS[name][0]
        z, _ = batch()
        t, w = softened(z), torch.rand(8, dtype=torch.float64)
        rows = (t @ w).numpy() * by_loop(z, t, GAPS[name][2])
        assert function(z, t, weight=w).item() == pytest.approx(rows.mean())

    def test_another_ignored_index(self, name):
        function = GAPS[name][0]
        z, y = batch()
        expected = function(z[y != 3], y[y != 3])
        torch.testing.assert_close(function(z, y, ignore_index=3), expected)

    def test_label_smoothing(self, name):
        function = GAPS[name][0]
        z, y = batch()
        smooth = 0.8 * F.one_hot(y, 8).double() + 0.2 / 8
        for target in (y, F.one_hot(y, 8).double()):
            torch.testing.assert_close(
                function(z, target, label_smoothing=0.2), function(z, smooth)
            )

    def test_smoothing_and_ignoring_together(self, name):
        function = GAPS[name][0]
        z, y = batch()
        y[:4] = -100
        torch.testing.assert_close(
            function(z, y, label_smoothing=0.2), function(z[4:], y[4:], label_smoothing=0.2)
        )

    def test_more_axes(self, name):
        function = GAPS[name][0]
        z, y = batch(5, 4, shape=(3, 2))
        flat_z, flat_y = z.movedim(1, -1).reshape(-1, 5), y.reshape(-1)
        torch.testing.assert_close(function(z, y), function(flat_z, flat_y))
        rows = function(z, y, reduction="none")
        assert rows.shape == (4, 3, 2)
        torch.testing.assert_close(rows.reshape(-1), function(flat_z, flat_y, reduction="none"))
        t = softened(z)
        assert function(z, t, reduction="none").shape == (4, 3, 2)
        torch.testing.assert_close(
            function(z, t), function(flat_z, t.movedim(1, -1).reshape(-1, 5))
        )

    def test_a_single_example(self, name):
        function = GAPS[name][0]
        z, y = batch()
        assert function(z[0], y[0], reduction="none").shape == ()
        torch.testing.assert_close(function(z[0], y[0]), function(z[:1], y[:1]))
        t = softened(z)
        torch.testing.assert_close(function(z[0], t[0]), function(z[:1], t[:1]))

    def test_nothing_to_average_is_what_it_is_for_cross_entropy(self, name):
        function = GAPS[name][0]
        empty = torch.zeros(0, 8), torch.zeros(0, dtype=torch.long)
        ignored = torch.zeros(2, 8), torch.full((2,), -100)
        for z, y in (empty, ignored):
            for reduction in REDUCTIONS:
                torch.testing.assert_close(
                    function(z, y, reduction=reduction),
                    F.cross_entropy(z, y, reduction=reduction),
                    equal_nan=True,
                )

    def test_any_integer_labels(self, name):
        function = GAPS[name][0]
        z, y = batch()
        for dtype in (torch.uint8, torch.int16, torch.int32):
            torch.testing.assert_close(function(z, y.to(dtype)), function(z, y))


@pytest.mark.parametrize("name", OVER_LOGITS)
class TestGradients:
    @pytest.mark.parametrize("num_classes", [1, 2, 5])
    def test_gradcheck(self, name, num_classes):
        function = OVER_LOGITS[name]
        z, y = batch(num_classes, 6)
        z.requires_grad_()
        w = torch.rand(num_classes, dtype=torch.float64)
        for target in (y, softened(z.detach())):
            assert torch.autograd.gradcheck(lambda z, t=target: function(z, t, weight=w), z)
            assert torch.autograd.gradgradcheck(lambda z, t=target: function(z, t, weight=w), z)

    def test_targets_have_gradients_too(self, name):
        z, _ = batch(5, 6)
        t = softened(z).requires_grad_()
        assert torch.autograd.gradcheck(lambda t: OVER_LOGITS[name](z, t), t)

    def test_finite_at_the_target(self, name):
        z = torch.zeros(4, 8, requires_grad=True)
        OVER_LOGITS[name](z, torch.full((4, 8), 1 / 8)).backward()
        assert torch.isfinite(z.grad).all()

    @pytest.mark.parametrize("scale", [1e4, -1e4])
    @pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
    def test_finite_with_huge_logits(self, name, scale, dtype):
        z = (scale * torch.eye(8, dtype=torch.float32)).to(dtype).requires_grad_()
        y = torch.arange(8).flip(0)
        value = OVER_LOGITS[name](z, y)
        value.backward()
        assert value.dtype == torch.float32
        assert torch.isfinite(value)
        assert torch.isfinite(z.grad).all()

    def test_non_contiguous(self, name):
        z, y = batch()
        transposed = z.T.contiguous().T.requires_grad_()
        plain = z.clone().requires_grad_()
        for logits in (transposed, plain):
            OVER_LOGITS[name](logits, y).backward()
        torch.testing.assert_close(transposed.grad, plain.grad)

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
    def test_autocast(self, name, dtype):
        z, y = batch(dtype=torch.float32)
        layer = torch.nn.Linear(8, 8)
        with torch.autocast("cpu", dtype=dtype):
            logits = layer(z)
            assert logits.dtype == dtype
            for options in ({}, {"weight": torch.ones(8)}):
                value = OVER_LOGITS[name](logits, y, **options)
                assert value.dtype == torch.float32
                torch.testing.assert_close(value, OVER_LOGITS[name](logits.float(), y))
            if name != "XE":
                value = OVER_LOGITS[name](logits, y, positions=list(range(8)))
                torch.testing.assert_close(value, OVER_LOGITS[name](logits.float(), y))
        value.backward()
        assert torch.isfinite(layer.weight.grad).all()

    def test_functional_transforms(self, name):
        function = OVER_LOGITS[name]
        z, y = batch(5, 6)
        expected = torch.autograd.functional.jacobian(lambda z: function(z, y), z)
        torch.testing.assert_close(torch.func.grad(function)(z, y), expected)
        rows = torch.func.vmap(function)(z, y)
        torch.testing.assert_close(rows, function(z, y, reduction="none"))
        per_row = torch.func.vmap(torch.func.grad(function))(z, y)
        torch.testing.assert_close(per_row / 6, expected)
        t = softened(z)
        torch.testing.assert_close(
            torch.func.vmap(function)(z, t), function(z, t, reduction="none")
        )

    @pytest.mark.slow
    def test_compiles_without_a_break(self, name):
        function = OVER_LOGITS[name]
        z, y = batch(dtype=torch.float32)
        y[0] = -100
        w = torch.rand(8)
        torch._dynamo.reset()
        compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
        for target, options in ((y, {}), (y, {"weight": w}), (softened(z), {})):
            logits = [z.clone().requires_grad_() for _ in range(2)]
            values = [
                f(a, target, **options) for f, a in zip((compiled, function), logits, strict=True)
            ]
            torch.testing.assert_close(*values)
            for value in values:
                value.backward()
            torch.testing.assert_close(logits[0].grad, logits[1].grad)


class TestUsualBatch:
    """A mean without class weights on a CPU: the gradient in closed form must be autograd's."""

    @pytest.mark.parametrize("shape", [(1, 1), (5, 2), (64, 8), (1, 8), (16, 1000)])
    @pytest.mark.parametrize(
        ("dtype", "tolerance"), [(torch.float32, 5e-6), (torch.float64, 2e-14)]
    )
    @pytest.mark.parametrize("soft", [False, True])
    @pytest.mark.parametrize("spaced", [None, list, np.array, torch.tensor])
    def test_is_the_general_way(self, shape, dtype, tolerance, soft, spaced):
        size, num_classes = shape
        positions = spaced and spaced([k**1.5 / num_classes for k in range(num_classes)])
        for seed in range(5):
            z, y = batch(num_classes, size, seed, dtype)
            if soft:
                y = torch.softmax(z.flip(0), 1)
            logits = [z.T.contiguous().T.requires_grad_() for _ in range(2)]
            usual = emd2_loss(logits[0], y, positions=positions)
            general = emd2_loss(logits[1], y, positions=positions, reduction="sum")
            assert "MeanEMD2" in type(usual.grad_fn).__name__
            assert "MeanEMD2" not in type(general.grad_fn).__name__
            torch.testing.assert_close(usual, general / size)
            (3 * usual).backward()
            (3 * general / size).backward()
            largest = logits[1].grad.abs().max().item()
            torch.testing.assert_close(
                logits[0].grad, logits[1].grad, rtol=0, atol=tolerance * largest
            )

    @pytest.mark.filterwarnings("ignore:`torch.jit.script`:FutureWarning")  # torch's own, in jvp
    @pytest.mark.filterwarnings("ignore:Please use `torch.vmap`:FutureWarning")  # torch 2.6's own
    @pytest.mark.parametrize("num_classes", [1, 2, 5])
    @pytest.mark.parametrize("soft", [False, True])
    def test_every_derivative(self, num_classes, soft):
        z, y = batch(num_classes, 6)
        y = torch.softmax(z.flip(0), 1) if soft else y
        z.requires_grad_()
        assert torch.autograd.gradcheck(
            lambda z: emd2_loss(z, y), z, check_batched_grad=True, check_forward_ad=True
        )
        assert torch.autograd.gradgradcheck(
            lambda z: emd2_loss(z, y), z, check_batched_grad=True, check_fwd_over_rev=True
        )
        torch.testing.assert_close(
            torch.func.hessian(emd2_loss)(z.detach(), y),
            torch.autograd.functional.hessian(lambda z: emd2_loss(z, y), z),
        )

    def test_positions_that_were_changed_are_read_again(self):
        z, y = batch(4, 6)
        positions = np.arange(4.0)
        plain = emd2_loss(z, y, positions=positions)
        positions *= 3
        torch.testing.assert_close(emd2_loss(z, y, positions=positions), 3 * plain)
        positions[2] = 0
        for _ in range(2):
            with pytest.raises(ValueError, match="positions must increase"):
                emd2_loss(z, y, positions=positions)


def test_a_confident_mistake_hardly_moves_emd2():
    """Softmax saturates: the reason to add EMD² to XE."""
    norms = {}
    for name, function in {"XE": xe_loss, "EMD2": emd2_loss}.items():
        z = (10 * one_hot(torch.tensor([0]), 8)).requires_grad_()
        function(z, torch.tensor([7])).backward()
        norms[name] = z.grad.norm().item()
    assert norms["XE"] == pytest.approx(1.41, abs=0.01)
    assert norms["EMD2"] < 0.01


@pytest.mark.parametrize("loss", [xe_loss, emd2_loss])
def test_with_class_weights_the_best_prediction_is_weighted_too(loss):
    t = torch.tensor([0.2, 0.1, 0.4, 0.3], dtype=torch.float64)
    weight = torch.tensor([3.0, 1.0, 0.5, 2.0], dtype=torch.float64)
    z = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([z], max_iter=300, tolerance_grad=1e-12, tolerance_change=1e-15)

    def expected():
        optimizer.zero_grad()
        each = loss(z.expand(4, 4), torch.arange(4), weight=weight, reduction="none")
        value = (t * each).sum()
        value.backward()
        return value

    optimizer.step(expected)
    torch.testing.assert_close(
        torch.softmax(z.detach(), 0), t * weight / (t * weight).sum(), atol=1e-5, rtol=0
    )


@pytest.mark.slow
def test_gradient_descent_on_noisy_labels_finds_the_minimiser():
    """EMD² and XE find the label distribution, EMD the median."""
    truth = torch.tensor([0.1, 0.2, 0.3, 0.4])
    found = {}
    for name in ("XE", "EMD2", "EMD"):
        z = torch.zeros(4, requires_grad=True)
        optimizer = torch.optim.Adam([z], lr=0.1)
        for _ in range(500):
            rows = LOSSES[name].make(4, reduction="none")(z.expand(4, 4), torch.arange(4))
            optimizer.zero_grad()
            (truth @ rows).backward()
            optimizer.step()
        found[name] = torch.softmax(z.detach(), 0)
    torch.testing.assert_close(found["XE"], truth, atol=1e-3, rtol=0)
    torch.testing.assert_close(found["EMD2"], truth, atol=1e-3, rtol=0)
    assert found["EMD"].max() > 0.99
    assert found["EMD"].argmax() == 2


class TestModules:
    @pytest.mark.parametrize("name", [n for n, spec in LOSSES.items() if not spec.uses_features])
    def test_modules_only_forward(self, name):
        spec = LOSSES[name]
        z, y = batch()
        z = z[:, : spec.num_outputs(8)]
        w = torch.rand(8, dtype=torch.float64)
        module = spec.make(8, weight=w, reduction="sum")
        function = type(module).function
        torch.testing.assert_close(module(z, y), function(z, y, weight=w, reduction="sum"))
        assert "sum" in repr(module)
        assert "weight" in dict(module.named_buffers())

    def test_options_reach_the_function(self):
        z, y = batch()
        x = random_positions(8)
        torch.testing.assert_close(
            losses.SquaredEMDLoss(positions=x, normalized=True)(z, y),
            emd2_loss(z, y, positions=x, normalized=True),
        )
        torch.testing.assert_close(
            losses.CrossEntropyEMD2Loss(emd_weight=0.1)(z, y), xe_emd2_loss(z, y, emd_weight=0.1)
        )

    def test_unknown_options_are_refused_at_once(self):
        for loss in LOSSES.values():
            with pytest.raises(TypeError, match="margin"):
                loss.make(8, 4, margin=1)

    def test_decoding(self):
        outputs = torch.tensor([[0.2], [3.7], [-4.0], [99.0]])
        assert LOSSES["REG"].num_outputs(8) == 1
        assert LOSSES["REG"].predict(outputs, 8).tolist() == [0, 4, 0, 7]
        assert LOSSES["REG"].decode(outputs, 8).argmax(1).tolist() == [0, 4, 0, 7]
        z, _ = batch()
        assert torch.equal(LOSSES["EMD2"].predict(z, 8), z.argmax(1))
        torch.testing.assert_close(LOSSES["EMD2"].decode(z, 8), torch.softmax(z, 1))


COUNTS = torch.tensor([[100.0, 10.0, 5.0, 0.0], [0.0, 0.0, 78.0, 0.0]])
WRONG = {
    "counts": (COUNTS, r"must sum to 1 .*\(divide by the sum.*\), got 115 at index \(0,\)"),
    "less than 1": (COUNTS / 200, r"target must sum to 1 .*, got 0.575"),
    "negative": (torch.tensor([[1.5, -0.5, 0.0, 0.0]] * 2), r"must not be negative, got -0.5"),
    "NaN": (torch.tensor([[math.nan, 0.5, 0.5, 0.0]] * 2), "target must be finite, got nan"),
    "whole counts": (COUNTS.long(), r"\(2, 4\) of torch.int64; divide counts by their sum over"),
}
SOFT = [
    *(xe_loss, emd_loss, emd2_loss, xe_emd2_loss, regression_loss),
    *(losses.aemd_loss, losses.ground_emd2_loss, losses.SelfGuidedEMD2Loss(4, 3)),
]


@pytest.mark.parametrize("kind", WRONG)
@pytest.mark.parametrize("loss", SOFT, ids=lambda loss: getattr(loss, "__name__", "learned"))
def test_every_loss_refuses_a_target_that_is_no_distribution(loss, kind):
    target, text = WRONG[kind]
    z = torch.zeros(2, 1 if loss is regression_loss else 4)
    if kind == "whole counts" and loss is regression_loss:
        text = "target must be class indices"
    with pytest.raises(ValueError, match=text):
        loss(z, target)
    assert torch.isfinite(loss(z, COUNTS / COUNTS.sum(1, keepdim=True)))
    if kind not in ("whole counts", "NaN"):
        half = (COUNTS / COUNTS.sum(1, keepdim=True)).bfloat16()
        assert torch.isfinite(loss(z, half))


@pytest.mark.slow
def test_values_of_targets_are_not_read_where_that_would_wait():
    z, wrong = torch.zeros(2, 4), COUNTS
    assert emd2_loss(z.to("meta"), wrong.to("meta")).is_meta
    per_row = torch.func.vmap(emd2_loss)(z, wrong)
    assert per_row.shape == (2,)
    compiled = torch.compile(emd2_loss, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(z, wrong), per_row.mean())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("loss", SOFT[:-1], ids=lambda loss: loss.__name__)
@pytest.mark.filterwarnings("ignore:.* scalings at lam = 1 leave:UserWarning")
def test_autocast_changes_no_branch_of_a_loss(loss, soft, dtype):
    days = [0.0, 7, 30, 90, 365, 1000, 3000, 20000]
    rng = torch.Generator().manual_seed(0)
    z = torch.randn(5, 1 if loss is regression_loss else 8, generator=rng)
    target = torch.rand(5, 8, generator=rng).softmax(1) if soft else torch.arange(5)
    options = {"weight": torch.rand(8, generator=rng)}
    if loss in (losses.aemd_loss, losses.ground_emd2_loss):
        options["ground_distance"] = ground_distance.line(8, positions=days)
    elif loss is not xe_loss:
        options["positions"] = days
    if loss is losses.ground_emd2_loss:
        options["omega"] = 2.0
    plain, cast = z.clone().requires_grad_(), z.clone().requires_grad_()
    expected = loss(plain, target, **options)
    with torch.autocast("cpu", dtype):
        value = loss(cast, target, **options)
    assert value.dtype == torch.float32
    assert torch.equal(value, expected)
    value.backward()
    expected.backward()
    assert torch.equal(cast.grad, plain.grad)


def test_a_class_without_mass_costs_nothing_even_at_a_logit_of_minus_infinity():
    z = torch.tensor([[-math.inf, 1.0, 0.0]], requires_grad=True)
    t = torch.tensor([[0.0, 0.5, 0.5]])
    value = xe_loss(z, t)
    torch.testing.assert_close(value, xe_loss(z[:, 1:], t[:, 1:]))
    value.backward()
    assert torch.isfinite(z.grad).all()
