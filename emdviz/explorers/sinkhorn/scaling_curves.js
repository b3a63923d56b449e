// Curves over the number of scalings, on a logarithmic axis.

import { framed, html, set, svg, write } from "../kit/dom.js";
import { createLineChart } from "../kit/line_chart.js";
import { formatCost, formatError, inWords } from "./cost_and_errors.js";
import { MOST, SAMPLES } from "./rounding.js";

const SIZE = { left: 2.8, top: 0.8, height: 8.5, foot: 2.5, tick: 1.15, name: 2.2 };
const FLOOR = 1e-8; // where a logarithmic axis ends; what is less lies there
const COUNTS = [1, 10, 100, 1000];

/** How a value is drawn: a share of the height, and the ticks with their texts. */
function linear(values) {
  const greatest = Math.max(1e-3, ...values.filter(Number.isFinite));
  const step = 10 ** Math.floor(Math.log10(greatest));
  const top = Math.ceil(greatest / step) * step;
  const text = (value) => String(Number(value.toPrecision(2)));
  return { at: (value) => value / top, ticks: [0, top / 2, top].map((value) => [value, text(value)]) };
}

function logarithmic() {
  const [low, high] = [Math.log10(FLOOR), 1];
  const at = (value) => (Math.log10(Math.min(Math.max(value, FLOOR), 10 ** high)) - low) / (high - low);
  return { at, ticks: [[1, "1"], [1e-4, "10⁻⁴"], [FLOOR, "10⁻⁸"]] };
}

/**
 * Make a drawing, below its `title`, of `curves`, lists of numbers after SAMPLES scalings, and of
 * `levels`, single numbers; both are lists of names, which become classes, and `labels` are those of
 * both. `log` says that its axis is logarithmic and holds errors; `of` takes from findings `lists`, one
 * for every curve, `values`, a number for every level, and those of the curves now, `at`.
 */
export function createCurves({ title, curves, levels, labels, log, of, root }) {
  const broken = svg("rect", { class: "emdviz-broken" });
  const brokenText = svg("text", { class: "emdviz-broken-name" });
  const now = svg("line", { class: "emdviz-now" });
  const line = (name, label, kind) => ({ label, kind, of: { class: `emdviz-curve-${name}` } });
  const series = [
    ...levels.map((name, i) => line(name, labels[curves.length + i], "emdviz-level")),
    ...curves.map((name, i) => line(name, labels[i])),
  ];
  const chart = framed(createLineChart({ series, root, size: SIZE, marks: [broken, brokenText, now] }));
  const along = { at: (count) => Math.log(count) / Math.log(MOST), ticks: COUNTS, name: "scalings n", grid: true };
  const format = log ? formatError : formatCost;
  let place = null;

  return {
    node: html("div", {}, html("div", { class: "emdviz-caption" }, title), chart.node),
    resize(unit, besides, tall) {
      place = chart.resize(unit, { besides, tall });
      const crowded = place.right - place.left < 9 * unit;
      along.ticks = COUNTS.filter((count) => !crowded || count !== 100);
    },
    update({ iterations }, found) {
      const { unit, right, top, bottom } = place;
      const { lists, values, at } = of(found);
      const finite = (list) => {
        const end = list.findIndex((value) => !Number.isFinite(value));
        return (end < 0 ? list : list.slice(0, end)).map((value, k) => [SAMPLES[k], value]);
      };
      const said = [...at, ...values].map((value, i) => `${labels[i]} ${format(value)}`);
      const { x } = chart.update({
        up: log ? logarithmic() : linear([...lists.flat(), ...values]),
        along,
        words: `${title}; after ${inWords(iterations)} of ${MOST}: ${said.join(", ")}`,
        points: [...values.map((value) => [[1, value], [MOST, value]]), ...lists.map(finite)],
        dots: [
          ...values.map(() => null),
          ...at.map((value) => (Number.isFinite(value) ? [iterations, value] : null)),
        ],
        values: [...values.map(() => ""), ...lists.map((list) => (Number.isFinite(list.at(-1)) ? "" : null))],
      });
      const whole = found.brokenAt > MOST;
      const from = whole ? right : x(found.brokenAt);
      const width = right - from;
      set(now, { x1: x(iterations), x2: x(iterations), y1: top, y2: bottom });
      set(broken, { x: from, width, y: top, height: bottom - top, visibility: whole ? "hidden" : null });
      set(brokenText, { x: from + width / 2, y: (top + bottom) / 2 });
      write(brokenText, width > 2.5 * unit ? "NaN" : "");
    },
  };
}
