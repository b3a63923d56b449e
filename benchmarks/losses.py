"""Forward and backward of ``emd2_loss`` against dlordinal, a naive version and cross-entropy."""

import copy
from functools import partial

import torch
import torch.nn.functional as F

from benchmarks.timing import clock_of, conditions, interleaved, load, microseconds, table
from emdviz import emd2_loss
from emdviz.models import small_cnn

MODES = {"eager": None, "compiled": {}, "CUDA graphs": {"mode": "reduce-overhead"}}
SIZES = ((128, 8), (1024, 8), (16384, 8), (1024, 100), (256, 1000))


LIMITS = """What limits `emd2_loss` on a CPU: with few logits, the calls themselves.
`F.cross_entropy` is one call into C++; EMD² is a softmax, a scatter, a running sum, a square and a
sum, and a gradient started from Python; the checks of the input take about a twentieth. With many
logits, the softmax and the two running sums (one each way, which torch adds up number by number)
are most of it, and cross-entropy has only the first. The usual batch, class indices or
probabilities and no options but positions, has its gradient written out, as one node of the graph;
every other one takes autograd's.

The aim of 0.83 of dlordinal's at (128, 8) is missed, that of 0.47 at (256, 1000) met. At (128,
8), in the processor's time, a step that only sums the logits takes 28 % of it, and a gradient in
Python that does nothing 31 %; the rest is fourteen small calls. The aim for probabilities and for
positions is 1.3 of class indices.

Compiled on a CPU: `torch.compile` has no running sum of its own here and calls eager's between its
loops. At (16384, 8) a compiled step that does nothing but sum the logits takes about 0.4 of eager
cross-entropy, the softmax about 0.35, the running sums 0.3. Forms without a running sum were no
better: shifted additions 1.4 to 1.7 of eager cross-entropy, a product with a triangular matrix 4,
unrolled columns 6 to 7. Compiling slows cross-entropy itself down.
"""


def naive(input, target):
    """EMD² as it is usually written."""
    difference = torch.softmax(input, 1) - F.one_hot(target, input.shape[1])
    return (difference.cumsum(1) ** 2).sum(1).mean()


def peers(num_classes):
    """Return the losses by name; dlordinal only where it is installed."""
    found = {"emd2_loss": emd2_loss, "naive": naive, "F.cross_entropy": F.cross_entropy}
    try:
        from dlordinal.losses import EMDLoss
    except ImportError:
        return found
    return found | {"dlordinal": EMDLoss(num_classes)}


def step(loss, logits, labels):
    """Return a callable: one forward and one backward."""

    def run():
        logits.grad = None
        loss(logits, labels).backward()

    return run


def forward_backward(device, sizes=SIZES, synchronize=None):
    """Ratios to dlordinal (or the naive version) and to eager cross-entropy, per size."""
    rows = []
    for batch, num_classes in sizes:
        generator = torch.Generator().manual_seed(0)
        logits = torch.randn(batch, num_classes, generator=generator).to(device).requires_grad_()
        labels = torch.randint(num_classes, (batch,), generator=generator).to(device)
        functions = peers(num_classes)
        torch._dynamo.reset()
        for name in ("emd2_loss", "F.cross_entropy"):
            functions[f"{name}, compiled"] = torch.compile(functions[name], dynamic=False)
        runs = {name: step(loss, logits, labels) for name, loss in functions.items()}
        times = interleaved(runs, synchronize=synchronize, clock=clock_of(device))
        base = "dlordinal" if "dlordinal" in times else "naive"
        for name, seconds in times.items():
            rows.append(
                [
                    f"({batch}, {num_classes})",
                    name,
                    microseconds(seconds),
                    f"{seconds / times[base]:.2f}",
                    f"{seconds / times['F.cross_entropy']:.2f}",
                ]
            )
    return table(["size", "loss", "forward + backward", f"of {base}", "of eager XE"], rows)


def options(device, sizes=SIZES, synchronize=None):
    """Ratios of ``emd2_loss`` with probabilities or positions to that of class indices alone."""
    rows = []
    for batch, num_classes in sizes:
        generator = torch.Generator().manual_seed(0)
        logits, scores = torch.randn(2, batch, num_classes, generator=generator).to(device)
        logits.requires_grad_()
        labels = torch.randint(num_classes, (batch,), generator=generator).to(device)
        positions = [k**1.5 for k in range(num_classes)]
        runs = {
            "class indices": step(emd2_loss, logits, labels),
            "probabilities": step(emd2_loss, logits, torch.softmax(scores, 1)),
            "positions": step(partial(emd2_loss, positions=positions), logits, labels),
        }
        times = interleaved(runs, rounds=99, synchronize=synchronize, clock=clock_of(device))
        for name, seconds in times.items():
            ratio = seconds / times["class indices"]
            size = f"({batch}, {num_classes})"
            rows.append([size, name, microseconds(seconds), f"{ratio:.2f}"])
    return table(["size", "emd2_loss of", "forward + backward", "of class indices"], rows)


def training_step(device, others, *, batch=128, size=48, modes=("eager",), synchronize=None):
    """Whole training steps of ``small_cnn`` with other losses, by name, against cross-entropy."""
    images = torch.randn(batch, 3, size, size, device=device)
    images = images.to(memory_format=torch.channels_last)
    labels = torch.randint(8, (batch,), device=device)
    first = small_cnn(8).to(device, memory_format=torch.channels_last)

    def make(loss, options):
        model = copy.deepcopy(first)
        optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)

        def forward():
            return loss(model(images), labels)

        value = forward if options is None else torch.compile(forward, dynamic=False, **options)

        def run():
            optimizer.zero_grad(set_to_none=True)
            value().backward()
            optimizer.step()

        return run

    rows = []
    for mode in modes:
        torch._dynamo.reset()
        losses = {"XE": F.cross_entropy} | others
        functions = {name: make(loss, MODES[mode]) for name, loss in losses.items()}
        times = interleaved(functions, synchronize=synchronize, clock=clock_of(device))
        for name, seconds in times.items():
            rows.append([mode, name, microseconds(seconds), f"{seconds / times['XE']:.3f}"])
    heads = ["mode", "loss", f"step of small_cnn, {batch} images of {size} px", "of XE"]
    return table(heads, rows)


def report(device="cpu"):
    """Return the Markdown of this benchmark."""
    synchronize = None if device == "cpu" else torch.cuda.synchronize
    # on a GPU small kernels wait for their launches, which compiling and CUDA graphs save
    modes = ("eager",) if device == "cpu" else tuple(MODES)
    start = load()
    return (
        f"## Losses, {'CPU' if device == 'cpu' else 'GPU'}\n\n{conditions(device)}"
        f" · load {start} before\n\n"
        f"{forward_backward(device, synchronize=synchronize)}\n{LIMITS}\n"
        f"{options(device, synchronize=synchronize)}\n"
        f"{training_step(device, {'EMD²': emd2_loss}, modes=modes, synchronize=synchronize)}"
    )
