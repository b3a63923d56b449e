"""Which known loss is this, and what is wrong with it?

:func:`diagnose` takes any loss for ordered classes and says which known form it equals, or what
is wrong with it.
"""

from typing import TYPE_CHECKING

from emdviz._imports import hand_out, homes_in

if TYPE_CHECKING:  # each is imported when it is first used
    from emdviz.diagnosis.behaviour import Finding
    from emdviz.diagnosis.verdict import Diagnosis, diagnose

__all__ = ["Diagnosis", "Finding", "diagnose"]

__getattr__, __dir__ = hand_out(__name__, homes_in(__name__, __file__))
