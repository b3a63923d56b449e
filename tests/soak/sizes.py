"""How much of it is done here: a little, or all of it with ``make soak``."""

import os

WHOLE = os.environ.get("EMDVIZ_SOAK") == "1"


def amount(short, whole):
    return whole if WHOLE else short
