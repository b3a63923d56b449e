"""Many small networks at once: stacked weights, one pass for all.

A small network leaves a GPU idle between its kernels. Networks of one architecture are stacked
along a new first axis and run as one through ``torch.func``, each on its own batches and with
its own loss. The results are those of training them one by one, up to rounding.
"""

import copy
import time

import torch
from torch.func import functional_call, stack_module_state, vmap


def train_together(members):
    """Train runs of one architecture side by side to their ends; yield after every epoch.

    Parameters
    ----------
    members : list of Run
        Over the same :class:`TrainingData`, with equal numbers of outputs and configurations that
        differ in seed and learning rate only.

    Yields
    ------
    list of (Run, Epoch or Exception)
        The epoch that each run has finished, or the FloatingPointError of a run whose loss is
        no longer finite; such a run leaves the stack.

    Notes
    -----
    Runs that were stopped at different epochs first catch up with the furthest, one by one.
    """
    furthest = max((len(run.epochs) for run in members), default=0)
    for run in members:
        for epoch in run if len(run.epochs) < furthest else ():
            if epoch.number == furthest:
                break
    for number in range(furthest):
        yield [(run, run.epochs[number]) for run in members]
    for number in range(furthest + 1, members[0].config.epochs + 1):
        start = time.perf_counter()
        totals = _train_epoch(members, number)
        seconds = (time.perf_counter() - start) / len(members)
        results = [
            (run, _finish(run, total, seconds)) for run, total in zip(members, totals, strict=True)
        ]
        yield results
        members = [run for run, result in results if not isinstance(result, Exception)]
        if not members:
            return


def _finish(run, total, seconds):
    try:
        return run.finish(total, seconds)
    except FloatingPointError as error:
        return error


def _train_epoch(members, number):
    """Train all runs for one epoch; return the sums of their batches' losses."""
    models, config = [run.model for run in members], members[0].config
    device = members[0].data.device
    for model in models:
        model.train()
    parameters, buffers = stack_module_state(models)
    skeleton = copy.deepcopy(models[0]).to("meta")
    momenta = _stack_momenta(members, parameters)
    forward = vmap(lambda p, b, x: functional_call(skeleton, (p, b), (x,)), randomness="different")
    totals = torch.zeros(len(members), device=device)
    streams = zip(*(run.data.batches(run.config, number) for run in members), strict=True)
    for step, batches in enumerate(streams):
        inputs = torch.stack([inputs for inputs, _, _ in batches])
        with torch.autocast(device.type, torch.bfloat16, enabled=config.mixed_precision):
            outputs = forward(parameters, buffers, inputs)
        losses = torch.stack(
            [
                run.batch_loss(output, targets, weights)
                for run, output, (_, targets, weights) in zip(
                    members, outputs, batches, strict=True
                )
            ]
        )
        gradients = torch.autograd.grad(losses.sum(), list(parameters.values()))
        rates = torch.tensor([run.rate(number, step) for run in members], device=device)
        _descend(parameters, gradients, momenta, rates, config)
        totals += losses.detach()
    _unstack(members, parameters, buffers, momenta)
    return totals.tolist()


@torch.no_grad()
def _descend(parameters, gradients, momenta, rates, config):
    """Take the step of ``torch.optim.SGD``, with a learning rate for each network."""
    for (name, value), gradient in zip(parameters.items(), gradients, strict=True):
        gradient = gradient.add(value, alpha=config.weight_decay)
        momenta[name].mul_(config.momentum).add_(gradient)
        value.sub_(momenta[name] * rates.reshape(-1, *(1 for _ in value.shape[1:])))


def _stack_momenta(members, parameters):
    def momentum(run, parameter):
        state = run.optimizer.state.get(parameter, {})
        buffer = state.get("momentum_buffer")
        return torch.zeros_like(parameter) if buffer is None else buffer

    return {
        name: torch.stack(
            [momentum(run, run.model.get_parameter(name)).detach() for run in members]
        )
        for name in parameters
    }


@torch.no_grad()
def _unstack(members, parameters, buffers, momenta):
    """Copy the stacked tensors back into each network and optimizer."""
    for i, run in enumerate(members):
        for name, value in run.model.named_parameters():
            value.copy_(parameters[name][i])
            if run.config.momentum:
                own = torch.empty_like(value).copy_(momenta[name][i])
                run.optimizer.state[value]["momentum_buffer"] = own
        for name, value in run.model.named_buffers():
            value.copy_(buffers[name][i])
