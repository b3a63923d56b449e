"""What a reader sees of a transport explorer and does to it, for the browser tests."""

from tests.browser.figure import Figure

COSTS = ("plan", "exact", "closed_form")
_SIDES = {"p": "g.emdviz-a", "t": "g.emdviz-t"}
_SLICE = """(root) => {
  const slice = root.querySelector('.emdviz-slice');
  if (slice.getAttribute('visibility') === 'hidden') return null;
  const panel = root.querySelector('.emdviz-slices');
  const of = (node, name) => Number(node.getAttribute(name));
  const grid = [...panel.querySelectorAll('.emdviz-grid')].map((line) => of(line, 'y1'));
  const turned = /translate\\(([^ ]+)/; // where names lean
  const names = [...panel.querySelectorAll('.emdviz-class-name')].map(
    (text) => Number(text.getAttribute('transform')?.match(turned)[1] ?? of(text, 'x')));
  return [
    of(slice, 'data-from'), of(slice, 'data-to'),
    of(slice, 'height') / (grid[0] - grid[2]),
    of(slice, 'width') / (names[names.length - 1] - names[0]),
  ];
}"""


class TransportFigure(Figure):
    """What a reader sees of one explorer, and can do to it."""

    def bar(self, side, i):
        return self.root.locator(f"{_SIDES[side]} .emdviz-bar").nth(i)

    def bars(self, side):
        return [float(v) for v in self._all(f"{_SIDES[side]} .emdviz-bar", "aria-valuenow")]

    def numbers(self):
        texts = self.root.locator(".emdviz-number").all_inner_texts()
        return dict(zip(COSTS, texts, strict=True))

    def ribbons(self):
        return self.root.locator(".emdviz-ribbon:not([visibility=hidden])")

    def ribbon(self, n):
        return self.ribbons().nth(n)

    def ways(self):
        """What of the ribbons and cells can be seen."""
        return self.root.locator(
            ".emdviz-panel:not([hidden]) [role=option]:not([visibility=hidden])"
        )

    def note(self):
        return self.root.locator(".emdviz-slice-note").inner_text()

    def slice(self, positions):
        """The classes, the height and the width of the slice that is lit, or None."""
        found = self.root.evaluate(_SLICE)
        if found is None:
            return None
        i, j, high, wide = found
        return i, j, high, wide * (positions[-1] - positions[0])
