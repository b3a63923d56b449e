"""Descriptions of parameters that several functions share, written once and filled in."""

import re
from textwrap import indent

SHARED = {
    "positions": """\
positions : array-like, shape (C,), optional
    Strictly increasing class positions; 0, 1, …, C − 1 by default.""",
    "weights": """\
weights : array, shape (N,), optional
    Weight of each example, greater than 0: a weight of 2 counts as the example twice.""",
    "pair": """\
p, t : array, shape (..., C)
    Distributions over the same C classes.""",
    "classes": """\
classes : list of str, optional
    Names of the C classes; 0, 1, …, C − 1 by default.""",
    "axes": """\
ax : matplotlib Axes, optional
    The current Axes by default.

Returns
-------
matplotlib Axes""",
    "logits": """\
input : float tensor, shape (C,), (B, C) or (B, C, d1, …)
    Logits z.
target : tensor, int64 of shape (), (B,) or (B, d1, …), or float of the shape of ``input``
    Class indices, or probabilities t.""",
    "source": """\
root : str or Path
    A folder, searched to its depths, or a zip file.""",
    "image_size": """\
size : int
    Height and width of the images in pixels, 16 to 256.""",
    "image_cache": """\
cache : bool
    Keep decoded images in ``<root>/.emdviz/``, for a quicker start next time.""",
    "source_errors": """\
Raises
------
FileNotFoundError
    If there is no such folder or file, or it lacks label files or all images.
TypeError, ValueError
    If an argument is out of range, a label file or zip file is not as it should be, or a class
    has no image.

Warns
-----
UserWarning
    If images are missing or cannot be read, which are left out; if a class has no image for
    training.""",
    "divided_by_c": """\
normalized : bool
    Divide by C, as the paper does before it drops the factor.""",
    "batch_options": """\
weight : float tensor, shape (C,), optional
    Weight w of each class. The loss of a row is multiplied by the weight of its class index, or
    by Σ_i w_i t_i for probabilities; the mean divides by the sum of the weights for indices, by
    the number of rows for probabilities.
ignore_index : int
    Class index whose examples do not count.
label_smoothing : float
    From 0 to 1: the share of the target that is spread evenly over all classes. The weight of
    a row is that of its target before smoothing.
reduction : {"mean", "sum", "none"}""",
    "loss_value": """\
Returns
-------
float tensor, shape () or, for ``"none"``, the shape of the indices""",
    "period": """\
period : float, optional
    Length of the circle, more than x_C − x_1; C by default when ``positions`` are the default,
    required otherwise.""",
    "batch_errors": """\
Raises
------
ValueError, TypeError
    For shapes, dtypes, labels or options that are not as above.""",
    "explorer_classes": """\
classes : sequence of str, optional
    Names of the classes, in order; the eight age groups of Adience if nothing else says how
    many classes there are, else their indices.
positions : array-like, shape (C,), optional
    Where the classes lie on the line, increasing; 0, 1, …, C − 1 by default.""",
    "explorer_show": """\
show : list, optional
    The losses to show, those with a closed form by default: names, losses of ``losses.zoo``, or
    your own, as ``losses.as_loss`` takes them. Others than those with a closed form are computed
    in Python with torch; pages without a kernel know them for the examples alone.""",
    "explorer_style": """\
style : {"notebook", "projector"}
    How large the text is.""",
    "explorer_errors": """\
Raises
------
traitlets.TraitError
    If a value does not fit; it names the trait, what was expected and what came, and the
    explorer stays as it was.""",
}

SHARED["explorer_traits"] = f"""\
pinned_p, … : list of int
    Of each distribution, the classes that keep their probability while others move.
p_0, p_1, … : float
    Each distribution to a hundredth, class by class, for ``jslink`` with a widget of yours. The
    browser keeps them in step with the lists; in Python, set these.

{SHARED["explorer_errors"]}"""


def fill(described):
    """Put shared descriptions in the place of each ``%(name)s``, alone on its line, in a docstring.

    Examples
    --------
    >>> @fill
    ... def emd(positions=None):
    ...     '''Earth Mover's Distance.
    ...
    ...     %(positions)s
    ...     '''
    >>> "Strictly increasing" in emd.__doc__
    True
    """
    if described.__doc__:  # none under python -OO
        described.__doc__ = re.sub(
            r"^( *)%\((\w+)\)s",
            lambda found: indent(SHARED[found[2]], found[1]),
            described.__doc__,
            flags=re.MULTILINE,
        )
    return described
