"""Parts that two explorers or more share, in Python and in JavaScript."""

from emdviz.explorers.kit.distribution_explorer import DistributionExplorer
from emdviz.explorers.kit.explorer import Explorer, Panel

__all__ = ["DistributionExplorer", "Explorer", "Panel"]
