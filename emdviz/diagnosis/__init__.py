"""Which known loss is this, and what is wrong with it?

:func:`diagnose` takes any loss for ordered classes and says which known form it equals, or what
is wrong with it.
"""

from emdviz._imports import needs

with needs("train"):
    from emdviz.diagnosis.behaviour import Finding
    from emdviz.diagnosis.verdict import Diagnosis, diagnose

__all__ = ["Diagnosis", "Finding", "diagnose"]
