"""What a reader sees of a propriety explorer, for the browser tests."""

import numpy as np

from emdviz.losses.loss import closed_forms
from tests.browser.figure import Figure

LOSSES = closed_forms("propriety")
THREE = ["young", "middle", "old"]


def close(text, value):
    """Whether a text is the number, to the digits shown."""
    if text == "∞":
        return np.isinf(value)
    digits = len(text.partition(".")[2])
    return abs(float(text) - value) <= 0.5 * 10**-digits + 1e-9


class Propriety(Figure):
    """What a reader sees of a propriety explorer; "t" names the truth's bars, "a" one's own."""

    def costs(self, loss):
        rows = self.root.locator(f".emdviz-of-{loss} tr:not([hidden])")
        return rows.locator(".emdviz-cost").all_inner_texts()

    def agrees(self, losses):
        return all(
            close(text, value)
            for loss, costs in losses.items()
            for text, value in zip(self.costs(loss), costs.values(), strict=False)
        )

    def verdict(self, loss):
        return self.root.locator(f".emdviz-of-{loss} .emdviz-verdict").inner_text()
