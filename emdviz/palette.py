"""The colours of Okabe and Ito, chosen to stay apart for colour-blind eyes."""

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

MORE_COLOURS = ("#332288", "#AA4499", "#117733", "#CC6677", "#999933", "#882255", "#44AA99")
"""Of Tol's muted palette, for losses without a colour of their own; readable on white."""
