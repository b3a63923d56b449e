"""What a reader sees of a gradient explorer and does to it, for the browser tests."""

from emdviz.losses.loss import closed_forms
from tests.browser.figure import Figure, agrees

COMPARED = closed_forms("gradient")

LOOK = """(el) => {
  const of = (node, name) => Number(node.getAttribute(name));
  const all = (node, selector) => [...node.querySelectorAll(selector)];
  const text = (node) => node.textContent;
  const tips = (chart) =>
    [...chart.querySelector('.emdviz-bar-fill').getAttribute('d').matchAll(/V([^h]+)/g)].map(
      ([, tip]) => Number(tip));
  const rows = all(el, '.emdviz-row:not(.emdviz-caption)').map((row) => {
    const [push, reached] = all(row, 'svg');
    const zero = of(push.querySelector('.emdviz-zero'), 'y1');
    const whole = zero - of(push.querySelector('.emdviz-grid'), 'y1');
    const [foot, top] = all(reached, '.emdviz-grid').map((line) => of(line, 'y1'));
    return {
      label: text(row.querySelector('.emdviz-loss')),
      numbers: Object.fromEntries(all(row, '[data-number]').map(
        (node) => [node.dataset.number, text(node)])),
      limit: text(push.querySelector('.emdviz-tick')),
      written: all(push, '.emdviz-push').map(text),
      pushes: tips(push).map((tip) => (zero - tip) / whole),
      reached: tips(reached).map((tip) => (foot - tip) / (foot - top)),
    };
  });
  const trails = all(el, '.emdviz-trails svg').map((chart) => {
    const [foot, one] = all(chart, '.emdviz-grid').map((line) => of(line, 'y1'));
    return all(chart, '.emdviz-curve').map((path) =>
      path.getAttribute('d').slice(1).split('L').map(
        (point) => (foot - Number(point.split(' ')[1])) / (foot - one)));
  });
  return { rows, trails, taken: text(el.querySelector('.emdviz-taken')) };
}"""
_POWERS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")


def number(text):
    """Return the number that a text such as −0.25 or 3.4·10⁻⁵ stands for."""
    return float(text.replace("−", "-").replace("·10", "e").translate(_POWERS))


def norm_agrees(text, norm):
    """Whether a text is the norm to the digits shown; small ones are shown with two."""
    if "·" in text:
        return abs(number(text) - norm) <= 0.051 * norm < 0.0005
    return agrees({"norm": text}, {"norm": norm})


class GradientFigure(Figure):
    """What a reader sees of one explorer, and can do to it."""

    def look(self):
        """Return the rows by the names of their losses, the two trails, and the steps taken."""
        seen = self.root.evaluate(LOOK)
        left, truth = (dict(zip(COMPARED, lists, strict=True)) for lists in seen["trails"])
        rows = dict(zip(COMPARED, seen["rows"], strict=True))
        return {"rows": rows, "left": left, "truth": truth, "taken": seen["taken"]}

    def shown(self, what):
        return {name: row["numbers"][what] for name, row in self.look()["rows"].items()}

    def click(self, name):
        self.root.get_by_role("button", name=name).click()
        self.rest()

    def slide(self, label, *keys):
        self.root.get_by_label(label).focus()
        for key in keys:
            self.page.keyboard.press(key)
        self.rest()
