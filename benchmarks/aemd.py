"""``aemd_loss`` with soft targets against other implementations of the scalings; its memory."""

import warnings

import ot
import torch
from torch.autograd.graph import saved_tensors_hooks

from benchmarks.losses import step, training_step
from benchmarks.timing import clock_of, conditions, interleaved, microseconds, table
from emdviz import ground_distance
from emdviz.losses import aemd_loss

SCALINGS = 100
LAMBDAS = (1.0, 10.0)
ROUNDS = {(128, 8): 21, (1024, 8): 9, (256, 100): 3}  # the slowest peer takes half a minute
LOOPED = 4  # pairs that the loop is timed on; the rest is extrapolated

PEERS = f"""All do {SCALINGS} scalings in float32 with D = |i − j| and soft targets, and give the
gradient by the logits. The loop is timed on {LOOPED} pairs and extrapolated. POT runs on its torch
backend with a tolerance of 0, so that it does not stop early; it and the unrolled version, plain
torch in logarithms, send the gradient back through all scalings. geomloss, like `aemd_loss`, takes
it from the potentials. Its scalings are not quite the others': from a small λ up to the one asked
for, both sides at once, each halfway; and its value is that of KL(F | p ⊗ t) instead of
Σ F log F, which adds a term to the gradient.
"""

METHOD = """`aemd_loss` works differently: where λD is at most 300, the scalings of all pairs are
two products of matrices, in float64 so that nothing overflows; beyond, the first scaling is taken
in logarithms, and products go on from its potentials for as long as they do not move too far. The
gradient is the potential itself, so nothing of the scalings is kept.

At (256, 100) with λ = 10, λD is up to 990. The kernels of all pairs, 100 by 100 each, would not
stay in the processor's cache. As D is that of a line, exp(−λ|i − j|) is split at the edges of
blocks of classes: within a block all pairs have one kernel, and from the others comes one number
from each side.
"""


def problem(batch, num_classes, device):
    """Return logits, soft targets and the line."""
    generator = torch.Generator().manual_seed(0)
    logits, scores = torch.randn(2, batch, num_classes, generator=generator).to(device)
    distance = torch.from_numpy(ground_distance.line(num_classes)).to(logits)
    return logits.requires_grad_(), torch.softmax(2 * scores, 1), distance


def objective(plan, log_plan, distance, lam):
    """⟨F, D⟩ + (1/λ) Σ F log F of every plan."""
    return torch.sum(plan * (distance + log_plan / lam), dim=(-2, -1))


def unrolled(distance, lam, scalings=SCALINGS):
    """Scalings in logarithms, left to autograd."""

    def loss(logits, t):
        log_p, log_t = torch.log_softmax(logits, 1), torch.log(t)
        g = torch.zeros_like(log_t)
        for _ in range(scalings):
            f = log_p - torch.logsumexp(g[:, None, :] - lam * distance, 2)
            g = log_t - torch.logsumexp(f[:, :, None] - lam * distance, 1)
        log_plan = f[:, :, None] + g[:, None, :] - lam * distance
        return objective(torch.exp(log_plan), log_plan, distance, lam).mean()

    return loss


def batched_pot(costs, lam, scalings=SCALINGS):
    def loss(logits, t):
        p = torch.softmax(logits, 1)
        solved = ot.solve_batch(
            costs, 1 / lam, p, t, scalings, tol=0, method="log_sinkhorn", grad="autodiff"
        )
        return solved.value.mean()

    return loss


def looped_pot(distance, lam):
    def loss(logits, t):
        plans = torch.stack(
            [
                ot.sinkhorn(
                    p, row, distance, 1 / lam, "sinkhorn_log", SCALINGS, stopThr=0, warn=False
                )
                for p, row in zip(torch.softmax(logits, 1), t, strict=True)
            ]
        )
        return objective(plans, torch.log(plans + 1e-30), distance, lam).mean()

    return loss


def batched_geomloss(costs, lam):
    from geomloss.ot import solve_batch

    def loss(logits, t):
        return solve_batch(
            costs, reg=1 / lam, a=torch.softmax(logits, 1), b=t, max_iter=SCALINGS
        ).value.mean()

    return loss


def ours(distance, lam, scalings=SCALINGS):
    return lambda logits, t: aemd_loss(
        logits, t, ground_distance=distance, lam=lam, iterations=scalings
    )


def peers(batch, num_classes, lam, device):
    """Return callables by name, a forward and a backward each; geomloss where it is installed."""
    logits, t, distance = problem(batch, num_classes, device)
    costs = distance.repeat(batch, 1, 1)
    few = logits.detach()[:LOOPED].requires_grad_()
    runs = {
        "aemd_loss": step(ours(distance, lam), logits, t),
        "ot.sinkhorn, loop": step(looped_pot(distance, lam), few, t[:LOOPED]),
        "ot.solve_batch": step(batched_pot(costs, lam), logits, t),
        "unrolled": step(unrolled(distance, lam), logits, t),
    }
    try:
        runs["geomloss"] = step(batched_geomloss(costs, lam), logits, t)
    except ImportError:
        print("geomloss is not installed, and left out")
    return runs


def against_peers(device, sizes=ROUNDS, synchronize=None):
    """Seconds of a forward and a backward, and how many times slower each peer is."""
    rows = []
    for (batch, num_classes), rounds in sizes.items():
        for lam in LAMBDAS:
            runs = peers(batch, num_classes, lam, device)
            times = interleaved(
                runs, rounds=rounds, warm_up=1, synchronize=synchronize, clock=clock_of(device)
            )
            times["ot.sinkhorn, loop"] *= batch / LOOPED
            ratios = {name: seconds / times["aemd_loss"] for name, seconds in times.items()}
            loop = ratios["ot.sinkhorn, loop"]
            fastest = min(
                (name for name in ratios if name not in ("aemd_loss", "ot.sinkhorn, loop")),
                key=ratios.get,
            )
            aims = {
                "ot.sinkhorn, loop": aim("at least 50", loop >= 50),
                fastest: aim("the fastest batched peer: at least 2", ratios[fastest] >= 2),
            }
            for name, seconds in times.items():
                size, ratio = f"({batch}, {num_classes})", f"{ratios[name]:,.1f}"
                rows.append(
                    [size, f"{lam:g}", name, microseconds(seconds), ratio, aims.get(name, "")]
                )
    return table(["size", "λ", "function", "forward + backward", "times aemd_loss", "aim"], rows)


def aim(text, met):
    """Say whether an aim is met."""
    return f"{text}: {'met' if met else 'missed'}"


def kept_bytes(loss, logits, t):
    """Bytes of the tensors that are kept for the backward pass, each storage counted once."""
    kept = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        value = loss(logits, t)
    assert value.requires_grad  # keeps the graph, and with it the storages, until here
    return sum(kept.values())


def memory(device, size=(1024, 8), lam=1.0):
    """Memory kept for the backward pass, for a growing number of scalings."""
    logits, t, distance = problem(*size, device)
    costs = distance.repeat(size[0], 1, 1)
    rows = []
    for scalings in (10, 100, 1000):
        kept = {
            "aemd_loss": kept_bytes(ours(distance, lam, scalings), logits, t),
            "unrolled": kept_bytes(unrolled(distance, lam, scalings), logits, t),
            "ot.solve_batch": kept_bytes(batched_pot(costs, lam, scalings), logits, t),
        }
        for name, size_in_bytes in kept.items():
            share = kept["aemd_loss"] / kept["unrolled"]
            rows.append(
                [
                    f"{scalings:,}",
                    name,
                    f"{size_in_bytes / 2**20:,.2f} MiB",
                    f"{size_in_bytes / kept['unrolled']:.4f}",
                    aim("less than 0.25", share < 0.25) if name == "aemd_loss" else "",
                ]
            )
    return table(["scalings", "function", f"kept, {size}", "of unrolled", "aim"], rows)


def report(device="cpu"):
    """Return the Markdown of this benchmark."""
    synchronize = None if device == "cpu" else torch.cuda.synchronize
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*scalings at lam")  # 100 are what is timed
        times = against_peers(device, synchronize=synchronize)
        kept = memory(device)
    training = training_step(device, {"AEMD, class labels": aemd_loss}, synchronize=synchronize)
    return (
        f"## AEMD, {'CPU' if device == 'cpu' else 'GPU'}\n\n{conditions(device)}\n\n"
        f"{PEERS}\n{times}\n{METHOD}\n{kept}\n"
        f"With class labels no scaling is needed. Aim: at most 1.05 of cross-entropy.\n\n{training}"
    )
