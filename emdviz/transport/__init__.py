"""Optimal transport: exact and entropic plans through POT, and what rounding does to scalings.

The functions here solve a problem as well as it can be solved. The module ``transport.rounding``
carries out Sinkhorn's scalings with the few digits of a computer, to look at what goes wrong.
"""

from emdviz.transport import rounding
from emdviz.transport.exact import (
    Potentials,
    dual_potentials,
    entropic_plan,
    exact_cost,
    exact_plan,
    partial_emd,
    partial_plan,
)

__all__ = [
    "Potentials",
    "dual_potentials",
    "entropic_plan",
    "exact_cost",
    "exact_plan",
    "partial_emd",
    "partial_plan",
    "rounding",
]
