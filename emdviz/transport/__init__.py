"""Optimal transport: exact and entropic plans through POT, and scalings with rounding.

The functions here solve a problem in float64. The module ``transport.rounding`` carries out
Sinkhorn's scalings in a chosen precision, to show where they fail.
"""

from emdviz.transport import rounding
from emdviz.transport.exact import entropic_plan, exact_cost, exact_plan, partial_emd, partial_plan

__all__ = ["entropic_plan", "exact_cost", "exact_plan", "partial_emd", "partial_plan", "rounding"]
