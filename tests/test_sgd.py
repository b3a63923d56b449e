"""Gradient descent with momentum, against torch's own."""

import pytest
import torch

from emdviz.models import small_cnn
from emdviz.training.sgd import SGD


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("weight_decay", [0.0, 0.01])
def test_steps_are_those_of_torch_bit_for_bit(momentum, weight_decay):
    ours, theirs = (small_cnn(3, width=4) for _ in range(2))
    for network in (ours, theirs):
        network.to(memory_format=torch.channels_last)
        network.head.bias.requires_grad_(False)
    options = {"momentum": momentum, "weight_decay": weight_decay}
    descent = SGD(ours.parameters(), **options)
    oracle = torch.optim.SGD(theirs.parameters(), lr=1.0, **options)
    images = torch.rand(4, 6, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    for rate, batch in zip((0.5, 0.1, 0.02, 0.3), images, strict=True):
        oracle.param_groups[0]["lr"] = rate
        for network, optimizer in ((ours, descent), (theirs, oracle)):
            optimizer.zero_grad()
            network(batch).square().mean().backward()
        descent.step(rate)
        oracle.step()
    assert all(
        torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True)
    )
    for mine, its in zip(ours.parameters(), theirs.parameters(), strict=True):
        kept = oracle.state[its].get("momentum_buffer")
        assert (mine in descent.momenta) == (kept is not None)
        assert kept is None or torch.equal(descent.momenta[mine], kept)


def test_parameters_may_join_later_and_rest():
    a, b = (torch.nn.Parameter(torch.ones(2)) for _ in range(2))
    descent = SGD([a, b], momentum=0.5)
    for loss in (lambda: a.sum(), lambda: (a + b).sum(), lambda: b.sum()):
        descent.zero_grad()
        loss().backward()
        descent.step(1.0)
    assert a.tolist() == [1 - 1 - 1.5] * 2
    assert b.tolist() == [1 - 1 - 1.5] * 2
    descent.zero_grad()
    descent.step(1.0)  # nothing has a gradient
    assert b.tolist() == [1 - 1 - 1.5] * 2
