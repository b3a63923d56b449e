"""Answer checks for the exercises of the notebooks, and the loss doctor."""

from emdviz.checks.behaviour import Finding
from emdviz.checks.diagnosis import Diagnosis, diagnose
from emdviz.checks.examples import Example

__all__ = ["Diagnosis", "Example", "Finding", "diagnose"]
