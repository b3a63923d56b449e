"""One palette for every picture and every explorer.

The colours are those of Okabe and Ito, which colour-blind eyes can tell apart. A loss, a
prediction and the truth keep their colour in every figure.
"""

OKABE_ITO = {
    "black": "#000000",
    "orange": "#E69F00",
    "sky": "#56B4E9",
    "green": "#009E73",
    "yellow": "#F0E442",
    "blue": "#0072B2",
    "vermillion": "#D55E00",
    "purple": "#CC79A7",
    "grey": "#767676",
}

MORE_COLOURS = ("#332288", "#AA4499", "#117733", "#CC6677", "#999933", "#882255")
"""Of Tol's muted palette, for losses without a colour of their own; readable on white."""

SPLIT_COLOURS = [OKABE_ITO[name] for name in ("blue", "grey", "vermillion", "green", "purple")]
"""Of the parts of a data set, in their order: training, validation and test first."""

PREDICTION_A = OKABE_ITO["vermillion"]
PREDICTION_B = OKABE_ITO["blue"]
TRUTH = OKABE_ITO["green"]
GAP = OKABE_ITO["sky"]
