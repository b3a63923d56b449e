"""The verdict on a loss: the known form it equals, and what is wrong with it."""

import copy
import html
import inspect
from dataclasses import dataclass, replace
from functools import partial

from torch import nn

from emdviz.diagnosis import behaviour, numerics
from emdviz.diagnosis.behaviour import OTHER_LABELS, Finding
from emdviz.diagnosis.calling import WAYS, Caller, Unusable, find_sizes, quietly
from emdviz.diagnosis.examples import find_example
from emdviz.diagnosis.families import find_thresholds
from emdviz.diagnosis.forms import EMD, EMD2, FORMS, brief
from emdviz.diagnosis.study import at_near_and_far, study
from emdviz.propriety.search import verdict as judge
from emdviz.reading import read_choice, read_count

INPUTS = ("logits", "probabilities", "distributions", "outputs")
_TARGETS = {"logits": ("labels",), "probabilities": ("labels", "distributions")}


@dataclass(frozen=True)
class Diagnosis:
    """What :func:`diagnose` found; ``print`` it, or show it in a notebook.

    Attributes
    ----------
    name : str
        How the loss is called.
    form : str or None
        The known form it equals, such as "EMD²"; None if there is none.
    title : str
        The form with its factor, such as "EMD² ÷ C"; empty without a form.
    formula : str
        The form written out; empty without a form.
    scale : float or None
        The constant factor in front of it.
    inputs : str
        What its first argument is: "logits", "probabilities", "log-probabilities" or "outputs";
        "scores" where that is not known.
    reduction : str
        How a batch becomes one value: "mean", "sum", "weighted mean", "none", or "" if unknown.
    findings : tuple of Finding
        Mistakes, each with a name, words, and a smallest example where there is one.
    notes : tuple of str
        What is worth knowing, but not a mistake.
    """

    name: str
    form: str | None = None
    title: str = ""
    formula: str = ""
    scale: float | None = None
    inputs: str = "scores"
    reduction: str = ""
    findings: tuple = ()
    notes: tuple = ()

    @property
    def healthy(self):
        """Whether it is a known form, and no mistake was found."""
        return self.form is not None and not self.findings

    def _summary(self):
        """Return the verdict in a few words, and the formula."""
        if self.form is None:
            return f"{self.name} is not a known loss", ""
        return f"{self.name} is {self.title}", self.formula

    def _notes(self):
        healthy = ("✓ No known mistake found.",) if self.healthy else ()
        return [f"· {note}" for note in self.notes], healthy

    def __str__(self):
        verdict, formula = self._summary()
        notes, healthy = self._notes()
        first = f"{verdict}:  {formula}." if formula else f"{verdict}."
        return "\n".join([first, *notes, *(f"✗ {one}" for one in self.findings), *healthy])

    def _repr_html_(self):
        verdict, formula = self._summary()
        notes, healthy = self._notes()
        first = f"<b>{html.escape(verdict)}</b>" + (f": {html.escape(formula)}" if formula else "")
        lines = [first, *map(html.escape, notes)]
        for finding in self.findings:
            code = f"<br><code>{html.escape(str(finding.example))}</code>"
            text = f"✗ <b>{html.escape(finding.name)}</b>: {html.escape(finding.text)}"
            lines.append(text + (code if finding.example else ""))
        return "".join(f"<p style='margin:0.3em 0'>{line}</p>" for line in [*lines, *healthy])

    def __repr__(self):
        return str(self)


@dataclass(frozen=True)
class Trap:
    """A form that is mostly written by mistake."""

    name: str
    text: str
    meant: str


_DENSITIES = Trap(
    "difference of densities",
    "it compares the classes one by one and does not know their order. Take the running sum "
    "first (cumsum along the classes), then the difference.",
    EMD2,
)
TRAPS = {
    "L2 between densities": _DENSITIES,
    "L1 between densities": replace(_DENSITIES, meant=EMD),
    "root of L2 between densities": replace(_DENSITIES, meant="root of EMD²"),
    "absolute error of the expectation": Trap(
        "absolute value outside the sum",
        "Σ d_i is E(t) − E(p): gaps of opposite signs cancel, and doubt on both sides costs "
        "nothing. Take the absolute value of each gap, then add up.",
        EMD,
    ),
    "squared error of the expectation": Trap(
        "square outside the sum",
        "Σ d_i is E(t) − E(p): gaps of opposite signs cancel, and doubt on both sides costs "
        "nothing. Square each gap, then add up.",
        EMD2,
    ),
}


def diagnose(loss, *, inputs=None, num_classes=None):
    """Say which known loss a function equals, and which known mistakes it has.

    It calls the function with some hundred small batches, and compares the values with those of
    known forms, registered losses and the families of the zoo, whose options it finds, up to a
    factor. Of an unknown loss of logits it tells what it rewards. Then it tests batches, labels of
    other shapes and dtypes, gradients, certainty, confident mistakes, half precision, and whether
    the arguments stay as they are. It tries which arguments the function takes: logits,
    probabilities or log-probabilities (B, C) with class indices (B,); C − 1 outputs of thresholds;
    two distributions; or one output per example and class indices; torch tensors or NumPy arrays;
    batches or single examples.

    Parameters
    ----------
    loss : callable
        A function or a Module of two arguments: prediction and target. A Module is copied first.
    inputs : {"logits", "probabilities", "distributions", "outputs"}, optional
        What its first argument should be: scores with class indices, a distribution with
        another one, or one output with a class index. By default it tries them all, and takes a
        function of class indices that accepts any scores for one of logits.
    num_classes : int, optional
        C, 2 or more, if the loss takes only one; by default it tries several.

    Returns
    -------
    Diagnosis
        ``print`` it for the verdict in words.

    Raises
    ------
    TypeError, ValueError
        If ``loss`` cannot be called, or an option is not as above.

    Examples
    --------
    >>> import torch
    >>> from emdviz import emd2_loss
    >>> diagnose(emd2_loss).healthy
    True
    >>> def mine(logits, labels):
    ...     gap = logits.softmax(-1) - torch.nn.functional.one_hot(labels, logits.shape[-1])
    ...     return (gap**2).sum(-1).mean()
    >>> print(diagnose(mine).findings[0])
    difference of densities: it compares the classes one by one and does not know their order. \
Take the running sum first (cumsum along the classes), then the difference.
        loss(torch.tensor([[0., 0.]]), torch.tensor([0])) gives 0.5; expected 0.25 (EMD²)
    """
    if not callable(loss):
        raise TypeError(
            f"loss must be a function or a Module, got {type(loss).__name__}; "
            "of a name or a Loss pass losses.as_loss(loss).make(num_classes)"
        )
    if inspect.isclass(loss):
        raise TypeError(f"loss must be made already: pass {loss.__name__}(…), got the class")
    if inputs is not None:
        read_choice(inputs, "inputs", INPUTS)
    if num_classes is not None:
        num_classes = read_count(num_classes, "num_classes", 2)
    name = getattr(loss, "__name__", type(loss).__name__)
    name = "This loss" if name == "<lambda>" else name
    if isinstance(loss, nn.Module):
        loss = copy.deepcopy(loss)
    if inputs in (None, "logits"):
        found = find_thresholds(loss, num_classes)
        if found is not None:
            return _of_thresholds(name, *found)
    ways = [way for way in WAYS if inputs is None or way.target in _TARGETS.get(inputs, inputs)]
    subject, error = _find_subject(loss, ways, num_classes)
    if subject is None:
        text = f"called with logits and labels, it {error}"
        return Diagnosis(name, findings=(Finding("cannot be called", text),))
    return _examine(name, subject, inputs)


def _of_thresholds(name, loss, scale):
    """Return the diagnosis of a loss of C − 1 outputs that the zoo has."""
    factor = "" if abs(scale - 1) < 1e-3 else f"{brief(scale)} × "
    return Diagnosis(
        name,
        form=loss.label,
        title=f"{factor}{loss.label}",
        formula=loss.about.rstrip("."),
        scale=scale,
        inputs="outputs",
        notes=(
            "It takes C − 1 outputs (B, C − 1) and class indices (B,), torch tensors.",
            f"losses.zoo.load({loss.name!r}) trains with it, and decodes its outputs.",
        ),
    )


def _find_subject(loss, ways, num_classes):
    """Return the way to call it in which it is a known form, or else the first that works."""
    subjects, errors = [], []
    for way in ways:
        caller = Caller(loss, way)
        if any(_covers(subject.way, way) for subject in subjects):
            continue
        sizes = find_sizes(caller, num_classes)
        if sizes:
            subject = study(caller, sizes)
            # NumPy takes one class index from each of p, so that another way may explain it better
            is_vague = way.library == "numpy" and way.single and way.target == "labels"
            known = subject.match and (subject.match.name in FORMS or not is_vague)
            if known or behaviour.find_wrong_axis(subject):
                return subject, ""
            subjects.append(subject)
        errors.append(caller.error)
    matched = [subject for subject in subjects if subject.match]
    return [*matched, *subjects, None][0], errors[:2][-1]  # the first may only refuse float64


def _covers(known, way):
    """Tell whether a way to call a loss adds nothing to a known one."""
    same = (known.target, known.library) == (way.target, way.library)
    return same and known.library == "torch" and known.target != "outputs" and known.takes_rows


def _examine(name, subject, inputs):
    unsteady = numerics.find_unsteady(subject)
    if unsteady:
        return Diagnosis(name, findings=(unsteady,))
    match, reduction = subject.match, behaviour.find_reduction(subject)
    findings = [] if match is None else list(_find_in_form(subject, inputs))
    scores = f"{subject.family} " if subject.way.target == "labels" else ""
    notes = [f"It takes {scores}{subject.way.describe()}."]
    if subject.caller.per_class:
        text = "it returns a number for each class. Add them up over the classes, sum(-1)."
        findings.append(Finding("a number for each class", text))
    wrong_axis = None
    if not reduction or reduction == "fails":
        wrong_axis = behaviour.find_wrong_axis(subject)
        if wrong_axis:
            match, findings = None, [wrong_axis]
        elif subject.way.library == "numpy":
            notes.append("It takes one example at a time: with axis=-1 it would take batches too.")
        elif subject.way.takes_rows:
            findings.append(behaviour.find_batch_mistake(subject))
    elif subject.way.takes_rows:
        notes.append(_REDUCTIONS[reduction])
    find_mistakes = (
        behaviour.find_changed_argument,
        numerics.find_gradient_mistake,
        numerics.find_at_certainty,
        numerics.find_at_mistakes,
    )
    if match or reduction:  # else one example alone does not show more
        findings += [find(subject) for find in find_mistakes]
        findings += [behaviour.find_other_labels(subject, *other) for other in OTHER_LABELS]
    if subject.way.library == "numpy" and subject.way.target == "labels":
        notes.append("It computes in NumPy: no gradient, so that no network can learn from it.")
    if match is None and not wrong_axis:
        notes += [*at_near_and_far(subject), *_rewards(subject, reduction)]
    elif match and match.remark:
        notes.append(f"{match.title} is {match.remark}.")
    return Diagnosis(
        name,
        form=match and match.name,
        title=match.title if match else "",
        formula=match.formula if match else "",
        scale=match and match.scale,
        inputs=subject.family,
        reduction="" if reduction == "fails" else reduction,
        findings=tuple(finding for finding in findings if finding),
        notes=tuple(notes),
    )


def _rewards(subject, reduction):
    """Tell what a loss of logits that has no known form makes a network predict."""
    of_logits = subject.way.target == "labels" and subject.family == "logits"
    if not of_logits or subject.way.library != "torch" or reduction != "mean":
        return []
    try:
        found = quietly(judge, subject.caller.loss)
    except Unusable:  # it may take one number of classes only, or fail where the search looks
        return []
    return [f"What it rewards: {str(found).removeprefix(f'{found.loss}: ')}."]


_REDUCTIONS = {
    "mean": "For a batch it returns the mean over the examples.",
    "sum": "For a batch it returns the sum over the examples.",
    "weighted mean": "For a batch it returns a mean in which classes weigh differently.",
    "none": "For a batch it returns one value per example.",
}


def _find_in_form(subject, inputs):
    """Yield the mistakes that the form shows, the worst first."""
    match, quirk = subject.match, subject.quirk
    if subject.twice or (inputs == "probabilities" and subject.family == "logits"):
        text = "softmax is applied to what is a softmax already, so that all classes look alike. "
        text += "Apply it once, to the logits."
        meant = replace(subject, family=inputs or subject.family)
        yield _shown(meant, "softmax twice", text, match.predict, "once", meant.once)
    # a loss that accepts any numbers is meant for logits
    unchecked = subject.way.target == "labels" and inputs is None and subject.takes_any
    unchecked = unchecked and subject.way.library == "torch"
    if subject.family == "probabilities" and (unchecked or inputs == "logits"):
        text = "it takes logits for probabilities. Begin with p = torch.softmax(logits, dim=-1)."
        logits = replace(subject, family="logits")
        yield _shown(logits, "softmax missing", text, match.predict, "of softmax", logits.once)
    if quirk.name:
        yield _shown(subject, quirk.name, quirk.text, match.predict, match.title)
    if match.name in TRAPS:
        trap = TRAPS[match.name]
        meant = partial(_with_factor, match, FORMS[trap.meant])
        yield _shown(subject, trap.name, trap.text, meant, trap.meant)
    if match.missing:
        base = match.name.split(" ")[0]
        text = f"the {match.missing} of the C − 1 gaps does not count. A slice too short?"
        right = partial(_with_factor, match, FORMS[base])
        yield _shown(subject, f"{match.missing} class left out", text, right, base)
    if match.sign < 0:
        text = "it is smallest where it should be largest: the sign is the wrong way round."
        yield _shown(subject, "opposite sign", text, lambda p, t: -match.predict(p, t), match.name)


def _shown(subject, name, text, predict, why, read=None):
    """Return a finding with its example; ``predict`` takes p, as ``read`` reads scores, and t."""
    read = read or subject.read
    return Finding(name, text, find_example(subject, lambda s, t: predict(read(s), t), why))


def _with_factor(match, form, p, t):
    return match.factor(p.shape[1]) * form.rows(p, t)
