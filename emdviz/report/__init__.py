"""An honest report on a comparison of losses, in one HTML file."""

from typing import TYPE_CHECKING

from emdviz._imports import hand_out_imports

if TYPE_CHECKING:  # each is imported when it is first used
    from emdviz.report.page import Report, write

__all__, __getattr__, __dir__ = hand_out_imports(__name__, __file__)
