"""An honest report on a comparison of losses, in one HTML file."""

from typing import TYPE_CHECKING

from emdviz._imports import hand_out, homes_in

if TYPE_CHECKING:  # each is imported when it is first used
    from emdviz.report.page import Report, write

__all__ = ["Report", "write"]

__getattr__, __dir__ = hand_out(__name__, homes_in(__name__, __file__))
