"""Any loss as a :class:`Loss`: a name, a function (outputs, targets), a Module or its class."""

import functools
import inspect
import sys
from copy import deepcopy

from emdviz._imports import find_by_path, path_to
from emdviz.losses import foreign, zoo
from emdviz.losses.loss import LOSSES, Loss, facts_of
from emdviz.reading import ArgumentError, parameters_of, shown

_KINDS = (
    "the name of a loss, a function (logits, targets) -> loss, its place such as "
    "'mine.py:my_loss', a torch.nn.Module, its class, "
    "or losses.Loss(name, make)"
)


def as_loss(loss, *, name=None):
    """Return anything that is meant as a loss as a :class:`Loss`.

    Parameters
    ----------
    loss : str, callable, torch.nn.Module, class or Loss
        A name in :data:`LOSSES` or the zoo; the import path of one of the others, such as
        ``"mine.my_loss"``, or its file and name, ``"mine.py:my_loss"``. A function takes
        ``(outputs, targets)``, logits (B, C) and class indices (B,), and returns the mean loss;
        arguments that it or a class names ``num_classes`` and ``num_features`` are filled in, and
        so are the options of a run. A Module is copied for every run. CORN, CORAL and the ECOC
        distance of dlordinal and coral-pytorch are decoded by their own rules; probabilities of
        CORAL that come out negative, where thresholds cross, count as 0.
    name : str, optional
        Its key in tables; that of the function or class by default.

    Returns
    -------
    Loss

    Raises
    ------
    ValueError, TypeError
        If it is none of these, or its name is that of another loss.

    Examples
    --------
    >>> import torch
    >>> as_loss("EMD2").label
    'EMD²'
    >>> as_loss(torch.nn.CrossEntropyLoss(label_smoothing=0.1), name="smoothed").num_outputs(8)
    8
    """
    given = loss
    if isinstance(given, str):
        if given in LOSSES:
            return LOSSES[given]
        if given in zoo.names():
            return zoo.load(given)
        given = find_by_path(loss, "loss")
        if given is None:
            known = list(dict.fromkeys([*LOSSES, *zoo.names()]))
            message = f"loss must be {_KINDS}, got {loss!r}; the names are {known}"
            raise ArgumentError(message, "loss", known, loss)
    if isinstance(given, Loss):
        return given
    if not callable(given):
        raise TypeError(f"loss must be {_KINDS}, got {shown(given)}")
    function = given.func if isinstance(given, functools.partial) else given
    is_instance = not (inspect.isroutine(function) or inspect.isclass(function))
    kind = type(function) if is_instance else function
    own = _own(kind)
    if own and function is given and not is_instance:
        return own
    name = getattr(kind, "__name__", type(kind).__name__) if name is None else name
    if name in LOSSES:
        raise ValueError(
            f"the name {name!r} is that of a registered loss; give yours another: "
            f"as_loss(…, name='my {name}')"
        )
    facts, read, read_targets = foreign.recognise(kind)
    options = {}
    if own:
        facts = facts_of(own)
        if hasattr(given, "given"):  # made with known options
            given, options = kind, given.given

    def make(num_classes, num_features, **options):
        from emdviz.losses.modules import Criterion

        made = _make(given, num_classes, num_features, options)
        if not callable(made):
            raise TypeError(
                f"loss must be {_KINDS}, got {shown(given)}, whose objects cannot be called"
            )
        reading = read
        if reading is None and getattr(made, "use_logits", True) is False:
            reading = foreign.softmax  # as WKLoss of dlordinal
        targets = read_targets and functools.partial(read_targets, num_classes=num_classes)
        return Criterion(made, reading, targets) if reading or targets else made

    made = Loss(name, make, **facts)
    made.wrapped, made.options = given, options
    return made


def _make(given, num_classes, num_features, options):
    """Make the criterion of a class, a function or an instance with the options of a run."""
    known = {"num_classes": num_classes, "num_features": num_features} | options
    if inspect.isclass(given.func if isinstance(given, functools.partial) else given):
        return given(**_named(given, known, options))
    if not (inspect.isroutine(given) or isinstance(given, functools.partial)):
        if options:
            raise TypeError(
                f"options {sorted(options)} cannot be given to a loss that is made already; "
                f"pass its class, {type(given).__name__}, or make it with them"
            )
        return deepcopy(given)
    named = _named(given, known, options)
    parameters = parameters_of(given) or []
    if parameters:
        inspect.signature(given).bind_partial(None, None, **options)  # tells unknown options
    needed = [
        one.name
        for one in parameters[2:]
        if one.default is one.empty
        and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
        and one.name not in named
    ]
    if needed:
        raise TypeError(
            f"the loss needs {', '.join(needed)} besides outputs and targets; pass loss options, "
            f"or losses.Loss(name, lambda num_classes, num_features: "
            f"functools.partial(function, {needed[0]}=…))"
        )
    return functools.partial(given, **named) if named else given


def _named(function, known, options):
    """Return those of the known arguments that a callable names, and all options."""
    names = {one.name for one in parameters_of(function) or ()}
    return {key: value for key, value in known.items() if key in names or key in options}


def _own(kind):
    """Return the registered loss of one of this package's functions or Modules, or None."""
    if not str(getattr(kind, "__module__", "")).startswith("emdviz.losses."):
        return None
    return next((loss for loss in LOSSES.values() if kind.__name__ in loss.names[:2]), None)


def path_of(loss):
    """Return the name or import path by which :func:`as_loss` finds a loss in another process.

    Raises a ValueError for a lambda, what a notebook defines, and a Module made already.

    Examples
    --------
    >>> import torch
    >>> path_of("EMD2"), path_of(torch.nn.functional.cross_entropy)
    ('EMD2', 'torch.nn.functional.cross_entropy')
    """
    loss = as_loss(loss)
    if loss.names:
        return loss.name
    if isinstance(loss, zoo.ZooLoss):
        plain = zoo.load(loss.entry)
        if plain.options != loss.options:
            raise ValueError(
                f"the loss {loss.name!r} is kept by its name and options: pass {loss.entry!r} and "
                f"the loss options {loss.options}"
            )
        return loss.entry
    if loss.options:
        raise ValueError(
            f"the loss {loss.name!r} is kept by its name and options: pass "
            f"{_own(loss.wrapped).name!r} and the loss options {shown(loss.options)}"
        )
    target = loss if loss.wrapped is None else loss.wrapped
    if isinstance(target, Loss):
        held = vars(sys.modules.get(loss.module, sys))
        name = next((key for key, value in held.items() if value is target), "<none>")
        path = path_to(target, loss.module, name)
    elif hasattr(target, "__qualname__"):
        path = path_to(target)
    else:
        raise ValueError(
            f"the loss {loss.name!r} was made already and has no import path, which other "
            "processes and kept runs need; pass its class or function, and its options as "
            "loss options"
        )
    if path is not None:
        return path
    own = loss.name if loss.name.isidentifier() else "my_loss"
    raise ValueError(
        f"the loss {loss.name!r} has no import path, which other processes and kept runs need: "
        f"put it into a module, mine.py, and pass mine.{own}"
    )
