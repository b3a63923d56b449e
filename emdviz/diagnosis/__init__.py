"""Which known loss is this, and what is wrong with it?

:func:`diagnose` takes any loss for ordered classes and says which known form it equals, or what
is wrong with it.
"""

from typing import TYPE_CHECKING

from emdviz._imports import hand_out_imports

if TYPE_CHECKING:  # each is imported when it is first used
    from emdviz.diagnosis.behaviour import Finding
    from emdviz.diagnosis.verdict import Diagnosis, diagnose

__all__, __getattr__, __dir__ = hand_out_imports(__name__, __file__)
