"""Many small networks at once: their weights side by side, one step for all.

A small network leaves a GPU idle between its kernels, and a head on features leaves a CPU idle
between its calls. Runs of one seed see the same batches, so that for heads one product of matrices
serves all losses and learning rates of a seed; other networks are stacked through ``torch.func``.
The results are those of training them one by one, up to rounding.
"""

import copy
import time
from dataclasses import replace
from itertools import accumulate, groupby

import torch
from torch import nn
from torch.func import functional_call, stack_module_state, vmap

from emdviz._threads import use_threads
from emdviz.models.heads import Head
from emdviz.training.evaluation import in_batches, prepare
from emdviz.training.results import plain


def can_be_stacked(run):
    """Return whether a run can be trained with others of its architecture."""
    return not (run.loss.uses_features or run.is_random)


def is_head(run):
    """Return whether a run trains a head: linear layers over standardised rows, in float32."""
    return (
        can_be_stacked(run)
        and type(run.model) is Head
        and run.loss.head is None
        and not run.config.mixed_precision
        and not run.config.mirror
        and run.config.crop is None
        and all(value.requires_grad for value in run.model.parameters())
    )


def arrange(runs):
    """Sort runs that :func:`can_be_stacked` into stacks for :func:`train_together`.

    A stack holds a list of runs for each seed. The runs of a seed have the same batches; all seeds
    have runs of the same losses in the same order, and the same architecture.
    """
    seeds = {}
    for run in runs:
        seeds.setdefault((id(run.data), run.config.seed, _architecture(run)), []).append(run)
    stacks = {}
    for (*_, architecture), members in seeds.items():
        members.sort(key=lambda run: str(_kind(run)))
        layout = (architecture, *map(_kind, members))
        stacks.setdefault(layout, []).append(members)
    return list(stacks.values())


def train_together(stack):
    """Train a stack of :func:`arrange` side by side to its end; yield after every epoch.

    Each time a list of (run, Epoch), or once (run, FloatingPointError) where a loss is no longer
    finite. Runs that were stopped at different epochs first catch up with the furthest.
    """
    members = [run for runs in stack for run in runs]
    furthest = max(len(run.epochs) for run in members)
    failed = {}
    for run in members:
        try:
            for epoch in run if len(run.epochs) < furthest else ():
                if epoch.number == furthest:
                    break
        except FloatingPointError as error:
            failed[id(run)] = error
    for number in range(1, furthest + 1):
        told = [(run, run.epochs[number - 1]) for run in members if len(run.epochs) >= number]
        just = [run for run in members if len(run.epochs) == number - 1 and id(run) in failed]
        yield told + [(run, failed[id(run)]) for run in just]
    side_by_side = (Heads if all(map(is_head, members)) else Networks)(stack)
    for number in range(furthest + 1, members[0].config.epochs + 1):
        start = time.perf_counter()
        totals = side_by_side.train(number)
        seconds = (time.perf_counter() - start) / len(members)
        results = []
        for outputs, run, total in zip(side_by_side.outputs("valid"), members, totals, strict=True):
            if id(run) in failed:
                continue
            try:
                results.append((run, run.finish(total, seconds, outputs)))
            except FloatingPointError as error:
                failed[id(run)] = error
                results.append((run, error))
        yield results
        if len(failed) == len(members):
            return


class SideBySide:
    """Runs whose weights lie in common tensors, seed by seed.

    Parameters
    ----------
    stack : list of list of Run
        S seeds of R runs.
    """

    def __init__(self, stack):
        self.stack, self.config = stack, stack[0][0].config
        self.device = stack[0][0].data.device
        first = stack[0]
        groups = groupby(range(len(first)), key=lambda r: _kind(first[r]))
        self.kinds = [list(places) for _, places in groups]  # of one loss each, in a row
        self.criteria = [
            Criteria([runs[r] for runs in stack for r in places]) for places in self.kinds
        ]
        self.rates = torch.tensor(
            [[run.config.learning_rate for run in runs] for runs in stack], device=self.device
        )

    def train(self, number, *, hand_back=True):
        """Train an epoch; return the sums of the batches' losses of all runs, seed by seed.

        ``hand_back`` copies the weights into the networks afterwards.
        """
        totals = torch.zeros_like(self.rates)
        for run in self.members():
            run.model.train()
            run.criterion.train()
        epochs = [runs[0].data.batches(runs[0].config, number) for runs in self.stack]
        first = self.stack[0][0]
        with use_threads(first.threads):
            for step, batches in enumerate(zip(*epochs, strict=True)):
                # all rates follow one schedule
                rates = self.rates * (first.rate(number, step) / first.config.learning_rate)
                totals += self.step(batches, rates)
        if hand_back:
            self.hand_back()
        return totals.flatten().tolist()

    def members(self):
        """Return all runs, seed by seed."""
        return [run for runs in self.stack for run in runs]

    def losses(self, outputs, batches):
        """Return the losses of a batch, shape (S, R).

        ``outputs`` has a tensor (S, runs, B, outputs) for each kind of loss.
        """
        targets = torch.stack([targets for _, targets, _ in batches])
        weighted = batches[0][2] is not None
        row_weights = torch.stack([batch[2] for batch in batches]) if weighted else None
        values = []
        for places, criteria, made in zip(self.kinds, self.criteria, outputs, strict=True):
            runs = len(places)
            truth, weights = (
                None if part is None else part.repeat_interleave(runs, dim=0)
                for part in (targets, row_weights)
            )
            own = criteria(made.flatten(0, 1), truth, weights)
            values.append(own.unflatten(0, (-1, len(places))))
        return torch.cat(values, dim=1)


class Criteria:
    """The criteria of G runs with one loss.

    The losses of this package take the rows of all runs at once, others are called run by run.
    """

    def __init__(self, runs):
        self.criteria, self.by_row = [run.criterion for run in runs], None
        loss, options = runs[0].loss, runs[0].loss_options
        if loss.names and not {"weight", "ignore_index", "reduction"} & set(options):
            self.by_row = loss.make(runs[0].data.num_classes, **options, reduction="none")

    def __call__(self, outputs, targets, weights=None):
        """Return a loss for each run, shape (G,).

        ``outputs`` (G, B, outputs), ``targets`` (G, B) or (G, B, C), ``weights`` (G, B) or None.
        """
        if self.by_row is None:
            given = (outputs, targets) if weights is None else (outputs, targets, weights)
            batches = zip(self.criteria, *given, strict=True)
            return torch.stack([criterion(*batch) for criterion, *batch in batches])
        values = self.by_row(outputs.flatten(0, 1), targets.flatten(0, 1))
        values = values.unflatten(0, outputs.shape[:2])
        if weights is None:
            return values.mean(dim=1)
        return (values * weights).sum(dim=1) / weights.sum(dim=1)


class Heads(SideBySide):
    """Heads whose first layers are one matrix for each seed.

    A batch of a seed is standardised once and multiplied once for all its runs. Deeper layers are
    products of stacked matrices.
    """

    def __init__(self, stack):
        super().__init__(stack)
        self.norms = [copy.deepcopy(runs[0].model.body[0]).train() for runs in stack]
        self.counts = [len(places) for places in self.kinds]
        self.tensors, self.kept, self.owners = [], [], []
        self.shares = [{} for _ in stack[0]]  # of each run: parameter -> tensor, place in it
        model = stack[0][0].model
        *body, head = [n for n, layer in model.named_modules() if isinstance(layer, nn.Linear)]
        first, *hidden = [*body, head]
        widths = [run.model.get_submodule(first).out_features for run in stack[0]]
        ends = list(accumulate(widths))
        self._add(first, [slice(end - width, end) for end, width in zip(ends, widths, strict=True)])
        self.sizes = [sum(widths[r] for r in places) for places in self.kinds]
        for layer in hidden[:-1]:
            self._add(layer, range(len(widths)))
        for places in self.kinds if hidden else ():
            self._add(head, range(len(places)), places)
        self.depth = len(body)
        self.rows = None  # memory for the rows of a step

    def _add(self, layer, places, runs=None):
        """Lay the weights and the biases of a layer side by side, runs at these places."""
        runs = range(len(places)) if runs is None else runs
        join = torch.cat if isinstance(places[0], slice) else torch.stack
        for name in (f"{layer}.weight", f"{layer}.bias"):
            values, kept = [], []
            for members in self.stack:
                own = {r: members[r].model.get_parameter(name) for r in runs}
                values.append(join([value.detach() for value in own.values()]))
                kept.append(join([_momentum(members[r], value) for r, value in own.items()]))
            self.tensors.append(torch.stack(values))
            self.kept.append(torch.stack(kept))
            owner = torch.arange(self.tensors[-1].shape[1], device=self.device)
            for r, place in zip(runs, places, strict=True):
                self.shares[r][name] = len(self.tensors) - 1, place
                owner[place] = r
            self.owners.append(owner)

    def step(self, batches, rates):
        """Change all weights once; return the losses of the batch, shape (S, R)."""
        rows = [inputs.reshape(len(inputs), -1) for inputs, _, _ in batches]
        if self.rows is None:
            self.rows = rows[0].new_empty(len(rows), *rows[0].shape)
        for place, norm, own in zip(self.rows, self.norms, rows, strict=True):
            place.copy_(norm(own))  # one by one, while they are in the cache
        rows = self.rows
        made = self._first(rows).requires_grad_()
        deeper = [tensor.requires_grad_() for tensor in self.tensors[2:]]
        losses = self.losses(self._others(made), batches)
        by_made, *gradients = torch.autograd.grad(losses.sum(), [made, *deeper])
        momentum, decay = self.config.momentum, self.config.weight_decay
        with torch.no_grad():
            # the largest product goes straight to where it is kept
            self.kept[0].baddbmm_(by_made, rows, beta=momentum)
            gradients = [by_made.sum(dim=2), *gradients]
            for kept, gradient in zip(self.kept[1:], gradients, strict=True):
                kept.mul_(momentum).add_(gradient)
            for value, kept, owner in zip(self.tensors, self.kept, self.owners, strict=True):
                if decay:
                    kept.add_(value, alpha=decay)
                own = rates[:, owner].reshape(*value.shape[:2], *(1 for _ in value.shape[2:]))
                value.addcmul_(kept, own, value=-1)
        return losses.detach()

    def _first(self, rows, seeds=slice(None)):
        """Return what the first layers make of rows (S, B, F): (S, all units of all runs, B).

        Units come first, for so the product is faster on a CPU than with its transpose.
        """
        weight, bias = (tensor[seeds] for tensor in self.tensors[:2])
        return torch.baddbmm(bias[:, :, None], weight, rows.mT)

    def _others(self, made, seeds=slice(None)):
        """Return the outputs for each kind of loss, (S, runs, B, outputs)."""
        if not self.depth:
            parts = zip(made.split(self.sizes, dim=1), self.counts, strict=True)
            return [part.unflatten(1, (count, -1)).mT for part, count in parts]
        layers = [tensor[seeds] for tensor in self.tensors[2:]]
        layers = list(zip(layers[::2], layers[1::2], strict=True))
        units = made.relu().unflatten(1, (sum(self.counts), -1))
        for weight, bias in layers[: self.depth - 1]:
            units = (weight @ units + bias[..., None]).relu()
        heads = zip(units.split(self.counts, dim=1), layers[self.depth - 1 :], strict=True)
        return [(weight @ own + bias[..., None]).mT for own, (weight, bias) in heads]

    @torch.no_grad()
    def outputs(self, split):
        """Yield the outputs of each run for the inputs of a split, as ``Predictor.outputs``."""
        for s, (runs, norm) in enumerate(zip(self.stack, self.norms, strict=True)):
            parts, seeds = [], slice(s, s + 1)
            norm.eval()
            for inputs in in_batches(runs[0].data.dataset.split(split).inputs):
                rows = prepare(inputs.to(self.device))
                rows = norm(rows.reshape(1, len(rows), -1)[0])[None]
                parts.append(self._others(self._first(rows, seeds), seeds))
            norm.train()
            for made in zip(*parts, strict=True):
                yield from torch.cat(made, dim=2)[0].cpu()

    @torch.no_grad()
    def hand_back(self):
        """Copy the weights into each network and optimizer."""
        for s, (runs, norm) in enumerate(zip(self.stack, self.norms, strict=True)):
            for run, shares in zip(runs, self.shares, strict=True):
                run.model.body[0].load_state_dict(norm.state_dict())
                for name, (number, place) in shares.items():
                    value = run.model.get_parameter(name)
                    value.copy_(self.tensors[number][s][place])
                    _keep_momentum(run, value, self.kept[number][s][place])


class Networks(SideBySide):
    """Networks of one architecture, stacked along a new first axis."""

    def __init__(self, stack):
        super().__init__(stack)
        members = self.members()
        models = [run.model.train() for run in members]
        self.parameters, self.buffers = stack_module_state(models)
        self.kept = {
            name: torch.stack([_momentum(run, run.model.get_parameter(name)) for run in members])
            for name in self.parameters
        }
        skeleton = copy.deepcopy(models[0]).to("meta")
        self.forward = vmap(
            lambda p, b, x: functional_call(skeleton, (p, b), (x,)), randomness="different"
        )

    def step(self, batches, rates):
        """Change all weights once; return the losses of the batch, shape (S, R)."""
        config, runs = self.config, len(self.stack[0])
        inputs = torch.stack([inputs for inputs, _, _ in batches]).repeat_interleave(runs, dim=0)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=config.mixed_precision):
            outputs = self.forward(self.parameters, self.buffers, inputs)
        counts = [len(places) for places in self.kinds]
        losses = self.losses(outputs.unflatten(0, (-1, runs)).split(counts, dim=1), batches)
        gradients = torch.autograd.grad(losses.sum(), list(self.parameters.values()))
        with torch.no_grad():
            for (name, value), gradient in zip(self.parameters.items(), gradients, strict=True):
                self.kept[name].mul_(config.momentum).add_(gradient)
                self.kept[name].add_(value, alpha=config.weight_decay)
                own = rates.reshape(-1, *(1 for _ in value.shape[1:]))
                value.addcmul_(self.kept[name], own, value=-1)
        return losses.detach()

    @torch.no_grad()
    def hand_back(self):
        """Copy the stacked tensors back into each network and optimizer."""
        for i, run in enumerate(self.members()):
            for name, value in run.model.named_parameters():
                value.copy_(self.parameters[name][i])
                _keep_momentum(run, value, self.kept[name][i])
            for name, value in run.model.named_buffers():
                value.copy_(self.buffers[name][i])

    def outputs(self, split):
        """Yield None for each run: each computes its own."""
        yield from [None] * len(self.members())


def _momentum(run, value):
    """Return the momentum of a parameter."""
    kept = run.optimizer.momenta.get(value)
    return torch.zeros_like(value).detach() if kept is None else kept.detach()


def _keep_momentum(run, value, momentum):
    if run.config.momentum:
        own = torch.empty_like(value).copy_(momentum)
        run.optimizer.momenta[value] = own


def _kind(run):
    """Return what is the same for runs whose losses are computed in one call."""
    options = {name: _spell(name, value) for name, value in run.given_options.items()}
    return run.loss.name, str(id(run.loss)), str(sorted(options.items()))


def _spell(name, value):
    try:
        return str(plain(name, value))
    except ValueError:  # as of an option that is a function
        return str(id(value))


def _architecture(run):
    """Return what is the same for networks whose weights lie side by side."""
    config = replace(run.config, seed=0, learning_rate=1.0)
    shapes = {name: tuple(value.shape) for name, value in run.model.state_dict().items()}
    alike = None
    if is_head(run):  # outputs may differ; columns must have been standardised alike
        shapes = {name: shape for name, shape in shapes.items() if not name.startswith("head.")}
        state = run.model.body[0].state_dict()
        alike = tuple(value.cpu().numpy().tobytes() for value in state.values())
    size = run.steps, run.data.batch_size(run.config), run.data.weights is None
    return type(run.model), run.loss.head is None, config, size, tuple(shapes.items()), alike
