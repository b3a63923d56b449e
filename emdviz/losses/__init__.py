"""Training losses for ordered classes, with the conventions of ``F.cross_entropy``.

Common to all: ``input`` holds logits of shape ``(C,)``, ``(B, C)`` or ``(B, C, d1, …)``.
``target`` holds class indices without the class axis, or probabilities of the shape of ``input``.
``weight`` (C,), ``ignore_index``, ``label_smoothing`` and ``reduction`` mean what they mean in
:func:`torch.nn.functional.cross_entropy`; an example's weight is Σ_i weight_i t_i, so that for
index targets ``"mean"`` is Σ w_n l_n / Σ w_n, and for probabilities Σ w_n l_n / N.

Computed in float32 at least, also under autocast. Shapes, dtypes and label range are checked
(on a GPU a label out of range ends in a device-side assertion, with no synchronisation); values
of probability targets are not: a training step does not wait for that.

Sources: Hou et al. 2017, section 2; for XE + EMD², Hou, Yu, Samaras, arXiv 1611.05916; for
AEMD, Frogner et al. 2015.
"""

from emdviz.losses.entropic import aemd_loss
from emdviz.losses.functions import (
    emd2_loss,
    emd_loss,
    regression_loss,
    xe_emd2_loss,
    xe_loss,
)
from emdviz.losses.guided import SelfGuidedEMD2Loss, ground_emd2_loss
from emdviz.losses.loss import LOSSES, Loss, find_loss, register
from emdviz.losses.modules import (
    ApproximateEMDLoss,
    CrossEntropyEMD2Loss,
    CrossEntropyLoss,
    EMDLoss,
    RegressionLoss,
    SquaredEMDLoss,
)

__all__ = [
    "LOSSES",
    "ApproximateEMDLoss",
    "CrossEntropyEMD2Loss",
    "CrossEntropyLoss",
    "EMDLoss",
    "Loss",
    "RegressionLoss",
    "SelfGuidedEMD2Loss",
    "SquaredEMDLoss",
    "aemd_loss",
    "emd2_loss",
    "emd_loss",
    "find_loss",
    "ground_emd2_loss",
    "register",
    "regression_loss",
    "xe_emd2_loss",
    "xe_loss",
]
