"""The Loss object, which training and figures read, and the one list of losses.

Nothing here imports torch: the file of a loss is imported when the loss is made.
"""

import inspect
import re
import sys
from importlib import import_module

from emdviz.palette import MORE_COLOURS
from emdviz.reading import parameters_of, read_choice, shown

LOSSES = {}
"""The losses by name, in the order of figures and tables; the names are those of the paper,
whose "EMD" is our EMD2. :func:`register` adds one."""

COMPARED = ("XE", "REG", "EMD", "EMD2")
"""The losses that are compared unless others are asked for."""

REPORTED = ("XE", "REG", "EMD2", "XEMD2")
"""Those of ``python -m emdviz compare``."""

CENTRAL = ("XE", "EMD2", "XEMD2")
"""Those that are compared where a run takes hours."""

HOMES = {"trial": ["try_out"]}
"""Each file of ``emdviz.losses`` -> the names in it that the package hands out."""

_given_colours = {}
_trained = {}


class UnknownOption(TypeError):
    """A loss was given an option that it does not have."""


class Loss:
    """A loss, and how the outputs of a network that was trained with it are read.

    Parameters
    ----------
    name : str
        Short and unique: its key in tables, files and on the command line.
    make : callable
        ``make(num_classes, num_features, **options)`` returns the criterion: a Module or
        function of ``(outputs, targets)`` that returns the mean loss of a batch.
        ``num_features`` are those before the head of the network.
    label : str, optional
        Its name in figures; ``name`` by default.
    colour : str, optional
        ``#rrggbb``; the next of a colour-blind-safe list by default.
    outputs : callable, optional
        The number of outputs of the network as a function of C; C by default.
    decode : callable, optional
        Outputs (B, outputs) to probabilities (B, C), or to None where there are none. Arguments
        that it names ``num_classes`` or like an option of the loss are filled in. Softmax by
        default.
    predict : callable, optional
        Outputs to class indices (B,), int64, with arguments as for ``decode``. The most probable
        class by default.
    head : callable, optional
        ``head(num_features, num_classes)`` returns the last layer; linear by default.
    inputs : {"logits", "probabilities"}
        The criterion's first argument. Probabilities are those that ``decode`` returns.
    unit : str, optional
        Unit of its value.
    source : str, optional
        Where it was published.
    family : str, optional
        The group that it belongs to.
    about : str, optional
        Its purpose, in a sentence.
    formula : str, optional
        The loss of one example, as text.
    meaning : dict of str, optional
        What each of its options means, with its unit.
    in_browser : sequence of str
        The explorers that compute it from a closed form in the browser.
    is_point : bool
        Whether the network predicts one class or number and no distribution, so that ``decode``
        gives certainty of a class.
    uses_features : bool
        Whether the criterion wants ``observe(features, labels)`` after every batch and
        ``end_epoch()`` after every epoch, which returns the ground distance that it learned,
        shape (C, C), or None.

    Examples
    --------
    >>> loss = Loss("L1", lambda num_classes, num_features: None, outputs=lambda C: 1)
    >>> loss.label, loss.num_outputs(8)
    ('L1', 1)
    """

    def __init__(
        self,
        name,
        make,
        *,
        label=None,
        colour=None,
        outputs=None,
        decode=None,
        predict=None,
        head=None,
        inputs="logits",
        unit=None,
        source=None,
        family=None,
        about=None,
        formula=None,
        meaning=None,
        in_browser=(),
        is_point=False,
        uses_features=False,
    ):
        if not isinstance(name, str) or not name.strip():
            raise TypeError(f"name must be a short name for the loss, got {shown(name)}")
        for key, value in {
            "make": make,
            "outputs": outputs,
            "decode": decode,
            "predict": predict,
            "head": head,
        }.items():
            if not callable(value) and (value is not None or key == "make"):
                raise TypeError(f"{key} must be a function, got {shown(value)}")
        if colour is not None and not re.fullmatch("#[0-9a-fA-F]{6}", str(colour)):
            raise ValueError(f"colour must be such as '#0072b2', got {shown(colour)}")
        self.name, self.label, self._colour = name, name if label is None else label, colour
        self.head, self.unit, self.source = head, unit, source
        self.family, self.about, self.formula = family, about, formula
        self.meaning = dict(meaning or {})
        self.inputs = read_choice(inputs, "inputs", ("logits", "probabilities"))
        self.in_browser = tuple(in_browser)
        self.is_point, self.uses_features = is_point, uses_features
        self._make, self._outputs = make, outputs
        self._decode, self._predict = decode, predict
        self.module = sys._getframe(1).f_globals.get("__name__")  # where to look for it by name
        self.names = ()  # its function and Module in ``emdviz.losses``
        self.wrapped, self.options = None, {}  # what as_loss wrapped; options unless others come

    def __repr__(self):
        return f"<Loss {self.name}>"

    @property
    def colour(self):
        """Its colour in figures, ``#rrggbb``."""
        if self._colour is not None:
            return self._colour
        taken = {loss._colour for loss in LOSSES.values()}
        free = [colour for colour in MORE_COLOURS if colour not in taken] or MORE_COLOURS
        return _given_colours.setdefault(self.name, free[len(_given_colours) % len(free)])

    @property
    def reads_softmax(self):
        """Whether its probabilities are the softmax of the outputs."""
        return self._decode is None

    def make(self, num_classes, num_features=None, **options):
        """Make the criterion: a Module that takes (outputs, targets).

        Parameters
        ----------
        num_classes : int
            C.
        num_features : int, optional
            Features before the head of the network; needed if the loss ``uses_features``.
        **options
            Those of the loss, such as ``lam=10.0`` for AEMD.

        Raises
        ------
        UnknownOption
            If it has no such option.
        """
        from torch import nn

        from emdviz.losses.modules import Criterion

        options = self.options | options
        try:
            criterion = self._make(num_classes, num_features, **options)
        except TypeError as error:
            found = re.search(r"unexpected keyword argument '(\w+)'", str(error))
            known = self.option_names()
            if found is None or found[1] not in options.keys() - set(known or ()):
                raise
            listed = (
                f"its options are: {', '.join(known) or 'none'}" if known is not None else error
            )
            raise UnknownOption(
                f"the loss {self.name!r} has no option {found[1]!r}; {listed}"
            ) from None
        if self.inputs == "probabilities":
            return Criterion(criterion, lambda z: self.decode(z, num_classes, **options))
        return criterion if isinstance(criterion, nn.Module) else Criterion(criterion)

    def option_names(self):
        """Return the names of its options, or None where they cannot be found."""
        parameters = self._parameters()
        if parameters is None or any(one.kind is one.VAR_KEYWORD for one in parameters):
            return None
        return [one.name for one in parameters]

    def defaults(self):
        """Return the defaults of its options by name, as far as they can be found."""
        parameters = self._parameters() or []
        found = {one.name: one.default for one in parameters if one.default is not one.empty}
        return found | self.options

    def _parameters(self):
        made_by, skipped = self._make, 2
        if self.names:
            made_by, skipped = getattr(import_module("emdviz.losses"), self.names[0]), 0
        elif self.wrapped is not None:
            made_by = self.wrapped
            skipped = 0 if inspect.isclass(made_by) else 2
        parameters = parameters_of(made_by)
        if parameters is None:
            return None
        named = ("num_classes", "num_features")
        return [one for one in parameters[skipped:] if one.name not in named]

    def num_outputs(self, num_classes):
        """Return how many outputs the network needs."""
        return num_classes if self._outputs is None else self._outputs(num_classes)

    def decode(self, outputs, num_classes, **options):
        """Turn outputs into probabilities (B, C), in float32 at least, or None if it has none."""
        options = self.options | options
        if self._decode is not None:
            return call_with_known(self._decode, outputs, num_classes=num_classes, **options)
        outputs = outputs.float() if outputs.dtype.itemsize < 4 else outputs
        return outputs.softmax(1)

    def predict(self, outputs, num_classes, **options):
        """Turn outputs into class indices, shape (B,), int64."""
        options = self.options | options
        if self._predict is not None:
            return call_with_known(self._predict, outputs, num_classes=num_classes, **options)
        return self.decode(outputs, num_classes, **options).argmax(1)


def facts_of(loss):
    """Return the arguments of a loss but for its name, label, colour and ``make``."""
    own = {"outputs": loss._outputs, "decode": loss._decode, "predict": loss._predict}
    kept = ("head", "inputs", "unit", "source", "family", "about", "formula")
    return own | {name: getattr(loss, name) for name in (*kept, "is_point", "uses_features")}


def call_with_known(function, outputs, **known):
    """Call a function with the outputs and those of the known arguments that it names."""
    parameters = inspect.signature(function).parameters.values()
    if not any(one.kind is one.VAR_KEYWORD for one in parameters):
        known = {name: known[name] for name in [one.name for one in parameters] if name in known}
    return function(outputs, **known)


def register(loss, *, replace=False):
    """Add a loss to :data:`LOSSES`, from where runs, figures and tables take it by its name.

    Parameters
    ----------
    loss : Loss
    replace : bool
        Whether it may take the place of another of the same name.

    Returns
    -------
    Loss

    Raises
    ------
    ValueError
        If the name is taken.
    """
    if not isinstance(loss, Loss):
        raise TypeError(f"loss must be a Loss(name, make), got {shown(loss)}")
    if loss.name in LOSSES and not replace:
        raise ValueError(f"the name {loss.name!r} is taken; choose another, or pass replace=True")
    LOSSES[loss.name] = loss
    return loss


def look_of(name):
    """Return the loss of a name, for its label and colour.

    The registered one, else the last of this name that was trained, else that of the zoo, else one
    that only has a name.
    """
    if found := LOSSES.get(name) or _trained.get(name):
        return found
    from emdviz.losses import zoo

    return zoo.load(name) if name in zoo.names() else Loss(name, lambda *_: None)


def remember(loss):
    """Let :func:`look_of` find a loss that is not registered."""
    _trained[loss.name] = loss


def closed_forms(explorer):
    """Return the names of the losses that an explorer computes in the browser, in order."""
    return [name for name, loss in LOSSES.items() if explorer in loss.in_browser]


def _add(name, file, module, *others, **facts):
    """Register a loss of this package, whose names in ``emdviz.losses`` come from one file."""
    HOMES.setdefault(file, []).extend([module, *others])

    def make(num_classes, num_features, **options):
        make_module = getattr(import_module(f"emdviz.losses.{file}"), module)
        if facts.get("uses_features"):
            return make_module(num_classes, num_features, **options)
        return make_module(**options)

    register(Loss(name, make, **facts)).names = (module, *others)


def _from(file, name):
    """Return a function of a file of this package, imported when it is called."""

    def call(outputs, num_classes, positions=None):
        module = import_module(f"emdviz.losses.{file}")
        return getattr(module, name)(outputs, num_classes, positions)

    return call


_ALL = ("prediction", "propriety", "gradient")
_POSITIONS = {"positions": "places of the classes, in the unit of their scale"}
_NORMALIZED = {"normalized": "whether to divide by the number of classes"}
_IGNORED = {"ignore_index": "label whose examples do not count"}
_SMOOTHED = {"label_smoothing": "share spread evenly over all classes, from 0 to 1"}
_WEIGHT = {"weight": "weight of each class, no unit"}
_REDUCTION = {"reduction": "'mean' or 'sum' over the batch, or 'none'"}
_BATCH = {**_WEIGHT, **_IGNORED, **_SMOOTHED, **_REDUCTION}

_add(
    "XE",
    "cross_entropy",
    "CrossEntropyLoss",
    "xe_loss",
    colour="#000000",
    unit="nats",
    in_browser=_ALL,
    source="the logarithmic score: Gneiting, Raftery 2007, section 3.1",
    family="scores of p",
    about="Minus the logarithm of the label's probability, the standard of classification.",
    formula="−log p_k",
    meaning=_BATCH,
)
_add(
    "REG",
    "regression",
    "RegressionLoss",
    "regression_loss",
    colour="#A884FC",
    outputs=lambda num_classes: 1,
    decode=_from("regression", "certainty"),
    predict=_from("regression", "nearest_class"),
    is_point=True,
    unit="class steps²",
    source="Hou et al. 2017, section 3",
    in_browser=_ALL,
    family="one number",
    about="Squared distance of one predicted number to the label: leads to the mean.",
    formula="(o − x_k)², o the one output",
    meaning={**_POSITIONS, **_WEIGHT, **_IGNORED, **_REDUCTION},
)
_add(
    "EMD",
    "emd",
    "EMDLoss",
    "emd_loss",
    colour="#E69F00",
    unit="class steps",
    source="Hou et al. 2017, section 2.2 with l = 1",
    in_browser=_ALL,
    family="distances of CDFs",
    about="Mass times the way it must be moved: leads to certainty of the median.",
    formula="Σ_i |d_i|, d = CDF(p) − CDF(t)",
    meaning={**_POSITIONS, **_NORMALIZED, **_BATCH},
)
_add(
    "EMD2",
    "emd",
    "SquaredEMDLoss",
    "emd2_loss",
    label="EMD²",
    colour="#480CA8",
    unit="class steps",
    source="Hou et al. 2017, section 2.2",
    in_browser=_ALL,
    family="distances of CDFs",
    about="Sum of squared differences of the CDFs, the Ranked Probability Score.",
    formula="Σ_i d_i², d = CDF(p) − CDF(t)",
    meaning={**_POSITIONS, **_NORMALIZED, **_BATCH},
)
_add(
    "AEMD",
    "entropic",
    "ApproximateEMDLoss",
    "aemd_loss",
    colour="#6B3A0A",
    unit="class steps",
    source="Frogner et al., NIPS 2015, arXiv 1506.05439; Hou et al. 2017, section 3",
    family="distances of CDFs",
    about="Transport with an entropy, for any distance between classes.",
    formula="min over plans F of Σ F_ij D_ij + (1/λ) Σ F_ij log F_ij",
    meaning={
        "ground_distance": "cost of moving a unit of mass between classes; the loss has its unit",
        "lam": "factor λ of the ground distance, per its unit: the larger, the less entropy",
        "iterations": "scalings of the matrix, a whole number",
        **_BATCH,
    },
)
_add(
    "XEMD2",
    "emd",
    "CrossEntropyEMD2Loss",
    "xe_emd2_loss",
    label="XE + EMD²",
    colour="#9C2460",
    source="Hou, Yu, Samaras 2016, arXiv 1611.05916",
    in_browser=("gradient",),
    family="distances of CDFs",
    about="EMD² that keeps learning from confident mistakes, thanks to cross-entropy.",
    formula="−log p_k + λ Σ_i d_i²",
    meaning={
        "emd_weight": "weight λ of EMD², in nats per unit of it",
        **_POSITIONS,
        **_NORMALIZED,
        **_BATCH,
    },
)
_add(
    "SGEMD2",
    "learned",
    "SelfGuidedEMD2Loss",
    "ground_emd2_loss",
    "LearnedDistance",
    label="XE + learned EMD²",
    colour="#8FB3BF",
    source="Hou, Yu, Samaras 2016, arXiv 1611.05916",
    uses_features=True,
    family="distances of CDFs",
    about="Cross-entropy with EMD² over distances that are learned from features.",
    formula="−log p_k + λ Σ_i p_i² (D_ik^ω + μ), D learned from features",
    meaning={
        "omega": "power ω of the learned distance, no unit",
        "mu": "bias μ added to the distance, in its unit to the power ω",
        "warm_up": "epochs of cross-entropy alone, a whole number",
        "ratio": "how many times as large as EMD² cross-entropy is, no unit",
        "ground_distance": "distances between classes to keep, in their unit, instead of learned",
        **_IGNORED,
        **_SMOOTHED,
    },
)

MAPPED = tuple(LOSSES)
"""Those of the map of regimes, whose results are stored; losses below are not among them."""
