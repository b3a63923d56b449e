"""What a loss teaches a network that sees one label at a time, drawn from the true distribution.

Training on labels k ~ t leads towards the p of least *expected* loss,
E_k L(p, k) = Σ_k t_k L(p, e_k), with e_k the one-hot distribution of class k, as far as the network
can express it, the optimiser finds it, and there are examples enough. A loss is *proper*
if p = t is among the best predictions, and *strictly proper* if nothing else is:

========  ================================  ===========================  =================
loss      expected loss less its least      best prediction              strictly proper
========  ================================  ===========================  =================
XE        Σ t_i ln(t_i / p_i)               t                            yes
EMD2      Σ (CDF_i(p) − CDF_i(t))² Δ_i      t                            yes
EMD       Σ p_i D_i − min_i D_i             certain of the median        no, not even proper
REG       (E(p) − E(t))²                    the one number E(t)          no, only proper
========  ================================  ===========================  =================

Class weights w change that: XE, EMD2 and EMD then see w_i t_i / Σ_k w_k t_k in the place of t, so
that the best prediction for XE and EMD2 is not t but ∝ w_i t_i. Label smoothing mixes t with even
shares likewise. Here D_i = Σ_k t_k |x_i − x_k|. Regression predicts one number; every p with that
mean is as good.
For any other loss, ``find_minimiser`` and ``verdict`` search numerically; they need torch.

Sources: Gneiting and Raftery, *Strictly proper scoring rules, prediction, and estimation*, 2007;
Epstein, *A scoring system for probability forecasts of ranked categories*, 1969 (EMD2 with
one-hot labels is the Ranked Probability Score; his own score is 1 − EMD2 / (C − 1)).
"""

import numpy as np

from emdviz._docstrings import fill
from emdviz._imports import hand_out, needs
from emdviz.distributions import check_positions, expectation
from emdviz.losses.loss import closed_forms
from emdviz.propriety.exact import check_one, expected_loss, medians
from emdviz.reading import read_flag

__all__ = [
    "Minimum",
    "Verdict",
    "expected_loss",
    "find_minimiser",
    "medians",
    "minimiser",
    "verdict",
]

__getattr__, __dir__ = hand_out(
    __name__, {"search": ("Minimum", "Verdict", "find_minimiser", "verdict")}
)


@fill
def minimiser(loss, t, *, positions=None, soft=False):
    """Prediction of least expected loss over one-hot labels drawn from t.

    Parameters
    ----------
    loss : {"XE", "EMD2", "EMD", "REG"}, or any loss
        Closed forms for these four names; what :func:`losses.as_loss` takes is minimised
        numerically by :func:`find_minimiser`, which also tells how sure that is.
    t : array, shape (C,)
        True label distribution.
    %(positions)s
    soft : bool
        Minimise the loss of p and t instead: the target is t itself, no label drawn from it.

    Returns
    -------
    NumPy array, shape (C,), or float
        t itself for XE and EMD2. For EMD all mass on the median; where :func:`medians` gives
        several classes, mass anywhere on them is equally good, and it is shared evenly; t itself
        if ``soft``. For REG one number, the mean E(t), in the unit of the positions. Other losses
        that predict no distribution: the number, or the outputs.

    Raises
    ------
    ValueError, TypeError
        If ``loss`` is no loss, ``t`` is not one distribution, another than the four comes with
        ``positions``, or the loss takes no distribution as its target and ``soft`` is true.

    Source
    ------
    Gneiting and Raftery 2007, sections 3.1 and 4.2.

    Examples
    --------
    >>> t = [0.2, 0.5, 0.3]
    >>> minimiser("EMD2", t), minimiser("EMD", t)
    (array([0.2, 0.5, 0.3]), array([0., 1., 0.]))
    >>> round(minimiser("REG", t), 3)
    1.1
    """
    t = check_one(t)
    if not isinstance(loss, str) or loss not in closed_forms("propriety"):
        if positions is not None:
            raise ValueError(
                "positions are for XE, EMD2, EMD and REG by name; give other losses theirs as an "
                "option, such as losses.zoo.load('EMD2', positions=…)"
            )
        with needs("train"):
            from emdviz.propriety.search import find_minimiser
        best = find_minimiser(loss, t, soft=soft)
        if best.p is not None:
            return best.p
        return float(best.outputs[0]) if len(best.outputs) == 1 else best.outputs
    if loss == "REG":
        return float(expectation(t, positions=positions))
    check_positions(positions, len(t))
    if loss != "EMD" or read_flag(soft, "soft"):
        return t.copy()
    best = medians(t)
    p = np.zeros(len(t))
    p[best] = 1 / len(best)
    return p
