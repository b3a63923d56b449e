"""What a reader sees of a Sinkhorn explorer, for the browser tests."""

import math

from tests.browser.figure import Figure

_SIDES = {"p": ".emdviz-a", "t": ".emdviz-t"}

LOOK = """(el) => ({
  numbers: [...el.querySelectorAll('.emdviz-number')].map((node) => node.textContent),
  marks: [...el.querySelectorAll('.emdviz-cell')].map((node) => node.getAttribute('data-cell')),
  cells: [...el.querySelectorAll('.emdviz-cell-mass')].map((node) => node.textContent),
  notes: [...el.querySelectorAll('.emdviz-notes p:not([hidden])')]
    .map((node) => node.textContent)
    .join(' '),
})"""


def close(text, value, least=0.0):
    """Whether a text is the number, to the digits shown; below ``least`` it may say so."""
    if text == "NaN":
        return math.isnan(value)
    if text == "0.0":
        return value == 0
    if text.startswith("< "):
        return abs(value) < float(text[2:]) * 1.01
    if "e" in text:
        digits, power = text.split("e")
        return abs(float(text) - value) <= 0.51 * 10 ** (int(power) - len(digits) + 2) + least
    decimals = len(text.partition(".")[2])
    return abs(float(text) - value) <= 0.5 * 10**-decimals + 1e-9


class SinkhornFigure(Figure):
    """What a reader sees of one explorer, and can do to it."""

    def bar(self, side, i):
        return self.root.locator(f"{_SIDES[side]} .emdviz-bar").nth(i)

    def bars(self, side):
        return [float(v) for v in self._all(f"{_SIDES[side]} .emdviz-bar", "aria-valuenow")]

    def numbers(self):
        names = ("plan", "converged", "exact", "columns")
        texts = self.root.locator(".emdviz-number").all_inner_texts()
        return dict(zip(names, texts, strict=True))

    def notes(self):
        return " ".join(self.root.locator(".emdviz-notes p:not([hidden])").all_inner_texts())

    def agrees(self, costs):
        shown = self.numbers()
        return all(close(shown[name], value) for name, value in costs.items())

    def choose(self, label):
        self.root.get_by_label(label, exact=True).check()
        self.rest()

    def show_example(self, label):
        self.root.get_by_label("Show an example").select_option(label)
        self.rest()
