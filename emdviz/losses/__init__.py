"""Training losses for ordered classes, with the conventions of ``F.cross_entropy``.

Common to all: ``input`` holds logits of shape ``(C,)``, ``(B, C)`` or ``(B, C, d1, …)``.
``target`` holds class indices without the class axis, or probabilities of the shape of ``input``.
``ignore_index``, ``label_smoothing`` and ``reduction`` mean what they mean in
:func:`torch.nn.functional.cross_entropy`. ``weight`` (C,) multiplies rows: the weight of a row is
w_n = Σ_i weight_i t_i of its target before smoothing, so that for class indices ``"mean"`` is
Σ w_n l_n / Σ w_n, as in torch, and for probabilities Σ w_n l_n / N. (torch weights the terms
of the sum over classes instead; the two differ for probabilities and for smoothed indices.)

Computed in float32 at least, also under autocast. Shapes, dtypes, labels and, on a CPU, the values
of probability targets are checked. On a GPU, inside ``torch.compile`` and ``torch.func.vmap``
values are not read, so that no training step waits for them: a label out of range ends in a
device-side assertion.

Any other loss goes in as well: :func:`as_loss` takes a name, a function, a Module or its class,
:func:`register` adds a loss to :data:`LOSSES`, and ``zoo`` holds those that others proposed.

Sources: Hou et al. 2017, section 2; for XE + EMD², Hou, Yu, Samaras 2016, arXiv 1611.05916; for
AEMD, Frogner et al. 2015.
"""

from typing import TYPE_CHECKING

from emdviz._imports import hand_out
from emdviz.losses import zoo
from emdviz.losses.loss import HOMES as _HOMES
from emdviz.losses.loss import LOSSES, Loss, register
from emdviz.losses.wrapping import as_loss

if TYPE_CHECKING:  # for editors, which cannot follow __getattr__
    from emdviz.losses.cross_entropy import *  # noqa: F403
    from emdviz.losses.emd import *  # noqa: F403
    from emdviz.losses.entropic import *  # noqa: F403
    from emdviz.losses.learned import *  # noqa: F403
    from emdviz.losses.regression import *  # noqa: F403
    from emdviz.losses.trial import try_out

__all__ = [
    "LOSSES",
    "Loss",
    "as_loss",
    "register",
    *(name for names in _HOMES.values() for name in names),
]

__getattr__, __dir__ = hand_out(__name__, _HOMES)
