"""Notebooks that students hand in: who answered which exercise, with which result.

:func:`collect` runs each in a process of its own. That keeps mistakes apart, endless loops and
lack of memory among them; it is no security boundary, for a student's code runs with the
rights of the person who collects.
"""

from emdviz.collecting.collect import RESULTS, collect, plain, summary

__all__ = ["RESULTS", "collect", "plain", "summary"]
