"""Networks: images or rows of numbers in, one output per class (or one number) out.

Every network has ``features(images)``, the activations before the last layer, and ``head``,
the last layer.
"""

from typing import TYPE_CHECKING

from emdviz._imports import hand_out_imports

if TYPE_CHECKING:  # each is imported when it is first used
    from emdviz.models.building import build
    from emdviz.models.heads import linear, mlp
    from emdviz.models.named import MODELS, operations
    from emdviz.models.network import Network, make
    from emdviz.models.small import small_cnn

__all__, __getattr__, __dir__ = hand_out_imports(__name__, __file__)
